import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

from functions.text.formats import runner as module
from functions.text.formats.extraction import Limits, NotExtractable, Reason
from functions.text.formats.frames import BrokenFrameError, read_frame
from functions.text.formats.runner import Ended, ExtractionUnavailable, Runner
from local.process import ROOT

from .hostile import CASES, pdf_with_flate_bomb
from .samples import FOLDER, extracted, sample

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("extraction process")]


ENDLESS = [name for name, (_, limit) in CASES.items() if limit == "seconds"]


@pytest.fixture
def runner() -> Iterator[Runner]:
    with Runner() as found:
        yield found


def process_of(runner: Runner) -> "subprocess.Popen[bytes]":
    assert runner._child is not None
    return runner._child._process


def test_text_comes_with_places_and_warnings(runner: Runner) -> None:
    found = runner.extract(sample("partly_scanned.pdf"))
    assert (found.format, found.unread_pages) == ("pdf", (2, 3))
    assert found.locations.at(0) == {"page": 1}
    assert found.warnings[0].code == "PagesWithoutText"


def test_reason_comes_as_it_was_raised(runner: Runner) -> None:
    with pytest.raises(NotExtractable) as caught:
        runner.extract(sample("password.pdf"))
    assert caught.value.reason is Reason.PROTECTED


def test_limits_are_those_of_the_runner() -> None:
    with Runner(limits=Limits(characters=3)) as runner, pytest.raises(NotExtractable) as caught:
        runner.extract(b"text")
    assert (caught.value.limit, caught.value.allowed) == ("characters", 3)


def test_child_is_kept_for_some_files() -> None:
    with Runner(files_per_child=3) as runner:
        processes = []
        for _ in range(4):
            runner.extract(b"text")
            processes.append(runner._child and runner._child._process.pid)
        assert processes[0] == processes[1]
        assert processes[2] is None
        assert processes[3] not in (None, processes[0])


def test_child_with_much_memory_is_replaced(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECYCLED_FROM_MB", 1)
    runner.extract(b"text")
    assert runner._child is None


def test_file_is_tried_again_after_a_dead_child(runner: Runner) -> None:
    runner.extract(b"text")
    process_of(runner).kill()
    assert runner.extract(b"more").text == "more"


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_file_ends_by_the_clock(name: str) -> None:
    data = CASES[name][0]()
    with Runner(seconds=0.5) as runner:
        with pytest.raises(NotExtractable) as caught:
            runner.extract(data)
        # On a fast machine a file that grows without end may need too much memory before.
        assert caught.value.limit in ("seconds", "memory")
        assert runner.extract(b"text").text == "text"


def test_clock_ends_only_what_takes_too_long() -> None:
    ended = threading.Event()
    clock = module._Clock(ended.set, 0.001)
    for _ in range(100):
        clock.start(60)
        clock.stop()
    assert not ended.is_set()
    clock.start(0.001)
    assert ended.wait(30)
    assert clock.ran_out
    clock.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit of memory")
def test_memory_bomb_takes_no_neighbour_with_it() -> None:
    with Runner(memory_mb=300) as runner:
        runner.extract(b"before")
        with pytest.raises(NotExtractable) as caught:
            runner.extract(pdf_with_flate_bomb())
        assert (caught.value.limit, caught.value.allowed) == ("memory", 300)
        assert runner.extract(b"after").text == "after"


def test_nothing_is_imported_after_the_start() -> None:
    """It could not be: the files of a module cannot be opened any more."""
    code = (
        "import sys; from functions.text.formats import child, extractors; "
        "from functions.text.formats.extraction import Limits, NotExtractable\n"
        "extractors.load(); child.warm_up(); before = set(sys.modules)\n"
        "for path in sys.argv[1:]:\n"
        "    try: extractors.extract(open(path, 'rb').read(), Limits())\n"
        "    except NotExtractable: pass\n"
        "print(sorted(set(sys.modules) - before))"
    )
    paths = [str(path) for path in FOLDER.iterdir()]
    done = subprocess.run([sys.executable, "-c", code, *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["mail.eml", "archive.zip", "letter.html", "letter.pdf", "letter.rtf"])
def test_text_is_the_same_in_the_child(name: str, runner: Runner) -> None:
    assert runner.extract(sample(name)) == extracted(sample(name))


def test_threads_share_one_child(runner: Runner) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda number: runner.extract(f"text {number}".encode()).text, range(100)))
    assert texts == [f"text {number}" for number in range(100)]


def test_closed_runner_leaves_nothing_running(runner: Runner) -> None:
    runner.extract(b"text")
    child = runner._child
    assert child is not None
    runner.close()
    assert child._process.returncode is not None
    assert not child._drain.is_alive()


def test_child_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE_KEY", "secret")
    with Runner() as runner:
        runner.extract(b"text")
        if sys.platform == "linux":
            with open(f"/proc/{process_of(runner).pid}/environ", "rb") as file:  # noqa: PTH123
                assert b"secret" not in file.read()


def test_child_ends_with_the_app() -> None:
    """However the app ends: its end of the pipe closes."""
    code = (
        "import os, sys; from functions.text.formats.runner import Runner; runner = Runner(); runner.extract(b'text'); "
        "print(runner._child._process.pid, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    with suppress(psutil.NoSuchProcess):
        child = psutil.Process(int(done.stdout))
        for _ in range(3000):  # Half a minute: on a loaded machine the child is not given the processor at once.
            if child.status() == psutil.STATUS_ZOMBIE:
                break  # It has ended, and nothing has asked for its exit code yet.
            threading.Event().wait(0.01)
        else:
            raise AssertionError("it is still running")


def test_child_that_does_not_start_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_START", "raise SystemExit('no module')")
    with pytest.raises(ExtractionUnavailable, match="no module"):
        Runner().extract(b"text")


@pytest.mark.parametrize(
    ("ended", "limit"),
    [
        (Ended(-9, "", timed_out=True), "seconds"),
        (Ended(-24, ""), "seconds"),
        (Ended(-9, ""), "memory"),
        (Ended(-6, ""), "memory"),
        (Ended(-6, "memory allocation of 1024 bytes failed"), "memory"),
        (Ended(1, "MemoryError\n"), "memory"),
        (Ended(-6, "terminate called: std::bad_alloc"), "memory"),
        (Ended(-6, "assertion failed"), None),
        (Ended(-11, ""), None),
        (Ended(0xC0000005, ""), None),
    ],
)
def test_exit_code_names_the_limit(ended: Ended, limit: str | None) -> None:
    error = ended.outcome(60, 600)
    assert error.limit == limit
    assert error.reason is (Reason.LIMIT if limit else Reason.DAMAGED)


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\xff" * 16, bytes(7) + b"\1" + bytes(7) + b"\0" + b"x", bytes(7) + b"\2" + bytes(8) + b"[]", bytes(16)],
)
def test_bytes_that_are_no_frame_are_refused(data: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        read_frame(io.BytesIO(data), 1_000)


HOSTILE = [name for name in CASES if name not in ENDLESS]


@pytest.fixture(scope="module")
def shared() -> Iterator[Runner]:
    with Runner(memory_mb=300) as found:
        yield found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit of memory")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_names_its_limit(name: str, shared: Runner) -> None:
    make, expected = CASES[name]
    with pytest.raises(NotExtractable) as caught:
        shared.extract(make())
    assert (caught.value.limit or caught.value.reason) == expected
