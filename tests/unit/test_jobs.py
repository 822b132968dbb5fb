from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from functions.errors import IllegalTransition, RecordError
from functions.pipeline.jobs import Job, JobMessage, JobState, Piece, decode_message
from functions.pipeline.states import ENDED, JOB_TRANSITIONS, JobEvent, is_outdated, move_job
from tests.unit.material import GA_URL, NOW, PROBLEM, after, piece, running_job, waiting_job

JOBS: dict[JobState, Callable[[], Job]] = {
    JobState.WAITING: lambda: waiting_job(2, waits=4, failures=1, last_error=PROBLEM),
    JobState.RUNNING: lambda: running_job(2, polls=3, failures=1, last_error=PROBLEM),
}
EVERY_ROW = [(state, event, after) for state, row in JOB_TRANSITIONS.items() for event, after in row.items()]
NO_ROW = [(state, event) for state in JobState for event in JobEvent if event not in JOB_TRANSITIONS[state]]


def test_the_table_is_what_the_documentation_says() -> None:
    """Written out a second time, so that no arrow changes by accident."""
    waiting, running = JobState.WAITING, JobState.RUNNING
    assert [
        (waiting, JobEvent.RESERVED, waiting),
        (waiting, JobEvent.ACCEPTED, running),
        (waiting, JobEvent.HELD_OFF, waiting),
        (waiting, JobEvent.COME_TO_NOTHING, waiting),
        (waiting, JobEvent.SPLIT, ENDED),
        (waiting, JobEvent.FINISHED, ENDED),
        (waiting, JobEvent.FAULTED, waiting),
        (running, JobEvent.HELD_OFF, running),
        (running, JobEvent.STILL_RUNNING, running),
        (running, JobEvent.COME_TO_NOTHING, waiting),
        (running, JobEvent.SPLIT, ENDED),
        (running, JobEvent.FINISHED, ENDED),
        (running, JobEvent.FAULTED, running),
    ] == EVERY_ROW
    assert set(JOB_TRANSITIONS) == set(JobState)


@pytest.mark.parametrize(("state", "event", "next_state"), EVERY_ROW)
def test_every_row_moves_a_job_one_step(state: JobState, event: JobEvent, next_state: JobState | None) -> None:
    job = JOBS[state]()
    moved = move_job(job, event, due=after(30))
    if next_state is ENDED:
        assert moved is None
        return
    expected = msgspec.structs.replace(job, state=next_state, step=job.step + 1, due=after(30))
    if next_state is JobState.WAITING:
        expected = msgspec.structs.replace(expected, operation_url=None, submitted=None, polls=0)
    assert moved == expected
    assert job == JOBS[state]()


@pytest.mark.parametrize(("state", "event"), NO_ROW)
def test_an_illegal_move_raises_with_event_state_and_job_and_changes_nothing(state: JobState, event: JobEvent) -> None:
    job = JOBS[state]()
    with pytest.raises(IllegalTransition) as caught:
        move_job(job, event, due=after(30), waits=99)
    assert str(caught.value) == f"job j1 is {state}, in which it can not be {event}"
    assert job == JOBS[state]()


def test_changes_are_made_with_the_move() -> None:
    moved = move_job(waiting_job(), JobEvent.ACCEPTED, due=after(2), operation_url=GA_URL, submitted=NOW, submissions=1)
    assert moved == running_job(step=4, due=after(2), submitted=NOW)


def test_a_job_that_waits_again_forgets_its_submission() -> None:
    moved = move_job(running_job(polls=7), JobEvent.COME_TO_NOTHING, due=NOW)
    assert moved is not None
    assert (moved.operation_url, moved.submitted, moved.polls, moved.submissions) == (None, None, 0, 1)


# --- messages ---


@pytest.mark.parametrize(("step", "outdated"), [(2, True), (3, False), (4, False)])
def test_a_message_behind_its_job_is_outdated_one_ahead_is_not(step: int, outdated: bool) -> None:
    """One ahead was sent by a worker that died before it saved the step."""
    assert is_outdated(JobMessage("j1", step), waiting_job(step=3)) is outdated


def test_a_message_is_a_job_and_a_step_and_nothing_else() -> None:
    assert JobMessage("j1", 3).encode() == '{"job":"j1","step":3}'
    assert decode_message('{"job":"j1","step":3}') == JobMessage("j1", 3)
    assert decode_message(JobMessage("j1.a.b", 0).encode().encode()) == JobMessage("j1.a.b", 0)


def test_no_field_of_a_message_is_called_like_one_of_the_triggers_own() -> None:
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
def test_what_is_not_a_message_is_refused(text: str | bytes) -> None:
    with pytest.raises(RecordError, match="not a job message"):
        decode_message(text)


# --- the record ---


def test_a_job_is_stored_as_json_and_comes_back_equal() -> None:
    part = piece(index=1, count=3, start=5, end=9, own_start=6, own_end=8, byte_start=7, byte_end=11, unit_start=4)
    job = running_job(pieces=(part,), last_error=PROBLEM, trace_parent="00-1-2-01", waits=2, faults=1, failures=1)
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job


def test_no_text_of_a_document_is_in_the_record() -> None:
    assert {field for field in Piece.__struct_fields__ if "text" in field} == set()


def test_metadata_tells_the_sweep_what_it_needs() -> None:
    assert running_job(2, due=NOW + timedelta(milliseconds=1_500)).metadata() == {
        "state": "running",
        "step": "3",
        "due": "2026-11-23T10:00:01.500+00:00",
        "created": "2026-11-23T09:55:00+00:00",
        "pieces": "2",
    }


def test_log_lines_carry_ids_and_counts_only() -> None:
    assert running_job(2).log_context() == {"job": "j1", "step": 3, "pieces": 2, "submissions": 1}


def test_a_piece_is_whole_where_it_has_no_siblings() -> None:
    assert piece().is_whole
    assert not piece(count=2).is_whole
