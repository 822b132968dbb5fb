"""What the end-to-end tests of the host stand on: an app of their own, hosts as processes, and the SDK as a witness."""

from __future__ import annotations

import base64
import json
import shutil
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite
from local.functions_host.host import host_id
from local.process import LocalProcess

APPS = Path(__file__).parent / "apps"

HOST_JSON = {
    "version": "2.0",
    "extensions": {
        "blobs": {"maxDegreeOfParallelism": 8, "poisonBlobThreshold": 2},
        "queues": {"batchSize": 4, "newBatchThreshold": 2, "maxPollingInterval": "00:00:01", "maxDequeueCount": 3},
    },
}
FAR_AWAY = "0 0 0 29 2 *"
"""A schedule that does not fire during a test."""


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 120) -> Any:
    """Return the condition's first true value; generous, because the machine may be slow."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)
    return value


class RunningHost:
    """A functions host as a process of its own."""

    def __init__(self, process: LocalProcess) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{process.start()[0][1]}"

    def request(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Send a request (POST with a body, GET without) and return status and text."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read().decode()

    def status(self) -> dict[str, Any]:
        return json.loads(self.request("/admin/host/status")[1])

    def runs(self, function: str) -> int:
        return self.status()["functions"][function]["runs"]


class Stage:
    """An app in a folder of its own, with containers and queues that no other test uses."""

    def __init__(self, storage: Azurite, folder: Path, app: str, host_json: Mapping[str, Any] = HOST_JSON) -> None:
        self.storage = storage
        self.folder = folder / app
        shutil.copytree(APPS / app, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "host.json").write_text(json.dumps(host_json))
        self.host_id = host_id(self.folder, {})
        suffix = uuid.uuid4().hex[:8]
        self.values = {
            "AzureWebJobsStorage": storage.connection_string,
            "DocumentStorage": storage.connection_string,
            "INPUT": f"input-{suffix}",
            "SEEN": f"seen-{suffix}",
            "JOBS": f"jobs-{suffix}",
            "SCHEDULE": FAR_AWAY,
        }
        self.blobs = BlobServiceClient.from_connection_string(storage.connection_string)
        self.queues = QueueServiceClient.from_connection_string(storage.connection_string)
        self.input = self.blobs.create_container(self.values["INPUT"])
        self.seen_container = self.blobs.create_container(self.values["SEEN"])
        self.jobs = self.queues.create_queue(self.values["JOBS"])
        self._hosts: list[LocalProcess] = []

    @property
    def hosts_container(self) -> ContainerClient:
        """The host's own container, created here if no host was there before."""
        container = self.blobs.get_container_client("azure-webjobs-hosts")
        if not container.exists():
            container.create_container()
        return container

    def command(self, *options: str) -> list[str]:
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps({"IsEncrypted": False, "Values": self.values}))
        return [
            *(sys.executable, "-m", "local.functions_host", "--settings", str(settings), "--app", str(self.folder)),
            *("--scan-interval", "0.2", *options),
        ]

    def start_host(self, *options: str) -> RunningHost:
        number = len(self._hosts)
        process = LocalProcess(
            f"functions host {number}",
            self.command(*options),
            log_file=self.folder / f"host-{number}.log",
            ready=[r"^Functions host ready on http://127\.0\.0\.1:(\d+)"],
            stop_timeout_s=60,
        )
        self._hosts.append(process)
        return RunningHost(process)

    def close(self) -> None:
        for process in self._hosts:
            process.kill()

    def drop(self, name: str, content: str = "hello", **metadata: str) -> str:
        """Upload a blob to the intake and return its ETag, with quotes."""
        client = self.input.get_blob_client(name)
        return str(client.upload_blob(content, metadata=metadata, overwrite=True)["etag"])

    def send(self, text: str, raw: bool = False) -> None:
        self.jobs.send_message(text if raw else base64.b64encode(text.encode()).decode())

    def mark(self, folder: str) -> None:
        """Tell a function that waits for it to go on."""
        self.seen_container.upload_blob(f"{folder}/{uuid.uuid4()}", b"")

    def seen(self, folder: str) -> list[dict[str, Any]]:
        """Return what the app's runs wrote in a folder."""
        names = self.seen_container.list_blob_names(name_starts_with=f"{folder}/")
        return [json.loads(self.seen_container.download_blob(name).readall()) for name in names]

    def wait_for_seen(self, folder: str, count: int) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]]:
            found = self.seen(folder)
            return found if len(found) >= count else []

        found = wait_until(enough, f"{count} runs noted in '{folder}'")
        assert len(found) == count
        return found

    def queue_texts(self, name: str) -> list[str]:
        """Return the visible messages of a queue as they are on the wire, without taking them."""
        try:
            return [str(message.content) for message in self.queues.get_queue_client(name).peek_messages(32)]
        except ResourceNotFoundError:
            return []

    def queue_length(self, name: str) -> int:
        return int(self.queues.get_queue_client(name).get_queue_properties().approximate_message_count or 0)

    @property
    def internal_queue(self) -> str:
        return f"azure-webjobs-blobtrigger-{self.host_id}"

    def receipt(self, name: str, etag: str, function: str = "on_blob") -> str:
        return f"blobreceipts/{self.host_id}/Host.Functions.{function}/{etag}/{self.values['INPUT']}/{name}"
