"""What every stand-in does with a request: where to, from whom, what goes wrong, how often, and then the work."""

import json
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl

from local.clock import ForwardClock
from local.stand_in import errors
from local.stand_in.errors import Operation, Refusal
from local.stand_in.faults import FaultPlan, FaultSpecError
from local.stand_in.messages import Request, Response, encoded
from local.stand_in.rates import RateLimiter, RateRule

DEFAULT_KEY = "local"
_ADMIN = "/admin/"


class Route(Protocol):
    """What a path asks for."""

    @property
    def operation(self) -> str:
        """The operation, as counters name it; ``submit`` for a submission."""

    @property
    def names(self) -> Operation:
        """The names that the gateway's messages give the operation."""


@dataclass(slots=True)
class AcceptedJob:
    """One accepted job with what was done to it on purpose."""

    job: str
    accepted: str
    #: The injected fate of the job, ``ok`` for none.
    fate: str
    #: The injected fault of the reply to its submission, ``ok`` for none: with ``cut-after`` nobody knows the job.
    reply: str


@dataclass(slots=True)
class RequestCounters:
    """Counts since the start (or the last reset)."""

    requests: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    #: Every accepted job: subclasses of ``AcceptedJob`` of the stand-in's own.
    ledger: list[Any] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Give the counts, without the ledger, as the admin path shows them."""
        return {
            "requests": dict(self.requests),
            "responses": dict(self.responses),
            "throttled": dict(self.throttled),
            "faults": dict(self.faults),
        }

    def ledger_json(self, since: int = 0) -> list[dict[str, Any]]:
        """Give every accepted job from number ``since`` on."""
        return [asdict(entry) for entry in self.ledger[since:]]


RouteT = TypeVar("RouteT", bound=Route)
CountersT = TypeVar("CountersT", bound=RequestCounters)
FaultsT = TypeVar("FaultsT", bound=FaultPlan)


class ServiceStandIn(ABC, Generic[RouteT, CountersT, FaultsT]):
    """The state that stand-ins have in common, and ``handle``. Safe to call from several threads.

    A stand-in says how a path is read (`_route`), what a request is about (`_identity`), how its own faults are
    answered (`_own_refusal`), how its errors look (`_refused`), and does the work (`_perform`).
    """

    def __init__(
        self,
        *,
        key: str,
        tokens: Sequence[str],
        faults: FaultsT,
        new_counters: Callable[[], CountersT],
        rate_rules: Sequence[RateRule],
        clock: Callable[[], datetime] | None,
        admin: bool,
    ) -> None:
        self.faults = faults
        self.counters = new_counters()
        #: Added to the clock; the admin path moves it.
        self.clock_offset = timedelta(0)
        self._new_counters = new_counters
        self._key = key
        self._tokens = frozenset(tokens)
        # The service has a clock of its own: setting this machine's must not stretch a job or a window of requests.
        self._clock = clock or ForwardClock()
        self._admin = admin
        self._limiter = RateLimiter(rate_rules)
        #: How often each request (or the documents of each job) was seen: part of what decides its fault.
        self._seen: Counter[bytes] = Counter()
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """Give the service's time."""
        return self._clock() + self.clock_offset

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        with self._lock:
            if self._admin and request.path.startswith(_ADMIN):
                return self._handle_admin(request)
            now = self.now()
            fault: str | None = None
            degree = 0.0
            route: RouteT | None = None
            try:
                route = self._route(request)
                self._authorize(request)
                fault, degree = self._request_fault(route, request)
                self._refuse_on_purpose(fault, route)
                self._admit(route, request, now)
                response = self._perform(route, request, fault, now)
            except Refusal as refusal:
                response = self._refused(refusal, route, now)
            response = self._deliver(response, fault, degree, now)
            self._count(route, response, fault)
            return response

    # --- what each stand-in does its own way -----------------------------------------------------------------------

    @abstractmethod
    def _route(self, request: Request) -> RouteT:
        """Read the path; raises ``Refusal`` for one that the service does not have."""

    @abstractmethod
    def _identity(self, route: RouteT, request: Request) -> bytes:
        """Say what a request is about: its documents, so that a job's random id does not matter."""

    @abstractmethod
    def _own_refusal(self, fault: str, route: RouteT) -> Refusal | None:
        """Give the reply that a fault stands for, where this service has words of its own."""

    @abstractmethod
    def _refused(self, refusal: Refusal, route: RouteT | None, now: datetime) -> Response:
        """Give the reply of a refusal as this service forms it."""

    @abstractmethod
    def _perform(self, route: RouteT, request: Request, fault: str | None, now: datetime) -> Response:
        """Do what is asked for; raises ``Refusal``."""

    def _admin_answer(self, method: str, part: str, content: Any) -> Any:
        """Answer a part of the admin path that only this stand-in has; None where there is none."""
        return None

    # --- before the work: who, how often, what goes wrong ----------------------------------------------------------

    def _authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token in self._tokens:
            return
        if request.headers.get("ocp-apim-subscription-key") != self._key:
            raise errors.wrong_key()

    def _admit(self, route: RouteT, request: Request, now: datetime) -> None:
        wait = self._limiter.admit(request.path.lower(), now, request.method)
        if wait is not None:
            self.counters.throttled[f"{request.method} {route.operation}"] += 1
            raise errors.too_many_requests(route.names, wait)

    def _request_fault(self, route: RouteT, request: Request) -> tuple[str | None, float]:
        """Give the fault of a request, and a number from 0 to 1 that decides how bad it is."""
        if not self.faults.rates and not self.faults.script:
            return None, 0.0
        identity = self._identity(route, request)
        times = self._times_seen(f"{request.method} {route.operation}".encode() + identity)
        fault = self.faults.for_request(
            request.method, submission=route.operation == "submit", identity=identity, times_seen=times
        )
        return fault, self.faults.draw("degree", request.method, identity, times)

    def _times_seen(self, identity: bytes) -> int:
        self._seen[identity] += 1
        return self._seen[identity] - 1

    def _refuse_on_purpose(self, fault: str | None, route: RouteT) -> None:
        """Raise the refusal that a fault stands for; faults of the delivery come later."""
        if fault is not None:
            common = errors.refusal_for(fault, route.names, self.faults.retry_after_seconds)
            refusal = self._own_refusal(fault, route) or common
            if refusal is not None:
                raise refusal

    def _deliver(self, response: Response, fault: str | None, degree: float, now: datetime) -> Response:
        if fault == "html-200-after":
            return errors.html_page(200).response(now)
        if fault == "bad-redirect-after":
            return errors.malformed_redirect().response(now)
        return self.faults.delivered(response, fault, degree)

    def _count(self, route: RouteT | None, response: Response, fault: str | None) -> None:
        self.counters.requests[route.operation if route else "other"] += 1
        self.counters.responses[str(response.status)] += 1
        if fault:
            self.counters.faults[fault] += 1

    # --- the admin path --------------------------------------------------------------------------------------------

    def _handle_admin(self, request: Request) -> Response:
        part = request.path.removeprefix(_ADMIN).rstrip("/")
        try:
            content = json.loads(request.body) if request.body else {}
            answer = self._common_admin_answer(request, part, content)
        except (ValueError, TypeError, KeyError, FaultSpecError) as exc:
            return Response(400, {"Content-Type": "application/json"}, encoded({"error": str(exc)}))
        status = 404 if answer is None else 200
        return Response(status, {"Content-Type": "application/json"}, encoded(answer))

    def _common_admin_answer(self, request: Request, part: str, content: Any) -> Any:
        match (request.method, part):
            case ("GET", "counters"):
                return self.counters.as_json()
            case ("GET", "ledger"):
                return self.counters.ledger_json(int(dict(parse_qsl(request.query)).get("since", "0")))
            case ("DELETE", "counters"):
                self.counters = self._new_counters()
                return self.counters.as_json()
            case ("GET", "faults"):
                return self.faults.as_json()
            case ("PUT", "faults"):
                self.faults.update(content)
                return self.faults.as_json()
            case ("PUT", "clock"):
                seconds = float(content["advanceSeconds"])
                if not seconds >= 0:
                    raise ValueError(f"advanceSeconds is {seconds:g}; the service's clock does not go back.")
                self.clock_offset += timedelta(seconds=seconds)
                return {"now": self.now().isoformat()}
        return self._admin_answer(request.method, part, content)


def location_header(fault: str | None, base_url: str, path: str) -> dict[str, str]:
    """Give the ``operation-location`` of an accepted job, as a fault has it."""
    location = {
        "missing-location": None,
        "relative-location": path,
        "foreign-location": f"https://service.example.net{path}",
        "bad-location": errors.MALFORMED_ADDRESS,
    }.get(fault or "", f"{base_url}{path}")
    return {"operation-location": location} if location else {}
