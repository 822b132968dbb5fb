"""Uploads and reads small blobs with one request that is prepared in half the time.

The storage client sends each request through some twenty policies (retries, secondary endpoints, redirects, request
ids, tracing, logging), and that takes as much processor time as the request itself. A request here has the policy that
signs it, and nothing else. Whatever does not succeed at once is left to the client, which does it again: it knows what
the errors mean, tries again and asks for new tokens. An upload that has arrived although its answer has not is then
done twice, as with the client's own retries.
"""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from azure.core.exceptions import AzureError
from azure.core.pipeline import Pipeline
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, SansIOHTTPPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.storage.blob import BlobServiceClient

MAX_BYTES = 4 * 1024 * 1024
"""A larger one takes longer by itself than what is saved."""

_AUDIENCE = "https://storage.azure.com/.default"
"""In all clouds ("Authorize access to blobs using Microsoft Entra ID", read 2026-11)."""
_OK, _CREATED = 200, 201


class ShortRequests:
    """Uploads and reads blobs by the transport and with the credential of a storage client; safe for threads."""

    def __init__(self, service: BlobServiceClient, transport: Any) -> None:
        self._version = service.api_version
        policies = _policies(service.credential)
        self._pipeline = None if policies is None else Pipeline(transport, policies)

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
        if self._pipeline is None or len(data) > MAX_BYTES:
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
        try:
            reply = self._pipeline.run(HttpRequest("PUT", url, headers=headers, content=data)).http_response
        except AzureError:
            return None
        etag = reply.headers.get("ETag")
        # The answer of a proxy has no id of the storage's.
        return etag if reply.status_code == _CREATED and "x-ms-request-id" in reply.headers else None

    def get(self, url: str) -> HttpResponse | None:
        """Return the reply with the blob at an address of the client's; None where it has to be read again.

        That is so with a blob that is not there, too, and with one whose content has an encoding, which the transport
        would undo.
        """
        if self._pipeline is None:
            return None
        headers = {"User-Agent": "entity-drop", "x-ms-date": formatdate(usegmt=True), "x-ms-version": self._version}
        try:
            reply: HttpResponse = self._pipeline.run(HttpRequest("GET", url, headers=headers)).http_response
        except AzureError:
            return None
        is_plain = "Content-Encoding" not in reply.headers and "x-ms-request-id" in reply.headers
        return reply if reply.status_code == _OK and is_plain else None


def _policies(credential: Any) -> list[Any] | None:
    """Return what signs requests; None for a credential that only the client knows how to use."""
    if credential is None:  # The address is signed.
        return []
    if isinstance(credential, SansIOHTTPPolicy):
        return [credential]
    if hasattr(credential, "get_token"):
        return [BearerTokenCredentialPolicy(credential, _AUDIENCE)]
    return None
