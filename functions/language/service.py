"""The Language service as workflows need it; `client` keeps this contract over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ..core.outcomes import Deferred, Progress, Submission
from ..core.work import WorkSpec


class LanguageService(Protocol):
    """One Language resource. Every method makes its requests once and returns an outcome; none raises or waits."""

    def wait_s(self) -> float:
        """Return how many seconds a submission would have to wait for the request budget."""

    def take_permit(self, send_at: datetime | None = None) -> Deferred | None:
        """Take one submission out of the request budget, for a `submit` that follows; return why to wait otherwise.

        What is returned may name a send time that was booked for it (`Deferred.send_at`): given back when that has
        come, it asks nobody again.
        """

    def submit(
        self,
        work: WorkSpec,
        name: str,
        texts: Sequence[str],
        *,
        languages: Sequence[str | None] | None = None,
        has_permit: bool = False,
        deadline_s: float | None = None,
    ) -> Submission:
        """Submit one job of up to 25 texts and return what came of it. `name` is its display name.

        `languages` has a language for each text, None where that of `work` holds. `deadline_s` is how many seconds from
        now the exchange may take at most.
        """

    def progress(
        self, work: WorkSpec, operation_url: str, *, is_first: bool = False, send_at: datetime | None = None
    ) -> Progress:
        """Return the state of a job, with all its results once it is done.

        `is_first` says that nobody has asked for it before, `send_at` is the send time that was booked for the request.
        """

    def cancel(self, work: WorkSpec, operation_url: str) -> None:
        """Ask the service to stop a job, where the API can."""


class PollDelays(Protocol):
    """What is learnt about how long jobs take; shared by all threads."""

    @property
    def first_poll_s(self) -> float:
        """How long to wait before the first poll of a job."""

    def saw(self, duration_s: float) -> None:
        """Remember how long a job took, by the service's own clock."""
