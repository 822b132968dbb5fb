"""The storage of the app in memory, for tests and simulations: the same contracts, no processes, a clock to move."""

from local.in_memory.blobs import MemoryContainer
from local.in_memory.queue import MemoryQueue, QueuedMessage

__all__ = ["MemoryContainer", "MemoryQueue", "QueuedMessage"]
