"""Gives a version of a document to the job that may write its result: by compare-and-set on the document's record.

Most documents are new, so the record is created first, and read only where there is one already. A version that is
done, or owned by an active job, is left alone; one with the same content as a finished version gets its result.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from .. import telemetry
from ..core.documents import DocumentRecord, StoredRecord
from ..core.lifecycle import claim, count_afresh
from ..core.records import DocumentFacts
from ..core.results import error_report, refused_name, result_metadata, to_json
from ..core.work import WorkSpec
from ..errors import Changed, Missing
from ..storage.containers import is_safe
from ..storage.corrections_store import CorrectionsStore
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..text.chunks import ReadyChunk, Retake
from .carry_over import CarryOver
from .indexing import Indexing
from .intake import Rejected
from .publishing import Publisher, log_failed

logger = logging.getLogger(__name__)

MAX_RACES = 20
"""Times that a claim may find the document changed before the event is given back to the host."""


class Claims:
    """Claims documents for jobs."""

    def __init__(
        self,
        documents: DocumentStore,
        records: RecordStore,
        carry_over: CarryOver,
        corrections: CorrectionsStore,
        index: Indexing,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._documents = documents
        self._records = records
        self._carry_over = carry_over
        self._corrections = corrections
        self._index = index
        self._clock = clock
        self._new_id = new_id

    def claim(self, owner: str, item: ReadyChunk) -> StoredRecord | None:
        """Claim a document for `owner`; return None where it is done, owned by an active job, or replaced."""

        def claimed(record: DocumentRecord | None) -> DocumentRecord:
            return claim(
                record,
                item.facts,
                owner,
                item.work,
                self._clock(),
                chunks=item.chunk.count,
                warnings=item.warnings,
                content_sha256=item.content_sha256,
                text=item.text_facts,
                extracted=item.chunk.extracted,
                trace_parent=telemetry.trace_parent(),
                done=item.done,
            )

        return self._claim(item.facts, owner, claimed, item.retake, item)

    def claim_for_report(
        self, owner: str, facts: DocumentFacts, work: WorkSpec, retake: Retake | None
    ) -> StoredRecord | None:
        """Claim a document that will not be submitted, so that its error report can be written."""

        def claimed(record: DocumentRecord | None) -> DocumentRecord:
            return claim(
                record,
                facts,
                owner,
                work,
                self._clock(),
                trace_parent=telemetry.trace_parent(),
                is_submitted=False,
            )

        return self._claim(facts, owner, claimed, retake, None)

    def is_needed(self, item: ReadyChunk) -> bool:
        """Whether a long document needs a new owner; one with the content of a finished version gets its result."""
        record, etag = self._records.document(item.facts.name)
        if record is None or etag is None:
            return True
        if not self._may_claim(record, etag, item.facts, item.retake):
            return False
        return not self._carry_over.try_for(record, etag, item, self._new_id())

    def take_over(self, stored: StoredRecord, owner: str, item: ReadyChunk, trace_parent: str | None) -> StoredRecord:
        """Give a document to another owner right after it was claimed. Raises `Changed`."""
        record = claim(
            stored.record,
            item.facts,
            owner,
            item.work,
            self._clock(),
            warnings=item.warnings,
            content_sha256=item.content_sha256,
            text=item.text_facts,
            extracted=item.chunk.extracted,
            trace_parent=trace_parent,
            done=item.done,
        )
        return StoredRecord(record=record, etag=self._records.save_document(record, stored.etag))

    def _claim(
        self,
        facts: DocumentFacts,
        owner: str,
        claimed: Callable[[DocumentRecord | None], DocumentRecord],
        retake: Retake | None,
        item: ReadyChunk | None,
    ) -> StoredRecord | None:
        record, etag = None, None
        for _ in range(MAX_RACES):
            if record and etag:
                if record.owner == owner and record.document.etag == facts.etag:
                    # The storage took our claim; its answer was lost on the way.
                    return StoredRecord(record=record, etag=etag)
                if not self._may_claim(record, etag, facts, retake):
                    return None
            if record and record.review and record.document.etag != facts.etag:
                # Before the record forgets that there are any: whoever dies in between does it again.
                self._corrections.put_apart(facts.name, facts.etag)
            try:
                if record and etag and item and self._carry_over.try_for(record, etag, item, self._new_id()):
                    return None
                new = claimed(record)
                if retake and retake.is_replay:
                    new = count_afresh(new)
                saved = self._records.save_document(new, etag)
            except Changed:
                record, etag = self._records.document(facts.name)
                continue
            self._index.note(record, new)
            telemetry.documents_in.add(1)
            return StoredRecord(record=new, etag=saved)
        raise Changed(facts.name)

    def _may_claim(self, record: DocumentRecord, etag: str, facts: DocumentFacts, retake: Retake | None) -> bool:
        """Whether a document whose record is stored at `etag` needs a new owner for the version in `facts`.

        A version that has ended needs none, unless somebody decided on that very record to take it up again.
        """
        if record.document.etag == facts.etag:
            if record.is_pending:
                return not self._records.is_alive(record.owner)
            return retake is not None and etag == retake.record_etag
        # Which of the two versions is newer? Only the one that the document has now, and it was looked at last.
        try:
            return self._documents.get_properties(facts.name).etag == facts.etag
        except Missing:
            return False


class Reports:
    """Writes the error reports of documents that no job carries."""

    def __init__(
        self,
        documents: DocumentStore,
        claims: Claims,
        publisher: Publisher,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._documents = documents
        self._claims = claims
        self._publisher = publisher
        self._clock = clock
        self._new_id = new_id

    def write(self, rejected: Rejected, retake: Retake | None = None) -> None:
        """Write the error report of a rejected document, unless its version has a result or an active owner.

        With `retake` it is written although the version has ended. Where no request may be made with the document's
        own name, it has no record, and the report is named by a digest.
        """
        if not is_safe(rejected.facts.name):
            self._write_refused(rejected)
            return
        owner = self._new_id()
        stored = self._claims.claim_for_report(owner, rejected.facts, rejected.work, retake)
        if stored:
            self._publisher.write_error(stored.record.claim, rejected.problem, attempts=1)

    def _write_refused(self, rejected: Rejected) -> None:
        """Write a report once for each version."""
        facts = rejected.facts
        target = refused_name(facts.name)
        present = self._documents.get_result_properties(target)
        if present and present.metadata.get("source_etag") == facts.etag:
            return
        data = to_json(error_report(facts, rejected.problem, 1, self._clock()))
        try:
            self._documents.write_result(target, data, result_metadata(facts, "-"), present.etag if present else None)
        except Changed:
            return  # Another worker has written the same.
        log_failed(facts.name, rejected.problem)
