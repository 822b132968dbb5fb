"""Rate limits: so many requests to some paths in a sliding window."""

import math
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MINUTE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RateRule:
    """At most ``count`` requests in a ``window`` to the paths that ``pattern`` matches.

    All methods count together, unless ``method`` names the one that counts.
    """

    pattern: re.Pattern[str]
    count: int
    window: timedelta = MINUTE
    method: str | None = None


@dataclass(slots=True)
class RateLimiter:
    """Counts accepted requests in a sliding window, for each rule by itself.

    A refused request does not count (whether it does in the service was not found).
    """

    rules: Sequence[RateRule]
    _accepted: dict[int, deque[datetime]] = field(default_factory=dict)

    def admit(self, path: str, now: datetime, method: str = "") -> int | None:
        """Count a request and give ``None``, or refuse it and give the whole seconds (at least 1) until one fits."""
        applying = [
            (n, rule) for n, rule in enumerate(self.rules) if rule.pattern.match(path) and rule.method in (None, method)
        ]
        wait = timedelta(0)
        for n, rule in applying:
            accepted = self._accepted.setdefault(n, deque())
            while accepted and accepted[0] <= now - rule.window:
                accepted.popleft()
            if len(accepted) >= rule.count:
                wait = max(wait, accepted[len(accepted) - rule.count] + rule.window - now)
        if wait:
            return max(1, math.ceil(wait.total_seconds()))
        for n, _ in applying:
            self._accepted[n].append(now)
        return None
