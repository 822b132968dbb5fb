"""Commands that work on a world: its containers in memory instead of a storage account."""

from functools import partial

from functions.cli.access import Access
from functions.cli.main import run
from functions.language.service import LanguageService
from functions.reading.reading_service import ReadingService
from functions.storage.containers import Container
from functions.storage.job_queue import JobQueue
from functions.storage.memory_queue import MemoryQueue
from functions.workflows.expiries import DeploymentReader
from functions.workflows.queries import QueueLengths
from tests.support.world import World


class WorldAccess(Access):
    """The containers and queues of a world."""

    def __init__(self, world: World) -> None:
        super().__init__(lambda: world.app.parts.settings, world.clock, sleep=world.clock.advance)
        self._world = world

    @property
    def account(self) -> str:
        return "account.example.net"

    def container(self, name: str) -> Container:
        settings = self.settings
        containers: dict[str, Container] = {
            settings.input_container: self._world.intake,
            settings.output_container: self._world.output,
            settings.state_container: self._world.state,
        }
        return containers[name]

    def check_containers(self, *settings: str) -> None:
        return

    @property
    def queue_lengths(self) -> QueueLengths:
        queues = {"extraction-jobs": self._world.jobs, "extraction-jobs-poison": self._world.poisoned_jobs}
        return {name: partial(_length, queue) for name, queue in queues.items()}

    @property
    def language_services(self) -> dict[str, LanguageService]:
        return {one.name: one.service for one in self._world.app.parts.pool}

    @property
    def deployment_readers(self) -> dict[str, DeploymentReader]:
        return {one.name: one.deployments for one in self._world.app.parts.pool}

    @property
    def reading_service(self) -> ReadingService | None:
        reading = self._world.app.parts.reading
        return reading.service if reading else None

    @property
    def job_queue(self) -> JobQueue:
        return self._world.app.parts.queue


def _length(queue: MemoryQueue) -> int:
    return len(queue.messages)


def run_on(world: World, *arguments: str) -> int:
    """Run a command on a world, with its journal written; return the exit code."""
    world.app.journal.flush()
    return run(arguments, WorldAccess(world))
