"""The state of a job as the service reports it, both generations: read document by document and entity by entity.

What can not be read of an entity leaves out that entity; what can not be read of a document's entry is that document's
problem; nothing in one document's part touches another's.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from .. import problems
from ..core.outcomes import (
    Finished,
    JobFailed,
    Progress,
    StillRunning,
)
from ..errors import Fault, Problem, Warning
from ..tasks.custom_entities import FoundEntities, parse_entry
from . import tolerant_json
from .error_codes import LANGUAGE, Error, for_record, message_of, shortened

State = dict[str, Any]
"""The JSON object of a job's state; `status` is a string, everything else is unchecked."""

Answer = FoundEntities | Problem

MAX_ID = 64
MAX_STATUS = 64


def state_of(body: bytes) -> State | None:
    """Return a job's state out of a reply's body; None where it is none.

    Values that the decoder refuses are `tolerant_json.UNREADABLE` in it.
    """
    try:
        state = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        try:
            state = tolerant_json.decode(body)
        except ValueError:
            return None
    return state if isinstance(state, dict) and isinstance(state.get("status"), str) else None


# Lower case, because the generations differ in it. "inProgress" is only seen as a counter's name, but costs nothing.
_WAITING = {"notstarted"}
_RUNNING = {"running", "cancelling", "inprogress"}
_FAILED = {"failed", "rejected"}
_DONE = {"succeeded", "completed", "partiallycompleted", "partiallysucceeded", "cancelled", "canceled"}


def progress_of(state: State) -> Progress:
    """Return what a job's state means."""
    status = shortened(state["status"], MAX_STATUS)
    word = status.lower()
    if word in _FAILED:
        return _failed(state, status)
    if word in _DONE:
        return _finished(state, status)
    # A word that nobody has documented is taken for running: no word of the service loses a document.
    return StillRunning(
        status,
        is_known=word in _WAITING | _RUNNING,
        has_started=word not in _WAITING,
        expires=_moment(state.get("expirationDateTime")),
    )


def _failed(state: State, status: str) -> JobFailed:
    errors = [error for error in map(_unwrapped, _list(state.get("errors"))) if error]
    for error in errors:
        if LANGUAGE.fault_of(error) is Fault.CONFIGURATION:
            return JobFailed(LANGUAGE.misconfigured(200, error))
    error = errors[0] if errors else {}
    # Never the document's fault, whatever the code: an error of a job does not say which of its documents is meant.
    return JobFailed(problems.JOB_FAILED.problem(service=for_record(error), status=status, reason=message_of(error)))


def _unwrapped(error: Any) -> Error:
    """Return a job's error: flat as recorded, or inside `error` as in the specification; empty where it is none."""
    inner = error.get("error") if isinstance(error, dict) else None
    error = inner if isinstance(inner, dict) else error
    return error if isinstance(error, dict) else {}


def _finished(state: State, status: str) -> Finished:
    completed = None
    answers: dict[str, list[Answer]] = defaultdict(list)
    for task in _entity_tasks(state.get("tasks")):
        completed = _moment(task.get("lastUpdateDateTime")) or completed
        results = task.get("results")
        if isinstance(results, dict):
            for chunk, entry in _entries(results.get("documents")):
                warnings = tuple(map(_warning, _list(entry.get("warnings"))))
                answers[chunk].append(parse_entry(entry, warnings))
            for chunk, entry in _entries(results.get("errors")):
                answers[chunk].append(_document_problem(entry))
    operation_id = state.get("jobId")
    return Finished(
        operation_id=shortened(operation_id, MAX_ID) if isinstance(operation_id, str) else "",
        status=status,
        chunks={chunk: _one_of(given) for chunk, given in answers.items()},
        created=_moment(state.get("createdDateTime")),
        completed=completed or _moment(state.get("lastUpdatedDateTime")) or _moment(state.get("lastUpdateDateTime")),
    )


def _entity_tasks(tasks: Any) -> Iterator[dict[str, Any]]:
    """Yield the custom entity recognition tasks, wherever this generation keeps them."""
    if not isinstance(tasks, dict):
        return
    for item in _list(tasks.get("items")):
        kind = item.get("kind") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind.startswith("CustomEntityRecognition"):
            yield item
    # The preview: at the top in recordings of its successor, one level deeper in its own documentation of 2021.
    inner = tasks.get("tasks")
    for place in (tasks, inner if isinstance(inner, dict) else {}):
        yield from (task for task in _list(place.get("customEntityRecognitionTasks")) if isinstance(task, dict))


def _entries(entries: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries of documents with their ids. An entry without a usable id can not be anybody's."""
    for entry in _list(entries):
        chunk = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(chunk, str) and 0 < len(chunk) <= MAX_ID:
            yield chunk, entry


def _one_of(answers: Sequence[Answer]) -> Answer:
    """Return the answer for a document that is answered once, or several times alike.

    Entities win over an error. Where entities are given twice and differ, one of the two is another document's, and
    nobody can say which.
    """
    found = [answer for answer in answers if isinstance(answer, FoundEntities)]
    if not found:
        return answers[0]
    if any(answer != found[0] for answer in found):
        return _unreadable_entry("it is answered twice, in different ways")
    return found[0]


def _warning(warning: Any) -> Warning:
    if isinstance(warning, dict):
        parts = [part for part in (warning.get("message"), warning.get("code")) if isinstance(part, str) and part]
        warning = parts[0] if parts else None
    if not isinstance(warning, str):
        return problems.UNREADABLE_WARNING.warning()
    return problems.SERVICE_WARNING.warning(reason=shortened(warning))


# --- A document with an error ---


def _document_problem(entry: dict[str, Any]) -> Problem:
    error = entry.get("error")
    code = LANGUAGE.code_of(error) if isinstance(error, dict) else ""
    if not isinstance(error, dict) or not code:
        return _unreadable_entry("it has an error without a code")
    # A document's error can not be about key, project or deployment, which are those of the whole job.
    if LANGUAGE.fault_of(error) is not Fault.DOCUMENT:
        kind = problems.DOCUMENT_FAILED
    else:
        kind = _KINDS_BY_CODE.get(code, problems.DOCUMENT_REFUSED)
    return kind.problem(service=for_record(error), service_code=code, reason=message_of(error))


_KINDS_BY_CODE = {problems.UNSUPPORTED_LANGUAGE.code: problems.UNSUPPORTED_LANGUAGE}
"""Errors of a document for which there is better advice than for others."""


def _unreadable_entry(detail: str) -> Problem:
    return problems.UNREADABLE_ANSWER.problem(detail=detail)


# --- Parts ---


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*Z?(\+00:00)?", re.ASCII)


def _moment(value: Any) -> datetime | None:
    """Return a timestamp of the service, which has up to seven fractional digits; None for anything else."""
    if not isinstance(value, str):
        return None
    match = _MOMENT.fullmatch(value)
    if not match:
        return None
    try:
        return datetime.fromisoformat(match.group(1) + (match.group(2) or "")).replace(tzinfo=UTC)
    except ValueError:
        return None  # The 31st of February: no timestamp is worth a result.
