"""Word documents: what a reader sees, in reading order.

Headers come first and footers last, each text once. Notes, comments and text boxes follow the paragraph that they
belong to. Tracked changes are read as accepted. Rows of tables are lines with tabs between the cells.

The file is read as a stream; the body is kept as text until its end, because headers are named there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .drawings import chart_lines, diagram_lines
from .extraction import Output, as_seen, over_limit, words
from .ooxml import OfficeReader, Package, Relationship, is_on, number
from .word_numbering import Numbering, numbering_of
from .word_styles import Style, styles_of
from .xml_reader import Attributes

_SKIPPED = words(
    "w:del w:moveFrom w:delText w:delInstrText w:pPrChange w:rPrChange w:sectPrChange w:tblPrChange w:trPrChange "
    "w:tcPrChange w:tblGridChange w:numberingChange w:tblGrid w:tblPr w:rt w:sdtPr"
)
_PAGE_FIELDS = frozenset(("PAGE", "NUMPAGES", "SECTIONPAGES"))
"""Their results are numbers of one of the pages, whichever was saved last."""
_NO_HEADING = 9
_WIDEST_SPAN = 63
"""Columns of a table in Word."""


def extract(data: bytes, output: Output) -> None:
    """Write the text of a document, its headings as places."""
    document = _Document(Package(data, output), output.limits.characters)
    body = document.body()
    output.place()
    for header in document.margins("header"):
        output.write(header)
    headings = dict(body.headings)
    for index, piece in enumerate(body.pieces):
        if index in headings:
            output.place(heading=headings[index])
        output.write(piece)
    for footer in document.margins("footer"):
        output.place()
        output.write(footer)


@dataclass(slots=True)
class _Block:
    """Where paragraphs and tables follow each other: the body, a cell, a note, a text box."""

    pieces: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    """Which piece begins under which heading."""
    carried: list[str] = field(default_factory=list)
    """Text of paragraphs that go on in the next one."""

    def text(self) -> str:
        return "".join(self.pieces + self.carried)


@dataclass(slots=True)
class _Paragraph:
    parts: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    """Notes, comments and text boxes: each a text that ends with a line end."""
    style: str = ""
    list_id: str | None = None
    level: int | None = None
    outline: int | None = None
    goes_on: bool = False


@dataclass(slots=True)
class _Row:
    cells: list[str] = field(default_factory=list)
    columns: int = 1
    """Columns that the present cell covers."""
    empty: bool = False
    """Whether the present cell is part of the one above it, or deleted."""
    deleted: bool = False


@dataclass(slots=True)
class _Field:
    instruction: str = ""
    is_result: bool = False

    @property
    def is_hidden(self) -> bool:
        return not self.is_result or _is_page_field(self.instruction)


@dataclass(slots=True)
class _Section:
    parts: list[tuple[str, str, str]] = field(default_factory=list)
    """`header` or `footer`, on which pages, the id of the relationship."""
    has_first: bool = False


class _Document:
    """The parts of a document, and what all of them share."""

    def __init__(self, package: Package, characters: int) -> None:
        self.package = package
        self._allowed = self._left = characters
        self._main = package.main()
        self._relationships = package.relationships(self._main)
        self._sections: list[_Section] = []
        self.styles = styles_of(package, self._part("styles"))
        self._numbering: Numbering | None = None
        self._notes: dict[tuple[str, str], str] | None = None

    @property
    def numbering(self) -> Numbering:
        """The numbers of lists, read once a paragraph needs one."""
        if self._numbering is None:
            self._numbering = numbering_of(self.package, self._part("numbering"))
        return self._numbering

    @property
    def notes(self) -> dict[tuple[str, str], str]:
        """Footnotes, endnotes and comments by kind and id, read once something refers to one."""
        if self._notes is None:
            self._notes = {}  # Notes refer to notes, too.
            for kind in ("footnote", "endnote", "comment"):
                self._read_notes(kind)
        return self._notes

    def body(self) -> _Block:
        """Read the main part."""
        reader = _WordReader(self, self._main, self._relationships)
        self.package.read(self._main, reader)
        self._sections = reader.sections
        return reader.root

    def margins(self, kind: str) -> list[str]:
        """Return the texts of headers or footers that sections show, each once."""
        even = self._has_even_pages()
        parts = [
            relationship
            for section in self._sections
            for place, pages, relationship in section.parts
            if place == kind
            and (pages == "default" or (pages == "first" and section.has_first) or (even and pages == "even"))
        ]
        texts = [self._text_of(each) for each in dict.fromkeys(parts)]
        return [text for text in dict.fromkeys(texts) if text.strip()]

    def count(self, characters: int) -> None:
        """Count characters that are kept until they are written."""
        self._left -= characters
        if self._left < 0:
            raise over_limit("characters", self._allowed)

    @property
    def left(self) -> int:
        """How many characters may still come."""
        return self._left

    def _part(self, kind: str) -> str:
        return next((each.target for each in self._relationships.values() if each.kind == kind), "")

    def _read_notes(self, kind: str) -> None:
        part = self._part(f"{kind}s")
        if part in self.package:
            self.package.read(part, _WordReader(self, part, self.package.relationships(part)))

    def _text_of(self, relationship: str) -> str:
        found = self._relationships.get(relationship)
        if found is None or found.target not in self.package:
            return ""
        reader = _WordReader(self, found.target, self.package.relationships(found.target))
        self.package.read(found.target, reader)
        lines = [line.strip() for line in reader.root.text().split("\n") if line.strip()]
        return "".join(f"{line}\n" for line in lines)

    def _has_even_pages(self) -> bool:
        if not any(pages == "even" for section in self._sections for _, pages, _ in section.parts):
            return False
        reader = _SettingsReader()
        self.package.read_if_there(self._part("settings"), reader)
        return reader.even


class _SettingsReader(OfficeReader):
    def __init__(self) -> None:
        super().__init__()
        self.even = False
        self.starts["w:evenAndOddHeaders"] = self._even

    def _even(self, attributes: Attributes) -> None:
        self.even = is_on(attributes, "w:val")


class _WordReader(OfficeReader):
    """Reads one part: the document, a header, all footnotes."""

    def __init__(self, document: _Document, part: str, relationships: dict[str, Relationship]) -> None:
        super().__init__(_SKIPPED)
        self.root = _Block()
        self.sections: list[_Section] = []
        self._document = document
        self._relationships = relationships
        self._blocks = [self.root]
        self._paragraphs: list[_Paragraph] = []
        self._rows: list[_Row] = []
        self._fields: list[_Field] = []
        self._hidden_fields = 0
        self._simple_fields: list[bool] = []
        """For each open one, whether its result is not shown."""
        self._note: tuple[str, str] | None = None
        self._in_text = self._in_instruction = False
        self._in_paragraph_properties = self._in_row_properties = False
        self._run_hidden: bool | None = None
        self._paragraph_style: Style | None = None
        self._outer_runs: list[tuple[bool | None, Style | None]] = []
        self._add_starts()
        self.ends |= {
            "w:p": self._end_paragraph,
            "w:pPr": self._end_paragraph_properties,
            "w:t": self._end_text,
            "m:t": self._end_text,
            "w:instrText": self._end_text,
            "w:fldSimple": self._end_simple_field,
            "w:trPr": self._end_row_properties,
            "w:tc": self._end_cell,
            "w:tr": self._end_row,
            "w:txbxContent": self._end_text_box,
            "w:footnote": self._end_note,
            "w:endnote": self._end_note,
            "w:comment": self._end_note,
        }

    def _add_starts(self) -> None:
        self.starts |= {
            "w:p": self._start_paragraph,
            "w:pPr": self._start_paragraph_properties,
            "w:pStyle": self._style,
            "w:numId": self._list,
            "w:ilvl": self._level,
            "w:outlineLvl": self._outline,
            "w:r": self._start_run,
            "w:rStyle": self._run_style,
            "w:vanish": self._vanish,
            "w:specVanish": self._mark_goes_on,
            "w:del": self._deleted,
            "w:moveFrom": self._deleted,
            "w:t": self._start_text,
            "m:t": self._start_text,
            "w:instrText": self._start_instruction,
            "w:fldChar": self._field_character,
            "w:fldSimple": self._start_simple_field,
            "w:tab": lambda _: self._add("\t"),
            "w:ptab": lambda _: self._add("\t"),
            "w:br": lambda _: self._add("\n"),
            "w:cr": lambda _: self._add("\n"),
            "w:noBreakHyphen": lambda _: self._add("-"),
            "w:footnoteReference": lambda found: self._refer("footnote", found),
            "w:endnoteReference": lambda found: self._refer("endnote", found),
            "w:commentReference": lambda found: self._refer("comment", found),
            "c:chart": lambda found: self._drawing(chart_lines, found.get("r:id")),
            "dgm:relIds": lambda found: self._drawing(diagram_lines, found.get("r:dm")),
            "w:tr": lambda _: self._rows.append(_Row()),
            "w:trPr": self._start_row_properties,
            "w:gridBefore": self._grid_before,
            "w:hidden": self._hidden_row,
            "w:tc": self._start_cell,
            "w:gridSpan": self._span,
            "w:vMerge": self._merged,
            "w:cellDel": self._deleted_cell,
            "w:txbxContent": self._start_text_box,
            "w:sectPr": lambda _: self.sections.append(_Section()),
            "w:headerReference": lambda found: self._margin("header", found),
            "w:footerReference": lambda found: self._margin("footer", found),
            "w:titlePg": self._first_page,
            "w:footnote": lambda found: self._start_note("footnote", found),
            "w:endnote": lambda found: self._start_note("endnote", found),
            "w:comment": lambda found: self._start_note("comment", found),
        }

    def characters(self, data: str) -> None:
        if self._in_text:
            self._add(data)
        elif self._in_instruction and self._fields and not self._fields[-1].is_result:
            # Only its first word counts.
            field_here = self._fields[-1]
            field_here.instruction = (field_here.instruction + data)[:100]

    # --- paragraphs ---

    def _start_paragraph(self, _: Attributes) -> None:
        self._paragraphs.append(_Paragraph())
        self._paragraph_style = None
        self._run_hidden = None

    def _end_paragraph(self) -> None:
        paragraph = self._paragraphs.pop()
        block = self._blocks[-1]
        text = as_seen("".join(paragraph.parts))
        label, outline = self._numbering_of(paragraph)
        if label and text.strip():
            text = f"{label} {text}"
        begin = len(block.pieces)
        if paragraph.goes_on:
            block.carried.append(text)
        else:
            text = "".join((*block.carried, text))
            block.carried.clear()
            self._document.count(1)
            block.pieces.append(text + "\n")
        block.pieces += paragraph.after
        if outline < _NO_HEADING and text.strip():
            block.headings.append((begin, " ".join(text.split())))

    def _numbering_of(self, paragraph: _Paragraph) -> tuple[str, int]:
        """Return the label of a paragraph in a list, and its level as a heading."""
        style = self._document.styles.get(paragraph.style) if paragraph.style else Style()
        outline = paragraph.outline if paragraph.outline is not None else style.outline
        list_id = paragraph.list_id if paragraph.list_id is not None else style.list_id
        label = ""
        if list_id is not None and list_id != "0":
            numbering = self._document.numbering
            level = paragraph.level
            if level is None and paragraph.list_id is None:
                level = numbering.level_of_style(list_id, paragraph.style, style.level or 0)
            label = numbering.label(list_id, level or 0)
            self._document.count(len(label))
        return label, _NO_HEADING if outline is None else outline

    def _start_paragraph_properties(self, _: Attributes) -> None:
        self._in_paragraph_properties = True

    def _end_paragraph_properties(self) -> None:
        self._in_paragraph_properties = False

    def _style(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].style = attributes.get("w:val", "")
            self._paragraph_style = self._document.styles.get(self._paragraphs[-1].style)
            if self._paragraph_style.hidden:
                self._paragraphs[-1].goes_on = True

    def _list(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].list_id = attributes.get("w:val", "")

    def _level(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].level = number(attributes.get("w:val"))

    def _outline(self, attributes: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].outline = number(attributes.get("w:val"), _NO_HEADING)

    def _mark_goes_on(self, _: Attributes) -> None:
        if self._in_paragraph_properties and self._paragraphs:
            self._paragraphs[-1].goes_on = True

    def _deleted(self, attributes: Attributes) -> None:
        """Take the mark of a deleted paragraph end or row; deleted text is skipped."""
        if self._in_row_properties and self._rows:
            self._rows[-1].deleted = True
        self._mark_goes_on(attributes)

    # --- runs ---

    def _start_run(self, _: Attributes) -> None:
        self._run_hidden = None

    def _run_style(self, attributes: Attributes) -> None:
        if not self._in_paragraph_properties and self._run_hidden is None:
            self._run_hidden = self._document.styles.get(attributes.get("w:val", "")).hidden

    def _vanish(self, attributes: Attributes) -> None:
        hidden = is_on(attributes, "w:val")
        if not self._in_paragraph_properties:
            self._run_hidden = hidden
        elif hidden:
            self._mark_goes_on(attributes)

    def _start_text(self, _: Attributes) -> None:
        self._in_text = True

    def _start_instruction(self, _: Attributes) -> None:
        self._in_instruction = True

    def _end_text(self) -> None:
        self._in_text = self._in_instruction = False

    def _is_hidden(self) -> bool:
        hidden = self._run_hidden
        if hidden is None and self._paragraph_style:
            hidden = self._paragraph_style.hidden
        return bool(hidden) or self._hidden_fields > 0 or any(self._simple_fields)

    def _add(self, text: str) -> None:
        if self._paragraphs and not self._in_paragraph_properties and not self._is_hidden():
            self._document.count(len(text))
            self._paragraphs[-1].parts.append(text)

    def _add_after(self, text: str) -> None:
        if self._paragraphs and text.strip():
            self._document.count(len(text))
            self._paragraphs[-1].after.append(text)

    # --- fields ---

    def _field_character(self, attributes: Attributes) -> None:
        kind = attributes.get("w:fldCharType")
        if kind == "begin":
            self._fields.append(_Field())
            self._hidden_fields += 1
        elif kind == "separate" and self._fields and not self._fields[-1].is_result:
            self._fields[-1].is_result = True
            self._hidden_fields -= not self._fields[-1].is_hidden
        elif kind == "end" and self._fields:
            self._hidden_fields -= self._fields.pop().is_hidden

    def _start_simple_field(self, attributes: Attributes) -> None:
        self._simple_fields.append(_is_page_field(attributes.get("w:instr", "")))

    def _end_simple_field(self) -> None:
        self._simple_fields.pop()

    # --- what is elsewhere in the file, and belongs here ---

    def _refer(self, kind: str, attributes: Attributes) -> None:
        if not self._is_hidden():
            self._add_after(self._document.notes.get((kind, attributes.get("w:id", "")), ""))

    def _drawing(self, read_lines: Callable[[Package, str, int], list[str]], relationship: str | None) -> None:
        found = self._relationships.get(relationship or "")
        if found and found.target in self._document.package:
            lines = read_lines(self._document.package, found.target, self._document.left)
            self._add_after("".join(f"{line}\n" for line in lines))

    def _start_text_box(self, _: Attributes) -> None:
        self._blocks.append(_Block())
        self._outer_runs.append((self._run_hidden, self._paragraph_style))

    def _end_text_box(self) -> None:
        text = self._blocks.pop().text()
        self._run_hidden, self._paragraph_style = self._outer_runs.pop()
        self._add_after(text.rstrip("\n") + "\n")

    def _start_note(self, kind: str, attributes: Attributes) -> None:
        if attributes.get("w:type", "normal") != "normal":
            self.skip()
            return
        self._note = (kind, attributes.get("w:id", ""))
        self._blocks.append(_Block())

    def _end_note(self) -> None:
        if self._note is not None:
            self._document.notes[self._note] = self._blocks.pop().text().strip() + "\n"
            self._note = None

    # --- tables ---

    def _start_row_properties(self, _: Attributes) -> None:
        self._in_row_properties = True

    def _end_row_properties(self) -> None:
        self._in_row_properties = False

    def _hidden_row(self, attributes: Attributes) -> None:
        if self._in_row_properties and self._rows and is_on(attributes, "w:val"):
            self._rows[-1].deleted = True

    def _grid_before(self, attributes: Attributes) -> None:
        if self._rows:
            self._add_columns(self._rows[-1], number(attributes.get("w:val")))

    def _start_cell(self, _: Attributes) -> None:
        self._blocks.append(_Block())
        if self._rows:
            self._rows[-1].columns, self._rows[-1].empty = 1, False

    def _span(self, attributes: Attributes) -> None:
        if self._rows:
            self._rows[-1].columns = number(attributes.get("w:val"), 1)

    def _merged(self, attributes: Attributes) -> None:
        if self._rows and attributes.get("w:val", "continue") == "continue":
            self._rows[-1].empty = True

    def _deleted_cell(self, _: Attributes) -> None:
        if self._rows:
            self._rows[-1].empty = True

    def _end_cell(self) -> None:
        text = self._blocks.pop().text().rstrip("\n")
        if self._rows:
            row = self._rows[-1]
            row.cells.append("" if row.empty else text)
            self._add_columns(row, row.columns - 1)

    def _add_columns(self, row: _Row, columns: int) -> None:
        row.cells += [""] * max(0, min(columns, _WIDEST_SPAN))

    def _end_row(self) -> None:
        row = self._rows.pop()
        if not row.deleted:
            self._document.count(len(row.cells))
            self._blocks[-1].pieces.append("\t".join(row.cells).rstrip("\t") + "\n")

    # --- sections ---

    def _margin(self, kind: str, attributes: Attributes) -> None:
        if self.sections:
            self.sections[-1].parts.append((kind, attributes.get("w:type", "default"), attributes.get("r:id", "")))

    def _first_page(self, attributes: Attributes) -> None:
        if self.sections:
            self.sections[-1].has_first = is_on(attributes, "w:val")


def _is_page_field(instruction: str) -> bool:
    return "".join(instruction.split(maxsplit=1)[:1]).upper() in _PAGE_FIELDS
