"""A lock on a file: one holder at a time, and none once the holder is gone."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.file_lock import LockedError, file_lock
from local.process import ROOT

HOLDER = """
import sys
from pathlib import Path
from local.file_lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_holder_is_refused(tmp_path: Path) -> None:
    with file_lock(tmp_path / "new folder" / "lock"):
        with pytest.raises(LockedError, match="new folder"), file_lock(tmp_path / "new folder" / "lock"):
            pass
        with file_lock(tmp_path / "another"):
            pass


def test_waiting_holder_gets_lock(tmp_path: Path) -> None:
    taken = threading.Event()

    def take() -> None:
        with file_lock(tmp_path / "lock", wait=True):
            taken.set()

    with file_lock(tmp_path / "lock"):
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.is_set()
    waiting.join(60)
    assert taken.is_set()


@pytest.mark.processes
def test_lock_of_killed_process_is_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError), file_lock(tmp_path / "lock"):
            pass
        holder.kill()
        holder.wait(60)
        with file_lock(tmp_path / "lock", wait=True):
            pass
