"""Every night: documents, records and results are compared, and what is missing is made."""

from datetime import timedelta

import pytest

from functions.core.results import entities_name, error_name
from functions.storage.index_store import REBUILT
from functions.storage.journal_store import HOURS, SUMMARY
from functions.workflows.reconcile import Tally
from tests.support.scenarios import accepted, results_of
from tests.support.world import Call, World, letter


def test_nothing_missing_changes_nothing(world: World) -> None:
    """Documents with a result, with a report, and with a job that is under way."""
    world.drop("done.txt", letter(1))
    world.drop("failed.txt", b"%PDF-1.7")
    world.run()
    world.drop("pending.txt", letter(2))
    world.step()
    before = list(world.state.list())
    assert world.reconcile() == Tally(done=1, failed=1, pending=1)
    assert [info for info in world.state.list() if info.name not in (HOURS, SUMMARY, REBUILT)] == before


def test_documents_without_an_event_are_submitted(world: World) -> None:
    """A new document, and a newer version of one that has its result; they share a request."""
    world.drop("replaced.txt", letter(1))
    world.run()
    world.drop("replaced.txt", letter(1, version=2), announce=False)
    world.drop("new.txt", letter(2), announce=False)
    assert world.reconcile() == Tally(pending=2, submitted=2)
    world.run()
    world.check_right("replaced.txt", "new.txt")
    assert accepted(world) == [1, 2]
    assert world.reconcile() == Tally(done=2)


@pytest.mark.parametrize(
    ("content", "result"), [(letter(1), entities_name("a.txt")), (b"%PDF-1.7", error_name("a.txt"))]
)
def test_a_deleted_result_is_made_again(world: World, content: str | bytes, result: str) -> None:
    """Deleting it is how somebody asks for a document to be replayed."""
    world.drop("a.txt", content)
    world.run()
    world.output.delete(result)
    assert world.reconcile() == Tally(pending=1, submitted=1)
    world.run()
    assert results_of(world) == [result]


def test_the_record_of_a_deleted_document_goes(world: World) -> None:
    """Its result stays: whoever deleted the document may delete that."""
    world.drop("a.txt", letter(1))
    world.run()
    world.remove("a.txt")
    assert world.reconcile() == Tally()
    assert (world.records(), results_of(world)) == ([], [entities_name("a.txt")])


def test_a_report_is_taken_up_at_night(world: World) -> None:
    """Where it was not the document's fault: here the app itself failed at it."""

    def fail(call: Call) -> None:
        if (call.place, call.action) == ("intake", "read"):
            raise ZeroDivisionError

    world.gate = fail
    world.drop("a.txt", letter(1))
    world.run()
    world.gate = None
    assert world.error("a.txt") is not None
    assert world.reconcile() == Tally(pending=1, submitted=1, retaken=1)
    world.run()
    world.check_right("a.txt")


def test_old_documents_can_be_ignored() -> None:
    """Those that were dropped before the app was there, and were never taken on."""
    world = World(settings={"IGNORE_DOCUMENTS_BEFORE": "2025-01-16"})
    world.drop("old.txt", letter(1), announce=False)
    world.clock.advance(timedelta(days=1).total_seconds())
    world.drop("new.txt", letter(2), announce=False)
    assert world.reconcile() == Tally(pending=1, submitted=1, ignored=1)
