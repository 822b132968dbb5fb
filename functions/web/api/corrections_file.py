"""`/api/documents/{id}/corrections`: what people have decided about the entities of a document."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...core.decision_checks import encoded
from ...core.decisions import decode_corrections
from ...errors import RecordError
from ...storage.containers import JSON_TYPE
from ...workflows.correcting import NotSaved, Saved
from ..authorization import principal_in
from ..parts import WebParts
from ..problem_json import RefusedError
from ..request_body import read_body
from ..static_files import unless_known
from .document_details import name_in

MOST_BYTES = 16 * 1024 * 1024
"""About forty thousand decisions."""
BY_KEY = "key"


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    def read(request: Request) -> Response:
        saved = parts.correcting.read(name_in(request))
        if saved is None:
            raise RefusedError(problems.NO_CORRECTIONS.refusal())
        return unless_known(request, saved.etag, encoded(saved.corrections), JSON_TYPE)

    async def get_or_put(request: Request) -> Response:
        if request.method != "PUT":
            return await run_in_threadpool(read, request)
        name, expected = name_in(request), _expected(request)
        body = await read_body(request, MOST_BYTES)
        saved = await run_in_threadpool(_save, parts, name, body, _by(parts, request), expected)
        return Response(status_code=204, headers={"ETag": saved.etag})

    return [Route("/documents/{id}/corrections", get_or_put, methods=["GET", "PUT"])]


def _save(parts: WebParts, name: str, body: bytes, by: str, expected: str | None) -> Saved:
    try:
        asked = decode_corrections(body)
    except RecordError as error:
        reason = str(error).partition(": ")[2].rstrip(".") or str(error).rstrip(".")
        raise RefusedError(problems.INVALID_REQUEST.refusal(reason=reason)) from error
    saved = parts.correcting.save(name, asked, by, expected)
    if isinstance(saved, NotSaved):
        extra = None
        if saved.refusal.code == problems.CORRECTIONS_CHANGED.code:
            present = saved.present
            extra = {
                "present": msgspec.to_builtins(present.corrections) if present else None,
                "etag": present.etag if present else None,
            }
        raise RefusedError(saved.refusal, extra=extra)
    parts.lists.forget(name)
    return saved


def _expected(request: Request) -> str | None:
    """Return the ETag that the corrections must have, None where there must be none. Raises `RefusedError`."""
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if match and match != "*" and not none_match:
        return match
    if none_match == "*" and not match:
        return None
    raise RefusedError(problems.CONDITION_NEEDED.refusal())


def _by(parts: WebParts, request: Request) -> str:
    """Return who asks: only where the platform sets the principal it is believed."""
    principal = principal_in(request.headers) if parts.settings.web == "entra" else None
    return principal.name if principal else BY_KEY
