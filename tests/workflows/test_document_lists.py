"""Lists of documents, a page at a time: what comes first, what they look at, how they go on."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from functions.core.cursors import AtJobs, AtJournal, AtListing, InvalidCursor, Place, to_cursor, to_place
from functions.core.views import Filter, ShownState
from functions.storage.journal_store import JournalStore
from functions.workflows.document_lists import DocumentLists, DocumentPage
from tests.support.world import World, letter

FAILED = Filter(states=frozenset({ShownState.FAILED}))
DONE = Filter(states=frozenset({ShownState.DONE}))


def lists(world: World) -> DocumentLists:
    return world.app.web.lists


def pages(world: World, asked: Filter, most: int) -> Iterator[DocumentPage]:
    place: Place | None = None
    for _ in range(50):
        page = lists(world).page(asked, place, most)
        yield page
        if page.next is None:
            return
        place = to_place(to_cursor(page.next))
    raise AssertionError("the list does not end")


def names(world: World, asked: Filter | None = None, most: int = 3) -> list[str]:
    return [told.row.name for page in pages(world, asked or Filter(), most) for told in page.told]


def settle(world: World, *dropped: str, content: str | None = None) -> None:
    for number, name in enumerate(dropped):
        world.drop(name, letter(hash(name) % 1000 + number) if content is None else content)
        world.settle()
        world.clock.advance(60)
    world.app.journal.flush()


def test_latest_documents_come_first(world: World) -> None:
    settle(world, "a.txt", "c.txt", "b.txt", "e.txt", "d.txt")
    assert names(world) == ["d.txt", "e.txt", "b.txt", "c.txt", "a.txt"]


def test_pages_are_full_and_end(world: World) -> None:
    settle(world, *(f"{number:02}.txt" for number in range(7)))
    sizes = [len(page.told) for page in pages(world, Filter(), 3)]
    assert sizes[:3] == [3, 3, 1] and sum(sizes) == 7


def test_work_under_way_comes_first(world: World) -> None:
    settle(world, "old.txt")
    world.drop("new.txt", letter(2))
    assert world.step()
    page = lists(world).page(Filter(), None)
    assert [(told.row.name, told.row.state.value) for told in page.told][-1] == ("old.txt", "done")
    assert page.told[0].row.name == "new.txt" and page.told[0].row.state in (ShownState.WAITING, ShownState.RUNNING)


def test_document_is_told_before_its_line(world: World) -> None:
    """Its job is gone, and its line of the journal is still in the memory of a worker."""
    world.drop("a.txt", letter(1))
    assert world.step()
    assert names(world) == ["a.txt"]
    world.settle()
    assert [told.row.state for told in lists(world).page(Filter(), None).told] == [ShownState.DONE]
    world.app.journal.flush()
    assert names(world) == ["a.txt"]


def test_replayed_document_is_told_once(world: World) -> None:
    settle(world, "a.txt", "b.txt")
    world.drop("a.txt", letter(9, version=2))
    world.settle()
    world.app.journal.flush()
    assert names(world) == ["a.txt", "b.txt"]
    assert names(world, most=1) == ["a.txt", "b.txt"]


def test_what_is_older_than_journal_comes_last(world: World) -> None:
    settle(world, "a.txt", "b.txt")
    for info in list(world.state.list("journal/")):
        world.state.delete(info.name)
    world.clock.advance(7200)
    settle(world, "z.txt")
    assert names(world) == ["z.txt", "a.txt", "b.txt"]
    assert names(world, most=1) == ["z.txt", "a.txt", "b.txt"]


def test_journal_of_many_instances_and_hours(world: World) -> None:
    dropped = []
    for number in range(12):
        world.drop(f"{number:02}.txt", letter(number))
        world.settle()
        lines = world.app.journal._lines
        JournalStore(world.state, f"worker-{number % 3}").append(lines)
        world.app.journal._lines = []
        world.clock.advance(1500)
        dropped.append(f"{number:02}.txt")
    for most in (1, 2, 5, 100):
        assert names(world, most=most) == dropped[::-1]


def test_filters_by_name_and_state(world: World) -> None:
    settle(world, "loans/a.txt", "mail/b.txt", "loans/Other.txt")
    settle(world, "loans/bad.txt", "mail/bad.txt", content="")
    assert names(world, Filter(prefix="loans/")) == ["loans/bad.txt", "loans/Other.txt", "loans/a.txt"]
    assert names(world, Filter(part="OTHER")) == ["loans/Other.txt"]
    assert names(world, DONE) == ["loans/Other.txt", "mail/b.txt", "loans/a.txt"]
    assert names(world, FAILED) == ["mail/bad.txt", "loans/bad.txt"]
    assert names(world, Filter(code="emptydocument", prefix="mail/")) == ["mail/bad.txt"]
    assert names(world, Filter(model="loans/production", part="a.txt")) == ["loans/a.txt"]
    assert names(world, Filter(model="no such model")) == []


def test_failed_come_from_index(world: World) -> None:
    settle(world, "b.txt")
    settle(world, "z.txt", "a.txt", "m.txt", content="")
    world.reconcile()
    place = lists(world).page(FAILED, None, 1).next
    assert place == AtListing(place.marker, 0, "failed") if isinstance(place, AtListing) else False
    assert names(world, FAILED, most=2) == ["a.txt", "m.txt", "z.txt"]


def test_page_looks_at_bounded_number(world: World) -> None:
    settle(world, *(f"{number:02}.txt" for number in range(30)))
    asked = lists(world)
    reads = [call for call in world.calls_of(lambda: asked.page(Filter(), None, 10)) if "read" in call]
    assert len(reads) <= 20
    page = asked.page(Filter(part="nothing"), None, 10)
    # The journal, and then what is older than it: all records here.
    assert page.told == [] and page.looked_at <= 32 + 30


def test_records_are_kept_for_a_moment(world: World) -> None:
    settle(world, *(f"{number:02}.txt" for number in range(5)))
    lists(world).page(Filter(), None)
    again = [call for call in world.calls_of(lambda: lists(world).page(Filter(), None)) if "read documents/" in call]
    assert again == []


def test_deferred_document_has_its_job(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.script("throttle-429", method="POST")
    assert world.step()
    (told,) = lists(world).page(Filter(states=frozenset({ShownState.DEFERRED})), None).told
    assert told.row.code == "Throttled" and told.job and told.job.last_error
    assert lists(world).page(Filter(states=frozenset({ShownState.RUNNING})), None).told == []


def test_single_document_is_looked_up(world: World) -> None:
    assert lists(world).look("a.txt") is None
    assert lists(world).look("a/../b.txt") is None
    etag = world.drop("a.txt", letter(1), announce=False)
    told = lists(world).look("a.txt")
    assert told and (told.row.state, told.row.etag, told.record) == (ShownState.WAITING, etag, None)


def test_new_version_waits_again(world: World) -> None:
    settle(world, "a.txt")
    newer = world.drop("a.txt", letter(2), announce=False)
    (told,) = lists(world).named(["a.txt", "none.txt"])
    assert (told.row.state, told.row.etag) == (ShownState.WAITING, newer)


def test_very_long_names_are_told(world: World) -> None:
    name = "n" * 1015 + ".txt"
    settle(world, name, "a.txt")
    assert names(world) == ["a.txt", name]
    for info in list(world.state.list("journal/")):
        world.state.delete(info.name)
    world.clock.advance(timedelta(hours=2).total_seconds())
    assert sorted(names(world)) == ["a.txt", name]


@pytest.mark.parametrize("file", ["../a.txt", "error.json", "pii.json", "", ".entities.json", "entities.json/x"])
def test_only_listed_results_are_given(world: World, file: str) -> None:
    settle(world, "a.txt")
    assert world.app.web.contents.result("a.txt", file) is None


def test_several_tasks_have_their_files(world: World) -> None:
    world.write_rules({"match": "**", "tasks": [{"kind": "PiiEntityRecognition"}, {"kind": "KeyPhraseExtraction"}]})
    settle(world, "a.txt")
    contents = world.app.web.contents
    record = contents.record("a.txt")
    assert record and [one.suffix for one in contents.results(record)] == [".pii.json", ".keyphrases.json"]
    redacted = contents.result("a.txt", "redacted.txt")
    assert redacted and redacted.data


@pytest.mark.parametrize(
    "place",
    [AtJobs(), AtJobs("2026 a", 3), AtJournal("2026112310", 2, {"ab": 7}), AtListing("m" * 3000, 5, "failed")],
)
def test_cursors_come_back(place: Place) -> None:
    assert to_place(to_cursor(place)) == place


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "a b", "=", "é", "A" * 7000, to_cursor(AtJobs())[:-2] + "xx"])
def test_other_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        to_place(cursor)
