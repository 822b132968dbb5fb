"""Reads XML as a stream of elements: no tree, no entities, nothing from elsewhere, and no deeper than the limit.

Names come with the prefixes that the readers of a format use, whatever prefixes a file has: `w:p`, `text:h`. Elements
of other vocabularies come with their local name alone behind a colon.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from .extraction import Limits, NotExtractable, Reason, over_limit

Attributes = Mapping[str, str]

_KNOWN_NAMES = 10_000
"""Names that are kept translated; no vocabulary has so many, a hostile file may."""
_FED = 1 << 20
"""Bytes that are given to the parser at a time; long attributes make it slow with less and with more."""
_NONE: Attributes = {}


class Names(dict[str, str]):
    """Translates the names of elements and attributes of known vocabularies."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        """Take the prefix of each namespace."""
        super().__init__()
        self._prefixes = prefixes

    def __missing__(self, name: str) -> str:
        namespace, _, local = name.rpartition(" ")
        found = f"{self._prefixes.get(namespace, '')}:{local}" if namespace else local
        if len(self) < _KNOWN_NAMES:
            self[name] = found
        return found


class Reader(Protocol):
    """Is told what a file has, in its order."""

    def start(self, name: str, attributes: Attributes) -> None:
        """Take the start of an element."""

    def end(self, name: str) -> None:
        """Take the end of an element."""

    def text(self, data: str) -> None:
        """Take a piece of character data."""


class ElementReader:
    """A reader with a function for each element that it knows, without what is inside of elements that it skips."""

    def __init__(self, skipped: frozenset[str] = frozenset()) -> None:
        self.starts: dict[str, Callable[[Attributes], None]] = {}
        self.ends: dict[str, Callable[[], None]] = {}
        self._skips = skipped
        self._skipped = 0

    def start(self, name: str, attributes: Attributes) -> None:
        """Call the function for the start of this element."""
        if self._skipped:
            self._skipped += 1
            return
        known = self.starts.get(name)
        if known:
            known(attributes)
        if name in self._skips:
            self.skip()

    def end(self, name: str) -> None:
        """Call the function for the end of this element, also of one that was skipped."""
        if self._skipped:
            self._skipped -= 1
            if self._skipped:
                return
        known = self.ends.get(name)
        if known:
            known()

    def text(self, data: str) -> None:
        """Call `characters`, if nothing is skipped here."""
        if not self._skipped:
            self.characters(data)

    def characters(self, data: str) -> None:
        """Take character data that is not skipped."""

    def skip(self) -> None:
        """Skip the element that has just been started, with all that is in it."""
        self._skipped = 1


def read(chunks: Iterable[bytes], reader: Reader, names: Names, limits: Limits) -> None:
    """Read a file; raises `NotExtractable` if it is damaged, declares entities or is nested too deep."""
    from xml.parsers import expat

    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.nesting:
            raise over_limit("nesting", limits.nesting)
        reader.start(names[name], {names[key]: value for key, value in attributes.items()} if attributes else _NONE)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        reader.end(names[name])

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = _refuse_entities
    try:
        for chunk in _pieces(chunks):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, UnicodeError) as error:
        # An encoding that is not known is a LookupError.
        raise NotExtractable(Reason.DAMAGED, f"It has XML that is not well-formed: {error}.") from error


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for begin in range(0, len(chunk), _FED):
            yield chunk[begin : begin + _FED]


def _refuse_entities(*_: object) -> None:
    raise NotExtractable(Reason.DAMAGED, "It declares entities, as no program that makes such files does.")
