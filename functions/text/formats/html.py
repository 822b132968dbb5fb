"""HTML: what a reader sees, in the order of the file.

Blocks stand on lines of their own, cells of a table are separated by tabs, white space is collapsed except in `pre`,
items of numbered lists have their number. What is not shown is left out: scripts, styles, `hidden`, `display:none`.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .extraction import Output, as_seen, over_limit, words
from .plain import decoded

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_BLOCKS = words(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol optgroup option p pre "
    "search section select summary table tbody tfoot thead tr ul"
)
_APART = words("blockquote dl figure h1 h2 h3 h4 h5 h6 hr ol p pre table ul")
"""Blocks with a blank line around them."""
_HEADINGS = words("h1 h2 h3 h4 h5 h6")
_CELLS = frozenset(("td", "th"))
_PREFORMATTED = frozenset(("pre", "textarea"))
_LISTS = frozenset(("ul", "ol", "menu"))
_SHOWN_INPUTS = words("text button submit reset email tel url number search date time month week")
_NOT_SHOWN = words(
    "audio canvas datalist embed head iframe noembed noframes noscript object rp script style svg template video"
)
_HIDDEN_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)", re.I)
_SPACES = re.compile("[ \t\n\r\f\u00a0]+")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_DEEP_FROM = 20_000
"""Tags from which their nesting is looked at before the parser: its time grows with the square of it."""
_CLOSED_BY_OTHERS = words(
    "area base br col dd dt embed hr img input li link meta option p param source td th tr track wbr"
)


def extract(data: bytes, output: Output) -> None:
    """Write the text of a page, its headings as places."""
    write_page(decoded(data, output), output)


def write_page(page: str, output: Output) -> None:
    """Write the text of a page that is decoded already."""
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    _refuse_depth(page, output.limits.nesting)
    output.place()
    try:
        # Half characters have no UTF-8, and a zero byte ends the text for the parser.
        tree = LexborHTMLParser(page.encode("utf-8", "replace").replace(b"\0", b""))
    except SelectolaxError as error:
        # It reads everything; what it cannot get is memory.
        raise MemoryError(str(error)) from error
    root = tree.root
    if root is not None:
        writer = _Writer(output)
        _walk(root, writer, output.limits.nesting)
        writer.finish()


def _refuse_depth(page: str, nesting: int) -> None:
    if page.count("<") < _DEEP_FROM:
        return
    depth = 0
    for tag in _TAG.finditer(page):
        if tag.group(2).lower() not in _CLOSED_BY_OTHERS:
            depth = max(0, depth - 1) if tag.group(1) else depth + 1
            if depth > 4 * nesting:
                raise over_limit("nesting", nesting)


def _walk(root: "LexborNode", writer: "_Writer", nesting: int) -> None:
    """Go through the nodes in order, without recursion."""
    open_nodes: list[tuple[str, Iterator[LexborNode]]] = [("", iter([root]))]
    while open_nodes:
        tag, children = open_nodes[-1]
        node = next(children, None)
        if node is None:
            open_nodes.pop()
            writer.end(tag)
        elif node.tag == "-text":
            writer.text(node.text_content or "")
        elif node.is_element_node and not _is_not_shown(node):
            if len(open_nodes) > nesting:
                raise over_limit("nesting", nesting)
            writer.start(str(node.tag), node)
            open_nodes.append((str(node.tag), node.iter(include_text=True)))


def _is_not_shown(node: "LexborNode") -> bool:
    if node.tag in _NOT_SHOWN:
        return True
    attributes = node.attributes
    return "hidden" in attributes or bool(_HIDDEN_STYLE.search(attributes.get("style") or ""))


class _Writer:
    """Writes text, and before it as many line ends, tabs and spaces as the elements in between ask for."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._begin = output.length
        self._lines = 0
        self._tabs = 0
        self._space = False
        self._marker = ""
        self._heading = ""
        self._preformatted = 0
        self._in_new_cell = False
        """Whether nothing was written in this cell yet: blocks at its begin and end do not break the row."""
        self._cells: list[int] = []
        """For each open table, how many cells of its row were begun."""
        self._lists: list[int | None] = []
        """For each open list, the number of its next item; None without numbers."""

    def start(self, tag: str, node: "LexborNode") -> None:
        if tag == "tr":
            self._start_row()
        elif tag in _CELLS:
            self._start_cell()
        elif tag in _BLOCKS:
            self._break(tag)
        if tag == "br":
            self._lines = min(self._lines + 1, 2)
            self._space = False
        elif tag == "table":
            self._cells.append(0)
        elif tag in _HEADINGS:
            self._heading = " ".join(_SPACES.split(node.text(separator=""))).strip()
        elif tag in _PREFORMATTED:
            self._preformatted += 1
        elif tag in _LISTS:
            self._lists.append(_number(node.attributes.get("start"), 1) if tag == "ol" else None)
        elif tag == "li":
            self._start_item(node.attributes.get("value"))
        elif tag == "img":
            self.text(node.attributes.get("alt") or "")
        elif tag == "input" and (node.attributes.get("type") or "text").lower() in _SHOWN_INPUTS:
            self.text(node.attributes.get("value") or "")

    def end(self, tag: str) -> None:
        if tag == "table":
            self._cells.pop()
        elif tag in _PREFORMATTED:
            self._preformatted -= 1
        elif tag in _LISTS:
            self._lists.pop()
        elif tag == "tr":
            self._in_new_cell = False
        if tag in _CELLS:
            self._lines = self._lines if self._in_new_cell else 0
            self._in_new_cell = False
        elif tag in _BLOCKS:
            self._break(tag)

    def text(self, text: str) -> None:
        text = as_seen(text)
        if self._preformatted:
            self._write(text.replace("\r\n", "\n").replace("\r", "\n"))
            return
        words = _SPACES.sub(" ", text)
        if words.startswith(" "):
            self._space = True
        if words.strip(" "):
            self._write(words.strip(" "))
            self._space = words.endswith(" ")

    def finish(self) -> None:
        """End the last line."""
        if self._output.length > self._begin:
            self._output.write("\n")

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._output.length > self._begin:
            space = " " if self._space and not (self._lines or self._tabs) else ""
            self._output.write("\n" * self._lines + "\t" * self._tabs + space)
        else:
            self._output.write("\t" * self._tabs)
        if self._heading:
            self._output.place(heading=self._heading)
        self._output.write(self._marker + text)
        self._lines = self._tabs = 0
        self._space = self._in_new_cell = False
        self._marker = self._heading = ""

    def _break(self, tag: str) -> None:
        self._space = False
        if not self._in_new_cell:
            self._lines = max(self._lines, 2 if tag in _APART and not self._cells else 1)

    def _start_row(self) -> None:
        self._in_new_cell = False
        self._break("tr")
        self._tabs = 0
        if self._cells:
            self._cells[-1] = 0

    def _start_cell(self) -> None:
        self._space = False
        self._in_new_cell = True
        if self._cells:
            self._tabs += self._cells[-1] > 0
            self._cells[-1] += 1

    def _start_item(self, value: str | None) -> None:
        number = self._lists[-1] if self._lists else None
        if number is not None:
            number = _number(value, number)
            self._marker = f"{number}. "
            self._lists[-1] = number + 1


def _number(value: str | None, default: int) -> int:
    return int(value) if value and re.fullmatch(r"-?[0-9]{1,9}", value.strip()) else default
