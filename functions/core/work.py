"""What shall be done with a document: chosen once, when it is read, and kept in its record and in its job."""

from typing import Final

from ..settings import Settings
from ..tasks.custom_entities import CustomEntityRecognition, ModelFacts
from .records import Record

Task = CustomEntityRecognition
"""One kind of analysis with its parameters. A second kind makes this a union, told apart by `kind`."""


class WorkSpec(Record, frozen=True, kw_only=True):
    """How the service is asked about a document. Chunks share a request only where theirs are equal."""

    api_version: str
    tasks: tuple[Task, ...]
    language: str
    """Of documents that do not name their own."""
    string_index_type: str
    """The unit of the offsets asked for."""
    resources: tuple[str, ...] = ()
    """Host names of the Language resources that may be asked; empty for all that the app has."""

    @property
    def task(self) -> Task:
        """The only task; so far every work spec has one."""
        return self.tasks[0]

    @property
    def model_facts(self) -> ModelFacts:
        """The `model` part of a result."""
        return self.task.facts(self.api_version)


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
    )
