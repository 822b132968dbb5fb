"""The authoring API of the Language service, as far as the app asks for it: projects and their deployments.

Shapes: recorded replies of the preview of 2025-05-15 and the specification of 2023-04-01. A project has every
deployment that the stand-in answers jobs for; when one expires, a test or the admin path says.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

from local.language_service.labels import ProjectKind
from local.stand_in.errors import Refusal, WireError

PATH = re.compile(
    r"/language/authoring/analyze-text/projects(?:/(?P<project>[^/:]+)(?:(?P<list>/deployments)(?:/(?P<name>[^/:]+))?)?)?/?",
    re.IGNORECASE,
)
API_VERSIONS = frozenset({"2022-05-01", "2023-04-01", "2024-11-15-preview", "2025-05-15-preview"})

#: What recorded replies of February 2026 say of the only training configuration there is.
EXPIRES = date(2027, 10, 27)

#: When every deployment got its model that a test or the admin path says nothing of.
DEPLOYED = datetime(2025, 1, 1, tzinfo=UTC)

#: Where the stand-in is told of no deployments, it answers for any name, and lists this one.
ANY_DEPLOYMENT = "production"


class TrainedProject(Protocol):
    """A project of the stand-in."""

    @property
    def name(self) -> str | None:
        """The project's name; ``None`` answers to any name."""

    @property
    def kind(self) -> ProjectKind:
        """What the project does."""


class Question(NamedTuple):
    """What a path asks about: all projects, one, its deployments, or one of those."""

    project: str | None
    of_deployments: bool
    deployment: str | None


def question(path: str) -> Question | None:
    """Read a path; ``None`` where it is none of the authoring API's."""
    match = PATH.fullmatch(path)
    if not match:
        return None
    project, name = match["project"], match["name"]
    return Question(unquote(project) if project else None, bool(match["list"]), unquote(name) if name else None)


@dataclass(slots=True)
class Authoring:
    """What the authoring API knows; tests move the dates."""

    #: The days on which deployments expire, by project and deployment; ``EXPIRES`` for all others.
    expires: dict[tuple[str, str], date | None] = field(default_factory=dict)
    #: When deployments were last deployed, by project and deployment; ``DEPLOYED`` for all others, ``None`` where the
    #: answer has no time.
    deployed: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    #: What every question is answered with, such as 403 for an identity without the role; ``None`` to answer them.
    refuse_with: int | None = None

    def answer(
        self, asked: Question, projects: Sequence[TrainedProject], deployments: frozenset[str] | None, now: datetime
    ) -> Mapping[str, Any]:
        """Answer a question; raises ``Refusal``."""
        if self.refuse_with is not None:
            raise _refusal(self.refuse_with)
        if asked.project is None:
            return {"value": [_project(one, str(one.name), now) for one in projects if one.name], "nextLink": None}
        project = next((one for one in projects if one.name in (asked.project, None)), None)
        if project is None:
            raise Refusal(404, WireError("ProjectNotFound", f"The project '{asked.project}' does not exist."))
        if not asked.of_deployments:
            return _project(project, asked.project, now)
        if asked.deployment is None:
            names = sorted(deployments if deployments is not None else {ANY_DEPLOYMENT})
            return {"value": [self._deployment(asked.project, name) for name in names], "nextLink": None}
        if deployments is not None and asked.deployment not in deployments:
            raise Refusal(404, WireError("NotFound", f"The deployment '{asked.deployment}' does not exist."))
        return self._deployment(asked.project, asked.deployment)

    def _deployment(self, project: str, name: str) -> Mapping[str, Any]:
        expires = self.expires.get((project, name), EXPIRES)
        deployed = self.deployed.get((project, name), DEPLOYED)
        trained = deployed or DEPLOYED
        times = {
            "lastTrainedDateTime": f"{trained:%Y-%m-%dT%H:%M:%S}.0000000Z",
            "lastDeployedDateTime": f"{trained:%Y-%m-%dT%H:%M:%S}Z",
        }
        return {
            "deploymentName": name,
            "modelId": f"{project}-model-{trained:%Y%m%dT%I%M%S}-{0:032x}",
            **(times if deployed else {}),
            **({"deploymentExpirationDate": expires.isoformat()} if expires else {}),
            "modelTrainingConfigVersion": "2022-05-01",
        }

    def admin(self, content: Any) -> Any:
        """Set when a deployment expires (``null``: never) and was deployed, or what all questions are refused with."""
        if "refuseWith" in content:
            status = content["refuseWith"]
            self.refuse_with = None if status is None else int(status)
        if "deployment" in content:
            key = (str(content["project"]), str(content["deployment"]))
            if "expires" in content:
                expires = content["expires"]
                self.expires[key] = None if expires is None else date.fromisoformat(expires)
            if "deployed" in content:
                deployed = content["deployed"]
                self.deployed[key] = None if deployed is None else datetime.fromisoformat(deployed).astimezone(UTC)
        return {
            "refuseWith": self.refuse_with,
            "deployed": {f"{project}/{name}": at and at.isoformat() for (project, name), at in self.deployed.items()},
            "expires": {f"{project}/{name}": day and day.isoformat() for (project, name), day in self.expires.items()},
        }


def _project(project: TrainedProject, name: str, now: datetime) -> Mapping[str, Any]:
    at = f"{now:%Y-%m-%dT%H:%M:%S}Z"
    return {
        "createdDateTime": at,
        "lastModifiedDateTime": at,
        "projectKind": project.kind.value,
        "storageInputContainerName": "training",
        "projectName": name,
        "multilingual": False,
        "description": "",
        "language": "en-us",
    }


#: The service's codes by the status of a refusal (statuses are ASSUMED; the codes are the specification's).
_CODES = {400: "InvalidRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"}


def _refusal(status: int) -> Refusal:
    return Refusal(status, WireError(_CODES.get(status, "InternalServerError"), "The request is refused."))
