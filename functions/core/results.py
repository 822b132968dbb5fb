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
from ..tasks.custom_entities import ChunkResult, CustomEntityRecognition, EntitiesResult, entities_result
from ..text.offsets import UTF16, length
from .documents import DocumentRecord, reading_warning
from .jobs import Job
from .outcomes import Finished
from .records import DOCUMENT_TEXT, DocumentFacts, JobFacts, Moment, Record
from .work import WorkSpec

ENTITIES_SUFFIX = CustomEntityRecognition.suffix
ERROR_SUFFIX = ".error.json"
EXTRACTED_SUFFIX = ".extracted.txt"

_SHORTENED = re.compile(r"~[0-9a-f]{16}(\.(entities|error)\.json|\.extracted\.txt)?$")

LONGEST_BLOB_NAME = 1024
"""Characters in a blob's name ("Naming and Referencing Containers, Blobs, and Metadata", read 2026-11), taken for
UTF-16 code units: the page does not say, and a name that is short in those is short in any unit."""


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


def extracted_name(document: str) -> str:
    """Return the name of the blob with the text that was extracted from `document`."""
    return fitting_name("", document, EXTRACTED_SUFFIX)


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


def document_result(
    record: DocumentRecord, chunks: Iterable[ChunkResult], work: WorkSpec, now: datetime
) -> EntitiesResult:
    """Return the result of a document all of whose chunks have come."""
    reading = tuple(reading_warning(stored) for stored in record.warnings)
    text = record.text or DOCUMENT_TEXT
    return entities_result(record.document, text, reading, chunks, work.model_facts, work.string_index_type, now)


def job_facts(job: Job, answer: Finished) -> JobFacts:
    """Return what a result says about the service's job it came from."""
    return JobFacts(
        operation_id=answer.operation_id,
        submitted_date_time=job.submitted,
        completed_date_time=answer.completed,
        polls=job.polls + 1,
    )


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


def to_json(record: Record) -> bytes:
    """Return a result as the JSON text of its blob, indented for people."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2)
