"""What the measurements run on: a Language stand-in for all of them, storage and functions hosts for one round each."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import requests

from functions.core.results import entities_name
from local.azurite import Azurite
from local.functions_host.connections import find_connection
from local.functions_host.storage import StorageAccount
from local.language_service.limits import RECORDED_RULES
from local.process import ROOT
from local.stack import DEPLOYMENT, PROJECT, THREADS, HostPart, StandInPart, language_part, pool_settings

from .documents import Document

JOB_SECONDS = (1.5, 3.0)
"""How long a job takes at the stand-in: shortest and longest."""

REQUESTS_PER_MINUTE = RECORDED_RULES[0].count
"""What the stand-in takes in a minute from everybody together, POST and GET: the limit of the service's paid tier."""

RATE_WINDOW_S = 61
"""After this long, the rate limit has forgotten the round before."""

DROPPERS = 8
"""Threads that drop documents and bring their events."""

EXTENSION_KEY = "benchmark"
"""Key of the hosts' webhook, to which Event Grid brings the events of new blobs."""

_IDLE_POLL_S = 0.1
_WEBHOOK_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Contestant:
    """An app to measure: its name, the folder of its `function_app.py`, and its function for new documents.

    `function` is None for one that finds documents by listing them.
    """

    name: str
    folder: Path
    function: str | None


OURS = Contestant("entity-drop", ROOT, "submit")
BLOCKING = Contestant("blocking", ROOT / "tests" / "benchmarks" / "blocking", "extract")

TIMER = Contestant("timer", ROOT / "tests" / "benchmarks" / "timer", None)
CONTESTANTS = (OURS, TIMER, BLOCKING)


class Rig:
    """Storage and Language stand-in. Each `round` gets an empty storage and hosts that have done nothing yet."""

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = THREADS,
        azurite: Azurite | None = None,
        requests_per_minute: int = REQUESTS_PER_MINUTE,
        resources: int = 1,
    ) -> None:
        """`requests_per_minute` is what each of the `resources` takes, and what the app is told of them."""
        self.folder = folder
        self.threads = threads
        self.requests_per_minute = requests_per_minute
        self.storage = azurite or Azurite(log_file=folder / "logs" / "storage.log")
        # fmt: off
        self.languages = [
            language_part(
                log_file=folder / "logs" / f"language-{number + 1}.log",
                key=f"benchmark-{number + 1}",
                options=["--min-seconds", str(JOB_SECONDS[0]), "--max-seconds", str(JOB_SECONDS[1]),
                         "--requests-per-minute", str(requests_per_minute)],
            )
            for number in range(resources)
        ]
        # fmt: on
        self._rounds = 0

    @property
    def language(self) -> StandInPart:
        """The Language stand-in, the first of several."""
        return self.languages[0]

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for language in self.languages:
                language.launch()
            self._start_storage()
            for language in self.languages:
                language.wait_until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for language in self.languages:
            language.stop()
        self.storage.stop()

    def _start_storage(self) -> None:
        self.storage.start()
        self.account = StorageAccount(find_connection("Storage", {"Storage": self.storage.connection_string}))

    def acquaint(self, documents: list[Document]) -> None:
        """Let each stand-in read every document once, so that it answers from memory.

        The real service computes on machines of its own; here its work would be taken from the apps' two cores.
        """
        for language, document in itertools.product(self.languages, documents):
            language.admin("POST", "entities", {"text": document.text})

    @contextlib.contextmanager
    def round(
        self, contestant: Contestant, *, hosts: int = 1, settings: dict[str, str] | None = None
    ) -> Iterator[Round]:
        """Run fresh hosts of an app on a fresh emulator, with the whole rate limit at their disposal.

        An emulator that has seen a few rounds is slower by a third, and at times busy with itself.
        """
        if self._rounds:
            self.storage.stop()
            self._start_storage()
        self._rounds += 1
        name = f"{contestant.name}-{self._rounds}"
        for language in self.languages:
            language.admin("PUT", "clock", {"advanceSeconds": RATE_WINDOW_S})
            language.admin("DELETE", "counters")
        values = self._settings(name) | (settings or {})
        for container in ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"):
            self.account.container(values[container]).create()
        for queue in ("webjobs-blobtrigger-poison", values["JOB_QUEUE"], values["JOB_QUEUE"] + "-poison"):
            self.account.queue(queue).create()
        settings_file = self.folder / f"{name}.settings.json"
        settings_file.write_text(json.dumps({"IsEncrypted": False, "Values": values}, indent=2), "utf-8")
        parts = [
            HostPart(
                f"host {number + 1} of {name}",
                settings_file,
                log_file=self.folder / "logs" / f"{name}-{number + 1}.log",
                options=[
                    *("--app", str(contestant.folder)),
                    *("--log-level", "warning"),
                    *("--extension-key", EXTENSION_KEY),
                ],
            )
            for number in range(hosts)
        ]
        try:
            for part in parts:
                part.launch()
            for part in parts:
                part.wait_until_ready()
            yield Round(self, contestant, values, parts)
        finally:
            for part in parts:
                if part.process.running:
                    part.process.ask_to_stop()  # all at once; each is waited for afterwards
            for part in parts:
                part.stop()

    def _settings(self, name: str) -> dict[str, str]:
        return {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "PYTHON_THREADPOOL_THREAD_COUNT": str(self.threads),
            "AzureWebJobsStorage": self.storage.connection_string,
            "AzureFunctionsWebHost__hostid": name,
            "DocumentStorage": self.storage.connection_string,
            "BLOB_TRIGGER_SOURCE": "EventGrid",
            **pool_settings(self.languages),
            "LANGUAGE_PROJECT": PROJECT,
            "LANGUAGE_DEPLOYMENT": DEPLOYMENT,
            "REQUESTS_PER_MINUTE": str(self.requests_per_minute),
            "INPUT_CONTAINER": f"documents-{name}",
            "OUTPUT_CONTAINER": f"entities-{name}",
            "STATE_CONTAINER": f"state-{name}",
            "JOB_QUEUE": f"jobs-{name}",
        }


class Round:
    """An app at work: drop documents, see results, read the counters."""

    def __init__(self, rig: Rig, contestant: Contestant, settings: dict[str, str], hosts: list[HostPart]) -> None:
        self.rig = rig
        self.contestant = contestant
        self.settings = settings
        self.hosts = hosts
        self.intake = rig.account.container(settings["INPUT_CONTAINER"])
        self.output = rig.account.container(settings["OUTPUT_CONTAINER"])

    def drop(self, documents: list[Document]) -> dict[str, float]:
        """Drop documents, several at a time; return when each was in the container (`time.monotonic`).

        Each is followed by its event, as Event Grid sends it, to the hosts in turn.
        """
        with requests.Session() as webhook, ThreadPoolExecutor(DROPPERS, thread_name_prefix="drop") as pool:
            webhook.trust_env = False

            def one(document: Document, host: HostPart) -> tuple[str, float]:
                etag = self.intake.put(document.name, document.data)
                dropped = time.monotonic()
                if self.contestant.function is None:
                    return document.name, dropped
                webhook.post(
                    f"{host.url}/runtime/webhooks/blobs",
                    params={"functionName": f"Host.Functions.{self.contestant.function}", "code": EXTENSION_KEY},
                    headers={"aeg-event-type": "Notification"},
                    json=[_created(self.intake.url(document.name), etag)],
                    timeout=_WEBHOOK_TIMEOUT_S,
                ).raise_for_status()
                return document.name, dropped

            return dict(pool.map(one, documents, itertools.cycle(self.hosts)))

    def results(self, prefix: str = "") -> set[str]:
        """Return the names of the result blobs."""
        return {item.name for page in self.output.pages(prefix) for item in page}

    def result_name(self, document: str) -> str:
        """Return the name of the blob with the entities of a document."""
        return entities_name(document)

    def result(self, document: str) -> dict[str, Any]:
        """Return the content of a document's result."""
        content, _ = self.output.read(self.result_name(document))
        return dict(json.loads(content))

    def status(self) -> list[dict[str, Any]]:
        """Return the status of each host."""
        return [host.status() for host in self.hosts]

    def held_seconds(self) -> float:
        """Return for how long threads of the workers were held by functions.

        The app with the timer has threads of its own and says itself for how long it held them.
        """
        if self.contestant.function is None:
            state = self.rig.account.container(self.settings["STATE_CONTAINER"])
            runs = [item.name for page in state.pages("") for item in page]
            return sum(float(json.loads(state.read(run)[0])["heldSeconds"]) for run in runs)
        return sum(each["heldSeconds"] for host in self.status() for each in host["functions"].values())

    def is_busy(self) -> bool:
        """Whether a function runs or a message is in work."""
        return any(
            sum(host["messagesInFlight"].values()) + sum(each["running"] for each in host["functions"].values())
            for host in self.status()
        )

    def wait_until_idle(self, deadline_s: float = 120) -> list[dict[str, Any]]:
        """Wait until no function runs and no message is in work; return the status of each host."""
        until = time.monotonic() + deadline_s
        while self.is_busy():
            if time.monotonic() > until:
                raise TimeoutError(f"{self.contestant.name} is still at work {deadline_s} s after its last result.")
            time.sleep(_IDLE_POLL_S)
        return self.status()

    def peak_memory(self) -> int:
        """Return the most memory that a host has held since its start, in bytes."""
        return max(_peak_memory(host) for host in self.hosts)

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor time that each part has used since its start."""
        used = {"storage emulator": _processor_s(self.rig.storage.process.pid)}
        used["Language stand-in"] = sum(_processor_s(part.process.pid) for part in self.rig.languages)
        used["functions hosts"] = sum(_processor_s(host.process.pid) for host in self.hosts)
        used["benchmark"] = time.process_time()
        return used


def _created(url: str, etag: str) -> dict[str, Any]:
    """Return the event of a new blob, with the fields that the host looks at."""
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "data": {"api": "PutBlob", "url": url, "eTag": etag.strip('"'), "blobType": "BlockBlob"},
    }


def _processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _peak_memory(host: HostPart) -> int:
    # The host's own figure comes from getrusage, which on Linux begins with what the starting process held.
    status = Path(f"/proc/{host.process.pid}/status")
    if not status.exists():
        return int(host.status()["peakRssBytes"])
    (line,) = (line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
