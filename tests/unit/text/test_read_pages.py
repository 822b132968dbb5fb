"""Pages that OCR has read stand where they belong, and nothing else of the text moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.text.formats.extraction import Limits, NotExtractable
from functions.text.formats.locations import LocationMap
from functions.text.read_pages import PageText, with_read_pages

BASE = "one\ntwo\n"
PLACES = LocationMap((0, 4), ({"page": 1}, {"page": 3}))


def test_page_stands_between_others() -> None:
    text, places = with_read_pages(BASE, PLACES, [PageText(2, "scan", 0.91234)])
    assert text == "one\nscan\ntwo\n"
    assert places == LocationMap((0, 4, 9), ({"page": 1}, {"page": 2, "readConfidence": 0.912}, {"page": 3}))


def test_read_page_replaces_its_stamp() -> None:
    text, places = with_read_pages(BASE, PLACES, [PageText(3, "two and a signature", None)])
    assert text == "one\ntwo and a signature\n"
    assert places.places == ({"page": 1}, {"page": 3})


def test_blank_page_leaves_what_was_there() -> None:
    assert with_read_pages(BASE, PLACES, [PageText(3, " \n", 0.0), PageText(4, "", None)]) == (BASE, PLACES)


def test_first_and_last_pages_are_added() -> None:
    text, places = with_read_pages(
        "two\n", LocationMap((0,), ({"page": 2},)), [PageText(3, "c", 1), PageText(1, "a", 1)]
    )
    assert text == "a\ntwo\nc\n"
    assert [place["page"] for place in places.places] == [1, 2, 3]


def test_picture_is_its_pages() -> None:
    assert with_read_pages("", LocationMap((), ()), [PageText(1, "a\x00b\ud800", None)])[0] == "ab\n"


def test_text_over_limit_is_refused() -> None:
    with pytest.raises(NotExtractable) as error:
        with_read_pages("", LocationMap((), ()), [PageText(1, "x" * (Limits().characters + 1), None)])
    assert error.value.limit == "characters"


@given(
    scanned=st.sets(st.integers(1, 12)),
    printed=st.sets(st.integers(1, 12)),
)
def test_every_page_is_found_at_its_place(scanned: set[int], printed: set[int]) -> None:
    text, starts = "", []
    for number in sorted(printed):
        starts.append(len(text))
        text += f"printed {number}\n"
    base = LocationMap(tuple(starts), tuple({"page": number} for number in sorted(printed)))
    whole, places = with_read_pages(text, base, [PageText(number, f"scan {number}", 0.9) for number in scanned])
    expected = [f"scan {n}" if n in scanned else f"printed {n}" for n in sorted(scanned | printed)]
    assert whole.splitlines() == expected
    for line in expected:
        place = places.at(whole.index(line + "\n"))
        assert place is not None and place["page"] == int(line.split()[1])
