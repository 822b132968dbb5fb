"""Reads a dropped document and says what it is, as a value: nothing is written here."""

import hashlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from .. import problems
from ..core.extracted_texts import chunks_of_text, text_facts
from ..core.records import DocumentFacts
from ..core.work import WorkSpec
from ..document_languages import language_code
from ..errors import Changed, DocumentError, Missing, Problem, UnsafeName
from ..storage.containers import Blob, BlobInfo, check_name
from ..storage.extracted_store import WorkingCopy, copy_key
from ..text.chunks import ReadyChunk, cut
from ..text.compression import Unpacked, is_compressed, unpack
from ..text.decoding import check_size, decode
from ..text.formats import HEAD_BYTES
from .extractor import Extractor
from .working_copies import key_of

logger = logging.getLogger(__name__)

LARGE_BYTES = 1024 * 1024
"""What one request brings (`clients.MAX_SINGLE_GET_BYTES`): a document of up to so many bytes is read at once; a larger
one waits for its place first."""

MAX_RACES = 20
"""Times that a read may find the document changed before the event is given back to the host."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that fits into a request; `copy` is to be kept before anything refers to it, where there is one."""

    chunk: ReadyChunk
    copy: WorkingCopy | None = None


@dataclass(frozen=True, slots=True)
class LongDocument:
    """A document that takes several requests; `copy` as for `Ready`."""

    chunks: tuple[ReadyChunk, ...]
    copy: WorkingCopy | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file with pages that OCR is to read first: one chunk without text; `copy` is the text beside them, or blank."""

    chunks: tuple[ReadyChunk]
    copy: WorkingCopy


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that can not be read, and why: it is to get an error report."""

    facts: DocumentFacts
    work: WorkSpec
    problem: Problem


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no document of this name: it was deleted, or the blob only marks a folder."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A rule leaves the document alone; it is recorded nowhere."""


IntakeOutcome = Ready | LongDocument | Scanned | Rejected | Gone | Ignored
"""What a dropped blob is."""


class WorkRules(Protocol):
    """Tells what is to be done with documents."""

    def work_for(self, document: str) -> WorkSpec | None:
        """Return what is done with a document of a name; None where a rule ignores it. Raises `RulesUnreadable`."""

    def work_for_report(self, document: str) -> WorkSpec:
        """Return what would be done with a document that is only reported. Raises nothing."""


class ReadableDocuments(Protocol):
    """Where documents are read from: the intake, or what is to become part of it. As in `DocumentStore`."""

    def read(self, name: str, *, limit: int) -> Blob:
        """Return a document, without its content where it has more than `limit` bytes."""

    def read_part(self, name: str, etag: str, start: int | None, end: int | None) -> bytes:
        """Return bytes `start` to `end` of a document, or all of it, at the version `etag`."""

    def find(self, name: str) -> BlobInfo:
        """Return which version of a document there is, whatever its name."""


class Intake:
    """Reads documents. `rules` say what is to be done with each.

    `large_documents` bounds how many documents of more than `LARGE_BYTES` are held in memory at the same time. Text may
    have `max_document_bytes`, other files `max_file_bytes`.
    """

    def __init__(
        self,
        documents: ReadableDocuments,
        rules: WorkRules,
        extractor: Extractor,
        max_document_bytes: int,
        max_file_bytes: int,
        large_documents: threading.Semaphore,
    ) -> None:
        self._documents = documents
        self._rules = rules
        self._extractor = extractor
        self._max_document_bytes = max_document_bytes
        self._max_file_bytes = max(max_file_bytes, max_document_bytes)
        self._large_documents = large_documents

    def read(self, name: str) -> IntakeOutcome:
        """Return what the blob `name` is.

        Raises `RulesUnreadable`, and what the storage raises, also for an archived blob.
        """
        try:
            check_name(name)
        except UnsafeName:
            return self._unsafe(name)
        work = self._rules.work_for(name)
        if work is None:
            logger.debug("A rule ignores document %r.", name)
            return Ignored()
        try:
            blob = self._read(name, LARGE_BYTES)
            is_whole = len(blob.data) == blob.info.size_bytes
            if is_whole and not is_compressed(blob.data, blob.info.content_encoding):
                return self._decoded(blob, work)
            with self._large_documents:
                return self._decoded(blob if is_whole else self._read_large(blob.info), work)
        except Missing:
            return _gone(name)

    def facts_of(self, info: BlobInfo) -> DocumentFacts:
        """Return what is known of a document that was not read."""
        return DocumentFacts(
            name=info.name,
            etag=info.etag,
            last_modified=info.last_modified,
            size_bytes=info.size_bytes,
            language=self._rules.work_for_report(info.name).language,
        )

    def rejected(self, info: BlobInfo, problem: Problem) -> Rejected:
        """Return a document that was not read as one that is to get an error report."""
        return Rejected(self.facts_of(info), self._rules.work_for_report(info.name), problem)

    def _read(self, name: str, limit: int) -> Blob:
        """Return a document as it is now, without its content where it is over the limit."""
        for _ in range(MAX_RACES):
            try:
                return self._documents.read(name, limit=limit)
            except Changed:
                continue  # It was replaced while it was read; the newer version is the one to read.
        raise Changed(name)

    def _read_large(self, info: BlobInfo) -> Blob:
        """Return a document of more than `LARGE_BYTES`, without its content where it is over its limit.

        Between the two limits its beginning decides which of them holds, and the rest is read only if it may have that
        size.
        """
        limit = self._max_document_bytes
        if limit < info.size_bytes <= self._max_file_bytes:
            head = self._documents.read_part(info.name, info.etag, 0, HEAD_BYTES)
            if not self._extractor.kind_of(head).is_text:
                limit = self._max_file_bytes
        return self._read(info.name, limit)

    def _unsafe(self, name: str) -> IntakeOutcome:
        """Return the rejection of a name that no request may be made with. A listing takes it."""
        try:
            return self.rejected(self._documents.find(name), problems.UNSAFE_NAME.problem(name=name))
        except Missing:
            return _gone(name)

    def _decoded(self, blob: Blob, work: WorkSpec) -> IntakeOutcome:
        info = blob.info
        if info.is_folder:
            logger.debug("Blob %r marks a folder and is no document.", info.name)
            return Gone()
        facts = self.facts_of(info)
        try:
            language = _own_language(info.metadata)
            facts = msgspec.structs.replace(facts, language=language or work.language)
            self._check_size(blob)
            unpacked = unpack(blob.data, info.content_encoding, self._max_document_bytes)
            if self._extractor.kind_of(unpacked.data[:HEAD_BYTES]).is_file:
                return self._extracted(blob, facts, work, language, unpacked)
            decoded = decode(unpacked.data, info.content_type, unpacked.warnings)
        except DocumentError as error:
            return Rejected(facts, work, error.problem)
        facts = _read_facts(facts, decoded.encoding, decoded.text)
        chunks = cut(facts, unpacked.data, decoded, work, content_encoding=unpacked.content_encoding)
        digest = _digest(blob)
        return _outcome(
            tuple(
                replace(one, chunk=msgspec.structs.replace(one.chunk, language=language), content_sha256=digest)
                for one in chunks
            ),
            None,
        )

    def _extracted(
        self, blob: Blob, facts: DocumentFacts, work: WorkSpec, language: str | None, unpacked: Unpacked
    ) -> IntakeOutcome:
        """Return what a file is whose text is extracted. Raises `DocumentError`."""
        name, version = blob.info.name, self._extractor.version
        extracted, reading = self._extractor.extract(unpacked.data)
        text = extracted.text
        # What OCR completes, and what is to be unpacked first, is not extracted again.
        if reading or unpacked.content_encoding:
            key = copy_key(name, blob.info.etag, version)
        else:
            key = key_of(name, blob.info.etag, version, blob.info.size_bytes, text)
        copy = WorkingCopy(key, text, extracted.locations)
        facts = _read_facts(facts, "utf-8", text)
        known = text_facts(name, text, extracted.format, version)
        warnings = tuple(str(warning) for warning in (*unpacked.warnings, *extracted.warnings))
        digest = _digest(blob)
        chunks = tuple(
            replace(one, text_facts=known, warnings=warnings, content_sha256=digest, reading=reading)
            for one in chunks_of_text(facts, "" if reading else text, work, copy.key, language)
        )
        if not reading:
            return _outcome(chunks, copy)
        (whole,) = chunks
        stored = msgspec.structs.replace(whole.chunk, content_encoding=unpacked.content_encoding)
        return Scanned((replace(whole, chunk=stored),), copy)

    def _check_size(self, blob: Blob) -> None:
        """Refuse what is larger than its limit; its content was not read then. Raises `DocumentError`."""
        size = blob.info.size_bytes
        if size > self._max_file_bytes:
            raise DocumentError(problems.FILE_TOO_LARGE.problem(size=size, limit=self._max_file_bytes))
        if len(blob.data) < size or size == 0:
            check_size(size, self._max_document_bytes)


def _read_facts(facts: DocumentFacts, encoding: str, text: str) -> DocumentFacts:
    return msgspec.structs.replace(facts, encoding=encoding, characters=len(text))


def _outcome(chunks: tuple[ReadyChunk, ...], copy: WorkingCopy | None) -> IntakeOutcome:
    return Ready(chunks[0], copy) if len(chunks) == 1 else LongDocument(chunks, copy)


def _digest(blob: Blob) -> str:
    return hashlib.sha256(blob.data).hexdigest()


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
