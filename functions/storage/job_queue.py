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
    """What it takes to change a message, until somebody receives it or changes it."""

    message_id: str
    pop_receipt: str


class Received(NamedTuple):
    """What the trigger knows of the message that it was given."""

    receipt: Receipt
    dequeue_count: int
    """How often it was received, this time included."""


class JobQueue(Protocol):
    """The job queue. Delays are in seconds; a delay of 0 makes a message visible at once."""

    def send(self, message: JobMessage, delay_s: float, ttl_s: float | None = None) -> Receipt:
        """Put a message on the queue that becomes visible after `delay_s`, and expires after `ttl_s` or never."""

    def resend(self, receipt: Receipt, message: JobMessage, delay_s: float) -> Receipt:
        """Replace a message that nobody has received yet; send it anew where somebody has."""

    def discard(self, receipt: Receipt) -> None:
        """Delete a message, unless somebody has received it since."""

    def hide(self, receipt: Receipt, delay_s: float) -> Receipt | None:
        """Make a message visible after `delay_s`, and not when it would have been.

        None where that can not be: it is gone, or somebody has received it since.
        """
