"""What the tests of workflows share: a world, and its log at the level that operators see."""

import logging

import pytest

from tests.support.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "functions")
