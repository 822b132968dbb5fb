"""What the stand-in counts: requests, refusals, and every accepted document, as a bill would."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from local.language_service.jobs import Job
from local.language_service.wire import text_records
from local.stand_in.base import AcceptedJob, RequestCounters
from local.stand_in.text_units import text_elements


def text_digest(text: str) -> str:
    """Give the SHA-256 of a text's UTF-8, in hexadecimal: how the ledger names a text without keeping it."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class LedgerDocument:
    """One accepted document."""

    id: str
    sha256: str
    characters: int
    records: int


@dataclass(slots=True)
class LedgerEntry(AcceptedJob):
    """One accepted job and its documents."""

    documents: tuple[LedgerDocument, ...]
    #: When its last task ends, unless it is cancelled before.
    done: str


@dataclass(slots=True)
class Counters(RequestCounters):
    """Counts since the start (or the last reset)."""

    jobs_accepted: int = 0
    documents_accepted: int = 0
    text_records: int = 0

    def accept(self, job: Job, reply: str | None, now: datetime) -> None:
        """Count an accepted job."""
        documents = []
        for document in job.submission.documents:
            characters = text_elements(document.text)
            documents.append(
                LedgerDocument(document.id, text_digest(document.text), characters, text_records(characters))
            )
        self.jobs_accepted += 1
        self.documents_accepted += len(documents)
        self.text_records += sum(document.records for document in documents) * len(job.submission.tasks)
        done = max(job.finish_at).isoformat()
        self.ledger.append(
            LedgerEntry(job.id, now.isoformat(), job.fate or "ok", reply or "ok", tuple(documents), done)
        )

    def as_json(self) -> dict[str, Any]:
        """Give the counts, without the ledger, as the admin path shows them."""
        return {
            **RequestCounters.as_json(self),
            "jobsAccepted": self.jobs_accepted,
            "documentsAccepted": self.documents_accepted,
            "textRecords": self.text_records,
        }
