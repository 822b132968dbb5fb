"""`docs/deploy.md` says what is: its commands parse, its names exist, its links lead somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

from functions.clouds import CLOUDS
from functions.settings import SETTINGS
from tests.infra.templates import INFRA, ROOT, provision

PAGE = (ROOT / "docs" / "deploy.md").read_text()
COMMANDS = [
    re.sub(r"^  ", "", block, flags=re.MULTILINE) for block in re.findall(r"```sh\n(.*?)\s*```", PAGE, re.DOTALL)
]


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", COMMANDS, ids=range(len(COMMANDS)))
def test_every_command_is_valid_shell(block: str) -> None:
    checked = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_command_variables_are_deployment_outputs() -> None:
    """Every value of the environment that a command of the page uses."""
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", "\n".join(COMMANDS)))
    assert used
    assert used <= set(provision().outputs)


def test_infrastructure_knows_every_setting() -> None:
    parameters = (INFRA / "main.parameters.json").read_text()
    told = set(re.findall(r"azd env set ([A-Z_]+)", PAGE)) | set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    assert {"ALERT_EMAIL", "LANGUAGE_DEPLOYMENT"} <= told
    assert {name for name in told if f"${{{name}" not in parameters} == set()


def test_page_lists_other_settings_with_defaults() -> None:
    parameters = (INFRA / "main.parameters.json").read_text()
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    settings = {setting.name for setting in SETTINGS} - {"LANGUAGE_KEY"}
    for name, default in re.findall(r"\$\{(\w+)=([^}]*)\}", parameters):
        if name not in settings and not name.startswith("AZURE_PRINCIPAL"):
            assert told[name] == f"`{default}`" if default else told[name].startswith("none")


def test_every_cloud_is_listed_with_scope_and_authority() -> None:
    rows = re.findall(r"^\| `https://….*\| `(https://\S+)` \| `(\S+)` \|$", PAGE, re.MULTILINE)
    assert rows == [(cloud.language_scope, cloud.authority) for cloud in CLOUDS]


def test_every_link_has_target() -> None:
    for name in ("deploy.md", "host-json.md"):
        text = (ROOT / "docs" / name).read_text()
        for link in re.findall(r"\]\(([^)]+)\)", text):
            if link.startswith("https://"):
                continue
            path, _, anchor = link.partition("#")
            target = (ROOT / "docs" / path).resolve() if path else Path(ROOT / "docs" / name)
            assert target.exists(), link
            assert not anchor or anchor in anchors(target.read_text()), link


def test_every_alert_leads_to_page() -> None:
    rules = provision().of_type("Microsoft.Insights/scheduledQueryRules")
    for rule in rules:
        for page in re.findall(r"\"(\w[\w ]+)\" in docs/deploy.md", rule.body["properties"]["description"]):
            assert page.lower().replace(" ", "-") in anchors(PAGE)


@pytest.mark.parametrize(
    "page", ["Stuck", "Poisoned", "Throttled", "Wrong key", "Model changed", "A deployment expires", "Replay"]
)
def test_operator_pages_have_all_four_parts(page: str) -> None:
    """Sign, cause, command and result."""
    (body,) = re.findall(rf"^## {page}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    parts = re.findall(r"^\*\*(\w+)\.\*\*", body, re.MULTILINE)
    assert parts == ["Sign", "Cause", "Command", "Result"]
    assert "```sh" in body


def test_page_opens_with_untested_parts() -> None:
    assert "Nothing on this page was tried against a real Azure subscription." in PAGE[:300]
