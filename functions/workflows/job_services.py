"""The services that jobs are sent to: the Language service, or Document Intelligence for what OCR is to read first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from threading import Semaphore
from typing import Protocol

from .. import problems
from ..core.jobs import Job
from ..core.outcomes import DeferReason, Deferred, Progress, Submission
from ..core.planning import Policy
from ..core.records import Chunk
from ..errors import StorageOutcome
from ..language.service import LanguageService
from ..reading.pages import ReadingProgress
from ..reading.reading_service import ReadingService
from .probing import Prober
from .texts import TextReader

FILES_SENT_AT_ONCE = 2
"""Files that a worker holds in memory to send them to OCR."""


class JobService(Protocol):
    """What a job is submitted to and polled at."""

    @property
    def name(self) -> str | None:
        """The name of the Language resource; None for OCR, of which there is one."""

    @property
    def prober(self) -> Prober:
        """Knows the health of the service."""

    def policy(self) -> Policy:
        """Return the settings that decisions about its jobs depend on."""

    def take_permit(self, send_at: datetime | None = None) -> Deferred | None:
        """Take a submission out of the request budget; return why to wait where none is left.

        `send_at` is the send time that was booked for it before.
        """

    def text(self, chunk: Chunk) -> str:
        """Return the text of a chunk that is to be submitted, empty for a file. Raises `Missing` and `Changed`."""

    def submit(self, job: Job, texts: Sequence[str], *, has_permit: bool, deadline_s: float) -> Submission:
        """Submit a job with the texts of its chunks and return what came of it."""

    def progress(self, job: Job, *, is_again: bool = False) -> Progress | ReadingProgress:
        """Return what the service says of a job.

        `is_again` says that this step has been begun before, by a worker that may have asked already.
        """

    def cancel(self, job: Job, operation_url: str) -> None:
        """Ask the service to stop an operation, where it can."""


@dataclass(frozen=True, slots=True)
class LanguageJobs:
    """Jobs that ask one Language resource about texts."""

    name: str
    prober: Prober
    policy: Callable[[], Policy]
    _language: LanguageService
    _texts: TextReader

    def wait_s(self) -> float:
        """Return how many seconds a submission would have to wait for the request budget."""
        return self._language.wait_s()

    def take_permit(self, send_at: datetime | None = None) -> Deferred | None:
        """See `JobService`."""
        return self._language.take_permit(send_at)

    def text(self, chunk: Chunk) -> str:
        """See `JobService`."""
        return self._texts.read(chunk)

    def submit(self, job: Job, texts: Sequence[str], *, has_permit: bool, deadline_s: float) -> Submission:
        """See `JobService`; the texts are kept for the check of the results."""
        answer = self._language.submit(
            job.open_work,
            job.id,
            texts,
            languages=[chunk.language for chunk in job.chunks],
            has_permit=has_permit,
            deadline_s=deadline_s,
        )
        for chunk, text in zip(job.chunks, texts, strict=True):
            self._texts.keep(chunk, text)
        return answer

    def progress(self, job: Job, *, is_again: bool = False) -> Progress:
        """See `JobService`."""
        # What was deferred for another cause than our own budget has been asked for.
        is_first = job.polls == 0 and job.waits == 0 and not is_again
        return self._language.progress(job.open_work, job.operation_url or "", is_first=is_first, send_at=job.send_at)

    def cancel(self, job: Job, operation_url: str) -> None:
        """See `JobService`."""
        self._language.cancel(job.open_work, operation_url)


@dataclass(frozen=True, slots=True)
class ReadingJobs:
    """Jobs that ask Document Intelligence to read pages of one file each."""

    prober: Prober
    policy: Callable[[], Policy]
    _service: ReadingService
    _texts: TextReader
    _files: Semaphore
    """Bounds how many files are held in memory at the same time."""

    @property
    def name(self) -> None:
        """See `JobService`."""

    def take_permit(self, send_at: datetime | None = None) -> Deferred | None:
        """See `JobService`; no send times are booked for this service."""
        return self._service.take_permit()

    def text(self, chunk: Chunk) -> str:
        """Return an empty text: the file is read when it is sent, because it may be large."""
        self._texts.check_unchanged(chunk)
        return ""

    def submit(self, job: Job, texts: Sequence[str], *, has_permit: bool, deadline_s: float) -> Submission:
        """See `JobService`. A file that has been replaced, or can not be read, is not sent."""
        reading = job.reading
        assert reading is not None  # noqa: S101 - by `JobServices.of`; for the type checker
        with self._files:
            try:
                data = self._texts.read_file(job.chunks[0])
            except StorageOutcome as error:
                # What follows from that is found out when the job comes back; nothing was sent.
                problem = problems.STORAGE_FAILED.problem(error=type(error).__name__)
                return Deferred(DeferReason.BUDGET, problem)
            return self._service.submit(job.id, data, reading.batch, has_permit=has_permit, deadline_s=deadline_s)

    def progress(self, job: Job, *, is_again: bool = False) -> ReadingProgress:
        """See `JobService`."""
        return self._service.progress(job.operation_url or "")

    def cancel(self, job: Job, operation_url: str) -> None:
        """Do nothing: the service has no such request."""


@dataclass(frozen=True, slots=True)
class NoResource:
    """Stands for a resource where the app has none of those that a job may go to: the job waits for a correction."""

    prober: Prober
    policy: Callable[[], Policy]

    @property
    def name(self) -> None:
        """See `JobService`."""

    def take_permit(self, send_at: datetime | None = None) -> Deferred:
        """See `JobService`."""
        return NO_RESOURCE

    def text(self, chunk: Chunk) -> str:
        """See `JobService`."""
        return ""

    def submit(self, job: Job, texts: Sequence[str], *, has_permit: bool, deadline_s: float) -> Deferred:
        """See `JobService`."""
        return NO_RESOURCE

    def progress(self, job: Job, *, is_again: bool = False) -> Deferred:
        """See `JobService`."""
        return NO_RESOURCE

    def cancel(self, job: Job, operation_url: str) -> None:
        """See `JobService`."""


NO_RESOURCE = Deferred(DeferReason.MISCONFIGURED, problems.NO_RESOURCE.problem())


class JobServices:
    """The services that the app has: a pool of Language resources, and OCR if it is turned on.

    A job stays at the resource that has taken it. Each submission goes to the resource that can take it soonest.
    """

    def __init__(self, pool: Sequence[LanguageJobs], reading: ReadingJobs | None, first_turn: int = 0) -> None:
        """`first_turn` is where this worker begins to take turns: another place than others, or all would meet."""
        self._pool = tuple(pool)
        self._reading = reading
        self._turns = count(first_turn)

    def of(self, job: Job) -> JobService | None:
        """Return the service that has, or had, the submission of a job; None where the app does not have that now."""
        if job.reading:
            return self._reading
        if job.resource is None:
            return self._pool[0]
        return next((one for one in self._pool if one.name == job.resource), None)

    def for_submission(self, job: Job) -> JobService | None:
        """Return the service that a waiting job is to be submitted to; None for OCR where that is turned off."""
        return self._reading if job.reading else self.for_texts(job)

    def for_texts(self, job: Job) -> JobService:
        """Return the Language resource that a waiting job is to be submitted to.

        A failed job stays where it failed until the health of that resource tells why, and a job with a send time where
        that is booked, unless that resource gets no jobs now.
        """
        allowed = job.work.resources
        pool = [one for one in self._pool if not allowed or one.name in allowed]
        if not pool:
            return NoResource(self._pool[0].prober, self._pool[0].policy)
        if len(pool) == 1:
            return pool[0]
        healthy = [one for one in pool if not one.prober.is_open(job.open_work)]
        present = self.of(job)
        if (job.awaits_verdict or job.send_at) and present in healthy:
            return present
        candidates, turn = healthy or pool, next(self._turns)
        # The sooner of two, taken in turns, is nearly as good as the soonest of all, whose ledgers would all be read.
        return min((candidates[(turn + place) % len(candidates)] for place in (0, 1)), key=LanguageJobs.wait_s)
