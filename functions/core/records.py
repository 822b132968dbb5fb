"""The parts that several stored records share: which version of a document, and which slice of its text."""

from datetime import datetime
from typing import Annotated

import msgspec

MAX_READING_PAGES = 200
"""Pages that one request for OCR asks for. A dense page is about 170 KB of JSON, and a reply is cut off at 64 MB."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone; one without is refused where a record is read."""


def moment(text: str | None) -> datetime | None:
    """Return a time from a blob's metadata; None where it is missing, can not be read, or has no zone."""
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if read.tzinfo else None


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The base of everything that is stored as JSON: frozen, names in camel case, defaults left out."""


class DocumentFacts(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The `document` part of a result: which version of which document it belongs to, and how it was read.

    `encoding` and `characters` (code points) are null where the document could not be read.
    """

    name: str
    etag: str
    last_modified: Moment
    size_bytes: int
    encoding: str | None = None
    characters: int | None = None
    language: str


class TextFacts(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The `text` part of a result: which text the offsets count in.

    `document`: the text of the document itself. `extracted`: the text that was extracted from the file; it stands in
    the output container in `blob`, and `sha256` is that of its UTF-8.
    """

    source: str
    format: str
    extractor: str | None = None
    """The version of the extractors."""
    blob: str | None = None
    sha256: str | None = None
    ocr: str | None = None
    """What read the pages that have no text layer, with its version; None where no page was read."""


DOCUMENT_TEXT = TextFacts(source="document", format="plain")
"""Of a document that is text itself."""


class Chunk(Record, frozen=True, kw_only=True):
    """A slice of a document at one version, small enough for one request; most documents are one chunk.

    Positions are in the decoded text: `start`, `end` and the owned part in code points, `unit_start` in the unit of
    the offsets asked for, `utf16_start` in UTF-16 units. `byte_start` and `byte_end` let a long document be read in
    part; without them all of it is read.
    """

    document: str
    etag: str
    start: int
    end: int
    index: int = 0
    count: int = 1
    own_start: int
    own_end: int
    unit_start: int = 0
    utf16_start: int = 0
    byte_start: int | None = None
    byte_end: int | None = None
    encoding: str
    encoding_errors: str = "strict"
    """Python's error policy that the bytes were decoded with: `strict`, or `replace` where some were damaged."""
    content_encoding: str | None = None
    """How the stored bytes are compressed (`gzip`, `deflate`, `br`); None where they are not. Positions in bytes count
    in the uncompressed content."""
    language: str | None = None
    """The document's own language, from its blob metadata; None where that of the work spec holds."""
    extracted: str | None = None
    """The key of the working copy that the text is read from; None where it is read from the document itself. Positions
    in bytes count in that copy."""

    @property
    def is_whole(self) -> bool:
        """Whether this chunk is all of its document."""
        return self.count == 1


class Reading(Record, frozen=True, kw_only=True):
    """What OCR is to read of a document before its text can be analysed."""

    pages: tuple[int, ...] | None
    """The pages of a pdf that are still to be read, from 1, ascending; None for all of a picture."""

    @property
    def batch(self) -> tuple[int, ...] | None:
        """The pages that the next request asks for."""
        return None if self.pages is None else self.pages[:MAX_READING_PAGES]

    @property
    def rest(self) -> "Reading | None":
        """What is left to be read after the next request; None where that is nothing."""
        rest = () if self.pages is None else self.pages[MAX_READING_PAGES:]
        return Reading(pages=rest) if rest else None


class JobFacts(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One of the service's jobs that a result came from."""

    operation_id: str = msgspec.field(name="jobId")
    """The service's own id of the job."""
    submitted_date_time: Moment | None
    completed_date_time: Moment | None
    polls: int
