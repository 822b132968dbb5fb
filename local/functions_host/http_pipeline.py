"""What a request passes before it reaches a function: front end, throttle, headers, sign-in.

Rules: azure-functions-host `WebJobsApplicationBuilderExtension`, `CustomHttpHeadersMiddleware`,
`HttpThrottleMiddleware`, `HttpRequestQueue`, `HstsConfigurationMiddleware`, `AppServiceHeaderFixupMiddleware` (read
October 2024). Each is an ASGI application in front of another.
"""

from __future__ import annotations

import asyncio
import re

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.functions_host.host_json import HttpSection


class AddedHeaders:
    """Adds the headers of host.json to every answer that does not have them; `hsts` only over https."""

    def __init__(self, app: ASGIApp, section: HttpSection) -> None:
        self._app = app
        self._headers = {name.lower().encode(): value.encode() for name, value in section.custom_headers.items()}
        self._hsts = section.hsts
        self._without_hsts = section.hsts_excluded_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                present = {name.lower() for name, _ in headers}
                added = dict(self._headers)
                if self._hsts and scope["scheme"] == "https" and _host_of(scope) not in self._without_hsts:
                    added[b"strict-transport-security"] = self._hsts.encode()
                message = {**message, "headers": headers + [pair for pair in added.items() if pair[0] not in present]}
            await send(message)

        await self._app(scope, receive, with_headers)


def _host_of(scope: Scope) -> str:
    """Return the name in the Host header, without a port."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    return re.sub(r":\d*$", "", host)


class Throttle:
    """Lets so many requests run at a time and so many wait; more are 429. Admin requests do not count."""

    def __init__(self, app: ASGIApp, section: HttpSection) -> None:
        self._app = app
        self._outstanding = 0
        self._most = section.max_outstanding
        self._running = asyncio.Semaphore(section.max_concurrent) if section.max_concurrent else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"].lower().startswith("/admin"):
            await self._app(scope, receive, send)
            return
        if self._most is not None and self._outstanding >= self._most:
            await Response(status_code=429, headers={"X-FUNCTION-SCALEOUT": "1"})(scope, receive, send)
            return
        self._outstanding += 1
        try:
            if self._running is None:
                await self._app(scope, receive, send)
            else:
                async with self._running:
                    await self._app(scope, receive, send)
        finally:
            self._outstanding -= 1


class FrontEnd:
    """Does what the host does behind the platform's front end: the host name and the scheme come from its headers.

    `DISGUISED-HOST` becomes the host, the first `X-Forwarded-Proto` the scheme; `X-Forwarded-Host` means nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        given = dict(reversed(scope["headers"]))
        scope = dict(scope)
        if host := given.get(b"disguised-host"):
            scope["headers"] = [
                *((name, value) for name, value in scope["headers"] if name != b"host"),
                (b"host", host),
            ]
        if proto := given.get(b"x-forwarded-proto"):
            scope["scheme"] = proto.decode("latin-1").split(",")[0].strip()
        await self._app(scope, receive, send)
