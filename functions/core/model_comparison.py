"""Compares two models by what they have found in the same documents, and decides which of them is to be deployed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from .scoring import Counts, Scores, Span

DEFAULT_MARGIN: Final = 0.01
"""By how much the micro F1 of a candidate has to be better. With the 40 or so test documents of a usual project less is
within what two trainings of the same labels differ by."""

Answers = Mapping[str, Sequence[Span]]
"""Spans by document."""


class Change(NamedTuple):
    """What a candidate does otherwise in one document."""

    document: str
    gained: tuple[Span, ...]
    """Labelled, and found by the candidate only."""
    lost: tuple[Span, ...]
    """Labelled, and found by the other only."""
    wrong: tuple[Span, ...]
    """Not labelled, and found by the candidate only."""
    removed: tuple[Span, ...]
    """Not labelled, and found by the other only."""

    @property
    def balance(self) -> int:
        """How many entities more are right, or less wrong."""
        return len(self.gained) + len(self.removed) - len(self.lost) - len(self.wrong)


@dataclass(slots=True)
class Comparison:
    """Two models on the documents that both were asked about."""

    candidate: Scores = field(default_factory=Scores)
    other: Scores = field(default_factory=Scores)
    changes: list[Change] = field(default_factory=list)
    """Those of documents in which they differ."""

    @property
    def documents(self) -> int:
        """How many were compared."""
        return len(self.candidate.documents)

    @property
    def gain(self) -> float:
        """By how much the candidate's micro F1 is better."""
        return self.candidate.exact.micro.f1 - self.other.exact.micro.f1


def compare(labelled: Answers, candidate: Answers, other: Answers) -> Comparison:
    """Compare what two models have found in labelled documents; documents that one of them lacks are left out."""
    found = Comparison()
    for name in sorted(labelled.keys() & candidate.keys() & other.keys()):
        labels, mine, others = (frozenset(one[name]) for one in (labelled, candidate, other))
        found.candidate.add(name, labelled[name], candidate[name])
        found.other.add(name, labelled[name], other[name])
        change = Change(
            name,
            _sorted(labels & mine - others),
            _sorted(labels & others - mine),
            _sorted(mine - labels - others),
            _sorted(others - labels - mine),
        )
        if any(change[1:]):
            found.changes.append(change)
    return found


def agreement(candidate: Answers, other: Answers) -> Counts:
    """Count what two models have found alike in the documents that both were asked about; F1 is their agreement."""
    total = Counts()
    for name in candidate.keys() & other.keys():
        mine, others = frozenset(candidate[name]), frozenset(other[name])
        total.add(Counts(len(mine & others), len(mine - others), len(others - mine)))
    return total


def _sorted(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.offset, span.length, span.category)))


class Reason(StrEnum):
    """Why a candidate takes the place of a deployed model, or does not."""

    BETTER = "it is better on the test set"
    FORCED = "it was asked for whatever the comparison says"
    FIRST = "nothing was deployed yet"
    THERE = "it answers there already"
    NOT_BETTER = "it is not better on the test set by the margin"
    WORSE_ON_REVIEWED = "it is worse on reviewed documents of the last ones"
    NOT_COMPARABLE = "there are no documents in the test sets of both"


class Decision(NamedTuple):
    """Whether a candidate takes the place of the deployed model."""

    swaps: bool
    reason: Reason


def decide(
    on_test_set: Comparison | None, on_reviewed: Comparison | None, margin: float, *, is_forced: bool
) -> Decision:
    """Decide by the comparison with the deployed model; None for the first where nothing is deployed.

    `on_reviewed` compares on reviewed documents of the last ones, where there are any.
    """
    if on_test_set is None:
        return Decision(True, Reason.FIRST)
    if is_forced:
        return Decision(True, Reason.FORCED)
    if not on_test_set.documents:
        return Decision(False, Reason.NOT_COMPARABLE)
    # A margin of 0.01 is reached by 0.90 against 0.89, whatever binary fractions make of that.
    if on_test_set.gain < margin - 1e-9:
        return Decision(False, Reason.NOT_BETTER)
    if on_reviewed and on_reviewed.gain < -max(margin, 0.0) - 1e-9:
        return Decision(False, Reason.WORSE_ON_REVIEWED)
    return Decision(True, Reason.BETTER)
