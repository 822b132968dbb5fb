"""The two ASGI applications: the API, and the files of the page.

They are apart, and so are the two functions that serve them: in the mode `key` the host demands a key for `api/…` only,
and a path such as `//api` or `api%2F` that it gives to the page's function must not lead to data.
"""

from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp

from .. import problems
from .api import (
    corrections_file,
    described,
    document_details,
    document_list,
    labels_file,
    model_facts,
    replays,
    review_queue,
    service_status,
    sessions,
    upload_addresses,
)
from .authorization import access_refusal, page_refusal
from .guard import Guard
from .page_headers import api_headers, page_headers
from .parts import WebParts
from .problem_json import RefusedError, problem_response
from .sample_files import sample_routes
from .static_files import routes as static_routes

RESOURCES = (
    sessions,
    service_status,
    upload_addresses,
    document_list,
    document_details,
    corrections_file,
    review_queue,
    replays,
    labels_file,
    model_facts,
    described,
)


def api_routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes below `/api`."""
    return [route for resource in RESOURCES for route in resource.routes(parts)]


def api_app(parts: WebParts) -> ASGIApp:
    """Return the API, under `/api`."""
    app = _handled([Mount("/api", app=Router(api_routes(parts), redirect_slashes=False))])
    mode = parts.settings.web
    return Guard(app, api_headers(), partial(access_refusal, mode))


def page_app(parts: WebParts) -> ASGIApp:
    """Return the page's files, from `/` on."""
    mode = parts.settings.web
    return Guard(
        _handled([*static_routes(), *sample_routes(parts.settings)]),
        page_headers(parts.uploads.origin),
        lambda _, headers: page_refusal(mode, headers),
    )


def _handled(routes: list[BaseRoute]) -> ASGIApp:
    """Return the routes with their refusals as problems; what else they raise is for the guard.

    The class `Starlette` is not used: it answers faults with a text of its own before anybody else can.
    """
    handlers = {HTTPException: _refused_by_starlette, RefusedError: _refused}
    return ExceptionMiddleware(Router(routes, redirect_slashes=False), handlers)


async def _refused(_: Request, error: Any) -> Response:
    return problem_response(error.refusal, error.extra, error.headers)


async def _refused_by_starlette(request: Request, error: Any) -> Response:
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return problem_response(problems.UNKNOWN_ADDRESS.refusal())
    allowed = ", ".join(sorted(error.headers["Allow"].split(", ")))
    return problem_response(problems.WRONG_METHOD.refusal(method=request.method), headers={"Allow": allowed})
