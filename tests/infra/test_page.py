"""What the deployment does for the page: nothing while it is off, and then no more than it needs."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tree_sitter
import tree_sitter_powershell
import yaml
from azure.storage.blob import BlobServiceClient

from local.stack import Stack
from tests.infra.bicep import BicepError, Deployment, walk
from tests.infra.templates import INFRA, ROOT, app_settings, provision, storage_accounts

CLIENT_ID = "22222222-2222-2222-2222-222222222222"
ENTRA = {"WEB": "entra", "WEB_CLIENT_ID": CLIENT_ID}


def cors_rules(deployment: Deployment) -> dict[str, list[dict[str, Any]]]:
    """Return the CORS rules of each account; its blob service is declared once, for a second one would remove them."""
    services = deployment.of_type("Microsoft.Storage/storageAccounts/blobServices")
    found = {one.body["parent"].body["name"]: one.body["properties"]["cors"]["corsRules"] for one in services}
    assert len(found) == len(services)
    return found


def site_configs(deployment: Deployment) -> dict[str, dict[str, Any]]:
    return {one.name: one.body["properties"] for one in deployment.of_type("Microsoft.Web/sites/config")}


def test_page_is_off_unless_asked_for() -> None:
    deployment = provision()
    assert app_settings(deployment)["WEB"] == "off"
    assert all(rules == [] for rules in cors_rules(deployment).values())
    assert set(site_configs(deployment)) == {"appsettings"}
    site = deployment.one("Microsoft.Web/sites").body["properties"]
    assert site["functionAppConfig"]["scaleAndConcurrency"]["triggers"] is None


@pytest.mark.parametrize("environment", [{"WEB": "key"}, ENTRA])
def test_own_page_may_upload(environment: dict[str, str]) -> None:
    """To the account of the documents, by PUT, from the app's own address, which is the site's."""
    deployment = provision(**environment)
    documents, host = storage_accounts(deployment)
    rules = cors_rules(deployment)
    assert rules[host.name] == []
    (rule,) = rules[documents.name]
    site = deployment.one("Microsoft.Web/sites")
    assert rule["allowedOrigins"] == [f"https://{site.name}.azurewebsites.net"]
    assert rule["allowedMethods"] == ["PUT"]
    assert "*" not in rule["allowedOrigins"] + rule["allowedHeaders"]
    scale = site.body["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["triggers"]["http"]["perInstanceConcurrency"] > 1


def test_further_origins_may_upload() -> None:
    deployment = provision(WEB="key", WEB_ORIGINS="https://a.example.org, https://b.example.org")
    (rule,) = cors_rules(deployment)[storage_accounts(deployment)[0].name]
    assert rule["allowedOrigins"][1:] == ["https://a.example.org", "https://b.example.org"]


@pytest.mark.processes
def test_local_stack_has_same_rule(tmp_path: Path) -> None:
    """But for the origins: what works on this machine works in Azure."""
    deployment = provision(WEB="key")
    (deployed,) = cors_rules(deployment)[storage_accounts(deployment)[0].name]
    stack = Stack(tmp_path, hosts=0)
    with stack.storage, BlobServiceClient.from_connection_string(stack.connection_string) as blobs:
        stack._new_host().url = "http://127.0.0.1:7071"
        stack.allow_uploads()
        (local,) = blobs.get_service_properties()["cors"]
    assert sorted(local.allowed_origins.split(",")) == ["http://127.0.0.1:7071", "http://localhost:7071"]
    assert local.allowed_methods.split(",") == deployed["allowedMethods"]
    assert local.allowed_headers.split(",") == deployed["allowedHeaders"]
    assert local.exposed_headers.split(",") == deployed["exposedHeaders"]
    assert local.max_age_in_seconds == deployed["maxAgeInSeconds"]


def test_sign_in_leaves_webhooks_alone() -> None:
    """The platform names who has signed in and lets all through; the app and the host's keys refuse."""
    settings = site_configs(provision(**ENTRA))["authsettingsV2"]
    assert settings["platform"]["enabled"] is True
    assert settings["globalValidation"] == {
        "requireAuthentication": False,
        "unauthenticatedClientAction": "AllowAnonymous",
    }
    directory = settings["identityProviders"]["azureActiveDirectory"]
    assert directory["registration"] == {
        "openIdIssuer": "https://login.microsoftonline.com/<tenant.tenantId>/v2.0",
        "clientId": CLIENT_ID,
    }
    assert directory["validation"]["defaultAuthorizationPolicy"] == {"allowedApplications": [CLIENT_ID]}
    assert settings["login"]["tokenStore"] == {"enabled": False}


def test_sign_in_needs_registration() -> None:
    with pytest.raises(BicepError, match="parameter clientId is '', against @minLength"):
        provision(WEB="entra")


def test_keys_need_no_sign_in() -> None:
    assert set(site_configs(provision(WEB="key", WEB_CLIENT_ID=CLIENT_ID))) == {"appsettings"}


# --- The hooks that register the application ---

TOOL = '''#!{python}
"""The Azure CLI or azd as far as the hooks use them: notes what it was asked, and answers from a file."""
import json, sys
from pathlib import Path

state_file = Path("{state}")
state = json.loads(state_file.read_text())
arguments = sys.argv[1:]
state["calls"].append(["{name}", *arguments])
key = " ".join(arguments[:3])
answer = state["answers"].get(key)
state_file.write_text(json.dumps(state))
if answer:
    print(answer)
sys.exit(1 if key in state["failing"] else 0)
'''


@dataclass
class Run:
    """What one run of a hook said and asked."""

    status: int
    output: str
    errors: str
    calls: list[list[str]]


class Hooks:
    """Runs a hook with azd's environment and stand-ins for the Azure CLI and for azd."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self,
        name: str,
        *,
        registered: str = "",
        failing: tuple[str, ...] = (),
        has_cli: bool = True,
        **environment: str,
    ) -> Run:
        state = self._folder / "state.json"
        answers = {"ad app list": registered, "ad app create": CLIENT_ID}
        state.write_text(json.dumps({"calls": [], "answers": answers, "failing": failing}))
        for tool in ("az", "azd") if has_cli else ():
            command = self._folder / tool
            command.write_text(TOOL.format(python=sys.executable, state=state, name=tool))
            command.chmod(0o755)
        done = subprocess.run(
            ["sh", str(INFRA / "hooks" / f"{name}.sh")],
            env={"PATH": f"{self._folder}:/usr/bin:/bin", "AZURE_ENV_NAME": "trial", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr, json.loads(state.read_text())["calls"])


@pytest.fixture
def hooks(tmp_path: Path) -> Hooks:
    return Hooks(tmp_path)


@pytest.mark.parametrize(
    "environment", [{}, {"WEB": "off"}, {"WEB": "key"}, {"WEB": "entra", "WEB_CLIENT_ID": "given"}]
)
def test_nothing_is_registered_unasked(hooks: Hooks, environment: dict[str, str]) -> None:
    for name in ("preprovision", "postprovision"):
        run = hooks.run(name, **environment)
        assert (run.status, run.calls, run.output) == (0, [], "")


def test_application_is_registered(hooks: Hooks) -> None:
    run = hooks.run("preprovision", WEB="Entra")
    assert run.status == 0, run.errors
    create = next(call for call in run.calls if call[1:4] == ["ad", "app", "create"])
    assert create[4:12] == [
        *("--display-name", "entity-drop-trial"),
        *("--sign-in-audience", "AzureADMyOrg"),
        *("--enable-id-token-issuance", "true"),
        *("--query", "appId"),
    ]
    assert ["az", "ad", "sp", "create", "--id", CLIENT_ID, "--output", "none"] in run.calls
    assert run.calls[-2:] == [
        ["azd", "env", "set", "WEB_CLIENT_ID", CLIENT_ID],
        ["azd", "env", "set", "WEB_REGISTRATION", "own"],
    ]


def test_registration_of_same_name_is_taken(hooks: Hooks) -> None:
    run = hooks.run("preprovision", WEB="entra", registered="there")
    assert not [call for call in run.calls if "create" in call]
    assert ["azd", "env", "set", "WEB_CLIENT_ID", "there"] in run.calls


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ("ad app list", "az login"),
        ("ad app create", "azd env set WEB_CLIENT_ID"),
        ("ad sp create", f"az ad sp create --id {CLIENT_ID}"),
    ],
)
def test_failed_registration_says_what_to_do(hooks: Hooks, failing: str, words: str) -> None:
    run = hooks.run("preprovision", WEB="entra", failing=(failing,))
    assert run.status == 1
    assert words in run.errors
    assert not [call for call in run.calls if call[0] == "azd"]


def test_registration_needs_azure_cli(hooks: Hooks) -> None:
    run = hooks.run("preprovision", WEB="entra", has_cli=False)
    assert (run.status, "the Azure CLI (az) is missing" in run.errors) == (1, True)


def test_redirect_address_is_set(hooks: Hooks) -> None:
    environment = {**ENTRA, "WEB_REGISTRATION": "own", "AZURE_FUNCTION_APP_URL": "https://app.example"}
    run = hooks.run("postprovision", **environment)
    address = "https://app.example/.auth/login/aad/callback"
    assert run.calls == [["az", "ad", "app", "update", "--id", CLIENT_ID, "--web-redirect-uris", address]]
    failed = hooks.run("postprovision", failing=("ad app update",), **environment)
    assert (failed.status, "azd hooks run postprovision" in failed.errors) == (1, True)
    unknown = hooks.run("postprovision", **{**environment, "AZURE_FUNCTION_APP_URL": ""})
    assert (unknown.status, "AZURE_FUNCTION_APP_URL is not set" in unknown.errors) == (1, True)


def test_deployment_names_address_of_page() -> None:
    deployment = provision()
    site = deployment.one("Microsoft.Web/sites").name
    assert deployment.outputs["AZURE_FUNCTION_APP_URL"] == f"https://<{site}.properties.defaultHostName>"


NAMES = ["preprovision", "postprovision"]


@pytest.mark.parametrize("name", NAMES)
def test_powershell_hooks_have_no_syntax_error(name: str) -> None:
    language = tree_sitter.Language(tree_sitter_powershell.language())
    root = tree_sitter.Parser(language).parse((INFRA / "hooks" / f"{name}.ps1").read_bytes()).root_node
    assert [node.start_point for node in walk(root) if node.is_error or node.is_missing] == []


@pytest.mark.parametrize("name", NAMES)
def test_hooks_of_both_shells_agree(name: str) -> None:
    """Every command of the two tools and every sentence."""

    def of(ending: str) -> tuple[list[str], set[str]]:
        joined = re.sub(r"\s*(\\|`)\n\s*", " ", (INFRA / "hooks" / f"{name}.{ending}").read_text())
        plain = joined.replace("$env:", "$").replace("$(", "")
        commands = re.findall(r"(?<!['\w])((?:az ad|azd env) [^\n]*)", plain)
        cleaned = sorted(re.sub(r"[\"'\\)]|( \|\|)? *$", "", command) for command in commands)
        sentences = {text for text in re.findall(r'"([^"]*)"', plain) if len(text.split()) > 5}
        return cleaned, {text.replace(f"{name}: ", "") for text in sentences}

    assert of("sh") == of("ps1")
    assert all(of("sh"))


@pytest.mark.parametrize("name", NAMES)
def test_azd_runs_hooks_of_both_shells(name: str) -> None:
    hooks = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"][name]
    assert ROOT / hooks["posix"]["run"] == INFRA / "hooks" / f"{name}.sh"
    assert ROOT / hooks["windows"]["run"] == INFRA / "hooks" / f"{name}.ps1"
    assert not any(hook["continueOnError"] for hook in hooks.values())
