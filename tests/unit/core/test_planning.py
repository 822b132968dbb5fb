"""Every answer of the service, and the whole step it leads to.

Times are those of `NoJitter`, the middle of each wait.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.documents import MAX_SUBMISSIONS
from functions.core.health import UNKNOWN, Assessment, Level, Proof
from functions.core.jobs import Job, JobState, LoneFailures
from functions.core.lifecycle import JobEvent, not_sent, part_id
from functions.core.outcomes import (
    Accepted,
    Answer,
    Answers,
    DeferReason,
    Deferred,
    Finished,
    JobFailed,
    JobLost,
    Progress,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from functions.core.planning import (
    LAST_LONE_SUBMISSION,
    LEFT_OUT,
    LOSS_WAITS,
    LOST_AFTER,
    MAX_FAULTS,
    REST_WAITS,
    RESULT_RETENTION,
    TOO_SLOW,
    UNANSWERED_SO_FAR,
    VERDICT_WAIT_S,
    WAITING_FOR_HEALTH,
    Failure,
    Step,
    after_deferral,
    after_fault,
    after_poll,
    after_submission,
    before_submission,
    exhausted,
    may_scout,
    nothing_left,
    release,
    reserve,
    send_scout,
)
from functions.core.records import Chunk
from functions.errors import Fault, IllegalTransition, Problem
from functions.tasks.entities import FoundEntities, FoundEntity
from tests.support.material import (
    GA_URL,
    NOW,
    PROBLEM,
    NoJitter,
    after,
    chunk,
    chunks,
    failed_job,
    policy,
    reserved_job,
    running_job,
    waiting_job,
    work,
)

FOUND = FoundEntities((FoundEntity("Anna", "Borrower", 0, 4, 0.9),))
BAD_DOCUMENT = Problem(
    "InvalidDocument", "The document is odd.", "Correct it.", {"code": "InvalidArgument"}, Fault.DOCUMENT
)
INTERNAL = Problem("InternalServerError", "The service failed.", "Wait.", None, Fault.SERVICE)
DEPLOYMENT = Problem("Misconfigured", "There is no such deployment.", "Correct it.", None, Fault.CONFIGURATION)
LANGUAGE = Problem("UnsupportedLanguageCode", "Invalid language.", "Correct it.", None, Fault.DOCUMENT)
EVER = timedelta(hours=168)
A_SECOND = timedelta(seconds=1)
VERDICT = 11.0
"""Seconds until a failed job asks why, without jitter."""

IN_FRISIAN = work(DOCUMENT_LANGUAGE="fy")
JUST_BEFORE_AT_AND_AFTER = [(-A_SECOND, False), (timedelta(0), False), (A_SECOND, True)]


def submitted(job: Job, answer: Submission, **changes: Any) -> Step:
    return after_submission(job, answer, NOW, policy(**changes))


def polled(job: Job, answer: Progress, *, is_healthy: bool = False, **changes: Any) -> Step:
    return after_poll(job, answer, NOW, policy(**changes), is_healthy=is_healthy)


def asked(job: Job, assessment: Assessment, now: datetime = NOW, **changes: Any) -> Step | None:
    return before_submission(job, assessment, now, policy(**changes))


def of_entities(answer: Answer) -> Answers:
    """Return the answer to the only task."""
    return {"entities": answer}


def finished(**found: Answer) -> Finished:
    answers = {number.removeprefix("_"): of_entities(answer) for number, answer in found.items()}
    return Finished("3fa8", "succeeded", answers)


def reported(job: Job, problem: Problem) -> Step:
    """Return the end of a job with a report for each of its documents."""
    answers = tuple((chunk, problem) for chunk in job.chunks)
    return Step(event=JobEvent.FINISHED, job=None, answers=answers, reason=problem)


def part(job: Job, its_chunks: tuple[Chunk, ...], **changes: Any) -> Job:
    """Return a part of a job as it begins: what the job was counted for is counted on, all else is new."""
    given: dict[str, Any] = {
        "id": part_id(job.id, its_chunks),
        "owner": job.owner,
        "state": JobState.WAITING,
        "step": 0,
        "due": NOW,
        "created": job.created,
        "chunks": its_chunks,
        "work": job.work,
        "known_records": job.known_records,
        "submissions": job.submissions,
        "losses": job.losses,
        "faults": job.faults,
        "trace_parent": job.trace_parent,
    }
    return Job(**{**given, **changes})


# --- reservations ---


@pytest.mark.parametrize(("unanswered", "minutes"), [(0, 1), (1, 5), (2, 15), (3, 60), (4, 180), (5, 180), (99, 180)])
def test_reservations_grow_without_outcome(unanswered: int, minutes: int) -> None:
    job = waiting_job(2, submissions=unanswered, unanswered=unanswered, retry_at=after(-5), last_error=PROBLEM)
    assert reserve(job, NOW) == msgspec.structs.replace(
        job,
        step=4,
        due=NOW + timedelta(minutes=minutes),
        submissions=unanswered + 1,
        unanswered=unanswered + 1,
        reserved_until=NOW + timedelta(minutes=minutes),
    )


@pytest.mark.parametrize("is_last", [True, False])
def test_reservation_says_whether_it_is_last(is_last: bool) -> None:
    assert reserve(waiting_job(is_last=not is_last), NOW, is_last=is_last).is_last is is_last


def test_running_job_can_not_be_reserved() -> None:
    with pytest.raises(IllegalTransition, match="job j1 is running, in which it can not be reserved"):
        reserve(running_job(), NOW)


def test_unsent_request_does_not_count() -> None:
    job = reserve(waiting_job(2, submissions=3, unanswered=1), NOW, is_last=True)
    assert not_sent(job) == msgspec.structs.replace(
        job, submissions=3, unanswered=0, reserved_until=None, is_last=False
    )
    assert not_sent(waiting_job()).submissions == 0


def test_expiring_reservation_is_released() -> None:
    job = reserved_job(2, submissions=3, is_last=True)
    assert release(job, NOW) == Step(
        event=JobEvent.DEFERRED, job=waiting_job(2, step=4, due=NOW, submissions=2), reason=TOO_SLOW
    )


# --- after a submission ---


def test_accepted_job_runs_and_is_polled() -> None:
    job = reserved_job(3, waits=7, submissions=2, refused_at=after(-9), refused_language="xx", last_error=PROBLEM)
    assert submitted(job, Accepted(GA_URL), first_poll_s=2.5) == Step(
        event=JobEvent.ACCEPTED,
        job=running_job(3, step=4, due=after(2.5), submitted=NOW, submissions=2, last_error=PROBLEM),
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
def test_deferred_submission_is_taken_back(reason: DeferReason, retry_after: float | None, wait: float) -> None:
    job = reserved_job(3, waits=2, submissions=4, is_last=True, is_scout=True)
    # Only what the service itself said makes the next wait longer.
    waits = 2 if reason is DeferReason.BUDGET else 3
    assert submitted(job, Deferred(reason, PROBLEM, retry_after)) == Step(
        event=JobEvent.DEFERRED,
        job=waiting_job(3, step=4, due=after(wait), waits=waits, submissions=3, last_error=PROBLEM),
        reason=PROBLEM,
    )


def test_job_without_permit_was_never_reserved() -> None:
    job = failed_job(3, submissions=4, is_last=True, unanswered=2)
    assert after_deferral(job, Deferred(DeferReason.BUDGET, PROBLEM, 1.0), NOW, policy()) == Step(
        event=JobEvent.DEFERRED, job=msgspec.structs.replace(job, step=4, due=after(1.25)), reason=PROBLEM
    )


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [(None, VERDICT), (0.0, VERDICT), (10.9, VERDICT), (60.0, 60.0), (1e300, 6 * 3600), (float("inf"), 6 * 3600)],
)
def test_unanswered_submission_counts(retry_after: float | None, wait: float) -> None:
    job = reserved_job(2, submissions=3, waits=2, retry_at=after(-5), refused_at=after(-9), is_scout=True)
    assert submitted(job, Unanswered(PROBLEM, retry_after)) == Step(
        event=JobEvent.FAILED,
        job=waiting_job(
            2,
            step=4,
            due=after(wait),
            submissions=3,
            failed_at=NOW,
            failed_sent=NOW,
            failure=PROBLEM,
            failed_unanswered=True,
            last_error=PROBLEM,
        ),
        reason=PROBLEM,
        failure=Failure(level=Level.RESOURCE, problem=PROBLEM),
    )


def test_failed_job_waits_before_verdict() -> None:
    assert VERDICT_WAIT_S == (8.0, 14.0)
    step = submitted(reserved_job(), Unanswered(PROBLEM))
    assert step.job and step.job.due == after(VERDICT)


def test_refused_request_is_split() -> None:
    job = reserved_job(7, submissions=3, losses=1, faults=1, waits=2, is_last=True, is_scout=True)
    expected = waiting_job(7, submissions=2, losses=1, faults=1)
    sevenths = chunks(7)
    assert submitted(job, Refused(BAD_DOCUMENT)) == Step(
        event=JobEvent.SPLIT,
        job=None,
        parts=(
            part(expected, sevenths[0:2], last_error=BAD_DOCUMENT),
            part(expected, sevenths[2:4], last_error=BAD_DOCUMENT),
            part(expected, sevenths[4:6], last_error=BAD_DOCUMENT),
            part(expected, sevenths[6:7], last_error=BAD_DOCUMENT),
        ),
        reason=BAD_DOCUMENT,
    )


def test_refused_document_has_documented_reason() -> None:
    assert submitted(reserved_job(1), Refused(BAD_DOCUMENT)) == reported(waiting_job(1), BAD_DOCUMENT)


def test_undocumented_refusal_awaits_its_verdict() -> None:
    job = reserved_job(1, submissions=2, retry_at=after(-5))
    assert submitted(job, Refused(PROBLEM)) == Step(
        event=JobEvent.FAILED,
        job=waiting_job(
            1,
            step=4,
            due=after(VERDICT),
            submissions=1,
            refused_at=NOW,
            failed_at=NOW,
            failed_sent=NOW,
            failure=PROBLEM,
            last_error=PROBLEM,
        ),
        reason=PROBLEM,
    )


def test_second_refusal_is_documents_fault() -> None:
    job = reserved_job(1, refused_at=after(-60))
    problem = replace(
        PROBLEM,
        message="The service refused the document again, while it accepted others. The last time: Something happened.",
        help="The service can not process this document. Check its content, correct it and drop it again.",
        fault=Fault.DOCUMENT,
    )
    assert submitted(job, Refused(PROBLEM)) == reported(job, problem)


@pytest.mark.parametrize("count", [1, 2, 6, 25])
@pytest.mark.parametrize("culprit", [0, 1, 24])
def test_splitting_isolates_refused_document(count: int, culprit: int) -> None:
    """The service refuses any request with one document in it; every other is accepted in the end, at one bill."""
    bad = f"{culprit % count}.txt"
    open_jobs, reports, accepted, requests = [waiting_job(count)], [], [], 0
    while open_jobs:
        job = reserve(open_jobs.pop(), NOW)
        requests += 1
        names = [chunk.document for chunk in job.chunks]
        if bad not in names:
            accepted += names
            assert job.submissions == 1
            continue
        step = submitted(job, Refused(BAD_DOCUMENT))
        reports += [chunk.document for chunk, _ in step.answers]
        open_jobs += step.parts
    assert reports == [bad]
    assert sorted(accepted + reports) == sorted(chunk.document for chunk in chunks(count))
    assert requests <= 11


def wrong_language(waits: int, wait: float, **changes: Any) -> tuple[Job, Problem]:
    problem = replace(
        LANGUAGE,
        message="The service does not know the language 'fy' of DOCUMENT_LANGUAGE: Invalid language.",
        help="Correct DOCUMENT_LANGUAGE. Documents wait, and go on by themselves with the new value.",
        fault=Fault.CONFIGURATION,
    )
    given = {"step": 4, "due": after(wait), "waits": waits, "refused_language": "fy", "last_error": problem}
    job = waiting_job(**given, work=IN_FRISIAN, **changes)
    return job, problem


@pytest.mark.parametrize(("waits", "wait"), [(0, 15), (1, 30), (9, 300)])
def test_invalid_language_setting_defers(waits: int, wait: float) -> None:
    job, problem = wrong_language(waits + 1, wait)
    assert submitted(reserved_job(waits=waits, work=IN_FRISIAN), Refused(LANGUAGE)) == Step(
        event=JobEvent.FAILED, job=job, reason=problem
    )


def test_own_language_is_documents_fault() -> None:
    job = reserved_job(chunks=(chunk(language="xx"),))
    assert submitted(job, Refused(LANGUAGE)) == reported(job, LANGUAGE)
    assert polled(running_job(chunks=job.chunks), finished(_0=LANGUAGE)).answers == (
        (job.chunks[0], of_entities(LANGUAGE)),
    )


def test_language_refused_in_result_defers() -> None:
    job, problem = wrong_language(1, 15, chunks=chunks(2)[:1], submissions=1)
    assert polled(running_job(2, work=IN_FRISIAN), finished(_0=LANGUAGE, _1=FOUND)) == Step(
        event=JobEvent.FAILED,
        job=job,
        answers=((chunks(2)[1], of_entities(FOUND)),),
        reason=problem,
        succeeded=True,
    )


def test_running_job_can_not_be_accepted_again() -> None:
    with pytest.raises(IllegalTransition, match="job j1 is running, in which it can not be accepted"):
        submitted(running_job(), Accepted(GA_URL))


# --- splitting ---

SIZES = {
    **{count: [1] * count for count in range(1, 6)},
    6: [2, 2, 2],
    7: [2, 2, 2, 1],
    8: [2, 2, 2, 2],
    9: [2, 2, 2, 2, 1],
    10: [2, 2, 2, 2, 2],
    11: [3, 3, 3, 2],
    12: [3, 3, 3, 3],
    13: [3, 3, 3, 3, 1],
    14: [3, 3, 3, 3, 2],
    15: [3, 3, 3, 3, 3],
    16: [4, 4, 4, 4],
    17: [4, 4, 4, 4, 1],
    18: [4, 4, 4, 4, 2],
    19: [4, 4, 4, 4, 3],
    20: [4, 4, 4, 4, 4],
    21: [5, 5, 5, 5, 1],
    22: [5, 5, 5, 5, 2],
    23: [5, 5, 5, 5, 3],
    24: [5, 5, 5, 5, 4],
    25: [5, 5, 5, 5, 5],
}


@pytest.mark.parametrize("count", range(2, 26))
def test_failed_job_is_split_into_fifths(count: int) -> None:
    job = failed_job(count, id="j1.b", submissions=3, losses=2, faults=1, waits=4, unanswered=1, trace_parent="00-1")
    step = asked(job, Assessment(proof=Proof.DOCUMENTS))
    assert step is not None
    assert [len(part.chunks) for part in step.parts] == SIZES[count]
    assert tuple(chunk for part in step.parts for chunk in part.chunks) == job.chunks
    assert step == Step(
        event=JobEvent.SPLIT,
        job=None,
        parts=tuple(part(job, each.chunks, last_error=PROBLEM) for each in step.parts),
        reason=PROBLEM,
    )


def test_part_ids_depend_on_content() -> None:
    """A split that is repeated when a document has its result must not take an earlier part for another one."""
    whole, fewer = failed_job(3), failed_job(chunks=chunks(3)[1:])
    first, again = (asked(job, Assessment(proof=Proof.DOCUMENTS)) for job in (whole, fewer))
    assert first and again
    assert again.parts == first.parts[1:]


def test_repeated_split_makes_same_jobs() -> None:
    job = failed_job(9, id="j1.b")
    assert asked(job, Assessment(proof=Proof.DOCUMENTS)) == asked(job, Assessment(proof=Proof.DOCUMENTS))


# --- before a submission: by what the ledger says ---

REST = REST_WAITS[0]


class Row(NamedTuple):
    """What is asked for (None: anything), and what follows. The first row that fits counts."""

    follows: str
    is_open: bool | None = None
    proofs: tuple[Proof, ...] | None = None
    was_incident: bool | None = None
    is_shared: bool | None = None
    is_refused: bool | None = None
    is_last: bool | None = None
    is_rested: bool | None = None


PROVEN = (Proof.DOCUMENTS, Proof.CONTROL)
UNPROVEN = (Proof.CONTRADICTED, Proof.UNKNOWN)
ROWS = [
    Row("held", is_open=True),
    Row("held", proofs=(Proof.NONE,)),
    Row("sent", proofs=PROVEN, is_refused=True),
    Row("sent", proofs=PROVEN, was_incident=True, is_last=False),
    Row("split", proofs=PROVEN, is_shared=True),
    Row("reported", proofs=PROVEN, is_last=True),
    Row("alone, proven", proofs=PROVEN, was_incident=False),
    Row("rests", proofs=UNPROVEN, is_rested=False),
    Row("tried once more", proofs=UNPROVEN, is_refused=True),
    Row("split", proofs=UNPROVEN, is_shared=True),
    Row("reported", proofs=UNPROVEN, is_last=True),
    Row("alone, unproven", proofs=UNPROVEN),
]
CASES = [
    Row("", is_open, (proof,), was_incident, is_shared, is_refused, is_last, is_rested)
    for is_open in (True, False)
    for proof in Proof
    for was_incident in (True, False)
    for is_shared, is_refused in ((True, False), (False, False), (False, True))
    for is_last in (True, False)
    for is_rested in (True, False)
]


def fits(row: Row, case: Row) -> bool:
    flags = [(mine, its) for mine, its in zip(row, case, strict=True) if isinstance(mine, bool)]
    is_proof = row.proofs is None or (case.proofs is not None and case.proofs[0] in row.proofs)
    return is_proof and all(mine == its for mine, its in flags)


def expected_step(follows: str, job: Job, proof: Proof) -> Step | None:
    """Return the whole step of a row, for a job that failed at `job.failed_at` and has submissions left or not."""
    assert job.failed_at is not None

    def deferred(due: datetime, **changes: Any) -> Step:
        moved = msgspec.structs.replace(job, step=job.step + 1, due=due, **changes)
        return Step(event=JobEvent.DEFERRED, job=moved, reason=PROBLEM)

    rest = job.failed_at + REST
    match follows:
        case "sent":
            return None
        case "held":
            return deferred(after(30 + 4.5))
        case "rests":
            return deferred(rest if proof is Proof.UNKNOWN else min(rest, after(20)))
        case "tried once more":
            return deferred(NOW, refused_at=None, retry_at=NOW)
        case "split":
            made = tuple(part(job, (chunk,), last_error=PROBLEM) for chunk in job.chunks)
            return Step(event=JobEvent.SPLIT, job=None, parts=made, reason=PROBLEM)
        case "reported":
            return reported(job, PROBLEM)
        case "alone, proven" | "alone, unproven":
            lone = LoneFailures(since=job.failed_at, count=1, proven=int(follows == "alone, proven"))
            return deferred(NOW, lone=lone, retry_at=job.failed_at)
        case _:
            raise AssertionError(follows)


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(str(value) for value in case[1:]))
def test_failed_job_outcomes(case: Row) -> None:
    failed_at = NOW - REST if case.is_rested else NOW - REST + A_SECOND
    job = failed_job(
        3 if case.is_shared else 1,
        failed_at=failed_at,
        is_last=case.is_last,
        refused_at=failed_at if case.is_refused else None,
    )
    assert case.proofs is not None
    (proof,) = case.proofs
    assessment = Assessment(
        proof=proof, is_open=bool(case.is_open), was_incident=bool(case.was_incident), again_at=after(30)
    )
    row = next(row for row in ROWS if fits(row, case))
    assert asked(job, assessment) == expected_step(row.follows, job, proof)


def test_every_row_of_table_is_used() -> None:
    assert {next(row for row in ROWS if fits(row, case)) for case in CASES} == set(ROWS)


def test_new_job_is_sent_while_healthy() -> None:
    for proof in Proof:
        assert asked(waiting_job(25), Assessment(proof=proof)) is None


def test_open_breaker_holds_new_jobs() -> None:
    assessment = Assessment(proof=Proof.NONE, is_open=True, again_at=after(30))
    job = waiting_job(25, step=4, due=after(34.5))
    assert asked(waiting_job(25), assessment) == Step(event=JobEvent.DEFERRED, job=job, reason=WAITING_FOR_HEALTH)
    told = asked(waiting_job(25), replace(assessment, reason=INTERNAL))
    assert told is not None and told.reason == INTERNAL


@pytest.mark.parametrize("again_at", [None, after(-60), NOW])
def test_held_job_is_due_later(again_at: datetime | None) -> None:
    step = asked(waiting_job(), Assessment(proof=Proof.NONE, is_open=True, again_at=again_at))
    assert step and step.job and step.job.due == after(4.5)


@pytest.mark.parametrize("proof", Proof)
@pytest.mark.parametrize("is_open", [True, False])
def test_scout_is_always_sent(proof: Proof, is_open: bool) -> None:
    assert asked(failed_job(is_scout=True), Assessment(proof=proof, is_open=is_open)) is None


def test_decided_job_waits_until_due() -> None:
    job = failed_job(retry_at=after(1), due=after(-9))
    assert asked(job, Assessment(proof=Proof.DOCUMENTS)) == Step(
        event=JobEvent.DEFERRED, job=msgspec.structs.replace(job, step=4, due=after(1)), reason=PROBLEM
    )
    assert asked(job, Assessment(proof=Proof.NONE), after(1)) is None
    assert asked(job, Assessment(proof=Proof.NONE), after(2)) is None


def test_decided_job_waits_for_open_breaker() -> None:
    job = failed_job(retry_at=after(-1))
    step = asked(job, Assessment(proof=Proof.NONE, is_open=True, again_at=after(30)))
    assert step == Step(
        event=JobEvent.DEFERRED, job=msgspec.structs.replace(job, step=4, due=after(34.5)), reason=PROBLEM
    )


@pytest.mark.parametrize("is_scout", [True, False])
@pytest.mark.parametrize("language", ["fy", "en"])
def test_refused_language_is_not_resubmitted(language: str, is_scout: bool) -> None:
    job = waiting_job(
        work=work(DOCUMENT_LANGUAGE=language), refused_language="fy", waits=3, last_error=PROBLEM, is_scout=is_scout
    )
    expected = Step(
        event=JobEvent.DEFERRED,
        job=msgspec.structs.replace(job, step=4, due=after(120), waits=4),
        reason=PROBLEM,
    )
    assert asked(job, UNKNOWN) == (expected if language == "fy" else None)


@pytest.mark.parametrize(("beyond", "gives_up"), JUST_BEFORE_AT_AND_AFTER)
def test_waiting_job_gives_up(beyond: timedelta, gives_up: bool) -> None:
    job = failed_job(3, created=NOW - EVER - beyond)
    step = asked(job, Assessment(proof=Proof.NONE, again_at=after(30)), give_up=EVER)
    assert (step == reported(job, PROBLEM)) is gives_up


def test_giving_up_names_last_known_cause() -> None:
    job = waiting_job(2, created=NOW - EVER - A_SECOND)
    nothing = Assessment(proof=Proof.NONE)
    assert asked(job, replace(nothing, reason=INTERNAL), give_up=EVER) == reported(job, INTERNAL)
    assert asked(job, nothing, give_up=EVER) == reported(job, WAITING_FOR_HEALTH)


# --- a failure whose cause is unknown ---


@pytest.mark.parametrize(("submissions", "minutes"), [(0, 13), (1, 13), (2, 25), (3, 27), (4, 110), (5, 105), (6, 105)])
def test_waits_grow_with_submissions(submissions: int, minutes: int) -> None:
    job = failed_job(2, submissions=submissions, failed_at=NOW)
    step = asked(job, UNKNOWN)
    assert step and step.job and step.job.due == after(60 * minutes)
    at_last = asked(job, UNKNOWN, after(60 * minutes))
    assert at_last and at_last.event is JobEvent.SPLIT


def test_waits_outlast_four_hour_incident() -> None:
    assert sum(REST_WAITS, timedelta()) >= timedelta(hours=4)
    assert len(REST_WAITS) == MAX_SUBMISSIONS - 1


# --- a document that fails alone ---


def lone_failure(job: Job, failed_at: datetime, assessment: Assessment) -> Job | Step:
    """Submit a lone job once more, to fail at `failed_at`; return the job that waits for its next time, or its end."""
    is_last = job.submissions + 1 >= MAX_SUBMISSIONS
    running = after_submission(reserve(job, failed_at, is_last=is_last), Accepted(GA_URL), failed_at, policy()).job
    assert running is not None
    failed = after_poll(running, JobFailed(PROBLEM), failed_at, policy()).job
    assert failed is not None
    step = before_submission(failed, assessment, failed.due, policy())
    assert step is not None
    return step.job or step


def alone(assessment: Assessment, submissions: int = 0) -> tuple[list[float], Step]:
    """Let a document fail alone until its end; return the minutes after each failure, and the end."""
    job: Job | Step = waiting_job(submissions=submissions, created=NOW)
    minutes: list[float] = []
    now = NOW
    while isinstance(job, Job):
        job = lone_failure(job, now, assessment)
        if isinstance(job, Job):
            assert job.retry_at is not None
            minutes.append((job.retry_at - now).total_seconds() / 60)
            assert job.due == max(job.retry_at, now + timedelta(seconds=VERDICT))
            now = job.due
    return minutes, job


def test_lone_document_waits_ever_longer() -> None:
    """At once, after 12, 30 and 75 minutes; the last time 245 minutes after the first failure."""
    minutes, end = alone(Assessment(proof=Proof.DOCUMENTS))
    assert minutes[:4] == [0, 12, 30, 75]
    assert len(minutes) == MAX_SUBMISSIONS - 1
    assert sum(minutes) == pytest.approx(245, abs=0.2)
    ((_, problem),) = end.answers
    assert isinstance(problem, Problem)
    assert problem == replace(
        PROBLEM,
        message="The document failed alone 6 times while other documents succeeded. The last time: Something happened.",
        help="The service can not process this document. Check its content, correct it and drop it again.",
        fault=Fault.DOCUMENT,
    )


def test_split_document_is_sent_for_hours() -> None:
    """It has failed among 25 and among five: four submissions are left, the last not before its time."""
    minutes, end = alone(Assessment(proof=Proof.DOCUMENTS), submissions=2)
    assert minutes[:2] == [0, 12]
    assert len(minutes) == 3
    assert sum(minutes) == pytest.approx(245, abs=0.2)
    assert len(end.answers) == 1


@pytest.mark.parametrize(("since", "wait"), [(0, 245), (-214, 31), (-215, 30), (-216, 30), (-500, 30)])
def test_last_submission_is_not_early(since: float, wait: float) -> None:
    lone = LoneFailures(since=after(60 * since), count=2, proven=2)
    job = failed_job(submissions=MAX_SUBMISSIONS - 1, lone=lone, failed_at=NOW)
    step = asked(job, Assessment(proof=Proof.DOCUMENTS), after(VERDICT))
    assert step == Step(
        event=JobEvent.DEFERRED,
        job=msgspec.structs.replace(
            job,
            step=4,
            due=after(60 * wait),
            retry_at=after(60 * wait),
            lone=LoneFailures(since=after(60 * since), count=3, proven=3),
        ),
        reason=PROBLEM,
    )
    assert timedelta(minutes=245) == LAST_LONE_SUBMISSION


@pytest.mark.parametrize(
    ("proven", "assessment", "fault"),
    [
        (0, Assessment(proof=Proof.DOCUMENTS), Fault.SERVICE),
        (1, Assessment(proof=Proof.DOCUMENTS), Fault.DOCUMENT),
        (1, Assessment(proof=Proof.DOCUMENTS, was_incident=True), Fault.SERVICE),
        (1, Assessment(proof=Proof.UNKNOWN), Fault.SERVICE),
        (1, Assessment(proof=Proof.CONTRADICTED), Fault.SERVICE),
        (2, Assessment(proof=Proof.UNKNOWN), Fault.DOCUMENT),
        (5, Assessment(proof=Proof.DOCUMENTS, was_incident=True), Fault.DOCUMENT),
    ],
)
def test_two_proven_failures_blame_document(proven: int, assessment: Assessment, fault: Fault) -> None:
    lone = LoneFailures(since=after(-15_000), count=5, proven=proven)
    job = failed_job(submissions=6, is_last=True, lone=lone, failed_at=NOW - timedelta(hours=2))
    step = asked(job, assessment)
    assert step is not None
    ((_, problem),) = step.answers
    assert isinstance(problem, Problem) and problem.fault is fault


def test_unread_document_blames_storage() -> None:
    assert exhausted(waiting_job(2), NOW) == reported(waiting_job(2), UNANSWERED_SO_FAR)
    assert UNANSWERED_SO_FAR.fault is Fault.STORAGE


def test_unanswered_failures_prove_nothing() -> None:
    """A proxy's page for one document, again and again, is the way's fault, and is tried again at night."""
    job = failed_job(failed_unanswered=True, failure=PROBLEM, last_error=DEPLOYMENT)
    step = asked(job, Assessment(proof=Proof.DOCUMENTS), after(60))
    assert step and step.job and step.job.lone == LoneFailures(since=job.failed_at, count=1, proven=0)
    last = failed_job(
        failed_unanswered=True,
        failure=PROBLEM,
        last_error=DEPLOYMENT,
        is_last=True,
        lone=LoneFailures(since=after(-15_000), count=5, proven=1),
    )
    step = asked(last, Assessment(proof=Proof.DOCUMENTS), after(60))
    assert step and step.answers == ((last.chunks[0], PROBLEM),)


@pytest.mark.parametrize(("proven", "counts"), [(0, True), (1, False), (4, False)])
def test_suspect_is_not_counted(proven: int, counts: bool) -> None:
    job = running_job(lone=LoneFailures(since=NOW, count=4, proven=proven))
    failure = Failure(level=Level.MODEL, problem=PROBLEM)
    assert polled(job, JobFailed(PROBLEM)).failure == (failure if counts else None)


@pytest.mark.parametrize("count", [1, 2, 25])
def test_poison_neighbours_have_three_submissions(count: int) -> None:
    """Each job with one document in it fails; all others succeed, which proves the service healthy."""
    open_jobs, reports, done, bills = [waiting_job(count)], [], {}, 0
    while open_jobs:
        job = open_jobs.pop()
        job = reserve(job, NOW, is_last=job.submissions + 1 >= MAX_SUBMISSIONS)
        bills += 1
        names = [chunk.document for chunk in job.chunks]
        if "0.txt" not in names:
            done |= dict.fromkeys(names, job.submissions)
            continue
        running = submitted(job, Accepted(GA_URL)).job
        assert running is not None
        failed = polled(running, JobFailed(PROBLEM)).job
        assert failed is not None
        step = asked(failed, Assessment(proof=Proof.DOCUMENTS))
        assert step is not None
        if step.answers:
            reports += [(chunk.document, job.submissions) for chunk, _ in step.answers]
        open_jobs += [*step.parts, *([msgspec.structs.replace(step.job, retry_at=NOW)] if step.job else [])]
    assert reports == [("0.txt", MAX_SUBMISSIONS)]
    assert len(done) == count - 1
    assert max(done.values(), default=0) <= 3
    assert bills <= 14


# --- scouts ---


@pytest.mark.parametrize(
    ("submissions", "rest"), [(1, timedelta(0)), (2, REST_WAITS[1]), (3, REST_WAITS[2]), (5, REST_WAITS[4])]
)
@pytest.mark.parametrize(("beyond", "may"), [(-A_SECOND, False), (timedelta(0), True), (A_SECOND, True)])
def test_twice_failed_job_waits_before_scouting(
    submissions: int, rest: timedelta, beyond: timedelta, may: bool
) -> None:
    job = failed_job(3, submissions=submissions, failed_at=NOW - rest - beyond)
    assert may_scout(job, NOW) is (may or submissions == 1)


def test_exhausted_jobs_do_not_scout() -> None:
    """Without control documents a new job is the first that can find out whether the service works again."""
    assert may_scout(waiting_job(3), NOW)
    assert not may_scout(failed_job(1, is_last=True, failed_at=NOW - timedelta(days=1)), NOW)


def test_one_document_of_job_scouts() -> None:
    job = failed_job(3, submissions=2, losses=1, faults=1)
    assert send_scout(job, NOW) == Step(
        event=JobEvent.SPLIT,
        job=None,
        parts=(
            part(job, chunks(3)[:1], is_scout=True, last_error=PROBLEM),
            part(
                job,
                chunks(3)[1:],
                failed_at=job.failed_at,
                failed_sent=job.failed_sent,
                last_error=PROBLEM,
            ),
        ),
        reason=PROBLEM,
    )


def test_lone_document_scouts_itself() -> None:
    lone = LoneFailures(since=after(-60), count=1, proven=0)
    job = failed_job(1, submissions=2, lone=lone)
    assert send_scout(job, NOW) == Step(
        event=JobEvent.DEFERRED,
        job=msgspec.structs.replace(job, step=4, due=NOW, is_scout=True, retry_at=NOW),
        reason=PROBLEM,
    )


def test_refused_scout_reports_no_document() -> None:
    """Nothing has proven the service healthy between the two refusals."""
    scout = send_scout(failed_job(1, refused_at=after(-10)), NOW).job
    assert scout is not None
    step = submitted(reserve(scout, NOW), Refused(PROBLEM))
    assert step.event is JobEvent.FAILED and not step.answers


@pytest.mark.parametrize(
    "answer",
    [JobFailed(PROBLEM), Finished("3fa8", "succeeded", {}), Deferred(DeferReason.UNAVAILABLE, PROBLEM)],
    ids=["failed", "left out", "expired"],
)
def test_failed_scout_ends_scouting(answer: Progress) -> None:
    """Whatever comes of it, the next submission of it asks the ledger again."""
    expired = NOW - RESULT_RETENTION - A_SECOND
    step = polled(running_job(1, is_scout=True, submitted=expired), answer)
    assert step.job and step.job.state is JobState.WAITING and not step.job.is_scout


# --- after a poll: still running ---


@pytest.mark.parametrize(("polls", "wait"), [(0, 1), (1, 1.5), (2, 2.25), (50, 30)])
def test_running_job_is_polled_less_often(polls: int, wait: float) -> None:
    job = running_job(2, polls=polls, waits=3, lost_at=after(-60))
    assert polled(job, StillRunning("running")) == Step(
        event=JobEvent.STILL_RUNNING,
        job=running_job(2, step=4, due=after(wait), polls=polls + 1, waits=0, running_since=NOW),
    )


def test_running_time_counts_from_first_poll() -> None:
    for has_started in (True, False):
        step = polled(running_job(running_since=after(-60)), StillRunning("running", has_started=has_started))
        assert step.job and step.job.running_since == after(-60)


@pytest.mark.parametrize(("beyond", "is_over"), JUST_BEFORE_AT_AND_AFTER)
def test_timeout_counts_from_first_running(beyond: timedelta, is_over: bool) -> None:
    since = NOW - timedelta(minutes=60) - beyond
    job = running_job(2, submitted=NOW - timedelta(hours=9), running_since=since, polls=9)
    step = polled(job, StillRunning("running"))
    if not is_over:
        assert (step.event, step.cancel) == (JobEvent.STILL_RUNNING, None)
        return
    assert step.reason is not None
    assert step == Step(
        event=JobEvent.LOST,
        job=waiting_job(2, step=4, due=NOW, submissions=1, losses=1, retry_at=NOW, last_error=step.reason),
        cancel=GA_URL,
        reason=step.reason,
    )
    assert (step.reason.code, step.reason.fault) == ("TimedOut", Fault.SERVICE)
    assert "status 'running' for 60.0 minutes; the limit is 60 (JOB_TIMEOUT_MINUTES)" in step.reason.message


@pytest.mark.parametrize(("beyond", "is_over"), JUST_BEFORE_AT_AND_AFTER)
@pytest.mark.parametrize("is_told", [True, False])
def test_queued_job_waits_until_expiry(beyond: timedelta, is_over: bool, is_told: bool) -> None:
    """By the service's own word, or 24 hours after it was submitted."""
    submitted_at = after(-600) if is_told else NOW - RESULT_RETENTION - beyond
    expires = NOW - beyond if is_told else None
    job = running_job(25, submitted=submitted_at)
    step = polled(job, StillRunning("notStarted", has_started=False, expires=expires))
    if not is_over:
        assert step == Step(
            event=JobEvent.STILL_RUNNING, job=msgspec.structs.replace(job, step=4, due=after(1), polls=1)
        )
        return
    assert step.reason is not None and step.reason.code == "NeverStarted"
    assert step == Step(
        event=JobEvent.LOST,
        job=waiting_job(25, step=4, due=NOW, submissions=1, losses=1, retry_at=NOW, last_error=step.reason),
        reason=step.reason,
    )


@pytest.mark.parametrize(("losses", "minutes"), [(0, 0), (1, 5), (2, 15), (3, 60), (4, 180), (9, 180)])
def test_stuck_job_waits_ever_longer(losses: int, minutes: int) -> None:
    job = running_job(25, running_since=NOW - timedelta(hours=2), losses=losses)
    step = polled(job, StillRunning("running"))
    assert step.job is not None
    assert step.job.chunks == chunks(25) and step.job.losses == losses + 1
    assert step.job.retry_at == step.job.due == after(60 * minutes)
    assert len(LOSS_WAITS) == 5


def test_undocumented_status_is_running() -> None:
    step = polled(running_job(), StillRunning("pondering", is_known=False))
    assert step.event is JobEvent.STILL_RUNNING


# --- after a poll: finished ---


def test_finished_job_answers_each_chunk() -> None:
    answer = finished(_2=FOUND, _0=BAD_DOCUMENT, _1=FoundEntities(()))
    assert polled(running_job(3), answer) == Step(
        event=JobEvent.FINISHED,
        job=None,
        answers=tuple(zip(chunks(3), map(of_entities, (BAD_DOCUMENT, FoundEntities(()), FOUND)), strict=True)),
        succeeded=True,
    )


def test_answers_nobody_asked_for_are_ignored() -> None:
    step = polled(running_job(1), finished(_0=FOUND, _7=FOUND, x=FOUND))
    assert step.answers == ((chunks(1)[0], of_entities(FOUND)),)


@pytest.mark.parametrize(
    ("found", "problem"),
    [({}, LEFT_OUT), ({"_1": INTERNAL}, INTERNAL), ({"_1": DEPLOYMENT}, DEPLOYMENT)],
    ids=["left out", "internal error", "configuration"],
)
def test_missing_result_is_resubmitted(found: dict[str, Problem], problem: Problem) -> None:
    """The rest is kept; as the service worked for that, no failure is counted."""
    answer = finished(_0=FOUND, _2=BAD_DOCUMENT, **found)
    assert polled(running_job(3, waits=2), answer) == Step(
        event=JobEvent.FAILED,
        job=waiting_job(
            chunks=(chunks(3)[1],),
            step=4,
            due=after(VERDICT),
            submissions=1,
            failed_at=NOW,
            failed_sent=after(-2),
            failure=problem,
            last_error=problem,
        ),
        answers=((chunks(3)[0], of_entities(FOUND)), (chunks(3)[2], of_entities(BAD_DOCUMENT))),
        reason=problem,
        succeeded=True,
    )


def test_job_without_any_result_is_failure() -> None:
    step = polled(running_job(2), finished(_0=INTERNAL))
    assert (step.succeeded, step.failure) == (False, Failure(level=Level.MODEL, problem=INTERNAL))
    assert step.job and step.job.chunks == chunks(2)


def test_late_results_are_accepted() -> None:
    step = polled(running_job(1, created=NOW - EVER * 2), finished(_0=FOUND))
    assert step.answers == ((chunks(1)[0], of_entities(FOUND)),)


# --- after a poll: failed ---


@pytest.mark.parametrize(("problem", "opens"), [(PROBLEM, False), (DEPLOYMENT, True)])
def test_failed_job_awaits_its_verdict(problem: Problem, opens: bool) -> None:
    job = running_job(2, polls=4, waits=2, running_since=after(-1), lost_at=after(-1))
    assert polled(job, JobFailed(problem)) == Step(
        event=JobEvent.FAILED,
        job=waiting_job(
            2,
            step=4,
            due=after(VERDICT),
            submissions=1,
            failed_at=NOW,
            failed_sent=after(-2),
            failure=problem,
            last_error=problem,
        ),
        reason=problem,
        failure=Failure(level=Level.MODEL, problem=problem, opens=opens),
    )


# --- after a poll: deferred ---


def test_deferred_poll_keeps_submission() -> None:
    job = running_job(2, polls=2, lost_at=after(-9), running_since=after(-1))
    assert polled(job, Deferred(DeferReason.THROTTLED, PROBLEM, 1.0)) == Step(
        event=JobEvent.DEFERRED,
        job=msgspec.structs.replace(job, step=4, due=after(1.25), waits=1, last_error=PROBLEM),
        reason=PROBLEM,
    )


@pytest.mark.parametrize(("beyond", "is_over"), JUST_BEFORE_AT_AND_AFTER)
def test_polls_end_with_retention(beyond: timedelta, is_over: bool) -> None:
    age = RESULT_RETENTION + beyond
    job = running_job(2, created=NOW - age - A_SECOND, submitted=NOW - age)
    step = polled(job, Deferred(DeferReason.UNAVAILABLE, PROBLEM))
    lost = waiting_job(
        2, step=4, due=NOW, created=job.created, submissions=1, losses=1, retry_at=NOW, last_error=PROBLEM
    )
    assert (step == Step(event=JobEvent.LOST, job=lost, reason=PROBLEM)) is is_over
    assert (step.event is JobEvent.DEFERRED) is not is_over


# --- after a poll: lost ---


@pytest.mark.parametrize("is_healthy", [True, False])
def test_denied_job_is_polled_on(is_healthy: bool) -> None:
    job = running_job(2, waits=1)
    assert polled(job, JobLost(PROBLEM), is_healthy=is_healthy) == Step(
        event=JobEvent.DEFERRED,
        job=msgspec.structs.replace(job, step=4, due=after(10), waits=2, lost_at=NOW, last_error=PROBLEM),
        reason=PROBLEM,
    )


@pytest.mark.parametrize(("beyond", "is_over"), [(-A_SECOND, False), (timedelta(0), True), (A_SECOND, True)])
@pytest.mark.parametrize("is_healthy", [True, False])
def test_denied_job_is_lost_when_healthy(beyond: timedelta, is_over: bool, is_healthy: bool) -> None:
    lost_at = NOW - LOST_AFTER - beyond
    job = running_job(2, lost_at=lost_at, losses=1)
    step = polled(job, JobLost(PROBLEM), is_healthy=is_healthy)
    if is_over and is_healthy:
        again = after(300)
        lost = waiting_job(2, step=4, due=again, submissions=1, losses=2, retry_at=again, last_error=PROBLEM)
        assert step == Step(event=JobEvent.LOST, job=lost, reason=PROBLEM)
    else:
        denied = msgspec.structs.replace(job, step=4, due=after(5), waits=1, last_error=PROBLEM)
        assert step == Step(event=JobEvent.DEFERRED, job=denied, reason=PROBLEM)
    assert timedelta(minutes=2) == LOST_AFTER


# --- giving up ---


@pytest.mark.parametrize(
    "answer",
    [
        Deferred(DeferReason.UNAVAILABLE, PROBLEM),
        Deferred(DeferReason.BUDGET, PROBLEM, 1.0),
        JobFailed(PROBLEM),
        JobLost(PROBLEM),
    ],
    ids=["unavailable", "budget", "failed", "lost"],
)
@pytest.mark.parametrize(("beyond", "gives_up"), JUST_BEFORE_AT_AND_AFTER)
def test_polls_give_up(answer: Progress, beyond: timedelta, gives_up: bool) -> None:
    job = running_job(3, created=NOW - EVER - beyond)
    step = polled(job, answer, give_up=EVER)
    if gives_up:
        failure = Failure(level=Level.MODEL, problem=PROBLEM) if isinstance(answer, JobFailed) else None
        assert step == replace(reported(job, PROBLEM), failure=failure)
    else:
        assert step.job is not None and not step.answers


@pytest.mark.parametrize("answer", [Deferred(DeferReason.QUOTA, PROBLEM), Unanswered(PROBLEM)])
def test_submissions_give_up(answer: Submission) -> None:
    job = reserved_job(2, created=NOW - EVER - A_SECOND)
    step = submitted(job, answer, give_up=EVER)
    assert step.job is None
    assert step.answers == reported(job, PROBLEM).answers


def test_stuck_job_gives_up() -> None:
    job = running_job(2, created=NOW - EVER - A_SECOND, running_since=NOW - timedelta(hours=2))
    step = polled(job, StillRunning("running"), give_up=EVER)
    assert step.job is None and step.cancel == GA_URL and len(step.answers) == 2


# --- faults ---


@pytest.mark.parametrize("make", [waiting_job, running_job])
@pytest.mark.parametrize(("faults", "wait"), [(0, 5), (1, 10), (8, 900)])
def test_job_keeps_its_state_after_fault(make: Any, faults: int, wait: float) -> None:
    job = make(2, faults=faults)
    assert after_fault(job, PROBLEM, NOW, policy()) == Step(
        event=JobEvent.FAULTED,
        job=make(2, step=4, due=after(wait), faults=faults + 1, last_error=PROBLEM),
        reason=PROBLEM,
    )


@pytest.mark.parametrize(
    ("faults", "is_transient", "ends"),
    [(MAX_FAULTS - 2, False, False), (MAX_FAULTS - 1, False, True), (MAX_FAULTS - 1, True, False), (99, True, False)],
)
def test_ten_faults_end_job(faults: int, is_transient: bool, ends: bool) -> None:
    job = running_job(2, faults=faults)
    step = after_fault(job, PROBLEM, NOW, policy(), is_transient=is_transient)
    assert (step == reported(job, PROBLEM)) is ends
    assert MAX_FAULTS == 10


@pytest.mark.parametrize(("waits", "wait"), [(0, 5), (3, 40), (20, 900)])
def test_transient_fault_defers(waits: int, wait: float) -> None:
    job = running_job(2, faults=9, waits=waits)
    assert after_fault(job, PROBLEM, NOW, policy(), is_transient=True) == Step(
        event=JobEvent.FAULTED,
        job=msgspec.structs.replace(job, step=4, due=after(wait), waits=waits + 1, last_error=PROBLEM),
        reason=PROBLEM,
    )


@pytest.mark.parametrize("is_transient", [True, False])
def test_late_fault_ends_job(is_transient: bool) -> None:
    job = running_job(1, created=NOW - EVER)
    limits = policy(give_up=EVER)
    assert after_fault(job, PROBLEM, NOW, limits, is_transient=is_transient).event is JobEvent.FAULTED
    assert after_fault(job, PROBLEM, NOW + A_SECOND, limits, is_transient=is_transient).event is JobEvent.FINISHED


# --- chunks that a job has lost ---


@pytest.mark.parametrize("job", [waiting_job(1), running_job(1)])
def test_job_with_nothing_left_ends(job: Job) -> None:
    assert nothing_left(job, NOW) == Step(event=JobEvent.FINISHED, job=None)


# --- what holds for every answer ---

retry_afters = st.none() | st.floats(0, 1e9) | st.just(float("inf"))
problems = st.sampled_from([PROBLEM, BAD_DOCUMENT, INTERNAL, DEPLOYMENT, LANGUAGE])
deferrals = st.builds(Deferred, st.sampled_from(DeferReason), problems, retry_afters)
not_accepted = deferrals | st.builds(Refused, problems)
maybe_accepted = st.just(Accepted(GA_URL)) | st.builds(Unanswered, problems, retry_afters)
answers_to_polls = (
    deferrals
    | st.builds(JobFailed, problems)
    | st.builds(JobLost, problems)
    | st.builds(StillRunning, st.just("running"), has_started=st.booleans(), expires=st.none() | st.just(after(-1)))
    | st.builds(
        Finished,
        st.just("3fa8"),
        st.just("succeeded"),
        st.dictionaries(st.sampled_from(["0", "1", "2"]), (st.just(FOUND) | problems).map(of_entities)),
    )
)
moments = st.none() | st.sampled_from([after(-90_000), after(-8_000), after(-10), NOW, after(60)])
lones = st.none() | st.builds(
    LoneFailures, since=st.just(after(-99)), count=st.integers(1, 6), proven=st.integers(0, 6)
)
counted: dict[str, Any] = {
    "submissions": st.integers(1, 6),
    "losses": st.integers(0, 9),
    "faults": st.integers(0, 9),
    "waits": st.integers(0, 99),
    "is_last": st.booleans(),
    "is_scout": st.booleans(),
    "failed_at": moments,
    "retry_at": moments,
    "refused_at": moments,
    "refused_language": st.sampled_from([None, "en", "xx"]),
    "lone": lones,
}


@st.composite
def jobs(draw: st.DrawFn, make: Any, **more: st.SearchStrategy[Any]) -> Job:
    fields = {name: draw(values) for name, values in {**counted, **more}.items()}
    job: Job = make(draw(st.sampled_from([1, 2, 3])), **fields)
    return job


def successors(step: Step) -> list[Job]:
    return [*step.parts, *([step.job] if step.job else [])]


def documents_of(step: Step) -> list[str]:
    answered = [chunk.document for chunk, _ in step.answers]
    return sorted([*answered, *(chunk.document for job in successors(step) for chunk in job.chunks)])


def assert_is_whole(job: Job, step: Step) -> None:
    """No document is lost or doubled by a step, and everything that goes on is due at a time that can be stored."""
    assert documents_of(step) == sorted(chunk.document for chunk in job.chunks)
    assert all(NOW <= successor.due <= NOW + timedelta(hours=8) for successor in successors(step))
    assert all(successor.created == job.created and successor.owner == job.owner for successor in successors(step))


@given(jobs(reserved_job), maybe_accepted, st.randoms(use_true_random=False))
def test_possibly_accepted_submission_counts(job: Job, answer: Submission, rng: Random) -> None:
    step = after_submission(job, answer, NOW, policy(rng=rng))
    assert_is_whole(job, step)
    assert all(successor.submissions == job.submissions for successor in successors(step))
    assert all(successor.unanswered == 0 for successor in successors(step))


@given(jobs(reserved_job), not_accepted, st.randoms(use_true_random=False))
def test_unsent_submission_is_uncounted(job: Job, answer: Submission, rng: Random) -> None:
    step = after_submission(job, answer, NOW, policy(rng=rng))
    assert_is_whole(job, step)
    assert all(successor.submissions == job.submissions - 1 for successor in successors(step))


@given(
    jobs(running_job, submitted=st.just(after(-2)) | moments, running_since=moments, lost_at=moments),
    answers_to_polls,
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_no_poll_changes_count(job: Job, answer: Progress, is_healthy: bool, rng: Random) -> None:
    step = after_poll(job, answer, NOW, policy(rng=rng), is_healthy=is_healthy)
    assert_is_whole(job, step)
    assert all(successor.submissions == job.submissions for successor in successors(step))


assessments = st.builds(
    Assessment,
    proof=st.sampled_from(Proof),
    is_open=st.booleans(),
    was_incident=st.booleans(),
    again_at=moments,
    reason=st.none() | problems,
)


@given(jobs(waiting_job, unanswered=st.integers(0, 9)), assessments, st.randoms(use_true_random=False))
def test_no_verdict_changes_count(job: Job, assessment: Assessment, rng: Random) -> None:
    step = before_submission(job, assessment, NOW, policy(rng=rng))
    if step:
        assert_is_whole(job, step)
        assert all(successor.submissions == job.submissions for successor in successors(step))
    scouted = send_scout(job, NOW)
    assert_is_whole(job, scouted)
    assert all(successor.submissions == job.submissions for successor in successors(scouted))


@given(st.lists(maybe_accepted | st.none(), max_size=12), assessments)
def test_every_reservation_adds_exactly_one(answers: list[Submission | None], assessment: Assessment) -> None:
    """None stands for a worker that dies before it has saved what came of its reservation."""
    job, reservations = waiting_job(1), 0
    for answer in answers:
        job, reservations = reserve(job, NOW), reservations + 1
        if answer is not None:
            step = after_submission(job, answer, NOW, policy())
            assert step.job is not None
            job = step.job
        if job.state is JobState.RUNNING:
            failed = after_poll(job, JobFailed(PROBLEM), NOW, policy()).job
            assert failed is not None
            job = failed
        assert job.submissions == reservations


def test_waits_have_jitter() -> None:
    rng = Random(7)
    dues = {after_poll(running_job(), JobFailed(PROBLEM), NOW, policy(rng=rng)).job.due for _ in range(50)}  # type: ignore[union-attr]
    assert len(dues) == 50
    assert all(after(VERDICT_WAIT_S[0]) <= due <= after(VERDICT_WAIT_S[1]) for due in dues)
    assert NoJitter().uniform(*VERDICT_WAIT_S) == VERDICT
