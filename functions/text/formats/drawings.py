"""Text of drawings in Office files: shapes, tables on slides, charts and diagrams.

A chart gives what is written on it: titles, the names of series and categories; not its values.
"""

from dataclasses import dataclass, field

from .extraction import as_seen, over_limit, words
from .numerals import numeral
from .ooxml import OfficeReader, Package, number
from .xml_reader import Attributes

_SHAPES = words("sp grpSp graphicFrame pic cxnSp")
_NUMBERED = {
    "arabic": "1",
    "alphaLc": "a",
    "alphaUc": "A",
    "romanLc": "i",
    "romanUc": "I",
}
_MARKS = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Plain": "{}"}


@dataclass(slots=True)
class Shape:
    """A shape, or a group of them."""

    lines: list[str] = field(default_factory=list)
    hidden: bool = False
    placeholder: str | None = None
    """What a slide's layout has this shape for: `title`, `body`, `ftr`; None for other shapes."""


class DrawingReader(OfficeReader):
    """Reads the lines of shapes, in the order of the file, which is also the one that is read aloud.

    Charts and diagrams are parts of their own; they are read where they stand.
    """

    def __init__(self, package: Package, part: str, characters: int) -> None:
        super().__init__()
        self._package = package
        self._part = part
        self._relationships = None if not part else package.relationships(part)
        self._allowed = self._left = characters
        self._root = Shape()
        self._shapes = [self._root]
        self._sinks = [self._root.lines]
        self._rows: list[list[str]] = []
        self._paragraph: list[str] = []
        self._counters: dict[int, int] = {}
        self._level = 0
        self._label = ""
        self._in_text = False
        for prefix in ("p", "xdr"):
            for name in _SHAPES:
                self.starts[f"{prefix}:{name}"] = self._start_shape
                self.ends[f"{prefix}:{name}"] = self._end_shape
            self.starts[f"{prefix}:cNvPr"] = self._shape_properties
            self.starts[f"{prefix}:txBody"] = self._start_body
        self.starts |= {
            "p:ph": self._placeholder,
            "a:txBody": self._start_body,
            "a:tr": lambda _: self._rows.append([]),
            "a:tc": lambda _: self._sinks.append([]),
            "a:p": self._start_paragraph,
            "a:pPr": self._paragraph_properties,
            "a:buAutoNum": self._numbered,
            "a:fld": self._field,
            "a:t": lambda _: self._text_follows(True),
            "a:br": lambda _: self._paragraph.append("\n"),
            "c:chart": self._chart,
            "dgm:relIds": self._diagram,
        }
        self.ends |= {
            "a:t": lambda: self._text_follows(False),
            "a:p": self._end_paragraph,
            "a:tc": self._end_cell,
            "a:tr": self._end_row,
        }

    @property
    def lines(self) -> list[str]:
        """What was read."""
        return self._root.lines

    def keeps(self, shape: Shape) -> bool:
        """Whether the text of a shape that ends here belongs to the lines."""
        return not shape.hidden

    def characters(self, data: str) -> None:
        """Take text."""
        if self._in_text:
            self._paragraph.append(data)

    def take(self, lines: list[str]) -> None:
        """Take lines from another part."""
        for line in lines:
            self._count(line)
        self._sinks[-1] += lines

    # --- shapes ---

    def _start_shape(self, _: Attributes) -> None:
        shape = Shape()
        self._shapes.append(shape)
        self._sinks.append(shape.lines)

    def _end_shape(self) -> None:
        shape = self._shapes.pop()
        self._sinks.pop()
        if self.keeps(shape):
            self._sinks[-1] += shape.lines

    def _shape_properties(self, attributes: Attributes) -> None:
        if attributes.get("hidden") in ("1", "true"):
            self._shapes[-1].hidden = True

    def _placeholder(self, attributes: Attributes) -> None:
        self._shapes[-1].placeholder = attributes.get("type", "obj")

    # --- paragraphs ---

    def _start_body(self, _: Attributes) -> None:
        self._counters = {}

    def _start_paragraph(self, _: Attributes) -> None:
        self._paragraph = []
        self._level = 0
        self._label = ""

    def _paragraph_properties(self, attributes: Attributes) -> None:
        self._level = number(attributes.get("lvl"))

    def _numbered(self, attributes: Attributes) -> None:
        kind = attributes.get("type", "")
        first = number(attributes.get("startAt"), 1)
        count = self._counters[self._level] = self._counters.get(self._level, first - 1) + 1
        for name, style in _NUMBERED.items():
            mark = _MARKS.get(kind.removeprefix(name)) if kind.startswith(name) else None
            if mark:
                self._label = mark.format(numeral(count, style)) + " "

    def _field(self, attributes: Attributes) -> None:
        if attributes.get("type") == "slidenum":
            self.skip()

    def _text_follows(self, follows: bool) -> None:
        self._in_text = follows

    def _end_paragraph(self) -> None:
        if not self._label:
            self._counters.pop(self._level, None)
        for deeper in [level for level in self._counters if level > self._level]:
            del self._counters[deeper]
        text = as_seen("".join(self._paragraph))
        if text.strip():
            line = self._label + text
            self._count(line)
            self._sinks[-1].append(line)

    def _count(self, line: str) -> None:
        self._left -= len(line) + 1
        if self._left < 0:
            raise over_limit("characters", self._allowed)

    # --- tables ---

    def _end_cell(self) -> None:
        cell = "\n".join(self._sinks.pop())
        if self._rows:
            self._rows[-1].append(cell)

    def _end_row(self) -> None:
        row = "\t".join(self._rows.pop())
        if row.strip():
            self._sinks[-1].append(row)

    # --- other parts ---

    def _chart(self, attributes: Attributes) -> None:
        part = self._target(attributes.get("r:id"))
        if part:
            self.take(chart_lines(self._package, part, self._left))

    def _diagram(self, attributes: Attributes) -> None:
        part = self._target(attributes.get("r:dm"))
        if part:
            self.take(diagram_lines(self._package, part, self._left))

    def _target(self, relationship: str | None) -> str | None:
        found = (self._relationships or {}).get(relationship or "")
        return found.target if found and found.target in self._package else None


def chart_lines(package: Package, part: str, characters: int) -> list[str]:
    """Return the titles of a chart and the names of its series and categories, each once."""
    reader = _ChartReader(package, characters)
    package.read(part, reader)
    return list(dict.fromkeys(reader.lines))


def diagram_lines(package: Package, part: str, characters: int) -> list[str]:
    """Return the texts of a diagram's points."""
    reader = DrawingReader(package, "", characters)
    package.read(part, reader)
    return reader.lines


class _ChartReader(DrawingReader):
    def __init__(self, package: Package, characters: int) -> None:
        super().__init__(package, "", characters)
        self._in_names = 0
        for name in ("c:tx", "c:cat"):
            self.starts[name] = self._start_names
            self.ends[name] = self._end_names
        self.starts["c:v"] = self._start_value
        self.ends["c:v"] = self._end_value

    def _start_names(self, _: Attributes) -> None:
        self._in_names += 1

    def _end_names(self) -> None:
        self._in_names -= 1

    def _start_value(self, attributes: Attributes) -> None:
        if self._in_names:
            self._start_paragraph(attributes)
            self._text_follows(True)

    def _end_value(self) -> None:
        if self._in_names:
            self._text_follows(False)
            self._end_paragraph()
