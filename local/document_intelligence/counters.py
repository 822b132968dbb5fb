"""What the stand-in counts: requests, refusals, and every page that it reads, as a bill would."""

from dataclasses import dataclass
from typing import Any

from local.stand_in.base import AcceptedJob, RequestCounters


@dataclass(slots=True)
class LedgerEntry(AcceptedJob):
    """One accepted document with what was done to it on purpose."""

    sha256: str
    pages: tuple[int, ...]


@dataclass(slots=True)
class Counters(RequestCounters):
    """Counts since the start (or the last reset)."""

    jobs_accepted: int = 0
    #: Pages that were read, blank ones included: what is billed.
    pages: int = 0

    def accept(self, entry: LedgerEntry) -> None:
        """Count an accepted document."""
        self.jobs_accepted += 1
        self.pages += len(entry.pages)
        self.ledger.append(entry)

    def as_json(self) -> dict[str, Any]:
        """Give the counts, without the ledger, as the admin path shows them."""
        return {**RequestCounters.as_json(self), "jobsAccepted": self.jobs_accepted, "pages": self.pages}
