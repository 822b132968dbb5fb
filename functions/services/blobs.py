"""A blob container as the app needs it: conditional reads and writes whose expected outcomes have names.

`Container` states the contract; `AzureContainer` keeps it on Azure Storage and Azurite, and the in-memory twin in
`local.in_memory` keeps it in tests. One contract suite runs on all of them.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from ..errors import Changed, Missing

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

logger = logging.getLogger(__name__)


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
    """The access tier as the storage names it (`Hot`, `Archive`, …); empty where it does not say."""


class Blob(NamedTuple):
    """A blob's content and what belongs to it."""

    info: BlobInfo
    data: bytes


class Container(Protocol):
    """A blob container. Every write returns the new ETag; ETags are opaque and keep their quotes."""

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

    def look(self, name: str) -> BlobInfo:
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
            download = self._client.get_blob_client(name).download_blob(
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

    def _is_empty(self, name: str, etag: str) -> bool:
        seen = self.look(name)
        return seen.etag == etag and seen.size_bytes == 0

    def look(self, name: str) -> BlobInfo:
        """See `Container.look`."""
        with _named_outcomes(name):
            return _info(name, self._client.get_blob_client(name).get_blob_properties())

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
            written = self._client.get_blob_client(name).upload_blob(
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
            self._client.get_blob_client(name).delete_blob(**_at_version(if_match))

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """See `Container.list`."""
        try:
            for properties in self._client.list_blobs(name_starts_with=prefix or None, include=["metadata"]):
                yield _info(properties.name, properties)
        except ResourceNotFoundError:
            return

    @contextmanager
    def _gone_is_not_changed(self, name: str) -> Iterator[None]:
        """Look once more where a condition was not met: that of a blob which is gone is not met either."""
        try:
            yield
        except ResourceModifiedError:
            self.look(name)
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


def is_passing(error: BaseException) -> bool:
    """Whether a fault of the storage may be over at a later try, with nobody having touched the document.

    So it is with outages, with leases, and with a deployment that somebody has to mend. It is not with a blob that
    the storage will not give out (archived) or whose name it does not take.
    """
    if isinstance(error, HttpResponseError):
        return error.status_code != 400 and _error_code(error) != "BlobArchived"
    return isinstance(error, AzureError)


@contextmanager
def _named_outcomes(name: str) -> Iterator[None]:
    """Give the two expected outcomes their names; everything else is a fault of the storage and passes through.

    A lost race and a foreign lease are both a 412; only the error code tells them apart.
    """
    try:
        yield
    except ResourceNotFoundError as error:
        raise Missing(name) from error
    except (ResourceExistsError, ResourceModifiedError) as error:
        if _error_code(error) in ("ConditionNotMet", "BlobAlreadyExists", "UnauthorizedBlobOverwrite"):
            raise Changed(name) from error
        raise
