"""Estimates sums over many items from a sample of them, and says how far off that may be.

The items are put into strata by what is known of all of them, for documents their kind and size. Within a stratum they
are alike, so a few of each tell much; a stratum with few items is looked at whole. Of each stratum a sample is kept in
which every item is as likely as every other (Vitter, "Random Sampling with a Reservoir", 1985, algorithm R), and the
sums are those of stratified random sampling (Cochran, "Sampling Techniques", 1977, 5.3 to 5.6).
"""

import math
import random
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

SAMPLED = 25
"""Items that are kept of each stratum."""

CERTAINTY = 2.06
"""Standard errors on each side of an estimate between which the true sum lies in 95 of 100 cases: Student's t with
24 degrees of freedom, those of a full sample."""

MAX_STRATA = 100
"""Further strata share one, so that memory stays constant."""

T = TypeVar("T")


class Estimate(NamedTuple):
    """A sum, and how far the true one may be from it in 95 of 100 cases; 0 where everything was looked at."""

    total: float
    error: float = 0.0


@dataclass(slots=True)
class Stratum(Generic[T]):
    """Items that are alike."""

    count: int = 0
    sample: list[T] = field(default_factory=list)


class Sample(Generic[T]):
    """Keeps a sample of the items that it is given, in constant memory."""

    def __init__(self, size: int = SAMPLED, rng: random.Random | None = None) -> None:
        self._size = size
        self._rng = rng or random.Random(0)
        self._strata: dict[Hashable, Stratum[T]] = {}

    def add(self, item: T, stratum: Hashable) -> None:
        """Count an item, and perhaps keep it."""
        known = self._strata
        if stratum not in known and len(known) >= MAX_STRATA:
            stratum = None
        found = known.setdefault(stratum, Stratum())
        found.count += 1
        if len(found.sample) < self._size:
            found.sample.append(item)
            return
        place = self._rng.randrange(found.count)
        if place < self._size:
            found.sample[place] = item

    @property
    def count(self) -> int:
        """How many items there are."""
        return sum(one.count for one in self._strata.values())

    @property
    def kept(self) -> int:
        """How many of them are kept."""
        return sum(len(one.sample) for one in self._strata.values())

    def strata(self) -> Iterator[Stratum[T]]:
        """Yield the strata."""
        return iter(self._strata.values())


def estimate(measured: Sequence[tuple[int, Sequence[float]]]) -> Estimate:
    """Return the sum over all items, from the number of items of each stratum and what its sample measures."""
    total, variance = 0.0, 0.0
    for count, values in measured:
        taken = len(values)
        if not taken:
            continue
        mean = math.fsum(values) / taken
        total += count * mean
        if 1 < taken < count:
            spread = math.fsum((value - mean) ** 2 for value in values) / (taken - 1)
            variance += count * count * (1 - taken / count) * spread / taken
    return Estimate(total, CERTAINTY * math.sqrt(variance))


def estimate_of(measured: Sequence[tuple[int, Sequence[T]]], value: Callable[[T], float]) -> Estimate:
    """Return the estimate of one thing that was measured."""
    return estimate([(count, [value(one) for one in taken]) for count, taken in measured])
