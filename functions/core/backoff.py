"""How long a deferred job waits, and a poll that finds a job still running.

Every wait is `first * growth ** n`, at most `ceiling`, times a jitter of 0.8 to 1.2, so that jobs which were deferred
together do not come back together. There is no limit on attempts here: how long a document may wait at all is the
setting GIVE_UP_HOURS, and how often it may be submitted is `documents.MAX_SUBMISSIONS`.
"""

from random import Random
from typing import NamedTuple

from .outcomes import DeferReason, Deferred

LONGEST_HONOURED_RETRY_AFTER_S = 6 * 3600.0
"""A longer `Retry-After` is not obeyed to the end: the free tier asks for 15 days, and its owner may well have moved
to a paid tier by tomorrow. One request in six hours tells."""


class Backoff(NamedTuple):
    """A growing wait, in seconds."""

    first_s: float
    ceiling_s: float
    growth: float = 2.0

    def wait_s(self, n: int, rng: Random) -> float:
        """Return the wait before attempt `n` (0 is the first repetition)."""
        # The exponent is bounded so that a job deferred for months does not overflow a float.
        grown = self.first_s * self.growth ** min(n, 60)
        return min(self.ceiling_s, grown) * rng.uniform(0.8, 1.2)


DEFER: dict[DeferReason, Backoff] = {
    # Our own budget refills steadily; its `retry_after_s` says when.
    DeferReason.BUDGET: Backoff(0.5, 10),
    # The limit is counted over a minute, and recorded replies ask for 1 or 2 seconds.
    DeferReason.THROTTLED: Backoff(2, 60),
    # Nothing changes within minutes; each try costs one request that is not billed.
    DeferReason.QUOTA: Backoff(60, 3600),
    # Most outages are over in seconds; the longer one lasts, the less a minute matters.
    DeferReason.UNAVAILABLE: Backoff(2, 120),
    # Somebody has to come and correct it, and should then see the effect within a few minutes.
    DeferReason.MISCONFIGURED: Backoff(15, 300),
}

LOST_POLL = Backoff(5, 250)
"""Between polls of a job that the service denies: free, and the denial may pass. With jitter at most five minutes."""

STEP_FAULT = Backoff(5, 900)
"""Before a step is repeated that ended in an error of our own or of the storage five times in a row."""

POLL_GROWTH = 1.5
"""Each poll that finds a job still running waits half as long again as the one before."""


def deferral_s(hold: Deferred, waits: int, rng: Random) -> float:
    """Return how long a job stays away that was deferred `waits` times before; `Retry-After` wins up to its cap.

    A job for which a send time is booked comes back just then.
    """
    if hold.send_at and hold.retry_after_s is not None:
        return hold.retry_after_s
    backoff = DEFER[hold.reason].wait_s(waits, rng)
    if hold.retry_after_s is None:
        return backoff
    # Later than asked, never earlier: the jitter is added on top.
    asked = honoured_s(hold.retry_after_s)
    return asked + rng.uniform(0, max(0.5, asked * 0.1))


def honoured_s(retry_after_s: float | None) -> float:
    """Return how many seconds of a `Retry-After` are obeyed; none where there was none."""
    return min(retry_after_s or 0.0, LONGEST_HONOURED_RETRY_AFTER_S)


def next_poll_s(polls: int, first_s: float, max_s: float, rng: Random) -> float:
    """Return the wait after poll number `polls` (1 is the first) found the job still running."""
    start = max(first_s * (POLL_GROWTH - 1), 0.5)
    return min(max_s, Backoff(start, max_s, POLL_GROWTH).wait_s(polls - 1, rng))
