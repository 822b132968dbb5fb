"""What the whole test run shares: how its tests are spread over worker processes, and one storage emulator for each.

`make test` is `pytest -n auto`. No test has a fixed port, or a folder that another worker process or the test run of
another clone could use at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from local.storage import Azurite


@pytest.fixture(scope="session")
def storage() -> Iterator[Azurite]:
    """The storage emulator of this worker process; containers and queues in it get names that no other test uses."""
    with Azurite() as emulator:
        yield emulator


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer `-n auto`: more than there are processors, because some tests wait; most of all those with processes."""
    return (os.cpu_count() or 1) + (1 if "not processes" in config.option.markexpr else 2)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark, group and sort the tests for `--dist loadgroup`, which gives one after the other to a free worker.

    Tests with a fixture of their module stay on one worker, or each worker would set the fixture up. Tests with a time
    limit of their own, long tests and tests that start processes go first, or the last of them would run alone at the
    end.
    """
    for item in items:
        if "storage" in getattr(item, "fixturenames", ()):
            item.add_marker("processes")
        if _has_module_fixture(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=_order)


def _has_module_fixture(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function):
        return False
    # The last definition of a name is the one that the test gets.
    return any(found[-1].scope == "module" for found in item._fixtureinfo.name2fixturedefs.values())


def _order(item: pytest.Item) -> int:
    marks = {mark.name for mark in item.iter_markers()}
    return next((place for place, mark in enumerate(("timeout", "long", "processes")) if mark in marks), 3)
