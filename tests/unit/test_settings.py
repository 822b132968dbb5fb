import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from functions.errors import SettingsError
from functions.settings import SETTINGS, Secret, Settings, StorageConnection
from local.settings_table import BEGIN, END, table, table_in
from tests.unit.material import PREVIEW, REQUIRED, settings

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
    requests_per_minute=1000,
    first_poll_seconds=2.0,
    max_poll_seconds=30.0,
    job_timeout_minutes=60.0,
    give_up_hours=168.0,
    ignore_documents_before=None,
)

# A right value of each setting that is not its default, and what it is read as.
RIGHT = [
    ("LANGUAGE_ENDPOINT", "https://x.cognitiveservices.azure.com/", "https://x.cognitiveservices.azure.com"),
    ("LANGUAGE_ENDPOINT", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("LANGUAGE_ENDPOINT", "http://localhost:8080/", "http://localhost:8080"),
    ("LANGUAGE_ENDPOINT", "http://[::1]:8080", "http://[::1]:8080"),
    ("LANGUAGE_KEY", " other ", "other"),
    ("LANGUAGE_API_VERSION", "2024-11-01", "2024-11-01"),
    ("LANGUAGE_API_VERSION", "2025-05-15-preview", "2025-05-15-preview"),
    ("LANGUAGE_PROJECT", "letters", "letters"),
    ("LANGUAGE_DEPLOYMENT", "staging", "staging"),
    ("DOCUMENT_LANGUAGE", "de", "de"),
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
    ("REQUESTS_PER_MINUTE", "1", 1),
    ("FIRST_POLL_SECONDS", "0.5", 0.5),
    ("MAX_POLL_SECONDS", "2", 2.0),
    ("JOB_TIMEOUT_MINUTES", "0.05", 0.05),
    ("GIVE_UP_HOURS", "8760", 8760.0),
    ("IGNORE_DOCUMENTS_BEFORE", "2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
    ("IGNORE_DOCUMENTS_BEFORE", "2026-11-23T10:00:00+02:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
]

# A wrong value of each setting that has wrong values, and what the message says was expected.
WRONG = [
    ("LANGUAGE_ENDPOINT", "loans.cognitiveservices.azure.com", "an address like https://"),
    ("LANGUAGE_ENDPOINT", "http://loans.cognitiveservices.azure.com", "http only for this machine"),
    ("LANGUAGE_ENDPOINT", "https://x.cognitiveservices.azure.com/language", "an address like https://"),
    ("LANGUAGE_ENDPOINT", "https://", "an address like https://"),
    ("LANGUAGE_API_VERSION", "v3.2", "a version such as 2023-04-01, or v3.1-preview.ct.1"),
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
    ("REQUESTS_PER_MINUTE", "-1", "a whole number from 1 to 1000000"),
    ("FIRST_POLL_SECONDS", "nan", "a number from 0 to 3600"),
    ("MAX_POLL_SECONDS", "0", "a number from 0.1 to 3600"),
    ("JOB_TIMEOUT_MINUTES", "1441", "a number from 0.05 to 1440"),
    ("GIVE_UP_HOURS", "1e3", "a number from 0.01 to 8760"),
    ("IGNORE_DOCUMENTS_BEFORE", "yesterday", "a date or time such as 2026-11-23"),
]


def problems_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return caught.value.problems


def test_what_is_not_set_takes_its_default() -> None:
    assert settings() == DEFAULTS


def test_an_empty_setting_counts_as_not_set() -> None:
    optional = [setting.name for setting in SETTINGS if setting.name not in REQUIRED]
    assert Settings.from_env({**REQUIRED, **dict.fromkeys(optional, "  ")}) == DEFAULTS


def test_the_key_is_optional() -> None:
    assert settings(LANGUAGE_KEY="").language_key is None


@pytest.mark.parametrize(("name", "text", "value"), RIGHT)
def test_a_right_value_is_read(name: str, text: str, value: object) -> None:
    assert getattr(settings({name: text}), name.lower()) == value


@pytest.mark.parametrize(("name", "text", "expected"), WRONG)
def test_a_wrong_value_is_named_with_what_is_expected(name: str, text: str, expected: str) -> None:
    (problem,) = problems_of({**REQUIRED, name: text})
    assert problem.startswith(f"{name} is {text!r}; expected is ")
    assert expected in problem


def test_every_setting_that_can_be_wrong_is_tested_for_it() -> None:
    free = {"LANGUAGE_KEY", "LANGUAGE_PROJECT", "LANGUAGE_DEPLOYMENT", "LANGUAGE_MODEL_ID", "DOCUMENT_LANGUAGE"}
    assert {name for name, _, _ in WRONG} == {setting.name for setting in SETTINGS} - free - {"DocumentStorage"}


def test_every_field_belongs_to_a_setting_of_the_same_name() -> None:
    names = {setting.name.lower() for setting in SETTINGS if setting.name != "DocumentStorage"} | {"storage"}
    assert set(Settings.__slots__) == names


def test_an_empty_environment_lists_all_that_is_required() -> None:
    assert [problem.split(" is missing")[0] for problem in problems_of({})] == [
        "LANGUAGE_ENDPOINT",
        "DocumentStorage",
        "LANGUAGE_PROJECT",
        "LANGUAGE_DEPLOYMENT",
    ]


def test_all_problems_are_reported_at_once() -> None:
    wrong = dict({name: text for name, text, _ in WRONG}, DocumentStorage="nonsense")
    found = problems_of(wrong)
    for name in wrong:
        assert any(problem.startswith(name) for problem in found), name
    assert len(found) == len(wrong)


def test_the_message_counts_and_lists_the_problems_and_says_where_to_mend_them() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(BATCH_LINGER_MS="x", GIVE_UP_HOURS="y")
    message = str(caught.value)
    assert "cannot start: 2 problem(s)" in message
    assert "\n  - BATCH_LINGER_MS is 'x'; expected is a whole number from 0 to 10000." in message
    assert "\n  - GIVE_UP_HOURS is 'y'; expected is a number from 0.01 to 8760." in message
    assert "local.settings.json" in message


# --- secrets ---


def test_no_secret_is_shown() -> None:
    connection = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0"
    shown = repr(settings(LANGUAGE_KEY="topsecret", DocumentStorage=connection))
    assert "topsecret" not in shown and "c2VjcmV0" not in shown
    assert "Secret('**********')" in shown
    assert "c2VjcmV0" not in repr(settings(DocumentStorage=connection).storage)


def test_a_wrong_connection_string_is_refused_without_being_shown() -> None:
    (problem,) = problems_of({**REQUIRED, "DocumentStorage": "c2VjcmV0"})
    assert problem == "DocumentStorage is set but is not a storage connection string (value not shown)."


@pytest.mark.parametrize("key", ["0123\u200b4567", "0123 4567", "0123\n4567", "0123–4567"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_KEY": key})
    assert problem.startswith(
        "LANGUAGE_KEY is not usable (value not shown); expected is the key as the portal shows it"
    )
    assert "0123" not in problem and "4567" not in problem


def test_a_secret_is_the_text_it_hides() -> None:
    assert Secret("abc") == "abc"
    assert repr([Secret("abc")]) == "[Secret('**********')]"


# --- the two forms of the storage connection ---


@pytest.mark.parametrize(
    "text",
    [
        "UseDevelopmentStorage=true",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aGVsbG8=;EndpointSuffix=core.windows.net",
        "BlobEndpoint=http://127.0.0.1:10000/a;QueueEndpoint=http://127.0.0.1:10001/a;AccountName=a;AccountKey=aA==",
    ],
)
def test_a_connection_string_is_one_form(text: str) -> None:
    assert settings(DocumentStorage=text).storage == StorageConnection(connection_string=Secret(text))


IDENTITY = {
    "DocumentStorage": "",
    "DocumentStorage__blobServiceUri": "https://a.blob.core.windows.net",
    "DocumentStorage__queueServiceUri": "https://a.queue.core.windows.net",
}


def test_two_addresses_and_an_identity_are_the_other_form() -> None:
    extra = {"DocumentStorage__credential": "managedidentity", "DocumentStorage__clientId": "0000"}
    assert settings({**IDENTITY, **extra}).storage == StorageConnection(
        blob_service_uri="https://a.blob.core.windows.net",
        queue_service_uri="https://a.queue.core.windows.net",
        credential="managedidentity",
        client_id="0000",
    )


@pytest.mark.parametrize("absent", ["DocumentStorage__blobServiceUri", "DocumentStorage__queueServiceUri"])
def test_one_address_alone_is_not_enough(absent: str) -> None:
    assert problems_of({**REQUIRED, **IDENTITY, absent: ""}) == [
        f"{absent} is missing: the identity form needs the blob and the queue address."
    ]


def test_without_any_storage_both_forms_are_named() -> None:
    (problem,) = problems_of({**REQUIRED, "DocumentStorage": ""})
    assert "connection string" in problem and "DocumentStorage__blobServiceUri" in problem


# --- contradictions ---


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("INPUT_CONTAINER", "OUTPUT_CONTAINER"),
        ("INPUT_CONTAINER", "STATE_CONTAINER"),
        ("OUTPUT_CONTAINER", "STATE_CONTAINER"),
    ],
)
def test_no_two_containers_may_be_the_same(first: str, second: str) -> None:
    (problem,) = problems_of({**REQUIRED, first: "shared", second: "shared"})
    assert problem.startswith(f"{first} and {second} are both 'shared'; they must differ")


def test_a_container_set_to_the_default_of_another_is_the_same_container() -> None:
    (problem,) = problems_of({**REQUIRED, "INPUT_CONTAINER": "entities"})
    assert problem.startswith("INPUT_CONTAINER and OUTPUT_CONTAINER are both 'entities'")


def test_a_date_version_needs_project_and_deployment() -> None:
    assert problems_of({**REQUIRED, "LANGUAGE_PROJECT": "", "LANGUAGE_DEPLOYMENT": ""}) == [
        "LANGUAGE_PROJECT is missing: API version 2023-04-01 needs it.",
        "LANGUAGE_DEPLOYMENT is missing: API version 2023-04-01 needs it.",
    ]


def test_a_model_id_has_no_place_in_a_date_version() -> None:
    (problem,) = problems_of({**REQUIRED, "LANGUAGE_MODEL_ID": "m"})
    assert problem.startswith("LANGUAGE_MODEL_ID belongs to v3.1-preview.ct.1 only")


def test_the_preview_takes_a_model_id_or_project_and_deployment() -> None:
    neither = {"LANGUAGE_PROJECT": "", "LANGUAGE_DEPLOYMENT": ""}
    assert settings(PREVIEW).is_preview
    assert settings({**PREVIEW, **neither, "LANGUAGE_MODEL_ID": "m"}).language_model_id == "m"
    for half in ({**neither}, {**neither, "LANGUAGE_PROJECT": "p"}, {**neither, "LANGUAGE_DEPLOYMENT": "d"}):
        assert problems_of({**REQUIRED, **PREVIEW, **half}) == [
            "v3.1-preview.ct.1 needs LANGUAGE_MODEL_ID, or LANGUAGE_PROJECT and LANGUAGE_DEPLOYMENT."
        ]


def test_the_preview_has_a_smaller_budget_unless_one_is_set() -> None:
    assert settings(PREVIEW).requests_per_minute == 100
    assert settings(PREVIEW, REQUESTS_PER_MINUTE="300").requests_per_minute == 300


def test_the_first_poll_can_not_be_later_than_the_ceiling() -> None:
    assert problems_of({**REQUIRED, "FIRST_POLL_SECONDS": "31"}) == [
        "FIRST_POLL_SECONDS is 31; it must not exceed MAX_POLL_SECONDS (30)."
    ]
    assert settings(FIRST_POLL_SECONDS="30").first_poll_seconds == 30


def test_a_date_without_a_zone_is_utc() -> None:
    read = settings(IGNORE_DOCUMENTS_BEFORE="2026-11-23T10:00:00").ignore_documents_before
    assert read == datetime(2026, 11, 23, 10, tzinfo=timezone(timedelta(0)))


# --- one list feeds the documentation ---


def test_the_readme_lists_every_setting_as_the_code_has_it() -> None:
    """`python -m local.settings_table README.md` writes the table anew."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert BEGIN in readme and END in readme, "README.md has no table of settings between the two markers"
    assert table_in(readme) == table()


def test_the_table_names_each_setting_once_with_default_and_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.+) \|$", table(), re.MULTILINE)
    assert [name for name, _, _ in rows] == [setting.name for setting in SETTINGS]
    assert {name: default for name, default, _ in rows if default.startswith("`")} == {
        setting.name: f"`{setting.default}`" for setting in SETTINGS if setting.default is not None
    }
    assert [meaning for _, _, meaning in rows] == [setting.meaning for setting in SETTINGS]


def test_the_sample_of_local_settings_names_every_setting() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    given = {name: sample[name] for name in sample if name in {setting.name for setting in SETTINGS}}
    assert [*given] == [setting.name for setting in SETTINGS]
    assert {name: value for name, value in given.items() if name not in REQUIRED} == {
        setting.name: setting.default or "" for setting in SETTINGS if setting.name not in REQUIRED
    }
