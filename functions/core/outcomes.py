"""What the Language service can answer, reduced to what the caller does next.

Nothing in this file is an error of the app: a throttled request is as ordinary as an accepted one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..errors import Problem
from ..tasks.task import Found


class DeferReason(StrEnum):
    """Why a request has to come back later; each has waits of its own in `retry`."""

    BUDGET = "budget"
    """Our own limits: the request budget is used up for now, or no time was left for an exchange. Nothing was sent."""
    THROTTLED = "throttled"
    """429: the rate limit of the resource."""
    QUOTA = "quota"
    """403 with a wait: the quota of the free tier is used up."""
    UNAVAILABLE = "unavailable"
    """Outages, time-outs, broken connections, replies that are not in the service's own form."""
    MISCONFIGURED = "misconfigured"
    """Wrong key, missing role, unknown project or deployment: somebody has to correct the deployment."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Of a POST: surely nothing was accepted, because nothing was sent or the service refused in its own form.

    Of a GET: nothing was learned about the job.

    `retry_after_s` is the wait that the service asked for, in seconds, where it asked for one. `send_at` is the send
    time that was booked for the request (the storage's time), where one was: it is sent then, and asks nobody again.
    """

    reason: DeferReason
    problem: Problem
    retry_after_s: float | None = None
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job was taken; its state is found at `operation_url`."""

    operation_url: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request as a whole was refused, in the service's own form, because of what is in it (400, 413).

    One bad document is enough for that. Nothing was accepted, nothing is billed. `problem.fault` is `DOCUMENT` where
    the code is documented as a document's fault, else `SERVICE`: then only other documents can show whose it is.
    """

    problem: Problem


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request was sent, and no answer in the service's own form came: it may have been accepted, and billed.

    A time-out after sending, a broken connection, an exception, a page of a proxy with any status, an
    `operation-location` that is missing or can not be read. `retry_after_s` is the wait that the reply asked for.
    """

    problem: Problem
    retry_after_s: float | None = None


Answer = Found | Problem
"""What a task ends with for a chunk: what was found in it, or why there can be no result."""

Answers = Mapping[str, Answer]
"""The answers for a chunk, by the names of the tasks."""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The service accepted the job and ended it without results: failed or rejected.

    `problem.fault` is `CONFIGURATION` where the service's codes say that project, deployment or key are wrong.
    """

    problem: Problem


@dataclass(frozen=True, slots=True)
class JobLost:
    """The service says in its own form that it does not know the job (any more)."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The service is not done; `status` is its own word, `is_known` whether that word is documented.

    `has_started` is false while the job waits in the service's queue; `expires` is when the service will drop it, by
    its own word.
    """

    status: str
    is_known: bool = True
    has_started: bool = True
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The service is done; `chunks` has the answers by the id of each chunk, except for what it left out."""

    operation_id: str
    status: str
    chunks: Mapping[str, Answers] = field(default_factory=dict)
    created: datetime | None = None
    completed: datetime | None = None
    failed_tasks: Mapping[str, Problem] = field(default_factory=dict)
    """Why tasks have no results at all, by their names, where the service said so."""

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


Submission = Accepted | Refused | Deferred | Unanswered
"""What comes of a POST."""

Progress = StillRunning | Finished | JobFailed | JobLost | Deferred
"""What comes of a GET."""
