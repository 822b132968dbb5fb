import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.generate.settings_table import BEGIN, END, table, table_in
from functions.errors import SettingsError
from functions.settings import SETTINGS, LanguageResource, Secret, Settings, StorageConnection
from functions.storage_connection import BLOB_URI, CLIENT_ID, CREDENTIAL, QUEUE_URI
from tests.support.material import PREVIEW, REQUIRED, settings

ROOT = Path(__file__).parents[2]

DEFAULTS = Settings(
    language_endpoint="https://loans.cognitiveservices.azure.com",
    language_key=Secret("0123456789abcdef"),
    language_api_version="2023-04-01",
    language_project="loans",
    language_deployment="production",
    language_model_id=None,
    document_language="en",
    string_index_type="UnicodeCodePoint",
    storage=StorageConnection(connection_string=Secret("UseDevelopmentStorage=true")),
    input_container="documents",
    output_container="entities",
    state_container="extraction-state",
    job_queue="extraction-jobs",
    blob_trigger_source="LogsAndContainerScan",
    batch_linger_ms=200,
    max_document_bytes=10_485_760,
    max_file_bytes=52_428_800,
    extract_seconds=60.0,
    requests_per_minute=1000,
    first_poll_seconds=3.0,
    max_poll_seconds=30.0,
    job_timeout_minutes=60.0,
    give_up_hours=168.0,
    ignore_documents_before=None,
)

ID = "11111111-1111-1111-1111-111111111111"
OTHER_ID = "22222222-2222-2222-2222-222222222222"
IDENTITY = {
    "DocumentStorage": "",
    BLOB_URI: "https://account.blob.core.windows.net",
    QUEUE_URI: "https://account.queue.core.windows.net",
}

# A right value of each setting that is not its default, and what it is read as.
RIGHT = [
    ("LANGUAGE_ENDPOINT", "https://x.cognitiveservices.azure.com/", "https://x.cognitiveservices.azure.com"),
    ("LANGUAGE_ENDPOINT", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("LANGUAGE_ENDPOINT", "http://localhost:8080/", "http://localhost:8080"),
    ("LANGUAGE_ENDPOINT", "http://[::1]:8080", "http://[::1]:8080"),
    ("LANGUAGE_ENDPOINT", "HTTPS://GW.Contoso.com:443/lang//", "https://gw.contoso.com/lang"),
    ("LANGUAGE_ENDPOINT", "https://gw.contoso.com:8443/lang/v1", "https://gw.contoso.com:8443/lang/v1"),
    ("LANGUAGE_ENDPOINT", "https://x.services.ai.azure.com", "https://x.services.ai.azure.com"),
    ("LANGUAGE_ENDPOINT", "https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ("LANGUAGE_ENDPOINT", "https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ("LANGUAGE_KEY", " other ", "other"),
    ("LANGUAGE_KEY", "other\r\n", "other"),
    ("LANGUAGE_API_VERSION", "2024-11-01", "2024-11-01"),
    ("LANGUAGE_API_VERSION", "2025-05-15-preview", "2025-05-15-preview"),
    ("LANGUAGE_PROJECT", "letters", "letters"),
    ("LANGUAGE_DEPLOYMENT", "staging", "staging"),
    ("LANGUAGE_PROJECT", "a_.-9" * 10, "a_.-9" * 10),
    ("DOCUMENT_LANGUAGE", "de", "de"),
    ("DOCUMENT_LANGUAGE", "pt-BR", "pt-BR"),
    ("DOCUMENT_LANGUAGE", "zh-hans", "zh-hans"),
    ("DOCUMENT_LANGUAGE", "AUTO", "auto"),
    ("STRING_INDEX_TYPE", "utf16codeunit", "Utf16CodeUnit"),
    ("STRING_INDEX_TYPE", "TextElements_v8", "TextElements_v8"),
    ("INPUT_CONTAINER", "intake-2", "intake-2"),
    ("OUTPUT_CONTAINER", "a" * 63, "a" * 63),
    ("STATE_CONTAINER", "abc", "abc"),
    ("JOB_QUEUE", "q" * 56, "q" * 56),
    ("BLOB_TRIGGER_SOURCE", "eventgrid", "EventGrid"),
    ("BATCH_LINGER_MS", "0", 0),
    ("BATCH_LINGER_MS", "10000", 10_000),
    ("MAX_DOCUMENT_BYTES", "104857600", 104_857_600),
    ("MAX_FILE_BYTES", "104857600", 104_857_600),
    ("EXTRACT_SECONDS", "0", 0.0),
    ("EXTRACT_MEMORY_MB", "256", 256),
    ("REVIEW_BELOW", "0.6", 0.6),
    ("REQUESTS_PER_MINUTE", "1", 1),
    ("DAILY_TEXT_RECORDS", "0", 0),
    (
        "DOCUMENT_INTELLIGENCE_ENDPOINT",
        "https://x.cognitiveservices.azure.com/",
        "https://x.cognitiveservices.azure.com",
    ),
    ("DOCUMENT_INTELLIGENCE_REQUESTS_PER_MINUTE", "60", 60),
    ("FIRST_POLL_SECONDS", "0.5", 0.5),
    ("MAX_POLL_SECONDS", "2", 2.0),
    ("JOB_TIMEOUT_MINUTES", "0.05", 0.05),
    ("GIVE_UP_HOURS", "8760", 8760.0),
    ("CONTROL_DOCUMENTS", "False", False),
    ("RESULT_HTML", "True", True),
    ("ALLOW_HTTP_ENDPOINT", "TRUE", True),
    ("JOURNAL_DAYS", "30", 30),
    ("WEB", "key", "key"),
    ("WEB", "OFF", "off"),
    ("IGNORE_DOCUMENTS_BEFORE", "2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
    ("IGNORE_DOCUMENTS_BEFORE", "2026-11-23T10:00:00+02:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
]

# A wrong value of each setting that has wrong values, and what the message says was expected.
WRONG = [
    ("LANGUAGE_ENDPOINT", "loans.cognitiveservices.azure.com", "an address like https://"),
    ("LANGUAGE_ENDPOINT", "http://loans.cognitiveservices.azure.com", "http only for this machine, or for a private"),
    ("LANGUAGE_ENDPOINT", "http://203.0.113.7:5000", "http only for this machine, or for a private"),
    ("LANGUAGE_ENDPOINT", "https://x.cognitiveservices.azure.com/language", "no path; a gateway's may have one"),
    ("LANGUAGE_ENDPOINT", "https://x.services.ai.azure.com/api/projects/p", "no path; a gateway's may have one"),
    ("LANGUAGE_ENDPOINT", "https://gw.contoso.com/language/analyze-text/jobs", "without the path of an operation"),
    ("LANGUAGE_ENDPOINT", "https://", "it has no host"),
    ("LANGUAGE_ENDPOINT", "https://<resource>.cognitiveservices.azure.com", "a placeholder in angle brackets"),
    ("LANGUAGE_ENDPOINT", "https://x.cognitiveservices.azure.com:0", "not a number from 1 to 65535"),
    ("LANGUAGE_ENDPOINTS", "https://a.cognitiveservices.azure.com,", "number 2 is to be an address like https://"),
    ("LANGUAGE_ENDPOINTS", "https://a.contoso.com/x?y=1", "number 1 is to be an address like https://"),
    ("LANGUAGE_ENDPOINTS", "https://a.contoso.com,https://a.contoso.com#x", "it has a fragment"),
    ("LANGUAGE_ENDPOINTS", "https://a.contoso.com, https://A.contoso.com:443/", "each host once"),
    ("LANGUAGE_PROJECT", "my project", "1 to 50 letters, digits"),
    ("LANGUAGE_PROJECT", "p" * 51, "1 to 50 letters, digits"),
    ("LANGUAGE_DEPLOYMENT", "prod/uction", "1 to 50 letters, digits"),
    ("LANGUAGE_DEPLOYMENT", "päd", "1 to 50 letters, digits"),
    ("DOCUMENT_LANGUAGE", "english", "a code such as en, pt-BR or zh-hans"),
    ("DOCUMENT_LANGUAGE", "en_US", "a code such as en, pt-BR or zh-hans"),
    ("DOCUMENT_LANGUAGE", "unknown", "a code such as en, pt-BR or zh-hans"),
    ("DOCUMENT_LANGUAGE", "xx", "a language that custom entity recognition supports"),
    ("DOCUMENT_LANGUAGE", "tlh", "a code such as en"),
    ("CONTROL_DOCUMENTS", "yes", "true or false"),
    ("RESULT_HTML", "yes", "true or false"),
    ("ALLOW_HTTP_ENDPOINT", "1", "true or false"),
    ("LANGUAGE_API_VERSION", "v3.2", "(2022-05-01 or later), or v3.1-preview.ct.1"),
    ("LANGUAGE_API_VERSION", "2023-13-01", "a version such as 2023-04-01"),
    ("LANGUAGE_API_VERSION", "2021-11-01-preview", "2022-05-01 or later"),
    ("LANGUAGE_API_VERSION", "2023-4-1", "a version such as 2023-04-01"),
    ("STRING_INDEX_TYPE", "Bytes", "one of UnicodeCodePoint, Utf16CodeUnit, TextElements_v8"),
    ("INPUT_CONTAINER", "Documents", "3 to 63 lower-case letters, digits and single hyphens"),
    ("OUTPUT_CONTAINER", "a--b", "single hyphens"),
    ("STATE_CONTAINER", "a" * 64, "3 to 63"),
    ("JOB_QUEUE", "q" * 57, "3 to 56"),
    ("JOB_QUEUE", "jobs_1", "'<name>-poison' must fit into 63"),
    ("BLOB_TRIGGER_SOURCE", "Polling", "one of LogsAndContainerScan, EventGrid"),
    ("BATCH_LINGER_MS", "0.2", "a whole number from 0 to 10000"),
    ("BATCH_LINGER_MS", "10001", "a whole number from 0 to 10000"),
    ("MAX_DOCUMENT_BYTES", "0", "a whole number from 1 to 104857600"),
    ("MAX_DOCUMENT_BYTES", "10MB", "a whole number from 1 to 104857600"),
    ("MAX_FILE_BYTES", "0", "a whole number from 1 to 104857600"),
    ("EXTRACT_SECONDS", "-1", "a number from 0 to 3600"),
    ("EXTRACT_MEMORY_MB", "63", "a whole number from 64 to 65536"),
    ("REVIEW_BELOW", "60", "a number from 0 to 1"),
    ("REQUESTS_PER_MINUTE", "-1", "a whole number from 1 to 1000000"),
    ("DAILY_TEXT_RECORDS", "many", "a whole number from 0 to 1000000000"),
    ("DOCUMENT_INTELLIGENCE_ENDPOINT", "x.cognitiveservices.azure.com", "an address like https://"),
    ("DOCUMENT_INTELLIGENCE_ENDPOINT", "https://gw.contoso.com/documentModels/prebuilt-read", "without the path"),
    ("DOCUMENT_INTELLIGENCE_REQUESTS_PER_MINUTE", "0", "a whole number from 1 to 1000000"),
    ("FIRST_POLL_SECONDS", "nan", "a number from 0 to 3600"),
    ("MAX_POLL_SECONDS", "0", "a number from 0.1 to 3600"),
    ("JOB_TIMEOUT_MINUTES", "1441", "a number from 0.05 to 1440"),
    ("GIVE_UP_HOURS", "1e3", "a number from 0.01 to 8760"),
    ("JOURNAL_DAYS", "1", "a whole number from 2 to 3650"),
    ("WEB", "public", "one of off, key, entra, open"),
    ("IGNORE_DOCUMENTS_BEFORE", "yesterday", "a date or time such as 2026-11-23"),
]


def problems_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return caught.value.problems


def test_unset_value_takes_default() -> None:
    assert settings() == DEFAULTS


def test_empty_setting_counts_as_not_set() -> None:
    optional = [setting.name for setting in SETTINGS if setting.name not in REQUIRED]
    assert Settings.from_env({**REQUIRED, **dict.fromkeys(optional, "  ")}) == DEFAULTS


def test_key_is_optional() -> None:
    assert settings(LANGUAGE_KEY="").language_key is None


@pytest.mark.parametrize(("name", "text", "value"), RIGHT)
def test_right_value_is_read(name: str, text: str, value: object) -> None:
    assert getattr(settings({name: text}), name.lower()) == value


@pytest.mark.parametrize(("name", "text", "expected"), WRONG)
def test_wrong_value_names_expectation(name: str, text: str, expected: str) -> None:
    alone = {"LANGUAGE_ENDPOINT": "", "LANGUAGE_KEY": ""} if name == "LANGUAGE_ENDPOINTS" else {}
    (problem,) = problems_of({**REQUIRED, **alone, name: text})
    assert problem.startswith(
        (f"{name} is {text!r}; expected is ", f"{name} is not usable (value not shown); expected")
    )
    assert expected in problem


def test_every_setting_has_wrong_value() -> None:
    elsewhere = {"LANGUAGE_KEY", "LANGUAGE_KEYS", "LANGUAGE_MODEL_ID", "DOCUMENT_INTELLIGENCE_KEY", "DocumentStorage"}
    assert {name for name, _, _ in WRONG} == {setting.name for setting in SETTINGS} - elsewhere


def test_every_field_has_setting() -> None:
    names = {setting.name.lower() for setting in SETTINGS if setting.name != "DocumentStorage"}
    assert set(Settings.__slots__) == names | {"storage", "language_client_id"}


def test_empty_environment_lists_required_settings() -> None:
    assert [problem.split(" is missing")[0] for problem in problems_of({})] == [
        "DocumentStorage",
        "LANGUAGE_PROJECT",
        "LANGUAGE_DEPLOYMENT",
        "LANGUAGE_ENDPOINT",
    ]


def test_all_problems_are_reported_at_once() -> None:
    wrong = dict({name: text for name, text, _ in WRONG}, DocumentStorage="nonsense")
    del wrong["LANGUAGE_ENDPOINT"]  # One of the two, or that is a problem of its own.
    found = problems_of(wrong)
    for name in wrong:
        assert any(problem.startswith(name) for problem in found), name
    assert len(found) == len(wrong)


def test_message_says_where_to_fix() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(BATCH_LINGER_MS="x", GIVE_UP_HOURS="y")
    message = str(caught.value)
    assert "cannot start: 2 problem(s)" in message
    assert "\n  - BATCH_LINGER_MS is 'x'; expected is a whole number from 0 to 10000." in message
    assert "\n  - GIVE_UP_HOURS is 'y'; expected is a number from 0.01 to 8760." in message
    assert "local.settings.json" in message


# --- secrets ---


def test_no_secret_is_shown() -> None:
    connection = "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=c2VjcmV0"
    shown = repr(settings(LANGUAGE_KEY="topsecret", DocumentStorage=connection))
    assert "topsecret" not in shown and "c2VjcmV0" not in shown
    assert "Secret('**********')" in shown
    assert "c2VjcmV0" not in repr(settings(DocumentStorage=connection).storage)


@pytest.mark.parametrize(
    "key",
    [
        "0123\u200b4567",
        "0123 4567",
        "0123\n4567",
        "0123–4567",
        '"01234567"',
        "'01234567'",
        "<01234567>",
        "0123\x004567",
    ],
)
def test_unusable_key_is_not_shown(key: str) -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_KEY": key})
    assert problem.startswith(
        "LANGUAGE_KEY is not usable (value not shown); expected is the key as the portal shows it"
    )
    assert "0123" not in problem and "4567" not in problem


def test_unresolved_key_vault_reference_is_named() -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_KEY": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/k)"})
    assert "a Key Vault reference that could not be resolved" in problem


SECRETS = [
    "0123456789abcdef0123456789abcdef",
    "4fR7" * 21,
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "pasted",
    [
        "{}",
        "https://x.example/?sig={}",
        "https://user:{}@x.example",
        "https://x.example/#{}",
        "AccountName=account;AccountKey={}",
        "BlobEndpoint=https://x.example;SharedAccessSignature=sv=1&sig={}",
        "Bearer {}",
        "key: {}",
        "{}\n{}",
    ],
)
def test_misplaced_secret_is_not_shown(secret: str, pasted: str) -> None:
    text = pasted.replace("{}", secret)
    names = [setting.name for setting in SETTINGS if setting.name != "LANGUAGE_KEY"]
    others = (BLOB_URI, QUEUE_URI, CREDENTIAL, CLIENT_ID)
    more = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST", "APPLICATIONINSIGHTS_CONNECTION_STRING")
    for environ in ({**REQUIRED, name: text} for name in (*names, *more)):
        assert secret not in str(_refusal(environ))
    everything = dict.fromkeys((*names, *more), text)
    assert secret not in str(_refusal(everything))
    assert secret not in str(
        _refusal({**REQUIRED, "LANGUAGE_KEY": "", "DocumentStorage": "", **dict.fromkeys(others, text)})
    )


def _refusal(environ: dict[str, str]) -> SettingsError | None:
    try:
        Settings.from_env(environ)
    except SettingsError as error:
        return error
    return None


def test_secret_compares_as_text() -> None:
    assert Secret("abc") == "abc"
    assert repr([Secret("abc")]) == "[Secret('**********')]"


# --- any text at all ---

NAMES = [
    *(setting.name for setting in SETTINGS),
    *(BLOB_URI, QUEUE_URI, CREDENTIAL, CLIENT_ID),
    *("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST", "APPLICATIONINSIGHTS_CONNECTION_STRING"),
]
FRAGMENTS = [
    "https://",
    "http://",
    "[",
    "]",
    ":",
    "/",
    "..",
    "@",
    "?",
    "#",
    "=",
    ";",
    "a",
    "0",
    "99999",
    "\n",
    "\ud800",
    "é",
]


@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(
            st.text(st.characters(), max_size=40),
            st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join),
            st.sampled_from([text for _, text, _ in RIGHT] + [text for _, text, _ in WRONG]),
        ),
    )
)
def test_any_settings_are_read_or_refused(environ: dict[str, str]) -> None:
    for given_environ in (environ, {**REQUIRED, **environ}):
        refusal = _refusal(given_environ)
        assert refusal is None or refusal.problems


# --- the identity ---


def test_one_identity_serves_both() -> None:
    identity = {**IDENTITY, CLIENT_ID: ID}
    assert settings({**identity, "LANGUAGE_KEY": ""}).language_client_id == ID
    assert settings({**identity, "LANGUAGE_KEY": "", "AZURE_CLIENT_ID": OTHER_ID}).language_client_id == OTHER_ID
    assert settings({**IDENTITY, "LANGUAGE_KEY": ""}).language_client_id is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AZURE_CLIENT_ID", "my-identity"),
        ("AZURE_TENANT_ID", "contoso onmicrosoft"),
        ("AZURE_AUTHORITY_HOST", "http://login.microsoftonline.us"),
        ("AZURE_AUTHORITY_HOST", "login.microsoftonline.us:x"),
    ],
)
def test_wrong_azure_variables_are_refused(name: str, text: str) -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_KEY": "", name: text})
    assert problem.startswith(f"{name} is {text!r}; expected is ")
    assert settings({name: text}).language_key, "without an identity nobody reads it"


@pytest.mark.parametrize("host", ["westeurope.api.cognitive.microsoft.com", "usgovvirginia.api.cognitive.microsoft.us"])
def test_regional_address_needs_key(host: str) -> None:
    """Custom subdomains are a precondition of Microsoft Entra ID ("Custom subdomain names", read 2026-11)."""
    assert settings(LANGUAGE_ENDPOINT=f"https://{host}/").language_endpoint == f"https://{host}"
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_ENDPOINT": f"https://{host}", "LANGUAGE_KEY": ""})
    assert "which accepts keys only" in problem


# --- plain http ---


@pytest.mark.parametrize(
    "host",
    ["10.0.0.4", "172.31.255.255", "192.168.1.1", "[fd00::1]", "language", "language.svc.cluster.local", "x.internal"],
)
def test_plain_http_to_private_host_needs_permission(host: str) -> None:
    endpoint = f"http://{host}:5000"
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_ENDPOINT": endpoint})
    assert "needs ALLOW_HTTP_ENDPOINT=true" in problem
    assert settings(LANGUAGE_ENDPOINT=endpoint, ALLOW_HTTP_ENDPOINT="true").language_endpoint == endpoint


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "172.32.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[fe80::1]",
        "[2001:db8::1]",
        "100.64.0.1",
        "gw.contoso.com",
    ],
)
def test_plain_http_to_public_host_is_refused(host: str) -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_ENDPOINT": f"http://{host}", "ALLOW_HTTP_ENDPOINT": "true"})
    assert "http only for this machine, or for a private address" in problem


# --- telemetry ---

INSIGHTS = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://x.in.example.com/"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("InstrumentationKey=0", "no InstrumentationKey that is a GUID"),
        (INSIGHTS.replace("0000-0000", "ABCD-0000"), "in lower case"),
        (f"{INSIGHTS};", "not of the form name=value"),
        (f"{INSIGHTS};Authorization=aad", "its Authorization is not ikey"),
        (INSIGHTS.replace("x.in", "<x>.in"), "one of its endpoints is wrong"),
    ],
)
def test_telemetry_problems_are_reported_together(text: str, reason: str) -> None:
    (problem,) = problems_of({**REQUIRED, "APPLICATIONINSIGHTS_CONNECTION_STRING": text})
    assert problem.startswith("APPLICATIONINSIGHTS_CONNECTION_STRING is not usable (value not shown)")
    assert reason in problem
    assert settings(APPLICATIONINSIGHTS_CONNECTION_STRING=INSIGHTS) == DEFAULTS


# --- contradictions ---


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("INPUT_CONTAINER", "OUTPUT_CONTAINER"),
        ("INPUT_CONTAINER", "STATE_CONTAINER"),
        ("OUTPUT_CONTAINER", "STATE_CONTAINER"),
    ],
)
def test_no_two_containers_may_be_same(first: str, second: str) -> None:
    (problem,) = problems_of({**REQUIRED, first: "shared", second: "shared"})
    assert problem.startswith(f"{first} and {second} are both 'shared'; they must differ")


def test_default_container_name_collides() -> None:
    """A container set to the default of another one is the same container."""
    (problem,) = problems_of({**REQUIRED, "INPUT_CONTAINER": "entities"})
    assert problem.startswith("INPUT_CONTAINER and OUTPUT_CONTAINER are both 'entities'")


def test_date_version_needs_project_and_deployment() -> None:
    assert problems_of({**REQUIRED, "LANGUAGE_PROJECT": "", "LANGUAGE_DEPLOYMENT": ""}) == [
        "LANGUAGE_PROJECT is missing: API version 2023-04-01 needs it.",
        "LANGUAGE_DEPLOYMENT is missing: API version 2023-04-01 needs it.",
    ]


POOL = {
    "LANGUAGE_ENDPOINT": "",
    "LANGUAGE_KEY": "",
    "LANGUAGE_ENDPOINTS": "https://a.contoso.com, https://b.contoso.com:8443/lang/",
}


def test_several_resources_are_a_pool() -> None:
    with_keys = settings({**POOL, "LANGUAGE_KEYS": "k1, k2"})
    assert with_keys.language_resources == (
        LanguageResource("https://a.contoso.com", Secret("k1")),
        LanguageResource("https://b.contoso.com:8443/lang", Secret("k2")),
    )
    assert [one.name for one in with_keys.language_resources] == ["a.contoso.com", "b.contoso.com:8443"]
    assert [one.key for one in settings(POOL).language_resources] == [None, None]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LANGUAGE_KEYS": "k1"}, "LANGUAGE_KEYS has 1 keys for the 2 addresses"),
        ({"LANGUAGE_KEYS": "k1,k2,k3"}, "LANGUAGE_KEYS has 3 keys for the 2 addresses"),
        ({"LANGUAGE_KEYS": "k1,k\n2"}, "LANGUAGE_KEYS is not usable (value not shown); expected is keys separated by"),
        ({"LANGUAGE_KEYS": "k1,"}, "number 2 is to be the key as the portal shows it"),
        ({"LANGUAGE_KEY": "k"}, "LANGUAGE_KEY is set beside LANGUAGE_ENDPOINTS"),
        ({"LANGUAGE_ENDPOINT": "https://c.contoso.com"}, "LANGUAGE_ENDPOINT and LANGUAGE_ENDPOINTS are both set"),
        ({"LANGUAGE_ENDPOINTS": "https://a.contoso.com,http://10.0.0.1"}, "plain http to another machine needs ALLOW_"),
        ({"LANGUAGE_ENDPOINTS": "https://a.contoso.com,https://u:geheim@b.contoso.com"}, "it has a user name or a"),
        ({"LANGUAGE_ENDPOINTS": "https://westeurope.api.cognitive.microsoft.com"}, "accepts keys only"),
        ({"LANGUAGE_ENDPOINTS": "https://a.contoso.com,https://A.contoso.com/"}, "there more than once"),
        ({"LANGUAGE_ENDPOINTS": "https://a.contoso.com,https://b.contoso.com/?x=geheim"}, "it has a query"),
        ({"LANGUAGE_ENDPOINTS": "https://a.contoso.com,https://b.contoso.com/#f"}, "it has a fragment"),
    ],
)
def test_wrong_pool_is_named(environ: dict[str, str], expected: str) -> None:
    (problem,) = problems_of({**REQUIRED, **POOL, **environ})
    assert expected in problem
    assert "geheim" not in problem


def test_each_wrong_address_and_key_is_named() -> None:
    endpoints = "https://a.contoso.com,http://b.contoso.com,https://c.contoso.com/?sig=geheim"
    found = problems_of({**REQUIRED, **POOL, "LANGUAGE_ENDPOINTS": endpoints, "LANGUAGE_KEYS": "k\n1,k2,k\r3"})
    assert len(found) == 2
    assert "number 2 is to be" in found[0] and "number 3 is to be" in found[0]
    assert "number 1 is to be" in found[1] and "number 3 is to be" in found[1]
    assert "geheim" not in str(found)


def test_keys_need_their_endpoints() -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_KEYS": "k1,k2"})
    assert problem == "LANGUAGE_KEYS is set, but LANGUAGE_ENDPOINTS is not."


def test_date_version_refuses_model_id() -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_MODEL_ID": "m"})
    assert problem.startswith("LANGUAGE_MODEL_ID belongs to v3.1-preview.ct.1 only")


def test_preview_takes_either_model_form() -> None:
    neither = {"LANGUAGE_PROJECT": "", "LANGUAGE_DEPLOYMENT": ""}
    assert settings({**PREVIEW, **neither, "LANGUAGE_MODEL_ID": "m"}).language_model_id == "m"
    for half in ({**neither}, {**neither, "LANGUAGE_PROJECT": "p"}, {**neither, "LANGUAGE_DEPLOYMENT": "d"}):
        assert problems_of({**REQUIRED, **PREVIEW, **half}) == [
            "v3.1-preview.ct.1 needs LANGUAGE_MODEL_ID, or LANGUAGE_PROJECT and LANGUAGE_DEPLOYMENT."
        ]


@pytest.mark.parametrize("model", ["m m", "m" * 201, "m\n"[:1] + "/"])
def test_model_id_is_plain(model: str) -> None:
    (problem,) = problems_of({**REQUIRED, **PREVIEW, "LANGUAGE_MODEL_ID": model})
    assert problem.startswith("LANGUAGE_MODEL_ID is ") and "1 to 200 letters, digits" in problem


@pytest.mark.parametrize("version", ["2022-05-01", "v3.1-preview.ct.1"])
def test_some_versions_need_language(version: str) -> None:
    environ = {**REQUIRED, "DOCUMENT_LANGUAGE": "auto", "LANGUAGE_API_VERSION": version}
    assert problems_of(environ) == [
        f"DOCUMENT_LANGUAGE is 'auto', which API version {version} does not know; name the language."
    ]


def test_preview_has_smaller_budget() -> None:
    assert settings(PREVIEW).requests_per_minute == 100
    assert settings(PREVIEW, REQUESTS_PER_MINUTE="300").requests_per_minute == 300


def test_first_poll_is_within_ceiling() -> None:
    assert problems_of({**REQUIRED, "FIRST_POLL_SECONDS": "31"}) == [
        "FIRST_POLL_SECONDS is 31; it must not exceed MAX_POLL_SECONDS (30)."
    ]
    assert settings(FIRST_POLL_SECONDS="30").first_poll_seconds == 30


def test_low_ceiling_lowers_default_first_poll() -> None:
    assert settings(MAX_POLL_SECONDS="2").first_poll_seconds == 2


def test_date_without_zone_is_utc() -> None:
    read = settings(IGNORE_DOCUMENTS_BEFORE="2026-11-23T10:00:00").ignore_documents_before
    assert read == datetime(2026, 11, 23, 10, tzinfo=timezone(timedelta(0)))


# --- one list feeds the documentation ---


def test_readme_lists_every_setting() -> None:
    """`python -m docs.generate.settings_table README.md` writes the table anew."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert BEGIN in readme and END in readme, "README.md has no table of settings between the two markers"
    assert table_in(readme) == table()


def test_table_lists_each_setting_once() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.+) \|$", table(), re.MULTILINE)
    assert [name for name, _, _ in rows] == [setting.name for setting in SETTINGS]
    assert {name: default for name, default, _ in rows if default.startswith("`")} == {
        setting.name: f"`{setting.default}`" for setting in SETTINGS if setting.default is not None
    }
    assert [meaning for _, _, meaning in rows] == [setting.meaning for setting in SETTINGS]


def test_local_sample_names_every_setting() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    given = {name: sample[name] for name in sample if name in {setting.name for setting in SETTINGS}}
    assert [*given] == [setting.name for setting in SETTINGS]
    assert {name: value for name, value in given.items() if name not in REQUIRED} == {
        setting.name: setting.default or "" for setting in SETTINGS if setting.name not in REQUIRED
    }


# --- Document Intelligence, which is optional ---


READS_SCANS = {"DOCUMENT_INTELLIGENCE_ENDPOINT": "https://scans.cognitiveservices.azure.com"}


def test_scans_are_not_read_by_default() -> None:
    assert settings().document_intelligence_endpoint is None


def test_reading_key_is_secret() -> None:
    read = settings(**READS_SCANS, DOCUMENT_INTELLIGENCE_KEY="abc123")
    assert read.document_intelligence_key == "abc123"
    assert "abc123" not in repr(read)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"DOCUMENT_INTELLIGENCE_KEY": "abc123"},
            "DOCUMENT_INTELLIGENCE_KEY is set, but DOCUMENT_INTELLIGENCE_ENDPOINT is not.",
        ),
        (
            {"DOCUMENT_INTELLIGENCE_ENDPOINT": "https://westeurope.api.cognitive.microsoft.com"},
            "DOCUMENT_INTELLIGENCE_ENDPOINT is 'https://westeurope.api.cognitive.microsoft.com', the address of a "
            "region, which accepts keys only; use the resource's own address (custom subdomain), or set "
            "DOCUMENT_INTELLIGENCE_KEY.",
        ),
        (
            {"DOCUMENT_INTELLIGENCE_ENDPOINT": "http://10.0.0.4:5000"},
            "DOCUMENT_INTELLIGENCE_ENDPOINT is 'http://10.0.0.4:5000'; plain http to another machine needs "
            "ALLOW_HTTP_ENDPOINT=true, because documents and key then travel unencrypted.",
        ),
        (
            {**READS_SCANS, "AZURE_CLIENT_ID": "mine"},
            "AZURE_CLIENT_ID is 'mine'; expected is the client id of an identity.",
        ),
    ],
)
def test_reading_contradictions_are_named(environ: dict[str, str], problem: str) -> None:
    assert problems_of({**REQUIRED, **environ}) == [problem]


def test_wrong_reading_endpoint_is_one_problem() -> None:
    environ = {"DOCUMENT_INTELLIGENCE_ENDPOINT": "scans", "DOCUMENT_INTELLIGENCE_KEY": "abc123"}
    assert len(problems_of({**REQUIRED, **environ})) == 1


# --- The page ---

HERE = ["127.0.0.1:7071", "localhost:7071", "localhost", "[::1]:7071"]
ELSEWHERE = ["", "func-1.azurewebsites.net", "localhost.example.org", "10.0.0.4:80", "127.0.0.1.example.org:80"]


@pytest.mark.parametrize("host", HERE)
def test_page_is_open_on_this_machine(host: str) -> None:
    assert settings(WEBSITE_HOSTNAME=host).web == "open"
    assert settings(WEBSITE_HOSTNAME=host, WEB="open").web == "open"


@pytest.mark.parametrize("host", ELSEWHERE)
def test_page_is_off_anywhere_else(host: str) -> None:
    assert settings(WEBSITE_HOSTNAME=host).web == "off"
    with pytest.raises(SettingsError, match="WEB is 'open', which is for hosts that serve this machine only"):
        settings(WEBSITE_HOSTNAME=host, WEB="open")


@pytest.mark.parametrize("enabled", ["True", "true", "1"])
def test_entra_starts_with_app_service_authentication(enabled: str) -> None:
    assert settings(WEB="entra", WEBSITE_AUTH_ENABLED=enabled).web == "entra"


@pytest.mark.parametrize("enabled", ["", "0", "False", "yes"])
def test_entra_does_not_start_without(enabled: str) -> None:
    with pytest.raises(SettingsError, match="App Service Authentication is not on"):
        settings(WEB="entra", WEBSITE_AUTH_ENABLED=enabled)
