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

from functions.core.documents import DocumentRecord
from functions.core.journal import document_ended
from functions.core.lifecycle import DocumentEvent, claim, conclude
from functions.settings import Secret, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.clients import blob_service
from functions.storage.journal_store import JournalStore
from local.azurite import ACCOUNT_KEY, ACCOUNT_NAME, Azurite
from local.process import ROOT
from tests.contracts.test_store_contracts import ODD_NAMES
from tests.support.material import facts, work
from tests.support.results import write_entities

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


def done_record(name: str) -> DocumentRecord:
    """Return the record of a document that has its entities."""
    now = datetime.now(UTC).replace(microsecond=0)
    return conclude(claim(None, facts(name), "j1", work(), now), DocumentEvent.EXTRACTED, now)


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


def test_missing_right_to_submit_is_one_sentence(run: Run, storage: Azurite) -> None:
    """The signature may list, read and write, and put no message on a queue."""
    assert run("put", "README.md").returncode == 0
    told = run("backfill", "--yes", DocumentStorage=with_sas(storage, may_list=True))
    check_told(told, "lacks the right", "Authorization")


@pytest.mark.parametrize("command", [["forecast", "--container", "nothing"], ["backfill", "--from", "nothing"]])
def test_wrong_source_is_one_sentence(run: Run, command: list[str]) -> None:
    check_told(run(*command), "There is no container 'nothing'")


def test_forecast_needs_no_app(run: Run) -> None:
    done = run("forecast", "README.md", "--json", STATE_CONTAINER="not-there-yet")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["forecast"]["documents"] == 1


def test_documents_are_copied_from_elsewhere(run: Run, storage: Azurite, names: dict[str, str]) -> None:
    """From a container of the account, and from one that only a signature opens; how far it came is kept nowhere."""
    blobs = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
    other = blobs.create_container(f"other-{uuid.uuid4().hex[:10]}")
    for name in ODD_NAMES:
        other.upload_blob(name, b"Mary Miller")
    sas = with_sas(storage, may_list=True).partition("SharedAccessSignature=")[2]
    for source, into in ((other.container_name, "by-name/"), (f"{other.url}?{sas}", "by-address/")):
        done = run("backfill", "--from", source, "--into", into, "--yes", "--json")
        assert done.returncode == 0, done
        short = [name for name in ODD_NAMES if len(into + name) <= 1024]
        assert json.loads(done.stdout.splitlines()[-1])["submitted"] == len(short)
        assert sas not in done.stdout + done.stderr
        listed = run("list", "--json", "--prefix", into).stdout.splitlines()
        assert sorted(json.loads(line)["name"] for line in listed) == sorted(into + name for name in short)


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["status"],
        ["show", "a.txt"],
        ["put", "README.md"],
        ["export", "-", "--format", "csv"],
        ["evaluate", "samples/labels.json"],
        ["purge"],
        ["purge", "a.txt"],
        ["replay", "--all"],
        ["backfill"],
        ["ignore-existing"],
        ["forecast", "--container", "documents"],
        ["forecast", "README.md"],
    ],
)
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


def test_check_tells_which_rights_are_missing(run: Run, storage: Azurite, names: dict[str, str]) -> None:
    """A signature that may write and not delete."""
    done = run("check", "--no-model", "--json", DocumentStorage=with_sas(storage, may_list=True))
    findings = {finding["what"]: finding for finding in map(json.loads, done.stdout.splitlines())}
    state = findings[f"container {names['STATE_CONTAINER']}"]
    assert (state["level"], state["told"]) == ("note", "can be listed; you may not delete")
    assert findings[f"container {names['OUTPUT_CONTAINER']}"]["level"] == "ok"


def test_check_writes_nothing(run: Run, storage: Azurite, names: dict[str, str]) -> None:
    done = run("check", "--no-model", "--json")
    told = {finding["what"]: finding["told"] for finding in map(json.loads, done.stdout.splitlines())}
    blobs = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
    for setting in ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"):
        assert told[f"container {names[setting]}"] == "can be listed; you may write and delete"
        assert list(blobs.get_container_client(names[setting]).list_blobs()) == []


def test_export_and_purge_on_storage(run: Run, storage: Azurite, names: dict[str, str], tmp_path: Path) -> None:
    blobs = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
    output = AzureContainer(blobs.get_container_client(names["OUTPUT_CONTAINER"]))
    state = AzureContainer(blobs.get_container_client(names["STATE_CONTAINER"]))
    wanted = [name for name in ODD_NAMES if len(name) < 500]
    for name in wanted:
        write_entities(output, name)
    ended = document_ended(done_record("plain.txt"))
    other = document_ended(done_record("other.txt"))
    JournalStore(state, "worker").append([ended, other])
    assert run("export", str(tmp_path / "out.jsonl")).returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert sorted(row["document"] for row in rows) == sorted(wanted)
    purged = run("purge", "plain.txt", "--json")
    assert purged.returncode == 0, purged
    assert [json.loads(line)["place"] for line in purged.stdout.splitlines()] == ["result", "journal"]
    (line,) = [entry.line for entry in JournalStore(state, "x").entries(ended.at, ended.at)]
    assert line == other
    assert [info.name for info in state.list("documents/")] == []
    assert run("purge", "--older-than", "0", "--yes").returncode == 0
    assert list(output.list()) == []


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
    taken = run("backfill", "--yes", "--json")
    assert json.loads(taken.stdout.splitlines()[-1])["submitted"] == len(wanted)
    assert run("backfill", "--json").stdout.startswith('{"forecast":{"documents":0,')


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
