"""Every error of the app, grouped by what the caller does next.

    EntityDropError
    ├── SettingsError        fix the deployment: the app does not start
    ├── DocumentError        this document ends in an error report, its neighbours go on
    ├── StorageOutcome       expected outcomes of a conditional read or write; the caller decides
    │   ├── Missing          there is no such blob
    │   └── Changed          somebody else wrote first (a lost compare-and-set, or a replaced document)
    ├── UnsafeName           a blob name that may lead out of its container: no request is made with it
    ├── RecordError          a record or message that is not ours, damaged or outdated: quarantine it, go on
    ├── RulesUnreadable      it is not known what to do with documents: leave them, come back later
    ├── NewerRecord          a record of a newer release: leave it as it is, come back later
    └── IllegalTransition    fix our code: the transition table has no such row

What the Language service answers is not in this tree: throttling, outages and refusals are ordinary outcomes, and
`core.outcomes` holds them as values.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class EntityDropError(Exception):
    """The base of everything that this app raises on purpose."""


class SettingsError(EntityDropError):
    """The settings do not allow the app to start; `problems` lists all that is wrong with them, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"Entity Drop cannot start: {len(problems)} problem(s) with the app settings.\n{lines}\n"
            "Correct them (locally in local.settings.json, in Azure under Environment variables) and start again."
        )


class Fault(StrEnum):
    """Whose fault it is that something did not work: who has to act before it can work."""

    DOCUMENT = "document"
    """The document has to be corrected by whoever dropped it; submitting it again changes nothing."""
    SERVICE = "service"
    """The Language service, or the network on the way to it, failed; it may work later."""
    STORAGE = "storage"
    """The storage failed or refused; it may work later."""
    CONFIGURATION = "configuration"
    """A setting, a key, a role, or the model's deployment has to be corrected by the operator."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something did not work, in words for the person who dropped the document.

    Made by the kinds of `functions/problems.py`. `code` is stable and for machines; `message` says what happened, with
    the value and the limit; `help` says what to do next; `service` is the Language service's own error object, where
    there was one; `fault` says whose fault it is. Records written before `fault` existed do not have it: they count as
    the service's fault, which is never final.
    """

    code: str
    message: str
    help: str
    service: dict[str, Any] | None = None
    fault: Fault = Fault.SERVICE


@dataclass(frozen=True, slots=True)
class Warning:
    """Something that a reader of the result should know."""

    code: str
    message: str

    def __str__(self) -> str:
        """Return it as it is kept in a document's record: `CODE: message`."""
        return f"{self.code}: {self.message}"


class DocumentError(EntityDropError):
    """A document that can not be read; `problem` goes into its error report."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem.code}: {problem.message}")


class StorageOutcome(EntityDropError):
    """The base of the two expected outcomes of a conditional storage call; `name` is the blob's."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{self.__doc__} ({name!r})")


class Missing(StorageOutcome):
    """The blob does not exist."""


class Changed(StorageOutcome):
    """The blob was written by somebody else since it was read."""


class InvalidMarker(EntityDropError):
    """A marker that no listing has made. `marker` is the marker."""

    def __init__(self, marker: str) -> None:
        self.marker = marker
        super().__init__(f"{self.__doc__} ({marker!r})")


class UnsafeName(EntityDropError):
    """A blob name that may lead out of its container; no request was made with it. `name` is the name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The blob name {name!r} is empty or has a segment '.' or '..'.")


class RecordError(EntityDropError):
    """A stored record or a queue message that this version of the app can not read."""


class RulesUnreadable(EntityDropError):
    """Neither the rules nor the last valid ones can be read, so nobody knows what is to be done with documents."""


class NewerRecord(EntityDropError):
    """A record that a newer release has written; writing it anew would drop what only that release knows.

    `owner` is the job or family of jobs that a document's record names, None for other records.
    """

    def __init__(self, name: str, version: int, known: int, owner: str | None = None) -> None:
        self.name = name
        self.version = version
        self.owner = owner
        super().__init__(
            f"{name!r} has version {version}, the newest that this release knows is {known}. It is left to instances "
            "of the newer release; deploy that again if none is running."
        )


class IllegalTransition(EntityDropError):
    """An event that the transition table does not know in this state; nothing was changed."""
