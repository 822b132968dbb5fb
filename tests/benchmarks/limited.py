"""Several instances at a resource that takes few requests a minute: what is refused, and how much of the rate is used.

Real processes: four functions hosts, storage, and stand-ins that refuse what is beyond their limit. The last release
and this one work on the same documents in turn; then this one has two resources, and one of them alone.
"""

from __future__ import annotations

import math
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psutil
from azure.storage.blob import ContainerClient

from local.language_service.counters import text_digest
from local.process import ROOT
from tests.end_to_end.two_releases import last_release

from .burst import PATIENCE_S, WrongResultError, check_results
from .documents import Document
from .rig import OURS, Contestant, Rig, Round

HOSTS = 4
FULL_REQUESTS = 0.08
"""Requests for each document where all jobs are full and need one poll."""

LOOK_EVERY_S = 1.0
"""How exactly the first and the last request of a run are known; they tell the share of the rate that was used."""

LOOKS_A_LISTING = 5
"""Results are listed with every so many looks: when each was written, the storage says in the end."""

MOST_PROCESSORS = 85.0
"""Per cent of all processors, of all processes: a run above it shows what the machine does, and not the app."""

LONGEST = 2.0
"""A run that takes so many times as long as full requests would need is ended, and its figures are those of the
documents that have their results by then. The last release needs longer than that; this one may not."""

LAST, THIS = "last release", "this release"


class Run(NamedTuple):
    """A run to do: its name, the release, and the resources that share the limit."""

    name: str
    release: str
    resources: int = 1
    parts: int = 1
    """Each resource takes the limit's part of so many, and the run has that part of the documents."""


ONE_RESOURCE = Run("one-resource", THIS, resources=1, parts=2)
TWO_RESOURCES = Run("two-resources", THIS, resources=2, parts=2)
RUNS = (
    Run("this-1", THIS),
    Run("last-1", LAST),
    Run("last-2", LAST),
    Run("this-2", THIS),
    TWO_RESOURCES,
    ONE_RESOURCE,
)
"""In this order: the releases in turn, and each once before and once after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """What a run came to. Times in seconds, shares in per cent."""

    name: str
    release: str
    hosts: int
    resources: int
    limit: int
    """Requests a minute that each resource takes, and `REQUESTS_PER_MINUTE`."""
    documents: int
    unfinished: int
    """Documents without a result when the run was ended; the figures are those of the others."""
    seconds: float
    """From the first drop to the last result."""
    documents_per_minute: float
    requests_per_document: float
    """Without the refused ones."""
    refused: float
    """Of all requests."""
    rate_used: float
    """Accepted requests, of those that the limit allows from the first to the last of them."""
    delay_median_s: float
    delay_p99_s: float
    delay_most_s: float
    """From the moment that the service was done with a job to each of its results; the storage gives whole seconds,
    which are rounded up."""
    processors: float
    """Of all processors, all processes of the machine, from the first drop to the last result."""
    processor_share: dict[str, float]
    """Of one processor, by part."""

    @property
    def is_valid(self) -> bool:
        """Whether the machine had something left, so that the limit decided."""
        return self.processors <= MOST_PROCESSORS


class Look(NamedTuple):
    """What the resources have counted up to a moment."""

    at: float
    accepted: int
    refused: int


def run_limited(
    run: Run, folder: Path, documents: list[Document], limit: int, *, hosts: int = HOSTS, threads: int
) -> Limited:
    """Drop a run's part of `documents` and wait for all results, at its part of `limit` requests a minute.

    Raises `WrongResultError` where a result is not what it should be, or this release is not done in time.
    """
    dropped = documents[: math.ceil(len(documents) / run.parts)]
    each = limit // run.parts
    with ExitStack() as stack:
        app = ROOT if run.release == THIS else stack.enter_context(last_release()).folder
        rig = Rig(folder, threads=threads, requests_per_minute=each, resources=run.resources)
        stack.enter_context(rig)
        rig.acquaint(dropped)
        name = Contestant(run.release.replace(" ", "-"), app, OURS.function)
        at_work = stack.enter_context(rig.round(name, hosts=hosts))
        output = stack.enter_context(
            ContainerClient.from_connection_string(rig.storage.connection_string, at_work.output.name)
        )
        parts_before, machine_before = at_work.processor_seconds(), psutil.cpu_times()
        started, began = datetime.now(UTC), time.monotonic()
        needed_s = len(dropped) * FULL_REQUESTS * 60 / (each * run.resources)
        looks = _drop_and_look(at_work, dropped, began + max(PATIENCE_S, LONGEST * needed_s))
        seconds = time.monotonic() - began
        parts_after, machine_after = at_work.processor_seconds(), psutil.cpu_times()
        written = {blob.name: blob.last_modified + timedelta(seconds=1) for blob in output.list_blobs()}
        done = [document for document in dropped if at_work.result_name(document.name) in written]
        if len(done) == len(dropped):
            at_work.wait_until_idle()
            check_results(at_work, dropped)
        elif run.release == THIS:
            raise WrongResultError(f"{len(done)} of {len(dropped)} results after {seconds:.0f} s. Logs: {folder}")
        delays = sorted(_delays(at_work, done, written))
    last_s = (max(written.values()) - started).total_seconds()
    accepted, refused = looks[-1].accepted, looks[-1].refused
    return Limited(
        name=run.name,
        release=run.release,
        hosts=hosts,
        resources=run.resources,
        limit=each,
        documents=len(dropped),
        unfinished=len(dropped) - len(done),
        seconds=last_s,
        documents_per_minute=60 * len(done) / last_s,
        requests_per_document=accepted / len(done),
        refused=100 * refused / (accepted + refused),
        rate_used=rate_used(looks, each * run.resources),
        delay_median_s=statistics.median(delays),
        delay_p99_s=delays[math.ceil(0.99 * len(delays)) - 1],
        delay_most_s=delays[-1],
        processors=processors_used(machine_before, machine_after),
        processor_share={part: (parts_after[part] - parts_before[part]) / seconds for part in parts_before},
    )


def _drop_and_look(at_work: Round, documents: list[Document], until: float) -> list[Look]:
    """Drop documents and look at the resources' counters until each document has its result, or the time is over."""
    looks = [_look(at_work.rig)]
    with ThreadPoolExecutor(1, thread_name_prefix="dropping") as aside:
        dropping = aside.submit(at_work.drop, documents)
        found = 0
        while found < len(documents) and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
            looks.append(_look(at_work.rig))
            if len(looks) % LOOKS_A_LISTING == 0:
                found = len(at_work.results())
        dropping.result()
    return looks


def _look(rig: Rig) -> Look:
    responses = [language.counters()["responses"] for language in rig.languages]
    refused = sum(each.get("429", 0) for each in responses)
    return Look(time.monotonic(), sum(sum(each.values()) for each in responses) - refused, refused)


def rate_used(looks: list[Look], limit: int) -> float:
    """Return the accepted requests in per cent of what `limit` a minute allows from the first to the last of them."""
    accepted = looks[-1].accepted
    first = max(look.at for look in looks if look.accepted == looks[0].accepted)
    last = min(look.at for look in looks if look.accepted == accepted)
    return 100 * (accepted - looks[0].accepted) / (limit * (last - first) / 60)


def processors_used(before: NamedTuple, after: NamedTuple) -> float:
    """Return in per cent how much of all processors was used between two readings of `psutil.cpu_times`."""
    spent = {name: later - sooner for name, sooner, later in zip(before._fields, before, after, strict=True)}
    # Linux counts the time of guests in that of users, too.
    total = sum(seconds for name, seconds in spent.items() if not name.startswith("guest"))
    return 100 * (1 - (spent["idle"] + spent.get("iowait", 0.0)) / total)


def _delays(at_work: Round, documents: list[Document], written: dict[str, datetime]) -> list[float]:
    """Return how long after its job was done each result was there."""
    done: dict[str, datetime] = {}
    for language in at_work.rig.languages:
        ahead = datetime.fromisoformat(language.admin("PUT", "clock", {"advanceSeconds": 0})["now"]) - datetime.now(UTC)
        for entry in language.admin("GET", "ledger"):
            at = datetime.fromisoformat(entry["done"]) - ahead
            for document in entry["documents"]:
                done[document["sha256"]] = min(done.get(document["sha256"], at), at)
    return [
        (written[at_work.result_name(document.name)] - done[text_digest(document.text)]).total_seconds()
        for document in documents
    ]


def run_all(
    names: tuple[str, ...],
    folder: Path,
    documents: list[Document],
    limit: int,
    *,
    threads: int,
) -> list[Limited]:
    """Do the runs of these names, one after the other."""
    return [run_limited(run, folder / run.name, documents, limit, threads=threads) for run in RUNS if run.name in names]
