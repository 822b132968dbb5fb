"""What ``make start`` prints and does, look after look, over containers that can fail."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError
from rich.console import Console

from local.demo.containers import Containers, StoredResult
from local.demo.start import Outage, Watch


def answered(status: int, message: str) -> HttpResponseError:
    error = HttpResponseError(message)
    error.status_code = status
    return error


class MemoryContainers:
    """Containers in memory whose uploads and listings fail while an error is set."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.stored: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, AzureError] = {}
        self.upload_error: AzureError | None = None
        self.listing_error: AzureError | None = None
        self.before_upload: Callable[[], None] | None = None
        self.uploads = 0

    def holds(self, name: str, data: bytes) -> bool:
        self.uploads += 1
        if act := self.before_upload:
            self.before_upload = None
            act()
        if error := self.refused.get(name) or self.upload_error:
            raise error
        return self.documents.get(name) == data

    def drop(self, name: str, data: bytes) -> str:
        self.documents[name] = data
        return "etag"

    def results(self) -> list[StoredResult]:
        if self.listing_error:
            raise self.listing_error
        return [StoredResult(name, "1", "1") for name in self.stored]

    def read(self, result: StoredResult) -> bytes | None:
        return json.dumps(self.stored[result.name]).encode()

    def finish(self, name: str) -> None:
        self.stored[f"{name}.entities.json"] = {"document": {"name": name}, "entities": [{}]}


class Stage:
    """A watch over folders of its own, whose clock a test moves."""

    def __init__(self, folder: Path) -> None:
        self.drop, self.out, self.events = folder / "drop", folder / "out", folder / "events.jsonl"
        self.drop.mkdir()
        self.containers = MemoryContainers()
        self.now = 0.0
        self._printed = io.StringIO()
        console = Console(file=self._printed, width=200, highlight=False)
        containers = cast("Containers", self.containers)
        self._watch = Watch(containers, console, self.drop, self.out, self.events, lambda: self.now)

    def get_properties(self, times: int = 1) -> list[str]:
        """Let seconds pass with a look after each; return the lines without the time of day."""
        for _ in range(times):
            self.now += 1
            self._watch.get_properties()
        text = self._printed.getvalue()
        self._printed.seek(0)
        self._printed.truncate()
        return [line[10:] for line in text.splitlines()]

    def save(self, name: str, text: str = "text") -> None:
        (self.drop / name).write_text(text)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_document_becomes_result(stage: Stage) -> None:
    stage.save("a.txt")
    assert stage.get_properties(2) == ["→ a.txt  4 bytes"]
    stage.containers.finish("a.txt")
    (line,) = stage.get_properties()
    assert line.startswith("✓ a.txt  1 entity in 1.0 s, see ")
    assert (stage.out / "a.txt.entities.json").exists()


def test_other_files_delay_nothing(stage: Stage) -> None:
    os.mkfifo(stage.drop / "pipe.txt")
    (stage.drop / "unreadable.txt").symlink_to("/proc/self/clear_refs")
    for name in ("bad\x01.txt", "back\\slash.txt", "a.txt"):
        stage.save(name)
    lines = stage.get_properties(2)
    assert sorted(lines) == sorted(
        [
            "! pipe.txt is skipped: it is a pipe.",
            "! bad\ufffd.txt is skipped: its name has a control character that the storage emulator cannot list.",
            "! back\\slash.txt is skipped: its name has a backslash, of which the storage emulator makes a slash.",
            "! unreadable.txt is skipped: Invalid argument.",
            "→ a.txt  4 bytes",
        ]
    )
    assert stage.get_properties(5) == []
    assert set(stage.containers.documents) == {"a.txt"}


def test_vanished_file_is_skipped(stage: Stage) -> None:
    """It goes while the one before it is uploaded."""
    stage.save("a.txt")
    stage.save("b.txt")
    stage.save("c.txt")
    stage.containers.before_upload = (stage.drop / "b.txt").unlink
    assert stage.get_properties(5) == ["→ a.txt  4 bytes", "→ c.txt  4 bytes"]


def test_documents_wait_for_storage(stage: Stage) -> None:
    stage.containers.upload_error = ServiceRequestError("<connection at 0x7f> refused")
    stage.save("a.txt")
    stage.save("b.txt")
    assert stage.get_properties(2) == ["! The storage emulator takes no documents, trying again: no answer."]
    before = stage.containers.uploads
    assert stage.get_properties(10) == []
    # Only the first of them is tried; the others would wait for the same storage.
    assert stage.containers.uploads - before <= 10
    stage.containers.upload_error = None
    assert stage.get_properties(2) == [
        "→ a.txt  4 bytes",
        "✓ The storage emulator takes documents again.",
        "→ b.txt  4 bytes",
    ]


def test_refused_document_is_skipped(stage: Stage) -> None:
    stage.containers.refused["a.txt"] = answered(400, "The name is too long.\nRequestId: 1")
    stage.save("a.txt")
    stage.save("b.txt")
    assert stage.get_properties(2) == ["! a.txt is skipped: The name is too long.", "→ b.txt  4 bytes"]
    assert stage.get_properties(5) == []


def test_failing_listing_is_printed_once(stage: Stage) -> None:
    """Documents still go in, and what came meanwhile is fetched afterwards."""
    stage.containers.listing_error = answered(500, "Internal Server Error\nRequestId: 1")
    assert stage.get_properties() == ["! The storage emulator gives no results, trying again: Internal Server Error."]
    stage.save("a.txt")
    assert stage.get_properties(5) == ["→ a.txt  4 bytes"]
    stage.containers.finish("a.txt")
    stage.containers.listing_error = answered(503, "Server Busy")
    assert stage.get_properties() == ["! The storage emulator gives no results, trying again: Server Busy."]
    stage.containers.listing_error = None
    recovered, result = stage.get_properties()
    assert recovered == "✓ The storage emulator gives results again."
    assert result.startswith("✓ a.txt  1 entity")


def test_events_of_hosts_become_lines(stage: Stage) -> None:
    event = {"action": "job_deferred", "level": "WARNING", "message": "Job 1 waits: Throttled.", "job": "1"}
    with stage.events.open("a") as stream:
        for _ in range(3):
            stream.write(json.dumps({**event, "reason": "Throttled"}) + "\n")
    assert stage.get_properties(3) == ["! Job 1 waits: Throttled."]
    with stage.events.open("a") as stream:
        stream.write(json.dumps({"action": "job_submitted", "job": "1"}) + "\n")
    assert stage.get_properties(20) == ["✓ What waited goes on (Throttled)."]


def test_outage_messages_are_grouped() -> None:
    outage = Outage("It fails", "It works.")
    assert outage.failed(ServiceRequestError("<object at 0x1>")) is not None
    assert outage.failed(ServiceRequestError("<object at 0x2>")) is None
    assert outage.ended() is not None
    assert outage.ended() is None
