"""The description of the API, made from the classes of its requests and answers and the table of operations below.

python -m docs.generate.openapi     writes functions/web/openapi.json
"""

import inspect
import json
from typing import Any, NamedTuple

import msgspec

from functions import problems
from functions.core.decisions import Corrections
from functions.core.views import ShownState
from functions.labels.streaming import STREAMS
from functions.problems import RefusalKind
from functions.web.api.described import OPENAPI
from functions.web.api.document_details import DocumentView
from functions.web.api.document_list import MOST_CODE_CHARACTERS, RowPage
from functions.web.api.replays import NoMembers, ReplayRequest, Replays
from functions.web.api.service_status import StatusView
from functions.web.api.sessions import Session
from functions.web.api.upload_addresses import UploadAddress, UploadRequest
from functions.web.document_ids import LONGEST_ID
from functions.workflows.document_lists import MOST_ROWS
from functions.workflows.model_view import ModelShown

REF = "#/components/schemas/{name}"
DESCRIPTION = (
    "What the page does, a program can do. Access, by the setting WEB: a function key in the header x-functions-key, a "
    "token of Microsoft Entra ID, or neither on this machine. Errors are problems of RFC 9457; what the Functions host "
    "refuses itself, such as a wrong key, has an empty body."
)
PROBLEM_TYPE = "application/problem+json"
JSON = "application/json"
TEXT = "text/plain"
A_LABELS_FILE = {"type": ["object", "array"]}
BYTES = {"type": "string", "contentMediaType": "application/octet-stream"}

EVERYWHERE = {
    401: ("NotSignedIn", "Nobody has signed in (WEB=entra); with an empty body: the function key is missing or wrong."),
    403: ("Forbidden", "The request comes from another site."),
    421: ("WrongHost", "The request is for another host than this machine (WEB=open)."),
    500: ("Failed", "A fault of the app."),
    503: ("Unavailable", "The storage does not answer, or a newer release has the document; try again."),
}
"""What every operation may answer."""

BODY = (problems.INVALID_REQUEST, problems.LENGTH_NEEDED, problems.REQUEST_TOO_LARGE, problems.WRONG_CONTENT_TYPE)
"""What an operation with a body may answer."""


class Operation(NamedTuple):
    """One operation: `answers` are contents by status and media type, `refusals` what else it may answer."""

    path: str
    method: str
    id: str
    summary: str
    answers: dict[int, tuple[str, dict[str, Any]]]
    refusals: tuple[RefusalKind, ...] = ()
    parameters: tuple[dict[str, Any], ...] = ()
    body: str | None = None
    has_etag: bool = False
    extra: dict[int, str] = {}
    """The schema of a refusal with further members, by its status."""


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": REF.format(name=name)}


def _ok(what: str, schema: dict[str, Any] | str, media_type: str = JSON) -> dict[int, tuple[str, dict[str, Any]]]:
    return {200: (what, {media_type: {"schema": _ref(schema) if isinstance(schema, str) else schema}})}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The document's name in UTF-8, as base64url without padding.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "minLength": 1, "maxLength": LONGEST_ID},
    "example": "bG9hbnMvbGV0dGVyLnR4dA",
}
_SUFFIX = {
    "name": "suffix",
    "in": "path",
    "required": True,
    "description": "What the result's name has behind that of the document, without the dot.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]+$", "minLength": 1, "maxLength": 200},
    "example": "entities.json",
}


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[!-~]+$"}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


_KNOWN = _header("If-None-Match", "The ETag of what the client has: where it is the present one, 304 comes back.")
_NAME = {"type": "string", "maxLength": 1024}
_CODE = {"type": "string", "maxLength": MOST_CODE_CHARACTERS}
_FILTERS = (
    _query("state", {"type": "string", "enum": ["", *ShownState]}, "Where the document stands."),
    _query("review", {"type": "string", "enum": ["", "true", "false"]}, "Whether somebody should check it."),
    _query("reviewed", {"type": "string", "enum": ["", "true", "false"]}, "Whether somebody has."),
    _query("prefix", _NAME, "What the name begins with: a folder."),
    _query("name", _NAME, "Part of the name, in any case of letters."),
    _query("code", _CODE, "The code of the problem."),
    _query("model", _CODE, "Part of the model's name."),
)
_PAGING = (
    _query("cursor", {"type": "string", "pattern": "^[A-Za-z0-9_-]*$", "maxLength": 6000}, "Where the list goes on."),
    _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}, "The most rows that are wanted."),
)
_IDS = _query("ids", {"type": "string", "pattern": "^[A-Za-z0-9_,-]*$"}, f"Up to {MOST_ROWS} ids: just these rows.")
_UNKNOWN = (problems.UNKNOWN_DOCUMENT,)

OPERATIONS = (
    Operation("/api/session", "get", "getSession", "Who asks, and how access is given", _ok("The session.", "Session")),
    Operation("/api/status", "get", "getStatus", "How things stand", _ok("The status.", "StatusView")),
    Operation(
        "/api/uploads",
        "post",
        "createUpload",
        "An address by which one document goes straight to the storage, for 15 minutes",
        _ok("The address.", "UploadAddress"),
        (
            *BODY,
            problems.INVALID_NAME,
            problems.DOCUMENT_EXISTS,
            problems.DOCUMENT_CHANGED,
            problems.UPLOAD_TOO_LARGE,
            problems.UPLOADS_IMPOSSIBLE,
        ),
        body="UploadRequest",
        extra={409: "ProblemWithExisting", 412: "ProblemWithExisting"},
    ),
    Operation(
        "/api/documents",
        "get",
        "listDocuments",
        "Documents, the latest first; failed and reviewable ones by name",
        _ok("A page.", "RowPage"),
        (problems.INVALID_REQUEST, problems.INVALID_CURSOR),
        (*_FILTERS, *_PAGING, _IDS),
    ),
    Operation(
        "/api/documents/{id}",
        "get",
        "getDocument",
        "Where a document stands, why, and which results it has",
        _ok("The document.", "DocumentView"),
        _UNKNOWN,
        (_ID,),
    ),
    Operation(
        "/api/documents/{id}/text",
        "get",
        "getText",
        "The text that the results count in",
        _ok("The text; its ETag is its SHA-256.", {"type": "string"}, TEXT),
        (*_UNKNOWN, problems.UNKNOWN_TEXT),
        (_ID, _KNOWN),
        has_etag=True,
    ),
    Operation(
        "/api/documents/{id}/results/{suffix}",
        "get",
        "getResult",
        "A result, as it is stored",
        {200: ("The result.", {JSON: {"schema": {"type": "object"}}, TEXT: {"schema": {"type": "string"}}})},
        (*_UNKNOWN, problems.UNKNOWN_RESULT),
        (_ID, _SUFFIX, _KNOWN),
        has_etag=True,
    ),
    Operation(
        "/api/documents/{id}/content",
        "get",
        "getContent",
        "The document itself, to be saved",
        _ok("The content.", BYTES, "application/octet-stream"),
        (*_UNKNOWN, problems.UPLOAD_TOO_LARGE),
        (_ID,),
    ),
    Operation(
        "/api/documents/{id}/entities.csv",
        "get",
        "getEntitiesAsCsv",
        "The entities as CSV, safe to open in a spreadsheet",
        _ok("The entities.", {"type": "string"}, "text/csv"),
        (*_UNKNOWN, problems.UNKNOWN_RESULT),
        (_ID,),
    ),
    Operation(
        "/api/documents/{id}/view.html",
        "get",
        "getView",
        "The text with its entities as one file, to be saved",
        _ok("The file.", {"type": "string"}, "text/html"),
        (*_UNKNOWN, problems.UNKNOWN_TEXT),
        (_ID,),
    ),
    Operation(
        "/api/documents/{id}/corrections",
        "get",
        "getCorrections",
        "What people have decided about the entities",
        _ok("The corrections.", "Corrections"),
        (*_UNKNOWN, problems.NO_CORRECTIONS),
        (_ID, _KNOWN),
        has_etag=True,
    ),
    Operation(
        "/api/documents/{id}/corrections",
        "put",
        "putCorrections",
        "Save what people have decided; who has is set by the app",
        {204: ("They are saved.", {})},
        (
            *BODY,
            *_UNKNOWN,
            problems.DOCUMENT_REPLACED,
            problems.CORRECTIONS_CHANGED,
            problems.INVALID_CORRECTIONS,
            problems.CONDITION_NEEDED,
        ),
        (
            _ID,
            _header("If-Match", "The ETag of the corrections that these replace."),
            _header("If-None-Match", "* for the first ones."),
        ),
        body="Corrections",
        extra={412: "ProblemWithPresent"},
    ),
    Operation(
        "/api/review",
        "get",
        "listReview",
        "Documents that somebody should check: the least sure first, each series in turns",
        _ok("A page.", "RowPage"),
        (problems.INVALID_REQUEST, problems.INVALID_CURSOR),
        (*_FILTERS, *_PAGING),
    ),
    Operation(
        "/api/documents/{id}/replay",
        "post",
        "replayDocument",
        "Submit a document again that has ended",
        {202: ("It is submitted again.", {JSON: {"schema": _ref("Replays")}})},
        (*BODY, *_UNKNOWN, problems.NOT_REPLAYABLE),
        (_ID,),
        body="NoMembers",
    ),
    Operation(
        "/api/replays",
        "post",
        "replayDocuments",
        "Submit documents again that have ended, at most 100 at a time",
        {202: ("They are submitted again.", {JSON: {"schema": _ref("Replays")}})},
        (*BODY, problems.NOT_REPLAYABLE),
        body="ReplayRequest",
    ),
    Operation(
        "/api/labels",
        "get",
        "getLabels",
        "What people have decided, as a labels file",
        {
            200: (
                "The file.",
                {
                    media_type.partition(";")[0]: {"schema": A_LABELS_FILE if media_type == JSON else BYTES}
                    for media_type in dict.fromkeys(one[1] for one in STREAMS.values())
                },
            )
        },
        (problems.INVALID_REQUEST, problems.NOT_LABELS),
        ({**_query("format", {"type": "string", "enum": list(STREAMS)}, "The format."), "required": True}, *_FILTERS),
    ),
    Operation("/api/model", "get", "getModel", "The model, and what was reviewed since", _ok("It.", "ModelShown")),
    Operation(
        "/api/openapi.json", "get", "getDescription", "This description", _ok("The description.", {"type": "object"})
    ),
)

DESCRIBED = (
    Session,
    StatusView,
    UploadRequest,
    UploadAddress,
    RowPage,
    DocumentView,
    Corrections,
    ReplayRequest,
    NoMembers,
    Replays,
    ModelShown,
)
READ = ("UploadRequest", "ReplayRequest")
"""What refuses members that are not described."""


def description() -> dict[str, Any]:
    """Return the description of the API."""
    paths: dict[str, Any] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Entity Drop", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"functionKey": []}, {"entra": []}, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "functionKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-functions-key",
                    "description": "WEB=key",
                },
                "entra": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "WEB=entra: a token of Microsoft Entra ID for the app's registration, or the "
                    "session of a browser",
                },
            },
            "responses": {name: _problem(words) for name, words in EVERYWHERE.values()},
            "schemas": _schemas(),
        },
    }


def _operation(one: Operation) -> dict[str, Any]:
    responses: dict[int, Any] = {}
    for status, (what, content) in one.answers.items():
        responses[status] = {"description": what, **({"content": content} if content else {})}
        if one.has_etag or status == 204:
            responses[status]["headers"] = {"ETag": {"schema": {"type": "string"}}}
    if one.has_etag:
        responses[304] = {"description": "It is the one that If-None-Match names."}
    by_status: dict[int, list[str]] = {}
    for kind in one.refusals:
        by_status.setdefault(kind.status, []).append(kind.title)
    for status, titles in by_status.items():
        responses[status] = _problem("; ".join(titles) + ".", one.extra.get(status, "Problem"))
    responses |= {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in EVERYWHERE.items()}
    described: dict[str, Any] = {"operationId": one.id, "summary": one.summary}
    if one.parameters:
        described["parameters"] = list(one.parameters)
    if one.body:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(one.body)}}}
    described["responses"] = {str(status): responses[status] for status in sorted(responses)}
    return described


def _problem(words: str, schema: str = "Problem") -> dict[str, Any]:
    return {"description": words, "content": {PROBLEM_TYPE: {"schema": _ref(schema)}}}


def _schemas() -> dict[str, Any]:
    _, found = msgspec.json.schema_components(list(DESCRIBED), ref_template=REF)
    schemas = {name: _tidy(found[name]) for name in sorted(found)}
    for name in READ:
        schemas[name]["additionalProperties"] = False
    schemas["UploadRequest"]["properties"]["name"] |= {"minLength": 1, "maxLength": 1024}
    text = {"type": "string"}
    schemas["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "help"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": {"type": "string", "description": "docs/problems.md explains it."},
            "help": text,
        },
        "description": "Why a request was not carried out (RFC 9457).",
    }
    existing = {
        "type": "object",
        "required": ["etag", "size", "changed"],
        "properties": {"etag": text, "size": {"type": "integer"}, "changed": {"type": "string", "format": "date-time"}},
    }
    schemas["ProblemWithExisting"] = {
        "allOf": [_ref("Problem"), {"type": "object", "properties": {"existing": existing}}]
    }
    present = {"anyOf": [_ref("Corrections"), {"type": "null"}]}
    schemas["ProblemWithPresent"] = {
        "allOf": [
            _ref("Problem"),
            {
                "type": "object",
                "required": ["present", "etag"],
                "properties": {"present": present, "etag": {"type": ["string", "null"]}},
            },
        ]
    }
    return schemas


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "description": inspect.cleandoc(schema["description"])} if "description" in schema else schema


def text() -> str:
    """Return the text of the file."""
    return json.dumps(description(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    OPENAPI.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
