"""What the commands print, for the README and the pictures: made by the commands themselves, on a story in memory.

python -m docs.generate.command_output README.md    writes it between the two markers of that file, and the pictures
"""

import io
import re
import sys
from contextlib import redirect_stdout
from datetime import timedelta
from itertools import count
from pathlib import Path

from rich.console import Console, RenderableType

from functions.cli import show, status
from tests.support.command_line import WorldAccess, run_on
from tests.support.world import World

BEGIN = "<!-- commands -->"
END = "<!-- /commands -->"

PICTURES = Path(__file__).parents[1] / "pictures"
PICTURE_WIDTH = 84

LETTERS = {
    "loans/2025/agreement.txt": "Northgate Bank lends $12500 to Mary Miller under this agreement.\n"
    "Signed by Mary Miller and, for the bank, by Alan Archer.\n",
    "loans/2025/reminder.txt": "Dear Mary Miller,\nthe instalment of $250 has not reached us.\nNorthgate Bank\n",
    "mail/offer.txt": "Dear John Carter,\nHarbour Finance offers you $4000.\nRose Porter\n",
}
PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"

COMMANDS = (
    ["status"],
    ["list", "--prefix", "loans/"],
    ["list", "--state", "failed"],
    ["show", "loans/2025/agreement.txt"],
    ["forecast", "--container", "documents"],
    ["replay", "--all"],
)


def story() -> World:
    """Return a world with documents in every state."""
    numbers = count(1)
    world = World(new_id=lambda: f"{next(numbers):032x}")
    for name, letter in LETTERS.items():
        world.drop(name, letter)
        world.run()
    world.drop("loans/2025/photo.jpg", PHOTO)
    world.run()
    world.app.journal.flush()
    world.clock.advance(timedelta(minutes=1).total_seconds())
    world.reconcile()
    world.clock.advance(timedelta(hours=6).total_seconds())
    for name in ("loans/2025/extension.txt", "loans/2025/offer.txt"):
        world.drop(name, LETTERS["mail/offer.txt"] + name)
        world.step()
        world.script("throttle-429", method="POST")
    return world


def output(world: World, arguments: list[str]) -> str:
    """Return what a command prints."""
    written = io.BytesIO()
    printed = io.TextIOWrapper(written, "utf-8")
    with redirect_stdout(printed):
        run_on(world, *arguments)
        printed.flush()
    lines = written.getvalue().decode().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def section() -> str:
    """Return the commands and what they print, in Markdown."""
    world = story()
    shown = [f"$ python -m functions {' '.join(command)}\n{output(world, command)}" for command in COMMANDS]
    return "```text\n" + "\n\n".join(shown) + "\n```"


def pictures() -> dict[str, str]:
    """Return the pictures of a terminal, as SVG by the names of their files."""
    access = WorldAccess(story())
    details = access.queries.details("loans/2025/agreement.txt")
    text = show.coloured(access.queries.text(details) or "", details.with_entities)
    return {
        "status-watch.svg": picture("python -m functions status --watch", status.picture(access.status.read())),
        "show-text.svg": picture("python -m functions show --text loans/2025/agreement.txt", text),
    }


def picture(title: str, *drawn: RenderableType) -> str:
    """Return a picture of a terminal that shows something."""
    console = Console(
        record=True, width=PICTURE_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(*drawn)
    svg = console.export_svg(title=title, unique_id="terminal")
    # Fonts are those of who looks: a picture loads nothing.
    svg = re.sub(r"\s*(@font-face \{.*?\}|<!--.*?-->)", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def section_in(page: str) -> str:
    """Return what stands between the markers of a page."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def with_section(page: str) -> str:
    """Return a page with the output between its markers."""
    before, _, rest = page.partition(BEGIN)
    behind = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{section()}\n{END}{behind}"


def main(files: list[str]) -> None:
    """Write the output into each of the files, and the pictures."""
    for file in map(Path, files):
        file.write_text(with_section(file.read_text("utf-8")), "utf-8")
    PICTURES.mkdir(exist_ok=True)
    for name, svg in pictures().items():
        (PICTURES / name).write_text(svg, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
