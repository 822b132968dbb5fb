"""A record in the state container that all instances change, each change a compare-and-set, by the storage's clock."""

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from ..core.records import Record
from ..core.storage_clock import StorageClock, observed
from ..errors import Changed, Missing
from .containers import Container
from .record_format import decode, encode

logger = logging.getLogger(__name__)

MAX_RACES = 10
"""Times that one change may lose against other instances."""

RACE_WAITS_S = (0.03, 2.0)
"""The first wait after a lost race and the longest; each is twice the one before, with jitter. An exchange takes a few
hundredths of a second, so most races are lost once."""

RETRY_S = 5.0
"""How long a record that could not be read or written is left alone: each try may take as long as a time-out."""

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Unreachable(Exception):
    """The record can not be read or written at present: leased, refused, damaged, of a newer release, or lost races."""


def resource_name(endpoint: str) -> str:
    """Return the part of a blob name that stands for a resource: its host, which is a name of its own.

    Its characters are those of a host and a port, but for brackets and colons.
    """
    host = urlsplit(endpoint).netloc.lower()
    return "".join(sign if sign.isalnum() or sign in ".-" else "_" for sign in host)


class SharedRecord(Generic[R]):
    """One record as a worker knows it; shared by all of its threads.

    The time that changes are given is the storage's, as all instances tell it from its replies; `monotonic` measures
    in between, and no instance's own clock matters.
    """

    def __init__(
        self,
        container: Container,
        name: str,
        empty: R,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self._container = container
        self._empty = empty
        self._monotonic = monotonic
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._record = empty
        self._etag: str | None = None
        self._read_at: float | None = None
        self._clock: StorageClock | None = None
        self._failed_at: float | None = None
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """Return the storage's time; this machine's, before the storage has told any."""
        return self._clock.now(self._monotonic()) if self._clock else datetime.now(UTC)

    def read(self, max_age_s: float) -> R:
        """Return the record, read at most `max_age_s` ago. Raises `Unreachable`."""
        with self._lock:
            if self._age_s() > max_age_s:
                self._guarded(self._load)
            return self._record

    def change(self, change: Callable[[R, datetime], tuple[R, T]]) -> T:
        """Change the record by compare-and-set, and return what the change returns beside it. Raises `Unreachable`.

        `change` is given the record and the storage's time; it is asked again where another instance was faster.
        """
        with self._lock:
            return self._guarded(lambda: self._change(change))

    def _change(self, change: Callable[[R, datetime], tuple[R, T]]) -> T:
        # What was read a moment ago is likely to be still the newest: then one request is enough.
        if self._age_s() > RACE_WAITS_S[0]:
            self._load()
        wait_s, longest_s = RACE_WAITS_S
        for _ in range(MAX_RACES):
            changed, result = change(self._record, self.now())
            if changed == self._record:
                return result
            try:
                self._etag = self._container.write(self.name, encode(changed), if_match=self._etag)
            except Changed:
                self._sleep(self._rng.uniform(0.5, 1.5) * wait_s)
                wait_s = min(longest_s, 2 * wait_s)
                self._load()
                continue
            self._record, self._read_at = changed, self._monotonic()
            return result
        raise Changed(self.name)

    def _load(self) -> None:
        sent = self._monotonic()
        try:
            blob = self._container.read(self.name)
        except Missing:
            self._create()
            sent = self._monotonic()
            blob = self._container.read(self.name)
        self._read_at = self._monotonic()
        if blob.told_at:
            self._clock = observed(self._clock, blob.told_at, sent, self._read_at)
        self._record, self._etag = decode(blob, type(self._empty)), blob.info.etag

    def _create(self) -> None:
        try:
            self._container.write(self.name, encode(self._empty), if_absent=True)
        except Changed:
            logger.debug("Another instance has created %s.", self.name)

    def _age_s(self) -> float:
        return float("inf") if self._read_at is None else self._monotonic() - self._read_at

    def _guarded(self, act: Callable[[], T]) -> T:
        """Do something, unless it has failed a moment ago; raise `Unreachable` where it fails."""
        if self._failed_at is not None and self._monotonic() - self._failed_at < RETRY_S:
            raise Unreachable(self.name)
        try:
            result = act()
        except Exception as error:
            if self._failed_at is None:
                logger.warning(
                    "The shared record %s can not be read or written: %s.",
                    self.name,
                    type(error).__name__,
                    extra={"action": "shared_record_unreachable", "blob": self.name},
                )
            self._failed_at, self._read_at = self._monotonic(), None
            raise Unreachable(self.name) from error
        if self._failed_at is not None:
            self._failed_at = None
            logger.warning(
                "The shared record %s can be read and written again.",
                self.name,
                extra={"action": "shared_record_reachable", "blob": self.name},
            )
        return result
