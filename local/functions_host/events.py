"""The app's log events as a file of JSON lines, for a program that wants to react to them: ``--events FILE``.

In Azure the same events are custom dimensions in Application Insights; a line of the host's text log has only their
sentence.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_MOST_CHARACTERS = 2_000
"""A line is written with one call, so that several hosts can share a file; a long text would be torn."""


class EventFile(logging.Handler):
    """Appends each log record that has an ``action`` to a file: time, level, message, and the fields of its `extra`."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        file.parent.mkdir(parents=True, exist_ok=True)
        # Opened once, and for appending: a line is never lost to another host that writes to the same file.
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, if it is an event."""
        if not getattr(record, "action", None):
            return
        try:
            os.write(self._descriptor, line_of(record))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        super().close()


def line_of(record: logging.LogRecord) -> bytes:
    """Return a record as one line of JSON. Fields that are neither text nor number are left out."""
    fields = {
        name: value[:_MOST_CHARACTERS] if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in _OWN and isinstance(value, str | int | float)
    }
    event = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
        "level": record.levelname,
        "message": record.getMessage()[:_MOST_CHARACTERS],
        **fields,
    }
    return json.dumps(event).encode() + b"\n"
