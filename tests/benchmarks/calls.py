"""What one storage call costs in processor time, on both sides: most of what a document costs here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from functions.core.jobs import JobMessage
from functions.settings import Secret, StorageConnection
from functions.storage.azure_queues import AzureJobQueue
from functions.storage.clients import blob_containers, queue
from functions.storage.job_queue import Receipt

from .documents import documents
from .rig import Rig

CALLS = 300
_METADATA = {"state": "pending", "source_etag": '"0x1"', "owner": "0" * 32, "updated": "2026-11-23T10:00:00+00:00"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One sort of call; processor time in milliseconds."""

    what: str
    app_ms: float
    emulator_ms: float


def storage_calls(rig: Rig) -> list[Call]:
    """Measure the calls that the app makes for each document and each job."""
    connection = StorageConnection(connection_string=Secret(rig.storage.connection_string))
    rig.account.container("calls").create()
    rig.account.queue("calls").create()
    container = blob_containers(connection)("calls")
    jobs = AzureJobQueue(queue(connection, "calls"))
    texts = documents(CALLS)
    etags: list[str] = []
    receipts: list[Receipt] = []

    def create(number: int) -> None:
        etags.append(container.write(texts[number].name, texts[number].data, if_absent=True, metadata=_METADATA))

    def replace(number: int) -> None:
        container.write(texts[number].name, texts[number].data, if_match=etags[number], metadata=_METADATA)

    def send(number: int) -> None:
        receipts.append(jobs.send(JobMessage(str(number), 0), 60))

    measured = {
        "create a blob": create,
        "replace a blob": replace,
        "read a blob": lambda number: container.read(texts[number].name),
        "send a message": send,
        "change a message": lambda number: jobs.resend(receipts[number], JobMessage(str(number), 1), 60),
        "delete a blob": lambda number: container.delete(texts[number].name),
    }
    return [_measure(rig, what, act) for what, act in measured.items()]


def _measure(rig: Rig, what: str, act: Callable[[int], object]) -> Call:
    emulator = psutil.Process(rig.storage.process.pid)
    own, others = time.process_time(), sum(emulator.cpu_times()[:2])
    for number in range(CALLS):
        act(number)
    return Call(
        what=what,
        app_ms=1000 * (time.process_time() - own) / CALLS,
        emulator_ms=1000 * (sum(emulator.cpu_times()[:2]) - others) / CALLS,
    )
