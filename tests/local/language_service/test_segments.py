"""How texts are cut into sequences, and that the cuts are local."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.text.splitting import LEAD_IN, RUN_OUT
from local.language_service.segments import LONG_RUN, REACH, WIDE_GAP, Token, sentences, sequences, tokens

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


def inside(text: str, start: int, end: int, shift: int = 0) -> list[Token]:
    """The tokens of ``text`` in the given stretch, with offsets moved by ``shift``; gaps show where it is cut."""
    moved = [token._replace(start=token.start + shift, end=token.end + shift) for token in tokens(text)]
    return [token for token in moved if start <= token.start and token.end <= end]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_sequences_hold_every_token_once_and_in_order(text: str) -> None:
    assert [token for sequence in sequences(text) for token in sequence] == list(tokens(text))
    assert "".join(token.text for token in tokens(text)) == "".join(char for char in text if not char.isspace())


@settings(max_examples=300, deadline=None)
@given(texts)
@example("Name: value\n" * 1000)
def test_sentences_hold_every_token_of_paragraph(text: str) -> None:
    for sequence in sequences(text):
        assert all(token.gap != "\n\n" for token in sequence[1:])
        assert [token for sentence in sentences(sequence) for token in sentence] == sequence


@settings(max_examples=300, deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_slice_agrees_inside_its_edges(text: str, rng: random.Random) -> None:
    start = rng.randrange(len(text))
    end = rng.randrange(start, len(text)) + 1
    part = text[start:end]
    # Cuts depend on white space alone: a slice has them where the text has them, but for a word cut at its edge.
    first, last = start + LONG_RUN + WIDE_GAP, end - LONG_RUN - WIDE_GAP
    assert inside(part, first, last, start) == inside(text, first, last)


@pytest.mark.parametrize(
    "text", ["and so " * 4000, "Name: value\n" * 1000, "借款人張三" * 500, "A-1 Bank; 7,5 %\n" * 90]
)
def test_paragraphs_are_never_cut(text: str) -> None:
    """However long they are, tables and scripts without capitals too."""
    assert len(list(sequences(text))) == 1


def test_endless_run_of_names_falls_apart() -> None:
    """Nothing in it says where a name ends, so what is found there would depend on where it starts."""
    text = "it is owed by " + "Smith Jones Miller Brown " * 40 + "and others."
    found = [len(sequence) for sequence in sequences(text)]
    assert found == [4, *[1] * 160, 3]


def test_reach_fits_overlap() -> None:
    assert min(LEAD_IN, RUN_OUT) > REACH


def cut(text: str) -> list[str]:
    return [text[one[0].start : one[-1].end] for sequence in sequences(text) for one in sentences(sequence)]


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


def test_only_blank_lines_and_wide_gaps_end_sequences() -> None:
    text = "One is here. Two\nis there.\n\nThree" + " " * 12 + "four"
    assert [text[one[0].start : one[-1].end] for one in sequences(text)] == [
        "One is here. Two\nis there.",
        "Three",
        "four",
    ]


def test_character_classes_are_separate_tokens() -> None:
    assert [token.text for token in tokens("RW-00913 £771.60 naïve e\u0301t 張三")] == [
        "RW", "-", "00913", "£", "771", ".", "60", "naïve", "e\u0301t", "張", "三",
    ]  # fmt: skip


def test_gaps_distinguish_lines_and_columns() -> None:
    assert [token.gap for token in tokens("a b\tc   d\ne\r\n\r\nf,g")] == ["", " ", "\t", "\t", "\n", "\n\n", "", ""]
