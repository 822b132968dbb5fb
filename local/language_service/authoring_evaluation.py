"""What the authoring API says of a trained model: metrics, confusion matrix, and each test document's result.

Shapes and rules are those of docs/authoring-api.md 5: an entity counts with exactly the labelled place and category;
the matrix has the labelled categories as rows, in fractions of entities, so that one half found counts partly.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from local.language_service.evaluate import Scores, compare
from local.language_service.labels import LabelledDocument, ProjectKind
from local.language_service.projects import LearntProject
from local.stand_in.text_units import UTF16_UNITS, offsets_in

NO_ENTITY = "$none"
NO_CLASS = "None"

_Span = tuple[str, int, int]


def evaluate(
    learnt: LearntProject, test: Sequence[LabelledDocument], options: Mapping[str, Any], languages: Mapping[str, str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give the summary of a model on its test documents, and the result of each of them."""
    kind, categories = learnt.kind, sorted(learnt.labels.categories)
    scores = {category: Scores() for category in categories}
    matrix: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    results = []
    for document in test:
        entry: dict[str, Any] = {
            "location": document.location,
            "language": languages.get(document.location, learnt.labels.language),
            "projectKind": kind.value,
        }
        if kind is ProjectKind.ENTITIES:
            found = [(one.category, one.offset, one.offset + one.length) for one in learnt.entities(document.text)]
            labelled = [(one.category, one.offset, one.end) for one in document.entities]
            compare([(c, (s, e)) for c, s, e in found], [(c, (s, e)) for c, s, e in labelled], scores)
            _confuse(labelled, found, matrix)
            entry["customEntityRecognitionResult"] = {"entities": [_region(document, labelled, found)]}
        else:
            classes = [category for category, _ in learnt.classes(document.text)]
            compare([(c, (0, 0)) for c in classes], [(c, (0, 0)) for c in document.classes], scores)
            if kind is ProjectKind.SINGLE_LABEL:
                expected = document.classes[0] if document.classes else NO_CLASS
                predicted = classes[0] if classes else NO_CLASS
                matrix[expected][predicted] += 1
                entry["customSingleLabelClassificationResult"] = {
                    "expectedClass": expected,
                    "predictedClass": predicted,
                }
            else:
                entry["customMultiLabelClassificationResult"] = {
                    "expectedClasses": list(document.classes),
                    "predictedClasses": classes,
                }
        results.append(entry)
    return _summary(kind, scores, matrix, options, len(test)), results


def _summary(
    kind: ProjectKind,
    scores: Mapping[str, Scores],
    matrix: Mapping[str, Mapping[str, float]],
    options: Mapping[str, Any],
    documents: int,
) -> dict[str, Any]:
    each = {name: _counts(one, documents if kind is not ProjectKind.ENTITIES else 0) for name, one in scores.items()}
    total = Scores(*(sum(getattr(one, part) for one in scores.values()) for part in ("right", "wrong", "missed")))
    evaluation: dict[str, Any] = {}
    if kind is not ProjectKind.MULTI_LABEL:
        none = NO_ENTITY if kind is ProjectKind.ENTITIES else NO_CLASS
        evaluation["confusionMatrix"] = {
            name: _row(matrix.get(name, {})) for name in [*scores, none] if name == none or matrix.get(name)
        }
    if kind is ProjectKind.SINGLE_LABEL:
        each[NO_CLASS] = _counts(Scores(), 0)
    evaluation["entities" if kind is ProjectKind.ENTITIES else "classes"] = each
    count = max(len(scores), 1)
    evaluation |= {
        "microF1": total.f1,
        "microPrecision": total.precision,
        "microRecall": total.recall,
        "macroF1": sum(one.f1 for one in scores.values()) / count,
        "macroPrecision": sum(one.precision for one in scores.values()) / count,
        "macroRecall": sum(one.recall for one in scores.values()) / count,
    }
    name = kind.value[0].lower() + kind.value[1:] + "Evaluation"
    return {"projectKind": kind.value, name: evaluation, "evaluationOptions": dict(options)}


def _counts(scores: Scores, documents: int) -> dict[str, Any]:
    return {
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "truePositiveCount": scores.right,
        "trueNegativeCount": max(0, documents - scores.right - scores.wrong - scores.missed),
        "falsePositiveCount": scores.wrong,
        "falseNegativeCount": scores.missed,
    }


def _row(cells: Mapping[str, float]) -> dict[str, Any]:
    """Give the cells of a row that are not zero, and each in percent of the row."""
    total = sum(cells.values())
    return {name: {"normalizedValue": 100 * value / total, "rawValue": value} for name, value in cells.items() if value}


def _confuse(labelled: Sequence[_Span], found: Sequence[_Span], matrix: dict[str, dict[str, float]]) -> None:
    for category, start, end in labelled:
        rest = 1.0
        for other, first, last in found:
            part = max(0, min(end, last) - max(start, first)) / (end - start)
            if part:
                matrix[category][other] += part
                rest -= part
        if rest > 1e-9:
            matrix[category][NO_ENTITY] += rest
    for category, start, end in found:
        covered = sum(max(0, min(end, last) - max(start, first)) for _, first, last in labelled)
        if covered < end - start:
            matrix[NO_ENTITY][category] += 1 - covered / (end - start)


def _region(document: LabelledDocument, labelled: Sequence[_Span], found: Sequence[_Span]) -> dict[str, Any]:
    to_unit = offsets_in(document.text, UTF16_UNITS)

    def written(spans: Sequence[_Span]) -> list[dict[str, Any]]:
        return [{"category": c, "offset": to_unit(s), "length": to_unit(e) - to_unit(s)} for c, s, e in spans]

    return {
        "expectedEntities": written(labelled),
        "predictedEntities": written(found),
        "regionOffset": 0,
        "regionLength": to_unit(len(document.text)),
    }
