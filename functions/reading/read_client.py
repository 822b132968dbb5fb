"""The client of Document Intelligence's Read model: submit a document, ask for its pages.

Each method makes its request once, within the budget, and returns an outcome; none waits or repeats. Nothing that the
network or a server does raises here (`language.connection`).
"""

from collections.abc import Sequence

import requests
from requests.auth import AuthBase

from .. import telemetry
from ..core.outcomes import DeferReason, Deferred, Submission, Unanswered
from ..core.time_limits import LONGEST_EXCHANGE_S
from ..language.budget import Budget, RequestKind
from ..language.connection import MAX_REPLY_BYTES, Clock, Meters, ServiceConnection
from . import read_api as api
from .pages import ReadingProgress


class ReadClient:
    """Talks to one Document Intelligence resource, at its endpoint and nowhere else; shared by all threads.

    `longest_exchange_s` and `max_reply_bytes` bound each call; they hold whatever the server does in a session from
    `bounded_http.bounded_session`.
    """

    def __init__(
        self,
        endpoint: str,
        session: requests.Session,
        auth: AuthBase,
        budget: Budget,
        clock: Clock,
        *,
        longest_exchange_s: float = LONGEST_EXCHANGE_S,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        self._connection = ServiceConnection(
            endpoint,
            session,
            auth,
            budget,
            clock,
            api.READING,
            Meters(telemetry.reading_requests, telemetry.reading_throttled),
            longest_exchange_s=longest_exchange_s,
            max_reply_bytes=max_reply_bytes,
        )

    def take_permit(self) -> Deferred | None:
        """Take one submission out of the budget, for a `submit` that follows; return why to wait where none is left.

        For a caller who has work to do before that request, which would be in vain.
        """
        return self._connection.take(RequestKind.SUBMISSION)

    def submit(
        self,
        name: str,
        document: bytes,
        pages: Sequence[int] | None = None,
        *,
        has_permit: bool = False,
        deadline_s: float | None = None,
    ) -> Submission:
        """Submit a pdf or an image, and return what came of it. `name` says in logs which job it is.

        `pages` are the numbers of those to read, from 1 on; None reads all, and is what images need. `deadline_s` is
        how many seconds from now the exchange may take at most.

        Raises nothing: what fails in a way that nobody has foreseen may have been sent, so it counts (`Unanswered`).
        """
        try:
            return self._connection.submit(
                api.submit_path(pages),
                self._connection.allowance(deadline_s),
                document,
                lambda reply, now: api.submission_outcome(self._connection.endpoint, reply, now),
                content_type=api.CONTENT_TYPE,
                has_permit=has_permit,
            )
        except Exception as error:
            return Unanswered(self._connection.failed(error, name))

    def progress(self, operation_url: str) -> ReadingProgress:
        """Return the state of a reading, with all its pages once it is done. Raises nothing."""
        try:
            path = api.result_path(api.result_id_of(operation_url) or "")
            progress = self._connection.ask(RequestKind.POLL, path, self._connection.allowance(), api.progress_outcome)
        except Exception as error:  # Asking again costs nothing.
            return Deferred(DeferReason.UNAVAILABLE, self._connection.failed(error, operation_url))
        self._connection.heed(progress)
        return progress
