"""`status`: how things stand, once or again and again."""

import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..core.expiry import DeploymentExpiry, in_words, threshold
from ..core.journal import Entry, by_day, by_folder, by_hour, by_model
from ..core.records import Record
from ..workflows.queries import Budget, Incident, Status, Usage
from .access import Access
from .exit_codes import DONE
from .terminal import LONGEST_DAYS, Number, count, duration, facts, make_console, plain, when, write_json

GROUPS: dict[str, Callable[[Entry], Hashable]] = {
    "hour": by_hour,
    "day": by_day,
    "model": by_model,
    "folder": by_folder,
}
"""What `--by` can put documents and jobs into."""


class UsageTold(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What scripts are told of a group."""

    group: str
    """An hour or a day (ISO 8601, UTC), a model, or the first folder of names, empty for those in none."""
    usage: Usage


@click.command("status")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option("--every", type=Number(min=0.5), default=5.0, show_default=True, help="Seconds between looks.")
@click.option("--by", type=click.Choice(list(GROUPS)), help="What was done in the last days instead, in a table.")
@click.option(
    "--days", type=click.IntRange(1, LONGEST_DAYS), default=7, show_default=True, help="How many days --by looks back."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each look, or for each line of the table.")
@click.pass_obj
def status(access: Access, watch: bool, every: float, by: str | None, days: int, as_json: bool) -> int:
    """Show documents, jobs, queues, requests and what today has cost."""
    if by:
        since = access.clock() - timedelta(days=days)
        _show_usage(list(access.status.usage_by(GROUPS[by], since)), by, as_json=as_json)
        return DONE
    if not watch:
        _show(access.status.read(), as_json=as_json)
        return DONE
    console = make_console()
    if as_json or not console.is_terminal:
        while True:
            _show(access.status.read(), as_json=as_json)
            time.sleep(every)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(picture(access.status.read()), refresh=True)
            time.sleep(every)


def _show_usage(groups: list[tuple[str, Usage]], by: str, *, as_json: bool) -> None:
    if as_json:
        for group, used in groups:
            write_json(UsageTold(group=group, usage=used))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(by, overflow="fold")
    for heading in ("done", "failed", "text records", "median"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group, used in groups:
        median = "" if used.median_seconds is None else duration(timedelta(seconds=used.median_seconds))
        records = used.result_records if by == "folder" else used.text_records
        shown = group.removesuffix("+00:00").removesuffix("T00:00:00") if by in ("hour", "day") else group
        table.add_row(plain(shown or "(none)"), f"{used.done:,}", f"{used.failed:,}", f"{records:,}", median)
    console = make_console()
    if groups:
        console.print(table)
    else:
        console.print("Nothing was done in that time.")


def _show(found: Status, *, as_json: bool) -> None:
    if as_json:
        write_json(found)
    else:
        make_console().print(picture(found))


def picture(found: Status) -> RenderableType:
    """Draw how things stand."""
    return Group(facts(_lines(found)), *map(_incident, found.incidents))


def _lines(found: Status) -> list[tuple[str, object]]:
    today = found.today
    lines: list[tuple[str, object]] = [
        ("at", f"{when(found.at)} UTC"),
        ("documents", _documents(found)),
        ("as of", _counted(found)),
        ("oldest", "none" if found.oldest is None else f"under way for {duration(found.at - found.oldest)}"),
        ("jobs", _jobs(found)),
        ("queues", _queues(found)),
        ("requests", Text("\n").join(map(_budget, found.budgets))),
        ("submissions", _submissions(found)),
        ("today", f"{today.done:,} done, {today.failed:,} failed{_codes(today)}"),
        ("", f"{count(today.text_records, 'text record', 'text records')}{_pages(today)} submitted{_daily(found)}"),
        ("drop to result", _times(today)),
    ]
    if found.deployments:
        lines.append(("deployments", Text("\n").join(_deployment(one, found.at) for one in found.deployments)))
    if found.refused:
        lines.append(("refused", f"{count(found.refused, 'document', 'documents')} that the storage does not give out"))
    return lines


def _counted(found: Status) -> str:
    if found.as_of is None:
        return "the journal alone; reconcile counts at night"
    return f"{when(found.as_of)} UTC, and the journal since"


def _documents(found: Status) -> Text:
    return Text.assemble(
        (f"{found.pending:,} pending", "yellow" if found.pending else ""),
        ", ",
        (f"{found.done:,} done", "green" if found.done else ""),
        ", ",
        (f"{found.failed:,} failed", "bold red" if found.failed else ""),
    )


def _jobs(found: Status) -> Text:
    told = Text(f"{found.running_jobs:,} running, {found.waiting_jobs:,} waiting")
    for reason, number in found.deferred_jobs.items():
        told.append(", ").append_text(plain(f"{number:,} deferred ({reason})", "magenta"))
    return told


def _queues(found: Status) -> Text:
    told = Text()
    for name, length in found.queues.items():
        is_trouble = bool(length) and name.endswith("-poison")
        told.append("\n" if told else "").append_text(plain(f"{name}: "))
        told.append("not there" if length is None else f"{length:,}", "bold red" if is_trouble else "")
    return told


def _submissions(found: Status) -> Text:
    told = Text(f"{sum(found.submissions.values()):,} in the last minute")
    for name, number in found.submissions.items():
        told.append("\n").append_text(plain(f"{name}: {number:,}"))
    return told


def _budget(budget: Budget) -> Text:
    told = plain(f"{budget.resource}: {budget.last_minute:,} of {budget.per_minute:,} a minute")
    if budget.wait_seconds >= 1:
        told.append(f", the next in {duration(timedelta(seconds=budget.wait_seconds))}")
    if budget.is_throttled:
        told.append(", throttled lately", "magenta")
    return told


def _deployment(one: DeploymentExpiry, now: datetime) -> Text:
    left = one.days_left(now)
    if left is None:
        return plain(f"{one.what}: {f'expiry not known ({one.code})' if one.code else 'has no expiry'}")
    return plain(f"{one.what} {in_words(left)}", "bold red" if threshold(left) else "")


def _daily(found: Status) -> str:
    return f" ({found.daily_records:,} of {found.daily_limit:,} taken)" if found.daily_limit is not None else ""


def _codes(today: Usage) -> str:
    codes = ", ".join(f"{code} {number:,}" for code, number in today.codes.items())
    return f" ({codes})" if codes else ""


def _pages(today: Usage) -> str:
    return f" and {count(today.pages, 'page', 'pages')}" if today.pages else ""


def _times(today: Usage) -> str:
    if today.median_seconds is None or today.p95_seconds is None:
        return "nothing today"
    median, p95 = (duration(timedelta(seconds=one)) for one in (today.median_seconds, today.p95_seconds))
    return f"median {median}, 95 % within {p95}"


def _incident(incident: Incident) -> Text:
    since = duration(datetime.now(UTC) - incident.since)
    return plain(f"{incident.what} fails for {since} ({incident.reason}); new jobs wait, unbilled.", "bold red")
