"""Foreign JSON, parsed once; what does not fit is said in one sentence, with the place."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from ..typed_data import from_json
from .values import LabelsError

T = TypeVar("T")
_BOM = b"\xef\xbb\xbf"


def decoded(content: bytes, kind: type[T], what: str) -> T:
    """Return the content as the type asked for. Raises `LabelsError` that names `what` it should be, and where."""
    try:
        return from_json(content.removeprefix(_BOM), kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LabelsError(f"This is not {what}: {error}.") from None


def decoded_lines(content: bytes, kind: type[T], what: str) -> Iterator[tuple[int, T]]:
    """Yield the number (from 1) and content of each line that is not blank. Raises `LabelsError`."""
    for number, line in enumerate(content.removeprefix(_BOM).split(b"\n"), 1):
        if line.strip():
            try:
                yield number, from_json(line, kind)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise LabelsError(f"Line {number} is not {what}: {error}.") from None


def json_lines(entries: list[dict[str, object]]) -> bytes:
    """Return one line of JSON for each entry."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
