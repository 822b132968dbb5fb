"""Compares what was dropped with what came of it, and puts right what differs.

Events get lost, records of dead jobs stay behind, people delete results. Three sorted listings (documents, records,
results) are read side by side, in constant memory however many blobs there are; what looks wrong is looked at once
more by itself, and then goes the ordinary way.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeVar

from ..core.documents import ENTITIES_SUFFIX, ERROR_SUFFIX, DocumentState, promised_by
from ..core.listings import in_result_order, side_by_side
from ..core.names import fitting_name
from ..core.packing import MAX_REQUEST_DOCUMENTS, REQUESTS_PER_JOB
from ..core.records import moment
from ..core.results import extracted_name
from ..core.time_limits import LONGEST_RECONCILE
from ..errors import Changed, Fault, Missing
from ..storage.containers import ARCHIVED_CODES, BlobInfo, is_safe
from ..storage.document_store import DocumentStore
from ..storage.index_store import IndexStore
from ..storage.record_format import is_newer
from ..storage.record_store import ListedRefusal, RecordStore, refusal_key
from ..text.chunks import Retake
from .failures import Failures
from .indexing import IndexAudit
from .journaling import Audit, JournalRepair
from .parallel import batches
from .repairs import Attempts, Found, Repairs

logger = logging.getLogger(__name__)

BUDGET_SHARE = 0.5
"""Share of the request budget that documents found here may take; the rest is for those that are dropped now."""

_SAME_REPORT = timedelta(minutes=1)
"""A report no later than this after the first one is the first one."""

_A_NIGHT = timedelta(hours=20)
"""From one night to the next at least, with the time that a run takes taken off."""

_LISTING = "list"

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What a run found. `dropped` is always `done + failed + pending`.

    Documents whose records a newer release has written are left to that release and not counted.
    """

    done: int = 0
    failed: int = 0
    pending: int = 0
    submitted: int = 0
    retaken: int = 0
    """Those of the pending ones that were reported before, and are taken up again this night."""
    deferred: int = 0
    """Those of the pending ones that are in the archive tier."""
    ignored: int = 0
    is_complete: bool = True

    @property
    def dropped(self) -> int:
        """Documents that are looked after."""
        return self.done + self.failed + self.pending


class Reconcile:
    """Compares documents, records and results.

    `is_ignored` tells by rules whether a document of a name, last changed at a time, is left alone; `oldest` is the
    time before which documents that were never taken on are left alone; `give_up` how long a document that was reported
    for another cause than itself is taken up again every night.
    """

    def __init__(
        self,
        documents: DocumentStore,
        records: RecordStore,
        repairs: Repairs,
        journal: JournalRepair,
        index: IndexStore,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        is_ignored: Callable[[str, datetime], bool],
        *,
        requests_per_minute: int,
        give_up: timedelta,
        oldest: datetime | None,
    ) -> None:
        self.documents = documents
        self.records = records
        self.repairs = repairs
        self.journal = journal
        self.index = index
        self.clock = clock
        self.give_up = give_up
        self.oldest = oldest
        self.is_ignored = is_ignored
        self._sleep = sleep
        self._pause_s = REQUESTS_PER_JOB * 60 / (requests_per_minute * BUDGET_SHARE)

    def run(self) -> Tally:
        """Find the documents without an active owner or a result of their current version, and submit them.

        Once a night it takes up again what was reported for another cause than the document, within GIVE_UP_HOURS of
        the first report, and tries what the storage refuses. Documents older than IGNORE_DOCUMENTS_BEFORE that were
        never taken on are left alone. What fails at one document stops no other; where a listing fails, what was found
        so far is submitted, and the next run goes on.
        """
        run = _Run(self, Failures("reconcile"), Tally(), self.clock() + LONGEST_RECONCILE)
        tally = run.tally
        for found in batches(chain.from_iterable(map(_while_listed, run.comparisons())), MAX_REQUEST_DOCUMENTS):
            tally.submitted += len(run.attempts.submit(found))
            self._sleep(self._pause_s)
            if run.is_time_up():
                break
        tally.submitted += run.attempts.retry_refused(run.is_to_be_retried)
        tally.is_complete &= not run.listings_failed
        run.finish_audit()
        run.failures.log()
        _log(tally, run.failures.total)
        return tally


_CONCLUDED = (DocumentState.DONE, DocumentState.FAILED)


class _Row(NamedTuple):
    """A document and its record."""

    document: BlobInfo
    record: BlobInfo | None

    @property
    def name(self) -> str:
        return self.document.name

    @property
    def state(self) -> DocumentState | None:
        """The state of the current version; None where the record is about an earlier one, or there is none."""
        if not self.record or self.record.metadata.get("source_etag") != self.document.etag:
            return None
        try:
            return DocumentState(self.record.metadata.get("state", ""))
        except ValueError:
            return None

    @property
    def has_ended(self) -> bool:
        """Whether the current version has its result or its report, by a record that this release can read."""
        return self.state in _CONCLUDED and not self.is_newer

    @property
    def is_newer(self) -> bool:
        """Whether a newer release has written the record."""
        return self.record is not None and is_newer(self.record)

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.record.metadata if self.record else {}

    @property
    def promised(self) -> tuple[str, ...]:
        """What the names of the results end with that the record promises for the current version."""
        return promised_by(self.metadata) if self.state in _CONCLUDED else ()


class _Expected(NamedTuple):
    name: str
    row: _Row


class _Run:
    """One comparison: what it counts, what fails in it, and what it has tried."""

    def __init__(self, reconcile: Reconcile, failures: Failures, tally: Tally, until: datetime) -> None:
        self.failures, self.tally, self.until = failures, tally, until
        self.documents, self.records, self.repairs = reconcile.documents, reconcile.records, reconcile.repairs
        self.clock, self.give_up, self.oldest = reconcile.clock, reconcile.give_up, reconcile.oldest
        self.is_ignored = reconcile.is_ignored
        self.attempts = Attempts(self.repairs, failures)
        self.audit: Audit | None = None
        """None where the journal can not be read."""
        with failures.guard("read the journal", ""):
            self.audit = reconcile.journal.audit()
        self.index: IndexAudit | None = None
        """None where the index can not be read."""
        with failures.guard("read the index", ""):
            self.index = IndexAudit(reconcile.index, reconcile.records, self.clock())
        self._suffixes = {ENTITIES_SUFFIX, ERROR_SUFFIX}
        """What the names of results end with, as far as records have named them."""
        self._tried: set[str] = set()
        """Keys of documents that this run has taken up again already, or need not try."""
        self._is_alive = lru_cache(maxsize=10_000)(self.records.is_alive)

    @property
    def listings_failed(self) -> bool:
        """Whether a listing ended early, so that documents may be left that nobody has compared."""
        return any(kind.action == _LISTING for kind in self.failures.counts)

    def unowned(self) -> Iterator[Found]:
        """Yield the documents that nobody works on and that have no result; count all others."""
        for row in self._rows():
            with self.failures.guard("compare a document", row.name):
                if self.audit and row.has_ended:
                    self.audit.check(row.name, row.metadata)
                if self.index and not row.is_newer:
                    self.index.check(row.name, row.metadata if row.has_ended else {})
                self._suffixes.update(row.promised)
                found = self._unowned(row)
                if found:
                    yield found

    def comparisons(self) -> Iterator[Iterator[Found]]:
        """Yield all comparisons: with the records, and for each kind of result, which the records name, with those."""
        yield self.unowned()
        yield from map(self.without_result, sorted(self._suffixes))

    def without_result(self, suffix: str) -> Iterator[Found]:
        """Yield the documents whose record promises a result that is not there; remove results that should not be.

        One kind of result is compared: those whose names end with `suffix`.
        """

        def naming(document: str) -> str:
            return fitting_name("", document, suffix)

        concluded = (row for row in self._rows() if row.has_ended)
        expected = (_Expected(naming(row.name), row) for row in in_result_order(concluded, naming))
        listed = self._listing(self.documents.list_results)
        present = (info for info in listed if info.name.endswith(suffix))
        for promise, result in side_by_side(expected, present):
            if promise is None:
                continue  # A result without a document: the document was deleted, its result is its owner's.
            with self.failures.guard("compare a result", promise.name):
                found = self._without_result(promise, result, suffix)
                if found:
                    yield found

    def finish_audit(self) -> None:
        """Write what the journal lacks; where all documents were counted, the summary, and that the index is whole."""
        if self.audit:
            with self.failures.guard("write the journal", ""):
                self.audit.finish(is_complete=self.tally.is_complete)
        if self.index:
            with self.failures.guard("write the index", ""):
                self.index.finish(is_complete=self.tally.is_complete)

    def is_time_up(self) -> bool:
        """Whether the run is to end here, incomplete."""
        if self.clock() > self.until:
            self.tally.is_complete = False
        return not self.tally.is_complete

    def is_to_be_retried(self, refusal: ListedRefusal) -> bool:
        """Whether a refused document is to be tried at night: the others are tried by every sweep."""
        is_for_the_night = refusal.is_reported or refusal.code in ARCHIVED_CODES
        return is_for_the_night and refusal.key not in self._tried and not self.is_time_up()

    def _rows(self) -> Iterator[_Row]:
        """Yield the documents, each with its record; delete the records of those that are gone."""
        documents = self._listing(self.documents.list)
        for document, record in side_by_side(documents, self._listing(self.records.list_documents)):
            if self.is_time_up():
                return  # Thousands of documents may need a look each before one of them needs to be submitted.
            if document is None:
                if record and not is_newer(record):
                    with self.failures.guard("delete the record of a deleted document", record.name):
                        self._delete_record(record)
            elif not document.is_folder:
                row = None
                with self.failures.guard("find the record of a document", document.name):
                    row = _Row(document, record or self._unlisted(document.name))
                if row:
                    yield row

    def _delete_record(self, record: BlobInfo) -> None:
        """Delete the record of a document that is gone, so that it is new if it is dropped again."""
        try:
            self.documents.get_properties(record.name)
        except Missing:
            with contextlib.suppress(Missing, Changed):
                self.records.delete_document(record.name, record.etag)
            # Deletion raises no event, and what was extracted from a file goes with it.
            if is_safe(record.name):
                self.documents.delete_text(extracted_name(record.name))

    def _unlisted(self, name: str) -> BlobInfo | None:
        return self.records.unlisted_document(name) if is_safe(name) else None

    def _listing(self, items: Callable[[], Iterable[T]]) -> Iterator[T]:
        """Yield what a listing gives. Where it fails the comparison ends: half a listing would show half as missing."""
        try:
            yield from items()
        except Exception as error:
            self.failures.note(_LISTING, "", error)
            raise _ListingFailed from error

    def _unowned(self, row: _Row) -> Found | None:
        tally, state, oldest = self.tally, row.state, self.oldest
        if row.is_newer:
            self.failures.newer += 1
        elif (row.record is None and oldest and row.document.last_modified < oldest) or (
            state is None and self.is_ignored(row.name, row.document.last_modified)
        ):
            tally.ignored += 1
        elif state is DocumentState.DONE:
            tally.done += 1
        elif not is_safe(row.name):
            tally.failed += 1
            self.repairs.report_unsafe_name(row.name)
        elif state is DocumentState.FAILED:
            if not self._is_to_be_retaken(row):
                tally.failed += 1
            elif row.record:
                tally.pending += 1
                tally.retaken += 1
                self._tried.add(refusal_key(row.name))
                return Found(row.name, Retake(row.record.etag))
        else:
            tally.pending += 1
            if state is None or not self._is_alive(row.metadata.get("owner", "-")):
                return self._unless_archived(row)
        return None

    def _unless_archived(self, row: _Row) -> Found | None:
        if not row.document.is_archived:
            return Found(row.name)
        self.tally.deferred += 1
        self._tried.add(refusal_key(row.name))
        self.attempts.refuse(Found(row.name), ARCHIVED_CODES[0], is_refusal=True)
        return None

    def _is_to_be_retaken(self, row: _Row) -> bool:
        """Whether a version that was reported is taken up again this night.

        Records that do not say whose fault it was, or since when, come from a version of the app that counted
        otherwise, and are left alone.
        """
        if row.document.is_archived or row.metadata.get("fault", Fault.DOCUMENT) == Fault.DOCUMENT:
            return False
        first, last = moment(row.metadata.get("first_reported")), moment(row.metadata.get("updated"))
        now = self.clock()
        if first is None or last is None or now - first > self.give_up:
            return False
        # Not retaken so far, or not in this night, in which somebody may have run this by hand as well.
        return last - first < _SAME_REPORT or now - last >= _A_NIGHT

    def _without_result(self, promise: _Expected, result: BlobInfo | None, suffix: str) -> Found | None:
        row = promise.row
        if refusal_key(row.name) in self._tried:
            return None  # It is taken up again already; what it lacks then, the next run sees.
        if _belongs(result, row) if suffix in row.promised else result is None:
            return None
        # The listings were read before: whatever they show may have changed, and only the record of now counts. It is
        # read after the result was listed, so a result that it does not promise is not one that is just being written.
        record, etag = self.records.document(row.name)
        if record is None or etag is None or record.document.etag != row.document.etag or record.is_pending:
            return None
        if suffix not in record.promised:
            if result:
                self.documents.withdraw_result(result.name, result.etag)
            return None
        if _belongs(self.documents.get_result_properties(promise.name), row):
            return None
        if any(other < suffix and not self._has_result(row, other) for other in record.promised):
            return None  # The comparison of that kind has found the document already.
        _count_as_pending(self.tally, record.state)
        # Claimed over this very record: were it deleted first, a crash would leave a document that nobody has ever
        # taken on, which IGNORE_DOCUMENTS_BEFORE may say to ignore.
        return Found(row.name, Retake(etag, is_replay=True))

    def _has_result(self, row: _Row, suffix: str) -> bool:
        return _belongs(self.documents.get_result_properties(fitting_name("", row.name, suffix)), row)


class _ListingFailed(Exception):
    """A listing ended early; what it would have shown is unknown."""


def _while_listed(found: Iterator[Found]) -> Iterator[Found]:
    """Yield what a comparison finds until a listing fails; that is noted already."""
    with contextlib.suppress(_ListingFailed):
        yield from found


def _belongs(result: BlobInfo | None, row: _Row) -> bool:
    return result is not None and result.metadata.get("source_etag") == row.document.etag


def _count_as_pending(tally: Tally, state: DocumentState) -> None:
    if state is DocumentState.DONE:
        tally.done -= 1
    else:
        tally.failed -= 1
    tally.pending += 1


def _log(tally: Tally, failed: int) -> None:
    logger.info(
        "Reconcile%s: %s dropped = %s done + %s failed + %s pending, of which %s were submitted now, %s of them after "
        "an earlier report, and %s are archived; %s ignored; %s could not be looked after.",
        "" if tally.is_complete else " (not complete, the next run goes on)",
        tally.dropped,
        tally.done,
        tally.failed,
        tally.pending,
        tally.submitted,
        tally.retaken,
        tally.deferred,
        tally.ignored,
        failed,
        extra={
            "action": "reconcile",
            "dropped": tally.dropped,
            "done": tally.done,
            "failed": tally.failed,
            "pending": tally.pending,
            "submitted": tally.submitted,
            "retaken": tally.retaken,
            "deferred": tally.deferred,
            "ignored": tally.ignored,
            "unattended": failed,
            "complete": tally.is_complete,
        },
    )
