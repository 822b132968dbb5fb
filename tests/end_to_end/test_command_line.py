"""`python -m functions` against the storage emulator: what it reaches, and what it says where it does not."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

from functions.settings import Secret, StorageConnection
from functions.storage.clients import blob_service
from local.azurite import ACCOUNT_KEY, ACCOUNT_NAME, Azurite
from local.process import ROOT
from tests.contracts.test_store_contracts import ODD_NAMES

CANNOT_REACH = 3

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def names() -> dict[str, str]:
    """Containers and a queue of this test's own."""
    own = uuid.uuid4().hex[:10]
    return {
        "INPUT_CONTAINER": f"documents-{own}",
        "OUTPUT_CONTAINER": f"entities-{own}",
        "STATE_CONTAINER": f"state-{own}",
        "JOB_QUEUE": f"jobs-{own}",
    }


@pytest.fixture
def run(storage: Azurite, names: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command; other settings than those of the test may be given."""
    blobs = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
    for name in list(names.values())[:3]:
        blobs.create_container(name)

    def run_command(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        values = {
            "LANGUAGE_ENDPOINT": "http://127.0.0.1:9",
            "LANGUAGE_KEY": "local",
            "LANGUAGE_PROJECT": "loans",
            "LANGUAGE_DEPLOYMENT": "production",
            "DocumentStorage": storage.connection_string,
            **names,
            **settings,
        }
        file = tmp_path / "settings.json"
        file.write_text(json.dumps({"Values": values}))
        command = [sys.executable, "-m", "functions", "--settings", str(file), *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)

    return run_command


def with_sas(storage: Azurite, *, may_list: bool) -> str:
    """Return a connection string with a signature that may do nearly everything."""
    sas = generate_account_sas(
        ACCOUNT_NAME,
        ACCOUNT_KEY,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, list=may_list, write=True, create=True),
        services=Services(blob=True, queue=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    parts = [part for part in storage.connection_string.split(";") if part.split("=")[0].endswith("Endpoint")]
    return ";".join([*parts, f"SharedAccessSignature={sas}"])


def check_told(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == CANNOT_REACH, done
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_wrong_key_is_one_sentence(run: Run, storage: Azurite) -> None:
    """The emulator has another code for it than Azure."""
    wrong = storage.connection_string.replace(ACCOUNT_KEY, "A" * 86 + "==")
    check_told(run("list", DocumentStorage=wrong), "key", "AuthorizationFailure")


def test_missing_right_is_one_sentence(run: Run, storage: Azurite) -> None:
    assert run("list", DocumentStorage=with_sas(storage, may_list=True)).returncode == 0
    check_told(run("list", DocumentStorage=with_sas(storage, may_list=False)), "lacks the right", "Authorization")


@pytest.mark.parametrize("setting", ["INPUT_CONTAINER", "STATE_CONTAINER"])
def test_wrong_container_is_one_sentence(run: Run, setting: str) -> None:
    check_told(run("list", **{setting: "no-such-container"}), "'no-such-container'", setting)


@pytest.mark.parametrize("command", [["list"], ["status"], ["show", "a.txt"], ["put", "README.md"]])
def test_unreachable_storage_is_one_sentence(run: Run, storage: Azurite, command: list[str]) -> None:
    nobody = f"http://127.0.0.1:9/{ACCOUNT_NAME}"
    address = f"BlobEndpoint={nobody};QueueEndpoint={nobody};"
    gone = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};{address}"
    check_told(run(*command, DocumentStorage=gone), "can not be reached")


def test_check_finds_unreachable_model(run: Run) -> None:
    """The storage works, the Language service does not."""
    done = run("check", "--json")
    findings = {finding["what"]: finding for finding in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    problems = {what: finding["fix"] for what, finding in findings.items() if finding["level"] == "problem"}
    assert list(problems) == ["CustomEntityRecognition/loans/production at 127.0.0.1:9"]
    assert all(problems.values())


def test_awkward_names_are_put_and_listed(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    wanted = []
    for name in ODD_NAMES:
        path = folder / name
        if name.endswith("/") or "//" in name or len(name) > 200:
            continue  # No file of a disk has such a name.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Mary Miller")
        wanted.append(name)
    done = run("put", str(folder), "--json")
    assert done.returncode == 0, done
    assert sorted(json.loads(line)["name"] for line in done.stdout.splitlines()) == sorted(wanted)
    listed = [json.loads(line) for line in run("list", "--json", "--state", "waiting").stdout.splitlines()]
    assert sorted(row["name"] for row in listed) == sorted(wanted)
    shown = run("show", "--json", "--", "[draft] (2).txt")
    assert json.loads(shown.stdout)["row"]["state"] == "waiting"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_closed_pipe_ends_list(run: Run, tmp_path: Path, form: list[str]) -> None:
    (tmp_path / "in").mkdir()
    for number in range(300):
        (tmp_path / "in" / f"{number}-{'x' * 200}.txt").write_text("text")
    assert run("put", str(tmp_path / "in")).returncode == 0
    file = tmp_path / "settings.json"
    command = [sys.executable, "-m", "functions", "--settings", str(file), "list", *form]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.readline()
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 0
