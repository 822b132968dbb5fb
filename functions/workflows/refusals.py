"""Remembers documents that the storage refuses, so that they neither get lost nor hold anything up.

A document may be refused for itself (403 for it alone, a key of the customer's own, a lease, the archive tier) or with
all others, as in an outage; and its extracted text may be lost while its job runs. What is kept is its name and when
that was first seen. `sweep` tries it again every five minutes; refused for an hour while others can be read, it gets
its error report, and `reconcile` tries it once a night from then on, however long that takes: an encryption, a role or
a tier may change with the ETag left as it is.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from ..core.documents import Refusal
from ..core.lifecycle import refused_again
from ..errors import Changed
from ..storage.record_store import RecordStore

logger = logging.getLogger(__name__)

RULES_UNREADABLE = "RulesUnreadable"
"""Stands in the place of the storage's error code where a document waits because no rules can be read."""

MAX_RACES = 20
"""Times that the record may be found changed before the event is given back to the host."""


class Refusals:
    """The documents that the storage refuses."""

    def __init__(self, records: RecordStore, clock: Callable[[], datetime]) -> None:
        self._records = records
        self._clock = clock

    def note(self, name: str, code: str) -> tuple[Refusal, str]:
        """Remember that the storage refuses a document with its error code `code`, unless that is known.

        Returns the record of it, which keeps the time of the first refusal, and its ETag.
        """
        logger.warning(
            "Document %r is deferred, and is read again later: %s.",
            name,
            code,
            extra={"action": "document_deferred", "document": name, "reason": code},
        )
        for _ in range(MAX_RACES):
            present, etag = self._records.refusal(name)
            if present and etag and present.code == code:
                return present, etag
            refusal = (
                refused_again(present, code) if present else Refusal(name=name, code=code, first_seen=self._clock())
            )
            try:
                return refusal, self._records.save_refusal(refusal, etag)
            except Changed:
                logger.debug("Another worker was refused document %r at the same moment.", name)
        raise Changed(name)
