"""Azure Storage on this machine: Microsoft's emulator Azurite (blobs and queues), installed by ``local/setup.py``."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from local.process import ROOT, LocalProcess

_PROGRAM = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_PRELOADED = Path(__file__).with_name("azurite_preload.cjs")
ACCOUNT_NAME = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's account and key are the same for everybody and public: learn.microsoft.com, "Use the Azurite
emulator", section "Well-known storage account and key". They guard nothing."""

_KEEP_ALIVE_S = 120
"""Azurite's own 5 s closes idle connections just when a poller uses them again, which shows as failed requests that
the real service does not produce."""


class StorageMissingError(RuntimeError):
    """Node.js or Azurite is not installed; the message says what to do."""


class Azurite:
    """A storage emulator of one's own, on free loopback ports.

    >>> with Azurite() as storage:
    ...     BlobServiceClient.from_connection_string(storage.connection_string)

    Without ``folder`` everything is kept in memory and lost at the end (faster, and leaves nothing behind). With
    ``folder`` the content outlives ``stop`` and ``restart``. The ports are chosen at the first start by the system and
    kept from then on, so that clients find the emulator again after ``restart``; give ``blob_port`` and ``queue_port``
    to choose them yourself.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        blob_port: int = 0,
        queue_port: int = 0,
        log_file: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """``log_file`` defaults to one in the temporary workspace, which is removed by ``stop``.

        ``options`` are further options of Azurite. With those for https the addresses begin with ``https``.
        """
        self.folder = folder
        self._blob_port = blob_port
        self._queue_port = queue_port
        self._log_file = log_file
        self._options = list(options)
        self._scheme = "https" if "--cert" in self._options else "http"
        self._workspace: tempfile.TemporaryDirectory[str] | None = None
        self._process: LocalProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process(self) -> LocalProcess:
        """The emulator's process (its log, ``pause`` and ``resume``, ``check``).

        Raises ``RuntimeError`` if it was not started.
        """
        if self._process is None:
            raise RuntimeError("The storage emulator has not been started. Call start(), or use it in a with block.")
        return self._process

    @property
    def running(self) -> bool:
        """Whether the emulator's process is running."""
        return self._process is not None and self._process.running

    @property
    def blob_endpoint(self) -> str:
        """The blob service's URL, with the account name."""
        return f"{self._scheme}://127.0.0.1:{self._blob_port}/{ACCOUNT_NAME}"

    @property
    def queue_endpoint(self) -> str:
        """The queue service's URL, with the account name."""
        return f"{self._scheme}://127.0.0.1:{self._queue_port}/{ACCOUNT_NAME}"

    @property
    def connection_string(self) -> str:
        """What goes into ``AzureWebJobsStorage`` and ``DocumentStorage``."""
        return (
            f"DefaultEndpointsProtocol={self._scheme};AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={self.blob_endpoint};QueueEndpoint={self.queue_endpoint};"
        )

    def start(self) -> None:
        """Start the emulator and wait until blob and queue service answer.

        Raises ``StorageMissingError`` if it is not installed, ``LocalProcessError`` if it does not come up (a given
        port that is in use, for example).
        """
        command = self._command()
        self._process = LocalProcess(
            "storage emulator",
            command,
            log_file=self._log_file or self._own_log_file(),
            ready=[rf"^Azurite {kind} service is successfully listening at \S+:(\d+)$" for kind in ("Blob", "Queue")],
            orphan_signal=signal.SIGTERM,  # so that it saves what it holds
        )
        try:
            blob, queue = self._process.start()
        except BaseException:
            self.stop()
            raise
        self._blob_port, self._queue_port = int(blob[1]), int(queue[1])

    def stop(self) -> None:
        """Stop the emulator; what it holds in ``folder`` is saved first."""
        if self._process is not None:
            self._process.stop()
        if self._workspace is not None:
            self._workspace.cleanup()
            self._workspace = None

    def restart(self) -> None:
        """Stop and start on the same ports with the same content: an outage of a service that loses nothing.

        Raises ``ValueError`` for an emulator without ``folder``, which would come back empty.
        """
        if self.folder is None:
            raise ValueError(
                "This storage emulator keeps its content in memory, so a restart would empty it. "
                "Give it a folder: Azurite(folder)."
            )
        self.stop()
        self.start()

    def kill(self) -> None:
        """End the emulator at once.

        Azurite writes its indexes to ``folder`` every 5 seconds, so the last seconds of content may be gone at the
        next start. Azure Storage loses nothing it has acknowledged: to try an outage use ``stop`` and ``start``.
        """
        self.process.kill()

    def _own_log_file(self) -> Path:
        if self._workspace is None:
            self._workspace = tempfile.TemporaryDirectory(prefix="entity-drop-storage-")
        return Path(self._workspace.name) / "storage.log"

    def _command(self) -> list[str]:
        node = shutil.which("node")
        if node is None:
            raise StorageMissingError(
                "Node.js was not found on the PATH; the storage emulator Azurite runs on it. "
                "Install Node.js 20 or later (https://nodejs.org), then run: python -m local.setup (or make setup)"
            )
        if not _PROGRAM.exists():
            raise StorageMissingError(
                f"The storage emulator Azurite is not installed ({_PROGRAM} does not exist). "
                "Run: python -m local.setup (or make setup)"
            )
        # fmt: off
        command = [
            node, "--require", str(_PRELOADED), str(_PROGRAM),
            "--blobPort", str(self._blob_port), "--blobKeepAliveTimeout", str(_KEEP_ALIVE_S),
            "--queuePort", str(self._queue_port), "--queueKeepAliveTimeout", str(_KEEP_ALIVE_S),
            "--tablePort", "0",
            "--silent", "--disableTelemetry",
            "--skipApiVersionCheck",  # the client libraries are often ahead of the newest API version it lists
            *self._options,
        ]
        # fmt: on
        if self.folder is None:
            return [*command, "--inMemoryPersistence"]
        return [*command, "--location", str(self.folder)]
