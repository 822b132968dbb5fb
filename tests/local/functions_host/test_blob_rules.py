"""Blob rules as values: path patterns, receipts' names, and the bodies of blob messages."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host.blob_path import BlobPath
from local.functions_host.blob_queue import BlobMessage, internal_queue_name
from local.functions_host.blob_trigger import pause_s, receipt_name


@pytest.mark.parametrize(
    ("path", "container", "blob", "captures"),
    [
        ("docs/{name}", "docs", "a.txt", {"name": "a.txt"}),
        ("docs/{name}", "docs", "deep/er/a.txt", {"name": "deep/er/a.txt"}),
        ("docs/{name}", "DOCS", "a.txt", {"name": "a.txt"}),
        ("docs/{name}", "other", "a.txt", None),
        ("docs/{name}.txt", "docs", "a.txt", {"name": "a"}),
        ("docs/{name}.txt", "docs", ".txt", {"name": ""}),
        ("docs/{name}.txt", "docs", "a.pdf", None),
        ("docs/{folder}/{name}", "docs", "a/b/c", {"folder": "a/b", "name": "c"}),
        ("docs/in-(1)/{name}", "docs", "in-(1)/line\nbreak", {"name": "line\nbreak"}),
        ("docs/{{{name}}}", "docs", "{x}", {"name": "x"}),
        ("docs", "docs", "anything/at/all", {}),
    ],
)
def test_path_matches_like_real_host(path: str, container: str, blob: str, captures: dict[str, str] | None) -> None:
    assert BlobPath.parse(path).match(container, blob) == captures


@pytest.mark.parametrize("path", ["", "/x", "{c}/x", "docs/", "docs/{a}{a}", "docs/{a", "docs/a}", "docs/{a b}"])
def test_unusable_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"container|'/'|variable|single"):
        BlobPath.parse(path)


def test_message_format_matches_real_host() -> None:
    text = BlobMessage("Host.Functions.submit", "docs", "a/ü.txt", '"0x8D"').to_text()

    assert base64.b64decode(text).decode() == (
        "{\n"
        '  "Type": "BlobTrigger",\n'
        '  "FunctionId": "Host.Functions.submit",\n'
        '  "BlobType": "BlockBlob",\n'
        '  "ContainerName": "docs",\n'
        '  "BlobName": "a/ü.txt",\n'
        '  "ETag": "\\"0x8D\\""\n'
        "}"
    )


def test_empty_members_are_left_out() -> None:
    assert "ETag" not in json.loads(base64.b64decode(BlobMessage("f", "c", "b", None).to_text()))


@given(st.text(min_size=1).filter(str.isprintable), st.none() | st.text())
def test_any_message_round_trips(blob: str, etag: str | None) -> None:
    message = BlobMessage("Host.Functions.f", "c", blob, etag)

    assert BlobMessage.from_text(message.to_text()) == message


@pytest.mark.parametrize("body", ["[]", '{"Type": "Other"}', '{"Type": "BlobTrigger"}', "no json"])
def test_foreign_message_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|message|Expecting"):
        BlobMessage.from_text(base64.b64encode(body.encode()).decode())


def test_receipt_names_its_version() -> None:
    assert (
        receipt_name("me-1", "Host.Functions.submit", '"0x8D"', "docs", "a/b.txt")
        == 'blobreceipts/me-1/Host.Functions.submit/"0x8D"/docs/a/b.txt'
    )


def test_long_receipts_are_short_and_distinct() -> None:
    """Within the storage's limit, and different for different names."""
    names = [receipt_name("me-1", "Host.Functions.submit", '"0x8D"', "docs", "n" * 999 + end) for end in "ab"]

    assert all(len(name) <= 1024 for name in names)
    assert len(set(names)) == 2


def test_internal_queue_has_host_id() -> None:
    assert internal_queue_name("me-1") == "azure-webjobs-blobtrigger-me-1"


def test_slow_listing_lengthens_pause() -> None:
    assert [pause_s(1.0, listing_s) for listing_s in (0.0, 0.25, 0.5)] == [1.0, 1.0, 2.0]
