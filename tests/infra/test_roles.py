"""The least roles that do the job, each with its reason, each used, none wider than said."""

import json
import re
from typing import Any

import pytest

from tests.infra.bicep import Deployment, Resource
from tests.infra.templates import EXISTING_LANGUAGE, INFRA, ROOT, provision, storage_accounts

ROLES: dict[str, dict[str, str]] = json.loads((INFRA / "roles.json").read_text())

BUILT_IN = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Queue Data Reader": "19e7f393-937e-4f77-808e-94535e297925",
    "Cognitive Services Language Reader": "7628b7b8-a8b2-4cdc-b46f-e9b35248918e",
    "Cognitive Services Language Owner": "f07febfe-79bc-46b1-8b37-790e26e6e498",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
"""Ids of built-in roles: learn.microsoft.com, "Azure built-in roles" (read 2026)."""


def granted(deployment: Deployment) -> set[tuple[str, str, str]]:
    """Return who has which role on what, in the words of roles.json."""
    return {grant(assignment) for assignment in deployment.of_type("Microsoft.Authorization/roleAssignments")}


def grant(assignment: Resource) -> tuple[str, str, str]:
    properties: dict[str, Any] = assignment.body["properties"]
    (key,) = (key for key, role in ROLES.items() if role["why"] == properties["description"])
    scope = assignment.body["scope"]
    return key, str(properties["principalId"]), str(scope.body["name"])


@pytest.mark.parametrize("key", ROLES)
def test_every_role_is_built_in(key: str) -> None:
    """Under its own name, with a reason."""
    role = ROLES[key]
    assert role["id"] == BUILT_IN[role["role"]]
    assert role["why"].endswith(".")
    assert len(role["why"].split()) >= 10


def test_exactly_listed_roles_are_assigned() -> None:
    assignments = provision().of_type("Microsoft.Authorization/roleAssignments")
    assert {grant(assignment)[0] for assignment in assignments} == set(ROLES)
    for assignment in assignments:
        role = ROLES[grant(assignment)[0]]
        assert assignment.body["properties"]["roleDefinitionId"].endswith(role["id"])


def test_templates_name_listed_roles_only() -> None:
    """But for samples, which are copied and deployed by themselves."""
    for template in (template for template in INFRA.rglob("*.bicep") if template.parent.name != "samples"):
        assert not re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", template.read_text()), template.name


def test_app_has_only_needed_roles() -> None:
    deployment = provision(AZURE_PRINCIPAL_ID="", INPUT_CONTAINER="inbox", JOB_QUEUE="work")
    _, host = storage_accounts(deployment)
    language = deployment.one("Microsoft.CognitiveServices/accounts").name
    identity = deployment.one("Microsoft.ManagedIdentity/userAssignedIdentities").name
    insights = deployment.one("Microsoft.Insights/components").name
    topic = deployment.one("Microsoft.EventGrid/systemTopics").name
    app = f"<{identity}.properties.principalId>"
    assert granted(deployment) == {
        ("appHostBlobs", app, host.name),
        ("appHostQueues", app, host.name),
        ("appDocuments", app, "inbox"),
        ("appResults", app, "entities"),
        ("appResults", app, "extraction-state"),
        ("appQueues", app, "work"),
        ("appQueues", app, "work-poison"),
        ("appQueues", app, "webjobs-blobtrigger-poison"),
        ("appLanguage", app, language),
        ("appTelemetry", app, insights),
        ("topicDeadLetters", f"<{topic}.identity.principalId>", "event-dead-letters"),
        ("languageTraining", f"<{language}.identity.principalId>", "training-documents"),
    }


def test_documents_account_has_no_roles() -> None:
    """With a role on the account, a name with `..` in it would reach every container."""
    deployment = provision()
    documents, host = storage_accounts(deployment)
    scopes = {grant(assignment)[2] for assignment in deployment.of_type("Microsoft.Authorization/roleAssignments")}
    assert host.name in scopes
    assert documents.name not in scopes


def test_narrow_roles_are_on_documents_account() -> None:
    deployment = provision()
    documents, _ = storage_accounts(deployment)
    below = 0
    for assignment in deployment.of_type("Microsoft.Authorization/roleAssignments"):
        scope = assignment.body["scope"].body
        if "parent" in scope:
            below += 1
            assert scope["parent"].body["parent"].body["name"] == documents.name
    assert below == 16


def test_deployer_writes_documents_only() -> None:
    deployment = provision(AZURE_PRINCIPAL_ID="me", INPUT_CONTAINER="inbox")
    mine = {(key, scope) for key, principal, scope in granted(deployment) if principal == "me"}
    assert mine == {
        ("personDocuments", "inbox"),
        ("personDocuments", "training-documents"),
        ("personReading", "entities"),
        ("personReading", "extraction-state"),
        ("personReading", "event-dead-letters"),
        ("personQueues", "extraction-jobs"),
        ("personQueues", "extraction-jobs-poison"),
        ("personQueues", "webjobs-blobtrigger-poison"),
        ("personLanguage", deployment.one("Microsoft.CognitiveServices/accounts").name),
    }


def test_documentation_lists_every_assignment() -> None:
    deployment = provision(AZURE_PRINCIPAL_ID="me")
    _, host = storage_accounts(deployment)
    who = {"app": "the app", "topic": "Event Grid", "language": "the Language resource", "person": "you"}
    scopes = {
        host.name: "the host's account",
        "documents": "the intake container",
        "entities": "the output container",
        "extraction-state": "the state container",
        "event-dead-letters": "the dead-letter container",
        "training-documents": "the training container",
        "extraction-jobs": "the job queue",
        "extraction-jobs-poison": "the two poison queues",
        "webjobs-blobtrigger-poison": "the two poison queues",
        deployment.one("Microsoft.CognitiveServices/accounts").name: "the Language resource",
        deployment.one("Microsoft.Insights/components").name: "Application Insights",
    }
    page = (ROOT / "docs" / "deploy.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| ((?:Storage|Cognitive|Monitoring)[^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == {
        (who[re.match("[a-z]+", key)[0]], ROLES[key]["role"], scopes[scope])  # type: ignore[index]
        for key, _, scope in granted(deployment)
    }


def test_app_may_use_given_language_resources() -> None:
    ids = f"{EXISTING_LANGUAGE},{EXISTING_LANGUAGE}-standby"
    deployment = provision(EXISTING_LANGUAGE_RESOURCE_IDS=ids)
    assert {scope for key, _, scope in granted(deployment) if key == "appLanguage"} == {"ours", "ours-standby"}
