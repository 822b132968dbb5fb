"""Looks after what nobody is driving: jobs whose message was lost or is long overdue, documents the storage refused."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .. import telemetry
from ..core.jobs import JobMessage
from ..core.lifecycle import postpone
from ..core.time_limits import EXTRA_MESSAGE, LONGEST_SWEEP_RETRY, SWEEP_GRACE
from ..errors import Changed, Missing, RecordError
from ..storage.containers import ARCHIVED_CODES
from ..storage.job_queue import JobQueue
from ..storage.record_store import ListedRefusal, RecordStore
from .failures import Failures
from .repairs import Attempts, Repairs

logger = logging.getLogger(__name__)

BEFORE_IT_IS_SEEN_S = 2.0
"""How long the message is hidden, so that its job's record is saved before somebody reads that."""


@dataclass(slots=True)
class _Listed:
    """What a listing of the jobs shows."""

    overdue: list[str] = field(default_factory=list)
    waiting: int = 0
    oldest: datetime | None = None


class Sweep:
    """Puts overdue jobs back on the queue, tries again what the storage refused, and looks when deployments expire."""

    def __init__(
        self,
        records: RecordStore,
        queue: JobQueue,
        repairs: Repairs,
        clock: Callable[[], datetime],
        expiries: Callable[[], object] = lambda: None,
    ) -> None:
        self._expiries = expiries
        self._records = records
        self._queue = queue
        self._repairs = repairs
        self._clock = clock

    def run(self) -> int:
        """Put the jobs back on the queue that are overdue, and return how many; a job on time is not touched.

        Finding them takes a listing only. The record's due time is moved by compare-and-set first, so that several
        instances do not put the same job back, and moved on once its message is sent, so that the next sweeps do not
        either until that expires. A worker that dies in between leaves a job that the sweep after next finds. What
        fails at one job stops no other, and is logged.
        """
        failures, now = Failures("sweep"), self._clock()
        listed = self._list(failures, now)
        is_complete = not failures.total
        if is_complete:
            telemetry.documents_waiting.set(listed.waiting)
            telemetry.oldest_unfinished.set((now - (listed.oldest or now)).total_seconds())
        swept = 0
        for job_id in listed.overdue:
            with failures.guard("put a job back", job_id):
                swept += self._put_back(job_id)
        attempts = Attempts(self._repairs, failures, may_retake=False)
        attempts.retry_refused(lambda refusal: _is_to_be_retried(refusal, self._clock() - now))
        with failures.guard("look when deployments expire", ""):
            self._expiries()
        failures.log()
        logger.info(
            "Sweep%s: %s documents are under way; %s of %s overdue jobs were put back on the queue.",
            "" if is_complete else " (not complete)",
            listed.waiting,
            swept,
            len(listed.overdue),
            extra={
                "action": "sweep",
                "waiting": listed.waiting,
                "overdue": len(listed.overdue),
                "put_back": swept,
                "failed": failures.total,
                "complete": is_complete,
            },
        )
        return swept

    def _list(self, failures: Failures, now: datetime) -> _Listed:
        found = _Listed()
        for job in failures.until_failure("list jobs", self._records.list_jobs()):
            found.waiting += job.chunks
            if job.created:
                found.oldest = min(found.oldest or job.created, job.created)
            # One whose metadata can not be read is looked at by itself.
            if job.due is None or now - job.due > SWEEP_GRACE:
                found.overdue.append(job.id)
        return found

    def _put_back(self, job_id: str) -> bool:
        try:
            job, etag = self._records.job(job_id)
            now = self._clock()
            if now - job.due <= SWEEP_GRACE:
                return False
            etag = self._records.save_job(postpone(job, now), etag)
        except (Missing, Changed):
            return False  # Somebody is driving it after all.
        except RecordError as error:
            logger.error(
                "A job record is quarantined: %s", error, extra={"action": "record_quarantined", "job": job_id}
            )
            self._records.quarantine_job(job_id)
            return False
        message = JobMessage(job.id, job.step)
        self._queue.send(message, BEFORE_IT_IS_SEEN_S, ttl_s=EXTRA_MESSAGE.total_seconds())
        with contextlib.suppress(Missing, Changed):
            self._records.save_job(postpone(job, now + EXTRA_MESSAGE), etag)
        logger.warning("Job %s was overdue.", job.id, extra={"action": "job_swept", **job.log_context()})
        return True


def _is_to_be_retried(refusal: ListedRefusal, so_far: timedelta) -> bool:
    """Whether a refused document is the sweep's, after a run of `so_far`; `reconcile` has the others at night."""
    return not refusal.is_reported and refusal.code not in ARCHIVED_CODES and so_far <= LONGEST_SWEEP_RETRY
