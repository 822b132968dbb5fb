"""The client of the Language service's job API: submit, ask for progress with all its pages, cancel.

Each method makes its requests once, within the shared budget, and returns an outcome; none waits or repeats. What
makes a job come back later is the queue, which costs nothing while it waits. Nothing that the network or a server does
raises here (`connection`).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import requests
from requests.auth import AuthBase

from .. import problems, telemetry
from ..core.outcomes import DeferReason, Deferred, Finished, Progress, Refused, Submission, Unanswered
from ..core.time_limits import LONGEST_EXCHANGE_S
from ..core.work import WorkSpec
from ..settings import PREVIEW_API_VERSION
from ..text.offsets import text_records
from . import payloads as wire
from .bounded_http import bounded_session
from .budget import Budget, RequestKind, Wait
from .connection import MAX_REPLY_BYTES, Allowance, Clock, Meters, ServiceConnection
from .daily_records import DailyRecords
from .error_codes import LANGUAGE

MAX_PAGES = 20
"""A job of 25 documents has two pages of 20; a service that goes on linking for ever is not followed for ever."""


def default_session() -> requests.Session:
    """Return a session whose connections are shared by all threads of the worker, and whose exchanges are bounded."""
    return bounded_session()


class LanguageClient:
    """Talks to one Language resource, at its endpoint and nowhere else; shared by all threads.

    `longest_exchange_s` and `max_reply_bytes` bound each call; they hold whatever the server does in a session from
    `default_session`.
    """

    def __init__(
        self,
        endpoint: str,
        session: requests.Session,
        auth: AuthBase,
        budget: Budget,
        clock: Clock,
        *,
        daily: DailyRecords | None = None,
        longest_exchange_s: float = LONGEST_EXCHANGE_S,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        self._daily = daily
        self._connection = ServiceConnection(
            endpoint,
            session,
            auth,
            budget,
            clock,
            LANGUAGE,
            Meters(telemetry.service_requests, telemetry.service_throttled),
            longest_exchange_s=longest_exchange_s,
            max_reply_bytes=max_reply_bytes,
        )

    def wait_s(self) -> float:
        """Return how many seconds a submission would have to wait for the budget."""
        return self._connection.wait_s()

    def take_permit(self, send_at: datetime | None = None) -> Deferred | None:
        """Take one submission out of the budget, for a `submit` that follows; return why to wait where none is left.

        For a caller who has work to do before that request, which would be in vain. `send_at` is the send time that was
        booked for it before.
        """
        used_up = self._daily.used_up() if self._daily else None
        return _not_counted(used_up) or self._connection.take(RequestKind.SUBMISSION, send_at)

    def submit(
        self,
        work: WorkSpec,
        name: str,
        texts: Sequence[str],
        *,
        languages: Sequence[str | None] | None = None,
        has_permit: bool = False,
        deadline_s: float | None = None,
    ) -> Submission:
        """Submit one job of up to 25 texts and return what came of it. `name` is its display name.

        `languages` has a language for each text, None where that of `work` holds. `deadline_s` is how many seconds from
        now the exchange may take at most, where that is less than `LONGEST_EXCHANGE_S`: no byte of the request is sent
        later.

        Raises nothing: what fails in a way that nobody has foreseen may have been sent, so it counts (`Unanswered`).
        """
        records = sum(map(text_records, texts)) * len(work.tasks) if self._daily else 0
        refused = self._count(records, len(texts))
        if refused:
            return refused
        outcome = self._submit(work, name, texts, languages, has_permit, deadline_s)
        if self._daily and isinstance(outcome, Deferred | Refused):
            self._daily.give_back(records)
        return outcome

    def _count(self, records: int, texts: int) -> Deferred | Refused | None:
        """Take text records out of the day; return why they are not submitted."""
        if self._daily is None:
            return None
        if texts > 1 and 0 < self._daily.limit < records:
            return Refused(problems.MORE_THAN_A_DAY.problem(records=records, limit=self._daily.limit))
        return _not_counted(self._daily.take(records))

    def _submit(
        self,
        work: WorkSpec,
        name: str,
        texts: Sequence[str],
        languages: Sequence[str | None] | None,
        has_permit: bool,
        deadline_s: float | None,
    ) -> Submission:
        try:
            return self._connection.submit(
                wire.submit_path(work.api_version),
                self._connection.allowance(deadline_s),
                wire.submission_body(work, name, texts, languages),
                lambda reply, now: wire.submission_outcome(self._connection.endpoint, work.api_version, reply, now),
                has_permit=has_permit,
            )
        except Exception as error:
            return Unanswered(self._connection.failed(error, name))

    def progress(
        self, work: WorkSpec, operation_url: str, *, is_first: bool = False, send_at: datetime | None = None
    ) -> Progress:
        """Return the state of a job, with the results of all its pages once it is done. Raises nothing.

        `is_first` says that nobody has asked for it before, `send_at` is the send time that was booked for the request.
        """
        kind = RequestKind.FIRST_POLL if is_first else RequestKind.POLL
        try:
            return self._progress(work, wire.operation_id_of(operation_url) or "", kind, send_at)
        except Exception as error:  # Asking again costs nothing.
            return Deferred(DeferReason.UNAVAILABLE, self._connection.failed(error, operation_url))

    def _progress(self, work: WorkSpec, operation_id: str, kind: RequestKind, send_at: datetime | None) -> Progress:
        path, allowance = wire.status_path(work.api_version, operation_id), self._connection.allowance()
        first = self._page(work, path, allowance, kind, send_at)
        if not isinstance(first.progress, Finished):
            return first.progress
        pages: list[Finished] = []
        query, seen = first.next_query, set[str]()
        while query and query not in seen and len(pages) < MAX_PAGES:
            seen.add(query)
            page = self._page(work, _next_path(work.api_version, path, query), allowance, RequestKind.PAGE)
            if not isinstance(page.progress, Finished):
                # Half a result is no result: the job is asked for as a whole when its message comes back.
                return page.progress
            pages.append(page.progress)
            query = page.next_query
        return wire.join_pages(first.progress, pages)

    def cancel(self, work: WorkSpec, operation_url: str) -> None:
        """Ask the service to stop a job, where the API can; whether it does makes no difference to us."""
        path = wire.cancel_path(work.api_version, wire.operation_id_of(operation_url) or "")
        if path is not None and not self._connection.take(RequestKind.POLL):
            self._connection.send(RequestKind.POLL, "POST", path, self._connection.allowance())

    def _page(
        self, work: WorkSpec, path: str, allowance: Allowance, kind: RequestKind, send_at: datetime | None = None
    ) -> wire.Page:
        page = self._connection.ask(
            kind, path, allowance, partial(wire.page_outcome, tasks=work.tasks), send_at=send_at
        )
        if isinstance(page, Deferred):
            return wire.Page(page, None)
        self._connection.heed(page.progress)
        return page


def _not_counted(wait: Wait | None) -> Deferred | None:
    return Deferred(DeferReason.BUDGET, wait.problem, wait.seconds) if wait and wait.problem else None


def _next_path(api_version: str, path: str, query: str) -> str:
    """Return the path of a further page: the link's query on the operation's own path."""
    base = path.split("?")[0]
    if api_version != PREVIEW_API_VERSION and "api-version=" not in query:
        query += f"&api-version={api_version}"
    return f"{base}?{query}"
