"""What all sheets have in common: how their rows are written, and which columns are not."""

import re
from bisect import bisect_left
from collections.abc import Iterable

from .extraction import Output, as_seen

COLUMNS = 16_384
"""Of the widest sheets."""

_MARGIN_PARTS = re.compile("&[LCR]")
_MARGIN_CODE = re.compile(r'&(?:"[^"]*"|K[0-9A-Fa-f]{6}|K[0-9]{2}[+-][0-9]{3}|[0-9]+|(?P<other>.))', re.S)
_PER_PAGE = frozenset("PNDTZF")
"""Codes of page numbers, of dates, and of the file's name."""


class HiddenColumns:
    """The columns that are not shown; columns count from 1."""

    def __init__(self) -> None:
        self._columns: set[int] = set()
        self._sorted: list[int] = []

    def add(self, first: int, last: int) -> None:
        """Add a range of columns."""
        self._columns.update(range(max(first, 1), min(last, COLUMNS) + 1))
        self._sorted = []

    def __contains__(self, column: int) -> bool:
        return column in self._columns

    def before(self, column: int) -> int:
        """Return how many columns before one are hidden."""
        if len(self._sorted) != len(self._columns):
            self._sorted = sorted(self._columns)
        return bisect_left(self._sorted, column)


class SheetWriter:
    """Writes rows of cells, with tabs between the columns that are shown, below the name of the sheet."""

    def __init__(self, output: Output, sheet: str) -> None:
        self.hidden = HiddenColumns()
        self._output = output
        self._sheet = sheet
        self._is_empty = True
        output.count_pages()

    def row(self, number: int, cells: Iterable[tuple[int, str]]) -> None:
        """Write a row, unless all of its cells are empty; cells come with their columns, in their order."""
        parts: list[str] = []
        written = 0
        for column, text in cells:
            if text and column not in self.hidden:
                position = column - 1 - self.hidden.before(column)
                parts.append("\t" * (position - written) + as_seen(text))
                written = max(position, written)
        if parts:
            self._write("".join(parts), number)

    def lines(self, lines: Iterable[str], row: int | None = None) -> None:
        """Write lines that belong to a row, or to the whole sheet."""
        for line in lines:
            self._write(as_seen(line), row)

    def end(self) -> None:
        """Separate the sheet from the next one."""
        if not self._is_empty:
            self._output.write("\n")

    def _write(self, line: str, row: int | None) -> None:
        if self._is_empty:
            self._is_empty = False
            self._output.place(sheet=self._sheet)
            self._output.write(f"{self._sheet}\n")
        if row is None:
            self._output.place(sheet=self._sheet)
        else:
            self._output.place(sheet=self._sheet, row=row)
        self._output.write(f"{line}\n")


def margin_lines(codes: str) -> list[str]:
    """Return the lines of a header or footer for printing, without parts that differ from page to page."""
    lines: list[str] = []
    for part in _MARGIN_PARTS.split(codes):
        if _PER_PAGE.isdisjoint(found["other"] for found in _MARGIN_CODE.finditer(part)):
            text = _MARGIN_CODE.sub(lambda found: "&" if found["other"] == "&" else "", part)
            lines += [line.strip() for line in text.split("\n") if line.strip()]
    return lines
