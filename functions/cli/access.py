"""What a command works with: the stores and clients of the settings, each made when it is asked for."""

import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient

from ..core.journal import busiest_minute
from ..language.auth import auth_for
from ..language.authoring import AuthoringClient
from ..language.budget import RequestBudget
from ..language.client import LanguageClient, default_session
from ..language.service import LanguageService
from ..reading.read_client import ReadClient
from ..reading.reading_service import ReadingService
from ..settings import Settings
from ..storage.azure_containers import AzureContainer
from ..storage.azure_queues import AzureJobQueue, queue_length
from ..storage.clients import blob_service, queue
from ..storage.containers import Container
from ..storage.corrections_store import CorrectionsStore
from ..storage.document_store import DocumentStore
from ..storage.index_store import IndexStore
from ..storage.job_queue import JobQueue
from ..storage.journal_store import JournalStore
from ..storage.poison_queue import BLOB_POISON_QUEUE
from ..storage.record_store import RecordStore
from ..workflows.expiries import DeploymentReader
from ..workflows.queries import Queries, QueueLengths, StatusReader, status_reader
from .azure_resources import ResourceManager, own_resource_manager
from .environment import event_subscription_of
from .problems_told import CannotReach, NoContainer

if TYPE_CHECKING:
    from ..app import EntityDrop

RETRIES = 1
"""A person waits; the app itself repeats more often."""

WAITS: dict[str, Any] = {"initial_backoff": 1, "random_jitter_range": 0}
"""Seconds before that; the client's own default is a quarter of a minute."""

LOOKING_THREADS = 16
"""That look at documents at the same time."""

INSTANCE = "command-line"


def utcnow() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id that nothing else has."""
    return uuid.uuid4().hex[:12]


def without_signature(container: str) -> str:
    """Return a container's address without what lets one in, as it may be kept; a name stays as it is."""
    return container.partition("?")[0].rstrip("/")


def id_of_run(run: str) -> str:
    """Return an id for a job that nothing else has, and that begins with the run's."""
    return run + uuid.uuid4().hex[len(run) :]


@dataclass
class Access:
    """The app's storage, as its settings say."""

    read: Callable[[], Settings]
    """Reads the settings. Raises `SettingsError`."""
    clock: Callable[[], datetime] = field(default=utcnow)
    values: Callable[[], Mapping[str, str]] = field(default=dict)
    """Reads what the settings are read from, which may say more of the deployment."""
    sleep: Callable[[float], None] = field(default=time.sleep)

    @cached_property
    def settings(self) -> Settings:
        """The settings."""
        return self.read()

    @cached_property
    def _blobs(self) -> BlobServiceClient:
        return blob_service(self.settings.storage, retry_total=RETRIES, **WAITS)

    @property
    def account(self) -> str:
        """The host of the storage account."""
        return urlsplit(self._blobs.url).netloc

    def container(self, name: str) -> Container:
        """Return a container of the account, whether or not it is there."""
        return AzureContainer(self._blobs.get_container_client(name))

    def check_containers(self, *settings: str) -> None:
        """Raise `CannotReach` where a container is not there whose name a setting gives: all would look empty."""
        for setting in settings:
            name = getattr(self.settings, setting.lower())
            try:
                next(iter(self._blobs.get_container_client(name).list_blobs(results_per_page=1)), None)
            except ResourceNotFoundError as error:
                raise NoContainer(
                    f"There is no container {name!r} at {self.account}: {setting} is wrong, or the app has not run yet."
                ) from error

    @cached_property
    def state(self) -> Container:
        """The container of the app's own records."""
        return self.container(self.settings.state_container)

    @cached_property
    def intake(self) -> Container:
        """The container of the documents."""
        return self.container(self.settings.input_container)

    @cached_property
    def output(self) -> Container:
        """The container of the results."""
        return self.container(self.settings.output_container)

    @cached_property
    def documents(self) -> DocumentStore:
        """Documents and results."""
        return DocumentStore(self.intake, self.output)

    @cached_property
    def records(self) -> RecordStore:
        """The app's own records."""
        return RecordStore(self.state)

    @cached_property
    def corrections(self) -> CorrectionsStore:
        """What people have decided, also about versions that were replaced."""
        return CorrectionsStore(self.documents, self.state)

    @cached_property
    def journal(self) -> JournalStore:
        """What happened."""
        return JournalStore(self.state, INSTANCE)

    @cached_property
    def queries(self) -> Queries:
        """Questions about documents."""
        self.check_containers("INPUT_CONTAINER", "STATE_CONTAINER")
        threads = ThreadPoolExecutor(LOOKING_THREADS, thread_name_prefix="storage")
        return Queries(self.documents, self.records, IndexStore(self.state), threads)

    @cached_property
    def language_services(self) -> Mapping[str, LanguageService]:
        """The Language resources, by their names."""
        settings = self.settings
        return {
            one.name: LanguageClient(
                one.endpoint,
                default_session(),
                auth_for(one.endpoint, one.key, settings.language_client_id),
                RequestBudget(settings.requests_per_minute, self.clock()),
                self.clock,
            )
            for one in settings.language_resources
        }

    @cached_property
    def deployment_readers(self) -> Mapping[str, DeploymentReader]:
        """What tells of the deployments of each Language resource, by its name."""
        return self.authoring_clients

    @cached_property
    def authoring_clients(self) -> Mapping[str, AuthoringClient]:
        """The authoring API of each Language resource, by its name."""
        return {
            one.name: AuthoringClient(
                one.endpoint,
                default_session(),
                auth_for(one.endpoint, one.key, self.settings.language_client_id),
                self.clock,
            )
            for one in self.settings.language_resources
        }

    @cached_property
    def reading_service(self) -> ReadingService | None:
        """The service that reads pages; None where there is none."""
        settings, endpoint = self.settings, self.settings.document_intelligence_endpoint
        if not endpoint:
            return None
        auth = auth_for(endpoint, settings.document_intelligence_key, settings.language_client_id)
        budget = RequestBudget(settings.document_intelligence_requests_per_minute, self.clock())
        return ReadClient(endpoint, default_session(), auth, budget, self.clock)

    @cached_property
    def event_subscription(self) -> str | None:
        """The resource id of the event subscription; None where it is not known."""
        return event_subscription_of(self.values())

    @cached_property
    def resource_manager(self) -> ResourceManager:
        """What tells of resources of Azure."""
        return own_resource_manager()

    @property
    def job_queue(self) -> JobQueue:
        """The queue that drives the jobs."""
        return AzureJobQueue(queue(self.settings.storage, self.settings.job_queue, retry_total=RETRIES))

    def app(self, run: str = "") -> "EntityDrop":
        """Return the app itself; the ids of jobs that it opens begin with `run`."""
        from ..app import connect  # Most commands need none of it, and are to start at once.

        return connect(self.settings, partial(id_of_run, run), is_instance=False)

    def other_container(self, container: str) -> Container:
        """Return a container that is none of the app's: one of the account by its name, or any by its address.

        Raises `NoContainer` where it is not there.
        """
        if "://" in container:
            try:
                client = ContainerClient.from_container_url(container, retry_total=RETRIES, **WAITS)
            except ValueError as error:
                raise CannotReach(
                    "This is no container's address: https://<account>/<container>?<signature>"
                ) from error
        elif container:
            client = self._blobs.get_container_client(container)
        else:
            raise CannotReach("A container has a name, or an address: https://<account>/<container>?<signature>")
        try:
            next(iter(client.list_blobs(results_per_page=1)), None)
        except ResourceNotFoundError as error:
            where = urlsplit(client.url).netloc
            raise NoContainer(f"There is no container {client.container_name!r} at {where}.") from error
        return AzureContainer(client)

    def busiest_minute(self) -> int | None:
        """Return the most documents that have ended in one minute of the last day; None where none has."""
        now = self.clock()
        return busiest_minute(self.journal.entries(now - timedelta(days=1), now), now - timedelta(days=1))

    @property
    def queue_lengths(self) -> QueueLengths:
        """The length of each queue of the app."""
        names = (self.settings.job_queue, f"{self.settings.job_queue}-poison", BLOB_POISON_QUEUE)
        return {name: partial(queue_length, queue(self.settings.storage, name, retry_total=RETRIES)) for name in names}

    @cached_property
    def status(self) -> StatusReader:
        """How things stand."""
        self.check_containers("STATE_CONTAINER")
        return status_reader(self.settings, self.state, self.records, self.journal, self.queue_lengths, self.clock)
