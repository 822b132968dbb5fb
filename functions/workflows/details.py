"""What belongs to one document: its results, the text that they count in, its content."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from ..core.documents import DocumentRecord
from ..core.names import fitting_name
from ..core.records import DOCUMENT_TEXT, TextFacts
from ..core.results import EXTRACTED_SUFFIX
from ..errors import Changed, Missing, NewerRecord, UnsafeName
from ..storage.containers import Blob
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..tasks.entities import EntityResultFile
from ..tasks.task import decoded_result
from .result_files import text_of


class StoredResult(NamedTuple):
    """A result that a document has: its task, what its name ends with, and its version."""

    task: str
    kind: str
    suffix: str
    etag: str


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text that a document's results count in."""

    content: str
    sha256: str
    """Of its UTF-8."""
    facts: TextFacts


class DocumentContents:
    """Reads what belongs to a document. Raises what the storage raises."""

    def __init__(self, documents: DocumentStore, records: RecordStore, largest_bytes: int) -> None:
        self._documents = documents
        self._records = records
        self._largest_bytes = largest_bytes

    def results(self, record: DocumentRecord) -> list[StoredResult]:
        """Return the results of a document that has ended, in the order of its tasks."""
        found = []
        for task in record.work.tasks:
            if task.suffix in _promised(record):
                info = self._documents.get_result_properties(fitting_name("", record.document.name, task.suffix))
                if info and info.metadata.get("source_etag") == record.document.etag:
                    found.append(StoredResult(task.name, task.kind, task.suffix, info.etag))
        return found

    def result(self, name: str, file: str) -> Blob | None:
        """Return a result of a document, by what its name ends with; None where it has none of that name."""
        record = self.record(name)
        if record is None or file not in files_of(record):
            return None
        try:
            return self._documents.read_result(fitting_name("", name, f".{file}"))
        except Missing:
            return None

    def record(self, name: str) -> DocumentRecord | None:
        """Return the record of a document; None where there is none that this release can read."""
        try:
            return self._records.document(name)[0]
        except (NewerRecord, UnsafeName):
            return None

    def text(self, record: DocumentRecord) -> DocumentText | None:
        """Return the text of a document that has results; None where there is none any more."""
        if record.is_pending or not record.done_tasks:
            return None
        facts = record.text or DOCUMENT_TEXT
        text = text_of(self._documents, record.document, facts)
        if text is None:
            return None
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return DocumentText(text, digest, facts)

    def entities(self, record: DocumentRecord) -> EntityResultFile | None:
        """Return the first result of a document whose entities have offsets."""
        for task in record.work.tasks:
            if task.suffix in _promised(record) and issubclass(task.result_type, EntityResultFile):
                try:
                    blob = self._documents.read_result(fitting_name("", record.document.name, task.suffix))
                except Missing:
                    continue
                return decoded_result(blob.data, task.result_type)
        return None

    def content(self, name: str) -> Blob | None:
        """Return a document; without its content where it is too large, None where it is not there."""
        for _ in range(_TRIES):
            try:
                return self._documents.read(name, limit=self._largest_bytes)
            except (Missing, UnsafeName):
                return None
            except Changed:
                continue
        raise Changed(name)


_TRIES = 3


def files_of(record: DocumentRecord) -> tuple[str, ...]:
    """Return what the names of a document's results end with, without the dot; none while it is pending."""
    promised = _promised(record)
    texts = [
        suffix
        for task in record.work.tasks
        if task.suffix in promised
        for suffix in task.suffixes
        if suffix not in promised
    ]
    extracted = [EXTRACTED_SUFFIX] if record.text and record.text.blob else []
    return tuple(suffix.removeprefix(".") for suffix in (*promised, *texts, *extracted)) if promised else ()


def _promised(record: DocumentRecord) -> tuple[str, ...]:
    return () if record.is_pending else record.promised
