"""What to do with the service's answer: decided here as a value, done by `workflows`.

Three rules keep bills bounded and documents whole.

1. **The reservation is the attempt.** The write that reserves a job for a worker adds one to its submissions, before
   anything is sent; it is taken back only where surely nothing was accepted (`Deferred`, `Refused`). So whatever
   happens after it (an exception, a crash, a lost reply) is counted, and the next reservation lasts longer.
2. **A failure decides nothing.** A job that failed comes back after a few seconds and asks the health of the service
   (`health`). Only if other documents succeed meanwhile is the cause in the job: it is split in five, and five again,
   and a document that fails alone is repeated at growing intervals. If nothing succeeds, it waits, unbilled.
3. **A limit is checked in one place**: `workflows.polling` compares a document's submissions with its limit directly
   before the reservation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from .. import problems
from ..errors import Fault, Problem
from ..tasks.task import Found
from . import lifecycle
from .backoff import DEFER, LOST_POLL, STEP_FAULT, deferral_s, honoured_s, next_poll_s
from .documents import MAX_SUBMISSIONS
from .health import Assessment, Level, Probing, Proof
from .jobs import Job, LoneFailures
from .lifecycle import JobEvent
from .outcomes import (
    Accepted,
    Answer,
    Answers,
    DeferReason,
    Deferred,
    Finished,
    JobFailed,
    JobLost,
    Progress,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from .records import Chunk
from .time_limits import RESERVATIONS

VERDICT_WAIT_S = (8.0, 14.0)
"""How long a failed job waits before it asks why: by then, jobs that were sent with it have ended, too."""

SPLIT_INTO = 5
"""A failed job of 25 documents becomes jobs of five, and one: a document that makes its job fail stands alone after
three submissions. Halves would take five."""

LONE_WAITS = tuple(timedelta(minutes=minutes) for minutes in (0, 12, 30, 75))
"""After each failure of a document that fails alone, beside `VERDICT_WAIT_S`; the last one repeats. The first is short,
because most single failures are just that."""

LAST_LONE_SUBMISSION = timedelta(minutes=245)
"""How long after its first failure alone a document's last submission is made at the earliest: longer than the
incidents that are to be outlasted."""

REST_WAITS = tuple(timedelta(minutes=minutes) for minutes in (13, 25, 27, 110, 105))
"""After a failure whose cause can not be found out, by the number of submissions so far."""

PROVEN_FAILURES = 2
"""Failures alone, in a service that was proven healthy, that make it the document's fault."""

ELSEWHERE_S = (0.2, 0.6)
"""How long a job waits before another resource is tried."""

HOLD_S = (3.0, 6.0)
"""How long a job waits for a control document that is under way."""

BAD_POLLS = 2
"""Polls of a job in a row from which nothing was learned, after which the next one counts as a failure of its resource
where there are others."""

IDLE_S = (50.0, 70.0)
"""How long a job waits that may not be the next scout itself, where there is no control document."""

RECHECK_S = (15.0, 25.0)
"""How long a job waits for the outcome of a scout."""

LOST_AFTER = timedelta(minutes=2)
"""How long the service has to deny a submission before it counts as lost: its instances learn of a job one by one."""

LOSS_WAITS = tuple(timedelta(minutes=minutes) for minutes in (0, 5, 15, 60, 180))
"""Before a submission is repeated that was lost or ran for too long, by the number of those before it."""

RESULT_RETENTION = timedelta(hours=24)
"""How long the service keeps jobs and results ("Language service async result availability", read 2026-11)."""

MAX_FAULTS = 10
"""Times that a job may come back from the poison queue before its documents get error reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings that decisions depend on, and the source of jitter."""

    first_poll_s: float
    max_poll_s: float
    job_timeout: timedelta
    give_up: timedelta
    rng: Random
    has_others: bool = False
    """Whether other resources can take a job that this one can not take now."""

    def within(self, bounds_s: tuple[float, float]) -> timedelta:
        """Return a random wait between two numbers of seconds."""
        return timedelta(seconds=self.rng.uniform(*bounds_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure that the ledger of health has to know of; `opens` where one is proof enough."""

    level: Level
    problem: Problem
    opens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step of a job leads to. To be done in this order: health, results, parts, next message, record.

    `job` is the record to save, None where the job has ended; `parts` are the smaller jobs that take its place;
    `cancel` is the URL of an operation nobody waits for any more; `reason` says why, for logs. `succeeded` and
    `failure` are what the ledger of health has to know.
    """

    event: JobEvent
    job: Job | None
    answers: tuple[tuple[Chunk, Answers | Problem], ...] = ()
    """What chunks end with: answers by the names of tasks, or a problem of every task that the job has left."""
    parts: tuple[Job, ...] = ()
    cancel: str | None = None
    reason: Problem | None = None
    succeeded: bool = False
    failure: Failure | None = None


def _is_over(job: Job, now: datetime, policy: Policy) -> bool:
    """Whether a job has waited for longer than GIVE_UP_HOURS; waits for the day's text records do not count."""
    return now - job.created - timedelta(seconds=job.daily_waits_s) > policy.give_up


# --- Before a submission ---


def before_submission(job: Job, assessment: Assessment, now: datetime, policy: Policy) -> Step | None:
    """Return what a waiting job does instead of being submitted; None where it may be submitted now."""
    problem = job.last_error or assessment.reason or WAITING_FOR_HEALTH
    if _is_over(job, now, policy):
        return give_up(job, problem, now)
    if job.refused_language == job.work.language:
        due = now + timedelta(seconds=DEFER[DeferReason.MISCONFIGURED].wait_s(job.waits, policy.rng))
        return _defer(job, due, problem, waits=job.waits + 1)
    if job.is_scout:
        return None
    is_at_rest = job.failed_at is None or now < _rest(job, job.failed_at)
    if assessment.probing is Probing.SCOUT and job.is_last and not is_at_rest:
        # Nothing else is submitted that could tell whose fault it is, and nothing of this job is left to find out with.
        return exhausted(job, now)
    if assessment.is_open:
        return _hold(job, assessment, problem, now, policy)
    if job.retry_at and now < job.retry_at:
        return _defer(job, job.retry_at, problem)
    if not job.awaits_verdict or job.failed_at is None:
        return None
    return _verdict(job, job.failed_at, assessment, problem, now, policy)


def _verdict(
    job: Job, failed_at: datetime, assessment: Assessment, problem: Problem, now: datetime, policy: Policy
) -> Step | None:
    """Return what becomes of a failed job, by what has happened elsewhere since."""
    if assessment.proof in (Proof.DOCUMENTS, Proof.CONTROL):
        # What failed in an incident says nothing of its documents. And a request that was refused is free: it is tried
        # once more, now that others are known to be accepted.
        if (assessment.was_incident and not job.is_last) or job.refused_at:
            return None
        return _isolate(job, failed_at, now, is_proven=not assessment.was_incident)
    rest = _rest(job, failed_at)
    if assessment.proof is Proof.NONE:
        return _hold(job, assessment, problem, now, policy)
    if now >= rest and job.refused_at:
        return Step(event=JobEvent.DEFERRED, job=lifecycle.retry_refused(job, now), reason=problem)
    if now >= rest:
        return _isolate(job, failed_at, now, is_proven=False)
    recheck = now + policy.within(RECHECK_S)
    return _defer(job, rest if assessment.proof is Proof.UNKNOWN else min(rest, recheck), problem)


def _isolate(job: Job, failed_at: datetime, now: datetime, *, is_proven: bool) -> Step | None:
    """Split a failed job; decide when a document that is alone in it is submitted again, or report it."""
    if len(job.chunks) > 1:
        return _split(job, job.last_error, now)
    known = job.lone or LoneFailures(since=failed_at, count=0, proven=0)
    # What happened on the way to the service (a proxy, a broken connection) is never the document's fault.
    is_proven = is_proven and not job.failed_unanswered
    lone = LoneFailures(since=known.since, count=known.count + 1, proven=known.proven + is_proven)
    if job.is_last:
        return exhausted(lifecycle.with_lone_failures(job, lone), now)
    retry_at = failed_at + LONE_WAITS[min(lone.count, len(LONE_WAITS)) - 1]
    if job.submissions + 1 >= MAX_SUBMISSIONS:
        retry_at = max(retry_at, lone.since + LAST_LONE_SUBMISSION)
    deferred = lifecycle.retry_at(job, retry_at, max(retry_at, now), lone)
    return Step(event=JobEvent.DEFERRED, job=deferred, reason=job.last_error)


def _hold(job: Job, assessment: Assessment, problem: Problem, now: datetime, policy: Policy) -> Step:
    """Let a job wait for the next control document, or for the outcome of the one under way."""
    again = max(now, assessment.again_at or now)
    wait_s = IDLE_S if assessment.probing is Probing.SCOUT else HOLD_S
    return _defer(job, again + policy.within(wait_s), problem)


def _defer(job: Job, due: datetime, problem: Problem, waits: int | None = None) -> Step:
    return Step(event=JobEvent.DEFERRED, job=lifecycle.defer(job, due, waits=waits), reason=problem)


def _rest(job: Job, failed_at: datetime) -> datetime:
    """Return until when a job rests that failed for a cause that can not be found out."""
    return failed_at + REST_WAITS[min(max(job.submissions, 1), len(REST_WAITS)) - 1]


def may_scout(job: Job, now: datetime) -> bool:
    """Whether one document of a job may be the next scout.

    One that has failed twice rests before: few documents would use up their submissions within an hour of an incident,
    scouting in turns. One that has no submission left would be reported instead of being sent.
    """
    if job.is_last:
        return False
    return job.submissions <= 1 or job.failed_at is None or now >= _rest(job, job.failed_at)


def send_scout(job: Job, now: datetime) -> Step:
    """Return how one document of a failed job goes first, to find out whether documents succeed again."""
    if len(job.chunks) == 1:
        moved = lifecycle.retry_refused(job, now, is_scout=True)
        return Step(event=JobEvent.DEFERRED, job=moved, reason=job.last_error)
    scout = lifecycle.as_scout(lifecycle.part_of(job, job.chunks[:1], now, job.last_error))
    rest = lifecycle.awaiting_scout(lifecycle.part_of(job, job.chunks[1:], now, job.last_error), job)
    ended = lifecycle.end(job, JobEvent.SPLIT, now)
    return Step(event=JobEvent.SPLIT, job=ended, parts=(scout, rest), reason=job.last_error)


def reserve(job: Job, now: datetime, *, is_last: bool = False) -> Job:
    """Return the waiting job as reserved for the worker that is about to submit it: from here on it counts.

    `is_last` says that a document in it has no submission left after this one.
    """
    reservation = RESERVATIONS[min(job.unanswered, len(RESERVATIONS) - 1)]
    return lifecycle.reserve(job, now + reservation, is_last=is_last)


def release(job: Job, now: datetime) -> Step:
    """Return a reserved job to the queue that was not sent after all: too little of its reservation was left."""
    released = lifecycle.defer(lifecycle.not_sent(job), now)
    return Step(event=JobEvent.DEFERRED, job=released, reason=TOO_SLOW)


def exhausted(job: Job, now: datetime) -> Step:
    """Return the end of a job whose documents have no submission left, each with an error report."""
    return give_up(job, exhausted_problem(job), now)


def exhausted_problem(job: Job) -> Problem:
    """Return why the documents of a job are reported that have no submission left: with the last known cause."""
    last = job.failure or job.last_error or UNANSWERED_SO_FAR
    if job.lone and job.lone.proven >= PROVEN_FAILURES:
        return problems.FAILED_ALONE.problem(
            service=last.service, last_code=last.code, times=job.lone.count, reason=last.message
        )
    return last


WAITING_FOR_HEALTH = problems.SERVICE_FAILING.problem()
TOO_SLOW = problems.STORAGE_SLOW.problem()
UNANSWERED_SO_FAR = problems.UNANSWERED.problem()


# --- After a submission ---


def after_submission(job: Job, answer: Submission, now: datetime, policy: Policy) -> Step:
    """Return what the answer to a POST of a reserved job leads to."""
    job = lifecycle.answered(job)
    match answer:
        case Accepted(operation_url):
            first_poll = now + timedelta(seconds=policy.first_poll_s)
            accepted = lifecycle.accept(job, operation_url, now, first_poll)
            return Step(event=JobEvent.ACCEPTED, job=accepted)
        case Unanswered(problem, retry_after_s):
            return _failed(job, Failure(level=Level.RESOURCE, problem=problem), now, policy, honoured_s(retry_after_s))
        case Deferred():
            return after_deferral(lifecycle.not_accepted(job), answer, now, policy)
        case Refused(problem):
            return _refused(lifecycle.not_accepted(job), problem, now, policy)


def after_deferral(job: Job, answer: Deferred, now: datetime, policy: Policy) -> Step:
    """Return what becomes of a job that was not accepted, or got no request permit; another resource may take it."""
    # What is booked at a resource goes there; and the day's text records are counted for all of them.
    is_decided = answer.send_at is not None or problems.DAILY_RECORDS_USED.matches(answer.problem)
    if not policy.has_others or is_decided or _is_over(job, now, policy):
        return _deferred(job, answer, now, policy)
    level, problem = _LEAVES_POOL.get(answer.reason), answer.problem
    deferred = lifecycle.defer(job, now + policy.within(ELSEWHERE_S), problem=problem)
    failure = Failure(level=level, problem=problem, opens=True) if level else None
    return Step(event=JobEvent.DEFERRED, job=deferred, reason=problem, failure=failure)


_LEAVES_POOL = {
    DeferReason.MISCONFIGURED: Level.MODEL,
    DeferReason.QUOTA: Level.RESOURCE,
    DeferReason.UNAVAILABLE: Level.RESOURCE,
}
"""Reasons for which a resource, or a model on it, gets no more jobs until a control document succeeds there."""


def _refused(job: Job, problem: Problem, now: datetime, policy: Policy) -> Step:
    if len(job.chunks) > 1:
        return _split(job, problem, now)
    if _is_configured_language(job.chunks[0], problem):
        return _wrong_language(job, problem, now, policy)
    if problem.fault is Fault.DOCUMENT:
        return give_up(job, problem, now)
    # Not a documented code: if other documents are accepted, it is about this one; if none is, about the deployment.
    if job.refused_at:
        again = problems.REFUSED_AGAIN.problem(
            service=problem.service, service_code=problem.code, reason=problem.message
        )
        return give_up(job, again, now)
    due = now + policy.within(VERDICT_WAIT_S)
    return Step(event=JobEvent.FAILED, job=lifecycle.refuse(job, now, due, problem), reason=problem)


def _is_configured_language(chunk: Chunk, problem: Problem) -> bool:
    """Whether a problem is the setting DOCUMENT_LANGUAGE, which the document has no say in."""
    return problems.UNSUPPORTED_LANGUAGE.matches(problem) and chunk.language is None


def _wrong_language(job: Job, problem: Problem, now: datetime, policy: Policy) -> Step:
    problem = problems.UNSUPPORTED_CONFIGURED_LANGUAGE.problem(
        service=problem.service, language=job.work.language, reason=problem.message
    )
    due = now + timedelta(seconds=DEFER[DeferReason.MISCONFIGURED].wait_s(job.waits, policy.rng))
    return Step(event=JobEvent.FAILED, job=lifecycle.refuse_language(job, due, problem), reason=problem)


# --- After a poll ---


def after_poll(job: Job, answer: Progress, now: datetime, policy: Policy, *, is_healthy: bool = False) -> Step:
    """Return what the answer to a GET leads to; `is_healthy` where the service was proven so since it lost the job."""
    match answer:
        case Finished():
            return _finish(job, answer, now, policy)
        case StillRunning():
            return _wait_on(job, answer, now, policy)
        case Deferred():
            step = _deferred(job, answer, now, policy)
            level = _LEAVES_POOL.get(answer.reason) if policy.has_others and job.waits >= BAD_POLLS else None
            return replace(step, failure=Failure(level=level, problem=answer.problem)) if level else step
        case JobFailed(problem) if problem.fault is Fault.DOCUMENT:
            # Of OCR, which gets one document at a time: it has read the file, and says what is wrong with it.
            return replace(give_up(job, problem, now), succeeded=True)
        case JobFailed(problem):
            opens = problem.fault is Fault.CONFIGURATION
            return _failed(job, Failure(level=Level.MODEL, problem=problem, opens=opens), now, policy)
        case JobLost(problem):
            return _not_found(job, problem, now, policy, is_healthy=is_healthy)


def after_fault(job: Job, problem: Problem, now: datetime, policy: Policy, *, is_transient: bool = False) -> Step:
    """Return what becomes of a job whose step failed until its message was poisoned.

    A transient fault, such as an outage of the storage, is a wait: it is not counted.
    """
    if _is_over(job, now, policy) or (not is_transient and job.faults + 1 >= MAX_FAULTS):
        return give_up(job, problem, now)
    wait_s = STEP_FAULT.wait_s(job.waits if is_transient else job.faults, policy.rng)
    faulted = lifecycle.fault(job, now + timedelta(seconds=wait_s), problem, is_transient=is_transient)
    return Step(event=JobEvent.FAULTED, job=faulted, reason=problem)


def give_up(job: Job, problem: Problem, now: datetime) -> Step:
    """Return the end of a job each document of which gets an error report."""
    return Step(
        event=JobEvent.FINISHED,
        job=lifecycle.end(job, JobEvent.FINISHED, now),
        answers=tuple((chunk, problem) for chunk in job.chunks),
        reason=problem,
    )


def leave_resource(job: Job, problem: Problem, now: datetime, policy: Policy) -> Step:
    """Return a job whose resource the app does not have any more: it is submitted elsewhere."""
    return _lost(job, problem, now, policy)


def nothing_left(job: Job, now: datetime) -> Step:
    """Return the end of a job none of whose chunks are its own any more."""
    return Step(event=JobEvent.FINISHED, job=lifecycle.end(job, JobEvent.FINISHED, now))


def _finish(job: Job, answer: Finished, now: datetime, policy: Policy) -> Step:
    """Take what is answered; ask again, of each chunk, the tasks that were left out or have failed at it."""
    answers: list[tuple[Chunk, Answers | Problem]] = []
    left: dict[tuple[str, ...], _Left] = {}
    for number, chunk in enumerate(job.chunks):
        found = _with_failed_tasks(answer, number)
        unanswered = tuple(name for name in job.open_work.task_names if not _is_answer(chunk, found.get(name)))
        given = {name: found[name] for name in job.open_work.task_names if name not in unanswered}
        if given:
            answers.append((chunk, given))
        if unanswered:
            left.setdefault(unanswered, _Left()).add(chunk, [found.get(name) for name in unanswered])
    has_succeeded = bool(answers)
    if not left:
        return Step(
            event=JobEvent.FINISHED,
            job=lifecycle.end(job, JobEvent.FINISHED, now),
            answers=tuple(answers),
            succeeded=has_succeeded,
        )
    # Where some documents have their results, the service works: no failure is counted then.
    (names, first), *others = left.items()
    step = _ask_again(lifecycle.with_tasks(lifecycle.with_chunks(job, first.chunks), names), first, now, policy)
    parts: list[Job] = []
    for names, group in others:
        if step.job:
            parts.append(lifecycle.beside(job, tuple(group.chunks), names, step.job))
        else:
            answers += ((chunk, dict.fromkeys(names, group.problem)) for chunk in group.chunks)
    failure = None if has_succeeded else step.failure
    every = (*answers, *step.answers)
    return replace(step, answers=every, parts=tuple(parts), succeeded=has_succeeded, failure=failure)


class _Left:
    """Chunks to which the same tasks are left, and why."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.problem = LEFT_OUT
        self.wrong_language: Problem | None = None

    def add(self, chunk: Chunk, answers: Iterable[Answer | None]) -> None:
        """Add a chunk with what its tasks were answered, none of which is final."""
        self.chunks.append(chunk)
        for problem in answers:
            if isinstance(problem, Problem) and _is_configured_language(chunk, problem):
                self.wrong_language = problem
            elif isinstance(problem, Problem):
                self.problem = problem


def _with_failed_tasks(answer: Finished, number: int) -> Answers:
    return {**answer.failed_tasks, **answer.chunks.get(str(number), {})}


def _is_answer(chunk: Chunk, found: Answer | None) -> bool:
    """Whether a task has ended for a chunk: with what it found, or with a problem that is the document's."""
    if found is None or isinstance(found, Found):
        return found is not None
    return found.fault is Fault.DOCUMENT and not _is_configured_language(chunk, found)


def _ask_again(rest: Job, left: _Left, now: datetime, policy: Policy) -> Step:
    if left.wrong_language:
        # Those that failed for another reason wait with them: they are submitted again all the same.
        return _wrong_language(rest, left.wrong_language, now, policy)
    opens = left.problem.fault is Fault.CONFIGURATION
    return _failed(rest, Failure(level=Level.MODEL, problem=left.problem, opens=opens), now, policy)


LEFT_OUT = problems.LEFT_OUT.problem()


def _failed(job: Job, failure: Failure, now: datetime, policy: Policy, wait_s: float = 0.0) -> Step:
    """Return a job whose submission failed: nothing is decided before the health of the service has been asked."""
    if _is_over(job, now, policy):
        return replace(give_up(job, failure.problem, now), failure=failure)
    asked = timedelta(seconds=wait_s)
    due = now + max(asked, policy.within(VERDICT_WAIT_S))
    waiting = lifecycle.fail(job, now, due, failure.problem, is_unanswered=failure.level is Level.RESOURCE)
    is_suspect = job.lone is not None and job.lone.proven > 0
    return Step(event=JobEvent.FAILED, job=waiting, reason=failure.problem, failure=None if is_suspect else failure)


def _wait_on(job: Job, answer: StillRunning, now: datetime, policy: Policy) -> Step:
    submitted = job.submitted or job.created
    if not answer.has_started:
        if now > (answer.expires or submitted + RESULT_RETENTION):
            return _lost(job, _never_started(job, now), now, policy)
    elif job.running_since and now - job.running_since > policy.job_timeout:
        step = _lost(job, _timed_out(answer.status, now - job.running_since, policy), now, policy)
        return replace(step, cancel=job.operation_url)
    due = now + timedelta(seconds=next_poll_s(job.polls + 1, policy.first_poll_s, policy.max_poll_s, policy.rng))
    since = job.running_since or (now if answer.has_started else None)
    return Step(event=JobEvent.STILL_RUNNING, job=lifecycle.keep_polling(job, due, since))


def _timed_out(status: str, running: timedelta, policy: Policy) -> Problem:
    return problems.TIMED_OUT.problem(
        status=status, minutes=running.total_seconds() / 60, limit=policy.job_timeout.total_seconds() / 60
    )


def _never_started(job: Job, now: datetime) -> Problem:
    hours = (now - (job.submitted or job.created)).total_seconds() / 3600
    return problems.NEVER_STARTED.problem(hours=hours)


def _deferred(job: Job, answer: Deferred, now: datetime, policy: Policy) -> Step:
    is_daily = problems.DAILY_RECORDS_USED.matches(answer.problem)
    if _is_over(job, now, policy) and not is_daily:
        return give_up(job, answer.problem, now)
    longest = policy.job_timeout if policy.has_others else RESULT_RETENTION
    if job.submitted and now - job.submitted > longest:
        return _lost(job, answer.problem, now, policy)
    due = now + timedelta(seconds=deferral_s(answer, job.waits, policy.rng))
    # A wait for our own budget says nothing about the service, and does not make the next wait for that longer.
    waits = job.waits + (answer.reason is not DeferReason.BUDGET)
    if is_daily:
        job = lifecycle.with_daily_wait(job, due - now)
    deferred = lifecycle.defer(job, due, waits=waits, problem=answer.problem, send_at=answer.send_at)
    return Step(event=JobEvent.DEFERRED, job=deferred, reason=answer.problem)


def _not_found(job: Job, problem: Problem, now: datetime, policy: Policy, *, is_healthy: bool) -> Step:
    """Poll a job on that the service denies, and submit it again only where the service is healthy otherwise."""
    since = job.lost_at or now
    if is_healthy and now - since >= LOST_AFTER:
        return _lost(job, problem, now, policy)
    if _is_over(job, now, policy):
        return give_up(job, problem, now)
    due = now + timedelta(seconds=LOST_POLL.wait_s(job.waits, policy.rng))
    denied = lifecycle.deny(job, since, due, problem)
    return Step(event=JobEvent.DEFERRED, job=denied, reason=problem)


def _lost(job: Job, problem: Problem, now: datetime, policy: Policy) -> Step:
    """Submit a job again whole, ever more rarely: nothing says that a document in it is the cause."""
    if _is_over(job, now, policy):
        return give_up(job, problem, now)
    retry_at = now + LOSS_WAITS[min(job.losses, len(LOSS_WAITS) - 1)]
    return Step(event=JobEvent.LOST, job=lifecycle.lose(job, retry_at, problem), reason=problem)


def _split(job: Job, problem: Problem | None, now: datetime) -> Step:
    """Put up to five jobs in a job's place."""
    size = -(-len(job.chunks) // SPLIT_INTO)
    groups = [job.chunks[start : start + size] for start in range(0, len(job.chunks), size)]
    parts = tuple(lifecycle.part_of(job, group, now, problem) for group in groups)
    return Step(event=JobEvent.SPLIT, job=lifecycle.end(job, JobEvent.SPLIT, now), parts=parts, reason=problem)
