"""A child process that says when it is ready, writes to a log file, and never outlives the program that started it."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
"""The folder of the project; every part is started in it."""

_POLL_S = 0.02
_PYTHON_LOGS = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
"""Lines are in the log at once, and the stack of a program that crashes in native code is there, too."""


class LocalProcessError(RuntimeError):
    """A part did not start, or died while it was needed.

    Carries ``part`` (its name), ``log_file``, and ``log_tail`` (its last lines, oldest first).
    """

    def __init__(self, part: str, what: str, log_file: Path, log_tail: Sequence[str]) -> None:
        self.part = part
        self.log_file = log_file
        self.log_tail = tuple(log_tail)
        tail = "\n".join(f"    {line}" for line in log_tail) or "    (nothing)"
        super().__init__(f"The {part} {what}. Its last lines, from {log_file}:\n{tail}")


class LocalProcess:
    """One part of the local set-up: a command, its log file, and the lines by which it says that it is ready.

    It runs in a session of its own (on Windows: a process group), so that Ctrl-C reaches only the program that started
    it, which can then stop its parts in the right order. ``start`` may be called again after ``stop`` or ``kill``; the
    log is appended to. What differs on Windows is at the end of this file, and has not been run there.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_file: Path,
        ready: Sequence[str],
        environment: Mapping[str, str | None] | None = None,
        start_timeout_s: float = 120,
        stop_timeout_s: float = 10,
        orphan_signal: signal.Signals | None = None,
    ) -> None:
        """``ready`` are regular expressions that must all have matched a line before the part counts as started.

        ``environment`` is added to this program's own; ``None`` takes a variable out.
        ``orphan_signal`` is what it gets on Linux if this program is killed; by default it is killed, too.
        """
        self.name = name
        self.command = list(command)
        self.log_file = log_file
        self._ready = [re.compile(pattern, re.MULTILINE) for pattern in ready]
        self.environment = dict(environment or {})
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._orphan_signal = orphan_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begin = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def state(self) -> str:
        """How it is, in words: never started, running, or stopped with its exit code."""
        if self._process is None:
            return "never started"
        return "running" if self.running else f"stopped with exit code {self._process.returncode}"

    @property
    def pid(self) -> int:
        """The process id.

        Raises ``RuntimeError`` if it was never started.
        """
        if self._process is None:
            raise RuntimeError(f"The {self.name} has not been started, so it has no process id. Call start() first.")
        return self._process.pid

    def start(self) -> list[re.Match[str]]:
        """Start the process and wait for its ready lines; returns their matches, in the order of ``ready``.

        Raises ``LocalProcessError``, with nothing left running, if it ends before or says nothing in time.
        """
        self.launch()
        return self.wait_until_ready()

    def launch(self) -> None:
        """Start the process without waiting for it; ``wait_until_ready`` must follow."""
        if self.running:
            raise RuntimeError(f"The {self.name} is already running (process {self.pid}). Call stop() first.")
        environment = {**os.environ, **loopback_without_proxy(), **_PYTHON_LOGS, **self.environment}
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._log_begin = log.tell()
            self._process = subprocess.Popen(
                _with_parent(self.command, self._orphan_signal),
                cwd=ROOT,
                env={name: value for name, value in environment.items() if value is not None},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_apart_from_this_terminal(),
            )
        atexit.register(self.kill)

    def wait_until_ready(self) -> list[re.Match[str]]:
        """Wait for the ready lines of a launched process; see ``start``."""
        try:
            return self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask the process to end, wait, and kill it if it does not; does nothing if it does not run."""
        if self._process is not None and self._process.poll() is None:
            self.ask_to_stop()
            try:
                self._process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                pass
            except BaseException:  # somebody pressed Ctrl-C again: stop waiting
                self.kill()
                raise
        self.kill()  # what the process may have started itself

    def ask_to_stop(self) -> None:
        """Ask the process to end, without waiting; ``stop`` must follow."""
        if self._process is not None and self.running:
            self.resume()  # a paused process would not hear the request
            _ask_to_stop(self._process)

    def kill(self) -> None:
        """End the process and everything it started at once, as a crash would; does nothing if it does not run."""
        atexit.unregister(self.kill)
        if self._process is not None:
            _kill_with_children(self._process)
            self._process.wait()

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers, as with a machine that hangs."""
        if self._process is not None:
            _pause(self._process)

    def resume(self) -> None:
        """Let a paused process go on."""
        if self._process is not None:
            _resume(self._process)

    def check(self) -> None:
        """Raise ``LocalProcessError`` if the process has ended."""
        if not self.running:
            raise LocalProcessError(self.name, self.state, self.log_file, self.log_tail())

    def log_tail(self, lines: int = 15) -> list[str]:
        """The last lines of the log, oldest first."""
        if not self.log_file.exists():
            return []
        return self.log_file.read_text("utf-8", "replace").splitlines()[-lines:]

    def _wait_until_ready(self) -> list[re.Match[str]]:
        deadline = time.monotonic() + self._start_timeout_s
        while True:
            running = self.running  # read before the log, or the last words of a process that ends would be missed
            text = self.log_file.read_bytes()[self._log_begin :].decode("utf-8", "replace")
            found = [match for pattern in self._ready if (match := pattern.search(text))]
            if len(found) == len(self._ready):
                return found
            if not running:
                self.check()
            if time.monotonic() > deadline:
                what = f"did not say that it is ready within {self._start_timeout_s:.0f} s"
                raise LocalProcessError(self.name, what, self.log_file, self.log_tail())
            time.sleep(_POLL_S)


def loopback_without_proxy() -> dict[str, str]:
    """The environment variables that keep requests to this machine away from a proxy; other exceptions are kept."""
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    value = ",".join(filter(None, (exceptions, "127.0.0.1", "localhost")))
    return {"no_proxy": value, "NO_PROXY": value}


# --- What differs from system to system ---


def _apart_from_this_terminal() -> dict[str, Any]:
    """Return the options of ``Popen`` by which Ctrl-C does not reach the new process."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        # The only request that reaches a process group. Node.js ends at it without saving: on Windows the emulator
        # keeps what it wrote by itself, every 5 s.
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        _signal_group(process, signal.SIGTERM)


def _kill_with_children(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        _for_each(process, psutil.Process.kill)
    else:
        _signal_group(process, signal.SIGKILL)


def _pause(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        _for_each(process, psutil.Process.suspend)
    else:
        _signal_group(process, signal.SIGSTOP)


def _resume(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        _for_each(process, psutil.Process.resume)
    else:
        _signal_group(process, signal.SIGCONT)


def _for_each(process: subprocess.Popen[bytes], act: Callable[[psutil.Process], None]) -> None:
    """Do something to the process and whatever it has started: Windows has no signals for a group."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        for each in (*parent.children(recursive=True), parent):
            with contextlib.suppress(psutil.NoSuchProcess):
                act(each)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the process and whatever it has started; what is gone already needs none."""
    if sys.platform != "win32":
        if process.poll() is not None and psutil.pid_exists(process.pid):
            # Once it has ended, the system gives its number to another process, though not while one of its group
            # lives: so none does, and the signal would end something that is not ours.
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def _with_parent(command: Sequence[str], number: signal.Signals | None) -> list[str]:
    """The command, such that the kernel sends it a signal if this program is killed (Linux; elsewhere as it is).

    The kernel watches the *thread* that starts the child, so it is asked only on the main thread: a child started by a
    helper thread would be ended when that thread ends.
    """
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        return list(command)
    launcher = Path(__file__).with_name("with_parent.py")
    number = signal.SIGKILL if number is None else number
    return [sys.executable, "-I", "-S", str(launcher), str(int(number)), str(os.getpid()), *command]
