"""Reads JSON and plain data as typed values, safely from many threads.

msgspec 0.22 works out how to read a struct when it is first asked to, runs Python code in between, and keeps what is
not finished where other threads find it: two threads that read the first records of an instance at the same time
crashed the process (`tests/unit/test_typed_data.py` does it without the lock). So each type is prepared once, under one
lock, and nothing else in the app asks msgspec for a type; `tests/unit/test_architecture.py` holds that.
"""

import threading
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_lock = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


@overload
def decoder_of(kind: type[T]) -> msgspec.json.Decoder[T]: ...
@overload
def decoder_of(kind: Any) -> msgspec.json.Decoder[Any]: ...
def decoder_of(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return the JSON decoder of a type, the same one each time; any thread may use it."""
    found = _decoders.get(kind)
    if found is None:
        with _lock:
            found = _decoders.get(kind)
            if found is None:
                found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found


@overload
def from_json(data: bytes | str, kind: type[T]) -> T: ...
@overload
def from_json(data: bytes | str, kind: Any) -> Any: ...
def from_json(data: bytes | str, kind: Any) -> Any:
    """Return what JSON says, as a type. Raises `msgspec.DecodeError`, and `UnicodeDecodeError` for what is no UTF-8."""
    return decoder_of(kind).decode(data)


@overload
def converted(value: Any, kind: type[T], *, strict: bool = True) -> T: ...
@overload
def converted(value: Any, kind: Any, *, strict: bool = True) -> Any: ...
def converted(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """Return plain data as a type; not `strict`: texts may stand for numbers. Raises `msgspec.ValidationError`."""
    decoder_of(kind)  # The type is prepared with it.
    return msgspec.convert(value, kind, strict=strict)


def from_msgpack(data: bytes, kind: type[T]) -> T:
    """Return what MessagePack says, as a type. Raises `msgspec.DecodeError`."""
    decoder_of(kind)  # The type is prepared with it.
    return msgspec.msgpack.decode(data, type=kind)
