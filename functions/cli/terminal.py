"""How commands write to a terminal, a pipe or a script.

Text out of documents is shown as it is: never as markup, never as terminal commands.
"""

import sys
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 120
"""Columns where there is no terminal."""

CATEGORY_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_red", "bright_cyan", "bright_green")

STATE_STYLES = {"waiting": "yellow", "running": "cyan", "deferred": "magenta", "done": "green", "failed": "bold red"}


class CommandConsole(Console):
    """A console that leaves it to the caller what a closed pipe means; its base ends the program."""

    def on_broken_pipe(self) -> None:
        """Raise what the pipe has raised."""
        raise


def make_console(*, stderr: bool = False) -> Console:
    """Return a console: as wide as the terminal, or 120 columns and without colours where there is none."""
    console = CommandConsole(highlight=False, stderr=stderr)
    if not console.is_terminal:
        console = CommandConsole(highlight=False, stderr=stderr, width=PLAIN_WIDTH)
    return console


def plain(text: object, style: str = "") -> Text:
    """Return text that shows itself as it is; characters that a terminal would obey become visible."""
    return Text("".join("\N{REPLACEMENT CHARACTER}" if is_command(char) else char for char in str(text)), style=style)


def is_command(char: str) -> bool:
    """Whether a terminal would obey a character instead of showing it, or show the rest in another order."""
    joiner = char in "\u200c\u200d"  # part of the spelling of some scripts, and of emoji
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not joiner


def colour_of(category: str) -> str:
    """Return the colour of a category, always the same."""
    return CATEGORY_COLOURS[sum(category.encode()) % len(CATEGORY_COLOURS)]


def colours_of(categories: Iterable[str]) -> dict[str, str]:
    """Return a colour for each category, none twice while there are enough, and mostly that of `colour_of`."""
    chosen: dict[str, str] = {}
    for category in sorted(set(categories)):
        first = CATEGORY_COLOURS.index(colour_of(category))
        wanted = CATEGORY_COLOURS[first:] + CATEGORY_COLOURS[:first]
        chosen[category] = next((colour for colour in wanted if colour not in chosen.values()), wanted[0])
    return chosen


def facts(lines: Iterable[tuple[str, object]]) -> Table:
    """Draw a list of names and values."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, value if isinstance(value, Text) else plain(value))
    return table


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


def when(moment: datetime) -> str:
    """Return a time for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def duration(span: timedelta) -> str:
    """Return how long something takes, in the unit that fits."""
    seconds = max(0.0, span.total_seconds())
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def duration_of(seconds: float) -> str:
    """Return how long something takes that may take years."""
    days = seconds / 86_400
    return f"{days:,.0f} days" if days >= 2 else duration(timedelta(seconds=seconds))


def write_json(value: Any) -> None:
    """Write a value as one line of JSON."""
    # As bytes: a terminal's encoding, or that of a pipe on Windows, is no part of what scripts read.
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()
