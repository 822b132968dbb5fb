"""Uploads without the client's policies: what they send, and when the client has to do it again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ResourceTypes,
    generate_account_sas,
)
from urllib3 import BaseHTTPResponse, HTTPResponse, PoolManager
from urllib3.exceptions import ProtocolError

from functions.errors import Changed
from functions.storage import clients
from functions.storage.azure_containers import AzureContainer
from functions.storage.containers import TEXT_TYPE
from functions.storage.short_requests import MAX_BYTES, ShortRequests
from local.azurite import ACCOUNT_KEY, ACCOUNT_NAME, Azurite

ADDRESS = "https://loans.blob.core.windows.net"
ETAG = '"0x1"'


class Token:
    """The credential of an identity."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(" ".join(scopes), int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()))


class Answers(PoolManager):
    """Connections with one answer for all requests."""

    def __init__(self, answer: Callable[[], HTTPResponse]) -> None:
        super().__init__()
        self.sent: list[dict[str, str]] = []
        self._answer = answer

    def request(self, method: str, url: str, **options: Any) -> HTTPResponse:  # type: ignore[override]
        self.sent.append(options["headers"])
        return self._answer()


def answer(status: int, body: bytes = b"", **headers: str) -> HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPResponse(body, named, status, preload_content=True)


def put(
    credential: Any, answer: Callable[[], HTTPResponse], data: bytes = b"text"
) -> tuple[str | None, list[dict[str, str]]]:
    connections = Answers(answer)
    with BlobServiceClient(ADDRESS, credential=credential) as service:
        etag = ShortRequests(service, connections).put(
            f"{ADDRESS}/a/b.txt", data, content_type=TEXT_TYPE, metadata={}, if_match=None, if_absent=True
        )
    return etag, connections.sent


def written() -> HTTPResponse:
    return answer(201, ETag=ETAG, x_ms_request_id="1")


def broken() -> HTTPResponse:
    raise ProtocolError("the connection broke")


class NoToken(Token):
    """The credential of an identity that gets no token."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        raise ClientAuthenticationError("no identity")


def test_token_goes_with_the_request() -> None:
    etag, (headers,) = put(Token(), written)
    assert etag == ETAG
    assert headers["Authorization"] == "Bearer https://storage.azure.com/.default"
    assert headers["If-None-Match"] == "*"


@pytest.mark.parametrize(
    "answer",
    [
        lambda: answer(503, x_ms_request_id="1"),
        lambda: answer(409, x_ms_request_id="1", ETag=ETAG),
        lambda: answer(201, ETag=ETAG),
        lambda: answer(201, x_ms_request_id="1"),
        broken,
    ],
    ids=["busy", "condition not met", "proxy", "no ETag", "broken connection"],
)
def test_failure_is_left_to_the_client(answer: Callable[[], HTTPResponse]) -> None:
    assert put(Token(), answer)[0] is None


def test_missing_token_is_left_to_the_client() -> None:
    assert put(NoToken(), written) == (None, [])


def test_large_upload_is_left_to_the_client() -> None:
    assert put(Token(), written, b"x" * (MAX_BYTES + 1)) == (None, [])


def test_unknown_credential_is_left_to_the_client() -> None:
    with BlobServiceClient(ADDRESS) as service:
        service.credential = object()
        uploads = ShortRequests(service, Answers(written))
    assert uploads.put(ADDRESS, b"", content_type="", metadata={}, if_match=None, if_absent=False) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda: answer(200, b"text", x_ms_request_id="1"), b"text"),
        (lambda: answer(200, b"text"), None),
        (lambda: answer(404, b"text", x_ms_request_id="1"), None),
        (lambda: answer(302, b"", x_ms_request_id="1", Location="https://example.net"), None),
        (lambda: answer(200, b"text", x_ms_request_id="1", Content_Encoding="gzip"), None),
        (broken, None),
    ],
    ids=["blob", "proxy", "missing", "elsewhere", "encoded", "broken connection"],
)
def test_read_is_left_to_the_client_unless_plain(answer: Callable[[], HTTPResponse], expected: bytes | None) -> None:
    with BlobServiceClient(ADDRESS, credential=Token()) as service:
        found = ShortRequests(service, Answers(answer)).get(f"{ADDRESS}/a/b.txt")
    assert (found and found.data) == expected


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing about connections."""
    for one in ("http_proxy", "https_proxy", "all_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(one, raising=False)
        monkeypatch.delenv(one.upper(), raising=False)


@pytest.mark.usefixtures("plain_environment")
def test_proxy_is_left_to_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clients._connections() is not None
    monkeypatch.setenv("https_proxy", "http://proxy.example.net")
    assert clients._connections() is None


@pytest.mark.usefixtures("plain_environment")
def test_certificates_of_the_environment_are_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As by the client: a file or a folder."""

    def trusted() -> dict[str, Any]:
        connections = clients._connections()
        assert connections is not None
        return connections.connection_pool_kw

    assert trusted()["ca_certs"] == certifi.where()
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path))
    assert trusted()["ca_cert_dir"] == str(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "own.pem")
    assert trusted()["ca_certs"] == "own.pem"
    assert trusted()["cert_reqs"] == "CERT_REQUIRED"


@pytest.fixture(params=["key", "signature"])
def service(request: pytest.FixtureRequest, storage: Azurite) -> Iterator[tuple[BlobServiceClient, list[Any]]]:
    """A client of the emulator, and the requests that it has sent."""
    signature = generate_account_sas(
        ACCOUNT_NAME,
        ACCOUNT_KEY,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, write=True, create=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    with BlobServiceClient.from_connection_string(storage.connection_string) as plain:
        address, credential = plain.url, plain.credential if request.param == "key" else signature
    sent: list[Any] = []
    with requests.Session() as session:
        session.hooks["response"].append(lambda reply, **_: sent.append(reply.request.headers["User-Agent"]))
        transport = RequestsTransport(session=session, session_owner=False)
        with BlobServiceClient(address, credential=credential, transport=transport) as client:
            yield client, sent


class Watched(PoolManager):
    """Connections that tell who has sent each request."""

    def __init__(self, sent: list[str]) -> None:
        super().__init__()
        self._sent = sent

    def request(self, method: str, url: str, **options: Any) -> BaseHTTPResponse:  # type: ignore[override]
        self._sent.append(options["headers"]["User-Agent"])
        return super().request(method, url, **options)


@pytest.mark.processes
def test_upload_is_one_request(service: tuple[BlobServiceClient, list[Any]]) -> None:
    client, sent = service
    container: ContainerClient = client.create_container(f"short-{datetime.now(UTC):%H%M%S%f}")
    uploads = ShortRequests(client, Watched(sent))
    by_client, short = AzureContainer(container), AzureContainer(container, uploads)
    facts = {"metadata": {"source_etag": ETAG, "job": "1"}, "content_type": TEXT_TYPE}
    for write, agent in ((by_client.write, "azsdk-python-storage-blob"), (short.write, "entity-drop")):
        sent.clear()
        etag = write("Łódź 1+2%.txt", b"text", **facts)  # type: ignore[arg-type]
        assert len(sent) == 1 and sent[0].startswith(agent)
        found = short.read("Łódź 1+2%.txt")
        assert (found.info.etag, found.data) == (etag, b"text")
        assert (found.info.metadata, found.info.content_type) == (facts["metadata"], TEXT_TYPE)
    for limit, data in ((4, b"text"), (3, b""), (1000, b"text")):
        sent.clear()
        part = short.read("Łódź 1+2%.txt", limit=limit)
        assert (part.data, part.info, sent) == (data, found.info, ["entity-drop"])
    with pytest.raises(Changed):
        short.write("Łódź 1+2%.txt", b"text", if_absent=True)
    with pytest.raises(Changed):
        short.write("Łódź 1+2%.txt", b"text", if_match=ETAG)
    assert short.write("Łódź 1+2%.txt", b"more", if_match=etag) != etag


@pytest.mark.processes
def test_empty_blob_is_read_within_a_limit(service: tuple[BlobServiceClient, list[Any]]) -> None:
    """The storage refuses any range of it."""
    client, sent = service
    container: ContainerClient = client.create_container(f"empty-{datetime.now(UTC):%H%M%S%f}")
    short = AzureContainer(container, ShortRequests(client, Watched(sent)))
    etag = short.write("empty.txt", b"")
    found = short.read("empty.txt", limit=10)
    assert (found.data, found.info.size_bytes, found.info.etag) == (b"", 0, etag)
