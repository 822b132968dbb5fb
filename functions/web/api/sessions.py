"""`/api/session`: who asks, how access is given, and what the page needs to know beforehand."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..access import SIGN_OUT, principal_in
from ..parts import WebParts
from ..problem_json import json_response


class User(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody who has signed in."""

    id: str
    name: str


class UploadLimits(msgspec.Struct, frozen=True, rename="camel"):
    """Whether and how much can be uploaded."""

    is_possible: bool
    largest_bytes: int


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """The answer."""

    access: str
    user: User | None
    sign_out: str | None
    uploads: UploadLimits


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""
    mode = parts.settings.web
    limits = UploadLimits(parts.uploads.origin is not None, parts.uploads.largest_bytes)

    async def get(request: Request) -> Response:
        principal = principal_in(request.headers) if mode == "entra" else None
        user = User(principal.object_id, principal.name) if principal else None
        return json_response(Session(mode, user, SIGN_OUT if user else None, limits))

    return [Route("/session", get, methods=["GET"])]
