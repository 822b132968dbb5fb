"""Every format gives back what was written, and from each to each other one: texts, names and offsets exact."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.labels.formats import FORMATS, UNITS, Format, Source
from functions.labels.values import Document, Kind, Labels, Project, Span, used_categories
from tests.support.examples import examples

# Emoji of one and of several code points, marks, line ends of all kinds, a byte-order mark in the middle, scripts
# from right to left with and without direction marks, scripts without spaces, and what formats use as signs.
AWKWARD = [
    "Anna Bell ",
    "owes £5,000.00 to ",
    "😀",
    "👩🏽\u200d👧",
    "🏴",
    "e\u0301t\u0308e ",
    "\r\n",
    "\n",
    "\n\n",
    "\r",
    "\t",
    "  ",
    "\u00a0",
    "\u2028",
    "\x85",
    "\x0b\x0c",
    "\x1c",
    "\ufeff",
    "\u200b",
    "شركة القلم ",
    "\u200fשלום, ",
    "借款人張三",
    "नमस्ते ",
    "-DOCSTART- -X- O O\n",
    "# text = a\n",
    "O\tB-X\n",
    '"quoted" \\n \\ | = {"a": [1]}',
    "x" * 30,
]
texts = st.lists(st.one_of(st.sampled_from(AWKWARD), st.characters(codec="utf-8")), max_size=14).map("".join)
categories = st.sampled_from(["Borrower", "Loan Amount", "Date-of-X", "借款人", "B", "O"])


@st.composite
def documents(draw: st.DrawFn, name: str) -> Document:
    text = draw(texts)
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=10)))
    spans = []
    for start, end in pairwise(borders):
        labelled = text[start:end]
        # White space at the edges can not be said in words and tags; `check` finds it.
        start += len(labelled) - len(labelled.lstrip())
        end -= len(labelled) - len(labelled.rstrip())
        if start < end and draw(st.booleans()):
            spans.append(Span(start, end, draw(categories)))
    language = draw(st.sampled_from(["en-us", "de", ""]))
    return Document(name, text, tuple(spans), (), language, draw(st.sampled_from(["Train", "Test", ""])))


@st.composite
def entity_labels(draw: st.DrawFn) -> Labels:
    names = [f"a{n}.txt" for n in range(draw(st.integers(0, 3)))]
    found = tuple(draw(documents(name)) for name in names)
    return Labels(Kind.ENTITIES, used_categories(found), found)


def through(labels: Labels, one: Format, unit: str | None = None) -> Labels:
    source = Source({document.name: document.text for document in labels.documents}, unit)
    return one.read(one.write(labels, unit), source)


def without_default_language(labels: Labels) -> list[Document]:
    """The service's form needs a language, so an empty one is written as en-us."""
    return [
        Document(one.name, one.text, one.spans, one.classes, one.language or "en-us", one.dataset)
        for one in labels.documents
    ]


@pytest.mark.parametrize("one", FORMATS.values(), ids=FORMATS)
@settings(max_examples=examples(100))
@given(entity_labels())
def test_reading_gives_what_was_written(one: Format, labels: Labels) -> None:
    found = through(labels, one)
    assert without_default_language(found) == without_default_language(labels)
    assert found.left_out == ()
    assert set(found.categories) == set(labels.categories)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("one", [one for one in FORMATS.values() if one.has_units], ids=lambda one: one.name)
@settings(max_examples=examples(100))
@given(entity_labels())
def test_both_units_are_exact(one: Format, unit: str, labels: Labels) -> None:
    found = through(labels, one, unit)
    assert without_default_language(found) == without_default_language(labels)
    assert found.left_out == ()


@pytest.mark.parametrize("first", FORMATS.values(), ids=FORMATS)
@settings(max_examples=examples(100))
@given(entity_labels(), st.sampled_from(list(FORMATS)))
def test_every_format_becomes_every_other(first: Format, labels: Labels, second: str) -> None:
    found = through(through(labels, first), FORMATS[second])
    assert without_default_language(found) == without_default_language(labels)


@pytest.mark.parametrize("one", [one for one in FORMATS.values() if one.name not in ("language-studio-2021", "conll")])
@pytest.mark.parametrize("kind", [Kind.SINGLE_LABEL, Kind.MULTI_LABEL])
def test_classes_come_back(one: Format, kind: Kind) -> None:
    several = ("loan", "garden") if kind is Kind.MULTI_LABEL else ("garden",)
    given = (Document("a.txt", "We repay. 😀", (), ("loan",), "en-us"), Document("b.txt", "x", (), several, "en-us"))
    labels = Labels(kind, ("loan", "garden"), given)
    found = through(labels, one)
    assert found.kind is kind
    assert [set(document.classes) for document in found.documents] == [set(document.classes) for document in given]
    assert [document.text for document in found.documents] == [document.text for document in given]


def test_project_survives_language_studio() -> None:
    project = Project("loans", "training", "de", "Letters", is_multilingual=True, confidence_threshold=0.4)
    labels = Labels(Kind.ENTITIES, ("Unused", "A"), (Document("a.txt", "Anna", (Span(0, 4, "A"),), (), "de"),), project)
    assert through(labels, FORMATS["language-studio"]) == labels
