import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from functions.core.jobs import Job, JobMessage, JobState, LoneFailures, decode_message
from functions.core.lifecycle import ENDED, JOB_TRANSITIONS, JobEvent, is_outdated, move_job
from functions.core.records import Chunk, Reading
from functions.errors import Fault, IllegalTransition, Problem, RecordError
from functions.storage.record_format import encode
from tests.support.material import GA_URL, NOW, PROBLEM, after, chunk, failed_job, running_job, waiting_job

RECORDED = Path(__file__).parent / "data" / "records-9c7d695"
"""Records as the app wrote them at commit 9c7d695, and the JSON Schemas of what it could read."""

COUNTED: dict[str, Any] = {
    "waits": 4,
    "submissions": 3,
    "unanswered": 1,
    "reserved_until": after(60),
    "losses": 2,
    "faults": 1,
    "is_last": True,
    "is_scout": True,
    "failed_at": after(-20),
    "failed_sent": after(-30),
    "failure": PROBLEM,
    "failed_unanswered": True,
    "retry_at": after(-10),
    "refused_at": after(-40),
    "refused_language": "xx",
    "lone": LoneFailures(since=after(-50), count=2, proven=1),
    "last_error": PROBLEM,
}
OF_ONE_SUBMISSION: dict[str, Any] = {
    "operation_url": GA_URL,
    "submitted": after(-2),
    "polls": 3,
    "running_since": after(-1),
    "lost_at": NOW,
}
JOBS: dict[JobState, Callable[[], Job]] = {
    JobState.WAITING: lambda: waiting_job(2, **COUNTED),
    JobState.RUNNING: lambda: running_job(2, **COUNTED, **OF_ONE_SUBMISSION),
}
EVERY_ROW = [(state, event, after) for state, row in JOB_TRANSITIONS.items() for event, after in row.items()]
NO_ROW = [(state, event) for state in JobState for event in JobEvent if event not in JOB_TRANSITIONS[state]]


def test_table_matches_documentation() -> None:
    """Written out a second time, so that no arrow changes by accident."""
    waiting, running = JobState.WAITING, JobState.RUNNING
    assert [
        (waiting, JobEvent.RESERVED, waiting),
        (waiting, JobEvent.ACCEPTED, running),
        (waiting, JobEvent.DEFERRED, waiting),
        (waiting, JobEvent.FAILED, waiting),
        (waiting, JobEvent.SPLIT, ENDED),
        (waiting, JobEvent.TEXT_COMPLETE, ENDED),
        (waiting, JobEvent.FINISHED, ENDED),
        (waiting, JobEvent.FAULTED, waiting),
        (running, JobEvent.DEFERRED, running),
        (running, JobEvent.STILL_RUNNING, running),
        (running, JobEvent.FAILED, waiting),
        (running, JobEvent.LOST, waiting),
        (running, JobEvent.PAGES_READ, waiting),
        (running, JobEvent.TEXT_COMPLETE, ENDED),
        (running, JobEvent.FINISHED, ENDED),
        (running, JobEvent.FAULTED, running),
    ] == EVERY_ROW
    assert set(JOB_TRANSITIONS) == set(JobState)


@pytest.mark.parametrize(("state", "event", "next_state"), EVERY_ROW)
def test_every_row_adds_one_step(state: JobState, event: JobEvent, next_state: JobState | None) -> None:
    """What is counted stays; what belongs to one submission goes where the job waits for another."""
    job = JOBS[state]()
    moved = move_job(job, event, due=after(30))
    if next_state is ENDED:
        assert moved is None
        return
    expected = msgspec.structs.replace(job, state=next_state, step=job.step + 1, due=after(30))
    if next_state is JobState.WAITING:
        gone = {"operation_url": None, "submitted": None, "polls": 0, "running_since": None, "lost_at": None}
        expected = msgspec.structs.replace(expected, **gone)
    assert moved == expected
    assert job == JOBS[state]()


@pytest.mark.parametrize(("state", "event"), NO_ROW)
def test_illegal_move_changes_nothing(state: JobState, event: JobEvent) -> None:
    """The error names event, state and job."""
    job = JOBS[state]()
    with pytest.raises(IllegalTransition) as caught:
        move_job(job, event, due=after(30), waits=99)
    assert str(caught.value) == f"job j1 is {state}, in which it can not be {event}"
    assert job == JOBS[state]()


def test_changes_are_made_with_move() -> None:
    moved = move_job(waiting_job(), JobEvent.ACCEPTED, due=after(2), operation_url=GA_URL, submitted=NOW, submissions=1)
    assert moved == running_job(step=4, due=after(2), submitted=NOW)


@pytest.mark.parametrize(
    ("job", "awaits"),
    [
        (failed_job(), True),
        (failed_job(retry_at=after(60)), False),
        (failed_job(retry_at=after(-60)), False),
        (waiting_job(), False),
        (running_job(failed_at=after(-60)), False),
    ],
    ids=["failed", "decided", "decided, due", "new", "running again"],
)
def test_failed_job_awaits_its_verdict(job: Job, awaits: bool) -> None:
    assert job.awaits_verdict is awaits


# --- messages ---


@pytest.mark.parametrize(("step", "outdated"), [(2, True), (3, False), (4, False)])
def test_only_earlier_message_is_outdated(step: int, outdated: bool) -> None:
    """One ahead was sent by a worker that died before it saved the step."""
    assert is_outdated(JobMessage("j1", step), waiting_job(step=3)) is outdated


def test_message_has_job_and_step() -> None:
    assert JobMessage("j1", 3).encode() == '{"job":"j1","step":3}'
    assert decode_message('{"job":"j1","step":3}') == JobMessage("j1", 3)
    assert decode_message(JobMessage("j1.a.b", 0).encode().encode()) == JobMessage("j1.a.b", 0)


def test_field_names_avoid_trigger_names() -> None:
    """The host overwrites those in a JSON body."""
    own = {"id", "dequeueCount", "insertionTime", "expirationTime", "nextVisibleTime", "popReceipt", "queueTrigger"}
    assert not own & set(JobMessage.__struct_fields__)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"job":"j1"}',
        '{"job":"j1","step":"3"}',
        '{"job":1,"step":3}',
        '{"job":"j1","step":3,"id":"x"}',
        b"\xff\xfe",
        b'{"job":"\xff","step":1}',
    ],
)
def test_other_text_is_refused(text: str | bytes) -> None:
    with pytest.raises(RecordError, match="not a job message"):
        decode_message(text)


# --- the record ---


def full_job() -> Job:
    """Return a job in which every field has a value of its own."""
    part = chunk(
        index=1,
        count=3,
        start=5,
        end=9,
        own_start=6,
        own_end=8,
        byte_start=7,
        byte_end=11,
        unit_start=4,
        utf16_start=3,
        encoding_errors="replace",
        content_encoding="gzip",
        language="de",
    )
    claims = decoded("job-running.json").known_records
    reading = Reading(pages=(2, 3))
    return running_job(
        chunks=(part,),
        tasks=("pii",),
        reading=reading,
        resource="x.cognitiveservices.azure.com",
        known_records=claims,
        trace_parent="00-1-2-01",
        send_at=after(5),
        daily_waits_s=7.0,
        **COUNTED,
        **OF_ONE_SUBMISSION,
    )


def test_stored_job_comes_back_equal() -> None:
    job = full_job()
    defaults = msgspec.structs.fields(Job)
    assert [field.name for field in defaults if getattr(job, field.name) == field.default] == []
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job


# --- records of an earlier version, and for it ---


def decoded(name: str) -> Job:
    return msgspec.json.decode((RECORDED / name).read_bytes(), type=Job)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("job-waiting.json", {"state": JobState.WAITING}),
        (
            "job-running.json",
            {
                "state": JobState.RUNNING,
                "operation_url": GA_URL.replace("3fa85f64-5717", "3fa8"),
                "submitted": after(-2),
                "polls": 4,
            },
        ),
    ],
)
def test_earlier_jobs_can_be_read(name: str, expected: dict[str, Any]) -> None:
    """Their submissions are counted on; nothing else is known of them."""
    job = decoded(name)
    its_chunk = chunk(
        "loans/a.txt",
        index=1,
        count=3,
        own_start=1,
        own_end=19,
        unit_start=2,
        utf16_start=3,
        byte_start=4,
        byte_end=24,
    )
    assert job == Job(
        id="j1.a",
        owner="j1",
        step=7,
        due=NOW,
        created=after(-300),
        chunks=(its_chunk,),
        known_records=job.known_records,
        submissions=2,
        waits=3,
        faults=1,
        last_error=Problem(
            "InternalServerError", "The service failed.", "Wait.", {"code": "InternalServerError"}, Fault.SERVICE
        ),
        trace_parent="00-1-2-01",
        **expected,
    )
    assert (job.known_records[0].etag, job.known_records[0].record.submissions) == ('"0x9"', 0)


@pytest.mark.parametrize("job", [full_job(), waiting_job(25), failed_job(2), running_job(1)])
def test_earlier_version_can_read_job(job: Job) -> None:
    """While instances of both versions run, or after going back."""
    schema = json.loads((RECORDED / "job.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(encode(job)))


def test_no_document_text_is_in_record() -> None:
    assert {field for field in Chunk.__struct_fields__ if "text" in field} == set()


def test_metadata_has_what_sweep_needs() -> None:
    assert running_job(2, due=after(1.5)).metadata() == {
        "state": "running",
        "step": "3",
        "due": "2026-11-23T10:00:01.500+00:00",
        "created": "2026-11-23T09:55:00+00:00",
        "pieces": "2",
    }


def test_log_lines_have_ids_and_counts() -> None:
    assert running_job(2).log_context() == {"job": "j1", "step": 3, "chunks": 2, "submissions": 1}


def test_chunk_without_siblings_is_whole() -> None:
    assert chunk().is_whole
    assert not chunk(count=2).is_whole
