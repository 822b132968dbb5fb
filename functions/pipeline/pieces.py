"""Cuts a decoded document into the pieces that are sent, each knowing where in the document it lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .decoding import DecodedText
from .documents import DocumentFacts
from .jobs import Piece
from .splitting import MAX_REQUEST_CHARACTERS, Slice, split
from .text_units import TEXT_ELEMENT, UTF16, is_mark, length


class Retake(NamedTuple):
    """The decision to take a version up again that has its result or report, made on one state of its record."""

    record_etag: str
    """The record that it was made on; one that has changed since is left alone."""
    is_replay: bool = False
    """Whether somebody has asked for it, by deleting the result: then submissions count anew."""


@dataclass(frozen=True, slots=True)
class ReadyPiece:
    """A piece with its text at hand, ready to be sent, and what its document's record will say."""

    piece: Piece
    text: str
    facts: DocumentFacts
    warnings: tuple[str, ...] = ()
    content_sha256: str | None = None
    """SHA-256 of the document's content as stored."""
    retake: Retake | None = None
    """Where the document's record has ended, and the version shall be taken up again nevertheless."""

    @property
    def version(self) -> tuple[str, str]:
        """The document and its ETag."""
        return self.facts.name, self.facts.etag


def cut(
    facts: DocumentFacts, data: bytes, decoded: DecodedText, unit: str, max_characters: int = MAX_REQUEST_CHARACTERS
) -> list[ReadyPiece]:
    """Return the pieces of a document: one where it fits into a request, overlapping ones where it does not."""
    text = decoded.text
    slices = split(text, max_characters)
    places = _byte_places(data, decoded, slices) if len(slices) > 1 else None
    starts = {part.start for part in slices}
    in_unit, in_utf16 = _measure(text, starts, unit), _measure(text, starts, UTF16)
    return [
        ReadyPiece(
            Piece(
                document=facts.name,
                etag=facts.etag,
                start=part.start,
                end=part.end,
                index=index,
                count=len(slices),
                own_start=part.own_start,
                own_end=part.own_end,
                unit_start=in_unit[part.start],
                utf16_start=in_utf16[part.start],
                byte_start=places[part.start] if places else None,
                byte_end=places[part.end] if places else None,
                encoding=decoded.encoding,
            ),
            text[part.start : part.end],
            facts,
            decoded.warnings,
        )
        for index, part in enumerate(slices)
    ]


def _measure(text: str, places: set[int], unit: str) -> dict[int, int]:
    """Return, for a piece that starts at each place in code points, what to add to its own offsets in `unit`."""
    measured, last, total = {}, 0, 0
    for place in sorted(places):
        total += length(text[last:place], unit) - _continues(text, last, unit)
        measured[place], last = total - _continues(text, place, unit), place
    return measured


def _continues(text: str, place: int, unit: str) -> int:
    """Return 1 where the text from `place` on begins an element by itself that it continues in the whole text."""
    return int(unit == TEXT_ELEMENT and 0 < place < len(text) and is_mark(text[place]))


def _byte_places(data: bytes, decoded: DecodedText, slices: Sequence[Slice]) -> dict[int, int] | None:
    """Return where in the bytes each slice starts and ends; None where the encoding does not allow to tell.

    With the places a piece is read alone later. An encoding that remembers (a shift state, a repeated mark) shows in
    bytes that do not decode to the slice; then every piece reads the whole document.
    """
    text, encoding = decoded.text, decoded.encoding
    places, last, total = {}, 0, decoded.bom_bytes
    for place in sorted({edge for part in slices for edge in (part.start, part.end)}):
        total += len(text[last:place].encode(encoding))
        places[place], last = total, place
    for part in slices:
        try:
            read = data[places[part.start] : places[part.end]].decode(encoding)
        except UnicodeDecodeError:
            return None
        if read != text[part.start : part.end]:
            return None
    return places
