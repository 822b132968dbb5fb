"""Keeps the rules by folder: read again when they change, without a restart, within a minute on every instance.

A file that is not valid never replaces one that was: the instance that first reads a valid one copies it, and every
instance goes by that copy as long as the file is wrong. Where neither can be read, nobody knows what to do with a
document, and none is submitted.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

import msgspec

from ..core.work import WorkSpec, work_of
from ..errors import Changed, RulesUnreadable
from ..rules import MAX_BYTES, FormerlyIgnored, Rule, Rules, RulesError, RulesFile, ValidRules, parse_rules, succeed
from ..settings import Settings
from ..storage.containers import storage_code
from ..storage.rules_store import SOURCE, RulesStore

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 30.0
"""How old the rules in memory may be that a document is taken on by. While documents come it costs one storage request
in this time for each instance, and none while none come."""


class RuleBook:
    """Tells what is done with documents. One instance serves all threads of a worker."""

    def __init__(self, store: RulesStore, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._default = work_of(settings)
        self._rules: Rules | None = None
        self._formerly_ignored: tuple[FormerlyIgnored, ...] = ()
        self._copied_at: datetime | None = None
        self._seen: str | None = None
        """The ETag of the rules that were read last, valid or not."""
        self._checked_at: datetime | None = None
        self._lock = threading.Lock()

    def work_for(self, document: str) -> WorkSpec | None:
        """Return what is done with a document of a name; None where a rule ignores it. Raises `RulesUnreadable`."""
        return self._current().work_for(document)

    def works(self) -> tuple[WorkSpec, ...]:
        """Return everything that may be done with a document; by the settings alone where nobody knows the rules."""
        try:
            return self._current().works()
        except RulesUnreadable:
            return (self._default,)

    def rule_for(self, document: str) -> str | None:
        """Return the pattern of the rule that holds for a document of a name; None where the settings do.

        Raises `RulesUnreadable`.
        """
        return self._current().rule_for(document)

    def patterns(self) -> tuple[str, ...]:
        """Return the patterns of all rules. Raises `RulesUnreadable`."""
        return self._current().patterns

    def work_for_report(self, document: str) -> WorkSpec:
        """Return what would be done with a document that is only reported; by the settings where nobody knows."""
        try:
            return self.work_for(document) or self._default
        except RulesUnreadable:
            return self._default

    def is_ignored(self, document: str, last_modified: datetime) -> bool:
        """Whether a document that was never taken on is left alone: by a rule, or one of the time when it was changed.

        Raises `RulesUnreadable`.
        """
        rules = self._current()
        if rules.work_for(document) is None:
            return True
        self._look_at_copy()
        return any(one.holds_for(document, last_modified) for one in self._formerly_ignored)

    def _look_at_copy(self) -> None:
        """Read again what is left alone: `backfill` may have changed it, and the rules have not."""
        now = self._clock()
        if self._copied_at and (now - self._copied_at).total_seconds() < CHECK_EVERY_S:
            return
        copy, _ = self._store.read_valid()
        if copy:
            self._formerly_ignored = copy.formerly_ignored
        self._copied_at = now

    def _current(self) -> Rules:
        # Only the first thread looks, unless there is nothing yet that the others could go by.
        if self._is_due() and self._lock.acquire(blocking=self._rules is None):
            try:
                if self._is_due():
                    self._look()
            finally:
                self._lock.release()
        if self._rules is None:
            raise RulesUnreadable(f"Neither {SOURCE} nor the copy of the last valid rules can be read.")
        return self._rules

    def _is_due(self) -> bool:
        return self._checked_at is None or (self._clock() - self._checked_at).total_seconds() >= CHECK_EVERY_S

    def _look(self) -> None:
        try:
            etag = self._store.source_etag()
            if self._rules is None or etag != self._seen:
                self._read(etag)
        except Exception as error:
            # What is known goes on to hold; the next document looks again. Whatever failed, no document is to blame.
            code = storage_code(error) or type(error).__name__
            logger.warning("The rules can not be read: %s.", code, extra={"action": "rules_unreadable", "reason": code})
            return
        self._checked_at = self._clock()

    def _read(self, etag: str | None) -> None:
        """Read the rules at `etag`, or see that there are none any more."""
        copy, copy_etag = self._store.read_valid()
        if etag is None:
            self._adopt((), None, copy, copy_etag)
            return
        blob = self._store.read_source(MAX_BYTES)
        if blob is None:
            return  # Deleted or replaced at this moment: the next look tells.
        try:
            if blob.info.size_bytes > MAX_BYTES:
                raise RulesError([f"The file has {blob.info.size_bytes:,} bytes; the limit is {MAX_BYTES:,}."])
            rules = parse_rules(blob.data, self._settings)
        except RulesError as error:
            self._keep_valid(error, blob.info.etag, copy)
            return
        self._adopt(rules, blob.info.etag, copy, copy_etag)

    def _adopt(self, rules: tuple[Rule, ...], etag: str | None, copy: ValidRules | None, copy_etag: str | None) -> None:
        """Go by valid rules, and keep a copy of them unless another instance has."""
        valid = copy
        if copy is None or copy.source_etag != etag:
            valid = succeed(copy or ValidRules(), rules, etag, self._clock())
            is_needed = etag is not None or copy is not None
            try:
                if is_needed and self._store.keeps_copy:
                    self._store.save_valid(valid, copy_etag)
            except Changed:
                logger.debug("Another instance has copied the rules.")
        assert valid is not None  # noqa: S101 - for the type checker
        self._rules = Rules(rules, self._settings)
        self._formerly_ignored = valid.formerly_ignored
        self._seen = etag
        logger.info(
            "%s rules hold.",
            len(rules) or "No",
            extra={"action": "rules_read", "count": len(rules), "etag": etag or ""},
        )

    def _keep_valid(self, error: RulesError, etag: str, copy: ValidRules | None) -> None:
        """Go by the copy of the last valid rules, if it is there and still valid under the settings."""
        if etag != self._seen:
            for problem in error.problems:
                logger.error("%s can not be used. %s", SOURCE, problem, extra={"action": "rules_invalid"})
        self._seen = etag
        if copy is None:
            return
        try:
            rules = parse_rules(_as_file(copy), self._settings)
        except RulesError as own:
            logger.error(
                "The copy of the last valid rules can not be used any more. %s", own, extra={"action": "rules_invalid"}
            )
            self._rules = None
            return
        self._rules = Rules(rules, self._settings)
        self._formerly_ignored = copy.formerly_ignored


def _as_file(rules: ValidRules) -> bytes:
    return msgspec.json.encode(RulesFile(rules=rules.rules))
