"""The part of the authoring API that the app needs: what is known of a deployment.

Paths, roles and shapes: "REST API reference, Text Analysis Authoring 2023-04-01" and recorded replies (read 2026-11).
"""

from datetime import date, datetime
from urllib.parse import quote

import msgspec
import requests
from requests.auth import AuthBase

from .. import telemetry
from ..core.outcomes import Deferred
from ..errors import Problem
from .budget import RequestBudget, RequestKind
from .connection import Clock, Meters, ServiceConnection
from .error_codes import LANGUAGE, Reply, own_error

API_VERSION = "2023-04-01"
"""The newest GA version of the authoring API; those of the job API are others."""

REQUESTS_PER_MINUTE = 100
"""GETs that a resource takes ("Service limits of Azure AI Language", read 2026-08); they are not of the job API's."""

LONGEST_ANSWER_S = 20.0


class Deployment(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment as the service describes it."""

    deployment_name: str
    model_id: str = ""
    deployment_expiration_date: date | None = None
    """The day on which it stops to answer."""


class AuthoringClient:
    """Asks one Language resource about its projects; raises nothing."""

    def __init__(self, endpoint: str, session: requests.Session, auth: AuthBase, clock: Clock) -> None:
        self._connection = ServiceConnection(
            endpoint,
            session,
            auth,
            RequestBudget(REQUESTS_PER_MINUTE, clock()),
            clock,
            LANGUAGE,
            Meters(telemetry.service_requests, telemetry.service_throttled),
        )

    def deployment(self, project: str, name: str) -> Deployment | Problem:
        """Return what is known of a deployment, or why nothing is."""
        path = f"/language/authoring/analyze-text/projects/{quote(project, safe='')}/deployments/{quote(name, safe='')}"
        try:
            answer = self._connection.ask(
                RequestKind.AUTHORING,
                f"{path}?api-version={API_VERSION}",
                self._connection.allowance(LONGEST_ANSWER_S),
                _read,
            )
        except Exception as error:
            return self._connection.failed(error, "authoring")
        return answer.problem if isinstance(answer, Deferred) else answer


def _read(reply: Reply, now: datetime) -> Deployment | Problem | Deferred:
    if reply.status == 200:
        try:
            return msgspec.json.decode(reply.body, type=Deployment)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return LANGUAGE.unrecognized(reply, "it does not describe a deployment")
    error = own_error(reply)
    if error is None:
        return LANGUAGE.unrecognized(reply)
    return LANGUAGE.deferred(reply, error, now)
