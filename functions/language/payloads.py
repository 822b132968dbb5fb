"""The Language service's job API, both generations: from values to requests, from replies to outcomes.

Pure functions, so that every recorded reply can be tested without a server. Sources are named where a rule is not
obvious; "recorded" means seen in the recorded traffic of the official SDKs' tests (docs/language-api.md). Errors are
read in `error_codes`, the state of a job in `replies`.

A reply counts only in the service's own form. A reply to a POST in any other form leaves open whether the job was
accepted (`Unanswered`); a reply to a GET in any other form says nothing about the job (`Deferred`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from .. import problems
from ..core.outcomes import (
    Accepted,
    Answers,
    DeferReason,
    Deferred,
    Finished,
    JobLost,
    Progress,
    Refused,
    Submission,
    Unanswered,
)
from ..core.packing import MAX_REQUEST_DOCUMENTS
from ..core.work import WorkSpec
from ..errors import Fault
from ..settings import PREVIEW_API_VERSION
from ..tasks.kinds import Task
from ..tasks.task import ProjectTask
from .error_codes import (
    LANGUAGE,
    Error,
    Reply,
    for_record,
    foreign_wait_s,
    is_json,
    message_of,
    own_error,
    retry_after,
)
from .replies import progress_of, state_of

# --- Requests ---


def submit_path(api_version: str) -> str:
    """Return path and query of a submission."""
    if api_version == PREVIEW_API_VERSION:
        return f"/text/analytics/{PREVIEW_API_VERSION}/analyze"
    return f"/language/analyze-text/jobs?api-version={api_version}"


def operation_path(api_version: str, operation_id: str) -> str:
    """Return path and query of a job's state."""
    if api_version == PREVIEW_API_VERSION:
        return f"/text/analytics/{PREVIEW_API_VERSION}/analyze/jobs/{operation_id}"
    return f"/language/analyze-text/jobs/{operation_id}?api-version={api_version}"


def status_path(api_version: str, operation_id: str) -> str:
    """Return path and query of the question for a job's state, with as many documents on a page as a job can have.

    A page has 20 unless asked otherwise, so a full job would take two requests (docs/language-api.md 3).
    """
    path = operation_path(api_version, operation_id)
    return f"{path}?$top={MAX_REQUEST_DOCUMENTS}" if "?" not in path else f"{path}&top={MAX_REQUEST_DOCUMENTS}"


def cancel_path(api_version: str, operation_id: str) -> str | None:
    """Return path and query of a cancellation; None where the API has none (the preview)."""
    if api_version == PREVIEW_API_VERSION:
        return None
    return f"/language/analyze-text/jobs/{operation_id}:cancel?api-version={api_version}"


def submission_body(
    work: WorkSpec, name: str, texts: Sequence[str], languages: Sequence[str | None] | None = None
) -> bytes:
    """Return the body of a submission of `texts`, which get the ids "0", "1", … in their order.

    `languages` has a language for each text, None where that of the work spec holds.
    """
    documents = [
        {"id": str(number), "text": text, "language": language or work.language}
        for number, (text, language) in enumerate(zip(texts, languages or [None] * len(texts), strict=True))
    ]
    body = {"displayName": name, "analysisInput": {"documents": documents}, "tasks": _tasks(work)}
    return msgspec.json.encode(body)


def _tasks(work: WorkSpec) -> Any:
    if work.api_version != PREVIEW_API_VERSION:
        return [task.as_task(work.string_index_type) for task in work.tasks]
    lists: dict[str, list[Any]] = {}
    for task in work.tasks:
        # The preview knows no other tasks, and no rule asks it for them.
        if isinstance(task, ProjectTask):
            name, spelled = task.as_preview_task(work.string_index_type, is_named=len(work.tasks) > 1)
            lists.setdefault(name, []).append(spelled)
    return lists


# --- Replies to a submission ---

# Ids of 2022 are GUIDs, those of 2020 a GUID and a number. What could lead to another path is no id.
_OPERATION_ID = re.compile(r"/jobs/([A-Za-z0-9][A-Za-z0-9_.-]{0,199})\Z")


def operation_id_of(operation_url: str) -> str | None:
    """Return the service's job id in an operation URL, absolute or relative; None where there is none."""
    try:
        path = urlsplit(operation_url).path
    except ValueError:  # for instance brackets that are not closed
        return None
    match = _OPERATION_ID.search(path.removesuffix("/"))
    return match.group(1) if match else None


def submission_outcome(endpoint: str, api_version: str, reply: Reply, now: datetime) -> Submission:
    """Return what came of a POST to a resource."""
    if 200 <= reply.status < 300:
        operation_id = operation_id_of(reply.headers.get("operation-location", ""))
        # Only the id is taken from the header: the key goes to the configured endpoint, whatever host it names.
        if operation_id is None:
            return LANGUAGE.no_job(reply, now)
        return Accepted(endpoint + operation_path(api_version, operation_id))
    error = own_error(reply)
    if error is None:
        return Unanswered(LANGUAGE.unrecognized(reply), foreign_wait_s(reply, now))
    if reply.status in (400, 413):
        return _refusal(reply, error, now)
    return LANGUAGE.deferred(reply, error, now)


def _refusal(reply: Reply, error: Error, now: datetime) -> Submission:
    if LANGUAGE.fault_of(error) is Fault.CONFIGURATION:
        return Deferred(
            DeferReason.MISCONFIGURED,
            LANGUAGE.misconfigured(reply.status, error),
            retry_after(reply.headers, now),
        )
    return Refused(LANGUAGE.refused(reply.status, error))


# --- Replies to a poll ---

MAX_LINK = 2_000
"""Characters of a link to the next page; real ones have about 200."""


class Page(NamedTuple):
    """One page of a job's state; `next_query` is the query of the next page, None on the last."""

    progress: Progress
    next_query: str | None


def page_outcome(reply: Reply, now: datetime, tasks: Sequence[Task]) -> Page:
    """Return what one page of the state of a job says that was asked for `tasks`."""
    if not 200 <= reply.status < 300:
        return Page(_lost_or_deferred(reply, now), None)
    state = state_of(reply.body) if is_json(reply.headers) else None
    if state is None:
        return Page(LANGUAGE.says_nothing(reply, now, LANGUAGE.unrecognized(reply, "it is no state of a job")), None)
    return Page(progress_of(state, tasks), _next_query(state))


def join_pages(first: Finished, pages: Sequence[Finished]) -> Finished:
    """Return all pages of a finished job as one; an answer that stands on two pages is taken from the first."""
    chunks: dict[str, Answers] = {}
    for page in (first, *pages):
        for chunk, found in page.chunks.items():
            chunks[chunk] = {**found, **chunks.get(chunk, {})}
    return replace(first, chunks=chunks)


def _lost_or_deferred(reply: Reply, now: datetime) -> JobLost | Deferred:
    error = own_error(reply)
    if error is None:
        return LANGUAGE.says_nothing(reply, now, LANGUAGE.unrecognized(reply))
    if reply.status not in (400, 404, 410):
        return LANGUAGE.deferred(reply, error, now)
    return JobLost(
        problems.JOB_VANISHED.problem(service=for_record(error), status=reply.status, reason=message_of(error))
    )


def _next_query(state: dict[str, Any]) -> str | None:
    """Return the query of the next page, from the top-level link only.

    The preview repeats a link inside each result that points to a host inside the service (recorded): not followed.
    """
    link = state.get("nextLink") or state.get("@nextLink")
    if not isinstance(link, str) or len(link) > MAX_LINK:
        return None
    try:
        return urlencode(parse_qsl(urlsplit(link).query, keep_blank_values=True), safe="$") or None
    except ValueError:
        return None
