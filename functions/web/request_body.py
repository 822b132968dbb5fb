"""The body of a request to the API: JSON of a bounded size. Resources read it here and in no other way."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from .. import problems
from ..problems import Refusal
from ..typed_data import from_json
from .problem_json import JSON_TYPE, RefusedError

MOST_BODY_BYTES = 65_536
"""Documents do not pass through the API."""

T = TypeVar("T")


async def read_body(request: Request, most_bytes: int = MOST_BODY_BYTES) -> bytes:
    """Return the body of a request that says it is JSON of at most so many bytes. Raises `RefusedError`."""
    refusal = _refusal(request, most_bytes)
    if refusal:
        raise RefusedError(refusal)
    return await request.body()


async def json_body(request: Request, kind: type[T]) -> T:
    """Return the body as a struct of a kind; raises `RefusedError` where it is not one."""
    body = await read_body(request)
    try:
        return from_json(body, kind)
    except (msgspec.DecodeError, ValueError) as error:
        # What msgspec says names the place and the kind that is expected, and never the value.
        raise RefusedError(problems.INVALID_REQUEST.refusal(reason=str(error) or "it is not JSON")) from error


def _refusal(request: Request, most_bytes: int) -> Refusal | None:
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        # What comes in chunks reaches the app without its content ("Azure/azure-functions-host" issue 4926).
        return problems.LENGTH_NEEDED.refusal()
    if int(length) > most_bytes:
        return problems.REQUEST_TOO_LARGE.refusal(limit=most_bytes)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        # A form of another site can not send this type without asking first.
        return problems.WRONG_CONTENT_TYPE.refusal()
    return None
