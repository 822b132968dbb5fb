"""Takes a job one step: what submission and polling share.

A step puts the next message on the queue first and saves the record then, if nobody else has. So a worker that dies
in between leaves two messages, of which one dies out, and never none.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from typing import TypeVar

from .. import problems
from ..core.documents import MAX_SUBMISSIONS, StoredRecord
from ..core.jobs import Job, JobMessage
from ..core.journal import deferred_since, job_submitted
from ..core.lifecycle import JobEvent, may_write, sent_to, without_message
from ..core.outcomes import Answers
from ..core.planning import Step, after_submission, release
from ..core.publication import Extracted
from ..core.records import Chunk, JobFacts
from ..core.time_limits import LONGEST_EXCHANGE
from ..errors import Changed, Missing, Problem
from ..storage.job_queue import JobQueue, Receipt
from ..storage.record_store import RecordStore
from ..tasks.task import ChunkResult
from .job_services import JobService, JobServices
from .journaling import Journal
from .parallel import run_all
from .publishing import Publisher
from .reading import Readings
from .texts import TextReader

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Steps:
    """Sends the request of a reserved job, and performs what was decided for a job."""

    def __init__(
        self,
        records: RecordStore,
        queue: JobQueue,
        services: JobServices,
        publisher: Publisher,
        readings: Readings,
        texts: TextReader,
        journal: Journal,
        threads: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._queue = queue
        self._services = services
        self._publisher = publisher
        self._readings = readings
        self._texts = texts
        self._journal = journal
        self._threads = threads
        self._clock = clock

    def send_message(self, job: Job, now: datetime) -> Receipt:
        """Put the message for a job's present step on the queue, to be visible when the job is due."""
        return self._queue.send(JobMessage(job.id, job.step), (job.due - now).total_seconds())

    def post(
        self, service: JobService, job: Job, etag: str, receipt: Receipt, texts: list[str], *, has_permit: bool = False
    ) -> None:
        """Submit a reserved job whose texts are at hand to its service, and take the step that the answer leads to.

        Where too little of the reservation is left for a request, nothing is sent: somebody else may be about to
        reserve the job, and two workers must never submit the same reservation.
        """
        if self._clock() + LONGEST_EXCHANGE >= job.due:
            self.perform(job, etag, release(job, self._clock()), receipt=receipt)
            return
        job = sent_to(job, service.name)
        deadline_s = (job.due - self._clock()).total_seconds()
        answer = service.submit(job, texts, has_permit=has_permit, deadline_s=deadline_s)
        step = after_submission(job, answer, self._clock(), service.policy())
        self.perform(job, etag, step, receipt=receipt)

    def perform(
        self, job: Job, etag: str, step: Step, *, receipt: Receipt | None = None, facts: JobFacts | None = None
    ) -> None:
        """Do what a step decided for the job that is stored at `etag`.

        `receipt` belongs to a message for this job that nobody has received yet; `facts` tell about the service's job
        where results are among the answers.
        """
        service = self._services.of(job)
        if service:
            # First, so that a job that comes back after a failure finds what became of the others.
            if step.succeeded:
                service.prober.record_success(job)
            if step.failure:
                service.prober.record_failure(job, step.failure)
        if job.reading and step.answers:
            step = self._readings.instead_of_report(job, step)
        run_all(self._threads, lambda answered: self._answer(job, *answered, facts), step.answers)
        for part in step.parts:
            self._create(part)
        if not (self._save(step.job, etag, receipt) if step.job else self._delete(job, etag)):
            # What the other worker decided counts: it may well be waiting for the operation.
            logger.info("Job %s was taken further by another worker.", job.id, extra=_context(job, "race_lost"))
            return
        if job.reading:
            self._readings.delete_copy_of(job, step)
        if step.cancel and service:
            service.cancel(job, step.cancel)
        if step.event is JobEvent.ACCEPTED and step.job:
            self._journal.add(job_submitted(step.job, self._clock(), deferred_since(job)))
        _log(job, step)

    def report(self, job: Job, chunk: Chunk, problem: Problem, attempts: int) -> None:
        """Report a problem of a chunk for every task that the job has left; what other tasks have found is kept."""
        if not job.tasks:
            claim = job.claim_of(chunk)
            self._publisher.write_error(claim, problem, attempts)
            if job.gathers(chunk):
                self._records.delete_chunks(claim.owner, claim.document)
        else:
            self._gather(job, chunk, dict.fromkeys(job.tasks, problem))

    def _answer(self, job: Job, chunk: Chunk, answer: Answers | Problem, facts: JobFacts | None) -> None:
        """Bring the answers for a chunk to its document."""
        if not isinstance(answer, Problem) and len(job.work.tasks) == 1:
            # A document with one task has either its result or its report.
            answer = next((one for one in answer.values() if isinstance(one, Problem)), answer)
        if isinstance(answer, Problem):
            self.report(job, chunk, answer, job.submissions)
            return
        results = self._unless_gone(job, chunk, lambda: self._located(job, chunk, answer, facts))
        if results is None:
            return
        if not chunk.is_whole or len(results) < len(job.work.tasks):
            self._gather(job, chunk, results)
            return
        claim = job.claim_of(chunk)
        known = next((one for one in job.known_records if one.record.document.name == claim.document), None)
        is_written = self._publish(job, chunk, {name: [result] for name, result in results.items()}, known)
        if not is_written and (chunk.extracted or job.gathers(chunk)):
            self._publisher.release_claim(job, chunk)

    def _unless_gone(self, job: Job, chunk: Chunk, read: Callable[[], T]) -> T | None:
        """Return what is read of a document; None where it is gone or replaced, whose claim is released then."""
        try:
            return read()
        except Missing:
            self._publisher.delete_record_of_deleted(job.claim_of(chunk))
        except Changed:
            # The newer version has an event and an owner of its own.
            logger.debug("A document of job %s has been replaced.", job.id)
        self._publisher.release_claim(job, chunk)
        return None

    def _located(
        self, job: Job, chunk: Chunk, answers: Answers, facts: JobFacts | None
    ) -> dict[str, ChunkResult | Problem]:
        """Return what each task contributes to its result. Raises `Missing` and `Changed`."""
        tasks = {task.name: task for task in job.work.tasks}
        results: dict[str, ChunkResult | Problem] = {
            name: one for name, one in answers.items() if isinstance(one, Problem)
        }
        if len(results) == len(answers):
            return results
        assert facts is not None  # noqa: S101 - results come from a finished job only; for the type checker
        text, places = self._texts.submitted(chunk), self._texts.places(chunk)
        unit = job.work.string_index_type
        for name, found in answers.items():
            if not isinstance(found, Problem):
                results[name] = tasks[name].locate(chunk, text, found, unit, facts, places)
        return results

    def _gather(self, job: Job, chunk: Chunk, results: Mapping[str, ChunkResult | Problem]) -> None:
        """Keep the results of a chunk, and write those of its document if they were the last to come."""
        claim, records = job.claim_of(chunk), self._records
        for name, result in results.items():
            records.save_chunk(claim.owner, claim.document, chunk.index, _label(job, name), result)
        # Asked after the chunk is kept: whoever ended the work on the document before has cleaned up already.
        record, _ = records.claimed_document(claim)
        if record is None or not may_write(record, claim):
            self._publisher.release_claim(job, chunk)
            return
        tasks = [task for task in job.work.tasks if task.name not in record.done_tasks]
        # Each result is kept before the others are counted, so the last of them finds all; two may both be last, and
        # then the one that comes too late finds fewer, or none.
        expected = chunk.count * len(tasks)
        if records.count_chunks(claim.owner, claim.document) >= expected:
            kept = {
                task.name: list(records.chunks(claim.owner, claim.document, _label(job, task.name), task.chunk_type))
                for task in tasks
            }
            if all(len(found) == chunk.count for found in kept.values()):
                self._publish(job, chunk, kept)
                records.delete_chunks(claim.owner, claim.document)

    def _publish(
        self,
        job: Job,
        chunk: Chunk,
        results: Mapping[str, Sequence[ChunkResult | Problem]],
        known: StoredRecord | None = None,
    ) -> bool:
        """Write what all tasks have come to for all chunks of a document; return whether its owner could still do so.

        A task that has failed for one chunk has no result.
        """
        failed = {name: one for name, found in results.items() for one in found if isinstance(one, Problem)}
        done = {
            name: tuple(one for one in found if not isinstance(one, Problem))
            for name, found in results.items()
            if name not in failed
        }
        text = None
        if any(task.name in done and task.needs_text(chunk.count) for task in job.work.tasks):
            text = self._unless_gone(job, chunk, lambda: self._texts.read_whole(chunk))
            if text is None:
                return False
        outcome = Extracted(done, job.work, failed, job.submissions, text)
        return self._publisher.write_results(job.claim_of(chunk), outcome, known)

    def _create(self, part: Job) -> None:
        try:
            self._records.save_job(part, None)
        except Changed:
            logger.debug("Part %s was there already: the step is being repeated.", part.id)
        self._queue.send(JobMessage(part.id, part.step), max(0.0, (part.due - self._clock()).total_seconds()))

    def _save(self, job: Job, etag: str, receipt: Receipt | None) -> bool:
        """Put the next message first, then save the record; return whether nobody else was faster."""
        delay_s, sent = (job.due - self._clock()).total_seconds(), None
        message = JobMessage(job.id, job.step)
        try:
            resend = partial(self._queue.resend, receipt) if receipt else self._queue.send
            sent = resend(message, delay_s)
        except Exception as error:
            if receipt is None:
                raise  # The message that brought us here comes again.
            # A request has been sent, and its outcome must not be lost with the queue's. The record keeps its step, so
            # that the message which is to come at the end of the reservation drives the job on.
            logger.warning(
                "The message of job %s could not be changed (%s); it goes on when the present one comes.",
                job.id,
                type(error).__name__,
                extra=_context(job, "message_unchanged"),
            )
            job = without_message(job)
        try:
            self._records.save_job(job, etag)
        except Exception as error:
            if self._is_stored(job):
                logger.debug("The storage took job %s and its answer was lost on the way.", job.id)
                return True
            if sent:
                # Nothing goes on from here, and two messages for one job would never become one again.
                self._queue.discard(sent)
            if isinstance(error, Changed | Missing):
                return False
            raise
        return True

    def _is_stored(self, job: Job) -> bool:
        try:
            return self._records.job(job.id)[0] == job
        except Exception as error:
            logger.debug("Job %s can not be read: %s", job.id, type(error).__name__)
            return False

    def _delete(self, job: Job, etag: str) -> bool:
        try:
            self._records.delete_job(job.id, etag)
        except Missing:
            return False
        except Changed:
            # The other worker's message may be the very one that started this run, received before its record was
            # saved: an end sends no other, and the job would wait for the sweep.
            self._queue.send(JobMessage(job.id, job.step + 1), 0)
            return False
        return True


def _label(job: Job, task: str) -> str | None:
    """Return what tells the kept results of a task apart; None for the only one, as the first release had it."""
    return task if len(job.work.tasks) > 1 else None


def _context(job: Job, action: str) -> dict[str, object]:
    return {"action": action, **job.log_context()}


_ACTIONS = {
    JobEvent.ACCEPTED: (logging.INFO, "job_submitted", "Job %s was submitted"),
    JobEvent.DEFERRED: (logging.WARNING, "job_deferred", "Job %s is deferred"),
    JobEvent.STILL_RUNNING: (logging.INFO, "job_polled", "Job %s is still running"),
    JobEvent.FAILED: (logging.WARNING, "job_failed", "The submission of job %s failed"),
    JobEvent.LOST: (logging.WARNING, "job_lost", "The service lost job %s, or ran it for too long"),
    JobEvent.PAGES_READ: (logging.INFO, "pages_read", "Some pages of job %s are read"),
    JobEvent.TEXT_COMPLETE: (logging.INFO, "text_complete", "The text of job %s is complete and is analysed"),
    JobEvent.SPLIT: (logging.WARNING, "job_split", "Job %s is split"),
    JobEvent.FINISHED: (logging.INFO, "job_finished", "Job %s has ended"),
    JobEvent.FAULTED: (logging.ERROR, "job_faulted", "Job %s goes on after a fault"),
}


# Who acts: nobody while our own budget refills, somebody where the deployment has to be corrected.
_LEVELS = {problems.OVER_BUDGET.code: logging.INFO, problems.MISCONFIGURED.code: logging.ERROR}


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
