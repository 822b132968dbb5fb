"""`python -m functions` against the storage emulator: what it reaches, and what it says where it does not."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

from functions.cli.access import Access
from functions.cli.main import COMMANDS
from functions.cli.main import run as run_in_process
from functions.core.documents import DocumentRecord
from functions.core.journal import document_ended
from functions.core.lifecycle import DocumentEvent, claim, conclude
from functions.core.results import entities_name, to_json
from functions.labels.naming import training_name
from functions.settings import Secret, Settings, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.clients import blob_service
from functions.storage.journal_store import JournalStore
from functions.storage.record_store import RecordStore
from local.azurite import ACCOUNT_KEY, ACCOUNT_NAME, Azurite
from local.language_service.authoring_state import Authoring
from local.language_service.labels import read_labels
from local.language_service.projects import learn
from local.language_service.service import LanguageService
from local.language_service.training_containers import storage_container
from local.process import ROOT
from local.stand_in.base import DEFAULT_KEY
from local.stand_in.in_process import MovableClock
from local.stand_in.web import in_background
from tests.contracts.test_store_contracts import ODD_NAMES
from tests.support.material import facts, work
from tests.support.models import NAMES, labelled, labels_file
from tests.support.results import entities_of, write_entities

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


def with_sas(storage: Azurite, *, may_list: bool, may_write: bool = True) -> str:
    """Return a connection string with a signature that may do nearly everything."""
    sas = generate_account_sas(
        ACCOUNT_NAME,
        ACCOUNT_KEY,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, list=may_list, write=may_write, create=may_write),
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


EVERY_COMMAND = [
    ["list"],
    ["list", "--state", "failed"],
    ["status"],
    ["status", "--by", "day"],
    ["show", "a.txt"],
    ["put", "README.md"],
    ["export", "-", "--format", "csv"],
    ["evaluate", "samples/labels.json"],
    ["purge"],
    ["purge", "a.txt"],
    ["replay", "--all"],
    ["replay", "a.txt", "--yes"],
    ["backfill"],
    ["backfill", "a.txt", "--yes"],
    ["ignore-existing"],
    ["ignore-existing", "--yes"],
    ["forecast", "--container", "documents"],
    ["forecast", "README.md"],
    ["labels", "export", "doccano", "never-written.jsonl", "--corrections"],
]
"""All but `check`, which tells every fault by itself, and `model`, which asks the Language resource first."""

USED = {
    "list": ("INPUT_CONTAINER", "STATE_CONTAINER"),
    "status": ("STATE_CONTAINER",),
    "show": ("INPUT_CONTAINER", "STATE_CONTAINER"),
    "put": ("INPUT_CONTAINER",),
    "export": ("OUTPUT_CONTAINER",),
    "evaluate": ("OUTPUT_CONTAINER",),
    "purge": ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"),
    "replay": ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"),
    "backfill": ("INPUT_CONTAINER", "STATE_CONTAINER"),
    "ignore-existing": ("INPUT_CONTAINER", "STATE_CONTAINER"),
    "labels": ("OUTPUT_CONTAINER",),
}
"""The containers that a command does not do without."""


def test_every_command_is_refused_somewhere() -> None:
    assert {command for command, *_ in EVERY_COMMAND} == set(COMMANDS) - {"check", "model"}
    assert {*USED, "forecast"} == set(COMMANDS) - {"check", "model"}


@pytest.fixture
def run_here(
    run: Run, storage: Azurite, names: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., int]:
    """Runs a command in this process: many of them are to be refused."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(click, "get_app_dir", lambda name: str(tmp_path / "progress"))

    def run_command(*arguments: str, **settings: str) -> int:
        values = {
            "LANGUAGE_ENDPOINT": "http://127.0.0.1:9",
            "LANGUAGE_KEY": "local",
            "LANGUAGE_PROJECT": "loans",
            "LANGUAGE_DEPLOYMENT": "production",
            "DocumentStorage": storage.connection_string,
            **names,
            **settings,
        }
        return run_in_process(arguments, Access(lambda: Settings.from_env(values)))

    return run_command


def check_refused(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> None:
    printed = capsys.readouterr()
    assert (code, printed.out) == (CANNOT_REACH, "")
    assert len(printed.err.splitlines()) == 1, printed.err
    for word in words:
        assert word in printed.err


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_every_command_tells_refusals(
    run_here: Callable[..., int], storage: Azurite, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """A wrong key, and a signature without a right."""
    wrong = storage.connection_string.replace(ACCOUNT_KEY, "A" * 86 + "==")
    check_refused(capsys, run_here(*command, DocumentStorage=wrong), "key")
    weak = with_sas(storage, may_list=False)
    check_refused(capsys, run_here(*command, DocumentStorage=weak), "lacks the right")


@pytest.mark.parametrize("command", [one for one in EVERY_COMMAND if one[0] in USED], ids=" ".join)
def test_every_command_tells_wrong_container(
    run_here: Callable[..., int], capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    for setting in USED[command[0]]:
        check_refused(capsys, run_here(*command, **{setting: "no-such-container"}), "'no-such-container'", setting)


def test_missing_results_may_lie_elsewhere(
    run_here: Callable[..., int],
    storage: Azurite,
    names: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Where documents have ended and nothing is there, the container is looked for; before that it need not be."""
    blobs = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
    (tmp_path / "a.txt").write_text("text")
    elsewhere = {"OUTPUT_CONTAINER": "no-such-container"}
    assert run_here("put", str(tmp_path / "a.txt"), "--json", **elsewhere) == 0
    etag = json.loads(capsys.readouterr().out)["etag"]
    assert run_here("show", "a.txt", **elsewhere) == 0
    capsys.readouterr()
    waiting = ("put", str(tmp_path / "a.txt"), "--wait")
    check_refused(capsys, run_here(*waiting, STATE_CONTAINER="no-such-container"), "STATE_CONTAINER")
    record = done_record("a.txt")
    same = msgspec.structs.replace(record, document=msgspec.structs.replace(record.document, etag=etag))
    RecordStore(AzureContainer(blobs.get_container_client(names["STATE_CONTAINER"]))).save_document(same, None)
    for command in (["show", "a.txt"], [*waiting[:2], "--results", str(tmp_path / "results")]):
        check_refused(capsys, run_here(*command, **elsewhere), "OUTPUT_CONTAINER", "'no-such-container'")


def test_check_tells_refusals_as_findings(
    run_here: Callable[..., int], storage: Azurite, names: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = storage.connection_string.replace(ACCOUNT_KEY, "A" * 86 + "==")
    weak = with_sas(storage, may_list=False)
    faults = ({"DocumentStorage": wrong}, {"DocumentStorage": weak}, {"INPUT_CONTAINER": "no-such-container"})
    for settings in faults:
        assert run_here("check", "--no-model", "--json", **settings) == CANNOT_REACH
        printed = capsys.readouterr()
        findings = [json.loads(line) for line in printed.out.splitlines()]
        assert not printed.err
        problems = [one for one in findings if one["level"] == "problem"]
        assert problems
        assert all(one["fix"] for one in problems)


@pytest.mark.parametrize(
    "command",
    [
        ["put", "README.md"],
        ["replay", "--all", "--yes"],
        ["backfill", "--yes"],
        ["ignore-existing", "--yes"],
        ["purge", "a.txt"],
    ],
    ids=" ".join,
)
def test_reader_changes_nothing(
    run_here: Callable[..., int],
    storage: Azurite,
    names: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    """Whoever may only list and read is told so as soon as something is to be written."""
    blobs = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
    intake, output, state = (AzureContainer(blobs.get_container_client(name)) for name in list(names.values())[:3])
    etag = intake.write("a.txt", b"text")
    record = done_record("a.txt")
    same = msgspec.structs.replace(record, document=msgspec.structs.replace(record.document, etag=etag))
    if command[0] != "backfill":
        RecordStore(state).save_document(same, None)
    before = [(info.name, info.etag) for container in (intake, output, state) for info in container.list()]
    code = run_here(*command, DocumentStorage=with_sas(storage, may_list=True, may_write=False))
    printed = capsys.readouterr()
    assert code == CANNOT_REACH, printed
    assert len(printed.err.splitlines()) == 1, printed.err
    assert "lacks the right" in printed.err
    assert before == [(info.name, info.etag) for container in (intake, output, state) for info in container.list()]


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_unreachable_storage_is_one_sentence(run: Run, storage: Azurite, command: list[str]) -> None:
    nobody = f"http://127.0.0.1:9/{ACCOUNT_NAME}"
    address = f"BlobEndpoint={nobody};QueueEndpoint={nobody};"
    gone = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};{address}"
    check_told(run(*command, DocumentStorage=gone), "can not be reached")


def test_check_finds_unreachable_model(run: Run) -> None:
    """The storage works, the Language service does not."""
    done = run("check", "--json")
    findings = {finding["what"]: finding for finding in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == CANNOT_REACH
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


def test_purge_on_storage_takes_back_trainings(
    storage: Azurite, names: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service answers over HTTP; a signature without the right to delete is told, and what is left goes later."""
    blobs = blob_service(StorageConnection(connection_string=Secret(storage.connection_string)))
    clock = MovableClock(datetime.now(UTC))
    training = f"training-{uuid.uuid4().hex[:10]}"
    containers = {
        place: AzureContainer(blobs.create_container(name))
        for place, name in (*names.items(), ("training", training))
        if place != "JOB_QUEUE"
    }
    content = labels_file(NAMES[:12])
    content["metadata"]["storageInputContainerName"] = training
    for name in NAMES[:12]:
        containers["training"].write(name, labelled(name)[0].encode())
    learnt = learn(read_labels(content, "loans", lambda name: labelled(name)[0]), tmp_path)
    authoring = Authoring(partial(storage_container, storage.connection_string), tmp_path)
    authoring.add_learnt(learnt, content, frozenset({"production"}), clock())
    for name in ("a b.txt", "other.txt"):
        etag = containers["INPUT_CONTAINER"].write(name, labelled(NAMES[12])[0].encode())
        result = entities_of(name, [], etag=etag)
        containers["OUTPUT_CONTAINER"].write(entities_name(name), to_json(result))

    def run_here(*arguments: str) -> list[dict[str, Any]]:
        values = {
            "LANGUAGE_ENDPOINT": url,
            "LANGUAGE_KEY": DEFAULT_KEY,
            "LANGUAGE_PROJECT": "loans",
            "LANGUAGE_DEPLOYMENT": "production",
            "DocumentStorage": storage.connection_string,
            **names,
        }
        access = Access(lambda: Settings.from_env(values), clock, sleep=clock.advance)
        codes.append(run_in_process(arguments, access))
        printed = capsys.readouterr()
        errors.append(printed.err)
        return [json.loads(line) for line in printed.out.splitlines()]

    codes: list[int] = []
    errors: list[str] = []
    with in_background(LanguageService([learnt], clock=clock, authoring=authoring)) as url:
        run_here("model", "train", "--unreviewed", "a b.txt", "--unreviewed", "other.txt", "--yes", "--json")
        placed = training_name("a b.txt")
        assert containers["training"].read(placed).data == labelled(NAMES[12])[0].encode()
        purge = ("purge", "a b.txt", "--document", "--json")
        dry = run_here(*purge, "--dry-run")
        sas = with_sas(storage, may_list=True).partition("SharedAccessSignature=")[2]  # It may not delete.
        refused = run_here(*purge, "--texts-in", f"{storage.blob_endpoint}/{training}?{sas}")
        assert containers["training"].read(placed).data
        run_here(*purge)
        clock.advance(3600)
        last = run_here(*purge)
    assert codes == [0, 1, CANNOT_REACH, 1, 0], errors
    assert "lacks the right" in errors[2] and len(errors[2].splitlines()) == 1
    assert any(placed in one.get("left", "") for one in refused)
    assert {"document": "a b.txt", "place": "labels", "name": f"{placed} in project 'loans'"} in refused
    assert last == [{"document": "a b.txt", "place": "record", "name": "documents/a b.txt"}]
    assert {"document": "a b.txt", "place": "training", "name": f"{placed} in container {training}"} in dry
    left = [info.name for container in containers.values() for info in container.list()]
    assert [name for name in left if "a b" in name or name == placed] == []
    assert {*left} >= {*NAMES[:12], "other.txt", training_name("other.txt")}
    locations = {one["location"] for one in authoring.projects["loans"].assets["documents"]}
    assert locations == {*NAMES[:12], training_name("other.txt")}


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
