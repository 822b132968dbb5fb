"""``python -m local.language_service``: the Language stand-in as a process of its own."""

from pathlib import Path

import click
import platformdirs

from local.language_service.behaviour import Behaviour
from local.language_service.faults import FaultPlan, FaultSpecError, parse_rates
from local.language_service.labels import LabelsFileError
from local.language_service.limits import rules_for
from local.language_service.projects import LearntProject, learn_project
from local.language_service.service import DEFAULT_KEY, LanguageService
from local.language_service.web import HOST, serve

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def default_cache() -> Path:
    """Give the folder where learnt models are kept from start to start."""
    return Path(platformdirs.user_cache_dir("entity-drop")) / "language-models"


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on the loopback interface; 0 takes a free one."
)
@click.option(
    "--labels",
    "labels_files",
    type=_FILE,
    multiple=True,
    required=True,
    help="Labels file; repeat for several projects.",
)
@click.option(
    "--documents",
    "document_folders",
    type=_FOLDER,
    multiple=True,
    required=True,
    help="Folder of the labelled documents; one for all labels files, or one for each.",
)
@click.option("--key", default=DEFAULT_KEY, help="The key that is accepted.")
@click.option("--token", "tokens", multiple=True, help="A bearer token that is accepted, too.")
@click.option("--min-seconds", type=click.FloatRange(0), default=1.5, help="The least time a job takes.")
@click.option("--max-seconds", type=click.FloatRange(0), default=3.0, help="The most time a job takes.")
@click.option(
    "--requests-per-minute",
    type=click.IntRange(0),
    default=None,
    show_default="as recorded: 1000; ct.1 100; v3.2 300",
    help="One rate limit for every path; 0 for none.",
)
@click.option("--seed", type=int, default=0, help="Decides job times and faults.")
@click.option(
    "--fault",
    "fault_specs",
    multiple=True,
    metavar="KIND=RATE",
    help="A fault and how often, such as error-500=0.1 or stuck=0.03 (see the README).",
)
@click.option("--admin", is_flag=True, help="Turn on /admin: counters, ledger, faults, clock.")
@click.option(
    "--model-cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    show_default="the user's cache folder",
    help="Where learnt models are kept.",
)
def main(
    port: int,
    labels_files: tuple[Path, ...],
    document_folders: tuple[Path, ...],
    key: str,
    tokens: tuple[str, ...],
    min_seconds: float,
    max_seconds: float,
    requests_per_minute: int | None,
    seed: int,
    fault_specs: tuple[str, ...],
    admin: bool,
    model_cache: Path | None,
) -> None:
    """Serve the asynchronous job API of Azure AI Language, with a model learnt from a labels file."""
    projects = _learnt(labels_files, document_folders, model_cache or default_cache())
    try:
        faults = FaultPlan(seed, parse_rates(fault_specs))
    except FaultSpecError as exc:
        raise click.UsageError(str(exc)) from exc
    service = LanguageService(
        projects,
        key=key,
        tokens=tokens,
        behaviour=Behaviour(job_seconds=(min_seconds, max_seconds)),
        faults=faults,
        rate_rules=rules_for(requests_per_minute),
        admin=admin,
    )
    serve(service, port, lambda bound: click.echo(f"Language stand-in ready on http://{HOST}:{bound}"))


def _learnt(labels_files: tuple[Path, ...], folders: tuple[Path, ...], cache: Path) -> list[LearntProject]:
    if len(folders) not in (1, len(labels_files)):
        raise click.UsageError(f"Give one --documents for all, or one for each of the {len(labels_files)} --labels.")
    projects = []
    for n, labels_file in enumerate(labels_files):
        try:
            project = learn_project(labels_file, folders[n if len(folders) > 1 else 0], cache)
        except LabelsFileError as exc:
            raise click.ClickException(str(exc)) from exc
        for problem in project.problems:
            click.echo(f"{labels_file}: {problem}", err=True)
        projects.append(project)
    return projects


if __name__ == "__main__":
    main()
