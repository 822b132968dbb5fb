"""What to do with the results of a document: decided here as a value, done by `workflows.publishing`.

A result is written only by the owner that the document's record names, for the version that it names. Whatever is
decided holds for the record that was read: the loop writes over exactly the result that was seen and saves over exactly
the record that was read, and asks again where either has changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ..errors import Problem
from ..tasks.task import ChunkResult, ResultFile
from .documents import ENTITIES_SUFFIX, ERROR_SUFFIX, VIEW_SUFFIX, Claim, DocumentRecord
from .lifecycle import DocumentEvent, conclude, may_write
from .names import fitting_name
from .results import (
    EXTRACTED_SUFFIX,
    ErrorReport,
    content_of,
    document_outputs,
    error_name,
    error_report,
    extracted_name,
    result_metadata,
    tasks_report,
    to_json,
)
from .summaries import summarize
from .work import WorkSpec


@dataclass(frozen=True, slots=True)
class Extracted:
    """Every task has ended for every chunk of a document."""

    chunks: Mapping[str, tuple[ChunkResult, ...]]
    """What was found, by the names of the tasks."""
    work: WorkSpec
    failed: Mapping[str, Problem] = field(default_factory=dict)
    """Why other tasks have no result."""
    attempts: int = 1
    text: str | None = None
    """The text of the document, where a task makes its result with it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A document can have no result; `attempts` is how often it was submitted."""

    problem: Problem
    attempts: int


Outcome = Extracted | Failed
"""What the work on a document has come to."""


class PresentResult(NamedTuple):
    """What is known of a result that is there: its ETag, who wrote it, and for which version of the document."""

    etag: str
    owner: str | None
    source_etag: str | None


Present = Mapping[str, PresentResult]
"""The results that a document has, by name."""


@dataclass(frozen=True, slots=True)
class LookFirst:
    """Which results are there has to be found out, and the record read again afterwards: in this order only.

    So a newer version's job that writes in between makes the write fail, and one that claims in between makes the save
    of the record fail.
    """


@dataclass(frozen=True, slots=True)
class Stale:
    """The owner may not write any more; what it wrote before a newer version came is to be withdrawn."""

    withdraw: Mapping[str, str]
    """ETags by name."""


class TextWrite(NamedTuple):
    """An extracted text is to be written beside its results."""

    name: str
    key: str
    """Of its working copy."""
    metadata: Mapping[str, str]
    replaces: str | None
    """As for a result."""


class FileWrite(NamedTuple):
    """A file of a result is to be written."""

    name: str
    data: bytes
    is_text: bool
    """Whether it is a text, and no JSON."""
    metadata: Mapping[str, str]
    replaces: str | None
    """The ETag of the file to write over; None where there is none."""
    is_view: bool = False
    """Whether it is HTML."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Write the extracted text, write the files, withdraw what must not stay, save the record: in this order."""

    text: TextWrite | None
    """None where the document is text itself, or has no result."""
    files: tuple[FileWrite, ...]
    withdraw: Mapping[str, str]
    """ETags by name."""
    record: DocumentRecord
    """As it is once the files are written."""
    results: tuple[ResultFile, ...]
    """Those that the files hold."""


Plan = LookFirst | Stale | Publish


MakeView = Callable[[tuple[ResultFile, ...]], bytes | None]
"""Returns the view of results; None where there is none to be had."""


def file_names(record: DocumentRecord, *, has_view: bool = False) -> tuple[str, ...]:
    """Return the names of all files that a document may have, left by this version of it or by earlier ones.

    `has_view` says whether views are written now.
    """
    own = (suffix for task in record.work.tasks for suffix in task.suffixes)
    view = (VIEW_SUFFIX,) if has_view or record.has_view else ()
    suffixes = dict.fromkeys((ENTITIES_SUFFIX, ERROR_SUFFIX, EXTRACTED_SUFFIX, *view, *own, *record.earlier_files))
    return tuple(fitting_name("", record.document.name, suffix) for suffix in suffixes)


def plan_publication(
    claim: Claim,
    record: DocumentRecord | None,
    present: Present | None,
    outcome: Outcome,
    now: datetime,
    make_view: MakeView | None = None,
) -> Plan:
    """Return what becomes of an outcome; `present` is None where nobody has looked which files are there.

    `make_view` is None where no views are written.
    """
    if record is None or not may_write(record, claim):
        return plan_withdrawal(claim, record, present)
    if isinstance(outcome, Failed) and record.done_tasks:
        outcome = _failed_tasks(record, outcome)
    # Only earlier versions can have left files.
    if present is None and not record.is_first:
        return LookFirst()
    present = present or {}
    files = _Files(record, claim, present)
    results = files.add_results(outcome, now) if isinstance(outcome, Extracted) else ()
    summary = summarize(results, record.summary)
    view = make_view(results) if make_view and results else None
    if view is not None:
        files.add_view(view)
    facts = {"needs_review": files.need_review, "summary": summary, "has_view": view is not None}
    concluded = _concluded(record, outcome, now, facts)
    report = _report(record, outcome, now)
    if report:
        files.add(error_name(claim.document), to_json(report))
    kept = _kept_names(record)
    text = _text_write(record, claim, present) if kept or len(files.written) > bool(report) else None
    staying = {one.name for one in files.written} | ({text.name} if text else set()) | kept
    return Publish(
        text=text,
        files=tuple(files.written),
        withdraw={name: known.etag for name, known in present.items() if name not in staying},
        record=concluded,
        results=results,
    )


def _failed_tasks(record: DocumentRecord, outcome: Failed) -> Extracted:
    """Return a failure as that of the tasks that were asked again; the results of the others stay."""
    asked = [name for name in record.work.task_names if name not in record.done_tasks]
    return Extracted({}, record.work, dict.fromkeys(asked, outcome.problem), outcome.attempts)


def _kept_names(record: DocumentRecord) -> set[str]:
    """Return the names of the files of tasks that were not asked again."""
    suffixes = (suffix for task in record.work.tasks if task.name in record.done_tasks for suffix in task.suffixes)
    return {fitting_name("", record.document.name, suffix) for suffix in suffixes}


class _Files:
    """The files of a document that are to be written, in their order."""

    def __init__(self, record: DocumentRecord, claim: Claim, present: Present) -> None:
        self._record, self._claim, self._present = record, claim, present
        self.written: list[FileWrite] = []
        self.need_review = False

    def add_results(self, outcome: Extracted, now: datetime) -> tuple[ResultFile, ...]:
        """Add the files of all tasks that have a result; return the results."""
        outputs = document_outputs(self._record, outcome.chunks, outcome.work, outcome.text, now)
        for output in outputs:
            data, needs_review = content_of(output)
            name = fitting_name("", self._record.document.name, output.suffix)
            self.add(name, data, is_text=isinstance(output.content, str), needs_review=needs_review)
        return tuple(output.content for output in outputs if not isinstance(output.content, str))

    def add_view(self, data: bytes) -> None:
        """Add the view of the results, which is written before them."""
        name = fitting_name("", self._record.document.name, VIEW_SUFFIX)
        self.add(name, data)
        self.written.insert(0, self.written.pop()._replace(is_view=True))

    def add(self, name: str, data: bytes, *, is_text: bool = False, needs_review: bool = False) -> None:
        """Add a file."""
        self.need_review |= needs_review
        metadata = result_metadata(self._record.document, self._claim.owner, needs_review=needs_review)
        replaces = self._present[name].etag if name in self._present else None
        self.written.append(FileWrite(name, data, is_text, metadata, replaces))


def _concluded(record: DocumentRecord, outcome: Outcome, now: datetime, facts: Mapping[str, Any]) -> DocumentRecord:
    if isinstance(outcome, Failed):
        return conclude(record, DocumentEvent.REPORTED, now, outcome.problem)
    if not outcome.failed:
        return conclude(record, DocumentEvent.EXTRACTED, now, **facts)
    first = next(problem for name in outcome.work.task_names if (problem := outcome.failed.get(name)))
    return conclude(
        record,
        DocumentEvent.REPORTED,
        now,
        first,
        done=tuple(outcome.chunks),
        failed=outcome.failed,
        **facts,
    )


def _report(record: DocumentRecord, outcome: Outcome, now: datetime) -> ErrorReport | None:
    if isinstance(outcome, Failed):
        return error_report(record.document, outcome.problem, max(1, outcome.attempts), now)
    if outcome.failed:
        return tasks_report(record.document, outcome.failed, outcome.work, max(1, outcome.attempts), now)
    return None


def plan_withdrawal(claim: Claim, record: DocumentRecord | None, present: Present | None) -> LookFirst | Stale:
    """Return what an owner has to withdraw at a document that is not its own any more."""
    # Where the version is still the newest, its results are right, whoever wrote them.
    if record is None or record.document.etag == claim.etag:
        return Stale({})
    if present is None:
        return LookFirst()
    own = {
        name: result.etag
        for name, result in present.items()
        if (result.owner, result.source_etag) == (claim.owner, claim.etag)
    }
    return Stale(own)


def _text_write(record: DocumentRecord, claim: Claim, present: Present) -> TextWrite | None:
    if not record.extracted:
        return None
    name = extracted_name(record.document.name)
    metadata = result_metadata(record.document, claim.owner)
    return TextWrite(name, record.extracted, metadata, present[name].etag if name in present else None)
