from functions.text.formats.extraction import Reason

from .office import pptx, shape
from .samples import extracted, places, refused, sample

REVIEW = [
    (
        "Quarterly review\nLoans to Norwick Ltd\nArrears of EUR 4,200\nText of the master\n"
        "Mention the branch in Vallon\n\n",
        {"slide": 1},
    ),
    ("Table\nr0c0\tr0c1\nr1c0\tr1c1\nLoans by region\nLoans\nEast\nWest\n\n", {"slide": 2}),
    ("Last\nIn a group\n\n", {"slide": 4}),
]
SLIDES = [
    (
        "Loans of the quarter\n1. Ferry company, EUR 1,200,000\n2. Bakery Vallon, EUR 48,000\nConfidential 2026\n"
        "Ask Ms Papadopoulou\nThank the branch in Vallon.\n\n",
        {"slide": 1},
    ),
    ("Region\tArrears\nEast\t4,200\n\n", {"slide": 3}),
]


def line(text: str, properties: str = "") -> str:
    return f"<a:p><a:pPr>{properties}</a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>"


def numbered(text: str, level: int, kind: str = "arabicPeriod") -> str:
    return f'<a:p><a:pPr lvl="{level}"><a:buAutoNum type="{kind}"/></a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>'


def test_python_pptx_presentation_is_read_as_seen() -> None:
    found = extracted(sample("review.pptx"))
    assert found.format == "pptx"
    assert places(found) == REVIEW


def test_libreoffice_presentation_is_read_as_seen() -> None:
    assert places(extracted(sample("slides.pptx"))) == SLIDES


def test_hidden_shapes_and_slide_numbers_are_left_out() -> None:
    slide = (
        shape(line("a"))
        + shape(line("b"), hidden="1")
        + shape(line("3"), '<p:ph type="sldNum"/>')
        + shape('<a:p><a:fld type="slidenum"><a:t>3</a:t></a:fld><a:r><a:t>c</a:t></a:r></a:p>')
    )
    assert extracted(pptx(slide)).text == "a\nc\n\n"


def test_hidden_group_hides_its_shapes() -> None:
    group = f'<p:grpSp><p:nvGrpSpPr><p:cNvPr hidden="1"/></p:nvGrpSpPr>{shape(line("a"))}</p:grpSp>'
    assert extracted(pptx(group + shape(line("b")))).text == "b\n\n"


def test_footers_are_read_once() -> None:
    footer = shape(line("foot"), '<p:ph type="ftr"/>')
    assert extracted(pptx(shape(line("a")) + footer, shape(line("b")) + footer)).text == "a\nfoot\n\nb\n\n"


def test_numbers_of_levels_count_apart() -> None:
    texts = numbered("a", 0) + numbered("b", 1, "alphaLcParenR") + numbered("c", 1, "alphaLcParenR") + numbered("d", 0)
    texts += line("between") + numbered("e", 0, "romanUcParenBoth")
    assert extracted(pptx(shape(texts))).text.split("\n")[:-2] == [
        "1. a", "a) b", "b) c", "2. d", "between", "(I) e",
    ]  # fmt: skip


def test_presentation_without_text_says_so() -> None:
    assert refused(pptx("")).reason is Reason.NO_TEXT
