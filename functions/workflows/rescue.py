"""Takes care of what failed five times: back to work where the cause was transient, else an error report."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from .. import problems
from ..core.lifecycle import is_outdated
from ..core.planning import Policy, after_fault
from ..errors import NewerRecord, RulesUnreadable, StorageOutcome
from ..storage.containers import storage_code
from ..storage.poison_queue import BLOB_POISON_QUEUE, PoisonQueue
from ..typed_data import from_json
from .polling import NEWER_RECORD_WAIT_S, JobFinder
from .refusals import RULES_UNREADABLE
from .repairs import Found, Repairs
from .steps import Steps

logger = logging.getLogger(__name__)


SUBMIT_FUNCTION = "submit"
"""The name of the blob trigger's function, by which the host's messages name whom they are for."""


class Rescue:
    """Handles the messages of the host's two poison queues."""

    def __init__(
        self,
        finder: JobFinder,
        repairs: Repairs,
        steps: Steps,
        poison_queue: PoisonQueue,
        clock: Callable[[], datetime],
        policy: Callable[[], Policy],
        input_container: str,
    ) -> None:
        self._finder = finder
        self._repairs = repairs
        self._steps = steps
        self._poison_queue = poison_queue
        self._clock = clock
        self._policy = policy
        self._input_container = input_container

    def rescue_document(self, text: str | bytes, expires: datetime | None = None) -> None:
        """Submit a document once more whose event was poisoned; write its error report where that fails too.

        `text` is the host's own message (container, blob name, ETag). Where the storage is what fails no report is
        written: `sweep` tries the document again. What can not even be remembered is raised: the message comes back in
        ten minutes.

        The queue is shared by all apps with the same storage account. A message that is not about the intake, or not
        even the host's, is left for whom it may concern: put back unchanged, hidden for an hour, until it `expires`.
        So is, for a minute, one about a document whose record a newer release has written.
        """
        name = self._document_of(text)
        if name is None:
            self._leave_for_others(text, expires)
            return
        try:
            is_submitted = self._submit_or_defer(name)
        except NewerRecord as error:
            self._poison_queue.put_back(_decoded(text), self._clock(), expires, timedelta(seconds=NEWER_RECORD_WAIT_S))
            logger.warning(
                "The event of document %r is put back: %s",
                name,
                error,
                extra={"action": "newer_record", "document": name},
            )
            return
        if is_submitted:
            logger.warning(
                "Document %r is back at work after its event was poisoned.",
                name,
                extra={"action": "document_rescued", "document": name},
            )

    def rescue_job(self, text: str | bytes) -> None:
        """Put a job back to work whose message was poisoned, after a growing wait; give up after `MAX_FAULTS` times.

        Where the storage was what failed there is no such limit but the document's time. A message that is out of date
        is dropped: another one drives the job.
        """
        found = self._finder.find(text)
        if not found or is_outdated(found.message, found.job):
            return
        job = found.job
        # A cause that could not even be kept is the storage's; one that was kept earlier is not this one.
        has_own_fault = problems.STEP_FAILED.matches(job.last_error)
        problem = job.last_error or problems.CAUSE_NOT_KEPT.problem()
        step = after_fault(job, problem, self._clock(), self._policy(), is_transient=not has_own_fault)
        try:
            self._steps.perform(job, found.etag, step)
        except NewerRecord as error:
            self._finder.put_back(found.message, error)

    def _submit_or_defer(self, name: str) -> bool:
        """Submit a document by itself and return whether that worked.

        What the storage refuses is remembered, and tried again by `sweep`: the host runs a poison message five times
        only. What the app fails at is reported. Raises where neither can be done, where the document changes all the
        time, and where a newer release has written its record.
        """
        try:
            self._repairs.submit_alone(Found(name))
        except (StorageOutcome, NewerRecord):
            raise
        except RulesUnreadable:
            self._repairs.refusals.note(name, RULES_UNREADABLE)
            return False
        except Exception as error:
            code = storage_code(error)
            if code:
                self._repairs.refusals.note(name, code)
            else:
                self._repairs.report_unprocessable(Found(name), error)
            return False
        return True

    def _document_of(self, text: str | bytes) -> str | None:
        """Return the document that the host's message is about; None for a message that is not about our intake."""
        try:
            message: Mapping[str, Any] = from_json(text, dict[str, Any])
            container, name = str(message["ContainerName"]), str(message["BlobName"])
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
            return None
        # `Host.Functions.<name>`; another app may have a trigger of its own on the same container.
        function = str(message.get("FunctionId", SUBMIT_FUNCTION)).rpartition(".")[2]
        is_ours = container == self._input_container and function == SUBMIT_FUNCTION
        return name if is_ours else None

    def _leave_for_others(self, text: str | bytes, expires: datetime | None) -> None:
        now = self._clock()
        self._poison_queue.put_back(_decoded(text), now, expires)
        seen = self._poison_queue.count(now)
        if seen:
            logger.warning(
                "Queue %s holds messages that are not this app's (seen %s time(s) since the last such line); they are "
                "left there. Give this app host storage of its own.",
                BLOB_POISON_QUEUE,
                seen,
                extra={"action": "foreign_message_left", "count": seen},
            )


def _decoded(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")
