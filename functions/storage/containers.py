"""A blob container as the app needs it: conditional reads and writes whose expected outcomes have names.

`Container` states the contract; `azure_containers` keeps it on Azure Storage and Azurite, `memory_containers` in tests.
One contract suite runs on both. What a fault of the storage means is told here too, from what its error carries: who
asks need not load the client library.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from ..errors import UnsafeName

_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|\Z)")

_FOLDER_TYPES = ("inode/directory", "httpd/unix-directory")

JSON_TYPE = "application/json"
"""The content type of everything that is written, but for texts."""

TEXT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

ARCHIVED_CODES = ("BlobArchived", "BlobBeingRehydrated")
"""What the storage answers to a read of a blob in the archive tier, and of one on its way back from there ("Blob
Storage error codes", read 2026-11)."""


def check_name(name: str) -> str:
    """Return `name` if a request may be made with it; raise `UnsafeName` where it may lead out of its container.

    The client library sends slashes as they are, and the HTTP library below it resolves `.` and `..` between them as
    those of a path (RFC 3986, 5.2.4). With a SAS, a blob that was uploaded as `..%2Fprivate%2Fsecret.txt` is then
    read from the container `private` (tried on Azurite with azure-storage-blob 12.31). The storage takes a backslash
    for a slash. Escapes are undone as often as possible, because proxies may undo them once more. An empty name would
    address the container itself.
    """
    escaped: str | None = None
    decoded = name
    while decoded != escaped:
        if not decoded or _DOT_SEGMENT.search(decoded):
            raise UnsafeName(name)
        decoded, escaped = unquote(decoded, errors="replace"), decoded
    return name


def is_safe(name: str) -> bool:
    """Whether a request may be made with a blob name."""
    try:
        check_name(name)
    except UnsafeName:
        return False
    return True


class BlobInfo(NamedTuple):
    """What a listing or a look at a blob tells without its content."""

    name: str
    etag: str
    last_modified: datetime
    size_bytes: int
    metadata: Mapping[str, str]
    content_type: str = ""
    content_encoding: str = ""
    """Empty where none is declared."""
    tier: str = ""
    """The access tier as the storage names it (`Hot`, `Archive`, …); empty where it does not say, as with a read."""

    @property
    def is_archived(self) -> bool:
        """Whether the content can not be read before somebody moves the blob out of the archive tier.

        A blob that is on its way from there is still in it ("Blob rehydration from the archive tier", read 2026-11).
        """
        return self.tier.lower() == "archive"

    @property
    def is_folder(self) -> bool:
        """Whether the blob only marks a folder, as Data Lake tools, Azure Storage Explorer and rclone make them."""
        marks = {key.lower(): value.lower() for key, value in self.metadata.items()}
        if marks.get("hdi_isfolder") == "true":
            return True
        if self.size_bytes == 0 and self.name.endswith("/"):
            return True
        return self.content_type.partition(";")[0].strip().lower() in _FOLDER_TYPES


class Blob(NamedTuple):
    """A blob's content and what belongs to it.

    `told_at` is the storage's time when it answered, in whole seconds; None where the reply does not say.
    """

    info: BlobInfo
    data: bytes
    told_at: datetime | None = None


class Page(NamedTuple):
    """Some blobs of a listing, and where it goes on; an empty marker ends it."""

    blobs: list[BlobInfo]
    next_marker: str


class Container(Protocol):
    """A blob container. Every write returns the new ETag; ETags are opaque and keep their quotes.

    Each call for a blob raises `UnsafeName` before any request where `check_name` does.
    """

    def read(
        self,
        name: str,
        *,
        if_match: str | None = None,
        start: int = 0,
        end: int | None = None,
        limit: int | None = None,
    ) -> Blob:
        """Return bytes `start` to `end` of a blob, at the version `if_match` if that is given.

        They are the bytes as stored, still compressed where `info.content_encoding` says so.

        A blob larger than `limit` bytes is returned without its content. Raises `Missing`, and `Changed` where the
        blob is no longer at that version.
        """

    def get_properties(self, name: str) -> BlobInfo:
        """Return what is known of a blob without its content. Raises `Missing`."""

    def write(
        self,
        name: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = JSON_TYPE,
    ) -> str:
        """Write a blob whole, if it is still at `if_match`, or if there is none. Raises `Changed` otherwise."""

    def append(self, name: str, data: bytes) -> None:
        """Append to a blob that is only ever appended to, and create it where there is none.

        Where this fails, the data may have been appended all the same.
        """

    def copy(self, name: str, source: "Container", source_name: str) -> None:
        """Copy a blob of another container here, content, metadata and type, if there is none of this name.

        The storage does that by itself. Raises `Missing` where the source is not there, and `Changed` where a blob is.
        """

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Delete a blob, if it is still at `if_match`. Raises `Missing` and `Changed`."""

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the blobs whose names begin with `prefix`, metadata included, in the order of the service."""

    def list_page(self, prefix: str, marker: str, most: int) -> Page:
        """Return at most so many blobs of a listing from a marker on; an empty one begins it.

        There may be fewer although the listing goes on. Raises `InvalidMarker` where no listing has made the marker.
        """


def error_code(error: BaseException) -> str:
    """Return the storage's error code in an error of its client; empty where a reply had none."""
    # A member of an enumeration where the client library knows the code, plain text where it does not.
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def storage_code(error: BaseException) -> str | None:
    """Return the storage's own word for a fault of it, to be shown to people; None where it was not the storage's.

    That is its error code, or the HTTP status where a reply has none, or `StorageUnreachable` where none came.
    """
    status = _status(error)
    if status:
        return error_code(error) or f"HTTP{status}"
    return "StorageUnreachable" if isinstance(error, OSError) or _is_of_client(error) else None


def is_transient(error: BaseException) -> bool:
    """Whether a fault of the storage may be over at a later try, with nobody having touched the document.

    So it is with outages, with leases, with archived blobs, and with a deployment that somebody has to correct. It is
    not with a request that the storage itself calls wrong.
    """
    if _status(error) == 400:
        return not error_code(error)
    return storage_code(error) is not None


def is_archived(error: BaseException) -> bool:
    """Whether the storage does not give a blob out because it is archived, or on its way from there."""
    return storage_code(error) in ARCHIVED_CODES


def is_refusal(error: BaseException) -> bool:
    """Whether the storage was reached and refused: for this blob, or for all, which only other blobs can show."""
    status = _status(error) or 0
    return 400 <= status < 500 and status not in (408, 429)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of a reply of the storage; None where there was none."""
    from azure.core.exceptions import HttpResponseError

    return error.status_code if isinstance(error, HttpResponseError) else None


def _is_of_client(error: BaseException) -> bool:
    # Imported here: whoever has such an error has loaded the library, and who has none need not.
    from azure.core.exceptions import AzureError

    return isinstance(error, AzureError)
