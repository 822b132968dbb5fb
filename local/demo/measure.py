"""``measure``: seconds from drop to result for one document, and documents a minute for many small ones."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from functions.cli import terminal
from local.demo import view
from local.demo.containers import Containers
from local.demo.folders import document_name, documents_in
from local.demo.run import Requests
from local.stack import SAMPLES, Stack

_SINGLE_POLL_S = 0.05
_MANY_POLL_S = 0.25
_LISTING_SHARE = 0.1
"""Listing hundreds of results is work for this program and the emulator, which share the machine with what is measured;
so after a listing we wait until listings take no more than this share of the time."""
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
    processor_seconds: dict[str, float]
    """Processor time that each part took, and this program (which drops, lists and reads)."""

    @property
    def per_minute(self) -> float:
        """Documents a minute, from the first drop to the last result."""
        return 60 * self.documents / self.seconds


def measure(stack: Stack, console: Console, documents: int, single: int) -> None:
    """Measure ``single`` documents one by one and ``documents`` at once; print the figures and the machine.

    Raises ``MeasurementError`` if results do not come.
    """
    with Containers(stack) as containers:
        alone = measure_single(stack, containers, single)
        many = measure_many(stack, containers, console, documents)
    requests = many.requests
    console.print(
        terminal.facts(
            [
                (
                    "one document",
                    f"{alone.median:.1f} s from drop to result (median of {len(alone.seconds)}, "
                    f"{min(alone.seconds):.1f} to {max(alone.seconds):.1f} s; {alone.requests} requests for all)",
                ),
                (
                    f"{many.documents} documents",
                    f"{many.per_minute:,.0f} documents a minute: {many.seconds:.1f} s from the first drop to the last "
                    f"result, {many.drop_seconds:.1f} s of it until the last was dropped; "
                    f"{many.size_bytes / many.documents:,.0f} bytes each",
                ),
                ("requests", requests.describe(many.documents)),
                (
                    "processor time",
                    ", ".join(f"{part} {seconds:.1f} s" for part, seconds in many.processor_seconds.items()),
                ),
                ("hosts", f"{len(stack.hosts)}, all parts on one machine"),
                ("machine", view.machine()),
            ]
        )
    )


def measure_single(stack: Stack, containers: Containers, count: int) -> Single:
    """Drop ``count`` small documents, one after the other, into an idle system."""
    before = Requests.of(stack)
    seconds = []
    for number, (name, data) in zip(range(count), _small_documents("single"), strict=False):
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
    before, processor_before = Requests.of(stack), _processor_seconds(stack)
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
            listing = time.monotonic()
            found = containers.results_for(waiting)
            listing = time.monotonic() - listing
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
                time.sleep(max(_MANY_POLL_S, listing / _LISTING_SHARE))
    seconds = time.monotonic() - began
    after = Requests.of(stack)
    requests = Requests(after.submissions - before.submissions, after.polls - before.polls, after.jobs - before.jobs)
    processor = {part: taken - processor_before[part] for part, taken in _processor_seconds(stack).items()}
    return Many(count, sum(len(data) for _, data in documents), drop_seconds, seconds, requests, processor)


def _processor_seconds(stack: Stack) -> dict[str, float]:
    seconds = {"this program": time.process_time()}
    for part in stack.parts:
        times = psutil.Process(part.pid).cpu_times()
        seconds[part.name] = times.user + times.system
    return seconds


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
