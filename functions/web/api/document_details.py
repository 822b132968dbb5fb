"""`/api/documents/{id}` and what belongs to it: its text, its results, its content, what can be made of these."""

import re
from datetime import datetime
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ... import problems
from ...core.documents import DocumentRecord
from ...core.lifecycle import DocumentEvent
from ...core.views import ShownState
from ...storage.containers import JSON_TYPE, TEXT_TYPE
from ...workflows.details import DocumentText, StoredResult
from ...workflows.document_lists import Told
from ..document_ids import name_of
from ..entities_csv import entities_csv
from ..parts import WebParts
from ..problem_json import RefusedError, json_response
from ..result_page import result_page
from ..static_files import unless_known
from .rows import Row, row_of

EVENTS = {DocumentEvent.CLAIMED: "submitted", DocumentEvent.EXTRACTED: "done", DocumentEvent.REPORTED: "failed"}


class HistoryView(msgspec.Struct, frozen=True, rename="camel"):
    """Something that has happened to the document."""

    at: datetime
    event: str
    """`dropped`, `submitted`, `done` or `failed`."""
    detail: str


class JobView(msgspec.Struct, frozen=True, rename="camel"):
    """The job that works on the document."""

    id: str
    operation_id: str | None
    resource: str | None
    submissions: int


class ResultView(msgspec.Struct, frozen=True, rename="camel"):
    """A result that can be read."""

    task: str
    kind: str
    suffix: str
    etag: str


class TextView(msgspec.Struct, frozen=True, rename="camel"):
    """The text that the results count in."""

    sha256: str
    source: str
    format: str
    blob: str | None


class DocumentView(Row, frozen=True, rename="camel", kw_only=True):
    """The answer."""

    history: list[HistoryView]
    job: JobView | None
    service_message: str | None
    results: list[ResultView]
    text: TextView | None
    language: str | None


def routes(parts: WebParts) -> list[BaseRoute]:
    """Return the routes of this resource."""
    contents = parts.contents

    def get(request: Request) -> Response:
        told = told_in(parts, request)
        record = told.record
        has_results = record is not None and not record.is_pending and bool(record.done_tasks)
        text = contents.text(record) if record and has_results else None
        results = contents.results(record) if record and has_results else []
        return json_response(view_of(told, results, text))

    def get_text(request: Request) -> Response:
        text = contents.text(record_in(parts, request))
        if text is None:
            raise RefusedError(problems.UNKNOWN_TEXT.refusal())
        data = text.content.encode("utf-8", "surrogatepass")
        return unless_known(request, f'"{text.sha256}"', data, TEXT_TYPE)

    def get_result(request: Request) -> Response:
        file = request.path_params["suffix"]
        blob = contents.result(name_in(request), file)
        if blob is None:
            raise RefusedError(problems.UNKNOWN_RESULT.refusal())
        return unless_known(request, blob.info.etag, blob.data, JSON_TYPE if file.endswith(".json") else TEXT_TYPE)

    def get_content(request: Request) -> Response:
        name = name_in(request)
        blob = contents.content(name)
        if blob is None:
            raise RefusedError(problems.UNKNOWN_DOCUMENT.refusal())
        if blob.info.size_bytes and not blob.data:
            limit = parts.uploads.largest_bytes
            raise RefusedError(problems.UPLOAD_TOO_LARGE.refusal(size=blob.info.size_bytes, limit=limit))
        headers = {"ETag": blob.info.etag, "Content-Disposition": attachment(name.rpartition("/")[2])}
        # Whatever its own type says, no browser shows it.
        return Response(blob.data, headers=headers, media_type="application/octet-stream")

    def get_csv(request: Request) -> Response:
        record = record_in(parts, request)
        result = contents.entities(record)
        if result is None:
            raise RefusedError(problems.UNKNOWN_RESULT.refusal())
        headers = {"Content-Disposition": attachment(f"{_file_of(record)}.entities.csv")}
        return Response(entities_csv(result).encode(), headers=headers, media_type="text/csv; charset=utf-8")

    def get_view(request: Request) -> Response:
        record = record_in(parts, request)
        result, text = contents.entities(record), contents.text(record)
        if result is None or text is None:
            raise RefusedError(problems.UNKNOWN_TEXT.refusal())
        saved = parts.correcting.read(record.document.name)
        corrections = msgspec.to_builtins(saved.corrections) if saved else None
        page = result_page(record.document.name, text.content, msgspec.to_builtins(result), corrections, [])
        headers = {"Content-Disposition": attachment(f"{_file_of(record)}.html")}
        return Response(page.encode(), headers=headers, media_type="text/html; charset=utf-8")

    return [
        Route("/documents/{id}", get, methods=["GET"]),
        Route("/documents/{id}/text", get_text, methods=["GET"]),
        Route("/documents/{id}/results/{suffix}", get_result, methods=["GET"]),
        Route("/documents/{id}/content", get_content, methods=["GET"]),
        Route("/documents/{id}/entities.csv", get_csv, methods=["GET"]),
        Route("/documents/{id}/view.html", get_view, methods=["GET"]),
    ]


def view_of(told: Told, results: list[StoredResult], text: DocumentText | None) -> DocumentView:
    """Return what is known of a document as the API shows it."""
    row, record, job = told
    error = (record.last_error if record and row.state is ShownState.FAILED else None) or (job and job.last_error)
    service = error.service if error else None
    return DocumentView(
        **msgspec.structs.asdict(row_of(told)),
        history=_history(told),
        job=JobView(
            job.id,
            job.operation_url.partition("?")[0].rstrip("/").rpartition("/")[2] if job.operation_url else None,
            job.resource,
            job.submissions,
        )
        if job
        else None,
        service_message=_message(service),
        results=[ResultView(one.task, one.kind, one.suffix, one.etag) for one in results],
        text=TextView(text.sha256, text.facts.source, text.facts.format, text.facts.blob) if text else None,
        language=record.document.language if record else None,
    )


def _history(told: Told) -> list[HistoryView]:
    entries = told.record.history if told.record else ()
    dropped = HistoryView(told.row.dropped, "dropped", "")
    own = [HistoryView(one.at, EVENTS.get(DocumentEvent(one.event), one.event), one.reason) for one in entries]
    return sorted([dropped, *own], key=lambda one: one.at)


def _message(service: dict[str, object] | None) -> str | None:
    """Return the service's own words, those of its innermost error."""
    message = None
    while isinstance(service, dict):
        message = service.get("message") or message
        service = service.get("innererror") or service.get("innerError")  # type: ignore[assignment]
    return str(message) if message else None


def name_in(request: Request) -> str:
    """Return the name of the document in a request's path. Raises `RefusedError`."""
    name = name_of(request.path_params["id"])
    if name is None:
        raise RefusedError(problems.UNKNOWN_DOCUMENT.refusal())
    return name


def told_in(parts: WebParts, request: Request) -> Told:
    """Return the document in a request's path as it is now. Raises `RefusedError`."""
    told = parts.lists.look(name_in(request))
    if told is None:
        raise RefusedError(problems.UNKNOWN_DOCUMENT.refusal())
    return told


def record_in(parts: WebParts, request: Request) -> DocumentRecord:
    """Return the record of the document in a request's path. Raises `RefusedError`."""
    record = parts.contents.record(name_in(request))
    if record is None:
        raise RefusedError(problems.UNKNOWN_DOCUMENT.refusal())
    return record


def _file_of(record: DocumentRecord) -> str:
    return record.document.name.rpartition("/")[2]


def attachment(file: str) -> str:
    """Return the header that has a browser save an answer, and never show it (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", file)[:_LONGEST_FILE] or "document"
    encoded = quote(file.encode("utf-8", "replace")[:_LONGEST_FILE].decode("utf-8", "ignore"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


_LONGEST_FILE = 200
"""Bytes of a file's name in a header, of which all have 32 KiB."""
