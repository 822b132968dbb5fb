"""Failed documents and those for review are listed by an index; what it lacks, or has too much, is put right."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.index import IndexKind
from functions.core.views import Filter, ShownState
from functions.errors import Missing
from functions.storage.index_store import REBUILT, IndexStore
from tests.support.command_line import WorldAccess
from tests.support.world import Call, World, letter

LONGEST = "x" * 1020 + ".txt"
FAILED = Filter(states=frozenset({ShownState.FAILED}))
REVIEW = Filter(review=True)
BROKEN = b"%PDF-1.7"


def entries(world: World, kind: IndexKind = IndexKind.FAILED) -> list[str]:
    return sorted(entry.document for entry in IndexStore(world.state).list(kind))


def listed(world: World, asked: Filter, *, scan: bool = False) -> list[str]:
    return [row.name for row in WorldAccess(world).queries.rows(asked, scan=scan)]


def reviewing() -> World:
    """Return a world in which everything that is found is for review."""
    return World(settings={"REVIEW_BELOW": "0.95"})


def test_index_follows_what_becomes_of_documents() -> None:
    world = reviewing()
    world.drop("a.txt", BROKEN)
    world.drop("b.txt", letter(1))
    world.run()
    assert (entries(world), entries(world, IndexKind.REVIEW)) == (["a.txt"], ["b.txt"])
    world.drop("a.txt", letter(2))
    world.drop("b.txt", "no names here")
    world.step()
    world.step()
    assert (entries(world), entries(world, IndexKind.REVIEW)) == ([], [])
    world.run()
    assert (entries(world), entries(world, IndexKind.REVIEW)) == ([], ["a.txt"])


def test_documents_that_are_done_cost_no_request(world: World) -> None:
    calls = world.calls_of(lambda: (world.drop("a.txt", letter(1)), world.run()))
    assert not [call for call in calls if "index/" in call]


def test_carried_over_result_stays_for_review() -> None:
    world = reviewing()
    world.drop("a.txt", letter(1))
    world.run()
    world.drop("a.txt", letter(1))
    world.run()
    assert entries(world, IndexKind.REVIEW) == ["a.txt"]
    assert world.submissions_of(letter(1)) == 1


def test_index_that_can_not_be_written_fails_nothing(world: World) -> None:
    def fail(call: Call) -> None:
        if call.name.startswith("index/"):
            raise OSError

    world.gate = fail
    world.drop("a.txt", BROKEN)
    world.run()
    world.check_failed("a.txt", "NotText")
    world.gate = None
    assert entries(world) == []
    world.reconcile()
    assert entries(world) == ["a.txt"]


def test_reconcile_removes_what_is_gone(world: World) -> None:
    world.drop("a.txt", BROKEN)
    world.run()
    world.intake.delete("a.txt")
    world.reconcile()
    assert entries(world) == []


def test_lists_come_from_the_index_once_it_is_whole() -> None:
    world = reviewing()
    for name in ("b/failed.txt", "a/failed.txt", LONGEST):
        world.drop(name, BROKEN)
    world.drop("a/review.txt", letter(1))
    world.run()
    world.state.delete("index/failed/a/failed.txt")
    assert listed(world, FAILED) == ["a/failed.txt", "b/failed.txt", LONGEST], "all documents are looked at"
    world.reconcile()
    assert world.state.get_properties(REBUILT)
    assert listed(world, FAILED) == ["a/failed.txt", "b/failed.txt", LONGEST]
    assert listed(world, REVIEW) == ["a/review.txt"]
    assert listed(world, Filter(states=FAILED.states, prefix="a/")) == ["a/failed.txt"]
    assert listed(world, Filter(states=FAILED.states, code="other")) == []


def test_list_shows_documents_as_they_are(world: World) -> None:
    """Whatever the index says."""
    for name in ("deleted.txt", "replaced.txt", "failed.txt"):
        world.drop(name, BROKEN)
    world.run()
    world.reconcile()
    world.intake.delete("deleted.txt")
    world.drop("replaced.txt", letter(1), announce=False)
    assert listed(world, FAILED) == ["failed.txt"]


def test_incomplete_comparison_promises_nothing(world: World) -> None:
    world.drop("a.txt", BROKEN)
    world.run()

    def fail(call: Call) -> None:
        if (call.place, call.action) == ("intake", "list"):
            raise OSError

    world.gate = fail
    world.reconcile()
    with pytest.raises(Missing):
        world.state.get_properties(REBUILT)
    assert entries(world) == ["a.txt"]


NAMES = ["a", "a-1", "a.txt", "b/c", "b/c/d", "\uffff", "\U0001f600", LONGEST, "x" * 1019 + ".txt"]


@settings(max_examples=60, deadline=None)
@given(
    failed=st.sets(st.sampled_from(NAMES)),
    done=st.sets(st.sampled_from(NAMES)),
    lost=st.sets(st.sampled_from(NAMES)),
    stale=st.sets(st.sampled_from(NAMES)),
)
def test_reconcile_makes_the_index_right(failed: set[str], done: set[str], lost: set[str], stale: set[str]) -> None:
    world = World()
    for name in sorted(failed | done):
        world.drop(name, BROKEN if name in failed else letter(1))
    world.run()
    store = IndexStore(world.state)
    for name in lost:
        store.remove(IndexKind.FAILED, name)
    for name in stale:
        store.add(IndexKind.FAILED, name, {"source_etag": "old"})
    world.reconcile()
    assert entries(world) == sorted(failed)
    assert sorted(listed(world, FAILED)) == sorted(listed(world, FAILED, scan=True)) == sorted(failed)
    rows = [sorted(WorldAccess(world).queries.rows(FAILED, scan=scan), key=lambda row: row.name) for scan in (0, 1)]
    assert rows[0] == rows[1]
