"""Lines about waiting: one for each cause, one when it is over, none in between."""

import json
from pathlib import Path
from typing import Any

from local.demo.notices import CALM_S, FORGET_S, MOST_NAMED, EventTail, Notices


def deferred(job: str, reason: str = "Throttled", wait_s: float = 30.0, **fields: Any) -> dict[str, Any]:
    message = f"Job {job} waits: {reason}. Nothing to do."
    return {
        "action": "job_deferred", "level": "WARNING", "message": message, "job": job, "reason": reason,
        "wait_s": wait_s, **fields,
    }  # fmt: skip


def document_deferred(name: str, reason: str = "Archived") -> dict[str, Any]:
    message = f"Document '{name}' waits: {reason}."
    return {"action": "document_deferred", "level": "INFO", "message": message, "document": name, "reason": reason}


def event(action: str, **fields: Any) -> dict[str, Any]:
    return {"action": action, "level": "INFO", "message": "", **fields}


class Terminal:
    """What is printed for events, with the seconds at which they come."""

    def __init__(self) -> None:
        self.notices = Notices()

    def at(self, now: float, *events: dict[str, Any]) -> list[str]:
        printed = [notice for each in events for notice in self.notices.take(each, now)]
        return [notice.text for notice in (*printed, *self.notices.tick(now))]


def test_cause_is_printed_once() -> None:
    terminal = Terminal()
    assert terminal.at(0, deferred("1")) == ["Job 1 waits: Throttled. Nothing to do."]
    assert terminal.at(1, deferred("2"), deferred("3")) == []
    for second in range(2, 100, 10):
        assert terminal.at(second, deferred("1"), deferred("2"), deferred("3")) == []
    assert terminal.at(100, event("job_submitted", job="1"), event("job_polled", job="2")) == []
    assert terminal.at(130) == []
    assert terminal.at(140, event("job_finished", job="3")) == []
    assert terminal.at(140 + CALM_S - 1) == []
    assert terminal.at(140 + CALM_S) == ["What waited goes on (Throttled)."]
    assert terminal.at(1000) == []


def test_returning_cause_is_same() -> None:
    terminal = Terminal()
    terminal.at(0, deferred("1"))
    for second in range(5, 100, 10):
        assert terminal.at(second, event("job_submitted", job="1")) == []
        assert terminal.at(second + 5, deferred("2", wait_s=2), event("job_submitted", job="2"), deferred("1")) == []


def test_each_cause_has_its_line() -> None:
    terminal = Terminal()
    assert len(terminal.at(0, deferred("1"), deferred("2", "Misconfigured", level="ERROR"))) == 2
    assert terminal.at(1, deferred("1", "Misconfigured")) == []
    assert terminal.at(1 + CALM_S) == ["What waited goes on (Throttled)."]


def test_short_waits_are_not_printed() -> None:
    terminal = Terminal()
    assert terminal.at(0, deferred("1", "OverBudget", 9.9, level="INFO")) == []
    assert len(terminal.at(1, deferred("1", "OverBudget", 10.0, level="INFO"))) == 1


def test_few_documents_are_named() -> None:
    terminal = Terminal()
    printed = terminal.at(0, *(document_deferred(f"{n}.txt") for n in range(MOST_NAMED + 3)))
    assert printed[:MOST_NAMED] == [f"Document '{n}.txt' waits: Archived." for n in range(MOST_NAMED)]
    assert printed[MOST_NAMED:] == ["More documents wait for the same reason (Archived)."]
    done = [event("document_done", document=f"{n}.txt", job="x") for n in range(MOST_NAMED + 3)]
    assert terminal.at(1, *done) == []
    assert terminal.at(1 + CALM_S) == ["What waited goes on (Archived)."]


def test_silent_job_is_dropped() -> None:
    """It was replaced or deleted: nothing goes on."""
    terminal = Terminal()
    terminal.at(0, deferred("1", wait_s=60))
    assert terminal.at(60 + FORGET_S) == []
    assert terminal.at(61 + FORGET_S) == []
    assert len(terminal.at(62 + FORGET_S, deferred("2"))) == 1


def test_empty_events_change_nothing() -> None:
    terminal = Terminal()
    terminal.at(0, deferred("1"))
    assert terminal.at(1, event("race_lost", job="1"), event("sweep"), event("job_swept", job="1")) == []
    assert terminal.at(2 + CALM_S) == []


def test_unlisted_container_is_printed_once() -> None:
    terminal = Terminal()
    unlisted = event("container_unlisted", container="documents", reason="status 500")
    assert terminal.at(0, unlisted, unlisted) == [
        "The storage emulator cannot list the container 'documents' (status 500), so no new document in it is noticed; "
        "trying again."
    ]
    listed = event("container_listed", container="documents")
    assert terminal.at(9, listed) == ["The storage emulator lists the container 'documents' again."]
    assert terminal.at(10, listed) == []


def test_odd_events_are_ignored() -> None:
    terminal = Terminal()
    odd = [{}, {"action": None}, {"action": "job_deferred"}, {"action": "job_deferred", "job": 1, "wait_s": "long"}]
    assert terminal.at(0, *odd) == ["Waiting, job 1: job_deferred."]


def test_tail_gives_each_whole_line_once(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    tail = EventTail(file)
    assert list(tail.new()) == []
    line = json.dumps({"action": "é"}).encode()
    with file.open("ab", buffering=0) as stream:
        stream.write(line + b"\nnot json\n[1]\n" + line[:5])
        assert list(tail.new()) == [{"action": "é"}]
        assert list(tail.new()) == []
        stream.write(line[5:] + b"\n")
        assert list(tail.new()) == [{"action": "é"}]
