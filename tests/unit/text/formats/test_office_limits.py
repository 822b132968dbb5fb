"""Office, OpenDocument and EPUB files made to hang or to fill the memory, and the limit that is named for each."""

import random
import struct
import time
from collections.abc import Callable

import pytest

from functions.text.formats.extraction import NotExtractable, Reason

from .hostile import zipped
from .office import docx, epub, ods, odt, package, pptx, record, relations, shape, xls, xlsx
from .samples import extracted, refused

DEEP = 600
P = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"


def ods_row(attributes: str, cell: str) -> bytes:
    filled = f"<table:table-cell {cell}><text:p>x</text:p></table:table-cell>"
    return ods(f'<table:table table:name="S"><table:table-row {attributes}>{filled}</table:table-row></table:table>')


def far_cells() -> bytes:
    rows = "".join(f'<row r="{row}"><c r="XFD{row}"><v>1</v></c></row>' for row in range(1, 1_000))
    return xlsx(f"<sheetData>{rows}</sheetData>")


def one_string_in_many_cells() -> bytes:
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 10_000))
    return xlsx(f"<sheetData>{rows}</sheetData>", strings=f"<si><t>{'x' * 10_000}</t></si>")


def one_slide_many_times() -> bytes:
    listed = '<p:sldId r:id="slide"/>' * 20_000
    space = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    office = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    return package(
        "ppt/presentation.xml",
        {
            "ppt/presentation.xml": f"<p:presentation {space} {office}>{listed}</p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations({"slide": "slide.xml"}),
            "ppt/slide.xml": f"<p:sld {space}/>",
        },
    )


def one_comment_many_times() -> bytes:
    note = f'<w:footnote w:id="1">{P.format("x" * 10_000)}</w:footnote>'
    reference = '<w:r><w:footnoteReference w:id="1"/></w:r>'
    return docx(f"<w:p>{reference * 10_000}</w:p>", footnotes=note)


def wide_rows() -> bytes:
    row = '<w:tr><w:tc><w:tcPr><w:gridSpan w:val="63"/></w:tcPr></w:tc></w:tr>'
    return docx(f"<w:tbl>{row * 99}</w:tbl>")


def odt_of_spaces() -> bytes:
    spaces = '<text:s text:c="2000000000"/>'
    return odt(f"<text:p>{spaces * 9}</text:p>")


def deep_tables() -> bytes:
    return docx("<w:tbl><w:tr><w:tc>" * DEEP + P + "</w:tc></w:tr></w:tbl>" * DEEP)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "docx of empty paragraphs": (lambda: docx("<w:p/>" * 200 + P.format("x")), "characters"),
    "docx of long text": (lambda: docx(P.format("x" * 1_000)), "characters"),
    "docx of one note many times": (one_comment_many_times, "characters"),
    "docx of wide rows": (wide_rows, "characters"),
    "docx of deep tables": (deep_tables, "nesting"),
    "docx of zeros": (lambda: docx(P.format("x") + " " * 20_000_000), "ratio"),
    "docx of many parts": (lambda: package("word/d.xml", {f"word/{n}": "" for n in range(10_001)}), "entries"),
    "xlsx of cells far away": (far_cells, "characters"),
    "xlsx of one string": (one_string_in_many_cells, "characters"),
    "pptx of one slide many times": (one_slide_many_times, "pages"),
    "pptx of deep groups": (lambda: pptx("<p:grpSp>" * DEEP + shape("") + "</p:grpSp>" * DEEP), "nesting"),
    "odt of spaces": (odt_of_spaces, "characters"),
    "odt of deep sections": (lambda: odt("<text:section>" * DEEP + "</text:section>" * DEEP), "nesting"),
    "ods of repeated rows": (lambda: ods_row('table:number-rows-repeated="1048576"', ""), "characters"),
    "ods of repeated cells": (lambda: ods_row("", 'table:number-columns-repeated="99999999999"'), "characters"),
    "epub of many pages": (lambda: epub(*["<p>x</p>"] * 9_990), "pages"),
    "epub of deep elements": (lambda: epub("<div>" * DEEP + "x"), "nesting"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_limit_is_named(name: str) -> None:
    make, limit = HOSTILE[name]
    allowed = {"characters": 200, "pages": 100, "nesting": 500}.get(limit)
    error = refused(make(), **({limit: allowed} if allowed else {}))
    assert (error.reason, error.limit) == (Reason.LIMIT, limit)


def test_budget_counts_every_part() -> None:
    notes = P.format("x" * 100_000)
    document = docx(P.format('y</w:t></w:r><w:r><w:footnoteReference w:id="1"/><w:t>'), footnotes=notes)
    assert refused(document, unpacked_bytes=50_000).limit == "unpacked_bytes"


def test_budget_counts_kept_parts() -> None:
    document = docx(P.format("y"), styles=" " * 100_000)
    extracted(document, unpacked_bytes=150_000)
    two = zipped({"a.docx": document, "b.docx": document})
    assert refused(two, unpacked_bytes=150_000).limit == "unpacked_bytes"


ENTITIES = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
EXTERNAL = '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declaration", [ENTITIES, EXTERNAL], ids=["internal", "external"])
def test_entities_are_refused(declaration: str) -> None:
    body = f"{declaration}<d xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'>&a;</d>"
    error = refused(package("word/d.xml", {"word/d.xml": body}))
    assert error.reason is Reason.DAMAGED
    assert "entities" in error.detail


@pytest.mark.parametrize(
    "data",
    [
        docx("<w:p>"),
        docx("\x00"),
        zipped({"mimetype": b"application/vnd.oasis.opendocument.text"}),
        zipped({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"<container/>"}),
        package("word/d.xml", {"word/d.xml": '<?xml version="1.0" encoding="nothing"?><d/>'}),
        package("word/d.xml", {"word/d.xml": '<?xml version="1.0" encoding="gbk"?><d/>'}),
        xls(record(0x00FC, b"\xff" * 8) + record(0x0203, b"")),
        xls(b"", record(0x00FC, struct.pack("<II", 5, 5) + b"\xff\xff\xff")),
        xls(b"", record(0x0085, b"\0")),
    ],
    ids=["element without end", "zero byte", "no content", "no package", "unknown encoding", "multi-byte encoding",
         "no number", "cut string", "cut sheet"],
)  # fmt: skip
def test_broken_files_are_damaged(data: bytes) -> None:
    assert refused(data).reason in (Reason.DAMAGED, Reason.NO_TEXT)


@pytest.mark.long
def test_long_attribute_takes_no_long_time() -> None:
    data = docx(f'<w:p w:x="{random.Random(1).randbytes(10_000_000).hex()}"/>')
    begin = time.process_time()
    with pytest.raises(NotExtractable):
        raise refused(data)
    assert time.process_time() - begin < 20
