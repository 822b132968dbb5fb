"""Drops documents into a running stack and waits for what comes back; shared by the end-to-end tests."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from functions.core.results import entities_name, error_name
from local.stack import Stack

DEADLINE_S = 120
"""Far more than anything here takes on a slow machine; only a lost document waits for so long."""

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str) -> T:
    """Return what `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)  # other processes do the work; there is no clock of theirs to move
    raise AssertionError(f"still not there after {DEADLINE_S} s: {what}")


class Containers:
    """The three containers of a stack, as somebody outside the app sees them."""

    def __init__(self, stack: Stack) -> None:
        self._blobs = BlobServiceClient.from_connection_string(stack.connection_string)
        self.intake = self._blobs.get_container_client(stack.setting("INPUT_CONTAINER"))
        self.output = self._blobs.get_container_client(stack.setting("OUTPUT_CONTAINER"))
        self.state = self._blobs.get_container_client(stack.setting("STATE_CONTAINER"))

    def drop(self, name: str, text: str | bytes) -> str:
        """Put a document into the intake and return its ETag."""
        return str(self.intake.get_blob_client(name).upload_blob(text, overwrite=True)["etag"])

    def result(self, name: str) -> dict[str, Any] | None:
        """Return the result blob `name`, None where there is none."""
        try:
            return dict(json.loads(self.output.download_blob(name).readall()))
        except ResourceNotFoundError:
            return None

    def entities(self, document: str, etag: str | None = None) -> dict[str, Any]:
        """Wait for the entities of a document, at the version `etag` if that is given."""
        return self._wait(entities_name(document), etag)

    def error(self, document: str, etag: str | None = None) -> dict[str, Any]:
        """Wait for the error report of a document."""
        return self._wait(error_name(document), etag)

    def _wait(self, name: str, etag: str | None) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            result = self.result(name)
            return result if result and etag in (None, result["document"]["etag"]) else None

        return eventually(look, name)

    def all_results(self, documents: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """Wait for the entities of many documents."""
        return {document: self.entities(document) for document in documents}

    def is_quiet(self) -> bool:
        """Whether no job is left."""
        return not list(self.state.list_blobs(name_starts_with="jobs/"))

    def close(self) -> None:
        """Close the connections."""
        self._blobs.close()
