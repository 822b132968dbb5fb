"""The app as chaos runs host it: the product, with its waits for the service shortened as the service's jobs are.

The waits of `planning` and `health` are made for jobs of 4 to 12 seconds and incidents of up to four hours: a document
that makes its jobs fail has its report after four and a half hours. In a chaos run jobs take a second and incidents
ten, so the waits are cut down likewise, and the whole of the policy happens within minutes: splitting, failing alone,
the report after six submissions, the breaker with its control documents and scouts. Only waits are changed, never a
limit, a count or an order; how long one request may take, and with it the first reservation, stays as it is.

A chaos run writes an app folder whose script imports `app` from here; nothing else does.
"""

from datetime import timedelta
from types import ModuleType
from typing import Any, NamedTuple

from functions.core import health, planning


class Wait(NamedTuple):
    """A constant of the app, and what it is in a chaos run."""

    module: ModuleType
    name: str
    value: Any


def _seconds(*values: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=value) for value in values)


WAITS = (
    Wait(planning, "VERDICT_WAIT_S", (2.0, 4.0)),
    Wait(planning, "LONE_WAITS", _seconds(0, 3, 6, 10)),
    Wait(planning, "LAST_LONE_SUBMISSION", timedelta(seconds=30)),
    Wait(planning, "REST_WAITS", _seconds(13, 20, 25, 40, 40)),
    Wait(planning, "RESERVATIONS", _seconds(60, 75, 90, 120, 180)),
    Wait(planning, "LOST_AFTER", timedelta(seconds=8)),
    Wait(planning, "LOSS_WAITS", _seconds(0, 5, 10, 20, 30)),
    Wait(health, "QUIET_BEFORE_OPEN", timedelta(seconds=4)),
    Wait(health, "PROBE_WAITS_S", (3, 5, 8, 12, 15, 20, 20)),
    Wait(health, "SCOUT_TIME", timedelta(seconds=30)),
    Wait(health, "LONGEST_CONTROL", timedelta(seconds=40)),
)


def shorten() -> None:
    """Change the constants in this process; to be called before anything else of the app is imported.

    Raises `AttributeError` for one that the app does not have any more.
    """
    for wait in WAITS:
        getattr(wait.module, wait.name)
        setattr(wait.module, wait.name, wait.value)
