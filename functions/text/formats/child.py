"""The child process that reads files: it loads everything, gives up what it does not need, then answers frames.

One file after the other, on one thread. It ends when its standard input does. `runner.py` starts it and judges how it
ended.
"""

import gc
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from . import process_limits
from .extraction import Extracted, Limits, NotExtractable, Reason, over_limit
from .extractors import extract, load
from .frames import BUFFER_BYTES, read_frame, write_frame

_STATM = "/proc/self/statm"
_MAX_FILE_BYTES = 1 << 31


def main(memory_mb: int, seconds: float, limits: dict[str, int]) -> None:
    """Answer one file after the other until there are no more: `seconds` for each, and `limits` as in `Limits`."""
    answers = _own_output()
    files = open(0, "rb", BUFFER_BYTES, closefd=False)  # noqa: SIM115  # It is open for as long as the process.
    load()
    warm_up()
    # What is loaded stays, and is not to be looked through for garbage again and again.
    gc.collect()
    gc.freeze()
    memory_used = _memory_used()
    process_limits.apply(memory_mb)
    write_frame(answers, {"ready": True}, b"")
    allowed = Limits(**limits)
    while request := read_frame(files, _MAX_FILE_BYTES):
        _, data = request
        del request
        process_limits.allow_processor_seconds(seconds)
        answer, text = _answer(data, allowed, memory_mb)
        del data
        answer["memory_mb"] = memory_used()
        write_frame(answers, answer, text)


def _own_output() -> BinaryIO:
    """Take standard output away from everything else: a library that prints would break the frames."""
    answers = os.fdopen(os.dup(1), "wb", BUFFER_BYTES)
    os.dup2(2, 1)
    return answers


def warm_up() -> None:
    """Do once what reads from disk at first use: codecs, and the tables of the languages."""
    import codecs
    import contextlib
    import encodings
    import pkgutil

    for module in pkgutil.iter_modules(encodings.__path__):
        # Those of Windows are not there elsewhere.
        with contextlib.suppress(LookupError, ImportError):
            codecs.lookup(module.name)
    limits = Limits()
    for sample in _SAMPLES:
        with contextlib.suppress(NotExtractable):
            extract(sample, limits)


_SAMPLES = (
    "Zoë Müller schuldet 5.000 €, fällig am 12. Mai".encode("cp1252"),
    b"<html><p>x</p></html>",
    b"<?xml version='1.0'?><a>x</a>",
    b"From: a\nTo: b\nMessage-ID: <c>\nSubject: =?utf-8?q?x?=\nContent-Type: text/html; charset=x-none\n\n<p>x</p>",
    b"%PDF-1.4 damaged",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 damaged",
    b"PK\x05\x06" + bytes(18),
)


def _answer(data: bytes, limits: Limits, memory_mb: int) -> tuple[dict[str, Any], bytes]:
    """Return the frame of the text, or of the reason why there is none.

    Everything is caught: the readers raise more than their documentation says, some of it no `Exception`.
    """
    try:
        found = extract(data, limits)
        return _text_header(found), found.text.encode()
    except NotExtractable as error:
        return error_header(error), b""
    except MemoryError:
        return error_header(over_limit("memory", memory_mb)), b""
    except RecursionError:
        return error_header(over_limit("nesting", limits.nesting)), b""
    except BaseException as error:
        # Its message may contain parts of the document.
        return error_header(NotExtractable(Reason.DAMAGED, f"Its reader failed ({type(error).__name__}).")), b""


def _text_header(found: Extracted) -> dict[str, Any]:
    return {
        "format": found.format,
        "starts": found.locations.starts,
        "places": found.locations.places,
        "warnings": [(warning.code, warning.message) for warning in found.warnings],
        "unread_pages": found.unread_pages,
    }


def error_header(error: NotExtractable) -> dict[str, Any]:
    """Return the header that says why there is no text."""
    return {
        "reason": error.reason,
        "detail": error.detail,
        "limit": error.limit,
        "allowed": error.allowed,
        "scan": error.scan,
    }


def _memory_used() -> Callable[[], int]:
    """Return what tells the memory in use, in MB; the peak on macOS, 0 where the system does not tell."""
    if sys.platform == "linux":
        # Opened while files can be opened. The peak that Linux tells begins with that of the parent.
        file = os.open(_STATM, os.O_RDONLY)
        pages_per_mb = (1 << 20) // os.sysconf("SC_PAGE_SIZE")
        return lambda: int(os.pread(file, 100, 0).split()[1]) // pages_per_mb
    if sys.platform == "darwin":
        import resource

        return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
    return lambda: 0
