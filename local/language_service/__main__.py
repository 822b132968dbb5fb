"""``python -m local.language_service``: the Language stand-in as a process of its own."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import platformdirs

from local.language_service.authoring_state import EXPIRATION, Authoring
from local.language_service.behaviour import Behaviour
from local.language_service.evaluate import cross_validate
from local.language_service.faults import KINDS, FaultPlan
from local.language_service.labels import LabelsFileError, Problem, load_labels
from local.language_service.limits import rules_for
from local.language_service.projects import learn_project
from local.language_service.service import LanguageService
from local.language_service.training_containers import containers
from local.stand_in.base import DEFAULT_KEY
from local.stand_in.faults import FaultSpecError
from local.stand_in.web import HOST, serve

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_BEHAVIOUR = Behaviour()
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def default_cache() -> Path:
    """Give the folder where learnt models are kept from start to start."""
    return Path(platformdirs.user_cache_dir("entity-drop")) / "language-models"


@click.command(
    context_settings={"show_default": True, "help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=KINDS.listed(),
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on the loopback interface; 0: a free one.")
@click.option("--labels", "labels_files", type=_FILE, multiple=True, required=True, help="Labels file; repeatable.")
@click.option(
    "--documents",
    "document_folders",
    type=_FOLDER,
    multiple=True,
    required=True,
    help="Folder of the labelled documents: one for all labels files, or one for each.",
)
@click.option("--key", default=DEFAULT_KEY, help="The key that is accepted.")
@click.option("--token", "tokens", multiple=True, help="A bearer token that is accepted as well; repeatable.")
@click.option(
    "--project", "extra_projects", multiple=True, help="Another name the projects answer to; ANY for every name."
)
@click.option("--deployment", "deployments", multiple=True, help="A deployment that exists; without: any name does.")
@click.option("--min-seconds", type=click.FloatRange(0), default=1.5, help="The least time a job takes.")
@click.option("--max-seconds", type=click.FloatRange(0), default=3.0, help="The most time a job takes.")
@click.option(
    "--requests-per-minute",
    type=click.IntRange(0),
    default=None,
    show_default="as recorded: 1000; ct.1 100; v3.2 300",
    help="One rate limit for every path; 0 for none.",
)
@click.option("--seed", type=int, default=0, help="Decides the jobs' times and the faults.")
@click.option("--fault", "fault_specs", multiple=True, metavar="KIND=RATE", help="A fault and its rate; repeatable.")
@click.option(
    "--latency-seconds", type=(click.FloatRange(0), click.FloatRange(0)), default=(1.0, 5.0), help="For the fault."
)
@click.option("--retry-after", type=click.IntRange(1), default=2, help="Seconds that an injected 429 asks for.")
@click.option("--refuse-text", "refused_texts", multiple=True, help="Refuse a request with this text in a document.")
@click.option("--poison-text", "poison_texts", multiple=True, help="Let a job with this text in a document fail.")
@click.option("--not-started-seconds", type=click.FloatRange(0), default=5400.0, help="For the fault not-started-long.")
@click.option("--drip-seconds", type=click.FloatRange(0), default=600.0, help="For the fault drip.")
@click.option("--admin", is_flag=True, help="Turn on /admin: counters, ledger, faults, clock, entities.")
@click.option(
    "--model-cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    show_default="the user's cache folder",
    help="Where learnt models are kept.",
)
@click.option("--container", "container_folders", multiple=True, metavar="NAME=FOLDER", help="A training container.")
@click.option("--training-storage", metavar="CONNECTION", help="Storage account of the training containers.")
@click.option("--authoring-pace", type=click.FloatRange(0), default=1.0, help="Factor of the times of authoring jobs.")
@click.option(
    "--deployment-expiration",
    type=click.DateTime(["%Y-%m-%d"]),
    default=EXPIRATION.isoformat(),
    help="The date on which deployments end.",
)
@click.option("--evaluate", is_flag=True, help="Do not serve: print what the labels are worth on held-out documents.")
@click.option("--folds", type=click.IntRange(2), default=5, help="Parts for --evaluate.")
@click.option("--unknown-project", type=click.Choice(["400", "404", "failed-task"]), default=_BEHAVIOUR.unknown_project)
@click.option(
    "--expired-deployment",
    type=click.Choice(["400", "403", "404", "failed-task"]),
    default=_BEHAVIOUR.expired_deployment,
)
@click.option("--unknown-job-status", type=int, default=_BEHAVIOUR.unknown_job_status)
@click.option("--oversize-status", type=click.Choice(["400", "413"]), default=str(_BEHAVIOUR.oversize_status))
@click.option("--max-request-bytes", type=click.IntRange(1), default=_BEHAVIOUR.max_request_bytes)
@click.option("--blank-is-empty/--blank-is-text", default=_BEHAVIOUR.blank_is_empty)
@click.option("--check-language/--any-language", default=_BEHAVIOUR.check_language)
@click.option("--most-on-a-page", type=click.IntRange(1), default=_BEHAVIOUR.most_on_a_page, show_default="no bound")
@click.option("--errors-page", type=click.Choice(["first", "last", "every"]), default=_BEHAVIOUR.errors_page)
@click.option("--entity-order", type=click.Choice(["offset", "category"]), default=_BEHAVIOUR.entity_order)
@click.option(
    "--updated-key", type=click.Choice(["lastUpdatedDateTime", "lastUpdateDateTime"]), default=_BEHAVIOUR.updated_key
)
@click.option("--preview-shape", type=click.Choice(["docs", "client"]), default=_BEHAVIOUR.preview_shape)
@click.option("--preview-poll-status", type=click.Choice(["200", "202"]), default=str(_BEHAVIOUR.preview_poll_status))
@click.option(
    "--preview-bad-parameter", type=click.Choice(["400", "failed-job"]), default=_BEHAVIOUR.preview_bad_parameter
)
@click.option(
    "--partial-status",
    type=click.Choice(["partiallyCompleted", "partiallySucceeded"]),
    default=_BEHAVIOUR.partial_status,
)
@click.option("--cancel-seconds", type=(click.FloatRange(0), click.FloatRange(0)), default=_BEHAVIOUR.cancel_seconds)
def main(**options: Any) -> None:
    """Serve the asynchronous job API of Azure AI Language, with a model learnt from a labels file.

    Options without a description are the switches for what is not known of the service; see the README.
    """
    sources = _sources(options["labels_files"], options["document_folders"])
    try:
        if options["evaluate"]:
            _print_evaluation(sources, options["folds"])
        else:
            _serve(_service(sources, options), options["port"])
    except (LabelsFileError, FaultSpecError) as exc:
        raise click.ClickException(str(exc)) from exc


def _sources(labels_files: tuple[Path, ...], folders: tuple[Path, ...]) -> list[tuple[Path, Path]]:
    if len(folders) not in (1, len(labels_files)):
        raise click.UsageError(f"Give one --documents for all, or one for each of the {len(labels_files)} --labels.")
    return [(labels, folders[n if len(folders) > 1 else 0]) for n, labels in enumerate(labels_files)]


def _print_evaluation(sources: list[tuple[Path, Path]], folds: int) -> None:
    for labels_file, folder in sources:
        labels = load_labels(labels_file, folder)
        _print_problems(labels_file, labels.problems)
        try:
            evaluation = cross_validate(labels, folds)
        except ValueError as exc:
            raise click.UsageError(str(exc)) from exc
        click.echo(evaluation.table())


def _service(sources: list[tuple[Path, Path]], options: dict[str, Any]) -> LanguageService:
    if options["min_seconds"] > options["max_seconds"]:
        raise click.UsageError(
            f"--min-seconds {options['min_seconds']:g} is more than --max-seconds {options['max_seconds']:g}."
        )
    faults = FaultPlan(
        options["seed"],
        KINDS.parse_rates(options["fault_specs"]),
        latency_seconds=options["latency_seconds"],
        retry_after_seconds=options["retry_after"],
        refused_texts=options["refused_texts"],
        poison_texts=options["poison_texts"],
        not_started_seconds=options["not_started_seconds"],
        drip_seconds=options["drip_seconds"],
    )
    cache = options["model_cache"] or default_cache()
    folders = _container_folders(options["container_folders"])
    behaviour = _behaviour(options)
    authoring = Authoring(
        containers(folders, options["training_storage"]),
        cache,
        pace=options["authoring_pace"],
        deployment_expiration=options["deployment_expiration"].date(),
    )
    projects = []
    for labels_file, folder in sources:
        project = learn_project(labels_file, folder, cache)
        _print_problems(labels_file, project.problems)
        projects.append(project)
        shown = authoring.add_learnt(
            project, json.loads(labels_file.read_bytes()), behaviour.deployments, datetime.now(UTC)
        )
        if shown:
            folders.setdefault(shown.container, folder)
    return LanguageService(
        projects,
        key=options["key"],
        tokens=options["tokens"],
        behaviour=behaviour,
        authoring=authoring,
        faults=faults,
        rate_rules=rules_for(options["requests_per_minute"]),
        admin=options["admin"],
    )


def _container_folders(given: tuple[str, ...]) -> dict[str, Path]:
    folders = {}
    for one in given:
        name, _, folder = one.partition("=")
        if not name or not Path(folder).is_dir():
            raise click.UsageError(f"--container '{one}' is not NAME=FOLDER with a folder that exists.")
        folders[name] = Path(folder)
    return folders


def _behaviour(options: dict[str, Any]) -> Behaviour:
    return Behaviour(
        job_seconds=(options["min_seconds"], options["max_seconds"]),
        cancel_seconds=options["cancel_seconds"],
        project_names=frozenset(options["extra_projects"]),
        deployments=frozenset(options["deployments"]) or None,
        unknown_project=options["unknown_project"],
        expired_deployment=options["expired_deployment"],
        unknown_job_status=options["unknown_job_status"],
        oversize_status=int(options["oversize_status"]),
        max_request_bytes=options["max_request_bytes"],
        blank_is_empty=options["blank_is_empty"],
        check_language=options["check_language"],
        most_on_a_page=options["most_on_a_page"],
        errors_page=options["errors_page"],
        entity_order=options["entity_order"],
        updated_key=options["updated_key"],
        preview_shape=options["preview_shape"],
        preview_poll_status=int(options["preview_poll_status"]),
        preview_bad_parameter=options["preview_bad_parameter"],
        partial_status=options["partial_status"],
    )


def _print_problems(labels_file: Path, problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(f"{labels_file.name}: {problem}", err=True)


def _serve(service: LanguageService, port: int) -> None:
    def announce(bound: int) -> None:
        # Flushed at once: whoever started the process waits for this line, mostly at the end of a pipe.
        click.echo(f"Language stand-in ready on http://{HOST}:{bound}")

    try:
        serve(service, port, announce)
    except OSError as exc:
        raise click.ClickException(f"Port {port} cannot be used ({exc.strerror}). Choose another, or 0.") from exc


if __name__ == "__main__":
    main()
