"""xlsx, xls and ods: the same sheets give the same text."""

import struct

import pytest

from functions.text.formats.extraction import Reason

from .office import ods, record, xls, xlsx
from .samples import extracted, places, refused, sample

LOANS = """\
Loans
Borrower\tAmount\tRate\tDate\tAccount\tPhone\tHours
Harriet Wilkins\t12,500.00 EUR\t19.5%\t3 March 2026\t01067\t+4915112345678\t36:00
Called on Monday
Petrov\t(350.50)\t0.3\t2026-05-01\tTRUE\t#DIV/0!\t{day}
\t\tafter gap
Merged title
Rich bold end
A text box
Corbett Bank

Second
\tB3

"""


@pytest.mark.parametrize(
    ("name", "day"),
    [
        # The short date of the country is that of the machine; LibreOffice saves it as a format of its own.
        ("loans.xlsx", "2026-03-03"),
        ("loans_calc.xlsx", "3/3/2026"),
        ("loans.xls", "3/3/2026"),
        ("loans.ods", "3/3/2026"),
    ],
)
def test_sheets_are_read_as_seen(name: str, day: str) -> None:
    found = extracted(sample(name))
    assert found.format == name.rpartition(".")[2]
    assert found.text == LOANS.format(day=day)


def test_xlwt_workbook_is_read_as_seen() -> None:
    text = "Loans\nBorrower\nHarriet Wilkins\t19.5%\t3 March 2026\t01067\n12500\tTRUE\n\n"
    assert extracted(sample("loans_xlwt.xls")).text == text


@pytest.mark.parametrize("name", ["loans.xlsx", "loans.xls", "loans.ods"])
def test_rows_are_places(name: str) -> None:
    rows = [(place["sheet"], place.get("row")) for _, place in places(extracted(sample(name)))]
    boxes = [("Loans", 10)] if name == "loans.ods" else []
    assert rows == [
        ("Loans", None), ("Loans", 1), ("Loans", 2), ("Loans", 3), ("Loans", 5), ("Loans", 7), ("Loans", 8), *boxes,
        ("Loans", None), ("Second", None), ("Second", 3),
    ]  # fmt: skip


def test_sheets_without_text_have_no_name() -> None:
    assert refused(xlsx("")).reason is Reason.NO_TEXT


# --- xlsx ---


def sheet_data(rows: str) -> str:
    return f"<sheetData>{rows}</sheetData>"


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        ('<c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="C1"><v>2</v></c>', "a\t\t2"),
        ("<c><v>1</v></c><c><v>2</v></c>", "1\t2"),
        ('<c r="B1"><v>2</v></c><c r="A1"><v>1</v></c>', "1\t2"),
        ('<c r="A1" t="b"><v>0</v></c><c r="B1" t="e"><v>#N/A</v></c>', "FALSE\t#N/A"),
        ('<c r="A1" t="str"><f>A2&amp;"x"</f><v>result</v></c>', "result"),
        ('<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>9</v></c>', "rich text"),
        ('<c r="A1" t="d"><v>2026-03-03</v></c>', "2026-03-03"),
        ('<c r="A1"><v>NaN</v></c><c r="B1"><v>1e999</v></c><c r="C1"><v>word</v></c>', "NaN\t1e999\tword"),
        ('<c r="A1" s="1"><v>0.5</v></c><c r="B1" s="7"><v>0.5</v></c>', "50%\t0.5"),
        ('<c r="A1" t="inlineStr"><is><t>a_x000D_b</t></is></c>', "a\rb"),
    ],
)  # fmt: skip
def test_cells_of_a_row(cells: str, row: str) -> None:
    strings = "<si><r><t>rich </t></r><rPh><t>reading</t></rPh><r><t>text</t></r></si>"
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="9"/></cellXfs>'
    found = extracted(xlsx(sheet_data(f'<row r="1">{cells}</row>'), styles, strings))
    assert found.text == f"S\n{row}\n\n"


def test_hidden_rows_and_columns_are_left_out() -> None:
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c><c r="D1"><v>4</v></c></row>'
        '<row r="2" hidden="1"><c r="A2"><v>5</v></c></row><row r="9"><c r="A9"><v>9</v></c></row>'
    )
    columns = '<cols><col min="2" max="3" hidden="1"/></cols>'
    found = extracted(xlsx(columns + sheet_data(rows)))
    assert found.text == "S\n1\t4\n9\n\n"
    assert places(found)[2] == ("9\n\n", {"sheet": "S", "row": 9})


def test_headers_of_pages_are_read_without_numbers() -> None:
    header = '&amp;L&amp;"Arial,Bold"&amp;12Corbett &amp;&amp; Co&amp;RPage &amp;P'
    margins = f"<headerFooter><oddHeader>{header}</oddHeader></headerFooter>"
    found = extracted(xlsx(sheet_data('<row r="1"><c r="A1"><v>1</v></c></row>') + margins))
    assert found.text == "S\n1\nCorbett & Co\n\n"


def test_dates_of_1904() -> None:
    code = '<numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    styles = f'{code}<cellXfs><xf numFmtId="164"/></cellXfs>'
    row = sheet_data('<row r="1"><c r="A1"><v>1</v></c></row>')
    assert extracted(xlsx(row, styles, workbook='<workbookPr date1904="1"/>')).text == "S\n1904-01-02\n\n"


# --- ods ---


def test_repeated_rows_and_cells_of_ods() -> None:
    cell = '<table:table-cell table:number-columns-repeated="{}">{}</table:table-cell>'
    filled = cell.format(2, "<text:p>x</text:p>")
    rows = (
        f'<table:table-row table:number-rows-repeated="2">{cell.format(1, "")}{filled}</table:table-row>'
        f'<table:table-row table:number-rows-repeated="1000000">{cell.format(16384, "")}</table:table-row>'
        f'<table:table-row table:visibility="collapse">{filled}</table:table-row>'
        f"<table:table-row>{filled}</table:table-row>"
    )
    found = extracted(ods(f'<table:table table:name="S">{rows}</table:table>'))
    assert [(text, place.get("row")) for text, place in places(found)] == [
        ("S\n", None), ("\tx\tx\n", 1), ("\tx\tx\n", 2), ("x\tx\n\n", 1_000_004),
    ]  # fmt: skip


def test_hidden_sheets_and_columns_of_ods() -> None:
    style = (
        '<style:style style:name="T" style:family="table"><style:table-properties table:display="false"/></style:style>'
    )
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    row = f"<table:table-row>{cell}{cell.format('b')}</table:table-row>"
    content = f'<table:table table:name="H" table:style-name="T">{row.format("hidden")}</table:table>'
    content += (
        f'<table:table table:name="S"><table:table-column table:visibility="collapse"/>{row.format("a")}</table:table>'
    )
    assert extracted(ods(content, automatic=style)).text == "S\nb\n\n"


# --- xls ---


def number(row: int, column: int, value: float, style: int = 0) -> bytes:
    return record(0x0203, struct.pack("<3Hd", row, column, style, value))


def test_numbers_of_xls_have_their_formats() -> None:
    formats = record(0x00E0, struct.pack("<2H", 0, 0)) + record(0x00E0, struct.pack("<2H", 0, 10))
    packed = struct.pack("<3H", 1, 0, 1) + struct.pack("<i", (1250 << 2) | 3) + struct.pack("<Hi", 0, (7 << 2) | 2)
    cells = number(0, 1, 0.195, 1) + record(0x00BD, packed + b"\1\0")
    assert extracted(xls(cells, formats)).text == "S\n\t19.50%\n1250.00%\t7\n\n"


def test_hidden_rows_and_columns_of_xls() -> None:
    hidden_row = record(0x0208, struct.pack("<H10xHH", 1, 0x20, 0))
    hidden_column = record(0x007D, struct.pack("<6H", 1, 1, 0, 0, 1, 0))
    cells = hidden_row + hidden_column + number(0, 0, 1) + number(0, 1, 2) + number(0, 2, 3) + number(1, 0, 4)
    assert extracted(xls(cells)).text == "S\n1\t3\n\n"


def test_hidden_sheet_of_xls_is_left_out() -> None:
    assert refused(xls(number(0, 0, 1), visibility=1)).reason is Reason.NO_TEXT


def test_strings_continue_in_the_next_record() -> None:
    """Half of the text in bytes, the other half in words."""
    begin = struct.pack("<IIHB", 1, 1, 6, 0) + b"abc"
    shared = record(0x00FC, begin) + record(0x003C, b"\x01" + "dłf".encode("utf-16-le"))
    cells = record(0x00FD, struct.pack("<3HI", 0, 0, 0, 0))
    assert extracted(xls(cells, shared)).text == "S\nabcdłf\n\n"


def test_result_of_a_formula_is_read() -> None:
    head = struct.pack("<3H", 0, 0, 0)
    text = record(0x0006, head + b"\0\0\0\0\0\0\xff\xff" + bytes(6)) + record(0x0207, b"\x03\0\0abc")
    truth = record(0x0006, struct.pack("<3H", 0, 1, 0) + b"\1\0\1\0\0\0\xff\xff" + bytes(6))
    error = record(0x0006, struct.pack("<3H", 0, 2, 0) + b"\2\0\7\0\0\0\xff\xff" + bytes(6))
    assert extracted(xls(text + truth + error)).text == "S\nabc\tTRUE\t#DIV/0!\n\n"


def test_excel_95_has_its_encoding() -> None:
    page = record(0x0042, struct.pack("<H", 1251))
    cells = record(0x0204, struct.pack("<4H", 0, 0, 0, 4) + "Банк".encode("cp1251"))
    assert extracted(xls(cells, page, version=0x0500)).text == "S\nБанк\n\n"


def test_cut_record_is_damage() -> None:
    assert refused(xls(record(0x0203, b"\0"))).reason is Reason.DAMAGED
