"""A job queue in memory; the twin of `functions.storage.job_queue.AzureJobQueue`, with a receiving end."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from ..core.jobs import JobMessage
from .job_queue import Receipt


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message, when it can be seen, and how often it was received."""

    id: str
    text: str
    visible: datetime
    dequeue_count: int = 0
    pop_receipt: str = ""
    expires: datetime | None = None
    """When it vanishes, received or not; None where it never does."""


class MemoryQueue:
    """Keeps `functions.storage.job_queue.JobQueue` in a dictionary; safe to share between threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._messages: dict[str, QueuedMessage] = {}
        self._numbers = count(1)
        self._clock = clock
        self._lock = threading.Lock()

    def send(self, message: JobMessage, delay_s: float, ttl_s: float | None = None) -> Receipt:
        return self.put(message.encode(), delay_s, ttl_s)

    def resend(self, receipt: Receipt, message: JobMessage, delay_s: float) -> Receipt:
        with self._lock:
            present = self._present().get(receipt.message_id)
            if present and present.pop_receipt == receipt.pop_receipt:
                visible = self._clock() + timedelta(seconds=delay_s)
                changed = self._change(present, text=message.encode(), visible=visible)
                return Receipt(changed.id, changed.pop_receipt)
        return self.send(message, delay_s)

    def discard(self, receipt: Receipt) -> None:
        with self._lock:
            present = self._messages.get(receipt.message_id)
            if present and present.pop_receipt == receipt.pop_receipt:
                del self._messages[receipt.message_id]

    def hide(self, receipt: Receipt, delay_s: float) -> Receipt | None:
        with self._lock:
            present = self._present().get(receipt.message_id)
            if not present or present.pop_receipt != receipt.pop_receipt:
                return None
            changed = self._change(present, visible=self._clock() + timedelta(seconds=delay_s))
            return Receipt(changed.id, changed.pop_receipt)

    # --- The receiving end, which the host has in production ---

    def put(self, text: str, delay_s: float = 0, ttl_s: float | None = None) -> Receipt:
        """Put any text on the queue."""
        with self._lock:
            number, now = next(self._numbers), self._clock()
            visible = now + timedelta(seconds=max(0.0, delay_s))
            expires = None if ttl_s is None else now + timedelta(seconds=ttl_s)
            message = QueuedMessage(f"m{number}", text, visible, pop_receipt=f"r{number}", expires=expires)
            self._messages[message.id] = message
            return Receipt(message.id, message.pop_receipt)

    def receive(self, hidden_s: float = 600) -> QueuedMessage | None:
        """Return the visible message that has waited longest, and hide it; None where there is none."""
        with self._lock:
            visible = [message for message in self._present().values() if message.visible <= self._clock()]
            if not visible:
                return None
            message = min(visible, key=lambda message: (message.visible, message.id))
            hidden_until = self._clock() + timedelta(seconds=hidden_s)
            return self._change(message, visible=hidden_until, dequeue_count=message.dequeue_count + 1)

    def delete(self, message: QueuedMessage) -> None:
        """Delete a received message, unless somebody else has received it since."""
        with self._lock:
            present = self._present().get(message.id)
            if present and present.pop_receipt == message.pop_receipt:
                del self._messages[message.id]

    def release(self, message: QueuedMessage, delay_s: float = 0) -> None:
        """Make a received message visible again, after a failure."""
        with self._lock:
            present = self._present().get(message.id)
            if present and present.pop_receipt == message.pop_receipt:
                self._change(present, visible=self._clock() + timedelta(seconds=delay_s))

    @property
    def messages(self) -> list[QueuedMessage]:
        """Every message, hidden ones too, in the order in which they become visible."""
        with self._lock:
            return sorted(self._present().values(), key=lambda message: (message.visible, message.id))

    def _present(self) -> dict[str, QueuedMessage]:
        """Return the messages after dropping those that have expired."""
        now = self._clock()
        for message in [one for one in self._messages.values() if one.expires and one.expires <= now]:
            del self._messages[message.id]
        return self._messages

    def _change(self, message: QueuedMessage, **changes: object) -> QueuedMessage:
        changed = replace(message, pop_receipt=f"r{next(self._numbers)}", **changes)  # type: ignore[arg-type]
        self._messages[message.id] = changed
        return changed
