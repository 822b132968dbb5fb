"""The authoring API: projects, labels, training, evaluation and deployments of one Language resource.

Every method makes its request once, within the rate of the API, and returns an outcome; none waits or repeats, and
none raises. Paths, roles and shapes: "REST API reference, Text Analysis Authoring 2023-04-01" and recorded replies
(read 2026-11). Of what a reply links to only ids and queries are used; every request goes to the endpoint.
"""

from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase

from .. import problems, telemetry
from ..core.outcomes import Deferred, Unanswered
from ..errors import Problem
from ..typed_data import converted, from_json
from .authoring_service import (
    LONGEST_ANSWER_S,
    LONGEST_TRANSFER_S,
    Asked,
    Deployment,
    Refusal,
    Sent,
    Started,
    path_of,
)
from .budget import RequestBudget, RequestKind
from .connection import Clock, Meters, ServiceConnection
from .error_codes import LANGUAGE, Error, Reply, for_record, message_of, own_error

API_VERSION = "2023-04-01"
"""The newest GA version of the authoring API; those of the job API are others."""

READS_PER_MINUTE, WRITES_PER_MINUTE = 80, 8
"""Requests that are sent in a minute: of GETs a resource takes 100, of POSTs 10 ("Service limits of Azure AI Language",
read 2026-08), none of which are the job API's. As many as a burst may have more are left out. How PUT, PATCH and DELETE
count is not published: here they count as POST."""

PROJECTS = "/language/authoring/analyze-text/projects"
MAX_PAGES = 100

T = TypeVar("T")


class AuthoringClient:
    """Asks one Language resource about its projects, and changes them; raises nothing."""

    def __init__(self, endpoint: str, session: requests.Session, auth: AuthBase, clock: Clock) -> None:
        def connection(per_minute: int) -> ServiceConnection:
            budget = RequestBudget(per_minute, clock())
            meters = Meters(telemetry.service_requests, telemetry.service_throttled)
            return ServiceConnection(
                endpoint, session, auth, budget, clock, LANGUAGE, meters, longest_exchange_s=LONGEST_TRANSFER_S
            )

        self._reads, self._writes = connection(READS_PER_MINUTE), connection(WRITES_PER_MINUTE)
        self._clock = clock

    # --- What there is ---

    def deployment(self, project: str, name: str) -> Deployment | Problem:
        """Return what is known of a deployment, or why nothing is."""
        answer = self.get(path_of(project, "deployments", name), Deployment)
        return answer if isinstance(answer, Deployment) else answer.problem

    def get(self, path: str, kind: type[T], query: str = "", *, longest_s: float = LONGEST_ANSWER_S) -> T | Asked:
        """Return what lies at a path behind the projects' (`path_of`), as `kind`."""

        def read(reply: Reply, now: datetime) -> T | Asked:
            if reply.status == 200:
                try:
                    return from_json(reply.body, kind)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    problem = LANGUAGE.unrecognized(reply, f"it does not describe a {kind.__name__}")
                    return LANGUAGE.says_nothing(reply, now, problem)
            return self._refused(reply, now)

        try:
            address = f"{PROJECTS}{path}?api-version={API_VERSION}{query}"
            outcome = self._reads.ask(RequestKind.AUTHORING, address, self._reads.allowance(longest_s), read)
        except Exception as error:
            return Refusal(0, self._reads.failed(error, "authoring"))
        self._reads.heed(outcome)
        return outcome

    def pages(self, path: str, kind: type[T], query: str = "") -> list[T] | Asked:
        """Return all entries of a list, of all its pages."""
        found: list[T] = []
        links: set[str] = set()
        following: str | None = query
        while following is not None and len(links) < MAX_PAGES:
            page = self.get(path, dict[str, Any], following, longest_s=LONGEST_TRANSFER_S)
            if not isinstance(page, dict):
                return page
            try:
                found += converted(page.get("value"), list[kind])  # type: ignore[valid-type]
            except msgspec.ValidationError as error:
                reply = Reply(200, {"content-type": "application/json"}, b"")
                return Refusal(0, LANGUAGE.unrecognized(reply, f"its list is not one of {kind.__name__} ({error})"))
            link = page.get("nextLink")
            following = _query_of(link) if isinstance(link, str) and link and link not in links else None
            links.add(str(link))
        return found

    # --- What is changed ---

    def start(
        self,
        method: str,
        path: str,
        body: object = None,
        query: str = "",
        *,
        is_encoded: bool = False,
    ) -> Started | Sent:
        """Start a job. `is_encoded` says that the body is JSON already."""
        reply = self._send(method, path, body, query, is_encoded=is_encoded)
        if not isinstance(reply, Reply):
            return reply
        location = reply.headers.get("operation-location", "")
        job = urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1] if location else ""
        return Started(job) if job else LANGUAGE.no_job(reply, self._clock())

    def change(self, method: str, path: str, body: object = None, *, content_type: str = "") -> Sent | None:
        """Change something that needs no job; None where it is done."""
        reply = self._send(method, path, body, content_type=content_type or "application/json")
        return None if isinstance(reply, Reply) else reply

    def _send(
        self,
        method: str,
        path: str,
        body: object,
        query: str = "",
        *,
        is_encoded: bool = False,
        content_type: str = "application/json",
    ) -> Reply | Sent:
        waits = self._writes.take(RequestKind.AUTHORING)
        if waits:
            return waits
        data = body if isinstance(body, bytes) and is_encoded else None if body is None else msgspec.json.encode(body)
        try:
            reply = self._writes.send(
                RequestKind.AUTHORING,
                method,
                f"{PROJECTS}{path}?api-version={API_VERSION}{query}",
                self._writes.allowance(LONGEST_TRANSFER_S),
                data,
                content_type,
            )
        except Exception as error:
            return Unanswered(self._writes.failed(error, "authoring"))
        if not isinstance(reply, Reply):
            return reply
        if 200 <= reply.status < 300:
            return reply
        if own_error(reply) is None:  # Of something in between: it may have been passed on before.
            return Unanswered(LANGUAGE.unrecognized(reply))
        outcome = self._refused(reply, self._clock())
        self._writes.heed(outcome)
        return outcome

    def _refused(self, reply: Reply, now: datetime) -> Asked:
        error = own_error(reply)
        if error is None:
            return LANGUAGE.says_nothing(reply, now, LANGUAGE.unrecognized(reply))
        if 400 <= reply.status < 500 and reply.status not in (408, 429):
            deferred = LANGUAGE.deferred(reply, error, now)
            # A 403 that asks for a wait is the quota, which is renewed.
            if reply.status == 403 and deferred.retry_after_s is not None:
                return deferred
            return Refusal(reply.status, _problem(reply.status, error, deferred))
        return LANGUAGE.deferred(reply, error, now)


def _problem(status: int, error: Error, deferred: Deferred) -> Problem:
    if status in (401, 403, 404):
        return deferred.problem
    return problems.AUTHORING_REFUSED.problem(service=for_record(error), status=status, reason=message_of(error))


def _query_of(link: str) -> str:
    """Return the query of a link, without the version: the path is the one that was asked for."""
    try:
        parts = urlsplit(link).query.split("&")
    except ValueError:
        return ""
    return "".join(f"&{part}" for part in parts if part and not part.startswith("api-version="))
