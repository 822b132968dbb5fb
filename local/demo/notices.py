"""What the functions hosts log about waiting, as lines for a terminal: once for each cause, and once when it is over.

The hosts append their log events to a file (``python -m local.functions_host --events``). A job that is deferred logs
that at each attempt; a terminal needs one line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]

CALM_S = 15.0
"""A cause is over once nothing has waited for it for so long: a busy service throttles one job after the other."""

FORGET_S = 300.0
"""A job of which nothing is heard for so long after it was due has ended in silence: it was replaced, or deleted."""

MOST_NAMED = 5
"""Documents that are named for one cause; more of them share a line."""

SHORT_WAIT_S = 10.0
"""A job that waits less, and that nobody needs to act on, is not worth a line: the request budget paces it."""

_DEFERRED = ("_deferred", "_waits", "_step_failed", "_failing_alone", "job_failed", "job_lost")
"""Ends of the actions with which something says that it waits; their `reason` is the cause."""
_NEUTRAL = frozenset({"race_lost", "job_swept", "unknown_status", "foreign_operation_location"})
"""Actions that say nothing about whether a job goes on."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line for the terminal."""

    text: str
    is_trouble: bool = True


@dataclass(slots=True)
class _Cause:
    """Why something waits, and what: job or document, and until when it is expected to be heard of."""

    waiting: dict[str, float] = field(default_factory=dict)
    named: int = 0
    empty_since: float | None = None


class Notices:
    """Turns events into lines. `now` is in seconds, of a clock that does not go back."""

    def __init__(self) -> None:
        self._causes: dict[str, _Cause] = {}
        self._unlisted: set[str] = set()

    def take(self, event: Event, now: float) -> list[Notice]:
        """Take an event in, and return what to print for it."""
        action = str(event.get("action", ""))
        if action in ("container_unlisted", "container_listed"):
            return self._listing(action, str(event.get("container", "")), str(event.get("reason", "")))
        if action.endswith(_DEFERRED):
            return self._deferred(event, action, now)
        if action not in _NEUTRAL:
            for item in _items(event):
                self._leave(item, now, but="")
        return []

    def tick(self, now: float) -> list[Notice]:
        """Return what the passing of time gives to print: the causes that are over."""
        notices = []
        for name, cause in list(self._causes.items()):
            if cause.empty_since is not None:
                if now - cause.empty_since >= CALM_S:
                    del self._causes[name]
                    notices.append(Notice(f"What waited goes on ({name}).", is_trouble=False))
                continue
            cause.waiting = {item: until for item, until in cause.waiting.items() if now <= until}
            if not cause.waiting:
                del self._causes[name]
        return notices

    def _deferred(self, event: Event, action: str, now: float) -> list[Notice]:
        items = _items(event)
        wait_s = _seconds(event.get("wait_s"))
        is_pacing = event.get("level") in ("INFO", "DEBUG") and wait_s < SHORT_WAIT_S and "document" not in event
        if not items or is_pacing:
            return []
        name = str(event.get("reason") or action)
        for item in items:
            self._leave(item, now, but=name)
        cause = self._causes.setdefault(name, _Cause())
        is_known = items[0] in cause.waiting
        cause.waiting[items[0]] = now + wait_s + FORGET_S
        cause.empty_since = None
        if is_known:
            return []
        cause.named += 1
        if cause.named == 1 or ("document" in event and cause.named <= MOST_NAMED):
            return [Notice(str(event.get("message") or f"Waiting, {items[0]}: {name}."))]
        if "document" in event and cause.named == MOST_NAMED + 1:
            return [Notice(f"More documents wait for the same reason ({name}).")]
        return []

    def _leave(self, item: str, now: float, *, but: str) -> None:
        for name, cause in self._causes.items():
            if name != but and cause.waiting.pop(item, None) is not None and not cause.waiting:
                cause.empty_since = now

    def _listing(self, action: str, container: str, reason: str) -> list[Notice]:
        if action == "container_listed":
            if container not in self._unlisted:
                return []
            self._unlisted.discard(container)
            return [Notice(f"The storage emulator lists the container '{container}' again.", is_trouble=False)]
        # Each host that gets the scanner's lock says so anew.
        if container in self._unlisted:
            return []
        self._unlisted.add(container)
        return [
            Notice(
                f"The storage emulator cannot list the container '{container}' ({reason}), so no new document in it is "
                "noticed; trying again."
            )
        ]


class EventTail:
    """Reads what is appended to a file of events."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._rest = b""

    def new(self) -> Iterator[Event]:
        """Yield the events that were written since the last call; lines that are no events are left out."""
        try:
            with self._file.open("rb") as stream:
                stream.seek(self._read)
                data = stream.read()
        except FileNotFoundError:
            return
        self._read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event


def _items(event: Event) -> list[str]:
    """Return what an event is about: its document, its job."""
    return [f"{kind} {event[kind]}" for kind in ("document", "job") if event.get(kind)]


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < float("inf") else 0.0
