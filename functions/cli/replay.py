"""`replay`: submit documents again that have ended."""

from datetime import datetime
from pathlib import Path

import click

from ..core.views import Filter, ShownState
from ..workflows.replay import ENDED, ReplayAsked
from .access import Access
from .forecast import counted, price_option, priced, show_forecast
from .list import read_moment
from .long_runs import LongRun, check_rule, run_options, say_how_to_begin


@click.command("replay")
@click.argument("names", nargs=-1, metavar="[NAMES...]")
@click.option("--all", "everything", is_flag=True, help="All documents, if nothing else says which.")
@click.option("--state", "states", multiple=True, type=click.Choice(["done", "failed"]), help="May be repeated.")
@click.option("--prefix", default="", help="What the names begin with, such as a folder: 'loans/'.")
@click.option("--since", callback=read_moment, metavar="TIME", help="Ended then or later, such as 2026-11-23.")
@click.option("--until", callback=read_moment, metavar="TIME", help="Ended before, such as a new model's deployment.")
@click.option("--code", help="Code of the error report.")
@click.option("--model", help="Part of the name of the model that they ended with.")
@click.option("--review/--no-review", default=None, help="Whether a person should check the result.")
@click.option("--rule", metavar="PATTERN", help="Those for which the rule with this pattern holds.")
@click.option("--only-if-model-changed", is_flag=True, help="Those that rules and settings now give another model.")
@run_options
@price_option
@click.option("--json", "as_json", is_flag=True, help="Lines of JSON.")
@click.pass_obj
def replay(
    access: Access,
    names: tuple[str, ...],
    everything: bool,
    states: tuple[str, ...],
    prefix: str,
    since: datetime | None,
    until: datetime | None,
    code: str | None,
    model: str | None,
    review: bool | None,
    rule: str | None,
    only_if_model_changed: bool,
    yes: bool,
    rate: float | None,
    progress: Path | None,
    anew: bool,
    price: float,
    as_json: bool,
) -> int:
    """Submit documents again that are done or failed: those with NAMES, or those that the options say.

    Without --yes it only says how many they are and what that would cost. What is in work is left alone, and so is what
    changes meanwhile. Tasks, model and language are those that rules and settings say now. It is the app that submits:
    it has to run. Interrupted, the same command goes on. The exit code is 1 where a document was refused.
    """
    chosen = (states, prefix, since, until, code, model, review, rule)
    if not any((names, everything, only_if_model_changed, *(one not in ((), "", None) for one in chosen))):
        raise click.UsageError("Say which documents: NAMES, options, or --all.")
    asked = ReplayAsked(
        filter=Filter(
            states=frozenset(map(ShownState, states)) or ENDED,
            prefix=prefix,
            since=since,
            until=until,
            code=code,
            model=model,
            review=review,
        ),
        names=names,
        rule=rule,
        only_if_model_changed=only_if_model_changed,
    )
    access.check_containers("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER")
    options = (sorted(names), everything, sorted(states), *chosen[1:], only_if_model_changed)
    run = LongRun(access, "replay", options, progress, anew=anew)
    app = run.app()
    check_rule(app.rules.patterns(), rule)
    documents = app.replay.documents(asked, run.progress.run, run.progress.after)
    told = priced(access, app.forecaster().forecast(counted(documents)), price)
    show_forecast(told, as_json=as_json)
    if not yes:
        say_how_to_begin(as_json=as_json)
        return 0
    pace = app.pace(rate)
    steps = app.replay.run(asked, run.progress, run, pace)
    return run.follow(app, steps, told.forecast.documents, as_json=as_json)
