"""The single figures: a lone document, the longest document, the import of the app, merging and writing."""

from __future__ import annotations

import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import requests

from functions.core.documents import DocumentRecord, DocumentState
from functions.core.records import DocumentFacts, JobFacts
from functions.core.results import document_outputs, entities_name, result_metadata, to_json
from functions.core.work import WorkSpec
from functions.settings import SETTINGS, Secret, StorageConnection
from functions.storage.azure_containers import AzureContainer
from functions.storage.clients import blob_service
from functions.storage.document_store import DocumentStore
from functions.tasks.custom_entities import CustomEntityRecognition, EntitiesResult
from functions.tasks.entities import FoundEntities, FoundEntity, locate
from functions.text.chunks import cut
from functions.text.decoding import decode
from local.process import ROOT

from .documents import Document, letter
from .rig import OURS, Contestant, Rig, Round

LOOK_EVERY_S = 0.01
PATIENCE_S = 60
LONG_PATIENCE_S = 600
LONGEST_DOCUMENT_BYTES = int(next(each.default for each in SETTINGS if each.name == "MAX_DOCUMENT_BYTES") or 0)

_DIFFERENT_LETTERS = 500
_ENTITY_EVERY = 200
"""Characters of text for each entity of the merging figure; a letter of the benchmark has about as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lone:
    """One document dropped while nothing else is going on. Seconds."""

    contestant: str
    drop_to_result: float
    detection: float
    """From the drop to the start of the function: the trigger's share, the same for every app."""
    job: float
    """From the moment the service accepted the job to the moment it was done, by the service's clock."""

    @property
    def beyond(self) -> float:
        """What the app added."""
        return self.drop_to_result - self.detection - self.job


def lone_documents(rig: Rig, contestant: Contestant, count: int) -> list[Lone]:
    """Drop `count` documents, each after the one before has its result and the app is idle again."""
    with rig.round(contestant) as at_work:
        at_work.wait_until_idle()
        return [_lone(rig, at_work, number) for number in range(count)]


def _lone(rig: Rig, at_work: Round, number: int) -> Lone:
    document = Document(f"lone-{number}.txt", letter(number, 2_000))
    runs, jobs = _runs(at_work), rig.language.counters()["jobsAccepted"]
    dropped = at_work.drop([document])[document.name]
    detected = wait_for(lambda: _runs(at_work) > runs, PATIENCE_S)
    wanted = at_work.result_name(document.name)
    seen = wait_for(lambda: wanted in at_work.results(wanted), PATIENCE_S)
    at_work.wait_until_idle()
    entry = rig.language.admin("GET", f"ledger?since={jobs}")[-1]
    return Lone(
        contestant=at_work.contestant.name,
        drop_to_result=seen - dropped,
        detection=detected - dropped,
        job=_job_seconds(rig, entry),
    )


def _job_seconds(rig: Rig, entry: dict[str, Any]) -> float:
    """Return how long a job of the ledger took, from the service's own answer to a poll."""
    reply = requests.get(
        f"{rig.language.url}/language/analyze-text/jobs/{entry['job']}?api-version=2023-04-01",
        headers={"Ocp-Apim-Subscription-Key": rig.language.key},
        timeout=10,
    ).json()
    done = datetime.fromisoformat(reply["tasks"]["items"][0]["lastUpdateDateTime"])
    return (done - datetime.fromisoformat(entry["accepted"])).total_seconds()


def _runs(at_work: Round) -> int:
    # The runs of the blob function only: it is the first of each app.
    return sum(next(iter(host["functions"].values()))["runs"] for host in at_work.status())


def wait_for(happened: Callable[[], bool], patience_s: float, every_s: float = LOOK_EVERY_S) -> float:
    """Return when something had happened (`time.monotonic`). Raises `TimeoutError` where nothing does in time."""
    until = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > until:
            raise TimeoutError(f"Nothing came for {patience_s} s.")
        time.sleep(every_s)
    return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Long:
    """The longest document. Seconds and bytes."""

    size: int
    characters: int
    requests: int
    drop_to_result: float
    entities: int
    idle_memory: int
    peak_memory: int

    @property
    def memory_above_idle(self) -> int:
        """What the document cost in memory."""
        return self.peak_memory - self.idle_memory


def long_document(size: int = LONGEST_DOCUMENT_BYTES) -> Document:
    """Return a document of at most `size` bytes, close to it."""
    letters = [letter(number, 2_000) + "\n\n" for number in range(_DIFFERENT_LETTERS)]
    lengths = [len(each.encode()) for each in letters]
    chosen, total, number = [], 0, 0
    while total + lengths[number % len(letters)] <= size:
        chosen.append(letters[number % len(letters)])
        total += lengths[number % len(letters)]
        number += 1
    return Document("long.txt", "".join(chosen))


def longest_document(rig: Rig, size: int = LONGEST_DOCUMENT_BYTES) -> Long:
    """Drop the longest document that is taken on a fresh host."""
    document = long_document(size)
    rig.language.admin("POST", "entities", {"text": document.text[: 2_100 * _DIFFERENT_LETTERS]})
    with rig.round(OURS) as at_work:
        (idle,) = at_work.wait_until_idle()
        dropped = at_work.drop([document])[document.name]
        wanted = at_work.result_name(document.name)
        seen = wait_for(lambda: wanted in at_work.results(wanted), LONG_PATIENCE_S)
        at_work.wait_until_idle()
        return Long(
            size=len(document.data),
            characters=len(document.text),
            requests=sum(rig.language.counters()["requests"].values()),
            drop_to_result=seen - dropped,
            entities=len(at_work.result(document.name)["entities"]),
            idle_memory=idle["rssBytes"],
            peak_memory=at_work.peak_memory(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What `import function_app` takes in a fresh process, in seconds."""

    seconds: float
    """With bytecode at hand: the median of several processes."""
    without_bytecode: float
    """When every module has to be compiled first."""
    slowest: tuple[tuple[str, float], ...]
    """The packages whose own modules take longest, all their modules together."""


IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)")


def import_time(rounds: int = 5) -> Import:
    """Measure `import function_app` with `-X importtime`."""
    traces = [read_import_trace(import_trace()) for _ in range(rounds)]
    with tempfile.TemporaryDirectory(prefix="entity-drop-bytecode-") as empty:
        cold, _ = read_import_trace(import_trace({"PYTHONPYCACHEPREFIX": empty}))
    ordered = sorted(traces, key=lambda trace: trace[0])
    seconds, packages = ordered[len(ordered) // 2]
    slowest = sorted(packages.items(), key=lambda each: -each[1])[:8]
    return Import(seconds=seconds, without_bytecode=cold, slowest=tuple(slowest))


def import_trace(environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return what `-X importtime` prints for `import function_app`."""
    settings = {
        "LANGUAGE_ENDPOINT": "https://example.cognitiveservices.azure.com",
        "LANGUAGE_KEY": "benchmark",
        "LANGUAGE_PROJECT": "loans",
        "LANGUAGE_DEPLOYMENT": "production",
        "DocumentStorage": "UseDevelopmentStorage=true",
    }
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import function_app"],
        cwd=ROOT,
        env={**os.environ, **settings, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stderr


def read_import_trace(text: str) -> tuple[float, dict[str, float]]:
    """Return the seconds that `function_app` took in all, and each top package's own share of them."""
    packages: dict[str, float] = {}
    for line in text.splitlines():
        match = IMPORT_LINE.match(line)
        if not match:
            continue
        own, cumulated, name = int(match[1]) / 1e6, int(match[2]) / 1e6, match[4]
        if name == "function_app":
            packages[name] = own
            return cumulated, packages
        package = ".".join(name.split(".")[:3]) if name.startswith("azure") else name.partition(".")[0]
        packages[package] = packages.get(package, 0.0) + own
    raise ValueError("the trace does not tell about function_app; was it imported?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """Merging the chunks of the longest document and writing its result."""

    entities: int
    merge_seconds: float
    """From the service's answers to the result's JSON."""
    write_seconds: float
    """Sending that to the storage emulator."""
    result_bytes: int

    @property
    def per_second(self) -> float:
        """Entities merged and written in a second."""
        return self.entities / (self.merge_seconds + self.write_seconds)


def merging(rig: Rig, rounds: int = 3) -> Merging:
    """Locate, merge, encode and write the entities of the longest document; the median of several rounds."""
    container = "merging"
    rig.account.container(container).create()
    service = blob_service(StorageConnection(connection_string=Secret(rig.storage.connection_string)))
    target = AzureContainer(service.get_container_client(container))
    store = DocumentStore(target, target)
    measured = [_merge(store) for _ in range(rounds)]
    return sorted(measured, key=lambda each: each.merge_seconds + each.write_seconds)[len(measured) // 2]


def _merge(store: DocumentStore) -> Merging:
    now = datetime.now(UTC)
    document = long_document()
    facts = DocumentFacts(
        name=document.name, etag='"0x1"', last_modified=now, size_bytes=len(document.data), language="en"
    )
    unit = "UnicodeCodePoint"
    task = CustomEntityRecognition(project="loans", deployment="production")
    work = WorkSpec(api_version="2023-04-01", tasks=(task,), language="en", string_index_type=unit)
    chunks = cut(facts, document.data, decode(document.data), work)
    record = DocumentRecord(document=facts, state=DocumentState.PENDING, owner="job", claimed_at=now, updated=now)
    answers = [_answer(chunk.text) for chunk in chunks]
    job = JobFacts(operation_id="job", submitted_date_time=now, completed_date_time=now, polls=1)
    started = time.perf_counter()
    located = [
        locate(chunk.chunk, chunk.text, answer, unit, job) for chunk, answer in zip(chunks, answers, strict=True)
    ]
    (output,) = document_outputs(record, {"entities": located}, work, None, now)
    result = output.content
    assert isinstance(result, EntitiesResult)
    content = to_json(result)
    merged = time.perf_counter()
    name = entities_name(document.name)
    present = store.get_result_properties(name)
    store.write_result(name, content, result_metadata(facts, "job"), present.etag if present else None)
    return Merging(
        entities=len(result.entities),
        merge_seconds=merged - started,
        write_seconds=time.perf_counter() - merged,
        result_bytes=len(content),
    )


def _answer(text: str) -> FoundEntities:
    """Return an answer with an entity at every `_ENTITY_EVERY` characters: offsets are code points here."""
    length = 16
    return FoundEntities(
        tuple(
            FoundEntity(text[start : start + length], "BorrowerName", start, length, 0.98)
            for start in range(0, len(text) - length, _ENTITY_EVERY)
        )
    )


def figures_of(measured: list[Lone]) -> dict[str, float]:
    """Return the medians of lone documents, by figure, and the 95th percentile of drop to result."""
    medians = {
        figure: statistics.median(getattr(each, figure) for each in measured)
        for figure in ("drop_to_result", "detection", "job", "beyond")
    }
    took = sorted(each.drop_to_result for each in measured)
    return {**medians, "p95": took[math.ceil(0.95 * len(took)) - 1]}
