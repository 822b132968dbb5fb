"""Reads a labels file of Language Studio without the texts of its documents: what people gave which document.

Two forms are read: that of today (`projectFileVersion` 2022-05-01 and later) and that of 2021 with `entityNames`.
Offsets count UTF-16 code units from the start of the file (docs/language-api.md, section 7).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..core.scoring import Span
from .json_input import decoded
from .values import LabelsError


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """What a labels file says of one document."""

    location: str
    """The document's name in the container of the project."""
    spans: tuple[Span, ...]
    """Entities by UTF-16 code units, or classes."""
    dataset: str = ""
    """`Train` or `Test`; empty where the file does not say."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A labels file."""

    is_classification: bool
    documents: tuple[LabelledDocument, ...]
    left_out: int
    """Labels and documents that can not be read."""


def read_labels(data: bytes) -> Labels:
    """Return what a labels file says. Raises `LabelsError`."""
    content = decoded(data, dict[str, Any], "a labels file")
    # The form of 2021 has its lists at the top level.
    assets, metadata = content.get("assets", content), content.get("metadata", {})
    if not isinstance(assets, dict) or not isinstance(assets.get("documents"), list):
        raise LabelsError("This is not a labels file: it has no list of 'documents'.")
    kind = str(assets.get("projectKind") or (metadata.get("projectKind") if isinstance(metadata, dict) else ""))
    is_classification = "classification" in kind.lower()
    names = [str(name) for name in assets["entityNames"]] if isinstance(assets.get("entityNames"), list) else None
    documents: list[LabelledDocument] = []
    left_out = 0
    for entry in assets["documents"]:
        location = entry.get("location") if isinstance(entry, dict) else None
        if not isinstance(location, str) or not location:
            left_out += 1
            continue
        spans = [*(_classes(entry) if is_classification else _entities(entry, names))]
        usable = tuple(span for span in spans if span)
        left_out += len(spans) - len(usable)
        documents.append(LabelledDocument(location, usable, str(entry.get("dataset") or "")))
    if not documents:
        raise LabelsError("The labels file names no documents.")
    return Labels(is_classification, tuple(documents), left_out)


def _classes(entry: dict[str, Any]) -> Iterator[Span | None]:
    stated = entry.get("class", entry.get("classes", []))
    for item in stated if isinstance(stated, list) else [stated]:
        category = item.get("category") if isinstance(item, dict) else item
        yield Span(category, 0, 0) if isinstance(category, str) else None


def _entities(entry: dict[str, Any], names: list[str] | None) -> Iterator[Span | None]:
    for region in _objects(entry.get("entities")):
        for label in _objects(region.get("labels")):
            if names is None:
                yield _span(label.get("category"), label.get("offset"), label.get("length"))
            else:
                number = label.get("entity")
                name = names[number] if isinstance(number, int) and 0 <= number < len(names) else None
                yield _span(name, label.get("start"), label.get("length"))


def _span(category: object, offset: object, length: object) -> Span | None:
    if isinstance(category, str) and isinstance(offset, int) and isinstance(length, int) and offset >= 0 < length:
        return Span(category, offset, length)
    return None


def _objects(value: object) -> Iterable[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
