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
        self._known: dict[str, str] = {}

    def update(self) -> list[Arrival]:
        """Bring the folder up to date; returns what is new in it."""
        stored = {result.name: result for result in self._containers.results()}
        for name in self._known.keys() - stored.keys():
            result_file(self._folder, name).unlink(missing_ok=True)
            del self._known[name]
        arrivals = []
        for result in stored.values():
            if self._known.get(result.name) != result.etag and (arrival := self._fetch(result)):
                arrivals.append(arrival)
        return arrivals

    def _fetch(self, result: StoredResult) -> Arrival | None:
        content = self._containers.read(result)
        if content is None:
            return None  # changed meanwhile: the next round brings the newer one
        self._known[result.name] = result.etag
        try:
            file = result_file(self._folder, result.name)
            if file.is_file() and file.read_bytes() == content:
                return None  # from the last time
            write_result(self._folder, result.name, content)
        except (OSError, ValueError) as error:
            return Arrival(result, parse(content), None, str(error))
        return Arrival(result, parse(content), file)
