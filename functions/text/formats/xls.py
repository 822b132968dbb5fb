"""Excel workbooks of before 2007 (BIFF 5 and 8): as `xlsx`, the sheets that are shown, with numbers as they are shown.

A workbook is a stream of records in a compound file. Cells have the number of a format each, which is why this is not
left to a library that gives values alone; and no table is ever built that is larger than the file.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .compound_files import CompoundFile
from .extraction import NotExtractable, Output, Reason
from .number_formats import BUILT_IN, NumberFormat, general, number_format
from .sheets import SheetWriter, margin_lines

# Records (MS-XLS 2.3).
_BOF, _END, _CONTINUE, _PASSWORD = 0x0809, 0x000A, 0x003C, 0x002F
_SHEET, _STRINGS, _FORMAT, _STYLE, _DATES, _CODE_PAGE = 0x0085, 0x00FC, 0x041E, 0x00E0, 0x0022, 0x0042
_ROW, _COLUMNS = 0x0208, 0x007D
_SHARED_TEXT, _TEXT, _RICH_TEXT, _NUMBER, _RK, _RKS = 0x00FD, 0x0204, 0x00D6, 0x0203, 0x027E, 0x00BD
_FORMULA, _RESULT, _TRUE_OR_ERROR = 0x0006, 0x0207, 0x0205
_NOTE, _OBJECT, _OBJECT_TEXT, _HEADER, _FOOTER = 0x001C, 0x005D, 0x01B6, 0x0014, 0x0015

_BIFF8 = 0x0600
_NOTE_OBJECT = 0x19
_ROW_HIDDEN, _COLUMN_HIDDEN = 0x20, 0x01
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
_MAC_ROMAN = 32_768


def extract(data: bytes, output: Output) -> None:
    """Write the text of the sheets; sheets and rows are places."""
    stream = _workbook_stream(data)
    output.count_unpacked(len(stream))
    try:
        _Workbook(stream, output).write()
    except (struct.error, IndexError) as error:
        raise NotExtractable(Reason.DAMAGED, f"A record of the workbook is damaged: {error}.") from error


def _workbook_stream(data: bytes) -> bytes:
    with CompoundFile(data) as file:
        for name in ("Workbook", "Book"):
            if [name] in file:
                return file.read([name])
    raise NotExtractable(Reason.DAMAGED, "It has no workbook.")


@dataclass(slots=True)
class _Record:
    kind: int
    data: bytes
    more: list[bytes] = field(default_factory=list)
    """What did not fit, of the records that continue it."""


def _records(stream: bytes, start: int) -> Iterator[_Record]:
    """Return the records from a place on, each with those that continue it."""
    place = start
    last: _Record | None = None
    while place + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, place)
        data = stream[place + 4 : place + 4 + size]
        place += 4 + size
        if kind == _CONTINUE and last is not None:
            last.more.append(data)
            continue
        if last is not None:
            yield last
        last = _Record(kind, data)
    if last is not None:
        yield last


class _Strings:
    """Reads strings one after the other; where one is continued in the next record, its width is said again."""

    def __init__(self, record: _Record, start: int) -> None:
        self._segments = [record.data, *record.more]
        self._segment = 0
        self._place = start

    def has_more(self) -> bool:
        while self._segment < len(self._segments) and self._place >= len(self._segments[self._segment]):
            self._segment += 1
            self._place = 0
        return self._segment < len(self._segments)

    def string(self) -> str:
        """Return a string with its formatting left out (MS-XLS 2.5.293)."""
        length, flags = struct.unpack("<HB", self._take(3))
        runs = struct.unpack("<H", self._take(2))[0] if flags & 0x08 else 0
        extension = struct.unpack("<I", self._take(4))[0] if flags & 0x04 else 0
        text = self.characters(length, flags)
        self._take(4 * runs + extension)
        return text

    def characters(self, length: int, flags: int) -> str:
        parts: list[str] = []
        while length and self.has_more():
            if self._place == 0 and (parts or self._segment):
                flags = self._take(1)[0]
            segment = self._segments[self._segment]
            width = 2 if flags & 0x01 else 1
            count = min(length, (len(segment) - self._place) // width)
            if count == 0:
                break
            part = segment[self._place : self._place + count * width]
            parts.append(part.decode("utf-16-le" if width == 2 else "latin-1", "replace"))
            self._place += count * width
            length -= count
        return "".join(parts)

    def _take(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size and self.has_more():
            part = self._segments[self._segment][self._place : self._place + size]
            self._place += len(part)
            size -= len(part)
            parts.append(part)
        return b"".join(parts)


class _Texts:
    """Reads the strings of single records, whose form depends on the version."""

    def __init__(self) -> None:
        self.version = _BIFF8
        self.encoding = "cp1252"

    def short(self, data: bytes, start: int) -> str:
        """Return a string whose length has one byte."""
        return self._read(data, start + 1, data[start])

    def long(self, data: bytes, start: int) -> str:
        """Return a string whose length has two bytes."""
        return self._read(data, start + 2, struct.unpack_from("<H", data, start)[0])

    def set_code_page(self, number: int) -> None:
        name = "mac_roman" if number == _MAC_ROMAN else f"cp{number}"
        try:
            "".encode(name)
        except LookupError:
            return
        self.encoding = name

    def _read(self, data: bytes, start: int, length: int) -> str:
        if self.version < _BIFF8:
            return data[start : start + length].decode(self.encoding, "replace")
        if not length:
            return ""
        if data[start] & 0x01:
            return data[start + 1 : start + 1 + 2 * length].decode("utf-16-le", "replace")
        return data[start + 1 : start + 1 + length].decode("latin-1")


class _Workbook:
    def __init__(self, stream: bytes, output: Output) -> None:
        self._stream = stream
        self._output = output
        self._texts = _Texts()
        self._sheets: list[tuple[int, str]] = []
        """Where the records of each sheet that is shown begin, and its name."""
        self._strings: list[str] = []
        self._codes: dict[int, str] = {}
        self._styles: list[int] = []
        self._from_1904 = False
        self._margins: set[str] = set()
        self._read_globals()
        codes = [self._codes.get(each) or BUILT_IN.get(each, "General") for each in self._styles]
        self._formats = [None if code.lower() == "general" else number_format(code) for code in codes]

    def write(self) -> None:
        for place, name in self._sheets:
            reader = _SheetReader(self._texts, self._strings, self._shown)
            if reader.read(_records(self._stream, place)):
                self._write_sheet(SheetWriter(self._output, name), reader)

    def _read_globals(self) -> None:
        readers: dict[int, Callable[[_Record], None]] = {
            _SHEET: self._sheet,
            _STRINGS: self._shared_strings,
            _FORMAT: self._format,
            _STYLE: lambda record: self._styles.append(struct.unpack_from("<H", record.data, 2)[0]),
            _CODE_PAGE: lambda record: self._texts.set_code_page(struct.unpack_from("<H", record.data)[0]),
            _DATES: self._dates,
            _BOF: self._version,
            _PASSWORD: _refuse_password,
        }
        for record in _records(self._stream, 0):
            if record.kind == _END:
                break
            read = readers.get(record.kind)
            if read:
                read(record)

    def _version(self, record: _Record) -> None:
        self._texts.version = struct.unpack_from("<H", record.data)[0]
        if self._texts.version < 0x0500:
            raise NotExtractable(Reason.OLD_FORMAT, "It is a workbook of Excel 4 or older. Save it as xlsx.")

    def _dates(self, record: _Record) -> None:
        self._from_1904 = struct.unpack_from("<H", record.data)[0] == 1

    def _sheet(self, record: _Record) -> None:
        place, visibility, kind = struct.unpack_from("<IBB", record.data)
        if visibility & 0x03 == 0 and kind == 0:
            self._sheets.append((place, self._texts.short(record.data, 6)))

    def _shared_strings(self, record: _Record) -> None:
        count = struct.unpack_from("<I", record.data, 4)[0]
        strings = _Strings(record, 8)
        while len(self._strings) < count and strings.has_more():
            self._strings.append(strings.string())

    def _format(self, record: _Record) -> None:
        index = struct.unpack_from("<H", record.data)[0]
        text = self._texts.long(record.data, 2) if self._texts.version >= _BIFF8 else self._texts.short(record.data, 2)
        self._codes[index] = text

    def _shown(self, value: float | str, style: int) -> str:
        """Return a value as a cell of this style shows it."""
        found: NumberFormat | None = self._formats[style] if style < len(self._formats) else None
        if isinstance(value, str):
            return found.text(value) if found else value
        if value != value or value in (float("inf"), float("-inf")):
            return "#NUM!"
        return found.number(value, from_1904=self._from_1904) if found else general(value)

    def _write_sheet(self, writer: SheetWriter, reader: "_SheetReader") -> None:
        for first, last in reader.hidden_columns:
            writer.hidden.add(first + 1, last + 1)
        notes = reader.notes()
        for row in sorted((reader.cells.keys() | notes.keys()) - reader.hidden_rows):
            cells = sorted(reader.cells.get(row, {}).items())
            writer.row(row + 1, [(column + 1, text) for column, text in cells])
            for column, text in sorted(notes.get(row, [])):
                if column + 1 not in writer.hidden:
                    writer.lines([text], row + 1)
        writer.lines(reader.boxes())
        new = [line for line in reader.margins if line not in self._margins]
        self._margins.update(new)
        writer.lines(new)
        writer.end()


def _refuse_password(_: _Record) -> None:
    raise NotExtractable(
        Reason.PROTECTED, "It is an Excel workbook with a password. Save it without one and drop it again."
    )


class _SheetReader:
    """Reads the records of one sheet; rows and columns count from 0 here."""

    def __init__(self, texts: _Texts, strings: list[str], shown: Callable[[float | str, int], str]) -> None:
        self.cells: dict[int, dict[int, str]] = {}
        self.hidden_rows: set[int] = set()
        self.hidden_columns: list[tuple[int, int]] = []
        self.margins: list[str] = []
        self._texts = texts
        self._strings = strings
        self._shown = shown
        self._formula: tuple[int, int, int] | None = None
        """The cell whose result is a text, which follows."""
        self._object = 0, 0
        """Kind and number of the object whose text follows."""
        self._object_texts: dict[int, tuple[int, str]] = {}
        self._notes: list[tuple[int, int, int]] = []
        self._readers: dict[int, Callable[[_Record], None]] = {
            _ROW: self._row,
            _COLUMNS: self._columns,
            _SHARED_TEXT: self._shared_text,
            _TEXT: self._text,
            _RICH_TEXT: self._text,
            _NUMBER: lambda record: self._add_number(record, struct.unpack_from("<d", record.data, 6)[0]),
            _RK: lambda record: self._add_number(record, _rk(record.data, 6)),
            _RKS: self._numbers,
            _FORMULA: self._result,
            _RESULT: self._text_result,
            _TRUE_OR_ERROR: self._true_or_error,
            _NOTE: self._note,
            _OBJECT: self._start_object,
            _OBJECT_TEXT: self._object_text,
            _HEADER: self._margin,
            _FOOTER: self._margin,
        }

    def read(self, records: Iterator[_Record]) -> bool:
        """Read a sheet; return whether it was one."""
        depth = 0
        for record in records:
            if record.kind == _BOF:
                depth += 1
            elif depth == 0:
                return False
            elif record.kind == _END:
                depth -= 1
                if depth == 0:
                    break
            elif depth == 1 and record.kind in self._readers:
                # Deeper are the charts on it.
                self._readers[record.kind](record)
        return True

    def notes(self) -> dict[int, list[tuple[int, str]]]:
        """Return the comments by row, with their columns."""
        found: dict[int, list[tuple[int, str]]] = {}
        for row, column, number in self._notes:
            text = self._object_texts.get(number, (0, ""))[1].strip()
            if text:
                found.setdefault(row, []).append((column, text))
        return found

    def boxes(self) -> list[str]:
        """Return the texts of text boxes."""
        return [text for kind, text in self._object_texts.values() if kind != _NOTE_OBJECT and text.strip()]

    # --- rows, columns, cells ---

    def _row(self, record: _Record) -> None:
        row, options = struct.unpack_from("<H10xH", record.data)
        if options & _ROW_HIDDEN:
            self.hidden_rows.add(row)

    def _columns(self, record: _Record) -> None:
        first, last, _, _, options = struct.unpack_from("<5H", record.data)
        if options & _COLUMN_HIDDEN:
            self.hidden_columns.append((first, last))

    def _add(self, row: int, column: int, text: str) -> None:
        if text:
            self.cells.setdefault(row, {})[column] = text

    def _add_number(self, record: _Record, value: float) -> None:
        row, column, style = struct.unpack_from("<3H", record.data)
        self._add(row, column, self._shown(value, style))

    def _numbers(self, record: _Record) -> None:
        row, first = struct.unpack_from("<2H", record.data)
        for index in range((len(record.data) - 6) // 6):
            style = struct.unpack_from("<H", record.data, 4 + 6 * index)[0]
            self._add(row, first + index, self._shown(_rk(record.data, 6 + 6 * index), style))

    def _shared_text(self, record: _Record) -> None:
        row, column, style, index = struct.unpack_from("<3HI", record.data)
        if index < len(self._strings):
            self._add(row, column, self._shown(self._strings[index], style))

    def _text(self, record: _Record) -> None:
        row, column, style = struct.unpack_from("<3H", record.data)
        self._add(row, column, self._shown(self._texts.long(record.data, 6), style))

    def _true_or_error(self, record: _Record) -> None:
        row, column, _, value, is_error = struct.unpack_from("<3HBB", record.data)
        self._add(row, column, _true_or_error(value, is_error))

    def _result(self, record: _Record) -> None:
        row, column, style = struct.unpack_from("<3H", record.data)
        result = record.data[6:14]
        self._formula = None
        if result[6:] != b"\xff\xff":
            self._add(row, column, self._shown(struct.unpack("<d", result)[0], style))
        elif result[0] == 0:
            self._formula = row, column, style
        elif result[0] in (1, 2):
            self._add(row, column, _true_or_error(result[2], result[0] - 1))

    def _text_result(self, record: _Record) -> None:
        if self._formula is not None:
            row, column, style = self._formula
            self._add(row, column, self._shown(self._long_text(record, 0), style))
            self._formula = None

    def _long_text(self, record: _Record, start: int) -> str:
        if self._texts.version < _BIFF8 or not record.more:
            return self._texts.long(record.data, start)
        return _Strings(record, start).string()

    # --- what stands on the sheet ---

    def _note(self, record: _Record) -> None:
        if self._texts.version >= _BIFF8:
            row, column, _, number = struct.unpack_from("<4H", record.data)
            self._notes.append((row, column, number))

    def _start_object(self, record: _Record) -> None:
        if self._texts.version >= _BIFF8:
            _, _, kind, number = struct.unpack_from("<4H", record.data)
            self._object = kind, number

    def _object_text(self, record: _Record) -> None:
        kind, number = self._object
        length = struct.unpack_from("<H", record.data, 10)[0]
        if record.more and record.more[0]:
            # The text is in the records that continue this one.
            strings = _Strings(_Record(_CONTINUE, record.more[0], record.more[1:]), 1)
            self._object_texts[number] = kind, strings.characters(length, record.more[0][0])

    def _margin(self, record: _Record) -> None:
        if record.data:
            is_new = self._texts.version >= _BIFF8
            self.margins += margin_lines(
                self._texts.long(record.data, 0) if is_new else self._texts.short(record.data, 0)
            )


def _rk(data: bytes, place: int) -> float:
    """Return a number of four bytes: the upper half of a float, or an integer; perhaps a hundred times the value."""
    packed = struct.unpack_from("<i", data, place)[0]
    if packed & 0x02:
        value = float(packed >> 2)
    else:
        value = struct.unpack("<d", b"\0\0\0\0" + struct.pack("<i", packed & ~0x03))[0]
    return value / 100 if packed & 0x01 else value


def _true_or_error(value: int, is_error: int) -> str:
    return _ERRORS.get(value, "#N/A") if is_error else "TRUE" if value else "FALSE"
