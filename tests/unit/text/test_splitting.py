import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.text.splitting import (
    LEAD_IN,
    LONGEST_ENTITY,
    LONGEST_REACH,
    MAX_REQUEST_CHARACTERS,
    RUN_OUT,
    Slice,
    is_blank,
    split,
)
from tests.support.material import any_text

LOREM = "The loan of $5,000 was signed. The lender agreed!  It is due in May.\n\nYours,\r\nthe bank\r\n\r\n"
SCRIPTS = [
    LOREM,
    "Το δάνειο υπογράφηκε. Η τράπεζα συμφώνησε;\n\n",
    "Кредит был выдан. Банк согласился!\r\n",
    "借款人于五月三日借款。每月偿还。",
    "ก็เป็นที่น่าสนใจ",
    "Zoe\u0308 owes cafe\u0301 money. ",
    "👩🏽\u200d👩🏽\u200d👧🏾 owes 🏴 money! ",
    "longwordwithoutanyspaceatall",
    "\r\n",
    "a\u0301\u0302\u0303\u0304\u0305",
]

mixed = st.lists(st.one_of(st.sampled_from(SCRIPTS), any_text), min_size=1, max_size=60).map("".join)
sizes = st.tuples(st.integers(14, 300), st.integers(0, 5), st.integers(0, 5))


def cuts(slices: list[Slice]) -> set[int]:
    return {edge for part in slices for edge in (part.start, part.end, part.own_start, part.own_end)}


@given(mixed, sizes)
def test_slices_cover_text_exactly(text: str, size: tuple[int, int, int]) -> None:
    """What they own has no gap and no overlap."""
    slices = split(text, size[0], lead_in=size[1], run_out=size[2])
    assert "".join(text[part.own_start : part.own_end] for part in slices) == text
    assert slices[0].own_start == 0 and slices[-1].own_end == len(text)
    assert all(first.own_end == second.own_start for first, second in pairwise(slices))
    assert all(part.own_start < part.own_end for part in slices) or text == ""


@given(mixed, sizes)
def test_no_slice_is_over_limit(text: str, size: tuple[int, int, int]) -> None:
    limit, lead_in, run_out = size
    assert max(part.end - part.start for part in split(text, limit, lead_in=lead_in, run_out=run_out)) <= limit


@given(mixed, sizes)
def test_slices_have_enough_context(text: str, size: tuple[int, int, int]) -> None:
    limit, lead_in, run_out = size
    for part in split(text, limit, lead_in=lead_in, run_out=run_out):
        assert part.start <= max(0, part.own_start - lead_in)
        assert part.end >= min(len(text), part.own_end + run_out)


def parts_a_character(text: str, place: int) -> bool:
    before, behind = text[place - 1], text[place]
    return unicodedata.category(behind).startswith("M") or "\u200d" in (before, behind) or before + behind == "\r\n"


@given(mixed, st.integers(100, 300))
def test_cuts_keep_characters_whole(text: str, limit: int) -> None:
    """No cut parts a line end, or a character from its marks."""
    for place in cuts(split(text, limit, lead_in=5, run_out=5)) - {0, len(text)}:
        # Only where there is no other place within reach at all.
        reach = range(max(1, place - (limit - 10) // 4 + 1), place + 1)
        assert not parts_a_character(text, place) or all(parts_a_character(text, near) for near in reach)


@pytest.mark.parametrize(
    "word", ["word ", "word   ", "word\r\n", "word. ", "word \u0301", "word\n\u200d", "日本 \u3000"]
)
@pytest.mark.parametrize(("lead_in", "run_out"), [(20, 20), (60, 60)])
@pytest.mark.parametrize("limit", range(200, 210))
def test_slice_edges_lie_between_words(word: str, limit: int, lead_in: int, run_out: int) -> None:
    """Behind the white space, not in it; and white space that carries a mark or a joiner is no place to cut."""
    text = word * 300
    places = cuts(split(text, limit, lead_in=lead_in, run_out=run_out)) - {0, len(text)}
    assert len(places) > 10
    carried = {"\u0301", "\u200d"} & set(word)
    for place in places:
        assert not parts_a_character(text, place)
        assert carried or (text[place - 1].isspace() and not text[place].isspace())


def test_text_that_fits_is_one_slice() -> None:
    assert split("") == [Slice(0, 0, 0, 0)]
    text = "a" * MAX_REQUEST_CHARACTERS
    assert split(text) == [Slice(0, len(text), 0, len(text))]
    assert len(split(text + "a")) == 2


def test_overlap_is_longer_than_longest_entity() -> None:
    """An entity of 500 characters that starts on the last owned character ends inside the slice."""
    assert RUN_OUT > LONGEST_ENTITY
    text = ("word " * 100_000)[:300_000]
    for part, following in pairwise(split(text)):
        assert part.end - part.own_end >= RUN_OUT
        assert following.own_start - following.start >= LEAD_IN


@pytest.mark.parametrize(
    ("boundary", "place"),
    [
        ("\n\n", "a blank line"),
        ("\r\n \r\n", "a blank line"),
        ("\n", "a line end"),
        ("\r\n", "a line end"),
        (". ", "a sentence end"),
        ("!” ", "a sentence end"),
        ("。 ", "a sentence end"),
        (" ", "white space"),
    ],
)
def test_best_boundary_is_taken(boundary: str, place: str) -> None:
    """A better boundary wins over every worse one behind it."""
    worse = {"a blank line": "\n", "a line end": ". ", "a sentence end": " ", "white space": "x"}[place]
    # The seam may lie from 41 to 60: the reach is 20, a slice owns at most 60.
    text = "x" * 45 + boundary + "xxx" + worse + "x" * 200
    first = split(text, 110, lead_in=5, run_out=5)[0]
    assert first.own_end == 45 + len(boundary)


def test_text_without_boundary_is_cut() -> None:
    text = "x" * 1_000
    slices = split(text, 110, lead_in=5, run_out=5)
    assert {part.own_end - part.own_start for part in slices[:-1]} == {50}


def test_too_small_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="a slice of 13 characters has no room for 5 \\+ 5 of overlap"):
        split("x" * 100, 13, lead_in=5, run_out=5)
    assert len(split("x" * 100, 14, lead_in=5, run_out=5)) > 1


@pytest.mark.parametrize("length", [MAX_REQUEST_CHARACTERS + 1, 1_000_000])
@pytest.mark.parametrize(
    "unit", ["\n", "\r", "\r\n", " ", "\n ", "\r \n", "\u0301", "\u200d", ".", ". ", "'", ".'", "😀", "x"]
)
def test_repetitive_text_is_split(unit: str, length: int) -> None:
    """These would be the ones to bring a careless pattern to its knees; the time limit of the test run is the bar."""
    text = unit * (length // len(unit))
    slices = split(text)
    assert "".join(text[part.own_start : part.own_end] for part in slices) == text
    own = MAX_REQUEST_CHARACTERS - LEAD_IN - RUN_OUT - 2 * LONGEST_REACH
    assert len(slices) <= len(text) // (own - LONGEST_REACH) + 1


@pytest.mark.parametrize("text", ["", " \t\r\n", "\u3000\xa0\u2028", "\0\x1a\x1c", "\ufeff\u200b"])
def test_invisible_text_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", " . ", "\n" * 1000 + "0", "\ufffd", "\u0301", "\xad"])
def test_visible_text_is_not_blank(text: str) -> None:
    assert not is_blank(text)
