"""`model`: train from what people have reviewed, evaluate, deploy, take back, and keep the models in order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..core.expiry import WARNED_DAYS, DeploymentExpiry, in_words
from ..core.model_comparison import DEFAULT_MARGIN, Comparison
from ..core.model_history import Measured
from ..core.records import Record
from ..core.scoring import Counts
from ..core.work import work_of
from ..labels.values import LabelsError
from ..language.authoring import Deployment, EntityEvaluation, Model
from ..settings import LanguageResource
from ..storage.containers import Container
from ..storage.model_store import ModelStore
from ..workflows.authoring_jobs import Authoring, Tell, tell_nobody
from ..workflows.corrections import CorrectionsReader
from ..workflows.last_documents import LastDocuments
from ..workflows.model_deployment import ModelDeployment, Outcome
from ..workflows.model_evaluation import ModelEvaluation, Tested, between
from ..workflows.model_training import MAX_MODELS, ModelTraining, Plan, Trained, TrainingAsked, quality_of
from .access import Access
from .terminal import count, make_console, plain, write_json

READ_AHEAD_THREADS = 16
CANDIDATE = "candidate"
KEPT = 3
LAST = 20
MOST_CHANGES = 20
MOST_CONFUSIONS = 15
NONE = "$none"

C = TypeVar("C", bound=Callable[..., Any])


# --- What scripts are told ---


class ModelRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A trained model."""

    model: str
    trained: str
    expires: date | None
    deployed: tuple[str, ...]
    micro: float | None
    """F1 on its test set, as it was measured last by a command; None where that was never."""
    documents: int | None
    """That it was trained from; None where a command did not do that."""


class PlanRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What a training would do."""

    model: str
    project: str
    reviewed: int
    new: int
    predictions: int
    left_out: dict[str, tuple[str, ...]]
    is_resumed: bool
    is_done: bool


class TrainedRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A model that was trained."""

    trained: str
    reviewed: int
    documents: int
    tested: int
    micro: float
    macro: float
    warnings: tuple[str, ...]


class CategoryRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What a model is worth for a category."""

    precision: float
    recall: float
    f1: float
    labels: int


class ChangeRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What a model does otherwise in one document, in numbers of entities."""

    document: str
    gained: int
    lost: int
    wrong: int
    mended: int


class ComparisonRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Two models, or a model and the results in the container, on the same documents."""

    other: str
    documents: int
    micro: float
    other_micro: float
    changes: tuple[ChangeRow, ...]


class EvaluatedRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What a model is worth."""

    model: str
    documents: int
    micro: CategoryRow
    macro: CategoryRow
    categories: dict[str, CategoryRow]
    confusion: dict[str, dict[str, float]]
    comparisons: tuple[ComparisonRow, ...]


class DeployedRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What came of a deployment."""

    model: str
    deployment: str
    previous: str | None
    is_deployed: bool
    reason: str
    on_test_set: ComparisonRow | None
    last: int
    """Of the last documents, how many were compared."""
    agreement: float | None
    """F1 of the candidate against what was found there."""
    on_reviewed: ComparisonRow | None


class RolledBack(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What came of a rollback."""

    deployment: str
    model: str
    instead_of: str


class ExpiryRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """When a deployment, or a model, expires."""

    what: str
    expires: date | None
    days: int | None


class Removed(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A model that was deleted, or that can be."""

    model: str
    is_deleted: bool


# --- What the commands work with ---


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
        return CorrectionsReader(self.access.documents, self.access.records, threads)

    @cached_property
    def training(self) -> ModelTraining:
        """Trains."""
        return ModelTraining(self.authoring, self.reader, self.store, self._container, self.access.clock)

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


_deployment = click.option("--deployment", metavar="NAME", help="What the app asks; else LANGUAGE_DEPLOYMENT.")
_candidate = click.option(
    "--candidate", default=CANDIDATE, show_default=True, metavar="NAME", help="The deployment beside it."
)


def _works(access: Access, project: str | None, resource: str | None, container: str | None = None) -> Works:
    settings = access.settings
    found = next((one for one in settings.language_resources if resource in (None, one.name)), None)
    if found is None:
        known = ", ".join(one.name for one in settings.language_resources)
        raise click.BadParameter(f"there is no Language resource {resource!r}: {known}.", param_hint="--resource")
    name = project or settings.language_project
    if not name:
        raise click.UsageError("Name the project: --project, for LANGUAGE_PROJECT is not set.")
    return Works(access, found, name, container)


def _deployment_of(access: Access, deployment: str | None) -> str:
    name = deployment or access.settings.language_deployment
    if not name:
        raise click.UsageError("Name the deployment: --deployment, for LANGUAGE_DEPLOYMENT is not set.")
    return name


@contextmanager
def _bar(*, as_json: bool) -> Iterator[Tell]:
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


@click.group("model")
def model() -> None:
    """Train, evaluate and deploy models from what people have reviewed (docs/model.md)."""


# --- list, expiry ---


@model.command("list")
@project_options
@click.pass_obj
def list_models(access: Access, project: str | None, resource: str | None, as_json: bool) -> int:
    """Show the trained models of the project, the newest first, and where they are deployed."""
    works = _works(access, project, resource)
    models, deployments, history = works.evaluation.models(), works.evaluation.deployments(), works.store.history()
    trained = {one.label: one for one in history.trainings}
    rows = []
    for one in models:
        quality = history.quality_of(one.label)
        rows.append(
            ModelRow(
                model=one.label,
                trained=one.last_trained_date_time,
                expires=one.model_expiration_date,
                deployed=tuple(name for name, each in deployments.items() if each.model_id == one.model_id),
                micro=round(quality.micro, 4) if quality else None,
                documents=trained[one.label].documents if one.label in trained else None,
            )
        )
    if as_json:
        for row in rows:
            write_json(row)
        return 0
    table = Table("model", "trained", "expires", "deployed as", "F1", "documents", box=None, pad_edge=False)
    for row in rows:
        micro = "" if row.micro is None else f"{row.micro:.3f}"
        documents = "" if row.documents is None else f"{row.documents:,}"
        table.add_row(
            plain(row.model),
            row.trained[:16].replace("T", " "),
            str(row.expires or ""),
            plain(", ".join(row.deployed)),
            micro,
            documents,
        )
    console = make_console()
    console.print(table)
    console.print(f"{count(len(rows), 'model', 'models')} of at most {MAX_MODELS}.")
    return 0


@model.command("expiry")
@project_options
@click.pass_obj
def expiry(access: Access, project: str | None, resource: str | None, as_json: bool) -> int:
    """Tell when deployments and models expire. The exit code is 1 where a deployment does within 7 days."""
    works, now = _works(access, project, resource), access.clock()
    models, deployments = works.evaluation.models(), works.evaluation.deployments()
    dates: dict[str, date | None] = {
        f"deployment {name}": one.deployment_expiration_date for name, one in sorted(deployments.items())
    }
    dates |= {f"model {one.label}": one.model_expiration_date for one in models}
    rows = []
    for what, expires in dates.items():
        known = DeploymentExpiry(resource="", project="", deployment="", expires=expires)
        rows.append(ExpiryRow(what=what, expires=expires, days=known.days_left(now)))
    console = make_console()
    for row in rows:
        if as_json:
            write_json(row)
        else:
            told = "has no date" if row.days is None else f"{in_words(row.days)}, on {row.expires}"
            style = "" if row.days is None or row.days > WARNED_DAYS[0] else "bold red" if _is_near(row) else "yellow"
            console.print(plain(f"{row.what} {told}", style), soft_wrap=True)
    if any(_is_near(row) for row in rows) and not as_json:
        console.print("Train again and deploy under the same name: model train, model deploy.")
    return int(any(_is_near(row) for row in rows))


def _is_near(row: ExpiryRow) -> bool:
    return row.what.startswith("deployment ") and row.days is not None and row.days <= WARNED_DAYS[-1]


# --- train ---


@model.command("train")
@project_options
@click.option("--label", default="", metavar="NAME", help="Of the new model; else one with the day.")
@click.option("--prefix", default="", help="Only documents whose names begin with this, such as 'loans/'.")
@click.option(
    "--unreviewed",
    "unreviewed",
    multiple=True,
    metavar="DOCUMENT",
    help="Learn from the model's own answer about this document, which nobody has looked at; repeatable.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Of new documents, how many are for the test set; else none, where there is one, and it stays fixed.",
)
@click.option(
    "--texts-in",
    "container",
    metavar="CONTAINER",
    help="The training container: a name in the app's storage account, or an address with a signature; else the "
    "project's name of it.",
)
@click.option("--create-in", metavar="CONTAINER", help="Create the project, if there is none, for this container.")
@click.option("--language", default="en-us", show_default=True, help="Of a project that is created.")
@click.option("--anew", is_flag=True, help="Begin anew, whatever an interrupted training has left.")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@click.pass_obj
def train(
    access: Access,
    project: str | None,
    resource: str | None,
    as_json: bool,
    label: str,
    prefix: str,
    unreviewed: tuple[str, ...],
    share: float | None,
    container: str | None,
    create_in: str | None,
    language: str,
    anew: bool,
    yes: bool,
) -> int:
    """Train a model from reviewed documents and the labels that the project has so far.

    The labels of the project are exported, reviewed documents are put into their places, and all is imported again;
    nothing is deleted. Interrupted, the same command goes on.
    """
    works = _works(access, project, resource, container)
    asked = TrainingAsked(label=label, prefix=prefix, unreviewed=unreviewed, share=share)
    if create_in and yes:
        works.training.create(create_in, language)
    plan = works.training.plan(asked, anew=anew)
    _tell_plan(plan, works, as_json=as_json)
    if plan.is_done:
        return 0
    if not yes:
        if not as_json:
            make_console().print(Text("\nNothing was done. Add --yes to do it."))
        return 0
    if not plan.reviewed and not plan.is_resumed:
        raise click.UsageError("There is nothing to learn: no document is reviewed.")
    try:
        with _bar(as_json=as_json) as tell:
            trained = works.training.run(plan, tell)
    except LabelsError as error:
        raise click.ClickException(str(error)) from None
    _tell_trained(trained, as_json=as_json)
    return 0


def _tell_plan(plan: Plan, works: Works, *, as_json: bool) -> None:
    predictions = sum(one.is_prediction for one in plan.reviewed)
    row = PlanRow(
        model=plan.run.label,
        project=works.project,
        reviewed=len(plan.reviewed) - predictions,
        new=plan.new,
        predictions=predictions,
        left_out=dict(plan.left_out),
        is_resumed=plan.is_resumed,
        is_done=plan.is_done,
    )
    if as_json:
        write_json(row)
        return
    console = make_console()
    if row.is_resumed:
        console.print(plain(f"The training of '{row.model}' goes on where it was interrupted.", "bold"))
    documents = count(row.reviewed, "reviewed document", "reviewed documents")
    console.print(plain(f"{documents}, {row.new:,} since the last training; model '{row.model}' of '{row.project}'."))
    if predictions:
        told = count(predictions, "document that nobody has", "documents that nobody has")
        console.print(plain(f"{told} looked at, asked for by name.", "yellow"))
    for reason, names in row.left_out.items():
        number = count(len(names), "document is", "documents are")
        console.print(plain(f"{number} left out, such as {names[0]}: {reason}.", "dim"), soft_wrap=True)
    if row.is_done and plan.last:
        console.print(plain(f"Model '{plan.last.label}' has learnt all of this already; --label NAME trains again."))


def _tell_trained(trained: Trained, *, as_json: bool) -> None:
    quality = trained.quality
    if as_json:
        write_json(
            TrainedRow(
                trained=trained.label,
                reviewed=trained.reviewed,
                documents=trained.documents,
                tested=trained.tested,
                micro=round(quality.micro, 4),
                macro=round(quality.macro, 4),
                warnings=trained.warnings,
            )
        )
        return
    console = make_console()
    for warning in trained.warnings:
        console.print(plain(warning, "yellow"), soft_wrap=True)
    documents = count(trained.documents, "document", "documents")
    told = f"Model '{trained.label}' was trained from {documents}, {trained.tested:,} of them to test"
    console.print(plain(f"{told}: F1 {quality.micro:.3f} (macro {quality.macro:.3f})."), soft_wrap=True)
    console.print(plain(f"Next: python -m functions model deploy {trained.label}", "dim"))


# --- evaluate ---


@model.command("evaluate")
@click.argument("label", metavar="[MODEL]", required=False)
@project_options
@_deployment
@click.option("--worst", type=click.IntRange(0), default=MOST_CHANGES, show_default=True, help="Documents to show.")
@click.pass_obj
def evaluate(
    access: Access,
    label: str | None,
    project: str | None,
    resource: str | None,
    as_json: bool,
    deployment: str | None,
    worst: int,
) -> int:
    """Tell what a model is worth on its test set, without MODEL the newest.

    It is compared, document by document, with the deployed model and with the results in the output container.
    """
    works, name = _works(access, project, resource), _deployment_of(access, deployment)
    newest = works.evaluation.model(label)
    with _bar(as_json=as_json) as tell:
        works.authoring.tell = tell
        tested = works.evaluation.tested(newest.label)
        deployed = works.evaluation.deployed_model(name)
        comparisons = {}
        if deployed and deployed.model_id != newest.model_id:
            comparisons[f"{name} ({deployed.label})"] = between(tested, works.evaluation.tested(deployed.label))
        comparisons["the results in the container"] = works.evaluation.in_container(tested, works.store.history().names)
    quality = quality_of(tested.measured)
    measured = Measured(at=access.clock(), label=newest.label, quality=quality, documents=tested.documents)
    works.store.add(measured)
    row = _evaluated(tested, comparisons, worst)
    if as_json:
        write_json(row)
    else:
        _show_evaluated(row, works.store.history().names)
    return 0


def _evaluated(tested: Tested, comparisons: Mapping[str, Comparison], worst: int) -> EvaluatedRow:
    measured = tested.measured
    return EvaluatedRow(
        model=tested.label,
        documents=tested.documents,
        micro=_total(measured, measured.micro_precision, measured.micro_recall, measured.micro_f1),
        macro=_total(measured, measured.macro_precision, measured.macro_recall, measured.macro_f1),
        categories={
            name: CategoryRow(
                precision=round(one.precision, 4),
                recall=round(one.recall, 4),
                f1=round(one.f1, 4),
                labels=one.true_positive_count + one.false_negative_count,
            )
            for name, one in sorted(measured.entities.items())
        },
        confusion={
            labelled: {found: round(cell.raw_value, 4) for found, cell in row.items()}
            for labelled, row in measured.confusion_matrix.items()
        },
        comparisons=tuple(_compared(other, one, worst) for other, one in comparisons.items() if one.documents),
    )


def _total(measured: EntityEvaluation, precision: float, recall: float, f1: float) -> CategoryRow:
    labels = sum(one.true_positive_count + one.false_negative_count for one in measured.entities.values())
    return CategoryRow(precision=round(precision, 4), recall=round(recall, 4), f1=round(f1, 4), labels=labels)


def _compared(other: str, one: Comparison, worst: int) -> ComparisonRow:
    changes = sorted(one.changes, key=lambda change: (change.balance, change.document))
    return ComparisonRow(
        other=other,
        documents=one.documents,
        micro=round(one.candidate.exact.micro.f1, 4),
        other_micro=round(one.other.exact.micro.f1, 4),
        changes=tuple(
            ChangeRow(
                document=change.document,
                gained=len(change.gained),
                lost=len(change.lost),
                wrong=len(change.wrong),
                mended=len(change.mended),
            )
            for change in changes[:worst]
        ),
    )


def _show_evaluated(row: EvaluatedRow, names: Mapping[str, str]) -> None:
    console = make_console()
    console.print(plain(f"{row.model}: {count(row.documents, 'test document', 'test documents')}", "bold"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", overflow="fold")
    for name in ("labels", "precision", "recall", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in [*row.categories.items(), ("micro average", row.micro), ("macro average", row.macro)]:
        labels = f"{one.labels:,}" if name != "macro average" else ""
        table.add_row(plain(name), labels, f"{one.precision:.2f}", f"{one.recall:.2f}", f"{one.f1:.2f}")
    console.print(table)
    _show_confusion(console, row.confusion)
    for comparison in row.comparisons:
        _show_comparison(console, comparison, names)


def _show_confusion(console: Console, confusion: Mapping[str, Mapping[str, float]]) -> None:
    wrong = [
        (value, labelled, found)
        for labelled, cells in confusion.items()
        for found, value in cells.items()
        if labelled != found
    ]
    if not wrong:
        return
    console.print(Text("\nmistakes, in entities", "bold"))
    for value, labelled, found in sorted(wrong, reverse=True)[:MOST_CONFUSIONS]:
        what = f"{labelled} found as {found}"
        if found == NONE:
            what = f"{labelled} not found"
        elif labelled == NONE:
            what = f"{found} found where nothing is labelled"
        console.print(plain(f"{value:>7.1f}  {what}"))


def _show_comparison(console: Console, row: ComparisonRow, names: Mapping[str, str]) -> None:
    documents = count(row.documents, "document", "documents")
    console.print(plain(f"\nagainst {row.other}, on {documents}", "bold"))
    difference = row.micro - row.other_micro
    style = "green" if difference > 0 else "red" if difference < 0 else ""
    console.print(plain(f"F1 {row.other_micro:.3f}, now {row.micro:.3f} ({difference:+.3f})", style))
    for change in row.changes:
        told = [
            f"{number} {what}"
            for number, what in (
                (change.gained, "found in addition"),
                (change.lost, "no longer found"),
                (change.wrong, "wrong in addition"),
                (change.mended, "no longer wrong"),
            )
            if number
        ]
        console.print(plain(f"  {names.get(change.document, change.document)}: {', '.join(told)}"), soft_wrap=True)


# --- deploy, rollback ---


@model.command("deploy")
@click.argument("label", metavar="[MODEL]", required=False)
@project_options
@_deployment
@_candidate
@click.option(
    "--margin",
    type=click.FloatRange(-1, 1),
    default=DEFAULT_MARGIN,
    show_default=True,
    help="By how much its F1 on the test set has to be better.",
)
@click.option(
    "--last",
    type=click.IntRange(0),
    default=LAST,
    show_default=True,
    help="Compare on so many of the last documents, which the service bills.",
)
@click.option("--even-if-worse", "is_forced", is_flag=True, help="Deploy it whatever the comparison says.")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@click.pass_obj
def deploy(
    access: Access,
    label: str | None,
    project: str | None,
    resource: str | None,
    as_json: bool,
    deployment: str | None,
    candidate: str,
    margin: float,
    last: int,
    is_forced: bool,
    yes: bool,
) -> int:
    """Deploy a model, without MODEL the newest, beside the one that the app asks, and swap the two if it is better.

    The exit code is 1 where it was not better and so nothing was swapped.
    """
    works, name = _works(access, project, resource), _deployment_of(access, deployment)
    _check_names(name, candidate)
    if not yes:
        _say_what_deploys(works.evaluation.model(label), works.evaluation.deployments(), name, candidate, as_json)
        return 0
    with _bar(as_json=as_json) as tell:
        outcome = works.deployment.deploy(
            label, name, candidate, margin=margin, last=last, is_forced=is_forced, tell=tell
        )
    row = _deployed(outcome, name)
    if as_json:
        write_json(row)
    else:
        _show_deployed(row, candidate, works.store.history().names)
    return 0 if row.is_deployed else 1


def _check_names(deployment: str, candidate: str) -> None:
    if deployment == candidate:
        raise click.BadParameter("it is the deployment itself; name another one.", param_hint="--candidate")


def _say_what_deploys(
    newest: Model, deployments: Mapping[str, Deployment], name: str, candidate: str, as_json: bool
) -> None:
    if as_json:
        write_json({"model": newest.label, "deployment": name, "candidate": candidate, "isDeployed": False})
        return
    console = make_console()
    if name not in deployments:
        told = f"Model '{newest.label}' would be deployed as '{name}', where nothing is deployed yet."
    else:
        replaced = ", replacing what is deployed there" if candidate in deployments else ""
        told = (
            f"Model '{newest.label}' would be deployed as '{candidate}'{replaced}, compared with '{name}', and swapped "
            "with it if it is better."
        )
    console.print(plain(told), soft_wrap=True)
    console.print(Text("\nNothing was done. Add --yes to do it."))


def _deployed(outcome: Outcome, name: str) -> DeployedRow:
    last = outcome.last
    on_reviewed = last.reviewed if last and last.reviewed.documents else None
    other = outcome.previous or ""
    return DeployedRow(
        model=outcome.label,
        deployment=name,
        previous=outcome.previous,
        is_deployed=outcome.decision.swaps or outcome.previous == outcome.label,
        reason=outcome.decision.reason.value,
        on_test_set=_compared(other, outcome.on_test_set, MOST_CHANGES) if outcome.on_test_set else None,
        last=last.documents - last.unanswered if last else 0,
        agreement=round(last.alike.f1, 4) if last and _has_any(last.alike) else None,
        on_reviewed=_compared(other, on_reviewed, MOST_CHANGES) if on_reviewed else None,
    )


def _has_any(counts: Counts) -> bool:
    return bool(counts.right + counts.wrong + counts.missed)


def _show_deployed(row: DeployedRow, candidate: str, names: Mapping[str, str]) -> None:
    console = make_console()
    if row.on_test_set:
        _show_comparison(console, row.on_test_set, names)
    if row.agreement is not None:
        told = f"on the last {count(row.last, 'document', 'documents')} both find the same: {row.agreement:.0%}"
        console.print(plain(f"\n{told}"))
    if row.on_reviewed:
        _show_comparison(console, row.on_reviewed, names)
    where = f"Model '{row.model}' answers as '{row.deployment}'"
    if row.is_deployed:
        told = f"{where}: {row.reason}."
        if row.previous and row.previous != row.model:
            told += f" '{row.previous}' stays deployed as '{candidate}'; 'model rollback' takes this back."
        console.print(plain(f"\n{told}", "green"), soft_wrap=True)
    else:
        console.print(
            plain(
                f"\nNothing was swapped: {row.reason}. Model '{row.model}' is deployed as '{candidate}'; "
                "--even-if-worse swaps all the same.",
                "yellow",
            ),
            soft_wrap=True,
        )


@model.command("rollback")
@project_options
@_deployment
@_candidate
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@click.pass_obj
def rollback(
    access: Access,
    project: str | None,
    resource: str | None,
    as_json: bool,
    deployment: str | None,
    candidate: str,
    yes: bool,
) -> int:
    """Take the last deployment back: the model before it answers again. It goes back one step."""
    works, name = _works(access, project, resource), _deployment_of(access, deployment)
    _check_names(name, candidate)
    if not yes:
        last = works.store.history().current(name)
        previous = last.previous if last else ""
        if as_json:
            write_json(RolledBack(deployment=name, model=previous, instead_of=last.label if last else ""))
        elif previous and last:
            make_console().print(plain(f"Model '{previous}' would answer as '{name}' instead of '{last.label}'."))
            make_console().print(Text("\nNothing was done. Add --yes to do it."))
        else:
            make_console().print(plain(f"Nothing that was deployed as '{name}' can be taken back."))
        return 0 if previous else 1
    with _bar(as_json=as_json) as tell:
        now, before = works.deployment.rollback(name, candidate, tell)
    if as_json:
        write_json(RolledBack(deployment=name, model=now, instead_of=before))
    else:
        make_console().print(plain(f"Model '{now}' answers as '{name}' again, instead of '{before}'."))
    return 0


# --- prune ---


@model.command("prune")
@click.argument("labels", metavar="[MODELS]...", nargs=-1)
@project_options
@click.option("--keep", type=click.IntRange(0), default=KEPT, show_default=True, help="How many of the newest stay.")
@click.option("--yes", is_flag=True, help="Delete the models that are named.")
@click.pass_obj
def prune(
    access: Access,
    labels: Sequence[str],
    project: str | None,
    resource: str | None,
    as_json: bool,
    keep: int,
    yes: bool,
) -> int:
    """Say which models are not needed, and delete those that are named. A project has 10 models at most."""
    works = _works(access, project, resource)
    console = make_console()
    if labels and yes:
        for label in works.deployment.remove(labels):
            if as_json:
                write_json(Removed(model=label, is_deleted=True))
            else:
                console.print(plain(f"deleted  {label}"))
        return 0
    can_go, stay = works.deployment.removable(keep)
    if labels:
        there = {one.label: one for one in (*can_go, *stay)}
        can_go = [there[label] for label in labels if label in there]
    for one in can_go:
        if as_json:
            write_json(Removed(model=one.label, is_deleted=False))
        else:
            console.print(plain(f"{one.label}  trained {one.last_trained_date_time[:16].replace('T', ' ')}"))
    if not as_json:
        told = f"{count(len(can_go), 'model', 'models')} can go, {len(stay)} stay." if can_go else "None has to go."
        console.print(told)
        if can_go:
            names = " ".join(one.label for one in can_go)
            console.print(plain(f"\nNothing was done. python -m functions model prune {names} --yes"), soft_wrap=True)
    if yes and can_go and not as_json:
        console.print(Text("Only models that are named are deleted.", "yellow"))
    return 0
