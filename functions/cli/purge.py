"""`purge`: remove what is left of deleted documents, or everything of one document."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain

import click
from rich.text import Text

from ..core.records import Record
from ..storage.containers import Container
from ..workflows.authoring_jobs import Authoring, Tell
from ..workflows.erasing import Erasing, Left, Removed, Step
from ..workflows.exporting import read_ahead
from ..workflows.purging import Purging
from ..workflows.training_erasing import TextsElsewhere, TrainingErasing
from .access import Access, new_id, without_signature
from .exit_codes import DONE, NOT_ALL_DONE
from .problems_told import CannotReach, NoContainer
from .terminal import LONGEST_DAYS, Number, count, make_console, plain, write_json

THREADS = 8


class PurgedItem(Record, frozen=True, kw_only=True):
    """What scripts are told of one thing that was removed, or with a dry run would be, or is left."""

    document: str
    place: str = ""
    """`document`, `result`, `record`, `text`, `correction`, `index`, `journal`, `training` or `labels`; empty for what
    is left."""
    name: str = ""
    lines: int | None = None
    left: str = ""
    """What is still there."""
    why: str = ""


class PurgedDocument(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What scripts are told of one deleted document."""

    document: str
    removed: int
    """How many blobs."""
    left: int
    is_dry: bool


@click.command("purge")
@click.argument("name", required=False)
@click.option("--document", "with_document", is_flag=True, help="With NAME: delete the document in the intake, too.")
@click.option("--dry-run", is_flag=True, help="With NAME: only show what would be removed.")
@click.option(
    "--older-than",
    type=Number(min=0, max=LONGEST_DAYS),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Without NAME: what has not changed for so long.",
)
@click.option("--prefix", default="", help="Without NAME: what the names begin with, such as 'loans/'.")
@click.option(
    "--texts-in",
    metavar="CONTAINER",
    help="With NAME: the training container, where only its address with a signature opens it.",
)
@click.option("--yes", is_flag=True, help="Without NAME: remove it; else it is only shown.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each thing or document.")
@click.pass_obj
def purge(
    access: Access,
    name: str | None,
    with_document: bool,
    dry_run: bool,
    older_than: float,
    prefix: str,
    texts_in: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove results and records of deleted documents; or with NAME, all that is kept of one document.

    With NAME that are its results of every kind, its records, texts, corrections, its entries in the lists of failed
    documents and of those for review, and the lines of the journal that name it. The blob itself only with --document:
    without that the app submits it again at night. Work in progress is safe: it writes nothing of the document any
    more. The exit code is 1 where something had to be left.

    What 'model train' has made of it goes as well: its texts in the training container, and it leaves the labels of
    the project. Models that were trained with it keep what they have learnt; they are named.

    Not removed are copies elsewhere: soft-deleted blobs, snapshots and backups, logs, the host's own records, files
    that commands have written on a machine.
    """
    access.check_containers("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER")
    erasing = Erasing(access.intake, access.output, access.state, access.clock, new_id)
    if name is not None:
        if yes or prefix:
            raise click.UsageError("--yes and --prefix are for deleted documents, without NAME.")
        if texts_in:
            access.other_container(texts_in)  # Nothing is done where that is wrong.
        steps = erasing.erase(name, with_document=with_document, with_journal=True, is_dry=dry_run)
        trained = _training_erasing(access, texts_in or "").erase(name, is_dry=dry_run)
        return _tell_steps(name, chain(steps, trained), is_dry=dry_run, as_json=as_json)
    if with_document or dry_run or texts_in:
        raise click.UsageError("--document, --dry-run and --texts-in are for one document: give its NAME.")
    # Two pools: what searches may not wait for what removes.
    with ThreadPoolExecutor(THREADS) as searching, ThreadPoolExecutor(THREADS) as removing:
        purging = Purging(access.intake, access.output, access.state, searching, access.clock)
        names = purging.deleted(timedelta(days=older_than), prefix)

        def erase(name: str) -> tuple[str, list[Step]]:
            return name, list(erasing.erase(name, with_document=False, with_journal=False, is_dry=not yes))

        return _tell_deleted(read_ahead(removing, erase, names), is_dry=not yes, as_json=as_json)


def _training_erasing(access: Access, texts_in: str) -> TrainingErasing:
    resources = [one.name for one in access.settings.language_resources]
    given = without_signature(texts_in)

    def authoring(resource: str, project: str) -> Authoring | None:
        if resource not in resources:
            return None
        return Authoring(access.authoring_clients[resource], project, access.clock, access.sleep, _told_once())

    def container(place: str) -> Container | None:
        if given and place in (given, given.rpartition("/")[-1]):
            return access.other_container(texts_in)
        if "://" in place:
            raise TextsElsewhere(
                f"Texts of trainings lie in {place}, which only a signature opens: give its address with one, "
                "--texts-in ADDRESS."
            )
        try:
            return access.other_container(place)
        except NoContainer:
            return None

    project = access.settings.language_project
    known = [(resource, project) for resource in resources if project]
    return TrainingErasing(access.state, authoring, container, known, access.clock, given)


def _told_once() -> Tell:
    """Return what shows why a project is waited for, each reason once; in a terminal only."""
    console, told = make_console(stderr=True), set[str]()

    def tell(what: str, part: float | None) -> None:
        if console.is_terminal and what not in told:
            told.add(what)
            console.print(plain(what, "dim"))

    return tell


def _tell_steps(name: str, steps: Iterator[Step], *, is_dry: bool, as_json: bool) -> int:
    console = make_console()
    removed, left = 0, False
    for step in _reached(steps):
        removed += isinstance(step, Removed)
        left |= isinstance(step, Left)
        if as_json:
            write_json(_item(name, step))
        else:
            console.print(_line(step, is_dry=is_dry), soft_wrap=True)
    if not removed and not as_json:
        console.print(plain(f"Nothing is kept of {name!r}."), soft_wrap=True)
    return NOT_ALL_DONE if left or not removed else DONE


def _reached(steps: Iterator[Step]) -> Iterator[Step]:
    try:
        yield from steps
    except TextsElsewhere as error:
        raise CannotReach(str(error)) from None


def _item(name: str, step: Step) -> PurgedItem:
    if isinstance(step, Removed):
        return PurgedItem(document=name, place=step.place.value, name=step.name, lines=step.lines)
    return PurgedItem(document=name, left=step.what, why=step.why)


def _line(step: Step, *, is_dry: bool) -> Text:
    if isinstance(step, Left):
        return Text.assemble(("left    ", "yellow"), plain(f"{step.what}: {step.why}"))
    told = Text("would go " if is_dry else "removed  ", "yellow" if is_dry else "green")
    told.append_text(plain(f"{step.place.value:<11}{step.name}"))
    if step.lines is not None:
        told.append(f"  ({count(step.lines, 'line', 'lines')})", "dim")
    return told


def _tell_deleted(purged: Iterator[tuple[str, list[Step]]], *, is_dry: bool, as_json: bool) -> int:
    console = make_console()
    documents = blobs = lefts = 0
    for name, steps in purged:
        left = sum(isinstance(step, Left) for step in steps)
        documents, blobs, lefts = documents + 1, blobs + len(steps) - left, lefts + left
        if as_json:
            write_json(PurgedDocument(document=name, removed=len(steps) - left, left=left, is_dry=is_dry))
        else:
            console.print(plain(f"{name}  {count(len(steps) - left, 'blob', 'blobs')}"), soft_wrap=True)
    if not as_json:
        done = "would be removed; repeat with --yes to do it" if is_dry else "removed"
        told = f"{count(documents, 'deleted document', 'deleted documents')}, {count(blobs, 'blob', 'blobs')} {done}."
        console.print(told, soft_wrap=True)
    return NOT_ALL_DONE if lefts else DONE
