"""Named entity recognition: the entities that the service's own model knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, NamedTuple

import msgspec

from ..core.records import Chunk, JobFacts, Record
from ..errors import Problem
from .entities import (
    Entity,
    EntityChunk,
    EntityResultFile,
    FoundEntity,
    WireEntity,
    entities_of,
    entity_fields,
    found_entity,
    placed,
)
from .task import ChunkResult, Found, Output, Places, PrebuiltTask, ResultFacts, expect, of_chunk


class Tag(Record, frozen=True, kw_only=True):
    """A property of an entity, with how sure the service is of it."""

    name: str
    confidence_score: float | None = None


class Details(NamedTuple):
    """What a prebuilt entity has beside its place."""

    type: str | None
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class FoundTypedEntities(Found):
    """The entities that the service found in one chunk, each with its type and its tags."""

    entities: tuple[FoundEntity, ...]
    details: tuple[Details, ...]


class _WireTypedEntity(WireEntity, rename="camel"):
    type: str | None = None
    tags: list[Tag] = []


class TypedEntity(Entity, frozen=True, kw_only=True):
    """An entity with its type and tags, which newer versions of the API give."""

    type: str | None = None
    tags: tuple[Tag, ...] = ()


class TypedEntityChunk(EntityChunk, frozen=True, kw_only=True):
    """The entities that one chunk contributes."""

    entities: tuple[TypedEntity, ...]


class PrebuiltEntitiesResult(EntityResultFile, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.prebuilt-entities.json`: the prebuilt entities of a document, and where they came from."""

    entities: tuple[TypedEntity, ...]


class OverlapPolicy(Record, frozen=True, kw_only=True):
    """What the service itself does with entities at the same characters: `matchLongest` or `allowOverlap`."""

    policy_kind: str


class EntityRecognition(PrebuiltTask, frozen=True, kw_only=True, tag="EntityRecognition"):
    """Finds entities of the service's own categories."""

    inclusion_list: tuple[str, ...] = ()
    """Categories that are returned; empty for all."""
    exclusion_list: tuple[str, ...] = ()
    """Categories that are not returned."""
    overlap_policy: OverlapPolicy | None = None

    default_name: ClassVar[str] = "prebuilt-entities"
    file_suffixes: ClassVar[tuple[str, ...]] = (".prebuilt-entities.json",)
    parameters_since: ClassVar[Mapping[str, date]] = dict.fromkeys(
        ("inclusionList", "exclusionList", "overlapPolicy"), date(2024, 11, 1)
    )
    chunk_type: ClassVar[type[ChunkResult]] = TypedEntityChunk
    result_type: ClassVar[type[PrebuiltEntitiesResult]] = PrebuiltEntitiesResult

    def parse(self, entry: Mapping[str, Any], common: Found) -> FoundTypedEntities | Problem:
        """Return what a document's entry of a reply says."""
        read = entities_of(entry, _WireTypedEntity)
        if isinstance(read, Problem):
            return read
        entities, unreadable = read
        return FoundTypedEntities(
            tuple(map(found_entity, entities)),
            tuple(Details(entity.type, tuple(entity.tags)) for entity in entities),
            **common.common(*unreadable),
        )

    def locate(
        self, chunk: Chunk, text: str, found: Found, unit: str, job: JobFacts, places: Places
    ) -> TypedEntityChunk:
        """Return what a chunk contributes."""
        answer = expect(found, FoundTypedEntities)
        own = placed(chunk, text, answer.entities, unit, places)
        common = of_chunk(chunk, text, answer, job)
        common["warnings"] += own.warnings
        entities = (
            TypedEntity(**msgspec.structs.asdict(entity), **answer.details[number]._asdict())
            for number, entity in zip(own.numbers, own.entities, strict=True)
        )
        return TypedEntityChunk(**common, entities=tuple(entities))

    def outputs(self, facts: ResultFacts, chunks: Sequence[ChunkResult], text: str | None) -> tuple[Output, ...]:
        """Return the files of a document all of whose chunks have come."""
        fields = entity_fields(facts, [expect(chunk, TypedEntityChunk) for chunk in chunks])
        return (Output(self.suffix, PrebuiltEntitiesResult(**fields)),)
