"""`host.json`: the values belong together, and each is explained."""

import json
import re
from typing import Any

from tests.infra.templates import ROOT, app_settings, provision

HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text())
DOCUMENTS_PER_REQUEST = 25
"""Limit of the Language service (service limits of custom named entity recognition)."""


def test_two_full_requests_fit_into_the_parallel_runs_of_the_intake() -> None:
    assert HOST["extensions"]["blobs"]["maxDegreeOfParallelism"] >= 2 * DOCUMENTS_PER_REQUEST


def test_every_parallel_run_of_the_intake_has_a_thread() -> None:
    parallel = HOST["extensions"]["blobs"]["maxDegreeOfParallelism"]
    assert int(app_settings(provision())["PYTHON_THREADPOOL_THREAD_COUNT"]) >= parallel
    local = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert int(local["PYTHON_THREADPOOL_THREAD_COUNT"]) >= parallel


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
