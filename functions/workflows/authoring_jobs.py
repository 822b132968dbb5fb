"""Works on one project by the authoring API: waits where it has to, repeats what may be repeated, follows jobs.

Everything here may be repeated after an interruption, but for what `start` says.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from ..core.outcomes import DeferReason, Deferred, Unanswered
from ..errors import EntityDropError, Problem
from ..language.authoring_service import (
    LONGEST_ANSWER_S,
    LONGEST_TRANSFER_S,
    AuthoringService,
    Job,
    Refusal,
    Started,
    path_of,
)

POLL_S: Final = 5.0
"""Between looks at a job: a training of 95 s takes 19 of the 100 questions of a minute."""

PATIENCE: Final = timedelta(minutes=10)
"""How long a service that does not answer, or fails, is asked again."""

CONFLICT_PATIENCE: Final = timedelta(hours=8)
"""How long the project's other job is waited for: a training of 12.8 million characters takes about 6 hours ("Train
your model", read 2026-08)."""

LONGEST_BACKOFF_S: Final = 60.0

FINISHED: Final = frozenset({"succeeded", "failed", "cancelled", "canceled", "partiallycompleted"})

RUNNING: Final = frozenset({"notstarted", "running", "cancelling"})

T = TypeVar("T")

Tell = Callable[[str, float | None], None]
"""Told what is being done, and how much of it, from 0 to 1; None where that is not known."""


def tell_nobody(what: str, part: float | None) -> None:
    """Tell nobody how it goes."""


class ServiceRefused(EntityDropError):
    """The service has refused something; the message says what, why, and what to do."""

    def __init__(self, what: str, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{what} was refused. {problem.message} {problem.help}".strip())


class ServiceNotReached(EntityDropError):
    """The service does not answer, or not those settings; the message says what to do."""


class JobFailed(EntityDropError):
    """A job of the service has ended without success."""


class Authoring:
    """One project of a Language resource. `tell` hears why it waits."""

    def __init__(
        self,
        client: AuthoringService,
        project: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        tell: Tell = tell_nobody,
    ) -> None:
        self.project = project
        self.tell = tell
        self._client = client
        self._clock = clock
        self._sleep = sleep

    def find(self, kind: type[T], *parts: str, query: str = "", longest_s: float = LONGEST_ANSWER_S) -> T | None:
        """Return something of the project; None where it is not there. Raises `ServiceRefused`, `ServiceNotReached`."""
        path = path_of(self.project, *parts)
        answer: T | Refusal = self._answer(
            self._question, lambda: self._client.get(path, kind, query, longest_s=longest_s)
        )
        if isinstance(answer, Refusal):
            if answer.is_missing:
                return None
            raise _refused(self._question, answer)
        return answer

    def content(self, *parts: str) -> bytes | None:
        """Return the JSON that lies somewhere in the project, as it is; None where nothing does."""
        found = self.find(msgspec.Raw, *parts, longest_s=LONGEST_TRANSFER_S)
        return None if found is None else bytes(found)

    def listed(self, kind: type[T], *parts: str, query: str = "") -> list[T] | None:
        """Return a list of the project; None where there is no such project, or no such thing in it."""
        path = path_of(self.project, *parts)
        answer: list[T] | Refusal = self._answer(self._question, lambda: self._client.pages(path, kind, query))
        if isinstance(answer, Refusal):
            if answer.is_missing:
                return None
            raise _refused(self._question, answer)
        return answer

    def start(
        self,
        what: str,
        method: str,
        *parts: str,
        body: Any = None,
        query: str = "",
        is_encoded: bool = False,
        is_repeatable: bool = True,
    ) -> str | None:
        """Start a job and return its id; None where no answer came, so that it may have been started.

        What is not repeatable is asked for once, unless the service has surely not taken it.
        It waits for another job of the project to end. Raises `ServiceRefused` and `ServiceNotReached`.
        """
        began, path = self._clock(), path_of(self.project, *parts)
        while True:
            answer = self._answer(what, lambda: self._client.start(method, path, body, query, is_encoded=is_encoded))
            if isinstance(answer, Started):
                return answer.job
            if isinstance(answer, Unanswered):
                return None
            if not answer.is_conflict or self._clock() - began > CONFLICT_PATIENCE:
                raise _refused(what, answer)
            self.tell("waiting for another job of the project to end", None)
            self._sleep(LONGEST_BACKOFF_S)

    def change(self, what: str, method: str, *parts: str, body: Any = None, content_type: str = "") -> None:
        """Change something. Where no answer comes it may have been done, and is done once more."""
        path, began = path_of(self.project, *parts), self._clock()
        while True:
            answer: Refusal | Unanswered | None = self._answer(
                what, lambda: self._client.change(method, path, body, content_type=content_type)
            )
            if answer is None:
                return
            if isinstance(answer, Refusal):
                raise _refused(what, answer)
            if self._clock() - began > PATIENCE:
                raise ServiceNotReached(f"{what}: {answer.problem.message} {answer.problem.help}")
            self._sleep(POLL_S)

    def follow(self, what: str, *parts: str, follow: Callable[[Job], None] = lambda job: None) -> Job | None:
        """Wait until a job has ended and return it; None where the service does not know it.

        `follow` sees each answer. Raises `JobFailed` unless it has succeeded.
        """
        unknown_since: datetime | None = None
        while True:
            job = self.find(Job, *parts)
            if job is None:
                return None
            follow(job)
            status = job.status.lower()
            unknown_since = None if status in RUNNING else unknown_since or self._clock()
            if status == "succeeded":
                return job
            if status in FINISHED:
                told = "; ".join(f"{one.code}: {one.message}" for one in job.errors or ())
                raise JobFailed(f"{what} has {_ended(status)}{f' ({told})' if told else ''}.")
            if unknown_since and self._clock() - unknown_since > PATIENCE:
                raise JobFailed(f"{what}: the service says {job.status!r}, which is no state that is known.")
            self._sleep(POLL_S)

    def do(
        self, what: str, method: str, parts: Sequence[str], jobs: Sequence[str], body: Any = None, **more: Any
    ) -> Job:
        """Start a job that may be repeated, and wait until it has succeeded; `jobs` is where jobs of its kind are."""
        for attempt in range(6):
            job = self.start(what, method, *parts, body=body, **more)
            ended = self.follow(what, *jobs, job) if job else None
            if ended:
                return ended
            self._sleep(POLL_S * 2**attempt)
        raise ServiceNotReached(f"{what}: the service does not say what became of it. Try again.")

    @property
    def _question(self) -> str:
        return f"The question about project '{self.project}'"

    def pause(self, seconds: float) -> None:
        """Wait."""
        self._sleep(seconds)

    def _answer(self, what: str, ask: Callable[[], object]) -> Any:
        """Ask until there is an answer that is no `Deferred`."""
        began, attempt = self._clock(), 0
        while True:
            answer = ask()
            if not isinstance(answer, Deferred):
                return answer
            problem = answer.problem
            if answer.reason is DeferReason.MISCONFIGURED:
                raise ServiceNotReached(f"{problem.message} {problem.help}")
            wait_s = answer.retry_after_s or min(LONGEST_BACKOFF_S, 2.0**attempt)
            if answer.reason is not DeferReason.BUDGET:
                attempt += 1
                if self._clock() - began + timedelta(seconds=wait_s) > PATIENCE:
                    raise ServiceNotReached(f"{what}: {problem.message} {problem.help}")
            self.tell(f"waiting ({problem.code})", None)
            self._sleep(max(wait_s, 0.1))


def _refused(what: str, answer: Refusal) -> EntityDropError:
    if answer.status in (401, 403):
        return ServiceNotReached(
            f"{what} was refused. {answer.problem.message} Training needs the role Cognitive Services Language Writer, "
            "deploying and deleting Language Owner."
        )
    return ServiceRefused(what, answer.problem)


def _ended(status: str) -> str:
    return {"failed": "failed", "partiallycompleted": "ended without all of its parts"}.get(status, "been cancelled")
