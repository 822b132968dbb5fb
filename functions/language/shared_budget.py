"""The request budget of one Language resource, shared by all instances of the app through a ledger in the storage.

What is decided is in `core.request_ledger`. Here it is read and written: one exchange books a send time, and a request
that was booked a while ago looks once more whether the service has asked for a pause meanwhile. While the ledger can
not be reached, each worker goes on with a small budget of its own.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from .. import problems
from ..core.request_ledger import (
    WINDOW_S,
    RequestLedger,
    book,
    charge,
    is_as_booked,
    pause_s,
    submission_cost,
    throttled,
    wait_s,
    with_first_poll,
)
from ..storage.shared_record import SharedRecord, Unreachable
from .budget import RequestBudget, RequestKind, Wait
from .poll_timer import PollTimer

FRESH_S = 1.0
"""How old the ledger may be by which a request is sent that was booked before: so soon is a pause seen by all."""

HOLD_S = 0.6
"""The longest wait for a send time that is waited for at once. A queue message costs more, and whole seconds."""

FALLBACK_REQUESTS_PER_MINUTE = 10
"""What each worker sends while the ledger can not be reached: half of it submissions, half of it polls."""

NO_FALLBACK_WAIT_S = 30.0
"""How soon a submission asks again that may not be sent without the ledger."""

T = TypeVar("T")


class SharedBudget:
    """Books a send time for each request in the ledger that all instances share; safe to share between threads.

    `may_fall_back` says whether documents may be submitted while the ledger can not be reached.
    """

    def __init__(
        self,
        ledger: SharedRecord[RequestLedger],
        requests_per_minute: int,
        poll_timer: PollTimer,
        now: datetime,
        *,
        may_fall_back: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.requests_per_minute = requests_per_minute
        self._ledger = ledger
        self._poll_timer = poll_timer
        self._may_fall_back = may_fall_back
        self._sleep = sleep
        # One for submissions and one for polls, so that neither takes what the other needs.
        each = min(requests_per_minute, FALLBACK_REQUESTS_PER_MINUTE) // 2 or 1
        self._alone = {is_poll: RequestBudget(each, now) for is_poll in (True, False)}
        self._sent_alone: list[tuple[datetime, int]] = []
        """When requests were sent that the ledger does not count yet, and how many each stands for."""
        self._lock = threading.RLock()

    def take(self, kind: RequestKind, now: datetime, send_at: datetime | None = None) -> Wait | None:
        """Return None where a request may be sent now; otherwise book a send time for it, and return that.

        A wait of less than `HOLD_S` is waited for here.
        """
        try:
            wait = self._take(kind, send_at)
        except Unreachable:
            return self._take_alone(kind, now)
        if wait and wait.send_at and wait.seconds <= HOLD_S:
            self._sleep(wait.seconds)
            return None
        return wait

    def wait_s(self, now: datetime) -> float:
        """Return how many seconds a submission would have to wait; nothing is booked."""
        try:
            return wait_s(self._ledger.read(FRESH_S), self._ledger.now())
        except Unreachable:
            return self._alone[False].wait_s(now)

    def pause(self, seconds: float, now: datetime) -> None:
        """Let no instance send anything for `seconds`, and all of them send less for a while."""
        for alone in self._alone.values():
            alone.pause(seconds, now)
        try:
            self._ledger.change(lambda ledger, at: (throttled(ledger, seconds, at), None))
        except Unreachable:
            return  # This worker pauses at least.

    def _take(self, kind: RequestKind, send_at: datetime | None) -> Wait | None:
        limit = self.requests_per_minute
        if kind is RequestKind.PAGE:
            self._change(lambda ledger, at: (charge(ledger, limit, at), None))
            return None
        if kind is RequestKind.FIRST_POLL and submission_cost(limit) > 1:
            left_s = pause_s(self._ledger.read(FRESH_S), self._ledger.now())
            return Wait(left_s) if left_s > 0 else None
        if send_at and is_as_booked(self._ledger.read(FRESH_S), send_at, self._ledger.now()):
            return self._until(send_at)

        def change(ledger: RequestLedger, at: datetime) -> tuple[RequestLedger, Wait | None]:
            booking = book(ledger, limit, at, send_at, is_poll=kind.is_poll)
            learned = self._poll_timer.share(ledger.first_poll_s)
            booked = with_first_poll(booking.ledger, learned)
            seconds = (booking.send_at - at).total_seconds()
            if booking.is_booked and seconds <= 0:
                return booked, None
            return booked, Wait(seconds, booking.send_at if booking.is_booked else None)

        return self._change(change)

    def _change(self, change: Callable[[RequestLedger, datetime], tuple[RequestLedger, T]]) -> T:
        """Change the ledger, and count in it what was sent in the last minute while it could not be reached.

        Otherwise the first minute with the ledger would have those requests and the whole limit.
        """

        def with_sent_alone(ledger: RequestLedger, at: datetime) -> tuple[RequestLedger, T]:
            first = at - timedelta(seconds=WINDOW_S)
            sent = sum(requests for when, requests in self._sent_alone if when > first)
            return change(charge(ledger, self.requests_per_minute, at, sent) if sent else ledger, at)

        with self._lock:
            result = self._ledger.change(with_sent_alone)
            self._sent_alone.clear()
            return result

    def _until(self, send_at: datetime) -> Wait | None:
        seconds = (send_at - self._ledger.now()).total_seconds()
        return Wait(seconds, send_at) if seconds > 0 else None

    def _take_alone(self, kind: RequestKind, now: datetime) -> Wait | None:
        """Take a request out of this worker's own budget; a further page is never refused."""
        problem = problems.LEDGER_UNREACHABLE.problem(
            blob=self._ledger.name, requests_per_minute=FALLBACK_REQUESTS_PER_MINUTE
        )
        if kind is RequestKind.SUBMISSION and not self._may_fall_back:
            return Wait(NO_FALLBACK_WAIT_S, problem=problem)
        wait = self._alone[kind is not RequestKind.SUBMISSION].take(kind, now)
        if wait:
            return wait._replace(problem=problem)
        # The first poll of what is submitted now is not asked for again, see `_take`.
        requests = submission_cost(self.requests_per_minute) if kind is RequestKind.SUBMISSION else 1
        with self._lock:
            sent_at = self._ledger.now()
            first = sent_at - timedelta(seconds=WINDOW_S)
            self._sent_alone = [*(one for one in self._sent_alone if one[0] > first), (sent_at, requests)]
        return None
