"""Counts the storage requests of a burst in the emulator's access log: what a storage account would bill."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from local.azurite import Azurite

from .burst import run_burst
from .documents import Document
from .rig import OURS, Rig

_LINE = re.compile(
    r'"(?P<verb>[A-Z]+) /[^/ ]+/(?P<place>[^/? ]*)(?P<rest>[^? ]*)(?P<query>\?\S*)? HTTP/1\.\d" (?P<status>\d+)'
)


class LoggingAzurite(Azurite):
    """An emulator that writes a line for each request; slower, so only for counting."""

    def _command(self) -> list[str]:
        return [argument for argument in super()._command() if argument != "--silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """Storage requests of a burst for each document, by who makes them and what they are billed as."""

    documents: int
    jobs: int
    per_document: dict[str, float]


def count_transactions(folder: Path, documents: list[Document]) -> Transactions:
    """Run one burst of ours on an emulator that logs, and count."""
    log = folder / "logs" / "counted-storage.log"
    with Rig(folder, azurite=LoggingAzurite(log_file=log)) as rig:
        rig.acquaint(documents)
        burst = run_burst(rig, OURS, documents)
    counts = Counter(kind for line in log.read_text("utf-8", "replace").splitlines() if (kind := kind_of(line)))
    return Transactions(
        documents=len(documents),
        jobs=burst.submissions,
        per_document={kind: count / len(documents) for kind, count in sorted(counts.items())},
    )


def kind_of(line: str) -> str | None:
    """Return who made the request of a log line and what it is billed as; None for the benchmark's own and others."""
    found = _LINE.search(line)
    if not found:
        return None
    verb, place = found["verb"], found["place"]
    query = found["query"] or ""
    if place.startswith("azure-webjobs") or (place.startswith("documents-") and verb == "HEAD"):
        return "trigger: queue" if "/messages" in found["rest"] else "trigger: blobs"
    if place.startswith("jobs-"):
        # The host fetches and deletes; the app puts and updates.
        return "app: queue" if verb in ("POST", "PUT") else "trigger: job queue"
    if "comp=list" in query or "restype=container" in query or (place.startswith("documents-") and verb == "PUT"):
        return None
    if place.startswith(("documents-", "entities-", "state-")):
        return f"app: blob {'deletions' if verb == 'DELETE' else 'writes' if verb == 'PUT' else 'reads'}"
    return None
