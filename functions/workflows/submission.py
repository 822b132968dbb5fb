"""From documents that are ready to a job at the service. How documents come to share a job is in `batching`.

The order of a submission: (a) the job's message, hidden for a minute, (b) its record, which lists the documents,
(c) each document is claimed for the job, (d) POST, (e) the message is made visible when the first poll is due, and the
record is saved. A worker that dies between any two of these leaves an event that comes again or a message that comes
back.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from typing import NamedTuple

from .. import telemetry
from ..core.documents import StoredRecord
from ..core.jobs import Job, JobMessage
from ..core.lifecycle import new_job, not_sent, sent_to, with_chunks, with_claims
from ..core.outcomes import Deferred
from ..core.packing import pack
from ..core.planning import UNANSWERED_SO_FAR, after_deferral, before_submission, nothing_left
from ..core.records import Reading
from ..errors import Changed, Missing
from ..storage.job_queue import JobQueue, Receipt
from ..storage.record_store import RecordStore
from ..text.chunks import ReadyChunk
from .claiming import Claims
from .job_services import JobService, JobServices
from .parallel import run_all
from .publishing import Publisher
from .steps import Steps

logger = logging.getLogger(__name__)


class OpenJob(NamedTuple):
    """A job that is recorded and has its message, both for the minute in which it is being submitted."""

    job: Job
    etag: str
    receipt: Receipt


class Permit(NamedTuple):
    """What the request budget of a service has said to a job: why it has to wait, None where it may be sent."""

    service: JobService
    deferred: Deferred | None


Ours = Sequence[tuple[ReadyChunk, StoredRecord]]
"""The items of a job whose documents were claimed for it, each with its document's record."""


class Submission:
    """Opens jobs for documents that were read, and sends their requests."""

    def __init__(
        self,
        records: RecordStore,
        queue: JobQueue,
        claims: Claims,
        publisher: Publisher,
        services: JobServices,
        steps: Steps,
        threads: Executor,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._records = records
        self._queue = queue
        self._claims = claims
        self._publisher = publisher
        self._services = services
        self._steps = steps
        self._threads = threads
        self._clock = clock
        self._new_id = new_id

    def submit(self, ready: Iterable[ReadyChunk]) -> None:
        """Submit documents, packed as full as they go."""
        for items in pack(ready):
            opened = self.open_job(items)
            claims = run_all(self._threads, partial(self.claim, opened.job), items)
            self.send(opened, [(item, stored) for item, stored in zip(items, claims, strict=True) if stored])

    def submit_by_queue(self, ready: Iterable[ReadyChunk]) -> list[ReadyChunk]:
        """Open jobs that the job queue's trigger submits, packed as full as they go; return whose documents they have.

        Nothing is sent to the service from here.
        """
        taken = []
        for items in pack(ready):
            job_id = self._new_id()
            opened = self._open_job(items, job_id, owner=job_id)
            claims = run_all(self._threads, partial(self._claims.claim, job_id), items)
            ours = [item for item, stored in zip(items, claims, strict=True) if stored]
            self._release([opened], is_wanted=bool(ours))
            taken += ours
        return taken

    def submit_later(self, chunks: Sequence[ReadyChunk]) -> bool:
        """Submit a document that takes several requests, or that OCR reads first: jobs that are owned together.

        The jobs are opened here and submitted by the job queue's trigger, on as many workers as there are, each of
        which reads its own part of the document only. Returns whether they have the document.
        """
        first, owner = chunks[0], self._new_id()
        if not self._claims.is_needed(first):
            return False
        opened = [
            self._open_job(items, f"{owner}.{number}", owner=owner, reading=first.reading)
            for number, items in enumerate(pack(chunks))
        ]
        # Only now, when all parts are there to come back: a part never claims its document by itself.
        is_ours = self._claims.claim(owner, first) is not None
        self._release(opened, is_wanted=is_ours)
        return is_ours

    def _release(self, opened: Sequence[OpenJob], *, is_wanted: bool) -> None:
        """Give jobs that were opened to the job queue's trigger; end them where they got no document."""
        if not is_wanted:
            for part in opened:
                self._steps.perform(part.job, part.etag, nothing_left(part.job, self._clock()))
            return
        is_late = self._clock() >= opened[0].job.due
        for part in opened:
            if is_late:
                # A part may have been seen before its document was claimed: it had no document then, and has ended.
                with contextlib.suppress(Changed):
                    self._records.save_job(part.job, None)
            self._queue.resend(part.receipt, JobMessage(part.job.id, part.job.step), 0)

    def open_job(self, items: Sequence[ReadyChunk]) -> OpenJob:
        """Put the message of a job of `items` on the queue, hidden while it is being submitted; record the job."""
        return self._open_job(items, self._new_id())

    def list_again(self, opened: OpenJob, items: Sequence[ReadyChunk]) -> OpenJob:
        """Record an open job with more items than it was opened with. Raises `Changed` where somebody else has it."""
        job = with_chunks(opened.job, (item.chunk for item in items))
        try:
            etag = self._records.save_job(job, opened.etag)
        except (Changed, Missing) as error:
            try:
                stored, etag = self._records.job(job.id)
            except Missing:
                raise Changed(job.id) from error
            if stored != job:
                raise
            logger.debug("The storage took job %s and its answer was lost on the way.", job.id)
        return OpenJob(job, etag, opened.receipt)

    def claim(self, job: Job, item: ReadyChunk) -> StoredRecord | None:
        """Claim a document for a job that lists it; return None where the job does not get it.

        Where the storage took longer over it than the job was reserved, somebody may have got the job's message by
        now, and left the document out because nobody had claimed it yet. So it gets a job of its own.
        """
        stored = self._claims.claim(job.owner, item)
        if stored is None or self._clock() < job.due:
            return stored
        own = self.open_job([item])
        try:
            stored = self._claims.take_over(stored, own.job.owner, item, own.job.trace_parent)
        except Changed:
            self._steps.perform(own.job, own.etag, nothing_left(own.job, self._clock()))
        else:
            self.send(own, [(item, stored)])
        return None

    def take_permit(self, job: Job, last: Permit | None) -> Permit:
        """Ask the request budget for a submission that is about to be sent.

        `last` is what it has said before: a send time that was booked then is that of its service.
        """
        if last and last.deferred and last.deferred.send_at:
            return Permit(last.service, last.service.take_permit(last.deferred.send_at))
        service = self._services.for_texts(job)
        return Permit(service, service.take_permit())

    def send(self, opened: OpenJob, ours: Ours, permit: Permit | None = None) -> None:
        """Send the request of an open job with those of its items that were claimed for it.

        `permit` is what the request budget has said to it; None where it has not been asked yet.
        """
        ours = [(item, stored) for item, stored in ours if not self._report_exhausted(stored)]
        job = with_claims(opened.job, ((item.chunk, stored) for item, stored in ours))
        if not ours:
            self._steps.perform(opened.job, opened.etag, nothing_left(job, self._clock()))
            return
        service = permit.service if permit else self._services.for_texts(job)
        step = before_submission(not_sent(job), service.prober.assess(job), self._clock(), service.policy())
        if not step and permit and permit.deferred:
            waiting = sent_to(not_sent(job), service.name)
            step = after_deferral(waiting, permit.deferred, self._clock(), service.policy())
        if step:
            self._steps.perform(job, opened.etag, step, receipt=opened.receipt)
            return
        texts = [item.text for item, _ in ours]
        self._steps.post(service, job, opened.etag, opened.receipt, texts, has_permit=permit is not None)

    def _open_job(
        self, items: Sequence[ReadyChunk], job_id: str, owner: str | None = None, reading: Reading | None = None
    ) -> OpenJob:
        now = self._clock()
        chunks = (item.chunk for item in items)
        job = new_job(job_id, owner, chunks, items[0].work, now, telemetry.trace_parent(), reading, items[0].done)
        # In this order: a message without its job dies out by itself, a job without its message waits for the sweep.
        receipt = self._steps.send_message(job, now)
        etag = self._records.save_job(job, None)
        return OpenJob(job, etag, receipt)

    def _report_exhausted(self, stored: StoredRecord) -> bool:
        """Report a document whose earlier owners have used up its submissions; return whether that was so."""
        record = stored.record
        if record.submissions <= record.submissions_allowed:
            return False
        self._publisher.write_error(record.claim, UNANSWERED_SO_FAR, record.submissions_before)
        return True
