"""`/api/model`: until when the model answers, how good it is, and what was reviewed since it was trained."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..parts import WebParts
from ..problem_json import json_response
from ..recent import Recent

AGE = timedelta(seconds=10)


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""
    recent = Recent(parts.model.read, parts.clock, AGE)

    def get(_: Request) -> Response:
        return json_response(recent.read())

    return [Route("/model", get, methods=["GET"])]
