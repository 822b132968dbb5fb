"""A lock on a file, which the system releases even if the program that holds it is killed."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_POLL_S = 0.1


class LockedError(RuntimeError):
    """Another process holds the lock."""


@contextlib.contextmanager
def file_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on ``path``, which is created where it is missing and never removed.

    With ``wait`` the lock is waited for without a limit; without, ``LockedError`` is raised if somebody holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        while not _try_lock(file):
            if not wait:
                raise LockedError(f"Another process holds the lock {path}.")
            time.sleep(_POLL_S)
        yield  # closing the file releases the lock


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(0)  # msvcrt locks from the current position on
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
