"""A part of the local set-up: started, watched, stopped."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local.process import LocalProcess, LocalProcessError, loopback_without_proxy

pytestmark = pytest.mark.processes

WAIT_FOREVER = "import time\nwhile True: time.sleep(60)"


def part(tmp_path: Path, program: str, **options: object) -> LocalProcess:
    return LocalProcess(
        "part", [sys.executable, "-c", program], log_file=tmp_path / "part.log", ready=[r"^ready on (\d+)$"], **options
    )


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def test_start_returns_ready_values(tmp_path: Path) -> None:
    with part(tmp_path, f"print('hello\\nready on 4711')\n{WAIT_FOREVER}") as process:
        assert process.running
        process.stop()
        (match,) = process.start()
        assert match[1] == "4711"
    assert not process.running


def test_early_exit_is_reported(tmp_path: Path) -> None:
    """With the last lines of the process."""
    with pytest.raises(LocalProcessError) as caught:
        part(tmp_path, "print('port 80 is taken')\nraise SystemExit(3)").start()
    assert str(caught.value) == (
        f"The part stopped with exit code 3. Its last lines, from {tmp_path / 'part.log'}:\n    port 80 is taken"
    )


def test_unready_process_is_killed(tmp_path: Path) -> None:
    process = part(tmp_path, f"print('thinking')\n{WAIT_FOREVER}", start_timeout_s=1)
    with pytest.raises(LocalProcessError, match=r"did not say that it is ready within 1 s.*\n    thinking"):
        process.start()
    assert not process.running


def test_later_exit_is_noticed(tmp_path: Path) -> None:
    with part(tmp_path, f"print('ready on 1')\n{WAIT_FOREVER}") as process:
        process.check()
        os.kill(process.pid, signal.SIGKILL)
        eventually(lambda: not process.running, "the process is seen to be dead")
        with pytest.raises(LocalProcessError, match="stopped with exit code -9"):
            process.check()


def test_unresponsive_process_is_killed(tmp_path: Path) -> None:
    program = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready on 1')\n{WAIT_FOREVER}"
    process = part(tmp_path, program, stop_timeout_s=0.5)
    process.start()
    process.stop()
    assert not process.running


def test_child_processes_are_killed(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {WAIT_FOREVER!r}])\n"
        f"print(f'ready on {{child.pid}}')\n{WAIT_FOREVER}"
    )
    process = part(tmp_path, program)
    (match,) = process.start()
    child = psutil.Process(int(match[1]))
    process.kill()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child is gone")


def test_paused_process_is_stopped(tmp_path: Path) -> None:
    process = part(tmp_path, f"print('ready on 1')\n{WAIT_FOREVER}")
    process.start()
    process.pause()
    process.stop()
    assert not process.running


def test_none_removes_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From what the process gets."""
    monkeypatch.setenv("LANGUAGE_KEY", "a real key")
    program = f"import os\nprint(os.environ.get('LANGUAGE_KEY'), os.environ['X'])\nprint('ready on 1')\n{WAIT_FOREVER}"
    with part(tmp_path, program, environment={"LANGUAGE_KEY": None, "X": "y"}) as process:
        assert process.log_tail() == ["None y", "ready on 1"]


def test_loopback_bypasses_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other exceptions of the environment stay."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    value = "intranet.example,127.0.0.1,localhost"
    assert loopback_without_proxy() == {"no_proxy": value, "NO_PROXY": value}


def test_reused_process_number_is_spared(tmp_path: Path) -> None:
    """What a part is asked after its end reaches nobody else: systems give the numbers of ended processes out again."""
    ended, other = (part(tmp_path, f"print('ready on 1')\n{WAIT_FOREVER}") for _ in range(2))
    ended.start()
    ended.stop()
    with other:
        assert ended._process is not None
        ended._process.pid = other.pid
        ended.pause()
        ended.kill()
        os.kill(other.pid, signal.SIGTERM)
        eventually(lambda: not other.running, "the other one ends")
        with pytest.raises(LocalProcessError, match="stopped with exit code -15"):
            other.check()
