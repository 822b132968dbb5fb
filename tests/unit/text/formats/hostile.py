"""Files made to hang or to fill the memory of what reads them, and the limit that must be named for each."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

MAIL = b"From: a@example.com\nTo: b@example.com\nMIME-Version: 1.0\n"


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a zip archive, the same bytes at any time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def pdf(objects: Mapping[int, bytes], root: int = 1) -> bytes:
    """Return a pdf of numbered objects."""
    found = bytearray(b"%PDF-1.7\n")
    places = {}
    for number, content in objects.items():
        places[number] = len(found)
        found += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(found)
    found += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        found += b"%d 1\n%010d 00000 n \n" % (number, place)
    size = max(objects) + 1
    return bytes(found) + b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, root, start)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """Return a stream of a pdf, compressed."""
    packed = zlib.compress(content, 9)
    return b"<< /Length %d /Filter /FlateDecode %b >>\nstream\n%b\nendstream" % (len(packed), entries, packed)


def page(contents: bytes, resources: bytes = b"") -> dict[int, bytes]:
    """Return the objects of a pdf of one page."""
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F 5 0 R >> %b >> >>" % resources,
        4: stream(contents),
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }


def pdf_with_many_pages() -> bytes:
    objects = page(b"BT /F 12 Tf 72 700 Td (Hello) Tj ET")
    objects[2] = b"<< /Type /Pages /Kids [%b] /Count 100000 >>" % (b"3 0 R " * 100_000)
    return pdf(objects)


def pdf_with_wrong_count() -> bytes:
    objects = page(b"BT /F 12 Tf 72 700 Td (Hello) Tj ET")
    objects[2] = b"<< /Type /Pages /Kids [3 0 R] /Count 100000 >>"
    return pdf(objects)


_FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9]"


def pdf_with_fan_out() -> bytes:
    """A form that draws ten others, each of which draws ten others, nine times."""
    draw = b"".join(b"/X Do " for _ in range(10))
    objects = page(draw, b"/XObject << /X 10 0 R >>")
    for number in range(10, 19):
        objects[number] = stream(draw, _FORM + b" /Resources << /XObject << /X %d 0 R >> >>" % (number + 1))
    objects[19] = stream(b"BT /F 1 Tf (x) Tj ET", _FORM)
    return pdf(objects)


def pdf_with_cycle() -> bytes:
    """A form that draws itself."""
    objects = page(b"/X Do", b"/XObject << /X 10 0 R >>")
    objects[10] = stream(b"/X Do", _FORM + b" /Resources << /XObject << /X 10 0 R >> >>")
    return pdf(objects)


def pdf_with_deep_tree() -> bytes:
    objects = {1: b"<< /Type /Catalog /Pages 2 0 R >>"}
    for number in range(2, 20_000):
        objects[number] = b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (number + 1)
    return pdf(objects)


def pdf_with_circle() -> bytes:
    """A page tree whose branches have each other."""
    return pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
        }
    )


def pdf_with_flate_bomb() -> bytes:
    return pdf(page(b"BT /F 12 Tf 72 700 Td (Hello) Tj ET\n" + b" " * 250_000_000))


def pdf_with_many_states() -> bytes:
    return pdf(page(b"q " * 5_000_000))


def nested_zips(levels: int) -> bytes:
    data = b"text"
    for _ in range(levels):
        data = zipped({"inner": data})
    return data


def zip_with_overlap() -> bytes:
    """Two members of the directory that are the same bytes of the file."""
    data = zipped({"a": b"x" * 1_000, "b": b"y" * 1_000})
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    changed = bytearray(data)
    changed[second + 42 : second + 46] = changed[first + 42 : first + 46]
    return bytes(changed)


def zip_with_wrong_size(name: str = "a") -> bytes:
    """A member that is said to unpack to ten bytes."""
    data = bytearray(zipped({"[Content_Types].xml": b"", name: b"<x/>" * 1_000}))
    place = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, place + 24, 10)
    return bytes(data)


def zip_quine() -> bytes:
    """An archive with itself in it, several times over: as a stand-in, deeper than any limit."""
    data = zipped({"text": b"x"})
    for _ in range(8):
        data = zipped({"a": data, "b": data})
    return data


def mail_with_deep_parts() -> bytes:
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(1_000))
    return MAIL + parts + b"\ndeep\n"


def mail_with_many_parts() -> bytes:
    return MAIL + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 200_000 + b"--b--\n"


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "zip with many entries": (lambda: zipped({str(number): b"" for number in range(100_000)}), "entries"),
    "zip in zip": (lambda: nested_zips(6), "levels"),
    "zip of itself": (zip_quine, "levels"),
    "zip of zeros": (lambda: zipped({"a": bytes(100_000_000)}), "ratio"),
    "zip of many texts": (
        lambda: zipped({str(number): b"Zo\xc3\xab owes 5,000. " * 40_000 for number in range(10)}),
        "characters",
    ),
    "zip with overlapping members": (zip_with_overlap, "damaged"),
    "pdf with 100,000 times one page": (pdf_with_many_pages, "pages"),
    "pdf that counts 100,000 pages": (pdf_with_wrong_count, "pages"),
    "pdf with a deep tree": (pdf_with_deep_tree, "damaged"),
    "pdf whose page tree is a circle": (pdf_with_circle, "damaged"),
    "pdf whose form draws itself": (pdf_with_cycle, "no text"),
    "pdf with a form in a form": (pdf_with_fan_out, "seconds"),
    "pdf with a flate bomb": (pdf_with_flate_bomb, "memory"),
    "pdf with 5 million states": (pdf_with_many_states, "memory"),
    "html with a million levels": (lambda: b"<!doctype html>" + b"<div>" * 1_000_000, "nesting"),
    "html with 10 million characters": (lambda: b"<p>" + b"word " * 1_900_000 + b"</p>", "characters"),
    "html with 200,000 attributes": (
        lambda: b"<html><p " + b" ".join(b"a%d=1" % number for number in range(200_000)) + b">x",
        "seconds",
    ),
    "zip with a wrong size": (zip_with_wrong_size, "no text"),
    "docx with a wrong size": (lambda: zip_with_wrong_size("word/document.xml"), "damaged"),
    "mail with 1,000 levels": (mail_with_deep_parts, "nesting"),
    "mail with 200,000 parts": (mail_with_many_parts, "entries"),
    "mail with a giant header": (lambda: MAIL + b"Subject: " + b"x " * 5_000_000 + b"\n\nx", "header_bytes"),
    "rtf with 2 million braces": (lambda: b"{\\rtf1" + b"{" * 2_000_000, "nesting"),
    "rtf with a picture of 20 MB": (lambda: b"{\\rtf1{\\pict " + b"0f" * 10_000_000 + b"}}", "no text"),
    "json with a number of 5 million digits": (lambda: b'{"a": ' + b"9" * 5_000_000 + b"}", "characters"),
    "json with a million levels": (lambda: b'{"a":' * 1_000_000 + b"}" * 1_000_000, "nesting"),
    "xml with a million levels": (lambda: b"<?xml version='1.0'?>" + b"<a>" * 1_000_000, "nesting"),
}
"""The file, and the limit or the reason that its outcome must have."""
