"""`/api/status`: how many documents stand where, how fast they come, which resources are asked, and what fails."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...core.expiry import DeploymentExpiry, threshold
from ...core.hours import HourSums
from ...workflows.document_lists import IndexCounts
from ...workflows.queries import Budget, Incident, Status
from ..parts import WebParts
from ..problem_json import json_response
from ..recent import Recent
from .rows import model_name

AGE = timedelta(seconds=1)
"""How old the answer may be: everybody who looks at the page asks every other second."""
INDEX_AGE = timedelta(seconds=5)


class Counts(msgspec.Struct, frozen=True, rename="camel"):
    """Documents by where they stand; `review` and `reviewed` are counted up to 5,000."""

    all: int
    waiting: int
    running: int
    deferred: int
    done: int
    failed: int
    review: int
    reviewed: int


class Resource(msgspec.Struct, frozen=True, rename="camel"):
    """A Language resource and the requests of the last minute."""

    name: str
    requests_per_minute: int
    requests_in_use: int
    throttled_until: datetime | None
    state: str
    """`healthy`, `failing`, or `misconfigured`."""
    detail: str | None


class Daily(msgspec.Struct, frozen=True, rename="camel"):
    """The text records of the day, where there is a limit on them."""

    limit: int
    used: int
    resumes: datetime


class ModelExpiry(msgspec.Struct, frozen=True, rename="camel"):
    """A model that documents are given to, and when its deployment expires."""

    model: str
    expires: datetime | None


class Failure(msgspec.Struct, frozen=True, rename="camel"):
    """How many documents have failed for a cause."""

    code: str
    title: str
    count: int


class Hour(msgspec.Struct, frozen=True, rename="camel"):
    """What was done in an hour; `deferredMinutes` is in how many of its minutes at least one job was deferred."""

    hour: datetime
    done: int
    failed: int
    text_records: int
    deferred_minutes: int


class DropToResult(msgspec.Struct, frozen=True, rename="camel"):
    """Seconds from the drop to the result, of today's documents."""

    median: float
    p95: float


class StatusWarning(msgspec.Struct, frozen=True, rename="camel"):
    """What an operator should see to."""

    code: str
    message: str
    help: str


class StatusView(msgspec.Struct, frozen=True, rename="camel"):
    """The answer."""

    as_of: datetime
    counts: Counts
    per_minute: int | None
    oldest_unfinished: datetime | None
    resources: list[Resource]
    daily: Daily | None
    models: list[ModelExpiry]
    failures: list[Failure]
    hours: list[Hour]
    drop_to_result: DropToResult | None
    warnings: list[StatusWarning]


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""
    index = Recent(parts.lists.counts, parts.clock, INDEX_AGE)

    def read() -> StatusView:
        status = parts.status.read()
        return status_view(status, index.read(), parts.status.hours(), parts.models())

    recent = Recent(read, parts.clock, AGE)

    def get(_: Request) -> Response:
        return json_response(recent.read())

    return [Route("/status", get, methods=["GET"])]


def status_view(status: Status, index: IndexCounts, hours: Iterable[HourSums], models: Iterable[str]) -> StatusView:
    """Return how things stand as the API shows it."""
    pending = {name: status.pending_by_state.get(name, 0) for name in ("waiting", "running", "deferred")}
    failed = status.failed
    today = status.today
    tomorrow = status.at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return StatusView(
        as_of=status.at,
        counts=Counts(
            all=sum(pending.values()) + status.done + failed,
            **pending,
            done=status.done,
            failed=failed,
            review=index.review,
            reviewed=index.reviewed,
        ),
        per_minute=status.ended_last_minute,
        oldest_unfinished=status.oldest,
        resources=[_resource(budget, status.incidents, status.at) for budget in status.budgets],
        daily=Daily(status.daily_limit, status.daily_records or 0, tomorrow)
        if status.daily_limit is not None
        else None,
        models=_models(status.deployments, models),
        failures=[Failure(code, problems.title_of(code), count) for code, count in index.codes.most_common()],
        hours=[Hour(one.hour, one.done, one.failed, one.text_records, one.deferred_minutes) for one in hours],
        drop_to_result=DropToResult(today.median_seconds, today.p95_seconds)
        if today.median_seconds is not None and today.p95_seconds is not None
        else None,
        warnings=list(filter(None, map(partial(_warning, status.at), status.deployments))),
    )


def _resource(budget: Budget, incidents: Iterable[Incident], now: datetime) -> Resource:
    own = next((one for one in incidents if one.what == budget.resource), None)
    is_misconfigured = own is not None and own.reason == problems.MISCONFIGURED.code
    return Resource(
        name=budget.resource,
        requests_per_minute=budget.per_minute,
        requests_in_use=budget.last_minute,
        throttled_until=now + timedelta(seconds=budget.wait_seconds) if budget.is_throttled else None,
        state="healthy" if own is None else "misconfigured" if is_misconfigured else "failing",
        detail=own.reason if own else None,
    )


def _models(deployments: Iterable[DeploymentExpiry], models: Iterable[str]) -> list[ModelExpiry]:
    expires: dict[str, datetime] = {}
    for one in deployments:
        if one.expires:
            day = datetime.fromisoformat(f"{one.expires.isoformat()}T00:00:00+00:00")
            name = f"{one.project}/{one.deployment}"
            expires[name] = min(expires.get(name, day), day)
    return [ModelExpiry(name, expires.get(name)) for name in dict.fromkeys([*map(model_name, models), *expires])]


def _warning(now: datetime, one: DeploymentExpiry) -> StatusWarning | None:
    left = one.days_left(now)
    if left is None or threshold(left) is None:
        return None
    message = f"The deployment {one.what} expires in {left} days." if left >= 0 else f"{one.what} has expired."
    return StatusWarning("DeploymentExpires", message, "Train the model anew, or deploy it again (docs/deploy.md).")
