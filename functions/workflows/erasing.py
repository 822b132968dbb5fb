"""Erases what the app keeps of a document: results, records, texts, entries of lists, and lines of the journal.

A job may be at work on the document, and a run may have read it and be about to claim it. So its record is replaced
first, by compare-and-set, by one of another version and another owner, the guard: whatever such a job writes
afterwards it withdraws itself, and a run finds that its version is gone. The guard stays until no job of the document
is active and enough time has passed for every run; then it is deleted, too. Each step is done again by the same
command, whatever of it was done before.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from ..core.documents import DocumentRecord
from ..core.index import IndexKind
from ..core.lifecycle import ERASED_ETAG, erased
from ..core.names import fitting_name, is_shortened
from ..core.publication import file_names
from ..core.records import Record
from ..core.result_names import ENDINGS, JSON_ENDINGS, TEXT_ENDINGS
from ..core.results import refused_name
from ..errors import Changed, Missing
from ..storage.containers import BlobInfo, Container, is_safe
from ..storage.corrections_store import kept_folder
from ..storage.extracted_store import ExtractedStore
from ..storage.index_store import entry_name
from ..storage.journal_store import JournalStore
from ..storage.record_store import CHUNKS, QUARANTINE, RecordStore, chunk_folder, refusal_key
from ..typed_data import from_json

QUIET = timedelta(minutes=10)
"""How long after the last sign of work a document's guard stays: longer than any run of the app may take."""

MAX_RACES = 20
"""Times that a record may be changed by somebody else while it is replaced."""


class Place(StrEnum):
    """Where something lay."""

    DOCUMENT = "document"
    RESULT = "result"
    RECORD = "record"
    TEXT = "text"
    """An extracted text, or what is found in parts of one."""
    CORRECTION = "correction"
    INDEX = "index"
    """An entry in the list of failed documents, or of those to be reviewed."""
    JOURNAL = "journal"
    TRAINING = "training"
    """A text in a training container."""
    LABELS = "labels"
    """A document among the labels of a project."""


class Removed(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Something that was removed, or with a dry run would be."""

    place: Place
    name: str
    """Of the blob; of a document among labels also the project's."""
    lines: int | None = None
    """Of a journal's blob, how many lines."""


class Left(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Something that is still there, why, and what to do."""

    what: str
    why: str


Step = Removed | Left


class Erasing:
    """Erases documents, one at a time."""

    def __init__(
        self,
        intake: Container,
        output: Container,
        state: Container,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._intake = intake
        self._output = output
        self._state = state
        self._records = RecordStore(state)
        self._extracted = ExtractedStore(state)
        self._journal = JournalStore(state, "purge")
        self._clock = clock
        self._new_id = new_id

    def erase(self, name: str, *, with_document: bool, with_journal: bool, is_dry: bool = False) -> Iterator[Step]:
        """Erase a document, and yield what is removed; what had to be left comes last.

        `with_document` deletes the blob in the intake, too. With `is_dry` nothing is changed.
        """
        act = DryAct() if is_dry else WetAct()
        last_sign = None
        if is_safe(name):
            present = self._properties(self._intake, name)
            if present and with_document:
                last_sign = present.last_modified
                yield from act.delete(self._intake, present, Place.DOCUMENT)
                present = None
            record, etag = self._records.document(name)
            if record:
                # A guard has the time of the last work before it.
                worked = record.claimed_at if record.document.etag == ERASED_ETAG else record.updated
                last_sign = max(last_sign or worked, worked)
            was_known = record is not None
            if not is_dry:
                record, etag = self._guard(name)
            yield from self._results(name, record, act)
            yield from self._texts(name, record, act, is_thorough=with_journal)
            yield from self._others(name, act)
        else:
            present, record, etag, was_known = None, None, None, False
            yield from self._of_unsafe(name, act)
        if with_journal:
            for blob, lines in self._journal.erase(name, is_dry=is_dry):
                yield Removed(place=Place.JOURNAL, name=blob, lines=lines)
            yield from self._quarantined(name)
        if record is None or etag is None:
            return
        if is_dry:
            yield Removed(place=Place.RECORD, name=self._records.document_blob(name))
            return
        for step in self._release_guard(name, record, etag, last_sign):
            if was_known or isinstance(step, Left):
                yield step
        if present:
            yield Left(
                what="document",
                why="it lies in the intake still, and the app submits it again at night; --document deletes it",
            )

    # --- The guard ---

    def _guard(self, name: str) -> tuple[DocumentRecord, str]:
        """Put the guard in the place of the document's record, and return it with its ETag."""
        for _ in range(MAX_RACES):
            record, etag = self._records.document(name)
            if record and etag and record.document.etag == ERASED_ETAG:
                return record, etag
            guard = erased(name, record, f"purge-{self._new_id()}", self._clock())
            try:
                return guard, self._records.save_document(guard, etag)
            except Changed:
                continue
        raise Changed(name)

    def _release_guard(self, name: str, guard: DocumentRecord, etag: str, last_sign: datetime | None) -> Iterator[Step]:
        owners = dict.fromkeys(entry.job for entry in guard.history if entry.job)
        active = next((owner for owner in owners if self._records.is_alive(owner)), None)
        if active:
            yield Left(
                what=f"job {active}",
                why="it is under way with this document and others; it writes nothing of this one any more. "
                "Repeat the command when it has ended, to remove the guard record as well.",
            )
            return
        # What was worked on lately may be in the memory of a run still.
        if last_sign and self._clock() < last_sign + QUIET:
            yield Left(
                what=f"record of {name}",
                why="it guards against runs that may have the document in memory. Repeat the command in "
                f"{QUIET.total_seconds() / 60:.0f} minutes, or leave it to 'reconcile' at night.",
            )
            return
        try:
            self._records.delete_document(name, etag)
        except (Missing, Changed):
            return  # A new version was claimed over it: that is a document of its own.
        yield Removed(place=Place.RECORD, name=self._records.document_blob(name))

    # --- What there is ---

    def _results(self, name: str, record: DocumentRecord | None, act: "Act") -> Iterator[Removed]:
        """Delete the files in the output container; those that tell whose the others are come last."""
        names = dict.fromkeys(file_names(record) if record else ())
        names |= dict.fromkeys(fitting_name("", name, ending) for ending in ENDINGS)
        # The names of all but the very longest documents' files begin with the document's.
        listed = [info for info in self._output.list(f"{name}.") if info.name in names or _is_of_task(info.name, name)]
        shortened = [info for one in names if is_shortened(one) and (info := self._properties(self._output, one))]
        for info in sorted([*listed, *shortened], key=lambda info: info.name.endswith(JSON_ENDINGS)):
            if self._is_of(info.name, name):
                yield from act.delete(self._output, info, Place.RESULT)

    def _is_of(self, file: str, name: str) -> bool:
        """Whether a file is of a document and not of another whose name, with that of a task, is the same."""
        teller = file
        for ending in TEXT_ENDINGS:
            if file.endswith(ending):
                teller = file.removesuffix(ending) + ending.replace(".redacted.txt", ".pii.json")
        if not teller.endswith(".json"):
            return True  # A document has one such file, whatever its tasks are.
        try:
            return from_json(self._output.read(teller).data, NamesDocument).document.name == name
        except (Missing, Changed, msgspec.DecodeError, UnicodeDecodeError):
            return not _is_of_task(file, name)

    def _texts(self, name: str, record: DocumentRecord | None, act: "Act", *, is_thorough: bool) -> Iterator[Removed]:
        """Delete extracted texts, and what was found in parts of the document, whoever found it if `is_thorough`."""
        if record and record.extracted:
            for blob in self._extracted.blobs(record.extracted):
                yield from act.delete_named(self._state, blob, Place.TEXT)
        folder = chunk_folder(name)
        owners = dict.fromkeys(entry.job for entry in record.history) if record else {}
        prefixes = [CHUNKS] if is_thorough else [f"{CHUNKS}{owner}{folder}" for owner in owners]
        for info in (info for prefix in prefixes for info in self._state.list(prefix)):
            if folder in info.name:
                yield from act.delete(self._state, info, Place.TEXT)

    def _others(self, name: str, act: "Act") -> Iterator[Removed]:
        for kind in IndexKind:
            yield from act.delete_named(self._state, entry_name(kind, name), Place.INDEX)
        folder = kept_folder(name)
        for info in self._state.list(folder):
            # "a/b" is a document of its own, not a version of "a".
            if "/" not in info.name.removeprefix(folder):
                yield from act.delete(self._state, info, Place.CORRECTION)
        yield from act.delete_named(self._state, f"refused/{refusal_key(name)}.json", Place.RECORD)

    def _quarantined(self, name: str) -> Iterator[Left]:
        """Find what nobody can read and what names the document: it may be about others, too."""
        quoted = msgspec.json.encode(name)
        for info in self._state.list(QUARANTINE):
            try:
                is_named = quoted in self._state.read(info.name).data
            except Missing:
                continue
            if is_named:
                why = (
                    "a damaged record of a job that names it. Delete it by hand once nobody needs it to find the cause."
                )
                yield Left(what=info.name, why=why)

    def _of_unsafe(self, name: str, act: "Act") -> Iterator[Step]:
        yield from act.delete_named(self._output, refused_name(name), Place.RESULT)
        yield from act.delete_named(self._state, f"refused/{refusal_key(name)}.json", Place.RECORD)
        yield Left(what="document", why="no request is made with its name: if it is there, delete it with another tool")

    def _properties(self, container: Container, name: str) -> BlobInfo | None:
        try:
            return container.get_properties(name)
        except Missing:
            return None


class _OfDocument(msgspec.Struct):
    name: str


class NamesDocument(msgspec.Struct):
    """What every result and report has."""

    document: _OfDocument


def _is_of_task(file: str, name: str) -> bool:
    """Whether a file is named like one of a task with a name of its own."""
    for ending in (*JSON_ENDINGS, *TEXT_ENDINGS):
        if file.endswith(ending) and file.startswith(f"{name}."):
            task = file.removeprefix(f"{name}.").removesuffix(ending)
            return bool(task) and "." not in task and "/" not in task
    return False


class Act(Protocol):
    """Deletes, or only says what would be deleted."""

    def delete(self, container: Container, info: BlobInfo, place: Place) -> Iterator[Removed]:
        """Delete a blob at the version that was seen."""

    def delete_named(self, container: Container, name: str, place: Place) -> Iterator[Removed]:
        """Delete a blob if it is there."""


class WetAct:
    """Deletes."""

    def delete(self, container: Container, info: BlobInfo, place: Place) -> Iterator[Removed]:
        yield from self.delete_named(container, info.name, place)

    def delete_named(self, container: Container, name: str, place: Place) -> Iterator[Removed]:
        try:
            container.delete(name)
        except Missing:
            return
        yield Removed(place=place, name=name)


class DryAct:
    """Only says what would be deleted."""

    def delete(self, container: Container, info: BlobInfo, place: Place) -> Iterator[Removed]:
        yield Removed(place=place, name=info.name)

    def delete_named(self, container: Container, name: str, place: Place) -> Iterator[Removed]:
        try:
            container.get_properties(name)
        except Missing:
            return
        yield Removed(place=place, name=name)
