"""What an incident of the Language service costs: recovery and bills, by kind and length, on a virtual clock.

    python -m tests.benchmarks.incidents          prints the table
    python -m tests.benchmarks.incidents --write  writes docs/incidents.md

Documents are dropped before the incident, all through it, and at its end. The whole app runs, its storage in memory,
against the Language stand-in; only the clock is not real. One run with 100 documents and four hours takes seconds.
"""

import argparse
import logging
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from functions.core.health import CONTROL_TEXT
from tests.support.world import Call, Crash, World, letter

PAGE = Path(__file__).parents[2] / "docs" / "incidents.md"

MINUTES = (0.5, 2.0, 10.0, 60.0, 240.0)
BEGIN, END = "<!-- incidents -->", "<!-- /incidents -->"

BATCH = 25
LIMIT_MINUTES = {0.5: 5.0, 2.0: 5.0, 10.0: 10.0, 60.0: 12.0, 240.0: 15.0}
"""How long after the end of an incident of this length the last result may come, with up to 100 documents."""

REFUSED = "refused"

KINDS: dict[str, str] = {
    "failed-internal": "jobs fail with an internal error",
    "document-internal": "each document gets an internal error",
    "document-unknown": "each document gets an error with a code that nobody has documented",
    "all-missing": "jobs end without any document",
    "json-404@GET": "polls get a 404 in the service's own form",
    "html-404@GET": "polls get a proxy's 404 page",
    "html-400@POST": "submissions get a proxy's 400 page",
    "html-400@GET": "polls get a proxy's 400 page",
    "html-413@POST": "submissions get a proxy's 413 page",
    "html-413@GET": "polls get a proxy's 413 page",
    "html-502@POST": "submissions get a proxy's 502 page",
    "html-502@GET": "polls get a proxy's 502 page",
    "html-200@POST": "submissions get a sign-in page with 200",
    "html-200-after@POST": "submissions are accepted, and answered with a sign-in page",
    "html-200@GET": "polls get a sign-in page with 200",
    REFUSED: "connections are refused",
    "cut-before": "connections are cut before an answer",
    "latency@POST": "submissions are accepted, and answered too late",
    "latency@GET": "polls are answered too late",
}


class Outcome(NamedTuple):
    """What an incident has cost. `recovered_s`: from its end to the last result, at least 0."""

    kind: str
    minutes: float
    documents: int
    recovered_s: float
    most_submissions: int
    mean_submissions: float
    controls: int
    reports: int
    missing: int


@dataclass(frozen=True)
class Dying:
    """A gate that kills the worker now and then, at a random call."""

    rng: random.Random
    rate: float

    def __call__(self, call: Call) -> None:
        if self.rng.random() < self.rate:
            raise Crash(f"killed {call}")


def run(kind: str, minutes: float, documents: int, *, crash_rate: float = 0.0, seed: int = 1) -> Outcome:
    """Let an incident happen, and return what it has cost."""
    world = World(seed=seed)
    world.faults.latency_seconds = (40.0, 60.0)
    names = [f"{number}.txt" for number in range(documents)]
    texts = {name: letter(number) for number, name in enumerate(names)}
    if documents > 1:
        # Their job is accepted before the incident, and ends in it.
        _drop(world, texts, names[:BATCH])
        _run_for(world, timedelta(seconds=0.5))
    start = world.clock()
    end = start + timedelta(minutes=minutes)
    gates = [Dying(random.Random(seed), crash_rate)] if crash_rate else []
    if kind == REFUSED:
        gates.append(_refuse)
    else:
        world.faults.rates = {kind: 1.0}
    world.gate = lambda call: [gate(call) for gate in gates] and None
    for after, batch in _drops(names[BATCH:] or names, end - start):
        _run_for(world, start + after - world.clock())
        _drop(world, texts, batch)
    _run_for(world, end - world.clock())
    world.faults.rates = {}
    world.gate = None
    _run_for(world, timedelta(hours=8))
    return _outcome(world, kind, minutes, texts, end)


def _refuse(call: Call) -> None:
    if call.place == "service" and call.moment == "before":
        refused = NewConnectionError(None, "Connection refused")  # type: ignore[arg-type]
        raise requests.ConnectionError(MaxRetryError(None, "/", refused))  # type: ignore[arg-type]


def _drops(names: Sequence[str], length: timedelta) -> Iterator[tuple[timedelta, Sequence[str]]]:
    """Yield when which documents are dropped: half of them as the incident begins, the others evenly all through it."""
    batches = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
    at_once = -(-len(batches) // 2)
    for number, batch in enumerate(batches):
        yield length * max(0, number - at_once + 1) / len(batches), batch


def _drop(world: World, texts: dict[str, str], batch: Sequence[str]) -> None:
    for name in batch:
        world.drop(name, texts[name], announce=False)
    try:
        world.deliver_together(*batch)
    except Crash:
        world.restart()


def _run_for(world: World, duration: timedelta) -> None:
    """Run the world, a worker that has died replaced by the next one; the sweep runs every five minutes."""
    until = world.clock() + duration
    while world.clock() < until:
        step = min(until - world.clock(), timedelta(minutes=5))
        before = world.clock()
        try:
            world.run_for(step, max_steps=200_000)
            if step >= timedelta(minutes=5):
                world.sweep()
        except Crash:
            world.restart()
            if world.clock() == before:
                world.clock.advance(0.1)


def _outcome(world: World, kind: str, minutes: float, texts: dict[str, str], end: datetime) -> Outcome:
    results = {info.name: info for info in world.output.list()}
    submissions = [world.submissions_of(text) for text in texts.values()]
    for name in texts:
        if world.entities(name):
            world.check_right(name)
    last = max((info.last_modified for info in results.values()), default=end)
    return Outcome(
        kind,
        minutes,
        len(texts),
        max(0.0, (last - end).total_seconds()),
        max(submissions),
        sum(submissions) / len(submissions),
        world.submissions_of(CONTROL_TEXT),
        sum(name.endswith(".error.json") for name in results),
        sum(world.entities(name) is None for name in texts),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes as a table of Markdown."""
    lines = [
        "| kind | minutes | documents | last result after the end | submissions, most and mean | control documents |"
        " reports |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in outcomes:
        lines.append(
            f"| {KINDS[one.kind]} | {one.minutes:g} | {one.documents} | {one.recovered_s / 60:.1f} min | "
            f"{one.most_submissions}, {one.mean_submissions:.2f} | {one.controls} | {one.reports} |"
        )
    return "\n".join(lines)


def write_page(outcomes: Sequence[Outcome]) -> None:
    """Write a table of outcomes between the two markers of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(outcomes)}\n{END}{after}", "utf-8")


def main() -> None:
    """Run all kinds and lengths and print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--documents", type=int, nargs="*", default=[1, 100])
    parser.add_argument("--minutes", type=float, nargs="*", default=MINUTES)
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)
    outcomes = []
    for kind in [arguments.kind] if arguments.kind else KINDS:
        for documents in arguments.documents:
            for minutes in arguments.minutes:
                outcomes.append(run(kind, minutes, documents))
                print(outcomes[-1], file=sys.stderr)
    if arguments.write:
        # The largest one by itself: it takes as long as all others together.
        outcomes.append(run("failed-internal", max(MINUTES), 10_000))
    print(table(outcomes))
    if arguments.write:
        write_page(outcomes)


if __name__ == "__main__":
    main()
