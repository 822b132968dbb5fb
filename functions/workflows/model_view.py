"""What the page tells of the deployed model: until when it answers, what was reviewed since, how good it became."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

from ..core.model_history import ModelHistory
from ..core.records import Moment, Record
from ..storage.expiry_store import ExpiryStore
from ..storage.model_store import ModelStore

MOST_MEASURED: Final = 50
"""Measurements that are told, the newest."""

CountReviewed = Callable[[datetime | None], tuple[int, bool]]
"""Returns how many documents were reviewed since a time, and whether that is all."""


class CategoryF1(Record, frozen=True, kw_only=True, omit_defaults=False):
    """F1 of a category, from 0 to 1."""

    category: str
    f1: float


class QualityAt(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What a model was worth on its test set."""

    at: Moment
    model: str
    micro: float
    categories: tuple[CategoryF1, ...]


class ModelShown(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What the page tells of the model."""

    model: str
    """Project and deployment, with the label of the model where the commands have deployed it."""
    expires: date | None
    """The last day on which it answers; None where that is not known."""
    reviewed_since_training: int
    reviewed_is_complete: bool
    """False where there are so many that not all were looked at: then there may be more."""
    trained_at: Moment | None
    quality: tuple[QualityAt, ...]
    """The oldest first."""
    command: str
    """What trains the next model."""
    may_train: bool
    """Whether the page itself can start a training: it can not, the command does."""


class ModelView:
    """Tells of the model of a project."""

    def __init__(
        self,
        store: ModelStore,
        expiries: ExpiryStore,
        count_reviewed: CountReviewed,
        resource: str,
        project: str,
        deployment: str,
    ) -> None:
        self._store = store
        self._expiries = expiries
        self._names = (resource, project, deployment)
        self._count = count_reviewed

    def read(self) -> ModelShown:
        """Return what is known now; the service is not asked."""
        history = self._store.history()
        last = history.last_training
        number, is_complete = self._count(last.learnt_until if last else None)
        _, project, deployment = self._names
        deployed = history.current(deployment)
        return ModelShown(
            model=f"{project}/{deployment}" + (f" ({deployed.label})" if deployed else ""),
            expires=self._expires(),
            reviewed_since_training=number,
            reviewed_is_complete=is_complete,
            trained_at=last.at if last else None,
            quality=_quality(history),
            command=f"python -m functions model train --project {project} --yes",
            may_train=False,
        )

    def _expires(self) -> date | None:
        known, _ = self._expiries.load()
        return next(
            (
                one.expires
                for one in (known.deployments if known else ())
                if (one.resource, one.project, one.deployment) == self._names
            ),
            None,
        )


def _quality(history: ModelHistory) -> tuple[QualityAt, ...]:
    return tuple(
        QualityAt(
            at=one.at,
            model=one.label,
            micro=one.quality.micro,
            categories=tuple(CategoryF1(category=each.category, f1=each.f1) for each in one.quality.categories),
        )
        for one in history.measured[-MOST_MEASURED:]
    )
