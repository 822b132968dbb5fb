"""OpenDocument sheets: those that are shown, row by row, with the text that each cell shows.

Before the rows of a sheet stands its name; comments follow the row that they belong to; text boxes, and headers and
footers for printing, follow the rows.
"""

from dataclasses import dataclass, field

from .extraction import Output
from .opendocument import Block, OpenDocument, PagesReader, ParagraphReader, Styles, whole_number
from .sheets import COLUMNS, SheetWriter
from .xml_reader import Attributes

_HIDDEN = frozenset(("collapse", "filter"))


def extract(data: bytes, output: Output) -> None:
    """Write the text of the sheets; sheets and rows are places."""
    document = OpenDocument(data, output)
    styles = Styles()
    pages = PagesReader(styles, output.limits.characters, same_only=True)
    document.read_if_there("styles.xml", pages)
    document.read("content.xml", _SheetsReader(styles, pages, output))


@dataclass(slots=True)
class _Row:
    repeated: int
    hidden: bool
    cells: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    column: int = 1
    """Of the next cell."""


class _SheetsReader(ParagraphReader):
    def __init__(self, styles: Styles, pages: PagesReader, output: Output) -> None:
        super().__init__(styles, output.limits.characters)
        self._output = output
        self._pages = pages
        self._margins: set[str] = set()
        self._sheet: SheetWriter | None = None
        self._page = ""
        self._column = 1
        self._number = 1
        self._row: _Row | None = None
        self._repeated = 1
        self._depth = 0
        """Of tables: some cells have tables of their own, which are not shown as such."""
        self.starts |= {
            "table:table": self._start_sheet,
            "table:table-column": self._columns,
            "table:table-row": self._start_row,
            "table:table-cell": self._start_cell,
            "table:covered-table-cell": self._start_cell,
        }
        self.ends |= {
            "table:table": self._end_sheet,
            "table:table-row": self._end_row,
            "table:table-cell": self._end_cell,
            "table:covered-table-cell": self._end_covered_cell,
        }

    def end_aside(self) -> None:
        """Take a comment of a cell, or a text box."""
        lines = [line for line in self.blocks.pop().text().split("\n") if line.strip()]
        self.count(sum(map(len, lines)))
        if self._row is not None:
            self._row.notes += lines
        else:
            self.root.pieces += lines

    def _start_sheet(self, attributes: Attributes) -> None:
        style = attributes.get("table:style-name", "")
        if self._sheet is not None or self._styles.is_hidden("table", style):
            self.skip()
            return
        self._sheet = SheetWriter(self._output, attributes.get("table:name", ""))
        self._page = self._styles.master_page("table", style) or "Default"
        self._column = self._number = 1

    def _end_sheet(self) -> None:
        if self._sheet is None or self._row is not None:
            return
        self._sheet.lines(self.root.pieces)
        self.root.pieces.clear()
        headers, footers = self._pages.margins([self._page])
        new = [line for line in headers + footers if line not in self._margins]
        self._margins.update(new)
        self._sheet.lines(new)
        self._sheet.end()
        self._sheet = None

    def _columns(self, attributes: Attributes) -> None:
        repeated = whole_number(attributes.get("table:number-columns-repeated"), 1)
        if self._sheet and attributes.get("table:visibility") in _HIDDEN:
            self._sheet.hidden.add(self._column, self._column + repeated - 1)
        self._column += repeated

    def _start_row(self, attributes: Attributes) -> None:
        repeated = max(1, whole_number(attributes.get("table:number-rows-repeated"), 1))
        self._row = _Row(repeated, attributes.get("table:visibility") in _HIDDEN)

    def _end_row(self) -> None:
        row, self._row = self._row, None
        if row is None or self._sheet is None:
            return
        if not row.hidden and (row.cells or row.notes):
            for number in range(self._number, self._number + row.repeated):
                self._sheet.row(number, row.cells)
                self._sheet.lines(row.notes, number)
        self._number += row.repeated

    def _start_cell(self, attributes: Attributes) -> None:
        self.blocks.append(Block())
        self._repeated = max(1, whole_number(attributes.get("table:number-columns-repeated"), 1))

    def _end_cell(self) -> None:
        text = self.blocks.pop().text()
        row = self._row
        if row is None:
            return
        if text.strip():
            for column in range(row.column, min(row.column + self._repeated, COLUMNS + 1)):
                self.count(len(text) + 1)
                row.cells.append((column, text))
        row.column += self._repeated

    def _end_covered_cell(self) -> None:
        self.blocks[-1] = Block()
        self._end_cell()
