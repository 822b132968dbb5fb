"""What failed in one run of sweep, reconcile or rescue: counted and logged, so that one bad item stops no other.

"Items" are documents, records of jobs and of documents, results, and queue messages. Whatever one of them raises ends
the work on that item only; the run goes on with the next, and says in the end how many failed, at what and why.
What a newer release has written is no failure: it is left to the instances of that release.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from ..errors import NewerRecord
from ..storage.containers import storage_code

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Kind(NamedTuple):
    """One kind of failure: at what, the error's class, and the storage's error code where it was the storage."""

    action: str
    error: str
    code: str


@dataclass(slots=True)
class Failures:
    """What failed in one run, and was left for the next."""

    run: str
    counts: Counter[Kind] = field(default_factory=Counter)
    first: dict[Kind, str] = field(default_factory=dict)
    newer: int = 0
    """How many items were left alone because a newer release has written their records."""

    @contextmanager
    def guard(self, action: str, item: str) -> Iterator[None]:
        """Let what is done with one item fail without consequences for others."""
        try:
            yield
        except Exception as error:
            self.note(action, item, error)

    def note(self, action: str, item: str, error: BaseException) -> None:
        """Count a failure."""
        if isinstance(error, NewerRecord):
            self.newer += 1
            return
        kind = Kind(action, type(error).__name__, storage_code(error) or "")
        self.counts[kind] += 1
        self.first.setdefault(kind, item)

    def until_failure(self, action: str, items: Iterable[T]) -> Iterator[T]:
        """Yield items, and end early where the listing that they come from fails."""
        try:
            yield from items
        except Exception as error:
            self.note(action, "", error)

    @property
    def total(self) -> int:
        """How many items failed."""
        return sum(self.counts.values())

    def log(self) -> None:
        """Log a line for each kind of failure, and one for what was left to a newer release."""
        if self.newer:
            logger.warning(
                "%s: %s item(s) are left alone, for a newer release has written their records. Deploy that again if "
                "no instance of it is running.",
                self.run.capitalize(),
                self.newer,
                extra={"action": "newer_record", "run": self.run, "count": self.newer},
            )
        for kind, count in self.counts.items():
            logger.error(
                "%s: %s failed %s time(s) with %s, first for %r; the next run tries again.",
                self.run.capitalize(),
                kind.action,
                count,
                kind.code or kind.error,
                self.first[kind],
                extra={
                    "action": "repair_failed",
                    "run": self.run,
                    "failed_action": kind.action,
                    "count": count,
                    "error": kind.error,
                    "code": kind.code,
                },
            )
