"""One list of settings: infrastructure and local sample give the app what `SETTINGS` names, and nothing else."""

import json
from collections.abc import Mapping

from functions.cli.environment import AZD_NAMES
from functions.settings import SETTINGS, Settings
from tests.infra.templates import ROOT, app_settings, provision

NAMES = {setting.name for setting in SETTINGS}
PLATFORM = {"AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME", "PYTHON_THREADPOOL_THREAD_COUNT"}
"""Settings of the host and the worker, not of the app, that the local sample gives."""

DEPLOYED_PLATFORM = {
    "AZURE_CLIENT_ID",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_ENABLE_OPENTELEMETRY",
    "PYTHON_THREADPOOL_THREAD_COUNT",
}


def sample() -> dict[str, str]:
    return json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]


def concrete(settings: Mapping[str, str]) -> dict[str, str]:
    """Put addresses in the place of those that only Azure knows."""
    insights = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://127.0.0.1:9/"
    client_id = "11111111-1111-1111-1111-111111111111"
    known = {"APPLICATIONINSIGHTS_CONNECTION_STRING": insights, "AZURE_CLIENT_ID": client_id}

    def value_of(name: str, value: str) -> str:
        if not value.startswith("<"):
            return value
        return known.get(name) or (client_id if name.endswith("clientId") else "https://account.example.net")

    return {name: value_of(name, value) for name, value in settings.items()}


def test_every_setting_has_value() -> None:
    given = {name.split("__")[0] for name in app_settings(provision())}
    without = {setting.name for setting in SETTINGS if setting.name not in given}
    assert without == {"LANGUAGE_KEY", "LANGUAGE_KEYS", "DOCUMENT_INTELLIGENCE_KEY"}


def test_no_unread_setting_is_given() -> None:
    given = {name.split("__")[0] for name in app_settings(provision(LANGUAGE_KEY="k"))}
    assert given - NAMES - {"AzureWebJobsStorage"} == DEPLOYED_PLATFORM


def test_deployed_settings_mean_defaults_and_identity() -> None:
    settings = Settings.from_env(concrete(app_settings(provision())))
    required = {"LANGUAGE_ENDPOINT": "https://account.example.net", "DocumentStorage": "UseDevelopmentStorage=true"}
    defaults = Settings.from_env({**required, "LANGUAGE_PROJECT": "loans", "LANGUAGE_DEPLOYMENT": "production"})
    different = {
        name for name in settings.__slots__ if getattr(settings, name) != getattr(defaults, name) and name != "storage"
    }
    assert different == {"blob_trigger_source", "language_client_id"}
    assert settings.language_client_id == settings.storage.client_id
    assert settings.blob_trigger_source == "EventGrid"
    assert settings.language_key is None
    assert settings.storage.connection_string is None
    assert settings.storage.credential == "managedidentity"
    assert settings.storage.client_id


def test_azd_settings_reach_app() -> None:
    """Each under its own name."""
    changed = {
        setting.name: f"changed-{setting.name}"
        for setting in SETTINGS
        if setting.name
        not in {"LANGUAGE_ENDPOINT", "DocumentStorage", "BLOB_TRIGGER_SOURCE", "GIVE_UP_HOURS", "JOURNAL_DAYS"}
    }
    settings = app_settings(provision(**changed))
    assert {name: settings[name] for name in changed} == changed


def test_several_resources_replace_the_one() -> None:
    endpoints = "https://a.cognitiveservices.azure.com,https://b.cognitiveservices.azure.com"
    settings = Settings.from_env(concrete(app_settings(provision(LANGUAGE_ENDPOINTS=endpoints))))
    assert [one.name for one in settings.language_resources] == [
        "a.cognitiveservices.azure.com",
        "b.cognitiveservices.azure.com",
    ]


def test_azd_environment_is_enough_for_commands() -> None:
    """What the deployment ends with, and the two settings that nobody can do without."""
    deployment = provision()
    outputs = {name: str(value) for name, value in deployment.outputs.items()}
    assert set(AZD_NAMES) <= set(outputs)
    model = {"LANGUAGE_PROJECT": "loans", "LANGUAGE_DEPLOYMENT": "production"}
    given = {AZD_NAMES.get(name, name): value for name, value in outputs.items()} | model
    settings = Settings.from_env(concrete(given))
    assert settings.storage.connection_string is None
    assert settings.input_container == "documents"


def test_local_sample_lists_exactly_defaults() -> None:
    """Every setting with its default, and nothing else."""
    values = sample()
    assert set(values) - PLATFORM == NAMES
    for setting in SETTINGS:
        if setting.default is not None:
            assert values[setting.name] == setting.default


def test_local_sample_is_accepted() -> None:
    settings = Settings.from_env(sample())
    assert settings.language_key is None
    assert settings.ignore_documents_before is None


def test_local_sample_has_no_secret() -> None:
    assert {name for name, value in sample().items() if "key" in name.lower() and value} == set()
