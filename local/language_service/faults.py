"""Decide which request and which job suffers what, from a seed.

Nothing is random twice: a fault is drawn from a hash of the seed, of what the request is about and of how often that
was asked before. So the same seed and the same documents give the same faults, in whatever order requests arrive.
Faults may also be scripted: "the next two polls are throttled".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

Method = Literal["POST", "GET"]

#: What can happen to a single request.
REQUEST_FAULTS: Mapping[str, str] = {
    "error-500": "answered 500 with the service's error body",
    "error-502": "answered 502 by the gateway",
    "error-503": "answered 503 by the gateway",
    "error-504": "answered 504 by the gateway",
    "throttle-429": "answered 429 with Retry-After",
    "throttle-429-bare": "answered 429 without Retry-After",
    "quota-403": "answered 403: the free quota is used up, Retry-After is 15 days",
    "wrong-key-401": "answered 401: the key is wrong",
    "other-key-401": "answered 401: the key is one of another kind of resource",
    "missing-role-401": "answered 401: the token's owner lacks the role",
    "missing-role-403": "the same with 403",
    "unknown-project": "submission only: answered as if project or deployment did not exist",
    "cut-before": "the connection is cut before the request is looked at",
    "cut-after": "the request is carried out, then the connection is cut without a reply",
    "truncated": "the request is carried out, the reply's body ends in the middle and the connection is cut",
    "garbage": "the request is carried out, the reply's body is not JSON",
    "latency": "the reply comes late (see latency_seconds)",
    "missing-location": "submission only: accepted, but the reply has no operation-location",
    "relative-location": "submission only: operation-location is a path without scheme and host",
    "foreign-location": "submission only: operation-location points to another host",
    "html-400": "not carried out, answered with a proxy's HTML page and 400",
    "html-404": "not carried out, answered with a proxy's HTML page and 404",
    "html-413": "not carried out, answered with a proxy's HTML page and 413",
    "html-502": "not carried out, answered with a proxy's HTML page and 502",
    "html-200": "not carried out, answered with a sign-in page and 200",
    "html-200-after": "carried out, but the reply is replaced by a sign-in page with 200",
    "json-404": "poll only: answered 404 in the service's own form for a job that it knows",
    "bad-location": "submission only: operation-location is http://[::1/x, which no parser accepts",
    "bad-redirect": "not carried out, answered 302 with the Location http://[::1/x",
    "bad-redirect-after": "carried out, but the reply is replaced by that redirect",
    "huge-retry-after": "answered 429 with a Retry-After date whose year has 20 digits",
    "huge-retry-after-503": "the same with 503",
    "deep-json": "answered 500 with error JSON that is nested 3,000 deep",
    "drip": "carried out; the reply arrives byte by byte, headers included, within drip_seconds",
}

#: What can happen to a job that was accepted.
JOB_FAULTS: Mapping[str, str] = {
    "stuck": "runs for ever",
    "stuck-not-started": "is never started",
    "failed": "fails, with an error",
    "failed-bare": "fails without saying why",
    "failed-project": "fails because project or deployment are not found",
    "vanished": "is unknown when asked for, sooner or later",
    "partial": "ends partially completed: of several tasks the last fails, of a single one half the results lack",
    "missing-documents": "succeeds, but one document is neither among the results nor among the errors",
    "document-error": "succeeds, but one document has an error instead of a result",
    "rejected": "ends in the status rejected",
    "unknown-status": "ends in a status that no list has",
    "cancelled": "ends cancelled though nobody asked for it",
    "repeated-documents": "succeeds; its pages overlap, and a document stands twice on a page",
    "misfit-offsets": "succeeds; one entity's offset does not fit the text",
    "document-internal": "succeeds, but every document has the error InternalServerError",
    "document-unknown": "succeeds, but every document has an error with a code that is documented nowhere",
    "all-missing": "succeeds, but no document is among the results or the errors",
    "odd-entity": "succeeds; one entity of the first document is malformed (see oddities.ODD_ENTITIES)",
    "odd-document": "succeeds; the first document's entry is malformed (see oddities.ODD_DOCUMENTS)",
    "not-started-long": "is not started for not_started_seconds, then runs and succeeds",
    "failed-internal": "fails with an internal error of the whole job that names no task",
}

#: The fate of a job with one of ``FaultPlan.poison_texts``; it is never drawn.
POISONED = "poison-text"

_SUBMISSION_ONLY = {"unknown-project", "missing-location", "relative-location", "foreign-location", "bad-location"}
_POLL_ONLY = {"json-404"}


class FaultSpecError(ValueError):
    """A fault that does not exist or a rate that is none."""


@dataclass(slots=True)
class Scripted:
    """A fault for the next requests, or the next jobs, whatever the rates say."""

    kind: str
    times: int = 1
    #: Only for requests of this method; jobs have none.
    method: Method | None = None
    #: Let so many matching requests pass first.
    skip: int = 0


@dataclass(slots=True)
class FaultPlan:
    """Rates from 0 to 1 per kind (``KIND`` or, for requests, ``KIND@POST`` and ``KIND@GET``) and a script."""

    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    script: list[Scripted] = field(default_factory=list)
    #: How late a late reply is, in seconds: shortest and longest.
    latency_seconds: tuple[float, float] = (1.0, 5.0)
    #: What an injected 429 asks for.
    retry_after_seconds: int = 2
    #: A request with one of these strings in a document is refused as a whole, with 400.
    refused_texts: tuple[str, ...] = ()
    #: A job with one of these strings in a document fails as a whole, with an internal error, each time.
    poison_texts: tuple[str, ...] = ()
    #: How long a job with the fault ``not-started-long`` is not started, in seconds.
    not_started_seconds: float = 5400.0
    #: How long a reply with the fault ``drip`` takes, in seconds.
    drip_seconds: float = 600.0

    def __post_init__(self) -> None:
        check_rates(self.rates)

    def for_request(self, method: str, *, submission: bool, identity: bytes, times_seen: int) -> str | None:
        """Give the fault of a request, or ``None``.

        ``identity`` says what the request is about, ``times_seen`` how often that was asked before.
        """
        left_out = (set() if submission else _SUBMISSION_ONLY) | (set() if method == "GET" else _POLL_ONLY)
        kinds = [kind for kind in REQUEST_FAULTS if kind not in left_out]
        scripted = self._scripted(kinds, method)
        if scripted:
            return scripted
        rates = {kind: self.rates.get(kind, 0.0) + self.rates.get(f"{kind}@{method}", 0.0) for kind in kinds}
        return _pick(rates, self.draw("request", method, identity, times_seen))

    def for_job(self, identity: bytes, times_seen: int) -> str | None:
        """Give the fate of the job with these documents, submitted ``times_seen`` times before, or ``None``."""
        scripted = self._scripted(JOB_FAULTS, None)
        if scripted:
            return scripted
        rates = {kind: self.rates.get(kind, 0.0) for kind in JOB_FAULTS}
        return _pick(rates, self.draw("job", "", identity, times_seen))

    def draw(self, purpose: str, method: str, identity: bytes, times_seen: int) -> float:
        """Draw a number from 0 to below 1 that depends only on the seed and the arguments."""
        name = f"{self.seed}|{purpose}|{method}|{times_seen}|".encode() + identity
        return int.from_bytes(blake2b(name, digest_size=7).digest(), "big") / 2**56

    def _scripted(self, kinds: Iterable[str], method: str | None) -> str | None:
        for entry in self.script:
            if entry.kind not in kinds or (entry.method is not None and entry.method != method):
                continue
            if entry.skip > 0:
                entry.skip -= 1
                continue
            entry.times -= 1
            if entry.times <= 0:
                self.script.remove(entry)
            return entry.kind
        return None

    def as_json(self) -> dict[str, Any]:
        """Give the plan as the admin path shows it."""
        return {
            "seed": self.seed,
            "rates": dict(self.rates),
            "script": [
                {"kind": one.kind, "times": one.times, "method": one.method, "skip": one.skip} for one in self.script
            ],
            "latencySeconds": list(self.latency_seconds),
            "retryAfterSeconds": self.retry_after_seconds,
            "refusedTexts": list(self.refused_texts),
            "poisonTexts": list(self.poison_texts),
            "notStartedSeconds": self.not_started_seconds,
            "dripSeconds": self.drip_seconds,
        }

    def update(self, changes: Mapping[str, Any]) -> None:
        """Take over the given parts of a plan in the form of ``as_json``; the others stay.

        Raises ``FaultSpecError``, and changes nothing, if a part is not understood.
        """
        known = self.as_json()
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise FaultSpecError(f"A fault plan has no {unknown}; it has {sorted(known)}.")
        try:
            merged = {**known, **changes}
            rates = {str(kind): float(rate) for kind, rate in merged["rates"].items()}
            check_rates(rates)
            script = [_scripted_from(entry) for entry in merged["script"]]
            low, high = (float(bound) for bound in merged["latencySeconds"])
            seed, retry_after = int(merged["seed"]), int(merged["retryAfterSeconds"])
            refused = tuple(str(text) for text in merged["refusedTexts"])
            poison = tuple(str(text) for text in merged["poisonTexts"])
            not_started, drip = float(merged["notStartedSeconds"]), float(merged["dripSeconds"])
        except (TypeError, AttributeError, ValueError) as exc:
            raise FaultSpecError(f"The fault plan is not understood: {exc}") from exc
        self.seed, self.rates, self.script = seed, rates, script
        self.latency_seconds, self.retry_after_seconds = (low, high), retry_after
        self.refused_texts, self.poison_texts = refused, poison
        self.not_started_seconds, self.drip_seconds = not_started, drip

    def is_poison(self, texts: Iterable[str]) -> bool:
        """Tell whether one of the documents' texts holds one of ``poison_texts``."""
        return any(poison in text for text in texts for poison in self.poison_texts)


def parse_rates(specs: Iterable[str]) -> dict[str, float]:
    """Read ``KIND=RATE`` and ``KIND@METHOD=RATE``; raises ``FaultSpecError`` with the kinds that exist.

    ``cut`` is short for half ``cut-before`` and half ``cut-after``.
    """
    rates: dict[str, float] = {}
    for spec in specs:
        kind, _, rate_text = spec.partition("=")
        try:
            rate = float(rate_text)
        except ValueError:
            raise FaultSpecError(f"'{spec}' is not KIND=RATE with a rate from 0 to 1, such as error-500=0.1.") from None
        name, at, method = kind.partition("@")
        for part in ("cut-before", "cut-after") if name == "cut" else (name,):
            key = f"{part}{at}{method}"
            rates[key] = rates.get(key, 0.0) + (rate / 2 if name == "cut" else rate)
    check_rates(rates)
    return rates


def check_rates(rates: Mapping[str, float]) -> None:
    """Raise ``FaultSpecError`` unless each kind exists, each rate is from 0 to 1, and rates leave sums of at most 1."""
    for kind, rate in rates.items():
        name, at, method = kind.partition("@")
        exists = (name in REQUEST_FAULTS and (not at or method in ("POST", "GET"))) or (name in JOB_FAULTS and not at)
        if not exists:
            raise FaultSpecError(
                f"There is no fault '{kind}'. Requests can suffer {', '.join(REQUEST_FAULTS)} (each also as KIND@POST "
                f"or KIND@GET); jobs can suffer {', '.join(JOB_FAULTS)}."
            )
        if not 0 <= rate <= 1:
            raise FaultSpecError(f"The rate of '{kind}' is {rate}; it must be from 0 to 1.")
    for suffered_by, kinds in (("POST", REQUEST_FAULTS), ("GET", REQUEST_FAULTS), ("job", JOB_FAULTS)):
        total = sum(rates.get(kind, 0.0) + rates.get(f"{kind}@{suffered_by}", 0.0) for kind in kinds)
        if total > 1 + 1e-9:
            raise FaultSpecError(
                f"The rates for a {suffered_by} add up to {total:g}; it suffers one fault at most, so the limit is 1."
            )


def _scripted_from(entry: Any) -> Scripted:
    scripted = Scripted(**entry)
    if scripted.kind not in REQUEST_FAULTS and scripted.kind not in JOB_FAULTS:
        raise FaultSpecError(f"There is no fault '{scripted.kind}'.")
    return scripted


def _pick(rates: Mapping[str, float], drawn: float) -> str | None:
    """Let each kind own a stretch of the line from 0 to 1 as long as its rate, and see where ``drawn`` falls."""
    for kind, rate in rates.items():
        if drawn < rate:
            return kind
        drawn -= rate
    return None
