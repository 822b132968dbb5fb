"""Saves what people decide about a document's entities, by compare-and-set; the model's answer is never changed.

What nobody decided in a reviewed document stands as the model found it. So the model's answer is kept first: once the
document is replaced, there is no other copy. Then the file is written, then the document's record says how far its
review has come, and the index follows that. A worker that dies in between leaves a record that is behind; whoever reads
or writes the corrections next sets it right.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from .. import problems
from ..core.decision_checks import encoded, fault_of, signed_by
from ..core.decisions import ANSWER_SHA256, Corrections, ReviewStatus, decode_corrections
from ..core.documents import ReviewFacts
from ..core.lifecycle import reviewed
from ..errors import Changed, Missing, RecordError, UnsafeName
from ..problems import Refusal
from ..storage.corrections_store import CorrectionsStore, version_of
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from .details import DocumentContents
from .indexing import Indexing
from .result_files import custom_entities

MOST_RACES = 10


@dataclass(frozen=True, slots=True)
class Saved:
    """Corrections as they are stored now."""

    corrections: Corrections
    etag: str


@dataclass(frozen=True, slots=True)
class NotSaved:
    """Why corrections were not saved; `present` are those that are there, where that is the reason."""

    refusal: Refusal
    present: Saved | None = None


class Correcting:
    """Reads and saves the corrections of documents."""

    def __init__(
        self,
        documents: DocumentStore,
        records: RecordStore,
        contents: DocumentContents,
        store: CorrectionsStore,
        index: Indexing,
        clock: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._records = records
        self._contents = contents
        self._store = store
        self._index = index
        self._clock = clock

    def read(self, name: str) -> Saved | None:
        """Return the corrections of a document's newest version; None where there are none."""
        record, found = self._contents.record(name), self._present(name)
        if record is None or found is None or found.corrections.document.etag != record.document.etag:
            return None
        self._note(name, found.corrections)
        return found

    def save(self, name: str, asked: Corrections, by: str, expected: str | None) -> Saved | NotSaved:
        """Save corrections over the version `expected`, or as the first ones where that is None.

        `by` is who has made the decisions that are new; what the request itself says about that is not believed.
        """
        newest = self._newest(name)
        if newest is None:
            return NotSaved(problems.UNKNOWN_DOCUMENT.refusal())
        if newest != asked.document.etag:
            return NotSaved(problems.DOCUMENT_REPLACED.refusal())
        record = self._contents.record(name)
        text = self._contents.text(record) if record and record.document.etag == newest else None
        if record is None or text is None:
            return NotSaved(problems.UNKNOWN_TEXT.refusal())
        if text.sha256 != asked.text.sha256:
            return NotSaved(problems.DOCUMENT_REPLACED.refusal())
        wrong = fault_of(asked, name, text.content)
        if wrong:
            return NotSaved(problems.INVALID_CORRECTIONS.refusal(reason=wrong))
        # A run that died before may have left those of the version before.
        self._store.put_apart(name, record.document.etag)
        present = self._present(name)
        if (present.etag if present else None) != expected:
            return NotSaved(problems.CORRECTIONS_CHANGED.refusal(), present)
        if present is None:
            self._store.keep_text(name, record.document.etag, text.content)
        signed = signed_by(asked, present.corrections if present else None, by, self._clock())
        metadata = {"source_etag": record.document.etag, "status": signed.status.value}
        if signed.status is ReviewStatus.REVIEWED:
            metadata |= self._keep_answer(name, record.document.etag)
        try:
            etag = self._store.write(name, encoded(signed), metadata, expected)
        except Changed:
            return NotSaved(problems.CORRECTIONS_CHANGED.refusal(), self._present(name))
        self._note(name, signed)
        return Saved(signed, etag)

    def _keep_answer(self, name: str, etag: str) -> dict[str, str]:
        """Keep the model's answer about a version, and return the metadata that tell which one it was."""
        answer = custom_entities(self._documents, self._records, name)
        if answer is None or answer.info.metadata.get("source_etag") != etag:
            return {}
        self._store.keep_answer(name, etag, answer.data)
        return {ANSWER_SHA256: hashlib.sha256(answer.data).hexdigest()}

    def _newest(self, name: str) -> str | None:
        """Return the version of a document that is there; None where it is not."""
        try:
            return self._documents.get_properties(name).etag
        except (Missing, UnsafeName):
            return None

    def _present(self, name: str) -> Saved | None:
        blob = self._store.read(name)
        if blob is None:
            return None
        try:
            return Saved(decode_corrections(blob.data), blob.info.etag)
        except RecordError:
            empty = msgspec.json.encode({"document": {"name": name, "etag": version_of(blob)}})
            return Saved(decode_corrections(empty), blob.info.etag)

    def _note(self, name: str, corrections: Corrections) -> None:
        """Have the record of a document say how far its review has come, and the index follow."""
        facts = ReviewFacts(status=corrections.status, corrected=corrections.corrected)
        for _ in range(MOST_RACES):
            record, etag = self._records.document(name)
            if record is None or etag is None or record.is_pending or record.review == facts:
                return
            if record.document.etag != corrections.document.etag:
                return
            changed = reviewed(record, facts)
            try:
                self._records.save_document(changed, etag)
            except Changed:
                continue
            self._index.note(record, changed)
            return
