"""The authoring API where its official client does not look: times, limits, and what deployed models predict."""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from local.language_service.authoring_state import Authoring
from local.language_service.behaviour import Behaviour
from local.language_service.projects import LearntProject
from local.language_service.service import LanguageService
from local.language_service.training_containers import containers
from local.stand_in.in_process import MovableClock
from local.stand_in.messages import Request
from tests.local.language_service.material import NEW_LETTER, Caller
from tests.support.world import PROJECTS as DESCRIBED

PROJECTS = "/language/authoring/analyze-text/projects"
VERSION = "api-version=2023-04-01"
JOBS = "/language/analyze-text/jobs?api-version=2023-04-01"


class Author(Caller):
    """Speaks to the authoring API of a service in this process."""

    def at(self, path: str, query: str = "") -> str:
        return f"{PROJECTS}{path}?{VERSION}{query}"

    def job(self, reply: requests.Response) -> dict[str, Any]:
        assert reply.status_code == 202, reply.text
        return self.state_of(reply.headers["operation-location"])

    def state_of(self, location: str) -> dict[str, Any]:
        found: dict[str, Any] = self.session.get(location, timeout=60).json()
        return found

    def finished(self, reply: requests.Response, seconds: float = 100) -> dict[str, Any]:
        self.clock.advance(seconds)
        return self.job(reply)

    def put(self, path: str, body: Any) -> requests.Response:
        return self.session.put("https://loans.cognitiveservices.azure.com" + path, json=body, timeout=60)

    def train(self, label: str) -> requests.Response:
        body = {"modelLabel": label, "trainingConfigVersion": "latest", "evaluationOptions": {"kind": "manual"}}
        return self.post(self.at("/loans/:train"), body)

    def deploy(self, name: str, label: str) -> requests.Response:
        return self.put(self.at(f"/loans/deployments/{name}"), {"trainedModelLabel": label})

    def predict(self, deployment: str) -> requests.Response:
        task = {"kind": "CustomEntityRecognition", "taskName": "0"}
        parameters = {"projectName": "loans", "deploymentName": deployment}
        documents = [{"id": "0", "text": NEW_LETTER, "language": "en"}]
        return self.post(
            JOBS, {"analysisInput": {"documents": documents}, "tasks": [task | {"parameters": parameters}]}
        )

    def found_by(self, deployment: str) -> set[str]:
        reply = self.finished(self.predict(deployment), 10)
        (document,) = reply["tasks"]["items"][0]["results"]["documents"]
        return {entity["category"] for entity in document["entities"]}


@pytest.fixture
def author(
    loans: LearntProject, labels_files: dict[str, Path], model_cache: Path, clock: MovableClock
) -> Callable[..., Author]:
    """Makes the author of a service; keywords are the switches of ``Behaviour``."""
    path = labels_files["loans"]

    def make(*, rate_rules: Any = (), **switches: Any) -> Author:
        content = json.loads(path.read_bytes())
        authoring = Authoring(containers({}, None), model_cache)
        behaviour = Behaviour(**switches)
        shown = authoring.add_learnt(loans, content, behaviour.deployments, clock())
        assert shown
        authoring.containers = containers({shown.container: path.parent}, None)
        options = {} if rate_rules is None else {"rate_rules": rate_rules}
        service = LanguageService([loans], clock=clock, behaviour=behaviour, authoring=authoring, admin=True, **options)
        return Author(service, clock)

    return make


def without(author: Author, category: str) -> dict[str, Any]:
    """The project's labels file without the labels of a category."""
    job = author.finished(author.post(author.at("/loans/:export", "&stringIndexType=Utf16CodeUnit")))
    content: dict[str, Any] = author.state_of(job["resultUrl"])
    for document in content["assets"]["documents"]:
        for region in document["entities"]:
            region["labels"] = [label for label in region["labels"] if label["category"] != category]
    return content


def test_deployed_model_predicts(author: Callable[..., Author]) -> None:
    """The swapped one, too; names that were never deployed answer as they did."""
    one = author()
    before = one.found_by("production")
    assert "Borrower" in before
    assert one.finished(one.post(one.at("/loans/:import"), without(one, "Borrower")))["status"] == "succeeded"
    assert one.finished(one.train("less"))["status"] == "succeeded"
    one.finished(one.deploy("candidate", "less"))
    assert one.found_by("candidate") == before - {"Borrower"}
    names = {"firstDeploymentName": "production", "secondDeploymentName": "candidate"}
    one.finished(one.post(one.at("/loans/deployments/:swap"), names))
    assert one.found_by("production") == before - {"Borrower"}
    assert one.found_by("candidate") == before
    assert one.found_by("any other") == before


def test_deployments_that_are_named_are_all(author: Callable[..., Author]) -> None:
    one = author(deployments=frozenset({"main"}))
    listed = one.get(one.at("/loans/deployments")).json()
    assert [entry["deploymentName"] for entry in listed["value"]] == ["main"]
    assert one.predict("production").status_code == 404


@pytest.mark.parametrize("answer", ["400", "404", "failed-task"])
def test_expired_deployment_does_not_predict(author: Callable[..., Author], answer: str) -> None:
    """From the day after its date on, which a test can move, as it can the clock."""
    one = author(expired_deployment=answer)
    today = one.clock().date()
    moved = one.put("/admin/authoring", {"deploymentExpirationDate": today.isoformat()}).json()
    assert moved["deploymentExpirationDate"] == today.isoformat()
    assert one.found_by("production")
    one.clock.advance(24 * 3600)
    reply = one.predict("production")
    if answer == "failed-task":
        assert one.finished(reply)["status"] == "failed"
    else:
        assert reply.status_code == int(answer)
        assert f"expired on {today}" in reply.text
    one.put("/admin/authoring", {"deploymentExpirationDate": date(2099, 1, 1).isoformat()})
    assert one.found_by("production")


def test_training_passes_through_recorded_states(author: Callable[..., Author]) -> None:
    one = author()
    reply = one.train("new")
    seen = []
    for seconds in (0, 1, 6, 25, 30, 40):
        one.clock.advance(seconds)
        job = one.job(reply)
        parts = job["result"]["trainingStatus"]["status"], job["result"]["evaluationStatus"]["status"]
        seen.append((job["status"], *parts, "estimatedEndDateTime" in job["result"], "warnings" in job))
    assert seen == [
        ("notStarted", "notStarted", "notStarted", False, False),
        ("running", "notStarted", "notStarted", False, True),
        ("running", "running", "notStarted", True, True),
        ("running", "succeeded", "running", True, True),
        ("running", "succeeded", "succeeded", True, True),
        ("succeeded", "succeeded", "succeeded", False, True),
    ]
    assert re.fullmatch(r"[0-9a-f-]{36}_638724960000000000", job["jobId"])
    assert job["expirationDateTime"][:10] == "2025-01-22"
    assert "Retry-After" not in reply.headers


def test_jobs_are_kept_seven_days(author: Callable[..., Author]) -> None:
    one = author()
    reply = one.deploy("candidate", "first")
    assert one.finished(reply)["status"] == "succeeded"
    one.clock.advance(7 * 24 * 3600)
    gone = one.session.get(reply.headers["operation-location"], timeout=60)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "OperationNotFound")


def test_few_labels_are_warned_of(author: Callable[..., Author]) -> None:
    one = author()
    content = without(one, "Borrower")
    content["assets"]["entities"].append({"category": "Rare"})
    one.finished(one.post(one.at("/loans/:import"), content))
    warnings = one.finished(one.train("new"))["warnings"]
    assert any("`Rare` is tagged in `0` training dataset examples" in one["message"] for one in warnings)


def test_eleventh_model_and_deployment_are_refused(author: Callable[..., Author]) -> None:
    one = author()
    for n in range(9):
        assert one.finished(one.train(f"m{n}"))["status"] == "succeeded"
        assert one.finished(one.deploy(f"d{n}", f"m{n}"))["status"] == "succeeded"
    for refused in (one.train("too-many"), one.deploy("too-many", "first")):
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "QuotaExceeded")
    assert one.finished(one.train("m1"))["status"] == "succeeded"  # a label that is there is replaced


def test_lists_come_in_pages(author: Callable[..., Author]) -> None:
    one = author()
    for n in range(3):
        one.finished(one.deploy(f"d{n}", "first"))
    found, address = [], one.at("/loans/deployments", "&maxpagesize=3")
    page = one.get(address).json()
    while True:
        found += [entry["deploymentName"] for entry in page["value"]]
        if page["nextLink"] is None:
            break
        page = one.state_of(page["nextLink"])
    assert found == ["production", "d0", "d1", "d2"]
    assert one.get(one.at("/loans/deployments", "&top=1&skip=1")).json()["nextLink"] is None
    assert one.get(one.at("/loans/deployments", "&top=x")).status_code == 400


def test_posts_and_gets_have_limits_of_their_own(author: Callable[..., Author]) -> None:
    """Predictions count apart, and the limits pass with the minute."""
    one = author(rate_rules=None)
    posts = [one.post(one.at("/loans/deployments/:swap"), {}).status_code for _ in range(11)]
    assert posts == [400] * 10 + [429]
    refused = one.post(one.at("/loans/deployments/:swap"), {})
    assert refused.headers["Retry-After"] == "60"
    assert one.get(one.at("/loans")).status_code == 200
    assert one.predict("production").status_code == 202
    assert [one.get(one.at("/loans")).status_code for _ in range(100)][-1] == 429
    one.clock.advance(60)
    assert one.post(one.at("/loans/deployments/:swap"), {}).status_code == 400


ODD_SHARES = {"modelLabel": "a", "evaluationOptions": {"trainingSplitPercentage": 9}}


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/none/:train", {}, (404, "ProjectNotFound")),
        ("/loans/:train", None, (400, "InvalidRequest")),
        ("/loans/:train", {"modelLabel": "a b"}, (400, "InvalidArgument")),
        ("/loans/:train", {"modelLabel": "a", "trainingConfigVersion": "2021-01-01"}, (400, "InvalidArgument")),
        ("/loans/:train", {"modelLabel": "a", "evaluationOptions": {"kind": "odd"}}, (400, "InvalidArgument")),
        (
            "/loans/:train",
            {"modelLabel": "a", "evaluationOptions": {"trainingSplitPercentage": 9}},
            (400, "InvalidArgument"),
        ),
        ("/loans/:import", {"assets": {}}, (400, "InvalidRequest")),
        ("/loans/train/jobs/none/:cancel", None, (404, "OperationNotFound")),
        ("/loans/:unknown", {}, (404, "404")),
    ],
)
def test_wrong_requests_are_refused(
    author: Callable[..., Author], path: str, body: Any, expected: tuple[int, str]
) -> None:
    one = author()
    reply = one.post(one.at(path), body)
    assert (reply.status_code, reply.json()["error"]["code"]) == expected


def test_unknown_version_is_no_path(author: Callable[..., Author]) -> None:
    assert author().get(f"{PROJECTS}?api-version=2024-11-01").status_code == 404


def test_without_readable_documents_training_fails(author: Callable[..., Author]) -> None:
    one = author()
    one.service.authoring.state.containers = containers({}, None)
    job = one.finished(one.train("new"))
    assert job["status"] == "failed"
    assert "0 documents that can be read" in job["errors"][0]["message"]


def test_containers_keep_to_their_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "in" / "a.txt").write_text("a")
    read = containers({"c": tmp_path / "in"}, None)("c")
    assert read("a.txt") == b"a"
    with pytest.raises(OSError, match="outside the container"):
        read("../secret.txt")
    with pytest.raises(OSError, match="no container"):
        containers({}, None)("c")("a.txt")


# --- A service that describes its projects and trains nothing ---


def described(**behaviour: Any) -> LanguageService:
    return LanguageService(DESCRIBED, behaviour=Behaviour(**behaviour), admin=True)


def ask(service: LanguageService, path: str) -> tuple[int, Any]:
    headers = {"ocp-apim-subscription-key": "local"}
    reply = service.handle(Request("GET", "http://localhost", f"{PROJECTS}{path}", "api-version=2023-04-01", headers))
    return reply.status, json.loads(reply.body)


def expires(service: LanguageService, deployment: str) -> Any:
    return ask(service, f"/loans/deployments/{deployment}")[1].get("deploymentExpirationDate")


def test_one_deployments_date_is_moved() -> None:
    one = described()
    given = {"project": "loans", "deployment": "production", "expires": "2026-01-01"}
    moved = one.handle(Request("PUT", "http://localhost", "/admin/authoring", body=json.dumps(given).encode()))
    assert json.loads(moved.body)["expires"] == {"loans/production": "2026-01-01"}
    assert (expires(one, "production"), expires(one, "other")) == ("2026-01-01", "2027-10-27")
    one.authoring.state.expires["loans", "production"] = None
    assert expires(one, "production") is None


def test_described_projects_are_listed() -> None:
    one = described(deployments=frozenset({"a", "b"}))
    assert [entry["projectName"] for entry in ask(one, "")[1]["value"]] == ["loans", "notes", "tags"]
    assert [entry["deploymentName"] for entry in ask(one, "/loans/deployments")[1]["value"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "code"), [("/none/deployments/a", "ProjectNotFound"), ("/loans/deployments/none", "NotFound")]
)
def test_unknown_names_are_refused(path: str, code: str) -> None:
    status, body = ask(described(deployments=frozenset({"a"})), path)
    assert (status, body["error"]["code"]) == (404, code)


def test_role_can_be_taken_away() -> None:
    one = described()
    one.authoring.state.refuse_with = 403
    status, body = ask(one, "/loans/deployments/production")
    assert (status, body["error"]["code"]) == (403, "Forbidden")
