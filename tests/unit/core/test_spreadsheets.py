"""No cell of a CSV file begins like a formula, at whatever sign a spreadsheet splits the file."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.spreadsheets import harmless

FORMULA = tuple("=+-@＝＋－＠")

SKIPPED = ' \t\r\n"\0\ufeff\N{NO-BREAK SPACE}\N{LINE SEPARATOR}'
"""Whatever is not seen, or skipped, before a formula; so is what is left of quoting."""

texts = st.text(st.sampled_from("=+-@＝＋－＠,;|'aZ1()!" + SKIPPED), max_size=12)


def cells(text: str, separator: str) -> list[str]:
    """Return the cells that a spreadsheet makes of a file, if it splits at this sign."""
    return [cell for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in line]


def written(rows: list[list[str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([[harmless(cell) for cell in row] for row in rows])
    return file.getvalue()


@given(st.lists(st.lists(texts, min_size=2, max_size=4), min_size=1, max_size=3))
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_cell_begins_a_formula(separator: str, rows: list[list[str]]) -> None:
    begun = [cell.lstrip(SKIPPED) for cell in cells(written(rows), separator)]
    assert [cell for cell in begun if cell.startswith(FORMULA)] == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://example.net")', '\'=HYPERLINK("http://example.net")'),
        ("+49 30 1234", "'+49 30 1234"),
        (" \t=1+1", " \t'=1+1"),
        ("a;=1", "a;'=1"),
        ("a\n@SUM(A1)", "a\n'@SUM(A1)"),
        ("Mary-Ann", "Mary-Ann"),
        ("3 - 2 = 1", "3 - 2 = 1"),
        ("", ""),
    ],
)
def test_apostrophe_stands_before_formulas_only(text: str, cell: str) -> None:
    assert harmless(text) == cell


@given(texts)
def test_nothing_is_taken_away(text: str) -> None:
    made = iter(harmless(text))
    assert all(sign in made for sign in text)
