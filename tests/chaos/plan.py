"""What a chaos run does to the app: which documents, events and kills, all drawn from one seed before it begins."""

import random
import re
from codecs import BOM_UTF8, BOM_UTF16_LE
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from typing import NamedTuple, TypeVar

from functions.text.formats.extraction import Limits
from functions.text.formats.extractors import extract
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from local.language_service import faults as language_faults
from local.stack import SAMPLES

TWICE = 0.10
"""Share of the events that are delivered twice."""

LOST = 0.02
"""Share of the events that never come."""

REPLACED = 0.05
"""Share of the documents that are replaced while they are worked on."""

UNREADABLE = 0.01
"""Share of the documents in which there is no text; they must end in error reports."""

LONG = 0.004
"""Share of the documents that take several requests."""

FILES = 0.03
"""Share of the documents that are files, whose text is extracted."""

POISON = 0.003
"""Share of the documents that make every job fail in which they are; they must end in reports that blame them."""

SAME_AGAIN = 0.02
"""Share of the documents that get a new ETag with the same content, as from a scanner that stamps metadata."""

FOLDERS = 0.005
"""Markers of folders, as a share of the documents; nothing may come of them."""

UNSAFE = 0.003
"""Blobs whose names would lead a request out of the container, as a share of the documents."""

REQUEST_FAULTS = (
    # Refused, throttled, cut: not carried out, or without a reply.
    *("error-500=0.08", "throttle-429=0.08", "cut=0.04", "latency=0.02", "truncated=0.005", "garbage=0.005"),
    # Something between the app and the service answers.
    *(f"html-{status}@GET=0.008" for status in (200, 400, 404, 413, 502)),
    *(f"html-{status}@POST=0.003" for status in (200, 400, 404, 413, 502)),
    *("html-200-after@POST=0.004", "bad-redirect=0.003", "bad-redirect-after@POST=0.003"),
    # Odd replies of the service.
    *("bad-location=0.004", "missing-location=0.004", "relative-location=0.01", "foreign-location=0.01"),
    *("json-404=0.008", "huge-retry-after=0.004", "huge-retry-after-503=0.004", "deep-json=0.006", "drip=0.002"),
)
"""What the Language stand-in does to requests, in the words of its command line."""

JOB_FAULTS = (
    *("stuck=0.02", "failed=0.01", "failed-bare=0.005", "failed-internal=0.01", "vanished=0.01", "rejected=0.005"),
    *("cancelled=0.005", "unknown-status=0.005", "not-started-long=0.01", "repeated-documents=0.01", "partial=0.01"),
    *("missing-documents=0.01", "all-missing=0.005", "document-internal=0.01", "document-unknown=0.005"),
    *("odd-entity=0.015", "odd-document=0.02"),
)
"""What it does to jobs."""

FAULTS = (*REQUEST_FAULTS, *JOB_FAULTS)

INCIDENTS = (*(f"html-{status}" for status in (200, 400, 404, 413, 502)), "failed-internal", "document-internal")
"""What all requests, or all jobs, suffer for some seconds; one of the first and one of the last two in each run."""

GOES_AWAY = 0.5
"""How much of the drops is over when one of several Language resources goes away."""

DROPS_PER_S = 10.0
"""Documents dropped in a second, on average; they come in bursts of one to sixty."""

_BURSTS = (1, 1, 2, 5, 12, 25, 60)
_UP_S = (5.0, 30.0)
_DOWN_S = (0.0, 5.0)
_REPLACED_AFTER_S = (0.2, 6.0)
_SECOND_DELIVERY_AFTER_S = (0.0, 20.0)
_STAMPED_AFTER_S = (1.0, 30.0)
_INCIDENT_S = (5.0, 9.0)
_BETWEEN_INCIDENTS_S = 12.0

_UNSAFE_NAMES = ("../private/{n}.txt", "letters/../../{n}.txt", "./{n}.txt", "{n}/..", "a/./{n}.txt")

_REFERENCE = re.compile(r"Reference \d+/\d+/\d+")
"""What no other text has."""

T = TypeVar("T")

_NAMES = (
    "letters/{n}.txt",
    "{n}",
    "{n}-1",
    "2025/Q1/offer {n}.txt",
    "100% sure #{n}.txt",
    "what? {n}.txt",
    "a+b={n}&c.txt",
    "%2F{n}%20.txt",
    "Grüße/Straße {n}.txt",
    "été {n} e\u0301te\u0301.txt",
    "日本語/書類 {n}.txt",
    "bank 🏦 {n}.txt",
    "\uff46ullwidth {n}.txt",
    "[{n}] 'quoted'; \"so\" (~x).txt",
    "{n}.entities.json",
    "{n}.error.json",
    "a/b/c/d/e/{n}/letter.txt",
    "upper CASE {n}.TXT",
    # As long as a blob's name can be.
    "{n}" + "-long" * 204,
)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document. `text` is None where there is none in it, and then `problem` says what is wrong."""

    data: bytes
    text: str | None
    encoding: str | None = "utf-8"
    problem: str | None = None
    deliveries: tuple[float, ...] = (0.0,)
    """When its event is delivered, each in seconds after the drop; none: the event is lost."""
    is_poison: bool = False
    """Whether every job fails in which it is."""
    is_file: bool = False
    """Whether the text is extracted."""


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """A document: its name, when it is dropped (seconds from the beginning), and its versions.

    Each further version replaces the one before after the pause (seconds) at its place in `pauses`.
    """

    name: str
    dropped_s: float
    versions: tuple[Version, ...]
    pauses: tuple[float, ...] = ()


class FolderMarker(NamedTuple):
    """A blob that only marks a folder, and how it says so."""

    name: str
    dropped_s: float
    metadata: dict[str, str]
    content_type: str


class UnsafeBlob(NamedTuple):
    """A blob with a name that no request may be made with; no event brings it."""

    name: str
    dropped_s: float


class Incident(NamedTuple):
    """All requests, or all jobs, suffer the fault `kind` for some seconds."""

    kind: str
    begins_s: float
    lasts_s: float

    def rates(self, usual: Mapping[str, float]) -> dict[str, float]:
        """Return the rates of faults while it lasts: its own instead of those that it would add up with."""
        is_of_jobs = self.kind in language_faults.JOB_FAULTS
        others = language_faults.REQUEST_FAULTS if is_of_jobs else language_faults.JOB_FAULTS
        return {**{kind: rate for kind, rate in usual.items() if kind.partition("@")[0] in others}, self.kind: 1.0}


class Outage(NamedTuple):
    """A host runs for `up_s`, is killed, and is started again after `down_s`."""

    up_s: float
    down_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before a run."""

    seed: int
    documents: tuple[PlannedDocument, ...]
    folders: tuple[FolderMarker, ...] = ()
    unsafe: tuple[UnsafeBlob, ...] = ()
    incidents: tuple[Incident, ...] = ()

    @property
    def goes_away_s(self) -> float:
        """When one of several Language resources goes away for good, in seconds from the beginning."""
        return max(document.dropped_s for document in self.documents) * GOES_AWAY

    @property
    def poison_texts(self) -> list[str]:
        """What the stand-in is to know of the documents that make their jobs fail."""
        texts = [version.text for document in self.documents for version in document.versions if version.is_poison]
        return [found[0] for text in texts if (found := _REFERENCE.search(text or ""))]

    @property
    def stamped(self) -> int:
        """How many documents get a new ETag with the same content."""
        return sum(
            any(one.data == other.data for one, other in pairwise(document.versions)) for document in self.documents
        )

    @property
    def versions(self) -> int:
        """How many versions are dropped."""
        return sum(len(document.versions) for document in self.documents)

    @property
    def lost_events(self) -> int:
        """How many events never come."""
        return sum(not version.deliveries for document in self.documents for version in document.versions)

    @property
    def doubled_events(self) -> int:
        """How many events come twice."""
        return sum(len(version.deliveries) > 1 for document in self.documents for version in document.versions)

    @property
    def replaced(self) -> int:
        """How many documents are replaced by other content."""
        return sum(
            any(one.data != other.data for one, other in pairwise(document.versions)) for document in self.documents
        )

    def outages(self, host: int) -> Iterator[Outage]:
        """Yield when a host dies, for as long as the run lasts."""
        rng = _rng(self.seed, f"host {host}")
        while True:
            yield Outage(rng.uniform(*_UP_S), rng.uniform(*_DOWN_S))


def make_plan(seed: int, documents: int) -> Plan:
    """Return the plan of a run; the same arguments give the same plan."""
    rng = _rng(seed, "documents")
    numbers = range(documents)
    unreadable, long = _some(rng, numbers, UNREADABLE), _some(rng, numbers, LONG)
    replaced = _some(rng, numbers, REPLACED)
    ordinary = [number for number in numbers if number not in unreadable | long | replaced]
    files = _some(_rng(seed, "files"), ordinary, FILES)
    poison = _some(rng, ordinary, POISON * documents / len(ordinary))
    stamped = _some(rng, [number for number in ordinary if number not in poison], SAME_AGAIN)
    writer = _Writer(rng, seed)
    planned = []
    for number, dropped_s in zip(numbers, _drops(rng), strict=False):
        make = (
            writer.unreadable
            if number in unreadable
            else writer.long
            if number in long
            else writer.page
            if number in files
            else writer.letter
        )
        versions, pauses = [make(number, 0)], []
        if number in replaced:
            # Most are replaced by another text, some change their kind: an error report must make room for entities.
            for later in range(1, rng.choice((2, 2, 2, 3))):
                is_letter = versions[-1].text is None or rng.random() < 0.8
                versions.append((writer.letter if is_letter else writer.unreadable)(number, later))
                pauses.append(rng.uniform(*_REPLACED_AFTER_S))
        elif number in poison:
            versions = [replace(version, is_poison=True) for version in versions]
        elif number in stamped:
            versions.append(versions[0])
            pauses.append(rng.uniform(*_STAMPED_AFTER_S))
        planned.append(PlannedDocument(_name(rng, number), dropped_s, tuple(versions), tuple(pauses)))
    last_s = planned[-1].dropped_s
    return Plan(
        seed,
        tuple(_with_events(rng, planned)),
        tuple(_folders(_rng(seed, "folders"), documents, last_s)),
        tuple(_unsafe(_rng(seed, "unsafe"), documents, last_s)),
        tuple(_incidents(_rng(seed, "incidents"), last_s)),
    )


def _folders(rng: random.Random, documents: int, last_s: float) -> Iterator[FolderMarker]:
    for number in range(max(3, round(FOLDERS * documents))):
        name = f"folder {number}"
        how = ((f"{name}/", {}, ""), (name, {"hdi_isfolder": "true"}, ""), (name, {}, "inode/directory"))[number % 3]
        yield FolderMarker(how[0], rng.uniform(0, last_s), how[1], how[2])


def _unsafe(rng: random.Random, documents: int, last_s: float) -> Iterator[UnsafeBlob]:
    for number in range(max(2, round(UNSAFE * documents))):
        yield UnsafeBlob(rng.choice(_UNSAFE_NAMES).format(n=f"unsafe {number}"), rng.uniform(0, last_s))


def _incidents(rng: random.Random, last_s: float) -> Iterator[Incident]:
    kinds = [rng.choice(INCIDENTS[:-2]), rng.choice(INCIDENTS[-2:])]
    rng.shuffle(kinds)
    begins_s = last_s * rng.uniform(0.1, 0.3)
    for kind in kinds:
        incident = Incident(kind, begins_s, rng.uniform(*_INCIDENT_S))
        yield incident
        begins_s = max(last_s * rng.uniform(0.5, 0.8), begins_s + incident.lasts_s + _BETWEEN_INCIDENTS_S)


def _with_events(rng: random.Random, planned: Sequence[PlannedDocument]) -> Iterator[PlannedDocument]:
    events = [(document.name, number) for document in planned for number in range(len(document.versions))]
    twice = _some(rng, events, TWICE)
    others = [event for event in events if event not in twice]
    lost = _some(rng, others, LOST * len(events) / len(others))
    for document in planned:
        versions = list(document.versions)
        for number, version in enumerate(versions):
            event = (document.name, number)
            if event in lost:
                versions[number] = replace(version, deliveries=())
            elif event in twice:
                again = rng.uniform(*_SECOND_DELIVERY_AFTER_S)
                versions[number] = replace(version, deliveries=(0.0, rng.choice((0.0, again))))
        yield replace(document, versions=tuple(versions))


def _drops(rng: random.Random) -> Iterator[float]:
    """Yield when each document is dropped: bursts, and pauses as long as the bursts before them were large."""
    now = 0.0
    while True:
        burst = rng.choice(_BURSTS)
        for _ in range(burst):
            yield now
        now += burst / DROPS_PER_S * rng.uniform(0.5, 1.5)


def _name(rng: random.Random, number: int) -> str:
    return rng.choice(_NAMES).format(n=f"{number:04}")


class _Writer:
    """Writes documents that the stand-in's model finds something in; no two have the same text."""

    def __init__(self, rng: random.Random, seed: int) -> None:
        self._rng = rng
        self._seed = seed
        self._samples = [file.read_text("utf-8") for file in sorted((SAMPLES / "labelled").glob("*.txt"))]

    def letter(self, number: int, version: int) -> Version:
        letters = self._rng.sample(self._samples, self._rng.choice((1, 1, 1, 2, 3)))
        text = self._unique("\n\n".join(letters), number, version)
        dress = self._rng.choice((str, str, str, _with_crlf, _with_emoji, _decomposed))
        return self._encoded(dress(text))

    def page(self, number: int, version: int) -> Version:
        """Return an html file: the text is what a reader sees, as the app's own extractor gives it."""
        text = self._unique(self._rng.choice(self._samples), number, version)
        paragraphs = "".join(f"<p>{escape(line)}</p>" for line in text.split("\n") if line)
        data = f"<html><body><h1>Letter</h1>{paragraphs}</body></html>".encode()
        return Version(data, extract(data, Limits()).text, is_file=True)

    def long(self, number: int, version: int) -> Version:
        wanted = MAX_REQUEST_CHARACTERS * self._rng.uniform(1.1, 2.5)
        letters: list[str] = []
        while sum(map(len, letters)) < wanted:
            letters += self._rng.sample(self._samples, len(self._samples))
        # A reference in each letter, so that no two chunks are the same.
        text = "\n\n".join(f"{letter}\n\nEnclosure {place}" for place, letter in enumerate(letters))
        return self._encoded(self._unique(text, number, version))

    def unreadable(self, number: int, version: int) -> Version:
        # A different length each time, so that each version is one.
        padding = b" " * (number + version)
        data, problem = self._rng.choice(
            (
                (b"", "EmptyDocument"),
                (b" \r\n\t" + padding, "NoText"),
                (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + padding, "NoText"),
                (b"%PDF-1.7 " + padding, "DamagedFile"),
                (BOM_UTF16_LE + b"\x00\xd8" * (50 + number) + b" \x00" * version, "InvalidEncoding"),
            )
        )
        return Version(data, None, None, problem)

    def _unique(self, text: str, number: int, version: int) -> str:
        return f"Reference {self._seed}/{number}/{version}\n\n{text}"

    def _encoded(self, text: str) -> Version:
        mark, encoding = self._rng.choice(((b"", "utf-8"),) * 8 + ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le")))
        return Version(mark + text.encode(encoding), text, encoding)


def _with_crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def _with_emoji(text: str) -> str:
    return "🏦👩‍💼 " + text.replace("\n\n", " 💷\n\n")


def _decomposed(text: str) -> str:
    return "Cafe\u0301 Zu\u0308rich\n\n" + text


def _rng(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed}|{purpose}")


def _some(rng: random.Random, items: Sequence[T], share: float) -> frozenset[T]:
    """Return that share of the items, one at least: a small run, too, must see everything once."""
    return frozenset(rng.sample(list(items), max(1, round(len(items) * share))))
