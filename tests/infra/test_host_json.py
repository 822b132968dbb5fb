"""`host.json`: the values belong together, and each is explained."""

import json
import re
from typing import Any

from tests.infra.templates import ROOT, app_settings, provision

HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text())


def test_every_run_that_the_host_may_start_has_a_thread() -> None:
    """Both triggers at their limits; the timers and the poison queues run rarely, and can wait."""
    queues = HOST["extensions"]["queues"]
    parallel = HOST["extensions"]["blobs"]["maxDegreeOfParallelism"] + queues["batchSize"] + queues["newBatchThreshold"]
    local = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    for settings in (app_settings(provision()), local):
        assert int(settings["PYTHON_THREADPOOL_THREAD_COUNT"]) == parallel


def test_more_than_the_run_that_waits_for_a_request_to_fill_is_at_work() -> None:
    assert HOST["extensions"]["blobs"]["maxDegreeOfParallelism"] >= 3


def test_a_failed_step_is_not_tried_five_times_within_a_second() -> None:
    hours, minutes, seconds = map(int, HOST["extensions"]["queues"]["visibilityTimeout"].split(":"))
    assert hours * 3600 + minutes * 60 + seconds >= 10


def test_every_value_is_explained() -> None:
    explained = (ROOT / "docs" / "host-json.md").read_text()

    def leaves(part: dict[str, Any]) -> set[str]:
        return set().union(*(leaves(value) if isinstance(value, dict) else {key} for key, value in part.items()))

    # `version` and the bundle's `id` are fixed by the format; the sampling settings are explained together.
    wanted = leaves(HOST) - {"version", "id", "isEnabled", "maxTelemetryItemsPerSecond", "excludedTypes"}
    named = set(re.findall(r"`(?:extensionBundle\.)?([\w.]+)`", explained))
    assert wanted <= named | {"version"}
    assert "samplingSettings" in explained
