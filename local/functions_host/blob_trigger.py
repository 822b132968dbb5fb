"""Notices blobs: lists containers and writes one message per blob version and function, with receipts.

Rules: azure-sdk-for-net `BlobTriggerExecutor`, `BlobReceiptManager` and the container scan of azure-webjobs-sdk's
`ScanContainersStrategy` (development storage: list everything every pass, keep no watermark), read 2024.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from local.functions_host.blob_queue import BlobFunction, BlobMessage
from local.functions_host.errors import StorageError
from local.functions_host.storage import BlobItem, Container, Queue

logger = logging.getLogger(__name__)

HOSTS_CONTAINER = "azure-webjobs-hosts"
SCANNER_SCOPE = "WebJobs.Internal.Blobs"

INCOMPLETE = "Incomplete"
"""The metadata key of a receipt whose message may not be written yet."""

RECEIPT_LEASE_S = 30
MAX_BLOB_NAME = 1024
"""Storage's limit for a blob's name, in characters (learn.microsoft.com, "Naming containers, blobs", November 2026)."""

# Receipts of one pass are written side by side, so that noticing blobs is quicker than running them: a burst then waits
# on the queue, as it does in Azure, and not in the container.
_THREADS = 32


def receipt_prefix(host_id: str, function_id: str) -> str:
    """Return the folder of a function's receipts."""
    return f"blobreceipts/{host_id}/{function_id}/"


def receipt_name(host_id: str, function_id: str, etag: str, container: str, blob: str) -> str:
    """Return the name of the receipt for one version of a blob; `etag` with its double quotes, as in the real host.

    A name that would be too long for storage is hashed. The real host fails on such a blob and never runs its function.
    """
    prefix = f"{receipt_prefix(host_id, function_id)}{etag}/{container}/"
    if len(prefix + blob) <= MAX_BLOB_NAME:
        return prefix + blob
    return f"{prefix}sha256-{hashlib.sha256(blob.encode()).hexdigest()}"


class Announcer:
    """Writes the message for a blob, once for all hosts: the receipt is created, leased and completed around it."""

    def __init__(self, host_id: str, queue: Queue, announced: Callable[[], None]) -> None:
        self._host_id = host_id
        self._queue = queue
        self._announced = announced

    def announce(self, target: BlobFunction, container: str, blob: str, etag: str, blob_type: str) -> bool:
        """Make sure that the blob's message is written; False: somebody else is at it or storage failed, come again.

        A receipt says "message written", not "function run". A crash between the message and the completed receipt
        doubles the message; nothing loses it.
        """
        receipts = target.account.container(HOSTS_CONTAINER)
        name = receipt_name(self._host_id, target.function.id, etag, container, blob)
        message = BlobMessage(target.function.id, container, blob, etag, blob_type)
        try:
            version = self._open_receipt(receipts, name)
            if version is None:
                return True
            self._complete_receipt(receipts, name, version, message)
        except StorageError as exc:
            level = logging.DEBUG if exc.is_lost_race else logging.WARNING
            logger.log(level, "Blob '%s/%s' is not announced yet, trying again: %s", container, blob, exc)
            return False
        return True

    def _complete_receipt(self, receipts: Container, name: str, version: str, message: BlobMessage) -> None:
        lease = str(uuid.uuid4())
        # The condition is the second look that the real host takes after the lease: a receipt that was completed since
        # has another ETag.
        receipts.acquire_lease(name, lease, RECEIPT_LEASE_S, if_match=version)
        try:
            self._queue.put_creating(message.to_text())
            self._announced()
            receipts.set_metadata(name, {}, lease)
        except StorageError:
            receipts.release_lease(name, lease)
            raise
        # A complete receipt is never leased again, so its lease is left to run out: one call less for every blob.

    def _open_receipt(self, receipts: Container, name: str) -> str | None:
        """Return the ETag of an incomplete receipt, created if need be, or None when the receipt is complete."""
        # Created first and read only when it is there: most blobs of a pass are new, and each call counts.
        try:
            return receipts.put(name, metadata={INCOMPLETE: INCOMPLETE}, if_none_match="*")
        except StorageError as exc:
            if exc.code == "ContainerNotFound":
                receipts.create()
                return self._open_receipt(receipts, name)
            if not exc.is_lost_race:
                raise
        found = receipts.head(name)
        return found.etag if is_incomplete(found.metadata) else None


def is_incomplete(metadata: object) -> bool:
    """Tell whether a receipt's metadata says that its message may not be written yet."""
    return isinstance(metadata, dict) and INCOMPLETE.lower() in {name.lower() for name in metadata}


def pause_s(interval_s: float, listing_s: float) -> float:
    """Return the pause after a pass whose listings took `listing_s`.

    At least four times as long, so that a large container keeps storage busy for a fifth of the time at most.
    """
    return max(interval_s, 4 * listing_s)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A function and the versions that need nothing more: name to ETag."""

    target: BlobFunction
    done: dict[str, str]
    receipts: set[str]


class ListingLog:
    """Logs once that a container cannot be listed, and once that it can be again; a pass may fail every second."""

    def __init__(self) -> None:
        self._failing: dict[str, str] = {}

    def failed(self, container: str, error: StorageError) -> None:
        """A listing failed; logged anew when the reason is another one."""
        # Not the error's whole text, which names objects by their addresses and so differs each time.
        reason = f"status {error.status} {error.code}".rstrip() if error.status else "no answer"
        if self._failing.get(container) != reason:
            self._failing[container] = reason
            logger.warning(
                "Container '%s' cannot be listed, so no blob in it is noticed; trying again: %s",
                container,
                reason,
                extra={"action": "container_unlisted", "container": container, "reason": reason},
            )

    def listed(self, container: str) -> None:
        """A listing came whole."""
        if self._failing.pop(container, None):
            logger.warning(
                "Container '%s' can be listed again.",
                container,
                extra={"action": "container_listed", "container": container},
            )


class ContainerScanner:
    """Lists the containers of the scanning blob functions, pass after pass, and announces what is new.

    Versions announced in this process are remembered, and the receipts of earlier ones are read from one listing at the
    start, so that a pass over known blobs costs its listing and nothing else.
    """

    def __init__(self, host_id: str, targets: Sequence[BlobFunction], announcer: Announcer, interval_s: float) -> None:
        self._host_id = host_id
        self._targets = targets
        self._announcer = announcer
        self._interval_s = interval_s
        self._log = ListingLog()

    def run(self, stop: threading.Event) -> None:
        """Scan until `stop` is set, with a pause after each pass."""
        # Two functions may watch the same container, or containers of one name in two accounts.
        places: dict[tuple[str, str], list[_Watched]] = {}
        for target in self._targets:
            place = (target.account.connection.blob_url, target.path.container)
            places.setdefault(place, []).append(_Watched(target, {}, self._complete_receipts(target)))
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="announce") as pool:
            while not stop.is_set():
                listing_s = sum(self._scan(watched, pool, stop) for watched in places.values())
                stop.wait(pause_s(self._interval_s, listing_s))

    def _complete_receipts(self, target: BlobFunction) -> set[str]:
        prefix = receipt_prefix(self._host_id, target.function.id)
        names: set[str] = set()
        try:
            for page in target.account.container(HOSTS_CONTAINER).pages(prefix, metadata=True):
                names.update(item.name for item in page if not is_incomplete(item.metadata))
        except StorageError as exc:
            if not exc.is_missing:
                # Only a shortcut is lost: every receipt is read by itself then.
                logger.warning("The receipts of '%s' cannot be listed: %s", target.function.name, exc)
        return names

    def _scan(self, watched: list[_Watched], pool: ThreadPoolExecutor, stop: threading.Event) -> float:
        """List one container, announce what is new, and return the seconds that its pages took.

        Those of a page that fails are waits between its repetitions, in which storage does nothing.
        """
        target = watched[0].target
        running: list[Future[None]] = []
        started, listing_s = time.monotonic(), 0.0
        try:
            for page in target.account.container(target.path.container).pages():
                for item in page:
                    new = [each for each in watched if each.done.get(item.name) != item.etag]
                    running += [pool.submit(self._announce, each, item, stop) for each in new]
                listing_s = time.monotonic() - started
                if stop.is_set():
                    break
            self._log.listed(target.path.container)
        except StorageError as exc:
            if not exc.is_missing:
                self._log.failed(target.path.container, exc)
        for future in running:
            future.result()
        return listing_s

    def _announce(self, watched: _Watched, item: BlobItem, stop: threading.Event) -> None:
        target = watched.target
        container = target.path.container
        if stop.is_set():
            return
        receipt = receipt_name(self._host_id, target.function.id, item.etag, container, item.name)
        if (
            target.path.match(container, item.name) is None
            or receipt in watched.receipts
            or self._announcer.announce(target, container, item.name, item.etag, item.blob_type)
        ):
            watched.done[item.name] = item.etag
