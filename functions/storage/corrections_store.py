"""Corrections beside the results; those of versions that were replaced in the state container.

What corrections count in is kept there before anything is replaced: the text of the document with the first of them,
the answer of the model whenever a review is finished. Below `corrections/<name>/` lie, for each version,
`<etag>.txt`, `<etag>.entities.json`, and once the document was replaced `<etag>.json`, the corrections.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from ..core.decisions import corrections_name
from ..core.names import LONGEST_VERSION, fitting_name, plain_version
from ..errors import Changed, Missing, UnsafeName
from ..typed_data import from_json
from .containers import TEXT_TYPE, Blob, BlobInfo, Container
from .document_store import DocumentStore

CORRECTIONS = "corrections/"
FILE, TEXT, ANSWER = ".json", ".txt", ".entities.json"
CHANGED = "changed"
"""In the metadata of corrections that were moved: when they had been written, for moving them writes them anew."""


class Kept(NamedTuple):
    """What corrections count in; None for what was not kept."""

    text: bytes | None
    answer: bytes | None
    """The file of the model's entities."""


class CorrectionsStore:
    """Keeps corrections; each file belongs to one version of its document."""

    def __init__(self, documents: DocumentStore, state: Container) -> None:
        self._documents = documents
        self._state = state

    def read(self, name: str) -> Blob | None:
        """Return the corrections of a document, of whichever version; None where there are none."""
        try:
            return self._documents.read_result(corrections_name(name))
        except (Missing, UnsafeName):
            return None

    def write(self, name: str, data: bytes, metadata: Mapping[str, str], replaces: str | None) -> str:
        """Write corrections over the version `replaces`, or where there are none, and return the ETag.

        Raises `Changed` where somebody else wrote there first.
        """
        return self._documents.write_result(corrections_name(name), data, metadata, replaces)

    def keep_text(self, name: str, etag: str, text: str) -> None:
        """Keep the text that corrections count in: that of a document is gone once it is replaced."""
        with contextlib.suppress(Changed):
            data = text.encode("utf-8", "surrogatepass")
            self._state.write(kept_name(name, etag, TEXT), data, if_absent=True, content_type=TEXT_TYPE)

    def keep_answer(self, name: str, etag: str, answer: bytes) -> None:
        """Keep the answer of the model that a review was finished with; one of the same version is written over."""
        self._state.write(kept_name(name, etag, ANSWER), answer)

    def put_apart(self, name: str, newest: str) -> None:
        """Move corrections to those of earlier versions, unless they are of the `newest` one, or not there.

        They are copied, and deleted then at the version that was copied: a run that ends in between is repeated by the
        next one that finds them.
        """
        blob = self.read(name)
        version = version_of(blob) if blob else newest
        if blob is None or version == newest:
            return
        metadata = {**blob.info.metadata, CHANGED: blob.info.last_modified.isoformat()}
        with contextlib.suppress(Changed):
            self._state.write(kept_name(name, version), blob.data, if_absent=True, metadata=metadata)
        self._documents.withdraw_result(corrections_name(name), blob.info.etag)

    def files_apart(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield the corrections that were put apart of documents whose names begin with `prefix`, sorted by name."""
        for info in self._state.list(CORRECTIONS + prefix):
            if info.name.endswith(FILE) and not info.name.endswith(ANSWER):
                yield info

    def read_apart(self, file: str) -> Blob:
        """Return corrections that were put apart. Raises `Missing` and `Changed`."""
        return self._state.read(file)

    def kept(self, file: str) -> Kept:
        """Return what the corrections count in that lie in `file`, or would if they were put apart."""
        stem = file.removesuffix(FILE)
        return Kept(self._data(stem + TEXT), self._data(stem + ANSWER))

    def _data(self, name: str) -> bytes | None:
        try:
            return self._state.read(name).data
        except Missing:
            return None


class _OfDocument(msgspec.Struct):
    etag: str


class _NamesVersion(msgspec.Struct):
    document: _OfDocument


def version_of(blob: Blob) -> str:
    """Return the ETag of the document's version that corrections are of; empty where they do not say."""
    told = blob.info.metadata.get("source_etag")
    if told:
        return told
    try:
        return from_json(blob.data, _NamesVersion).document.etag
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


_LONGEST_FILE = "-" * (LONGEST_VERSION + len(ANSWER))


def kept_folder(name: str) -> str:
    """Return the folder of all that is kept of a document, with its slash; that of the longest names is shortened."""
    return fitting_name(CORRECTIONS, name, f"/{_LONGEST_FILE}").removesuffix(_LONGEST_FILE)


def kept_name(name: str, etag: str, ending: str = FILE) -> str:
    """Return where something is kept of a version of a document; as `ending` `FILE`, `TEXT` or `ANSWER`."""
    return f"{kept_folder(name)}{plain_version(etag)}{ending}"
