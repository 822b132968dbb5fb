"""Read a Language Studio labels file and the documents it names (docs/language-api.md 7).

Two forms are read: the export format ``2022-05-01``, whose offsets are UTF-16 code units from the start of the file,
and the form of 2021 with ``entityNames``. A label that cannot be used is left out and named as a ``Problem``.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from local.stand_in.text_units import code_points_from_utf16


class ProjectKind(Enum):
    """What a labels file teaches; the value is ``metadata.projectKind``, which is also the kind of the task."""

    ENTITIES = "CustomEntityRecognition"
    SINGLE_LABEL = "CustomSingleLabelClassification"
    MULTI_LABEL = "CustomMultiLabelClassification"


class LabelsFileError(ValueError):
    """The labels file cannot be used at all; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class EntityLabel:
    """One labelled entity; offset and length count code points of the document's text."""

    category: str
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The code point index after the entity."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """One document with what its labels say: entities sorted by offset, or class names."""

    location: str
    text: str
    entities: tuple[EntityLabel, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A label or document that could not be taken as it is; the offset is the file's, ``None`` for a whole document."""

    location: str
    offset: int | None
    reason: str
    #: What was done with it.
    done: str = "left out"

    def __str__(self) -> str:
        where = self.location if self.offset is None else f"{self.location}, offset {self.offset}"
        return f"{where}: {self.reason}; {self.done}."


@dataclass(frozen=True, slots=True)
class LabelsFile:
    """A labels file with the text of its documents."""

    kind: ProjectKind
    project_name: str | None
    language: str
    categories: tuple[str, ...]
    documents: tuple[LabelledDocument, ...]
    problems: tuple[Problem, ...] = ()


def load_labels(labels_path: Path, documents_folder: Path) -> LabelsFile:
    """Read the labels file at ``labels_path`` and its documents from ``documents_folder``.

    Raises ``LabelsFileError`` if the file is not a labels file or none of its documents can be read.
    """
    content = _read_json(labels_path)
    labels = read_labels(content, labels_path, partial(_read_document, documents_folder))
    if not labels.documents:
        raise LabelsFileError(
            f"None of the {len(labels.problems)} documents of '{labels_path}' could be read from "
            f"'{documents_folder}', so there is nothing to learn from. Pass their folder with --documents."
        )
    return labels


def read_labels(content: dict[str, Any], name: object, read_document: Callable[[str], str]) -> LabelsFile:
    """Read the content of a labels file called ``name``; ``read_document`` gives the text of a document.

    A document for which ``read_document`` raises ``OSError`` or ``ValueError`` is left out and named as a problem.
    Raises ``LabelsFileError`` if it is not the content of a labels file.
    """
    source = _source_of(content, name)
    documents: list[LabelledDocument] = []
    problems: list[Problem] = []
    for entry in source.documents:
        location = str(entry.get("location", ""))
        try:
            text = read_document(location)
        except (OSError, ValueError) as exc:
            problems.append(Problem(location or "(no location)", None, f"the document cannot be read ({exc})"))
            continue
        document, left_out = _labelled(source, entry, location, text)
        documents.append(document)
        problems.extend(left_out)
    return LabelsFile(
        source.kind, source.project_name, source.language, source.categories, tuple(documents), tuple(problems)
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """The parts of a labels file that both forms have."""

    kind: ProjectKind
    project_name: str | None
    language: str
    categories: tuple[str, ...]
    documents: tuple[dict[str, Any], ...]
    form_2021: bool


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as exc:
        raise LabelsFileError(f"The labels file '{path}' cannot be read ({exc.strerror}).") from exc
    except ValueError as exc:
        raise LabelsFileError(f"The labels file '{path}' is not JSON ({exc}).") from exc
    if not isinstance(content, dict):
        raise LabelsFileError(f"The labels file '{path}' holds a {type(content).__name__}, not an object.")
    return content


def _source_of(content: dict[str, Any], path: object) -> _Source:
    # The form of 2021 has its lists at the top level; the later one keeps them under ``assets``.
    assets = content.get("assets", content)
    metadata = content.get("metadata", {})
    if not isinstance(assets, dict) or not isinstance(metadata, dict):
        raise LabelsFileError(f"'{path}' is not a labels file: 'assets' and 'metadata' must be objects.")
    kind = _kind(assets, metadata, path)
    documents = assets.get("documents")
    if not isinstance(documents, list) or not all(isinstance(entry, dict) for entry in documents):
        raise LabelsFileError(f"'{path}' is not a labels file: it has no list of 'documents'.")
    names = assets.get("entityNames")
    if names is None:
        listed = assets.get("entities" if kind is ProjectKind.ENTITIES else "classes", [])
        names = [entry.get("category") for entry in listed if isinstance(entry, dict)]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise LabelsFileError(f"'{path}' names no categories, so there is nothing to learn.")
    project = metadata.get("projectName") or content.get("projectName") or content.get("name")
    return _Source(
        kind=kind,
        project_name=str(project) if project else None,
        language=str(metadata.get("language") or content.get("culture") or "en-us"),
        categories=tuple(dict.fromkeys(names)) if "entityNames" not in assets else tuple(names),
        documents=tuple(documents),
        form_2021="entityNames" in assets,
    )


def _kind(assets: dict[str, Any], metadata: dict[str, Any], path: object) -> ProjectKind:
    # Some exports carry the kind in both places and some only in the metadata; both must be read
    # (docs/language-api.md 7).
    stated = {str(part["projectKind"]) for part in (metadata, assets) if part.get("projectKind")}
    if len({kind.lower() for kind in stated}) > 1:
        raise LabelsFileError(
            f"'{path}' states two kinds of project, {sorted(stated)}; "
            "the project kind in the metadata must match the assets' project kind."
        )
    for kind in ProjectKind:
        if kind.value.lower() in {value.lower() for value in stated}:
            return kind
    if stated:
        raise LabelsFileError(
            f"'{path}' is a project of kind {sorted(stated)}; the stand-in learns {[k.value for k in ProjectKind]}."
        )
    return ProjectKind.ENTITIES


def _read_document(folder: Path, location: str) -> str:
    if not location:
        raise ValueError("the labels file gives no location")
    path = (folder / location).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("its location lies outside the documents folder")
    # newline="" keeps line ends as they are: offsets count them. A byte-order mark is not part of the text.
    with path.open(encoding="utf-8-sig", newline="") as file:
        return file.read()


def _labelled(
    source: _Source, entry: dict[str, Any], location: str, text: str
) -> tuple[LabelledDocument, list[Problem]]:
    if source.kind is ProjectKind.ENTITIES:
        entities, problems = _entities(source, entry, location, text)
        return LabelledDocument(location, text, entities=entities), problems
    classes, problems = _classes(source, entry, location)
    return LabelledDocument(location, text, classes=classes), problems


def _classes(source: _Source, entry: dict[str, Any], location: str) -> tuple[tuple[str, ...], list[Problem]]:
    stated = entry.get("class", entry.get("classes", []))
    listed = stated if isinstance(stated, list) else [stated]
    names = [item.get("category") if isinstance(item, dict) else item for item in listed]
    known = [name for name in names if name in source.categories]
    problems = [
        Problem(location, None, f"class {name!r} is not one of the file's classes")
        for name in names
        if name not in known
    ]
    if source.kind is ProjectKind.SINGLE_LABEL and len(known) > 1:
        problems.append(Problem(location, None, f"a single-label project cannot give a document {len(known)} classes"))
        known = []
    return tuple(known), problems


def _entities(
    source: _Source, entry: dict[str, Any], location: str, text: str
) -> tuple[tuple[EntityLabel, ...], list[Problem]]:
    to_code_point = code_points_from_utf16(text)
    usable: list[tuple[EntityLabel, int]] = []
    problems: list[Problem] = []
    for category, offset, length in _raw_labels(source, entry):
        start = to_code_point(offset) if isinstance(offset, int) else None
        end = to_code_point(offset + length) if isinstance(offset, int) and isinstance(length, int) else None
        if category not in source.categories:
            problems.append(Problem(location, offset, f"category {category!r} is not one of the file's categories"))
        elif start is None or end is None or end <= start:
            size = to_code_point_limit(text)
            problems.append(
                Problem(location, offset, f"a length of {length} does not fit a text of {size} UTF-16 units")
            )
        else:
            start, end = _trimmed(text, start, end)
            if start == end:
                problems.append(Problem(location, offset, "the label covers only white space"))
            else:
                usable.append((EntityLabel(category, start, end - start), offset))
    return _without_overlaps(usable, location, problems)


def to_code_point_limit(text: str) -> int:
    """Count the UTF-16 units of ``text``, the largest offset a label may end at."""
    return len(text) + sum(char > "\uffff" for char in text)


def _raw_labels(source: _Source, entry: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (category, offset, length) of every label of a document, as the file gives them."""
    for region in _objects(entry.get("entities")):
        for label in _objects(region.get("labels")):
            if source.form_2021:
                index = label.get("entity")
                if isinstance(index, int) and 0 <= index < len(source.categories):
                    index = source.categories[index]
                yield index, label.get("start"), label.get("length")
            else:
                yield label.get("category"), label.get("offset"), label.get("length")


def _objects(value: Any) -> Iterable[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave white space at either end out of a label: people drag a little too far."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _without_overlaps(
    labels: list[tuple[EntityLabel, int]], location: str, problems: list[Problem]
) -> tuple[tuple[EntityLabel, ...], list[Problem]]:
    kept: list[EntityLabel] = []
    for label, offset in sorted(labels, key=lambda pair: (pair[0].offset, -pair[0].length)):
        if kept and label == kept[-1]:
            continue
        if kept and label.offset < kept[-1].end:
            problems.append(
                Problem(location, offset, f"'{label.category}' overlaps the label '{kept[-1].category}' before it")
            )
        else:
            kept.append(label)
    return tuple(kept), problems
