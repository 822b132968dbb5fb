"""The development container has what the project needs. It was written and parsed here, never started."""

import json
import re
from typing import Any

import yaml

from tests.infra.templates import ROOT

CONTAINER: dict[str, Any] = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
CI: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))


def test_container_python_is_tested() -> None:
    (version,) = re.findall(r"^mcr\.microsoft\.com/devcontainers/python:(\d\.\d+)-bookworm$", CONTAINER["image"])
    assert version in CI["jobs"]["test"]["strategy"]["matrix"]["python"]


def test_container_node_matches_ci() -> None:
    (node,) = [step["with"] for step in CI["jobs"]["test"]["steps"] if "setup-node" in step.get("uses", "")]
    assert CONTAINER["features"]["ghcr.io/devcontainers/features/node:1"]["version"] == str(node["node-version"])


def test_container_has_azure_tools() -> None:
    names = {feature.rpartition("/")[2].partition(":")[0] for feature in CONTAINER["features"]}
    assert {"azd", "azure-cli", "azure-functions-core-tools", "node"} <= names


def test_container_uses_standard_setup() -> None:
    assert CONTAINER["postCreateCommand"] == "python -m local.setup"
    assert (ROOT / "local" / "setup.py").is_file()
