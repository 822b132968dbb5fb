"""Documents are submitted again on request: those that were asked for, each once, whatever happens meanwhile."""

import pickle
from datetime import datetime, timedelta
from functools import lru_cache

import pytest
from azure.core.exceptions import HttpResponseError
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.journal import hour_of
from functions.core.views import Filter, ShownState
from functions.workflows.handing_over import Fate, Given, Progress, ProgressKeeper, Step
from functions.workflows.model_changes import Deployed, UnknownTime, read_deployed
from functions.workflows.replay import ENDED, ReplayAsked
from tests.support.command_line import app_of_run
from tests.support.examples import examples
from tests.support.world import Call, Crash, Gate, World, letter

RUN = "0123456789ab"
EVERYTHING = ReplayAsked(filter=Filter(states=ENDED))


class Kept(ProgressKeeper):
    """Progress that outlives the process."""

    def __init__(self, world: World) -> None:
        self.progress = Progress(run=RUN, began=world.clock())

    def save(self, progress: Progress) -> None:
        self.progress = progress


def replay(
    world: World,
    asked: ReplayAsked = EVERYTHING,
    kept: Kept | None = None,
    gate: Gate | None = None,
    rate: float | None = None,
) -> list[Given]:
    """Replay to the end; return what became of each document."""
    app, kept = app_of_run(world, RUN, gate), kept or Kept(world)
    steps = app.replay.run(asked, kept.progress, kept, app.pace(rate))
    return [one for step in steps if isinstance(step, Step) for one in step.given]


def submitted(given: list[Given]) -> list[str]:
    return [one.name for one in given if one.fate is Fate.SUBMITTED]


def filtered(**options: object) -> ReplayAsked:
    return ReplayAsked(filter=Filter(**{"states": ENDED, **options}))  # type: ignore[arg-type]


@pytest.fixture
def mixed(world: World) -> World:
    world.drop("done.txt", letter(1))
    world.drop("loans/done.txt", letter(2))
    world.drop("loans/failed.pdf", b"%PDF-1.7")
    world.run()
    return world


def test_replayed_documents_are_submitted_again(mixed: World) -> None:
    assert submitted(replay(mixed)) == ["done.txt", "loans/done.txt", "loans/failed.pdf"]
    mixed.run()
    mixed.check_right("done.txt", "loans/done.txt")
    mixed.check_failed("loans/failed.pdf", "NotText")
    mixed.check_quiet()
    assert [mixed.submissions_of(letter(number)) for number in (1, 2)] == [2, 2]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (filtered(states=frozenset({ShownState.FAILED})), ["loans/failed.pdf"]),
        (filtered(prefix="loans/"), ["loans/done.txt", "loans/failed.pdf"]),
        (filtered(code="NotText"), ["loans/failed.pdf"]),
        (filtered(model="other"), []),
        (filtered(review=True), []),
        (ReplayAsked(filter=Filter(states=ENDED), names=("done.txt", "not-there.txt")), ["done.txt"]),
        (ReplayAsked(filter=Filter(states=ENDED), changed_since=Deployed((), {})), []),
    ],
)
def test_only_what_is_asked_for_is_replayed(mixed: World, asked: ReplayAsked, names: list[str]) -> None:
    assert submitted(replay(mixed, asked)) == names


def test_replay_by_time(mixed: World) -> None:
    mixed.clock.advance(3600)
    now = mixed.clock()
    mixed.drop("later.txt", letter(3))
    mixed.run()
    assert submitted(replay(mixed, filtered(since=hour_of(now)))) == ["later.txt"]


def test_replay_by_rule_applies_the_new_rule(mixed: World) -> None:
    """Only what gets another model, where that is asked for."""
    mixed.write_rules(
        {"match": "loans/**", "tasks": [{"kind": "KeyPhraseExtraction"}]}, {"match": "old/**", "ignore": True}
    )
    changed = ReplayAsked(filter=Filter(states=ENDED), changed_since=Deployed((), {}))
    by_rule = ReplayAsked(filter=Filter(states=ENDED), rule="loans/**")
    app = app_of_run(mixed, RUN)
    for asked in (changed, by_rule):
        assert [one.name for one in app.replay.documents(asked)] == ["loans/done.txt", "loans/failed.pdf"]
    replay(mixed, by_rule)
    mixed.run()
    assert mixed.result("loans/done.txt", ".keyphrases.json")
    assert mixed.entities("loans/done.txt") is None, "the file of a task that it does not have any more"
    assert mixed.entities("done.txt")


# --- A model that was deployed anew ---


def deploy(world: World, at: datetime | None) -> None:
    world.service.authoring.state.model_since["loans", "production"] = at


def read(world: World) -> tuple[Deployed, tuple[UnknownTime, ...]]:
    readers = {one.name: one.deployments for one in world.app.parts.pool}
    return read_deployed(readers, world.app.rules.works())


def changed(world: World) -> list[str]:
    """Return the documents whose model is another one by now."""
    deployed, unknown = read(world)
    assert not unknown
    asked = ReplayAsked(filter=Filter(states=ENDED), changed_since=deployed)
    return [one.name for one in app_of_run(world, RUN).replay.documents(asked)]


def test_model_deployed_anew_counts_as_changed(mixed: World) -> None:
    assert changed(mixed) == []
    mixed.clock.advance(60)
    deploy(mixed, mixed.clock())
    assert changed(mixed) == ["done.txt", "loans/done.txt", "loans/failed.pdf"]
    mixed.drop("new.txt", letter(7))
    mixed.run()
    asked = ReplayAsked(filter=Filter(states=ENDED), changed_since=read(mixed)[0])
    assert submitted(replay(mixed, asked)) == ["done.txt", "loans/done.txt", "loans/failed.pdf"]
    mixed.run()
    assert changed(mixed) == []
    assert mixed.submissions_of(letter(7)) == 1


def test_result_of_earlier_submission_counts_as_changed(world: World) -> None:
    """It was written after the deployment, but asked for before."""
    world.drop("a.txt", letter(1))
    world.step()
    assert world.submissions_of(letter(1)) == 1
    world.clock.advance(1)
    deploy(world, world.clock())
    world.clock.advance(1)
    world.run()
    assert changed(world) == ["a.txt"]


def test_carried_over_result_counts_as_changed(mixed: World) -> None:
    """A new version with the same content has the result of the version before."""
    mixed.clock.advance(60)
    deploy(mixed, mixed.clock())
    mixed.clock.advance(60)
    mixed.drop("done.txt", letter(1))
    mixed.run()
    assert mixed.submissions_of(letter(1)) == 1
    assert "done.txt" in changed(mixed)


def test_deployment_of_the_same_second_is_no_change(world: World) -> None:
    world.clock.advance(-world.clock().microsecond / 1e6)
    deploy(world, world.clock())
    world.drop("a.txt", letter(1))
    world.run()
    assert changed(world) == []
    deploy(world, world.clock() + timedelta(seconds=1))
    assert changed(world) == ["a.txt"]


def test_only_documents_of_the_deployment_are_changed(mixed: World) -> None:
    mixed.write_rules({"match": "loans/**", "tasks": [{"kind": "KeyPhraseExtraction"}]})
    replay(mixed, filtered(prefix="loans/"))
    mixed.run()
    deploy(mixed, mixed.clock() + timedelta(seconds=60))
    assert changed(mixed) == ["done.txt"]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_unknown_time_falls_back_to_names(mixed: World, status: int) -> None:
    mixed.service.authoring.state.refuse_with = status
    deployed, (unknown,) = read(mixed)
    assert unknown.deployment.deployment == "production"
    assert unknown.code and unknown.why
    asked = ReplayAsked(filter=Filter(states=ENDED), changed_since=deployed)
    assert list(app_of_run(mixed, RUN).replay.documents(asked)) == []
    mixed.write_rules({"match": "done.txt", "tasks": [{"kind": "KeyPhraseExtraction"}]})
    assert [one.name for one in app_of_run(mixed, RUN).replay.documents(asked)] == ["done.txt"]


def test_answer_without_time_falls_back_to_names(mixed: World) -> None:
    deploy(mixed, None)
    _, (unknown,) = read(mixed)
    assert (unknown.code, unknown.why) == ("", "the answer has no such time")


def test_what_a_rule_ignores_is_left(mixed: World) -> None:
    mixed.write_rules({"match": "loans/**", "ignore": True})
    assert submitted(replay(mixed)) == ["done.txt"]
    mixed.run()
    assert mixed.entities("loans/done.txt")


def test_documents_in_work_are_left(mixed: World) -> None:
    mixed.drop("running.txt", letter(4))
    mixed.step()
    assert "running.txt" not in submitted(replay(mixed))
    mixed.run()
    assert mixed.submissions_of(letter(4)) == 1


def test_replay_needs_no_language_service(mixed: World) -> None:
    """Whoever replays has the storage only; the app submits."""
    app = app_of_run(mixed, RUN, gate=_refuse_service)
    kept = Kept(mixed)
    for _ in app.replay.run(EVERYTHING, kept.progress, kept, app.pace()):
        pass
    mixed.run()
    assert mixed.submissions_of(letter(1)) == 2


def _refuse_service(call: Call) -> None:
    assert call.place != "service"


def test_files_and_long_documents_are_replayed(world: World) -> None:
    text = "Mary Miller borrows $1000. " * 6000
    world.drop("long.txt", text)
    world.run()
    assert submitted(replay(world)) == ["long.txt"]
    world.run()
    world.check_right("long.txt")
    world.check_quiet()


def test_refused_document_is_told(mixed: World) -> None:
    mixed.intake.change("done.txt", tier="Archive")

    def refuse(call: Call) -> None:
        if (call.action, call.name, call.moment) == ("read", "done.txt", "before"):
            raise _archived()

    given = replay(mixed, gate=refuse)
    assert Given("done.txt", Fate.REFUSED, "BlobArchived") in given
    mixed.run()
    mixed.check_right("done.txt", "loans/done.txt")


def _archived() -> Exception:
    error = HttpResponseError("archived")
    error.status_code, error.error_code = 409, "BlobArchived"  # type: ignore[attr-defined]
    return error


def test_few_documents_are_replayed_at_once(mixed: World) -> None:
    assert submitted(mixed.app.replay.at_once(EVERYTHING, 2)) == ["done.txt", "loans/done.txt"]
    assert submitted(mixed.app.replay.at_once(EVERYTHING, 2)) == ["loans/failed.pdf"], "the others are in work"
    mixed.run()
    mixed.check_right("done.txt", "loans/done.txt")


# --- Interruptions ---

MANY = 60


@lru_cache
def _done() -> bytes:
    """Return a world with many documents that are done."""
    world = World()
    for number in range(MANY):
        world.drop(name_of(number), letter(number))
    world.run()
    world.app.journal.flush()
    return pickle.dumps(world)


def name_of(number: int) -> str:
    return f"loans/{number:03d}.txt"


def crashes_at(number: int) -> Gate:
    """Return a gate at which the process dies with its call of a number."""
    left = iter(range(number, -1, -1))

    def pass_gate(_: Call) -> None:
        if next(left, 1) == 0:
            raise Crash

    return pass_gate


@given(deaths=st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=4))
def _killed_and_continued(deaths: list[tuple[int, bool]]) -> None:
    world: World = pickle.loads(_done())
    kept = Kept(world)
    for number, is_host_running in deaths:
        try:
            replay(world, kept=kept, gate=crashes_at(number))
        except Crash:
            if is_host_running:
                world.run_for(timedelta(seconds=40))
    replay(world, kept=kept)
    world.settle()
    assert [world.submissions_of(letter(number)) for number in range(MANY)] == [2] * MANY
    world.check_right(*map(name_of, range(MANY)))
    world.check_quiet()


@pytest.mark.long
def test_killed_replay_misses_and_repeats_nothing() -> None:
    settings(max_examples=examples(60), deadline=None)(_killed_and_continued)()


def test_continued_replay_leaves_what_it_has_had(mixed: World) -> None:
    """Also where nothing is known of how far it came."""
    replay(mixed, filtered(prefix="done"))
    mixed.run()
    assert submitted(replay(mixed)) == ["loans/done.txt", "loans/failed.pdf"]


def test_unreachable_storage_ends_the_run(mixed: World) -> None:
    kept = Kept(mixed)

    def fail(call: Call) -> None:
        if (call.place, call.action, call.name) == ("intake", "read", "loans/done.txt"):
            raise ConnectionError

    with pytest.raises(ConnectionError):
        replay(mixed, kept=kept, gate=fail)
    assert kept.progress.after is None
    assert submitted(replay(mixed, kept=kept)) == ["done.txt", "loans/done.txt"], "the other one is reported again"
    mixed.settle()
    assert mixed.submissions_of(letter(1)) == 2


# --- New versions meanwhile ---


@given(versions=st.lists(st.tuples(st.integers(0, 400), st.integers(0, MANY - 1), st.booleans()), max_size=8))
def _with_new_versions(versions: list[tuple[int, int, bool]]) -> None:
    world: World = pickle.loads(_done())
    changes = iter(sorted(versions))
    upcoming = next(changes, None)
    calls = 0

    def change(_: Call) -> None:
        nonlocal calls, upcoming
        calls += 1
        while upcoming and upcoming[0] <= calls:
            at, number, is_announced = upcoming
            upcoming = next(changes, None)
            world.drop(name_of(number), letter(number, version=2 + at), announce=is_announced)
            world.run_for(timedelta(seconds=1))

    replay(world, gate=change)
    world.settle()
    world.reconcile()
    world.settle()
    world.check_right(*map(name_of, range(MANY)))
    world.check_quiet()


@pytest.mark.long
def test_newer_version_always_wins() -> None:
    settings(max_examples=examples(60), deadline=None)(_with_new_versions)()


# --- Rate ---


def test_rate_is_kept() -> None:
    world: World = pickle.loads(_done())
    before = world.clock()
    replay(world, rate=30)
    took = world.clock() - before
    assert timedelta(seconds=100) <= took <= timedelta(seconds=110), "50 documents, then the last 10 at once"


def test_few_jobs_are_under_way() -> None:
    """While they are deferred the run waits, however fast it may be."""
    world: World = pickle.loads(_done())
    most = 0

    def look(call: Call) -> None:
        nonlocal most
        if call.place == "queue":
            most = max(most, sum(1 for _ in world.app.parts.records.list_jobs(RUN)))

    asked = ReplayAsked(filter=Filter(states=ENDED))
    app, kept = app_of_run(world, RUN, look), Kept(world)
    pace = app.pace(100_000)
    pace.jobs_under_way = 1
    for _ in app.replay.run(asked, kept.progress, kept, pace):
        pass
    assert most == 1
    world.run()
    world.check_right(*map(name_of, range(MANY)))
