"""`labels`: import, export, check and split labels files. Only `export --corrections` needs settings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..core.records import Record
from ..labels import language_studio
from ..labels.checking import check, is_service_name, service_name, texts_of
from ..labels.data_sets import DEFAULT_SHARE, shares, split
from ..labels.formats import FORMATS, UNITS, Format, Source
from ..labels.label_problems import LabelsProblem, Level
from ..labels.naming import training_name
from ..labels.streaming import stream
from ..labels.values import Document, Labels, LabelsError, LeftOut
from ..workflows.reviewed_documents import CorrectionsReader, LeftOutDocument
from .access import Access
from .exit_codes import DONE
from .left_out import told_of
from .terminal import count, make_console, plain, write_json

_STYLES = {Level.NOTE: "yellow", Level.PROBLEM: "bold red"}
_BOM = "\ufeff"
READ_AHEAD_THREADS = 16

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
_format = click.argument("format_name", metavar="FORMAT", type=click.Choice(list(FORMATS)))
_labels = click.option("--labels", "labels_file", required=True, type=_FILE, help="The labels file.")
_documents = click.option("--documents", "folder", required=True, type=_FOLDER, help="The folder of its documents.")
_unit = click.option("--unit", type=click.Choice(UNITS), help="What the other file's offsets count, if not the usual.")
_json = click.option("--json", "as_json", is_flag=True, help="One line of JSON for each.")


class ProblemRow(Record, frozen=True, kw_only=True):
    """What scripts are told of one problem."""

    code: str
    level: str
    document: str
    offset: int | None
    """In code points of the document's text."""
    told: str
    fix: str


class LeftOutRow(Record, frozen=True, kw_only=True):
    """What scripts are told of something that was not taken over."""

    document: str
    reason: str
    category: str


class ShareRow(Record, frozen=True, kw_only=True):
    """What scripts are told of one category after a split."""

    category: str
    train: int
    test: int


@click.group("labels")
def labels() -> None:
    """Convert, check and split labels files (docs/labels.md)."""


@labels.command("import")
@_format
@click.argument("source", type=_FILE)
@click.option("--labels", "labels_file", required=True, type=_NEW_FILE, help="Written.")
@click.option("--documents", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Written.")
@click.option("--project", default="", help="The project's name in the labels file.")
@click.option("--container", default="", help="The training container's name in the labels file.")
@click.option("--language", default="", help="The language of documents that name none, such as en-us.")
@_unit
@_json
def import_labels(
    format_name: str,
    source: Path,
    labels_file: Path,
    folder: Path,
    project: str,
    container: str,
    language: str,
    unit: str | None,
    as_json: bool,
) -> int:
    """Make a labels file of the Language service, and its documents, from the file of another tool.

    Documents that lie in the folder with the same content are left as they are; with another content nothing is
    written. The exit code is 1 where something was left out.
    """
    found = _read(FORMATS[format_name], source, folder, unit)
    named = replace(
        found.project,
        name=project or found.project.name or source.stem,
        container=container or found.project.container,
        language=language or found.project.language or _first_language(found),
    )
    documents = tuple(
        replace(one, language=one.language or named.language or language_studio.DEFAULT_LANGUAGE)
        for one in _renamed(tuple(_without_mark(document) for document in found.documents))
    )
    others = {one.language.lower() for one in documents}
    taken = replace(found, documents=documents, project=replace(named, is_multilingual=len(others) > 1))
    _check_unchanged(folder, documents)
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        (folder / document.name).write_bytes(document.text.encode())
    labels_file.parent.mkdir(parents=True, exist_ok=True)
    labels_file.write_bytes(language_studio.write(taken))
    return _told(found, f"{labels_file} and {folder}", as_json=as_json)


@labels.command("export")
@_format
@click.argument("target", type=_NEW_FILE)
@click.option("--labels", "labels_file", type=_FILE, help="The labels file.")
@click.option("--documents", "folder", type=_NEW_FOLDER, help="The folder of its documents.")
@click.option("--corrections", is_flag=True, help="Take what people have reviewed in the app, instead of a file.")
@click.option("--prefix", default="", help="Of those only documents whose names begin with this.")
@click.option(
    "--replaced", "with_replaced", is_flag=True, help="Of those also reviewed versions that were replaced since."
)
@_unit
@_json
@click.pass_obj
def export_labels(
    access: Access,
    format_name: str,
    target: Path,
    labels_file: Path | None,
    folder: Path | None,
    corrections: bool,
    prefix: str,
    with_replaced: bool,
    unit: str | None,
    as_json: bool,
) -> int:
    """Write a labels file and its documents as the file of another tool; or the reviewed documents of the app.

    With --corrections the forms of Language Studio name documents as a training container does, and --documents takes
    their texts. The exit code is 1 where something was left out.
    """
    if corrections:
        if labels_file or unit:
            raise click.UsageError("--corrections takes neither --labels nor --unit.")
        return _export_corrections(
            access, format_name, target, folder, prefix, with_replaced=with_replaced, as_json=as_json
        )
    if with_replaced:
        raise click.UsageError("--replaced is for --corrections only.")
    if labels_file is None or folder is None or not folder.is_dir():
        raise click.UsageError("Give --labels FILE and --documents FOLDER, or --corrections.")
    found = _read(FORMATS["language-studio"], labels_file, folder, None)
    with _as_usage_errors():
        written = FORMATS[format_name].write(found, unit)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(written)
    return _told(found, str(target), as_json=as_json)


def _export_corrections(
    access: Access,
    format_name: str,
    target: Path,
    folder: Path | None,
    prefix: str,
    *,
    with_replaced: bool,
    as_json: bool,
) -> int:
    """Write reviewed documents, one after the other."""
    access.check_containers("OUTPUT_CONTAINER", "STATE_CONTAINER")
    threads = ThreadPoolExecutor(READ_AHEAD_THREADS)
    reader = CorrectionsReader(access.documents, access.records, access.corrections, threads)
    left_out: list[LeftOutDocument] = []
    count_of = Counter[str]()

    def documents() -> Iterator[Document]:
        for found in reader.documents(prefix, with_replaced=with_replaced):
            if isinstance(found, LeftOutDocument):
                left_out.append(found)
                continue
            if folder:
                name = training_name(found.document.name)
                _check_unchanged(folder, [replace(found.document, name=name)])
                (folder / name).write_bytes(found.document.text.encode())
            count_of["documents"] += 1
            count_of["labels"] += len(found.document.spans)
            yield found.document

    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A file that is there stays whole until the new one is.
    beside = target.with_name(f"{target.name}.new")
    with _as_usage_errors(), beside.open("wb") as file:
        file.writelines(stream(format_name, documents()))
    beside.replace(target)
    if as_json:
        for one in left_out:
            write_json(LeftOutRow(document=one.name, reason=one.reason.value, category=""))
        return int(bool(left_out))
    console = make_console(stderr=True)
    for one in left_out:
        console.print(plain(f"left out  {one.name}: {told_of(one.reason)}"), soft_wrap=True)
    what = (
        f"{count(count_of['documents'], 'document', 'documents')} with {count(count_of['labels'], 'label', 'labels')}"
    )
    console.print(plain(f"{what}, {count(len(left_out), 'document', 'documents')} left out: {target}"))
    return int(bool(left_out))


@labels.command("check")
@_labels
@_documents
@click.option("--write", "target", type=_NEW_FILE, help="Write corrected labels here.")
@_json
def check_labels(labels_file: Path, folder: Path, target: Path | None, as_json: bool) -> int:
    """Find what is wrong with a labels file and its documents; each problem with its fix.

    The exit code is 1 where there is a problem; notes are no problems.
    """
    with _as_usage_errors():
        content = labels_file.read_bytes()
        names = language_studio.locations(content)
        texts, of_files = texts_of(_files(folder, names))
        found = language_studio.read(content, texts)
        unit = language_studio.unit_of(content)
    unreadable = frozenset(one.document for one in of_files if one.document not in texts)
    checked = check(found, unreadable, unit)
    problems = [*of_files, *checked.problems]
    if as_json:
        for one in problems:
            write_json(_row(one))
    else:
        _show_problems(problems, found)
    if target:
        target.write_bytes(language_studio.write(checked.corrected))
    return int(any(one.level is Level.PROBLEM for one in problems))


@labels.command("split")
@_labels
@_documents
@click.option("--share", type=_SHARE, default=DEFAULT_SHARE, show_default=True, help="Of the test set.")
@click.option("--anew", is_flag=True, help="Forget the sets that the file gives.")
@click.option("--output", type=_NEW_FILE, help="Write here; else into the file itself.")
@_json
def split_labels(labels_file: Path, folder: Path, share: float, anew: bool, output: Path | None, as_json: bool) -> int:
    """Divide the documents into a training and a test set that stay the same when documents are added."""
    found = _read(FORMATS["language-studio"], labels_file, folder, None)
    if found.left_out:
        _show_left_out(found.left_out)
        told = f"Nothing was written: {labels_file} has labels that can not be kept. 'labels check' says what to do."
        raise click.UsageError(told)
    divided = split(found, share, anew=anew)
    (output or labels_file).write_bytes(language_studio.write(divided))
    rows = shares(divided)
    if as_json:
        for one in rows:
            write_json(ShareRow(category=one.category, train=one.train, test=one.test))
        return DONE
    table = Table("category", "training labels", "test labels", box=None, pad_edge=False)
    for one in rows:
        table.add_row(plain(one.category), str(one.train), str(one.test), style="" if one.test else "yellow")
    console = make_console()
    console.print(table)
    sets = Counter(document.dataset for document in divided.documents)
    console.print(
        f"{sets['Train']} documents to train on, {sets['Test']} to test on; written to {output or labels_file}."
    )
    return DONE


# --- files ----------------------------------------------------------------------------------------------------------


@contextmanager
def _as_usage_errors() -> Iterator[None]:
    """Turn a file that can not be used into a sentence and the exit code of wrong use."""
    try:
        yield
    except LabelsError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        told = f"{error.filename or 'A file'} can not be read: {error.strerror or type(error).__name__}."
        raise click.ClickException(told) from None


def _read(one: Format, file: Path, folder: Path, unit: str | None) -> Labels:
    """Read a labels file of any format. Raises `click.ClickException`."""
    with _as_usage_errors():
        content = file.read_bytes()
        if one.has_texts:
            # Words without white space are looked up in texts that are there already.
            names = [path.name for path in sorted(folder.glob("*.txt"))] if one.name == "conll" else []
        else:
            names = language_studio.locations(content)
        texts, _ = texts_of(_files(folder, names))
        return one.read(content, Source(texts, unit))


def _files(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return the bytes of the documents that are there; a name that leads out of the folder is none."""
    found = {}
    for name in names:
        path = (folder / name).resolve()
        if name and path.is_relative_to(folder.resolve()) and path.is_file():
            found[name] = path.read_bytes()
    return found


def _check_unchanged(folder: Path, documents: Iterable[Document]) -> None:
    for document in documents:
        path = folder / document.name
        if path.exists() and texts_of({document.name: path.read_bytes()})[0].get(document.name) != document.text:
            raise click.ClickException(
                f"{path} is there with another content, so nothing was written. Take another folder, or remove it."
            )


def _first_language(found: Labels) -> str:
    return next((one.language for one in found.documents if one.language), "")


def _without_mark(document: Document) -> Document:
    """Take a byte-order mark off a text: in a file it would be no part of it, and offsets would not fit."""
    if not document.text.startswith(_BOM):
        return document
    moved = (replace(one, start=max(0, one.start - 1), end=one.end - 1) for one in document.spans)
    return replace(document, text=document.text[1:], spans=tuple(one for one in moved if one.start < one.end))


def _renamed(documents: tuple[Document, ...]) -> Iterable[Document]:
    """Yield documents under names that the service takes, no two the same."""
    used: set[str] = set()
    for document in documents:
        name = wanted = document.name if is_service_name(document.name) else service_name(document.name)
        number = 1
        while name.casefold() in used:
            number += 1
            name = f"{wanted.removesuffix('.txt')}{number}.txt"
        used.add(name.casefold())
        yield replace(document, name=name)


# --- what is told ---------------------------------------------------------------------------------------------------


def _told(found: Labels, where: str, *, as_json: bool) -> int:
    if as_json:
        for one in found.left_out:
            write_json(LeftOutRow(document=one.document, reason=str(one.reason), category=one.category))
        return int(bool(found.left_out))
    _show_left_out(found.left_out)
    marked = sum(len(one.spans) + len(one.classes) for one in found.documents)
    told = f"{count(len(found.documents), 'document', 'documents')} with {count(marked, 'label', 'labels')}"
    make_console(stderr=True).print(
        plain(f"{told}, {count(len(found.left_out), 'entry', 'entries')} left out: {where}")
    )
    return int(bool(found.left_out))


def _show_left_out(left_out: Iterable[LeftOut]) -> None:
    console = make_console(stderr=True)
    for one in left_out:
        console.print(plain(f"left out  {one}"), soft_wrap=not console.is_terminal)


def _row(one: LabelsProblem) -> ProblemRow:
    return ProblemRow(
        code=one.code, level=one.level.value, document=one.document, offset=one.offset, told=one.told, fix=one.fix
    )


def _show_problems(problems: list[LabelsProblem], found: Labels) -> None:
    console: Console = make_console()
    for one in problems:
        place = f"{one.document}, character {one.offset}" if one.offset is not None else one.document or "all"
        line = Text.assemble((f"{one.level.value:<8}", _STYLES[one.level]))
        line.append_text(plain(f"{place}: {one.told}"))
        line.append("\n        ").append_text(plain(one.fix, "dim"))
        console.print(line, soft_wrap=not console.is_terminal)
    levels = Counter(one.level for one in problems)
    documents = count(len(found.documents), "document", "documents")
    console.print(f"{documents}: {levels[Level.PROBLEM]} problems, {levels[Level.NOTE]} notes.")
