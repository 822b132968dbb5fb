"""Where a command finds the app's settings: a file, the environment, or the environment of azd."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..errors import SettingsError
from ..settings import KEY_VAULT_REFERENCE, Settings
from ..storage_connection import BLOB_URI, QUEUE_URI

AZD_NAMES = {"AZURE_STORAGE_BLOB_URI": BLOB_URI, "AZURE_STORAGE_QUEUE_URI": QUEUE_URI}
"""What infra/main.bicep gives azd, and the settings that it stands for."""


def read_settings(file: Path | None, *, azd: bool, azd_environment: str | None) -> Settings:
    """Return the settings that a command works with. Raises `SettingsError` with everything that is wrong."""
    return Settings.from_env(read_values(file, azd=azd, azd_environment=azd_environment))


def read_values(file: Path | None, *, azd: bool, azd_environment: str | None) -> Mapping[str, str]:
    """Return the values that settings are read from, and whatever else is beside them. Raises `SettingsError`."""
    if file:
        return from_file(file)
    if azd or azd_environment:
        return {**_identity_of(os.environ), **from_azd(azd_environment)}
    return os.environ


def event_subscription_of(values: Mapping[str, str]) -> str | None:
    """Return the resource id of the event subscription of a deployment by azd; None where its values do not say."""
    names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_SYSTEM_TOPIC_NAME")
    subscription, group, topic = (values.get(name, "") for name in names)
    if not (subscription and group and topic):
        return None
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventGrid/systemTopics/{topic}"
        "/eventSubscriptions/documents-to-submit"
    )


def from_file(file: Path) -> dict[str, str]:
    """Return the settings in a file of the form of `local.settings.json`. Raises `SettingsError`."""
    try:
        values = json.loads(file.read_text("utf-8-sig"))["Values"]
        return {str(name): str(value) for name, value in values.items()}
    except OSError as error:
        raise SettingsError([f"{file} can not be read: {error.strerror or type(error).__name__}."]) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise SettingsError([f'{file} is not of the form of local.settings.json: {{"Values": {{...}}}}.']) from None


def from_azd(environment: str | None) -> dict[str, str]:
    """Return the settings in an environment of azd, the default one where none is named. Raises `SettingsError`."""
    program = shutil.which("azd")
    if not program:
        raise SettingsError(["azd is not installed here; use --settings FILE, or set the settings as variables."])
    named = ["--environment", environment] if environment else []
    done = subprocess.run(  # noqa: S603 - azd with fixed arguments
        [program, "env", "get-values", "--output", "json", *named], capture_output=True, text=True, check=False
    )
    try:
        values = json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        told = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[0]
        raise SettingsError([f"azd gives no values of its environment: {told}"])
    given = {AZD_NAMES.get(str(name), str(name)): str(value) for name, value in values.items()}
    if given.get("LANGUAGE_ENDPOINTS"):
        given.pop("LANGUAGE_ENDPOINT", None)  # The deployment ends with the first resource, whether or not it is used.
    # Only the platform can follow a reference to a key vault; without the key one's own identity is used.
    return {name: value for name, value in given.items() if not value.startswith(KEY_VAULT_REFERENCE)}


def _identity_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that azure-identity reads by itself, for they hold whatever the settings say."""
    return {name: environ[name] for name in ("AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID") if name in environ}
