"""doccano's JSON Lines: one document a line, with its text.

Read are the exports of its releases: `label` or `labels` as `[start, end, category]` (or as class names), `entities`
with `start_offset` and `end_offset` (relations are left alone), and `annotations` of early releases with the label's
name. doccano counts offsets in UTF-16 code units (its issue 2290), unless the project counts grapheme clusters.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ..text.offsets import UTF16, Ruler
from .json_input import decoded_lines, json_lines
from .values import Document, Kind, Labels, LabelsError, LeftOut, Reason, Span, used_categories

DEFAULT_UNIT = UTF16


class _Entity(msgspec.Struct):
    start_offset: int
    end_offset: int
    label: str


class _Line(msgspec.Struct):
    text: str | None = None
    data: str | None = None
    label: list[Any] | str | None = None
    labels: list[Any] | None = None
    entities: list[_Entity] | None = None
    annotations: list[_Entity] | None = None
    #: Other members of a line are kept by doccano as the document's metadata, and exported again.
    location: str | None = None
    filename: str | None = None
    language: str | None = None
    dataset: str | None = None


def read(content: bytes, name_of: Callable[[int], str], unit: str = DEFAULT_UNIT) -> Labels:
    """Read an export; `name_of` names the document of a line that does not. Raises `LabelsError`."""
    left_out: list[LeftOut] = []
    documents: list[Document] = []
    several = False
    for number, line in decoded_lines(content, _Line, "a document of doccano"):
        text = line.text if line.text is not None else line.data
        if text is None:
            raise LabelsError(f"Line {number} has no 'text'; doccano's export is 'JSONL', one document a line.")
        name = line.location or line.filename or name_of(len(documents) + 1)
        spans, classes = _labels(line, number)
        several |= len(classes) > 1
        ruler = Ruler(text, unit)
        located = [located_span(ruler, name, *span, left_out) for span in spans]
        found = tuple(sorted(span for span in located if span))
        documents.append(Document(name, text, found, tuple(classes), line.language or "", line.dataset or ""))
    return labels_of(tuple(documents), tuple(left_out), is_multi_label=several)


def located_span(ruler: Ruler, name: str, start: int, end: int, category: str, left_out: list[LeftOut]) -> Span | None:
    """Return a label in code points; None where it does not fit, which is then added to `left_out`."""
    first, last = ruler.to_code_point(start), ruler.to_code_point(end)
    if first is None or last is None or last <= first:
        left_out.append(LeftOut(name, Reason.OFFSETS, category, start, end - start))
        return None
    return Span(first, last, category)


def labels_of(documents: tuple[Document, ...], left_out: tuple[LeftOut, ...], *, is_multi_label: bool) -> Labels:
    """Return what documents of a format without a list of categories come to."""
    kind = Kind.ENTITIES
    if any(document.classes for document in documents):
        kind = Kind.MULTI_LABEL if is_multi_label else Kind.SINGLE_LABEL
    if kind is not Kind.ENTITIES and any(document.spans for document in documents):
        raise LabelsError(
            "The file has entities and classes; the service knows projects of one kind. Export them apart."
        )
    return Labels(kind, used_categories(documents), documents, left_out=left_out)


def write(labels: Labels, unit: str = DEFAULT_UNIT) -> bytes:
    """Write lines that doccano imports as JSONL; name, language and set become the document's metadata there."""
    entries = []
    for document in labels.documents:
        entry: dict[str, object] = {"text": document.text}
        if labels.kind is Kind.ENTITIES:
            ruler = Ruler(document.text, unit)
            entry["label"] = [
                [ruler.to_unit(span.start), ruler.to_unit(span.end), span.category] for span in sorted(document.spans)
            ]
        else:
            entry["label"] = list(document.classes)
        entries.append(entry | common_fields(document))
    return json_lines(entries)


def common_fields(document: Document) -> dict[str, object]:
    """Return what formats without a place for it are told of a document: name, language and set, where it has them."""
    fields = {"location": document.name, "language": document.language, "dataset": document.dataset}
    return {name: value for name, value in fields.items() if value}


def _labels(line: _Line, number: int) -> tuple[list[tuple[int, int, str]], list[str]]:
    spans = [
        (one.start_offset, one.end_offset, one.label) for one in (*(line.entities or ()), *(line.annotations or ()))
    ]
    classes = []
    stated = line.label if line.label is not None else line.labels
    for label in [stated] if isinstance(stated, str) else stated or ():
        match label:
            case str():
                classes.append(label)
            case [int(start), int(end), str(category)]:
                spans.append((start, end, category))
            case _:
                raise LabelsError(f"Line {number} has a label that is neither a class nor [start, end, category].")
    return spans, classes
