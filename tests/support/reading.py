"""The Document Intelligence stand-in in this process, and the app's own client before it."""

from collections.abc import Mapping
from typing import Any

from requests.auth import AuthBase

from functions.language.auth import KeyAuth
from functions.language.bounded_http import bounded_session
from functions.language.budget import RequestBudget
from functions.reading.read_client import ReadClient
from local.document_intelligence.behaviour import Behaviour
from local.document_intelligence.faults import FaultPlan
from local.document_intelligence.service import DocumentIntelligence
from local.stand_in.faults import Scripted
from local.stand_in.in_process import InProcessAdapter, MovableClock

ENDPOINT = "https://scans.cognitiveservices.azure.com"
KEY = "local"
JOB_S = 2.0
"""How long each job takes, by the clock that the tests move."""


class ReadingStage:
    """A service whose clock stands still until it is moved, and a client of it."""

    def __init__(
        self,
        *,
        faults: FaultPlan | None = None,
        auth: AuthBase | None = None,
        requests_per_minute: int = 1_000_000,
        service: Mapping[str, Any] | None = None,
        **behaviour: Any,
    ) -> None:
        self.clock = MovableClock()
        self.faults = faults or FaultPlan()
        options: dict[str, Any] = {"rate_rules": (), **(service or {})}
        self.service = DocumentIntelligence(
            behaviour=Behaviour(job_seconds=(JOB_S, JOB_S), **behaviour),
            faults=self.faults,
            clock=self.clock,
            **options,
        )
        self.session = bounded_session()
        self.session.mount("https://", InProcessAdapter(self.service, wait=self.clock.advance))
        # Whatever proxy the environment names is not for this machine.
        self.session.trust_env = False
        self.auth = auth or KeyAuth(KEY)
        self.budget = RequestBudget(requests_per_minute, self.clock())
        self.client = self.client_at(ENDPOINT)

    def client_at(self, endpoint: str, **limits: Any) -> ReadClient:
        """Return a client of the service at an endpoint: that of the adapter, or a port that it listens on."""
        return ReadClient(endpoint, self.session, self.auth, self.budget, self.clock, **limits)

    def script(self, kind: str, **options: Any) -> None:
        """Let the next request, or the next job, suffer a fault."""
        self.faults.script.append(Scripted(kind, **options))

    @property
    def requests(self) -> dict[str, int]:
        """Return how many requests of each kind the service has seen."""
        return dict(self.service.counters.requests)
