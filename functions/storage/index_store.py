"""The index of documents in the state container: an entry for each that failed, is to be reviewed, or was."""

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

from ..core.index import Indexed, IndexKind, Rebuilt
from ..core.names import fitting_name, is_shortened
from ..errors import Changed, Missing, NewerRecord, RecordError
from .containers import BlobInfo, Container
from .record_format import decode, encode, version_metadata

INDEX = "index/"
REBUILT = f"{INDEX}rebuilt.json"

_COMPARED = ("source_etag", "owner", "updated", "review_status")


class IndexEntry(NamedTuple):
    """An entry as a listing tells it."""

    document: str
    blob: BlobInfo
    """Its metadata are those of the document's record, as they were when the entry was written."""

    def is_of(self, record: Mapping[str, str]) -> bool:
        """Whether the entry tells what the metadata of a record do."""
        return all(self.blob.metadata.get(name) == record.get(name) for name in _COMPARED)


class IndexPage(NamedTuple):
    """Some entries of a list, and where it goes on; an empty marker ends it."""

    entries: list[IndexEntry]
    next_marker: str


class IndexStore:
    """Keeps the index. Everything here may be repeated, and what fails is put right by `reconcile`."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def add(self, kind: IndexKind, document: str, record: Mapping[str, str]) -> None:
        """Put a document into a list, or renew its entry; `record` are the metadata of its record."""
        data = encode(Indexed(name=document))
        self._container.write(entry_name(kind, document), data, metadata={**record, **version_metadata()})

    def remove(self, kind: IndexKind, document: str, etag: str | None = None) -> None:
        """Take a document out of a list, if it is in there, and its entry is still at `etag` where that is given."""
        with contextlib.suppress(Missing, Changed):
            self._container.delete(entry_name(kind, document), if_match=etag)

    def find(self, kind: IndexKind, document: str) -> IndexEntry | None:
        """Return the entry of a document in a list; None where it is not in there."""
        try:
            return IndexEntry(document, self._container.get_properties(entry_name(kind, document)))
        except Missing:
            return None

    def list(self, kind: IndexKind, prefix: str = "") -> Iterator[IndexEntry]:
        """Yield the entries of a list, sorted by name but for the very longest names; for each of those it reads."""
        folder = f"{INDEX}{kind.value}/"
        for info in self._container.list(folder + prefix):
            entry = self._entry(folder, info)
            if entry:
                yield entry

    def _entry(self, folder: str, info: BlobInfo) -> IndexEntry | None:
        if not is_shortened(info.name):
            return IndexEntry(info.name.removeprefix(folder), info)
        try:
            return IndexEntry(decode(self._container.read(info.name), Indexed).name, info)
        except (Missing, RecordError, NewerRecord):
            return None

    def page(self, kind: IndexKind, prefix: str, marker: str, most: int) -> "IndexPage":
        """Return at most so many entries of a list from a marker on, and where it goes on; `Container.list_page`."""
        folder = f"{INDEX}{kind.value}/"
        blobs, next_marker = self._container.list_page(folder + prefix, marker, most)
        return IndexPage([entry for entry in map(partial(self._entry, folder), blobs) if entry], next_marker)

    def rebuilt(self) -> Rebuilt | None:
        """Return when the index was last compared with all records; None where it never was."""
        try:
            return decode(self._container.read(REBUILT), Rebuilt)
        except (Missing, RecordError, NewerRecord):
            return None

    def save_rebuilt(self, rebuilt: Rebuilt) -> None:
        """Say that the index has every document that belongs into it."""
        self._container.write(REBUILT, encode(rebuilt), metadata=version_metadata())


def entry_name(kind: IndexKind, document: str) -> str:
    """Return the name of the entry of a document."""
    return fitting_name(f"{INDEX}{kind.value}/", document, "")
