"""The authoring part of the stand-in has the shapes of the service, and its dates can be moved."""

import json
from datetime import date
from typing import Any

import pytest

from local.language_service.behaviour import Behaviour
from local.language_service.service import LanguageService
from local.stand_in.messages import Request, Response
from tests.support.world import PROJECTS

BASE = "/language/authoring/analyze-text/projects"


def service(**behaviour: Any) -> LanguageService:
    return LanguageService(PROJECTS, behaviour=Behaviour(**behaviour), admin=True)


def ask(service: LanguageService, path: str, *, key: str = "local", version: str = "2023-04-01") -> Response:
    headers = {"ocp-apim-subscription-key": key}
    return service.handle(Request("GET", "http://localhost", f"{BASE}{path}", f"api-version={version}", headers))


def body(response: Response) -> Any:
    return json.loads(response.body)


def test_deployment_has_its_date() -> None:
    told = body(ask(service(), "/loans/deployments/production"))
    assert told["deploymentName"] == "production"
    assert told["deploymentExpirationDate"] == "2027-10-27"
    assert set(told) == {
        "deploymentName", "modelId", "lastTrainedDateTime", "lastDeployedDateTime", "deploymentExpirationDate",
        "modelTrainingConfigVersion",
    }  # fmt: skip


def test_dates_are_moved_in_the_process() -> None:
    one = service()
    one.authoring.expires["loans", "production"] = date(2026, 1, 1)
    assert body(ask(one, "/loans/deployments/production"))["deploymentExpirationDate"] == "2026-01-01"
    assert body(ask(one, "/loans/deployments/other"))["deploymentExpirationDate"] == "2027-10-27"


def test_dates_are_moved_by_admin_path() -> None:
    one = service()
    given = {"project": "loans", "deployment": "production", "expires": "2026-01-01"}
    moved = one.handle(Request("PUT", "http://localhost", "/admin/authoring", body=json.dumps(given).encode()))
    assert (moved.status, body(moved)["expires"]) == (200, {"loans/production": "2026-01-01"})
    assert body(ask(one, "/loans/deployments/production"))["deploymentExpirationDate"] == "2026-01-01"


def test_deployment_is_made_anew_by_admin_path() -> None:
    one = service()
    assert body(ask(one, "/loans/deployments/production"))["lastDeployedDateTime"] == "2025-01-01T00:00:00Z"
    given = {"project": "loans", "deployment": "production", "deployed": "2026-02-03T05:05:06+01:00"}
    moved = one.handle(Request("PUT", "http://localhost", "/admin/authoring", body=json.dumps(given).encode()))
    assert body(moved)["deployed"] == {"loans/production": "2026-02-03T04:05:06+00:00"}
    told = body(ask(one, "/loans/deployments/production"))
    assert told["lastDeployedDateTime"] == "2026-02-03T04:05:06Z"
    assert told["lastTrainedDateTime"] == "2026-02-03T04:05:06.0000000Z"


def test_lists_end_with_null_link() -> None:
    one = service(deployments=frozenset({"a", "b"}))
    assert [entry["projectName"] for entry in body(ask(one, ""))["value"]] == ["loans", "notes", "tags"]
    listed = body(ask(one, "/loans/deployments"))
    assert ([entry["deploymentName"] for entry in listed["value"]], listed["nextLink"]) == (["a", "b"], None)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/none/deployments/production", "ProjectNotFound"),
        ("/loans/deployments/none", "NotFound"),
        ("/none", "ProjectNotFound"),
    ],
)
def test_unknown_names_are_refused(path: str, code: str) -> None:
    refused = ask(service(deployments=frozenset({"production"})), path)
    assert (refused.status, body(refused)["error"]["code"]) == (404, code)


def test_project_is_described() -> None:
    assert body(ask(service(), "/loans"))["projectKind"] == "CustomEntityRecognition"


def test_wrong_key_is_refused() -> None:
    assert ask(service(), "/loans", key="other").status == 401


def test_unknown_version_is_refused() -> None:
    assert ask(service(), "/loans", version="2020-01-01").status == 404


def test_role_can_be_taken_away() -> None:
    one = service()
    one.authoring.refuse_with = 403
    refused = ask(one, "/loans/deployments/production")
    assert (refused.status, body(refused)["error"]["code"]) == (403, "Forbidden")
