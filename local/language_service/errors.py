"""The service's error replies, word for word where they were recorded (docs/language-api.md 4).

Two producers answer. The **gateway** in front of the service knows keys, paths and rates: its code is the HTTP status
as a string. The **service** itself has symbolic codes and, mostly, an inner error that says more.
Where no recording is known the choice is marked ASSUMED, here and in the README.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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


# --- the gateway ---------------------------------------------------------------------------------------------------

FIFTEEN_DAYS_S = 15 * 24 * 3600


def wrong_key() -> Refusal:
    """Answer a missing or wrong key."""
    return _gateway(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    )


def other_kind_of_key(operation: str, api: str) -> Refusal:
    """Answer a key of another kind of resource."""
    return _gateway(
        401,
        f"The {operation} Operation under {api} is not supported with the current subscription key and pricing tier "
        "OpenAI.S0.",
        {"WWW-Authenticate": 'AzureApiManagementKey realm="Language",name="Ocp-Apim-Subscription-Key",type="header"'},
    )


def missing_role(status: int) -> Refusal:
    """Answer a token whose owner has no role on the resource (recorded for a sibling API, with 401)."""
    return Refusal(
        status,
        WireError(
            "PermissionDenied",
            "The principal 00000000-0000-0000-0000-000000000000 lacks the required data action "
            "Microsoft.CognitiveServices/accounts/Language/analyze-text/jobs/action to perform "
            "POST /language/analyze-text/jobs operation.",
        ),
    )


def quota_used_up() -> Refusal:
    """Answer a free resource whose monthly quota is gone: the wait is in days."""
    return _gateway(
        403,
        "Out of call volume quota for TextAnalytics F0 pricing tier. Please retry after 15 days. To increase your call "
        "volume switch to a paid tier.",
        {"Retry-After": str(FIFTEEN_DAYS_S)},
    )


def too_many_requests(operation: str, api: str, retry_after_s: int, *, with_header: bool = True) -> Refusal:
    """Answer a request over the rate limit; ``operation`` and ``api`` are named in the message."""
    unit = "second" if retry_after_s == 1 else "seconds"
    return _gateway(
        429,
        f"Requests to the {operation} Operation under {api} have exceeded rate limit of your current TextAnalytics S "
        f"pricing tier. Please retry after {retry_after_s} {unit}. Please contact Azure support service if you would "
        "like to further increase the default rate limit.",
        {"Retry-After": str(retry_after_s)} if with_header else {},
    )


def no_such_path() -> Refusal:
    """Answer an unknown path, or an API version that the path does not have (the latter ASSUMED)."""
    return _gateway(404, "Resource not found")


def _gateway(status: int, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    return Refusal(status, WireError(str(status), message), gateway=True, headers=headers or {})


def huge_retry_after(status: int, operation: str, api: str) -> Refusal:
    """Answer 429 or 503 with a ``Retry-After`` date that no integer type of a date library holds."""
    refusal = too_many_requests(operation, api, 60, with_header=False) if status == 429 else server_fault(status)
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


# --- the service: whole requests -----------------------------------------------------------------------------------

_INVALID_DOCUMENT = "Invalid Document in request."


def too_many_documents(limit: int) -> Refusal:
    """Answer more than ``limit`` documents in one request."""
    return _bad_batch(f"Batch request contains too many records. Max {limit} records are permitted.")


def all_documents_empty() -> Refusal:
    """Answer a request in which no document has text."""
    return _bad_batch("Document text is empty.")


def request_too_large(status: int, limit: int) -> Refusal:
    """Answer more characters than a request may have (status 400 documented, 413 a guess; text ASSUMED)."""
    return _refusal(
        status,
        _INVALID_DOCUMENT,
        "InvalidDocumentBatch",
        f"A document within the request was too large to be processed. Limit document size to: {limit} text elements. "
        "For additional details on the data limitations see https://aka.ms/text-analytics-data-limits",
    )


def body_too_large(status: int, limit: int) -> Refusal:
    """Answer a body of more bytes than are accepted (text and code ASSUMED)."""
    return _refusal(
        status,
        "Invalid Request.",
        "InvalidRequestBodyFormat",
        f"Request body is too large to be processed. Limit request size to: {limit} bytes.",
    )


def duplicate_ids(*, preview: bool) -> Refusal:
    """Answer two documents of one id."""
    sentence = "Request contains duplicated Ids. Make sure each document has a unique Id."
    if preview:
        return Refusal(400, WireError("InvalidArgument", sentence))
    return _refusal(400, _INVALID_DOCUMENT, "InvalidDocument", sentence)


def unreadable_body() -> Refusal:
    """Answer a body that is missing or no JSON object."""
    return _refusal(400, "Invalid Request.", "EmptyRequest", "Request body must be present.")


def missing_documents(*, preview: bool) -> Refusal:
    """Answer a request without documents (ASSUMED; the codes are the ones of the published lists)."""
    code = "MissingInputRecords" if preview else "MissingInputDocuments"
    return _refusal(400, "Invalid Request.", code, "Missing input documents.")


def bad_document(sentence: str) -> Refusal:
    """Answer a document without id or text, or with one that is no string (ASSUMED)."""
    return _refusal(400, _INVALID_DOCUMENT, "InvalidDocument", sentence)


def bad_request_body(sentence: str) -> Refusal:
    """Answer JSON of the wrong shape (ASSUMED)."""
    return _refusal(400, "Invalid Request.", "InvalidRequestBodyFormat", sentence)


def bad_parameter(value: object, parameter: str, kind: str, supported: str, *, preview: bool = False) -> Refusal:
    """Answer a task parameter that is not supported; the whole request is refused."""
    sentence = (
        f"Job task parameter value '{value}' is not supported for {parameter} parameter for job task type {kind}. "
        f"Supported values: {supported}."
    )
    if preview:
        return Refusal(400, WireError("InvalidRequest", sentence))
    return _refusal(400, "Invalid parameter in request", "InvalidParameterValue", sentence)


def bad_query(parameter: str, value: str) -> Refusal:
    """Answer a paging parameter that is no number or out of its bounds (ASSUMED)."""
    return _refusal(
        400,
        "Invalid parameter in request",
        "InvalidParameterValue",
        f"Invalid value '{value}' of parameter {parameter}.",
    )


def cannot_cancel(job_id: str) -> Refusal:
    """Answer the cancellation of a job that has ended; the grammar is the service's."""
    return Refusal(
        400, WireError("InvalidRequest", f"Failed to cancel job with job id {job_id} as its already completed.")
    )


def unknown_job(status: int, job_id: str) -> Refusal:
    """Answer a job that never was or is older than the service keeps jobs (ASSUMED)."""
    return Refusal(status, WireError("NotFound", f"Job with job id {job_id} is not found."))


def unknown_project(status: int, project: str, deployment: str) -> Refusal:
    """Answer a project or deployment that does not exist, at submission (ASSUMED)."""
    return Refusal(status, unknown_project_error(project, deployment))


def unknown_project_error(project: str, deployment: str) -> WireError:
    """Describe an unknown project or deployment, for a request or for a failed task (ASSUMED)."""
    return WireError("ProjectNotFound", f"The project {project} or its deployment {deployment} is not found.")


def server_fault(status: int) -> Refusal:
    """Answer as a service that is ill; the recorded one has a free text."""
    if status == 500:
        return Refusal(500, WireError("InternalServerError", "An internal error has occurred."))
    messages = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
    return _gateway(status, messages[status])


def _bad_batch(sentence: str) -> Refusal:
    return _refusal(400, _INVALID_DOCUMENT, "InvalidDocumentBatch", sentence)


def _refusal(status: int, message: str, inner_code: str, inner_message: str) -> Refusal:
    return Refusal(status, WireError("InvalidRequest", message, inner_code, inner_message))


# --- the service: single documents and jobs ------------------------------------------------------------------------

EMPTY_DOCUMENT = WireError("InvalidArgument", _INVALID_DOCUMENT, "InvalidDocument", "Document text is empty.")


def unsupported_language(supported: str) -> WireError:
    """Describe a document whose language code the service does not know."""
    return WireError(
        "InvalidArgument",
        "Invalid Language Code.",
        "UnsupportedLanguageCode",
        f"Invalid language code. Supported languages: {supported}",
    )


TASK_FAILED = WireError("InternalServerError", "An internal error has occurred while the task was processed.")
JOB_FAILED = WireError("InternalServerError", "An internal error has occurred while the job was processed.")
DOCUMENT_INTERNAL = WireError("InternalServerError", "An internal error has occurred while the document was processed.")
DOCUMENT_UNKNOWN = WireError("ModelHostEvicted", "The model host was evicted.")
DOCUMENT_FAILED = WireError(
    "InvalidArgument", _INVALID_DOCUMENT, "InvalidDocument", "The document could not be processed."
)
