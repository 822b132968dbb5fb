"""`python -m tests.benchmarks.page_api`: how long a page of a list takes on the server, for each filter.

In memory with 1,000,000 documents, whose records and journal are made as they are read; on the emulator with 20,000,
written directly. A page is asked for as `/api/documents` does: looked up, made into rows, and encoded.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median
from typing import NamedTuple

import click
import msgspec

from functions.core.cursors import to_cursor, to_place
from functions.core.decisions import ReviewStatus
from functions.core.documents import CategoryCount, DocumentRecord, ResultSummary, ReviewFacts
from functions.core.index import Rebuilt, kinds_of
from functions.core.journal import Sums, document_ended, encode_lines
from functions.core.lifecycle import DocumentEvent, claim, conclude, reviewed
from functions.core.names import fitting_name
from functions.core.views import Filter, ShownState
from functions.settings import Secret
from functions.storage.clients import blob_containers
from functions.storage.containers import Blob, BlobInfo, Container, Page
from functions.storage.document_store import DocumentStore
from functions.storage.index_store import INDEX, IndexStore
from functions.storage.journal_store import JOURNAL, JournalStore
from functions.storage.memory_containers import MemoryContainer
from functions.storage.record_format import encode, version_metadata
from functions.storage.record_store import DOCUMENTS, RecordStore
from functions.storage_connection import StorageConnection
from functions.web.api.document_list import page_of
from functions.workflows.document_lists import MOST_ROWS, DocumentLists
from local.azurite import Azurite
from tests.support.material import PROBLEM, facts, work

FAILED_EVERY, REVIEW_EVERY, REVIEWED_EVERY, FOLDER_HAS = 20, 9, 50, 1_000
INSTANCES = 4
HOURS = 240
"""Over which the documents have ended."""
NOW = datetime.now(UTC).replace(microsecond=0)
PAGES = 8
"""Pages that are read of each list."""

ASKED: dict[str, Filter] = {
    "all": Filter(),
    "state=done": Filter(states=frozenset({ShownState.DONE})),
    "state=failed": Filter(states=frozenset({ShownState.FAILED})),
    "state=running": Filter(states=frozenset({ShownState.RUNNING})),
    "review=true": Filter(review=True),
    "reviewed=true": Filter(reviewed=True),
    "prefix (a recent folder)": Filter(prefix="folder-000000/"),
    "prefix (an old folder)": Filter(prefix="folder-000017/"),
    "name=77": Filter(part="77"),
    "name=nothing": Filter(part="nothing"),
    "code=Some": Filter(code=PROBLEM.code),
    "model=loans": Filter(model="loans"),
}


class Figure(NamedTuple):
    """What the pages of a list have taken."""

    what: str
    first_ms: float
    later_ms: float
    """The median of the later ones."""
    worst_ms: float
    rows: int
    pages: int
    looked_at: int
    """The most blobs that a page has looked at."""
    processor_ms: float
    """Processor time of all threads of the process for the costliest page: what a busy machine does not change."""


def name_of(number: int) -> str:
    """Return the name of a document; the latest has the number 0."""
    return f"folder-{number // FOLDER_HAS:06}/{number:09}.txt"


def ended(number: int, documents: int) -> datetime:
    """Return when a document has ended."""
    return NOW - timedelta(seconds=number * (HOURS * 3600 / documents))


def record_of(number: int, documents: int) -> DocumentRecord:
    """Return the record of a document."""
    at = ended(number, documents)
    given = facts(name_of(number), etag=f'"{number:09}"')
    record = claim(None, given, f"job-{number:09}", work(), at - timedelta(seconds=5))
    if number % FAILED_EVERY == 0:
        return conclude(record, DocumentEvent.REPORTED, at, PROBLEM)
    summary = ResultSummary(
        entities=12,
        categories=tuple(CategoryCount(category=category, count=4) for category in ("Borrower", "Amount", "Date")),
        least_sure=0.4 + number % 50 / 100,
    )
    needs = number % REVIEW_EVERY == 0
    record = conclude(record, DocumentEvent.EXTRACTED, at, needs_review=needs, summary=summary)
    return reviewed(record, ReviewFacts(status=ReviewStatus.REVIEWED)) if number % REVIEWED_EVERY == 1 else record


class Templates:
    """Records, lines and metadata, each made once for documents that differ in name, number and time only."""

    def __init__(self, documents: int) -> None:
        self._documents = documents
        self._made: dict[tuple[bool, ...], tuple[DocumentRecord, bytes, bytes, dict[str, str]]] = {}

    def _of(self, number: int) -> tuple[DocumentRecord, bytes, bytes, dict[str, str]]:
        kind = (number % FAILED_EVERY == 0, number % REVIEW_EVERY == 0, number % REVIEWED_EVERY == 1)
        if kind not in self._made:
            record = record_of(number, self._documents)
            line = encode_lines([document_ended(record, Sums(1, 12))]).rstrip(b"\n")
            self._made[kind] = record, encode(record), line, record.metadata() | version_metadata()
        return self._made[kind]

    def _renamed(self, data: bytes, was: DocumentRecord, number: int) -> bytes:
        old = int(was.owner.removeprefix("job-"))
        if old == number:
            return data
        data = data.replace(was.document.name.encode(), name_of(number).encode())
        data = data.replace(b"%09d" % old, b"%09d" % number)
        then, now = (ended(one, self._documents).isoformat()[:19].encode() for one in (old, number))
        return data.replace(then, now)

    def record(self, number: int) -> bytes:
        """Return the record of a document as it is stored."""
        record, data, _, _ = self._of(number)
        return self._renamed(data, record, number)

    def line(self, number: int) -> bytes:
        """Return the line of a document, of the same length for each."""
        record, _, line, _ = self._of(number)
        return self._renamed(line, record, number).ljust(LINE_BYTES) + b"\n"

    def metadata(self, number: int) -> dict[str, str]:
        """Return the metadata of a record."""
        metadata = self._of(number)[3]
        at = ended(number, self._documents).isoformat(timespec="seconds")
        return metadata | {"source_etag": f'"{number:09}"', "owner": f"job-{number:09}", "updated": at}


LINE_BYTES = 500


def pages_of(lists: DocumentLists, asked: Filter) -> Iterator[tuple[float, int, int, float]]:
    """Yield what each page takes, how many rows it has, how many blobs it looks at, and its processor time."""
    place = None
    for _ in range(PAGES):
        started, processor = time.perf_counter(), time.process_time()
        page = lists.page(asked, place, MOST_ROWS)
        msgspec.json.encode(page_of(page))
        took, used = time.perf_counter() - started, time.process_time() - processor
        yield took * 1000, len(page.told), page.looked_at, used * 1000
        if page.next is None:
            return
        place = to_place(to_cursor(page.next))


def measured(make: Callable[[], DocumentLists]) -> Iterator[Figure]:
    """Yield the figures of all filters, each on lists that know nothing yet."""
    for what, asked in ASKED.items():
        found = list(pages_of(make(), asked))
        took = [one[0] for one in found]
        rows, looked_at = sum(one[1] for one in found), max(one[2] for one in found)
        yield Figure(
            what,
            took[0],
            median(took[1:] or took),
            max(took),
            rows,
            len(found),
            looked_at,
            max(one[3] for one in found),
        )


# --- Documents that are made as they are read ---


class Made(MemoryContainer):
    """The state of an app with very many documents; what is written is kept besides."""

    def __init__(self, documents: int) -> None:
        super().__init__()
        self._documents = documents
        self._templates = Templates(documents)
        self._line_length = LINE_BYTES + 1
        self._failed = range(0, documents, FAILED_EVERY)
        hour = NOW.replace(minute=0, second=0)
        self._hours = {f"{hour - timedelta(hours=back):%Y/%m/%d/%H}": back for back in range(HOURS + 1)}

    def _numbers(self, back: int, instance: int) -> range:
        """Return the documents in a blob of the journal, the oldest first."""
        hour = NOW.replace(minute=0, second=0) - timedelta(hours=back)
        step = HOURS * 3600 / self._documents
        newest = max(0, int((NOW - hour - timedelta(hours=1)).total_seconds() / step) + 1) if back else 0
        oldest = min(self._documents, int((NOW - hour).total_seconds() / step) + 1)
        own = [number for number in range(newest, min(newest + INSTANCES, oldest)) if number % INSTANCES == instance]
        return range(own[0], oldest, INSTANCES)[::-1] if own else range(0)

    def read(
        self,
        name: str,
        *,
        if_match: str | None = None,
        start: int = 0,
        end: int | None = None,
        limit: int | None = None,
    ) -> Blob:
        """Return a record or a part of the journal; what was written, otherwise."""
        if name.startswith(DOCUMENTS):
            number = int(name[-13:-4])
            data = self._templates.record(number)
            return Blob(BlobInfo(name, f'"r{number}"', NOW, len(data), {}), data, NOW)
        if name.startswith(JOURNAL):
            folder, _, file = name.removeprefix(JOURNAL).rpartition("/")
            numbers = self._numbers(self._hours[folder], int(file[1]))
            last = -(-(end or 0) // self._line_length)
            chosen = numbers[start // self._line_length : last]
            skipped = start % self._line_length
            data = b"".join(map(self._templates.line, chosen))[skipped : skipped + (end or 0) - start]
            return Blob(BlobInfo(name, '"j"', NOW, len(data), {}), data, NOW)
        return super().read(name, if_match=if_match, start=start, end=end, limit=limit)

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the blobs of the journal, or what was written."""
        if not prefix.startswith(JOURNAL):
            return super().list(prefix)
        return (
            BlobInfo(f"{JOURNAL}{folder}/i{instance}.jsonl", '"j"', NOW, len(numbers) * self._line_length, {})
            for folder, back in sorted(self._hours.items())
            if f"{JOURNAL}{folder}/".startswith(prefix)
            for instance in range(INSTANCES)
            if (numbers := self._numbers(back, instance))
        )

    def list_page(self, prefix: str, marker: str, most: int) -> Page:
        """Return a page of the records, of a list of the index, or of what was written."""
        for folder, numbers in self._folders():
            if prefix.startswith(folder):
                key = lambda number: folder + name_of(number)  # noqa: B023, E731
                start = bisect_left(numbers, marker or prefix, key=key)
                found = [number for number in numbers[start : start + most + 1] if key(number).startswith(prefix)]
                blobs = [self._info(folder, number) for number in found[:most]]
                return Page(blobs, key(found[most]) if len(found) > most else "")
        if prefix.startswith(JOURNAL):
            return Page(list(islice(self.list(prefix), most)), "")
        return super().list_page(prefix, marker, most)

    def _folders(self) -> Iterator[tuple[str, range]]:
        yield DOCUMENTS, range(self._documents)
        yield f"{INDEX}failed/", self._failed
        yield f"{INDEX}reviewed/", range(1, self._documents, REVIEWED_EVERY)
        yield f"{INDEX}review/", range(0, self._documents, REVIEW_EVERY)

    def _info(self, folder: str, number: int) -> BlobInfo:
        metadata = self._templates.metadata(number)
        return BlobInfo(folder + name_of(number), f'"{number}"', NOW, 900, metadata)


def lists_on(state: Container, threads: ThreadPoolExecutor) -> DocumentLists:
    """Return lists on a state container."""
    documents = DocumentStore(MemoryContainer(), MemoryContainer())
    return DocumentLists(
        documents, RecordStore(state), IndexStore(state), JournalStore(state, "i0"), threads, lambda: datetime.now(UTC)
    )


def in_memory(documents: int, threads: ThreadPoolExecutor) -> Iterator[Figure]:
    """Yield what the pages take in memory."""
    state = Made(documents)
    IndexStore(state).save_rebuilt(Rebuilt(as_of=NOW))
    yield from measured(lambda: lists_on(state, threads))


def fill(state: Container, documents: int, threads: ThreadPoolExecutor) -> None:
    """Write records, index and journal."""
    index = IndexStore(state)

    def write(number: int) -> None:
        record = record_of(number, documents)
        name, metadata = record.document.name, record.metadata() | version_metadata()
        state.write(fitting_name(DOCUMENTS, name, ""), encode(record), metadata=metadata)
        for kind in kinds_of(metadata):
            index.add(kind, name, metadata)

    list(threads.map(write, range(documents)))
    index.save_rebuilt(Rebuilt(as_of=NOW))
    for instance in range(INSTANCES):
        JournalStore(state, f"i{instance}").append(
            document_ended(record_of(number, documents), Sums(1, 12))
            for number in reversed(range(instance, documents, INSTANCES))
        )


def on_emulator(documents: int, threads: ThreadPoolExecutor) -> Iterator[Figure]:
    """Yield what the pages take on the emulator."""
    with Azurite() as storage:
        connection = StorageConnection(connection_string=Secret(storage.connection_string))
        state = blob_containers(connection)("extraction-state")
        fill(state, documents, threads)
        yield from measured(lambda: lists_on(state, threads))


def table(title: str, figures: Iterator[Figure]) -> None:
    """Print figures as they come, as a table of Markdown."""
    click.echo(f"\n{title}\n")
    click.echo("| filter | first page, ms | later, median | slowest | processor, most | rows | pages | blobs, most |")
    click.echo("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for one in figures:
        times = (one.first_ms, one.later_ms, one.worst_ms, one.processor_ms)
        cells = (one.what, *(f"{value:.0f}" for value in times), one.rows, one.pages, one.looked_at)
        click.echo(f"| {' | '.join(map(str, cells))} |")


@click.command()
@click.option("--in-memory", "memory", type=int, default=1_000_000, show_default=True, help="Documents in memory.")
@click.option("--on-emulator", "emulator", type=int, default=20_000, show_default=True, help="Documents there.")
def main(memory: int, emulator: int) -> None:
    """Print how long pages of lists take; 0 leaves a part out."""
    with ThreadPoolExecutor(16) as threads:
        if memory:
            table(f"In memory, {memory:,} documents:", in_memory(memory, threads))
        if emulator:
            table(f"On the emulator, {emulator:,} documents:", on_emulator(emulator, threads))


if __name__ == "__main__":
    main()
