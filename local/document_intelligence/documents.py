"""Documents that the stand-in can read: it has no eyes, so their texts lie in them where no text extraction looks.

A picture (PNG) has its text in an ``iTXt`` chunk, a pdf has that of each page in the page's ``PieceInfo``, which is
where applications keep data of their own (ISO 32000-1, 14.5). Both show the text as bars, as it would look from afar,
and have no text layer, but for the pages of a pdf that are printed.
"""

import base64
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_KEYWORD = b"PageText"
_PNG = b"\x89PNG\r\n\x1a\n"
_OTHER_IMAGES = (b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"BM")

MIN_PIXELS, MAX_PIXELS = 50, 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """A page by what stands on it; a printed one has it as a text layer, too."""

    text: str
    is_printed: bool = False


class UnreadableDocument(Exception):
    """A document that no text can be read from: damaged, protected or of an unknown format."""


class BadDimensions(Exception):
    """An image with too few or too many pixels."""


# --- Making them ---

_WIDTH, _HEIGHT = 612, 792
"""A page of 8.5 by 11 inches in points, and a picture in pixels."""
_MARGIN, _LINE, _LETTER = 54, 14, 6


def picture(text: str, *, width: int = _WIDTH, height: int = _HEIGHT) -> bytes:
    """Return a PNG that says ``text`` to the stand-in."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\x00" + row for row in _raster(text, width, height))
    text_chunk = _KEYWORD + b"\x00\x00\x00\x00\x00" + text.encode()
    chunks = [(b"IHDR", header), (b"iTXt", text_chunk), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return _PNG + b"".join(map(_png_chunk, *zip(*chunks, strict=True)))


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _raster(text: str, width: int, height: int) -> list[bytes]:
    """Return rows of grey pixels: each word of the text as a bar."""
    blank = b"\xff" * width
    rows = [blank] * height
    for number, line in enumerate(text.split("\n")):
        row = bytearray(blank)
        for word in re.finditer(r"\S+", line):
            start, end = (min(_MARGIN + place * _LETTER, width) for place in word.span())
            row[start:end] = b"\x40" * (end - start)
        top = _MARGIN + number * _LINE
        rows[top : top + _LINE // 2] = [bytes(row)] * len(rows[top : top + _LINE // 2])
    return rows


def pdf(pages: Sequence[Page | str]) -> bytes:
    """Return a pdf whose pages say their texts to the stand-in; a page that is given as a string is a scan."""
    kids = " ".join(f"{4 + 3 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        objects += _pdf_page(page if isinstance(page, Page) else Page(page), first=4 + 3 * number)
    return _pdf_file(objects)


def _pdf_page(page: Page, first: int) -> list[bytes]:
    """Return page, content and picture of a page as objects with the numbers from ``first`` on."""
    private = base64.b16encode(page.text.encode()).decode()
    dictionary = (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Contents {first + 1} 0 R "
        f"/Resources << /Font << /F1 3 0 R >> /XObject << /Im1 {first + 2} 0 R >> >> "
        f"/PieceInfo << /PageText << /LastModified (D:20260101000000Z) /Private <{private}> >> >> >>"
    )
    content = _printed(page.text) if page.is_printed else f"q {_WIDTH} 0 0 {_HEIGHT} 0 0 cm /Im1 Do Q".encode()
    rows = _raster("" if page.is_printed else page.text, _WIDTH, _HEIGHT)
    image = f"/Type /XObject /Subtype /Image /Width {_WIDTH} /Height {_HEIGHT} /ColorSpace /DeviceGray"
    return [
        dictionary.encode(),
        _stream("", content),
        _stream(f"{image} /BitsPerComponent 8 /Filter /FlateDecode", zlib.compress(b"".join(rows))),
    ]


def _printed(text: str) -> bytes:
    lines = [re.sub(rb"([\\()])", rb"\\\1", line.encode("cp1252", "replace")) for line in text.split("\n")]
    shown = b" ".join(b"(" + line + b") Tj T*" for line in lines)
    return f"BT /F1 11 Tf {_LINE} TL {_MARGIN} {_HEIGHT - _MARGIN} Td ".encode() + shown + b" ET"


def _stream(entries: str, content: bytes) -> bytes:
    return f"<< {entries} /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    file, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(objects) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
    return file + f"{end}startxref\n{len(file)}\n%%EOF\n".encode()


# --- Reading them ---

_PDF_PAGE = re.compile(rb"/Type\s*/Page\b")
_PDF_TEXT = re.compile(rb"/PieceInfo << /PageText << [^<>]*/Private <([0-9A-F]*)>")


def is_pdf(document: bytes) -> bool:
    """Tell whether a document is a pdf: its sizes are then in inches, those of images in pixels."""
    return b"%PDF-" in document[:1024]


def texts_of(document: bytes) -> list[str]:
    """Return what stands on each page of a document; nothing for pages that were not made here.

    Raises ``UnreadableDocument`` and ``BadDimensions``.
    """
    if is_pdf(document):
        return _pdf_texts(document)
    if document.startswith(_PNG):
        return [_png_text(document)]
    if document.startswith(_OTHER_IMAGES):
        return [""]
    raise UnreadableDocument


def _pdf_texts(document: bytes) -> list[str]:
    if b"%%EOF" not in document or b"/Encrypt" in document:
        raise UnreadableDocument
    starts = [match.start() for match in _PDF_PAGE.finditer(document)]
    if not starts:
        raise UnreadableDocument
    texts = []
    for start, end in zip(starts, [*starts[1:], len(document)], strict=True):
        found = _PDF_TEXT.search(document, start, end)
        texts.append(base64.b16decode(found[1]).decode() if found else "")
    return texts


def _png_text(document: bytes) -> str:
    text, place = "", len(_PNG)
    while place + 8 <= len(document):
        length, kind = struct.unpack(">I4s", document[place : place + 8])
        content = document[place + 8 : place + 8 + length]
        if len(content) < length:
            break
        if kind == b"IHDR":
            if not all(MIN_PIXELS <= side <= MAX_PIXELS for side in struct.unpack(">II", content[:8])):
                raise BadDimensions
        elif kind == b"iTXt" and content.startswith(_KEYWORD + b"\x00"):
            text = content[len(_KEYWORD) + 5 :].decode()
        elif kind == b"IEND":
            return text
        place += 12 + length
    raise UnreadableDocument
