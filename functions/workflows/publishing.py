"""Writes the result of a document: once, by its owner only, and never over a newer one.

The order is what makes it safe. What a write depends on (the result that is there now) is looked at *before* the
record is asked who the owner is, and the write holds to it. So if a newer version's job wrote in between, the write
fails; if it claimed the document in between, the record can not be saved any more, and what was written is withdrawn.
"""

import logging
from collections.abc import Callable

from .. import telemetry
from ..app import EntityDrop
from ..core.documents import Claimed, DocumentFacts, DocumentRecord
from ..core.jobs import Chunk
from ..core.lifecycle import DocumentEvent, conclude, may_write
from ..core.merging import ChunkResult
from ..core.results import (
    EntitiesResult,
    Result,
    counterpart_name,
    entities_name,
    entities_result,
    error_name,
    error_report,
    model_facts,
    result_metadata,
    result_name,
    to_json,
)
from ..errors import Changed, Missing, Problem

logger = logging.getLogger(__name__)

MAX_RACES = 20
"""Races that one result may lose before the step is given back to the queue; each loss means somebody else won."""


def write_entities(
    app: EntityDrop, name: str, etag: str, owner: str, chunks: list[ChunkResult], claimed: Claimed | None = None
) -> bool:
    """Write the entities of a document all of whose chunks have come; return whether `owner` could still do so.

    `claimed` is the record as the owner knew it last, if it was the document's first.
    """
    settings = app.settings

    def make(record: DocumentRecord) -> Result:
        return entities_result(record, chunks, model_facts(settings), settings.string_index_type, app.clock())

    return _write(app, name, etag, owner, make, None, claimed)


def write_error(app: EntityDrop, name: str, etag: str, owner: str, problem: Problem, attempts: int) -> bool:
    """Write the error report of a document; return whether `owner` could still do so."""

    def make(record: DocumentRecord) -> Result:
        return error_report(record.document, problem, max(1, attempts), app.clock())

    return _write(app, name, etag, owner, make, problem)


def _write(
    app: EntityDrop,
    name: str,
    etag: str,
    owner: str,
    make: Callable[[DocumentRecord], Result],
    problem: Problem | None,
    claimed: Claimed | None = None,
) -> bool:
    present: dict[str, str] = {}
    has_read_present = False
    for _ in range(MAX_RACES):
        # What the owner knew last saves a read. Where it is out of date, no record can be saved over it, and the next
        # round reads what there is.
        known = (claimed.record, claimed.etag) if claimed else app.states.document(name)
        (record, record_etag), claimed = known, None
        if record is None or record_etag is None or not may_write(record, owner, etag):
            _withdraw_own(app, name, etag, owner, record)
            return False
        if not has_read_present and not record.is_first:
            # Earlier versions may have left results. Look, then read the record again: in this order only.
            present, has_read_present = _present(app, name), True
            continue
        result = make(record)
        target = result_name(result)
        try:
            with telemetry.span(
                "write result", parent=record.trace_parent, links=[telemetry.trace_parent()], document=name, job=owner
            ):
                written = app.documents.write_result(
                    target, to_json(result), result_metadata(record.document, owner), present.get(target)
                )
        except Changed:
            present, has_read_present = _present(app, name), True
            continue
        stale = present.get(counterpart_name(result))
        if stale:
            app.documents.withdraw_result(counterpart_name(result), stale)
        event = DocumentEvent.EXTRACTED if isinstance(result, EntitiesResult) else DocumentEvent.REPORTED
        try:
            app.states.save_document(conclude(record, event, app.clock(), problem), record_etag)
        except Changed:
            present = {target: written}
            continue
        _log_outcome(record.document, owner, result, problem)
        return True
    raise Changed(name)


def _present(app: EntityDrop, name: str) -> dict[str, str]:
    """Return the ETags of the results that a document has now, by name."""
    looks = [app.documents.get_result_properties(result) for result in (entities_name(name), error_name(name))]
    return {info.name: info.etag for info in looks if info}


def _withdraw_own(app: EntityDrop, name: str, etag: str, owner: str, record: DocumentRecord | None) -> None:
    """Take back what this owner wrote for a version that is no longer the newest, perhaps before a crash."""
    if record is None or record.document.etag == etag:
        return
    for result in (entities_name(name), error_name(name)):
        info = app.documents.get_result_properties(result)
        if info and info.metadata.get("job") == owner and info.metadata.get("source_etag") == etag:
            app.documents.withdraw_result(result, info.etag)


def release_claim(app: EntityDrop, chunk: Chunk, owner: str) -> None:
    """Clear away what an owner has left at a document that is not its own any more, perhaps before a crash.

    That is results of chunks, and a result of the version that a newer one has replaced.
    """
    record, _ = app.states.document(chunk.document)
    _withdraw_own(app, chunk.document, chunk.etag, owner, record)
    if not chunk.is_whole:
        app.states.delete_chunks(owner, chunk.document)


def delete_record_of_deleted(app: EntityDrop, name: str, etag: str, owner: str) -> None:
    """Drop the record of a document that was deleted while it was worked on; it gets no result."""
    record, record_etag = app.states.document(name)
    if record_etag and may_write(record, owner, etag):
        try:
            app.states.delete_document(name, record_etag)
        except (Missing, Changed):
            logger.debug("The record of a deleted document changed meanwhile; its new owner sees to it.")
    logger.info(
        "A document was deleted before its result was there; nothing is written.",
        extra={"action": "document_gone", "document": name, "job": owner},
    )


def _log_outcome(document: DocumentFacts, owner: str, result: Result, problem: Problem | None) -> None:
    fields = {"document": document.name, "job": owner}
    if isinstance(result, EntitiesResult):
        telemetry.documents_done.add(1)
        telemetry.text_records.add(result.text_records)
        logger.info("Document %r has its entities.", document.name, extra={"action": "document_done", **fields})
    elif problem:
        telemetry.documents_failed.add(1, {"code": problem.code})
        logger.warning(
            "Document %r ends in an error report: %s.",
            document.name,
            problem.code,
            extra={"action": "document_failed", "reason": problem.code, **fields},
        )
