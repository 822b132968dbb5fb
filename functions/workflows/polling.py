"""Takes one job one step further: submits it if it is waiting, else asks for its state; when done, writes results."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from .. import problems, telemetry
from ..core.documents import DocumentRecord
from ..core.health import Probing
from ..core.jobs import Job, JobMessage, JobState, decode_message
from ..core.lifecycle import (
    count_submission,
    follow_correction,
    is_outdated,
    may_write,
    retry_elsewhere,
    sent_to,
    submissions_with,
    with_chunks,
    with_error,
    with_work,
)
from ..core.outcomes import Finished, JobLost, StillRunning
from ..core.planning import (
    Policy,
    Step,
    after_deferral,
    after_poll,
    before_submission,
    exhausted_problem,
    give_up,
    leave_resource,
    may_scout,
    nothing_left,
    reserve,
    send_scout,
)
from ..core.records import Chunk
from ..core.results import job_facts
from ..core.work import WorkSpec
from ..errors import Changed, EntityDropError, Missing, NewerRecord, RecordError, RulesUnreadable
from ..language.service import PollDelays
from ..reading.pages import PagesRead
from ..storage.containers import is_refusal, is_transient, storage_code
from ..storage.job_queue import JobQueue, Received
from ..storage.record_store import RecordStore
from .holding import Hold, Holds
from .job_services import JobService, JobServices
from .parallel import run_all
from .publishing import Publisher
from .reading import Readings
from .refusals import Refusals
from .steps import Steps

logger = logging.getLogger(__name__)

NEWER_RECORD_WAIT_S = 60.0
"""How long a message is hidden that is left to the instances of a newer release."""


@dataclass(slots=True)
class _Stored:
    """A job and the ETag at which it is stored: where the cause of a failed step is to be kept."""

    job: Job
    etag: str


class FoundJob(NamedTuple):
    """A queue message, the job it is for, and the ETag at which that is stored."""

    message: JobMessage
    job: Job
    etag: str


class JobFinder:
    """Finds the jobs of queue messages; `first_release` is what the jobs of the first release do."""

    def __init__(self, records: RecordStore, queue: JobQueue, first_release: WorkSpec) -> None:
        self._records = records
        self._queue = queue
        self._first_release = first_release

    def find(self, text: str | bytes) -> FoundJob | None:
        """Return the job of the message in `text`; None where it has ended or is a newer release's.

        A message that can not be read is discarded and a record quarantined, each with a log line: they would never
        become readable, and must not keep the queue busy. Their documents have no active owner then, which `reconcile`
        finds.
        """
        message = self.decode(text)
        return self.find_job(message) if message else None

    def decode(self, text: str | bytes) -> JobMessage | None:
        """Return the message in `text`; discard it where it can not be read. See `find`."""
        try:
            return decode_message(text)
        except RecordError as error:
            logger.error("A queue message is discarded: %s", error, extra={"action": "message_discarded"})
            return None

    def find_job(self, message: JobMessage) -> FoundJob | None:
        """Return the job of a message. See `find`."""
        try:
            job, etag = self._records.job(message.job)
        except Missing:
            logger.debug("Job %s has ended; its message is dropped.", message.job)
            return None
        except RecordError as error:
            logger.error(
                "A job record is quarantined: %s", error, extra={"action": "record_quarantined", "job": message.job}
            )
            self._records.quarantine_job(message.job)
            return None
        except NewerRecord as error:
            self.put_back(message, error)
            return None
        return FoundJob(message, with_work(job, self._first_release), etag)

    def put_back(self, message: JobMessage, error: NewerRecord) -> None:
        """Leave a message to the instances of a newer release: it comes again, and no failure is counted."""
        self._queue.send(message, NEWER_RECORD_WAIT_S)
        logger.warning(
            "The message of job %s is put back: %s",
            message.job,
            error,
            extra={"action": "newer_record", "job": message.job},
        )


class _Ready(NamedTuple):
    """A chunk that is to be submitted, its text, and the record of its document."""

    chunk: Chunk
    text: str
    record: DocumentRecord
    etag: str


class Poller:
    """Takes jobs further, one step for each queue message."""

    def __init__(
        self,
        finder: JobFinder,
        holds: Holds,
        records: RecordStore,
        queue: JobQueue,
        services: JobServices,
        poll_timer: PollDelays,
        publisher: Publisher,
        refusals: Refusals,
        steps: Steps,
        readings: Readings,
        threads: Executor,
        clock: Callable[[], datetime],
        policy: Callable[[], Policy],
        choose_work: Callable[[str], WorkSpec | None],
    ) -> None:
        self._finder = finder
        self._holds = holds
        self._records = records
        self._queue = queue
        self._services = services
        self._poll_timer = poll_timer
        self._publisher = publisher
        self._refusals = refusals
        self._steps = steps
        self._readings = readings
        self._threads = threads
        self._clock = clock
        self._policy = policy
        self._choose_work = choose_work

    def advance(self, text: str | bytes, received: Received | None = None) -> None:
        """Do what the queue message `text` asks for; discard what is not a message, or out of date, with a log line.

        With `received`, another worker gets the message `TAKEOVER_S` after this one has died, and not only when the
        host gives it out again.
        """
        message = self._finder.decode(text)
        if message:
            # Before the job is read: a worker that dies while it waits for the storage has died, too.
            with self._holds.held(received) as hold:
                self._advance(message, hold, is_again=received is not None and received.dequeue_count > 1)

    def _advance(self, message: JobMessage, hold: Hold, *, is_again: bool) -> None:
        found = self._finder.find_job(message)
        if not found:
            return
        _, job, etag = found
        if is_outdated(message, job):
            logger.debug("A message for step %s of job %s is out of date.", message.step, job.id)
            return
        is_waiting = job.state is JobState.WAITING
        take = partial(self._submit, hold=hold) if is_waiting else partial(self._poll, is_again=is_again)
        stored = _Stored(job, etag)
        try:
            with telemetry.span("advance", parent=job.trace_parent, job=job.id, step=job.step):
                take(stored)
        except NewerRecord as error:
            self._finder.put_back(message, error)
            return
        except Exception as error:
            self._remember(stored.job, stored.etag, error)
            raise
        if message.step > job.step:
            self._send_again_if_current(message)

    def _send_again_if_current(self, message: JobMessage) -> None:
        """Send a message again that came before its step was saved.

        Whoever sent it may have saved the step meanwhile: then this step has lost the race and discarded its own
        message, and the one that is consumed here is the only one of the job. One too many is dropped as out of date.
        """
        try:
            job, _ = self._records.job(message.job)
        except (Missing, RecordError):
            return
        except NewerRecord as error:
            self._finder.put_back(message, error)
            return
        if job.step == message.step:
            self._steps.send_message(job, self._clock())

    # --- Submitting ---

    def _submit(self, stored: _Stored, *, hold: Hold) -> None:
        job, etag = self._corrected(stored.job), stored.etag
        if job.reserved_until and self._clock() < job.reserved_until:
            # Somebody is submitting it, or has and could not save the outcome. Whoever it was has until then.
            left_s = (job.reserved_until - self._clock()).total_seconds()
            if not hold.postpone(max(1.0, left_s)):
                self._queue.send(JobMessage(job.id, job.step), max(1.0, left_s))
            return
        service = self._services.for_submission(job)
        if service is None:
            self._steps.perform(job, etag, give_up(job, READING_TURNED_OFF, self._clock()))
            return
        if job.awaits_verdict and service is not self._services.of(job):
            job = retry_elsewhere(job, self._clock())
        assessment = service.prober.assess(job)
        is_scout_due = assessment.probing is Probing.SCOUT and not job.is_scout and may_scout(job, self._clock())
        if is_scout_due and service.prober.take_scout(job):
            self._steps.perform(job, etag, send_scout(job, self._clock()))
            return
        step = before_submission(job, assessment, self._clock(), service.policy())
        if step:
            self._steps.perform(job, etag, step)
            return
        # Asked before the texts are read: a backlog that waits for the budget would read them again and again.
        # A send time is booked in the ledger of one resource.
        deferred = service.take_permit(job.send_at if service.name == job.resource else None)
        if deferred:
            job = sent_to(job, service.name) if deferred.send_at else job
            self._steps.perform(job, etag, after_deferral(job, deferred, self._clock(), service.policy()))
            return
        found = [one for one in run_all(self._threads, partial(self._read_if_ours, service, job), job.chunks) if one]
        exhausted = [document for document in found if _is_exhausted(document.record, job)]
        if exhausted and job.reading:
            self._steps.perform(job, etag, give_up(job, exhausted_problem(job), self._clock()))
            return
        for document in exhausted:
            self._report_exhausted(job, document)
        ready = [document for document in found if not _is_exhausted(document.record, job)]
        now = self._clock()
        if not ready:
            self._steps.perform(job, etag, nothing_left(job, now))
            return
        ours = with_chunks(job, (document.chunk for document in ready))
        reserved = reserve(ours, now, is_last=any(_is_last(document.record, ours) for document in ready))
        receipt = self._steps.send_message(reserved, now)
        try:
            stored.etag = self._records.save_job(reserved, etag)
            stored.job = reserved
        except (Changed, Missing):
            logger.debug("Job %s is being submitted by another worker.", job.id)
            self._queue.discard(receipt)
            return
        counted = [one for one in run_all(self._threads, partial(self._count, reserved), ready) if one]
        reserved = with_chunks(reserved, (document.chunk for document in counted))
        if not counted:
            self._steps.perform(reserved, stored.etag, nothing_left(reserved, self._clock()))
            return
        texts = [document.text for document in counted]
        self._steps.post(service, reserved, stored.etag, receipt, texts, has_permit=True)

    def _corrected(self, job: Job) -> Job:
        try:
            return follow_correction(job, self._choose_work)
        except RulesUnreadable:
            return job  # What it is to do is as it was; it waits on.

    def _read_if_ours(self, service: JobService, job: Job, chunk: Chunk) -> _Ready | None:
        """Return a chunk with its text; None where its document has another owner, another version, or is gone."""
        claim = job.claim_of(chunk)
        record, etag = self._records.claimed_document(claim)
        if record and etag and may_write(record, claim):
            try:
                return _Ready(chunk, service.text(chunk), record, etag)
            except Missing:
                self._publisher.delete_record_of_deleted(claim)
            except Changed:
                logger.debug("A document of job %s has been replaced.", job.id)
            except Exception as error:
                if not is_refusal(error):
                    raise
                # Its neighbours go on; the document is submitted once the storage gives it out again.
                self._refusals.note(chunk.document, storage_code(error) or "")
        self._publisher.release_claim(job, chunk)
        return None

    def _report_exhausted(self, job: Job, document: _Ready) -> None:
        """Report a document that has no submission left."""
        self._steps.report(job, document.chunk, exhausted_problem(job), document.record.submissions)

    def _count(self, reserved: Job, document: _Ready) -> _Ready | None:
        """Count a submission in the document's record, which outlives its jobs; None where it is no longer ours."""
        record, etag, claim = document.record, document.etag, reserved.claim_of(document.chunk)
        while submissions_with(record, reserved) > record.submissions or record.work != reserved.work:
            try:
                self._records.save_document(count_submission(record, reserved), etag)
                break
            except Changed:
                # Another part of the same document has counted, or another owner has the document now.
                found, found_etag = self._records.claimed_document(claim)
                if not found or not found_etag or not may_write(found, claim):
                    return None
                record, etag = found, found_etag
        return document

    # --- Polling ---

    def _poll(self, stored: _Stored, *, is_again: bool) -> None:
        job, service = stored.job, self._services.of(stored.job)
        if service is None:
            self._steps.perform(job, stored.etag, self._without_service(job))
            return
        answer = service.progress(job, is_again=is_again)
        if isinstance(answer, PagesRead):
            self._steps.perform(job, stored.etag, self._readings.after_pages(job, answer))
            return
        facts = None
        if isinstance(answer, Finished):
            facts = job_facts(job, answer)
            if answer.duration_s is not None:
                self._poll_timer.saw(answer.duration_s)
        elif isinstance(answer, StillRunning) and not answer.is_known:
            logger.warning(
                "The service calls the state of job %s %r, which is not documented; it is taken for running.",
                job.id,
                answer.status,
                extra={"action": "unknown_status", **job.log_context()},
            )
        # Whether the service is healthy otherwise matters only for a job that it does not know.
        is_healthy = isinstance(answer, JobLost) and service.prober.is_healthy_since(job, job.lost_at)
        step = after_poll(job, answer, self._clock(), service.policy(), is_healthy=is_healthy)
        self._steps.perform(job, stored.etag, step, facts=facts)

    def _without_service(self, job: Job) -> Step:
        """Return what becomes of a running job whose service is not among the settings any more."""
        now = self._clock()
        if job.reading:
            return give_up(job, READING_TURNED_OFF, now)
        logger.warning(
            "Job %s runs at %s, which is not among the settings any more: its documents are submitted elsewhere.",
            job.id,
            job.resource,
            extra={"action": "resource_removed", **job.log_context()},
        )
        return leave_resource(job, RESOURCE_REMOVED, now, self._policy())

    def _remember(self, job: Job, etag: str, error: Exception) -> None:
        """Keep the cause of a failed step in the record, if the storage allows, for an error report that may follow."""
        kind = problems.STORAGE_FAILED if is_transient(error) else problems.STEP_FAILED
        problem = kind.problem(error=storage_code(error) or type(error).__name__)
        try:
            self._records.save_job(with_error(job, problem), etag)
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


def _is_last(record: DocumentRecord, job: Job) -> bool:
    return submissions_with(record, job) + 1 >= record.submissions_allowed


def _is_exhausted(record: DocumentRecord, job: Job) -> bool:
    """Whether a document has no submission left.

    The limit is compared here, directly before the reservation, and nowhere else: every path that leads to a request
    after the first one passes this way.
    """
    return submissions_with(record, job) >= record.submissions_allowed


RESOURCE_REMOVED = problems.RESOURCE_REMOVED.problem()

READING_TURNED_OFF = problems.READING_TURNED_OFF.problem()
