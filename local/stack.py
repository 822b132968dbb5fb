"""The whole product on this machine: storage, the Language stand-in and one or more functions hosts.

>>> with Stack(folder) as stack:
...     BlobServiceClient.from_connection_string(stack.connection_string)

Each part is a process of its own with a log file in ``folder/logs`` and may be stopped, killed, paused and started
again by itself (``stack.storage``, ``stack.language``, ``stack.hosts``), on the same address. What the hosts run is the
product as it is deployed, with the app settings that ``Stack`` writes to ``folder/local.settings.json``.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, CorsRule
from azure.storage.queue import QueueServiceClient

from functions.settings import SETTINGS
from local.azurite import Azurite
from local.process import ROOT, LocalProcess

SAMPLES = ROOT / "samples"
MODEL_CACHE = ROOT / ".cache" / "language-models"
PROJECT = "loans"
DEPLOYMENT = "production"
THREADS = int(
    json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]["PYTHON_THREADPOOL_THREAD_COUNT"]
)
"""Threads of a host's worker: what the product ships with."""

_STATUS_TIMEOUT_S = 10
_NO_PROXY = {"http": "", "https": ""}  # these addresses are on this machine, whatever the environment says


class StandInPart:
    """A stand-in of a service: ``url``, ``key``, its counters, and ``start``, ``stop`` and ``kill``."""

    def __init__(self, name: str, module: str, *, log_file: Path, key: str, options: Sequence[str] = ()) -> None:
        """``module`` is what ``python -m`` runs, ``options`` are its options beside port and key."""
        self.key = key
        self._name = name
        self._module = module
        self._log_file = log_file
        self._options = ["--key", key, "--admin", *options]
        self._port = 0
        self.process = self._new_process()

    @property
    def url(self) -> str:
        """The endpoint, without a path; it stays the same from the first start on."""
        return f"http://127.0.0.1:{self._port}"

    def launch(self, further_options: Sequence[str] = ()) -> None:
        """Start the process without waiting; ``wait_until_ready`` must follow.

        ``further_options`` are those that are known only now; they hold from then on.
        """
        self._options += further_options
        self.process = self._new_process()
        self.process.launch()

    def wait_until_ready(self) -> None:
        """Wait until the stand-in answers; raises ``LocalProcessError``."""
        (ready,) = self.process.wait_until_ready()
        self._port = int(ready[1])

    def start(self) -> None:
        """Start the stand-in and wait until it answers, on the same port as before if it ran before."""
        self.launch()
        self.wait_until_ready()

    def stop(self) -> None:
        """Stop the stand-in; the jobs it holds are gone, as after the service's 24 hours."""
        self.process.stop()

    def kill(self) -> None:
        """End the stand-in at once."""
        self.process.kill()

    def admin(self, method: str, part: str, content: Any = None) -> Any:
        """Call the admin path ``part`` of the stand-in (``counters``, ``faults``, ``clock``, …); returns its answer."""
        address = f"{self.url}/admin/{part}"
        reply = requests.request(method, address, json=content, timeout=_STATUS_TIMEOUT_S, proxies=_NO_PROXY)
        reply.raise_for_status()
        return reply.json()

    def counters(self) -> dict[str, Any]:
        """What the stand-in counted since its start: requests, responses, jobs accepted and what a bill would count."""
        counters: dict[str, Any] = self.admin("GET", "counters")
        return counters

    def _new_process(self) -> LocalProcess:
        return LocalProcess(
            self._name,
            [sys.executable, "-m", self._module, "--port", str(self._port), *self._options],
            log_file=self._log_file,
            ready=[rf"{self._name} ready on http://127\.0\.0\.1:(\d+)"],
        )


def language_part(
    *,
    log_file: Path,
    key: str,
    labels: Path = SAMPLES / "labels.json",
    documents: Path = SAMPLES / "labelled",
    options: Sequence[str] = (),
) -> StandInPart:
    """Return the Language stand-in, which learns its model from labelled documents before it answers."""
    learning = ["--labels", str(labels), "--documents", str(documents), "--model-cache", str(MODEL_CACHE)]
    return StandInPart(
        "Language stand-in", "local.language_service", log_file=log_file, key=key, options=[*learning, *options]
    )


class HostPart:
    """One functions host: ``url``, its status, and ``start``, ``stop`` and ``kill``."""

    def __init__(self, name: str, settings_file: Path, *, log_file: Path, options: Sequence[str] = ()) -> None:
        """``options`` are further options of ``python -m local.functions_host``."""
        self.process = LocalProcess(
            name,
            [sys.executable, "-m", "local.functions_host", "--settings", str(settings_file), *options],
            log_file=log_file,
            ready=[r"Functions host ready on http://127\.0\.0\.1:(\d+)"],
            environment=dict.fromkeys(_own_app_settings(os.environ)),
            stop_timeout_s=60,
        )
        self.url = ""

    def launch(self) -> None:
        """Start the process without waiting; ``wait_until_ready`` must follow."""
        self.process.launch()

    def wait_until_ready(self) -> None:
        """Wait until the host listens; raises ``LocalProcessError``."""
        (ready,) = self.process.wait_until_ready()
        self.url = f"http://127.0.0.1:{ready[1]}"

    def start(self) -> None:
        """Start the host and wait until it listens."""
        self.launch()
        self.wait_until_ready()

    def stop(self) -> None:
        """Stop the host; running functions end first."""
        self.process.stop()

    def kill(self) -> None:
        """End the host at once, in the middle of whatever it does."""
        self.process.kill()

    def status(self) -> dict[str, Any]:
        """What the host did and holds: runs per function, messages in work, memory, processor time."""
        reply = requests.get(f"{self.url}/admin/host/status", timeout=_STATUS_TIMEOUT_S, proxies=_NO_PROXY)
        reply.raise_for_status()
        status: dict[str, Any] = reply.json()
        return status


class Stack:
    """Storage, Language stand-in and functions hosts, started together and stopped together."""

    def __init__(
        self,
        folder: Path,
        *,
        hosts: int = 1,
        resources: int = 1,
        storage_folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
        labels: Path = SAMPLES / "labels.json",
        documents: Path = SAMPLES / "labelled",
        language_options: Sequence[str] = (),
        host_options: Sequence[str] = (),
        has_ocr: bool = False,
        ocr_options: Sequence[str] = (),
        trains: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Prepare the parts; nothing runs before ``start``.

        ``folder`` takes logs and the settings file. Without ``storage_folder`` the storage is kept in memory.
        ``settings`` are app settings to add or change. ``labels`` and ``documents`` are what the stand-in learns
        from; there are ``resources`` of it, each with a key of its own. With ``has_ocr`` the Document Intelligence
        stand-in runs, too, and reads scans. With ``trains`` the Language stand-in learns from texts in the storage,
        too, by its authoring API. ``tell`` is called with a sentence whenever something takes a while.
        """
        self.folder = folder
        self.settings_file = folder / "local.settings.json"
        self.storage = Azurite(storage_folder, log_file=folder / "logs" / "storage.log")
        self.languages = [
            language_part(
                log_file=folder / "logs" / (f"language-{number}.log" if number else "language.log"),
                key=secrets.token_urlsafe(24),
                labels=labels,
                documents=documents,
                options=language_options,
            )
            for number in range(resources)
        ]
        self.ocr = (
            StandInPart(
                "Document Intelligence stand-in",
                "local.document_intelligence",
                log_file=folder / "logs" / "document-intelligence.log",
                key=secrets.token_urlsafe(24),
                options=ocr_options,
            )
            if has_ocr
            else None
        )
        self.hosts: list[HostPart] = []
        self._host_count = hosts
        self._host_options = host_options
        self._extra_settings = dict(settings or {})
        self._trains = trains
        self._tell = tell

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def connection_string(self) -> str:
        return self.storage.connection_string

    @property
    def language(self) -> StandInPart:
        """The Language stand-in, the first of several."""
        return self.languages[0]

    @property
    def language_url(self) -> str:
        return self.language.url

    @property
    def settings(self) -> dict[str, str]:
        """The app settings of the hosts, known once storage and Language stand-in run."""
        return {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "PYTHON_THREADPOOL_THREAD_COUNT": str(THREADS),
            "AzureWebJobsStorage": self.connection_string,
            "DocumentStorage": self.connection_string,
            **self._language_settings,
            "LANGUAGE_PROJECT": PROJECT,
            "LANGUAGE_DEPLOYMENT": DEPLOYMENT,
            **self._ocr_settings,
            **self._extra_settings,
        }

    @property
    def _language_settings(self) -> dict[str, str]:
        if len(self.languages) == 1:
            return {"LANGUAGE_ENDPOINT": self.language_url, "LANGUAGE_KEY": self.language.key}
        return {
            "LANGUAGE_ENDPOINTS": ",".join(part.url for part in self.languages),
            "LANGUAGE_KEYS": ",".join(part.key for part in self.languages),
        }

    @property
    def _ocr_settings(self) -> dict[str, str]:
        if not self.ocr:
            return {}
        return {"DOCUMENT_INTELLIGENCE_ENDPOINT": self.ocr.url, "DOCUMENT_INTELLIGENCE_KEY": self.ocr.key}

    def setting(self, name: str) -> str:
        """The value of an app setting that the hosts run with, the default included."""
        defaults = {setting.name: setting.default or "" for setting in SETTINGS}
        return self.settings.get(name) or defaults[name]

    @property
    def parts(self) -> Iterator[LocalProcess]:
        """The processes, in the order of their start."""
        yield self.storage.process
        for language in self.languages:
            yield language.process
        if self.ocr:
            yield self.ocr.process
        for host in self.hosts:
            yield host.process

    def start(self) -> None:
        """Start everything and wait until it works; on an error nothing is left running.

        Raises ``LocalProcessError`` with the last log lines of the part that did not start, ``StorageMissingError`` if
        the storage emulator is not installed.
        """
        try:
            self._tell("Starting the storage emulator and the Language stand-in")
            if self._trains:
                self.storage.start()
            for language in self.languages:
                language.launch(["--training-storage", self.connection_string] if self._trains else [])
            if self.ocr:
                self.ocr.launch()
            if not self._trains:
                self.storage.start()
            self.create_containers()
            self._tell("Waiting for the Language stand-in, which learns its model from labelled documents")
            for language in self.languages:
                language.wait_until_ready()
            if self.ocr:
                self.ocr.wait_until_ready()
            self._write_settings()
            if self._host_count:
                self._tell("Starting the functions host" + ("s" if self._host_count > 1 else ""))
            hosts = [self._new_host() for _ in range(self._host_count)]
            for host in hosts:
                host.launch()
            for host in hosts:
                host.wait_until_ready()
            self.allow_uploads()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything: the hosts first, so that what they have in hand can still be saved."""
        with contextlib.ExitStack() as last:
            last.callback(self.storage.stop)
            for language in self.languages:
                last.callback(language.stop)
            if self.ocr:
                last.callback(self.ocr.stop)
            for host in self.hosts:
                if self.storage.running:
                    last.callback(host.stop)
                    host.process.ask_to_stop()  # all at once; each is waited for afterwards
                else:
                    last.callback(host.kill)  # it would only wait for a storage that is gone

    def check(self) -> None:
        """Raise ``LocalProcessError``, with its last log lines, for a part that has died."""
        for part in self.parts:
            part.check()

    def add_host(self) -> HostPart:
        """Start one more functions host on the same storage."""
        host = self._new_host()
        host.start()
        self.allow_uploads()
        return host

    def allow_uploads(self) -> None:
        """Let the pages that the hosts serve put documents into the storage; in Azure the deployment sets this."""
        ports = [host.url.rpartition(":")[2] for host in self.hosts if host.url]
        origins = [f"http://{name}:{port}" for port in ports for name in ("127.0.0.1", "localhost")]
        # The rule of infra/modules/storage.bicep, of which the emulator knows all parts.
        rule = CorsRule(
            allowed_origins=origins,
            allowed_methods=["PUT"],
            allowed_headers=["content-type", "x-ms-*", "if-match", "if-none-match"],
            exposed_headers=["etag", "x-ms-request-id", "x-ms-error-code"],
            max_age_in_seconds=600,
        )
        with BlobServiceClient.from_connection_string(self.connection_string) as blobs:
            blobs.set_service_properties(cors=[rule] if origins else [])

    def create_containers(self) -> None:
        """Create the containers and queues that exist before the app runs; in Azure the deployment creates them."""
        jobs = self.setting("JOB_QUEUE")
        with (
            BlobServiceClient.from_connection_string(self.connection_string) as blobs,
            QueueServiceClient.from_connection_string(self.connection_string) as queues,
        ):
            for name in ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"):
                with contextlib.suppress(ResourceExistsError):
                    blobs.create_container(self.setting(name))
            for queue in (jobs, f"{jobs}-poison", "webjobs-blobtrigger-poison"):
                with contextlib.suppress(ResourceExistsError):
                    queues.create_queue(queue)

    def _new_host(self) -> HostPart:
        number = len(self.hosts) + 1
        host = HostPart(
            "functions host" if self._host_count == 1 else f"functions host {number}",
            self.settings_file,
            log_file=self.folder / "logs" / f"host-{number}.log",
            options=self._host_options,
        )
        self.hosts.append(host)
        return host

    def _write_settings(self) -> None:
        self.settings_file.parent.mkdir(parents=True, exist_ok=True)
        self.settings_file.touch(mode=0o600)  # it holds the stand-in's key; before the content is in it
        content = {"IsEncrypted": False, "Values": self.settings}
        self.settings_file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _own_app_settings(environment: Mapping[str, str]) -> list[str]:
    """The names in an environment that the app would take for its settings.

    The host lets them win over its settings file, as Core Tools does; a developer's real LANGUAGE_KEY must not end up
    in a run with stand-ins.
    """
    names = {setting.name for setting in SETTINGS} | {
        "AzureWebJobsStorage",
        "PYTHON_THREADPOOL_THREAD_COUNT",
        "WEBSITE_HOSTNAME",
        "WEBSITE_AUTH_ENABLED",
    }
    return [name for name in environment if name.partition("__")[0] in names]
