"""How texts are cut into sequences, and that the cuts are local."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from local.language_service import segments
from local.language_service.segments import MAX_SEQUENCE, REACH, Token, sequences, tokens

#: Chunks that make texts of every kind: sentences, lists, tables, long words, no spaces, only spaces.
chunks = st.sampled_from(
    [
        "The borrower, Jane Roe, owes ",
        "it. ",
        "No. 5 of Acme Inc. and ",
        "; ",
        ", ",
        "\n",
        "\r\n",
        "\n\n",
        "\t",
        " " * 20,
        "x" * 50,
        "7" * 40,
        "a ",
        "A ",
        "借款人張三於五月三日借款",
        "。",
        "!",
        "…",
        "é\u0301",
        "👩🏽‍👧",
        "Name: ",
        "- ",
        "9.5%",
        "\u2028",
        "\ud800",
    ]
)
texts = st.lists(chunks, min_size=1, max_size=120).map("".join)


def inside(text: str, start: int, end: int, shift: int = 0) -> list[list[Token]]:
    """The sequences of ``text`` that start in the given stretch, with offsets moved by ``shift``."""
    found = []
    for sequence in sequences(text):
        if start <= sequence[0].start + shift < end:
            moved = [token._replace(start=token.start + shift, end=token.end + shift) for token in sequence]
            moved[0] = moved[0]._replace(gap="")  # the first token's gap is not looked at
            found.append(moved)
    return found


@settings(max_examples=300, deadline=None)
@given(texts)
def test_sequences_hold_every_token_once_and_in_order(text: str) -> None:
    assert [token for sequence in sequences(text) for token in sequence] == list(tokens(text))
    assert "".join(token.text for token in tokens(text)) == "".join(char for char in text if not char.isspace())


@settings(max_examples=300, deadline=None)
@given(texts)
@example("x " * 400)
@example("word " * 400)
@example("Name: value\n" * 100)
def test_no_sequence_is_longer_than_limit(text: str) -> None:
    for sequence in sequences(text):
        assert sequence[-1].end - sequence[0].start <= MAX_SEQUENCE or len(sequence) == 1


@settings(max_examples=300, deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_slice_agrees_inside_its_edges(text: str, rng: random.Random) -> None:
    start = rng.randrange(len(text))
    end = rng.randrange(start, len(text)) + 1
    part = text[start:end]
    # An edge of the slice that is an edge of the text hides nothing.
    first = start + REACH if start else 0
    last = end - REACH if end < len(text) else len(text)
    assert inside(part, first, last, start) == inside(text, first, last)


def test_reach_fits_overlap() -> None:
    assert REACH < 250


def cut(text: str) -> list[str]:
    return [text[sequence[0].start : sequence[-1].end] for sequence in sequences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is here. Two is there.", ["One is here.", "Two is there."]),
        ("Signed by Acme Inc. The rest follows.", ["Signed by Acme Inc. The rest follows."]),
        (
            'It costs 5.25% a year. He said "yes." Then he left.',
            ["It costs 5.25% a year.", 'He said "yes."', "Then he left."],
        ),
        ("Really? Yes! No", ["Really?", "Yes!", "No"]),
        ("No. 7, e.g. this, is one.", ["No. 7, e.g. this, is one."]),
        ("Jane Roe\n1 Main Street\nSpringfield\n\nDear Sir", ["Jane Roe\n1 Main Street\nSpringfield", "Dear Sir"]),
        ("left" + " " * 11 + "right", ["left" + " " * 11 + "right"]),
        ("left" + " " * 12 + "right", ["left", "right"]),
        ("借款人張三。借款", ["借款人張三。", "借款"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_texts_are_cut_at_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_field_list_is_cut_at_lines() -> None:
    text = "".join(f"Field {n}: value number {n} of the list\n" for n in range(20))
    assert all(chunk.startswith("Field") and chunk.endswith("list") for chunk in cut(text))


def test_long_sentence_is_cut_outside_names() -> None:
    text = (
        "the parties agree that the whole of the sum that was lent in the spring of the year before last shall be paid "
        "to Jane Q. Roe & Sons Ltd of Springfield in monthly parts of which the first is due at the end of the month "
        "in which this letter is signed by both of them"
    )
    assert len(cut(text)) > 1
    assert any("Jane Q. Roe & Sons Ltd" in chunk for chunk in cut(text))


def test_character_classes_are_separate_tokens() -> None:
    assert [token.text for token in tokens("RW-00913 £771.60 naïve e\u0301t 張三")] == [
        "RW", "-", "00913", "£", "771", ".", "60", "naïve", "e\u0301t", "張", "三",
    ]  # fmt: skip


def test_gaps_distinguish_lines_and_columns() -> None:
    assert [token.gap for token in tokens("a b\tc   d\ne\r\n\r\nf,g")] == ["", " ", "\t", "\t", "\n", "\n\n", "", ""]


def test_address_in_long_sentence_is_whole() -> None:
    text = (
        "The loan of the doctors at Riverside Surgery, Weir Street, Tarrant TA1 2BW was made in the spring of the year "
        "and is to be paid back by them in monthly parts of the same size over ten years"
    )
    assert len(text) > segments.MAX_SEQUENCE
    assert any("Riverside Surgery, Weir Street, Tarrant TA1 2BW" in chunk for chunk in cut(text))
