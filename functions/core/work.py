"""What shall be done with a document: chosen once, when it is read, and kept in its record and in its job."""

from collections.abc import Collection
from typing import Final

import msgspec

from ..settings import Settings
from ..tasks.custom_entities import CustomEntityRecognition
from ..tasks.kinds import Task
from .records import Record


class WorkSpec(Record, frozen=True, kw_only=True):
    """How the service is asked about a document. Chunks share a request only where theirs are equal."""

    api_version: str
    tasks: tuple[Task, ...]
    """Asked together in one job; no two have the same name."""
    language: str
    """Of documents that do not name their own."""
    string_index_type: str
    """The unit of the offsets asked for."""
    resources: tuple[str, ...] = ()
    """Host names of the Language resources that may be asked; empty for all that the app has."""
    review_below: float | None = None
    """What is found with less confidence is marked for review; None for nothing."""
    overlaps: str = "keep"
    """Which of two entities at the same characters is given; see `tasks.entities.OVERLAPS`."""

    @property
    def task_names(self) -> tuple[str, ...]:
        """The names of its tasks."""
        return tuple(task.name for task in self.tasks)

    @property
    def model(self) -> str:
        """The models that are asked together. Health is kept by it."""
        return " + ".join(task.model for task in self.tasks)

    def only(self, names: Collection[str]) -> "WorkSpec":
        """Return the work with those of its tasks that have one of `names`."""
        return msgspec.structs.replace(self, tasks=tuple(task for task in self.tasks if task.name in names))


FIRST_RELEASE: Final = WorkSpec(api_version="", tasks=(), language="", string_index_type="")
"""Stands in records that do not say: the first release always did what its settings said."""


def work_of(settings: Settings) -> WorkSpec:
    """Return what the settings say shall be done with every document."""
    task = CustomEntityRecognition(
        project=settings.language_project,
        deployment=settings.language_deployment,
        model_id=settings.language_model_id,
    )
    return WorkSpec(
        api_version=settings.language_api_version,
        tasks=(task,),
        language=settings.document_language,
        string_index_type=settings.string_index_type,
        review_below=settings.review_below,
    )
