"""Lets the last release and this one work on the same storage: both at once, and either finishing what the other began.

`python -m tests.end_to_end.two_releases` takes the last release from the history of git, drops 200 documents, one of
them long, in each round, and checks that every document ends with exactly one right result, that nothing is reported
and nothing left over, and what was billed. In two of the rounds the instance that got the documents is killed at work.
Both run under the same functions host, as in Azure, where the host is no part of a deployment. Exit code 0 only if
every round was right.
"""

import io
import itertools
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import click
import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from functions.core.results import entities_name
from local.language_service.counters import text_digest
from local.process import ROOT
from local.stack import HostPart, Stack
from tests.benchmarks.documents import Document, documents, letter

LAST_RELEASE = "9c7d695"
"""The commit of the last release."""

MESSAGE_LEASE_S = 5.0
"""After which the messages of a killed host are seen again; in Azure it is ten minutes."""

JOB_SECONDS = ("2.5", "4")
"""How long a job takes at the stand-in at least and at most: long enough for a host to be killed meanwhile."""

LONG_CHARACTERS = 300_000
"""Three requests."""

STALLED_S = 240.0
"""Without a new result for so long, a round has failed. A job whose worker was killed while it submitted it is taken up
again a minute later; one that lost its message, after the three minutes of the sweep and its interval."""

EXTENSION_KEY = "two-releases"
_DROPPERS = 4
_LOOK_EVERY_S = 0.2
_HOST_QUEUES = "azure-webjobs-blobtrigger"


class Release(NamedTuple):
    """A release and the folder of its app."""

    name: str
    folder: Path


THIS = Release("this release", ROOT)


class Round(NamedTuple):
    """Which release gets the documents, and which one is there to finish them."""

    name: str
    first: str
    second: str
    is_killed: bool
    """Whether the first is killed before the second starts; else both work from the beginning."""


LAST, NEW = "last release", THIS.name
FORWARD = Round("forward", LAST, NEW, is_killed=True)
BACKWARD = Round("backward", NEW, LAST, is_killed=True)
SIDE_BY_SIDE = Round("side-by-side", LAST, NEW, is_killed=False)
ROUNDS = (FORWARD, BACKWARD, SIDE_BY_SIDE)


@dataclass(frozen=True, slots=True)
class Report:
    """What a round came to."""

    round: Round
    documents: int
    seconds: float
    done_at_kill: int | None
    """Results that were there when the first host was killed."""
    runs: dict[str, dict[str, int]]
    """How often each release's functions ran; of a killed host, up to then."""
    records: dict[str, int]
    """How many document records say each version of the format in the end."""
    billed_again: int
    """Documents that were submitted more than once."""
    wrong: list[str] = field(default_factory=list)
    """What must not be, a sentence each."""

    def __str__(self) -> str:
        killed = "" if self.done_at_kill is None else f", first host killed with {self.done_at_kill} results"
        runs = "; ".join(
            f"{release}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count)
            for release, counts in self.runs.items()
        )
        lines = [
            f"{self.round.name}: {self.documents} documents in {self.seconds:.0f} s{killed}; "
            f"{self.billed_again} submitted again; records by version {self.records}",
            f"  runs of {runs}",
            *(f"  WRONG: {sentence}" for sentence in self.wrong or ()),
        ]
        return "\n".join(lines)


# --- The last release ---


def has_last_release() -> bool:
    """Whether the history that is here has the commit of the last release."""
    found = subprocess.run(["git", "cat-file", "-e", f"{LAST_RELEASE}^{{commit}}"], cwd=ROOT, capture_output=True)
    return found.returncode == 0


@contextmanager
def last_release() -> Iterator[Release]:
    """Yield the app of the last release, in a folder that is deleted afterwards."""
    command = ["git", "archive", LAST_RELEASE, "function_app.py", "host.json", "functions"]
    packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="last-release-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Release(LAST, Path(folder))


# --- A round ---


class AtWork:
    """The containers, queues and hosts of one round."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._name = name
        self._blobs = BlobServiceClient.from_connection_string(stack.connection_string)
        self._queues = QueueServiceClient.from_connection_string(stack.connection_string)
        self.intake, self.output, self.state = map(self._container, ("documents", "entities", "state"))
        self.jobs = f"jobs-{name}"
        for queue in (self.jobs, f"{self.jobs}-poison"):
            self._queues.create_queue(queue)
        self._settings = stack.folder / f"{name}.settings.json"
        values = {
            **stack.settings,
            "AzureFunctionsWebHost__hostid": name,
            "BLOB_TRIGGER_SOURCE": "EventGrid",
            "INPUT_CONTAINER": self.intake.container_name,
            "OUTPUT_CONTAINER": self.output.container_name,
            "STATE_CONTAINER": self.state.container_name,
            "JOB_QUEUE": self.jobs,
        }
        self._settings.write_text(json.dumps({"IsEncrypted": False, "Values": values}), "utf-8")
        self._billed_before = len(stack.language.admin("GET", "ledger"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._blobs.close()
        self._queues.close()

    def _container(self, kind: str) -> ContainerClient:
        return self._blobs.create_container(f"{kind}-{self._name}")

    def start(self, release: Release) -> HostPart:
        """Start a host with a release's app; the stack stops it."""
        name = f"{release.name.replace(' ', '-')} of {self._name}"
        host = HostPart(
            name,
            self._settings,
            log_file=self._stack.folder / "logs" / f"{name}.log".replace(" ", "-"),
            options=[
                *("--app", str(release.folder)),
                *("--extension-key", EXTENSION_KEY),
                *("--message-lease", str(MESSAGE_LEASE_S)),
                *("--log-level", "info"),
            ],
        )
        self._stack.hosts.append(host)
        host.start()
        return host

    def drop(self, dropped: Sequence[Document], hosts: Sequence[HostPart]) -> None:
        """Drop documents, and bring their events to the hosts in turn, as Event Grid does."""

        def one(document: Document, host: HostPart) -> None:
            etag = str(self.intake.upload_blob(document.name, document.data).get_blob_properties().etag)
            url = self.intake.get_blob_client(document.name).url
            data = {"api": "PutBlob", "url": url, "eTag": etag.strip('"'), "blobType": "BlockBlob"}
            requests.post(
                f"{host.url}/runtime/webhooks/blobs",
                params={"functionName": "Host.Functions.submit", "code": EXTENSION_KEY},
                headers={"aeg-event-type": "Notification"},
                json=[{"eventType": "Microsoft.Storage.BlobCreated", "data": data}],
                timeout=30,
                proxies={"http": "", "https": ""},
            ).raise_for_status()

        with ThreadPoolExecutor(_DROPPERS) as pool:
            list(pool.map(one, dropped, itertools.cycle(hosts)))

    def results(self) -> set[str]:
        """Return the names of the result blobs."""
        return set(self.output.list_blob_names())

    def is_to_be_killed(self, count: int, *, gently: bool) -> bool:
        """Whether the moment has come to kill the host that got `count` documents.

        A quarter of them is claimed; or, gently, all are, and no job waits to be submitted.
        """
        claimed = sum(1 for _ in self.state.list_blob_names(name_starts_with="documents/"))
        if not gently:
            return claimed >= count // 4
        states = [blob.metadata["state"] for blob in self.state.list_blobs("jobs/", include=["metadata"])]
        return claimed == count and "waiting" not in states

    def leftovers(self) -> list[str]:
        """Return what is left of the work, a sentence each: jobs, results of chunks, messages."""
        left = [
            f"{name} is left"
            for prefix in ("jobs/", "pieces/")
            for name in self.state.list_blob_names(name_starts_with=prefix)
        ]
        queues = [queue.name for queue in self._queues.list_queues()]
        mine = [
            name for name in queues if name.startswith((self.jobs, f"{_HOST_QUEUES}-{self._name}")) or "poison" in name
        ]
        for name in mine:
            count = self._queues.get_queue_client(name).get_queue_properties().approximate_message_count
            if count:
                left.append(f"queue {name} has {count} messages")
        return left

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the document records by the documents' names."""
        names = list(self.state.list_blob_names(name_starts_with="documents/"))
        read = [json.loads(self.state.download_blob(name).readall()) for name in names]
        return {record["document"]["name"]: record for record in read}

    def billed(self) -> Counter[str]:
        """Return how often each text was submitted in this round, by its SHA-256."""
        entries = self._stack.language.admin("GET", f"ledger?since={self._billed_before}")
        return Counter(document["sha256"] for entry in entries for document in entry["documents"])

    def wrong_entities(self, document: Document) -> list[str]:
        """Return why a document's entities are not those that the service finds in its whole text."""
        try:
            result = json.loads(self.output.download_blob(entities_name(document.name)).readall())
        except ResourceNotFoundError:
            return [f"{document.name} has no entities"]
        found = self._stack.language.admin("POST", "entities", {"text": document.text})
        if sorted(map(_place, found)) != sorted(map(_place, result["entities"])):
            return [f"{document.name} has not the entities that it should have"]
        return []


def _place(entity: dict[str, Any]) -> tuple[str, int, str]:
    return entity["category"], entity["offset"], entity["text"]


def run_round(stack: Stack, last: Release, planned: Round, dropped: Sequence[Document], *, gently: bool) -> Report:
    """Drop documents and let the two releases work on them until each has its result.

    `gently` kills the first host once all is submitted, and not in the middle of that: nothing then has to wait for a
    minute before it is taken up again.
    """
    releases = {last.name: last, THIS.name: THIS}
    started = time.monotonic()
    with AtWork(stack, planned.name) as at_work:
        hosts = {planned.first: at_work.start(releases[planned.first])}
        if not planned.is_killed:
            hosts[planned.second] = at_work.start(releases[planned.second])
        at_work.drop(dropped, list(hosts.values()))
        done_at_kill, runs = None, {}
        if planned.is_killed:
            _wait(lambda: at_work.is_to_be_killed(len(dropped), gently=gently), at_work)
            runs[planned.first] = _runs(hosts[planned.first])
            hosts[planned.first].kill()
            done_at_kill = len(at_work.results())
            hosts[planned.second] = at_work.start(releases[planned.second])
        wanted = {entities_name(document.name) for document in dropped}
        _wait(lambda: at_work.results() >= wanted and not at_work.leftovers(), at_work)
        runs |= {name: _runs(host) for name, host in hosts.items() if host.process.running}
        report = _judge(at_work, planned, dropped, time.monotonic() - started, done_at_kill, runs)
        for host in hosts.values():
            host.stop()
    return report


def _wait(is_reached: Callable[[], bool], at_work: AtWork) -> None:
    """Wait until something is reached, or nothing has moved for so long that it never will be."""
    seen, since = at_work.results(), time.monotonic()
    while not is_reached():
        time.sleep(_LOOK_EVERY_S)
        now = at_work.results()
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > STALLED_S:
            return


def _runs(host: HostPart) -> dict[str, int]:
    return {name: each["runs"] for name, each in host.status()["functions"].items()}


def _judge(
    at_work: AtWork,
    planned: Round,
    dropped: Sequence[Document],
    seconds: float,
    done_at_kill: int | None,
    runs: dict[str, dict[str, int]],
) -> Report:
    records, billed = at_work.records(), at_work.billed()
    wanted = {entities_name(document.name) for document in dropped}
    results = at_work.results()
    wrong = [f"{name} is missing" for name in sorted(wanted - results)]
    wrong += [f"{name} should not be there" for name in sorted(results - wanted)]
    wrong += at_work.leftovers()
    with ThreadPoolExecutor(_DROPPERS) as pool:
        wrong += itertools.chain.from_iterable(pool.map(at_work.wrong_entities, dropped))
    for document in dropped:
        record, times = records.get(document.name, {}), billed[text_digest(document.text)]
        is_whole = record.get("pieces", 1) == 1
        # What this release has claimed says what is to be done, and counts from the first submission on.
        if is_whole and "work" in record and record["submissions"] < times:
            wrong.append(f"{document.name} was submitted {times} times and its record counts {record['submissions']}")
    for release in (planned.first, planned.second):
        if not sum(runs.get(release, {}).values()):
            wrong.append(f"{release} has done nothing")
    return Report(
        planned,
        len(dropped),
        seconds,
        done_at_kill,
        runs,
        dict(Counter(str(record.get("version", 1)) for record in records.values())),
        sum(1 for times in billed.values() if times > 1),
        wrong,
    )


def run(
    count: int,
    *,
    rounds: Sequence[Round] = ROUNDS,
    gently: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Report]:
    """Run the rounds with `count` documents each, one of them long, and return what each came to."""
    dropped = [*documents(count - 1), Document("long.txt", letter(1_000_000, LONG_CHARACTERS))]
    reports = []
    with ExitStack() as open_things:
        last = open_things.enter_context(last_release())
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory(prefix="two-releases-")))
        options = ["--min-seconds", JOB_SECONDS[0], "--max-seconds", JOB_SECONDS[1]]
        stack = open_things.enter_context(Stack(folder, hosts=0, language_options=options))
        for planned in rounds:
            report = run_round(stack, last, planned, dropped, gently=gently)
            tell(str(report))
            reports.append(report)
    return reports


@click.command(help="Let the last release and this one work on the same storage, and check that nothing is lost.")
@click.option("--documents", "count", type=click.IntRange(2, 100_000), default=200, show_default=True)
@click.option("--round", "names", type=click.Choice([each.name for each in ROUNDS]), multiple=True, help="Only these.")
@click.option("--gently", is_flag=True, help="Kill no host while it submits.")
def main(count: int, names: tuple[str, ...], gently: bool) -> None:
    """Run the rounds and say what they came to."""
    if not has_last_release():
        raise click.ClickException(
            f"The history here does not have {LAST_RELEASE}; fetch it whole (git fetch --unshallow)."
        )
    rounds = [each for each in ROUNDS if not names or each.name in names]
    reports = run(count, rounds=rounds, gently=gently, tell=click.echo)
    sys.exit(any(report.wrong for report in reports))


if __name__ == "__main__":
    main()
