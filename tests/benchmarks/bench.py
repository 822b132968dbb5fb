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
from .limited import RUNS, run_all
from .report import conditions, markdown, picture, sheets, sheets_of_instances, show
from .results import Machine, Results, bars, bars_of_instances, from_json
from .rig import BLOCKING, OURS, TIMER, Rig
from .single import LONGEST_DOCUMENT_BYTES, import_time, lone_documents, longest_document, merging
from .transactions import count_transactions

LONE_DOCUMENTS = {OURS: 15, TIMER: 5, BLOCKING: 5}
GROWTH = ((100, 1), (1_000, 1), (5_000, 1), (1_000, 2), (1_000, 4))
"""Documents and hosts of the rounds that show how cost grows."""

SPREAD = (1, 4, 10)
"""Hosts that the documents of a burst are spread over."""

COUNTED = 200
"""Documents of the burst whose storage requests are counted."""

QUICK_GROWTH = ((50, 1), (100, 1), (100, 2))
QUICK_LIMIT_DOCUMENTS = 150
QUICK_LONG_BYTES = 1_000_000

DOCUMENTATION = ROOT / "docs" / "benchmarks.md"
DOCUMENTATION_OF_INSTANCES = ROOT / "docs" / "instances.md"
PICTURE = ROOT / "docs" / "images" / "bench.png"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    documents: list[Document]
    rounds: int
    characters: int
    quick: bool
    limit_documents: int
    limit: int
    runs: tuple[str, ...]


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


def measure_spread(rig: Rig, size: Size, results: Results) -> None:
    """The burst, spread over 1, 4 and 10 hosts"""
    rig.acquaint(size.documents)
    results.spread = [run_burst(rig, OURS, size.documents, hosts=hosts) for hosts in SPREAD]


def measure_limit(rig: Rig, size: Size, results: Results) -> None:
    """Four hosts at a limit of few requests, the last release and this one"""
    dropped = documents(size.limit_documents, size.characters)
    results.add_limited(run_all(size.runs, rig.folder, dropped, size.limit, threads=rig.threads))


MEASURES: dict[str, Callable[[Rig, Size, Results], None]] = {
    "burst": measure_burst,
    "lone": measure_lone,
    "long": measure_long,
    "import": measure_import,
    "merging": measure_merging,
    "growth": measure_growth,
    "transactions": measure_transactions,
    "calls": measure_calls,
    "spread": measure_spread,
    "limit": measure_limit,
}
PARTS = tuple(MEASURES)


@click.command(context_settings={"show_default": True})
@click.option("--documents", "count", type=click.IntRange(1), default=1_000, help="Documents of a burst.")
@click.option("--characters", type=click.IntRange(100), default=CHARACTERS, help="Characters of a document, about.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Rounds of each app, in turn.")
@click.option("--threads", type=click.IntRange(1), default=THREADS, help="Threads of the worker, for both apps.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Measure this part only; repeatable.")
@click.option("--limit-documents", type=click.IntRange(2), default=4_000, help="Documents of a run at a limit.")
@click.option("--limit", type=click.IntRange(2), default=80, help="Requests a minute of the runs at a limit.")
@click.option(
    "--run",
    "runs",
    type=click.Choice([run.name for run in RUNS]),
    multiple=True,
    help="Do this run at a limit only; repeatable.",
)
@click.option("--quick", is_flag=True, help="100 documents, one round, a shorter long document: to try it out.")
@click.option("--add", is_flag=True, help="Keep what the last run measured of the other parts.")
@click.option("--publish", is_flag=True, help="Write docs/benchmarks.md, its picture and docs/instances.md, too.")
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
    limit_documents: int,
    limit: int,
    runs: tuple[str, ...],
    only: tuple[str, ...],
    quick: bool,
    add: bool,
    publish: bool,
    output: Path,
) -> None:
    """Measure Entity Drop against two other ways: waiting for each document's job, and a timer that sends batches."""
    console = Console()
    if quick:
        count, rounds, limit_documents = min(count, 100), 1, min(limit_documents, QUICK_LIMIT_DOCUMENTS)
    results = _last(output) if add else None
    results = replace(results or Results(machine=Machine.this(), threads=threads), machine=Machine.this())
    console.print(conditions(results), soft_wrap=True)
    runs = runs or tuple(run.name for run in RUNS)
    size = Size(documents(count, characters), rounds, characters, quick, limit_documents, limit, runs)
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
    if not all(bar.is_met for bar in (*bars(results), *bars_of_instances(results))):
        console.print("Some bars are missed; the table of processor time says what the machine was busy with.")


def _last(output: Path) -> Results | None:
    """Return the results of the last run, where there was one."""
    file = output / "bench.json"
    return from_json(file.read_text("utf-8")) if file.exists() else None


def _write(results: Results, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "bench.json").write_text(results.to_json(), "utf-8")
    (output / "bench.md").write_text(markdown(results, [*sheets(results), *sheets_of_instances(results)]), "utf-8")
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
Several instances: [instances.md](instances.md). How it scales beyond one machine: [scale.md](scale.md).

![The burst, ours and blocking](images/bench.png)

"""


HEADER_OF_INSTANCES = """# Several instances

This page is written by `make bench` (`python -m tests.benchmarks.bench --only limit --only spread --publish`); edit
`tests/benchmarks/bench.py` instead. How a single instance does: [benchmarks.md](benchmarks.md); a million documents on
up to a hundred instances, by simulation: [scale.md](scale.md).

**At a limit of few requests.** Real processes: four functions hosts, the storage emulator, and Language stand-ins that
refuse what is beyond their limit in any 60 seconds. `REQUESTS_PER_MINUTE` is the same as the limit. All documents are
dropped at once, and their events brought to the hosts in turn.
The last release (commit 9c7d695) and this one work in turn, each once before and once after the other; then this one
has two resources with half of the limit each, and one of them alone, and half of the documents. A run that takes twice
as long as full requests need is ended. The storage emulator does not stop meanwhile to free the space of messages: nor
does the storage (`local/azurite_preload.cjs`).
One resource of 40 requests a minute is little for four hosts: each has a send time only every twelve seconds, the host
takes no further documents while two runs wait for theirs, and a batch that was begun too early for its send time goes
with few documents. So two resources of 40 bring more than twice of what one brings.
*Rate used*: accepted requests, of what the limit allows from the first to the last of them.
*Job done to result*: from the moment that the service was done with a job to that when its result was written; the
storage gives the latter in whole seconds, and they are rounded up.
*Processors*: of all processors, all processes of the machine. A run above 85 % shows what the machine does and not what
the app does: it is not valid and held against no bar.

**A burst spread over hosts.** Real processes, too; all hosts, the emulator and the stand-in share the processors of
this machine, so each of ten hosts is slow, and documents come to it one by one: the hardest case for filling requests.

"""


def _publish(results: Results) -> None:
    if shown := sheets(results):
        DOCUMENTATION.write_text(HEADER + markdown(results, shown), "utf-8")
    if shown := sheets_of_instances(results):
        DOCUMENTATION_OF_INSTANCES.write_text(HEADER_OF_INSTANCES + markdown(results, shown), "utf-8")
    if results.rounds:
        picture(results, PICTURE)


if __name__ == "__main__":
    main()
