"""Labels written document by document are read back the same as those written at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.labels.formats import FORMATS, Source
from functions.labels.naming import category_name, category_names, training_name
from functions.labels.streaming import STREAMS, stream
from functions.labels.values import Document, LabelsError, Project, Span

TEXTS = st.text(st.sampled_from("aZ9. 😀é\u0301\u05d0\u200f\r\n\t$"), min_size=1, max_size=40)


@st.composite
def documents(draw: Any) -> list[Document]:
    found = []
    for n in range(draw(st.integers(0, 4))):
        text, spans, place = draw(TEXTS), [], 0
        while place < len(text):
            start = draw(st.integers(place, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            # Formats of tokens have no white space at the edges of a label, and no half characters.
            if text[start:end].strip() == text[start:end] and "\t" not in text[start:end]:
                spans.append(Span(start, end, draw(st.sampled_from(["Name", "Sum"]))))
            place = end
        found.append(Document(f"doc{n}.txt", text, tuple(spans), (), "en"))
    return found


@given(documents(), st.sampled_from(sorted(STREAMS)))
def test_streams_are_read_back(given_documents: list[Document], name: str) -> None:
    written = b"".join(stream(name, given_documents, Project(name="loans", language="en")))
    texts = {one.name: one.text for one in given_documents}
    read = FORMATS[name].read(written, Source(texts))
    assert [(one.name, one.text, one.spans) for one in read.documents] == [
        (one.name, one.text, one.spans) for one in given_documents
    ]
    assert read.left_out == ()


def test_unknown_format_is_refused_at_once() -> None:
    with pytest.raises(LabelsError, match="no format of corrections"):
        stream("excel", [])


def test_overlaps_are_refused_by_token_formats() -> None:
    one = Document("a.txt", "abc", (Span(0, 2, "A"), Span(1, 3, "B")))
    for name in ("spacy", "conll"):
        with pytest.raises(LabelsError, match="overlapping"):
            list(stream(name, [one]))
    assert list(stream("doccano", [one]))


@pytest.mark.parametrize(
    "name",
    ["a b.txt", "loans/a.txt", "Übergrößenträger.pdf", "合同.txt", "x" * 900, "<img src=x>.txt", "a.TXT"],
)
def test_training_names_are_letters_and_digits(name: str) -> None:
    found = training_name(name)
    assert found.removesuffix(".txt").isalnum() and found.isascii()
    assert len(found) <= 74
    assert training_name(found) == found or len(found) > 64


def test_training_names_are_distinct() -> None:
    names = ["a b.txt", "a-b.txt", "a/b.txt", "ab.txt", "ab", "ab.pdf"]
    assert len({training_name(name) for name in names}) == len(names)
    assert training_name("ab.txt") == "ab.txt"
    assert len({training_name("ab.txt", text) for text in ("", "one", "two")}) == 3


@given(st.text(min_size=1, max_size=80))
def test_category_names_are_what_the_service_takes(category: str) -> None:
    found = category_name(category)
    assert 1 <= len(found) <= 50
    assert not set(found) & set(":$&%*()+~#/?")
    assert category_name(found) == found


def test_same_category_has_the_same_name() -> None:
    """Whatever else there is: a second training must not make another category of it."""
    names = category_names(["Sum (net)", "Sum net"])
    assert set(names.values()) == {"Sum net"}
    assert category_names(["Sum (net)"], ["Sum net"])["Sum (net)"] == "Sum net"
    assert category_names(["Sum/net"], ["Sum/net"]) == {"Sum/net": "Sum/net"}
