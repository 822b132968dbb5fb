"""What `python -m tests.benchmarks.scale` simulates, what things cost in it, and what a run came to."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from functions.core.packing import MAX_REQUEST_DOCUMENTS
from local.process import ROOT

from .documents import CHARACTERS
from .prices import prices

_HOST = json.loads((ROOT / "host.json").read_text("utf-8"))


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
    """Share of the limit of each resource that another application uses."""
    kill_every_s: float | None = None
    """How often an instance is killed, one after the other by chance; None: never."""
    start_every_s: float | None = None
    """How far apart instances are added, beginning with one; None: all are there from the beginning."""
    cold_start_s: float = 5.0
    """From the start of an instance until its triggers run; an assumption, Python apps take two to ten seconds."""
    resource_down: tuple[float, float] | None = None
    """From when until when the first resource refuses connections."""
    ledgers_down: tuple[float, float] | None = None
    """From when until when the ledgers of the request budget can be neither read nor written."""
    redelivery_s: float = 600.0
    """How long the host hides a message that it has given to a run; `MESSAGE_LEASE_S` of the local host."""
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

# Counted in the storage emulator's log (`python -m tests.benchmarks.bench --only transactions`); the trigger's own
# part is that of the Event Grid source: message, look at the blob, deletion, and a share of the fetches.
TRIGGER = Storage(reads=1, queue=2 + 1 / 16)
SUBMIT_DOCUMENT = Storage(reads=1, writes=1)
LISTING = Storage(writes=0.35)
OPEN_JOB = Storage(writes=1, queue=1)
SAVE_JOB = Storage(writes=1, queue=1)
STEP = Storage(reads=1, queue=4)
"""Among them the two by which a step keeps its message hidden while its worker lives, and deletes it."""
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
    """Storage requests for ledgers of the request budget; they are among the others, too."""
    health_requests: int = 0
    """The same for the health of the resources."""
    kills: int = 0
    taken_up: int = 0
    """Jobs that a killed instance had in hand."""
    submitted_again: int = 0
    """Documents that were accepted more than once."""
    races: int = 0
    """Writes of a ledger that another instance was faster with."""
    stored: Counter[Storage] = field(default_factory=Counter)
    """How often each sort of work with the storage was done."""
    function_seconds: float = 0.0
    instance_seconds: float = 0.0
    """Time in which an instance ran at least one function: what Flex Consumption bills."""
    processor_seconds: float = 0.0
    delays: list[float] = field(default_factory=list)
    """Seconds from the end of each job at the service to its results; of a job that was submitted again, from the first
    of these ends."""
    done: list[tuple[float, int]] = field(default_factory=list)
    """When results were written, and of how many documents."""

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
            "requests": sent / (world.resources * world.requests_per_minute * max(1.0, self.seconds / 60)),
            "processors": self.processor_seconds / (world.instances * self.seconds),
            "storage": self.storage.total / (world.storage_requests_per_s * self.seconds),
        }

    @property
    def per_minute(self) -> float:
        """Documents a minute."""
        return 60 * self.documents / self.seconds

    @property
    def floor(self) -> float:
        """The part that the documents a minute are of what full jobs of one submission and one poll would allow."""
        return self.per_minute / (self.world.resources * self.world.requests_per_minute / 2 * MAX_REQUEST_DOCUMENTS)

    @property
    def refused(self) -> float:
        """The part of the requests that the service refused."""
        return self.requests["refused"] / max(1, self.requests.total())

    def delay(self, share: float) -> float:
        """Return within how many seconds a share of the jobs had their results."""
        return sorted(self.delays)[int(share * (len(self.delays) - 1))]

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
