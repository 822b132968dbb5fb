"""The journal: a line for each document that ended and each job that was submitted, and what is counted from them.

Lines are written at least once, so each is counted by its key once within its hour. A line of a document may be written
later, by `reconcile`, where a worker died before it wrote it; it never decides about work.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec

from ..tasks.task import ResultFile
from ..text.offsets import RECORD_CHARACTERS
from ..typed_data import decoder_of
from .documents import DocumentRecord, DocumentState
from .jobs import Job
from .lifecycle import DocumentEvent
from .records import Chunk, Moment, Record


class DocumentEnded(Record, frozen=True, kw_only=True, tag_field="kind", tag="document"):
    """A version of a document has its result or its error report."""

    at: Moment
    document: str
    etag: str
    job: str
    """The owner that wrote it."""
    state: DocumentState
    code: str = ""
    """Of the error report; empty for a result."""
    model: str = ""
    text_records: int = 0
    """Those of the result; 0 where that was carried over from an earlier version, and nothing was billed."""
    found: int = 0
    """Entities, classes and key phrases of all results."""
    claimed: Moment
    """When this version was first given to a job since it, or an earlier one, had ended."""
    was: str = ""
    """The state in which the document had ended before; empty for a new document."""
    seconds: float | None = None
    """From the drop to the result, or the report; None where the version had ended before."""
    is_repaired: bool = False
    """Whether `reconcile` has written the line."""

    @property
    def key(self) -> "Key":
        """What the line is known by."""
        return ended_key(self.document, self.etag, self.job)


class JobSubmitted(Record, frozen=True, kw_only=True, tag_field="kind", tag="job"):
    """A service has accepted a job."""

    at: Moment
    job: str
    submission: int
    """The how many-th submission of the job it is."""
    chunks: int
    resource: str = ""
    """Where it was sent: the name of a Language resource; empty for jobs of OCR."""
    model: str = ""
    text_records: int = 0
    """What the submission is billed as, about: characters are counted in code points."""
    pages: int = 0
    """Pages that OCR is asked to read."""
    deferred_since: Moment | None = None
    """Since when the job was deferred before; None where that was for less than a minute."""

    @property
    def key(self) -> "Key":
        """What the line is known by."""
        return (self.job, str(self.submission), self.at.isoformat())


Line = DocumentEnded | JobSubmitted

Key = tuple[str, str, str]


def ended_key(document: str, etag: str, owner: str) -> Key:
    """Return what the line of a document that has ended is known by."""
    return (document, etag, owner)


class Sums(NamedTuple):
    """What all results of a document have together."""

    text_records: int = 0
    """What was billed: none where results were carried over from an earlier version."""
    found: int = 0
    """Entities, classes and key phrases."""


NOTHING = Sums()


def sums(results: Collection[ResultFile]) -> Sums:
    """Return what the results of a document have together."""
    billed = sum(one.text_records for one in results if one.carried_over is not True)
    return Sums(billed, sum(one.found_count for one in results))


def document_ended(record: DocumentRecord, results: Sums = NOTHING) -> DocumentEnded:
    """Return the line of a document whose record says that it has ended, with the sums of its results."""
    endings = (DocumentEvent.EXTRACTED, DocumentEvent.REPORTED)
    earlier = record.history[:-1]
    last = max((place for place, entry in enumerate(earlier) if entry.event in endings), default=-1)
    claims = sum(entry.event == DocumentEvent.CLAIMED for entry in earlier[last + 1 :])
    was = "" if last < 0 else _STATES[earlier[last].event].value
    # A version has ended before where it had more owners than there were claims since.
    took = record.updated - record.document.last_modified if claims == record.owners else None
    error = record.last_error if record.state is DocumentState.FAILED else None
    return DocumentEnded(
        at=record.updated,
        document=record.document.name,
        etag=record.document.etag,
        job=record.owner,
        state=record.state,
        code=error.code if error else "",
        model=record.work.model,
        text_records=results.text_records,
        found=results.found,
        claimed=record.claimed_at,
        was=was,
        seconds=round(took.total_seconds(), 3) if took is not None else None,
    )


def as_repaired(line: DocumentEnded) -> DocumentEnded:
    """Return a line as `reconcile` writes it."""
    return msgspec.structs.replace(line, is_repaired=True)


_STATES = {DocumentEvent.EXTRACTED.value: DocumentState.DONE, DocumentEvent.REPORTED.value: DocumentState.FAILED}


def job_submitted(job: Job, now: datetime, deferred_since: datetime | None = None) -> JobSubmitted:
    """Return the line of a job that a service has just accepted, and that was deferred before since a time."""
    pages = (len(job.reading.batch) if job.reading.batch else 1) if job.reading else 0
    return JobSubmitted(
        at=now,
        job=job.id,
        submission=job.submissions,
        chunks=len(job.chunks),
        resource=job.resource or "",
        model=job.work.model,
        text_records=0 if job.reading else sum(map(_billed, job.chunks)) * len(job.open_work.tasks),
        pages=pages,
        deferred_since=deferred_since if deferred_since and now - deferred_since >= LEAST_DEFERRED else None,
    )


def deferred_since(job: Job) -> datetime | None:
    """Return since when a job that waits to be submitted is deferred; None where it is not."""
    return job.failed_at or (job.created if job.waits or job.daily_waits_s else None)


LEAST_DEFERRED = timedelta(minutes=1)


def _billed(chunk: Chunk) -> int:
    return max(1, -(-(chunk.end - chunk.start) // RECORD_CHARACTERS))


# --- Lines as text ---


def encode_lines(lines: Iterable[Line]) -> bytes:
    """Return lines as JSON Lines."""
    encoder = msgspec.json.Encoder()
    return b"".join(encoder.encode(line) + b"\n" for line in lines)


def decode_lines(data: bytes) -> Iterator[Line]:
    """Yield the lines in a text; what this release can not read is left out."""
    decoder = decoder_of(Line)
    for text in data.splitlines():
        try:
            yield decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


class Entry(NamedTuple):
    """A line, and the instance that has written it."""

    instance: str
    line: Line


class Distinct:
    """Tells which lines were seen before; holds the hashes of the keys of the two latest hours."""

    def __init__(self) -> None:
        self._seen: dict[datetime, set[int]] = {}

    def is_new(self, entry: Entry) -> bool:
        """Whether a line has not been seen; lines come about in the order of their hours."""
        hour, key = hour_of(entry.line.at), hash(entry.line.key)
        seen = self._seen.setdefault(hour, set())
        if key in seen:
            return False
        seen.add(key)
        if len(self._seen) > _HOURS_HELD:
            del self._seen[min(self._seen)]
        return True


_HOURS_HELD = 2


def distinct(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield each line once; they come sorted by hour."""
    return filter(Distinct().is_new, entries)


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of an hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


# --- What is counted ---

RESOLUTION = 1.02
"""Durations are counted in steps of two per cent: medians are exact to one."""


@dataclass(slots=True)
class Durations:
    """Counts durations in constant memory, and tells quantiles."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """Count a duration; 10 ms is the shortest."""
        self.counts[round(math.log(max(0.01, seconds), RESOLUTION))] += 1

    def quantile(self, share: float) -> float | None:
        """Return the duration that a share of all does not exceed; None where there are none."""
        rank = share * self.counts.total()
        for step in sorted(self.counts):
            rank -= self.counts[step]
            if rank <= 0:
                return float(RESOLUTION**step)
        return None


@dataclass(slots=True)
class Totals:
    """What happened: sums of lines."""

    done: int = 0
    failed: int = 0
    found: int = 0
    submissions: int = 0
    text_records: int = 0
    """Submitted ones: what is billed, about."""
    result_records: int = 0
    """Those of the results: less than was submitted where anything was submitted again."""
    pages: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    """Error reports by their code."""
    drop_to_result: Durations = field(default_factory=Durations)

    @property
    def ended(self) -> int:
        """Documents that have ended."""
        return self.done + self.failed

    def add(self, line: Line) -> None:
        """Count a line."""
        if isinstance(line, JobSubmitted):
            self.submissions += 1
            self.text_records += line.text_records
            self.pages += line.pages
            return
        if line.state is DocumentState.DONE:
            self.done += 1
            self.found += line.found
            self.result_records += line.text_records
        else:
            self.failed += 1
            self.codes[line.code] += 1
        if line.seconds is not None:
            self.drop_to_result.add(line.seconds)


K = TypeVar("K", bound=Hashable)


def totals_by(entries: Iterable[Entry], key: Callable[[Entry], K | None]) -> dict[K, Totals]:
    """Return the totals of lines by hour, day, model, folder or whatever else `key` returns; None leaves a line out."""
    found: dict[K, Totals] = {}
    for entry in entries:
        group = key(entry)
        if group is not None:
            found.setdefault(group, Totals()).add(entry.line)
    return found


def by_hour(entry: Entry) -> datetime:
    """Group lines by the hour."""
    return hour_of(entry.line.at)


def by_day(entry: Entry) -> datetime:
    """Group lines by the day (UTC)."""
    return entry.line.at.replace(hour=0, minute=0, second=0, microsecond=0)


def by_model(entry: Entry) -> str:
    """Group lines by the model."""
    return entry.line.model


def by_folder(entry: Entry) -> str | None:
    """Group documents by the first folder of their names, which is empty for those in none; leave jobs out."""
    if isinstance(entry.line, JobSubmitted):
        return None
    folder, slash, _ = entry.line.document.partition("/")
    return folder if slash else ""


def busiest_minute(entries: Iterable[Entry], since: datetime) -> int | None:
    """Return the most documents that have ended in one minute `since` then; None where none has."""
    minutes = Counter(
        one.line.at.replace(second=0, microsecond=0)
        for one in distinct(entries)
        if isinstance(one.line, DocumentEnded) and one.line.at >= since
    )
    return max(minutes.values(), default=None)


# --- The summary that the journal continues ---

SETTLED = timedelta(minutes=10)
"""How old the end of a document is before `reconcile` misses its line, which may still be in a worker's memory."""


class Summary(Record, frozen=True, kw_only=True):
    """How many documents had ended how at a time, counted from their records."""

    as_of: Moment
    done: int
    failed: int


class Standing(NamedTuple):
    """How many documents have ended how by now."""

    done: int
    failed: int
    as_of: datetime | None
    """When they were last counted from their records; None where all of it is counted from the journal."""


@dataclass(slots=True)
class Tally:
    """Continues a summary with the lines since."""

    summary: Summary | None
    done: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        if self.summary:
            self.done, self.failed = self.summary.done, self.summary.failed

    def add(self, line: Line) -> None:
        """Count a document that has ended; a state in which the summary counts it already is taken back."""
        if isinstance(line, JobSubmitted) or (self.summary and line.at < self.summary.as_of):
            return
        self._count(line.state.value, 1)
        # A version that was claimed before the summary was made was pending then.
        if line.was and not (self.summary and line.claimed < self.summary.as_of):
            self._count(line.was, -1)

    def _count(self, state: str, change: int) -> None:
        if state == DocumentState.DONE:
            self.done = max(0, self.done + change)
        else:
            self.failed = max(0, self.failed + change)

    @property
    def standing(self) -> Standing:
        """What it has come to."""
        return Standing(self.done, self.failed, self.summary.as_of if self.summary else None)
