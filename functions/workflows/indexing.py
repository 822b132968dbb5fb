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
        metadata = after.metadata()
        old, new = kinds_of(before.metadata()) if before else NOWHERE, kinds_of(metadata)
        name = after.document.name
        try:
            for kind in old - new:
                self._store.remove(kind, name)
            for kind in new:
                self._store.add(kind, name, metadata)
        except Exception as error:
            logger.warning(
                "The index of documents could not be changed for %r (%s); reconcile does it.",
                name,
                type(error).__name__,
                extra={"action": "index_unwritten", "document": name},
            )


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
                entry = self._store.find(kind, name) if kind in wanted else None
            else:
                for stale in entries.before(name):
                    self._remove(kind, stale)
                entry = entries.at(name)
            if kind not in wanted:
                if entry:
                    self._remove(kind, entry)
            elif entry is None or not entry.is_of(metadata):
                self._add(kind, name)

    def finish(self, *, is_complete: bool) -> None:
        """End the comparison; where it has seen every document, what is left in the lists is of documents gone."""
        if not is_complete:
            return
        for kind, entries in self._lists.items():
            for stale in entries.rest():
                self._remove(kind, stale)
        self._store.save_rebuilt(Rebuilt(as_of=self._as_of))

    # The listings were read before: only the record of now counts.

    def _add(self, kind: IndexKind, name: str) -> None:
        record = self._records.find_document(name)
        if record and kind in kinds_of(record.metadata):
            self._store.add(kind, name, record.metadata)

    def _remove(self, kind: IndexKind, entry: IndexEntry) -> None:
        record = self._records.find_document(entry.document)
        if not record or kind not in kinds_of(record.metadata):
            self._store.remove(kind, entry.document, entry.blob.etag)


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
