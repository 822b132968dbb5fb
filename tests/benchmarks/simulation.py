"""The simulation of `python -m tests.benchmarks.scale`, event by event.

Events are those of jobs, not of documents: a batch is taken on, waits for its send time, is submitted, polled, and its
results are written. What decides is the app's own code: the packing, the ledger of send times, the choice among the
resources of the pool (`JobServices`), their health and control documents (`Prober`), the plan after each answer
(`core.planning`) and the learnt poll delay. What answers is the rate limit of the Language stand-in; any instance
receives any message; writes of a ledger lose races; what things cost is in `scale_model`.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from functions.core.jobs import Job, JobState
from functions.core.lifecycle import new_job, not_sent, retry_elsewhere, sent_to
from functions.core.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    Progress,
    StillRunning,
    Submission,
)
from functions.core.packing import Load
from functions.core.planning import (
    Policy,
    Step,
    after_deferral,
    after_poll,
    after_submission,
    before_submission,
    reserve,
)
from functions.core.records import Chunk
from functions.core.request_ledger import (
    WINDOW_S,
    RequestLedger,
    book,
    charge,
    is_as_booked,
    pause_s,
    submission_cost,
    throttled,
    wait_s,
    with_first_poll,
)
from functions.core.time_limits import LONGEST_HOLD_S, RENEWAL_S, TAKEOVER_S
from functions.core.work import WorkSpec
from functions.errors import Problem
from functions.language.budget import RequestBudget, RequestKind, Wait
from functions.language.poll_timer import PollTimer
from functions.language.shared_budget import FALLBACK_REQUESTS_PER_MINUTE, FRESH_S, HOLD_S
from functions.settings import SETTINGS
from functions.storage.containers import Blob
from functions.storage.ledger_store import HealthMonitor, HealthStore
from functions.storage.memory_containers import MemoryContainer
from functions.storage.shared_record import RACE_WAITS_S, RETRY_S
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.tasks.entities import FoundEntities
from functions.text.offsets import text_records
from functions.workflows.batching import (
    LONGEST_PAUSE_HOLDS,
    LONGEST_WAIT_IN_LINGERS,
    MAX_WAITING,
    NEXT_AHEAD_S,
    SHORT_WAIT_S,
)
from functions.workflows.job_services import JobServices, LanguageJobs
from functions.workflows.probing import Prober
from local.language_service.limits import rules_for
from local.stand_in.rates import RateLimiter

from .documents import letter
from .scale_model import (
    READ_LEDGER,
    SAVE_JOB,
    STEP,
    WRITE_LEDGER,
    Outcome,
    Storage,
    World,
    to_finish,
    to_submit_again,
    to_take_on,
)

START = datetime(2026, 11, 23, tzinfo=UTC)
SAMPLE_DOCUMENTS = 1_000
"""Documents that are really packed; the batches they make are repeated to the full number."""

WORK = WorkSpec(
    api_version="2023-04-01", tasks=(CustomEntityRecognition(),), language="en", string_index_type="UnicodeCodePoint"
)
CHUNK = Chunk(document="letter.txt", etag="1", start=0, end=2_000, own_start=0, own_end=2_000, encoding="utf-8")
FINISHED = Finished("operation", "succeeded", {"0": {WORK.tasks[0].name: FoundEntities(entities=())}})
"""A job's record lists one chunk for all of its documents here: what is decided is the same."""

CONTROL_S = 2.0
"""How long the job of a control document takes."""

_SETTINGS = {setting.name: setting.default or "" for setting in SETTINGS}
_PATH = "/language/analyze-text/jobs"
_FIRST_POLL_S, _MAX_POLL_S = (float(_SETTINGS[name]) for name in ("FIRST_POLL_SECONDS", "MAX_POLL_SECONDS"))
_OVER_BUDGET = Problem("OverBudget", "", "")
_DOWN = Deferred(DeferReason.UNAVAILABLE, Problem("Unavailable", "", ""))


def moment(now: float) -> datetime:
    """Return simulated seconds as the time that the app's functions take."""
    return START + timedelta(seconds=now)


def seconds_of(when: datetime) -> float:
    """Return a time of the app's functions as simulated seconds."""
    return (when - START).total_seconds()


class Text(NamedTuple):
    """A document to pack; all are to be asked the same."""

    text: str
    work: WorkSpec = WORK
    done: tuple[str, ...] = ()


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


# --- What there is ---


@dataclass(slots=True)
class Backlog:
    """The documents that nobody has taken on yet, packed as a worker packs them."""

    left: int
    sizes: Sequence[int]
    place: int = 0

    def take(self) -> int:
        """Return the size of the next batch, 0 where nothing is left."""
        size = min(self.left, self.sizes[self.place % len(self.sizes)])
        self.place += 1
        self.left -= size
        return size


class Language:
    """One Language resource: its rate limit, how long jobs take, and its ledger as it is stored."""

    def __init__(self, number: int, world: World, rng: random.Random) -> None:
        self.name = f"resource-{number}"
        self.ledger = RequestLedger()
        self.version = 0
        self._limiter = RateLimiter(rules_for(world.requests_per_minute))
        self._down = world.resource_down if number == 0 else None
        self._world = world
        self._rng = rng

    def is_down(self, now: float) -> bool:
        """Whether it refuses connections."""
        return self._down is not None and self._down[0] <= now < self._down[1]

    def admit(self, now: float) -> float | None:
        """Take a request and return None, or refuse it and return the seconds it should wait."""
        return self._limiter.admit(_PATH, moment(now))

    def job_seconds(self) -> float:
        """Return how long the next job takes."""
        return self._rng.uniform(*self._world.job_seconds)


@dataclass(slots=True, eq=False)
class Batch:
    """A job on its way, and what is stored of it."""

    record: Job
    documents: int
    opened_at: float
    is_asking: bool = False
    """Whether it has a send time, or is booking it."""
    has_asked: bool = False
    epoch: int = 0
    """Events of an earlier one have died with their instance."""
    hand: str = ""
    """Where it is with its instance: `filling`, `waiting`, `step`, `reserved`; empty on the queue."""
    since: float = 0.0
    is_again: bool = False
    """Whether its message has been received before."""
    ends_at: float = 0.0
    """When the service is done with its present submission."""
    duration_s: float = 0.0
    first_end: float | None = None
    """When the service was done, or would have been, with the first submission that it accepted."""


@dataclass(slots=True, eq=False)
class Share:
    """What one instance knows of one resource."""

    language: Language
    alone: dict[bool, RequestBudget]
    """Its own budgets for submissions and for polls, while the ledger can not be reached."""
    read: RequestLedger = field(default_factory=RequestLedger)
    read_at: float = -1e9
    failed_at: float = -1e9
    sent_alone: list[tuple[float, int]] = field(default_factory=list)
    """When requests were sent that the ledger does not count yet, and how many each stands for."""


@dataclass(slots=True, eq=False)
class Instance:
    """One instance: one core, one worker process with what it knows and has learnt."""

    clock_error_s: float
    shares: dict[str, Share] = field(default_factory=dict)
    services: JobServices = field(init=False)
    poll_timer: PollTimer = field(default_factory=lambda: PollTimer(_FIRST_POLL_S, _MAX_POLL_S))
    is_alive: bool = False
    waiting: list[Batch] = field(default_factory=list)
    """Batches that wait for their send times; the first of them has one, or is booking it, or both where it is near."""
    is_filling: bool = False
    last_wait_s: float = 0.0
    """How far away the send time was that was booked last."""
    opens_at: float = 0.0
    """Until when no further batch is opened."""
    in_hand: dict[Batch, None] = field(default_factory=dict)
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


class HealthBlobs(MemoryContainer):
    """The container with the health of the resources; each request is counted."""

    def __init__(self, count: Callable[[Storage], None]) -> None:
        super().__init__()
        self._count = count

    def read(self, name: str, **options: Any) -> Blob:
        self._count(READ_LEDGER)
        return super().read(name, **options)

    def write(self, name: str, data: bytes, **options: Any) -> str:
        self._count(WRITE_LEDGER)
        return super().write(name, data, **options)


class Asked:
    """What the pool asks of one resource, and the control documents that are sent to it."""

    def __init__(self, simulation: Simulation, instance: Instance, share: Share) -> None:
        self._simulation = simulation
        self._instance = instance
        self._share = share

    def wait_s(self) -> float:
        """Return how many seconds a submission would have to wait."""
        return self._simulation.wait_s(self._instance, self._share)

    def submit(self, work: WorkSpec, name: str, texts: Sequence[str], **_: object) -> Submission:
        """Send a control document."""
        answer = self._simulation.send(self._share, "controls", self._simulation.now)
        return answer or Accepted(str(self._simulation.now + CONTROL_S))

    def progress(self, work: WorkSpec, operation_url: str, **_: object) -> Progress:
        """Ask for a control document."""
        answer = self._simulation.send(self._share, "controls", self._simulation.now)
        return answer or (FINISHED if self._simulation.now >= float(operation_url) else StillRunning("running"))


T = TypeVar("T")
Act = Callable[[float], None]
Then = Callable[[Wait | None, float], None]
"""Goes on with what the request budget says: None where a request may be sent now, and the time."""


class Simulation:
    """Runs one world to its end."""

    def __init__(self, world: World, seed: int = 1) -> None:
        self.world = world
        self.outcome = Outcome(world)
        self.now = 0.0
        self._rng = random.Random(seed)
        self._events: list[tuple[float, int, Batch | None, int, Act]] = []
        self._number = 0
        self._jobs = 0
        self._lag_s = 0.0
        """What the storage has taken that was asked on the way, until somebody waits for it."""
        self._storage_free_at = 0.0
        self._records_each = text_records(letter(0, world.characters))
        self._backlog = Backlog(world.documents, batch_sizes(world))
        self._languages = [Language(number, world, self._rng) for number in range(world.resources)]
        self._health = HealthBlobs(self._count_health)
        self._instances: list[Instance] = []
        self._gone: list[Instance] = []

    def run(self) -> Outcome:
        """Return what it took until the last result was written."""
        for number in range(self.world.instances):
            self._add_instance(number * (self.world.start_every_s or 0.0))
        for language in self._languages:
            if self.world.foreign_share:
                self._at(0.0, partial(self._foreign, language))
        if self.world.kill_every_s:
            self._at(self.world.kill_every_s, self._kill)
        while self._events:
            now, _, batch, epoch, act = heapq.heappop(self._events)
            if batch is None or batch.epoch == epoch:
                self.now = now
                act(now)
        instances = [*self._instances, *self._gone]
        self.outcome.instance_seconds = sum(each.busy_s + each.busy_until - each.busy_from for each in instances)
        return self.outcome

    @property
    def _is_over(self) -> bool:
        return self.outcome.documents >= self.world.documents

    def _at(self, when: float, act: Act, batch: Batch | None = None) -> None:
        """Let something happen, unless the instance that has the batch in hand dies before."""
        self._number += 1
        heapq.heappush(self._events, (when, self._number, batch, batch.epoch if batch else 0, act))

    # --- Instances ---

    def _add_instance(self, when: float) -> None:
        world = self.world
        instance = Instance(self._rng.uniform(-world.clock_error_s, world.clock_error_s))
        each = min(world.requests_per_minute, FALLBACK_REQUESTS_PER_MINUTE) // 2 or 1
        pool: list[LanguageJobs] = []
        for language in self._languages:
            share = Share(language, {is_poll: RequestBudget(each, START) for is_poll in (True, False)})
            instance.shares[language.name] = share
            asked: Any = Asked(self, instance, share)
            monitor = HealthMonitor(HealthStore(self._health, f"https://{language.name}"), self._clock)
            prober = Prober(monitor, self._clock, lambda work: work.model, asked)
            nothing: Any = None
            pool.append(LanguageJobs(language.name, prober, partial(self._policy, instance), asked, nothing))
        instance.services = JobServices(pool, None, self._rng.randrange(len(pool)))
        self._instances.append(instance)
        self._at(when, partial(self._start, instance))

    def _start(self, instance: Instance, now: float) -> None:
        instance.is_alive = True
        self._take_on(instance, now)

    def _clock(self) -> datetime:
        return moment(self.now)

    def _policy(self, instance: Instance) -> Policy:
        return Policy(
            first_poll_s=instance.poll_timer.first_poll_s,
            max_poll_s=_MAX_POLL_S,
            job_timeout=timedelta(minutes=float(_SETTINGS["JOB_TIMEOUT_MINUTES"])),
            give_up=timedelta(hours=float(_SETTINGS["GIVE_UP_HOURS"])),
            rng=self._rng,
            has_others=self.world.resources > 1,
        )

    def _kill(self, now: float) -> None:
        """Kill an instance, and let another one start in its place: what it had in hand comes back by its messages."""
        if self._is_over:
            return
        self._at(now + (self.world.kill_every_s or 0.0), self._kill)
        alive = [each for each in self._instances if each.is_alive]
        if not alive:
            return
        victim = self._rng.choice(alive)
        victim.is_alive = False
        self._instances.remove(victim)
        self._gone.append(victim)
        victim.busy_until = max(min(victim.busy_until, now), victim.busy_from)
        self.outcome.kills += 1
        for batch in list(victim.in_hand):
            batch.epoch += 1
            self._come_back(batch, now)
        self._add_instance(now + self.world.cold_start_s)

    def _come_back(self, batch: Batch, now: float) -> None:
        hand, batch.hand, batch.is_again = batch.hand, "", True
        self.outcome.taken_up += 1
        if hand == "filling":
            # What the runs were about to read and claim comes back with its events; the rest is listed in the job.
            lost = min(batch.documents, self.world.runs_at_once)
            batch.documents -= lost
            self._at(now + self.world.redelivery_s, partial(self._bring_back, lost))
            if not batch.documents:
                return
        if hand == "step":
            renewed = batch.since + RENEWAL_S * ((now - batch.since) // RENEWAL_S)
            when = renewed + TAKEOVER_S
        else:
            when = seconds_of(batch.record.due)
        self._at(self._visible(now, when - now), partial(self._received, batch), batch)

    def _bring_back(self, documents: int, now: float) -> None:
        self._backlog.left += documents
        for instance in list(self._instances):
            self._take_on(instance, now)

    def _hold(self, instance: Instance, batch: Batch, hand: str, now: float) -> None:
        instance.in_hand[batch] = None
        batch.hand, batch.since = hand, now

    def _foreign(self, language: Language, now: float) -> None:
        """Let another application use its share of a resource, for as long as there is work."""
        if not self._is_over:
            language.admit(now)
            gap = 60 / (self.world.foreign_share * self.world.requests_per_minute)
            self._at(now + self._rng.expovariate(1 / gap), partial(self._foreign, language))

    # --- What work costs ---

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
        done = self._storage_free_at + in_a_row * self.world.storage_latency_s + self._lag()
        if processor_s:
            done = max(done, instance.work(now, processor_s))
        instance.occupy(now, done)
        return done

    def _lag(self) -> float:
        lag_s, self._lag_s = self._lag_s, 0.0
        return lag_s

    def _count_health(self, storage: Storage) -> None:
        self.outcome.stored[storage] += 1
        self.outcome.health_requests += 1
        self._lag_s += self.world.storage_latency_s

    def _ask_ledger(self, storage: Storage) -> None:
        self.outcome.stored[storage] += 1
        self.outcome.ledger_requests += 1

    # --- The ledger of the request budget: the exchanges of `language.shared_budget`, as events ---

    def wait_s(self, instance: Instance, share: Share) -> float:
        """Return how many seconds a submission to a resource would have to wait, as far as the instance knows."""
        now = self.now
        if self._is_unreachable(share, now):
            return share.alone[False].wait_s(moment(now))
        self._lag_s += self._fresh(share, now) - now
        return wait_s(share.read, moment(now + instance.clock_error_s))

    def _is_unreachable(self, share: Share, now: float) -> bool:
        down = self.world.ledgers_down
        if now - share.failed_at < RETRY_S:
            return True
        if down is None or not down[0] <= now < down[1]:
            return False
        self._ask_ledger(READ_LEDGER)
        share.failed_at, share.read_at = now, -1e9
        return True

    def _fresh(self, share: Share, now: float) -> float:
        """Read the ledger where what is known of it is too old; return when that is done."""
        if now - share.read_at > FRESH_S:
            self._ask_ledger(READ_LEDGER)
            now += self.world.storage_latency_s
            share.read, share.read_at = share.language.ledger, now
        return now

    def _permit(
        self,
        instance: Instance,
        share: Share,
        kind: RequestKind,
        send_at: datetime | None,
        batch: Batch,
        then: Then,
        now: float,
    ) -> None:
        """Ask for a request, and go on with what the budget says; a short wait is waited for here."""
        limit = self.world.requests_per_minute
        if self._is_unreachable(share, now):
            alone = share.alone[kind is not RequestKind.SUBMISSION].take(kind, moment(now))
            if not alone:
                share.sent_alone.append((now, submission_cost(limit) if kind is RequestKind.SUBMISSION else 1))
            then(alone, now)
            return
        if kind is RequestKind.FIRST_POLL and submission_cost(limit) > 1:
            now = self._fresh(share, now)
            left_s = pause_s(share.read, moment(now + instance.clock_error_s))
            self._go_on(then, Wait(left_s) if left_s > 0 else None, batch, now)
            return
        if send_at:
            now = self._fresh(share, now)
            at = moment(now + instance.clock_error_s)
            if is_as_booked(share.read, send_at, at):
                self._until(instance, Wait((send_at - at).total_seconds(), send_at), batch, then, now)
                return

        def change(ledger: RequestLedger, at: datetime) -> tuple[RequestLedger, Wait]:
            first = seconds_of(at) - WINDOW_S
            sent = sum(requests for when, requests in share.sent_alone if when > first)
            charged = charge(ledger, limit, at, sent) if sent else ledger
            booking = book(charged, limit, at, send_at, is_poll=kind.is_poll)
            learned = instance.poll_timer.share(ledger.first_poll_s)
            seconds = (booking.send_at - at).total_seconds()
            wait = Wait(seconds, booking.send_at if booking.is_booked else None)
            return with_first_poll(booking.ledger, learned), wait

        def go_on(wait: Wait, at: float) -> None:
            share.sent_alone.clear()
            self._until(instance, wait, batch, then, at)

        self._change(instance, share, change, go_on, batch, now)

    def _go_on(self, then: Then, wait: Wait | None, batch: Batch, now: float) -> None:
        """Go on at a time that may not have come yet, so that requests reach the service in their order."""
        if now > self.now:
            self._at(now, lambda at: then(wait, at), batch)
        else:
            then(wait, now)

    def _until(self, instance: Instance, wait: Wait, batch: Batch, then: Then, now: float) -> None:
        if not wait.send_at or wait.seconds > HOLD_S:
            then(wait, now)
        elif wait.seconds <= 0:
            self._go_on(then, None, batch, now)
        else:
            instance.occupy(now, now + wait.seconds)
            self._at(now + wait.seconds, lambda at: then(None, at), batch)

    def _change(
        self,
        instance: Instance,
        share: Share,
        change: Callable[[RequestLedger, datetime], tuple[RequestLedger, T]],
        then: Callable[[T, float], None],
        batch: Batch | None,
        now: float,
        races: int = 0,
    ) -> None:
        """Change the ledger by compare-and-set and go on with `then`: a read, if the last is not new, and a write."""
        begun, language = now, share.language
        if now - share.read_at > RACE_WAITS_S[0]:
            self._ask_ledger(READ_LEDGER)
            begun += self.world.storage_latency_s
        version = -1

        def read(at: float) -> None:
            nonlocal version
            version = language.version
            self._at(at + self.world.storage_latency_s, write, batch)

        def write(at: float) -> None:
            self._ask_ledger(WRITE_LEDGER)
            if version != language.version:
                self.outcome.races += 1
                wait = min(RACE_WAITS_S[1], RACE_WAITS_S[0] * 2**races) * self._rng.uniform(0.5, 1.5)
                again = partial(self._change, instance, share, change, then, batch, races=races + 1)
                self._at(at + wait, lambda later: again(now=later), batch)
                return
            language.ledger, result = change(language.ledger, moment(at + instance.clock_error_s))
            language.version += 1
            share.read, share.read_at = language.ledger, at
            instance.occupy(now, at)
            then(result, at)

        self._at(begun, read, batch)

    # --- The blob trigger ---

    def _take_on(self, instance: Instance, now: float) -> None:
        """Fill one batch after the other: one run leads it, the others come, are listed, claim and go."""
        is_full = instance.is_filling or len(instance.waiting) >= MAX_WAITING
        if not instance.is_alive or is_full or not self._backlog.left:
            return
        if instance.opens_at > now:
            self._at(instance.opens_at, partial(self._take_on, instance))
            return
        if instance.waiting and not instance.waiting[0].has_asked and instance.last_wait_s > NEXT_AHEAD_S:
            return  # It is about to be told about the same as the one before it.
        instance.is_filling = True
        size, runs = self._backlog.take(), self.world.runs_at_once
        self._jobs += 1
        batch = Batch(new_job(f"job-{self._jobs}", None, (CHUNK,), WORK, moment(now), None), size, now)
        self._hold(instance, batch, "filling", now)
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
        self._at(done, partial(self._filled, instance, batch), batch)

    def _filled(self, instance: Instance, batch: Batch, now: float) -> None:
        """Let a full batch wait for its send time, which it books when its turn has come."""
        instance.is_filling = False
        instance.waiting.append(batch)
        self._hold(instance, batch, "waiting", now)
        if len(instance.waiting) == 1 or instance.last_wait_s < SHORT_WAIT_S:
            self._ask(instance, batch, now)
        self._take_on(instance, now)

    def _ask(self, instance: Instance, batch: Batch, now: float, share: Share | None = None) -> None:
        """Ask for the permit of the first batch that waits, at the resource that can take it soonest.

        Once a send time is booked it is asked again at that resource, with the send time.
        """
        batch.is_asking = True
        if share is None:
            name = instance.services.for_texts(batch.record).name
            share = instance.shares[str(name)]
            now += self._lag()
        go_on = partial(self._answered, instance, batch, share)
        self._permit(instance, share, RequestKind.SUBMISSION, batch.record.send_at, batch, go_on, now)

    def _answered(self, instance: Instance, batch: Batch, share: Share, wait: Wait | None, now: float) -> None:
        if not batch.has_asked and (wait is None or wait.send_at):
            instance.last_wait_s = wait.seconds if wait else 0.0
            instance.opens_at = now + min(instance.last_wait_s - NEXT_AHEAD_S, LONGEST_PAUSE_HOLDS * LONGEST_HOLD_S)
        batch.has_asked = True
        if wait and wait.send_at and now + wait.seconds <= batch.opened_at + LONGEST_HOLD_S:
            # Its leader, and the runs that find no room, are held until then.
            held = 1 if len(instance.waiting) < MAX_WAITING else self.world.runs_at_once
            self.outcome.function_seconds += wait.seconds * held
            instance.occupy(now, now + wait.seconds)
            batch.record = _with_send_time(batch.record, wait.send_at)
            self._at(now + wait.seconds, lambda at: self._ask(instance, batch, at, share), batch)
            self._take_on(instance, now)
            return
        instance.waiting.remove(batch)
        batch.record = _with_send_time(batch.record, None)
        if instance.waiting and not instance.waiting[0].is_asking:
            self._ask(instance, instance.waiting[0], now)
        self._take_on(instance, now)
        service = next(one for one in instance.services._pool if one.name == share.language.name)
        waiting = not_sent(batch.record)
        step = before_submission(waiting, service.prober.assess(batch.record), moment(now), service.policy())
        if not step and wait:
            self.outcome.deferred[DeferReason.BUDGET.value] += 1
            step = after_deferral(sent_to(waiting, service.name), _deferred(wait), moment(now), service.policy())
        if step:
            self._save(instance, batch, step, now)
        else:
            self._post(instance, batch, share, now)

    # --- A job's steps ---

    def _visible(self, now: float, delay_s: float) -> float:
        """Return when a message sent with a delay is received: whole seconds, then the queue's next poll."""
        return now + max(0, round(delay_s)) + self._rng.uniform(0.05, self.world.queue_poll_s)

    def _received(self, batch: Batch, now: float) -> None:
        """Let any instance take a job further."""
        alive = [each for each in self._instances if each.is_alive]
        if not alive:
            self._at(now + 1.0, partial(self._received, batch), batch)
            return
        instance = self._rng.choice(alive)
        self._hold(instance, batch, "step", now)
        self.outcome.steps += 1
        done = self._run(instance, now, STEP, in_a_row=2, processor_s=self.world.step_processor_s)
        self.outcome.function_seconds += done - now
        act = self._submit if batch.record.state is JobState.WAITING else self._poll
        self._at(done, partial(act, instance, batch), batch)

    def _submit(self, instance: Instance, batch: Batch, now: float) -> None:
        job, services = batch.record, instance.services
        service = services.for_texts(job)
        if job.awaits_verdict and service is not services.of(job):
            job = retry_elsewhere(job, moment(now))
        step = before_submission(job, service.prober.assess(job), moment(now), service.policy())
        now += self._lag()
        if step:
            self._save(instance, batch, step, now)
            return
        share = instance.shares[str(service.name)]

        def go_on(wait: Wait | None, at: float) -> None:
            if wait:
                self.outcome.deferred[DeferReason.BUDGET.value] += 1
                chosen = sent_to(job, service.name) if wait.send_at else job
                self._save(instance, batch, after_deferral(chosen, _deferred(wait), moment(at), service.policy()), at)
                return
            done = self._run(
                instance,
                at,
                to_submit_again(batch.documents),
                in_a_row=3,
                processor_s=batch.documents * self.world.result_processor_s / 2,
            )
            self.outcome.function_seconds += done - at
            batch.record = reserve(job, moment(done))
            self._at(done, partial(self._post, instance, batch, share), batch)

        send_at = job.send_at if service.name == job.resource else None
        self._permit(instance, share, RequestKind.SUBMISSION, send_at, batch, go_on, now)

    def _post(self, instance: Instance, batch: Batch, share: Share, now: float) -> None:
        """Send a reserved job's request."""
        self._hold(instance, batch, "reserved", now)
        job = sent_to(batch.record, share.language.name)
        refusal = self.send(share, "submissions", now, instance)
        done = self._run(instance, now, SAVE_JOB, in_a_row=2) + self.world.service_latency_s
        self.outcome.function_seconds += done - now
        if not refusal:
            batch.duration_s = share.language.job_seconds()
            batch.ends_at = done + batch.duration_s
            self.outcome.jobs += 1
            self.outcome.records += batch.documents * self._records_each
            self.outcome.submitted_again += batch.documents if batch.first_end is not None else 0
            batch.first_end = batch.ends_at if batch.first_end is None else batch.first_end
        step = after_submission(job, refusal or Accepted("operation"), moment(done), self._policy(instance))
        self._at(done, partial(self._perform, instance, batch, step), batch)

    def _poll(self, instance: Instance, batch: Batch, now: float) -> None:
        job = batch.record
        share = instance.shares[str(job.resource)]
        is_first = job.polls == 0 and job.waits == 0 and not batch.is_again

        def go_on(wait: Wait | None, at: float) -> None:
            if wait:
                self.outcome.deferred[DeferReason.BUDGET.value] += 1
                self._save(instance, batch, after_poll(job, _deferred(wait), moment(at), self._policy(instance)), at)
                return
            answer: Progress | None = self.send(share, "polls", at, instance)
            if not answer:
                answer = FINISHED if at >= batch.ends_at else StillRunning("running")
            if answer is FINISHED:
                answer = self._further_pages(instance, share, batch, at) or answer
            done = at + self.world.service_latency_s
            instance.occupy(at, done)
            self.outcome.function_seconds += done - at
            self._at(done, partial(self._heed, instance, batch, answer), batch)

        kind = RequestKind.FIRST_POLL if is_first else RequestKind.POLL
        self._permit(instance, share, kind, job.send_at, batch, go_on, now)

    def _further_pages(self, instance: Instance, share: Share, batch: Batch, now: float) -> Deferred | None:
        for _ in range(-(-batch.documents // self.world.page_size) - 1):
            refusal = self.send(share, "pages", now, instance)
            if refusal:
                return refusal
        return None

    def _heed(self, instance: Instance, batch: Batch, answer: Progress, now: float) -> None:
        """Do what the answer to a poll leads to."""
        step = after_poll(batch.record, answer, moment(now), self._policy(instance))
        if step.job:
            self._save(instance, batch, step, now)
            return
        instance.poll_timer.saw(batch.duration_s)
        done = self._run(
            instance,
            now,
            to_finish(batch.documents),
            in_a_row=4,
            processor_s=batch.documents * self.world.result_processor_s,
        )
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._perform, instance, batch, step), batch)

    def _save(self, instance: Instance, batch: Batch, step: Step, now: float) -> None:
        done = self._run(instance, now, SAVE_JOB, in_a_row=2)
        self.outcome.function_seconds += done - now
        self._at(done, partial(self._perform, instance, batch, step), batch)

    def _perform(self, instance: Instance, batch: Batch, step: Step, now: float) -> None:
        """Tell the health of the resource, and put the job's message on the queue; or count its results."""
        instance.in_hand.pop(batch, None)
        service = instance.services.of(step.job or batch.record)
        if service and step.succeeded:
            service.prober.record_success(batch.record)
        if service and step.failure:
            service.prober.record_failure(batch.record, step.failure)
        now += self._lag()
        batch.hand, batch.is_again = "", False
        if step.job:
            batch.record = step.job
            delay_s = (step.job.due - moment(now)).total_seconds()
            self._at(self._visible(now, delay_s), partial(self._received, batch), batch)
            return
        assert batch.first_end is not None, "a result without a submission"
        self.outcome.documents += batch.documents
        self.outcome.delays.append(now - batch.first_end)
        self.outcome.done.append((now, batch.documents))
        self.outcome.seconds = max(self.outcome.seconds, now)

    # --- The service ---

    def send(self, share: Share, name: str, now: float, instance: Instance | None = None) -> Deferred | None:
        """Send a request; return why it has to come back where it is refused."""
        language = share.language
        if language.is_down(now):
            self.outcome.requests["down"] += 1
            return _DOWN
        asked = language.admit(now)
        if asked is None:
            self.outcome.requests[name] += 1
            return None
        self.outcome.requests["refused"] += 1
        self.outcome.deferred[DeferReason.THROTTLED.value] += 1
        pause = min(asked, 60.0)
        if instance:
            self._change(
                instance, share, lambda ledger, at: (throttled(ledger, pause, at), None), lambda *_: None, None, now
            )
        return Deferred(DeferReason.THROTTLED, _OVER_BUDGET, asked)


def _with_send_time(job: Job, send_at: datetime | None) -> Job:

    return msgspec.structs.replace(job, send_at=send_at)


def _deferred(wait: Wait) -> Deferred:
    return Deferred(DeferReason.BUDGET, wait.problem or _OVER_BUDGET, max(0.0, wait.seconds), wait.send_at)


def simulate(world: World) -> Outcome:
    """Run one world to its end."""
    return Simulation(world).run()
