"""Where a list goes on: opaque to clients, of a bounded length, and checked when it comes back."""

import base64
import binascii
import zlib
from typing import Annotated

import msgspec

from ..typed_data import from_json

LONGEST_CURSOR = 6_000
"""Characters; a request line may have 8 KiB (dotnet/aspnetcore `KestrelServerLimits`, read 2026-11)."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Marker = Annotated[str, msgspec.Meta(max_length=4_000)]


class InvalidCursor(ValueError):
    """A cursor that no list has made, or that was changed."""


class _Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    pass


class AtJobs(_Place, frozen=True, tag="p"):
    """Among the documents in work: behind a job, or behind so many documents of the next one."""

    behind: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """The sort key of the last job that was told whole."""
    skipped: _Count = 0


class AtJournal(_Place, frozen=True, tag="j"):
    """In an hour of the journal: how much of each of its blobs is still to be told, from its beginning."""

    hour: Annotated[str, msgspec.Meta(pattern=r"^\d{10}$")]
    """`YYYYMMDDHH`."""
    group: _Count = 0
    """Which group of the hour's blobs."""
    ends: Annotated[dict[Annotated[str, msgspec.Meta(max_length=8)], _Count], msgspec.Meta(max_length=100)] | None = (
        None
    )
    """By a checksum of the blob's name; None where the group is not begun."""


class AtListing(_Place, frozen=True, tag="l"):
    """In a listing that is sorted by name: behind so many blobs of the page that begins at a marker."""

    marker: _Marker = ""
    skipped: _Count = 0
    kind: Annotated[str, msgspec.Meta(max_length=20)] = ""
    """Which list of the index; empty for that of all records."""


Place = AtJobs | AtJournal | AtListing


def to_cursor(place: Place) -> str:
    """Return a place as a cursor."""
    data = msgspec.json.encode(place)
    return base64.urlsafe_b64encode(zlib.crc32(data).to_bytes(4, "big") + data).rstrip(b"=").decode()


def to_place(cursor: str) -> Place:
    """Return the place that a cursor stands for. Raises `InvalidCursor`."""
    if len(cursor) > LONGEST_CURSOR:
        raise InvalidCursor
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        check, data = content[:4], content[4:]
        if zlib.crc32(data).to_bytes(4, "big") != check:
            raise InvalidCursor
        place: Place = from_json(data, Place)
        return place
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise InvalidCursor from error
