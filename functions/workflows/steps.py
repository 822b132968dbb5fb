"""Takes a job one step: what `submit` and `advance` share.

A step puts the next message on the queue first and saves the record then, if nobody else has. So a worker that dies
in between leaves two messages, of which one dies out, and never none.
"""

import logging
from collections.abc import Callable, Iterable
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from ..app import EntityDrop
from ..core.documents import MAX_SUBMISSIONS
from ..core.jobs import Chunk, Job, JobMessage
from ..core.lifecycle import JobEvent, may_write
from ..core.merging import ChunkResult, JobFacts, locate
from ..core.planning import Answer, Step, after_submission, release
from ..errors import Changed, Missing, Problem
from ..language.client import LONGEST_EXCHANGE_S
from ..storage.job_queue import Receipt
from ..text.chunks import text_of
from .asking import submit_texts
from .probing import record_failure, record_success
from .publishing import delete_record_of_deleted, release_claim, write_entities, write_error

logger = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")

LONGEST_POST = timedelta(seconds=LONGEST_EXCHANGE_S)
"""What must be left of a job's reservation when its request is sent."""


def send_message(app: EntityDrop, job: Job, now: datetime) -> Receipt:
    """Put the message for a job's present step on the queue, to be visible when the job is due."""
    return app.queue.send(JobMessage(job.id, job.step), (job.due - now).total_seconds())


def post(app: EntityDrop, job: Job, etag: str, receipt: Receipt, texts: list[str], *, has_permit: bool = False) -> None:
    """Submit a reserved job whose texts are at hand, and take the step that the answer leads to.

    Where too little of the reservation is left for a request, nothing is sent: somebody else may be about to reserve
    the job, and two workers must never submit the same reservation.
    """
    if app.clock() + LONGEST_POST >= job.due:
        perform(app, job, etag, release(job, app.clock()), receipt=receipt)
        return
    answer = submit_texts(
        app,
        job.id,
        texts,
        languages=[chunk.language for chunk in job.chunks],
        has_permit=has_permit,
        deadline_s=(job.due - app.clock()).total_seconds(),
    )
    perform(app, job, etag, after_submission(job, answer, app.clock(), app.policy), receipt=receipt)


def perform(
    app: EntityDrop, job: Job, etag: str, step: Step, *, receipt: Receipt | None = None, facts: JobFacts | None = None
) -> None:
    """Do what a step decided for the job that is stored at `etag`.

    `receipt` belongs to a message for this job that nobody has received yet; `facts` tell about the service's job
    where entities are among the answers.
    """
    # First, so that a job that comes back after a failure finds what became of the others.
    if step.succeeded:
        record_success(app, job.submitted or app.clock())
    if step.failure:
        record_failure(app, job, step.failure.level, step.failure.problem, opens=step.failure.opens)
    run_all(app, lambda answered: _answer(app, job, *answered, facts), step.answers)
    for part in step.parts:
        _create(app, part)
    if not (_save(app, step.job, etag, receipt) if step.job else _delete(app, job, etag)):
        # What the other worker decided counts: it may well be waiting for the operation.
        logger.info("Job %s was taken further by another worker.", job.id, extra=_context(job, "race_lost"))
        return
    if step.cancel:
        app.language.cancel(step.cancel)
    _log(job, step)


def run_all(app: EntityDrop, act: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Do the same with every item, several at a time, and return what came of each; the first error is raised last."""
    items = list(items)
    if len(items) == 1:
        return [act(items[0])]
    # Each thread works in a copy of the caller's context, so that its spans belong to the same trace.
    futures = [app.storage_threads.submit(copy_context().run, act, item) for item in items]
    for future in futures:
        future.exception()
    return [future.result() for future in futures]


def _answer(app: EntityDrop, job: Job, chunk: Chunk, answer: Answer, facts: JobFacts | None) -> None:
    """Bring the answer to a chunk to its document."""
    name, etag, owner = chunk.document, chunk.etag, job.owner
    if isinstance(answer, Problem):
        write_error(app, name, etag, owner, answer, job.submissions)
        if not chunk.is_whole:
            app.states.delete_chunks(owner, name)
        return
    assert facts is not None  # noqa: S101 - entities come from a finished job only; for the type checker
    try:
        text = read_text(app, chunk)
    except Missing:
        delete_record_of_deleted(app, name, etag, owner)
        release_claim(app, chunk, owner)
        return
    except Changed:
        # The newer version has an event and an owner of its own.
        release_claim(app, chunk, owner)
        return
    result = locate(chunk, text, answer, app.settings.string_index_type, facts)
    if chunk.is_whole:
        claimed = next((each for each in job.claims if each.record.document.name == name), None)
        write_entities(app, name, etag, owner, [result], claimed)
    else:
        _gather(app, chunk, owner, result)


def _gather(app: EntityDrop, chunk: Chunk, owner: str, result: ChunkResult) -> None:
    """Keep the result of a chunk, and write the entities of its document if it was the last to come."""
    name = chunk.document
    app.states.save_chunk(owner, name, result)
    # Asked after the chunk is kept: whoever ended the work on the document before has cleaned up already.
    if not _is_still_wanted(app, chunk, owner):
        release_claim(app, chunk, owner)
        return
    # Each chunk is kept before its siblings are counted, so the last of them finds all; two may both be last, and then
    # the one that comes too late finds fewer, or none.
    if app.states.count_chunks(owner, name) == chunk.count:
        chunks = list(app.states.chunks(owner, name))
        if len(chunks) == chunk.count:
            write_entities(app, name, chunk.etag, owner, chunks)
        app.states.delete_chunks(owner, name)


def _is_still_wanted(app: EntityDrop, chunk: Chunk, owner: str) -> bool:
    record, _ = app.states.document(chunk.document)
    return may_write(record, owner, chunk.etag)


def read_text(app: EntityDrop, chunk: Chunk) -> str:
    """Return the text of a chunk, read anew from its document. Raises `Missing` and `Changed`."""
    if not chunk.content_encoding:
        data = app.documents.read_part(chunk.document, chunk.etag, chunk.byte_start, chunk.byte_end)
        return text_of(chunk, data)
    # Compressed content has no parts that could be read alone, and may be large unpacked.
    data = app.documents.read_part(chunk.document, chunk.etag, None, None)
    with app.large_documents:
        return text_of(chunk, data)


def _create(app: EntityDrop, part: Job) -> None:
    try:
        app.states.save_job(part, None)
    except Changed:
        logger.debug("Part %s was there already: the step is being repeated.", part.id)
    app.queue.send(JobMessage(part.id, part.step), 0)


def _save(app: EntityDrop, job: Job, etag: str, receipt: Receipt | None) -> bool:
    """Put the next message first, then save the record; return whether nobody else was faster."""
    delay_s, sent = (job.due - app.clock()).total_seconds(), None
    message = JobMessage(job.id, job.step)
    try:
        sent = app.queue.resend(receipt, message, delay_s) if receipt else app.queue.send(message, delay_s)
    except Exception as error:
        if receipt is None:
            raise  # The message that brought us here comes again.
        # A request has been sent, and its outcome must not be lost with the queue's. The record keeps its step, so that
        # the message which is to come at the end of the reservation drives the job on.
        logger.warning(
            "The message of job %s could not be changed (%s); it goes on when the present one comes.",
            job.id,
            type(error).__name__,
            extra=_context(job, "message_unchanged"),
        )
        job = msgspec.structs.replace(job, step=job.step - 1)
    try:
        app.states.save_job(job, etag)
    except Exception as error:
        if _is_stored(app, job):
            logger.debug("The storage took job %s and its answer was lost on the way.", job.id)
            return True
        if sent:
            # Nothing goes on from here, and two messages for one job would never become one again.
            app.queue.discard(sent)
        if isinstance(error, Changed | Missing):
            return False
        raise
    return True


def _is_stored(app: EntityDrop, job: Job) -> bool:
    try:
        return app.states.job(job.id)[0] == job
    except Exception as error:
        logger.debug("Job %s can not be read: %s", job.id, type(error).__name__)
        return False


def _delete(app: EntityDrop, job: Job, etag: str) -> bool:
    try:
        app.states.delete_job(job.id, etag)
    except Missing:
        return False
    except Changed:
        # The other worker's message may be the very one that woke us, seen before its record was saved: an end sends no
        # other, and the job would wait for the sweep.
        app.queue.send(JobMessage(job.id, job.step + 1), 0)
        return False
    return True


def _context(job: Job, action: str) -> dict[str, object]:
    return {"action": action, **job.log_context()}


_ACTIONS = {
    JobEvent.ACCEPTED: (logging.INFO, "job_submitted", "Job %s was submitted"),
    JobEvent.DEFERRED: (logging.WARNING, "job_deferred", "Job %s is deferred"),
    JobEvent.STILL_RUNNING: (logging.INFO, "job_polled", "Job %s is still running"),
    JobEvent.FAILED: (logging.WARNING, "job_failed", "The submission of job %s failed"),
    JobEvent.LOST: (logging.WARNING, "job_lost", "The service lost job %s, or ran it for too long"),
    JobEvent.SPLIT: (logging.WARNING, "job_split", "Job %s is split"),
    JobEvent.FINISHED: (logging.INFO, "job_finished", "Job %s has ended"),
    JobEvent.FAULTED: (logging.ERROR, "job_faulted", "Job %s goes on after a fault"),
}


# Who acts: nobody while our own budget refills, somebody where the deployment has to be corrected.
_LEVELS = {"OverBudget": logging.INFO, "Misconfigured": logging.ERROR}


def _log(job: Job, step: Step) -> None:
    level, action, sentence = _ACTIONS[step.event]
    reason, fields = step.reason, _context(job, action)
    if step.job:
        fields["wait_s"] = round((step.job.due - job.due).total_seconds(), 1)
        if step.job.lone and step.job.retry_at:
            fields |= {"action": "document_failing_alone", "document": job.chunks[0].document}
            sentence = (
                f"Job %s carries one document, which fails alone: submission {job.submissions} of at most "
                f"{MAX_SUBMISSIONS}, the next one at {step.job.retry_at:%Y-%m-%d %H:%M} UTC"
            )
    if reason:
        level = _LEVELS.get(reason.code, level)
        # The service's own words may quote the document; the code and our advice can not.
        sentence = f"{sentence}: {reason.code}. {reason.help}"
    logger.log(level, sentence, job.id, extra={**fields, "reason": reason.code if reason else ""})
