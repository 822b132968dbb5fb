"""Numbers of lists and headings in docx, counted as Word counts them."""

import re
from dataclasses import dataclass, field, replace

from .numerals import numeral
from .ooxml import OfficeReader, Package, number
from .xml_reader import Attributes

_STYLES = {
    "decimalZero": "01",
    "lowerLetter": "a",
    "upperLetter": "A",
    "lowerRoman": "i",
    "upperRoman": "I",
}
_BULLET = "•"
"""Whatever it looks like: most are characters of symbol fonts that are something else in other fonts."""
_LEVELS = 9
_PLACEHOLDER = re.compile("%([1-9])")


@dataclass(frozen=True, slots=True)
class _Level:
    start: int = 1
    style: str = "decimal"
    text: str = ""
    all_decimal: bool = False


@dataclass(slots=True)
class _List:
    """A list that paragraphs refer to: an abstract one, and what differs from it."""

    abstract: str = ""
    levels: dict[int, _Level] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Gives the label of one paragraph of a document after the other."""

    def __init__(self, lists: "_Lists") -> None:
        self._lists = lists
        self._counters: dict[str, list[int | None]] = {}
        self._restarted: set[tuple[str, int]] = set()

    def label(self, list_id: str, level: int) -> str:
        """Count a paragraph of a list and return its label, as `2.1`; empty for one that has none."""
        found = self._lists.found.get(list_id)
        if found is None or not 0 <= level < _LEVELS:
            return ""
        levels = self._lists.levels(found)
        counters = self._counters.setdefault(found.abstract, [None] * _LEVELS)
        if level in found.starts and (list_id, level) not in self._restarted:
            self._restarted.add((list_id, level))
            counters[level] = found.starts[level] - 1
        before = counters[level]
        counters[level] = levels.get(level, _Level()).start if before is None else before + 1
        counters[level + 1 :] = [None] * (_LEVELS - level - 1)
        return _shown(levels, counters, level)

    def level_of_style(self, list_id: str, style: str, default: int) -> int:
        """Return the level of a list whose paragraphs have a style."""
        found = self._lists.found.get(list_id)
        return self._lists.level_of_style.get((found.abstract, style), default) if found else default


def numbering_of(package: Package, part: str) -> Numbering:
    """Read numbering.xml; without it there are no lists."""
    return Numbering(package.kept(part, _read) if part in package else _Lists())


def _read(package: Package, part: str) -> "_Lists":
    reader = _Lists()
    package.read(part, reader)
    return reader


def _shown(levels: dict[int, _Level], counters: list[int | None], level: int) -> str:
    here = levels.get(level, _Level())
    if here.style == "bullet":
        return _BULLET
    if here.style == "none":
        return ""

    def shown(placeholder: re.Match[str]) -> str:
        index = int(placeholder.group(1)) - 1
        other = levels.get(index, _Level())
        value = counters[index]
        style = "1" if here.all_decimal else _STYLES.get(other.style, "1")
        return numeral(other.start if value is None else value, style)

    return _PLACEHOLDER.sub(shown, here.text)


class _Lists(OfficeReader):
    """The lists that a document defines."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, _List] = {}
        self.level_of_style: dict[tuple[str, str], int] = {}
        self._abstract: dict[str, dict[int, _Level]] = {}
        self._linked: dict[str, str] = {}
        """Abstract lists that are defined by a style, and the style."""
        self._of_style: dict[str, str] = {}
        # Where the reader is.
        self._abstract_id = ""
        self._list = _List()
        self._into: dict[int, _Level] = {}
        self._index = 0
        self.starts |= {
            "w:abstractNum": self._start_abstract,
            "w:num": self._start_list,
            "w:abstractNumId": self._refer,
            "w:lvlOverride": self._start_override,
            "w:startOverride": self._override_start,
            "w:lvl": self._start_level,
            "w:start": lambda found: self._change(start=number(found.get("w:val"), 1)),
            "w:numFmt": lambda found: self._change(style=found.get("w:val", "decimal")),
            "w:lvlText": lambda found: self._change(text=found.get("w:val", "")),
            "w:isLgl": lambda _: self._change(all_decimal=True),
            "w:pStyle": self._style_of_level,
            "w:numStyleLink": self._link,
            "w:styleLink": self._define_style,
        }

    def levels(self, found: _List) -> dict[int, _Level]:
        """Return the levels of a list: its own, and those of the list that it is an instance of."""
        abstract = self._abstract.get(found.abstract, {})
        if not abstract and found.abstract in self._linked:
            abstract = self._abstract.get(self._of_style.get(self._linked[found.abstract], ""), {})
        return abstract | found.levels if found.levels else abstract

    def _start_abstract(self, attributes: Attributes) -> None:
        self._abstract_id = attributes.get("w:abstractNumId", "")
        self._into = self._abstract.setdefault(self._abstract_id, {})

    def _start_list(self, attributes: Attributes) -> None:
        self._list = self.found.setdefault(attributes.get("w:numId", ""), _List())
        self._abstract_id = ""
        self._into = self._list.levels

    def _refer(self, attributes: Attributes) -> None:
        self._list.abstract = attributes.get("w:val", "")

    def _start_override(self, attributes: Attributes) -> None:
        self._index = number(attributes.get("w:ilvl"))

    def _override_start(self, attributes: Attributes) -> None:
        self._list.starts[self._index] = number(attributes.get("w:val"), 1)

    def _start_level(self, attributes: Attributes) -> None:
        self._index = number(attributes.get("w:ilvl"))
        self._into[self._index] = _Level()

    def _change(self, **changes: object) -> None:
        if self._index in self._into:
            self._into[self._index] = replace(self._into[self._index], **changes)  # type: ignore[arg-type]

    def _style_of_level(self, attributes: Attributes) -> None:
        self.level_of_style[self._abstract_id, attributes.get("w:val", "")] = self._index

    def _link(self, attributes: Attributes) -> None:
        self._linked[self._abstract_id] = attributes.get("w:val", "")

    def _define_style(self, attributes: Attributes) -> None:
        self._of_style[attributes.get("w:val", "")] = self._abstract_id
