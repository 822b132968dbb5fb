"""Requests read and replies written, for both generations of the API (docs/language-api.md 1 to 3)."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.language_service import errors, oddities
from local.language_service.behaviour import Behaviour
from local.language_service.jobs import Dialect, Document, FinishedTask, Job, JobView, Status, Submission, Task
from local.language_service.labels import ProjectKind
from local.language_service.languages import AUTO, AUTO_SINCE, SUPPORTED_LANGUAGES, is_supported
from local.language_service.limits import CHARACTERS_PER_RECORD, MAX_CHARACTERS, MAX_DOCUMENTS, PAGE_SIZE
from local.language_service.prebuilt import (
    MASKING_CHARACTERS,
    MASKS,
    MODEL_VERSION,
    PrebuiltKind,
    PrebuiltParameters,
    detected_language,
)
from local.stand_in.errors import Refusal
from local.stand_in.text_units import STRING_INDEX_TYPES, TEXT_ELEMENTS, text_elements

#: Versions of the date-versioned API (docs/language-api.md 8), but for 2021-11-01-preview, whose bodies had the old
#: form.
API_VERSIONS = frozenset(
    {
        "2022-02-01-preview",
        "2022-04-01-preview",
        "2022-05-01",
        "2022-10-01-preview",
        "2023-04-01",
        "2023-04-15-preview",
        "2023-11-15-preview",
        "2024-11-01",
        "2024-11-15-preview",
        "2025-05-15-preview",
        "2025-11-01",
        "2025-11-15-preview",
        "2026-05-15-preview",
    }
)
#: Versions whose recordings spell the job's time of last change without the d.
_UPDATE_WITHOUT_D = frozenset({"2022-02-01-preview", "2022-04-01-preview", "2022-10-01-preview"})
_UPDATE_RECORDED = _UPDATE_WITHOUT_D | {"2022-05-01"}

#: The arrays under ``tasks`` of the preview APIs, by kind; the last name was used by ct.1 alone.
PREVIEW_ARRAYS: Mapping[str, ProjectKind] = {
    "customEntityRecognitionTasks": ProjectKind.ENTITIES,
    "customSingleClassificationTasks": ProjectKind.SINGLE_LABEL,
    "customMultiClassificationTasks": ProjectKind.MULTI_LABEL,
    "customClassificationTasks": ProjectKind.SINGLE_LABEL,
}

#: Gives the results of one document for a task: the fields beside ``id`` and ``warnings``.
ResultsOf = Callable[[Task, Document], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """Which documents of each task a poll asks for, and whether with statistics."""

    skip: int = 0
    top: int | None = None
    show_stats: bool = False

    @property
    def size(self) -> int:
        """How many documents the page holds at most."""
        return PAGE_SIZE if self.top is None else self.top


# --- reading a submission --------------------------------------------------------------------------------------------


def parse_submission(body: bytes, dialect: Dialect, api_version: str, behaviour: Behaviour) -> Submission:
    """Read a submission; raises ``Refusal`` as the service would answer."""
    if len(body) > behaviour.max_request_bytes:
        raise errors.body_too_large(behaviour.oversize_status, behaviour.max_request_bytes)
    content = _parse_json(body)
    analysis_input = content.get("analysisInput")
    if not isinstance(analysis_input, dict):
        raise errors.missing_documents(preview=dialect.is_preview)
    documents = _documents(analysis_input.get("documents"), dialect, api_version, behaviour)
    tasks = _preview_tasks(content.get("tasks"), behaviour) if dialect.is_preview else _ga_tasks(content.get("tasks"))
    if not tasks:
        raise errors.bad_request_body("At least one task must be present.")
    name = content.get("displayName")
    return Submission(dialect, api_version, name if isinstance(name, str) else None, documents, tasks)


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise errors.unreadable_body() from None
    if not isinstance(content, dict):
        raise errors.unreadable_body()
    return content


def _documents(listed: Any, dialect: Dialect, api_version: str, behaviour: Behaviour) -> tuple[Document, ...]:
    if not isinstance(listed, list) or not listed:
        raise errors.missing_documents(preview=dialect.is_preview)
    if len(listed) > MAX_DOCUMENTS:
        raise errors.too_many_documents(MAX_DOCUMENTS)
    knows_auto = not dialect.is_preview and api_version >= AUTO_SINCE
    documents = [_document(entry, behaviour, knows_auto=knows_auto) for entry in listed]
    if len({document.id for document in documents}) < len(documents):
        raise errors.duplicate_ids(preview=dialect.is_preview)
    if sum(text_elements(document.text) for document in documents) > MAX_CHARACTERS:
        raise errors.request_too_large(behaviour.oversize_status, MAX_CHARACTERS)
    if all(document.error is errors.EMPTY_DOCUMENT for document in documents):
        raise errors.all_documents_empty()
    return tuple(documents)


def _document(entry: Any, behaviour: Behaviour, *, knows_auto: bool) -> Document:
    if not isinstance(entry, dict):
        raise errors.bad_request_body("Each document must be an object.")
    document_id, text, language = entry.get("id"), entry.get("text"), entry.get("language")
    if not isinstance(document_id, str) or not document_id:
        raise errors.bad_document("Request contains documents without an Id. Make sure each document has an Id.")
    if text is not None and not isinstance(text, str):
        raise errors.bad_document(f"The text of document {document_id} is not a string.")
    text = text or ""
    error = None
    if not (text.strip() if behaviour.blank_is_empty else text):
        error = errors.EMPTY_DOCUMENT
    elif behaviour.check_language and language and not _is_language(language, knows_auto=knows_auto):
        error = errors.unsupported_language(SUPPORTED_LANGUAGES)
    return Document(document_id, text, language if isinstance(language, str) else None, error)


def _is_language(language: Any, *, knows_auto: bool) -> bool:
    if isinstance(language, str) and language.lower() == AUTO:
        return knows_auto
    return is_supported(language)


def _ga_tasks(listed: Any) -> tuple[Task, ...]:
    if not isinstance(listed, list):
        raise errors.bad_request_body("Tasks must be an array.")
    return tuple(_ga_task(entry, n) for n, entry in enumerate(listed))


def _ga_task(entry: Any, number: int) -> Task:
    if not isinstance(entry, dict):
        raise errors.bad_request_body("Each task must be an object.")
    kinds: dict[str, ProjectKind | PrebuiltKind] = {kind.value: kind for kind in (*ProjectKind, *PrebuiltKind)}
    kind_name = str(entry.get("kind"))
    if kind_name not in kinds:
        raise errors.bad_parameter(kind_name, "kind", kind_name, ",".join(kinds))
    kind = kinds[kind_name]
    parameters = _parameters(entry)
    is_custom = isinstance(kind, ProjectKind)
    return Task(
        kind=kind,
        name=entry.get("taskName"),
        project=_required(parameters, "projectName", kind_name) if is_custom else "",
        deployment=_required(parameters, "deploymentName", kind_name) if is_custom else "",
        string_index_type=_string_index_type(parameters, kind_name, preview=False),
        pointer=f"#/tasks/items/{number}",
        parameters=PrebuiltParameters() if is_custom else _prebuilt_parameters(parameters, kind_name),
    )


def _prebuilt_parameters(parameters: Mapping[str, Any], kind: str) -> PrebuiltParameters:
    """Read what the rules of the prebuilt kinds know; other parameters are accepted and change nothing."""
    policy = parameters.get("redactionPolicy")
    policy = policy if isinstance(policy, dict) else {}
    character = policy.get("redactionCharacter") or parameters.get("redactionCharacter") or "*"
    return PrebuiltParameters(
        model_version=str(parameters.get("modelVersion") or "latest"),
        domain=_one_of(parameters.get("domain") or "none", "domain", kind, ("phi", "none")),
        included=_names(parameters, "piiCategories", "inclusionList"),
        excluded=_names(parameters, "excludePiiCategories", "exclusionList"),
        mask=_one_of(policy.get("policyKind") or "characterMask", "redactionPolicy", kind, MASKS),
        masking_character=_one_of(character, "redactionCharacter", kind, tuple(MASKING_CHARACTERS)),
    )


def _one_of(value: Any, name: str, kind: str, known: Sequence[str]) -> str:
    for one in known:
        if str(value).lower() == one.lower():
            return one
    raise errors.bad_parameter(value, name, kind, ",".join(known))


def _names(parameters: Mapping[str, Any], *keys: str) -> frozenset[str]:
    """Read a list of categories; ``All`` and ``Default`` mean no choice."""
    listed: list[Any] = next((parameters[key] for key in keys if isinstance(parameters.get(key), list)), [])
    return frozenset(map(str, listed)) - {"All", "Default"}


def _parameters(entry: dict[str, Any]) -> dict[str, Any]:
    parameters = entry.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _preview_tasks(listed: Any, behaviour: Behaviour) -> tuple[Task, ...]:
    if not isinstance(listed, dict):
        raise errors.bad_request_body("Tasks must be an object.")
    tasks = []
    for array, entries in listed.items():
        if array not in PREVIEW_ARRAYS or not isinstance(entries, list):
            raise errors.bad_parameter(array, "tasks", array, ",".join(PREVIEW_ARRAYS), preview=True)
        tasks += [_preview_task(array, entry, n, behaviour) for n, entry in enumerate(entries)]
    return tuple(tasks)


def _preview_task(array: str, entry: Any, number: int, behaviour: Behaviour) -> Task:
    if not isinstance(entry, dict):
        raise errors.bad_request_body("Each task must be an object.")
    parameters = _parameters(entry)
    kind, error, unit = PREVIEW_ARRAYS[array], None, TEXT_ELEMENTS
    project = deployment = ""
    try:
        if isinstance(parameters.get("modelId"), str):
            project = parameters["modelId"]
        else:
            project = _required(parameters, "project-name", kind.value, preview=True)
            deployment = _required(parameters, "deployment-name", kind.value, preview=True)
        unit = _string_index_type(parameters, kind.value, preview=True)
    except Refusal as refusal:
        if behaviour.preview_bad_parameter == "400":
            raise
        error = refusal.error
    return Task(kind, entry.get("taskName"), project, deployment, unit, f"#/tasks/{array}/{number}", error)


def _required(parameters: Mapping[str, Any], name: str, kind: str, *, preview: bool = False) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise errors.bad_parameter(value or "", name, kind, "the name of a project's part", preview=preview)
    return value


def _string_index_type(parameters: Mapping[str, Any], kind: str, *, preview: bool) -> str:
    value = parameters.get("stringIndexType") or TEXT_ELEMENTS
    for known in STRING_INDEX_TYPES:
        # The enumeration of v3.1 spells TextElement_v8 (docs/language-api.md 5.1).
        if str(value).lower() in (known.lower(), known.lower().replace("elements", "element")):
            return known
    raise errors.bad_parameter(value, "stringIndexType", kind, ",".join(STRING_INDEX_TYPES), preview=preview)


def parse_page(query: Mapping[str, str], dialect: Dialect, max_top: int | None) -> Page:
    """Read the paging parameters of a poll; raises ``Refusal`` for a value that is none."""
    prefix = "$" if dialect.is_preview else ""
    skip = _number(query, f"{prefix}skip", 0, None)
    top = _number(query, f"{prefix}top", 1, max_top)
    return Page(skip or 0, top, query.get("showStats", "").lower() == "true")


def _number(query: Mapping[str, str], name: str, low: int, high: int | None) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"\d{1,9}", value) or int(value) < low or (high is not None and int(value) > high):
        raise errors.bad_query(name, value)
    return int(value)


# --- writing a job ---------------------------------------------------------------------------------------------------


def job_time(moment: datetime) -> str:
    """Spell a job's time: whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def task_time(moment: datetime, dialect: Dialect) -> str:
    """Spell a task's time: a fraction of 6 digits (7 in the preview APIs) without its trailing zeros."""
    digits = moment.strftime("%f") + ("3" if dialect.is_preview and moment.microsecond else "")
    fraction = digits.rstrip("0")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}Z" if fraction else "Z")


def render_job(
    job: Job, state: JobView, page: Page, base_url: str, behaviour: Behaviour, results_of: ResultsOf
) -> dict[str, Any]:
    """Write the body of a poll reply for one page of a job."""
    dialect = job.submission.dialect
    if dialect is Dialect.GA:
        return _render_ga(job, state, page, base_url, behaviour, results_of)
    return _render_preview(job, state, page, base_url, behaviour, results_of)


def _render_ga(
    job: Job, state: JobView, page: Page, base_url: str, behaviour: Behaviour, results_of: ResultsOf
) -> dict[str, Any]:
    version = job.submission.api_version
    updated_key = behaviour.updated_key
    if version in _UPDATE_RECORDED:
        updated_key = "lastUpdateDateTime" if version in _UPDATE_WITHOUT_D else "lastUpdatedDateTime"
    body: dict[str, Any] = {
        "jobId": job.id,
        updated_key: job_time(state.updated_at),
        "createdDateTime": job_time(job.accepted_at),
        "expirationDateTime": job_time(job.expires_at),
        "status": _status_word(state.status, behaviour),
        "errors": [
            {
                "code": one.error.code,
                "message": one.error.message,
                **({} if one.task is None else {"target": f"#/tasks/items/{one.task}"}),
            }
            for one in state.errors
        ],
        **_display_name(job),
        "tasks": {
            **_counters(state),
            "items": [_ga_item(job, one, page, behaviour, results_of) for one in _shown(job, state)],
        },
    }
    left = _documents_after(job, state, page)
    if left:
        body["nextLink"] = (
            f"{base_url}/language/analyze-text/jobs/{job.id}?showStats={page.show_stats}&top={left}"
            f"&skip={page.skip + page.size}&api-version={version}"
        )
    return body


def _shown(job: Job, state: JobView) -> Sequence[FinishedTask]:
    """Give the tasks that a reply lists."""
    is_done = len(state.finished) == state.total
    return state.finished[:-1] if job.fate == "task-missing" and is_done else state.finished


def _ga_item(
    job: Job, finished: FinishedTask, page: Page, behaviour: Behaviour, results_of: ResultsOf
) -> dict[str, Any]:
    task = finished.task
    is_odd = job.fate == "task-unknown-kind" and task is job.submission.tasks[-1]
    item: dict[str, Any] = {"kind": "NovelAnalysisLROResults" if is_odd else f"{task.kind.value}LROResults"}
    if task.name is not None:
        item["taskName"] = task.name
    item["lastUpdateDateTime"] = task_time(finished.finished_at, Dialect.GA)
    item["status"] = finished.status.value
    if finished.status is Status.CANCELLED:
        item["results"] = {"documents": [], "errors": [], "modelVersion": "latest"}
    elif finished.status is Status.SUCCEEDED:
        item["results"] = {**_results(job, task, page, behaviour, results_of), **_model_names(task)}
    return item


def _model_names(task: Task) -> dict[str, str]:
    if isinstance(task.kind, ProjectKind):
        return {"projectName": task.project, "deploymentName": task.deployment}
    version = task.parameters.model_version
    return {"modelVersion": MODEL_VERSION if version == "latest" else version}


def _render_preview(
    job: Job, state: JobView, page: Page, base_url: str, behaviour: Behaviour, results_of: ResultsOf
) -> dict[str, Any]:
    dialect, version = job.submission.dialect, job.submission.api_version
    arrays: dict[str, list[dict[str, Any]]] = {}
    left = _documents_after(job, state, page)
    next_query = f"$skip={page.skip + page.size}&$top={page.size}"
    if page.show_stats:
        next_query = f"showStats=true&{next_query}"
    for finished in _shown(job, state):
        item = _preview_item(job, finished, page, behaviour, results_of)
        if left and "results" in item:
            # The inner link names a host inside the service; clients must not follow it.
            item["results"]["@nextLink"] = (
                "http://svc--textanalyticsdispatcher.text-analytics.svc.cluster.local"
                f"/text/analytics/{version}/analyze/jobs/{job.id}?{next_query}"
            )
        arrays.setdefault(finished.task.pointer.split("/")[2], []).append(item)
    tasks: dict[str, Any] = {}
    if dialect is not Dialect.V32:
        tasks["details"] = {
            "name": job.submission.display_name or "",
            "lastUpdateDateTime": job_time(state.updated_at),
            **({"status": _preview_word(state.status, dialect, behaviour)} if dialect is Dialect.CT1_DOCS else {}),
        }
    tasks |= _counters(state)
    if arrays:
        tasks.update({"tasks": arrays} if dialect is Dialect.CT1_DOCS else arrays)
    body: dict[str, Any] = {
        "jobId": job.id,
        "lastUpdateDateTime": job_time(state.updated_at),
        "createdDateTime": job_time(job.accepted_at),
        "expirationDateTime": job_time(job.expires_at),
        "status": _preview_word(state.status, dialect, behaviour),
        "errors": [
            {
                "code": one.error.code,
                "message": one.error.message,
                **({} if one.task is None else {"target": state.finished[one.task].task.pointer}),
            }
            for one in state.errors
        ],
        **_display_name(job),
        "tasks": tasks,
    }
    if left:
        body["@nextLink"] = f"{base_url}/text/analytics/{version}/analyze/jobs/{job.id}?{next_query}"
    return body


def _preview_item(
    job: Job, finished: FinishedTask, page: Page, behaviour: Behaviour, results_of: ResultsOf
) -> dict[str, Any]:
    dialect, task = job.submission.dialect, finished.task
    item: dict[str, Any] = {"lastUpdateDateTime": task_time(finished.finished_at, dialect)}
    if dialect is Dialect.CT1_DOCS:
        # The documents of 2021 show the job's name here, and ``status`` instead of ``state``.
        item["name"] = task.name or job.submission.display_name or ""
    elif task.name is not None:
        item["taskName"] = task.name
    key = "status" if dialect is Dialect.CT1_DOCS else "state"
    item[key] = _preview_word(finished.status, dialect, behaviour)
    if finished.status is Status.SUCCEEDED:
        item["results"] = _results(job, task, page, behaviour, results_of)
        if dialect is not Dialect.CT1_DOCS:
            item["results"] |= {"projectName": task.project, "deploymentName": task.deployment}
    return item


def _status_word(status: Status, behaviour: Behaviour) -> str:
    return behaviour.partial_status if status is Status.PARTIAL else status.value


def _preview_word(status: Status, dialect: Dialect, behaviour: Behaviour) -> str:
    done = status is Status.SUCCEEDED and dialect is Dialect.CT1_DOCS
    return "completed" if done else _status_word(status, behaviour)


def _display_name(job: Job) -> dict[str, str]:
    name = job.submission.display_name
    return {} if name is None else {"displayName": name}


def _counters(state: JobView) -> dict[str, int]:
    return {
        "completed": state.completed,
        "failed": state.failed,
        "inProgress": state.in_progress,
        "total": state.total,
    }


# --- results and pages -----------------------------------------------------------------------------------------------


def answered(job: Job) -> list[Document]:
    """List the documents that have a result, in the order of the request."""
    documents = [document for document in job.submission.documents if document.error is None]
    lost = int(job.chance * len(documents)) if documents else 0
    if job.fate == "all-missing":
        return []
    if job.fate == "missing-documents":
        return documents[:lost] + documents[lost + 1 :]
    if job.fate == "partial" and len(job.submission.tasks) == 1:
        return documents[: len(documents) // 2]
    return documents


def refused(job: Job) -> list[Document]:
    """List the documents that have an error instead of a result."""
    if job.fate == "all-missing":
        return []
    return [document for document in job.submission.documents if document.error is not None]


def _documents_after(job: Job, state: JobView, page: Page) -> int:
    """Count the documents on the pages after this one; pages exist only once a task has results."""
    if not any(one.status is Status.SUCCEEDED for one in state.finished):
        return 0
    return max(0, len(answered(job)) - page.skip - page.size)


def _results(job: Job, task: Task, page: Page, behaviour: Behaviour, results_of: ResultsOf) -> dict[str, Any]:
    documents, failed = answered(job), refused(job)
    first, last = page.skip == 0, page.skip + page.size >= len(documents)
    on_page = documents[page.skip : page.skip + page.size]
    if job.fate == "repeated-documents" and on_page:
        # The page begins with the last document of the page before, and its own first one stands twice.
        on_page = documents[max(0, page.skip - 1) : page.skip] + on_page[:1] + on_page
    with_errors = {"first": first, "last": last, "every": True}[behaviour.errors_page]
    results: dict[str, Any] = {}
    # The documents of 2021 show statistics in every reply of ct.1.
    if page.show_stats or job.submission.dialect is Dialect.CT1_DOCS:
        results["statistics"] = _statistics(documents, failed)
    if job.fate == "documents-reordered" and task is job.submission.tasks[-1]:
        on_page = on_page[::-1]
    results["documents"] = [_document_result(job, task, one, page, results_of) for one in on_page]
    results["errors"] = (
        [{"id": one.id, "error": one.error.as_json()} for one in failed if one.error] if with_errors else []
    )
    if first:
        oddities.apply(job.fate, job.chance, results)
    return results


def _document_result(job: Job, task: Task, document: Document, page: Page, results_of: ResultsOf) -> dict[str, Any]:
    result = {"id": document.id, **results_of(task, document)}
    if page.show_stats:
        count = text_elements(document.text)
        result["statistics"] = {"charactersCount": count, "transactionsCount": text_records(count)}
    result["warnings"] = []
    if document.is_detected:
        result["detectedLanguage"] = detected_language(document.text)
    return result


def text_records(characters: int) -> int:
    """Count the billed records of a document: every 1,000 characters begun."""
    return -(-characters // CHARACTERS_PER_RECORD)


def _statistics(answered_documents: Sequence[Document], failed: Sequence[Document]) -> dict[str, int]:
    return {
        "documentsCount": len(answered_documents) + len(failed),
        "validDocumentsCount": len(answered_documents),
        "erroneousDocumentsCount": len(failed),
        "transactionsCount": sum(text_records(text_elements(one.text)) for one in answered_documents),
    }
