"""What the styles of a docx say about its text: which paragraphs are headings, numbered or hidden."""

from dataclasses import dataclass

from .ooxml import OfficeReader, Package, is_on, number
from .xml_reader import Attributes

_BASES = 20
"""Styles that are based on each other."""


@dataclass(slots=True)
class Style:
    """What one style says itself; None for what the style that it is based on says."""

    based_on: str = ""
    outline: int | None = None
    """0 for a heading of the first level; 9 and above is no heading."""
    list_id: str | None = None
    level: int | None = None
    hidden: bool | None = None


class Styles:
    """The styles of a document."""

    def __init__(self, found: dict[str, Style]) -> None:
        self._found = found
        self._resolved: dict[str, Style] = {}

    def get(self, style_id: str) -> Style:
        """Return a style with everything that it takes from others."""
        resolved = self._resolved.get(style_id)
        if resolved is None:
            resolved = self._resolved[style_id] = self._resolve(style_id)
        return resolved

    def _resolve(self, style_id: str) -> Style:
        resolved = Style()
        for _ in range(_BASES):
            style = self._found.get(style_id)
            if style is None:
                break
            for name in ("outline", "list_id", "level", "hidden"):
                if getattr(resolved, name) is None:
                    setattr(resolved, name, getattr(style, name))
            style_id = style.based_on
        return resolved


def styles_of(package: Package, part: str) -> Styles:
    """Read styles.xml; without it there are none."""
    return Styles(package.kept(part, _read) if part in package else {})


def _read(package: Package, part: str) -> dict[str, Style]:
    reader = _StylesReader()
    package.read(part, reader)
    return reader.found


class _StylesReader(OfficeReader):
    def __init__(self) -> None:
        super().__init__(frozenset(("w:latentStyles", "w:docDefaults", "w:tblStylePr", "w:pPrChange", "w:rPrChange")))
        self.found: dict[str, Style] = {}
        self._style = Style()
        self.starts |= {
            "w:style": self._start_style,
            "w:basedOn": self._base,
            "w:outlineLvl": self._outline,
            "w:numId": self._list,
            "w:ilvl": self._level,
            "w:vanish": self._vanish,
        }

    def _start_style(self, attributes: Attributes) -> None:
        self._style = self.found.setdefault(attributes.get("w:styleId", ""), Style())

    def _base(self, attributes: Attributes) -> None:
        self._style.based_on = attributes.get("w:val", "")

    def _outline(self, attributes: Attributes) -> None:
        self._style.outline = number(attributes.get("w:val"), 9)

    def _list(self, attributes: Attributes) -> None:
        self._style.list_id = attributes.get("w:val", "")

    def _level(self, attributes: Attributes) -> None:
        self._style.level = number(attributes.get("w:val"))

    def _vanish(self, attributes: Attributes) -> None:
        self._style.hidden = is_on(attributes, "w:val")
