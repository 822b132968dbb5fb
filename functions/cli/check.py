"""`check`: whether everything works that documents need; each problem with its fix."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

import click
from rich.text import Text

from ..core.work import work_of
from ..language.auth import auth_for
from ..language.budget import RequestBudget
from ..language.client import LanguageClient, default_session
from ..storage.containers import is_refusal
from ..workflows.checks import Finding, Level, check_incident, check_model, check_oldest, check_queue, check_summary, ok
from .access import Access
from .problems_told import sentence
from .terminal import make_console, plain, write_json

_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}


@click.command("check")
@click.option("--no-model", is_flag=True, help="Do not ask the model, which is billed as one text record.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each finding.")
@click.pass_obj
def check(access: Access, no_model: bool, as_json: bool) -> int:
    """Try settings, storage, queues and the model. The exit code is 1 where there is a problem.

    One harmless thing of each is done, with your rights: a listing, a small blob that is deleted again, a document of
    one word.
    """
    console, is_good = make_console(), True
    for finding in _findings(access, with_model=not no_model):
        is_good &= finding.level is not Level.PROBLEM
        if as_json:
            write_json(finding)
        else:
            console.print(line(finding), soft_wrap=not console.is_terminal)
    return 0 if is_good else 1


def line(finding: Finding) -> Text:
    """Draw a finding."""
    told = Text.assemble((f"{finding.level.value:<8}", _STYLES[finding.level]))
    told.append_text(plain(f"{finding.what}: {finding.told}"))
    if finding.fix:
        told.append("\n        ").append_text(plain(finding.fix, "dim"))
    return told


def _findings(access: Access, *, with_model: bool) -> Iterator[Finding]:
    settings, now = access.settings, access.clock()
    yield ok("settings", f"complete; storage at {access.account}")
    for setting in ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"):
        yield from _tried(f"container {getattr(settings, setting.lower())}", partial(_listed, access, setting))
    yield from _tried("writing", partial(_written, access))
    for name, length in access.queue_lengths.items():
        yield from _tried(f"queue {name}", partial(_queue, name, length))
    yield from _tried("reconcile", lambda: [check_summary(access.journal.summary(), now)])
    yield from _tried("jobs", lambda: [check_oldest(_oldest(access), now)])
    yield from _tried("health", lambda: [check_incident(incident, now) for incident in access.status.incidents()])
    for resource in settings.language_resources if with_model else ():
        auth = auth_for(resource.endpoint, resource.key, settings.language_client_id)
        budget = RequestBudget(settings.requests_per_minute, now)
        language = LanguageClient(resource.endpoint, default_session(), auth, budget, access.clock)
        yield check_model(language, resource.name, work_of(settings), access.clock, time.sleep)


def _tried(what: str, act: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; that it can not be done is a finding as well."""
    try:
        yield from act()
    except Exception as error:
        told = sentence(error)
        if told is None:
            raise
        yield Finding(what=what, level=Level.PROBLEM, told=told)


def _listed(access: Access, setting: str) -> Iterator[Finding]:
    access.check_containers(setting)
    yield ok(f"container {getattr(access.settings, setting.lower())}", "can be listed")


def _written(access: Access) -> Iterator[Finding]:
    """Write a small blob where the app keeps its records, and delete it again."""
    name = f"check/{uuid.uuid4().hex}.txt"
    try:
        access.state.write(name, b"")
        access.state.delete(name)
    except Exception as error:
        if not is_refusal(error):
            raise
        yield Finding(
            what="writing",
            level=Level.NOTE,
            told="you may not write where the app keeps its records; commands that only look need no more",
            fix="The app's own identity needs the right; docs/deploy.md has the roles.",
        )
        return
    yield ok("writing", "you may write where the app keeps its records")


def _queue(name: str, length: Callable[[], int | None]) -> Iterator[Finding]:
    yield check_queue(name, length(), is_poison=name.endswith("-poison"))


def _oldest(access: Access) -> datetime | None:
    return min((job.created for job in access.records.list_jobs() if job.created), default=None)
