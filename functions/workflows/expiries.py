"""Reads once a day when the deployed models expire, and warns of it 90, 30 and 7 days before.

The metric is set by every sweep from what was read last, so that alert rules, which look back an hour, always see it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol

from .. import telemetry
from ..core.expiry import DeploymentExpiry, Expiries, in_words, is_due, threshold
from ..core.work import WorkSpec
from ..errors import Problem
from ..storage.expiry_store import ExpiryStore
from ..tasks.task import ProjectTask

logger = logging.getLogger(__name__)

URGENT_DAYS = 7
"""From so many days on it is an error, which somebody should look at."""


class Deployed(Protocol):
    """What is known of a deployment."""

    @property
    def deployment_expiration_date(self) -> date | None:
        """The day on which it expires."""


class DeploymentReader(Protocol):
    """Asks one Language resource about deployments."""

    def deployment(self, project: str, name: str) -> Deployed | Problem:
        """Return what is known of a deployment, or why nothing is."""


class DeploymentName(NamedTuple):
    """A deployment at a resource."""

    resource: str
    project: str
    deployment: str


class ExpiryWatch:
    """Knows when deployments expire. `wanted` returns those that the settings and the rules name."""

    def __init__(
        self,
        store: ExpiryStore,
        readers: Mapping[str, DeploymentReader],
        wanted: Callable[[], Sequence[DeploymentName]],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._readers = readers
        self._wanted = wanted
        self._clock = clock

    def run(self) -> Expiries:
        """Read the dates where that is due, warn of those that are near, and set the metric."""
        now, wanted = self._clock(), self._wanted()
        known, etag = self._store.load()
        if known is None or is_due(known, now, wanted):
            earlier = {(one.resource, one.project, one.deployment): one for one in known.deployments} if known else {}
            known = Expiries(read=now, deployments=tuple(_kept(self.read(one), earlier.get(one)) for one in wanted))
            if self._store.save(known, etag):
                _log(known, now)
        for one in known.deployments:
            days = one.days_left(now)
            if days is not None:
                telemetry.days_to_expiry.set(days, {"deployment": f"{one.project}/{one.deployment}",
                                                    "resource": one.resource})  # fmt: skip
        return known

    def read(self, name: DeploymentName) -> DeploymentExpiry:
        """Ask when a deployment expires."""
        reader = self._readers.get(name.resource)
        answer = reader.deployment(name.project, name.deployment) if reader else None
        if answer is None or isinstance(answer, Problem):
            return DeploymentExpiry(**name._asdict(), code=answer.code if answer else "")
        return DeploymentExpiry(**name._asdict(), expires=answer.deployment_expiration_date)


def _kept(read: DeploymentExpiry, earlier: DeploymentExpiry | None) -> DeploymentExpiry:
    """Return what was read; where that failed, with the date of the last time."""
    if read.code and earlier and earlier.expires:
        return DeploymentExpiry(
            resource=read.resource,
            project=read.project,
            deployment=read.deployment,
            expires=earlier.expires,
            code=read.code,
        )
    return read


def _log(known: Expiries, now: datetime) -> None:
    for one in known.deployments:
        days = one.days_left(now)
        if days is None:
            logger.info(
                "When %s expires is not known: %s.",
                one.what,
                one.code or "it has no date",
                extra={"action": "expiry_unknown", "resource": one.resource, "reason": one.code},
            )
            continue
        near = threshold(days)
        if near is not None:
            logger.log(
                logging.ERROR if days <= URGENT_DAYS else logging.WARNING,
                "The deployment %s %s, on %s. Train the model again with a newer training configuration, and deploy it "
                "under the same name.",
                one.what,
                in_words(days),
                one.expires,
                extra={
                    "action": "deployment_expires",
                    "resource": one.resource,
                    "project": one.project,
                    "deployment": one.deployment,
                    "days_left": days,
                    "threshold": near,
                },
            )


def deployments_of(works: Iterable[WorkSpec], resources: Sequence[str]) -> list[DeploymentName]:
    """Return the deployments that works name, each at the resources that may be asked; prebuilt models have none."""
    names = (
        DeploymentName(resource, task.project, task.deployment)
        for work in works
        for task in work.tasks
        if isinstance(task, ProjectTask) and task.project and task.deployment
        for resource in (work.resources or resources)
    )
    return list(dict.fromkeys(names))
