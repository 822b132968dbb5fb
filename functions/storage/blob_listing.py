"""Reads the pages of a listing ("List Blobs", read 2026-11).

The client library makes a tree of objects of each blob, which costs five times as much as all the rest of a listing.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import unquote
from xml.etree import ElementTree

from .containers import BlobInfo, Page


def read_page(data: bytes) -> Page | None:
    """Return a page of a listing with metadata; None where it is none, such as the page of a proxy."""
    try:
        # The storage's own answer, which the client library reads with the same parser.
        root = ElementTree.fromstring(data.removeprefix(b"\xef\xbb\xbf"))  # noqa: S314
    except ElementTree.ParseError:
        return None
    if root.tag != "EnumerationResults" or root.find("Blobs") is None:
        return None
    return Page([_blob(element) for element in root.iterfind("Blobs/Blob")], root.findtext("NextMarker") or "")


def _blob(element: ElementTree.Element) -> BlobInfo:
    name, properties, metadata = element.find("Name"), element.find("Properties"), element.find("Metadata")
    told = {} if properties is None else {one.tag: one.text or "" for one in properties}
    text = "" if name is None else name.text or ""
    if name is not None and name.get("Encoded") == "true":
        text = unquote(text)  # It has characters that XML can not hold.
    etag = told.get("Etag", "")
    return BlobInfo(
        name=text,
        # A listing leaves out the quotes that every other reply has.
        etag=etag if etag.startswith('"') else f'"{etag}"',
        last_modified=_moment(told["Last-Modified"]),
        size_bytes=int(told.get("Content-Length") or 0),
        metadata={} if metadata is None else {one.tag: one.text or "" for one in metadata},
        content_type=told.get("Content-Type", ""),
        content_encoding=told.get("Content-Encoding", ""),
        tier=told.get("AccessTier", ""),
    )


@lru_cache(maxsize=1000)
def _moment(text: str) -> datetime:
    return parsedate_to_datetime(text)
