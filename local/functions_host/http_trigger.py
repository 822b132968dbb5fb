"""HTTP triggers: which function a request is for, how it reaches the worker, and what becomes of its answer.

Rules, read 2026-11 unless stated: azure-functions-host `WebScriptHostHttpRoutesManager`, `ScriptHost.ValidateFunction`,
`FunctionInvocationMiddleware`, `HomepageMiddleware`, `GrpcMessageConversionExtensions.ToRpcHttp` (October 2024);
WebJobs.Extensions.Http; azure-functions `http.py`; azure_functions_runtime `datumdef.py` for cookies.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from azure.functions.meta import Datum, get_binding_registry
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.functions_host.app_loader import AppFunction
from local.functions_host.http_address import decode_path, encode_path, query_parameters
from local.functions_host.http_keys import FUNCTION, FunctionKeys
from local.functions_host.http_route import RouteTemplate, build_template
from local.functions_host.worker import Worker

logger = logging.getLogger(__name__)

BODY_LIMIT_BYTES = 104_857_600
"""azure-functions-host `ScriptConstants.DefaultMaxRequestBodySize`; the setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT."""

RESPONSE_TIMEOUT_S = 230.0
"""After which the platform's load balancer answers 502; the function runs on ("HTTP trigger", read 2026-11)."""

MOST_REQUEST_LINE_BYTES, MOST_HEADER_BYTES, MOST_HEADERS = 8 * 1024, 32 * 1024, 100
"""Kestrel's defaults (dotnet/aspnetcore `KestrelServerLimits`), which the host leaves as they are."""

_RESERVED = ("admin", "runtime")


@dataclass(frozen=True, slots=True)
class HttpFunction:
    """One function with its route; `methods` is empty where it answers all of them."""

    function: AppFunction
    route: RouteTemplate
    methods: frozenset[str]
    level: str

    @classmethod
    def read(cls, function: AppFunction, prefix: str) -> HttpFunction:
        """Return a function with its route; raises `ValueError` for a route that stops the host."""
        trigger = function.trigger
        # A route that is missing or blank is the function's name.
        route = str(trigger.get("route") or "").strip() or function.name
        methods = (str(getattr(one, "value", one)).upper() for one in trigger.get("methods") or ())
        level = trigger.get("authLevel") or FUNCTION
        return cls(
            function,
            RouteTemplate.parse(build_template(prefix, route)),
            frozenset(methods),
            str(getattr(level, "value", level)).lower(),
        )

    @property
    def own_route(self) -> str:
        """The route without the prefix, as the host compares it: without slashes around it, in lower case."""
        return (str(self.function.trigger.get("route") or "").strip() or self.function.name).strip("/").lower()


def registered(functions: Sequence[HttpFunction]) -> tuple[list[HttpFunction], dict[str, str]]:
    """Return the functions that answer, in the order in which they are asked, and why each of the others does not.

    The order is that of the names; how special a route is plays no part. A catch-all has to have the last name.
    """
    kept: list[HttpFunction] = []
    refused: dict[str, str] = {}
    for one in sorted(functions, key=lambda each: each.function.name.lower()):
        if one.own_route.startswith(_RESERVED):
            refused[one.function.name] = f"its route '{one.own_route}' begins with 'admin' or 'runtime'"
            continue
        twin = next((other for other in kept if _collide(one, other)), None)
        if twin:
            refused[one.function.name] = f"'{twin.function.name}' has the same route '{one.own_route}' and methods"
            continue
        kept.append(one)
    return kept, refused


def _collide(one: HttpFunction, other: HttpFunction) -> bool:
    if one.own_route != other.own_route:
        return False
    return not one.methods or not other.methods or bool(one.methods & other.methods)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What the host decides about requests. Times in seconds."""

    keys: FunctionKeys = field(default_factory=FunctionKeys)
    body_limit_bytes: int = BODY_LIMIT_BYTES
    response_timeout_s: float = RESPONSE_TIMEOUT_S
    has_homepage: bool = True


class HttpFunctions:
    """The ASGI application of an app's HTTP functions; what is for none of them is 404, or the homepage."""

    def __init__(self, functions: Sequence[HttpFunction], worker: Worker, options: HttpOptions) -> None:
        self._functions = functions
        self._worker = worker
        self._options = options
        self._running: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if status := _over_limits(request):
            return Response(status_code=status)
        try:
            path = decode_path(request.scope["raw_path"])
            headers = headers_of(request)
        except ValueError as exc:
            logger.warning("A request was answered with 400: %s.", exc)
            return Response(status_code=400)
        found = self._find(request.method, path)
        if found is None:
            return self._without_function(path)
        function, parameters = found
        if not self._options.keys.may_call(function.function.name, function.level, request):
            return Response(status_code=401)
        if _declared_length(request) > self._options.body_limit_bytes:
            return Response(status_code=413)
        datum = _datum(request, path, headers, parameters, await _body(request))
        return await self._call(function.function, datum)

    def _find(self, method: str, path: str) -> tuple[HttpFunction, dict[str, str]] | None:
        for function in self._functions:
            # The method is a condition like those of the parameters: a wrong one is 404, not 405.
            if function.methods and method.upper() not in function.methods:
                continue
            parameters = function.route.match(path)
            if parameters is not None:
                return function, parameters
        return None

    def _without_function(self, path: str) -> Response:
        if path != "/":
            return Response(status_code=404)
        if not self._options.has_homepage:
            return Response(status_code=204)
        return Response(
            "<!doctype html><title>Functions host</title><p>The functions host is up.", 200, media_type="text/html"
        )

    async def _call(self, function: AppFunction, datum: Datum) -> Response:
        task = asyncio.create_task(self._worker.call(function, datum, {}))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait([task], timeout=self._options.response_timeout_s)
        if not done:
            logger.warning(
                "Function '%s' has not answered within %g s: 502, and it runs on.",
                function.name,
                self._options.response_timeout_s,
            )
            return Response(status_code=502)
        if task.exception():
            # The worker has logged it. Nothing of it goes out.
            return Response(status_code=500)
        try:
            return to_response(task.result())
        except Exception as exc:
            logger.error("Function '%s' returned what is no answer: %s", function.name, exc)
            return Response(status_code=500)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # asked for, so that nothing complains about an answer that nobody waited for


# --- The request ---


def _over_limits(request: Request) -> int | None:
    line = (
        len(request.method)
        + len(request.scope["raw_path"])
        + len(request.scope["query_string"])
        + len("  HTTP/1.1\r\n")
    )
    if line > MOST_REQUEST_LINE_BYTES:
        return 414
    raw = request.scope["headers"]
    if (
        len(raw) > MOST_HEADERS
        or sum(len(name) + len(value) + len(": \r\n") for name, value in raw) > MOST_HEADER_BYTES
    ):
        return 431
    return None


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers as the worker gets them: lower case, repeated ones joined by a comma.

    Raises `ValueError` for one that is not UTF-8.
    """
    headers: dict[str, str] = {}
    for name, value in request.scope["headers"]:
        key, text = name.decode("ascii").lower(), value.decode("utf-8")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def _declared_length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isdigit() else 0


async def _body(request: Request) -> bytes:
    if _declared_length(request) > 0:
        return await request.body()
    if "transfer-encoding" in request.headers:
        logger.warning(
            "%s %s came in chunks, without Content-Length: the function gets an empty body, as from the real host.",
            request.method,
            request.url.path,
        )
    return b""


def _datum(
    request: Request, path: str, headers: Mapping[str, str], parameters: Mapping[str, str], body: bytes
) -> Datum:
    query = request.scope["query_string"].decode("latin-1")
    address = f"{request.scope['scheme']}://{headers.get('host', '')}{encode_path(path)}{'?' if query else ''}{query}"

    def texts(values: Mapping[str, str]) -> dict[str, Datum]:
        return {name: Datum(value, "string") for name, value in values.items()}

    value = {
        "method": Datum(request.method, "string"),
        "url": Datum(address, "string"),
        "headers": texts(headers),
        "query": texts(query_parameters(query)),
        "params": texts(parameters),
        "body": Datum(body, "bytes"),
    }
    return Datum(value, "http")


# --- The answer ---


def to_response(value: object) -> Response:
    """Return a function's return value as the host sends it; raises for what the worker or the host cannot take."""
    if value is None:
        return Response(status_code=204)
    encoded = get_binding_registry().get("http").encode(value, expected_type=None)
    if encoded.type == "string":
        _refuse_disguised_response(encoded.value)
        return Response(encoded.value, 200, media_type="text/plain")
    content = encoded.value
    body = content["body"].value
    response = Response(body, int(content["status_code"].value))
    for name in [*response.headers]:
        if name != "content-length":
            del response.headers[name]
    # A dictionary on the way: of a header that was given twice, the last one is left.
    for name, header in content["headers"].items():
        if name.lower() not in ("content-length", "transfer-encoding", "connection"):
            response.headers[name.lower()] = header.value
    for cookies in content["cookies"] or ():
        for name, cookie in cookies.items():
            response.raw_headers.append((b"set-cookie", _cookie(name, cookie).encode("latin-1")))
    return response


def _refuse_disguised_response(text: str) -> None:
    try:
        content = json.loads(text)
    except ValueError:
        return
    if isinstance(content, dict) and any(key.lower() == "body" for key in content):
        raise ValueError(
            "it is a text that reads as a JSON object with 'body', which the real host takes for a whole response; "
            "return func.HttpResponse"
        )


def _cookie(name: str, cookie: Any) -> str:
    """Return a Set-Cookie header as ASP.NET writes it from what the worker sends: the value is percent-encoded."""
    parts = [f"{name}={quote(cookie.value, safe='')}"]
    if cookie["expires"]:
        expires = datetime.strptime(cookie["expires"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        parts.append(f"expires={format_datetime(expires, usegmt=True)}")
    if cookie["max-age"]:
        parts.append(f"max-age={int(float(cookie['max-age']))}")
    parts += [f"{key}={cookie[key]}" for key in ("domain", "path") if cookie[key]]
    parts += [text for key, text in (("secure", "secure"), ("httponly", "httponly")) if cookie[key]]
    if cookie["samesite"].lower() in ("lax", "strict", "none"):
        parts.append(f"samesite={cookie['samesite'].lower()}")
    return "; ".join(parts)
