"""What `replay`, `backfill`, `ignore-existing` and `forecast` print and return."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console
from rich.text import Text

from functions.cli import backfill, forecast, long_runs
from functions.cli.exit_codes import DONE, NOT_ALL_DONE, WRONG_USE
from functions.storage.memory_containers import MemoryContainer
from tests.contracts.test_store_contracts import ODD_NAMES
from tests.support.command_line import run_on
from tests.support.world import Call, World, letter

TERMINAL_NAME = "a\x1b[31m\u202etxt\n.txt"
"""Its characters would colour a terminal, turn its text round and end its line."""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where progress files go."""
    monkeypatch.setattr(click, "get_app_dir", lambda name: str(tmp_path / "progress"))
    return tmp_path / "progress"


@pytest.fixture
def mixed(world: World) -> World:
    world.drop("done.txt", letter(1))
    world.drop("loans/failed.pdf", b"%PDF-1.7")
    world.run()
    world.drop("waiting.txt", letter(2), announce=False)
    return world


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns with colours."""

    def make(*, stderr: bool = False) -> Console:
        return Console(highlight=False, stderr=stderr, width=60, force_terminal=True, color_system="standard")

    for module in (backfill, forecast, long_runs):
        monkeypatch.setattr(module, "make_console", make)


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out(capsys).splitlines()]


# --- replay ---


def test_replay_is_dry_at_first(mixed: World, capsys: pytest.CaptureFixture[str], own_folder: Path) -> None:
    assert run_on(mixed, "replay", "--all") == DONE
    printed = out(capsys)
    for told in ("documents      2", "text records   1", "0.01 US dollars", "2025-07-07", "Nothing was done"):
        assert told in printed
    mixed.run()
    assert mixed.submissions_of(letter(1)) == 1
    assert not own_folder.exists()


def test_replay_submits_again(mixed: World, capsys: pytest.CaptureFixture[str], own_folder: Path) -> None:
    assert run_on(mixed, "replay", "--all", "--yes") == DONE
    assert "2 documents submitted." in out(capsys)
    mixed.run()
    assert mixed.submissions_of(letter(1)) == 2
    assert list(own_folder.iterdir()) == []


def test_replay_tells_scripts(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "replay", "done.txt", "--yes", "--json", "--price", "2") == DONE
    told, done = lines(capsys)
    assert told["forecast"]["documents"] == 1
    assert told["price"] == {"about": 0.002, "error": 0.0}
    assert done == {"submitted": 1, "left": 0, "ignored": 0, "refused": 0, "isResumed": False}


def test_journal_has_what_the_command_reports(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(mixed, "replay", "--state", "failed", "--yes", "--json")
    run_on(mixed, "status", "--json")
    assert lines(capsys)[-1]["today"]["codes"] == {"NotText": 2}


def test_replay_of_unknown_names_is_not_all_done(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is that of names which other options leave out, or which are in work."""
    for more in ([], ["--yes"]):
        assert run_on(mixed, "replay", "done.txt", "done.txt", "waiting.txt", "none.txt", *more) == NOT_ALL_DONE
        assert capsys.readouterr().err.startswith("2 of the names are of no document that can be replayed: it is not")
    mixed.run()
    assert mixed.submissions_of(letter(1)) == 2
    assert run_on(mixed, "replay", "done.txt", "--state", "failed") == NOT_ALL_DONE
    assert capsys.readouterr().err.startswith("1 of the names is of no document")
    assert run_on(mixed, "replay", "done.txt", "loans/failed.pdf") == DONE


def test_replay_asks_which(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "replay") == WRONG_USE
    assert "--all" in capsys.readouterr().err


def test_unknown_rule_is_refused(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.write_rules({"match": "loans/**", "language": "de"})
    assert run_on(mixed, "replay", "--rule", "loan/**") == WRONG_USE
    assert "'loans/**'" in capsys.readouterr().err
    assert run_on(mixed, "replay", "--rule", "loans/**", "--json") == DONE
    assert lines(capsys)[0]["forecast"]["documents"] == 1


def test_only_changed_models_are_replayed(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["replay", "--only-if-model-changed", "--json"]
    for documents in (0, 2):
        assert run_on(mixed, *command) == DONE
        printed = capsys.readouterr()
        assert json.loads(printed.out)["forecast"]["documents"] == documents
        assert not printed.err
        mixed.clock.advance(60)
        mixed.service.authoring.state.model_since["loans", "production"] = mixed.clock()


def test_unknown_deployment_is_told(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.service.authoring.state.refuse_with = 403
    assert run_on(mixed, "replay", "--only-if-model-changed", "--json") == DONE
    printed = capsys.readouterr()
    assert json.loads(printed.out)["forecast"]["documents"] == 0
    (sentence,) = printed.err.splitlines()
    assert sentence.startswith("Since when loans/production at loans.cognitiveservices.azure.com has its model is not ")
    assert sentence.endswith("); there only another project or deployment counts as a change.")


def test_refused_documents_are_told(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.intake.change("done.txt", tier="Archive")
    assert run_on(mixed, "replay", "--all", "--json") == DONE
    (told,) = lines(capsys)
    assert (told["forecast"]["documents"], told["forecast"]["archived"]) == (1, 1)


@pytest.mark.parametrize("command", [["replay", "--prefix", "many/", "--state", "done"], ["backfill"]])
def test_interrupted_command_goes_on(
    mixed: World, capsys: pytest.CaptureFixture[str], own_folder: Path, command: list[str]
) -> None:
    """Ctrl-C comes while the second batch is given to the app."""
    for number in range(40):
        mixed.drop(f"many/{number}.txt", letter(100 + number), announce=command[0] == "replay")
    mixed.run()
    jobs = 0

    def interrupt(call: Call) -> None:
        nonlocal jobs
        jobs += call.place == "queue" and call.action == "send" and call.moment == "after"
        if jobs == 2:
            jobs = 100
            raise KeyboardInterrupt

    mixed.gate = interrupt
    assert run_on(mixed, *command, "--yes") == NOT_ALL_DONE
    assert "goes on" in capsys.readouterr().err
    assert len(list(own_folder.iterdir())) == 1
    mixed.gate = None
    assert run_on(mixed, *command, "--yes", "--json") == DONE
    done = lines(capsys)[-1]
    assert done["isResumed"]
    assert done["submitted"] == 40 + (command[0] == "backfill")
    mixed.settle()
    expected = 2 if command[0] == "replay" else 1
    assert {mixed.submissions_of(letter(100 + number)) for number in range(40)} == {expected}


def test_damaged_progress_is_told(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_text("{", "utf-8")
    command = ["replay", "--all", "--yes", "--progress", str(file)]
    assert run_on(mixed, *command) == NOT_ALL_DONE
    assert "Delete it to begin anew" in capsys.readouterr().err
    assert run_on(mixed, *command, "--anew") == DONE
    assert not file.exists()


# --- backfill ---


def test_backfill_takes_on(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "backfill") == DONE
    assert "documents      1" in out(capsys)
    assert run_on(mixed, "backfill", "--yes") == DONE
    assert "1 document submitted." in out(capsys)
    mixed.run()
    mixed.check_right("waiting.txt")


def test_backfill_copies_from_elsewhere(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    source = MemoryContainer(mixed.clock)
    source.write("a.txt", letter(5).encode())
    for arguments, expected in (([], 1), (["--yes"], 1)):
        command = ["backfill", "--from", "archive", "--into", "new/", "--json", *arguments]
        assert run_on(mixed, *command, others={"archive": source}) == DONE
        assert lines(capsys)[0]["forecast"]["documents"] == expected
    assert mixed.text_of("new/a.txt") == letter(5)


def test_into_needs_a_source(mixed: World) -> None:
    assert run_on(mixed, "backfill", "--into", "new/") == WRONG_USE


def test_existing_documents_are_ignored(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.clock.advance(60)
    assert run_on(mixed, "ignore-existing") == DONE
    assert "1 document that nobody has taken on would be left alone" in out(capsys)
    assert run_on(mixed, "ignore-existing", "--yes", "--json") == DONE
    (told,) = lines(capsys)
    assert (told["documents"], told["isDone"]) == (1, True)
    assert mixed.reconcile().ignored == 1


# --- forecast ---


def test_forecast_of_folder(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.txt").write_text(letter(1), "utf-8")
    assert run_on(mixed, "forecast", str(tmp_path / "drop")) == DONE
    printed = out(capsys)
    for told in ("documents      1", "all of them", "by the budget of 1,000 requests a minute", "0.01 US dollars"):
        assert told in printed
    assert "\N{REPLACEMENT CHARACTER}" not in printed


def test_forecast_of_container(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "forecast", "--container", "documents", "--json") == DONE
    (told,) = lines(capsys)
    assert told["forecast"]["documents"] == 3
    assert told["forecast"]["unreadable"] == {"about": 1.0, "error": 0.0}
    assert told["busiestMinute"] == 2
    assert told["daysAtDailyLimit"] is None


@pytest.mark.parametrize(("limit", "days"), [("1", 2), ("1000", 1), ("0", 0)])
def test_daily_limit_makes_days(capsys: pytest.CaptureFixture[str], limit: str, days: int) -> None:
    world = World(settings={"DAILY_TEXT_RECORDS": limit})
    for number in range(2):
        world.drop(f"{number}.txt", letter(number), announce=False)
    run_on(world, "forecast", "--container", "documents", "--json")
    assert lines(capsys)[0]["daysAtDailyLimit"] == days
    run_on(world, "forecast", "--container", "documents")
    assert "DAILY_TEXT_RECORDS" in out(capsys)


def test_forecast_asks_of_what(mixed: World) -> None:
    assert run_on(mixed, "forecast") == WRONG_USE


# --- Every command ---


@pytest.mark.parametrize("name", [*ODD_NAMES, TERMINAL_NAME, "[bold]red[/bold].txt"])
def test_odd_names_go_through(world: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    world.drop(name, letter(1), announce=False)
    assert run_on(world, "backfill", "--yes", "--", name) == DONE
    world.run()
    for arguments in (["replay", "--yes", "--", name], ["replay", "--yes", "--prefix", name, "--state", "done"]):
        assert run_on(world, *arguments) == DONE
        world.run()
    assert run_on(world, "forecast", "--container", "documents", "--prefix", name) == DONE
    world.check_right(name)
    assert world.submissions_of(letter(1)) == 3
    assert "\x1b" not in out(capsys)


@pytest.mark.usefixtures("narrow")
def test_sixty_columns_are_enough(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.clock.advance(60)
    forecast_of_all = ["forecast", "--container", "documents"]
    for arguments in (["replay", "--all"], ["backfill"], ["ignore-existing"], forecast_of_all):
        assert run_on(mixed, *arguments) == DONE
    assert max(Text.from_ansi(line).cell_len for line in out(capsys).splitlines()) <= 60
