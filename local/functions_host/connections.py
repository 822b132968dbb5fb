"""App settings: the settings file, `%NAME%` expressions, and the two forms of a storage connection.

Rules: the Functions host's `IConfigurationExtensions.GetWebJobsConnectionSection`, `StorageClientProvider` and
`NameResolverExtensions` (azure-webjobs-sdk, read October 2024); Core Tools' handling of `local.settings.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from local.functions_host.errors import StartError

HOST_CONNECTION = "AzureWebJobsStorage"
"""The connection of the host's own blobs and queues, and of a trigger that names none."""

_EMULATOR_ACCOUNT = "devstoreaccount1"
# The emulator's well-known key, the same on every machine: learn.microsoft.com, "Connect to Azurite", November 2026.
_EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def read_settings_file(path: Path) -> dict[str, str]:
    """Return the `Values` of a file shaped like `local.settings.json`; raises `StartError` saying what is wrong."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise StartError([f"The settings file '{path}' cannot be read: {exc.strerror}."]) from exc
    except ValueError as exc:
        raise StartError([f"The settings file '{path}' is not JSON: {exc}."]) from exc
    if not isinstance(content, dict):
        raise StartError([f"The settings file '{path}' must hold a JSON object with a 'Values' object."])
    if content.get("IsEncrypted"):
        raise StartError([f"The settings file '{path}' is encrypted; run `func settings decrypt` and start again."])
    values = content.get("Values", {})
    if not isinstance(values, dict):
        raise StartError([f"'Values' in the settings file '{path}' must be an object of names and texts."])
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        names = ", ".join(sorted(wrong))
        raise StartError([f"In '{path}' every value must be a text in quotes; these are not: {names}."])
    return values


def apply_settings(values: Mapping[str, str], environ: MutableMapping[str, str]) -> list[str]:
    """Put the settings into the environment and return the names that were left alone.

    A variable that the environment has already is not overridden, as with Core Tools.
    """
    skipped = [name for name in values if name in environ]
    environ.update({name: value for name, value in values.items() if name not in environ})
    return skipped


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """Replace each `%NAME%` in `text` by the setting of that name; raises `ValueError` naming the missing one."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in settings:
            raise ValueError(f"'%{name}%' does not resolve to a value; add the app setting '{name}'")
        return settings[name]

    resolved = re.sub(r"%([^%]*)%", value, text)
    if text.count("%") % 2:
        raise ValueError(f"'{text}' holds a '%' without a partner; write '%NAME%' for the app setting NAME")
    return resolved


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a storage account is and how to prove who we are: with a key, a SAS, or (neither) an identity."""

    name: str
    account: str
    blob_url: str
    queue_url: str
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    client_id: str | None = None

    @property
    def uses_identity(self) -> bool:
        """Microsoft Entra ID tokens are needed, because there is neither a key nor a SAS."""
        return self.key is None and self.sas is None


def find_connection(name: str, settings: Mapping[str, str]) -> Connection:
    """Return the storage connection called `name`; raises `ValueError` saying which settings are missing.

    As in the .NET host, `AzureWebJobs<name>` is looked for before `<name>`, a plain value is a connection string, and
    without one the identity form counts: `<name>__blobServiceUri` with `<name>__queueServiceUri`, or `__accountName`.
    """
    for candidate in (f"AzureWebJobs{name}", name):
        if settings.get(candidate):
            return _from_connection_string(candidate, settings[candidate])
        if any(key.startswith(f"{candidate}__") for key in settings):
            return _from_identity(candidate, settings)
    raise ValueError(
        f"the storage connection '{name}' has no app setting; set '{name}' to a connection string, "
        f"or '{name}__blobServiceUri' and '{name}__queueServiceUri'"
    )


def _from_identity(name: str, settings: Mapping[str, str]) -> Connection:
    account = settings.get(f"{name}__accountName", "")
    urls = {}
    for service in ("blob", "queue"):
        urls[service] = settings.get(f"{name}__{service}ServiceUri", "").rstrip("/")
        if not urls[service]:
            if not account:
                raise ValueError(
                    f"'{name}__{service}ServiceUri' is not set; a trigger needs both addresses of '{name}'"
                )
            urls[service] = f"https://{account}.{service}.core.windows.net"
    return Connection(
        name=name,
        account=account or urls["blob"].split("://")[-1].split(".")[0],
        blob_url=urls["blob"],
        queue_url=urls["queue"],
        client_id=settings.get(f"{name}__clientId"),
    )


def _from_connection_string(name: str, text: str) -> Connection:
    parts = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, separator, value = part.partition("=")
        if not separator:
            raise ValueError(
                f"the connection string in '{name}' has a part without '='; copy it again from the account"
            )
        parts[key.lower()] = value
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        base = f"http://127.0.0.1:{{port}}/{_EMULATOR_ACCOUNT}"
        return Connection(name, _EMULATOR_ACCOUNT, base.format(port=10000), base.format(port=10001), _EMULATOR_KEY)
    account = parts.get("accountname", "")
    urls = [parts.get(f"{service}endpoint", "").rstrip("/") for service in ("blob", "queue")]
    if account:
        scheme, suffix = parts.get("defaultendpointsprotocol", "https"), parts.get("endpointsuffix", "core.windows.net")
        names = ("blob", "queue")
        urls = [url or f"{scheme}://{account}.{service}.{suffix}" for url, service in zip(urls, names, strict=True)]
    if not all(urls) or not (parts.get("accountkey") or parts.get("sharedaccesssignature")):
        raise ValueError(f"the connection string in '{name}' lacks an account with its key, or endpoints with a SAS")
    sas = parts.get("sharedaccesssignature", "").lstrip("?") or None
    return Connection(name, account, urls[0], urls[1], parts.get("accountkey"), sas)
