"""Compares what was dropped with what came of it, and puts right what differs.

Events get lost, records of dead jobs stay behind, people delete results. Three sorted listings (documents, records,
results) are read side by side, in constant memory however many blobs there are; what looks wrong is looked at once
more by itself, and then goes the ordinary way.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from ..app import EntityDrop
from ..errors import Changed, Missing
from ..pipeline.documents import DocumentState
from ..pipeline.packing import MAX_REQUEST_DOCUMENTS
from ..pipeline.reconciling import in_result_order, side_by_side
from ..pipeline.results import ENTITIES_SUFFIX, ERROR_SUFFIX, entities_name, error_name
from ..services.blobs import BlobInfo
from .rescue import submit_or_report
from .submit import submit_batch

logger = logging.getLogger(__name__)

BUDGET_SHARE = 0.5
"""Share of the request budget that documents found here may take; the rest is for those that are dropped now."""

REQUESTS_PER_BATCH = 3
"""One POST and about two GETs."""

LONGEST_RUN = timedelta(minutes=20)
"""After which the run stops finding more: less than the function's timeout. The next run goes on."""

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What a run found. `dropped` is always `done + failed + pending`."""

    done: int = 0
    failed: int = 0
    pending: int = 0
    submitted: int = 0
    ignored: int = 0
    is_complete: bool = True

    @property
    def dropped(self) -> int:
        """Documents that are looked after."""
        return self.done + self.failed + self.pending


def reconcile(app: EntityDrop) -> Tally:
    """Find the documents without a living owner or a result of their current version, and submit them.

    Documents older than IGNORE_DOCUMENTS_BEFORE that were never taken on are left alone.
    """
    tally = Tally()
    until = app.clock() + LONGEST_RUN
    found = chain(_unowned(app, tally), *(_without_result(app, tally, results) for results in _RESULTS))
    for names in _batches(found, MAX_REQUEST_DOCUMENTS):
        tally.submitted += _submit(app, names)
        app.sleep(REQUESTS_PER_BATCH * 60 / (app.settings.requests_per_minute * BUDGET_SHARE))
        if app.clock() > until:
            tally.is_complete = False
            break
    _log(tally)
    return tally


def _submit(app: EntityDrop, names: list[str]) -> int:
    """Submit documents and return how many; one that can not be submitted is reported, and hinders no other."""
    try:
        submit_batch(app, names)
    except Exception as error:
        logger.warning(
            "One of %s documents could not be submitted (%s); each is tried by itself.",
            len(names),
            type(error).__name__,
            extra={"action": "reconcile_one_by_one"},
        )
        return sum(submit_or_report(app, name) for name in names)
    return len(names)


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


class _Results(NamedTuple):
    """One kind of result: the state that promises it, and the suffix of its name."""

    state: DocumentState
    suffix: str


_RESULTS = (_Results(DocumentState.DONE, ENTITIES_SUFFIX), _Results(DocumentState.FAILED, ERROR_SUFFIX))


def _rows(app: EntityDrop) -> Iterator[_Row]:
    for document, record in side_by_side(app.documents.list(), app.states.list_documents()):
        if document:
            yield _Row(document, record or app.states.unlisted_document(document.name))
        elif record:
            _forget(app, record)


def _forget(app: EntityDrop, record: BlobInfo) -> None:
    """Drop the record of a document that is gone, so that it is new if it is dropped again."""
    try:
        app.documents.look(record.name)
    except Missing:
        try:
            app.states.delete_document(record.name, record.etag)
        except (Missing, Changed):
            return


def _unowned(app: EntityDrop, tally: Tally) -> Iterator[str]:
    """Yield the documents that nobody works on and that have no result; count all others."""
    is_alive = lru_cache(maxsize=10_000)(app.states.is_alive)
    oldest = app.settings.ignore_documents_before
    for row in _rows(app):
        state = row.state
        if row.record is None and oldest and row.document.last_modified < oldest:
            tally.ignored += 1
        elif state is DocumentState.DONE:
            tally.done += 1
        elif state is DocumentState.FAILED:
            tally.failed += 1
        else:
            tally.pending += 1
            if state is None or not is_alive((row.record.metadata if row.record else {}).get("owner", "-")):
                yield row.name


class _Expected(NamedTuple):
    name: str
    row: _Row


def _without_result(app: EntityDrop, tally: Tally, results: _Results) -> Iterator[str]:
    """Yield the documents whose record promises a result that is not there; remove results that should not be."""
    naming = entities_name if results.state is DocumentState.DONE else error_name
    concluded = (row for row in _rows(app) if row.state in (DocumentState.DONE, DocumentState.FAILED))
    expected = (_Expected(naming(row.name), row) for row in in_result_order(concluded, naming))
    present = (info for info in app.documents.list_results() if info.name.endswith(results.suffix))
    for promise, result in side_by_side(expected, present):
        if promise is None:
            continue  # A result without a document: the document was deleted, its result is its owner's.
        is_promised = promise.row.state is results.state
        if not is_promised and result:
            app.documents.withdraw_result(result.name, result.etag)
        elif is_promised and not _belongs(result, promise.row) and _is_lost(app, promise):
            _count_as_pending(tally, results.state)
            yield promise.row.name


def _belongs(result: BlobInfo | None, row: _Row) -> bool:
    return result is not None and result.metadata.get("source_etag") == row.document.etag


def _is_lost(app: EntityDrop, promise: _Expected) -> bool:
    """Whether a result is really missing, and its record has been dropped so that the document is new again."""
    row = promise.row
    if _belongs(app.documents.look_at_result(promise.name), row) or row.record is None:
        return False
    try:
        app.states.delete_document(row.name, row.record.etag)
    except (Missing, Changed):
        return False  # Somebody has taken it on meanwhile.
    return True


def _count_as_pending(tally: Tally, state: DocumentState) -> None:
    if state is DocumentState.DONE:
        tally.done -= 1
    else:
        tally.failed -= 1
    tally.pending += 1


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _log(tally: Tally) -> None:
    logger.info(
        "Reconcile%s: %s dropped = %s done + %s failed + %s pending, of which %s were submitted now; %s ignored.",
        "" if tally.is_complete else " (not complete, the next run goes on)",
        tally.dropped,
        tally.done,
        tally.failed,
        tally.pending,
        tally.submitted,
        tally.ignored,
        extra={
            "action": "reconcile",
            "dropped": tally.dropped,
            "done": tally.done,
            "failed": tally.failed,
            "pending": tally.pending,
            "submitted": tally.submitted,
            "ignored": tally.ignored,
        },
    )
