"""The stand-in as a function from request to response, over a small state and a clock that is passed in.

Nothing here knows sockets: ``web`` puts it behind HTTP, ``in_process`` behind a ``requests`` session.
"""

import json
import random
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl

from local.clock import ForwardClock
from local.language_service import errors, oddities, wire
from local.language_service.behaviour import ANY_PROJECT, Behaviour
from local.language_service.counters import Counters
from local.language_service.faults import POISONED, FaultPlan
from local.language_service.jobs import Dialect, Document, Job, Submission, Task, view
from local.language_service.labels import ProjectKind
from local.language_service.limits import MAX_TOP_PREVIEW, RECORDED_RULES
from local.language_service.model import Entity
from local.language_service.text_units import offsets_in
from local.stand_in import errors as gateway_errors
from local.stand_in.errors import Operation, Refusal
from local.stand_in.faults import FaultSpecError
from local.stand_in.messages import Request, Response, encoded
from local.stand_in.rates import RateLimiter, RateRule

DEFAULT_KEY = "local"

_GA_JOBS = re.compile(r"/language/analyze-text/jobs(?:/(?P<job>[^/:]+)(?P<cancel>:cancel)?)?/?", re.IGNORECASE)
_PREVIEW_JOBS = re.compile(
    r"/text/analytics/(?P<version>v3\.1-preview\.ct\.1|v3\.2-preview\.[12])/analyze(?:/jobs/(?P<job>[^/]+))?/?",
    re.IGNORECASE,
)
_ADMIN = "/admin/"
_PERMISSION = (
    "Microsoft.CognitiveServices/accounts/Language/analyze-text/jobs/action to perform "
    "POST /language/analyze-text/jobs operation."
)
#: The first version whose error replies repeat the code in a header (docs/language-api.md 4).
_ERROR_CODE_HEADER_SINCE = "2024-11-01"


class Project(Protocol):
    """A deployed project: what it is called, what it can do, and its model."""

    @property
    def name(self) -> str | None:
        """The project's name; ``None`` answers to any name."""

    @property
    def kind(self) -> ProjectKind:
        """What the project does."""

    def entities(self, text: str) -> Sequence[Entity]:
        """Find the entities of a text (projects of kind ``ENTITIES``)."""

    def classes(self, text: str) -> Sequence[tuple[str, float]]:
        """Find the classes of a text with their confidences (projects that classify)."""


OperationName = Literal["submit", "status", "cancel"]


@dataclass(frozen=True, slots=True)
class _Route:
    """What a path asks for."""

    operation: OperationName
    dialect: Dialect
    version: str
    job_id: str = ""

    @property
    def names(self) -> Operation:
        """The names that the gateway's messages give the operation."""
        names = {
            "submit": "Submit analysis job",
            "status": "Get analysis status and results",
            "cancel": "Cancel analysis job",
        }
        api = f"Text Analytics API ({self.version})" if self.dialect.is_preview else f"Language API ({self.version})"
        return Operation(names[self.operation], api, "TextAnalytics", "S", _PERMISSION)


class LanguageService:
    """The state of the stand-in and its one trigger, ``handle``. Safe to call from several threads."""

    def __init__(
        self,
        projects: Sequence[Project],
        *,
        key: str = DEFAULT_KEY,
        tokens: Sequence[str] = (),
        behaviour: Behaviour | None = None,
        faults: FaultPlan | None = None,
        rate_rules: Sequence[RateRule] = RECORDED_RULES,
        clock: Callable[[], datetime] | None = None,
        admin: bool = False,
        new_job_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.projects = tuple(projects)
        self.behaviour = behaviour or Behaviour()
        self.faults = faults or FaultPlan()
        self.counters = Counters()
        #: Added to the clock; the admin path moves it.
        self.clock_offset = timedelta(0)
        self._key = key
        self._tokens = frozenset(tokens)
        # The service has a clock of its own: setting this machine's must not stretch a job or a window of requests.
        self._clock = clock or ForwardClock()
        self._admin = admin
        self._new_job_id = new_job_id
        self._limiter = RateLimiter(rate_rules)
        self._jobs: dict[str, Job] = {}
        #: How often each request (or the documents of each job) was seen: part of what decides its fault.
        self._seen: Counter[bytes] = Counter()
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """Give the service's time."""
        return self._clock() + self.clock_offset

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        if self._admin and request.path.startswith(_ADMIN):
            with self._lock:
                return self._handle_admin(request)
        with self._lock:
            now = self.now()
            fault: str | None = None
            chance = 0.0
            route: _Route | None = None
            try:
                route = self._route(request)
                self._authorize(request)
                fault, chance = self._request_fault(route, request)
                self._refuse_on_purpose(fault, route)
                self._admit(route, request, now)
                response = self._perform(route, request, fault, now)
            except Refusal as refusal:
                response = self._refused(refusal, route, now)
            response = self._deliver(response, fault, chance, now)
            self._count(route, response, fault)
            return response

    # --- before the work: where, who, how often --------------------------------------------------------------------

    def _route(self, request: Request) -> _Route:
        match = _GA_JOBS.fullmatch(request.path)
        if match:
            version = dict(parse_qsl(request.query)).get("api-version", "")
            if version not in wire.API_VERSIONS:
                raise gateway_errors.no_such_path()
            return _route_of(request.method, Dialect.GA, version, match["job"], bool(match["cancel"]))
        match = _PREVIEW_JOBS.fullmatch(request.path)
        if match:
            version = match["version"].lower()
            dialect = Dialect.V32
            if version == "v3.1-preview.ct.1":
                dialect = Dialect.CT1_DOCS if self.behaviour.preview_shape == "docs" else Dialect.CT1_CLIENT
            return _route_of(request.method, dialect, version, match["job"], cancel=False)
        raise gateway_errors.no_such_path()

    def _authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token in self._tokens:
            return
        if request.headers.get("ocp-apim-subscription-key") != self._key:
            raise gateway_errors.wrong_key()

    def _admit(self, route: _Route, request: Request, now: datetime) -> None:
        wait = self._limiter.admit(request.path.lower(), now)
        if wait is not None:
            self.counters.throttled[f"{request.method} {route.operation}"] += 1
            raise gateway_errors.too_many_requests(route.names, wait)

    # --- faults of a request ---------------------------------------------------------------------------------------

    def _request_fault(self, route: _Route, request: Request) -> tuple[str | None, float]:
        """Give the fault of a request, and a number from 0 to 1 that decides how bad it is."""
        if not self.faults.rates and not self.faults.script:
            return None, 0.0
        identity = self._identity(route, request)
        times = self._times_seen(f"{request.method} {route.operation}".encode() + identity)
        fault = self.faults.for_request(
            request.method, submission=route.operation == "submit", identity=identity, times_seen=times
        )
        return fault, self.faults.draw("degree", request.method, identity, times)

    def _identity(self, route: _Route, request: Request) -> bytes:
        """Say what a request is about: the documents' texts, so that a job's random id does not matter."""
        if route.operation == "submit":
            return texts_digest(_texts(request.body))
        job = self._jobs.get(route.job_id)
        return texts_digest([document.text for document in job.submission.documents]) if job else b"unknown"

    def _times_seen(self, identity: bytes) -> int:
        self._seen[identity] += 1
        return self._seen[identity] - 1

    def _refuse_on_purpose(self, fault: str | None, route: _Route) -> None:
        """Raise the refusal that a fault stands for; faults of the delivery come later."""
        if fault is None:
            return
        refusal = gateway_errors.refusal_for(fault, route.names, self.faults.retry_after_seconds)
        if fault == "other-key-401":
            refusal = errors.other_kind_of_key(route.names)
        elif fault == "unknown-project":
            refusal = errors.unknown_project(self._unknown_project_status(), "(injected)", "")
        elif fault == "json-404":
            refusal = errors.unknown_job(404, route.job_id)
        if refusal is not None:
            raise refusal

    def _deliver(self, response: Response, fault: str | None, chance: float, now: datetime) -> Response:
        if fault == "html-200-after":
            return gateway_errors.html_page(200).response(now)
        if fault == "bad-redirect-after":
            return gateway_errors.malformed_redirect().response(now)
        return self.faults.delivered(response, fault, chance)

    # --- the operations --------------------------------------------------------------------------------------------

    def _perform(self, route: _Route, request: Request, fault: str | None, now: datetime) -> Response:
        if route.operation == "submit":
            return self._submit(route, request, fault, now)
        job = self._job(route.job_id, route.dialect, now)
        if route.operation == "cancel":
            return self._cancel(job, route, request, now)
        return self._status(job, route, request, now)

    def _submit(self, route: _Route, request: Request, fault: str | None, now: datetime) -> Response:
        submission = wire.parse_submission(request.body, route.dialect, route.version, self.behaviour)
        for document in submission.documents:
            if any(text in document.text for text in self.faults.refused_texts):
                raise errors.bad_document(f"Document {document.id} cannot be processed.")
        submission = replace(submission, tasks=tuple(self._resolved(task) for task in submission.tasks))
        job = self._start(submission, now)
        self._jobs[job.id] = job
        self.counters.accept(job, fault, now)
        if job.fate:
            self.counters.faults[job.fate] += 1
        self._forget_old_jobs(now)
        return self._accepted(job, request, fault, now)

    def _resolved(self, task: Task) -> Task:
        """Check that a task's project and deployment exist; raises ``Refusal`` or gives a task bound to fail."""
        if task.error is not None or self._project(task) is not None:
            return task
        if self.behaviour.unknown_project == "failed-task":
            return replace(task, error=errors.unknown_project_error(task.project, task.deployment))
        raise errors.unknown_project(self._unknown_project_status(), task.project, task.deployment)

    def _unknown_project_status(self) -> int:
        return 400 if self.behaviour.unknown_project == "400" else 404

    def _project(self, task: Task) -> Project | None:
        deployments = self.behaviour.deployments
        # A model id of ct.1 stands for project and deployment at once.
        if deployments is not None and task.deployment and task.deployment not in deployments:
            return None
        of_kind = [project for project in self.projects if project.kind is task.kind]
        named = [project for project in of_kind if project.name is None or project.name == task.project]
        if named:
            return named[0]
        is_model_id = task.pointer.startswith("#/tasks/custom") and not task.deployment
        any_name = is_model_id or not self.behaviour.project_names.isdisjoint({task.project, ANY_PROJECT})
        return of_kind[0] if any_name and of_kind else None

    def _start(self, submission: Submission, now: datetime) -> Job:
        """Give the submission a job whose course is drawn from the seed and its documents."""
        identity = texts_digest([document.text for document in submission.documents])
        times = self._times_seen(b"job" + identity)
        poisoned = self.faults.is_poison(document.text for document in submission.documents)
        fate = POISONED if poisoned else self.faults.for_job(identity, times)
        course = random.Random(f"{self.faults.seed}|{times}|{identity.hex()}")
        low, high = self.behaviour.job_seconds
        last = course.uniform(low, high)
        finish = sorted(course.uniform(low, last) if low < last else last for _ in submission.tasks[1:])
        waits = self.faults.not_started_seconds if fate == "not-started-long" else 0.0
        starts = now + timedelta(seconds=waits + min(0.5, last * 0.2))
        return Job(
            id=self._new_job_id(),
            submission=_doomed(submission, fate),
            accepted_at=now,
            starts_at=starts,
            finish_at=tuple(now + timedelta(seconds=waits + seconds) for seconds in [*finish, last]),
            fate=fate,
            chance=course.random(),
        )

    def _forget_old_jobs(self, now: datetime) -> None:
        # Jobs are kept in the order of their acceptance, so the old ones are first.
        while self._jobs:
            job = next(iter(self._jobs.values()))
            if job.expires_at > now:
                break
            del self._jobs[job.id]

    def _job(self, job_id: str, dialect: Dialect, now: datetime) -> Job:
        job = self._jobs.get(job_id)
        if job is None or now >= job.expires_at or job.submission.dialect.is_preview != dialect.is_preview:
            raise errors.unknown_job(self.behaviour.unknown_job_status, job_id)
        job.polls += 1
        # A vanishing job is gone at once, or shows itself once or twice before.
        if job.fate == "vanished" and job.polls > int(job.chance * 3):
            raise errors.unknown_job(self.behaviour.unknown_job_status, job_id)
        return job

    def _status(self, job: Job, route: _Route, request: Request, now: datetime) -> Response:
        preview = route.dialect.is_preview
        query = dict(parse_qsl(request.query))
        page = wire.parse_page(query, route.dialect, MAX_TOP_PREVIEW if preview else None)
        if self.behaviour.most_on_a_page is not None:
            page = replace(page, top=min(page.size, self.behaviour.most_on_a_page))
        body = wire.render_job(
            job,
            view(job, now),
            page,
            request.base_url,
            self.behaviour,
            lambda task, document: self._results_of(job, task, document),
        )
        status = self.behaviour.preview_poll_status if preview else 200
        return self._response(status, route.version, now, body=oddities.deepened(encoded(body), job.fate))

    def _results_of(self, job: Job, task: Task, document: Document) -> dict[str, Any]:
        project = self._project(task)
        if project is None:  # the switches were changed since
            return {}
        if task.kind is ProjectKind.ENTITIES:
            return {"entities": self._entities_json(job, task, document, project)}
        return _classes_json(project.classes(document.text), task, job.submission.dialect)

    def _entities_json(self, job: Job, task: Task, document: Document, project: Project) -> list[dict[str, Any]]:
        to_unit = offsets_in(document.text, task.string_index_type)
        found = list(project.entities(document.text))
        if self.behaviour.entity_order == "category":
            found.sort(key=lambda entity: (entity.category, entity.offset))
        listed = []
        for n, entity in enumerate(found):
            offset, end = to_unit(entity.offset), to_unit(entity.offset + entity.length)
            if job.fate == "misfit-offsets" and n == 0:
                offset, end = offset + 1, end + 1
            listed.append(
                {
                    "text": entity.text,
                    "category": entity.category,
                    "offset": offset,
                    "length": end - offset,
                    "confidenceScore": entity.confidence,
                }
            )
        return listed

    def _cancel(self, job: Job, route: _Route, request: Request, now: datetime) -> Response:
        if view(job, now).is_final:
            raise errors.cannot_cancel(job.id)
        if job.cancelled_at is None:
            low, high = self.behaviour.cancel_seconds
            job.cancelled_at = now
            job.cancel_done_at = now + timedelta(seconds=low + (high - low) * job.chance)
        return self._accepted(job, request, None, now)

    # --- replies ---------------------------------------------------------------------------------------------------

    def _accepted(self, job: Job, request: Request, fault: str | None, now: datetime) -> Response:
        submission = job.submission
        if submission.dialect.is_preview:
            path = f"/text/analytics/{submission.api_version}/analyze/jobs/{job.id}"
        else:
            path = f"/language/analyze-text/jobs/{job.id}?api-version={submission.api_version}"
        location = {
            "missing-location": None,
            "relative-location": path,
            "foreign-location": f"https://language.example.net{path}",
            "bad-location": gateway_errors.MALFORMED_ADDRESS,
        }.get(fault or "", f"{request.base_url}{path}")
        headers = {"operation-location": location} if location else {}
        # The preview answered in chunks, the later API with a length of 0.
        framing = {"Transfer-Encoding": "chunked"} if submission.dialect.is_preview else {"Content-Length": "0"}
        return self._response(202, submission.api_version, now, headers={**headers, **framing})

    def _response(
        self, status: int, version: str, now: datetime, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        common = {
            "apim-request-id": str(uuid.uuid4()),
            "Date": format_datetime(now, usegmt=True),
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
            "X-Content-Type-Options": "nosniff",
            "x-envoy-upstream-service-time": "20",
        }
        if version >= "2022-10" and not version.startswith("v"):
            common["x-ms-region"] = self.behaviour.region
        if body:
            common["Content-Type"] = "application/json; charset=utf-8"
        return Response(status, {**common, **(headers or {})}, body)

    def _refused(self, refusal: Refusal, route: _Route | None, now: datetime) -> Response:
        names_code = route is not None and not route.dialect.is_preview and route.version >= _ERROR_CODE_HEADER_SINCE
        return refusal.response(now, {"x-ms-error-code": refusal.error.code} if names_code else None)

    def _count(self, route: _Route | None, response: Response, fault: str | None) -> None:
        counters = self.counters
        counters.requests[route.operation if route else "other"] += 1
        counters.responses[str(response.status)] += 1
        if fault:
            counters.faults[fault] += 1

    # --- the admin path --------------------------------------------------------------------------------------------

    def _handle_admin(self, request: Request) -> Response:
        part = request.path.removeprefix(_ADMIN).rstrip("/")
        try:
            answer = self._admin_answer(part, request)
        except (ValueError, TypeError, KeyError, FaultSpecError) as exc:
            return Response(400, {"Content-Type": "application/json"}, encoded({"error": str(exc)}))
        status = 404 if answer is None else 200
        return Response(status, {"Content-Type": "application/json"}, encoded(answer))

    def _admin_answer(self, part: str, request: Request) -> Any:
        content = json.loads(request.body) if request.body else {}
        match (request.method, part):
            case ("GET", "counters"):
                return self.counters.as_json()
            case ("GET", "ledger"):
                return self.counters.ledger_json(int(dict(parse_qsl(request.query)).get("since", "0")))
            case ("DELETE", "counters"):
                self.counters = Counters()
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
            case ("POST", "entities"):
                return self._admin_entities(str(content["text"]))
        return None

    def _admin_entities(self, text: str) -> list[dict[str, Any]]:
        """Give what the first entity project finds in a text, with offsets in code points."""
        for project in self.projects:
            if project.kind is ProjectKind.ENTITIES:
                return [entity._asdict() for entity in project.entities(text)]
        raise ValueError("No labels file of a project for entities was given.")


def _route_of(method: str, dialect: Dialect, version: str, job_id: str | None, cancel: bool) -> _Route:
    if method == "POST" and job_id is None:
        return _Route("submit", dialect, version)
    if method == "POST" and job_id and cancel:
        return _Route("cancel", dialect, version, job_id)
    if method == "GET" and job_id and not cancel:
        return _Route("status", dialect, version, job_id)
    raise gateway_errors.no_such_path()


def _texts(body: bytes) -> list[str]:
    """Read the documents' texts out of a submission that may be anything."""
    try:
        return [str(document["text"]) for document in json.loads(body)["analysisInput"]["documents"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def texts_digest(texts: Sequence[str]) -> bytes:
    """Give what faults are drawn by: a digest of the texts of a request."""
    digest = blake2b(digest_size=16)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.digest()


def _doomed(submission: Submission, fate: str | None) -> Submission:
    """Let the fate of a job fall on its tasks and documents."""
    tasks, documents = list(submission.tasks), list(submission.documents)
    if fate in ("failed", "failed-bare", "failed-internal", POISONED):
        tasks = [replace(task, error=errors.TASK_FAILED) for task in tasks]
    elif fate == "failed-project":
        tasks = [replace(task, error=errors.unknown_project_error(task.project, task.deployment)) for task in tasks]
    elif fate == "partial" and len(tasks) > 1:
        tasks[-1] = replace(tasks[-1], error=errors.TASK_FAILED)
    elif fate == "document-error":
        documents[0] = replace(documents[0], error=errors.DOCUMENT_FAILED)
    elif fate == "document-internal":
        documents = [replace(document, error=errors.DOCUMENT_INTERNAL) for document in documents]
    elif fate == "document-unknown":
        documents = [replace(document, error=errors.DOCUMENT_UNKNOWN) for document in documents]
    else:
        return submission
    return replace(submission, tasks=tuple(tasks), documents=tuple(documents))


def _classes_json(found: Sequence[tuple[str, float]], task: Task, dialect: Dialect) -> dict[str, Any]:
    """Write classes under the name that each generation had for them (docs/language-api.md 6)."""
    listed = [{"category": category, "confidenceScore": confidence} for category, confidence in found]
    if dialect is Dialect.GA:
        return {"class": listed}
    if dialect is Dialect.CT1_DOCS:
        return {"classes": listed}
    if task.kind is ProjectKind.SINGLE_LABEL:
        return {"classification": listed[0] if listed else None}
    return {"classifications": listed}
