"""Files are dropped once, and waited for."""

from datetime import timedelta
from pathlib import Path

import pytest

from functions.core.documents import DocumentState
from functions.workflows.dropping import Dropped, Dropping, LocalFile, NotDropped, files_below
from tests.support.world import World, letter


def dropping(world: World) -> Dropping:
    """Waiting lets the host go on, which knows of every document that has no result yet."""

    def sleep(seconds: float) -> None:
        for info in list(world.intake.list()):
            world.announce(info.name)
        world.run()
        world.clock.advance(seconds)

    parts = world.app.parts
    return Dropping(world.intake, parts.documents, parts.records, world.clock, sleep)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "loans").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text(letter(1))
    (tmp_path / "in" / "loans" / "b #2 é.txt").write_text(letter(2))
    return tmp_path / "in"


def drop_all(world: World, folder: Path) -> list[Dropped]:
    done = [dropping(world).drop(file) for file in files_below(folder, "")]
    assert all(isinstance(one, Dropped) for one in done)
    return [one for one in done if isinstance(one, Dropped)]


def test_files_get_their_paths_as_names(folder: Path) -> None:
    assert [file.name for file in files_below(folder, "x/")] == ["x/a.txt", "x/loans/b #2 é.txt"]
    assert [file.name for file in files_below(folder / "a.txt", "x/")] == ["x/a.txt"]


def test_same_content_is_dropped_once(world: World, folder: Path) -> None:
    first, again = drop_all(world, folder), drop_all(world, folder)
    assert [one.is_new for one in first + again] == [True, True, False, False]
    assert [one.etag for one in first] == [one.etag for one in again]
    (folder / "a.txt").write_text(letter(3))
    assert [one.is_new for one in drop_all(world, folder)] == [True, False]


def test_content_of_other_origin_is_replaced(world: World, folder: Path) -> None:
    """Nobody has said what is in it, and reading it would cost more than it saves."""
    world.drop("a.txt", letter(1))
    assert [one.is_new for one in drop_all(world, folder)] == [True, True]


def test_results_come_as_documents_end(world: World, folder: Path) -> None:
    (folder / "c.pdf").write_bytes(b"%PDF-1.7")
    outcomes = list(dropping(world).outcomes(drop_all(world, folder), None))
    assert [(one.dropped.file.name, one.state, one.code) for one in outcomes] == [
        ("a.txt", DocumentState.DONE, ""),
        ("c.pdf", DocumentState.FAILED, "NotText"),
        ("loans/b #2 é.txt", DocumentState.DONE, ""),
    ]
    assert b"Mary Miller" in dropping(world).result(outcomes[0].result_names[0])


def test_wait_ends_in_time(world: World, folder: Path) -> None:
    parts = world.app.parts
    idle = Dropping(world.intake, parts.documents, parts.records, world.clock, world.clock.advance)
    until = world.clock() + timedelta(seconds=20)
    assert list(idle.outcomes(drop_all(world, folder), until)) == []
    assert until <= world.clock() <= until + timedelta(seconds=10)


@pytest.mark.parametrize("replaced", [True, False])
def test_replaced_document_is_not_waited_for(world: World, folder: Path, replaced: bool) -> None:
    dropped = drop_all(world, folder)
    if replaced:
        world.drop("a.txt", letter(9), announce=False)
    else:
        world.remove("a.txt")
    outcomes = list(dropping(world).outcomes(dropped, None))
    assert outcomes[0].state is None
    assert outcomes[1].state is DocumentState.DONE


@pytest.mark.parametrize("name", ["../a.txt", "a/../b.txt", "%2e%2e/a.txt", "x" * 1025, "a\udc80.txt"])
def test_impossible_names_are_refused(world: World, folder: Path, name: str) -> None:
    assert isinstance(dropping(world).drop(LocalFile(folder / "a.txt", name)), NotDropped)
    assert list(world.intake.list()) == []


def test_unreadable_file_is_refused(world: World, folder: Path) -> None:
    done = dropping(world).drop(LocalFile(folder / "gone.txt", "gone.txt"))
    assert isinstance(done, NotDropped)
    assert "can not be read" in done.reason
