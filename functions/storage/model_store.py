"""What the `model` commands keep in the state container: the history of a project, and how far a command has come."""

import contextlib
import hashlib
from collections.abc import Callable
from typing import TypeVar

from ..core.model_history import Event, ModelHistory, with_event, with_texts
from ..core.records import Record
from ..errors import Changed, Missing, NewerRecord, RecordError
from .containers import Container
from .record_format import decode, encode, version_metadata

MODELS = "models/"
MAX_RACES = 20

R = TypeVar("R", bound=Record)


class ModelStore:
    """Keeps what belongs to a project of a Language resource."""

    def __init__(self, state: Container, resource: str, project: str) -> None:
        self._state = state
        # Two resources may have projects of one name, and names of projects may hold what a path must not.
        self._folder = f"{MODELS}{hashlib.sha256(f'{resource}/{project}'.encode()).hexdigest()[:16]}/"

    def history(self) -> ModelHistory:
        """Return what happened to the models; an empty history where nothing did, or where it can not be read."""
        return self._load("history.json", ModelHistory)[0] or ModelHistory()

    def add(self, event: Event) -> None:
        """Keep an event."""
        self._change(lambda history: with_event(history, event))

    def add_names(self, names: dict[str, str], etags: dict[str, str]) -> None:
        """Keep which documents lie in the training container under other names than their own, at which version."""
        self._change(lambda history: with_texts(history, names, etags))

    def load_run(self, command: str, kind: type[R]) -> R | None:
        """Return how far an interrupted command has come; None where there is nothing."""
        return self._load(f"{command}.json", kind)[0]

    def save_run(self, command: str, run: Record) -> None:
        """Keep how far a command has come."""
        self._state.write(f"{self._folder}{command}.json", encode(run), metadata=version_metadata())

    def end_run(self, command: str) -> None:
        """Forget how far a command has come."""
        with contextlib.suppress(Missing):
            self._state.delete(f"{self._folder}{command}.json")

    def _change(self, change: Callable[[ModelHistory], ModelHistory]) -> None:
        for _ in range(MAX_RACES):
            history, etag = self._load("history.json", ModelHistory)
            changed = change(history or ModelHistory())
            if changed == history:
                return
            try:
                self._state.write(
                    f"{self._folder}history.json",
                    encode(changed),
                    if_match=etag,
                    if_absent=etag is None,
                    metadata=version_metadata(),
                )
            except Changed:
                continue
            return
        raise Changed(f"{self._folder}history.json")

    def _load(self, name: str, kind: type[R]) -> tuple[R | None, str | None]:
        try:
            blob = self._state.read(f"{self._folder}{name}")
        except Missing:
            return None, None
        try:
            return decode(blob, kind), blob.info.etag
        except (RecordError, NewerRecord):
            return None, blob.info.etag
