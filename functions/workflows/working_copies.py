"""The working copies of texts that were extracted from files: kept from when a file is read until its result.

Most are small, and to write and delete a blob for each would cost more than all else that such a file needs beyond its
text. So a small one is in memory only; where it is not there, after a restart or in another instance, it is extracted
again, as a text is read again. Its key tells whether that gave the same text. Others are stored.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Changed, DocumentError, Missing
from ..storage.document_store import DocumentStore
from ..storage.extracted_store import ExtractedStore, WorkingCopy, copy_key, is_stored, small_copy_key
from ..text.formats import HEAD_BYTES
from ..text.formats.locations import LocationMap
from .extractor import Extractor
from .refusals import Refusals

SMALL_TEXT = 20_000
"""Characters; up to so many, a text goes into one chunk, and is extracted in milliseconds from a small file."""
SMALL_FILE = 1024 * 1024
"""Bytes; what one request brings."""

MEMORY_BYTES = 32 * 1024 * 1024
"""For small working copies: some thousand of the usual size."""
_BYTES_PER_PLACE = 300

TEXT_LOST = "ExtractedTextLost"
"""Stands in the place of the storage's error code where a document is remembered because its text is lost."""

KEPT_MAPS = 200
LARGEST_KEPT_MAP = 5_000
"""Entries of the location map of a stored copy that is kept in memory; larger ones are read again."""


def key_of(name: str, etag: str, version: str, file_bytes: int, text: str) -> str:
    """Return the key of the working copy of a text; `version` is that of the extractors."""
    if len(text) <= SMALL_TEXT and file_bytes <= SMALL_FILE:
        return small_copy_key(name, etag, text)
    return copy_key(name, etag, version)


class WorkingCopies:
    """Keeps working copies; shared by all threads.

    A text that is lost raises `Changed`, and its document is remembered to be read anew: `sweep` does that. A document
    that is gone raises `Missing`.
    """

    def __init__(
        self,
        store: ExtractedStore,
        documents: DocumentStore,
        extractor: Extractor,
        refusals: Refusals,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._store = store
        self._documents = documents
        self._extractor = extractor
        self._refusals = refusals
        self._memory_bytes = memory_bytes
        self._bytes = 0
        self._small: OrderedDict[str, WorkingCopy] = OrderedDict()
        self._maps: OrderedDict[str, LocationMap] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, copy: WorkingCopy) -> None:
        """Keep a working copy: before any record refers to it."""
        if is_stored(copy.key):
            self._store.save(copy)
            self._keep_map(copy.key, copy.locations)
        else:
            self._keep_small(copy)

    def text(self, key: str, document: str, etag: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return bytes `start` to `end` of the text of a document's version, or all of it."""
        if not is_stored(key):
            return self._small_copy(key, document, etag).text.encode()[start:end]
        with self._lost_is_changed(document):
            return self._store.read_text(key, start, end)

    def locations(self, key: str, document: str, etag: str) -> LocationMap:
        """Return where the parts of the text of a document's version stand in its file."""
        if not is_stored(key):
            return self._small_copy(key, document, etag).locations
        with self._lock:
            known = self._maps.get(key)
        if known is None:
            with self._lost_is_changed(document):
                known = self._store.read_locations(key)
            self._keep_map(key, known)
        return known

    def delete(self, key: str) -> None:
        """Delete a working copy that nothing refers to any more."""
        if is_stored(key):
            self._store.delete(key)
        else:
            with self._lock:
                self._forget(key)

    def _small_copy(self, key: str, document: str, etag: str) -> WorkingCopy:
        with self._lock:
            known = self._small.get(key)
        if known is None:
            known = self._extracted_again(key, document, etag)
            self._keep_small(known)
        return known

    def _extracted_again(self, key: str, document: str, etag: str) -> WorkingCopy:
        data = self._documents.read_part(document, etag, None, None)
        with self._lost_is_changed(document):
            if not self._extractor.kind_of(data[:HEAD_BYTES]).is_file:
                raise Missing(document)  # Extraction was turned off since.
            try:
                found, _ = self._extractor.extract(data)
            except DocumentError as error:
                raise Missing(document) from error
            if small_copy_key(document, etag, found.text) != key:
                raise Missing(document)  # Another version of the extractors gives another text.
        return WorkingCopy(key, found.text, found.locations)

    def _keep_small(self, copy: WorkingCopy) -> None:
        with self._lock:
            self._forget(copy.key)
            self._small[copy.key] = copy
            self._bytes += _size(copy)
            while self._bytes > self._memory_bytes:
                self._forget(next(iter(self._small)))

    @contextmanager
    def _lost_is_changed(self, document: str) -> Iterator[None]:
        try:
            yield
        except Missing as error:
            self._refusals.note(document, TEXT_LOST)
            raise Changed(document) from error

    def _forget(self, key: str) -> None:
        copy = self._small.pop(key, None)
        if copy:
            self._bytes -= _size(copy)

    def _keep_map(self, key: str, locations: LocationMap) -> None:
        if len(locations.starts) > LARGEST_KEPT_MAP:
            return
        with self._lock:
            self._maps[key] = locations
            self._maps.move_to_end(key)
            while len(self._maps) > KEPT_MAPS:
                self._maps.popitem(last=False)


def _size(copy: WorkingCopy) -> int:
    return sys.getsizeof(copy.text) + _BYTES_PER_PLACE * len(copy.locations.starts)
