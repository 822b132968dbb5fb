"""What the whole test run shares: how its tests are spread over worker processes, and one storage emulator for each.

`make test` is `pytest -n auto`. No test has a fixed port, or a folder that another worker process or the test run of
another clone could use at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from local.azurite import Azurite
from local.stack import Stack
from tests.support.examples import examples

# Property tests have no deadline, for a slow machine is no defect, and the same examples in each run.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")

_LINES_SHOWN = 40
"""Of each part's log, with a failed test."""


@pytest.fixture(scope="session")
def storage() -> Iterator[Azurite]:
    """The storage emulator of this worker process; containers and queues in it get names that no other test uses."""
    with Azurite() as emulator:
        yield emulator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test how the parts of its stack are and what they wrote last."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        for part in stack.parts:
            lines = part.log_tail(_LINES_SHOWN)
            report.sections.append((f"{part.name} ({part.state})", "\n".join(lines)))
    return report


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer `-n auto`: more than there are processors, because some tests wait; most of all those with processes."""
    return (os.cpu_count() or 1) + (1 if "not processes" in config.option.markexpr else 2)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Give a free worker the next test; of a file with fixtures of its module, all tests at once."""
    return _Scheduling(config, log)


class _Scheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _has_module_fixture(self.config.rootpath / file) else nodeid


@cache
def _has_module_fixture(file: Path) -> bool:
    """Whether a test of the file may have a fixture of its module, from the file itself or its folder's conftest.py."""
    return any(
        'scope="module"' in each.read_text("utf-8") for each in (file, file.with_name("conftest.py")) if each.exists()
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark and sort the tests.

    Tests with a time limit of their own, long tests and tests that start processes go first, or the last of them would
    run alone at the end.
    """
    for item in items:
        if "storage" in getattr(item, "fixturenames", ()):
            item.add_marker("processes")
    items.sort(key=_order)


def _order(item: pytest.Item) -> int:
    marks = {mark.name for mark in item.iter_markers()}
    return next((place for place, mark in enumerate(("timeout", "long", "processes")) if mark in marks), 3)
