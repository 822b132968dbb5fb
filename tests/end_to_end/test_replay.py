"""`replay` on the whole product: interrupted by Ctrl-C, continued, and nothing submitted twice."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.settings import Secret, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.clients import blob_service
from functions.storage.record_store import RecordStore
from local.process import ROOT
from local.stack import Stack

DOCUMENTS = 90
LONGEST_S = 180


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + LONGEST_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.5)


@pytest.mark.processes
def test_interrupted_replay_goes_on(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        blobs = blob_service(StorageConnection(connection_string=Secret(stack.connection_string)))
        intake, output, state = (
            AzureContainer(blobs.get_container_client(name)) for name in ("documents", "entities", "extraction-state")
        )
        for number in range(DOCUMENTS):
            intake.write(f"{number:03d}.txt", f"Letter {number} to Mary Miller about $1000.".encode())
        records = RecordStore(state)

        def is_quiet() -> bool:
            done = sum(info.metadata.get("state") == "done" for info in records.list_documents())
            return done == DOCUMENTS and not list(records.list_jobs())

        wait_until(is_quiet)
        before = {info.name: info.etag for info in output.list()}
        accepted = stack.language.counters()["documentsAccepted"]
        settings = tmp_path / "stack" / "local.settings.json"
        options = ["replay", "--all", "--yes", "--json", "--rate", "300", "--progress", str(tmp_path / "progress.json")]
        command = [sys.executable, "-m", "functions", "--settings", str(settings), *options]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_interrupts,
        ) as process:
            # The file is there from the beginning, and tells of each batch.
            wait_until(lambda: '"after":"' in _text(tmp_path / "progress.json"))
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=LONGEST_S)
        assert (process.returncode, told) == (1, "Interrupted. The same command goes on from here.\n")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout.splitlines()[-1]) == {
            "submitted": DOCUMENTS,
            "left": 0,
            "ignored": 0,
            "refused": 0,
            "isResumed": True,
        }
        wait_until(is_quiet)
        after = {info.name: info.etag for info in output.list()}
        assert after.keys() == before.keys()
        assert not set(after.values()) & set(before.values()), "every result was written anew"
        assert stack.language.counters()["documentsAccepted"] == accepted + DOCUMENTS


def _heed_interrupts() -> None:
    """A shell has its background processes ignore Ctrl-C, and so all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
