"""From a dropped document to a job at the service. How documents come to share a job is in `sharing`.

The order of a submission: (a) the job's message, hidden for a minute, (b) its record, which lists the documents,
(c) each document is claimed for the job, (d) POST, (e) the message is made visible when the first poll is due, and the
record is saved. A worker that dies between any two of these leaves an event that comes again or a message that comes
back.
"""

import contextlib
import hashlib
import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import msgspec

from .. import telemetry
from ..app import LARGE_BYTES, EntityDrop
from ..core.documents import Claimed, DocumentFacts, DocumentRecord
from ..core.jobs import Job, JobMessage, JobState
from ..core.lifecycle import claim, count_afresh
from ..core.packing import pack
from ..core.planning import RESERVATIONS, UNANSWERED_SO_FAR, before_submission, not_sent, nothing_left
from ..core.results import error_report, refused_name, result_metadata, to_json
from ..document_languages import language_code
from ..errors import Changed, DocumentError, Fault, Missing, Problem, UnsafeName
from ..storage.containers import Blob, BlobInfo, check_name, is_archived, storage_code
from ..storage.job_queue import Receipt
from ..text.chunks import ReadyChunk, Retake, cut
from ..text.compression import is_compressed, unpack
from ..text.decoding import check_size, decode
from .carry_over import carry_over
from .probing import assess_job
from .publishing import write_error
from .refusals import note_refusal
from .steps import perform, post, run_all, send_message

logger = logging.getLogger(__name__)

MAX_RACES = 20
"""Times that a read or a claim may find the document changed before the event is given back to the host."""


class OpenJob(NamedTuple):
    """A job that is recorded and has its message, both for the minute in which it is being submitted."""

    job: Job
    etag: str
    receipt: Receipt


def take_on(app: EntityDrop, name: str) -> ReadyChunk | None:
    """Return a document that is ready to share a request.

    None where there is nothing to send here: it is gone, or archived, or no document at all, or ended in an error
    report, or was so long that it got jobs of its own.
    """
    try:
        return prepare(app, name)
    except Exception as error:
        if not is_archived(error):
            raise
        # Nothing to repeat now: `reconcile` finds the document once it has left the archive tier. No event says so:
        # rehydration raises BlobTierChanged, and the trigger is for BlobCreated only.
        note_refusal(app, name, storage_code(error) or "")
        return None


def prepare(app: EntityDrop, name: str, retake: Retake | None = None) -> ReadyChunk | None:
    """Do what `take_on` does, but raise what the storage answers for an archived document.

    With `retake` the version is taken up again although it has its result or report.
    """
    try:
        check_name(name)
    except UnsafeName:
        report_unsafe_name(app, name)
        return None
    try:
        blob = _read(app, name, LARGE_BYTES)
        is_whole = len(blob.data) == blob.info.size_bytes
        if is_whole and not is_compressed(blob.data, blob.info.content_encoding):
            return _ready(app, blob, retake)
        with app.large_documents:
            return _ready(app, _read(app, name, app.settings.max_document_bytes), retake)
    except Missing:
        logger.info("Document %r is gone.", name, extra={"action": "document_gone", "document": name})
        return None


def _read(app: EntityDrop, name: str, limit: int) -> Blob:
    """Return a document as it is now, without its content where it is over the limit."""
    for _ in range(MAX_RACES):
        try:
            return app.documents.read(name, limit=min(limit, app.settings.max_document_bytes))
        except Changed:
            continue  # It was replaced while it was read; the newer version is the one to read.
    raise Changed(name)


def _ready(app: EntityDrop, blob: Blob, retake: Retake | None) -> ReadyChunk | None:
    settings, info = app.settings, blob.info
    if info.is_folder:
        logger.debug("Blob %r marks a folder and is no document.", info.name)
        return None
    facts = facts_of(app, info)
    try:
        language = _own_language(info.metadata)
        facts = msgspec.structs.replace(facts, language=language or settings.document_language)
        check_size(info.size_bytes, settings.max_document_bytes)
        unpacked = unpack(blob.data, info.content_encoding, settings.max_document_bytes)
        decoded = decode(unpacked.data, info.content_type, unpacked.warnings)
    except DocumentError as error:
        report(app, facts, error.problem, retake)
        return None
    facts = msgspec.structs.replace(facts, encoding=decoded.encoding, characters=len(decoded.text))
    chunks = cut(facts, unpacked.data, decoded, settings.string_index_type, content_encoding=unpacked.content_encoding)
    digest = hashlib.sha256(blob.data).hexdigest()
    ready = [
        replace(
            item,
            chunk=msgspec.structs.replace(item.chunk, language=language),
            content_sha256=digest,
            retake=retake,
        )
        for item in chunks
    ]
    if len(ready) == 1:
        return ready[0]
    submit_long(app, ready)
    return None


def _own_language(metadata: Mapping[str, str]) -> str | None:
    """Return the language that a document's metadata name; None where they name none. Raises `DocumentError`."""
    language = next((value.strip() for key, value in metadata.items() if key.lower() == "language"), "")
    if not language:
        return None
    try:
        return language_code(language)
    except ValueError as error:
        problem = Problem(
            "InvalidLanguage",
            f"The blob metadata field 'language' is {language[:40]!r}; expected is {error}.",
            "Correct the field, or delete it so that the setting DOCUMENT_LANGUAGE holds. Either makes a new version.",
            fault=Fault.DOCUMENT,
        )
        raise DocumentError(problem) from error


def facts_of(app: EntityDrop, info: BlobInfo) -> DocumentFacts:
    """Return what is known of a document that was not read."""
    return DocumentFacts(
        name=info.name,
        etag=info.etag,
        last_modified=info.last_modified,
        size_bytes=info.size_bytes,
        language=app.settings.document_language,
    )


def report(app: EntityDrop, facts: DocumentFacts, problem: Problem, retake: Retake | None = None) -> None:
    """Write the error report of a document that no job will carry; `retake` as in `prepare`."""
    owner = new_id()
    if _claim(app, facts, owner, 1, (), retake=retake):
        write_error(app, facts.name, facts.etag, owner, problem, attempts=1)


def report_unsafe_name(app: EntityDrop, name: str) -> None:
    """Write the error report of a document whose name no request may be made with: once for each version.

    It has no record, whose name would be as unsafe. Raises nothing where it is gone.
    """
    try:
        info = app.documents.find(name)
    except Missing:
        logger.info("Document %r is gone.", name, extra={"action": "document_gone", "document": name})
        return
    target = refused_name(name)
    present = app.documents.get_result_properties(target)
    if present and present.metadata.get("source_etag") == info.etag:
        return
    problem = Problem(
        "UnsafeName",
        f"The document's name {name!r} is empty or has a segment '.' or '..', by which a request leaves the container.",
        "Drop it under another name, and delete this one with a tool that sends names as they are.",
        fault=Fault.DOCUMENT,
    )
    facts = facts_of(app, info)
    data = to_json(error_report(facts, problem, 1, app.clock()))
    with contextlib.suppress(Changed):  # Another worker has written the same.
        app.documents.write_result(target, data, result_metadata(facts, "-"), present.etag if present else None)
        telemetry.documents_failed.add(1, {"code": problem.code})
        logger.warning(
            "Document %r ends in an error report: %s.",
            name,
            problem.code,
            extra={"action": "document_failed", "reason": problem.code, "document": name},
        )


def open_job(
    app: EntityDrop, items: Sequence[ReadyChunk], job_id: str | None = None, owner: str | None = None
) -> OpenJob:
    """Put the message of a job of `items` on the queue, hidden while it is being submitted; record the job."""
    now = app.clock()
    job_id = job_id or new_id()
    job = Job(
        id=job_id,
        owner=owner or job_id,
        state=JobState.WAITING,
        step=0,
        due=now + RESERVATIONS[0],
        created=now,
        chunks=tuple(item.chunk for item in items),
        # What opens it also sends it; only the parts of a long document are reserved by whoever gets their message.
        submissions=0 if owner else 1,
        unanswered=0 if owner else 1,
        reserved_until=None if owner else now + RESERVATIONS[0],
        trace_parent=telemetry.trace_parent(),
    )
    # In this order: a message without its job dies out by itself, a job without its message waits for the sweep.
    receipt = send_message(app, job, now)
    etag = app.states.save_job(job, None)
    return OpenJob(job, etag, receipt)


def list_again(app: EntityDrop, opened: OpenJob, items: Sequence[ReadyChunk]) -> OpenJob:
    """Record an open job with more items than it was opened with. Raises `Changed` where somebody else has it."""
    job = msgspec.structs.replace(opened.job, chunks=tuple(item.chunk for item in items))
    try:
        etag = app.states.save_job(job, opened.etag)
    except (Changed, Missing) as error:
        try:
            stored, etag = app.states.job(job.id)
        except Missing:
            raise Changed(job.id) from error
        if stored != job:
            raise
        logger.debug("The storage took job %s and its answer was lost on the way.", job.id)
    return OpenJob(job, etag, opened.receipt)


def send(app: EntityDrop, opened: OpenJob, ours: Sequence[tuple[ReadyChunk, Claimed]]) -> None:
    """Send the request of an open job with those of its items that were claimed for it."""
    ours = [(item, claimed) for item, claimed in ours if not _report_exhausted(app, opened.job, item, claimed)]
    items = [item for item, _ in ours]
    job = msgspec.structs.replace(
        opened.job,
        chunks=tuple(item.chunk for item in items),
        claims=tuple(claimed for _, claimed in ours if claimed.record.is_first),
        is_last=any(claimed.record.submissions >= claimed.record.submissions_allowed for _, claimed in ours),
    )
    if not items:
        perform(app, opened.job, opened.etag, nothing_left(job, app.clock()))
        return
    step = before_submission(not_sent(job), assess_job(app, job), app.clock(), app.policy)
    if step:
        perform(app, job, opened.etag, step, receipt=opened.receipt)
        return
    post(app, job, opened.etag, opened.receipt, [item.text for item in items])


def _report_exhausted(app: EntityDrop, job: Job, item: ReadyChunk, claimed: Claimed) -> bool:
    """Report a document whose earlier owners have used up its submissions; return whether that was so."""
    record = claimed.record
    if record.submissions <= record.submissions_allowed:
        return False
    name, etag = item.version
    write_error(app, name, etag, job.owner, UNANSWERED_SO_FAR, record.submissions_before)
    return True


def submit_batch(app: EntityDrop, names: Iterable[str]) -> None:
    """Submit many documents, packed as full as they go; for work that has no runs of its own to share a job."""
    submit_ready(app, [item for item in run_all(app, partial(take_on, app), names) if item])


def submit_ready(app: EntityDrop, ready: Iterable[ReadyChunk]) -> None:
    """Submit documents that have been read, packed as full as they go."""
    for items in pack(ready):
        opened = open_job(app, items)
        claims = run_all(app, partial(claim_for, app, opened.job), items)
        send(app, opened, [(item, claimed) for item, claimed in zip(items, claims, strict=True) if claimed])


def submit_long(app: EntityDrop, chunks: Sequence[ReadyChunk]) -> None:
    """Submit a document that takes several requests: one job each, all of them owned together.

    The jobs are opened here and submitted by `advance`, on as many workers as there are, each of which reads its own
    part of the document only.
    """
    first, owner = chunks[0], new_id()
    record, etag = app.states.document(first.facts.name)
    if record and etag:
        if not _may_claim(app, record, etag, first.facts, first.retake):
            return
        if carry_over(app, record, etag, first.facts, first.content_sha256, owner):
            return
    opened = [
        open_job(app, items, job_id=f"{owner}.{number}", owner=owner) for number, items in enumerate(pack(chunks))
    ]
    # Only now, when all parts are there to come back: a part never claims its document by itself.
    if claim_document(app, owner, chunks[0]):
        is_late = app.clock() >= opened[0].job.due
        for part in opened:
            if is_late:
                _put_back(app, part.job)
            app.queue.resend(part.receipt, JobMessage(part.job.id, part.job.step), 0)
    else:
        for part in opened:
            perform(app, part.job, part.etag, nothing_left(part.job, app.clock()))


def claim_for(app: EntityDrop, job: Job, item: ReadyChunk) -> Claimed | None:
    """Take a document on for a job that lists it; return None where the job does not get it.

    Where the storage took longer over it than the job was reserved, somebody may have got the job's message by now, and
    left the document out because nobody had claimed it yet. So it gets a job of its own.
    """
    claimed = claim_document(app, job.owner, item)
    if claimed is None or app.clock() < job.due:
        return claimed
    own = open_job(app, [item])
    try:
        record = claim(
            claimed.record,
            item.facts,
            own.job.owner,
            app.clock(),
            warnings=item.warnings,
            trace_parent=own.job.trace_parent,
        )
        record = msgspec.structs.replace(record, content_sha256=item.content_sha256)
        etag = app.states.save_document(record, claimed.etag)
    except Changed:
        perform(app, own.job, own.etag, nothing_left(own.job, app.clock()))
    else:
        send(app, own, [(item, Claimed(record=record, etag=etag))])
    return None


def _put_back(app: EntityDrop, part: Job) -> None:
    """Record a part once more that was seen before its document was claimed: it had no document, and has ended."""
    with contextlib.suppress(Changed):
        app.states.save_job(part, None)


def claim_document(app: EntityDrop, owner: str, item: ReadyChunk) -> Claimed | None:
    """Take a document on for `owner`; return None where it is done, owned by an active job, or replaced."""
    return _claim(
        app,
        item.facts,
        owner,
        item.chunk.count,
        item.warnings,
        content_sha256=item.content_sha256,
        retake=item.retake,
    )


def _claim(
    app: EntityDrop,
    facts: DocumentFacts,
    owner: str,
    chunks: int,
    warnings: tuple[str, ...],
    *,
    content_sha256: str | None = None,
    retake: Retake | None = None,
) -> Claimed | None:
    # Most documents are new: try that first, and read the record only where there is one.
    record, etag = None, None
    for _ in range(MAX_RACES):
        if record and etag and record.owner == owner and record.document.etag == facts.etag:
            return Claimed(record=record, etag=etag)  # The storage took our claim; its answer was lost on the way.
        if record and etag and not _may_claim(app, record, etag, facts, retake):
            return None
        try:
            if record and etag and carry_over(app, record, etag, facts, content_sha256, new_id()):
                return None
            claimed = claim(
                record,
                facts,
                owner,
                app.clock(),
                chunks=chunks,
                warnings=warnings,
                trace_parent=telemetry.trace_parent(),
            )
            if retake and retake.is_replay:
                claimed = count_afresh(claimed)
            claimed = msgspec.structs.replace(claimed, content_sha256=content_sha256)
            saved = app.states.save_document(claimed, etag)
        except Changed:
            record, etag = app.states.document(facts.name)
            continue
        telemetry.documents_in.add(1)
        return Claimed(record=claimed, etag=saved)
    raise Changed(facts.name)


def _may_claim(
    app: EntityDrop, record: DocumentRecord, etag: str, facts: DocumentFacts, retake: Retake | None = None
) -> bool:
    """Whether a document whose record is stored at `etag` needs a new owner for the version in `facts`.

    A version that has ended needs none, unless somebody decided on that very record to take it up again (`retake`).
    """
    if record.document.etag == facts.etag:
        return (
            not app.states.is_alive(record.owner)
            if record.is_pending
            else retake is not None and etag == retake.record_etag
        )
    # Which of the two versions is newer? Only the one that the document has now, and it was looked at last.
    try:
        return app.documents.get_properties(facts.name).etag == facts.etag
    except Missing:
        return False


def new_id() -> str:
    """Return an id for a job."""
    return uuid.uuid4().hex
