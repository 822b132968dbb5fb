"""Queues of Azure Storage, or of an emulator of it; each is created when the first message is sent."""

import logging
import math
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from ..core.jobs import JobMessage
from ..redaction import redacted_errors
from .job_queue import LONGEST_DELAY_S, NEVER, Receipt

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

logger = logging.getLogger(__name__)

EXACT_UP_TO_S = 10
"""Up to here a delay is rounded to the nearest second, so that on average a poll comes neither early nor late. A longer
one is rounded up: who comes early to an appointment is sent away again."""


HIDE_TIMEOUT_S = 5
"""For connecting, and for each wait for an answer."""


class AzureJobQueue:
    """The job queue."""

    def __init__(self, client: "QueueClient") -> None:
        # The client carries the base64 policy: it is what the host's queue trigger expects.
        self._client = client

    def send(self, message: JobMessage, delay_s: float, ttl_s: float | None = None) -> Receipt:
        time_to_live = NEVER if ttl_s is None else max(1, round(ttl_s))

        @redacted_errors()
        def put() -> Any:
            return self._client.send_message(
                message.encode(), visibility_timeout=_whole_seconds(delay_s), time_to_live=time_to_live
            )

        try:
            sent = put()
        except ResourceNotFoundError:
            _create(self._client)
            sent = put()
        return Receipt(str(sent.id), str(sent.pop_receipt))

    def resend(self, receipt: Receipt, message: JobMessage, delay_s: float) -> Receipt:
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
        try:
            with redacted_errors():
                self._client.delete_message(receipt.message_id, receipt.pop_receipt)
        except HttpResponseError as error:
            if error.status_code not in (400, 404):
                raise

    def hide(self, receipt: Receipt, delay_s: float) -> Receipt | None:
        # Tried once: who asks has a step to do, and would be held up by it.
        try:
            with redacted_errors():
                updated = self._client.update_message(
                    receipt.message_id,
                    receipt.pop_receipt,
                    visibility_timeout=_whole_seconds(delay_s),
                    retry_total=0,
                    connection_timeout=HIDE_TIMEOUT_S,
                    read_timeout=HIDE_TIMEOUT_S,
                )
        except HttpResponseError as error:
            if error.status_code not in (400, 404):
                raise
            return None
        return Receipt(str(updated.id), str(updated.pop_receipt))


class AzureTextQueue:
    """A queue of texts."""

    def __init__(self, client: "QueueClient") -> None:
        # The client carries the base64 policy, as the host's queue triggers do: the text is stored as it was.
        self._client = client

    def put(self, text: str, delay_s: float, ttl_s: float | None = None) -> None:

        def send() -> None:
            time_to_live = NEVER if ttl_s is None else max(1, round(ttl_s))
            self._client.send_message(text, visibility_timeout=_whole_seconds(delay_s), time_to_live=time_to_live)

        try:
            send()
        except ResourceNotFoundError:
            _create(self._client)
            send()


def queue_length(client: "QueueClient") -> int | None:
    """Return about how many messages a queue has, hidden ones included; None where there is no such queue."""
    try:
        with redacted_errors():
            return int(client.get_queue_properties().approximate_message_count or 0)
    except ResourceNotFoundError:
        return None


def _create(client: "QueueClient") -> None:
    try:
        client.create_queue()
    except ResourceExistsError:
        logger.debug("Another worker created queue %s first.", client.queue_name)


def _whole_seconds(delay_s: float) -> int:
    seconds = round(delay_s) if delay_s <= EXACT_UP_TO_S else math.ceil(delay_s)
    return max(0, min(LONGEST_DELAY_S, seconds))
