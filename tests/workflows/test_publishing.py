"""The result of a document is written once, by its owner only, and never over a newer one."""

import pytest

from functions.core.documents import Claim, DocumentState, StoredRecord
from functions.core.lifecycle import claim
from functions.core.publication import Extracted
from functions.core.results import entities_name, error_name
from functions.tasks.entities import EntityChunk
from functions.workflows.indexing import Indexing
from functions.workflows.publishing import Publisher
from tests.support.material import PROBLEM, chunk, facts, job_facts, running_job, work
from tests.support.scenarios import results_of
from tests.support.world import Call, World

WORK = work()
CHUNK = EntityChunk(index=0, entities=(), warnings=(), text_records=1, job=job_facts())
FOUND = Extracted({"entities": (CHUNK,)}, WORK)
ENTITIES, ERROR = entities_name("a.txt"), error_name("a.txt")


@pytest.fixture
def publisher(world: World) -> Publisher:
    parts = world.app.parts
    return Publisher(
        parts.documents, parts.records, world.copies, world.app.journal, Indexing(parts.index), world.clock
    )


def claimed(world: World, owner: str, etag: str) -> StoredRecord:
    """Claim a version of a.txt for an owner, over what there is, and return its record."""
    records = world.app.parts.records
    present, at = records.document("a.txt")
    record = claim(present, facts(etag=etag), owner, WORK, world.clock())
    return StoredRecord(record=record, etag=records.save_document(record, at))


def state_of(world: World) -> tuple[DocumentState, str]:
    """Return the state of the newest version of a.txt, and its owner."""
    record, _ = world.app.parts.records.document("a.txt")
    assert record is not None
    return record.state, record.owner


def owner_of(world: World, name: str) -> tuple[str, str]:
    """Return who wrote a result, and for which version of its document."""
    metadata = world.output.get_properties(name).metadata
    return metadata["job"], metadata["source_etag"]


# --- The owner writes ---


def test_a_first_result_takes_two_writes(world: World, publisher: Publisher) -> None:
    """The owner knows the record, and that no earlier version can have left a result."""
    known = claimed(world, "j1", '"0x1"')
    calls = world.calls_of(lambda: publisher.write_results(known.record.claim, FOUND, known))
    assert calls == [f"output write {ENTITIES}", "state write documents/a.txt"]
    assert (state_of(world), owner_of(world, ENTITIES)) == ((DocumentState.DONE, "j1"), ("j1", '"0x1"'))


def test_a_newer_version_replaces_the_result(world: World, publisher: Publisher) -> None:
    """Which results are there is found out first, and the record read again afterwards."""
    publisher.write_results(claimed(world, "j1", '"0x1"').record.claim, FOUND)
    newer = claimed(world, "j2", '"0x2"').record.claim
    assert world.calls_of(lambda: publisher.write_results(newer, FOUND)) == [
        "state read documents/a.txt",
        f"output get_properties {ENTITIES}",
        f"output get_properties {ERROR}",
        "output get_properties a.txt.extracted.txt",
        "state read documents/a.txt",
        f"output write {ENTITIES}",
        "state write documents/a.txt",
    ]
    assert (state_of(world), owner_of(world, ENTITIES)) == ((DocumentState.DONE, "j2"), ("j2", '"0x2"'))


@pytest.mark.parametrize("first", ["entities", "report"])
def test_a_result_withdraws_its_counterpart(world: World, publisher: Publisher, first: str) -> None:
    """A document never has entities and an error report of its newest version."""

    def write_entities(owner: Claim) -> None:
        assert publisher.write_results(owner, FOUND)

    def write_report(owner: Claim) -> None:
        assert publisher.write_error(owner, PROBLEM, attempts=1)

    before, after = (write_entities, write_report) if first == "entities" else (write_report, write_entities)
    before(claimed(world, "j1", '"0x1"').record.claim)
    after(claimed(world, "j2", '"0x2"').record.claim)
    assert results_of(world) == [ERROR if first == "entities" else ENTITIES]


def test_known_records_may_be_outdated(world: World, publisher: Publisher) -> None:
    """The same owner's record was saved again since, with one more submission counted."""
    known = claimed(world, "j1", '"0x1"')
    world.app.parts.records.save_document(known.record, known.etag)
    assert publisher.write_results(known.record.claim, FOUND, known)
    assert (state_of(world), results_of(world)) == ((DocumentState.DONE, "j1"), [ENTITIES])


# --- Others do not ---


def test_a_replaced_owner_writes_nothing(world: World, publisher: Publisher) -> None:
    older = claimed(world, "j1", '"0x1"').record.claim
    publisher.write_results(claimed(world, "j2", '"0x2"').record.claim, FOUND)
    assert not publisher.write_results(older, FOUND)
    assert not publisher.write_error(older, PROBLEM, attempts=1)
    assert (results_of(world), owner_of(world, ENTITIES)) == ([ENTITIES], ("j2", '"0x2"'))


def test_an_owner_replaced_meanwhile_withdraws_its_result(world: World, publisher: Publisher) -> None:
    """A newer version was claimed between the write of the result and that of the record."""
    older = claimed(world, "j1", '"0x1"')

    def claim_newer(call: Call) -> None:
        if (call.place, call.action, call.moment) == ("output", "write", "after"):
            world.gate = None
            claimed(world, "j2", '"0x2"')

    world.gate = claim_newer
    assert not publisher.write_results(older.record.claim, FOUND, older)
    assert (state_of(world), results_of(world)) == ((DocumentState.PENDING, "j2"), [])


def test_a_newer_result_is_not_written_over(world: World, publisher: Publisher) -> None:
    """A newer version was claimed and got its result just before the older one's was to be written."""
    older = claimed(world, "j1", '"0x1"')

    def publish_newer(call: Call) -> None:
        if (call.place, call.action, call.moment) == ("output", "write", "before"):
            world.gate = None
            publisher.write_results(claimed(world, "j2", '"0x2"').record.claim, FOUND)

    world.gate = publish_newer
    assert not publisher.write_results(older.record.claim, FOUND, older)
    assert (state_of(world), owner_of(world, ENTITIES)) == ((DocumentState.DONE, "j2"), ("j2", '"0x2"'))


# --- What an owner leaves behind ---


def test_a_lost_claim_is_cleared_away(world: World, publisher: Publisher) -> None:
    """Results of chunks, and the result that a worker wrote before it died."""
    claimed(world, "j1", '"0x1"')
    world.output.write(ENTITIES, b"{}", metadata={"job": "j1", "source_etag": '"0x1"'})
    world.app.parts.records.save_chunk("j1", "a.txt", 0, None, CHUNK)
    claimed(world, "j2", '"0x2"')
    publisher.release_claim(running_job(id="j1", owner="j1"), chunk(count=3))
    assert (results_of(world), world.records()) == ([], ["documents/a.txt"])


def test_a_deleted_document_leaves_no_record(world: World, publisher: Publisher) -> None:
    mine = claimed(world, "j1", '"0x1"').record.claim
    publisher.delete_record_of_deleted(mine)
    assert (results_of(world), world.records()) == ([], [])


def test_a_new_owners_record_is_not_deleted(world: World, publisher: Publisher) -> None:
    mine = claimed(world, "j1", '"0x1"').record.claim
    claimed(world, "j2", '"0x2"')
    publisher.delete_record_of_deleted(mine)
    assert state_of(world) == (DocumentState.PENDING, "j2")
