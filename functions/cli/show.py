"""`show`: everything about one document."""

from collections.abc import Iterable, Iterator

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..core.jobs import Job
from ..core.results import ErrorReport, reading_warning
from ..tasks.classification import ClassesResult
from ..tasks.entities import Entity, EntityResultFile
from ..tasks.key_phrases import KeyPhrasesResult
from ..tasks.task import ResultFile
from ..text.offsets import Ruler
from ..workflows.queries import Details
from .access import Access
from .exit_codes import DONE, NOT_ALL_DONE
from .terminal import (
    STATE_STYLES,
    colours_of,
    count,
    duration,
    facts,
    is_command,
    make_console,
    plain,
    when,
    write_json,
)


@click.command("show")
@click.argument("name")
@click.option("--text", "with_text", is_flag=True, help="Show the text too, with the entities coloured.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@click.pass_obj
def show(access: Access, name: str, with_text: bool, as_json: bool) -> int:
    """Show the versions, history, job and result of the document NAME. The exit code is 1 where it is unknown."""
    queries = access.queries
    details = queries.details(name)
    if details.lacks_result:
        access.check_containers("OUTPUT_CONTAINER")
    if as_json:
        write_json(details)
        return DONE if details.is_known else NOT_ALL_DONE
    console = make_console()
    if not details.is_known:
        console.print(plain(f"There is no document {name!r}, and no record of one."))
        return NOT_ALL_DONE
    console.print(picture(details, name))
    if with_text:
        text = queries.text(details)
        if not details.results:
            console.print("\nThere is no result whose text could be shown.")
        elif text is None:
            console.print("\nIts text is not there any more in the version of the result.")
        else:
            console.print()
            console.print(coloured(text, details.with_entities), soft_wrap=True)
    return DONE


def picture(details: Details, name: str) -> RenderableType:
    """Draw what is known of a document."""
    parts: list[RenderableType] = [plain(name, "bold"), facts(_facts(details))]
    if details.record and details.record.history:
        parts += [Text("\nhistory", "bold"), _history(details)]
    parts += [part for job in details.jobs for part in (Text(f"\njob {job.id}", "bold"), facts(_job(job)))]
    if details.report:
        parts += [Text("\nerror report", "bold"), _report(details.report)]
    for suffix, result in details.results.items():
        parts += [Text(f"\n{suffix.removeprefix('.').removesuffix('.json')}", "bold"), _result(result)]
    return Group(*parts)


def _facts(details: Details) -> Iterator[tuple[str, object]]:
    row, record = details.row, details.record
    if row is None:
        yield "state", plain("the document is not there any more", "yellow")
    else:
        code = f" ({row.code})" if row.code else ""
        yield "state", plain(f"{row.state.value}{code}", STATE_STYLES[row.state.value])
        yield "dropped", f"{when(row.dropped)} UTC, {row.size_bytes:,} bytes, version {row.etag}"
    if details.refusal:
        yield "refused", f"by the storage ({details.refusal.code}) since {when(details.refusal.first_seen)} UTC"
    if record is None:
        yield "record", "none: no run has taken it on yet"
        return
    if row and record.document.etag != row.etag:
        yield "record", f"of an earlier version, {record.document.etag}"
    read = [f"{record.document.characters:,} characters"] if record.document.characters is not None else []
    read += [record.document.encoding] if record.document.encoding else []
    read += [record.text.format] if record.text else []
    if read:
        yield "read as", ", ".join(read)
    if record.work.tasks:
        yield "model" if len(record.work.tasks) == 1 else "models", record.work.model
    yield "submissions", f"{record.submissions} of at most {record.submissions_allowed}"
    for stored in record.warnings:
        warning = reading_warning(stored)
        yield "warning", plain(f"{warning.code}: {warning.message}", "yellow")


def _history(details: Details) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for entry in details.record.history if details.record else ():
        table.add_row(f"{entry.at:%m-%d %H:%M:%S}", plain(entry.event), plain(f"{entry.reason} {entry.job}".strip()))
    return table


def _job(job: Job) -> Iterator[tuple[str, object]]:
    yield "state", f"{job.state.value}, step {job.step}"
    yield "documents", str(len({chunk.document for chunk in job.chunks}))
    if job.operation_url:
        yield "submitted", f"{when(job.submitted)} UTC" if job.submitted else "at an unknown time"
        yield "polls", str(job.polls)
    yield "next step", f"{when(job.due)} UTC"
    if job.last_error:
        yield "last problem", plain(f"{job.last_error.code}: {job.last_error.message} {job.last_error.help}", "yellow")


def _report(report: ErrorReport) -> RenderableType:
    error = report.error
    return Group(
        plain(f"{error.code}: {error.message}", "red"),
        plain(error.help),
        *(plain(f"{one.task}: {one.error.code}: {one.error.message}", "red") for one in report.tasks or ()),
        plain(f"Fault: {error.fault.value}. Reported {when(report.occurred_date_time)} UTC.", "dim"),
    )


def _result(result: ResultFile) -> RenderableType:
    """Draw what a result has found."""
    found: RenderableType
    match result:
        case EntityResultFile():
            found, kinds = _entities(result), ("entity", "entities")
        case ClassesResult():
            found, kinds = _classes(result), ("class", "classes")
        case KeyPhrasesResult():
            found, kinds = plain("; ".join(result.key_phrases)), ("key phrase", "key phrases")
        case _:
            raise TypeError(f"results of the kind {type(result).__name__} can not be drawn")
    took = result.completed_date_time - result.document.last_modified
    records = count(result.text_records, "text record", "text records")
    about = f"{count(result.found_count, *kinds)}, {records}, {duration(took)} after the drop"
    return Group(found, plain(about, "dim"))


def _classes(result: ClassesResult) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for one in result.classes:
        table.add_row(plain(one.category), f"{one.confidence_score:.2f}")
    return table


def _entities(result: EntityResultFile) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    colours = colours_of(entity.category for entity in result.entities)
    for entity in result.entities:
        place = ", ".join(f"{kind} {at}" for kind, at in entity.location.items()) if entity.location else ""
        table.add_row(
            plain(entity.category, colours[entity.category]),
            plain(entity.text),
            f"{entity.confidence_score:.2f}",
            plain(place),
        )
    return table


def coloured(text: str, results: Iterable[EntityResultFile]) -> Text:
    """Return a text with its entities coloured; what a terminal would obey is shown as a replacement character."""
    # Sign by sign, so that offsets stay right.
    signs = text.replace("\r\n", " \n")
    shown = Text("".join("\N{REPLACEMENT CHARACTER}" if _is_hidden(sign) else sign for sign in signs))
    for result in results:
        ruler = Ruler(text, result.string_index_type)
        colours = colours_of(entity.category for entity in result.entities)
        for entity in result.entities:
            span = _span(ruler, entity)
            if span and text[span[0] : span[1]] == entity.text:
                shown.stylize(f"bold {colours[entity.category]} underline", *span)
    return shown


def _is_hidden(sign: str) -> bool:
    return is_command(sign) and sign not in "\n\t"


def _span(ruler: Ruler, entity: Entity) -> tuple[int, int] | None:
    start, end = ruler.to_code_point(entity.offset), ruler.to_code_point(entity.offset + entity.length)
    return (start, end) if start is not None and end is not None else None
