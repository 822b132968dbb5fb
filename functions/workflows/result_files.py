"""Reads the results that a document has, whichever tasks they are of, and the text that they count in."""

from collections.abc import Collection

import msgspec

from ..core.names import fitting_name
from ..core.records import DocumentFacts, TextFacts
from ..core.results import entities_name
from ..errors import Missing, StorageOutcome, UnsafeName
from ..storage.containers import Blob
from ..storage.document_store import DocumentStore
from ..storage.record_store import RecordStore
from ..tasks.custom_entities import CustomEntityRecognition
from ..tasks.kinds import Task
from ..tasks.task import ResultFile, decoded_result
from ..text.compression import unpack

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


def custom_entities(documents: DocumentStore, records: RecordStore, name: str) -> Blob | None:
    """Return the file with the entities of a document that people review and models learn from; None without one."""
    try:
        return documents.read_result(entities_name(name))
    except UnsafeName:
        return None
    except Missing:
        record, _ = records.document(name)
        tasks = record.work.tasks if record else ()
        suffix = next((one.suffix for one in tasks if isinstance(one, CustomEntityRecognition)), None)
        if suffix is None:
            return None
        try:
            return documents.read_result(fitting_name("", name, suffix))
        except Missing:
            return None


def text_of(documents: DocumentStore, document: DocumentFacts, facts: TextFacts | None) -> str | None:
    """Return the text that the results of a document count in; None where that version is not there any more."""
    try:
        if facts and facts.blob:
            return documents.read_result(facts.blob).data.decode()
        info = documents.get_properties(document.name)
        data = documents.read_part(document.name, document.etag, None, None)
    except StorageOutcome:
        return None
    text = unpack(data, info.content_encoding, None).data.decode(document.encoding or "utf-8", "replace")
    return text.removeprefix("\ufeff")


def result_text(documents: DocumentStore, result: ResultFile) -> str | None:
    """Return the text that a result counts in; None where that version is not there any more."""
    return text_of(documents, result.document, result.text if result.text is not msgspec.UNSET else None)
