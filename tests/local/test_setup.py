"""`python -m local.setup`: what it would do, without doing it; a fresh clone is set up by CI."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import setup
from local.process import ROOT


def part(folder: Path, made: list[Path]) -> setup.Part:
    source = folder / "requirements.txt"
    source.touch()

    def make(target: Path) -> None:
        target.mkdir(exist_ok=True)
        made.append(target)

    return setup.Part(folder / "part", (source,), make)


def test_second_run_makes_nothing(tmp_path: Path) -> None:
    made: list[Path] = []
    one = part(tmp_path, made)
    one.ensure()
    one.ensure()
    assert made == [tmp_path / "part"]


def test_changed_source_rebuilds_part(tmp_path: Path) -> None:
    made: list[Path] = []
    one = part(tmp_path, made)
    one.ensure()
    later = (one.folder / setup.READY).stat().st_mtime + 10
    os.utime(one.sources[0], (later, later))
    assert not one.is_ready
    one.ensure()
    assert len(made) == 2


def test_part_that_failed_is_not_ready(tmp_path: Path) -> None:
    def fail(_target: Path) -> None:
        raise setup.SetupError("no network")

    one = setup.Part(tmp_path / "part", (), fail)
    with pytest.raises(setup.SetupError):
        one.ensure()
    assert not one.is_ready


def test_parts_name_files_that_exist() -> None:
    parts = setup.parts(ROOT, checks=True)
    assert [one.folder.name for one in parts] == [".venv", ".venv-authoring", "node_modules", ".venv-infra"]
    assert [file for one in parts for file in one.sources if not file.is_file()] == []


def test_missing_npm_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(setup.SetupError, match=r"Install Node\.js 20 or later"):
        setup.parts(tmp_path)[-1].ensure()


def test_setup_imports_only_standard_library() -> None:
    tree = ast.parse((ROOT / "local" / "setup.py").read_text("utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= set(sys.stdlib_module_names)


@pytest.mark.processes
def test_demo_without_its_packages_names_setup() -> None:
    program = "import runpy, sys; sys.path.insert(0, '.'); runpy.run_module('local.demo', run_name='__main__')"
    bare = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "python -m local.setup" in done.stderr
    assert "Traceback" not in done.stderr
