"""The job record: one request to the service, what it carries, and how far it has come."""

from datetime import datetime
from enum import StrEnum

import msgspec

from ..errors import Problem, RecordError
from .documents import Claimed, Record


class JobState(StrEnum):
    """Where a living job stands; a job that has ended has no record any more."""

    WAITING = "waiting"
    """To be submitted, or submitted again, when its message comes."""
    RUNNING = "running"
    """The service has it; its state is asked for when its message comes."""


class Piece(Record, frozen=True, kw_only=True):
    """A slice of a document at one version, small enough for one request; most documents are one piece.

    Positions are in the decoded text: `start`, `end` and the owned part in code points, `unit_start` in the unit of
    the offsets asked for, `utf16_start` in UTF-16 units. `byte_start` and `byte_end` let a long document be read in
    part; without them all of it is read.
    """

    document: str
    etag: str
    start: int
    end: int
    index: int = 0
    count: int = 1
    own_start: int
    own_end: int
    unit_start: int = 0
    utf16_start: int = 0
    byte_start: int | None = None
    byte_end: int | None = None
    encoding: str
    encoding_errors: str = "strict"
    """Python's error policy that the bytes were decoded with: `strict`, or `replace` where some were damaged."""
    content_encoding: str | None = None
    """How the stored bytes are compressed (`gzip`, `deflate`, `br`); None where they are not. Positions in bytes count
    in the uncompressed content."""
    language: str | None = None
    """The document's own language, from its blob metadata; None where the setting DOCUMENT_LANGUAGE holds."""

    @property
    def is_whole(self) -> bool:
        """Whether this piece is all of its document."""
        return self.count == 1


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
    pieces: tuple[Piece, ...]
    claims: tuple[Claimed, ...] = ()
    """The records of documents that were new when the job claimed them, so that concluding them need not read those
    again: a hint, which may be out of date and may name documents that the job has lost since."""
    operation_url: str | None = None
    submitted: datetime | None = None
    submissions: int = 0
    failures: int = 0
    """Submissions that the service accepted and that came to nothing."""
    polls: int = 0
    """Polls of the present submission."""
    waits: int = 0
    """Times in a row that the service held the job off; waiting is not failing, so there is no limit on it."""
    faults: int = 0
    """Steps that ended in an error of our own or of the storage."""
    last_error: Problem | None = None
    trace_parent: str | None = None

    def metadata(self) -> dict[str, str]:
        """Return the fields that the sweep needs from a listing alone."""
        return {
            "state": self.state.value,
            "step": str(self.step),
            "due": self.due.isoformat(timespec="milliseconds"),
            "created": self.created.isoformat(timespec="seconds"),
            "pieces": str(len(self.pieces)),
        }

    def log_context(self) -> dict[str, object]:
        """Return the fields that every log line about this job carries."""
        return {"job": self.id, "step": self.step, "pieces": len(self.pieces), "submissions": self.submissions}


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
        return msgspec.json.decode(text, type=JobMessage)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not a job message: {error}") from error
