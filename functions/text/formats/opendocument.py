"""What odt and ods share: an archive with content and styles, paragraphs, and what styles hide."""

import re
from dataclasses import dataclass, field

from .archives import opened
from .extraction import NotExtractable, Output, Reason, as_seen, over_limit, words
from .xml_reader import Attributes, ElementReader, Names, read

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_VOCABULARIES = words("office style text table draw presentation number form chart manifest meta")
NAMES = Names(
    {f"{_OASIS}:{name}:1.0": name for name in _VOCABULARIES}
    | {
        f"{_OASIS}:xsl-fo-compatible:1.0": "fo",
        f"{_OASIS}:svg-compatible:1.0": "svg",
        "http://purl.org/dc/elements/1.1/": "dc",
        "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0": "loext",
    }
)
_SPACES = re.compile("[ \t\r\n]+")
_MOST_SPACES = 1_000
"""In one place; a number may ask for billions of them."""
_BASES = 20
"""Styles that are based on each other."""

_PAGE_FIELDS = words("text:page-number text:page-count text:sheet-name text:date text:time text:file-name")
SKIPPED = words(
    "text:tracked-changes text:note-citation text:ruby-text text:page-number text:page-count text:sheet-name "
    "office:forms office:scripts office:event-listeners dc:creator dc:date meta:date-string meta:creator-initials "
    "loext:sender-initials draw:object svg:title svg:desc table:tracked-changes table:content-validations "
    "text:table-of-content-source text:alphabetical-index-source"
)
"""Elements whose text is not shown, or differs from page to page."""


class OpenDocument:
    """The parts of an OpenDocument file."""

    def __init__(self, data: bytes, output: Output) -> None:
        self._archive = opened(data, output)
        self._limits = output.limits
        self._refuse_protected()

    def read(self, part: str, reader: ElementReader) -> None:
        """Read a part as XML."""
        read(self._archive.chunks(part), reader, NAMES, self._limits)

    def read_if_there(self, part: str, reader: ElementReader) -> None:
        """Read a part as XML that a file need not have."""
        if part in self._archive:
            self.read(part, reader)

    def _refuse_protected(self) -> None:
        manifest = _ManifestReader()
        self.read_if_there("META-INF/manifest.xml", manifest)
        if manifest.encrypted:
            raise NotExtractable(
                Reason.PROTECTED, "It is an OpenDocument file with a password. Save it without one and drop it again."
            )


class _ManifestReader(ElementReader):
    def __init__(self) -> None:
        super().__init__()
        self.encrypted = False
        self.starts["manifest:encryption-data"] = self._encryption

    def _encryption(self, _: Attributes) -> None:
        self.encrypted = True


@dataclass(slots=True)
class Style:
    """What a style says about the text that has it."""

    parent: str = ""
    hidden: bool | None = None
    master_page: str | None = None
    list_style: str | None = None


class Styles:
    """The styles of both parts, by family and name."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Style] = {}

    def is_hidden(self, family: str, name: str) -> bool:
        """Whether what has a style is not shown."""
        return bool(self._inherited(family, name, "hidden"))

    def list_style(self, name: str) -> str:
        """Return the list that paragraphs of a style belong to; empty for none."""
        return str(self._inherited("paragraph", name, "list_style") or "")

    def master_page(self, family: str, name: str) -> str:
        """Return the page that begins with what has a style; empty where no new one begins."""
        return str(self._inherited(family, name, "master_page") or "")

    def _inherited(self, family: str, name: str, what: str) -> object:
        for _ in range(_BASES):
            style = self.found.get((family, name))
            if style is None:
                return None
            value: object = getattr(style, what)
            if value is not None:
                return value
            name = style.parent
        return None


class StylesReader(ElementReader):
    """Reads styles, wherever they stand."""

    def __init__(self, styles: Styles, skipped: frozenset[str] = frozenset()) -> None:
        super().__init__(skipped)
        self._styles = styles
        self._style = Style()
        self.starts |= {
            "style:style": self._start_style,
            "style:text-properties": self._text_properties,
            "style:table-properties": self._table_properties,
            "style:section-properties": self._section_properties,
        }

    def _start_style(self, attributes: Attributes) -> None:
        self._style = self._styles.found[attributes.get("style:family", ""), attributes.get("style:name", "")] = Style(
            parent=attributes.get("style:parent-style-name", ""),
            master_page=attributes.get("style:master-page-name") or None,
            list_style=attributes.get("style:list-style-name"),
        )

    def _text_properties(self, attributes: Attributes) -> None:
        display = attributes.get("text:display")
        if display in ("none", "true"):
            self._style.hidden = display == "none"

    def _table_properties(self, attributes: Attributes) -> None:
        if attributes.get("table:display") == "false":
            self._style.hidden = True

    def _section_properties(self, attributes: Attributes) -> None:
        if attributes.get("text:display") == "none":
            self._style.hidden = True


@dataclass(slots=True)
class Paragraph:
    """A paragraph that is being read."""

    attributes: Attributes
    parts: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    hidden: bool = False
    ends_with_space: bool = True
    """Spaces at the begin, and after another one, are not shown."""
    has_page_field: bool = False
    """Whether it has the number of the page, or what else is different on each page or each day."""
    spans: list[bool] = field(default_factory=list)
    """For each open span, whether it is hidden."""


@dataclass(slots=True)
class Block:
    """Where paragraphs and tables follow each other: the document itself, a cell, a note, a text box."""

    pieces: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the text without its last line end."""
        return "".join(self.pieces).rstrip("\n")


class ParagraphReader(StylesReader):
    """Reads paragraphs, with notes, comments and text boxes after them."""

    def __init__(self, styles: Styles, characters: int) -> None:
        super().__init__(styles, SKIPPED)
        self.root = Block()
        self.blocks = [self.root]
        self._allowed = self._left = characters
        self._paragraphs: list[Paragraph] = []
        for name in ("text:p", "text:h"):
            self.starts[name] = self.start_paragraph
            self.ends[name] = self._end_paragraph
        for name in ("text:span", "text:a"):
            self.starts[name] = self._start_span
            self.ends[name] = self._end_span
        for name in ("text:note-body", "office:annotation", "draw:text-box"):
            self.starts[name] = lambda _: self.blocks.append(Block())
            self.ends[name] = self.end_aside
        self.starts |= {
            "text:s": self._spaces,
            "text:tab": lambda _: self._add("\t"),
            "text:line-break": lambda _: self._add("\n"),
            "text:section": self._section,
            "text:hidden-paragraph": self._hidden_paragraph,
            "text:hidden-text": self._hidden_text,
        }

    def characters(self, data: str) -> None:
        """Take text of a paragraph, with its white space as one space."""
        if not self._paragraphs:
            return
        text = _SPACES.sub(" ", data)
        if self._paragraphs[-1].ends_with_space:
            text = text.lstrip(" ")
        if text:
            self._add(text)
            self._paragraphs[-1].ends_with_space = text.endswith(" ")

    def count(self, characters: int) -> None:
        """Count characters that are kept until they are written."""
        self._left -= characters
        if self._left < 0:
            raise over_limit("characters", self._allowed)

    def labelled(self, text: str, paragraph: Paragraph) -> str:
        """Return the text of a paragraph as it is shown: with the number that it may have."""
        return text

    def end_aside(self) -> None:
        """Take what stands beside the paragraph: it follows it, or stands where it is outside of paragraphs."""
        text = self.blocks.pop().text()
        if text.strip():
            self.count(len(text))
            into = self._paragraphs[-1].after if self._paragraphs else self.blocks[-1].pieces
            into.append(text + "\n")

    def start_paragraph(self, attributes: Attributes) -> None:
        """Begin a paragraph, inside of another one if it is beside that."""
        hidden = self._styles.is_hidden("paragraph", attributes.get("text:style-name", ""))
        self._paragraphs.append(Paragraph(attributes, hidden=hidden))

    def _end_paragraph(self) -> None:
        paragraph = self._paragraphs.pop()
        pieces = self.blocks[-1].pieces
        if not paragraph.hidden:
            self.count(1)
            text = as_seen("".join(paragraph.parts))
            pieces.append(self.labelled(text.removesuffix(" "), paragraph) + "\n")
        pieces += paragraph.after

    def _add(self, text: str) -> None:
        paragraph = self._paragraphs[-1] if self._paragraphs else None
        if paragraph is not None and not paragraph.hidden and not any(paragraph.spans):
            self.count(len(text))
            paragraph.parts.append(text)
            paragraph.ends_with_space = False

    def _spaces(self, attributes: Attributes) -> None:
        self._add(" " * max(1, min(whole_number(attributes.get("text:c"), 1), _MOST_SPACES)))

    def _start_span(self, attributes: Attributes) -> None:
        if self._paragraphs:
            name = attributes.get("text:style-name", "")
            self._paragraphs[-1].spans.append(self._styles.is_hidden("text", name))

    def _end_span(self) -> None:
        if self._paragraphs and self._paragraphs[-1].spans:
            self._paragraphs[-1].spans.pop()

    def _section(self, attributes: Attributes) -> None:
        display = attributes.get("text:display")
        hidden = display == "none" or (display == "condition" and attributes.get("text:is-hidden") == "true")
        if hidden or self._styles.is_hidden("section", attributes.get("text:style-name", "")):
            self.skip()

    def _hidden_paragraph(self, attributes: Attributes) -> None:
        if self._paragraphs and attributes.get("text:is-hidden") == "true":
            self._paragraphs[-1].hidden = True

    def _hidden_text(self, attributes: Attributes) -> None:
        if attributes.get("text:is-hidden") == "true":
            self.skip()


@dataclass(slots=True)
class MasterPage:
    """What stands above and below the text of pages."""

    following: str = ""
    """The page that follows it, by itself."""
    header: list[str] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)


class PagesReader(ParagraphReader):
    """Reads the part with the styles that have names, and the headers and footers of pages.

    With `same_only`, paragraphs that differ from page to page are left out, as new sheets have them: "Page 1".
    """

    def __init__(self, styles: Styles, characters: int, *, same_only: bool = False) -> None:
        super().__init__(styles, characters)
        self._same_only = same_only
        self.pages: dict[str, MasterPage] = {}
        self._page = MasterPage()
        self.starts["style:master-page"] = self._start_page
        for name in _PAGE_FIELDS:
            self.starts[name] = self._page_field
        for place in ("header", "footer"):
            for kind in ("", "-left", "-first"):
                self.starts[f"style:{place}{kind}"] = self._start_margin
                self.ends[f"style:{place}{kind}"] = self._end_header if place == "header" else self._end_footer

    def margins(self, used: list[str]) -> tuple[list[str], list[str]]:
        """Return the lines of the headers and of the footers of the pages that are used, each once."""
        pages = dict.fromkeys(used)
        for name in used:
            if name in self.pages:
                pages[self.pages[name].following] = None
        found = [self.pages[name] for name in pages if name in self.pages]
        headers = [line for page in found for line in page.header]
        footers = [line for page in found for line in page.footer]
        return list(dict.fromkeys(headers)), list(dict.fromkeys(footers))

    def labelled(self, text: str, paragraph: Paragraph) -> str:
        """Return the text of a paragraph, or nothing of one that is not wanted."""
        return "" if self._same_only and paragraph.has_page_field else text

    def _page_field(self, _: Attributes) -> None:
        if self._paragraphs:
            self._paragraphs[-1].has_page_field = True

    def _start_page(self, attributes: Attributes) -> None:
        self._page = self.pages.setdefault(attributes.get("style:name", ""), MasterPage())
        self._page.following = attributes.get("style:next-style-name", "")

    def _start_margin(self, attributes: Attributes) -> None:
        self.blocks.append(Block())
        if attributes.get("style:display") == "false":
            self.skip()

    def _end_header(self) -> None:
        self._page.header += _lines(self.blocks.pop())

    def _end_footer(self) -> None:
        self._page.footer += _lines(self.blocks.pop())


def _lines(block: Block) -> list[str]:
    return [line for line in block.text().split("\n") if line.strip()]


def whole_number(text: str | None, default: int) -> int:
    """Return a whole number of a file; the default for what is none. A number of many digits is only very large."""
    return int(text[:10]) if text and text.isdecimal() and text.isascii() else default
