"""Documents that are not in the intake yet, to be read as if they were: those in a folder, or in another container."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..errors import Changed, Missing
from ..storage.containers import Blob, BlobInfo, Container
from ..storage.document_store import DocumentStore


class FolderDocuments:
    """The files below a folder, or one file; `into` is put before their names."""

    def __init__(self, path: Path, into: str = "") -> None:
        self._path = path
        self._into = into

    def list(self) -> Iterator[BlobInfo]:
        """Yield the files, in no particular order; what can not be looked at is left out."""
        if not self._path.is_dir():
            yield self._info(self._path.name, self._path)
            return
        for folder, _, names in os.walk(self._path):
            for name in names:
                path = Path(folder, name)
                try:
                    if path.is_file():
                        yield self._info(path.relative_to(self._path).as_posix(), path)
                except OSError:
                    continue  # It was deleted at this moment, or nobody may look at it.

    def read(self, name: str, *, limit: int) -> Blob:
        """Return a file, without its content where it has more than `limit` bytes. Raises `Missing`, and `OSError`."""
        path = self._file(name)
        info = self.find(name)
        return Blob(info, path.read_bytes() if info.size_bytes <= limit else b"")

    def read_part(self, name: str, etag: str, start: int | None, end: int | None) -> bytes:
        """Return bytes `start` to `end` of a file, or all of it. Raises `Missing`, `Changed`, and `OSError`."""
        if self.find(name).etag != etag:
            raise Changed(name)
        with self._file(name).open("rb") as file:
            file.seek(start or 0)
            return file.read(-1 if end is None else end - (start or 0))

    def find(self, name: str) -> BlobInfo:
        """Return what is known of a file. Raises `Missing`."""
        try:
            return self._info(name.removeprefix(self._into), self._file(name))
        except FileNotFoundError:
            raise Missing(name) from None

    def _file(self, name: str) -> Path:
        return self._path / name.removeprefix(self._into) if self._path.is_dir() else self._path

    def _info(self, name: str, path: Path) -> BlobInfo:
        status = path.stat()
        changed = datetime.fromtimestamp(status.st_mtime, UTC)
        etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        return BlobInfo(self._into + name, etag, changed, status.st_size, {})


class RenamedDocuments:
    """The documents of a container under the names that they are to get: with `into` before their own."""

    def __init__(self, container: Container, into: str) -> None:
        self._documents = DocumentStore(container, container)  # Nothing is written.
        self._into = into

    def read(self, name: str, *, limit: int) -> Blob:
        """See `DocumentStore`."""
        blob = self._documents.read(name.removeprefix(self._into), limit=limit)
        return blob._replace(info=blob.info._replace(name=name))

    def read_part(self, name: str, etag: str, start: int | None, end: int | None) -> bytes:
        """See `DocumentStore`."""
        return self._documents.read_part(name.removeprefix(self._into), etag, start, end)

    def find(self, name: str) -> BlobInfo:
        """See `DocumentStore`."""
        return self._documents.find(name.removeprefix(self._into))._replace(name=name)
