"""The document record: what became of the newest version of a document, and which job may write its result."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from ..errors import Problem
from ..tasks.custom_entities import CustomEntityRecognition
from .decisions import ReviewStatus
from .records import DocumentFacts, Moment, Record, TextFacts
from .work import FIRST_RELEASE, WorkSpec

HISTORY_LENGTH = 20
"""Entries kept in a record's history; the oldest go first."""

MAX_SUBMISSIONS = 6
"""Submissions of a document version, over all jobs, that may fail before it is reported; each may be billed."""


class DocumentState(StrEnum):
    """Where a version of a document stands."""

    PENDING = "pending"
    """A job owns it, and its result is still to come."""
    DONE = "done"
    """Its entities are in the output container."""
    FAILED = "failed"
    """Its error report is in the output container."""


ENTITIES_SUFFIX = CustomEntityRecognition.file_suffixes[0]
ERROR_SUFFIX = ".error.json"
VIEW_SUFFIX = ".html"
"""Of the view of a result, one file to read without a connection."""

_PROMISED_BY_STATE: Mapping[str, tuple[str, ...]] = {
    DocumentState.DONE: (ENTITIES_SUFFIX,),
    DocumentState.FAILED: (ERROR_SUFFIX,),
}


def promised_by(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the names of a concluded version's results end with, by the metadata of its record."""
    listed = metadata.get("results")
    return tuple(listed.split(",")) if listed else _PROMISED_BY_STATE.get(metadata.get("state", ""), ())


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


class ReviewFacts(Record, frozen=True, kw_only=True):
    """What people have decided about a document's results; the decisions stand in its corrections file."""

    status: ReviewStatus
    corrected: int = 0
    """Decisions that do not just accept what the model has found."""


class CategoryCount(Record, frozen=True, kw_only=True, omit_defaults=False):
    """How many entities of a category a document has."""

    category: str
    count: int


MOST_CATEGORIES = 12
"""Categories that a summary names, the most frequent ones."""


class ResultSummary(Record, frozen=True, kw_only=True):
    """What lists tell of the results of a document, so that they need not read them."""

    entities: int | None = None
    """None where no task finds entities."""
    categories: tuple[CategoryCount, ...] = ()
    """The most frequent ones, at most `MOST_CATEGORIES`."""
    least_sure: float | None = None
    """The least confidence of any entity or class; None where there are none."""


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
    """What each task of the work spec has ended with; while the version is pending, of those only that had a result
    before it was taken up again."""
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
    needs_review: bool = False
    """Whether a person should check one of its results."""
    summary: ResultSummary | None = None
    """What was found; None while the version is pending, and in records of the releases before."""
    has_view: bool = False
    """Whether a view of its result is written beside it (`RESULT_HTML`)."""
    review: ReviewFacts | None = None
    """None where nobody has looked at the results of this version yet."""
    earlier_files: tuple[str, ...] = ()
    """What the names of other files end with that earlier versions may have left: their tasks were others."""
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

    @property
    def promised(self) -> tuple[str, ...]:
        """What the names of its results end with: the files that a concluded version has, the texts left out."""
        done = [task.suffix for task in self.work.tasks if task.name in self.done_tasks]
        if self.state is DocumentState.FAILED:
            return (*done, ERROR_SUFFIX)
        return tuple(done) or (ENTITIES_SUFFIX,)

    @property
    def done_tasks(self) -> tuple[str, ...]:
        """The names of the tasks that have their results."""
        return tuple(one.task for one in self.results if one.state is DocumentState.DONE)

    def metadata(self) -> dict[str, str]:
        """Return the fields that a listing needs, as blob metadata (ASCII only)."""
        metadata = {
            "state": self.state.value,
            "source_etag": self.document.etag,
            "owner": self.owner,
            "updated": self.updated.isoformat(timespec="seconds"),
        }
        if self.work.tasks:
            metadata["model"] = self.work.model
        if not self.is_pending and self.promised not in _PROMISED_BY_STATE.values():
            metadata["results"] = ",".join(self.promised)
        if self.needs_review:
            metadata["review"] = "true"
            if self.summary and self.summary.least_sure is not None:
                metadata["least_sure"] = f"{self.summary.least_sure:.4f}"
        if self.review and self.review.status is not ReviewStatus.OPEN:
            metadata["review_status"] = self.review.status.value
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
