"""`python -m tests.benchmarks.tables`: how fast results are exported, compared with labels and purged, in which memory.

The emulator gets results, written directly; commands run as processes, as people start them. Against many more
documents the same code runs on a container whose files are made as they are read.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import click
import psutil

from functions.core.results import result_metadata, to_json
from functions.core.views import Filter
from functions.settings import Secret, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.clients import blob_service
from functions.storage.containers import Blob, BlobInfo
from functions.storage.memory_containers import MemoryContainer
from functions.workflows.export_files import ProgressFile, open_writer
from functions.workflows.exporting import ExportAsked, Exporting, Start
from functions.workflows.purging import Purging
from local.azurite import Azurite
from local.process import ROOT
from tests.support.results import document_facts, entities_of, entity

from .figures import Figure

ENTITIES = 10
"""In a document: about as many as the labelled letters of samples/ have."""
PURGED = "loans/0000/"
"""Where the first thousand documents lie."""
THREADS = 16
NOW = datetime.now(UTC).replace(microsecond=0)
FORMATS = ("csv", "jsonl", "parquet")
SAMPLE_S = 0.05


def name_of(number: int) -> str:
    """Return the name of a document; names sort as their numbers."""
    return f"loans/{number // 1000:04d}/letter-{number:07d}.txt"


def result_of(number: int) -> bytes:
    """Return the content of a result."""
    found = [entity(f"Mary Miller {number} {place}", place * 40) for place in range(ENTITIES)]
    return to_json(entities_of(name_of(number), found))


# --- On the emulator ---


def on_emulator(documents: int) -> Iterator[Figure]:
    """Yield what the commands take on the emulator."""
    with Azurite() as storage, tempfile.TemporaryDirectory() as folder:
        service = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
        for name in ("documents", "extraction-state"):
            service.create_container(name)
        output = AzureContainer(service.get_container_client("entities"))

        def write(number: int) -> None:
            metadata = result_metadata(document_facts(name_of(number)), "j1")
            output.write(f"{name_of(number)}.entities.json", result_of(number), metadata=metadata)

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(write, range(documents)))
        settings = write_settings(Path(folder), storage.connection_string)
        labels = write_labels(Path(folder), documents)
        for form in FORMATS:
            yield run(["export", str(Path(folder) / f"out.{form}"), "--json"], settings, documents, "rows")
        yield run(["evaluate", str(labels), "--json"], settings, documents, "labels")
        # Each deleted document is looked for in nine places: a thousand of them say enough.
        yield run(["purge", "--prefix", PURGED, "--older-than", "0", "--json"], settings, min(documents, 1000), None)


def write_settings(folder: Path, connection: str) -> Path:
    """Write the settings of the commands."""
    values = {
        "LANGUAGE_ENDPOINT": "http://127.0.0.1:9",
        "LANGUAGE_KEY": "local",
        "LANGUAGE_PROJECT": "loans",
        "LANGUAGE_DEPLOYMENT": "production",
        "DocumentStorage": connection,
    }
    path = folder / "local.settings.json"
    path.write_text(json.dumps({"Values": values}))
    return path


def write_labels(folder: Path, documents: int) -> Path:
    """Write a labels file in which half of the entities are labelled."""
    listed = [
        {
            "location": name_of(number),
            "entities": [{"labels": [{"category": "Name", "offset": 0, "length": len(f"Mary Miller {number} 0")}]}],
        }
        for number in range(documents)
    ]
    path = folder / "labels.json"
    kind = "CustomEntityRecognition"
    path.write_text(json.dumps({"metadata": {"projectKind": kind}, "assets": {"documents": listed}}))
    return path


def run(command: list[str], settings: Path, documents: int, counted: str | None) -> Figure:
    """Run a command as a process, and measure it."""
    started, most, told = time.perf_counter(), 0, b""
    arguments = [sys.executable, "-m", "functions", "--settings", str(settings), *command]
    with tempfile.TemporaryFile() as file, psutil.Popen(arguments, cwd=ROOT, stdout=file) as process:
        while process.poll() is None:
            try:
                most = max(most, process.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(SAMPLE_S)
        seconds = time.perf_counter() - started
        file.seek(0)
        told = file.read()
    if process.wait():
        raise click.ClickException(f"{' '.join(command)} has failed")
    lines = told.splitlines()
    rows = json.loads(lines[-1])[counted] if counted else len(lines)
    name = command[0] + (f" {Path(command[1]).suffix}" if command[0] == "export" else "")
    return Figure(name, documents, rows, seconds, most / 2**20)


# --- On files that are made as they are read ---


class Generated(MemoryContainer):
    """A container of results that are made as they are read."""

    def __init__(self, documents: int, ending: str) -> None:
        super().__init__()
        self._documents, self._ending = documents, ending

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the files."""
        return (self._info(f"{name_of(number)}{self._ending}") for number in range(self._documents))

    def _info(self, name: str) -> BlobInfo:
        return BlobInfo(name, '"1"', NOW - timedelta(days=1), 900, {})

    def read(self, name: str, **options: object) -> Blob:
        """Make a file."""
        number = int(name.partition("letter-")[2][:7])
        return Blob(self._info(name), TEMPLATE.replace(b"0000000", b"%07d" % number))


TEMPLATE = result_of(0)
assert TEMPLATE.count(b"0000000") == 1


class NothingKept:
    """Notes no progress: what the disk takes is measured on the emulator."""

    def note(self, line: object) -> None:
        """Forget a line."""


def in_memory(documents: int) -> Iterator[Figure]:
    """Yield what exports, and the search for deleted documents, take in memory."""
    import_module("pyarrow.parquet")  # Else the memory of the first runs is without it.
    output, intake = Generated(documents, ".entities.json"), Generated(documents, "")
    for form in FORMATS:
        yield measured(f"export .{form}, in memory", documents, lambda form=form: export(output, form))
    with ThreadPoolExecutor(THREADS) as threads:
        purging = Purging(intake, output, MemoryContainer(), threads, lambda: NOW)
        yield measured("purge, in memory", documents, lambda: (sum(1 for _ in purging.deleted(timedelta())), 0))


def export(output: MemoryContainer, form: str) -> tuple[int, int]:
    """Export everything; return the rows, and the most memory that was taken meanwhile."""
    process, most = psutil.Process(), 0
    asked = ExportAsked(format=form)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(THREADS) as threads:
        out = Path(folder) / f"out.{form}"
        ProgressFile(out).begin(Start(asked=asked, started=NOW))
        writer = open_writer(out, asked, None)
        rows = 0
        for step in Exporting(output, threads).run(Start(asked=asked, started=NOW), Filter(), writer, NothingKept()):
            rows, most = step.rows, max(most, process.memory_info().rss)
        writer.close()
    return rows, most


def measured(what: str, documents: int, act: Callable[[], tuple[int, int]]) -> Figure:
    """Do something, for its processor time and the memory of the process."""
    started = time.process_time()
    rows, most = act()
    seconds = time.process_time() - started
    return Figure(what, documents, rows, seconds, (most or psutil.Process().memory_info().rss) / 2**20)


@click.command()
@click.option("--documents", default=20_000, show_default=True, help="In the emulator.")
@click.option("--many", default=1_000_000, show_default=True, help="In memory; and a tenth of them.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each.")
def main(documents: int, many: int, as_json: bool) -> None:
    """Print what exports, evaluations and searches for deleted documents take."""
    if not as_json:
        print(f"{'command':<28}{'documents':>10}{'rows':>11}{'seconds':>9}{'rows/s':>9}{'MB':>7}")
    for figures in (on_emulator(documents), in_memory(many // 10), in_memory(many)):
        for figure in figures:
            if as_json:
                print(json.dumps(figure), flush=True)
                continue
            what, count, rows, seconds, memory_mb = figure
            speed = rows / seconds
            print(f"{what:<28}{count:>10,}{rows:>11,}{seconds:>9.1f}{speed:>9,.0f}{memory_mb:>7.0f}", flush=True)


if __name__ == "__main__":
    main()
