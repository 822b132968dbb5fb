"""Reads a dropped document and says what it is, as a value: nothing is written here."""

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from .. import problems
from ..core.records import DocumentFacts
from ..core.work import WorkSpec
from ..document_languages import language_code
from ..errors import Changed, DocumentError, Missing, Problem, UnsafeName
from ..storage.containers import Blob, BlobInfo, check_name
from ..storage.document_store import DocumentStore
from ..text.chunks import ReadyChunk, cut
from ..text.compression import is_compressed, unpack
from ..text.decoding import check_size, decode

logger = logging.getLogger(__name__)

LARGE_BYTES = 1024 * 1024
"""What one request brings (`clients.MAX_SINGLE_GET_BYTES`): a document of up to so many bytes is read at once; a larger
one waits for its place first."""

MAX_RACES = 20
"""Times that a read may find the document changed before the event is given back to the host."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that fits into a request."""

    chunk: ReadyChunk


@dataclass(frozen=True, slots=True)
class LongDocument:
    """A document that takes several requests."""

    chunks: tuple[ReadyChunk, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that can not be read, and why: it is to get an error report."""

    facts: DocumentFacts
    work: WorkSpec
    problem: Problem


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no document of this name: it was deleted, or the blob only marks a folder."""


IntakeOutcome = Ready | LongDocument | Rejected | Gone
"""What a dropped blob is."""


class Intake:
    """Reads documents. `choose_work` says what is to be done with a document of a name.

    `large_documents` bounds how many documents of more than `LARGE_BYTES` are held in memory at the same time.
    """

    def __init__(
        self,
        documents: DocumentStore,
        choose_work: Callable[[str], WorkSpec],
        max_document_bytes: int,
        large_documents: threading.Semaphore,
    ) -> None:
        self._documents = documents
        self._choose_work = choose_work
        self._max_document_bytes = max_document_bytes
        self._large_documents = large_documents

    def read(self, name: str) -> IntakeOutcome:
        """Return what the blob `name` is. Raises what the storage raises, also for an archived blob."""
        try:
            check_name(name)
        except UnsafeName:
            return self._unsafe(name)
        try:
            blob = self._read(name, LARGE_BYTES)
            is_whole = len(blob.data) == blob.info.size_bytes
            if is_whole and not is_compressed(blob.data, blob.info.content_encoding):
                return self._decoded(blob)
            with self._large_documents:
                return self._decoded(self._read(name, self._max_document_bytes))
        except Missing:
            return _gone(name)

    def facts_of(self, info: BlobInfo) -> DocumentFacts:
        """Return what is known of a document that was not read."""
        return DocumentFacts(
            name=info.name,
            etag=info.etag,
            last_modified=info.last_modified,
            size_bytes=info.size_bytes,
            language=self._choose_work(info.name).language,
        )

    def rejected(self, info: BlobInfo, problem: Problem) -> Rejected:
        """Return a document that was not read as one that is to get an error report."""
        return Rejected(self.facts_of(info), self._choose_work(info.name), problem)

    def _read(self, name: str, limit: int) -> Blob:
        """Return a document as it is now, without its content where it is over the limit."""
        for _ in range(MAX_RACES):
            try:
                return self._documents.read(name, limit=min(limit, self._max_document_bytes))
            except Changed:
                continue  # It was replaced while it was read; the newer version is the one to read.
        raise Changed(name)

    def _unsafe(self, name: str) -> IntakeOutcome:
        """Return the rejection of a name that no request may be made with. A listing takes it."""
        try:
            return self.rejected(self._documents.find(name), problems.UNSAFE_NAME.problem(name=name))
        except Missing:
            return _gone(name)

    def _decoded(self, blob: Blob) -> IntakeOutcome:
        info, work = blob.info, self._choose_work(blob.info.name)
        if info.is_folder:
            logger.debug("Blob %r marks a folder and is no document.", info.name)
            return Gone()
        facts = self.facts_of(info)
        try:
            language = _own_language(info.metadata)
            facts = msgspec.structs.replace(facts, language=language or work.language)
            check_size(info.size_bytes, self._max_document_bytes)
            unpacked = unpack(blob.data, info.content_encoding, self._max_document_bytes)
            decoded = decode(unpacked.data, info.content_type, unpacked.warnings)
        except DocumentError as error:
            return Rejected(facts, work, error.problem)
        facts = msgspec.structs.replace(facts, encoding=decoded.encoding, characters=len(decoded.text))
        digest = hashlib.sha256(blob.data).hexdigest()
        chunks = tuple(
            replace(one, chunk=msgspec.structs.replace(one.chunk, language=language), content_sha256=digest)
            for one in cut(facts, unpacked.data, decoded, work, content_encoding=unpacked.content_encoding)
        )
        return Ready(chunks[0]) if len(chunks) == 1 else LongDocument(chunks)


def _gone(name: str) -> Gone:
    logger.info("Document %r is gone.", name, extra={"action": "document_gone", "document": name})
    return Gone()


def _own_language(metadata: Mapping[str, str]) -> str | None:
    """Return the language that a document's metadata name; None where they name none. Raises `DocumentError`."""
    language = next((value.strip() for key, value in metadata.items() if key.lower() == "language"), "")
    if not language:
        return None
    try:
        return language_code(language)
    except ValueError as error:
        raise DocumentError(problems.INVALID_LANGUAGE.problem(language=language[:40], expected=error)) from error
