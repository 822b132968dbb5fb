"""Texts between a submission and its result: kept in memory while there is room, else read again."""

import gzip
import sys
import threading

import pytest

from functions.core.records import Chunk
from functions.errors import Changed, Missing
from functions.workflows.texts import TextCache, TextReader
from tests.support.material import chunk
from tests.support.world import World, letter

TEXT = "a" * 1_000
SIZE = sys.getsizeof(TEXT)
A, B, C, D, E = (chunk(f"{letter}.txt") for letter in "abcde")


# --- The cache ---


def test_a_text_is_taken_once() -> None:
    cache = TextCache()
    cache.keep(A, TEXT)
    assert [cache.take(A), cache.take(A)] == [TEXT, None]


@pytest.mark.parametrize(
    "other",
    [B, chunk("a.txt", etag='"0x2"'), chunk("a.txt", start=1), chunk("a.txt", end=19)],
    ids=["document", "version", "start", "end"],
)
def test_a_text_belongs_to_one_chunk(other: Chunk) -> None:
    cache = TextCache()
    cache.keep(A, TEXT)
    assert cache.take(other) is None


def test_the_oldest_text_makes_room() -> None:
    cache = TextCache(max_bytes=4 * SIZE)
    for one in (A, B, C, D, E):
        cache.keep(one, TEXT)
    assert [cache.take(one) for one in (A, B, C, D, E)] == [None, TEXT, TEXT, TEXT, TEXT]


def test_a_text_kept_twice_counts_once() -> None:
    """As when a job is submitted again; and it is the newest then."""
    cache = TextCache(max_bytes=4 * SIZE)
    for one in (A, B, C, D, A, E):
        cache.keep(one, TEXT)
    assert [cache.take(one) for one in (A, B, C, D, E)] == [TEXT, None, TEXT, TEXT, TEXT]


def test_a_text_taken_leaves_its_room() -> None:
    cache = TextCache(max_bytes=4 * SIZE)
    for _ in range(3):
        for one in (A, B, C, D):
            cache.keep(one, TEXT)
        assert [cache.take(one) for one in (A, B, C, D)] == [TEXT] * 4


def test_a_text_over_a_quarter_is_not_kept() -> None:
    cache = TextCache(max_bytes=4 * SIZE)
    cache.keep(A, TEXT)
    cache.keep(B, TEXT + "a")
    assert [cache.take(A), cache.take(B)] == [TEXT, None]


# --- The reader ---


@pytest.fixture
def reader(world: World) -> TextReader:
    return TextReader(world.app.parts.documents, world.copies, TextCache(), threading.Semaphore(1))


def dropped(world: World, data: bytes = letter(1).encode(), **changes: object) -> Chunk:
    """Drop a document, and return the chunk that it is."""
    etag = world.drop("a.txt", data)
    return chunk("a.txt", etag, end=len(letter(1)), own_end=len(letter(1)), **changes)


def test_a_kept_text_is_not_read_again(world: World, reader: TextReader) -> None:
    a = dropped(world)
    reader.keep(a, "as it was submitted")
    assert reader.submitted(a) == "as it was submitted"
    assert reader.submitted(a) == letter(1)


class Places(threading.Semaphore):
    """Places for large documents, which count how often one was taken."""

    taken = 0

    def __enter__(self, *args: object) -> bool:
        self.taken += 1
        return super().__enter__()


@pytest.mark.parametrize(("content_encoding", "taken"), [(None, 0), ("gzip", 1)])
def test_a_compressed_document_takes_a_place(world: World, content_encoding: str | None, taken: int) -> None:
    """It may be large once it is unpacked, and all of it is for any part."""
    places = Places(1)
    reader = TextReader(world.app.parts.documents, world.copies, TextCache(), places)
    data = letter(1).encode()
    packed = gzip.compress(data) if content_encoding else data
    a = dropped(world, packed, content_encoding=content_encoding, byte_start=5, byte_end=11)
    assert (reader.read(a), places.taken) == (letter(1)[5:11], taken)


def test_another_version_is_not_read(world: World, reader: TextReader) -> None:
    a = dropped(world)
    world.drop("a.txt", letter(1, version=2))
    with pytest.raises(Changed):
        reader.submitted(a)
    world.remove("a.txt")
    with pytest.raises(Missing):
        reader.submitted(a)
