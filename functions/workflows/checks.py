"""Finds out whether everything works that documents need, by doing one harmless thing of each."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from .. import problems
from ..core.expiry import WARNED_DAYS, DeploymentExpiry, in_words, threshold
from ..core.jobs import JobMessage
from ..core.journal import Summary
from ..core.outcomes import Accepted, Deferred, Finished, JobLost, StillRunning
from ..core.records import Record
from ..core.work import WorkSpec
from ..errors import Problem, StorageOutcome
from ..language.service import LanguageService
from ..reading.pages import ReadingProgress
from ..rules import RulesError, parse_rules
from ..settings import Settings
from ..storage.containers import Blob, Container, is_refusal
from ..storage.job_queue import JobQueue
from ..storage.rules_store import SOURCE
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
    is_reached: bool = True
    """False where what is checked could not be reached, or did not let itself be asked."""


def ok(what: str, told: str) -> Finding:
    """Return the finding of something that works."""
    return Finding(what=what, level=Level.OK, told=told)


NO_VERSION = '"0x0"'
"""An ETag that no blob has: what is to be written over it is written nowhere."""

_OF_CONTAINERS = "docs/deploy.md has the roles; the app's own identity needs the right in any case."


def check_container(container: Container, what: str, *, needs_writing: bool) -> Iterator[Finding]:
    """Try to list, write and delete, each in a way that changes nothing.

    A write asks for a version that there is not, and a deletion for a blob that there is not: the storage looks at the
    rights first. `needs_writing` says whether commands do it; else only the app does.
    """
    next(iter(container.list()), None)
    name = f"check/{uuid.uuid4().hex}"
    missing = []
    for right, act in (
        ("write", lambda: container.write(name, b"", if_match=NO_VERSION)),
        ("delete", lambda: container.delete(name)),
    ):
        try:
            act()
        except StorageOutcome:
            continue
        except Exception as error:
            if not is_refusal(error):
                raise
            missing.append(right)
    if not missing:
        yield ok(what, "can be listed; you may write and delete")
        return
    yield Finding(
        what=what,
        level=Level.NOTE if needs_writing else Level.OK,
        told=f"can be listed; you may not {' or '.join(missing)}",
        fix=f"Commands that change something need it. {_OF_CONTAINERS}" if needs_writing else "",
    )


def check_sending(queue: JobQueue, what: str) -> Finding:
    """Put a message on the job queue that nobody sees, and take it back."""
    try:
        queue.discard(queue.send(JobMessage("check", 0), delay_s=HIDDEN_S, ttl_s=2 * HIDDEN_S))
    except Exception as error:
        if not is_refusal(error):
            raise
        return Finding(
            what=what,
            level=Level.NOTE,
            told="you may not put messages on it",
            fix="'replay' and 'backfill' need it, other commands do not. docs/deploy.md has the roles.",
        )
    return ok(what, "you may put messages on it and delete them")


HIDDEN_S = 60.0


def check_rules(source: Blob | None, settings: Settings) -> Iterator[Finding]:
    """Return whether the rules by folder can be used, each thing that is wrong with them by itself."""
    what = f"rules {SOURCE}"
    if source is None:
        yield ok(what, "there are none; the settings hold for every document")
        return
    try:
        rules = parse_rules(source.data, settings)
    except RulesError as error:
        for problem in error.problems:
            yield Finding(
                what=what,
                level=Level.PROBLEM,
                told=problem,
                fix="Correct it and write the file again; until then the last valid rules hold. docs/rules.md.",
            )
        return
    yield ok(what, f"{len(rules)} rule(s), all valid")


def check_expiry(found: DeploymentExpiry, told: str, now: datetime) -> Finding:
    """Return when a deployment expires; `told` says why that is not known."""
    what, days = f"expiry of {found.what}", found.days_left(now)
    if days is None and found.code:
        return Finding(
            what=what,
            level=Level.NOTE,
            told=f"skipped: the authoring API does not say. {told}",
            fix="You need a role such as Cognitive Services Language Reader there; containers have no such API.",
        )
    if days is None:
        return ok(what, "it has no date")
    near = threshold(days)
    if near is None:
        return ok(what, in_words(days))
    return Finding(
        what=what,
        level=Level.PROBLEM if days <= WARNED_DAYS[-1] else Level.NOTE,
        told=f"{in_words(days)}, on {found.expires}",
        fix="Train the model again and deploy it under the same name; docs/deploy.md, 'A deployment expires'.",
    )


def check_reading(progress: ReadingProgress, what: str) -> Finding:
    """Return whether OCR answers, by its answer about a document that it does not know, which costs nothing."""
    if isinstance(progress, JobLost):
        return ok(what, "answers")
    problem = getattr(progress, "problem", None)
    return _of_problem(what, problem) if problem else ok(what, "answers")


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
    is_reached = not (problems.UNREACHABLE.matches(problem) or problems.NO_ANSWER.matches(problem))
    told = f"{problem.code}: {problem.message}"
    return Finding(what=what, level=level, told=told, fix=problem.help, is_reached=is_reached)


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
