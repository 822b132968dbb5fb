"""A candidate is compared document by document, and swapped in by a margin that is inclusive."""

import pytest

from functions.core.model_comparison import Change, Comparison, Decision, Reason, agreement, compare, decide
from functions.core.scoring import Counts, Span

A, B, C, D = (Span("Name", offset, 3) for offset in (0, 10, 20, 30))


def test_changes_are_told_by_document() -> None:
    found = compare({"x": [A, B], "y": [A]}, {"x": [A, C], "y": [A]}, {"x": [B, D], "y": [A]})
    assert found.documents == 2
    assert found.changes == [Change("x", gained=(A,), lost=(B,), wrong=(C,), removed=(D,))]
    assert found.changes[0].balance == 0
    assert found.gain == 0


def test_documents_of_one_side_are_left_out() -> None:
    assert compare({"x": [A], "y": [A]}, {"x": [A]}, {"y": [A]}).documents == 0


def test_agreement_counts_what_both_find() -> None:
    assert agreement({"x": [A, B], "y": [A]}, {"x": [B, C], "z": [A]}) == Counts(1, 1, 1)


def of(right: int, other: int, labels: int = 100) -> Comparison:
    """Return a comparison of models that find so many of the labels, and nothing else."""
    spans = [Span("Name", n, 1) for n in range(labels)]
    return compare({"x": spans}, {"x": spans[:right]}, {"x": spans[:other]})


@pytest.mark.parametrize(
    ("on_test_set", "on_reviewed", "margin", "is_forced", "expected"),
    [
        (None, None, 0.01, False, Decision(True, Reason.FIRST)),
        (of(90, 80), None, 0.01, False, Decision(True, Reason.BETTER)),
        (of(80, 90), None, 0.01, False, Decision(False, Reason.NOT_BETTER)),
        (of(80, 90), None, 0.01, True, Decision(True, Reason.FORCED)),
        (of(90, 90), None, 0.01, False, Decision(False, Reason.NOT_BETTER)),
        (of(90, 90), None, 0.0, False, Decision(True, Reason.BETTER)),
        (of(89, 90), None, -0.01, False, Decision(True, Reason.BETTER)),
        (Comparison(), None, 0.01, False, Decision(False, Reason.NOT_COMPARABLE)),
        (of(90, 80), of(70, 90), 0.01, False, Decision(False, Reason.WORSE_ON_REVIEWED)),
        (of(90, 80), of(90, 90), 0.01, False, Decision(True, Reason.BETTER)),
    ],
)
def test_decision_follows_the_comparison(
    on_test_set: Comparison | None, on_reviewed: Comparison | None, margin: float, is_forced: bool, expected: Decision
) -> None:
    assert decide(on_test_set, on_reviewed, margin, is_forced=is_forced) == expected


def test_margin_is_inclusive() -> None:
    comparison = of(90, 80)
    assert decide(comparison, None, comparison.gain, is_forced=False).swaps
    assert not decide(comparison, None, comparison.gain + 1e-6, is_forced=False).swaps
