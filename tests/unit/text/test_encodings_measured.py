"""A fixed sample of what `tests.benchmarks.encodings` measures, on the texts that the rules were fitted on.

A guard against regressions: the shares are a little below what was measured (docs/encodings.md has those of texts that
the rules do not know).
"""

from collections import Counter, defaultdict

import pytest

from tests.benchmarks.encodings import outcome
from tests.support.encodings.corpus import VARIANTS, cases
from tests.support.encodings.texts import TEXTS

pytestmark = pytest.mark.long

# Per cent read exactly right at 20, 80 and 200 characters.
LEAST = {
    ("Unicode", "whole"): (99, 100, 100),
    ("Unicode", "spoilt"): (97, 99, 99),
    ("Unicode", "controls"): (99, 100, 100),
    ("legacy", "whole"): (95, 98, 99),
    ("legacy", "spoilt"): (90, 96, 98),
    ("legacy", "controls"): (95, 98, 99),
}


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, str, int], Counter[str]]:
    counted: dict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
    for case in cases(TEXTS, lengths=(20, 80, 200), excerpts=1, unicode_excerpts=1, seed=11):
        counted[case.group, case.variant, case.length][outcome(case)] += 1
    return counted


@pytest.mark.parametrize("group", ["Unicode", "legacy"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_recognition_rate_holds(outcomes: dict[tuple[str, str, int], Counter[str]], group: str, variant: str) -> None:
    shares = []
    for length in (20, 80, 200):
        counts = outcomes[group, variant, length]
        shares.append(100 * counts["right"] / counts.total())
    assert [share >= least for share, least in zip(shares, LEAST[group, variant], strict=True)] == [True] * 3, shares


def test_silent_errors_are_rare(outcomes: dict[tuple[str, str, int], Counter[str]]) -> None:
    total = sum(outcomes.values(), Counter())
    assert total["silently wrong"] <= total.total() / 1_000
    assert total["refused"] <= total.total() / 200
