"""`make loop` as people run it: storage, functions host and Language stand-in are processes of their own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.process import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]


def test_loop_prints_a_better_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.loop", "--work", str(tmp_path / "work")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"F1 on 13 other documents: (0\.\d+) before, (0\.\d+) after\.", done.stdout)
    assert found, done.stdout
    before, after = map(float, found.groups())
    assert after >= before + 0.03
    assert "Deployed: it is better on the test set." in done.stdout
