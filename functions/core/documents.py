"""The document record: what became of the newest version of a document, and which job may write its result."""

import re
from enum import StrEnum
from typing import NamedTuple

import msgspec

from .. import problems
from ..errors import Problem, Warning
from .records import DocumentFacts, Moment, Record, TextFacts
from .work import FIRST_RELEASE, WorkSpec

HISTORY_LENGTH = 20
"""Entries kept in a record's history; the oldest go first."""

MAX_SUBMISSIONS = 6
"""Submissions of a document version, over all jobs, that may fail before it is reported; each may be billed."""


_STORED_WARNING = re.compile(r"([A-Z][A-Za-z0-9]+): (.*)", re.DOTALL)


def reading_warning(stored: str) -> Warning:
    """Return a warning as it is kept in a document's record: `CODE: message`.

    The record's field is a list of texts, and stays one, so that the release before this one can read and write the
    record: it reports the whole text under the one code it knows. What that release has stored has no code.
    """
    coded = _STORED_WARNING.fullmatch(stored)
    return Warning(coded[1], coded[2]) if coded else Warning(problems.ENCODING_GUESSED.code, stored)


class DocumentState(StrEnum):
    """Where a version of a document stands."""

    PENDING = "pending"
    """A job owns it, and its result is still to come."""
    DONE = "done"
    """Its entities are in the output container."""
    FAILED = "failed"
    """Its error report is in the output container."""


class HistoryEntry(Record, frozen=True, kw_only=True):
    """One change of a record: when, what happened, and why."""

    at: Moment
    event: str
    job: str
    reason: str = ""


class TaskResult(Record, frozen=True, kw_only=True):
    """What one task ended with for a document: `done` with a result, or `failed` with the code of its problem."""

    task: str
    state: DocumentState
    code: str = ""


class Claim(NamedTuple):
    """The right of an owner to write the result of one version of a document, as long as its record says so."""

    document: str
    etag: str
    owner: str


class DocumentRecord(Record, frozen=True, kw_only=True):
    """The newest version of a document that the app has seen.

    `owner` is the job (for a long document: the family of jobs) that may write this version's result. Changed only
    by compare-and-set, by the functions of `lifecycle`.
    """

    document: DocumentFacts
    state: DocumentState
    owner: str
    work: WorkSpec = FIRST_RELEASE
    """What is done with this version."""
    text: TextFacts | None = None
    """Which text is analysed; None in records of the first release, which read plain text only."""
    extracted: str | None = None
    """The key of the working copy of an extracted text."""
    results: tuple[TaskResult, ...] = ()
    """What each task of the work spec has ended with; empty while the version is pending."""
    claimed_at: Moment = msgspec.field(name="claimed")
    """When this version was first given to a job; its time limit (`GIVE_UP_HOURS`) counts from here."""
    updated: Moment
    chunks: int = msgspec.field(default=1, name="pieces")
    """In how many chunks it is submitted; stored under the name that the first release gave them."""
    warnings: tuple[str, ...] = ()
    owners: int = msgspec.field(default=1, name="claims")
    """How many jobs have owned this version, one after the other."""
    submissions: int = 0
    """How often this version was submitted, or may have been, under all of its owners: each reservation of a job
    counts until the service has surely refused it. Bounded by `submissions_allowed`."""
    submissions_before: int = 0
    """Those of them under earlier owners."""
    submissions_allowed: int = MAX_SUBMISSIONS
    """After so many without a result the version is reported; a version that was reported for another cause than the
    document is allowed one more each night."""
    first_reported: Moment | None = None
    """When this version was first reported for another cause than the document."""
    content_sha256: str | None = None
    """SHA-256 of the content as stored: the same content under a new ETag is not submitted again."""
    last_error: Problem | None = None
    trace_parent: str | None = None
    """The span that took this version on, as a W3C `traceparent`: its result belongs to the same trace."""
    history: tuple[HistoryEntry, ...] = ()

    @property
    def claim(self) -> Claim:
        """The claim of its owner."""
        return Claim(self.document.name, self.document.etag, self.owner)

    @property
    def is_pending(self) -> bool:
        """Whether the result of this version is still to come."""
        return self.state is DocumentState.PENDING

    @property
    def is_first(self) -> bool:
        """Whether this is the first claim of the first version, so that no earlier result can be there."""
        return len(self.history) == 1

    def metadata(self) -> dict[str, str]:
        """Return the fields that a listing needs, as blob metadata (ASCII only)."""
        metadata = {
            "state": self.state.value,
            "source_etag": self.document.etag,
            "owner": self.owner,
            "updated": self.updated.isoformat(timespec="seconds"),
        }
        if self.work.tasks:
            metadata["model"] = self.work.task.model
        if any(problems.needs_review(reading_warning(stored)) for stored in self.warnings):
            metadata["review"] = "true"
        if self.last_error and self.state is DocumentState.FAILED:
            metadata["reason"] = self.last_error.code
            metadata["fault"] = self.last_error.fault.value
            if self.first_reported:
                metadata["first_reported"] = self.first_reported.isoformat(timespec="seconds")
        return metadata


class StoredRecord(Record, frozen=True, kw_only=True):
    """A document record, and the ETag at which it is stored."""

    record: DocumentRecord
    etag: str


class Refusal(Record, frozen=True, kw_only=True):
    """A document that the storage refuses to give out, or whose records it refuses to take; deleted when it is over.

    Versions of the app that do not know it never list it.
    """

    name: str
    code: str
    """The storage's error code, the last time."""
    first_seen: Moment
    """When it was first refused: after an hour of it alone it is reported (`GIVE_UP_HOURS` if it is archived)."""
    reported: bool = False
    """Whether the document has its report; from then on only `reconcile` tries it, once a night."""

    def metadata(self) -> dict[str, str]:
        """Return the fields that a listing needs."""
        return {"code": self.code, "reported": str(self.reported).lower()}
