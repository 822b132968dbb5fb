"""Text analytics for health: entities with assertions and links, and the relations between them.

A relation of a document of several chunks is found where one chunk has all of its entities; a warning says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import msgspec

from .. import problems
from ..core.records import Chunk, JobFacts, Record
from ..errors import Problem, Warning
from .entities import (
    Entity,
    EntityResultFile,
    FoundEntity,
    WireEntity,
    entities_of,
    for_review,
    found_entity,
    place_of,
    placed,
    without_overlaps,
)
from .task import (
    ChunkResult,
    Found,
    Noun,
    Output,
    Places,
    PrebuiltTask,
    ResultFacts,
    expect,
    in_order,
    of_chunk,
    of_result,
    readable,
)


class Assertion(Record, frozen=True, kw_only=True):
    """What the text says of an entity: whether it is so, under which condition, of whom, and when."""

    conditionality: str | None = None
    certainty: str | None = None
    association: str | None = None
    temporality: str | None = None


class Link(Record, frozen=True, kw_only=True):
    """An entity in a catalogue, such as the UMLS."""

    data_source: str
    id: str


class HealthEntity(Entity, frozen=True, kw_only=True):
    """A healthcare entity, with its preferred name, its links and what the text says of it."""

    name: str | None = None
    links: tuple[Link, ...] = ()
    assertion: Assertion | None = None


class Role(Record, frozen=True, kw_only=True):
    """An entity in a relation, by its place in the list of entities, from 0."""

    entity: int
    role: str


class Relation(Record, frozen=True, kw_only=True):
    """How entities belong together, such as `DosageOfMedication`."""

    relation_type: str
    entities: tuple[Role, ...]
    confidence_score: float | None = None


# --- The answer for one chunk ---


class Details(NamedTuple):
    """What a healthcare entity has beside its place."""

    name: str | None
    links: tuple[Link, ...]
    assertion: Assertion | None


@dataclass(frozen=True, slots=True)
class FoundHealth(Found):
    """What the service found in one chunk; relations name entities by their numbers in it."""

    entities: tuple[FoundEntity, ...]
    details: tuple[Details, ...]
    relations: tuple[Relation, ...]


class _WireHealthEntity(WireEntity, rename="camel"):
    name: str | None = None
    links: list[Link] | None = None
    assertion: Assertion | None = None


class _WireRole(msgspec.Struct):
    ref: str
    role: str


class _WireRelation(msgspec.Struct, rename="camel"):
    relation_type: str
    entities: list[_WireRole]
    confidence_score: float | None = None


_REF = re.compile(r"#/results/documents/\d+/entities/(\d{1,9})")

_RELATIONS = Noun("Relation", "relations")


def _relation(relation: _WireRelation) -> Relation | None:
    """Return a relation with the numbers of its entities; None where one of them can not be read."""
    numbers = [match[1] if (match := _REF.fullmatch(one.ref)) else None for one in relation.entities]
    if None in numbers:
        return None
    roles = tuple(
        Role(entity=int(number or 0), role=one.role) for number, one in zip(numbers, relation.entities, strict=True)
    )
    return Relation(relation_type=relation.relation_type, entities=roles, confidence_score=relation.confidence_score)


# --- One chunk in its document ---


class HealthChunk(ChunkResult, frozen=True, kw_only=True):
    """What one chunk contributes; relations name entities by their places in its own list."""

    entities: tuple[HealthEntity, ...]
    relations: tuple[Relation, ...]


class HealthcareResult(EntityResultFile, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.healthcare.json`: the healthcare entities of a document, their relations, and where they came from."""

    entities: tuple[HealthEntity, ...]
    relations: tuple[Relation, ...]


class Healthcare(PrebuiltTask, frozen=True, kw_only=True, tag="Healthcare"):
    """Finds medical entities and how they belong together."""

    default_name: ClassVar[str] = "healthcare"
    file_suffixes: ClassVar[tuple[str, ...]] = (".healthcare.json",)
    chunk_type: ClassVar[type[ChunkResult]] = HealthChunk
    result_type: ClassVar[type[HealthcareResult]] = HealthcareResult

    def parse(self, entry: Mapping[str, Any], common: Found) -> FoundHealth | Problem:
        """Return what a document's entry of a reply says.

        Relations name entities by their places, so with an entity that can not be read all relations are left out.
        """
        read = entities_of(entry, _WireHealthEntity)
        if isinstance(read, Problem):
            return read
        entities, unreadable = read
        listed = entry.get("relations")
        wire, odd = readable(listed if isinstance(listed, list) else [], _WireRelation, _RELATIONS)
        relations = [relation for one in wire if (relation := _relation(one))]
        lost = len(wire) - len(relations)
        if unreadable:
            lost, relations = len(wire), []
        warnings = (problems.ENTITIES_UNREADABLE.warning(count=lost, noun="relations"),) if lost else ()
        return FoundHealth(
            tuple(map(found_entity, entities)),
            tuple(Details(one.name, tuple(one.links or ()), one.assertion) for one in entities),
            tuple(relations),
            **common.common(*unreadable, *odd, *warnings),
        )

    def locate(self, chunk: Chunk, text: str, found: Found, unit: str, job: JobFacts, places: Places) -> HealthChunk:
        """Return what a chunk contributes: its entities, and the relations all of whose entities it owns."""
        answer = expect(found, FoundHealth)
        own = placed(chunk, text, answer.entities, unit, places)
        common = of_chunk(chunk, text, answer, job)
        common["warnings"] += own.warnings
        entities = (
            HealthEntity(**msgspec.structs.asdict(entity), **answer.details[number]._asdict())
            for number, entity in zip(own.numbers, own.entities, strict=True)
        )
        new_numbers = {number: place for place, number in enumerate(own.numbers)}
        return HealthChunk(
            **common, entities=tuple(entities), relations=tuple(_renumbered(answer.relations, new_numbers))
        )

    def outputs(self, facts: ResultFacts, chunks: Sequence[ChunkResult], text: str | None) -> tuple[Output, ...]:
        """Return the files of a document all of whose chunks have come."""
        parts = in_order(expect(chunk, HealthChunk) for chunk in chunks)
        # Each entity with its chunk and its place there, by which relations name it.
        keyed = [(entity, part.index, place) for part in parts for place, entity in enumerate(part.entities)]
        keyed.sort(key=lambda one: place_of(one[0]))
        kept, removed = without_overlaps([entity for entity, _, _ in keyed], facts.overlaps)
        given = {id(entity): number for number, entity in enumerate(kept)}
        relations: list[Relation] = []
        for part in parts:
            numbers = {
                place: given[id(entity)]
                for entity, index, place in keyed
                if index == part.index and id(entity) in given
            }
            relations += _renumbered(part.relations, numbers)
        marked = tuple(for_review(kept, facts.review_below))
        common = of_result(facts, parts, is_doubtful=any(entity.review is True for entity in marked))
        common["warnings"] += (*removed, *_about_cuts(len(parts)))
        result = HealthcareResult(**common, string_index_type=facts.unit, entities=marked, relations=tuple(relations))
        return (Output(self.suffix, result),)


def _renumbered(relations: Sequence[Relation], numbers: Mapping[int, int]) -> Iterator[Relation]:
    """Yield the relations all of whose entities have a new number, with those."""
    for relation in relations:
        if all(role.entity in numbers for role in relation.entities):
            roles = (Role(entity=numbers[role.entity], role=role.role) for role in relation.entities)
            yield msgspec.structs.replace(relation, entities=tuple(roles))


def _about_cuts(chunk_count: int) -> tuple[Warning, ...]:
    return (problems.RELATIONS_CUT.warning(count=chunk_count),) if chunk_count > 1 else ()
