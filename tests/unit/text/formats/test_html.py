import pytest

from functions.text.formats.extraction import Reason

from .samples import extracted, places, refused, sample


def text_of(body: str) -> str:
    return extracted(f"<!doctype html><body>{body}").text


LETTER = """\
Contoso Ltd., Storgata 1, Oslo

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

Bank account 1234.56.78901
"""


def test_letter_is_read_as_seen() -> None:
    found = extracted(sample("letter.html"))
    assert (found.format, found.text) == ("html", LETTER)
    at = found.locations.at
    assert at(0) == {}
    assert at(LETTER.index("Zoë")) == {"heading": "Notice of payment"}
    assert at(LETTER.index("Keep")) == {"heading": "What to do"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>A <b>B</b><i>C</i>\n\t D&nbsp;E</p>", "A BC D E"),
        ("<div>A</div><div>B</div>", "A\nB"),
        ("<p>A</p><p>B</p>", "A\n\nB"),
        ("A<br>B<br><br><br>C", "A\nB\n\nC"),
        ("<span>A</span> <span>B</span>", "A B"),
        ("<pre>A\n  B</pre>C", "A\n  B\n\nC"),
        ("M&uuml;l&shy;ler Anna&#8209;Maria", "Müller Anna-Maria"),
        ("<img alt='A picture'><input value='typed'><input type=password value=x>", "A picturetyped"),
        ("<textarea>A\nB</textarea>", "A\nB"),
        ("<select><option>A<option>B</select>", "A\nB"),
    ],
)
def test_lines_are_as_seen(body: str, text: str) -> None:
    assert text_of(body) == text + "\n"


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>x</script>",
        "<style>x</style>",
        "<p hidden>x</p>",
        "<p style='color: red; DISPLAY:none'>x</p>",
        "<span style='mso-hide:all'>x</span>",
        "<template><p>x</p></template>",
        "<!-- x -->",
        "<noscript>x</noscript>",
        "<input type=hidden value=x>",
        "<svg><text>x</text></svg>",
    ],
)
def test_what_is_not_shown_is_left_out(hidden: str) -> None:
    assert text_of(f"A {hidden} B").split() == ["A", "B"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<table><tr><th>A<th>B<tr><td>1<td>2</table>", "A\tB\n1\t2"),
        ("<table><tr><td><p>A</p></td><td></td><td>B</td></tr><tr><td></td><td>C</td></tr></table>", "A\t\tB\n\tC"),
        ("<table><tr><td><p>A</p><p>B</p></td><td>C</td></tr></table>", "A\nB\tC"),
        ("<table><tr><td><table><tr><td>A</td><td>B</td></tr></table></td><td>C</td></tr></table>", "A\tB\tC"),
        ("x<table><tr><td>A</table>y", "x\n\nA\n\ny"),
    ],
)
def test_tables_are_rows_with_tabs(body: str, text: str) -> None:
    assert text_of(body) == text + "\n"


def test_lists_have_their_numbers() -> None:
    assert text_of("<ol start=3><li>A<li>B<ul><li>C</ul><li value=9>D</ol>") == "3. A\n4. B\n\nC\n\n9. D\n"


def test_headings_are_places() -> None:
    assert places(extracted("<html><p>A</p><h1>T<b>i</b></h1><p>B</p><h2></h2>C</html>")) == [
        ("A\n\n", {}),
        ("Ti\n\nB\n\nC\n", {"heading": "Ti"}),
    ]


@pytest.mark.parametrize("encoding", ["iso-8859-2", "windows-1251", "shift_jis"])
def test_declared_charset_counts(encoding: str) -> None:
    word = {"iso-8859-2": "Łódź", "windows-1251": "Привет", "shift_jis": "田中さん"}[encoding]
    page = f"<html><meta charset={encoding}><p>{word}</html>".encode(encoding)
    assert extracted(page).text == f"{word}\n"


def test_page_without_text_has_a_reason() -> None:
    assert refused("<html><script>x</script></html>").reason is Reason.NO_TEXT


def test_deep_pages_are_refused_before_they_are_parsed() -> None:
    assert refused("<html>" + "<div>" * 1_000_000).limit == "nesting"
    assert refused("<html>" + "<div>" * 60 + "x", nesting=50).limit == "nesting"
