"""Reads the results that a document has, whichever tasks they are of."""

from collections.abc import Collection

from ..core.names import fitting_name
from ..errors import Missing
from ..storage.document_store import DocumentStore
from ..tasks.custom_entities import CustomEntityRecognition
from ..tasks.kinds import Task
from ..tasks.task import ResultFile, decoded_result

_FIRST_RELEASE = (CustomEntityRecognition(),)
"""What records of the first release do not say: it knew one kind of task."""


def read_results(documents: DocumentStore, name: str, tasks: Collection[Task]) -> dict[str, ResultFile]:
    """Return the results of a document by what their names end with, in the order of its tasks.

    Left out is what is not there, or what this release can not read.
    """
    results: dict[str, ResultFile] = {}
    for task in tasks or _FIRST_RELEASE:
        try:
            data = documents.read_result(fitting_name("", name, task.suffix)).data
        except Missing:
            continue
        result = decoded_result(data, task.result_type)
        if result:
            results[task.suffix] = result
    return results
