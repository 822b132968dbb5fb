"""Prodigy's JSON Lines: one task a line, with spans in code points, and tokens.

What was not accepted (`answer`) is left out. Classes are the tasks of its `choice` and `textcat` interfaces.
"""

from collections.abc import Callable

import msgspec

from ..text.offsets import CODE_POINT, Ruler
from .doccano import common_fields, labels_of, located_span
from .json_input import decoded_lines, json_lines
from .tokens import span_tokens, tokens_of
from .values import Document, Kind, Labels, LabelsError, LeftOut, Reason

DEFAULT_UNIT = CODE_POINT


class _Span(msgspec.Struct):
    start: int
    end: int
    label: str


class _Meta(msgspec.Struct):
    location: str | None = None
    source: str | int | None = None
    language: str | None = None
    dataset: str | None = None


class _Task(msgspec.Struct):
    text: str | None = None
    spans: list[_Span] = []
    label: str | None = None
    accept: list[str | int] | None = None
    answer: str = "accept"
    meta: _Meta | None = None


def read(content: bytes, name_of: Callable[[int], str], unit: str = DEFAULT_UNIT) -> Labels:
    """Read a data set as `db-out` writes it; `name_of` names the document of a task that does not.

    Raises `LabelsError`.
    """
    left_out: list[LeftOut] = []
    documents = []
    several = False
    for number, task in decoded_lines(content, _Task, "a task of Prodigy"):
        if task.text is None:
            raise LabelsError(f"Line {number} has no 'text'; only tasks over texts can be read.")
        meta = task.meta or _Meta()
        name = meta.location or name_of(number)
        if task.answer != "accept":
            left_out.append(LeftOut(name, Reason.NOT_ACCEPTED))
            continue
        ruler = Ruler(task.text, unit)
        located = [located_span(ruler, name, one.start, one.end, one.label, left_out) for one in task.spans]
        spans = tuple(sorted(span for span in located if span))
        classes = tuple(str(one) for one in (task.accept or ([task.label] if task.label else [])))
        several |= len(classes) > 1
        documents.append(Document(name, task.text, spans, classes, meta.language or "", meta.dataset or ""))
    return labels_of(tuple(documents), tuple(left_out), is_multi_label=several)


def write(labels: Labels, unit: str = DEFAULT_UNIT) -> bytes:
    """Write tasks for `db-in`, or to go on with in `ner.manual` and `spans.manual`; entities come with their tokens."""
    entries = []
    for document in labels.documents:
        entry: dict[str, object] = {"text": document.text}
        if labels.kind is Kind.ENTITIES:
            entry |= _with_tokens(document, unit)
        else:
            entry["options"] = [{"id": category, "text": category} for category in labels.categories]
            entry["accept"] = list(document.classes)
        entries.append(entry | {"answer": "accept", "meta": common_fields(document)})
    return json_lines(entries)


def _with_tokens(document: Document, unit: str) -> dict[str, object]:
    ruler = Ruler(document.text, unit)
    tokens = tokens_of(document)
    spans = []
    for span in sorted(document.spans):
        first, last = span_tokens(tokens, span)
        place = {"start": ruler.to_unit(span.start), "end": ruler.to_unit(span.end)}
        spans.append(place | {"token_start": first, "token_end": last, "label": span.category})
    return {
        "tokens": [
            {
                "text": token.text,
                "start": ruler.to_unit(token.start),
                "end": ruler.to_unit(token.end),
                "id": n,
                "ws": token.has_blank,
            }
            for n, token in enumerate(tokens)
        ],
        "spans": spans,
    }
