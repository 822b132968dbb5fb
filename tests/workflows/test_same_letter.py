"""The same letter as text and as files of several formats, and what a format makes different."""

from collections import Counter

import pytest

from functions.text.formats.extraction import Limits
from functions.text.formats.extractors import extract
from local.document_intelligence.documents import Page, pdf
from tests.data.make_files import LETTERS
from tests.support.language import loans
from tests.support.scenarios import in_process
from tests.support.world import World

FORMATS = ("txt", "docx", "pdf", "html", "eml", "odt", "rtf")
ENTITIES = [
    ("LenderName", "Northmoor Building Society"),
    ("LoanNumber", "NBS 588-3312"),
    ("LoanAmount", "£17,250"),
    ("InterestRate", "6.75%"),
    ("AgreementDate", "21 August 2025"),
    ("BorrowerName", "Jowan Penrose"),
    ("BorrowerAddress", "4 Quay Hill, Norwick NW1 3CD"),
]


def found_in(world: World, data: bytes | str) -> list[tuple[str, str]]:
    world.drop("letter", data)
    world.run()
    result = world.entities("letter")
    assert result is not None, world.error("letter")
    return [(one["category"], one["text"]) for one in result["entities"]]


@pytest.mark.parametrize("suffix", FORMATS)
def test_same_letter_has_same_entities(suffix: str) -> None:
    """With the model that is learnt from the samples."""
    data = (LETTERS / f"letter.{suffix}").read_bytes()
    assert found_in(World(extract=in_process, project=loans()), data) == ENTITIES


# --- What formats make different; with a model that finds capitalised pairs of words and amounts ---


@pytest.fixture
def world() -> World:
    return World(extract=in_process)


def printed(*lines: str) -> bytes:
    """Return a pdf of lines, as programs break them."""
    return pdf([Page("\n".join(lines), is_printed=True)])


MAIL = "From: Alan Archer <a@example.com>\nTo: b@example.com\nMessage-ID: <1@example.com>\n\n"


def test_line_end_of_pdf_stays_in_names(world: World) -> None:
    """A line end in a pdf may also be the end of a table cell, so none is taken for a space."""
    assert found_in(world, "We lend Mary Miller $500 as agreed.") == [("Name", "Mary Miller"), ("Amount", "$500")]
    assert found_in(world, printed("We lend Mary", "Miller $500 as agreed.")) == [("Amount", "$500")]


def test_hyphenated_name_of_pdf_is_joined(world: World) -> None:
    data = printed("We lend Mary Mil-", "ler $500 as agreed.")
    assert found_in(world, data) == [("Name", "Mary Miller"), ("Amount", "$500")]


def test_line_end_of_html_is_a_space(world: World) -> None:
    data = "<html><body><p>We lend Mary\nMiller $500<br>as agreed.</p></body></html>"
    assert found_in(world, data) == [("Name", "Mary Miller"), ("Amount", "$500")]


def test_headers_of_mail_have_entities(world: World) -> None:
    """They are part of what a reader sees; the same text without them has fewer."""
    text = "We lend Mary Miller $500."
    more = Counter(found_in(world, MAIL + text)) - Counter(found_in(world, text))
    assert more == Counter({("Name", "Alan Archer"): 1})


def test_flowed_mail_joins_its_lines(world: World) -> None:
    """So a name that a mail program divided is whole again."""
    header = "Content-Type: text/plain; format=flowed\n"
    data = MAIL.replace("\n\n", f"\n{header}\n") + "We lend Mary \nMiller $500.\n"
    assert ("Name", "Mary Miller") in found_in(world, data)


def test_line_ends_of_text_are_kept() -> None:
    """Offsets of text count in the document as it is; those of files in the extracted text, which has one kind."""
    text = (LETTERS / "letter.txt").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") > 5
    for suffix in FORMATS[1:]:
        assert "\r" not in extract((LETTERS / f"letter.{suffix}").read_bytes(), Limits()).text


def test_paragraphs_of_html_have_blank_lines() -> None:
    """In docx, odt and rtf the blank line is a matter of style, and no text."""
    for suffix, between in (("html", "\n\n"), ("docx", "\n"), ("odt", "\n"), ("rtf", "\n"), ("pdf", "\n")):
        text = extract((LETTERS / f"letter.{suffix}").read_bytes(), Limits()).text
        assert f"NBS 588-3312,{between}the loan amount" in text
