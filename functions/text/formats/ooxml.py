"""What docx, pptx and xlsx share: parts that refer to each other, in a zip archive."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import join, normpath
from typing import TypeVar

from .archives import opened
from .extraction import NotExtractable, Output, Reason
from .kept_parts import KeptParts
from .xml_reader import Attributes, ElementReader, Names, read

_OPENXML = "http://schemas.openxmlformats.org"
_STRICT = "http://purl.oclc.org/ooxml"
_VOCABULARIES = {
    "w": "wordprocessingml/{}main",
    "p": "presentationml/{}main",
    "s": "spreadsheetml/{}main",
    "a": "drawingml/{}main",
    "c": "drawingml/{}chart",
    "dgm": "drawingml/{}diagram",
    "xdr": "drawingml/{}spreadsheetDrawing",
    "r": "officeDocument/{}relationships",
    "m": "officeDocument/{}math",
}
NAMES = Names(
    {f"{_OPENXML}/{path.format('2006/')}": prefix for prefix, path in _VOCABULARIES.items()}
    | {f"{_STRICT}/{path.format('')}": prefix for prefix, path in _VOCABULARIES.items()}
    | {
        f"{_OPENXML}/markup-compatibility/2006": "mc",
        f"{_OPENXML}/package/2006/relationships": "rel",
        "http://schemas.microsoft.com/office/powerpoint/2018/8/main": "p188",
        "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments": "tc",
    }
)

T = TypeVar("T")

_KEPT = KeptParts()


@dataclass(frozen=True, slots=True)
class Relationship:
    """A part that another part refers to."""

    kind: str
    """The last word of its type, as `header`."""
    target: str
    """The name of the part."""


class Package:
    """The parts of an Office file."""

    def __init__(self, data: bytes, output: Output) -> None:
        self._archive = opened(data, output)
        self.limits = output.limits
        self._by_lower_name = {name.lower(): name for name in self._archive.names}
        """Names of parts are compared so, and some programs make use of it."""

    def main(self) -> str:
        """Return the name of the part where everything begins."""
        for each in self.relationships("").values():
            if each.kind == "officeDocument":
                return each.target
        raise NotExtractable(Reason.DAMAGED, "It has no part that is its document.")

    def __contains__(self, part: str) -> bool:
        """Whether there is a part of this name."""
        return part.lower() in self._by_lower_name

    def chunks(self, part: str) -> Iterator[bytes]:
        """Return the content of a part, piece by piece."""
        return self._archive.chunks(self._by_lower_name.get(part.lower(), part))

    def kept(self, part: str, read: "Callable[[Package, str], T]") -> T:
        """Return what `read` finds in a part; from memory where it has read the same part of an earlier file.

        What `read` returns must not be changed, and must follow from the part and its name alone.
        """
        name = self._by_lower_name.get(part.lower(), part)
        packed = self._archive.packed(name)
        if packed is None:
            return read(self, part)
        key = read, part, self.limits, packed
        found, was_kept = _KEPT.get(key, self._archive.size(name), lambda: read(self, part))
        if was_kept:
            self._archive.count(name)
        return found

    def read(self, part: str, reader: ElementReader) -> None:
        """Read a part as XML."""
        read(self.chunks(part), reader, NAMES, self.limits)

    def read_if_there(self, part: str | None, reader: ElementReader) -> None:
        """Read a part as XML, or nothing where a file lacks one that it refers to."""
        if part is not None and part in self:
            self.read(part, reader)

    def relationships(self, part: str) -> dict[str, Relationship]:
        """Return the parts that a part refers to, by their ids; not what is outside of the file."""
        folder, _, name = part.rpartition("/")
        listed = join(folder, "_rels", f"{name}.rels")
        return self.kept(listed, _relationships) if listed in self else {}

    def related(self, part: str, kind: str) -> list[str]:
        """Return the names of the parts of one kind that a part refers to."""
        return [each.target for each in self.relationships(part).values() if each.kind == kind]


def _relationships(package: Package, part: str) -> dict[str, Relationship]:
    reader = _Relationships(part.rpartition("/")[0].removesuffix("_rels").removesuffix("/"))
    package.read(part, reader)
    return reader.found


class _Relationships(ElementReader):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self.found: dict[str, Relationship] = {}
        self._folder = folder
        self.starts = {"rel:Relationship": self._relationship}

    def _relationship(self, attributes: Attributes) -> None:
        target = attributes.get("Target", "")
        if attributes.get("TargetMode") == "External" or not target:
            return
        path = target[1:] if target.startswith("/") else normpath(join(self._folder, target))
        kind = attributes.get("Type", "").rpartition("/")[2]
        self.found[attributes.get("Id", "")] = Relationship(kind, path)


class OfficeReader(ElementReader):
    """Reads one of the alternatives that a file offers for the same content: the first, which is the newest."""

    def __init__(self, skipped: frozenset[str] = frozenset()) -> None:
        super().__init__(skipped)
        self._chosen: list[bool] = []
        self.starts = {
            "mc:AlternateContent": lambda _: self._chosen.append(False),
            "mc:Choice": self._alternative,
            "mc:Fallback": self._alternative,
        }
        self.ends = {"mc:AlternateContent": self._end_alternatives}

    def _alternative(self, _: Attributes) -> None:
        if not self._chosen:
            return
        if self._chosen[-1]:
            self.skip()
        self._chosen[-1] = True

    def _end_alternatives(self) -> None:
        self._chosen.pop()


def is_on(attributes: Attributes, name: str) -> bool:
    """Whether a switch is on, which is so where it has no value."""
    return attributes.get(name, "1").lower() not in ("0", "false", "off")


def number(text: str | None, default: int = 0) -> int:
    """Return a whole number of a file; the default for what is none or has more digits than any number it needs."""
    return int(text) if text and len(text) < 12 and text.lstrip("-").isdecimal() and text.isascii() else default
