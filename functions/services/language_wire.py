"""The words of the Language service on the wire, both generations: from values to requests, from replies to outcomes.

Pure functions, so that every recorded reply can be tested without a server. Sources are named where a rule is not
obvious; "recorded" means seen in the recorded traffic of the official SDKs' tests (docs/language-api.md).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from ..errors import Fault, Problem
from ..pipeline.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    FoundEntities,
    FoundEntity,
    JobFailed,
    JobLost,
    Progress,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from ..pipeline.packing import MAX_REQUEST_DOCUMENTS
from ..settings import PREVIEW_API_VERSION, Settings


class Reply(NamedTuple):
    """An HTTP reply; `headers` are looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# --- Requests ---


def submit_path(settings: Settings) -> str:
    """Return path and query of a submission."""
    if settings.is_preview:
        return f"/text/analytics/{PREVIEW_API_VERSION}/analyze"
    return f"/language/analyze-text/jobs?api-version={settings.language_api_version}"


def operation_path(settings: Settings, job_id: str) -> str:
    """Return path and query of a job's state."""
    if settings.is_preview:
        return f"/text/analytics/{PREVIEW_API_VERSION}/analyze/jobs/{job_id}"
    return f"/language/analyze-text/jobs/{job_id}?api-version={settings.language_api_version}"


def status_path(settings: Settings, job_id: str) -> str:
    """Return path and query of the question for a job's state, with as many documents on a page as a job can have.

    A page has 20 unless asked otherwise, so a full job would take two requests (docs/language-api.md 3).
    """
    if settings.is_preview:
        return f"{operation_path(settings, job_id)}?$top={MAX_REQUEST_DOCUMENTS}"
    return f"{operation_path(settings, job_id)}&top={MAX_REQUEST_DOCUMENTS}"


def cancel_path(settings: Settings, job_id: str) -> str | None:
    """Return path and query of a cancellation; None where the API has none (the preview)."""
    if settings.is_preview:
        return None
    return f"/language/analyze-text/jobs/{job_id}:cancel?api-version={settings.language_api_version}"


def submission_body(settings: Settings, name: str, texts: Sequence[str]) -> bytes:
    """Return the body of a submission of `texts`, which get the ids "0", "1", … in their order."""
    documents = [
        {"id": str(number), "text": text, "language": settings.document_language} for number, text in enumerate(texts)
    ]
    body = {"displayName": name, "analysisInput": {"documents": documents}, "tasks": _tasks(settings)}
    return msgspec.json.encode(body)


def _tasks(settings: Settings) -> Any:
    unit = settings.string_index_type
    if not settings.is_preview:
        parameters = {
            "projectName": settings.language_project,
            "deploymentName": settings.language_deployment,
            # The default differs by version and is not what any programming language counts in: always sent.
            "stringIndexType": unit,
            # Otherwise the service keeps the texts for 48 hours (SDK documentation, 5.4.0).
            "loggingOptOut": True,
        }
        return [{"kind": "CustomEntityRecognition", "taskName": "entities", "parameters": parameters}]
    if settings.language_model_id:
        model = {"modelId": settings.language_model_id}
    else:
        model = {"project-name": settings.language_project or "", "deployment-name": settings.language_deployment or ""}
    return {"customEntityRecognitionTasks": [{"parameters": {**model, "stringIndexType": unit}}]}


# --- Replies to a submission ---

_JOB_ID = re.compile(r"/jobs/([A-Za-z0-9_.-]+)$")


def job_id_of(operation_url: str) -> str | None:
    """Return the service's job id in an operation URL, absolute or relative; None where there is none."""
    match = _JOB_ID.search(urlsplit(operation_url).path.removesuffix("/"))
    return match.group(1) if match else None


def submission_outcome(settings: Settings, reply: Reply, now: datetime) -> Submission:
    """Return what came of a POST."""
    if not 200 <= reply.status < 300:
        return _refusal(reply, now)
    location = reply.headers.get("operation-location", "")
    job_id = job_id_of(location)
    if job_id is None:
        return Unanswered(
            Problem(
                "NoOperationLocation",
                f"The service accepted the job (HTTP {reply.status}) but did not say where to ask for its results.",
                "It was submitted again each time. Check whether a proxy drops the operation-location header.",
            )
        )
    # Only the id is taken from the header: the key goes to the configured endpoint, whatever host the header names.
    return Accepted(settings.language_endpoint + operation_path(settings, job_id))


def is_foreign(settings: Settings, url: str) -> bool:
    """Whether a URL that the service sent points to another place than the configured endpoint."""
    given, own = urlsplit(url), urlsplit(settings.language_endpoint)
    return bool(given.netloc) and (given.scheme, given.netloc) != (own.scheme, own.netloc)


def _refusal(reply: Reply, now: datetime) -> Submission:
    error = error_of(reply)
    if reply.status == 413 or (reply.status == 400 and not _is_our_configuration(error)):
        return Refused(
            Problem(
                _code(error) or "Refused",
                f"The service refused the document (HTTP {reply.status}): {_message(error)}",
                "Correct the document and drop it again.",
                error or None,
            )
        )
    return _hold_off(reply, error, now)


# --- Replies to a poll ---


class Page(NamedTuple):
    """One page of a job's state; `next_query` is the query of the next page, None on the last."""

    progress: Progress
    next_query: str | None


# Lower case, because the generations differ in it. "inProgress" is only seen as a counter's name, but costs nothing.
_RUNNING = {"notstarted", "running", "cancelling", "inprogress"}
_FAILED = {"failed", "rejected"}
_DONE = {"succeeded", "completed", "partiallycompleted", "partiallysucceeded", "cancelled", "canceled"}


def page_outcome(reply: Reply, now: datetime) -> Page:
    """Return what one page of a job's state says."""
    if not 200 <= reply.status < 300:
        return Page(_lost_or_held(reply, now), None)
    try:
        body = msgspec.json.decode(reply.body, type=dict[str, Any])
        return Page(_progress(body), _next_query(body))
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
        return Page(_nonsense(reply, error), None)


def join_pages(first: Finished, pages: Sequence[Finished]) -> Finished:
    """Return all pages of a finished job as one; a piece that stands on two pages is taken from the first."""
    pieces: dict[str, FoundEntities | Problem] = {}
    for page in (first, *pages):
        for piece, found in page.pieces.items():
            pieces.setdefault(piece, found)
    return Finished(first.job_id, first.status, pieces, first.created, first.completed)


def _progress(body: dict[str, Any]) -> Progress:
    status = body["status"]
    word = status.lower()
    if word in _RUNNING:
        return StillRunning(status)
    if word in _FAILED:
        return _failure(body)
    if word in _DONE:
        return _finished(body)
    # Polled until JOB_TIMEOUT_MINUTES, then submitted again: no word of the service loses a document.
    return StillRunning(status, is_known=False)


def _failure(body: dict[str, Any]) -> JobFailed:
    errors = [error for error in body.get("errors") or [] if isinstance(error, dict)]
    error = errors[0] if errors else {}
    if any(_is_our_configuration(error) for error in errors):
        return JobFailed(_misconfigured(200, error))
    return JobFailed(
        Problem(
            "JobFailed",
            f"The service ended the job as {body['status']!r}: {_message(error)}",
            "It was submitted again each time. See the service's own error below, and drop the document again.",
            error or None,
        )
    )


def _finished(body: dict[str, Any]) -> Finished:
    pieces: dict[str, FoundEntities | Problem] = {}
    completed = None
    for task in _entity_tasks(body.get("tasks") or {}):
        completed = _moment(task.get("lastUpdateDateTime")) or completed
        results = task.get("results") or {}
        for document in results.get("documents") or []:
            pieces.setdefault(str(document["id"]), _found(document))
        for document in results.get("errors") or []:
            pieces.setdefault(str(document["id"]), _document_problem(document.get("error") or {}))
    return Finished(
        job_id=str(body.get("jobId") or ""),
        status=body["status"],
        pieces=pieces,
        created=_moment(body.get("createdDateTime")),
        completed=completed or _moment(body.get("lastUpdatedDateTime") or body.get("lastUpdateDateTime")),
    )


def _entity_tasks(tasks: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the custom entity recognition tasks, wherever this generation keeps them."""
    for item in tasks.get("items") or []:
        if str(item.get("kind", "")).startswith("CustomEntityRecognition"):
            yield item
    # The preview: at the top in recordings of its successor, one level deeper in its own documentation of 2021.
    yield from tasks.get("customEntityRecognitionTasks") or []
    yield from (tasks.get("tasks") or {}).get("customEntityRecognitionTasks") or []


class _WireEntity(msgspec.Struct, rename="camel"):
    text: str
    category: str
    offset: int
    length: int
    confidence_score: float
    subcategory: str | None = None


def _found(document: dict[str, Any]) -> FoundEntities:
    entities = msgspec.convert(document.get("entities") or [], list[_WireEntity])
    warnings = tuple(
        str(warning.get("message", warning)) if isinstance(warning, dict) else str(warning)
        for warning in document.get("warnings") or []
    )
    return FoundEntities(
        tuple(
            FoundEntity(
                entity.text,
                entity.category,
                entity.offset,
                entity.length,
                entity.confidence_score,
                entity.subcategory,
            )
            for entity in entities
        ),
        warnings,
    )


def _document_problem(error: dict[str, Any]) -> Problem:
    return Problem(
        _code(error) or "DocumentRefused",
        f"The service could not read the document: {_message(error)}",
        "Correct the document, or the setting DOCUMENT_LANGUAGE if it is about the language, and drop it again.",
        error or None,
    )


def _next_query(body: dict[str, Any]) -> str | None:
    """Return the query of the next page, from the top-level link only.

    The preview repeats a link inside each result that points to a host inside the service (recorded): not followed.
    """
    link = body.get("nextLink") or body.get("@nextLink")
    if not link:
        return None
    return urlencode(parse_qsl(urlsplit(str(link)).query, keep_blank_values=True), safe="$") or None


def _moment(value: Any) -> datetime | None:
    """Return a timestamp of the service, which has up to seven fractional digits; None for anything else."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*Z?(\+00:00)?", str(value or ""))
    if not match:
        return None
    try:
        return datetime.fromisoformat(match.group(1) + (match.group(2) or "")).replace(tzinfo=UTC)
    except ValueError:
        return None  # The 31st of February: no timestamp is worth a result.


# --- Errors of both producers: the gateway's codes are numbers as text, the service's are words ---


def error_of(reply: Reply) -> dict[str, Any]:
    """Return the error object of a reply; empty where it has none."""
    try:
        error = msgspec.json.decode(reply.body, type=dict[str, Any]).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return error if isinstance(error, dict) else {}


def _code(error: dict[str, Any]) -> str:
    """Return an error's most telling code; empty where it has none that can be a blob's metadata."""
    inner = error.get("innererror")
    code = inner.get("code") if isinstance(inner, dict) else None
    code = str(code or error.get("code") or "")
    return code if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", code) else ""


def _message(error: dict[str, Any]) -> str:
    inner = error.get("innererror")
    message = inner.get("message") if isinstance(inner, dict) else None
    return str(message or error.get("message") or "the service gave no reason")


_CONFIGURATION_CODES = {
    "ProjectNotFound",
    "DeploymentNotFound",
    "ModelNotFound",
    "NotFound",
    "OperationNotFound",
    "Unauthorized",
    "Forbidden",
    "PermissionDenied",
    "InvalidParameterValue",
    "ModelVersionIncorrect",
    "InvalidRequestBodyFormat",
    "401",
    "403",
    "404",
}


def _is_our_configuration(error: dict[str, Any]) -> bool:
    """Whether an error is about the project, the deployment or the key, and no document can help it.

    How the service words an unknown project or deployment is not recorded, so beside the codes its words count.
    """
    inner = error.get("innererror") if isinstance(error.get("innererror"), dict) else {}
    codes = {str(error.get("code")), str((inner or {}).get("code"))}
    return bool(codes & _CONFIGURATION_CODES) or bool(
        re.search(r"(?i)\b(project|deployment|model)\b.*\b(not|unknown|invalid|expired|exist)", _message(error))
        # Recorded with the code InvalidRequest alone in v3.1-preview.5, and as a failed job in v3.1-preview.4.
        or re.match(r"(?i)(job task parameter|invalid parameter)\b", _message(error))
    )


def _lost_or_held(reply: Reply, now: datetime) -> JobLost | Deferred:
    error = error_of(reply)
    if reply.status in (400, 404, 410):
        return JobLost(
            Problem(
                "JobVanished",
                f"The service no longer knows the job (HTTP {reply.status}): {_message(error)}",
                "Results are kept for 24 hours. The document was submitted again each time.",
                error or None,
            )
        )
    return _hold_off(reply, error, now)


def _hold_off(reply: Reply, error: dict[str, Any], now: datetime) -> Deferred:
    retry_after_s = retry_after(reply.headers, now)
    status = reply.status
    if status == 429:
        return Deferred(
            DeferReason.THROTTLED,
            Problem(
                "Throttled",
                f"The service's rate limit is reached (HTTP 429): {_message(error)}",
                "Nothing to do: the job waits. If it happens all the time, lower REQUESTS_PER_MINUTE.",
                error or None,
            ),
            retry_after_s,
        )
    if status == 403 and (retry_after_s is not None or "quota" in _message(error).lower()):
        return Deferred(
            DeferReason.QUOTA,
            Problem(
                "QuotaExhausted",
                f"The quota of the Language resource is used up (HTTP 403): {_message(error)}",
                "Move the resource to a paid tier, or wait until the quota is renewed; documents wait meanwhile.",
                error or None,
            ),
            retry_after_s,
        )
    if 300 <= status < 500 and status != 408:
        return Deferred(DeferReason.MISCONFIGURED, _misconfigured(status, error), retry_after_s)
    return Deferred(
        DeferReason.UNAVAILABLE,
        Problem(
            "Unavailable",
            f"The service is not available (HTTP {status}): {_message(error)}",
            "Nothing to do: the job waits. If it lasts, look at the health of the Language resource.",
            error or None,
        ),
        retry_after_s,
    )


def _misconfigured(status: int, error: dict[str, Any]) -> Problem:
    what = {
        401: "LANGUAGE_KEY or LANGUAGE_ENDPOINT is wrong, or the app's identity has no role on the resource",
        403: "the app's identity lacks a role such as Cognitive Services Language Reader, or a firewall is in the way",
    }.get(status, "LANGUAGE_PROJECT, LANGUAGE_DEPLOYMENT, LANGUAGE_ENDPOINT or LANGUAGE_API_VERSION is wrong")
    return Problem(
        "Misconfigured",
        f"The service refuses the app (HTTP {status}): {_message(error)}",
        f"Probably {what}. Documents wait and go on by themselves once that is corrected.",
        error or None,
        Fault.CONFIGURATION,
    )


def _nonsense(reply: Reply, error: Exception) -> Deferred:
    return Deferred(
        DeferReason.UNAVAILABLE,
        Problem(
            "BadAnswer",
            f"The service answered HTTP {reply.status} with {len(reply.body):,} bytes that are not a job's state: "
            f"{type(error).__name__}.",
            "Nothing to do: it is asked again. If it lasts, check whether a proxy stands between.",
        ),
    )


def unreachable(error: Exception) -> Deferred:
    """Return what a request means that got no reply at all, or only part of one."""
    return Deferred(
        DeferReason.UNAVAILABLE,
        Problem(
            "Unreachable",
            f"The service could not be reached: {type(error).__name__}.",
            "Nothing to do: the job waits. If it lasts, check LANGUAGE_ENDPOINT, name resolution and the firewall.",
        ),
    )


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait a reply asks for, in seconds; both forms of RFC 9110, section 10.2.3."""
    value = headers.get("retry-after")
    if value is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", value.strip()):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
