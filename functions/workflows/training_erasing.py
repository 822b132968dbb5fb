"""Erases what `model train` has kept of a document: texts in training containers, its labels, its names in the history.

Texts are found by the history of each project, and by their names: the digest in a name proves whose text it is. A text
that only has the document's own name, and of which no history knows, may be somebody else's, and is left and named.

The steps, for each project:

1. that the document was purged is kept in the history: a training that is under way, or that comes before the next
   steps are done, takes nothing of it, and takes it out of the labels;
2. the labels of the project are exported, the document is taken out, and the whole is imported;
3. the texts are deleted;
4. the history forgets the document.

Each may be done again by the same command, whatever of it was done before. Where one can not be done the others are,
and the error comes last. While a training is between collecting documents and importing labels, only it imports.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ..core.model_history import ModelHistory
from ..errors import Changed, EntityDropError, Missing
from ..labels.merging import without
from ..labels.naming import is_version_of, version_prefix
from ..language.authoring_service import Model, Project
from ..storage.containers import Container, is_safe
from ..storage.model_store import ModelStore
from .authoring_jobs import CONFLICT_PATIENCE, Authoring
from .erasing import Act, DryAct, Left, Place, Removed, Step, WetAct
from .model_training import COMMAND, Stage, TrainingRun, without_document
from .project_labels import export_labels, import_labels

ABANDONED_AFTER: Final = CONFLICT_PATIENCE + timedelta(hours=1)
"""A training that has kept nothing new for so long before its import is not under way any more."""

_DIGEST = re.compile(r"[0-9a-f]{10}\.txt")


class TextsElsewhere(EntityDropError):
    """Texts lie in a container that only a signature opens; the message says which option to give."""


class TrainingErasing:
    """Erases what trainings have kept of documents, in all projects that have been trained.

    `authoring` returns a project at a Language resource, None where the settings do not have the resource. `container`
    returns a training container by what a history calls it, None where there is none; it raises `TextsElsewhere`.
    `known` are resources and projects of the settings. `texts_in` is the training container of those whose history
    does not tell it; empty for the one that the service names.
    """

    def __init__(
        self,
        state: Container,
        authoring: Callable[[str, str], Authoring | None],
        container: Callable[[str], Container | None],
        known: Sequence[tuple[str, str]],
        clock: Callable[[], datetime],
        texts_in: str = "",
    ) -> None:
        self._state = state
        self._authoring = authoring
        self._container = container
        self._known = known
        self._clock = clock
        self._texts_in = texts_in

    def erase(self, name: str, *, is_dry: bool = False) -> Iterator[Step]:
        """Erase a document, and yield what is removed and what has to be left. With `is_dry` nothing is changed.

        Where something can not be reached the rest is done, what is left is yielded, and the error is raised last.
        """
        searches = [_Search(store, name) for store in ModelStore.of_all_projects(self._state, self._known)]
        errors: list[Exception] = []
        told: set[Step] = set()
        for search in searches:
            for step in self._in_project(search, searches, errors, is_dry=is_dry):
                if step not in told:  # Two projects may have one container.
                    told.add(step)
                    yield step
        if errors:
            raise errors[0]

    def _in_project(
        self, search: "_Search", searches: Sequence["_Search"], errors: list[Exception], *, is_dry: bool
    ) -> Iterator[Step]:
        store, name, before = search.store, search.name, len(errors)
        if not store.project:
            if search.is_known:
                yield _left_unknown(search)
            return
        is_training = self._is_training(store)
        yield from _held(self._look(search, searches), _left_texts(search), errors)
        if search.texts and not is_dry:
            search.history = store.mark_erased(name, search.texts, self._clock())
        if search.texts and not is_training:
            yield from _held(self._take_out_of_labels(search, is_dry=is_dry), _left_labels(search), errors)
        yield from _held(_delete_texts(search, is_dry=is_dry), _left_texts(search), errors)
        yield from _take_out_of_run(search, is_dry=is_dry)
        if is_training and (search.texts or search.is_known):
            yield _left_to_training(search)
        elif len(errors) == before and not search.is_left:
            if not is_dry and (search.texts or search.is_known):
                store.forget([name])
            if search.is_known:
                yield Removed(place=Place.RECORD, name=f"{store.folder}history.json")

    def _is_training(self, store: ModelStore) -> bool:
        """Whether a training is between collecting documents and importing labels, or was interrupted there lately."""
        kept = store.find_run(COMMAND, TrainingRun)
        if kept is None or kept[0].stage not in (Stage.COLLECT, Stage.MERGE):
            return False
        return self._clock() - kept[1].last_modified < ABANDONED_AFTER

    def _look(self, search: "_Search", searches: Sequence["_Search"]) -> Iterator[Left]:
        """Open the training containers of a project, and find the document's texts there."""
        store = search.store
        names = search.history.containers or ((self._texts_in,) if self._texts_in and search.is_known else ())
        if not names and search.is_known:
            # An earlier release did not keep it.
            authoring = self._authoring(store.resource, store.project)
            project = authoring.find(Project) if authoring else None
            names = (project.storage_input_container_name,) if project else ()
            if not project:
                search.is_left = True
                yield _left_texts(search)
        others = [one for one in searches if one.store is store or {*one.history.containers} & {*names}]
        for one in others:
            search.texts |= one.named
        search.shared = {
            text: document for one in others for text, document in one.history.names.items() if document != search.name
        }
        for place in names:
            try:
                container = self._container(place)
            except TextsElsewhere:
                if search.is_known:
                    raise
                continue
            if container:
                search.containers[place] = container
                search.texts |= _proven(container, search)
                yield from _unproven(place, container, search)
            elif not search.history.containers:
                search.is_left = True
                yield _left_texts(search)

    def _take_out_of_labels(self, search: "_Search", *, is_dry: bool) -> Iterator[Step]:
        store = search.store
        authoring = self._authoring(store.resource, store.project)
        if authoring is None:
            search.is_left = True
            yield Left(
                what=f"labels of {search.name} in project '{store.project}'",
                why=f"the settings do not name the Language resource {store.resource}. Repeat the command with "
                "settings that do.",
            )
            return
        if authoring.find(Project) is None:
            return
        content, taken = without(export_labels(authoring), search.texts)
        if taken and not is_dry:
            if self._is_training(store):  # It has begun meanwhile, and knows of it.
                search.is_left = True
                yield _left_to_training(search)
                return
            import_labels(authoring, content)
        for name in taken:
            yield Removed(place=Place.LABELS, name=f"{name} in project '{store.project}'")
        models = [one.label for one in authoring.listed(Model, "models") or ()]
        if models and (taken or search.is_known):
            yield Left(
                what=f"models of project '{store.project}': {', '.join(models)}",
                why="those that were trained while it was among the labels keep what they have learnt from it, and the "
                "service a copy of the labels with each. Train and deploy one without it, then delete those: 'python "
                "-m functions model prune MODELS --yes'.",
            )


@dataclass
class _Search:
    """What is looked for in one project, and what was found."""

    store: ModelStore
    name: str
    history: ModelHistory = field(init=False)
    is_known: bool = field(init=False)
    """Whether the history named the document before anything was done."""
    containers: dict[str, Container] = field(default_factory=dict)
    """By what the history calls them."""
    texts: set[str] = field(default_factory=set)
    """The document's own, by their names."""
    shared: dict[str, str] = field(default_factory=dict)
    """Other documents by the names of their texts in the same containers."""
    is_left: bool = False
    """Whether something is there still, so that the history must go on to know of it."""

    def __post_init__(self) -> None:
        self.history = self.store.history()
        self.is_known = bool(self.named) or self.name in self.history.erased

    @property
    def named(self) -> set[str]:
        """Texts of which the history says that they are the document's."""
        return {text for text, document in self.history.names.items() if document == self.name}


def _held(steps: Iterator[Step], left: Left, errors: list[Exception]) -> Iterator[Step]:
    """Yield steps; where one can not be done, keep the error for the end, and yield what is left."""
    try:
        yield from steps
    except Exception as error:
        errors.append(error)
        yield left


def _proven(container: Container, search: _Search) -> set[str]:
    """Return which texts of a container are the document's, as the digests in their names prove."""
    found = set()
    prefix = version_prefix(search.name)
    for info in container.list(prefix):
        if _DIGEST.fullmatch(info.name.removeprefix(prefix)) and info.name not in search.shared:
            try:
                text = container.read(info.name).data.decode()
            except (Missing, Changed, UnicodeDecodeError):
                continue
            if is_version_of(info.name, search.name, text):
                found.add(info.name)
    return found


def _unproven(place: str, container: Container, search: _Search) -> Iterator[Left]:
    """Yield the text that has the document's own name and of which no history knows whose it is."""
    own = search.name
    if is_safe(own) and own not in search.texts and own not in search.shared and _is_there(container, own):
        yield Left(
            what=f"{own} in training container {place}",
            why="it has the document's name, but no training is known to have put it there. If it is of this document, "
            "delete it by hand, and take it out of the labels.",
        )


def _delete_texts(search: _Search, *, is_dry: bool) -> Iterator[Step]:
    act: Act = DryAct() if is_dry else WetAct()
    for place, container in search.containers.items():
        for text in sorted(search.texts):
            if text not in search.shared:
                for step in act.delete_named(container, text, Place.TRAINING):
                    yield Removed(place=step.place, name=f"{step.name} in container {place}")
            elif _is_there(container, text):
                why = f"another project has learnt it as the text of '{search.shared[text]}'."
                yield Left(what=f"{text} in training container {place}", why=why)


def _take_out_of_run(search: _Search, *, is_dry: bool) -> Iterator[Removed]:
    """Take the document out of what an interrupted training has kept of how far it came."""
    kept = search.store.find_run(COMMAND, TrainingRun)
    if kept is None:
        return
    run, info = kept
    changed = without_document(run, search.name, search.texts)
    if changed == run:
        return
    if not is_dry:
        try:
            search.store.save_run(COMMAND, changed, if_match=info.etag)
        except (Changed, Missing):
            return  # The training goes on: it forgets the names once it has imported, or is told of again.
    yield Removed(place=Place.RECORD, name=info.name)


def _is_there(container: Container, name: str) -> bool:
    try:
        container.get_properties(name)
    except Missing:
        return False
    return True


# --- What is told of what is left ---


def _left_unknown(search: _Search) -> Left:
    return Left(
        what=f"texts and labels of {search.name} for trainings",
        why=f"an earlier release did not keep of which project {search.store.folder}history.json tells. Run 'python -m "
        "functions model evaluate --project NAME' for it once, and repeat the command.",
    )


def _left_texts(search: _Search) -> Left:
    texts = ", ".join(sorted(search.named)) or "if there are any"
    return Left(
        what=f"texts of {search.name} for project '{search.store.project}': {texts}",
        why="the training container could not be searched or changed. Repeat the command once it can, with --texts-in "
        "where the container is not in the app's storage account.",
    )


def _left_labels(search: _Search) -> Left:
    return Left(
        what=f"labels of {search.name} in project '{search.store.project}'",
        why="they could not be taken out. Repeat the command; the next 'python -m functions model train' leaves them "
        "out, too.",
    )


def _left_to_training(search: _Search) -> Left:
    return Left(
        what=f"labels of {search.name} in project '{search.store.project}'",
        why="a training is under way, or was interrupted, that has not imported labels yet; it leaves the document "
        "out. Let it end ('python -m functions model train --yes' goes on), and repeat the command.",
    )
