"""What the demo shows. Text out of documents is shown as it is: never as markup, never as terminal commands."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from functions.cli.terminal import colour_of, count, plain

MOST_WARNINGS = 3


def path(file: Path) -> str:
    """Return a path as short as it can be said from here."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


@dataclass(slots=True)
class Row:
    """One document on its way."""

    name: str
    size_bytes: int
    dropped: float
    etag: str
    state: str = "waiting"
    seconds: float | None = None
    content: dict[str, Any] | None = None
    file: Path | None = None
    result_name: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it ended in an error report."""
        return self.content is not None and "error" in self.content

    def outcome(self) -> Text:
        """Say in a few words where the document stands."""
        if self.content is None:
            return Text(self.state, style="yellow" if self.state == "waiting" else "cyan")
        if self.is_error:
            return plain(f"error: {self.content['error']['code']}", "bold red")
        return Text(count(len(self.content["entities"]), "entity", "entities"), style="green")


def progress(rows: Sequence[Row], now: float) -> Table:
    """Draw the documents and how far each is; ``now`` is of the clock that ``Row.dropped`` was read from."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("document", overflow="fold")
    table.add_column("bytes", justify="right")
    table.add_column("state", min_width=14)
    table.add_column("seconds", justify="right")
    for row in rows:
        seconds = row.seconds if row.seconds is not None else now - row.dropped
        table.add_row(
            plain(row.name),
            f"{row.size_bytes:,}",
            row.outcome(),
            Text(f"{seconds:.1f}", style="" if row.seconds is not None else "dim"),
        )
    done = sum(row.content is not None for row in rows)
    table.caption = f"{done} of {len(rows)} done"
    table.caption_justify = "left"
    return table


def progress_line(row: Row) -> Text:
    """Say in one line that a document is done, for places without a terminal."""
    outcome = row.outcome()
    outcome.pad_right(max(0, 14 - len(outcome)))
    return Text.assemble(f"{row.seconds:7.1f} s  ", outcome, plain(row.name))


def entities(row: Row) -> RenderableType:
    """Draw one document's entities, or its error report."""
    content = row.content or {}
    document = content.get("document", {})
    title = Text.assemble(plain(row.name, "bold"), style="")
    facts = [f"{document['characters']:,} characters"] if document.get("characters") is not None else []
    if document.get("encoding"):
        facts.append(document["encoding"])
    if row.seconds is not None:
        facts.append(f"{row.seconds:.1f} s")
    title.append("  " + " · ".join(facts), style="dim")
    return Group(title, Padding(_report(content) if row.is_error else _found(content), (0, 0, 1, 2), expand=False))


def _found(content: dict[str, Any]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("category")
    table.add_column("text", overflow="fold")
    table.add_column("confidence", justify="right")
    for entity in content["entities"]:
        category = entity["category"]
        found: list[Text | str] = [
            plain(category, colour_of(category)),
            plain(entity["text"]),
            f"{entity['confidenceScore']:.2f}",
        ]
        if "location" in entity:
            found.append(plain(_place(entity["location"]), "dim"))
        table.add_row(*found)
    warnings = content["warnings"]
    notes = [plain(warning["message"], "yellow") for warning in warnings[:MOST_WARNINGS]]
    if len(warnings) > MOST_WARNINGS:
        notes.append(Text(f"and {len(warnings) - MOST_WARNINGS} more warnings in the result file", style="yellow"))
    return Group(*notes, table) if content["entities"] else Group(*notes, Text("no entities", style="dim"))


def _place(location: dict[str, Any]) -> str:
    """Say where in a file an entity stands; nothing for a text."""
    shown = [f"{kind} {place}" for kind, place in location.items() if kind != "readConfidence"]
    if "readConfidence" in location:
        shown.append(f"read with {location['readConfidence']:.0%}")
    return ", ".join(shown)


def _report(content: dict[str, Any]) -> RenderableType:
    error = content["error"]
    return Group(plain(f"{error['code']}: {error['message']}", "red"), plain(error["help"]))


def event(symbol: str, style: str, *parts: str | Text) -> Text:
    """Draw one line of the running log, with the time of day."""
    return Text.assemble((time.strftime("%H:%M:%S  "), "dim"), (f"{symbol} ", style), *parts)


def skipped(name: str, problem: str) -> Text:
    """Draw the line of a file that is no document, or cannot be one."""
    return event("!", "bold red", plain(f"{name} is skipped: {problem}."))


def machine() -> str:
    """Describe this machine: processor, cores, memory, Python, system."""
    memory = psutil.virtual_memory().total / 2**30
    python = f"Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {python}, {platform.system()}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
