"""The queue whose messages drive the jobs: a message comes back when its job is due.

`JobQueue` states the contract; `azure_queues` keeps it on Azure Storage and Azurite, `memory_queue` in tests.
"""

from typing import NamedTuple, Protocol

from ..core.jobs import JobMessage

LONGEST_DELAY_S = 7 * 24 * 3600 - 60
"""A message can be hidden for seven days at most (Put Message, read 2026-11)."""

NEVER = -1
"""Time to live of a message: without it, messages are dropped after seven days and their jobs with them."""


class Receipt(NamedTuple):
    """What it takes to change a message that was sent, until somebody receives it."""

    message_id: str
    pop_receipt: str


class JobQueue(Protocol):
    """The job queue. Delays are in seconds; a delay of 0 makes a message visible at once."""

    def send(self, message: JobMessage, delay_s: float, ttl_s: float | None = None) -> Receipt:
        """Put a message on the queue that becomes visible after `delay_s`, and expires after `ttl_s` or never."""

    def resend(self, receipt: Receipt, message: JobMessage, delay_s: float) -> Receipt:
        """Replace a message that nobody has received yet; send it anew where somebody has."""

    def discard(self, receipt: Receipt) -> None:
        """Delete a message that was sent in vain, unless somebody has received it."""
