"""Error replies that the stand-ins share: those of the gateway in front of Azure's AI services, and of what is between.

Two producers answer. The **gateway** knows keys, paths and rates: its code is the HTTP status as a string, and its
texts are the same for all services but for the names of operation, API and pricing tier. The **service** itself has
symbolic codes and, mostly, an inner error that says more. The texts are recorded (docs/language-api.md 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any, NamedTuple
from uuid import uuid4

from local.stand_in.messages import Response, encoded


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as it stands inside a body: for a request, a document or a job."""

    code: str
    message: str
    inner_code: str | None = None
    inner_message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Give the object that goes under ``error``."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner_code is not None:
            body["innererror"] = {"code": self.inner_code, "message": self.inner_message}
        return body


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is answered with an error; raised anywhere while a request is handled."""

    status: int
    error: WireError
    #: True when the gateway answers: its content type has no charset, and there is no service time.
    gateway: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    #: A body to send as it is, in place of the error as JSON.
    raw: bytes | None = None
    #: True when something between the client and the service answers: none of the service's headers are sent.
    foreign: bool = False

    def response(self, now: datetime, service_headers: Mapping[str, str] | None = None) -> Response:
        """Give the reply; ``service_headers`` are those that the service, unlike the gateway, adds to its errors."""
        body = encoded({"error": self.error.as_json()}) if self.raw is None else self.raw
        date = {"Date": format_datetime(now, usegmt=True)}
        if self.foreign:
            return Response(self.status, {**date, **self.headers}, body)
        headers = {
            "apim-request-id": str(uuid4()),
            **date,
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
            "X-Content-Type-Options": "nosniff",
            "Content-Type": "application/json" if self.gateway else "application/json; charset=utf-8",
        }
        if not self.gateway:
            headers |= {"x-envoy-upstream-service-time": "5", **(service_headers or {})}
        return Response(self.status, {**headers, **self.headers}, body)


# --- the gateway ---------------------------------------------------------------------------------------------------

FIFTEEN_DAYS_S = 15 * 24 * 3600


class Operation(NamedTuple):
    """An operation of a service by the names that the gateway's messages give it."""

    name: str
    api: str
    #: The product, such as ``TextAnalytics``, and its paid pricing tier.
    product: str
    tier: str
    #: What a caller without the role is told that the role lacks.
    permission: str


def wrong_key() -> Refusal:
    """Answer a missing or wrong key."""
    return gateway(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    )


def missing_role(status: int, operation: Operation) -> Refusal:
    """Answer a token whose owner has no role on the resource (recorded for a sibling API, with 401)."""
    principal = "The principal 00000000-0000-0000-0000-000000000000"
    message = f"{principal} lacks the required data action {operation.permission}"
    return Refusal(status, WireError("PermissionDenied", message))


def quota_used_up(operation: Operation) -> Refusal:
    """Answer a free resource whose monthly quota is gone: the wait is in days."""
    return gateway(
        403,
        f"Out of call volume quota for {operation.product} F0 pricing tier. Please retry after 15 days. To increase "
        "your call volume switch to a paid tier.",
        {"Retry-After": str(FIFTEEN_DAYS_S)},
    )


def too_many_requests(operation: Operation, retry_after_s: int, *, with_header: bool = True) -> Refusal:
    """Answer a request over the rate limit."""
    unit = "second" if retry_after_s == 1 else "seconds"
    return gateway(
        429,
        f"Requests to the {operation.name} Operation under {operation.api} have exceeded rate limit of your current "
        f"{operation.product} {operation.tier} pricing tier. Please retry after {retry_after_s} {unit}. Please contact "
        "Azure support service if you would like to further increase the default rate limit.",
        {"Retry-After": str(retry_after_s)} if with_header else {},
    )


def no_such_path() -> Refusal:
    """Answer an unknown path, or an API version that the path does not have (the latter ASSUMED)."""
    return gateway(404, "Resource not found")


def gateway(status: int, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """Answer as the gateway does."""
    return Refusal(status, WireError(str(status), message), gateway=True, headers=headers or {})


def server_fault(status: int) -> Refusal:
    """Answer as a service that is ill (500, as recorded), or as the gateway of one."""
    if status == 500:
        return Refusal(500, WireError("InternalServerError", "An internal error has occurred."))
    messages = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
    return gateway(status, messages[status])


def huge_retry_after(status: int, operation: Operation) -> Refusal:
    """Answer 429 or 503 with a ``Retry-After`` date that no integer type of a date library holds."""
    refusal = too_many_requests(operation, 60, with_header=False) if status == 429 else server_fault(status)
    refusal.headers = {"Retry-After": "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"}
    return refusal


def deep_json(depth: int = 3000) -> Refusal:
    """Answer 500 with an error whose inner errors are nested ``depth`` deep."""
    refusal = server_fault(500)
    start = b'{"error":{"code":"InternalServerError","message":"An internal error has occurred.","innererror":'
    refusal.raw = start + nested(depth) + b"}}"
    return refusal


def nested(depth: int) -> bytes:
    """Write JSON objects that are nested ``depth`` deep; ``json.dumps`` would reach Python's recursion limit."""
    return b'{"innererror":' * depth + b"null" + b"}" * depth


# --- what stands between the client and the service ------------------------------------------------------------------

#: An address that ``urllib.parse.urlsplit`` and its like refuse: the bracket of the IPv6 address is never closed.
MALFORMED_ADDRESS = "http://[::1/x"

_PROXY_PAGE = (
    "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    "<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
)
_SIGN_IN_PAGE = (
    '<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form method="post" action="/login">'
    '<input name="user"><input name="password" type="password"><button>Sign in</button></form></body></html>\n'
)
_PROXY_TITLES = {
    400: "400 Bad Request",
    404: "404 Not Found",
    413: "413 Request Entity Too Large",
    502: "502 Bad Gateway",
}


def html_page(status: int) -> Refusal:
    """Answer with a proxy's page, or with a sign-in page where the status is 200."""
    page = _SIGN_IN_PAGE if status == 200 else _PROXY_PAGE.format(title=_PROXY_TITLES[status])
    return _foreign(status, page, {"Content-Type": "text/html; charset=utf-8"})


def malformed_redirect() -> Refusal:
    """Answer with a redirect to an address that is none."""
    return _foreign(302, "", {"Location": MALFORMED_ADDRESS})


def _foreign(status: int, body: str, headers: Mapping[str, str]) -> Refusal:
    return Refusal(status, WireError(str(status), ""), headers=headers, raw=body.encode(), foreign=True)


# --- faults --------------------------------------------------------------------------------------------------------


def refusal_for(fault: str, operation: Operation, retry_after_s: int) -> Refusal | None:
    """Give the reply that a fault of ``faults.REQUEST_FAULTS`` stands for; ``None`` for faults of the delivery."""
    match fault:
        case "error-500" | "error-502" | "error-503" | "error-504":
            return server_fault(int(fault[-3:]))
        case "html-200" | "html-400" | "html-404" | "html-413" | "html-502":
            return html_page(int(fault[-3:]))
        case "missing-role-401" | "missing-role-403":
            return missing_role(int(fault[-3:]), operation)
        case "throttle-429":
            return too_many_requests(operation, retry_after_s)
        case "throttle-429-bare":
            return too_many_requests(operation, retry_after_s, with_header=False)
        case "huge-retry-after":
            return huge_retry_after(429, operation)
        case "huge-retry-after-503":
            return huge_retry_after(503, operation)
        case "quota-403":
            return quota_used_up(operation)
        case "wrong-key-401":
            return wrong_key()
        case "bad-redirect":
            return malformed_redirect()
        case "deep-json":
            return deep_json()
        case "cut-before":
            return server_fault(503)  # any refusal will do: nobody sees it
    return None
