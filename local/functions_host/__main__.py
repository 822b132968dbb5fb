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
from local.functions_host.easy_auth import ACTIONS, SignIn
from local.functions_host.errors import StartError
from local.functions_host.events import EventFile
from local.functions_host.host import Host, HostSettings, describe_webhooks
from local.functions_host.host_json import read_host_json
from local.functions_host.http_face import bind
from local.functions_host.http_keys import FunctionKeys
from local.functions_host.http_trigger import RESPONSE_TIMEOUT_S
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
    "--enable-auth",
    is_flag=True,
    help="Ask for keys as in Azure; without it every function is open to this machine, as with Core Tools.",
)
@click.option("--host-key", help="The key that opens every function; made and printed when absent.")
@click.option(
    "--function-key",
    "function_keys",
    multiple=True,
    metavar="NAME=KEY",
    help="The key of one function; may be given several times.",
)
@click.option(
    "--response-timeout",
    type=click.FloatRange(0.1, 3600),
    default=RESPONSE_TIMEOUT_S,
    show_default=True,
    help="Seconds after which an HTTP request is answered with 502.",
)
@click.option("--sign-in", "user", help="Imitate App Service Authentication; this is the user who signs in.")
@click.option(
    "--unauthenticated-action",
    type=click.Choice(ACTIONS),
    default=ACTIONS[0],
    show_default=True,
    help="With --sign-in: what happens to a request without a session.",
)
@click.option(
    "--excluded-path",
    "excluded_paths",
    multiple=True,
    help="With --sign-in: a path that needs no session; may end in '*', may be given several times.",
)
@click.option(
    "--front-end",
    is_flag=True,
    help="Take scheme and host name from X-Forwarded-Proto and DISGUISED-HOST, as in Azure.",
)
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
    enable_auth: bool,
    host_key: str | None,
    function_keys: tuple[str, ...],
    response_timeout: float,
    user: str | None,
    unauthenticated_action: str,
    excluded_paths: tuple[str, ...],
    front_end: bool,
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
    extension = {"extension_key": extension_key} if extension_key else {}
    keys = _keys(enable_auth, master_key, host_key, function_keys)
    settings = HostSettings(
        app,
        port,
        message_lease,
        scan_interval,
        master_key,
        keys=keys,
        response_timeout_s=response_timeout,
        sign_in=SignIn(user, action=unauthenticated_action, excluded_paths=excluded_paths) if user else None,
        behind_front_end=front_end,
        **extension,
    )
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
    if enable_auth and not host_key:
        click.echo(f"Host key of the HTTP functions: {keys.host}")
    if enable_auth and not master_key:
        click.echo(f"Master key: {keys.master}")
    click.echo(ready)
    sys.stdout.flush()
    while not stop.wait(_SIGNALS_EVERY_S):
        pass
    _stop(host)


def _keys(is_enforced: bool, master: str | None, host: str | None, functions: Sequence[str]) -> FunctionKeys:
    by_name = dict(pair.partition("=")[::2] for pair in functions)
    if not all(by_name.values()):
        raise click.BadParameter("write it as NAME=KEY", param_hint="--function-key")
    given = {name: key for name, key in (("master", master), ("host", host)) if key}
    return FunctionKeys(is_enforced, functions=by_name, **given)


def _interrupt(stop: threading.Event) -> None:
    if stop.is_set():
        # Asked twice at the keyboard: leave at once, as a killed host would; the messages in work come back.
        os._exit(130)
    stop.set()


def _start(settings_file: Path, settings: HostSettings) -> tuple[Host, str]:
    skipped = apply_settings(read_settings_file(settings_file), os.environ)
    if skipped:
        logger.info("Already in the environment, so not taken from the settings file: %s.", ", ".join(sorted(skipped)))
    try:
        listener = bind(settings.port)
    except OSError as exc:
        raise StartError([f"Port {settings.port} of 127.0.0.1 cannot be had: {exc.strerror}."]) from exc
    # What the app may read while it is imported, as under Core Tools and the platform.
    os.environ.setdefault("WEBSITE_HOSTNAME", f"127.0.0.1:{listener.getsockname()[1]}")
    if settings.sign_in:
        os.environ["WEBSITE_AUTH_ENABLED"] = "True"
    # Both are read before either is refused, so that one start names all that must be fixed.
    options, problems = _or_problems(lambda: read_host_json(settings.app / "host.json", cores=os.cpu_count() or 1))
    functions, more = _or_problems(lambda: load_app(settings.app))
    if options is None or functions is None:
        raise StartError([*problems, *more])
    host = Host(settings, options, functions, listener=listener)
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
