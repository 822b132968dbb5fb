"""Takes care of what failed five times: back to work where the cause was passing, else an error report."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from ..app import EntityDrop
from ..errors import Fault, Missing, Problem, StorageOutcome
from ..pipeline.decisions import after_fault
from ..pipeline.documents import DocumentFacts
from ..pipeline.states import is_outdated
from ..services.blobs import is_passing
from .advance import FAULT, STORAGE_FAULT, job_of
from .steps import perform
from .submit import report, submit_batch

logger = logging.getLogger(__name__)


def rescue_document(app: EntityDrop, text: str | bytes) -> None:
    """Submit a document once more whose event was poisoned; write its error report where that fails too.

    `text` is the host's own message (container, blob name, ETag). Where the storage is what fails, and may be well
    again later, no report is written: the fault is raised, and the message comes back in ten minutes.
    """
    name = _document_of(app, text)
    if name is not None and submit_or_report(app, name):
        logger.warning(
            "Document %r is back at work after its event was poisoned.",
            name,
            extra={"action": "document_rescued", "document": name},
        )


def submit_or_report(app: EntityDrop, name: str) -> bool:
    """Submit a document by itself and return whether that worked; write its error report where it can not.

    Raises what the storage fails with, if it may be well again later.
    """
    try:
        submit_batch(app, [name])
    except Exception as error:
        if isinstance(error, StorageOutcome) or is_passing(error):
            logger.warning(
                "Document %r waits for the storage: %s.",
                name,
                type(error).__name__,
                extra={"action": "document_waits", "document": name},
            )
            raise
        logger.exception(
            "Document %r can not be submitted.", name, extra={"action": "document_unprocessable", "document": name}
        )
        _report_fault(app, name, error)
        return False
    return True


def rescue_job(app: EntityDrop, text: str | bytes) -> None:
    """Put a job back to work whose message was poisoned, after a growing wait; give up after `MAX_FAULTS` times.

    Where the storage was what failed there is no such limit but the document's time. A message that is out of date is
    dropped: another one drives the job.
    """
    found = job_of(app, text)
    if not found or is_outdated(found[0], found[1]):
        return
    _, job, etag = found
    # A cause that could not even be kept is the storage's; one that was kept earlier is not this one.
    has_own_fault = job.last_error is not None and job.last_error.code == FAULT
    problem = job.last_error or Problem(
        STORAGE_FAULT,
        "The steps of the job failed, and the cause could not be kept.",
        "Look for the action job_step_failed in the logs.",
        fault=Fault.STORAGE,
    )
    step = after_fault(job, problem, app.clock(), app.policy, is_transient=not has_own_fault)
    perform(app, job, etag, step)


def _document_of(app: EntityDrop, text: str | bytes) -> str | None:
    """Return the document that the host's message is about; None for a message that is not about the intake."""
    try:
        message: Mapping[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
        container, name = str(message["ContainerName"]), str(message["BlobName"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
        logger.error(
            "A poison message is set aside: it is not the host's (%s).", error, extra={"action": "message_set_aside"}
        )
        return None
    if container != app.settings.input_container:
        logger.warning(
            "A poison message is about container %r, not about the intake; it is set aside.",
            container,
            extra={"action": "message_set_aside"},
        )
        return None
    return name


def _report_fault(app: EntityDrop, name: str, error: Exception) -> None:
    try:
        info = app.documents.look(name)
    except Missing:
        return
    facts = DocumentFacts(
        name=name,
        etag=info.etag,
        last_modified=info.last_modified,
        size_bytes=info.size_bytes,
        language=app.settings.document_language,
    )
    problem = Problem(
        "Unprocessable",
        f"The document could not be submitted after repeated attempts: {type(error).__name__}.",
        "Drop it again. If it fails again, look for the action document_unprocessable in the logs.",
    )
    report(app, facts, problem)
