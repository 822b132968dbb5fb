"""What the app relies on in a blob container and in the job queue, on the twins in memory and on the emulator alike.

Each test runs on both, so a test of the app that passes in memory says something about Azure Storage.
"""

import gzip
import io
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContentSettings,
    ResourceTypes,
    generate_account_sas,
)
from azure.storage.queue import QueueClient, TextBase64DecodePolicy
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from functions.core.decisions import corrections_name
from functions.core.jobs import JobMessage, decode_message
from functions.core.listings import sort_key
from functions.errors import Changed, Missing, UnsafeName
from functions.settings import Secret, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.azure_queues import AzureJobQueue, AzureTextQueue
from functions.storage.clients import MAX_SINGLE_GET_BYTES, blob_containers, blob_service, queue
from functions.storage.containers import Container, is_archived, is_safe, storage_code
from functions.storage.corrections_store import CorrectionsStore, Kept, kept_folder, kept_name
from functions.storage.document_store import DocumentStore
from functions.storage.job_queue import NEVER, JobQueue, Receipt
from functions.storage.memory_containers import MemoryContainer
from functions.storage.memory_queue import MemoryQueue
from local.azurite import ACCOUNT_KEY, ACCOUNT_NAME, Azurite

LONG_NAME = "x" * 1000

ODD_NAMES = [
    "plain.txt",
    "with space.txt",
    " leading and trailing ",
    "100%.txt",
    "%41.txt",
    "%2F.txt",
    "a%20b.txt",
    "number#1.txt",
    "a+b.txt",
    "[draft] (2).txt",
    "{name}.txt",
    'it\'s "quoted".txt',
    "a&b=c;d,e.txt",
    "what?.txt",
    "tilde~and^caret`.txt",
    "naïve café Ελένη Николай 日本語.txt",
    "emoji-\U0001f600.txt",
    "combined-e\u0301.txt",
    ".hidden",
    "..two",
    "many...dots..txt",
    "a.b.c.entities.json",
    "ends-with-dot.",
    "deep/" + "/".join(f"folder-{level}" for level in range(30)) + "/leaf.txt",
    "double//slash.txt",
    "ends-with-slash/",
    "<tag>|pipe*star$:@!.txt",
    LONG_NAME,
]


def connection(storage: Azurite) -> StorageConnection:
    return StorageConnection(connection_string=Secret(storage.connection_string))


@pytest.fixture(scope="module")
def blobs(storage: Azurite) -> Iterator[BlobServiceClient]:
    with blob_service(connection(storage)) as client:
        yield client


@pytest.fixture(params=["in memory", pytest.param("on the emulator", marks=pytest.mark.processes)])
def container(request: pytest.FixtureRequest) -> Container:
    """A container that does not exist yet."""
    if request.param == "in memory":
        return MemoryContainer()
    containers: Callable[[str], Container] = request.getfixturevalue("containers")
    return containers(f"contract-{uuid.uuid4().hex[:12]}")


@pytest.fixture(scope="module")
def containers(storage: Azurite) -> Callable[[str], Container]:
    return blob_containers(connection(storage))


@pytest.fixture
def emulated(blobs: BlobServiceClient) -> AzureContainer:
    """A container on the emulator, written to by the client alone."""
    return AzureContainer(blobs.get_container_client(f"contract-{uuid.uuid4().hex[:12]}"))


# --- Reading, looking, writing, deleting ---


def test_written_blob_is_read_back_whole(container: Container) -> None:
    """With its ETag, size, time and metadata."""
    before = datetime.now(UTC).replace(microsecond=0)
    etag = container.write("a.txt", b"text", metadata={"state": "pending", "source_etag": '"0x8D"'})
    blob = container.read("a.txt")
    assert blob.data == b"text"
    assert blob.info == container.get_properties("a.txt")._replace(tier=blob.info.tier), "a read does not tell the tier"
    assert (blob.info.name, blob.info.etag, blob.info.size_bytes) == ("a.txt", etag, 4)
    assert blob.info.metadata == {"state": "pending", "source_etag": '"0x8D"'}
    # The emulator's clock is this machine's; storage keeps whole seconds.
    assert before - timedelta(seconds=1) <= blob.info.last_modified <= datetime.now(UTC) + timedelta(seconds=1)
    assert blob.info.last_modified.microsecond == 0


@pytest.mark.parametrize("declared", ["gzip", "deflate", "br", "identity", "gzip, br"])
def test_compressed_content_is_read_as_stored(
    blobs: BlobServiceClient, emulated: AzureContainer, declared: str
) -> None:
    """In one request, in several, in part; whether or not the declaration is true."""
    size = 2 * MAX_SINGLE_GET_BYTES + 7
    packed = gzip.compress(random.Random(3).randbytes(size), mtime=0)
    client = blobs.get_container_client(emulated._client.container_name)
    client.create_container()
    memory = MemoryContainer()
    for name, data in (("small.gz", gzip.compress(b"text")), ("large.gz", packed), ("plain.txt", b"plain text")):
        kind = ContentSettings(content_type="text/plain; charset=iso-8859-2", content_encoding=declared)
        client.upload_blob(name, data, content_settings=kind)
        memory.write(name, data, content_type="text/plain; charset=iso-8859-2", content_encoding=declared)
        for container in (emulated, memory):
            read = container.read(name)
            assert read.data == data
            assert (read.info.content_type, read.info.content_encoding) == (kind.content_type, declared)
            assert container.read(name, start=3, end=8).data == data[3:8]
            assert container.read(name, if_match=read.info.etag).data == data
            assert container.get_properties(name).content_encoding == declared


def test_read_tells_storage_time(container: Container) -> None:
    """In whole seconds; the emulator's clock is this machine's."""
    container.write("a.txt", b"text")
    before = datetime.now(UTC).replace(microsecond=0)
    told = container.read("a.txt").told_at
    assert told is not None
    assert before <= told <= datetime.now(UTC)
    assert told.microsecond == 0


def test_each_write_gives_new_etag(container: Container) -> None:
    """A quoted one, even for the same content."""
    etags = [container.write("a.txt", b"same") for _ in range(3)]
    assert len(set(etags)) == 3
    assert all(etag.startswith('"') and etag.endswith('"') for etag in etags)


@pytest.fixture
def source(container: Container, request: pytest.FixtureRequest) -> Container:
    """Another container of the same kind."""
    if isinstance(container, MemoryContainer):
        return MemoryContainer()
    blobs: BlobServiceClient = request.getfixturevalue("blobs")
    return AzureContainer(blobs.get_container_client(f"contract-{uuid.uuid4().hex[:12]}"))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_copy_brings_content_and_metadata(container: Container, source: Container, name: str) -> None:
    container.write("other", b"")
    source.write(name, b"text", metadata={"language": "en"}, content_type="text/plain")
    container.copy(f"into/{name}", source, name)
    blob = container.read(f"into/{name}")
    assert (blob.data, blob.info.metadata, blob.info.content_type) == (b"text", {"language": "en"}, "text/plain")
    assert source.read(name).data == b"text"


def test_copy_overwrites_nothing(container: Container, source: Container) -> None:
    source.write("a.txt", b"new")
    container.write("a.txt", b"old")
    with pytest.raises(Changed):
        container.copy("a.txt", source, "a.txt")
    assert container.read("a.txt").data == b"old"


def test_copy_of_nothing_is_missing(container: Container, source: Container) -> None:
    source.write("other", b"")
    container.write("other", b"")
    with pytest.raises(Missing):
        container.copy("a.txt", source, "a.txt")


def test_copy_leads_out_of_no_container(container: Container, source: Container) -> None:
    for name, original in (("../a.txt", "a.txt"), ("a.txt", "../a.txt")):
        with pytest.raises(UnsafeName):
            container.copy(name, source, original)


def test_write_replaces_content_and_metadata(container: Container) -> None:
    container.write("a.txt", b"a longer text", metadata={"one": "1", "two": "2"})
    container.write("a.txt", b"short", metadata={"three": "3"})
    blob = container.read("a.txt")
    assert (blob.data, blob.info.metadata) == (b"short", {"three": "3"})
    container.write("a.txt", b"")
    assert (container.read("a.txt").data, container.get_properties("a.txt").metadata) == (b"", {})


@pytest.mark.parametrize("prepare", ["no container", "other blobs only"])
def test_absent_blob_is_missing(container: Container, prepare: str) -> None:
    if prepare == "other blobs only":
        container.write("other.txt", b"text")
    for act in (
        lambda: container.read("a.txt"),
        lambda: container.read("a.txt", if_match='"0x1"'),
        lambda: container.read("a.txt", start=0, end=3),
        lambda: container.get_properties("a.txt"),
        lambda: container.delete("a.txt"),
        lambda: container.delete("a.txt", if_match='"0x1"'),
    ):
        with pytest.raises(Missing) as raised:
            act()
        assert raised.value.name == "a.txt"


def test_first_write_creates_container(container: Container) -> None:
    assert list(container.list()) == []
    container.write("a.txt", b"text", if_absent=True)
    assert [info.name for info in container.list()] == ["a.txt"]


def test_deleted_blob_can_be_written_again(container: Container) -> None:
    first = container.write("a.txt", b"text")
    container.delete("a.txt", if_match=first)
    with pytest.raises(Missing):
        container.read("a.txt")
    assert container.write("a.txt", b"text", if_absent=True) != first


# --- Appending ---


def test_appended_data_follows_each_other(container: Container) -> None:
    """The first creates container and blob."""
    for data in (b"one\n", b"two\n", "drei é\n".encode()):
        container.append("log/a.jsonl", data)
    container.append("log/b.jsonl", b"other\n")
    assert container.read("log/a.jsonl").data == "one\ntwo\ndrei é\n".encode()
    assert [(info.name, info.size_bytes) for info in container.list("log/")] == [
        ("log/a.jsonl", 16),
        ("log/b.jsonl", 6),
    ]
    assert container.read("log/a.jsonl", start=4, end=8).data == b"two\n"


def test_concurrent_appends_lose_nothing(container: Container) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: container.append("a.jsonl", b"%d\n" % number), range(40)))
    assert sorted(map(int, container.read("a.jsonl").data.split())) == list(range(40))


# --- Conditions ---


def test_conditional_create_fails_on_existing_blob(container: Container) -> None:
    """Writing with `if_absent` raises `Changed`."""
    etag = container.write("a.txt", b"first", if_absent=True)
    with pytest.raises(Changed) as raised:
        container.write("a.txt", b"second", if_absent=True)
    assert raised.value.name == "a.txt"
    assert container.read("a.txt").info == container.read("a.txt", if_match=etag).info
    assert container.read("a.txt").data == b"first"


def test_compare_and_set_succeeds_once(container: Container) -> None:
    first = container.write("a.txt", b"1")
    second = container.write("a.txt", b"2", if_match=first)
    with pytest.raises(Changed):
        container.write("a.txt", b"lost", if_match=first)
    assert container.read("a.txt").data == b"2"
    assert container.get_properties("a.txt").etag == second


def test_compare_and_set_on_deleted_fails(container: Container) -> None:
    etag = container.write("a.txt", b"1")
    container.delete("a.txt")
    with pytest.raises(Changed):
        container.write("a.txt", b"2", if_match=etag)
    with pytest.raises(Missing):
        container.get_properties("a.txt")


def test_other_version_is_neither_read_nor_deleted(container: Container) -> None:
    first = container.write("a.txt", b"1")
    container.write("a.txt", b"2")
    with pytest.raises(Changed):
        container.read("a.txt", if_match=first)
    with pytest.raises(Changed):
        container.read("a.txt", if_match=first, start=0, end=1)
    with pytest.raises(Changed):
        container.delete("a.txt", if_match=first)
    assert container.read("a.txt").data == b"2"


def test_one_of_many_writers_succeeds(container: Container) -> None:
    etag = container.write("a.txt", b"start")

    def try_to_write(number: int) -> bool:
        try:
            container.write("a.txt", str(number).encode(), if_match=etag)
        except Changed:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(try_to_write, range(16)))
    assert won.count(True) == 1
    assert container.read("a.txt").data == str(won.index(True)).encode()


# --- Ranges and limits ---


def test_range_is_in_bytes(container: Container) -> None:
    etag = container.write("a.txt", b"0123456789")
    assert container.read("a.txt", start=2, end=5).data == b"234"
    assert container.read("a.txt", if_match=etag, start=0, end=10).data == b"0123456789"
    assert container.read("a.txt", start=7, end=100).data == b"789"
    assert container.read("a.txt", start=9, end=10).data == b"9"


def test_large_range_is_exact(container: Container) -> None:
    size = MAX_SINGLE_GET_BYTES * 5 + 17
    data = bytes(number % 251 for number in range(1000)) * (size // 1000 + 1)
    container.write("large.txt", data[:size])
    assert container.read("large.txt").data == data[:size]
    start, end = MAX_SINGLE_GET_BYTES - 3, MAX_SINGLE_GET_BYTES * 4 + 5
    assert container.read("large.txt", start=start, end=end).data == data[start:end]


def test_blob_over_limit_has_no_content(container: Container) -> None:
    container.write("a.txt", b"0123456789")
    assert container.read("a.txt", limit=10).data == b"0123456789"
    over = container.read("a.txt", limit=9)
    assert (over.data, over.info) == (b"", container.get_properties("a.txt")._replace(tier=over.info.tier))


def test_empty_blob_can_be_read(container: Container) -> None:
    container.write("empty.txt", b"")
    blob = container.read("empty.txt", limit=100)
    assert (blob.data, blob.info.size_bytes) == (b"", 0)


# --- Listing ---


def test_listing_agrees_with_properties(container: Container) -> None:
    for number in range(3):
        container.write(f"{number}.txt", b"x" * number, metadata={"number": str(number)})
    assert list(container.list()) == [container.get_properties(f"{number}.txt") for number in range(3)]


def test_listing_order_is_what_reconcile_needs(container: Container) -> None:
    names = ["a", "a-1", "a.b", "a.entities.json", "a/b", "a b", "B", "b", "ä", "\uff5e", "\U0001f600", "a!", "a0", "A"]
    for name in names:
        container.write(name, b"")
    listed = [info.name for info in container.list()]
    assert listed == sorted(names, key=sort_key)


def test_prefix_is_not_folder(container: Container) -> None:
    for name in ("jobs/a.json", "jobs/a.0.json", "jobs/ab.json", "jobs/b.json", "jobsx", "documents/jobs/a"):
        container.write(name, b"")
    assert [info.name for info in container.list("jobs/a")] == ["jobs/a.0.json", "jobs/a.json", "jobs/ab.json"]
    assert list(container.list("jobs/c")) == []


def test_listing_reads_all_pages(emulated: AzureContainer) -> None:
    """The service gives 5,000 names a page; the page size is lowered here, to write less."""
    for number in range(23):
        emulated.write(f"{number:03}", b"", metadata={"number": str(number)})
    emulated.page_size = 5
    listed = list(emulated.list())
    assert [info.name for info in listed] == [f"{number:03}" for number in range(23)]
    assert [info.metadata["number"] for info in listed] == [str(number) for number in range(23)]


# --- Names ---


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: name[:30].encode("ascii", "backslashreplace").decode())
def test_any_name_stays_unchanged(container: Container, name: str) -> None:
    etag = container.write(name, name.encode(), if_absent=True, metadata={"kept": "yes"})
    assert container.get_properties(name).name == name
    assert container.read(name, if_match=etag).data == name.encode()
    assert [info.name for info in container.list()] == [name]
    assert [info.name for info in container.list(name)] == [name]
    etag = container.write(name, b"again", if_match=etag)
    with pytest.raises(Changed):
        container.write(name, b"lost", if_absent=True)
    container.delete(name, if_match=etag)
    with pytest.raises(Missing):
        container.get_properties(name)


UNSAFE_NAMES = [
    "",
    ".",
    "..",
    "../private/secret.txt",
    "a/../../private/secret.txt",
    "./a.txt",
    "a/./b.txt",
    "a/..",
    "..\\private\\secret.txt",
    "..%2Fprivate%2Fsecret.txt",
    "%2E%2e/private/secret.txt",
    "..%252Fprivate%252Fsecret.txt",
]


def test_corrections_of_any_name_are_put_apart(container: Container) -> None:
    """With what they count in, and when they had been written; none is taken for those of another document."""
    store = CorrectionsStore(DocumentStore(container, container), container)
    written = {}
    for name in ODD_NAMES:
        store.keep_text(name, '"0x1"', f"text of {name}")
        store.keep_answer(name, '"0x1"', b"{}")
        store.keep_answer(name, '"0x1"', f"answer about {name}".encode())
        store.write(name, name.encode(), {"source_etag": '"0x1"', "answer_sha256": "0"}, None)
        written[name] = container.get_properties(corrections_name(name)).last_modified
        store.put_apart(name, '"0x1"')
        store.put_apart(name, '"0x2"')
        assert store.read(name) is None
    found = {store.read_apart(info.name).data.decode(): info.name for info in store.files_apart()}
    assert found == {name: kept_name(name, '"0x1"') for name in ODD_NAMES}
    for name, file in found.items():
        assert store.kept(file) == Kept(f"text of {name}".encode(), f"answer about {name}".encode())
        metadata = store.read_apart(file).info.metadata
        assert metadata == {"source_etag": '"0x1"', "answer_sha256": "0", "changed": written[name].isoformat()}
        assert file in [info.name for info in container.list(kept_folder(name))]


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_every_call_refuses_unsafe_name(container: Container, name: str) -> None:
    for act in (
        lambda: container.read(name),
        lambda: container.read(name, if_match='"0x1"', start=0, end=1),
        lambda: container.get_properties(name),
        lambda: container.write(name, b"text"),
        lambda: container.write(name, b"text", if_absent=True),
        lambda: container.delete(name),
    ):
        with pytest.raises(UnsafeName) as raised:
            act()
        assert raised.value.name == name
    assert list(container.list()) == []


@given(st.lists(st.text("a.%2EeFf/\\5c ", max_size=4), max_size=5).map("/".join))
def test_safe_names_decode_without_dot_segments(name: str) -> None:
    """However often a name is decoded that `is_safe` accepts."""
    if is_safe(name):
        for _ in range(6):
            assert name
            assert not {".", ".."} & set(re.split(r"[/\\]", name))
            name = unquote(name)


def test_nothing_outside_container_is_reached(storage: Azurite, blobs: BlobServiceClient) -> None:
    """With a SAS, as the HTTP library resolves dot segments and no signature covers the path."""
    place = uuid.uuid4().hex[:12]
    private, intake = (blobs.create_container(f"{kind}-{place}") for kind in ("private", "intake"))
    private.upload_blob("secret.txt", b"secret")
    signature = generate_account_sas(
        ACCOUNT_NAME,
        ACCOUNT_KEY,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, create=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    # As `curl` would upload it: the storage undoes the escapes, and keeps the name as it then is.
    escaped = f"{intake.url}/..%2Fprivate-{place}%2Fsecret.txt?{signature}"
    uploaded = requests.put(escaped, b"text", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10)
    assert uploaded.status_code == 201
    with BlobServiceClient(blobs.url, credential=signature) as signed:
        container = AzureContainer(signed.get_container_client(intake.container_name))
        (listed,) = container.list()
        assert listed.name == f"../private-{place}/secret.txt"
        by_client = signed.get_blob_client(intake.container_name, listed.name).download_blob().readall()
        assert by_client == b"secret", "what the client library by itself would read"
        for act in (
            lambda: container.read(listed.name),
            lambda: container.write(listed.name, b"overwritten"),
            lambda: container.delete(listed.name),
        ):
            with pytest.raises(UnsafeName):
                act()
        assert DocumentStore(container, container).find(listed.name) == listed
    assert private.download_blob("secret.txt").readall() == b"secret"


def test_foreign_404_is_not_missing_blob() -> None:
    """A proxy's page: whoever took it for the storage's word would forget records and make results again."""

    class Proxy(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            response = requests.Response()
            response.status_code, response.request, response.url = 404, request, str(request.url)
            response.raw = HTTPResponse(io.BytesIO(b"<html>Not found</html>"), preload_content=False)
            response.headers["Content-Type"] = "text/html"
            return response

        def close(self) -> None:
            return

    with requests.Session() as session:
        session.mount("https://", Proxy())
        transport = RequestsTransport(session=session, session_owner=False)
        with BlobServiceClient("https://loans.blob.core.windows.net", transport=transport, retry_total=0) as client:
            container = AzureContainer(client.get_container_client("documents"))
            for act in (
                lambda: container.read("a.txt"),
                lambda: container.get_properties("a.txt"),
                lambda: container.delete("a.txt"),
                lambda: container.write("a.txt", b"text"),
                lambda: list(container.list()),
            ):
                with pytest.raises(HttpResponseError) as raised:
                    act()
                assert storage_code(raised.value) == "HTTP404"


def test_archived_blob_is_known_unread(emulated: AzureContainer) -> None:
    emulated.write("a.txt", b"text")
    etag = emulated.get_properties("a.txt").etag
    emulated._client.get_blob_client("a.txt").set_standard_blob_tier("Archive")
    assert emulated.get_properties("a.txt").is_archived
    assert [info.is_archived for info in emulated.list()] == [True]
    assert emulated.get_properties("a.txt").etag == etag, "no event of a new version comes of it"
    with pytest.raises(HttpResponseError) as raised:
        emulated.read("a.txt")
    assert (is_archived(raised.value), storage_code(raised.value)) == (True, "BlobArchived")


def test_folder_marker_properties_are_listed(emulated: AzureContainer) -> None:
    client = emulated._client
    emulated.write("a.txt", b"text")
    client.upload_blob("marked", b"", metadata={"hdi_isfolder": "true"})
    client.upload_blob("typed", b"", content_settings=ContentSettings(content_type="httpd/unix-directory"))
    assert {info.name: info.is_folder for info in emulated.list()} == {"a.txt": False, "marked": True, "typed": True}


def test_storage_reads_backslash_as_slash(emulated: AzureContainer) -> None:
    """The host takes names from listings, so the app never meets the other spelling."""
    emulated.write("back\\slash.txt", b"text")
    assert [info.name for info in emulated.list()] == ["back/slash.txt"]


def test_escaped_names_stay_distinct(container: Container) -> None:
    names = ["a b", "a%20b", "a+b", "a%2Bb", "A b", "e\u0301", "\u00e9"]
    for name in names:
        container.write(name, name.encode(), if_absent=True)
    assert {info.name: container.read(info.name).data.decode() for info in container.list()} == {
        name: name for name in names
    }


# --- What only the real thing has: leases, blobs that change while they are read ---


def test_lease_is_not_lost_race(emulated: AzureContainer) -> None:
    """Who takes a lease for a lost race would think that somebody else has written the result."""
    etag = emulated.write("a.txt", b"text")
    lease = emulated._client.get_blob_client("a.txt").acquire_lease()
    for act in (
        lambda: emulated.write("a.txt", b"other"),
        lambda: emulated.write("a.txt", b"other", if_match=etag),
        lambda: emulated.delete("a.txt", if_match=etag),
    ):
        with pytest.raises(HttpResponseError) as raised:
            act()
        assert raised.value.status_code == 412
    assert emulated.read("a.txt").data == b"text"
    lease.release()
    emulated.write("a.txt", b"other", if_match=emulated.get_properties("a.txt").etag)


class AfterFirstReply:
    """Lets something happen right after the first reply to a GET of a blob."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act
        self._has_acted = False

    def __call__(self, response: requests.Response, *_: Any, **__: Any) -> None:
        if response.request.method == "GET" and not self._has_acted:
            self._has_acted = True
            self._act()


@pytest.mark.parametrize("change", ["replace", "delete", "append"])
def test_changing_blob_is_never_mixed(storage: Azurite, emulated: AzureContainer, change: str) -> None:
    """A large blob that changes while it is read."""
    emulated.write("other.txt", b"")
    client = emulated._client.get_blob_client("large.txt")
    if change == "append":
        client.create_append_blob()
        for _ in range(2):
            client.append_block(b"1" * MAX_SINGLE_GET_BYTES)
    else:
        client.upload_blob(b"1" * MAX_SINGLE_GET_BYTES * 2)
    act: dict[str, Callable[[], object]] = {
        "replace": lambda: client.upload_blob(b"2" * MAX_SINGLE_GET_BYTES * 2, overwrite=True),
        "delete": client.delete_blob,
        "append": lambda: client.append_block(b"2" * 10),
    }
    with requests.Session() as session:
        session.hooks["response"].append(AfterFirstReply(act[change]))
        transport = RequestsTransport(session=session, session_owner=False)
        with BlobServiceClient.from_connection_string(
            storage.connection_string,
            transport=transport,
            max_single_get_size=MAX_SINGLE_GET_BYTES,
            max_chunk_get_size=MAX_SINGLE_GET_BYTES,
        ) as reading:
            container = AzureContainer(reading.get_container_client(emulated._client.container_name))
            with pytest.raises(Missing if change == "delete" else Changed):
                container.read("large.txt")


# --- The queue ---


class QueueEnd:
    """A job queue and the receiving end that the host has; `take` returns a visible message's text and receipt."""

    def __init__(
        self, jobs: JobQueue, take: Callable[[], tuple[str, Receipt] | None], wait: Callable[[float], None]
    ) -> None:
        self.jobs = jobs
        self._take = take
        self.wait = wait

    def receive(self) -> str | None:
        """Return the text of a visible message; None where there is none."""
        taken = self._take()
        return taken and taken[0]

    def receive_receipt(self) -> Receipt:
        """Return the receipt of a visible message."""
        taken = self._take()
        assert taken
        return taken[1]

    def receive_within(self, seconds: float) -> str | None:
        """Return the next message, waiting for it; the clock is moved where there is one to move."""
        text = self.receive()
        if text is None:
            self.wait(seconds)
            deadline = time.monotonic() + 30
            while (text := self.receive()) is None and time.monotonic() < deadline:
                self.wait(0.1)
        return text


def in_memory_end() -> QueueEnd:
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)

    def wait(seconds: float) -> None:
        nonlocal now
        now += timedelta(seconds=seconds)

    memory = MemoryQueue(lambda: now)

    def take() -> tuple[str, Receipt] | None:
        message = memory.receive()
        return (message.text, Receipt(message.id, message.pop_receipt)) if message else None

    return QueueEnd(memory, take, wait)


def emulated_end(storage: Azurite, clients: list[QueueClient]) -> QueueEnd:
    client = queue(connection(storage), f"contract-{uuid.uuid4().hex[:12]}")
    clients.append(client)

    def take() -> tuple[str, Receipt] | None:
        message = client.receive_message(visibility_timeout=600)
        return (str(message.content), Receipt(str(message.id), str(message.pop_receipt))) if message else None

    return QueueEnd(AzureJobQueue(client), take, time.sleep)


@pytest.fixture(params=["in memory", pytest.param("on the emulator", marks=pytest.mark.processes)])
def queue_end(request: pytest.FixtureRequest) -> Iterator[QueueEnd]:
    """A job queue that does not exist yet."""
    clients: list[QueueClient] = []
    if request.param == "in memory":
        yield in_memory_end()
    else:
        yield emulated_end(request.getfixturevalue("storage"), clients)
    for client in clients:
        client.close()


def test_message_arrives_as_sent(queue_end: QueueEnd) -> None:
    queue_end.jobs.send(JobMessage("3fa85f64.0.a", 7), 0)
    text = queue_end.receive_within(0)
    assert text is not None
    assert decode_message(text) == JobMessage("3fa85f64.0.a", 7)
    assert queue_end.receive() is None


def test_delayed_message_is_hidden_until_due(queue_end: QueueEnd) -> None:
    queue_end.jobs.send(JobMessage("later", 1), 2)
    queue_end.jobs.send(JobMessage("now", 1), 0)
    first, second = queue_end.receive_within(0), queue_end.receive()
    assert (first is not None, second) == (True, None)
    assert decode_message(first or "").job == "now"
    later = queue_end.receive_within(2)
    assert later is not None
    assert decode_message(later).job == "later"


@pytest.mark.parametrize("delay_s", [-5.0, 0.2, 30 * 24 * 3600.0])
def test_any_delay_is_accepted(queue_end: QueueEnd, delay_s: float) -> None:
    queue_end.jobs.send(JobMessage("a", 1), delay_s)
    receipt = queue_end.jobs.send(JobMessage("b", 1), 60)
    queue_end.jobs.resend(receipt, JobMessage("b", 2), delay_s)


def test_hidden_message_can_be_replaced(queue_end: QueueEnd) -> None:
    receipt = queue_end.jobs.send(JobMessage("a", 1), 600)
    queue_end.jobs.resend(receipt, JobMessage("a", 2), 0)
    text = queue_end.receive_within(0)
    assert text is not None
    assert decode_message(text) == JobMessage("a", 2)
    assert queue_end.receive() is None


def test_received_message_is_sent_again(queue_end: QueueEnd) -> None:
    receipt = queue_end.jobs.send(JobMessage("a", 1), 0)
    assert queue_end.receive_within(0) is not None
    queue_end.jobs.resend(receipt, JobMessage("a", 2), 0)
    text = queue_end.receive_within(0)
    assert text is not None
    assert decode_message(text) == JobMessage("a", 2)


@pytest.mark.parametrize("receipt", [Receipt("3a5c0f6e-0000-4000-8000-000000000000", "AgAAAAMAAAAAAAAA"), None])
def test_deleted_message_is_sent_again(queue_end: QueueEnd, receipt: Receipt | None) -> None:
    queue_end.jobs.send(JobMessage("other", 1), 600)
    queue_end.jobs.resend(receipt or Receipt("", ""), JobMessage("a", 2), 0)
    text = queue_end.receive_within(0)
    assert text is not None
    assert decode_message(text) == JobMessage("a", 2)


def test_received_message_is_hidden_anew(queue_end: QueueEnd) -> None:
    """Its text stays, and what was known of it before is not valid any more."""
    queue_end.jobs.send(JobMessage("a", 1), 0)
    first = queue_end.receive_receipt()
    again = queue_end.jobs.hide(first, 600)
    assert again not in (None, first)
    assert queue_end.jobs.hide(first, 0) is None
    queue_end.jobs.discard(first)
    assert queue_end.receive() is None
    assert again
    assert queue_end.jobs.hide(again, 0)
    text = queue_end.receive_within(0)
    assert text is not None
    assert decode_message(text) == JobMessage("a", 1)


def test_hidden_anew_message_comes_back_in_time(queue_end: QueueEnd) -> None:
    queue_end.jobs.send(JobMessage("a", 1), 0)
    assert queue_end.jobs.hide(queue_end.receive_receipt(), 2)
    assert queue_end.receive() is None
    assert queue_end.receive_within(2) is not None


def test_hidden_anew_message_can_be_deleted(queue_end: QueueEnd) -> None:
    queue_end.jobs.send(JobMessage("a", 1), 0)
    again = queue_end.jobs.hide(queue_end.receive_receipt(), 1)
    assert again
    queue_end.jobs.discard(again)
    queue_end.jobs.discard(again)
    assert queue_end.jobs.hide(again, 1) is None
    queue_end.wait(2)
    assert queue_end.receive() is None


@pytest.mark.parametrize("receipt", ["nonsense", "AgAAAAMAAAAAAAAA", "a/b?c=d&e", "\u00e4"])
def test_odd_receipt_hides_nothing(queue_end: QueueEnd, receipt: str) -> None:
    queue_end.jobs.send(JobMessage("a", 1), 0)
    message_id, _ = queue_end.receive_receipt()
    assert queue_end.jobs.hide(Receipt(message_id, receipt), 0) is None
    assert queue_end.jobs.hide(Receipt("../" + message_id, receipt), 0) is None
    assert queue_end.receive() is None


def test_messages_are_base64_without_expiry(storage: Azurite) -> None:
    """As the host expects them."""
    clients: list[QueueClient] = []
    end = emulated_end(storage, clients)
    end.jobs.send(JobMessage("a", 1), 0)
    (client,) = clients
    (peeked,) = client.peek_messages()
    assert peeked.expires_on.year == 9999
    assert NEVER == -1
    raw = QueueClient.from_connection_string(storage.connection_string, client.queue_name)
    with raw:
        (message,) = raw.peek_messages()
        decoded = TextBase64DecodePolicy().decode(message.content, None)
    assert decode_message(decoded) == JobMessage("a", 1)
    client.close()


def test_message_with_lifetime_expires(queue_end: QueueEnd) -> None:
    queue_end.jobs.send(JobMessage("short", 1), 1, ttl_s=2)
    queue_end.jobs.send(JobMessage("long", 1), 3)
    text = queue_end.receive_within(3)
    assert text is not None
    assert decode_message(text).job == "long"


def test_text_is_put_back_unchanged(storage: Azurite) -> None:
    text = '{\n  "Type": "BlobTrigger",\n  "BlobName": "naïve/日本語.txt"\n}'
    name = f"poison-{uuid.uuid4().hex[:12]}"
    with queue(connection(storage), name) as client:
        AzureTextQueue(client).put(text, 0, 3600)
        message = client.receive_message()
        assert message is not None
        assert message.content == text
        assert 3500 < (message.expires_on - datetime.now(UTC)).total_seconds() <= 3600
