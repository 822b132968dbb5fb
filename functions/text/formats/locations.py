"""Where the parts of an extracted text stand in their file."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

Place = Mapping[str, str | int | float]
"""Where a piece of text stands, for people: `page`, `slide`, `sheet` and `row`, `heading`, `part` (the path of a mail
part or an archive member, with `/` between the levels). A page that was read by OCR has its `readConfidence`."""


class LocationMap(NamedTuple):
    """From places in the text to places in the file: `starts` are code points of the text, ascending."""

    starts: tuple[int, ...]
    places: tuple[Place, ...]

    def at(self, position: int) -> Place | None:
        """Return the place of a position in the text; None where nothing is known."""
        index = bisect_right(self.starts, position) - 1
        return self.places[index] if index >= 0 else None


def page_ranges(pages: Iterable[int]) -> str:
    """Return page numbers, in ascending order, as people write them: `1, 3-7`."""
    found: list[list[int]] = []
    for page in pages:
        if found and found[-1][1] == page - 1:
            found[-1][1] = page
        else:
            found.append([page, page])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in found]
    return ", ".join(shown[:50]) + (", …" if len(shown) > 50 else "")
