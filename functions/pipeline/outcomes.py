"""What the Language service can answer, reduced to what the caller does next.

Nothing in this file is an error of the app: a throttled request is as ordinary as an accepted one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..errors import Problem


class HoldReason(StrEnum):
    """Why a request has to come back later; each has waits of its own in `retry`."""

    BUDGET = "budget"
    """Our own request budget is used up for now; nothing was sent."""
    THROTTLED = "throttled"
    """429: the rate limit of the resource."""
    QUOTA = "quota"
    """403 with a wait: the quota of the free tier is used up."""
    UNAVAILABLE = "unavailable"
    """Outages, timeouts, cut connections, answers that make no sense."""
    MISCONFIGURED = "misconfigured"
    """Wrong key, missing role, unknown project or deployment: somebody has to mend the deployment."""


@dataclass(frozen=True, slots=True)
class HoldOff:
    """The service was not asked or said later; `retry_after_s` is its own wish in seconds, where it had one."""

    reason: HoldReason
    problem: Problem
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job was taken; its state is found at `operation_url`."""

    operation_url: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request as a whole was refused because of what is in it (400): one bad document is enough for that."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class ComeToNothing:
    """The service took the job, and nothing comes of it: failed, rejected, vanished, or not to be found again.

    `hold` is set where that is nobody's fault but the deployment's: submitting again makes sense only once it is
    mended, and does not count as a failure.
    """

    problem: Problem
    hold: HoldReason | None = None


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The service is not done; `status` is its own word, `is_known` whether that word is documented."""

    status: str
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class FoundEntity:
    """One entity as the service gave it: offset and length in the string index type that was asked for."""

    text: str
    category: str
    offset: int
    length: int
    confidence_score: float
    subcategory: str | None = None


@dataclass(frozen=True, slots=True)
class FoundEntities:
    """What the service found in one piece."""

    entities: tuple[FoundEntity, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The service is done; `pieces` has an answer by the id of each piece, except for those that it left out."""

    job_id: str
    status: str
    pieces: Mapping[str, FoundEntities | Problem] = field(default_factory=dict)
    created: datetime | None = None
    completed: datetime | None = None

    @property
    def duration_s(self) -> float | None:
        """How long the job took by the service's own clock, in seconds; None where it did not say.

        The service cuts the time of creation down to whole seconds (recorded): half a second is what that adds to a
        duration on average.
        """
        if self.created is None or self.completed is None:
            return None
        cut_off_s = 0.0 if self.created.microsecond else 0.5
        return max(0.0, (self.completed - self.created).total_seconds() - cut_off_s)


Submission = Accepted | Refused | HoldOff | ComeToNothing
"""What comes of a POST."""

Progress = StillRunning | Finished | ComeToNothing | HoldOff
"""What comes of a GET."""
