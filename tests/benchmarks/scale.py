"""`python -m tests.benchmarks.scale`: a million documents under the real limits, by simulation.

Events are those of jobs, not of documents: a batch is submitted, polled, and its results are written. What decides is
the pipeline's own code (packing, the ledger of send times, the waits, the learnt poll delay); what answers is the rate
limit of the Language stand-in; any instance receives any message; and what things cost in time and storage requests are
the figures below, measured or taken from the providers' pages as each says. `docs/scale.md` shows what it prints.
"""

from __future__ import annotations

import heapq
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import NamedTuple, TypeVar

import click

from functions.core.backoff import deferral_s, next_poll_s
from functions.core.outcomes import DeferReason, Deferred
from functions.core.packing import MAX_REQUEST_DOCUMENTS, Load
from functions.core.request_ledger import (
    VALID_S,
    Booking,
    RequestLedger,
    book_poll,
    book_submission,
    pause_s,
    throttled,
    with_first_poll,
)
from functions.core.work import WorkSpec
from functions.errors import Problem
from functions.language.poll_timer import PollTimer
from functions.language.shared_budget import FRESH_S, HOLD_S
from functions.settings import SETTINGS
from functions.storage.shared_record import RACE_WAITS_S
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.text.offsets import text_records
from functions.workflows.batching import LONGEST_WAIT_IN_LINGERS, MAX_WAITING
from local.language_service.limits import rules_for
from local.process import ROOT
from local.stand_in.rates import RateLimiter

from .documents import CHARACTERS, letter
from .prices import prices
from .report import markdown_table

RESOURCES = (1, 4, 10)
INSTANCES = (1, 4, 10, 40, 100)
START = datetime(2026, 11, 23, tzinfo=UTC)
SAMPLE_DOCUMENTS = 1_000
"""Documents that are really packed; the batches they make are repeated to the full number."""

_SETTINGS = {setting.name: setting.default or "" for setting in SETTINGS}
_HOST = json.loads((ROOT / "host.json").read_text("utf-8"))
_PATH = "/language/analyze-text/jobs"
_FIRST_POLL_S, _MAX_POLL_S = (float(_SETTINGS[name]) for name in ("FIRST_POLL_SECONDS", "MAX_POLL_SECONDS"))
_NO_PROBLEM = Problem("", "", "")
"""What held a job off matters to people only."""


def _seconds(interval: str) -> float:
    """Return the seconds of an interval of host.json."""
    hours, minutes, seconds = interval.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is simulated. Times in seconds; storage requests by kind, see `Storage`."""

    documents: int = 1_000_000
    characters: int = CHARACTERS
    resources: int = 1
    instances: int = 1

    requests_per_minute: int = 1_000
    """Of each Language resource, POST and GET together (paid tier; "service limits", read 2026-11)."""
    job_seconds: tuple[float, float] = (1.5, 3.0)
    """How long a job takes; recorded jobs of the service lie here. Longer jobs delay results, they slow nothing."""

    page_size: int = MAX_REQUEST_DOCUMENTS
    """Documents on a page of results: what the app asks for. The service gives 20 unasked."""

    runs_at_once: int = _HOST["extensions"]["blobs"]["maxDegreeOfParallelism"]
    """Runs of the blob trigger on an instance (`maxDegreeOfParallelism` of host.json); one of them leads a batch."""
    queue_poll_s: float = _seconds(_HOST["extensions"]["queues"]["maxPollingInterval"])
    """The longest that a visible message lies on an idle queue (`maxPollingInterval` of host.json)."""
    clock_error_s: float = 0.2
    """How far off an instance's idea of the storage's time is at most."""
    foreign_share: float = 0.0
    """Share of the limit that another application uses."""
    memory_gb: float = 2.0
    """Of an instance: the Flex Consumption default, which comes with one core."""

    submit_processor_s: float = 0.009
    """One document taken on: trigger, reading, decoding, claim. Measured, see `docs/benchmarks.md`."""
    result_processor_s: float = 0.009
    """One document finished: reading, locating, writing, record. Measured likewise."""
    step_processor_s: float = 0.010
    """One step of a job, without its documents: record, message, request. Measured likewise."""
    storage_latency_s: float = 0.010
    """One storage request; typical for a hot account in the same region."""
    service_latency_s: float = 0.100
    """One request to the Language service; an assumption."""
    storage_requests_per_s: float = 20_000
    """Of one storage account ("Scalability targets for standard storage accounts", read 2026-11)."""

    @property
    def apps(self) -> int:
        """Function apps: one for each resource, as an app talks to one, but not more than there are instances."""
        return min(self.resources, self.instances)


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Storage requests by what they cost: blob writes and listings, blob reads, free deletions, queue requests."""

    writes: float = 0
    reads: float = 0
    deletions: float = 0
    queue: float = 0
    total: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.writes + self.reads + self.deletions + self.queue)

    def times(self, count: float) -> Storage:
        """Return `count` times as many."""
        return Storage(self.writes * count, self.reads * count, self.deletions * count, self.queue * count)

    def plus(self, other: Storage) -> Storage:
        """Return the sum of both."""
        return Storage(
            self.writes + other.writes,
            self.reads + other.reads,
            self.deletions + other.deletions,
            self.queue + other.queue,
        )


NOTHING = Storage()

WORK = WorkSpec(
    api_version="2023-04-01", tasks=(CustomEntityRecognition(),), language="en", string_index_type="UnicodeCodePoint"
)

# Counted in the storage emulator's log (`python -m tests.benchmarks.bench --only transactions`); the trigger's own
# part is that of the Event Grid source: message, look at the blob, deletion, and a share of the fetches.
TRIGGER = Storage(reads=1, queue=2 + 1 / 16)
SUBMIT_DOCUMENT = Storage(reads=1, writes=1)
LISTING = Storage(writes=0.35)
OPEN_JOB = Storage(writes=1, queue=1)
SAVE_JOB = Storage(writes=1, queue=1)
STEP = Storage(reads=1, queue=2)
RETRY_DOCUMENT = Storage(reads=2)
RESULT_DOCUMENT = Storage(reads=1, writes=2)
END_JOB = Storage(deletions=1)
READ_LEDGER = Storage(reads=1)
WRITE_LEDGER = Storage(writes=1)


@cache
def to_take_on(documents: int) -> Storage:
    """Return the storage requests of taking on a batch: the leader opens its job, the others are listed and claim."""
    return TRIGGER.plus(SUBMIT_DOCUMENT).times(documents).plus(LISTING.times(documents - 1)).plus(OPEN_JOB)


@cache
def to_submit_again(documents: int) -> Storage:
    """Return the storage requests of submitting a waiting job, from the request permit to its request."""
    return RETRY_DOCUMENT.times(documents).plus(SAVE_JOB)


@cache
def to_finish(documents: int) -> Storage:
    """Return the storage requests of writing a batch's results."""
    return RESULT_DOCUMENT.times(documents).plus(END_JOB)


@dataclass(slots=True)
class Outcome:
    """What a simulated run took."""

    world: World
    seconds: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    documents: int = 0
    records: int = 0
    steps: int = 0
    deferred: Counter[str] = field(default_factory=Counter)
    ledger_requests: int = 0
    """Storage requests for ledgers; they are among the others, too."""
    races: int = 0
    """Writes of a ledger that another instance was faster with."""
    stored: Counter[Storage] = field(default_factory=Counter)
    """How often each sort of work with the storage was done."""
    function_seconds: float = 0.0
    instance_seconds: float = 0.0
    """Time in which an instance ran at least one function: what Flex Consumption bills."""
    processor_seconds: float = 0.0
    delays: list[float] = field(default_factory=list)
    """Seconds from the end of each job at the service to its results."""

    @property
    def storage(self) -> Storage:
        """The storage requests."""
        total = NOTHING
        for storage, count in self.stored.items():
            total = total.plus(storage.times(count))
        return total

    @property
    def shares(self) -> dict[str, float]:
        """How much of each limit was used, from 0 to 1."""
        world = self.world
        sent = sum(self.requests.values()) - self.requests["refused"]
        return {
            "requests": sent / (world.apps * world.requests_per_minute * max(1.0, self.seconds / 60)),
            "processors": self.processor_seconds / (world.instances * self.seconds),
            "storage": self.storage.total / (world.storage_requests_per_s * self.seconds),
        }

    @property
    def limit(self) -> str:
        """The limit that this run comes closest to."""
        return max(self.shares, key=lambda name: self.shares[name])

    def costs(self) -> dict[str, float]:
        """Return what the run costs, in US dollars of list prices, without free grants. One event is one operation."""
        cost = prices()
        storage = self.storage
        return {
            "service": cost["text_records"].cost(self.records),
            "storage": cost["blob_writes"].cost(storage.writes)
            + cost["blob_reads"].cost(storage.reads)
            + cost["queue_requests"].cost(storage.queue),
            "functions": cost["executions"].cost(self.documents + self.steps)
            + cost["gb_seconds"].cost(self.instance_seconds * self.world.memory_gb),
            "events": cost["events"].cost(self.documents),
        }


class Text(NamedTuple):
    """A document to pack; all are to be asked the same."""

    text: str
    work: WorkSpec = WORK


@dataclass(slots=True)
class Job:
    """A batch on its way."""

    documents: int
    waits: int = 0
    polls: int = 0
    send_at: float | None = None
    """The send time that is booked for its next request."""
    done_at: float = 0.0
    duration_s: float = 0.0


class Language:
    """One Language resource: its rate limit, and how long jobs take."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._limiter = RateLimiter(rules_for(world.requests_per_minute))
        self._world = world
        self._rng = rng

    def admit(self, now: float) -> float | None:
        """Take a request and return None, or refuse it and return the seconds it should wait."""
        return self._limiter.admit(_PATH, moment(now))

    def job_seconds(self) -> float:
        """Return how long the next job takes."""
        return self._rng.uniform(*self._world.job_seconds)


@dataclass(slots=True)
class Ledger:
    """The ledger of one Language resource, as it is stored."""

    record: RequestLedger = field(default_factory=RequestLedger)
    version: int = 0


@dataclass(slots=True)
class Instance:
    """One instance of an app: one core, one worker process with what it knows of the ledger and what it has learnt."""

    language: Language
    ledger: Ledger
    poll_timer: PollTimer
    backlog: Backlog
    clock_error_s: float
    read: RequestLedger = field(default_factory=RequestLedger)
    read_at: float = -1e9
    waiting: list[Job] = field(default_factory=list)
    """Batches that wait for their send times; the first of them has one, or is booking it."""
    is_filling: bool = False
    free_at: float = 0.0
    busy_from: float = 0.0
    busy_until: float = 0.0
    busy_s: float = 0.0

    def work(self, now: float, processor_s: float) -> float:
        """Have the core do `processor_s` of work after what it has to do already; return when it is done."""
        self.free_at = max(now, self.free_at) + processor_s
        return self.free_at

    def occupy(self, start: float, end: float) -> None:
        """Remember that functions run from `start` (the present) to `end`."""
        if start > self.busy_until:
            self.busy_s += self.busy_until - self.busy_from
            self.busy_from = start
        self.busy_until = max(self.busy_until, end)


@dataclass(slots=True)
class Backlog:
    """The documents of one app that nobody has taken on yet, already packed as a worker packs them."""

    left: int
    sizes: Sequence[int]
    place: int = 0

    def take(self) -> int:
        """Return the size of the next batch, 0 where nothing is left."""
        size = min(self.left, self.sizes[self.place % len(self.sizes)])
        self.place += 1
        self.left -= size
        return size


def moment(now: float) -> datetime:
    """Return simulated seconds as the time that the pipeline's functions take."""
    return START + timedelta(seconds=now)


def batch_sizes(world: World) -> list[int]:
    """Return how many documents the batches of a backlog carry, by the pipeline's own packing.

    A worker's batch also ends when its first chunk has waited long enough; what the core can read in that time sets
    the second limit.
    """
    longest_wait_s = LONGEST_WAIT_IN_LINGERS * float(_SETTINGS["BATCH_LINGER_MS"]) / 1000
    in_time = 1 + int(longest_wait_s / world.submit_processor_s)
    sizes: list[int] = []
    load: Load[Text] = Load()
    for number in range(SAMPLE_DOCUMENTS):
        text = Text(letter(number, world.characters))
        if not load.takes(text):
            sizes.append(len(load.items))
            load = Load()
        load.add(text)
        if load.is_full or len(load.items) == in_time:
            sizes.append(len(load.items))
            load = Load()
    return [*sizes, len(load.items)] if load.items else sizes


T = TypeVar("T")
Book = Callable[[RequestLedger, int, datetime], Booking]
Act = Callable[[Instance, Job, float], None]


class Simulation:
    """Runs one world to its end."""

    def __init__(self, world: World, seed: int = 1) -> None:
        self.world = world
        self.outcome = Outcome(world)
        self._rng = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._storage_free_at = 0.0
        self._records_each = text_records(letter(0, world.characters))
        sizes = batch_sizes(world)
        shares = [world.documents // world.apps] * world.apps
        shares[0] += world.documents - sum(shares)
        backlogs = [Backlog(share, sizes) for share in shares]
        languages = [Language(world, self._rng) for _ in range(world.apps)]
        ledgers = [Ledger() for _ in range(world.apps)]
        self._instances = [
            Instance(
                language=languages[number % world.apps],
                ledger=ledgers[number % world.apps],
                poll_timer=PollTimer(_FIRST_POLL_S, _MAX_POLL_S),
                backlog=backlogs[number % world.apps],
                clock_error_s=self._rng.uniform(-world.clock_error_s, world.clock_error_s),
            )
            for number in range(world.instances)
        ]
        self._apps = [self._instances[number :: world.apps] for number in range(world.apps)]

    def run(self) -> Outcome:
        """Return what it took until the last result was written."""
        for instance in self._instances:
            self._at(0.0, partial(self._take_on, instance))
        for language in {id(instance.language): instance.language for instance in self._instances}.values():
            self._at(0.0, partial(self._foreign, language))
        while self._events:
            now, _, act = heapq.heappop(self._events)
            act(now)
        self.outcome.instance_seconds = sum(each.busy_s + each.busy_until - each.busy_from for each in self._instances)
        return self.outcome

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, act))

    def _run(
        self, instance: Instance, now: float, storage: Storage, *, in_a_row: int, processor_s: float = 0.0
    ) -> float:
        """Do work that begins now and return when it is done: the core and the storage account each have a queue.

        `in_a_row` of the storage requests follow one after the other.
        """
        self.outcome.processor_seconds += processor_s
        self.outcome.stored[storage] += 1
        begun = max(now, self._storage_free_at)
        self._storage_free_at = begun + storage.total / self.world.storage_requests_per_s
        done = self._storage_free_at + in_a_row * self.world.storage_latency_s
        if processor_s:
            done = max(done, instance.work(now, processor_s))
        instance.occupy(now, done)
        return done

    def _foreign(self, language: Language, now: float) -> None:
        """Let another application use its share of a resource, for as long as there is work."""
        share = self.world.foreign_share
        if share and self.outcome.documents < self.world.documents:
            language.admit(now)
            gap = 60 / (share * self.world.requests_per_minute)
            self._at(now + self._rng.expovariate(1 / gap), partial(self._foreign, language))

    # --- The ledger ---

    def _change(
        self,
        instance: Instance,
        change: Callable[[RequestLedger, datetime], T],
        record: Callable[[T], RequestLedger],
        then: Callable[[T, float], None],
        now: float,
        races: int = 0,
    ) -> None:
        """Change the ledger by compare-and-set and go on with `then`: a read, if the last is not new, and a write."""
        begun = now
        if now - instance.read_at > RACE_WAITS_S[0]:
            self._ask_ledger(READ_LEDGER)
            begun += self.world.storage_latency_s
        version = -1

        def read(at: float) -> None:
            nonlocal version
            version = instance.ledger.version
            self._at(at + self.world.storage_latency_s, write)

        def write(at: float) -> None:
            self._ask_ledger(WRITE_LEDGER)
            if version != instance.ledger.version:
                self.outcome.races += 1
                wait = min(RACE_WAITS_S[1], RACE_WAITS_S[0] * 2**races) * self._rng.uniform(0.5, 1.5)
                again = partial(self._change, instance, change, record, then, races=races + 1)
                self._at(at + wait, lambda later: again(now=later))
                return
            result = change(instance.ledger.record, moment(at + instance.clock_error_s))
            instance.ledger.record = instance.read = record(result)
            instance.ledger.version += 1
            instance.read_at = at
            instance.occupy(now, at)
            then(result, at)

        self._at(begun, read)

    def _book(self, instance: Instance, kind: Book, then: Callable[[float, bool, float], None], now: float) -> None:
        """Book a send time and go on with `then`: the send time, whether it is booked, and the time."""
        limit = self.world.requests_per_minute

        def change(ledger: RequestLedger, at: datetime) -> Booking:
            booking = kind(ledger, limit, at)
            learned = instance.poll_timer.share(ledger.first_poll_s)
            return booking._replace(ledger=with_first_poll(booking.ledger, learned))

        def go_on(booking: Booking, at: float) -> None:
            send_at = (booking.send_at - START).total_seconds() - instance.clock_error_s
            then(max(at, send_at), booking.is_booked, at)

        self._change(instance, change, lambda booking: booking.ledger, go_on, now)

    def _fresh(self, instance: Instance, now: float) -> float:
        """Read the ledger where what is known of it is too old; return when that is done."""
        if now - instance.read_at > FRESH_S:
            self._ask_ledger(READ_LEDGER)
            now += self.world.storage_latency_s
            instance.read, instance.read_at = instance.ledger.record, now
        return now

    def _ask_ledger(self, storage: Storage) -> None:
        self.outcome.stored[storage] += 1
        self.outcome.ledger_requests += 1

    def _paused_s(self, instance: Instance, now: float) -> float:
        return pause_s(instance.read, moment(now + instance.clock_error_s))

    # --- The blob trigger ---

    def _take_on(self, instance: Instance, now: float) -> None:
        """Fill one batch after the other: one run leads it, the others come, are listed, claim and go."""
        if not instance.backlog.left or instance.is_filling or len(instance.waiting) >= MAX_WAITING:
            return
        instance.is_filling = True
        size, runs = instance.backlog.take(), self.world.runs_at_once
        rounds = -(-size // (runs - 1))
        done = self._run(
            instance,
            now,
            to_take_on(size),
            # The host's look at the blob, reading it, one and a half listings on average, and the claim.
            in_a_row=2 + round(4.5 * rounds),
            processor_s=size * self.world.submit_processor_s + self.world.step_processor_s,
        )
        self.outcome.function_seconds += runs * (done - now)
        self._at(done, partial(self._filled, instance, Job(size)))

    def _filled(self, instance: Instance, job: Job, now: float) -> None:
        """Let a full batch wait for its send time, which it books when its turn has come."""
        instance.is_filling = False
        instance.waiting.append(job)
        if len(instance.waiting) == 1:
            self._book_first(instance, now)
        self._take_on(instance, now)

    def _book_first(self, instance: Instance, now: float) -> None:
        def hold(send_at: float, is_booked: bool, at: float) -> None:
            # Its leader, and the runs that find no room, are held until then.
            self.outcome.function_seconds += (send_at - now) * (
                1 if len(instance.waiting) < MAX_WAITING else self.world.runs_at_once
            )
            instance.occupy(at, send_at)
            self._at(send_at, partial(self._send_first, instance))

        self._book(instance, book_submission, hold, now)

    def _send_first(self, instance: Instance, now: float) -> None:
        now = self._fresh(instance, now)
        if self._paused_s(instance, now) > 0:
            self._book_first(instance, now)
            return
        job = instance.waiting.pop(0)
        if instance.waiting:
            self._book_first(instance, now)
        self._take_on(instance, now)
        self._at(now, partial(self._post, instance, job))

    def _post(self, instance: Instance, job: Job, now: float) -> None:
        """Send a job's request."""
        wait = self._answer(instance, "submissions", job, now)
        done = self._run(instance, now, SAVE_JOB, in_a_row=2) + self.world.service_latency_s
        self.outcome.function_seconds += done - now
        if wait is not None:
            self._at(self._visible(done, wait), partial(self._resubmit, self._anyone(instance), job))
            return
        job.waits = 0
        job.duration_s = instance.language.job_seconds()
        job.done_at = done + job.duration_s
        self.outcome.jobs += 1
        self.outcome.records += job.documents * self._records_each
        first = self._visible(done, instance.poll_timer.first_poll_s)
        self._at(first, partial(self._poll, self._anyone(instance), job))

    # --- The queue trigger ---

    def _anyone(self, instance: Instance) -> Instance:
        """Return the instance of the same app that receives a message."""
        return self._rng.choice(self._apps[self._instances.index(instance) % self.world.apps])

    def _visible(self, now: float, delay_s: float) -> float:
        """Return when a message sent with a delay is received: whole seconds, then the queue's next poll."""
        return now + max(0, round(delay_s)) + self._rng.uniform(0.05, self.world.queue_poll_s)

    def _resubmit(self, instance: Instance, job: Job, now: float) -> None:
        self.outcome.steps += 1
        done = self._run(instance, now, STEP, in_a_row=1, processor_s=self.world.step_processor_s)
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._in_time, instance, job, book_submission, self._read_and_post, self._resubmit))

    def _read_and_post(self, instance: Instance, job: Job, now: float) -> None:
        done = self._run(
            instance,
            now,
            to_submit_again(job.documents),
            in_a_row=3,
            processor_s=job.documents * self.world.result_processor_s / 2,
        )
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._post, instance, job))

    def _in_time(self, instance: Instance, job: Job, book: Book, act: Act, come_back: Act, now: float) -> None:
        """Do something at the send time that is booked for it, or book one; what is later comes back by its message."""
        now = self._fresh(instance, now)
        if job.send_at is not None and now <= job.send_at + VALID_S and not self._paused_s(instance, now):
            at, job.send_at = max(now, job.send_at), None
            self._at(at, partial(act, instance, job))
            return

        def go_on(send_at: float, is_booked: bool, at: float) -> None:
            if is_booked and send_at - at <= HOLD_S:
                instance.occupy(at, send_at)
                self._at(send_at, partial(act, instance, job))
                return
            job.send_at = send_at if is_booked else None
            self.outcome.deferred[DeferReason.BUDGET.value] += 1
            done = self._run(instance, at, SAVE_JOB, in_a_row=2)
            self._at(self._visible(done, send_at - at), partial(come_back, self._anyone(instance), job))

        self._book(instance, book, go_on, now)

    def _poll(self, instance: Instance, job: Job, now: float) -> None:
        self.outcome.steps += 1
        done = self._run(instance, now, STEP, in_a_row=1, processor_s=self.world.step_processor_s)
        self.outcome.function_seconds += done - now
        if job.polls or job.waits:
            self._at(done, partial(self._in_time, instance, job, book_poll, self._get, self._poll))
            return
        done = self._fresh(instance, done)
        paused_s = self._paused_s(instance, done)
        if paused_s > 0:
            self._at(self._visible(done, paused_s), partial(self._poll, self._anyone(instance), job))
        else:
            self._at(done, partial(self._get, instance, job))

    def _get(self, instance: Instance, job: Job, now: float) -> None:
        """Send a poll."""
        wait = self._answer(instance, "polls", job, now)
        done = now + self.world.service_latency_s
        instance.occupy(now, done)
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._heed, instance, job, now, wait))

    def _heed(self, instance: Instance, job: Job, asked_at: float, wait: float | None, now: float) -> None:
        """Do what the answer to a poll leads to; the answer is as of when it was asked."""
        if wait is None and asked_at < job.done_at:
            job.polls, job.waits = job.polls + 1, 0
            wait = next_poll_s(job.polls, instance.poll_timer.first_poll_s, _MAX_POLL_S, self._rng)
        elif wait is None:
            wait = self._further_pages(instance, job, now)
        if wait is not None:
            done = self._run(instance, now, SAVE_JOB, in_a_row=2)
            self._at(self._visible(done, wait), partial(self._poll, self._anyone(instance), job))
        else:
            instance.poll_timer.saw(job.duration_s)
            done = self._run(
                instance,
                now,
                to_finish(job.documents),
                in_a_row=4,
                processor_s=job.documents * self.world.result_processor_s,
            )
            self.outcome.documents += job.documents
            self.outcome.delays.append(done - job.done_at)
            self.outcome.seconds = max(self.outcome.seconds, done)
        self.outcome.function_seconds += done - now

    def _further_pages(self, instance: Instance, job: Job, now: float) -> float | None:
        for _ in range(-(-job.documents // self.world.page_size) - 1):
            wait = self._answer(instance, "pages", job, now)
            if wait is not None:
                return wait
        return None

    def _answer(self, instance: Instance, name: str, job: Job, now: float) -> float | None:
        """Send a request; return how long the job has to stay away where it is refused."""
        asked = instance.language.admit(now)
        if asked is None:
            self.outcome.requests[name] += 1
            return None
        self.outcome.requests["refused"] += 1
        self._change(
            instance,
            lambda ledger, at: throttled(ledger, min(asked, 60.0), at),
            lambda ledger: ledger,
            lambda ledger, at: None,
            now,
        )
        return self._deferred(job, DeferReason.THROTTLED, asked)

    def _deferred(self, job: Job, reason: DeferReason, asked: float) -> float:
        self.outcome.deferred[reason.value] += 1
        wait = deferral_s(Deferred(reason, _NO_PROBLEM, asked), job.waits, self._rng)
        job.waits += 1
        return wait


def blocking(world: World) -> Outcome:
    """Return what an app takes that sends one document a job and waits for it: three requests, 5.05 s of a thread.

    Measured with the official client (`docs/benchmarks.md`) while the rate limit did not disturb it. The rate limit
    bounds its pace; that it loses documents when it meets the limit is left out.
    """
    per_minute = world.apps * world.requests_per_minute / 3
    outcome = Outcome(world, seconds=60 * world.documents / per_minute)
    outcome.requests = Counter(submissions=world.documents, polls=2 * world.documents)
    outcome.jobs = outcome.documents = world.documents
    outcome.records = world.documents * text_records(letter(0, world.characters))
    outcome.stored[TRIGGER.plus(Storage(reads=1, writes=1))] = world.documents
    outcome.function_seconds = 5.05 * world.documents
    outcome.instance_seconds = outcome.seconds * world.instances
    outcome.delays = [5.05 - sum(world.job_seconds) / 2]
    return outcome


HEAD = (
    "Language resources",
    "instances",
    "hours",
    "documents a minute",
    "requests",
    "refused (429)",
    "storage requests",
    "ledger requests a document",
    "function-seconds",
    "instance-hours",
    "from job done to result: median, 99 %, most",
    "nearest limit",
    "Functions",
    "storage and events",
    "Language",
)


def row(outcome: Outcome) -> tuple[str, ...]:
    """Return one line of the table."""
    costs = outcome.costs()
    refused = outcome.requests["refused"]
    delays = sorted(outcome.delays)
    return (
        str(outcome.world.resources),
        str(outcome.world.instances),
        f"{outcome.seconds / 3600:.2f}",
        f"{60 * outcome.documents / outcome.seconds:,.0f}",
        f"{sum(outcome.requests.values()) - refused:,}",
        f"{refused:,}",
        f"{outcome.storage.total / 1e6:.1f} M",
        f"{outcome.ledger_requests / outcome.documents:.2f}",
        f"{outcome.function_seconds:,.0f}",
        f"{outcome.instance_seconds / 3600:.1f}",
        ", ".join(_span(delays[int(share * (len(delays) - 1))]) for share in (0.5, 0.99, 1)),
        f"{outcome.limit}, {min(100, 100 * outcome.shares[outcome.limit]):.0f} %",
        f"${costs['functions']:,.2f}",
        f"${costs['storage'] + costs['events']:,.2f}",
        f"${costs['service']:,.0f}",
    )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def simulate(world: World) -> Outcome:
    """Run one world to its end."""
    return Simulation(world).run()


def worlds(documents: int, characters: int, resources: Sequence[int], instances: Sequence[int]) -> list[World]:
    """Return every pair of resources and instances that makes sense: an app needs an instance."""
    return [
        World(documents=documents, characters=characters, resources=resource, instances=instance)
        for resource in resources
        for instance in instances
        if instance >= resource
    ]


PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- begin of what the script prints -->", "<!-- end of what the script prints -->"


def into_page(page: str, tables: str) -> str:
    """Return the page with `tables` between its two marks; raises `ValueError` where it has not both."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} must have the lines {BEGIN!r} and {END!r}; put them back.")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


@click.command(context_settings={"show_default": True})
@click.option("--documents", type=click.IntRange(1), default=World().documents)
@click.option("--characters", type=click.IntRange(100, 100_000), default=World().characters)
@click.option("--resources", type=click.IntRange(1), multiple=True, default=RESOURCES)
@click.option("--instances", type=click.IntRange(1), multiple=True, default=INSTANCES)
@click.option("--foreign-share", type=click.FloatRange(0, 0.9), default=0.0, help="What another application uses.")
@click.option("--publish", is_flag=True, help="Put the tables into docs/scale.md.")
def main(
    documents: int,
    characters: int,
    resources: tuple[int, ...],
    instances: tuple[int, ...],
    foreign_share: float,
    publish: bool,
) -> None:
    """Simulate many documents on one or more Language resources and instances; print the tables of docs/scale.md."""
    with ProcessPoolExecutor() as processes:
        chosen = worlds(documents, characters, resources, instances)
        outcomes = list(processes.map(simulate, (replace(world, foreign_share=foreign_share) for world in chosen)))
    waiting = [World(documents=documents, characters=characters, resources=each, instances=each) for each in resources]
    tables = (
        f"{documents:,} documents of about {characters:,} characters:\n\n"
        f"{markdown_table(HEAD, [row(outcome) for outcome in outcomes])}\n\n"
        "The same with one document a job, and workers that wait:\n\n"
        f"{markdown_table(HEAD, [row(blocking(world)) for world in waiting])}\n"
    )
    click.echo(tables)
    if publish:
        PAGE.write_text(into_page(PAGE.read_text("utf-8"), tables), "utf-8")


if __name__ == "__main__":
    main()
