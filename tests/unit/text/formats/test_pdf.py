import pytest

from functions.errors import Warning
from functions.text.formats.extraction import Reason

from .hostile import page, pdf
from .samples import extracted, places, refused, sample

LETTER = """\
Contoso Ltd., Storgata 1, Oslo
Notice of payment
Dear Ms. Zoë Müller, the office received your filing of 12 May 2025. The
difficult workflow was finished by Jonas Lie . 😀
Item Amount
Fee 5,000 €
Interest 120 €
What to do
1. Pay until June.
2. Keep this letter.
Kind regards, Anna-Maria Berg
Bank account 1234.56.78901
"""


def test_letter_is_read_in_the_order_of_the_file() -> None:
    found = extracted(sample("letter.pdf"))
    assert (found.format, places(found)) == ("pdf", [(LETTER, {"page": 1})])


def test_hyphenated_line_ends_are_joined() -> None:
    text = extracted(sample("hyphens.pdf")).text
    assert text == "The administration of the wellknown office in Oslo\npaid 5,000 euros.\n"


def test_form_fields_have_their_values() -> None:
    text = extracted(sample("form.pdf")).text
    assert text == "Application of a customer\nName:\nCity:\nZoë Müller\nOslo\n"


def test_pages_that_are_pictures_are_named() -> None:
    found = extracted(sample("partly_scanned.pdf"))
    assert found.unread_pages == (2, 3)
    assert found.warnings == (Warning("PagesWithoutText", "Pages that are pictures without text were not read: 2-3."),)
    assert [place for _, place in places(found)] == [{"page": 1}, {"page": 3}, {"page": 4}]


def test_scan_has_no_text() -> None:
    error = refused(sample("scanned.pdf"))
    assert (error.reason, error.detail) == (Reason.NO_TEXT, "Its pages are pictures without text: 1 of 1.")


def test_password_to_open_is_needed() -> None:
    assert refused(sample("password.pdf")).reason is Reason.PROTECTED


def test_owner_password_is_not_needed() -> None:
    assert extracted(sample("owner_password.pdf")).text == "Readable by everybody\n"


@pytest.mark.parametrize("size", [10, 800])
def test_cut_off_file_is_damaged(size: int) -> None:
    assert refused(b"%PDF-1.7\n" + bytes(size)).reason is Reason.DAMAGED


def test_header_may_stand_after_other_bytes() -> None:
    data = b"printed by a scanner\n" + pdf(page(b"BT /F 12 Tf 72 700 Td (Hello) Tj ET"))
    assert extracted(data).text == "Hello\n"


def test_pages_over_the_limit_are_refused() -> None:
    assert refused(sample("partly_scanned.pdf"), pages=3).limit == "pages"


def test_text_typed_onto_a_page_is_read() -> None:
    objects = page(b"BT /F 12 Tf 72 700 Td (Printed) Tj ET")
    objects[3] = objects[3].replace(b"/Type /Page ", b"/Type /Page /Annots [6 0 R 7 0 R] ")
    note = b"<< /Type /Annot /Subtype /FreeText /Rect [0 0 90 90] /F %d /Contents (%b) >>"
    objects |= {6: note % (4, b"typed"), 7: note % (2, b"hidden")}
    assert extracted(pdf(objects)).text == "Printed\ntyped\n"


def test_text_drawn_as_shapes_is_a_picture() -> None:
    error = refused(pdf(page(b"0 0 m 9 9 l S " * 200)))
    assert (error.reason, "pictures without text" in error.detail) == (Reason.NO_TEXT, True)
