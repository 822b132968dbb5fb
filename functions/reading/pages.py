"""What comes of reading a document: its pages as text."""

from dataclasses import dataclass

from ..core.outcomes import Deferred, JobFailed, JobLost, StillRunning

MAX_JOB_PAGES = 200
"""Pages that one submission should ask for. A dense page is about 170 KB of JSON, and a reply is cut off at 64 MB."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """One page as it was read; `number` counts from 1 in the document."""

    number: int
    text: str
    """Its lines in reading order, with a line feed between them; empty for a blank page."""
    confidence: float | None
    """The mean over its words, from 0 to 1; None where no word has one."""


@dataclass(frozen=True, slots=True)
class PagesRead:
    """The service is done; `pages` are in the order of their numbers.

    A page that was asked for and is not here was not read: the free tier reads the first two of a document and says
    nothing about the others.
    """

    pages: tuple[ReadPage, ...]


ReadingProgress = StillRunning | PagesRead | JobFailed | JobLost | Deferred
"""What comes of asking for a reading."""
