"""Finds documents that are not there any more and of which results or records are left."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from datetime import datetime, timedelta

import msgspec

from ..core.listings import side_by_side
from ..core.records import moment
from ..core.result_names import stems, without_document
from ..errors import Changed, Missing, UnsafeName
from ..storage.containers import BlobInfo, Container
from ..storage.document_store import DocumentStore
from ..storage.record_format import is_newer
from ..storage.record_store import RecordStore
from ..typed_data import from_json
from .erasing import NamesDocument
from .exporting import read_ahead

REMEMBERED = 1_000
"""Names that were yielded lately: the files of a document are listed near each other."""


class Purging:
    """Finds deleted documents, in constant memory."""

    def __init__(
        self,
        intake: Container,
        output: Container,
        state: Container,
        threads: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._threads = threads
        self._intake = intake
        self._output = output
        self._documents = DocumentStore(intake, output)
        self._records = RecordStore(state)
        self._clock = clock

    def deleted(self, older_than: timedelta, prefix: str = "") -> Iterator[str]:
        """Yield the names of deleted documents whose results and records have not changed for so long.

        A document that a job is still at work on is left out: its files come when that has ended.
        """
        latest = self._clock() - older_than
        known: OrderedDict[str, None] = OrderedDict()
        for name in read_ahead(self._threads, self._deleted_document, self._left_behind(latest, prefix)):
            if name is None or name in known or not name.startswith(prefix):
                continue
            known[name] = None
            if len(known) > REMEMBERED:
                known.popitem(last=False)
            yield name

    def _deleted_document(self, left: BlobInfo | str) -> str | None:
        """Return the deleted document that a file, or a record of its name, is of; None where it is not deleted."""
        name = left if isinstance(left, str) else self._document_of(left)
        return name if name is not None and self._is_gone(name) and not self._is_in_work(name) else None

    def _left_behind(self, latest: datetime, prefix: str) -> Iterator[BlobInfo | str]:
        """Yield files that no document explains, and the names of documents that only have a record."""
        for file in without_document(self._output.list(prefix), self._intake.list(prefix)):
            if file.last_modified <= latest:
                yield file
        for document, record in side_by_side(self._intake.list(prefix), self._records.list_documents(prefix)):
            if document is None and record and not is_newer(record):
                updated = moment(record.metadata.get("updated")) or record.last_modified
                if updated <= latest:
                    yield record.name

    def _document_of(self, file: BlobInfo) -> str | None:
        """Return which document a file belongs to; None where it is none of ours, or not there any more."""
        if not file.name.endswith(".json"):
            return stems(file.name)[0]
        try:
            return from_json(self._output.read(file.name).data, NamesDocument).document.name
        except (Missing, Changed, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _is_gone(self, name: str) -> bool:
        try:
            self._documents.get_properties(name)
        except Missing:
            return True
        except UnsafeName:
            try:
                self._documents.find(name)
            except Missing:
                return True
        return False

    def _is_in_work(self, name: str) -> bool:
        try:
            record, _ = self._records.document(name)
        except UnsafeName:
            return False
        return record is not None and record.is_pending and self._records.is_alive(record.owner)
