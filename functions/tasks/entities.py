"""Entities, for every kind that finds some: read from a reply, put at their places, merged over chunks."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from .. import problems
from ..core.records import Chunk, JobFacts, Record
from ..errors import Problem, Warning
from ..text.offsets import UTF16, Ruler
from .task import (
    ChunkResult,
    Found,
    Noun,
    PlaceFields,
    Places,
    ResultFacts,
    ResultFile,
    in_order,
    nowhere,
    of_chunk,
    of_result,
    readable,
)

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
class FoundEntities(Found):
    """The entities that the service found in one chunk."""

    entities: tuple[FoundEntity, ...]


# What every reader of JSON can hold exactly (RFC 8259, section 6).
Position = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class WireEntity(msgspec.Struct, rename="camel"):
    """An entity of a reply."""

    text: str
    category: str
    offset: Position
    length: Position
    confidence_score: float
    subcategory: str | None = None


ENTITIES = Noun("Entity", "entities")

E = TypeVar("E", bound=WireEntity)


def entities_of(entry: Mapping[str, Any], wire: type[E]) -> tuple[list[E], tuple[Warning, ...]] | Problem:
    """Return the entities of a document's entry that can be read, and warnings about those that are left out.

    An entry without a list of entities is a problem of its document.
    """
    entities = entry.get("entities")
    if not isinstance(entities, list):
        return problems.UNREADABLE_ANSWER.problem(detail="it has no list of entities")
    return readable(entities, wire, ENTITIES)


def found_entity(entity: WireEntity) -> FoundEntity:
    """Return an entity of a reply as the service gave it."""
    return FoundEntity(
        entity.text, entity.category, entity.offset, entity.length, entity.confidence_score, entity.subcategory
    )


def parse_entry(entry: Mapping[str, Any], common: Found) -> FoundEntities | Problem:
    """Return what a document's entry of a reply says; `common` is what entries of all kinds have.

    An entity that can not be read is left out, with a warning that names the field; an entry that can not be read is a
    problem of its document.
    """
    read = entities_of(entry, WireEntity)
    if isinstance(read, Problem):
        return read
    entities, unreadable = read
    return FoundEntities(tuple(map(found_entity, entities)), **common.common(*unreadable))


# --- At their places in the document, each checked against the text ---


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
    review: bool | msgspec.UnsetType = msgspec.UNSET
    """True, or not there. Whether a person should check it: the service was less sure of it than was asked for."""


class Placed(NamedTuple):
    """The entities that a chunk owns, at their places in the document."""

    entities: list[Entity]
    numbers: list[int]
    """Of each of them in the answer."""
    warnings: tuple[Warning, ...]
    """About those that do not fit the text."""


def placed(chunk: Chunk, text: str, found: Sequence[FoundEntity], unit: str, places: Places = nowhere) -> Placed:
    """Return the entities that `chunk` owns, at their places in the document.

    `text` is the text of the chunk, `unit` the string index type of the offsets found, `places` tells for a position in
    the document's text, in code points, where in its file that stands. An entity belongs to the chunk
    that owns its start; what starts outside is left to the neighbour. An entity whose offset does not lead to its
    text is kept as the service gave it, with a warning, even where the offset leads out of the chunk.
    """
    ruler, utf16 = Ruler(text, unit), Ruler(text, UTF16)
    owned = range(chunk.own_start - chunk.start, chunk.own_end - chunk.start)
    entities: list[Entity] = []
    numbers: list[int] = []
    warnings: list[Warning] = []
    for number, entity in enumerate(found):
        start = ruler.to_code_point(entity.offset)
        end = ruler.to_code_point(entity.offset + entity.length)
        place = ruler.place_of(entity.offset)
        if place is not None and place not in owned:
            continue
        span = (start, end) if start is not None and end is not None and text[start:end] == entity.text else None
        utf16_span = (utf16.to_unit(span[0]), utf16.to_unit(span[1])) if span else None
        located = _located(places, chunk.start + span[0], chunk.start + span[1]) if span else {}
        numbers.append(number)
        entities.append(_placed(chunk, entity, utf16_span, located))
        if not span:
            warnings.append(_mismatch(chunk, entity, unit))
    return Placed(entities, numbers, tuple(warnings))


def _located(places: Places, start: int, end: int) -> dict[str, PlaceFields]:
    """Return the fields that say where an entity from `start` to `end` stands in its file."""
    first = places(start)
    if not first:
        return {}
    found, last = {"location": dict(first)}, places(max(start, end - 1))
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
        location=located.get("location", msgspec.UNSET),
        end_location=located.get("end_location", msgspec.UNSET),
    )


def _mismatch(chunk: Chunk, entity: FoundEntity, unit: str) -> Warning:
    return problems.OFFSET_MISMATCH.warning(
        category=entity.category, offset=chunk.unit_start + entity.offset, unit=unit, length=entity.length
    )


class EntityChunk(ChunkResult, frozen=True, kw_only=True):
    """The entities that one chunk contributes."""

    entities: tuple[Entity, ...]


def locate(
    chunk: Chunk, text: str, found: FoundEntities, unit: str, job: JobFacts, places: Places = nowhere
) -> EntityChunk:
    """Return the entities that `chunk` owns, at their places in the document; see `placed`."""
    own = placed(chunk, text, found.entities, unit, places)
    common = of_chunk(chunk, text, found, job)
    common["warnings"] += own.warnings
    return EntityChunk(**common, entities=tuple(own.entities))


# --- Merged over the chunks of a document ---

OVERLAPS: Mapping[str, str] = {
    "keep": "all of them",
    "longest": "the longer one, of two that are equally long the one with the higher confidence",
    "best": "the one with the higher confidence, of two that are equally sure the longer one",
}
"""What is given of two entities at the same characters, by policy."""

N = TypeVar("N", bound=Entity)


def sorted_entities(entities: Iterable[N]) -> list[N]:
    """Return entities sorted by their places."""
    return sorted(entities, key=place_of)


def place_of(entity: Entity) -> tuple[int, int, str]:
    """Return what entities are sorted by."""
    return entity.offset, entity.length, entity.category


def without_overlaps(entities: Sequence[N], policy: str) -> tuple[list[N], tuple[Warning, ...]]:
    """Return sorted entities as a policy of `OVERLAPS` has them, and a warning that counts what was taken out.

    Entities that do not fit the text, and those without length, overlap nothing.
    """
    if policy == "keep":
        return list(entities), ()
    placed = [entity for entity in entities if entity.utf16_offset is not None and entity.length > 0]
    kept: list[tuple[int, int]] = []
    dropped: set[int] = set()
    for entity in sorted(placed, key=_preference(policy)):
        span = (entity.offset, entity.offset + entity.length)
        at = bisect_left(kept, span)
        if (at and kept[at - 1][1] > span[0]) or (at < len(kept) and kept[at][0] < span[1]):
            dropped.add(id(entity))
        else:
            kept.insert(at, span)
    if not dropped:
        return list(entities), ()
    warning = problems.OVERLAPS_REMOVED.warning(count=len(dropped), policy=policy)
    return [entity for entity in entities if id(entity) not in dropped], (warning,)


def _preference(policy: str) -> Callable[[Entity], tuple[float, float, int]]:
    if policy == "longest":
        return lambda entity: (-entity.length, -entity.confidence_score, entity.offset)
    return lambda entity: (-entity.confidence_score, -entity.length, entity.offset)


def for_review(entities: Iterable[N], below: float | None) -> Iterator[N]:
    """Yield entities, those with less confidence than `below` marked for review."""
    for entity in entities:
        is_doubtful = below is not None and entity.confidence_score < below
        yield msgspec.structs.replace(entity, review=True) if is_doubtful else entity


class EntityResultFile(ResultFile, frozen=True, kw_only=True, omit_defaults=False):
    """The file of a result whose entities have offsets."""

    string_index_type: str
    entities: tuple[Entity, ...]

    @property
    def found_count(self) -> int:
        """How many entities it has."""
        return len(self.entities)

    def counts_in(self, unit: str) -> bool:
        """Whether its offsets count in a string index type."""
        return self.string_index_type == unit


def entity_fields(facts: ResultFacts, chunks: Iterable[EntityChunk]) -> dict[str, Any]:
    """Return the fields of a result with entities: all that its chunks have, as the work asks for them."""
    ordered = in_order(chunks)
    entities, removed = without_overlaps(
        sorted_entities(entity for chunk in ordered for entity in chunk.entities), facts.overlaps
    )
    marked = tuple(for_review(entities, facts.review_below))
    common = of_result(facts, ordered, is_doubtful=any(entity.review is True for entity in marked))
    common["warnings"] += removed
    return {**common, "string_index_type": facts.unit, "entities": marked}
