"""The folders drop/ and out/: which files are documents, when they are ready, where results go."""

import contextlib
import json
import os
import socket
from pathlib import Path

import pytest

from local.demo.folders import (
    ESCAPED_NAMES_FILE,
    STABLE_S,
    ChangedError,
    DropFolder,
    OverlappingFoldersError,
    check_apart,
    clear_results,
    document_name,
    documents_in,
    files_in,
    name_problem,
    read_document,
    write_escaped_names,
    write_result,
)
from local.demo.names import escaped_path, local_paths


def save(file: Path, text: str, modified: int) -> None:
    """Write a file that was last changed ``modified`` seconds after the beginning of time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    os.utime(file, (modified, modified))


def names(folder: Path, files: list[Path]) -> list[str]:
    return [document_name(folder, file) for file in files]


def test_hidden_files_are_not_documents(tmp_path: Path) -> None:
    for name in ("a.txt", "b c#.txt", "deep/er/d.txt", "no-suffix"):
        save(tmp_path / name, "text", 1)
    for name in (".hidden", ".git/x.txt", "~$letter.docx", "a.txt~", "a.TMP", "b.part", "c.crdownload", ".a.txt.swp"):
        save(tmp_path / name, "text", 1)
    assert names(tmp_path, list(documents_in(tmp_path))) == ["a.txt", "b c#.txt", "no-suffix", "deep/er/d.txt"]


def test_unchanged_file_becomes_ready(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    assert folder.ready(10.0) == []
    assert folder.ready(10.0 + STABLE_S - 0.01) == []
    assert folder.ready(10.0 + STABLE_S) == [tmp_path / "a.txt"]
    assert folder.ready(100.0) == []


def test_growing_file_is_not_ready(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    for second, text in enumerate(("o", "on", "one")):
        save(tmp_path / "a.txt", text, 1)
        assert folder.ready(float(second)) == []
    assert folder.ready(2.0 + STABLE_S) == [tmp_path / "a.txt"]


def test_replaced_file_is_ready_again(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(0.0)
    assert folder.ready(1.0) == [tmp_path / "a.txt"]
    save(tmp_path / "a.txt", "two", 2)
    assert folder.ready(2.0) == []
    assert folder.ready(3.0) == [tmp_path / "a.txt"]


def test_returned_file_is_ready_again(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(0.0)
    folder.ready(1.0)
    (tmp_path / "a.txt").unlink()
    assert folder.ready(2.0) == []
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(3.0)
    assert folder.ready(4.0) == [tmp_path / "a.txt"]


def look(folder: Path) -> dict[str, str]:
    return {document_name(folder, found.file): found.problem for found in files_in(folder)}


def test_special_files_are_never_opened(tmp_path: Path) -> None:
    """Opening the pipe would wait for a writer; the test would hang."""
    save(tmp_path / "a.txt", "text", 1)
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "link-to-pipe.txt").symlink_to("pipe.txt")
    (tmp_path / "device.txt").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(tmp_path):
        listener.bind("socket.txt")
    assert look(tmp_path) == {
        "a.txt": "",
        "pipe.txt": "it is a pipe",
        "link-to-pipe.txt": "it is a pipe",
        "device.txt": "it is a device",
        "socket.txt": "it is a socket",
    }
    assert names(tmp_path, list(documents_in(tmp_path))) == ["a.txt"]
    folder = DropFolder(tmp_path)
    folder.ready(0.0)
    assert names(tmp_path, folder.ready(1.0)) == ["a.txt"]
    for special in ("pipe.txt", "device.txt", "socket.txt"):
        with pytest.raises(OSError, match=r"it is a|No such device"):
            read_document(tmp_path / special)


def test_links_are_followed_to_files_only(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere/letter.txt", "text", 1)
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "file.txt").symlink_to("../elsewhere/letter.txt")
    (drop / "folder.txt").symlink_to("../elsewhere")
    (drop / "round").symlink_to("../drop")
    (drop / "loop.txt").symlink_to("loop.txt")
    (drop / "nothing.txt").symlink_to("missing.txt")
    link = "it is a link to a folder, and those are not followed"
    assert look(drop) == {
        "file.txt": "",
        "folder.txt": link,
        "round": link,
        "loop.txt": "it is a link in a circle",
        "nothing.txt": "it is a link to nothing",
    }


def test_folder_named_like_file_is_folder(tmp_path: Path) -> None:
    save(tmp_path / "a.txt/b.txt", "text", 1)
    assert look(tmp_path) == {"a.txt/b.txt": ""}


def test_missing_folder_is_empty(tmp_path: Path) -> None:
    assert look(tmp_path / "missing") == {}


def test_skipped_files_are_reported_once(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    os.mkfifo(tmp_path / "x.txt")
    folder.ready(0.0)
    folder.ready(1.0)
    assert [found.problem for found in folder.skipped()] == ["it is a pipe"]
    folder.ready(2.0)
    assert folder.skipped() == []
    (tmp_path / "x.txt").unlink()
    save(tmp_path / "x.txt", "text", 1)
    folder.ready(3.0)
    assert folder.ready(4.0) == [tmp_path / "x.txt"]
    (tmp_path / "x.txt").unlink()
    os.mkfifo(tmp_path / "x.txt")
    folder.ready(5.0)
    assert [found.problem for found in folder.skipped()] == ["it is a pipe"]


def test_access_change_makes_file_ready(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(0.0)
    folder.ready(1.0)
    (tmp_path / "a.txt").chmod(0o600)
    assert folder.ready(2.0) == []
    assert folder.ready(3.0) == [tmp_path / "a.txt"]


def test_unsent_file_is_ready_again(tmp_path: Path) -> None:
    folder = DropFolder(tmp_path)
    save(tmp_path / "a.txt", "one", 1)
    folder.ready(0.0)
    folder.ready(1.0)
    folder.again(tmp_path / "a.txt")
    assert folder.ready(2.0) == []
    assert folder.ready(2.0 + STABLE_S) == [tmp_path / "a.txt"]


def test_changing_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_document(tmp_path / "gone.txt")
    save(tmp_path / "a.txt", "one", 1)
    assert read_document(tmp_path / "a.txt") == b"one"
    # The kernel's files say that they have no bytes and then give some, as a file does that grows.
    with pytest.raises(ChangedError):
        read_document(Path("/proc/self/status"))


def test_unreadable_file_raises() -> None:
    """For a user whom no access rights hold up: a file of the kernel's that can only be written."""
    with pytest.raises(OSError, match="Invalid argument"):
        read_document(Path("/proc/self/clear_refs"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_and_folder_are_reported(tmp_path: Path) -> None:
    save(tmp_path / "a.txt", "text", 1)
    (tmp_path / "a.txt").chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    assert look(tmp_path) == {"a.txt": "", "closed": "the folder cannot be read: Permission denied"}
    with pytest.raises(PermissionError):
        read_document(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/b c#ä😀.txt", ""),
        ("tab\tand\nline.txt", ""),
        ("a" * 1024, ""),
        ("a" * 1025, "its path has 1,025 characters"),
        ("a\x01.txt", "a control character"),
        ("a\x1b.txt", "a control character"),
        ("a\uffff.txt", "a control character"),
        ("a\\b.txt", "a backslash"),
        (os.fsdecode(b"caf\xe9.txt"), "is not UTF-8"),
    ],
)
def test_unsupported_names_are_found(name: str, problem: str) -> None:
    assert problem in name_problem(name)
    assert bool(problem) == bool(name_problem(name))


# --- results ---------------------------------------------------------------------------------------------------------


def kept(folder: Path, name: str, content: bytes = b"{}") -> tuple[Path, bool]:
    return write_result(folder, name, local_paths([name])[name], content)


def test_results_keep_their_names_and_folders(tmp_path: Path) -> None:
    file, is_new = kept(tmp_path, "a b/#1.txt.entities.json")
    assert (file, is_new) == (tmp_path / "a b" / "#1.txt.entities.json", True)
    assert [path.name for path in file.parent.iterdir()] == ["#1.txt.entities.json"]
    assert kept(tmp_path, "a b/#1.txt.entities.json") == (file, False)
    assert kept(tmp_path, "a b/#1.txt.entities.json", b"[]") == (file, True)


@pytest.mark.parametrize(
    "name", ["../x.entities.json", "a/../../x.error.json", "/etc/x.error.json", "a\0b", "x" * 5000, "CON.error.json"]
)
def test_no_result_leaves_folder(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    file, _ = kept(out, name)
    assert file.read_bytes() == b"{}"
    assert list(tmp_path.iterdir()) == [out]
    assert file.resolve().is_relative_to(out)


def test_existing_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.entities.json").mkdir()
    (tmp_path / "b").write_text("mine")
    for name in ("a.entities.json", "b/x.entities.json"):
        file, is_new = kept(tmp_path, name)
        assert (file, is_new) == (tmp_path / escaped_path(name).name, True)
        assert kept(tmp_path, name) == (file, False)
    assert (tmp_path / "b").read_text() == "mine"


def test_escaped_names_are_listed_beside_results(tmp_path: Path) -> None:
    names = ["A.error.json", "a.error.json", "b.error.json"]
    paths = local_paths(names)
    files = {name: write_result(tmp_path, name, paths[name], b"{}")[0] for name in names}
    write_escaped_names(tmp_path, files)
    listed = json.loads((tmp_path / ESCAPED_NAMES_FILE).read_text("utf-8"))
    assert {name: tmp_path / path for path, name in listed.items()} == {name: files[name] for name in names[:2]}
    write_escaped_names(tmp_path, {"b.error.json": files["b.error.json"]})
    assert not (tmp_path / ESCAPED_NAMES_FILE).exists()


# --- folders apart ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drop", "out", "what"),
    [
        ("a", "a", "is the same folder as"),
        ("a", "a/out", "lies inside"),
        ("a/drop", "a", "lies inside"),
        ("a", "./b/../a/x/y/out", "lies inside"),
        ("link", "a/out", "lies inside"),
        ("a", "link/out", "lies inside"),
        ("link", "a", "is the same folder as"),
    ],
)
def test_overlapping_folders_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop: str, out: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path("link").symlink_to("a")
    for one, other in ((drop, out), (str(tmp_path / drop), out)):
        with pytest.raises(OverlappingFoldersError, match=what):
            check_apart({"--drop": Path(one), "--out": Path(other)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "link"]
    assert list(Path("a").iterdir()) == []


def test_sibling_folders_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    check_apart({"--drop": tmp_path / "drop", "--out": tmp_path / "out/deep", "more": tmp_path / "drop2"})
    assert [path.name for path in tmp_path.iterdir()] == ["drop"]


def test_file_system_compares_folders(tmp_path: Path) -> None:
    """With case making no difference, as on macOS."""

    def folded(folder: Path) -> object:
        return str(folder).casefold()

    with pytest.raises(OverlappingFoldersError):
        check_apart({"--drop": tmp_path / "Drop", "--out": tmp_path / "drop/out"}, folded)
    check_apart({"--drop": tmp_path / "Drop", "--out": tmp_path / "drop/out"})


def test_clearing_removes_only_results(tmp_path: Path) -> None:
    save(tmp_path / "a.txt.entities.json", "{}", 1)
    save(tmp_path / "sub/b.txt.error.json", "{}", 1)
    save(tmp_path / "mine/notes.txt", "keep", 1)
    save(tmp_path / ESCAPED_NAMES_FILE, "{}", 1)
    clear_results(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["mine", "mine/notes.txt"]


def test_clearing_missing_folder_is_harmless(tmp_path: Path) -> None:
    clear_results(tmp_path / "out")
    assert not (tmp_path / "out").exists()
