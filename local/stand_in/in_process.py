"""A stand-in behind a ``requests`` session, without a port: for tests that move the clock.

    service = LanguageService([project], clock=clock)
    session = requests.Session()
    session.mount("https://loans.cognitiveservices.azure.com", InProcessAdapter(service))

Whatever uses the session talks to the service as it would over a socket: connections can be cut, bodies can end in the
middle, and a reply that comes later than the read timeout is one.
"""

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from local.stand_in.messages import Delivery, Request, Response, StandIn


class MovableClock:
    """A clock that stands still until it is moved; pass it to a stand-in."""

    def __init__(self, start: datetime = datetime(2025, 1, 15, 12, 0, 0, tzinfo=UTC)) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """Give the time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._now += timedelta(seconds=seconds)


class InProcessAdapter(HTTPAdapter):
    """A transport adapter that hands every request to a stand-in.

    A delayed reply costs no time: it only counts against the read timeout. ``wait`` is called with the seconds, for
    instance a clock's ``advance``.
    """

    def __init__(self, service: StandIn, wait: Callable[[float], None] = lambda _: None) -> None:
        super().__init__()
        self._service = service
        self._wait = wait

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        response = self._service.handle(_service_request(request))
        read_timeout = timeout[1] if isinstance(timeout, tuple) else timeout
        if read_timeout is not None and response.delay_seconds > read_timeout:
            self._wait(read_timeout)
            raise requests.ReadTimeout(f"Read timed out. (read timeout={read_timeout})", request=request)
        # A reply in drips never lets a read wait long: only its end is late.
        self._wait(response.delay_seconds + response.drip_seconds)
        if response.delivery is Delivery.CUT:
            raise requests.ConnectionError(
                ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer")),
                request=request,
            )
        built: requests.Response = self.build_response(request, _raw(response, str(request.method)))
        if not stream:
            _ = built.content  # read now, as a session would, so that half a body is found out here
        return built


def _service_request(request: requests.PreparedRequest) -> Request:
    url = urlsplit(str(request.url))
    body: Any = request.body or b""
    return Request(
        method=str(request.method),
        base_url=f"{url.scheme}://{url.netloc}",
        path=unquote(url.path),
        query=url.query,
        headers={str(name).lower(): _text(value) for name, value in request.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _raw(response: Response, method: str) -> HTTPResponse:
    headers = {name: value for name, value in response.headers.items() if name.lower() != "transfer-encoding"}
    body = response.body
    headers["Content-Length"] = str(len(body))
    if response.delivery is Delivery.TRUNCATED:
        body = body[: len(body) // 2]
    return HTTPResponse(
        body=io.BytesIO(body),
        headers=headers,
        status=response.status,
        preload_content=False,
        enforce_content_length=True,
        request_method=method,
    )
