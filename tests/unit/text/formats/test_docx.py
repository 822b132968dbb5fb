import pytest

from functions.text.formats import word_styles
from functions.text.formats.extraction import Reason
from functions.text.formats.kept_parts import KeptParts

from .office import docx, package, relations
from .samples import extracted, places, refused, sample

OFFER = """\
Norwick Building Society
1. Loan offer
Dear Ms Papadopoulou,
we offer you a loan of EUR 48,000.00 at 3.9 %.
Amount in words: forty-eight thousand.
1.1 Conditions
a) The loan runs for 60 months.
i. The first instalment is due on 1 April 2026.
ii. The last one is due on 1 March 2031.
b) The house at 12 Mill Lane is the security.
• No fee is charged.
Ask for Mr Petrov.
Valid until 31 May 2026
Is Petrov still in the branch?
Instalment\t\tRest
2026-04-01\t881.82\t47,274.18
2. Signatures
Łódź, 3 March 2026 – 株式会社 – 😀 – office
Reference 2026/318, page
"""

REPORT = """\
Corbett Bank - loan department
Loan agreement
The borrower, Harriet Wilkins, repays EUR 12,500.00 by 3 March 2026.
1. Interest rate: 4.5 %
2. Term: 36 months
• Security: a van
Schedule
Date\tAmount\tNote
2026-04-01\t350.00\tfirst
2026-05-01\t350.00\tsecond
line
Merged\ta
\tb
Softhyphen, office and non-breaking.
The lender is New Bank
Check the name with Petrov
Confidential
"""

FALLBACK = "<mc:AlternateContent><mc:Choice>{0}</mc:Choice><mc:Fallback>{0}</mc:Fallback></mc:AlternateContent>"
BOX = f"<w:r>{FALLBACK.format('<w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent>')}</w:r>"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def paragraph(content: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(f'<w:tc>{cell}</w:tc>' for cell in cells)}</w:tr>"


def field(instruction: str, result: str) -> str:
    begin, between, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end"))
    return f"{begin}<w:r><w:instrText>{instruction}</w:instrText></w:r>{between}{run(result)}{end}"


def test_libreoffice_document_is_read_as_seen() -> None:
    found = extracted(sample("offer.docx"))
    assert (found.format, found.text) == ("docx", OFFER)


def test_python_docx_document_is_read_as_seen() -> None:
    assert extracted(sample("report.docx")).text == REPORT


@pytest.mark.parametrize("name", ["offer.docx", "offer.odt"])
def test_headings_are_places(name: str) -> None:
    found = [(text.split("\n")[0], place) for text, place in places(extracted(sample(name)))]
    assert found == [
        ("Norwick Building Society", {}),
        ("1. Loan offer", {"heading": "1. Loan offer"}),
        ("1.1 Conditions", {"heading": "1.1 Conditions"}),
        ("2. Signatures", {"heading": "2. Signatures"}),
        ("Reference 2026/318, page", {}),
    ]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (paragraph(run("a") + "<w:r><w:tab/><w:br/><w:cr/></w:r>" + run("b")), "a\t\n\nb\n"),
        (paragraph(run("a") + f"<w:del>{run('b')}</w:del><w:ins>{run('c')}</w:ins>"), "ac\n"),
        (paragraph(f"<w:moveFrom>{run('b')}</w:moveFrom><w:moveTo>{run('c')}</w:moveTo>"), "c\n"),
        (paragraph(run("a"), "<w:rPr><w:del/></w:rPr>") + paragraph(run("b")), "ab\n"),
        (paragraph(run("a", "<w:vanish/>") + run("b", '<w:vanish w:val="0"/>')), "b\n"),
        (paragraph(run("a")) + paragraph(run("b", "<w:vanish/>"), "<w:rPr><w:vanish/></w:rPr>"), "a\n"),
        (paragraph(run("before") + BOX), "before\nbox\n"),
        (paragraph(field("MERGEFIELD name", "Jo")), "Jo\n"),
        (paragraph(run("page ") + field(" PAGE ", "3") + run(".")), "page .\n"),
        (paragraph(f'{run("a")}<w:fldSimple w:instr="NUMPAGES">{run("9")}</w:fldSimple>'), "a\n"),
        (paragraph(f"<w:ruby><w:rt>{run('reading')}</w:rt><w:rubyBase>{run('base')}</w:rubyBase></w:ruby>"), "base\n"),
        (paragraph("<w:r><w:t>so\u00adft \ufb03</w:t><w:softHyphen/><w:noBreakHyphen/></w:r>"), "soft ffi-\n"),
        (paragraph(run("a"), '<w:tabs><w:tab w:val="left"/></w:tabs>'), "a\n"),
    ],
    ids=range(13),
)  # fmt: skip
def test_paragraph_is_read_as_seen(body: str, text: str) -> None:
    assert extracted(docx(paragraph(run("begin")) + body)).text == f"begin\n{text}"


MERGED = "<w:tcPr><w:vMerge/></w:tcPr>"


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (row(paragraph(run("a")) + paragraph(run("b")), paragraph(run("c"))), "a\nb\tc\n"),
        (row(MERGED + paragraph(run("above")), paragraph(run("b"))), "\tb\n"),
        (row('<w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + paragraph(run("a")), paragraph(run("b"))), "a\t\tb\n"),
        (row(f"<w:tbl>{row(paragraph(run('x')), paragraph(run('y')))}</w:tbl>", paragraph(run("b"))), "x\ty\tb\n"),
        (f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{paragraph(run('a'))}</w:tc></w:tr>" + row(paragraph(run("b"))), "b\n"),
    ],
    ids=["paragraphs", "merged downwards", "merged sideways", "table in a cell", "deleted row"],
)
def test_row_is_a_line_with_tabs(rows: str, text: str) -> None:
    assert extracted(docx(f"<w:tbl>{rows}</w:tbl>")).text == text


def test_hidden_style_hides_its_text() -> None:
    styles = (
        '<w:style w:styleId="Base"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="Derived"><w:basedOn w:val="Base"/></w:style>'
    )
    body = paragraph(run("a", '<w:rStyle w:val="Derived"/>') + run("b")) + paragraph(
        run("c"), '<w:pStyle w:val="Base"/>'
    )
    assert extracted(docx(body, styles=styles)).text == "b\n"


def test_heading_takes_its_level_from_its_style() -> None:
    styles = (
        '<w:style w:styleId="H"><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>'
        '<w:style w:styleId="H2"><w:basedOn w:val="H"/></w:style>'
    )
    body = paragraph(run("Terms"), '<w:pStyle w:val="H2"/>') + paragraph(run("text"))
    assert places(extracted(docx(body, styles=styles))) == [("Terms\ntext\n", {"heading": "Terms"})]


LEVEL = '<w:lvl w:ilvl="{}"><w:start w:val="{}"/><w:numFmt w:val="{}"/><w:lvlText w:val="{}"/></w:lvl>'
NUMBERING = (
    '<w:abstractNum w:abstractNumId="1">'
    + LEVEL.format(0, 1, "upperRoman", "Art. %1")
    + LEVEL.format(1, 3, "decimal", "%1.%2")
    + '</w:abstractNum><w:num w:numId="5"><w:abstractNumId w:val="1"/></w:num>'
    '<w:num w:numId="6"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="9"/>'
    "</w:lvlOverride></w:num>"
)


def item(text: str, list_id: int, level: int) -> str:
    return paragraph(run(text), f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr>')


def test_list_numbers_count_as_in_word() -> None:
    body = item("a", 5, 0) + item("b", 5, 1) + item("c", 5, 1) + item("d", 5, 0) + item("e", 5, 1) + item("f", 6, 0)
    body += item("g", 0, 0)
    assert extracted(docx(body, numbering=NUMBERING)).text.split("\n")[:-1] == [
        "Art. I a", "I.3 b", "I.4 c", "Art. II d", "II.3 e", "Art. IX f", "g",
    ]  # fmt: skip


def test_only_shown_headers_are_read() -> None:
    body = paragraph(run("text")) + "<w:sectPr>{}</w:sectPr>"
    first = body.format('<w:headerReference w:type="first" r:id="header"/>')
    shown = body.format('<w:headerReference w:type="first" r:id="header"/><w:titlePg/>')
    twice = body.format('<w:headerReference w:type="default" r:id="header"/>') * 2
    header = paragraph(run("head"))
    assert extracted(docx(first, header=header)).text == "text\n"
    assert extracted(docx(shown, header=header)).text == "head\ntext\n"
    assert extracted(docx(twice, header=header)).text == "head\ntext\ntext\n"


def test_even_headers_need_the_setting() -> None:
    body = paragraph(run("text")) + '<w:sectPr><w:headerReference w:type="even" r:id="header"/></w:sectPr>'
    header = paragraph(run("head"))
    assert extracted(docx(body, header=header)).text == "text\n"
    assert extracted(docx(body, header=header, settings="<w:evenAndOddHeaders/>")).text == "head\ntext\n"


def test_strict_documents_are_read() -> None:
    space = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    body = f'<a:document xmlns:a="{space}"><a:body><a:p><a:r><a:t>text</a:t></a:r></a:p></a:body></a:document>'
    assert extracted(package("word/document2.xml", {"word/document2.xml": body})).text == "text\n"


def test_missing_document_is_damage() -> None:
    assert refused(package("word/other.xml", {"word/a.xml": ""})).reason is Reason.DAMAGED
    assert refused(package("", {"word/a.xml": "", "_rels/.rels": relations({})})).reason is Reason.DAMAGED


def test_document_without_text_says_so() -> None:
    assert refused(docx(paragraph(""))).reason is Reason.NO_TEXT


def test_old_word_document_is_named() -> None:
    error = refused(sample("old.doc"))
    assert error.reason is Reason.OLD_FORMAT
    assert "docx" in error.detail


def test_equal_styles_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    styles = '<w:style w:styleId="S"><w:name w:val="kept"/><w:rPr><w:vanish/></w:rPr></w:style>'
    body = paragraph(run("hidden"), '<w:pStyle w:val="S"/>') + paragraph(run("{}"))
    assert extracted(docx(body.format("one"), styles=styles)).text == "one\n"
    monkeypatch.setattr(word_styles, "_StylesReader", None)
    assert extracted(docx(body.format("two"), styles=styles)).text == "two\n"


def test_other_styles_are_read() -> None:
    body = paragraph(run("a"), '<w:pStyle w:val="S"/>') + paragraph(run("b"))
    for value, text in (("1", "b\n"), ("0", "a\nb\n"), ("1", "b\n")):
        styles = f'<w:style w:styleId="S"><w:rPr><w:vanish w:val="{value}"/></w:rPr></w:style>'
        assert extracted(docx(body, styles=styles)).text == text


def test_damage_of_a_kept_part_is_found() -> None:
    document = docx(paragraph(run("a")), styles="<w:style w:styleId='damaged'/>" * 20)
    place = document.index(b"word/styles.xml") + len("word/styles.xml") + 20
    damaged = bytearray(document)
    damaged[place] ^= 0xFF
    for data, is_damaged in ((document, False), (bytes(damaged), True), (document, False)):
        if is_damaged:
            assert refused(data).reason is Reason.DAMAGED
        else:
            assert extracted(data).text == "a\n"


@pytest.mark.parametrize("sizes", [(60, 50), (101,)], ids=["all together", "one"])
def test_kept_parts_are_bounded(sizes: tuple[int, ...]) -> None:
    kept = KeptParts(max_bytes=100, max_part_bytes=100)
    for size in sizes:
        kept.get(size, size, lambda: "first")
    assert kept.get(sizes[0], sizes[0], lambda: "again") == ("again", False)
