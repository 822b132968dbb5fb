"""Takes care of what failed five times: back to work where the cause was passing, else an error report."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from ..app import EntityDrop
from ..errors import Problem, StorageOutcome
from ..pipeline.decisions import after_fault
from ..pipeline.states import is_outdated
from ..services.blobs import storage_code
from .advance import FAULT, STORAGE_FAULT, job_of
from .refusals import note_refusal
from .repairs import Found, report_unprocessable
from .steps import perform
from .submit import prepare, submit_ready

logger = logging.getLogger(__name__)


def rescue_document(app: EntityDrop, text: str | bytes) -> None:
    """Submit a document once more whose event was poisoned; write its error report where that fails too.

    `text` is the host's own message (container, blob name, ETag). Where the storage is what fails no report is written:
    `sweep` tries the document again. What can not even be remembered is raised: the message comes back in ten minutes.
    """
    name = _document_of(app, text)
    if name is not None and _submit_or_defer(app, name):
        logger.warning(
            "Document %r is back at work after its event was poisoned.",
            name,
            extra={"action": "document_rescued", "document": name},
        )


def _submit_or_defer(app: EntityDrop, name: str) -> bool:
    """Submit a document by itself and return whether that worked.

    What the storage refuses is remembered, and tried again by `sweep`: the host drops this message after five tries.
    What the app fails at is reported. Raises where neither can be done, and where the document changes all the time.
    """
    try:
        item = prepare(app, name)
        if item:
            submit_ready(app, [item])
    except StorageOutcome:
        raise
    except Exception as error:
        code = storage_code(error)
        if code:
            note_refusal(app, name, code)
        else:
            report_unprocessable(app, Found(name), error)
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
    )
    step = after_fault(job, problem, app.clock(), app.policy, is_passing=not has_own_fault)
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
