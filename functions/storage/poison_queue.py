"""The host's poison queue for blob events, which every app with the same storage account shares.

Its name is fixed, so the messages of other apps land there too, and the queue trigger deletes what it was given. They
are put back: the same text, hidden for an hour, with the life that it had left.
"""

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

logger = logging.getLogger(__name__)

BLOB_POISON_QUEUE = "webjobs-blobtrigger-poison"
"""Where the host puts the message of a blob that failed; the name is fixed (Functions docs, blob trigger)."""

HIDDEN = timedelta(hours=1)
"""How long a message of another app is hidden from everybody after it was put back."""

LONGEST_LIFE = timedelta(days=7)
"""How long a message lives that does not say otherwise (Put Message, read 2026-11)."""


class TextQueue(Protocol):
    """A queue of texts."""

    def put(self, text: str, delay_s: float, ttl_s: float | None = None) -> Any:
        """Put a text on the queue that becomes visible after `delay_s`, and expires after `ttl_s` or never."""


class PoisonQueue:
    """Puts messages that are for others back on the poison queue; safe to share between threads.

    Messages do not multiply. A host that dies before it deletes a message which was put back delivers it once more; it
    is known by its text, while it is hidden, and not put back a second time. Where another worker gets it there are two
    for a while, of which one worker then drops one. And none lives longer than the first would have.
    """

    def __init__(self, queue: TextQueue) -> None:
        self._queue = queue
        self._hidden: dict[str, datetime] = {}
        self._logged: datetime | None = None
        self._since_logged = 0
        self._lock = threading.Lock()

    def put_back(self, text: str, now: datetime, expires: datetime | None, hidden: timedelta = HIDDEN) -> None:
        """Put a message back that is for somebody else, to come again after `hidden`.

        `expires` is when it vanishes, None where that is not known.
        """
        with self._lock:
            self._hidden = {known: until for known, until in self._hidden.items() if until > now}
            if text in self._hidden:
                return
        life = LONGEST_LIFE if expires is None else min(LONGEST_LIFE, _aware(expires) - now)
        if life <= timedelta(seconds=1):
            return
        hidden = min(hidden, life / 2)
        self._queue.put(text, hidden.total_seconds(), life.total_seconds())
        with self._lock:
            self._hidden[text] = now + hidden

    def count(self, now: datetime) -> int:
        """Count a message of another app; return how many there were since this returned any, once an hour, else 0."""
        with self._lock:
            self._since_logged += 1
            if self._logged and now - self._logged < HIDDEN:
                return 0
            counted, self._since_logged, self._logged = self._since_logged, 0, now
            return counted


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
