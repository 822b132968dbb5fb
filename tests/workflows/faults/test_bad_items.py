"""One bad item stops no repair: sweep, reconcile and rescue go on with all others, whatever one of them raises.

Each scenario is run once to see its storage calls, and then once for each of them and each class of error with that
call, for that item, failing for ever. The calls fail while the repair runs; what the repair has started goes on
undisturbed in between.
"""

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseTimeoutError

from functions.errors import Changed, Missing, NewerRecord, RecordError
from functions.storage.record_store import refusal_key
from tests.support.world import Call, World, letter


def storage_error(status: int, code: str) -> HttpResponseError:
    error = HttpResponseError(f"{code} from the storage")
    error.status_code = status
    error.error_code = code  # type: ignore[attr-defined]
    return error


ERRORS: dict[str, Callable[[], Exception]] = {
    "missing": lambda: Missing("a blob"),
    "changed": lambda: Changed("a blob"),
    "forbidden": lambda: storage_error(403, "AuthorizationPermissionMismatch"),
    "encrypted": lambda: storage_error(409, "BlobUsesCustomerSpecifiedEncryption"),
    "archived": lambda: storage_error(409, "BlobArchived"),
    "leased": lambda: storage_error(412, "LeaseIdMissing"),
    "internal": lambda: storage_error(500, "InternalError"),
    "busy": lambda: storage_error(503, "ServerBusy"),
    "unreachable": lambda: ServiceRequestError("connection refused"),
    "timeout": lambda: ServiceResponseTimeoutError("timed out"),
    "reset": lambda: ConnectionResetError("connection reset"),
    "unreadable": lambda: RecordError("not a record of this version"),
    "newer": lambda: NewerRecord("a blob", 3, 2),
    "own": lambda: ZeroDivisionError("a bug"),
}


@dataclass
class FailForEver:
    """A gate at which the storage call with a number, counted from 1, fails from then on."""

    number: int
    error: Callable[[], Exception]
    passed: int = 0
    key: tuple[str, str, str] | None = None

    def __call__(self, call: Call) -> None:
        if not can_fail(call):
            return
        self.passed += 1
        if self.passed == self.number:
            self.key = call[:3]
        if call[:3] == self.key:
            raise self.error()


def can_fail(call: Call) -> bool:
    return call.moment == "before" and call.place != "service"


@dataclass
class Repair:
    """What needs repair, what repairs it, and which documents must be right after it."""

    prepare: Callable[[World], None]
    act: Callable[[World], object]
    names: tuple[str, ...]

    @cached_property
    def _prepared(self) -> bytes:
        world = World()
        self.prepare(world)
        return pickle.dumps(world)

    def start(self) -> World:
        """Return a world that needs the repair."""
        world: World = pickle.loads(self._prepared)
        return world

    @cached_property
    def calls(self) -> list[Call]:
        """The calls that fail, one a run."""
        calls: list[Call] = []
        world = self.start()
        world.gate = calls.append
        self.act(world)
        return [call for call in calls if can_fail(call)]

    def run(self, gate: FailForEver) -> World:
        """Repair twice with the failing call, let the world go on in between, and check all but the bad item."""
        world = self.start()
        owners = {name: owner_of(world, name) for name in self.names}
        for _ in range(2):
            world.gate = gate
            self.act(world)
            world.gate = None
            world.run()
            world.clock.advance(301)
        if gate.key:
            check_others(world, gate.key, owners)
        return world


def check_others(world: World, key: tuple[str, str, str], owners: dict[str, str]) -> None:
    """Check that everything is right but the bad item, which is what the call `key` is about."""
    _, action, item = key
    if action == "list" and item in ("", "documents/", "jobs/", "refused/"):
        return  # No item, but a listing: whatever it would have shown has to wait.
    # The bad item may also be a job that the repair itself has opened, with all documents that it carries.
    bad = [name for name in owners if is_about(item, name, owners[name]) or is_about(item, name, owner_of(world, name))]
    others = [name for name in owners if name not in bad]
    if bad or "unsafe" in item or "deleted" in item:
        world.check_right(*others)
    else:
        # A job that never came to own anything: no more than one document depended on it.
        assert sum(world.entities(name) is not None and world.error(name) is None for name in others) >= len(others) - 1


def is_about(item: str, name: str, owner: str) -> bool:
    return name in item or refusal_key(name) in item or owner in item


def owner_of(world: World, name: str) -> str:
    record, _ = world.app.parts.records.document(name)
    return record.owner if record else "no owner"


def check_end(world: World, names: Iterable[str]) -> None:
    """Check that the bad item is right too once its calls work again, and that little was billed twice."""
    for _ in range(2):
        world.settle()
        world.clock.advance(24 * 3600)
        world.reconcile()
        world.run()
    world.check_right(*names)
    world.check_quiet()
    for name in names:
        assert 1 <= world.submissions_of(world.text_of(name)) <= 3, name


# --- Sweep ---

SWEPT = tuple(f"swept-{number}.txt" for number in range(3))
REFUSED = tuple(f"refused-{number}.txt" for number in range(3))


def prepare_sweep(world: World) -> None:
    for number, name in enumerate(SWEPT):
        world.drop(name, letter(number))
        world.step()
    for message in world.jobs.messages:
        world.jobs.delete(message)
    for number, name in enumerate(REFUSED):
        world.drop(name, letter(10 + number), announce=False)
        refuse_once(world, name)
    world.clock.advance(600)


def refuse_once(world: World, name: str) -> None:
    """Let a document's event be poisoned while the storage refuses it."""

    def forbid(call: Call) -> None:
        if call[:3] == ("intake", "read", name):
            raise storage_error(403, "AuthorizationPermissionMismatch")

    world.gate = forbid
    world.app.rescue.rescue_document(world.event_text(name))
    world.gate = None


SWEEP = Repair(prepare_sweep, World.sweep, (*SWEPT, *REFUSED))

# --- Reconcile ---

NEW = ("new-0.txt", "new-1.txt")
REPLACED = ("replaced-0.txt", "replaced-1.txt")
LOST = ("lost-0.txt", "lost-1.txt")
ABANDONED = ("abandoned-0.txt", "abandoned-1.txt")
STRAY = ("stray-0.txt", "stray-1.txt")
REPORTED = ("reported-0.txt", "reported-1.txt")


def prepare_reconcile(world: World) -> None:
    for number, name in enumerate((*LOST, *STRAY, "deleted-0.txt", "deleted-1.txt", *REPLACED)):
        world.drop(name, letter(number))
    world.run()
    for number, name in enumerate(REPORTED):
        world.drop(name, letter(20 + number), announce=False)
        refuse_once(world, name)
    world.clock.advance(3700)
    report_refused(world)
    for number, name in enumerate(ABANDONED):
        world.drop(name, letter(30 + number))
        world.step()
    for info in list(world.state.list("jobs/")):
        world.state.delete(info.name)
    for message in world.jobs.messages:
        world.jobs.delete(message)
    for name in LOST:
        world.output.delete(f"{name}.entities.json")
    for name in STRAY:
        world.output.write(f"{name}.error.json", b"{}")
    for number in range(2):
        world.remove(f"deleted-{number}.txt")
    for number, name in enumerate(REPLACED):
        world.drop(name, letter(40 + number), announce=False)
    for number, name in enumerate(NEW):
        world.drop(name, letter(50 + number), announce=False)
    world.intake.upload("../unsafe-0.txt", b"text")
    world.intake.upload("../unsafe-1.txt", b"text")
    world.clock.advance(600)


def report_refused(world: World) -> None:
    def forbid(call: Call) -> None:
        if call.place == "intake" and call.action == "read" and call.name in REPORTED:
            raise storage_error(403, "AuthorizationPermissionMismatch")

    world.gate = forbid
    world.sweep()
    world.gate = None
    for name in REPORTED:
        world.check_failed(name, "AuthorizationPermissionMismatch")


RECONCILE = Repair(prepare_reconcile, World.reconcile, (*NEW, *REPLACED, *LOST, *ABANDONED, *STRAY, *REPORTED))


def fail_everywhere(repair: Repair, error: str) -> int:
    """Repair with each call failing in turn, and return how many calls there are."""
    for number, call in enumerate(repair.calls, 1):
        if error == "archived" and call.place != "intake":
            continue  # Nobody archives what the app has written.
        if call.name.startswith("config/"):
            continue  # The rules are about every document; `test_rules.py` has what happens where they can not be read.
        gate = FailForEver(number, ERRORS[error])
        try:
            world = repair.run(gate)
            check_end(world, repair.names)
        except Exception as failure:
            raise AssertionError(f"call {number}, {gate.key}: {failure!r}") from failure
    return len(repair.calls)


# One of them is enough for the inner loop: the one that nobody foresees.
EACH_ERROR = [pytest.param(name, marks=[pytest.mark.long] * (name != "own")) for name in ERRORS]


@pytest.mark.parametrize("error", EACH_ERROR)
def test_sweep_survives_any_failure(error: str) -> None:
    assert fail_everywhere(SWEEP, error) > 40


@pytest.mark.parametrize("error", EACH_ERROR)
def test_reconcile_survives_any_failure(error: str) -> None:
    assert fail_everywhere(RECONCILE, error) > 70


# --- Rescue ---

POISONED = tuple(f"poisoned-{number}.txt" for number in range(3))


def prepare_rescue(world: World) -> None:
    for number, name in enumerate(POISONED):
        world.drop(name, letter(number), announce=False)
        world.poisoned_events.put(world.event_text(name))


def rescue_all(world: World) -> None:
    for _ in POISONED:
        message = world.poisoned_events.receive()
        if message:
            try:
                world.app.rescue.rescue_document(message.text, message.expires)
            except Exception:
                continue  # The host shows it again in ten minutes.
            world.poisoned_events.delete(message)


RESCUE = Repair(prepare_rescue, rescue_all, POISONED)


@pytest.mark.parametrize("error", EACH_ERROR)
def test_rescue_survives_any_failure(error: str) -> None:
    assert fail_everywhere(RESCUE, error) > 12
