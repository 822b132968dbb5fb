"""What the Read model answers about pages with known texts, in the order and the forms that were recorded."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from local.stand_in.text_units import CODE_POINTS, TEXT_ELEMENTS, UTF16_UNITS, offsets_in

#: The units of offsets by the names that this service gives them. How it counts ``textElements`` beyond ASCII is not
#: known; here a letter and its combining marks are one.
UNITS: Mapping[str, str] = {
    "textElements": TEXT_ELEMENTS,
    "unicodeCodePoint": CODE_POINTS,
    "utf16CodeUnit": UTF16_UNITS,
}

_LETTER, _LINE, _MARGIN = 6, 14, 54
"""Sizes of letters, lines and margins on a page of 612 by 792 points."""


class Sheet(NamedTuple):
    """A page that was asked for: its number in the document, from 1 on, and what stands on it."""

    number: int
    text: str


class Form(NamedTuple):
    """How a result is written."""

    api_version: str
    #: The unit of offsets.
    unit: str
    #: Whether sizes are in inches, as for a pdf, or in pixels.
    is_pdf: bool
    confidence: tuple[float, float]
    has_paragraphs: bool


_Place = tuple[int, int]
"""Beginning and end in the content."""


class _Line(NamedTuple):
    offset: int
    text: str
    number: int


def analyze_result(sheets: Sequence[Sheet], form: Form) -> dict[str, Any]:
    """Give ``analyzeResult`` for some pages of a document."""
    content, pages = _joined(sheets)
    span = _spans(content, form.unit)
    result: dict[str, Any] = {
        "apiVersion": form.api_version,
        "modelId": "prebuilt-read",
        "stringIndexType": form.unit,
        "content": content,
        "pages": [_page(*page, form, span) for page in pages],
    }
    paragraphs = [
        {"spans": [span(start, end)], "boundingRegions": [_region(sheet, form)], "content": content[start:end]}
        for sheet, _, lines in pages
        for start, end in _paragraphs(lines)
    ]
    # A blank document had no such list (recorded).
    if paragraphs and form.has_paragraphs:
        result["paragraphs"] = paragraphs
    result["styles"] = []
    if form.api_version >= "2024":
        result["contentFormat"] = "text"
    return result


def _joined(sheets: Sequence[Sheet]) -> tuple[str, list[tuple[Sheet, _Place, list[_Line]]]]:
    """Return the content of all pages, and for each its place in that and its lines.

    Lines of one paragraph are joined by a space, paragraphs and pages by a line end (recorded).
    """
    content = ""
    pages: list[tuple[Sheet, _Place, list[_Line]]] = []
    for sheet in sheets:
        if pages:
            content += "\n"
        start, lines, separator = len(content), list[_Line](), ""
        for number, line in enumerate(sheet.text.split("\n")):
            line = " ".join(line.split())
            if not line:
                separator = "\n" if lines else ""
                continue
            content += separator
            lines.append(_Line(len(content), line, number))
            content += line
            separator = " "
        pages.append((sheet, (start, len(content)), lines))
    return content, pages


def _paragraphs(lines: Sequence[_Line]) -> list[_Place]:
    """Return beginning and end of each paragraph: lines without an empty one between them."""
    found: list[_Place] = []
    before = -2
    for line in lines:
        end = line.offset + len(line.text)
        if line.number == before + 1:
            found[-1] = (found[-1][0], end)
        else:
            found.append((line.offset, end))
        before = line.number
    return found


Spans = Callable[[int, int], dict[str, int]]


def _spans(content: str, unit: str) -> Spans:
    to_unit = offsets_in(content, UNITS[unit])

    def span(start: int, end: int) -> dict[str, int]:
        return {"offset": to_unit(start), "length": to_unit(end) - to_unit(start)}

    return span


def _page(sheet: Sheet, place: _Place, lines: Sequence[_Line], form: Form, span: Spans) -> dict[str, Any]:
    return {
        "pageNumber": sheet.number,
        "angle": 0,
        **({"width": 8.5, "height": 11, "unit": "inch"} if form.is_pdf else _PIXELS),
        "words": [word for line in lines for word in _words(line, form, span)],
        "lines": [
            {
                "content": line.text,
                "polygon": _polygon(line, 0, len(line.text), form),
                "spans": [span(line.offset, line.offset + len(line.text))],
            }
            for line in lines
        ],
        "spans": [span(*place)],
    }


_PIXELS = {"width": 612, "height": 792, "unit": "pixel"}


def _words(line: _Line, form: Form, span: Spans) -> list[dict[str, Any]]:
    words, place = [], 0
    for word in line.text.split(" "):
        words.append(
            {
                "content": word,
                "polygon": _polygon(line, place, place + len(word), form),
                "confidence": _confidence(word, form.confidence),
                "span": span(line.offset + place, line.offset + place + len(word)),
            }
        )
        place += len(word) + 1
    return words


def _confidence(word: str, bounds: tuple[float, float]) -> float:
    """Return the confidence of a word, with three decimals: always the same for the same word."""
    low, high = bounds
    return round(low + (high - low) * (zlib.crc32(word.encode("utf-8", "surrogatepass")) % 1000) / 999, 3)


def _polygon(line: _Line, start: int, end: int, form: Form) -> list[float]:
    left, right = (_MARGIN + place * _LETTER for place in (start, end))
    top = _MARGIN + line.number * _LINE
    return _scaled([left, top, right, top, right, top + _LINE, left, top + _LINE], form)


def _region(sheet: Sheet, form: Form) -> dict[str, Any]:
    low, right, bottom = _MARGIN, 612 - _MARGIN, 792 - _MARGIN
    corners = [low, low, right, low, right, bottom, low, bottom]
    return {"pageNumber": sheet.number, "polygon": _scaled(corners, form)}


def _scaled(points: Sequence[int], form: Form) -> list[float]:
    return [round(point / 72, 4) for point in points] if form.is_pdf else list(points)
