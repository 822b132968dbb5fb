"""The README's table of settings, made from the list that the app itself reads.

python -m docs.generate.settings_table              prints the table
python -m docs.generate.settings_table README.md    writes it between the two markers of that file
"""

import sys
from pathlib import Path

from functions.settings import SETTINGS, Setting

BEGIN = "<!-- settings -->"
END = "<!-- /settings -->"


def table() -> str:
    """Return the table in Markdown, one row for each setting, without a line end behind it."""
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *map(_row, SETTINGS)])


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default is not None else "required" if setting.required else "none"
    return f"| `{setting.name}` | {default} | {setting.meaning} |"


def table_in(page: str) -> str:
    """Return what stands between the markers of a page; raise `ValueError` where it lacks them."""
    _, found, rest = page.partition(BEGIN)
    between, closed, _ = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"The page has no {BEGIN} … {END} to hold the table of settings. Add both lines.")
    return between.strip()


def with_table(page: str) -> str:
    """Return a page with the table between its markers; raise `ValueError` where it lacks them."""
    table_in(page)
    before, _, rest = page.partition(BEGIN)
    _, _, behind = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{behind}"


def main(files: list[str]) -> None:
    """Print the table, or write it into each of the files."""
    if not files:
        sys.stdout.write(table() + "\n")
    for file in map(Path, files):
        file.write_text(with_table(file.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
