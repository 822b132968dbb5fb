"""The journal in the state container: append blobs by hour and instance, and the summary that it continues."""

import contextlib
import uuid
from collections.abc import Iterable, Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple, TypeVar

import msgspec

from ..core.hours import HourHistory
from ..core.journal import Entry, Line, Summary, decode_lines, encode_lines, hour_of
from ..core.records import Record
from ..errors import Changed, Missing, RecordError
from .containers import BlobInfo, Container
from .record_format import decode, encode

R = TypeVar("R", bound=Record)

JOURNAL = "journal/"
SUMMARY = "index/summary.json"
HOURS = "index/hours.json"

BLOCK_BYTES = 2 * 1024 * 1024
"""What one request brings or takes at most; a block of an append blob may have 4 MiB ("Append Block", read 2026-11)."""

COPY_SIGN = "~"
"""Stands behind the instance in the name of a blob that is a copy without some lines; no instance's name has it."""

MAX_RACES = 20
"""Times that a blob may be appended to while it is copied."""

TAIL_BYTES = 64 * 1024
"""What is read of the end of a blob at once: about two hundred lines."""


class PlacedLine(NamedTuple):
    """A line, and where it begins in its blob."""

    line: Line
    start: int


Offsets = MutableMapping[str, int]
"""How far each blob was read."""


class JournalStore:
    """Appends to the journal under the name of an instance, and reads what all of them have written."""

    def __init__(self, container: Container, instance: str) -> None:
        self._container = container
        self._instance = instance

    def append(self, lines: Iterable[Line]) -> None:
        """Append lines, each to the blob of its hour, in as few requests as possible.

        Where this fails, some or all of the lines may have been written: whoever repeats it writes those twice.
        """
        for hour, group in groupby(sorted(lines, key=lambda line: line.at), lambda line: hour_of(line.at)):
            name = f"{_folder(hour)}{self._instance}.jsonl"
            block = bytearray()
            for data in (encode_lines([line]) for line in group):
                if len(block) + len(data) > BLOCK_BYTES:
                    self._container.append(name, bytes(block))
                    block.clear()
                block += data
            self._container.append(name, bytes(block))

    def entries(self, since: datetime, until: datetime, offsets: Offsets | None = None) -> Iterator[Entry]:
        """Yield the lines of the hours from `since` to `until`, hour by hour, in constant memory.

        `offsets` tells where to begin in each blob, and is moved on: the next call yields what has come since.
        """
        day, first, last = since.astimezone(UTC), hour_of(since.astimezone(UTC)), hour_of(until.astimezone(UTC))
        while day.date() <= last.date():
            for info in self._container.list(f"{JOURNAL}{day:%Y/%m/%d}/"):
                hour, instance = _parts(info.name)
                if hour is not None and first <= hour <= last:
                    yield from (Entry(instance, line) for line in self._lines(info, offsets))
            day += timedelta(days=1)

    def _lines(self, info: BlobInfo, offsets: Offsets | None) -> Iterator[Line]:
        start = offsets.get(info.name, 0) if offsets is not None else 0
        for block in self._blocks(info, start):
            if block.endswith(b"\n"):
                start += len(block)
                yield from decode_lines(block)
        if offsets is not None:
            offsets[info.name] = start

    def _blocks(self, info: BlobInfo, start: int = 0) -> Iterator[bytes]:
        """Yield blocks of whole lines; the last block has no end where the last line has none yet."""
        rest = b""
        while start < info.size_bytes:
            data = self._container.read(info.name, start=start, end=min(start + BLOCK_BYTES, info.size_bytes)).data
            if not data:
                break
            start += len(data)
            whole, newline, rest = (rest + data).rpartition(b"\n")
            if newline:
                yield whole + newline
        if rest:
            yield rest

    def hour_blobs(self, day: datetime) -> dict[datetime, list[BlobInfo]]:
        """Return the blobs of each hour of a day (UTC) that has any."""
        found: dict[datetime, list[BlobInfo]] = {}
        for info in self._container.list(f"{JOURNAL}{day:%Y/%m/%d}/"):
            hour, _ = _parts(info.name)
            if hour is not None:
                found.setdefault(hour, []).append(info)
        return found

    def lines_before(self, blob: str, end: int) -> tuple[list[PlacedLine], int]:
        """Return lines of a blob that end at `end` bytes or before, in their order, and where the first one begins.

        They are those of one request; what this release can not read is left out. A blob that is gone has none.
        """
        start = max(0, end - TAIL_BYTES)
        try:
            data = self._container.read(blob, start=start, end=end).data if end else b""
        except Missing:
            return [], 0
        first = data.find(b"\n") + 1 if start else 0
        place, found = start + first, []
        for text in data[first:].splitlines(keepends=True):
            line = next(decode_lines(text), None)
            if line is not None:
                found.append(PlacedLine(line, place))
            place += len(text)
        return found, (start + first if first or not start else 0)

    def erase(self, document: str, *, is_dry: bool = False) -> Iterator[tuple[str, int]]:
        """Take the lines about a document out; yield the name of each blob that had some, and how many.

        A blob is copied without them, under another name in its hour, and deleted at the version that was copied: an
        instance that appends to it again begins a new one. Where a run ends in between, lines stand there twice, and
        are counted once as ever. With `is_dry` nothing is changed. Raises `Changed` where a blob is appended to again
        and again.
        """
        quoted = msgspec.json.encode(document)
        for info in self._container.list(JOURNAL):
            lines = self._count_lines(info, quoted, document)
            if lines and not is_dry:
                lines = self._copy_without(info.name, quoted, document)
            if lines:
                yield info.name, lines

    def _count_lines(self, info: BlobInfo, quoted: bytes, document: str) -> int:
        try:
            return sum(_is_about(line, quoted, document) for line in self._texts(info))
        except Missing:
            return 0

    def _copy_without(self, name: str, quoted: bytes, document: str) -> int:
        hour, _, file = name.rpartition("/")
        instance = file.removesuffix(".jsonl").partition(COPY_SIGN)[0]
        for _ in range(MAX_RACES):
            copy = f"{hour}/{instance}{COPY_SIGN}{uuid.uuid4().hex[:12]}.jsonl"
            try:
                info = self._container.get_properties(name)
                taken = self._copy(info, copy, quoted, document)
                self._container.delete(name, if_match=info.etag)
            except (Changed, Missing) as error:
                # Somebody has appended to it, or was faster: the copy lacks lines, or has them too often.
                with contextlib.suppress(Missing):
                    self._container.delete(copy)
                if isinstance(error, Missing):
                    return 0
                continue
            return taken
        raise Changed(name)

    def _copy(self, info: BlobInfo, copy: str, quoted: bytes, document: str) -> int:
        taken, block = 0, bytearray()
        for line in self._texts(info):
            if _is_about(line, quoted, document):
                taken += 1
                continue
            if len(block) + len(line) > BLOCK_BYTES:
                self._container.append(copy, bytes(block))
                block.clear()
            block += line
        if block:
            self._container.append(copy, bytes(block))
        return taken

    def _texts(self, info: BlobInfo) -> Iterator[bytes]:
        """Yield the lines of a blob as they are, each with its end."""
        for block in self._blocks(info):
            yield from (block if block.endswith(b"\n") else block + b"\n").splitlines(keepends=True)

    def first_day(self) -> datetime | None:
        """Return the day of the oldest lines that are kept; None where there are none."""
        oldest = self._container.list_page(JOURNAL, "", 1).blobs
        return _parts(oldest[0].name)[0] if oldest else None

    def summary(self) -> Summary | None:
        """Return the last summary; None where there is none that this release can read."""
        return self._kept(SUMMARY, Summary)

    def save_summary(self, summary: Summary) -> None:
        """Replace the summary."""
        self._container.write(SUMMARY, encode(summary))

    def history(self) -> HourHistory | None:
        """Return what happened in the hours before the last whole comparison; None as for `summary`."""
        return self._kept(HOURS, HourHistory)

    def save_history(self, history: HourHistory) -> None:
        """Replace what is known of the hours before."""
        self._container.write(HOURS, encode(history))

    def _kept(self, name: str, kind: type[R]) -> R | None:
        try:
            return decode(self._container.read(name), kind)
        except (Missing, RecordError):
            return None


def _is_about(line: bytes, quoted: bytes, document: str) -> bool:
    """Whether a line is about a document; one that this release can not read is, where it names the document."""
    if quoted not in line:
        return False
    read = next(decode_lines(line), None)
    return read is None or getattr(read, "document", None) == document


def _folder(hour: datetime) -> str:
    return f"{JOURNAL}{hour.astimezone(UTC):%Y/%m/%d/%H}/"


def _parts(name: str) -> tuple[datetime | None, str]:
    """Return the hour and the instance in the name of a blob; None where it is not one of the journal's."""
    folder, _, file = name.removeprefix(JOURNAL).rpartition("/")
    try:
        return datetime.strptime(folder, "%Y/%m/%d/%H").replace(tzinfo=UTC), file.removesuffix(".jsonl")
    except ValueError:
        return None, ""
