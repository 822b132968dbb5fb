"""Keeps signatures out of the host's log: what stands behind the `?` of an address may be one.

The host knows nothing of the app that it runs, so it does not use the app's own redaction.
"""

from __future__ import annotations

import logging
import re

_QUERY = re.compile(r"\?(?=[\w$.%-]+=)[^\s\"'<>`\\]*")


def without_queries(text: str) -> str:
    """Return a text whose addresses have lost their queries."""
    return _QUERY.sub("?[redacted]", text)


class RedactingFormatter(logging.Formatter):
    """Formats a record as its base does, traceback included, and removes the queries of addresses from the whole."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line or lines of a record."""
        return without_queries(super().format(record))
