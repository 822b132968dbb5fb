"""Custom text classification: the class, or the classes, that a model of one's own gives a text.

A document of several chunks is classified by all of them together: each counts with the length of the text that it
owns, and a class that a chunk was not given counts as a confidence of 0 there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from .. import problems
from ..core.records import Chunk, JobFacts, Record
from ..errors import Problem
from .task import (
    ChunkResult,
    Found,
    Noun,
    Output,
    Places,
    ProjectTask,
    ResultFacts,
    ResultFile,
    expect,
    in_order,
    of_chunk,
    of_result,
    readable,
)


class Class(Record, frozen=True, kw_only=True):
    """One class that a document was given."""

    category: str
    confidence_score: float
    review: bool | msgspec.UnsetType = msgspec.UNSET
    """True, or not there. Whether a person should check it: the service was less sure of it than was asked for."""


@dataclass(frozen=True, slots=True)
class FoundClasses(Found):
    """The classes that the service gave one chunk."""

    classes: tuple[Class, ...]


class ClassesChunk(ChunkResult, frozen=True, kw_only=True):
    """The classes of one chunk."""

    classes: tuple[Class, ...]


class ClassesResult(ResultFile, frozen=True, kw_only=True, omit_defaults=False):
    """`<name>.classes.json`: the classes of a document, the surest one first, and where they came from."""

    classes: tuple[Class, ...]
    combined: bool | msgspec.UnsetType = msgspec.UNSET
    """True, or not there. Whether the document took several requests: the confidence of a class is then the mean of
    theirs, weighted with the length of their texts."""

    @property
    def found_count(self) -> int:
        """How many classes it has."""
        return len(self.classes)


class _WireClass(msgspec.Struct, rename="camel"):
    category: str
    confidence_score: float


_KEYS = ("class", "classes", "classifications", "classification")
"""What the generations of the API call the list; the last one has a single class (docs/language-api.md 6)."""

_CLASSES = Noun("Class", "classes")


def parse_classes(entry: Mapping[str, Any], common: Found) -> FoundClasses | Problem:
    """Return the classes of a document's entry of a reply."""
    key = next((key for key in _KEYS if key in entry), None)
    listed = entry[key] if key else None
    if key == "classification":
        listed = [] if listed is None else [listed]
    if not isinstance(listed, list):
        return problems.UNREADABLE_ANSWER.problem(detail="it has no list of classes")
    classes, unreadable = readable(listed, _WireClass, _CLASSES)
    return FoundClasses(
        tuple(Class(category=one.category, confidence_score=one.confidence_score) for one in classes),
        **common.common(*unreadable),
    )


def combined(chunks: Sequence[ClassesChunk]) -> list[Class]:
    """Return the classes of a document by those of its chunks, the surest one first."""
    total = sum(chunk.characters for chunk in chunks) or 1
    weights: dict[str, float] = {}
    for chunk in chunks:
        for one in chunk.classes:
            weights[one.category] = weights.get(one.category, 0.0) + one.confidence_score * chunk.characters / total
    found = (Class(category=category, confidence_score=round(weight, 4)) for category, weight in weights.items())
    return sorted(found, key=lambda one: (-one.confidence_score, one.category))


class _Classification(ProjectTask, frozen=True, kw_only=True):
    default_name: ClassVar[str] = "classes"
    file_suffixes: ClassVar[tuple[str, ...]] = (".classes.json",)
    has_offsets: ClassVar[bool] = False
    most: ClassVar[int | None]
    """How many classes a document may have; None for any number."""
    chunk_type: ClassVar[type[ChunkResult]] = ClassesChunk
    result_type: ClassVar[type[ClassesResult]] = ClassesResult

    def parse(self, entry: Mapping[str, Any], common: Found) -> FoundClasses | Problem:
        """Return what a document's entry of a reply says."""
        return parse_classes(entry, common)

    def locate(self, chunk: Chunk, text: str, found: Found, unit: str, job: JobFacts, places: Places) -> ClassesChunk:
        """Return what a chunk contributes."""
        answer = expect(found, FoundClasses)
        return ClassesChunk(**of_chunk(chunk, text, answer, job), classes=answer.classes)

    def outputs(self, facts: ResultFacts, chunks: Sequence[ChunkResult], text: str | None) -> tuple[Output, ...]:
        """Return the files of a document all of whose chunks have come."""
        parts = in_order(expect(chunk, ClassesChunk) for chunk in chunks)
        is_long = len(parts) > 1
        classes = combined(parts)[: self.most] if is_long else parts[0].classes
        marked = tuple(_for_review(classes, facts.review_below))
        common = of_result(facts, parts, is_doubtful=any(one.review is True for one in marked))
        result = ClassesResult(**common, classes=marked, combined=True if is_long else msgspec.UNSET)
        return (Output(self.suffix, result),)


def _for_review(classes: Iterable[Class], below: float | None) -> Iterable[Class]:
    for one in classes:
        is_doubtful = below is not None and one.confidence_score < below
        yield msgspec.structs.replace(one, review=True) if is_doubtful else one


class CustomSingleLabelClassification(
    _Classification, frozen=True, kw_only=True, tag="CustomSingleLabelClassification"
):
    """Gives each document one class."""

    preview_list: ClassVar[str] = "customSingleClassificationTasks"
    most: ClassVar[int | None] = 1


class CustomMultiLabelClassification(_Classification, frozen=True, kw_only=True, tag="CustomMultiLabelClassification"):
    """Gives each document any number of classes."""

    preview_list: ClassVar[str] = "customMultiClassificationTasks"
    most: ClassVar[int | None] = None
