"""Reconcile compares listings that are out of date while it reads them: what it does about them destroys nothing.

The other side acts in the middle of a run, at each of its storage calls in turn, or the run is killed there.
"""

from collections.abc import Callable
from datetime import timedelta
from itertools import count, takewhile

import pytest

from functions.core.results import entities_name, error_name
from functions.errors import Fault, Problem
from tests.support.world import Call, Crash, World, letter

PDF = b"%PDF-1.7"


class At:
    """A gate at which something happens once, before the call with a number, counted from 1."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.number, self.act, self.passed = number, act, 0

    def __call__(self, call: Call) -> None:
        if call.moment == "before":
            self.passed += 1
            if self.passed == self.number:
                self.act()


def in_between(world: World, number: int, act: Callable[[], object]) -> bool:
    """Reconcile, and act in the middle of it; return False where it has fewer calls."""

    def acting() -> None:
        world.gate = None
        act()
        world.gate = gate

    gate = At(number, acting)
    world.gate = gate
    world.reconcile()
    world.gate = None
    return gate.passed >= number


def kill(world: World, number: int) -> bool:
    """Reconcile and kill the process at a call; return False where it has fewer calls."""

    def die() -> None:
        raise Crash("killed")

    gate = At(number, die)
    world.gate = gate
    try:
        world.reconcile()
    except Crash:
        world.restart()
    finally:
        world.gate = None
    return gate.passed >= number


def each(run: Callable[[int], bool]) -> int:
    """Run for each call of the repair and return how many there were."""
    return len(list(takewhile(run, count(1))))


# --- Withdrawing ---


@pytest.mark.parametrize("kinds", ["entities after an error", "an error after entities"])
def test_result_written_during_comparison_is_kept(kinds: str) -> None:
    """The listing of records shows the version before: the result of the new one is not in its place, it seems."""
    first, second = (PDF, letter(1)) if kinds.startswith("entities") else (letter(1), PDF)

    def run(number: int) -> bool:
        world = World()
        world.drop("other.txt", letter(2))
        world.drop("a.txt", first)
        world.run()
        world.drop("z.txt", letter(3), announce=False)

        def replace() -> None:
            world.drop("a.txt", second)
            world.run()

        is_inside = in_between(world, number, replace)
        if not is_inside:
            replace()
        world.run()
        if isinstance(second, bytes):
            world.check_failed("a.txt", "NotText")
        else:
            world.check_right("a.txt")
        world.check_right("other.txt", "z.txt")
        world.check_quiet()
        return is_inside

    assert each(run) > 12


def test_stray_result_may_become_right() -> None:
    """Both kinds of result are there; the document is replaced, and ends with the other kind than before."""

    def run(number: int) -> bool:
        world = World()
        world.drop("a.txt", PDF)
        world.run()
        world.output.write(entities_name("a.txt"), b"{}")

        def replace() -> None:
            world.drop("a.txt", letter(1))
            world.run()

        is_inside = in_between(world, number, replace)
        if not is_inside:
            replace()
        world.run()
        world.check_right("a.txt")
        return is_inside

    assert each(run) > 10


# --- Taking up what was lost ---


@pytest.mark.parametrize("content", [letter(1), PDF])
def test_crash_keeps_document_with_lost_result(content: str | bytes) -> None:
    """Its record is claimed over, not deleted: without it the document would be older than the date to ignore."""

    def run(number: int) -> bool:
        world = World()
        names = [f"{one}.txt" for one in range(3)]
        for name in names:
            world.drop(name, content)
        world.run()
        for info in list(world.output.list()):
            world.output.delete(info.name)
        world.clock.advance(24 * 3600)
        world.restart(IGNORE_DOCUMENTS_BEFORE=(world.clock() - timedelta(hours=1)).isoformat())
        is_inside = kill(world, number)
        world.run()
        world.clock.advance(600)
        world.reconcile()
        world.run()
        for name in names:
            assert (world.entities(name) or world.error(name)) is not None, (name, world.describe())
        world.check_quiet()
        assert world.reconcile().ignored == 0
        return is_inside

    assert each(run) > 25


def test_two_comparisons_at_once_submit_once() -> None:
    def run(number: int) -> bool:
        world = World()
        for one in range(3):
            world.drop(f"{one}.txt", letter(one))
        world.run()
        for info in list(world.output.list()):
            world.output.delete(info.name)
        world.drop("new.txt", letter(10), announce=False)
        other = world.start_worker(gate=lambda call: None)
        is_inside = in_between(world, number, lambda: other.app.reconcile.run())
        world.run()
        world.check_right("0.txt", "1.txt", "2.txt", "new.txt")
        world.check_quiet()
        assert [world.submissions_of(letter(one)) for one in (0, 1, 2, 10)] == [2, 2, 2, 1], number
        return is_inside

    assert each(run) > 25


def test_restored_result_is_not_repeated(world: World) -> None:
    """Somebody copies it back between the listing and the look."""
    world.drop("a.txt", letter(1))
    world.run()
    blob = world.output.read(entities_name("a.txt"))
    world.output.delete(entities_name("a.txt"))

    def restore(call: Call) -> None:
        if call == Call("output", "get_properties", entities_name("a.txt"), "before"):
            world.gate = None
            world.output.write(entities_name("a.txt"), blob.data, metadata=blob.info.metadata)

    world.gate = restore
    assert world.reconcile().submitted == 0


# --- Taking up what was reported ---


def report_as(world: World, fault: Fault, name: str = "a.txt") -> None:
    """Let a document end in a report for a cause, as the service's answer would."""
    problem = Problem("Some", "Something happened.", "Do something.", fault=fault)
    repairs = world.app.reconcile.repairs
    repairs.reports.write(repairs.intake.rejected(world.intake.get_properties(name), problem))


def night(world: World) -> int:
    world.clock.advance(24 * 3600)
    return world.reconcile().retaken


@pytest.mark.parametrize("fault", [Fault.SERVICE, Fault.STORAGE, Fault.CONFIGURATION])
def test_report_for_other_cause_is_retried(world: World, fault: Fault) -> None:
    """At night, if its cause was not the document."""
    world.drop("a.txt", letter(1), announce=False)
    report_as(world, fault)
    world.check_failed("a.txt", "Some")
    assert night(world) == 1
    record, _ = world.app.parts.records.document("a.txt")
    assert record and record.first_reported
    assert record.submissions_allowed == record.submissions_before + 1
    world.run()
    world.check_right("a.txt")
    assert night(world) == 0


@pytest.mark.parametrize("content", [letter(1), PDF])
def test_deleted_result_means_replay(world: World, content: str | bytes) -> None:
    world.drop("a.txt", content)
    for _ in range(8):
        world.run()
        (result,) = world.output.list()
        world.output.delete(result.name)
        assert world.reconcile().submitted == 1
        record, _ = world.app.parts.records.document("a.txt")
        assert record and (record.submissions_before, record.submissions_allowed) == (0, 6)
    world.run()
    assert len(list(world.output.list())) == 1


def test_report_for_document_stays(world: World) -> None:
    world.drop("a.txt", letter(1), announce=False)
    report_as(world, Fault.DOCUMENT)
    assert night(world) == 0
    world.run()
    world.check_failed("a.txt", "Some")


def test_report_is_retried_nightly() -> None:
    """Once a night within the time limit."""
    world = World(settings={"GIVE_UP_HOURS": "72"})

    def break_down(call: Call) -> None:
        if call[:3] == ("intake", "read", "a.txt"):
            raise ZeroDivisionError

    world.drop("a.txt", letter(1))
    world.gate = break_down
    world.run()
    nights = []
    for _ in range(6):
        world.clock.advance(24 * 3600 - 60)
        nights.append([world.reconcile().retaken for _ in range(3)])
    assert nights == [[1, 0, 0]] * 3 + [[0, 0, 0]] * 3
    world.check_failed("a.txt", "Unprocessable")
    assert world.submissions_of(letter(1)) == 0


@pytest.mark.parametrize("metadata", [{}, {"first_reported": "yesterday"}, {"first_reported": "2025-01-15T12:00:00"}])
def test_report_without_time_is_kept(world: World, metadata: dict[str, str]) -> None:
    """Records of the version before say neither whose fault it was nor since when."""
    world.drop("a.txt", letter(1), announce=False)
    report_as(world, Fault.SERVICE)
    blob = world.state.read("documents/a.txt")
    kept = {key: value for key, value in blob.info.metadata.items() if key != "first_reported"}
    if not metadata:
        kept.pop("fault")
    world.state.write("documents/a.txt", blob.data, metadata=kept | metadata)
    assert night(world) == 0


def test_two_comparisons_retry_report_once() -> None:
    def run(number: int) -> bool:
        world = World()
        world.drop("a.txt", letter(1), announce=False)
        report_as(world, Fault.SERVICE)
        world.clock.advance(24 * 3600)
        other = world.start_worker(gate=lambda call: None)
        is_inside = in_between(world, number, lambda: other.app.reconcile.run())
        world.run()
        world.check_right("a.txt")
        world.check_quiet()
        assert world.submissions_of(letter(1)) == 1, number
        return is_inside

    assert each(run) > 10


def test_event_retries_no_report(world: World) -> None:
    world.drop("a.txt", letter(1), announce=False)
    report_as(world, Fault.SERVICE)
    world.announce("a.txt")
    world.run()
    world.check_failed("a.txt", "Some")
    assert world.output.get_properties(error_name("a.txt"))
