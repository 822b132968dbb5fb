"""Does the same with several items at a time, on threads that all runs of a worker share; and in batches."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def run_all(threads: Executor, act: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Do the same with every item, several at a time, and return what came of each; the first error is raised last."""
    items = list(items)
    if len(items) == 1:
        return [act(items[0])]
    # Each thread works in a copy of the caller's context, so that its spans belong to the same trace.
    futures = [threads.submit(copy_context().run, act, item) for item in items]
    for future in futures:
        future.exception()
    return [future.result() for future in futures]


def batches(items: Iterable[A], size: int) -> Iterator[list[A]]:
    """Yield items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
