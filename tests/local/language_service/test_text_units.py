"""How the stand-in counts text: the recorded cases, and the arithmetic for any text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stand_in.text_units import (
    CODE_POINTS,
    STRING_INDEX_TYPES,
    TEXT_ELEMENTS,
    UTF16_UNITS,
    code_points_from_utf16,
    offsets_in,
    text_elements,
)

FAMILY = "👩🏻‍👩🏽‍👧🏾‍👦🏿"
#: Text in which every unit differs: plain letters, combining marks, characters beyond the Basic Multilingual Plane.
mixed_text = st.text(alphabet=st.sampled_from("ab \n\r\u0301\u0903\u20dd\u200d🏻👩한\U0001d15e"), max_size=40)


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (FAMILY + " SSN: ", 17),  # four people, four skin tones, three joiners, then six characters
        ("".join(letter + "\u0301\u0316\u0489" * 33 for letter in "abc") + " SSN: ", 9),
        ("가나", 2),
        ("\u1100\u1161\u1102\u1161", 4),  # conjoining Jamo count one each
        ("\r\n", 2),
        ("", 0),
    ],
)
def test_text_elements_match_recordings(text: str, elements: int) -> None:
    assert text_elements(text) == elements
    assert offsets_in(text, TEXT_ELEMENTS)(len(text)) == elements


@given(mixed_text)
def test_utf16_offsets_are_encoded_length(text: str) -> None:
    to_utf16, back = offsets_in(text, UTF16_UNITS), code_points_from_utf16(text)
    for index in range(len(text) + 1):
        assert to_utf16(index) == len(text[:index].encode("utf-16-le")) // 2
        assert back(to_utf16(index)) == index


@given(mixed_text)
def test_marks_start_no_text_element(text: str) -> None:
    to_elements = offsets_in(text, TEXT_ELEMENTS)
    started = 0
    for index, char in enumerate(text):
        starts = index == 0 or not unicodedata.category(char).startswith("M")
        if starts:
            assert to_elements(index) == started
        started += starts
    assert to_elements(len(text)) == started == text_elements(text)


@given(mixed_text)
def test_code_points_are_index(text: str) -> None:
    assert [offsets_in(text, CODE_POINTS)(i) for i in range(len(text) + 1)] == list(range(len(text) + 1))


def test_utf16_index_inside_pair_is_invalid() -> None:
    back = code_points_from_utf16("a👩b")
    assert [back(i) for i in range(-1, 6)] == [None, 0, 1, None, 2, 3, None]


def test_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="TextElements_v9"):
        offsets_in("text", "TextElements_v9")
    assert "TextElements_v9" not in STRING_INDEX_TYPES
