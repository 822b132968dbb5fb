"""App settings: the file, the environment, `%NAME%`, and both forms of a connection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.functions_host.connections import Connection, apply_settings, find_connection, read_settings_file, resolve
from local.functions_host.errors import StartError

KEYED = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"


def test_a_variable_of_the_environment_wins_over_the_file() -> None:
    environ = {"A": "from the environment"}

    skipped = apply_settings({"A": "from the file", "B": "from the file"}, environ)

    assert (skipped, environ) == (["A"], {"A": "from the environment", "B": "from the file"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold a JSON object"),
        ('{"IsEncrypted": true}', "func settings decrypt"),
        ('{"Values": {"COUNT": 5, "OK": "x"}}', "every value must be a text in quotes; these are not: COUNT"),
    ],
)
def test_a_settings_file_of_another_shape_is_refused_with_the_reason(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "settings.json").write_text(content)

    with pytest.raises(StartError, match=message):
        read_settings_file(tmp_path / "settings.json")


def test_a_settings_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"Values": {"A": "1"}}).encode())

    assert read_settings_file(tmp_path / "settings.json") == {"A": "1"}


def test_settings_are_filled_in_wherever_they_stand() -> None:
    assert resolve("%CONTAINER%/in/%KIND%/{name}", {"CONTAINER": "c", "KIND": "k"}) == "c/in/k/{name}"
    assert resolve("plain-poison", {}) == "plain-poison"


@pytest.mark.parametrize(
    ("text", "message"), [("%MISSING%-poison", "'%MISSING%' does not resolve"), ("50%", "partner")]
)
def test_an_expression_without_a_setting_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(text, {})


def test_a_connection_string_gives_both_endpoints_and_keeps_its_key_out_of_prints() -> None:
    found = find_connection("Docs", {"Docs": KEYED})

    assert (found.blob_url, found.queue_url) == (
        "https://shop.blob.core.windows.net",
        "https://shop.queue.core.windows.net",
    )
    assert found.key == "c2VjcmV0"
    assert "c2VjcmV0" not in repr(found)


def test_development_storage_means_the_emulators_usual_ports() -> None:
    found = find_connection("Docs", {"Docs": "UseDevelopmentStorage=true"})

    assert found.blob_url == "http://127.0.0.1:10000/devstoreaccount1"
    assert found.queue_url == "http://127.0.0.1:10001/devstoreaccount1"


def test_a_shared_access_signature_needs_no_key() -> None:
    text = "BlobEndpoint=https://b.example/;QueueEndpoint=https://q.example/;SharedAccessSignature=?sv=1&sig=x%3D"

    assert find_connection("Docs", {"Docs": text}) == Connection(
        "Docs", "", "https://b.example", "https://q.example", sas="sv=1&sig=x%3D"
    )


def test_the_identity_form_needs_both_addresses() -> None:
    settings = {"Docs__blobServiceUri": "https://shop.blob.core.windows.net/", "Docs__clientId": "42"}

    with pytest.raises(ValueError, match="'Docs__queueServiceUri' is not set"):
        find_connection("Docs", settings)
    found = find_connection("Docs", settings | {"Docs__queueServiceUri": "https://shop.queue.core.windows.net"})

    assert found.uses_identity
    assert (found.account, found.client_id) == ("shop", "42")


def test_an_account_name_stands_for_its_public_addresses() -> None:
    found = find_connection("AzureWebJobsStorage", {"AzureWebJobsStorage__accountName": "shop"})

    assert (found.blob_url, found.queue_url) == (
        "https://shop.blob.core.windows.net",
        "https://shop.queue.core.windows.net",
    )


def test_the_prefixed_setting_comes_before_the_plain_one() -> None:
    settings = {"Docs": KEYED, "AzureWebJobsDocs": KEYED.replace("shop", "prefixed")}

    assert find_connection("Docs", settings).account == "prefixed"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "'Docs' has no app setting"),
        ({"Docs": "nonsense"}, "a part without '='"),
        ({"Docs": "AccountName=shop"}, "lacks an account with its key"),
    ],
)
def test_a_connection_that_cannot_work_is_refused_with_what_to_set(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_connection("Docs", settings)
