"""The requests and responses of a stand-in, which is a function from one to the other and knows no sockets."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from enum import Enum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names in lower case."""

    method: str
    #: Scheme, host and port the client spoke to: links in replies start with it.
    base_url: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Delivery(Enum):
    """How a response reaches the client."""

    WHOLE = "whole"
    #: The connection is cut before a byte of the response.
    CUT = "cut"
    #: Headers that announce the whole body, half of it, and then the connection is cut.
    TRUNCATED = "truncated"
    #: Headers and body byte by byte, spread over ``Response.drip_seconds``.
    DRIP = "drip"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response and how it is to be delivered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    delivery: Delivery = Delivery.WHOLE
    #: Seconds to wait before the response is sent.
    delay_seconds: float = 0.0
    #: Seconds over which the bytes of the response are spread, with ``Delivery.DRIP``.
    drip_seconds: float = 0.0


class StandIn(Protocol):
    """A stand-in, as ``web`` and ``in_process`` serve it. Safe to call from several threads."""

    def handle(self, request: Request) -> Response:
        """Answer a request."""


def encoded(body: Any) -> bytes:
    """Write JSON in ASCII with escapes: also a lone surrogate from a client's text comes back as it was."""
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def service_reply(
    status: int, now: datetime, *, region: str | None, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Response:
    """Give a reply with the headers that replies of Azure's AI services have (recorded)."""
    common = {
        "apim-request-id": str(uuid.uuid4()),
        "Date": format_datetime(now, usegmt=True),
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
        "X-Content-Type-Options": "nosniff",
        "x-envoy-upstream-service-time": "20",
    }
    if region:
        common["x-ms-region"] = region
    if body:
        common["Content-Type"] = "application/json; charset=utf-8"
    return Response(status, {**common, **(headers or {})}, body)
