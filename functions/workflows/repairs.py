"""What sweep, reconcile and rescue share: one bad item stops no other, and what failed is counted and logged.

"Items" are documents, records of jobs and of documents, results, and queue messages. Whatever one of them raises ends
the work on that item only; the run goes on with the next, and says in the end how many failed, at what and why.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, TypeVar

import msgspec

from ..app import EntityDrop
from ..core.documents import DocumentState, Refusal
from ..errors import Changed, Fault, Missing, Problem, StorageOutcome, UnsafeName
from ..storage.containers import ARCHIVED_CODES, is_refusal, storage_code
from ..storage.record_store import ListedRefusal, refusal_key
from ..text.chunks import ReadyChunk, Retake
from .refusals import note_refusal
from .steps import run_all
from .submission import facts_of, prepare, report, submit_ready

logger = logging.getLogger(__name__)

REFUSED_ALONE = timedelta(hours=1)
"""How long the storage may refuse a document while it gives out others before the document is reported."""

OWN_CODES = (*ARCHIVED_CODES, "BlobUsesCustomerSpecifiedEncryption")
"""Refusals that say by themselves that they are about this blob only ("Blob Storage error codes", read 2026-11)."""

CONTROL_READS = 5
"""Other documents that are tried before the storage counts as refusing all of them."""

T = TypeVar("T")


class Found(NamedTuple):
    """A document to be submitted, perhaps although its record has ended."""

    name: str
    retake: Retake | None = None


class Kind(NamedTuple):
    """One kind of failure: at what, the error's class, and the storage's error code where it was the storage."""

    action: str
    error: str
    code: str


@dataclass(slots=True)
class Failures:
    """What failed in one run, and was left for the next."""

    run: str
    counts: Counter[Kind] = field(default_factory=Counter)
    first: dict[Kind, str] = field(default_factory=dict)

    @contextmanager
    def guard(self, action: str, item: str) -> Iterator[None]:
        """Let what is done with one item fail without consequences for others."""
        try:
            yield
        except Exception as error:
            self.note(action, item, error)

    def note(self, action: str, item: str, error: BaseException) -> None:
        """Count a failure."""
        kind = Kind(action, type(error).__name__, storage_code(error) or "")
        self.counts[kind] += 1
        self.first.setdefault(kind, item)

    def until_failure(self, action: str, items: Iterable[T]) -> Iterator[T]:
        """Yield items, and end early where the listing that they come from fails."""
        try:
            yield from items
        except Exception as error:
            self.note(action, "", error)

    @property
    def total(self) -> int:
        """How many items failed."""
        return sum(self.counts.values())

    def log(self) -> None:
        """Log a line for each kind of failure."""
        for kind, count in self.counts.items():
            logger.error(
                "%s: %s failed %s time(s) with %s, first for %r; the next run tries again.",
                self.run.capitalize(),
                kind.action,
                count,
                kind.code or kind.error,
                self.first[kind],
                extra={
                    "action": "repair_failed",
                    "run": self.run,
                    "failed_action": kind.action,
                    "count": count,
                    "error": kind.error,
                    "code": kind.code,
                },
            )


@dataclass(slots=True)
class Attempts:
    """Submits documents in one run, each of which may fail by itself, and remembers those that the storage refuses."""

    app: EntityDrop
    failures: Failures
    may_retake: bool = True
    """Whether versions that were reported are submitted again: that costs, so it is for the night only."""
    _can_read_others: bool | None = None

    def submit(self, found: Sequence[Found]) -> list[Found]:
        """Submit documents, packed as full as they go, and return those with which nothing went wrong.

        The others were reported, are remembered as refused, or are left for the next run.
        """
        taken = run_all(self.app, self._take, found)
        ready = [(one, item) for one, item, _ in taken if item]
        errors = {one: error for one, _, error in taken if error} | self._send(ready)
        if len(errors) < len(found):
            self._can_read_others = True
        for one, error in errors.items():
            with self.failures.guard("look after a failed document", one.name):
                self._look_after(one, error)
        return [one for one in found if one not in errors]

    def _take(self, one: Found) -> tuple[Found, ReadyChunk | None, Exception | None]:
        try:
            return one, prepare(self.app, one.name, one.retake), None
        except Exception as error:
            return one, None, error

    def _send(self, ready: Sequence[tuple[Found, ReadyChunk]]) -> dict[Found, Exception]:
        try:
            submit_ready(self.app, [item for _, item in ready])
        except Exception as error:
            if len(ready) == 1:
                return {ready[0][0]: error}
        else:
            return {}
        # Which of them it was nobody knows. Those that have an owner by now are left to that.
        errors: dict[Found, Exception] = {}
        for one, item in ready:
            try:
                submit_ready(self.app, [item])
            except Exception as error:
                errors[one] = error
        return errors

    def _look_after(self, one: Found, error: Exception) -> None:
        code = storage_code(error)
        if code:
            self.refuse(one, code, is_refusal=is_refusal(error))
        elif isinstance(error, StorageOutcome):
            self.failures.note("submit a document", one.name, error)
        else:
            report_unprocessable(self.app, one, error)

    def refuse(self, one: Found, code: str, *, is_refusal: bool) -> None:
        """Remember that the storage refuses a document, and report it where that has lasted long enough.

        `is_refusal` is false where the storage could not be reached, or failed.
        """
        refusal, etag = note_refusal(self.app, one.name, code)
        if not refusal.reported and self._is_due(refusal, is_refusal=is_refusal):
            report_refused(self.app, one, refusal, etag)

    def _is_due(self, refusal: Refusal, *, is_refusal: bool) -> bool:
        lasted = self.app.clock() - refusal.first_seen
        if lasted >= timedelta(hours=self.app.settings.give_up_hours):
            return True
        # An outage passes, and somebody may have asked for the blob to leave the archive tier: these wait that long.
        if lasted < REFUSED_ALONE or not is_refusal or refusal.code in ARCHIVED_CODES:
            return False
        if not _is_refused_itself(self.app, refusal.name):
            return False
        return refusal.code in OWN_CODES or self.others_can_be_read(refusal.name)

    def others_can_be_read(self, name: str) -> bool:
        """Whether the storage gives out some other document than `name`: found out once in a run."""
        if self._can_read_others is None:
            self._can_read_others = _can_read_others(self.app, name)
        return self._can_read_others


def _is_refused_itself(app: EntityDrop, name: str) -> bool:
    """Whether it is the document that the storage refuses, and not the queue or a record, as without a role there."""
    try:
        app.documents.read(name, limit=0)
    except Exception as error:
        return is_refusal(error)
    return False


def _can_read_others(app: EntityDrop, name: str) -> bool:
    """Whether the storage gives out some other document than `name`."""
    tried = 0
    try:
        for info in app.documents.list():
            if info.name == name or info.is_folder or info.is_archived or not info.size_bytes:
                continue
            tried += 1
            try:
                app.documents.read_part(info.name, info.etag, 0, 1)
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


def report_refused(app: EntityDrop, one: Found, refusal: Refusal, etag: str) -> None:
    """Write the error report of a document that the storage refuses, and remember that it is written."""
    try:
        info = app.documents.get_properties(one.name)
    except Missing:
        app.states.delete_refusal(refusal_key(one.name), etag)
        return
    problem = Problem(
        refusal.code,
        f"The storage does not give the document out: {refusal.code}, since {refusal.first_seen:%Y-%m-%d %H:%M} UTC.",
        "Correct the blob's access, encryption or tier. It is tried again every night, and needs no new version.",
        fault=Fault.STORAGE,
    )
    report(app, facts_of(app, info), problem, one.retake)
    app.states.save_refusal(msgspec.structs.replace(refusal, reported=True), etag)


def report_unprocessable(app: EntityDrop, one: Found, error: Exception) -> None:
    """Write the error report of a document at which the app itself fails."""
    logger.error(
        "Document %r can not be submitted.",
        one.name,
        exc_info=error,
        extra={"action": "document_unprocessable", "document": one.name},
    )
    try:
        info = app.documents.get_properties(one.name)
    except Missing:
        return
    problem = Problem(
        "Unprocessable",
        f"The document could not be submitted after repeated attempts: {type(error).__name__}.",
        "It is tried again for some nights. If that does not help, look for the action document_unprocessable in the "
        "logs.",
        # The app's own: a newer version of it may work.
        fault=Fault.SERVICE,
    )
    report(app, facts_of(app, info), problem, one.retake)


def retry_refused(attempts: Attempts, is_wanted: Callable[[ListedRefusal], bool]) -> int:
    """Try the documents again that the storage refuses, of those that are wanted; return how many worked.

    Stops where the first few are refused and nothing else can be read: that is an outage.
    """
    failures, worked, in_vain = attempts.failures, 0, 0
    for listed in failures.until_failure("list refusals", attempts.app.states.list_refusals()):
        if not is_wanted(listed):
            continue
        is_over = False
        with failures.guard("retry a refused document", listed.key):
            is_over = _retry(attempts, listed.key)
        worked, in_vain = worked + is_over, in_vain + (not is_over)
        if in_vain >= CONTROL_READS and not worked and not attempts.others_can_be_read(""):
            break
    return worked


def _retry(attempts: Attempts, key: str) -> bool:
    app = attempts.app
    refusal, etag = app.states.refusal_at(key)
    if etag is None:
        return True
    if refusal is not None:
        found = _found(app, refusal.name)
        if found and ((found.retake and not attempts.may_retake) or not attempts.submit([found])):
            return False
    try:
        app.states.delete_refusal(key, etag)
    except (Missing, Changed):
        logger.debug("The refusal %s is looked after by another worker.", key)
    return True


def _found(app: EntityDrop, name: str) -> Found | None:
    """Return a refused document as it is to be submitted; None where it is gone, done, or reported for its own sake."""
    try:
        info = app.documents.get_properties(name)
    except Missing:
        return None
    record, etag = app.states.document(name)
    if record is None or record.is_pending or record.document.etag != info.etag:
        return Found(name)
    is_refused = record.last_error is not None and record.last_error.fault is Fault.STORAGE
    is_to_be_retaken = record.state is DocumentState.FAILED and is_refused
    return Found(name, Retake(etag)) if etag and is_to_be_retaken else None
