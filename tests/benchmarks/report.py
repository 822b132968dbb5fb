"""Shows results: tables for the terminal and for `docs/benchmarks.md`, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from .burst import Burst
from .limited import Limited
from .results import Bar, Results, bars, bars_of_instances
from .rig import CONTESTANTS, OURS


class Sheet(NamedTuple):
    """A table with its title; the first column is text, the others are figures."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


_FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("documents per minute", "documents_per_minute", "{:,.0f}".format),
    ("requests per document", "requests_per_document", "{:.3f}".format),
    ("function-seconds per document", "function_seconds_per_document", "{:.3f}".format),
    ("drop to result, median (s)", "median_s", "{:.1f}".format),
    ("drop to result, 95th percentile (s)", "p95_s", "{:.1f}".format),
    ("documents without a result", "lost", "{:,.0f}".format),
    ("peak memory of the host (MB)", "peak_memory", lambda value: f"{value / 1e6:,.0f}"),
)


_GROWING_PARTS = ("functions hosts", "storage emulator")
"""Whose processor time shows which part it is that gets slower with more documents."""


def sheets(results: Results) -> list[Sheet]:
    """Return the tables of everything that was measured."""
    found = []
    if results.rounds:
        found += [_side_by_side(results), _processors(results)]
    if any((results.lone, results.long, results.imported, results.merging)):
        found.append(_single(results))
    if results.growth:
        found.append(_growth(results))
    if counted := results.transactions:
        title = f"Storage requests per document, {counted.documents} documents in {counted.jobs} jobs"
        kinds = [(kind, f"{count:.2f}") for kind, count in counted.per_document.items()]
        total = ("together", f"{sum(counted.per_document.values()):.2f}")
        found.append(Sheet(title, ("", "requests"), [*kinds, total]))
    if results.calls:
        title = "Processor time of one storage call, in milliseconds"
        costs = [(call.what, f"{call.app_ms:.2f}", f"{call.emulator_ms:.2f}") for call in results.calls]
        found.append(Sheet(title, ("", "app (storage client)", "storage emulator"), costs))
    if held := bars(results):
        found.append(_bars(held))
    return found


def sheets_of_instances(results: Results) -> list[Sheet]:
    """Return the tables of several instances."""
    found = []
    if results.limited:
        found.append(_limited(results.limited))
    if results.spread:
        rows = [
            (str(each.hosts), f"{each.documents:,}", *(shown(getattr(each, figure)) for _, figure, shown in _FIGURES))
            for each in results.spread
        ]
        found.append(Sheet("A burst spread over hosts", ("hosts", "documents", *(each[0] for each in _FIGURES)), rows))
    if held := bars_of_instances(results):
        found.append(_bars(held))
    return found


def _bars(held: Sequence[Bar]) -> Sheet:
    rows = [
        (
            bar.what,
            f"{'at least' if bar.at_least else 'at most'} {bar.limit:g} {bar.unit}".rstrip(),
            f"{bar.measured:.3g} {bar.unit}".rstrip(),
            "met" if bar.is_met else "missed",
        )
        for bar in held
    ]
    return Sheet("Bars", ("bar", "limit", "measured", ""), rows)


_LIMITED_FIGURES: tuple[tuple[str, Callable[[Limited], str]], ...] = (
    ("release", lambda run: run.release),
    ("Language resources", lambda run: str(run.resources)),
    ("requests a minute that each takes", lambda run: str(run.limit)),
    ("documents", lambda run: f"{run.documents:,}"),
    ("documents without a result when it was ended", lambda run: f"{run.unfinished:,}"),
    ("documents a minute", lambda run: f"{run.documents_per_minute:,.0f}"),
    ("requests per document", lambda run: f"{run.requests_per_document:.3f}"),
    ("requests refused", lambda run: f"{run.refused:.1f} %"),
    ("rate used", lambda run: f"{run.rate_used:.1f} %"),
    ("job done to result, median (s)", lambda run: f"{run.delay_median_s:.1f}"),
    ("job done to result, 99th percentile (s)", lambda run: f"{run.delay_p99_s:.1f}"),
    ("job done to result, most (s)", lambda run: f"{run.delay_most_s:.1f}"),
    ("processors", lambda run: f"{run.processors:.0f} %" + ("" if run.is_valid else ", not valid")),
)


def _limited(runs: Sequence[Limited]) -> Sheet:
    rows = [(label, *(shown(run) for run in runs)) for label, shown in _LIMITED_FIGURES]
    return Sheet(f"{runs[0].hosts} hosts at a limit of few requests", ("", *(run.name for run in runs)), rows)


def _contestants(results: Results) -> list[str]:
    """Return the names of the apps that were measured, ours first."""
    return [each.name for each in CONTESTANTS if results.of(each.name)]


def _side_by_side(results: Results) -> Sheet:
    first = results.rounds[0]
    count = sum(each.contestant == first.contestant for each in results.rounds)
    names = _contestants(results)
    ours = results.of(OURS.name)
    rows = []
    for label, figure, shown in _FIGURES:
        row = [label]
        for name in names:
            measured = [getattr(each, figure) for each in results.rounds if each.contestant == name]
            median = (results.of(name) or {})[figure]
            spread = f" ({shown(min(measured))} to {shown(max(measured))})" if len(measured) > 1 else ""
            ratio = f", {ours[figure] / median:.3g}" if ours and name != OURS.name and median else ""
            row.append(f"{shown(median)}{spread}{ratio}")
        rows.append(tuple(row))
    title = (
        f"{first.documents:,} documents at once, {results.threads} threads, "
        f"{'median of ' + str(count) + ' rounds' if count > 1 else 'one round'}"
    )
    head = [name if name == OURS.name else f"{name}, ours of it" for name in names]
    return Sheet(title, ("", *head), rows)


def _processors(results: Results) -> Sheet:
    """Return what each part works for a document, and how many documents the cores allow for that."""
    names = _contestants(results)
    apps = [results.processor_ms(name) for name in names]
    parts = sorted({part for app in apps for part in app})
    rows = [(part, *(f"{app[part]:.1f}" if part in app else "" for app in apps)) for part in parts]
    sums = [sum(app.values()) for app in apps]
    rows.append(("together", *(f"{each:.1f}" if each else "" for each in sums)))
    cores = results.machine.cores
    most = [f"{60_000 * cores / each:,.0f}" if each else "" for each in sums]
    rows.append((f"documents a minute that {cores} cores allow", *most))
    return Sheet("Processor time of a document, in milliseconds", ("", *names), rows)


def _single(results: Results) -> Sheet:
    rows: list[tuple[str, ...]] = []
    for contestant in CONTESTANTS:
        if lone := results.lone_of(contestant.name):
            count = sum(each.contestant == contestant.name for each in results.lone)
            rows.append(
                (
                    f"lone document, {contestant.name} (median of {count})",
                    f"{lone['beyond']:.2f} s beyond the job's {lone['job']:.2f} s and the detection's "
                    f"{lone['detection']:.2f} s; {lone['drop_to_result']:.2f} s from drop to result, "
                    f"95 % within {lone['p95']:.2f} s",
                )
            )
    if long := results.long:
        rows.append(
            (
                f"longest document ({long.size:,} bytes)",
                f"{long.drop_to_result:.1f} s from drop to result, {long.requests} requests, {long.entities:,} "
                f"entities; peak memory {long.peak_memory / 1e6:.0f} MB, "
                f"{long.memory_above_idle / 1e6:.0f} MB above the idle host",
            )
        )
    if imported := results.imported:
        packages = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in imported.slowest[:4])
        rows.append(
            (
                "import of the app",
                f"{imported.seconds:.2f} s in a fresh process, {imported.without_bytecode:.2f} s where all bytecode "
                f"must be made first; most in {packages}",
            )
        )
    if merged := results.merging:
        rows.append(
            (
                f"merging and writing {merged.entities:,} entities",
                f"{merged.per_second:,.0f} entities/s: {merged.merge_seconds:.2f} s to merge, "
                f"{merged.write_seconds:.2f} s to write {merged.result_bytes / 1e6:.1f} MB",
            )
        )
    return Sheet("Single figures", ("", "measured"), rows)


def _growth(results: Results) -> Sheet:
    parts = (f"processor time of a document, {part} (ms)" for part in _GROWING_PARTS)
    head = ("", "documents", "hosts", *(label for label, _, _ in _FIGURES), *parts)
    return Sheet("How it grows", head, [_growth_row(each) for each in results.growth])


def _growth_row(burst: Burst) -> tuple[str, ...]:
    figures = (shown(getattr(burst, figure)) for _, figure, shown in _FIGURES)
    parts = (f"{burst.processor_ms.get(part, 0):.1f}" for part in _GROWING_PARTS)
    return (burst.contestant, f"{burst.documents:,}", str(burst.hosts), *figures, *parts)


def conditions(results: Results) -> str:
    """Return in a few sentences what the figures were measured with."""
    machine = results.machine
    return (
        f"Language stand-in: a job takes {results.job_seconds[0]:g} to {results.job_seconds[1]:g} s, "
        f"{results.requests_per_minute:,} requests a minute. "
        f"{results.threads} worker threads for each app. "
        f"Machine: {machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB; Python {machine.python}, "
        f"Node {machine.node}, Azurite {machine.azurite}. "
        f"{machine.date}, commit {machine.commit}, load before the start {machine.load_before:g}."
    )


def show(results: Results, console: Console) -> None:
    """Print the tables."""
    console.print(conditions(results), soft_wrap=True)
    for sheet in (*sheets(results), *sheets_of_instances(results)):
        table = Table(title=sheet.title, title_justify="left")
        for number, column in enumerate(sheet.head):
            table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, the first column to the left and the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def markdown(results: Results, shown: Sequence[Sheet]) -> str:
    """Return tables of results for a page."""
    parts = [conditions(results).replace(". ", ".\n")]
    parts += [f"## {sheet.title}\n\n{markdown_table(sheet.head, sheet.rows)}" for sheet in shown]
    return "\n\n".join(parts) + "\n"


_COLOURS = {each.name: colour for each, colour in zip(CONTESTANTS, ("#1f6feb", "#c9a227", "#9a9a9a"), strict=True)}


def picture(results: Results, file: Path) -> None:
    """Draw each figure of the burst as a bar for each app."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(11, 5.6))
    names = _contestants(results)
    drawn = [each for each in _FIGURES if each[1] != "lost"]
    for place, (label, key, shown) in zip(axes.flat, drawn, strict=True):
        values = [(results.of(name) or {})[key] for name in names]
        shapes = place.barh(names, values, color=[_COLOURS[name] for name in names])
        place.bar_label(shapes, labels=[shown(value) for value in values], padding=4, fontsize=9)
        place.set_title(label, fontsize=10, loc="left")
        place.margins(x=0.25)
        place.invert_yaxis()
        place.xaxis.set_visible(False)
        for side in ("top", "right", "bottom"):
            place.spines[side].set_visible(False)
    first = results.rounds[0]
    figure.suptitle(
        f"{first.documents:,} documents dropped at once, one host, {results.threads} threads "
        f"({results.machine.cores} cores, {results.machine.date})",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120, metadata={"Software": None})
    pyplot.close(figure)
