"""Rows of an export: what the files of results and error reports say, one row for each thing that was found."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ..errors import RecordError
from ..tasks.classification import Class, ClassesResult
from ..tasks.custom_entities import CustomEntityRecognition
from ..tasks.entities import Entity, EntityResultFile
from ..tasks.key_phrases import KeyPhrasesResult
from ..tasks.kinds import KINDS
from ..tasks.task import ModelFacts, PlaceFields, ResultFile
from ..typed_data import from_json
from .documents import ERROR_SUFFIX
from .names import fitting_name
from .records import Moment, Record
from .results import ErrorReport, FailedTask, ReportedError
from .views import DocumentRow, ShownState

ERRORS: Final = "errors"
"""What error reports are called among the kinds of rows."""

RESULTS: Final[Mapping[str, type[ResultFile]]] = {task.file_suffixes[0]: task.result_type for task in KINDS.values()}
"""The kinds of results by what the names of their files end with; a task with a name of its own has that before it."""

ROW_KINDS: Final[Mapping[str, str]] = {
    **{suffix.removeprefix(".").removesuffix(".json"): suffix for suffix in RESULTS},
    ERRORS: ERROR_SUFFIX,
}
"""What an export may be bounded to, and what the names of the files end with: `entities`, `pii`, `errors`, …"""


class ExportRow(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One entity, class, key phrase or error of a document; what a kind does not have is null.

    `offset` and `length` count in `unit`, `utf16Offset` and `utf16Length` in UTF-16 code units.
    """

    document: str
    etag: str
    """The version of the document that it was found in."""
    kind: str
    """A key of `ROW_KINDS`."""
    task: str | None
    """The name of the task; null for the error of a document whose only task it is."""
    category: str | None = None
    subcategory: str | None = None
    text: str | None = None
    offset: int | None = None
    length: int | None = None
    unit: str | None = None
    utf16_offset: int | None = None
    utf16_length: int | None = None
    confidence: float | None = None
    review: bool = False
    location: PlaceFields | None = None
    """Where in a file it stands: page, slide, sheet and row."""
    details: dict[str, Any] | None = None
    """What only some kinds have: assertion, links and preferred name of healthcare entities, types and tags."""
    model: str | None = None
    completed: Moment
    code: str | None = None
    """Of an error."""
    message: str | None = None


class Exported(Record, frozen=True, kw_only=True):
    """What one file of a document says."""

    document: DocumentRow
    """The document as far as the file tells, for filters."""
    rows: tuple[ExportRow, ...]


def kind_of(name: str) -> str | None:
    """Return the kind of rows that a blob of the output container has by its name; None for any other file."""
    return next((kind for kind, suffix in ROW_KINDS.items() if name.endswith(suffix)), None)


def read_file(name: str, data: bytes, changed: Moment) -> Exported:
    """Return what the file `name` says, last changed at a time. Raises `RecordError` where it is not the app's."""
    kind = kind_of(name)
    if kind is None:
        raise RecordError(f"{name!r} is no file of a result")
    try:
        if kind == ERRORS:
            return _of_report(from_json(data, ErrorReport), changed)
        return _of_result(name, kind, from_json(data, RESULTS[ROW_KINDS[kind]]), changed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"{name!r} can not be read: {error}") from error


def _task_of(name: str, document: str, kind: str) -> str:
    """Return the name of the task that the file `name` of a document is of."""
    suffix = ROW_KINDS[kind]
    if name == fitting_name("", document, suffix):
        return kind  # The kind's own name.
    # Names of tasks have no full stop.
    return name.removesuffix(suffix).rpartition(".")[2] or kind


def model_of(model: ModelFacts) -> str:
    """Return a model as lists name it: task kind, and project and deployment, or the version of a prebuilt one."""
    kind = model.kind or CustomEntityRecognition.__struct_config__.tag
    if model.model_id or model.project:
        return f"{kind}/{model.model_id or f'{model.project}/{model.deployment}'}"
    return f"{kind}/{model.model_version or 'latest'}"


def _of_result(name: str, kind: str, result: ResultFile, changed: Moment) -> Exported:
    document, model = result.document, model_of(result.model)
    row = DocumentRow(
        name=document.name,
        state=ShownState.DONE,
        etag=document.etag,
        size_bytes=document.size_bytes,
        dropped=document.last_modified,
        updated=changed,
        model=model,
        review=result.review,
    )
    common: dict[str, Any] = {
        "document": document.name,
        "etag": document.etag,
        "kind": kind,
        "task": _task_of(name, document.name, kind),
        "model": model,
        "completed": result.completed_date_time,
    }
    return Exported(document=row, rows=tuple(ExportRow(**common, **fields) for fields in _found(result)))


def _found(result: ResultFile) -> Iterator[dict[str, Any]]:
    if isinstance(result, EntityResultFile):
        entities: tuple[Entity, ...] = getattr(result, "entities", ())
        for entity in entities:
            yield _entity(entity, result.string_index_type)
    elif isinstance(result, ClassesResult):
        for one in result.classes:
            yield _class(one)
    elif isinstance(result, KeyPhrasesResult):
        for phrase in result.key_phrases:
            yield {"text": phrase}


def _entity(entity: Entity, unit: str) -> dict[str, Any]:
    details = {name: msgspec.to_builtins(getattr(entity, name, None)) for name in _DETAILS}
    given = {name: value for name, value in details.items() if value}
    return {
        "category": entity.category,
        "subcategory": entity.subcategory,
        "text": entity.text,
        "offset": entity.offset,
        "length": entity.length,
        "unit": unit,
        "utf16_offset": entity.utf16_offset,
        "utf16_length": entity.utf16_length,
        "confidence": entity.confidence_score,
        "review": entity.review is True,
        "location": entity.location or None,
        "details": given or None,
    }


_DETAILS = ("name", "links", "assertion", "type", "tags")


def _class(one: Class) -> dict[str, Any]:
    return {"category": one.category, "confidence": one.confidence_score, "review": one.review is True}


def _of_report(report: ErrorReport, changed: Moment) -> Exported:
    document, error = report.document, report.error
    row = DocumentRow(
        name=document.name,
        state=ShownState.FAILED,
        etag=document.etag,
        size_bytes=document.size_bytes,
        dropped=document.last_modified,
        updated=changed,
        code=error.code,
    )
    failed: tuple[FailedTask, ...] = () if isinstance(report.tasks, msgspec.UnsetType) else report.tasks
    named: list[tuple[str | None, ReportedError]] = [(one.task, one.error) for one in failed] or [(None, error)]
    rows = (
        ExportRow(
            document=document.name,
            etag=document.etag,
            kind=ERRORS,
            task=task,
            completed=report.occurred_date_time,
            code=one.code,
            message=one.message,
        )
        for task, one in named
    )
    return Exported(document=row, rows=tuple(rows))
