"""The hook subscribes the app after a deployment: patiently, repeatably, and with a clear word when it cannot.

The Azure CLI is stood in for by a small program that answers from a file, evaluates the hook's queries with the same
query language (JMESPath) and writes down what it was asked. PowerShell is not installed here, so that script is
parsed and compared with the tested one.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_powershell
import yaml

from tests.infra.bicep import walk
from tests.infra.templates import INFRA, ROOT, provision

SHELL = INFRA / "hooks" / "postdeploy.sh"
POWERSHELL = INFRA / "hooks" / "postdeploy.ps1"

AZURE_CLI = '''#!{python}
"""The Azure CLI as far as the hook uses it. State: how often the key is still missing, how often a deployment fails."""
import json, sys, jmespath
from pathlib import Path

arguments = sys.argv[1:]
state_file = Path("{state}")
state = json.loads(state_file.read_text())
state["calls"].append(arguments)
answer, status = None, 0
if arguments[:2] == ["account", "show"]:
    status = 0 if state["signed_in"] else 1
    answer = {{"id": "s-1"}}
elif arguments[:3] == ["functionapp", "keys", "list"]:
    keys = dict(masterKey="secret-master", functionKeys={{}}, systemKeys={{"blobs_extension": "secret-webhook"}})
    if state["looks_without_key"]:
        state["looks_without_key"] -= 1
        keys["systemKeys"] = None
    answer = keys
elif arguments[:3] == ["deployment", "group", "create"]:
    if state["failing_deployments"]:
        state["failing_deployments"] -= 1
        print("the webhook did not answer", file=sys.stderr)
        status = 1
else:
    status = 2
state_file.write_text(json.dumps(state))
if "--query" in arguments and status == 0:
    print(json.dumps(jmespath.search(arguments[arguments.index("--query") + 1], answer)))
sys.exit(status)
'''


@dataclass
class Run:
    """What one run of the hook said and asked."""

    status: int
    output: str
    errors: str
    calls: list[list[str]]

    @property
    def deployments(self) -> list[list[str]]:
        """The deployments it asked for."""
        return [call for call in self.calls if call[:3] == ["deployment", "group", "create"]]


class Hook:
    """Runs the hook with azd's environment and a stand-in for the Azure CLI."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": f"{folder}:/usr/bin:/bin",
            "AZURE_SUBSCRIPTION_ID": "s-1",
            "WAIT_SECONDS": "0",
            **provision().outputs,
        }

    def run(
        self, *, looks_without_key: int = 0, failing_deployments: int = 0, signed_in: bool = True, **environment: str
    ) -> Run:
        state = self.folder / "state.json"
        state.write_text(
            json.dumps(
                {
                    "calls": [],
                    "looks_without_key": looks_without_key,
                    "failing_deployments": failing_deployments,
                    "signed_in": signed_in,
                }
            )
        )
        command = self.folder / "az"
        command.write_text(AZURE_CLI.format(python=sys.executable, state=state))
        command.chmod(0o755)
        done = subprocess.run(
            ["sh", str(SHELL)],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        return Run(done.returncode, done.stdout, done.stderr, json.loads(state.read_text())["calls"])


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def test_hook_subscribes_app_to_container(hook: Hook) -> None:
    run = hook.run()
    assert run.status == 0, run.errors
    assert "now reach the app" in run.output
    (deployment,) = run.deployments
    template = Path(deployment[deployment.index("--template-file") + 1])
    assert template.resolve() == INFRA / "event-subscription.bicep"
    given = dict(part.split("=", 1) for part in deployment[deployment.index("--parameters") + 1 :])
    outputs = provision().outputs
    assert given == {
        "functionAppName": outputs["AZURE_FUNCTION_APP_NAME"],
        "systemTopicName": outputs["AZURE_SYSTEM_TOPIC_NAME"],
        "storageAccountName": outputs["AZURE_STORAGE_ACCOUNT_NAME"],
        "inputContainer": "documents",
        "deadLetterContainer": "event-dead-letters",
    }


def test_parameters_match_template() -> None:
    declared = set(re.findall(r"^param (\w+)", (INFRA / "event-subscription.bicep").read_text(), re.MULTILINE))
    for script in (SHELL, POWERSHELL):
        assert set(re.findall(r"\b(\w+)=\"?\$(?:env:)?[A-Z_]+\"?", script.read_text())) == declared


def test_waits_for_webhook_key(hook: Hook) -> None:
    run = hook.run(looks_without_key=3)
    assert run.status == 0, run.errors
    assert run.output.count("waiting for the app") == 3
    assert len(run.deployments) == 1


def test_never_shows_key(hook: Hook) -> None:
    run = hook.run(looks_without_key=1)
    assert "secret" not in run.output + run.errors + json.dumps(run.calls)


def test_repeated_run_asks_same_deployment(hook: Hook) -> None:
    assert hook.run().deployments == hook.run().deployments


def test_retries_failed_subscription(hook: Hook) -> None:
    run = hook.run(failing_deployments=4)
    assert run.status == 0, run.errors
    assert len(run.deployments) == 5


def test_gives_up_after_five_subscriptions(hook: Hook) -> None:
    """And says what follows."""
    run = hook.run(failing_deployments=99)
    assert run.status == 1
    assert len(run.deployments) == 5
    assert "the webhook did not answer" in run.errors
    assert "only by the nightly reconcile" in run.errors
    assert "azd hooks run postdeploy" in run.errors


def test_gives_up_when_app_fails(hook: Hook) -> None:
    """And says where to look."""
    run = hook.run(looks_without_key=99, ATTEMPTS="3")
    assert run.status == 1
    assert run.deployments == []
    assert "did not start its blob trigger after 3 looks" in run.errors
    assert f"Application Insights {provision().outputs['AZURE_APPLICATION_INSIGHTS_NAME']}" in run.errors


@pytest.mark.parametrize(
    "name", ["AZURE_SUBSCRIPTION_ID", "AZURE_FUNCTION_APP_NAME", "INPUT_CONTAINER", "EVENT_DEAD_LETTER_CONTAINER"]
)
def test_names_missing_value(hook: Hook, name: str) -> None:
    run = hook.run(**{name: ""})
    assert run.status == 1
    assert run.calls == []
    assert f"{name} is not set" in run.errors


def test_asks_to_sign_in(hook: Hook) -> None:
    run = hook.run(signed_in=False)
    assert run.status == 1
    assert "az login" in run.errors
    assert run.deployments == []


def test_asks_for_azure_cli(hook: Hook) -> None:
    run = hook.run(PATH="/usr/bin:/bin")
    assert run.status == 1
    assert "the Azure CLI (az) is missing" in run.errors


def test_powershell_script_has_no_syntax_error() -> None:
    language = tree_sitter.Language(tree_sitter_powershell.language())
    root = tree_sitter.Parser(language).parse(POWERSHELL.read_bytes()).root_node
    assert [node.start_point for node in walk(root) if node.is_error or node.is_missing] == []


def test_both_scripts_send_same_requests() -> None:
    """Every `az` command, option by option, with the two languages' ways to write a variable made one."""

    def commands(script: Path) -> list[str]:
        joined = re.sub(r"\s*(\\|`)\n\s*", " ", script.read_text())
        found = re.findall(r"\baz (?:account|functionapp|deployment) .*", joined)
        ends = re.compile(r"( >/dev/null.*| 2>.*| \| Out-.*| \|\|)$")
        plain = (ends.sub("", command).replace("$PSScriptRoot", "$here").replace("$env:", "$") for command in found)
        return sorted(re.sub(r"[\"'`\\]", "", command) for command in plain)

    assert commands(SHELL) == commands(POWERSHELL)
    assert len(commands(SHELL)) == 3


def test_both_scripts_print_same() -> None:
    """Every text of more than five words, with the two languages' ways to write variables and long texts made one."""

    def texts(script: Path) -> set[str]:
        joined = re.sub(r"\\\n|\" \+\n\s*\"", "", script.read_text())
        plain = joined.replace("$env:", "$").replace("waitSeconds", "wait_seconds")
        return {
            found for found in re.findall(r'"([^"]*)"', plain) if len(found.split()) > 5 and "contains(" not in found
        }

    assert texts(SHELL) == texts(POWERSHELL)
    assert len(texts(SHELL)) == 8


def test_azd_runs_both_scripts() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    hooks = project["hooks"]["postdeploy"]
    assert ROOT / hooks["posix"]["run"] == SHELL
    assert ROOT / hooks["windows"]["run"] == POWERSHELL
    assert not any(hook["continueOnError"] for hook in hooks.values())


def test_azd_finds_app_by_its_tag() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    (service,) = project["services"]
    assert provision().one("Microsoft.Web/sites").body["tags"]["azd-service-name"] == service
