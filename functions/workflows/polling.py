"""Takes one job one step further: submits it if it is waiting, else asks for its state; when done, writes results."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from .. import telemetry
from ..app import EntityDrop
from ..core.documents import DocumentRecord
from ..core.health import Probing
from ..core.jobs import Chunk, Job, JobMessage, JobState, decode_message
from ..core.lifecycle import count_submission, is_outdated, may_write, submissions_with
from ..core.merging import job_facts
from ..core.outcomes import Finished, JobLost, StillRunning
from ..core.planning import (
    after_deferral,
    after_poll,
    before_submission,
    exhausted_problem,
    may_scout,
    nothing_left,
    reserve,
    send_scout,
)
from ..errors import Changed, EntityDropError, Fault, Missing, Problem, RecordError
from ..storage.containers import is_refusal, is_transient, storage_code
from .asking import ask_progress
from .probing import assess_job, is_healthy_since, take_scout
from .publishing import delete_record_of_deleted, release_claim, write_error
from .refusals import note_refusal
from .steps import perform, post, read_text, run_all, send_message

logger = logging.getLogger(__name__)

FAULT = "Fault"
"""Code of a problem of our own: so many steps that end in it, and the job is given up."""

STORAGE_FAULT = "StorageFault"
"""Code of a problem of the storage: a job waits for the end of it."""


@dataclass(slots=True)
class _Stored:
    """A job and the ETag at which it is stored: where the cause of a failed step is to be kept."""

    job: Job
    etag: str


def advance(app: EntityDrop, text: str | bytes) -> None:
    """Do what the queue message `text` asks for; discard what is not a message, or out of date, with a log line."""
    found = job_of(app, text)
    if not found:
        return
    message, job, etag = found
    if is_outdated(message, job):
        logger.debug("A message for step %s of job %s is out of date.", message.step, job.id)
        return
    take = _submit if job.state is JobState.WAITING else _poll
    stored = _Stored(job, etag)
    try:
        with telemetry.span("advance", parent=job.trace_parent, job=job.id, step=job.step):
            take(app, stored)
    except Exception as error:
        _remember(app, stored.job, stored.etag, error)
        raise
    if message.step > job.step:
        _send_again_if_current(app, message)


def _send_again_if_current(app: EntityDrop, message: JobMessage) -> None:
    """Keep a message alive that came before its step was saved.

    Whoever sent it may have saved the step meanwhile: then this step has lost the race and discarded its own message,
    and the one that is consumed here is the only one of the job. One too many is dropped as out of date.
    """
    try:
        job, _ = app.states.job(message.job)
    except (Missing, RecordError):
        return
    if job.step == message.step:
        send_message(app, job, app.clock())


def job_of(app: EntityDrop, text: str | bytes) -> tuple[JobMessage, Job, str] | None:
    """Return the message in `text`, its job and the job's ETag; None where there is no such job any more.

    A message that can not be read is discarded and a record quarantined, each with a log line: they would never become
    readable, and must not keep the queue busy. Their documents have no active owner then, which `reconcile` finds.
    """
    try:
        message = decode_message(text)
    except RecordError as error:
        logger.error("A queue message is discarded: %s", error, extra={"action": "message_discarded"})
        return None
    try:
        job, etag = app.states.job(message.job)
    except Missing:
        logger.debug("Job %s has ended; its message is dropped.", message.job)
        return None
    except RecordError as error:
        logger.error(
            "A job record is quarantined: %s", error, extra={"action": "record_quarantined", "job": message.job}
        )
        app.states.quarantine_job(message.job)
        return None
    return message, job, etag


def _submit(app: EntityDrop, stored: _Stored) -> None:
    job, etag = stored.job, stored.etag
    if job.reserved_until and app.clock() < job.reserved_until:
        # Somebody is submitting it, or has and could not save the outcome. Whoever it was has until then.
        left_s = (job.reserved_until - app.clock()).total_seconds()
        app.queue.send(JobMessage(job.id, job.step), max(1.0, left_s))
        return
    assessment = assess_job(app, job)
    is_scout_due = assessment.probing is Probing.SCOUT and not job.is_scout and may_scout(job, app.clock())
    if is_scout_due and take_scout(app, job):
        perform(app, job, etag, send_scout(job, app.clock()))
        return
    step = before_submission(job, assessment, app.clock(), app.policy)
    if step:
        perform(app, job, etag, step)
        return
    # Asked before the texts are read: a backlog that waits for the budget would read them again and again.
    deferred = app.language.take_permit()
    if deferred:
        perform(app, job, etag, after_deferral(job, deferred, app.clock(), app.policy))
        return
    found = run_all(app, partial(_read_if_ours, app, job), job.chunks)
    ready = [document for document in found if document and not _report_exhausted(app, job, document)]
    now = app.clock()
    if not ready:
        perform(app, job, etag, nothing_left(job, now))
        return
    ours = msgspec.structs.replace(job, chunks=tuple(document.chunk for document in ready))
    reserved = reserve(ours, now, is_last=any(_is_last(document.record, ours) for document in ready))
    receipt = send_message(app, reserved, now)
    try:
        stored.etag = app.states.save_job(reserved, etag)
        stored.job = reserved
    except (Changed, Missing):
        logger.debug("Job %s is being submitted by another worker.", job.id)
        app.queue.discard(receipt)
        return
    counted = [document for document in run_all(app, partial(_count, app, reserved), ready) if document]
    reserved = msgspec.structs.replace(reserved, chunks=tuple(document.chunk for document in counted))
    if not counted:
        perform(app, reserved, stored.etag, nothing_left(reserved, app.clock()))
        return
    post(app, reserved, stored.etag, receipt, [document.text for document in counted], has_permit=True)


class _Ready(NamedTuple):
    """A chunk that is to be submitted, its text, and the record of its document."""

    chunk: Chunk
    text: str
    record: DocumentRecord
    etag: str


def _read_if_ours(app: EntityDrop, job: Job, chunk: Chunk) -> _Ready | None:
    """Return a chunk with its text; None where its document has another owner, another version, or is gone."""
    record, etag = app.states.document(chunk.document)
    if record and etag and may_write(record, job.owner, chunk.etag):
        try:
            return _Ready(chunk, read_text(app, chunk), record, etag)
        except Missing:
            delete_record_of_deleted(app, chunk.document, chunk.etag, job.owner)
        except Changed:
            logger.debug("A document of job %s has been replaced.", job.id)
        except Exception as error:
            if not is_refusal(error):
                raise
            # Its neighbours go on; the document is submitted once the storage gives it out again.
            note_refusal(app, chunk.document, storage_code(error) or "")
    release_claim(app, chunk, job.owner)
    return None


# The limit of submissions. It is compared here, directly before the reservation, and nowhere else: every path that
# leads to a request after the first one passes this way.


def _report_exhausted(app: EntityDrop, job: Job, document: _Ready) -> bool:
    """Report a document that has no submission left; return whether that was so."""
    if submissions_with(document.record, job) < document.record.submissions_allowed:
        return False
    chunk = document.chunk
    write_error(app, chunk.document, chunk.etag, job.owner, exhausted_problem(job), document.record.submissions)
    if not chunk.is_whole:
        app.states.delete_chunks(job.owner, chunk.document)
    return True


def _is_last(record: DocumentRecord, job: Job) -> bool:
    return submissions_with(record, job) + 1 >= record.submissions_allowed


def _count(app: EntityDrop, reserved: Job, document: _Ready) -> _Ready | None:
    """Count a submission in the document's record, which outlives its jobs; None where it is no longer ours."""
    record, etag = document.record, document.etag
    while submissions_with(record, reserved) > record.submissions:
        try:
            app.states.save_document(count_submission(record, reserved), etag)
            break
        except Changed:
            # Another part of the same document has counted, or another owner has the document now.
            found, found_etag = app.states.document(document.chunk.document)
            if not found or not found_etag or not may_write(found, reserved.owner, document.chunk.etag):
                return None
            record, etag = found, found_etag
    return document


def _poll(app: EntityDrop, stored: _Stored) -> None:
    job = stored.job
    answer = ask_progress(app, job.operation_url or "")
    facts = None
    if isinstance(answer, Finished):
        facts = job_facts(job, answer)
        if answer.duration_s is not None:
            app.poll_timer.saw(answer.duration_s)
    elif isinstance(answer, StillRunning) and not answer.is_known:
        logger.warning(
            "The service calls the state of job %s %r, which is not documented; it is taken for running.",
            job.id,
            answer.status,
            extra={"action": "unknown_status", **job.log_context()},
        )
    # Whether the service is healthy otherwise matters only for a job that it does not know.
    is_healthy = isinstance(answer, JobLost) and is_healthy_since(app, job.lost_at)
    step = after_poll(job, answer, app.clock(), app.policy, is_healthy=is_healthy)
    perform(app, job, stored.etag, step, facts=facts)


def _remember(app: EntityDrop, job: Job, etag: str, error: Exception) -> None:
    """Keep the cause of a failed step in the record, if the storage allows, for an error report that may follow."""
    problem = Problem(
        STORAGE_FAULT if is_transient(error) else FAULT,
        f"A step of the job ended in an error: {storage_code(error) or type(error).__name__}.",
        "It is repeated. If it lasts, look for the action job_step_failed in the logs.",
        fault=Fault.STORAGE if is_transient(error) else Fault.SERVICE,
    )
    try:
        app.states.save_job(msgspec.structs.replace(job, last_error=problem), etag)
    except Exception as another:
        # The first error is the one to see; the storage may well be what failed.
        logger.debug("The cause could not be kept: %s", type(another).__name__)
    level = logging.WARNING if isinstance(error, EntityDropError) else logging.ERROR
    logger.log(
        level,
        "A step of job %s failed and is repeated: %s.",
        job.id,
        type(error).__name__,
        extra={"action": "job_step_failed", **job.log_context()},
    )
