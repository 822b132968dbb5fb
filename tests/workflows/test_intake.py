"""What a dropped blob is: read and returned as a value, with nothing written anywhere."""

import gzip
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from functions import problems
from functions.core.records import Chunk, DocumentFacts
from functions.core.work import WorkSpec
from functions.errors import Changed
from functions.text.chunks import ReadyChunk
from functions.workflows.extractor import Extractor
from functions.workflows.intake import LARGE_BYTES, Gone, Ignored, Intake, IntakeOutcome, LongDocument, Ready, Rejected
from tests.support.material import work
from tests.support.scenarios import LONG
from tests.support.world import Call, World, letter

WORK = work()
MAX_BYTES = 2 * LARGE_BYTES


class Places(threading.Semaphore):
    """Counts how often somebody took a place."""

    taken = 0

    def __enter__(self) -> bool:
        self.taken += 1
        return super().__enter__()


class ByName:
    """Rules that choose the work by a function of the name."""

    def __init__(self, choose_work: Callable[[str], WorkSpec | None]) -> None:
        self.work_for = choose_work

    def work_for_report(self, document: str) -> WorkSpec:
        return self.work_for(document) or WORK


class Reading:
    """Reads documents of a world, and keeps a list of the calls that it took."""

    def __init__(self, world: World, choose_work: Callable[[str], WorkSpec | None] = lambda name: WORK) -> None:
        self.large = Places(1)
        self.calls: list[str] = []
        self.on_call: Callable[[Call], None] = lambda call: None
        self._intake = Intake(
            world.app.parts.documents, ByName(choose_work), Extractor(None), MAX_BYTES, 2 * MAX_BYTES, self.large
        )
        world.gate = self._gate

    def __call__(self, name: str) -> IntakeOutcome:
        return self._intake.read(name)

    def _gate(self, call: Call) -> None:
        assert call.place == "intake", "neither output nor state are touched"
        if call.moment == "before":
            self.calls.append(call.action)
            self.on_call(call)


@pytest.fixture
def read(world: World) -> Reading:
    return Reading(world)


def facts(world: World, name: str, **changes: Any) -> DocumentFacts:
    """Return what is known of a document of the world before it is read."""
    (info,) = (one for one in world.intake.list() if one.name == name)
    given = {"etag": info.etag, "last_modified": info.last_modified, "size_bytes": info.size_bytes, "language": "en"}
    return DocumentFacts(name=name, **{**given, **changes})


# --- Documents that are submitted ---


def test_a_document_is_ready_with_its_text(world: World, read: Reading) -> None:
    text = letter(1)
    etag = world.drop("a.txt", text)
    assert read("a.txt") == Ready(
        ReadyChunk(
            Chunk(
                document="a.txt", etag=etag, start=0, end=len(text), own_start=0, own_end=len(text), encoding="utf-8"
            ),
            text,
            facts(world, "a.txt", encoding="utf-8", characters=len(text)),
            WORK,
            content_sha256=hashlib.sha256(text.encode()).hexdigest(),
        )
    )
    assert read.calls == ["read"]


def test_a_long_document_is_several_chunks(world: World, read: Reading) -> None:
    world.drop("long.txt", LONG)
    outcome = read("long.txt")
    assert isinstance(outcome, LongDocument)
    chunks = [one.chunk for one in outcome.chunks]
    assert [(chunk.index, chunk.count) for chunk in chunks] == [(0, 3), (1, 3), (2, 3)]
    assert "".join(LONG[chunk.own_start : chunk.own_end] for chunk in chunks) == LONG
    assert [one.text for one in outcome.chunks] == [LONG[chunk.start : chunk.end] for chunk in chunks]
    assert {one.facts for one in outcome.chunks} == {facts(world, "long.txt", encoding="utf-8", characters=len(LONG))}


def test_an_ignored_document_is_not_read(world: World) -> None:
    read = Reading(world, lambda name: None)
    world.intake.write("a.txt", b"text")
    assert read("a.txt") == Ignored()
    assert read.calls == []


def test_the_work_is_chosen_by_name(world: World) -> None:
    german = work(DOCUMENT_LANGUAGE="de")
    read = Reading(world, lambda name: german if name.startswith("de/") else WORK)
    for name, chosen in (("de/a.txt", german), ("en/a.txt", WORK)):
        world.drop(name, letter(1))
        outcome = read(name)
        assert isinstance(outcome, Ready)
        assert (outcome.chunk.work, outcome.chunk.facts.language) == (chosen, chosen.language)


@pytest.mark.parametrize(("stated", "language"), [("de", "de"), (" pt-BR ", "pt-BR"), ("", None)])
def test_metadata_name_a_documents_language(world: World, read: Reading, stated: str, language: str | None) -> None:
    world.intake.write("a.txt", letter(1).encode(), metadata={"Language": stated})
    outcome = read("a.txt")
    assert isinstance(outcome, Ready)
    assert (outcome.chunk.chunk.language, outcome.chunk.facts.language) == (language, language or WORK.language)


def test_a_replaced_document_is_read_again(world: World, read: Reading) -> None:
    world.drop("a.txt", letter(1))

    def replace_once(call: Call) -> None:
        if len(read.calls) == 1:
            world.drop("a.txt", letter(1, version=2))
            raise Changed(call.name)

    read.on_call = replace_once
    outcome = read("a.txt")
    assert isinstance(outcome, Ready)
    assert outcome.chunk.text == letter(1, version=2)
    assert read.calls == ["read", "read"]


# --- How many are held in memory ---


@pytest.mark.parametrize(
    ("data", "waits"),
    [(b"a" * LARGE_BYTES, False), (b"a" * (LARGE_BYTES + 1), True), (gzip.compress(b"a letter"), True)],
    ids=["as large as a request", "larger", "compressed"],
)
def test_large_documents_wait_for_their_place(world: World, read: Reading, data: bytes, waits: bool) -> None:
    """What is compressed may be large once it is unpacked."""
    world.drop("a.txt", data)
    assert isinstance(read("a.txt"), Ready | LongDocument)
    assert read.large.taken == waits


# --- Documents that get an error report ---


def test_an_unreadable_document_is_rejected(world: World, read: Reading) -> None:
    world.drop("empty.txt", b"")
    assert read("empty.txt") == Rejected(facts(world, "empty.txt"), WORK, problems.EMPTY_DOCUMENT.problem())


def test_the_size_limit_is_inclusive(world: World, read: Reading) -> None:
    world.drop("largest.txt", b"a" * MAX_BYTES)
    world.drop("larger.txt", b"a" * (MAX_BYTES + 1))
    assert isinstance(read("largest.txt"), LongDocument)
    problem = problems.TOO_LARGE.problem(size=MAX_BYTES + 1, limit=MAX_BYTES)
    assert read("larger.txt") == Rejected(facts(world, "larger.txt"), WORK, problem)


def test_an_unknown_language_is_rejected(world: World, read: Reading) -> None:
    world.intake.write("a.txt", letter(1).encode(), metadata={"language": "Klingon"})
    outcome = read("a.txt")
    assert isinstance(outcome, Rejected)
    assert (outcome.facts, outcome.problem.code) == (facts(world, "a.txt"), "InvalidLanguage")


def test_an_unsafe_name_is_rejected_unread(world: World, read: Reading) -> None:
    """Only a listing takes such a name."""
    world.intake.upload("../a.txt", letter(1).encode())
    outcome = read("../a.txt")
    assert isinstance(outcome, Rejected)
    assert (outcome.facts, outcome.work, outcome.problem.code) == (facts(world, "../a.txt"), WORK, "UnsafeName")
    assert read.calls == ["list"]


# --- What is no document, or can not be read now ---


@pytest.mark.parametrize("name", ["a.txt", "../a.txt"])
def test_a_deleted_document_is_gone(read: Reading, name: str) -> None:
    assert read(name) == Gone()


def test_a_folder_marker_is_no_document(world: World, read: Reading) -> None:
    world.intake.write("loans/", b"")
    assert read("loans/") == Gone()


def test_an_archived_document_raises(world: World, read: Reading) -> None:
    """Whoever asked decides when it is tried again."""
    world.drop("a.txt", letter(1))

    def refuse(call: Call) -> None:
        error = HttpResponseError("BlobArchived")
        error.status_code, error.error_code = 409, "BlobArchived"  # type: ignore[attr-defined]
        raise error

    read.on_call = refuse
    with pytest.raises(HttpResponseError, match="BlobArchived"):
        read("a.txt")
