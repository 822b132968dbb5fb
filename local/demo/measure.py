"""``measure``: seconds from drop to result for one document, and documents a minute for many small ones."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.demo import view
from local.demo.containers import Containers
from local.demo.folders import document_name, documents_in
from local.demo.run import Requests
from local.stack import SAMPLES, Stack

SINGLE_RUNS = 5
_SINGLE_POLL_S = 0.05
_MANY_POLL_S = 0.5  # a listing of hundreds of blobs costs the emulator some work, so not more often
_UPLOADERS = 8
_TIMEOUT_S = 60
"""The measurement is given up when not a single result has come for so long."""


class MeasurementError(RuntimeError):
    """The product did not deliver a result, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Single:
    """Documents dropped one after the other: seconds from drop to result of each."""

    seconds: tuple[float, ...]
    requests: int

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, slots=True)
class Many:
    """Documents dropped as fast as they go in."""

    documents: int
    size_bytes: int
    drop_seconds: float
    seconds: float
    requests: Requests

    @property
    def per_minute(self) -> float:
        """Documents a minute, from the first drop to the last result."""
        return 60 * self.documents / self.seconds


def measure(stack: Stack, console: Console, documents: int) -> None:
    """Measure both and print the figures with the machine they belong to.

    Raises ``MeasurementError`` if results do not come.
    """
    with Containers(stack) as containers:
        single = measure_single(stack, containers)
        many = measure_many(stack, containers, console, documents)
    requests = many.requests
    console.print(
        view.facts(
            [
                (
                    "one document",
                    f"{single.median:.1f} s from drop to result (median of {len(single.seconds)}, "
                    f"{min(single.seconds):.1f} to {max(single.seconds):.1f} s; {single.requests} requests for all)",
                ),
                (
                    f"{many.documents} documents",
                    f"{many.per_minute:,.0f} documents a minute: {many.seconds:.1f} s from the first drop to the last "
                    f"result, {many.drop_seconds:.1f} s of it until the last was dropped; "
                    f"{many.size_bytes / many.documents:,.0f} bytes each",
                ),
                ("requests", requests.describe(many.documents)),
                ("hosts", f"{len(stack.hosts)}, all parts on one machine"),
                ("machine", view.machine()),
            ]
        )
    )


def measure_single(stack: Stack, containers: Containers) -> Single:
    """Drop one small document after the other into an idle system."""
    before = Requests.of(stack)
    seconds = []
    for number, (name, data) in zip(range(SINGLE_RUNS), _small_documents("single"), strict=False):
        began = time.monotonic()
        etag = containers.drop(name, data)
        while not containers.results_for({name: etag}):
            stack.check()
            if time.monotonic() - began > _TIMEOUT_S:
                raise MeasurementError(f"Document {number + 1} has no result after {_TIMEOUT_S} s.")
            time.sleep(_SINGLE_POLL_S)
        seconds.append(time.monotonic() - began)
    return Single(tuple(seconds), Requests.of(stack).total - before.total)


def measure_many(stack: Stack, containers: Containers, console: Console, count: int) -> Many:
    """Drop ``count`` small documents as fast as the storage takes them and wait for every result."""
    before = Requests.of(stack)
    documents = [document for document, _ in zip(_small_documents("many"), range(count), strict=False)]
    began = last = time.monotonic()
    drop_seconds = 0.0
    waiting: dict[str, str] = {}
    done = 0
    with ThreadPoolExecutor(_UPLOADERS) as pool, _bar(console) as bar:
        task = bar.add_task("results", total=count)
        uploads = {pool.submit(containers.drop, name, data): name for name, data in documents}
        while done < count:
            for upload in [each for each in uploads if each.done()]:
                waiting[uploads.pop(upload)] = upload.result()
                drop_seconds = time.monotonic() - began
            found = containers.results_for(waiting)
            if found:
                last = time.monotonic()
            for name in found:
                del waiting[name]
            done += len(found)
            bar.update(task, completed=done)
            stack.check()
            if time.monotonic() - last > _TIMEOUT_S:
                raise MeasurementError(f"{done} of {count} results have come, and none for {_TIMEOUT_S} s.")
            if done < count:
                time.sleep(_MANY_POLL_S)
    seconds = time.monotonic() - began
    after = Requests.of(stack)
    requests = Requests(after.submissions - before.submissions, after.polls - before.polls, after.jobs - before.jobs)
    return Many(count, sum(len(data) for _, data in documents), drop_seconds, seconds, requests)


def _small_documents(folder: str) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents without end: the labelled letters, each copy with a line of its own."""
    source = SAMPLES / "labelled"
    letters = [(document_name(source, file), file.read_bytes()) for file in documents_in(source)]
    copy = 0
    while True:
        copy += 1
        for name, letter in letters:
            yield f"{folder}/{copy:04}/{name}", letter + f"\nCopy {copy} for {folder}\n".encode()


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
