"""One endpoint of one of Azure's AI services, over HTTP: signed, within its budget, bounded in time and bytes.

What the clients of the services share. Nothing that the network or a server does raises here. What goes wrong before a
byte of a request was sent is `Deferred`; what goes wrong later leaves open whether the request was carried out, and is
`Unanswered`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests
from opentelemetry.metrics import Counter
from opentelemetry.trace import SpanKind
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError

from .. import problems, telemetry
from ..core.outcomes import DeferReason, Deferred, Submission, Unanswered
from ..core.time_limits import CONNECT_TIMEOUT_S, LONGEST_EXCHANGE_S, READ_TIMEOUT_S
from ..errors import Problem
from .bounded_http import Exchange, time_limit
from .budget import Budget, RequestKind
from .error_codes import ErrorCodes, Reply, is_json

logger = logging.getLogger(__name__)

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""After decompression, over all replies of a call."""
_UNNEEDED_BYTES = 64 * 1024
"""What is read of a body that nobody needs, so that its connection can be used again."""
_CHUNK_BYTES = 64 * 1024

Clock = Callable[[], datetime]
T = TypeVar("T")


@dataclass(slots=True)
class Allowance:
    """What one call of a client may still take: until a time of `time.monotonic`, and bytes of replies."""

    ends_at: float
    reply_bytes: int

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.ends_at <= time.monotonic()


class Meters(NamedTuple):
    """Where the requests of a service are counted."""

    requests: Counter
    throttled: Counter


class _ReplyTooLarge(Exception):
    pass


class ServiceConnection:
    """Sends requests to one endpoint and nowhere else; shared by all threads.

    `codes` says how the service's errors are understood. `longest_exchange_s` and `max_reply_bytes` bound each call;
    they hold whatever the server does in a session from `bounded_http.bounded_session`.
    """

    def __init__(
        self,
        endpoint: str,
        session: requests.Session,
        auth: AuthBase,
        budget: Budget,
        clock: Clock,
        codes: ErrorCodes,
        meters: Meters,
        *,
        longest_exchange_s: float = LONGEST_EXCHANGE_S,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        self.endpoint = endpoint
        self._session = session
        self._auth = auth
        self._budget = budget
        self._clock = clock
        self._codes = codes
        self._meters = meters
        self._longest_exchange_s = longest_exchange_s
        self._max_reply_bytes = max_reply_bytes

    def allowance(self, deadline_s: float | None = None) -> Allowance:
        """Return what a call that begins now may take; `deadline_s` may shorten it."""
        longest_s = self._longest_exchange_s if deadline_s is None else min(deadline_s, self._longest_exchange_s)
        return Allowance(time.monotonic() + longest_s, self._max_reply_bytes)

    def take(self, kind: RequestKind, send_at: datetime | None = None) -> Deferred | None:
        """Take one request out of the budget; return why to wait where none is left.

        `send_at` is the send time that was booked for it before.
        """
        wait = self._budget.take(kind, self._clock(), send_at)
        if wait is None:
            return None
        over_budget = self._codes.problems.over_budget
        problem = wait.problem or over_budget.problem(requests_per_minute=self._budget.requests_per_minute)
        return Deferred(DeferReason.BUDGET, problem, wait.seconds, wait.send_at)

    def wait_s(self) -> float:
        """Return how many seconds a submission would have to wait for the budget."""
        return self._budget.wait_s(self._clock())

    def submit(
        self,
        path: str,
        allowance: Allowance,
        body: bytes,
        read: Callable[[Reply, datetime], Submission],
        *,
        content_type: str = "application/json",
        has_permit: bool = False,
    ) -> Submission:
        """Submit a job, and return what `read` makes of the reply. With `has_permit` the budget was asked before."""
        if allowance.is_over:
            return Deferred(DeferReason.BUDGET, problems.NO_TIME_LEFT.problem())
        over_budget = None if has_permit else self.take(RequestKind.SUBMISSION)
        if over_budget:
            return over_budget
        reply = self.send(RequestKind.SUBMISSION, "POST", path, allowance, body, content_type)
        if not isinstance(reply, Reply):
            return reply
        try:
            self._check_location(reply)
            outcome = read(reply, self._clock())
        except Exception as error:  # The request was sent: whatever its reply does to us, it may be billed.
            _log_unforeseen(error)
            return Unanswered(self._codes.no_answer(error))
        self.heed(outcome)
        return outcome

    def ask(
        self,
        kind: RequestKind,
        path: str,
        allowance: Allowance,
        read: Callable[[Reply, datetime], T],
        *,
        send_at: datetime | None = None,
    ) -> T | Deferred:
        """Ask for something, and return what `read` makes of the reply; `Deferred` where nothing was learned."""
        reply = self.take(kind, send_at) or self.send(kind, "GET", path, allowance)
        if isinstance(reply, Deferred):
            return reply
        if isinstance(reply, Unanswered):
            return _nothing_learned(reply.problem)
        try:
            return read(reply, self._clock())
        except Exception as error:  # A reply that no test has thought of is a wait, not a fault of the step.
            _log_unforeseen(error)
            return _nothing_learned(self._codes.no_answer(error))

    def heed(self, outcome: object) -> None:
        """Let the whole worker honour the pause that a throttled request was asked for."""
        if isinstance(outcome, Deferred) and outcome.reason is DeferReason.THROTTLED:
            self._budget.pause(min(outcome.retry_after_s or 1.0, 60.0), self._clock())

    def failed(self, error: Exception, job: str) -> Problem:
        """Log an error that nobody has foreseen, and return the problem that it is; `job` says which job it was."""
        logger.exception("The client of a service failed.", extra={"action": "client_failed", "job": job})
        return self._codes.problems.client_failed.problem(error=type(error).__name__)

    def send(
        self,
        kind: RequestKind,
        method: str,
        path: str,
        allowance: Allowance,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Reply | Deferred | Unanswered:
        """Send one request, whatever the budget says, and return its reply."""
        with telemetry.span(f"{method} {kind.value}", kind=SpanKind.CLIENT, method=method) as span:
            reply = self._exchange(method, path, allowance, body, content_type)
            status = reply.status if isinstance(reply, Reply) else 0
            span.set_attribute("http.response.status_code", status)
        self._meters.requests.add(1, {"kind": kind.value, "status": status})
        if status == 429:
            self._meters.throttled.add(1, {"kind": kind.value})
        return reply

    def _check_location(self, reply: Reply) -> None:
        if is_foreign(self.endpoint, reply.headers.get("operation-location", "")):
            logger.warning(
                "The service named an operation on another host; its id is used on the configured endpoint.",
                extra={"action": "foreign_operation_location"},
            )

    def _exchange(
        self, method: str, path: str, allowance: Allowance, body: bytes | None, content_type: str
    ) -> Reply | Deferred | Unanswered:
        try:
            # Signs the request: with an identity, that may ask for a token.
            request = self._session.prepare_request(
                requests.Request(
                    method,
                    self.endpoint + path,
                    data=body,
                    headers={"Accept": "application/json", "Content-Type": content_type},
                    auth=self._auth,
                )
            )
        except requests.RequestException as error:
            return self._codes.unreachable(error)
        except Exception as error:
            if _is_credential_error(error):
                problem = self._codes.problems.no_token.problem(error=type(error).__name__)
                return Deferred(DeferReason.MISCONFIGURED, problem)
            raise
        with time_limit(allowance.ends_at) as exchange:
            try:
                return self._answer(request, allowance, exchange)
            except _ReplyTooLarge:
                return Unanswered(self._codes.too_large(self._max_reply_bytes))
            except Exception as error:
                if _was_surely_not_sent(error, exchange):
                    return self._codes.unreachable(_cause(error))
                return Unanswered(self._codes.no_answer(_cause(error)))

    def _answer(self, request: requests.PreparedRequest, allowance: Allowance, exchange: Exchange) -> Reply:
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
        return Reply(response.status_code, response.headers, body)


def is_foreign(endpoint: str, url: str) -> bool:
    """Whether a URL that the service sent points to another place than the configured endpoint."""
    own = urlsplit(endpoint)
    try:
        given = urlsplit(url)
    except ValueError:
        return True
    return bool(given.netloc) and (given.scheme, given.netloc) != (own.scheme, own.netloc)


def _is_body_needed(request: requests.PreparedRequest, response: requests.Response) -> bool:
    """Whether an outcome can depend on the body of a reply.

    Not if it is in another form than JSON. And not if a job was accepted: its place is in a header, and it is not to be
    lost for a body that should be empty.
    """
    if request.method == "POST" and 200 <= response.status_code < 300:
        return False
    return is_json(response.headers)


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


def _nothing_learned(problem: Problem) -> Deferred:
    return Deferred(DeferReason.UNAVAILABLE, problem)


def _is_credential_error(error: Exception) -> bool:
    # In this call only the credential is Azure's: it has no identity (ClientAuthenticationError), or can not reach the
    # place that gives tokens (ServiceRequestError).
    from azure.core.exceptions import AzureError

    return isinstance(error, AzureError)
