"""`list`: which documents there are, by state, name, time, code, model and review; as many as there are, at once."""

from datetime import UTC, datetime
from itertools import islice

import click
from rich.text import Text

from ..core.views import PENDING, DocumentRow, Filter, ShownState
from .access import Access
from .terminal import STATE_STYLES, make_console, plain, when, write_json

STATES = {state.value: frozenset({state}) for state in ShownState} | {"pending": PENDING}


def read_moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Return the date or time in an option's text, in UTC where it does not say."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no date or time such as 2026-11-23 or 2026-11-23T10:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(sorted(STATES)), help="May be given repeatedly.")
@click.option("--prefix", default="", help="What the names begin with, such as a folder: 'loans/'.")
@click.option(
    "--since",
    callback=read_moment,
    metavar="TIME",
    help="Changed then or later, such as 2026-11-23 or 2026-11-23T10:00:00Z.",
)
@click.option("--until", callback=read_moment, metavar="TIME", help="Changed before.")
@click.option("--code", help="Code of the error report, or of what a document waits for.")
@click.option("--model", help="Part of the model's name, such as its project.")
@click.option("--review/--no-review", default=None, help="Whether a person should check the result.")
@click.option("--scan", is_flag=True, help="Look at all documents; else failed and reviewable ones are indexed.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each document.")
@click.pass_obj
def list_documents(
    access: Access,
    states: tuple[str, ...],
    prefix: str,
    since: datetime | None,
    until: datetime | None,
    code: str | None,
    model: str | None,
    review: bool | None,
    scan: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """List documents, sorted by name.

    With '--state failed' or '--review' they come from an index, which takes as long as there are such documents, and
    not as there are documents. The app keeps it, and 'reconcile' puts it right at night; --scan goes without it.
    """
    asked = Filter(
        states=frozenset().union(*(STATES[state] for state in states)),
        prefix=prefix,
        since=since,
        until=until,
        code=code,
        model=model,
        review=review,
    )
    console = make_console()
    for row in islice(access.queries.rows(asked, scan=scan), limit):
        if as_json:
            write_json(row)
        else:
            console.print(line(row), soft_wrap=True)


def line(row: DocumentRow) -> Text:
    """Draw a document in one line."""
    told = Text.assemble(
        (f"{row.state.value:<8}  ", STATE_STYLES[row.state.value]), (f"{when(row.updated or row.dropped)}  ", "dim")
    )
    told.append_text(plain(row.name))
    if row.code:
        told.append_text(plain(f"  {row.code}", STATE_STYLES[row.state.value]))
    if row.review:
        told.append("  review", "yellow")
    return told
