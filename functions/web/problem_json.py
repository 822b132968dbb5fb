"""Answers of the API: JSON, and problems as RFC 9457 has them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from ..problems import Refusal

PROBLEM_TYPE = "application/problem+json"
JSON_TYPE = "application/json"

TYPE_PREFIX = "urn:entity-drop:problem:"
"""What the `type` of a problem begins with; its code follows, which docs/problems.md explains."""


class RefusedError(Exception):
    """Ends a request with a refusal; `extra` are further members of the problem, `headers` of the answer."""

    def __init__(
        self, refusal: Refusal, *, extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.refusal = refusal
        self.extra = extra or {}
        self.headers = headers or {}
        super().__init__(refusal.code)


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with a struct or plain data as JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type=JSON_TYPE)


def problem_response(
    refusal: Refusal, extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a refusal as a problem; `x-ms-error-code` has the code, too, as answers of Azure's own services do."""
    return Response(
        problem_body(refusal, extra),
        refusal.status,
        {"x-ms-error-code": refusal.code, **(headers or {})},
        media_type=PROBLEM_TYPE,
    )


def problem_body(refusal: Refusal, extra: Mapping[str, Any] | None = None) -> bytes:
    """Return the JSON of a problem."""
    content = {
        "type": TYPE_PREFIX + refusal.code,
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.message,
        "code": refusal.code,
        "help": refusal.help,
        **(extra or {}),
    }
    return msgspec.json.encode(content)
