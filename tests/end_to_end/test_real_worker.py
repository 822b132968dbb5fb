"""The app under Microsoft's own Python worker library, on Python 3.13."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.file_lock import file_lock
from local.process import ROOT
from local.setup import python_of
from local.stack import Stack

pytestmark = pytest.mark.processes

VENV = ROOT / ".venv313"
DRIVER = ROOT / "tests" / "support" / "real_worker.py"


def find_python() -> Path | None:
    """Return an interpreter of Python 3.13: on the path, or among pyenv's versions."""
    on_path = shutil.which("python3.13")
    if on_path and subprocess.run([on_path, "--version"], capture_output=True, check=False).returncode == 0:
        return Path(on_path)
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return next(iter(sorted(versions.glob("3.13*/bin/python3.13"), reverse=True)), None)


@pytest.fixture(scope="module")
def python() -> Path:
    """An environment of Python 3.13 with what the app needs and the worker library, and nothing else.

    Made once for this clone; several test runs that need it at a time wait for the first.
    """
    interpreter = find_python()
    if interpreter is None:
        pytest.skip("no Python 3.13 was found, and azure-functions-runtime installs on no earlier one")
    installed = python_of(VENV)
    marker = VENV / ".ready"
    with file_lock(ROOT / ".cache" / "venv313.lock", wait=True):
        if not marker.exists() or marker.stat().st_mtime < (ROOT / "requirements.txt").stat().st_mtime:
            subprocess.run([interpreter, "-m", "venv", VENV], check=True)
            packages = ["-r", str(ROOT / "requirements.txt"), "azure-functions-runtime>=1.3,<2"]
            subprocess.run([installed, "-m", "pip", "install", "--quiet", *packages], check=True)
            marker.touch()
    return installed


@pytest.mark.timeout(600)
def test_real_worker_indexes_and_calls_our_functions(python: Path, tmp_path: Path) -> None:
    """The library that runs Python functions in Azure finds every trigger, and a document comes back as entities."""
    options = ["--min-seconds", "0.2", "--max-seconds", "0.5"]
    with Stack(tmp_path, hosts=0, settings={"WEB": "key"}, language_options=options) as stack:
        environment = {"PATH": os.environ["PATH"], **stack.settings}
        document = (ROOT / "samples" / "drop" / "short-note.txt").read_bytes()
        finished = subprocess.run(
            [python, DRIVER, ROOT], input=document, env=environment, capture_output=True, timeout=120, check=False
        )
    assert finished.returncode == 0, finished.stderr.decode()
    report = json.loads(finished.stdout.decode().splitlines()[-1])
    assert report["functions"] == [
        *("advance", "reconcile", "rescue_document", "rescue_job", "submit", "sweep", "web_api", "web_page"),
    ]
    assert report["calls"] == {"submit": "ok", "advance": "ok", "sweep": "ok", "reconcile": "ok"}
    assert report["entities"] > 0
    session, document, page, nothing = report["answers"]
    assert [answer["status"] for answer in report["answers"]] == ["200", "200", "200", "404"]
    assert json.loads(session["body"])["access"] == "key"
    assert json.loads(document["body"])["state"] == "done"
    assert document["headers"] == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    assert page["body"].startswith("<!doctype html>")
    assert nothing["headers"]["content-type"] == "application/problem+json"
