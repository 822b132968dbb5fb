"""The HTTP face of a stand-in: loopback only, on uvicorn with httptools; pages of other origins are refused."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from types import FrameType

import uvicorn
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.loopback import LoopbackOnly
from local.stand_in.messages import Delivery, Request, Response, StandIn

HOST = "127.0.0.1"
#: Where the connection's transport is found in the ASGI scope.
_TRANSPORT = "local.stand_in.transport"
#: Bodies above this are cut off while they are read; no stand-in accepts larger ones.
_MAX_BODY_BYTES = 128 * 1024 * 1024


class _CuttableProtocol(HttpToolsProtocol):
    """Hands the connection to the app, so that it can be cut: ASGI itself has no word for that."""

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.scope[_TRANSPORT] = self.transport  # type: ignore[literal-required]


class StandInApp:
    """An ASGI application around a stand-in."""

    def __init__(self, service: StandIn) -> None:
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
        await _deliver(response, scope, receive, send)


async def _body(request: HttpRequest) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= _MAX_BODY_BYTES:
            chunks.append(chunk)
    return b"".join(chunks)


async def _deliver(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    transport: asyncio.Transport = scope[_TRANSPORT]
    if response.delivery is Delivery.CUT:
        transport.abort()
        await _gone(receive)
        return
    if response.delivery is Delivery.DRIP:
        await _drip(response, transport)
        await _gone(receive)
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
        await _gone(receive)
        return
    await send({"type": "http.response.body", "body": response.body})


async def _drip(response: Response, transport: asyncio.Transport) -> None:
    """Write the response byte by byte past ASGI, which writes headers at once; then close the connection."""
    headers = {name.lower(): value for name, value in response.headers.items() if name.lower() != "transfer-encoding"}
    headers |= {"content-length": str(len(response.body)), "connection": "close"}
    head = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    written = "\r\n".join([*head, "", ""]).encode("latin-1") + response.body
    for n in range(len(written)):
        if transport.is_closing():
            return
        transport.write(written[n : n + 1])
        await asyncio.sleep(response.drip_seconds / len(written))
    transport.close()


async def _gone(receive: Receive) -> None:
    """Wait until uvicorn has seen the connection go: an unfinished reply is then no mistake of the app's."""
    while (await receive())["type"] != "http.disconnect":
        pass


def serve(service: StandIn, port: int, when_ready: Callable[[int], None]) -> None:
    """Serve on the loopback interface until SIGTERM or SIGINT; port 0 takes a free one.

    ``when_ready`` is called with the port once connections are accepted. Raises ``OSError`` if the port is taken.
    """
    with _listener(port) as listener:
        _Server(service, lambda: when_ready(listener.getsockname()[1])).run(sockets=[listener])


@contextmanager
def in_background(service: StandIn) -> Iterator[str]:
    """Serve on a free port from a thread of this process, as long as the context lasts; gives the base address."""
    ready = threading.Event()
    with _listener(0) as listener:
        server = _Server(service, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="stand-in")
        thread.start()
        try:
            ready.wait()
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _listener(port: int) -> socket.socket:
    # The protocol is named because asyncio turns the Nagle algorithm off only for sockets that name it; with it on,
    # each reply with a body takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn, set up for the stand-in, that says when it is ready."""

    def __init__(self, service: StandIn, when_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            LoopbackOnly(StandInApp(service)),
            http=_CuttableProtocol,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._when_ready = when_ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, and that is all: uvicorn would raise the signal again in the end, and the process would die of it."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._when_ready()
