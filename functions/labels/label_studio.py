"""Label Studio's JSON: the full export (tasks with annotations) and JSON-MIN.

Since release 1.4 offsets are code points (its pull request 1559), before that UTF-16 code units. Exports name each
label's text, so the unit that fits more of them is taken where none is asked for. Predictions are no labels.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ..text.offsets import CODE_POINT, UTF16, Ruler
from ..typed_data import converted
from .doccano import common_fields, labels_of, located_span
from .json_input import decoded
from .values import Document, Kind, Labels, LabelsError, LeftOut, Reason

DEFAULT_UNIT = CODE_POINT


class _Value(msgspec.Struct):
    start: int | None = None
    end: int | None = None
    text: str | None = None
    labels: list[str] | None = None
    choices: list[str] | None = None


class _Result(msgspec.Struct):
    type: str = ""
    value: _Value | None = None


class _Annotation(msgspec.Struct):
    result: list[_Result] = []
    was_cancelled: bool = False
    ground_truth: bool = False
    updated_at: str = ""


class _Task(msgspec.Struct):
    data: dict[str, Any]
    annotations: list[_Annotation] | None = None
    #: What annotations were called in releases before 1.0.
    completions: list[_Annotation] | None = None


_RawLabel = tuple[int, int, str, str | None]


def read(content: bytes, name_of: Callable[[int], str], unit: str | None = None) -> Labels:
    """Read an export; `name_of` names the document of a task that does not. Raises `LabelsError`.

    Of several annotations of a task the one marked as ground truth is taken, else the one changed last.
    """
    left_out: list[LeftOut] = []
    documents: list[Document] = []
    several = False
    for given in decoded(content, list[dict[str, Any]], "an export of Label Studio (a list of tasks)"):
        number = len(documents) + 1
        is_full = isinstance(given.get("data"), dict)
        data = given["data"] if is_full else given
        text = _text_of(data, number)
        name = str(data.get("location") or data.get("filename") or name_of(number))
        raw, classes = _of_task(given, name, left_out) if is_full else _of_row(given, number)
        several |= len(classes) > 1
        ruler = Ruler(text, unit or _unit_of(text, raw))
        located = [located_span(ruler, name, start, end, category, left_out) for start, end, category, _ in raw]
        spans = tuple(sorted(span for span in located if span))
        language, dataset = str(data.get("language") or ""), str(data.get("dataset") or "")
        documents.append(Document(name, text, spans, tuple(classes), language, dataset))
    return labels_of(tuple(documents), tuple(left_out), is_multi_label=several)


def write(labels: Labels, unit: str = DEFAULT_UNIT) -> bytes:
    """Write tasks for a project with `<Labels name="label" toName="text">` (or `Choices`) over `<Text name="text">`."""
    tasks = []
    for number, document in enumerate(labels.documents, 1):
        result = _entities(document, unit) if labels.kind is Kind.ENTITIES else _choices(document)
        tasks.append(
            {
                "id": number,
                "data": {"text": document.text, **common_fields(document)},
                "annotations": [{"id": number, "was_cancelled": False, "ground_truth": False, "result": result}],
                "predictions": [],
            }
        )
    return msgspec.json.format(msgspec.json.encode(tasks), indent=1) + b"\n"


def _entities(document: Document, unit: str) -> list[dict[str, Any]]:
    ruler = Ruler(document.text, unit)
    found = []
    for number, span in enumerate(sorted(document.spans), 1):
        value = {
            "start": ruler.to_unit(span.start),
            "end": ruler.to_unit(span.end),
            "text": document.text[span.start : span.end],
            "labels": [span.category],
        }
        found.append(
            {"id": f"label{number}", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
        )
    return found


def _choices(document: Document) -> list[dict[str, Any]]:
    if not document.classes:
        return []
    value = {"choices": list(document.classes)}
    return [{"id": "choice", "from_name": "label", "to_name": "text", "type": "choices", "value": value}]


def _text_of(data: dict[str, Any], number: int) -> str:
    text = data.get("text")
    if text is None:
        # The name is the labelling interface's own; a task with one other string member has it there.
        others = [value for key, value in data.items() if isinstance(value, str) and key not in _NOT_TEXT]
        text = others[0] if len(others) == 1 else None
    if not isinstance(text, str):
        raise LabelsError(f"Task {number} has no 'text'. Export a project of plain text, with its data.")
    return text


_NOT_TEXT = frozenset({"location", "filename", "language", "dataset", "created_at", "updated_at", "annotator", "label"})


def _of_task(given: dict[str, Any], name: str, left_out: list[LeftOut]) -> tuple[list[_RawLabel], list[str]]:
    try:
        task = converted(given, _Task)
    except msgspec.ValidationError as error:
        raise LabelsError(
            f"The task of '{name}' can not be read: {error}. Offsets in HTML are no offsets of a text; "
            "label the documents as <Text>."
        ) from None
    made = [one for one in (*(task.annotations or ()), *(task.completions or ())) if not one.was_cancelled]
    if not made:
        return [], []
    taken = max(made, key=lambda one: (one.ground_truth, one.updated_at))
    if any(_labels_in(one) != _labels_in(taken) for one in made):
        left_out.append(LeftOut(name, Reason.SEVERAL_ANNOTATIONS))
    return _labels_in(taken)


def _labels_in(annotation: _Annotation) -> tuple[list[_RawLabel], list[str]]:
    values = [result.value for result in annotation.result if result.value]
    raw = [
        (value.start, value.end, category, value.text)
        for value in values
        for category in value.labels or ()
        if value.start is not None and value.end is not None
    ]
    return raw, [choice for value in values for choice in value.choices or ()]


def _of_row(given: dict[str, Any], number: int) -> tuple[list[_RawLabel], list[str]]:
    """Read a row of JSON-MIN, whose labels stand under the control's own name."""
    raw: list[_RawLabel] = []
    classes: list[str] = []
    for key, value in given.items():
        if isinstance(value, list):
            try:
                regions = converted(value, list[_Value])
            except msgspec.ValidationError as error:
                raise LabelsError(f"Task {number} has a member '{key}' that is no list of labels: {error}.") from None
            one, other = _labels_in(_Annotation([_Result(value=region) for region in regions]))
            raw += one
            classes += other
        elif key == "label" and isinstance(value, str):
            classes.append(value)
        elif isinstance(value, dict) and isinstance(value.get("choices"), list):
            classes += [str(choice) for choice in value["choices"]]
    return raw, classes


def _unit_of(text: str, raw: Iterable[_RawLabel]) -> str:
    """Return the unit in which the labels' own texts stand at their offsets; code points where both do."""
    return max((CODE_POINT, UTF16), key=lambda unit: _fitting(Ruler(text, unit), text, raw))


def _fitting(ruler: Ruler, text: str, raw: Iterable[_RawLabel]) -> int:
    places = [(ruler.to_code_point(start), ruler.to_code_point(end), own) for start, end, _, own in raw]
    return sum(own is not None and None not in (start, end) and text[start:end] == own for start, end, own in places)
