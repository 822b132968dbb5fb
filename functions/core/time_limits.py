"""The times that depend on each other, in one place; `tests/unit/core/test_time_limits.py` compares them.

A job that is about to be submitted is reserved for one worker. Two workers never submit the same reservation, because
no byte of a request is sent once too little of the reservation is left for a whole exchange:

    longest hold + longest exchange < first reservation

A job is overdue, and put back on the queue, only when no step of a healthy job can still be under way:

    first reservation + longest exchange < grace of the sweep

A step keeps its message hidden for a short time only, and renews that while it lasts, twice in that time:

    2 * renewal < takeover < first reservation
"""

from datetime import timedelta

CONNECT_TIMEOUT_S = 5.0
"""For each address of the Language resource's host."""

READ_TIMEOUT_S = 30.0
"""For each single wait for the service."""

LONGEST_EXCHANGE_S = CONNECT_TIMEOUT_S + READ_TIMEOUT_S
"""What a whole exchange may take: name lookup, connecting, sending, headers and body, and all pages of a poll together.
No byte of a request is sent later (`language.bounded_http`)."""

LONGEST_EXCHANGE = timedelta(seconds=LONGEST_EXCHANGE_S)
"""The same: what must be left of a job's reservation when its request is sent."""

LONGEST_BATCH_S = 10.0
"""How long a batch stays open at most, while others join it."""

LONGEST_HOLD_S = 20.0
"""How long after its begin a batch may still wait for its send time; a job whose time is later goes to the queue."""

RESERVATIONS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
"""How long a worker that is about to submit a job keeps others from doing so: the first time, and after so many
reservations in a row whose outcome was never saved."""

TAKEOVER_S = 25.0
"""How long after the last sign of life of its worker a job's message comes to another one. The host itself hides a
message for ten minutes."""

RENEWAL_S = 10.0
"""How often the message of a step that is not done is hidden anew."""

SWEEP_GRACE = timedelta(minutes=3)
"""How long after its due time a job's message may be on its way: longer than any single step of a healthy job."""

SWEEP_PERIOD = timedelta(minutes=5)
"""From one run of the sweep to the next (the schedule of its trigger)."""

LONGEST_SWEEP_RETRY = timedelta(minutes=4)
"""After which a run of the sweep tries no further refused document: less than the time to the next run."""

EXTRA_MESSAGE = timedelta(hours=1)
"""How long the sweep's own message for a job lives, and for how long it sends no other: while nobody consumes the
queue, the job's own message and one more are all there is."""

LONGEST_RECONCILE = timedelta(minutes=20)
"""After which a run of `reconcile` stops finding more: less than the function's time limit (`functionTimeout` of
host.json). The next run goes on."""
