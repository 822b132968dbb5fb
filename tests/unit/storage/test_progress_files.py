"""How far a command has come is kept in a file of its own, which is always whole."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.storage.progress_files import ProgressFile, ProgressUnreadable, file_name
from functions.workflows.handing_over import Fate, Given, Progress

BEGUN = Progress(run="0123456789ab", began=datetime(2025, 1, 15, tzinfo=UTC))


def test_progress_is_found_again(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "folder" / "kept.json", Progress)
    assert file.load() is None
    file.save(BEGUN)
    later = BEGUN.after_batch("b\u202e.txt", [Given("a.txt", Fate.LEFT), Given("b.txt", Fate.SUBMITTED)])
    file.save(later)
    assert file.load() == later
    assert (later.after, later.submitted, later.left, later.refused) == ("b\u202e.txt", 1, 1, 0)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["kept.json"]
    file.delete()
    assert file.load() is None
    file.delete()


def test_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(ProgressUnreadable, match="--progress"):
        ProgressFile(tmp_path / "file" / "kept.json", Progress).save(BEGUN)


def test_name_follows_from_command_and_options() -> None:
    assert file_name("replay", ["account", "loans/"]) == file_name("replay", ["account", "loans/"])
    others = [file_name("replay", ["account", ""]), file_name("backfill", ["account", "loans/"])]
    assert file_name("replay", ["account", "loans/"]) not in others
    assert file_name("replay", ["\ud800"]).startswith("replay-")
