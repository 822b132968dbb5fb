"""`host.json`: the values belong together, and each is explained."""

import json
import re
from typing import Any

from functions.workflows.holding import MAX_DEQUEUE_COUNT
from tests.infra.templates import ROOT, app_settings, provision

HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text())


def test_every_possible_run_has_thread() -> None:
    """Both triggers at their limits; the timers and the poison queues run rarely, and can wait."""
    queues = HOST["extensions"]["queues"]
    parallel = HOST["extensions"]["blobs"]["maxDegreeOfParallelism"] + queues["batchSize"] + queues["newBatchThreshold"]
    local = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    for settings in (app_settings(provision()), local):
        assert int(settings["PYTHON_THREADPOOL_THREAD_COUNT"]) == parallel


def test_other_runs_work_beside_batching_one() -> None:
    """More runs than the one that waits for a request to fill."""
    assert HOST["extensions"]["blobs"]["maxDegreeOfParallelism"] >= 3


def test_failed_step_is_retried_slowly() -> None:
    """Not five times within a second."""
    hours, minutes, seconds = map(int, HOST["extensions"]["queues"]["visibilityTimeout"].split(":"))
    assert hours * 3600 + minutes * 60 + seconds >= 10


def test_last_delivery_is_known_to_the_app() -> None:
    assert HOST["extensions"]["queues"]["maxDequeueCount"] == MAX_DEQUEUE_COUNT


def test_every_value_is_explained() -> None:
    explained = (ROOT / "docs" / "host-json.md").read_text()

    def leaves(part: dict[str, Any]) -> set[str]:
        return set().union(*(leaves(value) if isinstance(value, dict) else {key} for key, value in part.items()))

    # `version` and the bundle's `id` are fixed by the format; the sampling settings are explained together.
    wanted = leaves(HOST) - {"version", "id", "isEnabled", "maxTelemetryItemsPerSecond", "excludedTypes"}
    named = set(re.findall(r"`(?:extensionBundle\.)?([\w.]+)`", explained))
    assert wanted <= named | {"version"}
    assert "samplingSettings" in explained
