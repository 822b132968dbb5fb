"""When deployments expire is read once a day by one instance, warned of in time, and told to the alert rules."""

import logging
from datetime import date, timedelta
from typing import Any

import pytest

from functions import telemetry
from functions.core.expiry import DeploymentExpiry, in_words, threshold
from functions.storage.expiry_store import EXPIRIES
from tests.support.world import World

HOST = "loans.cognitiveservices.azure.com"


class Gauge:
    """What the metric was set to."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}

    def set(self, value: int, attributes: dict[str, str]) -> None:
        self.values[f"{attributes['deployment']} at {attributes['resource']}"] = value


@pytest.fixture
def gauge(monkeypatch: pytest.MonkeyPatch) -> Gauge:
    gauge = Gauge()
    monkeypatch.setattr(telemetry, "days_to_expiry", gauge)
    return gauge


def expire_in(world: World, days: int) -> None:
    world.service.authoring.state.expires["loans", "production"] = world.clock().date() + timedelta(days=days)


def questions(world: World) -> int:
    return sum("/authoring/" in exchange.path for exchange in world.exchanges("GET"))


def expiry_lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
    actions = ("deployment_expires", "expiry_unknown")
    found = [record for record in caplog.records if getattr(record, "action", "") in actions]
    return [(record.levelname, getattr(record, "threshold", None)) for record in found]


@pytest.mark.parametrize(
    ("days", "line"),
    [
        (91, []),
        (90, [("WARNING", 90)]),
        (31, [("WARNING", 90)]),
        (30, [("WARNING", 30)]),
        (8, [("WARNING", 30)]),
        (7, [("ERROR", 7)]),
        (0, [("ERROR", 7)]),
        (-5, [("ERROR", 7)]),
    ],
)
def test_expiry_is_warned_of(
    world: World, gauge: Gauge, caplog: pytest.LogCaptureFixture, days: int, line: list[tuple[str, int]]
) -> None:
    expire_in(world, days)
    with caplog.at_level(logging.INFO):
        world.sweep()
    assert expiry_lines(caplog) == line
    assert gauge.values == {f"loans/production at {HOST}": days}


def test_expiry_is_read_once_a_day(world: World, gauge: Gauge) -> None:
    for _ in range(3 * 288):
        world.sweep()
        world.clock.advance(300)
    assert questions(world) in (3, 4)


def test_metric_follows_the_days(world: World, gauge: Gauge) -> None:
    expire_in(world, 40)
    world.sweep()
    world.clock.advance(22 * 3600)
    world.sweep()
    assert questions(world) == 1
    assert set(gauge.values.values()) == {39}


def test_moved_date_is_read_the_next_day(world: World, gauge: Gauge) -> None:
    expire_in(world, 5)
    world.sweep()
    world.clock.advance(86_400)
    expire_in(world, 400)
    world.sweep()
    assert set(gauge.values.values()) == {400}


def test_second_instance_reads_nothing(world: World, gauge: Gauge) -> None:
    world.sweep()
    world.restart()
    world.sweep()
    assert questions(world) == 0, "of the new worker"
    assert set(gauge.values) == {f"loans/production at {HOST}"}


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_refusal_stops_no_sweep(world: World, gauge: Gauge, caplog: pytest.LogCaptureFixture, status: int) -> None:
    world.service.authoring.state.refuse_with = status
    with caplog.at_level(logging.INFO):
        world.sweep()
    assert expiry_lines(caplog) == [("INFO", None)]
    assert gauge.values == {}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_known_date_outlives_a_refusal(world: World, gauge: Gauge) -> None:
    expire_in(world, 50)
    world.sweep()
    world.clock.advance(86_400)
    world.service.authoring.state.refuse_with = 503
    world.sweep()
    assert set(gauge.values.values()) == {49}


def test_deployment_without_date_is_told(world: World, gauge: Gauge, caplog: pytest.LogCaptureFixture) -> None:
    world.service.authoring.state.expires["loans", "production"] = None
    with caplog.at_level(logging.INFO):
        world.sweep()
    assert expiry_lines(caplog) == [("INFO", None)]


def test_new_rule_is_read_at_once(world: World, gauge: Gauge) -> None:
    world.sweep()
    task = {"kind": "CustomSingleLabelClassification", "project": "notes", "deployment": "production"}
    world.write_rules({"match": "notes/**", "tasks": [task, {"kind": "PiiEntityRecognition"}]})
    world.sweep()
    assert set(gauge.values) == {f"loans/production at {HOST}", f"notes/production at {HOST}"}


def test_unreadable_record_is_written_anew(world: World, gauge: Gauge) -> None:
    world.state.write(EXPIRIES, b"{")
    world.sweep()
    assert len(gauge.values) == 1


def test_refused_write_stops_no_sweep(world: World, gauge: Gauge) -> None:
    def refuse(call: Any) -> None:
        if call.name == EXPIRIES and call.action == "write":
            raise RuntimeError("refused")

    world.gate = refuse
    assert world.sweep() == 0


@pytest.mark.parametrize(
    ("days", "expected"), [(91, None), (90, 90), (31, 90), (30, 30), (8, 30), (7, 7), (0, 7), (-1, 7)]
)
def test_threshold_is_inclusive(days: int, expected: int | None) -> None:
    assert threshold(days) == expected


@pytest.mark.parametrize(
    ("days", "words"),
    [(-2, "has expired 2 days ago"), (-1, "has expired 1 day ago"), (0, "expires today"), (1, "expires in 1 day")],
)
def test_days_are_told_in_words(days: int, words: str) -> None:
    assert in_words(days) == words


def test_days_count_in_utc(world: World) -> None:
    one = DeploymentExpiry(resource=HOST, project="loans", deployment="production", expires=date(2025, 1, 16))
    assert one.days_left(world.clock()) == 1
