"""What operators ask, of the records that real runs leave."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.core.views import Filter, ShownState
from functions.workflows.queries import Details, Queries, Status, StatusReader
from tests.support.command_line import WorldAccess
from tests.support.world import Call, Inline, World, letter

LONGEST = "x" * 1020 + ".txt"


def queries(world: World) -> Queries:
    return WorldAccess(world).queries


def states(world: World, asked: Filter = Filter()) -> dict[str, str]:  # noqa: B008 - immutable
    return {row.name: row.state.value for row in queries(world).rows(asked)}


@pytest.fixture
def mixed(world: World) -> World:
    """A world with a document in each state."""
    world.drop("done.txt", letter(1))
    world.drop("loans/failed.pdf", b"%PDF-1.7")
    world.drop("loans/replaced.txt", letter(2))
    world.run()
    world.drop("loans/replaced.txt", letter(2, version=2), announce=False)
    world.drop("waiting.txt", letter(3), announce=False)
    world.intake.upload("folder/", b"")
    world.drop("running.txt", letter(5))
    world.step()
    world.script("throttle-429", method="POST")
    world.drop("deferred.txt", letter(4))
    world.step()
    return world


def test_each_document_is_listed_in_its_state(mixed: World) -> None:
    assert states(mixed) == {
        "deferred.txt": "deferred",
        "done.txt": "done",
        "loans/failed.pdf": "failed",
        "loans/replaced.txt": "waiting",
        "running.txt": "running",
        "waiting.txt": "waiting",
    }


def test_rows_tell_code_model_and_job(mixed: World) -> None:
    rows = {row.name: row for row in queries(mixed).rows(Filter())}
    assert rows["loans/failed.pdf"].code == "NotText"
    assert rows["deferred.txt"].code == "Throttled"
    assert rows["done.txt"].model == "CustomEntityRecognition/loans/production"
    assert rows["running.txt"].job
    assert rows["waiting.txt"].updated is None


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (Filter(prefix="loans/"), ["loans/failed.pdf", "loans/replaced.txt"]),
        (Filter(states=frozenset({ShownState.FAILED})), ["loans/failed.pdf"]),
        (Filter(states=frozenset({ShownState.DONE})), ["done.txt"]),
        (Filter(code="throttled"), ["deferred.txt"]),
    ],
)
def test_list_is_filtered(mixed: World, asked: Filter, names: list[str]) -> None:
    assert list(states(mixed, asked)) == names


def test_ended_states_need_no_list_of_jobs(mixed: World) -> None:
    calls: list[Call] = []
    app = mixed.start_worker(calls.append).app
    asked = Filter(states=frozenset({ShownState.DONE}), prefix="done")
    list(Queries(app.parts.documents, app.parts.records, app.parts.index, Inline()).rows(asked))
    assert [(call.place, call.name) for call in calls if call.moment == "before"] == [
        ("intake", "done"),
        ("state", "documents/done"),
    ]


def test_longest_names_are_listed(world: World) -> None:
    world.drop(LONGEST, letter(1))
    world.run()
    assert states(world) == {LONGEST: "done"}


# --- One document ---


def details(world: World, name: str) -> Details:
    return queries(world).details(name)


def test_details_of_done_document(mixed: World) -> None:
    found = details(mixed, "done.txt")
    assert found.row is not None
    assert found.row.state is ShownState.DONE
    assert list(found.results) == [".entities.json"]
    assert queries(mixed).text(found) == letter(1)
    assert (found.report, found.jobs, found.refusal) == (None, (), None)


def test_details_of_failed_document(mixed: World) -> None:
    found = details(mixed, "loans/failed.pdf")
    assert found.report is not None
    assert found.report.error.code == "NotText"
    assert queries(mixed).text(found) is None


def test_details_of_deferred_document_have_its_job(mixed: World) -> None:
    found = details(mixed, "deferred.txt")
    assert found.row is not None
    assert (found.row.state, found.row.code) == (ShownState.DEFERRED, "Throttled")
    assert [job.chunks[0].document for job in found.jobs] == ["deferred.txt"]


def test_details_of_deleted_document_have_its_record(mixed: World) -> None:
    mixed.remove("done.txt")
    found = details(mixed, "done.txt")
    assert (found.row, found.is_known) == (None, True)
    assert found.record is not None
    assert queries(mixed).text(found) is None


def test_unknown_document_is_unknown(world: World) -> None:
    assert not details(world, "none.txt").is_known


def test_text_is_that_of_the_result(mixed: World) -> None:
    """Not that of a version that has come since, whose text has other offsets."""
    assert queries(mixed).text(details(mixed, "loans/replaced.txt")) is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_as_it_was_for_the_result(world: World, encoding: str) -> None:
    text = letter(1).replace("agreed", "agréed “so”")
    world.drop("a.txt", text.encode(encoding))
    world.run()
    assert queries(world).text(details(world, "a.txt")) == text


# --- How things stand ---


def reader(world: World) -> StatusReader:
    world.app.journal.flush()
    return WorldAccess(world).status


def status(world: World) -> Status:
    return reader(world).read()


def test_status_counts_documents_and_jobs(mixed: World) -> None:
    found = status(mixed)
    assert (found.done, found.failed, found.pending, found.as_of) == (2, 1, 2, None)
    assert (found.running_jobs, found.waiting_jobs, found.deferred_jobs) == (1, 0, {"Throttled": 1})
    assert found.oldest is not None
    assert found.queues == {"extraction-jobs": 2, "extraction-jobs-poison": 0}
    assert found.submissions == {"worker": 3}
    (budget,) = found.budgets
    assert budget.resource == "loans.cognitiveservices.azure.com"
    assert 3 <= budget.last_minute <= budget.per_minute
    assert budget.is_throttled
    assert (found.daily_records, found.daily_limit) == (None, None)
    assert (found.today.done, found.today.failed, found.today.codes) == (2, 1, {"NotText": 1})
    assert found.today.text_records == 3
    assert found.today.median_seconds is not None


def test_status_tells_daily_records() -> None:
    world = World(settings={"DAILY_TEXT_RECORDS": "100"})
    assert (status(world).daily_records, status(world).daily_limit) == (0, 100)
    world.drop("a.txt", letter(1))
    world.run()
    taken = status(world).daily_records
    assert taken is not None
    assert 1 <= taken <= 8
    world.clock.advance(timedelta(days=1).total_seconds())
    assert status(world).daily_records == 0


def test_status_continues_summary(mixed: World) -> None:
    mixed.settle()
    mixed.app.journal.flush()
    mixed.clock.advance(60)
    mixed.reconcile()
    mixed.run()
    mixed.restart()
    mixed.drop("new.txt", letter(9))
    mixed.run()
    found = status(mixed)
    assert found.as_of is not None
    assert (found.done, found.failed) == (4, 1), "the last worker's lines of three documents are lost with it"


def test_second_look_reads_only_what_has_come(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    read = reader(world)
    assert (read.read().done, read.read().done) == (1, 1)
    world.drop("b.txt", letter(2))
    world.run()
    world.app.journal.flush()
    found = read.read()
    assert (found.done, found.today.done) == (2, 2)


def test_today_begins_at_midnight(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    read = reader(world)
    assert read.read().today.done == 1
    world.clock.advance(timedelta(days=1).total_seconds())
    found = read.read()
    assert (found.done, found.today.done, found.submissions) == (1, 0, {})


def test_status_names_incidents(world: World) -> None:
    world.script("html-502", times=100)
    for number in range(5):
        world.drop(f"{number}.txt", letter(number))
    world.run_for(timedelta(minutes=3))
    incidents = [(incident.what, incident.reason) for incident in status(world).incidents]
    assert incidents == [("loans.cognitiveservices.azure.com", "UnrecognizedReply")]


def hours(world: World) -> dict[int, tuple[int, int]]:
    """Return documents done and minutes deferred, by the hours since the world began."""
    read = reader(world)
    read.read()
    begin = datetime(2025, 1, 15, 12, tzinfo=UTC)
    return {(one.hour - begin) // timedelta(hours=1): (one.done, one.deferred_minutes) for one in read.hours()}


def test_hours_outlast_nights_and_lines(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    world.app.journal.flush()
    for _ in range(2):
        world.clock.advance(timedelta(days=1).total_seconds())
        world.reconcile()
    for blob in list(world.state.list("journal/")):
        world.state.delete(blob.name)
    world.drop("b.txt", letter(2))
    world.run()
    assert hours(world) == {0: (1, 0), 48: (1, 0)}


def test_first_night_counts_the_hours_before(world: World) -> None:
    """As after an update from a release that did not count them."""
    for number in range(2):
        world.drop(f"{number}.txt", letter(number))
        world.run()
        world.app.journal.flush()
        world.clock.advance(timedelta(days=1).total_seconds())
        world.reconcile()
    world.state.delete("index/hours.json")
    world.clock.advance(timedelta(days=1).total_seconds())
    world.reconcile()
    assert hours(world) == {0: (1, 0), 24: (1, 0)}


def test_repaired_line_counts_in_its_hour(world: World) -> None:
    world.reconcile()
    world.clock.advance(timedelta(hours=3).total_seconds())
    world.drop("a.txt", letter(1))
    world.run()
    world.restart()
    world.clock.advance(timedelta(days=1).total_seconds())
    world.reconcile()
    assert hours(world) == {3: (1, 0)}


def test_hours_tell_deferred_minutes(world: World) -> None:
    began = world.clock()
    world.script("html-502", times=100)
    world.drop("a.txt", letter(1))
    world.run_for(timedelta(minutes=20))
    assert hours(world)[0] == (0, 20)
    world.faults.script.clear()
    world.run()
    done, deferred = zip(*hours(world).values(), strict=True)
    assert sum(done) == 1
    assert sum(deferred) == pytest.approx((world.clock() - began) / timedelta(minutes=1), abs=2)
