"""`evaluate`: what the results are worth, by a file of labels."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..core.export_rows import ROW_KINDS
from ..core.records import Record
from ..core.scoring import NOTHING, Counts, Scores
from ..labels.values import LabelsError
from ..labels.without_texts import Labels, read_labels
from ..workflows.evaluating import Evaluation, ReadResult, evaluate, from_output
from .access import Access
from .exit_codes import DONE, NOT_ALL_DONE
from .terminal import count, make_console, plain, write_json

THREADS = 16
MOST_SOURCES = 2
MOST_CONFUSIONS = 15


class _Source(NamedTuple):
    """Results of one model."""

    title: str
    read: ReadResult


class Figures(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Precision, recall and F1, from 0 to 1, and the numbers that they come from (none of a macro average)."""

    precision: float
    recall: float
    f1: float
    right: int | None = None
    wrong: int | None = None
    missed: int | None = None


class BothWays(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Exact: the same place and category. Overlapping: the same category, and a character in common."""

    exact: Figures
    overlapping: Figures


class Confused(Record, frozen=True, kw_only=True, omit_defaults=False):
    """How often what is labelled as one category was found as another; null for none."""

    labelled: str | None
    found: str | None
    times: int


class WorstDocument(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A document with many errors."""

    document: str
    missed: int
    wrong: int
    f1: float


class EvaluationRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What scripts are told of the results of one model."""

    results: str
    models: dict[str, int]
    documents: int
    without_result: tuple[str, ...]
    labels: int
    categories: dict[str, BothWays]
    micro: BothWays
    macro: BothWays
    confusion: tuple[Confused, ...]
    worst: tuple[WorstDocument, ...]


@click.command("evaluate")
@click.argument("labels", metavar="LABELS", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prefix", "prefixes", multiple=True, help="Put before the locations of the labels, such as 'loans/'.")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="The name of the task in the rules.")
@click.option(
    "--results",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Results on disk, as 'put --results' writes them, instead of the container.",
)
@click.option("--dataset", type=click.Choice(["Train", "Test"]), help="Only the documents of this set of the labels.")
@click.option("--worst", type=click.IntRange(min=0), default=10, show_default=True, help="How many documents to show.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each model.")
@click.pass_obj
def evaluate_results(
    access: Access,
    labels: Path,
    prefixes: tuple[str, ...],
    tasks: tuple[str, ...],
    folders: tuple[Path, ...],
    dataset: str | None,
    worst: int,
    as_json: bool,
) -> int:
    """Compare results with LABELS, a labels file of Language Studio, in which people say what is right.

    Give --prefix, --task or --results twice to see two models side by side. The exit code is 1 where a labelled
    document has no result.
    """
    try:
        read = read_labels(labels.read_bytes())
    except LabelsError as error:
        raise click.BadParameter(f"{labels} can not be used. {error}", param_hint="LABELS") from None
    documents = [one for one in read.documents if dataset in (None, one.dataset)]
    if not documents:
        raise click.BadParameter(f"No document of {labels} is of the dataset {dataset}.", param_hint="--dataset")
    sources = _sources(access, read, prefixes, tasks, folders)
    with ThreadPoolExecutor(THREADS) as threads:
        evaluations = [
            evaluate(documents, source.read, threads, is_classification=read.is_classification) for source in sources
        ]
    rows = [_row(source.title, one, worst) for source, one in zip(sources, evaluations, strict=True)]
    if as_json:
        for row in rows:
            write_json(row)
    else:
        _show(rows, read.left_out)
    return NOT_ALL_DONE if any(row.without_result for row in rows) else DONE


def _sources(
    access: Access, labels: Labels, prefixes: tuple[str, ...], tasks: tuple[str, ...], folders: tuple[Path, ...]
) -> list[_Source]:
    """Return where the results are: an option that is given once holds for both models."""
    number = max(len(prefixes), len(tasks), len(folders), 1)
    if number > MOST_SOURCES or any(len(given) not in (0, 1, number) for given in (prefixes, tasks, folders)):
        raise click.UsageError("Give --prefix, --task and --results once or twice each.")
    if not folders:
        access.check_containers("OUTPUT_CONTAINER")
    suffix = ROW_KINDS["classes" if labels.is_classification else "entities"]
    found = []
    for place in range(number):
        prefix = _at(prefixes, place) or ""
        task, folder = _at(tasks, place), _at(folders, place)
        ending = f".{task}{suffix}" if task else suffix
        title = ", ".join(str(part) for part in (folder, prefix, task) if part) or access.settings.output_container
        read = _from_folder(folder, prefix, ending) if folder else from_output(access.documents, prefix, ending)
        found.append(_Source(title, read))
    return found


T = TypeVar("T")


def _at(given: Sequence[T], place: int) -> T | None:
    return given[min(place, len(given) - 1)] if given else None


def _from_folder(folder: Path, prefix: str, suffix: str) -> ReadResult:
    def read(location: str) -> bytes | None:
        try:
            return Path(folder, f"{prefix}{location}{suffix}".lstrip("/")).read_bytes()
        except (OSError, ValueError):
            return None

    return read


# --- The figures ---


def _row(title: str, evaluation: Evaluation, worst: int) -> EvaluationRow:
    scores = evaluation.scores
    exact, overlapping = scores.exact, scores.overlapping
    confusion = sorted(scores.confusion.items(), key=lambda pair: (-pair[1], pair[0]))
    return EvaluationRow(
        results=title,
        models=dict(evaluation.models.most_common()),
        documents=len(scores.documents),
        without_result=tuple(evaluation.without),
        labels=exact.micro.labels,
        categories={
            name: BothWays(exact=_figures(exact.categories[name]), overlapping=_figures(overlapping.categories[name]))
            for name in sorted(exact.categories)
        },
        micro=BothWays(exact=_figures(exact.micro), overlapping=_figures(overlapping.micro)),
        macro=BothWays(exact=_of_macro(scores, is_exact=True), overlapping=_of_macro(scores, is_exact=False)),
        confusion=tuple(
            Confused(labelled=labelled or None, found=found or None, times=times)
            for (labelled, found), times in confusion
        ),
        worst=tuple(
            WorstDocument(document=one.name, missed=one.exact.missed, wrong=one.exact.wrong, f1=round(one.exact.f1, 4))
            for one in scores.worst(worst)
        ),
    )


def _figures(counts: Counts) -> Figures:
    return Figures(
        precision=round(counts.precision, 4),
        recall=round(counts.recall, 4),
        f1=round(counts.f1, 4),
        right=counts.right,
        wrong=counts.wrong,
        missed=counts.missed,
    )


def _of_macro(scores: Scores, *, is_exact: bool) -> Figures:
    macro = (scores.exact if is_exact else scores.overlapping).macro
    return Figures(precision=round(macro.precision, 4), recall=round(macro.recall, 4), f1=round(macro.f1, 4))


# --- In a terminal ---


def _show(rows: Sequence[EvaluationRow], left_out: int) -> None:
    console = make_console()
    for row in rows:
        _show_one(console, row)
    if len(rows) == MOST_SOURCES:
        console.print(Text("side by side: F1, exact", "bold"))
        console.print(_side_by_side(*rows))
    if left_out:
        console.print(plain(f"{count(left_out, 'label', 'labels')} of the file can not be read.", "yellow"))


def _show_one(console: Console, row: EvaluationRow) -> None:
    models = ", ".join(row.models) or "no results"
    console.print(plain(f"{row.results}: {models}", "bold"))
    console.print(plain(f"{count(row.documents, 'document', 'documents')}, {count(row.labels, 'label', 'labels')}"))
    console.print()
    console.print(_table(row))
    wrong = [one for one in row.confusion if one.labelled != one.found]
    if wrong:
        console.print(Text("\nmistakes", "bold"))
        console.print(_lines((f"{one.times:,}", _mistake(one)) for one in wrong[:MOST_CONFUSIONS]))
    if row.worst:
        console.print(Text("\nworst documents", "bold"))
        console.print(
            _lines((f"{one.missed + one.wrong:,}", f"{one.document}  ({one.missed:,} missed, {one.wrong:,} wrong)")
                   for one in row.worst)
        )  # fmt: skip
    if row.without_result:
        number = count(len(row.without_result), "labelled document has", "labelled documents have")
        console.print()
        console.print(plain(f"{number} no result, such as {row.without_result[0]}.", "yellow"))
    console.print()


def _table(row: EvaluationRow) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", overflow="fold")
    for name in ("labels", "P", "R", "F1", "P~", "R~", "F1~"):
        table.add_column(name, justify="right", no_wrap=True)
    lines: Iterator[tuple[str, BothWays]] = iter(
        [*row.categories.items(), ("micro average", row.micro), ("macro average", row.macro)]
    )
    for name, both in lines:
        exact = both.exact
        labels = "" if exact.right is None or exact.missed is None else f"{exact.right + exact.missed:,}"
        figures = [f"{value:.2f}" for one in (exact, both.overlapping) for value in (one.precision, one.recall, one.f1)]
        table.add_row(plain(name), labels, *figures)
    table.caption = "P precision, R recall; ~ where an overlap is enough"
    table.caption_justify = "left"
    return table


def _mistake(one: Confused) -> str:
    if one.found is None or one.found == NOTHING:
        return f"{one.labelled} not found"
    return f"{one.labelled} found as {one.found}" if one.labelled else f"{one.found} found where nothing is labelled"


def _lines(lines: Iterator[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for number, told in lines:
        table.add_row(number, plain(told))
    return table


def _side_by_side(one: EvaluationRow, other: EvaluationRow) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", overflow="fold")
    for name in (one.results, other.results):
        table.add_column(plain(name), justify="right", overflow="fold")
    table.add_column("change", justify="right", no_wrap=True)
    for name in sorted({*one.categories, *other.categories}):
        _add_pair(table, name, one.categories.get(name), other.categories.get(name))
    _add_pair(table, "micro average", one.micro, other.micro)
    _add_pair(table, "macro average", one.macro, other.macro)
    return table


def _add_pair(table: Table, name: str, one: BothWays | None, other: BothWays | None) -> None:
    before, after = one.exact.f1 if one else 0.0, other.exact.f1 if other else 0.0
    style = "green" if after > before else "red" if after < before else ""
    table.add_row(plain(name), f"{before:.2f}", f"{after:.2f}", Text(f"{after - before:+.2f}", style))
