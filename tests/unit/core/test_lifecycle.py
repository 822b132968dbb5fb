"""Changes of records by name: what each one changes, and that it changes nothing else.

The tables of transitions are tested in `test_jobs` and `test_documents`, and what decides which change is made in
`test_planning`.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from functions import problems
from functions.core import lifecycle
from functions.core.documents import DocumentRecord, DocumentState, Refusal, StoredRecord, TaskResult
from functions.core.jobs import Job, JobState, LoneFailures
from functions.core.records import DOCUMENT_TEXT, TextFacts
from functions.core.time_limits import RESERVATIONS
from functions.core.work import FIRST_RELEASE, WorkSpec
from functions.tasks.kinds import KINDS, Task
from tests.support.material import (
    GA_URL,
    NOW,
    PROBLEM,
    after,
    chunk,
    chunks,
    facts,
    failed_job,
    reserved_job,
    running_job,
    waiting_job,
    work,
)

MISCONFIGURED = problems.MISCONFIGURED.problem(status=404, reason="There is no such deployment.")
LONE = LoneFailures(since=after(-50), count=2, proven=1)
CORRECTED = work(LANGUAGE_DEPLOYMENT="corrected", DOCUMENT_LANGUAGE="de")


def changed(job: Job, **changes: Any) -> Job:
    return msgspec.structs.replace(job, **changes)


# --- A job that is being opened ---


def test_a_new_job_begins_reserved_and_counted() -> None:
    """Whoever opens it also sends it."""
    until = NOW + RESERVATIONS[0]
    assert lifecycle.new_job("j1", None, chunks(2), work(), NOW, "00-1-2-01") == Job(
        id="j1",
        owner="j1",
        state=JobState.WAITING,
        step=0,
        due=until,
        created=NOW,
        chunks=chunks(2),
        work=work(),
        submissions=1,
        unanswered=1,
        reserved_until=until,
        trace_parent="00-1-2-01",
    )


def test_a_long_documents_job_begins_unreserved() -> None:
    """Whoever gets its message reserves it; its document names the owner, not the job."""
    part = chunk(index=1, count=3)
    assert lifecycle.new_job("j1.1", "j1", [part], work(), NOW, None) == Job(
        id="j1.1",
        owner="j1",
        state=JobState.WAITING,
        step=0,
        due=NOW + RESERVATIONS[0],
        created=NOW,
        chunks=(part,),
        work=work(),
    )


def stored(name: str, **changes: Any) -> StoredRecord:
    """Return the record of a document that was just claimed for the first time."""
    record = lifecycle.claim(None, facts(name), "j1", work(), NOW)
    return StoredRecord(record=msgspec.structs.replace(record, **changes), etag=f'"{name}"')


def claimed_again(name: str) -> StoredRecord:
    record = lifecycle.claim(stored(name).record, facts(name), "j1", work(), NOW)
    return StoredRecord(record=record, etag=f'"{name}"')


@pytest.mark.parametrize(
    ("claims", "known", "is_last"),
    [
        ([stored("0.txt"), stored("1.txt")], ["0.txt", "1.txt"], False),
        ([stored("0.txt"), claimed_again("1.txt")], ["0.txt"], False),
        ([stored("0.txt"), stored("1.txt", submissions=6)], ["0.txt", "1.txt"], True),
        ([stored("1.txt", submissions=5)], ["1.txt"], False),
        ([], [], False),
    ],
    ids=["new", "known before", "last submission", "last but one", "none"],
)
def test_claims_decide_what_a_job_carries(claims: list[StoredRecord], known: list[str], is_last: bool) -> None:
    """Only the records of new documents are known for sure; one without a submission left makes it the job's last."""
    carried = [(chunk(one.record.document.name), one) for one in claims]
    job = lifecycle.new_job("j1", None, chunks(3), work(), NOW, None)
    assert lifecycle.with_claims(job, carried) == changed(
        job,
        chunks=tuple(one for one, _ in carried),
        known_records=tuple(one for one in claims if one.record.document.name in known),
        is_last=is_last,
    )


# --- Events, in the order of a job's life ---

IN_QUEUE = {"operation_url": None, "submitted": None, "polls": 0, "lost_at": None}
"""What a job has not that waits for another submission."""

EVENTS: dict[str, tuple[Job, Callable[[Job], Job | None], dict[str, Any]]] = {
    "reserve": (
        waiting_job(submissions=2, unanswered=1),
        lambda job: lifecycle.reserve(job, after(60), is_last=True),
        {"due": after(60), "submissions": 3, "unanswered": 2, "reserved_until": after(60), "is_last": True},
    ),
    "accept": (
        reserved_job(waits=4, refused_at=after(-9), refused_language="xx"),
        lambda job: lifecycle.accept(job, GA_URL, after(-1), after(2)),
        {
            "state": JobState.RUNNING,
            "due": after(2),
            "operation_url": GA_URL,
            "submitted": after(-1),
            "waits": 0,
            "refused_at": None,
            "refused_language": None,
        },
    ),
    "defer": (
        waiting_job(waits=2, last_error=PROBLEM),
        lambda job: lifecycle.defer(job, after(30)),
        {"due": after(30)},
    ),
    "defer with a cause": (
        running_job(waits=2),
        lambda job: lifecycle.defer(job, after(30), waits=3, problem=PROBLEM),
        {"due": after(30), "waits": 3, "last_error": PROBLEM},
    ),
    "retry at": (
        failed_job(lone=LONE),
        lambda job: lifecycle.retry_at(job, after(60), after(30)),
        {"due": after(30), "retry_at": after(60)},
    ),
    "retry at, alone": (
        failed_job(),
        lambda job: lifecycle.retry_at(job, after(60), after(30), LONE),
        {"due": after(30), "retry_at": after(60), "lone": LONE},
    ),
    "retry refused": (
        failed_job(refused_at=after(-9)),
        lambda job: lifecycle.retry_refused(job, NOW),
        {"due": NOW, "refused_at": None, "retry_at": NOW},
    ),
    "retry as a scout": (
        failed_job(),
        lambda job: lifecycle.retry_refused(job, NOW, is_scout=True),
        {"due": NOW, "retry_at": NOW, "is_scout": True},
    ),
    "refuse": (
        waiting_job(retry_at=after(-5)),
        lambda job: lifecycle.refuse(job, NOW, after(20), PROBLEM),
        {
            "due": after(20),
            "refused_at": NOW,
            "failed_at": NOW,
            "failed_sent": NOW,
            "failure": PROBLEM,
            "retry_at": None,
            "last_error": PROBLEM,
        },
    ),
    "refuse the language": (
        failed_job(waits=1, is_scout=True, retry_at=after(-5)),
        lambda job: lifecycle.refuse_language(job, after(20), MISCONFIGURED),
        {
            "due": after(20),
            "waits": 2,
            "refused_language": "en",
            "last_error": MISCONFIGURED,
            "failed_at": None,
            "retry_at": None,
            "is_scout": False,
        },
    ),
    "fail": (
        running_job(waits=3, polls=1, retry_at=after(-9), is_scout=True),
        lambda job: lifecycle.fail(job, NOW, after(20), PROBLEM, is_unanswered=True),
        {
            **IN_QUEUE,
            "state": JobState.WAITING,
            "due": after(20),
            "waits": 0,
            "failed_at": NOW,
            "failed_sent": after(-2),
            "failure": PROBLEM,
            "failed_unanswered": True,
            "retry_at": None,
            "is_scout": False,
            "last_error": PROBLEM,
        },
    ),
    "keep polling": (
        running_job(polls=2, waits=3, lost_at=after(-9)),
        lambda job: lifecycle.keep_polling(job, after(4), after(-1)),
        {"due": after(4), "polls": 3, "waits": 0, "running_since": after(-1), "lost_at": None},
    ),
    "deny": (
        running_job(waits=1),
        lambda job: lifecycle.deny(job, after(-1), after(4), PROBLEM),
        {"due": after(4), "waits": 2, "lost_at": after(-1), "last_error": PROBLEM},
    ),
    "lose": (
        running_job(waits=1, losses=1, is_scout=True, lost_at=after(-9), polls=3),
        lambda job: lifecycle.lose(job, after(300), PROBLEM),
        {
            **IN_QUEUE,
            "state": JobState.WAITING,
            "due": after(300),
            "waits": 0,
            "losses": 2,
            "retry_at": after(300),
            "is_scout": False,
            "last_error": PROBLEM,
        },
    ),
    "fault": (
        running_job(waits=1, faults=2),
        lambda job: lifecycle.fault(job, after(30), PROBLEM, is_transient=False),
        {"due": after(30), "faults": 3, "last_error": PROBLEM},
    ),
    "transient fault": (
        running_job(waits=1, faults=2),
        lambda job: lifecycle.fault(job, after(30), PROBLEM, is_transient=True),
        {"due": after(30), "waits": 2, "last_error": PROBLEM},
    ),
}


@pytest.mark.parametrize(("job", "event", "changes"), EVENTS.values(), ids=EVENTS)
def test_an_event_changes_these_fields_only(
    job: Job, event: Callable[[Job], Job | None], changes: dict[str, Any]
) -> None:
    assert event(job) == changed(job, step=job.step + 1, **changes)


def test_an_ended_job_has_no_record() -> None:
    assert lifecycle.end(running_job(), lifecycle.JobEvent.FINISHED, NOW) is None
    assert lifecycle.end(waiting_job(), lifecycle.JobEvent.SPLIT, NOW) is None


# --- Changes at the same step ---


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        (lifecycle.answered, {"unanswered": 0, "reserved_until": None}),
        (lifecycle.not_sent, {"submissions": 2, "unanswered": 0, "reserved_until": None, "is_last": False}),
        (
            lifecycle.not_accepted,
            {"submissions": 2, "unanswered": 0, "reserved_until": None, "is_last": False, "is_scout": False},
        ),
        (lambda job: lifecycle.with_chunks(job, chunks(1)), {"chunks": chunks(1)}),
        (lambda job: lifecycle.with_error(job, PROBLEM), {"last_error": PROBLEM}),
        (lambda job: lifecycle.with_lone_failures(job, LONE), {"lone": LONE}),
        (lifecycle.without_message, {"step": 2}),
        (lambda job: lifecycle.postpone(job, after(99)), {"due": after(99)}),
    ],
    ids=[
        "answered",
        "not sent",
        "not accepted",
        "with chunks",
        "with error",
        "with lone failures",
        "without message",
        "postpone",
    ],
)
def test_a_change_leaves_all_else(change: Callable[[Job], Job], changes: dict[str, Any]) -> None:
    job = reserved_job(2, submissions=3, reserved_until=after(60), is_last=True, is_scout=True)
    assert change(job) == changed(job, **changes)


def test_an_unsent_job_counts_nothing_below_zero() -> None:
    """The parts of a long document begin without a submission."""
    assert lifecycle.not_sent(waiting_job(submissions=0)) == waiting_job(submissions=0)


# --- The parts of a job ---


def test_a_part_goes_on_counting() -> None:
    """Who owns its documents, what they were counted for, and why the job failed; all else begins anew."""
    job = failed_job(3, submissions=2, losses=1, faults=1, lone=LONE, waits=4, is_last=True, trace_parent="00-1-2-01")
    part = lifecycle.part_of(job, job.chunks[:2], NOW, MISCONFIGURED)
    assert part == Job(
        id=lifecycle.part_id("j1", job.chunks[:2]),
        owner="j1",
        state=JobState.WAITING,
        step=0,
        due=NOW,
        created=job.created,
        chunks=job.chunks[:2],
        work=job.work,
        submissions=2,
        losses=1,
        faults=1,
        last_error=MISCONFIGURED,
        trace_parent="00-1-2-01",
    )
    assert lifecycle.as_scout(part) == changed(part, is_scout=True)
    of_failure = ("failed_at", "failed_sent", "failure", "failed_unanswered")
    assert lifecycle.awaiting_scout(part, job) == changed(part, **{name: getattr(job, name) for name in of_failure})


def test_the_same_document_alone_keeps_its_failures() -> None:
    job = failed_job(1, lone=LONE)
    assert lifecycle.part_of(job, job.chunks, NOW, None).lone == LONE


def test_parts_are_named_by_what_they_carry() -> None:
    """A split that is repeated finds the parts that it made before, and no other content under the same name."""
    first, second = chunks(2)
    ids = [
        lifecycle.part_id("j1", (first, second)),
        lifecycle.part_id("j1", (first,)),
        lifecycle.part_id("j1", (chunk("0.txt", etag='"0x2"'),)),
        lifecycle.part_id("j1", (chunk("0.txt", index=1),)),
        lifecycle.part_id("j2", (first, second)),
    ]
    assert len(set(ids)) == len(ids)
    assert lifecycle.part_id("j1", chunks(2)) == ids[0]
    assert all(one.startswith(("j1.", "j2.")) for one in ids)


# --- Which work a job does ---


def choose(name: str) -> WorkSpec:
    """Return the work of now for the document of the tests, `0.txt`."""
    assert name == "0.txt"
    return CORRECTED


@pytest.mark.parametrize(
    ("job", "becomes"),
    [
        (waiting_job(2, work=FIRST_RELEASE), CORRECTED),
        (running_job(work=FIRST_RELEASE), CORRECTED),
        (waiting_job(), work()),
        (waiting_job(0, work=FIRST_RELEASE), FIRST_RELEASE),
    ],
    ids=["waiting", "running", "says itself", "carries nothing"],
)
def test_a_job_that_does_not_say_gets_work(job: Job, becomes: WorkSpec) -> None:
    assert lifecycle.with_work(job, CORRECTED) == changed(job, work=becomes)


@pytest.mark.parametrize(
    ("job", "follows"),
    [
        (waiting_job(last_error=MISCONFIGURED), True),
        (waiting_job(refused_language="xx"), True),
        (waiting_job(), False),
        (waiting_job(last_error=PROBLEM), False),
        (waiting_job(0, last_error=MISCONFIGURED), False),
    ],
    ids=["misconfigured", "wrong language", "new", "another cause", "carries nothing"],
)
def test_only_wrong_work_follows_a_correction(job: Job, follows: bool) -> None:
    assert lifecycle.follow_correction(job, choose) == changed(job, work=CORRECTED if follows else work())


def test_ignored_document_keeps_its_work() -> None:
    job = waiting_job(last_error=MISCONFIGURED)
    assert lifecycle.follow_correction(job, lambda name: None) == job


def test_a_correction_keeps_what_same_tasks_found() -> None:
    typo, right, health, newer_health = (
        KINDS["CustomSingleLabelClassification"](project="typo", deployment="d"),
        KINDS["CustomSingleLabelClassification"](project="right", deployment="d"),
        KINDS["Healthcare"](),
        KINDS["Healthcare"](model_version="2023-04-01"),
    )
    asked = msgspec.structs.replace(work(), tasks=(health, typo))
    job = waiting_job(last_error=MISCONFIGURED, work=asked, tasks=("classes",))

    def left(*tasks: Task, **changes: Any) -> tuple[str, ...]:
        chosen = msgspec.structs.replace(asked, tasks=tasks, **changes)
        return lifecycle.follow_correction(job, lambda name: chosen).tasks

    assert left(health, right) == ("classes",)
    assert left(newer_health, right) == left(right) == left(health, right, language="de") == ()


def test_same_tasks_are_finished() -> None:
    health, pii = KINDS["Healthcare"](), KINDS["PiiEntityRecognition"]()
    asked = msgspec.structs.replace(work(), tasks=(health, pii))
    results = (
        TaskResult(task="healthcare", state=DocumentState.DONE),
        TaskResult(task="pii", state=DocumentState.FAILED, code="TimedOut"),
    )
    failed = msgspec.structs.replace(
        lifecycle.claim(None, facts("a.txt"), "j1", asked, NOW, text=DOCUMENT_TEXT),
        state=DocumentState.FAILED,
        results=results,
    )

    def finished(tasks: tuple[Task, ...] = asked.tasks, text: TextFacts = DOCUMENT_TEXT) -> tuple[str, ...]:
        chosen = msgspec.structs.replace(asked, tasks=tasks)
        return lifecycle.finished_tasks(failed, failed.document, chosen, text)

    assert finished() == finished((health,)) == ("healthcare",)
    assert finished((pii,)) == finished((KINDS["Healthcare"](model_version="2023-04-01"), pii)) == ()
    assert finished(text=msgspec.structs.replace(DOCUMENT_TEXT, sha256="9")) == ()


def test_a_correction_leaves_the_unit_of_offsets() -> None:
    """The places of a long document's chunks were measured in it when the document was read."""
    job = waiting_job(last_error=MISCONFIGURED)
    corrected = lifecycle.follow_correction(
        job, lambda name: work(LANGUAGE_DEPLOYMENT="corrected", STRING_INDEX_TYPE="Utf16CodeUnit")
    )
    assert corrected == changed(job, work=work(LANGUAGE_DEPLOYMENT="corrected"))


# --- Documents ---


def test_a_replayed_version_counts_afresh() -> None:
    record = DocumentRecord(
        **{
            **msgspec.structs.asdict(stored("0.txt").record),
            "submissions": 7,
            "submissions_before": 6,
            "submissions_allowed": 7,
            "first_reported": after(-99),
        }
    )
    assert lifecycle.count_afresh(record) == stored("0.txt").record


def test_a_refusal_keeps_its_first_time() -> None:
    refusal = Refusal(name="a.txt", code="AuthorizationFailure", first_seen=NOW)
    again = lifecycle.refused_again(refusal, "BlobArchived")
    assert again == Refusal(name="a.txt", code="BlobArchived", first_seen=NOW)
    assert lifecycle.refusal_reported(again) == Refusal(
        name="a.txt", code="BlobArchived", first_seen=NOW, reported=True
    )
