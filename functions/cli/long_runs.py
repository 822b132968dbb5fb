"""What `replay` and `backfill` share: options, a dry run first, progress, going on after an interruption."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ..app import EntityDrop
from ..core.records import Record
from ..storage.progress_files import ProgressFile, file_name
from ..workflows import handing_over
from ..workflows.handing_over import Fate, Given, ProgressKeeper, Step, Waiting
from .access import Access
from .exit_codes import DONE, NOT_ALL_DONE
from .terminal import Number, count, make_console, plain, write_json

RUN_DIGITS = 12
"""Of the ids of a run's jobs, those that are the run's own."""

C = TypeVar("C", bound=Callable[..., Any])


class Refused(Record, frozen=True, kw_only=True):
    """What scripts are told of a document that could not be given to the app."""

    refused: str
    """The document's name."""
    code: str


class RunDone(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What scripts are told of a run."""

    submitted: int
    left: int
    """Documents that changed meanwhile, that somebody else has taken on, or that are gone."""
    ignored: int
    refused: int
    is_resumed: bool
    """Whether an interrupted run was continued; the numbers are those of both together."""


def run_options(command: C) -> C:
    """Add the options that all long commands have."""
    for option in reversed(
        (
            click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done."),
            click.option(
                "--rate",
                type=Number(min=0, min_open=True),
                metavar="DOCUMENTS",
                help="Documents in a minute at most; else half of the request budget.",
            ),
            click.option(
                "--progress",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Keep here how far it has come; else among the settings of your account.",
            ),
            click.option("--anew", is_flag=True, help="Begin anew, whatever an interrupted run has left."),
        )
    ):
        command = option(command)
    return command


class LongRun(ProgressKeeper):
    """One command that goes on where it was interrupted."""

    def __init__(self, access: Access, command: str, options: Sequence[object], file: Path | None, *, anew: bool):
        settings = access.settings
        places = (access.account, settings.input_container, settings.output_container, settings.state_container)
        path = file or Path(click.get_app_dir("entity-drop")) / file_name(command, [*places, *options])
        self._file = ProgressFile(path, handing_over.Progress)
        if anew:
            self._file.delete()
        kept = self._file.load()
        self.is_resumed = kept is not None
        self.progress = kept or handing_over.Progress(run=uuid.uuid4().hex[:RUN_DIGITS], began=access.clock())
        self._access = access

    def app(self) -> EntityDrop:
        """Return the app with jobs whose ids begin with the run's."""
        return self._access.app(self.progress.run)

    def save(self, progress: handing_over.Progress) -> None:
        """See `ProgressKeeper`."""
        self._file.save(progress)

    def follow(self, app: EntityDrop, steps: Iterator[Step | Waiting], documents: int, *, as_json: bool) -> int:
        """Show how a run goes, to its end, with so many documents left; return the exit code."""
        done = self.progress
        self.save(done)
        try:
            with _bar() as bar:
                task = bar.add_task("", total=max(had(done) + documents, 1), completed=had(done))
                for step in steps:
                    if isinstance(step, Waiting):
                        bar.update(task, description=f"{step.jobs} jobs under way {step.reason}".strip())
                        continue
                    done = step.progress
                    bar.update(task, description="", completed=had(done))
                    for one in step.given:
                        _tell_refused(one, as_json=as_json)
        finally:
            app.journal.flush()
        self._file.delete()
        told = RunDone(
            submitted=done.submitted,
            left=done.left,
            ignored=done.ignored,
            refused=done.refused,
            is_resumed=self.is_resumed,
        )
        if as_json:
            write_json(told)
        else:
            make_console().print(plain(_sentence(told)), soft_wrap=True)
        return NOT_ALL_DONE if told.refused else DONE


def check_rule(patterns: Sequence[str], rule: str | None) -> None:
    """Refuse a rule that is not among the rules."""
    if rule is not None and rule not in patterns:
        known = ", ".join(map(repr, patterns[:20])) or "there are no rules"
        raise click.BadParameter(f"there is no rule with the pattern {rule!r}: {known}.", param_hint="--rule")


def say_how_to_begin(*, as_json: bool) -> None:
    """Say that nothing was done."""
    if not as_json:
        make_console().print(Text("\nNothing was done. Add --yes to do it."))


def had(progress: handing_over.Progress) -> int:
    """Return how many documents a run has had."""
    return progress.submitted + progress.left + progress.ignored + progress.refused


def _bar() -> Progress:
    """Return a progress bar, which shows in a terminal only."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = make_console(stderr=True)
    return Progress(
        *columns, TextColumn("{task.description}"), console=console, transient=True, disable=not console.is_terminal
    )


def _tell_refused(one: Given, *, as_json: bool) -> None:
    if one.fate is not Fate.REFUSED:
        return
    if as_json:
        write_json(Refused(refused=one.name, code=one.code))
    else:
        make_console().print(plain(f"refused   {one.name}  {one.code}", "bold red"), soft_wrap=True)


def _sentence(told: RunDone) -> str:
    parts = [f"{count(told.submitted, 'document', 'documents')} submitted"]
    parts += [f"{told.left:,} left, changed or taken on meanwhile"] if told.left else []
    parts += [f"{told.ignored:,} ignored by rules"] if told.ignored else []
    parts += [f"{told.refused:,} refused"] if told.refused else []
    return "; ".join(parts) + "."
