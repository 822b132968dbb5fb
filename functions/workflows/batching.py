"""Lets runs of a worker that happen at about the same time share a job.

The first run opens a job for its document and leads; those that come while the job is open follow. The leader writes
into the job's record whom it carries, again while others join: one write lists all who came during the one before
(group commit). A follower that is listed claims its document and returns, for from then on the job has it, whatever
becomes of the leader. So a request fills up although only a few runs are under way at a time, and only one of them is
held until it goes.

When a batch has waited long enough for others, its leader asks the request budget, and where that gives it a later
send time, the batch stays open and fills up until then. One batch of a worker has a send time at a time (two where send
times are near), and one more may wait for its turn; until then no third one is begun. So where documents come faster
than the service takes them, they stay in the trigger's queue, unread.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from .. import telemetry
from ..core.documents import StoredRecord
from ..core.jobs import Job
from ..core.packing import Load
from ..core.time_limits import LONGEST_BATCH_S, LONGEST_HOLD_S
from ..core.work import WorkSpec
from ..errors import RulesUnreadable
from ..storage.containers import is_archived, storage_code
from ..text.chunks import ReadyChunk
from .claiming import Reports
from .intake import Gone, Ignored, Intake, LongDocument, Ready, Rejected, Scanned
from .refusals import RULES_UNREADABLE, Refusals
from .submission import Permit, Submission
from .texts import TextReader

LONGEST_WAIT_IN_LINGERS = 10
"""A lone document waits for one linger. As long as runs come and go, or read documents that may still join, the request
waits on, up to so many, but at most for `LONGEST_BATCH_S`: one that is half full costs as much as a full one."""

BUSY_RUNS = 4
"""Runs at the same time that show that more documents are waiting: as many as the host starts (`maxDegreeOfParallelism`
of host.json)."""

BUSY_S = 0.5
"""For how long after that a worker counts as busy."""

BUSY_LINGER, LONGEST_BUSY_WAIT = 10, 40
"""The same in lingers for a worker that is busy. Where work is spread over several instances the storage decides how
fast runs come, not the number of documents, and two seconds between two of them are no sign of an end. What it brings:
`tests/workflows/test_spread_bursts.py`, and with real processes `docs/instances.md`."""

GATHER_S = 0.02
"""How long the first who joins waits for others before the leader lists them: each listing is a write, and runs that
come at about the same time shall share one. Measured with a burst on one host: 4.6 storage requests of the app for each
document and 2,300 documents a minute; without it 5.0 and 2,700; with 50 ms 4.7 and 1,700."""

MAX_WAITING = 2
"""Batches of a worker that wait for their send times at the same time: one that has one, and one whose turn is next."""

SHORT_WAIT_S = 3.0
"""Where the last send time that a worker was told was less far away than this, the batch whose turn is next asks at
once, too. So where few instances share a resource there is always somebody who has its next send time. Simulated with
a hundred instances at ten resources: 97 % of the rate used instead of 94 %."""

NEXT_AHEAD_S = 5.0
"""How long before the last send time that a worker has booked it opens the next batch. Who opens it sooner can not hold
it until its own send time, which is as far away again (`LONGEST_HOLD_S` counts from its opening); its job goes to the
queue then, and more jobs would follow it than the service takes."""

LONGEST_PAUSE_HOLDS = 3
"""How long a worker opens no batch at most, whatever send time it has booked: in longest holds, a minute in all."""


class Submitter:
    """Submits documents. One instance serves all threads of a worker; it has no thread of its own."""

    def __init__(
        self,
        intake: Intake,
        texts: TextReader,
        submission: Submission,
        reports: Reports,
        refusals: Refusals,
        linger_s: float,
        *,
        longest_hold_s: float = LONGEST_HOLD_S,
        gather_s: float = GATHER_S,
    ) -> None:
        self._intake = intake
        self._texts = texts
        self._submission = submission
        self._reports = reports
        self._refusals = refusals
        self._linger_s = linger_s
        self._longest_hold_s = longest_hold_s
        self._gather_s = min(gather_s, linger_s)
        self._open: dict[WorkSpec, Batch] = {}
        """The batch that can be joined, for each kind of work."""
        self._full: list[Batch] = []
        """The batches that nobody can join any more, and that have not asked for a send time yet."""
        self._waiting: list[Batch] = []
        """The batches that wait for their send times; the first of them may ask for one, see `SHORT_WAIT_S`."""
        self._last_wait_s = 0.0
        """How far away the send time was that was booked last."""
        self._opens_at = 0.0
        """Until when no further batch is opened."""
        self._changed = threading.Condition()
        self._last_activity_at = 0.0
        """When a run last came, joined or went, which makes room for another."""
        self._runs = 0
        self._in_batches = 0
        """How many of the runs have joined a batch, or wait until they may open one; the others may yet join one."""
        self._busy_at = float("-inf")
        """When so many runs were last under way that more documents are likely to be waiting."""

    def submit(self, name: str, trace_parent: str | None = None) -> None:
        """Take a document on; return when a job owns it, or its error report is written, or there is nothing to do.

        `trace_parent` is the span of the run that brought the document, where the host has one.
        """
        with telemetry.span("submit", parent=trace_parent, document=name), self._counted_run():
            try:
                outcome = self._intake.read(name)
            except RulesUnreadable:
                # The sweep tries it again every five minutes.
                self._refusals.note(name, RULES_UNREADABLE)
                return
            except Exception as error:
                if not is_archived(error):
                    raise
                # Nothing to repeat now: `reconcile` finds the document once it has left the archive tier. No event
                # says so: rehydration raises BlobTierChanged, and the trigger is for BlobCreated only.
                self._refusals.note(name, storage_code(error) or "")
                return
            match outcome:
                case Ready(chunk, copy):
                    self._texts.keep_copy(copy)
                    self._submit_together(chunk)
                case LongDocument(chunks, copy) | Scanned(chunks, copy):
                    self._texts.keep_copy(copy)
                    self._submission.submit_later(chunks)
                case Rejected():
                    self._reports.write(outcome)
                case Gone() | Ignored():
                    pass

    def join(self, item: ReadyChunk) -> "tuple[Batch, Entry, bool]":
        """Put an item into the open batch, or into a new one; whoever opens a batch leads it.

        Waits while all that may be begun are full. A run that has joined ends with `leave`.
        """
        with self._changed:
            self._in_batches += 1
            while not self._has_room(item) and (left_s := self._until_next_s()) != 0:
                self._changed.wait(left_s)
            batch, is_leader = self._open.get(item.work), False
            if batch is None or not batch.load.takes(item):
                if batch:
                    self._full.append(batch)
                batch, is_leader = Batch(), True
                self._open[item.work] = batch
            entry = batch.add(item)
            self._note_activity()
            if batch.load.is_full:
                self._full.append(batch)
                del self._open[item.work]
            self._changed.notify_all()
            return batch, entry, is_leader

    def leave(self) -> None:
        """End what a run has joined for."""
        with self._changed:
            self._in_batches -= 1

    def _until_next_s(self) -> float | None:
        """Return how long until a further batch may be opened; None where somebody will tell."""
        if len(self._waiting) >= MAX_WAITING:
            return None
        left_s = self._opens_at - time.monotonic()
        if self._full or (self._waiting and not self._waiting[0].last_answer):
            # It is about to be told about the same as the one before it. A batch that is begun sooner has to wait for
            # its own send time longer than it may, and goes with few documents.
            left_s = max(left_s, self._last_wait_s - NEXT_AHEAD_S)
        return max(0.0, left_s)

    def close(self, batch: "Batch") -> None:
        """Let nobody join a batch any more."""
        with self._changed:
            if self._is_open(batch):
                del self._open[batch.work]
            self._changed.notify_all()

    def _has_room(self, item: ReadyChunk) -> bool:
        batch = self._open.get(item.work)
        return batch is not None and batch.load.takes(item)

    def _is_open(self, batch: "Batch") -> bool:
        return self._open.get(batch.work) is batch

    @contextmanager
    def _counted_run(self) -> Iterator[None]:
        with self._changed:
            self._runs += 1
            self._note_activity()
        try:
            yield
        finally:
            with self._changed:
                self._note_activity()
                self._runs -= 1

    def _note_activity(self) -> None:
        self._last_activity_at = time.monotonic()
        if self._runs >= BUSY_RUNS:
            self._busy_at = self._last_activity_at

    def _submit_together(self, item: ReadyChunk) -> None:
        batch, entry, is_leader = self.join(item)
        try:
            if is_leader:
                self._lead(batch)
            self._claim(entry)
            entry.claimed()
        finally:
            self.leave()

    def _lead(self, batch: "Batch") -> None:
        """Open the job, list in it whoever joins, and send the request once all who are listed have claimed."""
        try:
            self._gather(batch)
            opened = self._submission.open_job(batch.items())
            batch.mark_listed(opened.job)
            self._claim(batch.entries[0])
            while self._has_news(batch, opened.job):
                opened = self._submission.list_again(opened, batch.items())
                batch.mark_listed(opened.job)
        except BaseException as error:
            # Those who are listed have their job, which is submitted when its message comes; the others come again.
            self.close(batch)
            batch.fail_unlisted(error)
            raise
        finally:
            self._stop_waiting(batch)
        # The storage may take a claim and fail to say so. Who left that document out would own it for nothing; so then
        # the job waits for its message, when the records are asked which documents it has.
        if all(entry.is_certain() for entry in batch.entries):
            ours = [(entry.item, stored) for entry in batch.entries if (stored := entry.claimed())]
            self._submission.send(opened, ours, batch.permit)

    def _claim(self, entry: "Entry") -> None:
        entry.claim_with(self._submission.claim)

    def _has_news(self, batch: "Batch", job: Job) -> bool:
        """Wait until somebody has joined who is not listed; return False when the batch goes and all are listed."""
        while True:
            with self._changed:
                left_s = 1.0
                while batch.listed == len(batch.entries) and not batch.permit and left_s > 0:
                    left_s = self._until_asked_s(batch)
                    self._changed.wait(max(0.0, left_s))
                has_news, is_going = batch.listed < len(batch.entries), batch.permit is not None
            if has_news or is_going:
                break
            self._ask(batch, job)
        if has_news:
            self._gather(batch)
        return has_news

    def _until_asked_s(self, batch: "Batch") -> float:
        """Return how long until a batch asks for its permit, as far as that is known; all locks are held."""
        now = time.monotonic()
        if batch not in self._waiting:
            left_s = self._until_flushed_s(batch, now)
            if self._is_open(batch) and left_s > 0:
                return left_s
            self._waiting.append(batch)
        may_ask = self._waiting[0] is batch or batch.last_answer or self._last_wait_s < SHORT_WAIT_S
        return (batch.asks_at if may_ask else batch.opened_at + self._longest_hold_s) - now

    def _until_flushed_s(self, batch: "Batch", now: float) -> float:
        busy_until = now + BUSY_S if self._runs >= BUSY_RUNS else self._busy_at + BUSY_S
        is_busy = busy_until > now
        active_at = now if self._runs > self._in_batches else self._last_activity_at
        deadline = batch.flush_deadline(active_at, self._linger_s, is_busy=is_busy)
        # Once the worker is not busy any more, a shorter wait holds.
        return (min(deadline, busy_until) if is_busy else deadline) - now

    def _ask(self, batch: "Batch", job: Job) -> None:
        """Ask for the permit of a batch, or once more for one whose send time has come; without one it waits or goes.

        It goes without where its send time is too late: its job comes back by its message.
        """
        permit = self._submission.take_permit(job, batch.last_answer)
        wait_s = permit.deferred.retry_after_s if permit.deferred else None
        asks_at = time.monotonic() + (wait_s or 0.0)
        if permit.deferred is None or permit.deferred.send_at:
            self._note_send_time(batch, asks_at, wait_s or 0.0)
        with self._changed:
            self._has_asked(batch)
        if permit.deferred and wait_s is not None and asks_at <= batch.opened_at + self._longest_hold_s:
            with self._changed:
                batch.last_answer, batch.asks_at = permit, asks_at
                self._changed.notify_all()
            return
        batch.permit = permit
        self.close(batch)

    def _note_send_time(self, batch: "Batch", send_at: float, wait_s: float) -> None:
        """Open the next batch shortly before the send time that one was told; one that asks again learns nothing."""
        with self._changed:
            if not batch.last_answer:
                self._last_wait_s = wait_s
                self._opens_at = min(
                    send_at - NEXT_AHEAD_S, send_at - wait_s + LONGEST_PAUSE_HOLDS * self._longest_hold_s
                )

    def _stop_waiting(self, batch: "Batch") -> None:
        with self._changed:
            self._has_asked(batch)
            if batch in self._waiting:
                self._waiting.remove(batch)
            self._changed.notify_all()

    def _has_asked(self, batch: "Batch") -> None:
        if batch in self._full:
            self._full.remove(batch)

    def _gather(self, batch: "Batch") -> None:
        """Give others a moment to join, unless nobody can any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_open(batch), self._gather_s)


class Entry:
    """One document of a batch, for all runs that brought it."""

    def __init__(self, item: ReadyChunk) -> None:
        self.item = item
        self.listed: Future[Job] = Future()
        """The job, once its record lists the document."""
        self._claimed: Future[StoredRecord | None] = Future()
        self._lock = threading.Lock()

    def claim_with(self, claim: Callable[[Job, ReadyChunk], StoredRecord | None]) -> None:
        """Wait until the document is listed, raising why it is not, and claim it for its job unless another run has."""
        job = self.listed.result()
        with self._lock:
            if not self._claimed.done():
                try:
                    self._claimed.set_result(claim(job, self.item))
                except BaseException as error:
                    self._claimed.set_exception(error)
                    if not isinstance(error, Exception):
                        raise

    def is_certain(self) -> bool:
        """Wait for the claim and return whether it is known how it ended."""
        return self._claimed.exception() is None

    def claimed(self) -> StoredRecord | None:
        """Wait for the claim and return it, None where the document is not ours; raise what kept it from being made."""
        return self._claimed.result()


@dataclass(slots=True, eq=False)
class Batch:
    """Documents that share a job."""

    load: Load[ReadyChunk] = field(default_factory=Load)
    entries: list[Entry] = field(default_factory=list)
    listed: int = 0
    """How many of them, from the first, the job's record lists."""
    opened_at: float = field(default_factory=time.monotonic)
    asks_at: float = 0.0
    """When it asks for its permit, once its turn has come."""
    last_answer: Permit | None = None
    """What came of asking before, with the send time that is booked for it."""
    permit: Permit | None = None
    """What came of asking; from then on nobody joins."""

    @property
    def work(self) -> WorkSpec:
        """What all of them are to be asked; not before the first has been added."""
        return self.entries[0].item.work

    def add(self, item: ReadyChunk) -> Entry:
        """Return the entry of a document, a new one unless it is here already."""
        for entry in self.entries:
            if entry.item.version == item.version:
                return entry
        self.load.add(item)
        self.entries.append(Entry(item))
        return self.entries[-1]

    def flush_deadline(self, last_activity_at: float, linger_s: float, *, is_busy: bool = False) -> float:
        """Return when the batch goes if no run comes or goes after `last_activity_at` and it is not full before."""
        linger, longest = (BUSY_LINGER, LONGEST_BUSY_WAIT) if is_busy else (1, LONGEST_WAIT_IN_LINGERS)
        longest_s = min(longest * linger_s, LONGEST_BATCH_S)
        return min(last_activity_at + linger * linger_s, self.opened_at + longest_s)

    def items(self) -> list[ReadyChunk]:
        """Return the items of all who have joined by now."""
        return [entry.item for entry in self.entries]

    def mark_listed(self, job: Job) -> None:
        """Tell everybody whom the job's record lists by now."""
        newly, self.listed = self.entries[self.listed : len(job.chunks)], len(job.chunks)
        for entry in newly:
            entry.listed.set_result(job)

    def fail_unlisted(self, error: BaseException) -> None:
        """Tell everybody who is not listed that it will not come to that."""
        for entry in self.entries[self.listed :]:
            entry.listed.set_exception(error)
