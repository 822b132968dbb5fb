"""Submits documents that sweep, reconcile and rescue have found, and looks after those that the storage refuses.

A document may fail by itself: it is reported, remembered as refused, or left for the next run, and the others go on.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from .. import problems
from ..core.documents import DocumentState, Refusal
from ..core.lifecycle import finished_tasks, refusal_reported
from ..errors import Changed, Fault, Missing, NewerRecord, RulesUnreadable, StorageOutcome, UnsafeName
from ..storage.containers import ARCHIVED_CODES, is_refusal, storage_code
from ..storage.document_store import DocumentStore
from ..storage.record_store import ListedRefusal, RecordStore, refusal_key
from ..text.chunks import ReadyChunk, Retake
from .claiming import Reports
from .failures import Failures
from .intake import Gone, Ignored, Intake, LongDocument, Ready, Rejected, Scanned
from .parallel import run_all
from .refusals import RULES_UNREADABLE, Refusals
from .submission import Submission
from .texts import TextReader

logger = logging.getLogger(__name__)

REFUSED_ALONE = timedelta(hours=1)
"""How long the storage may refuse a document while it gives out others before the document is reported."""

OWN_CODES = (*ARCHIVED_CODES, "BlobUsesCustomerSpecifiedEncryption")
"""Refusals that say by themselves that they are about this blob only ("Blob Storage error codes", read 2026-11)."""

CONTROL_READS = 5
"""Other documents that are tried before the storage counts as refusing all of them."""


class Found(NamedTuple):
    """A document to be submitted, perhaps although its record has ended."""

    name: str
    retake: Retake | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """Reads, submits and reports single documents, and knows what the storage refuses.

    `give_up` is how long a document may wait for an outage, or for its way out of the archive tier.
    """

    documents: DocumentStore
    records: RecordStore
    intake: Intake
    texts: TextReader
    submission: Submission
    reports: Reports
    refusals: Refusals
    threads: Executor
    clock: Callable[[], datetime]
    give_up: timedelta

    def read(self, one: Found) -> ReadyChunk | None:
        """Read a document, and return it where it can share a request; else do what is to be done with it."""
        match self.intake.read(one.name):
            case Ready(chunk, copy):
                self.texts.keep_copy(copy)
                return self._retaken(one, [chunk])[0]
            case LongDocument(chunks, copy) | Scanned(chunks, copy):
                self.texts.keep_copy(copy)
                self.submission.submit_later(self._retaken(one, chunks))
            case Rejected() as rejected:
                self.reports.write(rejected, one.retake)
            case Gone() | Ignored():
                pass
        return None

    def _retaken(self, one: Found, chunks: Sequence[ReadyChunk]) -> list[ReadyChunk]:
        """Return the chunks of a document as they are taken up again: for the tasks only that have no result yet."""
        first, done = chunks[0], tuple[str, ...]()
        # Whoever deletes a result asks for all of them. And OCR reads the text anew.
        if one.retake and not one.retake.is_replay and not first.reading:
            record, etag = self.records.document(one.name)
            if etag == one.retake.record_etag:
                done = finished_tasks(record, first.facts, first.work, first.text_facts)
        return [replace(chunk, retake=one.retake, done=done) for chunk in chunks]

    def submit_alone(self, one: Found) -> None:
        """Read and submit a document by itself."""
        ready = self.read(one)
        if ready:
            self.submission.submit([ready])

    def report_unprocessable(self, one: Found, error: Exception) -> None:
        """Write the error report of a document at which the app itself fails."""
        logger.error(
            "Document %r can not be submitted.",
            one.name,
            exc_info=error,
            extra={"action": "document_unprocessable", "document": one.name},
        )
        problem = problems.UNPROCESSABLE.problem(error=type(error).__name__)
        try:
            info = self.documents.get_properties(one.name)
        except Missing:
            return
        self.reports.write(self.intake.rejected(info, problem), one.retake)

    def report_unsafe_name(self, name: str) -> None:
        """Write the error report of a document whose name no request may be made with."""
        rejected = self.intake.read(name)
        if isinstance(rejected, Rejected):
            self.reports.write(rejected)

    def report_refused(self, one: Found, refusal: Refusal, etag: str) -> None:
        """Write the error report of a document that the storage refuses, and remember that it is written."""
        problem = problems.STORAGE_REFUSES.problem(storage_code=refusal.code, since=refusal.first_seen)
        try:
            info = self.documents.get_properties(one.name)
        except Missing:
            self.records.delete_refusal(refusal_key(one.name), etag)
            return
        self.reports.write(self.intake.rejected(info, problem), one.retake)
        self.records.save_refusal(refusal_reported(refusal), etag)

    def refused_document(self, name: str) -> Found | None:
        """Return a refused document as it is to be submitted; None where it is gone, done, or reported for itself."""
        try:
            info = self.documents.get_properties(name)
        except Missing:
            return None
        record, etag = self.records.document(name)
        if record is None or record.is_pending or record.document.etag != info.etag:
            return Found(name)
        is_refused = record.last_error is not None and record.last_error.fault is Fault.STORAGE
        is_to_be_retaken = record.state is DocumentState.FAILED and is_refused
        return Found(name, Retake(etag)) if etag and is_to_be_retaken else None

    def is_refused_itself(self, name: str) -> bool:
        """Whether it is the document that the storage refuses, and not the queue or a record, as without a role."""
        try:
            self.documents.read(name, limit=0)
        except Exception as error:
            return is_refusal(error)
        return False

    def can_read_others(self, name: str) -> bool:
        """Whether the storage gives out some other document than `name`."""
        tried = 0
        try:
            for info in self.documents.list():
                if info.name == name or info.is_folder or info.is_archived or not info.size_bytes:
                    continue
                tried += 1
                try:
                    self.documents.read_part(info.name, info.etag, 0, 1)
                except UnsafeName:
                    continue
                except StorageOutcome:
                    return True  # It was replaced or deleted, says a storage that can be asked.
                except Exception:
                    if tried >= CONTROL_READS:
                        return False
                else:
                    return True
        except Exception as error:
            logger.debug("Documents can not be listed: %s", type(error).__name__)
        return False


@dataclass(slots=True)
class Attempts:
    """Submits documents in one run, each of which may fail by itself, and remembers those that the storage refuses."""

    repairs: Repairs
    failures: Failures
    may_retake: bool = True
    """Whether versions that were reported are submitted again: that costs, so it is for the night only."""
    _can_read_others: bool | None = None

    def submit(self, found: Sequence[Found]) -> list[Found]:
        """Submit documents, packed as full as they go, and return those with which nothing went wrong.

        The others were reported, are remembered as refused, or are left for the next run.
        """
        taken = run_all(self.repairs.threads, self._read, found)
        ready = [(one, item) for one, item, _ in taken if item]
        errors = {one: error for one, _, error in taken if error} | self._send(ready)
        if len(errors) < len(found):
            self._can_read_others = True
        for one, error in errors.items():
            with self.failures.guard("look after a failed document", one.name):
                self._look_after(one, error)
        return [one for one in found if one not in errors]

    def refuse(self, one: Found, code: str, *, is_refusal: bool) -> None:
        """Remember that the storage refuses a document, and report it where that has lasted long enough.

        `is_refusal` is false where the storage could not be reached, or failed.
        """
        refusal, etag = self.repairs.refusals.note(one.name, code)
        if not refusal.reported and self._is_due(refusal, is_refusal=is_refusal):
            self.repairs.report_refused(one, refusal, etag)

    def retry_refused(self, is_wanted: Callable[[ListedRefusal], bool]) -> int:
        """Try the documents again that the storage refuses, of those that are wanted; return how many worked.

        Stops where the first few are refused and nothing else can be read: that is an outage.
        """
        worked, in_vain = 0, 0
        for listed in self.failures.until_failure("list refusals", self.repairs.records.list_refusals()):
            if not is_wanted(listed):
                continue
            is_over = False
            with self.failures.guard("retry a refused document", listed.key):
                is_over = self._retry(listed.key)
            worked, in_vain = worked + is_over, in_vain + (not is_over)
            if in_vain >= CONTROL_READS and not worked and not self._others_can_be_read(""):
                break
        return worked

    def _read(self, one: Found) -> tuple[Found, ReadyChunk | None, Exception | None]:
        try:
            return one, self.repairs.read(one), None
        except Exception as error:
            return one, None, error

    def _send(self, ready: Sequence[tuple[Found, ReadyChunk]]) -> dict[Found, Exception]:
        submission = self.repairs.submission
        try:
            submission.submit([item for _, item in ready])
        except Exception as error:
            if len(ready) == 1:
                return {ready[0][0]: error}
        else:
            return {}
        # Which of them it was nobody knows. Those that have an owner by now are left to that.
        errors: dict[Found, Exception] = {}
        for one, item in ready:
            try:
                submission.submit([item])
            except Exception as error:
                errors[one] = error
        return errors

    def _look_after(self, one: Found, error: Exception) -> None:
        code = storage_code(error)
        if isinstance(error, RulesUnreadable):
            # Never reported: whoever wrote the rules has to correct them, however long that takes.
            self.repairs.refusals.note(one.name, RULES_UNREADABLE)
        elif code:
            self.refuse(one, code, is_refusal=is_refusal(error))
        elif isinstance(error, StorageOutcome | NewerRecord):
            self.failures.note("submit a document", one.name, error)
        else:
            self.repairs.report_unprocessable(one, error)

    def _is_due(self, refusal: Refusal, *, is_refusal: bool) -> bool:
        lasted = self.repairs.clock() - refusal.first_seen
        if lasted >= self.repairs.give_up:
            return True
        # An outage passes, and somebody may have asked for the blob to leave the archive tier: these wait that long.
        if lasted < REFUSED_ALONE or not is_refusal or refusal.code in ARCHIVED_CODES:
            return False
        if not self.repairs.is_refused_itself(refusal.name):
            return False
        return refusal.code in OWN_CODES or self._others_can_be_read(refusal.name)

    def _others_can_be_read(self, name: str) -> bool:
        """Whether the storage gives out some other document than `name`: found out once in a run."""
        if self._can_read_others is None:
            self._can_read_others = self.repairs.can_read_others(name)
        return self._can_read_others

    def _retry(self, key: str) -> bool:
        records = self.repairs.records
        refusal, etag = records.refusal_at(key)
        if etag is None:
            return True
        if refusal is not None:
            found = self.repairs.refused_document(refusal.name)
            if found and ((found.retake and not self.may_retake) or not self.submit([found])):
                return False
        try:
            records.delete_refusal(key, etag)
        except (Missing, Changed):
            logger.debug("The refusal %s is looked after by another worker.", key)
        return True
