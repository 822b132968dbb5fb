"""Keeps web pages away from the servers on this machine that need no key.

The servers listen on the loopback interface only, but a browser on the same machine reaches them on behalf of any page:
under a name of the page's own that it lets point to 127.0.0.1 (DNS rebinding; then the page may even read the answers),
or straight, with a request that it may send without asking first. The first is recognised by the `Host` header, the
second by `Origin` and `Sec-Fetch-Site` (RFC 9110 section 7.2; Fetch Metadata Request Headers, W3C working draft, read
November 2026).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]@/?#\s]+)(?::(?P<port>\d{1,5}))?", re.IGNORECASE)
_HTTP_PORT = 80

Header = tuple[bytes, bytes]


class LoopbackOnly:
    """An ASGI application in front of another: it answers what is not meant for this machine, and passes on the rest.

    421 for a `Host` that is missing, doubled, or not a loopback name with the port of this server; 403 for a request
    that a browser sends for a page of another origin, this machine's other ports included.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            refusal = refusal_of(scope["headers"], scope["server"][1])
            if refusal:
                await _refuse(send, *refusal)
                return
        await self._app(scope, receive, send)


def refusal_of(headers: Sequence[Header], port: int) -> tuple[int, str] | None:
    """Return status and reason where a request is to be refused by the server on `port`, else None.

    `headers` have their names in lower case, as ASGI has them.
    """
    hosts = _values(headers, b"host")
    if len(hosts) != 1 or not is_loopback(hosts[0], port):
        return 421, "This server answers to 127.0.0.1 and localhost with its port only; the Host header says otherwise."
    for origin in _values(headers, b"origin"):
        scheme, _, host = origin.partition("://")
        if scheme.lower() != "http" or not is_loopback(host, port):
            return 403, "This server does not answer pages of another origin."
    if any(site.lower() not in ("same-origin", "none") for site in _values(headers, b"sec-fetch-site")):
        return 403, "This server does not answer pages of another origin."
    return None


def is_loopback(host: str, port: int) -> bool:
    """Tell whether a `Host` (name or address, with or without a port) means this machine and `port`."""
    match = _HOST.fullmatch(host.strip())
    if match is None or match["name"].lower() not in _LOOPBACK_NAMES:
        return False
    return int(match["port"] or _HTTP_PORT) == port


def _values(headers: Sequence[Header], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    # What the client still wants to send is not read; the connection would be out of step.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
