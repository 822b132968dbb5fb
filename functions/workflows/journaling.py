"""Writes the journal: lines are collected for a moment, so that a burst takes few requests.

What a worker has collected when it dies is lost; `reconcile` finds the documents without a line by their records.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..core.documents import DocumentState
from ..core.hours import DAYS_KEPT, HourHistory, Hours
from ..core.journal import (
    SETTLED,
    Key,
    Line,
    Summary,
    as_repaired,
    distinct,
    document_ended,
    ended_key,
    hour_of,
    sums,
)
from ..core.records import moment
from ..storage.document_store import DocumentStore
from ..storage.journal_store import JournalStore
from ..storage.record_store import RecordStore
from .result_files import read_results

logger = logging.getLogger(__name__)

LINGER_S = 2.0
"""How long lines are collected; a process that ends earlier loses them."""

_LINES_AT_ONCE = 1000

MOST_KEPT = 20_000
"""Lines that are kept while the storage fails; about six megabytes."""


def after_a_moment(act: Callable[[], None]) -> None:
    """Do something in `LINGER_S`, in a thread of its own that keeps no process alive."""
    timer = threading.Timer(LINGER_S, act)
    timer.daemon = True
    timer.start()


class Journal:
    """Collects the lines of one worker and appends them; shared by all of its threads."""

    def __init__(self, store: JournalStore, later: Callable[[Callable[[], None]], None] = after_a_moment) -> None:
        self._store = store
        self._later = later
        self._lines: list[Line] = []
        self._lock = threading.Lock()
        self._flushing = threading.Lock()

    def add(self, line: Line) -> None:
        """Take a line; it is written within a few seconds."""
        with self._lock:
            self._lines.append(line)
            is_first = len(self._lines) == 1
        if is_first:
            self._later(self.flush)

    def flush(self) -> None:
        """Append what has been collected; what can not be written now is tried again with what comes next."""
        with self._flushing:
            with self._lock:
                lines, self._lines = self._lines, []
            if not lines:
                return
            try:
                self._store.append(lines)
            except Exception as error:
                logger.warning(
                    "%s line(s) of the journal could not be written (%s); they are tried again.",
                    len(lines),
                    type(error).__name__,
                    extra={"action": "journal_unwritten", "count": len(lines)},
                )
                self._put_back(lines)

    def _put_back(self, lines: list[Line]) -> None:
        with self._lock:
            self._lines = [*lines, *self._lines][-MOST_KEPT:]
        self._later(self.flush)


class JournalRepair:
    """Compares the journal with the records of documents, adds the lines that were lost, and counts the documents."""

    def __init__(
        self,
        store: JournalStore,
        documents: DocumentStore,
        records: RecordStore,
        clock: Callable[[], datetime],
        keep: timedelta,
    ) -> None:
        self._store = store
        self._documents = documents
        self._records = records
        self._clock = clock
        self._keep = keep

    def audit(self) -> "Audit":
        """Return a comparison that begins now; lines are missed of documents that ended since the last whole one.

        Before the first one nobody knows since when there is a journal, and no line is missed.
        """
        as_of = self._clock().replace(microsecond=0)
        last, history = self._store.summary(), self._store.history()
        since = max(last.as_of - SETTLED, as_of - self._keep) if last else as_of
        # What is known of the hours is as old as the summary; where nothing is, all of them are counted.
        first = min(since, history.as_of - SETTLED) if history else as_of - timedelta(days=DAYS_KEPT)
        hours = Hours(first, history.hours if history else ())
        written: set[int] = set()
        for entry in distinct(self._store.entries(first, as_of)):
            hours.add(entry.line)
            if entry.line.at >= hour_of(since):
                written.add(hash(entry.line.key))
        return Audit(self, as_of, since if last else None, written, hours)

    def lost_line(self, name: str, key: Key) -> Line | None:
        """Return the line that a document should have by its record; None where that is about another ending by now."""
        record, _ = self._records.document(name)
        if record is None or record.is_pending or ended_key(name, record.document.etag, record.owner) != key:
            return None
        results = read_results(self._documents, name, record.work.tasks)
        # What an earlier version has left says nothing of this one.
        own = [result for result in results.values() if result.document.etag == record.document.etag]
        return as_repaired(document_ended(record, sums(own)))

    def write(self, lines: list[Line]) -> None:
        """Append lines that were lost."""
        self._store.append(lines)
        logger.warning(
            "%s line(s) of the journal were lost and are written now.",
            len(lines),
            extra={"action": "journal_repaired", "count": len(lines)},
        )

    def save(self, summary: Summary, history: HourHistory) -> None:
        """Save what a whole comparison has counted."""
        self._store.save_history(history)
        self._store.save_summary(summary)


@dataclass(slots=True)
class Audit:
    """One comparison of records with the journal."""

    repair: JournalRepair
    as_of: datetime
    """Documents that ended later are counted by their lines."""
    missed_from: datetime | None
    """Documents that have ended since then have a line; None where no line is missed."""
    written: set[int]
    """Hashes of the keys of the lines since then."""
    hours: Hours
    done: int = 0
    failed: int = 0
    lost: list[Line] = field(default_factory=list)

    def check(self, name: str, metadata: Mapping[str, str]) -> None:
        """Count a document that has ended, by the metadata of its record; find its line if that was lost."""
        updated = moment(metadata.get("updated"))
        if updated is None or updated >= self.as_of:
            return
        if metadata.get("state") == DocumentState.DONE:
            self.done += 1
        else:
            self.failed += 1
        if self.missed_from is None or not self.missed_from <= updated < self.as_of - SETTLED:
            return
        key = ended_key(name, metadata.get("source_etag", ""), metadata.get("owner", ""))
        if hash(key) in self.written:
            return
        line = self.repair.lost_line(name, key)
        if line:
            self.hours.add(line)
            self.lost.append(line)
            if len(self.lost) >= _LINES_AT_ONCE:
                self.write_lost()

    def write_lost(self) -> None:
        """Write the lines that were found to be lost."""
        if self.lost:
            self.repair.write(self.lost)
            self.lost = []

    def finish(self, *, is_complete: bool) -> None:
        """End the comparison; where it has seen every document, what it has counted becomes the summary."""
        self.write_lost()
        if is_complete:
            summary = Summary(as_of=self.as_of, done=self.done, failed=self.failed)
            # The hour that has begun is counted by its lines.
            history = HourHistory(as_of=self.as_of, hours=tuple(self.hours.sums(hour_of(self.as_of))))
            self.repair.save(summary, history)
