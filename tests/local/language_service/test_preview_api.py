"""The preview APIs ``v3.1-preview.ct.1``, in both shapes, and ``v3.2-preview.2`` (docs/language-api.md 1)."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.language_service.material import ENDPOINT, NEW_LETTER, Caller

CT1, V32 = "v3.1-preview.ct.1", "v3.2-preview.2"


@pytest.mark.parametrize("version", [CT1, V32, "v3.2-preview.1"])
def test_submission_location_has_no_query(caller: Caller, version: str) -> None:
    reply = caller.submit_preview(NEW_LETTER, version=version)
    assert (reply.status_code, reply.content) == (202, b"")
    location = reply.headers["operation-location"]
    assert re.fullmatch(
        rf"{re.escape(ENDPOINT)}/text/analytics/{re.escape(version)}/analyze/jobs/[0-9a-f-]{{36}}", location
    )
    assert "x-ms-region" not in reply.headers


def test_v32_looks_as_recorded(caller: Caller) -> None:
    body = caller.finished(caller.submit_preview(NEW_LETTER, version=V32, task={"taskName": "ner"}))
    assert list(body) == [
        "jobId", "lastUpdateDateTime", "createdDateTime", "expirationDateTime", "status", "errors", "tasks",
    ]  # fmt: skip
    assert (body["status"], body["errors"]) == ("succeeded", [])
    tasks = body["tasks"]
    assert list(tasks) == ["completed", "failed", "inProgress", "total", "customEntityRecognitionTasks"]
    (item,) = tasks["customEntityRecognitionTasks"]
    assert list(item) == ["lastUpdateDateTime", "taskName", "state", "results"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,7}Z", item["lastUpdateDateTime"])
    assert (item["taskName"], item["state"]) == ("ner", "succeeded")
    results = item["results"]
    assert list(results) == ["documents", "errors", "projectName", "deploymentName"]
    assert (results["projectName"], results["deploymentName"]) == ("loans", "production")
    assert set(results["documents"][0]) == {"id", "entities", "warnings"}
    assert {one["text"] for one in results["documents"][0]["entities"]} >= {"Grace Lee", "$2,500.00"}


def test_ct1_looks_as_documented(caller: Caller) -> None:
    body = caller.finished(caller.submit_preview(NEW_LETTER, displayName="MyJobName"))
    assert (body["status"], body["displayName"]) == ("completed", "MyJobName")
    tasks = body["tasks"]
    assert list(tasks) == ["details", "completed", "failed", "inProgress", "total", "tasks"]
    assert tasks["details"]["name"] == "MyJobName"
    assert tasks["details"]["status"] == "completed"
    (item,) = tasks["tasks"]["customEntityRecognitionTasks"]
    assert list(item) == ["lastUpdateDateTime", "name", "status", "results"]
    assert (item["name"], item["status"]) == ("MyJobName", "completed")
    results = item["results"]
    assert set(results) == {"documents", "errors", "statistics"}
    assert results["statistics"]["documentsCount"] == 1
    assert {one["text"] for one in results["documents"][0]["entities"]} >= {"Grace Lee"}


def test_ct1_can_follow_microsofts_client(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(preview_shape="client")
    body = caller.finished(caller.submit_preview(NEW_LETTER, task={"taskName": "ner"}))
    assert body["status"] == "succeeded"
    tasks = body["tasks"]
    assert list(tasks) == ["details", "completed", "failed", "inProgress", "total", "customEntityRecognitionTasks"]
    assert set(tasks["details"]) == {"name", "lastUpdateDateTime"}
    (item,) = tasks["customEntityRecognitionTasks"]
    assert item["state"] == "succeeded"
    assert (item["results"]["projectName"], item["results"]["deploymentName"]) == ("loans", "production")


@pytest.mark.parametrize(("version", "shape"), [(CT1, "docs"), (CT1, "client"), (V32, "docs")])
def test_pending_job_shows_only_counters(make_caller: Callable[..., Caller], version: str, shape: str) -> None:
    caller = make_caller(preview_shape=shape)
    submitted = caller.submit_preview(NEW_LETTER, version=version)
    statuses = []
    for _ in range(14):
        body = caller.follow(submitted, seconds=0.1).json()
        statuses.append(body["status"])
        assert {key: value for key, value in body["tasks"].items() if key != "details"} == {
            "completed": 0, "failed": 0, "inProgress": 1, "total": 1,
        }  # fmt: skip
    assert list(dict.fromkeys(statuses)) == ["notStarted", "running"]


def test_poll_status_is_switch(make_caller: Callable[..., Caller]) -> None:
    for caller, status in ((make_caller(), 200), (make_caller(preview_poll_status=202), 202)):
        assert caller.follow(caller.submit_preview(NEW_LETTER)).status_code == status


def test_model_id_replaces_project(caller: Caller) -> None:
    parameters = {
        "modelId": "5b0c3c1e-0000-4000-8000-000000000000_Extraction_latest",
        "stringIndexType": "Utf16CodeUnit",
    }
    body = caller.finished(caller.submit_preview("👩 " + NEW_LETTER, parameters=parameters))
    (item,) = body["tasks"]["tasks"]["customEntityRecognitionTasks"]
    first = item["results"]["documents"][0]["entities"][0]
    assert (first["text"], first["offset"]) == ("4 April 2021", 6)


def test_two_tasks_of_one_kind_are_both_answered(caller: Caller) -> None:
    parameters = {"project-name": "loans", "deployment-name": "production"}
    body = {
        "analysisInput": {"documents": [{"id": "1", "text": NEW_LETTER}]},
        "tasks": {"customEntityRecognitionTasks": [
            {"taskName": "one", "parameters": parameters}, {"taskName": "two", "parameters": parameters},
        ]},
    }  # fmt: skip
    reply = caller.post(f"/text/analytics/{V32}/analyze", body)
    done = caller.finished(reply)
    assert [one["taskName"] for one in done["tasks"]["customEntityRecognitionTasks"]] == ["one", "two"]
    assert done["tasks"]["total"] == 2


@pytest.mark.parametrize(
    ("version", "array", "project", "field"),
    [
        (CT1, "customClassificationTasks", "notes", "classes"),
        (CT1, "customSingleClassificationTasks", "notes", "classes"),
        (V32, "customSingleClassificationTasks", "notes", "classification"),
        (V32, "customMultiClassificationTasks", "tags", "classifications"),
    ],
)
def test_classes_follow_version_names(caller: Caller, version: str, array: str, project: str, field: str) -> None:
    parameters = {"project-name": project, "deployment-name": "production"}
    body = caller.finished(
        caller.submit_preview("We repay the loan with interest.", version=version, array=array, parameters=parameters)
    )
    tasks = body["tasks"].get("tasks", body["tasks"])
    (document,) = tasks[array][0]["results"]["documents"]
    found: Any = document[field]
    first = found if isinstance(found, dict) else found[0]
    assert first["category"] == "loan"


def test_pages_follow_dollar_parameters(caller: Caller) -> None:
    submitted = caller.submit_preview(*[NEW_LETTER] * 23, version=V32)
    first = caller.finished(submitted)
    job = submitted.headers["operation-location"]
    assert first["@nextLink"] == f"{job}?$skip=20&$top=20"
    results = first["tasks"]["customEntityRecognitionTasks"][0]["results"]
    assert len(results["documents"]) == 20
    assert results["@nextLink"].startswith(
        "http://svc--textanalyticsdispatcher.text-analytics.svc.cluster.local/text/analytics/"
    )
    second = caller.session.get(first["@nextLink"], timeout=60).json()
    results = second["tasks"]["customEntityRecognitionTasks"][0]["results"]
    assert [one["id"] for one in results["documents"]] == ["20", "21", "22"]
    assert "@nextLink" not in second
    assert "@nextLink" not in results
    encoded = caller.session.get(f"{job}?%24top=2&%24skip=1", timeout=60).json()
    results = encoded["tasks"]["customEntityRecognitionTasks"][0]["results"]
    assert [one["id"] for one in results["documents"]] == ["1", "2"]
    assert encoded["@nextLink"].endswith("?$skip=3&$top=2")


@pytest.mark.parametrize("query", ["$top=0", "$top=51", "$top=x", "$skip=-1"])
def test_paging_parameter_out_of_bounds_is_refused(caller: Caller, query: str) -> None:
    submitted = caller.submit_preview(NEW_LETTER)
    reply = caller.follow(submitted, f"?{query}")
    assert reply.status_code == 400
    assert reply.json()["error"]["innererror"]["code"] == "InvalidParameterValue"


def test_statistics_come_when_asked_for(caller: Caller) -> None:
    submitted = caller.submit_preview(NEW_LETTER, version=V32)
    results = caller.finished(submitted, "?showStats=true")["tasks"]["customEntityRecognitionTasks"][0]["results"]
    assert results["statistics"]["transactionsCount"] == 1
    assert results["documents"][0]["statistics"] == {"charactersCount": len(NEW_LETTER), "transactionsCount": 1}


def test_there_is_no_cancellation(caller: Caller) -> None:
    submitted = caller.submit_preview(NEW_LETTER)
    reply = caller.session.post(submitted.headers["operation-location"] + ":cancel", timeout=60)
    assert reply.status_code == 404


def test_failed_task_has_no_results(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(preview_bad_parameter="failed-job")
    submitted = caller.submit_preview(NEW_LETTER, version=V32, parameters={"project-name": "loans"})
    body = caller.finished(submitted)
    assert (body["status"], body["tasks"]["failed"]) == ("failed", 1)
    (error,) = body["errors"]
    assert set(error) == {"code", "message", "target"}
    assert (error["code"], error["target"]) == ("InvalidRequest", "#/tasks/customEntityRecognitionTasks/0")
    (item,) = body["tasks"]["customEntityRecognitionTasks"]
    assert set(item) == {"lastUpdateDateTime", "state"}
    assert item["state"] == "failed"


def test_bad_parameter_is_refused_without_inner_error(caller: Caller) -> None:
    reply = caller.submit_preview(NEW_LETTER, parameters={"project-name": "loans"})
    assert reply.status_code == 400
    assert set(reply.json()["error"]) == {"code", "message"}
    assert reply.json()["error"]["code"] == "InvalidRequest"


def test_v31_text_elements_are_understood(caller: Caller) -> None:
    parameters = {"project-name": "loans", "deployment-name": "d", "stringIndexType": "TextElement_v8"}
    body = caller.finished(caller.submit_preview("e\u0301 " + NEW_LETTER, version=V32, parameters=parameters))
    (document,) = body["tasks"]["customEntityRecognitionTasks"][0]["results"]["documents"]
    assert document["entities"][0]["offset"] == NEW_LETTER.index("4 April") + 2


def test_other_generation_finds_no_job(caller: Caller) -> None:
    job_id = caller.submit_preview(NEW_LETTER).headers["operation-location"].rpartition("/")[2]
    assert caller.get(f"/language/analyze-text/jobs/{job_id}?api-version=2023-04-01").status_code == 404
