"""`put`: drop files, and wait for their results where that is asked for."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..core.documents import DocumentState
from ..core.records import Record
from ..errors import Missing
from ..workflows.dropping import Dropped, Dropping, LocalFile, NotDropped, Outcome, files_below
from .access import Access
from .exit_codes import DONE, NOT_ALL_DONE
from .terminal import LONGEST_DAYS, STATE_STYLES, Number, make_console, plain, write_json


class PutRow(Record, frozen=True, kw_only=True):
    """What scripts are told of one file."""

    file: str
    name: str
    state: str
    """`dropped`, `unchanged` (it lay there already), `refused`; after a wait `done`, `failed`, `replaced`, `pending`.

    A document is replaced where a newer version, or none, is there by the end."""
    etag: str = ""
    code: str = ""
    reason: str = ""
    results: tuple[str, ...] = ()
    """Names of the results' blobs, or with `--results` the files that they were written to; texts last."""


@click.command("put")
@click.argument("paths", nargs=-1, required=True, metavar="FILES...", type=click.Path(exists=True, path_type=Path))
@click.option("--into", default="", metavar="PREFIX", help="Put before the names, such as 'loans/'.")
@click.option("--wait", is_flag=True, help="Wait for the results.")
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), help="Write the results here; waits.")
@click.option(
    "--timeout", type=Number(min=0, max=86_400 * LONGEST_DAYS), metavar="SECONDS", help="Wait no longer than this."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each file.")
@click.pass_obj
def put(
    access: Access,
    paths: tuple[Path, ...],
    into: str,
    wait: bool,
    results: Path | None,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Drop FILES, and the files below folders, as documents.

    What lies there with the same content since an earlier `put` is not dropped again, so the same command goes on after
    an interruption. The exit code is 1 where a file was not dropped, or has not all its results by the end of the wait.
    """
    access.check_containers("INPUT_CONTAINER")
    dropping = Dropping(access.intake, access.documents, access.records, access.clock, time.sleep)
    told = _Told(as_json=as_json)
    files = [file for path in paths for file in files_below(path, into)]
    dropped = list(_dropped(dropping, files, told, is_last=not (wait or results)))
    if wait or results:
        # Without it no document would ever be seen to end.
        access.check_containers("STATE_CONTAINER")
        until = access.clock() + timedelta(seconds=timeout) if timeout is not None else None
        left = {one.file.name: one for one in dropped}
        with _bar("results") as bar:
            for outcome in bar.track(dropping.outcomes(dropped, until), total=len(dropped), description="results"):
                del left[outcome.dropped.file.name]
                names = tuple(_saved(dropping, outcome, results)) if results else outcome.result_names
                if outcome.result_names and not names:
                    access.check_containers("OUTPUT_CONTAINER")
                told.outcome(outcome, names)
        for one in left.values():
            told.row(_row(one.file, "pending", etag=one.etag), is_good=False)
    return DONE if told.is_good else NOT_ALL_DONE


def _dropped(dropping: Dropping, files: list[LocalFile], told: "_Told", *, is_last: bool) -> Iterator[Dropped]:
    with _bar("files") as bar:
        for file in bar.track(files, description="files"):
            done = dropping.drop(file)
            if isinstance(done, NotDropped):
                told.row(_row(file, "refused", reason=done.reason), is_good=False)
                continue
            if is_last:
                told.row(_row(file, "dropped" if done.is_new else "unchanged", etag=done.etag))
            yield done


def _bar(what: str) -> Progress:
    """Return a progress bar, which shows in a terminal only."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = make_console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _row(file: LocalFile, state: str, **fields: Any) -> PutRow:
    return PutRow(file=str(file.path), name=file.name, state=state, **fields)


def _saved(dropping: Dropping, outcome: Outcome, folder: Path) -> Iterator[str]:
    """Write results to a folder, under the names of their blobs, and yield where."""
    for name in outcome.result_names:
        path = folder / name.lstrip("/")
        try:
            data = dropping.result(name)
        except Missing:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        yield str(path)


class _Told:
    """Tells what became of each file, in lines of text or of JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console: Console = make_console()
        self.is_good = True

    def row(self, row: PutRow, *, is_good: bool = True) -> None:
        """Tell of one file."""
        self.is_good &= is_good
        if self._as_json:
            write_json(row)
            return
        style = STATE_STYLES.get(row.state, "green" if is_good else "bold red")
        line = Text.assemble((f"{row.state:<9}", style))
        for part in (row.name, row.code, row.reason, *row.results):
            if part:
                line.append("  ").append_text(plain(part))
        self._console.print(line, soft_wrap=True)

    def outcome(self, outcome: Outcome, results: tuple[str, ...]) -> None:
        """Tell what a document has come to."""
        file, etag = outcome.dropped.file, outcome.dropped.etag
        if outcome.state is None:
            self.row(_row(file, "replaced", etag=etag, reason="a newer version, or nothing, is there"), is_good=False)
            return
        row = _row(file, outcome.state.value, etag=etag, code=outcome.code, results=results)
        self.row(row, is_good=outcome.state is DocumentState.DONE)
