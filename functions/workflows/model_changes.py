"""Finds out which results come from a model that rules and settings do not give any more, or that was exchanged since.

A deployment keeps its name when another model is deployed under it. What tells is its time, which the authoring API
has, and the time at which the jobs of a result were submitted.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from .. import problems
from ..core.documents import ERROR_SUFFIX, promised_by
from ..core.names import fitting_name
from ..core.records import JobFacts
from ..core.work import WorkSpec
from ..errors import Missing, Problem
from ..storage.document_store import DocumentStore
from ..typed_data import from_json
from .expiries import DeploymentName, DeploymentReader, deployments_of
from .queries import Listed


class UnknownTime(NamedTuple):
    """A deployment of which it is not known since when it has its model."""

    deployment: DeploymentName
    code: str
    why: str


class Deployed(NamedTuple):
    """Since when deployments have their models."""

    resources: tuple[str, ...]
    """All that the app has."""
    since: Mapping[DeploymentName, datetime]
    """Those of which it is known."""

    def latest(self, work: WorkSpec) -> datetime | None:
        """Return when the last of the deployments that are asked got its model; None where that is not known of any."""
        known = (self.since.get(name) for name in deployments_of([work], self.resources))
        return max((time for time in known if time), default=None)


def read_deployed(
    readers: Mapping[str, DeploymentReader], works: Iterable[WorkSpec]
) -> tuple[Deployed, tuple[UnknownTime, ...]]:
    """Ask since when the deployments that works name have their models; return that, and of which it is not known."""
    since: dict[DeploymentName, datetime] = {}
    unknown: list[UnknownTime] = []
    for name in deployments_of(works, tuple(readers)):
        reader = readers.get(name.resource)
        answer = reader.deployment(name.project, name.deployment) if reader else None
        if answer is None or isinstance(answer, Problem):
            unknown.append(UnknownTime(name, answer.code, answer.message) if answer else _no_resource(name))
        elif answer.model_since is None:
            unknown.append(UnknownTime(name, "", "the answer has no such time"))
        else:
            since[name] = answer.model_since
    return Deployed(tuple(readers), since), tuple(unknown)


def _no_resource(name: DeploymentName) -> UnknownTime:
    return UnknownTime(name, problems.NO_RESOURCE.code, "the app has no such resource")


class _Result(msgspec.Struct):
    jobs: list[JobFacts]


class ModelChanges:
    """Tells whether the model of a document's results is another one by now."""

    def __init__(self, documents: DocumentStore, deployed: Deployed) -> None:
        self._documents = documents
        self._deployed = deployed

    def has_changed(self, one: Listed, work: WorkSpec) -> bool:
        """Whether the results of a document come from another model than `work` gives it now.

        A result is read only where it was written after the deployment: its jobs may have been submitted before, or it
        was carried over from an earlier version of the document.
        """
        if work.model != one.row.model:
            return True
        since = self._deployed.latest(work)
        if since is None:
            return False
        ended = one.row.updated
        if ended is None or ended < since:
            return True
        return any(submitted < since for submitted in self._submitted(one))

    def _submitted(self, one: Listed) -> Iterator[datetime]:
        """Yield when the jobs of a document's results were submitted, as far as that is known."""
        for suffix in promised_by(one.record.metadata if one.record else {}):
            if suffix == ERROR_SUFFIX:
                continue
            try:
                data = self._documents.read_result(fitting_name("", one.row.name, suffix)).data
                jobs = from_json(data, _Result).jobs
            except (Missing, msgspec.DecodeError, UnicodeDecodeError):
                continue
            yield from (job.submitted_date_time for job in jobs if job.submitted_date_time)
