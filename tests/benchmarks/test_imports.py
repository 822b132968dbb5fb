"""Benchmarks are run by hand, so a test sees to it that each can still be started."""

import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

from tests import benchmarks

MODULES = [one.name for one in pkgutil.iter_modules(benchmarks.__path__) if not one.name.startswith("test_")]


@pytest.mark.parametrize("name", MODULES)
def test_benchmark_can_be_imported(name: str) -> None:
    assert isinstance(import_module(f"{benchmarks.__name__}.{name}"), ModuleType)
