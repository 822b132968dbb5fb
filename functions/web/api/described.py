"""`/api/openapi.json`: the description of the API, which tests compare with the routes."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..parts import WebParts
from ..problem_json import JSON_TYPE

OPENAPI = Path(__file__).parents[1] / "openapi.json"


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    async def get(_: Request) -> Response:
        return Response(OPENAPI.read_bytes(), media_type=JSON_TYPE)

    return [Route("/openapi.json", get, methods=["GET"])]
