"""Keeps the messages of steps hidden for a short time, so that a job whose worker dies is soon taken up by another.

The host hides a message that it gives to a run for ten minutes, and renews that while the run lasts. A step changes
this to `TAKEOVER_S` and renews it itself; a worker that has died renews nothing, and the message comes to another one.
There is no second message. What the host does later with a message that we have changed, it does with a pop receipt
that is not valid any more, which it ignores (`QueueProcessor` of the storage extension, read 2024): so a step that is
done deletes its message, and one that fails leaves it to come back by itself.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..core.time_limits import RENEWAL_S, TAKEOVER_S
from ..storage.job_queue import JobQueue, Receipt, Received

logger = logging.getLogger(__name__)

MAX_DEQUEUE_COUNT = 5
"""How often a message is given to a run before the host moves it to the poison queue (`maxDequeueCount` of
host.json)."""

StartTimer = Callable[[float, Callable[[], None]], Callable[[], None]]
"""Calls a function once, after so many seconds, in a thread of its own; returns what cancels that."""


def start_timer(delay_s: float, act: Callable[[], None]) -> Callable[[], None]:
    """See `StartTimer`."""
    timer = threading.Timer(delay_s, act)
    timer.daemon = True
    timer.start()
    return timer.cancel


class Holds:
    """Keeps messages hidden while their steps last; safe to share between threads."""

    def __init__(self, queue: JobQueue, start_timer: StartTimer = start_timer) -> None:
        self._queue = queue
        self._start_timer = start_timer

    @contextmanager
    def held(self, received: Received | None) -> Iterator["Hold"]:
        """Keep a message hidden for what is done within; delete it then, unless that has raised.

        Without `received`, and where the storage does not allow it, the message stays as the host has it. So it does
        when it is received for the last time: only the host can move it to the poison queue, and a step that has killed
        so many workers is not begun again at once.
        """
        hold = Hold(self._queue, self._start_timer, received)
        if received and received.dequeue_count < MAX_DEQUEUE_COUNT:
            hold.begin()
        try:
            yield hold
        except BaseException:
            hold.end()
            raise
        hold.end()
        hold.delete()


class Hold:
    """A message in work. The lock keeps a renewal from changing the pop receipt while the message is deleted."""

    def __init__(self, queue: JobQueue, start_timer: StartTimer, received: Received | None) -> None:
        self._queue = queue
        self._start_timer = start_timer
        self._receipt = received.receipt if received else Receipt("", "")
        self._is_ours = False
        """Whether the pop receipt is one that the host does not have."""
        self._is_over = False
        self._cancel: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Hide the message for a short time, and once more again and again."""
        with self._lock:
            try:
                changed = self._queue.hide(self._receipt, TAKEOVER_S)
            except Exception as error:
                # The storage may have done it nevertheless: then it comes back after the short time, and what is done
                # twice is found out as when the host gives out a message twice.
                logger.debug("A message in work stays hidden as it is: %s", type(error).__name__)
                return
            if changed:
                self._receipt, self._is_ours = changed, True
                self._cancel = self._start_timer(RENEWAL_S, self._renew)

    def _renew(self) -> None:
        with self._lock:
            if self._is_over:
                return
            try:
                changed = self._queue.hide(self._receipt, TAKEOVER_S)
            except Exception as error:
                logger.debug("A message in work was not hidden anew: %s", type(error).__name__)
            else:
                if changed is None:
                    self._is_ours = False  # Somebody else has it.
                    return
                self._receipt = changed
            self._cancel = self._start_timer(RENEWAL_S, self._renew)

    def end(self) -> None:
        """Renew nothing any more: the message comes back after what is left of its time."""
        with self._lock:
            self._is_over = True
            if self._cancel:
                self._cancel()

    def postpone(self, delay_s: float) -> bool:
        """Let the message itself come back after a time, instead of another one; return whether it will."""
        with self._lock:
            if not self._is_ours:
                return False
            try:
                changed = self._queue.hide(self._receipt, delay_s)
            except Exception as error:
                logger.debug("A message in work was not postponed: %s", type(error).__name__)
                return False
            # It is not to be deleted; and one that is gone has somebody else.
            self._is_ours, self._is_over = False, True
            if self._cancel:
                self._cancel()
            return changed is not None

    def delete(self) -> None:
        """Delete the message; one that stays comes back, and is out of date then."""
        if not self._is_ours:
            return
        try:
            self._queue.discard(self._receipt)
        except Exception as error:
            logger.debug("A message was not deleted: %s", type(error).__name__)
