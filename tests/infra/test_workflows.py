"""The pipelines run what a developer runs, and deploy without a stored secret."""

import re
import subprocess
from typing import Any

import yaml

from functions.settings import SETTINGS
from tests.infra.templates import INFRA, ROOT
from tests.infra.test_package import PYTHONS

WORKFLOWS = ROOT / ".github" / "workflows"


def workflow(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text())
    return content


def test_ci_tests_every_supported_python() -> None:
    job = workflow("ci.yml")["jobs"]["test"]
    assert tuple(job["strategy"]["matrix"]["python"]) == PYTHONS
    commands = [step["run"].split(" PYTHON=")[0] for step in job["steps"] if "run" in step]
    assert commands == ["make check", "make test", "make audit"]


def test_nothing_is_deployed_untested() -> None:
    jobs = workflow("deploy.yml")["jobs"]
    assert jobs["test"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs["deploy"]["needs"] == "test"


def test_only_deployment_requests_identity() -> None:
    jobs = workflow("deploy.yml")["jobs"]
    assert jobs["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}
    for name in ("ci.yml", "deploy.yml"):
        assert workflow(name)["permissions"] == {"contents": "read"}


def test_only_secrets_are_optional_keys() -> None:
    text = (WORKFLOWS / "ci.yml").read_text() + (WORKFLOWS / "deploy.yml").read_text()
    assert re.findall(r"secrets\.(\w+)", text) == ["LANGUAGE_KEY", "DOCUMENT_INTELLIGENCE_KEY"]
    assert "client-secret" not in text


def test_every_setting_can_be_repository_variable() -> None:
    """The names that the deployment picks out of the parameters file, by the very command it uses."""
    (step,) = (step for step in workflow("deploy.yml")["jobs"]["deploy"]["steps"] if "jq -r '.." in step.get("run", ""))
    (pattern,) = re.findall(r"grep -oP '([^']+)'", step["run"])
    found = subprocess.run(
        ["grep", "-oP", pattern, str(INFRA / "main.parameters.json")], capture_output=True, text=True, check=True
    )
    given_by_the_infrastructure = {"LANGUAGE_ENDPOINT", "DocumentStorage", "BLOB_TRIGGER_SOURCE"}
    assert {setting.name for setting in SETTINGS} - given_by_the_infrastructure <= set(found.stdout.split())
