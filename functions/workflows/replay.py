"""Submits documents again that have ended: all of them, or those with a name, state, time, code, model or rule.

A document is replayed by compare-and-set on the very record that was listed. So what is in work, or has changed since,
is left alone, and a new version that comes meanwhile takes the document over as ever: its result is what stays. What is
done with a document is chosen anew, by the rules and settings of now.

Whoever runs this may die at any time. The ids of a run's jobs begin with the run's own, and a record names its owner,
so a run that is continued knows what it has had already; how far it has come only saves it the way there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from ..core.listings import sort_key
from ..core.views import Filter, ShownState
from ..core.work import WorkSpec
from ..storage.containers import BlobInfo
from ..text.chunks import Retake
from .handing_over import Given, HandingOver, Pace, Progress, ProgressKeeper, Step, Waiting
from .queries import Listed, Queries
from .repairs import Found

ENDED = frozenset({ShownState.DONE, ShownState.FAILED})
"""The states from which a document can be replayed."""


class Rules(Protocol):
    """Tells what is to be done with documents."""

    def work_for(self, document: str) -> WorkSpec | None:
        """Return what is done with a document of a name; None where a rule ignores it. Raises `RulesUnreadable`."""

    def rule_for(self, document: str) -> str | None:
        """Return the pattern of the rule that holds for a document; None where the settings do. Raises likewise."""


@dataclass(frozen=True, slots=True)
class ReplayAsked:
    """Which documents are to be replayed."""

    filter: Filter
    """Its states are among `ENDED`."""
    names: tuple[str, ...] = ()
    """Only these; empty for all."""
    rule: str | None = None
    """Only those for which the rule with this pattern holds."""
    only_if_model_changed: bool = False
    """Only those that the rules and settings of now give to another model than the one in their record."""


class Replay:
    """Replays documents."""

    def __init__(self, queries: Queries, handing_over: HandingOver, rules: Rules) -> None:
        self._queries = queries
        self._handing_over = handing_over
        self._rules = rules

    def documents(self, asked: ReplayAsked, run: str = "", after: str | None = None) -> Iterator[BlobInfo]:
        """Yield the documents that are to be replayed, sorted by name: of a `run`, those that it has not had yet."""
        return (one.document for one in self._listed(asked, run, after))

    def run(
        self, asked: ReplayAsked, progress: Progress, keeper: ProgressKeeper, pace: Pace
    ) -> Iterator[Step | Waiting]:
        """Replay documents, beginning where `progress` says; yield what became of each batch."""
        return self._handing_over.run(self._found(asked, progress.run, progress.after), progress, keeper, pace)

    def at_once(self, asked: ReplayAsked, limit: int) -> list[Given]:
        """Replay the first `limit` documents without a pace; return what became of each."""
        return self._handing_over.give(list(islice(self._found(asked, "", None), limit)))

    def _found(self, asked: ReplayAsked, run: str, after: str | None) -> Iterator[Found]:
        for one in self._listed(asked, run, after):
            if one.record:
                yield Found(one.document.name, Retake(one.record.etag, is_replay=True))

    def _listed(self, asked: ReplayAsked, run: str, after: str | None) -> Iterator[Listed]:
        listed = self._queries.named(asked.names, asked.filter) if asked.names else self._queries.listed(asked.filter)
        for one in listed:
            is_had = bool(run) and one.row.job.startswith(run)
            is_behind = after is None or sort_key(one.row.name) > sort_key(after)
            if one.row.state in ENDED and is_behind and not is_had and self._is_wanted(asked, one):
                yield one

    def _is_wanted(self, asked: ReplayAsked, one: Listed) -> bool:
        name = one.row.name
        if asked.rule is not None and self._rules.rule_for(name) != asked.rule:
            return False
        work = self._rules.work_for(name)
        # What a rule ignores by now is left as it is.
        return work is not None and not (asked.only_if_model_changed and work.model == one.row.model)
