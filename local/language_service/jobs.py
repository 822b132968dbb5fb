"""What a job is, and what it looks like at a given moment.

A job's course is fixed when it is accepted (when each task finishes, what goes wrong) and changed only by a
cancellation, so its state is a function of the time: nothing runs in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from local.language_service.errors import JOB_FAILED
from local.language_service.labels import ProjectKind
from local.language_service.languages import AUTO
from local.language_service.limits import KEEP_JOBS
from local.language_service.prebuilt import PrebuiltKind, PrebuiltParameters
from local.stand_in.errors import WireError


class Status(Enum):
    """Statuses of a job and of a task, as spelt on the wire."""

    NOT_STARTED = "notStarted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIAL = "partiallyCompleted"
    #: Only as an injected fault: in the v3.1 enumeration, and not a final state for the official client.
    REJECTED = "rejected"
    #: Only as an injected fault: a word that no list has.
    UNKNOWN = "archived"


class Dialect(Enum):
    """The forms of request and reply."""

    #: The date-versioned API.
    GA = "ga"
    #: ``v3.1-preview.ct.1`` as the documents of 2021 show it.
    CT1_DOCS = "ct.1 docs"
    #: ``v3.1-preview.ct.1`` as Microsoft's client of that time read it.
    CT1_CLIENT = "ct.1 client"
    #: ``v3.2-preview.1`` and ``.2``, recorded.
    V32 = "v3.2"

    @property
    def is_preview(self) -> bool:
        """Tell whether this is one of the forms before the date-versioned API."""
        return self is not Dialect.GA


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a request; ``error`` if it gets an error instead of a result."""

    id: str
    text: str
    language: str | None = None
    error: WireError | None = None

    @property
    def is_detected(self) -> bool:
        """Tell whether the language of the document is to be detected."""
        return self.language is not None and self.language.lower() == AUTO


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a request, not yet given to a job. Project and deployment are empty for prebuilt kinds."""

    kind: ProjectKind | PrebuiltKind
    name: str | None
    project: str
    deployment: str
    string_index_type: str
    #: Where the task stood in the request: the pointer that a job's error names it by.
    pointer: str
    #: Set when the task is bound to fail.
    error: WireError | None = None
    #: Of prebuilt kinds.
    parameters: PrebuiltParameters = field(default_factory=PrebuiltParameters)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that was understood."""

    dialect: Dialect
    api_version: str
    display_name: str | None
    documents: tuple[Document, ...]
    tasks: tuple[Task, ...]


@dataclass(slots=True)
class Job:
    """An accepted submission with its course."""

    id: str
    submission: Submission
    accepted_at: datetime
    starts_at: datetime
    #: When each task finishes, in the order of the request's tasks.
    finish_at: tuple[datetime, ...]
    #: The injected fault that this job suffers, ``None`` for a healthy one.
    fate: str | None = None
    #: A number from 0 to 1 that decides the details of the fate.
    chance: float = 0.0
    cancelled_at: datetime | None = None
    cancel_done_at: datetime | None = None
    polls: int = field(default=0)

    @property
    def expires_at(self) -> datetime:
        """When the service drops the job."""
        return self.accepted_at + KEEP_JOBS


@dataclass(frozen=True, slots=True)
class FinishedTask:
    """A task that has ended."""

    task: Task
    status: Status
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class JobError:
    """An error of a job.

    ``task`` is the index in ``JobView.finished`` of the task it concerns, ``None`` for the job as a whole.
    """

    error: WireError
    task: int | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at one moment. Cancelled tasks are in no counter, as recorded."""

    status: Status
    updated_at: datetime
    finished: tuple[FinishedTask, ...]
    errors: tuple[JobError, ...]
    total: int

    @property
    def completed(self) -> int:
        """How many tasks succeeded."""
        return sum(task.status is Status.SUCCEEDED for task in self.finished)

    @property
    def failed(self) -> int:
        """How many tasks failed."""
        return sum(task.status is Status.FAILED for task in self.finished)

    @property
    def in_progress(self) -> int:
        """How many tasks have not ended."""
        return self.total - len(self.finished)

    @property
    def is_final(self) -> bool:
        """Tell whether the job will not change any more."""
        return self.status not in (Status.NOT_STARTED, Status.RUNNING)


#: Fates that keep a job from ever ending, with the status it keeps.
_ENDLESS = {"stuck": Status.RUNNING, "stuck-not-started": Status.NOT_STARTED}
#: Fates that end a job in a status of their own, its tasks with results or without.
_ODD_ENDS = {"rejected": Status.REJECTED, "unknown-status": Status.UNKNOWN, "cancelled": Status.CANCELLED}


def view(job: Job, now: datetime) -> JobView:
    """Give the state of ``job`` at ``now``."""
    tasks = job.submission.tasks
    if job.cancelled_at is not None:
        return _cancelled_view(job, now)
    if job.fate in _ENDLESS:
        started = now >= job.starts_at and job.fate == "stuck"
        status = Status.RUNNING if started else Status.NOT_STARTED
        return JobView(status, job.starts_at if started else job.accepted_at, (), (), len(tasks))
    if now < job.starts_at:
        return JobView(Status.NOT_STARTED, job.accepted_at, (), (), len(tasks))
    finished = _finished(job, now)
    updated = max((task.finished_at for task in finished), default=job.starts_at)
    if len(finished) < len(tasks):
        # While a job runs, only the finished tasks show, and errors are told at the end.
        return JobView(Status.RUNNING, updated, finished, (), len(tasks))
    if job.fate in _ODD_ENDS:
        return _odd_end(job, finished, updated)
    if job.fate == "failed-internal":
        return JobView(Status.FAILED, updated, finished, (JobError(JOB_FAILED, None),), len(tasks))
    errors = tuple(
        JobError(task.task.error, n)
        for n, task in enumerate(finished)
        if task.task.error is not None and job.fate != "failed-bare"
    )
    return JobView(_end_status(job, finished), updated, finished, errors, len(tasks))


def _finished(job: Job, now: datetime) -> tuple[FinishedTask, ...]:
    return tuple(
        FinishedTask(task, Status.FAILED if task.error else Status.SUCCEEDED, finish_at)
        for task, finish_at in zip(job.submission.tasks, job.finish_at, strict=True)
        if finish_at <= now
    )


def _end_status(job: Job, finished: Sequence[FinishedTask]) -> Status:
    failed = sum(task.status is Status.FAILED for task in finished)
    if failed == len(finished):
        return Status.FAILED
    return Status.PARTIAL if failed or job.fate == "partial" else Status.SUCCEEDED


def _odd_end(job: Job, finished: tuple[FinishedTask, ...], updated: datetime) -> JobView:
    status = _ODD_ENDS[job.fate or ""]
    if status is Status.CANCELLED:
        finished = tuple(FinishedTask(one.task, Status.CANCELLED, one.finished_at) for one in finished)
    elif status is Status.REJECTED:
        finished = ()
    return JobView(status, updated, finished, (), len(job.submission.tasks))


def _cancelled_view(job: Job, now: datetime) -> JobView:
    """Show a cancelled job: ``running`` for a while with its tasks cancelled one by one, then ``cancelled``.

    Tasks that had succeeded keep their results.
    """
    assert job.cancelled_at is not None  # noqa: S101 - the caller's case, told to the type checker
    assert job.cancel_done_at is not None  # noqa: S101
    finished = []
    endless = job.fate in _ENDLESS
    for task, finish_at in zip(job.submission.tasks, job.finish_at, strict=True):
        if finish_at <= job.cancelled_at and not endless:
            finished.append(FinishedTask(task, Status.FAILED if task.error else Status.SUCCEEDED, finish_at))
        elif now >= job.cancelled_at + (job.cancel_done_at - job.cancelled_at) / 2:
            finished.append(FinishedTask(task, Status.CANCELLED, job.cancelled_at))
    status = Status.CANCELLED if now >= job.cancel_done_at else Status.RUNNING
    updated = job.cancel_done_at if status is Status.CANCELLED else job.cancelled_at
    return JobView(status, updated, tuple(finished), (), len(job.submission.tasks))
