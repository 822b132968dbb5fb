"""What `azd provision` would deploy: main.parameters.json filled from an azd environment, then evaluated."""

import json
import re
from pathlib import Path
from typing import Any

from tests.infra.bicep import Deployment, Resource, deploy

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
TEMPLATES = sorted(INFRA.rglob("*.bicep"))

ENVIRONMENT = {
    "AZURE_ENV_NAME": "trial",
    "AZURE_LOCATION": "westeurope",
    "AZURE_PRINCIPAL_ID": "11111111-1111-1111-1111-111111111111",
    "LANGUAGE_PROJECT": "loans",
    "LANGUAGE_DEPLOYMENT": "production",
}
"""What azd and its questions put into a new environment."""

EXISTING_LANGUAGE = "/subscriptions/s-1/resourceGroups/rg-language/providers/Microsoft.CognitiveServices/accounts/ours"


def parameters(**environment: str) -> dict[str, Any]:
    """Return the deployment parameters that azd makes of its environment: `${NAME}` and `${NAME=default}` replaced."""
    values = {**ENVIRONMENT, **environment}

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(part) for key, part in value.items()}
        return re.sub(r"\$\{(\w+)(?:=([^}]*))?\}", lambda match: values.get(match[1]) or match[2] or "", value)

    content = json.loads((INFRA / "main.parameters.json").read_text())
    return {name: fill(parameter["value"]) for name, parameter in content["parameters"].items()}


def provision(**environment: str) -> Deployment:
    """Return what `azd provision` would create in this environment."""
    return deploy(INFRA / "main.bicep", parameters(**environment))


def storage_accounts(deployment: Deployment) -> tuple[Resource, Resource]:
    """Return the account of the documents and that of the host."""
    by_name = {account.name: account for account in deployment.of_type("Microsoft.Storage/storageAccounts")}
    names = (deployment.outputs["AZURE_STORAGE_ACCOUNT_NAME"], deployment.outputs["AZURE_HOST_STORAGE_ACCOUNT_NAME"])
    assert set(by_name) == set(names)
    return by_name[names[0]], by_name[names[1]]


def within(account: Resource, deployment: Deployment, kind: str) -> set[str]:
    """Return the names of the containers or queues (`kind` is their type) of an account."""
    return {
        resource.name
        for resource in deployment.of_type(kind)
        if resource.body["parent"].body["parent"].body["name"] == account.name
    }


def app_settings(deployment: Deployment) -> dict[str, str]:
    """Return the app settings of the deployed function app."""
    (settings,) = [one for one in deployment.of_type("Microsoft.Web/sites/config") if one.name == "appsettings"]
    properties: dict[str, str] = settings.body["properties"]
    return properties


def event_subscription(outputs: dict[str, str]) -> dict[str, Any]:
    """Return the properties of the event subscription that the hooks would create after this deployment."""
    template = INFRA / "event-subscription.bicep"
    parameters = {
        "functionAppName": outputs["AZURE_FUNCTION_APP_NAME"],
        "systemTopicName": outputs["AZURE_SYSTEM_TOPIC_NAME"],
        "storageAccountName": outputs["AZURE_STORAGE_ACCOUNT_NAME"],
        "inputContainer": outputs["INPUT_CONTAINER"],
        "deadLetterContainer": outputs["EVENT_DEAD_LETTER_CONTAINER"],
    }
    return deploy(template, parameters).one("Microsoft.EventGrid/systemTopics/eventSubscriptions").body["properties"]
