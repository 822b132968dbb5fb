"""Everything a trigger needs, put together once from the settings."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .core.planning import Policy
from .language.auth import default_auth
from .language.budget import RequestBudget
from .language.client import LanguageClient, default_session
from .language.poll_timer import PollTimer
from .settings import Settings
from .storage.clients import MAX_SINGLE_GET_BYTES, blob_service, queue
from .storage.containers import AzureContainer
from .storage.document_store import DocumentStore
from .storage.job_queue import AzureJobQueue, JobQueue
from .storage.ledger_store import HealthMonitor, HealthStore
from .storage.poison_queue import BLOB_POISON_QUEUE, AzureTextQueue, PoisonQueue
from .storage.record_store import StateStore

STORAGE_THREADS = 16
"""Threads that read and write the documents of a job at the same time; shared by all runs of a worker."""


LARGE_BYTES = MAX_SINGLE_GET_BYTES
"""What one request brings: a document of up to so many bytes is read once; a larger one waits for its place first."""
LARGE_AT_ONCE = 2
"""Documents of more than `LARGE_BYTES` that a worker holds in memory at the same time: a hundred runs of 10 MB each
would not fit into any instance. Those below are nearly all, and never wait here."""


def utcnow() -> datetime:
    """Return the time; the only clock of the app."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class EntityDrop:
    """The app: its settings, its stores, its queue and its Language client, shared by all runs of a worker."""

    settings: Settings
    documents: DocumentStore
    states: StateStore
    queue: JobQueue
    poison_queue: PoisonQueue
    language: LanguageClient
    poll_timer: PollTimer
    health: HealthMonitor
    clock: Callable[[], datetime] = utcnow
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)
    large_documents: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(LARGE_AT_ONCE))
    storage_threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(STORAGE_THREADS, thread_name_prefix="storage")
    )

    @property
    def policy(self) -> Policy:
        """What decisions depend on, now."""
        return Policy(
            first_poll_s=self.poll_timer.first_poll_s,
            max_poll_s=self.settings.max_poll_seconds,
            job_timeout=timedelta(minutes=self.settings.job_timeout_minutes),
            give_up=timedelta(hours=self.settings.give_up_hours),
            language=self.settings.document_language,
            rng=self.rng,
        )


def connect(settings: Settings) -> EntityDrop:
    """Return the app on Azure Storage and the Language service of the settings; nothing is sent yet."""
    blobs = blob_service(settings.storage)

    def container(name: str) -> AzureContainer:
        return AzureContainer(blobs.get_container_client(name))

    budget = RequestBudget(settings.requests_per_minute, utcnow())
    return EntityDrop(
        settings=settings,
        documents=DocumentStore(container(settings.input_container), container(settings.output_container)),
        states=StateStore(container(settings.state_container)),
        queue=AzureJobQueue(queue(settings.storage, settings.job_queue)),
        poison_queue=PoisonQueue(AzureTextQueue(queue(settings.storage, BLOB_POISON_QUEUE))),
        language=LanguageClient(settings, default_session(), default_auth(settings), budget, utcnow),
        health=HealthMonitor(HealthStore(container(settings.state_container), settings.language_endpoint), utcnow),
        poll_timer=PollTimer(settings.first_poll_seconds, settings.max_poll_seconds),
    )
