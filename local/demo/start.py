"""``start``: a file saved into ``drop/`` comes back as a result in ``out/``."""

from __future__ import annotations

import time
from pathlib import Path

from azure.core.exceptions import AzureError
from rich.console import Console
from rich.text import Text

from local.demo import view
from local.demo.containers import Containers
from local.demo.folders import DropFolder, document_name
from local.demo.mirror import Arrival, Mirror
from local.stack import Stack

_POLL_S = 0.2
_QUIET_POLL_S = 1.0
"""How often results are looked for while none is expected: a listing costs the emulator some work."""


def start(stack: Stack, console: Console, drop: Path, out: Path) -> None:
    """Watch the folder ``drop`` and bring results to ``out``, until interrupted.

    Raises ``LocalProcessError`` if a part dies.
    """
    drop.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    console.print(
        view.facts(
            [
                ("save documents into", f"{view.path(drop)}/"),
                ("results come to", f"{view.path(out)}/"),
                ("documents are kept in", f"{view.path(stack.folder / 'storage')}/"),
                ("logs", f"{view.path(stack.folder / 'logs')}/"),
                ("blob storage", stack.storage.blob_endpoint),
                ("Language stand-in", stack.language_url),
            ]
        )
    )
    console.print(Text("\nWatching. Ctrl-C stops everything.\n", style="bold"))
    with Containers(stack) as containers:
        watch = Watch(containers, console, drop, out)
        while True:
            try:
                watch.look()
            except AzureError as error:
                stack.check()
                reason = str(error).splitlines()[0]
                console.print(
                    view.event("!", "bold red", view.plain(f"Storage does not answer, trying again: {reason}"))
                )
            stack.check()
            time.sleep(_POLL_S)


class Watch:
    """One look after the other: files that are ready go in, results that have come go out."""

    def __init__(self, containers: Containers, console: Console, drop: Path, out: Path) -> None:
        self._containers = containers
        self._console = console
        self._folder = DropFolder(drop)
        self._mirror = Mirror(containers, out)
        self._dropped: dict[str, float] = {}
        self._looked = 0.0

    def look(self) -> None:
        """Upload what is ready and fetch what has come, with a line for each."""
        for file in self._folder.ready(time.monotonic()):
            self._upload(file)
        now = time.monotonic()
        if self._dropped or now - self._looked >= _QUIET_POLL_S:
            self._looked = now
            for arrival in self._mirror.update():
                self._console.print(self._describe(arrival))

    def _upload(self, file: Path) -> None:
        name = document_name(self._folder.folder, file)
        try:
            data = file.read_bytes()
            if self._containers.holds(name, data):
                return  # unchanged since an earlier start: its result is there, or on its way
            began = time.monotonic()
            self._containers.drop(name, data)
        except (OSError, AzureError, ValueError) as error:
            reason = str(error).splitlines()[0]
            self._console.print(view.event("!", "bold red", view.plain(f"{name} was not taken: {reason}")))
            return
        self._dropped[name] = began
        self._console.print(view.event("→", "cyan", view.plain(name), (f"  {len(data):,} bytes")))

    def _describe(self, arrival: Arrival) -> Text:
        name = arrival.content["document"]["name"]
        began = self._dropped.pop(name, None)
        took = f" in {time.monotonic() - began:.1f} s" if began is not None else ""
        if arrival.file is None:
            return view.event("!", "bold red", view.plain(f"{name}: the result was not written: {arrival.problem}"))
        if arrival.result.is_error:
            error = arrival.content["error"]
            return view.event(
                "✗",
                "bold red",
                view.plain(name),
                f"  error report{took}: ",
                view.plain(f"{error['code']}: {error['message']}"),
            )
        entities = view.count(len(arrival.content["entities"]), "entity", "entities")
        return view.event(
            "✓", "green", view.plain(name), f"  {entities}{took}, see ", view.plain(view.path(arrival.file))
        )
