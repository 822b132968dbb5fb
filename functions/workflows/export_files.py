"""The files of an export on disk: CSV, JSON Lines or Parquet, and the progress file beside them.

What a progress file says is written was brought to the disk before. A run that goes on cuts off what came later.
"""

import csv
import io
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from ..core.export_rows import ExportRow
from ..core.spreadsheets import harmless
from ..errors import EntityDropError
from ..typed_data import decoder_of
from .exporting import CLOCK_DIFFERENCE, ExportAsked, ExportWriter, Finished, Previous, ProgressLine, Reached, Start

COLUMNS: Final = tuple(field.encode_name for field in msgspec.structs.fields(ExportRow))
_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(ExportRow))

PROGRESS: Final = ".export.jsonl"
"""What the name of a progress file ends with; the export's own name comes before."""

FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""The formats by the ends of file names."""

GROUP_ROWS = 5_000
"""Rows of Parquet that are held in memory until they are written."""

PART_ROWS = 100_000
"""Rows in one file of Parquet. Such a file can be read only once it is closed, so an interrupted export begins its last
one anew."""

_BOM = b"\xef\xbb\xbf"


class ExportRefused(EntityDropError):
    """An export that can not be begun or continued; the message says why and what to do."""


# --- Progress ---


class ProgressFile:
    """Keeps how far an export has come, a line for each step."""

    def __init__(self, export: Path) -> None:
        self.path = export.with_name(export.name + PROGRESS)
        self._file: IO[bytes] | None = None

    def begin(self, start: Start) -> None:
        """Begin anew."""
        self._file = self.path.open("wb")
        self._write(start)

    def resume(self) -> None:
        """Go on behind the last whole line."""
        data = self.path.read_bytes()
        self._file = self.path.open("r+b")
        self._file.truncate(data.rfind(b"\n") + 1)
        self._file.seek(0, io.SEEK_END)

    def note(self, line: Reached | Finished) -> None:
        """Keep a line."""
        self._write(line)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _write(self, line: ProgressLine) -> None:
        assert self._file is not None  # noqa: S101 - for the type checker
        self._file.write(msgspec.json.encode(line) + b"\n")
        _to_disk(self._file)


class Known:
    """What a progress file says."""

    def __init__(self, export: Path) -> None:
        self.start: Start | None = None
        self.reached: Reached | None = None
        self.is_finished = False
        self._recent: list[str] = []
        path = export.with_name(export.name + PROGRESS)
        if path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        decoder = decoder_of(ProgressLine)
        with path.open("rb") as file:
            for text in file:
                if not text.endswith(b"\n"):
                    break  # It was not written to its end.
                try:
                    line = decoder.decode(text)
                except msgspec.DecodeError:
                    raise ExportRefused(
                        f"{path} is no progress file of this version: delete it to begin the export anew."
                    ) from None
                if isinstance(line, Start):
                    self.start = line
                elif isinstance(line, Reached):
                    self.reached = line
                    self._recent += line.recent
                else:
                    self.is_finished = True

    @property
    def previous(self) -> Previous:
        """What this export has seen, for the next one."""
        assert self.start is not None  # noqa: S101 - for the type checker
        return Previous(self.start.started - CLOCK_DIFFERENCE, frozenset(self._recent))


def previous_of(export: Path, asked: ExportAsked) -> Previous:
    """Return what an earlier export has seen. Raises `ExportRefused` where it can not be continued."""
    known = Known(export)
    if known.start is None:
        raise ExportRefused(f"There is no progress file {export}{PROGRESS}, so nobody knows what that export has seen.")
    if not known.is_finished:
        raise ExportRefused(f"The export {export} was interrupted: run its own command again first.")
    if not asked.is_like(known.start.asked):
        raise ExportRefused(f"The export {export} was asked for other documents: give the same filters.")
    return known.previous


# --- The formats ---


def check_format(form: str) -> None:
    """Raise `ExportRefused` where the library of a format is not installed."""
    if form == "parquet":
        _parquet()


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ExportRefused(
            "Parquet needs pyarrow, which is not installed: pip install -r requirements-parquet.txt, or export to "
            ".csv or .jsonl."
        ) from None
    return pyarrow


def open_writer(export: Path, asked: ExportAsked, reached: Reached | None) -> "FileWriter":
    """Return what writes an export, behind what was reached."""
    position = reached.position if reached else 0
    if asked.format == "parquet":
        return ParquetWriter(export, position)
    if not reached:
        export.write_bytes(b"")
    elif not export.exists() or export.stat().st_size < position:
        raise ExportRefused(f"{export} is not there any more as it was left: delete {export}{PROGRESS} to begin anew.")
    file = export.open("r+b")
    file.truncate(position)
    file.seek(position)
    return _text_writer(file, asked, is_new=position == 0)


def stream_writer(file: IO[bytes], asked: ExportAsked) -> "FileWriter":
    """Return what writes CSV or JSON Lines to a pipe, or whatever else the standard output is."""
    return _text_writer(_Stream(file), asked, is_new=True)


def _text_writer(file: "IO[bytes] | _Stream", asked: ExportAsked, *, is_new: bool) -> "FileWriter":
    return CsvWriter(file, is_exact=asked.is_exact, is_new=is_new) if asked.format == "csv" else JsonLinesWriter(file)


class _Stream:
    """A file that is only written to."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.write, self.writelines = file.write, file.writelines

    def close(self) -> None:
        """Leave it open: it is the caller's."""
        self._file.flush()


class FileWriter(ExportWriter):
    """Writes to disk."""

    def close(self) -> None:
        """Close what is open."""


class JsonLinesWriter(FileWriter):
    """Writes a JSON object a line."""

    def __init__(self, file: IO[bytes] | _Stream) -> None:
        self._file = file
        self._encoder = msgspec.json.Encoder()

    def add(self, rows: Iterable[ExportRow]) -> None:
        """Write rows."""
        self._file.writelines(self._encoder.encode(row) + b"\n" for row in rows)

    def save(self, *, is_last: bool = False) -> int | None:
        """Bring the rows to the disk."""
        return _position(self._file)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvWriter(FileWriter):
    """Writes CSV as RFC 4180 has it; unless it is to be exact, so that no spreadsheet takes a cell for a formula."""

    def __init__(self, file: IO[bytes] | _Stream, *, is_exact: bool, is_new: bool) -> None:
        self._file = file
        self._is_exact = is_exact
        if is_new:
            # By the mark spreadsheets know UTF-8; other programs may take it for a part of the first name.
            file.write(b"" if is_exact else _BOM)
            self._write([COLUMNS])

    def add(self, rows: Iterable[ExportRow]) -> None:
        """Write rows."""
        self._write(map(self._cells, rows))

    def _write(self, lines: Iterable[Iterable[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(lines)
        self._file.write(text.getvalue().encode("utf-8", "replace"))

    def _cells(self, row: ExportRow) -> list[Any]:
        cells = [_of_csv(value) for value in flat(row)]
        if self._is_exact:
            return cells
        return [harmless(value) if isinstance(value, str) else value for value in cells]

    def save(self, *, is_last: bool = False) -> int | None:
        """Bring the rows to the disk."""
        return _position(self._file)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def flat(row: ExportRow) -> list[Any]:
    """Return the fields of a row as tables have them: a location in words, details as JSON."""
    return [_flat(getattr(row, name)) if name in _NESTED else getattr(row, name) for name in _FIELDS]


_NESTED = ("location", "details")


def _flat(value: Any) -> str | None:
    if not value:
        return None
    if any(isinstance(part, dict | list) for part in value.values()):
        return msgspec.json.encode(value).decode()
    return ", ".join(f"{name} {part}" for name, part in value.items())


def _of_csv(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else value


class ParquetWriter(FileWriter):
    """Writes a folder of Parquet files, each closed before the next is begun."""

    def __init__(self, folder: Path, parts: int) -> None:
        self._arrow = _parquet()
        self._folder, self._parts = folder, parts
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            part = re.fullmatch(r"part-(\d{6})\.(parquet|partial)", file.name)
            if part and (part[2] == "partial" or int(part[1]) >= parts):
                file.unlink()
        self._rows: list[ExportRow] = []
        self._in_part = 0
        self._open: Any = None

    def add(self, rows: Iterable[ExportRow]) -> None:
        """Take rows; write them in groups."""
        self._rows += rows
        while len(self._rows) >= GROUP_ROWS:
            group, self._rows = self._rows[:GROUP_ROWS], self._rows[GROUP_ROWS:]
            self._write(group)

    def save(self, *, is_last: bool = False) -> int | None:
        """Close the present part where it is full, or the last one."""
        if not is_last and self._in_part + len(self._rows) < PART_ROWS:
            return None
        if self._rows or (is_last and not self._parts and not self._open):
            self._write(self._rows)
            self._rows = []
        if self._open:
            self._open.close()
            self._open = None
            with self._partial.open("r+b") as file:
                os.fsync(file.fileno())
            self._partial.replace(self._folder / f"part-{self._parts:06d}.parquet")
            self._parts += 1
            self._in_part = 0
        return self._parts

    @property
    def _partial(self) -> Path:
        return self._folder / f"part-{self._parts:06d}.partial"

    def _write(self, rows: list[ExportRow]) -> None:
        schema = _schema(self._arrow)
        self._open = self._open or self._arrow.parquet.ParquetWriter(self._partial, schema)
        columns = list(zip(*map(flat, rows), strict=True)) or [()] * len(COLUMNS)
        arrays = [self._arrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        self._open.write_table(self._arrow.table(arrays, schema=schema))
        self._in_part += len(rows)

    def close(self) -> None:
        """Leave what is not whole; the next run begins it anew."""
        if self._open:
            self._open.close()


def _schema(arrow: Any) -> Any:
    kinds = {
        "offset": arrow.int64(),
        "length": arrow.int64(),
        "utf16Offset": arrow.int64(),
        "utf16Length": arrow.int64(),
        "confidence": arrow.float64(),
        "review": arrow.bool_(),
        "completed": arrow.timestamp("us", tz="UTC"),
    }
    return arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])


def _position(file: IO[bytes] | _Stream) -> int:
    if isinstance(file, _Stream):
        return 0
    _to_disk(file)
    return file.tell()


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
