"""What can go wrong in the host, by what the reader does next.

HostError
├── StartError          fix the app, `host.json` or the settings, then start again: the host did not start
└── StorageError        storage refused or did not answer; `status` and `code` say which, the caller decides
"""

from __future__ import annotations

from collections.abc import Sequence


class HostError(Exception):
    """The root of the host's own errors."""


class StartError(HostError):
    """The host cannot start; `problems` lists everything that must be fixed, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StorageError(HostError):
    """Storage answered with an error.

    `status` is the HTTP status (0: no answer at all), `code` the service's own word such as `BlobNotFound`
    (empty where it gave none).
    """

    def __init__(self, operation: str, status: int, code: str, detail: str = "") -> None:
        self.operation = operation
        self.status = status
        self.code = code
        what = f"status {status} {code}".rstrip() if status else "no answer"
        super().__init__(f"{operation}: {what}{': ' + detail if detail else ''}")

    @property
    def is_missing(self) -> bool:
        """The blob, container, queue or message is not there."""
        return self.status == 404

    @property
    def is_lost_race(self) -> bool:
        """A condition of the request did not hold: somebody else was there first."""
        return self.status in (409, 412)
