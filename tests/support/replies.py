"""Replies of the service, as recorded: whole ones, and the parts that tests put together."""

import json
from datetime import datetime
from typing import Any

from requests.structures import CaseInsensitiveDict

from functions.core.outcomes import Answer, Finished
from functions.language import payloads
from functions.language.error_codes import Reply
from tests.support.material import work

JOB = "7a9d4c1e-0f3b-4c55-9d7e-2b6f0c1d8e90"
JSON = "application/json; charset=utf-8"
GATEWAY_JSON = "application/json"
HTML = "text/html"


def reply(status: int, body: Any = None, content_type: str | None = JSON, **headers: str) -> Reply:
    """Return a reply whose body is given as bytes or as what JSON is made of; without a body it has no content type."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    if content_type is not None and body is not None:
        named["Content-Type"] = content_type
    return Reply(status, CaseInsensitiveDict(named), content)


def page_outcome(reply: Reply, now: datetime) -> payloads.Page:
    """Return what a page says of a job that asks for custom entities."""
    return payloads.page_outcome(reply, now, work().tasks)


def of_one_task(finished: Finished) -> dict[str, Answer]:
    """Return the answers for each chunk of a job that has one task."""
    assert all(list(answers) == ["entities"] for answers in finished.chunks.values())
    return {chunk: answers["entities"] for chunk, answers in finished.chunks.items()}


def error_body(code: Any, message: Any, inner_code: Any = "", inner_message: Any = "") -> dict[str, Any]:
    inner = {"innererror": {"code": inner_code, "message": inner_message}} if inner_code else {}
    return {"error": {"code": code, "message": message, **inner}}


# --- Date versions (recorded 2022-07) ---


def ga_page(status: str = "succeeded", items: list[Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "jobId": JOB,
        "lastUpdatedDateTime": "2022-07-21T23:25:56Z",
        "createdDateTime": "2022-07-21T23:25:55Z",
        "expirationDateTime": "2022-07-22T23:25:55Z",
        "status": status,
        "errors": [],
        "displayName": "batch-7",
        "tasks": {"completed": 1, "failed": 0, "inProgress": 0, "total": 1, "items": items or []},
        **fields,
    }


def wire_entity(text: str = "Bill Gates", offset: Any = 25, **fields: Any) -> dict[str, Any]:
    return {"text": text, "category": "artist", "offset": offset, "length": len(text), "confidenceScore": 0.58} | fields


def ga_item(documents: list[Any], errors: list[Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "CustomEntityRecognitionLROResults",
        "taskName": "entities",
        "lastUpdateDateTime": "2022-07-21T23:25:56.665944Z",
        "status": "succeeded",
        "results": {"documents": documents, "errors": errors or [], "projectName": "P", "deploymentName": "D"},
        **fields,
    }


EMPTY_ERROR = {
    "code": "InvalidArgument",
    "message": "Invalid Document in request.",
    "innererror": {"code": "InvalidDocument", "message": "Document text is empty."},
}


# --- The preview (recorded 2021-10 with its successor) ---


def ct1_page(tasks: dict[str, Any], status: str = "succeeded", **fields: Any) -> dict[str, Any]:
    return {
        "jobId": JOB,
        "lastUpdateDateTime": "2021-10-23T00:43:57Z",
        "createdDateTime": "2021-10-23T00:43:56Z",
        "expirationDateTime": "2021-10-24T00:43:56Z",
        "status": status,
        "errors": [],
        "tasks": {"completed": 1, "failed": 0, "inProgress": 0, "total": 1, **tasks},
        **fields,
    }


def ct1_task(
    word: str, state: str, documents: list[Any] | None = None, errors: list[Any] | None = None
) -> dict[str, Any]:
    if documents is None:
        documents = [{"id": "0", "entities": [wire_entity()], "warnings": []}]
    return {
        "lastUpdateDateTime": "2021-10-23T00:43:57.7714953Z",
        "taskName": "ner",
        word: state,
        "results": {"documents": documents, "errors": errors or [], "projectName": "P", "deploymentName": "D"},
    }
