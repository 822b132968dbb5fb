"""The documents that people drop and the results they get: the intake and the output container."""

import contextlib
from collections.abc import Iterator, Mapping

from ..errors import Changed, Missing
from .containers import JSON_TYPE, Blob, BlobInfo, Container, is_refusal


class DocumentStore:
    """Reads documents and writes what becomes of them. The intake is never written to."""

    def __init__(self, intake: Container, output: Container) -> None:
        self._intake = intake
        self._output = output

    def read(self, name: str, *, limit: int) -> Blob:
        """Return a document as it is now, without its content where it has more than `limit` bytes.

        Raises `Missing`, and `Changed` where it was replaced while it was read.
        """
        return self._intake.read(name, limit=limit)

    def read_part(self, name: str, etag: str, start: int | None, end: int | None) -> bytes:
        """Return bytes `start` to `end` of a document, or all of it, at the version `etag`.

        Raises `Missing` where it was deleted and `Changed` where it was replaced.
        """
        if start is None or end is None:
            return self._intake.read(name, if_match=etag).data
        return self._intake.read(name, if_match=etag, start=start, end=end).data

    def get_properties(self, name: str) -> BlobInfo:
        """Return which version of a document there is. Raises `Missing`.

        The storage refuses the properties of some blobs, as those with a key of the customer's own, and lists them.
        """
        try:
            return self._intake.get_properties(name)
        except Exception as error:
            if not is_refusal(error):
                raise
            return self.find(name)

    def find(self, name: str) -> BlobInfo:
        """Return which version of a document there is by a listing, which takes any name. Raises `Missing`."""
        # A name sorts before all that it is a beginning of.
        found = next(iter(self._intake.list(name)), None)
        if found is None or found.name != name:
            raise Missing(name)
        return found

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield every document whose name begins with `prefix`."""
        return self._intake.list(prefix)

    def get_result_properties(self, name: str) -> BlobInfo | None:
        """Return which version of the result blob `name` there is, None where there is none."""
        try:
            return self._output.get_properties(name)
        except Missing:
            return None

    def read_result(self, name: str) -> Blob:
        """Return the result blob `name`. Raises `Missing` and `Changed`."""
        return self._output.read(name)

    def write_result(
        self,
        name: str,
        data: bytes,
        metadata: Mapping[str, str],
        replaces: str | None,
        *,
        content_type: str = JSON_TYPE,
    ) -> str:
        """Write a result over the version `replaces`, or where there is none yet, and return its ETag.

        Raises `Changed` where somebody else wrote there first.
        """
        return self._output.write(
            name, data, if_match=replaces, if_absent=replaces is None, metadata=metadata, content_type=content_type
        )

    def delete_text(self, name: str) -> None:
        """Delete an extracted text from the output, if it is there."""
        with contextlib.suppress(Missing):
            self._output.delete(name)

    def withdraw_result(self, name: str, etag: str) -> bool:
        """Delete a result that should not be there, unless it was replaced since; return whether it was deleted."""
        try:
            self._output.delete(name, if_match=etag)
        except (Missing, Changed):
            return False
        return True

    def list_results(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Yield every file of the output container whose name begins with `prefix`."""
        return self._output.list(prefix)
