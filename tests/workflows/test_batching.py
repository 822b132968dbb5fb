"""Documents that come at about the same time share a job, where the service is asked the same about them."""

from functions.core.packing import MAX_REQUEST_DOCUMENTS
from functions.core.time_limits import LONGEST_BATCH_S
from functions.core.work import WorkSpec
from functions.text.chunks import ReadyChunk
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from functions.workflows.batching import Batch
from tests.support.material import chunk, facts, work
from tests.support.scenarios import accepted
from tests.support.world import World, letter

WORK = work()


def item(name: str, spec: WorkSpec = WORK, text: str = "a letter", etag: str = '"0x1"') -> ReadyChunk:
    return ReadyChunk(chunk(name, etag), text, facts(name, etag), spec)


def joined(world: World, *items: ReadyChunk) -> list[list[str]]:
    """Let items join one after the other, and return the names in each batch that this opened."""
    batches = [batch for batch, _, is_leader in map(world.app.submitter.join, items) if is_leader]
    return [[one.facts.name for one in batch.items()] for batch in batches]


# --- From the document to the request ---


def test_documents_that_come_together_share_a_job(world: World) -> None:
    names = ["0.txt", "1.txt", "2.txt"]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    world.deliver_together(*names)
    assert accepted(world) == [3]
    world.run()
    world.check_right(*names)
    world.check_quiet()


def test_a_lone_document_goes_by_itself(world: World) -> None:
    for number in range(2):
        world.drop(f"{number}.txt", letter(number), announce=False)
        world.app.submitter.submit(f"{number}.txt")
    assert accepted(world) == [1, 1]


# --- Who joins whom ---


def test_the_same_work_shares_a_batch(world: World) -> None:
    assert joined(world, item("a.txt"), item("b.txt"), item("c.txt")) == [["a.txt", "b.txt", "c.txt"]]


def test_different_work_does_not_share(world: World) -> None:
    """Each kind of work has an open batch of its own, which stays open beside the others."""
    german, other = work(DOCUMENT_LANGUAGE="de"), work(LANGUAGE_DEPLOYMENT="other")
    items = [
        item("a.txt"),
        item("b.txt", german),
        item("c.txt", other),
        item("d.txt"),
        item("e.txt", german),
        item("f.txt", other),
    ]
    assert joined(world, *items) == [["a.txt", "d.txt"], ["b.txt", "e.txt"], ["c.txt", "f.txt"]]


def test_a_full_batch_closes(world: World) -> None:
    names = [f"{number:02}.txt" for number in range(MAX_REQUEST_DOCUMENTS + 1)]
    assert joined(world, *map(item, names)) == [names[:-1], names[-1:]]


def test_text_without_room_opens_another_batch(world: World) -> None:
    """What comes later joins the newest batch: the earlier one is about to go."""
    half = "a" * (MAX_REQUEST_CHARACTERS // 2)
    items = [item("a.txt"), item("b.txt", text=half), item("c.txt", text=half), item("d.txt")]
    assert joined(world, *items) == [["a.txt", "b.txt"], ["c.txt", "d.txt"]]


def test_two_events_of_a_version_are_one_entry(world: World) -> None:
    assert joined(world, item("a.txt"), item("a.txt"), item("a.txt", etag='"0x2"')) == [["a.txt", "a.txt"]]


def test_nobody_joins_a_closed_batch(world: World) -> None:
    batch, _, _ = world.app.submitter.join(item("a.txt"))
    world.app.submitter.close(batch)
    assert joined(world, item("b.txt")) == [["b.txt"]]


# --- How long a batch stays open ---


def test_a_batch_waits_a_linger_after_activity() -> None:
    batch = Batch(opened_at=100.0)
    assert batch.flush_deadline(100.0, linger_s=0.5) == 100.5
    assert batch.flush_deadline(104.0, linger_s=0.5) == 104.5


def test_a_batch_stays_open_ten_lingers_at_most() -> None:
    batch = Batch(opened_at=100.0)
    assert batch.flush_deadline(104.9, linger_s=0.5) == 105.0
    assert batch.flush_deadline(150.0, linger_s=5.0) == 100.0 + LONGEST_BATCH_S
