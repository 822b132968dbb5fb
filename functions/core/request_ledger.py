"""The ledger of the requests to one Language resource: when all instances of the app together may send them.

The resource counts the requests of all instances in any 60 seconds. So nobody sends by a budget of its own: every
submission and every repeated poll books a **send time** in one shared ledger, and is sent when that has come.

- A submission books its first poll with it (`submission_cost`), as most jobs need exactly one: whoever receives the
  message of that poll, asks nobody.
- Send times follow each other at the **rate**: a little less than the limit, and less still for a while after the
  service has refused a request (somebody else uses the resource, too).
- Nobody is listed in the ledger: an instance that dies holds back the send times it has booked, and nothing else.
- Repeated polls have a **lane** of their own, so that they wait neither for the submissions that are booked ahead, nor
  keep them from being sent. What they take is taken out of the rate.
- After a quiet time a few seconds of the rate are **lent**: a burst of documents goes at once, and the requests after
  it follow a little further apart until that is made up for.
- All of this is a pace. What the limit means is counted beside it: the ledger keeps how many send times lie in each
  half second, and issues none that would make them more than the limit in any 60 seconds.

All times are the storage's (`storage_clock`). Everything here is a function of values; `language.shared_budget` reads
and writes the ledger.
"""

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

import msgspec

from .records import Moment, Record

PACE = 0.985
"""Share of the limit at which send times follow each other. Requests reach the service a little sooner or later than
they were to be sent; at 0.995 and above that costs refusals, and with them more than is gained."""

WINDOW_S = 60.0
"""The stretch of time that the limit is for."""

LOAN_S = 5.0
"""How many seconds of the rate are lent after a quiet time."""

REPAY = 0.1
"""How much further apart send times are while a loan is repaid. 5 seconds of the rate are made up for in 55."""

MAX_BURST = 8
"""Requests that an instance which comes a moment late may catch up on, without a loan."""

LANE_SHARE = 0.5
"""Most of the rate that repeated polls take, so that polling thousands of jobs leaves the other half to submissions."""

LANE_AHEAD_S, LANE_AHEAD = 4.0, 4
"""How far ahead the lane is booked: so many seconds, or so many polls. What is booked delays all submissions after it,
so others come back later instead."""

LANE_BURST_S = 1.0
"""How many seconds of the lane's rate may be spent at once."""

VALID_S = 4.0
"""How long after its send time a request may still be sent; later, a new one is booked."""

LATE_S = 1.0
"""How late a request may be sent without a word in the ledger; later, it is counted at the time when it is sent."""

CUT = 0.93
"""What is left of the rate after the service has refused a request."""

CUT_EVERY_S = 5.0
"""How far apart two cuts are: what was sent before the first says nothing about the rate after it."""

QUIET_BEFORE_RISE_S = 60.0
RISE_EVERY_S = 10.0
RISE = 1.02
"""After so many quiet seconds the rate rises by so much, step by step, up to the limit."""

LEAST_SHARE = 0.05

LONGEST_SPREAD_S = 3600.0
"""How far ahead requests that have to come back are spread; beyond that they come together."""

_BUCKETS_PER_S = 2
_WINDOW_BUCKETS = int(WINDOW_S * _BUCKETS_PER_S) + 1
"""Any 60 seconds lie within so many buckets, wherever they begin."""

_KEPT_BUCKETS = _WINDOW_BUCKETS + 10 * _BUCKETS_PER_S
"""Older ones are forgotten. Instances agree on the time to a second, so a few seconds more are enough."""


class RequestLedger(Record, frozen=True, kw_only=True):
    """The ledger of one Language resource."""

    next_at: Moment | None = None
    """The next free send time; in the past where there was less to send than allowed."""
    lane_at: Moment | None = None
    """The same for repeated polls."""
    loan_until: Moment | None = None
    """Until then send times are further apart, because a burst was lent."""
    submissions_back_at: Moment | None = None
    polls_back_at: Moment | None = None
    """When the last of those was told to come back who found no free send time within the horizon."""
    counted_from: int = 0
    """The number of the first bucket: half seconds since 1970."""
    counts: tuple[int, ...] = ()
    """How many send times were issued in each half second."""
    paused_until: Moment | None = None
    """Until then nothing is sent: the service has refused a request and asked for this wait."""
    share: float = 1.0
    """The learned rate as a share of the limit's, as it was at `cut_at`."""
    cut_at: Moment | None = None
    first_poll_s: float | None = None
    """The learned delay of the first poll."""


class Booking(NamedTuple):
    """A send time and the ledger in which it is booked.

    `is_booked` is false where no send time is free within the horizon: then nothing may be sent at `send_at`, which
    only says when to ask again.
    """

    ledger: RequestLedger
    send_at: datetime
    is_booked: bool = True


# --- What a limit means ---


def submission_cost(limit: int) -> int:
    """Return how many requests a submission books at a limit a minute: its first poll, too, unless that is too few."""
    return 2 if limit >= 4 else 1


def horizon_s(limit: int) -> float:
    """Return how far ahead send times are booked: for as long as twenty requests take, and a minute."""
    return WINDOW_S * (1 + 20 / limit)


def rate_per_s(ledger: RequestLedger, limit: int, now: datetime) -> float:
    """Return how many requests a second may be sent at present."""
    return share_at(ledger, now) * PACE * limit / WINDOW_S


def share_at(ledger: RequestLedger, now: datetime) -> float:
    """Return the learned rate as a share of the limit's: it rises step by step after a quiet minute."""
    if ledger.cut_at is None:
        return ledger.share
    quiet_s = (now - ledger.cut_at).total_seconds() - QUIET_BEFORE_RISE_S
    if quiet_s < 0:
        return ledger.share
    return min(1.0, ledger.share * RISE ** min(1000, int(quiet_s / RISE_EVERY_S) + 1))


def _cap(limit: int, cost: int) -> int:
    """Return how many send times submissions may leave in any 60 seconds: a few less than the limit.

    That is room for repeated polls, and for requests that reach the service a little sooner or later than others
    before them: a prepaid poll is counted at its submission's time and sent seconds later. Simulated with 4,000
    documents at four instances and 80 requests a minute, which are late by 0.7 s on the average: 0.1 % refused instead
    of 0.4 %, and as each refusal slows all down for a while, 95.4 % of the rate used instead of 94.9 %.
    """
    return max(cost, limit - max(min(2, limit // 40), round(0.005 * limit)))


# --- Booking ---


def book_submission(ledger: RequestLedger, limit: int, now: datetime) -> Booking:
    """Return the next send time of a submission, which is booked with that of its first poll."""
    cost, rate = submission_cost(limit), rate_per_s(ledger, limit, now)
    burst_s = min(MAX_BURST, max(cost, (1 - PACE) * limit)) / rate
    at = max(_next_at(ledger, burst_s, now), ledger.paused_until or now - timedelta(days=1))
    send_at = _first_room(ledger, max(at, now), cost, _cap(limit, cost))
    if send_at > now + timedelta(seconds=horizon_s(limit)):
        back_at = _back_at(send_at, ledger.submissions_back_at, cost / rate, now)
        told = msgspec.structs.replace(ledger, submissions_back_at=back_at)
        return Booking(told, back_at, is_booked=False)
    is_lent = at < now - timedelta(seconds=burst_s)
    if send_at > max(at, now):
        at = send_at
    loan_until = ledger.loan_until
    spacing = cost / rate
    if is_lent:
        loan_until = max(loan_until or now, now) + timedelta(seconds=spacing * (1 + 1 / REPAY))
    elif loan_until and send_at < loan_until:
        spacing *= 1 + REPAY
    booked = msgspec.structs.replace(
        _counted(ledger, send_at, cost, now), next_at=at + timedelta(seconds=spacing), loan_until=loan_until
    )
    return Booking(booked, send_at)


def book_poll(ledger: RequestLedger, limit: int, now: datetime) -> Booking:
    """Return the next send time of a repeated poll."""
    rate = rate_per_s(ledger, limit, now)
    earliest = now - timedelta(seconds=LANE_BURST_S)
    begin = max(earliest, ledger.paused_until or earliest)
    at = max(ledger.lane_at or begin, begin)
    spacing = 1 / (LANE_SHARE * rate)
    send_at = _first_room(ledger, max(at, now), 1, limit)
    # Submissions that are booked already may leave no room for a while. That is waited for: whoever came back later
    # would find as many of them.
    is_lane_full = at > max(begin, now) + timedelta(seconds=max(LANE_AHEAD_S, LANE_AHEAD * spacing))
    if is_lane_full or send_at > now + timedelta(seconds=horizon_s(limit)):
        back_at = _back_at(send_at, ledger.polls_back_at, spacing, now)
        return Booking(msgspec.structs.replace(ledger, polls_back_at=back_at), back_at, is_booked=False)
    if send_at > max(at, now):
        at = send_at
    taken = _charged(ledger, send_at, rate, now)
    return Booking(msgspec.structs.replace(taken, lane_at=at + timedelta(seconds=spacing)), send_at)


def book(ledger: RequestLedger, limit: int, now: datetime, send_at: datetime | None, *, is_poll: bool) -> Booking:
    """Return the send time of a submission or a repeated poll; `send_at` is the one that it has booked before.

    A request that is late is counted at the time when it is sent, as the service does: what was held up for some
    seconds would else come with the requests of a minute later, too. The pace is left as it is, so the others do not
    wait for it.
    """
    if send_at is None or not is_sendable(ledger, send_at, now):
        return book_poll(ledger, limit, now) if is_poll else book_submission(ledger, limit, now)
    cost = 1 if is_poll else submission_cost(limit)
    freed = _uncounted(ledger, send_at, cost)
    free_at = _first_room(freed, max(send_at, now), cost, limit if is_poll else _cap(limit, cost))
    return Booking(_counted(freed, free_at, cost, now), free_at)


def charge(ledger: RequestLedger, limit: int, now: datetime, requests: int = 1) -> RequestLedger:
    """Return the ledger after requests that nobody had booked.

    They are further pages of an answer that has begun to come, or what was sent while the ledger could not be reached.
    """
    return _charged(ledger, now, rate_per_s(ledger, limit, now), now, requests)


def _charged(ledger: RequestLedger, send_at: datetime, rate: float, now: datetime, requests: int = 1) -> RequestLedger:
    """Return the ledger with more requests at `send_at`, which are taken out of the rate."""
    return msgspec.structs.replace(
        _counted(ledger, send_at, requests, now), next_at=_next_at(ledger, 0, now) + timedelta(seconds=requests / rate)
    )


def _next_at(ledger: RequestLedger, burst_s: float, now: datetime) -> datetime:
    """Return the next free send time, at most as long ago as may be caught up on or lent."""
    owed_s = max(0.0, (ledger.loan_until - now).total_seconds()) * REPAY / (1 + REPAY) if ledger.loan_until else 0.0
    earliest = now - timedelta(seconds=max(burst_s, LOAN_S - owed_s))
    return max(ledger.next_at or earliest, earliest)


def _back_at(free_at: datetime, last: datetime | None, spacing_s: float, now: datetime) -> datetime:
    """Return when to ask again: those who have to come back do so one after the other."""
    after_last = max(free_at, last or free_at) + timedelta(seconds=spacing_s)
    return min(after_last, now + timedelta(seconds=LONGEST_SPREAD_S))


def with_first_poll(ledger: RequestLedger, delay_s: float | None) -> RequestLedger:
    """Return the ledger with the learned delay of the first poll."""
    return msgspec.structs.replace(ledger, first_poll_s=delay_s)


# --- The count of any 60 seconds ---


def bucket_of(moment: datetime) -> int:
    """Return the number of the half second that a moment lies in."""
    return int(moment.timestamp() * _BUCKETS_PER_S)


def _first_room(ledger: RequestLedger, earliest: datetime, cost: int, cap: int) -> datetime:
    """Return the first moment at which `cost` more send times leave no 60 seconds with more than `cap`."""
    bucket = bucket_of(earliest)
    sums = (0, *accumulate(ledger.counts))
    last = len(sums) - 1

    def within(first: int) -> int:
        """Return how many send times lie in the window that begins with a bucket."""
        offset = first - ledger.counted_from
        return sums[min(max(offset + _WINDOW_BUCKETS, 0), last)] - sums[min(max(offset, 0), last)]

    moved = bucket
    while True:
        # The latest window with this bucket that is full; the next free bucket lies behind it.
        full = next(
            (first for first in range(moved, moved - _WINDOW_BUCKETS, -1) if within(first) + cost > cap),
            None,
        )
        if full is None:
            break
        moved = full + _WINDOW_BUCKETS
    return earliest if moved == bucket else datetime.fromtimestamp(moved / _BUCKETS_PER_S, UTC)


def _counted(ledger: RequestLedger, send_at: datetime, cost: int, now: datetime) -> RequestLedger:
    """Return the ledger that counts `cost` send times more, and forgets those of long ago."""
    oldest = bucket_of(now) - _KEPT_BUCKETS
    begin = max(ledger.counted_from, oldest) if ledger.counts else oldest
    counts = list(ledger.counts[begin - ledger.counted_from :]) if ledger.counts else []
    place = bucket_of(send_at) - begin
    counts.extend([0] * (place + 1 - len(counts)))
    counts[place] += cost
    return msgspec.structs.replace(ledger, counted_from=begin, counts=tuple(counts))


def _uncounted(ledger: RequestLedger, send_at: datetime, cost: int) -> RequestLedger:
    """Return the ledger without `cost` of the send times that were issued at a time."""
    place = bucket_of(send_at) - ledger.counted_from
    if not 0 <= place < len(ledger.counts):
        return ledger
    counts = list(ledger.counts)
    counts[place] = max(0, counts[place] - cost)
    return msgspec.structs.replace(ledger, counts=tuple(counts))


# --- What the service says ---


def throttled(ledger: RequestLedger, pause_s: float, now: datetime) -> RequestLedger:
    """Return the ledger after the service has refused a request and asked for a wait: the rate falls by one step."""
    until = now + timedelta(seconds=pause_s)
    paused = msgspec.structs.replace(ledger, paused_until=max(ledger.paused_until or until, until))
    if ledger.cut_at and (now - ledger.cut_at).total_seconds() < CUT_EVERY_S:
        return paused
    share = max(LEAST_SHARE, share_at(ledger, now) * CUT)
    return msgspec.structs.replace(paused, share=share, cut_at=now)


def is_sendable(ledger: RequestLedger, send_at: datetime, now: datetime) -> bool:
    """Whether a request that was booked for `send_at` may be sent then: the booking is valid, and nothing is paused."""
    is_valid = now <= send_at + timedelta(seconds=VALID_S)
    return is_valid and (ledger.paused_until is None or ledger.paused_until <= max(send_at, now))


def is_as_booked(ledger: RequestLedger, send_at: datetime, now: datetime) -> bool:
    """Whether a request that was booked for `send_at` may be sent then, and counts as that: see `book`."""
    return is_sendable(ledger, send_at, now) and now <= send_at + timedelta(seconds=LATE_S)


def wait_s(ledger: RequestLedger, now: datetime) -> float:
    """Return about how many seconds the next submission would have to wait."""
    return max(pause_s(ledger, now), (ledger.next_at - now).total_seconds() if ledger.next_at else 0.0)


def issued(ledger: RequestLedger, now: datetime) -> int:
    """Return how many send times were issued for the last minute, and for what is booked ahead."""
    first = bucket_of(now - timedelta(seconds=WINDOW_S)) + 1 - ledger.counted_from
    return sum(ledger.counts[max(0, first) :])


def pause_s(ledger: RequestLedger, now: datetime) -> float:
    """Return how many seconds nothing may be sent."""
    return max(0.0, (ledger.paused_until - now).total_seconds()) if ledger.paused_until else 0.0
