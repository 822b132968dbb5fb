"""The three units in which the service counts offsets, and the way from each to Python's code points.

The service calls them string index types: code points, UTF-16 code units and text elements ("TextElements_v8").
The last are not today's grapheme clusters: recorded replies are reproduced by starting a new element at the
start of the text and at each code point that is not a mark (general category Mn, Mc or Me), which is what .NET
Framework's StringInfo did (docs/language-api.md 5.1).
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice

CODE_POINT = "UnicodeCodePoint"
UTF16 = "Utf16CodeUnit"
TEXT_ELEMENT = "TextElements_v8"


def _width(character: str, unit: str) -> int:
    if unit == UTF16:
        return 2 if ord(character) > 0xFFFF else 1
    if unit == TEXT_ELEMENT:
        return 0 if is_mark(character) else 1
    return 1


def is_mark(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return unicodedata.category(character).startswith("M")


def _widths(text: str, unit: str) -> Iterator[int]:
    # A mark with nothing before it is an element of its own.
    yield max(1, _width(text[0], unit))
    for character in islice(text, 1, None):
        yield _width(character, unit)


def _is_one_to_one(text: str, unit: str) -> bool:
    return unit == CODE_POINT or text.isascii() or (unit == UTF16 and max(text) <= "\uffff")


def length(text: str, unit: str) -> int:
    """Return how long `text` is in `unit`."""
    if not text or _is_one_to_one(text, unit):
        return len(text)
    # A text has few different characters: counting each of them is several times as fast as asking about every one.
    if unit == UTF16:
        return len(text) + sum(text.count(character) for character in set(text) if character > "\uffff")
    marks = sum(text.count(character) for character in set(text) if is_mark(character))
    return len(text) - marks + is_mark(text[0])


class Ruler:
    """Converts positions in one text between code points and `unit`; built once, then each look-up is cheap."""

    def __init__(self, text: str, unit: str) -> None:
        self._length = len(text)
        # starts[i] is the position of code point i in the unit; None where the two are the same.
        self._starts: list[int] | None = None
        if text and not _is_one_to_one(text, unit):
            self._starts = list(accumulate(_widths(text, unit), initial=0))

    def to_unit(self, code_point: int) -> int:
        """Return the position in the unit of the code point at index `code_point`."""
        return code_point if self._starts is None else self._starts[code_point]

    def to_code_point(self, position: int) -> int | None:
        """Return the index of the code point that begins, or ends the text, at `position`; None where none does.

        A mark belongs to the text element before it, so of the code points at one position the last is meant, and
        the end of an entity takes the marks of its last character in.
        """
        if self._starts is None:
            return position if 0 <= position <= self._length else None
        index = bisect_right(self._starts, position) - 1
        return index if index >= 0 and self._starts[index] == position else None

    def place_of(self, position: int) -> int | None:
        """Return the index of the code point that `position` lies in; None where it lies outside the text."""
        if self._starts is None:
            return position if 0 <= position < self._length else None
        return bisect_right(self._starts, position) - 1 if 0 <= position < self._starts[-1] else None


RECORD_CHARACTERS = 1_000
"""Characters in one text record, the unit of billing (Language service "data limits", read 2026-11)."""


def text_records(text: str) -> int:
    """Return the text records that a text is billed as: one for every thousand text elements begun."""
    return -(-max(1, length(text, TEXT_ELEMENT)) // RECORD_CHARACTERS)
