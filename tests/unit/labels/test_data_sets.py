"""The test set: as large as asked for, with every category, and the same when documents are added."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.labels.data_sets import TEST, TRAIN, CategoryShare, shares, split
from functions.labels.values import Document, Kind, Labels, Span, used_categories


def labels_of(*documents: Document) -> Labels:
    return Labels(Kind.ENTITIES, used_categories(documents), documents)


def document(name: str, *categories: str, dataset: str = "") -> Document:
    spans = tuple(Span(n, n + 1, category) for n, category in enumerate(categories))
    return Document(f"{name}.txt", "x" * len(spans), spans, (), "", dataset)


def sets(labels: Labels) -> dict[str, str]:
    return {one.name: one.dataset for one in labels.documents}


MANY = tuple(document(f"d{n}", "A", "B" if n % 3 else "C", *(["Rare"] if n % 25 == 0 else [])) for n in range(200))


def test_test_set_has_its_share() -> None:
    done = split(labels_of(*MANY))
    assert 30 <= list(sets(done).values()).count(TEST) <= 50
    for one in shares(done):
        assert 0.1 <= one.test / (one.test + one.train) <= 0.3, one


@given(st.sets(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=30), st.integers(0, 30))
def test_added_documents_move_nobody(names: set[str], cut: int) -> None:
    """Continued from the file that was split before, in any order."""
    documents = [document(name, "A", name[0]) for name in sorted(names)]
    before = split(labels_of(*documents[:cut]))
    after = split(labels_of(*documents[cut:], *before.documents))
    assert sets(after).items() >= sets(before).items()


def test_split_anew_of_more_documents_is_the_same() -> None:
    """With enough documents for each category the hash alone decides, so nothing needs to be remembered."""
    before, after = split(labels_of(*MANY[:150])), split(labels_of(*MANY[::-1]))
    assert sets(after).items() >= sets(before).items()


def test_every_category_is_tested_and_learnt() -> None:
    few = [document(f"few{n}", "A", *(["Rare"] if n in (1, 2) else [])) for n in range(12)]
    for one in shares(split(labels_of(*few), 0.01)):
        assert one.test > 0 < one.train, one


def test_category_of_one_document_stays_in_training() -> None:
    alone = [document("only", "Rare"), document("a", "A"), document("b", "A")]
    found = {one.category: one for one in shares(split(labels_of(*alone), 1e-9))}
    assert found["Rare"] == CategoryShare("Rare", 1, 0)


def test_given_sets_are_kept_unless_asked() -> None:
    given_sets = labels_of(*(document(f"g{n}", "A", dataset=TRAIN) for n in range(50)))
    assert set(sets(split(given_sets)).values()) == {TRAIN}
    assert TEST in sets(split(given_sets, anew=True)).values()


@pytest.mark.parametrize("share", [0, 1, -0.1, 2])
def test_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        split(labels_of(document("a", "A")), share)
