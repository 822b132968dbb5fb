"""Commands that work on a world: its containers in memory instead of a storage account."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from functions.app import EntityDrop
from functions.cli.access import Access, id_of_run
from functions.cli.main import run
from functions.language.authoring import AuthoringClient
from functions.language.service import LanguageService
from functions.reading.reading_service import ReadingService
from functions.storage.containers import Container
from functions.storage.job_queue import JobQueue
from functions.storage.memory_queue import MemoryQueue
from functions.storage.rules_store import RulesStore
from functions.workflows.expiries import DeploymentReader
from functions.workflows.queries import QueueLengths
from tests.support.world import Gate, World


class WorldAccess(Access):
    """The containers and queues of a world."""

    def __init__(self, world: World, others: Mapping[str, Container] | None = None) -> None:
        super().__init__(lambda: world.app.parts.settings, world.clock, sleep=world.clock.advance)
        self._world = world
        self._others = others or {}

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

    def other_container(self, container: str) -> Container:
        return self._others[container] if container in self._others else self.container(container)

    def app(self, run: str = "") -> EntityDrop:
        return app_of_run(self._world, run)

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
    def authoring_clients(self) -> dict[str, AuthoringClient]:
        clients = {one.name: one.deployments for one in self._world.app.parts.pool}
        return {name: one for name, one in clients.items() if isinstance(one, AuthoringClient)}

    @property
    def reading_service(self) -> ReadingService | None:
        reading = self._world.app.parts.reading
        return reading.service if reading else None

    @property
    def job_queue(self) -> JobQueue:
        return self._world.app.parts.queue


def _length(queue: MemoryQueue) -> int:
    return len(queue.messages)


def app_of_run(world: World, run: str, gate: Gate | None = None) -> EntityDrop:
    """Return the app as a command uses it: in a process of its own, beside the world's host, which goes on meanwhile.

    `gate` is what its calls pass.
    """
    parts = (world.start_worker(gate) if gate else world.worker).app.parts

    def sleep(seconds: float) -> None:
        world.run_for(timedelta(seconds=seconds))

    rules = RulesStore(world.state, keeps_copy=False)
    return EntityDrop(replace(parts, rules=rules, new_id=partial(id_of_run, run), sleep=sleep))


def run_on(world: World, *arguments: str, others: Mapping[str, Container] | None = None) -> int:
    """Run a command on a world, with its journal written; return the exit code. `others` are further containers."""
    world.app.journal.flush()
    return run(arguments, WorldAccess(world, others))
