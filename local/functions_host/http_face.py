"""The host's HTTP face: the Event Grid webhook, runs by hand, the counters, and what leads to the app's own functions.

Routes and keys: azure-functions-host `HostController` and `DefaultScriptWebHookProvider` (read October 2024).
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from local.functions_host.errors import StorageError
from local.functions_host.event_grid import EVENT_TYPE_HEADER
from local.functions_host.http_keys import key_of, same
from local.loopback import LoopbackOnly

logger = logging.getLogger(__name__)

WEBHOOK_PATH = "/runtime/webhooks/blobs"


class Triggers(Protocol):
    """What the HTTP face asks of the host."""

    def receive_events(self, function_name: str, event_type: str, body: bytes) -> tuple[int, Any]:
        """Take an Event Grid request; return the status and the JSON body (None: no body)."""

    def run_by_hand(self, function_name: str, text: str) -> None:
        """Start a run in the background; raises `LookupError` or `ValueError` when that cannot be."""

    def status(self) -> dict[str, Any]:
        """Return the counters."""


def create_app(
    triggers: Triggers, extension_key: str, master_key: str | None, functions: ASGIApp | None = None
) -> Starlette:
    """Return the web application; without a master key the admin routes are open, as the host listens on loopback.

    What is for no route of the host's own goes to `functions`, those of the app.
    """

    async def webhook(request: Request) -> Response:
        given = key_of(request)
        if not same(given, extension_key) and not (master_key and same(given, master_key)):
            return PlainTextResponse("The key is missing or wrong; send the blobs_extension key as 'code'.", 401)
        name = request.query_params.get("functionName", "")
        event_type = request.headers.get(EVENT_TYPE_HEADER, "")
        try:
            status, body = await run_in_threadpool(triggers.receive_events, name, event_type, await request.body())
        except (LookupError, ValueError) as exc:
            return PlainTextResponse(_text(exc), 404 if isinstance(exc, LookupError) else 400)
        except StorageError as exc:
            # Event Grid delivers again after a 5xx.
            logger.warning("An event could not be put on the queue: %s", exc)
            return PlainTextResponse("The event could not be stored; deliver it again.", 503)
        return Response(status_code=status) if body is None else JSONResponse(body, status)

    async def run(request: Request) -> Response:
        if not _may_administer(request):
            return _refused()
        try:
            text = _input_of(await request.body())
            await run_in_threadpool(triggers.run_by_hand, request.path_params["name"], text)
        except LookupError as exc:
            return PlainTextResponse(_text(exc), 404)
        except ValueError as exc:
            return PlainTextResponse(_text(exc), 400)
        return Response(status_code=202)

    async def status(request: Request) -> Response:
        return JSONResponse(triggers.status()) if _may_administer(request) else _refused()

    def _may_administer(request: Request) -> bool:
        return master_key is None or same(key_of(request), master_key)

    app = Starlette(
        routes=[
            Route(WEBHOOK_PATH, webhook, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
            Route("/admin/functions/{name}", run, methods=["POST"]),
            Route("/admin/host/status", status, methods=["GET"]),
        ],
    )
    app.router.redirect_slashes = False
    if functions:
        app.router.default = functions
    return app


def _refused() -> Response:
    return PlainTextResponse("The master key is missing or wrong; send it as 'x-functions-key'.", 401)


def _text(exc: Exception) -> str:
    return str(exc.args[0]) if exc.args else type(exc).__name__


def _input_of(body: bytes) -> str:
    content = json.loads(body) if body.strip() else {}
    if not isinstance(content, dict):
        raise ValueError('The body must be an object such as {"input": ""}.')
    given = content.get("input", "")
    return given if isinstance(given, str) else json.dumps(given)


def bind(port: int) -> socket.socket:
    """Return a socket on a loopback port, 0 for a free one; it does not answer yet. Raises `OSError`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


class HttpFace:
    """Serves the application on a loopback port, in a thread; pages of other origins are refused (`LoopbackOnly`)."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._socket = listener
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            LoopbackOnly(app),
            log_config=None,
            access_log=False,
            lifespan="off",
            # Else it would believe the X-Forwarded headers of anybody on this machine.
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._socket.listen(128)
        self._thread.start()

    def stop(self) -> None:
        """Answer the requests under way and close."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])
