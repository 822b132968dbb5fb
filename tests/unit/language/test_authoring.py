"""The authoring client reads the service's own form and nothing else, and raises nothing."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from functions.errors import Problem
from functions.language.auth import KeyAuth
from functions.language.authoring import AuthoringClient, Deployment

ENDPOINT = "https://loans.cognitiveservices.azure.com"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Answering(BaseAdapter):
    """Gives one answer to everything."""

    def __init__(self, status: int, body: bytes, content_type: str = "application/json; charset=utf-8") -> None:
        super().__init__()
        self.answer = (status, body, content_type)
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        self.asked.append(request)
        if self.answer[0] == 0:
            raise requests.ConnectionError("no way", request=request)
        response = requests.Response()
        response.status_code, response._content = self.answer[:2]
        response.headers["Content-Type"] = self.answer[2]
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
    assert asked(adapter) == Deployment("production", "m-20250902T090101-0123", date(2027, 10, 27))
    (request,) = adapter.asked
    assert request.headers["Ocp-Apim-Subscription-Key"] == "key"
    assert request.url == (
        f"{ENDPOINT}/language/authoring/analyze-text/projects/loans/deployments/production?api-version=2023-04-01"
    )


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
