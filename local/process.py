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
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
"""The folder of the project; every part is started in it."""

_POLL_S = 0.02


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

    It runs in a session of its own, so that Ctrl-C reaches only the program that started it, which can then stop its
    parts in the right order. ``start`` may be called again after ``stop`` or ``kill``; the log is appended to.
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
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        """``ready`` are regular expressions that must all have matched a line before the part counts as started.

        ``environment`` is added to this program's own; ``None`` takes a variable out.
        ``orphan_signal`` is what it gets if this program is killed.
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
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

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
        environment = {**os.environ, **loopback_without_proxy(), "PYTHONUNBUFFERED": "1", **self.environment}
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
                start_new_session=True,
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
            except BaseException:  # somebody pressed Ctrl-C again: no more patience
                self.kill()
                raise
        self.kill()  # what the process may have started itself

    def ask_to_stop(self) -> None:
        """Ask the process to end, without waiting; ``stop`` must follow."""
        if self.running:
            self.resume()  # a paused process would not hear the request
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and everything it started at once, as a crash would; does nothing if it does not run."""
        atexit.unregister(self.kill)
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def pause(self) -> None:
        """Freeze the process: connections stay open and nothing answers, as with a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def check(self) -> None:
        """Raise ``LocalProcessError`` if the process has ended."""
        if not self.running:
            code = "never started" if self._process is None else f"stopped with exit code {self._process.returncode}"
            raise LocalProcessError(self.name, code, self.log_file, self.log_tail())

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

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            # The group, not the process: whatever the part started goes with it. Gone already: nothing to do.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def loopback_without_proxy() -> dict[str, str]:
    """The environment variables that keep requests to this machine away from a proxy; other exceptions are kept."""
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    value = ",".join(filter(None, (exceptions, "127.0.0.1", "localhost")))
    return {"no_proxy": value, "NO_PROXY": value}


def _with_parent(command: Sequence[str], number: signal.Signals) -> list[str]:
    """The command, such that the kernel sends it a signal if this program is killed (Linux; elsewhere as it is).

    The kernel watches the *thread* that starts the child, so it is asked only on the main thread: a child started by a
    helper thread would be ended when that thread ends.
    """
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        return list(command)
    launcher = Path(__file__).with_name("with_parent.py")
    return [sys.executable, "-I", "-S", str(launcher), str(int(number)), str(os.getpid()), *command]
