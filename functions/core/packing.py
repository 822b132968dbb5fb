"""Packs chunks of documents into requests, by all three limits of the service at once."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ..text.splitting import MAX_REQUEST_CHARACTERS
from .work import WorkSpec

MAX_REQUEST_DOCUMENTS = 25
"""Documents in one request of the asynchronous API (recorded: a 400 says "Max 25 records are permitted")."""

REQUESTS_PER_JOB = 3
"""What a job takes of the request budget: one POST and about two GETs."""

MAX_REQUEST_BYTES = 1_000_000
"""Bytes of one request: 1 MB is documented for the preconfigured features ("data limits", read 2026-11), and no figure
for custom text."""

_ENVELOPE_BYTES = 2_000
_CHUNK_ENVELOPE_BYTES = 100


class Sized(Protocol):
    """Anything that carries the text of one chunk."""

    @property
    def text(self) -> str: ...

    @property
    def work(self) -> WorkSpec:
        """What the service is asked about it."""

    @property
    def done(self) -> tuple[str, ...]:
        """The tasks of it that are not asked, because their results are there."""


T = TypeVar("T", bound=Sized)


def json_size(text: str) -> int:
    """Return how many bytes a chunk with this text takes in a request."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return len(text) + _CHUNK_ENVELOPE_BYTES
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")) + _CHUNK_ENVELOPE_BYTES


@dataclass(slots=True)
class Load(Generic[T]):
    """What one request carries so far."""

    items: list[T] = field(default_factory=list)
    characters: int = 0
    bytes: int = _ENVELOPE_BYTES

    def takes(self, item: T) -> bool:
        """Whether `item` still fits. An empty load takes anything: no chunk is larger than a request."""
        return not self.items or (
            (item.work, item.done) == (self.items[0].work, self.items[0].done)
            and len(self.items) < MAX_REQUEST_DOCUMENTS
            and self.characters + len(item.text) <= MAX_REQUEST_CHARACTERS
            and self.bytes + json_size(item.text) <= MAX_REQUEST_BYTES
        )

    def add(self, item: T) -> None:
        """Put `item` in."""
        self.items.append(item)
        self.characters += len(item.text)
        self.bytes += json_size(item.text)

    @property
    def is_full(self) -> bool:
        """Whether waiting for more makes no sense."""
        return len(self.items) >= MAX_REQUEST_DOCUMENTS or self.characters >= MAX_REQUEST_CHARACTERS


def pack(items: Iterable[T]) -> list[list[T]]:
    """Return `items` in as few requests as first fit finds, their order kept within each request."""
    loads: list[Load[T]] = []
    for item in items:
        for load in loads:
            if not load.is_full and load.takes(item):
                load.add(item)
                break
        else:
            load = Load()
            load.add(item)
            loads.append(load)
    return [load.items for load in loads]
