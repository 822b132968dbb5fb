"""A burst that is spread thinly over instances still fills its requests.

The instances' own batching decides when a batch goes; what runs take is modelled, event by event and on a clock that is
moved. All instances and the storage share two cores, as on a small machine with functions hosts on it: that is the
hardest case, for documents come to each instance one by one. What real processes do: `docs/instances.md`.
"""

import heapq
from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from functions.settings import SETTINGS
from functions.text.chunks import ReadyChunk
from functions.workflows import batching
from functions.workflows.batching import BUSY_RUNS, GATHER_S, Batch, Submitter
from tests.support.material import chunk, facts, work

CORES = 2
READ_S, LIST_S, CLAIM_S, SEND_S, PUBLISH_S = 0.009, 0.004, 0.007, 0.02, 0.015
"""Processor time of what is done for a document or a batch, that of the storage emulator included; as measured, see
`docs/benchmarks.md`."""
JOB_S = 2.5
"""After which the results of a batch are published."""
REQUESTS_A_JOB = 2
"""A submission and the poll that finds it done."""
LINGER_S = float(next(one.default or "" for one in SETTINGS if one.name == "BATCH_LINGER_MS")) / 1000

WORK = work()


class Machine:
    """A clock, and a few cores that work a little for each thread in turn, as an operating system lets them."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._idle_cores = CORES
        self._threads: dict[object, deque[tuple[float, Callable[[], None]]]] = {}

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do something at a time."""
        self._number += 1
        heapq.heappush(self._events, (when, self._number, act))

    def work(self, thread: object, processor_s: float, then: Callable[[], None]) -> None:
        """Go on once a core has done some work, after what the thread has to do already."""
        self._threads.setdefault(thread, deque()).append((processor_s, then))
        self._start_cores()

    def run(self) -> None:
        """Go on until nothing is left."""
        while self._events:
            self.now, _, act = heapq.heappop(self._events)
            act()

    def _start_cores(self) -> None:
        while self._idle_cores and self._threads:
            thread = next(iter(self._threads))
            waiting = self._threads.pop(thread)
            processor_s, then = waiting.popleft()
            if waiting:
                self._threads[thread] = waiting
            self._idle_cores -= 1
            self.at(self.now + processor_s, partial(self._done, then))

    def _done(self, then: Callable[[], None]) -> None:
        self._idle_cores += 1
        then()
        self._start_cores()


class Instance:
    """Runs of the blob trigger, so many at a time as the host starts, for the documents that came to one instance."""

    def __init__(self, machine: Machine, documents: int) -> None:
        nothing: Any = None
        self.sizes: list[int] = []
        """How many documents each request carried."""
        self._machine = machine
        self._left = documents
        self._submitter = Submitter(nothing, nothing, nothing, nothing, nothing, LINGER_S)
        self._ends: dict[Batch, Callable[[], None]] = {}
        """How the run ends that leads each batch."""
        self._writing: set[Batch] = set()
        """The batches whose leaders are about to list those who have joined."""
        for _ in range(BUSY_RUNS):
            self._next_run()

    def _next_run(self) -> None:
        if not self._left:
            return
        self._left -= 1
        name = f"{self._left}.txt"
        run = self._submitter._counted_run()
        run.__enter__()

        def end() -> None:
            self._submitter.leave()
            run.__exit__(None, None, None)
            self._next_run()

        self._machine.work((self, name), READ_S, lambda: self._join(name, end))

    def _join(self, name: str, end: Callable[[], None]) -> None:
        batch, entry, is_leader = self._submitter.join(ReadyChunk(chunk(name), "a" * 2_000, facts(name), WORK))
        if is_leader:
            batch.opened_at = self._machine.now
            self._ends[batch] = end
        else:
            entry.listed.add_done_callback(lambda _: self._machine.work((self, name), CLAIM_S, end))
        self._look(batch)

    def _look(self, batch: Batch) -> None:
        """Do what the leader does when somebody has joined, or a wait has ended."""
        now = self._machine.now
        if batch not in self._ends or batch in self._writing:
            return
        if batch.listed < len(batch.entries):
            self._writing.add(batch)
            self._machine.at(now + GATHER_S, lambda: self._list(batch))
            return
        left_s = self._submitter._until_flushed_s(batch, now) if self._submitter._is_open(batch) else 0.0
        if left_s > 0:
            self._machine.at(now + left_s, lambda: self._look(batch))
            return
        self._submitter.close(batch)
        self.sizes.append(len(batch.entries))
        self._machine.at(now + JOB_S, lambda: self._publish(batch))
        self._machine.work(batch, SEND_S, self._ends.pop(batch))

    def _list(self, batch: Batch) -> None:
        job: Any = SimpleNamespace(chunks=list(batch.entries))

        def written() -> None:
            batch.mark_listed(job)
            self._writing.remove(batch)
            self._look(batch)

        self._machine.work(batch, LIST_S, written)

    def _publish(self, batch: Batch) -> None:
        for _ in batch.entries:
            self._machine.work((self, batch), PUBLISH_S, lambda: None)


def requests_per_document(monkeypatch: pytest.MonkeyPatch, instances: int, documents: int = 1_000) -> float:
    """Return the requests for each document of a burst that comes to the instances in turn."""
    machine = Machine()
    monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=lambda: machine.now))
    shares = [len(range(number, documents, instances)) for number in range(instances)]
    running = [Instance(machine, share) for share in shares]
    machine.run()
    sizes = [size for instance in running for size in instance.sizes]
    assert sum(sizes) == documents
    return REQUESTS_A_JOB * len(sizes) / documents


@pytest.mark.parametrize(("instances", "most"), [(1, 0.09), (4, 0.095), (10, 0.12)])
def test_thin_burst_fills_requests(monkeypatch: pytest.MonkeyPatch, instances: int, most: float) -> None:
    assert requests_per_document(monkeypatch, instances) <= most


def test_short_wait_leaves_requests_half_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the bounds are for: a busy worker that waits no longer than another."""
    monkeypatch.setattr(batching, "BUSY_LINGER", 1)
    monkeypatch.setattr(batching, "LONGEST_BUSY_WAIT", batching.LONGEST_WAIT_IN_LINGERS)
    assert requests_per_document(monkeypatch, 10) > 0.12


def test_lone_document_is_held_for_one_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=lambda: machine.now))
    Instance(machine, 1)
    sent: list[float] = []
    monkeypatch.setattr(Submitter, "close", lambda self, batch: sent.append(machine.now))
    machine.run()
    assert sent == [pytest.approx(READ_S + LINGER_S, abs=0.001)]
