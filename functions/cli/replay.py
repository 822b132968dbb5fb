"""`replay`: submit documents again that have ended."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from ..app import EntityDrop
from ..core.views import Filter, ShownState
from ..workflows.model_changes import Deployed, read_deployed
from ..workflows.replay import ENDED, ReplayAsked
from .access import Access
from .exit_codes import DONE, NOT_ALL_DONE
from .forecast import counted, price_option, priced, show_forecast
from .list import read_moment
from .long_runs import LongRun, check_rule, had, run_options, say_how_to_begin
from .terminal import count, make_console, plain


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
@click.option("--only-if-model-changed", is_flag=True, help="Those whose model is another one by now.")
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
    it has to run. Interrupted, the same command goes on. The exit code is 1 where a document was refused, or a
    name is of no document that can be replayed.

    With --only-if-model-changed it is those that rules and settings now give to another model or deployment, and those
    that were submitted before their deployment got the model that it has now, as the authoring API says.
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
    )
    access.check_containers("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER")
    options = (sorted(names), everything, sorted(states), *chosen[1:], only_if_model_changed)
    run = LongRun(access, "replay", options, progress, anew=anew)
    app = run.app()
    check_rule(app.rules.patterns(), rule)
    if only_if_model_changed:
        asked = replace(asked, changed_since=_deployed(access, app))
    documents = app.replay.documents(asked, run.progress.run, run.progress.after)
    told = priced(access, app.forecaster().forecast(counted(documents)), price)
    found = told.forecast.documents + told.forecast.archived + had(run.progress)
    show_forecast(told, as_json=as_json)
    missing = _tell_missing(len(set(names)) - found) if names else 0
    if not yes:
        say_how_to_begin(as_json=as_json)
        return missing
    pace = app.pace(rate)
    steps = app.replay.run(asked, run.progress, run, pace)
    return run.follow(app, steps, told.forecast.documents, as_json=as_json) or missing


def _tell_missing(names: int) -> int:
    """Tell how many of the names are of nothing that can be replayed; return the exit code."""
    if names <= 0:
        return DONE
    told = f"{count(names, 'of the names is', 'of the names are')} of no document that can be replayed"
    console = make_console(stderr=True)
    console.print(f"{told}: it is not there, in work, or left out by a rule or by another option.", soft_wrap=True)
    return NOT_ALL_DONE


def _deployed(access: Access, app: EntityDrop) -> Deployed:
    """Return since when the deployments have their models, and tell of which that is not known."""
    deployed, unknown = read_deployed(access.deployment_readers, app.rules.works())
    for one in unknown:
        project, name, resource = one.deployment.project, one.deployment.deployment, one.deployment.resource
        why = f"{one.code}: {one.why}" if one.code else one.why
        make_console(stderr=True).print(
            plain(
                f"Since when {project}/{name} at {resource} has its model is not known ({why.rstrip('.')}); "
                "there only another project or deployment counts as a change."
            ),
            soft_wrap=True,
        )
    return deployed
