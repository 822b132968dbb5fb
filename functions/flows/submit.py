"""From a dropped document to a job at the service. How documents come to share a job is in `sharing`.

The order of a submission: (a) the job's message, hidden for a minute, (b) its record, which lists the documents,
(c) each document is claimed for the job, (d) POST, (e) the message is made visible when the first poll is due, and the
record is saved. A worker that dies between any two of these leaves an event that comes again or a message that comes
back.
"""

import contextlib
import logging
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import msgspec

from .. import telemetry
from ..app import LARGE_BYTES, EntityDrop
from ..errors import Changed, DocumentError, Missing, Problem
from ..pipeline.compression import is_compressed, unpack
from ..pipeline.decisions import RESERVATION, nothing_left
from ..pipeline.decoding import check_size, decode
from ..pipeline.documents import Claimed, DocumentFacts, DocumentRecord
from ..pipeline.jobs import Job, JobMessage, JobState
from ..pipeline.packing import pack
from ..pipeline.pieces import ReadyPiece, cut
from ..pipeline.states import claim
from ..services.blobs import Blob
from ..services.job_queue import Receipt
from ..services.language_client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from .conclude import write_error
from .steps import perform, post, run_all, send_message

logger = logging.getLogger(__name__)

LONGEST_POST = timedelta(seconds=CONNECT_TIMEOUT_S + READ_TIMEOUT_S)
"""What must be left of a job's reservation when its request is sent."""

MAX_RACES = 20
"""Times that a read or a claim may find the document changed before the event is given back to the host."""


class OpenJob(NamedTuple):
    """A job that is recorded and has its message, both for the minute in which it is being submitted."""

    job: Job
    etag: str
    receipt: Receipt


def take_on(app: EntityDrop, name: str) -> ReadyPiece | None:
    """Return a document that is ready to share a request.

    None where there is nothing to send here: it is gone, or ended in an error report, or was so long that it got jobs
    of its own.
    """
    try:
        blob = _read(app, name, LARGE_BYTES)
        is_whole = len(blob.data) == blob.info.size_bytes
        if is_whole and not is_compressed(blob.data, blob.info.content_encoding):
            return _ready(app, blob)
        with app.large_documents:
            return _ready(app, _read(app, name, app.settings.max_document_bytes))
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


def _ready(app: EntityDrop, blob: Blob) -> ReadyPiece | None:
    settings, info = app.settings, blob.info
    facts = DocumentFacts(
        name=info.name,
        etag=info.etag,
        last_modified=info.last_modified,
        size_bytes=info.size_bytes,
        language=settings.document_language,
    )
    try:
        check_size(info.size_bytes, settings.max_document_bytes)
        unpacked = unpack(blob.data, info.content_encoding, settings.max_document_bytes)
        decoded = decode(unpacked.data, info.content_type, unpacked.warnings)
    except DocumentError as error:
        report(app, facts, error.problem)
        return None
    facts = msgspec.structs.replace(facts, encoding=decoded.encoding, characters=len(decoded.text))
    pieces = cut(facts, unpacked.data, decoded, settings.string_index_type, content_encoding=unpacked.content_encoding)
    if len(pieces) == 1:
        return pieces[0]
    submit_long(app, pieces)
    return None


def report(app: EntityDrop, facts: DocumentFacts, problem: Problem) -> None:
    """Write the error report of a document that no job will carry."""
    owner = new_id()
    if _claim(app, facts, owner, 1, ()):
        write_error(app, facts.name, facts.etag, owner, problem, attempts=1)


def open_job(
    app: EntityDrop, items: Sequence[ReadyPiece], job_id: str | None = None, owner: str | None = None
) -> OpenJob:
    """Put the message of a job of `items` on the queue, hidden while it is being submitted; record the job."""
    now = app.clock()
    job_id = job_id or new_id()
    job = Job(
        id=job_id,
        owner=owner or job_id,
        state=JobState.WAITING,
        step=0,
        due=now + RESERVATION,
        created=now,
        pieces=tuple(item.piece for item in items),
        trace_parent=telemetry.trace_parent(),
    )
    # In this order: a message without its job dies out by itself, a job without its message waits for the sweep.
    receipt = send_message(app, job, now)
    etag = app.states.save_job(job, None)
    return OpenJob(job, etag, receipt)


def list_again(app: EntityDrop, opened: OpenJob, items: Sequence[ReadyPiece]) -> OpenJob:
    """Record an open job with more items than it was opened with. Raises `Changed` where somebody else has it."""
    job = msgspec.structs.replace(opened.job, pieces=tuple(item.piece for item in items))
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


def send(app: EntityDrop, opened: OpenJob, ours: Sequence[tuple[ReadyPiece, Claimed]]) -> None:
    """Send the request of an open job with those of its items that were claimed for it."""
    items = [item for item, _ in ours]
    job = msgspec.structs.replace(
        opened.job,
        pieces=tuple(item.piece for item in items),
        claims=tuple(claimed for _, claimed in ours if claimed.record.is_first),
    )
    if not items:
        perform(app, opened.job, opened.etag, nothing_left(job, app.clock()))
    elif app.clock() + LONGEST_POST < opened.job.due:
        post(app, job, opened.etag, opened.receipt, [item.text for item in items])
    # Otherwise the storage was so slow that the job's message is about to be seen; whoever gets it submits the job.


def submit_batch(app: EntityDrop, names: Iterable[str]) -> None:
    """Submit many documents, packed as full as they go; for work that has no runs of its own to share a job."""
    ready = run_all(app, partial(take_on, app), names)
    for items in pack(item for item in ready if item):
        opened = open_job(app, items)
        claims = run_all(app, partial(claim_for, app, opened.job), items)
        send(app, opened, [(item, claimed) for item, claimed in zip(items, claims, strict=True) if claimed])


def submit_long(app: EntityDrop, pieces: Sequence[ReadyPiece]) -> None:
    """Submit a document that takes several requests: one job each, all of them owned together.

    The jobs are opened here and submitted by `advance`, on as many workers as there are, each of which reads its own
    part of the document only.
    """
    record, _ = app.states.document(pieces[0].facts.name)
    if record and not _may_claim(app, record, pieces[0].facts):
        return
    owner = new_id()
    opened = [
        open_job(app, items, job_id=f"{owner}.{number}", owner=owner) for number, items in enumerate(pack(pieces))
    ]
    # Only now, when all parts are there to come back: a part never claims its document by itself.
    if claim_document(app, owner, pieces[0]):
        is_late = app.clock() >= opened[0].job.due
        for part in opened:
            if is_late:
                _put_back(app, part.job)
            app.queue.resend(part.receipt, JobMessage(part.job.id, part.job.step), 0)
    else:
        for part in opened:
            perform(app, part.job, part.etag, nothing_left(part.job, app.clock()))


def claim_for(app: EntityDrop, job: Job, item: ReadyPiece) -> Claimed | None:
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


def claim_document(app: EntityDrop, owner: str, item: ReadyPiece) -> Claimed | None:
    """Take a document on for `owner`; return None where it is done, in good hands, or replaced by a newer version."""
    return _claim(app, item.facts, owner, item.piece.count, item.warnings)


def _claim(app: EntityDrop, facts: DocumentFacts, owner: str, pieces: int, warnings: tuple[str, ...]) -> Claimed | None:
    # Most documents are new: try that first, and read the record only where there is one.
    record, etag = None, None
    for _ in range(MAX_RACES):
        if record and etag and record.owner == owner and record.document.etag == facts.etag:
            return Claimed(record=record, etag=etag)  # The storage took our claim; its answer was lost on the way.
        if record and not _may_claim(app, record, facts):
            return None
        try:
            claimed = claim(
                record,
                facts,
                owner,
                app.clock(),
                pieces=pieces,
                warnings=warnings,
                trace_parent=telemetry.trace_parent(),
            )
            saved = app.states.save_document(claimed, etag)
        except Changed:
            record, etag = app.states.document(facts.name)
            continue
        telemetry.documents_in.add(1)
        return Claimed(record=claimed, etag=saved)
    raise Changed(facts.name)


def _may_claim(app: EntityDrop, record: DocumentRecord, facts: DocumentFacts) -> bool:
    """Whether a document that has a record needs a new owner for the version in `facts`."""
    if record.document.etag == facts.etag:
        return record.is_pending and not app.states.is_alive(record.owner)
    # Which of the two versions is newer? Only the one that the document has now, and it was looked at last.
    try:
        return app.documents.look(facts.name).etag == facts.etag
    except Missing:
        return False


def new_id() -> str:
    """Return an id for a job."""
    return uuid.uuid4().hex
