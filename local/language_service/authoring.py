"""The authoring API's requests and replies (``/language/authoring/analyze-text/…``), over ``authoring_state``.

Shapes are those of recordings and of the specification; what is known of neither is marked ASSUMED.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.language_service import authoring_evaluation
from local.language_service.authoring_state import (
    ESTIMATE,
    EVALUATION_ENDS,
    JOB_ENDS,
    KEEP_JOBS,
    MAX_DEPLOYMENTS,
    MAX_MODELS,
    MAX_PROJECTS,
    MIN_DOCUMENTS,
    RECOMMENDED_LABELS,
    SECONDS,
    TRAINING_CONFIG,
    TRAINING_ENDS,
    TRAINING_STARTS,
    Authoring,
    AuthoringJob,
    AuthoringProject,
    Deployment,
    Model,
    Training,
    new_model_id,
    training_labels,
)
from local.language_service.labels import LabelsFileError, ProjectKind, read_labels
from local.language_service.languages import NAMES, SUPPORTED_LANGUAGES
from local.language_service.projects import learn
from local.stand_in.errors import Operation, Refusal, WireError, no_such_path
from local.stand_in.messages import Request, Response, encoded, service_reply

PREFIX = "/language/authoring/analyze-text"
VERSIONS = ("2022-05-01", "2023-04-01", "2024-11-15-preview", "2025-05-15-preview")
DEFAULT_PAGE = 100
#: The codes that a refused request has by its status (ASSUMED; the codes are the specification's).
_CODES = {400: "InvalidRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,50}")
_PERMISSION = "Microsoft.CognitiveServices/accounts/Language/analyze-text/projects/write."


@dataclass(frozen=True, slots=True)
class AuthoringRoute:
    """What a path asks for: the parts behind ``/projects`` or ``/global``."""

    method: str
    version: str
    parts: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        """The operation, as counters name it."""
        return "authoring"

    @property
    def names(self) -> Operation:
        """The names that the gateway's messages give the operation."""
        return Operation(
            "Text authoring", f"Language Authoring API ({self.version})", "TextAnalytics", "S", _PERMISSION
        )


def route_of(request: Request) -> AuthoringRoute | None:
    """Read a path of the authoring API; ``None`` for another one. Raises ``Refusal`` for one that it does not have."""
    if not request.path.lower().startswith(PREFIX):
        return None
    query = dict(parse_qsl(request.query))
    version = query.get("api-version", "")
    parts = tuple(unquote(part) for part in request.path[len(PREFIX) :].strip("/").split("/"))
    if version not in VERSIONS or parts[0] != "projects":
        raise no_such_path()
    return AuthoringRoute(request.method, version, parts[1:], query)


class AuthoringApi:
    """Answers the requests of the authoring API."""

    def __init__(self, state: Authoring, region: str) -> None:
        self.state = state
        self._region = region

    def perform(self, route: AuthoringRoute, request: Request, now: datetime) -> Response:
        """Do what is asked for; raises ``Refusal``."""
        self.state.settle(now)
        if (status := self.state.refuse_with) is not None:
            code = _CODES.get(status, "InternalServerError")
            raise Refusal(status, WireError(code, "The request is refused."))
        call = _Call(self, route, request, now)
        match (route.method, *route.parts):
            case ("GET",):
                return call.page([_project_json(one) for one in self.state.projects.values()])
            case ("GET", "global", "languages"):
                listed = [{"languageName": NAMES.get(code, code), "languageCode": code} for code in _languages()]
                return call.page(listed)
            case ("GET", "global", "training-config-versions"):
                expires = self.state.model_expiration.isoformat()
                return call.page([{"trainingConfigVersion": TRAINING_CONFIG, "modelExpirationDate": expires}])
            case ("GET", "global", "deletion-jobs", job_id):
                return call.job(_known(self.state.deletions, job_id, "job"))
            case ("PATCH", name):
                return call.save_project(name)
            case (_, name, *rest):
                project = self.state.projects.get(name)
                if project is None:
                    raise not_found("ProjectNotFound", f"The project {name} is not found.")
                return call.of_project(project, tuple(rest))
        raise no_such_path()

    def admin(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Move the dates of expiry, of all or of one deployment, or refuse every request; gives what holds now."""
        if "deploymentExpirationDate" in content:
            self.state.deployment_expiration = date.fromisoformat(content["deploymentExpirationDate"])
        if "modelExpirationDate" in content:
            self.state.model_expiration = date.fromisoformat(content["modelExpirationDate"])
        if "deployment" in content:
            day, key = content["expires"], (str(content["project"]), str(content["deployment"]))
            self.state.expires[key] = None if day is None else date.fromisoformat(day)
        if "refuseWith" in content:
            status = content["refuseWith"]
            self.state.refuse_with = None if status is None else int(status)
        return {
            "refuseWith": self.state.refuse_with,
            "expires": {
                f"{project}/{name}": day and day.isoformat() for (project, name), day in self.state.expires.items()
            },
            "deploymentExpirationDate": self.state.deployment_expiration.isoformat(),
            "modelExpirationDate": self.state.model_expiration.isoformat(),
        }


@dataclass(slots=True)
class _Call:
    """One request, while it is answered."""

    api: AuthoringApi
    route: AuthoringRoute
    request: Request
    now: datetime

    @property
    def state(self) -> Authoring:
        return self.api.state

    # --- a project --------------------------------------------------------------------------------------------------

    def of_project(self, project: AuthoringProject, rest: tuple[str, ...]) -> Response:
        match (self.route.method, *rest):
            case ("GET",):
                return self.reply(_project_json(project))
            case ("DELETE",):
                return self._delete_project(project)
            case ("POST", ":import"):
                return self._import(project)
            case ("POST", ":export"):
                return self._export(project)
            case ("GET", "export", "jobs", job_id, "result"):
                job = _known(project.jobs, job_id, "job")
                if job.export is None or not job.is_finished:
                    raise not_found("NotFound", f"The export of job {job_id} is not ready.")
                return self.reply(job.export)
            case ("POST", ":train"):
                return self._train(project)
            case ("GET", "train", "jobs"):
                return self.page([self.job_json(job) for job in project.jobs.values() if job.training])
            case ("POST", "train", "jobs", job_id, ":cancel"):
                return self._cancel(project, job_id)
            case ("GET", "models", *more) | ("DELETE", "models", *more) | ("POST", "models", *more):
                return self._of_models(project, tuple(more))
            case (_, "deployments", *more):
                return self._of_deployments(project, tuple(more))
            case ("GET", *path, "jobs", job_id) if path:
                job = _known(project.jobs, job_id, "job")
                if not job.path.startswith(f"/{'/'.join([project.name, *path])}/"):
                    raise not_found("OperationNotFound", f"The job {job_id} is not found.")
                return self.job(job)
        raise no_such_path()

    def save_project(self, name: str) -> Response:
        content = self._body()
        wanted = ("projectKind", "storageInputContainerName", "projectName", "language")
        missing = [one for one in wanted if not isinstance(content.get(one), str) or not content[one]]
        if missing:
            raise bad_body(f"The request body needs {', '.join(missing)}.")
        _check_name(name, "project")
        if content["projectName"] != name:
            raise bad_argument(f"The project name '{content['projectName']}' must match '{name}' in the path.")
        project = self.state.projects.get(name)
        is_new = project is None
        kind = _kind_of(content["projectKind"])
        if project is None:
            if len(self.state.projects) >= MAX_PROJECTS:
                raise Refusal(400, WireError("QuotaExceeded", f"A resource has at most {MAX_PROJECTS} projects."))
            project = AuthoringProject(
                name, kind, content["storageInputContainerName"], content["language"], self.now, self.now
            )
            project.assets = _empty_assets(kind)
            self.state.projects[name] = project
        elif kind is not project.kind or content["storageInputContainerName"] != project.container:
            raise bad_argument("The kind and the container of a project can not be changed.")
        _apply(project, content, self.now)
        shown = _project_json(project)
        if is_new:
            # Recorded with the name twice and without api-version.
            location = f"{self.request.base_url}{PREFIX}/projects/{name}/{name}"
            return self.reply(shown, status=201, headers={"Location": location})
        # A project that is there already shows no times of its own in this reply (recorded).
        return self.reply(shown | dict.fromkeys(("createdDateTime", "lastModifiedDateTime"), "0001-01-01T00:00:00Z"))

    def _delete_project(self, project: AuthoringProject) -> Response:
        def finish(_: datetime) -> list[dict[str, Any]]:
            self.state.projects.pop(project.name, None)
            return []

        path = "/global/deletion-jobs"
        job = self.state.start(self.state.deletions, path, "delete", self.now, SECONDS["delete-project"], finish)
        return self.accepted(f"{path}/{job.id}")

    def _import(self, project: AuthoringProject) -> Response:
        content = self._body()
        metadata, assets = content.get("metadata"), content.get("assets")
        if not isinstance(metadata, dict) or not isinstance(assets, dict) or not content.get("projectFileVersion"):
            raise bad_body("The request body needs projectFileVersion, metadata and assets.")
        if content.get("stringIndexType") != "Utf16CodeUnit":
            raise bad_argument(f"stringIndexType '{content.get('stringIndexType')}' is not supported: Utf16CodeUnit.")
        kinds = [str(part["projectKind"]) for part in (metadata, assets) if part.get("projectKind")]
        if len({kind.lower() for kind in kinds}) > 1:
            raise bad_argument(
                "The project kind in the exported project's metadata must match the assets' project kind."
            )
        if kinds and _kind_of(kinds[0]) is not project.kind:
            raise bad_argument(f"The project is of kind {project.kind.value}, not {kinds[0]}.")
        self._check_idle(project)

        def finish(at: datetime) -> list[dict[str, Any]]:
            documents = assets.get("documents") or []
            language = str(metadata.get("language") or project.language)
            is_multilingual = bool(metadata.get("multilingual", project.is_multilingual))
            others = {str(one.get("language") or language).lower() for one in documents} - {language.lower()}
            if others and not is_multilingual:
                message = (
                    "The multilingual option is not enabled for your project. All your documents have to be in the "
                    f"same language '{language}'."
                )
                return [WireError("InvalidArgument", message).as_json()]
            # An import replaces the project's data; models and deployments stay (ASSUMED).
            project.assets = {name: value for name, value in assets.items() if name != "projectKind"}
            _apply(project, metadata, at)
            return []

        return self._started(project, f"/{project.name}/import/jobs", "import", SECONDS["import"], finish)

    def _export(self, project: AuthoringProject) -> Response:
        self._check_unit()
        label = self.route.query.get("trainedModelLabel")
        model = _known(project.models, label, "trained model") if label else None
        self._check_idle(project)

        def finish(_: datetime) -> list[dict[str, Any]]:
            job.export = json.loads(json.dumps(model.snapshot if model else project.labels_file()))
            path = f"{PREFIX}/projects/{project.name}/export/jobs/{job.id}/result"
            job.shows["resultUrl"] = f"{self.request.base_url}{path}?api-version={self.route.version}"
            return []

        path = f"/{project.name}/export/jobs"
        job = self.state.start(project.jobs, f"{path}/", "export", self.now, SECONDS["export"], finish)
        return self.accepted(f"{path}/{job.id}")

    # --- training ---------------------------------------------------------------------------------------------------

    def _train(self, project: AuthoringProject) -> Response:
        content = self._body()
        label, options = content.get("modelLabel"), content.get("evaluationOptions") or {"kind": "percentage"}
        if not isinstance(label, str) or not isinstance(options, dict):
            raise bad_body("The request body needs modelLabel.")
        _check_name(label, "trained model")
        version = str(content.get("trainingConfigVersion", TRAINING_CONFIG))
        if version not in (TRAINING_CONFIG, "latest"):
            raise bad_argument(f"The training configuration version '{version}' is not supported.")
        if str(options.get("kind", "percentage")).lower() not in ("percentage", "manual"):
            raise bad_argument(f"The evaluation kind '{options.get('kind')}' is not supported: percentage, manual.")
        if str(options.get("kind", "percentage")).lower() == "percentage":
            options = {"kind": "percentage", "trainingSplitPercentage": 80, "testingSplitPercentage": 20} | options
            shares = [options["trainingSplitPercentage"], options["testingSplitPercentage"]]
            if sum(one for one in shares if isinstance(one, int)) != 100:
                raise bad_argument("The training and testing percentages must sum to 100.")
        self._check_idle(project)
        if label not in project.models and len(project.models) >= MAX_MODELS:
            raise Refusal(400, WireError("QuotaExceeded", f"A project has at most {MAX_MODELS} trained models."))
        training = Training(label, options, tuple(_warnings(project)))

        def finish(at: datetime) -> list[dict[str, Any]]:
            return self._learn(project, training, at)

        path = f"/{project.name}/train/jobs"
        job = self.state.start(project.jobs, f"{path}/", "train", self.now, JOB_ENDS, finish)
        job.training = training
        return self.accepted(f"{path}/{job.id}")

    def _learn(self, project: AuthoringProject, training: Training, at: datetime) -> list[dict[str, Any]]:
        """Learn the model of a training job; gives the errors that make the job fail."""
        snapshot = json.loads(json.dumps(project.labels_file()))
        container = self.state.containers(project.container)
        entries = [one for one in project.assets.get("documents") or [] if isinstance(one, dict)]
        try:
            labels = read_labels(snapshot, f"project {project.name}", lambda name: _text(container(name)))
        except LabelsFileError as exc:
            return [WireError("InvalidArgument", str(exc)).as_json()]
        if len(labels.documents) < MIN_DOCUMENTS:
            told = f"The project has {len(labels.documents)} documents that can be read, of {len(entries)}; "
            return [WireError("InvalidArgument", f"{told}training needs at least {MIN_DOCUMENTS}.").as_json()]
        datasets = {str(one.get("location")): str(one.get("dataset") or "Train") for one in entries}
        languages = {str(one.get("location")): str(one.get("language") or project.language) for one in entries}
        train, test = training_labels(labels, training.options, datasets)
        if not any(one.entities or one.classes for one in train.documents):
            return [WireError("InvalidArgument", "No document of the training set has a label.").as_json()]
        learnt = learn(train, self.state.model_cache)
        summary, results = authoring_evaluation.evaluate(learnt, test.documents, training.options, languages)
        model_id = new_model_id(training.label, at)
        seconds = round((TRAINING_ENDS - TRAINING_STARTS) * self.state.pace)
        project.models[training.label] = Model(
            training.label, model_id, at, seconds, learnt, snapshot, summary, results
        )
        project.trained_at = at
        return []

    def _cancel(self, project: AuthoringProject, job_id: str) -> Response:
        job = _known(project.jobs, job_id, "job")
        if job.training is None:
            raise not_found("OperationNotFound", f"The training job {job_id} is not found.")
        if not job.is_active(self.now, self.state.pace):
            message = f"Failed to cancel job with job id {job_id} as its already completed."
            raise Refusal(400, WireError("InvalidRequest", message))
        job.cancelled_at = job.cancelled_at or self.now
        return self.accepted(f"/{project.name}/train/jobs/{job_id}")

    # --- models -----------------------------------------------------------------------------------------------------

    def _of_models(self, project: AuthoringProject, rest: tuple[str, ...]) -> Response:
        if not rest:
            return self.page([self._model_json(model) for model in project.models.values()])
        if rest[1:2] == ("load-snapshot",) and len(rest) == 4:
            return self.job(_known(project.jobs, rest[3], "job"))
        model = _known(project.models, rest[0], "trained model")
        match (self.route.method, *rest[1:]):
            case ("GET",):
                return self.reply(self._model_json(model))
            case ("DELETE",):
                if any(one.model is model for one in project.deployments.values()):
                    raise conflict(f"The trained model {model.label} is deployed and can not be deleted.")
                del project.models[model.label]
                return self.reply(None, status=204)
            case ("GET", "evaluation", "summary-result"):
                return self.reply(model.evaluation)
            case ("GET", "evaluation", "result"):
                self._check_unit()
                return self.page(model.results)
            case ("POST", ":load-snapshot"):
                return self._load_snapshot(project, model)
        raise no_such_path()

    def _load_snapshot(self, project: AuthoringProject, model: Model) -> Response:
        self._check_idle(project)

        def finish(at: datetime) -> list[dict[str, Any]]:
            assets = json.loads(json.dumps(model.snapshot["assets"]))
            project.assets = {name: value for name, value in assets.items() if name != "projectKind"}
            project.modified_at = at
            return []

        path = f"/{project.name}/models/{model.label}/load-snapshot/jobs"
        return self._started(project, path, "load-snapshot", SECONDS["load-snapshot"], finish)

    def _model_json(self, model: Model) -> dict[str, Any]:
        return {
            "label": model.label,
            "modelId": model.model_id,
            "lastTrainedDateTime": _exact(model.trained_at),
            "lastTrainingDurationInSeconds": model.seconds,
            "modelExpirationDate": self.state.model_expiration.isoformat(),
            "modelTrainingConfigVersion": TRAINING_CONFIG,
            "hasSnapshot": True,
        }

    # --- deployments ------------------------------------------------------------------------------------------------

    def _of_deployments(self, project: AuthoringProject, rest: tuple[str, ...]) -> Response:
        match (self.route.method, *rest):
            case ("GET",):
                return self.page([self._deployment_json(project, one) for one in project.deployments.values()])
            case ("POST", ":swap"):
                return self._swap(project)
            case ("GET", _, "jobs", job_id):
                return self.job(_known(project.jobs, job_id, "job"))
            case ("GET", name):
                return self.reply(self._deployment_json(project, _shown_deployment(project, name)))
            case ("PUT", name):
                return self._deploy(project, name)
            case ("DELETE", name):
                return self._delete_deployment(project, name)
        raise no_such_path()

    def _deploy(self, project: AuthoringProject, name: str) -> Response:
        content = self._body()
        _check_name(name, "deployment")
        label = content.get("trainedModelLabel")
        if not isinstance(label, str):
            raise bad_body("The request body needs trainedModelLabel.")
        model = _known(project.models, label, "trained model")
        if name not in project.deployments and len(project.deployments) >= MAX_DEPLOYMENTS:
            raise Refusal(400, WireError("QuotaExceeded", f"A project has at most {MAX_DEPLOYMENTS} deployments."))
        self._check_idle(project)

        def finish(at: datetime) -> list[dict[str, Any]]:
            project.deployments[name] = Deployment(name, model, at)
            project.deployed_at = at
            return []

        return self._started(project, f"/{project.name}/deployments/{name}/jobs", "deploy", SECONDS["deploy"], finish)

    def _delete_deployment(self, project: AuthoringProject, name: str) -> Response:
        _known(project.deployments, name, "deployment")
        self._check_idle(project)

        def finish(_: datetime) -> list[dict[str, Any]]:
            project.deployments.pop(name, None)
            return []

        return self._started(project, f"/{project.name}/deployments/{name}/jobs", "delete", SECONDS["delete"], finish)

    def _swap(self, project: AuthoringProject) -> Response:
        content = self._body()
        names = [content.get(one) for one in ("firstDeploymentName", "secondDeploymentName")]
        if not all(isinstance(name, str) for name in names):
            raise bad_body("The request body needs firstDeploymentName and secondDeploymentName.")
        first, second = (_known(project.deployments, str(name), "deployment") for name in names)
        if first is second:
            raise bad_argument("A deployment can not be swapped with itself.")
        self._check_idle(project)

        def finish(at: datetime) -> list[dict[str, Any]]:
            first.model, second.model = second.model, first.model
            first.deployed_at = second.deployed_at = project.deployed_at = at
            return []

        return self._started(project, f"/{project.name}/deployments/swap/jobs", "swap", SECONDS["swap"], finish)

    def _deployment_json(self, project: AuthoringProject, deployment: Deployment) -> dict[str, Any]:
        expires = self.state.expiration(project.name, deployment.name)
        return {
            "deploymentName": deployment.name,
            "modelId": deployment.model.model_id,
            "lastTrainedDateTime": _exact(deployment.model.trained_at),
            "lastDeployedDateTime": _seconds(deployment.deployed_at),
            **({"deploymentExpirationDate": expires.isoformat()} if expires else {}),
            "modelTrainingConfigVersion": TRAINING_CONFIG,
        }

    # --- jobs and replies -------------------------------------------------------------------------------------------

    def _started(self, project: AuthoringProject, path: str, verb: str, seconds: float, finish: Any) -> Response:
        job = self.state.start(project.jobs, f"{path}/", verb, self.now, seconds, finish)
        return self.accepted(f"{path}/{job.id}")

    def job(self, job: AuthoringJob) -> Response:
        return self.reply(self.job_json(job))

    def job_json(self, job: AuthoringJob) -> dict[str, Any]:
        """Give a job as the service shows it; a training job's result stands before the rest."""
        pace = self.state.pace
        status = job.status(self.now, pace)
        shown: dict[str, Any] = {**(job.shows if status == "succeeded" else {})}
        if job.training:
            shown["result"] = self._training_json(job, job.training, status)
        shown |= {
            "jobId": job.id,
            "createdDateTime": _seconds(job.created_at),
            "lastUpdatedDateTime": _seconds(job.last_change(self.now, pace)),
            "expirationDateTime": _seconds(job.created_at + KEEP_JOBS),
            "status": status,
        }
        if job.training and status != "notStarted":
            shown["warnings"] = list(job.training.warnings)
        if job.errors:
            shown["errors"] = job.errors
        return shown

    def _training_json(self, job: AuthoringJob, training: Training, status: str) -> dict[str, Any]:
        pace = self.state.pace
        until = job.cancelled_at or self.now
        passed = (until - job.created_at).total_seconds() / pace if pace else JOB_ENDS
        started = job.created_at + timedelta(seconds=TRAINING_STARTS * pace)
        trained: dict[str, Any] = {"percentComplete": 0, "status": "notStarted"}
        evaluated: dict[str, Any] = {"percentComplete": 0, "status": "notStarted"}
        if passed >= TRAINING_ENDS:
            ended = job.created_at + timedelta(seconds=TRAINING_ENDS * pace)
            trained = {"percentComplete": 100, "startDateTime": _exact(started), "endDateTime": _exact(ended)}
            trained["status"] = "succeeded"
            evaluated = {"percentComplete": 0, "status": "running"}
        elif passed >= TRAINING_STARTS:
            trained = {"percentComplete": 0, "startDateTime": _exact(started), "status": "running"}
        if passed >= EVALUATION_ENDS:
            ended = job.created_at + timedelta(seconds=EVALUATION_ENDS * pace)
            evaluated = {"percentComplete": 100, "endDateTime": _exact(ended), "status": "succeeded"}
        if status == "cancelled":
            trained["status"] = "cancelled"
        if status == "failed":
            trained = {"percentComplete": 0, "status": "failed"}
            evaluated = {"percentComplete": 0, "status": "notStarted"}
        result: dict[str, Any] = {
            "modelLabel": training.label,
            "trainingConfigVersion": TRAINING_CONFIG,
            "trainingStatus": trained,
            "evaluationStatus": evaluated,
        }
        if status == "running" and passed >= TRAINING_STARTS:
            result["estimatedEndDateTime"] = _exact(started + timedelta(seconds=ESTIMATE * pace))
        return result

    def accepted(self, path: str) -> Response:
        """Answer 202 with the address of a job."""
        url = f"{self.request.base_url}{PREFIX}/projects{path}?api-version={self.route.version}"
        return self.reply(None, status=202, headers={"operation-location": url, "Content-Length": "0"})

    def page(self, listed: Sequence[Mapping[str, Any]]) -> Response:
        """Answer with a page of a list; the last one has a ``nextLink`` of null (recorded)."""
        skip = self._number("skip", 0)
        top = self._number("top", len(listed))
        size = self._number("maxpagesize", DEFAULT_PAGE) or DEFAULT_PAGE
        wanted = listed[skip : skip + top]
        link = None
        if len(wanted) > size:
            rest = "".join(
                f"&{name}={value}"
                for name, value in self.route.query.items()
                if name not in ("api-version", "top", "skip", "maxpagesize")
            )
            path = f"{PREFIX}/projects/{'/'.join(self.route.parts)}".rstrip("/")
            place = f"top={top - size}&skip={skip + size}&maxpagesize={size}"
            link = f"{self.request.base_url}{path}/?api-version={self.route.version}&{place}{rest}"
        return self.reply({"value": list(wanted[:size]), "nextLink": link})

    def reply(
        self, body: Mapping[str, Any] | None, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        data = b"" if body is None else encoded(body)
        common = {"Access-Control-Expose-Headers": "*", **(headers or {})}
        return service_reply(status, self.now, region=self.api._region, headers=common, body=data)

    # --- reading the request ----------------------------------------------------------------------------------------

    def _body(self) -> dict[str, Any]:
        try:
            content = json.loads(self.request.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise Refusal(
                400, WireError("InvalidRequest", "Invalid Request.", "EmptyRequest", "Request body must be present.")
            )
        return content

    def _number(self, name: str, default: int) -> int:
        given = self.route.query.get(name)
        if given is None:
            return default
        if not given.isdecimal():
            raise Refusal(
                400,
                WireError(
                    "InvalidRequest",
                    "Invalid parameter in request",
                    "InvalidParameterValue",
                    f"Invalid value '{given}' of parameter {name}.",
                ),
            )
        return int(given)

    def _check_unit(self) -> None:
        unit = self.route.query.get("stringIndexType")
        if unit != "Utf16CodeUnit":
            raise bad_argument(f"stringIndexType '{unit}' is not supported: Utf16CodeUnit.")

    def _check_idle(self, project: AuthoringProject) -> None:
        """No other job can be started while a project trains (page "train-model", 2026-08; the status is ASSUMED)."""
        training = project.active_training(self.now, self.state.pace)
        if training is not None:
            raise conflict(f"The training job {training.id} of project {project.name} is running.")


# --- errors (docs/authoring-api.md 8: the codes are published, their statuses and sentences ASSUMED) -----------------


def not_found(code: str, message: str) -> Refusal:
    """Answer something that does not exist."""
    return Refusal(404, WireError(code, message))


def conflict(message: str) -> Refusal:
    """Answer what can not be done at the moment."""
    return Refusal(409, WireError("Conflict", message))


def bad_argument(message: str) -> Refusal:
    """Answer a value that the service does not take."""
    return Refusal(400, WireError("InvalidArgument", message))


def bad_body(message: str) -> Refusal:
    """Answer a body of the wrong shape."""
    return Refusal(400, WireError("InvalidRequest", "Invalid Request.", "InvalidRequestBodyFormat", message))


def expired_deployment(project: str, deployment: str, expired: date) -> WireError:
    """Describe a deployment that is past its date, for a request or for a failed task (ASSUMED)."""
    return WireError(
        "InvalidRequest", f"The deployment {deployment} of project {project} expired on {expired.isoformat()}."
    )


def _known(listed: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in listed:
        code = "OperationNotFound" if what == "job" else "NotFound"
        raise not_found(code, f"The {what} {name} is not found.")
    return listed[name]


def _shown_deployment(project: AuthoringProject, name: str) -> Deployment:
    """Give a deployment; where any name predicts, one that nobody deployed runs the first model."""
    if project.answers_any_deployment and name not in project.deployments:
        model = next(iter(project.models.values()))
        return Deployment(name, model, model.trained_at)
    found: Deployment = _known(project.deployments, name, "deployment")
    return found


def _check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name):
        raise bad_argument(f"The {what} name '{name}' is not valid: 1 to 50 letters, digits, and the signs _ . -")


def _kind_of(given: str) -> ProjectKind:
    for kind in ProjectKind:
        if kind.value.lower() == given.lower():
            return kind
    raise bad_argument(f"The project kind '{given}' is not supported.")


# --- JSON -----------------------------------------------------------------------------------------------------------


def _seconds(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _exact(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"


def _project_json(project: AuthoringProject) -> dict[str, Any]:
    return {
        "createdDateTime": _seconds(project.created_at),
        "lastModifiedDateTime": _seconds(project.modified_at),
        "projectKind": project.kind.value,
        "storageInputContainerName": project.container,
        "projectName": project.name,
        "multilingual": project.is_multilingual,
        "description": project.description,
        "language": project.language,
    }


def _apply(project: AuthoringProject, content: Mapping[str, Any], at: datetime) -> None:
    project.language = str(content.get("language") or project.language)
    project.is_multilingual = bool(content.get("multilingual", project.is_multilingual))
    project.description = str(content.get("description") or project.description)
    project.settings = dict(content.get("settings") or project.settings)
    project.modified_at = at


def _empty_assets(kind: ProjectKind) -> dict[str, Any]:
    return {"entities" if kind is ProjectKind.ENTITIES else "classes": [], "documents": []}


def _warnings(project: AuthoringProject) -> list[dict[str, str]]:
    """Give the warnings of a training job: categories with few labels (the sentence is the sibling API's)."""
    if project.kind is not ProjectKind.ENTITIES:
        return []
    counts: dict[str, int] = {str(one.get("category")): 0 for one in project.assets.get("entities") or []}
    for document in project.assets.get("documents") or []:
        if str(document.get("dataset") or "Train").lower() == "test":
            continue
        for region in document.get("entities") or []:
            for label in region.get("labels") or []:
                counts[str(label.get("category"))] = counts.get(str(label.get("category")), 0) + 1
    return [
        {
            "code": "Warning",
            "message": f"Entity `{name}` is tagged in `{count}` training dataset examples, it is recommended to have "
            f"`{RECOMMENDED_LABELS}` tags for each entity.",
        }
        for name, count in counts.items()
        if count < RECOMMENDED_LABELS
    ]


def _languages() -> list[str]:
    return SUPPORTED_LANGUAGES.split(",")


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig")
