"""The journal in the state container: append blobs by hour and instance, and the summary that it continues."""

from collections.abc import Iterable, Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from itertools import groupby

from ..core.journal import Entry, Line, Summary, decode_lines, encode_lines, hour_of
from ..errors import Missing, RecordError
from .containers import BlobInfo, Container
from .record_format import decode, encode

JOURNAL = "journal/"
SUMMARY = "index/summary.json"

BLOCK_BYTES = 2 * 1024 * 1024
"""What one request brings or takes at most; a block of an append blob may have 4 MiB ("Append Block", read 2026-11)."""

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
        start, rest = offsets.get(info.name, 0) if offsets is not None else 0, b""
        while start < info.size_bytes:
            data = self._container.read(info.name, start=start, end=min(start + BLOCK_BYTES, info.size_bytes)).data
            if not data:
                return
            start += len(data)
            whole, newline, rest = (rest + data).rpartition(b"\n")
            yield from decode_lines(whole + newline)
        if offsets is not None:
            offsets[info.name] = start - len(rest)

    def first_day(self) -> datetime | None:
        """Return the day of the oldest lines that are kept; None where there are none."""
        oldest = next(iter(self._container.list(JOURNAL)), None)
        return _parts(oldest.name)[0] if oldest else None

    def summary(self) -> Summary | None:
        """Return the last summary; None where there is none that this release can read."""
        try:
            return decode(self._container.read(SUMMARY), Summary)
        except (Missing, RecordError):
            return None

    def save_summary(self, summary: Summary) -> None:
        """Replace the summary."""
        self._container.write(SUMMARY, encode(summary))


def _folder(hour: datetime) -> str:
    return f"{JOURNAL}{hour.astimezone(UTC):%Y/%m/%d/%H}/"


def _parts(name: str) -> tuple[datetime | None, str]:
    """Return the hour and the instance in the name of a blob; None where it is not one of the journal's."""
    folder, _, file = name.removeprefix(JOURNAL).rpartition("/")
    try:
        return datetime.strptime(folder, "%Y/%m/%d/%H").replace(tzinfo=UTC), file.removesuffix(".jsonl")
    except ValueError:
        return None, ""
