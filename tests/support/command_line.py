"""Commands that work on a world: its containers in memory instead of a storage account."""

from functools import partial

from functions.cli.access import Access
from functions.cli.main import run
from functions.storage.containers import Container
from functions.storage.memory_queue import MemoryQueue
from functions.workflows.queries import QueueLengths
from tests.support.world import World


class WorldAccess(Access):
    """The containers and queues of a world."""

    def __init__(self, world: World) -> None:
        super().__init__(lambda: world.app.parts.settings, world.clock)
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


def _length(queue: MemoryQueue) -> int:
    return len(queue.messages)


def run_on(world: World, *arguments: str) -> int:
    """Run a command on a world, with its journal written; return the exit code."""
    world.app.journal.flush()
    return run(arguments, WorldAccess(world))
