"""Keep ``out/`` as the output container is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.demo.containers import Containers, StoredResult, parse
from local.demo.folders import result_file, write_result


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
        self._etags: dict[str, str] = {}
        self._files: dict[str, Path] = {}

    def update(self) -> list[Arrival]:
        """Bring the folder up to date; returns what is new in it."""
        stored = {result.name: result for result in self._containers.results()}
        for name in self._etags.keys() - stored.keys():
            del self._etags[name]
            if file := self._files.pop(name, None):
                file.unlink(missing_ok=True)
        changed = [result for result in stored.values() if self._etags.get(result.name) != result.etag]
        return [arrival for result in changed if (arrival := self._fetch(result))]

    def _fetch(self, result: StoredResult) -> Arrival | None:
        content = self._containers.read(result)
        if content is None:
            return None  # changed meanwhile: the next round brings the newer one
        self._etags[result.name] = result.etag
        try:
            file = result_file(self._folder, result.name)
            is_new = not file.is_file() or file.read_bytes() != content
            if is_new:
                write_result(self._folder, result.name, content)
        except (OSError, ValueError) as error:
            return Arrival(result, parse(content), None, str(error))
        self._files[result.name] = file
        return Arrival(result, parse(content), file) if is_new else None
