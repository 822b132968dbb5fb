"""Decodes bytes some of which are damaged: each fault becomes U+FFFD, and where the faults are is known."""

import codecs
import threading
from typing import NamedTuple


class Damage(NamedTuple):
    """One fault: the bytes from `start` to `end` are no character."""

    start: int
    end: int


_HANDLER = "entitydrop.replace"
_found = threading.local()


class _TooMuchError(Exception):
    """There are more faults than the caller allows."""


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - the handler is used for decoding only
    _found.damages.append(Damage(error.start, error.end))
    if len(_found.damages) > _found.limit:
        raise _TooMuchError
    return "\ufffd", error.end


# Python looks error handlers up by name, for the whole process; what this one finds is kept for each thread.
codecs.register_error(_HANDLER, _replace)


def decode_damaged(data: bytes, encoding: str, limit: int | None = None) -> tuple[str, list[Damage]] | None:
    """Return the text as Python's error policy `replace` gives it, and the faults; None where they exceed `limit`."""
    _found.damages, _found.limit = [], len(data) if limit is None else limit
    try:
        return data.decode(encoding, _HANDLER), _found.damages
    except _TooMuchError:
        return None
    finally:
        del _found.damages


def without(data: bytes, damages: list[Damage]) -> bytes:
    """Return `data` without its faulty bytes."""
    kept, last = [], 0
    for damage in damages:
        kept.append(data[last : damage.start])
        last = damage.end
    return b"".join([*kept, data[last:]])


def places_of(data: bytes, encoding: str, damages: list[Damage], first: int) -> list[int]:
    """Return where in the text the `first` faults stand, in code points.

    In an encoding with a shift state the places are exact only before the first fault.
    """
    places, last, characters = [], 0, 0
    for damage in damages[:first]:
        characters += len(data[last : damage.start].decode(encoding, "replace"))
        places.append(characters)
        characters, last = characters + 1, damage.end
    return places
