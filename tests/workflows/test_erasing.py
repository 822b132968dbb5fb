"""A document that is purged leaves nothing, whatever was under way with it, and its neighbours lose nothing."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.index import IndexKind
from functions.core.listings import sort_key
from functions.core.names import fitting_name
from functions.core.result_names import stems, without_document
from functions.storage.corrections_store import kept_folder, kept_name
from functions.storage.index_store import IndexStore
from functions.storage.journal_store import JOURNAL, JournalStore
from functions.storage.memory_containers import MemoryContainer
from functions.storage.record_store import refusal_key
from functions.workflows.erasing import QUIET, Erasing, Left, Place, Removed, Step
from functions.workflows.purging import Purging
from tests.contracts.test_store_contracts import ODD_NAMES
from tests.support.corrections import save
from tests.support.results import write_entities, write_report
from tests.support.world import Call, Crash, Inline, World, letter

DAY = timedelta(days=1)


def erasing(world: World) -> Erasing:
    ids = iter(range(1, 1000))
    return Erasing(world.intake, world.output, world.state, world.clock, lambda: str(next(ids)))


def purge(world: World, name: str, **more: Any) -> list[Step]:
    world.app.journal.flush()
    return list(erasing(world).erase(name, **{"with_document": True, "with_journal": True, **more}))


def removed(steps: list[Step]) -> list[str]:
    return sorted(f"{step.place} {step.name.partition('/20')[0]}" for step in steps if isinstance(step, Removed))


def purging(world: World) -> Purging:
    return Purging(world.intake, world.output, world.state, Inline(), world.clock)


def traces(world: World, name: str) -> list[str]:
    """Return every blob that names a document, in its own name or in its content."""
    world.app.journal.flush()
    quoted = json.dumps(name).strip('"').encode()
    containers: dict[str, MemoryContainer] = {
        "intake": world.intake, "output": world.output, "state": world.state,
    }  # fmt: skip
    return [
        f"{place} {info.name}"
        for place, container in containers.items()
        for info in container.list()
        if name in info.name or quoted in container.read(info.name).data
    ]


def done(world: World, *names: str) -> None:
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    world.run()
    world.check_right(*names)


# --- Everything of one document ---


def test_everything_of_document_is_removed(world: World) -> None:
    done(world, "a.txt", "b.txt")
    world.output.write("a.txt.html", b"<html>")
    world.output.write("a.txt.corrections.json", b"[]")
    world.output.write("a.txt.extracted.txt", b"text")
    world.state.write('corrections/a.txt/"0x1".json', b"[]")
    world.state.write(f"refused/{refusal_key('a.txt')}.json", b"{}")
    for kind in IndexKind:
        IndexStore(world.state).add(kind, "a.txt", {})
    world.clock.advance(3600)
    assert removed(purge(world, "a.txt")) == [
        'correction corrections/a.txt/"0x1".json',
        "document a.txt",
        *(f"index index/{kind}/a.txt" for kind in sorted(IndexKind)),
        "journal journal",
        "record documents/a.txt",
        f"record refused/{refusal_key('a.txt')}.json",
        "result a.txt.corrections.json",
        "result a.txt.entities.json",
        "result a.txt.extracted.txt",
        "result a.txt.html",
    ]
    assert traces(world, "a.txt") == []
    world.check_right("b.txt")
    assert any("journal" in trace for trace in traces(world, "b.txt"))


def test_failed_document_leaves_its_list(world: World) -> None:
    """Here by the purge of deleted documents; the entries of others with names that begin alike stay."""
    for name in ("a", "a/b", "ab"):
        world.drop(name, b"%PDF-1.7")
    world.run()
    assert len([*world.state.list("index/failed/")]) == 3
    world.remove("a")
    world.clock.advance(40 * DAY.total_seconds())
    for name in purging(world).deleted(30 * DAY):
        steps = list(erasing(world).erase(name, with_document=False, with_journal=False))
    assert "index index/failed/a" in removed(steps)
    assert [info.name for info in world.state.list("index/failed/")] == ["index/failed/a/b", "index/failed/ab"]


def test_quarantined_record_is_told(world: World) -> None:
    """It is of no document alone."""
    done(world, "a.txt")
    world.state.write("set-aside/jobs/1.json", b'{"chunks":[{"document":"a.txt"},{"document":"b.txt"}], damaged')
    world.state.write("set-aside/jobs/2.json", b'{"chunks":[{"document":"aa.txt"}], damaged')
    world.clock.advance(3600)
    (left,) = [step for step in purge(world, "a.txt") if isinstance(step, Left)]
    assert left.what == "set-aside/jobs/1.json"
    assert world.state.read(left.what)


def test_purge_twice_finds_nothing(world: World) -> None:
    done(world, "a.txt")
    world.clock.advance(3600)
    purge(world, "a.txt")
    assert removed(purge(world, "a.txt")) == []
    assert traces(world, "a.txt") == []


def test_dry_run_changes_nothing(world: World) -> None:
    done(world, "a.txt")
    world.clock.advance(3600)
    before = traces(world, "a.txt")
    shown = purge(world, "a.txt", is_dry=True)
    assert traces(world, "a.txt") == before
    assert removed(shown) == removed(purge(world, "a.txt"))


def test_files_of_named_tasks_are_removed(world: World) -> None:
    world.write_rules(
        {
            "match": "**",
            "tasks": [
                {"kind": "CustomEntityRecognition", "name": "old"},
                {"kind": "PiiEntityRecognition", "name": "strict"},
                {"kind": "KeyPhraseExtraction"},
            ],
        }
    )
    world.drop("a.txt", letter(1))
    world.run()
    assert {info.name for info in world.output.list()} == {
        "a.txt.old.entities.json",
        "a.txt.strict.pii.json",
        "a.txt.strict.redacted.txt",
        "a.txt.keyphrases.json",
    }
    world.clock.advance(3600)
    purge(world, "a.txt")
    assert traces(world, "a.txt") == []


def test_files_of_other_document_stay(world: World) -> None:
    """The names of "a.b" look like those of "a" and its task "b", and "a/b" lies below the corrections of "a"."""
    done(world, "a", "a.b", "a/b", "ab")
    world.output.write("a.b.redacted.txt", b"text")
    world.output.write("a.b.pii.json", world.output.read("a.b.entities.json").data)
    world.state.write("corrections/a/b/1.json", b"[]")
    world.clock.advance(3600)
    purge(world, "a")
    world.check_right("a.b", "a/b", "ab")
    assert {"a.b.redacted.txt", "a.b.pii.json"} <= {info.name for info in world.output.list()}
    assert [info.name for info in world.state.list("corrections/")] == ["corrections/a/b/1.json"]


@pytest.mark.parametrize("name", ["a.txt", "n" * 1000])
def test_replaced_versions_are_removed(world: World, name: str) -> None:
    """With their texts and answers, however long the name is; those of others stay."""
    other = f"{name[:-1]}o"
    done(world, name, other)
    for number in (2, 3):
        for one in (name, other):
            save(world, one, decisions=[])
            world.drop(one, letter(number, number))
        world.run()
    kept = [info.name for info in world.state.list("corrections/")]
    assert len(kept) == 12
    world.clock.advance(3600)
    steps = purge(world, name)
    assert sum(isinstance(step, Removed) and step.place is Place.CORRECTION for step in steps) == 6
    left = [info.name for info in world.state.list("corrections/")]
    assert left == [one for one in kept if one.startswith(kept_folder(other))]
    assert len(left) == 6


def test_kept_document_is_told(world: World) -> None:
    done(world, "a.txt")
    world.clock.advance(3600)
    steps = purge(world, "a.txt", with_document=False)
    assert [step.what for step in steps if isinstance(step, Left)] == ["document"]
    assert traces(world, "a.txt") == ["intake a.txt"]
    world.reconcile()
    world.settle()
    world.check_right("a.txt")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_awkward_names_leave_nothing(world: World, name: str) -> None:
    done(world, name)
    for ending in (".html", ".corrections.json", ".extracted.txt"):
        world.output.write(fitting_name("", name, ending), b"{}")
    for ending in (".json", ".txt", ".entities.json"):
        world.state.write(kept_name(name, '"0x1"', ending), b"{}")
    for kind in IndexKind:
        IndexStore(world.state).add(kind, name, {})
    world.clock.advance(3600)
    told = {step.place for step in purge(world, name) if isinstance(step, Removed)}
    assert told >= {Place.DOCUMENT, Place.RESULT, Place.RECORD, Place.INDEX, Place.JOURNAL}
    assert [*world.output.list()] == []
    assert [*world.intake.list()] == []
    for folder in ("documents/", "corrections", *(f"index/{kind}/" for kind in IndexKind)):
        assert [*world.state.list(folder)] == []
    assert not any(json.dumps(name).encode() in world.state.read(info.name).data for info in world.state.list(JOURNAL))


# --- While it is worked on ---


def test_recent_work_leaves_guard_for_a_while(world: World) -> None:
    done(world, "a.txt")
    steps = purge(world, "a.txt")
    assert [step.what for step in steps if isinstance(step, Left)] == ["record of a.txt"]
    assert traces(world, "a.txt") == ["state documents/a.txt"]
    world.clock.advance(QUIET.total_seconds())
    purge(world, "a.txt")
    assert traces(world, "a.txt") == []


def test_reconcile_removes_guard_of_deleted_document(world: World) -> None:
    done(world, "a.txt")
    purge(world, "a.txt")
    world.reconcile()
    assert traces(world, "a.txt") == []


def test_new_version_takes_guard_over(world: World) -> None:
    done(world, "a.txt")
    purge(world, "a.txt")
    world.drop("a.txt", letter(9))
    world.run()
    world.check_right("a.txt")


def test_same_content_is_not_carried_over(world: World) -> None:
    done(world, "a.txt")
    purge(world, "a.txt")
    world.drop("a.txt", letter(0))
    world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(0)) == 2


@pytest.mark.long
@settings(deadline=None, max_examples=50)
@given(moment=st.integers(0, 60), dies=st.booleans(), content=st.sampled_from([letter(1), b"%PDF-1.7"]))
def test_purge_at_any_moment_leaves_nothing(moment: int, dies: bool, content: str | bytes) -> None:
    """Its job goes on, and writes nothing of it; the worker may die right after the purge."""
    world = World()
    calls = iter(range(10_000))
    purged = False

    def gate(call: Call) -> None:
        nonlocal purged
        if not purged and next(calls) == moment:
            purged, world.gate = True, None
            purge_raw(world, "a.txt")
            if dies:
                raise Crash
            world.gate = gate

    world.drop("a.txt", content)
    world.drop("b.txt", letter(2))
    world.gate = gate
    try:
        world.deliver_together("a.txt", "b.txt")
        world.run()
    except Crash:
        world.restart()
    world.gate = None
    world.settle()
    if not purged:
        purge_raw(world, "a.txt")
    world.clock.advance(DAY.total_seconds())
    world.reconcile()
    world.settle()
    world.app.journal.flush()  # The app does within seconds.
    purge_raw(world, "a.txt")
    assert traces(world, "a.txt") == []
    world.check_right("b.txt")
    world.check_quiet()


def purge_raw(world: World, name: str) -> None:
    for _ in erasing(world).erase(name, with_document=True, with_journal=True):
        pass


@pytest.mark.long
@settings(deadline=None, max_examples=40)
@given(moments=st.lists(st.integers(0, 25), min_size=1, max_size=3))
def test_killed_purge_is_resumed(moments: list[int]) -> None:
    world = World()
    done(world, "a.txt", "b.txt")
    world.output.write("a.txt.html", b"<html>")
    IndexStore(world.state).add(IndexKind.REVIEW, "a.txt", {})
    world.app.journal.flush()
    world.clock.advance(3600)
    for moment in moments:
        world.gate = killer(moment)
        steps = erasing(gated(world)).erase("a.txt", with_document=True, with_journal=True)
        try:
            for _ in steps:
                pass
        except Crash:
            pass
    world.gate = None
    world.clock.advance(3600)
    purge_raw(world, "a.txt")
    assert traces(world, "a.txt") == []
    world.check_right("b.txt")
    lines = [entry.line for entry in JournalStore(world.state, "x").entries(world.clock() - DAY, world.clock())]
    assert {getattr(line, "document", "b.txt") for line in lines} == {"b.txt"}


def killer(moment: int) -> Any:
    calls = iter(range(moment))

    def gate(call: Call) -> None:
        if next(calls, None) is None:
            raise Crash

    return gate


class _Gated:
    """A world whose containers pass its gate, as the app's do."""

    def __init__(self, world: World) -> None:
        parts = world.app.parts
        self.intake = parts.documents._intake
        self.output = parts.documents._output
        self.state = parts.records._container
        self.clock = world.clock


def gated(world: World) -> Any:
    return _Gated(world)


# --- The journal ---


def test_lines_of_others_stay(world: World) -> None:
    done(world, "a.txt", "b.txt")
    world.app.journal.flush()
    store = JournalStore(world.state, "other")
    before = [entry.line for entry in store.entries(world.clock() - DAY, world.clock())]
    assert [lines for _, lines in store.erase("a.txt")] == [1]
    after = [entry.line for entry in store.entries(world.clock() - DAY, world.clock())]
    assert after == [line for line in before if getattr(line, "document", "") != "a.txt"]
    assert list(store.erase("a.txt")) == []


def test_append_meanwhile_is_kept(world: World) -> None:
    """An instance appends to a blob between its copy and its deletion."""
    done(world, "a.txt", "b.txt")
    world.app.journal.flush()
    (name,) = [info.name for info in world.state.list(JOURNAL)]
    (line,) = [line for line in world.state.read(name).data.splitlines(keepends=True) if b'"b.txt"' in line]
    appended = iter([True])

    class Appending(MemoryContainer):
        def __init__(self) -> None:
            self.__dict__ = world.state.__dict__

        def delete(self, name: str, *, if_match: str | None = None) -> None:
            if if_match and next(appended, False):
                world.state.append(name, line)
            super().delete(name, if_match=if_match)

    assert [lines for _, lines in JournalStore(Appending(), "other").erase("a.txt")] == [1]
    (copy,) = [info.name for info in world.state.list(JOURNAL)]
    assert world.state.read(copy).data.count(line) == 2


# --- Deleted documents ---


def test_deleted_documents_are_found_by_age(world: World) -> None:
    done(world, "kept.txt", "old.txt")
    world.remove("old.txt")
    world.clock.advance(40 * DAY.total_seconds())
    done(world, "new.txt")
    world.remove("new.txt")
    assert list(purging(world).deleted(30 * DAY)) == ["old.txt"]
    assert sorted(purging(world).deleted(0 * DAY)) == ["new.txt", "old.txt"]
    assert list(purging(world).deleted(0 * DAY, "k")) == []


def test_deleted_document_is_purged(world: World) -> None:
    done(world, "a.txt", "b.txt")
    world.remove("a.txt")
    world.clock.advance(40 * DAY.total_seconds())
    for name in purging(world).deleted(30 * DAY):
        list(erasing(world).erase(name, with_document=False, with_journal=False))
    assert [trace for trace in traces(world, "a.txt") if "journal" not in trace] == []
    world.check_right("b.txt")
    assert list(purging(world).deleted(30 * DAY)) == []


def test_record_without_result_is_found(world: World) -> None:
    done(world, "a.txt")
    world.remove("a.txt")
    world.output.delete("a.txt.entities.json")
    assert list(purging(world).deleted(0 * DAY)) == ["a.txt"]


def test_deleted_document_in_work_is_left(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.step()
    world.remove("a.txt")
    assert list(purging(world).deleted(0 * DAY)) == []


def test_foreign_files_are_left(world: World) -> None:
    world.output.write("a.entities.json", b"{}")
    world.output.write("readme.txt", b"text")
    world.output.write("b.json", b'{"document": {"name": "b"}}')
    assert list(purging(world).deleted(0 * DAY)) == []


def test_report_of_unsafe_name_is_purged(world: World) -> None:
    name = "../private.txt"
    world.intake.upload(name, b"text")
    world.reconcile()
    assert len(list(world.output.list("refused/"))) == 1
    assert list(purging(world).deleted(0 * DAY)) == []
    del world.intake._blobs[name]
    assert list(purging(world).deleted(0 * DAY)) == [name]
    list(erasing(world).erase(name, with_document=False, with_journal=False))
    assert list(world.output.list()) == []


# --- Files that no document explains ---

names = st.text(st.sampled_from("ab./-"), min_size=1, max_size=4)


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name


def listed(given: Iterator[str] | set[str]) -> list[_Named]:
    return [_Named(name) for name in sorted(given, key=sort_key)]


@given(st.sets(names, max_size=8), st.sets(names, max_size=8))
def test_files_without_document_are_those_of_no_stem(documents: set[str], others: set[str]) -> None:
    endings = (".entities.json", ".x.pii.json", ".error.json", ".extracted.txt", ".txt")
    files = {name + ending for name in documents | others for ending in endings}
    found = {file.name for file in without_document(listed(files), listed(documents))}
    assert found == {file for file in files if stems(file) and not set(stems(file)) & documents}


def test_stem_may_end_with_task() -> None:
    assert stems("a.b.pii.json") == ("a.b", "a")
    assert stems("a.b.error.json") == ("a.b",)
    assert stems("a.txt") == ()
    assert stems(".entities.json") == ()


def test_results_helpers_write_what_the_app_writes(world: World) -> None:
    write_entities(world.output, "a.txt")
    write_report(world.output, "b.txt")
    assert sorted(purging(world).deleted(-1 * DAY)) == ["a.txt", "b.txt"]
