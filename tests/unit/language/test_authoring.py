"""The authoring client reads the service's own form and nothing else, and raises nothing."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

from functions.core.outcomes import Deferred, Unanswered
from functions.errors import Problem
from functions.language.auth import KeyAuth
from functions.language.authoring import AuthoringClient
from functions.language.authoring_service import Deployment, Job, Model, Refusal, Started, path_of

ENDPOINT = "https://loans.cognitiveservices.azure.com"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
ERROR = b'{"error": {"code": "Whatever", "message": "The reason."}}'


class Answering(BaseAdapter):
    """Gives one answer to everything."""

    def __init__(self, status: int, body: bytes, content_type: str = "application/json; charset=utf-8") -> None:
        super().__init__()
        self.answer = (status, body, content_type)
        self.headers: dict[str, str] = {}
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        self.asked.append(request)
        if self.answer[0] == 0:
            raise requests.ConnectionError("no way", request=request)
        response = requests.Response()
        response.status_code, response._content = self.answer[:2]
        response.headers["Content-Type"] = self.answer[2]
        response.headers.update(self.headers)
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        return


def asked(adapter: Answering, project: str = "loans", name: str = "production") -> Deployment | Problem:
    session = requests.Session()
    session.mount("https://", adapter)
    return AuthoringClient(ENDPOINT, session, KeyAuth("key"), lambda: NOW).deployment(project, name)


def test_recorded_deployment_is_read() -> None:
    """A reply of February 2026, its names changed."""
    body = (
        b'{"deploymentName":"production","modelId":"m-20250902T090101-0123","lastTrainedDateTime":'
        b'"2025-09-02T21:01:01.2598675Z","lastDeployedDateTime":"2026-02-02T23:14:04Z",'
        b'"deploymentExpirationDate":"2027-10-27","modelTrainingConfigVersion":"2022-05-01"}'
    )
    adapter = Answering(200, body)
    assert asked(adapter) == Deployment(
        "production",
        "m-20250902T090101-0123",
        date(2027, 10, 27),
        datetime(2026, 2, 2, 23, 14, 4, tzinfo=UTC),
        datetime(2025, 9, 2, 21, 1, 1, 259868, tzinfo=UTC),
    )
    (request,) = adapter.asked
    assert request.headers["Ocp-Apim-Subscription-Key"] == "key"
    assert request.url == (
        f"{ENDPOINT}/language/authoring/analyze-text/projects/loans/deployments/production?api-version=2023-04-01"
    )


@pytest.mark.parametrize(
    ("deployed", "trained", "since"),
    [
        ("2026-02-02T23:14:04Z", "2025-09-02T21:01:01.2598675Z", 2026),
        ("2025-02-02T23:14:04Z", "2027-09-02T21:01:01Z", 2027),
        ("2026-02-02T23:14:04Z", None, 2026),
        ("2026-02-02T23:14:04", None, None),
        (None, None, None),
    ],
)
def test_model_is_of_the_later_time(deployed: str | None, trained: str | None, since: int | None) -> None:
    """A time without a zone is none."""
    body = {"deploymentName": "a", "lastDeployedDateTime": deployed, "lastTrainedDateTime": trained}
    found = asked(Answering(200, json.dumps(body).encode()))
    assert isinstance(found, Deployment)
    assert (found.model_since.year if found.model_since else None) == since


def test_names_stay_in_their_part_of_path() -> None:
    adapter = Answering(404, b'{"error": {"code": "NotFound", "message": "no"}}')
    asked(adapter, "../a?b", "c/d")
    assert "/projects/..%2Fa%3Fb/deployments/c%2Fd?" in str(adapter.asked[0].url)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "Misconfigured"), (403, "Misconfigured"), (404, "Misconfigured"), (500, "Unavailable"), (429, "Throttled")],
)
def test_errors_are_problems(status: int, code: str) -> None:
    found = asked(Answering(status, b'{"error": {"code": "Whatever", "message": "The reason."}}'))
    assert isinstance(found, Problem)
    assert found.code == code


@pytest.mark.parametrize(
    "adapter",
    [
        Answering(200, b"<html>", "text/html"),
        Answering(200, b"[]"),
        Answering(200, b'{"deploymentName": "a", "deploymentExpirationDate": "soon"}'),
        Answering(302, b""),
        Answering(404, b"<html>", "text/html"),
    ],
)
def test_other_forms_are_not_recognized(adapter: Answering) -> None:
    found = asked(adapter)
    assert isinstance(found, Problem)
    assert found.code == "UnrecognizedReply"


def test_no_answer_is_a_problem() -> None:
    assert isinstance(asked(Answering(0, b"")), Problem)


# --- Changes ---


def client(adapter: Answering) -> AuthoringClient:
    session = requests.Session()
    session.mount("https://", adapter)
    return AuthoringClient(ENDPOINT, session, KeyAuth("key"), lambda: NOW)


def test_only_the_jobs_id_is_taken() -> None:
    adapter = Answering(202, b"")
    adapter.headers["operation-location"] = "https://evil.example/x/jobs/0a_1?api-version=1"
    assert client(adapter).start("POST", path_of("a b", ":train"), {"x": 1}) == Started("0a_1")
    (request,) = adapter.asked
    assert request.url == f"{ENDPOINT}/language/authoring/analyze-text/projects/a%20b/:train?api-version=2023-04-01"
    assert request.body == b'{"x":1}'


@pytest.mark.parametrize(
    ("status", "body", "content_type", "expected"),
    [
        (202, b"", "", Unanswered),
        (500, b"<html>", "text/html", Unanswered),
        (404, b"<html>", "text/html", Unanswered),
        (302, b"", "", Unanswered),
        (400, ERROR, "application/json", Refusal),
        (403, ERROR, "application/json", Refusal),
        (409, ERROR, "application/json", Refusal),
        (429, ERROR, "application/json", Deferred),
        (503, ERROR, "application/json", Deferred),
        (0, b"", "", Unanswered),
    ],
)
def test_answers_to_changes_are_told_apart(status: int, body: bytes, content_type: str, expected: type) -> None:
    """What something in between has answered may have been carried out."""
    assert isinstance(client(Answering(status, body, content_type)).start("POST", "/a/:swap", {}), expected)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"value": {}}', b'{"value": [1]}', b'{"value": [{"label": 1}]}', b"null", b"{", b"[" * 90_000],
)
def test_lists_of_another_type_are_no_list(body: bytes) -> None:
    assert isinstance(client(Answering(200, body)).pages("/a/models", Model), Refusal | Deferred)


def test_links_lead_nowhere_else() -> None:
    adapter = Answering(200, b'{"value": [{"label": "m"}], "nextLink": "https://evil.example/p?api-version=9&skip=1"}')
    assert client(adapter).pages("/a/models", Model) == [Model("m"), Model("m")], "a link that repeats ends the list"
    assert str(adapter.asked[1].url).endswith("/a/models?api-version=2023-04-01&skip=1")
    assert str(adapter.asked[1].url).startswith(ENDPOINT)


@given(st.binary(max_size=200) | st.sampled_from([b'{"status":1}', b'{"status":"x","errors":{}}', b'{"result":[]}']))
def test_no_answer_raises(body: bytes) -> None:
    found = client(Answering(200, body)).get("/a/train/jobs/1", Job)
    assert isinstance(found, Job | Refusal | Deferred)
