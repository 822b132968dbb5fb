"""What the kinds of tasks have in common: parameters and names, the answer for one chunk, and the file of a result.

A task goes through four forms, and the module of its kind has them in this order: the parameters, what the service
found in one chunk (`Found`), that at its places in the document (`ChunkResult`), and the result (`ResultFile`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, NamedTuple, TypeVar

import msgspec

from .. import problems
from ..core.records import Chunk, DocumentFacts, JobFacts, Moment, Record, TextFacts
from ..errors import Warning
from ..text.offsets import text_records
from ..typed_data import converted, from_json

# --- Parameters ---


class ModelFacts(Record, frozen=True, kw_only=True):
    """Which model a result came from, and what it was asked."""

    api_version: str
    project: str | None = None
    deployment: str | None = None
    model_id: str | None = None
    kind: str | None = None
    """The kind of task; not there in results of custom entity recognition."""
    model_version: str | None = None
    """Of a prebuilt model, as the service names the one that answered."""
    parameters: dict[str, Any] | None = None
    """What else the task asked for."""

    def is_asked_like(self, other: "ModelFacts") -> bool:
        """Whether two results were asked for alike, whichever version of a prebuilt model answered."""
        unversioned = msgspec.structs.replace(self, model_version=None)
        return unversioned == msgspec.structs.replace(other, model_version=None)


class AnalysisTask(Record, frozen=True, kw_only=True, tag_field="kind"):
    """One kind of analysis with its parameters; the base of all kinds, which are told apart by `kind`."""

    given_name: str | None = msgspec.field(default=None, name="name")
    """Tells tasks apart that would write to the same file; None where the kind's own name will do."""

    default_name: ClassVar[str]
    """The task's name in requests and records, where none is given."""
    file_suffixes: ClassVar[tuple[str, ...]]
    """What the names of its files end with; the result itself comes first."""
    has_offsets: ClassVar[bool] = True
    """Whether the service counts offsets in what it finds."""
    parameters_since: ClassVar[Mapping[str, date]] = {}
    """The first version of the API that knows a parameter, for those that not every GA version knows."""

    @property
    def kind(self) -> str:
        """The kind, as the service spells it."""
        return str(self.__struct_config__.tag)

    @property
    def name(self) -> str:
        """The task's name in requests and records."""
        return self.given_name or self.default_name

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What the names of its files end with; the result itself comes first."""
        prefix = f".{self.given_name}" if self.given_name else ""
        return tuple(prefix + suffix for suffix in self.file_suffixes)

    @property
    def suffix(self) -> str:
        """What the name of its result ends with."""
        return self.suffixes[0]

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as a GA version spells them, without those that every task has."""
        own = {field.encode_name: getattr(self, field.name) for field in _own_fields(type(self))}
        # As JSON has them, lists and no tuples: they are compared with those of results that were read.
        given = {name: value for name, value in own.items() if value not in (None, ())}
        return dict(msgspec.json.decode(msgspec.json.encode(given)))

    def as_task(self, string_index_type: str) -> dict[str, Any]:
        """Return the task of a request to a GA version of the API."""
        parameters = self.parameters()
        if self.has_offsets:
            # The default differs by version and is not what any programming language counts in: always sent.
            parameters["stringIndexType"] = string_index_type
        # Otherwise the service keeps the texts for 48 hours (SDK documentation, 5.4.0).
        parameters["loggingOptOut"] = True
        return {"kind": self.kind, "taskName": self.name, "parameters": parameters}

    def text_suffixes(self, result: "ResultFile") -> tuple[str, ...]:
        """Return what the names of the texts end with that stand beside a result."""
        return ()

    def needs_text(self, chunk_count: int) -> bool:
        """Whether the result of a document of so many chunks is made with its text."""
        return False

    def unknown_parameters(self, released: date) -> list[str]:
        """Return the parameters given that a version of the API of that date does not know."""
        return [name for name in self.parameters() if self.parameters_since.get(name, date.min) > released]


@cache
def _own_fields(kind: type[AnalysisTask]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return tuple(field for field in msgspec.structs.fields(kind) if field.name != "given_name")


class ProjectTask(AnalysisTask, frozen=True, kw_only=True):
    """A task of one deployed model: project and deployment, or for the API of 2021 a model id."""

    project: str | None = None
    deployment: str | None = None
    model_id: str | None = None

    preview_list: ClassVar[str]
    """The list of a request to `v3.1-preview.ct.1` that it belongs into."""
    names_kind: ClassVar[bool] = True
    """Whether its results name the kind of the task."""

    @property
    def model(self) -> str:
        """The model that is asked: task kind, project and deployment. Health is kept by it."""
        return f"{self.kind}/{self.model_id or f'{self.project}/{self.deployment}'}"

    def facts(self, api_version: str) -> ModelFacts:
        """Return the `model` part of a result."""
        return ModelFacts(
            api_version=api_version,
            project=self.project,
            deployment=self.deployment,
            model_id=self.model_id,
            kind=self.kind if self.names_kind else None,
        )

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as a GA version spells them, without those that every task has."""
        return {"projectName": self.project, "deploymentName": self.deployment}

    def as_preview_task(self, string_index_type: str, *, is_named: bool) -> tuple[str, dict[str, Any]]:
        """Return the list that the task belongs into and the task, for `v3.1-preview.ct.1`."""
        if self.model_id:
            model = {"modelId": self.model_id}
        else:
            model = {"project-name": self.project or "", "deployment-name": self.deployment or ""}
        unit = {"stringIndexType": string_index_type} if self.has_offsets else {}
        name = {"taskName": self.name} if is_named else {}
        return self.preview_list, {**name, "parameters": {**model, **unit}}


class PrebuiltTask(AnalysisTask, frozen=True, kw_only=True):
    """A task of a model of the service's own."""

    model_version: str | None = None
    """The version of the model; None for the latest."""

    @property
    def model(self) -> str:
        """The model that is asked: task kind and version. Health is kept by it."""
        return f"{self.kind}/{self.model_version or 'latest'}"

    def facts(self, api_version: str) -> ModelFacts:
        """Return the `model` part of a result, without the version that will answer."""
        return ModelFacts(api_version=api_version, kind=self.kind, parameters=self.parameters() or None)


# --- The answer for one chunk ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the service found in one chunk; the base of what each kind finds."""

    warnings: tuple[Warning, ...] = ()
    """What the service warned of, and what of its answer is left out because it can not be read."""
    detected_language: str | None = None
    """The language that the service detected, where it was asked to."""
    model_version: str | None = None
    """The version of a prebuilt model."""

    def common(self, *warnings: Warning) -> dict[str, Any]:
        """Return these fields, with more warnings, for what a kind finds."""
        return {
            "warnings": (*self.warnings, *warnings),
            "detected_language": self.detected_language,
            "model_version": self.model_version,
        }


T = TypeVar("T")


def expect(value: object, kind: type[T]) -> T:
    """Return a value that belongs to the kind of a task; raise `TypeError` where somebody has mixed kinds up."""
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} is no {kind.__name__}")
    return value


MAX_UNREADABLE = 100
"""Parts of one document's answer that get a warning each for being left out; the rest are counted."""


class Noun(NamedTuple):
    """What a list of an answer has: one of them, and many."""

    one: str
    many: str


W = TypeVar("W", bound=msgspec.Struct)


def readable(listed: list[Any], wire: type[W], noun: Noun) -> tuple[list[W], tuple[Warning, ...]]:
    """Return the items of a list that can be read as `wire`, and warnings that name the fault of each other one."""
    try:
        return converted(listed, list[wire]), ()  # type: ignore[valid-type]
    except msgspec.ValidationError:
        return _one_by_one(listed, wire, noun)


def _one_by_one(listed: list[Any], wire: type[W], noun: Noun) -> tuple[list[W], tuple[Warning, ...]]:
    items: list[W] = []
    unreadable: list[Warning] = []
    for number, item in enumerate(listed, 1):
        try:
            items.append(converted(item, wire))
        except msgspec.ValidationError:
            part = _fault_in(item, wire)
            warning = problems.ENTITY_UNREADABLE.warning(noun=noun.one, number=number, count=len(listed), part=part)
            unreadable.append(warning)
    if len(unreadable) > MAX_UNREADABLE:
        more = len(unreadable) - MAX_UNREADABLE
        unreadable[MAX_UNREADABLE:] = [problems.ENTITIES_UNREADABLE.warning(count=more, noun=noun.many)]
    return items, tuple(unreadable)


def _fault_in(item: Any, wire: type[msgspec.Struct]) -> str:
    if not isinstance(item, dict):
        return "it is no object and"
    for field in msgspec.structs.fields(wire):
        try:
            if field.required or field.encode_name in item:
                converted(item.get(field.encode_name), field.type)
        except msgspec.ValidationError:
            return f"its field {field.encode_name!r}"
    return "it"


# --- One chunk in its document ---


class ChunkResult(Record, frozen=True, kw_only=True):
    """What one chunk contributes to a result of its document, in the document's coordinates; the base of all kinds."""

    index: int
    warnings: tuple[Warning, ...]
    text_records: int
    job: JobFacts
    characters: int = 0
    """How many code points of the document it owns: what it found counts with that weight."""
    detected_language: str | None = None
    model_version: str | None = None


def of_chunk(chunk: Chunk, text: str, found: Found, job: JobFacts) -> dict[str, Any]:
    """Return the fields that the results of all kinds for a chunk have."""
    return {
        "index": chunk.index,
        "warnings": found.warnings,
        "text_records": text_records(text),
        "job": job,
        "characters": chunk.own_end - chunk.own_start,
        "detected_language": found.detected_language,
        "model_version": found.model_version,
    }


PlaceFields = dict[str, str | int | float]

Places = Callable[[int], Mapping[str, str | int | float] | None]
"""Tells where a position in a text stands in the file that it was extracted from; None where nobody knows."""


def nowhere(position: int) -> None:
    """Know no place: the text is the document itself."""


# --- The result ---


class ResultFile(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The file of a result: what was found in a document, and where that came from; the base of all kinds."""

    document: DocumentFacts
    model: ModelFacts
    jobs: tuple[JobFacts, ...]
    text_records: int
    warnings: tuple[Warning, ...]
    review: bool
    """Whether a person should check the result: `warnings` says what is in doubt about how the document was read, and
    what was found with too little confidence has a `review` of its own."""
    completed_date_time: Moment
    text: TextFacts | msgspec.UnsetType = msgspec.UNSET
    """Which text the offsets count in; not there in results of earlier versions, which read plain text only."""
    carried_over: bool | msgspec.UnsetType = msgspec.UNSET
    """True, or not there. Whether an earlier version of the document had the same content, whose result this is:
    `jobs` and `completedDateTime` are those of that version, and nothing was submitted for this one."""
    detected_language: str | msgspec.UnsetType = msgspec.UNSET
    """The language that the service detected, of most of the text; not there where it was not asked to."""

    @property
    def found_count(self) -> int:
        """How many entities, classes or key phrases it has."""
        raise NotImplementedError

    def counts_in(self, unit: str) -> bool:
        """Whether its offsets count in a string index type; what has no offsets counts in each."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFacts:
    """What goes into the result of a task beside what was found."""

    document: DocumentFacts
    text: TextFacts
    reading: Sequence[Warning]
    """About how the document was read."""
    model: ModelFacts
    unit: str
    """The string index type of the offsets."""
    now: datetime
    review_below: float | None = None
    """What was found with less confidence is marked for review."""
    overlaps: str = "keep"
    """Which of two entities at the same characters is given; see `entities.OVERLAPS`."""


class Output(NamedTuple):
    """A file of a task's result: what its name ends with, and a record or a text."""

    suffix: str
    content: ResultFile | str


C = TypeVar("C", bound=ChunkResult)


def in_order(chunks: Iterable[C]) -> list[C]:
    """Return the results of chunks in the order of the document."""
    return sorted(chunks, key=lambda chunk: chunk.index)


def of_result(facts: ResultFacts, chunks: Sequence[ChunkResult], *, is_doubtful: bool) -> dict[str, Any]:
    """Return the fields that the results of all kinds have; `chunks` are all of the document's, in order.

    `is_doubtful` says whether anything was found with too little confidence.
    """
    found = tuple(warning for chunk in chunks for warning in chunk.warnings)
    versions = tuple(dict.fromkeys(chunk.model_version for chunk in chunks if chunk.model_version))
    language = _most_detected(chunks)
    return {
        "document": facts.document,
        "text": facts.text,
        "model": msgspec.structs.replace(facts.model, model_version=", ".join(versions) or None),
        "jobs": tuple(dict.fromkeys(chunk.job for chunk in chunks)),
        "text_records": sum(chunk.text_records for chunk in chunks),
        "warnings": (*facts.reading, *found),
        "review": is_doubtful or any(map(problems.needs_review, facts.reading)),
        "completed_date_time": facts.now,
        **({"detected_language": language} if language else {}),
    }


def _most_detected(chunks: Iterable[ChunkResult]) -> str | None:
    """Return the language that was detected in most of the text."""
    weights: dict[str, int] = {}
    for chunk in chunks:
        if chunk.detected_language:
            weights[chunk.detected_language] = weights.get(chunk.detected_language, 0) + chunk.characters
    return max(weights, key=lambda language: weights[language], default=None)


R = TypeVar("R", bound=ResultFile)


def decoded_result(data: bytes, kind: type[R]) -> R | None:
    """Return the result in the content of its blob; None where it is not one of this version of the app."""
    try:
        return from_json(data, kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def carried_over(result: R, document: DocumentFacts, model: ModelFacts, unit: str) -> R | None:
    """Return an earlier version's result for a version with the same content; None where the work is not the same.

    The same work is the same model, asked the same way, about the same text: how the content is read may have changed
    with a newer version of the app.
    """
    was = result.document
    is_same = (
        result.model.is_asked_like(model)
        and result.counts_in(unit)
        and was.name == document.name
        and (was.language, was.encoding, was.characters) == (document.language, document.encoding, document.characters)
    )
    return msgspec.structs.replace(result, document=document, carried_over=True) if is_same else None
