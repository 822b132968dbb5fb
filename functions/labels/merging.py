"""Puts reviewed documents into the labels of a project, without changing anything else of them.

An import replaces all of a project's labels (specification of 2023-04-01), so what is imported is what was exported
with the reviewed documents in their places. What is not known of the exported file is kept as it is.
"""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..text.offsets import UTF16
from . import language_studio
from .checking import MAX_CATEGORIES, MAX_DOCUMENT_CHARACTERS, MAX_LABEL_CHARACTERS, MIN_DOCUMENTS
from .data_sets import DEFAULT_SHARE, TEST, TRAIN, split
from .json_input import decoded
from .naming import category_names
from .values import Document, Kind, Labels, LabelsError, Span


@dataclass(frozen=True, slots=True)
class Merged:
    """Labels that are ready to be imported."""

    content: bytes
    trained: int
    tested: int
    categories: tuple[str, ...]
    renamed: Mapping[str, str]
    """Categories that the service does not take as they were, with their names there."""

    @property
    def documents(self) -> int:
        """All documents of the project."""
        return self.trained + self.tested


def unfit(document: Document) -> str:
    """Return why the service takes no such document for training, as the rest of a sentence; empty where it does."""
    characters = len(document.text)
    if not document.text.strip():
        return "it has no text"
    if characters > MAX_DOCUMENT_CHARACTERS:
        return f"it has {characters:,} characters; the limit is {MAX_DOCUMENT_CHARACTERS:,}"
    longest = max((span.end - span.start for span in document.spans), default=0)
    if longest > MAX_LABEL_CHARACTERS:
        return f"it has a label of {longest:,} characters; the limit is {MAX_LABEL_CHARACTERS}"
    return ""


def merge(
    exported: bytes,
    reviewed: Sequence[Document],
    others: Mapping[str, Sequence[str]] | None = None,
    share: float | None = None,
    erased: Container[str] = (),
) -> Merged:
    """Return the labels of a project with those of reviewed documents, each in the training or the test set.

    The names of `reviewed` are those in the training container, the newest version of a document first. `others` has
    for such a name those of other versions of the same document: they leave the labels, unless they are reviewed here
    as well; then all of them are in one set, for a model would be tested on what it has nearly learnt. A document keeps
    the set that it is in. Of new ones, and of those in no set, about `share` go to the test set, by the hash of their
    name; without it none, where there is a test set already, so that it stays fixed, and else a fifth. What is `erased`
    leaves the labels, unless it is reviewed here. Raises `LabelsError` where the result can not be trained on.
    """
    file, assets = _parts(exported)
    metadata = file.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise LabelsError("This is not a labels file of the Language service: its 'metadata' are no object.")
    entries, listed = _objects(assets, "documents", "location"), _objects(assets, "entities", "category")
    known = [one["category"] for one in listed]
    names = category_names((span.category for one in reviewed for span in sorted(one.spans)), known)
    language = str(metadata.get("language") or language_studio.DEFAULT_LANGUAGE)
    is_multilingual = bool(metadata.get("multilingual"))
    versions = {one.name: (one.name, *(others or {}).get(one.name, ())) for one in reviewed}
    gone = {name for of_document in versions.values() for name in of_document} - versions.keys()
    sets = {one["location"]: str(one.get("dataset") or "") for one in entries}
    newest: dict[str, str] = {}
    """The first reviewed version of the document, by the name of each of its versions."""
    new: dict[str, dict[str, Any]] = {}
    for one in reviewed:
        for name in versions[one.name]:
            newest.setdefault(name, one.name)
        dataset = next((sets[name] for name in versions[newest[one.name]] if name in sets), "")
        new[one.name] = _entry(one, names, language, is_multilingual, dataset)
    kept = [
        one
        for one in entries
        if one["location"] not in gone and one["location"] not in new and one["location"] not in erased
    ]
    documents = _in_sets([*kept, *new.values()], share, newest)
    categories = list(
        dict.fromkeys([*known, *(names[span.category] for one in reviewed for span in sorted(one.spans))])
    )
    _check(documents, categories)
    added = [{"category": category} for category in categories[len(dict.fromkeys(known)) :]]
    file["assets"] = {**assets, "entities": [*listed, *added], "documents": documents}
    tested = sum(one["dataset"] == TEST for one in documents)
    return Merged(
        msgspec.json.encode(file),
        trained=len(documents) - tested,
        tested=tested,
        categories=tuple(categories),
        renamed={category: name for category, name in names.items() if category != name},
    )


def without(exported: bytes, names: Container[str]) -> tuple[bytes, tuple[str, ...]]:
    """Return the labels of a project without some documents, and the names of those that were among them.

    All else stays as it is; a category stays although no document may have it any more. Raises `LabelsError`.
    """
    file, assets = _parts(exported)
    entries = _objects(assets, "documents", "location")
    file["assets"] = {**assets, "documents": [one for one in entries if one["location"] not in names]}
    return msgspec.json.encode(file), tuple(one["location"] for one in entries if one["location"] in names)


def _parts(exported: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a labels file and its assets."""
    file = decoded(exported, dict[str, Any], "a labels file of the Language service")
    assets = file.get("assets")
    if not isinstance(assets, dict):
        raise LabelsError("This is not a labels file of the Language service: it has no 'assets'.")
    return file, assets


def _objects(assets: Mapping[str, Any], name: str, key: str) -> list[dict[str, Any]]:
    """Return a list of the exported labels, whole. Raises `LabelsError`: what can not be read would be lost."""
    found = assets.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) and isinstance(one.get(key), str) for one in found):
        raise LabelsError(
            f"The exported labels can not be merged without losing some: '{name}' is not a list of entries that each "
            f"have a '{key}'. Nothing was imported."
        )
    return found


def _entry(
    document: Document, names: Mapping[str, str], language: str, is_multilingual: bool, dataset: str
) -> dict[str, Any]:
    spans = tuple(dict.fromkeys(Span(span.start, span.end, names[span.category]) for span in document.spans))
    own = document.language if is_multilingual and document.language else language
    labelled = Document(document.name, document.text, spans, (), own, dataset)
    return language_studio.written(labelled, Kind.ENTITIES, UTF16)


def _in_sets(entries: Sequence[dict[str, Any]], share: float | None, newest: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the entries of documents, each with its set: that of the `newest` version of the same document."""
    if share is None and any(_set_of(one.get("dataset")) == TEST for one in entries):
        return [{**one, "dataset": _set_of(one.get("dataset")) or TRAIN} for one in entries]
    # Versions of a document are divided as one, by the name of the newest.
    spans: dict[str, tuple[Span, ...]] = defaultdict(tuple)
    sets: dict[str, str] = {}
    for one in entries:
        name = newest.get(one["location"], one["location"])
        spans[name] += _categories(one)
        sets[name] = _set_of(one.get("dataset"))
    pseudo = tuple(Document(name, "", spans[name], dataset=dataset) for name, dataset in sets.items())
    divided = split(Labels(Kind.ENTITIES, (), pseudo), share or DEFAULT_SHARE).documents
    set_of = {one.name: one.dataset for one in divided}
    return [{**one, "dataset": set_of[newest.get(one["location"], one["location"])]} for one in entries]


def _set_of(given: object) -> str:
    """Return a set as the service spells it; it compares without case."""
    return next((name for name in (TRAIN, TEST) if str(given).casefold() == name.casefold()), "")


def _categories(entry: Mapping[str, Any]) -> tuple[Span, ...]:
    """Return the categories of an entry's labels; only how often each occurs matters for its set."""
    regions = [one for one in entry.get("entities") or () if isinstance(one, dict)]
    labels = [label for one in regions for label in one.get("labels") or () if isinstance(label, dict)]
    return tuple(Span(0, 1, str(label.get("category"))) for label in labels)


def _check(documents: Sequence[Mapping[str, Any]], categories: Sequence[str]) -> None:
    if len(documents) < MIN_DOCUMENTS:
        missing = MIN_DOCUMENTS - len(documents)
        raise LabelsError(
            f"The project would have {len(documents)} labelled documents; training needs at least {MIN_DOCUMENTS}. "
            f"Review {missing} more."
        )
    if len(categories) > MAX_CATEGORIES:
        raise LabelsError(f"The project would have {len(categories)} categories; the limit is {MAX_CATEGORIES}.")
    if not any(_categories(one) for one in documents if one["dataset"] == TRAIN):
        raise LabelsError("No document of the training set has a label, so there is nothing to learn.")
