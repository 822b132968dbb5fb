"""Files of the output container as the app writes them, without a service that finds anything."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from functions.core.documents import ERROR_SUFFIX
from functions.core.records import DOCUMENT_TEXT, DocumentFacts
from functions.core.results import ErrorReport, ReportedError, result_metadata, to_json
from functions.errors import Fault
from functions.storage.containers import Container
from functions.tasks.custom_entities import EntitiesResult
from functions.tasks.entities import Entity
from functions.tasks.task import ModelFacts

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
LOANS = ModelFacts(api_version="2023-04-01", project="loans", deployment="production")


def document_facts(name: str, etag: str = '"1"') -> DocumentFacts:
    """Return what a result says of a document."""
    return DocumentFacts(
        name=name, etag=etag, last_modified=AT, size_bytes=100, encoding="utf-8", characters=100, language="en"
    )


def entity(text: str = "Mary Miller", offset: int = 0, category: str = "Name", confidence: float = 0.9) -> Entity:
    """Return an entity of a plain text."""
    return Entity(
        text=text,
        category=category,
        offset=offset,
        length=len(text),
        utf16_offset=offset,
        utf16_length=len(text),
        confidence_score=confidence,
    )


def entities_of(
    name: str, entities: Iterable[Entity], *, etag: str = '"1"', model: ModelFacts = LOANS
) -> EntitiesResult:
    """Return the result of a document."""
    return EntitiesResult(
        document=document_facts(name, etag),
        text=DOCUMENT_TEXT,
        model=model,
        jobs=(),
        text_records=1,
        warnings=(),
        review=False,
        completed_date_time=AT,
        string_index_type="UnicodeCodePoint",
        entities=tuple(entities),
    )


def report_of(name: str, code: str = "EmptyDocument", etag: str = '"1"') -> ErrorReport:
    """Return the error report of a document."""
    error = ReportedError(code=code, message="It has no text.", help="Drop another.", fault=Fault.DOCUMENT)
    return ErrorReport(document=document_facts(name, etag), error=error, attempts=1, occurred_date_time=AT)


def write_entities(
    output: Container, name: str, entities: Sequence[Entity] = (entity(),), *, etag: str = '"1"', job: str = "j1"
) -> str:
    """Write the result of a document, and return the ETag of its file."""
    result = entities_of(name, entities, etag=etag)
    return output.write(f"{name}.entities.json", to_json(result), metadata=result_metadata(result.document, job))


def write_report(output: Container, name: str, code: str = "EmptyDocument", *, etag: str = '"1"') -> str:
    """Write the error report of a document, and return the ETag of its file."""
    report = report_of(name, code, etag)
    return output.write(f"{name}{ERROR_SUFFIX}", to_json(report), metadata=result_metadata(report.document, "j1"))
