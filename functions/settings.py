"""The app settings: one list, read once into one frozen object, all problems reported together.

`SETTINGS` is the only place that names a setting, its default and its meaning. The README's table, the sample of
local settings and the Bicep app settings are compared with it by tests.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .errors import SettingsError

PREVIEW_API_VERSION = "v3.1-preview.ct.1"
"""The API of 2021 that the first custom entity recognition projects used: other paths, other bodies."""

BLOB_TRIGGER_SOURCES = ("LogsAndContainerScan", "EventGrid")
STRING_INDEX_TYPES = ("UnicodeCodePoint", "Utf16CodeUnit", "TextElements_v8")


class Setting(NamedTuple):
    """One app setting: its name, its default as text (`None`: it has none), its reader and its meaning."""

    name: str
    default: str | None
    parse: Callable[[str], Any]
    meaning: str
    required: bool = False


class Secret(str):
    """A text that does not show itself in logs, tracebacks and debuggers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('**********')"


@dataclass(frozen=True, slots=True)
class StorageConnection:
    """How to reach the storage account: a connection string, or the two service addresses and an identity."""

    connection_string: Secret | None = None
    blob_service_uri: str | None = None
    queue_service_uri: str | None = None
    credential: str | None = None
    client_id: str | None = None


# --- Readers: each takes the text of a setting and returns its value, or raises ValueError with what is expected. ---


def _text(value: str) -> str:
    return value


def _key(value: str) -> Secret:
    # It travels in a header, which takes nothing else; what is pasted from a page may have an invisible character.
    if value.isascii() and value.isprintable() and " " not in value:
        return Secret(value)
    raise ValueError("the key as the portal shows it, only letters, digits and signs of ASCII")


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    host = parts.hostname or ""
    if parts.scheme == "https" and host and parts.path in ("", "/") and not parts.query:
        return value.rstrip("/")
    if parts.scheme == "http" and _is_loopback(host) and parts.path in ("", "/"):
        return value.rstrip("/")
    raise ValueError("an address like https://<resource>.cognitiveservices.azure.com (http only for this machine)")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _api_version(value: str) -> str:
    if value == PREVIEW_API_VERSION or re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", value):
        return value
    raise ValueError(f"a version such as 2023-04-01, or {PREVIEW_API_VERSION}")


def _container(value: str) -> str:
    # Naming rules: learn.microsoft.com "Naming and Referencing Containers, Blobs, and Metadata" (read 2026-11).
    if re.fullmatch(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", value):
        return value
    raise ValueError("3 to 63 lower-case letters, digits and single hyphens")


def _queue(value: str) -> str:
    # The poison queue takes the same name with "-poison" behind it, and has the same limit of 63.
    if re.fullmatch(r"(?=.{3,56}$)[a-z0-9]+(-[a-z0-9]+)*", value):
        return value
    raise ValueError("3 to 56 lower-case letters, digits and single hyphens ('<name>-poison' must fit into 63)")


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise ValueError("one of " + ", ".join(choices))

    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if re.fullmatch(r"\d{1,12}", value) and low <= int(value) <= high:
            return int(value)
        raise ValueError(f"a whole number from {low} to {high}")

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) and low <= float(value) <= high:
            return float(value)
        raise ValueError(f"a number from {low:g} to {high:g}")

    return parse


def _switch(value: str) -> bool:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("true or false")


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a date or time such as 2026-11-23 or 2026-11-23T10:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "LANGUAGE_ENDPOINT",
        None,
        _endpoint,
        "`https://<resource>.cognitiveservices.azure.com`; plain `http` only for a loopback host",
        required=True,
    ),
    Setting(
        "LANGUAGE_KEY",
        None,
        _key,
        "resource key; without it Microsoft Entra ID is used (`DefaultAzureCredential`)",
    ),
    Setting(
        "LANGUAGE_API_VERSION",
        "2023-04-01",
        _api_version,
        "a GA version (`2022-05-01`, `2023-04-01`, `2024-11-01`, …) or `v3.1-preview.ct.1`",
    ),
    Setting("LANGUAGE_PROJECT", None, _text, "the project of the deployed model; required for a GA version"),
    Setting("LANGUAGE_DEPLOYMENT", None, _text, "the deployment of the model; required for a GA version"),
    Setting("LANGUAGE_MODEL_ID", None, _text, "for `v3.1-preview.ct.1`, instead of project and deployment"),
    Setting("DOCUMENT_LANGUAGE", "en", _text, "sent with each document"),
    Setting(
        "STRING_INDEX_TYPE",
        "UnicodeCodePoint",
        _choice(*STRING_INDEX_TYPES),
        "unit of the offsets asked for: `UnicodeCodePoint`, `Utf16CodeUnit` or `TextElements_v8`; always sent",
    ),
    Setting(
        "DocumentStorage",
        None,
        Secret,
        "connection of intake, output, state and queue: a connection string, or the identity form "
        "`DocumentStorage__blobServiceUri` + `DocumentStorage__queueServiceUri` (+ `__credential`, `__clientId`)",
        required=True,
    ),
    Setting("INPUT_CONTAINER", "documents", _container, "where documents are dropped"),
    Setting("OUTPUT_CONTAINER", "entities", _container, "where results and error reports are written"),
    Setting("STATE_CONTAINER", "extraction-state", _container, "the app's own records; the three containers differ"),
    Setting("JOB_QUEUE", "extraction-jobs", _queue, "the queue that drives the jobs"),
    Setting(
        "BLOB_TRIGGER_SOURCE",
        "LogsAndContainerScan",
        _choice(*BLOB_TRIGGER_SOURCES),
        "how new documents are noticed; `EventGrid` in Azure",
    ),
    Setting(
        "BATCH_LINGER_MS",
        "200",
        _integer(0, 10_000),
        "how long the first piece waits for company; while company comes, up to ten times as long (at most 10 s)",
    ),
    Setting("MAX_DOCUMENT_BYTES", "10485760", _integer(1, 104_857_600), "larger documents get an error report at once"),
    Setting(
        "REQUESTS_PER_MINUTE",
        "1000",
        _integer(1, 1_000_000),
        "the budget shared by POST and GET, per worker process (`100` by default for `v3.1-preview.ct.1`)",
    ),
    Setting("FIRST_POLL_SECONDS", "2", _number(0, 3600), "first poll delay, until the app has learnt a better one"),
    Setting("MAX_POLL_SECONDS", "30", _number(0.1, 3600), "ceiling of the growing, jittered poll delay"),
    Setting(
        "JOB_TIMEOUT_MINUTES",
        "60",
        _number(0.05, 1440),
        "a submission that runs longer is cancelled and submitted again",
    ),
    Setting(
        "GIVE_UP_HOURS",
        "168",
        _number(0.01, 8760),
        "after which a document that still has no result gets an error report",
    ),
    Setting(
        "CONTROL_DOCUMENTS",
        "true",
        _switch,
        "probe a failing resource or model with a fixed short text (one text record each) instead of with documents",
    ),
    Setting(
        "ALLOW_HTTP_ENDPOINT",
        "false",
        _switch,
        "allow plain `http` to a private address, for Language containers in one's own network",
    ),
    Setting(
        "IGNORE_DOCUMENTS_BEFORE",
        None,
        _moment,
        "`reconcile` leaves documents alone that were last changed before this date or time (UTC)",
    ),
)

"""Every app setting, in the order of the documentation."""

PREVIEW_REQUESTS_PER_MINUTE = 100
"""Rate limit of `v3.1-preview.ct.1`: 100 a minute, all methods (management API recording of December 2021)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a running app, each field named and measured like the app setting of the same name."""

    language_endpoint: str
    language_key: Secret | None = None
    language_api_version: str
    language_project: str | None = None
    language_deployment: str | None = None
    language_model_id: str | None = None
    document_language: str
    string_index_type: str
    storage: StorageConnection = field(repr=False)
    input_container: str
    output_container: str
    state_container: str
    job_queue: str
    blob_trigger_source: str
    batch_linger_ms: int
    max_document_bytes: int
    requests_per_minute: int
    first_poll_seconds: float
    max_poll_seconds: float
    job_timeout_minutes: float
    give_up_hours: float
    control_documents: bool = True
    allow_http_endpoint: bool = False
    ignore_documents_before: datetime | None = None

    @property
    def is_preview(self) -> bool:
        """Whether the API of 2021 is spoken instead of a GA version."""
        return self.language_api_version == PREVIEW_API_VERSION

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from a mapping of app settings such as `os.environ`.

        Raises `SettingsError` with every problem at once; never with the value of a secret.
        """
        values, problems = _read_all(environ)
        storage = _storage_connection(environ, problems)
        if values.get("LANGUAGE_API_VERSION") == PREVIEW_API_VERSION and not _given(environ, "REQUESTS_PER_MINUTE"):
            values["REQUESTS_PER_MINUTE"] = PREVIEW_REQUESTS_PER_MINUTE
        problems += _contradictions(values)
        if problems:
            raise SettingsError(problems)
        values.pop("DocumentStorage", None)
        return cls(storage=storage, **{name.lower(): value for name, value in values.items()})


def _given(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _read_all(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems = []
    for setting in SETTINGS:
        text = _given(environ, setting.name) or setting.default
        if text is None:
            if setting.required and setting.name != "DocumentStorage":
                problems.append(f"{setting.name} is missing: {setting.meaning}.")
            continue
        try:
            values[setting.name] = setting.parse(text)
        except ValueError as error:
            shown = "not usable (value not shown)" if setting.parse is _key else repr(text)
            problems.append(f"{setting.name} is {shown}; expected is {error}.")
    return values, problems


def _storage_connection(environ: Mapping[str, str], problems: list[str]) -> StorageConnection:
    connection_string = _given(environ, "DocumentStorage")
    blob_uri = _given(environ, "DocumentStorage__blobServiceUri")
    queue_uri = _given(environ, "DocumentStorage__queueServiceUri")
    if connection_string:
        if not re.search(r"(?i)(AccountName|BlobEndpoint|UseDevelopmentStorage)=", connection_string):
            problems.append("DocumentStorage is set but is not a storage connection string (value not shown).")
        return StorageConnection(connection_string=Secret(connection_string))
    if not blob_uri and not queue_uri:
        problems.append(
            "DocumentStorage is missing: set a connection string, or DocumentStorage__blobServiceUri and "
            "DocumentStorage__queueServiceUri to use an identity."
        )
    elif not blob_uri or not queue_uri:
        absent = "DocumentStorage__queueServiceUri" if blob_uri else "DocumentStorage__blobServiceUri"
        problems.append(f"{absent} is missing: the identity form needs the blob and the queue address.")
    return StorageConnection(
        blob_service_uri=blob_uri or None,
        queue_service_uri=queue_uri or None,
        credential=_given(environ, "DocumentStorage__credential") or None,
        client_id=_given(environ, "DocumentStorage__clientId") or None,
    )


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    problems = []
    by_container: dict[str, list[str]] = {}
    for name in ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"):
        if name in values:
            by_container.setdefault(values[name], []).append(name)
    for container, names in by_container.items():
        if len(names) > 1:
            problems.append(
                f"{' and '.join(names)} are both {container!r}; they must differ, or results would be taken for "
                "new documents."
            )
    model = (values.get("LANGUAGE_PROJECT"), values.get("LANGUAGE_DEPLOYMENT"))
    if values.get("LANGUAGE_API_VERSION") == PREVIEW_API_VERSION:
        if not values.get("LANGUAGE_MODEL_ID") and not all(model):
            problems.append(
                f"{PREVIEW_API_VERSION} needs LANGUAGE_MODEL_ID, or LANGUAGE_PROJECT and LANGUAGE_DEPLOYMENT."
            )
    elif "LANGUAGE_API_VERSION" in values:
        for name in ("LANGUAGE_PROJECT", "LANGUAGE_DEPLOYMENT"):
            if not values.get(name):
                problems.append(f"{name} is missing: API version {values['LANGUAGE_API_VERSION']} needs it.")
        if values.get("LANGUAGE_MODEL_ID"):
            problems.append(
                f"LANGUAGE_MODEL_ID belongs to {PREVIEW_API_VERSION} only; remove it, or set LANGUAGE_API_VERSION."
            )
    first, ceiling = values.get("FIRST_POLL_SECONDS"), values.get("MAX_POLL_SECONDS")
    if first is not None and ceiling is not None and first > ceiling:
        problems.append(f"FIRST_POLL_SECONDS is {first:g}; it must not exceed MAX_POLL_SECONDS ({ceiling:g}).")
    return problems
