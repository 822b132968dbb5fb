"""A small Azure Resource Manager over HTTP: it knows the resources that a test gives it, and answers as it is told."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from functions.cli.azure_resources import ResourceManager

TOKEN = "token-of-a-person"


@dataclass
class FakeResourceManager:
    """What it knows and what it was asked. Ids are compared without regard to case, as by the service."""

    address: str
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The properties of resources by id."""
    status: int = 200
    """What everything is answered with, if not 200."""
    body: bytes | None = None
    """What everything is answered with instead of the resource."""
    is_stuck: bool = False
    """Whether it takes requests and answers nothing until the test is over."""
    asked: list[str] = field(default_factory=list)
    """The paths."""
    over: threading.Event = field(default_factory=threading.Event)

    def client(self, *, token: str = TOKEN, timeout_s: float = 5.0) -> ResourceManager:
        """Return the app's own client of it."""
        return ResourceManager(self.address, lambda: token, timeout_s)

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        """Answer a request."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        self.asked.append(path)
        if self.is_stuck:
            self.over.wait(30)
        if authorization != f"Bearer {TOKEN}":
            return _error(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if self.status != 200:
            return _error(self.status, "AuthorizationFailed", "The client does not have authorization.")
        if "api-version" not in parse_qs(parts.query):
            return _error(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        if self.body is not None:
            return 200, self.body
        found = next((value for name, value in self.resources.items() if name.lower() == path.lower()), None)
        if found is None:
            return _error(404, "ResourceNotFound", f"The Resource '{path}' was not found.")
        return 200, json.dumps({"id": path, "properties": found}).encode()


def _error(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"error": {"code": code, "message": message}}).encode()


@contextlib.contextmanager
def fake_resource_manager() -> Iterator[FakeResourceManager]:
    """Run one on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = fake.answer(self.path, self.headers.get("Authorization"))
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = FakeResourceManager(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield fake
    finally:
        fake.over.set()
        server.shutdown()
        server.server_close()
