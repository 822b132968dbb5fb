"""How records are stored, and what becomes of those of another version."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.core.documents import Refusal
from functions.core.health import Health
from functions.errors import NewerRecord, RecordError
from functions.storage.containers import Blob, BlobInfo
from functions.storage.record_format import VERSION, decode, encode, is_newer, version_metadata

REFUSAL = Refusal(name="a.txt", code="AuthorizationFailure", first_seen=datetime(2026, 11, 23, tzinfo=UTC))


def blob(content: Any, **metadata: str) -> Blob:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Blob(info(**metadata), data)


def info(**metadata: str) -> BlobInfo:
    return BlobInfo("refused/1.json", '"0x1"', datetime(2026, 11, 23, tzinfo=UTC), 1, metadata)


def test_a_stored_record_says_its_version() -> None:
    assert json.loads(encode(REFUSAL)) == {
        "version": VERSION,
        "name": "a.txt",
        "code": "AuthorizationFailure",
        "firstSeen": "2026-11-23T00:00:00Z",
    }


@pytest.mark.parametrize("record", [REFUSAL, Health()])
def test_what_was_stored_is_read(record: Any) -> None:
    assert decode(blob(encode(record)), type(record)) == record


def test_a_record_without_version_is_read() -> None:
    stored = json.loads(encode(REFUSAL))
    del stored["version"]
    assert decode(blob(stored), Refusal) == REFUSAL


def test_a_newer_record_is_not_read() -> None:
    """Not even where it has all that this release knows: what it has besides would be dropped."""
    stored = json.loads(encode(REFUSAL)) | {"version": VERSION + 1}
    with pytest.raises(
        NewerRecord, match=rf"'refused/1.json' has version {VERSION + 1}, .* knows is {VERSION}"
    ) as raised:
        decode(blob(stored, owner="j1"), Refusal)
    assert (raised.value.name, raised.value.version, raised.value.owner) == ("refused/1.json", VERSION + 1, "j1")


def test_a_newer_record_may_have_any_shape() -> None:
    with pytest.raises(NewerRecord):
        decode(blob({"version": VERSION + 1, "name": ["several"]}), Refusal)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", {"version": "new"}, {"version": 2}])
def test_other_content_is_not_newer(content: Any) -> None:
    with pytest.raises(RecordError, match="is not a Refusal"):
        decode(blob(content), Refusal)


def test_a_listing_tells_newer_records() -> None:
    assert not is_newer(info())
    assert not is_newer(info(**version_metadata()))
    assert not is_newer(info(version="?"))
    assert is_newer(info(version=str(VERSION + 1)))
