"""Reads and writes the health of a resource, and probes the Language resource with control documents.

The ledger is a help, not a promise: where it can not be read, jobs go by their own times (`Proof.UNKNOWN`); where it
can not be written, a success or a failure is not counted, and the next one is.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from .. import problems
from ..core import health as ledger
from ..core.health import Assessment, Health, Level, Probing, Since, assess
from ..core.jobs import Job
from ..core.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    JobFailed,
    Progress,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from ..core.planning import Failure
from ..core.work import WorkSpec
from ..errors import Fault, Problem
from ..language.service import LanguageService
from ..storage.ledger_store import Change, HealthMonitor

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


class Prober:
    """Asks for the health of a resource and of the models on it, and tells it what jobs have come to.

    `model_of` names the model that work is for. `control` is asked about control documents; without it a document of a
    failed job goes first.
    """

    def __init__(
        self,
        health: HealthMonitor,
        clock: Callable[[], datetime],
        model_of: Callable[[WorkSpec], str],
        control: LanguageService | None,
    ) -> None:
        self._health = health
        self._clock = clock
        self._model_of = model_of
        self._control = control

    # --- For jobs ---

    def assess(self, job: Job) -> Assessment:
        """Return what the health of the service means for a job that is to be submitted; probe it where that is due."""
        return self._assess(job.open_work, _since(job))

    def is_open(self, work: WorkSpec) -> bool:
        """Whether no new jobs are sent for now; probes the service where that is due."""
        return self._assess(work, None).is_open

    def is_healthy_since(self, job: Job, since: datetime | None) -> bool:
        """Whether the service was proven healthy for a job since a time; probe it where that is due."""
        if since is None:
            return False
        assessment = self._assess(job.open_work, Since(since, since))
        return assessment.proof in (ledger.Proof.DOCUMENTS, ledger.Proof.CONTROL)

    def take_scout(self, job: Job) -> bool:
        """Let a document of this job go first, unless another job has been faster; return whether it may."""
        since, taken = _since(job), False

        def take(known: Health) -> Health | None:
            nonlocal taken
            assessed = self._assessed(known, job.open_work, since)
            taken = assessed.probing is Probing.SCOUT
            return (
                ledger.scout_begun(known, assessed.level, self._model_of(job.open_work), self._clock())
                if taken
                else None
            )

        return self._health.update(take) is not None and taken

    def record_success(self, job: Job) -> None:
        """Count that documents of a job have their results.

        Written now and then only, unless there is trouble to take back.
        """
        model, now = self._model_of(job.open_work), self._clock()
        sent = job.submitted or now

        def change(known: Health) -> Health | None:
            standing = known.standing(Level.MODEL, model)
            is_clean = not any(
                level.failures or level.failed_jobs or level.opened_at for level in (standing, known.resource)
            )
            last = standing.real_ok_at
            is_recent = last is not None and (now - last).total_seconds() < SUCCESS_EVERY_S
            return None if is_clean and is_recent else ledger.succeeded(known, model, sent, now)

        self._health.update(change)

    def record_failure(self, job: Job, failure: Failure) -> None:
        """Count that a job has failed."""
        model, now, level = self._model_of(job.open_work), self._clock(), failure.level

        def change(known: Health) -> Health | None:
            if ledger.adds_nothing(known, level, model, job.id):
                return None
            problem = _without_reply(failure.problem)
            return ledger.failed(known, level, model, job.id, problem, now, opens=failure.opens)

        self._health.update(change)

    def _assess(self, work: WorkSpec, since: Since | None) -> Assessment:
        known = self._health.read(FRESH_S if since is None else 0)
        if known is None:
            return ledger.UNKNOWN
        assessment = self._assessed(known, work, since)
        if assessment.probing in (Probing.SEND, Probing.POLL):
            known = self._probe(work, since, assessment)
            assessment = self._assessed(known, work, since) if known else ledger.UNKNOWN
        return assessment

    def _assessed(self, known: Health, work: WorkSpec, since: Since | None) -> Assessment:
        return assess(known, self._model_of(work), since, self._clock(), has_control=self._control is not None)

    # --- Control documents ---

    def _probe(self, work: WorkSpec, since: Since | None, assessment: Assessment) -> Health | None:
        """Send or poll the control document, if nobody else has begun to; return the ledger after it."""
        model, level = self._model_of(work), assessment.level
        control = self._control
        is_ours = False

        def begin(known: Health) -> Health | None:
            nonlocal is_ours
            # Asked again, because what was known may be seconds old: another instance may have probed meanwhile, and
            # then it is not due any more.
            again = self._assessed(known, work, since)
            is_ours = (again.level, again.probing) == (level, assessment.probing)
            if not is_ours:
                return None
            begun = ledger.probe_begun if assessment.probing is Probing.SEND else ledger.poll_begun
            return begun(known, level, model, self._clock())

        known = self._health.update(begin)
        if known is None or control is None or not is_ours:
            return known
        if assessment.probing is Probing.SEND:
            logger.info("A control document is sent to the Language service.", extra={"action": "control_document"})
            answer = control.submit(work, "control", [ledger.CONTROL_TEXT])
            return self._health.update(_after_control_post(level, model, answer, self._clock()))
        url = known.standing(level, model).control_url
        progress = control.progress(work, url or "")
        return self._health.update(_after_control_poll(level, model, progress, self._clock()))


def _since(job: Job) -> Since | None:
    if not job.awaits_verdict or job.failed_at is None:
        return None
    return Since(job.failed_at, job.failed_sent or job.failed_at)


def _without_reply(problem: Problem) -> Problem:
    return replace(problem, service=None)


# --- What a control document has come to ---


def _after_control_post(level: Level, model: str, outcome: Submission, now: datetime) -> Change:
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


def _after_control_poll(level: Level, model: str, outcome: Progress, now: datetime) -> Change:
    match outcome:
        case Finished():
            # Any answer to the document itself, results or a documented error, is an answer of a working service.
            answers = {**outcome.failed_tasks, **outcome.chunks.get("0", {})}
            wrong = [
                found for found in answers.values() if isinstance(found, Problem) and found.fault is not Fault.DOCUMENT
            ]
            if answers and not wrong:
                return lambda known: ledger.succeeded(
                    known, model, known.standing(level, model).control_sent or now, now, is_control=True
                )
            problem = wrong[0] if wrong else problems.CONTROL_LEFT_OUT.problem()
            return _failed(level, model, problem, now, at=Level.MODEL)
        case JobFailed(problem):
            return _failed(level, model, problem, now, at=Level.MODEL)
        case StillRunning() | Deferred():
            return _undecided(level, model, now, ledger.LONGEST_CONTROL)
        case _:
            return _undecided(level, model, now, _LONGEST_LOST)


_LONGEST_LOST = timedelta(minutes=2)
"""How long a control document may be unknown to the service before the next one is sent."""


def _undecided(level: Level, model: str, now: datetime, longest: timedelta) -> Change:
    def change(known: Health) -> Health:
        standing = known.standing(level, model)
        if standing.control_sent and now - standing.control_sent > longest:
            return ledger.control_dropped(known, level, model, standing.next_probe or now)
        return ledger.control_pending(known, level, model, now + timedelta(seconds=CONTROL_POLL_S))

    return change
