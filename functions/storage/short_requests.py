"""Uploads and reads small blobs with one request that is prepared in a fraction of the time.

The storage client sends each request through some twenty policies (retries, secondary endpoints, redirects, request
ids, tracing, logging) and a session (cookies, proxies, hooks), and that takes more processor time than the request
itself. A request here has the policy that signs it, and nothing else. Whatever does not succeed at once is left to the
client, which does it again: it knows what the errors mean, tries again and asks for new tokens. An upload that has
arrived although its answer has not is then done twice, as with the client's own retries.
"""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, NamedTuple

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, SansIOHTTPPolicy
from azure.core.rest import HttpRequest
from azure.storage.blob import BlobServiceClient
from urllib3 import BaseHTTPResponse, PoolManager
from urllib3.exceptions import HTTPError

MAX_BYTES = 4 * 1024 * 1024
"""A larger one takes longer by itself than what is saved."""

_AUDIENCE = "https://storage.azure.com/.default"
"""In all clouds ("Authorize access to blobs using Microsoft Entra ID", read 2026-11)."""
_OK, _CREATED, _PARTIAL_CONTENT = 200, 201, 206


class Reply(NamedTuple):
    """A blob, and the headers that came with it."""

    headers: Mapping[str, str]
    data: bytes
    size_bytes: int
    """Of the whole blob."""


class ShortRequests:
    """Uploads and reads blobs with the credential of a storage client; safe for threads.

    Without `connections` everything is left to the client.
    """

    def __init__(self, service: BlobServiceClient, connections: PoolManager | None) -> None:
        self._version = service.api_version
        self._connections = connections
        self._policies = _policies(service.credential)

    def put(
        self,
        url: str,
        data: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        if_match: str | None,
        if_absent: bool,
    ) -> str | None:
        """Upload the blob at an address of the client's; return its new ETag, None where it has to be done again."""
        if len(data) > MAX_BYTES:
            return None
        headers = {
            "Content-Length": str(len(data)),
            "Content-Type": "application/octet-stream",
            "User-Agent": "entity-drop",
            "x-ms-blob-content-type": content_type,
            "x-ms-blob-type": "BlockBlob",
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": self._version,
            **{f"x-ms-meta-{name.strip()}": value.strip() for name, value in metadata.items()},
        }
        if if_match:
            headers["If-Match"] = if_match
        if if_absent:
            headers["If-None-Match"] = "*"
        reply = self._send("PUT", url, headers, data)
        return reply.headers.get("ETag") if reply and reply.status == _CREATED else None

    def get(self, url: str, limit: int | None = None) -> Reply | None:
        """Return the blob at an address of the client's, at most its first `limit` bytes; None where it has to be read
        again.

        That is so with a blob that is not there, too, with an empty one where there is a limit, and with one whose
        content has an encoding: nobody but the client knows what to do about it.
        """
        headers = {"User-Agent": "entity-drop", "x-ms-date": formatdate(usegmt=True), "x-ms-version": self._version}
        if limit:
            headers["x-ms-range"] = f"bytes=0-{limit - 1}"
        reply = self._send("GET", url, headers, None)
        if reply is None or reply.status not in (_OK, _PARTIAL_CONTENT) or "Content-Encoding" in reply.headers:
            return None
        size = reply.headers.get("Content-Range", "").rpartition("/")[2] or str(len(reply.data))
        return Reply(reply.headers, reply.data, int(size)) if size.isdecimal() else None

    def _send(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> BaseHTTPResponse | None:
        """Return the storage's reply to a request; None where there is none."""
        if self._connections is None or self._policies is None:
            return None
        request = HttpRequest(method, url, headers=headers, content=data)
        try:
            for policy in self._policies:
                policy.on_request(PipelineRequest(request, PipelineContext(None)))
            # Neither another address nor another attempt: the client decides about those.
            signed = dict(request.headers)
            reply = self._connections.request(
                method, url, headers=signed, body=data, redirect=False, retries=False, decode_content=False
            )
        except (AzureError, HTTPError):
            return None
        # The answer of a proxy has no id of the storage's.
        return reply if "x-ms-request-id" in reply.headers else None


def _policies(credential: Any) -> list[Any] | None:
    """Return what signs requests; None for a credential that only the client knows how to use."""
    if credential is None:  # The address is signed.
        return []
    if isinstance(credential, SansIOHTTPPolicy):
        return [credential]
    if hasattr(credential, "get_token"):
        return [BearerTokenCredentialPolicy(credential, _AUDIENCE)]
    return None
