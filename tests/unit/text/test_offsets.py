"""The recorded facts are those of the JavaScript SDK's string encoding tests (recordings of 2022)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.text.offsets import CODE_POINT, TEXT_ELEMENT, UTF16, Ruler, length
from tests.support.material import any_text

UNITS = (CODE_POINT, UTF16, TEXT_ELEMENT)
units = st.sampled_from(UNITS)

# Four people, each with a skin tone, held together by three joiners.
FAMILY = "\u200d".join(person + tone for person, tone in zip("👩👩👧👦", "🏻🏽🏾🏿", strict=True))
ZALGO = "".join(letter + "\u0301\u0302\u0311\u0316\u035c" * 20 for letter in "abc")
HANGUL = "한글"


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (FAMILY, 11),
        (FAMILY + " SSN: ", 17),
        (ZALGO, 3),
        (ZALGO + " SSN: ", 9),
        (HANGUL, 2),
        (unicodedata.normalize("NFD", HANGUL), 6),  # conjoining Jamo are letters, each an element of its own
        ("\r\n", 2),
        ("", 0),
    ],
)
def test_text_elements_are_counted_as_recorded(text: str, elements: int) -> None:
    assert length(text, TEXT_ELEMENT) == elements


@pytest.mark.parametrize(
    ("text", "code_points", "utf16", "elements"),
    [
        ("loan", 4, 4, 4),
        ("Zoë", 3, 3, 3),
        ("Zoe\u0308", 4, 4, 3),
        ("😀", 1, 2, 1),
        ("日本", 2, 2, 2),
        ("❤\ufe0f", 2, 2, 1),
        (FAMILY, 11, 19, 11),
    ],
)
def test_one_text_in_three_units(text: str, code_points: int, utf16: int, elements: int) -> None:
    assert [length(text, unit) for unit in UNITS] == [code_points, utf16, elements]


@pytest.mark.parametrize("text", ["\u0301", "\u0301\u0302", "\ufe0fa"])
def test_leading_mark_begins_element(text: str) -> None:
    assert length(text, TEXT_ELEMENT) == Ruler(text, TEXT_ELEMENT).to_unit(len(text))
    assert length(text, TEXT_ELEMENT) == 1 + sum(not unicodedata.combining(c) and c != "\ufe0f" for c in text[1:])


@given(any_text)
def test_utf16_length_matches_python(text: str) -> None:
    ruler = Ruler(text, UTF16)
    for index in range(len(text) + 1):
        assert ruler.to_unit(index) == len(text[:index].encode("utf-16-le")) // 2


@given(any_text, units)
def test_positions_round_trip(text: str, unit: str) -> None:
    """Unless a mark follows."""
    ruler = Ruler(text, unit)
    for index in range(len(text) + 1):
        back = ruler.to_code_point(ruler.to_unit(index))
        if unit == TEXT_ELEMENT and index < len(text) and unicodedata.category(text[index]).startswith("M") and index:
            # Not a place where an element begins: the place behind its marks is meant.
            assert back is not None and back > index
            assert all(unicodedata.category(c).startswith("M") for c in text[index:back])
        else:
            assert back == index


@given(any_text, units)
def test_every_unit_position_is_valid(text: str, unit: str) -> None:
    """But for the middle of a surrogate pair."""
    ruler = Ruler(text, unit)
    places = {ruler.to_unit(index) for index in range(len(text) + 1)}
    for position in range(-2, length(text, unit) + 3):
        found = ruler.to_code_point(position)
        assert (found is not None) == (position in places)
        if found is not None:
            assert ruler.to_unit(found) == position


@given(any_text, units)
def test_end_of_text_is_its_length(text: str, unit: str) -> None:
    assert Ruler(text, unit).to_unit(len(text)) == length(text, unit)


@given(any_text, units)
def test_positions_never_go_back(text: str, unit: str) -> None:
    ruler = Ruler(text, unit)
    positions = [ruler.to_unit(index) for index in range(len(text) + 1)]
    assert positions == sorted(positions)


def test_entity_end_includes_marks() -> None:
    text = "xyz Zoe\u0308 a"
    ruler = Ruler(text, TEXT_ELEMENT)
    assert (ruler.to_code_point(4), ruler.to_code_point(7)) == (4, 8)


def test_no_position_splits_surrogate_pair() -> None:
    assert [Ruler("a😀b", UTF16).to_code_point(position) for position in range(6)] == [0, 1, None, 2, 3, None]
