"""The times that depend on each other fit together."""

import json
import re
from datetime import timedelta

from functions.core.time_limits import (
    EXTRA_MESSAGE,
    LONGEST_BATCH_S,
    LONGEST_EXCHANGE,
    LONGEST_HOLD_S,
    LONGEST_RECONCILE,
    LONGEST_SWEEP_RETRY,
    RENEWAL_S,
    RESERVATIONS,
    SWEEP_GRACE,
    SWEEP_PERIOD,
    TAKEOVER_S,
)
from local.process import ROOT


def test_a_reservation_outlasts_batch_and_request() -> None:
    assert LONGEST_BATCH_S < LONGEST_HOLD_S
    assert timedelta(seconds=LONGEST_HOLD_S) + LONGEST_EXCHANGE < min(RESERVATIONS)


def test_reservations_grow() -> None:
    assert list(RESERVATIONS) == sorted(set(RESERVATIONS))


def test_a_late_renewal_is_tried_again() -> None:
    assert 2 * RENEWAL_S < TAKEOVER_S < RESERVATIONS[0].total_seconds()


def test_taken_up_within_30_seconds() -> None:
    """With the time until an idle queue is asked."""
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    *_, seconds = host["extensions"]["queues"]["maxPollingInterval"].split(":")
    assert TAKEOVER_S + float(seconds) < 30


def test_sweep_leaves_healthy_steps_alone() -> None:
    assert RESERVATIONS[0] + LONGEST_EXCHANGE < SWEEP_GRACE < EXTRA_MESSAGE


def test_a_sweep_ends_before_the_next() -> None:
    assert LONGEST_SWEEP_RETRY < SWEEP_PERIOD
    trigger = (ROOT / "functions" / "triggers" / "sweep.py").read_text("utf-8")
    assert f'schedule="0 */{SWEEP_PERIOD.seconds // 60} * * * *"' in trigger


def test_reconcile_ends_within_the_functions_limit() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    hours, minutes, seconds = map(int, re.fullmatch(r"(\d+):(\d+):(\d+)", host["functionTimeout"]).groups())  # type: ignore[union-attr]
    assert timedelta(hours=hours, minutes=minutes, seconds=seconds) > LONGEST_RECONCILE
