"""The journal: written in few requests, at least once, and repaired by `reconcile`."""

from datetime import timedelta

import pytest

from functions.core.journal import DocumentEnded, Entry, JobSubmitted, Line
from functions.storage.journal_store import BLOCK_BYTES, JOURNAL, JournalStore
from functions.storage.memory_containers import MemoryContainer
from functions.workflows.journaling import Journal
from tests.support.world import Call, World, letter

DAY = timedelta(days=1)


def entries(world: World) -> list[Entry]:
    return list(world.app.parts.journal.entries(world.clock() - 30 * DAY, world.clock()))


def endings(world: World) -> list[tuple[str, str, bool]]:
    lines = [entry.line for entry in entries(world) if isinstance(entry.line, DocumentEnded)]
    return sorted((line.document, line.state.value, line.is_repaired) for line in lines)


def fail_appends(call: Call) -> None:
    if call.action == "append" and call.moment == "before":
        raise OSError("no network")


def test_documents_and_jobs_get_lines(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.drop("b.pdf", b"%PDF-1.7")
    world.run()
    world.app.journal.flush()
    assert endings(world) == [("a.txt", "done", False), ("b.pdf", "failed", False)]
    (job,) = [entry.line for entry in entries(world) if isinstance(entry.line, JobSubmitted)]
    assert (job.chunks, job.text_records, job.submission) == (1, 1, 1)
    assert {entry.instance for entry in entries(world)} == {"worker"}


def test_carried_over_result_bills_nothing(world: World) -> None:
    for _ in range(2):
        world.drop("a.txt", letter(1))
        world.run()
    world.app.journal.flush()
    lines = [entry.line for entry in entries(world) if isinstance(entry.line, DocumentEnded)]
    assert [(line.text_records, line.found, line.was) for line in lines] == [(1, 4, ""), (0, 4, "done")]


def test_burst_takes_few_requests(world: World) -> None:
    """At most 0.1 for each document."""
    for number in range(40):
        world.drop(f"{number}.txt", letter(number))
    world.run()
    calls = world.calls_of(world.app.journal.flush)
    assert [call.rpartition("/")[0] for call in calls] == ["state append journal/2025/01/15/12"]
    assert len(endings(world)) == 40


def test_lines_are_kept_while_storage_fails(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    world.gate = fail_appends
    world.app.journal.flush()
    assert [record.action for record in caplog.records if "journal" in record.action] == ["journal_unwritten"]  # type: ignore[attr-defined]
    world.gate = None
    world.drop("b.txt", letter(2))
    world.run()
    world.app.journal.flush()
    assert [name for name, *_ in endings(world)] == ["a.txt", "b.txt"]


def test_first_line_schedules_one_flush() -> None:
    scheduled: list[object] = []
    journal = Journal(JournalStore(MemoryContainer(), "i1"), scheduled.append)
    world = World()
    world.drop("a.txt", letter(1))
    world.run()
    line = document_line(world)
    journal.add(line)
    journal.add(line)
    assert len(scheduled) == 1
    journal.flush()
    journal.add(line)
    assert len(scheduled) == 2


def document_line(world: World) -> Line:
    world.app.journal.flush()
    return entries(world)[-1].line


# --- Repair ---


def test_lost_lines_are_written_by_reconcile(world: World) -> None:
    """Those of results and of reports; nothing is written twice."""
    world.reconcile()
    world.drop("kept.txt", letter(1))
    world.run()
    world.app.journal.flush()
    world.drop("lost.txt", letter(2))
    world.drop("lost.pdf", b"%PDF-1.7")
    world.run()
    world.restart()
    for _ in range(2):
        world.clock.advance(DAY.total_seconds())
        world.reconcile()
    assert endings(world) == [("kept.txt", "done", False), ("lost.pdf", "failed", True), ("lost.txt", "done", True)]
    (line,) = [entry.line for entry in entries(world) if getattr(entry.line, "document", "") == "lost.txt"]
    assert isinstance(line, DocumentEnded)
    assert (line.text_records, line.found) == (1, 4)


def test_documents_before_journal_are_not_missed(world: World) -> None:
    """After an upgrade none of the old documents has a line."""
    world.drop("old.txt", letter(1))
    world.run()
    world.restart()
    world.clock.advance(DAY.total_seconds())
    world.reconcile()
    world.clock.advance(DAY.total_seconds())
    world.reconcile()
    assert endings(world) == []


def test_recent_lines_are_not_missed(world: World) -> None:
    """They may still be in the memory of a worker."""
    world.reconcile()
    world.clock.advance(DAY.total_seconds())
    world.drop("a.txt", letter(1))
    world.run()
    world.reconcile()
    assert endings(world) == []
    world.clock.advance(DAY.total_seconds())
    world.reconcile()
    assert endings(world) == [("a.txt", "done", True)]


def test_summary_counts_ended_documents(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.drop("b.pdf", b"%PDF-1.7")
    world.run()
    world.clock.advance(60)
    world.drop("pending.txt", letter(2))
    world.step()
    world.reconcile()
    summary = world.app.parts.journal.summary()
    assert summary is not None
    assert (summary.done, summary.failed) == (1, 1)


def test_incomplete_run_leaves_summary(world: World) -> None:
    """Half of the documents would look like all."""
    world.drop("a.txt", letter(1))
    world.run()

    def fail_listing(call: Call) -> None:
        if call == Call("output", "list", "", "before"):
            raise OSError("no network")

    world.gate = fail_listing
    assert not world.reconcile().is_complete
    assert world.app.parts.journal.summary() is None


def test_unreadable_journal_stops_no_repair(world: World) -> None:
    """Documents are looked after all the same."""
    world.drop("a.txt", letter(1), announce=False)

    def fail_summary(call: Call) -> None:
        if call.name == "index/summary.json":
            raise OSError("no network")

    world.gate = fail_summary
    assert world.reconcile().submitted == 1


# --- Storage ---


def lines(world: World, number: int) -> list[Line]:
    world.drop("a.txt", letter(1))
    world.run()
    return [document_line(world)] * number


def test_large_journal_is_read_in_blocks(world: World) -> None:
    container = MemoryContainer()
    store = JournalStore(container, "i1")
    many = lines(world, 12_000)
    store.append(many)
    (blob,) = container.list(JOURNAL)
    assert blob.size_bytes > BLOCK_BYTES
    assert [entry.line for entry in store.entries(many[0].at, many[0].at)] == many


def test_entries_go_on_where_they_ended(world: World) -> None:
    store = JournalStore(MemoryContainer(), "i1")
    offsets: dict[str, int] = {}
    (line,) = lines(world, 1)
    store.append([line])
    assert [entry.line for entry in store.entries(line.at, line.at, offsets)] == [line]
    assert list(store.entries(line.at, line.at, offsets)) == []
    store.append([line, line])
    assert [entry.line for entry in store.entries(line.at, line.at, offsets)] == [line, line]


def test_entries_are_those_of_asked_hours(world: World) -> None:
    container = MemoryContainer()
    (line,) = lines(world, 1)
    JournalStore(container, "i1").append([line])
    container.append("journal/readme.txt", b"not the journal's")
    store, hour = JournalStore(container, "i2"), timedelta(hours=1)
    assert len(list(store.entries(line.at - 50 * hour, line.at + 50 * hour))) == 1
    assert list(store.entries(line.at + hour, line.at + 9 * hour)) == []
    assert list(store.entries(line.at - 9 * hour, line.at - hour)) == []
