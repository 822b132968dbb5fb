"""What the app and its child process say to each other: frames of two lengths, JSON, and bytes."""

import json
import struct
from typing import Any, BinaryIO

BUFFER_BYTES = 1 << 16
"""Of each end of the pipes, so that a small file is written and read at once."""
_LENGTHS = struct.Struct(">QQ")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
MAX_HEADER_BYTES = 64_000_000
"""Of the JSON. A location map of 200,000 entries has about a tenth of it."""


class BrokenFrameError(Exception):
    """What was read is no frame: the other side ended, or its memory is damaged."""


def write_frame(stream: BinaryIO, header: dict[str, Any], body: bytes) -> None:
    """Write a frame."""
    text = _ENCODER.encode(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def read_frame(stream: BinaryIO, max_body_bytes: int) -> tuple[dict[str, Any], bytes] | None:
    """Return the next frame; None where the stream ends before it. Raises `BrokenFrameError`."""
    start = stream.read(_LENGTHS.size)
    if not start:
        return None
    if len(start) < _LENGTHS.size:
        raise BrokenFrameError("the stream ended inside of a frame")
    header_bytes, body_bytes = _LENGTHS.unpack(start)
    if header_bytes > MAX_HEADER_BYTES or body_bytes > max_body_bytes:
        raise BrokenFrameError("a frame is longer than any is")
    text, body = stream.read(header_bytes), stream.read(body_bytes)
    if len(text) < header_bytes or len(body) < body_bytes:
        raise BrokenFrameError("the stream ended inside of a frame")
    try:
        header = json.loads(text)
    except ValueError as error:
        raise BrokenFrameError("a frame's header is no JSON") from error
    if not isinstance(header, dict):
        raise BrokenFrameError("a frame's header is no object")
    return header, body
