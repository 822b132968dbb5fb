"""A burst: many documents dropped at once, and what it takes until each has its result."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .documents import Document, folders
from .rig import CONTESTANTS, OURS, Contestant, Rig, Round

LOOK_EVERY_S = 0.25
LOOK_AT_LEAST_EVERY_S = 1.0
"""Pause between two looks at the output container: the first for each folder that is not complete, because a look costs
the emulator as much as several documents do, but never longer than the second. It is how exactly the time of a result
is known; that of the last one, which the documents per minute come from, is known best."""

IDLE_S = 20
"""An app that has nothing in work for so long will not write the results that are still missing."""

PATIENCE_S = 300
"""A burst is given up when an app is busy and not one result has come for so long."""

SAMPLE = 20
"""Results per round that are compared with what the stand-in finds in the text when it is asked directly."""


class WrongResultError(RuntimeError):
    """An app lost a document or wrote something else than the service found; its figures are worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """One round. Times in seconds, memory in bytes; per-document figures are means over the documents."""

    contestant: str
    documents: int
    lost: int
    """Documents that never got a result. Ours may lose none; the blocking app does when it meets the rate limit."""
    hosts: int
    threads: int
    seconds: float
    drop_seconds: float
    documents_per_minute: float
    requests_per_document: float
    submissions: int
    polls: int
    refused_by_rate_limit: int
    function_seconds_per_document: float
    runs: dict[str, int]
    failures: int
    median_s: float
    p95_s: float
    peak_memory: int
    processor_share: dict[str, float]
    """Share of one core that each part used while the burst ran."""

    @property
    def processor_ms(self) -> dict[str, float]:
        """The processor time that each part used for a document, in milliseconds."""
        return {part: 1_000 * share * self.seconds / self.documents for part, share in self.processor_share.items()}


def run_burst(rig: Rig, contestant: Contestant, documents: list[Document], *, hosts: int = 1) -> Burst:
    """Drop the documents on fresh hosts and wait until each has its result.

    Raises `WrongResultError` where a document of ours has none, or a result is not what it should be.
    """
    with rig.round(contestant, hosts=hosts) as at_work:
        used_before = at_work.processor_seconds()
        started = time.monotonic()
        dropped, arrived = _drop_and_watch(at_work, documents)
        ended = max(arrived.values())
        used = {name: after - used_before[name] for name, after in at_work.processor_seconds().items()}
        status = at_work.wait_until_idle()
        counters = rig.language.counters()
        peak_memory = at_work.peak_memory()
        held_seconds = at_work.held_seconds()
        check_results(at_work, [document for document in documents if document.name in arrived])
    if contestant == OURS and len(arrived) < len(documents):
        raise WrongResultError(f"{len(documents) - len(arrived)} documents have no result. Logs: {rig.folder}")
    waits = sorted(arrived[name] - dropped[name] for name in arrived)
    seconds = ended - started
    requests = counters["requests"]
    functions = [each for host in status for each in host["functions"].items()]
    return Burst(
        contestant=contestant.name,
        documents=len(documents),
        lost=len(documents) - len(arrived),
        hosts=hosts,
        threads=rig.threads,
        seconds=seconds,
        drop_seconds=max(dropped.values()) - started,
        documents_per_minute=60 * len(arrived) / seconds,
        requests_per_document=sum(requests.values()) / len(documents),
        submissions=requests.get("submit", 0),
        polls=requests.get("status", 0),
        refused_by_rate_limit=counters["responses"].get("429", 0),
        function_seconds_per_document=held_seconds / len(documents),
        runs=_sums(functions, "runs"),
        failures=sum(_sums(functions, "failures").values()),
        median_s=statistics.median(waits),
        p95_s=waits[min(len(waits) - 1, int(len(waits) * 0.95))],
        peak_memory=peak_memory,
        processor_share={name: each / seconds for name, each in used.items()},
    )


def _sums(functions: list[tuple[str, dict[str, Any]]], field: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, each in functions:
        sums[name] = sums.get(name, 0) + int(each[field])
    return sums


def _drop_and_watch(at_work: Round, documents: list[Document]) -> tuple[dict[str, float], dict[str, float]]:
    """Return when each document was dropped and when its result was seen."""
    expected = folders(documents)
    names = {at_work.result_name(document.name): document.name for document in documents}
    arrived: dict[str, float] = {}
    with ThreadPoolExecutor(1, thread_name_prefix="dropping") as aside:
        dropping = aside.submit(at_work.drop, documents)
        last_news = last_busy = time.monotonic()
        while len(arrived) < len(documents):
            time.sleep(min(LOOK_AT_LEAST_EVERY_S, LOOK_EVERY_S * len(expected)))
            before = len(arrived)
            for folder in sorted(expected):
                # Folders that are complete are not listed again: looking must not cost what is being measured.
                found = at_work.results(folder)
                now = time.monotonic()
                for result in found:
                    if result in names:
                        arrived.setdefault(names[result], now)
                if len(found) >= expected[folder]:
                    del expected[folder]
            now = time.monotonic()
            if len(arrived) > before:
                last_news = last_busy = now
            elif now - last_news > IDLE_S and (not dropping.done() or at_work.is_busy()):
                last_busy = now
            if now - last_busy > IDLE_S or now - last_news > PATIENCE_S:
                break
        return dropping.result(), arrived


def check_results(at_work: Round, documents: list[Document]) -> None:
    """Raise `WrongResultError` unless each document has one result, and a sample has the right entities."""
    found = at_work.results()
    wanted = {at_work.result_name(document.name) for document in documents}
    if found != wanted:
        raise WrongResultError(
            f"{at_work.contestant.name}: {len(wanted - found)} results are missing and {len(found - wanted)} are not "
            f"entities of a document, for example {sorted(found ^ wanted)[0]!r}."
        )
    for document in documents[:: max(1, len(documents) // SAMPLE)]:
        expected = at_work.rig.language.admin("POST", "entities", {"text": document.text})
        places = [(each["category"], each["offset"], each["text"]) for each in expected]
        written = at_work.result(document.name)["entities"]
        if sorted(places) != sorted((each["category"], each["offset"], each["text"]) for each in written):
            raise WrongResultError(f"{at_work.contestant.name}: {document.name!r} has not the entities it should have.")


def side_by_side(rig: Rig, documents: list[Document], rounds: int) -> list[Burst]:
    """Run all apps in turn, `rounds` times each, over the same documents."""
    rig.acquaint(documents)
    return [run_burst(rig, contestant, documents) for _ in range(rounds) for contestant in CONTESTANTS]
