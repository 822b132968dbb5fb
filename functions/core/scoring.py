"""Compares what was found in documents with what people labelled there: precision, recall, F1, confusion.

Two ways of counting stand side by side. Exact: category, offset and length are the same. Overlapping: the category is
the same and at least one character is shared; each label and each find counts once, and exact pairs are taken first.
The confusion table pairs labels and finds at the same characters whatever their categories are.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

NOTHING = ""
"""Stands for the category of a label that nothing was found at, and of a find that nobody labelled."""


class Span(NamedTuple):
    """A labelled or found piece of a text; a class of a whole document has offset and length 0."""

    category: str
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The position behind it."""
        return self.offset + self.length


@dataclass(slots=True)
class Counts:
    """How many finds are right (labelled), how many are wrong (not labelled), and how many labels were missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of what was found that is right; 0 where nothing was found."""
        return _share(self.right, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The share of the labels that was found; 0 where nothing is labelled."""
        return _share(self.right, self.right + self.missed)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.right, 2 * self.right + self.wrong + self.missed)

    @property
    def labels(self) -> int:
        """How many labels there are."""
        return self.right + self.missed

    def add(self, other: "Counts") -> None:
        """Add the counts of another document or category."""
        self.right += other.right
        self.wrong += other.wrong
        self.missed += other.missed


class Macro(NamedTuple):
    """The means over all categories that are labelled or found; each counts the same, however often it occurs."""

    precision: float
    recall: float
    f1: float


@dataclass(slots=True)
class Table:
    """Counts by category, in one of the two ways of counting."""

    categories: dict[str, Counts] = field(default_factory=dict)

    @property
    def micro(self) -> Counts:
        """All categories together; each label and each find counts the same."""
        total = Counts()
        for counts in self.categories.values():
            total.add(counts)
        return total

    @property
    def macro(self) -> Macro:
        """The means over the categories."""
        counts = [one for one in self.categories.values() if one.right + one.wrong + one.missed]
        number = len(counts) or 1
        return Macro(
            sum(one.precision for one in counts) / number,
            sum(one.recall for one in counts) / number,
            sum(one.f1 for one in counts) / number,
        )

    def add(self, matched: Iterable[tuple[Span, Span]], labelled: Sequence[Span], found: Sequence[Span]) -> Counts:
        """Count a document by its pairs of a label and a find; return its own counts."""
        right = Counter(label.category for label, _ in matched)
        labels, finds = Counter(one.category for one in labelled), Counter(one.category for one in found)
        own = Counts()
        for category in labels.keys() | finds.keys():
            matching = right[category]
            counts = Counts(matching, finds[category] - matching, labels[category] - matching)
            self.categories.setdefault(category, Counts()).add(counts)
            own.add(counts)
        return own


class DocumentScore(NamedTuple):
    """What a document came to, counted exactly and by overlap."""

    name: str
    exact: Counts
    overlapping: Counts

    @property
    def errors(self) -> int:
        """Labels that were missed and finds that are wrong."""
        return self.exact.wrong + self.exact.missed


@dataclass(slots=True)
class Scores:
    """What all documents came to."""

    exact: Table = field(default_factory=Table)
    overlapping: Table = field(default_factory=Table)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often what is labelled as the first category was found as the second; `NOTHING` stands for none."""
    documents: list[DocumentScore] = field(default_factory=list)

    def add(self, name: str, labelled: Iterable[Span], found: Iterable[Span]) -> DocumentScore:
        """Score a document; what is labelled or found twice at the same place counts twice."""
        labels, finds = sorted(labelled, key=_place), sorted(found, key=_place)
        exact = self.exact.add(_exact_pairs(labels, finds), labels, finds)
        overlapping = self.overlapping.add(_overlapping_pairs(labels, finds), labels, finds)
        self.confusion.update(_confusions(labels, finds))
        score = DocumentScore(name, exact, overlapping)
        self.documents.append(score)
        return score

    def worst(self, number: int) -> list[DocumentScore]:
        """Return the documents with the most errors, without those that have none; of equals the less right first."""
        wrong = [one for one in self.documents if one.errors]
        return sorted(wrong, key=lambda one: (-one.errors, one.exact.f1, one.name))[:number]


def _place(span: Span) -> tuple[int, int, str]:
    return span.offset, span.length, span.category


def _exact_pairs(labels: Sequence[Span], finds: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    for span in (Counter(labels) & Counter(finds)).elements():
        yield span, span


def _overlapping_pairs(labels: Sequence[Span], finds: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """Yield pairs of the same category that share a character: exact ones first, then those that share most."""
    yield from _exact_pairs(labels, finds)
    same = Counter(labels) & Counter(finds)
    left, right = list((Counter(labels) - same).elements()), list((Counter(finds) - same).elements())
    pairs = (pair for pair in _touching(left, right) if left[pair.label].category == right[pair.find].category)
    for pair in _one_to_one(pairs):
        yield left[pair.label], right[pair.find]


def _confusions(labels: Sequence[Span], finds: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """Yield what each label was found as, and each find labelled as: the pairs that share most come first."""
    pairs = _one_to_one(_touching(labels, finds))
    yield from ((labels[pair.label].category, finds[pair.find].category) for pair in pairs)
    with_find, with_label = {pair.label for pair in pairs}, {pair.find for pair in pairs}
    yield from ((label.category, NOTHING) for number, label in enumerate(labels) if number not in with_find)
    yield from ((NOTHING, find.category) for number, find in enumerate(finds) if number not in with_label)


class _Pair(NamedTuple):
    """A label and a find that touch, by their numbers; the least one is the best."""

    is_inexact: bool
    lost: int
    """Minus the characters that they share."""
    is_other: bool
    """Whether their categories differ."""
    label: int
    find: int


def _touching(labels: Sequence[Span], finds: Sequence[Span]) -> Iterator[_Pair]:
    """Yield the pairs that share a character or stand at the same place; both are sorted by their places."""
    offsets, longest = [find.offset for find in finds], max((find.length for find in finds), default=0)
    for number, label in enumerate(labels):
        first = bisect_left(offsets, label.offset - longest)
        for place in range(first, bisect_right(offsets, max(label.offset, label.end - 1))):
            find = finds[place]
            common = shared(label, find)
            is_inexact = (label.offset, label.length) != (find.offset, find.length)
            if common or not is_inexact:
                yield _Pair(is_inexact, -common, label.category != find.category, number, place)


def _one_to_one(pairs: Iterable[_Pair]) -> list[_Pair]:
    """Return the best pairs in which no label and no find occurs twice."""
    chosen: list[_Pair] = []
    labels, finds = set[int](), set[int]()
    for pair in sorted(pairs):
        if pair.label not in labels and pair.find not in finds:
            labels.add(pair.label)
            finds.add(pair.find)
            chosen.append(pair)
    return chosen


def shared(one: Span, other: Span) -> int:
    """Return how many characters two spans share."""
    return max(0, min(one.end, other.end) - max(one.offset, other.offset))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
