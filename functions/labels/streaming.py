"""Writes labels document by document, for files that are too large to be held in memory.

The file is the one that the format's `write` makes of the same documents, or says the same in another order.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from . import conll, docbin, doccano, label_studio, language_studio, prodigy, spacy_json
from .naming import category_names, training_name
from .values import Document, Kind, Labels, LabelsError, Project, used_categories

Write = Callable[[Iterable[Document], Project], Iterator[bytes]]


def _language_studio(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    return language_studio.stream(_named(documents), project)


def _language_studio_2021(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    return language_studio.stream_2021(_named(documents), project)


def _doccano(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    return (doccano.write(_labels(one)) for one in documents)


def _conll(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    return (conll.write(_labels(one)) for one in documents)


def _spacy(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    """Yield one piece: a DocBin is compressed as a whole."""
    yield docbin.write(_labels(*documents))


def _prodigy(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    return (prodigy.write(_labels(one)) for one in documents)


def _label_studio(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    yield label_studio.write(_labels(*documents))


def _spacy_json(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    yield spacy_json.write(_labels(*documents))


STREAMS: dict[str, tuple[str, str, Write]] = {
    "language-studio": ("labels.json", "application/json", _language_studio),
    "language-studio-2021": ("labels-2021.json", "application/json", _language_studio_2021),
    "doccano": ("labels.jsonl", "application/jsonl", _doccano),
    "label-studio": ("labels.json", "application/json", _label_studio),
    "prodigy": ("labels.jsonl", "application/jsonl", _prodigy),
    "spacy-json": ("labels.json", "application/json", _spacy_json),
    "spacy": ("labels.spacy", "application/octet-stream", _spacy),
    "conll": ("labels.conll", "text/plain; charset=utf-8", _conll),
}
"""File name, content type and writer of each format."""


def stream(format_name: str, documents: Iterable[Document], project: Project | None = None) -> Iterator[bytes]:
    """Yield a labels file of entities, piece by piece.

    The forms of Language Studio name documents as the training container does (`naming.training_name`); offsets fit
    the text as UTF-8. Raises `LabelsError`: at once for an unknown format, and where a document has labels that the
    format can not say (CoNLL and spaCy: overlaps) when its turn comes.
    """
    if format_name not in STREAMS:
        raise LabelsError(f"'{format_name}' is no format of corrections; there are {', '.join(STREAMS)}.")
    return STREAMS[format_name][2](documents, project or Project())


def _labels(*documents: Document) -> Labels:
    return Labels(Kind.ENTITIES, used_categories(documents), documents)


def _named(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield documents with the names of documents and categories that the service takes."""
    names: dict[str, str] = {}
    for document in documents:
        names = category_names((span.category for span in document.spans), names)
        spans = tuple(dict.fromkeys(replace(span, category=names[span.category]) for span in document.spans))
        yield replace(document, name=training_name(document.name), spans=spans)
