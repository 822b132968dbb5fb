"""Gives many documents to the app at a bounded rate, on request: what `replay` and `backfill` have in common.

Documents are read and claimed here, and their jobs opened; the app's own instances submit them, by the messages of
these jobs. So whoever runs this needs the storage only, and may stop at any time: what is claimed has a job, and what
is not is as it was. Documents that are dropped meanwhile go first in fact: only so many jobs of a run are under way at
a time, and the run takes half of the request budget at most.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from ..core.packing import MAX_REQUEST_DOCUMENTS
from ..core.records import Moment, Record
from ..errors import NewerRecord, RulesUnreadable, StorageOutcome, UnsafeName
from ..storage.containers import is_archived, is_refusal, storage_code
from ..storage.record_store import RecordStore
from ..text.chunks import ReadyChunk
from .claiming import Reports
from .intake import Gone, Ignored, Intake, LongDocument, Ready, Rejected, Scanned
from .parallel import batches, run_all
from .repairs import Found
from .submission import Submission
from .texts import TextReader

logger = logging.getLogger(__name__)

JOBS_UNDER_WAY = 4
"""Jobs of a run at the same time, of 25 documents each: what is dropped meanwhile waits behind no more than these.

Measured on the local stand-ins, two processors with other work besides (`python -m tests.benchmarks.replay`): 854
documents a minute, and a document that was dropped meanwhile had its result after 4.6 s (median, 5.1 at most), alone
after 4.7 s (5.6). With eight jobs 716 a minute, 7.2 s (9.1) instead of 4.8 s (5.9)."""

FIRST_LOOK_S, LONGEST_LOOK_S = 0.5, 5.0
"""Between looks at the jobs under way; the wait grows by half each time."""


class Fate(StrEnum):
    """What became of a document that was to be given to the app."""

    SUBMITTED = "submitted"
    """It has a job, or is reported at once."""
    LEFT = "left"
    """It has changed meanwhile, or somebody else has taken it on."""
    IGNORED = "ignored"
    """A rule leaves it alone."""
    REFUSED = "refused"
    """The storage does not give it out, or its record can not be changed."""


class Given(NamedTuple):
    """A document, and what became of it."""

    name: str
    fate: Fate
    code: str = ""
    """Why it was refused."""


class Progress(Record, frozen=True, kw_only=True, omit_defaults=False):
    """How far a run has come: what it takes to continue it."""

    run: str
    """Begins the ids of all jobs of the run: by them a document is known that it has had already."""
    began: Moment
    after: str | None = None
    """The last document that needs no further look; they come sorted by name."""
    submitted: int = 0
    left: int = 0
    ignored: int = 0
    refused: int = 0

    def after_batch(self, last: str, given: Iterable[Given]) -> "Progress":
        """Return the progress behind a batch."""
        counts = {fate.value: getattr(self, fate.value) for fate in Fate}
        for one in given:
            counts[one.fate.value] += 1
        return Progress(run=self.run, began=self.began, after=last, **counts)


class ProgressKeeper:
    """Keeps how far a run has come, where another run of the same command finds it."""

    def save(self, progress: Progress) -> None:
        """Keep it, surely, before anything else happens."""


@dataclass(frozen=True, slots=True)
class Step:
    """A batch that was given to the app."""

    given: tuple[Given, ...]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run waits until fewer of its jobs are under way."""

    jobs: int
    reason: str = ""
    """Why one of them is deferred."""


@dataclass(slots=True)
class Pace:
    """How fast documents are given to the app."""

    records: RecordStore
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    documents_per_minute: float
    jobs_under_way: int = JOBS_UNDER_WAY
    _next_at: datetime | None = field(default=None, init=False)

    def wait(self, owner: str, documents: int) -> Iterator[Waiting]:
        """Wait until the next batch may go: for its time, and while too many jobs of `owner` are under way.

        `owner` is what the ids of the jobs begin with; empty for all jobs of the app. Yields while jobs are waited for.
        """
        now = self.clock()
        if self._next_at and self._next_at > now:
            self.sleep((self._next_at - now).total_seconds())
        self._next_at = max(self._next_at or now, self.clock()) + timedelta(
            seconds=60 * documents / self.documents_per_minute
        )
        wait_s = FIRST_LOOK_S
        while True:
            jobs = list(islice(self.records.list_jobs(owner), self.jobs_under_way + 1))
            if len(jobs) < self.jobs_under_way:
                return
            yield Waiting(len(jobs), next((job.reason for job in jobs if job.reason), ""))
            self.sleep(wait_s)
            wait_s = min(1.5 * wait_s, LONGEST_LOOK_S)


class HandingOver:
    """Gives documents to the app."""

    def __init__(
        self, intake: Intake, texts: TextReader, submission: Submission, reports: Reports, threads: Executor
    ) -> None:
        self._intake = intake
        self._texts = texts
        self._submission = submission
        self._reports = reports
        self._threads = threads

    def run(
        self, found: Iterable[Found], progress: Progress, keeper: ProgressKeeper, pace: Pace
    ) -> Iterator[Step | Waiting]:
        """Give documents to the app, which come sorted by name; yield each batch once that is kept as progress.

        Where the storage can not be reached this raises what it raises; the next run goes on from the progress.
        """
        for batch in batches(found, MAX_REQUEST_DOCUMENTS):
            yield from pace.wait(progress.run, len(batch))
            given = self.give(batch)
            progress = progress.after_batch(batch[-1].name, given)
            keeper.save(progress)
            yield Step(tuple(given), progress)

    def give(self, found: Sequence[Found]) -> list[Given]:
        """Give some documents to the app at once; return what became of each, in their order."""
        taken = run_all(self._threads, self._take, found)
        ready = [item for item in taken if isinstance(item, ReadyChunk)]
        names = {item.facts.name for item in self._submission.submit_by_queue(ready)} if ready else set()
        return [
            item if isinstance(item, Given) else Given(one.name, Fate.SUBMITTED if one.name in names else Fate.LEFT)
            for one, item in zip(found, taken, strict=True)
        ]

    def _take(self, one: Found) -> ReadyChunk | Given:
        """Read a document; return it where it can share a request, else do what is to be done with it."""
        try:
            return self._read(one)
        except (StorageOutcome, UnsafeName):
            return Given(one.name, Fate.LEFT)
        except NewerRecord:
            return Given(one.name, Fate.REFUSED, "NewerRecord")
        except Exception as error:
            if isinstance(error, RulesUnreadable) or not (is_refusal(error) or is_archived(error)):
                raise
            return Given(one.name, Fate.REFUSED, storage_code(error) or "")

    def _read(self, one: Found) -> ReadyChunk | Given:
        match self._intake.read(one.name):
            case Ready(chunk, copy):
                self._texts.keep_copy(copy)
                return replace(chunk, retake=one.retake)
            case LongDocument(chunks, copy) | Scanned(chunks, copy):
                self._texts.keep_copy(copy)
                is_taken = self._submission.submit_later([replace(chunk, retake=one.retake) for chunk in chunks])
            case Rejected() as rejected:
                self._reports.write(rejected, one.retake)
                is_taken = True
            case Ignored():
                return Given(one.name, Fate.IGNORED)
            case Gone():
                return Given(one.name, Fate.LEFT)
        return Given(one.name, Fate.SUBMITTED if is_taken else Fate.LEFT)
