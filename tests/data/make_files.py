"""Makes the sample files in `samples/drop/files` and the letters in `tests/data/letters`; needs LibreOffice.

`python -m tests.data.make_files`. Samples that are text have no other source than themselves. LibreOffice makes docx,
odt, pdf, pptx, xlsx and rtf out of flat OpenDocument, Python's mail library the mails; the scan is made for the
Document Intelligence stand-in. The files carry the time of their making; their text is the same each time.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from pathlib import Path

from local.document_intelligence.documents import Page, pdf
from local.process import ROOT

SAMPLES = ROOT / "samples" / "drop" / "files"
LETTERS = Path(__file__).parent / "letters"

_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{path}:1.0"'
    for name, path in {
        **{name: name for name in ("office", "style", "text", "table", "presentation")},
        "draw": "drawing",
        "svg": "svg-compatible",
        "fo": "xsl-fo-compatible",
    }.items()
)


def flat(kind: str, content: str, styles: str = "") -> bytes:
    """Return a flat OpenDocument file."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document {_SPACES} office:version="1.2" '
        f'office:mimetype="application/vnd.oasis.opendocument.{kind}">{styles}'
        f"<office:body><office:{kind}>{content}</office:{kind}></office:body></office:document>"
    ).encode()


def converted(source: bytes, suffix: str, target: str) -> bytes:
    """Return what LibreOffice makes of a file; `suffix` says what that is."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"source.{suffix}"
        file.write_bytes(source)
        profile = f"-env:UserInstallation=file://{folder}/profile"
        command = ["soffice", profile, "--headless", "--convert-to", target, "--outdir", folder, str(file)]
        subprocess.run(command, check=True, capture_output=True)
        return (Path(folder) / f"source.{target.partition(':')[0]}").read_bytes()


# --- Text ---


def heading(text: str) -> str:
    """Return a heading of a text document."""
    return f'<text:h text:outline-level="1">{escape(text)}</text:h>'


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<text:p>{escape(text)}</text:p>"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string">{paragraph(cell)}</table:table-cell>' for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    columns = f'<table:table-column table:number-columns-repeated="{max(map(len, rows))}"/>'
    return f"<table:table>{columns}{lines}</table:table>"


def new_page(text: str) -> str:
    """Return a paragraph that begins a page."""
    return f'<text:p text:style-name="Page">{escape(text)}</text:p>'


_PAGE_BREAK = (
    '<office:automatic-styles><style:style style:name="Page" style:family="paragraph">'
    '<style:paragraph-properties fo:break-before="page"/></style:style></office:automatic-styles>'
)


def offer() -> bytes:
    """Return a letter with headings and a table."""
    parts = [
        heading("Offer of a loan"),
        paragraph("Dear Ms Castellano,"),
        paragraph("Stonebridge Savings Bank is glad to offer a loan to Castellano Bakery Ltd, at 8 Mill Street, "
                  "Ashcombe AS2 3RB. The loan number is SSB/2025/1187."),
        heading("Terms"),
        table([("Loan amount", "£28,500"), ("Interest rate", "6.35%"), ("Agreement date", "3 November 2025")]),
        paragraph("Please sign and return both copies."),
        paragraph("Joan Pritchard, Branch Manager"),
    ]  # fmt: skip
    return flat("text", "".join(parts))


def agreement() -> bytes:
    """Return an agreement of two pages."""
    parts = [
        paragraph("LOAN AGREEMENT"),
        paragraph("This agreement is made on June 9, 2025 between Penobscot River Bank and Tidewater Kayaks LLC, "
                  "17 Wharf Road, Bellport, ME 04995."),
        paragraph("The Lender lends the Borrower the principal sum of $48,000. The loan number is PR-4619-B."),
        new_page("Interest and repayment"),
        paragraph("The Loan bears interest at 7.4% per annum. There are 60 payments of $959.31."),
        paragraph("Signed for Penobscot River Bank: Ruth Ames, Vice President"),
    ]  # fmt: skip
    return flat("text", "".join(parts), _PAGE_BREAK)


def letter_of_borrower() -> bytes:
    """Return a letter."""
    parts = [
        paragraph("Dear Sir or Madam,"),
        paragraph("I am writing about my loan number HMB-207745. Harrowgate Mutual Bank lent me £9,400 at 8.9% under "
                  "the agreement dated 12 May 2023."),
        paragraph("I have moved. My new address is 31 Chapel Lane, Dunmere DN3 4PQ."),
        paragraph("Yours faithfully"),
        paragraph("Oluwaseun Bright"),
    ]  # fmt: skip
    return flat("text", "".join(parts))


# --- Slides and sheets ---


def slides(pages: Sequence[tuple[str, Sequence[str]]]) -> bytes:
    """Return a presentation: a title and lines for each slide."""

    def box(lines: Sequence[str], top: int) -> str:
        place = f'svg:x="2cm" svg:y="{top}cm" svg:width="24cm" svg:height="3cm"'
        return f"<draw:frame {place}><draw:text-box>{''.join(map(paragraph, lines))}</draw:text-box></draw:frame>"

    listed = "".join(
        f'<draw:page draw:name="page{number}" draw:master-page-name="Default">'
        f"{box([title], 1)}{box(lines, 5)}</draw:page>"
        for number, (title, lines) in enumerate(pages, start=1)
    )
    styles = (
        '<office:automatic-styles><style:page-layout style:name="L"><style:page-layout-properties '
        'fo:page-width="28cm" fo:page-height="21cm"/></style:page-layout></office:automatic-styles>'
        '<office:master-styles><style:master-page style:name="Default" style:page-layout-name="L"/>'
        "</office:master-styles>"
    )
    return flat("presentation", listed, styles)


COMMITTEE = [
    ("Credit committee of Greyfriars Bank plc", ["12 November 2025", "Present: H. Lowe (chair), S. Qureshi"]),
    ("Request of Juniper Press Ltd, 40 Castle Street, Tarrant TA1 5BX",
     ["Loan amount £64,000 for a printing press", "Interest rate 6.9%, fixed", "Loan number GF-7311-004",
      "The agreement is to be dated 1 December 2025"]),
]  # fmt: skip

LOANS = [
    ("No.", "Borrower", "Amount", "Rate", "Agreement date"),
    ("DPS 52-11-03", "Marigold Nurseries Ltd", "£42,000", "7.3%", "4 February 2025"),
    ("DPS 52-11-08", "Tobias Renner", "£8,750", "8.8%", "19 March 2025"),
]


def workbook() -> bytes:
    """Return a workbook of two sheets."""
    first = table([("LOANS SOLD TO THE FUND",), ("Seller: Dunmere Provident Society",), (), *LOANS])
    second = table([("Contact",), ("Agnes Whitlow, Loan Service",)])
    return flat(
        "spreadsheet",
        first.replace("<table:table>", '<table:table table:name="Loans">')
        + second.replace("<table:table>", '<table:table table:name="Contacts">'),
    )


# --- Mail ---


def completion() -> bytes:
    """Return a mail with a note attached."""
    mail = EmailMessage()
    mail["From"] = "Silke Rohde <rohde@sparbank-holzdorf.example>"
    mail["To"] = "Archive <archive@sparbank-holzdorf.example>"
    mail["Date"] = format_datetime(datetime(2025, 10, 6, 9, 30, tzinfo=UTC))
    mail["Subject"] = "Completion of a loan"
    mail["Message-ID"] = "<20251006.1@sparbank-holzdorf.example>"
    mail.set_content(
        "Please file this.\n\nSparbank Holzdorf eG has paid out the loan SH-10-45102 of EUR 21,500 to Matthias Kolbe.\n"
    )
    statement = (
        "STATEMENT OF COMPLETION\n\n"
        "    Name of borrower ......... Matthias Kolbe\n"
        "    Address .................. Gartenstr. 5, 04999 Holzdorf\n"
        "    Number of loan ........... SH-10-45102\n"
        "    Rate of interest ......... 4.3 %\n"
        "    Date of agreement ........ 2 October 2025\n"
    )
    mail.add_attachment(statement, filename="statement.txt")
    mail.set_boundary("=-part-of-the-sample")
    return mail.as_bytes()


# --- A scan ---

COVER = (
    "Penhallow Savings Bank\nLending office, 12 Market Strand\n\nDear Mr Trevanion,\n"
    "please find the signed agreement on the next page.\n\nYours sincerely\n"
)
SIGNED = (
    "LOAN AGREEMENT\n\nLoan number: PSB-2291-07\nLender: Penhallow Savings Bank\nBorrower: Denzil Trevanion\n"
    "Address: 8 Chapel Row, Norwick NW4 2GH\nLoan amount: £9,400\nRate of interest: 5.15%\n"
    "Date of this agreement: 14 July 2025\n"
)


def scan() -> bytes:
    """Return a printed page and one that was scanned, whose text the stand-in finds in the file."""
    return pdf([Page(COVER, is_printed=True), SIGNED])


# --- The same letter in several formats ---

LETTER = (
    "Dear Mr Penrose,",
    "Alan Archer of Northmoor Building Society confirms:",
    "the loan number is NBS 588-3312,",
    "the loan amount is £17,250,",
    "the interest rate is 6.75%,",
    "the agreement is dated 21 August 2025.",
    "The borrower is Jowan Penrose,",
    "4 Quay Hill, Norwick NW1 3CD.",
    "Yours sincerely",
)
"""Lines that no page breaks."""


def letters() -> dict[str, bytes]:
    """Return the letter in each format, by suffix."""
    document = flat("text", "".join(map(paragraph, LETTER)))
    mail = EmailMessage()
    mail["From"], mail["To"] = "loans@example.com", "customer@example.com"
    mail["Date"] = format_datetime(datetime(2025, 8, 22, 9, tzinfo=UTC))
    mail["Subject"] = "Your loan"
    mail["Message-ID"] = "<1@example.com>"
    mail.set_content("\n".join(LETTER) + "\n")
    page = "".join(f"<p>{escape(line)}</p>\n" for line in LETTER)
    return {
        "txt": ("\r\n".join(LETTER) + "\r\n").encode("cp1252"),
        "html": f"<!DOCTYPE html>\n<html><meta charset='utf-8'><body>\n{page}</body></html>\n".encode(),
        "eml": mail.as_bytes(),
        **{suffix: converted(document, "fodt", suffix) for suffix in ("docx", "odt", "pdf", "rtf")},
    }


def main() -> None:
    """Write all files."""
    for folder in (SAMPLES, LETTERS):
        folder.mkdir(parents=True, exist_ok=True)
    files = {
        "offer-bakery.docx": converted(offer(), "fodt", "docx"),
        "agreement-kayaks.pdf": converted(agreement(), "fodt", "pdf"),
        "letter-bright.odt": converted(letter_of_borrower(), "fodt", "odt"),
        "credit-committee.pptx": converted(slides(COMMITTEE), "fodp", "pptx"),
        "loans-sold.xlsx": converted(workbook(), "fods", "xlsx"),
        "completion-kolbe.eml": completion(),
        "signed-trevanion.pdf": scan(),
    }
    for name, data in files.items():
        (SAMPLES / name).write_bytes(data)
    for suffix, data in letters().items():
        (LETTERS / f"letter.{suffix}").write_bytes(data)


if __name__ == "__main__":
    main()
