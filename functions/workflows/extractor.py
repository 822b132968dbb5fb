"""Text out of files, as `intake` needs it: what a file is, its text and where that stands, or why it has none.

The modules of the formats are imported at the first document, so that the app starts as fast as without them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .. import problems
from ..errors import DocumentError, Problem

if TYPE_CHECKING:
    from ..text.formats.extraction import Extracted, NotExtractable

HEAD_BYTES = 65_536
"""What is looked at of a file to know what it is."""


class FileKind(NamedTuple):
    """What a file is by its beginning."""

    is_file: bool
    """Whether its text has to be extracted; false for what is text itself."""
    is_text: bool
    """Whether it has the size limit of text."""


TEXT = FileKind(is_file=False, is_text=True)


class Extractor:
    """Extracts texts from files with `extract`, which runs elsewhere and bounds time and memory."""

    def __init__(self, extract: "Callable[[bytes], Extracted] | None") -> None:
        self._extract = extract

    @property
    def version(self) -> str:
        """The version of the extractors."""
        from ..text.formats.extractors import VERSION

        return VERSION

    def kind_of(self, head: bytes) -> FileKind:
        """Return what a file is by its first `HEAD_BYTES`. Everything is text where extraction is turned off."""
        if not self._extract:
            return TEXT
        from ..text.formats.extractors import FORMATS
        from ..text.formats.recognition import recognise

        name = recognise(head)
        if name == "plain":
            return TEXT
        known = FORMATS.get(name)
        return FileKind(is_file=True, is_text=known is not None and known.is_text)

    def extract(self, data: bytes) -> "Extracted":
        """Return the text of a file. Raises `DocumentError`."""
        from ..text.formats.extraction import NotExtractable

        assert self._extract is not None  # noqa: S101 - nothing is a file where extraction is turned off
        try:
            return self._extract(data)
        except NotExtractable as error:
            raise DocumentError(_problem(error)) from error


def _problem(error: "NotExtractable") -> Problem:
    from ..text.formats.extraction import Reason

    kinds = {
        Reason.DAMAGED: problems.DAMAGED_FILE,
        Reason.PROTECTED: problems.PROTECTED_FILE,
        Reason.NO_TEXT: problems.NO_TEXT_IN_FILE,
        Reason.OLD_FORMAT: problems.OLD_FORMAT,
        Reason.UNKNOWN_FORMAT: problems.UNKNOWN_FORMAT,
        Reason.LIMIT: problems.EXTRACTION_LIMIT,
    }
    return kinds[error.reason].problem(detail=error.detail)
