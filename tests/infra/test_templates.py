"""The Bicep is sound, and each variant of it deploys what it should."""

import json
import re
from pathlib import Path

import pytest
from pycep import BicepParser

from tests.infra.bicep import BicepError, deploy, parse, unused_names
from tests.infra.templates import (
    EXISTING_LANGUAGE,
    INFRA,
    TEMPLATES,
    app_settings,
    parameters,
    provision,
    storage_accounts,
)

VARIANTS = {
    "as azd asks": {},
    "nobody named": {"AZURE_PRINCIPAL_ID": ""},
    "existing Language resources": {
        "EXISTING_LANGUAGE_RESOURCE_IDS": f"{EXISTING_LANGUAGE}, {EXISTING_LANGUAGE.replace('ours', 'theirs')}"
    },
    "private networking": {"PRIVATE_NETWORKING": "true", "ALLOWED_IP_RANGES": "203.0.113.7, 198.51.100.0/24"},
    "private, existing Language resource": {
        "PRIVATE_NETWORKING": "true",
        "EXISTING_LANGUAGE_RESOURCE_IDS": EXISTING_LANGUAGE,
    },
    "with a key": {"LANGUAGE_KEY": "@Microsoft.KeyVault(SecretUri=https://vault/secrets/language)"},
    "with alerts by mail": {"ALERT_EMAIL": "operator@example.org"},
    "other names": {
        "INPUT_CONTAINER": "a" * 63,
        "OUTPUT_CONTAINER": "b" * 63,
        "STATE_CONTAINER": "c" * 63,
        "JOB_QUEUE": "q" * 56,
        "GIVE_UP_HOURS": "8760",
        "ALWAYS_READY_INSTANCES": "1",
    },
}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_declare_nothing_unused(template: Path) -> None:
    parse(template)
    assert unused_names(template) == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_policy_checker_can_read_every_template(template: Path) -> None:
    """Checkov passes over what its parser does not understand; a second opinion on the syntax comes with it."""
    assert BicepParser().parse(text=template.read_text())


def test_every_module_is_used() -> None:
    used = set(re.findall(r"'modules/([\w-]+\.bicep)'", (INFRA / "main.bicep").read_text()))
    assert used == {path.name for path in (INFRA / "modules").iterdir()}


@pytest.mark.parametrize("environment", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_variant_has_unique_names(environment: dict[str, str]) -> None:
    deployment = provision(**environment)
    names = [
        (resource.type, str(resource.body.get("scope", resource.body.get("parent"))), resource.name)
        for resource in deployment.resources
    ]
    assert len(names) == len(set(names))
    assert all(len(account.name) <= 24 for account in storage_accounts(deployment))


@pytest.mark.parametrize("parameter", ["languageProject", "languageDeployment", "environmentName", "location"])
def test_parameters_without_default_are_required(parameter: str) -> None:
    with pytest.raises(BicepError, match=f"parameter {parameter} is '', against @minLength"):
        deploy(INFRA / "main.bicep", {**parameters(), parameter: ""})


def test_storage_is_locked_down() -> None:
    """No keys, no anonymous readers, no old TLS."""
    for account in storage_accounts(provision()):
        properties = account.body["properties"]
        assert properties["allowSharedKeyAccess"] is False
        assert properties["allowBlobPublicAccess"] is False
        assert properties["minimumTlsVersion"] == "TLS1_2"
        assert properties["supportsHttpsTrafficOnly"] is True


def test_language_resource_accepts_no_keys() -> None:
    account = provision().one("Microsoft.CognitiveServices/accounts")
    assert account.body["properties"]["customSubDomainName"] == account.name
    assert account.body["properties"]["disableLocalAuth"] is True
    assert "LANGUAGE_KEY" not in app_settings(provision())


def test_key_option_enables_keys() -> None:
    deployment = provision(LANGUAGE_KEY="a-key")
    assert deployment.one("Microsoft.CognitiveServices/accounts").body["properties"]["disableLocalAuth"] is False
    assert app_settings(deployment)["LANGUAGE_KEY"] == "a-key"


def test_key_is_always_secure_parameter() -> None:
    for template in ("main.bicep", "modules/function-app.bicep"):
        text = (INFRA / template).read_text()
        for name in ("languageKey", "documentIntelligenceKey"):
            assert re.search(rf"@secure\(\)\nparam {name} string", text)


def test_existing_language_resources_are_used() -> None:
    deployment = provision(EXISTING_LANGUAGE_RESOURCE_IDS=f"{EXISTING_LANGUAGE},{EXISTING_LANGUAGE}-2")
    assert deployment.of_type("Microsoft.CognitiveServices/accounts") == []
    assert app_settings(deployment)["LANGUAGE_ENDPOINT"] == "<ours.properties.endpoint>"


def test_private_networking_closes_public_access() -> None:
    deployment = provision(PRIVATE_NETWORKING="true", ALLOWED_IP_RANGES="203.0.113.7")
    documents, host = (account.body["properties"]["networkAcls"] for account in storage_accounts(deployment))
    assert documents["defaultAction"] == host["defaultAction"] == "Deny"
    assert documents["ipRules"] == [{"value": "203.0.113.7", "action": "Allow"}]
    assert host["ipRules"] == []
    language = deployment.one("Microsoft.CognitiveServices/accounts").body["properties"]
    assert language["publicNetworkAccess"] == "Disabled"
    zones = {zone.name for zone in deployment.of_type("Microsoft.Network/privateDnsZones")}
    assert zones == {
        "privatelink.blob.core.windows.net",
        "privatelink.queue.core.windows.net",
        "privatelink.cognitiveservices.azure.com",
    }
    reached = {
        (connection["properties"]["privateLinkServiceId"], *connection["properties"]["groupIds"])
        for endpoint in deployment.of_type("Microsoft.Network/privateEndpoints")
        for connection in endpoint.body["properties"]["privateLinkServiceConnections"]
    }
    names = [account.name for account in storage_accounts(deployment)]
    assert reached == {
        *((f"<{name}.id>", service) for name in names for service in ("blob", "queue")),
        (f"<{deployment.one('Microsoft.CognitiveServices/accounts').name}.id>", "account"),
    }
    site = deployment.one("Microsoft.Web/sites").body["properties"]
    assert site["virtualNetworkSubnetId"]
    assert [rule["ipAddress"] for rule in site["siteConfig"]["ipSecurityRestrictions"]] == ["AzureEventGrid"]


def test_package_is_reached_without_key() -> None:
    """The app runs a supported Python from it."""
    config = provision().one("Microsoft.Web/sites").body["properties"]["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.12"}
    assert config["deployment"]["storage"]["authentication"]["type"] == "UserAssignedIdentity"


def test_only_stale_blobs_are_deleted() -> None:
    """Documents, results and records must never be among the prefixes, whatever the containers are called."""
    deployment = provision(STATE_CONTAINER="records", GIVE_UP_HOURS="1000.5", JOURNAL_DAYS="30")
    ages = {
        prefix: rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
        for policy in deployment.of_type("Microsoft.Storage/storageAccounts/managementPolicies")
        for rule in policy.body["properties"]["policy"]["rules"]
        for prefix in rule["definition"]["filters"]["prefixMatch"]
    }
    assert ages == {
        "records/pieces/": 1000 // 24 + 7,
        "records/extracted/": 1000 // 24 + 7,
        "records/journal/": 30,
        "azure-webjobs-hosts/blobreceipts/": 180,
        "event-dead-letters/": 90,
    }


def test_every_suppressed_policy_has_reason() -> None:
    for template in TEMPLATES:
        for reason in re.findall(r"checkov:skip=CKV\w+(.*)", template.read_text()):
            assert len(reason.split()) >= 8, f"{template.name}: {reason}"


def test_parameters_file_is_complete() -> None:
    template = (INFRA / "main.bicep").read_text()
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert set(given) == set(re.findall(r"^param (\w+)", template, re.MULTILINE))
