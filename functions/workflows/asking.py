"""Asks the Language service, and makes an outcome of whatever comes of it: no exception leads past the bill."""

import logging
from collections.abc import Sequence

from ..app import EntityDrop
from ..core.outcomes import DeferReason, Deferred, Progress, Submission, Unanswered
from ..errors import Fault, Problem

logger = logging.getLogger(__name__)


def submit_texts(
    app: EntityDrop,
    name: str,
    texts: Sequence[str],
    *,
    languages: Sequence[str | None] | None = None,
    has_permit: bool = False,
    deadline_s: float | None = None,
) -> Submission:
    """Submit texts and return what came of it; what the client does not expect may have been sent, so it counts."""
    try:
        return app.language.submit(name, texts, languages=languages, has_permit=has_permit, deadline_s=deadline_s)
    except Exception as error:
        logger.exception("The Language client failed.", extra={"action": "client_failed", "job": name})
        return Unanswered(_client_failed(error))


def ask_progress(app: EntityDrop, operation_url: str) -> Progress:
    """Return the state of a job; where the client fails it is asked again, which costs nothing."""
    try:
        return app.language.progress(operation_url)
    except Exception as error:
        logger.exception("The Language client failed.", extra={"action": "client_failed"})
        return Deferred(DeferReason.UNAVAILABLE, _client_failed(error))


def _client_failed(error: Exception) -> Problem:
    return Problem(
        "ClientFailed",
        f"The app could not understand the Language service's answer: {type(error).__name__}.",
        "It is asked again later. If it lasts, look for the action client_failed in the logs.",
        fault=Fault.SERVICE,
    )
