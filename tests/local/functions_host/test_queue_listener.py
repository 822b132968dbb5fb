"""The listener on a real queue: renewal, release, poison, and the number of messages in work."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from local.functions_host.host_json import QueueOptions
from local.functions_host.queue_trigger import QueueListener
from local.functions_host.storage import Queue, QueueMessage, StorageAccount
from tests.local.functions_host.stage import wait_until

OPTIONS = QueueOptions(batch_size=4, new_batch_threshold=2, max_dequeue_count=3, max_polling_interval_s=0.2)


class Handler:
    """Calls a function for each message and keeps what came."""

    def __init__(self, act: Callable[[QueueMessage], None], poison: Queue | None = None) -> None:
        self.messages: list[QueueMessage] = []
        self.counts: list[int] = []
        self._act = act
        self._poison = poison

    def run(self, message: QueueMessage) -> None:
        self.messages.append(message)
        self.counts.append(message.dequeue_count)
        self._act(message)

    def poison_queue(self, message: QueueMessage) -> Queue | None:
        return self._poison


def fail(message: QueueMessage) -> None:
    raise RuntimeError("meant to fail")


@pytest.fixture
def queue(account: StorageAccount) -> Queue:
    made = account.queue(f"q-{uuid.uuid4().hex[:12]}")
    made.create()
    return made


@pytest.fixture
def listen(queue: Queue) -> Iterator[Callable[..., QueueListener]]:
    listeners: list[QueueListener] = []

    def start(handler: Handler, options: QueueOptions = OPTIONS, lease_s: float = 600) -> QueueListener:
        listeners.append(QueueListener(queue, options, handler, lease_s))
        listeners[-1].start()
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.stop()
        listener.join()


Listen = Callable[..., QueueListener]


def test_processed_message_is_deleted(queue: Queue, listen: Listen) -> None:
    handler = Handler(lambda message: None)
    listen(handler)
    queue.put("one")

    wait_until(lambda: handler.messages and queue.length() == 0, "the message is gone")
    assert [message.text for message in handler.messages] == ["one"]


def test_running_message_stays_hidden(queue: Queue, listen: Listen) -> None:
    release = threading.Event()
    handler = Handler(lambda message: release.wait(120) and None)
    listener = listen(handler, lease_s=2)
    queue.put("long")
    receipts: set[str] = set()

    def renewals() -> int:
        receipts.update(message.pop_receipt for message in handler.messages)
        return len(receipts) - 1

    # Three renewals at half time are one and a half leases: without them the message would have come again.
    wait_until(lambda: renewals() >= 3, "three renewals")
    release.set()
    listener.stop()
    listener.join()

    assert handler.counts == [1]
    assert queue.length() == 0


def test_failing_message_is_retried_then_poisoned(account: StorageAccount, queue: Queue, listen: Listen) -> None:
    """It is retried at once, and moved unchanged."""
    poison = account.queue(f"{queue.name}-poison")
    handler = Handler(fail, poison)
    listen(handler)
    queue.put("bad")

    (moved,) = wait_until(lambda: poison_messages(poison), "a poison message")
    wait_until(lambda: queue.length() == 0, "the message is gone")

    assert handler.counts == [1, 2, 3]
    assert (moved.text, moved.dequeue_count) == ("bad", 1)
    assert moved.id != handler.messages[0].id


def poison_messages(poison: Queue) -> list[QueueMessage]:
    try:
        return poison.receive(32, 60)
    except Exception:
        return []


def test_exhausted_message_is_poisoned_unrun(account: StorageAccount, queue: Queue, listen: Listen) -> None:
    """One that was received too often elsewhere."""
    queue.put("tired")
    for _ in range(3):
        (message,) = queue.receive(1, 60)
        queue.hide(message, 0)
    poison = account.queue(f"{queue.name}-poison")
    handler = Handler(lambda message: None, poison)
    listen(handler)

    (moved,) = wait_until(lambda: poison_messages(poison), "a poison message")

    assert moved.text == "tired"
    assert handler.messages == []


def test_failed_message_stays_hidden(queue: Queue, listen: Listen) -> None:
    """Where there is no poison queue, until its time is over."""
    handler = Handler(fail)
    listener = listen(handler)
    queue.put("bad")

    wait_until(lambda: handler.messages and listener.in_flight == 0, "one failed run")

    assert queue.length() == 1
    assert queue.receive(1, 1) == []
    assert handler.counts == [1]


def own_message(message: QueueMessage) -> QueueMessage:
    """Return a message as the function has it, whose changes the host does not see."""
    return replace(message)


def test_function_may_delete_its_message(queue: Queue, listen: Listen, caplog: pytest.LogCaptureFixture) -> None:
    def act(message: QueueMessage) -> None:
        own = own_message(message)
        queue.hide(own, 60)
        queue.delete(own)

    handler = Handler(act)
    listener = listen(handler)
    queue.put("one")

    wait_until(lambda: handler.messages and listener.in_flight == 0, "the run")
    assert queue.length() == 0
    assert caplog.records == []


@pytest.mark.parametrize("act", [lambda message: None, fail], ids=["done", "failed"])
def test_changed_message_keeps_its_time(
    account: StorageAccount,
    queue: Queue,
    listen: Listen,
    act: Callable[[QueueMessage], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The host neither deletes it nor gives it back: what it knows of it is out of date."""

    def change(message: QueueMessage) -> None:
        queue.hide(own_message(message), 3600)
        act(message)

    handler = Handler(change, account.queue(f"{queue.name}-poison"))
    listener = listen(handler)
    queue.put("one")

    wait_until(lambda: handler.messages and listener.in_flight == 0, "the run")
    assert queue.length() == 1
    assert queue.receive(1, 1) == []
    assert handler.counts == [1]
    assert not [record for record in caplog.records if "settled" in record.message]


def test_changed_message_is_not_renewed(queue: Queue, listen: Listen) -> None:
    """It comes again while its run goes on."""
    release = threading.Event()

    def act(message: QueueMessage) -> None:
        if message.dequeue_count == 1:
            queue.hide(own_message(message), 1)
            release.wait(120)

    handler = Handler(act)
    listen(handler, lease_s=4)
    queue.put("one")

    wait_until(lambda: handler.counts == [1, 2], "the second run")
    release.set()
    wait_until(lambda: queue.length() == 0, "the end")


def test_changed_poison_message_is_copied_twice(account: StorageAccount, queue: Queue, listen: Listen) -> None:
    """Copied, but not deleted after its last run; once it is visible again it is copied and deleted without one."""
    poison = account.queue(f"{queue.name}-poison")

    def act(message: QueueMessage) -> None:
        if message.dequeue_count == OPTIONS.max_dequeue_count:
            queue.hide(own_message(message), 1)
        fail(message)

    handler = Handler(act, poison)
    listen(handler)
    queue.put("bad")

    wait_until(lambda: handler.counts == [1, 2, 3] and queue.length() == 0, "the end")
    assert [message.text for message in poison_messages(poison)] == ["bad", "bad"]


def test_retry_waits_for_visibility_timeout(account: StorageAccount, queue: Queue, listen: Listen) -> None:
    options = QueueOptions(4, 2, max_dequeue_count=3, visibility_timeout_s=3600, max_polling_interval_s=0.2)
    handler = Handler(fail, account.queue(f"{queue.name}-poison"))
    listener = listen(handler, options)
    queue.put("bad")

    wait_until(lambda: handler.messages and listener.in_flight == 0, "one failed run")

    assert queue.receive(1, 1) == []
    assert queue.length() == 1


def test_messages_in_work_are_limited(queue: Queue, listen: Listen) -> None:
    release = threading.Event()
    handler = Handler(lambda message: release.wait(120) and None)
    for number in range(20):
        queue.put(str(number))
    listener = listen(handler)

    # A full first batch is above the threshold of two, so nothing more is fetched until two have ended.
    wait_until(lambda: len(handler.messages) == 4, "a batch in work")
    left = queue.receive(32, 1)
    release.set()

    assert len(left) == 16
    wait_until(lambda: len({message.text for message in handler.messages}) == 20, "every message")
    listener.stop()
    listener.join()


def test_later_queue_is_found(account: StorageAccount, queue: Queue) -> None:
    late = account.queue(f"late-{uuid.uuid4().hex[:12]}")
    handler = Handler(lambda message: None)
    listener = QueueListener(late, OPTIONS, handler)
    listener.start()
    late.create()
    late.put("first")

    wait_until(lambda: handler.messages, "the message")
    listener.stop()
    listener.join()


def test_stopping_waits_for_message_in_work(queue: Queue, listen: Listen) -> None:
    release = threading.Event()
    handler = Handler(lambda message: release.wait(120) and None)
    listener = listen(handler)
    queue.put("in work")
    wait_until(lambda: handler.messages, "the message in work")
    listener.stop()
    queue.put("left")
    joined = threading.Thread(target=listener.join)
    joined.start()

    assert joined.is_alive()
    release.set()
    joined.join(60)

    assert not joined.is_alive()
    assert [message.text for message in queue.receive(32, 1)] == ["left"]
    assert len(handler.messages) == 1
