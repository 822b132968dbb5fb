"""A server of bare sockets, for replies that no HTTP library would send."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Script = Callable[[socket.socket, "RawServer"], None]
"""Does something with a connection whose request was read; the connection is closed when it returns."""


@dataclass(slots=True)
class RawServer:
    """Plays a script for each request, and notes what it has seen."""

    port: int
    script: Script
    reads: bool = True
    """Whether requests are read before the script begins."""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: scripts that go on for ever end."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def raw_server(script: Script, *, reads: bool = True, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run a server in threads of its own; at the end all its connections are cut."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.02)
        server = RawServer(listening.getsockname()[1], script, reads)
        serving: list[tuple[threading.Thread, socket.socket]] = []

        def accept() -> None:
            while not server.over.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listening.accept()
                    server.connections += 1
                    # Of its own, because TLS takes the socket over.
                    serving.append((threading.Thread(target=_serve, args=(server, connection, tls)), connection.dup()))
                    serving[-1][0].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.over.set()
            accepting.join()
            for thread, connection in serving:
                with connection, contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                thread.join(5)


def _serve(server: RawServer, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(5)
    with contextlib.suppress(OSError), contextlib.closing(_secured(connection, tls)) as secured:
        while not server.over.is_set():
            if server.reads:
                request = read_request(secured)
                if not request:
                    return
                server.requests.append(request)
            server.script(secured, server)
            if not server.reads:
                return


def _secured(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    if tls is None:
        return connection
    with connection:
        return tls.wrap_socket(connection, server_side=True)


def read_request(connection: socket.socket) -> bytes:
    """Read one request to its end; empty where the connection is closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    wanted = int(lengths[0]) if lengths else 0
    while len(body) < wanted:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
