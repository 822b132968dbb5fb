"""Cuts a decoded document into the chunks that are sent, each knowing where in the document it lies."""

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from ..core.records import DOCUMENT_TEXT, Chunk, DocumentFacts, Reading, TextFacts
from ..core.work import WorkSpec
from .compression import unpack
from .damage import Damage, decode_damaged
from .decoding import DecodedText
from .offsets import TEXT_ELEMENT, UTF16, is_mark, length
from .splitting import MAX_REQUEST_CHARACTERS, Slice, is_blank, split


class Retake(NamedTuple):
    """The decision to take a version up again that has its result or report, made on one state of its record."""

    record_etag: str
    """The record that it was made on; one that has changed since is left alone."""
    is_replay: bool = False
    """Whether somebody has asked for it, by deleting the result: then submissions count anew."""


@dataclass(frozen=True, slots=True)
class ReadyChunk:
    """A chunk with its text at hand, ready to be sent, and what its document's record will say."""

    chunk: Chunk
    text: str
    facts: DocumentFacts
    work: WorkSpec
    warnings: tuple[str, ...] = ()
    """About how the document was read, each as `CODE: message` (see `documents.reading_warning`)."""
    text_facts: TextFacts = DOCUMENT_TEXT
    """Which text this is a chunk of."""
    content_sha256: str | None = None
    """SHA-256 of the document's content as stored."""
    reading: Reading | None = None
    """What OCR is to read of the document first; its text is what the file has beside that, perhaps none."""
    retake: Retake | None = None
    """Where the document's record has ended, and the version shall be taken up again nevertheless."""
    done: tuple[str, ...] = ()
    """The tasks that are not asked then, because their results are there."""

    @property
    def version(self) -> tuple[str, str]:
        """The document and its ETag."""
        return self.facts.name, self.facts.etag


def cut(
    facts: DocumentFacts,
    data: bytes,
    decoded: DecodedText,
    work: WorkSpec,
    max_characters: int = MAX_REQUEST_CHARACTERS,
    *,
    content_encoding: str | None = None,
) -> list[ReadyChunk]:
    """Return the chunks of a document: one where it fits into a request, overlapping ones where it does not.

    Chunks in which no entity can begin, because what they own is blank, are left out; the others are numbered without
    them. `data` is the content that `decoded` was read from; `content_encoding` says how it is compressed in storage.
    """
    text = decoded.text
    slices = split(text, max_characters)
    is_long = len(slices) > 1
    if is_long:
        slices = [part for part in slices if not is_blank(text[part.own_start : part.own_end])]
    places = _byte_places(data, decoded, slices) if is_long else None
    starts = {part.start for part in slices}
    in_unit, in_utf16 = _measure(text, starts, work.string_index_type), _measure(text, starts, UTF16)
    warnings = tuple(str(warning) for warning in decoded.warnings)
    return [
        ReadyChunk(
            Chunk(
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
                encoding_errors=decoded.errors,
                content_encoding=content_encoding,
            ),
            text[part.start : part.end],
            facts,
            work,
            warnings,
        )
        for index, part in enumerate(slices)
    ]


def text_of(chunk: Chunk, stored: bytes) -> str:
    """Return the text of a chunk, read anew from what is stored: bytes `byte_start` to `byte_end`, or everything.

    What is compressed is stored as one: then `stored` is all of the document, whatever the chunk's places.
    """
    data = stored
    if chunk.content_encoding:
        # It was within the limit when it was first read, and is the same content.
        data = unpack(stored, chunk.content_encoding, None).data[chunk.byte_start : chunk.byte_end]
    text = data.decode(chunk.encoding, chunk.encoding_errors)
    if chunk.byte_start is not None:
        return text
    # Positions count from behind a byte-order mark, which `decode` takes off and which is read here once more.
    if chunk.encoding.startswith("utf-"):
        text = text.removeprefix("\ufeff")
    return text[chunk.start : chunk.end]


def whole_of(chunk: Chunk) -> Chunk:
    """Return a chunk that is all of the text that another one is a part of."""
    return msgspec.structs.replace(chunk, start=0, end=sys.maxsize, byte_start=None, byte_end=None)


def completed(chunk: Chunk, content_encoding: str | None) -> Chunk:
    """Return a chunk that has lost how its document is compressed, and whether some of its bytes are damaged."""
    # The policy makes no difference where nothing is damaged.
    return msgspec.structs.replace(chunk, content_encoding=content_encoding, encoding_errors="replace")


def _measure(text: str, places: set[int], unit: str) -> dict[int, int]:
    """Return, for a chunk that starts at each place in code points, what to add to its own offsets in `unit`."""
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

    With the places a chunk is read alone later. An encoding that remembers (a shift state, a repeated mark) shows in
    bytes that do not decode to the slice; then every chunk reads the whole document.
    """
    text, encoding = decoded.text, decoded.encoding
    edges = sorted({edge for part in slices for edge in (part.start, part.end)})
    try:
        places = _places_in_bytes(data, decoded, edges)
        read = [data[places[part.start] : places[part.end]].decode(encoding, decoded.errors) for part in slices]
    except UnicodeError:
        return None
    return places if read == [text[part.start : part.end] for part in slices] else None


def _places_in_bytes(data: bytes, decoded: DecodedText, edges: Sequence[int]) -> dict[int, int]:
    """Return the place in the bytes of each edge of the text.

    The text between two faults is measured by encoding it again. A fault itself cannot be: U+FFFD has another length
    than the bytes it stands for, and in many encodings does not exist. Raises `UnicodeError` where the bytes between
    the faults are no text by themselves.
    """
    text, encoding = decoded.text, decoded.encoding
    damages: Iterable[Damage] = ()
    if decoded.errors != "strict":
        body = data[decoded.bom_bytes :]
        _, damages = decode_damaged(body, encoding) or ("", [])
        damages = [Damage(one.start + decoded.bom_bytes, one.end + decoded.bom_bytes) for one in damages]
    places: dict[int, int] = {}
    waiting = deque(edges)
    character, byte = 0, decoded.bom_bytes
    for damage in (*damages, None):
        # Up to the next fault, where there is one.
        segment = data[byte : damage.start].decode(encoding) if damage else text[character:]
        until = character + len(segment)
        while waiting and waiting[0] <= until:
            edge = waiting.popleft()
            byte += len(text[character:edge].encode(encoding))
            places[edge], character = byte, edge
        if damage is None or not waiting:
            break
        character, byte = until + 1, damage.end
    return places
