"""`backfill`: take documents on that nobody has taken on yet, or leave all of them alone."""

from datetime import datetime
from pathlib import Path

import click
from rich.text import Text

from ..core.records import Record
from ..storage.rules_store import RulesStore
from ..workflows.backfill import BackfillAsked, ignore_existing
from ..workflows.other_documents import RenamedDocuments
from .access import Access
from .exit_codes import DONE
from .forecast import counted, price_option, priced, show_forecast
from .list import read_moment
from .long_runs import LongRun, check_rule, run_options, say_how_to_begin
from .terminal import count, make_console, plain, write_json


class Ignoring(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What scripts are told of documents that are left alone."""

    documents: int
    """That nobody has taken on."""
    until: datetime
    is_done: bool


@click.command("backfill")
@click.argument("names", nargs=-1, metavar="[NAMES...]")
@click.option(
    "--from", "source", metavar="CONTAINER", help="Copy from here: a container's name, or its address with a signature."
)
@click.option("--into", default="", metavar="PREFIX", help="With --from: put before the names.")
@click.option("--prefix", default="", help="What the names begin with, such as a folder: 'loans/'.")
@click.option("--since", callback=read_moment, metavar="TIME", help="Written then or later, such as 2026-11-23.")
@click.option("--until", callback=read_moment, metavar="TIME", help="Written before.")
@click.option("--rule", metavar="PATTERN", help="Those for which the rule with this pattern holds.")
@run_options
@price_option
@click.option("--json", "as_json", is_flag=True, help="Lines of JSON.")
@click.pass_obj
def backfill(
    access: Access,
    names: tuple[str, ...],
    source: str | None,
    into: str,
    prefix: str,
    since: datetime | None,
    until: datetime | None,
    rule: str | None,
    yes: bool,
    rate: float | None,
    progress: Path | None,
    anew: bool,
    price: float,
    as_json: bool,
) -> int:
    """Take on the documents in the intake that nobody has taken on yet; with --from, copy them there first.

    That are those from before the app was there, before IGNORE_DOCUMENTS_BEFORE, before 'ignore-existing', and those
    that a rule ignored. Without --yes it only says how many they are and what that would cost. Copies are made by the
    storage; the originals are not touched, and what lies in the intake is not written over. It is the app that submits:
    it has to run. Interrupted, the same command goes on. The exit code is 1 where a document was refused.
    """
    if into and source is None:
        raise click.UsageError("--into goes with --from.")
    asked = BackfillAsked(prefix=prefix, since=since, until=until, names=names, rule=rule)
    access.check_containers("INPUT_CONTAINER", "STATE_CONTAINER")
    origin = (source or "").partition("?")[0]  # Signatures change, and are kept nowhere.
    run = LongRun(access, "backfill", (origin, into, prefix, since, until, rule, sorted(names)), progress, anew=anew)
    app = run.app()
    check_rule(app.rules.patterns(), rule)
    after = run.progress.after
    if source is None:
        forecaster, documents = app.forecaster(), app.backfill.documents(asked, after)
        steps = app.backfill.run(asked, run.progress, run, app.pace(rate))
    else:
        originals = access.other_container(source)
        copy_in = app.copy_in(originals, access.intake, into)
        forecaster, documents = app.forecaster(RenamedDocuments(originals, into)), copy_in.documents(asked, after)
        steps = copy_in.run(asked, run.progress, run, app.pace(rate))
    told = priced(access, forecaster.forecast(counted(documents)), price)
    show_forecast(told, as_json=as_json)
    if not yes:
        say_how_to_begin(as_json=as_json)
        return DONE
    return run.follow(app, steps, told.forecast.documents, as_json=as_json)


@click.command("ignore-existing")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@click.pass_obj
def ignore_existing_documents(access: Access, yes: bool, as_json: bool) -> int:
    """Leave all documents alone that nobody has taken on and that were written before now; 'backfill' takes them still.

    For a container that is full before the app is there: 'reconcile' would submit all of it in the first night. New
    versions of these documents are new documents.
    """
    access.check_containers("INPUT_CONTAINER", "STATE_CONTAINER")
    now, app = access.clock(), access.app()
    documents = sum(1 for _ in app.backfill.documents(BackfillAsked(until=now)))
    if yes:
        ignore_existing(RulesStore(access.state), now)
    if as_json:
        write_json(Ignoring(documents=documents, until=now, is_done=yes))
        return DONE
    done = "are" if yes else "would be"
    console = make_console()
    console.print(
        plain(f"{count(documents, 'document', 'documents')} that nobody has taken on {done} left alone."),
        soft_wrap=not console.is_terminal,
    )
    if not yes:
        console.print(Text("Nothing was done. Add --yes to do it."))
    return DONE
