"""Excel workbooks: the sheets that are shown, row by row, with numbers and dates as they are shown.

The file is read as a stream, because a sheet may be much larger as a table than as a file. Before the rows of a sheet
stands its name; comments follow the row that they belong to; text boxes, charts, and headers and footers for printing
follow the rows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .drawings import DrawingReader
from .extraction import Output
from .number_formats import BUILT_IN, NumberFormat, general, number_format
from .ooxml import OfficeReader, Package, number
from .sheets import COLUMNS, SheetWriter, margin_lines
from .xml_reader import Attributes

_REFERENCE = re.compile("([A-Za-z]{1,3})([0-9]{1,7})$")


def extract(data: bytes, output: Output) -> None:
    """Write the text of the sheets; sheets and rows are places."""
    workbook = _Workbook(Package(data, output), output)
    for name, part in workbook.sheets():
        workbook.write_sheet(name, part)


@dataclass(slots=True)
class _Sheet:
    name: str
    relationship: str


class _Workbook:
    def __init__(self, package: Package, output: Output) -> None:
        self._package = package
        self._output = output
        self._main = package.main()
        self._reader = _WorkbookReader()
        package.read(self._main, self._reader)
        self._relationships = package.relationships(self._main)
        strings = _StringsReader()
        package.read_if_there(self._part("sharedStrings"), strings)
        self._strings = strings.found
        styles = _FormatsReader()
        package.read_if_there(self._part("styles"), styles)
        self._formats = styles.formats()
        self._margins: set[str] = set()

    def sheets(self) -> Iterable[tuple[str, str]]:
        """Return the name and the part of each sheet that is shown."""
        for sheet in self._reader.sheets:
            found = self._relationships.get(sheet.relationship)
            if found and found.target in self._package:
                yield sheet.name, found.target

    def write_sheet(self, name: str, part: str) -> None:
        relationships = self._package.relationships(part).values()
        writer = SheetWriter(self._output, name)
        notes = self._notes([(each.kind, each.target) for each in relationships])
        reader = _SheetReader(writer, self._strings, self._formats, notes, from_1904=self._reader.from_1904)
        self._package.read(part, reader)
        reader.write_other_notes()
        for each in relationships:
            if each.kind == "drawing" and each.target in self._package:
                drawing = DrawingReader(self._package, each.target, self._output.limits.characters)
                self._package.read(each.target, drawing)
                writer.lines(drawing.lines)
        new = [line for line in reader.margins() if line not in self._margins]
        self._margins.update(new)
        writer.lines(dict.fromkeys(new))
        writer.end()

    def _part(self, kind: str) -> str | None:
        return next((each.target for each in self._relationships.values() if each.kind == kind), None)

    def _notes(self, parts: list[tuple[str, str]]) -> dict[str, list[str]]:
        """Return the comments of each cell. Of a conversation there is a copy for older programs, which is left out."""
        conversations, notes = _NotesReader(), _NotesReader()
        for kind, part in parts:
            if kind == "threadedComment":
                self._package.read_if_there(part, conversations)
            elif kind == "comments":
                self._package.read_if_there(part, notes)
        return notes.found | conversations.found


class _WorkbookReader(OfficeReader):
    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[_Sheet] = []
        self.from_1904 = False
        self.starts |= {"s:sheet": self._sheet, "s:workbookPr": self._properties}

    def _sheet(self, attributes: Attributes) -> None:
        if attributes.get("state", "visible") == "visible":
            self.sheets.append(_Sheet(attributes.get("name", ""), attributes.get("r:id", "")))

    def _properties(self, attributes: Attributes) -> None:
        self.from_1904 = attributes.get("date1904") in ("1", "true")


class _TextReader(OfficeReader):
    """Reads texts that may consist of runs."""

    def __init__(self) -> None:
        super().__init__(frozenset(("s:rPh",)))
        self._parts: list[str] = []
        self._in_text = False
        self.starts["s:t"] = lambda _: self._text_follows(True)
        self.ends["s:t"] = lambda: self._text_follows(False)

    def characters(self, data: str) -> None:
        if self._in_text:
            self._parts.append(data)

    def _text_follows(self, follows: bool) -> None:
        self._in_text = follows

    def _taken(self) -> str:
        text = "".join(self._parts)
        self._parts = []
        # What XML cannot hold is written as _x000D_.
        return _unescaped(text) if "_x" in text else text


class _StringsReader(_TextReader):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ends["s:si"] = lambda: self.found.append(self._taken())


class _NotesReader(_TextReader):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._cell = ""
        self.starts |= {
            "s:comment": self._comment,
            "tc:threadedComment": self._comment,
            "tc:text": lambda _: self._text_follows(True),
        }
        self.ends |= {
            "s:comment": self._end_comment,
            "tc:threadedComment": self._end_comment,
            "tc:text": lambda: self._text_follows(False),
        }

    def _comment(self, attributes: Attributes) -> None:
        self._cell = attributes.get("ref", "")
        self._parts = []

    def _end_comment(self) -> None:
        text = self._taken().strip()
        if text:
            self.found.setdefault(self._cell, []).append(text)


class _FormatsReader(OfficeReader):
    def __init__(self) -> None:
        super().__init__(frozenset(("s:dxfs", "s:cellStyleXfs")))
        self._codes: dict[int, str] = {}
        self._cells: list[int] = []
        self._in_cells = False
        self.starts |= {
            "s:numFmt": self._code,
            "s:cellXfs": lambda _: self._cells_follow(True),
            "s:xf": self._cell,
        }
        self.ends["s:cellXfs"] = lambda: self._cells_follow(False)

    def formats(self) -> list[NumberFormat | None]:
        """Return the format of each cell style; None for those that show a number as it is."""
        codes = [self._codes.get(each) or BUILT_IN.get(each, "General") for each in self._cells]
        return [None if code.lower() == "general" else number_format(code) for code in codes]

    def _code(self, attributes: Attributes) -> None:
        self._codes[number(attributes.get("numFmtId"), -1)] = attributes.get("formatCode", "")

    def _cells_follow(self, follow: bool) -> None:
        self._in_cells = follow

    def _cell(self, attributes: Attributes) -> None:
        if self._in_cells:
            self._cells.append(number(attributes.get("numFmtId")))


@dataclass(slots=True)
class _Cell:
    column: int = 0
    kind: str = "n"
    style: int = 0


@dataclass(slots=True)
class _Row:
    number: int = 0
    hidden: bool = False
    cells: list[tuple[int, str]] = field(default_factory=list)


class _SheetReader(_TextReader):
    def __init__(
        self,
        writer: SheetWriter,
        strings: list[str],
        formats: list[NumberFormat | None],
        notes: dict[str, list[str]],
        *,
        from_1904: bool,
    ) -> None:
        super().__init__()
        self._writer = writer
        self._strings = strings
        self._formats = formats
        self._notes: dict[int, list[tuple[int, list[str]]]] = {}
        for reference, texts in notes.items():
            column, row = _position(reference)
            self._notes.setdefault(row, []).append((column, texts))
        self._from_1904 = from_1904
        self._row = _Row()
        self._cell = _Cell()
        self._margins: list[str] = []
        self._value = ""
        self.skips |= {"s:f"}
        self.starts |= {
            "s:col": self._columns,
            "s:row": self._start_row,
            "s:c": self._start_cell,
            "s:v": lambda _: self._text_follows(True),
        }
        self.ends |= {"s:v": self._end_value, "s:c": self._end_cell, "s:row": self._end_row}
        for place in ("Header", "Footer"):
            for pages in ("odd", "even", "first"):
                self.starts[f"s:{pages}{place}"] = lambda _: self._text_follows(True)
                self.ends[f"s:{pages}{place}"] = self._end_margin

    def margins(self) -> list[str]:
        """Return the lines of headers and footers, without those that are different on each page or each day."""
        return self._margins

    def _columns(self, attributes: Attributes) -> None:
        if attributes.get("hidden") in ("1", "true"):
            first = number(attributes.get("min"), 1)
            self._writer.hidden.add(first, number(attributes.get("max"), first))

    def _start_row(self, attributes: Attributes) -> None:
        self._row = _Row(number(attributes.get("r"), self._row.number + 1), attributes.get("hidden") in ("1", "true"))
        self._cell = _Cell()
        if self._row.hidden:
            self.skip()

    def _start_cell(self, attributes: Attributes) -> None:
        reference = attributes.get("r")
        column = _position(reference)[0] if reference else self._cell.column + 1
        self._cell = _Cell(column, attributes.get("t", "n"), number(attributes.get("s")))
        self._value = ""
        self._parts = []

    def _end_value(self) -> None:
        self._text_follows(False)
        self._value = "".join(self._parts)
        self._parts = []

    def _end_cell(self) -> None:
        text = self._shown()
        if text and 0 < self._cell.column <= COLUMNS:
            self._row.cells.append((self._cell.column, text))

    def _shown(self) -> str:
        cell, value = self._cell, self._value
        style = self._formats[cell.style] if 0 <= cell.style < len(self._formats) else None
        if cell.kind == "s":
            index = number(value, -1)
            text = self._strings[index] if 0 <= index < len(self._strings) else ""
            return style.text(text) if style else text
        if cell.kind == "inlineStr":
            return self._taken()
        if cell.kind == "b":
            return "TRUE" if value.strip() == "1" else "FALSE" if value else ""
        if cell.kind == "str":
            return style.text(_unescaped(value)) if style else _unescaped(value)
        if cell.kind in ("e", "d"):
            return value
        return _shown_number(value, style, self._from_1904)

    def _end_row(self) -> None:
        notes = sorted(self._notes.pop(self._row.number, []))
        if not self._row.hidden:
            self._writer.row(self._row.number, sorted(self._row.cells, key=lambda each: each[0]))
            self._write_notes(self._row.number, notes)

    def write_other_notes(self) -> None:
        """Write the comments of cells in rows that are not in the file, because they are empty."""
        for row, notes in sorted(self._notes.items()):
            self._write_notes(row, sorted(notes))

    def _write_notes(self, row: int, notes: list[tuple[int, list[str]]]) -> None:
        for column, texts in notes:
            if column not in self._writer.hidden:
                self._writer.lines(texts, row)

    def _end_margin(self) -> None:
        self._text_follows(False)
        self._margins += margin_lines(self._taken())


def _shown_number(value: str, style: NumberFormat | None, from_1904: bool) -> str:
    try:
        found = float(value)
    except ValueError:
        return value.strip()
    if found != found or found in (float("inf"), float("-inf")):
        return value.strip()
    return style.number(found, from_1904=from_1904) if style else general(found)


def _position(reference: str) -> tuple[int, int]:
    """Return the column and the row of a cell, as `AB12`; 0 for what is none."""
    found = _REFERENCE.match(reference)
    if not found:
        return 0, 0
    column = 0
    for letter in found.group(1).upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return column, int(found.group(2))


def _unescaped(text: str) -> str:
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found.group(1), 16)), text).replace("\r\n", "\n")
