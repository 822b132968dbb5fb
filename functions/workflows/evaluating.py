"""Compares results with a labels file: reads the result of each labelled document and scores it."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import msgspec

from ..core.export_rows import model_of
from ..core.names import fitting_name
from ..core.scoring import Scores, Span
from ..errors import Missing, UnsafeName
from ..labels.without_texts import LabelledDocument
from ..storage.document_store import DocumentStore
from ..tasks.classification import ClassesResult
from ..tasks.custom_entities import EntitiesResult
from ..typed_data import from_json
from .exporting import read_ahead

Result = EntitiesResult | ClassesResult

ReadResult = Callable[[str], bytes | None]
"""Returns the content of the result of a labelled document, by its location; None where it has none."""


@dataclass(slots=True)
class Evaluation:
    """What the results of labelled documents came to."""

    scores: Scores = field(default_factory=Scores)
    models: Counter[str] = field(default_factory=Counter)
    """The models that the results come from, by documents."""
    without: list[str] = field(default_factory=list)
    """Labelled documents without a result that can be read: they are not scored."""


def evaluate(
    documents: Iterable[LabelledDocument], read: ReadResult, threads: Executor, *, is_classification: bool
) -> Evaluation:
    """Score the results of labelled documents."""
    kind = ClassesResult if is_classification else EntitiesResult
    evaluation = Evaluation()

    def both(document: LabelledDocument) -> tuple[LabelledDocument, Result | None]:
        return document, _decoded(read(document.location), kind)

    for document, result in read_ahead(threads, both, documents):
        if result is None:
            evaluation.without.append(document.location)
            continue
        evaluation.models[model_of(result.model)] += 1
        evaluation.scores.add(document.location, document.spans, spans_of(result))
    return evaluation


def spans_of(result: Result) -> list[Span]:
    """Return what a result has found, in UTF-16 code units.

    What does not fit its text has no place in these units: it stands before the text, where nothing is labelled.
    """
    if isinstance(result, ClassesResult):
        return [Span(one.category, 0, 0) for one in result.classes]
    return [
        Span(one.category, one.utf16_offset, one.utf16_length)
        if one.utf16_offset is not None and one.utf16_length is not None
        else Span(one.category, -1, 0)
        for one in result.entities
    ]


def _decoded(data: bytes | None, kind: type[Result]) -> Result | None:
    try:
        return from_json(data, kind) if data is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def from_output(documents: DocumentStore, prefix: str, suffix: str) -> ReadResult:
    """Read results from the output container; `prefix` comes before the locations of the labels file."""

    def read(location: str) -> bytes | None:
        try:
            return documents.read_result(fitting_name("", prefix + location, suffix)).data
        except (Missing, UnsafeName):
            return None

    return read
