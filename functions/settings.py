"""The app settings: one list, read once into one frozen object, all problems reported together.

`SETTINGS` is the only place that names a setting, its default and its meaning. The README's table, the sample of
local settings and the Bicep app settings are compared with it by tests.
"""

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from .addresses import is_loopback, is_private, parse_address
from .clouds import cloud_at, is_regional
from .document_languages import AUTO, language_code
from .errors import SettingsError
from .secret import Secret, shown
from .storage_connection import CLIENT_ID, GUID, StorageConnection, read_storage_connection

__all__ = ["SETTINGS", "Secret", "Setting", "Settings", "StorageConnection"]

PREVIEW_API_VERSION = "v3.1-preview.ct.1"
"""The API of 2021 that the first custom entity recognition projects used: other paths, other bodies."""

KEY_VAULT_REFERENCE = "@Microsoft.KeyVault("
"""How a value begins that the platform fetches from a key vault."""

BLOB_TRIGGER_SOURCES = ("LogsAndContainerScan", "EventGrid")
WEB_MODES = ("off", "key", "entra", "open")
STRING_INDEX_TYPES = ("UnicodeCodePoint", "Utf16CodeUnit", "TextElements_v8")


class Setting(NamedTuple):
    """One app setting: its name, its default as text (`None`: it has none), its reader and its meaning."""

    name: str
    default: str | None
    parse: Callable[[str], Any]
    meaning: str
    required: bool = False


# --- Readers: each takes the text of a setting and returns its value, or raises ValueError with what is expected. ---


def _key(value: str) -> Secret:
    # It travels in a header, which takes nothing else; what is pasted from a page may have an invisible character.
    if value.startswith(KEY_VAULT_REFERENCE):
        # What App Service leaves in place of a value that it could not get ("Use Key Vault references", read 2026-11).
        raise ValueError(
            "a key, not a Key Vault reference that could not be resolved: check the app's role on the vault"
        )
    if re.fullmatch(r"[!-~]+", value) and not re.search(r"[\"'`<>]", value):
        return Secret(value)
    raise ValueError("the key as the portal shows it, only letters, digits and signs of ASCII")


def _endpoint(value: str) -> str:
    expected = "an address like https://<resource>.cognitiveservices.azure.com"
    try:
        address = parse_address(value)
    except ValueError as error:
        raise ValueError(f"{expected} ({error})") from None
    if address.path and cloud_at(address.host):
        raise ValueError(f"{expected} (an address of Azure's own has no path; a gateway's may have one)")
    if re.search(r"/(analyze-text|analyze-conversations|text/analytics|documentModels)(/|$)", address.path):
        raise ValueError(f"{expected} (without the path of an operation)")
    if address.scheme == "http" and not is_private(address.host) and not is_loopback(address.host):
        raise ValueError(f"{expected} (http only for this machine, or for a private address)")
    return str(address)


T = TypeVar("T")


def _each(value: str, what: str, read: Callable[[str], T]) -> list[T]:
    """Return what is read of each part between commas. Raises `ValueError` that names each part that is wrong."""
    found: list[T] = []
    wrong: list[str] = []
    for number, part in enumerate(value.split(","), 1):
        try:
            found.append(read(part))
        except ValueError as error:
            wrong.append(f"number {number} is to be {error}")
    if wrong:
        raise ValueError(f"{what} separated by commas; {'; '.join(wrong)}")
    return found


def _endpoints(value: str) -> tuple[str, ...]:
    endpoints = _each(value, "addresses", lambda part: _endpoint(part.strip()))
    hosts = [parse_address(endpoint)[1:3] for endpoint in endpoints]
    twice = next((endpoint for endpoint, host in zip(endpoints, hosts, strict=True) if hosts.count(host) > 1), None)
    if twice:
        # Its budget and its health are kept by its host and port.
        raise ValueError(f"each host once; that of {twice} is there more than once")
    return tuple(endpoints)


def _keys(value: str) -> tuple[Secret, ...]:
    return tuple(_each(value, "keys", lambda part: _key(part.strip(" "))))


FIRST_API_DATE = date(2022, 5, 1)
"""The first version with the paths and bodies of today; before it, a date meant the bodies of 2021
(docs/language-api.md 2)."""

FIRST_AUTO_LANGUAGE_DATE = date(2022, 7, 1)


def _api_version(value: str) -> str:
    given = date_of_version(value)
    if value == PREVIEW_API_VERSION or (given and given >= FIRST_API_DATE):
        return value
    raise ValueError(f"a version such as 2023-04-01 (2022-05-01 or later), or {PREVIEW_API_VERSION}")


def date_of_version(version: str) -> date | None:
    """Return the date in a version of the API; None where it has none."""
    found = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(-preview)?", version, re.ASCII)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def model_name(value: str) -> str:
    """Return the name of a project or a deployment as given; raise `ValueError` for anything else."""
    # "Custom named entity recognition service limits", naming limits (learn.microsoft.com, read 2026-11).
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,50}", value):
        return value
    raise ValueError("1 to 50 letters, digits and the signs '_', '.' and '-'")


def model_id(value: str) -> str:
    """Return a model id as given; raise `ValueError` for anything else."""
    # Seen as <guid>_Extraction_latest (docs/language-api.md 1.1); how long it may be is not documented.
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", value):
        return value
    raise ValueError("1 to 200 letters, digits and the signs '_', '.' and '-'")


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


DEFAULT_FIRST_POLL_S = 3.0
"""Until a few jobs have been seen: a poll that comes too early costs a request of the limit, a late one a moment. The
service's own clients wait for five seconds between polls (azure-ai-textanalytics 5.4)."""

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "LANGUAGE_ENDPOINT",
        None,
        _endpoint,
        "`https://<resource>.cognitiveservices.azure.com`, or a gateway's address with its path; plain `http` only for "
        "a loopback host, or with `ALLOW_HTTP_ENDPOINT`; required, unless `LANGUAGE_ENDPOINTS` is set",
    ),
    Setting(
        "LANGUAGE_ENDPOINTS",
        None,
        _endpoints,
        "instead of `LANGUAGE_ENDPOINT`: the addresses of several Language resources, separated by commas, which share "
        "the work; each has the same project and deployment ([docs/deploy.md](docs/deploy.md))",
    ),
    Setting(
        "LANGUAGE_KEY",
        None,
        _key,
        "resource key; without it Microsoft Entra ID is used (`DefaultAzureCredential`), with the identity of "
        "`AZURE_CLIENT_ID`, else of `DocumentStorage__clientId`; never over plain `http`",
    ),
    Setting(
        "LANGUAGE_KEYS",
        None,
        _keys,
        "instead of `LANGUAGE_KEY`: the keys of `LANGUAGE_ENDPOINTS`, in the same order, separated by commas",
    ),
    Setting(
        "LANGUAGE_API_VERSION",
        "2023-04-01",
        _api_version,
        "a GA version (`2022-05-01`, `2023-04-01`, `2024-11-01`, …) or `v3.1-preview.ct.1`",
    ),
    Setting("LANGUAGE_PROJECT", None, model_name, "the project of the deployed model; required for a GA version"),
    Setting("LANGUAGE_DEPLOYMENT", None, model_name, "the deployment of the model; required for a GA version"),
    Setting("LANGUAGE_MODEL_ID", None, model_id, "for `v3.1-preview.ct.1`, instead of project and deployment"),
    Setting(
        "DOCUMENT_LANGUAGE",
        "en",
        language_code,
        "sent with each document: a code such as `de`, `pt-BR` or `zh-hans`; `auto` lets the service detect it",
    ),
    Setting(
        "REVIEW_BELOW",
        None,
        _number(0, 1),
        'entities and classes with less confidence are marked `"review": true`, and the results that have some, too',
    ),
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
        "how long the first chunk waits for others; while others come, up to ten times as long, forty times where many "
        "do (at most 10 s)",
    ),
    Setting(
        "MAX_DOCUMENT_BYTES",
        "10485760",
        _integer(1, 104_857_600),
        "larger documents of plain text, html, md, csv, json and xml get an error report at once",
    ),
    Setting(
        "MAX_FILE_BYTES",
        "52428800",
        _integer(1, 104_857_600),
        "larger files of all other formats get an error report at once; at least `MAX_DOCUMENT_BYTES` in effect",
    ),
    Setting(
        "EXTRACT_SECONDS",
        "60",
        _number(0, 3600),
        "time limit of the extraction of one file's text; `0` turns extraction off, and only text is read",
    ),
    Setting(
        "EXTRACT_MEMORY_MB",
        None,
        _integer(64, 65_536),
        "memory limit of the extraction; without it the smaller of 600 and 40 % of the instance's memory",
    ),
    Setting(
        "REQUESTS_PER_MINUTE",
        "1000",
        _integer(1, 1_000_000),
        "what the Language resource takes, POST and GET together; all instances of the app share it (`100` by default "
        "for `v3.1-preview.ct.1`)",
    ),
    Setting(
        "DAILY_TEXT_RECORDS",
        None,
        _integer(0, 1_000_000_000),
        "the most text records that all instances together submit in a day (UTC), repeated submissions and control "
        "documents included; what is beyond it waits for the next day; `0` submits nothing",
    ),
    Setting(
        "DOCUMENT_INTELLIGENCE_ENDPOINT",
        None,
        _endpoint,
        "the address of a Document Intelligence resource, in the form of `LANGUAGE_ENDPOINT`: its Read model reads "
        "scans and pictures, billed by the page ([docs/ocr.md](docs/ocr.md)); without it they get an error report",
    ),
    Setting(
        "DOCUMENT_INTELLIGENCE_KEY",
        None,
        _key,
        "its key; without it Microsoft Entra ID is used, as for `LANGUAGE_KEY`",
    ),
    Setting(
        "DOCUMENT_INTELLIGENCE_REQUESTS_PER_MINUTE",
        "600",
        # The paid tier allows 900 submissions and 3,000 polls ("Service quotas and limits", read 2026-09).
        _integer(1, 1_000_000),
        "the budget of its submissions and polls, per worker process; at most `60` for the free tier",
    ),
    Setting(
        "FIRST_POLL_SECONDS",
        f"{DEFAULT_FIRST_POLL_S:g}",
        _number(0, 3600),
        "first poll delay, until the app has learnt a better one",
    ),
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
        "allow plain `http` to a private address (RFC 1918, RFC 4193) or to a name that the public DNS does not have "
        "(without a dot, `.internal`, `.local`, `.home.arpa`), for Language containers in one's own network",
    ),
    Setting(
        "IGNORE_DOCUMENTS_BEFORE",
        None,
        _moment,
        "`reconcile` leaves documents alone that were last changed before this date or time (UTC)",
    ),
    Setting(
        "JOURNAL_DAYS",
        "90",
        _integer(2, 3650),
        "how long the journal of documents and jobs is kept; in Azure a lifecycle rule deletes what is older",
    ),
    Setting(
        "RESULT_HTML",
        "false",
        _switch,
        "write `<name>.html` beside the entities: text and entities as one file, to read without a connection",
    ),
    Setting(
        "WEB",
        None,
        _choice(*WEB_MODES),
        "who may use the page and its API: `key` (who has a function key), `entra` (who has signed in through App "
        "Service Authentication), `open` (everybody on this machine; refused anywhere else) or `off`; without it "
        "`open` on this machine and `off` anywhere else ([docs/page.md](docs/page.md))",
    ),
)

"""Every app setting, in the order of the documentation."""

_AI_SERVICES = ("LANGUAGE", "DOCUMENT_INTELLIGENCE")
"""Each has its settings `_ENDPOINT` and `_KEY`."""

_MODEL_SETTINGS = {"LANGUAGE_PROJECT", "LANGUAGE_DEPLOYMENT", "LANGUAGE_MODEL_ID"}

PREVIEW_REQUESTS_PER_MINUTE = 100
"""Rate limit of `v3.1-preview.ct.1`: 100 a minute, all methods (management API recording of December 2021)."""


class LanguageResource(NamedTuple):
    """A Language resource; without a key the app's identity is used."""

    endpoint: str
    key: Secret | None

    @property
    def name(self) -> str:
        """The host, with its port if that is not the usual one: what records and rules call the resource."""
        return urlsplit(self.endpoint).netloc


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a running app, each field named and measured like the app setting of the same name."""

    language_endpoint: str | None = None
    language_endpoints: tuple[str, ...] = ()
    language_key: Secret | None = None
    language_keys: tuple[Secret, ...] = ()
    language_api_version: str
    language_project: str | None = None
    language_deployment: str | None = None
    language_model_id: str | None = None
    document_language: str
    string_index_type: str
    review_below: float | None = None
    storage: StorageConnection = field(repr=False)
    input_container: str
    output_container: str
    state_container: str
    job_queue: str
    blob_trigger_source: str
    batch_linger_ms: int
    max_document_bytes: int
    max_file_bytes: int
    extract_seconds: float
    extract_memory_mb: int | None = None
    requests_per_minute: int
    daily_text_records: int | None = None
    document_intelligence_endpoint: str | None = None
    document_intelligence_key: Secret | None = None
    document_intelligence_requests_per_minute: int = 600
    first_poll_seconds: float
    max_poll_seconds: float
    job_timeout_minutes: float
    give_up_hours: float
    control_documents: bool = True
    result_html: bool = False
    allow_http_endpoint: bool = False
    ignore_documents_before: datetime | None = None
    journal_days: int = 90
    web: str = "off"
    """Who may use the page and its API, one of `WEB_MODES`."""
    language_client_id: str | None = None
    """Client id of the user-assigned identity that talks to the AI services; None: the only or own one."""

    @property
    def language_resources(self) -> tuple[LanguageResource, ...]:
        """The Language resources that share the work, at least one."""
        if self.language_endpoint:
            return (LanguageResource(self.language_endpoint, self.language_key),)
        keys = self.language_keys or (None,) * len(self.language_endpoints)
        return tuple(map(LanguageResource, self.language_endpoints, keys))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from a mapping of app settings such as `os.environ`.

        Raises `SettingsError` with every problem at once; never with the value of a secret.
        """
        values, problems = _read_all(environ)
        refused = {setting.name for setting in SETTINGS if _given(environ, setting.name)} - set(values)
        storage, storage_problems = read_storage_connection(environ)
        problems += storage_problems
        if values.get("LANGUAGE_API_VERSION") == PREVIEW_API_VERSION and not _given(environ, "REQUESTS_PER_MINUTE"):
            values["REQUESTS_PER_MINUTE"] = PREVIEW_REQUESTS_PER_MINUTE
        problems += _contradictions(values, refused)
        if "WEB" not in refused:
            values.setdefault("WEB", "open" if _is_on_this_machine(environ) else "off")
            problems += _web_problems(values["WEB"], environ)
        keys = ["LANGUAGE_KEYS" if "LANGUAGE_ENDPOINTS" in values else "LANGUAGE_KEY"]
        if _given(environ, "DOCUMENT_INTELLIGENCE_ENDPOINT"):
            keys.append("DOCUMENT_INTELLIGENCE_KEY")
        uses_identity = not all(_given(environ, key) for key in keys) or not storage.connection_string
        problems += _identity_problems(environ) if uses_identity else []
        problems += _telemetry_problems(environ)
        if problems:
            raise SettingsError(problems)
        values["FIRST_POLL_SECONDS"] = min(values["FIRST_POLL_SECONDS"], values["MAX_POLL_SECONDS"])
        values.pop("DocumentStorage", None)
        # A user-assigned identity is usually the only one an app has, so one of the two settings is enough.
        client_id = _given(environ, "AZURE_CLIENT_ID") or _given(environ, CLIENT_ID) or None
        return cls(
            storage=storage,
            language_client_id=client_id,
            **{name.lower(): value for name, value in values.items()},
        )


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
            value = "not usable (value not shown)" if setting.parse in (_key, _keys) else shown(text)
            problems.append(f"{setting.name} is {value}; expected is {error}.")
    return values, problems


def _identity_problems(environ: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the variables that `DefaultAzureCredential` reads by itself."""
    problems = []
    client_id = _given(environ, "AZURE_CLIENT_ID")
    if client_id and not GUID.fullmatch(client_id):
        problems.append(f"AZURE_CLIENT_ID is {shown(client_id)}; expected is the client id of an identity.")
    tenant = _given(environ, "AZURE_TENANT_ID")
    if tenant and not re.fullmatch(r"[A-Za-z0-9.-]+", tenant):
        problems.append(f"AZURE_TENANT_ID is {shown(tenant)}; expected is the id or the domain of a tenant.")
    authority = _given(environ, "AZURE_AUTHORITY_HOST")
    if authority:
        try:
            if parse_address(authority if "://" in authority else f"https://{authority}").scheme != "https":
                raise ValueError("it does not begin with https://")
        except ValueError as error:
            problems.append(
                f"AZURE_AUTHORITY_HOST is {shown(authority)}; expected is a host such as login.microsoftonline.com "
                f"({error})."
            )
    return problems


def _telemetry_problems(environ: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the connection to Application Insights, which is optional."""
    name = "APPLICATIONINSIGHTS_CONNECTION_STRING"
    text = _given(environ, name)
    if not text:
        return []
    problems = []
    # As strict as the exporter: a part without '=', or with two of them, makes it raise (azure-monitor-opentelemetry).
    chunks = [part.split("=") for part in text.split(";")]
    if any(len(chunk) != 2 for chunk in chunks):
        return [f"{name} is not usable (value not shown): it has a part that is not of the form name=value."]
    parts = {chunk[0].lower(): chunk[1] for chunk in chunks}
    if (
        not GUID.fullmatch(parts.get("instrumentationkey", ""))
        or parts["instrumentationkey"].lower() != parts["instrumentationkey"]
    ):
        problems.append(
            f"{name} is not usable (value not shown): it has no InstrumentationKey that is a GUID in lower case."
        )
    if parts.get("authorization", "ikey").lower() != "ikey":
        problems.append(f"{name} is not usable (value not shown): its Authorization is not ikey.")
    for key in ("ingestionendpoint", "liveendpoint"):
        try:
            if parts.get(key):
                parse_address(parts[key])
        except ValueError as error:
            problems.append(f"{name} is not usable (value not shown): one of its endpoints is wrong ({error}).")
    return problems


def _is_on_this_machine(environ: Mapping[str, str]) -> bool:
    """Whether a host serves this machine only; in Azure the platform names the app's public address here.

    Core Tools set it to the address that they listen on (`StartHostAction.cs`, read 2026-11), and so does
    `local.functions_host`. A host in a container sets none.
    """
    host = re.sub(r":\d+$", "", _given(environ, "WEBSITE_HOSTNAME").lower())
    return is_loopback(host.removeprefix("[").removesuffix("]"))


def _web_problems(mode: str, environ: Mapping[str, str]) -> list[str]:
    if mode == "open" and not _is_on_this_machine(environ):
        return ["WEB is 'open', which is for hosts that serve this machine only; set it to key or entra."]
    # The platform puts it there and nobody else can; only then it removes the principal header that a client sends
    # ("Environment variables and app settings in Azure App Service", read 2026-11; the middleware takes numbers, too).
    enabled = _given(environ, "WEBSITE_AUTH_ENABLED").lower()
    if mode == "entra" and not (enabled == "true" or (enabled.isdigit() and int(enabled))):
        return [
            "WEB is 'entra', but App Service Authentication is not on (WEBSITE_AUTH_ENABLED), so nobody could be "
            "believed; turn it on (docs/page.md), or set WEB to key."
        ]
    return []


def _contradictions(values: Mapping[str, Any], refused: Set[str]) -> list[str]:
    """Return what does not fit together; what was `refused` by itself is not missing."""
    problems = []
    by_container: dict[str, list[str]] = {}
    for name in ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"):
        if name in values:
            by_container.setdefault(values[name], []).append(name)
    for container, names in by_container.items():
        if len(names) > 1:
            problems.append(
                f"{' and '.join(names)} are both {shown(container)}; they must differ, or results would be taken for "
                "new documents."
            )
    model = (values.get("LANGUAGE_PROJECT"), values.get("LANGUAGE_DEPLOYMENT"))
    if values.get("LANGUAGE_API_VERSION") == PREVIEW_API_VERSION:
        if not values.get("LANGUAGE_MODEL_ID") and not all(model) and not refused & _MODEL_SETTINGS:
            problems.append(
                f"{PREVIEW_API_VERSION} needs LANGUAGE_MODEL_ID, or LANGUAGE_PROJECT and LANGUAGE_DEPLOYMENT."
            )
    elif "LANGUAGE_API_VERSION" in values:
        for name in ("LANGUAGE_PROJECT", "LANGUAGE_DEPLOYMENT"):
            if not values.get(name) and name not in refused:
                problems.append(f"{name} is missing: API version {values['LANGUAGE_API_VERSION']} needs it.")
        if values.get("LANGUAGE_MODEL_ID"):
            problems.append(
                f"LANGUAGE_MODEL_ID belongs to {PREVIEW_API_VERSION} only; remove it, or set LANGUAGE_API_VERSION."
            )
    problems += _resource_contradictions(values, refused)
    for service in _AI_SERVICES:
        problems += _endpoint_contradictions(service, values, refused)
    if "DOCUMENT_INTELLIGENCE_KEY" in values and "DOCUMENT_INTELLIGENCE_ENDPOINT" not in set(values) | refused:
        problems.append("DOCUMENT_INTELLIGENCE_KEY is set, but DOCUMENT_INTELLIGENCE_ENDPOINT is not.")
    problems += _language_contradictions(values)
    first, ceiling = values.get("FIRST_POLL_SECONDS"), values.get("MAX_POLL_SECONDS")
    if first is not None and ceiling is not None and first > max(ceiling, DEFAULT_FIRST_POLL_S):
        problems.append(f"FIRST_POLL_SECONDS is {first:g}; it must not exceed MAX_POLL_SECONDS ({ceiling:g}).")
    return problems


def _resource_contradictions(values: Mapping[str, Any], refused: Set[str]) -> list[str]:
    """Return what is wrong with the choice between one Language resource and several."""
    given = set(values) | refused
    problems = []
    if {"LANGUAGE_ENDPOINT", "LANGUAGE_ENDPOINTS"} <= given:
        problems.append("LANGUAGE_ENDPOINT and LANGUAGE_ENDPOINTS are both set; keep the one that is meant.")
    elif not {"LANGUAGE_ENDPOINT", "LANGUAGE_ENDPOINTS"} & given:
        problems.append("LANGUAGE_ENDPOINT is missing: the address of the Language resource.")
    if "LANGUAGE_KEY" in given and "LANGUAGE_ENDPOINTS" in given:
        problems.append("LANGUAGE_KEY is set beside LANGUAGE_ENDPOINTS; their keys belong into LANGUAGE_KEYS.")
    if "LANGUAGE_KEYS" in given and "LANGUAGE_ENDPOINTS" not in given:
        problems.append("LANGUAGE_KEYS is set, but LANGUAGE_ENDPOINTS is not.")
    endpoints, keys = values.get("LANGUAGE_ENDPOINTS", ()), values.get("LANGUAGE_KEYS", ())
    if endpoints and keys and len(endpoints) != len(keys):
        problems.append(
            f"LANGUAGE_KEYS has {len(keys)} keys for the {len(endpoints)} addresses of LANGUAGE_ENDPOINTS; it needs "
            "one for each, in the same order, or is left out to use the app's identity."
        )
    return problems


def _endpoint_contradictions(service: str, values: Mapping[str, Any], refused: Set[str]) -> list[str]:
    plural = "S" if f"{service}_ENDPOINTS" in values else ""
    name, key = f"{service}_ENDPOINT{plural}", f"{service}_KEY{plural}"
    endpoints = values.get(name, ()) if plural else (values[name],) if name in values else ()
    return [problem for endpoint in endpoints for problem in _wrong_endpoint(name, key, endpoint, values, refused)]


def _wrong_endpoint(name: str, key: str, endpoint: str, values: Mapping[str, Any], refused: Set[str]) -> list[str]:
    address = parse_address(endpoint)
    if address.scheme == "http" and not is_loopback(address.host) and not values.get("ALLOW_HTTP_ENDPOINT", True):
        return [
            f"{name} is {endpoint!r}; plain http to another machine needs ALLOW_HTTP_ENDPOINT=true, because documents "
            "and key then travel unencrypted."
        ]
    if is_regional(address.host) and not {key} & (set(values) | refused):
        return [
            f"{name} is {endpoint!r}, the address of a region, which accepts keys only; use the resource's own address "
            f"(custom subdomain), or set {key}."
        ]
    return []


def _language_contradictions(values: Mapping[str, Any]) -> list[str]:
    version = values.get("LANGUAGE_API_VERSION", "")
    since = date_of_version(version)
    if values.get("DOCUMENT_LANGUAGE") != AUTO or not version or (since and since >= FIRST_AUTO_LANGUAGE_DATE):
        return []
    return [f"DOCUMENT_LANGUAGE is {AUTO!r}, which API version {version} does not know; name the language."]
