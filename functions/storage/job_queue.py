"""The queue whose messages drive the jobs: a message comes back when its job is due."""

import logging
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from ..core.jobs import JobMessage
from ..redaction import redacted_errors

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

logger = logging.getLogger(__name__)

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


class AzureJobQueue:
    """The job queue on Azure Storage, or on an emulator of it; created when the first message is sent."""

    def __init__(self, client: "QueueClient") -> None:
        # The client carries the base64 policy: it is what the host's queue trigger expects.
        self._client = client

    def send(self, message: JobMessage, delay_s: float, ttl_s: float | None = None) -> Receipt:
        """See `JobQueue.send`."""
        time_to_live = NEVER if ttl_s is None else max(1, round(ttl_s))

        @redacted_errors()
        def put() -> Any:
            return self._client.send_message(
                message.encode(), visibility_timeout=_whole_seconds(delay_s), time_to_live=time_to_live
            )

        try:
            sent = put()
        except ResourceNotFoundError:
            self._create()
            sent = put()
        return Receipt(str(sent.id), str(sent.pop_receipt))

    def resend(self, receipt: Receipt, message: JobMessage, delay_s: float) -> Receipt:
        """See `JobQueue.resend`."""
        try:
            with redacted_errors():
                updated = self._client.update_message(
                    receipt.message_id,
                    receipt.pop_receipt,
                    content=message.encode(),
                    visibility_timeout=_whole_seconds(delay_s),
                )
        except HttpResponseError as error:
            # It became visible meanwhile and somebody has it (400 PopReceiptMismatch) or is done with it (404):
            # theirs is out of date once the record is saved.
            if error.status_code not in (400, 404):
                raise
            return self.send(message, delay_s)
        return Receipt(str(updated.id), str(updated.pop_receipt))

    def discard(self, receipt: Receipt) -> None:
        """See `JobQueue.discard`."""
        try:
            with redacted_errors():
                self._client.delete_message(receipt.message_id, receipt.pop_receipt)
        except HttpResponseError as error:
            if error.status_code not in (400, 404):
                raise

    def _create(self) -> None:
        try:
            self._client.create_queue()
        except ResourceExistsError:
            logger.debug("Another worker created queue %s first.", self._client.queue_name)


def _whole_seconds(delay_s: float) -> int:
    return max(0, min(LONGEST_DELAY_S, round(delay_s)))
