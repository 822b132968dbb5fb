"""XML of unknown vocabularies: its character data in the order of the file, without attributes.

An element that has text of its own between its children is a line of text, and they are parts of it; other children
stand on lines of their own. Entities that a file declares are not expanded, and nothing is read from elsewhere: such a
file, and what turns out not to be XML, is read as the plain text that it also is.
"""

import re

from ... import problems
from .extraction import Output, over_limit
from .plain import decoded

_FED = 1 << 20
"""Characters that are given to the parser at a time; long attributes make it slow with more."""

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


class _NotReadError(Exception):
    """It is not to be read as XML."""


def extract(data: bytes, output: Output) -> None:
    """Write the character data."""
    text = decoded(data, output)
    output.place()
    try:
        written = _character_data(text, output.limits.nesting)
    except _NotReadError as error:
        output.warn(problems.READ_AS_PLAIN_TEXT.warning(format="XML", cause=error))
        output.write(text)
    else:
        output.write(written)


def _character_data(text: str, nesting: int) -> str:
    from xml.parsers import expat

    writer = _Writer(nesting)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.characters
    parser.EntityDeclHandler = _refuse_entities
    # Decoded already: what it declares does not count any more.
    body = _DECLARATION.sub("", text, count=1).lstrip()
    try:
        for start in range(0, len(body), _FED):
            parser.Parse(body[start : start + _FED].encode("utf-8", "surrogatepass"), False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _NotReadError(f"it is not well-formed ({error})") from error
    return writer.text()


def _refuse_entities(*_: object) -> None:
    raise _NotReadError("it declares entities, which are not expanded")


class _Writer:
    """Receives the events of the parser."""

    def __init__(self, nesting: int) -> None:
        self._nesting = nesting
        self._parts: list[str] = []
        # For each open element, whether it has text of its own.
        self._has_text: list[bool] = []
        self._separator = ""
        """What goes before the next text."""

    def start(self, _name: str, _attributes: object) -> None:
        if len(self._has_text) >= self._nesting:
            raise over_limit("nesting", self._nesting)
        if not self._in_line():
            self._separator = "\n"
        self._has_text.append(False)

    def end(self, _name: str) -> None:
        # What follows decides: text of the element around it goes on in the line, another element does not.
        self._has_text.pop()

    def characters(self, data: str) -> None:
        text = data.strip()
        leading = data[: len(data) - len(data.lstrip())]
        self._separator = _wider(self._separator, leading)
        if not text:
            return
        self._has_text[-1] = True
        self._parts.append(self._separator if self._parts else "")
        self._parts.append("\n".join(line.strip() for line in text.splitlines()))
        self._separator = _wider("", data[len(data.rstrip()) :])

    def text(self) -> str:
        return "".join(self._parts) + "\n"

    def _in_line(self) -> bool:
        return bool(self._has_text) and self._has_text[-1]


def _wider(separator: str, space: str) -> str:
    return "\n" if "\n" in separator + space else " " if separator or space else ""
