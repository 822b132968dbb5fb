"""How documents are shown to people: states that tell why nothing has come yet, rows of lists, filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .decisions import ReviewStatus
from .documents import DocumentState
from .jobs import JobState
from .records import Moment, Record, moment


class ShownState(StrEnum):
    """Where the newest version of a document stands."""

    WAITING = "waiting"
    """Nobody has taken it on yet, or its job is to be submitted."""
    RUNNING = "running"
    """The service works on it."""
    DEFERRED = "deferred"
    """The next attempt of its job is later: throttled, no budget, an outage, a misconfiguration, a failure."""
    DONE = "done"
    FAILED = "failed"


PENDING = frozenset({ShownState.WAITING, ShownState.RUNNING, ShownState.DEFERRED})


class JobView(Record, frozen=True, kw_only=True):
    """What a listing tells of a job."""

    state: ShownState
    reason: str = ""
    """Why it is deferred."""


def job_view(state: str, reason: str) -> JobView:
    """Return what is shown of a job by the metadata of its record."""
    if state == JobState.RUNNING:
        return JobView(state=ShownState.RUNNING)
    return JobView(state=ShownState.DEFERRED if reason else ShownState.WAITING, reason=reason)


def owner_of(job_id: str) -> str:
    """Return whose documents a job works on: the ids of parts and halves begin with the owner's."""
    return job_id.partition(".")[0]


class DocumentRow(Record, frozen=True, kw_only=True):
    """One document of a list."""

    name: str
    state: ShownState
    etag: str
    size_bytes: int
    dropped: Moment
    """When this version was written."""
    updated: Moment | None = None
    """When its record last changed; None where it has none."""
    code: str = ""
    """Of the error report, or of what defers its job."""
    model: str = ""
    review: bool = False
    """Whether somebody should check its results, and nobody has."""
    reviewed: bool = False
    job: str = ""


def document_row(
    *,
    name: str,
    etag: str,
    size_bytes: int,
    dropped: datetime,
    record: Mapping[str, str],
    jobs: Mapping[str, JobView],
) -> DocumentRow:
    """Return the row of a document by the metadata of its record, empty where it has none, and the jobs by owner."""
    if record.get("source_etag") != etag:
        return DocumentRow(name=name, state=ShownState.WAITING, etag=etag, size_bytes=size_bytes, dropped=dropped)
    job = jobs.get(record.get("owner", ""), JobView(state=ShownState.WAITING))
    has_ended = record.get("state") in (DocumentState.DONE, DocumentState.FAILED)
    return DocumentRow(
        name=name,
        state=ShownState(record["state"]) if has_ended else job.state,
        etag=etag,
        size_bytes=size_bytes,
        dropped=dropped,
        updated=moment(record.get("updated")),
        code=record.get("reason", "") if has_ended else job.reason,
        model=record.get("model", ""),
        review=record.get("review") == "true" and "review_status" not in record,
        reviewed=record.get("review_status") == ReviewStatus.REVIEWED,
        job=record.get("owner", ""),
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents are asked for; None and empty ask for all."""

    states: frozenset[ShownState] = frozenset()
    prefix: str = ""
    part: str = ""
    """Part of the name, in any case of letters."""
    since: datetime | None = None
    """Changed then or later: by the record, else when it was dropped."""
    until: datetime | None = None
    """Changed before."""
    code: str | None = None
    model: str | None = None
    """Part of the model's name."""
    review: bool | None = None
    reviewed: bool | None = None

    def matches(self, row: DocumentRow) -> bool:
        """Whether a row is asked for."""
        changed = row.updated or row.dropped
        return (
            (not self.states or row.state in self.states)
            and row.name.startswith(self.prefix)
            and self.part.lower() in row.name.lower()
            and (self.since is None or changed >= self.since)
            and (self.until is None or changed < self.until)
            and (self.code is None or row.code.lower() == self.code.lower())
            and (self.model is None or self.model.lower() in row.model.lower())
            and (self.review is None or row.review == self.review)
            and (self.reviewed is None or row.reviewed == self.reviewed)
        )

    @property
    def needs_jobs(self) -> bool:
        """Whether the jobs have to be listed to answer it."""
        return not self.states or bool(self.states & PENDING)
