"""`python -m tests.benchmarks.scale`: a million documents under the real limits, by simulation.

Events are those of jobs, not of documents: a batch is submitted, polled, and its results are written. What decides is
the pipeline's own code (packing, the request budget, the waits, the learnt poll delay), what answers is the rate limit
of the Language stand-in, and what things cost in time and storage requests are the figures below, measured or taken
from the providers' pages as each says. `docs/scale.md` shows what it prints.
"""

from __future__ import annotations

import heapq
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import NamedTuple

import click

from functions.core.backoff import deferral_s, next_poll_s
from functions.core.outcomes import DeferReason, Deferred
from functions.core.packing import MAX_REQUEST_DOCUMENTS, Load
from functions.core.work import WorkSpec
from functions.errors import Problem
from functions.language.budget import RequestBudget, RequestKind
from functions.language.poll_timer import PollTimer
from functions.settings import SETTINGS
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.text.offsets import text_records
from functions.workflows.batching import LONGEST_WAIT_IN_LINGERS
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
    queue_poll_s: float = 2.0
    """The longest that a visible message lies on an idle queue (`maxPollingInterval`)."""
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
class Instance:
    """One instance of an app: one core, one worker process with its budget and what it has learnt."""

    language: Language
    budget: RequestBudget
    poll_timer: PollTimer
    backlog: Backlog
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
        self._instances = [
            Instance(
                language=languages[number % world.apps],
                budget=RequestBudget(world.requests_per_minute, START),
                poll_timer=PollTimer(_FIRST_POLL_S, _MAX_POLL_S),
                backlog=backlogs[number % world.apps],
            )
            for number in range(world.instances)
        ]

    def run(self) -> Outcome:
        """Return what it took until the last result was written."""
        for instance in self._instances:
            self._at(0.0, partial(self._take_on, instance))
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

    # --- The blob trigger ---

    def _take_on(self, instance: Instance, now: float) -> None:
        """Fill one batch after the other: one run leads it, the others come, are listed, claim and go."""
        if not instance.backlog.left:
            return
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
        self._at(done, partial(self._ask_and_post, instance, Job(size)))
        self._at(done, partial(self._take_on, instance))

    def _ask_and_post(self, instance: Instance, job: Job, now: float) -> None:
        self._post(instance, job, self._leave(instance, RequestKind.SUBMISSION, job, now), now)

    def _post(self, instance: Instance, job: Job, wait: float | None, now: float) -> None:
        """Send a job's request, unless its budget has told it to wait."""
        if wait is None:
            wait = self._answer(instance, "submissions", job, now)
        done = self._run(instance, now, SAVE_JOB, in_a_row=2) + self.world.service_latency_s
        self.outcome.function_seconds += done - now
        if wait is not None:
            self._at(self._visible(done, wait), partial(self._resubmit, instance, job))
        else:
            job.waits = 0
            job.duration_s = instance.language.job_seconds()
            job.done_at = done + job.duration_s
            self.outcome.jobs += 1
            self.outcome.records += job.documents * self._records_each
            self._at(self._visible(done, instance.poll_timer.first_poll_s), partial(self._poll, instance, job))

    # --- The queue trigger ---

    def _visible(self, now: float, delay_s: float) -> float:
        """Return when a message sent with a delay is received: whole seconds, then the queue's next poll."""
        return now + max(0, round(delay_s)) + self._rng.uniform(0.05, self.world.queue_poll_s / 2)

    def _resubmit(self, instance: Instance, job: Job, now: float) -> None:
        self.outcome.steps += 1
        done = self._run(instance, now, STEP, in_a_row=1, processor_s=self.world.step_processor_s)
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._read_and_post, instance, job))

    def _read_and_post(self, instance: Instance, job: Job, now: float) -> None:
        wait = self._leave(instance, RequestKind.SUBMISSION, job, now)
        if wait is not None:
            self._post(instance, job, wait, now)
            return
        done = self._run(
            instance,
            now,
            to_submit_again(job.documents),
            in_a_row=3,
            processor_s=job.documents * self.world.result_processor_s / 2,
        )
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._post, instance, job, None))

    def _poll(self, instance: Instance, job: Job, now: float) -> None:
        self.outcome.steps += 1
        done = self._run(instance, now, STEP, in_a_row=1, processor_s=self.world.step_processor_s)
        done += self.world.service_latency_s
        instance.occupy(now, done)
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._heed, instance, job))

    def _heed(self, instance: Instance, job: Job, now: float) -> None:
        """Do what the answer to a poll leads to; the answer is as of now."""
        wait = self._ask(instance, RequestKind.POLL, "polls", job, now)
        if wait is None and now < job.done_at:
            job.polls, job.waits = job.polls + 1, 0
            wait = next_poll_s(job.polls, instance.poll_timer.first_poll_s, _MAX_POLL_S, self._rng)
        elif wait is None:
            wait = self._further_pages(instance, job, now)
        if wait is not None:
            done = self._run(instance, now, SAVE_JOB, in_a_row=2)
            self._at(self._visible(done, wait), partial(self._poll, instance, job))
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
            wait = self._ask(instance, RequestKind.PAGE, "pages", job, now)
            if wait is not None:
                return wait
        return None

    def _ask(self, instance: Instance, kind: RequestKind, name: str, job: Job, now: float) -> float | None:
        """Send a request within the budget and the rate limit; return how long the job has to stay away, else None."""
        wait = self._leave(instance, kind, job, now)
        return self._answer(instance, name, job, now) if wait is None else wait

    def _leave(self, instance: Instance, kind: RequestKind, job: Job, now: float) -> float | None:
        own_wait = instance.budget.take(kind, moment(now))
        return self._deferred(job, DeferReason.BUDGET, own_wait) if own_wait > 0 else None

    def _answer(self, instance: Instance, name: str, job: Job, now: float) -> float | None:
        asked = instance.language.admit(now)
        if asked is not None:
            self.outcome.requests["refused"] += 1
            instance.budget.pause(min(asked, 60.0), moment(now))
            return self._deferred(job, DeferReason.THROTTLED, asked)
        self.outcome.requests[name] += 1
        return None

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
    "function-seconds",
    "instance-hours",
    "from job done to result: median, most",
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
        f"{outcome.function_seconds:,.0f}",
        f"{outcome.instance_seconds / 3600:.1f}",
        f"{_span(delays[len(delays) // 2])}, {_span(delays[-1])}",
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
@click.option("--publish", is_flag=True, help="Put the tables into docs/scale.md.")
def main(
    documents: int, characters: int, resources: tuple[int, ...], instances: tuple[int, ...], publish: bool
) -> None:
    """Simulate many documents on one or more Language resources and instances; print the tables of docs/scale.md."""
    with ProcessPoolExecutor() as processes:
        outcomes = list(processes.map(simulate, worlds(documents, characters, resources, instances)))
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
