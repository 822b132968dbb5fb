"""The stand-in as a function from request to response, over a small state and a clock that is passed in.

Nothing here knows sockets: ``web`` puts it behind HTTP, ``in_process`` behind a ``requests`` session.
"""

import json
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal
from urllib.parse import parse_qsl

from local.language_service import errors, oddities, prebuilt, wire
from local.language_service.authoring import AuthoringApi, AuthoringRoute, expired_deployment, route_of
from local.language_service.authoring_state import Authoring, describing
from local.language_service.behaviour import ANY_PROJECT, Behaviour
from local.language_service.counters import Counters
from local.language_service.faults import POISONED, FaultPlan
from local.language_service.jobs import Dialect, Document, Job, Submission, Task, view
from local.language_service.labels import ProjectKind
from local.language_service.limits import MAX_TOP_PREVIEW, RECORDED_RULES
from local.language_service.model import Entity
from local.language_service.prebuilt import Found, PrebuiltKind
from local.language_service.projects import Project
from local.stand_in import errors as gateway_errors
from local.stand_in.base import DEFAULT_KEY, ServiceStandIn, location_header
from local.stand_in.errors import Operation, Refusal
from local.stand_in.messages import Request, Response, encoded, service_reply
from local.stand_in.rates import RateRule
from local.stand_in.text_units import offsets_in

_GA_JOBS = re.compile(r"/language/analyze-text/jobs(?:/(?P<job>[^/:]+)(?P<cancel>:cancel)?)?/?", re.IGNORECASE)
_PREVIEW_JOBS = re.compile(
    r"/text/analytics/(?P<version>v3\.1-preview\.ct\.1|v3\.2-preview\.[12])/analyze(?:/jobs/(?P<job>[^/]+))?/?",
    re.IGNORECASE,
)
_JOB_ID = re.compile(r"[0-9a-f-]{36}_\d+")
_PERMISSION = (
    "Microsoft.CognitiveServices/accounts/Language/analyze-text/jobs/action to perform "
    "POST /language/analyze-text/jobs operation."
)
#: The first version whose error replies repeat the code in a header (docs/language-api.md 4).
_ERROR_CODE_HEADER_SINCE = "2024-11-01"


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


class LanguageService(ServiceStandIn[_Route | AuthoringRoute, Counters, FaultPlan]):
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
        authoring: Authoring | None = None,
    ) -> None:
        super().__init__(
            key=key,
            tokens=tokens,
            faults=faults or FaultPlan(),
            new_counters=Counters,
            rate_rules=rate_rules,
            clock=clock,
            admin=admin,
        )
        self.projects = tuple(projects)
        self.behaviour = behaviour or Behaviour()
        #: Without one given, it describes the projects, and trains nothing.
        self.authoring = AuthoringApi(
            authoring or describing(self.projects, self.behaviour.deployments, self._clock()), self.behaviour.region
        )
        self._new_job_id = new_job_id
        self._jobs: dict[str, Job] = {}

    def _route(self, request: Request) -> _Route | AuthoringRoute:
        if route := route_of(request):
            return route
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

    def _identity(self, route: _Route | AuthoringRoute, request: Request) -> bytes:
        """Say what a request is about: the documents' texts, so that a job's random id does not matter."""
        if isinstance(route, AuthoringRoute):
            return "/".join(part for part in route.parts if not _JOB_ID.fullmatch(part)).encode()
        if route.operation == "submit":
            return texts_digest(_texts(request.body))
        job = self._jobs.get(route.job_id)
        return texts_digest([document.text for document in job.submission.documents]) if job else b"unknown"

    def _own_refusal(self, fault: str, route: _Route | AuthoringRoute) -> Refusal | None:
        match fault:
            case "other-key-401":
                return errors.other_kind_of_key(route.names)
            case "unknown-project":
                return errors.unknown_project(self._unknown_project_status(), "(injected)", "")
            case "json-404" if isinstance(route, _Route):
                return errors.unknown_job(404, route.job_id)
        return None

    # --- the operations --------------------------------------------------------------------------------------------

    def _perform(self, route: _Route | AuthoringRoute, request: Request, fault: str | None, now: datetime) -> Response:
        self.authoring.state.settle(now)
        if isinstance(route, AuthoringRoute):
            return self.authoring.perform(route, request, now)
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
        submission = replace(submission, tasks=tuple(self._resolved(task, now) for task in submission.tasks))
        job = self._start(submission, now)
        self._jobs[job.id] = job
        self.counters.accept(job, fault, now)
        if job.fate:
            self.counters.faults[job.fate] += 1
        self._forget_old_jobs(now)
        return self._accepted(job, request, fault, now)

    def _resolved(self, task: Task, now: datetime) -> Task:
        """Check that a task's project and deployment exist; raises ``Refusal`` or gives a task bound to fail."""
        if task.error is not None or isinstance(task.kind, PrebuiltKind):
            return task
        if self._project(task) is not None:
            return self._unless_expired(task, now)
        if self.behaviour.unknown_project == "failed-task":
            return replace(task, error=errors.unknown_project_error(task.project, task.deployment))
        raise errors.unknown_project(self._unknown_project_status(), task.project, task.deployment)

    def _unless_expired(self, task: Task, now: datetime) -> Task:
        """Refuse a task whose deployment is past its date, or give one bound to fail."""
        expired = self.authoring.state.expiration(task.project, task.deployment)
        if self.authoring.state.deployed(task.project, task.deployment) is None or not expired or now.date() <= expired:
            return task
        error = expired_deployment(task.project, task.deployment, expired)
        if self.behaviour.expired_deployment == "failed-task":
            return replace(task, error=error)
        raise Refusal(int(self.behaviour.expired_deployment), error)

    def _unknown_project_status(self) -> int:
        return 400 if self.behaviour.unknown_project == "400" else 404

    def _project(self, task: Task) -> Project | None:
        deployed = self.authoring.state.deployed(task.project, task.deployment)
        if deployed and deployed.model.learnt.kind is task.kind:
            return deployed.model.learnt
        if self.authoring.state.knows_deployments_of(task.project):
            return None
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
        if isinstance(task.kind, PrebuiltKind):
            return self._prebuilt_results(job, task, document)
        project = self._project(task)
        if project is None:  # the switches were changed since
            return {}
        if task.kind is ProjectKind.ENTITIES:
            return {"entities": self._entities_json(job, task, document, project.entities(document.text))}
        return _classes_json(project.classes(document.text), task, job.submission.dialect)

    def _prebuilt_results(self, job: Job, task: Task, document: Document) -> dict[str, Any]:
        text, parameters = document.text, task.parameters
        match task.kind:
            case PrebuiltKind.ENTITIES:
                return {"entities": self._entities_json(job, task, document, prebuilt.entities(text, parameters))}
            case PrebuiltKind.PII:
                found = prebuilt.pii(text, parameters)
                redacted = prebuilt.redacted(text, found, parameters)
                return {"redactedText": redacted, "entities": self._entities_json(job, task, document, found)}
            case PrebuiltKind.HEALTHCARE:
                return self._healthcare_results(job, task, document)
        return {"keyPhrases": prebuilt.key_phrases(text)}

    def _healthcare_results(self, job: Job, task: Task, document: Document) -> dict[str, Any]:
        found, relations = prebuilt.healthcare(document.text)
        entities = self._entities_json(job, task, document, [one.found for one in found])
        for entity, one in zip(entities, found, strict=True):
            if one.assertion:
                entity["assertion"] = dict(one.assertion)
            if one.name:
                entity["name"] = one.name
            if one.links:
                entity["links"] = [{"dataSource": source, "id": identifier} for source, identifier in one.links]
        place = wire.answered(job).index(document)
        return {
            "entities": entities,
            "relations": [
                {
                    "relationType": relation.kind,
                    "confidenceScore": relation.confidence,
                    "entities": [
                        {"ref": f"#/results/documents/{place}/entities/{number}", "role": role}
                        for number, role in relation.roles
                    ],
                }
                for relation in relations
            ],
        }

    def _entities_json(
        self, job: Job, task: Task, document: Document, found: Sequence[Entity] | Sequence[Found]
    ) -> list[dict[str, Any]]:
        to_unit = offsets_in(document.text, task.string_index_type)
        listed: list[Entity | Found] = [*found]
        # Relations name entities by their place, so those of healthcare stay where they are.
        if self.behaviour.entity_order == "category" and task.kind is not PrebuiltKind.HEALTHCARE:
            listed.sort(key=lambda entity: (entity.category, entity.offset))
        entities = []
        for n, entity in enumerate(listed):
            offset, end = to_unit(entity.offset), to_unit(entity.offset + entity.length)
            if job.fate == "misfit-offsets" and n == 0:
                offset, end = offset + 1, end + 1
            subcategory = entity.subcategory if isinstance(entity, Found) else None
            entities.append(
                {
                    "text": entity.text,
                    "category": entity.category,
                    **({"subcategory": subcategory} if subcategory else {}),
                    "offset": offset,
                    "length": end - offset,
                    "confidenceScore": entity.confidence,
                }
            )
        return entities

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
        # The preview answered in chunks, the later API with a length of 0.
        framing = {"Transfer-Encoding": "chunked"} if submission.dialect.is_preview else {"Content-Length": "0"}
        return self._response(
            202, submission.api_version, now, headers={**location_header(fault, request.base_url, path), **framing}
        )

    def _response(
        self, status: int, version: str, now: datetime, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        has_region = version >= "2022-10" and not version.startswith("v")
        region = self.behaviour.region if has_region else None
        return service_reply(status, now, region=region, headers=headers, body=body)

    def _refused(self, refusal: Refusal, route: _Route | AuthoringRoute | None, now: datetime) -> Response:
        if isinstance(route, AuthoringRoute):
            # In the specification of the authoring API of 2023-04-01; no recorded error has it or lacks it.
            return refusal.response(now, {"x-ms-error-code": refusal.error.code})
        names_code = route is not None and not route.dialect.is_preview and route.version >= _ERROR_CODE_HEADER_SINCE
        return refusal.response(now, {"x-ms-error-code": refusal.error.code} if names_code else None)

    # --- the admin path --------------------------------------------------------------------------------------------

    def _admin_answer(self, method: str, part: str, content: Any) -> Any:
        if (method, part) == ("PUT", "authoring"):
            return self.authoring.admin(content)
        return self._admin_entities(str(content["text"])) if (method, part) == ("POST", "entities") else None

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
