"""OpenDocument texts: what a reader sees, in reading order.

Headers come first and footers last, each line once. Notes, comments and text boxes follow the paragraph that they
belong to. Deletions that are tracked are left out. Rows of tables are lines with tabs between the cells.
"""

from dataclasses import dataclass, field

from .extraction import Output
from .numerals import numeral
from .opendocument import Block, OpenDocument, PagesReader, Paragraph, ParagraphReader, Styles, whole_number
from .xml_reader import Attributes

_FIRST_PAGE = "Standard"
_OUTLINE = "\n"
"""A name for the numbering of headings, which has none."""
_BULLET = "•"
_LEVELS = 10
_MOST_COLUMNS = 100
"""Empty cells in one place of a row; a number may ask for millions."""


def extract(data: bytes, output: Output) -> None:
    """Write the text of a document, its headings as places."""
    document = OpenDocument(data, output)
    styles, lists = Styles(), Lists()
    pages = _StylesPartReader(styles, lists, output.limits.characters)
    document.read_if_there("styles.xml", pages)
    body = _TextReader(styles, lists, output.limits.characters)
    document.read("content.xml", body)
    headers, footers = pages.margins(body.pages)
    output.place()
    output.write("".join(f"{line}\n" for line in headers))
    headings = dict(body.headings)
    for index, piece in enumerate(body.root.pieces):
        if index in headings:
            output.place(heading=headings[index])
        output.write(piece)
    if footers:
        output.place()
        output.write("".join(f"{line}\n" for line in footers))


@dataclass(frozen=True, slots=True)
class _Level:
    style: str = ""
    """Of numerals; empty for none."""
    bullet: bool = False
    before: str = ""
    after: str = ""
    start: int = 1
    shown_levels: int = 1


class Lists:
    """The numbering of lists and headings."""

    def __init__(self) -> None:
        self._levels: dict[tuple[str, int], _Level] = {}
        self._counters: dict[str, list[int | None]] = {}

    def define(self, name: str, attributes: Attributes, *, bullet: bool) -> None:
        """Take a level of a list from its style."""
        style = attributes.get("style:num-format", "")
        self._levels[name, whole_number(attributes.get("text:level"), 1)] = _Level(
            style=style if style in ("1", "a", "A", "i", "I") else "1" if style else "",
            bullet=bullet,
            before=attributes.get("style:num-prefix", ""),
            after=attributes.get("style:num-suffix", ""),
            start=whole_number(attributes.get("text:start-value"), 1),
            shown_levels=whole_number(attributes.get("text:display-levels"), 1),
        )

    def restart(self, name: str) -> None:
        """Begin a list anew."""
        self._counters.pop(name, None)

    def label(self, name: str, level: int, start: int | None = None) -> str:
        """Count an item, at a level from 1, and return its label; empty for one that has none."""
        if not 0 < level <= _LEVELS:
            return ""
        here = self._levels.get((name, level), _Level())
        counters = self._counters.setdefault(name, [None] * (_LEVELS + 1))
        before = counters[level]
        counters[level] = start if start is not None else here.start if before is None else before + 1
        counters[level + 1 :] = [None] * (_LEVELS - level)
        if here.bullet:
            return _BULLET
        if not here.style:
            return ""
        numbers = [self._number(name, each) for each in range(max(1, level - here.shown_levels + 1), level + 1)]
        return f"{here.before}{'.'.join(each for each in numbers if each)}{here.after}".strip()

    def _number(self, name: str, level: int) -> str:
        found = self._levels.get((name, level), _Level())
        value = self._counters[name][level]
        return numeral(found.start if value is None else value, found.style) if found.style else ""


class _ListStyles:
    """Reads the styles of lists, for the readers of both parts."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._name = ""

    def start_list(self, attributes: Attributes) -> None:
        self._name = attributes.get("style:name", "")

    def start_outline(self, _: Attributes) -> None:
        self._name = _OUTLINE

    def number(self, attributes: Attributes) -> None:
        self._lists.define(self._name, attributes, bullet=False)

    def bullet(self, attributes: Attributes) -> None:
        self._lists.define(self._name, attributes, bullet=True)

    def add_to(self, reader: ParagraphReader) -> None:
        reader.starts |= {
            "text:list-style": self.start_list,
            "text:outline-style": self.start_outline,
            "text:list-level-style-number": self.number,
            "text:outline-level-style": self.number,
            "text:list-level-style-bullet": self.bullet,
            "text:list-level-style-image": self.bullet,
        }


class _StylesPartReader(PagesReader):
    def __init__(self, styles: Styles, lists: Lists, characters: int) -> None:
        super().__init__(styles, characters)
        _ListStyles(lists).add_to(self)


@dataclass(slots=True)
class _List:
    style: str
    number: int | None = None
    """Where the present item starts to count, if it says so."""
    labelled: bool = True
    """Whether the present item has its label already, or has none."""


@dataclass(slots=True)
class _Row:
    cells: list[str] = field(default_factory=list)
    repeated: int = 1


class _TextReader(ParagraphReader):
    """Reads the part with the text."""

    def __init__(self, styles: Styles, lists: Lists, characters: int) -> None:
        super().__init__(styles, characters)
        self.headings: list[tuple[int, str]] = []
        """Which piece begins under which heading."""
        self.pages: list[str] = []
        """The master pages that are used."""
        self._numbering = lists
        self._lists: list[_List] = []
        self._rows: list[_Row] = []
        _ListStyles(lists).add_to(self)
        self.starts |= {
            "text:list": self._start_list,
            "text:list-item": self._start_item,
            "text:list-header": self._start_header,
            "table:table": self._start_table,
            "table:table-row": lambda _: self._rows.append(_Row()),
            "table:table-cell": self._start_cell,
            "table:covered-table-cell": self._start_cell,
        }
        self.ends |= {
            "text:list": self._end_list,
            "table:table-row": self._end_row,
            "table:table-cell": self._end_cell,
            "table:covered-table-cell": self._end_covered_cell,
        }

    def start_paragraph(self, attributes: Attributes) -> None:
        super().start_paragraph(attributes)
        self._use_page("paragraph", attributes.get("text:style-name", ""))

    def labelled(self, text: str, paragraph: Paragraph) -> str:
        level = paragraph.attributes.get("text:outline-level")
        label = self._label(paragraph.attributes, whole_number(level, 0))
        shown = f"{label} {text}" if label and text.strip() else text
        if level and text.strip() and self.blocks == [self.root]:
            self.headings.append((len(self.root.pieces), " ".join(shown.split())))
        return shown

    def _label(self, attributes: Attributes, outline: int) -> str:
        if self._lists:
            here = self._lists[-1]
            if here.labelled:
                return ""
            here.labelled = True
            style = here.style or self._styles.list_style(attributes.get("text:style-name", ""))
            label = self._numbering.label(style, len(self._lists), here.number)
        elif outline and attributes.get("text:is-list-header") != "true":
            label = self._numbering.label(_OUTLINE, outline)
        else:
            return ""
        self.count(len(label))
        return label

    def _use_page(self, family: str, style: str) -> None:
        page = self._styles.master_page(family, style) or ("" if self.pages else _FIRST_PAGE)
        if page and page not in self.pages:
            self.pages.append(page)

    # --- lists ---

    def _start_list(self, attributes: Attributes) -> None:
        outer = self._lists[-1].style if self._lists else ""
        style = attributes.get("text:style-name") or outer
        goes_on = attributes.get("text:continue-numbering") == "true" or "text:continue-list" in attributes
        if not self._lists and not goes_on:
            self._numbering.restart(style)
        self._lists.append(_List(style))

    def _end_list(self) -> None:
        self._lists.pop()

    def _start_item(self, attributes: Attributes) -> None:
        if self._lists:
            start = attributes.get("text:start-value")
            self._lists[-1].number = whole_number(start, 1) if start else None
            self._lists[-1].labelled = False

    def _start_header(self, _: Attributes) -> None:
        if self._lists:
            self._lists[-1].labelled = True

    # --- tables ---

    def _start_table(self, attributes: Attributes) -> None:
        self._use_page("table", attributes.get("table:style-name", ""))

    def _start_cell(self, attributes: Attributes) -> None:
        self.blocks.append(Block())
        if self._rows:
            self._rows[-1].repeated = whole_number(attributes.get("table:number-columns-repeated"), 1)

    def _end_cell(self) -> None:
        text = self.blocks.pop().text()
        if self._rows:
            row = self._rows[-1]
            times = max(1, min(row.repeated, _MOST_COLUMNS))
            self.count((times - 1) * len(text) + times)
            row.cells += [text] * times

    def _end_covered_cell(self) -> None:
        """A cell that another one covers counts as a column; what it had before is not shown."""
        self.blocks[-1] = Block()
        self._end_cell()

    def _end_row(self) -> None:
        self.blocks[-1].pieces.append("\t".join(self._rows.pop().cells).rstrip("\t") + "\n")
