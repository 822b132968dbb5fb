"""Custom named entity recognition: the entities that a model of one's own finds."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..core.records import Chunk, JobFacts
from ..errors import Problem
from .entities import Entity, EntityChunk, EntityResultFile, FoundEntities, entity_fields, locate, parse_entry
from .task import ChunkResult, Found, Output, Places, ProjectTask, ResultFacts, expect


class EntitiesResult(EntityResultFile, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.entities.json`: the entities of a document, and where they came from."""

    entities: tuple[Entity, ...]


class CustomEntityRecognition(ProjectTask, frozen=True, kw_only=True, tag="CustomEntityRecognition"):
    """Finds the entities that a deployed model was trained for."""

    default_name: ClassVar[str] = "entities"
    file_suffixes: ClassVar[tuple[str, ...]] = (".entities.json",)
    preview_list: ClassVar[str] = "customEntityRecognitionTasks"
    # Results of earlier releases do not say, and are compared with newer ones.
    names_kind: ClassVar[bool] = False
    chunk_type: ClassVar[type[ChunkResult]] = EntityChunk
    result_type: ClassVar[type[EntitiesResult]] = EntitiesResult

    def parse(self, entry: Mapping[str, Any], common: Found) -> FoundEntities | Problem:
        """Return what a document's entry of a reply says."""
        return parse_entry(entry, common)

    def locate(self, chunk: Chunk, text: str, found: Found, unit: str, job: JobFacts, places: Places) -> EntityChunk:
        """Return what a chunk contributes."""
        return locate(chunk, text, expect(found, FoundEntities), unit, job, places)

    def outputs(self, facts: ResultFacts, chunks: Sequence[ChunkResult], text: str | None) -> tuple[Output, ...]:
        """Return the files of a document all of whose chunks have come."""
        fields = entity_fields(facts, [expect(chunk, EntityChunk) for chunk in chunks])
        return (Output(self.suffix, EntitiesResult(**fields)),)
