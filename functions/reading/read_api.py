"""The Read model of Document Intelligence: from values to requests, from replies to outcomes.

Pure functions, so that every reply can be tested without a server. The API is version 4.0, `2024-11-30`: its
specification, the traffic that the official SDKs' tests recorded, and its documentation (local/document_intelligence,
README).

As with the Language service, a reply counts only in the service's own form.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from .. import problems
from ..core.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    JobFailed,
    JobLost,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from ..errors import Fault
from ..language.error_codes import (
    Error,
    ErrorCodes,
    Reply,
    for_record,
    foreign_wait_s,
    is_json,
    message_of,
    own_error,
    retry_after,
    shortened,
)
from ..language.replies import MAX_STATUS, state_of
from ..text.read_pages import PageText
from ..typed_data import from_json
from .pages import PagesRead, ReadingProgress

FAULTS: Mapping[str, Fault] = {
    # The document's ("Resolve errors", learn.microsoft.com, 2026-04): damaged, protected or of a format that is not
    # read (recorded), too large for the tier, too few or too many pixels.
    "InvalidContent": Fault.DOCUMENT,
    "InvalidContentLength": Fault.DOCUMENT,
    "InvalidContentDimensions": Fault.DOCUMENT,
    "UnsupportedContent": Fault.DOCUMENT,
    # The configuration's: the resource, its version or region, key, identity and role, the gateway's numbers.
    "NotSupportedApiVersion": Fault.CONFIGURATION,
    "ModelNotFound": Fault.CONFIGURATION,
    "AuthorizationFailed": Fault.CONFIGURATION,
    "InvalidDataProtectionKey": Fault.CONFIGURATION,
    "Unauthorized": Fault.CONFIGURATION,
    "Forbidden": Fault.CONFIGURATION,
    "PermissionDenied": Fault.CONFIGURATION,
    "401": Fault.CONFIGURATION,
    "403": Fault.CONFIGURATION,
    "404": Fault.CONFIGURATION,
}
"""Whose fault an error is, by its code; the service's where the code is not listed."""

READING = ErrorCodes(FAULTS, problems.OF_READING)

# --- Requests ---

API_VERSION = "2024-11-30"

OCR = f"prebuilt-read {API_VERSION}"
"""What results say has read a page."""

_MODEL_PATH = "/documentintelligence/documentModels/prebuilt-read"

CONTENT_TYPE = "application/octet-stream"
"""The service finds out by itself what the bytes are (recorded)."""


def submit_path(pages: Sequence[int] | None) -> str:
    """Return path and query of a submission; `pages` are the numbers of those to read, None for all."""
    path = f"{_MODEL_PATH}:analyze?api-version={API_VERSION}"
    return path if pages is None else f"{path}&pages={pages_parameter(pages)}"


def pages_parameter(pages: Sequence[int]) -> str:
    """Return numbers of pages in the service's form: `1-3,5` for 1, 2, 3 and 5. ValueError for no pages."""
    if not pages:
        raise ValueError("no pages are asked for")
    numbers = sorted(set(pages))
    ends = [(a, b) for a, b in pairwise(numbers) if b != a + 1]
    firsts = [numbers[0], *(b for _, b in ends)]
    lasts = [*(a for a, _ in ends), numbers[-1]]
    return ",".join(f"{a}-{b}" if a != b else str(a) for a, b in zip(firsts, lasts, strict=True))


def result_path(result_id: str) -> str:
    """Return path and query of a result."""
    return f"{_MODEL_PATH}/analyzeResults/{result_id}?api-version={API_VERSION}"


# --- Replies to a submission ---

# A GUID (specification, recorded). What could lead to another path is no id.
_RESULT_ID = re.compile(r"/analyzeResults/([A-Za-z0-9][A-Za-z0-9_.-]{0,199})\Z", re.IGNORECASE)


def result_id_of(operation_url: str) -> str | None:
    """Return the service's id of a result in an operation URL, absolute or relative; None where there is none."""
    try:
        path = urlsplit(operation_url).path
    except ValueError:  # for instance brackets that are not closed
        return None
    match = _RESULT_ID.search(path.removesuffix("/"))
    return match.group(1) if match else None


def submission_outcome(endpoint: str, reply: Reply, now: datetime) -> Submission:
    """Return what came of a POST to a resource."""
    if 200 <= reply.status < 300:
        result_id = result_id_of(reply.headers.get("operation-location", ""))
        # Only the id is taken from the header: the key goes to the configured endpoint, whatever host it names.
        return Accepted(endpoint + result_path(result_id)) if result_id else READING.no_job(reply, now)
    error = own_error(reply)
    if error is None:
        return Unanswered(READING.unrecognized(reply), foreign_wait_s(reply, now))
    if reply.status not in (400, 413):
        return READING.deferred(reply, error, now)
    if READING.fault_of(error) is Fault.CONFIGURATION:
        problem = READING.misconfigured(reply.status, error)
        return Deferred(DeferReason.MISCONFIGURED, problem, retry_after(reply.headers, now))
    return Refused(READING.refused(reply.status, error))


# --- Replies to the question for a result ---


class _Word(msgspec.Struct):
    content: str = ""
    confidence: Any = None


class _Line(msgspec.Struct):
    content: str


class _Page(msgspec.Struct, rename="camel"):
    page_number: Annotated[int, msgspec.Meta(ge=1)]
    # A blank page has empty lists (recorded); every list may be missing.
    lines: list[_Line] | None = None
    words: list[_Word] | None = None


class _Result(msgspec.Struct):
    pages: list[_Page]


class _State(msgspec.Struct, rename="camel"):
    """What is needed of a reading's state; polygons and spans, which are most of it, are passed over."""

    status: str
    error: Any = None
    analyze_result: _Result | None = None


# Lower case, because one client reads the words in any case.
_WAITING = {"notstarted"}
_RUNNING = {"running"}
_FAILED = {"failed", "canceled", "cancelled", "skipped"}
_DONE = {"succeeded"}


def progress_outcome(reply: Reply, now: datetime) -> ReadingProgress:
    """Return what a reply to the question for a result says."""
    if not 200 <= reply.status < 300:
        return _lost_or_deferred(reply, now)
    state = _decoded(reply.body) if is_json(reply.headers) else None
    if state is None:
        return READING.says_nothing(reply, now, READING.unrecognized(reply, "it is no state of a job"))
    status = shortened(state.status, MAX_STATUS)
    word = status.lower()
    if word in _FAILED:
        return _failed(state, status)
    if word in _DONE:
        return _read(state)
    # A word that nobody has documented is taken for running: no word of the service loses a document.
    return StillRunning(status, is_known=word in _WAITING | _RUNNING, has_started=word not in _WAITING)


def _decoded(body: bytes) -> _State | None:
    """Return the state in a body; None where it is none. A result that can not be read is left out."""
    try:
        return from_json(body, _State)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        state = state_of(body)
        return None if state is None else _State(state["status"], state.get("error"))


def _lost_or_deferred(reply: Reply, now: datetime) -> JobLost | Deferred:
    error = own_error(reply) or _flat_error(reply)
    if error is None:
        return READING.says_nothing(reply, now, READING.unrecognized(reply))
    if reply.status not in (400, 404, 410) or READING.fault_of(error) is Fault.CONFIGURATION:
        return READING.deferred(reply, error, now)
    return JobLost(
        problems.READING_VANISHED.problem(service=for_record(error), status=reply.status, reason=message_of(error))
    )


class _FlatError(msgspec.Struct):
    code: str
    message: str


def _flat_error(reply: Reply) -> Error | None:
    """Return an error that is not inside `error`: users have seen a 404 for an expired result in this form."""
    if reply.status != 404 or not is_json(reply.headers):
        return None
    try:
        return msgspec.structs.asdict(from_json(reply.body, _FlatError))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _failed(state: _State, status: str) -> JobFailed:
    error: Error = state.error if isinstance(state.error, dict) else {}
    told = _detail_of(error)
    match READING.fault_of(told):
        case Fault.DOCUMENT:  # A reading is of one document, so that its error is, too.
            return JobFailed(
                problems.READING_REFUSED_FOR_DOCUMENT.problem(
                    service=for_record(error), service_code=READING.code_of(told), reason=message_of(told)
                )
            )
        case Fault.CONFIGURATION:
            return JobFailed(READING.misconfigured(200, told))
    return JobFailed(problems.READING_FAILED.problem(service=for_record(error), status=status, reason=message_of(told)))


def _detail_of(error: Error) -> Error:
    """Return the first detail of a failed reading that has a known code, else the error itself."""
    details = error.get("details")
    known = (
        detail
        for detail in (details if isinstance(details, list) else ())
        if isinstance(detail, dict) and READING.code_of(detail) in FAULTS
    )
    return next(known, error)


def _read(state: _State) -> PagesRead | JobFailed:
    if state.analyze_result is None:
        return JobFailed(problems.READING_UNREADABLE_ANSWER.problem(detail="it has no list of readable pages"))
    pages: dict[int, PageText] = {}
    for page in state.analyze_result.pages:
        pages.setdefault(page.page_number, _page(page))
    return PagesRead(tuple(pages[number] for number in sorted(pages)))


def _page(page: _Page) -> PageText:
    words = page.words or []
    # Documented for formats that have no lines, which are not sent; without this such a page would be lost.
    text = "\n".join(line.content for line in page.lines) if page.lines else " ".join(word.content for word in words)
    confidences = [value for word in words if _is_confidence(value := word.confidence)]
    return PageText(page.page_number, text, sum(confidences) / len(confidences) if confidences else None)


def _is_confidence(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
