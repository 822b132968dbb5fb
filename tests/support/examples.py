"""How many examples property tests draw: all in `make test`, fewer in the quick run."""

import os

IS_QUICK = "QUICK_TESTS" in os.environ
"""Set by `make test-quick`."""

QUICK_SHARE = 5
"""One example in so many is drawn in the quick run."""


def examples(number: int) -> int:
    """Return how many of `number` examples to draw in this run."""
    return max(10, number // QUICK_SHARE) if IS_QUICK else number
