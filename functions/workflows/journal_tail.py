"""Reads the journal backwards: lists of documents begin with what has ended last."""

import heapq
import zlib
from collections.abc import Iterator, Sequence

from ..core.journal import DocumentEnded
from ..storage.containers import BlobInfo
from ..storage.journal_store import JournalStore


class JournalTail:
    """Some blobs of an hour of the journal, read from their ends, the latest lines first."""

    def __init__(self, journal: JournalStore, blobs: Sequence[BlobInfo], ends: dict[str, int] | None) -> None:
        self._journal = journal
        self.reads = 0
        """Requests that it took."""
        self._readers: dict[str, Iterator[tuple[DocumentEnded | None, int]]] = {}
        self._ends: dict[str, int] = {}
        self._heads: list[tuple[float, str]] = []
        self._next: dict[str, tuple[DocumentEnded | None, int]] = {}
        for blob in blobs:
            key = f"{zlib.crc32(blob.name.encode()):x}"
            # What has come since the list was begun is newer than all that it has told.
            end = blob.size_bytes if ends is None else min(ends.get(key, 0), blob.size_bytes)
            self._ends[key] = end
            self._readers[key] = self._lines(blob.name, end)
            self._advance(key)

    @property
    def is_empty(self) -> bool:
        """Whether all lines were told."""
        return not self._heads

    def ends(self) -> dict[str, int]:
        """Return how much of each blob is still to be told."""
        return {key: end for key, end in self._ends.items() if end}

    def next(self) -> DocumentEnded | None:
        """Return the next line; None for one that is not about a document."""
        _, key = heapq.heappop(self._heads)
        line, start = self._next[key]
        self._ends[key] = start
        self._advance(key)
        return line

    def _advance(self, key: str) -> None:
        found = next(self._readers[key], None)
        if found is None:
            self._ends[key] = 0
            return
        self._next[key] = found
        line = found[0]
        heapq.heappush(self._heads, (-line.at.timestamp() if line else float("-inf"), key))

    def _lines(self, blob: str, end: int) -> Iterator[tuple[DocumentEnded | None, int]]:
        while end:
            lines, end = self._journal.lines_before(blob, end)
            self.reads += 1
            for line, start in reversed(lines):
                yield line if isinstance(line, DocumentEnded) else None, start
