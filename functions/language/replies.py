"""The state of a job as the service reports it, both generations: read document by document and entity by entity.

What can not be read of an entity leaves out that entity; what can not be read of a document's entry is that document's
problem; nothing in one document's part touches another's, and nothing in one task's part another task's.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from .. import problems
from ..core.outcomes import (
    Answer,
    Finished,
    JobFailed,
    Progress,
    StillRunning,
)
from ..errors import Fault, Problem, Warning
from ..tasks.kinds import Task
from ..tasks.task import Found, ProjectTask
from . import tolerant_json
from .error_codes import LANGUAGE, Error, for_record, message_of, shortened

State = dict[str, Any]
"""The JSON object of a job's state; `status` is a string, everything else is unchecked."""

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


def progress_of(state: State, tasks: Sequence[Task]) -> Progress:
    """Return what the state of a job means that was asked for `tasks`."""
    status = shortened(state["status"], MAX_STATUS)
    word = status.lower()
    if word in _FAILED:
        return _failed(state, status)
    if word in _DONE:
        return _finished(state, status, tasks)
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


def _finished(state: State, status: str, tasks: Sequence[Task]) -> Finished:
    times: list[datetime] = []
    answers: dict[str, dict[str, list[Answer]]] = defaultdict(lambda: defaultdict(list))
    failed: dict[str, Problem] = {}
    for task, item, pointer in _items(state.get("tasks"), tasks):
        times += filter(None, [_moment(item.get("lastUpdateDateTime"))])
        results = item.get("results")
        if not isinstance(results, dict):
            failed[task.name] = _task_problem(state, item, pointer)
            continue
        version = results.get("modelVersion")
        version = shortened(version, MAX_ID) if isinstance(version, str) else None
        for chunk, entry in _entries(results.get("documents")):
            answers[chunk][task.name].append(task.parse(entry, _common(entry, version)))
        for chunk, entry in _entries(results.get("errors")):
            answers[chunk][task.name].append(_document_problem(entry))
    operation_id = state.get("jobId")
    last = state.get("lastUpdatedDateTime") or state.get("lastUpdateDateTime")
    return Finished(
        operation_id=shortened(operation_id, MAX_ID) if isinstance(operation_id, str) else "",
        status=status,
        chunks={chunk: {name: _one_of(given) for name, given in by_task.items()} for chunk, by_task in answers.items()},
        created=_moment(state.get("createdDateTime")),
        completed=max(times, default=None) or _moment(last),
        failed_tasks=failed,
    )


def _items(listed: Any, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any], str]]:
    """Yield the items of our tasks, wherever this generation keeps them, with the pointers that errors name them by."""
    if not isinstance(listed, dict):
        return
    for number, item in enumerate(_list(listed.get("items"))):
        kind = item.get("kind") if isinstance(item, dict) else None
        if isinstance(kind, str):
            task = _task_of(item, [task for task in tasks if kind.startswith(task.kind)])
            if task:
                yield task, item, f"#/tasks/items/{number}"
    # The preview: at the top in recordings of its successor, one level deeper in its own documentation of 2021.
    inner = listed.get("tasks")
    lists = dict.fromkeys(task.preview_list for task in tasks if isinstance(task, ProjectTask))
    for place in (listed, inner if isinstance(inner, dict) else {}):
        for name in lists:
            own = [task for task in tasks if isinstance(task, ProjectTask) and task.preview_list == name]
            for number, item in enumerate(_list(place.get(name))):
                task = _task_of(item, own) if isinstance(item, dict) else None
                if task:
                    yield task, item, f"#/tasks/{name}/{number}"


def _task_of(item: dict[str, Any], of_kind: Sequence[Task]) -> Task | None:
    """Return which of our tasks of its kind an item answers: by its name, where there are several."""
    if len(of_kind) == 1:
        return of_kind[0]
    # `name` in the documentation of the preview.
    named = item.get("taskName") or item.get("name")
    return next((task for task in of_kind if task.name == named), None)


def _common(entry: dict[str, Any], model_version: str | None) -> Found:
    """Return what the entries of documents have in all kinds of tasks."""
    detected = entry.get("detectedLanguage")
    # An object, or in some kinds and versions its code alone.
    code = detected.get("iso6391Name") if isinstance(detected, dict) else detected
    return Found(
        warnings=tuple(map(_warning, _list(entry.get("warnings")))),
        detected_language=shortened(code, MAX_ID) if isinstance(code, str) and code else None,
        model_version=model_version,
    )


def _task_problem(state: State, item: dict[str, Any], pointer: str) -> Problem:
    """Return why a task has no results, from the error of the job that names it."""
    errors = map(_unwrapped, _list(state.get("errors")))
    error = next((error for error in errors if error.get("target") == pointer), {})
    if error and LANGUAGE.fault_of(error) is Fault.CONFIGURATION:
        return LANGUAGE.misconfigured(200, error)
    status = item.get("status") or item.get("state")
    status = shortened(status, MAX_STATUS) if isinstance(status, str) else "unknown"
    return problems.TASK_FAILED.problem(service=for_record(error), status=status, reason=message_of(error))


def _entries(entries: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries of documents with their ids. An entry without a usable id can not be anybody's."""
    for entry in _list(entries):
        chunk = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(chunk, str) and 0 < len(chunk) <= MAX_ID:
            yield chunk, entry


def _one_of(answers: Sequence[Answer]) -> Answer:
    """Return the answer for a document that is answered once, or several times alike.

    What was found wins over an error. Where something is found twice and differs, one of the two is another document's,
    and nobody can say which.
    """
    found = [answer for answer in answers if isinstance(answer, Found)]
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
