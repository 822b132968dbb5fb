"""JSON, as one value or one on each line: each string and number on a line of its own, after its key.

Strings are as they are meant, without escapes; numbers are as they are written. What turns out not to be JSON is read
as the plain text that it then is.
"""

import json
from collections.abc import Iterator
from typing import Any

from ... import problems
from .extraction import Output, over_limit
from .plain import decoded


class _Object(list[tuple[str, Any]]):
    """The pairs of an object: keys may come twice."""


def extract(data: bytes, output: Output) -> None:
    """Write keys and values; each line of JSON lines is a row."""
    text = decoded(data, output)
    try:
        values: list[tuple[int | None, Any]] = [(None, _parsed(text))]
    except ValueError as error:
        try:
            values = [(number, _parsed(line)) for number, line in _rows(text)]
        except ValueError:
            output.warn(problems.READ_AS_PLAIN_TEXT.warning(format="JSON", cause=error))
            output.place()
            output.write(text)
            return
    for row, value in values:
        output.place(**({} if row is None else {"row": row}))
        for line in _lines(value, output.limits.nesting):
            output.write(line)


def _parsed(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str)


def _rows(text: str) -> Iterator[tuple[int | None, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _lines(root: Any, nesting: int) -> Iterator[str]:
    """Yield `key: value` lines, depth first, without recursion."""
    if not isinstance(root, list):
        yield f"{root}\n"
        return
    stack = [iter(_entries(root))]
    while stack:
        key, value = next(stack[-1], ("", _END))
        if value is _END:
            stack.pop()
        elif isinstance(value, list):
            if len(stack) >= nesting:
                raise over_limit("nesting", nesting)
            stack.append(iter(_entries(value, key)))
        elif not isinstance(value, bool) and value not in ("", None):
            yield f"{key}: {value}\n" if key else f"{value}\n"


_END = object()


def _entries(value: Any, key: str = "") -> list[tuple[str, Any]]:
    """Return the pairs of an object, or the items of an array with its key."""
    return value if isinstance(value, _Object) else [(key, each) for each in value]
