from functions.text.formats.extraction import Reason

from .office import epub
from .samples import extracted, places, refused, sample

ENCRYPTION = (
    '<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData><e:EncryptionMethod Algorithm="{}"/>'
    '<e:CipherData><e:CipherReference URI="a/p1.xhtml"/></e:CipherData></e:EncryptedData></encryption>'
)
PAGE = "<html><head><title/><script src='x'/></head><body><h1>{0}</h1><p>text of {0}<br/>line</p></body></html>"


def test_pages_are_read_in_reading_order() -> None:
    found = extracted(sample("book.epub"))
    assert found.format == "epub"
    assert places(found) == [
        ("Two\n\n1. Norwick Ltd\n2. Petrov\n\nEnd.\n\n", {"heading": "Two"}),
        ("One\n\nHarriet Wilkins borrowed EUR 12,500.\n\n", {"heading": "One"}),
    ]


def test_book_of_libreoffice_is_read() -> None:
    text = extracted(sample("offer.epub")).text
    assert text.startswith("Loan offer\n\nDear Ms Papadopoulou,\nwe offer you a loan of EUR 48,000.00")
    assert "Instalment\tRest\n2026-04-01\t881.82\t47,274.18\n" in text


def test_elements_without_content_end_where_they_begin() -> None:
    assert extracted(epub(PAGE.format("A"), PAGE.format("B"))).text == (
        "A\n\ntext of A\nline\n\nB\n\ntext of B\nline\n\n"
    )


def test_protected_book_is_named() -> None:
    assert refused(epub(PAGE.format("A"), encryption=ENCRYPTION.format("aes"))).reason is Reason.PROTECTED


def test_obfuscated_fonts_are_no_protection() -> None:
    encryption = ENCRYPTION.format("http://www.idpf.org/2008/embedding")
    assert extracted(epub(PAGE.format("A"), encryption=encryption)).text.startswith("A\n")


def test_book_without_pages_says_so() -> None:
    assert refused(epub()).reason is Reason.NO_TEXT
