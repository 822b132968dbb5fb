"""Keep ``out/`` as the output container is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from local.demo.containers import Containers, StoredResult, parse
from local.demo.folders import write_escaped_names, write_result
from local.demo.names import local_paths


@dataclass(frozen=True, slots=True)
class Arrival:
    """A result that came back: its content and file, or the ``problem`` that kept it from being written."""

    result: StoredResult
    content: dict[str, Any]
    file: Path | None
    problem: str = ""


class Mirror:
    """Copies new results to a folder and removes those that the product has withdrawn."""

    def __init__(self, containers: Containers, folder: Path) -> None:
        self._containers = containers
        self._folder = folder
        self._versions: dict[str, tuple[str, PurePosixPath]] = {}
        self._files: dict[str, Path] = {}

    def update(self) -> list[Arrival]:
        """Bring the folder up to date; returns what is new in it.

        Which file a result has depends on the other results: one that comes later may make its name ambiguous.
        """
        stored = {result.name: result for result in self._containers.results()}
        paths = local_paths(stored)
        versions = {name: (result.etag, paths[name]) for name, result in stored.items()}
        before = dict(self._files)
        # All that is to go goes first: where case makes no difference, a new result may need the file of an old one.
        for name, (_, path) in list(self._versions.items()):
            if name not in versions or versions[name][1] != path:
                del self._versions[name]
                if file := self._files.pop(name, None):
                    with contextlib.suppress(OSError):
                        file.unlink()
        changed = [name for name, version in versions.items() if self._versions.get(name) != version]
        arrivals = [arrival for name in changed if (arrival := self._fetch(stored[name], paths[name], before))]
        if self._files != before:
            with contextlib.suppress(OSError):
                write_escaped_names(self._folder, self._files)
        return arrivals

    def _fetch(self, result: StoredResult, path: PurePosixPath, before: dict[str, Path]) -> Arrival | None:
        content = self._containers.read(result)
        if content is None:
            return None  # changed meanwhile: the next round brings the newer one
        self._versions[result.name] = (result.etag, path)
        try:
            file, is_new = write_result(self._folder, result.name, path, content)
        except (OSError, ValueError) as error:
            return Arrival(result, parse(content), None, str(error))
        self._files[result.name] = file
        has_moved = before.get(result.name, file) != file
        return Arrival(result, parse(content), file) if is_new and not has_moved else None
