"""Work that only one of several hosts does at a time: a lease on a blob says which.

Names and the lease: azure-webjobs-sdk `SingletonManager`, `SingletonListener` (read October 2024), with the 15 s lease
of its Development environment. The real host's losers ask again every 60 s; here every 2 s, because hosts on a
developer's machine are killed and started again all the time.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable

from local.functions_host.errors import StorageError
from local.functions_host.storage import Container

logger = logging.getLogger(__name__)

LEASE_S = 15
RETRY_S = 2.0


class Singleton:
    """Runs `body` in a thread while this host holds the lock, and tries to get it while another one does.

    `body` gets an event that is set when it must end (the host stops, the lock is lost), and returns soon after.
    """

    def __init__(self, container: Container, host_id: str, scope: str, body: Callable[[threading.Event], None]) -> None:
        self._container = container
        self._blob = f"locks/{host_id}/{scope}.Listener"
        self._scope = scope
        self._body = body
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"singleton-{scope}", daemon=True)

    def start(self) -> None:
        """Begin to ask for the lock."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the body to end."""
        self._stopping.set()
        self._lost.set()

    def join(self) -> None:
        """Wait until the body has ended and the lock is free for others; call `stop` first."""
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            lease = str(uuid.uuid4())
            if self._acquire(lease):
                self._hold(lease)
            else:
                self._stopping.wait(RETRY_S)

    def _acquire(self, lease: str) -> bool:
        try:
            self._container.acquire_lease(self._blob, lease, LEASE_S)
        except StorageError as exc:
            if exc.is_missing:
                return self._create_blob() and self._acquire(lease)
            if not exc.is_lost_race:
                logger.warning("The lock '%s' cannot be asked for, trying again: %s", self._blob, exc)
            return False
        return True

    def _create_blob(self) -> bool:
        try:
            self._container.create()
            self._container.put(self._blob, if_none_match="*")
            return True
        except StorageError as exc:
            if not exc.is_lost_race:
                logger.warning("The lock '%s' cannot be created, trying again: %s", self._blob, exc)
            return False

    def _hold(self, lease: str) -> None:
        logger.debug("Lock '%s' is ours.", self._blob)
        self._lost.clear()
        # Cleared first and asked second: a stop that comes in between is not lost.
        if self._stopping.is_set():
            self._lost.set()
        ended = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(lease, ended), name=f"lock-{self._scope}", daemon=True)
        renewer.start()
        try:
            self._body(self._lost)
        except Exception:
            logger.exception("'%s' failed and begins anew.", self._scope)
            self._stopping.wait(RETRY_S)
        finally:
            ended.set()
            renewer.join()
            self._release(lease)

    def _renew(self, lease: str, ended: threading.Event) -> None:
        renewed = time.monotonic()
        while not ended.wait(LEASE_S / 3):
            try:
                self._container.renew_lease(self._blob, lease)
                renewed = time.monotonic()
            except StorageError as exc:
                if exc.is_lost_race or exc.is_missing or time.monotonic() - renewed > LEASE_S:
                    logger.warning("The lock '%s' is lost: %s", self._blob, exc)
                    self._lost.set()
                    return

    def _release(self, lease: str) -> None:
        try:
            self._container.release_lease(self._blob, lease)
        except StorageError as exc:
            logger.warning("The lock '%s' could not be released, it runs out by itself: %s", self._blob, exc)
