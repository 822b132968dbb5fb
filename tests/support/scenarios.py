"""Short stories of documents, which the tests of crashes and of storage faults tell once for each call of the app."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from functions.text.formats.extraction import Extracted, Limits
from functions.text.formats.extractors import extract
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from tests.support.world import Gate, World, letter


@dataclass(frozen=True)
class Scenario:
    """What people and the service do, and how it has to end."""

    prepare: Callable[[World], object]
    play: Callable[[World], None] = lambda world: world.run()
    check: Callable[[World], None] = lambda world: world.check_right(*world.versions)
    settings: dict[str, str] = field(default_factory=dict)
    extract: Callable[[bytes], Extracted] | None = None
    has_ocr: bool = False
    step: int = 1
    """2 leaves out the crashes just after a call: with one thread they leave what one just before the next leaves."""

    def start(self, gate: Gate) -> World:
        world = World(settings=dict(self.settings), extract=self.extract, has_ocr=self.has_ocr)
        self.prepare(world)
        world.gate = gate
        return world


def in_process(data: bytes) -> Extracted:
    """Extract the text of a file without a child process."""
    return extract(data, Limits())


def numbered_jobs() -> Callable[[], str]:
    """Return a source of ids for fewer than ten jobs: `job-1`, `job-2`, …"""
    numbers = count(1)
    return lambda: f"job-{next(numbers)}"


def accepted(world: World) -> list[int]:
    """Return how many documents each submission had that the service accepted."""
    return [len(entry.documents) for entry in world.service.counters.ledger]


def lines(caplog: pytest.LogCaptureFixture, action: str) -> list[logging.LogRecord]:
    """Return the log lines with an action."""
    return [record for record in caplog.records if getattr(record, "action", "") == action]


def results_of(world: World) -> list[str]:
    return [info.name for info in world.output.list()]


def check_end(scenario: Scenario, world: World, where: str) -> None:
    """Check how a run of a scenario ended; `where` names the run."""
    try:
        scenario.check(world)
        world.check_quiet()
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error


# --- Beginnings ---


def drop_one(world: World) -> None:
    world.drop("a.txt", letter(1))


TOGETHER = ["0.txt", "1.txt", "2.txt"]


def drop_three(world: World) -> None:
    for number, name in enumerate(TOGETHER):
        world.drop(name, letter(number), announce=False)


def deliver_three(world: World) -> None:
    """Deliver three events at the same moment; what a crash cut off comes back by itself."""
    if not world.jobs.messages and not world.events.messages:
        world.deliver_together(*TOGETHER)
    world.run()


def drop_three_one_of_them_refused(world: World) -> None:
    world.faults.refused_texts = (letter(1),)
    drop_three(world)


def check_the_second_failed(world: World) -> None:
    world.check_right("0.txt", "2.txt")
    world.check_failed("1.txt", "InvalidDocument")


SHARED_JOB = Scenario(drop_three, deliver_three)
SPLIT_JOB = Scenario(drop_three_one_of_them_refused, deliver_three, check_the_second_failed)


def long_text(characters: int, version: int = 1) -> str:
    """Return a text with entities all over, some of them on the seams of its chunks."""

    def paragraphs() -> Iterator[str]:
        number, length = 0, 0
        while length < characters:
            number += 1
            paragraph = (
                f"clause {number} of version {version}: Mary Miller pays ${number} to Alan Archer.\n"
                + "and so on " * 40
            )
            length += len(paragraph)
            yield paragraph

    return "".join(paragraphs())


LONG = long_text(2 * MAX_REQUEST_CHARACTERS)
