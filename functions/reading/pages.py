"""What comes of reading a document: its pages as text."""

from dataclasses import dataclass

from ..core.outcomes import Deferred, JobFailed, JobLost, StillRunning
from ..text.read_pages import PageText


@dataclass(frozen=True, slots=True)
class PagesRead:
    """The service is done; `pages` are in the order of their numbers.

    A page that was asked for and is not here was not read: the free tier reads the first two of a document and says
    nothing about the others.
    """

    pages: tuple[PageText, ...]


ReadingProgress = StillRunning | PagesRead | JobFailed | JobLost | Deferred
"""What comes of asking for a reading."""
