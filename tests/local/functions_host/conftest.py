"""Fixtures of the host's tests: an account on the worker's storage emulator, and a stage for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from local.functions_host.connections import find_connection
from local.functions_host.storage import StorageAccount
from tests.local.functions_host.served import Serve, serving
from tests.local.functions_host.stage import Stage


@pytest.fixture
def account(storage: Azurite) -> StorageAccount:
    return StorageAccount(find_connection("Test", {"Test": storage.connection_string}))


@pytest.fixture
def set_stage(storage: Azurite, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(*arguments: object, **options: object) -> Stage:
        stages.append(Stage(storage, tmp_path, *arguments, **options))  # type: ignore[arg-type]
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()


@pytest.fixture
def serve(storage: Azurite, tmp_path: Path) -> Iterator[Serve]:
    yield from serving(storage, tmp_path)
