"""Events, messages, people and faults in any order, and flows that run at the same time.

First each pair of flows that can meet, one of them in the middle of the other, at each of its calls. Then any order of
anything, found by hypothesis: see `Interleavings`. More examples: `INTERLEAVING_EXAMPLES=2000 pytest …`.
"""

import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from functions.core.health import CONTROL_TEXT
from functions.core.jobs import JobMessage, decode_message
from functions.core.time_limits import EXTRA_MESSAGE, SWEEP_GRACE
from functions.errors import Missing
from functions.storage.memory_queue import MemoryQueue, QueuedMessage
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from local.language_service.counters import text_digest
from tests.support.examples import examples
from tests.support.lockstep import Flow, Outcome, take_turns
from tests.support.scenarios import long_text
from tests.support.world import HIDDEN_S, Call, Crash, Worker, World, letter

# --- One flow in the middle of another ---


def submitting(name: str) -> Flow:
    return lambda worker: worker.app.submitter.submit(name)


def advancing(world: World, number: int = 0) -> Flow:
    text = world.jobs.messages[number].text
    return lambda worker: worker.app.poller.advance(text)


def sweeping(worker: Worker) -> None:
    worker.app.sweep.run()


def reconciling(worker: Worker) -> None:
    worker.app.reconcile.run()


class Turns:
    """Lets the first flow make some calls, then the second some, then the first all it has left, then the second."""

    def __init__(self, first_calls: int, second_calls: int | None) -> None:
        self.first_calls, self.second_calls = first_calls, second_calls
        self.made = [0, 0]

    def __call__(self, under_way: int) -> int:
        if under_way == 1:
            return 0
        if self.made[0] < self.first_calls:
            turn = 0
        elif self.second_calls is None or self.made[1] < self.second_calls:
            turn = 1
        else:
            turn = 0
        self.made[turn] += 1
        return turn


def meet(make: Callable[[World], tuple[Flow, Flow]], turns: Turns) -> World:
    """Return the world after two flows have met in it, each of which ended well."""
    world = World()
    outcomes = take_turns(world, make(world), turns)
    assert [outcome.error for outcome in outcomes] == [None, None], vars(turns)
    return world


def all_meetings(make: Callable[[World], tuple[Flow, Flow]], deep: bool) -> Iterator[tuple[Turns, World]]:
    """Yield the worlds in which the second flow began in the middle of the first: before its first call, its second, …

    It runs to its end, or, for a deep search, stops at each of its own calls in turn until the first has ended.
    """
    for first_calls in itertools.count(0):
        for second_calls in itertools.count(1) if deep else [None]:
            turns = Turns(first_calls, second_calls)
            yield turns, meet(make, turns)
            if second_calls and turns.made[1] < second_calls:
                break
        if turns.made[0] < first_calls:
            return


def running_document(world: World, version: int = 1) -> None:
    world.drop("a.txt", letter(1, version), announce=False)
    world.worker.app.submitter.submit("a.txt")
    world.clock.advance(5)


def dropping(world: World, name: str, content: str | bytes) -> Flow:
    """Replace a document, and submit it as its event would."""

    def drop(worker: Worker) -> None:
        world.drop(name, content, announce=False)
        worker.app.submitter.submit(name)

    return drop


def replaced(world: World) -> tuple[Flow, Flow]:
    running_document(world)
    return advancing(world), dropping(world, "a.txt", letter(1, version=2))


def replaced_by_one_that_fails_at_once(world: World) -> tuple[Flow, Flow]:
    running_document(world)
    return advancing(world), dropping(world, "a.txt", b"%PDF-1.7")


def replaced_while_it_is_reported(world: World) -> tuple[Flow, Flow]:
    world.drop("a.txt", b"%PDF-1.7", announce=False)
    return submitting("a.txt"), dropping(world, "a.txt", letter(1, version=2))


def submitted_twice(world: World) -> tuple[Flow, Flow]:
    world.drop("a.txt", letter(1), announce=False)
    return submitting("a.txt"), submitting("a.txt")


def reported_twice(world: World) -> tuple[Flow, Flow]:
    world.drop("a.txt", b"%PDF-1.7", announce=False)
    return submitting("a.txt"), submitting("a.txt")


def advanced_twice(world: World) -> tuple[Flow, Flow]:
    running_document(world)
    return advancing(world), advancing(world)


def submitted_again_twice(world: World) -> tuple[Flow, Flow]:
    world.script("failed")
    running_document(world)
    world.step()
    world.clock.advance(5)
    return advancing(world), advancing(world)


def submitted_and_found(world: World) -> tuple[Flow, Flow]:
    world.drop("a.txt", letter(1), announce=False)
    return submitting("a.txt"), reconciling


def found_and_submitted(world: World) -> tuple[Flow, Flow]:
    world.drop("a.txt", letter(1), announce=False)
    return reconciling, submitting("a.txt")


def found_twice(world: World) -> tuple[Flow, Flow]:
    for number, name in enumerate(("a.txt", "a-1.txt", "b.txt")):
        world.drop(name, letter(number), announce=False)
    return reconciling, reconciling


def advanced_and_compared(world: World) -> tuple[Flow, Flow]:
    running_document(world)
    return advancing(world), reconciling


def compared_and_advanced(world: World) -> tuple[Flow, Flow]:
    running_document(world)
    return reconciling, advancing(world)


def compared_and_replaced(world: World) -> tuple[Flow, Flow]:
    world.drop("a.txt", letter(1))
    world.run()
    return reconciling, dropping(world, "a.txt", letter(1, version=2))


def overdue(world: World) -> None:
    running_document(world)
    for message in world.jobs.messages:
        world.jobs.delete(message)
    world.clock.advance(300)


def swept_twice(world: World) -> tuple[Flow, Flow]:
    overdue(world)
    return sweeping, sweeping


def swept_and_advanced(world: World) -> tuple[Flow, Flow]:
    running_document(world)
    flow = advancing(world)
    world.clock.advance(300)
    return sweeping, flow


def advanced_and_swept(world: World) -> tuple[Flow, Flow]:
    return swept_and_advanced(world)[::-1]


LONG_CHARACTERS = int(MAX_REQUEST_CHARACTERS * 1.1)
LONG = long_text(LONG_CHARACTERS)


def two_parts_finished_at_once(world: World) -> tuple[Flow, Flow]:
    world.drop("long.txt", LONG, announce=False)
    world.worker.app.submitter.submit("long.txt")
    while world.step():
        pass
    world.clock.advance(5)
    return advancing(world, 0), advancing(world, 1)


def a_part_finished_while_the_document_is_replaced(world: World) -> tuple[Flow, Flow]:
    one, other = two_parts_finished_at_once(world)
    one(world.worker)
    return other, dropping(world, "long.txt", letter(1))


def a_part_finished_while_the_document_is_replaced_and_the_other_part_ends(world: World) -> tuple[Flow, Flow]:
    one, other = two_parts_finished_at_once(world)

    def replace_and_end(worker: Worker) -> None:
        dropping(world, "long.txt", letter(1))(worker)
        other(worker)

    return one, replace_and_end


MEETINGS = [
    a_part_finished_while_the_document_is_replaced_and_the_other_part_ends,
    replaced,
    replaced_by_one_that_fails_at_once,
    replaced_while_it_is_reported,
    submitted_twice,
    reported_twice,
    advanced_twice,
    submitted_again_twice,
    submitted_and_found,
    found_and_submitted,
    found_twice,
    advanced_and_compared,
    compared_and_advanced,
    compared_and_replaced,
    swept_twice,
    swept_and_advanced,
    advanced_and_swept,
    two_parts_finished_at_once,
    a_part_finished_while_the_document_is_replaced,
]


def check_meeting(make: Callable[[World], tuple[Flow, Flow]], turns: Turns, world: World) -> None:
    world.settle()
    for name in {info.name for info in world.intake.list()}:
        if world.intake.read(name).data.startswith(b"%PDF"):
            world.check_failed(name, "NotText")
            continue
        world.check_right(name)
        if name != "long.txt" or world.text_of(name) != LONG:
            expected = 2 if make is submitted_again_twice else 1
            assert world.submissions_of(world.text_of(name)) == expected, (vars(turns), name)
    world.check_quiet()
    assert len(world.service.counters.ledger) <= 3


@pytest.mark.parametrize("make", MEETINGS, ids=lambda make: make.__name__)
def test_two_flows_pay_once(
    make: Callable[[World], tuple[Flow, Flow]],
) -> None:
    """They meet at any call, and leave one right result."""
    worlds = 0
    for turns, world in all_meetings(make, deep=False):
        check_meeting(make, turns, world)
        worlds += 1
    assert worlds > 3


REPLACED = [replaced, replaced_by_one_that_fails_at_once, replaced_while_it_is_reported, compared_and_replaced]
# One of them is enough for the inner loop.
EACH_REPLACEMENT = [pytest.param(make, marks=[pytest.mark.long] * (make is not replaced)) for make in REPLACED]


@pytest.mark.parametrize("make", EACH_REPLACEMENT, ids=lambda make: make.__name__)
def test_two_versions_leave_newer_result(
    make: Callable[[World], tuple[Flow, Flow]],
) -> None:
    worlds = 0
    for turns, world in all_meetings(make, deep=True):
        check_meeting(make, turns, world)
        worlds += 1
    assert worlds > 30


# --- Anything in any order ---

NAMES = ["a", "a-1", "long"]
HELPERS = ["event", "event", "reconcile"]
"""Who brings lost events back in the end. Where it is the host, the nightly comparison has nothing to put right."""
KINDS = ["letter", "letter", "binary", "refused"]
BINARY, REFUSED = b"%PDF-1.7", "Refuse Please"

FLOWS = ["event", "event", "message", "message", "message", "again", "replace", "replace", "sweep", "reconcile"]

FORCING = ["failed", "failed-bare", "cancelled", "rejected", "partial", "missing-documents", "vanished", "cut-after"]
"""Faults of the service that force documents to be submitted again."""
PASSING = ["throttle-429", "error-503", "error-500", "cut-before", "truncated@GET", "garbage@GET", "wrong-key-401"]


class Picked(NamedTuple):
    """A flow to run, and the message that it has from the host, if it has one."""

    run: Flow
    queue: MemoryQueue | None = None
    message: QueuedMessage | None = None
    may_fail: bool = False


class Interleavings(RuleBasedStateMachine):
    """People drop, replace and delete documents; the host delivers events and messages once, twice, late or never, to
    workers that run at the same time and die; the service fails; time passes; the timers fire.

    Checked all the time: no result is overwritten by one of an older version, nor the result of the newest taken away;
    no job is without a due time that the sweep sees, nor overdue without a message after a sweep. Checked in the end:
    each document has one right result of its newest version, nothing is left over, and no more was submitted than the
    versions dropped, and what crashes and faults have forced.
    """

    @initialize(first=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), helper=st.sampled_from(HELPERS))
    def start(self, first: list[str], helper: str) -> None:
        ids = itertools.count(1)
        # Ids that repeat with the example; none is the beginning of another.
        self.world = World(new_id=lambda: f"{next(ids):08d}")
        self.world.gate = self.watch
        self.world.faults.refused_texts = (REFUSED,)
        self.helper = helper
        self.removed: set[str] = set()
        """Documents that were deleted. The record goes with the document, so one that is dropped anew may find a result
        of the other kind beside its own, which the nightly comparison takes away."""
        self.drops = 0
        self.crashed: set[str] = set()
        """The service's jobs that were submitted by a flow that died."""
        self.results: dict[str, int] = {}
        for name, kind in zip(NAMES, first, strict=False):
            self.put(name, kind)
            self.world.announce(name)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.end()

    # --- People ---

    @rule(
        name=st.sampled_from(NAMES),
        kind=st.sampled_from(KINDS),
        events=st.sampled_from([[0], [0], [0], [0, 0], [1], [30, 0], [400], []]),
    )
    def drop(self, name: str, kind: str, events: list[int]) -> None:
        """Drop or replace a document; its event comes once, twice, late or never."""
        self.put(name, kind)
        for delay in events:
            self.world.announce(name, delay)

    def put(self, name: str, kind: str) -> None:
        self.drops += 1
        content: str | bytes = letter(self.drops)
        if name == "long" and kind == "letter":
            content = long_text(LONG_CHARACTERS, version=self.drops)
        if kind == "binary":
            content = BINARY + str(self.drops).encode()
        if kind == "refused":
            content = f"{letter(self.drops)}{REFUSED}"
        self.world.drop(name, content, announce=False)

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        try:
            self.world.remove(name)
        except Missing:
            return
        self.removed.add(name)

    # --- The host ---

    @rule(messages=st.integers(1, 4))
    def work(self, messages: int) -> None:
        """Process some messages, one after the other."""
        for _ in range(messages):
            self.world.step()

    @rule(data=st.data())
    def work_at_once(self, data: st.DataObject) -> None:
        """Run up to three flows at the same time, taking turns at their calls; each may be killed."""
        flows = [self.pick_flow(data) for _ in range(data.draw(st.integers(2, 3), label="flows"))]
        crash_at = [data.draw(st.sampled_from([None, None, None, *range(1, 16)]), label="killed at") for _ in flows]
        turns = random.Random(data.draw(st.integers(0, 2**32), label="turns"))
        outcomes = take_turns(
            self.world, [flow.run for flow in flows], turns.randrange, crash_at=crash_at, watch=self.watch
        )
        for flow, outcome in zip(flows, outcomes, strict=True):
            self.settle_message(flow, outcome)

    def settle_message(self, flow: "Picked", outcome: Outcome) -> None:
        """Do with the message of a flow what the host does."""
        if isinstance(outcome.error, AssertionError):
            raise outcome.error
        if isinstance(outcome.error, Crash):
            self.crashed.update(outcome.jobs)  # And the message stays hidden.
        elif flow.queue is None or flow.message is None:
            assert outcome.error is None or flow.may_fail, outcome.error
        elif outcome.error is None:
            flow.queue.delete(flow.message)
        else:
            flow.queue.release(flow.message, 30)

    @precondition(lambda self: self.world.jobs.messages)
    @rule(data=st.data(), kind=st.sampled_from(KINDS))
    def replace_what_is_worked_on(self, data: st.DataObject, kind: str) -> None:
        """Replace a document while its job takes a step."""
        message = self.world.jobs.receive(HIDDEN_S)
        if message is None:
            return
        try:
            job, _ = self.world.app.parts.records.job(decode_message(message.text).job)
        except Missing:
            self.world.jobs.delete(message)
            return
        name = data.draw(st.sampled_from([chunk.document for chunk in job.chunks]), label="document")
        flows = [Picked(self.flow_of(message), self.world.jobs, message), Picked(self.replacing(name, kind))]
        turns = random.Random(data.draw(st.integers(0, 2**32), label="turns"))
        outcomes = take_turns(self.world, [flow.run for flow in flows], turns.randrange, watch=self.watch)
        for flow, outcome in zip(flows, outcomes, strict=True):
            self.settle_message(flow, outcome)

    def pick_flow(self, data: st.DataObject) -> "Picked":
        kind = data.draw(st.sampled_from(FLOWS), label="flow")
        if kind == "replace":
            return Picked(self.replacing(data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(KINDS))))
        if kind == "event" and (message := self.world.events.receive(HIDDEN_S)):
            return Picked(submitting(json.loads(message.text)["BlobName"]), self.world.events, message)
        if kind == "message" and (message := self.world.jobs.receive(HIDDEN_S)):
            return Picked(self.flow_of(message), self.world.jobs, message)
        if kind == "again" and self.world.jobs.messages:
            # Delivered to another worker as well, which storage queues may do.
            message = data.draw(st.sampled_from(self.world.jobs.messages), label="again")
            return Picked(self.flow_of(message), may_fail=True)
        return Picked(reconciling if kind == "reconcile" else sweeping)

    def replacing(self, name: str, kind: str) -> Flow:
        """Replace a document while others are at work, its event coming at once."""

        def replace(worker: Worker) -> None:
            self.put(name, kind)
            worker.app.submitter.submit(name)

        return replace

    @staticmethod
    def flow_of(message: QueuedMessage) -> Flow:
        return lambda worker: worker.app.poller.advance(message.text)

    @precondition(lambda self: self.world.jobs.messages)
    @rule(data=st.data(), delay=st.sampled_from([0, 3, 100]))
    def deliver_again(self, data: st.DataObject, delay: int) -> None:
        """Deliver a message once more, later."""
        self.world.jobs.put(data.draw(st.sampled_from(self.world.jobs.messages)).text, delay)

    @precondition(lambda self: self.world.jobs.messages)
    @rule(data=st.data())
    def lose_message(self, data: st.DataObject) -> None:
        """Lose a message; its job is found by the sweep."""
        self.world.jobs.delete(data.draw(st.sampled_from(self.world.jobs.messages)))

    # --- Timers and time ---

    @rule(
        seconds=st.sampled_from([0, 1, 3, 5, 31, 61, 200, 700]),
        then=st.sampled_from(["nothing", "nothing", "restart", "sweep", "reconcile"]),
    )
    def pass_time(self, seconds: int, then: str) -> None:
        """Let time pass, and perhaps a timer fire or another process take over."""
        self.world.clock.advance(seconds)
        {"nothing": lambda: None, "restart": self.world.restart, "sweep": self.sweep, "reconcile": self.compare}[then]()

    def sweep(self) -> None:
        self.world.sweep()
        now = self.world.clock()
        driven = {decode_message(message.text) for message in self.world.jobs.messages}
        for job_id, due in self.jobs():
            job, _ = self.world.app.parts.records.job(job_id)
            is_driven = any(message.job == job_id and message.step >= job.step for message in driven)
            assert is_driven or now - due <= SWEEP_GRACE, f"job {job_id} is overdue and has no message after a sweep"

    def compare(self) -> None:
        tally = self.world.reconcile()
        assert tally.dropped == tally.done + tally.failed + tally.pending

    # --- The service ---

    @rule(kind=st.sampled_from(FORCING + PASSING), times=st.integers(1, 3))
    def fail(self, kind: str, times: int) -> None:
        """Let the next requests or jobs fail."""
        fault, _, method = kind.partition("@")
        self.world.script(fault, times, method or None)  # type: ignore[arg-type]

    # --- What must hold at any time ---

    def watch(self, call: Call) -> None:
        """See every call of the app as it is carried out."""
        if call.place != "output":
            return
        if (call.action, call.moment) == ("write", "after"):
            version = self.version_of(call.name)
            assert version >= self.results.get(call.name, 0), f"{call.name}: a newer result was overwritten"
            self.results[call.name] = version
        elif (call.action, call.moment) == ("delete", "before"):
            self.check_withdrawal(call.name)
        elif (call.action, call.moment) == ("delete", "after"):
            self.results.pop(call.name, None)

    def version_of(self, result: str) -> int:
        return etag_number(self.world.output.get_properties(result).metadata["source_etag"])

    def check_withdrawal(self, result: str) -> None:
        """No result is taken away that its document's record promises."""
        name, _, kind = result.rpartition(".json")[0].rpartition(".")
        record, _ = self.world.app.parts.records.document(name)
        if record and record.state == {"entities": "done", "error": "failed"}[kind]:
            assert self.version_of(result) != etag_number(record.document.etag), f"{result} was taken away"

    def jobs(self) -> list[tuple[str, datetime]]:
        return [(job.id, job.due) for job in self.world.app.parts.records.list_jobs()]

    @invariant()
    def every_job_is_due_within_a_day(self) -> None:
        if not hasattr(self, "world"):
            return
        gate, self.world.gate = self.world.gate, None
        blobs = [info.name for info in self.world.state.list("jobs/")]
        jobs = self.jobs()
        self.world.gate = gate
        assert len(jobs) == len(blobs)
        assert all(due < self.world.clock() + timedelta(days=1) for _, due in jobs)

    # --- What must hold in the end ---

    def end(self) -> None:
        world = self.world
        world.faults.script.clear()
        world.restart()
        names = {info.name for info in world.intake.list()}
        # The sweep's own message may be one of those that were lost.
        world.run()
        world.clock.advance(EXTRA_MESSAGE.total_seconds())
        if self.helper == "event":
            for name in names:
                world.announce(name)
            world.settle()
        else:
            world.settle()
            world.reconcile()
            world.settle()
        world.check_quiet()
        for name in names - self.removed:
            self.check_result(name)
        assert world.reconcile().submitted == 0, "there is nothing left to find"
        for name in names:
            self.check_result(name)
        assert {info.name for info in world.state.list("documents/")} == {f"documents/{name}" for name in names}
        self.check_bill()

    def check_bill(self) -> None:
        """Check that each text was accepted once, and once more for each time that came to nothing."""
        accepted, wasted = Counter[str](), Counter[str]()
        for entry in self.world.service.counters.ledger:
            texts = [document.sha256 for document in entry.documents]
            accepted.update(texts)
            if entry.fate in FORCING or entry.reply in FORCING or entry.job in self.crashed:
                wasted.update(texts)
        # Control documents are nobody's text; how often they go is another matter (test_incidents).
        accepted.pop(text_digest(CONTROL_TEXT), None)
        for text, times in accepted.items():
            assert times <= 1 + wasted[text], f"a text was accepted {times} times, {wasted[text]} came to nothing"

    def check_result(self, name: str) -> None:
        data = self.world.intake.read(name).data
        if data.startswith(BINARY):
            self.world.check_failed(name, "NotText")
        elif REFUSED in data.decode():
            self.world.check_failed(name, "InvalidDocument")
        elif (report := self.world.error(name)) is None:
            self.world.check_right(name)
        else:
            # So many faults in a row that the document was given up, which is justified.
            assert report["attempts"] >= 5
            assert self.world.entities(name) is None
            assert report["document"]["etag"] == self.world.intake.get_properties(name).etag


def etag_number(etag: str) -> int:
    """Return a number that grows with each version; so the ETags of the containers in memory are made."""
    return int(etag.strip('"'), 16)


EXAMPLES = os.environ.get("INTERLEAVING_EXAMPLES")

TestInterleavings = pytest.mark.long(Interleavings.TestCase)
TestInterleavings.settings = settings(
    max_examples=int(EXAMPLES or examples(250)),
    stateful_step_count=50,
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    phases=[Phase.generate, Phase.shrink],
)


def test_overwritten_newer_result_is_noticed() -> None:
    """The checks of the machine are checks: a result that goes backwards fails."""
    machine = Interleavings()
    machine.start([], "event")
    old = machine.world.drop("a", letter(1), announce=False)
    new = machine.world.drop("a", letter(2), announce=False)
    output = machine.world.app.parts.documents
    etag = output.write_result("a.entities.json", b"{}", {"source_etag": new}, None)
    with pytest.raises(AssertionError, match="overwritten"):
        output.write_result("a.entities.json", b"{}", {"source_etag": old}, etag)


def test_message_has_job_and_step() -> None:
    """The machine tells messages apart by these two; a third field would hide differences from it."""
    assert json.loads(JobMessage("a", 1).encode()) == {"job": "a", "step": 1}
