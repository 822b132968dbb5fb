"""A world whose service trains: a project with some labels, documents of the same kind, and people who correct them."""

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from functions.cli.main import run
from functions.errors import Missing
from functions.labels.values import Span
from functions.storage.containers import Container
from functions.storage.memory_containers import MemoryContainer
from local.language_service.authoring_state import Authoring
from local.language_service.authoring_state import Container as Read
from local.language_service.labels import read_labels
from local.language_service.projects import learn
from local.stand_in.in_process import MovableClock
from tests.local.language_service.material import LETTER_CATEGORIES, LETTERS, marked, utf16
from tests.support.command_line import WorldAccess
from tests.support.corrections import correct
from tests.support.world import Gate, GatedContainer, World

CONTAINER = "training"
NAMES = list(LETTERS)


def labelled(name: str) -> tuple[str, list[Span]]:
    """Return the text of a letter and what is right in it."""
    text, labels = marked(LETTERS[name])
    return text, [Span(offset, offset + length, category) for category, offset, length in labels]


def labels_file(names: Iterable[str], datasets: Sequence[str] = ("Train", "Train", "Test")) -> dict[str, Any]:
    """Return letters as a labels file; every third is in the test set."""
    documents = []
    for n, name in enumerate(names):
        text, spans = labelled(name)
        found = [
            {"category": one.category, "offset": utf16(text[: one.start]), "length": utf16(text[one.start : one.end])}
            for one in spans
        ]
        region = {"regionOffset": 0, "regionLength": utf16(text), "labels": found}
        entry = {"location": name, "language": "en-us", "dataset": datasets[n % len(datasets)], "entities": [region]}
        documents.append(entry)
    return {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {
            "projectKind": "CustomEntityRecognition",
            "projectName": "loans",
            "storageInputContainerName": CONTAINER,
            "language": "en-us",
            "multilingual": False,
            "settings": {},
        },
        "assets": {
            "projectKind": "CustomEntityRecognition",
            "entities": [{"category": one} for one in LETTER_CATEGORIES],
            "documents": documents,
        },
    }


def taught_world(model_cache: Path, first: int = 12, last: int | None = None) -> World:
    """Return a world whose project has the labels of the first letters; the next are its documents.

    What is deployed was learnt from three of them only.
    """
    texts = {name: labelled(name)[0] for name in NAMES}
    content = labels_file(NAMES[:first])
    return world_of(model_cache, content, texts, learnt=NAMES[:3], dropped=NAMES[first:last])


def world_of(
    model_cache: Path,
    content: dict[str, Any],
    texts: Mapping[str, str],
    *,
    learnt: Sequence[str],
    dropped: Sequence[str],
) -> World:
    """Return a world whose project has a labels file; its deployed model has learnt from some of its documents."""
    clock = MovableClock()
    training = MemoryContainer(clock)
    labels = read_labels(content, "loans", lambda name: texts[name])
    for one in labels.documents:
        training.write(one.location, one.text.encode())
    project = learn(replace(labels, documents=tuple(d for d in labels.documents if d.location in learnt)), model_cache)
    authoring = Authoring(_texts_of(training), model_cache)
    authoring.add_learnt(project, content, frozenset({"production"}), clock())
    world = World(project=project, authoring=authoring, training=training, clock=clock)
    for name in dropped:
        world.drop(f"in/{name}", texts[name])
    world.run()
    return world


def _texts_of(training: MemoryContainer) -> Callable[[str], Read]:
    def read(name: str) -> bytes:
        try:
            return training.read(name).data
        except Missing as error:
            raise FileNotFoundError(name) from error

    return lambda container: read


def copy_of(world: World) -> World:
    """Return a world that goes its own way from here, with the same models."""
    state = world.service.authoring.state
    learnt = [one.learnt for project in state.projects.values() for one in project.models.values()]
    copied = copy.deepcopy(world, {id(one): one for one in [*learnt, world.project]})
    copied.service.authoring.state.containers = _texts_of(copied.training)
    return copied


def review(world: World, names: Iterable[str]) -> None:
    """Correct documents so that all is right in them."""
    for name in names:
        correct(world, f"in/{name}", labelled(name)[1])


class GatedAccess(WorldAccess):
    """Commands whose calls pass a gate."""

    def __init__(self, world: World, gate: Gate | None = None) -> None:
        super().__init__(world)
        self._gate = gate or (lambda call: None)
        self._worker = world.start_worker(self._gate)

    def container(self, name: str) -> Container:
        if name in (CONTAINER, "loan-letters"):
            return GatedContainer(self._world.training, "intake", self._gate)
        return GatedContainer(super().container(name), "output", self._gate)

    def other_container(self, container: str) -> Container:
        return self.container(container)

    @property
    def authoring_clients(self) -> Any:
        return {one.name: one.deployments for one in self._worker.app.parts.pool}

    @property
    def language_services(self) -> Any:
        return {one.name: one.service for one in self._worker.app.parts.pool}


def command(world: World, *arguments: str, gate: Gate | None = None) -> int:
    """Run a command; return the exit code."""
    world.app.journal.flush()
    return run(arguments, GatedAccess(world, gate))


def told(out: str) -> list[dict[str, Any]]:
    """Return the lines of JSON that a command has written."""
    return [json.loads(line) for line in out.splitlines()]
