"""A blob container in memory; the twin of `functions.storage.containers.AzureContainer`."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any

from ..errors import Changed, Missing
from .containers import Blob, BlobInfo, Container, Page, check_name


class MemoryContainer:
    """Keeps `functions.storage.containers.Container` in a dictionary; safe to share between threads."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._blobs: dict[str, Blob] = {}
        self._versions = count(1)
        self._clock = clock
        self._lock = threading.Lock()

    def read(
        self,
        name: str,
        *,
        if_match: str | None = None,
        start: int = 0,
        end: int | None = None,
        limit: int | None = None,
    ) -> Blob:
        with self._lock:
            blob = self._at(name, if_match)
        if limit is not None and blob.info.size_bytes > limit:
            return Blob(blob.info, b"", self._now())
        return Blob(blob.info, blob.data[start:end] if end is not None else blob.data, self._now())

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)

    def get_properties(self, name: str) -> BlobInfo:
        with self._lock:
            return self._at(name, None).info

    def write(
        self,
        name: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        content_encoding: str = "",
    ) -> str:
        """See `Container.write`; a content type and encoding are what only other programs give a blob."""
        check_name(name)
        with self._lock:
            present = self._blobs.get(name)
            if (if_absent and present) or (if_match and (not present or present.info.etag != if_match)):
                raise Changed(name)
            properties = {"content_type": content_type, "content_encoding": content_encoding}
            return self._store(name, data, {"metadata": dict(metadata or {}), **properties})

    def _store(self, name: str, data: bytes, properties: dict[str, Any]) -> str:
        etag = f'"0x{next(self._versions):016X}"'
        modified = self._now()
        self._blobs[name] = Blob(BlobInfo(name, etag, modified, len(data), **properties), data)
        return etag

    def append(self, name: str, data: bytes) -> None:
        check_name(name)
        with self._lock:
            present = self._blobs.get(name)
            self._store(name, (present.data if present else b"") + data, {"metadata": {}})

    def copy(self, name: str, source: Container, source_name: str) -> None:
        check_name(name)
        blob = source.read(source_name)
        with self._lock:
            if name in self._blobs:
                raise Changed(name)
            info = blob.info
            kept = {"content_type": info.content_type, "content_encoding": info.content_encoding}
            self._store(name, blob.data, {"metadata": dict(info.metadata), **kept})

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        with self._lock:
            self._at(name, if_match)
            del self._blobs[name]

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        with self._lock:
            infos = [blob.info for name, blob in self._blobs.items() if name.startswith(prefix)]
        return iter(sorted(infos, key=lambda info: info.name.encode("utf-16-be")))

    def list_page(self, prefix: str, marker: str, most: int) -> Page:
        first = marker.encode("utf-16-be")
        blobs = list(islice((one for one in self.list(prefix) if one.name.encode("utf-16-be") >= first), most + 1))
        return Page(blobs[:most], blobs[most].name if len(blobs) > most else "")

    def upload(self, name: str, data: bytes, **properties: Any) -> str:
        """Write a blob as another client of the storage may: with any name, and with further fields of `BlobInfo`."""
        with self._lock:
            return self._store(name, data, {"metadata": {}, **properties})

    def change(self, name: str, **properties: Any) -> None:
        """Change properties of a blob that leave its ETag as it is, such as its tier."""
        with self._lock:
            blob = self._blobs[name]
            self._blobs[name] = Blob(blob.info._replace(**properties), blob.data)

    def _at(self, name: str, if_match: str | None) -> Blob:
        blob = self._blobs.get(check_name(name))
        if blob is None:
            raise Missing(name)
        if if_match and blob.info.etag != if_match:
            raise Changed(name)
        return blob
