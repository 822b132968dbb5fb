"""Corrections files are read strictly, and what holds after the decisions is exact in every unit of offsets."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.decisions import Corrections, ReviewStatus, Verdict, decode_corrections, standing
from functions.core.scoring import Span
from functions.errors import RecordError
from functions.text.offsets import CODE_POINT, TEXT_ELEMENT, UTF16, Ruler

TEXT = "Ana 😀 owes $20 to Bo."


def decision(verdict: str, model: Any = None, entity: Any = None) -> dict[str, Any]:
    spans = {"modelEntity": model, "entity": entity}
    return {"id": "d", "at": "2026-11-26T10:00:00Z", "by": "key", "decision": verdict, **spans}


def place(category: str, offset: int, length: int) -> dict[str, Any]:
    return {"category": category, "offset": offset, "length": length}


def corrections(*decisions: Any, **more: Any) -> Corrections:
    content = {"version": 1, "document": {"name": "a.txt", "etag": '"1"'}, "decisions": list(decisions), **more}
    return decode_corrections(json.dumps(content).encode())


MODEL = [Span("Name", 0, 3), Span("Amount", 11, 3), Span("Name", 18, 2)]


def held(*decisions: Any) -> list[tuple[str, str]]:
    found = standing(corrections(*decisions), MODEL, CODE_POINT, TEXT)
    return [(span.category, TEXT[span.offset : span.end]) for span in found.spans]


def test_decisions_change_the_answer() -> None:
    assert held() == [("Name", "Ana"), ("Amount", "$20"), ("Name", "Bo")]
    assert held(decision("accepted", place("Name", 0, 3), place("Name", 0, 3)))[0] == ("Name", "Ana")
    assert held(decision("accepted", place("Name", 0, 3)))[0] == ("Name", "Ana")
    assert held(decision("rejected", place("Name", 0, 3))) == [("Amount", "$20"), ("Name", "Bo")]
    assert held(decision("changed", place("Amount", 11, 3), place("Sum", 12, 2)))[1] == ("Sum", "20")
    assert held(decision("added", None, place("Mood", 4, 1)))[1] == ("Mood", "😀")


def test_undecided_and_misfitting_are_counted() -> None:
    one = standing(
        corrections(decision("rejected", place("Name", 0, 3)), decision("added", None, place("X", 400, 2))),
        MODEL,
        CODE_POINT,
        TEXT,
    )
    assert (one.undecided, one.misfits) == (2, 1)


def test_change_into_a_neighbour_counts_once() -> None:
    assert held(decision("changed", place("Name", 0, 3), place("Amount", 11, 3))) == [("Amount", "$20"), ("Name", "Bo")]


@pytest.mark.parametrize(
    "wrong",
    [
        decision("accepted"),
        decision("changed", place("A", 0, 1)),
        decision("added", place("A", 0, 1), place("A", 0, 1)),
        decision("added"),
        decision("rejected", place("A", 0, 1), place("A", 0, 1)),
        decision("accepted", place("A", -1, 1)),
        decision("accepted", place("A", 0, 0)),
        decision("accepted", place("", 0, 1)),
        decision("liked", place("A", 0, 1)),
        {**decision("accepted", place("A", 0, 1)), "at": "2026-11-26T10:00:00"},
    ],
)
def test_wrong_decisions_are_refused(wrong: Any) -> None:
    with pytest.raises(RecordError):
        corrections(wrong)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b"{}", b'{"version":2,"document":{"name":"a","etag":"1"}}', b"[" * 99_999]
)
def test_other_content_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError, match="no corrections file"):
        decode_corrections(data)


def test_status_defaults_to_open() -> None:
    assert corrections().status is ReviewStatus.OPEN
    assert corrections(decision("rejected", place("A", 0, 1))).corrected == 1
    assert Verdict("added") is Verdict.ADDED


@given(
    st.text(st.sampled_from("aZ 😀\u0301\u05d0\r\n"), min_size=1, max_size=30),
    st.sampled_from([CODE_POINT, UTF16, TEXT_ELEMENT]),
    st.data(),
)
def test_units_do_not_matter(text: str, unit: str, data: st.DataObject) -> None:
    """An entity accepted in one unit is the model's entity in another."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    ruler = Ruler(text, unit)
    first, last = ruler.to_unit(start), ruler.to_unit(end)
    if (ruler.to_code_point(first), ruler.to_code_point(last)) != (start, end) or first == last:
        return  # Text elements have no place inside a character.
    given_place = place("A", first, last - first)
    one = corrections(decision("accepted", given_place, given_place), stringIndexType=unit)
    found = standing(one, [Span("A", start, end - start)], CODE_POINT, text)
    assert found.spans == (Span("A", start, end - start),)
    assert (found.undecided, found.misfits) == (0, 0)
