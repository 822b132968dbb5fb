"""Writes the results of a document: once, by its owner only, and never over a newer one.

`core.publication` decides; the loop here looks, writes and saves. A lost race is an outcome like any other: the loop
looks again and decides anew.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from .. import telemetry
from ..core.documents import Claim, DocumentRecord, DocumentState, StoredRecord
from ..core.jobs import Job
from ..core.journal import document_ended, sums
from ..core.lifecycle import may_write
from ..core.publication import (
    Extracted,
    Failed,
    LookFirst,
    Outcome,
    Present,
    PresentResult,
    Publish,
    Stale,
    file_names,
    plan_publication,
    plan_withdrawal,
)
from ..core.records import Chunk
from ..errors import Changed, Missing, Problem
from ..storage.containers import HTML_TYPE, JSON_TYPE, TEXT_TYPE
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..tasks.entities import EntityResultFile
from ..tasks.task import ResultFile
from .indexing import Indexing
from .journaling import Journal
from .result_files import text_of
from .working_copies import WorkingCopies

logger = logging.getLogger(__name__)

MAX_RACES = 20
"""Races that one result may lose before the step is given back to the queue; each loss means somebody else won."""


MakeView = Callable[[str, str, EntityResultFile], bytes]
"""Returns the view of a document, by its name, its text and its result."""


class Publisher:
    """Writes results and error reports, and withdraws those that should not be there."""

    def __init__(
        self,
        documents: DocumentStore,
        records: RecordStore,
        copies: WorkingCopies,
        journal: Journal,
        index: Indexing,
        clock: Callable[[], datetime],
        make_view: "MakeView | None" = None,
    ) -> None:
        self._documents = documents
        self._records = records
        self._copies = copies
        self._journal = journal
        self._index = index
        self._clock = clock
        self._make_view = make_view

    def write_results(self, claim: Claim, outcome: Extracted, known: StoredRecord | None = None) -> bool:
        """Write the results of a document all of whose chunks have come; return whether its owner could still do so.

        `known` is the record as the owner knew it last, if it was the document's first.
        """
        return self._publish(claim, outcome, known)

    def write_error(self, claim: Claim, problem: Problem, attempts: int) -> bool:
        """Write the error report of a document; return whether its owner could still do so."""
        return self._publish(claim, Failed(problem, attempts), None)

    def release_claim(self, job: Job, chunk: Chunk) -> None:
        """Clear away what a job has left at a document that is not its own any more, perhaps before a crash.

        That is results of chunks, and results of the version that a newer one has replaced.
        """
        claim = job.claim_of(chunk)
        record, _ = self._records.claimed_document(claim)
        plan = plan_withdrawal(claim, record, None)
        if isinstance(plan, LookFirst) and record:
            plan = plan_withdrawal(claim, record, self._present(record))
        if isinstance(plan, Stale):
            self._withdraw(plan)
        if job.gathers(chunk):
            self._records.delete_chunks(claim.owner, claim.document)
        # Another owner of the same version has the same copy, and needs it.
        if chunk.extracted and (record is None or record.document.etag != claim.etag):
            self._copies.delete(chunk.extracted)

    def delete_record_of_deleted(self, claim: Claim) -> None:
        """Delete the record of a document that was deleted while it was worked on; it gets no result."""
        record, etag = self._records.claimed_document(claim)
        if etag and may_write(record, claim):
            try:
                self._records.delete_document(claim.document, etag)
            except (Missing, Changed):
                logger.debug("The record of a deleted document changed meanwhile; its new owner sees to it.")
        logger.info(
            "A document was deleted before its result was there; nothing is written.",
            extra={"action": "document_gone", "document": claim.document, "job": claim.owner},
        )

    def _publish(self, claim: Claim, outcome: Outcome, known: StoredRecord | None) -> bool:
        present: Present | None = None
        for _ in range(MAX_RACES):
            # What the owner knew last saves a read. Where it is out of date, no record can be saved over it, and the
            # next round reads what there is.
            record, etag = (known.record, known.etag) if known else self._records.claimed_document(claim)
            known = None
            view = partial(self._view, record) if record and self._make_view else None
            plan = plan_publication(claim, record, present, outcome, self._clock(), view)
            if isinstance(plan, Stale):
                self._withdraw(plan)
                return False
            if isinstance(plan, LookFirst) or record is None or etag is None:
                present = self._present(record) if record else {}
                continue
            written = self._write(claim, plan)
            if written is None:
                present = self._present(record)
                continue
            for name, stale in plan.withdraw.items():
                self._documents.withdraw_result(name, stale)
            try:
                self._records.save_document(plan.record, etag)
            except Changed:
                present = {name: PresentResult(found, claim.owner, claim.etag) for name, found in written.items()}
                continue
            if plan.record.extracted:
                self._copies.delete(plan.record.extracted)
            self._index.note(record, plan.record)
            self._journal.add(document_ended(plan.record, sums(plan.results)))
            _log_outcome(plan, claim)
            return True
        raise Changed(claim.document)

    def _write(self, claim: Claim, plan: Publish) -> dict[str, str] | None:
        """Write the files and return their ETags by name; None where somebody else wrote there first."""
        written: dict[str, str] = {}
        with telemetry.span(
            "write result",
            parent=plan.record.trace_parent,
            links=[telemetry.trace_parent()],
            document=claim.document,
            job=claim.owner,
        ):
            text = self._copies.text(plan.text.key, claim.document, claim.etag) if plan.text else b""
            try:
                if plan.text:
                    written[plan.text.name] = self._documents.write_result(
                        plan.text.name, text, plan.text.metadata, plan.text.replaces, content_type=TEXT_TYPE
                    )
                for file in plan.files:
                    content_type = HTML_TYPE if file.is_view else TEXT_TYPE if file.is_text else JSON_TYPE
                    written[file.name] = self._documents.write_result(
                        file.name, file.data, file.metadata, file.replaces, content_type=content_type
                    )
            except Changed:
                return None
        return written

    def _present(self, record: DocumentRecord) -> Present:
        names = file_names(record, has_view=self._make_view is not None)
        found = map(self._documents.get_result_properties, names)
        return {
            info.name: PresentResult(info.etag, info.metadata.get("job"), info.metadata.get("source_etag"))
            for info in found
            if info
        }

    def _view(self, record: DocumentRecord, results: tuple[ResultFile, ...]) -> bytes | None:
        """Return the view of the entities of a document; a fault of it is logged, and costs nobody the results."""
        result = next((one for one in results if isinstance(one, EntityResultFile)), None)
        if result is None or self._make_view is None:
            return None
        document = record.document
        try:
            if record.extracted:
                text = self._copies.text(record.extracted, document.name, document.etag).decode()
            else:
                text = text_of(self._documents, document, None) or ""
            return self._make_view(document.name, text, result) if text else None
        except Exception as error:
            logger.warning(
                "The view of document %r could not be made (%s).",
                document.name,
                type(error).__name__,
                extra={"action": "view_unwritten", "document": document.name},
            )
            return None

    def _withdraw(self, plan: Stale) -> None:
        for name, etag in plan.withdraw.items():
            self._documents.withdraw_result(name, etag)


def _log_outcome(plan: Publish, claim: Claim) -> None:
    if plan.record.state is DocumentState.DONE:
        log_done(plan.record, claim.owner, sum(one.text_records for one in plan.results))
    elif plan.record.last_error:
        log_failed(claim.document, plan.record.last_error, claim.owner)


def log_done(record: DocumentRecord, owner: str, text_records: int) -> None:
    """Count and log that a document has its result."""
    name = record.document.name
    telemetry.documents_done.add(1)
    telemetry.text_records.add(text_records)
    logger.info("Document %r has its results.", name, extra={"action": "document_done", "document": name, "job": owner})


def log_failed(document: str, problem: Problem, owner: str | None = None) -> None:
    """Count and log that a document ends in an error report."""
    telemetry.documents_failed.add(1, {"code": problem.code})
    fields = {"action": "document_failed", "reason": problem.code, "document": document}
    logger.warning(
        "Document %r ends in an error report: %s.",
        document,
        problem.code,
        extra=fields if owner is None else {**fields, "job": owner},
    )
