"""The HTTP face of the stand-in: loopback only, on uvicorn with httptools."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.language_service.service import Delivery, LanguageService, Request, Response

HOST = "127.0.0.1"
#: Where the connection's transport is found in the ASGI scope.
_TRANSPORT = "local.language_service.transport"
#: Bodies above this are cut off while they are read; the service refuses them for their size anyway.
_MAX_BODY_BYTES = 16 * 1024 * 1024


class _CuttableProtocol(HttpToolsProtocol):
    """Hands the connection to the app, so that it can be cut: ASGI itself has no word for that."""

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.scope[_TRANSPORT] = self.transport  # type: ignore[literal-required]


class LanguageApp:
    """An ASGI application around a ``LanguageService``."""

    def __init__(self, service: LanguageService) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        http_request = HttpRequest(scope, receive)
        request = Request(
            method=scope["method"],
            base_url=f"{scope['scheme']}://{http_request.headers.get('host', HOST)}",
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers={name.lower(): value for name, value in http_request.headers.items()},
            body=await _body(http_request),
        )
        response = self._service.handle(request)
        if response.delay_seconds:
            await asyncio.sleep(response.delay_seconds)
        await _deliver(response, scope, send)


async def _body(request: HttpRequest) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= _MAX_BODY_BYTES:
            chunks.append(chunk)
    return b"".join(chunks)


async def _deliver(response: Response, scope: Scope, send: Send) -> None:
    transport: asyncio.Transport = scope[_TRANSPORT]
    if response.delivery is Delivery.CUT:
        transport.abort()
        return
    headers = {name.lower(): value for name, value in response.headers.items()}
    # uvicorn writes the chunks of a reply without a length by itself.
    chunked = headers.pop("transfer-encoding", None) == "chunked"
    if not chunked:
        headers["content-length"] = str(len(response.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    if response.delivery is Delivery.TRUNCATED:
        await send({"type": "http.response.body", "body": response.body[: len(response.body) // 2], "more_body": True})
        # Closed, not aborted: the half that was written still goes out.
        transport.close()
        return
    await send({"type": "http.response.body", "body": response.body})


def serve(service: LanguageService, port: int, when_ready: Callable[[int], None]) -> None:
    """Serve on the loopback interface until SIGTERM or SIGINT; port 0 takes a free one.

    ``when_ready`` is called with the port once connections are accepted.
    """
    listener = socket.create_server((HOST, port), backlog=2048)
    config = uvicorn.Config(
        LanguageApp(service),
        http=_CuttableProtocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    server = _AnnouncingServer(config, lambda: when_ready(listener.getsockname()[1]))
    with listener:
        server.run(sockets=[listener])


class _AnnouncingServer(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._when_ready()


__all__: list[Any] = ["HOST", "LanguageApp", "serve"]
