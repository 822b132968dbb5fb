"""Document Intelligence as workflows need it; `read_client` keeps this contract over HTTP."""

from collections.abc import Sequence
from typing import Protocol

from ..core.outcomes import Deferred, Submission
from .pages import ReadingProgress


class ReadingService(Protocol):
    """One Document Intelligence resource. Every method makes one request and returns an outcome; none raises or waits.

    What was submitted is billed by the page, blank pages included.
    """

    def take_permit(self) -> Deferred | None:
        """Take one submission out of the request budget, for a `submit` that follows; return why to wait otherwise."""

    def submit(
        self,
        name: str,
        document: bytes,
        pages: Sequence[int] | None = None,
        *,
        has_permit: bool = False,
        deadline_s: float | None = None,
    ) -> Submission:
        """Submit a pdf or an image, and return what came of it. `name` says in logs which job it is.

        `pages` are the numbers of those to read, from 1 on, at most `records.MAX_READING_PAGES`; None reads all, and is
        what images need. `deadline_s` is how many seconds from now the exchange may take at most. `Refused` has the
        document's fault where the service says that the file can not be read.
        """

    def progress(self, operation_url: str) -> ReadingProgress:
        """Return the state of a reading, with all its pages once it is done."""
