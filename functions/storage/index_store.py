"""The index of documents in the state container: an empty list entry for each that failed or is to be reviewed."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from ..core.index import Indexed, IndexKind, Rebuilt
from ..core.names import fitting_name, is_shortened
from ..errors import Changed, Missing, NewerRecord, RecordError
from .containers import BlobInfo, Container
from .record_format import decode, encode, version_metadata

INDEX = "index/"
REBUILT = f"{INDEX}rebuilt.json"


class IndexEntry(NamedTuple):
    """An entry as a listing tells it."""

    document: str
    blob: BlobInfo


class IndexStore:
    """Keeps the index. Everything here may be repeated, and what fails is put right by `reconcile`."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def add(self, kind: IndexKind, document: str) -> None:
        """Put a document into a list."""
        data = encode(Indexed(name=document))
        self._container.write(entry_name(kind, document), data, metadata=version_metadata())

    def remove(self, kind: IndexKind, document: str, etag: str | None = None) -> None:
        """Take a document out of a list, if it is in there, and its entry is still at `etag` where that is given."""
        with contextlib.suppress(Missing, Changed):
            self._container.delete(entry_name(kind, document), if_match=etag)

    def has(self, kind: IndexKind, document: str) -> bool:
        """Whether a document is in a list."""
        try:
            self._container.get_properties(entry_name(kind, document))
        except Missing:
            return False
        return True

    def list(self, kind: IndexKind, prefix: str = "") -> Iterator[IndexEntry]:
        """Yield the entries of a list, sorted by name but for the very longest names; for each of those it reads."""
        folder = f"{INDEX}{kind.value}/"
        for info in self._container.list(folder + prefix):
            name = info.name.removeprefix(folder)
            if is_shortened(info.name):
                try:
                    name = decode(self._container.read(info.name), Indexed).name
                except (Missing, RecordError, NewerRecord):
                    continue
            yield IndexEntry(name, info)

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
