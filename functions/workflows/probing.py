"""Reads and writes the health of the Language resource, and probes it with control documents.

The ledger is a help, not a promise: where it can not be read, jobs go by their own times (`Proof.UNKNOWN`); where it
can not be written, a success or a failure is not counted, and the next one is.
"""

import logging
from datetime import datetime, timedelta

from ..app import EntityDrop
from ..core import health as ledger
from ..core.health import Assessment, Health, Level, Probing, Since, assess
from ..core.jobs import Job
from ..core.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    FoundEntities,
    JobFailed,
    Progress,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from ..errors import Fault, Problem
from ..settings import Settings
from ..storage.ledger_store import Change
from .asking import ask_progress, submit_texts

logger = logging.getLogger(__name__)

FRESH_S = 5.0
"""How old the ledger may be that a new job is let through by: at most so long do new jobs flow after a breaker has
opened elsewhere. While documents flow it costs one request in this time for each instance, and none while idle."""

SUCCESS_EVERY_S = 10.0
"""How often an instance writes that documents succeed, as long as there is nothing to take back."""

LONGEST_RETRY_AFTER_S = 3600.0
"""A longer `Retry-After` is not obeyed for a control document: an open breaker holds everything back meanwhile."""

CONTROL_POLL_S = 3.0
"""Between polls of a control document."""


def model_of(settings: Settings) -> str:
    """Return the key of the model in the ledger: task kind, project and deployment."""
    model = settings.language_model_id or f"{settings.language_project}/{settings.language_deployment}"
    return f"CustomEntityRecognition/{model}"


# --- For jobs ---


def assess_job(app: EntityDrop, job: Job) -> Assessment:
    """Return what the health of the service means for a job that is to be submitted; probe it where that is due."""
    return _assess(app, _since(job))


def _since(job: Job) -> Since | None:
    if not job.awaits_verdict or job.failed_at is None:
        return None
    return Since(job.failed_at, job.failed_sent or job.failed_at)


def is_healthy_since(app: EntityDrop, since: datetime | None) -> bool:
    """Whether the service was proven healthy since a time; probe it where that is due."""
    if since is None:
        return False
    return _assess(app, Since(since, since)).proof in (ledger.Proof.DOCUMENTS, ledger.Proof.CONTROL)


def _assess(app: EntityDrop, since: Since | None) -> Assessment:
    known = app.health.read(FRESH_S if since is None else 0)
    if known is None:
        return ledger.UNKNOWN
    assessment = _assessed(app, known, since)
    if assessment.probing in (Probing.SEND, Probing.POLL):
        known = _probe(app, assessment)
        assessment = _assessed(app, known, since) if known else ledger.UNKNOWN
    return assessment


def _assessed(app: EntityDrop, known: Health, since: Since | None) -> Assessment:
    has_control = app.settings.control_documents
    return assess(known, model_of(app.settings), since, app.clock(), has_control=has_control)


def take_scout(app: EntityDrop, job: Job) -> bool:
    """Let a document of this job go first, unless another job has been faster; return whether it may."""
    model, since = model_of(app.settings), _since(job)
    taken = False

    def take(known: Health) -> Health | None:
        nonlocal taken
        now = app.clock()
        now_assessed = _assessed(app, known, since)
        taken = now_assessed.probing is Probing.SCOUT
        return ledger.scout_begun(known, now_assessed.level, model, now) if taken else None

    return app.health.update(take) is not None and taken


def record_success(app: EntityDrop, sent: datetime) -> None:
    """Count that a document which was submitted at `sent` has its result.

    Written now and then only, unless there is trouble to take back.
    """
    model, now = model_of(app.settings), app.clock()

    def change(known: Health) -> Health | None:
        standing = known.standing(Level.MODEL, model)
        is_clean = not any(
            level.failures or level.failed_jobs or level.opened_at for level in (standing, known.resource)
        )
        is_recent = standing.real_ok_at is not None and (now - standing.real_ok_at).total_seconds() < SUCCESS_EVERY_S
        return None if is_clean and is_recent else ledger.succeeded(known, model, sent, now)

    app.health.update(change)


def record_failure(app: EntityDrop, job: Job, level: Level, problem: Problem, *, opens: bool) -> None:
    """Count that a job has failed."""
    model, now = model_of(app.settings), app.clock()

    def change(known: Health) -> Health | None:
        if ledger.adds_nothing(known, level, model, job.id):
            return None
        return ledger.failed(known, level, model, job.id, _without_reply(problem), now, opens=opens)

    app.health.update(change)


def _without_reply(problem: Problem) -> Problem:
    return Problem(problem.code, problem.message, problem.help, None, problem.fault)


# --- Control documents ---


def _probe(app: EntityDrop, assessment: Assessment) -> Health | None:
    """Send or poll the control document, if nobody else has begun to; return the ledger after it."""
    model, level = model_of(app.settings), assessment.level
    is_ours = False

    def begin(known: Health) -> Health | None:
        nonlocal is_ours
        standing, now = known.standing(level, model), app.clock()
        is_busy = standing.busy_until is not None and standing.busy_until > now
        is_ours = False
        if is_busy or bool(standing.control_url) is (assessment.probing is Probing.SEND):
            return None
        is_ours = True
        begun = ledger.probe_begun if assessment.probing is Probing.SEND else ledger.poll_begun
        return begun(known, level, model, now)

    known = app.health.update(begin)
    if known is None or not is_ours:
        return known
    url = known.standing(level, model).control_url
    if assessment.probing is Probing.SEND:
        return app.health.update(_after_control_post(app, level, _send_control(app)))
    return app.health.update(_after_control_poll(app, level, ask_progress(app, url or "")))


def _send_control(app: EntityDrop) -> Submission:
    logger.info("A control document is sent to the Language service.", extra={"action": "control_document"})
    return submit_texts(app, "control", [ledger.CONTROL_TEXT])


def _after_control_post(app: EntityDrop, level: Level, outcome: Submission) -> Change:
    model, now = model_of(app.settings), app.clock()
    match outcome:
        case Accepted(url):
            return lambda known: ledger.control_under_way(known, level, model, url, now)
        case Deferred(reason, _, retry_after_s):
            # Nothing was accepted, and nothing is proven. Our own budget is back soon; the service is asked less often.
            own = now + timedelta(seconds=min(retry_after_s or 1.0, LONGEST_RETRY_AFTER_S))
            return lambda known: ledger.control_dropped(
                known,
                level,
                model,
                own if reason is DeferReason.BUDGET else max(own, known.standing(level, model).next_probe or own),
            )
        case Unanswered():
            return _failed(level, model, outcome.problem, now, at=Level.RESOURCE)
        case Refused():
            return _failed(level, model, outcome.problem, now, at=Level.MODEL)


def _failed(level: Level, model: str, problem: Problem, now: datetime, *, at: Level) -> Change:
    return lambda known: ledger.control_failed(known, level, model, _without_reply(problem), now, at=at)


def _after_control_poll(app: EntityDrop, level: Level, outcome: Progress) -> Change:
    model, now = model_of(app.settings), app.clock()
    match outcome:
        case Finished():
            found = outcome.chunks.get("0", _CONTROL_LEFT_OUT)
            # Any answer to the document itself, entities or a documented error, is an answer of a working service.
            if isinstance(found, FoundEntities) or found.fault is Fault.DOCUMENT:
                return lambda known: ledger.succeeded(
                    known, model, known.standing(level, model).control_sent or now, now, is_control=True
                )
            return _failed(level, model, found, now, at=Level.MODEL)
        case JobFailed(problem):
            return _failed(level, model, problem, now, at=Level.MODEL)
        case StillRunning() | Deferred():
            return _undecided(level, model, now, ledger.LONGEST_CONTROL)
        case _:
            return _undecided(level, model, now, _LONGEST_LOST)


_LONGEST_LOST = timedelta(minutes=2)
"""How long a control document may be unknown to the service before the next one is sent."""

_CONTROL_LEFT_OUT = Problem(
    "LeftOut",
    "The service finished the control document without a result.",
    "Check the health of the Language resource.",
    fault=Fault.SERVICE,
)


def _undecided(level: Level, model: str, now: datetime, longest: timedelta) -> Change:
    def change(known: Health) -> Health:
        standing = known.standing(level, model)
        if standing.control_sent and now - standing.control_sent > longest:
            return ledger.control_dropped(known, level, model, standing.next_probe or now)
        return ledger.control_pending(known, level, model, now + timedelta(seconds=CONTROL_POLL_S))

    return change
