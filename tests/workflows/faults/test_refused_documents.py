"""Documents that the storage refuses, archived ones, and names that no request may be made with."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from azure.core.exceptions import HttpResponseError

from functions.core.results import refused_name
from tests.support.scenarios import lines, results_of
from tests.support.world import Call, Crash, Gate, World, letter

FORBIDDEN = (403, "AuthorizationPermissionMismatch")
ENCRYPTED = (409, "BlobUsesCustomerSpecifiedEncryption")


def refuse(*names: str, status: int = 403, code: str = "AuthorizationPermissionMismatch") -> Gate:
    """Return a gate at which the storage refuses everything about some documents, or about all."""

    def gate(call: Call) -> None:
        if call.place == "intake" and call.action in ("read", "get_properties") and (not names or call.name in names):
            error = HttpResponseError(f"{code} from the storage")
            error.status_code = status
            error.error_code = code  # type: ignore[attr-defined]
            raise error

    return gate


def sweep_for(world: World, duration: timedelta) -> None:
    """Let the host go on, with the sweep's timer."""
    end = world.clock() + duration
    while world.clock() < end:
        world.run_for(timedelta(minutes=5))
        world.sweep()


# --- Refused for itself ---


@pytest.mark.parametrize(("status", "code"), [FORBIDDEN, ENCRYPTED])
def test_refused_document_is_reported(world: World, status: int, code: str) -> None:
    world.gate = refuse("refused.txt", status=status, code=code)
    world.drop("good.txt", letter(1))
    world.drop("refused.txt", letter(2))
    sweep_for(world, timedelta(minutes=55))
    world.check_right("good.txt")
    assert world.error("refused.txt") is None
    sweep_for(world, timedelta(minutes=15))
    world.gate = None
    report = world.check_failed("refused.txt", code)
    assert report["error"]["fault"] == "storage"
    assert code in report["error"]["message"]
    world.check_quiet()
    assert world.submissions_of(letter(2)) == 0


def test_outage_is_no_refusal(world: World) -> None:
    """403 for all of them, as where a role was taken away: nobody is reported, and all go on after it."""
    world.drop("before.txt", letter(0))
    world.run()
    world.gate = refuse()
    names = [f"{number}.txt" for number in range(8)]
    for number, name in enumerate(names, 1):
        world.drop(name, letter(number))
    sweep_for(world, timedelta(hours=5))
    world.gate = None
    assert results_of(world) == ["before.txt.entities.json"]
    sweep_for(world, timedelta(minutes=10))
    world.check_right("before.txt", *names)
    world.check_quiet()
    assert all(world.submissions_of(letter(number)) == 1 for number in range(9))
    assert list(world.state.list("refused/")) == []


@pytest.mark.parametrize(("place", "action"), [("queue", "send"), ("state", "write")])
def test_lost_role_is_no_refusal(world: World, place: str, action: str) -> None:
    """The documents themselves can be read all the time."""
    world.drop("before.txt", letter(0))
    world.run()

    def forbid(call: Call) -> None:
        if (call.place, call.action) == (place, action) and not call.name.startswith("refused/"):
            refuse()(Call("intake", "read", "", "before"))

    world.gate = forbid
    for number in range(1, 4):
        world.drop(f"{number}.txt", letter(number))
    sweep_for(world, timedelta(hours=5))
    world.gate = None
    assert results_of(world) == ["before.txt.entities.json"]
    sweep_for(world, timedelta(minutes=15))
    world.check_right("before.txt", "1.txt", "2.txt", "3.txt")
    world.check_quiet()
    assert all(world.submissions_of(letter(number)) == 1 for number in range(4))


def test_failing_storage_is_no_refusal(world: World) -> None:
    """A blob that answers 500 may be well again; others are read meanwhile."""
    world.gate = refuse("odd.txt", status=500, code="InternalError")
    world.drop("good.txt", letter(1))
    world.drop("odd.txt", letter(2))
    sweep_for(world, timedelta(hours=5))
    assert world.error("odd.txt") is None
    world.gate = None
    sweep_for(world, timedelta(minutes=10))
    world.check_right("good.txt", "odd.txt")


def test_permanent_refusal_is_reported() -> None:
    """There is no other that could show whose fault it is."""
    world = World(settings={"GIVE_UP_HOURS": "2"})
    world.gate = refuse("only.txt")
    world.drop("only.txt", letter(1))
    sweep_for(world, timedelta(hours=1, minutes=50))
    assert world.error("only.txt") is None
    sweep_for(world, timedelta(minutes=30))
    world.gate = None
    world.check_failed("only.txt", FORBIDDEN[1])


@pytest.mark.parametrize("days", [1, 20])
def test_reported_refusal_is_retried(world: World, days: int) -> None:
    """Its access was corrected, which makes no event: however late, the next night finds it."""
    world.gate = refuse("refused.txt")
    world.drop("good.txt", letter(1))
    etag = world.drop("refused.txt", letter(2))
    sweep_for(world, timedelta(hours=2))
    for _ in range(days):
        world.clock.advance(24 * 3600)
        world.reconcile()
        world.run()
    world.gate = None
    report = world.check_failed("refused.txt", FORBIDDEN[1])
    world.reconcile()
    world.run()
    world.check_right("refused.txt")
    assert report["document"]["etag"] == etag == world.intake.get_properties("refused.txt").etag
    world.clock.advance(24 * 3600)
    world.reconcile()
    world.check_quiet()
    assert list(world.state.list("refused/")) == []
    assert world.submissions_of(letter(2)) == 1


def test_refusal_of_replaced_document_is_deleted(world: World) -> None:
    world.gate = refuse("a.txt")
    world.drop("a.txt", letter(1))
    sweep_for(world, timedelta(minutes=10))
    world.gate = None
    world.drop("a.txt", letter(1, version=2))
    sweep_for(world, timedelta(minutes=10))
    world.check_right("a.txt")
    assert list(world.state.list("refused/")) == []
    assert (world.submissions_of(letter(1)), world.submissions_of(letter(1, version=2))) == (0, 1)


def test_refusal_of_deleted_document_is_deleted(world: World) -> None:
    world.gate = refuse("a.txt")
    world.drop("a.txt", letter(1))
    sweep_for(world, timedelta(minutes=10))
    world.gate = None
    world.remove("a.txt")
    sweep_for(world, timedelta(minutes=10))
    assert world.records() == []
    assert results_of(world) == []


def test_damaged_refusal_affects_no_others(world: World) -> None:
    world.gate = refuse("a.txt", "b.txt")
    world.drop("a.txt", letter(1))
    world.drop("b.txt", letter(2))
    sweep_for(world, timedelta(minutes=10))
    world.gate = None
    (first, _) = list(world.state.list("refused/"))
    world.state.write(first.name, b"junk", metadata=first.metadata)
    world.sweep()
    world.reconcile()
    world.run()
    world.check_right("a.txt", "b.txt")
    world.sweep()
    assert list(world.state.list("refused/")) == []


def test_proxys_404_is_not_missing_document(world: World) -> None:
    """Without the storage's own code it is not the storage that says so: see the contract suite."""
    world.drop("a.txt", letter(1))
    world.run()
    world.gate = refuse(status=404, code="")
    world.drop("b.txt", letter(2))
    world.run_for(timedelta(minutes=10))
    world.reconcile()
    world.gate = None
    sweep_for(world, timedelta(minutes=10))
    world.check_right("a.txt", "b.txt")
    assert world.submissions_of(letter(1)) == 1


class AtCall:
    """A gate that refuses one document, and acts once before the call with a number, counted from 1."""

    def __init__(self, number: int, act: Callable[[], object], refused: Gate) -> None:
        self.number, self.act, self.refused, self.passed = number, act, refused, 0

    def __call__(self, call: Call) -> None:
        if call.moment == "before":
            self.passed += 1
            if self.passed == self.number:
                self.act()
        self.refused(call)


def refused_for_an_hour() -> World:
    world = World()
    world.drop("good.txt", letter(1))
    world.drop("refused.txt", letter(2))
    world.gate = refuse("refused.txt")
    world.run()
    world.clock.advance(3700)
    return world


def test_crash_while_reporting_loses_nothing() -> None:
    def die() -> None:
        raise Crash("killed")

    for number in count(1):
        world = refused_for_an_hour()
        gate = AtCall(number, die, refuse("refused.txt"))
        world.gate = gate
        try:
            world.sweep()
        except Crash:
            world.restart()
        world.gate = refuse("refused.txt")
        sweep_for(world, timedelta(minutes=10))
        world.check_failed("refused.txt", FORBIDDEN[1])
        world.gate = None
        world.clock.advance(24 * 3600)
        world.reconcile()
        world.run()
        world.check_right("good.txt", "refused.txt")
        world.check_quiet()
        assert world.submissions_of(letter(2)) == 1, number
        if gate.passed < number:
            break
    assert number > 12


@pytest.mark.parametrize("is_refused", [True, False])
def test_two_sweeps_handle_refusal_once(is_refused: bool) -> None:
    refused = refuse("refused.txt") if is_refused else lambda call: None
    for number in count(1):
        world = refused_for_an_hour()
        other = world.start_worker(gate=refused)
        gate = AtCall(number, other.app.sweep.run, refused)
        world.gate = gate
        world.sweep()
        world.gate = None
        world.run()
        if is_refused:
            world.check_failed("refused.txt", FORBIDDEN[1])
        else:
            world.check_right("refused.txt")
        world.check_quiet()
        assert world.submissions_of(letter(2)) == (not is_refused), number
        if gate.passed < number:
            break
    assert number > 8


# --- Archived ---


def archive(world: World, *, announce: bool = True) -> None:
    world.intake.upload("cold.txt", letter(1).encode(), tier="Archive")
    world.versions["cold.txt"] = [world.intake.get_properties("cold.txt").etag]
    if announce:
        world.announce("cold.txt")

    def gate(call: Call) -> None:
        if call[:3] == ("intake", "read", "cold.txt") and world.intake.get_properties("cold.txt").is_archived:
            refuse(status=409, code="BlobArchived")(call)

    world.gate = gate


@pytest.mark.parametrize("announce", [True, False])
def test_archived_document_waits_for_rehydration(
    world: World, announce: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """No event comes with the rehydration: BlobTierChanged is not BlobCreated."""
    archive(world, announce=announce)
    world.drop("warm.txt", letter(2))
    world.run()
    world.check_right("warm.txt")
    world.check_quiet()
    for night in range(2):
        caplog.clear()
        tally = world.reconcile()
        assert (tally.pending, tally.deferred, tally.submitted) == (1, 1, 0)
        (line,) = lines(caplog, "document_deferred")
        assert (line.document, line.reason) == ("cold.txt", "BlobArchived")  # type: ignore[attr-defined]
        world.clock.advance(24 * 3600)
        sweep_for(world, timedelta(minutes=10))
        assert world.error("cold.txt") is None, night
    world.intake.change("cold.txt", tier="Hot")
    assert world.reconcile().submitted >= 1
    world.run()
    world.check_right("cold.txt")
    assert list(world.state.list("refused/")) == []
    assert world.submissions_of(letter(1)) == 1


@pytest.mark.parametrize("more_days", [0, 30])
def test_archived_document_is_finally_reported(world: World, more_days: int) -> None:
    archive(world)
    world.run()
    for _ in range(int(world.app.parts.settings.give_up_hours / 24) + 1):
        assert world.error("cold.txt") is None
        world.reconcile()
        world.run()
        world.clock.advance(24 * 3600)
    report = world.check_failed("cold.txt", "BlobArchived")
    assert report["error"]["fault"] == "storage"
    for _ in range(more_days):
        world.reconcile()
        world.run()
        world.clock.advance(24 * 3600)
    assert world.error("cold.txt") == report, "once"
    world.intake.change("cold.txt", tier="Cool")
    world.reconcile()
    world.run()
    world.check_right("cold.txt")
    assert world.submissions_of(letter(1)) == 1


def test_finished_document_may_be_archived(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    world.intake.change("a.txt", tier="Archive")
    tally = world.reconcile()
    assert (tally.done, tally.deferred, tally.submitted) == (1, 0, 0)


# --- Names ---

UNSAFE = ["../private/secret.txt", "a/../../b.txt", "./a.txt", "a/.", "..\\b.txt", "..%2Fprivate%2Fsecret.txt", ".."]


@pytest.mark.parametrize("name", UNSAFE)
@pytest.mark.parametrize("found_by", ["event", "reconcile", "rescue"])
def test_unsafe_name_is_reported_once(world: World, name: str, found_by: str, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Call] = []
    world.gate = calls.append
    etag = world.intake.upload(name, letter(1).encode())
    world.drop("good.txt", letter(2))
    if found_by == "event":
        world.worker.app.submitter.submit(name)
    elif found_by == "rescue":
        world.poisoned_events.put(world.event_text(name))
    world.run()
    world.reconcile()
    world.run()
    world.check_right("good.txt")
    report = json.loads(world.output.read(refused_name(name)).data)
    assert (report["document"]["name"], report["document"]["etag"]) == (name, etag)
    assert (report["error"]["code"], report["error"]["fault"]) == ("UnsafeName", "document")
    assert not [call for call in calls if name in call.name and call.action != "list"], "no request with it"
    written = world.output.get_properties(refused_name(name)).etag
    tally = world.reconcile()
    assert (tally.dropped, tally.failed, tally.submitted) == (2, 1, 0)
    assert world.output.get_properties(refused_name(name)).etag == written
    assert len(lines(caplog, "document_failed")) == 1
    world.check_quiet()
    world.intake.upload(name, letter(3).encode())
    world.reconcile()
    assert world.output.get_properties(refused_name(name)).etag != written, "a new version is told anew"


@pytest.mark.parametrize("name", ["a..b", ".hidden", "...", "x/.../y.txt", "100%.txt", "a.b/c..txt", "%2F.txt"])
def test_dots_in_name_are_accepted(world: World, name: str) -> None:
    world.drop(name, letter(1))
    world.run()
    world.check_right(name)
    assert world.reconcile().done == 1


def test_deleted_unsafe_name_leaves_nothing(world: World) -> None:
    world.worker.app.submitter.submit("../gone.txt")
    assert results_of(world) == []


# --- Folder markers ---

FOLDERS = [
    ("folder", {"metadata": {"hdi_isfolder": "true"}}),
    ("folder", {"metadata": {"Hdi_IsFolder": "True"}}),
    ("folder/", {}),
    ("folder", {"content_type": "inode/directory"}),
    ("folder", {"content_type": "httpd/unix-directory; charset=utf-8"}),
]


@pytest.mark.parametrize(("name", "properties"), FOLDERS)
def test_folder_marker_is_not_document(world: World, name: str, properties: dict[str, object]) -> None:
    world.intake.upload(name, b"", **properties)
    world.announce(name)
    world.drop("folder/a.txt", letter(1))
    world.run()
    tally = world.reconcile()
    assert (tally.dropped, tally.done, tally.submitted) == (1, 1, 0)
    assert results_of(world) == ["folder/a.txt.entities.json"]
    assert world.records() == ["documents/folder/a.txt"]


@pytest.mark.parametrize("properties", [{"metadata": {"hdi_isfolder": "false"}}, {"content_type": "text/plain"}, {}])
def test_empty_document_is_still_reported(world: World, properties: dict[str, object]) -> None:
    world.intake.upload("empty.txt", b"", **properties)
    world.announce("empty.txt")
    world.run()
    world.check_failed("empty.txt", "EmptyDocument")


# --- Faults of the app itself ---


def test_app_fault_is_reported(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def break_down(call: Call) -> None:
        if call[:3] == ("intake", "read", "odd.txt"):
            raise ZeroDivisionError

    world.gate = break_down
    world.drop("odd.txt", letter(1), announce=False)
    world.drop("good.txt", letter(2), announce=False)
    world.reconcile()
    world.run()
    world.check_right("good.txt")
    assert world.check_failed("odd.txt", "Unprocessable")["error"]["fault"] == "service"
    assert lines(caplog, "document_unprocessable")[0].levelno == logging.ERROR
    world.gate = None
    world.reconcile()
    world.run()
    world.check_right("odd.txt")
