"""What every request passes and every answer gets: access, and security headers. The only place of both."""

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

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    # Not no-referrer: a request of the page's own would then carry no origin that could be checked.
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
}


def api_headers() -> dict[str, str]:
    """Return the headers of every answer with data: never kept, and nothing runs in it if a browser shows it."""
    return _EVERYWHERE | {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "sandbox",
    }


def page_headers(upload_origin: str | None) -> dict[str, str]:
    """Return the headers of the page's files, which hold no data: asked for anew each time, nothing runs inline."""
    connect = f"'self' {upload_origin}" if upload_origin else "'self'"
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": connect,
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return _EVERYWHERE | {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
    }


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
        logger.warning("A request failed at the storage: %s.", code, extra={"action": "request_failed", "reason": code})
        refusal = problems.STORAGE_UNAVAILABLE.refusal(code=code)
        return problem_response(refusal, headers={"Retry-After": str(RETRY_AFTER_S)})
    name = type(error).__name__
    logger.error("A request failed: %s.", name, exc_info=error, extra={"action": "request_failed", "reason": name})
    return problem_response(problems.REQUEST_FAILED.refusal(error=name))
