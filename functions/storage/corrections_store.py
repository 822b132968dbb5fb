"""Corrections beside the results; those of versions that were replaced, with their texts, in the state container."""

import contextlib
from collections.abc import Mapping

import msgspec

from ..core.decisions import corrections_name
from ..core.names import fitting_name
from ..errors import Changed, Missing, UnsafeName
from .containers import TEXT_TYPE, Blob, Container
from .document_store import DocumentStore

CORRECTIONS = "corrections/"


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
            self._state.write(_kept_name(name, etag, ".txt"), data, if_absent=True, content_type=TEXT_TYPE)

    def put_apart(self, name: str, newest: str) -> None:
        """Move corrections to those of earlier versions, unless they are of the `newest` one, or not there.

        They are copied, and deleted then at the version that was copied: a run that ends in between is repeated by the
        next one that finds them.
        """
        blob = self.read(name)
        version = version_of(blob) if blob else newest
        if blob is None or version == newest:
            return
        with contextlib.suppress(Changed):
            self._state.write(_kept_name(name, version, ".json"), blob.data, if_absent=True)
        self._documents.withdraw_result(corrections_name(name), blob.info.etag)


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
        return msgspec.json.decode(blob.data, type=_NamesVersion).document.etag
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _kept_name(name: str, etag: str, ending: str) -> str:
    version = "".join(character if character.isalnum() else "-" for character in etag).strip("-") or "unknown"
    return fitting_name(CORRECTIONS, name, f"/{version}{ending}")
