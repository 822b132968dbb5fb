"""What the `model` commands keep in the state container: the history of a project, and how far a command has come."""

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from ..core.model_history import (
    Event,
    ModelHistory,
    of_project,
    with_erased,
    with_event,
    with_texts,
    without_documents,
    without_texts,
)
from ..core.records import Record
from ..errors import Changed, Missing, NewerRecord, RecordError
from .containers import BlobInfo, Container
from .record_format import decode, encode, version_metadata

MODELS = "models/"
MAX_RACES = 20

R = TypeVar("R", bound=Record)


class ModelStore:
    """Keeps what belongs to a project of a Language resource."""

    def __init__(self, state: Container, resource: str, project: str) -> None:
        self._state = state
        self.resource = resource
        self.project = project
        # Two resources may have projects of one name, and names of projects may hold what a path must not.
        self.folder = f"{MODELS}{hashlib.sha256(f'{resource}/{project}'.encode()).hexdigest()[:16]}/"

    @classmethod
    def of_all_projects(cls, state: Container, known: Iterable[tuple[str, str]]) -> Iterator["ModelStore"]:
        """Yield what is kept of each project.

        Earlier releases did not keep which project that is; it is then looked for among the `known` resources and
        projects. One that is not among them has no name.
        """
        stores = {store.folder: store for store in (cls(state, *one) for one in known)}
        for folder in sorted({info.name.rpartition("/")[0] + "/" for info in state.list(MODELS)}):
            store = stores.get(folder, cls(state, "", ""))
            store.folder = folder
            history = store.history()
            store.resource, store.project = history.resource or store.resource, history.project or store.project
            yield store

    def history(self) -> ModelHistory:
        """Return what happened to the models; an empty history where nothing did, or where it can not be read."""
        found = self._find("history.json", ModelHistory)
        return found[0] if found else ModelHistory()

    def add(self, event: Event) -> None:
        """Keep an event."""
        self._change(lambda history: with_event(history, event))

    def add_names(self, names: dict[str, str], etags: dict[str, str], container: str = "") -> None:
        """Keep under which names documents lie in a training container, and at which version."""
        self._change(lambda history: with_texts(history, names, etags, container))

    def mark_erased(self, document: str, names: Iterable[str], at: datetime) -> ModelHistory:
        """Keep that a document was purged, and which texts in training containers are of it; return the history."""
        return self._change(lambda history: with_erased(history, document, names, at))

    def forget(self, documents: Collection[str]) -> None:
        """Forget documents: nothing of them is in the training container or in the labels any more."""
        self._change(lambda history: without_documents(history, documents))

    def forget_texts(self, names: Collection[str]) -> None:
        """Forget texts that were not put into the training container after all."""
        self._change(lambda history: without_texts(history, names))

    def load_run(self, command: str, kind: type[R]) -> R | None:
        """Return how far an interrupted command has come; None where there is nothing."""
        found = self.find_run(command, kind)
        return found[0] if found else None

    def find_run(self, command: str, kind: type[R]) -> tuple[R, BlobInfo] | None:
        """Return how far an interrupted command has come, and the blob that says so; None where there is nothing."""
        return self._find(f"{command}.json", kind)

    def save_run(self, command: str, run: Record, if_match: str | None = None) -> None:
        """Keep how far a command has come, if what is kept is still at `if_match`. Raises `Changed`."""
        blob = f"{self.folder}{command}.json"
        self._state.write(blob, encode(run), if_match=if_match, metadata=version_metadata())

    def end_run(self, command: str) -> None:
        """Forget how far a command has come."""
        with contextlib.suppress(Missing):
            self._state.delete(f"{self.folder}{command}.json")

    def _change(self, change: Callable[[ModelHistory], ModelHistory]) -> ModelHistory:
        """Change the history, or begin it anew where it is damaged.

        Raises `NewerRecord`: that of a newer release stays as it is.
        """
        for _ in range(MAX_RACES):
            history, etag = self._history_and_etag()
            changed = of_project(change(history), self.resource, self.project)
            if changed == history:
                return changed
            try:
                self._state.write(
                    f"{self.folder}history.json",
                    encode(changed),
                    if_match=etag,
                    if_absent=etag is None,
                    metadata=version_metadata(),
                )
            except Changed:
                continue
            return changed
        raise Changed(f"{self.folder}history.json")

    def _history_and_etag(self) -> tuple[ModelHistory, str | None]:
        try:
            blob = self._state.read(f"{self.folder}history.json")
        except Missing:
            return ModelHistory(), None
        try:
            return decode(blob, ModelHistory), blob.info.etag
        except RecordError:
            return ModelHistory(), blob.info.etag

    def _find(self, name: str, kind: type[R]) -> tuple[R, BlobInfo] | None:
        try:
            blob = self._state.read(f"{self.folder}{name}")
            return decode(blob, kind), blob.info
        except (Missing, RecordError, NewerRecord):
            return None
