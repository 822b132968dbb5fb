"""The intake and the output container, as somebody who uses the product sees them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContentSettings, LinearRetry

from functions.core.documents import ERROR_SUFFIX
from functions.core.results import entities_name, error_name
from local.demo.names import RESULT_SUFFIXES
from local.stack import Stack

_DOCUMENT_RECORDS = "documents/"  # in the state container: one record for each document, its state as metadata


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result in the output container: its blob's name and ETag, and the ETag of the document it belongs to."""

    name: str
    etag: str
    source_etag: str

    @property
    def is_error(self) -> bool:
        return self.name.endswith(ERROR_SUFFIX)


class Containers:
    """Drops documents and reads results."""

    def __init__(self, stack: Stack) -> None:
        # Storage on this machine answers at once or not at all: the retries that a network needs would only hide it.
        retry = LinearRetry(backoff=1, retry_total=2, random_jitter_range=0)
        self._service = BlobServiceClient.from_connection_string(stack.connection_string, retry_policy=retry)
        self._intake = self._service.get_container_client(stack.setting("INPUT_CONTAINER"))
        self._output = self._service.get_container_client(stack.setting("OUTPUT_CONTAINER"))
        self._state = self._service.get_container_client(stack.setting("STATE_CONTAINER"))

    def __enter__(self) -> Containers:
        return self

    def __exit__(self, *_: object) -> None:
        self._service.close()

    def drop(self, name: str, data: bytes) -> str:
        """Put a document into the intake, replacing an older version; returns its ETag."""
        digest = ContentSettings(content_md5=bytearray(_md5(data)))
        reply = self._intake.get_blob_client(name).upload_blob(data, overwrite=True, content_settings=digest)
        return str(reply["etag"])

    def holds(self, name: str, data: bytes) -> bool:
        """Whether the intake has exactly this content under this name."""
        try:
            stored = self._intake.get_blob_client(name).get_blob_properties().content_settings.content_md5
        except ResourceNotFoundError:
            return False
        return stored is not None and bytes(stored) == _md5(data)

    def results(self) -> list[StoredResult]:
        """List every result there is."""
        return [
            StoredResult(blob.name, blob.etag, (blob.metadata or {}).get("source_etag", ""))
            for blob in self._output.list_blobs(include=["metadata"])
            if blob.name.endswith(RESULT_SUFFIXES)
        ]

    def results_for(self, documents: dict[str, str]) -> dict[str, StoredResult]:
        """Return the results that belong to exactly these versions of documents (name to ETag), by document."""
        stored = {(result.name, _bare(result.source_etag)): result for result in self.results()}
        found = {}
        for document, etag in documents.items():
            for name in (entities_name(document), error_name(document)):
                if result := stored.get((name, _bare(etag))):
                    found[document] = result
        return found

    def states(self) -> dict[str, str]:
        """Return the state of each document that the app has taken up, by name."""
        records = self._state.list_blobs(name_starts_with=_DOCUMENT_RECORDS, include=["metadata"])
        return {
            record.name.removeprefix(_DOCUMENT_RECORDS): (record.metadata or {}).get("state", "") for record in records
        }

    def read(self, result: StoredResult) -> bytes | None:
        """Return a result's content, ``None`` if it was withdrawn or replaced since it was listed."""
        try:
            stream = self._output.download_blob(result.name)
        except ResourceNotFoundError:
            return None
        return stream.readall() if _bare(stream.properties.etag) == _bare(result.etag) else None


def parse(content: bytes) -> dict[str, Any]:
    """Return a result file's content."""
    parsed: dict[str, Any] = json.loads(content)
    return parsed


def _bare(etag: str) -> str:
    """An ETag without quotes: listings leave them out, other replies have them."""
    return etag.strip('"')


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()  # the digest that Azure Storage keeps for a blob
