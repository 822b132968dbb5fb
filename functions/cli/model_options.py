"""What the `model` commands work with: one project at one Language resource, by the settings and their options."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..core.work import work_of
from ..settings import LanguageResource
from ..storage.containers import Container
from ..storage.model_store import ModelStore
from ..workflows.authoring_jobs import Authoring, Tell, tell_nobody
from ..workflows.last_documents import LastDocuments
from ..workflows.model_deployment import ModelDeployment
from ..workflows.model_evaluation import ModelEvaluation
from ..workflows.model_training import ModelTraining
from ..workflows.reviewed_documents import CorrectionsReader
from .access import Access, without_signature
from .terminal import make_console, plain

READ_AHEAD_THREADS = 16
CANDIDATE = "candidate"

C = TypeVar("C", bound=Callable[..., Any])


@dataclass
class Works:
    """One project at one resource."""

    access: Access
    resource: LanguageResource
    project: str
    training_container: str | None = None

    @cached_property
    def authoring(self) -> Authoring:
        """The project."""
        client = self.access.authoring_clients[self.resource.name]
        return Authoring(client, self.project, self.access.clock, self.access.sleep)

    @cached_property
    def store(self) -> ModelStore:
        """What the commands have done."""
        return ModelStore(self.access.state, self.resource.name, self.project)

    @cached_property
    def reader(self) -> CorrectionsReader:
        """What people have reviewed."""
        self.access.check_containers("OUTPUT_CONTAINER", "STATE_CONTAINER")
        threads = ThreadPoolExecutor(READ_AHEAD_THREADS, thread_name_prefix="storage")
        return CorrectionsReader(self.access.documents, self.access.records, self.access.corrections, threads)

    @cached_property
    def training(self) -> ModelTraining:
        """Trains."""
        address = without_signature(self.training_container or "")
        return ModelTraining(self.authoring, self.reader, self.store, self._container, self.access.clock, address)

    @cached_property
    def evaluation(self) -> ModelEvaluation:
        """Evaluates."""
        return ModelEvaluation(self.authoring, self.access.documents)

    @cached_property
    def deployment(self) -> ModelDeployment:
        """Deploys."""
        last = LastDocuments(
            self.access.journal,
            self.access.documents,
            self.reader,
            self.access.language_services[self.resource.name],
            work_of(self.access.settings),
            self.project,
            self.access.clock,
            self.access.sleep,
        )
        return ModelDeployment(self.authoring, self.evaluation, self.store, last, self.access.clock)

    def _container(self, name: str) -> Container:
        return self.access.other_container(self.training_container or name)


def project_options(command: C) -> C:
    """Add the options that all of them have."""
    for option in reversed(
        (
            click.option("--project", metavar="NAME", help="The project; else LANGUAGE_PROJECT."),
            click.option(
                "--resource", metavar="HOST", help="Which of several Language resources; else the first of them."
            ),
            click.option("--json", "as_json", is_flag=True, help="One line of JSON for each thing told."),
        )
    ):
        command = option(command)
    return command


deployment_option = click.option("--deployment", metavar="NAME", help="What the app asks; else LANGUAGE_DEPLOYMENT.")
candidate_option = click.option(
    "--candidate", default=CANDIDATE, show_default=True, metavar="NAME", help="The deployment beside it."
)


def works_of(access: Access, project: str | None, resource: str | None, container: str | None = None) -> Works:
    """Return the project and resource that options name, or the settings. Raises `click.UsageError`."""
    settings = access.settings
    found = next((one for one in settings.language_resources if resource in (None, one.name)), None)
    if found is None:
        known = ", ".join(one.name for one in settings.language_resources)
        raise click.BadParameter(f"there is no Language resource {resource!r}: {known}.", param_hint="--resource")
    name = project or settings.language_project
    if not name:
        raise click.UsageError("Name the project: --project, for LANGUAGE_PROJECT is not set.")
    return Works(access, found, name, container)


def deployment_name(access: Access, deployment: str | None) -> str:
    """Return the deployment that an option names, or the settings. Raises `click.UsageError`."""
    name = deployment or access.settings.language_deployment
    if not name:
        raise click.UsageError("Name the deployment: --deployment, for LANGUAGE_DEPLOYMENT is not set.")
    return name


@contextmanager
def progress_bar(*, as_json: bool) -> Iterator[Tell]:
    """Show what is being done; in a terminal only, and not where scripts listen."""
    console = make_console(stderr=True)
    if as_json or not console.is_terminal:
        yield tell_nobody
        return
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def tell(what: str, part: float | None) -> None:
            total = None if part is None else 100.0
            progress.update(task, description=plain(what).plain, total=total, completed=100.0 * (part or 0))

        yield tell
