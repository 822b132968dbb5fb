"""What every extractor is given and gives: a text with places, within limits, or the reason why there is none."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ... import problems
from ...errors import Warning
from .locations import LocationMap, Place

if TYPE_CHECKING:
    from .archives import Archive

LOCATION_ENTRIES = 200_000
"""Entries of a location map; from there on it gets coarser: no rows and headings any more. A map of every row of a
large sheet would need more memory than the sheet."""
_FINE = ("row", "heading")

_PLACE_CHARACTERS = 300
"""Of a name or a heading in a place; every row of a sheet repeats the sheet's name."""

_WARNINGS = 100
"""Warnings about a file; an archive may have thousands of members that cannot be read."""

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a file may ask for, counted over all levels of a nested one."""

    characters: int = 5_000_000
    """Of the extracted text."""
    unpacked_bytes: int = 500_000_000
    """Of all that is unpacked on the way."""
    ratio: int = 1_000
    """Unpacked to packed bytes of one archive member larger than a megabyte."""
    entries: int = 10_000
    """Members of archives and parts of mails."""
    pages: int = 10_000
    nesting: int = 500
    """Levels of elements, groups or arrays inside each other. Browsers stop at 512, and each answer to a mail may add
    three to those of its quotation."""
    levels: int = 5
    """Files inside each other: an attachment of a mail in an archive is on the third."""
    header_bytes: int = 65_536
    """Of one header of a mail."""


class Reason(StrEnum):
    """Why a file has no text; each is a problem of its own for the person who dropped it."""

    DAMAGED = "damaged"
    """It breaks the rules of its format."""
    PROTECTED = "protected"
    """A password or a key is needed."""
    NO_TEXT = "no text"
    """It can be read, and there is no text in it: scans, pictures, sound."""
    OLD_FORMAT = "old format"
    """A format that is not read any more, as doc and ppt."""
    UNKNOWN_FORMAT = "unknown format"
    """Nothing that is known."""
    LIMIT = "limit"
    """It asks for more than is allowed."""


class Scan(NamedTuple):
    """A file without text whose pages may be read by OCR."""

    format: str
    """`pdf`, or that of a picture: `png`, `jpeg`, …"""
    pages: tuple[int, ...] | None
    """The pages of a pdf that are pictures, from 1; None for a picture, which may have several pages."""


class NotExtractable(Exception):
    """A file has no text, for a reason.

    `detail` is a sentence for people; for `Reason.LIMIT`, `limit` names the field of `Limits`, or `seconds` or
    `memory`, and `allowed` is its value. `scan` says what OCR may read of a file with `Reason.NO_TEXT`.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        limit: str | None = None,
        allowed: float | None = None,
        scan: Scan | None = None,
    ) -> None:
        self.reason = reason
        self.detail = detail
        self.limit = limit
        self.allowed = allowed
        self.scan = scan
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """The text of a file."""

    text: str
    format: str
    """The name of the format: `pdf`, `docx`, …"""
    locations: LocationMap
    warnings: tuple[Warning, ...] = ()
    """Of pages without text, attachments that could not be read."""
    unread_pages: tuple[int, ...] = ()
    """The pages of a pdf, from 1, that are pictures without text. Only those of the file itself, not of files in it."""


@dataclass(slots=True)
class Output:
    """Collects the text of a file and where it stands; raises `NotExtractable` beyond the limit of characters.

    Extractors write through it and return nothing. The same output is used by all levels of a nested file.
    """

    limits: Limits
    nested: Callable[[str, bytes, "Output"], None] | None = None
    """Extracts a file inside this one: its name (the next level of `part`), its bytes, this output."""
    warnings: list[Warning] = field(default_factory=list)
    unread_pages: list[int] = field(default_factory=list)
    archive: "Archive | None" = None
    """The one that was opened last; see `archives.opened`."""
    _parts: list[str] = field(default_factory=list)
    _length: int = 0
    _starts: list[int] = field(default_factory=list)
    _places: list[Place] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)
    _unpacked: int = 0
    _entries: int = 0
    _pages: int = 0

    @property
    def length(self) -> int:
        """How many characters were written so far."""
        return self._length

    @property
    def path(self) -> str:
        """The path of the part that is being extracted; empty for the file itself."""
        return "/".join(self._path)

    def is_blank_from(self, position: int) -> bool:
        """Whether only white space was written from a position on."""
        length = self._length
        for part in reversed(self._parts):
            if length <= position:
                break
            if part and not part.isspace():
                return False
            length -= len(part)
        return True

    def write(self, text: str) -> None:
        """Add text."""
        self._length += len(text)
        if self._length > self.limits.characters:
            raise over_limit("characters", self.limits.characters)
        self._parts.append(text)

    def place(self, **place: str | int) -> None:
        """Say where the text stands that is written from here on."""
        found: dict[str, str | int] = {"part": self.path, **place} if self._path else {**place}
        if len(self._starts) >= LOCATION_ENTRIES:
            found = {key: value for key, value in found.items() if key not in _FINE}
        for key, value in found.items():
            if isinstance(value, str) and len(value) > _PLACE_CHARACTERS:
                found[key] = value[:_PLACE_CHARACTERS]
        if self._starts and self._starts[-1] == self._length:
            self._places[-1] = found
        elif not self._places or self._places[-1] != found:
            self._starts.append(self._length)
            self._places.append(found)

    def warn(self, warning: Warning) -> None:
        """Add a warning."""
        if len(self.warnings) < _WARNINGS:
            self.warnings.append(warning)
        elif len(self.warnings) == _WARNINGS:
            self.warnings.append(problems.MORE_WARNINGS.warning(limit=_WARNINGS))

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Collect a file inside this one, as the next level of `part`.

        A blank line separates it from what was written before. If it turns out not to be extractable, what was written
        of it is taken back.
        """
        if len(self._path) + 1 >= self.limits.levels:
            raise over_limit("levels", self.limits.levels)
        written, length, places = len(self._parts), self._length, len(self._places)
        last = self._places[-1] if self._places else None
        if self._length:
            end = "".join(self._parts[-2:])
            self.write("" if end.endswith("\n\n") else "\n" if end.endswith("\n") else "\n\n")
        self._path.append(name)
        self.place()
        try:
            yield
        except NotExtractable:
            del self._parts[written:], self._starts[places:], self._places[places:]
            self._length = length
            if last is not None:
                self._places[-1] = last
            raise
        finally:
            self._path.pop()

    def count_unpacked(self, size: int) -> None:
        """Count bytes that were unpacked, over all levels."""
        self._unpacked += size
        if self._unpacked > self.limits.unpacked_bytes:
            raise over_limit("unpacked_bytes", self.limits.unpacked_bytes)

    def count_entries(self, count: int = 1) -> None:
        """Count members of archives and parts of mails, over all levels."""
        self._entries += count
        if self._entries > self.limits.entries:
            raise over_limit("entries", self.limits.entries)

    def count_pages(self, count: int = 1) -> None:
        """Count pages, over all levels."""
        self._pages += count
        if self._pages > self.limits.pages:
            raise over_limit("pages", self.limits.pages)

    def extracted(self, format_name: str) -> Extracted:
        """Return everything that was written; halves of characters, which no encoding has, as U+FFFD."""
        return Extracted(
            text=_LONE_SURROGATES.sub("\ufffd", "".join(self._parts)),
            format=format_name,
            locations=LocationMap(tuple(self._starts), tuple(self._places)),
            warnings=tuple(self.warnings),
            unread_pages=tuple(self.unread_pages),
        )


def words(text: str) -> frozenset[str]:
    """Return names that are written one after the other, as extractors list elements and control words."""
    return frozenset(text.split())


def as_seen(text: str) -> str:
    """Return text without soft hyphens and places to break a line, with the usual hyphen, and without ligatures."""
    if text.isascii() or not _NOT_AS_SEEN.search(text):
        return text  # Translating takes a multiple of the time of looking.
    return text.translate(_AS_SEEN)


_AS_SEEN: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff")),
    0x2011: "-",
    **dict(zip(range(0xFB00, 0xFB07), ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True)),
}

_NOT_AS_SEEN = re.compile(f"[{''.join(map(chr, _AS_SEEN))}]")

_ASKS_FOR = {
    "characters": "has more than {} characters of text",
    "unpacked_bytes": "unpacks to more than {} bytes",
    "ratio": "has a part that unpacks to more than {} times its size",
    "entries": "has more than {} parts",
    "pages": "has more than {} pages",
    "nesting": "is nested more than {} levels deep",
    "levels": "has files inside each other on more than {} levels",
    "header_bytes": "has a header of more than {} bytes",
    "seconds": "takes more than {} seconds to read",
    "memory": "takes more than {} MB of memory to read",
}


def over_limit(limit: str, allowed: float) -> NotExtractable:
    """Return the error of a file that asks for more than is allowed."""
    return NotExtractable(Reason.LIMIT, f"It {_ASKS_FOR[limit].format(f'{allowed:,}')}.", limit=limit, allowed=allowed)
