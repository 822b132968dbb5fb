"""Takes one job one step further: submits it if it is waiting, else asks for its state; when done, writes results."""

import logging
from functools import partial

import msgspec

from .. import telemetry
from ..app import EntityDrop
from ..errors import Changed, EntityDropError, Missing, Problem, RecordError
from ..pipeline.decisions import after_poll, after_submission, nothing_left, reserve, without
from ..pipeline.entities import job_facts
from ..pipeline.jobs import Job, JobMessage, JobState, Piece, decode_message
from ..pipeline.outcomes import Finished, StillRunning
from ..pipeline.states import is_outdated, may_write
from ..services.blobs import is_passing
from .conclude import forget_deleted, let_go
from .steps import perform, post, read_text, run_all, send_message

logger = logging.getLogger(__name__)

FAULT = "Fault"
"""Code of a problem of our own: so many steps that end in it, and the job is given up."""

STORAGE_FAULT = "StorageFault"
"""Code of a problem of the storage: a job waits for the end of it."""


def advance(app: EntityDrop, text: str | bytes) -> None:
    """Do what the queue message `text` asks for. What is not a message, or out of date, is dropped with a log line."""
    found = job_of(app, text)
    if not found:
        return
    message, job, etag = found
    if is_outdated(message, job):
        logger.debug("A message for step %s of job %s is out of date.", message.step, job.id)
        return
    take = _submit if job.state is JobState.WAITING else _poll
    try:
        with telemetry.span("advance", parent=job.trace_parent, job=job.id, step=job.step):
            take(app, job, etag)
    except Exception as error:
        _remember(app, job, etag, error)
        raise


def job_of(app: EntityDrop, text: str | bytes) -> tuple[JobMessage, Job, str] | None:
    """Return the message in `text`, its job and the job's ETag; None where there is no such job any more.

    A message or a record that can not be read is set aside and logged: it would never become readable, and must not
    keep the queue busy. Its documents have no living owner then, which `reconcile` finds.
    """
    try:
        message = decode_message(text)
    except RecordError as error:
        logger.error("A queue message is set aside: %s", error, extra={"action": "message_set_aside"})
        return None
    try:
        job, etag = app.states.job(message.job)
    except Missing:
        logger.debug("Job %s has ended; its message is dropped.", message.job)
        return None
    except RecordError as error:
        logger.error("A job record is set aside: %s", error, extra={"action": "record_set_aside", "job": message.job})
        app.states.set_job_aside(message.job)
        return None
    return message, job, etag


def _submit(app: EntityDrop, job: Job, etag: str) -> None:
    # Asked before the texts are read: a backlog that waits for the budget would read them again and again.
    held = app.language.leave_to_submit()
    if held:
        perform(app, job, etag, after_submission(job, held, app.clock(), app.policy))
        return
    texts = dict(zip(job.pieces, run_all(app, partial(_text_if_ours, app, job), job.pieces), strict=True))
    ours = without(job, [piece for piece, text in texts.items() if text is None])
    now = app.clock()
    if not ours.pieces:
        perform(app, job, etag, nothing_left(job, now))
        return
    reserved = reserve(ours, now)
    receipt = send_message(app, reserved, now)
    try:
        etag = app.states.save_job(reserved, etag)
    except (Changed, Missing):
        logger.debug("Job %s is being submitted by another worker.", job.id)
        return
    post(app, reserved, etag, receipt, [texts[piece] or "" for piece in reserved.pieces], has_leave=True)


def _text_if_ours(app: EntityDrop, job: Job, piece: Piece) -> str | None:
    """Return the text of a piece; None where its document has another owner, another version, or is gone."""
    record, _ = app.states.document(piece.document)
    if may_write(record, job.owner, piece.etag):
        try:
            return read_text(app, piece)
        except Missing:
            forget_deleted(app, piece.document, piece.etag, job.owner)
        except Changed:
            logger.debug("A document of job %s has been replaced.", job.id)
    let_go(app, piece, job.owner)
    return None


def _poll(app: EntityDrop, job: Job, etag: str) -> None:
    answer = app.language.progress(job.operation_url or "")
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
    perform(app, job, etag, after_poll(job, answer, app.clock(), app.policy), facts=facts)


def _remember(app: EntityDrop, job: Job, etag: str, error: Exception) -> None:
    """Keep the cause of a failed step in the record, if the storage allows, for an error report that may follow."""
    problem = Problem(
        STORAGE_FAULT if is_passing(error) else FAULT,
        f"A step of the job ended in an error: {type(error).__name__}.",
        "It is repeated. If it lasts, look for the action job_step_failed in the logs.",
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
