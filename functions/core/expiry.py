"""When deployed models expire, and how long before it is warned of.

An expired deployment answers nothing. The date is the deployment's own (`deploymentExpirationDate` of the authoring
API, a day without a time); the dates of the documentation were moved more than once ("Model lifecycle", read 2026-11).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from .records import Moment, Record

WARNED_DAYS: Final = (90, 30, 7)
"""How many days before it is warned of, each more urgently; so do the alert rules in infra/modules/alerts.bicep."""

READ_EVERY: Final = timedelta(hours=23)
"""How old what was read may be. Less than a day, so that no day is left out."""


class DeploymentExpiry(Record, frozen=True, kw_only=True, omit_defaults=False):
    """When a deployment at a Language resource expires, as far as its authoring API says."""

    resource: str
    project: str
    deployment: str
    expires: date | None = None
    """None where it is not known."""
    code: str = ""
    """Why it is not known: the code of the problem; empty where the deployment has no date."""

    @property
    def what(self) -> str:
        """The deployment in words."""
        return f"{self.project}/{self.deployment} at {self.resource}"

    def days_left(self, now: datetime) -> int | None:
        """Return the days until it expires (UTC): 0 on the day itself, less once it has expired; None if unknown."""
        return None if self.expires is None else (self.expires - now.astimezone(UTC).date()).days


class Expiries(Record, frozen=True, kw_only=True):
    """What was read of all deployments, once a day for all instances."""

    read: Moment
    deployments: tuple[DeploymentExpiry, ...] = ()


def is_due(known: Expiries | None, now: datetime, wanted: Iterable[tuple[str, str, str]]) -> bool:
    """Whether the dates are to be read: they are old, or a deployment (resource, project, name) is not among them."""
    if known is None or not timedelta() <= now - known.read < READ_EVERY:
        return True
    return {(one.resource, one.project, one.deployment) for one in known.deployments} != set(wanted)


def threshold(days_left: int) -> int | None:
    """Return the warning that so many days belong to, a number of `WARNED_DAYS`; None while it is far off."""
    return min((days for days in WARNED_DAYS if days_left <= days), default=None)


def in_words(days_left: int) -> str:
    """Return when something expires."""
    if days_left < 0:
        return f"has expired {_days(-days_left)} ago"
    return "expires today" if days_left == 0 else f"expires in {_days(days_left)}"


def _days(number: int) -> str:
    return f"{number:,} {'day' if number == 1 else 'days'}"
