"""The two files that a document can end with, and their names.

Their JSON Schemas are published in `docs/schemas/` and made from these classes (a test compares them).
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from ..errors import Fault, Problem
from ..settings import Settings
from ..text.offsets import UTF16, length
from .documents import DocumentFacts, DocumentRecord, Moment, Record
from .merging import ChunkResult, Entity, JobFacts, Warning, merge

ENTITIES_SUFFIX = ".entities.json"
ERROR_SUFFIX = ".error.json"

_SHORTENED = re.compile(r"~[0-9a-f]{16}(\.(entities|error)\.json)?$")

LONGEST_BLOB_NAME = 1024
"""Characters in a blob's name ("Naming and Referencing Containers, Blobs, and Metadata", read 2026-11), taken for
UTF-16 code units: the page does not say, and a name that is short in those is short in any unit."""


class ModelFacts(Record, frozen=True, kw_only=True):
    """Which model a result came from."""

    api_version: str
    project: str | None = None
    deployment: str | None = None
    model_id: str | None = None


class EntitiesResult(Record, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.entities.json`: the entities of a document, and where they came from."""

    document: DocumentFacts
    model: ModelFacts
    jobs: tuple[JobFacts, ...]
    text_records: int
    string_index_type: str
    entities: tuple[Entity, ...]
    warnings: tuple[Warning, ...]
    review: bool
    """Whether a person should check how the document was read; `warnings` says what is in doubt."""
    completed_date_time: Moment
    carried_over: bool | msgspec.UnsetType = msgspec.UNSET
    """True, or not there. Whether an earlier version of the document had the same content, whose result this is:
    `jobs` and `completedDateTime` are those of that version, and nothing was submitted for this one."""


class ReportedError(Record, frozen=True, kw_only=True):
    """The `error` part of an error report."""

    code: str
    message: str
    help: str
    service: dict[str, Any] | None = None
    fault: Fault
    """`reconcile` submits the document again, once a night, unless this is `document`."""


class ErrorReport(Record, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.error.json`: why a document has no entities, and what to do next."""

    document: DocumentFacts
    error: ReportedError
    attempts: int
    occurred_date_time: Moment


def entities_name(document: str) -> str:
    """Return the name of the blob with the entities of `document`."""
    return fitting_name("", document, ENTITIES_SUFFIX)


def error_name(document: str) -> str:
    """Return the name of the blob with the error report of `document`."""
    return fitting_name("", document, ERROR_SUFFIX)


def refused_name(document: str) -> str:
    """Return the name of the blob with the error report of a document whose own name no request may be made with."""
    return f"refused/{hashlib.sha256(document.encode('utf-8', 'surrogatepass')).hexdigest()}{ERROR_SUFFIX}"


def fitting_name(prefix: str, document: str, suffix: str) -> str:
    """Return a blob name made of a document's; the last few of the longest possible names make room by a digest."""
    name = prefix + document + suffix
    if length(name, UTF16) <= LONGEST_BLOB_NAME:
        return name
    digest = hashlib.sha256(document.encode()).hexdigest()[:16]
    ending = f"~{digest}{suffix}"
    # A character takes one unit or two: take off what is too much, counting from one each.
    kept = (prefix + document)[: LONGEST_BLOB_NAME - len(ending)]
    while length(kept, UTF16) > LONGEST_BLOB_NAME - len(ending):
        kept = kept[:-1]
    return kept + ending


def is_shortened(name: str) -> bool:
    """Whether `fitting_name` had to shorten a name, so that the document's own name can not be read from it."""
    return length(name, UTF16) >= LONGEST_BLOB_NAME - 1 and bool(_SHORTENED.search(name))


def model_facts(settings: Settings) -> ModelFacts:
    """Return the `model` part of a result."""
    return ModelFacts(
        api_version=settings.language_api_version,
        project=settings.language_project,
        deployment=settings.language_deployment,
        model_id=settings.language_model_id,
    )


_FOR_REVIEW = frozenset({"EncodingDoubtful"})
_STORED_WARNING = re.compile(r"([A-Z][A-Za-z0-9]+): (.*)", re.DOTALL)


def reading_warning(stored: str) -> Warning:
    """Return a warning as it is kept in a document's record: `CODE: message`.

    The record's field is a list of texts, and stays one, so that the release before this one can read and write the
    record: it reports the whole text under the one code it knows. What that release has stored has no code.
    """
    coded = _STORED_WARNING.fullmatch(stored)
    return Warning(code=coded[1], message=coded[2]) if coded else Warning(code="EncodingGuessed", message=stored)


def entities_result(
    record: DocumentRecord, chunks: Iterable[ChunkResult], model: ModelFacts, unit: str, now: datetime
) -> EntitiesResult:
    """Return the result of a document all of whose chunks have come."""
    entities, warnings, jobs, text_records = merge(chunks)
    reading = tuple(reading_warning(stored) for stored in record.warnings)
    return EntitiesResult(
        document=record.document,
        model=model,
        jobs=jobs,
        text_records=text_records,
        string_index_type=unit,
        entities=entities,
        warnings=reading + warnings,
        review=any(warning.code in _FOR_REVIEW for warning in reading),
        completed_date_time=now,
    )


def carried_over(
    result: EntitiesResult, document: DocumentFacts, model: ModelFacts, unit: str
) -> EntitiesResult | None:
    """Return an earlier version's result for a version with the same content; None where the work is not the same.

    The same work is the same model, asked the same way, about the same text: how the content is read may have changed
    with a newer version of the app.
    """
    was = result.document
    is_same = (
        (result.model, result.string_index_type) == (model, unit)
        and was.name == document.name
        and (was.language, was.encoding, was.characters) == (document.language, document.encoding, document.characters)
    )
    return msgspec.structs.replace(result, document=document, carried_over=True) if is_same else None


def error_report(document: DocumentFacts, problem: Problem, attempts: int, now: datetime) -> ErrorReport:
    """Return the error report of a document that can have no entities."""
    error = ReportedError(
        code=problem.code, message=problem.message, help=problem.help, service=problem.service, fault=problem.fault
    )
    return ErrorReport(document=document, error=error, attempts=attempts, occurred_date_time=now)


Result = EntitiesResult | ErrorReport
"""What a document ends with."""


def result_name(result: Result) -> str:
    """Return the name of the blob that a result is written to."""
    naming = entities_name if isinstance(result, EntitiesResult) else error_name
    return naming(result.document.name)


def counterpart_name(result: Result) -> str:
    """Return the name of the blob that must not stay beside this result."""
    naming = error_name if isinstance(result, EntitiesResult) else entities_name
    return naming(result.document.name)


def result_metadata(document: DocumentFacts, job: str) -> dict[str, str]:
    """Return the blob metadata that tells what a result belongs to."""
    return {
        "source_etag": document.etag,
        "source_last_modified": document.last_modified.isoformat(timespec="seconds"),
        "job": job,
    }


def read_entities(data: bytes) -> EntitiesResult | None:
    """Return the result in the content of its blob; None where it is not one of this version of the app."""
    try:
        return msgspec.json.decode(data, type=EntitiesResult)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def to_json(record: Record) -> bytes:
    """Return a result as the JSON text of its blob, indented for people."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2)
