"""What may be uploaded from the page: names that every program understands alike, sizes, and how a file is sent."""

import re

from ..text.offsets import UTF16, length
from .names import LONGEST_BLOB_NAME

MOST_SEGMENTS = 254
"""Path segments in a blob's name ("Naming and Referencing Containers, Blobs, and Metadata", read 2026-11)."""

ONE_REQUEST_BYTES = 64 * 1024 * 1024
"""A file of at most so many bytes is sent in one request, which the signature allows once and only where nothing is
there. The service itself takes 5,000 MiB; but what breaks off has to be sent from its beginning."""

BLOCK_BYTES = 8 * 1024 * 1024
"""The size of the blocks of a larger file; one that breaks off is sent again alone."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def name_fault(name: str) -> str | None:
    """Return why a document can not be uploaded under a name, as the end of a sentence; None where it can.

    Stricter than the storage: what a browser, a proxy or the storage might change on the way is refused. Names with
    `.` or `..` as a segment are for `check_name` of the containers, which undoes escapes.
    """
    if not name:
        return "the name is empty"
    if _CONTROLS.search(name):
        return "the name has characters that can not be shown"
    units = length(name, UTF16)
    if units > LONGEST_BLOB_NAME:
        return f"the name has {units:,} characters, the limit is {LONGEST_BLOB_NAME:,}"
    if "\\" in name:
        return "the name has a backslash, which the storage takes for a slash"
    segments = name.split("/")
    if "" in segments:
        return "the name begins or ends with a slash, or has two in a row"
    if len(segments) > MOST_SEGMENTS:
        return f"the name has {len(segments):,} folders, the limit is {MOST_SEGMENTS}"
    if any(segment.endswith(".") for segment in segments):
        return "a part of the name ends with a dot"
    return None
