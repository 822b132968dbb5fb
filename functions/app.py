"""Puts the app together from its settings: every use case gets the collaborators that it uses, and nothing else."""

import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from .core.daily_count import DailyCount
from .core.packing import MAX_REQUEST_DOCUMENTS, REQUESTS_PER_JOB
from .core.planning import Policy
from .core.request_ledger import RequestLedger
from .core.time_limits import LONGEST_HOLD_S
from .core.work import WorkSpec, work_of
from .instance import instance_name
from .language.auth import auth_for
from .language.authoring import AuthoringClient
from .language.budget import RequestBudget
from .language.client import LanguageClient, default_session
from .language.daily_records import DailyRecords
from .language.poll_timer import PollTimer
from .language.service import LanguageService, PollDelays
from .language.shared_budget import SharedBudget
from .reading.read_api import OCR
from .reading.reading_service import ReadingService
from .settings import LanguageResource, Settings
from .storage.azure_queues import AzureJobQueue, AzureTextQueue
from .storage.clients import blob_containers, blob_service, can_sign, queue
from .storage.containers import Container
from .storage.corrections_store import CorrectionsStore
from .storage.document_store import DocumentStore
from .storage.expiry_store import ExpiryStore
from .storage.extracted_store import ExtractedStore
from .storage.index_store import IndexStore
from .storage.job_queue import JobQueue
from .storage.journal_store import JournalStore
from .storage.ledger_store import DAILY, HealthMonitor, HealthStore, request_ledger_name
from .storage.poison_queue import BLOB_POISON_QUEUE, PoisonQueue
from .storage.record_store import RecordStore
from .storage.rules_store import RulesStore
from .storage.shared_record import SharedRecord
from .storage.upload_signer import AzureUploadSigner, UploadSigner
from .workflows.batching import Submitter
from .workflows.carry_over import CarryOver
from .workflows.claiming import Claims, Reports
from .workflows.expiries import DeploymentReader, ExpiryWatch, deployments_of
from .workflows.extractor import Extractor
from .workflows.holding import Holds, StartTimer, start_timer
from .workflows.indexing import Indexing
from .workflows.intake import Intake, ReadableDocuments
from .workflows.job_services import FILES_SENT_AT_ONCE, JobServices, LanguageJobs, ReadingJobs
from .workflows.journaling import Journal, JournalRepair, after_a_moment
from .workflows.polling import JobFinder, Poller
from .workflows.probing import Prober
from .workflows.publishing import Publisher
from .workflows.reading import Readings
from .workflows.reconcile import BUDGET_SHARE, Reconcile
from .workflows.refusals import Refusals
from .workflows.repairs import Repairs
from .workflows.rescue import Rescue
from .workflows.rule_book import RuleBook
from .workflows.steps import Steps
from .workflows.submission import Submission
from .workflows.sweep import Sweep
from .workflows.texts import TextCache, TextReader
from .workflows.working_copies import WorkingCopies

if TYPE_CHECKING:
    from .tasks.entities import EntityResultFile
    from .text.formats.extraction import Extracted
    from .text.formats.runner import Runner
    from .web.parts import WebParts
    from .workflows.backfill import Backfill, CopyIn
    from .workflows.forecast import Forecaster
    from .workflows.handing_over import HandingOver, Pace
    from .workflows.queries import Queries
    from .workflows.replay import Replay
    from .workflows.uploads import Uploads

STORAGE_THREADS = 16
"""Threads that read and write the documents of a job at the same time; shared by all runs of a worker."""

LARGE_AT_ONCE = 2
"""Documents of more than `intake.LARGE_BYTES` that a worker holds in memory at the same time: a hundred runs of 10 MB
each would not fit into any instance. Those below are nearly all, and never wait here."""


def utcnow() -> datetime:
    """Return the time; the only clock of the app."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id for a job that nothing else has."""
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True)
class LanguageParts:
    """What is needed to ask one Language resource."""

    name: str
    service: LanguageService
    health: HealthMonitor
    deployments: DeploymentReader
    """Tells when a deployment expires."""


@dataclass(frozen=True, kw_only=True)
class ReadingParts:
    """What is needed to have pages read by OCR."""

    service: ReadingService
    health: HealthMonitor
    poll_timer: PollDelays


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the use cases are put together from: stores, queues, clients, and sources of time, chance and threads."""

    settings: Settings
    documents: DocumentStore
    records: RecordStore
    extracted: ExtractedStore
    rules: RulesStore
    extract: "Callable[[bytes], Extracted] | None"
    """Extracts the text of a file; None where only text is read."""
    journal: JournalStore
    expiries: ExpiryStore
    index: IndexStore
    state: Container
    """Where the stores above keep what they keep."""
    queue: JobQueue
    poison_queue: PoisonQueue
    pool: tuple[LanguageParts, ...]
    """The Language resources that share the work, at least one."""
    poll_timer: PollDelays
    reading: ReadingParts | None = None
    """None where pages without a text layer are not read."""
    upload_signer: UploadSigner | None = None
    """None where the app can not sign addresses for uploads."""
    clock: Callable[[], datetime] = utcnow
    sleep: Callable[[float], None] = time.sleep
    later: Callable[[Callable[[], None]], None] = after_a_moment
    """Does something a little later, in another thread."""
    longest_hold_s: float = LONGEST_HOLD_S
    """How long a run of the submission may wait for a send time."""
    new_id: Callable[[], str] = new_id
    start_timer: StartTimer = start_timer
    rng: random.Random = field(default_factory=random.Random)
    storage_threads: Executor = field(
        default_factory=lambda: ThreadPoolExecutor(STORAGE_THREADS, thread_name_prefix="storage")
    )


class EntityDrop:
    """The app: one object for each use case, shared by all runs of a worker."""

    submitter: Submitter
    poller: Poller
    sweep: Sweep
    reconcile: Reconcile
    rescue: Rescue
    journal: Journal
    rules: RuleBook

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        settings, clock, threads = parts.settings, parts.clock, parts.storage_threads
        documents, records, queue = parts.documents, parts.records, parts.queue
        give_up = timedelta(hours=settings.give_up_hours)
        large_documents = threading.Semaphore(LARGE_AT_ONCE)
        rules = RuleBook(parts.rules, settings, clock)

        def policy(delays: PollDelays, *, has_others: bool = False) -> Policy:
            return Policy(
                first_poll_s=delays.first_poll_s,
                max_poll_s=settings.max_poll_seconds,
                job_timeout=timedelta(minutes=settings.job_timeout_minutes),
                give_up=give_up,
                rng=parts.rng,
                has_others=has_others,
            )

        self.journal = Journal(parts.journal, parts.later)
        extractor = Extractor(parts.extract, has_ocr=parts.reading is not None)
        refusals = Refusals(records, clock)
        copies = WorkingCopies(parts.extracted, documents, extractor, refusals)
        indexing = Indexing(parts.index)
        make_view = view_of if settings.result_html else None
        publisher = Publisher(documents, records, copies, self.journal, indexing, clock, make_view)
        texts = TextReader(documents, copies, TextCache(), large_documents)
        readings = Readings(records, texts, publisher, clock)
        language_policy = partial(policy, parts.poll_timer, has_others=len(parts.pool) > 1)
        pool = [
            LanguageJobs(
                one.name,
                Prober(one.health, clock, _model_of, one.service if settings.control_documents else None),
                language_policy,
                one.service,
                texts,
            )
            for one in parts.pool
        ]
        services = JobServices(pool, self._reading_jobs(texts, policy), parts.rng.randrange(len(pool)))
        steps = Steps(records, queue, services, publisher, readings, texts, self.journal, threads, clock)

        def intake_of(readable: ReadableDocuments) -> Intake:
            return Intake(
                readable, rules, extractor, settings.max_document_bytes, settings.max_file_bytes, large_documents
            )

        intake = intake_of(documents)
        self._indexing = indexing
        self._corrections = CorrectionsStore(documents, parts.state)
        carry_over = CarryOver(documents, records, copies, self.journal, indexing, clock)
        claims = Claims(documents, records, carry_over, self._corrections, indexing, clock, parts.new_id)
        reports = Reports(documents, claims, publisher, clock, parts.new_id)
        submission = Submission(records, queue, claims, publisher, services, steps, threads, clock, parts.new_id)
        self.submitter = Submitter(
            intake,
            texts,
            submission,
            reports,
            refusals,
            settings.batch_linger_ms / 1000,
            longest_hold_s=parts.longest_hold_s,
        )

        finder = JobFinder(records, queue, work_of(settings))
        self.poller = Poller(
            finder,
            Holds(queue, parts.start_timer),
            records,
            queue,
            services,
            parts.poll_timer,
            publisher,
            refusals,
            steps,
            readings,
            threads,
            clock,
            language_policy,
            rules.work_for,
        )

        repairs = Repairs(
            documents=documents,
            records=records,
            intake=intake,
            texts=texts,
            submission=submission,
            reports=reports,
            refusals=refusals,
            threads=threads,
            clock=clock,
            give_up=give_up,
        )
        readers = {one.name: one.deployments for one in parts.pool}
        expiries = ExpiryWatch(parts.expiries, readers, lambda: deployments_of(rules.works(), tuple(readers)), clock)
        self.sweep = Sweep(records, queue, repairs, clock, expiries.run)
        self.reconcile = Reconcile(
            documents,
            records,
            repairs,
            JournalRepair(parts.journal, documents, records, clock, timedelta(days=settings.journal_days)),
            parts.index,
            clock,
            parts.sleep,
            rules.is_ignored,
            requests_per_minute=settings.requests_per_minute * len(parts.pool),
            give_up=give_up,
            oldest=settings.ignore_documents_before,
        )
        self.rules = rules
        self._repairs = repairs
        self._intake_of = intake_of
        self.rescue = Rescue(
            finder, repairs, steps, parts.poison_queue, clock, language_policy, settings.input_container
        )

    # What only commands and the page ask for is imported and made when they do: a worker starts without it.

    @cached_property
    def web(self) -> "WebParts":
        """What the page and its API use."""
        from .storage.model_store import ModelStore
        from .web.parts import WebParts
        from .workflows.correcting import Correcting
        from .workflows.details import DocumentContents
        from .workflows.document_lists import DocumentLists
        from .workflows.model_view import ModelView
        from .workflows.queries import status_reader
        from .workflows.reviewed_documents import CorrectionsReader

        parts = self.parts
        documents, records, threads = parts.documents, parts.records, parts.storage_threads
        lists = DocumentLists(documents, records, parts.index, parts.journal, threads, parts.clock)
        contents = DocumentContents(documents, records, self.uploads.largest_bytes)
        settings = parts.settings
        resources = settings.language_resources
        status = status_reader(settings, parts.state, records, parts.journal, {}, parts.clock)
        corrections = CorrectionsReader(documents, records, self._corrections, threads)
        model = ModelView(
            ModelStore(parts.state, resources[0].name, settings.language_project or ""),
            parts.expiries,
            lists.reviewed_since,
            resources[0].name,
            settings.language_project or "",
            settings.language_deployment or settings.language_model_id or "",
        )
        return WebParts(
            settings,
            self.uploads,
            lists,
            contents,
            status,
            self.replay,
            Correcting(documents, records, contents, self._corrections, self._indexing, parts.clock),
            corrections,
            model,
            self._models,
            parts.clock,
        )

    @cached_property
    def uploads(self) -> "Uploads":
        """Gives addresses for uploads."""
        from .workflows.uploads import Uploads

        parts, settings = self.parts, self.parts.settings
        largest_bytes = max(settings.max_document_bytes, settings.max_file_bytes)
        return Uploads(parts.documents, parts.upload_signer, largest_bytes, parts.clock)

    def _models(self) -> list[str]:
        return list(dict.fromkeys(work.model for work in self.rules.works()))

    @cached_property
    def replay(self) -> "Replay":
        """Submits documents again that have ended."""
        from .workflows.replay import Replay

        parts = self.parts
        return Replay(self._queries, parts.documents, self._handing_over, self.rules, parts.storage_threads)

    @cached_property
    def backfill(self) -> "Backfill":
        """Takes documents of the intake on that have no record."""
        from .workflows.backfill import Backfill

        return Backfill(self._queries, self._handing_over, self.rules)

    @cached_property
    def _queries(self) -> "Queries":
        from .workflows.queries import Queries

        return Queries(self.parts.documents, self.parts.records, self.parts.index, self.parts.storage_threads)

    @cached_property
    def _handing_over(self) -> "HandingOver":
        from .workflows.handing_over import HandingOver

        own = self._repairs
        return HandingOver(own.intake, own.texts, own.submission, own.reports, own.threads)

    def forecaster(self, documents: ReadableDocuments | None = None, sampled: int | None = None) -> "Forecaster":
        """Return what makes forecasts of documents, by default of those in the intake.

        `sampled` is how many are read of each kind and size.
        """
        from .core.estimates import SAMPLED
        from .workflows.forecast import Forecaster

        intake = self._intake_of(documents or self.parts.documents)
        return Forecaster(intake, self.rules, self.parts.storage_threads, sampled or SAMPLED)

    def pace(self, documents_per_minute: float | None = None) -> "Pace":
        """Return the pace of a run on request: by default that of half of the request budget."""
        from .workflows.handing_over import Pace

        settings = self.parts.settings
        if documents_per_minute is None:
            requests_per_minute = settings.requests_per_minute * len(self.parts.pool) * BUDGET_SHARE
            documents_per_minute = requests_per_minute / REQUESTS_PER_JOB * MAX_REQUEST_DOCUMENTS
        return Pace(self.parts.records, self.parts.clock, self.parts.sleep, documents_per_minute)

    def copy_in(self, source: Container, intake: Container, into: str) -> "CopyIn":
        """Return what copies documents of another container into the intake."""
        from .workflows.backfill import CopyIn

        return CopyIn(source, intake, self.rules, self.parts.storage_threads, into)

    def _reading_jobs(self, texts: TextReader, policy: Callable[[PollDelays], Policy]) -> ReadingJobs | None:
        reading, clock = self.parts.reading, self.parts.clock
        if not reading:
            return None
        # A control document would cost a page each time.
        prober = Prober(reading.health, clock, lambda _: OCR, None)
        files = threading.Semaphore(FILES_SENT_AT_ONCE)
        return ReadingJobs(prober, partial(policy, reading.poll_timer), reading.service, texts, files)


def view_of(name: str, text: str, result: "EntityResultFile") -> bytes:
    """Return the view of a document as one file; what makes it is imported with the first one."""
    import msgspec

    from .web.result_page import result_page

    return result_page(name, text, msgspec.to_builtins(result), None, []).encode()


def _model_of(work: WorkSpec) -> str:
    return work.model


def extraction(settings: Settings) -> "Callable[[bytes], Extracted] | None":
    """Return what extracts texts in a child process; None where extraction is off.

    Modules are imported and the process is started with the first file.
    """
    if not settings.extract_seconds:
        return None
    lock = threading.Lock()
    runner: Runner | None = None

    def extract(data: bytes) -> "Extracted":
        nonlocal runner
        with lock:
            runner = runner or _runner(settings)
        return runner.extract(data)

    return extract


def _runner(settings: Settings) -> "Runner":
    from .instance import default_memory_mb
    from .text.formats.runner import Runner

    return Runner(seconds=settings.extract_seconds, memory_mb=settings.extract_memory_mb or default_memory_mb())


def language_parts(
    settings: Settings,
    resource: LanguageResource,
    state: Container,
    poll_timer: PollTimer,
    daily: DailyRecords | None,
) -> LanguageParts:
    """Return what is needed to ask a Language resource; its key or token goes there only."""
    auth = auth_for(resource.endpoint, resource.key, settings.language_client_id)
    ledger = SharedRecord(state, request_ledger_name(resource.endpoint), RequestLedger())
    may_fall_back = daily is None
    budget = SharedBudget(ledger, settings.requests_per_minute, poll_timer, utcnow(), may_fall_back=may_fall_back)
    return LanguageParts(
        name=resource.name,
        service=LanguageClient(resource.endpoint, default_session(), auth, budget, utcnow, daily=daily),
        health=HealthMonitor(HealthStore(state, resource.endpoint), utcnow),
        deployments=AuthoringClient(resource.endpoint, default_session(), auth, utcnow),
    )


def reading_parts(settings: Settings, state: Container) -> ReadingParts | None:
    """Return what is needed to have pages read by the Document Intelligence resource of the settings, if they name one.

    Its modules are imported only then.
    """
    endpoint = settings.document_intelligence_endpoint
    if not endpoint:
        return None
    from .reading.read_client import ReadClient

    budget = RequestBudget(settings.document_intelligence_requests_per_minute, utcnow())
    auth = auth_for(endpoint, settings.document_intelligence_key, settings.language_client_id)
    return ReadingParts(
        service=ReadClient(endpoint, default_session(), auth, budget, utcnow),
        health=HealthMonitor(HealthStore(state, endpoint), utcnow),
        poll_timer=PollTimer(settings.first_poll_seconds, settings.max_poll_seconds),
    )


def daily_records(settings: Settings, count: SharedRecord[DailyCount]) -> DailyRecords | None:
    """Return what counts the text records of a day; None where there is no limit on them."""
    limit = settings.daily_text_records
    return None if limit is None else DailyRecords(count, limit)


def connect(settings: Settings, ids: Callable[[], str] = new_id, *, is_instance: bool = True) -> EntityDrop:
    """Return the app on Azure Storage and the Language service of the settings; nothing is sent yet.

    `ids` makes the ids of jobs. `is_instance` is false for a command, which uses the app from outside.
    """
    container = blob_containers(settings.storage)
    state = container(settings.state_container)
    poll_timer = PollTimer(settings.first_poll_seconds, settings.max_poll_seconds)
    daily = daily_records(settings, SharedRecord(state, DAILY, DailyCount()))
    parts = Parts(
        settings=settings,
        documents=DocumentStore(container(settings.input_container), container(settings.output_container)),
        records=RecordStore(state),
        extracted=ExtractedStore(state),
        journal=JournalStore(state, f"{instance_name(os.environ)}-{new_id()[:6]}"),
        expiries=ExpiryStore(state),
        index=IndexStore(state),
        state=state,
        rules=RulesStore(state, keeps_copy=is_instance),
        extract=extraction(settings),
        queue=AzureJobQueue(queue(settings.storage, settings.job_queue)),
        poison_queue=PoisonQueue(AzureTextQueue(queue(settings.storage, BLOB_POISON_QUEUE))),
        pool=tuple(language_parts(settings, one, state, poll_timer, daily) for one in settings.language_resources),
        poll_timer=poll_timer,
        reading=reading_parts(settings, state),
        new_id=ids,
        upload_signer=AzureUploadSigner(partial(blob_service, settings.storage), settings.input_container, utcnow)
        if can_sign(settings.storage)
        else None,
    )
    return EntityDrop(parts)
