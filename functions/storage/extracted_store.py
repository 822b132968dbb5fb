"""The working copies of texts that were extracted from files: written when a file is read, used until its result.

A copy is found by the document's name and ETag and by the version of the extractors, so that a newer version of either
never mixes with an old text. Text and location map are two blobs; the text is UTF-8, so that a chunk is read by its
bytes.
"""

import hashlib
from typing import NamedTuple

import msgspec

from ..errors import Missing
from ..text.formats.locations import LocationMap, Place
from ..typed_data import from_json
from .containers import Container

EXTRACTED = "extracted/"
_SMALL = "small-"


class WorkingCopy(NamedTuple):
    """An extracted text and where its parts stand in the file."""

    key: str
    text: str
    locations: LocationMap


class _StoredMap(msgspec.Struct):
    starts: list[int]
    places: list[dict[str, str | int | float]]


def copy_key(name: str, etag: str, version: str) -> str:
    """Return the key of the working copy of a document's version; `version` is that of the extractors."""
    return hashlib.sha256(f"{name}\n{etag}\n{version}".encode("utf-8", "surrogatepass")).hexdigest()


def small_copy_key(name: str, etag: str, text: str) -> str:
    """Return the key of a working copy that is not stored, of a document's version with this text."""
    return _SMALL + copy_key(name, etag, text)


def is_stored(key: str) -> bool:
    """Whether a key is that of a working copy in the storage."""
    return not key.startswith(_SMALL)


class ExtractedStore:
    """Keeps working copies in the state container."""

    def __init__(self, state: Container) -> None:
        self._state = state

    def save(self, copy: WorkingCopy) -> None:
        """Keep a working copy; doing it again changes nothing."""
        places: list[dict[str, str | int | float]] = [dict(place) for place in copy.locations.places]
        stored = msgspec.json.encode(_StoredMap(list(copy.locations.starts), places))
        self._state.write(_map_name(copy.key), stored)
        self._state.write(_text_name(copy.key), copy.text.encode())

    def read_text(self, key: str, start: int | None, end: int | None) -> bytes:
        """Return bytes `start` to `end` of a text, or all of it. Raises `Missing`."""
        if start is None or end is None:
            return self._state.read(_text_name(key)).data
        return self._state.read(_text_name(key), start=start, end=end).data

    def read_locations(self, key: str) -> LocationMap:
        """Return the location map of a text. Raises `Missing`."""
        stored = from_json(self._state.read(_map_name(key)).data, _StoredMap)
        places: tuple[Place, ...] = tuple(stored.places)
        return LocationMap(tuple(stored.starts), places)

    def delete(self, key: str) -> None:
        """Delete a working copy that is not needed any more."""
        for name in self.blobs(key):
            try:
                self._state.delete(name)
            except Missing:
                continue

    def blobs(self, key: str) -> tuple[str, ...]:
        """Return the names of the blobs of a working copy, whether or not it is stored."""
        return (_text_name(key), _map_name(key))


def _text_name(key: str) -> str:
    return f"{EXTRACTED}{key}.txt"


def _map_name(key: str) -> str:
    return f"{EXTRACTED}{key}.map.json"
