"""Log events as JSON lines: the app's, and the host's own about containers that cannot be listed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.functions_host.blob_trigger import ListingLog
from local.functions_host.errors import StorageError
from local.functions_host.events import EventFile
from tests.local.functions_host.stage import Stage, wait_until


def events_in(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def make_logger(name: str, *files: Path) -> tuple[logging.Logger, list[EventFile]]:
    logger = logging.Logger(name)
    handlers = [EventFile(file) for file in files]
    for handler in handlers:
        logger.addHandler(handler)
    return logger, handlers


def test_records_with_action_are_written(tmp_path: Path) -> None:
    logger, (handler,) = make_logger("app", tmp_path / "logs" / "events.jsonl")
    logger.info("no event")
    logger.warning("Job %s waits", "1\n2", extra={"action": "job_held_off", "job": "é", "wait_s": 1.5, "data": [1]})
    logger.info("%s", "x" * 5000, extra={"action": "long", "text": "y" * 5000})
    handler.close()
    handler.close()
    first, second = events_in(tmp_path / "logs" / "events.jsonl")
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "WARNING",
        "message": "Job 1\n2 waits",
        "action": "job_held_off",
        "job": "é",
        "wait_s": 1.5,
    }
    assert (len(second["message"]), len(second["text"])) == (2000, 2000)


def test_hosts_share_file(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    logger, handlers = make_logger("two", file, file)
    for number in range(100):
        logger.info("%s", number, extra={"action": "count"})
    for handler in handlers:
        handler.close()
    assert [event["message"] for event in events_in(file)] == [str(n) for n in range(100) for _ in range(2)]


def test_failing_listing_is_logged_once(caplog: Any) -> None:
    log = ListingLog()
    with caplog.at_level(logging.INFO):
        for number in range(3):
            log.failed("documents", StorageError("GET /documents", 500, "", f"object at {number}"))
        log.failed("documents", StorageError("GET /documents", 0, "", "refused"))
        log.failed("other", StorageError("GET /other", 500, "InternalError"))
        for _ in range(2):
            log.listed("documents")
    assert [(record.action, record.container, getattr(record, "reason", None)) for record in caplog.records] == [
        ("container_unlisted", "documents", "status 500"),
        ("container_unlisted", "documents", "no answer"),
        ("container_unlisted", "other", "status 500 InternalError"),
        ("container_listed", "documents", None),
    ]


def test_unlisted_container_is_event_and_recovers(set_stage: Callable[..., Stage]) -> None:
    """A blob whose name XML cannot hold makes the emulator answer every listing of its container with 500."""
    stage = set_stage("recorder")
    stage.drop("bad\x01.txt")
    stage.drop("good.txt")
    file = stage.folder / "events.jsonl"
    stage.start_host("--events", str(file))

    wait_until(lambda: file.exists() and events_in(file), "an event")
    assert stage.seen("blobs") == []
    stage.input.delete_blob("bad\x01.txt")
    (seen,) = stage.wait_for_seen("blobs", 1)
    wait_until(lambda: len(events_in(file)) > 1, "the second event")

    assert seen["name"] == "good.txt"
    container = stage.values["INPUT"]
    assert [(event["action"], event["container"]) for event in events_in(file)] == [
        ("container_unlisted", container),
        ("container_listed", container),
    ]
