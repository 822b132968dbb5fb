"""Documents that nobody has taken on are taken on by request; others are left alone by request."""

import pickle
from datetime import timedelta
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.storage.memory_containers import MemoryContainer
from functions.workflows.backfill import BackfillAsked, RulesNotRead, ignore_existing
from functions.workflows.handing_over import Fate, Given, Step
from tests.support.command_line import app_of_run
from tests.support.examples import examples
from tests.support.world import Crash, Gate, GatedContainer, World, letter
from tests.workflows.test_replay import RUN, Kept, crashes_at, submitted

EVERYTHING = BackfillAsked()
MANY = 60


def backfill(
    world: World, asked: BackfillAsked = EVERYTHING, kept: Kept | None = None, gate: Gate | None = None
) -> list[Given]:
    """Backfill to the end; return what became of each document."""
    app, kept = app_of_run(world, RUN, gate), kept or Kept(world)
    steps = app.backfill.run(asked, kept.progress, kept, app.pace())
    return [one for step in steps if isinstance(step, Step) for one in step.given]


def copy_in(
    world: World,
    source: MemoryContainer,
    asked: BackfillAsked = EVERYTHING,
    into: str = "",
    kept: Kept | None = None,
    gate: Gate | None = None,
) -> list[Given]:
    """Copy to the end, with the events that copies raise; return what became of each document."""
    app, kept = app_of_run(world, RUN, gate), kept or Kept(world)
    intake = GatedContainer(world.intake, "intake", gate or (lambda call: None))
    steps = app.copy_in(source, intake, into).run(asked, kept.progress, kept, app.pace())
    return [one for step in steps if isinstance(step, Step) for one in step.given]


def announce_all(world: World) -> None:
    """Let the events of what was copied come."""
    for info in list(world.intake.list()):
        world.announce(info.name)


@pytest.fixture
def lying(world: World) -> World:
    """Documents of which two lie there from before."""
    for number in (1, 2):
        world.drop(f"old/{number}.txt", letter(number), announce=False)
    world.clock.advance(3600)
    world.drop("new.txt", letter(3))
    world.run()
    return world


def test_what_was_never_seen_is_taken_on(lying: World) -> None:
    assert submitted(backfill(lying)) == ["old/1.txt", "old/2.txt"]
    lying.run()
    lying.check_right("old/1.txt", "old/2.txt", "new.txt")
    assert [lying.submissions_of(letter(number)) for number in (1, 2, 3)] == [1, 1, 1]


def test_backfill_takes_what_is_asked_for(lying: World) -> None:
    assert submitted(backfill(lying, BackfillAsked(names=("old/2.txt", "new.txt")))) == ["old/2.txt"]
    assert submitted(backfill(lying, BackfillAsked(since=lying.clock()))) == []
    assert submitted(backfill(lying, BackfillAsked(prefix="old/", until=lying.clock()))) == ["old/1.txt"]


def test_backfill_by_rule(lying: World) -> None:
    lying.write_rules({"match": "old/1*", "language": "de"}, {"match": "old/**", "ignore": True})
    assert submitted(backfill(lying, BackfillAsked(rule="old/1*"))) == ["old/1.txt"]
    assert backfill(lying) == [Given("old/2.txt", Fate.IGNORED)]


def test_existing_documents_are_ignored_on_request(lying: World) -> None:
    """Until somebody takes them on; new versions are new documents."""
    ignore_existing(lying.app.parts.rules, lying.clock())
    assert lying.reconcile().ignored == 2
    lying.drop("old/1.txt", letter(1, version=2), announce=False)
    assert lying.reconcile().submitted == 1
    assert submitted(backfill(lying)) == ["old/2.txt"]
    lying.run()
    lying.check_right("old/1.txt", "old/2.txt")


def test_running_app_learns_what_to_ignore(lying: World) -> None:
    """It has read the rules before, and those have not changed."""
    lying.drop("first.txt", letter(4), announce=False)
    assert lying.app.rules.is_ignored("x", lying.clock()) is False
    ignore_existing(lying.app.parts.rules, lying.clock() + timedelta(seconds=1))
    lying.clock.advance(60)
    assert lying.reconcile().ignored == 3


def test_ignoring_keeps_rules(lying: World) -> None:
    lying.write_rules({"match": "other/**", "ignore": True})
    lying.drop("a.txt", letter(5))
    lying.run()
    ignore_existing(lying.app.parts.rules, lying.clock())
    ignore_existing(lying.app.parts.rules, lying.clock())
    valid, _ = lying.app.parts.rules.read_valid()
    assert valid
    assert [rule.match for rule in valid.rules] == ["other/**"]
    assert [one.match for one in valid.formerly_ignored] == ["**"]


def test_rules_that_nobody_has_read_stop_ignoring(world: World) -> None:
    world.state.write("config/rules.json", b"{}")
    with pytest.raises(RulesNotRead):
        ignore_existing(world.app.parts.rules, world.clock())


# --- Copies ---


@pytest.fixture
def source(world: World) -> MemoryContainer:
    container = MemoryContainer(world.clock)
    for number in range(3):
        container.write(f"archive/{number}.txt", letter(number).encode(), metadata={"language": "en"})
    container.upload("archive/", b"")
    return container


def test_copies_are_taken_on_and_originals_stay(world: World, source: MemoryContainer) -> None:
    before = {info.name: info.etag for info in source.list()}
    given = copy_in(world, source, into="copied/")
    assert submitted(given) == [f"copied/archive/{number}.txt" for number in range(3)]
    announce_all(world)
    world.run()
    world.check_right(*submitted(given))
    assert world.intake.get_properties("copied/archive/0.txt").metadata == {"language": "en"}
    assert {info.name: info.etag for info in source.list()} == before


def test_copy_overwrites_nothing(world: World, source: MemoryContainer) -> None:
    world.drop("archive/1.txt", letter(9))
    world.run()
    given = copy_in(world, source)
    assert [one.fate for one in given] == [Fate.SUBMITTED, Fate.LEFT, Fate.SUBMITTED]
    assert world.text_of("archive/1.txt") == letter(9)


def test_copy_is_filtered_by_names_of_the_source(world: World, source: MemoryContainer) -> None:
    asked = BackfillAsked(names=("archive/2.txt",), prefix="archive/")
    assert submitted(copy_in(world, source, asked, into="x/")) == ["x/archive/2.txt"]


# --- Interruptions ---


@lru_cache
def _lying() -> bytes:
    """Return a world with many documents that nobody has taken on."""
    world = World()
    for number in range(MANY):
        world.drop(f"{number:03d}.txt", letter(number), announce=False)
    return pickle.dumps(world)


@given(deaths=st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=4))
def _killed_and_continued(deaths: list[tuple[int, bool]]) -> None:
    world: World = pickle.loads(_lying())
    kept = Kept(world)
    for number, is_host_running in deaths:
        try:
            backfill(world, kept=kept, gate=crashes_at(number))
        except Crash:
            if is_host_running:
                world.run_for(timedelta(seconds=40))
    backfill(world, kept=kept)
    world.settle()
    assert [world.submissions_of(letter(number)) for number in range(MANY)] == [1] * MANY
    world.check_right(*(f"{number:03d}.txt" for number in range(MANY)))
    world.check_quiet()


@pytest.mark.long
def test_killed_backfill_misses_and_repeats_nothing() -> None:
    settings(max_examples=examples(60), deadline=None)(_killed_and_continued)()


@given(deaths=st.lists(st.integers(0, 200), max_size=4))
def _copy_killed_and_continued(deaths: list[int]) -> None:
    world = World()
    source = MemoryContainer(world.clock)
    for number in range(MANY):
        source.write(f"{number:03d}.txt", letter(number).encode())
    kept = Kept(world)
    written: list[str] = []
    inner = world.intake.copy

    def copy(name: str, *others: object) -> None:
        inner(name, *others)
        written.append(name)

    world.intake.copy = copy
    for number in deaths:
        try:
            copy_in(world, source, kept=kept, gate=crashes_at(number))
        except Crash:
            continue
    copy_in(world, source, kept=kept)
    assert sorted(written) == [f"{number:03d}.txt" for number in range(MANY)]


@pytest.mark.long
def test_killed_copy_misses_and_repeats_nothing() -> None:
    settings(max_examples=examples(60), deadline=None)(_copy_killed_and_continued)()
