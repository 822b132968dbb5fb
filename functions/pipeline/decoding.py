"""From the bytes of a dropped document to its text, or to a clear word about why there is none."""

import codecs
import contextlib
from dataclasses import dataclass

from ..errors import DocumentError, Fault, Problem


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a document, exactly as decoded: line ends kept, byte-order mark removed.

    `encoding` is a Python codec name without byte-order mark handling; `bom_bytes` is the length of the mark that was
    taken off, so that byte `bom_bytes` of the document is where character 0 begins.
    """

    text: str
    encoding: str
    bom_bytes: int = 0
    warnings: tuple[str, ...] = ()


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
    (b"\x1f\x8b", "a gzip archive"),
    (b"{\\rtf", "an RTF document"),
)

# Tab, line feed, vertical tab, form feed, carriage return and escape do occur in plain text.
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b") + b"\x7f"
_MAX_CONTROL_SHARE = 0.005

# Encodings that plain text files without a mark are found in, the likelier first where detection can not tell two
# apart. UTF-16, UTF-32 and EBCDIC are left out: a few bytes of Western text fit them by chance.
_DETECTABLE = (
    *("cp1252", "cp1250", "cp1251", "koi8_r", "koi8_u", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("iso8859_2", "iso8859_15", "cp874", "mac_roman", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
_SAVE_AS_UTF8 = "Save it as plain text in UTF-8 and drop it again."


def check_size(size_bytes: int, max_bytes: int) -> None:
    """Raise `DocumentError` for a document that is empty or over the limit; both in bytes."""
    if size_bytes == 0:
        raise DocumentError(
            Problem(
                "EmptyDocument",
                "The document has 0 bytes.",
                "Drop it again once it has been written in full.",
                fault=Fault.DOCUMENT,
            )
        )
    if size_bytes > max_bytes:
        raise DocumentError(
            Problem(
                "TooLarge",
                f"The document has {size_bytes:,} bytes; the limit is {max_bytes:,}.",
                "Split it before dropping it, or raise the setting MAX_DOCUMENT_BYTES.",
                fault=Fault.DOCUMENT,
            )
        )


def decode(data: bytes) -> DecodedText:
    """Return the text of a document that is not empty.

    By byte-order mark where there is one, as UTF-8 otherwise, else by a detected encoding, which is named in a
    warning because detection can be wrong. Raises `DocumentError` for binary data and for documents without text.
    """
    decoded = _by_mark(data) or _by_content(data)
    if not decoded.text.strip():
        raise DocumentError(
            Problem(
                "NoText",
                f"The document has {len(data):,} bytes but only white space in them.",
                "Nothing was sent to the service. Check that the right file was dropped.",
                fault=Fault.DOCUMENT,
            )
        )
    return decoded


def _by_mark(data: bytes) -> DecodedText | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return DecodedText(data[len(mark) :].decode(encoding), encoding, len(mark))
            except UnicodeDecodeError as error:
                raise DocumentError(
                    Problem(
                        "InvalidEncoding",
                        f"The document's byte-order mark says {encoding}, but the bytes at position "
                        f"{error.start + len(mark):,} are not {encoding}.",
                        f"The file is damaged or was cut off. {_SAVE_AS_UTF8}",
                        fault=Fault.DOCUMENT,
                    )
                ) from error
    return None


def _by_content(data: bytes) -> DecodedText:
    _refuse_binary(data)
    try:
        return DecodedText(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        # All of it is UTF-8, some of it beyond ASCII, and only its last character is not whole.
        if error.reason == "unexpected end of data" and not data[: error.start].isascii():
            raise DocumentError(
                Problem(
                    "InvalidEncoding",
                    f"The document is UTF-8 but ends in the middle of a character, at position {error.start:,}.",
                    f"The file was cut off. {_SAVE_AS_UTF8}",
                    fault=Fault.DOCUMENT,
                )
            ) from error
        return _detected(data)


def _refuse_binary(data: bytes) -> None:
    for start, kind in _KNOWN_BINARIES:
        if data.startswith(start):
            raise DocumentError(
                Problem(
                    "NotText",
                    f"The document is {kind}, not plain text.",
                    f"Extract its text first. {_SAVE_AS_UTF8}",
                    fault=Fault.DOCUMENT,
                )
            )
    controls = len(data) - len(data.translate(None, _CONTROLS))
    # A zero byte is never text without a byte-order mark: UTF-16 and UTF-32 carry one in practice.
    if 0 in data or controls > len(data) * _MAX_CONTROL_SHARE:
        raise DocumentError(
            Problem(
                "NotText",
                f"The document is binary data: {controls:,} of its {len(data):,} bytes are control characters.",
                f"If it is text in UTF-16, save it with a byte-order mark. {_SAVE_AS_UTF8}",
                fault=Fault.DOCUMENT,
            )
        )


def _detected(data: bytes) -> DecodedText:
    # Imported here: few documents need it, and every cold start would pay for it.
    from charset_normalizer import from_bytes

    matches = list(from_bytes(data, cp_isolation=list(_DETECTABLE)))
    if matches:
        best = (matches[0].chaos, matches[0].coherence)
        equals = [match for match in matches if (match.chaos, match.coherence) == best]
        names = {name for match in equals for name in (match.encoding, *match.could_be_from_charset)}
        encoding = next(name for name in _DETECTABLE if name in names)
        warning = f"The document is not UTF-8; it was read as {encoding}, which is a guess."
        # Of a long document only samples were looked at, so the rest may still not fit.
        with contextlib.suppress(UnicodeDecodeError):
            return DecodedText(data.decode(encoding), encoding, warnings=(warning,))
    raise DocumentError(
        Problem(
            "UnknownEncoding",
            f"The document's {len(data):,} bytes are not UTF-8, and no other encoding fits them.",
            _SAVE_AS_UTF8,
        )
    )
