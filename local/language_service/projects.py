"""Projects that the stand-in serves: each learnt from a labels file, the learnt model kept by content."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from local.language_service import classify, features, model, segments
from local.language_service.classify import ClassModel
from local.language_service.labels import LabelsFile, Problem, ProjectKind, load_labels
from local.language_service.model import Entity, EntityModel

_ENTITY_FILE = "entities.crfsuite"
_SUMMARY_FILE = "training.json"
#: The modules that decide what is learnt; when one changes, models learnt before are not used any more.
_LEARNING_CODE = (segments, features, model, classify)


class Project(Protocol):
    """A deployed project: what it is called, what it can do, and its model."""

    @property
    def name(self) -> str | None:
        """The project's name; ``None`` answers to any name."""

    @property
    def kind(self) -> ProjectKind:
        """What the project does."""

    def entities(self, text: str) -> Sequence[Entity]:
        """Find the entities of a text (projects of kind ``ENTITIES``)."""

    def classes(self, text: str) -> Sequence[tuple[str, float]]:
        """Find the classes of a text with their confidences (projects that classify)."""


class LearntProject:
    """A project with its model."""

    def __init__(self, labels: LabelsFile, folder: Path, problems: Sequence[Problem], *, from_cache: bool) -> None:
        self.kind = labels.kind
        self.name = labels.project_name
        self.labels = labels
        #: Labels that were left out, those of the file and those that the model could not learn.
        self.problems = tuple(problems)
        #: Whether the model had been learnt before.
        self.from_cache = from_cache
        self._entities = EntityModel(folder / _ENTITY_FILE) if labels.kind is ProjectKind.ENTITIES else None
        self._classes = ClassModel(labels.kind, labels.categories, folder) if self._entities is None else None

    def entities(self, text: str) -> Sequence[Entity]:
        """Find the entities of a text."""
        return self._entities.entities(text) if self._entities else ()

    def classes(self, text: str) -> Sequence[tuple[str, float]]:
        """Find the classes of a text."""
        return self._classes.classes(text) if self._classes else ()


def learn_project(labels_file: Path, documents_folder: Path, cache_folder: Path) -> LearntProject:
    """Load a labels file and learn from it, or take the model learnt from the same content before.

    Raises ``labels.LabelsFileError`` for a file that cannot be used.
    """
    return learn(load_labels(labels_file, documents_folder), cache_folder)


def learn(labels: LabelsFile, cache_folder: Path) -> LearntProject:
    """Learn from labels, or take the model learnt from the same content before from ``cache_folder``."""
    folder = cache_folder / _digest(labels)
    from_cache = (folder / _SUMMARY_FILE).is_file()
    if not from_cache:
        cache_folder.mkdir(parents=True, exist_ok=True)
        # Learnt in a folder of its own and moved: two processes that start at once do not disturb each other.
        unfinished = Path(tempfile.mkdtemp(dir=cache_folder, prefix="learning-"))
        _train(labels, unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            # The other process was first; its model is the same.
            shutil.rmtree(unfinished, ignore_errors=True)
    found = json.loads((folder / _SUMMARY_FILE).read_text(encoding="utf-8"))
    problems = [*labels.problems, *(Problem(*entry) for entry in found)]
    return LearntProject(labels, folder, problems, from_cache=from_cache)


def _train(labels: LabelsFile, folder: Path) -> None:
    problems: tuple[Problem, ...] = ()
    if labels.kind is ProjectKind.ENTITIES:
        problems = model.train(labels.documents, folder / _ENTITY_FILE)
    else:
        classify.train(labels.kind, labels.categories, labels.documents, folder)
    summary = [[problem.location, problem.offset, problem.reason, problem.done] for problem in problems]
    (folder / _SUMMARY_FILE).write_text(json.dumps(summary), encoding="utf-8")


def _digest(labels: LabelsFile) -> str:
    """Name everything that the model depends on: labels, texts and the code that learns."""
    digest = blake2b(digest_size=16)
    for module in _LEARNING_CODE:
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(repr((labels.kind, labels.categories, labels.documents)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
