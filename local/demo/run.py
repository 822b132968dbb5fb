"""``run``: drop the documents of a folder, show their progress, print what was found in each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from functions.cli import terminal
from functions.core.results import entities_name, error_name
from local.demo import view
from local.demo.containers import Containers, parse
from local.demo.folders import (
    clear_results,
    document_name,
    files_in,
    name_problem,
    read_document,
    write_escaped_names,
    write_result,
)
from local.demo.names import local_paths
from local.demo.view import Row
from local.stack import Stack

_POLL_S = 0.15


@dataclass(frozen=True, slots=True)
class Requests:
    """What the Language service was asked for: its counters as the stand-in keeps them."""

    submissions: int
    polls: int
    jobs: int

    @classmethod
    def of(cls, stack: Stack) -> Requests:
        """Read the counters."""
        counters = stack.language.counters()
        by_operation = counters["requests"]
        submissions = by_operation.get("submit", 0)
        return cls(submissions, sum(by_operation.values()) - submissions, counters["jobsAccepted"])

    @property
    def total(self) -> int:
        """Every request, whatever it was for."""
        return self.submissions + self.polls

    def describe(self, documents: int) -> str:
        """Say how many requests there were, and how many for each document."""
        submissions = terminal.count(self.submissions, "submission", "submissions")
        polls, jobs = terminal.count(self.polls, "poll", "polls"), terminal.count(self.jobs, "job", "jobs")
        return f"{self.total} ({submissions}, {polls}) for {jobs}; {self.total / documents:.2f} for each document"


def run(stack: Stack, console: Console, documents: Path, out: Path, timeout_s: float) -> int:
    """Drop every document of the folder ``documents``, wait for the results, print them and leave them in ``out``.

    Returns the exit code: 0 only if every document ended with entities. What is no regular file is skipped with a line;
    a file that cannot be read counts as a document without entities.
    """
    clear_results(out)
    found = list(files_in(documents))
    for each in found:
        if each.problem:
            console.print(view.skipped(document_name(documents, each.file), each.problem))
    files = [each.file for each in found if not each.problem]
    with Containers(stack) as containers:
        began = time.monotonic()
        rows = [row for file in files if (row := _drop(containers, console, documents, file))]
        if not rows:
            console.print(f"There is no document in {view.path(documents)}. Put some text files there.", style="red")
            return 1
        _wait(stack, console, containers, rows, out, timeout_s)
        took = time.monotonic() - began
    console.print()
    for row in rows:
        if row.content is not None:
            console.print(view.entities(row))
    _summarise(stack, console, rows, took, out)
    is_complete = len(rows) == len(files)
    return 0 if is_complete and all(row.content is not None and not row.is_error for row in rows) else 1


def _drop(containers: Containers, console: Console, folder: Path, file: Path) -> Row | None:
    """Drop a file and return its row; one that cannot be dropped is skipped with a line."""
    name = document_name(folder, file)
    problem = name_problem(name)
    try:
        data = b"" if problem else read_document(file)
    except OSError as error:
        problem = str(error.strerror)
    if problem:
        console.print(view.skipped(name, problem))
        return None
    dropped = time.monotonic()
    return Row(name, len(data), dropped, containers.drop(name, data))


def _wait(
    stack: Stack, console: Console, containers: Containers, rows: Sequence[Row], out: Path, timeout_s: float
) -> None:
    """Follow the documents until each has its result, or the time is up."""
    deadline = time.monotonic() + timeout_s
    # Without a terminal a live table would be printed over and over: one line for each finished document instead.
    live = Live(console=console, refresh_per_second=8, transient=False) if console.is_terminal else None
    if live:
        live.start()
    try:
        while True:
            done = _update(containers, rows, out)
            if live:
                live.update(view.progress(rows, time.monotonic()))
            else:
                for row in done:
                    console.print(view.progress_line(row))
            if all(row.content is not None for row in rows) or time.monotonic() > deadline:
                return
            stack.check()
            time.sleep(_POLL_S)
    finally:
        if live:
            live.stop()


def _update(containers: Containers, rows: Sequence[Row], out: Path) -> list[Row]:
    """Look once for results and states; returns the documents that are done since the last look."""
    waiting = {row.name: row for row in rows if row.content is None}
    found = containers.results_for({name: row.etag for name, row in waiting.items()})
    # Of all results that may come, so that each has the same file whichever comes first.
    paths = local_paths(name for row in rows for name in (entities_name(row.name), error_name(row.name)))
    done = []
    for name, result in found.items():
        row = waiting[name]
        content = containers.read(result)
        if content is not None:
            row.seconds = time.monotonic() - row.dropped
            row.content = parse(content)
            row.file, _ = write_result(out, result.name, paths[result.name], content)
            row.result_name = result.name
            done.append(row)
    if done:
        write_escaped_names(out, {row.result_name: row.file for row in rows if row.file})
    for name, state in containers.states().items():
        if name in waiting and state == "pending":
            waiting[name].state = "in a job"
    return done


def _summarise(stack: Stack, console: Console, rows: Sequence[Row], took: float, out: Path) -> None:
    with_entities = [row for row in rows if row.content is not None and not row.is_error]
    errors = [row for row in rows if row.is_error]
    missing = [row for row in rows if row.content is None]
    found = sum(len(row.content["entities"]) for row in with_entities if row.content)
    lines = [
        ("documents", f"{len(rows)}, dropped and done in {took:.1f} s"),
        ("entities", f"{found} in {len(with_entities)} documents"),
        ("requests", Requests.of(stack).describe(len(rows))),
        ("results", f"{view.path(out)}/"),
        ("logs", f"{view.path(stack.folder / 'logs')}/"),
    ]
    if errors:
        lines.insert(2, ("error reports", ", ".join(row.name for row in errors)))
    if missing:
        lines.insert(2, ("no result", ", ".join(row.name for row in missing)))
    console.print(terminal.facts(lines))
    if missing:
        log = stack.hosts[0].process
        console.print(Text("\nThe time is up. The last lines of the functions host:", style="bold red"))
        for line in log.log_tail():
            console.print(terminal.plain(f"    {line}"))
    elif errors:
        console.print(Text(f"\n{len(errors)} of {len(rows)} documents ended in an error report.", style="bold red"))
    else:
        console.print(Text("\nEvery document has its entities.", style="bold green"))
        console.print("To see them in a browser: `make start`, which prints the address of the page at its end.")
