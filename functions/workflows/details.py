"""What there is to know of one document, by its name: where it stands, why, and which results it has."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..core.documents import DocumentRecord, DocumentState
from ..core.jobs import Job, JobState
from ..core.names import fitting_name
from ..core.results import EXTRACTED_SUFFIX
from ..errors import Missing, Problem, UnsafeName
from ..storage.containers import Blob, BlobInfo
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore


class Standing(StrEnum):
    """Where a document stands, for people."""

    WAITING = "waiting"
    """It is known, or about to be, and was not submitted yet."""
    RUNNING = "running"
    """The service works on it."""
    DEFERRED = "deferred"
    """Its next attempt is later, through nobody's fault."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TaskDetails:
    """One task of a document: `state` is None while its outcome is open, `code` is that of its problem."""

    name: str
    kind: str
    state: DocumentState | None
    code: str


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a document. Times are None before the app has taken it up."""

    name: str
    etag: str
    last_modified: datetime
    size_bytes: int
    state: Standing
    is_deleted: bool = False
    """Whether only its record is left."""
    claimed_at: datetime | None = None
    updated: datetime | None = None
    needs_review: bool = False
    warnings: tuple[str, ...] = ()
    problem: Problem | None = None
    """Why it failed, or what it waits for."""
    tasks: tuple[TaskDetails, ...] = ()
    files: tuple[str, ...] = ()
    """What the names of its results end with, without the dot: `entities.json`."""


class DocumentDetails:
    """Looks documents up; each look takes at most four requests to the storage."""

    def __init__(self, documents: DocumentStore, records: RecordStore) -> None:
        self._documents = documents
        self._records = records

    def find(self, name: str) -> Details | None:
        """Return what is known of a document, None where neither it nor a record of it is there.

        Raises `NewerRecord` where a newer release has written its record, and what the storage raises.
        """
        try:
            record = self._records.document(name)[0]
            present = self._present(name)
        except UnsafeName:
            return None
        if present and (record is None or record.document.etag != present.etag):
            # Nobody has taken this version up yet; what the record says is about an earlier one.
            return Details(name, present.etag, present.last_modified, present.size_bytes, Standing.WAITING)
        return self._of(record, present is None) if record else None

    def result(self, name: str, file: str) -> Blob | None:
        """Return a result of a document, by what its name ends with; None where it has none of that name."""
        try:
            record = self._records.document(name)[0]
            if record is None or file not in files_of(record):
                return None
            return self._documents.read_result(fitting_name("", name, f".{file}"))
        except (Missing, UnsafeName):
            return None

    def _present(self, name: str) -> BlobInfo | None:
        try:
            return self._documents.get_properties(name)
        except Missing:
            return None

    def _of(self, record: DocumentRecord, is_deleted: bool) -> Details:
        job = self._records.first_job_of(record.owner) if record.is_pending else None
        return Details(
            name=record.document.name,
            etag=record.document.etag,
            last_modified=record.document.last_modified,
            size_bytes=record.document.size_bytes,
            state=_standing(record, job),
            is_deleted=is_deleted,
            claimed_at=record.claimed_at,
            updated=record.updated,
            needs_review=record.needs_review,
            warnings=record.warnings,
            problem=_problem(record, job),
            tasks=_tasks(record),
            files=files_of(record),
        )


def files_of(record: DocumentRecord) -> tuple[str, ...]:
    """Return what the names of a document's results end with, without the dot; none while it is pending."""
    if record.is_pending:
        return ()
    texts = [
        suffix
        for task in record.work.tasks
        if task.suffix in record.promised
        for suffix in task.suffixes
        if suffix not in record.promised
    ]
    extracted = [EXTRACTED_SUFFIX] if record.text and record.text.blob else []
    return tuple(suffix.removeprefix(".") for suffix in (*record.promised, *texts, *extracted))


def _standing(record: DocumentRecord, job: Job | None) -> Standing:
    match record.state:
        case DocumentState.DONE:
            return Standing.DONE
        case DocumentState.FAILED:
            return Standing.FAILED
    if job is None:
        return Standing.WAITING
    if job.state is JobState.RUNNING:
        return Standing.RUNNING
    return Standing.DEFERRED if job.waits else Standing.WAITING


def _problem(record: DocumentRecord, job: Job | None) -> Problem | None:
    if record.state is DocumentState.FAILED:
        return record.last_error
    return job.last_error if job else None


def _tasks(record: DocumentRecord) -> tuple[TaskDetails, ...]:
    ended = {one.task: one for one in record.results}
    return tuple(
        TaskDetails(
            task.name,
            task.kind,
            ended[task.name].state if task.name in ended else None,
            ended[task.name].code if task.name in ended else "",
        )
        for task in record.work.tasks
    )
