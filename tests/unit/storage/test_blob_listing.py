"""Pages of a listing, as the storage writes them."""

from datetime import UTC, datetime

import pytest

from functions.storage.blob_listing import Page, read_page
from functions.storage.containers import BlobInfo

BLOB = """<Blob><Name>a &amp; b.txt</Name><Properties><Last-Modified>Mon, 23 Nov 2026 10:00:00 GMT</Last-Modified>
<Etag>0x8D</Etag><Content-Length>7</Content-Length><Content-Type>text/plain</Content-Type><Content-Encoding/>
<AccessTier>Archive</AccessTier></Properties><Metadata><state>done</state><empty/></Metadata><OrMetadata/></Blob>"""
ENCODED = """<Blob><Name Encoded="true">a%EF%BF%BE%25.txt</Name><Properties><Last-Modified>Mon, 23 Nov 2026 10:00:00 GMT
</Last-Modified><Etag>"0x8E"</Etag><Content-Length>0</Content-Length></Properties></Blob>"""
LATEST = datetime(2026, 11, 23, 10, tzinfo=UTC)


def page(blobs: str, marker: str = "") -> bytes:
    return (
        f"\ufeff<?xml version='1.0'?><EnumerationResults><Blobs>{blobs}</Blobs>{marker}</EnumerationResults>".encode()
    )


def test_page_has_blobs_and_marker() -> None:
    assert read_page(page(BLOB + ENCODED, "<NextMarker>2!next</NextMarker>")) == Page(
        [
            BlobInfo("a & b.txt", '"0x8D"', LATEST, 7, {"state": "done", "empty": ""}, "text/plain", "", "Archive"),
            BlobInfo("a\ufffe%.txt", '"0x8E"', LATEST, 0, {}),
        ],
        "2!next",
    )


@pytest.mark.parametrize("marker", ["", "<NextMarker />", "<NextMarker></NextMarker>"])
def test_last_page_has_no_marker(marker: str) -> None:
    assert read_page(page("", marker)) == Page([], "")


@pytest.mark.parametrize("content", [b"", b"<html><body>Sign in</body></html>", b"{}", page(BLOB)[:-30]])
def test_page_of_proxy_is_no_empty_listing(content: bytes) -> None:
    """Every document would look deleted."""
    assert read_page(content) is None
