"""What a chaos run does to the app: which documents, events and kills, all drawn from one seed before it begins."""

import random
from codecs import BOM_UTF8, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from functions.text.splitting import MAX_REQUEST_CHARACTERS
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

FAULTS = ("error-500=0.10", "throttle-429=0.10", "cut=0.05", "stuck=0.03", "failed=0.02", "vanished=0.01")
"""What the Language stand-in does, in the words of its command line: to requests, then to jobs."""

DROPS_PER_S = 10.0
"""Documents dropped in a second, on average; they come in bursts of one to sixty."""

_BURSTS = (1, 1, 2, 5, 12, 25, 60)
_UP_S = (5.0, 30.0)
_DOWN_S = (0.0, 5.0)
_REPLACED_AFTER_S = (0.2, 6.0)
_SECOND_DELIVERY_AFTER_S = (0.0, 20.0)

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


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """A document: its name, when it is dropped (seconds from the beginning), and its versions.

    Each further version replaces the one before after the pause (seconds) at its place in `pauses`.
    """

    name: str
    dropped_s: float
    versions: tuple[Version, ...]
    pauses: tuple[float, ...] = ()


class Outage(NamedTuple):
    """A host runs for `up_s`, is killed, and is started again after `down_s`."""

    up_s: float
    down_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before a run."""

    seed: int
    documents: tuple[PlannedDocument, ...]

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
        """How many documents are replaced."""
        return sum(len(document.versions) > 1 for document in self.documents)

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
    writer = _Writer(rng, seed)
    planned = []
    for number, dropped_s in zip(numbers, _drops(rng), strict=False):
        make = writer.unreadable if number in unreadable else writer.long if number in long else writer.letter
        versions, pauses = [make(number, 0)], []
        if number in replaced:
            # Most are replaced by another text, some change their kind: an error report must make room for entities.
            for later in range(1, rng.choice((2, 2, 2, 3))):
                is_letter = versions[-1].text is None or rng.random() < 0.8
                versions.append((writer.letter if is_letter else writer.unreadable)(number, later))
                pauses.append(rng.uniform(*_REPLACED_AFTER_S))
        planned.append(PlannedDocument(_name(rng, number), dropped_s, tuple(versions), tuple(pauses)))
    return Plan(seed, tuple(_with_events(rng, planned)))


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
                (b"\x00\x01\x02\x03" * 64 + padding, "NotText"),
                (b"%PDF-1.7 " + padding, "NotText"),
                (BOM_UTF16_LE + b"\x00\xd8" * (4 + number + version), "InvalidEncoding"),
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
