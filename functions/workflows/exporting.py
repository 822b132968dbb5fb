"""Exports what was found: reads the files of results one after the other and gives their rows to a file on disk.

What lies in the output container is exported, also of documents that were deleted since. The files come in the order of
their names, so an export that was interrupted goes on behind the last one that is surely written; the progress file
beside the export says which that is. It also says what an export has seen that changed while it ran: the next one,
`--since` this one, takes what has changed since this one began, and leaves those out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from ..core.export_rows import ROW_KINDS, ExportRow, read_file
from ..core.listings import sort_key
from ..core.records import Moment, Record
from ..core.views import Filter
from ..errors import Changed, Missing, RecordError
from ..storage.containers import BlobInfo, Container

READ_AHEAD = 64
"""Files that are read before their turn, by all threads together."""

FILES_AT_ONCE = 500
"""Files between two notes of how far an export has come: that many are read once more after an interruption."""

CLOCK_DIFFERENCE = timedelta(minutes=15)
"""How far this machine's clock may be from the storage's; with more the storage refuses signed requests ("Authorize
with Shared Key", read 2026-11)."""

MAX_RACES = 5
"""Times that a file may be replaced while it is read."""


class ExportAsked(Record, frozen=True, kw_only=True):
    """What an export is asked for, as its progress file keeps it."""

    format: str
    kinds: tuple[str, ...] = ()
    """Keys of `ROW_KINDS`; empty for all."""
    states: tuple[str, ...] = ()
    prefix: str = ""
    since: Moment | None = None
    until: Moment | None = None
    code: str | None = None
    model: str | None = None
    review: bool | None = None
    is_exact: bool = False
    """Whether cells are written as they are, for programs that are no spreadsheets."""

    def is_like(self, other: "ExportAsked") -> bool:
        """Whether another export asks for the same documents and kinds, whatever its times and its format."""
        mine, others = ((one.kinds, one.states, one.prefix, one.code, one.model, one.review) for one in (self, other))
        return mine == others


class Previous(NamedTuple):
    """What an earlier export has seen."""

    since: datetime
    """What changed before was exported then, or was not asked for."""
    seen: frozenset[str]
    """What it has exported of what changed later: names and ETags as `seen_key` puts them."""


class Start(Record, frozen=True, kw_only=True, tag="start"):
    """The first line of a progress file."""

    asked: ExportAsked
    started: Moment
    previous: str = ""
    """The export that this one continues."""


class Reached(Record, frozen=True, kw_only=True, tag="reached"):
    """How far an export has come; everything before is on the disk."""

    after: str
    """The last file whose rows are written."""
    position: int
    """Where the export goes on: in bytes of its file, or in parts of its folder."""
    documents: int
    rows: int
    unreadable: int = 0
    recent: tuple[str, ...] = ()
    """What was written since the line before of what has changed since shortly before the start."""


class Finished(Record, frozen=True, kw_only=True, tag="finished"):
    """The last line of a progress file."""

    documents: int
    rows: int
    unreadable: int


ProgressLine = Start | Reached | Finished


class ExportWriter(Protocol):
    """Where the rows go."""

    def add(self, rows: Iterable[ExportRow]) -> None:
        """Take rows."""

    def save(self, *, is_last: bool = False) -> int | None:
        """Bring what was taken to the disk, and return the position to go on at; None where it is too early for that.

        The last call brings everything.
        """


class ExportProgress(Protocol):
    """Where an export keeps how far it has come."""

    def note(self, line: Reached | Finished) -> None:
        """Keep a line, surely, before anything else happens."""


class Count(NamedTuple):
    """What an export has written."""

    documents: int = 0
    """Files of results and reports that have rows."""
    rows: int = 0
    unreadable: int = 0
    """Files that are named like the app's and are not."""


class Exporting:
    """Exports from the output container."""

    def __init__(self, output: Container, threads: Executor, files_at_once: int = FILES_AT_ONCE) -> None:
        self._output = output
        self._threads = threads
        self._files_at_once = files_at_once

    def run(
        self,
        start: Start,
        asked: Filter,
        writer: ExportWriter,
        progress: ExportProgress,
        *,
        previous: Previous | None = None,
        reached: Reached | None = None,
    ) -> Iterator[Count]:
        """Export, and yield what is written so far, now and then and at the end.

        `reached` is where an interrupted run of the same export goes on. What `previous` has seen is left out.
        """
        recent_from = start.started - CLOCK_DIFFERENCE
        after = reached.after if reached else ""
        count = Count(reached.documents, reached.rows, reached.unreadable) if reached else Count()
        recent: list[str] = []
        pending = 0
        for file in self.files(asked, start.asked.kinds, after, previous):
            count = Count(
                count.documents + bool(file.rows), count.rows + len(file.rows), count.unreadable + file.is_unreadable
            )
            writer.add(file.rows)
            after, pending = file.name, pending + 1
            if file.changed >= recent_from:
                recent.append(file.seen)
            if pending >= self._files_at_once and (position := writer.save()) is not None:
                progress.note(_reached(after, position, count, recent))
                recent, pending = [], 0
                yield count
        position = writer.save(is_last=True)
        progress.note(_reached(after, position or 0, count, recent))
        progress.note(Finished(documents=count.documents, rows=count.rows, unreadable=count.unreadable))
        yield count

    def files(
        self, asked: Filter, kinds: Iterable[str], after: str, previous: Previous | None
    ) -> Iterator["ExportedFile"]:
        """Yield the files that are asked for, behind the one named `after`, in the order of their names."""
        endings = tuple(ROW_KINDS[kind] for kind in kinds or ROW_KINDS)
        behind = sort_key(after)
        listed = (
            info
            for info in self._output.list(asked.prefix)
            if info.name.endswith(endings)
            and (not after or sort_key(info.name) > behind)
            and not (previous and info.last_modified < previous.since)
            and not (asked.since and info.last_modified < asked.since)
        )
        for file in read_ahead(self._threads, lambda info: self._read(info, asked, previous), listed):
            if file:
                yield file

    def _read(self, info: BlobInfo, asked: Filter, previous: Previous | None) -> "ExportedFile | None":
        for _ in range(MAX_RACES):
            try:
                blob = self._output.read(info.name)
            except Missing:
                return None  # It was withdrawn meanwhile; what came instead has a name of its own.
            except Changed:
                continue
            seen, changed = seen_key(info.name, blob.info.etag), blob.info.last_modified
            if previous and (seen in previous.seen or changed < previous.since):
                # The next export has to leave it out as well.
                return ExportedFile(info.name, changed, seen, ())
            try:
                read = read_file(info.name, blob.data, changed)
            except RecordError:
                return ExportedFile(info.name, changed, seen, (), is_unreadable=True)
            rows = read.rows if asked.matches(read.document) else ()
            return ExportedFile(info.name, changed, seen, rows)
        raise Changed(info.name)


class ExportedFile(NamedTuple):
    """A file of the output container, with the rows that are asked for."""

    name: str
    changed: datetime
    seen: str
    rows: tuple[ExportRow, ...]
    is_unreadable: bool = False


def seen_key(name: str, etag: str) -> str:
    """Return what a version of a file is known by in progress files."""
    return f"{etag} {name}"


def _reached(after: str, position: int, count: Count, recent: list[str]) -> Reached:
    return Reached(
        after=after,
        position=position,
        documents=count.documents,
        rows=count.rows,
        unreadable=count.unreadable,
        recent=tuple(recent),
    )


A = TypeVar("A")
B = TypeVar("B")


def read_ahead(threads: Executor, act: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """Yield what comes of each item, in their order, while the next ones are already worked on."""
    running: deque[Future[B]] = deque()
    try:
        for item in items:
            running.append(threads.submit(act, item))
            if len(running) >= READ_AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
