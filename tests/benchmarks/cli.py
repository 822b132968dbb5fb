"""`python -m tests.benchmarks.cli`: how long the commands take, and how much memory, with many documents.

The emulator gets documents, records and a journal, written directly; commands run as processes, as people start them.
Against many more documents the same code runs on listings that are made as they are read.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import psutil

from functions.core.documents import DocumentRecord
from functions.core.index import IndexKind, Rebuilt
from functions.core.journal import Summary, Sums, document_ended
from functions.core.lifecycle import DocumentEvent, claim, conclude
from functions.core.views import Filter, ShownState
from functions.settings import Secret, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.clients import blob_service
from functions.storage.containers import BlobInfo, Container
from functions.storage.document_store import DocumentStore
from functions.storage.expiry_store import ExpiryStore
from functions.storage.index_store import IndexStore
from functions.storage.journal_store import JournalStore
from functions.storage.memory_containers import MemoryContainer
from functions.storage.record_format import version_metadata
from functions.storage.record_store import DOCUMENTS, RecordStore
from functions.workflows.queries import BudgetStore, Queries, StatusReader
from local.azurite import Azurite
from local.process import ROOT
from tests.support.material import PROBLEM, facts, work

from .figures import Figure

FAILED_EVERY = 20
CONTENT = b"Mary Miller borrows $1000 from Alan Archer."
FAILED_ONES = ["list", "--json", "--state", "failed"]
COMMANDS = (["status", "--json"], FAILED_ONES, [*FAILED_ONES, "--scan"], ["list", "--json"])
NOW = datetime.now(UTC).replace(microsecond=0)


def name_of(number: int) -> str:
    """Return the name of a document; names sort as their numbers."""
    return f"loans/{number // 1000:04d}/letter-{number:07d}.txt"


def record_of(number: int, etag: str, now: datetime) -> DocumentRecord:
    """Return the record of a document that has ended; every twentieth has failed."""
    read = facts(name_of(number), etag=etag, last_modified=now - timedelta(seconds=4))
    record = claim(None, read, f"{number:032x}", work(), now)
    if number % FAILED_EVERY:
        return conclude(record, DocumentEvent.EXTRACTED, now)
    return conclude(record, DocumentEvent.REPORTED, now, PROBLEM)


# --- On the emulator ---


def fill(intake: Container, state: Container, documents: int) -> None:
    """Write documents, their records and their lines; the summary knows of half of them."""
    records, journal, lines = RecordStore(state), JournalStore(state, "benchmark"), []
    index = IndexStore(state)

    def write(number: int) -> DocumentRecord:
        etag = intake.write(name_of(number), CONTENT)
        ended = record_of(number, etag, NOW - timedelta(hours=1 + 20 * (number % 2)))
        records.save_document(ended, None)
        if ended.last_error:
            index.add(IndexKind.FAILED, ended.document.name, ended.metadata())
        return ended

    with ThreadPoolExecutor(16) as threads:
        each = Sums(text_records=1, found=3)
        lines = [document_ended(record, each) for record in threads.map(write, range(documents))]
    journal.append(lines)
    index.save_rebuilt(Rebuilt(as_of=NOW))
    before = [line for line in lines if line.at < NOW - timedelta(hours=12)]
    failed = sum(1 for line in before if line.code)
    journal.save_summary(Summary(as_of=NOW - timedelta(hours=12), done=len(before) - failed, failed=failed))


def run(command: list[str], settings: Path, documents: int) -> Figure:
    """Run a command as a process, and measure it."""
    started, most, lines = time.perf_counter(), 0, 0
    arguments = [sys.executable, "-m", "functions", "--settings", str(settings), *command]
    with psutil.Popen(arguments, cwd=ROOT, stdout=-1) as process:
        for _ in process.stdout:
            lines += 1
            if lines % 500 == 1:
                most = max(most, process.memory_info().rss)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} has failed")
    return Figure(" ".join(command), documents, lines, time.perf_counter() - started, most / 2**20)


def on_emulator(documents: int) -> Iterator[Figure]:
    """Yield what the commands take on the emulator."""
    with Azurite() as storage, tempfile.TemporaryDirectory() as folder:
        service = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
        intake, _, state = (
            AzureContainer(service.get_container_client(name)) for name in ("documents", "entities", "extraction-state")
        )
        fill(intake, state, documents)
        settings = Path(folder) / "local.settings.json"
        values = {
            "LANGUAGE_ENDPOINT": "http://127.0.0.1:9",
            "LANGUAGE_KEY": "local",
            "LANGUAGE_PROJECT": "loans",
            "LANGUAGE_DEPLOYMENT": "production",
            "DocumentStorage": storage.connection_string,
        }
        settings.write_text(json.dumps({"Values": values}))
        for command in COMMANDS:
            yield run(command, settings, documents)


# --- On listings that are made as they are read ---


class Listed(MemoryContainer):
    """A container whose listing is made as it is read."""

    def __init__(self, prefix: str, documents: int, info: Callable[[int], BlobInfo]) -> None:
        super().__init__()
        self._prefix, self._documents, self._info = prefix, documents, info

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the documents, or their records; what was written here besides."""
        if prefix and not prefix.startswith(self._prefix):
            return super().list(prefix)
        return map(self._info, range(self._documents))


def document_info(number: int) -> BlobInfo:
    """Return what a listing tells of a document."""
    return BlobInfo(name_of(number), f'"{number}"', NOW, len(CONTENT), {})


def record_info(number: int) -> BlobInfo:
    """Return what a listing tells of a record."""
    metadata = METADATA[number % FAILED_EVERY == 0] | {"source_etag": f'"{number}"'}
    return BlobInfo(DOCUMENTS + name_of(number), f'"r{number}"', NOW, 900, metadata)


METADATA = [record_of(number, "", NOW).metadata() | version_metadata() for number in (1, 0)]
"""Of a record that is done, and of one that has failed."""


def in_memory(documents: int) -> Iterator[Figure]:
    """Yield what lists and status take in memory; since the summary a tenth of the documents has ended."""
    intake, state = Listed("", documents, document_info), Listed(DOCUMENTS, documents, record_info)
    records, journal = RecordStore(state), JournalStore(state, "benchmark")
    journal.save_summary(Summary(as_of=NOW - timedelta(hours=2), done=documents, failed=0))
    journal.append(
        document_ended(record_of(number, '"1"', NOW - timedelta(hours=1))) for number in range(documents // 10)
    )
    queries = Queries(DocumentStore(intake, MemoryContainer()), records, IndexStore(state), ThreadPoolExecutor(16))
    failed = Filter(states=frozenset({ShownState.FAILED}))
    budgets = BudgetStore(state, (), 1000, None)
    reader = StatusReader(records, journal, {}, budgets, {}, lambda: NOW, 90, ExpiryStore(state))
    yield measured("list --state failed", documents, lambda: sum(1 for _ in queries.rows(failed)))
    yield measured("list", documents, lambda: sum(1 for _ in queries.rows(Filter())))
    yield measured("status", documents, lambda: bool(reader.read().done))


def measured(what: str, documents: int, act: Callable[[], int]) -> Figure:
    """Do something twice: for its processor time, and for the memory that it holds on top of what was there."""
    started = time.process_time()
    lines = int(act())
    seconds = time.process_time() - started
    tracemalloc.start()
    act()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Figure(f"{what}, in memory", documents, lines, seconds, most / 2**20)


@click.command()
@click.option("--documents", default=20_000, show_default=True, help="In the emulator.")
@click.option("--many", default=1_000_000, show_default=True, help="In memory; and a tenth of them.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each.")
def main(documents: int, many: int, as_json: bool) -> None:
    """Print what the commands take."""
    if not as_json:
        print(f"{'command':<36}{'documents':>10}{'lines':>10}{'seconds':>9}{'MB':>8}")
    for figures in (on_emulator(documents), in_memory(many // 10), in_memory(many)):
        for figure in figures:
            if as_json:
                print(json.dumps(figure), flush=True)
                continue
            what, count, lines, seconds, memory_mb = figure
            print(f"{what:<36}{count:>10,}{lines:>10,}{seconds:>9.1f}{memory_mb:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
