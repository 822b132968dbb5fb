"""``start``: a file saved into ``drop/`` comes back as a result in ``out/``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from azure.core.exceptions import AzureError, HttpResponseError
from rich.console import Console
from rich.text import Text

from functions.cli import terminal
from local.demo import view
from local.demo.containers import Containers
from local.demo.folders import ChangedError, DropFolder, document_name, name_problem, read_document
from local.demo.mirror import Arrival, Mirror
from local.demo.notices import EventTail, Notice, Notices
from local.stack import Stack

_POLL_S = 0.2
_QUIET_POLL_S = 1.0
"""How often results are looked for while none is expected: a listing costs the emulator some work."""


def start(stack: Stack, console: Console, drop: Path, out: Path, events: Path) -> None:
    """Watch the folder ``drop`` and bring results to ``out``, until interrupted.

    ``events`` is the file that the functions hosts append their log events to. Raises ``LocalProcessError`` if a part
    dies.
    """
    drop.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    console.print(
        terminal.facts(
            [
                ("save documents into", f"{view.path(drop)}/"),
                ("results come to", f"{view.path(out)}/"),
                ("documents are kept in", f"{view.path(stack.folder / 'storage')}/"),
                ("logs", f"{view.path(stack.folder / 'logs')}/"),
                ("blob storage", stack.storage.blob_endpoint),
                ("Language stand-in", stack.language_url),
                ("see and steer", f"python -m functions --settings {view.path(stack.settings_file)} status"),
            ]
        )
    )
    console.print(Text("\nWatching. Ctrl-C stops everything.", style="bold"))
    console.print(Text(f"The page, with samples to try: {stack.hosts[0].url}/\n", style="bold"))
    with Containers(stack) as containers:
        watch = Watch(containers, console, drop, out, events)
        while True:
            watch.get_properties()
            stack.check()
            time.sleep(_POLL_S)


class Watch:
    """One look after the other: files that are ready go in, results that have come go out, what waits gets a line."""

    def __init__(
        self,
        containers: Containers,
        console: Console,
        drop: Path,
        out: Path,
        events: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` counts seconds and never goes back."""
        self._clock = clock
        self._containers = containers
        self._console = console
        self._folder = DropFolder(drop)
        self._mirror = Mirror(containers, out)
        self._events = EventTail(events)
        self._notices = Notices()
        self._uploads = Outage("The storage emulator takes no documents", "The storage emulator takes documents again.")
        self._listing = Outage("The storage emulator gives no results", "The storage emulator gives results again.")
        self._dropped: dict[str, float] = {}
        self._looked = 0.0

    def get_properties(self) -> None:
        """Upload what is ready and fetch what has come, with a line for each; a failing storage is tried again."""
        ready = self._folder.ready(self._clock())
        for found in self._folder.skipped():
            self._console.print(view.skipped(document_name(self._folder.folder, found.file), found.problem))
        self._upload(ready)
        now = self._clock()
        if self._dropped or now - self._looked >= _QUIET_POLL_S:
            self._looked = now
            self._fetch()
        self._report_waiting(self._clock())

    def _upload(self, files: Sequence[Path]) -> None:
        for number, file in enumerate(files):
            name = document_name(self._folder.folder, file)
            try:
                data = self._content(name, file)
                if data is None:
                    continue
                self._drop(name, data)
            except AzureError as error:
                if _is_refusal(error):
                    self._console.print(view.skipped(name, _sentence(error)))
                    continue
                # The others would only wait for the same storage.
                for later in files[number:]:
                    self._folder.again(later)
                self._say(self._uploads.failed(error))
                return
            self._say(self._uploads.ended())

    def _content(self, name: str, file: Path) -> bytes | None:
        """Return a file's content; ``None``, with a line where somebody has to act, if there is nothing to upload."""
        problem = name_problem(name)
        try:
            data = b"" if problem else read_document(file)
        except (ChangedError, FileNotFoundError):
            return None  # saved anew, or gone: either is noticed by itself
        except OSError as error:
            problem = str(error.strerror)
        if problem:
            self._console.print(view.skipped(name, problem))
            return None
        return data

    def _drop(self, name: str, data: bytes) -> None:
        if self._containers.holds(name, data):
            return  # unchanged since an earlier start: its result is there, or on its way
        began = self._clock()
        self._containers.drop(name, data)
        self._dropped[name] = began
        self._console.print(view.event("→", "cyan", terminal.plain(name), (f"  {len(data):,} bytes")))

    def _fetch(self) -> None:
        try:
            arrivals = self._mirror.update()
        except AzureError as error:
            self._say(self._listing.failed(error))
            return
        self._say(self._listing.ended())
        for arrival in arrivals:
            self._console.print(self._describe(arrival))

    def _report_waiting(self, now: float) -> None:
        for event in self._events.new():
            for notice in self._notices.take(event, now):
                self._say(notice)
        for notice in self._notices.tick(now):
            self._say(notice)

    def _say(self, notice: Notice | None) -> None:
        if notice:
            symbol, style = ("!", "bold yellow") if notice.is_trouble else ("✓", "green")
            self._console.print(view.event(symbol, style, terminal.plain(notice.text)))

    def _describe(self, arrival: Arrival) -> Text:
        name = arrival.content["document"]["name"]
        began = self._dropped.pop(name, None)
        took = f" in {self._clock() - began:.1f} s" if began is not None else ""
        if arrival.file is None:
            return view.event("!", "bold red", terminal.plain(f"{name}: the result was not written: {arrival.problem}"))
        if arrival.result.is_error:
            error = arrival.content["error"]
            return view.event(
                "✗",
                "bold red",
                terminal.plain(name),
                f"  error report{took}: ",
                terminal.plain(f"{error['code']}: {error['message']}"),
            )
        entities = terminal.count(len(arrival.content["entities"]), "entity", "entities")
        return view.event(
            "✓", "green", terminal.plain(name), f"  {entities}{took}, see ", terminal.plain(view.path(arrival.file))
        )


def _is_refusal(error: AzureError) -> bool:
    """Tell whether storage refused one document for itself, as it would again."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return status is not None and 400 <= status < 500 and status not in (408, 429)


def _sentence(error: AzureError) -> str:
    """Return the first line of what storage says, without the full stop at its end."""
    return next(iter(str(error).splitlines()), type(error).__name__).removesuffix(".")


class Outage:
    """Gives one line when an operation begins to fail, or fails for another reason, and one when it works again."""

    def __init__(self, failing: str, working: str) -> None:
        self._failing = failing
        self._working = working
        self._reason: tuple[object, ...] | None = None

    def failed(self, error: AzureError) -> Notice | None:
        """The operation failed; returns the line, if there is something new to say."""
        # A connection error names objects by their addresses, so its text differs each time.
        status = getattr(error, "status_code", None)
        reason = (type(error), status, getattr(error, "error_code", None))
        if reason == self._reason:
            return None
        self._reason = reason
        said = _sentence(error) if status else "no answer"
        return Notice(f"{self._failing}, trying again: {said}.")

    def ended(self) -> Notice | None:
        """The operation worked; returns the line, if it had failed before."""
        if self._reason is None:
            return None
        self._reason = None
        return Notice(self._working, is_trouble=False)
