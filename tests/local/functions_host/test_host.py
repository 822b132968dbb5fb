"""The whole host from its command line: real processes, a real storage emulator, and the SDK as a witness."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from tests.local.functions_host.stage import HOST_JSON, Stage, wait_until

pytestmark = pytest.mark.processes

SetStage = Callable[..., Stage]

ODD_NAMES = [
    "with space.txt",
    "percent%20 100%.txt",
    "hash#plus+question?.txt",
    "brackets[1](2){3}.txt",
    "quotes'\".txt",
    "unicode ü 漢字 😀.txt",
    "dots...many.dots",
    "deep/er/and/deep er/x.txt",
    "n" * 1000,
]


def test_each_trigger_runs_its_function(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    etag = stage.drop("folder/a.txt", "hello")
    stage.send('{"job": "j1"}')
    host = stage.start_host()

    (blob,) = stage.wait_for_seen("blobs", 1)
    (message,) = stage.wait_for_seen("messages", 1)
    status, _ = host.request("/admin/functions/on_timer", {"input": ""})
    (timer,) = stage.wait_for_seen("timers", 1)

    assert (blob["name"], blob["etag"], blob["content"]) == ("folder/a.txt", etag, "hello")
    assert (message["body"], message["count"]) == ('{"job": "j1"}', 1)
    assert (status, timer["past_due"]) == (202, False)


def test_any_blob_name_runs_once(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    for name in ODD_NAMES:
        stage.drop(name)
    stage.start_host()

    assert sorted(seen["name"] for seen in stage.wait_for_seen("blobs", len(ODD_NAMES))) == sorted(ODD_NAMES)


def test_receipt_prevents_run_after_restart(set_stage: SetStage) -> None:
    """A blob leaves a complete receipt."""
    stage = set_stage("recorder")
    etag = stage.drop("old.txt")
    first = stage.start_host()
    stage.wait_for_seen("blobs", 1)
    receipt = wait_until(lambda: stage.hosts_container.get_blob_client(stage.receipt("old.txt", etag)), "a receipt")
    wait_until(lambda: not receipt.get_blob_properties().metadata, "the receipt is complete")
    first.process.stop()
    stage.drop("new.txt")
    second = stage.start_host()
    seen = stage.wait_for_seen("blobs", 2)

    assert sorted(run["name"] for run in seen) == ["new.txt", "old.txt"]
    assert second.runs("on_blob") == 1


def test_incomplete_receipt_is_resumed(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    etag = stage.drop("a.txt")
    receipt = stage.hosts_container.get_blob_client(stage.receipt("a.txt", etag))
    receipt.upload_blob(b"", metadata={"Incomplete": "Incomplete"})
    stage.start_host()

    stage.wait_for_seen("blobs", 1)
    wait_until(lambda: not receipt.get_blob_properties().metadata, "the receipt is complete")


def test_replaced_blob_runs_once(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    # A message for a version that is gone: what is left when a blob is replaced between listing and run.
    etag = stage.drop("a.txt", "new")
    body = {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.on_blob",
        "BlobType": "BlockBlob",
        "ContainerName": stage.values["INPUT"],
        "BlobName": "a.txt",
        "ETag": '"0x1"',
    }
    queue = stage.queues.create_queue(stage.internal_queue)
    for changed in (body, body | {"BlobName": "gone.txt"}, body | {"FunctionId": "Host.Functions.unknown"}):
        queue.send_message(base64.b64encode(json.dumps(changed, indent=2).encode()).decode())
    host = stage.start_host()

    (seen,) = stage.wait_for_seen("blobs", 1)
    wait_until(lambda: stage.queue_length(stage.internal_queue) == 0, "every message is done")

    assert (seen["etag"], seen["content"]) == (etag, "new")
    assert host.runs("on_blob") == 1
    stage.drop("a.txt", "newer")
    assert sorted(run["content"] for run in stage.wait_for_seen("blobs", 2)) == ["new", "newer"]


def test_failing_blob_goes_to_poison_queue(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    etag = stage.drop("bad.txt", behaviour="fail")
    host = stage.start_host()

    def poisoned() -> list[dict[str, Any]]:
        bodies = [json.loads(base64.b64decode(text)) for text in stage.queue_texts("webjobs-blobtrigger-poison")]
        return [body for body in bodies if body["ContainerName"] == stage.values["INPUT"]]

    (body,) = wait_until(poisoned, "a poison message")

    assert body == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.on_blob",
        "BlobType": "BlockBlob",
        "ContainerName": stage.values["INPUT"],
        "BlobName": "bad.txt",
        "ETag": etag,
    }
    assert len(stage.seen("failed")) == 2
    assert host.status()["functions"]["on_blob"]["failures"] == 2


def test_failing_message_reaches_poison_function(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    stage.send("fail")
    stage.start_host()

    (poison,) = stage.wait_for_seen("poison", 1)

    assert (poison["body"], poison["function"]) == ("fail", "on_poison")
    assert sorted(run["count"] for run in stage.seen("messages")) == [1, 2, 3]


def test_poison_queue_keeps_failing_message(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    stage.send("fail twice")
    host = stage.start_host()

    stage.wait_for_seen("poison", 1)
    poison_queue = f"{stage.values['JOBS']}-poison"
    wait_until(lambda: host.status()["messagesInFlight"][poison_queue] == 0, "the run has ended")

    assert stage.queue_length(poison_queue) == 1
    assert host.runs("on_poison") == 1


def test_unreadable_message_is_poisoned_unchanged(set_stage: SetStage) -> None:
    # Without the poison function, so that the message can be looked at.
    stage = set_stage("recorder")
    stage.send("plain text!", raw=True)
    app = stage.folder / "function_app.py"
    app.write_text(app.read_text().replace("%JOBS%-poison", "%JOBS%-elsewhere"))
    host = stage.start_host()

    wait_until(lambda: stage.queue_texts(f"{stage.values['JOBS']}-poison") == ["plain text!"], "the poison message")

    assert host.runs("on_message") == 0


def test_two_hosts_run_each_blob_once(set_stage: SetStage) -> None:
    one_at_a_time = HOST_JSON | {"extensions": {"blobs": {"maxDegreeOfParallelism": 1}}}
    stage = set_stage("recorder", one_at_a_time)
    hosts = [stage.start_host(), stage.start_host()]
    # Each of these two ends only when both have begun, and a host runs one at a time: so both hosts take part.
    stage.drop("meet-1.txt", behaviour="meet")
    stage.drop("meet-2.txt", behaviour="meet")
    stage.wait_for_seen("blobs", 2)
    for number in range(20):
        stage.drop(f"{number}.txt")
    seen = stage.wait_for_seen("blobs", 22)

    assert len({run["name"] for run in seen}) == 22
    assert len({run["process"] for run in seen}) == 2
    assert sum(host.runs("on_blob") for host in hosts) == 22


@pytest.mark.long
def test_another_host_continues_killed_ones_work(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    stage.drop("held.txt", behaviour="hold")
    victim = stage.start_host("--message-lease", "2")
    stage.wait_for_seen("started", 1)
    victim.process.kill()
    for number in range(5):
        stage.drop(f"{number}.txt")
    stage.start_host("--message-lease", "2")
    stage.wait_for_seen("started", 2)
    stage.mark("go")

    # The dead host's lock on the scanner lapses after 15 s; its message after 2.
    names = sorted(run["name"] for run in stage.wait_for_seen("blobs", 6))
    assert names == ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt", "held.txt"]


def test_sigterm_waits_for_running_function(set_stage: SetStage) -> None:
    """The host exits with 0."""
    stage = set_stage("recorder")
    stage.drop("held.txt", behaviour="hold")
    log = stage.folder / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(stage.command(), stdout=output, stderr=output)
        stage.wait_for_seen("started", 1)
        process.terminate()
        wait_until(lambda: b"Stopping" in log.read_bytes(), "the host stops")
        stage.mark("go")

        assert process.wait(timeout=120) == 0
    assert [run["name"] for run in stage.seen("blobs")] == ["held.txt"]
    assert stage.queue_length(stage.internal_queue) == 0


def test_host_recovers_with_storage(tmp_path: Path) -> None:
    with Azurite(tmp_path / "storage") as storage:
        stage = Stage(storage, tmp_path, "recorder")
        try:
            stage.drop("before.txt")
            host = stage.start_host()
            stage.wait_for_seen("blobs", 1)
            storage.restart()
            stage.drop("after.txt")
            stage.send("after")

            assert sorted(run["name"] for run in stage.wait_for_seen("blobs", 2)) == ["after.txt", "before.txt"]
            assert [run["body"] for run in stage.wait_for_seen("messages", 1)] == ["after"]
            assert host.process.running
        finally:
            stage.close()


def test_missed_timer_runs_on_one_host(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    stage.values["SCHEDULE"] = "0 0 0 1 * *"
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = (month - timedelta(days=1)).replace(day=1) - timedelta(days=1)
    following = (last + timedelta(days=1)).isoformat()
    stage.hosts_container.upload_blob(
        f"timers/{stage.host_id}/Host.Functions.on_timer/status",
        json.dumps({"Last": last.isoformat(), "Next": following, "LastUpdated": last.isoformat()}),
    )
    hosts = [stage.start_host(), stage.start_host()]

    (timer,) = stage.wait_for_seen("timers", 1)
    status = stage.hosts_container.get_blob_client(f"timers/{stage.host_id}/Host.Functions.on_timer/status")
    wait_until(lambda: json.loads(status.download_blob().readall())["Last"] > following, "the new status")

    assert timer["past_due"]
    assert timer["status"]["Next"] == following
    assert sum(host.runs("on_timer") for host in hosts) == 1


def test_timer_fires_on_its_schedule(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    stage.values["SCHEDULE"] = "* * * * * *"
    stage.start_host()

    wait_until(lambda: len(stage.seen("timers")) >= 2, "two runs")
    assert not any(run["past_due"] or run["status"] for run in stage.seen("timers"))


def test_functions_can_be_started_manually(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    host = stage.start_host("--master-key", "secret")
    # In a container that no trigger watches.
    stage.seen_container.upload_blob("by hand.txt", b"hello")
    key = {"x-functions-key": "secret"}
    path = f"{stage.values['SEEN']}/by hand.txt"

    assert host.request("/admin/functions/on_blob", {"input": path})[0] == 401
    assert host.request("/admin/functions/on_blob", {"input": path}, key)[0] == 202
    assert host.request("/admin/functions/on_message", {"input": '{"job": 1}'}, key)[0] == 202
    assert host.request("/admin/functions/nobody", {"input": ""}, key)[0] == 404
    assert host.request("/admin/functions/on_blob", {"input": "no-blob"}, key)[0] == 400
    assert host.request("/admin/functions/on_blob", {"input": path + ".gone"}, key)[0] == 400
    assert host.request("/admin/host/status")[0] == 401
    assert [run["name"] for run in stage.wait_for_seen("blobs", 1)] == ["by hand.txt"]
    assert [run["body"] for run in stage.wait_for_seen("messages", 1)] == ['{"job": 1}']


def test_status_counts_runs_and_memory(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    stage.drop("a.txt")
    host = stage.start_host()
    stage.wait_for_seen("blobs", 1)
    status = wait_until(
        lambda: (found := host.status())["functions"]["on_blob"]["running"] == 0 and found, "the run has ended"
    )

    assert status["functions"]["on_blob"] == {
        "runs": 1,
        "failures": 0,
        "timeouts": 0,
        "running": 0,
        "heldSeconds": status["functions"]["on_blob"]["heldSeconds"],
    }
    assert status["functions"]["on_blob"]["heldSeconds"] > 0
    assert status["peakRssBytes"] >= status["rssBytes"] * 0.9 > 0
    assert status["id"] == stage.host_id


def test_failed_start_lists_all_problems(set_stage: SetStage) -> None:
    """The host exits with 1."""
    stage = set_stage("recorder")
    for name in ("INPUT", "DocumentStorage"):
        del stage.values[name]
    result = subprocess.run(stage.command(), capture_output=True, text=True, timeout=120)

    assert result.returncode == 1
    assert "The functions host cannot start" in result.stderr
    assert "Function 'on_blob': '%INPUT%' does not resolve to a value" in result.stderr
    assert "Function 'on_message': the storage connection 'DocumentStorage' has no app setting" in result.stderr
    assert "Traceback" not in result.stderr


def test_settings_error_has_no_traceback(set_stage: SetStage) -> None:
    stage = set_stage("recorder", {"version": "2.0", "functionTimeout": "soon"})
    (stage.folder / "function_app.py").write_text("raise ValueError('LANGUAGE_ENDPOINT is missing')")
    result = subprocess.run(stage.command(), capture_output=True, text=True, timeout=120)

    assert result.returncode == 1
    assert "LANGUAGE_ENDPOINT is missing" in result.stderr
    assert "'functionTimeout' is 'soon'" in result.stderr
    assert "Traceback" not in result.stderr


def test_reports_unreachable_storage(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody listens on it
        nowhere = f"http://127.0.0.1:{held.getsockname()[1]}/account"
        connection = stage.values["AzureWebJobsStorage"]
        stage.values["AzureWebJobsStorage"] = connection.replace(stage.storage.blob_endpoint, nowhere)
        result = subprocess.run(stage.command(), capture_output=True, text=True, timeout=120)

    assert result.returncode == 1
    assert "Storage does not answer as it should, is it running?" in result.stderr


def test_environment_overrides_settings_file(set_stage: SetStage) -> None:
    stage = set_stage("recorder")
    stage.values["JOBS"] = "wrong--name"
    environ = os.environ | {"JOBS": "other--name"}
    result = subprocess.run(stage.command(), capture_output=True, text=True, timeout=120, env=environ)

    assert "'other--name' is not a queue's name" in result.stderr
    assert "not taken from the settings file: JOBS" in result.stderr


class TestHttp:
    """HTTP functions from the command line; tests/local/functions_host/test_http_triggers.py has the rules."""

    def test_without_options_functions_are_open(self, set_stage: SetStage) -> None:
        host = set_stage("web").start_host()
        status, text = host.request("/api/hello")
        assert (status, text) == (200, f"{host.url.removeprefix('http://')} None nobody")

    def test_made_keys_are_printed(self, set_stage: SetStage) -> None:
        host = set_stage("web").start_host("--enable-auth", "--function-key", "hello=h1")
        printed = dict(line.split(": ") for line in host.process.log_tail() if "key" in line and ": " in line)
        host_key, master = printed["Host key of the HTTP functions"], printed["Master key"]
        keys = {"wrong": 401, "h1": 200, host_key: 200, master: 200}
        assert {key: host.request(f"/api/hello?code={key}")[0] for key in keys} == keys
        assert host.request("/admin/host/status", headers={"x-functions-key": host_key})[0] == 401
        assert host.request("/admin/host/status", headers={"x-functions-key": master})[0] == 200

    def test_sign_in_is_imitated(self, set_stage: SetStage) -> None:
        host = set_stage("web").start_host("--sign-in", "ada", "--unauthenticated-action", "Return401")
        assert host.request("/api/hello")[0] == 401
        # The redirect leads back to the function, whose answer has no cookie; the session is taken on the way.
        request = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with request.open(f"{host.url}/.auth/login/aad?post_login_redirect_uri=/api/hello") as reply:
            assert reply.read().decode().endswith(" True 11111111-2222-3333-4444-555555555555")

    def test_taken_port_stops_start(self, set_stage: SetStage) -> None:
        stage = set_stage("web")
        host = stage.start_host()
        command = stage.command("--port", host.url.rpartition(":")[2])
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert (result.returncode, "cannot be had" in result.stderr) == (1, True)


class TestEventGrid:
    """The webhook of the `EventGrid` source."""

    KEY = "extension-key"

    @pytest.fixture
    def stage(self, set_stage: SetStage) -> Stage:
        return set_stage("events")

    def path(self, key: str = KEY, function: str = "Host.Functions.on_event") -> str:
        return f"/runtime/webhooks/blobs?functionName={function}&code={key}"

    def event(self, stage: Stage, name: str, container: str | None = None, etag: str = "0x8D") -> dict[str, Any]:
        blob = stage.blobs.get_blob_client(container or stage.values["INPUT"], name)
        return {
            "eventType": "Microsoft.Storage.BlobCreated",
            "data": {"api": "PutBlob", "url": blob.url, "eTag": etag, "blobType": "BlockBlob"},
        }

    def test_handshake_needs_right_key(self, stage: Stage) -> None:
        host = stage.start_host("--extension-key", self.KEY)
        handshake = [{"data": {"validationCode": "512d38b6"}}]
        header = {"aeg-event-type": "SubscriptionValidation"}

        assert host.request(self.path(), handshake, header) == (200, '{"validationResponse":"512d38b6"}')
        assert host.request(self.path("wrong"), handshake, header)[0] == 401
        assert host.request(self.path(function="Host.Functions.nobody"), handshake, header)[0] == 404
        assert host.request(self.path(), handshake)[0] == 400

    def test_each_event_runs_function(self, stage: Stage) -> None:
        stage.drop("a ü#.txt", "hello", kind="letter")
        stage.seen_container.upload_blob("elsewhere.txt", b"other")
        host = stage.start_host("--extension-key", self.KEY)
        events = [
            self.event(stage, "a ü#.txt"),
            self.event(stage, "a ü#.txt", etag="0x9E"),
            self.event(stage, "gone.txt"),
            self.event(stage, "elsewhere.txt", container=stage.values["SEEN"]),
        ]
        status, _ = host.request(self.path(), events, {"aeg-event-type": "Notification"})
        seen = stage.wait_for_seen("events", 3)
        wait_until(lambda: stage.queue_length(stage.internal_queue) == 0, "every message is done")

        assert status == 202
        assert sorted(run["name"] for run in seen) == sorted(
            [*2 * [f"{stage.values['INPUT']}/a ü#.txt"], f"{stage.values['SEEN']}/elsewhere.txt"]
        )
        letter = next(run for run in seen if run["name"].endswith("a ü#.txt"))
        assert (letter["content"], letter["length"], letter["metadata"]) == ("hello", 5, {"kind": "letter"})
        # No receipts on this route: the same blob may run any number of times.
        receipts = f"blobreceipts/{stage.host_id}/"
        assert list(stage.hosts_container.list_blob_names(name_starts_with=receipts)) == []

    def test_blob_without_event_runs_nothing(self, stage: Stage) -> None:
        stage.drop("silent.txt")
        stage.drop("told.txt")
        host = stage.start_host("--extension-key", self.KEY)
        host.request(self.path(), self.event(stage, "told.txt"), {"aeg-event-type": "Notification"})

        (seen,) = stage.wait_for_seen("events", 1)
        assert seen["name"].endswith("/told.txt")

    def test_missing_key_is_generated(self, stage: Stage) -> None:
        host = stage.start_host()
        (line,) = [line for line in host.process.log_tail() if "/runtime/webhooks/blobs?" in line]
        handshake = [{"data": {"validationCode": "1"}}]
        path = line.removeprefix(host.url)

        assert len(path.rpartition("code=")[2]) >= 32
        assert host.request(path, handshake, {"aeg-event-type": "SubscriptionValidation"})[0] == 200


def test_module_is_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "local.functions_host", "--help"], capture_output=True, text=True, timeout=120
    )

    assert result.returncode == 0
    for option in ("--settings", "--app", "--port", "--message-lease", "--scan-interval", "--log-level"):
        assert option in result.stdout
