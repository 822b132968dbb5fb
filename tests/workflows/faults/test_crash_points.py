"""The process is killed before and after each single storage, queue or service call in turn, for all of them.

Each scenario is run once to count its calls, and then once for each of them with a crash just before it is carried
out, and with one just after. The world goes on as the host would: the messages that were in work come back, those of
jobs after 25 seconds and others after ten minutes, and the sweep runs. In the end there is one right result for each
document, nothing is left over, and at most one submission was made that would not have been made otherwise.
"""

import hashlib
import threading
from dataclasses import dataclass, field

import pytest

from functions.workflows.working_copies import SMALL_TEXT
from local.document_intelligence.documents import Page, pdf
from tests.support.scenarios import (
    LONG,
    SHARED_JOB,
    SPLIT_JOB,
    Scenario,
    accepted,
    check_end,
    deliver_three,
    drop_one,
    drop_three,
    in_process,
    results_of,
)
from tests.support.world import Call, Crash, World, letter


@dataclass
class CrashAt:
    """A gate that kills its process at the call with a number, counted from 1; 0 only counts."""

    number: int
    passed: int = 0
    is_dead: bool = False
    at: Call | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call) -> None:
        with self._lock:
            self.passed += 1
            if self.passed == self.number:
                self.is_dead, self.at = True, call
            if self.is_dead:
                # The other threads of a dead process do not go on either.
                raise Crash(f"killed {call}")


def crash_everywhere(scenario: Scenario) -> int:
    """Run a scenario with a crash at each of its calls, check how each run ends, and return the number of runs."""
    whole = CrashAt(0)
    world = scenario.start(whole)
    scenario.play(world)
    world.settle()
    check_end(scenario, world, "without a crash")
    normally, results = accepted(world), results_of(world)
    for number in range(1, whole.passed + 1, scenario.step):
        gate = CrashAt(number)
        world = scenario.start(gate)
        try:
            scenario.play(world)
        except Crash:
            world.gate = None
            world.restart()
            scenario.play(world)
        world.gate = None
        world.settle()
        where = f"crash {number} of {whole.passed}, at {gate.at}"
        check_end(scenario, world, where)
        assert results_of(world) == results, where
        # A submission that is made again carries no more documents than the largest; a crash before a job is formed
        # may make several smaller ones of it, which cost the same.
        extra = sum(accepted(world)) - sum(normally)
        assert extra <= max(normally, default=0), f"{where}: {normally} documents became {accepted(world)}"
        tally = world.reconcile()
        assert tally.submitted == 0, f"{where}: reconcile had to help: {tally}"
    return whole.passed


# --- One document ---


def test_lone_document_survives_any_crash() -> None:
    assert crash_everywhere(Scenario(drop_one)) > 20


def test_resubmitted_document_survives_any_crash() -> None:
    def prepare(world: World) -> None:
        world.script("failed")
        drop_one(world)

    assert crash_everywhere(Scenario(prepare)) > 40


@pytest.mark.parametrize(("kind", "method"), [("throttle-429", "POST"), ("throttle-429", "GET"), ("error-503", "GET")])
def test_deferred_document_survives_any_crash(kind: str, method: str) -> None:
    def prepare(world: World) -> None:
        world.script(kind, method=method)  # type: ignore[arg-type]
        drop_one(world)

    assert crash_everywhere(Scenario(prepare)) > 25


def test_reported_document_survives_any_crash() -> None:
    def check(world: World) -> None:
        world.check_failed("a.txt", "NotText")

    assert crash_everywhere(Scenario(lambda world: world.drop("a.txt", b"%PDF-1.7"), check=check)) > 8


def test_refused_document_survives_any_crash() -> None:
    def prepare(world: World) -> None:
        world.faults.refused_texts = (letter(1),)
        drop_one(world)

    def check(world: World) -> None:
        world.check_failed("a.txt", "InvalidDocument")

    assert crash_everywhere(Scenario(prepare, check=check)) > 15


@pytest.mark.long
def test_stuck_document_survives_any_crash() -> None:
    def prepare(world: World) -> None:
        world.script("stuck")
        drop_one(world)

    # The ten minutes until a dead worker's message comes back are longer than this timeout.
    assert crash_everywhere(Scenario(prepare, settings={"JOB_TIMEOUT_MINUTES": "0.2"})) > 40


# --- A document in two versions ---


def test_new_version_survives_any_crash() -> None:
    def prepare(world: World) -> None:
        world.drop("a.txt", letter(1))
        world.run()
        world.drop("a.txt", letter(1, version=2))

    assert crash_everywhere(Scenario(prepare)) > 25


@pytest.mark.parametrize("order", ["entities after an error", "an error after entities"])
def test_changed_result_kind_survives_any_crash(order: str) -> None:
    """Entities after an error report, and the other way round."""
    contents: list[str | bytes] = [b"%PDF-1.7", letter(1)]

    def prepare(world: World) -> None:
        first, second = contents if order.startswith("entities") else contents[::-1]
        world.drop("a.txt", first)
        world.run()
        world.drop("a.txt", second)

    def check(world: World) -> None:
        if order.startswith("entities"):
            world.check_right("a.txt")
        else:
            world.check_failed("a.txt", "NotText")

    assert crash_everywhere(Scenario(prepare, check=check)) > 15


def test_replaced_document_survives_any_crash() -> None:
    def prepare(world: World) -> None:
        world.drop("a.txt", letter(1))
        world.step()
        world.drop("a.txt", letter(1, version=2))

    assert crash_everywhere(Scenario(prepare)) > 30


def test_deleted_document_survives_any_crash() -> None:
    def prepare(world: World) -> None:
        world.keep_no_texts()
        world.drop("a.txt", letter(1))
        world.step()
        world.remove("a.txt")

    def check(world: World) -> None:
        assert results_of(world) == []
        assert world.records() == []

    assert crash_everywhere(Scenario(prepare, check=check)) > 8


# --- Files ---


@pytest.mark.parametrize("more", ["", "and so on " * (SMALL_TEXT // 10)], ids=["small", "large"])
def test_file_survives_any_crash(more: str) -> None:
    """Also in the middle of its second version, whose text replaces the first one's."""

    def prepare(world: World) -> None:
        world.drop("a", f"<html><body><p>Mary Miller owes $5 {more}</p></body></html>".encode())
        world.run()
        world.drop("a", f"<html><body><p>Alan Archer owes $7 {more}</p></body></html>".encode())

    def check(world: World) -> None:
        result = world.entities("a")
        assert result and [one["text"] for one in result["entities"]] == ["Alan Archer", "$7"]
        text = world.output.read("a.extracted.txt").data
        assert hashlib.sha256(text).hexdigest() == result["text"]["sha256"]

    assert crash_everywhere(Scenario(prepare, check=check, extract=in_process)) > 20


@pytest.mark.long
def test_scan_survives_any_crash() -> None:
    """Also in the middle of its second version; one submission to OCR more is the most that a crash costs."""
    printed = Page(letter(1) + "With enough letters to be a page with a text layer.", is_printed=True)

    def prepare(world: World) -> None:
        world.drop("a", pdf([letter(2)]))
        world.run()
        world.drop("a", pdf([letter(3), printed, letter(4)]))

    def check(world: World) -> None:
        result = world.entities("a")
        assert result and [one["location"]["page"] for one in result["entities"]] == [1] * 4 + [2] * 4 + [3] * 4
        text = world.output.read("a.extracted.txt").data
        assert hashlib.sha256(text).hexdigest() == result["text"]["sha256"]
        assert world.reader.counters.jobs_accepted <= 3

    assert crash_everywhere(Scenario(prepare, check=check, extract=in_process, has_ocr=True)) > 40


# --- Documents that share a job ---


def test_shared_job_survives_any_crash() -> None:
    assert crash_everywhere(SHARED_JOB) > 40


@pytest.mark.long
def test_split_job_survives_any_crash() -> None:
    assert crash_everywhere(SPLIT_JOB) > 80


@pytest.mark.long
def test_partial_job_survives_any_crash() -> None:
    """One document is missing from its results."""

    def prepare(world: World) -> None:
        world.script("missing-documents")
        drop_three(world)

    assert crash_everywhere(Scenario(prepare, deliver_three)) > 60


# --- A long document ---


@pytest.mark.long
def test_long_document_survives_any_crash() -> None:
    assert crash_everywhere(Scenario(lambda world: world.drop("long.txt", LONG), step=2)) > 80


def test_replaced_long_document_survives_any_crash() -> None:
    def prepare(world: World) -> None:
        world.drop("long.txt", LONG)
        world.step()
        world.drop("long.txt", letter(1))

    assert crash_everywhere(Scenario(prepare)) > 40
