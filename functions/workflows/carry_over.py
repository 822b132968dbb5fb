"""Gives a new version of a document the result of the version before, where its content and the work are the same.

Scanners stamp metadata on blobs, tools change headers or copy a blob over itself: the ETag is new, the content is not.
Nothing is submitted, so nothing is billed again. What the app can not see is a model that was trained anew and deployed
under the same name: to apply that, documents are replayed (docs/deploy.md).
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from .. import telemetry
from ..core.documents import DocumentRecord, DocumentState
from ..core.extracted_texts import as_read_before
from ..core.journal import document_ended, sums
from ..core.lifecycle import DocumentEvent, claim, conclude
from ..core.names import fitting_name
from ..core.publication import FileWrite
from ..core.records import DOCUMENT_TEXT, DocumentFacts, TextFacts
from ..core.results import result_metadata, to_json
from ..core.summaries import summarize
from ..core.work import FIRST_RELEASE
from ..errors import Changed, Missing
from ..storage.containers import JSON_TYPE, TEXT_TYPE, Blob
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..tasks.task import ResultFile, carried_over, decoded_result
from ..text.chunks import ReadyChunk
from .indexing import Indexing
from .journaling import Journal
from .working_copies import WorkingCopies

logger = logging.getLogger(__name__)


class _Carried(NamedTuple):
    """What an earlier version leaves to a later one."""

    files: tuple[FileWrite, ...]
    """In the order in which they are written: texts first."""
    results: tuple[ResultFile, ...]
    """Those in the files."""


class CarryOver:
    """Gives documents the results of earlier versions with the same content."""

    def __init__(
        self,
        documents: DocumentStore,
        records: RecordStore,
        copies: WorkingCopies,
        journal: Journal,
        index: Indexing,
        clock: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._records = records
        self._copies = copies
        self._journal = journal
        self._index = index
        self._clock = clock

    def try_for(self, record: DocumentRecord, etag: str, item: ReadyChunk, owner: str) -> bool:
        """Write the result in `record`, stored at `etag`, anew for the version of `item`; return whether that was done.

        The result is written first, over the one that was read, and the record then, over the one that was read. A
        worker that dies in between leaves a result of the new version, which the repeated event finds and takes.
        Whoever claims the document in between wins: the result is withdrawn again. Raises `Changed` where the result
        was written anew meanwhile.
        """
        facts = as_read_before(item.facts, record.document) if item.reading else item.facts
        if record.state is not DocumentState.DONE or record.document.etag == facts.etag:
            return False
        if not item.content_sha256 or record.content_sha256 != item.content_sha256:
            return False
        if item.reading and not (record.text and record.text.ocr):
            return False  # OCR was turned on since.
        carried = self._same_work(record, item, facts, owner)
        if carried is None:
            return False
        now = self._clock()
        written = {file.name: self._write(file) for file in carried.files}
        claimed = claim(
            record,
            facts,
            owner,
            item.work,
            now,
            chunks=record.chunks,
            warnings=record.warnings,
            content_sha256=item.content_sha256,
            text=record.text,
            trace_parent=telemetry.trace_parent(),
            is_submitted=False,
        )
        needs_review = any(result.review for result in carried.results)
        ended = conclude(
            claimed,
            DocumentEvent.EXTRACTED,
            now,
            needs_review=needs_review,
            summary=summarize(carried.results),
            has_view=record.has_view,
        )
        try:
            self._records.save_document(ended, etag)
        except Changed:
            present, _ = self._records.document(facts.name)
            # Another worker with the same event may have saved the same record: then the result is its own as well.
            if present is None or present.document.etag != facts.etag or present.state is not DocumentState.DONE:
                for name, version in written.items():
                    self._documents.withdraw_result(name, version)
            raise
        if item.chunk.extracted:
            self._copies.delete(item.chunk.extracted)
        self._index.note(record, ended)
        self._journal.add(document_ended(ended, sums(carried.results)))
        telemetry.documents_in.add(1)
        telemetry.documents_done.add(1)
        logger.info(
            "Document %r has the same content as before; its results were carried over.",
            facts.name,
            extra={"action": "document_carried_over", "document": facts.name, "job": owner},
        )
        return True

    def _write(self, file: FileWrite) -> str:
        content_type = TEXT_TYPE if file.is_text else JSON_TYPE
        return self._documents.write_result(
            file.name, file.data, file.metadata, file.replaces, content_type=content_type
        )

    def _same_work(
        self, record: DocumentRecord, item: ReadyChunk, facts: DocumentFacts, owner: str
    ) -> "_Carried | None":
        """Return the results of all tasks for the version of `item`; None where they can not be had."""
        if record.work not in (item.work, FIRST_RELEASE):
            return None
        texts: list[FileWrite] = []
        files: list[FileWrite] = []
        results: list[ResultFile] = []
        for task in item.work.tasks:
            blob = self._known(record, item, task.suffix)
            result = decoded_result(blob.data, task.result_type) if blob else None
            if blob is None or result is None or not _is_of_text(result, item):
                return None
            model = task.facts(item.work.api_version)
            carried = carried_over(result, facts, model, item.work.string_index_type)
            if carried is None:
                return None
            metadata = result_metadata(facts, owner, needs_review=carried.review)
            results.append(carried)
            files.append(FileWrite(blob.info.name, to_json(carried), False, metadata, blob.info.etag))
            for suffix in task.text_suffixes(result):
                text = self._known(record, item, suffix)
                if text is None:
                    return None
                texts.append(FileWrite(text.info.name, text.data, True, result_metadata(facts, owner), text.info.etag))
        return _Carried((*texts, *files), tuple(results)) if files else None

    def _known(self, record: DocumentRecord, item: ReadyChunk, suffix: str) -> Blob | None:
        """Return a file of a document, if it is that of the version in its record."""
        try:
            blob = self._documents.read_result(fitting_name("", record.document.name, suffix))
        except Missing:
            return None
        # The second is what a worker has left that died before it saved the record.
        is_known = blob.info.metadata.get("source_etag") in (record.document.etag, item.facts.etag)
        return blob if is_known else None


def _is_of_text(result: ResultFile, item: ReadyChunk) -> bool:
    """Whether a result counts in the same text: that of a file may have changed with the extractors."""
    text = result.text if isinstance(result.text, TextFacts) else DOCUMENT_TEXT
    return (text.format, text.extractor) == (item.text_facts.format, item.text_facts.extractor)
