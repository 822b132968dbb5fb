"""Keeps the index of failed and reviewable documents: with every change of a record, and once a night as a whole."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain

from ..core.documents import DocumentRecord
from ..core.index import NOWHERE, IndexKind, Rebuilt, kinds_of
from ..core.listings import sort_key
from ..core.names import is_shortened
from ..storage.index_store import IndexEntry, IndexStore, entry_name
from ..storage.record_store import RecordStore

logger = logging.getLogger(__name__)


class Indexing:
    """Notes in the index what becomes of documents.

    Called once the record is saved. What fails here is logged and left to `reconcile`: no document waits for it.
    """

    def __init__(self, store: IndexStore) -> None:
        self._store = store

    def note(self, before: DocumentRecord | None, after: DocumentRecord) -> None:
        """Note a change of a record; a document that was never in the index costs no request."""
        old, new = _kinds(before), _kinds(after)
        name = after.document.name
        try:
            for kind in old - new:
                self._store.remove(kind, name)
            for kind in new - old:
                self._store.add(kind, name)
        except Exception as error:
            logger.warning(
                "The index of documents could not be changed for %r (%s); reconcile does it.",
                name,
                type(error).__name__,
                extra={"action": "index_unwritten", "document": name},
            )


def _kinds(record: DocumentRecord | None) -> frozenset[IndexKind]:
    return kinds_of(record.metadata()) if record else NOWHERE


class IndexAudit:
    """One comparison of the index with all records, which come sorted by name."""

    def __init__(self, store: IndexStore, records: RecordStore, as_of: datetime) -> None:
        self._store = store
        self._records = records
        self._as_of = as_of
        self._lists = {kind: _Ahead(store.list(kind)) for kind in IndexKind}

    def check(self, name: str, metadata: Mapping[str, str]) -> None:
        """Compare the entries of a document, and those before it, with its record's metadata."""
        wanted = kinds_of(metadata)
        for kind, entries in self._lists.items():
            if is_shortened(entry_name(kind, name)):
                is_there = self._store.has(kind, name) if kind in wanted else False
            else:
                for stale in entries.before(name):
                    self._remove(kind, stale)
                entry = entries.at(name)
                is_there = entry is not None
                if entry and kind not in wanted:
                    self._remove(kind, entry)
            if kind in wanted and not is_there and kind in self._wanted_now(name):
                self._store.add(kind, name)

    def finish(self, *, is_complete: bool) -> None:
        """End the comparison; where it has seen every document, what is left in the lists is of documents gone."""
        if not is_complete:
            return
        for kind, entries in self._lists.items():
            for stale in entries.rest():
                self._remove(kind, stale)
        self._store.save_rebuilt(Rebuilt(as_of=self._as_of))

    def _remove(self, kind: IndexKind, entry: IndexEntry) -> None:
        # The listings were read before: only the record of now counts.
        if kind not in self._wanted_now(entry.document):
            self._store.remove(kind, entry.document, entry.blob.etag)

    def _wanted_now(self, name: str) -> frozenset[IndexKind]:
        record = self._records.find_document(name)
        return kinds_of(record.metadata) if record else NOWHERE


class _Ahead:
    """The entries of a list that nothing was compared with yet."""

    def __init__(self, entries: Iterator[IndexEntry]) -> None:
        self._entries = entries
        self._long: list[IndexEntry] = []
        """Those of the very longest names, which are not in their place: a handful."""
        self._next = self._take()

    def before(self, name: str) -> Iterator[IndexEntry]:
        """Yield the entries before that of a name."""
        while self._next and sort_key(self._next.document) < sort_key(name):
            yield self._next
            self._next = self._take()

    def at(self, name: str) -> IndexEntry | None:
        """Return the entry of a name, if it is there, and go on behind it."""
        found = self._next
        if found is None or found.document != name:
            return None
        self._next = self._take()
        return found

    def rest(self) -> Iterator[IndexEntry]:
        """Yield all that is left."""
        own = [self._next] if self._next else []
        yield from chain(own, self._entries, self._long)

    def _take(self) -> IndexEntry | None:
        for entry in self._entries:
            if not is_shortened(entry.blob.name):
                return entry
            self._long.append(entry)
        return None
