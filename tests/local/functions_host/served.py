"""Serves a functions app by the local host on a real port, inside the test's process, and speaks raw HTTP to it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func

from local.azurite import Azurite
from local.functions_host.app_loader import read_functions
from local.functions_host.host import Host, HostSettings
from local.functions_host.host_json import parse_host_json

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case, repeated ones kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Served:
    """A host that serves; `ask` sends what it is given, header by header, and the path as it is."""

    host: Host

    @property
    def port(self) -> int:
        return int(self.host.url.rpartition(":")[2])

    def ask(
        self,
        path: str,
        headers: Headers = (),
        *,
        method: str = "GET",
        body: bytes | None = None,
        is_chunked: bool = False,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            names = {name.lower() for name, _ in headers}
            connection.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if is_chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            elif body is not None and "content-length" not in names:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body, encode_chunked=is_chunked)
            reply = connection.getresponse()
            content = reply.read()
            kept = tuple((name.lower(), value) for name, value in reply.getheaders())
            return Answer(reply.status, kept, content)
        finally:
            connection.close()

    def ask_raw(self, text: bytes) -> bytes:
        """Send bytes as they are, and return all that comes back until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(text)
            return b"".join(iter(lambda: connection.recv(65536), b""))


Serve = Callable[..., Served]


def serving(storage: Azurite, folder: Path) -> Iterator[Serve]:
    """Yield what serves an app: `serve(app, {"routePrefix": ""}, environ={}, settings...)`; all end with the test."""
    hosts: list[Host] = []

    def serve(
        app: func.FunctionRegister,
        http_section: Mapping[str, Any] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        host_json: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Served:
        extensions = {} if http_section is None else {"extensions": {"http": http_section}}
        options = parse_host_json({"version": "2.0", **extensions, **(host_json or {})}, cores=2)
        values = {"AzureWebJobsStorage": storage.connection_string, **(environ or {})}
        host = Host(HostSettings(folder, **settings), options, read_functions(app), values)
        hosts.append(host)
        host.start()
        return Served(host)

    yield serve
    for host in hosts:
        host.stop()
