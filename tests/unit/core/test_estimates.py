"""Sums are estimated from samples, and the true ones lie within the errors that are told."""

import random

from hypothesis import given
from hypothesis import strategies as st

from functions.core.estimates import MAX_STRATA, Estimate, Sample, estimate, estimate_of


def test_small_strata_are_exact() -> None:
    assert estimate([(3, [1, 2, 3]), (2, [10, 20])]) == Estimate(36, 0)


def test_sample_stands_for_its_stratum() -> None:
    found = estimate([(100, [1, 1, 1]), (10, [5, 5])])
    assert found == Estimate(150, 0)


def test_nothing_is_nothing() -> None:
    assert estimate([]) == Estimate(0, 0)


@given(st.lists(st.integers(0, 300), max_size=400))
def test_every_item_is_counted(items: list[int]) -> None:
    sample: Sample[int] = Sample(5)
    for item in items:
        sample.add(item, item)
    assert sample.count == len(items)
    assert sample.kept <= 5 * (MAX_STRATA + 1)
    assert sum(stratum.count for stratum in sample.strata()) == len(items)


def test_every_item_is_as_likely() -> None:
    """In 2,000 samples of 5 from 50 each is drawn 200 times, give or take what chance does in one of ten thousand."""
    rng = random.Random(7)
    drawn = [0] * 50
    for _ in range(2000):
        sample: Sample[int] = Sample(5, rng)
        for item in range(50):
            sample.add(item, "")
        for stratum in sample.strata():
            for item in stratum.sample:
                drawn[item] += 1
    assert all(140 <= times <= 265 for times in drawn)


def test_true_sum_lies_within_the_error() -> None:
    """In at least 92 of 100 cases, with texts whose lengths differ much."""
    hits, runs = 0, 300
    for seed in range(runs):
        rng = random.Random(seed)
        values = [int(rng.lognormvariate(7, 1.2)) + 1 for _ in range(3000)]
        sample: Sample[int] = Sample(25, rng)
        for value in values:
            sample.add(value, value.bit_length() // 2)
        measured = [(one.count, one.sample) for one in sample.strata()]
        found = estimate_of(measured, float)
        hits += abs(found.total - sum(values)) <= found.error
        assert found.error < 0.2 * found.total
    assert hits >= 0.92 * runs
