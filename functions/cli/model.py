"""`model`: train from what people have reviewed, evaluate, deploy, take back, and keep the models in order."""

from collections.abc import Sequence
from datetime import date

import click
from rich.table import Table
from rich.text import Text

from ..core.expiry import WARNED_DAYS, DeploymentExpiry, in_words
from ..core.model_comparison import DEFAULT_MARGIN
from ..core.model_history import Measured
from ..labels.values import LabelsError
from ..workflows.model_training import MAX_MODELS, TrainingAsked, quality_of
from .access import Access
from .exit_codes import DONE, NOT_ALL_DONE
from .model_options import candidate_option, deployment_name, deployment_option, progress_bar, project_options, works_of
from .model_told import (
    MOST_CHANGES,
    ExpiryRow,
    ModelRow,
    Removed,
    RolledBack,
    deployed_row,
    evaluated,
    say_what_deploys,
    show_deployed,
    show_evaluated,
    tell_plan,
    tell_trained,
)
from .terminal import count, make_console, plain, write_json

KEPT = 3
LAST = 20


@click.group("model")
def model() -> None:
    """Train, evaluate and deploy models from what people have reviewed (docs/model.md)."""


# --- list, expiry ---


@model.command("list")
@project_options
@click.pass_obj
def list_models(access: Access, project: str | None, resource: str | None, as_json: bool) -> int:
    """Show the trained models of the project, the newest first, and where they are deployed."""
    works = works_of(access, project, resource)
    models, deployments, history = works.evaluation.models(), works.evaluation.deployments(), works.store.history()
    trained = {one.label: one for one in history.trainings}
    rows = []
    for one in models:
        quality = history.quality_of(one.label)
        rows.append(
            ModelRow(
                model=one.label,
                trained=one.last_trained_date_time,
                expires=one.model_expiration_date,
                deployed=tuple(name for name, each in deployments.items() if each.model_id == one.model_id),
                micro=round(quality.micro, 4) if quality else None,
                documents=trained[one.label].documents if one.label in trained else None,
            )
        )
    if as_json:
        for row in rows:
            write_json(row)
        return DONE
    table = Table("model", "trained", "expires", "deployed as", "F1", "documents", box=None, pad_edge=False)
    for row in rows:
        micro = "" if row.micro is None else f"{row.micro:.3f}"
        documents = "" if row.documents is None else f"{row.documents:,}"
        table.add_row(
            plain(row.model),
            row.trained[:16].replace("T", " "),
            str(row.expires or ""),
            plain(", ".join(row.deployed)),
            micro,
            documents,
        )
    console = make_console()
    console.print(table)
    console.print(f"{count(len(rows), 'model', 'models')} of at most {MAX_MODELS}.")
    return DONE


@model.command("expiry")
@project_options
@click.pass_obj
def expiry(access: Access, project: str | None, resource: str | None, as_json: bool) -> int:
    """Tell when deployments and models expire. The exit code is 1 where a deployment does within 7 days."""
    works, now = works_of(access, project, resource), access.clock()
    models, deployments = works.evaluation.models(), works.evaluation.deployments()
    dates: dict[str, date | None] = {
        f"deployment {name}": one.deployment_expiration_date for name, one in sorted(deployments.items())
    }
    dates |= {f"model {one.label}": one.model_expiration_date for one in models}
    rows = []
    for what, expires in dates.items():
        known = DeploymentExpiry(resource="", project="", deployment="", expires=expires)
        rows.append(ExpiryRow(what=what, expires=expires, days=known.days_left(now)))
    console = make_console()
    for row in rows:
        if as_json:
            write_json(row)
        else:
            told = "has no date" if row.days is None else f"{in_words(row.days)}, on {row.expires}"
            style = "" if row.days is None or row.days > WARNED_DAYS[0] else "bold red" if _is_near(row) else "yellow"
            console.print(plain(f"{row.what} {told}", style), soft_wrap=True)
    if any(_is_near(row) for row in rows) and not as_json:
        console.print("Train again and deploy under the same name: model train, model deploy.")
    return int(any(_is_near(row) for row in rows))


def _is_near(row: ExpiryRow) -> bool:
    return row.what.startswith("deployment ") and row.days is not None and row.days <= WARNED_DAYS[-1]


# --- train ---


@model.command("train")
@project_options
@click.option("--label", default="", metavar="NAME", help="Of the new model; else one with the day.")
@click.option("--prefix", default="", help="Only documents whose names begin with this, such as 'loans/'.")
@click.option(
    "--unreviewed",
    "unreviewed",
    multiple=True,
    metavar="DOCUMENT",
    help="Learn from the model's own answer about this document, which nobody has looked at; repeatable.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Of new documents, how many are for the test set; else none, where there is one, and it stays fixed.",
)
@click.option(
    "--replaced", "with_replaced", is_flag=True, help="Learn also from reviewed versions that were replaced since."
)
@click.option(
    "--texts-in",
    "container",
    metavar="CONTAINER",
    help="The training container: a name in the app's storage account, or an address with a signature; else the "
    "project's name of it.",
)
@click.option("--create-in", metavar="CONTAINER", help="Create the project, if there is none, for this container.")
@click.option("--language", default="en-us", show_default=True, help="Of a project that is created.")
@click.option("--anew", is_flag=True, help="Begin anew, whatever an interrupted training has left.")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@click.pass_obj
def train(
    access: Access,
    project: str | None,
    resource: str | None,
    as_json: bool,
    label: str,
    prefix: str,
    unreviewed: tuple[str, ...],
    share: float | None,
    with_replaced: bool,
    container: str | None,
    create_in: str | None,
    language: str,
    anew: bool,
    yes: bool,
) -> int:
    """Train a model from reviewed documents and the labels that the project has so far.

    The labels of the project are exported, reviewed documents are put into their places, and all is imported again;
    nothing is deleted. Interrupted, the same command goes on.
    """
    works = works_of(access, project, resource, container)
    asked = TrainingAsked(label=label, prefix=prefix, unreviewed=unreviewed, share=share, replaced=with_replaced)
    if create_in and yes:
        works.training.create(create_in, language)
    plan = works.training.plan(asked, anew=anew)
    tell_plan(plan, works.project, as_json=as_json)
    if plan.is_done:
        return DONE
    if not yes:
        if not as_json:
            make_console().print(Text("\nNothing was done. Add --yes to do it."))
        return DONE
    if not plan.reviewed and not plan.is_resumed and not label:
        raise click.UsageError(
            "There is nothing new to learn: no document is reviewed. --label NAME trains from the labels so far."
        )
    try:
        with progress_bar(as_json=as_json) as tell:
            trained = works.training.run(plan, tell)
    except LabelsError as error:
        raise click.ClickException(str(error)) from None
    tell_trained(trained, as_json=as_json)
    return DONE


# --- evaluate ---


@model.command("evaluate")
@click.argument("label", metavar="[MODEL]", required=False)
@project_options
@deployment_option
@click.option("--worst", type=click.IntRange(0), default=MOST_CHANGES, show_default=True, help="Documents to show.")
@click.pass_obj
def evaluate(
    access: Access,
    label: str | None,
    project: str | None,
    resource: str | None,
    as_json: bool,
    deployment: str | None,
    worst: int,
) -> int:
    """Tell what a model is worth on its test set, without MODEL the newest.

    It is compared, document by document, with the deployed model and with the results in the output container.
    """
    works, name = works_of(access, project, resource), deployment_name(access, deployment)
    newest = works.evaluation.model(label)
    with progress_bar(as_json=as_json) as tell:
        works.authoring.tell = tell
        tested = works.evaluation.tested(newest.label)
        deployed = works.evaluation.deployed_model(name)
        comparisons = {}
        if deployed and deployed.model_id != newest.model_id:
            comparisons[f"{name} ({deployed.label})"] = works.evaluation.compared(tested, deployed)
        comparisons["the results in the container"] = works.evaluation.in_container(tested, works.store.history())
    quality = quality_of(tested.measured)
    measured = Measured(at=access.clock(), label=newest.label, quality=quality, documents=tested.documents)
    works.store.add(measured)
    row = evaluated(tested, comparisons, worst)
    if as_json:
        write_json(row)
    else:
        show_evaluated(row, works.store.history().names)
    return DONE


# --- deploy, rollback ---


@model.command("deploy")
@click.argument("label", metavar="[MODEL]", required=False)
@project_options
@deployment_option
@candidate_option
@click.option(
    "--margin",
    type=click.FloatRange(-1, 1),
    default=DEFAULT_MARGIN,
    show_default=True,
    help="By how much its F1 on the test set has to be better.",
)
@click.option(
    "--last",
    type=click.IntRange(0),
    default=LAST,
    show_default=True,
    help="Compare on so many of the last documents, which the service bills.",
)
@click.option("--even-if-worse", "is_forced", is_flag=True, help="Deploy it whatever the comparison says.")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@click.pass_obj
def deploy(
    access: Access,
    label: str | None,
    project: str | None,
    resource: str | None,
    as_json: bool,
    deployment: str | None,
    candidate: str,
    margin: float,
    last: int,
    is_forced: bool,
    yes: bool,
) -> int:
    """Deploy a model, without MODEL the newest, beside the one that the app asks, and swap the two if it is better.

    The exit code is 1 where it was not better and so nothing was swapped.
    """
    works, name = works_of(access, project, resource), deployment_name(access, deployment)
    _check_names(name, candidate)
    if not yes:
        say_what_deploys(works.evaluation.model(label), works.evaluation.deployments(), name, candidate, as_json)
        return DONE
    with progress_bar(as_json=as_json) as tell:
        outcome = works.deployment.deploy(
            label, name, candidate, margin=margin, last=last, is_forced=is_forced, tell=tell
        )
    row = deployed_row(outcome, name)
    if as_json:
        write_json(row)
    else:
        show_deployed(row, candidate, works.store.history().names)
    return DONE if row.is_deployed else NOT_ALL_DONE


def _check_names(deployment: str, candidate: str) -> None:
    if deployment == candidate:
        raise click.BadParameter("it is the deployment itself; name another one.", param_hint="--candidate")


@model.command("rollback")
@project_options
@deployment_option
@candidate_option
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would be done.")
@click.pass_obj
def rollback(
    access: Access,
    project: str | None,
    resource: str | None,
    as_json: bool,
    deployment: str | None,
    candidate: str,
    yes: bool,
) -> int:
    """Take the last deployment back: the model before it answers again. It goes back one step."""
    works, name = works_of(access, project, resource), deployment_name(access, deployment)
    _check_names(name, candidate)
    if not yes:
        last = works.store.history().current(name)
        previous = last.previous if last else ""
        if as_json:
            write_json(RolledBack(deployment=name, model=previous, instead_of=last.label if last else ""))
        elif previous and last:
            make_console().print(plain(f"Model '{previous}' would answer as '{name}' instead of '{last.label}'."))
            make_console().print(Text("\nNothing was done. Add --yes to do it."))
        else:
            make_console().print(plain(f"Nothing that was deployed as '{name}' can be taken back."))
        return DONE if previous else NOT_ALL_DONE
    with progress_bar(as_json=as_json) as tell:
        now, before = works.deployment.rollback(name, candidate, tell)
    if as_json:
        write_json(RolledBack(deployment=name, model=now, instead_of=before))
    else:
        make_console().print(plain(f"Model '{now}' answers as '{name}' again, instead of '{before}'."))
    return DONE


# --- prune ---


@model.command("prune")
@click.argument("labels", metavar="[MODELS]...", nargs=-1)
@project_options
@click.option("--keep", type=click.IntRange(0), default=KEPT, show_default=True, help="How many of the newest stay.")
@click.option("--yes", is_flag=True, help="Delete the models that are named.")
@click.pass_obj
def prune(
    access: Access,
    labels: Sequence[str],
    project: str | None,
    resource: str | None,
    as_json: bool,
    keep: int,
    yes: bool,
) -> int:
    """Say which models are not needed, and delete those that are named. A project has 10 models at most."""
    works = works_of(access, project, resource)
    console = make_console()
    if labels and yes:
        for label in works.deployment.remove(labels):
            if as_json:
                write_json(Removed(model=label, is_deleted=True))
            else:
                console.print(plain(f"deleted  {label}"))
        return DONE
    can_go, stay = works.deployment.removable(keep)
    if labels:
        there = {one.label: one for one in (*can_go, *stay)}
        can_go = [there[label] for label in labels if label in there]
    for one in can_go:
        if as_json:
            write_json(Removed(model=one.label, is_deleted=False))
        else:
            console.print(plain(f"{one.label}  trained {one.last_trained_date_time[:16].replace('T', ' ')}"))
    if not as_json:
        told = f"{count(len(can_go), 'model', 'models')} can go, {len(stay)} stay." if can_go else "None has to go."
        console.print(told)
        if can_go:
            names = " ".join(one.label for one in can_go)
            console.print()
            console.print(plain(f"Nothing was done. python -m functions model prune {names} --yes"), soft_wrap=True)
    if yes and can_go and not as_json:
        console.print(Text("Only models that are named are deleted.", "yellow"))
    return DONE
