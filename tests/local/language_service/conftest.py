"""Projects learnt once for all tests of the stand-in, and a service around them whose clock the tests move."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.language_service.behaviour import Behaviour
from local.language_service.projects import LearntProject, learn_project
from local.language_service.service import LanguageService
from local.stand_in.in_process import MovableClock
from local.stand_in.web import in_background
from tests.local.language_service import material


@pytest.fixture(scope="session")
def labels_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Labels files of three projects: loans (entities), notes (one class), tags (several classes)."""

    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    return {
        "loans": material.write_entity_project(folder("loans"), material.LETTERS, material.LETTER_CATEGORIES),
        "notes": material.write_class_project(folder("notes"), "CustomSingleLabelClassification", "notes"),
        "tags": material.write_class_project(folder("tags"), "CustomMultiLabelClassification", "tags"),
    }


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def projects(labels_files: dict[str, Path], model_cache: Path) -> list[LearntProject]:
    return [learn_project(path, path.parent, model_cache) for path in labels_files.values()]


@pytest.fixture(scope="session")
def loans(projects: list[LearntProject]) -> LearntProject:
    return projects[0]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def make_caller(projects: list[LearntProject], clock: MovableClock) -> Callable[..., material.Caller]:
    """Makes a caller of a new service; keywords are the switches of ``Behaviour`` or arguments of the service."""

    def make(*, service: dict[str, Any] | None = None, **switches: Any) -> material.Caller:
        behaviour = Behaviour(**switches)
        return material.Caller(LanguageService(projects, behaviour=behaviour, clock=clock, **(service or {})), clock)

    return make


@pytest.fixture
def caller(make_caller: Callable[..., material.Caller]) -> material.Caller:
    return make_caller()


@pytest.fixture
def serve(projects: list[LearntProject]) -> Iterator[Callable[..., tuple[LanguageService, str]]]:
    """Serves the projects on a free port while the test runs; gives the service and its address.

    Keywords are the switches of ``Behaviour``; ``service`` holds arguments of the service.
    """
    with ExitStack() as stack:

        def start(*, service: dict[str, Any] | None = None, **switches: Any) -> tuple[LanguageService, str]:
            arguments = {"clock": material.TickingClock(), **(service or {})}
            started = LanguageService(projects, behaviour=Behaviour(**switches), **arguments)
            return started, stack.enter_context(in_background(started))

        yield start
