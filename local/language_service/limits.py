"""The limits of the service: sizes of a request, and requests per minute.

Sources: docs/language-api.md 5. The prediction rate of the GA API is 1,000 GET and POST per minute; the preview of
custom text had 100 per minute, its successor 300; the 1,000 for everything under ``/text/analytics`` is more than both.
"""

import re
from datetime import timedelta

from local.stand_in.rates import RateRule

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

#: Authoring: 10 POST and 100 GET a minute ("service limits" of custom NER, 2026-08). How other methods count was not
#: found; here they do not.
AUTHORING_RULES = (
    RateRule(re.compile(r"/language/authoring/analyze-text\b"), 10, method="POST"),
    RateRule(re.compile(r"/language/authoring/analyze-text\b"), 100, method="GET"),
)

#: Every rule that matches a path holds for it.
RECORDED_RULES = (
    RateRule(re.compile(r"/language/analyze-text/jobs\b"), 1000),
    RateRule(re.compile(r"/text/analytics/v3\.1-preview\.ct\.1/analyze\b"), 100),
    RateRule(re.compile(r"/text/analytics/v3\.2-preview\.\d/analyze\b"), 300),
    *AUTHORING_RULES,
)


def rules_for(requests_per_minute: int | None) -> tuple[RateRule, ...]:
    """Give the recorded rules, or one rule of ``requests_per_minute`` for every path; 0 means no limit.

    Zero lifts the limits of authoring, too.
    """
    if requests_per_minute is None:
        return RECORDED_RULES
    if requests_per_minute == 0:
        return ()
    return (RateRule(re.compile("/"), requests_per_minute),)
