"""The services that jobs are sent to: the Language service, or Document Intelligence for what OCR is to read first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    def prober(self) -> Prober:
        """Knows the health of the service."""

    def policy(self) -> Policy:
        """Return the settings that decisions about its jobs depend on."""

    def take_permit(self) -> Deferred | None:
        """Take a submission out of the request budget; return why to wait where none is left."""

    def text(self, chunk: Chunk) -> str:
        """Return the text of a chunk that is to be submitted, empty for a file. Raises `Missing` and `Changed`."""

    def submit(self, job: Job, texts: Sequence[str], *, has_permit: bool, deadline_s: float) -> Submission:
        """Submit a job with the texts of its chunks and return what came of it."""

    def progress(self, job: Job) -> Progress | ReadingProgress:
        """Return what the service says of a job."""

    def cancel(self, job: Job, operation_url: str) -> None:
        """Ask the service to stop an operation, where it can."""


@dataclass(frozen=True, slots=True)
class LanguageJobs:
    """Jobs that ask the Language service about texts."""

    prober: Prober
    policy: Callable[[], Policy]
    _language: LanguageService
    _texts: TextReader

    def take_permit(self) -> Deferred | None:
        """See `JobService`."""
        return self._language.take_permit()

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

    def progress(self, job: Job) -> Progress:
        """See `JobService`."""
        return self._language.progress(job.open_work, job.operation_url or "")

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

    def take_permit(self) -> Deferred | None:
        """See `JobService`."""
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

    def progress(self, job: Job) -> ReadingProgress:
        """See `JobService`."""
        return self._service.progress(job.operation_url or "")

    def cancel(self, job: Job, operation_url: str) -> None:
        """Do nothing: the service has no such request."""


@dataclass(frozen=True, slots=True)
class JobServices:
    """The services that the app has."""

    language: LanguageJobs
    reading: ReadingJobs | None
    """None where nothing is read by OCR."""

    def of(self, job: Job) -> JobService | None:
        """Return the service that a job is for; None where the app does not have it any more."""
        return self.reading if job.reading else self.language
