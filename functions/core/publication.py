"""What to do with the result of a document: decided here as a value, done by `workflows.publishing`.

A result is written only by the owner that the document's record names, for the version that it names. Whatever is
decided holds for the record that was read: the loop writes over exactly the result that was seen and saves over exactly
the record that was read, and asks again where either has changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ..errors import Problem
from ..tasks.custom_entities import ChunkResult
from .documents import Claim, DocumentRecord
from .lifecycle import DocumentEvent, conclude, may_write
from .results import (
    Result,
    counterpart_name,
    document_result,
    error_report,
    extracted_name,
    result_metadata,
    result_name,
    to_json,
)
from .work import WorkSpec


@dataclass(frozen=True, slots=True)
class Extracted:
    """All chunks of a document have come."""

    chunks: tuple[ChunkResult, ...]
    work: WorkSpec


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
    """An extracted text is to be written beside its result."""

    name: str
    key: str
    """Of its working copy."""
    replaces: str | None
    """As for the result."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Write the extracted text, write the result, withdraw what must not stay, save the record: in this order."""

    text: TextWrite | None
    """None where the document is text itself, or has no result."""

    result: Result
    name: str
    data: bytes
    metadata: Mapping[str, str]
    replaces: str | None
    """The ETag of the result to write over; None where there is none."""
    withdraw: Mapping[str, str]
    """ETags by name."""
    record: DocumentRecord
    """As it is once the result is written."""


Plan = LookFirst | Stale | Publish


def plan_publication(
    claim: Claim, record: DocumentRecord | None, present: Present | None, outcome: Outcome, now: datetime
) -> Plan:
    """Return what becomes of an outcome; `present` is None where nobody has looked which results are there."""
    if record is None or not may_write(record, claim):
        return plan_withdrawal(claim, record, present)
    # Only earlier versions can have left results.
    if present is None and not record.is_first:
        return LookFirst()
    present = present or {}
    result = _result(record, outcome, now)
    name, counterpart = result_name(result), counterpart_name(result)
    text = _text_write(record, present, outcome)
    obsolete = [counterpart] if text else [counterpart, extracted_name(claim.document)]
    event = DocumentEvent.EXTRACTED if isinstance(outcome, Extracted) else DocumentEvent.REPORTED
    problem = outcome.problem if isinstance(outcome, Failed) else None
    return Publish(
        text=text,
        result=result,
        name=name,
        data=to_json(result),
        metadata=result_metadata(record.document, claim.owner),
        replaces=present[name].etag if name in present else None,
        withdraw={other: present[other].etag for other in obsolete if other in present},
        record=conclude(record, event, now, problem),
    )


def plan_withdrawal(claim: Claim, record: DocumentRecord | None, present: Present | None) -> LookFirst | Stale:
    """Return what an owner has to withdraw at a document that is not its own any more."""
    # Where the version is still the newest, its result is right, whoever wrote it.
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


def _text_write(record: DocumentRecord, present: Present, outcome: Outcome) -> TextWrite | None:
    if not record.extracted or isinstance(outcome, Failed):
        return None
    name = extracted_name(record.document.name)
    return TextWrite(name, record.extracted, present[name].etag if name in present else None)


def _result(record: DocumentRecord, outcome: Outcome, now: datetime) -> Result:
    if isinstance(outcome, Extracted):
        return document_result(record, outcome.chunks, outcome.work, now)
    return error_report(record.document, outcome.problem, max(1, outcome.attempts), now)
