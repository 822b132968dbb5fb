"""The order in which documents are reviewed: the least sure first, and those that are nearly the same apart."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_NUMBERS = re.compile(r"[0-9]+|[0-9a-f]{8,}(-[0-9a-f]{4,})*", re.IGNORECASE)


class ToReview(NamedTuple):
    """A document to be reviewed, and the least confidence of anything in it."""

    name: str
    least_sure: float


def kind_of_name(name: str) -> str:
    """Return a name without its numbers: documents of one series, which are nearly the same, have it in common."""
    return _NUMBERS.sub("#", name)


def in_review_order(found: Iterable[ToReview]) -> list[ToReview]:
    """Return documents, the least sure first, but each series takes turns with the others.

    The least sure of each series come first, then the second ones, and so on: whoever reviews for an hour has seen all
    of them, and what is learnt from one letter of a series is hardly more after its twentieth.
    """
    turns: Counter[str] = Counter()
    ordered = []
    for one in sorted(found, key=lambda one: (one.least_sure, one.name)):
        series = kind_of_name(one.name)
        ordered.append((turns[series], one))
        turns[series] += 1
    return [one for _, one in sorted(ordered, key=lambda one: (one[0], one[1].least_sure, one[1].name))]
