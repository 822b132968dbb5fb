"""The app's own records: documents, jobs, and the results of chunks that wait for their siblings.

Every save is a compare-and-set on the ETag that came with the record; a lost race raises `Changed`. Whatever reads a
record raises `NewerRecord` where a newer release has written it.
"""

import hashlib
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, TypeVar

from ..core.documents import Claim, DocumentRecord, Refusal
from ..core.jobs import Job
from ..core.names import fitting_name, is_shortened
from ..core.records import Record
from ..errors import Missing, NewerRecord, Problem, RecordError, UnsafeName
from ..tasks.task import ChunkResult
from .containers import BlobInfo, Container, Page
from .record_format import decode, encode, version_metadata

logger = logging.getLogger(__name__)

DOCUMENTS, JOBS, CHUNKS, QUARANTINE = "documents/", "jobs/", "pieces/", "set-aside/"
"""The last two have kept the names that the first release gave them."""
REFUSED = "refused/"


C = TypeVar("C", bound=ChunkResult)


class ListedJob(NamedTuple):
    """What a listing tells of a job; `due` and `created` are None where its metadata can not be read."""

    id: str
    due: datetime | None
    created: datetime | None
    chunks: int
    state: str = ""
    reason: str = ""
    """Why it waits: the code of the problem that its last submission or poll had."""


class ListedRefusal(NamedTuple):
    """What a listing tells of a refusal: its key, the storage's code, and whether the document has its report."""

    key: str
    code: str
    is_reported: bool


class RecordStore:
    """Keeps the records in the state container."""

    def __init__(self, container: Container) -> None:
        self._container = container

    # --- Documents ---

    def document(self, name: str) -> tuple[DocumentRecord | None, str | None]:
        """Return the record of a document and its ETag; (None, None) where there is none.

        A record that can not be read is worth as much as none, but its ETag is returned so that it is overwritten.
        """
        try:
            blob = self._container.read(_document_name(name))
        except Missing:
            return None, None
        try:
            return decode(blob, DocumentRecord), blob.info.etag
        except RecordError as error:
            logger.warning("A document record can not be read: %s", error, extra={"action": "record_quarantined"})
            return None, blob.info.etag

    def claimed_document(self, claim: Claim) -> tuple[DocumentRecord | None, str | None]:
        """Return the record of a document as `document` does, for the owner of a claim.

        A record by which a newer release has given the document to another owner is (None, None): whatever else it
        says, it is not for this owner.
        """
        try:
            return self.document(claim.document)
        except NewerRecord as error:
            if error.owner == claim.owner:
                raise
            return None, None

    def save_document(self, record: DocumentRecord, etag: str | None) -> str:
        """Save a record over the version `etag`, or create it where that is None. Raises `Changed`."""
        return self._save(_document_name(record.document.name), record, etag, record.metadata())

    def delete_document(self, name: str, etag: str) -> None:
        """Delete the record of a document that is gone. Raises `Missing` and `Changed`."""
        self._container.delete(_document_name(name), if_match=etag)

    def document_blob(self, name: str) -> str:
        """Return the name of the blob with the record of a document."""
        return _document_name(name)

    def list_documents(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the record of every document whose name begins with `prefix`, under the document's name.

        It has its metadata and not its content. Left out are those of the very longest names, which their records'
        names do not tell; see `unlisted_document`.
        """
        for info in self._container.list(DOCUMENTS + prefix):
            if not is_shortened(info.name):
                yield info._replace(name=info.name.removeprefix(DOCUMENTS))

    def documents_page(self, prefix: str, marker: str, most: int) -> Page:
        """Return some of the records that `list_documents` yields, those of the very longest names among them.

        Each has the document's name, but for the last ones, which have that of their blob; see `name_in`.
        """
        blobs, following = self._container.list_page(DOCUMENTS + prefix, marker, most)
        named = [
            info if is_shortened(info.name) else info._replace(name=info.name.removeprefix(DOCUMENTS)) for info in blobs
        ]
        return Page(named, following)

    def name_in(self, blob: str) -> str | None:
        """Return which document the record in a blob is of; None where that can not be read."""
        try:
            return decode(self._container.read(blob), DocumentRecord).document.name
        except (Missing, RecordError, NewerRecord):
            return None

    def find_document(self, name: str) -> BlobInfo | None:
        """Return the record of a document as `list_documents` does; None where there is none."""
        try:
            return self._container.get_properties(_document_name(name))._replace(name=name)
        except Missing:
            return None

    def unlisted_document(self, name: str) -> BlobInfo | None:
        """Return what `list_documents` leaves out of a document with one of the very longest names; None for others."""
        return self.find_document(name) if is_shortened(_document_name(name)) else None

    # --- Jobs ---

    def job(self, job_id: str) -> tuple[Job, str]:
        """Return a job and its ETag. Raises `Missing`, and `RecordError` where it can not be read."""
        try:
            blob = self._container.read(_job_name(job_id))
        except UnsafeName as error:
            raise Missing(job_id) from error  # No job of ours has such an id.
        job = decode(blob, Job)
        if job.due.tzinfo is None or job.created.tzinfo is None:
            raise RecordError(f"{blob.info.name!r} has a time without a zone")
        return job, blob.info.etag

    def save_job(self, job: Job, etag: str | None) -> str:
        """Save a job over the version `etag`, or create it where that is None. Raises `Changed`."""
        return self._save(_job_name(job.id), job, etag, job.metadata())

    def delete_job(self, job_id: str, etag: str) -> None:
        """Delete the record of a job that has ended. Raises `Missing` and `Changed`."""
        self._container.delete(_job_name(job_id), if_match=etag)

    def is_alive(self, owner: str) -> bool:
        """Whether a job, a part of it or a half of it is still under way; all their ids begin with the owner's."""
        return next(self._container.list(JOBS + owner), None) is not None

    def first_job_of(self, owner: str) -> Job | None:
        """Return a job that works for an owner: itself, a part of it or a half of it; None where none is there."""
        found = next(self._container.list(JOBS + owner), None)
        if found is None:
            return None
        try:
            return self.job(found.name.removeprefix(JOBS).removesuffix(".json"))[0]
        except Missing:
            return None

    def list_jobs(self, owner: str = "") -> Iterator[ListedJob]:
        """Yield every job, or those of an owner.

        What is not named like a job's record is not ours and is left out, with a log line.
        """
        for info in self._container.list(JOBS + owner):
            job_id, ending, rest = info.name.removeprefix(JOBS).partition(".json")
            if not ending or rest:
                logger.warning("Not a job record: %s", info.name, extra={"action": "record_quarantined"})
                continue
            try:
                due, created = _moment(info.metadata["due"]), _moment(info.metadata["created"])
                state, reason = info.metadata["state"], info.metadata.get("reason", "")
                yield ListedJob(job_id, due, created, int(info.metadata["pieces"]), state, reason)
            except (KeyError, ValueError):
                yield ListedJob(job_id, None, None, 0)

    def quarantine_job(self, job_id: str) -> None:
        """Move a job record that can not be read out of the way, for somebody to look at."""
        try:
            blob = self._container.read(_job_name(job_id))
        except Missing:
            return
        self._container.write(QUARANTINE + _job_name(job_id), blob.data)
        self._container.delete(_job_name(job_id), if_match=blob.info.etag)

    # --- Documents that the storage refuses ---

    def refusal(self, name: str) -> tuple[Refusal | None, str | None]:
        """Return what is kept of a document that the storage refuses, and its ETag; (None, None) for others."""
        return self.refusal_at(refusal_key(name))

    def refusal_at(self, key: str) -> tuple[Refusal | None, str | None]:
        """Return the refusal with a listed key, and its ETag; one that can not be read is (None, its ETag)."""
        try:
            blob = self._container.read(f"{REFUSED}{key}.json")
        except Missing:
            return None, None
        try:
            return decode(blob, Refusal), blob.info.etag
        except RecordError as error:
            logger.warning("A record can not be read: %s", error, extra={"action": "record_quarantined"})
            return None, blob.info.etag

    def save_refusal(self, refusal: Refusal, etag: str | None) -> str:
        """Save a refusal over the version `etag`, or create it where that is None. Raises `Changed`."""
        return self._save(f"{REFUSED}{refusal_key(refusal.name)}.json", refusal, etag, refusal.metadata())

    def delete_refusal(self, key: str, etag: str) -> None:
        """Delete a refusal that is over. Raises `Missing` and `Changed`."""
        self._container.delete(f"{REFUSED}{key}.json", if_match=etag)

    def list_refusals(self) -> Iterator[ListedRefusal]:
        """Yield every refusal."""
        for info in self._container.list(REFUSED):
            key = info.name.removeprefix(REFUSED).removesuffix(".json")
            yield ListedRefusal(key, info.metadata.get("code", ""), info.metadata.get("reported") == "true")

    # --- Results of chunks ---

    def save_chunk(
        self, owner: str, document: str, index: int, task: str | None, result: ChunkResult | Problem
    ) -> None:
        """Keep what a task has come to for a chunk; doing it again changes nothing that matters.

        `task` is None for the only task of a document.
        """
        kept = _ChunkProblem(problem=result) if isinstance(result, Problem) else result
        ending = "failed.json" if isinstance(result, Problem) else "json"
        self._container.write(f"{_chunks(owner, document)}{_of_task(index, task)}.{ending}", encode(kept))

    def count_chunks(self, owner: str, document: str) -> int:
        """Return how many results of chunks of a document have come, over all tasks."""
        return sum(1 for _ in self._container.list(_chunks(owner, document)))

    def chunks(self, owner: str, document: str, task: str | None, kind: type[C]) -> Iterator[C | Problem]:
        """Yield what a task has come to for the chunks of a document, as far as it is still there.

        Where a task has ended in two ways for a chunk, what was found counts.
        """
        results = {info.name for info in self._container.list(_chunks(owner, document)) if _belongs_to(info.name, task)}
        for name in sorted(results):
            is_failed = name.endswith(".failed.json")
            if is_failed and name.removesuffix(".failed.json") + ".json" in results:
                continue
            try:
                blob = self._container.read(name)
            except Missing:
                continue
            yield decode(blob, _ChunkProblem).problem if is_failed else decode(blob, kind)

    def delete_chunks(self, owner: str, document: str) -> None:
        """Delete the results of chunks that have been merged, or are not wanted any more."""
        for info in list(self._container.list(_chunks(owner, document))):
            try:
                self._container.delete(info.name)
            except Missing:
                continue

    def _save(self, name: str, record: Record, etag: str | None, metadata: dict[str, str]) -> str:
        metadata = metadata | version_metadata()
        return self._container.write(name, encode(record), if_match=etag, if_absent=etag is None, metadata=metadata)


class _ChunkProblem(Record, frozen=True, kw_only=True):
    """Why a task has no result for a chunk."""

    problem: Problem


def _of_task(index: int, task: str | None) -> str:
    return f"{index}" if task is None else f"{index}.{task}"


def _belongs_to(name: str, task: str | None) -> bool:
    """Whether a kept result is that of a task: `<index>.<task>.json`, without the task where it is the only one."""
    index, _, rest = name.rpartition("/")[2].partition(".")
    return index.isdecimal() and rest.removesuffix("json").removesuffix("failed.").rstrip(".") == (task or "")


def _moment(text: str) -> datetime:
    """Return a time as metadata have it; raise `ValueError` where it has no zone, too."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no zone in {text!r}")
    return moment


def refusal_key(name: str) -> str:
    """Return the key that the refusal of a document is kept under: a digest, for a name may be as long as a blob's."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _document_name(name: str) -> str:
    return fitting_name(DOCUMENTS, name, "")


def _job_name(job_id: str) -> str:
    return f"{JOBS}{job_id}.json"


def _chunks(owner: str, document: str) -> str:
    return f"{CHUNKS}{owner}{chunk_folder(document)}"


def chunk_folder(document: str) -> str:
    """Return the part of the names of kept results of chunks that stands for their document, whoever their owner is."""
    # A digest, because a document's name may be as long as a blob's name can be.
    return f"/{hashlib.sha256(document.encode()).hexdigest()[:32]}/"
