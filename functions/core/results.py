"""The files that a document can end with, and their names: a result for each task, or an error report.

Their JSON Schemas are published in `docs/schemas/` and made from these classes (a test compares them).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from .. import problems
from ..errors import Fault, Problem, Warning
from ..tasks.task import ChunkResult, Output, ResultFacts, ResultFile
from .documents import ENTITIES_SUFFIX, ERROR_SUFFIX, DocumentRecord
from .jobs import Job
from .names import fitting_name
from .outcomes import Finished
from .records import DOCUMENT_TEXT, DocumentFacts, JobFacts, Moment, Record
from .work import WorkSpec

EXTRACTED_SUFFIX = ".extracted.txt"


class ReportedError(Record, frozen=True, kw_only=True):
    """The `error` part of an error report."""

    code: str
    message: str
    help: str
    service: dict[str, Any] | None = None
    fault: Fault
    """`reconcile` submits the document again, once a night, unless this is `document`."""


class FailedTask(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A task that a document has no result of, and why."""

    task: str
    kind: str
    error: ReportedError


class ErrorReport(Record, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.error.json`: why a document has no result, or not all of its results, and what to do next."""

    document: DocumentFacts
    error: ReportedError
    """Of the first task that failed, where the document was given several."""
    attempts: int
    occurred_date_time: Moment
    partial: bool | msgspec.UnsetType = msgspec.UNSET
    """True, or not there. Whether other tasks have their results, which stand beside this report."""
    tasks: tuple[FailedTask, ...] | msgspec.UnsetType = msgspec.UNSET
    """The tasks that failed, where the document was given several."""


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


_STORED_WARNING = re.compile(r"([A-Z][A-Za-z0-9]+): (.*)", re.DOTALL)


def reading_warning(stored: str) -> Warning:
    """Return a warning as it is kept in a document's record: `CODE: message`.

    The record's field is a list of texts, and stays one, so that the release before this one can read and write the
    record: it reports the whole text under the one code it knows. What that release has stored has no code.
    """
    coded = _STORED_WARNING.fullmatch(stored)
    return Warning(coded[1], coded[2]) if coded else Warning(problems.ENCODING_GUESSED.code, stored)


def document_outputs(
    record: DocumentRecord, chunks: Mapping[str, Sequence[ChunkResult]], work: WorkSpec, text: str | None, now: datetime
) -> tuple[Output, ...]:
    """Return the files of the tasks all of whose chunks have come, by the names of the tasks; texts first.

    `text` is that of the document, where a task makes its result with it.
    """
    reading = tuple(reading_warning(stored) for stored in record.warnings)
    outputs: list[Output] = []
    for task in work.tasks:
        if task.name in chunks:
            facts = ResultFacts(
                document=record.document,
                text=record.text or DOCUMENT_TEXT,
                reading=reading,
                model=task.facts(work.api_version),
                unit=work.string_index_type,
                now=now,
                review_below=work.review_below,
                overlaps=work.overlaps,
            )
            outputs += task.outputs(facts, chunks[task.name], text)
    # A result that names a text is written after it.
    return tuple(sorted(outputs, key=lambda output: not isinstance(output.content, str)))


def job_facts(job: Job, answer: Finished) -> JobFacts:
    """Return what a result says about the service's job it came from."""
    return JobFacts(
        operation_id=answer.operation_id,
        submitted_date_time=job.submitted,
        completed_date_time=answer.completed,
        polls=job.polls + 1,
    )


def error_report(document: DocumentFacts, problem: Problem, attempts: int, now: datetime) -> ErrorReport:
    """Return the error report of a document that can have no result."""
    return ErrorReport(document=document, error=_reported(problem), attempts=attempts, occurred_date_time=now)


def tasks_report(
    document: DocumentFacts, failed: Mapping[str, Problem], work: WorkSpec, attempts: int, now: datetime
) -> ErrorReport:
    """Return the error report of a document some of whose several tasks have failed, by their names."""
    tasks = tuple(
        FailedTask(task=task.name, kind=task.kind, error=_reported(failed[task.name]))
        for task in work.tasks
        if task.name in failed
    )
    return ErrorReport(
        document=document,
        error=tasks[0].error,
        attempts=attempts,
        occurred_date_time=now,
        partial=len(tasks) < len(work.tasks) or msgspec.UNSET,
        tasks=tasks,
    )


def _reported(problem: Problem) -> ReportedError:
    return ReportedError(
        code=problem.code, message=problem.message, help=problem.help, service=problem.service, fault=problem.fault
    )


def result_metadata(document: DocumentFacts, job: str, *, needs_review: bool = False) -> dict[str, str]:
    """Return the blob metadata that tells what a result belongs to, and whether a person should check it."""
    metadata = {
        "source_etag": document.etag,
        "source_last_modified": document.last_modified.isoformat(timespec="seconds"),
        "job": job,
    }
    return metadata | {"review": "true"} if needs_review else metadata


def to_json(record: Record) -> bytes:
    """Return a result as the JSON text of its blob, indented for people."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2)


def content_of(output: Output) -> tuple[bytes, bool]:
    """Return the content of a result's file, and whether a person should check it."""
    if isinstance(output.content, ResultFile):
        return to_json(output.content), output.content.review
    return output.content.encode(), False
