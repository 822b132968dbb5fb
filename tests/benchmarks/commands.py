"""`python -m tests.benchmarks.commands`: how long all commands take, for a page of docs/ and the README.

`cli` and `tables` measure, each in a process of its own, so that the memory of one is not counted for the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

import click

from local.process import ROOT

from .figures import Figure
from .results import Machine
from .tables import ENTITIES

PAGE, README = ROOT / "docs" / "commands.md", ROOT / "README.md"
NAME = PAGE.relative_to(ROOT).as_posix()
BEGIN, END = "<!-- begin of what commands take -->", "<!-- end of what commands take -->"
IN_MEMORY = ", in memory"

INTRODUCTION = """# What commands take

This page is written by `python -m tests.benchmarks.commands --publish`; edit `tests/benchmarks/` instead.

In the storage emulator lie documents, their records and a journal, every twentieth document failed; or, for exports,
results with 10 entities each. The commands run as processes, as people start them; their memory is that of the whole
process, Python and its libraries included. *In memory* the same code runs on listings and results that are made as
they are read, and the time is that of the processor: that shows how time and memory grow, whatever else the machine
does. There, the memory of `list` and `status` is what they hold on top of what was there before.
"""


def page(figures: Sequence[Figure], machine: Machine) -> str:
    """Return the page of all figures."""
    head = "| command | documents | rows | seconds | rows a second | MB |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
    lines = [
        f"| `{one.what}` | {one.documents:,} | {one.rows:,} | {one.seconds:.1f} | {one.rows / one.seconds:,.0f} "
        f"| {_megabytes(one.memory_mb)} |"
        for one in figures
    ]
    return f"{INTRODUCTION}\n{head}" + "\n".join(lines) + f"\n\n{described(machine)}\n"


def _megabytes(memory: float) -> str:
    return f"{memory:.1f}" if memory >= 1 else f"{memory:.3f}"


def described(machine: Machine) -> str:
    """Return what the figures were measured on."""
    return (
        f"Machine: {machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB, with other work besides "
        f"(load before the start {machine.load_before:g}); Python {machine.python}, Node {machine.node}, Azurite "
        f"{machine.azurite}. {machine.date}, commit {machine.commit}."
    )


def figures_in(text: str) -> tuple[Figure, ...]:
    """Return the figures of a page."""
    rows = (line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `"))
    return tuple(
        Figure(what.strip("`"), *(int(count.replace(",", "")) for count in counts), float(seconds), float(memory))
        for what, *counts, seconds, _, memory in rows
    )


def summary(text: str) -> str:
    """Return what the README says of the figures of a page."""
    figures = figures_in(text)
    documents = figures[0].documents
    at = {(one.what, one.documents): one for one in figures}

    def here(what: str) -> Figure:
        return at[what, documents]

    def grown(what: str) -> str:
        few, most = sorted(one for one in figures if one.what == what + IN_MEMORY)
        return (
            f"{most.seconds / few.seconds:.1f} times as long with {most.documents:,} documents as with "
            f"{few.documents:,} ({_megabytes(most.memory_mb)} MB, and {_megabytes(few.memory_mb)} MB)"
        )

    status, failed, scanned = here("status --json"), here("list --json --state failed"), here(
        "list --json --state failed --scan"
    )  # fmt: skip
    exports = [here(f"export .{form}") for form in ("csv", "jsonl", "parquet")]
    rates = [f"{one.rows / one.seconds:,.0f}" for one in exports]
    return (
        f"With {documents:,} documents in the emulator, {failed.rows:,} of them failed, `status` takes "
        f"{status.seconds:.1f} s and `list --state failed` {failed.seconds:.1f} s, in {failed.memory_mb:.0f} MB "
        f"(with `--scan` {scanned.seconds:.1f} s, in {scanned.memory_mb:.0f} MB); `export` writes {rates[0]} entities "
        f"a second as CSV, {rates[1]} as JSON Lines, {rates[2]} as Parquet, in at most "
        f"{max(one.memory_mb for one in exports):.0f} MB.\n"
        f"In memory, `list` takes {grown('list')}, `status` {grown('status')}, and `export` of {ENTITIES} entities "
        f"each as CSV {grown('export .csv')}.\n"
        f"All figures, and the machine: [{NAME}]({NAME}) (`python -m tests.benchmarks.commands`).\n"
    )


def with_summary(readme: str, text: str) -> str:
    """Return the README with what it says of the figures of a page."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{summary(text)}{END}{after}"


def measured(documents: int, many: int) -> Iterator[Figure]:
    """Measure all commands; yield each figure as it comes."""
    for module, many_here in (("cli", many), ("tables", many // ENTITIES)):
        command = [sys.executable, "-m", f"tests.benchmarks.{module}", "--json"]
        command += ["--documents", str(documents), "--many", str(many_here)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield Figure(*json.loads(line))
        if process.returncode:
            raise click.ClickException(f"{' '.join(command)} has failed")


@click.command()
@click.option("--documents", default=20_000, show_default=True, help="In the emulator.")
@click.option("--many", default=1_000_000, show_default=True, help="In memory, or entities for exports; and a tenth.")
@click.option("--publish", is_flag=True, help="Write the page and the README's sentences.")
def main(documents: int, many: int, publish: bool) -> None:
    """Print what all commands take."""
    machine, figures = Machine.this(), []
    for figure in measured(documents, many):
        figures.append(figure)
        print(*figure, flush=True)
    text = page(figures, machine)
    print(summary(text))
    if publish:
        PAGE.write_text(text, "utf-8")
        README.write_text(with_summary(README.read_text("utf-8"), text), "utf-8")


if __name__ == "__main__":
    main()
