"""What the storage may do, and what people may do to it: outages, races, leases, blobs that come, change and go."""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.storage.blob import BlobServiceClient

from functions.core.jobs import JobMessage
from functions.errors import Changed
from functions.storage.azure_containers import AzureContainer
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from local.azurite import Azurite
from tests.support.scenarios import (
    LONG,
    SHARED_JOB,
    SPLIT_JOB,
    TOGETHER,
    Scenario,
    accepted,
    check_end,
    drop_one,
    drop_three,
    lines,
    results_of,
)
from tests.support.world import Call, Gate, World, letter


def storage_error(status: int, code: str) -> HttpResponseError:
    error = HttpResponseError(f"{code} from the storage")
    error.status_code = status
    error.error_code = code  # type: ignore[attr-defined]
    return error


def busy() -> HttpResponseError:
    return storage_error(503, "ServerBusy")


# --- The storage fails ---


class FailAt:
    """A gate at which one storage call fails, counted from 1: before it is carried out, or just after."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.passed = 0
        self.at: Call | None = None

    def __call__(self, call: Call) -> None:
        if call.place != "service":
            self.passed += 1
            if self.passed == self.number:
                self.at = call
                raise busy()


def fail_everywhere(scenario: Scenario) -> int:
    """Run a scenario with one failed storage call, for each of them, and check how each run ends."""
    whole = FailAt(0)
    world = scenario.start(whole)
    scenario.play(world)
    normally, results = accepted(world), results_of(world)
    for number in range(1, whole.passed + 1):
        gate = FailAt(number)
        world = scenario.start(gate)
        try:
            scenario.play(world)
        except HttpResponseError:
            # The run of a document failed, whose event the world has put back.
            scenario.play(world)
        world.settle()
        where = f"fault {number} of {whole.passed}, at {gate.at}"
        check_end(scenario, world, where)
        assert results_of(world) == results, where
        extra = sum(accepted(world)) - sum(normally)
        assert extra <= max(normally, default=0), f"{where}: {normally} documents became {accepted(world)}"
        assert world.reconcile().submitted == 0, f"{where}: reconcile had to help"
    return whole.passed


def test_lone_document_survives_storage_faults() -> None:
    assert fail_everywhere(Scenario(drop_one)) > 20


@pytest.mark.long
def test_shared_job_survives_storage_faults() -> None:
    """Also one that was carried out, and whose answer was lost: the document is ours, and nobody has told us."""
    assert fail_everywhere(SHARED_JOB) > 40


@pytest.mark.long
def test_split_job_survives_storage_faults() -> None:
    assert fail_everywhere(SPLIT_JOB) > 80


@pytest.mark.long
def test_long_document_survives_storage_faults() -> None:
    long = LONG[: int(MAX_REQUEST_CHARACTERS * 1.2)]
    assert fail_everywhere(Scenario(lambda world: world.drop("long.txt", long))) > 60


def test_unclaimed_parts_are_put_back(world: World) -> None:
    """So slow was the storage that the parts' messages came back first: without an owner, a part ends."""
    other = world.start_worker(gate=lambda call: None)

    def come_back_first() -> None:
        world.clock.advance(61)
        for _ in range(2):
            message = world.jobs.receive()
            assert message is not None
            other.app.poller.advance(message.text)
            world.jobs.delete(message)

    world.drop("long.txt", LONG)
    once(world, "state", "write", "before", come_back_first, "documents/")
    world.settle()
    world.check_right("long.txt")
    world.check_quiet()
    assert world.reconcile().submitted == 0


def test_changed_result_kind_survives_storage_faults() -> None:
    """A new version with a result of the other kind."""

    def prepare(world: World) -> None:
        world.drop("a.txt", b"%PDF-1.7")
        world.run()
        world.drop("a.txt", letter(1))

    assert fail_everywhere(Scenario(prepare)) > 20


@pytest.mark.parametrize("place", ["intake", "output", "state", "queue"])
@pytest.mark.parametrize("minutes", [2, 90])
def test_partial_storage_outage_loses_nothing(world: World, place: str, minutes: int) -> None:
    world.drop("before.txt", letter(1))
    world.step()
    end = world.clock() + timedelta(minutes=minutes)

    def outage(call: Call) -> None:
        if call.place == place and call.moment == "before" and world.clock() < end:
            raise busy()

    world.gate = outage
    world.drop("meanwhile.txt", letter(2))
    while world.clock() < end:
        world.run_for(timedelta(minutes=5))
        try_sweep(world)
    world.settle()
    world.run_for(timedelta(minutes=30))
    world.settle()
    world.check_right("before.txt", "meanwhile.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) <= 2
    assert world.submissions_of(letter(2)) <= 2


def try_sweep(world: World) -> None:
    """Run the sweep as the host's timer does: its failure is logged, and the next one comes in five minutes."""
    with contextlib.suppress(HttpResponseError):
        world.sweep()


def test_leased_result_delays_only_itself(world: World) -> None:
    """Somebody has a result open and leased; storage answers 412, which is no lost race."""
    is_leased = True

    def lease(call: Call) -> None:
        if is_leased and call.place == "output" and call.action == "write" and call.name.startswith("1.txt"):
            raise storage_error(412, "LeaseIdMissing")

    world.gate = lease
    drop_three(world)
    world.deliver_together(*TOGETHER)
    world.run_for(timedelta(minutes=1))
    world.check_right("0.txt", "2.txt")
    assert world.entities("1.txt") is None
    world.run_for(timedelta(hours=1))
    is_leased = False
    world.settle()
    world.check_right(*TOGETHER)
    world.check_quiet()
    assert [world.submissions_of(letter(number)) for number in range(3)] == [1, 1, 1]


# --- The emulator is restarted in the middle of a run ---


class OnTheEmulator:
    """The three containers of a world on an emulator that keeps its content, with clients that do not wait."""

    def __init__(self, folder: Path) -> None:
        self.storage = Azurite(folder)
        self.storage.start()
        # The clients' own retries wait for a minute; what happens when they give up is what is tested.
        self.client = BlobServiceClient.from_connection_string(self.storage.connection_string, retry_total=0)

    def world(self, gate: Gate) -> World:
        intake, output, state = (
            AzureContainer(self.client.get_container_client(name)) for name in ("documents", "entities", "state")
        )
        return World(intake=intake, output=output, state=state, gate=gate)

    def close(self) -> None:
        self.client.close()
        self.storage.stop()


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[OnTheEmulator]:
    stage = OnTheEmulator(tmp_path)
    yield stage
    stage.close()


@pytest.mark.long
@pytest.mark.processes
def test_emulator_restart_loses_nothing(emulator: OnTheEmulator) -> None:
    calls, is_down = 0, False
    failed: list[Call] = []

    def restart_now_and_then(call: Call) -> None:
        nonlocal calls, is_down
        if call.place in ("service", "queue") or call.moment == "after":
            return
        calls += 1
        if calls in (9, 30, 55):
            emulator.storage.stop()
            failed.append(call)
            is_down = True
        elif is_down:
            emulator.storage.start()
            is_down = False

    world = emulator.world(restart_now_and_then)
    names = [f"{number}.txt" for number in range(8)]
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    world.settle()
    assert len(failed) == 3
    world.check_right(*names)
    world.check_quiet()
    assert sum(accepted(world)) <= len(names) + len(failed)


# --- Somebody changes a document while it is worked on ---


def once(world: World, place: str, action: str, moment: str, act: Callable[[], object], name: str = "") -> None:
    """Let something happen right before or after the next call of a kind."""

    def gate(call: Call) -> None:
        if (call.place, call.action, call.moment) == (place, action, moment) and call.name.startswith(name):
            world.gate = None
            act()

    world.gate = gate


def test_event_of_replaced_version_submits_once(world: World) -> None:
    """The version is replaced before it is read; the new one is submitted."""
    world.drop("a.txt", letter(1))
    world.drop("a.txt", letter(1, version=2))
    world.run()
    world.check_right("a.txt")
    assert (world.submissions_of(letter(1)), world.submissions_of(letter(1, version=2))) == (0, 1)


def test_document_deleted_before_reading_leaves_nothing(world: World) -> None:
    world.drop("a.txt", letter(1))
    once(world, "intake", "read", "before", lambda: world.remove("a.txt"))
    world.run()
    assert list(world.output.list()) == []
    assert world.records() == []
    assert world.service.counters.documents_accepted == 0


MOMENTS = [
    ("intake", "read", "after", ""),
    ("state", "write", "before", "jobs/"),
    ("state", "write", "before", "documents/"),
    ("state", "write", "after", "documents/"),
    ("service", "POST", "before", ""),
    ("service", "POST", "after", ""),
    ("service", "GET", "before", ""),
    ("service", "GET", "after", ""),
    ("output", "write", "before", ""),
    ("output", "write", "after", ""),
]


@pytest.mark.parametrize(("place", "action", "moment", "name"), MOMENTS)
def test_document_replaced_anytime_has_new_result(
    world: World, place: str, action: str, moment: str, name: str
) -> None:
    world.drop("a.txt", letter(1))
    once(world, place, action, moment, lambda: world.drop("a.txt", letter(1, version=2)), name)
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1, version=2)) == 1
    assert world.submissions_of(letter(1)) <= 1


@pytest.mark.parametrize("has_text", [True, False])
@pytest.mark.parametrize(("place", "action", "moment", "name"), MOMENTS)
def test_document_deleted_anytime_leaves_nothing(
    world: World, place: str, action: str, moment: str, name: str, has_text: bool
) -> None:
    """A worker that still has the text writes the result, as if the document had been deleted a moment later."""

    world.drop("a.txt", letter(1))
    if not has_text:
        world.keep_no_texts()
    once(world, place, action, moment, lambda: world.remove("a.txt"), name)
    world.run()
    world.reconcile()
    world.run()
    world.check_quiet()
    assert world.records() == [], "no record of a document that is gone"
    if place != "output" and not has_text:
        assert list(world.output.list()) == [], "no result of a document that was deleted before it was written"


def test_document_dropped_again_is_new(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.step()
    world.remove("a.txt")
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


def test_growing_document_ends_complete(world: World) -> None:
    """It is still being appended to while it is read."""
    text = ""
    for part in range(1, 8):
        text += letter(part)
        world.drop("log.txt", text)
        for _ in range(part % 3):
            world.step()
        world.clock.advance(1)
    world.run()
    world.check_right("log.txt")
    world.check_quiet()
    assert world.submissions_of(text) == 1


def test_changing_document_is_not_given_up(world: World) -> None:
    """So many changes that a read loses all its races, five times: the event is poisoned and rescued."""
    changes = 0

    def change(call: Call) -> None:
        nonlocal changes
        if call == Call("intake", "read", "a.txt", "after") and changes < 130:
            changes += 1
            world.drop("a.txt", letter(1, version=changes + 1), announce=False)
            raise Changed("a.txt")

    world.drop("a.txt", letter(1))
    world.gate = change
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert changes == 130


# --- Races ---


class InBetween:
    """A gate at which something else happens at the call with a number, counted from 1."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.number, self.act = number, act
        self.passed = 0

    def __call__(self, call: Call) -> None:
        self.passed += 1
        if self.passed == self.number:
            self.act()


def submit_in_between(number: int) -> bool:
    """Let another host take the same document in the middle of ours; return False where ours has fewer calls."""
    world = World()
    other = world.start_worker(gate=lambda call: None)
    gate = InBetween(number, lambda: other.app.submitter.submit("a.txt"))
    world.gate = gate
    world.drop("a.txt", letter(1))
    world.step()
    world.gate = None
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1, number
    return gate.passed >= number


def test_duplicate_event_submits_once() -> None:
    tried = list(takewhile(submit_in_between, count(1)))
    assert len(tried) > 10


def step_in_between(number: int, fates: tuple[str, ...]) -> bool:
    """Let another worker take the same step in the middle of ours; return False where ours has fewer calls."""
    world = World()
    for fate in fates:
        world.script(fate)
    world.drop("a.txt", letter(1))
    world.step()
    (message,) = world.jobs.messages
    other = world.start_worker(gate=lambda call: None)
    gate = InBetween(number, lambda: other.app.poller.advance(message.text))
    world.clock.advance(5)
    world.gate = gate
    world.step()
    world.gate = None
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1 + len(fates), (fates, number)
    return gate.passed >= number


@pytest.mark.parametrize("fates", [(), ("failed",), ("missing-documents",)])
def test_duplicate_step_writes_one_result(fates: tuple[str, ...]) -> None:
    """Two workers take it, and nothing is submitted twice."""
    tried = list(takewhile(lambda number: step_in_between(number, fates), count(1)))
    assert len(tried) > 6


# --- Messages and records that nobody can read ---

JUNK = [
    "",
    "x",
    "{",
    "null",
    "[]",
    '"text"',
    "{}",
    '{"job": 1, "step": 1}',
    '{"job": "a"}',
    '{"job": "a", "step": "b"}',
]
FOREIGN = ['{"job": "a", "step": 1, "more": true}', '{"job": "unknown", "step": 3}', '{"job": "../a", "step": -1}']


@pytest.mark.parametrize("text", [*JUNK, *FOREIGN, "x" * 60_000])
def test_foreign_message_is_discarded(world: World, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """One that is not ours; the queue goes on."""
    world.jobs.put(text)
    world.poisoned_jobs.put(text)
    world.drop("a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    expected = 0 if text == '{"job": "unknown", "step": 3}' or '"../a"' in text else 2
    told = lines(caplog, "message_discarded")
    assert len(told) == expected
    assert all(line.levelno == logging.ERROR for line in told)


NOT_OURS = [
    *JUNK,
    '{"ContainerName": "entities", "BlobName": "a.txt.entities.json"}',
    '{"FunctionId": "Host.Functions.thumbnail", "ContainerName": "documents", "BlobName": "a.txt"}',
]


@pytest.mark.parametrize("text", NOT_OURS)
def test_other_apps_poison_message_is_kept(world: World, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Put back unchanged and hidden for an hour, logged once an hour, for as long as it would have lived."""
    world.drop("a.txt", letter(1), announce=False)
    start, life = world.clock(), timedelta(hours=10)
    world.poisoned_events.put(text, ttl_s=life.total_seconds())
    world.run_for(timedelta(minutes=1))
    for _ in range(3):
        (message,) = world.poisoned_events.messages
        assert (message.text, message.dequeue_count, message.expires) == (text, 0, start + life)
        assert timedelta(minutes=58) < message.visible - world.clock() <= timedelta(hours=1)
        world.run_for(timedelta(hours=1))
    assert 3 <= len(lines(caplog, "foreign_message_left")) <= 4
    world.run_for(life)
    world.check_quiet()
    assert list(world.output.list()) == []


def test_foreign_messages_are_logged_hourly(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(50):
        world.poisoned_events.put(f'{{"ContainerName": "others", "BlobName": "{number}"}}', ttl_s=3 * 24 * 3600)
    world.run_for(timedelta(minutes=30))
    (line,) = lines(caplog, "foreign_message_left")
    assert line.levelno == logging.WARNING
    world.run_for(timedelta(hours=1))
    assert len(lines(caplog, "foreign_message_left")) == 2
    assert lines(caplog, "foreign_message_left")[1].count == 50  # type: ignore[attr-defined]
    assert len(world.poisoned_events.messages) == 50


def test_crash_duplicates_no_foreign_messages(world: World) -> None:
    """It puts the message back and dies before it deletes it, again and again: a new one comes once an hour at most."""
    text = '{"ContainerName": "others", "BlobName": "a.txt"}'
    world.poisoned_events.put(text, ttl_s=7 * 24 * 3600)
    for _ in range(12):
        message = world.poisoned_events.receive(600)
        if message:
            world.app.rescue.rescue_document(message.text, message.expires)
        world.clock.advance(700)
    assert len(world.poisoned_events.messages) <= 3
    world.run_for(timedelta(hours=3))
    assert len(world.poisoned_events.messages) == 1


def test_own_trigger_message_is_accepted(world: World) -> None:
    world.drop("a.txt", letter(1), announce=False)
    text = {"FunctionId": "Host.Functions.submit", **json.loads(world.event_text("a.txt"))}
    world.poisoned_events.put(json.dumps(text))
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


def test_outdated_messages_do_nothing(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.step()
    (message,) = world.jobs.messages
    job = json.loads(message.text)["job"]
    for _ in range(5):
        world.jobs.put(JobMessage(job, 0).encode())
    before = len(world.worker.wire.exchanges)
    for _ in range(5):
        world.step()
    assert len(world.worker.wire.exchanges) == before
    world.run()
    world.check_right("a.txt")


def test_repeated_message_writes_once(
    world: World,
) -> None:
    """It asks the service at most once for each delivery."""
    world.drop("a.txt", letter(1))
    world.step()
    (message,) = world.jobs.messages
    for delay_s in (0, 0, 2, 2, 3, 60, 600):
        world.jobs.put(message.text, delay_s)
    writes = 0

    def count(call: Call) -> None:
        nonlocal writes
        writes += (call.place, call.action, call.moment) == ("output", "write", "after")

    world.gate = count
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1
    assert writes == 1


NO_ZONE = b"2025-01-15T12:00:00"


@pytest.mark.parametrize("damage", [b"", b"junk", b"{}", b"[]", b"\xff\xfe", b'{"id": 5}', NO_ZONE])
@pytest.mark.parametrize("found_by", ["message", "sweep"])
def test_damaged_job_record_is_quarantined(
    world: World, damage: bytes, found_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Reconcile finds its documents."""
    world.drop("a.txt", letter(1))
    world.step()
    (record,) = world.state.list("jobs/")
    if damage == NO_ZONE:
        damage = msgspec.json.encode({**json.loads(world.state.read(record.name).data), "due": NO_ZONE.decode()})
    world.state.write(record.name, damage, metadata=record.metadata)
    if found_by == "sweep":
        for message in world.jobs.messages:
            world.jobs.delete(message)
        world.clock.advance(600)
        world.sweep()
    world.run()
    (line,) = lines(caplog, "record_quarantined")
    assert line.levelno == logging.ERROR
    assert [info.name for info in world.state.list("set-aside/")] == [f"set-aside/{record.name}"]
    assert world.reconcile().submitted == 1
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


@pytest.mark.parametrize("damage", [b"", b"junk", b"{}", b'{"document": null}'])
@pytest.mark.parametrize("when", ["before the result", "after the result"])
def test_damaged_document_record_is_replaced(world: World, damage: bytes, when: str) -> None:
    """As if there were none."""
    world.drop("a.txt", letter(1))
    world.step()
    if when == "after the result":
        world.run()
    world.state.write("documents/a.txt", damage)
    world.run()
    world.reconcile()
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.reconcile().done == 1


def test_foreign_blobs_stop_nothing(world: World) -> None:
    world.state.write("jobs/notes.txt", b"mine")
    world.state.write("documents/no-such-document.txt", b"mine")
    world.state.write("readme.md", b"mine")
    world.output.write("report.csv", b"mine")
    world.output.write("x.entities.json", b"mine")
    world.drop("a.txt", letter(1))
    world.settle()
    world.check_right("a.txt")
    tally = world.reconcile()
    assert (tally.dropped, tally.done, tally.submitted) == (1, 1, 0)
    assert world.output.read("report.csv").data == b"mine"
    assert world.output.read("x.entities.json").data == b"mine"


# --- Results and records that somebody deleted ---


@pytest.mark.parametrize("content", [letter(1), b"%PDF-1.7"])
def test_reconcile_repeats_deleted_result(world: World, content: str | bytes) -> None:
    world.drop("a.txt", content)
    world.drop("b.txt", letter(2))
    world.run()
    (victim,) = [info.name for info in world.output.list() if info.name.startswith("a.txt")]
    before = json.loads(world.output.read(victim).data)
    world.output.delete(victim)
    tally = world.reconcile()
    assert (tally.dropped, tally.submitted) == (2, 1)
    world.run()
    after = json.loads(world.output.read(victim).data)
    for changing in ("completedDateTime", "occurredDateTime", "jobs"):
        before.pop(changing, None)
        after.pop(changing, None)
    assert after == before
    world.check_quiet()
    assert world.reconcile().submitted == 0
    assert world.submissions_of(letter(2)) == 1


def test_reconcile_keeps_right_result(world: World) -> None:
    """Of two results of a document, the one of its version."""
    world.drop("good.txt", letter(1))
    world.drop("bad.txt", b"%PDF-1.7")
    world.run()
    world.output.write("good.txt.error.json", b"{}")
    world.output.write("bad.txt.entities.json", b"{}")
    tally = world.reconcile()
    assert (tally.done, tally.failed, tally.submitted) == (1, 1, 0)
    world.check_right("good.txt")
    world.check_failed("bad.txt", "NotText")


def test_new_version_removes_old_results(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    world.output.write("a.txt.error.json", b"{}")
    world.drop("a.txt", letter(1, version=2))
    world.run()
    world.check_right("a.txt")


def test_wiped_state_loses_nothing(world: World) -> None:
    """It costs the work again."""
    world.drop("done.txt", letter(1))
    world.drop("failed.txt", b"%PDF-1.7")
    world.run()
    world.drop("running.txt", letter(2))
    world.step()
    for info in list(world.state.list()):
        world.state.delete(info.name)
    world.run()
    tally = world.reconcile()
    assert (tally.dropped, tally.pending, tally.submitted) == (3, 3, 3)
    world.run()
    world.check_right("done.txt", "running.txt")
    world.check_failed("failed.txt", "NotText")
    world.check_quiet()
    tally = world.reconcile()
    assert (tally.dropped, tally.done, tally.failed, tally.submitted) == (3, 2, 1, 0)


def test_outdated_result_kind_is_removed(world: World) -> None:
    """The record of the first version is wiped, so the second does not know what the first has left."""
    world.drop("a.txt", letter(1))
    world.run()
    world.state.delete("documents/a.txt")
    world.drop("a.txt", b"%PDF-1.7")
    world.run()
    world.reconcile()
    world.check_failed("a.txt", "NotText")


def test_record_metadata_names_version(world: World) -> None:
    """What reconcile reads from a listing is what the record says."""
    world.drop("a.txt", letter(1))
    world.run()
    info = world.state.get_properties("documents/a.txt")
    record: dict[str, Any] = msgspec.json.decode(world.state.read("documents/a.txt").data)
    assert info.metadata["state"] == record["state"] == "done"
    assert info.metadata["source_etag"] == record["document"]["etag"] == world.intake.get_properties("a.txt").etag


def test_unreachable_storage_is_outage(world: World) -> None:
    """And no refusal of a document."""
    failures = 12

    def refuse(call: Call) -> None:
        nonlocal failures
        if call.place == "state" and call.moment == "before" and failures:
            failures -= 1
            raise ServiceRequestError("connection refused")

    world.gate = refuse
    world.drop("a.txt", letter(1))
    world.settle()
    world.check_right("a.txt")
    world.check_quiet()
    assert failures == 0
