"""Reads XML as a stream of elements: no tree, no entities, nothing from elsewhere, and no deeper than the limit.

Names come with the prefixes that the readers of a format use, whatever prefixes a file has: `w:p`, `text:h`. Elements
of other vocabularies come with their local name alone behind a colon.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

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


class ElementReader:
    """Has a function for each element that it knows, and takes nothing of what is inside of elements that it skips."""

    def __init__(self, skipped: frozenset[str] = frozenset()) -> None:
        self.starts: dict[str, Callable[[Attributes], None]] = {}
        self.ends: dict[str, Callable[[], None]] = {}
        self.skips = skipped
        self.skipped = 0
        """How many open elements are inside of a skipped one, itself included."""

    def characters(self, data: str) -> None:
        """Take character data that is not skipped."""

    def skip(self) -> None:
        """Skip the element that has just been started; its end is told."""
        self.skipped = 1


def read(chunks: Iterable[bytes], reader: ElementReader, names: Names, limits: Limits) -> None:
    """Read a file; raises `NotExtractable` if it is damaged, declares entities or is nested too deep."""
    from xml.parsers import expat

    depth = 0
    starts, ends, skips = reader.starts, reader.ends, reader.skips

    # These are called for everything in a file, and most of it is nothing that a reader knows.
    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.nesting:
            raise over_limit("nesting", limits.nesting)
        if reader.skipped:
            reader.skipped += 1
            return
        short = names[name]
        if short in starts:
            starts[short]({names[key]: value for key, value in attributes.items()} if attributes else _NONE)
        if short in skips:
            reader.skip()

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if reader.skipped:
            reader.skipped -= 1
            if reader.skipped:
                return
        short = names[name]
        if short in ends:
            ends[short]()

    def characters(data: str) -> None:
        if not reader.skipped:
            reader.characters(data)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = _refuse_entities
    try:
        for chunk in _pieces(chunks):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, UnicodeError) as error:
        raise NotExtractable(Reason.DAMAGED, f"It has XML that is not well-formed: {error}.") from error
    except (LookupError, ValueError) as error:
        # Of encodings it does not know, and of those with characters of several bytes. Other such errors are defects.
        if isinstance(error, KeyError | IndexError) or "encoding" not in str(error):
            raise
        raise NotExtractable(Reason.DAMAGED, f"It has XML in an encoding that is not known: {error}.") from error


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for begin in range(0, len(chunk), _FED):
            yield chunk[begin : begin + _FED]


def _refuse_entities(*_: object) -> None:
    raise NotExtractable(Reason.DAMAGED, "It declares entities, as no program that makes such files does.")
