"""Reads what people corrected: the one place that knows where corrections lie and which of them may be learnt from.

A document counts as reviewed if its corrections say so, belong to its newest version and to the text and the answer
that lie there now. Everything else is left out, with the reason. Nothing is written here.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ..core.decisions import (
    CORRECTIONS_SUFFIX,
    CorrectedDocument,
    Corrections,
    ReviewStatus,
    corrections_name,
    decode_corrections,
    standing,
)
from ..core.names import fitting_name, is_shortened
from ..core.results import entities_name
from ..core.scoring import Span
from ..errors import Changed, Missing, RecordError, UnsafeName
from ..labels.values import Document
from ..labels.values import Span as Label
from ..storage.containers import BlobInfo
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..tasks.custom_entities import CustomEntityRecognition, EntitiesResult
from ..tasks.task import decoded_result
from .exporting import read_ahead
from .result_files import result_text


class NotLearnt(StrEnum):
    """Why a document with corrections is not among the labels."""

    OPEN = "its review is not finished"
    SKIPPED = "it was skipped"
    FLAGGED = "it was flagged"
    UNREADABLE = "its corrections file can not be read"
    REPLACED = "the document was replaced since its review"
    ANALYSED_AGAIN = "it was analysed again since its review, and not everything in it was decided"
    NO_RESULT = "its result is gone"
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
    """Its name is that of the intake, its labels are in code points."""
    changed: datetime
    """When its corrections were last written, by the storage's clock; for predictions, when its result was."""
    corrected: int = 0
    """Entities that were rejected, changed or added."""
    is_prediction: bool = False
    """Whether nobody has looked at it: it was asked for by name."""


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

    def __init__(self, documents: DocumentStore, records: RecordStore, threads: Executor) -> None:
        self._documents = documents
        self._records = records
        self._threads = threads

    def read(self, name: str) -> StoredCorrections | None:
        """Return the corrections of a document, whatever their status; None where there are none.

        Raises `RecordError` where the file can not be read.
        """
        try:
            blob = self._documents.read_result(corrections_name(name))
        except (Missing, UnsafeName):
            return None
        return StoredCorrections(decode_corrections(blob.data), blob.info.etag, blob.info.last_modified)

    def files(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the corrections files of documents whose names begin with `prefix`, sorted by name.

        It lists the output container.
        """
        return (info for info in self._documents.list_results(prefix) if info.name.endswith(CORRECTIONS_SUFFIX))

    def documents(self, prefix: str = "", is_wanted: Callable[[str], bool] | None = None) -> Iterator[Found]:
        """Yield every document with corrections, sorted by the names of their files.

        `is_wanted` is asked for the name of each document, such as whether a filter of a list has it.
        """
        for found in read_ahead(self._threads, lambda info: self._found(info, is_wanted), self.files(prefix)):
            if found:
                yield found

    def reviewed(self, name: str) -> Reviewed | NotLearnt | None:
        """Return a document with its reviewed labels, or why it may not be learnt from; None without corrections."""
        try:
            stored = self.read(name)
        except RecordError:
            return NotLearnt.UNREADABLE
        return self._learnt(name, stored.corrections, stored.changed) if stored else None

    def collect(self, prefix: str = "") -> Collected:
        """Return all documents with corrections. They are held in memory with their texts."""
        collected = Collected()
        for found in self.documents(prefix):
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
        return Reviewed(_document(name, text, spans, result), changed, is_prediction=True)

    def _found(self, info: BlobInfo, is_wanted: Callable[[str], bool] | None) -> Found | None:
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
        return LeftOutDocument(name, found) if isinstance(found, NotLearnt) else found

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
        if corrections.text.sha256 and corrections.text.sha256.lower() != hashlib.sha256(text.encode()).hexdigest():
            return NotLearnt.OTHER_TEXT
        held = standing(corrections, _spans(result), result.string_index_type, text)
        if held.misfits:
            return NotLearnt.MISFITS
        # Who reviewed the document has seen another answer: what nobody decided, nobody has looked at.
        if held.undecided and written > changed:
            return NotLearnt.ANALYSED_AGAIN
        return Reviewed(_document(name, text, held.spans, result), changed, corrections.corrected)

    def _is_replaced(self, name: str, etag: str) -> bool:
        """Whether another version of a document is there; one that was deleted since can still be learnt from."""
        try:
            return self._documents.get_properties(name).etag != etag
        except (Missing, UnsafeName):
            return False

    def _result(self, name: str) -> tuple[EntitiesResult | None, datetime | None]:
        """Return the result of a document's entity task and when it was written; None where there is none."""
        try:
            blob = self._documents.read_result(entities_name(name))
        except UnsafeName:
            return None, None
        except Missing:
            record, _ = self._records.document(name)
            tasks = record.work.tasks if record else ()
            suffix = next((one.suffix for one in tasks if isinstance(one, CustomEntityRecognition)), None)
            if suffix is None:
                return None, None
            try:
                blob = self._documents.read_result(fitting_name("", name, suffix))
            except Missing:
                return None, None
        found = decoded_result(blob.data, EntitiesResult)
        return (found, blob.info.last_modified) if isinstance(found, EntitiesResult) else (None, None)


def _none_decided(result: EntitiesResult) -> Corrections:
    return Corrections(document=CorrectedDocument(name=result.document.name, etag=result.document.etag))


def _spans(result: EntitiesResult) -> Iterator[Span]:
    return (Span(one.category, one.offset, one.length) for one in result.entities)


def _document(name: str, text: str, spans: tuple[Span, ...], result: EntitiesResult) -> Document:
    labels = tuple(Label(span.offset, span.end, span.category) for span in spans)
    detected = result.detected_language if isinstance(result.detected_language, str) else ""
    language = detected if result.document.language == "auto" else result.document.language
    return Document(name, text, labels, (), language=language)
