"""The health of a Language resource and of each model on it: a circuit breaker that all instances share.

A job that failed says little by itself: the service may be down, a model's deployment may be broken, or one document
in the job makes it fail. What tells them apart is whether other work succeeds at the same time. So every instance
writes successes and failures of jobs into one record (the ledger of the resource), and a job that has failed asks that
record before it is submitted again:

- A document of another job succeeded since: the cause is in the job itself. It is split, and a document that fails
  alone is repeated a few times, hours apart, and then reported.
- Nothing succeeded since: the service is suspected. One instance sends a **control document**, a fixed short text in
  a job of its own, and all failed jobs wait for its outcome, unbilled.
- `FAILURES_TO_OPEN` failures in a row, and no success for `QUIET_BEFORE_OPEN`, **open** the breaker: new jobs wait as
  well. Control documents are sent at the growing intervals of `PROBE_WAITS`, until one passes.
- The control document passes although several jobs have failed and no document has succeeded since:
  documents may fail where the short text does not. The breaker is then **half open**: new jobs flow, and of the failed
  jobs one document at a time goes first, the *scout*.

There are two levels. What says that the service can not be reached or does not answer in its own form counts for the
resource; failed jobs and internal errors of documents count for their model, so that one broken deployment holds back
its own documents only.

The numbers come from a simulation of seven policies against incidents of 0.5 to 240 minutes: with this one no
document is reported for an incident, and none is submitted more than twice for it. Everything here is a function of
values; `workflows.probing` reads and writes the ledger.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, NamedTuple

import msgspec

from ..errors import Problem
from .records import Moment, Record

FAILURES_TO_OPEN = 3
"""Failures in a row that open the breaker. A share of failures is no measure: one poisonous document in twenty fails
three quarters of all full jobs."""

QUIET_BEFORE_OPEN = timedelta(seconds=15)
"""How long nothing may have succeeded when the breaker opens: as long as the slower half of the jobs takes."""

CONTRADICTING_JOBS = 3
"""Jobs that have failed since the last success of a document, from which on the success of a control document is
doubted."""

PROBE_WAITS_S = (10, 20, 60, 120, 240, 450, 600)
"""Seconds before each control document while the breaker is open; the last one repeats."""

RARE_PROBES = ((timedelta(hours=24), timedelta(hours=1)), (timedelta(hours=4), timedelta(minutes=30)))
"""How old an incident is, and how far apart control documents are from then on."""

SCOUT_TIME = timedelta(minutes=5)
"""How long a scout has to come back before another one goes."""

SCOUT_CHECK = timedelta(seconds=15)
"""How soon a waiting job asks again whether the scout has succeeded."""

BUSY = timedelta(seconds=40)
"""How long one instance has for sending or polling a control document before another may."""

LONGEST_CONTROL = timedelta(minutes=20)
"""After which a control document that the service keeps queued or running is given up; the next one is sent."""

CONTROL_TEXT = "Anna Miller of Contoso signed the agreement in Paris on 3 May 2024 and paid 250 euros."
"""The control document: less than one text record, and nobody's data."""


class Level(StrEnum):
    """What a failure or a probe is about."""

    RESOURCE = "resource"
    MODEL = "model"


class Standing(Record, frozen=True, kw_only=True):
    """What is known of a resource, or of a model on it."""

    ok_at: Moment | None = None
    """The last success of any kind."""
    real_ok_at: Moment | None = None
    """The last success of a document, which the control document is not."""
    ok_sent: Moment | None = None
    real_ok_sent: Moment | None = None
    """When what succeeded was submitted: a job that was accepted before an incident may succeed in the middle of it."""
    failures: int = 0
    """Failures in a row since the last success."""
    failed_jobs: tuple[str, ...] = ()
    """Owners of jobs that have failed since the last success of a document; `CONTRADICTING_JOBS` at most."""
    opened_at: Moment | None = None
    """When the breaker opened; None while new jobs flow."""
    probes: int = 0
    """Control documents sent since the last success."""
    next_probe: Moment | None = None
    """When the next control document may be sent; None: at once."""
    busy_until: Moment | None = None
    """Until then one instance is sending or polling the control document."""
    control_url: str | None = None
    """The operation of the control document that is under way."""
    control_sent: Moment | None = None
    scout_until: Moment | None = None
    reason: Problem | None = None
    """The last failure."""
    incident_from: Moment | None = None
    incident_to: Moment | None = None
    """When the last incident began and ended."""


class Health(Record, frozen=True, kw_only=True):
    """The ledger of one Language resource."""

    resource: Standing = Standing()
    models: dict[str, Standing] = {}

    def standing(self, level: Level, model: str) -> Standing:
        """Return what is known at a level."""
        return self.resource if level is Level.RESOURCE else self.models.get(model, Standing())

    def replaced(self, level: Level, model: str, standing: Standing) -> "Health":
        """Return the ledger with another standing at a level."""
        if level is Level.RESOURCE:
            return msgspec.structs.replace(self, resource=standing)
        return msgspec.structs.replace(self, models={**self.models, model: standing})


# --- What happened ---


def succeeded(health: Health, model: str, sent: datetime, now: datetime, *, is_control: bool = False) -> Health:
    """Return the ledger after a document, or the control document, that was submitted at `sent` has its result.

    That proves both levels, for as long as the submission is younger than the incident.
    """
    for level in Level:
        standing = health.standing(level, model)
        if standing.opened_at is None or sent >= standing.opened_at:
            health = health.replaced(level, model, _succeeded(standing, sent, now, is_control))
        elif is_control and sent == standing.control_sent:
            # Sent before the breaker opened, it proves nothing; but it must not keep the next one from being sent.
            ended = msgspec.structs.replace(standing, control_url=None, control_sent=None, busy_until=None)
            health = health.replaced(level, model, ended)
    return health


def _succeeded(standing: Standing, sent: datetime, now: datetime, is_control: bool) -> Standing:
    incident = _incident_ended(standing, now)
    if not is_control:
        at, since = _younger(standing.real_ok_at, standing.real_ok_sent, now, sent)
        return Standing(ok_at=at, ok_sent=since, real_ok_at=at, real_ok_sent=since, **incident)
    at, since = _younger(standing.ok_at, standing.ok_sent, now, sent)
    return Standing(
        ok_at=at,
        ok_sent=since,
        real_ok_at=standing.real_ok_at,
        real_ok_sent=standing.real_ok_sent,
        failed_jobs=standing.failed_jobs,
        scout_until=standing.scout_until,
        reason=standing.reason,
        **incident,
    )


def _younger(
    known_at: datetime | None, known_sent: datetime | None, at: datetime, sent: datetime
) -> tuple[datetime, datetime]:
    """Return the success whose submission is the younger: a slow job that ends late takes no proof back."""
    if known_at and known_sent and known_sent > sent:
        return known_at, known_sent
    return at, sent


def _incident_ended(standing: Standing, now: datetime) -> dict[str, Any]:
    if standing.opened_at:
        return {"incident_from": standing.opened_at, "incident_to": now}
    return {"incident_from": standing.incident_from, "incident_to": standing.incident_to}


def failed(
    health: Health, level: Level, model: str, job: str, problem: Problem, now: datetime, *, opens: bool = False
) -> Health:
    """Return the ledger after a job has failed; `opens` where one failure is proof enough."""
    standing = health.standing(level, model)
    jobs = standing.failed_jobs
    if job not in jobs and len(jobs) < CONTRADICTING_JOBS:
        jobs = (*jobs, job)
    after = msgspec.structs.replace(standing, failures=standing.failures + 1, failed_jobs=jobs, reason=problem)
    is_quiet = standing.ok_at is None or now - standing.ok_at > QUIET_BEFORE_OPEN
    if standing.opened_at is None and (opens or (after.failures >= FAILURES_TO_OPEN and is_quiet)):
        after = _opened(after, now)
    return health.replaced(level, model, after)


def _opened(standing: Standing, now: datetime) -> Standing:
    first = now + timedelta(seconds=PROBE_WAITS_S[0])
    return msgspec.structs.replace(standing, opened_at=now, probes=0, next_probe=standing.next_probe or first)


def adds_nothing(health: Health, level: Level, model: str, job: str) -> bool:
    """Whether one more failure would change nothing that anybody asks for: the breaker is open and has its jobs."""
    standing = health.standing(level, model)
    is_counted = job in standing.failed_jobs or len(standing.failed_jobs) >= CONTRADICTING_JOBS
    return standing.opened_at is not None and is_counted


# --- Probing ---


def probe_begun(health: Health, level: Level, model: str, now: datetime) -> Health:
    """Return the ledger in which one instance has taken the next control document upon itself."""
    standing = health.standing(level, model)
    begun = msgspec.structs.replace(
        standing, probes=standing.probes + 1, next_probe=now + _probe_wait(standing, now), busy_until=now + BUSY
    )
    return health.replaced(level, model, begun)


def _probe_wait(standing: Standing, now: datetime) -> timedelta:
    age = now - (standing.opened_at or now)
    for since, wait in RARE_PROBES:
        if age > since:
            return wait
    return timedelta(seconds=PROBE_WAITS_S[min(standing.probes + 1, len(PROBE_WAITS_S) - 1)])


def control_under_way(health: Health, level: Level, model: str, url: str, now: datetime) -> Health:
    """Return the ledger with the control document accepted at `url`."""
    standing = health.standing(level, model)
    sent = msgspec.structs.replace(standing, control_url=url, control_sent=now, busy_until=None)
    return health.replaced(level, model, sent)


def control_failed(
    health: Health, level: Level, model: str, problem: Problem, now: datetime, *, at: Level | None = None
) -> Health:
    """Return the ledger after a control document for `level` has failed at `at`, by default at the same.

    That opens the breaker there: nobody's document is in it. A job that the service accepted and that failed at its
    model shows that the resource works.
    """
    at = at or level
    standing = health.standing(level, model)
    ended = msgspec.structs.replace(standing, control_url=None, control_sent=None, busy_until=None)
    if (level, at) == (Level.RESOURCE, Level.MODEL):
        works = Standing(real_ok_at=ended.real_ok_at, real_ok_sent=ended.real_ok_sent)
        ended = msgspec.structs.replace(works, **_incident_ended(standing, now))
    health = health.replaced(level, model, ended)
    after = msgspec.structs.replace(health.standing(at, model), reason=problem)
    return health.replaced(at, model, after if after.opened_at else _opened(after, now))


def control_dropped(health: Health, level: Level, model: str, retry_at: datetime) -> Health:
    """Return the ledger after a control document that could not be sent, or got lost: that proves nothing."""
    standing = health.standing(level, model)
    after = msgspec.structs.replace(standing, busy_until=None, control_url=None, control_sent=None, next_probe=retry_at)
    return health.replaced(level, model, after)


def control_pending(health: Health, level: Level, model: str, again_at: datetime) -> Health:
    """Return the ledger after a poll that found the control document undecided; nobody polls before `again_at`."""
    pending = msgspec.structs.replace(health.standing(level, model), busy_until=again_at)
    return health.replaced(level, model, pending)


def poll_begun(health: Health, level: Level, model: str, now: datetime) -> Health:
    """Return the ledger in which one instance has taken a poll of the control document upon itself."""
    return health.replaced(level, model, msgspec.structs.replace(health.standing(level, model), busy_until=now + BUSY))


def scout_begun(health: Health, level: Level, model: str, now: datetime) -> Health:
    """Return the ledger in which a document of a failed job goes first."""
    standing = health.standing(level, model)
    begun = msgspec.structs.replace(standing, scout_until=now + SCOUT_TIME)
    if standing.opened_at:
        begun = msgspec.structs.replace(begun, probes=standing.probes + 1, next_probe=now + _probe_wait(standing, now))
    return health.replaced(level, model, begun)


# --- What follows for a job ---


class Proof(Enum):
    """What the ledger knows about the time since a job has failed."""

    DOCUMENTS = "documents"
    """A document of another job has succeeded since."""
    CONTROL = "control"
    """The control document has, and few others have failed."""
    CONTRADICTED = "contradicted"
    """The control document has, but several jobs have failed and none has succeeded."""
    NONE = "none"
    """Nothing has."""
    UNKNOWN = "unknown"
    """The ledger can not be read."""


class Probing(Enum):
    """What somebody should do now to find out more."""

    SEND = "send"
    """Send the control document."""
    POLL = "poll"
    """Ask for the outcome of the control document."""
    SCOUT = "scout"
    """Let one document of a failed job go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the ledger says to a job that wants to be submitted.

    `is_open`: new jobs wait, too. `was_incident`: the breaker has been open since the job failed. `level`: where the
    trouble is. `probing`: what to do about it, None where somebody else is at it or its time has not come; `again_at`:
    when it is worth asking again.
    """

    proof: Proof
    is_open: bool = False
    was_incident: bool = False
    level: Level = Level.MODEL
    probing: Probing | None = None
    again_at: datetime | None = None
    reason: Problem | None = None


UNKNOWN = Assessment(proof=Proof.UNKNOWN)


class Since(NamedTuple):
    """What a proof has to be younger than: a failure, and the submission that failed."""

    failed: datetime
    sent: datetime


def assess(health: Health, model: str, since: Since | None, now: datetime, *, has_control: bool = True) -> Assessment:
    """Return what the ledger says to a job of `model` that failed `since`, None for one that did not."""
    for level in Level:
        standing = health.standing(level, model)
        if standing.opened_at:
            return _with_probe(standing, level, Proof.NONE, now, has_control)
    standing = health.standing(Level.MODEL, model)
    if since is None:
        return Assessment(proof=Proof.DOCUMENTS)
    was_incident = any(_at_least(health.standing(level, model).incident_to, since.failed) for level in Level)
    if _at_least(standing.real_ok_at, since.failed) and _at_least(standing.real_ok_sent, since.sent):
        return Assessment(proof=Proof.DOCUMENTS, was_incident=was_incident)
    if not (_at_least(standing.ok_at, since.failed) and _at_least(standing.ok_sent, since.sent)):
        return _with_probe(standing, Level.MODEL, Proof.NONE, now, has_control)
    if all(len(health.standing(level, model).failed_jobs) < CONTRADICTING_JOBS for level in Level):
        return Assessment(proof=Proof.CONTROL, was_incident=was_incident)
    is_free = standing.scout_until is None or standing.scout_until <= now
    return Assessment(
        proof=Proof.CONTRADICTED, probing=Probing.SCOUT if is_free else None, again_at=now, reason=standing.reason
    )


def _with_probe(standing: Standing, level: Level, proof: Proof, now: datetime, has_control: bool) -> Assessment:
    probing, again_at = None, now
    if standing.busy_until and standing.busy_until > now:
        pass
    elif standing.control_url:
        probing = Probing.POLL
    elif standing.scout_until and standing.scout_until > now and not has_control:
        again_at = min(standing.scout_until, now + SCOUT_CHECK)
    elif standing.next_probe is None or standing.next_probe <= now:
        probing = Probing.SEND if has_control else Probing.SCOUT
    else:
        again_at = standing.next_probe
    return Assessment(
        proof=proof,
        is_open=standing.opened_at is not None,
        level=level,
        probing=probing,
        again_at=again_at,
        reason=standing.reason,
    )


def _at_least(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment >= since
