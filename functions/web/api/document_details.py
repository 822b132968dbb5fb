"""`/api/documents/{id}` and its results."""

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...storage.containers import JSON_TYPE, TEXT_TYPE
from ...workflows.details import Details
from ..document_ids import id_of, name_of
from ..parts import WebParts
from ..problem_json import RefusedError, json_response
from ..static_files import unless_known
from .service_status import ProblemView


class TaskView(msgspec.Struct, frozen=True, rename="camel"):
    """One task: `state` is null while its outcome is open, `code` is that of its problem."""

    name: str
    kind: str
    state: str | None
    code: str | None


class ResultView(msgspec.Struct, frozen=True, rename="camel"):
    """A result that can be read: its name behind that of the document, its type and its address."""

    name: str
    media_type: str
    href: str


class DocumentView(msgspec.Struct, frozen=True, rename="camel"):
    """The answer."""

    id: str
    name: str
    state: str
    etag: str
    last_modified: datetime
    size_bytes: int
    deleted: bool
    claimed: datetime | None
    updated: datetime | None
    review: bool
    warnings: tuple[str, ...]
    problem: ProblemView | None
    tasks: tuple[TaskView, ...]
    results: tuple[ResultView, ...]


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""

    def get(request: Request) -> Response:
        details = parts.details.find(_name_in(request))
        if details is None:
            raise RefusedError(problems.UNKNOWN_DOCUMENT.refusal())
        return json_response(view_of(details))

    def get_result(request: Request) -> Response:
        file = request.path_params["result"]
        blob = parts.details.result(_name_in(request), file)
        if blob is None:
            raise RefusedError(problems.UNKNOWN_RESULT.refusal())
        return unless_known(request, blob.info.etag, blob.data, _media_type(file))

    return [
        Route("/documents/{id}", get, methods=["GET"]),
        Route("/documents/{id}/results/{result}", get_result, methods=["GET"]),
    ]


def view_of(details: Details) -> DocumentView:
    """Return what is known of a document as the API shows it."""
    document_id = id_of(details.name)
    return DocumentView(
        id=document_id,
        name=details.name,
        state=details.state.value,
        etag=details.etag,
        last_modified=details.last_modified,
        size_bytes=details.size_bytes,
        deleted=details.is_deleted,
        claimed=details.claimed_at,
        updated=details.updated,
        review=details.needs_review,
        warnings=details.warnings,
        problem=ProblemView.of(details.problem) if details.problem else None,
        tasks=tuple(
            TaskView(task.name, task.kind, task.state.value if task.state else None, task.code or None)
            for task in details.tasks
        ),
        results=tuple(
            ResultView(file, _media_type(file), f"/api/documents/{document_id}/results/{file}")
            for file in details.files
        ),
    )


def _name_in(request: Request) -> str:
    name = name_of(request.path_params["id"])
    if name is None:
        raise RefusedError(problems.UNKNOWN_DOCUMENT.refusal())
    return name


def _media_type(file: str) -> str:
    return JSON_TYPE if file.endswith(".json") else TEXT_TYPE
