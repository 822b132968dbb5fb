"""Unpacks documents that are stored compressed, under a limit that no compressed bomb gets past.

What the storage declares (`Content-Encoding`) is a claim; the content decides. A declaration that the content does not
bear out is ignored with a warning, gzip is recognised without one, and what is compressed but damaged is an error: half
a document would be taken for a whole one.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .. import problems
from ..errors import DocumentError, Warning

MAX_LAYERS = 4
"""Compressions of one content inside each other that are unpacked; the next is reported as an archive."""

_GZIP = b"\x1f\x8b"
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "br": "br"}
_INPUT_BYTES = 65_536
_FIRST_INPUT_BYTES = 1_024
"""What is fed to a decoder at first: a content may have half a million members of twenty bytes each, and each of them
gives back what it did not use."""

_MAX_MEMBERS = 10_000
"""Streams that one gzip content may be joined from; tools that join them make one of every 64 kB."""


class Unpacked(NamedTuple):
    """A document's content as it was before it was compressed."""

    data: bytes
    content_encoding: str | None
    """How it was compressed, in the form of the header, to unpack it again in the same way; None where it was not."""
    warnings: tuple[Warning, ...] = ()


class _NotCompressedError(Exception):
    """The content is not in the format that was declared."""


class _DamagedError(Exception):
    """The content is in the format, up to a point."""


class _TooLargeError(Exception):
    """There is more than the limit."""


def is_compressed(data: bytes, declared: str) -> bool:
    """Whether a content may have to be unpacked."""
    return data.startswith(_GZIP) or bool(_declared(declared))


def unpack(data: bytes, declared: str, limit: int | None) -> Unpacked:
    """Return a content unpacked; `declared` is its `Content-Encoding`, `limit` the bytes that it may have in the end.

    Never holds more than `limit` bytes of any layer. Raises `DocumentError` where it has more, and where it is damaged.
    """
    applied: list[str] = []
    ignored: list[str] = []
    # What was applied last stands last.
    for name in reversed(_declared(declared)):
        kind = _NAMES.get(name)
        content = _unpacked(data, kind, limit) if kind and len(applied) < MAX_LAYERS else None
        if content is None:
            ignored.append(name)
        else:
            data = content
            applied.insert(0, str(kind))
    while data.startswith(_GZIP) and len(applied) < MAX_LAYERS:
        unzipped = _unpacked(data, "gzip", limit)
        if unzipped is None:
            break
        data = unzipped
        applied.insert(0, "gzip")
    warnings = (_wrongly_declared(declared, applied),) if ignored else ()
    return Unpacked(data, ", ".join(applied) or None, warnings)


def _declared(header: str) -> list[str]:
    names = [name.strip().lower() for name in header.split(",")]
    return [name for name in names if name not in ("", "identity")]


def _wrongly_declared(declared: str, applied: list[str]) -> Warning:
    found = f"compressed by {', '.join(applied)}" if applied else "not compressed"
    return problems.WRONG_CONTENT_ENCODING.warning(declared=declared[:100], found=found)


def _unpacked(data: bytes, kind: str, limit: int | None) -> bytes | None:
    """Return the content of one layer, None where it is not of this kind."""
    try:
        return b"".join(_KINDS[kind](data, limit))
    except _NotCompressedError:
        return None
    except _DamagedError as error:
        raise DocumentError(problems.DAMAGED_CONTENT.problem(compression=kind, damage=error)) from error
    except _TooLargeError as error:
        raise DocumentError(problems.TOO_LARGE_UNPACKED.problem(size=len(data), limit=limit)) from error


class _Limit:
    """Counts what came out."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.total = 0

    def room(self) -> int:
        """Return how many bytes to ask for; one more than is allowed, so that too much shows."""
        return 1 << 20 if self._most is None else min(1 << 20, self._most - self.total + 1)

    def count(self, part: bytes) -> bytes:
        self.total += len(part)
        if self._most is not None and self.total > self._most:
            raise _TooLargeError
        return part


def _inflated(data: bytes, start: int, wbits: int, limit: _Limit) -> Iterator[bytes | int]:
    """Yield the content of the stream that begins at `start`, in parts, and then where the stream ends."""
    decoder = zlib.decompressobj(wbits)
    place, size, view = start, _FIRST_INPUT_BYTES, memoryview(data)
    while not decoder.eof:
        fed = view[place : place + size]
        try:
            part = decoder.decompress(fed, limit.room())
        except zlib.error as error:
            if place == start and not limit.total:
                raise _NotCompressedError from error
            raise _DamagedError(f"its content is damaged after {limit.total:,} bytes") from error
        place += len(fed) - len(decoder.unconsumed_tail) - len(decoder.unused_data)
        if not part and not len(fed):
            raise _DamagedError(f"it ends after {limit.total:,} bytes in the middle of its content")
        size = min(2 * size, _INPUT_BYTES)
        yield limit.count(part)
    yield place


def _gunzip(data: bytes, most: int | None) -> Iterator[bytes]:
    if not data.startswith(_GZIP):
        raise _NotCompressedError
    limit, place, members = _Limit(most), 0, 0
    while data.startswith(_GZIP, place):
        members += 1
        if members > _MAX_MEMBERS:
            raise _DamagedError(f"it consists of more than {_MAX_MEMBERS:,} parts")
        try:
            for part in _inflated(data, place, 31, limit):
                if isinstance(part, int):
                    place = part
                else:
                    yield part
        except _NotCompressedError as error:
            raise _DamagedError(f"its content is damaged after {limit.total:,} bytes") from error
    # Zero bytes fill up the blocks of tapes.
    if data[place:].strip(b"\0"):
        raise _DamagedError(f"{len(data) - place:,} bytes that are not gzip follow its content")


def _inflate(data: bytes, most: int | None) -> Iterable[bytes]:
    """Both that are called deflate: with the frame of zlib (RFC 9110, 8.4.1.2), and without, as some senders do."""
    has_frame = len(data) >= 2 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
    for wbits in (15, -15) if has_frame else (-15,):
        try:
            parts = list(_whole(data, wbits, most))
        except (_DamagedError, _NotCompressedError) as error:
            # Any few bytes may begin like a stream, above all without a frame: what is readable as it stands is none.
            if isinstance(error, _DamagedError) and not _is_like_text(data):
                raise
        else:
            if any(parts) or not _is_like_text(data):
                return iter(parts)
    raise _NotCompressedError


def _whole(data: bytes, wbits: int, most: int | None) -> Iterator[bytes]:
    end = 0
    for part in _inflated(data, 0, wbits, _Limit(most)):
        if isinstance(part, int):
            end = part
        else:
            yield part
    if end < len(data):
        raise _DamagedError(f"{len(data) - end:,} bytes that do not belong to it follow its content")


def _unbrotli(data: bytes, most: int | None) -> Iterable[bytes]:
    # Imported here: hardly any document needs it.
    import brotli

    decoder, limit, view = brotli.Decompressor(), _Limit(most), memoryview(data)
    parts: list[bytes] = []
    damage: _DamagedError | None = None
    try:
        for place in range(0, len(data), _INPUT_BYTES):
            fed = bytes(view[place : place + _INPUT_BYTES])
            parts.append(limit.count(decoder.process(fed, output_buffer_limit=limit.room())))
            while not decoder.can_accept_more_data():
                parts.append(limit.count(decoder.process(b"", output_buffer_limit=limit.room())))
    except brotli.error as error:
        damage = _DamagedError(f"its content is damaged after {limit.total:,} bytes")
        damage.__cause__ = error
    else:
        if not decoder.is_finished():
            damage = _DamagedError(f"it ends after {limit.total:,} bytes in the middle of its content")
    if damage or not limit.total:
        # Brotli has no mark to know it by: what is readable as it stands is no Brotli.
        if _is_like_text(data):
            raise _NotCompressedError
        if damage:
            raise damage
    return parts


_KINDS = {"gzip": _gunzip, "deflate": _inflate, "br": _unbrotli}

_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b") + b"\x7f"


def _is_like_text(data: bytes) -> bool:
    """Whether bytes can be text as they are, or another kind of compressed content: these are told by their marks."""
    sample = data[:_INPUT_BYTES]
    return data.startswith(_GZIP) or len(sample) - len(sample.translate(None, _CONTROLS)) <= 0.01 * len(sample)
