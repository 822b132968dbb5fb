"""The job record: one request to the service, what it carries, and how far it has come."""

from datetime import datetime
from enum import StrEnum

import msgspec

from ..errors import Problem, RecordError
from ..typed_data import from_json
from .documents import Claim, StoredRecord
from .records import Chunk, Moment, Reading, Record
from .work import FIRST_RELEASE, WorkSpec


class JobState(StrEnum):
    """Where an active job stands; a job that has ended has no record any more."""

    WAITING = "waiting"
    """To be submitted, or submitted again, when its message comes."""
    RUNNING = "running"
    """The service has it; its state is asked for when its message comes."""


class LoneFailures(Record, frozen=True, kw_only=True):
    """The failures of a document in jobs that carried nothing else."""

    since: Moment
    count: int
    proven: int
    """Those of them for which the service was proven healthy: documents of other jobs succeeded afterwards, or the
    control document did while hardly anything else failed."""


class Job(Record, frozen=True, kw_only=True):
    """One request to the service and its record.

    `owner` is what the records of its documents name: the job itself, or, for the parts of a long document and the
    halves of a split job, the job they come from, with whose id their own ids begin.
    """

    id: str
    owner: str
    state: JobState
    step: int
    """The number of its last saved change; a queue message for an earlier step is out of date."""
    due: datetime
    """When its message should be back; the sweep looks after jobs that are long overdue."""
    created: datetime
    chunks: tuple[Chunk, ...] = msgspec.field(name="pieces")
    """Stored under the name that the first release gave them."""
    work: WorkSpec = FIRST_RELEASE
    """What the service is asked to do; chosen when the documents were read."""
    tasks: tuple[str, ...] = ()
    """The names of the tasks that are left to be asked; empty for all. Answers to the others are kept already."""
    reading: Reading | None = None
    """What OCR is to read of its only document first; None where the Language service is asked about texts."""
    known_records: tuple[StoredRecord, ...] = msgspec.field(default=(), name="claims")
    """The records of documents that were new when the job claimed them, so that concluding them need not read those
    again: a hint, which may be out of date and may name documents that the job has lost since."""
    resource: str | None = None
    """The Language resource that its present or last submission went to, by the name in `Settings.language_resources`;
    None in jobs that were not sent yet, and in those of releases that know one resource only."""
    operation_url: str | None = None
    submitted: datetime | None = None
    submissions: int = 0
    """How often it was submitted, or may have been, with the submissions of the jobs it was split from. The write that
    reserves it counts; a refusal takes it back."""
    unanswered: int = 0
    """Reservations in a row whose outcome nobody has saved: their workers died, or the storage failed them."""
    reserved_until: Moment | None = None
    """Until then only the worker that reserved it may submit it; None where nobody has, or the outcome is saved."""
    is_last: bool = False
    """Whether a document in it has no submission left."""
    failed_at: Moment | None = None
    """When its last submission failed. Until the health of the service has told why, it is not submitted again."""
    failed_sent: Moment | None = None
    """When that submission was sent."""
    failure: Problem | None = None
    """Why that submission failed; `last_error` may be a later wait's."""
    failed_unanswered: bool = False
    """Whether it got no answer of the service itself: a cause on the way says nothing of the documents."""
    retry_at: Moment | None = None
    """When it is submitted again, once that is decided."""
    daily_waits_s: float = 0.0
    """How long it has waited for the text records of another day (`DAILY_TEXT_RECORDS`)."""
    send_at: Moment | None = None
    """The send time that is booked for its next request (the storage's time); None where it has to book one."""
    lone: LoneFailures | None = None
    refused_at: Moment | None = None
    """When the service first refused its only document for a reason that may be the deployment's."""
    refused_language: str | None = None
    """The value of DOCUMENT_LANGUAGE that the service does not know; nothing is submitted until that has changed."""
    is_scout: bool = False
    """Whether it is submitted although the service is failing, to find out whether documents succeed again."""
    running_since: Moment | None = None
    """When a poll first found the present submission running; before, it waits in the service's queue."""
    lost_at: Moment | None = None
    """When the service first said that it does not know the present submission."""
    losses: int = 0
    """Submissions that the service lost, or that ran for too long."""
    polls: int = 0
    """Polls of the present submission."""
    waits: int = 0
    """Times in a row that it was deferred; waiting is not failing, so there is no limit on it."""
    faults: int = 0
    """Steps that ended in an error of our own or of the storage."""
    last_error: Problem | None = None
    trace_parent: str | None = None

    def claim_of(self, chunk: Chunk) -> Claim:
        """Return the claim under which this job works on the document of a chunk."""
        return Claim(chunk.document, chunk.etag, self.owner)

    @property
    def open_work(self) -> WorkSpec:
        """The work with the tasks that are left to be asked."""
        return self.work.only(self.tasks) if self.tasks else self.work

    def gathers(self, chunk: Chunk) -> bool:
        """Whether the results of a chunk may have to wait: for those of other chunks, or of other tasks."""
        return not chunk.is_whole or len(self.work.tasks) > 1

    @property
    def awaits_verdict(self) -> bool:
        """Whether its last submission failed and nobody has decided yet what follows."""
        return self.state is JobState.WAITING and self.failed_at is not None and self.retry_at is None

    def metadata(self) -> dict[str, str]:
        """Return the fields that the sweep and the command line need from a listing alone."""
        metadata = {
            "state": self.state.value,
            "step": str(self.step),
            "due": self.due.isoformat(timespec="milliseconds"),
            "created": self.created.isoformat(timespec="seconds"),
            "pieces": str(len(self.chunks)),
        }
        if self.last_error and self.state is JobState.WAITING:
            metadata["reason"] = self.last_error.code
        return metadata

    def log_context(self) -> dict[str, object]:
        """Return the fields that every log line about this job carries."""
        return {"job": self.id, "step": self.step, "chunks": len(self.chunks), "submissions": self.submissions}


class JobMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The queue message that drives a job: take `job` one step further, if it is still at `step`.

    No field may be called like one of the trigger's own (`id`, `dequeueCount`, …): the host would overwrite those.
    """

    job: str
    step: int

    def encode(self) -> str:
        """Return the message as JSON text."""
        return msgspec.json.encode(self).decode()


def decode_message(text: str | bytes) -> JobMessage:
    """Return the message in `text`; raise `RecordError` for anything else."""
    try:
        return from_json(text, JobMessage)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not a job message: {error}") from error
