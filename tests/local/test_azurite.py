"""The storage emulator as our other tests rely on it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from azure.core.exceptions import ServiceRequestError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local import azurite as azurite_module
from local.azurite import Azurite
from local.process import ROOT, LocalProcessError

pytestmark = pytest.mark.processes


def blobs(emulator: Azurite, **options: object) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(emulator.connection_string, **options)


def test_emulators_are_isolated(storage: Azurite) -> None:
    with Azurite() as other, blobs(storage) as one_blobs, blobs(other) as other_blobs:
        one_blobs.create_container("only-here")
        assert "only-here" in [container.name for container in one_blobs.list_containers()]
        assert list(other_blobs.list_containers()) == []


def test_restart_keeps_content_and_ports(tmp_path: Path) -> None:
    with Azurite(tmp_path / "data") as emulator:
        before = emulator.connection_string
        with (
            blobs(emulator) as client,
            QueueServiceClient.from_connection_string(before) as queues,
        ):
            client.create_container("kept").upload_blob("a.txt", b"text")
            queues.create_queue("kept").send_message("hello")
            emulator.restart()
            assert emulator.connection_string == before
            assert client.get_blob_client("kept", "a.txt").download_blob().readall() == b"text"
            assert queues.get_queue_client("kept").receive_message().content == "hello"


def test_content_survives_emulator(tmp_path: Path) -> None:
    with Azurite(tmp_path) as emulator, blobs(emulator) as client:
        client.create_container("kept").upload_blob("a.txt", b"text")
    with Azurite(tmp_path) as emulator, blobs(emulator) as client:
        assert client.get_blob_client("kept", "a.txt").download_blob().readall() == b"text"


def test_restart_without_folder_is_refused() -> None:
    """The emulator would lose its content."""
    with pytest.raises(ValueError, match="would empty it"):
        Azurite().restart()


def test_stop_leaves_nothing() -> None:
    emulator = Azurite()
    with emulator, blobs(emulator) as client:
        client.create_container("gone")
        process = psutil.Process(emulator.process.pid)
        log = emulator.process.log_file
    assert not process.is_running()
    assert not log.parent.exists()
    with blobs(emulator, retry_total=0) as client, pytest.raises(ServiceRequestError):
        client.create_container("after")


def test_used_port_is_reported(storage: Azurite) -> None:
    port = int(storage.blob_endpoint.rpartition(":")[2].partition("/")[0])
    second = Azurite(blob_port=port)
    with pytest.raises(LocalProcessError, match="EADDRINUSE"):
        second.start()
    second.stop()


def test_missing_emulator_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(azurite_module, "_PROGRAM", tmp_path / "azurite.js")
    with pytest.raises(azurite_module.StorageMissingError, match="make setup"), Azurite():
        pass


def test_missing_node_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(azurite_module.StorageMissingError, match=r"Install Node\.js"), Azurite():
        pass


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only the Linux kernel tells children of a kill")
def test_emulator_dies_with_parent() -> None:
    program = (
        "from local.azurite import Azurite\n"
        "emulator = Azurite()\n"
        "emulator.start()\n"
        "print(emulator.process.pid, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        emulator = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while emulator.is_running() and emulator.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the emulator outlived its parent"
        time.sleep(0.05)


def test_space_of_messages_is_freed_seldom() -> None:
    """Azurite answers nobody meanwhile, with some thousand messages for seconds."""
    told = "JSON.stringify(require('./node_modules/azurite/dist/src/queue/utils/constants').DEFAULT_GC_INTERVAL_MS)"
    node = [shutil.which("node") or "node", "--require", str(azurite_module._PRELOADED), "-p", told]
    assert subprocess.run(node, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip() == "600000"
