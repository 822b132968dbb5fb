"""The Language stand-in behind bare sockets that an odd reply can take over, and a host that nobody should call."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from local.language_service.service import LanguageService
from local.stand_in.messages import Request, Response
from tests.support.raw_server import read_request

Odd = Callable[["Asked"], None]
"""Answers one request in an odd way; without a word, the connection is closed."""


@dataclass(slots=True)
class Asked:
    """One request, and the connection that waits for its reply."""

    server: "LanguageServer"
    connection: socket.socket
    request: Request
    keeps_open: bool = False
    """Whether the connection can be used again: after a whole reply."""

    @property
    def is_submission(self) -> bool:
        return self.request.method == "POST" and self.request.path.endswith("/jobs")

    def carry_out(self) -> Response:
        """Let the service do what is asked for, and return its reply, which is not sent yet."""
        response = self.server.service.handle(self.request)
        location = response.headers.get("operation-location", "")
        if self.is_submission and location:
            documents = json.loads(self.request.body)["analysisInput"]["documents"]
            self.server.texts[_job_of(location)] = {one["id"]: one["text"] for one in documents}
        return response

    def documents(self) -> dict[str, str]:
        """Return the texts of the job that is asked for, by the ids that the job gave them."""
        return self.server.texts.get(_job_of(self.request.path), {})

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """Send a whole reply."""
        self.send(head(status, {**headers, "Content-Length": str(len(body))}) + body)
        self.keeps_open = True

    def reply_well(self, response: Response) -> None:
        """Send a reply of the service as it is."""
        left_out = ("content-length", "transfer-encoding")
        headers = {name: value for name, value in response.headers.items() if name.lower() not in left_out}
        self.reply(response.status, headers, response.body)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def drip(self, drop: bytes, seconds: float = 0.02) -> None:
        """Send a drop again and again, for as long as the client listens."""
        while not self.server.is_over.wait(seconds):
            self.send(drop)


def head(status: int, headers: dict[str, str]) -> bytes:
    """Return status line and headers of a reply."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _job_of(path: str) -> str:
    return urlsplit(path).path.rpartition("/")[2]


@dataclass(slots=True)
class LanguageServer:
    """Answers with the service's own replies, but for those that `odd` takes over.

    `odd` is asked before each request is carried out, and returns None for those that it leaves alone.
    """

    port: int = 0
    odd: Callable[[Asked], Odd | None] = lambda asked: None
    service: LanguageService = field(init=False, repr=False)
    requests: list[Request] = field(default_factory=list)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    is_over: threading.Event = field(default_factory=threading.Event)
    _listening: socket.socket | None = None
    _connections: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Accept connections, on the same port as before if there was one."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        self._start(self._accept, self._listening)

    def close(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._listening:
            # Wakes the thread that waits in `accept`.
            self._listening.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._connections, self._threads, self._listening = [], [], None

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket) -> None:
        with listening, contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(OSError):
            while raw := read_request(connection):
                asked = Asked(self, connection, self._parsed(raw))
                self.requests.append(asked.request)
                odd = self.odd(asked)
                if odd:
                    odd(asked)
                else:
                    asked.reply_well(asked.carry_out())
                if not asked.keeps_open:
                    return

    def _parsed(self, raw: bytes) -> Request:
        start, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = start.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        url = urlsplit(target)
        return Request(method, self.url, unquote(url.path), url.query, headers, body)


@contextlib.contextmanager
def language_server() -> Iterator[LanguageServer]:
    """Run a server in threads of its own; its `service` is to be set before the first request."""
    server = LanguageServer()
    server.open()
    try:
        yield server
    finally:
        server.is_over.set()
        server.close()


@contextlib.contextmanager
def foreign_host() -> Iterator[LanguageServer]:
    """Run another host, which answers every request with an error and keeps what it was sent."""
    with language_server() as host:
        host.odd = lambda asked: lambda asked: asked.reply(404, {})
        yield host
