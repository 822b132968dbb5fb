"""Text out of files, as `intake` needs it: what a file is, its text and where that stands, or why it has none.

The modules of the formats are imported at the first document, so that the app starts as fast as without them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from .. import problems
from ..core.records import Reading
from ..errors import DocumentError, Problem

if TYPE_CHECKING:
    from ..text.formats.extraction import Extracted, NotExtractable


class FileKind(NamedTuple):
    """What a file is by its beginning."""

    is_file: bool
    """Whether its text has to be extracted; false for what is text itself."""
    is_text: bool
    """Whether it has the size limit of text."""


TEXT = FileKind(is_file=False, is_text=True)


class Extractor:
    """Extracts texts from files with `extract`, which runs elsewhere and bounds time and memory.

    `has_ocr` says that pages without a text layer can be read.
    """

    def __init__(self, extract: "Callable[[bytes], Extracted] | None", *, has_ocr: bool = False) -> None:
        self._extract = extract
        self._has_ocr = has_ocr

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

    def extract(self, data: bytes) -> "tuple[Extracted, Reading | None]":
        """Return the text of a file, and what OCR is to read of it first. Raises `DocumentError`."""
        from ..text.formats.extraction import Extracted, NotExtractable
        from ..text.formats.locations import LocationMap

        assert self._extract is not None  # noqa: S101 - nothing is a file where extraction is turned off
        try:
            extracted = self._extract(data)
        except NotExtractable as error:
            if not self._has_ocr or error.scan is None:
                raise DocumentError(problem_of(error)) from error
            extracted = Extracted(text="", format=error.scan.format, locations=LocationMap((), ()))
            return extracted, Reading(pages=error.scan.pages)
        if not self._has_ocr or not extracted.unread_pages:
            return extracted, None
        left = tuple(one for one in extracted.warnings if not problems.PAGES_WITHOUT_TEXT.covers(one))
        return replace(extracted, warnings=left), Reading(pages=extracted.unread_pages)


def problem_of(error: "NotExtractable") -> Problem:
    """Return why a file has no text, as its error report says it."""
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
