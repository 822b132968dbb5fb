"""The Language stand-in in this process, with the model learnt from the samples, and the app's own client before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import requests
from requests.auth import AuthBase

from functions.core.outcomes import Progress, Submission
from functions.core.work import WorkSpec, work_of
from functions.language.auth import KeyAuth, auth_for
from functions.language.budget import RequestBudget
from functions.language.client import LanguageClient, default_session
from functions.settings import Settings
from local.language_service.behaviour import Behaviour
from local.language_service.faults import FaultPlan
from local.language_service.projects import LearntProject, learn_project
from local.language_service.service import LanguageService
from local.stack import MODEL_CACHE, SAMPLES
from local.stand_in.faults import Scripted
from local.stand_in.in_process import InProcessAdapter, MovableClock

ENDPOINT = "https://loans.cognitiveservices.azure.com"
KEY = "local"
ENVIRON = {
    "LANGUAGE_ENDPOINT": ENDPOINT,
    "LANGUAGE_KEY": KEY,
    "LANGUAGE_PROJECT": "loans",
    "LANGUAGE_DEPLOYMENT": "production",
    "DocumentStorage": "UseDevelopmentStorage=true",
}
JOB_S = 2.0
"""How long each job takes, by the clock that the tests move."""


def auth_of(settings: Settings) -> AuthBase:
    """Return who the app is to the first Language resource of its settings."""
    resource = settings.language_resources[0]
    return auth_for(resource.endpoint, resource.key, settings.language_client_id)


@cache
def loans() -> LearntProject:
    """Return the project learnt from the samples; learnt once a machine, then taken from the cache."""
    return learn_project(SAMPLES / "labels.json", SAMPLES / "labelled", MODEL_CACHE)


@dataclass(frozen=True)
class WorkClient:
    """A client that is always asked for the same work."""

    client: LanguageClient
    work: WorkSpec

    def submit(self, name: str, texts: Sequence[str], **options: Any) -> Submission:
        return self.client.submit(self.work, name, texts, **options)

    def progress(self, operation_url: str) -> Progress:
        return self.client.progress(self.work, operation_url)

    def cancel(self, operation_url: str) -> None:
        self.client.cancel(self.work, operation_url)


class Stage:
    """A service whose clock stands still until it is moved, and a client of it."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        faults: FaultPlan | None = None,
        auth: AuthBase | None = None,
        requests_per_minute: int | None = None,
        service: Mapping[str, Any] | None = None,
        session: requests.Session | None = None,
        **behaviour: Any,
    ) -> None:
        self.clock = MovableClock()
        self.settings = Settings.from_env({**ENVIRON, **(environ or {})})
        self.faults = faults or FaultPlan()
        options: dict[str, Any] = {"rate_rules": (), "key": KEY, **(service or {})}
        self.service = LanguageService(
            [loans()],
            behaviour=Behaviour(job_seconds=(JOB_S, JOB_S), **behaviour),
            faults=self.faults,
            clock=self.clock,
            **options,
        )
        if session is None:
            session = default_session()
            session.mount("https://", InProcessAdapter(self.service, wait=self.clock.advance))
        self.session = session
        self.auth = auth or KeyAuth(KEY)
        self.budget = RequestBudget(requests_per_minute or 1_000_000, self.clock())
        self.client = self.client_at(ENDPOINT)

    def client_at(self, endpoint: str) -> "WorkClient":
        """Return a client of the service at an endpoint: that of the adapter, or a port that it listens on."""
        client = LanguageClient(endpoint, self.session, self.auth, self.budget, self.clock)
        return WorkClient(client, work_of(self.settings))

    def script(self, kind: str, **options: Any) -> None:
        """Let the next request, or the next job, suffer a fault."""
        self.faults.script.append(Scripted(kind, **options))

    @property
    def requests(self) -> dict[str, int]:
        """Return how many requests of each kind the service has seen."""
        return dict(self.service.counters.requests)
