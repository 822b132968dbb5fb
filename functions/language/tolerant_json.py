"""Reads JSON so that a part which can not be read costs that part only.

The usual decoders refuse a whole text for one number that is none (`NaN`), half a surrogate pair, or an array nested
thousands deep. In a reply about 25 documents that would be one document's fault against 24. Here such a value becomes
`UNREADABLE`, and everything beside it is what the usual decoder makes of it. Only where brackets, commas or colons do
not match can nothing be saved.

Many times slower than the decoder in C: for texts that it has refused.
"""

import re
from typing import Any, Final

import msgspec

MAX_DEPTH = 24
"""Containers inside each other that are read; what is nested deeper is unreadable. A job's state has nine levels."""


MAX_BYTES = 16 * 1024 * 1024
"""Longer texts are refused, because reading them would take many seconds. What a job of 125,000 characters can bring
is a few megabytes."""


class Unreadable:
    """The type of `UNREADABLE`."""

    def __repr__(self) -> str:
        return "UNREADABLE"


UNREADABLE: Final = Unreadable()
"""Stands for a value that can not be read."""

# Possessive, so that a string of millions of escapes is matched without a memory of each.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(rb"\s*+([\[\]{},:]|" + _STRING + rb'|[^\s\[\]{},:"]++)', re.DOTALL)
_BRACKETS = re.compile(_STRING + rb"|[\[{]++|[\]}]++", re.DOTALL)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode(text: bytes) -> Any:
    """Return the value of a JSON text with `UNREADABLE` in the place of what can not be read.

    Of an object that names a key twice the last value counts, as usual; a key that can not be read is left out.
    ValueError where the structure is broken, so that nobody can say what belongs where, and for more than `MAX_BYTES`.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    reader = _Reader(text.removeprefix(_BYTE_ORDER_MARK))
    value = reader.value(0)
    reader.check_end()
    return value


class _Reader:
    """Goes through a text once, recursively, but never deeper than `MAX_DEPTH`."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0

    def value(self, depth: int) -> Any:
        return self._value_of(self._token(), depth)

    def check_end(self) -> None:
        if self._text[self._at :].strip():
            raise ValueError(f"more text behind the value (byte {self._at})")

    def _value_of(self, token: bytes, depth: int) -> Any:
        if token not in (b"{", b"["):
            return self._scalar(token)
        if depth == MAX_DEPTH:
            self._skip_container()
            return UNREADABLE
        return self._object(depth + 1) if token == b"{" else self._array(depth + 1)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        token = self._token()
        while token != b"}":
            if not token.startswith(b'"'):
                raise self._broken()
            key = self._scalar(token)
            if self._token() != b":":
                raise self._broken()
            value = self.value(depth)
            if isinstance(key, str):
                found[key] = value
            token = self._next_member(b"}")
        return found

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        token = self._token()
        while token != b"]":
            found.append(self._value_of(token, depth))
            token = self._next_member(b"]")
        return found

    def _next_member(self, end: bytes) -> bytes:
        """Return the first token behind the comma, or the end of the container."""
        token = self._token()
        if token == b",":
            return self._token()
        if token != end:
            raise self._broken()
        return token

    def _scalar(self, token: bytes) -> Any:
        if token in (b"]", b"}", b",", b":"):
            raise self._broken()
        try:
            return msgspec.json.decode(token)
        except (msgspec.MsgspecError, ValueError):
            return UNREADABLE

    def _skip_container(self) -> None:
        """Go behind the end of a container whose beginning was just read, without a memory of what is in it."""
        depth = 1
        for match in _BRACKETS.finditer(self._text, self._at):
            token = match.group()
            if token[:1] in b"[{":
                depth += len(token)
            elif token[:1] in b"]}":
                if len(token) >= depth:
                    self._at = match.start() + depth
                    return
                depth -= len(token)
        raise self._broken()

    def _token(self) -> bytes:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise self._broken()
        self._at = match.end()
        return match.group(1)

    def _broken(self) -> ValueError:
        return ValueError(f"the structure is broken (byte {self._at})")
