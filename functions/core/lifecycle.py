"""Every transition of documents and of jobs.

Two rules. Everything that decides which state follows which stands in the two tables below; everybody else calls
`move_job`, `claim` or `conclude`. And an event that a table does not know in a state raises `IllegalTransition` and
changes nothing: a repeated or late message is not illegal, it is told apart by its step (`is_outdated`) and by the
owner of a document (`may_write`) before any event is made of it.

A **document** is *pending* while a job owns it. It is *claimed* by a job when a version of it is first seen, when a
new version replaces the one that was worked on or finished, and when its job has died. It ends *done* (its entities
are written) or *failed* (its error report is).

A **job** is *waiting* until the service has taken it and *running* until the service is done with it. What ends a job
ends its record too, so "ended" is no state but the lack of one.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from ..errors import Fault, IllegalTransition, Problem
from .documents import (
    HISTORY_LENGTH,
    MAX_SUBMISSIONS,
    Claim,
    DocumentRecord,
    DocumentState,
    HistoryEntry,
    Refusal,
    TaskResult,
)
from .jobs import Job, JobMessage, JobState
from .records import DocumentFacts
from .work import FIRST_RELEASE, WorkSpec


class JobEvent(StrEnum):
    """What can happen to a job."""

    RESERVED = "reserved"
    """A worker is about to submit it, and nobody else shall."""
    ACCEPTED = "accepted"
    """The service took the request."""
    DEFERRED = "deferred"
    """Its next attempt is later: throttled, no budget, an outage, a wrong configuration, or failures elsewhere."""
    STILL_RUNNING = "still running"
    """The service is not done."""
    FAILED = "failed"
    """Its submission failed, was not answered, or left documents out: why, is decided before it is submitted again."""
    LOST = "lost"
    """The service lost its submission, or ran it for too long: it is submitted again whole."""
    SPLIT = "split"
    """Smaller jobs take its place, so that a document that makes it fail ends up alone."""
    FINISHED = "finished"
    """Every chunk it still owned has its result, or its document is given up."""
    FAULTED = "faulted"
    """A step ended in an error of our own or of the storage."""


ENDED: Final = None
"""What the job table says where the record goes away."""

JOB_TRANSITIONS: Final[dict[JobState, dict[JobEvent, JobState | None]]] = {
    JobState.WAITING: {
        JobEvent.RESERVED: JobState.WAITING,
        JobEvent.ACCEPTED: JobState.RUNNING,
        JobEvent.DEFERRED: JobState.WAITING,
        JobEvent.FAILED: JobState.WAITING,
        JobEvent.SPLIT: ENDED,
        JobEvent.FINISHED: ENDED,
        JobEvent.FAULTED: JobState.WAITING,
    },
    JobState.RUNNING: {
        JobEvent.DEFERRED: JobState.RUNNING,
        JobEvent.STILL_RUNNING: JobState.RUNNING,
        JobEvent.FAILED: JobState.WAITING,
        JobEvent.LOST: JobState.WAITING,
        JobEvent.FINISHED: ENDED,
        JobEvent.FAULTED: JobState.RUNNING,
    },
}


class DocumentEvent(StrEnum):
    """What can happen to a document."""

    CLAIMED = "claimed"
    """A job takes it on: a new version, or one whose job is gone."""
    EXTRACTED = "extracted"
    """Its entities are written."""
    REPORTED = "reported"
    """Its error report is written."""


DOCUMENT_TRANSITIONS: Final[dict[DocumentState | None, dict[DocumentEvent, DocumentState]]] = {
    None: {DocumentEvent.CLAIMED: DocumentState.PENDING},
    DocumentState.PENDING: {
        DocumentEvent.CLAIMED: DocumentState.PENDING,
        DocumentEvent.EXTRACTED: DocumentState.DONE,
        DocumentEvent.REPORTED: DocumentState.FAILED,
    },
    DocumentState.DONE: {DocumentEvent.CLAIMED: DocumentState.PENDING},
    DocumentState.FAILED: {DocumentEvent.CLAIMED: DocumentState.PENDING},
}


# --- Jobs ---


def move_job(job: Job, event: JobEvent, *, due: datetime, **changes: Any) -> Job | None:
    """Return the job one step further, its message expected back at `due`; None where the event ends it.

    Raises `IllegalTransition`, naming event, state and job, where the table has no such row.
    """
    try:
        state = JOB_TRANSITIONS[job.state][event]
    except KeyError:
        raise IllegalTransition(f"job {job.id} is {job.state}, in which it can not be {event}") from None
    if state is ENDED:
        return None
    moved = msgspec.structs.replace(job, state=state, step=job.step + 1, due=due, **changes)
    # What belongs to one submission goes with it.
    if state is JobState.WAITING:
        moved = msgspec.structs.replace(
            moved, operation_url=None, submitted=None, polls=0, running_since=None, lost_at=None
        )
    return moved


def with_work(job: Job, choose_work: Callable[[str], WorkSpec]) -> Job:
    """Return a job that says what is to be done; one of the first release does what the settings say."""
    if job.work != FIRST_RELEASE or not job.chunks:
        return job
    return msgspec.structs.replace(job, work=choose_work(job.chunks[0].document))


def follow_correction(job: Job, choose_work: Callable[[str], WorkSpec]) -> Job:
    """Return a waiting job with the work that is chosen now, where what it was to do was wrong.

    Settings and rules hold as they were when the document was read. But a wrong project, deployment or language is
    corrected there, and the documents that wait for it go on with the correction.
    """
    if job.refused_language is None and (job.last_error is None or job.last_error.fault is not Fault.CONFIGURATION):
        return job
    return msgspec.structs.replace(job, work=choose_work(job.chunks[0].document)) if job.chunks else job


def postpone(job: Job, due: datetime) -> Job:
    """Return the job at the same step with another time at which its message should be back."""
    return msgspec.structs.replace(job, due=due)


def is_outdated(message: JobMessage, job: Job) -> bool:
    """Whether a message is for a step that the job has left behind.

    A message *ahead* of its job is not: it was sent by a worker that died before it saved that step.
    """
    return message.step < job.step


# --- Documents ---


def claim(
    record: DocumentRecord | None,
    facts: DocumentFacts,
    owner: str,
    work: WorkSpec,
    now: datetime,
    *,
    chunks: int = 1,
    warnings: tuple[str, ...] = (),
    content_sha256: str | None = None,
    trace_parent: str | None = None,
    is_submitted: bool = True,
) -> DocumentRecord:
    """Return the record of a document that `owner` takes on at the version in `facts`.

    A version that is claimed again keeps its first claim's time and its count of submissions, so that neither its time
    limit nor its bill begins anew. One that was reported, for another cause than the document, gets one more
    submission. `is_submitted` is false where the owner only writes a result or a report.
    """
    same_version = record is not None and record.document.etag == facts.etag
    # A version that had its result, which somebody has deleted since, begins anew.
    begins_anew = record is None or not same_version or record.state is DocumentState.DONE
    before = record.submissions if record and not begins_anew else 0
    is_reported = record is not None and same_version and record.state is DocumentState.FAILED
    claimed = DocumentRecord(
        document=facts,
        state=_next(record, DocumentEvent.CLAIMED, facts.name),
        owner=owner,
        work=work,
        claimed_at=record.claimed_at if record and same_version and record.is_pending else now,
        updated=now,
        chunks=chunks,
        warnings=warnings,
        owners=record.owners + 1 if record and same_version else 1,
        submissions=before + is_submitted,
        submissions_before=before,
        submissions_allowed=before + 1 if is_reported else _allowed(None if begins_anew else record),
        first_reported=record.first_reported if record and same_version else None,
        content_sha256=content_sha256,
        trace_parent=trace_parent,
        history=record.history if record else (),
    )
    return _remember(claimed, DocumentEvent.CLAIMED, now, "" if same_version else "new version")


def count_afresh(record: DocumentRecord) -> DocumentRecord:
    """Return a claimed record whose submissions count anew: somebody has asked for its version to be replayed."""
    return msgspec.structs.replace(
        record, submissions=1, submissions_before=0, submissions_allowed=MAX_SUBMISSIONS, first_reported=None
    )


def conclude(
    record: DocumentRecord, event: DocumentEvent, now: datetime, error: Problem | None = None
) -> DocumentRecord:
    """Return the record of a document whose result (`EXTRACTED`) or error report (`REPORTED`) is written."""
    state = _next(record, event, record.document.name)
    first_reported = record.first_reported
    if error and error.fault is not Fault.DOCUMENT:
        first_reported = first_reported or now
    code = error.code if error else ""
    results = tuple(TaskResult(task=task.name, state=state, code=code) for task in record.work.tasks)
    concluded = msgspec.structs.replace(
        record, state=state, results=results, updated=now, last_error=error, first_reported=first_reported
    )
    return _remember(concluded, event, now, code)


def may_write(record: DocumentRecord | None, claim: Claim) -> bool:
    """Whether the owner of a claim may still write the result of its version.

    False once the version has its result, has been replaced by a newer one, or has been given to another job.
    """
    return (
        record is not None and record.is_pending and record.owner == claim.owner and record.document.etag == claim.etag
    )


def submissions_with(record: DocumentRecord, job: Job) -> int:
    """Return how often a document will have been submitted once `job`, which is reserved and owns it, has been sent."""
    return record.submissions_before + job.submissions


def count_submission(record: DocumentRecord, job: Job) -> DocumentRecord:
    """Return the record of a document that counts the submission of `job`, which is reserved and owns it."""
    return msgspec.structs.replace(record, submissions=max(record.submissions, submissions_with(record, job)))


def _next(record: DocumentRecord | None, event: DocumentEvent, name: str) -> DocumentState:
    state = record.state if record else None
    try:
        return DOCUMENT_TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"document {name!r} is {state or 'new'}, in which it can not be {event}") from None


def _allowed(record: DocumentRecord | None) -> int:
    return record.submissions_allowed if record else MAX_SUBMISSIONS


def _remember(record: DocumentRecord, event: DocumentEvent, now: datetime, reason: str) -> DocumentRecord:
    entry = HistoryEntry(at=now, event=event.value, job=record.owner, reason=reason)
    return msgspec.structs.replace(record, history=(*record.history, entry)[-HISTORY_LENGTH:])


def refused_again(refusal: Refusal, code: str) -> Refusal:
    """Return what is kept of a document that the storage refuses, with another error code than the last time."""
    return msgspec.structs.replace(refusal, code=code)


def refusal_reported(refusal: Refusal) -> Refusal:
    """Return what is kept of a refused document once it has its error report."""
    return msgspec.structs.replace(refusal, reported=True)
