"""Set up a fresh clone: `python -m local.setup`, on Linux, macOS and Windows, with nothing but Python's own library.

Creates `.venv` with what requirements-dev.txt names, `.venv-authoring` with the client of the authoring API, which can
not share an environment with the tests' other clients, and `node_modules` with the storage emulator, and looks for a
Chromium for the browser tests, which it installs where none is there and it can (local/chromium.py). What is newer than
the files it was made from is left as it is, so a second run does nothing. `make setup` runs this, and so does every
other target; `--checks` is for `make check` and adds `.venv-infra`, which has needs of its own.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
READY = ".ready"
"""The file in a part that says, by its time, when the part was made."""


class Part(NamedTuple):
    """Something to install: its folder, the files that decide what is in it, and how it is made."""

    folder: Path
    sources: tuple[Path, ...]
    make: Callable[[Path], None]

    @property
    def is_ready(self) -> bool:
        """Whether it was made after the last change of what it is made from."""
        marker = self.folder / READY
        return marker.exists() and all(marker.stat().st_mtime >= file.stat().st_mtime for file in self.sources)

    def ensure(self) -> None:
        """Make it unless it is ready."""
        if not self.is_ready:
            print(f"Setting up {self.folder.name} ...", flush=True)
            self.make(self.folder)
            (self.folder / READY).touch()


class SetupError(RuntimeError):
    """Something that the set-up needs is missing; the message says what to do."""


def python_of(environment: Path | str) -> Path:
    """Return the interpreter of a virtual environment, wherever this system puts it."""
    return Path(environment) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def parts(root: Path, *, checks: bool = False) -> list[Part]:
    """Return what a clone in `root` needs, with `checks` what `make check` needs besides."""
    found = [
        _environment(root / ".venv", *(root / f"requirements{kind}.txt" for kind in ("-dev", "-cli", ""))),
        # The authoring client needs another version of the analysis client than the app's tests.
        _environment(root / ".venv-authoring", root / "tests" / "requirements-authoring.txt"),
        Part(root / "node_modules", (root / "package.json", root / "package-lock.json"), _install_node_modules),
    ]
    if checks:
        found.append(_environment(root / ".venv-infra", root / "infra" / "requirements-check.txt"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.setup", description="Set up a clone for development.")
    parser.add_argument("--checks", action="store_true", help="also what `make check` needs for the infrastructure")
    options = parser.parse_args(arguments)
    try:
        if sys.version_info < OLDEST_PYTHON:
            raise SetupError(f"Python {sys.version.split()[0]} is too old. Run this with Python 3.11 or later.")
        wanted = parts(ROOT, checks=options.checks)
        was_ready = all(part.is_ready for part in wanted)
        for part in wanted:
            part.ensure()
        if not was_ready:
            # With the interpreter of the environment: what finds the browser is installed there.
            subprocess.run([str(python_of(ROOT / ".venv")), "-m", "local.chromium"], cwd=ROOT, check=True)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"A command of the set-up failed with exit code {error.returncode}: {error.cmd}", file=sys.stderr)
        return 1
    if not was_ready:
        python = python_of(".venv")
        print(f"Ready. Next: {python} -m local.demo run    (tests: {python} -m pytest -n auto)")
    return 0


def _environment(folder: Path, requirements: Path, *included: Path) -> Part:
    def make(folder: Path) -> None:
        python = python_of(folder)
        if not python.exists():
            venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--upgrade", "pip"], check=True)
        subprocess.run([*pip, "-r", str(requirements)], check=True)

    return Part(folder, (requirements, *included), make)


def _install_node_modules(folder: Path) -> None:
    # By its full path: on Windows npm is a script, `npm.cmd`, which is found by `which` only.
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError(
            "npm was not found on the PATH; the storage emulator Azurite is installed with it. "
            "Install Node.js 20 or later (https://nodejs.org), then run this again."
        )
    subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder.parent, check=True)


if __name__ == "__main__":
    sys.exit(main())
