"""The two folders on this machine: ``drop/``, whose files are documents, and ``out/``, where results come back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local.demo.containers import RESULT_SUFFIXES

STABLE_S = 0.5
"""A file is taken once its size and time have not changed for so long: then whoever saves it is done."""

_UNFINISHED_SUFFIXES = ("~", ".tmp", ".part", ".crdownload", ".swp", ".download")


def documents_in(folder: Path) -> Iterator[Path]:
    """Yield the files of ``folder`` and its sub-folders that are documents, sorted: no hidden or temporary ones."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if _is_document(name))


def _is_document(name: str) -> bool:
    return not name.startswith((".", "~$")) and not name.lower().endswith(_UNFINISHED_SUFFIXES)


def document_name(folder: Path, file: Path) -> str:
    """Return the name that a file's document has in the intake: its path in ``folder``, with forward slashes."""
    return file.relative_to(folder).as_posix()


def result_file(folder: Path, name: str) -> Path:
    """Return the file in ``folder`` for the result blob ``name``.

    Raises ``ValueError`` for a name that would lead out of the folder; blob names may be anything.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise ValueError(f"the name would lead out of {folder}")
    return folder.joinpath(*path.parts)


def write_result(folder: Path, name: str, content: bytes) -> Path:
    """Write a result file whole: nobody sees half of it.

    Raises ``ValueError`` as ``result_file`` does, ``OSError`` if the file system does not take the name.
    """
    file = result_file(folder, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{os.getpid()}.tmp")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return file


def clear_results(folder: Path) -> None:
    """Remove every result file from ``folder`` and the sub-folders that this leaves empty; nothing else."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            if name.endswith(RESULT_SUFFIXES):
                Path(parent, name).unlink()
        if Path(parent) != folder and not any(Path(parent).iterdir()):
            Path(parent).rmdir()


@dataclass(slots=True)
class _Seen:
    """What a file was like, and since when; ``taken`` once this version has been handed out."""

    signature: tuple[int, int]
    since: float
    taken: bool = False


class DropFolder:
    """Notices files that were saved or replaced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[Path, _Seen] = {}

    def ready(self, now: float) -> list[Path]:
        """Return the files that are new or changed and have been still for ``STABLE_S``; each version once.

        ``now`` is in seconds, of a clock that does not go back. A file that went away is forgotten.
        """
        seen, self._seen = self._seen, {}
        ready = []
        for file in documents_in(self.folder):
            try:
                status = file.stat()
            except OSError:
                continue  # gone between listing and looking
            signature = (status.st_size, status.st_mtime_ns)
            entry = seen.get(file)
            if entry is None or entry.signature != signature:
                entry = _Seen(signature, now)
            elif not entry.taken and now - entry.since >= STABLE_S:
                entry.taken = True
                ready.append(file)
            self._seen[file] = entry
        return ready
