"""`forecast`: what documents would take and cost, before anything is submitted."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from rich.console import RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..core.records import Record
from ..prices import CUSTOM_TEXT_RECORDS, READ_PAGES
from ..storage.containers import BlobInfo
from ..workflows.forecast import Forecast, Sum
from ..workflows.other_documents import FolderDocuments, RenamedDocuments
from .access import Access
from .exit_codes import DONE
from .terminal import Number, count, duration_of, facts, make_console, plain, write_json


class Told(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A forecast, with times and prices."""

    forecast: Forecast
    requests_per_minute: int
    """The budget of all resources together."""
    seconds_at_budget: float
    busiest_minute: int | None
    """The most documents that have ended in one minute of the last day; None where none has."""
    seconds_at_busiest_rate: float | None
    days_at_daily_limit: int | None
    """By `DAILY_TEXT_RECORDS`; None where there is no limit, 0 where nothing is ever submitted."""
    price: Sum
    """US dollars without tax, of the text records of custom tasks and of pages."""
    usd_per_thousand_records: float
    usd_per_thousand_pages: float


price_option = click.option(
    "--price",
    type=Number(min=0),
    default=CUSTOM_TEXT_RECORDS.usd_per_thousand,
    show_default=True,
    metavar="DOLLARS",
    help="For a thousand text records; the default is the list price of "
    f"{CUSTOM_TEXT_RECORDS.region}, {CUSTOM_TEXT_RECORDS.of}.",
)


@click.command("forecast")
@click.argument("path", required=False, metavar="[FOLDER]", type=click.Path(exists=True, path_type=Path))
@click.option("--container", help="Documents of a container, by its name or its address with a signature.")
@click.option("--prefix", default="", help="With --container: what the names begin with, such as 'loans/'.")
@click.option("--into", default="", metavar="PREFIX", help="Put before the names: rules go by it.")
@click.option("--sample", type=click.IntRange(min=2), default=25, show_default=True, help="Read of each kind and size.")
@price_option
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@click.pass_obj
def forecast(
    access: Access,
    path: Path | None,
    container: str | None,
    prefix: str,
    into: str,
    sample: int,
    price: float,
    as_json: bool,
) -> int:
    """Say what the documents of FOLDER, or of a container, would take: text records, requests, time and price.

    Nothing is submitted or written. Every document is counted; of each kind and size some are read, and for the rest
    it is said how far off the sum may be (in 95 of 100 cases).
    """
    if (path is None) == (not container):
        raise click.UsageError("Give a folder or a file, or --container NAME.")
    # Rules are read from there; the app need not have run yet.
    next(iter(access.state.list("config/")), None)
    if path is not None:
        folder = FolderDocuments(path, into)
        found = access.app().forecaster(folder, sample).forecast(counted(folder.list()))
    else:
        documents = access.other_container(container or "")
        listed = (info._replace(name=into + info.name) for info in documents.list(prefix))
        found = access.app().forecaster(RenamedDocuments(documents, into), sample).forecast(counted(listed))
    show_forecast(priced(access, found, price), as_json=as_json)
    return DONE


def counted(documents: Iterable[BlobInfo]) -> Iterator[BlobInfo]:
    """Yield documents, and show in a terminal how many they are so far."""
    console = make_console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} documents"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(documents, total=0)


def priced(access: Access, found: Forecast, usd_per_thousand: float) -> Told:
    """Return a forecast with the times and the price that it comes to."""
    settings, busiest = access.settings, access.busiest_minute()
    budget = settings.requests_per_minute * len(settings.language_resources)
    records, pages = found.text_records, found.pages
    limit = settings.daily_text_records
    all_records = records.about + found.prebuilt_text_records.about
    return Told(
        forecast=found,
        requests_per_minute=budget,
        seconds_at_budget=found.seconds(budget),
        busiest_minute=busiest,
        seconds_at_busiest_rate=60 * found.documents / busiest if busiest else None,
        days_at_daily_limit=None if limit is None else -(-round(all_records) // limit) if limit else 0,
        price=Sum(
            about=(records.about * usd_per_thousand + pages.about * READ_PAGES.usd_per_thousand) / 1000,
            error=(records.error * usd_per_thousand + pages.error * READ_PAGES.usd_per_thousand) / 1000,
        ),
        usd_per_thousand_records=usd_per_thousand,
        usd_per_thousand_pages=READ_PAGES.usd_per_thousand,
    )


def show_forecast(told: Told, *, as_json: bool) -> None:
    """Show a forecast, or tell it to a script."""
    if as_json:
        write_json(told)
    else:
        make_console().print(picture(told))


def picture(told: Told) -> RenderableType:
    """Draw a forecast."""
    found = told.forecast
    lines: list[tuple[str, object]] = [("documents", f"{found.documents:,}")]
    if found.ignored or found.archived:
        lines.append(("besides", f"{found.ignored:,} that rules leave alone, {found.archived:,} in the archive tier"))
    lines += [
        ("read for this", "all of them" if found.read == found.documents else f"{found.read:,}, the rest is estimated"),
        ("characters", _about(found.characters)),
        ("text records", _about(found.text_records)),
    ]
    if found.prebuilt_text_records.about:
        lines.append(("", f"{_about(found.prebuilt_text_records)} of prebuilt tasks, whose price is another one"))
    if found.pages.about:
        lines.append(("pages", f"{_about(found.pages)} for OCR; the text in them is not known yet"))
    if found.unreadable.about:
        lines.append(("unreadable", f"{_about(found.unreadable)} would get an error report"))
    lines += [
        ("requests", f"{_about(found.requests)}, where documents come together"),
        ("time", Text("\n").join(map(plain, _times(told)))),
        ("price", Text("\n").join(map(plain, _price(told)))),
    ]
    return facts(lines)


def _times(told: Told) -> list[str]:
    lines = [f"{duration_of(told.seconds_at_budget)} by the budget of {told.requests_per_minute:,} requests a minute"]
    if told.busiest_minute and told.seconds_at_busiest_rate is not None:
        rate = count(told.busiest_minute, "document", "documents")
        lines.append(f"{duration_of(told.seconds_at_busiest_rate)} as in the busiest minute of the last day, {rate}")
    if told.days_at_daily_limit is not None:
        days = count(told.days_at_daily_limit, "day", "days")
        lines.append(f"{days} by DAILY_TEXT_RECORDS" if told.days_at_daily_limit else "never: DAILY_TEXT_RECORDS is 0")
    return lines


def _price(told: Told) -> list[str]:
    price, usd = told.price, told.usd_per_thousand_records
    error = f" ± {price.error:,.2f}" if round(price.error, 2) else ""
    source = ""
    if usd == CUSTOM_TEXT_RECORDS.usd_per_thousand:
        source = f", list price of {CUSTOM_TEXT_RECORDS.region}, {CUSTOM_TEXT_RECORDS.of}"
    lines = [f"{price.about:,.2f}{error} US dollars", f"{usd:,.2f} for a thousand text records{source}"]
    if told.forecast.pages.about:
        lines.append(
            f"{told.usd_per_thousand_pages:,.2f} for a thousand pages, list price of {READ_PAGES.region}, "
            f"{READ_PAGES.of}"
        )
    return lines


def _about(value: Sum) -> str:
    error = round(value.error)
    return f"{value.about:,.0f} ± {error:,}" if error else f"{value.about:,.0f}"
