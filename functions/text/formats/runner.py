"""Reads files in a child process, so that no file takes the app or another file with it.

The child is started at the first file and kept; it is replaced after a number of files, when it holds much memory, and
after each error of memory. It is another program, not a fork: the app has threads. It knows nothing of the app's
environment. How it ended says which limit was hit:

    our clock ran out, or SIGXCPU      seconds
    SIGABRT of an allocator, SIGKILL   memory
    by the system
    anything else                      the file is damaged: it ended its reader

A child that had read other files before may have died of those: the file is tried once more in a new one.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from ...errors import Warning
from .extraction import Extracted, Limits, NotExtractable, Reason, Scan, over_limit
from .frames import BUFFER_BYTES, BrokenFrameError, read_frame, write_frame
from .locations import LocationMap

FILES_PER_CHILD = 1_000
"""A start takes as much processor time as some hundred small files; a child does not grow with their number."""
RECYCLED_FROM_MB = 150
"""Memory of a child after an answer with which it is replaced: what one large file needed is not given back."""
_START_SECONDS = 60
_ROOT = Path(__file__).resolve().parents[3]
_START = (
    "import json, sys; start = json.loads(sys.argv[1]); sys.path[:] = start['path']; "
    f"from {__package__}.child import main; main(start['memory_mb'], start['seconds'], start['limits'])"
)
_KEPT_ENVIRONMENT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What the interpreter may need to start at all."""
_BYTES_PER_CHARACTER = 4
_ERRORS_KEPT = 20

# Their names are not known everywhere: Windows has no signals.
_SIGABRT, _SIGKILL, _SIGXCPU = -6, -9, -24


class ExtractionUnavailable(Exception):
    """The child process does not start: nothing is known about the file."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child process ended."""

    code: int
    errors: str
    """The end of what it wrote to standard error."""
    timed_out: bool = False

    def outcome(self, seconds: float, memory_mb: int) -> NotExtractable:
        """Return what that says about the file."""
        if self.timed_out or self.code == _SIGXCPU:
            return over_limit("seconds", seconds)
        errors = self.errors.strip()
        of_memory = "memory" in errors.lower() or "bad_alloc" in errors or "MemoryError" in errors
        if self.code == _SIGKILL or of_memory or (self.code == _SIGABRT and not errors):
            return over_limit("memory", memory_mb)
        return NotExtractable(Reason.DAMAGED, f"It ended the process that read it (exit code {self.code}).")


class Runner:
    """Extracts texts in a child process of its own, one after the other; safe for threads.

    `seconds` is the time for one file, `memory_mb` the address space of the child. `close` ends the child.
    """

    def __init__(
        self,
        *,
        seconds: float = 60,
        memory_mb: int = 600,
        limits: Limits | None = None,
        files_per_child: int = FILES_PER_CHILD,
    ) -> None:
        self._seconds = seconds
        self._memory_mb = memory_mb
        self._limits = limits or Limits()
        self._files_per_child = files_per_child
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def extract(self, data: bytes) -> Extracted:
        """Return the text of a file of any format.

        Raises `NotExtractable`, and `ExtractionUnavailable` where that is not because of the file.
        """
        with self._lock:
            outcome, may_differ = self._read(data)
            if may_differ:
                outcome, _ = self._read(data)
        if isinstance(outcome, NotExtractable):
            raise outcome
        return outcome

    def close(self) -> None:
        """End the child process, if there is one; the next file starts another."""
        with self._lock:
            if self._child:
                self._child.close()
                self._child = None

    def _read(self, data: bytes) -> tuple[Extracted | NotExtractable, bool]:
        """Return what comes of a file, and whether that may be because of the files that the child read before."""
        child = self._child = self._child or _Child(self._memory_mb, self._seconds, self._limits)
        had_served = child.served > 0
        outcome = child.exchange(data)
        has_ended = isinstance(outcome, Ended)
        if isinstance(outcome, Ended):
            outcome = outcome.outcome(self._seconds, self._memory_mb)
        limit = outcome.limit if isinstance(outcome, NotExtractable) else None
        if (
            has_ended
            or limit == "memory"
            or child.served >= self._files_per_child
            or child.memory_mb > RECYCLED_FROM_MB
        ):
            child.close()
            self._child = None
        return outcome, had_served and (limit == "memory" or (has_ended and limit != "seconds"))


class _Child:
    """A child process."""

    def __init__(self, memory_mb: int, seconds: float, limits: Limits) -> None:
        self.served = 0
        self.memory_mb = 0
        self._seconds = seconds
        self._max_answer_bytes = _BYTES_PER_CHARACTER * limits.characters
        self._errors: deque[bytes] = deque(maxlen=_ERRORS_KEPT)
        self._process = _started(memory_mb, seconds, limits)
        self._clock = _Clock(self._process.kill, min(seconds, _START_SECONDS))
        self._input = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        self._drain = threading.Thread(target=self._read_errors, daemon=True)
        self._drain.start()
        frame = self._within(_START_SECONDS, lambda: read_frame(self._answers, 0))
        if frame is None:
            ended = self._ended()
            raise ExtractionUnavailable(
                f"The process that reads files does not start (exit code {ended.code}): {ended.errors[-500:]}"
            )

    def exchange(self, data: bytes) -> Extracted | NotExtractable | Ended:
        """Let it read a file."""

        def ask() -> tuple[dict[str, Any], bytes] | None:
            write_frame(self._input, {}, data)
            return read_frame(self._answers, self._max_answer_bytes)

        frame = self._within(self._seconds, ask)
        if frame is not None:
            try:
                answer = _answer(*frame)
                self.memory_mb = int(frame[0]["memory_mb"])
            except (LookupError, ValueError, TypeError):
                self._process.kill()
            else:
                self.served += 1
                return answer
        return self._ended()

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._ended()

    def _within(self, seconds: float, act: Any) -> tuple[dict[str, Any], bytes] | None:
        """Return the frame that `act` reads; None where the process ended before, if need be by the clock."""
        self._clock.start(seconds)
        try:
            frame: tuple[dict[str, Any], bytes] | None = act()
        except (OSError, BrokenFrameError):
            # It ended while it was written to, or what it wrote is not to be trusted.
            self._end_soon()
            return None
        finally:
            self._clock.stop()
        return frame

    def _end_soon(self) -> None:
        """Give it a moment to end by itself, for its own exit code; its pipes close before that is known."""
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _ended(self) -> Ended:
        code = self._process.wait()
        self._clock.close()
        self._drain.join()
        for stream in (self._input, self._answers, self._process.stderr):
            try:
                cast(BinaryIO, stream).close()
            except OSError:  # What was not written yet cannot be written any more.
                continue
        return Ended(code, b"".join(self._errors).decode("utf-8", "replace"), self._clock.ran_out)

    def _read_errors(self) -> None:
        """Keep the last lines of standard error, and let it never fill up."""
        stream = cast(BinaryIO, self._process.stderr)
        while line := stream.readline(1_000):
            self._errors.append(line)


class _Clock:
    """Ends a process that takes too long, by `end`, also where it does not read what is written to it.

    One thread sees to all files of a process: to start one for each would take longer than a small file. It looks at
    least every `shortest` seconds, which no time that is started may be less than.
    """

    def __init__(self, end: Callable[[], None], shortest: float) -> None:
        self.ran_out = False
        self._end = end
        self._shortest = shortest
        self._until: float | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def start(self, seconds: float) -> None:
        """Let the process have so much time from now on."""
        self._until = time.monotonic() + seconds

    def stop(self) -> None:
        """Let it have all time again. It is not ended any more then."""
        with self._lock:
            self._until = None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        wait = self._shortest
        while not self._closed.wait(wait):
            with self._lock:
                left = self._shortest if self._until is None else self._until - time.monotonic()
                if left <= 0:
                    self.ran_out = True
                    self._end()
                    return
            wait = min(left, self._shortest)


def _started(memory_mb: int, seconds: float, limits: Limits) -> "subprocess.Popen[bytes]":
    path = [str(_ROOT), *(str(Path(each).resolve()) for each in sys.path)]
    start = json.dumps({"path": path, "memory_mb": memory_mb, "seconds": seconds, "limits": asdict(limits)})
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    # Signals for the app's process group, such as Ctrl-C, are none for the child: it ends when the app does.
    options: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}
    return subprocess.Popen(  # noqa: S603  # The interpreter itself, with our own code.
        [sys.executable, "-I", "-X", "utf8", "-c", _START, start],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=BUFFER_BYTES,
        cwd=_ROOT,
        env=environment,
        **options,
    )


def _answer(header: dict[str, Any], text: bytes) -> Extracted | NotExtractable:
    """Return what an answer says; raises `LookupError`, `ValueError` or `TypeError` where it is none."""
    if "reason" in header:
        return NotExtractable(
            Reason(header["reason"]),
            str(header["detail"]),
            limit=header["limit"],
            allowed=header["allowed"],
            scan=_scan(header["scan"]),
        )
    return Extracted(
        text=text.decode(),
        format=str(header["format"]),
        locations=LocationMap(tuple(header["starts"]), tuple(header["places"])),
        warnings=tuple(Warning(str(code), str(message)) for code, message in header["warnings"]),
        unread_pages=tuple(header["unread_pages"]),
    )


def _scan(answer: Any) -> Scan | None:
    if answer is None:
        return None
    name, pages = answer
    return Scan(str(name), None if pages is None else tuple(int(page) for page in pages))
