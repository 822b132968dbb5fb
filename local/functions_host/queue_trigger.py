"""Queues: how they are polled, how messages are kept hidden, and what becomes of a message after its run.

Rules: azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage, `QueueListener`, `QueueProcessor` and
`RandomizedExponentialBackoffStrategy` (read 2024).
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import random
import re
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from azure.functions.meta import Datum

from local.functions_host.errors import StorageError
from local.functions_host.host_json import QueueOptions
from local.functions_host.storage import Queue, QueueMessage

logger = logging.getLogger(__name__)

MIN_POLL_S = 0.1
GATHER_S = 0.05
"""The pause after a poll that found messages, but less than a batch.

The real host asks again at once. In a burst that would mean a request for nearly every message, and requests are what
the emulator is short of.
"""

MESSAGE_LEASE_S = 600.0
"""How long the real host hides a message, renewed at half time for as long as the function runs."""

_POISON_SUFFIX = "-poison"


@dataclass(frozen=True, slots=True)
class Backoff:
    """The growing pause between polls that find nothing.

    The first empty poll after a found message waits `minimum_s`, then
    `minimum_s + U(0.8, 1.2) · 2^(exponent-1) · 0.1 s` with a growing exponent, and `maximum_s` once that is reached.
    """

    maximum_s: float
    minimum_s: float = MIN_POLL_S
    exponent: int = 0
    delay_s: float = 0.0

    def after_found(self) -> Backoff:
        """Return the state after a poll that found messages: no pause, the next empty poll starts from the minimum."""
        return replace(self, exponent=0, delay_s=0.0)

    def after_empty(self, jitter: float) -> Backoff:
        """Return the state after an empty or failed poll; `jitter` is a number from 0.8 to 1.2."""
        if self.delay_s >= self.maximum_s:
            return self
        grown = jitter * 2 ** (self.exponent - 1) * 0.1 if self.exponent else 0.0
        return replace(self, exponent=self.exponent + 1, delay_s=min(self.maximum_s, self.minimum_s + grown))


def next_renewal_s(lease_s: float, previous_s: float, renewed: bool) -> float:
    """Return the seconds until a running message's hidden time is renewed again.

    Half the lease after a success; half the previous delay after a failure, but not below a tenth of the lease
    (one minute of the real host's ten).
    """
    return lease_s / 2 if renewed else max(lease_s / 10, previous_s / 2)


def poison_queue_name(queue: str) -> str | None:
    """Return the name of a queue's poison queue, or None where the real host has none."""
    name = queue + _POISON_SUFFIX
    return None if queue.endswith(_POISON_SUFFIX) or len(name) > 63 else name


def is_queue_name(name: str) -> bool:
    """Tell whether storage accepts the name: 3 to 63 lower-case letters, digits and single dashes inside."""
    return 3 <= len(name) <= 63 and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) is not None


def decode_text(text: str, base64_encoded: bool) -> str:
    """Return a message's text as the function sees it; raises `ValueError` when it is not the base64 it should be.

    Bytes that are not UTF-8 become replacement characters, as in .NET.
    """
    if not base64_encoded:
        return text
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", errors="replace")
    except binascii.Error as exc:
        raise ValueError(
            "the message is not base64; send it encoded, or set queues.messageEncoding to 'none' in host.json"
        ) from exc


def encode_text(text: str) -> str:
    """Return the text as base64 of its UTF-8 bytes."""
    return base64.b64encode(text.encode()).decode()


def queue_metadata(message: QueueMessage, text: str) -> dict[str, Datum]:
    """Return the trigger metadata of a queue function.

    The real host's trap is kept: when the body is a JSON object, its simple and object members replace metadata of the
    same name, whatever the case: a body with "id" changes `QueueMessage.id`.
    """
    metadata = {
        "QueueTrigger": Datum(text, "string"),
        "DequeueCount": Datum(str(message.dequeue_count), "json"),
        "ExpirationTime": Datum(json.dumps(message.expires.isoformat()), "json"),
        "Id": Datum(message.id, "string"),
        "InsertionTime": Datum(json.dumps(message.inserted.isoformat()), "json"),
        "NextVisibleTime": Datum(json.dumps(message.next_visible.isoformat()), "json"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
    }
    names = {name.lower(): name for name in metadata}
    for member, value in _body_members(text).items():
        if value is None or isinstance(value, list):
            continue
        name = names.setdefault(member.lower(), member)
        metadata[name] = (
            Datum(json.dumps(value), "json") if isinstance(value, dict) else Datum(_simple_text(value), "string")
        )
    return metadata


def _body_members(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _simple_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Handler(Protocol):
    """What a listener does with a message."""

    def run(self, message: QueueMessage) -> None:
        """Process the message; an exception counts as a failed run."""

    def poison_queue(self, message: QueueMessage) -> Queue | None:
        """Return where the message goes after too many failures; None leaves it hidden until its time lapses."""


@dataclass(slots=True)
class _InFlight:
    """A message in work. The lock keeps a renewal from changing the pop receipt while the message is settled."""

    message: QueueMessage
    renew_at: float
    delay_s: float
    settled: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class QueueListener:
    """Polls one queue and runs its messages, at most `options.concurrency` at a time."""

    def __init__(self, queue: Queue, options: QueueOptions, handler: Handler, lease_s: float = MESSAGE_LEASE_S) -> None:
        self.queue = queue
        self._options = options
        self._handler = handler
        self._lease_s = lease_s
        self._pool = ThreadPoolExecutor(options.concurrency, thread_name_prefix=f"queue-{queue.name}")
        self._in_flight: dict[int, _InFlight] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._is_notified = False
        self._threads = [
            threading.Thread(target=self._poll_until_stopped, name=f"poll-{queue.name}", daemon=True),
            threading.Thread(target=self._renew_until_idle, name=f"renew-{queue.name}", daemon=True),
        ]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def notify(self) -> None:
        """End the pause between polls: this process has just put a message on the queue."""
        with self._changed:
            self._is_notified = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Poll no more; messages in work go on."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until every message in work is settled; call `stop` first."""
        for thread in self._threads:
            thread.join()
        self._pool.shutdown()

    @property
    def in_flight(self) -> int:
        """How many messages are in work."""
        return len(self._in_flight)

    def _poll_until_stopped(self) -> None:
        backoff = Backoff(self._options.max_polling_interval_s)
        while not self._stopping.is_set():
            found = self._poll()
            backoff = backoff.after_found() if found else backoff.after_empty(random.uniform(0.8, 1.2))
            if 0 < found < self._options.batch_size:
                self._stopping.wait(GATHER_S)
            with self._changed:
                if not found and not self._is_notified and not self._stopping.is_set():
                    self._changed.wait(backoff.delay_s)
                self._changed.wait_for(
                    lambda: self._stopping.is_set() or self.in_flight <= self._options.new_batch_threshold
                )

    def _poll(self) -> int:
        # Reset before asking: a notification that comes while the answer is under way must not be lost.
        self._is_notified = False
        try:
            messages = self.queue.receive(self._options.batch_size, self._lease_s)
        except StorageError as exc:
            if not exc.is_missing:
                logger.warning("Queue '%s' cannot be read, trying again: %s", self.queue.name, exc)
            return 0
        for message in messages:
            delay = next_renewal_s(self._lease_s, 0.0, renewed=True)
            entry = _InFlight(message, time.monotonic() + delay, delay)
            with self._changed:
                self._in_flight[id(entry)] = entry
            self._pool.submit(self._process, entry).add_done_callback(_log_surprise)
        return len(messages)

    def _process(self, entry: _InFlight) -> None:
        try:
            failed = not self._run(entry.message)
            with entry.lock:
                entry.settled = True
                self._settle(entry.message, failed)
        finally:
            with self._changed:
                del self._in_flight[id(entry)]
                self._changed.notify_all()

    def _run(self, message: QueueMessage) -> bool:
        if message.dequeue_count > self._options.max_dequeue_count and self._handler.poison_queue(message):
            return False
        try:
            self._handler.run(message)
        except Exception as exc:
            logger.warning(
                "Message %s of queue '%s' failed, attempt %d of %d: %s",
                message.id,
                self.queue.name,
                message.dequeue_count,
                self._options.max_dequeue_count,
                exc,
            )
            return False
        return True

    def _settle(self, message: QueueMessage, failed: bool) -> None:
        try:
            if not failed:
                self.queue.delete(message)
            elif poison := self._handler.poison_queue(message):
                self._release_or_poison(message, poison)
        except StorageError as exc:
            if _is_lost(exc):
                return  # The function, or another host, has changed the message: it is not ours to settle any more.
            # Nothing is lost: the message shows again when its hidden time lapses.
            logger.warning("Message %s of queue '%s' could not be settled: %s", message.id, self.queue.name, exc)

    def _release_or_poison(self, message: QueueMessage, poison: Queue) -> None:
        if message.dequeue_count < self._options.max_dequeue_count:
            self.queue.hide(message, self._options.visibility_timeout_s)
            if not self._options.visibility_timeout_s:
                self.notify()
            return
        # Copy first, delete second: a crash between the two doubles the message instead of losing it.
        poison.put_creating(message.text)
        self.queue.delete(message)
        logger.error(
            "Message %s of queue '%s' went to '%s' after %d attempts.",
            message.id,
            self.queue.name,
            poison.name,
            message.dequeue_count,
        )

    def _renew_until_idle(self) -> None:
        while True:
            with self._changed:
                if self._stopping.is_set() and not self._in_flight:
                    return
                due = min((entry.renew_at for entry in self._in_flight.values()), default=None)
                # Messages that arrive later are due later; only the wait for the first one has to be interrupted.
                pause = self._lease_s / 4 if due is None else max(0.0, due - time.monotonic())
                if pause:
                    self._changed.wait(min(pause, self._lease_s / 4))
                now = time.monotonic()
                entries = [entry for entry in self._in_flight.values() if entry.renew_at <= now]
            for entry in entries:
                self._renew(entry)

    def _renew(self, entry: _InFlight) -> None:
        with entry.lock:
            if entry.settled:
                return
            try:
                self.queue.hide(entry.message, self._lease_s)
                entry.delay_s = next_renewal_s(self._lease_s, entry.delay_s, renewed=True)
            except StorageError as exc:
                # Gone or in other hands: there is nothing left to renew, and the run is not interrupted.
                is_lost = _is_lost(exc)
                level = logging.DEBUG if is_lost else logging.WARNING
                logger.log(
                    level, "Message %s of queue '%s' was not renewed: %s", entry.message.id, self.queue.name, exc
                )
                entry.delay_s = float("inf") if is_lost else next_renewal_s(self._lease_s, entry.delay_s, renewed=False)
            entry.renew_at = time.monotonic() + entry.delay_s


def _is_lost(error: StorageError) -> bool:
    """Tell whether a message could not be changed because it is gone, or somebody else has changed it since."""
    return error.is_missing or error.code == "PopReceiptMismatch"


def _log_surprise(future: Future[None]) -> None:
    if error := future.exception():
        logger.error("A message could not be processed.", exc_info=error)
