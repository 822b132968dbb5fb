"""Requests per minute: the recorded rules, and what a refused request is told (docs/language-api.md 4 and 5)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from local.language_service.limits import RECORDED_RULES, rules_for
from local.stand_in.rates import RateLimiter
from tests.local.language_service.material import GA, NEW_LETTER, Caller

START = datetime(2025, 1, 1, tzinfo=UTC)
GA_PATH = "/language/analyze-text/jobs"
CT1_PATH = "/text/analytics/v3.1-preview.ct.1/analyze"
V32_PATH = "/text/analytics/v3.2-preview.2/analyze"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(("path", "count"), [(GA_PATH, 1000), (CT1_PATH, 100), (V32_PATH, 300)])
def test_recorded_rate_is_allowed(path: str, count: int) -> None:
    limiter = RateLimiter(RECORDED_RULES)
    # Submissions and polls share the budget.
    paths = [path, f"{path}/jobs/1"]
    assert [limiter.admit(paths[n % 2], at(0)) for n in range(count)] == [None] * count
    assert limiter.admit(path, at(0)) == 60
    assert limiter.admit(path, at(59.9)) == 1
    assert limiter.admit(path, at(60)) is None


def test_wait_is_until_next_request_fits() -> None:
    limiter = RateLimiter(rules_for(2))
    assert [limiter.admit("/x", at(second)) for second in (0, 10, 20)] == [None, None, 40]
    # Refused requests do not count.
    assert [limiter.admit("/x", at(second)) for second in (30, 59.5, 60, 61)] == [30, 1, None, 9]


def test_zero_is_no_limit() -> None:
    limiter = RateLimiter(rules_for(0))
    assert all(limiter.admit(GA_PATH, at(0)) is None for _ in range(5000))


def test_throttled_submission_has_retry_after(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(service={"rate_rules": rules_for(2)})
    submitted = caller.submit(NEW_LETTER)
    caller.clock.advance(58)
    assert caller.follow(submitted, seconds=0).status_code == 200
    reply = caller.submit(NEW_LETTER)
    assert reply.status_code == 429
    assert reply.headers["Retry-After"] == "2"
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json() == {
        "error": {
            "code": "429",
            "message": f"Requests to the Submit analysis job Operation under Language API ({GA}) have exceeded rate "
            "limit of your current TextAnalytics S pricing tier. Please retry after 2 seconds. Please contact Azure "
            "support service if you would like to further increase the default rate limit.",
        }
    }
    assert caller.service.counters.throttled == {"POST submit": 1}


def test_throttled_poll_names_its_own_operation(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(service={"rate_rules": rules_for(1)})
    submitted = caller.submit_preview(NEW_LETTER)
    reply = caller.follow(submitted, seconds=59)
    assert reply.headers["Retry-After"] == "1"
    assert reply.json()["error"]["message"].startswith(
        "Requests to the Get analysis status and results Operation under Text Analytics API (v3.1-preview.ct.1) have "
        "exceeded rate limit of your current TextAnalytics S pricing tier. Please retry after 1 second. Please contact"
    )
    assert caller.follow(submitted, seconds=1).status_code == 200


def test_wrong_key_uses_no_quota(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(service={"rate_rules": rules_for(1)})
    wrong = {"Ocp-Apim-Subscription-Key": "wrong"}
    assert caller.post(f"{GA_PATH}?api-version={GA}", {}, headers=wrong).status_code == 401
    assert caller.submit(NEW_LETTER).status_code == 202
