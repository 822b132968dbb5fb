"""Custom named entity recognition: what is asked, what comes back, and what is made of it.

A task module has, in this order: the parameters and how the API's two generations spell them, the answer for one
chunk, the places of what was found in the document, and the result file with its suffix.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

from .. import problems
from ..core.records import Chunk, DocumentFacts, JobFacts, Moment, Record, TextFacts
from ..errors import Problem, Warning
from ..text.offsets import UTF16, Ruler, text_records

# --- Parameters ---


class CustomEntityRecognition(Record, frozen=True, kw_only=True, tag_field="kind", tag="CustomEntityRecognition"):
    """The task of one deployed model: project and deployment, or for the API of 2021 a model id."""

    project: str | None = None
    deployment: str | None = None
    model_id: str | None = None

    name: ClassVar[str] = "entities"
    """The task's name in requests and records."""
    suffix: ClassVar[str] = ".entities.json"
    """What the names of its results end with."""

    @property
    def model(self) -> str:
        """The model that is asked: task kind, project and deployment. Health is kept by it."""
        return f"CustomEntityRecognition/{self.model_id or f'{self.project}/{self.deployment}'}"

    def facts(self, api_version: str) -> "ModelFacts":
        """Return the `model` part of a result."""
        return ModelFacts(
            api_version=api_version, project=self.project, deployment=self.deployment, model_id=self.model_id
        )

    def as_task(self, string_index_type: str) -> dict[str, Any]:
        """Return the task of a request to a GA version of the API."""
        parameters = {
            "projectName": self.project,
            "deploymentName": self.deployment,
            # The default differs by version and is not what any programming language counts in: always sent.
            "stringIndexType": string_index_type,
            # Otherwise the service keeps the texts for 48 hours (SDK documentation, 5.4.0).
            "loggingOptOut": True,
        }
        return {"kind": "CustomEntityRecognition", "taskName": self.name, "parameters": parameters}

    def as_preview_task(self, string_index_type: str) -> tuple[str, dict[str, Any]]:
        """Return the list that the task belongs into and the task, for `v3.1-preview.ct.1`."""
        if self.model_id:
            model = {"modelId": self.model_id}
        else:
            model = {"project-name": self.project or "", "deployment-name": self.deployment or ""}
        return "customEntityRecognitionTasks", {"parameters": {**model, "stringIndexType": string_index_type}}


# --- The answer for one chunk ---


@dataclass(frozen=True, slots=True)
class FoundEntity:
    """One entity as the service gave it: offset and length in the string index type that was asked for."""

    text: str
    category: str
    offset: int
    length: int
    confidence_score: float
    subcategory: str | None = None


@dataclass(frozen=True, slots=True)
class FoundEntities:
    """What the service found in one chunk."""

    entities: tuple[FoundEntity, ...]
    warnings: tuple[Warning, ...] = ()
    """What the service warned of, and what of its answer is left out because it can not be read."""


MAX_UNREADABLE = 100
"""Entities of one document that get a warning each for being left out; the rest are counted."""

# What every reader of JSON can hold exactly (RFC 8259, section 6).
_Position = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _WireEntity(msgspec.Struct, rename="camel"):
    text: str
    category: str
    offset: _Position
    length: _Position
    confidence_score: float
    subcategory: str | None = None


_FIELDS = msgspec.structs.fields(_WireEntity)


def parse_entry(entry: Mapping[str, Any], warnings: tuple[Warning, ...]) -> FoundEntities | Problem:
    """Return what a document's entry of a reply says; `warnings` are those of the service in it.

    An entity that can not be read is left out, with a warning that names the field; an entry that can not be read is a
    problem of its document.
    """
    entities = entry.get("entities")
    if not isinstance(entities, list):
        return problems.UNREADABLE_ANSWER.problem(detail="it has no list of entities")
    unreadable: list[Warning] = []
    try:
        readable = msgspec.convert(entities, list[_WireEntity])
    except msgspec.ValidationError:
        readable, unreadable = _readable(entities)
    return FoundEntities(
        tuple(
            FoundEntity(
                entity.text,
                entity.category,
                entity.offset,
                entity.length,
                entity.confidence_score,
                entity.subcategory,
            )
            for entity in readable
        ),
        (*warnings, *unreadable),
    )


def _readable(entities: list[Any]) -> tuple[list[_WireEntity], list[Warning]]:
    """Return the entities that can be read, and a warning for each other one."""
    readable: list[_WireEntity] = []
    unreadable: list[Warning] = []
    for number, entity in enumerate(entities, 1):
        try:
            readable.append(msgspec.convert(entity, _WireEntity))
        except msgspec.ValidationError:
            unreadable.append(
                problems.ENTITY_UNREADABLE.warning(number=number, count=len(entities), part=_fault_in(entity))
            )
    if len(unreadable) > MAX_UNREADABLE:
        more = len(unreadable) - MAX_UNREADABLE
        unreadable[MAX_UNREADABLE:] = [problems.ENTITIES_UNREADABLE.warning(count=more)]
    return readable, unreadable


def _fault_in(entity: Any) -> str:
    if not isinstance(entity, dict):
        return "it is no object and"
    for field in _FIELDS:
        try:
            msgspec.convert(entity.get(field.encode_name), field.type)
        except msgspec.ValidationError:
            return f"its field {field.encode_name!r}"
    return "it"


# --- Entities at their places in the document, each checked against the text ---


PlaceFields = dict[str, str | int | float]

Places = Callable[[int], Mapping[str, str | int | float] | None]
"""Tells where a position in a text stands in the file that it was extracted from; None where nobody knows."""


def nowhere(position: int) -> None:
    """Know no place: the text is the document itself."""


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
    location: PlaceFields | msgspec.UnsetType = msgspec.UNSET
    """Where in a file it stands, for people: `page`, `slide`, `sheet` and `row`, `heading`, `part`, and the
    `readConfidence` of a page that was read by OCR; not there for text."""
    end_location: PlaceFields | msgspec.UnsetType = msgspec.UNSET
    """Where it ends, if that is another place."""


class ChunkResult(Record, frozen=True, kw_only=True):
    """What one chunk contributes to the result of its document, in the document's coordinates."""

    index: int
    entities: tuple[Entity, ...]
    warnings: tuple[Warning, ...]
    text_records: int
    job: JobFacts


def locate(
    chunk: Chunk, text: str, found: FoundEntities, unit: str, job: JobFacts, places: Places = nowhere
) -> ChunkResult:
    """Return the entities that `chunk` owns, at their places in the document.

    `text` is the text of the chunk, `unit` the string index type of the offsets found, `places` tells for a position in
    the document's text, in code points, where in its file that stands. An entity belongs to the chunk
    that owns its start; what starts outside is left to the neighbour. An entity whose offset does not lead to its
    text is kept as the service gave it, with a warning, even where the offset leads out of the chunk.
    """
    ruler, utf16 = Ruler(text, unit), Ruler(text, UTF16)
    owned = range(chunk.own_start - chunk.start, chunk.own_end - chunk.start)
    entities: list[Entity] = []
    warnings = list(found.warnings)
    for entity in found.entities:
        start = ruler.to_code_point(entity.offset)
        end = ruler.to_code_point(entity.offset + entity.length)
        place = ruler.place_of(entity.offset)
        if place is not None and place not in owned:
            continue
        span = (start, end) if start is not None and end is not None and text[start:end] == entity.text else None
        utf16_span = (utf16.to_unit(span[0]), utf16.to_unit(span[1])) if span else None
        located = _located(places, chunk.start + span[0], chunk.start + span[1]) if span else {}
        entities.append(_placed(chunk, entity, utf16_span, located))
        if not span:
            warnings.append(_mismatch(chunk, entity, unit))
    return ChunkResult(
        index=chunk.index,
        entities=tuple(entities),
        warnings=tuple(warnings),
        text_records=text_records(text),
        job=job,
    )


def _located(places: Places, start: int, end: int) -> dict[str, PlaceFields]:
    """Return the fields that say where an entity from `start` to `end` stands in its file."""
    first, last = places(start), places(max(start, end - 1))
    if not first:
        return {}
    found = {"location": dict(first)}
    return found if not last or last == first else {**found, "end_location": dict(last)}


def _placed(
    chunk: Chunk, entity: FoundEntity, utf16: tuple[int, int] | None, located: dict[str, PlaceFields]
) -> Entity:
    return Entity(
        text=entity.text,
        category=entity.category,
        subcategory=entity.subcategory,
        offset=chunk.unit_start + entity.offset,
        length=entity.length,
        utf16_offset=chunk.utf16_start + utf16[0] if utf16 else None,
        utf16_length=utf16[1] - utf16[0] if utf16 else None,
        confidence_score=entity.confidence_score,
        **located,
    )


def _mismatch(chunk: Chunk, entity: FoundEntity, unit: str) -> Warning:
    return problems.OFFSET_MISMATCH.warning(
        category=entity.category, offset=chunk.unit_start + entity.offset, unit=unit, length=entity.length
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


# --- The result ---


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
    text: TextFacts | msgspec.UnsetType = msgspec.UNSET
    """Which text the offsets count in; not there in results of earlier versions, which read plain text only."""
    carried_over: bool | msgspec.UnsetType = msgspec.UNSET
    """True, or not there. Whether an earlier version of the document had the same content, whose result this is:
    `jobs` and `completedDateTime` are those of that version, and nothing was submitted for this one."""


def entities_result(
    document: DocumentFacts,
    text: TextFacts,
    reading: Sequence[Warning],
    chunks: Iterable[ChunkResult],
    model: ModelFacts,
    unit: str,
    now: datetime,
) -> EntitiesResult:
    """Return the result of a document all of whose chunks have come; `reading` warns of how it was read."""
    entities, warnings, jobs, text_records = merge(chunks)
    return EntitiesResult(
        document=document,
        text=text,
        model=model,
        jobs=jobs,
        text_records=text_records,
        string_index_type=unit,
        entities=entities,
        warnings=(*reading, *warnings),
        review=any(map(problems.needs_review, reading)),
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


def read_entities(data: bytes) -> EntitiesResult | None:
    """Return the result in the content of its blob; None where it is not one of this version of the app."""
    try:
        return msgspec.json.decode(data, type=EntitiesResult)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
