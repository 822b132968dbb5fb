import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from functions.core.decisions import ReviewStatus
from functions.core.documents import (
    HISTORY_LENGTH,
    MAX_SUBMISSIONS,
    Claim,
    DocumentRecord,
    DocumentState,
    HistoryEntry,
    ResultSummary,
    ReviewFacts,
    TaskResult,
)
from functions.core.lifecycle import (
    DOCUMENT_TRANSITIONS,
    DocumentEvent,
    claim,
    conclude,
    count_submission,
    may_write,
    submissions_with,
)
from functions.core.records import DOCUMENT_TEXT
from functions.core.work import FIRST_RELEASE
from functions.errors import Fault, IllegalTransition, Problem
from functions.storage.record_format import encode
from tests.support.material import NOW, PROBLEM, after, facts, reserved_job, waiting_job, work

RECORDED = Path(__file__).parent / "data" / "records-9c7d695"
"""Records as the app wrote them at commit 9c7d695, and the JSON Schemas of what it could read."""

AT_FAULT = replace(PROBLEM, fault=Fault.DOCUMENT)


def record(state: DocumentState = DocumentState.PENDING, **changes: Any) -> DocumentRecord:
    given: dict[str, Any] = {
        "document": facts(),
        "state": state,
        "owner": "j1",
        "work": work(),
        "claimed_at": NOW,
        "updated": NOW,
        "history": (HistoryEntry(at=NOW, event="claimed", job="j1", reason="new version"),),
    }
    return DocumentRecord(**{**given, **changes})


# --- claims ---


def test_first_claim_makes_record() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    claimed = claim(None, facts(), "j1", work(), NOW, chunks=3, warnings=("A guess.",), trace_parent=trace)
    assert claimed == DocumentRecord(
        document=facts(),
        state=DocumentState.PENDING,
        owner="j1",
        work=work(),
        claimed_at=NOW,
        updated=NOW,
        chunks=3,
        warnings=("A guess.",),
        owners=1,
        submissions=1,
        submissions_before=0,
        submissions_allowed=MAX_SUBMISSIONS,
        first_reported=None,
        last_error=None,
        trace_parent=trace,
        history=(HistoryEntry(at=NOW, event="claimed", job="j1", reason="new version"),),
    )
    assert claimed.is_first and claimed.is_pending


def test_second_claim_counts_on() -> None:
    """Neither its time limit nor its bill begins anew."""
    held = record(submissions=3, submissions_before=1, submissions_allowed=4, first_reported=after(-99))
    again = claim(held, facts(), "j2", work(), after(60))
    assert again == record(
        owner="j2",
        owners=2,
        updated=after(60),
        submissions=4,
        submissions_before=3,
        submissions_allowed=4,
        first_reported=after(-99),
        history=(*record().history, HistoryEntry(at=after(60), event="claimed", job="j2", reason="")),
    )
    assert again.claimed_at == NOW
    assert not again.is_first


@pytest.mark.parametrize("state", DocumentState)
def test_new_version_starts_afresh(state: DocumentState) -> None:
    old = record(
        state,
        owners=4,
        last_error=PROBLEM,
        chunks=7,
        warnings=("A guess.",),
        submissions=7,
        submissions_before=6,
        submissions_allowed=8,
        first_reported=after(-99),
    )
    newer = facts(etag='"0x2"', size_bytes=30)
    assert claim(old, newer, "j2", work(), after(60)) == DocumentRecord(
        document=newer,
        state=DocumentState.PENDING,
        owner="j2",
        work=work(),
        claimed_at=after(60),
        updated=after(60),
        owners=1,
        submissions=1,
        submissions_before=0,
        submissions_allowed=MAX_SUBMISSIONS,
        history=(*old.history, HistoryEntry(at=after(60), event="claimed", job="j2", reason="new version")),
    )


@pytest.mark.parametrize("state", [DocumentState.DONE, DocumentState.FAILED])
def test_finished_version_gets_new_time_limit(state: DocumentState) -> None:
    again = claim(record(state), facts(), "j2", work(), after(60))
    assert (again.claimed_at, again.owners, again.state) == (after(60), 2, DocumentState.PENDING)


@pytest.mark.parametrize("submissions", [1, 5, 6, 9])
def test_reported_version_gets_one_submission(submissions: int) -> None:
    """However many it had; and the time of its first report is kept."""
    held = record(DocumentState.FAILED, submissions=submissions, first_reported=after(-99), last_error=PROBLEM)
    again = claim(held, facts(), "j2", work(), after(60))
    assert (again.submissions, again.submissions_before) == (submissions + 1, submissions)
    assert again.submissions_allowed == submissions + 1
    assert again.first_reported == after(-99)
    assert again.last_error is None


def test_lost_result_can_be_extracted_again() -> None:
    held = record(DocumentState.DONE, submissions=MAX_SUBMISSIONS)
    again = claim(held, facts(), "j2", work(), after(60))
    assert again.submissions <= again.submissions_allowed


# --- submissions ---


@pytest.mark.parametrize(("before", "counted", "submissions"), [(0, 1, 2), (2, 3, 1), (2, 8, 4), (5, 6, 1)])
def test_submissions_add_up_over_owners(before: int, counted: int, submissions: int) -> None:
    held = record(submissions=counted, submissions_before=before)
    job = reserved_job(submissions=submissions)
    assert submissions_with(held, job) == before + submissions
    expected = max(counted, before + submissions)
    assert count_submission(held, job) == record(submissions=expected, submissions_before=before)


def test_counted_submission_keeps_its_work() -> None:
    """The job may have followed a correction since the document was claimed."""
    corrected = work(LANGUAGE_DEPLOYMENT="corrected")
    counted = count_submission(record(submissions=1), reserved_job(work=corrected))
    assert counted == record(submissions=1, work=corrected)


def test_submission_is_counted_once() -> None:
    """Parts of a document, and repetitions of a step, count the same submission."""
    job = reserved_job(submissions=2)
    once = count_submission(record(submissions=1), job)
    assert count_submission(once, job) == once
    assert once.submissions == 2


def test_dead_owners_use_up_submissions() -> None:
    """Each claim counts the submission that it is made for, whether or not that ever happens."""
    held = None
    for number in range(MAX_SUBMISSIONS):
        held = claim(held, facts(), f"j{number}", work(), after(number))
        assert held.submissions == number + 1 <= held.submissions_allowed
    assert held is not None
    over = claim(held, facts(), "j9", work(), after(99))
    assert over.submissions > over.submissions_allowed


def test_unsubmitted_part_counts_nothing() -> None:
    """The parts of a long document are opened without a submission of their own."""
    held = claim(None, facts(), "j1", work(), NOW)
    assert submissions_with(held, waiting_job()) == 0
    assert count_submission(held, waiting_job()) == held


# --- conclusions ---


def test_written_entities_end_document() -> None:
    assert conclude(record(), DocumentEvent.EXTRACTED, after(5)) == record(
        DocumentState.DONE,
        results=(TaskResult(task="entities", state=DocumentState.DONE),),
        updated=after(5),
        history=(*record().history, HistoryEntry(at=after(5), event="extracted", job="j1", reason="")),
    )


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("before", [None, after(-99)])
def test_error_report_ends_document(fault: Fault, before: datetime | None) -> None:
    """The first report for another cause than the document is the one from which its further nights count."""
    problem = replace(PROBLEM, fault=fault)
    first = before if before or fault is Fault.DOCUMENT else after(5)
    assert conclude(record(first_reported=before), DocumentEvent.REPORTED, after(5), problem) == record(
        DocumentState.FAILED,
        results=(TaskResult(task="entities", state=DocumentState.FAILED, code="Some"),),
        updated=after(5),
        last_error=problem,
        first_reported=first,
        history=(*record().history, HistoryEntry(at=after(5), event="reported", job="j1", reason="Some")),
    )


@pytest.mark.parametrize("state", DocumentState)
@pytest.mark.parametrize("event", DocumentEvent)
def test_unlisted_transition_is_refused(state: DocumentState, event: DocumentEvent) -> None:
    before = record(state)
    if event is DocumentEvent.CLAIMED:
        assert claim(before, facts(), "j2", work(), NOW).state is DOCUMENT_TRANSITIONS[state][event]
    elif event in DOCUMENT_TRANSITIONS[state]:
        assert conclude(before, event, NOW).state is DOCUMENT_TRANSITIONS[state][event]
    else:
        with pytest.raises(IllegalTransition, match=f"document 'a.txt' is {state}, in which it can not be {event}"):
            conclude(before, event, NOW)
    assert before == record(state)


def test_table_matches_documentation() -> None:
    assert DOCUMENT_TRANSITIONS == {
        None: {DocumentEvent.CLAIMED: DocumentState.PENDING},
        DocumentState.PENDING: {
            DocumentEvent.CLAIMED: DocumentState.PENDING,
            DocumentEvent.EXTRACTED: DocumentState.DONE,
            DocumentEvent.REPORTED: DocumentState.FAILED,
        },
        DocumentState.DONE: {DocumentEvent.CLAIMED: DocumentState.PENDING},
        DocumentState.FAILED: {DocumentEvent.CLAIMED: DocumentState.PENDING},
    }


# --- who may write ---


@pytest.mark.parametrize(
    ("held", "owner", "etag", "may"),
    [
        (record(), "j1", '"0x1"', True),
        (None, "j1", '"0x1"', False),
        (record(), "j2", '"0x1"', False),
        (record(), "j1", '"0x2"', False),
        (record(DocumentState.DONE), "j1", '"0x1"', False),
        (record(DocumentState.FAILED), "j1", '"0x1"', False),
    ],
    ids=["owner", "no record", "another owner", "another version", "done", "failed"],
)
def test_only_owner_of_pending_version_writes(held: DocumentRecord | None, owner: str, etag: str, may: bool) -> None:
    assert may_write(held, Claim("a.txt", etag, owner)) is may


# --- history, metadata, storage form ---


def test_history_keeps_latest_entries_only() -> None:
    held = claim(None, facts(), "j0", work(), NOW)
    for number in range(1, HISTORY_LENGTH + 10):
        held = claim(held, facts(), f"j{number}", work(), NOW + timedelta(seconds=number))
    assert len(held.history) == HISTORY_LENGTH
    assert [entry.job for entry in held.history] == [f"j{number}" for number in range(10, HISTORY_LENGTH + 10)]
    assert held.owners == HISTORY_LENGTH + 10
    assert not held.is_first


def test_metadata_has_what_listing_needs() -> None:
    pending = record(document=facts("Zoë/日本.txt"))
    assert pending.metadata() == {
        "state": "pending",
        "source_etag": '"0x1"',
        "owner": "j1",
        "updated": "2026-11-23T10:00:00+00:00",
        "model": "CustomEntityRecognition/loans/production",
    }
    assert all(value.isascii() for value in pending.metadata().values())


def test_metadata_marks_doubtful_results() -> None:
    assert record(needs_review=True).metadata() == {**record().metadata(), "review": "true"}
    assert "review" not in record().metadata()


def test_metadata_says_why_document_failed() -> None:
    failed = record(DocumentState.FAILED, last_error=PROBLEM, first_reported=NOW)
    added = {"reason": "Some", "fault": "service", "first_reported": "2026-11-23T10:00:00+00:00"}
    assert failed.metadata() == {**record().metadata(), "state": "failed", **added}
    at_fault = record(DocumentState.FAILED, last_error=AT_FAULT)
    assert at_fault.metadata() == {**record().metadata(), "state": "failed", "reason": "Some", "fault": "document"}
    for state in (DocumentState.PENDING, DocumentState.DONE):
        assert not added.keys() & record(state, last_error=PROBLEM, first_reported=NOW).metadata().keys()


def full_record(**changes: Any) -> DocumentRecord:
    """Return a record in which every field has a value of its own."""
    given: dict[str, Any] = {
        "last_error": PROBLEM,
        "warnings": ("w",),
        "chunks": 2,
        "owners": 3,
        "submissions": 5,
        "submissions_before": 4,
        "submissions_allowed": 7,
        "first_reported": after(-99),
        "content_sha256": "ab" * 32,
        "text": DOCUMENT_TEXT,
        "extracted": "cd" * 32,
        "trace_parent": "00-1-2",
        "results": (TaskResult(task="entities", state=DocumentState.FAILED, code="Some"),),
        "needs_review": True,
        "earlier_files": (".pii.json",),
        "summary": ResultSummary(entities=3, least_sure=0.5),
        "review": ReviewFacts(status=ReviewStatus.REVIEWED),
        "has_view": True,
    }
    return record(DocumentState.FAILED, **{**given, **changes})


def test_stored_record_comes_back_equal() -> None:
    problem = Problem("Some", "Zoë", "Do.", {"code": "X", "innererror": {"code": "Y"}}, Fault.STORAGE)
    full = full_record(last_error=problem)
    assert [field.name for field in msgspec.structs.fields(full) if getattr(full, field.name) == field.default] == []
    assert msgspec.json.decode(msgspec.json.encode(full), type=DocumentRecord) == full
    stored = msgspec.json.decode(msgspec.json.encode(full))
    assert stored["lastError"] == asdict(problem)
    assert stored["lastError"]["fault"] == "storage"
    assert stored["document"]["sizeBytes"] == 20
    assert stored["history"] == [
        {"at": "2026-11-23T10:00:00Z", "event": "claimed", "job": "j1", "reason": "new version"}
    ]


# --- records of an earlier version, and for it ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("document-pending.json", {"state": DocumentState.PENDING}),
        (
            "document-failed.json",
            {
                "state": DocumentState.FAILED,
                "last_error": Problem(
                    "InternalServerError",
                    "The service failed.",
                    "Wait.",
                    {"code": "InternalServerError"},
                    Fault.SERVICE,
                ),
            },
        ),
    ],
)
def test_earlier_records_can_be_read(name: str, expected: dict[str, Any]) -> None:
    """They had no count of submissions, and said of no report whose fault it was."""
    read = msgspec.json.decode((RECORDED / name).read_bytes(), type=DocumentRecord)
    assert read == record(
        document=facts("loans/a.txt"),
        work=FIRST_RELEASE,
        warnings=("A guess.",),
        owners=2,
        trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        submissions=0,
        submissions_before=0,
        submissions_allowed=MAX_SUBMISSIONS,
        **expected,
    )


@pytest.mark.parametrize("held", [record(), full_record(), record(DocumentState.DONE)])
def test_earlier_version_can_read_record(held: DocumentRecord) -> None:
    """While instances of both versions run, or after going back."""
    schema = json.loads((RECORDED / "document.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(encode(held)))
