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

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from .. import problems
from ..errors import Fault, IllegalTransition, Problem
from .documents import (
    ENTITIES_SUFFIX,
    HISTORY_LENGTH,
    MAX_SUBMISSIONS,
    VIEW_SUFFIX,
    Claim,
    DocumentRecord,
    DocumentState,
    HistoryEntry,
    Refusal,
    ResultSummary,
    ReviewFacts,
    StoredRecord,
    TaskResult,
)
from .jobs import Job, JobMessage, JobState, LoneFailures
from .records import Chunk, DocumentFacts, Reading, TextFacts
from .time_limits import RESERVATIONS
from .work import FIRST_RELEASE, WorkSpec

PART_ID_DIGITS = 8


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
    PAGES_READ = "pages read"
    """OCR has read some of the pages that it was asked for; the next ones are asked for."""
    TEXT_COMPLETE = "text complete"
    """OCR has read all pages, or is given up where there is other text: jobs that analyse the text take its place."""
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
        JobEvent.TEXT_COMPLETE: ENDED,
        JobEvent.FINISHED: ENDED,
        JobEvent.FAULTED: JobState.WAITING,
    },
    JobState.RUNNING: {
        JobEvent.DEFERRED: JobState.RUNNING,
        JobEvent.STILL_RUNNING: JobState.RUNNING,
        JobEvent.FAILED: JobState.WAITING,
        JobEvent.LOST: JobState.WAITING,
        JobEvent.PAGES_READ: JobState.WAITING,
        JobEvent.TEXT_COMPLETE: ENDED,
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
    # A send time is booked for one request.
    moved = msgspec.structs.replace(job, state=state, step=job.step + 1, due=due, **{"send_at": None, **changes})
    # What belongs to one submission goes with it.
    if state is JobState.WAITING:
        moved = msgspec.structs.replace(
            moved, operation_url=None, submitted=None, polls=0, running_since=None, lost_at=None
        )
    return moved


# Changes with an event, in the order of a job's life. `due` is always when its message should be back.


def reserve(job: Job, until: datetime, *, is_last: bool) -> Job:
    """Return a waiting job as reserved, `until` a time, for the worker that submits it: from here on it counts.

    `is_last` says that a document in it has no submission left after this one.
    """
    reserved = move_job(
        job,
        JobEvent.RESERVED,
        due=until,
        submissions=job.submissions + 1,
        unanswered=job.unanswered + 1,
        reserved_until=until,
        is_last=is_last,
    )
    assert reserved is not None  # noqa: S101 - the table ends no reserved job; this tells the type checker
    return reserved


def accept(job: Job, operation_url: str, now: datetime, due: datetime) -> Job | None:
    """Return the job as running at the service."""
    return move_job(
        job,
        JobEvent.ACCEPTED,
        due=due,
        operation_url=operation_url,
        submitted=now,
        waits=0,
        refused_at=None,
        refused_language=None,
    )


def defer(
    job: Job,
    due: datetime,
    *,
    waits: int | None = None,
    problem: Problem | None = None,
    send_at: datetime | None = None,
) -> Job | None:
    """Return the job with a later attempt; `waits` and `problem` where they change, `send_at` where it is booked."""
    changes: dict[str, Any] = {"send_at": send_at} if waits is None else {"send_at": send_at, "waits": waits}
    if problem:
        changes["last_error"] = problem
    return move_job(job, JobEvent.DEFERRED, due=due, **changes)


def retry_at(job: Job, when: datetime, due: datetime, lone: LoneFailures | None = None) -> Job | None:
    """Return a failed job for which it is decided when it is submitted again; `lone` where it failed alone."""
    return move_job(job, JobEvent.DEFERRED, due=due, retry_at=when, lone=lone or job.lone)


def retry_refused(job: Job, now: datetime, *, is_scout: bool = False) -> Job | None:
    """Return a job that is submitted again at once although its request was refused, or that goes first as a scout.

    Nothing is proven: that the service refused the document once says no more about it than before.
    """
    return move_job(job, JobEvent.DEFERRED, due=now, refused_at=None, retry_at=now, is_scout=is_scout or job.is_scout)


def refuse(job: Job, now: datetime, due: datetime, problem: Problem) -> Job | None:
    """Return a job whose only document was refused for a reason that may be the deployment's."""
    return move_job(
        job,
        JobEvent.FAILED,
        due=due,
        refused_at=now,
        failed_at=now,
        failed_sent=now,
        failure=problem,
        failed_unanswered=False,
        retry_at=None,
        last_error=problem,
    )


def refuse_language(job: Job, due: datetime, problem: Problem) -> Job | None:
    """Return a job whose language the service does not know; it waits until somebody has corrected that."""
    return move_job(
        job,
        JobEvent.FAILED,
        due=due,
        waits=job.waits + 1,
        refused_language=job.work.language,
        last_error=problem,
        failed_at=None,
        retry_at=None,
        is_scout=False,
    )


def fail(job: Job, now: datetime, due: datetime, problem: Problem, *, is_unanswered: bool) -> Job | None:
    """Return a job whose submission failed; why, is decided before it is submitted again.

    `is_unanswered` where no answer of the service itself came.
    """
    return move_job(
        job,
        JobEvent.FAILED,
        due=due,
        waits=0,
        failed_at=now,
        failed_sent=job.submitted or now,
        failure=problem,
        failed_unanswered=is_unanswered,
        retry_at=None,
        refused_at=None,
        is_scout=False,
        last_error=problem,
    )


def keep_polling(job: Job, due: datetime, running_since: datetime | None) -> Job | None:
    """Return a job that the service has not done yet; `running_since` is None while it waits in the service's queue."""
    return move_job(
        job,
        JobEvent.STILL_RUNNING,
        due=due,
        polls=job.polls + 1,
        waits=0,
        running_since=running_since,
        lost_at=None,
    )


def deny(job: Job, since: datetime, due: datetime, problem: Problem) -> Job | None:
    """Return a job that the service says it does not know, `since` a time; it is polled on."""
    return move_job(job, JobEvent.DEFERRED, due=due, waits=job.waits + 1, lost_at=since, last_error=problem)


def lose(job: Job, when: datetime, problem: Problem) -> Job | None:
    """Return a job whose submission the service lost, or ran for too long; it is submitted again `when` it is due."""
    return move_job(
        job,
        JobEvent.LOST,
        due=when,
        waits=0,
        losses=job.losses + 1,
        retry_at=when,
        is_scout=False,
        last_error=problem,
    )


def fault(job: Job, due: datetime, problem: Problem, *, is_transient: bool) -> Job | None:
    """Return a job whose step ended in an error; a transient one is a wait and not counted."""
    counted = {"waits": job.waits + 1} if is_transient else {"faults": job.faults + 1}
    return move_job(job, JobEvent.FAULTED, due=due, last_error=problem, **counted)


def read_on(job: Job, extracted: str, reading: Reading, now: datetime) -> Job | None:
    """Return a job some of whose pages are read, their text kept under the key `extracted`; others are asked for."""
    return move_job(
        job,
        JobEvent.PAGES_READ,
        due=now,
        chunks=tuple(msgspec.structs.replace(chunk, extracted=extracted) for chunk in job.chunks),
        reading=reading,
        waits=0,
        losses=0,
        failed_at=None,
        retry_at=None,
        lone=None,
        is_last=False,
        is_scout=False,
    )


def end(job: Job, event: JobEvent, now: datetime) -> Job | None:
    """Check that an event may end the job, and return None: the record goes away."""
    return move_job(job, event, due=now)


# Changes without an event: the job stays at its step.


def answered(job: Job) -> Job:
    """Return a reserved job whose request has an outcome."""
    return msgspec.structs.replace(job, unanswered=0, reserved_until=None)


def sent_to(job: Job, resource: str | None) -> Job:
    """Return a job that is about to be sent to a resource, or has a send time there: its polls go there."""
    return msgspec.structs.replace(job, resource=resource)


def retry_elsewhere(job: Job, now: datetime) -> Job:
    """Return a failed job that may go to another resource at once, because its own is out of order, or gone.

    Nothing is proven about its documents.
    """
    return msgspec.structs.replace(job, retry_at=now, refused_at=None)


def not_sent(job: Job) -> Job:
    """Return a reserved job as it is if nothing is sent: its reservation does not count."""
    return msgspec.structs.replace(
        job, submissions=max(0, job.submissions - 1), unanswered=0, reserved_until=None, is_last=False
    )


def not_accepted(job: Job) -> Job:
    """Return a job whose request surely was not accepted: nothing is billed, so nothing is counted."""
    return msgspec.structs.replace(not_sent(job), is_scout=False)


def with_chunks(job: Job, chunks: Iterable[Chunk]) -> Job:
    """Return the job with the chunks that it carries now."""
    return msgspec.structs.replace(job, chunks=tuple(chunks))


def with_tasks(job: Job, names: Collection[str]) -> Job:
    """Return the job with the tasks that are left to be asked; all of them is none in particular."""
    left = tuple(name for name in job.work.task_names if name in names)
    return msgspec.structs.replace(job, tasks=() if left == job.work.task_names else left)


def beside(job: Job, chunks: tuple[Chunk, ...], names: Collection[str], like: Job) -> Job:
    """Return a job that takes chunks of `job`, to which other tasks are left, through the same as `like`."""
    part = msgspec.structs.replace(like, id=part_id(job.id, chunks), step=0, chunks=chunks, tasks=())
    return with_tasks(part, names)


def with_claims(job: Job, claimed: Iterable[tuple[Chunk, StoredRecord]]) -> Job:
    """Return an open job with those of its chunks whose documents were claimed for it, and their records."""
    chunks = tuple(claimed)
    records = [stored.record for _, stored in chunks]
    return msgspec.structs.replace(
        job,
        chunks=tuple(chunk for chunk, _ in chunks),
        known_records=tuple(stored for _, stored in chunks if stored.record.is_first),
        is_last=any(record.submissions >= record.submissions_allowed for record in records),
    )


def with_error(job: Job, problem: Problem) -> Job:
    """Return the job with the cause of its last failure, kept for an error report that may follow."""
    return msgspec.structs.replace(job, last_error=problem)


def with_daily_wait(job: Job, wait: timedelta) -> Job:
    """Return the job that waits for the next day's text records, which does not count towards its time limit."""
    return msgspec.structs.replace(job, daily_waits_s=job.daily_waits_s + wait.total_seconds())


def with_lone_failures(job: Job, lone: LoneFailures) -> Job:
    """Return the job with the failures of its only document."""
    return msgspec.structs.replace(job, lone=lone)


def without_message(job: Job) -> Job:
    """Return a job at the step before, whose message is the one that will come: the next one could not be sent."""
    return msgspec.structs.replace(job, step=job.step - 1)


def part_of(job: Job, chunks: tuple[Chunk, ...], now: datetime, problem: Problem | None) -> Job:
    """Return a part of a job, to be submitted at once; it goes on counting submissions and losses."""
    return Job(
        id=part_id(job.id, chunks),
        owner=job.owner,
        state=JobState.WAITING,
        step=0,
        due=now,
        created=job.created,
        chunks=chunks,
        work=job.work,
        tasks=job.tasks,
        known_records=job.known_records,
        submissions=job.submissions,
        losses=job.losses,
        lone=job.lone if len(job.chunks) == 1 else None,
        faults=job.faults,
        daily_waits_s=job.daily_waits_s,
        last_error=problem,
        trace_parent=job.trace_parent,
    )


def analysis_of(job: Job, chunks: tuple[Chunk, ...], now: datetime) -> Job:
    """Return a job that analyses chunks of the text that OCR has read for `job`; submissions go on counting."""
    return Job(
        id=part_id(job.id, chunks),
        owner=job.owner,
        state=JobState.WAITING,
        step=0,
        due=now,
        created=now,
        chunks=chunks,
        work=job.work,
        submissions=job.submissions,
        trace_parent=job.trace_parent,
    )


def as_scout(part: Job) -> Job:
    """Return a part that goes first, although the service is failing, to find out whether documents succeed again."""
    return msgspec.structs.replace(part, is_scout=True)


def awaiting_scout(part: Job, job: Job) -> Job:
    """Return a part that waits for the verdict on the failure of `job`."""
    return msgspec.structs.replace(
        part,
        failed_at=job.failed_at,
        failed_sent=job.failed_sent,
        failure=job.failure,
        failed_unanswered=job.failed_unanswered,
    )


def part_id(job_id: str, chunks: tuple[Chunk, ...]) -> str:
    """Return the id of the part of a job that carries `chunks`.

    It follows from what the part carries. So a split that is repeated after a crash, when some documents may have their
    results, finds the parts that it made before, and takes none of another content for one of them.
    """
    carried = "\n".join(f"{chunk.document}\t{chunk.etag}\t{chunk.index}" for chunk in chunks)
    digest = hashlib.sha256(carried.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{job_id}.{digest[:PART_ID_DIGITS]}"


def new_job(
    job_id: str,
    owner: str | None,
    chunks: Iterable[Chunk],
    work: WorkSpec,
    now: datetime,
    trace_parent: str | None,
    reading: Reading | None = None,
    done: Collection[str] = (),
) -> Job:
    """Return a job that is being opened; `done` names the tasks that it does not ask.

    What opens it also sends it, so it begins reserved and counted; only the parts of a long document and what OCR is to
    read, which have an `owner`, are reserved by whoever gets their messages.
    """
    reserved_until = now + RESERVATIONS[0]
    job = Job(
        id=job_id,
        owner=owner or job_id,
        state=JobState.WAITING,
        step=0,
        due=reserved_until,
        created=now,
        chunks=tuple(chunks),
        work=work,
        reading=reading,
        submissions=0 if owner else 1,
        unanswered=0 if owner else 1,
        reserved_until=None if owner else reserved_until,
        trace_parent=trace_parent,
    )
    return with_tasks(job, [name for name in work.task_names if name not in done])


def with_work(job: Job, settings_work: WorkSpec) -> Job:
    """Return a job that says what is to be done; one of the first release does what the settings say."""
    if job.work != FIRST_RELEASE or not job.chunks:
        return job
    return msgspec.structs.replace(job, work=settings_work)


def follow_correction(job: Job, choose_work: Callable[[str], WorkSpec | None]) -> Job:
    """Return a waiting job with the work that is chosen now, where what it was to do was wrong.

    Settings and rules hold as they were when the document was read. But a wrong project, deployment or language is
    corrected there, and the documents that wait for it go on with the correction. The unit of the offsets stays: the
    places of chunks were measured in it when the document was read.
    """
    is_wrong = job.refused_language is not None or problems.MISCONFIGURED.matches(job.last_error)
    if not is_wrong or not job.chunks:
        return job
    chosen = choose_work(job.chunks[0].document)
    if chosen is None:
        return job  # A rule ignores such documents by now; those that are claimed keep what they were claimed with.
    work = msgspec.structs.replace(chosen, string_index_type=job.work.string_index_type)
    # What others have found is kept only if they would be asked the same.
    is_kept = work.task_names == job.work.task_names and _others(work, job.tasks) == _others(job.work, job.tasks)
    return msgspec.structs.replace(job, work=work, tasks=job.tasks if is_kept else ())


def _others(work: WorkSpec, names: Collection[str]) -> WorkSpec:
    return work.only([name for name in work.task_names if name not in names])


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
    text: TextFacts | None = None,
    extracted: str | None = None,
    trace_parent: str | None = None,
    is_submitted: bool = True,
    done: Collection[str] = (),
) -> DocumentRecord:
    """Return the record of a document that `owner` takes on at the version in `facts`.

    A version that is claimed again keeps its first claim's time and its count of submissions, so that neither its time
    limit nor its bill begins anew. One that was reported, for another cause than the document, gets one more
    submission. `is_submitted` is false where the owner only writes a result or a report; `done` names the tasks that
    are not asked again, because their results are there.
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
        results=tuple(TaskResult(task=name, state=DocumentState.DONE) for name in done),
        needs_review=record is not None and bool(done) and record.needs_review,
        summary=record.summary if record and done else None,
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
        text=text,
        extracted=extracted,
        trace_parent=trace_parent,
        earlier_files=_earlier_files(record),
        history=record.history if record else (),
    )
    return _remember(claimed, DocumentEvent.CLAIMED, now, "" if same_version else "new version")


def finished_tasks(
    record: DocumentRecord | None, facts: DocumentFacts, work: WorkSpec, text: TextFacts
) -> tuple[str, ...]:
    """Return the tasks whose results stay when a version is taken up again some of whose tasks have failed.

    They are those that would be asked the same now, about the same text.
    """
    if record is None or record.state is not DocumentState.FAILED or record.document.etag != facts.etag:
        return ()
    same = (name for name in record.done_tasks if record.work.only([name]) == work.only([name]))
    return tuple(same) if record.text == text else ()


def _earlier_files(record: DocumentRecord | None) -> tuple[str, ...]:
    """Return what the names of files end with that the versions before may have left, beside those of every document.

    Once a version is concluded, only its own files are left.
    """
    if record is None:
        return ()
    own = (suffix for task in record.work.tasks for suffix in task.suffixes)
    view = {VIEW_SUFFIX} if record.has_view else set()
    return tuple(sorted({*record.earlier_files, *own, *view} - {ENTITIES_SUFFIX}))


def count_afresh(record: DocumentRecord) -> DocumentRecord:
    """Return a claimed record whose submissions count anew: somebody has asked for its version to be replayed."""
    return msgspec.structs.replace(
        record, submissions=1, submissions_before=0, submissions_allowed=MAX_SUBMISSIONS, first_reported=None
    )


def text_read(
    record: DocumentRecord,
    text: TextFacts,
    extracted: str,
    *,
    characters: int,
    chunks: int,
    warnings: tuple[str, ...],
) -> DocumentRecord:
    """Return a pending record with the text that OCR has read, kept under the key `extracted`.

    What comes next, more pages or the analysis, has its own bound of submissions. So that a version can not use up
    several again and again, later owners and versions that were reported have one submission each.
    """
    if (record.extracted, record.chunks, record.warnings) == (extracted, chunks, warnings):
        return record  # The step is being repeated.
    is_first_attempt = record.owners == 1 and record.first_reported is None
    more = MAX_SUBMISSIONS if is_first_attempt else 1
    return msgspec.structs.replace(
        record,
        document=msgspec.structs.replace(record.document, encoding="utf-8", characters=characters),
        text=text,
        extracted=extracted,
        chunks=chunks,
        warnings=warnings,
        submissions_allowed=max(record.submissions_allowed, record.submissions + more),
    )


def conclude(
    record: DocumentRecord,
    event: DocumentEvent,
    now: datetime,
    error: Problem | None = None,
    *,
    done: Collection[str] = (),
    failed: Mapping[str, Problem] | None = None,
    needs_review: bool = False,
    summary: ResultSummary | None = None,
    has_view: bool = False,
) -> DocumentRecord:
    """Return the record of a document whose results (`EXTRACTED`) or error report (`REPORTED`) are written.

    Where it is reported, `done` names the tasks that have a result nevertheless, beside those of `record`, and `failed`
    says why others have none; the rest have none because of `error`.
    """
    state = _next(record, event, record.document.name)
    first_reported = record.first_reported
    if error and error.fault is not Fault.DOCUMENT:
        first_reported = first_reported or now
    code = error.code if error else ""
    causes = {name: problem.code for name, problem in (failed or {}).items()}
    results = tuple(
        TaskResult(task=name, state=DocumentState.DONE)
        if name in done or name in record.done_tasks
        else TaskResult(task=name, state=state, code=causes.get(name, code))
        for name in record.work.task_names
    )
    concluded = msgspec.structs.replace(
        record,
        state=state,
        results=results,
        updated=now,
        last_error=error,
        first_reported=first_reported,
        needs_review=needs_review or record.needs_review,
        summary=summary or record.summary,
        has_view=has_view,
        earlier_files=(),
    )
    return _remember(concluded, event, now, code)


def reviewed(record: DocumentRecord, review: ReviewFacts) -> DocumentRecord:
    """Return the record of a document that has ended with what people have decided about its results."""
    return msgspec.structs.replace(record, review=review)


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
    """Return the record of a document that counts the submission of `job`, which is reserved and owns it.

    The job's work is what is submitted: it may have followed a correction since the document was claimed.
    """
    submissions = max(record.submissions, submissions_with(record, job))
    # What is asked again is not done any more.
    results = tuple(one for one in record.results if one.task not in job.open_work.task_names)
    return msgspec.structs.replace(record, submissions=submissions, work=job.work, results=results)


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


ERASED_ETAG: Final = "erased"
"""Stands in the place of a version in the record of a document that is being erased; no blob has such an ETag."""


def erased(name: str, record: DocumentRecord | None, owner: str, now: datetime) -> DocumentRecord:
    """Return the guard in the place of the record of a document that is being erased.

    It is about no version that there is, and no job is its owner: whoever works on the document finds that it may not
    write, and withdraws what it has written. It is claimed at the time of the last work before it. What tells where
    something of the document lies is kept: its owners, its tasks, and the key of its extracted text; what tells
    anything of its content is not.
    """
    entry = HistoryEntry(at=now, event="erased", job=owner)
    guard = DocumentRecord(
        document=DocumentFacts(name=name, etag=ERASED_ETAG, last_modified=now, size_bytes=0, language=""),
        state=DocumentState.DONE,
        owner=owner,
        claimed_at=record.updated if record else now,
        updated=now,
        history=(entry,),
    )
    if record is None:
        return guard
    return msgspec.structs.replace(
        guard,
        work=record.work,
        extracted=record.extracted,
        earlier_files=record.earlier_files,
        history=(*record.history, entry)[-HISTORY_LENGTH:],
    )
