"""Blob containers of Azure Storage, or of an emulator of it."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.core.rest import HttpRequest

from ..errors import Changed, InvalidMarker, Missing
from ..redaction import redacted_errors
from .blob_listing import read_page
from .containers import JSON_TYPE, Blob, BlobInfo, Container, Page, check_name, error_code
from .short_requests import MAX_BYTES, ShortRequests

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

logger = logging.getLogger(__name__)

_METADATA = "x-ms-meta-"
_NOT_FOUND_CODES = ("BlobNotFound", "ContainerNotFound", "ResourceNotFound")

COPY_POLL_S = 0.5
"""Between looks at a copy that the storage makes."""


class AzureContainer:
    """A container of Azure Storage, or of an emulator of it; created when something is first written to it.

    `short` requests are tried first, where they are given.
    """

    page_size: int | None = None
    """Blobs in a page of a listing; None for as many as the storage gives."""

    def __init__(self, client: "ContainerClient", short: ShortRequests | None = None) -> None:
        self._client = client
        self._short = short

    def read(
        self,
        name: str,
        *,
        if_match: str | None = None,
        start: int = 0,
        end: int | None = None,
        limit: int | None = None,
    ) -> Blob:
        if self._short and if_match is None and end is None and (limit is None or limit <= MAX_BYTES):
            reply = self._short.get(self._blob(name).url, limit)
            if reply:
                is_whole = len(reply.data) == reply.size_bytes and (limit is None or reply.size_bytes <= limit)
                data = reply.data if is_whole else b""
                return Blob(_info_in(name, reply.headers, reply.size_bytes), data, _told_at(reply.headers))
        with _named_outcomes(name), self._gone_is_not_changed(name):
            told: list[datetime | None] = []
            download = self._blob(name).download_blob(
                offset=None if end is None else start,
                length=None if end is None else end - start,
                # As it is stored: the client would unpack by the declared Content-Encoding, which may be wrong and has
                # no limit, and each of its requests for itself.
                decompress=False,
                raw_response_hook=lambda reply: told.append(_told_at(reply.http_response.headers)),
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
            return Blob(info, b"" if is_too_large else download.readall(), told[0] if told else None)

    def _blob(self, name: str) -> "BlobClient":
        return self._client.get_blob_client(check_name(name))

    def _is_empty(self, name: str, etag: str) -> bool:
        seen = self.get_properties(name)
        return seen.etag == etag and seen.size_bytes == 0

    def get_properties(self, name: str) -> BlobInfo:
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
        content_type: str = JSON_TYPE,
    ) -> str:
        from azure.storage.blob import ContentSettings

        blob = self._blob(name)

        def upload() -> str:
            written = blob.upload_blob(
                data,
                length=len(data),
                overwrite=not if_absent,
                metadata=dict(metadata or {}),
                content_settings=ContentSettings(content_type=content_type),
                **_at_version(if_match),
            )
            return str(written["etag"])

        with _named_outcomes(name):
            if self._short:
                etag = self._short.put(
                    blob.url,
                    data,
                    content_type=content_type,
                    metadata=metadata or {},
                    if_match=if_match,
                    if_absent=if_absent,
                )
                if etag:
                    return etag
            try:
                return upload()
            except ResourceNotFoundError as error:
                if error_code(error) != "ContainerNotFound":
                    raise
                self._create()
                return upload()

    def append(self, name: str, data: bytes) -> None:
        blob = self._blob(name)
        with _named_outcomes(name):
            try:
                blob.append_block(data)
                return
            except ResourceNotFoundError as error:
                if error_code(error) == "ContainerNotFound":
                    self._create()
                elif error_code(error) not in _NOT_FOUND_CODES:
                    raise
            with suppress(ResourceExistsError):
                blob.create_append_blob(match_condition=MatchConditions.IfMissing)
            blob.append_block(data)

    def copy(self, name: str, source: Container, source_name: str) -> None:
        if not isinstance(source, AzureContainer):
            raise TypeError("only the storage's own blobs can be copied by it")
        target, origin = self._blob(name), source._blob(source_name)
        with _named_outcomes(name):
            copy = target.start_copy_from_url(origin.url, match_condition=MatchConditions.IfMissing)
        # Within an account it is done at once, mostly.
        status = str(copy.get("copy_status"))
        while status == "pending":
            time.sleep(COPY_POLL_S)
            with _named_outcomes(name):
                status = str(target.get_blob_properties().copy.status)
        if status != "success":
            raise Missing(source_name)

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        with _named_outcomes(name), self._gone_is_not_changed(name):
            self._blob(name).delete_blob(**_at_version(if_match))

    def list_page(self, prefix: str, marker: str, most: int) -> Page:
        try:
            with redacted_errors():
                return self._page(prefix, marker, most)
        except ResourceNotFoundError as error:
            if error_code(error) not in _NOT_FOUND_CODES:
                raise
            return Page([], "")
        except HttpResponseError as error:
            if marker and error.status_code == 400:
                raise InvalidMarker(marker) from error
            raise

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        marker = ""
        try:
            while True:
                with redacted_errors():
                    page = self._page(prefix, marker)
                yield from page.blobs
                if not (marker := page.next_marker):
                    return
        except ResourceNotFoundError as error:
            # Without the storage's own code it is a proxy that answers, and nobody knows what is in the container.
            if error_code(error) not in _NOT_FOUND_CODES:
                raise

    def _page(self, prefix: str, marker: str, most: int | None = None) -> Page:
        """Return a page of the listing, through the client's own pipeline and read by `blob_listing`."""
        query = {"restype": "container", "comp": "list", "include": "metadata", "prefix": prefix, "marker": marker}
        parameters = {name: quote(value, safe="") for name, value in query.items() if value}
        most = most or self.page_size
        if most:
            parameters["maxresults"] = str(most)
        headers = {"x-ms-version": self._client.api_version, "Accept": "application/xml"}
        request = HttpRequest("GET", self._client.url, params=parameters, headers=headers)
        response = self._client._client._send_request(request)
        page = read_page(response.content) if response.status_code == 200 else None
        if page is not None:
            return page
        # What that means, and what is raised for it, is the client library's to say.
        listed = self._client.list_blobs(name_starts_with=prefix or None, include=["metadata"], results_per_page=most)
        pages: Any = listed.by_page(marker or None)
        blobs = [_info(properties.name, properties) for properties in next(pages)]
        return Page(blobs, pages.continuation_token or "")

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


def _info_in(name: str, headers: Mapping[str, str], size_bytes: int) -> BlobInfo:
    """Return what the headers of a read tell ("Get Blob", read 2026-11)."""
    found = {key.lower(): value for key, value in headers.items()}
    return BlobInfo(
        name,
        found.get("etag", ""),
        parsedate_to_datetime(found["last-modified"]),
        size_bytes,
        {key.removeprefix(_METADATA): value for key, value in found.items() if key.startswith(_METADATA)},
        found.get("content-type", ""),
    )


def _told_at(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None


def _at_version(etag: str | None) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}


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
        if error_code(error) in _NOT_FOUND_CODES:
            raise Missing(name) from error
        raise
    except (ResourceExistsError, ResourceModifiedError) as error:
        if error_code(error) in ("ConditionNotMet", "BlobAlreadyExists", "UnauthorizedBlobOverwrite"):
            raise Changed(name) from error
        raise
