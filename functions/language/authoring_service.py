"""The authoring API as workflows need it: what it answers, and the contract that `authoring` keeps over HTTP.

Shapes: "REST API reference, Text Analysis Authoring 2023-04-01" and recorded replies (read 2026-11).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from ..core.outcomes import Deferred, Unanswered
from ..errors import Problem

LONGEST_ANSWER_S: Final = 20.0
LONGEST_TRANSFER_S: Final = 300.0
"""For labels, which may be large."""

T = TypeVar("T")


class _Reply(msgspec.Struct, frozen=True, rename="camel"):
    """The base of what the service answers: unknown fields are left alone."""


class Deployment(_Reply, frozen=True, rename="camel"):
    """A deployment as the service describes it."""

    deployment_name: str
    model_id: str = ""
    deployment_expiration_date: date | None = None
    """The day on which it stops to answer."""
    last_deployed_date_time: datetime | None = None
    last_trained_date_time: datetime | None = None

    @property
    def model_since(self) -> datetime | None:
        """Since when it answers with its model at the latest; None where that is not known.

        Deploying again under its name moves the one time. It is not documented whether a swap does; then it is that of
        the training which tells, unless the deployments exchange older models.
        """
        times = [self.last_deployed_date_time, self.last_trained_date_time]
        return max((time for time in times if time and time.tzinfo), default=None)


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


class AuthoringService(Protocol):
    """One Language resource. Every method makes its request once and returns an outcome; none raises or waits."""

    def deployment(self, project: str, name: str) -> Deployment | Problem:
        """Return what is known of a deployment, or why nothing is."""

    def get(self, path: str, kind: type[T], query: str = "", *, longest_s: float = LONGEST_ANSWER_S) -> T | Asked:
        """Return what lies at a path behind the projects' (`path_of`), as `kind`."""

    def pages(self, path: str, kind: type[T], query: str = "") -> list[T] | Asked:
        """Return all entries of a list, of all its pages."""

    def start(
        self, method: str, path: str, body: object = None, query: str = "", *, is_encoded: bool = False
    ) -> Started | Sent:
        """Start a job. `is_encoded` says that the body is JSON already."""

    def change(self, method: str, path: str, body: object = None, *, content_type: str = "") -> Sent | None:
        """Change something that needs no job; None where it is done."""


def path_of(project: str, *parts: str) -> str:
    """Return the path of something in a project; each part is one of the path, whatever is in it."""
    return "".join(f"/{_part(part)}" for part in (project, *parts))


def _part(name: str) -> str:
    # The verbs begin with a colon, which the service takes as it is.
    return quote(name, safe=":")
