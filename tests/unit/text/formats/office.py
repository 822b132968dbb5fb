"""Office, OpenDocument and EPUB files of a few elements, for what no sample has."""

import struct
from collections.abc import Mapping

from .compound_file import compound_file
from .hostile import zipped

_OPENXML = "http://schemas.openxmlformats.org"
_OFFICE = f"{_OPENXML}/officeDocument/2006/relationships"
_SPACES = (
    f'xmlns:w="{_OPENXML}/wordprocessingml/2006/main" xmlns:p="{_OPENXML}/presentationml/2006/main" '
    f'xmlns:a="{_OPENXML}/drawingml/2006/main" xmlns:r="{_OFFICE}" '
    f'xmlns:mc="{_OPENXML}/markup-compatibility/2006" xmlns:c="{_OPENXML}/drawingml/2006/chart"'
)
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_OPEN_SPACES = " ".join(
    f'xmlns:{name}="{_OASIS}:{path}:1.0"'
    for name, path in {
        **{name: name for name in ("office", "style", "text", "table")},
        "draw": "drawing",
    }.items()
)

Parts = Mapping[str, str]


def relations(targets: Mapping[str, str]) -> str:
    """Return relationships: kinds and targets; the id of each is its kind."""
    listed = "".join(
        f'<Relationship Id="{kind}" Type="{_OFFICE}/{kind}" Target="{target}"/>' for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{_OPENXML}/package/2006/relationships">{listed}</Relationships>'


def package(main: str, parts: Mapping[str, str | bytes]) -> bytes:
    """Return an Office file whose document is one of the parts."""
    found = {"[Content_Types].xml": "<Types/>", "_rels/.rels": relations({"officeDocument": main}), **parts}
    return zipped({name: part if isinstance(part, bytes) else part.encode() for name, part in found.items()})


def docx(body: str, **parts: str) -> bytes:
    """Return a document of the elements of its body; parts by their kind, as `footnotes`, with the elements in them."""
    roots = {
        "styles": "styles",
        "numbering": "numbering",
        "footnotes": "footnotes",
        "header": "hdr",
        "settings": "settings",
    }
    return package(
        "word/document.xml",
        {
            "word/document.xml": f"<w:document {_SPACES}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": relations({kind: f"{kind}.xml" for kind in parts}),
            **{
                f"word/{kind}.xml": f"<w:{roots[kind]} {_SPACES}>{content}</w:{roots[kind]}>"
                for kind, content in parts.items()
            },
        },
    )


def xlsx(sheet: str, styles: str = "", strings: str = "", workbook: str = "") -> bytes:
    """Return a workbook of one sheet, given the elements of its parts."""
    space = f'xmlns="{_OPENXML}/spreadsheetml/2006/main" xmlns:r="{_OFFICE}"'
    return package(
        "xl/workbook.xml",
        {
            "xl/workbook.xml": f"<workbook {space}>{workbook}<sheets>"
            '<sheet name="S" r:id="worksheet"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": relations(
                {"worksheet": "sheet1.xml", "styles": "styles.xml", "sharedStrings": "/xl/strings.xml"}
            ),
            "xl/sheet1.xml": f"<worksheet {space}>{sheet}</worksheet>",
            "xl/styles.xml": f"<styleSheet {space}>{styles}</styleSheet>",
            "xl/strings.xml": f"<sst {space}>{strings}</sst>",
        },
    )


def pptx(*slides: str) -> bytes:
    """Return a presentation, given the shapes of its slides."""
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + number}" r:id="slide{number}"/>' for number in numbers)
    return package(
        "ppt/presentation.xml",
        {
            "ppt/presentation.xml": f"<p:presentation {_SPACES}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(
                {f"slide{number}": f"slide{number}.xml" for number in numbers}
            ),
            **{
                f"ppt/slide{number}.xml": f"<p:sld {_SPACES}><p:cSld><p:spTree>{slide}</p:spTree></p:cSld></p:sld>"
                for number, slide in zip(numbers, slides, strict=True)
            },
        },
    )


def shape(paragraphs: str, properties: str = "", hidden: str = "0") -> str:
    """Return a shape of a slide."""
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="" hidden="{hidden}"/><p:nvPr>{properties}</p:nvPr></p:nvSpPr>'
        f"<p:txBody>{paragraphs}</p:txBody></p:sp>"
    )


def opened(kind: str, content: str, styles: str = "", automatic: str = "", members: Parts | None = None) -> bytes:
    """Return an OpenDocument file, given the elements of its body and its styles."""
    body = {"text": "text", "spreadsheet": "spreadsheet"}[kind]
    found = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": f"<office:document-content {_OPEN_SPACES}><office:automatic-styles>{automatic}"
        f"</office:automatic-styles><office:body><office:{body}>{content}</office:{body}></office:body>"
        "</office:document-content>",
        "styles.xml": f"<office:document-styles {_OPEN_SPACES}>{styles}</office:document-styles>",
        **(members or {}),
    }
    return zipped({name: part.encode() for name, part in found.items()})


def odt(content: str, styles: str = "", automatic: str = "", members: Parts | None = None) -> bytes:
    return opened("text", content, styles, automatic, members)


def ods(content: str, styles: str = "", automatic: str = "") -> bytes:
    return opened("spreadsheet", content, styles, automatic)


def epub(*pages: str, encryption: str = "") -> bytes:
    """Return a book, given its pages."""
    numbers = range(1, len(pages) + 1)
    items = "".join(f'<item id="p{n}" href="p{n}.xhtml" media-type="application/xhtml+xml"/>' for n in numbers)
    order = "".join(f'<itemref idref="p{n}"/>' for n in numbers)
    return zipped(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            b'<rootfile full-path="a/b.opf"/></rootfiles></container>',
            **({"META-INF/encryption.xml": encryption.encode()} if encryption else {}),
            "a/b.opf": f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{order}'
            "</spine></package>".encode(),
            **{f"a/p{n}.xhtml": page.encode() for n, page in zip(numbers, pages, strict=True)},
        }
    )


def record(kind: int, data: bytes) -> bytes:
    """Return a record of an xls workbook."""
    return struct.pack("<HH", kind, len(data)) + data


def xls(cells: bytes, global_records: bytes = b"", version: int = 0x0600, *, visibility: int = 0) -> bytes:
    """Return a workbook of one sheet, given its records; it has the fewest of its own that are read."""
    begin = record(0x0809, struct.pack("<HHHH", version, 5, 0, 0)) + global_records
    name = b"\x01\x00S" if version >= 0x0600 else b"\x01S"
    size = len(begin) + len(record(0x0085, b"\0" * 6 + name)) + 4
    sheet = record(0x0085, struct.pack("<IBB", size, visibility, 0) + name)
    end = record(0x000A, b"")
    stream = begin + sheet + end + record(0x0809, struct.pack("<HHHH", version, 0x10, 0, 0)) + cells + end
    return compound_file({"Workbook" if version >= 0x0600 else "Book": stream})
