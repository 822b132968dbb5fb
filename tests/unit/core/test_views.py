"""How documents are shown, and which of them are asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.core.views import DocumentRow, Filter, JobView, ShownState, document_row, job_view, owner_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECORD = {
    "state": "pending",
    "source_etag": '"0x1"',
    "owner": "j1",
    "updated": NOON.isoformat(),
    "model": "CustomEntityRecognition/loans/production",
}


def row(record: dict[str, str], jobs: dict[str, JobView] | None = None) -> DocumentRow:
    dropped = NOON - timedelta(hours=1)
    return document_row(name="a.txt", etag='"0x1"', size_bytes=3, dropped=dropped, record=record, jobs=jobs or {})


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        (("waiting", ""), JobView(state=ShownState.WAITING)),
        (("waiting", "Throttled"), JobView(state=ShownState.DEFERRED, reason="Throttled")),
        (("running", ""), JobView(state=ShownState.RUNNING)),
        (("", ""), JobView(state=ShownState.WAITING)),
    ],
)
def test_job_is_shown_by_its_metadata(metadata: tuple[str, str], shown: JobView) -> None:
    assert job_view(*metadata) == shown


def test_pending_document_is_shown_by_its_job() -> None:
    deferred = {"j1": JobView(state=ShownState.DEFERRED, reason="Throttled")}
    found = row(RECORD, deferred)
    assert (found.state, found.code, found.job) == (ShownState.DEFERRED, "Throttled", "j1")
    assert row(RECORD).state is ShownState.WAITING, "its job is gone, and the sweep or reconcile sees to it"


def test_ended_document_is_shown_by_its_record() -> None:
    failed = row({**RECORD, "state": "failed", "reason": "NotText", "review": "true"})
    assert (failed.state, failed.code, failed.review) == (ShownState.FAILED, "NotText", True)
    assert (failed.updated, failed.model) == (NOON, RECORD["model"])
    assert row({**RECORD, "state": "done"}).state is ShownState.DONE


@pytest.mark.parametrize("record", [{}, {**RECORD, "state": "done", "source_etag": '"0x0"'}])
def test_unseen_version_is_waiting(record: dict[str, str]) -> None:
    assert row(record).state is ShownState.WAITING


def test_parts_of_job_belong_to_owner() -> None:
    assert [owner_of(job) for job in ("j1", "j1.0", "j1.0.8fa2")] == ["j1", "j1", "j1"]


DONE = row({**RECORD, "state": "done"})


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        (Filter(), True),
        (Filter(states=frozenset({ShownState.DONE, ShownState.FAILED})), True),
        (Filter(states=frozenset({ShownState.FAILED})), False),
        (Filter(prefix="a."), True),
        (Filter(prefix="b"), False),
        (Filter(since=NOON), True),
        (Filter(since=NOON + timedelta(seconds=1)), False),
        (Filter(until=NOON), False),
        (Filter(until=NOON + timedelta(seconds=1)), True),
        (Filter(code=""), True),
        (Filter(code="NotText"), False),
        (Filter(model="LOANS"), True),
        (Filter(model="mail"), False),
        (Filter(review=False), True),
        (Filter(review=True), False),
    ],
)
def test_filter_matches(asked: Filter, matches: bool) -> None:
    assert asked.matches(DONE) is matches


def test_jobs_are_listed_for_pending_states_only() -> None:
    assert Filter().needs_jobs
    assert Filter(states=frozenset({ShownState.RUNNING})).needs_jobs
    assert not Filter(states=frozenset({ShownState.DONE, ShownState.FAILED})).needs_jobs
