"""Uploads without the client's policies: what they send, and when the client has to do it again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ResourceTypes,
    generate_account_sas,
)

from functions.errors import Changed
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


class Answers:
    """A transport with one answer for all requests."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.requests: list[Any] = []
        self._answer = answer

    def __enter__(self) -> "Answers":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def send(self, request: Any, **_: Any) -> Any:
        self.requests.append(request)
        return self._answer()


class Answer:
    def __init__(self, status_code: int, headers: dict[str, str]) -> None:
        self.status_code, self.headers = status_code, headers


def put(credential: Any, answer: Callable[[], Any], data: bytes = b"text") -> tuple[str | None, list[Any]]:
    transport = Answers(answer)
    with BlobServiceClient(ADDRESS, credential=credential) as service:
        etag = ShortRequests(service, transport).put(
            f"{ADDRESS}/a/b.txt", data, content_type=TEXT_TYPE, metadata={}, if_match=None, if_absent=True
        )
    return etag, transport.requests


def written() -> Answer:
    return Answer(201, {"ETag": ETAG, "x-ms-request-id": "1"})


def broken() -> Answer:
    raise ServiceResponseError("the connection broke")


def test_token_goes_with_the_request() -> None:
    etag, (request,) = put(Token(), written)
    assert etag == ETAG
    assert request.headers["Authorization"] == "Bearer https://storage.azure.com/.default"
    assert request.headers["If-None-Match"] == "*"


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Answer(503, {"x-ms-request-id": "1"}),
        lambda: Answer(409, {"x-ms-request-id": "1", "ETag": ETAG}),
        lambda: Answer(201, {"ETag": ETAG}),
        lambda: Answer(201, {"x-ms-request-id": "1"}),
        broken,
    ],
    ids=["busy", "condition not met", "proxy", "no ETag", "broken connection"],
)
def test_failure_is_left_to_the_client(answer: Callable[[], Any]) -> None:
    assert put(Token(), answer)[0] is None


def test_large_upload_is_left_to_the_client() -> None:
    assert put(Token(), written, b"x" * (MAX_BYTES + 1)) == (None, [])


def test_unknown_credential_is_left_to_the_client() -> None:
    with BlobServiceClient(ADDRESS) as service:
        service.credential = object()
        uploads = ShortRequests(service, Answers(written))
    assert uploads.put(ADDRESS, b"", content_type="", metadata={}, if_match=None, if_absent=False) is None


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
        session.hooks["response"].append(lambda reply, **_: sent.append(reply.request))
        transport = RequestsTransport(session=session, session_owner=False)
        with BlobServiceClient(address, credential=credential, transport=transport) as client:
            yield client, sent


@pytest.mark.processes
def test_upload_is_one_request(service: tuple[BlobServiceClient, list[Any]]) -> None:
    client, sent = service
    container: ContainerClient = client.create_container(f"short-{datetime.now(UTC):%H%M%S%f}")
    uploads = ShortRequests(client, client._pipeline._transport)
    by_client, short = AzureContainer(container), AzureContainer(container, uploads)
    facts = {"metadata": {"source_etag": ETAG, "job": "1"}, "content_type": TEXT_TYPE}
    for write, agent in ((by_client.write, "azsdk-python-storage-blob"), (short.write, "entity-drop")):
        sent.clear()
        etag = write("Łódź 1+2%.txt", b"text", **facts)  # type: ignore[arg-type]
        assert len(sent) == 1 and sent[0].headers["User-Agent"].startswith(agent)
        found = short.read("Łódź 1+2%.txt")
        assert (found.info.etag, found.data) == (etag, b"text")
        assert (found.info.metadata, found.info.content_type) == (facts["metadata"], TEXT_TYPE)
    with pytest.raises(Changed):
        short.write("Łódź 1+2%.txt", b"text", if_absent=True)
    with pytest.raises(Changed):
        short.write("Łódź 1+2%.txt", b"text", if_match=ETAG)
    assert short.write("Łódź 1+2%.txt", b"more", if_match=etag) != etag
