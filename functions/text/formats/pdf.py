"""PDF: the text layer of each page in the order of the file, then the values of its form fields.

The order is the one in which the program that made the file drew it. Words that are hyphenated at the end of a line are
joined, ligatures and soft hyphens resolved. Pages that are pictures, or text drawn as shapes, are named in a warning.
The library is not safe for threads: it is used in a child process with one thread only.
"""

import re
from ctypes import create_string_buffer
from typing import TYPE_CHECKING, Any

from ... import problems
from .extraction import NotExtractable, Output, Reason, Scan, as_seen
from .locations import page_ranges

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_PASSWORD_ERRORS = (4, 5)
"""A password is needed; a security handler is not supported (fpdfview.h, FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY)."""

_HYPHENATED = re.compile("[\ufffe\x02\u00ad](?:\r?\n)?")
"""What the library gives for a hyphen at the end of a line, with the line end left out; and soft hyphens."""
_LINE_ENDS = re.compile(r"[ \t]*(?:\r\n|\r|\n|\x0b|\x0c)")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufdd0-\ufdef\uffff]")

_FEW_LETTERS = 50
"""A page with fewer letters and digits may be a picture: scanners and stamps add a line of text."""
_PICTURE_SHARE = 0.5
_MANY_SHAPES = 100
_OBJECTS_LOOKED_AT = 5_000

_FREE_TEXT, _WIDGET = 3, 20
_HIDDEN = 0b10
_TEXT_FIELD, _COMBO_BOX, _LIST_BOX = 6, 4, 5
_PASSWORD_FIELD = 1 << 13
_DYNAMIC_FORM = (2, 3)


def extract(data: bytes, output: Output) -> None:
    """Write the text of each page, pages as places."""
    document = _opened(data)
    try:
        _write(document, output)
    finally:
        document.close()


def _opened(data: bytes) -> "PdfDocument":
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(data)
    except PdfiumError as error:
        if error.err_code in _PASSWORD_ERRORS:
            raise NotExtractable(
                Reason.PROTECTED, "It is a pdf with a password. Save it without one and drop it again."
            ) from error
        raise NotExtractable(Reason.DAMAGED, "The pdf is damaged. Open it, save it again and drop that.") from error


def _write(document: "PdfDocument", output: Output) -> None:
    pages = len(document)
    output.count_pages(pages)
    if document.get_formtype():
        document.init_forms()
    if document.get_formtype() in _DYNAMIC_FORM:
        output.warn(problems.DYNAMIC_FORM.warning())
    begin = output.length
    unread, damaged = [], []
    for number in range(1, pages + 1):
        output.place(page=number)
        try:
            page = document[number - 1]
        except RuntimeError:
            damaged.append(number)
            continue
        try:
            text = _text_of(page)
            if _letters(text) < _FEW_LETTERS and _is_picture(page, bool(text.strip())):
                unread.append(number)
            fields = _fields_of(page)
        except RuntimeError:
            damaged.append(number)
            continue
        finally:
            page.close()
        for part in (text, *fields):
            if part.strip():
                output.write(part.strip("\n") + "\n")
    _report(output, pages, unread, damaged, begin)


def _report(output: Output, pages: int, unread: list[int], damaged: list[int], begin: int) -> None:
    if not output.path:
        output.unread_pages.extend(unread)
    if output.is_blank_from(begin):
        if damaged:
            raise NotExtractable(Reason.DAMAGED, f"None of its {pages:,} pages with text can be read: it is damaged.")
        if unread:
            raise NotExtractable(
                Reason.NO_TEXT,
                f"Its pages are pictures without text: {page_ranges(unread)} of {pages:,}.",
                scan=None if output.path else Scan("pdf", tuple(unread)),
            )
    where = f"{output.path}: " if output.path else ""
    if unread:
        output.warn(problems.PAGES_WITHOUT_TEXT.warning(file=where, pages=page_ranges(unread)))
    if damaged:
        output.warn(problems.PAGES_DAMAGED.warning(file=where, pages=page_ranges(damaged)))


def _text_of(page: "PdfPage") -> str:
    text_page = page.get_textpage()
    try:
        return _clean(text_page.get_text_range())
    finally:
        text_page.close()


def _clean(text: str) -> str:
    text = _HYPHENATED.sub("", text)
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", as_seen(text)))


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text[: 100 * _FEW_LETTERS]))


def _is_picture(page: "PdfPage", has_text: bool) -> bool:
    """Whether one picture covers half of a page, or there are many shapes and no text at all."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE, FPDF_PAGEOBJ_PATH

    left, bottom, right, top = page.get_bbox()
    area = abs((right - left) * (top - bottom))
    shapes = 0
    for number, found in enumerate(page.get_objects(max_depth=3)):
        if number >= _OBJECTS_LOOKED_AT:
            break
        if found.type == FPDF_PAGEOBJ_IMAGE:
            x0, y0, x1, y1 = found.get_bounds()
            covered = max(0.0, min(x1, right) - max(x0, left)) * max(0.0, min(y1, top) - max(y0, bottom))
            if covered >= _PICTURE_SHARE * area:
                return True
        shapes += found.type == FPDF_PAGEOBJ_PATH
    return shapes >= _MANY_SHAPES and not has_text


def _fields_of(page: "PdfPage") -> list[str]:
    """Return the values of the form fields of a page and the text that was typed onto it, in their order."""
    from pypdfium2 import raw

    values = []
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            value = _value_of(annotation, page)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
        if value:
            values.append(value)
    return values


def _value_of(annotation: Any, page: "PdfPage") -> str:
    from pypdfium2 import raw

    kind = raw.FPDFAnnot_GetSubtype(annotation)
    if raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
        return ""
    if kind == _FREE_TEXT:
        return _string(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size))
    if kind != _WIDGET or page.formenv is None:
        return ""
    form = page.formenv
    shown = (_TEXT_FIELD, _COMBO_BOX, _LIST_BOX)
    if raw.FPDFAnnot_GetFormFieldType(form, annotation) not in shown:
        return ""
    if raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FIELD:
        return ""
    return _string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size))


def _string(get: Any) -> str:
    """Return the UTF-16 text of a call that takes a buffer and its size, and returns the size that it needs."""
    from ctypes import POINTER, c_ushort, cast

    size = get(None, 0)
    buffer = create_string_buffer(size)
    get(cast(buffer, POINTER(c_ushort)), size)
    return _clean(buffer.raw[:size].decode("utf-16-le", "replace").rstrip("\0"))
