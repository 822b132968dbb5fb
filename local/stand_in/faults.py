"""Decide which request and which job suffers what, from a seed.

Nothing is random twice: a fault is drawn from a hash of the seed, of what the request is about and of how often that
was asked before. So the same seed and the same documents give the same faults, in whatever order requests arrive.
Faults may also be scripted: "the next two polls are throttled".
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, ClassVar, Literal

from local.stand_in.messages import Delivery, Response

Method = Literal["POST", "GET"]

#: What can happen to a single request of any stand-in.
REQUEST_FAULTS: Mapping[str, str] = {
    "error-500": "answered 500 with the service's error body",
    "error-502": "answered 502 by the gateway",
    "error-503": "answered 503 by the gateway",
    "error-504": "answered 504 by the gateway",
    "throttle-429": "answered 429 with Retry-After",
    "throttle-429-bare": "answered 429 without Retry-After",
    "quota-403": "answered 403: the free quota is used up, Retry-After is 15 days",
    "wrong-key-401": "answered 401: the key is wrong",
    "missing-role-401": "answered 401: the token's owner lacks the role",
    "missing-role-403": "the same with 403",
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

SUBMISSION_ONLY = frozenset({"missing-location", "relative-location", "foreign-location", "bad-location"})
POLL_ONLY = frozenset({"json-404"})


class FaultSpecError(ValueError):
    """A fault that does not exist or a rate that is none."""


@dataclass(frozen=True, slots=True)
class FaultKinds:
    """The faults of a stand-in, by their names, with what they do."""

    #: What can happen to a single request.
    requests: Mapping[str, str]
    #: What can happen to a job that was accepted.
    jobs: Mapping[str, str]
    submission_only: Set[str] = SUBMISSION_ONLY

    def of_request(self, method: str, *, is_submission: bool) -> list[str]:
        """Give the kinds that a request can suffer."""
        left_out = (set() if is_submission else self.submission_only) | (set() if method == "GET" else POLL_ONLY)
        return [kind for kind in self.requests if kind not in left_out]

    def parse_rates(self, specs: Iterable[str]) -> dict[str, float]:
        """Read ``KIND=RATE`` and ``KIND@METHOD=RATE``; raises ``FaultSpecError`` with the kinds that exist.

        ``cut`` is short for half ``cut-before`` and half ``cut-after``.
        """
        rates: dict[str, float] = {}
        for spec in specs:
            kind, _, rate_text = spec.partition("=")
            try:
                rate = float(rate_text)
            except ValueError:
                raise FaultSpecError(
                    f"'{spec}' is not KIND=RATE with a rate from 0 to 1, such as error-500=0.1."
                ) from None
            name, at, method = kind.partition("@")
            for part in ("cut-before", "cut-after") if name == "cut" else (name,):
                key = f"{part}{at}{method}"
                rates[key] = rates.get(key, 0.0) + (rate / 2 if name == "cut" else rate)
        self.check_rates(rates)
        return rates

    def check_rates(self, rates: Mapping[str, float]) -> None:
        """Raise ``FaultSpecError`` unless each kind exists, each rate is from 0 to 1, and sums are at most 1."""
        for kind, rate in rates.items():
            name, at, method = kind.partition("@")
            is_of_request = name in self.requests and (not at or method in ("POST", "GET"))
            if not is_of_request and (name not in self.jobs or at):
                raise FaultSpecError(
                    f"There is no fault '{kind}'. Requests can suffer {', '.join(self.requests)} (each also as "
                    f"KIND@POST or KIND@GET); jobs can suffer {', '.join(self.jobs)}."
                )
            if not 0 <= rate <= 1:
                raise FaultSpecError(f"The rate of '{kind}' is {rate}; it must be from 0 to 1.")
        for suffered_by, kinds in (("POST", self.requests), ("GET", self.requests), ("job", self.jobs)):
            total = sum(rates.get(kind, 0.0) + rates.get(f"{kind}@{suffered_by}", 0.0) for kind in kinds)
            if total > 1 + 1e-9:
                raise FaultSpecError(
                    f"The rates for a {suffered_by} add up to {total:g}; it suffers one fault at most, so the limit "
                    "is 1."
                )

    def scripted(self, entry: Mapping[str, Any]) -> "Scripted":
        """Read one entry of a script; raises ``FaultSpecError`` for a kind that does not exist."""
        read = Scripted(**entry)
        if read.kind not in self.requests and read.kind not in self.jobs:
            raise FaultSpecError(f"There is no fault '{read.kind}'.")
        return read

    def listed(self) -> str:
        """Give all kinds with what they do, for the help of a command."""
        return "\n\n".join(
            f"\b\n{title} can suffer:\n" + "\n".join(f"  {kind:20} {text}" for kind, text in kinds.items())
            for title, kinds in (("Requests", self.requests), ("Jobs", self.jobs))
        )


@dataclass(slots=True)
class Scripted:
    """A fault for the next requests, or the next jobs, whatever the rates say."""

    kind: str
    times: int = 1
    #: Only for requests of this method; jobs have none.
    method: Method | None = None
    #: Let so many matching requests pass first.
    skip: int = 0


def _range(value: Any) -> tuple[float, float]:
    low, high = (float(bound) for bound in value)
    return low, high


@dataclass(slots=True)
class FaultPlan:
    """Rates from 0 to 1 per kind (``KIND`` or, for requests, ``KIND@POST`` and ``KIND@GET``) and a script.

    The plan of a stand-in names its kinds, and may have more options.
    """

    kinds: ClassVar[FaultKinds]
    #: The options of the plan by their names in JSON: the attribute, and what reads it.
    options: ClassVar[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
        "latencySeconds": ("latency_seconds", _range),
        "retryAfterSeconds": ("retry_after_seconds", int),
        "dripSeconds": ("drip_seconds", float),
    }

    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    script: list[Scripted] = field(default_factory=list)
    #: How late a late reply is, in seconds: shortest and longest.
    latency_seconds: tuple[float, float] = (1.0, 5.0)
    #: What an injected 429 asks for.
    retry_after_seconds: int = 2
    #: How long a reply with the fault ``drip`` takes, in seconds.
    drip_seconds: float = 600.0

    def __post_init__(self) -> None:
        self.kinds.check_rates(self.rates)

    def for_request(self, method: str, *, submission: bool, identity: bytes, times_seen: int) -> str | None:
        """Give the fault of a request, or ``None``.

        ``identity`` says what the request is about, ``times_seen`` how often that was asked before.
        """
        kinds = self.kinds.of_request(method, is_submission=submission)
        scripted = self._scripted(kinds, method)
        if scripted:
            return scripted
        rates = {kind: self.rates.get(kind, 0.0) + self.rates.get(f"{kind}@{method}", 0.0) for kind in kinds}
        return _pick(rates, self.draw("request", method, identity, times_seen))

    def for_job(self, identity: bytes, times_seen: int) -> str | None:
        """Give the fate of the job with these documents, submitted ``times_seen`` times before, or ``None``."""
        scripted = self._scripted(self.kinds.jobs, None)
        if scripted:
            return scripted
        rates = {kind: self.rates.get(kind, 0.0) for kind in self.kinds.jobs}
        return _pick(rates, self.draw("job", "", identity, times_seen))

    def draw(self, purpose: str, method: str, identity: bytes, times_seen: int) -> float:
        """Draw a number from 0 to below 1 that depends only on the seed and the arguments."""
        name = f"{self.seed}|{purpose}|{method}|{times_seen}|".encode() + identity
        return int.from_bytes(blake2b(name, digest_size=7).digest(), "big") / 2**56

    def delivered(self, response: Response, fault: str | None, degree: float) -> Response:
        """Give a response as a fault of its delivery lets it arrive; ``degree``, from 0 to 1, says how bad it is."""
        match fault:
            case "drip":
                return replace(response, delivery=Delivery.DRIP, drip_seconds=self.drip_seconds)
            case "cut-before" | "cut-after":
                return replace(response, delivery=Delivery.CUT)
            case "truncated":
                return replace(response, delivery=Delivery.TRUNCATED if response.body else Delivery.CUT)
            case "garbage" if response.body:
                page = b"<html><head><title>Error</title></head><body>The page cannot be displayed.</body></html>"
                return replace(response, headers={**response.headers, "Content-Type": "text/html"}, body=page)
            case "latency":
                low, high = self.latency_seconds
                return replace(response, delay_seconds=low + (high - low) * degree)
        return response

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
        values = {name: getattr(self, attribute) for name, (attribute, _) in self.options.items()}
        return {
            "seed": self.seed,
            "rates": dict(self.rates),
            "script": [
                {"kind": one.kind, "times": one.times, "method": one.method, "skip": one.skip} for one in self.script
            ],
            **{name: list(value) if isinstance(value, tuple) else value for name, value in values.items()},
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
            self.kinds.check_rates(rates)
            script = [self.kinds.scripted(entry) for entry in merged["script"]]
            seed = int(merged["seed"])
            values = {attribute: read(merged[name]) for name, (attribute, read) in self.options.items()}
        except (TypeError, AttributeError, ValueError) as exc:
            raise FaultSpecError(f"The fault plan is not understood: {exc}") from exc
        self.seed, self.rates, self.script = seed, rates, script
        for attribute, value in values.items():
            setattr(self, attribute, value)


def _pick(rates: Mapping[str, float], drawn: float) -> str | None:
    """Let each kind own a stretch of the line from 0 to 1 as long as its rate, and see where ``drawn`` falls."""
    for kind, rate in rates.items():
        if drawn < rate:
            return kind
        drawn -= rate
    return None
