"""The whole product on this machine, as other tests, the benchmark and the chaos run start it."""

import json
import stat
from pathlib import Path

import pytest

from local.stack import HostPart, Stack

pytestmark = pytest.mark.processes


def test_developers_settings_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host lets its environment win over the settings file: a real key would meet the stand-ins."""
    for name in ("LANGUAGE_KEY", "DocumentStorage__blobServiceUri", "AzureWebJobsStorage", "MAX_DOCUMENT_BYTES"):
        monkeypatch.setenv(name, "of a developer")
    monkeypatch.setenv("LANGUAGE", "en_GB")
    host = HostPart("host", tmp_path / "settings.json", log_file=tmp_path / "host.log")
    removed = {name for name, value in host.process.environment.items() if value is None}
    assert removed == {"LANGUAGE_KEY", "DocumentStorage__blobServiceUri", "AzureWebJobsStorage", "MAX_DOCUMENT_BYTES"}


def test_given_settings_override_defaults(tmp_path: Path) -> None:
    stack = Stack(tmp_path, settings={"JOB_QUEUE": "others", "BATCH_LINGER_MS": "0"})
    assert stack.setting("JOB_QUEUE") == "others"
    assert stack.setting("INPUT_CONTAINER") == "documents"
    assert stack.settings["BATCH_LINGER_MS"] == "0"


def test_stack_parts_restart_alone(tmp_path: Path) -> None:
    with Stack(tmp_path, hosts=2) as stack:
        stack.check()
        one, other = stack.hosts
        assert one.url != other.url
        assert one.status()["id"] == other.status()["id"]

        address = stack.language_url
        stack.language.kill()
        stack.language.start()
        assert stack.language_url == address
        assert stack.language.counters()["jobsAccepted"] == 0

        one.kill()
        other.stop()
        one.start()
        assert one.status()["state"] == "Running"
        assert len(stack.hosts) == 2
        assert stack.add_host() in stack.hosts

        written = json.loads(stack.settings_file.read_text("utf-8"))["Values"]
        assert written == stack.settings
        assert stat.S_IMODE(stack.settings_file.stat().st_mode) & 0o077 == 0
    assert not [part for part in stack.parts if part.running]
