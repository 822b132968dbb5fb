"""An export has every row once, however often it is killed, and one after the other has what has come since."""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.core.export_rows import ROW_KINDS
from functions.core.views import Filter, ShownState
from functions.storage.containers import Blob, BlobInfo, Container
from functions.storage.memory_containers import MemoryContainer
from functions.workflows import export_files, exporting
from functions.workflows.export_files import (
    PROGRESS,
    ExportRefused,
    Known,
    ProgressFile,
    open_writer,
    previous_of,
)
from functions.workflows.exporting import Count, ExportAsked, Exporting, Previous, Start
from local.stand_in.in_process import MovableClock
from tests.support.results import AT, entities_of, entity, report_of, write_entities, write_report

EVERYTHING = Filter()
FEW_EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little is read ahead and much is noted, so that a run is killed in between."""
    monkeypatch.setattr(exporting, "READ_AHEAD", 2)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(AT)


@pytest.fixture
def output(clock: MovableClock) -> MemoryContainer:
    return MemoryContainer(clock)


class Killed(BaseException):
    """The process is killed."""


class Disturbed:
    """A container in which something happens at each of its reads and between the names of its listings."""

    def __init__(self, inner: Container, happen: Any) -> None:
        self._inner, self._happen = inner, happen

    def read(self, name: str, **options: Any) -> Blob:
        self._happen()
        return self._inner.read(name, **options)

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        for info in self._inner.list(prefix):
            self._happen()
            yield info


class Inline(ThreadPoolExecutor):
    """Reads in the caller's thread, so that what happens in between repeats exactly."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future: Any = super().submit(lambda: None)
        future.result()
        value = fn(*args, **kwargs)
        return type("Done", (), {"result": lambda self: value, "cancel": lambda self: None})()


def run(
    out: Path,
    output: Any,
    threads: Any,
    clock: MovableClock,
    *,
    previous: Path | None = None,
    files_at_once: int = 3,
    asked: Filter = EVERYTHING,
    **more: Any,
) -> Count:
    """Export as the command does: begin, or go on where the last run of it was killed."""
    wanted = ExportAsked(format=export_files.FORMATS[out.suffix], **more)
    known, progress = Known(out), ProgressFile(out)
    start = known.start or Start(asked=wanted, started=clock(), previous=str(previous or ""))
    earlier: Previous | None = previous_of(previous, wanted) if previous else None
    with ExitStack() as stack:
        stack.callback(progress.close)
        progress.resume() if known.start else progress.begin(start)
        writer = open_writer(out, start.asked, known.reached)
        stack.callback(writer.close)
        job = Exporting(output, threads, files_at_once)
        steps = job.run(start, asked, writer, progress, previous=earlier, reached=known.reached)
        return list(steps)[-1]


def rows_of(out: Path) -> list[dict[str, Any]]:
    if out.suffix == ".jsonl":
        return [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    if out.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"), newline="")))
    parts = sorted(out.glob("*.parquet"))
    return [row for part in parts for row in pyarrow.parquet.read_table(part).to_pylist()]


def names(out: Path) -> list[str]:
    return [row["document"] for row in rows_of(out)]


def fill(output: MemoryContainer, documents: int) -> None:
    for number in range(documents):
        if number % 7 == 3:
            write_report(output, f"loans/{number:03d}.txt")
        else:
            found = [entity(f"Name {number} {place}", place * 20) for place in range(number % 4)]
            write_entities(output, f"loans/{number:03d}.txt", found)
        output.write(f"loans/{number:03d}.txt.extracted.txt", b"text")


# --- What is exported ---


def test_row_has_place_and_model(output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    write_entities(output, "a.txt", [entity("Mary Miller", 5)])
    run(tmp_path / "out.jsonl", output, threads, clock)
    (row,) = rows_of(tmp_path / "out.jsonl")
    assert row == {
        "document": "a.txt",
        "etag": '"1"',
        "kind": "entities",
        "task": "entities",
        "category": "Name",
        "subcategory": None,
        "text": "Mary Miller",
        "offset": 5,
        "length": 11,
        "unit": "UnicodeCodePoint",
        "utf16Offset": 5,
        "utf16Length": 11,
        "confidence": 0.9,
        "review": False,
        "location": None,
        "details": None,
        "model": "CustomEntityRecognition/loans/production",
        "completed": "2026-11-23T10:00:00Z",
        "code": None,
        "message": None,
    }


def test_error_is_a_row(output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    write_report(output, "a.txt", "DocumentTooLarge")
    run(tmp_path / "out.csv", output, threads, clock)
    (row,) = rows_of(tmp_path / "out.csv")
    assert (row["kind"], row["code"], row["message"]) == ("errors", "DocumentTooLarge", "It has no text.")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_formats_have_the_same_rows(
    form: str, output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path
) -> None:
    fill(output, 40)
    count = run(tmp_path / f"out.{form}", output, threads, clock)
    rows = rows_of(tmp_path / f"out.{form}")
    found = [(row["document"], row["text"] or "", int(row["offset"] or 0)) for row in rows]
    assert len(found) == count.rows == len(set(found))
    assert found[0] == ("loans/001.txt", "Name 1 0", 0)
    assert found[1:3] == [("loans/002.txt", "Name 2 0", 0), ("loans/002.txt", "Name 2 1", 20)]


def test_empty_export_has_columns(output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    for form in ("csv", "parquet", "jsonl"):
        assert run(tmp_path / f"out.{form}", output, threads, clock) == Count(0, 0, 0)
    assert (tmp_path / "out.csv").read_text("utf-8-sig").startswith("document,etag,kind,task,category,")
    (part,) = (tmp_path / "out.parquet").iterdir()
    assert pyarrow.parquet.read_schema(part).names[:3] == ["document", "etag", "kind"]


@pytest.mark.parametrize(
    ("asked", "kinds", "expected"),
    [
        (Filter(states=frozenset({ShownState.FAILED})), (), ["b.txt"]),
        (Filter(), ("errors",), ["b.txt"]),
        (Filter(), ("entities",), ["a.txt", "loans/c.txt"]),
        (Filter(prefix="loans/"), (), ["loans/c.txt"]),
        (Filter(code="emptydocument"), (), ["b.txt"]),
        (Filter(model="loans"), (), ["a.txt", "loans/c.txt"]),
        (Filter(since=AT + timedelta(hours=1)), (), ["loans/c.txt"]),
        (Filter(until=AT + timedelta(hours=1)), (), ["a.txt", "b.txt"]),
        (Filter(review=True), (), []),
    ],
)
def test_filters_bound_rows(
    asked: Filter, kinds: tuple[str, ...], expected: list[str], threads: Any, tmp_path: Path
) -> None:
    clock = MovableClock(AT)
    output = MemoryContainer(clock)
    write_entities(output, "a.txt")
    write_report(output, "b.txt")
    clock.advance(3600)
    write_entities(output, "loans/c.txt")
    run(tmp_path / "out.jsonl", output, threads, clock, asked=asked, kinds=kinds)
    assert names(tmp_path / "out.jsonl") == expected


def test_foreign_files_are_counted(output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    output.write("a.entities.json", b"{}")
    output.write("b.entities.json", b"\xff")
    output.write("c.corrections.json", b"[]")
    output.write("d.txt", b"text")
    assert run(tmp_path / "out.jsonl", output, threads, clock) == Count(0, 0, 2)


def test_replaced_result_is_exported_as_it_is(threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    inner = MemoryContainer(clock)
    write_entities(inner, "a.txt", [entity("old")])
    changes = iter([lambda: write_entities(inner, "a.txt", [entity("new")], etag='"2"')])
    output = Disturbed(inner, lambda: next(changes, lambda: None)())
    run(tmp_path / "out.jsonl", output, threads, clock)
    assert [(row["text"], row["etag"]) for row in rows_of(tmp_path / "out.jsonl")] == [("new", '"2"')]


def test_withdrawn_result_is_left_out(threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    inner = MemoryContainer(clock)
    write_entities(inner, "a.txt")
    calls = iter([lambda: None, lambda: inner.delete("a.txt.entities.json")])
    run(tmp_path / "out.jsonl", Disturbed(inner, lambda: next(calls, lambda: None)()), threads, clock)
    assert names(tmp_path / "out.jsonl") == []


# --- Killed and continued ---


@pytest.mark.long
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@given(data=st.data())
@FEW_EXAMPLES
def test_killed_export_has_every_row_once(
    form: str, data: st.DataObject, threads: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The killed process may have written more than it has noted, and half a line."""
    folder, clock = tmp_path_factory.mktemp("export"), MovableClock(AT)
    output = MemoryContainer(clock)
    fill(output, data.draw(st.integers(0, 30)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_files, "GROUP_ROWS", 2)
        patch.setattr(export_files, "PART_ROWS", 5)
        run(folder / f"whole.{form}", output, threads, clock)
        out = folder / f"out.{form}"
        for _ in range(data.draw(st.integers(1, 4))):
            if Known(out).is_finished:
                break
            kill(out, output, clock, data.draw(st.integers(1, 80)))
            if not Known(out).is_finished:
                disturb(out, data.draw(st.sampled_from(["nothing", "torn", "half a note"])))
        if not Known(out).is_finished:
            run(out, output, threads, clock)
        assert rows_of(out) == rows_of(folder / f"whole.{form}")


def kill(out: Path, output: MemoryContainer, clock: MovableClock, calls: int) -> None:
    """Run an export that is killed at one of its calls."""
    left = iter(range(calls))

    def happen() -> None:
        if next(left, None) is None:
            raise Killed

    try:
        run(out, Disturbed(output, happen), Inline(1), clock)
    except Killed:
        return


def disturb(out: Path, how: str) -> None:
    """Leave what a killed process may leave behind what it has noted."""
    if how == "torn" and out.is_file():
        with out.open("ab") as file:
            file.write(b'{"document": "torn')
    if how == "half a note":
        with out.with_name(out.name + PROGRESS).open("ab") as file:
            file.write(b'{"type":"reached","after":"zzz"')


def test_shortened_export_is_not_continued(
    output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path
) -> None:
    fill(output, 20)
    kill(tmp_path / "out.csv", output, clock, 25)
    (tmp_path / "out.csv").write_bytes(b"")
    with pytest.raises(ExportRefused, match="not there any more"):
        run(tmp_path / "out.csv", output, threads, clock)


# --- One after the other ---


@pytest.mark.long
@given(seed=st.integers(0, 10**6))
@FEW_EXAMPLES
def test_exports_in_a_row_have_every_version_once(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """While exports run, results are written, replaced and withdrawn; the storage's clock is another than ours."""
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("exports")
    clock = MovableClock(AT)
    skew = timedelta(seconds=rng.uniform(-800, 800))
    output = MemoryContainer(lambda: clock() + skew)
    versions = iter(range(1, 10_000))
    written: dict[str, str] = {}

    def change() -> None:
        clock.advance(rng.choice([0, 0, 1, 60, 1000]))
        if rng.random() < 0.3:
            name, version = f"{rng.randrange(12):02d}.txt", f'"{next(versions)}"'
            if rng.random() < 0.1 and name in written:
                del written[name]
                output.delete(f"{name}.entities.json")
            else:
                write_entities(output, name, etag=version)
                written[name] = version

    exported: Counter[tuple[str, str]] = Counter()
    previous = None
    for number in range(5):
        for _ in range(rng.randrange(8)):
            change()
        out = folder / f"{number}.jsonl"
        happen = change if number < 4 else lambda: None
        run(out, Disturbed(output, happen), Inline(1), clock, previous=previous)
        exported.update((row["document"], row["etag"]) for row in rows_of(out))
        previous = out
    assert set(exported.values()) <= {1}, "nothing twice"
    assert set(written.items()) <= set(exported), "nothing missing"


def test_other_filters_are_refused(output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    run(tmp_path / "out.jsonl", output, threads, clock)
    with pytest.raises(ExportRefused, match="other documents"):
        previous_of(tmp_path / "out.jsonl", ExportAsked(format="jsonl", prefix="loans/"))


def test_interrupted_export_is_not_followed(output: MemoryContainer, clock: MovableClock, tmp_path: Path) -> None:
    fill(output, 20)
    kill(tmp_path / "out.jsonl", output, clock, 25)
    with pytest.raises(ExportRefused, match="interrupted"):
        previous_of(tmp_path / "out.jsonl", ExportAsked(format="jsonl"))


def test_every_kind_of_result_is_exported() -> None:
    assert set(ROW_KINDS) == {"entities", "classes", "prebuilt-entities", "pii", "healthcare", "keyphrases", "errors"}


def test_times_are_in_utc(output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path) -> None:
    write_entities(output, "a.txt")
    run(tmp_path / "out.parquet", output, threads, clock)
    assert rows_of(tmp_path / "out.parquet")[0]["completed"] == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_report_and_result_of_partial_document_are_both_there(
    output: MemoryContainer, threads: Any, clock: MovableClock, tmp_path: Path
) -> None:
    write_entities(output, "a.txt")
    write_report(output, "a.txt")
    assert (entities_of("a.txt", ()).document, report_of("a.txt").document) == (report_of("a.txt").document,) * 2
    run(tmp_path / "out.jsonl", output, threads, clock)
    assert [row["kind"] for row in rows_of(tmp_path / "out.jsonl")] == ["entities", "errors"]
