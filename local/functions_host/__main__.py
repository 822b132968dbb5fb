"""The command: `python -m local.functions_host --settings FILE`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from local.functions_host.app_loader import describe, load_app
from local.functions_host.connections import apply_settings, read_settings_file
from local.functions_host.errors import StartError
from local.functions_host.events import EventFile
from local.functions_host.host import Host, HostSettings, describe_webhooks
from local.functions_host.host_json import read_host_json
from local.functions_host.queue_trigger import MESSAGE_LEASE_S
from local.functions_host.redaction import RedactingFormatter

logger = logging.getLogger("local.functions_host")

T = TypeVar("T")

_SIGNALS_EVERY_S = 0.5
"""On Windows no signal reaches a thread that waits without an end."""


@click.command(help="Run a Python functions app against a storage account, as the Azure Functions host would.")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    required=True,
    help="App settings in the shape of local.settings.json. Variables of the environment win.",
)
@click.option("--app", type=click.Path(path_type=Path), default=Path(), help="Folder of function_app.py and host.json.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option(
    "--message-lease",
    type=click.FloatRange(2, 604800),
    default=MESSAGE_LEASE_S,
    show_default=True,
    help="Seconds that a message in work is hidden, renewed at half time; a killed host's messages come back after it.",
)
@click.option(
    "--scan-interval",
    type=click.FloatRange(0.05, 3600),
    default=1.0,
    show_default=True,
    help="Seconds between two passes over the containers.",
)
@click.option("--extension-key", help="The blobs_extension key of the webhook; made and printed when absent.")
@click.option("--master-key", help="Key of the admin routes; without one they are open to this machine.")
@click.option(
    "--events",
    "events_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append log events (records with an action) to this file, as JSON lines; several hosts may share it.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
)
def main(
    settings_file: Path,
    app: Path,
    port: int,
    message_lease: float,
    scan_interval: float,
    extension_key: str | None,
    master_key: str | None,
    events_file: Path | None,
    log_level: str,
) -> None:
    """Run the host until SIGTERM or SIGINT; exit code 1 when it cannot start."""
    _configure_logging(log_level)
    if events_file:
        logging.getLogger().addHandler(EventFile(events_file))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: _interrupt(stop))
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, lambda *_: stop.set())  # what local/process.py sends there
    keys = {"extension_key": extension_key} if extension_key else {}
    settings = HostSettings(app, port, message_lease, scan_interval, master_key, **keys)
    try:
        host, ready = _start(settings_file, settings)
    except StartError as exc:
        lines = "\n".join(f"- {problem}" for problem in exc.problems)
        click.echo(f"The functions host cannot start:\n{lines}", err=True)
        logger.debug("The cause in full:", exc_info=exc)
        sys.exit(1)
    # A key that was made here is worth printing; one that was given is the giver's to keep.
    if webhooks := describe_webhooks(host, "<extension key>" if extension_key else settings.extension_key):
        click.echo(webhooks)
    click.echo(ready)
    sys.stdout.flush()
    while not stop.wait(_SIGNALS_EVERY_S):
        pass
    _stop(host)


def _interrupt(stop: threading.Event) -> None:
    if stop.is_set():
        # Asked twice at the keyboard: leave at once, as a killed host would; the messages in work come back.
        os._exit(130)
    stop.set()


def _start(settings_file: Path, settings: HostSettings) -> tuple[Host, str]:
    skipped = apply_settings(read_settings_file(settings_file), os.environ)
    if skipped:
        logger.info("Already in the environment, so not taken from the settings file: %s.", ", ".join(sorted(skipped)))
    # Both are read before either is refused, so that one start names all that must be fixed.
    options, problems = _or_problems(lambda: read_host_json(settings.app / "host.json", cores=os.cpu_count() or 1))
    functions, more = _or_problems(lambda: load_app(settings.app))
    if options is None or functions is None:
        raise StartError([*problems, *more])
    host = Host(settings, options, functions)
    host.start()
    return host, f"Functions host ready on {host.url} with {describe(functions)}"


def _or_problems(read: Callable[[], T]) -> tuple[T | None, Sequence[str]]:
    try:
        return read(), ()
    except StartError as exc:
        return None, exc.problems


def _stop(host: Host) -> None:
    logger.info("Stopping: no new work is taken, running functions end.")
    if not host.stop():
        # A Python thread cannot be ended from outside; its message comes back when its hidden time lapses.
        logger.warning("A timed-out run still holds its thread; leaving without it.")
        logging.shutdown()
        os._exit(0)


def _configure_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in ("azure", "msal", "urllib3", "uvicorn"):
        # Their lines tell about single requests; the host's own lines say what matters.
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


if __name__ == "__main__":
    main()
