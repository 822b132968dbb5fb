"""spaCy's JSON: the training format of release 2 is written, which `spacy convert` takes; four forms are read.

Read are, too: `Doc.to_json()`, one or a list of them; the pairs `["text", {"entities": [[start, end, category]]}]` of
its older examples; and these under `annotations`, as annotation tools write them. Offsets are code points.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from ..typed_data import converted
from .doccano import labels_of
from .json_input import decoded
from .tokens import align, spans_of_tags, tokens_of
from .values import Document, Kind, Labels, LabelsError, LeftOut, Reason, Span, refuse_overlaps


class _Ent(msgspec.Struct):
    start: int
    end: int
    label: str


class _Doc(msgspec.Struct):
    """What `Doc.to_json()` gives."""

    text: str
    ents: list[_Ent] = []
    cats: dict[str, float] = {}


class _Annotations(msgspec.Struct):
    """The second of a pair."""

    entities: list[tuple[int, int, str]] = []
    cats: dict[str, float] = {}


class _Word(msgspec.Struct):
    orth: str
    ner: str = "O"
    #: Whether a blank follows.
    space: bool | str = " "


class _Sentence(msgspec.Struct):
    tokens: list[_Word] = []


class _Cat(msgspec.Struct):
    label: str
    value: float = 1.0


class _Paragraph(msgspec.Struct):
    raw: str | None = None
    sentences: list[_Sentence] = []
    cats: list[_Cat] = []


class _Training(msgspec.Struct):
    """A document of the training format of release 2."""

    id: int | str
    paragraphs: list[_Paragraph]
    #: Ours; spaCy leaves them alone.
    language: str = ""
    dataset: str = ""


class _Read(NamedTuple):
    name: str | None
    text: str
    spans: list[Span]
    classes: list[str]
    language: str = ""
    dataset: str = ""


def read(content: bytes, name_of: Callable[[int], str]) -> Labels:
    """Read any of the four forms. `name_of` names the documents that have no name. Raises `LabelsError`."""
    given: Any = decoded(content, object, "JSON of spaCy")
    if isinstance(given, dict):
        given = given["annotations"] if isinstance(given.get("annotations"), list) else [given]
    if not isinstance(given, list):
        raise LabelsError("This is not JSON of spaCy: a list of documents, or one document.")
    left_out: list[LeftOut] = []
    documents: list[Document] = []
    several = False
    # Tools that label lines leave null where one was skipped.
    for entry in (one for one in given if one is not None):
        for found in _read(entry, len(documents) + 1, left_out, name_of):
            name = found.name or name_of(len(documents) + 1)
            fitting = [span for span in found.spans if 0 <= span.start < span.end <= len(found.text)]
            left_out += [
                LeftOut(name, Reason.OFFSETS, span.category, span.start, span.end - span.start)
                for span in found.spans
                if span not in fitting
            ]
            several |= len(found.classes) > 1
            taken = (tuple(sorted(fitting)), tuple(found.classes), found.language, found.dataset)
            documents.append(Document(name, found.text, *taken))
    return labels_of(tuple(documents), tuple(left_out), is_multi_label=several)


def write(labels: Labels) -> bytes:
    """Write the training format of release 2, the document's name as its id. Raises `LabelsError` for overlaps."""
    refuse_overlaps(labels.documents, "spaCy")
    written = []
    for document in labels.documents:
        ours = {"language": document.language, "dataset": document.dataset}
        named = {"id": document.name} | {name: value for name, value in ours.items() if value}
        written.append(named | {"paragraphs": [_paragraph(document, labels)]})
    return msgspec.json.encode(written) + b"\n"


def _paragraph(document: Document, labels: Labels) -> dict[str, Any]:
    tokens = tokens_of(document)
    tags = biluo_tags(document)
    words = [
        {"id": n, "orth": token.text, "space": " " if token.has_blank else "", "ner": tag}
        for n, (token, tag) in enumerate(zip(tokens, tags, strict=True))
    ]
    paragraph: dict[str, Any] = {"raw": document.text, "sentences": [{"tokens": words}]}
    if labels.kind is not Kind.ENTITIES:
        paragraph["cats"] = [
            {"label": category, "value": float(category in document.classes)} for category in labels.categories
        ]
    return paragraph


def biluo_tags(document: Document) -> list[str]:
    """Return the tag of each token in spaCy's scheme: begin, inside, last, unit, outside."""
    tokens = tokens_of(document)
    tags = ["O"] * len(tokens)
    for span in document.spans:
        numbers = [n for n, token in enumerate(tokens) if span.start <= token.start and token.end <= span.end]
        for n in numbers:
            scheme = "U" if len(numbers) == 1 else "B" if n == numbers[0] else "L" if n == numbers[-1] else "I"
            tags[n] = f"{scheme}-{span.category}"
    return tags


def _read(entry: Any, number: int, left_out: list[LeftOut], name_of: Callable[[int], str]) -> Iterable[_Read]:
    try:
        if isinstance(entry, list):
            text, annotations = converted(entry, tuple[str, _Annotations])
            spans = [Span(*one) for one in annotations.entities]
            return [_Read(None, text, spans, _classes(annotations.cats.items()))]
        if isinstance(entry, dict) and "paragraphs" in entry:
            return _paragraphs(converted(entry, _Training), number, left_out, name_of)
        doc = converted(entry, _Doc)
    except msgspec.ValidationError as error:
        raise LabelsError(f"Document {number} is not JSON of spaCy: {error}.") from None
    spans = [Span(one.start, one.end, one.label) for one in doc.ents]
    return [_Read(None, doc.text, spans, _classes(doc.cats.items()))]


def _classes(cats: Iterable[tuple[str, float]]) -> list[str]:
    return [label for label, value in cats if value >= 0.5]


def _paragraphs(
    document: _Training, number: int, left_out: list[LeftOut], name_of: Callable[[int], str]
) -> Iterable[_Read]:
    """Yield each paragraph as a document: spaCy trains on each by itself."""
    named = document.id if isinstance(document.id, str) else ""
    for n, paragraph in enumerate(document.paragraphs):
        name = named if len(document.paragraphs) == 1 or not named else f"{named}-{n + 1}"
        words = [word for sentence in paragraph.sentences for word in sentence.tokens]
        text, places = _placed(words, paragraph.raw)
        if places is None:
            left_out.append(LeftOut(name or name_of(number), Reason.TOKENS))
            continue
        spans = spans_of_tags(places, [word.ner if word.ner != "-" else "O" for word in words])
        classes = _classes((cat.label, cat.value) for cat in paragraph.cats)
        yield _Read(name or None, text, spans, classes, document.language, document.dataset)


def _placed(words: list[_Word], raw: str | None) -> tuple[str, list[tuple[int, int]] | None]:
    """Return the text, and where its words stand."""
    text, places = "", []
    for word in words:
        places.append((len(text), len(text) + len(word.orth)))
        text += word.orth + (" " if word.space else "")
    if raw is None or text == raw:
        return text, places
    return raw, align([word.orth for word in words], raw)
