"""Gives a new version of a document the result of the version before, where its content and the work are the same.

Scanners stamp metadata on blobs, tools change headers or copy a blob over itself: the ETag is new, the content is not.
Nothing is submitted, so nothing is billed again. What the app can not see is a model that was trained anew and deployed
under the same name: to apply that, documents are replayed (docs/deploy.md).
"""

import logging
from collections.abc import Callable
from datetime import datetime

from .. import telemetry
from ..core.documents import DocumentRecord, DocumentState
from ..core.extracted_texts import as_read_before
from ..core.lifecycle import DocumentEvent, claim, conclude
from ..core.records import DOCUMENT_TEXT, DocumentFacts, TextFacts
from ..core.results import entities_name, result_metadata, to_json
from ..errors import Changed, Missing
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..tasks.custom_entities import EntitiesResult, carried_over, read_entities
from ..text.chunks import ReadyChunk
from .working_copies import WorkingCopies

logger = logging.getLogger(__name__)


class CarryOver:
    """Gives documents the results of earlier versions with the same content."""

    def __init__(
        self,
        documents: DocumentStore,
        records: RecordStore,
        copies: WorkingCopies,
        clock: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._records = records
        self._copies = copies
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
        name = entities_name(facts.name)
        result, replaced = self._same_work(name, record, item, facts)
        if not result or not replaced:
            return False
        now = self._clock()
        written = self._documents.write_result(name, to_json(result), result_metadata(facts, owner), replaced)
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
        try:
            self._records.save_document(conclude(claimed, DocumentEvent.EXTRACTED, now), etag)
        except Changed:
            present, _ = self._records.document(facts.name)
            # Another worker with the same event may have saved the same record: then the result is its own as well.
            if present is None or present.document.etag != facts.etag or present.state is not DocumentState.DONE:
                self._documents.withdraw_result(name, written)
            raise
        if item.chunk.extracted:
            self._copies.delete(item.chunk.extracted)
        telemetry.documents_in.add(1)
        telemetry.documents_done.add(1)
        logger.info(
            "Document %r has the same content as before; its entities were carried over.",
            facts.name,
            extra={"action": "document_carried_over", "document": facts.name, "job": owner},
        )
        return True

    def _same_work(
        self, name: str, record: DocumentRecord, item: ReadyChunk, facts: DocumentFacts
    ) -> tuple[EntitiesResult | None, str | None]:
        """Return the result for the version of `item` and the ETag of the one it comes from; None where it can not."""
        try:
            blob = self._documents.read_result(name)
        except Missing:
            return None, None
        # The second is what a worker has left that died before it saved the record.
        is_known = blob.info.metadata.get("source_etag") in (record.document.etag, item.facts.etag)
        result = read_entities(blob.data) if is_known else None
        if result is None:
            return None, None
        text = result.text if isinstance(result.text, TextFacts) else DOCUMENT_TEXT
        if (text.format, text.extractor) != (item.text_facts.format, item.text_facts.extractor):
            return None, None  # The text of the same file may have changed with the extractors.
        return carried_over(result, facts, item.work.model_facts, item.work.string_index_type), blob.info.etag
