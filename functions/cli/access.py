"""What a command works with: the stores and clients of the settings, each made when it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from urllib.parse import urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from ..settings import Settings
from ..storage.azure_containers import AzureContainer
from ..storage.azure_queues import queue_length
from ..storage.clients import blob_service, queue
from ..storage.containers import Container
from ..storage.document_store import DocumentStore
from ..storage.journal_store import JournalStore
from ..storage.ledger_store import HealthStore
from ..storage.poison_queue import BLOB_POISON_QUEUE
from ..storage.record_store import RecordStore
from ..workflows.queries import BudgetStore, Queries, QueueLengths, StatusReader
from .problems_told import CannotReach

RETRIES = 1
"""A person waits; the app itself repeats more often."""

INSTANCE = "command-line"


def utcnow() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass
class Access:
    """The app's storage, as its settings say."""

    read: Callable[[], Settings]
    """Reads the settings. Raises `SettingsError`."""
    clock: Callable[[], datetime] = field(default=utcnow)

    @cached_property
    def settings(self) -> Settings:
        """The settings."""
        return self.read()

    @cached_property
    def _blobs(self) -> BlobServiceClient:
        return blob_service(self.settings.storage, retry_total=RETRIES)

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
                raise CannotReach(
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
    def documents(self) -> DocumentStore:
        """Documents and results."""
        return DocumentStore(self.intake, self.container(self.settings.output_container))

    @cached_property
    def records(self) -> RecordStore:
        """The app's own records."""
        return RecordStore(self.state)

    @cached_property
    def journal(self) -> JournalStore:
        """What happened."""
        return JournalStore(self.state, INSTANCE)

    @cached_property
    def queries(self) -> Queries:
        """Questions about documents."""
        self.check_containers("INPUT_CONTAINER", "STATE_CONTAINER")
        return Queries(self.documents, self.records)

    @property
    def queue_lengths(self) -> QueueLengths:
        """The length of each queue of the app."""
        names = (self.settings.job_queue, f"{self.settings.job_queue}-poison", BLOB_POISON_QUEUE)
        return {name: partial(queue_length, queue(self.settings.storage, name, retry_total=RETRIES)) for name in names}

    @property
    def ledgers(self) -> dict[str, HealthStore]:
        """The health of each service, by its host."""
        endpoints = [resource.endpoint for resource in self.settings.language_resources]
        if self.settings.document_intelligence_endpoint:
            endpoints.append(self.settings.document_intelligence_endpoint)
        return {urlsplit(endpoint).netloc: HealthStore(self.state, endpoint) for endpoint in endpoints}

    @property
    def budgets(self) -> BudgetStore:
        """What all instances may send."""
        settings = self.settings
        return BudgetStore(
            self.state, settings.language_resources, settings.requests_per_minute, settings.daily_text_records
        )

    @cached_property
    def status(self) -> StatusReader:
        """How things stand."""
        self.check_containers("STATE_CONTAINER")
        return StatusReader(
            self.records,
            self.journal,
            self.ledgers,
            self.budgets,
            self.queue_lengths,
            self.clock,
            self.settings.journal_days,
        )
