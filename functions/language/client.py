"""The client of the Language service's job API: submit, ask for progress with all its pages, cancel.

Each method makes its requests once, within the shared budget, and returns an outcome; none waits or repeats. What
makes a job come back later is the queue, which costs nothing while it waits.

Nothing that the network or a server does raises here. What goes wrong before a byte of a request was sent is
`Deferred`; what goes wrong later leaves open whether a submission was accepted, and is `Unanswered`.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import requests
from opentelemetry.trace import SpanKind
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError

from .. import problems, telemetry
from ..core.outcomes import DeferReason, Deferred, Finished, Progress, Submission, Unanswered
from ..core.time_limits import CONNECT_TIMEOUT_S, LONGEST_EXCHANGE_S, READ_TIMEOUT_S
from ..core.work import WorkSpec
from ..errors import Problem
from ..settings import PREVIEW_API_VERSION
from . import payloads as wire
from .bounded_http import Exchange, bounded_session, time_limit
from .budget import Budget, RequestKind

logger = logging.getLogger(__name__)

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""After decompression, over all pages of a poll. What 25 documents can bring is a few megabytes."""
_UNNEEDED_BYTES = 64 * 1024
"""What is read of a body that nobody needs, so that its connection can be used again."""
_CHUNK_BYTES = 64 * 1024

MAX_PAGES = 20
"""A job of 25 documents has two pages of 20; a service that goes on linking for ever is not followed for ever."""

Clock = Callable[[], datetime]
T = TypeVar("T")


def default_session() -> requests.Session:
    """Return a session whose connections are shared by all threads of the worker, and whose exchanges are bounded."""
    return bounded_session()


@dataclass(slots=True)
class _Allowance:
    """What one call of the client may still take: until a time of `time.monotonic`, and bytes of replies."""

    ends_at: float
    reply_bytes: int


class _ReplyTooLarge(Exception):
    pass


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
        longest_exchange_s: float = LONGEST_EXCHANGE_S,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._auth = auth
        self._budget = budget
        self._clock = clock
        self._longest_exchange_s = longest_exchange_s
        self._max_reply_bytes = max_reply_bytes

    def take_permit(self) -> Deferred | None:
        """Take one submission out of the budget, for a `submit` that follows; return why to wait where none is left.

        For a caller who has work to do before that request, which would be in vain.
        """
        return self._take(RequestKind.SUBMISSION)

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
        try:
            return self._submit(work, name, texts, languages, has_permit, deadline_s)
        except Exception as error:
            return Unanswered(_client_failed(error, name))

    def _submit(
        self,
        work: WorkSpec,
        name: str,
        texts: Sequence[str],
        languages: Sequence[str | None] | None,
        has_permit: bool,
        deadline_s: float | None,
    ) -> Submission:
        allowance = self._allowance(deadline_s)
        if allowance.ends_at <= time.monotonic():
            return _no_time_left()
        over_budget = None if has_permit else self.take_permit()
        if over_budget:
            return over_budget
        body = wire.submission_body(work, name, texts, languages)
        reply = self._send(RequestKind.SUBMISSION, "POST", wire.submit_path(work.api_version), allowance, body)
        if not isinstance(reply, wire.Reply):
            return reply
        try:
            self._check_location(reply)
            outcome = wire.submission_outcome(self._endpoint, work.api_version, reply, self._clock())
        except Exception as error:  # The request was sent: whatever its reply does to us, it may be billed.
            _log_unforeseen(error)
            return Unanswered(wire.no_answer(error))
        return self._heeding(outcome)

    def progress(self, work: WorkSpec, operation_url: str) -> Progress:
        """Return the state of a job, with the results of all its pages once it is done. Raises nothing."""
        try:
            return self._progress(work.api_version, wire.operation_id_of(operation_url) or "")
        except Exception as error:  # Asking again costs nothing.
            return Deferred(DeferReason.UNAVAILABLE, _client_failed(error, operation_url))

    def _progress(self, api_version: str, operation_id: str) -> Progress:
        path, allowance = wire.status_path(api_version, operation_id), self._allowance()
        first = self._page(path, allowance)
        if not isinstance(first.progress, Finished):
            return first.progress
        pages: list[Finished] = []
        query, seen = first.next_query, set[str]()
        while query and query not in seen and len(pages) < MAX_PAGES:
            seen.add(query)
            page = self._page(_next_path(api_version, path, query), allowance, RequestKind.PAGE)
            if not isinstance(page.progress, Finished):
                # Half a result is no result: the job is asked for as a whole when its message comes back.
                return page.progress
            pages.append(page.progress)
            query = page.next_query
        return wire.join_pages(first.progress, pages)

    def cancel(self, work: WorkSpec, operation_url: str) -> None:
        """Ask the service to stop a job, where the API can; whether it does makes no difference to us."""
        path = wire.cancel_path(work.api_version, wire.operation_id_of(operation_url) or "")
        if path is not None and not self._take(RequestKind.POLL):
            self._send(RequestKind.POLL, "POST", path, self._allowance())

    def _allowance(self, deadline_s: float | None = None) -> _Allowance:
        longest_s = self._longest_exchange_s if deadline_s is None else min(deadline_s, self._longest_exchange_s)
        return _Allowance(time.monotonic() + longest_s, self._max_reply_bytes)

    def _page(self, path: str, allowance: _Allowance, kind: RequestKind = RequestKind.POLL) -> wire.Page:
        reply = self._take(kind) or self._send(kind, "GET", path, allowance)
        if isinstance(reply, Deferred):
            return wire.Page(reply, None)
        if isinstance(reply, Unanswered):
            return _nothing_learned(reply.problem)
        try:
            page = wire.page_outcome(reply, self._clock())
        except Exception as error:  # A reply that no test has thought of is a wait, not a fault of the step.
            _log_unforeseen(error)
            return _nothing_learned(wire.no_answer(error))
        self._heeding(page.progress)
        return page

    def _check_location(self, reply: wire.Reply) -> None:
        if wire.is_foreign(self._endpoint, reply.headers.get("operation-location", "")):
            logger.warning(
                "The service named an operation on another host; its id is used on the configured endpoint.",
                extra={"action": "foreign_operation_location"},
            )

    def _take(self, kind: RequestKind) -> Deferred | None:
        wait_s = self._budget.take(kind, self._clock())
        return _over_budget(self._budget.requests_per_minute, wait_s) if wait_s > 0 else None

    def _send(
        self, kind: RequestKind, method: str, path: str, allowance: _Allowance, body: bytes | None = None
    ) -> wire.Reply | Deferred | Unanswered:
        with telemetry.span(f"{method} {kind.value}", kind=SpanKind.CLIENT, method=method) as span:
            reply = self._exchange(method, path, allowance, body)
            status = reply.status if isinstance(reply, wire.Reply) else 0
            span.set_attribute("http.response.status_code", status)
        telemetry.service_requests.add(1, {"kind": kind.value, "status": status})
        if status == 429:
            telemetry.service_throttled.add(1, {"kind": kind.value})
        return reply

    def _exchange(
        self, method: str, path: str, allowance: _Allowance, body: bytes | None
    ) -> wire.Reply | Deferred | Unanswered:
        try:
            # Signs the request: with an identity, that may ask for a token.
            request = self._session.prepare_request(
                requests.Request(
                    method,
                    self._endpoint + path,
                    data=body,
                    headers={"Accept": "application/json", "Content-Type": "application/json"},
                    auth=self._auth,
                )
            )
        except requests.RequestException as error:
            return wire.unreachable(error)
        except Exception as error:
            if _is_credential_error(error):
                return _no_token(error)
            raise
        with time_limit(allowance.ends_at) as exchange:
            try:
                return self._answer(request, allowance, exchange)
            except _ReplyTooLarge:
                return Unanswered(wire.too_large(self._max_reply_bytes))
            except Exception as error:
                if _was_surely_not_sent(error, exchange):
                    return wire.unreachable(_cause(error))
                return Unanswered(wire.no_answer(_cause(error)))

    def _answer(self, request: requests.PreparedRequest, allowance: _Allowance, exchange: Exchange) -> wire.Reply:
        left_s = exchange.left_s
        if left_s <= 0:  # Getting a token took all the time.
            raise requests.ConnectTimeout("The time limit of the exchange is over; nothing was sent.")
        options = self._session.merge_environment_settings(str(request.url), {}, True, None, None)
        response = self._session.send(
            request,
            timeout=(min(left_s, CONNECT_TIMEOUT_S), min(left_s, READ_TIMEOUT_S)),
            # A redirect would take the key to another host.
            allow_redirects=False,
            **options,
        )
        if _is_body_needed(request, response):
            body = _read(response, allowance.reply_bytes)
            allowance.reply_bytes -= len(body)
        else:
            body = b""
            _read_unneeded(response)
        return wire.Reply(response.status_code, response.headers, body)

    def _heeding(self, outcome: T) -> T:
        """Let the whole worker honour the pause that a throttled request was asked for."""
        if isinstance(outcome, Deferred) and outcome.reason is DeferReason.THROTTLED:
            self._budget.pause(min(outcome.retry_after_s or 1.0, 60.0), self._clock())
        return outcome


def _next_path(api_version: str, path: str, query: str) -> str:
    """Return the path of a further page: the link's query on the operation's own path."""
    base = path.split("?")[0]
    if api_version != PREVIEW_API_VERSION and "api-version=" not in query:
        query += f"&api-version={api_version}"
    return f"{base}?{query}"


def _is_body_needed(request: requests.PreparedRequest, response: requests.Response) -> bool:
    """Whether an outcome can depend on the body of a reply.

    Not if it is in another form than JSON. And not behind a usable operation-location: that job was accepted, and is
    not to be lost for a body that should be empty.
    """
    if request.method == "POST" and 200 <= response.status_code < 300:
        return wire.operation_id_of(response.headers.get("operation-location", "")) is None
    return wire.is_json(response.headers)


def _read_unneeded(response: requests.Response) -> None:
    try:
        _read(response, _UNNEEDED_BYTES)
    except Exception:
        logger.debug("The rest of a body that is not needed could not be read.", exc_info=True)


def _read(response: requests.Response, most: int) -> bytes:
    """Return a body of at most `most` bytes. One that is not read to its end takes its connection with it."""
    if getattr(response, "_content", False) is not False:
        # An adapter that is not urllib3's may bring the body as a whole.
        body = response.content
        if len(body) > most:
            raise _ReplyTooLarge
        return body
    chunks: list[bytes] = []
    size = 0
    try:
        for chunk in response.iter_content(_CHUNK_BYTES):
            size += len(chunk)
            if size > most:
                raise _ReplyTooLarge
            chunks.append(chunk)
    except BaseException:
        response.close()
        raise
    return b"".join(chunks)


def _was_surely_not_sent(error: Exception, exchange: Exchange) -> bool:
    """Whether no byte of a request can have been sent that ended in an error."""
    if exchange.is_bounded:
        return not exchange.has_sent
    # Another transport, of which only its errors are known.
    return isinstance(error, requests.ConnectTimeout) or isinstance(_reason(error), ConnectTimeoutError)


def _reason(error: Exception) -> object:
    """Return urllib3's reason inside an error of `requests`, where there is one."""
    return getattr(error.args[0] if error.args else None, "reason", None)


def _cause(error: Exception) -> Exception:
    """Return the error that says most to an operator: the system's own, where `requests` has wrapped it."""
    reason = _reason(error)
    inner = (reason.__cause__, *reason.args) if isinstance(reason, Exception) else ()
    return next((one for one in inner if isinstance(one, OSError)), error)


def _log_unforeseen(error: Exception) -> None:
    # Its message may quote the reply, and with it a document.
    logger.error(
        "A reply of the service could not be read because of a fault of the app: %s.",
        type(error).__name__,
        extra={"action": "unforeseen_reply"},
    )


def _nothing_learned(problem: Problem) -> wire.Page:
    return wire.Page(Deferred(DeferReason.UNAVAILABLE, problem), None)


def _client_failed(error: Exception, name: str) -> Problem:
    logger.exception("The Language client failed.", extra={"action": "client_failed", "job": name})
    return problems.CLIENT_FAILED.problem(error=type(error).__name__)


def _no_time_left() -> Deferred:
    return Deferred(DeferReason.BUDGET, problems.NO_TIME_LEFT.problem())


def _over_budget(requests_per_minute: int, wait_s: float) -> Deferred:
    problem = problems.OVER_BUDGET.problem(requests_per_minute=requests_per_minute)
    return Deferred(DeferReason.BUDGET, problem, wait_s)


def _is_credential_error(error: Exception) -> bool:
    # In this call only the credential is Azure's: it has no identity (ClientAuthenticationError), or can not reach the
    # place that gives tokens (ServiceRequestError).
    from azure.core.exceptions import AzureError

    return isinstance(error, AzureError)


def _no_token(error: Exception) -> Deferred:
    return Deferred(DeferReason.MISCONFIGURED, problems.NO_TOKEN.problem(error=type(error).__name__))
