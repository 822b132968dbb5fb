"""The two folders on this machine: ``drop/``, whose files are documents, and ``out/``, where results come back."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path, PurePosixPath

from local.demo.names import RESULT_SUFFIXES, escaped_path

STABLE_S = 0.5
"""A file is taken once its size and time have not changed for so long: then whoever saves it is done."""

ESCAPED_NAMES_FILE = "escaped-names.json"
"""In ``out/``: which result each file belongs to that could not have its result's name."""

MAX_NAME_LENGTH = 1024
"""Storage's limit for a blob's name, in characters (learn.microsoft.com, "Naming containers, blobs", November 2026)."""

_DO_NOT_WAIT: int = getattr(os, "O_NONBLOCK", 0)
"""Windows has no pipes in folders, and no such flag."""

_UNFINISHED_SUFFIXES = ("~", ".tmp", ".part", ".crdownload", ".swp", ".download")

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class OverlappingFoldersError(ValueError):
    """Two folders that must be apart are the same, or one lies in the other."""


class ChangedError(OSError):
    """A file was written while it was read; it is worth another look once it is still."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something in a folder that is called like a document: a file with its status, or what keeps it from being one."""

    file: Path
    status: os.stat_result | None
    problem: str = ""


def files_in(folder: Path) -> Iterator[Found]:
    """Yield what lies in ``folder`` and its sub-folders, sorted, without hidden and temporary files.

    Nothing is opened: a pipe or a device would wait, or do something. Links to files are followed, links to folders are
    not: they may lead round in a circle.
    """
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if Path(parent, name).is_symlink():
                yield Found(Path(parent, name), None, "it is a link to a folder, and those are not followed")
        for name in sorted(files):
            if _is_document(name) and (found := _look_at(Path(parent, name))):
                yield found
    for error in unreadable:
        # The folder itself may not be there yet, and a sub-folder may be gone again.
        if not isinstance(error, FileNotFoundError):
            yield Found(Path(error.filename), None, f"the folder cannot be read: {error.strerror}")


def _look_at(file: Path) -> Found | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        # Gone since it was listed: many programs save under another name first.
        return Found(file, None, "it is a link to nothing") if file.is_symlink() else None
    except OSError as error:
        return Found(file, None, "it is a link in a circle" if error.errno == errno.ELOOP else str(error.strerror))
    return Found(file, status, kind_problem(status.st_mode))


def kind_problem(mode: int) -> str:
    """Return what keeps a file of this mode from being a document; nothing for a regular file."""
    if stat.S_ISREG(mode):
        return ""
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no regular file")
    return f"it is {kind}"


def documents_in(folder: Path) -> Iterator[Path]:
    """Yield the files of ``folder`` and its sub-folders that are documents, sorted by folder and name."""
    for found in files_in(folder):
        if not found.problem:
            yield found.file


def _is_document(name: str) -> bool:
    return not name.startswith((".", "~$")) and not name.lower().endswith(_UNFINISHED_SUFFIXES)


def read_document(file: Path) -> bytes:
    """Return the content of a file.

    Raises ``ChangedError`` where it was written meanwhile, ``OSError`` where it cannot be read or has become something
    else than a file since it was looked at.
    """
    # Without waiting: between the look and the opening a pipe may have taken the file's place.
    with os.fdopen(os.open(file, os.O_RDONLY | _DO_NOT_WAIT), "rb") as stream:
        before = os.fstat(stream.fileno())
        if problem := kind_problem(before.st_mode):
            raise OSError(errno.EINVAL, problem, str(file))
        data = stream.read()
        after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise ChangedError(errno.EAGAIN, "it is being written", str(file))
    return data


def document_name(folder: Path, file: Path) -> str:
    """Return the name that a file's document has in the intake: its path in ``folder``, with forward slashes."""
    return file.relative_to(folder).as_posix()


def name_problem(name: str) -> str:
    """Return why no document can have this name in the storage emulator; nothing if it can.

    The emulator cannot list a container with a blob whose name XML cannot hold, and then no document of the container
    is noticed any more; of a backslash it makes a slash (both seen with Azurite 3.37, November 2026).
    """
    if any(unicodedata.category(char) == "Cs" for char in name):
        return "its name is not UTF-8"
    if any(char in "\ufffe\uffff" or (char < " " and char not in "\t\n\r") for char in name):
        return "its name has a control character that the storage emulator cannot list"
    if "\\" in name:
        return "its name has a backslash, of which the storage emulator makes a slash"
    if len(name) > MAX_NAME_LENGTH:
        return f"its path has {len(name):,} characters; the limit for a document's name is {MAX_NAME_LENGTH:,}"
    return ""


# --- results ---------------------------------------------------------------------------------------------------------


def write_result(folder: Path, name: str, path: PurePosixPath, content: bytes) -> tuple[Path, bool]:
    """Write the result ``name`` whole to ``path`` in ``folder``: nobody sees half of it.

    Returns the file, and whether it was not there with this content before. ``path`` is what ``names.local_paths``
    gives. Where something is in its way that is no result, a folder of that name or a file where a folder belongs, the
    result is kept under its escaped name. Raises ``OSError`` if that cannot be written either.
    """
    try:
        return _write(folder.joinpath(path), content)
    except OSError as error:
        # A file system may be narrower than those that `names` knows.
        if error.errno not in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EILSEQ):
            raise
    return _write(folder / escaped_path(name).name, content)


def _write(file: Path, content: bytes) -> tuple[Path, bool]:
    if file.is_file() and file.read_bytes() == content:
        return file, False
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    unfinished = file.with_name(f".{os.getpid()}.tmp")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return file, True


def write_escaped_names(folder: Path, files: Mapping[str, Path]) -> None:
    """Keep beside the results which of them have another name here (result to file); no such result, no such file."""
    listed = {
        path: name for name, file in sorted(files.items()) if (path := file.relative_to(folder).as_posix()) != name
    }
    if listed:
        content = json.dumps(listed, indent=2) + "\n"
        _write(folder / ESCAPED_NAMES_FILE, content.encode())
    else:
        (folder / ESCAPED_NAMES_FILE).unlink(missing_ok=True)


def clear_results(folder: Path) -> None:
    """Remove every result file from ``folder`` and the sub-folders that this leaves empty; nothing else."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            if name.endswith(RESULT_SUFFIXES):
                Path(parent, name).unlink()
        if Path(parent) != folder and not any(Path(parent).iterdir()):
            Path(parent).rmdir()
    (folder / ESCAPED_NAMES_FILE).unlink(missing_ok=True)


# --- folders apart ---------------------------------------------------------------------------------------------------


def _identity(folder: Path) -> object:
    status = folder.stat()
    return status.st_dev, status.st_ino


def check_apart(folders: Mapping[str, Path], identity: Callable[[Path], object] = _identity) -> None:
    """Raise ``OverlappingFoldersError`` if one of the folders, by the name of its option, is or holds another.

    Folders that are not there are made for the comparison, and removed again: only the file system knows which names it
    takes for one, and where links lead. ``identity`` gives equal values for one folder under several names.
    """
    real = {name: folder.resolve() for name, folder in folders.items()}
    made: list[Path] = []
    try:
        for folder in real.values():
            made += _make(folder)
        for inner, outer in permutations(folders, 2):
            around = [identity(one) for one in (real[inner], *real[inner].parents)]
            if identity(real[outer]) in around:
                what = "is the same folder as" if identity(real[outer]) == around[0] else "lies inside"
                raise OverlappingFoldersError(
                    f"{inner} {folders[inner]} {what} {outer} {folders[outer]}; choose folders that do not overlap."
                )
    finally:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody has put something into it already
                folder.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder with its parents, and return those that were not there, the outermost first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


# --- what was dropped ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Seen:
    """What a file was like, and since when; ``taken`` once this version has been handed out."""

    signature: tuple[int, ...]
    since: float
    taken: bool = False


class DropFolder:
    """Notices files that were saved or replaced, and what is no file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[Path, _Seen] = {}
        self._problems: dict[Path, str] = {}
        self._news: list[Found] = []

    def ready(self, now: float) -> list[Path]:
        """Return the files that are new or changed and have been still for ``STABLE_S``; each version once.

        ``now`` is in seconds, of a clock that does not go back. A file that went away is forgotten. A change of the
        access rights counts as a change: a file that could not be read may then be.
        """
        seen, self._seen = self._seen, {}
        problems: dict[Path, str] = {}
        ready = []
        for found in files_in(self.folder):
            if found.status is None or found.problem:
                problems[found.file] = found.problem
                if self._problems.get(found.file) != found.problem:
                    self._news.append(found)
                continue
            status = found.status
            signature = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            entry = seen.get(found.file)
            if entry is None or entry.signature != signature:
                entry = _Seen(signature, now)
            elif not entry.taken and now - entry.since >= STABLE_S:
                entry.taken = True
                ready.append(found.file)
            self._seen[found.file] = entry
        self._problems = problems
        return ready

    def skipped(self) -> list[Found]:
        """Return what `ready` found since the last call that cannot be a document; each once, until it changes."""
        news, self._news = self._news, []
        return news

    def again(self, file: Path) -> None:
        """Hand out a file once more, as soon as it has been still: it could not be brought anywhere."""
        self._seen.pop(file, None)
