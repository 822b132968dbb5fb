"""Reads the text of a chunk again: to submit it, and to check at the end that entities are where they should be."""

import sys
import threading
from collections import OrderedDict
from typing import NamedTuple

from ..core.records import Chunk
from ..errors import Changed
from ..storage.document_store import DocumentStore
from ..storage.extracted_store import WorkingCopy
from ..tasks.task import Places, nowhere
from ..text.chunks import completed, text_of, whole_of
from ..text.compression import unpack
from .working_copies import WorkingCopies

CACHE_BYTES = 64 * 1024 * 1024
"""Memory for texts between their submission and their result: some thousand documents of usual size. A text that
does not fit any more is read again."""


class _Key(NamedTuple):
    document: str
    etag: str
    start: int
    end: int


class TextCache:
    """Texts of chunks that are being worked on; what was used longest ago goes first. Shared by all threads."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._texts: OrderedDict[_Key, str] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, chunk: Chunk, text: str) -> None:
        """Keep the text of a chunk, unless it takes more than a quarter of the room by itself."""
        size, key = sys.getsizeof(text), _key(chunk)
        if size > self._max_bytes // 4:
            return
        with self._lock:
            self._drop(key)
            self._texts[key] = text
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._texts)))

    def take(self, chunk: Chunk) -> str | None:
        """Return the text of a chunk, and keep it no longer; None where it is not there."""
        with self._lock:
            return self._drop(_key(chunk))

    def _drop(self, key: _Key) -> str | None:
        text = self._texts.pop(key, None)
        if text is not None:
            self._bytes -= sys.getsizeof(text)
        return text


def _key(chunk: Chunk) -> _Key:
    return _Key(chunk.document, chunk.etag, chunk.start, chunk.end)


class TextReader:
    """Reads the texts of chunks from their documents, or from memory where this worker has read them before.

    `large_documents` bounds how many documents are held in memory as a whole at the same time.
    """

    def __init__(
        self,
        documents: DocumentStore,
        copies: WorkingCopies,
        cache: TextCache,
        large_documents: threading.Semaphore,
    ) -> None:
        self._documents = documents
        self._copies = copies
        self._cache = cache
        self._large_documents = large_documents

    def keep_copy(self, copy: WorkingCopy | None) -> None:
        """Keep the working copy of an extracted text: before any record refers to it."""
        if copy:
            self._copies.keep(copy)

    def places(self, chunk: Chunk) -> Places:
        """Return what tells where a position in a document's text stands in its file; raises what `read` does."""
        if not chunk.extracted:
            return nowhere
        return self._copies.locations(chunk.extracted, chunk.document, chunk.etag).at

    def keep(self, chunk: Chunk, text: str) -> None:
        """Keep a text that was submitted, for the check of its result."""
        self._cache.keep(chunk, text)

    def submitted(self, chunk: Chunk) -> str:
        """Return the text that was submitted. Raises `Missing` and `Changed` where it is not in memory any more."""
        text = self._cache.take(chunk)
        return self.read(chunk) if text is None else text

    def read(self, chunk: Chunk) -> str:
        """Return the text of a chunk, read anew from its document or its working copy.

        Raises `Missing`, and `Changed`, also where the working copy is lost: the document is to be read anew then.
        """
        if chunk.extracted:
            place = chunk.byte_start, chunk.byte_end
            return text_of(chunk, self._copies.text(chunk.extracted, chunk.document, chunk.etag, *place))
        try:
            return self._read(chunk)
        except UnicodeDecodeError:
            # An instance of the first release has written the job anew, and dropped what it does not know.
            return self._read(self._completed(chunk))

    def read_whole(self, chunk: Chunk) -> str:
        """Return all of the text that a chunk is a part of. Raises as `read` does."""
        return self.read(whole_of(chunk))

    def check_unchanged(self, chunk: Chunk) -> None:
        """Raise `Missing` or `Changed` where the document is not there any more at the version of a chunk."""
        if self._documents.get_properties(chunk.document).etag != chunk.etag:
            raise Changed(chunk.document)

    def read_file(self, chunk: Chunk) -> bytes:
        """Return the content of a chunk's document, unpacked. Raises `Missing` and `Changed`."""
        data = self._documents.read_part(chunk.document, chunk.etag, None, None)
        return unpack(data, chunk.content_encoding or "", None).data

    def copy(self, chunk: Chunk) -> WorkingCopy:
        """Return the working copy that a chunk is read from. Raises `Changed` where it is lost."""
        assert chunk.extracted is not None  # noqa: S101 - for the type checker
        version = chunk.extracted, chunk.document, chunk.etag
        return WorkingCopy(chunk.extracted, self._copies.text(*version).decode(), self._copies.locations(*version))

    def delete_copy(self, key: str) -> None:
        """Delete a working copy that nothing refers to any more."""
        self._copies.delete(key)

    def _completed(self, chunk: Chunk) -> Chunk:
        """Return a chunk with what it does not say any more about how its document is read."""
        info = self._documents.get_properties(chunk.document)
        data = self._documents.read_part(chunk.document, chunk.etag, None, None)
        with self._large_documents:
            compression = unpack(data, info.content_encoding, None).content_encoding
        return completed(chunk, compression)

    def _read(self, chunk: Chunk) -> str:
        if not chunk.content_encoding:
            data = self._documents.read_part(chunk.document, chunk.etag, chunk.byte_start, chunk.byte_end)
            return text_of(chunk, data)
        # Compressed content has no parts that could be read alone, and may be large unpacked.
        data = self._documents.read_part(chunk.document, chunk.etag, None, None)
        with self._large_documents:
            return text_of(chunk, data)
