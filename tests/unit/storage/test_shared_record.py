"""All instances change one record, whoever else does so at the same time, and whatever their clocks say."""

import logging
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.records import Record
from functions.errors import Changed
from functions.storage.memory_containers import MemoryContainer
from functions.storage.shared_record import MAX_RACES, RETRY_S, SharedRecord, Unreachable, resource_name
from local.stand_in.in_process import MovableClock

NAME = "budget/count.json"


class Count(Record, frozen=True, kw_only=True):
    count: int = 0


class Storage(MemoryContainer):
    """A container that tests let fail, or somebody else write to, and that keeps a list of its requests."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(clock)
        self.calls: list[str] = []
        self.before_write: Callable[[], None] = lambda: None
        self.error: Exception | None = None

    def read(self, name: str, **options: Any) -> Any:
        self.calls.append("read")
        if self.error:
            raise self.error
        return super().read(name, **options)

    def write(self, name: str, data: bytes, **options: Any) -> str:
        self.calls.append("write")
        self.before_write()
        if self.error:
            raise self.error
        return super().write(name, data, **options)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def storage(clock: MovableClock) -> Storage:
    return Storage(clock)


def instance(storage: Storage, clock: MovableClock, offset_s: float = 0.0) -> SharedRecord[Count]:
    return SharedRecord(
        storage,
        NAME,
        Count(),
        monotonic=lambda: clock().timestamp() + offset_s,
        sleep=clock.advance,
        rng=random.Random(1),
    )


def add(known: Count, now: datetime) -> tuple[Count, int]:
    """Count one more, and return how many there were."""
    return msgspec.structs.replace(known, count=known.count + 1), known.count


def test_first_use_creates_record(storage: Storage, clock: MovableClock) -> None:
    record = instance(storage, clock)
    assert [record.change(add), record.change(add)] == [0, 1]
    assert record.read(0) == Count(count=2)


def test_change_of_fresh_record_is_one_request(storage: Storage, clock: MovableClock) -> None:
    record = instance(storage, clock)
    record.change(add)
    storage.calls.clear()
    record.change(add)
    assert storage.calls == ["write"]
    clock.advance(1)
    storage.calls.clear()
    record.change(add)
    assert storage.calls == ["read", "write"]


def test_nothing_to_change_writes_nothing(storage: Storage, clock: MovableClock) -> None:
    record = instance(storage, clock)
    record.read(0)
    storage.calls.clear()
    assert record.change(lambda known, now: (known, "as it was")) == "as it was"
    assert storage.calls == []


def test_read_within_age_asks_nobody(storage: Storage, clock: MovableClock) -> None:
    record = instance(storage, clock)
    record.read(1)
    storage.calls.clear()
    clock.advance(1)
    record.read(1)
    assert storage.calls == []
    clock.advance(0.1)
    record.read(1)
    assert storage.calls == ["read"]


def test_lost_race_is_repeated(storage: Storage, clock: MovableClock) -> None:
    mine, other = instance(storage, clock), instance(storage, clock, 30)
    mine.read(0)
    races = [3]

    def overtake() -> None:
        if races[0]:
            races[0] -= 1
            storage.before_write = lambda: None
            other.change(add)
            storage.before_write = overtake

    storage.before_write = overtake
    assert mine.change(add) == 3
    assert other.read(0) == Count(count=4)


def test_endless_race_is_given_up(storage: Storage, clock: MovableClock) -> None:
    record = instance(storage, clock)
    record.read(0)
    tries = []

    def lose() -> None:
        tries.append(1)
        raise Changed(NAME)

    storage.before_write = lose
    with pytest.raises(Unreachable):
        record.change(add)
    assert len(tries) == MAX_RACES


def test_unreachable_record_is_left_alone(
    storage: Storage, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each try may take as long as a time-out; log lines are written when it begins and when it ends."""
    record = instance(storage, clock)
    storage.error = OSError("no route")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(Unreachable):
                record.read(10)
        assert storage.calls == ["read"]
        clock.advance(RETRY_S)
        with pytest.raises(Unreachable):
            record.change(add)
        storage.error = None
        clock.advance(RETRY_S)
        assert record.change(add) == 0
    actions = [line.__dict__["action"] for line in caplog.records]
    assert actions == ["shared_record_unreachable", "shared_record_reachable"]


@pytest.mark.parametrize("content", [b"{", b'{"version": 99}', b'{"count": "many"}'])
def test_record_of_others_is_not_overwritten(storage: Storage, clock: MovableClock, content: bytes) -> None:
    """Damaged, or of a newer release."""
    MemoryContainer.write(storage, NAME, content)
    with pytest.raises(Unreachable):
        instance(storage, clock).change(add)
    assert MemoryContainer.read(storage, NAME).data == content


@given(st.floats(-1e5, 1e5), st.integers(0, 999_999))
def test_time_is_the_storages(offset_s: float, microsecond: int) -> None:
    """Whatever an instance's clock says, and with more than one reply better than by half a second."""
    clock = MovableClock()
    clock.advance(microsecond / 1e6)
    record = instance(Storage(clock), clock, offset_s)
    for _ in range(40):
        record.read(0)
        clock.advance(0.37)
        assert abs((record.now() - clock()).total_seconds()) <= 0.51
    assert abs((record.now() - clock()).total_seconds()) <= 0.1


def test_resource_name_is_a_blob_name() -> None:
    assert resource_name("https://Loans.cognitiveservices.azure.com/path") == "loans.cognitiveservices.azure.com"
    assert resource_name("http://[::1]:5000") == "___1__5000"
