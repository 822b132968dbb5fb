"""The verdict on a chaos run: what every document ended with, held against what its newest version should end with."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from functions.core.documents import MAX_SUBMISSIONS
from functions.core.health import CONTROL_TEXT
from functions.core.packing import MAX_REQUEST_DOCUMENTS
from functions.core.planning import PROVEN_FAILURES
from functions.core.results import entities_name, error_name, extracted_name, refused_name
from functions.text.splitting import split
from local.language_service.counters import text_digest
from local.language_service.faults import POISONED
from tests.chaos.plan import Plan, Version

FAILING_FATES = frozenset(
    {
        *("stuck", "failed", "failed-bare", "failed-internal", "vanished", "rejected", "cancelled", "unknown-status"),
        *("document-internal", "document-unknown", "all-missing", "missing-documents", "partial", "odd-document"),
        POISONED,
    }
)
"""Injected fates of a job after which its documents, or some of them, have to be sent again."""

LOST_REPLIES = frozenset(
    {"cut-after", "truncated", "html-200-after", "bad-redirect-after", "bad-location", "missing-location", "drip"}
)
"""Injected replies to a submission after which nobody can know of the job."""

ODD_FATES = frozenset({"odd-entity", "odd-document"})
"""Injected fates of a job after which something of its first document can not be read."""

BLAMED_FROM = PROVEN_FAILURES + 2
"""So often a document that makes its jobs fail has to do so alone that its report must blame it: some of these failures
may have fallen into an incident, or ended in a poll that was lost."""

ALLOWANCE = 0.10
"""Documents that may be accepted once more, as a share of those dropped: what crashes cut in half, and lost races."""

ALLOWANCE_AT_LEAST = 2 * MAX_REQUEST_DOCUMENTS
"""In a small run a single crash in mid-submission weighs more than a tenth of everything: two are always allowed."""

Entities = Callable[[str], Sequence[Mapping[str, Any]]]
"""What the model finds in a text: text, category, offset and length in code points, confidence."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result blob as it lies in the output container."""

    name: str
    source_etag: str
    job: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was broken: to which document, and how."""

    document: str
    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left behind.

    `etags` are those of each document's versions in the order they were dropped; `ledger` is the stand-in's;
    `left_over` counts what should be gone by now; `went_back` names documents whose newer result was seen to be
    replaced by an older one; `unsafe` are the names of the blobs that were dropped with unsafe ones.
    """

    etags: Mapping[str, Sequence[str]]
    results: Sequence[StoredResult]
    ledger: Sequence[Mapping[str, Any]]
    left_over: Mapping[str, int] = field(default_factory=dict)
    went_back: frozenset[str] = frozenset()
    unsafe: frozenset[str] = frozenset()


@dataclass(slots=True)
class Bill:
    """What the stand-in accepted: one document of a request counts one, so a long document counts its chunks."""

    dropped: int = 0
    accepted: int = 0
    failed: int = 0
    """Sent again because their job failed, got stuck or vanished on purpose."""
    reply_cut: int = 0
    """Sent again because the reply to their submission was lost on purpose, so that nobody could know of the job."""
    jobs: int = 0
    most: int = 0
    """How often the text was accepted that was accepted most often."""
    unknown: int = 0
    """Accepted texts that no version has."""

    @property
    def forced(self) -> int:
        """What the stand-in forced to be sent again."""
        return self.failed + self.reply_cut

    @property
    def bar(self) -> int:
        """What may be accepted at most."""
        return self.dropped + max(int(ALLOWANCE * self.dropped), ALLOWANCE_AT_LEAST) + self.forced

    @property
    def per_dropped(self) -> float:
        """What was accepted for each document dropped, but for what was forced."""
        return (self.accepted - self.forced) / self.dropped

    @property
    def per_dropped_strictly(self) -> float:
        """The same, with cut replies held against the app too."""
        return (self.accepted - self.failed) / self.dropped


@dataclass(slots=True)
class Verdict:
    """What a run has shown."""

    documents: int
    right: int = 0
    reports: Counter[str] = field(default_factory=Counter)
    """Justified error reports by code."""
    poisoned: int = 0
    """Those of them that are about documents which make their jobs fail."""
    unreadable: int = 0
    """Right results that lack what could not be read of the service's answer, with a warning."""
    breaches: list[Breach] = field(default_factory=list)
    bill: Bill = field(default_factory=Bill)
    left_over: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        """How many documents a promise was broken to in that way."""
        return sum(breach.kind == kind for breach in self.breaches)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.breaches or any(self.left_over.values()) or self.bill.unknown) and (
            self.bill.accepted <= self.bill.bar
        )


def judge(plan: Plan, evidence: Evidence, entities: Entities) -> Verdict:
    """Hold every document against what its newest version should end with."""
    verdict = Verdict(len(plan.documents), left_over={k: n for k, n in evidence.left_over.items() if n})
    # Control documents are nobody's: how often they go is another matter (test_incidents).
    ledger = [entry for entry in evidence.ledger if not _is_control(entry)]
    verdict.bill = bill(plan, ledger)
    verdict.breaches += _billed_too_often(plan, ledger)
    service = _Service(ledger, entities)
    stored = {result.name: result for result in evidence.results}
    for document in plan.documents:
        found = [stored.pop(name) for name in _result_names(document.name) if name in stored]
        version, etags = document.versions[-1], evidence.etags.get(document.name, ())
        if len(etags) != len(document.versions):
            verdict.breaches.append(Breach(document.name, "lost", "its newest version was never dropped"))
            continue
        text = stored.pop(extracted_name(document.name), None)
        breach = _breach(document.name, version, etags, found, service) or _wrong_text(
            document.name, version, found, text
        )
        if breach:
            verdict.breaches.append(breach)
        elif version.text is None:
            verdict.reports[str(version.problem)] += 1
        elif found[0].name == error_name(document.name):
            verdict.reports[json.loads(found[0].body)["error"]["code"]] += 1
            verdict.poisoned += version.is_poison
        else:
            verdict.right += 1
            verdict.unreadable += bool(json.loads(found[0].body)["warnings"])
    for name in evidence.unsafe:
        report = stored.pop(refused_name(name), None)
        if report and json.loads(report.body)["error"]["code"] == "UnsafeName":
            verdict.reports["UnsafeName"] += 1
        else:
            verdict.breaches.append(Breach(name, "lost", "its name is unsafe, and no report says so"))
    verdict.breaches += [Breach(name, "wrong", "a result of no document") for name in stored]
    verdict.breaches += [Breach(name, "stale", "an older result replaced a newer one") for name in evidence.went_back]
    return verdict


def _is_control(entry: Mapping[str, Any]) -> bool:
    return [document["sha256"] for document in entry["documents"]] == [text_digest(CONTROL_TEXT)]


def _result_names(document: str) -> tuple[str, str]:
    return entities_name(document), error_name(document)


class _Service:
    """What the stand-in has accepted, and what its model finds."""

    def __init__(self, ledger: Sequence[Mapping[str, Any]], entities: Entities) -> None:
        self.entities = entities
        self._failures = Counter(
            document["sha256"] for entry in ledger if _has_failed(entry) for document in entry["documents"]
        )
        self._alone = Counter(
            entry["documents"][0]["sha256"]
            for entry in ledger
            if len(entry["documents"]) == 1 and entry["fate"] == POISONED and entry["reply"] not in LOST_REPLIES
        )
        self._odd = {(entry["job"], entry["documents"][0]["sha256"]) for entry in ledger if entry["fate"] in ODD_FATES}

    def failures(self, text: str) -> int:
        """Return how many submissions of a text, or of its chunk that fared worst, have failed on purpose."""
        return max(self._failures[digest] for digest in digests(text))

    def failures_alone(self, text: str) -> int:
        """Return how often a text that makes its jobs fail did so in a job of its own whose end could be seen."""
        return max(self._alone[digest] for digest in digests(text))

    def has_odd_answer(self, text: str, body: Mapping[str, Any]) -> bool:
        """Whether something of this text was made unreadable in one of the jobs that a result comes from."""
        return any((job["jobId"], digest) in self._odd for job in body.get("jobs", ()) for digest in digests(text))


def _has_failed(entry: Mapping[str, Any]) -> bool:
    return entry["fate"] in FAILING_FATES or entry["reply"] in LOST_REPLIES


def _breach(
    name: str, version: Version, etags: Sequence[str], found: Sequence[StoredResult], service: _Service
) -> Breach | None:
    if not found:
        return Breach(name, "lost", "it has no result")
    if len(found) > 1:
        return Breach(name, "wrong", "it has entities and an error report")
    (result,) = found
    if result.source_etag != etags[-1]:
        which = etags.index(result.source_etag) + 1 if result.source_etag in etags else "an unknown one"
        return Breach(name, "stale", f"its result belongs to version {which} of {len(etags)}")
    body = json.loads(result.body)
    wrong = _wrong_facts(body["document"], name, version, etags[-1])
    if wrong:
        return Breach(name, "wrong", wrong)
    is_report = result.name == error_name(name)
    if version.text is None:
        if not is_report:
            return Breach(name, "wrong", "it has no text, and has entities")
        code = body["error"]["code"]
        return None if code == version.problem else Breach(name, "wrong", f"reported as {code}, not {version.problem}")
    if version.is_poison:
        wrong = _wrong_about_poison(body, version.text, service) if is_report else "its jobs fail, and it has entities"
        return Breach(name, "wrong", wrong) if wrong else None
    if is_report:
        # Justified only where the stand-in's ledger shows that the app tried as often as it promises to.
        failures, code = service.failures(version.text), body["error"]["code"]
        if failures >= MAX_SUBMISSIONS:
            return None
        return Breach(name, "wrong", f"reported as {code} after {failures} failed submissions")
    wrong = _wrong_entities(
        body, version.text, service.entities(version.text), may_lack=service.has_odd_answer(version.text, body)
    )
    return Breach(name, "wrong", wrong) if wrong else None


def _wrong_text(name: str, version: Version, found: Sequence[StoredResult], text: StoredResult | None) -> Breach | None:
    """Return what is wrong with the extracted text beside a result."""
    has_text = version.is_file and found[0].name == entities_name(name)
    if has_text and text and text.body.decode() == version.text:
        return None
    return Breach(name, "wrong", "its extracted text is not that of its newest version") if has_text or text else None


def _wrong_about_poison(body: Mapping[str, Any], text: str, service: _Service) -> str | None:
    """Return what is wrong with the report of a document that makes its jobs fail."""
    fault, failures = body["error"].get("fault"), service.failures_alone(text)
    if fault == "document":
        return None if failures >= PROVEN_FAILURES else f"it was blamed after {failures} failures alone"
    # What failed alone while incidents or other faults lasted proves nothing.
    return f"it failed alone {failures} times, and its report blames the {fault}" if failures >= BLAMED_FROM else None


def _wrong_facts(facts: Mapping[str, Any], name: str, version: Version, etag: str) -> str | None:
    expected = {"name": name, "etag": etag, "sizeBytes": len(version.data)}
    if version.text is not None:
        expected |= {"encoding": version.encoding, "characters": len(version.text)}
    differing = [key for key, value in expected.items() if facts.get(key) != value]
    return f"its result says {', '.join(f'{key} {facts.get(key)!r}' for key in differing)}" if differing else None


def _wrong_entities(
    body: Mapping[str, Any], text: str, expected: Sequence[Mapping[str, Any]], *, may_lack: bool
) -> str | None:
    """Return what is wrong with entities; with `may_lack` some may be missing, or out of place, if warnings say so."""
    if body["warnings"] and not may_lack:
        return f"its result has warnings: {body['warnings'][0]}"
    wanted = sorted(
        (one["offset"], one["length"], one["category"], one["text"], round(one["confidence"], 6)) for one in expected
    )
    given = [
        (one["offset"], one["length"], one["category"], one["text"], round(one["confidenceScore"], 6))
        for one in body["entities"]
    ]
    if body["warnings"]:
        placed = [entity for entity, one in zip(given, body["entities"], strict=True) if one["utf16Offset"] is not None]
        extra = set(placed) - set(wanted)
        return f"{len(extra)} entities are not the model's" if extra else None
    if given != wanted:
        missing, extra = set(wanted) - set(given), set(given) - set(wanted)
        return f"{len(missing)} of {len(wanted)} entities are missing, {len(extra)} are not the model's"
    for one in body["entities"]:
        start, end = one["offset"], one["offset"] + one["length"]
        utf16 = (_utf16(text[:start]), _utf16(text[start:end]))
        if text[start:end] != one["text"] or (one["utf16Offset"], one["utf16Length"]) != utf16:
            return f"the entity at {start} is not at its place in the text"
    return None


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


# --- The bill ---


@cache
def digests(text: str) -> tuple[str, ...]:
    """Return how the ledger names the chunks of a text."""
    chunks = (text[part.start : part.end] for part in split(text))
    return tuple(hashlib.sha256(chunk.encode("utf-8", "surrogatepass")).hexdigest() for chunk in chunks)


def bill(plan: Plan, ledger: Iterable[Mapping[str, Any]]) -> Bill:
    """Return what was accepted, held against what was dropped.

    A text that is accepted again is forced by the stand-in where the job that it was in before has failed on purpose,
    or the reply to its submission was lost on purpose. In a job that failed for one of its documents that holds for
    its neighbours, too: they are submitted again to find out which one it was. What is accepted again beyond that (a
    worker that died, a race that was lost, a request that was carried out too late) has to be within `ALLOWANCE`.
    """
    known = {
        digest
        for document in plan.documents
        for version in document.versions
        if version.text is not None
        for digest in digests(version.text)
    }
    total = Bill(dropped=len(known))
    last: dict[str, Mapping[str, Any]] = {}
    times: Counter[str] = Counter()
    for entry in ledger:
        total.jobs += 1
        for document in entry["documents"]:
            digest = document["sha256"]
            total.accepted += 1
            total.unknown += digest not in known
            before = last.get(digest)
            if before is not None and before["fate"] in FAILING_FATES:
                total.failed += 1
            elif before is not None and before["reply"] in LOST_REPLIES:
                total.reply_cut += 1
            last[digest] = entry
            times[digest] += 1
    total.most = max(times.values(), default=0)
    return total


def _billed_too_often(plan: Plan, ledger: Iterable[Mapping[str, Any]]) -> Iterator[Breach]:
    """Yield the documents of which a version was accepted more often than it may be.

    A new ETag with the same content is a version of its own, which may have to be submitted because the one before has
    no result yet. After as many failures as are allowed the version is reported, and `reconcile`, for which night is
    whenever it is fired, may take it up once more.
    """
    times: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for entry in ledger:
        for document in entry["documents"]:
            times[document["sha256"]] += 1
            failures[document["sha256"]] += _has_failed(entry)
    for document in plan.documents:
        versions = Counter(version.text for version in document.versions if version.text is not None)
        for text, count in versions.items():
            for digest in digests(text):
                is_retaken = failures[digest] >= MAX_SUBMISSIONS
                if times[digest] > MAX_SUBMISSIONS * count + is_retaken:
                    yield Breach(document.name, "billed", f"a version of it was accepted {times[digest]} times")
