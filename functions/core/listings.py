"""Compares what was dropped with what came of it: three sorted listings side by side, in constant memory.

The names of results are the documents' names with a suffix, and that changes the order: "a-1" comes after "a", but
"a-1.entities.json" before "a.entities.json". `in_result_order` puts documents into the order of their results, and
holds no more of them back than there are prefixes in one name.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar


class Named(Protocol):
    """Anything with a blob's name."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)
M = TypeVar("M", bound=Named)


def sort_key(name: str) -> bytes:
    """Return what the storage sorts names by: their UTF-16 code units."""
    return name.encode("utf-16-be", "surrogatepass")


def side_by_side(left: Iterable[N], right: Iterable[M]) -> Iterator[tuple[N | None, M | None]]:
    """Yield two sorted listings together: both sides of a name, None where one of them does not have it."""
    lefts, rights = iter(left), iter(right)
    a, b = next(lefts, None), next(rights, None)
    while a is not None or b is not None:
        if b is None or (a is not None and sort_key(a.name) < sort_key(b.name)):
            yield a, None
            a = next(lefts, None)
        elif a is None or sort_key(b.name) < sort_key(a.name):
            yield None, b
            b = next(rights, None)
        else:
            yield a, b
            a, b = next(lefts, None), next(rights, None)


def in_result_order(documents: Iterable[N], result_name: Callable[[str], str]) -> Iterator[N]:
    """Yield documents, which come sorted by name, sorted by the names of their results.

    A document is held back while names that continue its own may have results that sort before its own. Those held
    back continue each other, so there are never more of them than characters in a name.
    """
    held: list[N] = []
    for document in documents:
        while held and not _overtakes(document.name, held[-1].name, result_name):
            yield held.pop()
        held.append(document)
    yield from reversed(held)


def _overtakes(later: str, earlier: str, result_name: Callable[[str], str]) -> bool:
    """Whether the document `later` sorts behind `earlier`, but its result before."""
    return later.startswith(earlier) and sort_key(result_name(later)) < sort_key(result_name(earlier))
