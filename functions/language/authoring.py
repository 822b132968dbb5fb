"""The authoring API: projects, labels, training, evaluation and deployments of one Language resource.

Every method makes its request once, within the rate of the API, and returns an outcome; none waits or repeats, and
none raises. Paths, roles and shapes: "REST API reference, Text Analysis Authoring 2023-04-01" and recorded replies
(read 2026-11). Of what a reply links to only ids and queries are used; every request goes to the endpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests
from requests.auth import AuthBase

from .. import problems, telemetry
from ..core.outcomes import Deferred, Unanswered
from ..errors import Problem
from .budget import RequestBudget, RequestKind
from .connection import Clock, Meters, ServiceConnection
from .error_codes import LANGUAGE, Error, Reply, for_record, message_of, own_error

API_VERSION = "2023-04-01"
"""The newest GA version of the authoring API; those of the job API are others."""

READS_PER_MINUTE, WRITES_PER_MINUTE = 80, 8
"""Requests that are sent in a minute: of GETs a resource takes 100, of POSTs 10 ("Service limits of Azure AI Language",
read 2026-08), none of which are the job API's. As many as a burst may have more are left out. How PUT, PATCH and DELETE
count is not published: here they count as POST."""

LONGEST_ANSWER_S = 20.0
LONGEST_TRANSFER_S = 300.0
"""For labels, which may be large."""

PROJECTS = "/language/authoring/analyze-text/projects"
MAX_PAGES = 100

T = TypeVar("T")


class _Reply(msgspec.Struct, frozen=True, rename="camel"):
    """The base of what the service answers: unknown fields are left alone."""


class Deployment(_Reply, frozen=True, rename="camel"):
    """A deployment as the service describes it."""

    deployment_name: str
    model_id: str = ""
    deployment_expiration_date: date | None = None
    """The day on which it stops to answer."""


class Project(_Reply, frozen=True, rename="camel"):
    """A project as the service describes it."""

    project_name: str
    project_kind: str = ""
    storage_input_container_name: str = ""
    language: str = ""
    multilingual: bool | None = None


class Model(_Reply, frozen=True, rename="camel"):
    """A trained model as the service describes it."""

    label: str
    model_id: str = ""
    last_trained_date_time: str = ""
    model_expiration_date: date | None = None
    """The day from which it can not be trained or deployed any more."""


class JobError(_Reply, frozen=True, rename="camel"):
    """An error, or a warning, of a job."""

    code: str = ""
    message: str = ""


class PartState(_Reply, frozen=True, rename="camel"):
    """How far training, or evaluation, has come."""

    percent_complete: float = 0
    status: str = ""


class TrainingResult(_Reply, frozen=True, rename="camel"):
    """What a training job tells of itself."""

    model_label: str = ""
    training_status: PartState = PartState()
    evaluation_status: PartState = PartState()


class Job(_Reply, frozen=True, rename="camel"):
    """A job as the service describes it."""

    status: str
    job_id: str = ""
    created_date_time: str = ""
    errors: list[JobError] | None = None
    warnings: list[JobError] | None = None
    result: TrainingResult | None = None


class Measure(_Reply, frozen=True, rename="camel"):
    """What a model is worth for one category."""

    f1: float = 0
    precision: float = 0
    recall: float = 0
    true_positive_count: int = 0
    false_positive_count: int = 0
    false_negative_count: int = 0


class Cell(_Reply, frozen=True, rename="camel"):
    """A cell of the confusion matrix, in entities; a long entity half of which was found counts partly."""

    raw_value: float = 0


class EntityEvaluation(_Reply, frozen=True, rename="camel"):
    """What a model of entities is worth on its test set."""

    entities: dict[str, Measure] = {}
    confusion_matrix: dict[str, dict[str, Cell]] = {}
    """By the labelled category, then by what was found instead; `$none` for none."""
    micro_f1: float = 0
    micro_precision: float = 0
    micro_recall: float = 0
    macro_f1: float = 0
    macro_precision: float = 0
    macro_recall: float = 0


class Summary(_Reply, frozen=True, rename="camel"):
    """What a model is worth; None for a kind of project that has no entities."""

    custom_entity_recognition_evaluation: EntityEvaluation | None = None


class Marked(_Reply, frozen=True, rename="camel"):
    """An entity in a test document, in UTF-16 code units of its text."""

    category: str
    offset: int
    length: int


class Region(_Reply, frozen=True, rename="camel"):
    """What is labelled and what was found in a part of a test document."""

    expected_entities: list[Marked] = []
    predicted_entities: list[Marked] = []


class EntityResult(_Reply, frozen=True, rename="camel"):
    """The parts of a test document."""

    entities: list[Region] = []


class TestedDocument(_Reply, frozen=True, rename="camel"):
    """What a model has found in one document of its test set."""

    location: str
    custom_entity_recognition_result: EntityResult | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The service has refused a request, in its own form, for what is in it or for how things stand."""

    status: int
    problem: Problem

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == 404

    @property
    def is_conflict(self) -> bool:
        """Whether something else has to end first; which, only the message says."""
        return self.status == 409


@dataclass(frozen=True, slots=True)
class Started:
    """A job was started; asked for by its id."""

    job: str


Asked = Refusal | Deferred
"""What comes of a question that is not answered."""

Sent = Refusal | Deferred | Unanswered
"""What comes of a change that is not confirmed. Deferred: it is not known to have been carried out."""


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
        answer = self.get(f"/{_part(project)}/deployments/{_part(name)}", Deployment)
        return answer if isinstance(answer, Deployment) else answer.problem

    def get(self, path: str, kind: type[T], query: str = "", *, longest_s: float = LONGEST_ANSWER_S) -> T | Asked:
        """Return what lies at a path behind the projects' (`path_of`), as `kind`."""

        def read(reply: Reply, now: datetime) -> T | Asked:
            if reply.status == 200:
                try:
                    return msgspec.json.decode(reply.body, type=kind)
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
                found += msgspec.convert(page.get("value"), list[kind])  # type: ignore[valid-type]
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


def path_of(project: str, *parts: str) -> str:
    """Return the path of something in a project; each part is one of the path, whatever is in it."""
    return "".join(f"/{_part(part)}" for part in (project, *parts))


def _part(name: str) -> str:
    # The verbs begin with a colon, which the service takes as it is.
    return quote(name, safe=":")


def _query_of(link: str) -> str:
    """Return the query of a link, without the version: the path is the one that was asked for."""
    try:
        parts = urlsplit(link).query.split("&")
    except ValueError:
        return ""
    return "".join(f"&{part}" for part in parts if part and not part.startswith("api-version="))


Connect = Callable[[], AuthoringClient]
