"""Count text the way the service does: text elements, code points or UTF-16 code units.

A code point that counts for nothing (a combining mark) or for two (beyond the Basic Multilingual Plane) is an
exception in most texts, so a text is described by the positions of its exceptions and everything else is arithmetic.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable

TEXT_ELEMENTS = "TextElements_v8"
CODE_POINTS = "UnicodeCodePoint"
UTF16_UNITS = "Utf16CodeUnit"

#: The values of ``stringIndexType`` (docs/language-api.md 5.1); the first is the service's default.
STRING_INDEX_TYPES = (TEXT_ELEMENTS, CODE_POINTS, UTF16_UNITS)

_FIRST_MARK = "\u0300"
_LAST_BMP = "\uffff"


def _mark_positions(text: str) -> list[int]:
    """Find the code points that continue a text element: categories Mn, Mc and Me, anywhere but at the start.

    The recordings show the old .NET rule, not today's grapheme clusters: joiners, skin tones and conjoining Jamo
    each count as one (docs/language-api.md 5.1).
    """
    return [
        i for i, char in enumerate(text) if char >= _FIRST_MARK and i > 0 and unicodedata.category(char).startswith("M")
    ]


def _astral_positions(text: str) -> list[int]:
    return [i for i, char in enumerate(text) if char > _LAST_BMP]


def offsets_in(text: str, string_index_type: str) -> Callable[[int], int]:
    """Give the function that turns a code point index of ``text`` (0 to its length) into the asked unit.

    Raises ``ValueError`` for a unit the service does not know.
    """
    if string_index_type not in STRING_INDEX_TYPES:
        raise ValueError(f"'{string_index_type}' is not a string index type; the service knows {STRING_INDEX_TYPES}.")
    if string_index_type == CODE_POINTS or text.isascii():
        return lambda index: index
    if string_index_type == UTF16_UNITS:
        astral = _astral_positions(text)
        return lambda index: index + bisect_left(astral, index)
    marks = _mark_positions(text)
    return lambda index: index - bisect_left(marks, index)


def code_points_from_utf16(text: str) -> Callable[[int], int | None]:
    """Give the function that turns a UTF-16 index of ``text`` into a code point index.

    The answer is ``None`` for an index outside the text or in the middle of a surrogate pair.
    """
    astral = _astral_positions(text)
    # The UTF-16 index at which the n-th character beyond the Basic Multilingual Plane starts.
    starts = [position + n for n, position in enumerate(astral)]
    length = len(text) + len(astral)

    def convert(index: int) -> int | None:
        before = bisect_left(starts, index)
        inside_a_pair = before > 0 and starts[before - 1] == index - 1
        if index < 0 or index > length or inside_a_pair:
            return None
        return index - before

    return convert


def text_elements(text: str) -> int:
    """Count the text elements of ``text``: the unit of the service's size limits and statistics."""
    return len(text) if text.isascii() else len(text) - len(_mark_positions(text))
