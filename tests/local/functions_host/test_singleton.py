"""Work of one host at a time, with real leases."""

from __future__ import annotations

import threading
import uuid

import pytest
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from local.azurite import Azurite
from local.functions_host.singleton import Singleton
from local.functions_host.storage import Container, StorageAccount
from tests.local.functions_host.stage import wait_until


class Body:
    """Notes that it runs and waits to be told to end."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.runs = 0

    def __call__(self, stop: threading.Event) -> None:
        self.runs += 1
        self.running.set()
        stop.wait(120)
        self.running.clear()


@pytest.fixture
def hosts(account: StorageAccount) -> Container:
    # Not created: the first host of an account finds nothing.
    return account.container(f"hosts-{uuid.uuid4().hex[:12]}")


def test_second_host_takes_over(hosts: Container) -> None:
    first_body, second_body = Body(), Body()
    first, second = Singleton(hosts, "me", "work", first_body), Singleton(hosts, "me", "work", second_body)
    first.start()
    assert first_body.running.wait(60)
    second.start()
    # It asks at once and is refused.
    assert not second_body.running.wait(1)
    first.stop()
    first.join()

    assert second_body.running.wait(60)
    second.stop()
    second.join()
    assert (first_body.runs, second_body.runs) == (1, 1)


def test_work_follows_lock(storage: Azurite, hosts: Container) -> None:
    """It ends when the lock is lost, and begins again when it is free."""
    body = Body()
    singleton = Singleton(hosts, "me", "work", body)
    singleton.start()
    assert body.running.wait(60)
    blob = BlobServiceClient.from_connection_string(storage.connection_string).get_blob_client(
        hosts.name, "locks/me/work.Listener"
    )
    BlobLeaseClient(blob).break_lease(0)
    thief = blob.acquire_lease(15)

    wait_until(lambda: not body.running.is_set(), "the work has ended")
    thief.release()
    assert body.running.wait(60)
    singleton.stop()
    singleton.join()
    assert body.runs == 2
