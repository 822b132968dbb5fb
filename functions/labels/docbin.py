"""spaCy's `.spacy` files (DocBin), which `spacy train` takes, without spaCy.

Packed is a map of msgpack, compressed with zlib: tokens as rows of 64-bit numbers, where words and categories are the
MurmurHash64A of their UTF-8 with seed 1, and the strings themselves once beside them (spaCy's page "DocBin"; release
3.8, whose own files and readings are in the tests).
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..typed_data import from_msgpack
from .doccano import labels_of
from .spacy_json import biluo_tags
from .tokens import spans_of_tags, tokens_of
from .values import Document, Kind, Labels, LabelsError, refuse_overlaps

VERSION = "0.1"
# Numbers of attributes in spaCy's `attrs.pyx`.
_ORTH, _ENT_IOB, _ENT_TYPE = 65, 77, 78
#: spaCy's ENT_IOB: 1 inside, 2 outside, 3 begins; 0 where nobody has said.
_INSIDE, _OUTSIDE, _BEGINS = 1, 2, 3
#: Files of more bytes than this, unpacked, are refused: a small file can unpack to any size.
MAX_UNPACKED_BYTES = 1 << 30
_MASK = (1 << 64) - 1


class _Packed(msgspec.Struct):
    attrs: list[int]
    tokens: bytes
    spaces: bytes
    lengths: bytes
    strings: list[str]
    cats: list[dict[str, float]] | None = None
    user_data: list[bytes] | None = None


def string_hash(text: str) -> int:
    """Return the number that spaCy keeps a string under: MurmurHash64A with seed 1; 0 for the empty string."""
    data = text.encode("utf-8")
    if not data:
        return 0
    multiplier, shift = 0xC6A4A7935BD1E995, 47
    value = 1 ^ (len(data) * multiplier & _MASK)
    whole = len(data) // 8 * 8
    for (block,) in struct.iter_unpack("<Q", data[:whole]):
        block = block * multiplier & _MASK
        block ^= block >> shift
        value = ((value ^ (block * multiplier & _MASK)) * multiplier) & _MASK
    if whole < len(data):
        value = ((value ^ int.from_bytes(data[whole:], "little")) * multiplier) & _MASK
    value = ((value ^ (value >> shift)) * multiplier) & _MASK
    return value ^ (value >> shift)


def read(content: bytes, name_of: Callable[[int], str]) -> Labels:
    """Read a `.spacy` file. Raises `LabelsError`."""
    packed = _unpacked(content)
    if not {_ORTH, _ENT_IOB, _ENT_TYPE} <= set(packed.attrs):
        raise LabelsError("This DocBin has no entities; store the attributes ENT_IOB and ENT_TYPE (spaCy's default).")
    strings = {string_hash(one): one for one in packed.strings}
    documents = []
    several = False
    for number, (rows, spaces) in enumerate(_docs(packed)):
        document = _document(rows, spaces, packed.attrs, strings)
        name, language, dataset = _named(packed, number)
        cats = (packed.cats or [])[number] if packed.cats else {}
        classes = tuple(label for label, value in cats.items() if value >= 0.5)
        several |= len(classes) > 1
        documents.append(
            Document(name or name_of(number + 1), document.text, document.spans, classes, language, dataset)
        )
    return labels_of(tuple(documents), (), is_multi_label=several)


def write(labels: Labels) -> bytes:
    """Write a `.spacy` file. Raises `LabelsError` for overlaps. Names stand in each document's `user_data`."""
    refuse_overlaps(labels.documents, "spaCy")
    strings: set[str] = set()
    tokens, spaces, lengths, cats, user_data = bytearray(), bytearray(), [], [], []
    for document in labels.documents:
        found = tokens_of(document)
        for token, tag in zip(found, biluo_tags(document), strict=True):
            scheme, _, category = tag.partition("-")
            place = _OUTSIDE if scheme == "O" else _BEGINS if scheme in "BU" else _INSIDE
            tokens += struct.pack("<QQQ", string_hash(token.text), place, string_hash(category))
            spaces.append(token.has_blank)
            strings |= {token.text, category}
        lengths.append(len(found))
        is_class = labels.kind is not Kind.ENTITIES
        cats.append({one: float(one in document.classes) for one in labels.categories} if is_class else {})
        named = {"location": document.name, "language": document.language, "dataset": document.dataset}
        user_data.append(msgspec.msgpack.encode(named))
    packed = {
        "version": VERSION,
        "attrs": [_ORTH, _ENT_IOB, _ENT_TYPE],
        "tokens": bytes(tokens),
        "spaces": bytes(spaces),
        "lengths": struct.pack(f"<{len(lengths)}i", *lengths),
        "strings": sorted(strings - {""}),
        "cats": cats,
        "flags": [{"has_unknown_spaces": False} for _ in labels.documents],
        "span_groups": [b"" for _ in labels.documents],
        "user_data": user_data,
    }
    return zlib.compress(msgspec.msgpack.encode(packed))


def _unpacked(content: bytes) -> _Packed:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(content, MAX_UNPACKED_BYTES)
        if unpacker.unconsumed_tail:
            raise LabelsError(
                f"This file has more than {MAX_UNPACKED_BYTES:,} bytes unpacked, the limit here. Split it."
            )
        return from_msgpack(data, _Packed)
    except (zlib.error, msgspec.DecodeError) as error:
        raise LabelsError(f"This is not a DocBin of spaCy: {error}.") from None


def _docs(packed: _Packed) -> Iterator[tuple[list[tuple[int, ...]], bytes]]:
    """Yield each document's rows of numbers and its marks of blanks."""
    width = len(packed.attrs)
    try:
        rows = list(struct.iter_unpack(f"<{width}Q", packed.tokens))
        lengths = [one for (one,) in struct.iter_unpack("<i", packed.lengths)]
    except struct.error:
        raise LabelsError("This DocBin is damaged: its tokens are no whole rows.") from None
    if sum(lengths) != len(rows) or len(packed.spaces) != len(rows) or min(lengths, default=0) < 0:
        raise LabelsError(
            f"This DocBin is damaged: {len(rows)} tokens, lengths for {sum(lengths)}, blanks for {len(packed.spaces)}."
        )
    start = 0
    for size in lengths:
        yield rows[start : start + size], packed.spaces[start : start + size]
        start += size


def _document(rows: list[tuple[int, ...]], spaces: bytes, attrs: list[int], strings: dict[int, str]) -> Document:
    orth, iob, kind = (attrs.index(one) for one in (_ORTH, _ENT_IOB, _ENT_TYPE))
    text, places, tags = "", [], []
    for row, has_blank in zip(rows, spaces, strict=True):
        try:
            word = strings[row[orth]]
            category = strings[row[kind]] if row[iob] in (_INSIDE, _BEGINS) else ""
        except KeyError:
            raise LabelsError("This DocBin is damaged: a word or a category is not among its strings.") from None
        places.append((len(text), len(text) + len(word)))
        tags.append(f"{'B' if row[iob] == _BEGINS else 'I'}-{category}" if category else "O")
        text += word + (" " if has_blank else "")
    return Document("", text, tuple(sorted(spans_of_tags(places, tags))))


def _named(packed: _Packed, number: int) -> tuple[str, str, str]:
    if not packed.user_data or number >= len(packed.user_data):
        return "", "", ""
    try:
        given: Any = msgspec.msgpack.decode(packed.user_data[number])
    except (msgspec.DecodeError, TypeError):
        return "", "", ""
    fields = given if isinstance(given, dict) else {}
    return str(fields.get("location", "")), str(fields.get("language", "")), str(fields.get("dataset", ""))
