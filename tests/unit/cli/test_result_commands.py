"""`export`, `evaluate` and `purge` as people and scripts use them."""

import csv
import io
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from functions.cli import evaluate as evaluate_command
from functions.cli import export as export_command
from functions.cli import purge as purge_command
from functions.cli import terminal
from functions.cli.exit_codes import DONE, NOT_ALL_DONE, WRONG_USE
from functions.workflows.exporting import Exporting
from tests.contracts.test_store_contracts import ODD_NAMES
from tests.support.command_line import run_on
from tests.support.results import entity, write_entities
from tests.support.world import World, letter, pairs_in

FORMULA = '=HYPERLINK("http://example.net","x")'


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns."""

    def make_console(*, stderr: bool = False) -> terminal.CommandConsole:
        return terminal.CommandConsole(highlight=False, stderr=stderr, width=60, force_terminal=True)

    for module in (export_command, evaluate_command, purge_command):
        monkeypatch.setattr(module, "make_console", make_console)


@pytest.fixture
def mixed(world: World) -> World:
    """Two documents with entities, one that failed."""
    world.drop("a.txt", letter(1))
    world.drop("loans/b.txt", letter(2))
    world.drop("bad.txt", b"")
    world.run()
    return world


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def labels(folder: Path, texts: dict[str, str], **changes: list[dict[str, Any]]) -> Path:
    """Write a labels file that says of each text what the world's model finds, but for changes."""
    documents = []
    for name, text in texts.items():
        given = [
            {"category": category, "offset": offset, "length": length} for category, offset, length, _ in pairs_in(text)
        ]
        regions = [{"regionOffset": 0, "regionLength": len(text), "labels": changes.get(name.partition(".")[0], given)}]
        documents.append({"location": name, "language": "en", "dataset": "Test", "entities": regions})
    content = {
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "CustomEntityRecognition"},
        "assets": {"entities": [{"category": "Name"}, {"category": "Amount"}], "documents": documents},
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


# --- export ---


def test_export_writes_csv_and_tells(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert run_on(mixed, "export", str(path)) == DONE
    assert out(capsys) == f"9 rows of 3 results in {path}\n"
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    assert [(row["document"], row["category"] or row["code"]) for row in rows[:4]] == [
        ("a.txt", "Name"),
        ("a.txt", "Name"),
        ("a.txt", "Amount"),
        ("a.txt", "Name"),
    ]
    assert (rows[4]["document"], rows[4]["code"]) == ("bad.txt", "EmptyDocument")


def test_export_to_output_is_only_rows(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "export", "-", "--format", "jsonl", "--kind", "errors") == DONE
    captured = capsys.readouterr()
    assert [json.loads(line)["document"] for line in captured.out.splitlines()] == ["bad.txt"]
    assert captured.err == "1 row of 1 result\n"


def test_export_json_tells_counts(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    run_on(mixed, "export", str(path), "--json", "--state", "failed")
    assert json.loads(out(capsys)) == {
        "export": str(path),
        "documents": 1,
        "rows": 1,
        "unreadable": 0,
        "isResumed": False,
    }


def test_export_since_export_has_the_rest(mixed: World, tmp_path: Path) -> None:
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    assert run_on(mixed, "export", str(first)) == DONE
    mixed.clock.advance(60)
    mixed.drop("c.txt", letter(3))
    mixed.run()
    assert run_on(mixed, "export", str(second), "--since", str(first)) == DONE
    assert {json.loads(line)["document"] for line in second.read_text().splitlines()} == {"c.txt"}


def test_export_is_not_written_over(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    assert run_on(mixed, "export", str(path)) == WRONG_USE
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert run_on(mixed, "export", str(path), "--anew") == DONE
    assert run_on(mixed, "export", str(path)) == WRONG_USE
    assert "is whole" in capsys.readouterr().err


def test_interrupted_export_goes_on(
    mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"
    run = Exporting.run

    def interrupted(self: Exporting, *args: Any, **options: Any) -> Any:
        self._files_at_once = 1
        yield next(run(self, *args, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(Exporting, "run", interrupted)
    assert run_on(mixed, "export", str(path)) == NOT_ALL_DONE
    monkeypatch.setattr(Exporting, "run", run)
    assert run_on(mixed, "export", str(path), "--kind", "errors") == WRONG_USE
    assert "other options" in capsys.readouterr().err
    assert run_on(mixed, "export", str(path), "--json") == DONE
    assert json.loads(out(capsys))["isResumed"]
    assert len(path.read_text().splitlines()) == 9


def test_missing_pyarrow_is_told(
    mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("pyarrow")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run_on(mixed, "export", str(tmp_path / "out.parquet")) == WRONG_USE
    assert "pip install -r requirements-parquet.txt" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["out.xlsx"], "--format"),
        (["out.csv", "--since", "yesterday"], "no time such as"),
        (["-", "--format", "parquet"], "folder"),
    ],
)
def test_wrong_export_is_told(
    mixed: World, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert run_on(mixed, "export", *arguments) == WRONG_USE
    assert told in capsys.readouterr().err


def test_formulas_are_cells_of_text(world: World, tmp_path: Path) -> None:
    write_entities(world.output, "=1+1.txt", [entity(FORMULA)])
    run_on(world, "export", str(tmp_path / "out.csv"))
    run_on(world, "export", str(tmp_path / "exact.csv"), "--exact")
    for name, sign in (("out.csv", "'"), ("exact.csv", "")):
        (row,) = csv.DictReader(io.StringIO((tmp_path / name).read_text("utf-8-sig"), newline=""))
        assert (row["document"], row["text"]) == (f"{sign}=1+1.txt", sign + FORMULA)


def test_unreadable_result_is_told(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mixed.output.write("odd.entities.json", b"{}")
    assert run_on(mixed, "export", str(tmp_path / "out.csv")) == NOT_ALL_DONE
    assert "1 file named like a result is left out: not to be read." in out(capsys)


# --- evaluate ---


def test_evaluate_shows_figures(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wrong = [{"category": "Name", "offset": 0, "length": 4}, {"category": "City", "offset": 16, "length": 5}]
    path = labels(tmp_path, {"a.txt": letter(1), "loans/b.txt": letter(2)}, a=wrong)
    assert run_on(mixed, "evaluate", str(path)) == DONE
    told = out(capsys)
    assert "CustomEntityRecognition/loans/production" in told
    assert "2 documents, 6 labels" in told
    for row in ("Amount", "City", "Name", "micro average", "macro average", "worst documents", "mistakes"):
        assert row in told
    assert "City found as Name" in told
    assert "a.txt  (2 missed, 4 wrong)" in told


def test_evaluate_json_has_all_figures(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = labels(tmp_path, {"a.txt": letter(1), "loans/b.txt": letter(2)})
    assert run_on(mixed, "evaluate", str(path), "--json") == DONE
    row = json.loads(out(capsys))
    assert row["micro"]["exact"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "right": 8, "wrong": 0, "missed": 0}
    assert row["models"] == {"CustomEntityRecognition/loans/production": 2}
    assert set(row["categories"]) == {"Name", "Amount"}
    assert row["worst"] == []


def test_evaluate_compares_two_models(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = labels(tmp_path, {"a.txt": letter(1)})
    for prefix, found in (("old/", pairs_in(letter(1))[:1]), ("new/", pairs_in(letter(1)))):
        entities = [entity(text, offset, category) for category, offset, _, text in found]
        write_entities(world.output, f"{prefix}a.txt", entities)
    assert run_on(world, "evaluate", str(path), "--prefix", "old/", "--prefix", "new/") == DONE
    told = out(capsys).splitlines()
    side = told[told.index("side by side: F1, exact") :]
    assert any(line.split() == ["micro", "average", "0.40", "1.00", "+0.60"] for line in side)


def test_evaluate_reads_results_on_disk(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = labels(tmp_path, {"a.txt": letter(1)})
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.txt.entities.json").write_bytes(mixed.output.read("a.txt.entities.json").data)
    assert run_on(mixed, "evaluate", str(path), "--results", str(tmp_path / "results"), "--json") == DONE
    assert json.loads(out(capsys))["micro"]["exact"]["f1"] == 1.0


def test_evaluate_tells_missing_results(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = labels(tmp_path, {"a.txt": letter(1), "gone.txt": letter(2)})
    assert run_on(mixed, "evaluate", str(path)) == NOT_ALL_DONE
    assert "1 labelled document has no result, such as gone.txt." in out(capsys)


@pytest.mark.parametrize(
    "more",
    [
        ["--prefix", "a", "--prefix", "b", "--prefix", "c"],
        ["--dataset", "Train"],
        ["--task", "a", "--task", "b", "--task", "c"],
    ],
)
def test_wrong_evaluation_is_told(
    mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, more: list[str]
) -> None:
    path = labels(tmp_path, {"a.txt": letter(1)})
    assert run_on(mixed, "evaluate", str(path), *more) == WRONG_USE
    assert "Error" in capsys.readouterr().err


def test_other_file_is_no_labels_file(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("[]")
    assert run_on(mixed, "evaluate", str(tmp_path / "labels.json")) == WRONG_USE
    assert "not a labels file" in capsys.readouterr().err


# --- purge ---


def test_purge_tells_what_it_removed(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.clock.advance(3600)
    assert run_on(mixed, "purge", "a.txt", "--document") == DONE
    told = out(capsys).splitlines()
    assert told[:2] == ["removed  document   a.txt", "removed  result     a.txt.entities.json"]
    assert told[2].startswith("removed  journal    journal/")
    assert told[3] == "removed  record     documents/a.txt"


def test_purge_tells_entries_of_lists(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.clock.advance(3600)
    assert run_on(mixed, "purge", "bad.txt", "--document", "--json") == DONE
    told = [json.loads(line) for line in out(capsys).splitlines()]
    assert {"document": "bad.txt", "place": "index", "name": "index/failed/bad.txt"} in told


def test_purge_of_unknown_document_fails(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(world, "purge", "gone.txt") == NOT_ALL_DONE
    assert out(capsys) == "Nothing is kept of 'gone.txt'.\n"


def test_purge_of_recent_document_is_not_all_done(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "purge", "a.txt", "--document", "--json") == NOT_ALL_DONE
    assert json.loads(out(capsys).splitlines()[-1])["left"] == "record of a.txt"


def test_purge_of_deleted_documents_shows_first(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.remove("a.txt")
    mixed.clock.advance(31 * 86_400)
    before = [info.name for info in mixed.output.list()]
    assert run_on(mixed, "purge") == DONE
    assert out(capsys).splitlines() == [
        "a.txt  2 blobs",
        "1 deleted document, 2 blobs would be removed; repeat with --yes to do it.",
    ]
    assert [info.name for info in mixed.output.list()] == before
    assert run_on(mixed, "purge", "--yes", "--json") == DONE
    assert json.loads(out(capsys)) == {"document": "a.txt", "removed": 2, "left": 0, "isDry": False}
    assert run_on(mixed, "purge") == DONE
    assert out(capsys) == "0 deleted documents, 0 blobs would be removed; repeat with --yes to do it.\n"


@pytest.mark.parametrize("arguments", [["a.txt", "--yes"], ["--document"], ["--dry-run"], ["a", "--prefix", "b"]])
def test_wrong_purge_is_told(world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run_on(world, "purge", *arguments) == WRONG_USE
    assert "Error" in capsys.readouterr().err


# --- All of them ---


@pytest.mark.parametrize("name", [*ODD_NAMES, "a\x1b[31mred\x1b[0m\n.txt", "[bold]red[/bold].txt"])
def test_odd_names_go_through(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    world.drop(name, letter(1))
    world.run()
    world.clock.advance(3600)
    for form in ("csv", "jsonl"):
        assert run_on(world, "export", str(tmp_path / f"out.{form}"), "--exact") == DONE
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8"), newline="")))
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert {row["document"] for row in rows} == {row["document"] for row in lines} == {name}
    path = labels(tmp_path, {name: letter(1)})
    assert run_on(world, "evaluate", str(path)) == DONE
    assert run_on(world, "purge", "--document", "--", name) == DONE
    assert "\x1b" not in out(capsys)
    assert not [*world.output.list(), *world.intake.list()]


def test_pipe_gets_no_colours(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = labels(tmp_path, {"a.txt": letter(1)}, a=[])
    for arguments in (["export", str(tmp_path / "out.csv")], ["evaluate", str(path)], ["purge", "a.txt"], ["purge"]):
        run_on(mixed, *arguments)
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


@pytest.mark.usefixtures("narrow")
def test_sixty_columns_are_enough(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = labels(tmp_path, {"a.txt": letter(1), "loans/b.txt": letter(2)}, a=[])
    run_on(mixed, "evaluate", str(path), "--prefix", "", "--prefix", "loans-with-a-long-name/")
    assert max(Text.from_ansi(line).cell_len for line in out(capsys).splitlines()) <= 60


def test_no_text_of_documents_is_logged(mixed: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = labels(tmp_path, {"a.txt": letter(1)}, a=[])
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        for arguments in (["export", str(tmp_path / "out.csv")], ["evaluate", str(path)], ["purge", "a.txt"]):
            run_on(mixed, *arguments)
    assert "Mary" not in caplog.text
    assert "Miller" not in caplog.text
