"""The few blob and queue calls that the host makes, straight on the storage REST interface.

The storage SDK spends 1.5 to 2 ms of processor time on a call, this module about a quarter of that. With eight calls of
the host for every blob and one core for everything, the SDK would make the host the slowest part of a burst. Apps see
nothing of this module; they use the SDK as in Azure.

Interface: learn.microsoft.com, "Blob service REST API", "Queue service REST API", "Authorize with Shared Key",
version 2021-12-02, read November 2026.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import urllib3

from local.functions_host.connections import Connection
from local.functions_host.errors import StorageError
from local.functions_host.redaction import without_queries

API_VERSION = "2021-12-02"

NEVER_EXPIRES = -1
"""A message's time to live that means "until it is deleted"; the host's own messages never run out."""

# Enough connections for every thread that can talk to storage at once; more would be opened and thrown away.
_POOL_SIZE = 128
# Short: a listener that gets no answer backs off by itself, and its message comes back. Seconds.
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_RETRY = urllib3.Retry(
    total=5,
    backoff_factor=0.2,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=True,
)
# The order is the service's: these headers enter the text that is signed, each on its line, empty when absent.
_SIGNED_HEADERS = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
)


@dataclass(frozen=True, slots=True)
class BlobItem:
    """One line of a listing; `etag` carries its double quotes, as in the header of a blob."""

    name: str
    etag: str
    blob_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlobProperties:
    """What a HEAD of a blob tells; `etag` carries its double quotes."""

    url: str
    etag: str
    blob_type: str
    length: int
    content_type: str
    last_modified: datetime
    metadata: Mapping[str, str]


@dataclass(slots=True)
class QueueMessage:
    """A received message; `pop_receipt` changes with every renewal."""

    id: str
    text: str
    pop_receipt: str
    dequeue_count: int
    inserted: datetime
    expires: datetime
    next_visible: datetime


class StorageAccount:
    """The blob and queue service behind one connection."""

    def __init__(self, connection: Connection, http: urllib3.PoolManager | None = None) -> None:
        self.connection = connection
        http = http or urllib3.PoolManager(maxsize=_POOL_SIZE, timeout=_TIMEOUT, retries=_RETRY)
        signer = _signer(connection)
        self._blobs = _Service(connection.blob_url, signer, connection.sas, http)
        self._queues = _Service(connection.queue_url, signer, connection.sas, http)

    def container(self, name: str) -> Container:
        """Return the container of that name, which may not exist yet."""
        return Container(self._blobs, name)

    def queue(self, name: str) -> Queue:
        """Return the queue of that name, which may not exist yet."""
        return Queue(self._queues, name)


class Container:
    """A blob container: listings, and blobs by name."""

    def __init__(self, service: _Service, name: str) -> None:
        self._service = service
        self.name = name

    def create(self) -> None:
        """Create the container if it is not there."""
        self._service.call("PUT", f"/{self.name}", {"restype": "container"}, accept=(201, 409))

    def pages(self, prefix: str = "", metadata: bool = False) -> Iterator[list[BlobItem]]:
        """Yield the flat listing, a page of up to 5,000 blobs at a time; a missing container raises `is_missing`.

        A reply that is no listing raises `StorageError`, too: with a name that XML cannot hold an emulator may write
        one that cannot be read.
        """
        query = {"restype": "container", "comp": "list"}
        if prefix:
            query["prefix"] = prefix
        if metadata:
            query["include"] = "metadata"
        while True:
            reply = self._service.call("GET", f"/{self.name}", query, accept=(200,))
            try:
                items, marker = _parse_listing(reply.data)
            except ElementTree.ParseError as exc:
                raise StorageError(f"GET /{self.name}", reply.status, "UnreadableListing", str(exc)) from exc
            yield items
            if not marker:
                return
            query["marker"] = marker

    def url(self, blob: str) -> str:
        """Return a blob's address."""
        return self._service.url + self._path(blob)

    def head(self, blob: str) -> BlobProperties:
        """Return a blob's properties; a missing blob raises `is_missing`."""
        path = self._path(blob)
        reply = self._service.call("HEAD", path, accept=(200,))
        return _blob_properties(self._service.url + path, reply.headers)

    def read(self, blob: str) -> tuple[bytes, BlobProperties]:
        """Return a blob's content and properties; a missing blob raises `is_missing`."""
        path = self._path(blob)
        reply = self._service.call("GET", path, accept=(200,))
        return reply.data, _blob_properties(self._service.url + path, reply.headers)

    def put(self, blob: str, content: bytes = b"", metadata: Mapping[str, str] | None = None, **when: str) -> str:
        """Write a block blob and return its ETag; `when` are conditions such as `if_none_match="*"`."""
        headers = {"x-ms-blob-type": "BlockBlob", **_metadata_headers(metadata), **_conditions(when)}
        reply = self._service.call("PUT", self._path(blob), headers=headers, body=content, accept=(201,))
        return str(reply.headers["ETag"])

    def set_metadata(self, blob: str, metadata: Mapping[str, str], lease: str | None = None) -> None:
        """Replace a blob's metadata; `lease` is the id of the lease that the caller holds on it."""
        headers = _metadata_headers(metadata) | ({"x-ms-lease-id": lease} if lease else {})
        self._service.call("PUT", self._path(blob), {"comp": "metadata"}, headers, accept=(200,))

    def acquire_lease(self, blob: str, lease: str, seconds: int, **when: str) -> None:
        """Take the lease `lease` on a blob for 15 to 60 s; raises `is_lost_race` while somebody else holds one."""
        headers = {
            "x-ms-lease-action": "acquire",
            "x-ms-lease-duration": str(seconds),
            "x-ms-proposed-lease-id": lease,
            **_conditions(when),
        }
        self._service.call("PUT", self._path(blob), {"comp": "lease"}, headers, accept=(201,))

    def renew_lease(self, blob: str, lease: str) -> None:
        """Begin the lease's time anew; raises `is_lost_race` when it is no longer ours."""
        headers = {"x-ms-lease-action": "renew", "x-ms-lease-id": lease}
        self._service.call("PUT", self._path(blob), {"comp": "lease"}, headers, accept=(200,))

    def release_lease(self, blob: str, lease: str) -> None:
        """Give the lease back; one that is gone already is fine."""
        headers = {"x-ms-lease-action": "release", "x-ms-lease-id": lease}
        self._service.call("PUT", self._path(blob), {"comp": "lease"}, headers, accept=(200, 404, 409, 412))

    def _path(self, blob: str) -> str:
        return f"/{self.name}/{quote(blob, safe='~/')}"


class Queue:
    """A storage queue; texts go over the wire as given, encoding is the caller's."""

    def __init__(self, service: _Service, name: str) -> None:
        self._service = service
        self.name = name

    def create(self) -> None:
        """Create the queue if it is not there."""
        self._service.call("PUT", f"/{self.name}", accept=(201, 204, 409))

    def put(self, text: str) -> None:
        """Add a message that is visible at once and never expires; a missing queue raises `is_missing`."""
        body = f"<QueueMessage><MessageText>{escape(text)}</MessageText></QueueMessage>".encode()
        query = {"messagettl": str(NEVER_EXPIRES)}
        self._service.call("POST", f"/{self.name}/messages", query, body=body, accept=(201,))

    def put_creating(self, text: str) -> None:
        """Add a message as `put` does, creating the queue if it is not there."""
        try:
            self.put(text)
        except StorageError as exc:
            if not exc.is_missing:
                raise
            self.create()
            self.put(text)

    def receive(self, count: int, hidden_s: float) -> list[QueueMessage]:
        """Take up to `count` (at most 32) messages, hidden for `hidden_s`; a missing queue raises `is_missing`."""
        query = {"numofmessages": str(count), "visibilitytimeout": str(max(1, round(hidden_s)))}
        reply = self._service.call("GET", f"/{self.name}/messages", query, accept=(200,))
        return [_parse_message(node) for node in _xml(reply.data).iterfind("QueueMessage")]

    def delete(self, message: QueueMessage) -> None:
        """Delete a received message; one that is gone or was taken by somebody else is left alone."""
        query = {"popreceipt": message.pop_receipt}
        try:
            self._service.call("DELETE", f"/{self.name}/messages/{message.id}", query, accept=(204, 404))
        except StorageError as exc:
            if exc.code != "PopReceiptMismatch":
                raise

    def hide(self, message: QueueMessage, seconds: float) -> None:
        """Make a received message visible again after `seconds`, its content unchanged; updates its `pop_receipt`."""
        query = {"popreceipt": message.pop_receipt, "visibilitytimeout": str(round(seconds))}
        reply = self._service.call("PUT", f"/{self.name}/messages/{message.id}", query, accept=(204,))
        message.pop_receipt = str(reply.headers["x-ms-popreceipt"])

    def length(self) -> int:
        """Return about how many messages the queue holds, hidden ones included."""
        reply = self._service.call("GET", f"/{self.name}", {"comp": "metadata"}, accept=(200,))
        return int(reply.headers["x-ms-approximate-messages-count"])


Signer = Callable[[str, str, Mapping[str, str], dict[str, str]], None]
"""Adds the authorization to a request's headers, given its verb, URL path, query and headers."""


class _Service:
    """One endpoint: builds, signs and sends requests, and turns refusals into `StorageError`."""

    def __init__(self, url: str, signer: Signer | None, sas: str | None, http: urllib3.PoolManager) -> None:
        self.url = url
        self._base_path = "/" + url.split("://", 1)[1].partition("/")[2] if "/" in url.split("://", 1)[1] else ""
        self._signer = signer
        self._sas = sas
        self._http = http

    def call(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        accept: tuple[int, ...] = (200,),
    ) -> urllib3.BaseHTTPResponse:
        query = query or {}
        sent = {"x-ms-version": API_VERSION, "x-ms-date": formatdate(usegmt=True), **(headers or {})}
        if verb in ("PUT", "POST"):
            sent["Content-Length"] = str(len(body))
        if self._signer:
            self._signer(verb, self._base_path + path, query, sent)
        parameters = "&".join(filter(None, (urlencode(query, quote_via=quote), self._sas)))
        url = f"{self.url}{path}{'?' + parameters if parameters else ''}"
        operation = f"{verb} {unquote(path)}"
        try:
            reply = self._http.request(verb, url, headers=sent, body=body or None, redirect=False)
        except urllib3.exceptions.HTTPError as exc:
            # Without its cause: whoever logs that would log the address with its signature.
            raise StorageError(operation, 0, "", without_queries(str(exc))) from None
        if reply.status not in accept:
            raise StorageError(operation, reply.status, str(reply.headers.get("x-ms-error-code", "")))
        return reply


def _signer(connection: Connection) -> Signer | None:
    if connection.key:
        return _shared_key_signer(connection.account, base64.b64decode(connection.key))
    return _token_signer(connection.client_id) if connection.uses_identity else None


def _shared_key_signer(account: str, key: bytes) -> Signer:
    def sign(verb: str, path: str, query: Mapping[str, str], headers: dict[str, str]) -> None:
        text = string_to_sign(account, verb, path, query, headers)
        digest = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
        headers["Authorization"] = f"SharedKey {account}:{digest}"

    return sign


def string_to_sign(account: str, verb: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """Return the text that Shared Key authorization signs; `path` is the URL's path as sent, percent-encoded."""
    plain = [headers.get(name, "") for name in _SIGNED_HEADERS]
    plain[2] = "" if plain[2] == "0" else plain[2]
    own = sorted((name.lower(), value) for name, value in headers.items() if name.lower().startswith("x-ms-"))
    lines = [verb, *plain, *(f"{name}:{value.strip()}" for name, value in own), f"/{account}{path}"]
    lines += [f"{name.lower()}:{value}" for name, value in sorted(query.items())]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Token:
    """A bearer token; it ends at `expires` by the time of day and at `ends` by the monotonic clock, in seconds."""

    text: str
    expires: float
    ends: float

    def must_be_renewed(self, now: float, monotonic: float) -> bool:
        """Tell whether the token ends soon, by the time of day or by a clock that nobody sets.

        The second clock stands still while a machine sleeps, the first may be set back; so the earlier end counts.
        """
        # Five minutes early, so that no request leaves with a token that runs out on the way.
        return min(self.expires - now, self.ends - monotonic) < 300


def _token_signer(client_id: str | None) -> Signer:
    # Imported here: azure-identity costs a quarter of a second, and a run with a connection string never needs it.
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential(managed_identity_client_id=client_id)
    lock = threading.Lock()
    token = _Token("", 0.0, 0.0)

    def sign(verb: str, path: str, query: Mapping[str, str], headers: dict[str, str]) -> None:
        nonlocal token
        with lock:
            if token.must_be_renewed(time.time(), time.monotonic()):
                fresh = credential.get_token("https://storage.azure.com/.default")
                token = _Token(fresh.token, fresh.expires_on, time.monotonic() + fresh.expires_on - time.time())
            headers["Authorization"] = f"Bearer {token.text}"

    return sign


def _conditions(when: Mapping[str, str]) -> dict[str, str]:
    names = {"if_match": "If-Match", "if_none_match": "If-None-Match"}
    return {names[name]: value for name, value in when.items()}


def _metadata_headers(metadata: Mapping[str, str] | None) -> dict[str, str]:
    return {f"x-ms-meta-{name}": value for name, value in (metadata or {}).items()}


def _blob_properties(url: str, headers: Mapping[str, str]) -> BlobProperties:
    prefix = "x-ms-meta-"
    return BlobProperties(
        url=url,
        etag=headers["ETag"],
        blob_type=headers["x-ms-blob-type"],
        length=int(headers["Content-Length"]),
        content_type=headers.get("Content-Type", ""),
        last_modified=parsedate_to_datetime(headers["Last-Modified"]),
        metadata={name[len(prefix) :]: value for name, value in headers.items() if name.lower().startswith(prefix)},
    )


def _xml(data: bytes) -> ElementTree.Element:
    # The only XML read here is the answer of the storage account that the user configured.
    return ElementTree.fromstring(data.removeprefix(b"\xef\xbb\xbf"))  # noqa: S314


def _parse_listing(data: bytes) -> tuple[list[BlobItem], str]:
    root = _xml(data)
    items = []
    for node in root.iterfind("Blobs/Blob"):
        name = node.find("Name")
        text = (name.text or "") if name is not None else ""
        if name is not None and name.get("Encoded") == "true":
            text = unquote(text)
        items.append(
            BlobItem(
                name=text,
                etag=quoted(node.findtext("Properties/Etag", "")),
                blob_type=node.findtext("Properties/BlobType", "BlockBlob"),
                metadata={entry.tag: entry.text or "" for entry in node.iterfind("Metadata/*")},
            )
        )
    return items, root.findtext("NextMarker") or ""


def quoted(etag: str) -> str:
    """Return an ETag with its double quotes, which listings and events leave out and headers carry."""
    return etag if etag.startswith('"') else f'"{etag}"'


def _parse_message(node: ElementTree.Element) -> QueueMessage:
    def when(name: str) -> datetime:
        # A message that never expires carries a year-9999 date.
        text = node.findtext(name)
        return parsedate_to_datetime(text) if text else datetime.max.replace(tzinfo=UTC)

    return QueueMessage(
        id=node.findtext("MessageId", ""),
        text=node.findtext("MessageText", ""),
        pop_receipt=node.findtext("PopReceipt", ""),
        dequeue_count=int(node.findtext("DequeueCount", "0")),
        inserted=when("InsertionTime"),
        expires=when("ExpirationTime"),
        next_visible=when("TimeNextVisible"),
    )
