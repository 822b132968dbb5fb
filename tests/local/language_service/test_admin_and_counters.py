"""What is counted, and the admin path that shows and changes it."""

from collections.abc import Callable
from typing import Any

import pytest

from local.language_service.counters import text_digest
from local.language_service.faults import FaultPlan
from local.language_service.projects import LearntProject
from tests.local.language_service.material import ENDPOINT, NEW_LETTER, Caller, class_task, entity_task


@pytest.fixture
def admin(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller(service={"admin": True})


def ask(caller: Caller, method: str, part: str, body: Any = None) -> Any:
    return caller.session.request(method, f"{ENDPOINT}/admin/{part}", json=body, timeout=60)


def test_requests_and_accepted_documents_are_counted(admin: Caller) -> None:
    submitted = admin.submit(NEW_LETTER, "x" * 1001, "")
    admin.follow(submitted)
    admin.submit("")
    admin.post("/nowhere")
    admin.session.post(submitted.headers["operation-location"].replace("?", ":cancel?"), timeout=60)
    assert ask(admin, "GET", "counters").json() == {
        "requests": {"submit": 2, "status": 1, "cancel": 1, "other": 1},
        "responses": {"202": 1, "200": 1, "400": 2, "404": 1},
        "throttled": {},
        "faults": {},
        "jobsAccepted": 1,
        "documentsAccepted": 3,
        "textRecords": 1 + 2 + 0,
    }
    assert ask(admin, "DELETE", "counters").json()["jobsAccepted"] == 0
    assert ask(admin, "GET", "ledger").json() == []


def test_text_records_count_per_task(admin: Caller) -> None:
    admin.submit("x" * 1500, tasks=[entity_task("0"), class_task("CustomSingleLabelClassification", "1")])
    assert admin.service.counters.text_records == 4


def test_ledger_names_accepted_jobs(
    make_caller: Callable[..., Caller],
) -> None:
    caller = make_caller(service={"admin": True, "faults": FaultPlan(rates={"stuck": 1.0, "missing-location": 1.0})})
    caller.submit(NEW_LETTER, "two")
    caller.service.faults.rates.clear()
    submitted = caller.submit("three")
    first, second = ask(caller, "GET", "ledger").json()
    assert (first["fate"], first["reply"]) == ("stuck", "missing-location")
    assert first["accepted"] == "2025-01-15T12:00:00+00:00"
    assert "2025-01-15T12:00:01.5" <= second["done"] <= "2025-01-15T12:00:03+00:00"
    assert first["documents"] == [
        {"id": "0", "sha256": text_digest(NEW_LETTER), "characters": len(NEW_LETTER), "records": 1},
        {"id": "1", "sha256": text_digest("two"), "characters": 3, "records": 1},
    ]
    assert (second["fate"], second["reply"]) == ("ok", "ok")
    assert second["job"] in submitted.headers["operation-location"]
    assert ask(caller, "GET", "ledger?since=1").json() == [second]
    assert caller.service.counters.faults == {"stuck": 1, "missing-location": 1}


def test_faults_can_change_while_running(admin: Caller) -> None:
    changed = ask(admin, "PUT", "faults", {"seed": 5, "rates": {"error-503@POST": 1}})
    assert changed.json() == ask(admin, "GET", "faults").json()
    assert admin.submit(NEW_LETTER).status_code == 503
    bad = ask(admin, "PUT", "faults", {"rates": {"error-418": 1}})
    assert bad.status_code == 400
    assert "There is no fault 'error-418'" in bad.json()["error"]
    ask(admin, "PUT", "faults", {"rates": {}})
    assert admin.submit(NEW_LETTER).status_code == 202


def test_clock_can_be_moved(admin: Caller) -> None:
    submitted = admin.submit(NEW_LETTER)
    assert ask(admin, "PUT", "clock", {"advanceSeconds": 86399}).json() == {"now": "2025-01-16T11:59:59+00:00"}
    assert admin.follow(submitted, seconds=0).json()["status"] == "succeeded"
    ask(admin, "PUT", "clock", {"advanceSeconds": 1})
    assert admin.follow(submitted, seconds=0).status_code == 404
    for bad in ({}, {"advanceSeconds": -1}, {"advanceSeconds": "nan"}):
        assert ask(admin, "PUT", "clock", bad).status_code == 400


def test_model_can_be_queried(admin: Caller, loans: LearntProject) -> None:
    found = ask(admin, "POST", "entities", {"text": NEW_LETTER}).json()
    assert found == [one._asdict() for one in loans.entities(NEW_LETTER)]


@pytest.mark.parametrize(("method", "part"), [("GET", "nothing"), ("POST", "faults"), ("GET", "")])
def test_other_admin_paths_are_not_found(admin: Caller, method: str, part: str) -> None:
    assert ask(admin, method, part).status_code == 404


def test_admin_path_is_off_by_default(caller: Caller) -> None:
    for part in ("counters", "ledger", "faults"):
        assert ask(caller, "GET", part).json()["error"]["code"] == "404"
