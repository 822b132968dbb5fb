"""The ledger of health: each change of it as a whole value, what it says to a job, and what always holds."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from functions.core.health import (
    BUSY,
    CONTRADICTING_JOBS,
    CONTROL_TEXT,
    FAILURES_TO_OPEN,
    LONGEST_CONTROL,
    PROBE_WAITS_S,
    QUIET_BEFORE_OPEN,
    SCOUT_TIME,
    UNKNOWN,
    Assessment,
    Health,
    Level,
    Probing,
    Proof,
    Since,
    Standing,
    adds_nothing,
    assess,
    control_dropped,
    control_failed,
    control_pending,
    control_under_way,
    failed,
    poll_begun,
    probe_begun,
    scout_begun,
    succeeded,
)
from functions.errors import Fault, Problem
from tests.support.examples import examples
from tests.support.material import GA_URL, NOW, PROBLEM, after

MODEL = "CustomEntityRecognition/loans/production"
OTHER = "CustomEntityRecognition/loans/staging"
ANOTHER_PROBLEM = Problem("Other", "Something else happened.", "Do something else.", fault=Fault.SERVICE)
A_MOMENT = timedelta(milliseconds=1)


def resource(**known: Any) -> Health:
    return Health(resource=Standing(**known))


def model(**known: Any) -> Health:
    return Health(models={MODEL: Standing(**known)})


def both(**known: Any) -> Health:
    return Health(resource=Standing(**known), models={MODEL: Standing(**known)})


def opened(**known: Any) -> dict[str, Any]:
    """Return what is known of a level whose breaker has opened a minute ago."""
    return {"failures": 3, "opened_at": after(-60), "next_probe": after(30), "reason": PROBLEM, **known}


# --- successes ---


def test_success_proves_both_levels() -> None:
    standing = Standing(ok_at=NOW, ok_sent=after(-5), real_ok_at=NOW, real_ok_sent=after(-5))
    assert succeeded(Health(), MODEL, after(-5), NOW) == Health(resource=standing, models={MODEL: standing})


def test_success_leaves_other_models_alone() -> None:
    health = Health(models={OTHER: Standing(**opened())})
    assert succeeded(health, MODEL, after(-5), NOW).models[OTHER] == Standing(**opened())


def test_success_clears_all_trouble() -> None:
    troubled = both(
        **opened(),
        failed_jobs=("j1", "j2"),
        probes=4,
        busy_until=after(9),
        control_url=GA_URL,
        control_sent=after(-3),
        scout_until=after(99),
    )
    assert succeeded(troubled, MODEL, after(-60), NOW) == both(
        ok_at=NOW,
        ok_sent=after(-60),
        real_ok_at=NOW,
        real_ok_sent=after(-60),
        incident_from=after(-60),
        incident_to=NOW,
    )


def test_control_closes_and_remembers_failed() -> None:
    known = {
        "real_ok_at": after(-900),
        "real_ok_sent": after(-905),
        "failed_jobs": ("j1", "j2"),
        "scout_until": after(99),
    }
    troubled = both(**opened(), **known, probes=4, busy_until=after(9), control_url=GA_URL, control_sent=after(-3))
    assert succeeded(troubled, MODEL, after(-3), NOW, is_control=True) == both(
        ok_at=NOW, ok_sent=after(-3), **known, reason=PROBLEM, incident_from=after(-60), incident_to=NOW
    )


def test_success_keeps_last_incident() -> None:
    health = both(incident_from=after(-900), incident_to=after(-300), failures=2)
    after_it = succeeded(health, MODEL, after(-5), NOW)
    assert after_it.resource == after_it.models[MODEL]
    assert after_it.resource == Standing(
        ok_at=NOW,
        ok_sent=after(-5),
        real_ok_at=NOW,
        real_ok_sent=after(-5),
        incident_from=after(-900),
        incident_to=after(-300),
    )


@pytest.mark.parametrize(
    ("sent", "closes"), [(after(-60) - A_MOMENT, False), (after(-60), True), (after(-60) + A_MOMENT, True)]
)
def test_only_later_submission_closes_breaker(sent: datetime, closes: bool) -> None:
    health = succeeded(both(**opened()), MODEL, sent, NOW)
    assert [standing.opened_at is None for standing in (health.resource, health.models[MODEL])] == [closes, closes]


def test_levels_close_each_for_itself() -> None:
    """What was sent between the opening of one and of the other proves the one only."""
    health = Health(resource=Standing(**opened()), models={MODEL: Standing(**opened(opened_at=after(-10)))})
    proven = succeeded(health, MODEL, after(-20), NOW)
    assert proven.resource.opened_at is None
    assert proven.models[MODEL] == health.models[MODEL]


def test_outdated_control_is_replaced() -> None:
    """It proves nothing, and the next one can be sent."""
    known = opened(control_url=GA_URL, control_sent=after(-61), busy_until=after(20))
    health = succeeded(model(**known), MODEL, after(-61), NOW, is_control=True)
    assert health.models[MODEL] == Standing(**opened())


def test_proof_does_not_grow_older() -> None:
    """A slow job that ends after a younger one takes nothing back that the younger one has proven."""
    younger = succeeded(Health(), MODEL, after(-10), after(-5))
    since = Since(failed=after(-8), sent=after(-20))
    assert assess(younger, MODEL, since, NOW).proof is Proof.DOCUMENTS
    assert assess(succeeded(younger, MODEL, after(-30), NOW), MODEL, since, NOW).proof is Proof.DOCUMENTS


# --- failures ---


@pytest.mark.parametrize("level", Level)
def test_failure_counts_at_its_level_only(level: Level) -> None:
    known = {"failures": 1, "failed_jobs": ("j1",), "reason": PROBLEM}
    expected = resource(**known) if level is Level.RESOURCE else model(**known)
    assert failed(Health(), level, MODEL, "j1", PROBLEM, NOW) == expected


def test_owner_is_listed_once() -> None:
    health = model(failures=1, failed_jobs=("j1",), reason=PROBLEM, ok_at=NOW)
    assert failed(health, Level.MODEL, MODEL, "j1", ANOTHER_PROBLEM, NOW) == model(
        failures=2, failed_jobs=("j1",), reason=ANOTHER_PROBLEM, ok_at=NOW
    )


def test_three_owners_are_listed() -> None:
    health = Health()
    for number in range(9):
        health = failed(health, Level.MODEL, MODEL, f"j{number}", PROBLEM, NOW)
    assert health.models[MODEL].failed_jobs == ("j0", "j1", "j2")
    assert CONTRADICTING_JOBS == 3


@pytest.mark.parametrize("failures", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("quiet", "is_quiet"),
    [
        (None, True),
        (QUIET_BEFORE_OPEN - A_MOMENT, False),
        (QUIET_BEFORE_OPEN, False),
        (QUIET_BEFORE_OPEN + A_MOMENT, True),
    ],
)
def test_three_failures_in_quiet_open_breaker(failures: int, quiet: timedelta | None, is_quiet: bool) -> None:
    ok_at = None if quiet is None else NOW - quiet
    known = {"ok_at": ok_at, "failed_jobs": ("j1",)}
    health = failed(model(failures=failures, **known), Level.MODEL, MODEL, "j1", PROBLEM, NOW)
    opens = is_quiet and failures + 1 >= FAILURES_TO_OPEN
    opening = {"opened_at": NOW, "next_probe": after(10)} if opens else {}
    assert health == model(failures=failures + 1, reason=PROBLEM, **known, **opening)


def test_proven_failure_opens_breaker() -> None:
    health = failed(model(ok_at=NOW), Level.MODEL, MODEL, "j1", PROBLEM, NOW, opens=True)
    assert health == model(
        ok_at=NOW, failures=1, failed_jobs=("j1",), reason=PROBLEM, opened_at=NOW, next_probe=after(10)
    )


def test_failure_moves_no_opened_breaker() -> None:
    health = failed(model(**opened(probes=4)), Level.MODEL, MODEL, "j1", PROBLEM, NOW, opens=True)
    assert health == model(**opened(probes=4, failures=4), failed_jobs=("j1",))


def test_opening_keeps_next_probe() -> None:
    health = failed(model(failures=2, next_probe=after(3)), Level.MODEL, MODEL, "j1", PROBLEM, NOW)
    assert health.models[MODEL].next_probe == after(3)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, False),
        ({"failed_jobs": ("j1",)}, False),
        (opened(), False),
        (opened(failed_jobs=("j2", "j3")), False),
        (opened(failed_jobs=("j1",)), True),
        (opened(failed_jobs=("j2", "j3", "j4")), True),
    ],
)
def test_further_failure_may_add_nothing(known: dict[str, Any], expected: bool) -> None:
    assert adds_nothing(model(**known), Level.MODEL, MODEL, "j1") is expected


# --- probing ---


def test_control_documents_grow_rarer() -> None:
    """The first ten seconds after the opening; from four hours on every half hour, after a day every hour."""
    health = failed(Health(), Level.MODEL, MODEL, "j1", PROBLEM, NOW, opens=True)
    now, waits = NOW, []
    while now < NOW + timedelta(hours=30):
        due = health.models[MODEL].next_probe
        assert due is not None
        waits.append((due - now).total_seconds())
        now = due
        health = control_failed(probe_begun(health, Level.MODEL, MODEL, now), Level.MODEL, MODEL, PROBLEM, now)
    frequent = [*PROBE_WAITS_S, *[600] * 22]
    assert waits == [*frequent, *[1800] * 40, *[3600] * 6]


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(hours=4), 600),
        (timedelta(hours=4) + A_MOMENT, 1800),
        (timedelta(hours=24), 1800),
        (timedelta(hours=24) + A_MOMENT, 3600),
    ],
)
def test_old_incidents_are_probed_rarely(age: timedelta, wait: float) -> None:
    health = probe_begun(model(**opened(opened_at=NOW - age, probes=50)), Level.MODEL, MODEL, NOW)
    assert health.models[MODEL].next_probe == after(wait)


CHANGES: list[tuple[str, Callable[[Health], Health], dict[str, Any], dict[str, Any]]] = [
    (
        "probe begun",
        lambda health: probe_begun(health, Level.MODEL, MODEL, NOW),
        opened(probes=1),
        opened(probes=2, next_probe=after(60), busy_until=NOW + BUSY),
    ),
    (
        "probe begun, breaker closed",
        lambda health: probe_begun(health, Level.MODEL, MODEL, NOW),
        {},
        {"probes": 1, "next_probe": after(20), "busy_until": NOW + BUSY},
    ),
    (
        "control under way",
        lambda health: control_under_way(health, Level.MODEL, MODEL, GA_URL, NOW),
        opened(busy_until=after(40)),
        opened(control_url=GA_URL, control_sent=NOW),
    ),
    (
        "poll begun",
        lambda health: poll_begun(health, Level.MODEL, MODEL, NOW),
        opened(control_url=GA_URL, control_sent=after(-3)),
        opened(control_url=GA_URL, control_sent=after(-3), busy_until=NOW + BUSY),
    ),
    (
        "control pending",
        lambda health: control_pending(health, Level.MODEL, MODEL, after(3)),
        opened(control_url=GA_URL, control_sent=after(-3), busy_until=after(40)),
        opened(control_url=GA_URL, control_sent=after(-3), busy_until=after(3)),
    ),
    (
        "control failed",
        lambda health: control_failed(health, Level.MODEL, MODEL, ANOTHER_PROBLEM, NOW),
        opened(control_url=GA_URL, control_sent=after(-3), busy_until=after(40), probes=2),
        opened(reason=ANOTHER_PROBLEM, probes=2),
    ),
    (
        "control failed, breaker closed",
        lambda health: control_failed(health, Level.MODEL, MODEL, ANOTHER_PROBLEM, NOW),
        {"control_url": GA_URL, "control_sent": after(-3), "busy_until": after(40), "probes": 1, "failures": 1},
        {"opened_at": NOW, "next_probe": after(10), "reason": ANOTHER_PROBLEM, "failures": 1},
    ),
    (
        "control dropped",
        lambda health: control_dropped(health, Level.MODEL, MODEL, after(5)),
        opened(control_url=GA_URL, control_sent=after(-3), busy_until=after(40)),
        opened(next_probe=after(5)),
    ),
    (
        "scout begun",
        lambda health: scout_begun(health, Level.MODEL, MODEL, NOW),
        {"ok_at": NOW},
        {"ok_at": NOW, "scout_until": NOW + SCOUT_TIME},
    ),
    (
        "scout begun as a probe",
        lambda health: scout_begun(health, Level.MODEL, MODEL, NOW),
        opened(probes=1),
        opened(probes=2, next_probe=after(60), scout_until=NOW + SCOUT_TIME),
    ),
]


@pytest.mark.parametrize(
    ("change", "before", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_each_change_of_probing_is_whole(
    change: Callable[[Health], Health], before: dict[str, Any], expected: dict[str, Any]
) -> None:
    health = model(**before)
    assert change(health) == model(**expected)
    assert health == model(**before)


@pytest.mark.parametrize("level", Level)
def test_probing_changes_its_level_only(level: Level) -> None:
    health = probe_begun(both(**opened()), level, MODEL, NOW)
    other = Level.MODEL if level is Level.RESOURCE else Level.RESOURCE
    assert health.standing(level, MODEL).probes == 1
    assert health.standing(other, MODEL) == Standing(**opened())


def test_control_document_is_short_and_plain() -> None:
    assert len(CONTROL_TEXT) < 1000 and CONTROL_TEXT.isascii()


# --- what it says to a job ---

SINCE = Since(failed=after(-10), sent=after(-20))
PROVEN = {"ok_at": after(-1), "ok_sent": after(-5)}
REALLY_PROVEN = {**PROVEN, "real_ok_at": after(-1), "real_ok_sent": after(-5)}
THREE = ("j1", "j2", "j3")

NEW_JOBS: list[tuple[str, Health, Assessment]] = [
    ("nothing known", Health(), Assessment(proof=Proof.DOCUMENTS)),
    ("failures elsewhere", model(failures=2, failed_jobs=("j1", "j2")), Assessment(proof=Proof.DOCUMENTS)),
    ("another model is broken", Health(models={OTHER: Standing(**opened())}), Assessment(proof=Proof.DOCUMENTS)),
    ("contradicted", model(**PROVEN, failed_jobs=THREE), Assessment(proof=Proof.DOCUMENTS)),
    (
        "open",
        model(**opened()),
        Assessment(proof=Proof.NONE, is_open=True, level=Level.MODEL, again_at=after(30), reason=PROBLEM),
    ),
    (
        "open, a probe is due",
        model(**opened(next_probe=NOW)),
        Assessment(
            proof=Proof.NONE, is_open=True, level=Level.MODEL, probing=Probing.SEND, again_at=NOW, reason=PROBLEM
        ),
    ),
    (
        "resource open, as the model is",
        both(**opened()),
        Assessment(proof=Proof.NONE, is_open=True, level=Level.RESOURCE, again_at=after(30), reason=PROBLEM),
    ),
]


@pytest.mark.parametrize(("health", "expected"), [row[1:] for row in NEW_JOBS], ids=[row[0] for row in NEW_JOBS])
def test_ledger_decides_on_new_job(health: Health, expected: Assessment) -> None:
    assert assess(health, MODEL, None, NOW) == expected


NOTHING_SINCE = Assessment(proof=Proof.NONE, probing=Probing.SEND, again_at=NOW)
FAILED_JOBS: list[tuple[str, Health, Assessment]] = [
    ("nothing known", Health(), NOTHING_SINCE),
    ("documents succeeded", model(**REALLY_PROVEN), Assessment(proof=Proof.DOCUMENTS)),
    (
        "documents succeeded, among failures",
        model(**REALLY_PROVEN, failed_jobs=THREE),
        Assessment(proof=Proof.DOCUMENTS),
    ),
    (
        "documents succeeded before it failed",
        model(**{**REALLY_PROVEN, "ok_at": after(-10) - A_MOMENT, "real_ok_at": after(-10) - A_MOMENT}),
        NOTHING_SINCE,
    ),
    (
        "documents succeeded as it failed",
        model(**{**REALLY_PROVEN, "ok_at": after(-10), "real_ok_at": after(-10)}),
        Assessment(proof=Proof.DOCUMENTS),
    ),
    (
        "what succeeded was sent before it",
        model(**{**REALLY_PROVEN, "ok_sent": after(-20) - A_MOMENT, "real_ok_sent": after(-20) - A_MOMENT}),
        NOTHING_SINCE,
    ),
    (
        "what succeeded was sent with it",
        model(**{**REALLY_PROVEN, "ok_sent": after(-20), "real_ok_sent": after(-20)}),
        Assessment(proof=Proof.DOCUMENTS),
    ),
    ("the control succeeded", model(**PROVEN), Assessment(proof=Proof.CONTROL)),
    ("the control succeeded, two failed", model(**PROVEN, failed_jobs=("j1", "j2")), Assessment(proof=Proof.CONTROL)),
    (
        "the control succeeded, three failed",
        model(**PROVEN, failed_jobs=THREE, reason=PROBLEM),
        Assessment(proof=Proof.CONTRADICTED, probing=Probing.SCOUT, again_at=NOW, reason=PROBLEM),
    ),
    (
        "the control succeeded, three failed at the resource",
        Health(resource=Standing(failed_jobs=THREE), models={MODEL: Standing(**PROVEN)}),
        Assessment(proof=Proof.CONTRADICTED, probing=Probing.SCOUT, again_at=NOW),
    ),
    (
        "contradicted, a scout is away",
        model(**PROVEN, failed_jobs=THREE, scout_until=after(0.001)),
        Assessment(proof=Proof.CONTRADICTED, again_at=NOW),
    ),
    (
        "contradicted, its scout is overdue",
        model(**PROVEN, failed_jobs=THREE, scout_until=NOW),
        Assessment(proof=Proof.CONTRADICTED, probing=Probing.SCOUT, again_at=NOW),
    ),
    (
        "an incident ended as it failed",
        model(**PROVEN, incident_to=after(-10)),
        Assessment(proof=Proof.CONTROL, was_incident=True),
    ),
    (
        "an incident of the resource ended since",
        Health(resource=Standing(incident_to=after(-5)), models={MODEL: Standing(**REALLY_PROVEN)}),
        Assessment(proof=Proof.DOCUMENTS, was_incident=True),
    ),
    (
        "an incident ended before it failed",
        model(**REALLY_PROVEN, incident_to=after(-10) - A_MOMENT),
        Assessment(proof=Proof.DOCUMENTS),
    ),
    (
        "another instance is probing",
        model(busy_until=after(0.001)),
        Assessment(proof=Proof.NONE, again_at=NOW),
    ),
    (
        "another instance began to probe and died",
        model(busy_until=NOW, next_probe=NOW),
        NOTHING_SINCE,
    ),
    (
        "the control is under way",
        model(control_url=GA_URL, next_probe=after(90)),
        Assessment(proof=Proof.NONE, probing=Probing.POLL, again_at=NOW),
    ),
    (
        "the next probe is later",
        model(next_probe=after(0.001)),
        Assessment(proof=Proof.NONE, again_at=after(0.001)),
    ),
]


@pytest.mark.parametrize(("health", "expected"), [row[1:] for row in FAILED_JOBS], ids=[row[0] for row in FAILED_JOBS])
def test_ledger_decides_on_failed_job(health: Health, expected: Assessment) -> None:
    assert assess(health, MODEL, SINCE, NOW) == expected


@pytest.mark.parametrize(
    ("known", "probing", "again_at"),
    [
        ({}, Probing.SCOUT, NOW),
        (opened(next_probe=NOW), Probing.SCOUT, NOW),
        (opened(next_probe=after(5)), None, after(5)),
        (opened(next_probe=NOW, scout_until=after(5)), None, after(5)),
        (opened(next_probe=NOW, scout_until=NOW), Probing.SCOUT, NOW),
        (opened(next_probe=NOW, control_url=GA_URL), Probing.POLL, NOW),
    ],
)
def test_attempts_replace_control_documents(known: dict[str, Any], probing: Probing | None, again_at: datetime) -> None:
    assessment = assess(model(**known), MODEL, SINCE, NOW, has_control=False)
    assert (assessment.proof, assessment.probing, assessment.again_at) == (Proof.NONE, probing, again_at)


def test_unreadable_ledger_defers_nothing() -> None:
    assert Assessment(proof=Proof.UNKNOWN) == UNKNOWN
    assert not UNKNOWN.is_open


# --- as it is stored ---


def test_ledger_comes_back_equal() -> None:
    full = Standing(
        ok_at=NOW,
        real_ok_at=NOW,
        ok_sent=NOW,
        real_ok_sent=NOW,
        failures=4,
        failed_jobs=THREE,
        opened_at=NOW,
        probes=3,
        next_probe=NOW,
        busy_until=NOW,
        control_url=GA_URL,
        control_sent=NOW,
        scout_until=NOW,
        reason=PROBLEM,
        incident_from=NOW,
        incident_to=NOW,
    )
    assert all(getattr(full, field) != getattr(Standing(), field) for field in Standing.__struct_fields__)
    ledger = Health(resource=full, models={MODEL: full})
    assert msgspec.json.decode(msgspec.json.encode(ledger), type=Health) == ledger
    assert msgspec.json.decode(b"{}", type=Health) == Health()


# --- what always holds ---


class LedgerMachine(RuleBasedStateMachine):
    """Instances that report, probe and die in any order, as `workflows.probing` lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.health = Health()
        self.now = NOW
        self.has_control = True
        self.probes: dict[Level, list[datetime]] = {level: [] for level in Level}

    @initialize(has_control=st.booleans())
    def choose(self, has_control: bool) -> None:
        self.has_control = has_control

    def standing(self, level: Level) -> Standing:
        return self.health.standing(level, MODEL)

    def ask(self, since: Since | None = None) -> Assessment:
        return assess(self.health, MODEL, since, self.now, has_control=self.has_control)

    # --- time and jobs ---

    @rule(seconds=st.sampled_from([0.001, 1.0, 5.0, 14.0, 16.0, 45.0, 130.0, 700.0, 3700.0, 90_000.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(age=st.sampled_from([0.0, 3.0, 10.0, 60.0, 600.0]))
    def document_succeeds(self, age: float) -> None:
        sent, before = self.now - timedelta(seconds=age), self.health
        self.health = succeeded(self.health, MODEL, sent, self.now)
        for level in Level:
            old, new = before.standing(level, MODEL), self.standing(level)
            if old.opened_at and sent < old.opened_at:
                assert new == old
            else:
                assert (new.opened_at, new.failures, new.failed_jobs, new.control_url) == (None, 0, (), None)
                assert new.next_probe is None and new.scout_until is None and new.probes == 0
                self.probes[level].clear()

    @rule(level=st.sampled_from(Level), owner=st.sampled_from("abcdef"), opens=st.booleans())
    def job_fails(self, level: Level, owner: str, opens: bool) -> None:
        before = self.standing(level)
        if not adds_nothing(self.health, level, MODEL, owner):
            self.health = failed(self.health, level, MODEL, owner, PROBLEM, self.now, opens=opens)
        assert self.standing(level).opened_at == (before.opened_at or self.standing(level).opened_at)

    # --- the control document ---

    def begin(self, assessment: Assessment) -> None:
        if assessment.probing is Probing.SEND:
            self.probes[assessment.level].append(self.now)
            self.health = probe_begun(self.health, assessment.level, MODEL, self.now)
        else:
            self.health = poll_begun(self.health, assessment.level, MODEL, self.now)

    def due_to(self, probing: Probing) -> Assessment | None:
        """Return what the ledger says to a job that failed five seconds ago, if that is to probe in this way."""
        assessment = self.ask(Since(self.now - timedelta(seconds=5), self.now - timedelta(seconds=10)))
        return assessment if assessment.probing is probing else None

    def begun(self, probing: Probing) -> Level:
        assessment = self.due_to(probing)
        assert assessment is not None
        self.begin(assessment)
        return assessment.level

    @precondition(lambda self: self.due_to(Probing.SEND) is not None)
    @rule()
    def control_is_accepted(self) -> None:
        level = self.begun(Probing.SEND)
        self.health = control_under_way(self.health, level, MODEL, GA_URL, self.now)

    @precondition(lambda self: self.due_to(Probing.SEND) is not None)
    @rule(outcome=st.sampled_from(["failed", "no permit", "throttled", "died"]))
    def control_is_not_accepted(self, outcome: str) -> None:
        level = self.begun(Probing.SEND)
        if outcome == "failed":
            self.health = control_failed(self.health, level, MODEL, PROBLEM, self.now)
        elif outcome == "no permit":
            self.probes[level].pop()  # nothing was sent
            self.health = control_dropped(self.health, level, MODEL, self.now + timedelta(seconds=1))
        elif outcome == "throttled":
            again = self.standing(level).next_probe or self.now
            self.health = control_dropped(self.health, level, MODEL, again)

    @precondition(lambda self: self.due_to(Probing.POLL) is not None)
    @rule()
    def control_passes(self) -> None:
        level, before = self.begun(Probing.POLL), self.health
        sent = self.standing(level).control_sent
        assert sent is not None
        self.health = succeeded(self.health, MODEL, sent, self.now, is_control=True)
        assert self.standing(level).control_url is None, "it is polled no more"
        for each in Level:
            old, new = before.standing(each, MODEL), self.standing(each)
            assert (new.failed_jobs, new.real_ok_at) == (old.failed_jobs, old.real_ok_at)
            if old.opened_at and sent < old.opened_at:
                assert new.opened_at == old.opened_at
            else:
                assert new.opened_at is None
                self.probes[each].clear()

    @precondition(lambda self: self.due_to(Probing.POLL) is not None)
    @rule(outcome=st.sampled_from(["failed", "running", "died"]))
    def control_does_not_pass(self, outcome: str) -> None:
        level = self.begun(Probing.POLL)
        standing = self.standing(level)
        assert standing.control_sent is not None
        if outcome == "failed":
            self.health = control_failed(self.health, level, MODEL, PROBLEM, self.now)
            assert self.standing(level).opened_at is not None
        elif outcome == "running" and self.now - standing.control_sent > LONGEST_CONTROL:
            self.health = control_dropped(self.health, level, MODEL, standing.next_probe or self.now)
        elif outcome == "running":
            self.health = control_pending(self.health, level, MODEL, self.now + timedelta(seconds=3))

    @precondition(lambda self: self.due_to(Probing.SCOUT) is not None)
    @rule()
    def a_scout_goes(self) -> None:
        assessment = self.due_to(Probing.SCOUT)
        assert assessment is not None
        self.health = scout_begun(self.health, assessment.level, MODEL, self.now)
        again = self.due_to(Probing.SCOUT)
        assert again is None, "one scout at a time"

    # --- what always holds ---

    @invariant()
    def an_open_breaker_has_a_way_out(self) -> None:
        for level in Level:
            standing = self.standing(level)
            if standing.opened_at is None or standing.control_url:
                continue
            assert standing.next_probe is not None
            assert standing.next_probe <= self.now + timedelta(hours=1)

    @invariant()
    def somebody_may_act_within_an_hour(self) -> None:
        """Left alone, every open breaker soon asks somebody to send, poll or scout."""
        if self.ask().is_open:
            later = self.now + timedelta(hours=1) + BUSY
            assert assess(self.health, MODEL, None, later, has_control=self.has_control).probing is not None

    @invariant()
    def probes_keep_their_distance(self) -> None:
        for sent in self.probes.values():
            assert all(later - earlier >= timedelta(seconds=PROBE_WAITS_S[0]) for earlier, later in pairwise(sent))

    @invariant()
    def the_ledger_is_bounded(self) -> None:
        for level in Level:
            owners = self.standing(level).failed_jobs
            assert len(owners) <= CONTRADICTING_JOBS and len(set(owners)) == len(owners)

    @invariant()
    def nothing_is_proven_from_the_future(self) -> None:
        for level in Level:
            standing = self.standing(level)
            moments = (standing.ok_at, standing.real_ok_at, standing.ok_sent, standing.opened_at, standing.incident_to)
            assert all(moment is None or moment <= self.now for moment in moments)

    @invariant()
    def a_new_job_waits_only_while_open(self) -> None:
        assessment = self.ask()
        assert assessment.is_open is any(self.standing(level).opened_at for level in Level)
        assert assessment.is_open or assessment.probing is None

    @invariant()
    def it_comes_back_from_json(self) -> None:
        assert msgspec.json.decode(msgspec.json.encode(self.health), type=Health) == self.health


TestLedger = LedgerMachine.TestCase
# Without shrinking: it takes minutes here, and the steps that are printed can be followed as they are.
TestLedger.settings = hypothesis_settings(
    max_examples=examples(100),
    stateful_step_count=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
