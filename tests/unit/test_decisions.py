"""Every answer of the service, and the whole step it leads to. Times are those of `NoJitter`: no jitter at all."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from functions.errors import IllegalTransition, Problem
from functions.pipeline.decisions import (
    FAILURES_BEFORE_SPLIT,
    MAX_FAILURES,
    MAX_FAULTS,
    RESERVATION,
    RESULT_RETENTION,
    Step,
    after_fault,
    after_poll,
    after_submission,
    nothing_left,
    reserve,
    without,
)
from functions.pipeline.jobs import Job, JobState
from functions.pipeline.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    FoundEntities,
    FoundEntity,
    Progress,
    Refused,
    StillRunning,
    Submission,
)
from functions.pipeline.states import JobEvent
from functions.services.language_client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S
from tests.unit.material import GA_URL, NOW, PROBLEM, after, pieces, policy, running_job, waiting_job

FOUND = FoundEntities((FoundEntity("Anna", "Borrower", 0, 4, 0.9),))
DOCUMENT_ERROR = Problem("InvalidDocument", "The document is odd.", "Mend it.", {"code": "InvalidArgument"})
TRANSIENT = Problem("InternalServerError", "The service tripped.", "Wait.", {"code": "InternalServerError"})
EVER = timedelta(hours=168)
A_SECOND = timedelta(seconds=1)


def submitted(job: Job, answer: Submission, **changes: Any) -> Step:
    return after_submission(job, answer, NOW, policy(**changes))


def polled(job: Job, answer: Progress, **changes: Any) -> Step:
    return after_poll(job, answer, NOW, policy(**changes))


def finished(**found: FoundEntities | Problem) -> Finished:
    return Finished("3fa8", "succeeded", {number.removeprefix("_"): answer for number, answer in found.items()})


# --- reserving ---


def test_a_reservation_keeps_others_away_for_longer_than_a_request_can_take() -> None:
    assert reserve(waiting_job(), NOW) == waiting_job(step=4, due=NOW + RESERVATION)
    assert timedelta(seconds=CONNECT_TIMEOUT_S + READ_TIMEOUT_S) < RESERVATION


def test_a_running_job_can_not_be_reserved() -> None:
    with pytest.raises(IllegalTransition, match="job j1 is running, in which it can not be reserved"):
        reserve(running_job(), NOW)


# --- after a submission ---


def test_an_accepted_job_runs_and_is_polled_when_it_is_likely_to_be_done() -> None:
    job = waiting_job(3, waits=7, submissions=1, last_error=PROBLEM)
    assert submitted(job, Accepted(GA_URL), first_poll_s=2.5) == Step(
        event=JobEvent.ACCEPTED,
        job=running_job(
            3, step=4, due=after(2.5), submitted=NOW, submissions=2, operation_url=GA_URL, waits=0, last_error=None
        ),
    )


@pytest.mark.parametrize(
    ("reason", "retry_after", "wait"),
    [
        (DeferReason.BUDGET, 0.3, 0.55),
        (DeferReason.THROTTLED, 2.0, 2.25),
        (DeferReason.THROTTLED, None, 8.0),
        (DeferReason.QUOTA, 15 * 86_400.0, 22_680.0),
        (DeferReason.UNAVAILABLE, None, 8.0),
        (DeferReason.MISCONFIGURED, None, 60.0),
    ],
)
def test_a_job_that_is_held_off_waits_and_counts_neither_submission_nor_failure(
    reason: DeferReason, retry_after: float | None, wait: float
) -> None:
    job = waiting_job(3, waits=2)
    # Only what the service itself said makes the next wait longer.
    waits = 2 if reason is DeferReason.BUDGET else 3
    assert submitted(job, Deferred(reason, PROBLEM, retry_after)) == Step(
        event=JobEvent.HELD_OFF,
        job=waiting_job(3, step=4, due=after(wait), waits=waits, last_error=PROBLEM),
        reason=PROBLEM,
    )


def test_a_refused_request_is_split_at_once_and_counts_no_failure() -> None:
    job = waiting_job(5, waits=2, faults=1)
    half = msgspec.structs.replace(job, step=0, due=NOW, waits=0, last_error=PROBLEM)
    assert submitted(job, Refused(PROBLEM)) == Step(
        event=JobEvent.SPLIT,
        job=None,
        halves=(
            msgspec.structs.replace(half, id="j1.a", pieces=pieces(5)[:3]),
            msgspec.structs.replace(half, id="j1.b", pieces=pieces(5)[3:]),
        ),
        reason=PROBLEM,
    )


def test_a_refused_document_that_stands_alone_gets_the_services_reason() -> None:
    assert submitted(waiting_job(1), Refused(PROBLEM)) == Step(
        event=JobEvent.FINISHED, job=None, answers=((pieces(1)[0], PROBLEM),), reason=PROBLEM
    )


@pytest.mark.parametrize("count", [1, 2, 3, 25])
@pytest.mark.parametrize("culprit", [0, 1, 24])
def test_splitting_goes_on_until_the_culprit_stands_alone(count: int, culprit: int) -> None:
    """The service refuses any request with the culprit in it; every other document is accepted in the end."""
    bad = f"{culprit % count}.txt"
    open_jobs, reported, accepted, requests = [waiting_job(count)], [], [], 0
    while open_jobs:
        job = open_jobs.pop()
        requests += 1
        names = [piece.document for piece in job.pieces]
        if bad not in names:
            accepted += names
            continue
        step = submitted(job, Refused(PROBLEM))
        reported += [piece.document for piece, _ in step.answers]
        open_jobs += step.halves
    assert reported == [bad]
    assert sorted(accepted + reported) == sorted(piece.document for piece in pieces(count))
    assert requests <= 11  # two for each of the five halvings of 25, and the first


def test_halves_take_their_names_from_the_job_so_that_a_repeated_step_makes_no_third() -> None:
    job = waiting_job(4, id="j1.b", owner="j1")
    first, again = submitted(job, Refused(PROBLEM)), submitted(job, Refused(PROBLEM))
    assert first == again
    assert [half.id for half in first.halves] == ["j1.b.a", "j1.b.b"]
    assert {half.owner for half in first.halves} == {"j1"}


def test_a_submission_without_an_address_for_its_results_counts_and_is_repeated() -> None:
    assert submitted(waiting_job(1), Unanswered(PROBLEM)) == Step(
        event=JobEvent.COME_TO_NOTHING,
        job=waiting_job(1, step=4, due=after(1), submissions=1, failures=1, last_error=PROBLEM),
        reason=PROBLEM,
    )


def test_a_running_job_can_not_be_accepted_again() -> None:
    with pytest.raises(IllegalTransition, match="job j1 is running, in which it can not be accepted"):
        submitted(running_job(), Accepted(GA_URL))


# --- after a poll: still running ---


@pytest.mark.parametrize(("polls", "wait"), [(0, 1), (1, 1.5), (2, 2.25), (50, 30)])
def test_a_job_that_still_runs_is_polled_again_ever_later(polls: int, wait: float) -> None:
    job = running_job(2, polls=polls, waits=3)
    assert polled(job, StillRunning("running")) == Step(
        event=JobEvent.STILL_RUNNING, job=running_job(2, step=4, due=after(wait), polls=polls + 1, waits=0)
    )


@pytest.mark.parametrize("age", [timedelta(minutes=60) - A_SECOND, timedelta(minutes=60)])
def test_up_to_the_timeout_a_job_may_run(age: timedelta) -> None:
    step = polled(running_job(submitted=NOW - age), StillRunning("notStarted"))
    assert (step.event, step.cancel) == (JobEvent.STILL_RUNNING, None)


def test_over_the_timeout_a_job_is_cancelled_and_submitted_again() -> None:
    job = running_job(2, submitted=NOW - timedelta(minutes=60) - A_SECOND, polls=9)
    step = polled(job, StillRunning("notStarted"))
    assert step.reason is not None
    assert step == Step(
        event=JobEvent.COME_TO_NOTHING,
        job=waiting_job(2, step=4, due=after(1), submissions=1, failures=1, last_error=step.reason),
        cancel=GA_URL,
        reason=step.reason,
    )
    assert step.reason.code == "TimedOut"
    assert "status 'notStarted' for 60.0 minutes; the limit is 60 (JOB_TIMEOUT_MINUTES)" in step.reason.message


# --- after a poll: finished ---


def test_a_finished_job_answers_each_piece_by_its_number() -> None:
    job = running_job(3)
    answer = finished(_2=FOUND, _0=DOCUMENT_ERROR, _1=FoundEntities(()))
    assert polled(job, answer) == Step(
        event=JobEvent.FINISHED,
        job=None,
        answers=((pieces(3)[0], DOCUMENT_ERROR), (pieces(3)[1], FoundEntities(())), (pieces(3)[2], FOUND)),
    )


def test_answers_to_pieces_that_nobody_asked_for_are_ignored() -> None:
    step = polled(running_job(1), finished(_0=FOUND, _7=FOUND, x=FOUND))
    assert step.answers == ((pieces(1)[0], FOUND),)


def test_what_was_left_out_is_submitted_again_alone_and_the_rest_is_kept() -> None:
    step = polled(running_job(3), finished(_0=FOUND, _2=FOUND))
    assert step.reason is not None
    assert step.reason.code == "LeftOut"
    assert step == Step(
        event=JobEvent.COME_TO_NOTHING,
        job=waiting_job(
            pieces=(pieces(3)[1],), step=4, due=after(1), submissions=1, failures=1, last_error=step.reason
        ),
        answers=((pieces(3)[0], FOUND), (pieces(3)[2], FOUND)),
        reason=step.reason,
    )


def test_what_the_service_tripped_over_is_submitted_again_with_its_error_at_hand() -> None:
    step = polled(running_job(2), finished(_0=TRANSIENT, _1=FOUND))
    assert step.event is JobEvent.COME_TO_NOTHING
    assert step.reason == TRANSIENT
    assert step.job is not None and step.job.pieces == pieces(2)[:1]
    assert step.answers == ((pieces(2)[1], FOUND),)


@pytest.mark.parametrize(
    "service",
    [
        {"code": "ServiceUnavailable"},
        {"code": "InvalidArgument", "innererror": {"code": "Timeout"}},
        {"code": "TooManyRequests", "innererror": None},
    ],
)
def test_an_error_that_passes_is_known_by_either_of_its_codes(service: dict[str, Any]) -> None:
    step = polled(running_job(1), finished(_0=Problem("X", "x", "x", service)))
    assert (step.event, step.answers) == (JobEvent.COME_TO_NOTHING, ())


def test_a_document_that_is_left_out_time_and_again_is_reported() -> None:
    job = running_job(1, failures=MAX_FAILURES - 1)
    step = polled(job, finished())
    assert step.event is JobEvent.FINISHED
    assert step.job is None
    ((piece, problem),) = step.answers
    assert piece == pieces(1)[0]
    assert isinstance(problem, Problem) and problem.code == "LeftOut"


def test_the_rest_of_a_finished_job_is_kept_when_what_was_left_out_is_split() -> None:
    job = running_job(3, failures=FAILURES_BEFORE_SPLIT - 1)
    step = polled(job, finished(_1=FOUND))
    assert step.event is JobEvent.SPLIT
    assert step.answers == ((pieces(3)[1], FOUND),)
    assert [half.pieces for half in step.halves] == [(pieces(3)[0],), (pieces(3)[2],)]


# --- after a poll: come to nothing ---


def test_a_job_that_came_to_nothing_is_submitted_again() -> None:
    assert polled(running_job(2, polls=4, waits=2), JobFailed(PROBLEM)) == Step(
        event=JobEvent.COME_TO_NOTHING,
        job=waiting_job(2, step=4, due=after(1), submissions=1, failures=1, last_error=PROBLEM),
        reason=PROBLEM,
    )


def test_the_second_failure_of_a_shared_job_splits_it() -> None:
    job = running_job(2, failures=1, polls=3, waits=1)
    half = waiting_job(id="", submissions=1, failures=1, last_error=PROBLEM, step=0, due=NOW)
    assert polled(job, JobFailed(PROBLEM)) == Step(
        event=JobEvent.SPLIT,
        job=None,
        halves=(
            msgspec.structs.replace(half, id="j1.a", pieces=pieces(2)[:1]),
            msgspec.structs.replace(half, id="j1.b", pieces=pieces(2)[1:]),
        ),
        reason=PROBLEM,
    )


def test_a_document_alone_is_tried_five_times() -> None:
    waits = []
    for failures in range(MAX_FAILURES - 1):
        step = polled(running_job(1, failures=failures), JobFailed(PROBLEM))
        assert step.job is not None and step.job.failures == failures + 1
        waits.append((step.job.due - NOW).total_seconds())
    assert waits == [1, 2, 4, 8]
    assert polled(running_job(1, failures=MAX_FAILURES - 1), JobFailed(PROBLEM)) == Step(
        event=JobEvent.FINISHED, job=None, answers=((pieces(1)[0], PROBLEM),), reason=PROBLEM
    )


@pytest.mark.parametrize("count", [2, 25])
def test_a_culprit_that_makes_jobs_fail_ends_alone_and_costs_its_neighbours_nothing_more(count: int) -> None:
    """Each job with the culprit in it fails after it was accepted; all others succeed. Every submission is billed."""
    open_jobs, reported, done, submissions = [waiting_job(count)], [], [], 0
    while open_jobs:
        job = open_jobs.pop()
        submissions += 1
        names = [piece.document for piece in job.pieces]
        running = submitted(job, Accepted(GA_URL)).job
        assert running is not None
        if "0.txt" not in names:
            done += names
            continue
        step = polled(running, JobFailed(PROBLEM))
        reported += [piece.document for piece, _ in step.answers]
        open_jobs += [*step.halves, *([step.job] if step.job else [])]
    assert reported == ["0.txt"]
    assert sorted(done + reported) == sorted(piece.document for piece in pieces(count))
    assert submissions <= 16


def test_a_deployment_to_mend_is_nobodys_failure() -> None:
    job = running_job(2, submissions=3, failures=1)
    assert polled(job, JobFailed(replace(PROBLEM, fault=Fault.CONFIGURATION))) == Step(
        event=JobEvent.COME_TO_NOTHING,
        job=waiting_job(2, step=4, due=after(60), submissions=3, failures=1, last_error=PROBLEM),
        reason=PROBLEM,
    )


# --- after a poll: held off ---


def test_a_poll_that_is_held_off_keeps_the_submission() -> None:
    job = running_job(2, polls=2)
    assert polled(job, Deferred(DeferReason.THROTTLED, PROBLEM, 1.0)) == Step(
        event=JobEvent.HELD_OFF,
        job=running_job(2, step=4, due=after(1.25), polls=2, waits=1, last_error=PROBLEM),
        reason=PROBLEM,
    )


@pytest.mark.parametrize(
    ("age", "event"),
    [
        (RESULT_RETENTION - A_SECOND, JobEvent.HELD_OFF),
        (RESULT_RETENTION, JobEvent.HELD_OFF),
        (RESULT_RETENTION + A_SECOND, JobEvent.COME_TO_NOTHING),
    ],
)
def test_after_the_services_retention_there_is_nothing_left_to_poll_for(age: timedelta, event: JobEvent) -> None:
    job = running_job(1, created=NOW - age - A_SECOND, submitted=NOW - age)
    assert polled(job, Deferred(DeferReason.UNAVAILABLE, PROBLEM)).event is event


# --- giving up ---


@pytest.mark.parametrize(
    "answer",
    [
        Deferred(DeferReason.UNAVAILABLE, PROBLEM),
        Deferred(DeferReason.BUDGET, PROBLEM, 1.0),
        JobFailed(PROBLEM),
        JobFailed(replace(PROBLEM, fault=Fault.CONFIGURATION)),
    ],
)
@pytest.mark.parametrize(("beyond", "gives_up"), [(-A_SECOND, False), (timedelta(0), False), (A_SECOND, True)])
def test_after_give_up_hours_every_document_of_a_job_is_reported(
    answer: Progress, beyond: timedelta, gives_up: bool
) -> None:
    job = running_job(3, created=NOW - EVER - beyond)
    step = polled(job, answer, give_up=EVER)
    if gives_up:
        answers = tuple((piece, PROBLEM) for piece in pieces(3))
        assert step == Step(event=JobEvent.FINISHED, job=None, answers=answers, reason=PROBLEM)
    else:
        assert step.job is not None and not step.answers


def test_a_waiting_job_gives_up_like_a_running_one() -> None:
    job = waiting_job(2, created=NOW - EVER - A_SECOND)
    assert submitted(job, Deferred(DeferReason.QUOTA, PROBLEM)) == Step(
        event=JobEvent.FINISHED, job=None, answers=tuple((piece, PROBLEM) for piece in pieces(2)), reason=PROBLEM
    )


def test_what_arrives_late_is_taken_all_the_same() -> None:
    step = polled(running_job(1, created=NOW - EVER * 2), finished(_0=FOUND))
    assert step.answers == ((pieces(1)[0], FOUND),)


# --- faults ---


@pytest.mark.parametrize("make", [waiting_job, running_job])
@pytest.mark.parametrize(("faults", "wait"), [(0, 5), (1, 10), (8, 900)])
def test_a_job_goes_back_to_work_after_a_fault_and_keeps_its_state(make: Any, faults: int, wait: float) -> None:
    job = make(2, faults=faults)
    assert after_fault(job, PROBLEM, NOW, policy()) == Step(
        event=JobEvent.FAULTED,
        job=make(2, step=4, due=after(wait), faults=faults + 1, last_error=PROBLEM),
        reason=PROBLEM,
    )


def test_after_ten_faults_its_documents_are_reported() -> None:
    step = after_fault(running_job(2, faults=MAX_FAULTS - 1), PROBLEM, NOW, policy())
    assert step == Step(
        event=JobEvent.FINISHED, job=None, answers=tuple((piece, PROBLEM) for piece in pieces(2)), reason=PROBLEM
    )


def test_a_fault_after_give_up_hours_ends_the_job() -> None:
    job = running_job(1, created=NOW - EVER)
    assert after_fault(job, PROBLEM, NOW, policy(give_up=EVER)).event is JobEvent.FAULTED
    assert after_fault(job, PROBLEM, NOW + A_SECOND, policy(give_up=EVER)).event is JobEvent.FINISHED


# --- pieces that are no longer ours ---


def test_pieces_that_went_to_another_owner_are_left_out() -> None:
    job = waiting_job(3)
    assert without(job, [pieces(3)[1]]) == waiting_job(pieces=(pieces(3)[0], pieces(3)[2]))
    assert without(job, []) == job
    assert without(job, pieces(3)).pieces == ()


@pytest.mark.parametrize("job", [waiting_job(1), running_job(1)])
def test_a_job_with_nothing_left_ends_without_answers(job: Job) -> None:
    assert nothing_left(job, NOW) == Step(event=JobEvent.FINISHED, job=None)
    assert job.state in JobState
