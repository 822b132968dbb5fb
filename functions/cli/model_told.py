"""What the `model` commands tell: rows for scripts, tables and sentences for people."""

from collections.abc import Mapping
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..core.model_comparison import Comparison
from ..core.records import Record
from ..core.scoring import Counts
from ..language.authoring_service import Deployment, EntityEvaluation, Model
from ..workflows.model_deployment import Outcome
from ..workflows.model_evaluation import Tested
from ..workflows.model_training import Plan, Trained
from .left_out import told_of
from .terminal import count, make_console, plain, write_json

MOST_CHANGES = 20
MOST_CONFUSIONS = 15
NONE = "$none"


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
    replaced: int
    """Of the reviewed ones, those at versions that were replaced since."""
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
    removed: int


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


def tell_plan(plan: Plan, project: str, *, as_json: bool) -> None:
    """Tell what a training would do."""
    predictions = sum(one.is_prediction for one in plan.reviewed)
    row = PlanRow(
        model=plan.run.label,
        project=project,
        reviewed=len(plan.reviewed) - predictions,
        new=plan.new,
        predictions=predictions,
        replaced=sum(bool(one.newest) for one in plan.reviewed),
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
    if row.replaced:
        told = count(row.replaced, "of them is a version that was", "of them are versions that were")
        console.print(plain(f"{told} replaced since."))
    if predictions:
        told = count(predictions, "document that nobody has", "documents that nobody has")
        console.print(plain(f"{told} looked at, asked for by name.", "yellow"))
    for reason, names in row.left_out.items():
        number = count(len(names), "document is", "documents are")
        console.print(plain(f"{number} left out, such as {names[0]}: {told_of(reason)}.", "dim"), soft_wrap=True)
    if row.is_done and plan.last:
        console.print(plain(f"Model '{plan.last.label}' has learnt all of this already; --label NAME trains again."))


def tell_trained(trained: Trained, *, as_json: bool) -> None:
    """Tell what came of a training."""
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


def evaluated(tested: Tested, comparisons: Mapping[str, Comparison], worst: int) -> EvaluatedRow:
    """Return what scripts are told of a model; of each comparison the `worst` documents."""
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
                removed=len(change.removed),
            )
            for change in changes[:worst]
        ),
    )


def show_evaluated(row: EvaluatedRow, names: Mapping[str, str]) -> None:
    """Show what a model is worth; `names` has the documents by their names in the training container."""
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


def _show_comparison(console: Console, row: ComparisonRow, names: Mapping[str, str], title: str = "") -> None:
    console.print()
    console.print(plain(title or f"against {row.other}, on {count(row.documents, 'document', 'documents')}", "bold"))
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
                (change.removed, "no longer wrong"),
            )
            if number
        ]
        console.print(plain(f"  {names.get(change.document, change.document)}: {', '.join(told)}"), soft_wrap=True)


def deployed_row(outcome: Outcome, name: str) -> DeployedRow:
    """Return what scripts are told of a deployment."""
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


def show_deployed(row: DeployedRow, candidate: str, names: Mapping[str, str]) -> None:
    """Show what came of a deployment."""
    console = make_console()
    if row.on_test_set:
        _show_comparison(console, row.on_test_set, names)
    if row.agreement is not None:
        told = f"on the last {count(row.last, 'document', 'documents')} both find the same: {row.agreement:.0%}"
        console.print()
        console.print(plain(told))
    if row.on_reviewed:
        number = count(row.on_reviewed.documents, "document that is", "documents that are")
        _show_comparison(console, row.on_reviewed, names, f"against what was found there, on {number} reviewed")
    console.print()
    where = f"Model '{row.model}' answers as '{row.deployment}'"
    if row.is_deployed:
        told = f"{where}: {row.reason}."
        if row.previous and row.previous != row.model:
            told += f" '{row.previous}' stays deployed as '{candidate}'; 'model rollback' takes this back."
        console.print(plain(told, "green"), soft_wrap=True)
    else:
        console.print(
            plain(
                f"Nothing was swapped: {row.reason}. Model '{row.model}' is deployed as '{candidate}'; "
                "--even-if-worse swaps all the same.",
                "yellow",
            ),
            soft_wrap=True,
        )


def say_what_deploys(
    newest: Model, deployments: Mapping[str, Deployment], name: str, candidate: str, as_json: bool
) -> None:
    """Say what a deployment would do."""
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
