"""What every request passes and every answer gets: access, and the headers of `page_headers`."""

import logging
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import problems
from ..errors import NewerRecord
from ..problems import Refusal
from ..storage.containers import storage_code
from .problem_json import problem_response

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5


class Guard:
    """An ASGI application in front of another.

    `refusal_of` says, by method and headers, why a request is refused. Whatever an application raises is answered as a
    problem, without its text.
    """

    def __init__(
        self,
        app: ASGIApp,
        headers: Mapping[str, str],
        refusal_of: Callable[[str, Mapping[str, str]], Refusal | None],
    ) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._refusal_of = refusal_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = message.get("headers", [])
                present = {name.lower() for name, _ in given}
                added = [pair for pair in self._headers if pair[0] not in present]
                message = {**message, "headers": [*given, *added]}
            elif message["type"] == "http.response.body":
                # The adapter of the Functions library wants the field, which ASGI lets be left out.
                message = {"body": b"", **message}
            await send(message)

        try:
            request = Request(scope)
            refusal = self._refusal_of(request.method, request.headers)
            app = problem_response(refusal) if refusal else self._app
            # Where an application is named, routes raise what they can not answer, and do not answer it in plain text.
            await app({**scope, "app": self}, receive, with_headers)
        except Exception as error:
            if begun:
                raise
            await _failed(error)(scope, receive, with_headers)


def _failed(error: Exception) -> ASGIApp:
    if isinstance(error, NewerRecord):
        return problem_response(problems.NEWER_RELEASE.refusal(), headers={"Retry-After": str(12 * RETRY_AFTER_S)})
    code = storage_code(error)
    if code:
        logger.warning(
            "A request failed at the storage: %s.", code, extra={"action": "api_request_failed", "reason": code}
        )
        refusal = problems.STORAGE_UNAVAILABLE.refusal(code=code)
        return problem_response(refusal, headers={"Retry-After": str(RETRY_AFTER_S)})
    name = type(error).__name__
    logger.error("A request failed: %s.", name, exc_info=error, extra={"action": "api_request_failed", "reason": name})
    return problem_response(problems.REQUEST_FAILED.refusal(error=name))
