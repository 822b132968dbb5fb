import pytest

from functions.text.formats.extraction import Reason

from .samples import extracted, refused, sample

LETTER = """\
Contoso Ltd., Storgata 1, Oslo
Bank account 1234.56.78901
Notice of payment
Dear Ms. Zoë Müller, the office received your filing of 12 May 2025. The difficult workflow was finished by Jonas Lie \
😀.
Item\tAmount
Fee\t5,000 €
Interest\t120 €
What to do
1. Pay until June.
2. Keep this letter.
Kind regards, Anna-Maria Berg
"""


def test_letter_is_read_as_seen() -> None:
    found = extracted(sample("letter.rtf"))
    assert (found.format, found.text) == ("rtf", LETTER)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"A\par B\line C\tab D", "A\nB\nC\tD"),
        (r"{\v hidden}A{\deleted gone}\v no\v0  B", "A B"),
        (r"\uc1\u-10179?\u-8704?\u235?", "😀ë"),
        (r"\uc2\u30000\'c4\'e3x", "田x".replace("田", chr(30000))),
        (r"{\upr{A?}{\*\ud{\u8364?}}}", "€"),
        (r"\'e9\'80", "é€"),
        (r"\~A\_B\-C\{D\}\\", " A-BC{D}\\"),
        (r"A{\*\unknown B}{\pict 0102}C", "AC"),
        (r"A{\footnote note}B", "A\nnote\nB"),
        (r"A{\*\annotation note}B", "A\nnote\nB"),
        (r"{\header H}A", "H\nA"),
        (r"{\shp{\*\shpinst{\sp{\sn x}{\sv y}}{\shptxt box}}{\shprslt box}}A", "box\nA"),
        (r'{\field{\*\fldinst HYPERLINK "x"}{\fldrslt link}}', "link"),
        (r"\trowd A\cell B\cell\row C\cell\cell\row", "A\tB\nC"),
        (r"{\listtext\tab 3.\tab}item", "3. item"),
        (r"A{\bin5 }}}{{}B", "AB"),
        ("A\r\nB", "AB"),
    ],
)
def test_text_is_as_seen(body: str, text: str) -> None:
    data = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\stylesheet x;}" + body + "}"
    assert extracted(data).text.rstrip("\n") == text


@pytest.mark.parametrize(
    ("charset", "data", "text"), [(204, rb"\'cf\'f0", "Пр"), (128, rb"\'93\'63\'92\'86", "田中"), (238, rb"\'a3", "Ł")]
)
def test_charset_of_the_font_counts(charset: int, data: bytes, text: str) -> None:
    fonts = rb"{\fonttbl{\f0 A;}{\f1\fcharset%d B;}}" % charset
    assert extracted(rb"{\rtf1\ansi" + fonts + rb"{\f1 " + data + rb"}x}").text == text + "x"


def test_cut_off_file_is_read_with_a_warning() -> None:
    found = extracted(rb"{\rtf1 {\b A")
    assert (found.text, [one.code for one in found.warnings]) == ("A", ["CutOff"])


def test_what_follows_the_end_is_not_text() -> None:
    assert extracted(rb"{\rtf1 A}B").text == "A"


def test_nesting_over_the_limit_is_refused() -> None:
    assert refused(rb"{\rtf1" + b"{" * 10 + b"x" + b"}" * 11, nesting=10).limit == "nesting"


def test_file_without_text_has_a_reason() -> None:
    assert refused(rb"{\rtf1{\pict 00}}").reason is Reason.NO_TEXT
