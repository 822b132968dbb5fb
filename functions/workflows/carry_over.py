"""Gives a new version of a document the result of the version before, where its content and the work are the same.

Scanners stamp metadata on blobs, tools change headers or copy a blob over itself: the ETag is new, the content is not.
Nothing is submitted, so nothing is billed again. What the app can not see is a model that was trained anew and deployed
under the same name: to apply that, documents are replayed (docs/deploy.md).
"""

import logging

import msgspec

from .. import telemetry
from ..app import EntityDrop
from ..core.documents import DocumentFacts, DocumentRecord, DocumentState
from ..core.lifecycle import DocumentEvent, claim, conclude
from ..core.results import (
    EntitiesResult,
    carried_over,
    entities_name,
    model_facts,
    read_entities,
    result_metadata,
    to_json,
)
from ..errors import Changed, Missing
from ..storage.containers import Blob

logger = logging.getLogger(__name__)


def carry_over(
    app: EntityDrop, record: DocumentRecord, etag: str, facts: DocumentFacts, content_sha256: str | None, owner: str
) -> bool:
    """Write the result in `record`, stored at `etag`, anew for the version in `facts`; return whether that was done.

    The result is written first, over the one that was read, and the record then, over the one that was read. A worker
    that dies in between leaves a result of the new version, which the repeated event finds and takes. Whoever claims
    the document in between wins: the result is withdrawn again. Raises `Changed` where the result was written anew
    meanwhile.
    """
    if record.state is not DocumentState.DONE or record.document.etag == facts.etag:
        return False
    if not content_sha256 or record.content_sha256 != content_sha256:
        return False
    name = entities_name(facts.name)
    result, replaced = _same_work(app, name, record, facts)
    if not result or not replaced:
        return False
    now = app.clock()
    written = app.documents.write_result(name, to_json(result), result_metadata(facts, owner), replaced)
    claimed = claim(
        record,
        facts,
        owner,
        now,
        chunks=record.chunks,
        warnings=record.warnings,
        trace_parent=telemetry.trace_parent(),
    )
    # Nothing was submitted, and nothing is counted.
    claimed = msgspec.structs.replace(claimed, content_sha256=content_sha256, submissions=0)
    try:
        app.states.save_document(conclude(claimed, DocumentEvent.EXTRACTED, now), etag)
    except Changed:
        present, _ = app.states.document(facts.name)
        # Another worker with the same event may have saved the same record: then the result is its own as well.
        if present is None or present.document.etag != facts.etag or present.state is not DocumentState.DONE:
            app.documents.withdraw_result(name, written)
        raise
    telemetry.documents_in.add(1)
    telemetry.documents_done.add(1)
    logger.info(
        "Document %r has the same content as before; its entities were carried over.",
        facts.name,
        extra={"action": "document_carried_over", "document": facts.name, "job": owner},
    )
    return True


def _same_work(
    app: EntityDrop, name: str, record: DocumentRecord, facts: DocumentFacts
) -> tuple[EntitiesResult | None, str | None]:
    """Return the result for the version in `facts` and the ETag of the one it comes from; None where it can not."""
    try:
        blob: Blob = app.documents.read_result(name)
    except Missing:
        return None, None
    # The second is what a worker has left that died before it saved the record.
    is_known = blob.info.metadata.get("source_etag") in (record.document.etag, facts.etag)
    result = read_entities(blob.data) if is_known else None
    if result is None:
        return None, None
    settings = app.settings
    return carried_over(result, facts, model_facts(settings), settings.string_index_type), blob.info.etag
