"""`export`: everything that was found, as a table."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..core.export_rows import ROW_KINDS
from ..core.records import Record
from ..core.views import Filter, ShownState
from ..workflows.export_files import (
    FORMATS,
    PROGRESS,
    ExportRefused,
    FileWriter,
    Known,
    ProgressFile,
    check_format,
    open_writer,
    previous_of,
    stream_writer,
)
from ..workflows.exporting import Count, ExportAsked, Exporting, Finished, Previous, Reached, Start
from .access import Access
from .exit_codes import DONE, NOT_ALL_DONE
from .list import read_moment
from .terminal import count, make_console, plain, write_json

THREADS = 16


class ExportDone(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What scripts are told of an export."""

    export: str
    documents: int
    """Files of results and reports whose rows were written."""
    rows: int
    unreadable: int
    """Files that are named like results and are none of this version's."""
    is_resumed: bool
    """Whether an interrupted export was continued."""


@click.command("export")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--format", "given", type=click.Choice(sorted(set(FORMATS.values()))), help="Else by the name of OUT.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(ROW_KINDS)), help="Only these; repeatable.")
@click.option("--state", "states", multiple=True, type=click.Choice(["done", "failed"]), help="May be repeated.")
@click.option("--prefix", default="", help="What the names of documents begin with, such as 'loans/'.")
@click.option("--since", metavar="TIME|EXPORT", help="Written then or later; or what has come since an earlier export.")
@click.option("--until", callback=read_moment, metavar="TIME", help="Written before.")
@click.option("--code", help="Code of the error report.")
@click.option("--model", help="Part of the model's name, such as its project.")
@click.option("--review/--no-review", default=None, help="Whether a person should check the result.")
@click.option("--exact", is_flag=True, help="CSV for programs: cells as they are. Do not open it in a spreadsheet.")
@click.option("--anew", is_flag=True, help="Begin anew where OUT is there.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON at the end.")
@click.pass_context
def export(
    context: click.Context,
    /,
    out: Path,
    given: str | None,
    since: str | None,
    anew: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Write all entities, classes, key phrases, personal and healthcare data and errors to OUT, one row each.

    OUT is a file .csv or .jsonl, a folder .parquet, or '-' for the standard output. The file OUT.export.jsonl beside
    it says how far the export has come: the same command continues an interrupted one, and '--since OUT' of a later
    export takes what has come since this one. The exit code is 1 where a result could not be read.
    """
    access: Access = context.obj
    form = given or FORMATS.get(out.suffix.lower())
    if form is None:
        raise click.UsageError(f"The format is not clear from {str(out)!r}: give --format csv, jsonl or parquet.")
    earlier, moment = _since(context, since)
    asked = _asked(form, moment, options)
    previous = _previous(earlier, asked)
    start = Start(asked=asked, started=access.clock(), previous=str(earlier or ""))
    access.check_containers("OUTPUT_CONTAINER")
    with ThreadPoolExecutor(THREADS) as threads:
        exporting = Exporting(access.output, threads)
        try:
            done = (
                _to_output(exporting, start, previous)
                if str(out) == "-"
                else _to_disk(exporting, out, start, previous, anew)
            )
        except ExportRefused as refused:
            raise click.ClickException(str(refused)) from None
    _tell(done, as_json=as_json, to_stderr=str(out) == "-")
    return NOT_ALL_DONE if done.unreadable else DONE


def _since(context: click.Context, text: str | None) -> tuple[Path | None, datetime | None]:
    """Return the earlier export that an option names, or the time."""
    if text and Path(text + PROGRESS).exists():
        return Path(text), None
    parameter = next(one for one in context.command.params if one.name == "since")
    try:
        return None, read_moment(context, parameter, text)
    except click.BadParameter:
        raise click.BadParameter(
            f"{text!r} is no time such as 2026-11-23, and there is no {text}{PROGRESS} of an earlier export.",
            param=parameter,
        ) from None


def _previous(export: Path | None, asked: ExportAsked) -> Previous | None:
    try:
        return previous_of(export, asked) if export else None
    except ExportRefused as refused:
        raise click.ClickException(str(refused)) from None


def _asked(form: str, since: datetime | None, options: dict[str, Any]) -> ExportAsked:
    return ExportAsked(
        format=form,
        kinds=options["kinds"],
        states=options["states"],
        prefix=options["prefix"],
        since=since,
        until=options["until"],
        code=options["code"],
        model=options["model"],
        review=options["review"],
        is_exact=options["exact"],
    )


def _filter(asked: ExportAsked) -> Filter:
    return Filter(
        states=frozenset(map(ShownState, asked.states)),
        prefix=asked.prefix,
        since=asked.since,
        until=asked.until,
        code=asked.code,
        model=asked.model,
        review=asked.review,
    )


def _to_output(exporting: Exporting, start: Start, previous: Previous | None) -> ExportDone:
    if start.asked.format == "parquet":
        raise click.UsageError("Parquet is written to a folder, not to the standard output.")
    writer = stream_writer(sys.stdout.buffer, start.asked)
    steps = exporting.run(start, _filter(start.asked), writer, _NoProgress(), previous=previous)
    written = _last(steps)
    writer.close()
    return _done("-", written, is_resumed=False)


def _to_disk(exporting: Exporting, out: Path, start: Start, previous: Previous | None, anew: bool) -> ExportDone:
    known, progress = Known(out), ProgressFile(out)
    if not anew:
        _check_same(known, out, start)
    is_resumed = known.start is not None and not anew
    reached = known.reached if is_resumed else None
    start = known.start if is_resumed and known.start else start
    check_format(start.asked.format)
    with ExitStack() as stack:
        # Before the export itself: whatever is found without a progress file is somebody else's.
        stack.callback(progress.close)
        if is_resumed:
            progress.resume()
        else:
            progress.begin(start)
        writer: FileWriter = open_writer(out, start.asked, reached)
        stack.callback(writer.close)
        steps = exporting.run(start, _filter(start.asked), writer, progress, previous=previous, reached=reached)
        return _done(str(out), _last(_shown(steps)), is_resumed=is_resumed)


def _check_same(known: Known, out: Path, start: Start) -> None:
    """Refuse to write over what is no interrupted run of the same command."""
    if known.start is None:
        if out.exists():
            raise ExportRefused(f"{out} is there already: give another name, or --anew to write over it.")
        return
    if known.is_finished:
        raise ExportRefused(
            f"{out} is whole: give another name with '--since {out}' for what has come since, or --anew to repeat it."
        )
    if (known.start.asked, known.start.previous) != (start.asked, start.previous):
        raise ExportRefused(f"{out} was begun with other options: repeat those, or give --anew to begin again.")


def _shown(steps: Iterator[Count]) -> Iterator[Count]:
    """Show in a terminal how far it is."""
    console = make_console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading")
        for step in steps:
            progress.update(task, description=f"{step.documents:,} files, {step.rows:,} rows")
            yield step


def _last(steps: Iterator[Count]) -> Count:
    written = Count()
    for step in steps:
        written = step
    return written


def _done(out: str, written: Count, *, is_resumed: bool) -> ExportDone:
    return ExportDone(
        export=out,
        documents=written.documents,
        rows=written.rows,
        unreadable=written.unreadable,
        is_resumed=is_resumed,
    )


def _tell(done: ExportDone, *, as_json: bool, to_stderr: bool) -> None:
    if as_json and not to_stderr:
        write_json(done)
        return
    console = make_console(stderr=to_stderr)
    told = f"{count(done.rows, 'row', 'rows')} of {count(done.documents, 'result', 'results')}"
    console.print(plain(f"{told} in {done.export}" if done.export != "-" else told), soft_wrap=True)
    if done.unreadable:
        left = count(done.unreadable, "file named like a result is", "files named like a result are")
        console.print(plain(f"{left} left out: not to be read.", "yellow"), soft_wrap=True)


class _NoProgress:
    """Nothing is kept of an export to the standard output."""

    def note(self, line: Reached | Finished) -> None:
        return
