"""`/api/status`: what is asked, of which resources, and whether they work."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...core.health import Health
from ...errors import Problem
from ..parts import WebParts
from ..problem_json import json_response


class ProblemView(msgspec.Struct, frozen=True, rename="camel"):
    """A problem, in words for people."""

    code: str
    message: str
    help: str
    fault: str

    @classmethod
    def of(cls, problem: Problem) -> "ProblemView":
        """Return a problem as the API shows it."""
        return cls(problem.code, problem.message, problem.help, problem.fault.value)


class Resource(msgspec.Struct, frozen=True, rename="camel"):
    """A Language resource: `works` is null where its health can not be read."""

    name: str
    works: bool | None
    fails_since: datetime | None = None
    problem: ProblemView | None = None


class Model(msgspec.Struct, frozen=True, rename="camel"):
    """What the service is asked for where no rule says otherwise."""

    api_version: str
    project: str | None
    deployment: str | None
    model_id: str | None


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """The answer."""

    time: datetime
    model: Model
    requests_per_minute: int
    """Of each resource."""
    daily_text_records: int | None
    resources: list[Resource]


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""
    settings = parts.settings
    model = Model(
        settings.language_api_version,
        settings.language_project,
        settings.language_deployment,
        settings.language_model_id,
    )

    def get(_: Request) -> Response:
        return json_response(
            Status(
                time=parts.clock(),
                model=model,
                requests_per_minute=settings.requests_per_minute,
                daily_text_records=settings.daily_text_records,
                resources=[_resource(name, health) for name, health in parts.health().items()],
            )
        )

    return [Route("/status", get, methods=["GET"])]


def _resource(name: str, health: Health | None) -> Resource:
    if health is None:
        return Resource(name, None)
    open_ones = [standing for standing in (health.resource, *health.models.values()) if standing.opened_at]
    if not open_ones:
        return Resource(name, True)
    first = open_ones[0]
    return Resource(name, False, first.opened_at, ProblemView.of(first.reason) if first.reason else None)
