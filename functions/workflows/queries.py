"""What operators ask: which documents there are, what became of one, how things stand. Nothing is changed.

Lists are read side by side as by `reconcile`, in constant memory however many documents there are.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from ..core.daily_count import DailyCount, day_of
from ..core.documents import DocumentRecord, Refusal
from ..core.expiry import DeploymentExpiry
from ..core.health import Standing as HealthStanding
from ..core.hours import Hours, HourSums
from ..core.index import IndexKind, index_of
from ..core.jobs import Job
from ..core.journal import LEAST_DEFERRED, Distinct, Entry, JobSubmitted, Summary, Tally, Totals, distinct, totals_by
from ..core.listings import side_by_side, sort_key
from ..core.records import Moment, Record
from ..core.request_ledger import RequestLedger, issued, share_at, wait_s
from ..core.results import ErrorReport, error_name
from ..core.views import DocumentRow, Filter, JobView, ShownState, document_row, job_view, owner_of
from ..errors import Missing, NewerRecord, RecordError
from ..settings import LanguageResource, Settings
from ..storage.containers import BlobInfo, Container, is_safe
from ..storage.document_store import DocumentStore
from ..storage.expiry_store import ExpiryStore
from ..storage.index_store import IndexEntry, IndexStore
from ..storage.journal_store import JournalStore, Offsets
from ..storage.ledger_store import DAILY, HealthStore, request_ledger_name
from ..storage.record_format import R, decode
from ..storage.record_store import RecordStore
from ..tasks.entities import EntityResultFile
from ..tasks.task import ResultFile
from ..typed_data import from_json
from .parallel import batches, run_all
from .result_files import read_results, result_text

LAST_MINUTE = timedelta(minutes=1)

LATE_LINES = timedelta(hours=2)
"""How late lines of the journal may come to be counted at once; later ones are once `reconcile` has run."""

LOOKS_AT_ONCE = 64
"""Documents of the index that are looked at together."""


class Details(Record, frozen=True, kw_only=True):
    """Everything that is known of a document."""

    row: DocumentRow | None
    """None where the document is not there, or not any more."""
    record: DocumentRecord | None = None
    """None where nobody has taken it on yet."""
    jobs: tuple[Job, ...] = ()
    """The active ones that work on it."""
    results: dict[str, ResultFile] = {}
    """By what the names of their files end with."""
    report: ErrorReport | None = None
    """What lies beside it, perhaps of an earlier version."""
    refusal: Refusal | None = None
    """Set where the storage refuses the document."""

    @property
    def with_entities(self) -> tuple[EntityResultFile, ...]:
        """The results whose entities have offsets."""
        return tuple(one for one in self.results.values() if isinstance(one, EntityResultFile))

    @property
    def lacks_result(self) -> bool:
        """Whether by its record it has ended, and neither a result nor a report is there."""
        return bool(self.record and not self.record.is_pending and not self.results and not self.report)

    @property
    def is_known(self) -> bool:
        """Whether there is, or was, such a document."""
        return any((self.row, self.record, self.results, self.report, self.refusal))


class Listed(NamedTuple):
    """A document of a list, as it is shown and as it is stored."""

    row: DocumentRow
    document: BlobInfo
    record: BlobInfo | None
    """None where nobody has taken it on yet."""


class Queries:
    """Answers questions about documents. `threads` look at documents of the index."""

    def __init__(self, documents: DocumentStore, records: RecordStore, index: IndexStore, threads: Executor) -> None:
        self._documents = documents
        self._records = records
        self._index = index
        self._threads = threads

    def rows(self, asked: Filter, *, scan: bool = False) -> Iterator[DocumentRow]:
        """Yield the documents that are asked for, sorted by name.

        Failed ones, and those for review, come from the index, once `reconcile` has made that whole; with `scan` all
        documents are looked at.
        """
        kind = index_of(asked)
        if kind and not scan and self._index.rebuilt():
            return self._indexed(kind, asked)
        return (one.row for one in self.listed(asked))

    def _indexed(self, kind: IndexKind, asked: Filter) -> Iterator[DocumentRow]:
        """Yield the documents of a list of the index that are asked for, and are there at the version of their entry.

        One whose entry a worker could not remove before it died is shown until the night, when `reconcile` does.
        """

        def row(entry: IndexEntry) -> DocumentRow | None:
            try:
                return self._row(self._documents.get_properties(entry.document), entry.blob, {})
            except Missing:
                return None

        for entries in batches(self._index.list(kind, asked.prefix), LOOKS_AT_ONCE):
            yield from (found for found in run_all(self._threads, row, entries) if found and asked.matches(found))

    def listed(self, asked: Filter) -> Iterator[Listed]:
        """Yield the documents that are asked for with what is stored of them, sorted by name."""
        jobs = self._jobs() if asked.needs_jobs else {}
        documents = self._documents.list(asked.prefix)
        for document, record in side_by_side(documents, self._records.list_documents(asked.prefix)):
            if document is not None and not document.is_folder:
                record = record or self._unlisted(document.name)
                row = self._row(document, record, jobs)
                if asked.matches(row):
                    yield Listed(row, document, record)

    def named(self, names: Iterable[str], asked: Filter) -> Iterator[Listed]:
        """Yield the documents of some names that are asked for, sorted by name; those that are not there are not."""
        jobs = self._jobs() if asked.needs_jobs else {}
        for name in sorted(set(names), key=sort_key):
            found = self._look(name, jobs)
            if found and asked.matches(found.row):
                yield found

    def _look(self, name: str, jobs: Mapping[str, JobView]) -> Listed | None:
        """Return a document as it is now; None where it is not there."""
        is_usual = is_safe(name)
        try:
            document = self._documents.get_properties(name) if is_usual else self._documents.find(name)
        except Missing:
            return None
        record = self._records.find_document(name) if is_usual else None
        return Listed(self._row(document, record, jobs), document, record)

    def details(self, name: str) -> Details:
        """Return what is known of a document. Raises `NewerRecord` where only a newer release knows it."""
        try:
            info = self._documents.get_properties(name)
        except Missing:
            info = None
        record, _ = self._records.document(name)
        jobs = self._jobs_of(record.owner) if record and record.is_pending else ()
        row = None
        if info:
            views = {owner_of(job.id): _view(job) for job in jobs}
            metadata = record.metadata() if record else {}
            row = document_row(
                name=name,
                etag=info.etag,
                size_bytes=info.size_bytes,
                dropped=info.last_modified,
                record=metadata,
                jobs=views,
            )
        refusal, _ = self._records.refusal(name)
        return Details(
            row=row,
            record=record,
            jobs=jobs,
            results=read_results(self._documents, name, record.work.tasks if record else ()),
            report=self._report(name),
            refusal=refusal,
        )

    def text(self, details: Details) -> str | None:
        """Return the text that a document's results count in; None where that version is not there any more."""
        result = next(iter(details.results.values()), None)
        return None if result is None else result_text(self._documents, result)

    def _row(self, document: BlobInfo, record: BlobInfo | None, jobs: Mapping[str, JobView]) -> DocumentRow:
        return document_row(
            name=document.name,
            etag=document.etag,
            size_bytes=document.size_bytes,
            dropped=document.last_modified,
            record=record.metadata if record else {},
            jobs=jobs,
        )

    def _unlisted(self, name: str) -> BlobInfo | None:
        return self._records.unlisted_document(name) if is_safe(name) else None

    def _jobs(self) -> dict[str, JobView]:
        return {owner_of(job.id): job_view(job.state, job.reason) for job in self._records.list_jobs()}

    def _jobs_of(self, owner: str) -> tuple[Job, ...]:
        found = []
        for listed in self._records.list_jobs(owner):
            try:
                found.append(self._records.job(listed.id)[0])
            except (Missing, RecordError):
                continue  # It has ended meanwhile, or somebody has to look at its record.
        return tuple(found)

    def _report(self, name: str) -> ErrorReport | None:
        try:
            return from_json(self._documents.read_result(error_name(name)).data, ErrorReport)
        except (Missing, msgspec.DecodeError):
            return None


def _view(job: Job) -> JobView:
    return job_view(job.state, job.metadata().get("reason", ""))


# --- How things stand ---


class Usage(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What was done in a time."""

    done: int
    failed: int
    submissions: int
    text_records: int
    """Submitted ones."""
    result_records: int
    """Those of results; by folder only these are known, for a job may have documents of several."""
    pages: int
    median_seconds: float | None
    """From drop to result."""
    p95_seconds: float | None
    codes: dict[str, int]


def usage(totals: Totals) -> Usage:
    """Return totals as they are shown."""
    median, p95 = totals.drop_to_result.quantile(0.5), totals.drop_to_result.quantile(0.95)
    return Usage(
        done=totals.done,
        failed=totals.failed,
        submissions=totals.submissions,
        text_records=totals.text_records,
        result_records=totals.result_records,
        pages=totals.pages,
        median_seconds=round(median, 1) if median is not None else None,
        p95_seconds=round(p95, 1) if p95 is not None else None,
        codes=dict(totals.codes.most_common()),
    )


class Incident(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A service, or a model on it, that fails: new jobs wait."""

    what: str
    since: Moment
    reason: str


class Budget(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The requests to one Language resource, of all instances together."""

    resource: str
    last_minute: int
    """Requests of the last minute, and those that are booked ahead."""
    per_minute: int
    """How many there may be."""
    wait_seconds: float
    """How long the next submission has to wait."""
    is_throttled: bool
    """Whether the service has refused requests lately, so that fewer are sent."""


class Status(Record, frozen=True, kw_only=True, omit_defaults=False):
    """How things stand."""

    at: Moment
    as_of: Moment | None
    """When `done` and `failed` were last counted from the records; None where they come from the journal alone."""
    done: int
    failed: int
    pending: int
    """Documents in active jobs; the parts of a long one count each."""
    oldest: Moment | None
    """Since when the oldest of them is under way."""
    refused: int
    """Documents that the storage refuses."""
    waiting_jobs: int
    running_jobs: int
    deferred_jobs: dict[str, int]
    """By the code of what they wait for."""
    queues: dict[str, int | None]
    """About how many messages; None where a queue is not there."""
    budgets: tuple[Budget, ...]
    """One for each Language resource."""
    submissions: dict[str, int]
    """Jobs submitted in the last minute, by instance."""
    daily_records: int | None
    """Text records that were taken out of today's limit; None where there is no limit."""
    daily_limit: int | None
    today: Usage
    """Since midnight, UTC."""
    incidents: tuple[Incident, ...]
    deployments: tuple[DeploymentExpiry, ...]
    """When the deployed models expire, as it was read last; empty where that was never read."""
    pending_by_state: dict[str, int]
    """The documents in active jobs, as `pending` counts them, by the state that is shown of them."""
    ended_last_minute: int
    """Documents that have ended in the last minute."""


QueueLengths = Mapping[str, Callable[[], int | None]]
"""What tells the length of each queue."""


class BudgetStore:
    """Reads what is left of the budgets that all instances share."""

    def __init__(self, state: Container, resources: Sequence[LanguageResource], limit: int, daily: int | None) -> None:
        self._state = state
        self._resources = resources
        self._limit = limit
        self.daily_limit = daily

    def budgets(self, now: datetime) -> Iterator[Budget]:
        """Yield the budget of each Language resource."""
        for resource in self._resources:
            ledger = self._read(request_ledger_name(resource.endpoint), RequestLedger())
            yield Budget(
                resource=resource.name,
                last_minute=issued(ledger, now),
                per_minute=self._limit,
                wait_seconds=round(max(0.0, wait_s(ledger, now)), 1),
                is_throttled=share_at(ledger, now) < 1,
            )

    def daily_records(self, now: datetime) -> int | None:
        """Return the text records that were taken out of today's limit; None where there is no limit."""
        if self.daily_limit is None:
            return None
        count = self._read(DAILY, DailyCount())
        return count.records if count.day == day_of(now) else 0

    def _read(self, name: str, empty: R) -> R:
        try:
            return decode(self._state.read(name), type(empty))
        except (Missing, RecordError, NewerRecord):
            return empty


def status_reader(
    settings: Settings,
    state: Container,
    records: RecordStore,
    journal: JournalStore,
    queues: QueueLengths,
    clock: Callable[[], datetime],
) -> "StatusReader":
    """Return what tells how things stand with the app of the settings, whose state container is `state`."""
    endpoints = [resource.endpoint for resource in settings.language_resources]
    if settings.document_intelligence_endpoint:
        endpoints.append(settings.document_intelligence_endpoint)
    resources, limit = settings.language_resources, settings.requests_per_minute
    return StatusReader(
        records,
        journal,
        {urlsplit(endpoint).netloc: HealthStore(state, endpoint) for endpoint in endpoints},
        BudgetStore(state, resources, limit, settings.daily_text_records),
        queues,
        clock,
        settings.journal_days,
        ExpiryStore(state),
    )


class StatusReader:
    """Tells how things stand, again and again: of the journal it reads only what has come since the last time."""

    def __init__(
        self,
        records: RecordStore,
        journal: JournalStore,
        ledgers: Mapping[str, HealthStore],
        budgets: BudgetStore,
        queues: QueueLengths,
        clock: Callable[[], datetime],
        journal_days: int,
        expiries: ExpiryStore,
    ) -> None:
        self._records = records
        self._journal = journal
        self._expiries = expiries
        self._ledgers = ledgers
        self._queues = queues
        self._clock = clock
        self._budgets = budgets
        self._journal_days = timedelta(days=journal_days)
        self._count: _Count | None = None

    def read(self) -> Status:
        """Return how things stand now."""
        now = self._clock()
        count = self._counted(now)
        listed = _Jobs()
        for job in self._records.list_jobs():
            listed.add(job.chunks, job.created, job_view(job.state, job.reason))
        if listed.deferred_since and now - listed.deferred_since >= LEAST_DEFERRED:
            count.hours.add_deferred(listed.deferred_since, now)
        return Status(
            at=now,
            as_of=count.tally.standing.as_of,
            done=count.tally.done,
            failed=count.tally.failed,
            pending=listed.documents,
            oldest=listed.oldest,
            refused=sum(1 for _ in self._records.list_refusals()),
            waiting_jobs=listed.states[ShownState.WAITING],
            running_jobs=listed.states[ShownState.RUNNING],
            deferred_jobs=dict(listed.reasons.most_common()),
            queues={name: length() for name, length in self._queues.items()},
            budgets=tuple(self._budgets.budgets(now)),
            submissions=count.submissions(now - LAST_MINUTE),
            daily_records=self._budgets.daily_records(now),
            daily_limit=self._budgets.daily_limit,
            today=usage(count.today),
            incidents=tuple(self.incidents()),
            deployments=self._deployments(),
            pending_by_state={state.value: count for state, count in sorted(listed.documents_by_state.items())},
            ended_last_minute=count.ended(now - LAST_MINUTE),
        )

    def hours(self) -> list[HourSums]:
        """Return what happened in each hour of the last `DAYS_KEPT` days, the earliest first, as of the last `read`."""
        return list(self._count.hours.sums(self._clock())) if self._count else []

    def usage_by(self, group: Callable[[Entry], Hashable], since: datetime) -> Iterator[tuple[str, Usage]]:
        """Yield what was done since a time, by what `group` puts lines of the journal into, sorted.

        It reads all of the journal since then. Groups that are times are told in ISO 8601.
        """
        entries = distinct(self._journal.entries(since, self._clock()))
        found = totals_by((entry for entry in entries if entry.line.at >= since), group)
        for name, totals in sorted(found.items(), key=lambda item: str(item[0])):
            yield name.isoformat() if isinstance(name, datetime) else str(name), usage(totals)

    def _deployments(self) -> tuple[DeploymentExpiry, ...]:
        known, _ = self._expiries.load()
        return known.deployments if known else ()

    def _counted(self, now: datetime) -> "_Count":
        """Return the counts with what has come since the last time; anew after midnight and after `reconcile`."""
        summary = self._journal.summary()
        count = self._count
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if count is not None and count.tally.summary == summary and count.midnight == midnight:
            # Lines come a moment late, or as late as the storage fails; what `reconcile` adds makes a new summary.
            since = count.read_at - LATE_LINES
        else:
            # Without a summary everything that is kept is counted.
            since = min(summary.as_of, midnight) if summary else self._oldest_kept(now)
            history = self._journal.history() if summary else None
            count = self._count = _Count(summary, midnight, Hours(since, history.hours if history else ()))
        count.read_at = now
        for entry in self._journal.entries(since, now, count.offsets):
            count.add(entry, now - LAST_MINUTE)
        return count

    def _oldest_kept(self, now: datetime) -> datetime:
        """Return since when the journal has lines."""
        return max(self._journal.first_day() or now, now - self._journal_days)

    def incidents(self) -> Iterator[Incident]:
        """Yield the services and models that fail."""
        for resource, ledger in self._ledgers.items():
            try:
                health, _ = ledger.load()
            except (RecordError, NewerRecord):
                continue  # The app takes it for unknown, too.
            for what, standing in ((resource, health.resource), *health.models.items()):
                if standing.opened_at:
                    yield Incident(what=what, since=standing.opened_at, reason=_reason(standing))


def _reason(standing: HealthStanding) -> str:
    return standing.reason.code if standing.reason else ""


class _Count:
    """What the lines of the journal have come to so far."""

    def __init__(self, summary: Summary | None, midnight: datetime, hours: Hours) -> None:
        self.tally = Tally(summary)
        self.midnight = midnight
        self.hours = hours
        self.today = Totals()
        self.offsets: Offsets = {}
        self.read_at = midnight
        self._distinct = Distinct()
        self._recent: list[Entry] = []
        self._ended: list[datetime] = []

    def add(self, entry: Entry, recent: datetime) -> None:
        """Count a line; submissions since `recent` are kept by themselves."""
        if not self._distinct.is_new(entry):
            return
        self.tally.add(entry.line)
        if entry.line.at >= self.midnight:
            self.today.add(entry.line)
        self.hours.add(entry.line)
        if entry.line.at > recent:
            if isinstance(entry.line, JobSubmitted):
                self._recent.append(entry)
            else:
                self._ended.append(entry.line.at)

    def ended(self, since: datetime) -> int:
        """Return how many documents have ended since a time."""
        self._ended = [at for at in self._ended if at > since]
        return len(self._ended)

    def submissions(self, since: datetime) -> dict[str, int]:
        """Return the submissions since a time by instance."""
        self._recent = [entry for entry in self._recent if entry.line.at > since]
        return dict(Counter(entry.instance for entry in self._recent).most_common())


@dataclass(slots=True)
class _Jobs:
    """What the active jobs have come to."""

    documents: int = 0
    oldest: datetime | None = None
    deferred_since: datetime | None = None
    """When the oldest deferred job was created."""
    states: Counter[ShownState] = field(default_factory=Counter)
    documents_by_state: Counter[ShownState] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, documents: int, created: datetime | None, view: JobView) -> None:
        self.documents += documents
        if created:
            self.oldest = min(self.oldest or created, created)
        self.states[view.state] += 1
        self.documents_by_state[view.state] += documents
        if view.reason:
            self.reasons[view.reason] += 1
            if created:
                self.deferred_since = min(self.deferred_since or created, created)
