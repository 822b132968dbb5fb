"""Where the parts of an extracted text stand in their file."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

Place = Mapping[str, str | int]
"""Where a piece of text stands, for people: `page`, `slide`, `sheet` and `row`, `heading`, `part` (the path of a mail
part or an archive member, with `/` between the levels)."""


class LocationMap(NamedTuple):
    """From places in the text to places in the file: `starts` are code points of the text, ascending."""

    starts: tuple[int, ...]
    places: tuple[Place, ...]

    def at(self, position: int) -> Place | None:
        """Return the place of a position in the text; None where nothing is known."""
        index = bisect_right(self.starts, position) - 1
        return self.places[index] if index >= 0 else None
