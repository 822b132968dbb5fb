"""The stand-in as a function from request to response, over a small state and a clock that is passed in.

Nothing here knows sockets: ``stand_in.web`` puts it behind HTTP, ``stand_in.in_process`` behind a ``requests`` session.
"""

import base64
import binascii
import json
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from local.document_intelligence import documents, errors, oddities
from local.document_intelligence.behaviour import Behaviour
from local.document_intelligence.counters import Counters, LedgerEntry
from local.document_intelligence.faults import FaultPlan
from local.document_intelligence.jobs import FAILED, NOT_STARTED, RUNNING, SUCCEEDED, Job
from local.document_intelligence.limits import FREE_BYTES, FREE_PAGES, PAID_BYTES, PAID_PAGES, rules_for
from local.document_intelligence.results import UNITS, Form, Sheet, analyze_result
from local.stand_in import errors as gateway_errors
from local.stand_in.base import DEFAULT_KEY, ServiceStandIn, location_header
from local.stand_in.errors import Operation, Refusal, WireError
from local.stand_in.messages import Request, Response, encoded, service_reply
from local.stand_in.rates import RateRule

_MODELS = re.compile(
    r"/(?P<api>documentintelligence|formrecognizer)/documentModels/(?P<model>[A-Za-z0-9][A-Za-z0-9._~-]{1,63})"
    r"(?::analyze|/analyzeResults/(?P<job>[^/]+))",
    re.IGNORECASE,
)
#: The API versions by the first segment of the path: version 4 and its previews, version 3.
API_VERSIONS: Mapping[str, tuple[str, ...]] = {
    "documentintelligence": ("2023-10-31-preview", "2024-02-29-preview", "2024-07-31-preview", "2024-11-30"),
    "formrecognizer": ("2022-08-31", "2023-07-31"),
}
_MODEL = "prebuilt-read"
_CONTENT_TYPES = frozenset(
    {"application/octet-stream", "application/pdf"} | {f"image/{kind}" for kind in ("jpeg", "png", "tiff", "bmp")}
)
_FEATURES = frozenset({"ocrHighResolution", "languages", "barcodes", "formulas", "styleFont"})
_PAGES = re.compile(r"(\d+(-\d+)?)(,\s*(\d+(-\d+)?))*", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Route:
    """What a path asks for."""

    operation: str
    api: str
    version: str
    model: str
    job_id: str

    @property
    def names(self) -> Operation:
        """The names that the gateway's messages give the operation (ASSUMED)."""
        names = {"submit": "Analyze Document", "status": "Get Analyze Result", "delete": "Delete Analyze Result"}
        return Operation(
            names[self.operation],
            f"Document Intelligence API ({self.version})",
            "FormRecognizer",
            "S0",
            "Microsoft.CognitiveServices/accounts/FormRecognizer/documentmodels:analyze/action to perform "
            f"POST /{self.api}/documentModels/{_MODEL}:analyze operation.",
        )


class DocumentIntelligence(ServiceStandIn[_Route, Counters, FaultPlan]):
    """The state of the stand-in and its one trigger, ``handle``. Safe to call from several threads.

    ``texts`` has the texts of the pages of documents that were not made for the stand-in, by the SHA-256 of their
    bytes in hexadecimal.
    """

    def __init__(
        self,
        *,
        key: str = DEFAULT_KEY,
        tokens: Sequence[str] = (),
        texts: Mapping[str, Sequence[str]] | None = None,
        behaviour: Behaviour | None = None,
        faults: FaultPlan | None = None,
        rate_rules: Sequence[RateRule] | None = None,
        clock: Callable[[], datetime] | None = None,
        admin: bool = False,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        super().__init__(
            key=key,
            tokens=tokens,
            faults=faults or FaultPlan(),
            new_counters=Counters,
            rate_rules=rules_for(free_tier=self.behaviour.free_tier) if rate_rules is None else rate_rules,
            clock=clock,
            admin=admin,
        )
        self._texts = dict(texts or {})
        self._jobs: dict[str, Job] = {}

    def _route(self, request: Request) -> _Route:
        match = _MODELS.fullmatch(request.path)
        version = dict(parse_qsl(request.query)).get("api-version", "")
        if match is None or version not in API_VERSIONS[match["api"].lower()]:
            raise gateway_errors.no_such_path()
        is_new = match["api"].lower() == "documentintelligence"
        operations = {"POST": "submit"} if match["job"] is None else {"GET": "status"}
        if match["job"] is not None and is_new:
            operations["DELETE"] = "delete"
        if request.method not in operations:
            raise gateway_errors.no_such_path()
        return _Route(operations[request.method], match["api"], version, match["model"], match["job"] or "")

    def _identity(self, route: _Route, request: Request) -> bytes:
        """Say what a request is about: the document and the pages asked for."""
        if route.operation == "submit":
            return _identity_of(request.body, dict(parse_qsl(request.query)))
        job = self._jobs.get(route.job_id)
        return job.identity if job else b"unknown"

    def _own_refusal(self, fault: str, route: _Route) -> Refusal | None:
        match fault:
            case "error-500":
                return errors.internal_error()
            case "error-503":
                return errors.unavailable()
            case "json-404":
                return errors.unknown_result(self.behaviour.unknown_result)
        return None

    # --- the operations --------------------------------------------------------------------------------------------

    def _perform(self, route: _Route, request: Request, fault: str | None, now: datetime) -> Response:
        if route.model != _MODEL:
            raise errors.unknown_model()
        if route.operation == "submit":
            return self._submit(route, request, fault, now)
        job = self._job(route, now)
        if route.operation == "delete":
            del self._jobs[job.id]
            return self._response(204, now)
        return self._state(job, route, now)

    def _submit(self, route: _Route, request: Request, fault: str | None, now: datetime) -> Response:
        query = dict(parse_qsl(request.query))
        unit = _unit(query)
        _check_options(query)
        document = _document(request)
        if len(document) > (FREE_BYTES if self.behaviour.free_tier else PAID_BYTES):
            raise errors.content_too_large()
        texts, bad_file = self._texts_of(document)
        most = FREE_PAGES if self.behaviour.free_tier else PAID_PAGES
        sheets = [Sheet(number, texts[number - 1]) for number in _asked_pages(query, len(texts)) if number <= most]
        form = Form(
            route.version,
            unit,
            documents.is_pdf(document),
            self.behaviour.word_confidence,
            self.behaviour.has_paragraphs,
        )
        job = self._start(_identity_of(request.body, query), sheets, form, bad_file, now)
        self._jobs[job.id] = job
        self._forget_old_jobs(now)
        self.counters.accept(
            LedgerEntry(
                job.id,
                now.isoformat(),
                job.fate or "ok",
                fault or "ok",
                sha256(document).hexdigest(),
                tuple(sheet.number for sheet in sheets),
            )
        )
        if job.fate:
            self.counters.faults[job.fate] += 1
        path = f"/{route.api}/documentModels/{_MODEL}/analyzeResults/{job.id}?api-version={route.version}"
        location = location_header(fault, request.base_url, path)
        headers = {"Content-Length": "0", "apim-request-id": job.id, **location}
        return self._response(202, now, headers=headers)

    def _texts_of(self, document: bytes) -> tuple[list[str], str | None]:
        """Return what stands on the pages of a document, and the fate of its job where it cannot be read."""
        known = self._texts.get(sha256(document).hexdigest())
        if known is not None:
            return list(known), None
        try:
            return documents.texts_of(document), None
        except documents.BadDimensions:
            raise errors.bad_dimensions() from None
        except documents.UnreadableDocument:
            if self.behaviour.bad_file == "400":
                raise errors.bad_content() from None
            return [""], "failed-content"

    def _start(self, identity: bytes, sheets: Sequence[Sheet], form: Form, bad_file: str | None, now: datetime) -> Job:
        """Return a job whose course is drawn from the seed and its document."""
        times = self._times_seen(b"job" + identity)
        fate = self.faults.for_job(identity, times) or bad_file
        course = random.Random(f"{self.faults.seed}|{times}|{identity.hex()}")
        seconds = course.uniform(*self.behaviour.job_seconds)
        ends = now + timedelta(seconds=self.faults.long_seconds if fate == "long" else seconds)
        starts = now + timedelta(seconds=min(0.5, seconds * 0.2))
        return Job(str(uuid.uuid4()), identity, sheets, form, now, starts, ends, fate, course.random())

    def _forget_old_jobs(self, now: datetime) -> None:
        # Jobs are kept in the order of their acceptance, so the old ones are first.
        while (job := next(iter(self._jobs.values()))).expires_at <= now:
            del self._jobs[job.id]

    def _job(self, route: _Route, now: datetime) -> Job:
        job = self._jobs.get(route.job_id)
        if job is None or now >= job.expires_at:
            raise errors.unknown_result(self.behaviour.unknown_result)
        job.polls += route.operation == "status"
        # A vanishing job is gone at once, or shows itself once or twice before.
        if job.fate == "vanished" and job.polls > int(job.chance * 3):
            raise errors.unknown_result(self.behaviour.unknown_result)
        return job

    def _state(self, job: Job, route: _Route, now: datetime) -> Response:
        status, updated = job.status(now)
        body: dict[str, Any] = {
            "status": status,
            "createdDateTime": _moment(job.accepted_at),
            "lastUpdatedDateTime": _moment(updated),
        }
        if status == FAILED and job.fate != "failed-bare":
            body["error"] = _job_error(job)
        if status == SUCCEEDED and job.fate != "no-result":
            body["analyzeResult"] = oddities.apply(job.fate, job.chance, _result(job))
        # The older API said nothing about the next poll (recorded).
        is_open = status in (NOT_STARTED, RUNNING) and route.api.lower() == "documentintelligence"
        headers = {"Retry-After": "1"} if is_open else {}
        return self._response(200, now, headers=headers, body=oddities.deepened(encoded(body)))

    # --- replies ---------------------------------------------------------------------------------------------------

    def _response(
        self, status: int, now: datetime, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        return service_reply(status, now, region=self.behaviour.region, headers=headers, body=body)

    def _refused(self, refusal: Refusal, route: _Route | None, now: datetime) -> Response:
        headers = {"ms-azure-ai-errorcode": refusal.error.code, "x-ms-region": self.behaviour.region}
        return refusal.response(now, headers)


# --- Reading a submission ---


def _identity_of(body: bytes, query: Mapping[str, str]) -> bytes:
    return sha256(body + b"|" + query.get("pages", "").encode()).digest()


def _unit(query: Mapping[str, str]) -> str:
    unit = query.get("stringIndexType", "textElements")
    if unit not in UNITS:
        raise errors.bad_parameter("StringIndexType", "The string index type is invalid or not supported.")
    return unit


def _check_options(query: Mapping[str, str]) -> None:
    for feature in filter(None, query.get("features", "").split(",")):
        if feature not in _FEATURES:
            raise errors.bad_parameter(feature, "The feature is invalid or not supported.")
    if not _LOCALE.fullmatch(query.get("locale", "en")):
        raise errors.bad_parameter("Locale", "The language code is invalid or not supported.")
    if query.get("outputContentFormat", "text") != "text" or "output" in query:
        raise errors.bad_parameter("OutputContentFormat", "The output is not supported by the model.")


def _asked_pages(query: Mapping[str, str], count: int) -> list[int]:
    """Return the numbers of the pages asked for; those that the document does not have are left out (ASSUMED)."""
    given = query.get("pages")
    if given is None:
        return list(range(1, count + 1))
    asked: set[int] = set()
    if _PAGES.fullmatch(given):
        for part in given.split(","):
            first, _, last = part.strip().partition("-")
            asked.update(range(int(first), min(int(last or first), count) + 1))
    numbers = sorted(number for number in asked if 1 <= number <= count)
    if not numbers:
        raise errors.bad_parameter("Pages", "The page range is invalid.")
    return numbers


def _document(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "application/json":
        return _source(request.body)
    if content_type not in _CONTENT_TYPES:
        raise errors.unsupported_media_type()
    return request.body


def _source(body: bytes) -> bytes:
    """Return the document inside a JSON body."""
    try:
        source = json.loads(body)
        given, is_url = source.get("base64Source"), "urlSource" in source
        document = base64.b64decode(given, validate=True) if isinstance(given, str) else None
    except (ValueError, AttributeError, RecursionError, binascii.Error):
        raise errors.bad_source() from None
    if is_url and document is None:
        # Nothing is fetched here. An address that leads nowhere was answered like this (recorded).
        raise errors.bad_content()
    if is_url or document is None:
        raise errors.bad_source()
    return document


# --- Writing a job's state ---


def _result(job: Job) -> dict[str, Any]:
    sheets, form = job.sheets, job.form
    match job.fate:
        case "missing-page":
            sheets = sheets[:-1]
        case "blank":
            sheets = [sheet._replace(text="") for sheet in sheets]
        case "low-confidence":
            form = form._replace(confidence=(0.2, 0.2))
    result = analyze_result(sheets, form)
    return {**result, "stringIndexType": "utf16CodeUnit"} if job.fate == "other-units" else result


def _job_error(job: Job) -> dict[str, Any]:
    error: WireError = errors.BAD_CONTENT if job.fate == "failed-content" else errors.INTERNAL_ERROR
    written = error.as_json()
    if job.fate == "failed-content":
        inner = written.pop("innererror")
        written["details"] = [{**inner, "target": str(job.sheets[0].number) if job.sheets else "1"}]
    return written


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
