"""A blob container as the app needs it: conditional reads and writes whose expected outcomes have names.

`Container` states the contract; `AzureContainer` keeps it on Azure Storage and Azurite, and the in-memory twin in
`functions.storage` keeps it in tests. One contract suite runs on all of them.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import unquote

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from ..errors import Changed, Missing, UnsafeName
from ..redaction import redacted_errors

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

logger = logging.getLogger(__name__)

_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|\Z)")

_FOLDER_TYPES = ("inode/directory", "httpd/unix-directory")

ARCHIVED_CODES = ("BlobArchived", "BlobBeingRehydrated")
"""What the storage answers to a read of a blob in the archive tier, and of one on its way back from there ("Blob
Storage error codes", read 2026-11)."""

_NOT_FOUND_CODES = ("BlobNotFound", "ContainerNotFound", "ResourceNotFound")


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
    """A blob's content and what belongs to it."""

    info: BlobInfo
    data: bytes


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
    ) -> str:
        """Write a blob whole, if it is still at `if_match`, or if there is none. Raises `Changed` otherwise."""

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Delete a blob, if it is still at `if_match`. Raises `Missing` and `Changed`."""

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the blobs whose names begin with `prefix`, metadata included, in the order of the service."""


class AzureContainer:
    """A container of Azure Storage, or of an emulator of it; created when something is first written to it."""

    def __init__(self, client: "ContainerClient") -> None:
        self._client = client

    def read(
        self,
        name: str,
        *,
        if_match: str | None = None,
        start: int = 0,
        end: int | None = None,
        limit: int | None = None,
    ) -> Blob:
        """See `Container.read`."""
        with _named_outcomes(name), self._gone_is_not_changed(name):
            download = self._blob(name).download_blob(
                offset=None if end is None else start,
                length=None if end is None else end - start,
                # As it is stored: the client would unpack by the declared Content-Encoding, which may be wrong and has
                # no limit, and each of its requests for itself.
                decompress=False,
                **_at_version(if_match),
            )
            info = _info(name, download.properties)
            if info.size_bytes == 0 and not self._is_empty(name, info.etag):
                # The client asks for an empty blob twice, and calls it empty although the second answer, whose ETag it
                # gives, may already be that of a version with content.
                raise Changed(name)
            # The first request has brought the properties and the first chunk; the client holds the others to the
            # same version. What is too large is not read further.
            is_too_large = limit is not None and info.size_bytes > limit
            return Blob(info, b"" if is_too_large else download.readall())

    def _blob(self, name: str) -> "BlobClient":
        return self._client.get_blob_client(check_name(name))

    def _is_empty(self, name: str, etag: str) -> bool:
        seen = self.get_properties(name)
        return seen.etag == etag and seen.size_bytes == 0

    def get_properties(self, name: str) -> BlobInfo:
        """See `Container.look`."""
        with _named_outcomes(name):
            return _info(name, self._blob(name).get_blob_properties())

    def write(
        self,
        name: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """See `Container.write`."""
        from azure.storage.blob import ContentSettings

        def upload() -> str:
            written = self._blob(name).upload_blob(
                data,
                length=len(data),
                overwrite=not if_absent,
                metadata=dict(metadata or {}),
                content_settings=ContentSettings(content_type="application/json"),
                **_at_version(if_match),
            )
            return str(written["etag"])

        with _named_outcomes(name):
            try:
                return upload()
            except ResourceNotFoundError as error:
                if _error_code(error) != "ContainerNotFound":
                    raise
                self._create()
                return upload()

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """See `Container.delete`."""
        with _named_outcomes(name), self._gone_is_not_changed(name):
            self._blob(name).delete_blob(**_at_version(if_match))

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """See `Container.list`."""
        try:
            with redacted_errors():
                for properties in self._client.list_blobs(name_starts_with=prefix or None, include=["metadata"]):
                    yield _info(properties.name, properties)
        except ResourceNotFoundError as error:
            # Without the storage's own code it is a proxy that answers, and nobody knows what is in the container.
            if _error_code(error) not in _NOT_FOUND_CODES:
                raise

    @contextmanager
    def _gone_is_not_changed(self, name: str) -> Iterator[None]:
        """Look once more where a condition was not met: that of a blob which is gone is not met either."""
        try:
            yield
        except ResourceModifiedError:
            self.get_properties(name)
            raise

    def _create(self) -> None:
        try:
            self._client.create_container()
        except ResourceExistsError:
            logger.debug("Another worker created container %s first.", self._client.container_name)


def _info(name: str, properties: Any) -> BlobInfo:
    # A listing leaves out the quotes that every other reply has (List Blobs, read 2026-11).
    etag = str(properties.etag) if str(properties.etag).startswith('"') else f'"{properties.etag}"'
    content = properties.content_settings
    return BlobInfo(
        name,
        etag,
        properties.last_modified,
        int(properties.size),
        dict(properties.metadata or {}),
        content.content_type or "",
        content.content_encoding or "",
        str(getattr(properties.blob_tier, "value", properties.blob_tier) or ""),
    )


def _at_version(etag: str | None) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}


def _error_code(error: HttpResponseError) -> str:
    # A member of an enumeration where the client library knows the code, plain text where it does not.
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def storage_code(error: BaseException) -> str | None:
    """Return the storage's own word for a fault of it, to be shown to people; None where it was not the storage's.

    That is its error code, or the HTTP status where a reply has none, or `StorageUnreachable` where none came.
    """
    if isinstance(error, HttpResponseError) and error.status_code:
        return _error_code(error) or f"HTTP{error.status_code}"
    return "StorageUnreachable" if isinstance(error, (AzureError, OSError)) else None


def is_transient(error: BaseException) -> bool:
    """Whether a fault of the storage may be over at a later try, with nobody having touched the document.

    So it is with outages, with leases, with archived blobs, and with a deployment that somebody has to correct. It is
    not with a request that the storage itself calls wrong.
    """
    if isinstance(error, HttpResponseError) and error.status_code == 400:
        return not _error_code(error)
    return storage_code(error) is not None


def is_archived(error: BaseException) -> bool:
    """Whether the storage does not give a blob out because it is archived, or on its way from there."""
    return storage_code(error) in ARCHIVED_CODES


def is_refusal(error: BaseException) -> bool:
    """Whether the storage was reached and refused: for this blob, or for all, which only other blobs can show."""
    if not isinstance(error, HttpResponseError):
        return False
    return 400 <= (error.status_code or 0) < 500 and error.status_code not in (408, 429)


@contextmanager
def _named_outcomes(name: str) -> Iterator[None]:
    """Give the two expected outcomes their names; everything else is a fault of the storage and passes through.

    A lost race and a foreign lease are both a 412; only the error code tells them apart.
    """
    try:
        with redacted_errors():
            yield
    except ResourceNotFoundError as error:
        # Without the storage's own code it is a proxy that answers, and the blob may well be there.
        if _error_code(error) in _NOT_FOUND_CODES:
            raise Missing(name) from error
        raise
    except (ResourceExistsError, ResourceModifiedError) as error:
        if _error_code(error) in ("ConditionNotMet", "BlobAlreadyExists", "UnauthorizedBlobOverwrite"):
            raise Changed(name) from error
        raise
