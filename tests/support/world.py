"""A small world for the app: stores in memory, the Language stand-in without a port, and a clock that tests move.

`World` plays the host: it delivers document events and queue messages, releases and poisons what fails as the host
does, runs the rescue triggers, and moves the clock to whatever comes next. Nothing sleeps and nothing is random twice.

Every storage, queue and service call of the app passes the world's gate, once before and once after it is carried
out. What tests do to the app (crash it, fail a call, let somebody else act in between) they do there.
"""

import copyreg
import json
import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import lru_cache, partial
from itertools import count
from typing import Any, Literal, NamedTuple, TypeVar

import requests
from requests.adapters import BaseAdapter

from functions.app import (
    EntityDrop,
    LanguageParts,
    Parts,
    ReadingParts,
    daily_records,
    new_id,
)
from functions.core.daily_count import DailyCount
from functions.core.jobs import JobMessage
from functions.core.records import Record
from functions.core.request_ledger import RequestLedger
from functions.core.results import entities_name, error_name
from functions.errors import Missing
from functions.language.auth import KeyAuth
from functions.language.authoring import AuthoringClient
from functions.language.budget import RequestBudget
from functions.language.client import LanguageClient
from functions.language.daily_records import DailyRecords
from functions.language.poll_timer import PollTimer
from functions.language.shared_budget import SharedBudget
from functions.reading.read_client import ReadClient
from functions.settings import LanguageResource, Settings
from functions.storage.containers import Blob, BlobInfo, Container, Page
from functions.storage.document_store import DocumentStore
from functions.storage.expiry_store import EXPIRIES, ExpiryStore
from functions.storage.extracted_store import ExtractedStore
from functions.storage.index_store import INDEX, IndexStore
from functions.storage.job_queue import JobQueue, Receipt, Received
from functions.storage.journal_store import JOURNAL, SUMMARY, JournalStore
from functions.storage.ledger_store import DAILY, LEDGERS, HealthMonitor, HealthStore, request_ledger_name
from functions.storage.memory_containers import MemoryContainer
from functions.storage.memory_queue import MemoryQueue, QueuedMessage
from functions.storage.poison_queue import PoisonQueue
from functions.storage.record_store import RecordStore
from functions.storage.rules_store import RulesStore
from functions.storage.shared_record import SharedRecord
from functions.text.chunks import ReadyChunk
from functions.text.formats.extraction import Extracted
from functions.workflows.batching import Batch, Entry, Submitter
from functions.workflows.reconcile import Tally
from functions.workflows.working_copies import WorkingCopies
from local.document_intelligence.behaviour import Behaviour as BehaviourOfReading
from local.document_intelligence.faults import FaultPlan as FaultPlanOfReading
from local.document_intelligence.service import DocumentIntelligence
from local.language_service.authoring_state import Authoring
from local.language_service.behaviour import Behaviour
from local.language_service.counters import text_digest
from local.language_service.faults import FaultPlan
from local.language_service.labels import ProjectKind
from local.language_service.model import Entity
from local.language_service.service import LanguageService
from local.stand_in.faults import Scripted
from local.stand_in.in_process import InProcessAdapter, MovableClock
from tests.support.reading import ENDPOINT as READING_ENDPOINT
from tests.support.reading import KEY as READING_KEY
from tests.support.web import PlainSigner

INPUT_CONTAINER = "documents"
ENDPOINT = "https://loans.cognitiveservices.azure.com"
KEY = "local"

MAX_DEQUEUE_COUNT = 5
RETRY_AFTER_S = 30.0
"""`maxDequeueCount` and `visibilityTimeout` of host.json."""

HIDDEN_S = 600.0
"""How long the host hides a message in work; that of a worker that dies comes back after it."""

SETTINGS = {
    "LANGUAGE_ENDPOINT": ENDPOINT,
    "LANGUAGE_KEY": KEY,
    "LANGUAGE_PROJECT": "loans",
    "LANGUAGE_DEPLOYMENT": "production",
    "DocumentStorage": "UseDevelopmentStorage=true",
    "BATCH_LINGER_MS": "0",
}

OCR_SETTINGS = {"DOCUMENT_INTELLIGENCE_ENDPOINT": READING_ENDPOINT, "DOCUMENT_INTELLIGENCE_KEY": READING_KEY}


def endpoint_of(number: int) -> str:
    """Return the endpoint of a Language resource of a world, counted from 0."""
    return f"https://loans-{number}.cognitiveservices.azure.com" if number else ENDPOINT


def key_of(number: int) -> str:
    """Return the key of a Language resource of a world."""
    return f"{KEY}-{number}" if number else KEY


_PATTERN = re.compile(r"(?P<Name>\b[A-Z][a-z]+ [A-Z][a-z]+\b)|(?P<Amount>\$\d+\b)")


@lru_cache(maxsize=200)
def _find(text: str) -> tuple[Entity, ...]:
    return tuple(
        Entity(str(found.lastgroup), found.start(), found.end() - found.start(), 0.9, found.group())
        for found in _PATTERN.finditer(text)
    )


class PatternProject:
    """A deployed project that finds names (two capitalised words) and amounts: what is right is plain to see."""

    name: str | None = "loans"
    kind = ProjectKind.ENTITIES

    def entities(self, text: str) -> Sequence[Entity]:
        """Find the names and amounts of a text."""
        return _find(text)

    def classes(self, text: str) -> list[tuple[str, float]]:
        """Find nothing: the project does not classify."""
        return []


class WordClasses:
    """A deployed project that gives a text the classes whose names it has: `loan` and `travel`, or else `other`."""

    def __init__(self, kind: ProjectKind) -> None:
        self.name: str | None = "notes" if kind is ProjectKind.SINGLE_LABEL else "tags"
        self.kind = kind

    def entities(self, text: str) -> Sequence[Entity]:
        """Find nothing: the project classifies."""
        return ()

    def classes(self, text: str) -> list[tuple[str, float]]:
        """Find the classes of a text; the more often a class is named, the surer."""
        counts = {name: text.lower().count(name) for name in ("loan", "travel")}
        found = [(name, min(0.99, 0.5 + count / 10)) for name, count in counts.items() if count]
        found.sort(key=lambda one: -one[1])
        return (found or [("other", 0.4)])[:1] if self.kind is ProjectKind.SINGLE_LABEL else found


CLASSES = (WordClasses(ProjectKind.SINGLE_LABEL), WordClasses(ProjectKind.MULTI_LABEL))
PROJECTS = (PatternProject(), *CLASSES)


def letter(number: int, version: int = 1) -> str:
    """Return the text of a document that no other number or version has."""
    return (
        f"Dear Reader {number},\nMary Miller borrows ${1000 + number} from Alan Archer.\nVersion {version} as agreed.\n"
    )


def pairs_in(text: str) -> list[tuple[str, int, int, str]]:
    """Return what the model finds in a text, as (category, offset, length, text)."""
    return [(found.category, found.offset, found.length, found.text) for found in PatternProject().entities(text)]


# --- The gate ---

T = TypeVar("T")
R = TypeVar("R", bound=Record)

Place = Literal["intake", "output", "state", "queue", "service"]
Moment = Literal["before", "after"]


class Call(NamedTuple):
    """One call of the app to the world outside, before or after it is carried out."""

    place: Place
    action: str
    name: str
    moment: Moment


Gate = Callable[[Call], None]
"""May raise what the call then raises, or do anything else in the meantime."""


class Crash(BaseException):
    """The process is killed: no handler of the app may catch this."""


class GatedContainer:
    """A container behind the gate."""

    def __init__(self, inner: Container, place: Place, gate: Gate) -> None:
        self._inner, self._place, self._gate = inner, place, gate

    def read(self, name: str, **options: Any) -> Blob:
        return self._pass("read", name, lambda: self._inner.read(name, **options))

    def get_properties(self, name: str) -> BlobInfo:
        return self._pass("get_properties", name, lambda: self._inner.get_properties(name))

    def write(self, name: str, data: bytes, **options: Any) -> str:
        return self._pass("write", name, lambda: self._inner.write(name, data, **options))

    def append(self, name: str, data: bytes) -> None:
        self._pass("append", name, lambda: self._inner.append(name, data))

    def copy(self, name: str, source: Container, source_name: str) -> None:
        self._pass("copy", name, lambda: self._inner.copy(name, source, source_name))

    def delete(self, name: str, **options: Any) -> None:
        self._pass("delete", name, lambda: self._inner.delete(name, **options))

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        return self._pass("list", prefix, lambda: self._inner.list(prefix))

    def list_page(self, prefix: str, marker: str, most: int) -> Page:
        return self._pass("list", prefix, lambda: self._inner.list_page(prefix, marker, most))

    def _pass(self, action: str, name: str, act: Callable[[], T]) -> T:
        self._gate(Call(self._place, action, name, "before"))
        done = act()
        self._gate(Call(self._place, action, name, "after"))
        return done


class GatedQueue:
    """The job queue behind the gate."""

    def __init__(self, inner: JobQueue, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    def send(self, message: JobMessage, delay_s: float, ttl_s: float | None = None) -> Receipt:
        self._gate(Call("queue", "send", message.job, "before"))
        receipt = self._inner.send(message, delay_s, ttl_s)
        self._gate(Call("queue", "send", message.job, "after"))
        return receipt

    def resend(self, receipt: Receipt, message: JobMessage, delay_s: float) -> Receipt:
        self._gate(Call("queue", "resend", message.job, "before"))
        changed = self._inner.resend(receipt, message, delay_s)
        self._gate(Call("queue", "resend", message.job, "after"))
        return changed

    def discard(self, receipt: Receipt) -> None:
        self._gate(Call("queue", "discard", receipt.message_id, "before"))
        self._inner.discard(receipt)
        self._gate(Call("queue", "discard", receipt.message_id, "after"))

    def hide(self, receipt: Receipt, delay_s: float) -> Receipt | None:
        self._gate(Call("queue", "hide", receipt.message_id, "before"))
        changed = self._inner.hide(receipt, delay_s)
        self._gate(Call("queue", "hide", receipt.message_id, "after"))
        return changed


class Exchange(NamedTuple):
    """One request that the service was sent, and its answer; `status` is None where none arrived."""

    at: datetime
    method: str
    path: str
    status: int | None


class GatedService(BaseAdapter):
    """The way to the service, behind the gate; keeps a list of what went over it."""

    def __init__(self, inner: InProcessAdapter, gate: Gate, clock: MovableClock) -> None:
        super().__init__()
        self._inner, self._gate, self._clock = inner, gate, clock
        self.exchanges: list[Exchange] = []
        self.rewrite: Callable[[requests.Response], None] = lambda response: None

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        method, path = str(request.method), str(request.path_url)
        self._gate(Call("service", method, path, "before"))
        try:
            response = self._inner.send(request, *args, **options)
        except requests.RequestException:
            self.exchanges.append(Exchange(self._clock(), method, path, None))
            raise
        self.rewrite(response)
        self.exchanges.append(Exchange(self._clock(), method, path, response.status_code))
        self._gate(Call("service", method, path, "after"))
        return response

    def close(self) -> None:
        self._inner.close()


class ForeignHosts(BaseAdapter):
    """Every host that is not the endpoint: nobody of the app has any business there."""

    def __init__(self) -> None:
        super().__init__()
        self.visits: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        self.visits.append(str(request.url))
        raise requests.ConnectionError(f"{request.url} is not the endpoint", request=request)

    def close(self) -> None:
        return


class PlainSession(requests.Session):
    """Adds nothing to requests: cookies, default headers and proxies would take an eighth of a world's time."""

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = request.method, request.url
        prepared.prepare_headers(request.headers)
        prepared.prepare_body(request.data, None)
        prepared.prepare_auth(request.auth)
        return prepared

    def merge_environment_settings(self, *_: Any) -> dict[str, Any]:
        return {"verify": True, "proxies": {}, "stream": False, "cert": None}


class Inline(ThreadPoolExecutor):
    """Does at once what it is given, in the caller's thread, so that runs repeat exactly."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


# --- The world ---


def advance(app: EntityDrop, message: QueuedMessage) -> None:
    """Give a received message to the job queue's trigger, with what the host tells of it."""
    app.poller.advance(message.text, Received(Receipt(message.id, message.pop_receipt), message.dequeue_count))


class HandTimers:
    """Timers that go off when a test says so."""

    def __init__(self) -> None:
        self.started: list[Callable[[], None]] = []

    def __call__(self, delay_s: float, act: Callable[[], None]) -> Callable[[], None]:
        self.started.append(act)
        return partial(self._cancel, act)

    def _cancel(self, act: Callable[[], None]) -> None:
        if act in self.started:
            self.started.remove(act)

    def go_off(self) -> None:
        """Let all of them go off that were started by now."""
        due, self.started = self.started, []
        for act in due:
            act()


@dataclass(slots=True)
class _Trigger:
    """A queue of the host, what its messages wake, and where a message goes that failed too often."""

    queue: MemoryQueue
    run: Callable[[QueuedMessage], None]
    retry_s: float = RETRY_AFTER_S
    poison: MemoryQueue | None = None


@dataclass(slots=True)
class Worker:
    """One process with the app in it; its memory (open batch, request budget, poll timer) dies with it."""

    app: EntityDrop
    wire: GatedService
    foreign: ForeignHosts
    other_wires: tuple[GatedService, ...] = ()
    """To further Language resources."""


# What stores and service have in them that pickle does not know: a copy has locks of its own, and counts on.
copyreg.pickle(type(threading.Lock()), lambda _: (threading.Lock, ()))  # type: ignore[arg-type]
copyreg.pickle(type(threading.RLock()), lambda _: (threading.RLock, ()))  # type: ignore[arg-type]
copyreg.pickle(count, lambda numbers: (count, (next(numbers),)))


@lru_cache
def _settings(environ: frozenset[tuple[str, str]]) -> Settings:
    return Settings.from_env(dict(environ))


class _JobIds:
    """Gives the jobs of the service ids that are the same in each run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> str:
        return f"service-job-{next(self._numbers)}"


@dataclass(slots=True)
class World:
    """Storage, service, clock and host of one test.

    It can be pickled, which saves preparing the same one many times: each copy has a new worker and no gate.
    """

    seed: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    behaviour: Behaviour = field(default_factory=Behaviour)
    gate: Gate | None = None
    extract: Callable[[bytes], Extracted] | None = None
    """What extracts texts from files; without it only text is read."""
    resources: int = 1
    """Language resources that share the work."""
    has_ocr: bool = False
    """Whether the app has a Document Intelligence resource."""
    reading_behaviour: dict[str, Any] = field(default_factory=dict)
    """Of that resource's stand-in."""
    project: Any = field(default_factory=PatternProject)
    """The model that is deployed at the service."""
    authoring: Authoring | None = None
    """What the service's authoring API knows; without it, it describes the projects and trains nothing."""
    training: Any = None
    """The container of the texts that models are trained from."""
    new_id: Callable[[], str] = new_id
    longest_hold_s: float = 0
    """How long a batch waits for its send time, in real seconds; jobs with a later one go to the queue."""
    timers: HandTimers = field(default_factory=HandTimers)
    clock: MovableClock = field(default_factory=MovableClock)
    intake: Any = None
    output: Any = None
    state: Any = None

    faults: FaultPlan = field(init=False)
    service: LanguageService = field(init=False)
    reading_faults: FaultPlanOfReading = field(init=False)
    reader: DocumentIntelligence = field(init=False)
    jobs: MemoryQueue = field(init=False)
    poisoned_jobs: MemoryQueue = field(init=False)
    events: MemoryQueue = field(init=False)
    poisoned_events: MemoryQueue = field(init=False)
    others: dict[str, LanguageService] = field(init=False)
    """Further Language resources, by their endpoint."""
    worker: Worker = field(init=False)
    rewrite: Callable[[requests.Response], None] = field(init=False, default=lambda response: None)
    versions: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.intake = self.intake or MemoryContainer(self.clock)
        self.output = self.output or MemoryContainer(self.clock)
        self.state = self.state or MemoryContainer(self.clock)
        self.training = self.training or MemoryContainer(self.clock)
        self.jobs, self.poisoned_jobs, self.events, self.poisoned_events = (MemoryQueue(self.clock) for _ in range(4))
        self.faults = FaultPlan(seed=self.seed)
        self.service = LanguageService(
            [self.project, *CLASSES],
            key=KEY,
            behaviour=self.behaviour,
            faults=self.faults,
            clock=self.clock,
            new_job_id=_JobIds(),
            authoring=self.authoring,
        )
        self.others = {
            endpoint_of(number): LanguageService(
                PROJECTS, key=key_of(number), behaviour=self.behaviour, clock=self.clock, new_job_id=_JobIds()
            )
            for number in range(1, self.resources)
        }
        self.reading_faults = FaultPlanOfReading(seed=self.seed)
        self.reader = DocumentIntelligence(
            behaviour=BehaviourOfReading(job_seconds=(2.0, 2.0), **self.reading_behaviour),
            faults=self.reading_faults,
            clock=self.clock,
        )
        self.worker = self.start_worker()

    def __getstate__(self) -> dict[str, Any]:
        left_out = {"gate", "rewrite", "worker", "timers"}
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.gate, self.rewrite, self.timers = None, lambda response: None, HandTimers()
        self.worker = self.start_worker()

    @property
    def app(self) -> EntityDrop:
        """The app of the world's first worker."""
        return self.worker.app

    # --- Workers ---

    def start_worker(self, gate: Gate | None = None) -> Worker:
        """Return a new process with the app; `gate` defaults to the world's."""
        read = _settings(frozenset(self._environ().items()))
        pass_gate = gate or self._pass_gate
        wire = GatedService(InProcessAdapter(self.service, self.clock.advance), pass_gate, self.clock)
        foreign = ForeignHosts()
        session = PlainSession()
        session.mount("https://", foreign)
        session.mount("http://", foreign)
        session.mount(ENDPOINT, wire)
        others = {
            endpoint: GatedService(InProcessAdapter(service, self.clock.advance), pass_gate, self.clock)
            for endpoint, service in self.others.items()
        }
        for endpoint, other in others.items():
            session.mount(endpoint, other)
        reading_wire = GatedService(InProcessAdapter(self.reader, self.clock.advance), pass_gate, self.clock)
        session.mount(READING_ENDPOINT, reading_wire)
        poll_timer = PollTimer(read.first_poll_seconds, read.max_poll_seconds)
        daily = daily_records(read, self._shared_record(pass_gate, DAILY, DailyCount()))
        parts = Parts(
            settings=read,
            documents=DocumentStore(
                GatedContainer(self.intake, "intake", pass_gate), GatedContainer(self.output, "output", pass_gate)
            ),
            records=RecordStore(GatedContainer(self.state, "state", pass_gate)),
            extracted=ExtractedStore(GatedContainer(self.state, "state", pass_gate)),
            expiries=ExpiryStore(GatedContainer(self.state, "state", pass_gate)),
            rules=RulesStore(GatedContainer(self.state, "state", pass_gate)),
            extract=self.extract,
            journal=JournalStore(GatedContainer(self.state, "state", pass_gate), "worker"),
            index=IndexStore(GatedContainer(self.state, "state", pass_gate)),
            state=GatedContainer(self.state, "state", pass_gate),
            queue=GatedQueue(self.jobs, pass_gate),
            poison_queue=PoisonQueue(self.poisoned_events),
            pool=tuple(
                self._language_parts(read, one, session, pass_gate, poll_timer, daily)
                for one in read.language_resources
            ),
            poll_timer=poll_timer,
            reading=self._reading_parts(read, session, pass_gate),
            upload_signer=PlainSigner(),
            clock=self.clock,
            sleep=self.clock.advance,
            later=lambda flush: None,
            longest_hold_s=self.longest_hold_s,
            start_timer=self.timers,
            new_id=self.new_id,
            rng=random.Random(self.seed),
            storage_threads=Inline(),
        )
        return Worker(EntityDrop(parts), wire, foreign, tuple(others.values()))

    def _environ(self) -> dict[str, str]:
        environ = {**SETTINGS, **(OCR_SETTINGS if self.has_ocr else {})}
        if self.resources > 1:
            del environ["LANGUAGE_ENDPOINT"], environ["LANGUAGE_KEY"]
            environ["LANGUAGE_ENDPOINTS"] = ",".join(map(endpoint_of, range(self.resources)))
            environ["LANGUAGE_KEYS"] = ",".join(map(key_of, range(self.resources)))
        return {**environ, **self.settings}

    def _language_parts(
        self,
        read: Settings,
        resource: LanguageResource,
        session: requests.Session,
        pass_gate: Gate,
        poll_timer: PollTimer,
        daily: DailyRecords | None,
    ) -> LanguageParts:
        budget = SharedBudget(
            self._shared_record(pass_gate, request_ledger_name(resource.endpoint), RequestLedger()),
            read.requests_per_minute,
            poll_timer,
            self.clock(),
            may_fall_back=daily is None,
            sleep=self.clock.advance,
        )
        health = HealthStore(GatedContainer(self.state, "state", pass_gate), resource.endpoint)
        return LanguageParts(
            name=resource.name,
            service=LanguageClient(
                resource.endpoint, session, KeyAuth(str(resource.key)), budget, self.clock, daily=daily
            ),
            health=HealthMonitor(health, self.clock),
            deployments=AuthoringClient(resource.endpoint, session, KeyAuth(str(resource.key)), self.clock),
        )

    def _shared_record(self, pass_gate: Gate, name: str, empty: R) -> SharedRecord[R]:
        return SharedRecord(
            GatedContainer(self.state, "state", pass_gate),
            name,
            empty,
            monotonic=lambda: self.clock().timestamp(),
            sleep=self.clock.advance,
            rng=random.Random(self.seed),
        )

    def _reading_parts(self, read: Settings, session: requests.Session, pass_gate: Gate) -> ReadingParts | None:
        endpoint = read.document_intelligence_endpoint
        if not endpoint:
            return None
        budget = RequestBudget(read.document_intelligence_requests_per_minute, self.clock())
        key = KeyAuth(str(read.document_intelligence_key))
        health = HealthStore(GatedContainer(self.state, "state", pass_gate), endpoint)
        return ReadingParts(
            service=ReadClient(endpoint, session, key, budget, self.clock),
            health=HealthMonitor(health, self.clock),
            poll_timer=PollTimer(read.first_poll_seconds, read.max_poll_seconds),
        )

    def restart(self, **settings: str) -> None:
        """Let a new process take over, perhaps with other settings: what a deployment or a crash does."""
        self.settings.update(settings)
        self.worker = self.start_worker()

    def keep_no_texts(self) -> None:
        """Let the worker keep no texts: what another instance would be, to which the job's message may come."""
        self.app.submitter._texts._cache._max_bytes = self.copies._memory_bytes = 0

    @property
    def copies(self) -> WorkingCopies:
        """The working copies of the first worker."""
        return self.app.submitter._texts._copies

    def rewrite_replies(self, rewrite: Callable[[requests.Response], None]) -> None:
        """Change the service's replies on their way, to this worker and to those that replace it."""
        self.rewrite = rewrite
        self.worker.wire.rewrite = rewrite

    def restart_keeping_rewrite(self) -> None:
        """Let a new process take over after a crash, with the same way to the service."""
        self.restart()
        self.worker.wire.rewrite = self.rewrite

    def _pass_gate(self, call: Call) -> None:
        if self.gate:
            self.gate(call)

    def calls_of(self, act: Callable[[], object]) -> list[str]:
        """Return the calls that something takes, in their order, each as its place, action and name.

        Left out are looks for rules, which documents share.
        """
        calls: list[str] = []

        def note(call: Call) -> None:
            if call.moment == "before" and not call.name.startswith("config/"):
                calls.append(f"{call.place} {call.action} {call.name.partition('?')[0]}")

        gate, self.gate = self.gate, note
        try:
            act()
        finally:
            self.gate = gate
        return calls

    # --- What people do ---

    def write_rules(self, *rules: dict[str, Any]) -> None:
        """Replace the rules by folder, and let so much time pass that every worker reads them again."""
        self.state.write("config/rules.json", json.dumps({"rules": rules}).encode())
        self.clock.advance(60)

    def drop(self, name: str, content: str | bytes, *, announce: bool = True) -> str:
        """Put a document into the intake, or replace it, and return its ETag; `announce=False` loses its event."""
        data = content.encode() if isinstance(content, str) else content
        etag: str = self.intake.write(name, data)
        self.versions.setdefault(name, []).append(etag)
        if announce:
            self.announce(name)
        return etag

    def announce(self, name: str, delay_s: float = 0) -> None:
        """Put the event of a document on the host's queue."""
        self.events.put(self.event_text(name), delay_s)

    def event_text(self, name: str) -> str:
        """Return the host's own message about a document."""
        return json.dumps({"Type": "BlobTrigger", "ContainerName": INPUT_CONTAINER, "BlobName": name})

    def remove(self, name: str) -> None:
        """Delete a document from the intake."""
        self.intake.delete(name)

    # --- What the host does ---

    @property
    def triggers(self) -> tuple[_Trigger, ...]:
        """The app's triggers with a queue, in the order in which the host looks at them."""
        app = self.worker.app
        return (
            # Blob messages are tried again at once, queue messages after `visibilityTimeout`.
            _Trigger(self.events, lambda message: self._submit(app, message.text), 0.0, self.poisoned_events),
            _Trigger(self.jobs, lambda message: advance(app, message), RETRY_AFTER_S, self.poisoned_jobs),
            # A poison queue has no poison queue: what fails stays hidden, and comes again.
            _Trigger(self.poisoned_events, lambda message: app.rescue.rescue_document(message.text, message.expires)),
            _Trigger(self.poisoned_jobs, lambda message: app.rescue.rescue_job(message.text)),
        )

    def _submit(self, app: EntityDrop, text: str) -> None:
        name = json.loads(text)["BlobName"]
        try:
            self.intake.get_properties(name)
        except Missing:
            return  # The host looks first, and runs nothing for a blob that is gone.
        app.submitter.submit(name)

    def deliver_together(self, *names: str) -> None:
        """Run the submissions of several documents at the same moment, so that they share a job, in this order.

        The event of a run that fails or dies comes again, as the host's would. Raises what the first of them raised.
        """
        together = _Together(self.worker.app, len(names))
        errors: list[BaseException] = []

        def run(name: str) -> None:
            try:
                together.submit(name)
            except BaseException as error:
                errors.append(error)
                together.miss_one()
                self.announce(name, HIDDEN_S if isinstance(error, Crash) else 0)
            finally:
                together.is_next()

        threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in names]
        for thread in threads:
            together.starts(thread)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def step(self) -> bool:
        """Receive and process one visible message; return False where there is none."""
        for trigger in self.triggers:
            message = trigger.queue.receive(HIDDEN_S)
            if message:
                self._process(trigger, message)
                return True
        return False

    def _process(self, trigger: _Trigger, message: QueuedMessage) -> None:
        try:
            trigger.run(message)
        except Exception:
            self._failed(trigger, message)
        else:
            trigger.queue.delete(message)

    def _failed(self, trigger: _Trigger, message: QueuedMessage) -> None:
        if trigger.poison is None:
            return  # It stays hidden until its ten minutes are over.
        if message.dequeue_count >= MAX_DEQUEUE_COUNT:
            trigger.poison.put(message.text)
            trigger.queue.delete(message)
        else:
            trigger.queue.release(message, trigger.retry_s)

    def run(self, *, within: timedelta = timedelta(days=30), max_steps: int = 20_000) -> None:
        """Process messages and move the clock to the next one until all queues are empty.

        Fails where they are not empty `within` a time, by the world's clock, or after `max_steps` messages.
        """
        end = self.clock() + within
        for _ in range(max_steps):
            if self.step():
                continue
            upcoming = self.next_message_at()
            if upcoming is None:
                return
            assert upcoming <= end, f"not quiet within {within}: {self.describe()}"
            self.clock.advance(max(0.0, (upcoming - self.clock()).total_seconds()))
        raise AssertionError(f"not quiet after {max_steps} messages: {self.describe()}")

    def run_for(self, duration: timedelta, max_steps: int = 20_000) -> None:
        """Process what comes within a time, then let the rest of it pass."""
        end = self.clock() + duration
        for _ in range(max_steps):
            if self.clock() >= end:
                return  # Calls take time of their own; what is due by now belongs to what comes after.
            if self.step():
                continue
            upcoming = self.next_message_at()
            if upcoming is None or upcoming > end:
                self.clock.advance(max(0.0, (end - self.clock()).total_seconds()))
                return
            self.clock.advance(max(0.0, (upcoming - self.clock()).total_seconds()))
        raise AssertionError(f"not quiet after {max_steps} messages: {self.describe()}")

    def next_message_at(self) -> datetime | None:
        """Return when the next message becomes visible."""
        return min(
            (message.visible for trigger in self.triggers for message in trigger.queue.messages[:1]), default=None
        )

    def settle(self) -> None:
        """Let the host go on after a fault, with the sweep's timer, until nothing happens any more."""
        for _ in range(4):
            self.run()
            self.clock.advance(301)
            self.sweep()
        self.run()

    def sweep(self) -> int:
        return self.worker.app.sweep.run()

    def reconcile(self) -> Tally:
        return self.worker.app.reconcile.run()

    # --- What there is to see ---

    def text_of(self, name: str) -> str:
        return str(self.intake.read(name).data.decode())

    def entities(self, name: str) -> dict[str, Any] | None:
        """Return the entities result of a document, None where there is none."""
        return self._json(entities_name(name))

    def result(self, name: str, suffix: str) -> dict[str, Any] | None:
        """Return the result of a document whose file ends with a suffix, None where there is none."""
        return self._json(name + suffix)

    def error(self, name: str) -> dict[str, Any] | None:
        """Return the error report of a document, None where there is none."""
        return self._json(error_name(name))

    def _json(self, name: str) -> dict[str, Any] | None:
        try:
            read: dict[str, Any] = json.loads(self.output.read(name).data)
        except Missing:
            return None
        return read

    def submissions_of(self, text: str) -> int:
        """Return how often the service accepted a document with this text: what a bill would count."""
        digest = text_digest(text)
        return sum(one.sha256 == digest for entry in self.service.counters.ledger for one in entry.documents)

    def exchanges(self, method: str) -> list[Exchange]:
        """Return the requests of the present worker by one method."""
        return [exchange for exchange in self.worker.wire.exchanges if exchange.method == method]

    def records(self) -> list[str]:
        """Return the names of all records but those of no document: ledger, journal, index, summary, expiries."""
        own = (LEDGERS, JOURNAL, INDEX, SUMMARY, EXPIRIES)
        return [info.name for info in self.state.list() if not info.name.startswith(own)]

    def leftovers(self) -> dict[str, list[str]]:
        """Return what must not be there when everything is quiet: jobs, chunks, messages."""
        found = {
            "jobs": [info.name for info in self.state.list("jobs/")],
            "chunks": [info.name for info in self.state.list("pieces/")],
            "messages": [message.text for trigger in self.triggers for message in trigger.queue.messages],
        }
        return {kind: names for kind, names in found.items() if names}

    def describe(self) -> dict[str, Any]:
        """Return everything that helps to understand a failed test."""
        records = {info.name: dict(info.metadata) for info in self.state.list("documents/")}
        left = {kind: names[:10] for kind, names in self.leftovers().items()}
        return {"at": self.clock().isoformat(), **left, "records": dict(list(records.items())[:10])}

    def check_right(self, *names: str) -> None:
        """Check that documents ended with the right entities of their newest version, and with nothing else."""
        for name in names:
            result, text = self.entities(name), self.text_of(name)
            assert result is not None, (name, self.error(name), self.describe())
            assert self.error(name) is None, (name, self.error(name))
            assert result["document"]["etag"] == self.intake.get_properties(name).etag, f"{name}: a stale result"
            found = [(one["category"], one["offset"], one["length"], one["text"]) for one in result["entities"]]
            assert found == pairs_in(text), name

    def check_failed(self, name: str, code: str) -> dict[str, Any]:
        """Check that a document's newest version ended in an error report, and return that."""
        report = self.error(name)
        assert report is not None, (name, self.entities(name), self.describe())
        assert self.entities(name) is None, name
        assert report["document"]["etag"] == self.intake.get_properties(name).etag
        assert report["error"]["code"] == code, report
        return report

    def check_quiet(self) -> None:
        """Check that nothing is left of the work."""
        assert self.leftovers() == {}, self.describe()

    def script(self, kind: str, times: int = 1, method: Literal["POST", "GET"] | None = None, skip: int = 0) -> None:
        """Let the next requests or jobs suffer a fault of the stand-in's list."""
        self.faults.script.append(Scripted(kind, times, method, skip))


class _Together(Submitter):
    """Lets runs join in order, each when the one before is listed, and the batch go when all have joined."""

    def __init__(self, app: EntityDrop, expected: int) -> None:
        own = app.submitter
        # Which runs share a listing follows from the order in which they join; there is nobody to wait for.
        # A send time is one of the world's clock, which stands still here: the job comes back by its message instead.
        super().__init__(
            own._intake,
            own._texts,
            own._submission,
            own._reports,
            own._refusals,
            linger_s=10,
            longest_hold_s=0,
            gather_s=0,
        )
        self._expected = expected
        self._joined: list[tuple[Batch, Entry]] = []
        self._may_start: dict[threading.Thread, threading.Event] = {}

    def starts(self, thread: threading.Thread) -> None:
        """Start a run and wait until the next may start: this one has joined, or ended without."""
        self._may_start[thread] = threading.Event()
        thread.start()
        self._may_start[thread].wait()

    def is_next(self) -> None:
        """Let the next run start."""
        self._may_start[threading.current_thread()].set()

    def join(self, item: ReadyChunk) -> tuple[Batch, Entry, bool]:
        if self._joined:
            self._joined[-1][1].listed.exception()
        batch, entry, is_leader = super().join(item)
        self._joined.append((batch, entry))
        self.is_next()
        self._go_if_complete()
        return batch, entry, is_leader

    def miss_one(self) -> None:
        """Wait for one run less: it has failed, before it joined or after."""
        self._expected -= 1
        self._go_if_complete()

    def _go_if_complete(self) -> None:
        if len(self._joined) >= self._expected:
            for batch, _ in self._joined:
                self.close(batch)
