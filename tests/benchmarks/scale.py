"""`python -m tests.benchmarks.scale`: a million documents under the real limits, by simulation.

What is simulated is in `scale_model`, how in `simulation`. `docs/scale.md` shows what this prints, and it says
which of the figures that we promise are missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import click

from functions.text.offsets import text_records
from local.process import ROOT

from .documents import letter
from .report import markdown_table
from .scale_model import TRIGGER, Outcome, Storage, World
from .simulation import simulate

RESOURCES = (1, 4, 10)
INSTANCES = (1, 4, 10, 40, 100)


def blocking(world: World) -> Outcome:
    """Return what an app takes that sends one document a job and waits for it: three requests, 5.05 s of a thread.

    Measured with the official client (`docs/benchmarks.md`) while the rate limit did not disturb it. The rate limit
    bounds its pace; that it loses documents when it meets the limit is left out.
    """
    per_minute = world.resources * world.requests_per_minute / 3
    outcome = Outcome(world, seconds=60 * world.documents / per_minute)
    outcome.requests = Counter(submissions=world.documents, polls=2 * world.documents)
    outcome.jobs = outcome.documents = world.documents
    outcome.records = world.documents * text_records(letter(0, world.characters))
    outcome.stored[TRIGGER.plus(Storage(reads=1, writes=1))] = world.documents
    outcome.function_seconds = 5.05 * world.documents
    outcome.instance_seconds = outcome.seconds * world.instances
    outcome.delays = [5.05 - sum(world.job_seconds) / 2]
    return outcome


HEAD = (
    "Language resources",
    "instances",
    "hours",
    "documents a minute",
    "requests",
    "refused (429)",
    "storage requests",
    "ledger requests a document",
    "function-seconds",
    "instance-hours",
    "from job done to result: median, 99 %, most",
    "nearest limit",
    "Functions",
    "storage and events",
    "Language",
)


def row(outcome: Outcome) -> tuple[str, ...]:
    """Return one line of the table."""
    costs = outcome.costs()
    refused = outcome.requests["refused"]
    return (
        str(outcome.world.resources),
        str(outcome.world.instances),
        f"{outcome.seconds / 3600:.2f}",
        f"{outcome.per_minute:,.0f}",
        f"{sum(outcome.requests.values()) - refused:,}",
        f"{refused:,}",
        f"{outcome.storage.total / 1e6:.1f} M",
        f"{outcome.ledger_requests / outcome.documents:.2f}",
        f"{outcome.function_seconds:,.0f}",
        f"{outcome.instance_seconds / 3600:.1f}",
        _delays(outcome),
        f"{outcome.limit}, {min(100, 100 * outcome.shares[outcome.limit]):.0f} %",
        f"${costs['functions']:,.2f}",
        f"${costs['storage'] + costs['events']:,.2f}",
        f"${costs['service']:,.0f}",
    )


def _delays(outcome: Outcome) -> str:
    return ", ".join(_span(outcome.delay(share)) for share in (0.5, 0.99, 1))


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def worlds(documents: int, characters: int, resources: Sequence[int], instances: Sequence[int]) -> list[World]:
    """Return every pair of resources and instances."""
    return [
        World(documents=documents, characters=characters, resources=resource, instances=instance)
        for resource in resources
        for instance in instances
    ]


class Scenario(NamedTuple):
    """What goes wrong in a run, or what is not there yet."""

    name: str
    world: World


def scenarios(documents: int, characters: int) -> list[Scenario]:
    """Return the runs in which something goes wrong."""

    def world(resources: int, instances: int, **changes: object) -> World:
        sizes = {"documents": documents, "characters": characters, "resources": resources, "instances": instances}
        return World(**{**sizes, **changes})  # type: ignore[arg-type]

    down, unreachable = (300.0, 1500.0), (300.0, 600.0)
    return [
        *(
            Scenario("an instance is killed every 10 s", world(resources, instances, kill_every_s=10.0))
            for resources, instances in ((1, 4), (1, 10), (1, 40), (4, 40), (10, 100))
        ),
        Scenario("one of four resources is down from minute 5 to 25", world(4, 40, resource_down=down)),
        Scenario("no ledger can be reached from minute 5 to 10", world(1, 10, ledgers_down=unreachable)),
        Scenario("no ledger can be reached from minute 5 to 10", world(4, 40, ledgers_down=unreachable)),
        Scenario("an instance is added every 10 s", world(1, 10, start_every_s=10.0)),
        Scenario("an instance is added every 2 s", world(10, 100, start_every_s=2.0)),
        Scenario("another app uses a third of the rate", world(1, 10, foreign_share=1 / 3)),
        Scenario("another app uses a third of the rate", world(4, 40, foreign_share=1 / 3)),
    ]


SCENARIO_HEAD = (
    "what happens",
    "resources",
    "instances",
    "documents a minute",
    "refused (429)",
    "from job done to result: median, 99 %, most",
    "kills",
    "jobs taken up",
    "documents submitted again",
    "storage requests a document",
    "ledger requests a document",
)


def scenario_row(name: str, outcome: Outcome) -> tuple[str, ...]:
    """Return one line of the table of scenarios."""
    return (
        name,
        str(outcome.world.resources),
        str(outcome.world.instances),
        f"{outcome.per_minute:,.0f}",
        f"{100 * outcome.refused:.2f} %",
        _delays(outcome),
        str(outcome.kills),
        str(outcome.taken_up),
        str(outcome.submitted_again),
        f"{outcome.storage.total / outcome.documents:.2f}",
        f"{outcome.ledger_requests / outcome.documents:.2f}",
    )


# --- What is promised ---

LEAST_FLOOR = {(1, 4): 0.94, (10, 40): 0.92, (10, 100): 0.96}
"""Of the documents a minute that the rate allows; where an instance has one core."""

LEAST_FLOOR_WITH_CORES, ENOUGH_CORES = 0.97, 8
"""The same where there are so many cores for each resource."""

MOST_REFUSED, MOST_REFUSED_WITH_OTHERS = 0.001, 0.005
MOST_DELAY_S = {0.5: 2.5, 0.99: 5.0}
MOST_STORAGE = 1.05
"""Storage requests as a multiple of what one instance needs."""

MOST_LEDGER_REQUESTS = 0.2
LEAST_INSTANCES_WITH_KILLS = 10


def missed(outcome: Outcome, alone: float | None) -> list[str]:
    """Return what a run in which nothing goes wrong misses; `alone` is one instance's storage requests a document."""
    world = outcome.world
    cores = world.instances / world.resources
    pair = (world.resources, world.instances)
    floor = LEAST_FLOOR.get(pair, LEAST_FLOOR_WITH_CORES if cores >= ENOUGH_CORES else 0.0)
    storage = outcome.storage.total / outcome.documents
    bars = [
        (outcome.documents == world.documents, f"{outcome.documents:,} of {world.documents:,} documents"),
        (outcome.refused <= MOST_REFUSED, f"{100 * outcome.refused:.2f} % refused"),
        *(
            (outcome.delay(share) <= most, f"{outcome.delay(share):.1f} s within which {share:.0%} have results")
            for share, most in MOST_DELAY_S.items()
        ),
        (outcome.floor >= floor, f"{outcome.floor:.1%} of the floor, of at least {floor:.0%}"),
        (alone is None or storage <= MOST_STORAGE * alone, f"{storage:.2f} storage requests a document"),
        (
            outcome.ledger_requests <= MOST_LEDGER_REQUESTS * outcome.documents,
            f"{outcome.ledger_requests / outcome.documents:.3f} ledger requests a document",
        ),
    ]
    return [f"{pair[0]} x {pair[1]}: {text}" for is_met, text in bars if not is_met]


def missed_in(name: str, outcome: Outcome) -> list[str]:
    """Return what a scenario misses."""
    world = outcome.world
    slowest = outcome.delay(0.99)
    has_delay = world.kill_every_s is not None and world.instances >= LEAST_INSTANCES_WITH_KILLS
    most_refused = MOST_REFUSED_WITH_OTHERS if world.foreign_share else MOST_REFUSED
    bars = [
        (outcome.documents == world.documents, f"{outcome.documents:,} of {world.documents:,} documents"),
        (outcome.refused <= most_refused, f"{100 * outcome.refused:.2f} % refused"),
        (not has_delay or slowest <= MOST_DELAY_S[0.99], f"99 % of the results within {slowest:.1f} s"),
    ]
    return [f"{name}, {world.resources} x {world.instances}: {text}" for is_met, text in bars if not is_met]


PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- begin of what the script prints -->", "<!-- end of what the script prints -->"


def into_page(page: str, tables: str) -> str:
    """Return the page with `tables` between its two marks; raises `ValueError` where it has not both."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} must have the lines {BEGIN!r} and {END!r}; put them back.")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


@click.command(context_settings={"show_default": True})
@click.option("--documents", type=click.IntRange(1), default=World().documents)
@click.option("--characters", type=click.IntRange(100, 100_000), default=World().characters)
@click.option("--resources", type=click.IntRange(1), multiple=True, default=RESOURCES)
@click.option("--instances", type=click.IntRange(1), multiple=True, default=INSTANCES)
@click.option("--scenarios/--no-scenarios", "has_scenarios", default=True, help="Also where something goes wrong.")
@click.option("--publish", is_flag=True, help="Put the tables into docs/scale.md.")
def main(
    documents: int,
    characters: int,
    resources: tuple[int, ...],
    instances: tuple[int, ...],
    has_scenarios: bool,
    publish: bool,
) -> None:
    """Simulate many documents on several Language resources and instances; print the tables of docs/scale.md.

    What is promised and missed is printed after them, and makes the command fail.
    """
    chosen = worlds(documents, characters, resources, instances)
    wrong = scenarios(documents, characters) if has_scenarios else []
    with ProcessPoolExecutor() as processes:
        outcomes = list(processes.map(simulate, [*chosen, *(one.world for one in wrong)]))
    plain, others = outcomes[: len(chosen)], outcomes[len(chosen) :]
    waiting = [World(documents=documents, characters=characters, resources=each, instances=each) for each in resources]
    tables = (
        f"{documents:,} documents of about {characters:,} characters:\n\n"
        f"{markdown_table(HEAD, [row(outcome) for outcome in plain])}\n\n"
    )
    if wrong:
        rows = [scenario_row(one.name, outcome) for one, outcome in zip(wrong, others, strict=True)]
        tables += f"The same where something goes wrong:\n\n{markdown_table(SCENARIO_HEAD, rows)}\n\n"
    tables += (
        "The same with one document a job, and workers that wait:\n\n"
        f"{markdown_table(HEAD, [row(blocking(world)) for world in waiting])}\n"
    )
    click.echo(tables)
    if publish:
        PAGE.write_text(into_page(PAGE.read_text("utf-8"), tables), "utf-8")
    alone = {
        outcome.world.resources: outcome.storage.total / outcome.documents
        for outcome in plain
        if outcome.world.instances == 1
    }
    short = [text for outcome in plain for text in missed(outcome, alone.get(outcome.world.resources))]
    short += [text for one, outcome in zip(wrong, others, strict=True) for text in missed_in(one.name, outcome)]
    for text in short:
        click.echo(f"MISSED: {text}")
    raise SystemExit(bool(short))


if __name__ == "__main__":
    main()
