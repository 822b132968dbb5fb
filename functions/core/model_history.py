"""What the `model` commands have done with a project, and what each model was worth: kept in the state container."""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from .records import Moment, Record

E = TypeVar("E")

MOST_KEPT: Final = 200
"""Entries of each kind; the oldest go first. A project has 10 models at a time ("Service limits", read 2026-08)."""


class CategoryQuality(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What a model is worth for a category, from 0 to 1."""

    category: str
    f1: float
    precision: float = 0.0
    recall: float = 0.0
    labels: int = 0
    """In the test set."""


class Quality(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What a model is worth on its test set, as the service has measured it."""

    micro: float
    macro: float
    categories: tuple[CategoryQuality, ...] = ()


class Training(Record, frozen=True, kw_only=True):
    """A model that was trained from reviewed documents."""

    at: Moment
    label: str
    learnt_until: Moment
    """When the last of its documents was reviewed, by the storage's clock: what is reviewed later it has not learnt."""
    model_id: str = ""
    reviewed: int = 0
    """Documents that people had reviewed."""
    documents: int = 0
    """All labelled documents of the project."""
    replaced: bool = False
    """Whether versions that were replaced since their review were learnt from, too."""


class Measured(Record, frozen=True, kw_only=True):
    """The quality of a model, when it was measured."""

    at: Moment
    label: str
    quality: Quality
    documents: int = 0
    """In the test set."""


class Deployed(Record, frozen=True, kw_only=True):
    """A model that began to answer under the name of a deployment."""

    at: Moment
    deployment: str
    label: str
    previous: str = ""
    """The model before it; empty for none."""


class ModelHistory(Record, frozen=True, kw_only=True):
    """What happened to the models of a project, the newest last."""

    trainings: tuple[Training, ...] = ()
    measured: tuple[Measured, ...] = ()
    deployed: tuple[Deployed, ...] = ()
    names: dict[str, str] = {}
    """The documents by their names in the training container."""
    etags: dict[str, str] = {}
    """Which version of its document a text is of, by the same names; earlier releases have not kept it."""
    resource: str = ""
    """The Language resource of the project; earlier releases have kept neither it, nor the project, nor containers."""
    project: str = ""
    containers: tuple[str, ...] = ()
    """Training containers in which texts were put: by their names, or without a signature by their addresses."""
    erased: dict[str, Moment] = {}
    """Documents that were purged while the labels of the project may have them still, and when: no training takes what
    was reviewed before."""

    @property
    def last_training(self) -> Training | None:
        """The last training; None where there was none."""
        return self.trainings[-1] if self.trainings else None

    def quality_of(self, label: str) -> Quality | None:
        """Return what a model was worth when it was measured last; None where it never was."""
        return next((one.quality for one in reversed(self.measured) if one.label == label), None)

    def current(self, deployment: str) -> Deployed | None:
        """Return what was deployed last under a name; None where nothing was."""
        return next((one for one in reversed(self.deployed) if one.deployment == deployment), None)


Event = Training | Measured | Deployed


def with_event(history: ModelHistory, event: Event) -> ModelHistory:
    """Return a history with one more event; the same event a second time changes nothing.

    A command that was killed after it had kept an event keeps it again when it goes on.
    """
    match event:
        case Training():
            same = history.last_training
            if same and (same.label, same.model_id) == (event.label, event.model_id):
                return history
            return msgspec.structs.replace(history, trainings=_added(history.trainings, event))
        case Measured():
            known = history.quality_of(event.label)
            return (
                history
                if known == event.quality
                else msgspec.structs.replace(history, measured=_added(history.measured, event))
            )
        case Deployed():
            last = history.current(event.deployment)
            if last and (last.label, last.previous) == (event.label, event.previous):
                return history
            return msgspec.structs.replace(history, deployed=_added(history.deployed, event))


def of_project(history: ModelHistory, resource: str, project: str) -> ModelHistory:
    """Return a history that says which project it is of."""
    return msgspec.structs.replace(history, resource=resource, project=project)


def with_texts(
    history: ModelHistory, names: dict[str, str], etags: dict[str, str], container: str = ""
) -> ModelHistory:
    """Return a history that knows of more texts in a training container; the same texts again change nothing."""
    known = history.containers
    return msgspec.structs.replace(
        history,
        names={**history.names, **names},
        etags={**history.etags, **etags},
        containers=known if not container or container in known else (*known, container),
    )


def with_erased(history: ModelHistory, document: str, names: Iterable[str], at: datetime) -> ModelHistory:
    """Return a history that knows that a document was purged, and which texts in training containers are of it."""
    return msgspec.structs.replace(
        history, names=history.names | dict.fromkeys(names, document), erased={**history.erased, document: at}
    )


def without_documents(history: ModelHistory, documents: Container[str]) -> ModelHistory:
    """Return a history that does not name some documents any more."""
    forgotten = without_texts(history, {name for name, document in history.names.items() if document in documents})
    erased = {document: at for document, at in history.erased.items() if document not in documents}
    return msgspec.structs.replace(forgotten, erased=erased)


def without_texts(history: ModelHistory, names: Container[str]) -> ModelHistory:
    """Return a history that does not know of some texts in training containers any more."""
    return msgspec.structs.replace(
        history,
        names={name: document for name, document in history.names.items() if name not in names},
        etags={name: etag for name, etag in history.etags.items() if name not in names},
    )


def _added(events: tuple[E, ...], event: E) -> tuple[E, ...]:
    return (*events, event)[-MOST_KEPT:]
