"""Runs several flows of the app at once, one of them at a time: they take turns at their storage and service calls.

Which of them goes on is decided by the caller, so a run can be repeated exactly.
"""

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.support.world import Call, Crash, Gate, Worker, World

Flow = Callable[[Worker], object]


class Outcome(NamedTuple):
    """How a flow has ended: what it has raised, and the service's jobs that it has submitted."""

    error: BaseException | None
    jobs: list[str]


class _Runner:
    """One flow in a thread of its own, with a worker of its own, which stands still before each of its calls."""

    def __init__(self, world: World, flow: Flow, crash_at: int | None, watch: Gate) -> None:
        self._world = world
        self._flow = flow
        self._crash_at = crash_at
        self._watch = watch
        self._passed = 0
        self._accepted_before = 0
        self.jobs: list[str] = []
        """The service's jobs that this flow has submitted."""
        self._may_go = threading.Semaphore(0)
        self._stands_still = threading.Semaphore(0)
        self._worker = world.start_worker(gate=self._gate)
        self.is_done = False
        self.error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def go_on(self) -> None:
        """Let the flow run up to its next call, or to its end."""
        self._may_go.release()
        self._stands_still.acquire()

    def _run(self) -> None:
        self._may_go.acquire()
        try:
            self._flow(self._worker)
        except BaseException as error:
            self.error = error
        self.is_done = True
        self._stands_still.release()

    def _gate(self, call: Call) -> None:
        if call.moment == "before":
            self._passed += 1
            if self._crash_at is not None and self._passed >= self._crash_at:
                raise Crash(f"killed {call}")
            self._stands_still.release()
            self._may_go.acquire()
            self._accepted_before = len(self._world.service.counters.ledger)
        elif call.action == "POST":
            self.jobs += [entry.job for entry in self._world.service.counters.ledger[self._accepted_before :]]
        self._watch(call)


def take_turns(
    world: World,
    flows: Sequence[Flow],
    choose: Callable[[int], int],
    *,
    crash_at: Sequence[int | None] = (),
    watch: Gate = lambda call: None,
) -> list[Outcome]:
    """Run flows to their ends and return how each has ended.

    `choose` is given how many flows are under way and returns which of them goes on. `crash_at` kills a flow just
    before its call with that number; `watch` sees each call as it is carried out.
    """
    crashes = [*crash_at, *[None] * (len(flows) - len(crash_at))]
    runners = [_Runner(world, flow, crash, watch) for flow, crash in zip(flows, crashes, strict=True)]
    under_way = list(runners)
    while under_way:
        runner = under_way[choose(len(under_way)) % len(under_way)]
        runner.go_on()
        if runner.is_done:
            under_way.remove(runner)
    return [Outcome(runner.error, runner.jobs) for runner in runners]
