"""From what the service found in a chunk to entities at their places in the document, each checked against the text."""

from collections.abc import Iterable

from ..text.offsets import TEXT_ELEMENT, UTF16, Ruler, length
from .documents import Moment, Record
from .jobs import Chunk, Job
from .outcomes import Finished, FoundEntities, FoundEntity

RECORD_CHARACTERS = 1_000
"""Characters in one text record, the unit of billing (Language service "data limits", read 2026-11)."""


class Entity(Record, frozen=True, kw_only=True):
    """One entity. `offset` and `length` are in the result's string index type, `utf16…` in UTF-16 code units.

    `utf16Offset` and `utf16Length` are null for an entity that does not fit the text; a warning names it.
    """

    text: str
    category: str
    subcategory: str | None = None
    offset: int
    length: int
    utf16_offset: int | None
    utf16_length: int | None
    confidence_score: float


class Warning(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Something that a reader of the result should know."""

    code: str
    message: str


class JobFacts(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One of the service's jobs that a result came from."""

    job_id: str
    submitted_date_time: Moment | None
    completed_date_time: Moment | None
    polls: int


class ChunkResult(Record, frozen=True, kw_only=True):
    """What one chunk contributes to the result of its document, in the document's coordinates."""

    index: int
    entities: tuple[Entity, ...]
    warnings: tuple[Warning, ...]
    text_records: int
    job: JobFacts


def text_records(text: str) -> int:
    """Return the text records that a text is billed as: one for every thousand text elements begun."""
    return -(-max(1, length(text, TEXT_ELEMENT)) // RECORD_CHARACTERS)


def locate(chunk: Chunk, text: str, found: FoundEntities, unit: str, job: JobFacts) -> ChunkResult:
    """Return the entities that `chunk` owns, at their places in the document.

    `text` is the text of the chunk, `unit` the string index type of the offsets found. An entity belongs to the chunk
    that owns its start; what starts outside is left to the neighbour. An entity whose offset does not lead to its
    text is kept as the service gave it, with a warning, even where the offset leads out of the chunk. What the service
    gave in a form that can not be read is a warning only.
    """
    ruler, utf16 = Ruler(text, unit), Ruler(text, UTF16)
    owned = range(chunk.own_start - chunk.start, chunk.own_end - chunk.start)
    entities: list[Entity] = []
    warnings = [Warning(code="ServiceWarning", message=message) for message in found.warnings]
    warnings += [Warning(code="EntityUnreadable", message=message) for message in found.unreadable]
    for entity in found.entities:
        start = ruler.to_code_point(entity.offset)
        end = ruler.to_code_point(entity.offset + entity.length)
        place = ruler.place_of(entity.offset)
        if place is not None and place not in owned:
            continue
        span = (start, end) if start is not None and end is not None and text[start:end] == entity.text else None
        utf16_span = (utf16.to_unit(span[0]), utf16.to_unit(span[1])) if span else None
        entities.append(_placed(chunk, entity, utf16_span))
        if not span:
            warnings.append(_mismatch(chunk, entity, unit))
    return ChunkResult(
        index=chunk.index,
        entities=tuple(entities),
        warnings=tuple(warnings),
        text_records=text_records(text),
        job=job,
    )


def _placed(chunk: Chunk, entity: FoundEntity, utf16: tuple[int, int] | None) -> Entity:
    return Entity(
        text=entity.text,
        category=entity.category,
        subcategory=entity.subcategory,
        offset=chunk.unit_start + entity.offset,
        length=entity.length,
        utf16_offset=chunk.utf16_start + utf16[0] if utf16 else None,
        utf16_length=utf16[1] - utf16[0] if utf16 else None,
        confidence_score=entity.confidence_score,
    )


def _mismatch(chunk: Chunk, entity: FoundEntity, unit: str) -> Warning:
    return Warning(
        code="OffsetMismatch",
        message=f"The entity of category {entity.category!r} at offset {chunk.unit_start + entity.offset} "
        f"({unit}, length {entity.length}) is not the text found there. It is given as the service sent it.",
    )


def merge(chunks: Iterable[ChunkResult]) -> tuple[tuple[Entity, ...], tuple[Warning, ...], tuple[JobFacts, ...], int]:
    """Return the entities sorted by offset, the warnings, the jobs and the text records of all chunks of a document."""
    ordered = sorted(chunks, key=lambda chunk: chunk.index)
    entities = sorted(
        (entity for chunk in ordered for entity in chunk.entities),
        key=lambda entity: (entity.offset, entity.length, entity.category),
    )
    warnings = tuple(warning for chunk in ordered for warning in chunk.warnings)
    jobs = tuple(dict.fromkeys(chunk.job for chunk in ordered))
    return tuple(entities), warnings, jobs, sum(chunk.text_records for chunk in ordered)


def job_facts(job: Job, answer: Finished) -> JobFacts:
    """Return what a result says about the service's job it came from."""
    return JobFacts(
        job_id=answer.job_id,
        submitted_date_time=job.submitted,
        completed_date_time=answer.completed,
        polls=job.polls + 1,
    )
