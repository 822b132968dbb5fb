"""The host's own storage calls, with the emulator checking signatures and the SDK as a second witness."""

from __future__ import annotations

import uuid

import pytest
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite
from local.functions_host.connections import find_connection
from local.functions_host.errors import StorageError
from local.functions_host.storage import Container, StorageAccount, _Token, string_to_sign


@pytest.fixture
def container(account: StorageAccount) -> Container:
    made = account.container(f"c-{uuid.uuid4().hex[:12]}")
    made.create()
    return made


@pytest.mark.parametrize(
    "name", ["a b.txt", "100%.txt", "a%20b", "#?+&=.txt", "[1]{2}'\".txt", "ü 漢字 😀", "a//b", "x" * 1024]
)
def test_any_name_matches_sdk(storage: Azurite, container: Container, name: str) -> None:
    etag = container.put(name, b"hello", {"Kind": "letter"})
    client = BlobServiceClient.from_connection_string(storage.connection_string).get_blob_client(container.name, name)
    ((item,),) = container.pages(metadata=True)
    content, properties = container.read(name)

    assert (item.name, item.etag, item.metadata) == (name, etag, {"Kind": "letter"})
    assert (content, properties.etag, properties.length) == (b"hello", etag, 5)
    assert client.get_blob_properties().etag == etag
    assert client.url == properties.url


def test_listing_reads_all_pages(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        container.put(f"a/{number}")
    container.put("b/0")
    call = container._service.call

    def two_at_a_time(verb: str, path: str, query: dict[str, str], **options: object) -> object:
        return call(verb, path, query | {"maxresults": "2"}, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(container._service, "call", two_at_a_time)
    pages = [[item.name for item in page] for page in container.pages("a/")]

    assert [name for page in pages for name in page] == [f"a/{number}" for number in range(5)]
    assert len(pages) == 3


def test_conditions_and_leases_detect_races(container: Container) -> None:
    etag = container.put("lock", if_none_match="*")
    with pytest.raises(StorageError) as second:
        container.put("lock", if_none_match="*")
    mine, other = str(uuid.uuid4()), str(uuid.uuid4())
    container.acquire_lease("lock", mine, 15, if_match=etag)
    with pytest.raises(StorageError) as taken:
        container.acquire_lease("lock", other, 15)
    container.set_metadata("lock", {}, mine)
    container.renew_lease("lock", mine)
    container.release_lease("lock", mine)
    with pytest.raises(StorageError) as changed:
        container.acquire_lease("lock", other, 15, if_match=etag)
    with pytest.raises(StorageError) as gone:
        container.renew_lease("lock", mine)

    assert [error.value.is_lost_race for error in (second, taken, changed, gone)] == [True] * 4


def test_missing_differs_from_other_errors(account: StorageAccount, container: Container) -> None:
    nowhere = account.container("nowhere")
    with pytest.raises(StorageError) as blob:
        container.head("x")
    with pytest.raises(StorageError) as listing:
        list(nowhere.pages())
    with pytest.raises(StorageError) as queue:
        account.queue("nowhere").receive(1, 1)

    assert [error.value.is_missing for error in (blob, listing, queue)] == [True] * 3


def test_wrong_key_is_not_shown(storage: Azurite) -> None:
    wrong = storage.connection_string.replace("AccountKey=Eby8", "AccountKey=AAAA")
    account = StorageAccount(find_connection("Docs", {"Docs": wrong}))

    with pytest.raises(StorageError) as raised:
        account.container("docs").create()

    assert raised.value.status == 403
    assert "AAAA" not in str(raised.value)


def test_queue_returns_texts_unchanged(account: StorageAccount) -> None:
    queue = account.queue(f"q-{uuid.uuid4().hex[:12]}")
    queue.put_creating("<a> & 'ü' \"😀\"\n")
    (message,) = queue.receive(32, 30)
    queue.hide(message, 0)
    (again,) = queue.receive(32, 30)
    # The first receipt is void since the message was received again.
    old = message
    queue.delete(old)
    left = queue.length()
    queue.delete(again)
    queue.delete(again)

    assert (again.text, again.dequeue_count) == ("<a> & 'ü' \"😀\"\n", 2)
    assert (left, queue.length()) == (1, 0)
    assert message.expires.year == 9999


def test_signed_text_matches_documentation() -> None:
    # The example of learn.microsoft.com, "Authorize with Shared Key", section "Constructing the signature string".
    headers = {"x-ms-date": "Fri, 26 Jun 2015 23:39:12 GMT", "x-ms-version": "2015-02-21"}
    query = {"restype": "container", "comp": "metadata", "timeout": "20"}

    assert string_to_sign("myaccount", "GET", "/mycontainer", query, headers) == (
        "GET\n\n\n\n\n\n\n\n\n\n\n\n"
        "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
        "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
    )


@pytest.mark.parametrize(
    ("now", "monotonic", "renewed"),
    [
        (1000.0, 50.0, False),
        (4299.0, 50.0, False),
        (4301.0, 50.0, True),
        (1000.0, 3351.0, True),
        (-9e6, 3349.0, False),
        (-9e6, 3351.0, True),
    ],
)
def test_token_renewal_ignores_clock_changes(now: float, monotonic: float, renewed: bool) -> None:
    """It was fetched at 1,000 s of the day and 50 s of the other clock, and is good for an hour."""
    assert _Token("t", expires=4600.0, ends=3650.0).must_be_renewed(now, monotonic) is renewed
