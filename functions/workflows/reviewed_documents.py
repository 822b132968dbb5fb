"""Reads what people corrected: the one place that knows where corrections lie and which of them may be learnt from.

A document counts as reviewed if its corrections say so, belong to its newest version and to the text and the answer
that lie there now. On request versions that were replaced count as well, each as a document of its own: with the text
and the answer that were kept when they were reviewed. Everything else is left out, with the reason. Nothing is written
here.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ..core.decisions import (
    ANSWER_SHA256,
    CORRECTIONS_SUFFIX,
    CorrectedDocument,
    Corrections,
    ReviewStatus,
    decode_corrections,
    standing,
)
from ..core.names import is_shortened, version_name
from ..core.records import moment
from ..core.scoring import Span
from ..errors import Changed, Missing, RecordError, UnsafeName
from ..labels.values import Document
from ..labels.values import Span as Label
from ..storage.containers import Blob, BlobInfo
from ..storage.corrections_store import CHANGED, CORRECTIONS, CorrectionsStore, kept_folder, kept_name
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..tasks.custom_entities import EntitiesResult
from ..tasks.task import decoded_result
from .exporting import read_ahead
from .result_files import custom_entities, result_text


class NotLearnt(StrEnum):
    """Why a document with corrections is not among the labels."""

    OPEN = "its review is not finished"
    SKIPPED = "it was skipped"
    FLAGGED = "it was flagged"
    UNREADABLE = "its corrections file can not be read"
    REPLACED = "the document was replaced since its review"
    ANALYSED_AGAIN = "it was analysed again since its review, and not everything in it was decided"
    NO_RESULT = "its result is gone"
    NO_ANSWER = "the model's answer that was reviewed was not kept"
    NO_TEXT = "its text is gone"
    OTHER_TEXT = "its text is not the one that was reviewed"
    MISFITS = "decisions do not fit its text"


_BY_STATUS = {
    ReviewStatus.OPEN: NotLearnt.OPEN,
    ReviewStatus.SKIPPED: NotLearnt.SKIPPED,
    ReviewStatus.FLAGGED: NotLearnt.FLAGGED,
}


class StoredCorrections(NamedTuple):
    """Corrections as they lie in the output container."""

    corrections: Corrections
    etag: str
    changed: datetime


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A document that may be learnt from."""

    document: Document
    """Its labels are in code points. Its name is that of the intake, that of a replaced version says which it is."""
    etag: str
    """Of the document's version."""
    changed: datetime
    """When its corrections were last written, by the storage's clock; for predictions, when its result was."""
    corrected: int = 0
    """Entities that were rejected, changed or added."""
    is_prediction: bool = False
    """Whether nobody has looked at it: it was asked for by name."""
    newest: str = ""
    """For a version that was replaced, the name of the document itself."""

    @property
    def name_in_intake(self) -> str:
        """The name of the document, whichever version this is."""
        return self.newest or self.document.name


@dataclass(frozen=True, slots=True)
class LeftOutDocument:
    """A document with corrections that may not be learnt from."""

    name: str
    reason: NotLearnt


Found = Reviewed | LeftOutDocument


@dataclass(slots=True)
class Collected:
    """What was found."""

    reviewed: list[Reviewed] = field(default_factory=list)
    left_out: list[LeftOutDocument] = field(default_factory=list)


class CorrectionsReader:
    """Reads corrections. `threads` read documents before their turn."""

    def __init__(
        self, documents: DocumentStore, records: RecordStore, store: CorrectionsStore, threads: Executor
    ) -> None:
        self._documents = documents
        self._records = records
        self._store = store
        self._threads = threads

    def read(self, name: str) -> StoredCorrections | None:
        """Return the corrections of a document, whatever their status; None where there are none.

        Raises `RecordError` where the file can not be read.
        """
        blob = self._store.read(name)
        if blob is None:
            return None
        return StoredCorrections(decode_corrections(blob.data), blob.info.etag, blob.info.last_modified)

    def files(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the corrections files of documents whose names begin with `prefix`, sorted by name.

        It lists the output container.
        """
        return (info for info in self._documents.list_results(prefix) if info.name.endswith(CORRECTIONS_SUFFIX))

    def documents(
        self, prefix: str = "", is_wanted: Callable[[str], bool] | None = None, *, with_replaced: bool = False
    ) -> Iterator[Found]:
        """Yield every document with corrections, sorted by the names of their files.

        `is_wanted` is asked for the name of each document, such as whether a filter of a list has it. `with_replaced`
        yields versions that were replaced since their review, too: after the others those that were put apart.
        """

        def look(info: BlobInfo) -> Found | None:
            return self._found(info, is_wanted, with_replaced)

        # Those that the app has yet to put apart; it may do so while they are read here.
        beside: set[str] = set()
        for found in read_ahead(self._threads, look, self.files(prefix)):
            if found:
                if isinstance(found, Reviewed) and found.newest:
                    beside.add(found.document.name)
                yield found
        if not with_replaced:
            return
        for found in read_ahead(self._threads, self._found_apart, self._store.files_apart(prefix)):
            if isinstance(found, LeftOutDocument) or (found and found.document.name not in beside):
                yield found

    def reviewed(self, name: str) -> Reviewed | NotLearnt | None:
        """Return a document with its reviewed labels, or why it may not be learnt from; None without corrections."""
        try:
            stored = self.read(name)
        except RecordError:
            return NotLearnt.UNREADABLE
        return self._learnt(name, stored.corrections, stored.changed) if stored else None

    def collect(self, prefix: str = "", *, with_replaced: bool = False) -> Collected:
        """Return all documents with corrections, as `documents` does. They are held in memory with their texts."""
        collected = Collected()
        for found in self.documents(prefix, with_replaced=with_replaced):
            if isinstance(found, Reviewed):
                collected.reviewed.append(found)
            else:
                collected.left_out.append(found)
        return collected

    def prediction(self, name: str) -> Reviewed | None:
        """Return a document with the model's own answer as its labels; None where it has none.

        Nobody has looked at them: only for documents that somebody asks for by name.
        """
        result, changed = self._result(name)
        text = result_text(self._documents, result) if result else None
        if result is None or text is None or changed is None:
            return None
        spans = standing(_none_decided(result), _spans(result), result.string_index_type, text).spans
        return Reviewed(_document(name, text, spans, result), result.document.etag, changed, is_prediction=True)

    def is_kept(self, one: Reviewed) -> bool:
        """Whether what was read of a document is there still; it may have been purged."""
        name = one.name_in_intake
        if one.is_prediction:
            return self._result(name)[0] is not None
        # The corrections of a version that is replaced move to its text.
        return self._store.read(name) is not None or self._store.kept(kept_name(name, one.etag)).text is not None

    def _found(self, info: BlobInfo, is_wanted: Callable[[str], bool] | None, with_replaced: bool) -> Found | None:
        name = info.name.removesuffix(CORRECTIONS_SUFFIX)
        if is_wanted and not is_shortened(info.name) and not is_wanted(name):
            return None
        try:
            blob = self._documents.read_result(info.name)
            corrections = decode_corrections(blob.data)
        except Missing:
            return None
        except (Changed, RecordError):
            return LeftOutDocument(name, NotLearnt.UNREADABLE)
        if is_shortened(info.name):
            name = corrections.document.name
            if is_wanted and not is_wanted(name):
                return None
        found = self._learnt(name, corrections, blob.info.last_modified)
        if found is NotLearnt.REPLACED and with_replaced:
            return self._version(kept_name(name, corrections.document.etag), name, corrections, blob)
        return LeftOutDocument(name, found) if isinstance(found, NotLearnt) else found

    def _found_apart(self, info: BlobInfo) -> Found | None:
        folder, _, file = info.name.rpartition("/")
        name = folder.removeprefix(CORRECTIONS)
        try:
            blob = self._store.read_apart(info.name)
            corrections = decode_corrections(blob.data)
        except Missing:
            return None
        except (Changed, RecordError):
            return LeftOutDocument(version_name(name, file.removesuffix(".json")), NotLearnt.UNREADABLE)
        # The longest names are shortened there.
        if kept_folder(corrections.document.name) == f"{folder}/":
            name = corrections.document.name
        return self._version(info.name, name, corrections, blob)

    def _version(self, file: str, name: str, corrections: Corrections, blob: Blob) -> Found:
        """Return a version that was replaced, whose corrections are those in `blob` and belong into `file`."""
        called = version_name(name, corrections.document.etag)
        if corrections.status is not ReviewStatus.REVIEWED:
            return LeftOutDocument(called, _BY_STATUS[corrections.status])
        kept = self._store.kept(file)
        result = decoded_result(kept.answer, EntitiesResult) if kept.answer else None
        if kept.text is None:
            return LeftOutDocument(called, NotLearnt.NO_TEXT)
        if kept.answer is None or not isinstance(result, EntitiesResult):
            return LeftOutDocument(called, NotLearnt.NO_ANSWER)
        # Whoever died after the answer was kept, and before the corrections were saved, has left those of another one.
        reviewed = blob.info.metadata.get(ANSWER_SHA256)
        found = _judged(
            _Version(name, kept.text.decode("utf-8", "surrogatepass"), result),
            corrections,
            moment(blob.info.metadata.get(CHANGED)) or blob.info.last_modified,
            is_other_answer=reviewed not in (None, hashlib.sha256(kept.answer).hexdigest()),
        )
        if isinstance(found, NotLearnt):
            return LeftOutDocument(called, found)
        return replace(found, document=replace(found.document, name=called), newest=name)

    def _learnt(self, name: str, corrections: Corrections, changed: datetime) -> Reviewed | NotLearnt:
        if corrections.status is not ReviewStatus.REVIEWED:
            return _BY_STATUS[corrections.status]
        if self._is_replaced(name, corrections.document.etag):
            return NotLearnt.REPLACED
        result, written = self._result(name)
        if result is None or written is None:
            return NotLearnt.NO_RESULT
        if result.document.etag != corrections.document.etag:
            return NotLearnt.REPLACED
        text = result_text(self._documents, result)
        if text is None:
            return NotLearnt.NO_TEXT
        return _judged(_Version(name, text, result), corrections, changed, is_other_answer=written > changed)

    def _is_replaced(self, name: str, etag: str) -> bool:
        """Whether another version of a document is there; one that was deleted since can still be learnt from."""
        try:
            return self._documents.get_properties(name).etag != etag
        except (Missing, UnsafeName):
            return False

    def _result(self, name: str) -> tuple[EntitiesResult | None, datetime | None]:
        """Return the result of a document's entity task and when it was written; None where there is none."""
        blob = custom_entities(self._documents, self._records, name)
        if blob is None:
            return None, None
        found = decoded_result(blob.data, EntitiesResult)
        return (found, blob.info.last_modified) if isinstance(found, EntitiesResult) else (None, None)


class _Version(NamedTuple):
    """A version of a document with its text and the model's answer about it."""

    name: str
    text: str
    result: EntitiesResult


def _judged(
    version: _Version, corrections: Corrections, changed: datetime, *, is_other_answer: bool
) -> Reviewed | NotLearnt:
    """Return a reviewed version with its labels, or why it may not be learnt from.

    `is_other_answer` says that who reviewed it may have seen another answer of the model.
    """
    name, text, result = version
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if corrections.text.sha256 and corrections.text.sha256.lower() != digest:
        return NotLearnt.OTHER_TEXT
    held = standing(corrections, _spans(result), result.string_index_type, text)
    if held.misfits:
        return NotLearnt.MISFITS
    # What nobody decided, nobody has looked at.
    if held.undecided and is_other_answer:
        return NotLearnt.ANALYSED_AGAIN
    document = _document(name, text, held.spans, result)
    return Reviewed(document, corrections.document.etag, changed, corrections.corrected)


def _none_decided(result: EntitiesResult) -> Corrections:
    return Corrections(document=CorrectedDocument(name=result.document.name, etag=result.document.etag))


def _spans(result: EntitiesResult) -> Iterator[Span]:
    return (Span(one.category, one.offset, one.length) for one in result.entities)


def _document(name: str, text: str, spans: tuple[Span, ...], result: EntitiesResult) -> Document:
    labels = tuple(Label(span.offset, span.end, span.category) for span in spans)
    detected = result.detected_language if isinstance(result.detected_language, str) else ""
    language = detected if result.document.language == "auto" else result.document.language
    return Document(name, text, labels, (), language=language)
