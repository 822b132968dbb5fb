"""Where commands find the settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from functions.cli.environment import from_azd, from_file, read_settings
from functions.cli.exit_codes import WRONG_USE
from functions.cli.main import run
from functions.errors import SettingsError
from local.process import ROOT
from tests.support.material import REQUIRED

AZD = {
    "AZURE_ENV_NAME": "loans-prod",
    "AZURE_STORAGE_BLOB_URI": "https://account.blob.core.windows.net/",
    "AZURE_STORAGE_QUEUE_URI": "https://account.queue.core.windows.net/",
    "LANGUAGE_ENDPOINT": "https://loans.cognitiveservices.azure.com/",
    "LANGUAGE_PROJECT": "loans",
    "LANGUAGE_DEPLOYMENT": "production",
    "INPUT_CONTAINER": "drop-here",
}


@pytest.fixture
def azd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `azd` that prints what is in a file, with its arguments in another."""
    program = tmp_path / "azd"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat {tmp_path}/values\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "values").write_text(json.dumps(AZD))
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in of azd is a shell script")
def test_azd_environment_is_enough(azd: Path) -> None:
    settings = read_settings(None, azd=True, azd_environment=None)
    assert settings.storage.blob_service_uri == "https://account.blob.core.windows.net/"
    assert settings.input_container == "drop-here"
    assert (azd / "arguments").read_text() == "env get-values --output json\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in of azd is a shell script")
def test_azd_environment_is_named(azd: Path) -> None:
    read_settings(None, azd=False, azd_environment="loans-test")
    assert (azd / "arguments").read_text() == "env get-values --output json --environment loans-test\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in of azd is a shell script")
def test_words_of_azd_are_passed_on(azd: Path) -> None:
    (azd / "values").write_text("ERROR: no environment selected")
    with pytest.raises(SettingsError) as raised:
        from_azd(None)
    assert "no environment selected" in str(raised.value)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in of azd is a shell script")
def test_pool_of_azd_environment_counts(azd: Path) -> None:
    """Rather than the first resource, which the deployment ends with in any case."""
    pool = "https://one.cognitiveservices.azure.com,https://two.cognitiveservices.azure.com"
    (azd / "values").write_text(json.dumps(AZD | {"LANGUAGE_ENDPOINTS": pool}))
    settings = read_settings(None, azd=True, azd_environment=None)
    assert [resource.endpoint for resource in settings.language_resources] == pool.split(",")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in of azd is a shell script")
def test_key_vault_reference_is_left_out(azd: Path) -> None:
    """Nobody but the platform can follow it."""
    reference = "@Microsoft.KeyVault(SecretUri=https://vault.vault.azure.net/secrets/key)"
    (azd / "values").write_text(json.dumps(AZD | {"LANGUAGE_KEY": reference}))
    assert read_settings(None, azd=True, azd_environment=None).language_key is None


def test_missing_azd_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="azd is not installed"):
        from_azd(None)


def test_file_has_form_of_local_settings(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": REQUIRED}), encoding="utf-8-sig")
    assert from_file(file) == REQUIRED
    assert read_settings(file, azd=False, azd_environment=None).language_project == REQUIRED["LANGUAGE_PROJECT"]


@pytest.mark.parametrize("content", ["", "[]", '{"Values": 3}', '{"values": {}}', None])
def test_other_file_is_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "settings.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as raised:
        from_file(file)
    assert "settings.json" in str(raised.value)


def test_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    assert read_settings(None, azd=False, azd_environment=None).language_project == REQUIRED["LANGUAGE_PROJECT"]


def test_wrong_settings_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["--settings", str(tmp_path / "none.json"), "list"]) == WRONG_USE
    assert "none.json can not be read" in capsys.readouterr().err


def test_missing_packages_are_told() -> None:
    """What commands need is not deployed."""
    code = "import sys; sys.modules['rich'] = None; from functions.__main__ import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == WRONG_USE
    assert "pip install -r requirements-cli.txt" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
