"""Labels files of the Language service: what Language Studio and the authoring API export and import.

Two forms are read and written: `2022-05-01`, and the one of 2021 with `entityNames`, which gives categories by their
number. Neither has the documents' texts (page "data formats" of custom NER, copies of 2021 to 2025).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..text.offsets import CODE_POINT, TEXT_ELEMENT, UTF16, Ruler, length
from ..typed_data import converted
from .json_input import decoded
from .values import Document, Kind, Labels, LabelsError, LeftOut, Project, Reason, Span

UNITS = (UTF16, CODE_POINT, TEXT_ELEMENT)
DEFAULT_LANGUAGE = "en-us"


class _Category(msgspec.Struct):
    category: str


class _Label(msgspec.Struct):
    offset: int | None = None
    length: int | None = None
    category: str | None = None
    # The form of 2021: a number of the list `entityNames`.
    entity: int | None = None
    start: int | None = None


class _Region(msgspec.Struct):
    labels: list[_Label] | None = None


class _Document(msgspec.Struct):
    location: str
    language: str | None = None
    culture: str | None = None
    dataset: str | None = None
    entities: list[_Region] | None = None
    one_class: _Category | None = msgspec.field(default=None, name="class")
    classes: list[_Category] | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    project_kind: str | None = None
    project_name: str | None = None
    storage_input_container_name: str | None = None
    language: str | None = None
    multilingual: bool | None = None
    description: str | None = None
    settings: dict[str, Any] | None = None


class _Assets(msgspec.Struct, rename="camel"):
    documents: list[_Document]
    project_kind: str | None = None
    entities: list[_Category] | None = None
    classes: list[_Category] | None = None
    entity_names: list[str] | None = None


class _File(msgspec.Struct, rename="camel"):
    assets: _Assets
    string_index_type: str | None = None
    metadata: _Metadata | None = None


def is_form_of_2021(content: bytes) -> bool:
    """Whether a labels file has the form of 2021. Raises `LabelsError` where it is no JSON object."""
    return "assets" not in decoded(content, dict[str, Any], "a labels file")


def read(content: bytes, texts: Mapping[str, str], unit: str | None = None) -> Labels:
    """Read a labels file of either form; `texts` are the documents' texts by the names that the file gives them.

    `unit` is what offsets count where the file does not say so itself; without it UTF-16 code units, as the service.
    Raises `LabelsError`.
    """
    if is_form_of_2021(content):
        file = _File(decoded(content, _Assets, "a labels file of the form of 2021"))
    else:
        file = decoded(content, _File, "a labels file of the Language service")
    file_unit = file.string_index_type or unit or UTF16
    if file_unit not in UNITS:
        raise LabelsError(f"'stringIndexType' is '{file_unit}'; the units that are known are {', '.join(UNITS)}.")
    metadata, assets = file.metadata or _Metadata(), file.assets
    kind = _kind_of(metadata, assets)
    categories = _categories_of(kind, assets)
    left_out: list[LeftOut] = []
    documents = []
    for entry in assets.documents:
        text = texts.get(entry.location)
        if text is None:
            left_out.append(LeftOut(entry.location, Reason.NO_TEXT))
        else:
            documents.append(_document(entry, text, kind, categories, file_unit, left_out))
    return Labels(kind, categories, tuple(documents), _project(metadata), tuple(left_out))


def locations(content: bytes) -> list[str]:
    """Return the names of the documents that a labels file of either form names, in its order. Raises `LabelsError`."""
    given = decoded(content, dict[str, Any], "a labels file")
    assets = given.get("assets", given)
    try:
        return [entry.location for entry in converted(assets, _Assets).documents]
    except msgspec.ValidationError as error:
        raise LabelsError(f"This is not a labels file of the Language service: {error}.") from None


def unit_of(content: bytes) -> str:
    """Return what the offsets of a labels file count. Raises `LabelsError`."""
    unit = decoded(content, dict[str, Any], "a labels file").get("stringIndexType")
    return unit if unit in UNITS else UTF16


def write(labels: Labels, unit: str = UTF16) -> bytes:
    """Write the form `2022-05-01`; the service takes it with UTF-16 code units only."""
    entries = (written(document, labels.kind, unit) for document in labels.documents)
    return b"".join(_form_of_2022(entries, lambda: labels.categories, labels.kind, labels.project, unit))


def stream(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    """Yield the form `2022-05-01` of entities document by document; its categories stand behind the documents."""
    categories: dict[str, None] = {}

    def entries() -> Iterator[dict[str, Any]]:
        for document in documents:
            categories.update(dict.fromkeys(span.category for span in sorted(document.spans)))
            yield written(document, Kind.ENTITIES, UTF16)

    return _form_of_2022(entries(), lambda: categories, Kind.ENTITIES, project, UTF16)


def _form_of_2022(
    entries: Iterator[dict[str, Any]],
    categories: Callable[[], Iterable[str]],
    kind: Kind,
    project: Project,
    unit: str,
) -> Iterator[bytes]:
    """Yield a labels file; `categories` is asked when all entries were written."""
    settings = {} if project.confidence_threshold is None else {"confidenceThreshold": project.confidence_threshold}
    head = {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": unit,
        "metadata": {
            "projectKind": kind.value,
            "storageInputContainerName": project.container,
            "projectName": project.name,
            "multilingual": project.is_multilingual,
            "description": project.description,
            "language": project.language or DEFAULT_LANGUAGE,
            "settings": settings,
        },
    }
    yield msgspec.json.encode(head)[:-1] + b',"assets":{"projectKind":' + msgspec.json.encode(kind.value)
    yield from _list_of(b',"documents":', entries)
    name = b"entities" if kind is Kind.ENTITIES else b"classes"
    yield from _list_of(b',"' + name + b'":', ({"category": category} for category in categories()))
    yield b"}}\n"


def write_2021(labels: Labels, unit: str = UTF16) -> bytes:
    """Write the form of 2021, which has entities only. Raises `LabelsError` for classes."""
    if labels.kind is not Kind.ENTITIES:
        raise LabelsError("The form of 2021 has entities only; write classes as 'language-studio'.")
    return b"".join(_form_of_2021(labels.documents, labels.project, unit, labels.categories))


def stream_2021(documents: Iterable[Document], project: Project) -> Iterator[bytes]:
    """Yield the form of 2021 document by document; its list of categories stands behind the documents."""
    return _form_of_2021(documents, project, UTF16, ())


def _form_of_2021(
    documents: Iterable[Document], project: Project, unit: str, categories: Sequence[str]
) -> Iterator[bytes]:
    number = {category: n for n, category in enumerate(categories)}
    yield b"{"
    entries = (_written_in_2021(document, project, unit, number) for document in documents)
    yield from _list_of(b'"documents":', entries)
    yield from _list_of(b',"entityNames":', iter(number))
    yield b"}\n"


def _written_in_2021(document: Document, project: Project, unit: str, number: dict[str, int]) -> dict[str, Any]:
    """Return the entry of a document; categories that have no number yet get the next ones."""
    ruler = Ruler(document.text, unit)
    found = [
        {
            "entity": number.setdefault(span.category, len(number)),
            "start": ruler.to_unit(span.start),
            "length": ruler.to_unit(span.end) - ruler.to_unit(span.start),
        }
        for span in sorted(document.spans)
    ]
    entry: dict[str, Any] = {"location": document.name}
    entry["culture"] = document.language or project.language or DEFAULT_LANGUAGE
    if document.dataset:
        entry["dataset"] = document.dataset
    region = {"regionStart": 0, "regionLength": length(document.text, unit), "labels": found}
    return entry | {"entities": [region]}


def _list_of(name: bytes, entries: Iterable[Any]) -> Iterator[bytes]:
    """Yield a member that is a list, an entry a line."""
    yield name + b"["
    for number, entry in enumerate(entries):
        yield (b",\n" if number else b"\n") + msgspec.json.encode(entry)
    yield b"\n]"


def written(document: Document, kind: Kind, unit: str) -> dict[str, Any]:
    """Return the entry of a document in the form `2022-05-01`."""
    entry: dict[str, Any] = {"location": document.name, "language": document.language or DEFAULT_LANGUAGE}
    if document.dataset:
        entry["dataset"] = document.dataset
    if kind is Kind.SINGLE_LABEL:
        if document.classes:
            entry["class"] = {"category": document.classes[0]}
        return entry
    if kind is Kind.MULTI_LABEL:
        return entry | {"classes": [{"category": category} for category in document.classes]}
    ruler = Ruler(document.text, unit)
    found = [
        {
            "category": span.category,
            "offset": ruler.to_unit(span.start),
            "length": ruler.to_unit(span.end) - ruler.to_unit(span.start),
        }
        for span in sorted(document.spans)
    ]
    region = {"regionOffset": 0, "regionLength": length(document.text, unit), "labels": found}
    return entry | {"entities": [region]}


def _project(metadata: _Metadata) -> Project:
    threshold = (metadata.settings or {}).get("confidenceThreshold")
    return Project(
        metadata.project_name or "",
        metadata.storage_input_container_name or "",
        metadata.language or "",
        metadata.description or "",
        bool(metadata.multilingual),
        float(threshold) if isinstance(threshold, int | float) else None,
    )


def _kind_of(metadata: _Metadata, assets: _Assets) -> Kind:
    # The service compares without case and refuses a file that says two kinds; some files have the kind in one place
    # only (Azure documentation issues 93664, 96412).
    stated = {kind.casefold(): kind for kind in (metadata.project_kind, assets.project_kind) if kind}
    if len(stated) > 1:
        raise LabelsError(
            f"The metadata and the assets state two kinds of project, {' and '.join(stated.values())}; make them equal."
        )
    for kind in Kind:
        if kind.value.casefold() in stated:
            return kind
    if stated:
        raise LabelsError(
            f"The project is of kind {next(iter(stated.values()))}; labels can be read of the kinds "
            f"{', '.join(kind.value for kind in Kind)}."
        )
    return Kind.ENTITIES


def _categories_of(kind: Kind, assets: _Assets) -> tuple[str, ...]:
    if assets.entity_names is not None:
        return tuple(assets.entity_names)
    listed = assets.entities if kind is Kind.ENTITIES else assets.classes
    return tuple(dict.fromkeys(entry.category for entry in listed or ()))


def _document(
    entry: _Document, text: str, kind: Kind, categories: Sequence[str], unit: str, left_out: list[LeftOut]
) -> Document:
    common = (entry.language or entry.culture or "", entry.dataset or "")
    if kind is not Kind.ENTITIES:
        stated = [entry.one_class] if entry.one_class else entry.classes or []
        return Document(entry.location, text, (), tuple(one.category for one in stated), *common)
    ruler = Ruler(text, unit)
    spans = []
    for category, offset, size in _labels_of(entry, categories):
        start = None if offset is None else ruler.to_code_point(offset)
        end = None if offset is None or size is None else ruler.to_code_point(offset + size)
        if category is None:
            left_out.append(LeftOut(entry.location, Reason.CATEGORY, "", offset, size))
        elif start is None or end is None or end <= start:
            left_out.append(LeftOut(entry.location, Reason.OFFSETS, category, offset, size))
        else:
            spans.append(Span(start, end, category))
    return Document(entry.location, text, tuple(sorted(spans)), (), *common)


def _labels_of(entry: _Document, categories: Sequence[str]) -> Iterator[tuple[str | None, int | None, int | None]]:
    """Yield category, offset and length of each label; positions count from the start of the file in both forms."""
    for region in entry.entities or ():
        for label in region.labels or ():
            if label.entity is not None:
                known = 0 <= label.entity < len(categories)
                yield categories[label.entity] if known else None, label.start, label.length
            else:
                yield label.category, label.offset, label.length
