"""The world around the app in a chaos run: people who drop documents, Event Grid, incidents, hosts that are killed."""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests
from azure.storage.blob import BlobSasPermissions, ContainerClient, ContentSettings, generate_blob_sas

from local.language_service.faults import KINDS
from local.process import LocalProcessError
from local.stack import HostPart, StandInPart
from tests.chaos.plan import (
    FAULTS,
    FolderMarker,
    Incident,
    Outage,
    Plan,
    PlannedDocument,
    UnsafeBlob,
    Version,
)

PATIENT_S = 300.0
"""How long the run's own requests wait for an answer. Everything here shares a few cores, and a storage emulator that
answers late shall slow the run and not end it; what the app makes of it is another matter."""

_RETRY_AFTER_S = 0.2
_EVENT_TIMEOUT_S = 30
"""How long an event waits for a host to take it; then it is brought to another one."""
_SENDERS = 8

UNSAFE_CONTENT = b"Nobody may read this by a name that leads out of the container."


class Agenda:
    """Actions that are due at a time, done by a few threads; an action may put further ones on."""

    def __init__(self, threads: int = _SENDERS) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._open = 0
        self._stopped = False
        self._errors: list[BaseException] = []
        self._began = time.monotonic()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="agenda")
        self._clerk = threading.Thread(target=self._work_off, name="agenda", daemon=True)
        self._clerk.start()

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do. Raises what went wrong in an action."""
        if self._errors:
            raise self._errors[0]
        return not self._open

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` at that time, in seconds since the beginning."""
        with self._changed:
            self._open += 1
            heapq.heappush(self._due, (seconds, next(self._numbers), action))
            self._changed.notify()

    def stop(self) -> None:
        """Do nothing further; wait for what is under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._clerk.join()
        self._pool.shutdown(cancel_futures=True)

    def _work_off(self) -> None:
        with self._changed:
            while not self._stopped:
                wait_s = self._due[0][0] - self.now_s if self._due else None
                if wait_s is not None and wait_s <= 0:
                    self._pool.submit(self._do, heapq.heappop(self._due)[2])
                else:
                    self._changed.wait(wait_s)

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            self._errors.append(error)
        with self._changed:
            self._open -= 1


class Hosts:
    """The functions hosts as their callers see them: now one, now another, at times none."""

    def __init__(self, parts: Sequence[HostPart], extension_key: str, rng: random.Random) -> None:
        self._parts = parts
        self._key = extension_key
        self._rng = rng

    def deliver(self, event: dict[str, Any], is_given_up: Callable[[], bool]) -> None:
        """Deliver an event as Event Grid does: again and again, until a host has taken it."""
        while not is_given_up():
            reply = self._post(
                "/runtime/webhooks/blobs",
                params={"functionName": "Host.Functions.submit", "code": self._key},
                headers={"aeg-event-type": "Notification"},
                json=[event],
            )
            if reply is not None and reply.ok:
                return
            time.sleep(_RETRY_AFTER_S)

    def fire(self, timer: str) -> bool:
        """Fire a timer by hand on any host; return whether one took it."""
        reply = self._post(f"/admin/functions/{timer}", json={"input": ""})
        return reply is not None and reply.ok

    def _post(self, path: str, **request: Any) -> requests.Response | None:
        running = [part for part in self._parts if part.process.running and part.url]
        if not running:
            return None
        try:
            return requests.post(
                self._rng.choice(running).url + path,
                timeout=_EVENT_TIMEOUT_S,
                proxies={"http": "", "https": ""},
                **request,
            )
        except requests.RequestException:
            return None


class Dropper:
    """Drops the planned documents at their times, and has their events delivered or lost."""

    def __init__(self, plan: Plan, agenda: Agenda, intake: ContainerClient, hosts: Hosts | None) -> None:
        """Without `hosts` no events are delivered: the app scans the container itself."""
        self._plan = plan
        self._agenda = agenda
        self._intake = intake
        self._hosts = hosts
        self._stopped = threading.Event()
        self.etags: dict[str, tuple[str, ...]] = {}
        """The ETags of each document's versions, in the order they were dropped."""
        self.unsafe: set[str] = set()
        """The blobs with unsafe names that were dropped."""

    def begin(self) -> None:
        """Put all drops on the agenda."""
        for document in self._plan.documents:
            self._agenda.at(document.dropped_s, lambda document=document: self._drop(document, 0))
        for folder in self._plan.folders:
            self._agenda.at(folder.dropped_s, lambda folder=folder: self._mark(folder))
        for blob in self._plan.unsafe:
            self._agenda.at(blob.dropped_s, lambda blob=blob: self._drop_unsafe(blob))

    def stop(self) -> None:
        """Give up deliveries that no host takes."""
        self._stopped.set()

    @property
    def dropped(self) -> int:
        """How many versions have been dropped."""
        return sum(map(len, list(self.etags.values())))

    def _drop(self, document: PlannedDocument, number: int) -> None:
        version = document.versions[number]
        reply = self._intake.upload_blob(document.name, version.data, overwrite=True)
        etag = str(reply.get_blob_properties().etag)
        self.etags[document.name] = (*self.etags.get(document.name, ()), etag)
        if self._hosts:
            event = self._event(document.name, etag, version)
            for delay_s in version.deliveries:
                self._agenda.at(self._agenda.now_s + delay_s, lambda: self._deliver(event))
        if number + 1 < len(document.versions):
            self._agenda.at(self._agenda.now_s + document.pauses[number], lambda: self._drop(document, number + 1))

    def _mark(self, folder: FolderMarker) -> None:
        """Make the marker of a folder, as tools do; the storage tells of it as of any blob."""
        settings = ContentSettings(content_type=folder.content_type or None)
        reply = self._intake.upload_blob(
            folder.name, b"", overwrite=True, metadata=folder.metadata, content_settings=settings
        )
        etag = str(reply.get_blob_properties().etag)
        self._agenda.at(self._agenda.now_s, lambda: self._deliver(self._event(folder.name, etag, Version(b"", None))))

    def _drop_unsafe(self, blob: UnsafeBlob) -> None:
        """Put a blob by a raw request: the SDK, and HTTP libraries, take segments of dots out of an address."""
        account = self._intake.credential
        token = generate_blob_sas(
            str(self._intake.account_name),
            self._intake.container_name,
            blob.name,
            account_key=account.account_key,
            permission=BlobSasPermissions(create=True, write=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        reply = requests.put(
            f"{self._intake.primary_endpoint}/{quote(blob.name, safe='')}?{token}",
            data=UNSAFE_CONTENT,
            headers={"x-ms-blob-type": "BlockBlob"},
            timeout=PATIENT_S,
            proxies={"http": "", "https": ""},
        )
        reply.raise_for_status()
        self.unsafe.add(blob.name)

    def _deliver(self, event: dict[str, Any]) -> None:
        if self._hosts:
            self._hosts.deliver(event, self._stopped.is_set)

    def _event(self, name: str, etag: str, version: Version) -> dict[str, Any]:
        return {
            "topic": "/subscriptions/chaos",
            "subject": f"/blobServices/default/containers/{self._intake.container_name}/blobs/{name}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "id": f"{name} {etag}",
            "data": {
                "api": "PutBlob",
                "eTag": etag.strip('"'),
                "contentLength": len(version.data),
                "blobType": "BlockBlob",
                "url": f"{self._intake.primary_endpoint}/{quote(name, safe='/~')}",
            },
            "dataVersion": "",
            "metadataVersion": "1",
        }


class Incidents:
    """Lets all requests to the Language stand-ins, or all jobs, suffer something for some seconds, as planned.

    The last of several goes away for good: from then on it cuts each connection.
    """

    def __init__(self, plan: Plan, agenda: Agenda, languages: Sequence[StandInPart]) -> None:
        self._plan = plan
        self._agenda = agenda
        self._languages = list(languages)
        self._usual = KINDS.parse_rates(FAULTS)

    def begin(self) -> None:
        """Let the stand-in know the poison, and put beginning and end of each incident on the agenda."""
        for language in self._languages:
            language.admin("PUT", "faults", {"poisonTexts": self._plan.poison_texts})
        if len(self._languages) > 1:
            self._agenda.at(self._plan.goes_away_s, self._take_away)
        for incident in self._plan.incidents:
            self._agenda.at(incident.begins_s, lambda incident=incident: self._begin(incident))

    def _begin(self, incident: Incident) -> None:
        self._set(incident.rates(self._usual))
        self._agenda.at(self._agenda.now_s + incident.lasts_s, lambda: self._set(self._usual))

    def _set(self, rates: dict[str, float]) -> None:
        for language in self._languages:
            language.admin("PUT", "faults", {"rates": rates})

    def _take_away(self) -> None:
        self._languages.pop().admin("PUT", "faults", {"rates": {"cut-before": 1.0}})


class Killer:
    """Kills one host again and again, as planned, and starts it again."""

    def __init__(self, host: HostPart, outages: "itertools.chain[Outage] | Any") -> None:
        self._host = host
        self._outages = outages
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"killer of {host.process.name}", daemon=True)
        self.kills = 0
        self.error: LocalProcessError | None = None
        """Why the host could not be started again."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Kill no more, and leave the host running."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        for outage in self._outages:
            if self._stopped.wait(outage.up_s):
                return
            self._host.kill()
            self.kills += 1
            self._stopped.wait(outage.down_s)
            try:
                self._host.start()
            except LocalProcessError as error:
                self.error = error
                return
