"""The limits of the service: sizes, and requests a second.

Source: "Service quotas and limits", learn.microsoft.com, 2026-09.
"""

import re
from datetime import timedelta

from local.stand_in.rates import RateRule

FREE_BYTES = 4 * 1024 * 1024
PAID_BYTES = 500 * 1024 * 1024
FREE_PAGES = 2
PAID_PAGES = 2_000

_SECOND = timedelta(seconds=1)
_ANY_PATH = re.compile("/")


def rules_for(*, free_tier: bool) -> tuple[RateRule, ...]:
    """Give the rates of a tier: submissions and polls count apart."""
    posts, gets = (1, 1) if free_tier else (15, 50)
    return (RateRule(_ANY_PATH, posts, _SECOND, "POST"), RateRule(_ANY_PATH, gets, _SECOND, "GET"))
