"""Lists of documents for people who look: the latest first, a page at a time, without looking at all of them.

A page looks at a bounded number of blobs, and says how far it has come. What is in work comes first, by the jobs; then
what has ended, by the journal, from the last hour back; then, by name, what is older than the journal. Failed documents
and those to be reviewed, or that were, come from the index, by name. Each document that is told is looked up by its
record, so whatever a list says is true now; one that was deleted since is told until the night, when `reconcile`
deletes its record.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from ..core.cursors import AtJobs, AtJournal, AtListing, InvalidCursor, Place
from ..core.documents import DocumentRecord, DocumentState
from ..core.index import IndexKind, index_of
from ..core.jobs import Job
from ..core.journal import DocumentEnded
from ..core.names import is_shortened
from ..core.records import moment
from ..core.review_order import ToReview, in_review_order
from ..core.views import PENDING, DocumentRow, Filter, JobView, ShownState, document_row, job_view
from ..errors import InvalidMarker, Missing, NewerRecord, RecordError, UnsafeName
from ..storage.containers import BlobInfo
from ..storage.document_store import DocumentStore
from ..storage.index_store import IndexStore
from ..storage.journal_store import JournalStore
from ..storage.record_store import ListedJob, RecordStore
from .journal_tail import JournalTail
from .parallel import run_all

MOST_ROWS = 100
MOST_JOBS = 5_000
"""Jobs that are looked at: a page of the storage's listing. Documents of further ones are told once they have ended."""
MOST_READS = 32
"""Reads of the journal for a page."""
MOST_DAYS = 31
"""Days of the journal that are looked at for a page."""
GROUP = 32
"""Blobs of an hour that are told together, sorted by time: an hour has one for each instance."""
LISTED = 500
"""Blobs of a listing that are looked at for a page, beyond those that it tells."""
JOBS_AGE_S = 1.0
"""How old a listing of jobs may be."""
UNDER_WAY = timedelta(seconds=20)
"""How long a document that was in work is looked for by its name: its line of the journal takes a moment to come."""
MOST_UNDER_WAY = 500
RECORD_AGE_S = 10.0
"""How old a record that is told may be, where the line of the journal is the same."""
MOST_KEPT = 2_000
MOST_COUNTED = 5_000
"""Entries of a list of the index that are counted: a page of the storage's listing."""


class Told(NamedTuple):
    """A document as a list tells it."""

    row: DocumentRow
    record: DocumentRecord | None
    """None where nobody has taken it on yet."""
    job: Job | None = None
    """One that works on it."""


@dataclass(slots=True)
class DocumentPage:
    """A page of a list."""

    told: list[Told] = field(default_factory=list)
    next: Place | None = None
    """Where the list goes on; None at its end."""
    looked_at: int = 0
    """Blobs."""
    until: datetime | None = None
    """Until when the journal was looked at."""


class IndexCounts(NamedTuple):
    """What the index has; failed documents by the code of their problem."""

    review: int
    reviewed: int
    codes: Counter[str]


class DocumentLists:
    """Makes pages of lists; `threads` look documents up."""

    def __init__(
        self,
        documents: DocumentStore,
        records: RecordStore,
        index: IndexStore,
        journal: JournalStore,
        threads: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._records = records
        self._index = index
        self._journal = journal
        self._threads = threads
        self._clock = clock
        self._jobs: tuple[datetime, list[ListedJob]] | None = None
        self._under_way: dict[str, datetime] = {}
        self._kept: dict[str, tuple[datetime, DocumentRecord]] = {}

    # --- Single documents ---

    def named(self, names: Iterable[str]) -> list[Told]:
        """Return documents as they are now; those that are not there are left out."""
        return [found for found in run_all(self._threads, self.look, list(dict.fromkeys(names))) if found]

    def look(self, name: str) -> Told | None:
        """Return a document as it is now, None where it is not there. Raises `NewerRecord`."""
        try:
            info = self._documents.get_properties(name)
            record, _ = self._records.document(name)
        except (Missing, UnsafeName):
            return None
        if record is None or record.document.etag != info.etag:
            # Nobody has taken this version up yet; what the record says is about an earlier one.
            return Told(_row(name, info.etag, info.size_bytes, info.last_modified, None, None), None)
        job = self._records.first_job_of(record.owner) if record.is_pending else None
        return told_of(record, job)

    def forget(self, name: str) -> None:
        """Look a document up anew the next time: it was changed."""
        self._kept.pop(name, None)

    # --- Pages ---

    def page(self, asked: Filter, place: Place | None, most: int = MOST_ROWS) -> DocumentPage:
        """Return the page of a list at a place, None for its beginning. Raises `InvalidCursor`."""
        page = DocumentPage()
        page.next = place or self._beginning(asked)
        if place is None and not isinstance(page.next, AtListing) and _is_about(asked, ENDED):
            page.told += self._just_ended(asked)
        self._fill(page, asked, most)
        return page

    def _beginning(self, asked: Filter) -> Place:
        kind = index_of(asked)
        if kind and self._index.rebuilt():
            return AtListing(kind=kind.value)
        return AtJobs() if _is_about(asked, PENDING) else self._first_hour()

    def _fill(self, page: DocumentPage, asked: Filter, most: int) -> None:
        """Add what is at the page's place and behind it, until the page is full or has looked at enough."""
        if isinstance(page.next, AtJobs):
            self._add_jobs(page, page.next, asked, most)
            if page.next is None and _is_about(asked, ENDED):
                page.next = self._first_hour()
        if isinstance(page.next, AtJournal) and len(page.told) < most:
            self._add_journal(page, page.next, asked, most)
        if isinstance(page.next, AtListing) and len(page.told) < most:
            try:
                self._add_listing(page, page.next, asked, most)
            except InvalidMarker as error:
                raise InvalidCursor from error

    # --- In work ---

    def jobs(self) -> list[ListedJob]:
        """Return the active jobs, the newest first; at most `MOST_JOBS`, and not older than a moment."""
        now = self._clock()
        if self._jobs is None or not timedelta() <= now - self._jobs[0] < timedelta(seconds=JOBS_AGE_S):
            found = list(islice(self._records.list_jobs(), MOST_JOBS))
            self._jobs = now, sorted(found, key=_job_key, reverse=True)
        return self._jobs[1]

    def _add_jobs(self, page: DocumentPage, place: AtJobs, asked: Filter, most: int) -> None:
        jobs = self.jobs()
        page.looked_at += len(jobs)
        skipped = place.skipped
        wanted = [
            job
            for job in jobs
            if (not place.behind or _job_key(job) < place.behind)
            and (not asked.states or job_view(job.state, job.reason).state in asked.states)
        ]
        for listed in wanted:
            found = self._documents_of(listed, asked)
            page.looked_at += 1
            room = most - len(page.told)
            if room <= 0:
                page.next = AtJobs(place.behind, skipped)
                return
            have = {one.row.name for one in page.told}
            page.told += [one for one in found[skipped : skipped + room] if one.row.name not in have]
            if len(found) > skipped + room:
                page.next = AtJobs(place.behind, skipped + room)
                return
            place, skipped = AtJobs(_job_key(listed)), 0
        page.next = None

    def _documents_of(self, listed: ListedJob, asked: Filter) -> list[Told]:
        try:
            job, _ = self._records.job(listed.id)
        except (Missing, RecordError, NewerRecord):
            return []  # It has ended meanwhile, or somebody has to look at its record.
        names = dict.fromkeys(chunk.document for chunk in job.chunks)
        likely = [name for name in names if name.startswith(asked.prefix) and asked.part.lower() in name.lower()]
        now = self._clock()
        found = []
        for record in run_all(self._threads, self._record, likely):
            if record is None or not record.is_pending or record.owner != job.owner:
                continue
            self._remember(record.document.name, now)
            told = told_of(record, job)
            if asked.matches(told.row):
                found.append(told)
        return found

    def _remember(self, name: str, now: datetime) -> None:
        self._under_way.pop(name, None)
        self._under_way[name] = now
        while len(self._under_way) > MOST_UNDER_WAY:
            self._under_way.pop(next(iter(self._under_way)))

    def _just_ended(self, asked: Filter) -> list[Told]:
        """Return documents that were in work a moment ago, and have ended: the journal may not have them yet."""
        now = self._clock()
        names = [name for name, seen in list(self._under_way.items()) if now - seen < UNDER_WAY]
        records = [record for record in run_all(self._threads, self._record, names[-MOST_ROWS:]) if record]
        ended = sorted((one for one in records if not one.is_pending), key=lambda one: one.updated, reverse=True)
        return [told for told in map(told_of, ended) if asked.matches(told.row)]

    # --- What has ended, by the journal ---

    def _first_hour(self) -> AtJournal:
        return AtJournal(f"{self._clock().astimezone(UTC):%Y%m%d%H}")

    def _add_journal(self, page: DocumentPage, place: AtJournal, asked: Filter, most: int) -> None:
        first_day = self._journal.first_day()
        day = datetime.strptime(place.hour, "%Y%m%d%H").replace(tzinfo=UTC)
        hour, at = day, place
        reads, days = 0, 0
        while first_day is not None and day.date() >= first_day.date():
            if days == MOST_DAYS or reads >= MOST_READS:
                page.next = at
                return
            blobs_of = self._journal.hour_blobs(day)
            days += 1
            for present in sorted((one for one in blobs_of if one <= hour), reverse=True):
                if reads >= MOST_READS:
                    page.next = AtJournal(f"{present:%Y%m%d%H}")
                    return
                if f"{present:%Y%m%d%H}" != at.hour:
                    at = AtJournal(f"{present:%Y%m%d%H}")
                blobs = blobs_of[present]
                while at.group * GROUP < len(blobs):
                    if len(page.told) >= most or reads >= MOST_READS:
                        page.next = at
                        return
                    tail = JournalTail(self._journal, blobs[at.group * GROUP : (at.group + 1) * GROUP], at.ends)
                    is_whole = self._add_tail(page, tail, asked, most, MOST_READS - reads)
                    reads += tail.reads
                    page.looked_at += tail.reads
                    if not is_whole:
                        page.next = AtJournal(at.hour, at.group, tail.ends())
                        return
                    at = AtJournal(at.hour, at.group + 1)
                page.until = present
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            day = hour = midnight - timedelta(hours=1)
            at = AtJournal(f"{day:%Y%m%d%H}")
        page.next = AtListing()

    def _add_tail(self, page: DocumentPage, tail: JournalTail, asked: Filter, most: int, most_reads: int) -> bool:
        """Add documents of a group of blobs; return whether all of them were told."""
        while True:
            room = most - len(page.told)
            if room <= 0:
                return tail.is_empty
            have = {one.row.name for one in page.told}
            lines: dict[str, DocumentEnded] = {}
            while len(lines) < room and not tail.is_empty and tail.reads < most_reads:
                line = tail.next()
                if line is None:
                    continue
                page.until = line.at
                if line.document not in have and line.document not in lines and _may_match(line, asked):
                    lines[line.document] = line
            records = run_all(self._threads, self._ended, list(lines.values()))
            page.looked_at += len(lines)
            told = [told_of(record) for record in records if record]
            page.told += [one for one in told if asked.matches(one.row)]
            if tail.is_empty or tail.reads >= most_reads:
                return tail.is_empty

    def _ended(self, line: DocumentEnded) -> DocumentRecord | None:
        """Return the record of a document whose last ending a line tells; None for an earlier one."""
        kept = self._kept.get(line.document)
        if kept and self._clock() - kept[0] < timedelta(seconds=RECORD_AGE_S) and _is_of(line, kept[1]):
            return kept[1]
        record = self._record(line.document)
        if record is None or not _is_of(line, record):
            return None
        self._kept.pop(line.document, None)
        self._kept[line.document] = self._clock(), record
        while len(self._kept) > MOST_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        return record

    def _record(self, name: str) -> DocumentRecord | None:
        try:
            return self._records.document(name)[0]
        except (NewerRecord, UnsafeName):
            return None

    # --- By name ---

    def _add_listing(self, page: DocumentPage, place: AtListing, asked: Filter, most: int) -> None:
        """Add documents of a listing: of a list of the index, or of all records that the journal does not have."""
        kind = next((one for one in IndexKind if one.value == place.kind), None)
        floor = None if kind else self._journal.first_day() or self._clock()
        marker, skipped = place.marker, place.skipped
        room = most - len(page.told)
        # Nearly all that a list of the index has is told.
        most_listed = max(room, 1) + skipped if kind and _is_plain(asked) else LISTED
        if kind:
            entries, following = self._index.page(kind, asked.prefix, marker, most_listed)
            listed = [(entry.document, entry.blob) for entry in entries]
        else:
            blobs, following = self._records.documents_page(asked.prefix, marker, most_listed)
            listed = [(blob.name, blob) for blob in blobs]
        page.looked_at += len(listed)
        page.next = AtListing(following, kind=place.kind) if following else None
        chosen: list[str] = []
        for number, (name, blob) in enumerate(listed[skipped:], start=skipped):
            if is_shortened(blob.name) and kind is None:
                name = self._records.name_in(blob.name) or ""
            if not name or not _listed_matches(name, blob, asked, floor):
                continue
            if len(chosen) == room:
                page.next = AtListing(marker, number, place.kind)
                break
            chosen.append(name)
        have = {one.row.name for one in page.told}
        records = run_all(self._threads, self._record, [name for name in chosen if name not in have])
        told = [told_of(record) for record in records if record]
        page.told += [one for one in told if asked.matches(one.row)]

    def counts(self) -> "IndexCounts":
        """Return how many documents the lists of the index have; at most `MOST_COUNTED` of each."""
        failed, review, reviewed = (
            self._index.page(kind, "", "", MOST_COUNTED).entries
            for kind in (IndexKind.FAILED, IndexKind.REVIEW, IndexKind.REVIEWED)
        )
        codes = Counter(entry.blob.metadata.get("reason", "") for entry in failed)
        del codes[""]
        return IndexCounts(len(review), len(reviewed), codes)

    def reviewed_since(self, since: datetime | None) -> tuple[int, bool]:
        """Return how many documents were reviewed since a time, and whether that is all; at most `MOST_COUNTED`."""
        entries, following = self._index.page(IndexKind.REVIEWED, "", "", MOST_COUNTED)
        return sum(since is None or one.blob.last_modified > since for one in entries), not following

    # --- What is to be reviewed ---

    def to_review(self, asked: Filter, place: Place | None, most: int = MOST_ROWS) -> DocumentPage:
        """Return a page of the documents to be reviewed, in the order of their review, of `MOST_COUNTED` at most."""
        if place is not None and not isinstance(place, AtListing):
            raise InvalidCursor
        skipped = place.skipped if place else 0
        entries, _ = self._index.page(IndexKind.REVIEW, asked.prefix, "", MOST_COUNTED)
        model = (asked.model or "").lower()
        ordered = in_review_order(
            ToReview(entry.document, _number(entry.blob.metadata.get("least_sure")))
            for entry in entries
            if model in entry.blob.metadata.get("model", "").lower()
        )
        chosen = ordered[skipped : skipped + most]
        page = DocumentPage(looked_at=len(entries))
        if len(ordered) > skipped + most:
            page.next = AtListing("", skipped + most, _IN_ORDER)
        records = run_all(self._threads, self._record, [one.name for one in chosen])
        told = [told_of(record) for record in records if record]
        page.told = [one for one in told if one.row.review]
        return page


_IN_ORDER = "in order"


ENDED = frozenset({ShownState.DONE, ShownState.FAILED})


def told_of(record: DocumentRecord, job: Job | None = None) -> Told:
    """Return a document as a list tells it, by its record and a job that works on it."""
    document = record.document
    view = job_view(job.state, job.metadata().get("reason", "")) if job else None
    row = _row(document.name, document.etag, document.size_bytes, document.last_modified, record, view)
    return Told(row, record, job)


def _row(
    name: str, etag: str, size: int, dropped: datetime, record: DocumentRecord | None, view: JobView | None
) -> DocumentRow:
    return document_row(
        name=name,
        etag=etag,
        size_bytes=size,
        dropped=dropped,
        record=record.metadata() if record else {},
        jobs={record.owner: view} if record and view else {},
    )


def _is_about(asked: Filter, states: frozenset[ShownState]) -> bool:
    if states == PENDING and (asked.review or asked.reviewed):
        return False  # Nobody has to look at what has no result yet.
    return not asked.states or bool(asked.states & states)


def _is_plain(asked: Filter) -> bool:
    return not asked.part and asked.code is None and asked.model is None


def _job_key(job: ListedJob) -> str:
    created = job.created.astimezone(UTC).isoformat() if job.created else ""
    return f"{created} {job.id}"


def _is_of(line: DocumentEnded, record: DocumentRecord) -> bool:
    known = (record.document.etag, record.owner)
    return not record.is_pending and (line.etag, line.job) == known


def _may_match(line: DocumentEnded, asked: Filter) -> bool:
    """Whether a document may be asked for, by a line of the journal: its record decides."""
    name = line.document
    return (
        name.startswith(asked.prefix)
        and asked.part.lower() in name.lower()
        and (not asked.states or ShownState(line.state.value) in asked.states)
        and (asked.code is None or asked.code.lower() == line.code.lower())
        and (asked.model is None or asked.model.lower() in line.model.lower())
    )


def _listed_matches(name: str, blob: BlobInfo, asked: Filter, floor: datetime | None) -> bool:
    """Whether a document is asked for, by the metadata of its record; with `floor` only one that ended before."""
    metadata = blob.metadata
    if floor is not None:
        updated = moment(metadata.get("updated"))
        if metadata.get("state") == DocumentState.PENDING or updated is None or updated >= floor:
            return False
    etag = metadata.get("source_etag", "")
    row = document_row(name=name, etag=etag, size_bytes=0, dropped=blob.last_modified, record=metadata, jobs={})
    return asked.matches(row)


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return 0.0
