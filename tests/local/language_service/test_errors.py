"""The error replies, word for word (docs/language-api.md 4)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.local.language_service.material import (
    ENDPOINT,
    GA,
    NEW_LETTER,
    Caller,
    class_task,
    documents,
    entity_task,
)

JOBS = f"/language/analyze-text/jobs?api-version={GA}"
CT1 = "/text/analytics/v3.1-preview.ct.1/analyze"
INVALID_DOCUMENT = "Invalid Document in request."


def error_of(reply: requests.Response, status: int = 400) -> Any:
    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"error"}
    return reply.json()["error"]


def service_error(message: str, inner_code: str, inner_message: str) -> dict[str, Any]:
    return {
        "code": "InvalidRequest",
        "message": message,
        "innererror": {"code": inner_code, "message": inner_message},
    }


def test_more_than_25_documents_are_refused(caller: Caller) -> None:
    assert error_of(caller.submit(*["x"] * 26)) == service_error(
        INVALID_DOCUMENT,
        "InvalidDocumentBatch",
        "Batch request contains too many records. Max 25 records are permitted.",
    )
    assert caller.submit(*["x"] * 25).status_code == 202


def test_request_without_any_text_is_refused(caller: Caller) -> None:
    assert error_of(caller.submit("", "")) == service_error(
        INVALID_DOCUMENT, "InvalidDocumentBatch", "Document text is empty."
    )


def test_duplicate_ids_are_refused(caller: Caller) -> None:
    docs = [{"id": "1", "text": "a"}, {"id": "1", "text": "b"}]
    sentence = "Request contains duplicated Ids. Make sure each document has a unique Id."
    assert error_of(caller.submit(docs=docs)) == service_error(INVALID_DOCUMENT, "InvalidDocument", sentence)
    assert error_of(caller.submit_preview(docs=docs)) == {"code": "InvalidArgument", "message": sentence}


def test_size_limit_covers_all_documents(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller()
    # 125,000 text elements in more code points: combining marks do not count.
    fits = ["a" * 100_000, "e\u0301" * 25_000]
    assert caller.submit(*fits).status_code == 202
    error = error_of(caller.submit(*fits, "x"))
    assert (error["code"], error["innererror"]["code"]) == ("InvalidRequest", "InvalidDocumentBatch")
    assert "125000" in error["innererror"]["message"]
    assert make_caller(oversize_status=413).submit(*fits, "x").status_code == 413


def test_size_of_body_is_limited(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(max_request_bytes=500)
    assert caller.submit("x").status_code == 202
    assert "500 bytes" in error_of(caller.submit("x" * 500))["innererror"]["message"]
    assert make_caller(max_request_bytes=500, oversize_status=413).submit("x" * 500).status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe\x00", b"null", b"[" * 100_000])
@pytest.mark.parametrize("path", [JOBS, CT1])
def test_unreadable_body_is_refused(caller: Caller, path: str, body: bytes) -> None:
    assert error_of(caller.post(path, body)) == service_error(
        "Invalid Request.", "EmptyRequest", "Request body must be present."
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"analysisInput": None},
        {"analysisInput": {"documents": []}},
        {"analysisInput": {"documents": {}}},
        {"tasks": [entity_task()]},
    ],
)
def test_request_without_documents_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    assert error_of(caller.post(JOBS, body))["innererror"]["code"] == "MissingInputDocuments"
    assert error_of(caller.post(CT1, body))["innererror"]["code"] == "MissingInputRecords"


@pytest.mark.parametrize(
    "docs",
    [
        [{"text": "no id"}],
        [{"id": "", "text": "x"}],
        [{"id": 1, "text": "x"}],
        [{"id": "1", "text": 7}],
        ["x"],
    ],
)
def test_malformed_document_is_refused(caller: Caller, docs: list[Any]) -> None:
    assert error_of(caller.submit(docs=docs))["code"] == "InvalidRequest"


def test_document_without_text_is_empty(caller: Caller) -> None:
    body = caller.finished(caller.submit(docs=[{"id": "a"}, {"id": "b", "text": None}, {"id": "c", "text": "x"}]))
    assert [one["id"] for one in body["tasks"]["items"][0]["results"]["errors"]] == ["a", "b"]


@pytest.mark.parametrize(
    "tasks",
    [
        [entity_task(unit="Bytes")],
        [entity_task(projectName="")],
        [entity_task(deploymentName=None)],
        [{"kind": "CustomEntityRecognition"}],
        [{"kind": "SentimentAnalysis", "parameters": {}}],
        [{"taskName": "no kind"}],
        # One bad task is enough.
        [entity_task("a"), class_task("CustomSingleLabelClassification", "b"), entity_task("c", unit="Bytes")],
    ],
)
def test_bad_task_parameter_refuses_request(caller: Caller, tasks: list[Any]) -> None:
    error = error_of(caller.submit(NEW_LETTER, tasks=tasks))
    assert (error["code"], error["message"]) == ("InvalidRequest", "Invalid parameter in request")
    assert error["innererror"]["code"] == "InvalidParameterValue"
    assert error["innererror"]["message"].startswith("Job task parameter value '")
    assert " is not supported for " in error["innererror"]["message"]
    assert caller.service.counters.jobs_accepted == 0


@pytest.mark.parametrize("tasks", [[], {}, None, "x", ["x"]])
def test_malformed_tasks_are_refused(caller: Caller, tasks: Any) -> None:
    body = {"analysisInput": {"documents": documents("x")}, "tasks": tasks}
    assert error_of(caller.post(JOBS, body))["code"] == "InvalidRequest"
    preview = {**body, "tasks": {"customEntityRecognitionTasks": tasks} if isinstance(tasks, list) else tasks}
    assert error_of(caller.post(CT1, preview))["code"] == "InvalidRequest"


@pytest.mark.parametrize("query", ["top=0", "top=-1", "top=x", "skip=-1", "skip=1.5"])
def test_paging_parameter_must_be_number(caller: Caller, query: str) -> None:
    reply = caller.follow(caller.submit(NEW_LETTER), f"&{query}")
    assert error_of(reply)["innererror"]["code"] == "InvalidParameterValue"


DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)


@pytest.mark.parametrize(
    "headers",
    [
        {"Ocp-Apim-Subscription-Key": "wrong"},
        {"Ocp-Apim-Subscription-Key": None},
        {"Ocp-Apim-Subscription-Key": None, "Authorization": "Bearer nobody"},
    ],
)
@pytest.mark.parametrize("path", [JOBS, CT1])
def test_gateway_denies_wrong_credentials(caller: Caller, path: str, headers: dict[str, Any]) -> None:
    reply = caller.post(path, {}, headers=headers)
    assert error_of(reply, 401) == {"code": "401", "message": DENIED}
    assert reply.headers["Content-Type"] == "application/json"
    assert "x-envoy-upstream-service-time" not in reply.headers


def test_known_token_is_accepted(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(service={"tokens": ["t-1"]})
    headers = {"Ocp-Apim-Subscription-Key": None, "Authorization": "Bearer t-1"}
    body = {"analysisInput": {"documents": documents("x")}, "tasks": [entity_task()]}
    assert caller.post(JOBS, body, headers=headers).status_code == 202


def test_error_of_service_has_charset(caller: Caller) -> None:
    reply = caller.submit("")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "x-envoy-upstream-service-time" in reply.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/language/analyze-text/jobs?api-version=2023-04-01"),
        ("PUT", JOBS),
        ("POST", "/language/analyze-text/jobs"),
        ("POST", "/language/analyze-text/jobs?api-version=1999-01-01"),
        ("POST", "/text/analytics/v3.1/analyze"),
        ("DELETE", "/text/analytics/v3.1-preview.ct.1/analyze/jobs/1"),
        ("GET", "/admin/counters"),  # the admin path is off unless asked for
    ],
)
def test_unknown_path_is_not_found(caller: Caller, method: str, path: str) -> None:
    reply = caller.session.request(method, ENDPOINT + path, timeout=60)
    assert error_of(reply, 404) == {"code": "404", "message": "Resource not found"}
    assert reply.headers["Content-Type"] == "application/json"


def test_unknown_job_is_switch(make_caller: Callable[..., Caller]) -> None:
    path = f"/language/analyze-text/jobs/6f0b7e0e-0000-4000-8000-000000000000?api-version={GA}"
    assert error_of(make_caller().get(path), 404)["code"] == "NotFound"
    assert make_caller(unknown_job_status=400).get(path).status_code == 400


def test_unknown_project_is_switch(make_caller: Callable[..., Caller]) -> None:
    unknown = [entity_task(projectName="other")]
    assert error_of(make_caller().submit("x", tasks=unknown), 404)["code"] == "ProjectNotFound"
    assert error_of(make_caller(unknown_project="400").submit("x", tasks=unknown), 400)["code"] == "ProjectNotFound"

    caller = make_caller(unknown_project="failed-task")
    body = caller.finished(caller.submit(NEW_LETTER, tasks=[*unknown, entity_task("1")]))
    assert body["status"] == "partiallyCompleted"
    assert body["errors"] == [
        {
            "code": "ProjectNotFound",
            "message": "The project other or its deployment production is not found.",
            "target": "#/tasks/items/0",
        }
    ]
    failed, done = body["tasks"]["items"]
    assert (failed["status"], "results" in failed) == ("failed", False)
    assert (done["status"], done["taskName"]) == ("succeeded", "1")


def test_existing_deployments_are_switch(make_caller: Callable[..., Caller]) -> None:
    def status(caller: Caller, **parameters: str) -> int:
        return caller.submit("x", tasks=[entity_task(**parameters)]).status_code

    default = make_caller()
    assert status(default, deploymentName="any") == 202
    # A project of another kind cannot do it.
    assert status(default, projectName="notes") == 404

    named = make_caller(deployments=frozenset({"production"}), project_names=frozenset({"letters"}))
    assert status(named, deploymentName="production") == 202
    assert status(named, deploymentName="staging") == 404
    assert status(named, projectName="letters") == 202
    assert status(named, projectName="other") == 404
    assert status(make_caller(project_names=frozenset({"ANY"})), projectName="other") == 202


def test_partly_failed_job_has_two_names(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(unknown_project="failed-task", partial_status="partiallySucceeded")
    submitted = caller.submit("x", tasks=[entity_task(projectName="other"), entity_task("1")])
    assert caller.finished(submitted)["status"] == "partiallySucceeded"


def test_every_reply_is_ascii_json(caller: Caller) -> None:
    reply = caller.follow(caller.submit("Borrower: María Núñez 👩"))
    assert json.loads(reply.content.decode("ascii"))["status"] == "succeeded"


def test_newer_versions_repeat_error_code(caller: Caller) -> None:
    assert caller.submit("", version="2024-11-01").headers["x-ms-error-code"] == "InvalidRequest"
    assert "x-ms-error-code" not in caller.submit("", version="2023-04-01").headers
