"""From a dropped document to a job at the service, its request shared with the documents that arrive with it.

The order of a submission: (a) the job's message, hidden for a minute, (b) its record, (c) each document is claimed
for the job, (d) POST, (e) the message is made visible when the first poll is due, and the record is saved. A worker
that dies between any two of these leaves an event that comes again or a message that comes back.
"""

import contextlib
import logging
import threading
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import msgspec

from .. import telemetry
from ..app import LARGE_BYTES, EntityDrop
from ..errors import Changed, DocumentError, Missing, Problem
from ..pipeline.decisions import RESERVATION, nothing_left
from ..pipeline.decoding import check_size, decode
from ..pipeline.documents import DocumentFacts, DocumentRecord
from ..pipeline.jobs import Job, JobMessage, JobState
from ..pipeline.packing import Load, pack
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


LONGEST_WAIT_IN_LINGERS = 5
"""A lone document waits for one linger. As long as company keeps coming, the first one waits on, up to so many: a
request that is half full costs as much as a full one, and who waits in a rush would wait for the next request."""


class Submitter:
    """Submits documents. Runs that happen at the same time share a job: the first leads, the others follow.

    One instance serves all threads of a worker. There is no thread of its own: the leader's run opens the job and
    sends the request, and each run claims its own document and returns as soon as that is safely in the job.
    """

    def __init__(self, app: EntityDrop) -> None:
        self._app = app
        self._open: _Batch | None = None
        self._lock = threading.Lock()

    def submit(self, name: str, trace_parent: str | None = None) -> None:
        """Take a document on; return when a job owns it, or its error report is written, or there is nothing to do.

        `trace_parent` is the span of the run that brought the document, where the host has one.
        """
        with telemetry.span("submit", parent=trace_parent, document=name):
            item = take_on(self._app, name)
            if item:
                self._join(item)

    def _join(self, item: ReadyPiece) -> None:
        batch, is_leader = self._board(item)
        if is_leader:
            self._wait_for_company(batch)
            batch.lead(self._app)
        batch.outcome(self._app, item)

    def _wait_for_company(self, batch: "_Batch") -> None:
        """Return when the batch is full, or when nobody has joined it for a linger; from then on nobody can."""
        linger_s = self._app.settings.batch_linger_ms / 1000
        for _ in range(LONGEST_WAIT_IN_LINGERS):
            joined = len(batch.claims)
            if batch.full.wait(linger_s) or len(batch.claims) == joined:
                break
        with self._lock:
            if self._open is batch:
                self._open = None

    def _board(self, item: ReadyPiece) -> tuple["_Batch", bool]:
        """Put an item into the open batch, or into a new one; whoever opens a batch leads it."""
        with self._lock:
            batch, is_leader = self._open, False
            if batch is None or not batch.load.takes(item):
                if batch:
                    batch.full.set()
                batch, is_leader = _Batch(), True
                self._open = batch
            if item.version not in batch.claims:
                batch.load.add(item)
                batch.claims[item.version] = _Claim()
            if batch.load.is_full:
                batch.full.set()
                self._open = None
            return batch, is_leader


class _Claim:
    """The claim of one document of a batch: made once, by whichever run comes first, and seen by all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Future[bool] = Future()

    def make(self, app: EntityDrop, job: Job, item: ReadyPiece) -> None:
        with self._lock:
            if self._made.done():
                return
            try:
                self._made.set_result(claim_document(app, job.owner, item))
            except BaseException as error:
                self._made.set_exception(error)
                if not isinstance(error, Exception):
                    raise

    def result(self) -> bool:
        """Wait for the claim and return whether the document is ours. Raises what kept it from being made."""
        return self._made.result()

    def is_ours(self) -> bool:
        """Wait for the claim and return whether the document is ours; its own run raises what went wrong."""
        return self.is_certain() and self._made.result()

    def is_certain(self) -> bool:
        """Wait for the claim and return whether it is known how it ended."""
        return self._made.exception() is None


@dataclass(slots=True)
class _Batch:
    """Documents that share a job."""

    load: Load[ReadyPiece] = field(default_factory=Load)
    full: threading.Event = field(default_factory=threading.Event)
    job: "Future[Job]" = field(default_factory=Future)
    claims: dict[tuple[str, str], _Claim] = field(default_factory=dict)

    def lead(self, app: EntityDrop) -> None:
        """Open the job, wait until every document is claimed or is not ours, and send the request."""
        try:
            opened = open_job(app, self.load.items)
        except BaseException as error:
            self.job.set_exception(error)
            raise
        self.job.set_result(opened.job)
        own = self.load.items[0]
        self.claims[own.version].make(app, opened.job, own)
        ours = [item for item in self.load.items if self.claims[item.version].is_ours()]
        if all(claim_of_item.is_certain() for claim_of_item in self.claims.values()):
            send(app, opened, ours)
        # Otherwise the storage may have taken a claim and failed to say so. Who left that document out would own it
        # for nothing; so the job waits for its message, when `advance` asks the records which documents it has.

    def outcome(self, app: EntityDrop, item: ReadyPiece) -> None:
        """Claim one document once the job is open; return when that is settled, or raise what went wrong."""
        claim_of_item = self.claims[item.version]
        claim_of_item.make(app, self.job.result(), item)
        claim_of_item.result()


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
        if len(blob.data) == blob.info.size_bytes:
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
        decoded = decode(blob.data)
    except DocumentError as error:
        report(app, facts, error.problem)
        return None
    facts = msgspec.structs.replace(facts, encoding=decoded.encoding, characters=len(decoded.text))
    pieces = cut(facts, blob.data, decoded, settings.string_index_type)
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


def send(app: EntityDrop, opened: OpenJob, items: Sequence[ReadyPiece]) -> None:
    """Send the request of an open job with those of its items that were claimed for it."""
    job = msgspec.structs.replace(opened.job, pieces=tuple(item.piece for item in items))
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
        ours = run_all(app, partial(claim_document, app, opened.job.owner), items)
        send(app, opened, [item for item, is_ours in zip(items, ours, strict=True) if is_ours])


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


def _put_back(app: EntityDrop, part: Job) -> None:
    """Record a part once more that was seen before its document was claimed: it had no document, and has ended."""
    with contextlib.suppress(Changed):
        app.states.save_job(part, None)


def claim_document(app: EntityDrop, owner: str, item: ReadyPiece) -> bool:
    """Take a document on for `owner`; return False where it is done, in good hands, or replaced by a newer version."""
    return _claim(app, item.facts, owner, item.piece.count, item.warnings)


def _claim(app: EntityDrop, facts: DocumentFacts, owner: str, pieces: int, warnings: tuple[str, ...]) -> bool:
    # Most documents are new: try that first, and read the record only where there is one.
    record, etag = None, None
    for _ in range(MAX_RACES):
        if record and record.owner == owner and record.document.etag == facts.etag:
            return True  # The storage took our claim and its answer was lost on the way.
        if record and not _may_claim(app, record, facts):
            return False
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
            app.states.save_document(claimed, etag)
        except Changed:
            record, etag = app.states.document(facts.name)
            continue
        telemetry.documents_in.add(1)
        return True
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
