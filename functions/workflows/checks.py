"""Finds out whether everything works that documents need, by doing one harmless thing of each."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from .. import problems
from ..core.journal import Summary
from ..core.outcomes import Accepted, Deferred, Finished, StillRunning
from ..core.records import Record
from ..core.work import WorkSpec
from ..errors import Problem
from ..language.service import LanguageService
from .queries import Incident

WORD = "Hello"
"""The document that the model is asked about: one text record."""

LONGEST_ANSWER = timedelta(minutes=2)
"""How long the model's answer is waited for."""

POLL_S = 2.0

LATE_RECONCILE = timedelta(hours=26)
"""It runs every night and may take hours."""

LATE_JOB = timedelta(hours=1)


class Level(StrEnum):
    """How bad something is."""

    OK = "ok"
    NOTE = "note"
    """Works, but somebody should know."""
    PROBLEM = "problem"


class Finding(Record, frozen=True, kw_only=True):
    """What one check has found."""

    what: str
    level: Level
    told: str
    fix: str = ""


def ok(what: str, told: str) -> Finding:
    """Return the finding of something that works."""
    return Finding(what=what, level=Level.OK, told=told)


def check_model(
    language: LanguageService,
    resource: str,
    work: WorkSpec,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Finding:
    """Let the model of a resource answer a document of one word, and return what came of it.

    It is billed as one text record.
    """
    what = f"{work.model} at {resource}"
    answer = language.submit(work, "check", [WORD])
    if not isinstance(answer, Accepted):
        return _of_problem(what, answer.problem)
    until = clock() + LONGEST_ANSWER
    while clock() < until:
        progress = language.progress(work, answer.operation_url)
        if isinstance(progress, Finished):
            answers = [answer for found in progress.chunks.values() for answer in found.values()]
            answers += progress.failed_tasks.values()
            problem = next((one for one in answers if isinstance(one, Problem)), None)
            return _of_problem(what, problem) if problem else ok(what, "answers")
        if not isinstance(progress, StillRunning | Deferred):
            return _of_problem(what, progress.problem)
        sleep(POLL_S)
    return Finding(
        what=what,
        level=Level.PROBLEM,
        told=f"has not answered within {LONGEST_ANSWER.total_seconds():.0f} s",
        fix="Documents wait and are tried again; look at the health of the Language resource if it lasts.",
    )


def _of_problem(what: str, problem: Problem) -> Finding:
    is_passing = problems.THROTTLED.matches(problem) or problems.OVER_BUDGET.matches(problem)
    level = Level.NOTE if is_passing else Level.PROBLEM
    return Finding(what=what, level=level, told=f"{problem.code}: {problem.message}", fix=problem.help)


def check_summary(summary: Summary | None, now: datetime) -> Finding:
    """Return whether `reconcile` has seen all documents lately."""
    if summary is None:
        return Finding(
            what="reconcile",
            level=Level.NOTE,
            told="has not counted all documents yet",
            fix="It runs every night; look again tomorrow, and at its log line if it has not by then.",
        )
    age = now - summary.as_of
    if age > LATE_RECONCILE:
        return Finding(
            what="reconcile",
            level=Level.PROBLEM,
            told=f"last saw all documents {age.total_seconds() / 3600:.0f} hours ago",
            fix="Is the app running? The log line with action 'reconcile' says what was not complete.",
        )
    return ok("reconcile", f"saw all documents {age.total_seconds() / 3600:.0f} hours ago")


def check_oldest(oldest: datetime | None, now: datetime) -> Finding:
    """Return whether a job has been under way for long."""
    if oldest is None or now - oldest <= LATE_JOB:
        return ok("jobs", "none is late")
    return Finding(
        what="jobs",
        level=Level.NOTE,
        told=f"the oldest is under way for {(now - oldest).total_seconds() / 3600:.1f} hours",
        fix="'list --state pending' shows what waits, and 'show NAME' for what.",
    )


def check_incident(incident: Incident, now: datetime) -> Finding:
    """Return what an incident means."""
    return Finding(
        what=incident.what,
        level=Level.PROBLEM,
        told=f"fails for {(now - incident.since).total_seconds() / 60:.0f} minutes ({incident.reason})",
        fix="New jobs wait, unbilled, and go on by themselves; docs/problems.md has the code.",
    )


def check_queue(name: str, length: int | None, *, is_poison: bool) -> Finding:
    """Return what the length of a queue says."""
    if length is None and not is_poison:
        return Finding(
            what=f"queue {name}",
            level=Level.NOTE,
            told="is not there yet",
            fix="The app creates it with its first job; if it has done jobs, JOB_QUEUE is wrong.",
        )
    if is_poison and length:
        return Finding(
            what=f"queue {name}",
            level=Level.PROBLEM,
            told=f"has {length} message(s) that failed five times",
            fix="The app takes them up again by itself; if they stay, is it running? Other apps use the same queue.",
        )
    return ok(f"queue {name}", f"{length or 0} message(s)")
