"""Split documents into a training and a fixed test set, so that models can be compared.

A document's place depends on the hash of its name, not on the other documents: when documents are added, those that
were there stay where they are. What a labels file says already is never changed, unless asked for.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import floor

from .values import Document, Labels

TRAIN, TEST = "Train", "Test"
DEFAULT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """How the labels of a category are divided."""

    category: str
    train: int
    test: int


def split(labels: Labels, share: float = DEFAULT_SHARE, *, anew: bool = False) -> Labels:
    """Return labels in which every document is in one set; about `share` of them in the test set.

    Documents with the hash of their name below `share` are tested. Then, for each category that would have less than
    half its share of labels in the test set (or none), the documents with the lowest hashes that have it are added,
    as long as a document with it is left to learn from. With `anew` sets that the file gives are not kept.

    Raises `ValueError` unless 0 < share < 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"the test set's share is {share:g}; it lies between 0 and 1")
    sets = {n: "" if anew else document.dataset for n, document in enumerate(labels.documents)}
    ranks = {n: _rank(document.name) for n, document in enumerate(labels.documents)}
    free = [n for n, given in sets.items() if given not in (TRAIN, TEST)]
    for n in free:
        sets[n] = TEST if ranks[n] < share else TRAIN
    _stratify(labels.documents, sets, sorted(free, key=lambda n: ranks[n]), share)
    return replace(labels, documents=tuple(replace(one, dataset=sets[n]) for n, one in enumerate(labels.documents)))


def shares(labels: Labels) -> list[CategoryShare]:
    """Return how the labels of each category are divided between the sets."""
    train, test = (
        _counts([one for one in labels.documents if (one.dataset == TEST) == is_test]) for is_test in (False, True)
    )
    return [CategoryShare(name, train[name], test[name]) for name in labels.categories]


def _rank(name: str) -> float:
    """Return a number from 0 to 1 that depends on nothing but the name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) / 2**64


def _stratify(documents: Sequence[Document], sets: dict[int, str], free: Sequence[int], share: float) -> None:
    """Move documents of `free`, in their order, to the test set until each category has half its share there."""
    names = [_names(document) for document in documents]
    total = sum(names, Counter[str]())
    tested = sum((names[n] for n, given in sets.items() if given == TEST), Counter[str]())
    trained = Counter(name for n, given in sets.items() if given == TRAIN for name in names[n])
    # The rarest first: a document added for one of them often has the others, too.
    for category in sorted(total, key=lambda name: (total[name], name)):
        wanted = max(1, floor(total[category] * share / 2))
        for n in (n for n in free if sets[n] == TRAIN and names[n][category]):
            # `trained` counts documents: the last one with a category stays to be learnt from.
            if tested[category] >= wanted or any(trained[name] == 1 for name in names[n]):
                continue
            sets[n] = TEST
            tested += names[n]
            trained -= Counter(names[n].keys())


def _counts(documents: Sequence[Document]) -> Counter[str]:
    return sum((_names(document) for document in documents), Counter[str]())


def _names(document: Document) -> Counter[str]:
    return Counter([*(span.category for span in document.spans), *document.classes])
