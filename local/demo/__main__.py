"""The commands: ``python -m local.demo run|start|measure``."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from azure.core.exceptions import AzureError
from requests import RequestException
from rich.console import Console
from rich.text import Text

from functions.cli import terminal
from local.azurite import StorageMissingError
from local.demo import view
from local.demo.folders import OverlappingFoldersError, check_apart
from local.demo.measure import MeasurementError
from local.demo.measure import measure as measure_stack
from local.demo.run import run as run_documents
from local.demo.start import start as watch_folder
from local.file_lock import LockedError, file_lock
from local.process import ROOT, LocalProcessError, loopback_without_proxy
from local.stack import SAMPLES, Stack

CACHE = ROOT / ".cache"
EXIT_INTERRUPTED = 130

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(help="Run the product on this machine, with stand-ins for Azure.")
def main() -> None:
    """Prepare what every command needs."""
    os.environ.update(loopback_without_proxy())
    for stream in (sys.stdout, sys.stderr):
        # Names and entities may have characters that this terminal cannot show; that is no reason to fail.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    # SIGINT as well: a shell lets what it starts in the background ignore it, and then nothing but a kill would end us.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)


@main.command(help="Drop the samples, show progress, print each document's entities; exit code 0 if all have some.")
@click.option("--documents", type=_FOLDER, default=SAMPLES / "drop", help="Folder of the documents to drop.")
@click.option("--out", type=_NEW_FOLDER, default=ROOT / "out")
@click.option("--hosts", type=click.IntRange(1, 16), default=1, show_default=True, help="Number of functions hosts.")
@click.option("--work", type=_NEW_FOLDER, default=CACHE / "run", help="Folder for logs, settings and storage.")
@click.option(
    "--timeout", type=click.FloatRange(1), default=300, show_default=True, help="Seconds to wait for results."
)
def run(documents: Path, out: Path, hosts: int, work: Path, timeout: float) -> None:
    """Drop documents once."""

    _check_folders(work, {"--documents": documents, "--out": out})

    def act(stack: Stack, console: Console) -> int:
        return run_documents(stack, console, documents, out, timeout)

    # The stand-in reads scans that were made for it; of others it would say that they are blank.
    _with_stack(work, act, hosts=hosts, has_ocr=documents.resolve() == (SAMPLES / "drop").resolve())


@main.command(help="Stay up and watch a folder: a file saved there comes back as a result.")
@click.option("--drop", type=_NEW_FOLDER, default=ROOT / "drop")
@click.option("--out", type=_NEW_FOLDER, default=ROOT / "out")
@click.option("--hosts", type=click.IntRange(1, 16), default=1, show_default=True, help="Number of functions hosts.")
@click.option("--work", type=_NEW_FOLDER, default=CACHE / "start", help="Folder for logs, settings and storage.")
def start(drop: Path, out: Path, hosts: int, work: Path) -> None:
    """Watch a folder until interrupted."""

    _check_folders(work, {"--drop": drop, "--out": out})

    def act(stack: Stack, console: Console) -> int:
        watch_folder(stack, console, drop, out, events_file(work))
        return 0

    _with_stack(work, act, hosts=hosts, keep_storage=True)


@main.command(help="Measure seconds from drop to result, and documents a minute.")
@click.option("--documents", type=click.IntRange(1, 100_000), default=500, show_default=True, help="Dropped at once.")
@click.option("--single", type=click.IntRange(1, 100), default=5, show_default=True, help="Dropped one by one before.")
@click.option("--hosts", type=click.IntRange(1, 16), default=1, show_default=True, help="Number of functions hosts.")
@click.option("--work", type=_NEW_FOLDER, default=CACHE / "measure", help="Folder for logs, settings and storage.")
def measure(documents: int, single: int, hosts: int, work: Path) -> None:
    """Measure on this machine."""

    def act(stack: Stack, console: Console) -> int:
        measure_stack(stack, console, documents, single)
        return 0

    _with_stack(work, act, hosts=hosts)


def events_file(work: Path) -> Path:
    """Return the file in which the functions hosts leave their log events."""
    return work / "logs" / "events.jsonl"


def _check_folders(work: Path, folders: dict[str, Path]) -> None:
    """Refuse folders that overlap: results would become documents, or documents be cleared away with old logs."""
    own = {f"the {name} folder of --work": work / name for name in ("logs", "storage")}
    try:
        check_apart({**folders, **own})
    except OverlappingFoldersError as error:
        raise click.ClickException(str(error)) from error
    except (OSError, RuntimeError) as error:
        raise click.ClickException(f"A folder cannot be used: {error}") from error


def _with_stack(
    folder: Path,
    act: Callable[[Stack, Console], int],
    *,
    hosts: int,
    keep_storage: bool = False,
    has_ocr: bool = False,
) -> None:
    """Start everything, do the work, stop everything; exit with a code, and an error that explains what went wrong."""
    console = terminal.make_console()
    try:
        with _only_one(folder):
            shutil.rmtree(folder / "logs", ignore_errors=True)
            storage_folder = folder / "storage" if keep_storage else None
            with _started(console, folder, hosts, storage_folder, has_ocr=has_ocr) as stack:
                code = _act(stack, console, act)
    except KeyboardInterrupt:
        console.print(Text("\nStopped.", style="bold"))
        code = 0 if keep_storage else EXIT_INTERRUPTED
    except (LocalProcessError, StorageMissingError, MeasurementError, AlreadyRunningError) as error:
        console.print(Text("\n").append_text(_lines(str(error))))
        code = 1
    except (AzureError, RequestException) as error:
        what = f"A request to a part that runs failed: {str(error).splitlines()[0]}"
        console.print(Text("\n").append_text(_lines(f"{what}\nIts log is in {view.path(folder / 'logs')}/.")))
        code = 1
    sys.exit(code)


def _act(stack: Stack, console: Console, act: Callable[[Stack, Console], int]) -> int:
    try:
        return act(stack, console)
    except (AzureError, RequestException):
        stack.check()  # a part that has died explains more than a request that failed
        raise


@contextlib.contextmanager
def _started(
    console: Console, folder: Path, hosts: int, storage_folder: Path | None, *, has_ocr: bool
) -> Iterator[Stack]:
    status = console.status("") if console.is_terminal else None

    def tell(text: str) -> None:
        if status:
            status.update(f"{text} …")
        else:
            console.print(f"{text} …")

    # After a crash the messages that a host had in hand come back in half a minute, not in Azure's ten.
    options = ["--message-lease", "30", "--events", str(events_file(folder))]
    stack = Stack(folder, hosts=hosts, storage_folder=storage_folder, host_options=options, has_ocr=has_ocr, tell=tell)
    with status or contextlib.nullcontext():
        stack.start()
    try:
        yield stack
    finally:
        stack.stop()


class AlreadyRunningError(RuntimeError):
    """The same command runs already, on the same folders."""


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases it even if this program is killed."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(file_lock(folder / "lock"))
        except LockedError:
            raise AlreadyRunningError(
                f"The same command is running already and uses the folder {view.path(folder)}. "
                "Stop it first (Ctrl-C in its window), or give this one a folder of its own: --work FOLDER."
            ) from None
        yield


def _lines(text: str) -> Text:
    shown = Text()
    for number, line in enumerate(text.splitlines()):
        shown.append_text(terminal.plain(line, "bold red" if number == 0 else "")).append("\n")
    return shown


if __name__ == "__main__":
    main()
