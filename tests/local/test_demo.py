"""The commands people type, on the whole product: every part is a real process."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from azure.storage.blob import BlobServiceClient
from click.testing import CliRunner

from local.demo.__main__ import main
from local.process import ROOT

pytestmark = pytest.mark.processes

SAMPLES = ROOT / "samples" / "drop"
EXPECTED = json.loads((ROOT / "samples" / "expected.json").read_text("utf-8"))
PARTS = ("local.functions_host", "local.language_service", "azurite.js")
DEADLINE_S = 180


class Demo:
    """One run of ``python -m local.demo``, with folders of its own, and what it printed so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.out = folder / "out"
        self.drop = folder / "drop"
        self.work = folder / "work"
        self._log = folder / f"output-{time.monotonic_ns()}.txt"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.demo", *arguments, *self._folders(arguments[0])],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                # The demo shall not depend on the encoding of the place it is started from.
                env={**os.environ, "PYTHONIOENCODING": "ascii"},
            )

    def _folders(self, command: str) -> list[str]:
        out = [] if command == "measure" else ["--out", str(self.out)]
        return [*out, "--work", str(self.work)]

    @property
    def text(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self.process.poll() is None, f"ended before: {what}\n{self.text}"
            assert time.monotonic() < deadline, f"never: {what}\n{self.text}"
            time.sleep(0.05)

    def parts(self) -> list[psutil.Process]:
        """The processes of the set-up that this run has started."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if any(part in " ".join(child.cmdline()) for part in PARTS)]

    def part(self, name: str) -> psutil.Process:
        return next(part for part in self.parts() if name in " ".join(part.cmdline()))

    def end(self, how: signal.Signals) -> int:
        """Send a signal, wait for the end, and make sure that nothing is left running."""
        parts = self.parts()
        self.process.send_signal(how)
        code = self.process.wait(DEADLINE_S)
        assert not [part for part in parts if is_alive(part)]
        return code


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def started() -> Iterator[list[Demo]]:
    """The runs of a test; whatever still runs at its end is stopped."""
    demos: list[Demo] = []
    yield demos
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.process.wait(DEADLINE_S)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def f1(expected: Counter[tuple[str, str, str]], found: Counter[tuple[str, str, str]]) -> float:
    hits = (expected & found).total()
    return 2 * hits / (expected.total() + found.total())


@pytest.mark.long
def test_run_gives_entities_for_every_sample(tmp_path: Path, started: list[Demo]) -> None:
    """Other results than the last run's are gone from out/; other files stay."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt.error.json").write_text("{}")
    (tmp_path / "out" / "mine.txt").write_text("keep")
    demo = Demo(tmp_path, "run")
    started.append(demo)
    assert demo.process.wait(DEADLINE_S) == 0, demo.text
    assert files(demo.out) == sorted(["mine.txt", *(f"{name}.entities.json" for name in EXPECTED)])
    found: Counter[tuple[str, str, str]] = Counter()
    for name in EXPECTED:
        result = read(demo.out / f"{name}.entities.json")
        assert result["document"]["name"] == name
        assert result["document"]["sizeBytes"] == (SAMPLES / name).stat().st_size
        found.update((name, entity["category"], entity["text"]) for entity in result["entities"])
    expected = Counter((name, each["category"], each["text"]) for name, all_ in EXPECTED.items() for each in all_)
    assert f1(expected, found) >= 0.8
    assert "Every document has its entities." in demo.text
    assert "requests" in demo.text
    for place in (
        "page 2",
        "slide 2",
        "sheet Loans, row 5",
        "heading Terms",
        "row 2",
        "part statement.txt",
        "page 2, read with",
    ):
        assert place in demo.text
    assert not [process for process in psutil.process_iter(["cmdline"]) if str(demo.work) in str(process.info)]


def test_run_fails_with_unreadable_document(tmp_path: Path, started: list[Demo]) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "empty.txt").touch()
    demo = Demo(tmp_path, "run", "--documents", str(documents))
    started.append(demo)
    assert demo.process.wait(DEADLINE_S) == 1, demo.text
    assert files(demo.out) == ["empty.txt.error.json"]
    report = read(demo.out / "empty.txt.error.json")
    assert f"{report['error']['code']}: {report['error']['message']}" in demo.text
    assert report["error"]["help"] in demo.text


@pytest.mark.long
def test_dropped_file_survives_restart(tmp_path: Path, started: list[Demo]) -> None:
    """It comes back, and nothing is lost."""
    arguments = ("start", "--drop", str(tmp_path / "drop"))
    demo = Demo(tmp_path, *arguments)
    started.append(demo)
    demo.until(lambda: "Watching" in demo.text, "it watches")

    letter = demo.drop / "letters" / "no. 1 [a] #%+.txt"
    letter.parent.mkdir()
    letter.touch()
    report = demo.out / "letters" / "no. 1 [a] #%+.txt.error.json"
    demo.until(report.exists, "the empty file's report")
    letter.write_bytes((SAMPLES / "short-note.txt").read_bytes())
    entities = demo.out / "letters" / "no. 1 [a] #%+.txt.entities.json"
    demo.until(lambda: entities.exists() and not report.exists(), "entities in place of the report")
    assert "TC-0433" in [entity["text"] for entity in read(entities)["entities"]]
    assert demo.end(signal.SIGTERM) == 0, demo.text

    entities.unlink()
    (demo.drop / "second.txt").write_bytes((SAMPLES / "short-note.txt").read_bytes())
    again = Demo(tmp_path, *arguments)
    started.append(again)
    again.until((again.out / "second.txt.entities.json").exists, "the new file's entities")
    again.until(entities.exists, "the first one's entities, from the kept storage")
    assert "no. 1 [a] #%+.txt  87 bytes" not in again.text
    assert again.end(signal.SIGINT) == 0, again.text


@pytest.mark.parametrize(
    ("program", "name", "last_words"),
    [
        ("local.functions_host", "functions host", "Functions host ready on"),
        ("azurite.js", "storage emulator", "Azurite Queue service is successfully listening"),
    ],
)
def test_dead_process_ends_demo(tmp_path: Path, started: list[Demo], program: str, name: str, last_words: str) -> None:
    """With its last words."""
    demo = Demo(tmp_path, "start", "--drop", str(tmp_path / "drop"))
    started.append(demo)
    demo.until(lambda: "Watching" in demo.text, "it watches")
    parts = demo.parts()
    demo.part(program).kill()
    assert demo.process.wait(DEADLINE_S) == 1
    assert f"The {name} stopped with exit code -9. Its last lines, from" in demo.text
    assert last_words in demo.text
    assert not [part for part in parts if is_alive(part)]


def test_second_start_is_refused(tmp_path: Path, started: list[Demo]) -> None:
    first = Demo(tmp_path, "start", "--drop", str(tmp_path / "drop"))
    started.append(first)
    first.until(lambda: "Starting" in first.text, "it holds the lock")
    second = Demo(tmp_path, "start", "--drop", str(tmp_path / "drop"))
    started.append(second)
    assert second.process.wait(DEADLINE_S) == 1
    assert "--work FOLDER" in second.text


@pytest.mark.long
def test_measure_prints_throughput_and_machine(tmp_path: Path, started: list[Demo]) -> None:
    demo = Demo(tmp_path, "measure", "--documents", "3", "--single", "1")
    started.append(demo)
    assert demo.process.wait(DEADLINE_S) == 0, demo.text
    assert re.search(r"^one document +\d+\.\d s from drop to result \(median of 1,", demo.text, re.MULTILINE)
    assert re.search(r"^3 documents +\d+ documents a minute: \d+\.\d s from the first drop", demo.text, re.MULTILINE)
    assert re.search(r"^requests +\d+ \(\d+ submissions?, \d+ polls?\)", demo.text, re.MULTILINE)
    assert f"Python {sys.version.partition(' ')[0]}" in demo.text


@pytest.mark.parametrize(
    ("command", "folders"),
    [
        ("start", ["--drop", "a", "--out", "a/out"]),
        ("start", ["--drop", "a/drop", "--out", "a"]),
        ("start", ["--drop", "a", "--out", "./b/../a"]),
        ("start", ["--drop", "a", "--out", "b", "--work", "a/work"]),
        ("start", ["--drop", "b/logs/a", "--out", "c", "--work", "b"]),
        ("run", ["--documents", "a", "--out", "link"]),
    ],
)
def test_overlapping_folders_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, folders: list[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    work = [] if "--work" in folders else ["--work", "work"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main.commands[command], [*folders, *work])
    assert done.exit_code == 1
    assert re.fullmatch(
        r"Error: .*(lies inside|is the same folder as) .*; choose folders that do not overlap\.\n", done.stderr
    ), done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "link"]


def test_run_skips_pipes_and_reports_unreadable(tmp_path: Path, started: list[Demo]) -> None:
    """What is no file is skipped; what cannot be read fails the run."""
    documents = tmp_path / "documents"
    documents.mkdir()
    os.mkfifo(documents / "pipe.txt")
    (documents / "unreadable.txt").symlink_to("/proc/self/clear_refs")
    for name in ("A.txt", "a.txt"):
        (documents / name).write_bytes((SAMPLES / "short-note.txt").read_bytes())
    demo = Demo(tmp_path, "run", "--documents", str(documents))
    started.append(demo)
    assert demo.process.wait(DEADLINE_S) == 1, demo.text
    assert "pipe.txt is skipped: it is a pipe." in demo.text
    assert "unreadable.txt is skipped: Invalid argument." in demo.text
    listed = read(demo.out / "escaped-names.json")
    assert sorted(listed.values()) == ["A.txt.entities.json", "a.txt.entities.json"]
    assert {read(demo.out / file)["document"]["name"] for file in listed} == {"A.txt", "a.txt"}


@pytest.mark.long
def test_start_explains_waiting_documents(tmp_path: Path, started: list[Demo]) -> None:
    """And says when they go on."""
    demo = Demo(tmp_path, "start", "--drop", str(tmp_path / "drop"))
    started.append(demo)
    demo.until(lambda: "Watching" in demo.text, "it watches")
    language = re.search(r"Language stand-in +(http://\S+)", demo.text)
    assert language
    faults = f"{language[1]}/admin/faults"
    requests.put(faults, json={"rates": {"throttle-429": 1}, "retryAfterSeconds": 3}, timeout=30).raise_for_status()
    (demo.drop / "a.txt").write_bytes((SAMPLES / "short-note.txt").read_bytes())
    demo.until(lambda: "Throttled" in demo.text, "the cause")
    began = time.monotonic()
    demo.until(lambda: time.monotonic() - began > 8, "some more attempts")
    assert demo.text.count("Throttled") == 1
    requests.put(faults, json={"rates": {}}, timeout=30).raise_for_status()
    demo.until((demo.out / "a.txt.entities.json").exists, "the entities")
    demo.until(lambda: "What waited goes on (Throttled)." in demo.text, "the end of the wait")
    assert demo.end(signal.SIGTERM) == 0, demo.text


@pytest.mark.long
def test_start_reports_failing_listings(tmp_path: Path, started: list[Demo]) -> None:
    """Of the emulator, and when it can list again."""
    demo = Demo(tmp_path, "start", "--drop", str(tmp_path / "drop"))
    started.append(demo)
    demo.until(lambda: "Watching" in demo.text, "it watches")
    settings = read(demo.work / "local.settings.json")["Values"]
    with BlobServiceClient.from_connection_string(settings["DocumentStorage"]) as service:
        bad = [service.get_blob_client(container, "bad\x01.txt") for container in ("documents", "entities")]
        for blob in bad:
            blob.upload_blob(b"no listing can hold this name")
        demo.until(lambda: "cannot list the container 'documents'" in demo.text, "the intake")
        demo.until(lambda: "The storage emulator gives no results" in demo.text, "the output")
        (demo.drop / "a.txt").write_bytes((SAMPLES / "short-note.txt").read_bytes())
        demo.until(lambda: "→ a.txt" in demo.text or "? a.txt" in demo.text, "the document goes in")
        for blob in bad:
            blob.delete_blob()
    demo.until((demo.out / "a.txt.entities.json").exists, "the entities")
    assert "lists the container 'documents' again" in demo.text
    assert "gives results again" in demo.text
    assert demo.text.count("cannot list the container") == 1
    assert demo.end(signal.SIGTERM) == 0, demo.text
