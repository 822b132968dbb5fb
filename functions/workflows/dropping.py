"""Drops files from a disk, and waits for what comes of them: the drop for scripts and people.

A file whose content lies there already, dropped by this very code, is not dropped again. So a drop that was interrupted
is resumed by repeating it, and nothing is submitted twice.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ..core.documents import DocumentState
from ..core.names import LONGEST_BLOB_NAME, fitting_name
from ..core.results import EXTRACTED_SUFFIX
from ..errors import Missing
from ..storage.containers import Container, is_safe
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..text.offsets import UTF16, length

CONTENT_SHA256 = "content_sha256"
"""The metadata by which a document is known that was dropped from here."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 10.0
"""Between looks for results; the wait grows by half each time nothing has come."""


class LocalFile(NamedTuple):
    """A file to be dropped, and the name it gets."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that lies in the intake."""

    file: LocalFile
    etag: str
    is_new: bool
    """Whether it was written now; false where it was there already."""


@dataclass(frozen=True, slots=True)
class NotDropped:
    """A file that can not be dropped."""

    file: LocalFile
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a dropped document."""

    dropped: Dropped
    state: DocumentState | None
    """None where it was replaced or deleted meanwhile."""
    result_names: tuple[str, ...] = ()
    """The files of its results, or its error report; texts beside them last, some of which may not be there."""
    code: str = ""
    """Of the error report."""


def files_below(path: Path, into: str) -> Iterator[LocalFile]:
    """Yield a file, or all files below a folder under their paths in it; `into` is put before their names."""
    if not path.is_dir():
        yield LocalFile(path, into + path.name)
        return
    for found in sorted(path.rglob("*")):
        if found.is_file():
            yield LocalFile(found, into + found.relative_to(path).as_posix())


class Dropping:
    """Drops files and waits for their results."""

    def __init__(
        self,
        intake: Container,
        documents: DocumentStore,
        records: RecordStore,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._intake = intake
        self._documents = documents
        self._records = records
        self._clock = clock
        self._sleep = sleep

    def drop(self, file: LocalFile) -> Dropped | NotDropped:
        """Write a file into the intake, unless its content lies there already."""
        if not is_safe(file.name) or length(file.name, UTF16) > LONGEST_BLOB_NAME:
            return NotDropped(file, "its name can not be a blob's: too long, or with a part that is '.' or '..'")
        try:
            file.name.encode()
            data = file.path.read_bytes()
        except UnicodeEncodeError:
            return NotDropped(file, "its name is no Unicode")
        except OSError as error:
            return NotDropped(file, f"it can not be read: {error.strerror or type(error).__name__}")
        digest = hashlib.sha256(data).hexdigest()
        try:
            present = self._documents.get_properties(file.name)
        except Missing:
            present = None
        if present and present.metadata.get(CONTENT_SHA256) == digest and present.size_bytes == len(data):
            return Dropped(file, present.etag, is_new=False)
        kind = "application/octet-stream"
        etag = self._intake.write(file.name, data, metadata={CONTENT_SHA256: digest}, content_type=kind)
        return Dropped(file, etag, is_new=True)

    def outcomes(self, dropped: list[Dropped], until: datetime | None) -> Iterator[Outcome]:
        """Yield what becomes of documents, each as soon as it has ended; end at `until` with some left."""
        waiting, wait_s = list(dropped), FIRST_WAIT_S
        while waiting:
            left = []
            for one in waiting:
                outcome = self._outcome(one)
                if outcome:
                    yield outcome
                else:
                    left.append(one)
            wait_s = FIRST_WAIT_S if len(left) < len(waiting) else min(1.5 * wait_s, LONGEST_WAIT_S)
            waiting = left
            if waiting and until and self._clock() >= until:
                return
            if waiting:
                self._sleep(wait_s)

    def result(self, name: str) -> bytes:
        """Return the content of a result, of a text beside it, or of an error report. Raises `Missing`."""
        return self._documents.read_result(name).data

    def _outcome(self, dropped: Dropped) -> Outcome | None:
        """Return what a document has come to; None where that is still to come."""
        name = dropped.file.name
        record, _ = self._records.document(name)
        if record is None or record.document.etag != dropped.etag:
            return None if self._is_there(dropped) else Outcome(dropped, None)
        if record.is_pending:
            return None
        texts = [suffix for task in record.work.tasks for suffix in task.suffixes[1:]]
        texts += [EXTRACTED_SUFFIX] if record.text and record.text.blob else []
        names = tuple(fitting_name("", name, suffix) for suffix in (*record.promised, *texts))
        code = record.last_error.code if record.last_error and record.state is DocumentState.FAILED else ""
        return Outcome(dropped, record.state, names, code)

    def _is_there(self, dropped: Dropped) -> bool:
        try:
            return self._documents.get_properties(dropped.file.name).etag == dropped.etag
        except Missing:
            return False
