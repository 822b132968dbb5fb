"""What the last release has left is worked on to its end: records, messages and results, as it has written them.

The data were written by the app at commit 9c7d695, in memory, and saved at the moments that name the files.
"""

import gzip
import json
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from functions.storage.containers import Blob, BlobInfo
from functions.storage.memory_containers import MemoryContainer
from functions.storage.memory_queue import MemoryQueue, QueuedMessage
from functions.storage.record_format import VERSION
from tests.support.world import World, letter

LEFT = Path(__file__).parent / "data" / "stores-9c7d695"
RECORDED = Path(__file__).parents[2] / "unit" / "core" / "data" / "records-9c7d695"
"""JSON Schemas of the records that it reads."""
MOMENTS = sorted(file.stem for file in LEFT.glob("*.json"))

TEXTS = {
    **{f"{number}.txt": letter(number).encode() for number in (1, 2, 3)},
    "long.txt": "".join(
        "the borrower pays what is due. " * 250 + "\n" + letter(number) for number in range(40)
    ).encode(),
}
"""The documents of the data, but for one that is no text."""
NO_TEXT = b"\x00\x01\x02"


def world_of(moment: str) -> World:
    """Return a world with what the last release had left at a moment."""
    left = json.loads((LEFT / f"{moment}.json").read_text("utf-8"))
    world = World()
    world.clock.advance((datetime.fromisoformat(left["at"]) - world.clock()).total_seconds())
    for blob in left["documents"]:
        is_text = (moment, blob["name"]) != ("ended", "2.txt")
        put(world.intake, blob, TEXTS[blob["name"]] if is_text else NO_TEXT)
    for container, name in ((world.output, "entities"), (world.state, "extraction-state")):
        for blob in left[name]:
            put(container, blob, json.dumps(blob["content"]).encode())
    queues = {
        "jobs": world.jobs,
        "jobs-poison": world.poisoned_jobs,
        "events": world.events,
        "events-poison": world.poisoned_events,
    }
    for name, queue in queues.items():
        for message in left[name]:
            send(queue, message)
    return world


def put(container: MemoryContainer, blob: dict[str, Any], data: bytes) -> None:
    """Put a blob into a container with its own ETag, which records refer to."""
    modified = datetime.fromisoformat(blob["lastModified"])
    info = BlobInfo(blob["name"], blob["etag"], modified, len(data), blob["metadata"])
    container._blobs[info.name] = Blob(info, data)
    while next(container._versions) < int(info.etag.strip('"'), 16):
        pass


def send(queue: MemoryQueue, message: dict[str, Any]) -> None:
    id = f"left-{len(queue.messages)}"
    visible = datetime.fromisoformat(message["visible"])
    queue._messages[id] = QueuedMessage(id, message["text"], visible, message["dequeueCount"])


@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if moment != "ended"])
def test_what_was_under_way_is_finished(moment: str) -> None:
    """The service of this world knows none of the jobs that ran: the documents of those are submitted once more."""
    world = world_of(moment)
    world.settle()
    names = [info.name for info in world.intake.list()]
    world.check_right(*names)
    world.check_quiet()
    assert all(world.submissions_of(world.text_of(name)) <= 1 for name in names)
    records = [json.loads(world.state.read(f"documents/{name}").data) for name in names]
    assert [(record["version"], record["state"]) for record in records] == [(VERSION, "done")] * len(names)


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_of_it_is_quarantined(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    world = world_of(moment)
    world.settle()
    assert world.reconcile().is_complete
    world.settle()
    quarantined = {"record_quarantined", "message_discarded", "newer_record", "repair_failed"}
    assert not quarantined & {getattr(line, "action", "") for line in caplog.records}


def test_what_has_ended_is_not_submitted_again() -> None:
    """An event that comes twice, and the comparison at night."""
    world = world_of("ended")
    world.settle()
    tally = world.reconcile()
    world.settle()
    assert (tally.done, tally.failed, tally.submitted) == (1, 1, 0)
    assert world.service.counters.ledger == []
    world.check_right("1.txt")
    world.check_failed("2.txt", "NotText")


def test_new_versions_replace_its_results() -> None:
    world = world_of("ended")
    world.drop("1.txt", NO_TEXT)
    world.drop("2.txt", letter(2))
    world.settle()
    world.check_failed("1.txt", "NotText")
    world.check_right("2.txt")
    world.check_quiet()


def test_deleted_results_are_written_anew() -> None:
    world = world_of("ended")
    world.output.delete("1.txt.entities.json")
    world.reconcile()
    world.settle()
    world.check_right("1.txt")


# --- What it drops ---

KNOWN_OF_A_JOB = json.loads((RECORDED / "job.schema.json").read_text("utf-8"))["$defs"]


def write_as_it_does(world: World, name: str) -> None:
    """Write a job's record as the last release writes it anew: without what it does not know."""
    blob = world.state.read(name)
    job = known(json.loads(blob.data), "Job")
    job["pieces"] = [known(piece, "Piece") for piece in job["pieces"]]
    world.state.write(name, json.dumps(job).encode(), metadata=without_version(blob.info.metadata))


def known(record: dict[str, Any], kind: str) -> dict[str, Any]:
    return {field: value for field, value in record.items() if field in KNOWN_OF_A_JOB[kind]["properties"]}


def without_version(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key != "version"}


COMPRESSED = {
    "gzip": (gzip.compress(letter(1).encode()), ""),
    "deflate": (zlib.compress(letter(1).encode()), "deflate"),
    "damaged": ("Mary Miller schuldet Alan Archer für Öl: $12.\n".encode() * 40 + b"\xc3 und mehr.\n", ""),
}


@pytest.mark.parametrize("kind", COMPRESSED)
@pytest.mark.parametrize("state", ["running", "waiting"])
def test_how_a_document_is_read_is_found_again(kind: str, state: str) -> None:
    """The last release knows neither compression nor damaged bytes, fails at the text, and writes the job anew."""
    content, encoding = COMPRESSED[kind]
    world = World()
    world.keep_no_texts()
    if state == "waiting":
        world.script("throttle-429", method="POST")
    world.intake.write("a.txt", content, content_encoding=encoding)
    world.announce("a.txt")
    world.step()
    (job,) = world.state.list("jobs/")
    (piece,) = json.loads(world.state.read(job.name).data)["pieces"]
    assert {"contentEncoding", "encodingErrors"} & piece.keys()
    write_as_it_does(world, job.name)
    world.settle()
    result = world.entities("a.txt")
    assert result
    assert {entity["text"] for entity in result["entities"]} >= {"Mary Miller", "Alan Archer"}
    assert all(entity["utf16Offset"] is not None for entity in result["entities"])
    assert len(world.service.counters.ledger) == 1
    world.check_quiet()
