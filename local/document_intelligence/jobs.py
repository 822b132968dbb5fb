"""What a job is, and its status at a given moment: a function of the time, for nothing runs in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.document_intelligence.results import Form, Sheet

#: How long input and result are kept ("Troubleshoot latency", learn.microsoft.com, 2025-02).
KEEP_RESULTS = timedelta(hours=24)

NOT_STARTED, RUNNING, SUCCEEDED, FAILED = "notStarted", "running", "succeeded", "failed"

_ENDS = {
    "failed": FAILED,
    "failed-bare": FAILED,
    "failed-content": FAILED,
    "canceled": "canceled",
    "skipped": "skipped",
    "unknown-status": "archived",
}


@dataclass(slots=True)
class Job:
    """An accepted document with its course."""

    id: str
    #: Of the document and the pages asked for: what faults are drawn by.
    identity: bytes
    sheets: Sequence[Sheet]
    form: Form
    accepted_at: datetime
    starts_at: datetime
    ends_at: datetime
    #: The injected fault that this job suffers, ``None`` for a healthy one.
    fate: str | None = None
    #: A number from 0 to 1 that decides the details of the fate.
    chance: float = 0.0
    polls: int = 0

    @property
    def expires_at(self) -> datetime:
        """When the service drops the result."""
        return self.accepted_at + KEEP_RESULTS

    def status(self, now: datetime) -> tuple[str, datetime]:
        """Give the job's status at ``now``, and since when it has it."""
        if now < self.starts_at or self.fate == "stuck-not-started":
            return NOT_STARTED, self.accepted_at
        if now < self.ends_at or self.fate == "stuck":
            return RUNNING, self.starts_at
        return _ENDS.get(self.fate or "", SUCCEEDED), self.ends_at
