"""What the authoring API keeps: projects with their labels, jobs, models, deployments.

Everything moves with the service's clock: a job says at its start what it will do, and does it once its time has come
(``Authoring.settle``). Sources of the times and rules: docs/authoring-api.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.language_service.labels import LabelsFile, ProjectKind
from local.language_service.projects import LearntProject, Project

#: A training container: gives the bytes of a document by its name; raises ``OSError`` where there is none.
Container = Callable[[str], bytes]

KEEP_JOBS = timedelta(days=7)
MAX_MODELS = 10
MAX_DEPLOYMENTS = 10
MAX_PROJECTS = 500
MIN_DOCUMENTS = 10
#: Labels of a category below which a training job warns.
RECOMMENDED_LABELS = 10
#: When deployments and models end, as live answers of February 2026 had it.
EXPIRATION = date(2027, 10, 27)
TRAINING_CONFIG = "2022-05-01"
#: Recorded: the first training status is 2 to 8 s after the start, training took 19 and 28 s, evaluation 27 and 30 s,
#: and the job ended 30 to 34 s after the evaluation; the first estimate is 130 s.
TRAINING_STARTS, TRAINING_ENDS, EVALUATION_ENDS, JOB_ENDS, ESTIMATE = 5.0, 28.0, 58.0, 90.0, 130.0
#: How long other jobs took, in seconds.
SECONDS = {"import": 1.0, "export": 0.5, "load-snapshot": 1.0, "delete-project": 0.5, "swap": 3.0, "delete": 3.0}
SECONDS["deploy"] = 5.0
STARTS_AFTER = 0.4
CANCELLED_AFTER = 4.0


@dataclass(slots=True)
class Model:
    """A trained model."""

    label: str
    model_id: str
    trained_at: datetime
    seconds: int
    learnt: Project
    #: The labels that it was trained on, as the service exports them.
    snapshot: dict[str, Any]
    evaluation: dict[str, Any]
    results: list[dict[str, Any]]


@dataclass(slots=True)
class Deployment:
    """A name under which a model predicts."""

    name: str
    model: Model
    deployed_at: datetime


@dataclass(slots=True)
class AuthoringJob:
    """Something that takes time; ``finish`` does it, and gives the errors that make it fail."""

    id: str
    #: Under which path it is asked for, after ``/projects`` (or ``/global``).
    path: str
    verb: str
    created_at: datetime
    ends_at: datetime
    finish: Callable[[datetime], list[dict[str, Any]]]
    training: "Training | None" = None
    cancelled_at: datetime | None = None
    is_finished: bool = False
    errors: list[dict[str, Any]] = field(default_factory=list)
    finished_at: datetime | None = None
    #: What a finished job shows besides, such as the address of an export.
    shows: dict[str, Any] = field(default_factory=dict)
    export: dict[str, Any] | None = None

    def status(self, now: datetime, pace: float) -> str:
        """Give the word for how the job stands."""
        if self.cancelled_at is not None:
            is_done = now >= self.cancelled_at + timedelta(seconds=CANCELLED_AFTER * pace)
            return "cancelled" if is_done else "cancelling"
        if self.is_finished:
            return "failed" if self.errors else "succeeded"
        return "notStarted" if now < self.created_at + timedelta(seconds=STARTS_AFTER * pace) else "running"

    def last_change(self, now: datetime, pace: float) -> datetime:
        """Give when the status last changed, as far as the clock has come."""
        if self.finished_at is not None:
            return self.finished_at
        if self.cancelled_at is not None:
            return min(now, self.cancelled_at + timedelta(seconds=CANCELLED_AFTER * pace))
        return min(now, self.created_at + timedelta(seconds=STARTS_AFTER * pace))

    def is_active(self, now: datetime, pace: float) -> bool:
        """Tell whether the job still runs."""
        return self.status(now, pace) in ("notStarted", "running", "cancelling")


@dataclass(frozen=True, slots=True)
class Training:
    """What a training job was asked for."""

    label: str
    options: dict[str, Any]
    warnings: tuple[dict[str, str], ...]


@dataclass(slots=True)
class AuthoringProject:
    """A project: what is labelled, and what was made of it."""

    name: str
    kind: ProjectKind
    container: str
    language: str
    created_at: datetime
    modified_at: datetime
    is_multilingual: bool = False
    description: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    #: The ``assets`` of the labels file.
    assets: dict[str, Any] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    jobs: dict[str, AuthoringJob] = field(default_factory=dict)
    trained_at: datetime | None = None
    deployed_at: datetime | None = None
    #: Whether names that are not listed predict, too, with the model that the service was started with.
    answers_any_deployment: bool = False

    def labels_file(self) -> dict[str, Any]:
        """Give the project as the service exports it."""
        return {
            "projectFileVersion": TRAINING_CONFIG,
            "stringIndexType": "Utf16CodeUnit",
            "metadata": {
                "projectKind": self.kind.value,
                "storageInputContainerName": self.container,
                "projectName": self.name,
                "multilingual": self.is_multilingual,
                "description": self.description,
                "language": self.language,
                "settings": self.settings,
            },
            "assets": {"projectKind": self.kind.value, **self.assets},
        }

    def active_training(self, now: datetime, pace: float) -> AuthoringJob | None:
        """Give the training job that runs, if one does."""
        return next((one for one in self.jobs.values() if one.training and one.is_active(now, pace)), None)


@dataclass(slots=True)
class Authoring:
    """All projects of the resource, and where their documents are."""

    containers: Callable[[str], Container]
    model_cache: Path
    #: Durations are multiplied with it.
    pace: float = 1.0
    model_expiration: date = EXPIRATION
    deployment_expiration: date = EXPIRATION
    #: The days on which single deployments end, by project and deployment; ``None`` for never.
    expires: dict[tuple[str, str], date | None] = field(default_factory=dict)
    #: What every request is refused with, such as 403 for an identity without the role; ``None`` to answer them.
    refuse_with: int | None = None
    projects: dict[str, AuthoringProject] = field(default_factory=dict)
    #: Jobs of projects that are being deleted, which outlive them.
    deletions: dict[str, AuthoringJob] = field(default_factory=dict)

    def settle(self, now: datetime) -> None:
        """Do what every job whose time has come does, the earliest first."""
        jobs = [*self.deletions.values(), *(job for one in self.projects.values() for job in one.jobs.values())]
        due = [job for job in jobs if not job.is_finished and job.cancelled_at is None and job.ends_at <= now]
        for job in sorted(due, key=lambda one: one.ends_at):
            job.errors = job.finish(job.ends_at)
            job.is_finished, job.finished_at = True, job.ends_at
        for project in self.projects.values():
            for expired in [job.id for job in project.jobs.values() if job.created_at + KEEP_JOBS <= now]:
                del project.jobs[expired]

    def start(
        self,
        jobs: dict[str, AuthoringJob],
        path: str,
        verb: str,
        now: datetime,
        seconds: float,
        finish: Callable[[datetime], list[dict[str, Any]]],
    ) -> AuthoringJob:
        """Add a job that ends after ``seconds`` at the usual pace."""
        ends_at = now + timedelta(seconds=seconds * self.pace)
        job = AuthoringJob(new_job_id(now), path, verb, now, ends_at, finish)
        jobs[job.id] = job
        return job

    def deployed(self, project: str, deployment: str) -> Deployment | None:
        """Give the deployment that predicts, if there is one of this name."""
        found = self.projects.get(project)
        return found.deployments.get(deployment) if found else None

    def knows_deployments_of(self, project: str) -> bool:
        """Tell whether a project has the deployments that it lists and no others.

        Those learnt from labels files answer to any deployment, as long as nothing was deployed through this API.
        """
        found = self.projects.get(project)
        return found is not None and not found.answers_any_deployment

    def expiration(self, project: str, deployment: str) -> date | None:
        """Give the last day of a deployment: that of its training configuration, unless a test has moved it."""
        return self.expires.get((project, deployment), self.deployment_expiration)

    def add_learnt(
        self, learnt: LearntProject, content: Mapping[str, Any], deployments: frozenset[str] | None, now: datetime
    ) -> AuthoringProject | None:
        """Show a project that was learnt from a labels file at the start, with one model and its deployments.

        Gives the project; ``None`` where the file names none, or has the form of 2021.
        """
        metadata = content.get("metadata") or {}
        assets = content.get("assets") or {}
        if learnt.name is None or "documents" not in assets:
            return None
        project = AuthoringProject(
            name=learnt.name,
            kind=learnt.kind,
            container=str(metadata.get("storageInputContainerName") or "documents"),
            language=learnt.labels.language,
            created_at=now,
            modified_at=now,
            is_multilingual=bool(metadata.get("multilingual")),
            description=str(metadata.get("description") or ""),
            settings=dict(metadata.get("settings") or {}),
            assets={name: value for name, value in assets.items() if name != "projectKind"},
            answers_any_deployment=deployments is None,
        )
        self._add_trained(project, learnt, deployments, now)
        return project

    def add_described(self, one: Project, deployments: frozenset[str] | None, now: datetime) -> None:
        """Show a project without labels, with one model and its deployments."""
        if one.name is None:
            return
        project = AuthoringProject(one.name, one.kind, "training", "en-us", now, now)
        project.answers_any_deployment = deployments is None
        self._add_trained(project, one, deployments, now)

    def _add_trained(
        self, project: AuthoringProject, learnt: Project, deployments: frozenset[str] | None, now: datetime
    ) -> None:
        evaluation, results = {"projectKind": learnt.kind.value}, list[dict[str, Any]]()
        label = "first"
        model = Model(label, new_model_id(label, now), now, 19, learnt, project.labels_file(), evaluation, results)
        project.models[label] = model
        for name in sorted({"production"} if deployments is None else deployments):
            project.deployments[name] = Deployment(name, model, now)
        project.trained_at = project.deployed_at = now
        self.projects[project.name] = project


def describing(projects: Sequence[Project], deployments: frozenset[str] | None, now: datetime) -> Authoring:
    """Give an authoring API that shows projects and their deployments; as it has no documents, no training succeeds."""
    authoring = Authoring(_no_documents, Path())
    for one in projects:
        authoring.add_described(one, deployments, now)
    return authoring


def _no_documents(_: str) -> Callable[[str], bytes]:
    return _no_document


def _no_document(name: str) -> bytes:
    raise FileNotFoundError(name)


def new_job_id(now: datetime) -> str:
    """Give a job id as the service forms it: a GUID, and .NET ticks of midnight of the day (recorded)."""
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    ticks = int((midnight - datetime(1, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
    return f"{uuid4()}_{ticks}"


def new_model_id(label: str, now: datetime) -> str:
    """Give a model id as the service forms it, with its clock of 12 hours (recorded)."""
    return f"{label}-{now:%Y%m%dT%I%M%S}-{uuid4().hex}"


def training_labels(
    labels: LabelsFile, options: Mapping[str, Any], datasets: Mapping[str, str]
) -> tuple[LabelsFile, LabelsFile]:
    """Divide labels into those to train on and those to test on.

    ``manual`` goes by each document's ``dataset``; ``percentage`` divides the documents of the training set (page
    "train-model", 2026-08), here in the order of the file.
    """
    train = [one for one in labels.documents if datasets.get(one.location, "Train").lower() != "test"]
    if str(options.get("kind", "percentage")).lower() == "manual":
        test = [one for one in labels.documents if one not in train]
    else:
        share = int(options.get("testingSplitPercentage", 20))
        every = max(2, round(100 / share)) if share else 0
        test = train[every - 1 :: every] if every else []
        train = [one for one in train if one not in test]
    return replace(labels, documents=tuple(train)), replace(labels, documents=tuple(test))
