"""`python -m tests.benchmarks.replay`: how long a dropped document takes while others are replayed.

The whole product runs on this machine. Documents are dropped one by one: first while nothing else happens, then while
many are replayed by the command, as people start it.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from azure.storage.blob import BlobServiceClient

from functions.core.results import entities_name
from functions.settings import Secret, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.clients import blob_service
from functions.storage.document_store import DocumentStore
from local.process import ROOT
from local.stack import Stack

LETTER = "Loan {} of $1000 to Mary Miller, 40 Castle Street, from Northgate Bank.\n"
LONGEST_S = 600.0


def drop_and_wait(intake: AzureContainer, documents: DocumentStore, name: str) -> float:
    """Drop a document; return how long its result took, in seconds."""
    etag = intake.write(name, LETTER.format(name).encode())
    started = time.perf_counter()
    while time.perf_counter() - started < LONGEST_S:
        result = documents.get_result_properties(entities_name(name))
        if result and result.metadata.get("source_etag") == etag:
            return time.perf_counter() - started
        time.sleep(0.05)
    raise click.ClickException(f"{name} has no result")


def wait_for(documents: DocumentStore, count: int) -> None:
    """Wait until there are so many results."""
    while sum(1 for _ in documents.list_results()) < count:
        time.sleep(1)


def times_while(is_going: Callable[[], bool], drop: Callable[[int], float], at_least: int) -> list[float]:
    """Drop one document after the other while something goes on; return how long each took."""
    times: list[float] = []
    while is_going() or len(times) < at_least:
        times.append(drop(len(times)))
    return times


@click.command()
@click.option("--documents", default=2000, show_default=True, help="That are replayed.")
@click.option("--alone", default=15, show_default=True, help="That are dropped while nothing else happens.")
def main(documents: int, alone: int) -> None:
    """Print how long dropped documents take, alone and during a replay."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        blobs: BlobServiceClient = blob_service(StorageConnection(connection_string=Secret(stack.connection_string)))
        intake, output = (AzureContainer(blobs.get_container_client(name)) for name in ("documents", "entities"))
        store = DocumentStore(intake, output)
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda n: intake.write(f"old/{n:05d}.txt", LETTER.format(n).encode()), range(documents)))
        wait_for(store, documents)
        time.sleep(5)
        idle = [drop_and_wait(intake, store, f"idle/{number}.txt") for number in range(alone)]
        command = [sys.executable, "-m", "functions", "--settings", str(Path(folder) / "local.settings.json")]
        arguments = ["replay", "--prefix", "old/", "--yes", "--progress", str(Path(folder) / "progress.json")]
        started = time.perf_counter()
        with subprocess.Popen([*command, *arguments], cwd=ROOT) as process:
            busy = times_while(
                lambda: process.poll() is None,
                lambda number: drop_and_wait(intake, store, f"busy/{number}.txt"),
                1,
            )
        took = time.perf_counter() - started
        print(f"{documents:,} documents replayed in {took:.0f} s, {60 * documents / took:,.0f} a minute")
        for what, times in (("alone", idle), ("during the replay", busy)):
            print(
                f"{what}: {len(times)} documents, median {statistics.median(times):.1f} s, longest {max(times):.1f} s"
            )


if __name__ == "__main__":
    main()
