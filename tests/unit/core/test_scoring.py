"""Scores of small documents, counted by hand, and what holds for all of them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.scoring import NOTHING, Counts, Macro, Scores, Span, shared

NAME, CITY = Span("Name", 0, 5), Span("City", 10, 6)

spans = st.builds(Span, st.sampled_from(["A", "B", "C"]), st.integers(0, 40), st.integers(1, 12))
documents = st.tuples(st.lists(spans, max_size=12), st.lists(spans, max_size=12))


def scored(labelled: list[Span], found: list[Span]) -> Scores:
    scores = Scores()
    scores.add("a.txt", labelled, found)
    return scores


def test_same_place_and_category_is_exact() -> None:
    scores = scored([NAME, CITY], [NAME])
    assert scores.exact.categories == {"Name": Counts(1, 0, 0), "City": Counts(0, 0, 1)}
    assert scores.exact.micro == Counts(1, 0, 1)


@pytest.mark.parametrize("found", [Span("Name", 0, 4), Span("Name", 4, 9), Span("Name", 0, 50)])
def test_overlap_of_one_character_is_enough(found: Span) -> None:
    scores = scored([NAME], [found])
    assert scores.exact.micro == Counts(0, 1, 1)
    assert scores.overlapping.micro == Counts(1, 0, 0)


def test_touching_spans_do_not_overlap() -> None:
    assert scored([NAME], [Span("Name", 5, 3)]).overlapping.micro == Counts(0, 1, 1)


def test_two_finds_share_one_label_once() -> None:
    scores = scored([Span("Name", 0, 10)], [Span("Name", 0, 4), Span("Name", 5, 5)])
    assert scores.overlapping.micro == Counts(1, 1, 0)
    assert scores.confusion == Counter({("Name", "Name"): 1, (NOTHING, "Name"): 1})


def test_exact_pair_is_taken_before_longer_overlap() -> None:
    labels = [Span("Name", 0, 20), Span("Name", 5, 5)]
    assert scored(labels, [Span("Name", 5, 5), Span("Name", 0, 10)]).overlapping.micro == Counts(2, 0, 0)


def test_confusion_names_both_categories() -> None:
    scores = scored([NAME, CITY], [Span("City", 1, 3), Span("Date", 30, 2)])
    assert scores.confusion == Counter({("Name", "City"): 1, ("City", NOTHING): 1, (NOTHING, "Date"): 1})


def test_classes_of_documents_are_compared() -> None:
    scores = scored([Span("loan", 0, 0), Span("travel", 0, 0)], [Span("loan", 0, 0), Span("other", 0, 0)])
    assert scores.exact.micro == Counts(1, 1, 1)
    assert scores.confusion == Counter({("loan", "loan"): 1, ("travel", "other"): 1})


def test_macro_is_mean_over_categories() -> None:
    scores = scored([NAME, NAME._replace(offset=50), CITY], [NAME, NAME._replace(offset=50)])
    assert scores.exact.macro == Macro(0.5, 0.5, 0.5)
    assert scores.exact.micro.f1 == pytest.approx(0.8)


def test_nothing_at_all_scores_zero() -> None:
    scores = Scores()
    assert (scores.exact.micro.f1, scores.exact.macro) == (0.0, Macro(0.0, 0.0, 0.0))


def test_worst_documents_come_first() -> None:
    scores = Scores()
    scores.add("good", [NAME], [NAME])
    scores.add("bad", [NAME], [CITY])
    scores.add("half", [NAME, CITY], [NAME])
    assert [one.name for one in scores.worst(10)] == ["bad", "half"]
    assert [one.name for one in scores.worst(1)] == ["bad"]


@given(documents)
def test_every_label_and_find_counts_once(document: tuple[list[Span], list[Span]]) -> None:
    labels, finds = document
    scores = scored(labels, finds)
    for table in (scores.exact, scores.overlapping):
        for category in "ABC":
            counts = table.categories.get(category, Counts())
            assert counts.right + counts.missed == sum(one.category == category for one in labels)
            assert counts.right + counts.wrong == sum(one.category == category for one in finds)
            assert min(counts.right, counts.wrong, counts.missed) >= 0
    assert scores.overlapping.micro.right >= scores.exact.micro.right
    confusion = scores.confusion
    assert sum(times for (label, _), times in confusion.items() if label) == len(labels)
    assert sum(times for (_, find), times in confusion.items() if find) == len(finds)


@given(documents)
def test_exact_pairs_are_as_many_as_possible(document: tuple[list[Span], list[Span]]) -> None:
    labels, finds = document
    assert scored(labels, finds).exact.micro.right == (Counter(labels) & Counter(finds)).total()


@given(documents)
def test_pairs_in_confusion_touch(document: tuple[list[Span], list[Span]]) -> None:
    labels, finds = document
    pairs = sum(times for (label, find), times in scored(labels, finds).confusion.items() if label and find)
    assert pairs <= sum(any(shared(label, find) for find in finds) for label in labels)


@given(documents)
def test_order_makes_no_difference(document: tuple[list[Span], list[Span]]) -> None:
    labels, finds = document
    one, other = scored(labels, finds), scored(labels[::-1], finds[::-1])
    assert (one.exact, one.overlapping) == (other.exact, other.overlapping)


def test_large_document_is_scored_quickly() -> None:
    labels = [Span("A", place * 10, 8) for place in range(20_000)]
    finds = [Span("A", place * 10 + 1, 8) for place in range(20_000)]
    assert scored(labels, finds).overlapping.micro == Counts(20_000, 0, 0)
