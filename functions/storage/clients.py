"""Makes the storage clients of the app from its settings; nobody else knows how to connect."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import certifi
import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64DecodePolicy, TextBase64EncodePolicy
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager, Timeout

from ..identity import credential
from ..redaction import redacted_errors
from ..settings import StorageConnection
from .azure_containers import AzureContainer
from .short_requests import ShortRequests

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name certificates to trust, in this order (requests, "SSL Cert Verification", read 2026-11)."""

POOL_SIZE = 64
"""Connections kept for reuse: one for every thread that may run at once."""

CONNECT_S, READ_S = 20, 60
"""How long a short request waits: as long as one of the client's own."""

MAX_SINGLE_GET_BYTES = 1024 * 1024
"""What one request for a blob brings; a larger document comes in chunks, and one that is too large stays away."""


def blob_containers(connection: StorageConnection) -> Callable[[str], AzureContainer]:
    """Return what makes containers by their names; their connections are shared by all threads."""
    service = blob_service(connection)
    short = ShortRequests(service, _connections())
    return lambda name: AzureContainer(service.get_container_client(name), short)


def blob_service(connection: StorageConnection, **retries: Any) -> BlobServiceClient:
    """Return the client of the blob service, its connections shared by all threads.

    `retries` are options of the client's retry policy.
    """
    options: dict[str, Any] = {
        "transport": _transport(),
        "max_single_get_size": MAX_SINGLE_GET_BYTES,
        **retries,
    }
    if connection.connection_string:
        return BlobServiceClient.from_connection_string(connection.connection_string, **options)
    uri = str(connection.blob_service_uri)
    return BlobServiceClient(uri, credential=credential(connection.client_id, uri), **options)


def can_sign(connection: StorageConnection) -> bool:
    """Whether addresses can be signed with a connection: with an account key or an identity, not with a signature."""
    return "sharedaccesssignature" not in (connection.connection_string or "").lower()


def queue(connection: StorageConnection, name: str, **retries: Any) -> QueueClient:
    """Return the client of one queue, with messages in base64 as the host's queue trigger expects them.

    `retries` are options of the client's retry policy.
    """
    options: dict[str, Any] = {
        "transport": _transport(),
        "message_encode_policy": TextBase64EncodePolicy(),
        "message_decode_policy": TextBase64DecodePolicy(),
        **retries,
    }
    if connection.connection_string:
        return QueueClient.from_connection_string(connection.connection_string, name, **options)
    uri = str(connection.queue_service_uri)
    service = QueueServiceClient(uri, credential=credential(connection.client_id, uri), **options)
    return service.get_queue_client(
        name, message_encode_policy=TextBase64EncodePolicy(), message_decode_policy=TextBase64DecodePolicy()
    )


class RedactingTransport(RequestsTransport):  # type: ignore[misc]  # azure-core exports it without its type
    """Sends requests as its base does; what it raises names no address with its query, which may be a signature."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a request. Raises the errors of azure-core."""
        with redacted_errors():
            return super().send(request, **kwargs)


def _transport() -> RedactingTransport:
    session = requests.Session()
    # Looking for proxies and certificates in the environment costs a sixth of each call; mostly there are none.
    session.trust_env = _has_proxy() or any(map(os.environ.get, _CERTIFICATES))
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=POOL_SIZE)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return RedactingTransport(session=session, session_owner=False)


def _connections() -> PoolManager | None:
    """Return connections for short requests; None where there is a proxy, which only the client knows how to ask."""
    if _has_proxy():
        return None
    trusted = next(filter(None, map(os.environ.get, _CERTIFICATES)), None) or certifi.where()
    where: dict[str, Any] = {"ca_cert_dir" if Path(trusted).is_dir() else "ca_certs": trusted}
    timeout = Timeout(connect=CONNECT_S, read=READ_S)
    return PoolManager(num_pools=2, maxsize=POOL_SIZE, timeout=timeout, cert_reqs="CERT_REQUIRED", **where)


def _has_proxy() -> bool:
    return bool(getproxies().keys() - {"no"})
