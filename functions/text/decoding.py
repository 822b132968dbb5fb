"""From the bytes of a dropped document to its text, or to an explanation of why there is none.

The order in which the encodings are tried was measured on 15,000 documents (`docs/encodings.md`); every step either
decides or leaves the document to the next:

1. a byte-order mark; 2. the magic number of another kind of file; 3. UTF-32 and UTF-16 without a mark, where there are
zero bytes; 4. binary data; 5. ISO-2022 and HZ by their escapes; 6. UTF-8, if need be with faults; 7. UTF-16 without a
mark and without ASCII; 8. the declared encoding; 9. a guess, by language statistics and plausibility.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import problems
from ..errors import DocumentError, Warning
from .charsets import declared_charset
from .damage import Damage, decode_damaged, places_of
from .guessing import read_by_guess
from .splitting import is_blank
from .unmarked import COMMON_IDEOGRAPHS, utf16, utf16_without_ascii, utf32


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a document, exactly as decoded: line ends kept, byte-order mark removed.

    `encoding` is a Python codec name without byte-order mark handling; `bom_bytes` is the length of the mark that was
    taken off, so that byte `bom_bytes` of the document is where character 0 begins. `errors` is Python's error policy:
    `replace` where damaged bytes became U+FFFD. The same bytes, encoding and policy give the same text again.
    """

    text: str
    encoding: str
    bom_bytes: int = 0
    errors: str = "strict"
    warnings: tuple[Warning, ...] = ()


# UTF-32 first: its little-endian mark begins with the one of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_KNOWN_BINARIES = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (Word, Excel and OpenDocument files are ZIP archives too)"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x78\x9f\x3e\x22", "an Outlook package (winmail.dat)"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"OggS\0", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"PAR1", "a Parquet file"),
    (b"Obj\x01", "an Avro file"),
    (b"%!PS-Adobe", "a PostScript document"),
    (b"{\\rtf", "an RTF document"),
)
# Text may begin like these: what follows decides.
_MORE_OF_BINARIES = {
    b"BZh": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    b"ID3": re.compile(rb"ID3[\x02-\x04][\x00-\x0a]"),
    b"PAR1": re.compile(rb"PAR1[\x00-\x08\x0b\x0e-\x1f\x80-\xff]"),
}
_TAR = slice(257, 262)
_TAR_MARK = b"ustar"

# What ends files of old systems does not count in any test, but stays in the text.
_TRAILING = b"\0\x1a"

# Tab, line feed, vertical tab, form feed, carriage return and escape do occur in plain text.
_SEPARATORS = b"\x01\x02\x03\x04\x1a\x1c\x1d\x1e\x1f"
"""What frames and separates the parts of messages and exports (SOH to EOT, SUB, FS to US; FIX, EDI, old terminals)."""
_HARD_CONTROLS = bytes(byte for byte in range(1, 32) if byte not in b"\t\n\v\f\r\x1b" + _SEPARATORS) + b"\x7f"
_ALL_CONTROLS = b"\0" + _HARD_CONTROLS + _SEPARATORS
_SHIFTS = b"\x0e\x0f"
_ISO2022_KR = b"\x1b$)C"

_FIRST_PLACES = 10


def check_size(size_bytes: int, max_bytes: int) -> None:
    """Raise `DocumentError` for a document that is empty or over the limit; both in bytes."""
    if size_bytes == 0:
        raise DocumentError(problems.EMPTY_DOCUMENT.problem())
    if size_bytes > max_bytes:
        raise DocumentError(problems.TOO_LARGE.problem(size=size_bytes, limit=max_bytes))


def decode(data: bytes, content_type: str = "", warnings: tuple[Warning, ...] = ()) -> DecodedText:
    """Return the text of a document; `content_type` is the one it was stored with, which may name its encoding.

    `warnings` about how the bytes were got stand before its own. Whatever is not certain is in the warnings. Raises
    `DocumentError` for binary data, for bytes that no encoding fits and for documents without text, and nothing else
    whatever the bytes are.
    """
    decoded = _by_mark(data) or _by_content(data, content_type)
    if is_blank(decoded.text):
        raise DocumentError(problems.NO_TEXT.problem(size=len(data)))
    return replace(decoded, warnings=(*warnings, *decoded.warnings)) if warnings else decoded


def _by_mark(data: bytes) -> DecodedText | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if not data.startswith(mark) or (encoding == "utf-32-le" and len(data) % 4):
            continue
        body = data[len(mark) :]
        if (
            encoding.startswith("utf-16")
            and _zero_characters(body) >= 0.4 * len(body) / 2
            and len(body) >= 16
            and utf32(data)
        ):
            return None  # UTF-32 whose mark is damaged.
        try:
            return DecodedText(body.decode(encoding), encoding, len(mark))
        except UnicodeDecodeError as error:
            damaged = _damaged(body, encoding, len(mark), most=max(3, _characters(body, encoding) // 100))
            if damaged:
                return damaged
            raise DocumentError(
                problems.INVALID_ENCODING.problem(encoding=encoding, position=error.start + len(mark))
            ) from error
    return None


def _zero_characters(data: bytes) -> int:
    """Return about how many units of 16 bits are zero."""
    return data.count(b"\0\0") if 0 in data else 0


def _characters(data: bytes, encoding: str) -> int:
    return len(data) // {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding[:6].rstrip("-")]


def _by_content(data: bytes, content_type: str) -> DecodedText:
    _refuse_known_binary(data)
    body = data.rstrip(_TRAILING)
    if 0 in body or (len(body) < len(data) and data.count(0) >= 0.2 * len(data)):
        encoding = utf32(data) or utf16(data)
        if encoding:
            return _unmarked(data, encoding)
    if _is_binary(body):
        encoding = None if 0 in body else utf16_without_ascii(data)
        if encoding:
            return _unmarked(data, encoding)
        raise _binary(data)
    return (
        _by_escapes(data)
        or _as_utf8(data)
        or _as_utf16_without_ascii(data)
        or _as_declared(data, content_type)
        or _guessed(data)
    )


def _unmarked(data: bytes, encoding: str) -> DecodedText:
    text, damages = decode_damaged(data, encoding) or ("", [])
    kind = problems.UNMARKED_UTF32 if encoding.startswith("utf-32") else problems.UNMARKED_UTF16
    warning = kind.warning(encoding=encoding)
    return _with_damages(DecodedText(text, encoding, warnings=(warning,)), data, damages)


# --- other kinds of files ---


def known_binary(data: bytes) -> str | None:
    """Return which other kind of file a document begins like, in words ("a PNG picture")."""
    for start, kind in _KNOWN_BINARIES:
        more = _MORE_OF_BINARIES.get(start)
        if data.startswith(start) and (more is None or more.match(data)):
            return kind
    return "a tar archive" if data[_TAR] == _TAR_MARK else None


def _refuse_known_binary(data: bytes) -> None:
    kind = known_binary(data)
    if kind:
        raise DocumentError(problems.NOT_TEXT.problem(file_type=kind))


def _is_binary(body: bytes) -> bool:
    if len(body.translate(None, _ALL_CONTROLS)) == len(body):
        return False
    zeros = body.count(0)
    counted = _HARD_CONTROLS if _ISO2022_KR not in body else _HARD_CONTROLS.translate(None, _SHIFTS)
    hard = len(body) - len(body.translate(None, counted))
    separators = len(body) - len(body.translate(None, _SEPARATORS))
    return (
        zeros > (0 if len(body) < 1_000 else 0.001 * len(body))
        or hard > max(1, 0.005 * len(body))
        or separators > max(4, 0.25 * len(body))
    )


def _binary(data: bytes) -> DocumentError:
    _refuse_ebcdic(data)
    controls = len(data) - len(data.translate(None, _ALL_CONTROLS))
    return DocumentError(problems.BINARY_DATA.problem(controls=controls, size=len(data)))


def _refuse_ebcdic(data: bytes) -> None:
    """Name the encoding of mainframes: its space is 40, and most of its letters are beyond 7F."""
    highs = len(data) - len(data.translate(None, _HIGH))
    if 0x20 not in data and data.count(0x40) > 0.05 * len(data) and highs > len(data) / 3:
        raise DocumentError(problems.EBCDIC.problem(size=len(data)))


_HIGH = bytes(range(128, 256))


# --- encodings with escapes ---

_JAPANESE_ESCAPE = re.compile(rb"\x1b(\$[@AB]|\$\([DCPQO]|\([IJ])")
_HZ_PART = re.compile(rb"~\{(?:[\x21-\x77][\x21-\x7e])+(~\}|~|\n|$)")
_HZ_DAMAGED_PART = re.compile(rb"~\{(?:[\x21-\x77][\x21-\x7e]){5}")
"""Enough pairs of bytes to tell Chinese from source code where a damaged byte follows instead of the end."""


def _by_escapes(data: bytes) -> DecodedText | None:
    candidates: Sequence[str] = ()
    if b"\x1b" in data:
        if _ISO2022_KR in data:
            candidates = ("iso2022_kr",)
        elif _JAPANESE_ESCAPE.search(data):
            candidates = ("iso2022_jp_2", "iso2022_jp_ext")
    # One byte is looked for twenty times faster than two.
    elif b"~" in data and b"~{" in data and _is_hz(data):
        candidates = ("hz",)
    if not candidates or len(data) - len(data.translate(None, _HIGH)) > max(1, 0.005 * len(data)):
        return None
    # A damaged byte shifts the pairs behind it, so it makes several faults up to the next escape or line end.
    most = max(8, int(0.02 * len(data)))
    read = [(encoding, decode_damaged(data, encoding, most)) for encoding in candidates]
    fitting = [(len(found[1]), encoding, *found) for encoding, found in read if found]
    if not fitting:
        return None
    _, encoding, text, damages = min(fitting, key=lambda each: each[0])
    return _with_damages(DecodedText(text, encoding), data, damages)


def _is_hz(data: bytes) -> bool:
    if _HZ_PART.search(data):
        return _is_chinese(data.decode("hz", "replace"), least=1)
    return bool(_HZ_DAMAGED_PART.search(data)) and _is_chinese(data.decode("hz", "replace"), least=2)


def _is_chinese(text: str, least: int) -> bool:
    """Whether the commonest ideographs are among those of a text: what looks like HZ may be source code."""
    ideographs = [character for character in text[:_HZ_JUDGED] if character > "\u2e7f" and character != "\ufffd"]
    common = sum(character in COMMON_IDEOGRAPHS for character in ideographs)
    return common >= max(least, 0.08 * len(ideographs))


_HZ_JUDGED = 20_000

# --- UTF-8, the declared encoding, a guess ---


def _as_utf8(data: bytes) -> DecodedText | None:
    try:
        return DecodedText(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        if not _may_be_utf8(data):
            return None
        text, damages = decode_damaged(data, "utf-8") or ("", [])
    beyond = _BEYOND_ASCII.findall(text)
    valid = len("".join(beyond)) - len(damages)
    spots = _spots(damages)
    if valid >= 4 * spots or ((spots == 1 or valid >= 2 * spots) and _are_ordinary(beyond, valid)):
        return _with_damages(DecodedText(text, "utf-8"), data, damages)
    return None


def _may_be_utf8(data: bytes) -> bool:
    """Whether samples of a long document leave it open: a whole one in another encoding has millions of faults."""
    if len(data) <= 3 * _UTF8_SAMPLE:
        return True
    starts = (0, len(data) // 2, len(data) - _UTF8_SAMPLE)
    text, damages = decode_damaged(b" ".join(data[at : at + _UTF8_SAMPLE] for at in starts), "utf-8") or ("", [])
    beyond = len("".join(_BEYOND_ASCII.findall(text)))
    return beyond >= 2 * len(damages) or len(damages) <= _FEW_FAULTS


_UTF8_SAMPLE = 65_536
_FEW_FAULTS = 20
"""Faults in the samples that say nothing about the rest; their ends may cut characters."""

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


def _spots(damages: Sequence[Damage]) -> int:
    """Return how many places are damaged: one bad byte can break a sequence into up to four faults."""
    count, begin, end = 0, -9, -9
    for damage in damages:
        if damage.start > end + 1 or damage.end > begin + 5:
            count, begin = count + 1, damage.start
        end = damage.end
    return count


def _are_ordinary(runs: Sequence[str], valid: int) -> bool:
    """Whether the characters beyond ASCII are Europe's letters or print, and stand alone where there are few."""
    valid_runs = [run.replace("\ufffd", "") for run in runs]
    return (
        valid >= 1
        and all("\u00a1" <= each <= "\u017f" or "\u2010" <= each <= "\u20ac" for each in "".join(valid_runs))
        and (valid >= 3 or all(len(run) <= 1 for run in valid_runs))
    )


def _as_utf16_without_ascii(data: bytes) -> DecodedText | None:
    encoding = utf16_without_ascii(data) if len(data) <= _LONGEST_WITHOUT_SPACES else None
    return _unmarked(data, encoding) if encoding else None


_LONGEST_WITHOUT_SPACES = 65_536
"""Bytes of text that can do without any space or line end, which are zero bytes in UTF-16."""


def _as_declared(data: bytes, content_type: str) -> DecodedText | None:
    encoding = declared_charset(content_type, data)
    if encoding is None:
        return None
    if encoding.startswith(("utf-16", "utf-32")):
        found = utf16(data) if encoding.startswith("utf-16") else utf32(data)
        return _unmarked(data, found) if found == encoding else None
    read = decode_damaged(data, encoding, max(1, int(0.002 * len(data))))
    if read is None:
        return None
    return _with_damages(DecodedText(read[0], encoding), data, read[1])


def _guessed(data: bytes) -> DecodedText:
    _refuse_ebcdic(data)
    found = read_by_guess(data)
    if found is None:
        raise DocumentError(problems.UNKNOWN_ENCODING.problem(size=len(data)))
    if found.candidates:
        others = ", ".join(found.candidates[1:])
        warning = problems.ENCODING_DOUBTFUL.warning(encoding=found.encoding, others=others)
    else:
        warning = problems.ENCODING_GUESSED.warning(encoding=found.encoding)
    return _with_damages(DecodedText(found.text, found.encoding, warnings=(warning,)), data, list(found.damages))


# --- damaged bytes ---


def _damaged(body: bytes, encoding: str, bom_bytes: int, most: int) -> DecodedText | None:
    read = decode_damaged(body, encoding, most)
    return _with_damages(DecodedText(read[0], encoding, bom_bytes), body, read[1]) if read else None


def _with_damages(decoded: DecodedText, body: bytes, damages: Sequence) -> DecodedText:  # type: ignore[type-arg]
    if not damages:
        return decoded
    places = places_of(body, decoded.encoding, list(damages), _FIRST_PLACES)
    shown = ", ".join(f"{place:,}" for place in places) + (", …" if len(damages) > _FIRST_PLACES else "")
    warning = problems.CHARACTERS_REPLACED.warning(count=len(damages), encoding=decoded.encoding, places=shown)
    return DecodedText(decoded.text, decoded.encoding, decoded.bom_bytes, "replace", (*decoded.warnings, warning))
