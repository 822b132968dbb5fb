"""The limits of the service: sizes of a request, and requests per minute.

Sources: docs/language-api.md 5. The prediction rate of the GA API is 1,000 GET and POST per minute; the preview of
custom text had 100 per minute, its successor 300; the 1,000 for everything under ``/text/analytics`` is more than both.
"""

import math
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MAX_DOCUMENTS = 25
#: Text elements over all documents of a request.
MAX_CHARACTERS = 125_000
#: Characters of one billed text record; rounded up per document.
CHARACTERS_PER_RECORD = 1_000
#: Bytes of a request. 1 MB for the preconfigured features ("data limits"); for custom text no figure was found.
MAX_REQUEST_BYTES = 1_048_576
#: Documents on one page of results.
PAGE_SIZE = 20
#: The largest ``$top`` of the preview APIs.
MAX_TOP_PREVIEW = 50
KEEP_JOBS = timedelta(hours=24)

_WINDOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RateRule:
    """At most ``count`` requests in 60 seconds to the paths that ``pattern`` matches, all methods together."""

    pattern: re.Pattern[str]
    count: int


#: Every rule that matches a path holds for it.
RECORDED_RULES = (
    RateRule(re.compile(r"/language/analyze-text/jobs\b"), 1000),
    RateRule(re.compile(r"/text/analytics/v3\.1-preview\.ct\.1/analyze\b"), 100),
    RateRule(re.compile(r"/text/analytics/v3\.2-preview\.\d/analyze\b"), 300),
)


def rules_for(requests_per_minute: int | None) -> tuple[RateRule, ...]:
    """Give the recorded rules, or one rule of ``requests_per_minute`` for every path; 0 means no limit."""
    if requests_per_minute is None:
        return RECORDED_RULES
    if requests_per_minute == 0:
        return ()
    return (RateRule(re.compile("/"), requests_per_minute),)


@dataclass(slots=True)
class RateLimiter:
    """Counts accepted requests in a sliding window of 60 seconds, for each rule by itself.

    A refused request does not count (whether it does in the service was not found).
    """

    rules: Sequence[RateRule]
    _accepted: dict[int, deque[datetime]] = field(default_factory=dict)

    def admit(self, path: str, now: datetime) -> int | None:
        """Count a request and give ``None``, or refuse it and give the whole seconds (at least 1) until one fits."""
        applying = [(n, rule) for n, rule in enumerate(self.rules) if rule.pattern.match(path)]
        wait = timedelta(0)
        for n, rule in applying:
            accepted = self._accepted.setdefault(n, deque())
            while accepted and accepted[0] <= now - _WINDOW:
                accepted.popleft()
            if len(accepted) >= rule.count:
                wait = max(wait, accepted[len(accepted) - rule.count] + _WINDOW - now)
        if wait:
            return max(1, math.ceil(wait.total_seconds()))
        for n, _ in applying:
            self._accepted[n].append(now)
        return None
