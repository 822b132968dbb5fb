"""The client of the Language service's job API: submit, ask for progress with all its pages, cancel.

Each method makes its requests once, within the shared budget, and returns an outcome; none waits or repeats. What
makes a job come back later is the queue, which costs nothing while it waits.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import requests
from opentelemetry.trace import SpanKind
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from .. import telemetry
from ..errors import Problem
from ..pipeline.budget import RequestBudget, RequestKind
from ..pipeline.outcomes import DeferReason, Deferred, Finished, Progress, Submission
from ..settings import Settings
from . import language_wire as wire
from .language_auth import KeyAuth, TokenAuth, TokenProvider, default_auth

__all__ = ["KeyAuth", "LanguageClient", "TokenAuth", "TokenProvider", "default_auth", "default_session"]

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
"""Together less than a job's reservation (`decisions.RESERVATION`), so that no two workers submit it at once."""

MAX_PAGES = 20
"""A job of 25 documents has two pages of 20; a service that goes on linking for ever is not followed for ever."""

Clock = Callable[[], datetime]
T = TypeVar("T")


def default_session() -> requests.Session:
    """Return a session whose connections are shared by all threads of the worker."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=64)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class LanguageClient:
    """Talks to one Language resource, at the endpoint of the settings and nowhere else; shared by all threads."""

    def __init__(
        self, settings: Settings, session: requests.Session, auth: AuthBase, budget: RequestBudget, clock: Clock
    ) -> None:
        self._settings = settings
        self._session = session
        self._auth = auth
        self._budget = budget
        self._clock = clock

    def leave_to_submit(self) -> Deferred | None:
        """Take one submission out of the budget, for a `submit` that follows; return why to wait where none is left.

        For a caller who has work to do before that request, which would be in vain.
        """
        return self._take(RequestKind.SUBMISSION)

    def submit(self, name: str, texts: Sequence[str], *, has_leave: bool = False) -> Submission:
        """Submit one job of up to 25 texts and return what came of it. `name` is its display name."""
        held = None if has_leave else self.leave_to_submit()
        if held:
            return held
        body = wire.submission_body(self._settings, name, texts)
        reply = self._send(RequestKind.SUBMISSION, "POST", wire.submit_path(self._settings), body)
        if isinstance(reply, Deferred):
            return reply
        location = reply.headers.get("operation-location", "")
        if wire.is_foreign(self._settings, location):
            logger.warning(
                "The service named an operation on another host; its id is used on the configured endpoint.",
                extra={"action": "foreign_operation_location"},
            )
        return self._heeding(wire.submission_outcome(self._settings, reply, self._clock()))

    def progress(self, operation_url: str) -> Progress:
        """Return the state of a job, with the results of all its pages once it is done."""
        job_id = wire.job_id_of(operation_url) or ""
        path = wire.status_path(self._settings, job_id)
        first = self._page(path)
        if not isinstance(first.progress, Finished):
            return first.progress
        pages: list[Finished] = []
        query, seen = first.next_query, set[str]()
        while query and query not in seen and len(pages) < MAX_PAGES:
            seen.add(query)
            page = self._page(self._next_path(path, query), RequestKind.PAGE)
            if not isinstance(page.progress, Finished):
                # Half a result is no result: the job is asked for as a whole when its message comes back.
                return page.progress
            pages.append(page.progress)
            query = page.next_query
        return wire.join_pages(first.progress, pages)

    def cancel(self, operation_url: str) -> None:
        """Ask the service to stop a job, where the API can; whether it does makes no difference to us."""
        path = wire.cancel_path(self._settings, wire.job_id_of(operation_url) or "")
        if path is not None and not self._take(RequestKind.POLL):
            self._send(RequestKind.POLL, "POST", path)

    def _page(self, path: str, kind: RequestKind = RequestKind.POLL) -> wire.Page:
        reply = self._take(kind) or self._send(kind, "GET", path)
        if isinstance(reply, Deferred):
            return wire.Page(reply, None)
        page = wire.page_outcome(reply, self._clock())
        self._heeding(page.progress)
        return page

    def _next_path(self, path: str, query: str) -> str:
        """Return the path of a further page: the link's query on the operation's own path."""
        base = path.split("?")[0]
        if not self._settings.is_preview and "api-version=" not in query:
            query += f"&api-version={self._settings.language_api_version}"
        return f"{base}?{query}"

    def _take(self, kind: RequestKind) -> Deferred | None:
        wait_s = self._budget.take(kind, self._clock())
        return _over_budget(self._settings, wait_s) if wait_s > 0 else None

    def _send(self, kind: RequestKind, method: str, path: str, body: bytes | None = None) -> wire.Reply | Deferred:
        with telemetry.span(f"{method} {kind.value}", kind=SpanKind.CLIENT, method=method) as span:
            reply = self._exchange(method, path, body)
            status = reply.status if isinstance(reply, wire.Reply) else 0
            span.set_attribute("http.response.status_code", status)
        telemetry.service_requests.add(1, {"kind": kind.value, "status": status})
        if status == 429:
            telemetry.service_throttled.add(1, {"kind": kind.value})
        return reply

    def _exchange(self, method: str, path: str, body: bytes | None) -> wire.Reply | Deferred:
        try:
            response = self._session.request(
                method,
                self._settings.language_endpoint + path,
                data=body,
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                auth=self._auth,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                # A redirect would take the key to another host.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return wire.unreachable(error)
        except Exception as error:
            if _is_credential_error(error):
                return _no_token(error)
            raise
        return wire.Reply(response.status_code, response.headers, response.content)

    def _heeding(self, outcome: T) -> T:
        """Let the whole worker honour the pause that a throttled request was asked for."""
        if isinstance(outcome, Deferred) and outcome.reason is DeferReason.THROTTLED:
            self._budget.pause(min(outcome.retry_after_s or 1.0, 60.0), self._clock())
        return outcome


def _over_budget(settings: Settings, wait_s: float) -> Deferred:
    return Deferred(
        DeferReason.BUDGET,
        Problem(
            "OverBudget",
            f"The worker's budget of {settings.requests_per_minute} requests a minute is used up for the moment, "
            "or the service has asked it to pause.",
            "Nothing to do: the job waits. REQUESTS_PER_MINUTE may be raised if the resource allows more.",
        ),
        wait_s,
    )


def _is_credential_error(error: Exception) -> bool:
    # In this call only the credential is Azure's: it has no identity (ClientAuthenticationError), or can not reach the
    # place that gives tokens (ServiceRequestError).
    from azure.core.exceptions import AzureError

    return isinstance(error, AzureError)


def _no_token(error: Exception) -> Deferred:
    return Deferred(
        DeferReason.MISCONFIGURED,
        Problem(
            "Misconfigured",
            f"No Microsoft Entra ID token could be had for the Language service: {type(error).__name__}.",
            "Give the app an identity with a role on the resource (locally: az login), or set LANGUAGE_KEY. "
            "Documents wait and go on by themselves once that is mended.",
        ),
    )
