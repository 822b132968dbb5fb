"""What to do with the service's answer: decided here as a value, done by `flows`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

import msgspec

from ..errors import Fault, Problem
from .jobs import Job, JobState, Piece
from .outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    FoundEntities,
    JobFailed,
    JobLost,
    Progress,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from .retry import HOLD_OFF, STEP_FAULT, SUBMIT_AGAIN, deferral_s, next_poll_s
from .states import JobEvent, move_job

MAX_FAILURES = 5
"""Submissions of one piece that may come to nothing before its document gets an error report; each may be billed."""

FAILURES_BEFORE_SPLIT = 2
"""Submissions of several pieces that may come to nothing before they are split: one of them may be the cause."""

RESERVATION = timedelta(seconds=60)
"""How long a worker that is about to submit a job keeps others from doing so; longer than a POST's timeouts."""

RESULT_RETENTION = timedelta(hours=24)
"""How long the service keeps results ("Language service async result availability", read 2026-11)."""

MAX_FAULTS = 10
"""Times that a job may come back from the poison queue before its documents get error reports."""

_TRANSIENT_DOCUMENT_ERRORS = {"InternalServerError", "ServiceUnavailable", "Timeout", "TooManyRequests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings that decisions depend on, and the source of jitter."""

    first_poll_s: float
    max_poll_s: float
    job_timeout: timedelta
    give_up: timedelta
    rng: Random


Answer = FoundEntities | Problem
"""What a piece ends with: what was found in it, or why its document can have no entities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step of a job leads to. To be done in this order: results, halves, next message, record.

    `job` is the record to save, None where the job has ended; `cancel` is the URL of an operation nobody waits for
    any more; `reason` says why, for logs.
    """

    event: JobEvent
    job: Job | None
    answers: tuple[tuple[Piece, Answer], ...] = ()
    halves: tuple[Job, ...] = ()
    cancel: str | None = None
    reason: Problem | None = None


def reserve(job: Job, now: datetime) -> Job:
    """Return the waiting job as reserved for the worker that is about to submit it."""
    reserved = move_job(job, JobEvent.RESERVED, due=now + RESERVATION)
    assert reserved is not None  # noqa: S101 - the table keeps a reserved job alive; this tells the type checker
    return reserved


def after_submission(job: Job, answer: Submission, now: datetime, policy: Policy) -> Step:
    """Return what the answer to a POST leads to."""
    match answer:
        case Accepted(operation_url):
            accepted = move_job(
                job,
                JobEvent.ACCEPTED,
                due=now + timedelta(seconds=policy.first_poll_s),
                operation_url=operation_url,
                submitted=now,
                submissions=job.submissions + 1,
                waits=0,
                last_error=None,
            )
            return Step(event=JobEvent.ACCEPTED, job=accepted)
        case Deferred():
            return _hold_off(job, answer, now, policy)
        case Refused(problem):
            # No failure is counted: nothing was accepted, so nothing is billed, and halving ends by itself.
            return _split(job, problem, now) if len(job.pieces) > 1 else _give_up(job, problem, now)
        case Unanswered(problem):
            tried = msgspec.structs.replace(job, submissions=job.submissions + 1)
            return _submit_again(tried, problem, now, policy)


def after_poll(job: Job, answer: Progress, now: datetime, policy: Policy) -> Step:
    """Return what the answer to a GET leads to."""
    match answer:
        case Finished():
            return _finish(job, answer, now, policy)
        case StillRunning(status):
            return _wait_on(job, status, now, policy)
        case Deferred():
            return _hold_off(job, answer, now, policy)
        case JobFailed(problem) if problem.fault is Fault.CONFIGURATION:
            return _submit_when_mended(job, problem, DeferReason.MISCONFIGURED, now, policy)
        case JobFailed(problem) | JobLost(problem):
            return _submit_again(job, problem, now, policy)


def after_fault(job: Job, problem: Problem, now: datetime, policy: Policy, *, is_passing: bool = False) -> Step:
    """Return what becomes of a job whose step failed until its message was poisoned.

    A passing fault, such as an outage of the storage, is a wait: it is not counted.
    """
    if now - job.created > policy.give_up or (not is_passing and job.faults + 1 >= MAX_FAULTS):
        return _give_up(job, problem, now)
    if is_passing:
        due = now + timedelta(seconds=STEP_FAULT.wait_s(job.waits, policy.rng))
        waiting = move_job(job, JobEvent.FAULTED, due=due, waits=job.waits + 1, last_error=problem)
        return Step(event=JobEvent.FAULTED, job=waiting, reason=problem)
    due = now + timedelta(seconds=STEP_FAULT.wait_s(job.faults, policy.rng))
    faulted = move_job(job, JobEvent.FAULTED, due=due, faults=job.faults + 1, last_error=problem)
    return Step(event=JobEvent.FAULTED, job=faulted, reason=problem)


def without(job: Job, pieces: Iterable[Piece]) -> Job:
    """Return the job without pieces that are no longer its own; it may have none left."""
    gone = set(pieces)
    return msgspec.structs.replace(job, pieces=tuple(piece for piece in job.pieces if piece not in gone))


def nothing_left(job: Job, now: datetime) -> Step:
    """Return the end of a job none of whose pieces are its own any more."""
    return Step(event=JobEvent.FINISHED, job=move_job(job, JobEvent.FINISHED, due=now))


def _finish(job: Job, answer: Finished, now: datetime, policy: Policy) -> Step:
    """Take the pieces that have an answer; submit those again that the service left out or tripped over."""
    answers, left = [], []
    problem = Problem(
        "LeftOut",
        "The service finished the job without a result for this document.",
        "It was submitted again each time. Drop the document once more; if it fails again, ask Azure support.",
    )
    for number, piece in enumerate(job.pieces):
        found = answer.pieces.get(str(number))
        if found is None:
            left.append(piece)
        elif isinstance(found, Problem) and _is_transient(found):
            left.append(piece)
            problem = found
        else:
            answers.append((piece, found))
    if not left:
        return Step(event=JobEvent.FINISHED, job=move_job(job, JobEvent.FINISHED, due=now), answers=tuple(answers))
    again = _submit_again(msgspec.structs.replace(job, pieces=tuple(left)), problem, now, policy)
    return replace(again, answers=(*answers, *again.answers))


def _is_transient(problem: Problem) -> bool:
    service = problem.service or {}
    inner = service.get("innererror") or {}
    return bool({service.get("code"), inner.get("code")} & _TRANSIENT_DOCUMENT_ERRORS)


def _wait_on(job: Job, status: str, now: datetime, policy: Policy) -> Step:
    running = now - (job.submitted or job.created)
    if running > policy.job_timeout:
        minutes = running.total_seconds() / 60
        problem = Problem(
            "TimedOut",
            f"The service kept the job in status {status!r} for {minutes:.1f} minutes; "
            f"the limit is {policy.job_timeout.total_seconds() / 60:g} (JOB_TIMEOUT_MINUTES).",
            "It was cancelled and submitted again each time. Check the health of the Language resource.",
        )
        return replace(_submit_again(job, problem, now, policy), cancel=job.operation_url)
    polls = job.polls + 1
    due = now + timedelta(seconds=next_poll_s(polls, policy.first_poll_s, policy.max_poll_s, policy.rng))
    return Step(event=JobEvent.STILL_RUNNING, job=move_job(job, JobEvent.STILL_RUNNING, due=due, polls=polls, waits=0))


def _hold_off(job: Job, hold: Deferred, now: datetime, policy: Policy) -> Step:
    if now - job.created > policy.give_up:
        return _give_up(job, hold.problem, now)
    if job.submitted and now - job.submitted > RESULT_RETENTION:
        return _submit_again(job, hold.problem, now, policy)
    due = now + timedelta(seconds=deferral_s(hold, job.waits, policy.rng))
    # A wait for our own budget says nothing about the service, and does not make the next wait for that longer.
    waits = job.waits + (hold.reason is not DeferReason.BUDGET)
    held = move_job(job, JobEvent.HELD_OFF, due=due, waits=waits, last_error=hold.problem)
    return Step(event=JobEvent.HELD_OFF, job=held, reason=hold.problem)


def _submit_when_mended(job: Job, problem: Problem, hold: DeferReason, now: datetime, policy: Policy) -> Step:
    if now - job.created > policy.give_up:
        return _give_up(job, problem, now)
    # Each round is one submission, so their number is what the wait grows with.
    due = now + timedelta(seconds=HOLD_OFF[hold].wait_s(job.submissions - 1, policy.rng))
    return Step(
        event=JobEvent.COME_TO_NOTHING,
        job=move_job(job, JobEvent.COME_TO_NOTHING, due=due, last_error=problem),
        reason=problem,
    )


def _submit_again(job: Job, problem: Problem, now: datetime, policy: Policy) -> Step:
    failures = job.failures + 1
    alone = len(job.pieces) == 1
    if now - job.created > policy.give_up or (alone and failures >= MAX_FAILURES):
        return _give_up(job, problem, now)
    failed = msgspec.structs.replace(job, failures=failures)
    if not alone and failures >= FAILURES_BEFORE_SPLIT:
        return _split(failed, problem, now)
    due = now + timedelta(seconds=SUBMIT_AGAIN.wait_s(failures - 1, policy.rng))
    again = move_job(failed, JobEvent.COME_TO_NOTHING, due=due, waits=0, last_error=problem)
    return Step(event=JobEvent.COME_TO_NOTHING, job=again, reason=problem)


def _split(job: Job, problem: Problem, now: datetime) -> Step:
    """Put two halves in the job's place. Their ids follow from the job's, so that doing it twice makes no third."""
    middle = (len(job.pieces) + 1) // 2
    # A half has failed once less than the limit: if it fails too it is split at once, if not it has cost one try.
    failures = min(job.failures, FAILURES_BEFORE_SPLIT - 1)
    halves = tuple(
        msgspec.structs.replace(
            job,
            id=f"{job.id}.{name}",
            state=JobState.WAITING,
            step=0,
            due=now,
            pieces=pieces,
            operation_url=None,
            submitted=None,
            polls=0,
            waits=0,
            failures=failures,
            last_error=problem,
        )
        for name, pieces in (("a", job.pieces[:middle]), ("b", job.pieces[middle:]))
    )
    return Step(event=JobEvent.SPLIT, job=move_job(job, JobEvent.SPLIT, due=now), halves=halves, reason=problem)


def _give_up(job: Job, problem: Problem, now: datetime) -> Step:
    return Step(
        event=JobEvent.FINISHED,
        job=move_job(job, JobEvent.FINISHED, due=now),
        answers=tuple((piece, problem) for piece in job.pieces),
        reason=problem,
    )
