"""App settings: the file, the environment, `%NAME%`, and both forms of a connection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.functions_host.connections import Connection, apply_settings, find_connection, read_settings_file, resolve
from local.functions_host.errors import StartError

KEYED = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"


def test_environment_overrides_file() -> None:
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
def test_malformed_settings_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "settings.json").write_text(content)

    with pytest.raises(StartError, match=message):
        read_settings_file(tmp_path / "settings.json")


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"Values": {"A": "1"}}).encode())

    assert read_settings_file(tmp_path / "settings.json") == {"A": "1"}


def test_settings_are_expanded_everywhere() -> None:
    assert resolve("%CONTAINER%/in/%KIND%/{name}", {"CONTAINER": "c", "KIND": "k"}) == "c/in/k/{name}"
    assert resolve("plain-poison", {}) == "plain-poison"


@pytest.mark.parametrize(
    ("text", "message"), [("%MISSING%-poison", "'%MISSING%' does not resolve"), ("50%", "partner")]
)
def test_unknown_setting_expression_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(text, {})


def test_connection_string_hides_its_key() -> None:
    """It gives both endpoints, and its key is in no print."""
    found = find_connection("Docs", {"Docs": KEYED})

    assert (found.blob_url, found.queue_url) == (
        "https://shop.blob.core.windows.net",
        "https://shop.queue.core.windows.net",
    )
    assert found.key == "c2VjcmV0"
    assert "c2VjcmV0" not in repr(found)


def test_development_storage_means_default_ports() -> None:
    found = find_connection("Docs", {"Docs": "UseDevelopmentStorage=true"})

    assert found.blob_url == "http://127.0.0.1:10000/devstoreaccount1"
    assert found.queue_url == "http://127.0.0.1:10001/devstoreaccount1"


def test_shared_access_signature_needs_no_key() -> None:
    text = "BlobEndpoint=https://b.example/;QueueEndpoint=https://q.example/;SharedAccessSignature=?sv=1&sig=x%3D"

    assert find_connection("Docs", {"Docs": text}) == Connection(
        "Docs", "", "https://b.example", "https://q.example", sas="sv=1&sig=x%3D"
    )


def test_identity_form_needs_both_addresses() -> None:
    settings = {"Docs__blobServiceUri": "https://shop.blob.core.windows.net/", "Docs__clientId": "42"}

    with pytest.raises(ValueError, match="'Docs__queueServiceUri' is not set"):
        find_connection("Docs", settings)
    found = find_connection("Docs", settings | {"Docs__queueServiceUri": "https://shop.queue.core.windows.net"})

    assert found.uses_identity
    assert (found.account, found.client_id) == ("shop", "42")


def test_account_name_means_public_addresses() -> None:
    found = find_connection("AzureWebJobsStorage", {"AzureWebJobsStorage__accountName": "shop"})

    assert (found.blob_url, found.queue_url) == (
        "https://shop.blob.core.windows.net",
        "https://shop.queue.core.windows.net",
    )


def test_prefixed_setting_comes_first() -> None:
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
def test_unusable_connection_names_missing_setting(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_connection("Docs", settings)
