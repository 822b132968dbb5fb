"""Answers that may be a moment old, so that many who ask cost no more than one."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """What `read` returns, read again once it is older than `age`; one thread reads while others wait for it."""

    def __init__(self, read: Callable[[], T], clock: Callable[[], datetime], age: timedelta) -> None:
        self._read, self._clock, self._age = read, clock, age
        self._known: tuple[datetime, T] | None = None
        self._lock = threading.Lock()

    def read(self) -> T:
        """Return it. Raises what reading it raises."""
        with self._lock:
            now = self._clock()
            if self._known is None or not timedelta() <= now - self._known[0] < self._age:
                found = self._read()
                # From when it was read on: where that takes long, nobody reads it again and again.
                self._known = self._clock(), found
            return self._known[1]
