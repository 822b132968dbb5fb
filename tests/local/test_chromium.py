"""Where the browser of the browser tests is found."""

import shutil
from pathlib import Path

import pytest

from local import chromium


def program(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "ELSEWHERE", ())
    monkeypatch.setattr(chromium, "_of_playwright", lambda: None)


def test_setting_is_taken_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, "chromium")
    chosen = program(tmp_path, "mine")
    monkeypatch.setenv("CHROMIUM", chosen)
    assert chromium.find() == chosen


def test_setting_without_a_file_is_no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, "chromium")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "absent"))
    assert chromium.find() is None


def test_program_on_the_path_is_taken(tmp_path: Path) -> None:
    expected = program(tmp_path, "google-chrome")
    assert chromium.find() == shutil.which("google-chrome") == expected


def test_missing_browser_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(chromium, "_download", lambda: tried.append("playwright"))
    monkeypatch.setattr(chromium, "_from_debian", lambda: tried.append("debian") or "/usr/bin/chromium")  # type: ignore[func-returns-value]
    assert chromium.ensure() == "/usr/bin/chromium"
    assert tried == ["playwright", "debian"]


def test_no_browser_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(chromium, "ensure", lambda: None)
    assert chromium.main() == 0
    assert "apt-get install chromium" in capsys.readouterr().err
