"""What the commands print and return."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from rich.console import Console
from rich.text import Text

from functions.cli import check as check_command
from functions.cli import list as list_command
from functions.cli import main, put, show, status, terminal
from functions.cli.exit_codes import DONE, NOT_ALL_DONE, WRONG_USE
from functions.core.expiry import DeploymentExpiry, Expiries
from functions.storage.expiry_store import ExpiryStore
from functions.workflows.checks import Finding, Level
from tests.contracts.test_store_contracts import ODD_NAMES
from tests.support.command_line import WorldAccess, run_on
from tests.support.world import World, letter

TERMINAL_NAME = "a\x1b[31m\u202etxt\n.txt"
"""Its characters would colour a terminal, turn its text round and end its line."""


FILE_NAMES = [
    name
    for name in [*ODD_NAMES, TERMINAL_NAME, "[bold]red[/bold].txt"]
    if all(0 < len(part.encode()) < 200 for part in name.split("/"))
]
"""Those that a file can have."""

EVERY_COMMAND = (
    ["list"],
    ["list", "--state", "failed"],
    ["status"],
    ["status", "--by", "folder"],
    ["show", "--text", "done.txt"],
    ["show", "loans/failed.pdf"],
    ["check", "--no-model"],
    ["put", "README.md"],
    ["forecast", "README.md"],
    ["replay", "--all"],
    ["backfill"],
    ["ignore-existing"],
    ["labels", "check", "--labels", "samples/labels.json", "--documents", "samples/labelled"],
    ["model", "list"],
)


@pytest.fixture
def mixed(world: World) -> World:
    world.drop("done.txt", letter(1))
    world.drop("loans/failed.pdf", b"%PDF-1.7")
    world.run()
    world.drop("running.txt", letter(2))
    world.step()
    return world


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns with colours."""

    def make(*, stderr: bool = False) -> Console:
        return Console(highlight=False, stderr=stderr, width=60, force_terminal=True, color_system="standard")

    for module in (check_command, list_command, put, show, status):
        monkeypatch.setattr(module, "make_console", make)


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


# --- list ---


def test_list_prints_a_line_each(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "list") == DONE
    assert out(capsys).splitlines() == [
        "done      2025-01-15 12:00  done.txt",
        "failed    2025-01-15 12:00  loans/failed.pdf  NotText",
        "running   2025-01-15 12:00  running.txt",
    ]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--state", "pending"], ["running.txt"]),
        (["--state", "done", "--state", "failed"], ["done.txt", "loans/failed.pdf"]),
        (["--prefix", "loans/"], ["loans/failed.pdf"]),
        (["--since", "2025-01-16"], []),
        (["--until", "2025-01-15T13:00:00+01:00"], []),
        (["--code", "nottext"], ["loans/failed.pdf"]),
        (["--model", "production", "--limit", "1"], ["done.txt"]),
        (["--review"], []),
    ],
)
def test_list_is_filtered_by_options(
    mixed: World, capsys: pytest.CaptureFixture[str], options: list[str], names: list[str]
) -> None:
    assert run_on(mixed, "list", "--json", *options) == DONE
    assert [json.loads(line)["name"] for line in out(capsys).splitlines()] == names


def test_list_gives_rows_to_scripts(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(mixed, "list", "--json", "--state", "failed")
    (row,) = map(json.loads, out(capsys).splitlines())
    assert {key: row[key] for key in ("name", "state", "code", "sizeBytes", "model")} == {
        "name": "loans/failed.pdf",
        "state": "failed",
        "code": "NotText",
        "sizeBytes": 8,
        "model": "CustomEntityRecognition/loans/production",
    }


# --- status ---


def test_status_tells_how_things_stand(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "status") == DONE
    printed = out(capsys)
    assert "1 pending, 1 done, 1 failed" in printed
    assert "1 running, 0 waiting" in printed
    assert "extraction-jobs: 1" in printed
    assert "1 done, 1 failed (NotText 1)" in printed
    assert "2 text records submitted" in printed


def test_status_gives_numbers_to_scripts(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(mixed, "status", "--json")
    found = json.loads(out(capsys))
    assert (found["done"], found["failed"], found["pending"]) == (1, 1, 1)
    assert found["today"]["textRecords"] == 2
    assert found["asOf"] is None


def test_watch_ends_with_interruption(
    mixed: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: Iterator[None] = iter([None, None])

    def sleep(seconds: float) -> None:
        if next(looks, "over"):
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", sleep)
    assert run_on(mixed, "status", "--watch", "--json") == NOT_ALL_DONE
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert "Interrupted" in printed.err


@pytest.mark.usefixtures("narrow")
def test_watch_draws_in_terminal(
    mixed: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", sleep)
    run_on(mixed, "status", "--watch")
    assert "1 failed" in out(capsys)


# --- show ---


def test_show_tells_history_and_entities(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "show", "done.txt") == DONE
    printed = out(capsys)
    for told in ("done", "claimed", "extracted", "Mary Miller", "$1001", "0.90", "1 of at most 6"):
        assert told in printed
    assert "as agreed" not in printed, "the text is shown on request only"


def test_show_tells_error_in_words(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(mixed, "show", "loans/failed.pdf") == DONE
    printed = out(capsys)
    assert "failed (NotText)" in printed
    assert "Fault: document." in printed


def test_show_tells_active_job(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(mixed, "show", "running.txt")
    assert "next step" in out(capsys)


@pytest.mark.usefixtures("narrow")
def test_show_colours_entities_in_text(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(mixed, "show", "--text", "done.txt")
    printed = out(capsys)
    assert "Dear Reader" in printed
    assert "\x1b[1;4;" in printed


def test_shown_text_keeps_places_of_entities() -> None:
    """Line ends of Windows and characters that a terminal would obey are replaced one for one."""
    world = World()
    world.drop("a.txt", "Hi \x1b[31m\r\nMary Miller\r\nand 😀 Alan Archer\r\n")
    world.run()
    found = WorldAccess(world).queries.details("a.txt").with_entities
    assert len(found) == 1
    text = "Hi \x1b[31m\r\nMary Miller\r\nand 😀 Alan Archer\r\n"
    drawn = show.coloured(text, found)
    assert "\x1b" not in drawn.plain
    assert "\r" not in drawn.plain
    assert [drawn.plain[span.start : span.end] for span in drawn.spans] == ["Mary Miller", "Alan Archer"]


def test_missing_text_is_told(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(mixed, "show", "--text", "running.txt")
    assert out(capsys).endswith("There is no result whose text could be shown.\n")
    mixed.drop("done.txt", letter(8), announce=False)
    run_on(mixed, "show", "--text", "done.txt")
    assert out(capsys).endswith("Its text is not there any more in the version of the result.\n")


def test_unknown_document_is_not_done(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(world, "show", "none.txt") == NOT_ALL_DONE
    assert out(capsys) == "There is no document 'none.txt', and no record of one.\n"


def test_show_gives_everything_to_scripts(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(mixed, "show", "--json", "done.txt")
    found = json.loads(out(capsys))
    assert found["row"]["state"] == "done"
    assert found["record"]["owner"] == found["row"]["job"]
    assert len(found["results"][".entities.json"]["entities"]) == 4


# --- status ---


def test_usage_is_shown_by_day_model_and_folder(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    def table(by: str) -> list[list[str]]:
        assert run_on(mixed, "status", "--by", by) == DONE
        return [line.split() for line in out(capsys).splitlines()[1:]]

    assert table("day") == [["2025-01-15", "1", "1", "2", "0.0", "s"]]
    assert table("hour") == [["2025-01-15T12:00:00", "1", "1", "2", "0.0", "s"]]
    assert table("folder") == [["(none)", "1", "0", "1", "3.0", "s"], ["loans", "0", "1", "0", "0.0", "s"]]
    assert table("model") == [["CustomEntityRecognition/loans/production", "1", "1", "2", "0.0", "s"]]
    run_on(mixed, "status", "--by", "folder", "--json")
    first = json.loads(out(capsys).splitlines()[0])
    assert (first["group"], first["usage"]["resultRecords"]) == ("", 1)


def test_idle_time_has_no_usage(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(world, "status", "--by", "day") == DONE
    assert out(capsys) == "Nothing was done in that time.\n"


def test_status_tells_when_deployments_expire(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    soon = world.clock().date() + timedelta(days=20)
    one = DeploymentExpiry(resource="loans", project="loans", deployment="production", expires=soon)
    other = DeploymentExpiry(resource="loans", project="loans", deployment="other", code="Forbidden")
    expiries = Expiries(read=world.clock(), deployments=(one, other))
    assert ExpiryStore(world.state).save(expiries, None)
    run_on(world, "status")
    told = out(capsys)
    assert "loans/production at loans expires in 20 days" in told
    assert "loans/other at loans: expiry not known (Forbidden)" in told


# --- put ---


def test_put_drops_and_repeats_nothing(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(letter(1))
    assert run_on(world, "put", str(tmp_path), "--into", "x/") == DONE
    assert run_on(world, "put", str(tmp_path), "--into", "x/") == DONE
    assert out(capsys).splitlines() == ["dropped    x/a.txt", "unchanged  x/a.txt"]


def test_put_writes_results_to_folder(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(letter(1))
    (tmp_path / "in" / "b.pdf").write_bytes(b"%PDF-1.7")

    def sleep(seconds: float) -> None:
        for name in ("a.txt", "b.pdf"):
            world.announce(name)
        world.run()

    monkeypatch.setattr(put.time, "sleep", sleep)
    results = tmp_path / "out"
    assert run_on(world, "put", str(tmp_path / "in"), "--results", str(results), "--json") == NOT_ALL_DONE
    rows = [json.loads(line) for line in out(capsys).splitlines()]
    assert [(row["name"], row["state"], row.get("code", "")) for row in rows] == [
        ("a.txt", "done", ""),
        ("b.pdf", "failed", "NotText"),
    ]
    assert sorted(path.name for path in results.iterdir()) == ["a.txt.entities.json", "b.pdf.error.json"]
    assert json.loads((results / "a.txt.entities.json").read_text())["document"]["name"] == "a.txt"


def test_put_tells_what_is_still_pending(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(letter(1))
    assert run_on(world, "put", str(tmp_path / "a.txt"), "--wait", "--timeout", "0") == NOT_ALL_DONE
    assert out(capsys) == "pending    a.txt\n"


# --- check ---


def test_check_tells_each_finding(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(world, "check", "--no-model") == DONE
    lines = out(capsys).splitlines()
    assert lines[0] == "ok      settings: complete; storage at account.example.net"
    assert "ok      container extraction-state: can be listed; you may write and delete" in lines
    assert "ok      queue extraction-jobs: you may put messages on it and delete them" in lines
    assert (
        "ok      event subscription: none is needed: the host looks for documents itself (BLOB_TRIGGER_SOURCE)" in lines
    )
    assert "ok      rules config/rules.json: there are none; the settings hold for every document" in lines
    assert lines[-1].startswith("ok      expiry of loans/production at loans.cognitiveservices.azure.com: expires in ")
    for container in (world.state, world.intake, world.output):
        assert not list(container.list("check/"))
    assert not world.jobs.messages


def test_check_asks_every_model_of_rules(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [{"kind": "PiiEntityRecognition"}, {"kind": "CustomEntityRecognition", "project": "x", "deployment": "y"}]
    world.write_rules({"match": "mail/**", "tasks": tasks})
    assert run_on(world, "check", "--json") == NOT_ALL_DONE
    levels = {finding["what"]: finding["level"] for finding in map(json.loads, out(capsys).splitlines())}
    at = " at loans.cognitiveservices.azure.com"
    assert {what: level for what, level in levels.items() if what.endswith(at)} == {
        f"CustomEntityRecognition/loans/production{at}": "ok",
        f"PiiEntityRecognition/latest{at}": "ok",
        f"CustomEntityRecognition/x/y{at}": "problem",
        f"expiry of loans/production{at}": "ok",
        f"expiry of x/y{at}": "note",
    }


def test_check_tells_every_fault_of_rules(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write_rules({"match": "a", "tasks": [{"kind": "No"}]}, {"match": "b", "language": "klingon"})
    assert run_on(world, "check", "--no-model", "--json") == NOT_ALL_DONE
    found = [one for one in map(json.loads, out(capsys).splitlines()) if one["what"].startswith("rules")]
    assert [one["told"].partition(":")[0] for one in found] == ["Rule 1 ('a')", "Rule 2 ('b')"]
    assert all(one["fix"] for one in found)


@pytest.mark.parametrize(("days", "level"), [(91, "ok"), (90, "note"), (8, "note"), (7, "problem"), (-1, "problem")])
def test_check_warns_of_expiry(world: World, capsys: pytest.CaptureFixture[str], days: int, level: str) -> None:
    world.service.authoring.state.expires["loans", "production"] = world.clock().date() + timedelta(days=days)
    run_on(world, "check", "--no-model", "--json")
    found = json.loads(out(capsys).splitlines()[-1])
    assert found["level"] == level


def test_check_skips_expiry_without_role(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.service.authoring.state.refuse_with = 403
    assert run_on(world, "check", "--no-model", "--json") == DONE
    found = json.loads(out(capsys).splitlines()[-1])
    assert (found["level"], found["told"].partition(":")[0]) == ("note", "skipped")


def test_check_fails_with_problem(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.poisoned_jobs.put("{}")
    assert run_on(world, "check", "--no-model", "--json") == NOT_ALL_DONE
    levels = {finding["what"]: finding["level"] for finding in map(json.loads, out(capsys).splitlines())}
    assert levels["queue extraction-jobs-poison"] == "problem"


# --- All of them ---


@pytest.mark.parametrize(
    "arguments",
    [[], ["unknown"], ["list", "--state", "gone"], ["list", "--since", "yesterday"], ["put"], ["put", "/no/such/file"]],
)
def test_wrong_use_is_told(world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run_on(world, *arguments) == WRONG_USE
    assert "python -m functions" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--all", "--rate", "nan"],
        ["replay", "--all", "--rate", "inf"],
        ["backfill", "--price", "nan"],
        ["forecast", "--container", "documents", "--price", "inf"],
        ["forecast", "--container", ""],
        ["purge", "--older-than", "nan"],
        ["purge", "--older-than", "1e300"],
        ["put", ".", "--wait", "--timeout", "nan"],
        ["put", ".", "--wait", "--timeout", "1e300"],
        ["status", "--by", "day", "--days", "1000000000"],
        ["status", "--watch", "--every", "nan"],
    ],
    ids=" ".join,
)
def test_odd_numbers_are_wrong_use(world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run_on(world, *arguments) == WRONG_USE
    assert "Error: " in capsys.readouterr().err


def test_fault_of_own_files_is_one_sentence(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run_on(mixed, "export", str(tmp_path / "none" / "out.csv")) == NOT_ALL_DONE
    (told,) = capsys.readouterr().err.splitlines()
    assert told.endswith("out.csv.export.jsonl: No such file or directory.")


def test_full_disk_is_one_sentence(
    mixed: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(list_command, "write_json", write)
    assert run_on(mixed, "list", "--json") == NOT_ALL_DONE
    assert capsys.readouterr().err == f"The output can not be written: {os.strerror(errno.ENOSPC)}.\n"


def test_defects_are_not_hidden(mixed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a connection, say, that nobody has foreseen."""

    def write(_: object) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    monkeypatch.setattr(list_command, "write_json", write)
    with pytest.raises(ConnectionResetError):
        run_on(mixed, "list", "--json")


def test_help_is_no_fault(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(world, "--help") == DONE
    assert "Exit codes" in out(capsys)


def all_commands() -> Iterator[click.Command]:
    for name in main.COMMANDS:
        command = main.Commands().get_command(click.Context(main.commands), name)
        assert command
        yield from command.commands.values() if isinstance(command, click.Group) else [command]


@pytest.mark.parametrize("command", list(all_commands()), ids=lambda command: command.name)
def test_every_command_has_json_and_help(command: click.Command) -> None:
    assert command.help
    assert any("--json" in parameter.opts for parameter in command.params)
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_pipe_gets_no_colours(mixed: World, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in EVERY_COMMAND:
        run_on(mixed, *arguments)
        printed = capsys.readouterr()
        assert printed.out
        assert "\x1b" not in printed.out + printed.err


def test_every_command_is_piped() -> None:
    elsewhere = {"export", "evaluate", "purge"}  # test_result_commands
    assert {command for command, *_ in EVERY_COMMAND} == set(main.COMMANDS) - elsewhere


@pytest.mark.usefixtures("narrow")
def test_sixty_columns_are_enough(mixed: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(letter(1))
    (tmp_path / "empty.txt").write_text("")
    shown = (["show", "done.txt"], ["show", "loans/failed.pdf"], ["list"])
    dropped = ["put", str(tmp_path), "--wait", "--timeout", "0"]
    for arguments in (["status"], ["status", "--by", "model"], *shown, dropped, ["check", "--no-model"]):
        run_on(mixed, *arguments)
    assert max(Text.from_ansi(line).cell_len for line in out(capsys).splitlines()) <= 60


@pytest.mark.parametrize("name", [*ODD_NAMES, TERMINAL_NAME, "[bold]red[/bold].txt"])
def test_odd_names_go_through(world: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    world.drop(name, letter(1))
    world.run()
    for arguments in (["list", "--json"], ["show", "--json", "--", name]):
        assert run_on(world, *arguments) == DONE
        found = json.loads(out(capsys))
        assert (found.get("row") or found)["name"] == name
    run_on(world, "list")
    (line,) = out(capsys).splitlines()
    assert line.endswith(terminal.plain(name).plain)
    assert "\x1b" not in line


@pytest.mark.parametrize("name", [*ODD_NAMES, TERMINAL_NAME, "[bold]red[/bold].txt"])
def test_odd_names_of_failed_documents_go_through(world: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """By the index, and as folders."""
    world.drop(name, b"%PDF-1.7")
    world.drop(f"{name[:900]}/x.txt", b"%PDF-1.7")
    world.run()
    world.reconcile()
    assert run_on(world, "list", "--state", "failed", "--json") == DONE
    listed = [json.loads(line)["name"] for line in out(capsys).splitlines()]
    assert sorted(listed) == sorted([name, f"{name[:900]}/x.txt"])
    for command in (["list", "--state", "failed"], ["show", "--text", "--", name], ["status", "--by", "folder"]):
        assert run_on(world, *command) == DONE
    assert not {"\x1b", "\u202e"} & set(out(capsys))


@pytest.mark.skipif(sys.platform == "win32", reason="files have other names there")
@pytest.mark.parametrize("name", FILE_NAMES)
def test_odd_names_are_dropped_and_brought(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True)
    path.write_text(letter(1), "utf-8")
    results = tmp_path / "out"
    assert run_on(world, "forecast", str(tmp_path / "in"), "--json") == DONE
    assert json.loads(out(capsys))["forecast"]["documents"] == 1
    assert run_on(world, "put", str(tmp_path / "in")) == DONE
    world.announce(name)
    world.run()
    assert run_on(world, "put", str(tmp_path / "in"), "--results", str(results)) == DONE
    assert not {"\x1b", "\u202e"} & set(out(capsys))
    assert json.loads((results / f"{name}.entities.json").read_text("utf-8"))["document"]["name"] == name


def test_finding_shows_its_fix() -> None:
    drawn = check_command.line(Finding(what="x", level=Level.PROBLEM, told="is wrong", fix="Mend it."))
    assert drawn.plain == "problem x: is wrong\n        Mend it."


# --- Several tasks ---


@pytest.fixture
def several_tasks() -> World:
    world = World(settings={"REVIEW_BELOW": "0.95"})
    world.write_rules(
        {"match": "two/**", "tasks": [{"kind": "CustomEntityRecognition"}, {"kind": "PiiEntityRecognition"}]}
    )
    world.drop("two/a.txt", letter(1))
    world.run()
    return world


def test_results_of_all_tasks_are_shown(several_tasks: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(several_tasks, "show", "two/a.txt")
    printed = out(capsys)
    for told in ("entities\n", "pii\n", "CustomEntityRecognition/loans/production + PiiEntityRecognition/latest"):
        assert told in printed
    run_on(several_tasks, "show", "--json", "two/a.txt")
    assert sorted(json.loads(out(capsys))["results"]) == [".entities.json", ".pii.json"]


def test_documents_for_review_are_listed(several_tasks: World, capsys: pytest.CaptureFixture[str]) -> None:
    several_tasks.drop("empty.txt", "no names")
    several_tasks.run()
    for is_indexed in (False, True):
        if is_indexed:
            several_tasks.reconcile()
        run_on(several_tasks, "list", "--review")
        assert [line.split()[-2:] for line in out(capsys).splitlines()] == [["two/a.txt", "review"]]
    run_on(several_tasks, "list", "--review", "--scan")
    assert len(out(capsys).splitlines()) == 1


def test_put_brings_files_of_all_tasks(
    several_tasks: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(letter(1), "utf-8")
    run_on(several_tasks, "put", str(tmp_path / "a.txt"), "--into", "two/")
    several_tasks.announce("two/a.txt")
    several_tasks.run()
    results = tmp_path / "results"
    run_on(several_tasks, "put", str(tmp_path / "a.txt"), "--into", "two/", "--results", str(results))
    found = sorted(path.name for path in (results / "two").iterdir())
    assert found == ["a.txt.entities.json", "a.txt.pii.json", "a.txt.redacted.txt"]


def test_text_records_of_all_tasks_count(several_tasks: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_on(several_tasks, "status", "--json")
    assert json.loads(out(capsys))["today"]["textRecords"] == 2
