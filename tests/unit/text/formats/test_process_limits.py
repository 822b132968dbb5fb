import subprocess
import sys

import pytest

from local.process import ROOT

pytestmark = pytest.mark.processes

LIMITED = """
import os, socket, subprocess, threading
from functions.text.formats import process_limits
process_limits.apply(600)
try:
    {act}
except (OSError, RuntimeError, MemoryError):
    print("refused")
"""


def outcome(act: str) -> str:
    code = LIMITED.format(act=act)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr[-300:]


@pytest.mark.skipif(sys.platform != "linux", reason="these limits are those of Linux")
@pytest.mark.parametrize(
    "act",
    [
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "subprocess.run(['true'])",
        "threading.Thread(target=print).start()",
        "socket.socket()",
        "socket.socketpair()",
        "open('/etc/hostname')",
        "os.close(0); os.open('/etc/hostname', os.O_RDONLY)",
        "open('new-file', 'w')",
        "os.listdir('/')",
        "os.unlink('no-such-file') if not os.path.exists('no-such-file') else None",
        "os.mkdir('new-folder')",
        "os.kill(os.getppid(), 0)",
        "bytearray(700 << 20)",
    ],
)
def test_what_extractors_do_not_need_is_refused(act: str) -> None:
    assert outcome(act) == "refused"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_processor_time_counts_from_now() -> None:
    act = "process_limits.allow_processor_seconds(0)\n    while True: pass"
    code = LIMITED.format(act=act)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -24
