"""The files with the rules: the one that people write, and the copy of the last valid one."""

import contextlib
import logging

from ..errors import Changed, Missing, NewerRecord, RecordError
from ..rules import ValidRules
from .containers import Blob, Container
from .record_format import decode, encode, version_metadata

logger = logging.getLogger(__name__)

SOURCE = "config/rules.json"
VALID = "config/rules.valid.json"


class RulesStore:
    """Reads the rules in the state container, and keeps the copy of the last valid ones.

    `keeps_copy` is false for whoever is no instance of the app: it goes by the rules and leaves the copy as it is.
    """

    def __init__(self, state: Container, *, keeps_copy: bool = True) -> None:
        self._state = state
        self.keeps_copy = keeps_copy

    def source_etag(self) -> str | None:
        """Return the ETag of the rules that people wrote; None where there are none."""
        try:
            return self._state.get_properties(SOURCE).etag
        except Missing:
            return None

    def read_source(self, limit: int) -> Blob | None:
        """Return the rules that people wrote, without their content where they are over the limit; None without any."""
        # It may be replaced while it is read; then the next look finds the newer one.
        with contextlib.suppress(Missing, Changed):
            return self._state.read(SOURCE, limit=limit)
        return None

    def read_valid(self) -> tuple[ValidRules | None, str | None]:
        """Return the copy of the last valid rules and its ETag; None for one that is not there or can not be read."""
        try:
            blob = self._state.read(VALID)
        except Missing:
            return None, None
        try:
            return decode(blob, ValidRules), blob.info.etag
        except (RecordError, NewerRecord) as error:
            logger.warning(
                "The copy of the rules can not be read: %s", error, extra={"action": "rules_copy_unreadable"}
            )
            return None, blob.info.etag

    def save_valid(self, rules: ValidRules, etag: str | None) -> None:
        """Write the copy over the version `etag`, or where there is none yet. Raises `Changed`."""
        self._state.write(VALID, encode(rules), if_match=etag, if_absent=etag is None, metadata=version_metadata())
