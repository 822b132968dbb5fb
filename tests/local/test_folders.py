"""The folders drop/ and out/: which files are documents, when they are ready, where results go."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.demo.folders import (
    STABLE_S,
    DropFolder,
    clear_results,
    document_name,
    documents_in,
    result_file,
    write_result,
)


def save(file: Path, text: str, modified: int) -> None:
    """Write a file that was last changed ``modified`` seconds after the beginning of time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    os.utime(file, (modified, modified))


def names(folder: Path, files: list[Path]) -> list[str]:
    return [document_name(folder, file) for file in files]


def test_hidden_and_temporary_files_are_no_documents(tmp_path: Path) -> None:
    for name in ("a.txt", "b c#.txt", "deep/er/d.txt", "no-suffix"):
        save(tmp_path / name, "text", 1)
    for name in (".hidden", ".git/x.txt", "~$letter.docx", "a.txt~", "a.TMP", "b.part", "c.crdownload", ".a.txt.swp"):
        save(tmp_path / name, "text", 1)
    assert names(tmp_path, list(documents_in(tmp_path))) == ["a.txt", "b c#.txt", "no-suffix", "deep/er/d.txt"]


def test_file_is_ready_once_it_has_been_still_long_enough(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    assert folder.ready(10.0) == []
    assert folder.ready(10.0 + STABLE_S - 0.01) == []
    assert folder.ready(10.0 + STABLE_S) == [tmp_path / "a.txt"]
    assert folder.ready(100.0) == []


def test_file_that_still_grows_is_not_ready(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    for second, text in enumerate(("o", "on", "one")):
        save(tmp_path / "a.txt", text, 1)
        assert folder.ready(float(second)) == []
    assert folder.ready(2.0 + STABLE_S) == [tmp_path / "a.txt"]


def test_replaced_file_is_ready_again_even_with_the_same_size(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(0.0)
    assert folder.ready(1.0) == [tmp_path / "a.txt"]
    save(tmp_path / "a.txt", "two", 2)
    assert folder.ready(2.0) == []
    assert folder.ready(3.0) == [tmp_path / "a.txt"]


def test_file_that_went_away_and_came_back_unchanged_is_ready_again(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(0.0)
    folder.ready(1.0)
    (tmp_path / "a.txt").unlink()
    assert folder.ready(2.0) == []
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(3.0)
    assert folder.ready(4.0) == [tmp_path / "a.txt"]


def test_results_keep_their_names_and_folders(tmp_path: Path) -> None:
    file = write_result(tmp_path, "a b/#1.txt.entities.json", b"{}")
    assert file == tmp_path / "a b" / "#1.txt.entities.json"
    assert [path.name for path in file.parent.iterdir()] == ["#1.txt.entities.json"]


@pytest.mark.parametrize("name", ["../x.entities.json", "a/../../x.error.json", "/etc/x.error.json", "", "a\0b"])
def test_result_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="lead out of"):
        result_file(tmp_path, name)


@given(st.text(max_size=30).map(lambda text: f"{text}.entities.json"))
def test_no_result_name_leads_out_of_the_folder(name: str) -> None:
    folder = Path("/some/folder")
    try:
        file = result_file(folder, name)
    except ValueError:
        return
    assert os.path.normpath(file).startswith("/some/folder/")


def test_clearing_removes_results_and_leaves_everything_else(tmp_path: Path) -> None:
    save(tmp_path / "a.txt.entities.json", "{}", 1)
    save(tmp_path / "sub/b.txt.error.json", "{}", 1)
    save(tmp_path / "mine/notes.txt", "keep", 1)
    clear_results(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["mine", "mine/notes.txt"]


def test_clearing_a_folder_that_does_not_exist_does_nothing(tmp_path: Path) -> None:
    clear_results(tmp_path / "out")
    assert not (tmp_path / "out").exists()
