from dataclasses import asdict
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from functions.errors import IllegalTransition, Problem
from functions.pipeline.documents import HISTORY_LENGTH, DocumentRecord, DocumentState, HistoryEntry
from functions.pipeline.states import DOCUMENT_TRANSITIONS, DocumentEvent, claim, conclude, may_write
from tests.unit.material import NOW, PROBLEM, after, facts


def record(state: DocumentState = DocumentState.PENDING, **changes: Any) -> DocumentRecord:
    given: dict[str, Any] = {
        "document": facts(),
        "state": state,
        "owner": "j1",
        "claimed": NOW,
        "updated": NOW,
        "history": (HistoryEntry(at=NOW, event="claimed", job="j1", reason="new version"),),
    }
    return DocumentRecord(**{**given, **changes})


# --- claims ---


def test_the_first_claim_makes_a_record() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    claimed = claim(None, facts(), "j1", NOW, pieces=3, warnings=("A guess.",), trace_parent=trace)
    assert claimed == DocumentRecord(
        document=facts(),
        state=DocumentState.PENDING,
        owner="j1",
        claimed=NOW,
        updated=NOW,
        pieces=3,
        warnings=("A guess.",),
        claims=1,
        last_error=None,
        trace_parent=trace,
        history=(HistoryEntry(at=NOW, event="claimed", job="j1", reason="new version"),),
    )
    assert claimed.is_first and claimed.is_pending


def test_a_claim_of_the_same_version_counts_and_keeps_its_patience() -> None:
    again = claim(record(), facts(), "j2", after(60))
    assert again == record(
        owner="j2",
        claims=2,
        updated=after(60),
        history=(*record().history, HistoryEntry(at=after(60), event="claimed", job="j2", reason="")),
    )
    assert again.claimed == NOW
    assert not again.is_first


@pytest.mark.parametrize("state", DocumentState)
def test_a_new_version_takes_the_document_over_and_starts_afresh(state: DocumentState) -> None:
    old = record(state, claims=4, last_error=PROBLEM, pieces=7, warnings=("A guess.",))
    newer = facts(etag='"0x2"', size_bytes=30)
    assert claim(old, newer, "j2", after(60)) == DocumentRecord(
        document=newer,
        state=DocumentState.PENDING,
        owner="j2",
        claimed=after(60),
        updated=after(60),
        claims=1,
        history=(*old.history, HistoryEntry(at=after(60), event="claimed", job="j2", reason="new version")),
    )


@pytest.mark.parametrize("state", [DocumentState.DONE, DocumentState.FAILED])
def test_a_finished_version_that_is_claimed_again_gets_new_patience(state: DocumentState) -> None:
    again = claim(record(state), facts(), "j2", after(60))
    assert (again.claimed, again.claims, again.state) == (after(60), 2, DocumentState.PENDING)


# --- conclusions ---


def test_written_entities_end_a_document() -> None:
    assert conclude(record(), DocumentEvent.EXTRACTED, after(5)) == record(
        DocumentState.DONE,
        updated=after(5),
        history=(*record().history, HistoryEntry(at=after(5), event="extracted", job="j1", reason="")),
    )


def test_a_written_error_report_ends_a_document_with_its_cause() -> None:
    assert conclude(record(), DocumentEvent.REPORTED, after(5), PROBLEM) == record(
        DocumentState.FAILED,
        updated=after(5),
        last_error=PROBLEM,
        history=(*record().history, HistoryEntry(at=after(5), event="reported", job="j1", reason="Some")),
    )


@pytest.mark.parametrize("state", DocumentState)
@pytest.mark.parametrize("event", DocumentEvent)
def test_every_pair_of_state_and_event_is_in_the_table_or_refused(state: DocumentState, event: DocumentEvent) -> None:
    before = record(state)
    if event is DocumentEvent.CLAIMED:
        assert claim(before, facts(), "j2", NOW).state is DOCUMENT_TRANSITIONS[state][event]
    elif event in DOCUMENT_TRANSITIONS[state]:
        assert conclude(before, event, NOW).state is DOCUMENT_TRANSITIONS[state][event]
    else:
        with pytest.raises(IllegalTransition, match=f"document 'a.txt' is {state}, in which it can not be {event}"):
            conclude(before, event, NOW)
    assert before == record(state)


def test_the_table_has_a_row_for_every_state_and_says_what_the_readme_says() -> None:
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
def test_only_the_owner_of_the_pending_version_may_write(
    held: DocumentRecord | None, owner: str, etag: str, may: bool
) -> None:
    assert may_write(held, owner, etag) is may


# --- history, metadata, storage form ---


def test_the_history_keeps_the_latest_entries_only() -> None:
    held = claim(None, facts(), "j0", NOW)
    for number in range(1, HISTORY_LENGTH + 10):
        held = claim(held, facts(), f"j{number}", NOW + timedelta(seconds=number))
    assert len(held.history) == HISTORY_LENGTH
    assert [entry.job for entry in held.history] == [f"j{number}" for number in range(10, HISTORY_LENGTH + 10)]
    assert held.claims == HISTORY_LENGTH + 10
    assert not held.is_first


def test_metadata_repeats_what_a_listing_needs_in_ascii() -> None:
    pending = record(document=facts("Zoë/日本.txt"))
    assert pending.metadata() == {
        "state": "pending",
        "source_etag": '"0x1"',
        "owner": "j1",
        "updated": "2026-11-23T10:00:00+00:00",
    }
    assert all(value.isascii() for value in pending.metadata().values())


def test_metadata_names_the_reason_of_a_failure_only() -> None:
    assert record(DocumentState.FAILED, last_error=PROBLEM).metadata()["reason"] == "Some"
    assert "reason" not in record(DocumentState.PENDING, last_error=PROBLEM).metadata()


def test_a_record_is_stored_as_json_and_comes_back_equal() -> None:
    problem = Problem("Some", "Zoë", "Do.", {"code": "X", "innererror": {"code": "Y"}})
    full = record(DocumentState.FAILED, last_error=problem, warnings=("w",), pieces=2, claims=3, trace_parent="00-1-2")
    assert msgspec.json.decode(msgspec.json.encode(full), type=DocumentRecord) == full
    stored = msgspec.json.decode(msgspec.json.encode(full))
    assert stored["lastError"] == asdict(problem)
    assert stored["document"]["sizeBytes"] == 20
    assert stored["history"] == [
        {"at": "2026-11-23T10:00:00Z", "event": "claimed", "job": "j1", "reason": "new version"}
    ]
