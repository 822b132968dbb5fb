"""Takes on documents that nobody has taken on: those that lie in the intake, or that another container has.

Documents of another container are copied by the storage itself; the copies raise the events by which the app takes
every document on. Nothing that lies in the intake is written over, and the originals are not touched.

Whoever runs this may die at any time. A document that was taken on has a record, and one that was copied is there, so a
run that is continued does neither again.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from datetime import datetime

from .. import problems
from ..core.listings import sort_key
from ..core.packing import MAX_REQUEST_DOCUMENTS
from ..core.records import Record
from ..core.views import Filter, ShownState
from ..errors import Changed, EntityDropError, Missing, UnsafeName
from ..rules import EVERYTHING, ValidRules, leave_existing
from ..storage.containers import BlobInfo, Container, is_refusal, is_safe, storage_code
from ..storage.rules_store import RulesStore
from .handing_over import Fate, Given, HandingOver, Pace, Progress, ProgressKeeper, Step, Waiting
from .parallel import batches, run_all
from .queries import Queries
from .repairs import Found
from .replay import Rules

logger = logging.getLogger(__name__)

MAX_RACES = 20
"""Times that the copy of the rules may be found changed."""


class BackfillAsked(Record, frozen=True, kw_only=True):
    """Which documents are to be taken on."""

    prefix: str = ""
    since: datetime | None = None
    """Written then or later."""
    until: datetime | None = None
    """Written before."""
    names: tuple[str, ...] = ()
    rule: str | None = None
    """Only those for which the rule with this pattern holds."""


class Backfill:
    """Takes documents of the intake on that have no record."""

    def __init__(self, queries: Queries, handing_over: HandingOver, rules: Rules) -> None:
        self._queries = queries
        self._handing_over = handing_over
        self._rules = rules

    def documents(self, asked: BackfillAsked, after: str | None = None) -> Iterator[BlobInfo]:
        """Yield the documents that nobody has taken on, sorted by name."""
        wanted = Filter(states=frozenset({ShownState.WAITING}), prefix=asked.prefix)
        listed = self._queries.named(asked.names, wanted) if asked.names else self._queries.listed(wanted)
        for one in listed:
            if one.record is None and is_wanted(asked, one.document, after, self._rules):
                yield one.document

    def run(
        self, asked: BackfillAsked, progress: Progress, keeper: ProgressKeeper, pace: Pace
    ) -> Iterator[Step | Waiting]:
        """Take documents on, beginning where `progress` says; yield what became of each batch."""
        found = (Found(info.name) for info in self.documents(asked, progress.after) if is_safe(info.name))
        return self._handing_over.run(found, progress, keeper, pace)


class CopyIn:
    """Copies documents of another container into the intake."""

    def __init__(self, source: Container, intake: Container, rules: Rules, threads: Executor, into: str = "") -> None:
        self._source = source
        self._intake = intake
        self._rules = rules
        self._threads = threads
        self._into = into
        """Is put before the names."""

    def documents(self, asked: BackfillAsked, after: str | None = None) -> Iterator[BlobInfo]:
        """Yield the documents of the source that are to be copied, under the names that they get."""
        for info in self._source.list(asked.prefix):
            renamed = info._replace(name=self._into + info.name)
            if not info.is_folder and is_wanted(asked, renamed, after, self._rules, own_name=info.name):
                yield renamed

    def run(
        self, asked: BackfillAsked, progress: Progress, keeper: ProgressKeeper, pace: Pace
    ) -> Iterator[Step | Waiting]:
        """Copy documents, beginning where `progress` says; yield what became of each batch."""
        for batch in batches(self.documents(asked, progress.after), MAX_REQUEST_DOCUMENTS):
            yield from pace.wait("", len(batch))
            given = run_all(self._threads, self._copy, [info.name for info in batch])
            progress = progress.after_batch(batch[-1].name, given)
            keeper.save(progress)
            yield Step(tuple(given), progress)

    def _copy(self, name: str) -> Given:
        try:
            self._intake.copy(name, self._source, name.removeprefix(self._into))
        except (Changed, Missing):
            return Given(name, Fate.LEFT)  # It is there already, or gone from the source.
        except UnsafeName:
            return Given(name, Fate.REFUSED, problems.UNSAFE_NAME.code)
        except Exception as error:
            if not is_refusal(error):
                raise
            return Given(name, Fate.REFUSED, storage_code(error) or "")
        return Given(name, Fate.SUBMITTED)


def is_wanted(
    asked: BackfillAsked, info: BlobInfo, after: str | None, rules: Rules, *, own_name: str | None = None
) -> bool:
    """Whether a document is asked for, and lies behind the last one of an earlier run."""
    name = info.name
    return (
        (after is None or sort_key(name) > sort_key(after))
        and (not asked.names or (own_name or name) in asked.names)
        and (asked.since is None or info.last_modified >= asked.since)
        and (asked.until is None or info.last_modified < asked.until)
        and (asked.rule is None or rules.rule_for(name) == asked.rule)
    )


class RulesNotRead(EntityDropError):
    """There are rules, and no copy of valid ones."""


def ignore_existing(store: RulesStore, now: datetime) -> None:
    """Leave alone what was last written before `now` and nobody has taken on; only `backfill` takes it then.

    It is kept where the app keeps what earlier rules have ignored. Raises `RulesNotRead` where the app has not read
    the rules that there are, and `Changed` where what is kept goes on changing.
    """
    for _ in range(MAX_RACES):
        valid, etag = store.read_valid()
        if valid is None and (etag or store.source_etag()):
            # A copy without rules would say that none hold.
            raise RulesNotRead(
                "config/rules.json has not been read by the app, or is not valid: run 'check', and try again."
            )
        try:
            store.save_valid(leave_existing(valid or ValidRules(), now), etag)
        except Changed:
            continue
        return
    raise Changed(EVERYTHING)
