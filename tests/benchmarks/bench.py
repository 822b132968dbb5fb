"""`python -m tests.benchmarks.bench` (`make bench`): this app and two other ways to do it, side by side, in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.console import Console

from local.process import ROOT
from local.stack import THREADS

from .burst import run_burst, side_by_side
from .calls import storage_calls
from .documents import CHARACTERS, Document, documents
from .report import conditions, markdown, picture, show
from .results import Machine, Results, bars, from_json
from .rig import BLOCKING, OURS, TIMER, Rig
from .single import LONGEST_DOCUMENT_BYTES, import_time, lone_documents, longest_document, merging
from .transactions import count_transactions

LONE_DOCUMENTS = {OURS: 15, TIMER: 5, BLOCKING: 5}
GROWTH = ((100, 1), (1_000, 1), (5_000, 1), (1_000, 2), (1_000, 4))
"""Documents and hosts of the rounds that show how cost grows."""

COUNTED = 200
"""Documents of the burst whose storage requests are counted."""

QUICK_GROWTH = ((50, 1), (100, 1), (100, 2))
QUICK_LONG_BYTES = 1_000_000

DOCUMENTATION = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "images" / "bench.png"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    documents: list[Document]
    rounds: int
    characters: int
    quick: bool


def measure_burst(rig: Rig, size: Size, results: Results) -> None:
    """The burst, all apps in turn"""
    results.rounds = side_by_side(rig, size.documents, size.rounds)


def measure_lone(rig: Rig, size: Size, results: Results) -> None:
    """Lone documents"""
    results.lone = []
    for contestant, count in LONE_DOCUMENTS.items():
        results.lone += lone_documents(rig, contestant, min(3, count) if size.quick else count)


def measure_long(rig: Rig, size: Size, results: Results) -> None:
    """The longest document"""
    results.long = longest_document(rig, QUICK_LONG_BYTES if size.quick else LONGEST_DOCUMENT_BYTES)


def measure_import(rig: Rig, size: Size, results: Results) -> None:
    """The import of the app"""
    results.imported = import_time()


def measure_merging(rig: Rig, size: Size, results: Results) -> None:
    """Merging and writing"""
    results.merging = merging(rig)


def measure_growth(rig: Rig, size: Size, results: Results) -> None:
    """Growth: more documents, more hosts"""
    results.growth = []
    for count, hosts in QUICK_GROWTH if size.quick else GROWTH:
        more = documents(count, size.characters)
        rig.acquaint(more)
        results.growth.append(run_burst(rig, OURS, more, hosts=hosts))


def measure_transactions(rig: Rig, size: Size, results: Results) -> None:
    """Storage requests"""
    results.transactions = count_transactions(rig.folder / "counted", size.documents[:COUNTED])


def measure_calls(rig: Rig, size: Size, results: Results) -> None:
    """The processor time of storage calls"""
    results.calls = storage_calls(rig)


MEASURES: dict[str, Callable[[Rig, Size, Results], None]] = {
    "burst": measure_burst,
    "lone": measure_lone,
    "long": measure_long,
    "import": measure_import,
    "merging": measure_merging,
    "growth": measure_growth,
    "transactions": measure_transactions,
    "calls": measure_calls,
}
PARTS = tuple(MEASURES)


@click.command(context_settings={"show_default": True})
@click.option("--documents", "count", type=click.IntRange(1), default=1_000, help="Documents of a burst.")
@click.option("--characters", type=click.IntRange(100), default=CHARACTERS, help="Characters of a document, about.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Rounds of each app, in turn.")
@click.option("--threads", type=click.IntRange(1), default=THREADS, help="Threads of the worker, for both apps.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Measure this part only; repeatable.")
@click.option("--quick", is_flag=True, help="100 documents, one round, a shorter long document: to try it out.")
@click.option("--add", is_flag=True, help="Keep what the last run measured of the other parts.")
@click.option("--publish", is_flag=True, help="Write docs/benchmarks.md and its picture as well.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "bench-results",
    show_default="bench-results",
    help="Folder for bench.json, bench.png and bench.md.",
)
def main(
    count: int,
    characters: int,
    rounds: int,
    threads: int,
    only: tuple[str, ...],
    quick: bool,
    add: bool,
    publish: bool,
    output: Path,
) -> None:
    """Measure Entity Drop against two other ways: waiting for each document's job, and a timer that sends batches."""
    console = Console()
    if quick:
        count, rounds = min(count, 100), 1
    results = _last(output) if add else None
    results = replace(results or Results(machine=Machine.this(), threads=threads), machine=Machine.this())
    console.print(conditions(results), soft_wrap=True)
    size = Size(documents(count, characters), rounds, characters, quick)
    with tempfile.TemporaryDirectory(prefix="entity-drop-bench-") as folder, Rig(Path(folder), threads=threads) as rig:
        for part in PARTS:
            if part in (only or PARTS):
                console.print(f"{MEASURES[part].__doc__} …")
                MEASURES[part](rig, size, results)
                # After each part: a long run that is interrupted has not been for nothing.
                _write(results, output)
    show(results, console)
    if publish:
        _publish(results)
    if not all(bar.is_met for bar in bars(results)):
        console.print("Some bars are missed; the table of processor time says what the machine was busy with.")


def _last(output: Path) -> Results | None:
    """Return the results of the last run, where there was one."""
    file = output / "bench.json"
    return from_json(file.read_text("utf-8")) if file.exists() else None


def _write(results: Results, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "bench.json").write_text(results.to_json(), "utf-8")
    (output / "bench.md").write_text(markdown(results), "utf-8")
    if results.rounds:
        picture(results, output / "bench.png")


HEADER = """# Benchmarks

This page is written by `make bench` (`python -m tests.benchmarks.bench --publish`); edit `tests/benchmarks/bench.py`
instead.

Three apps on the same functions host, with the same number of threads, the same storage emulator and the same Language
stand-in, get the same documents of about 2,000 characters, round after round in turn:

- **entity-drop**: this project.
- **blocking**: [what the public samples for this job do](../tests/benchmarks/blocking/function_app.py), a blob trigger
  that calls `azure-ai-textanalytics`' `begin_recognize_custom_entities(…).result()` and writes the output.
- **timer**: [what a careful engineer writes today](../tests/benchmarks/timer/function_app.py), a timer that lists new
  documents every 15 seconds and sends 25 at a time with the same client, reading the results in the same run.

Every round has fresh hosts, a fresh emulator and the whole rate limit; every document must get its result, and a sample
of the results is compared with what the stand-in finds when it is asked directly.
Each document is followed by its event, as Event Grid sends it: the only source that Flex Consumption takes.
The number of threads is what the product ships with; each app has the `host.json` that suits it, ours 4 runs of the
blob trigger at a time, the blocking app as many as there are threads; the one with the timer works with as many threads
of its own.
*Function-seconds* is the time for which a thread of the worker is held.
The stand-in has read every text before, because the real service computes on machines of its own.

What bounds each of them: the blocking app its threads, as each is held for five seconds; from 28 threads on the rate
limit of the service would, at 333 documents a minute. Ours, on a small machine, what the storage clients and the
storage emulator compute: the tables of processor time say how much, and so how many documents the cores allow at most
when nothing else wants them. More threads would not make it faster here. Each of the two processes has one core's
worth of work at most, because Python and the emulator each compute on one core at a time.
With more documents the emulator works longer for each request, because of what it holds already; the app does not, as
the last two columns of "How it grows" say, and its memory stays flat.
How it scales beyond one machine: [scale.md](scale.md).

![The burst, ours and blocking](images/bench.png)

"""


def _publish(results: Results) -> None:
    DOCUMENTATION.write_text(HEADER + markdown(results), "utf-8")
    if results.rounds:
        picture(results, PICTURE)


if __name__ == "__main__":
    main()
