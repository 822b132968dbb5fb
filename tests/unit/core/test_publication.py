"""What is decided about the result of a document: a table over its record and the results that are there."""

from typing import Any

import pytest

from functions.core.documents import Claim, DocumentRecord
from functions.core.lifecycle import DocumentEvent, claim, conclude
from functions.core.publication import (
    Extracted,
    Failed,
    FileWrite,
    LookFirst,
    Outcome,
    Plan,
    Present,
    PresentResult,
    Publish,
    Stale,
    plan_publication,
    plan_withdrawal,
)
from functions.core.results import document_outputs, error_report, to_json
from functions.core.summaries import summarize
from functions.tasks.entities import EntityChunk
from functions.tasks.task import ResultFile
from tests.support.material import NOW, PROBLEM, after, facts, job_facts, work

WORK = work()
FIRST = claim(None, facts(), "j1", WORK, NOW)
"""The first version of a document."""
DONE = conclude(FIRST, DocumentEvent.EXTRACTED, after(5))
NEWER = claim(DONE, facts(etag='"0x2"'), "j2", WORK, after(10))
"""The second one, whose predecessor had its result."""
RETAKEN = claim(FIRST, facts(), "j2", WORK, after(10))
"""The first version, given to another job because the first one died."""

CHUNKS = tuple(
    EntityChunk(index=number, entities=(), warnings=(), text_records=1, job=job_facts()) for number in (0, 1)
)
EXTRACTED = Extracted({"entities": CHUNKS}, WORK)
FAILED = Failed(PROBLEM, attempts=3)

ENTITIES, ERROR = "a.txt.entities.json", "a.txt.error.json"
OF_J1 = PresentResult('"r1"', "j1", '"0x1"')
OF_J2 = PresentResult('"r2"', "j2", '"0x2"')


def publish(outcome: Outcome, record: DocumentRecord, **changes: Any) -> Publish:
    """Return the plan that writes an outcome where there is no result yet."""
    results: tuple[ResultFile, ...] = ()
    if isinstance(outcome, Extracted):
        (output,) = document_outputs(record, outcome.chunks, outcome.work, None, after(20))
        assert isinstance(output.content, ResultFile)
        data, results = to_json(output.content), (output.content,)
        name, concluded = ENTITIES, conclude(record, DocumentEvent.EXTRACTED, after(20), summary=summarize(results))
    else:
        data = to_json(error_report(record.document, outcome.problem, outcome.attempts, after(20)))
        name, concluded = ERROR, conclude(record, DocumentEvent.REPORTED, after(20), outcome.problem)
    metadata = {
        "source_etag": record.document.etag,
        "source_last_modified": "2026-11-23T09:59:00+00:00",
        "job": record.owner,
    }
    file = FileWrite(name, data, False, metadata, changes.pop("replaces", None))
    given: dict[str, Any] = {
        "text": None,
        "files": (file,),
        "withdraw": {},
        "record": concluded,
        "results": results,
    }
    return Publish(**{**given, **changes})


def planned(record: DocumentRecord | None, owner: Claim, present: Present | None, outcome: Outcome = EXTRACTED) -> Plan:
    return plan_publication(owner, record, present, outcome, after(20))


# --- The owner ---


@pytest.mark.parametrize("outcome", [EXTRACTED, FAILED], ids=["entities", "report"])
def test_a_first_result_is_published_at_once(outcome: Outcome) -> None:
    """No earlier version can have left anything to look for."""
    assert planned(FIRST, FIRST.claim, None, outcome) == publish(outcome, FIRST)


@pytest.mark.parametrize("record", [NEWER, RETAKEN], ids=["newer version", "another owner before"])
def test_later_ones_look_first(record: DocumentRecord) -> None:
    assert planned(record, record.claim, None) == LookFirst()
    assert planned(record, record.claim, {}) == publish(EXTRACTED, record)


@pytest.mark.parametrize(
    ("outcome", "present", "replaces", "withdraw"),
    [
        (EXTRACTED, {ENTITIES: OF_J1}, '"r1"', {}),
        (EXTRACTED, {ERROR: OF_J1}, None, {ERROR: '"r1"'}),
        (EXTRACTED, {ENTITIES: OF_J1, ERROR: OF_J2}, '"r1"', {ERROR: '"r2"'}),
        (FAILED, {ERROR: OF_J1}, '"r1"', {}),
        (FAILED, {ENTITIES: OF_J1}, None, {ENTITIES: '"r1"'}),
        (FAILED, {ENTITIES: OF_J1, ERROR: OF_J2}, '"r2"', {ENTITIES: '"r1"'}),
    ],
)
def test_a_result_replaces_and_withdraws(
    outcome: Outcome, present: Present, replaces: str | None, withdraw: dict[str, str]
) -> None:
    """It is written over exactly the result that was seen, whoever wrote that, and its counterpart goes."""
    assert planned(NEWER, NEWER.claim, present, outcome) == publish(
        outcome, NEWER, replaces=replaces, withdraw=withdraw
    )


def test_its_own_result_is_replaced_again() -> None:
    """The record changed after the result was written, and the owner is still the same."""
    present = {ENTITIES: PresentResult('"r9"', "j1", '"0x1"')}
    assert planned(FIRST, FIRST.claim, present) == publish(EXTRACTED, FIRST, replaces='"r9"')


@pytest.mark.parametrize(("attempts", "reported"), [(0, 1), (1, 1), (3, 3)])
def test_a_report_counts_one_attempt_at_least(attempts: int, reported: int) -> None:
    expected = publish(Failed(PROBLEM, reported), FIRST)
    assert planned(FIRST, FIRST.claim, None, Failed(PROBLEM, attempts)) == expected


# --- Everybody else ---


@pytest.mark.parametrize("outcome", [EXTRACTED, FAILED], ids=["entities", "report"])
@pytest.mark.parametrize(
    ("record", "owner"),
    [(None, FIRST.claim), (DONE, FIRST.claim), (RETAKEN, FIRST.claim)],
    ids=["no record", "done already", "another owner"],
)
def test_a_current_versions_result_stays(record: DocumentRecord | None, owner: Claim, outcome: Outcome) -> None:
    """Whoever wrote it: nothing is written, and there is nothing to withdraw."""
    assert planned(record, owner, None, outcome) == Stale({})
    assert planned(record, owner, {ENTITIES: OF_J1}, outcome) == Stale({})


@pytest.mark.parametrize(
    ("present", "withdraw"),
    [
        ({}, {}),
        ({ENTITIES: OF_J1}, {ENTITIES: '"r1"'}),
        ({ERROR: OF_J1}, {ERROR: '"r1"'}),
        ({ENTITIES: OF_J2}, {}),
        ({ENTITIES: OF_J1, ERROR: OF_J2}, {ENTITIES: '"r1"'}),
        ({ENTITIES: PresentResult('"r3"', "j3", '"0x1"')}, {}),
        ({ENTITIES: PresentResult('"r3"', "j1", '"0x2"')}, {}),
        ({ENTITIES: PresentResult('"r3"', None, None)}, {}),
    ],
    ids=["none", "own", "own report", "newer", "own beside newer", "another owner", "another version", "unknown"],
)
def test_a_replaced_owner_withdraws_its_own(present: Present, withdraw: dict[str, str]) -> None:
    """What it wrote for its own version, perhaps before a crash, and nothing else."""
    assert planned(NEWER, FIRST.claim, None) == LookFirst()
    assert planned(NEWER, FIRST.claim, present) == Stale(withdraw)
    assert plan_withdrawal(FIRST.claim, NEWER, present) == Stale(withdraw)


def test_a_withdrawal_alone_looks_first_too() -> None:
    assert plan_withdrawal(FIRST.claim, NEWER, None) == LookFirst()
    assert plan_withdrawal(FIRST.claim, RETAKEN, None) == Stale({})
    assert plan_withdrawal(FIRST.claim, None, None) == Stale({})
