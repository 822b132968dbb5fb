"""What a service's errors mean: whose fault they are, by their codes alone, and how they are put to people.

A reply counts as the service's own only in the service's form (docs/language-api.md 4): JSON by its content type, and
an `error` object with a code. Everything else may come from anything in between, whatever its status: a proxy, a
firewall, a sign-in page. Azure's AI services share that form; `LANGUAGE` has what is the Language service's own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from .. import problems
from ..core.outcomes import DeferReason, Deferred, Unanswered
from ..errors import Fault, Problem
from ..problems import ProblemKind, ServiceProblems
from ..typed_data import from_json


class Reply(NamedTuple):
    """An HTTP reply; `headers` ignores case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Error = dict[str, Any]
"""The service's error object, not checked in any way beyond being an object."""

FAULTS: Mapping[str, Fault] = {
    # The document's, because the service documents them so. Recorded in docs/language-api.md 4: "Document text is
    # empty", for one document and (inside a refused request) for all.
    "InvalidDocument": Fault.DOCUMENT,
    # Recorded for a request of which no document has text, and for 26 documents. The app sends at most 25, and not
    # more characters than are allowed, so what is left are the documents.
    "InvalidDocumentBatch": Fault.DOCUMENT,
    # Recorded: a language that the service does not know. Where it came from the setting and not from the document,
    # it is the setting's fault, which only the caller knows (`problems.UNSUPPORTED_CONFIGURED_LANGUAGE`).
    problems.UNSUPPORTED_LANGUAGE.code: problems.UNSUPPORTED_LANGUAGE.fault,
    # The configuration's. Recorded: a task parameter that is not supported; all parameters come from the settings.
    "InvalidParameterValue": Fault.CONFIGURATION,
    # In the specification of 2023-04-01, by their names: the model, the project, or what the path names.
    "ModelVersionIncorrect": Fault.CONFIGURATION,
    "ProjectNotFound": Fault.CONFIGURATION,
    # Recorded by a sibling API for an unknown deployment.
    "NotFound": Fault.CONFIGURATION,
    # In no list, but they can mean nothing else.
    "DeploymentNotFound": Fault.CONFIGURATION,
    "ModelNotFound": Fault.CONFIGURATION,
    # Key, identity, role: the specification of 2023-04-01, an issue (PermissionDenied), and the gateway's numbers.
    "Unauthorized": Fault.CONFIGURATION,
    "Forbidden": Fault.CONFIGURATION,
    "PermissionDenied": Fault.CONFIGURATION,
    "401": Fault.CONFIGURATION,
    "403": Fault.CONFIGURATION,
    "404": Fault.CONFIGURATION,
    # The service's own trouble, in the specification of 2023-04-01. Like every code that is not in this table; these
    # are here so that they win over an outer code.
    "InternalServerError": Fault.SERVICE,
    "ServiceUnavailable": Fault.SERVICE,
    "TooManyRequests": Fault.SERVICE,
    "Timeout": Fault.SERVICE,
    "Conflict": Fault.SERVICE,
    "ExtractionFailure": Fault.SERVICE,
    # Not in the table, and so the service's until other documents show whose they are:
    # - InvalidRequest, InvalidArgument: every 400 has one of them outside. Alone they were recorded for duplicate ids
    #   (v3.1-preview.3) and for a bad task parameter (v3.1-preview.4 and .5).
    # - EmptyRequest, MissingInputDocuments, InvalidRequestBodyFormat: the app always sends a body with documents, so
    #   it was damaged on the way, or something in it broke the format.
}
"""Whose fault an error of the Language service is, by its code; the service's where the code is not listed."""

QUOTA_CODE = "QuotaExceeded"
"""The quota of the resource is used up (specification of 2023-04-01; the recorded reply has only the gateway's 403)."""

MAX_INNER_ERRORS = 8
MAX_MESSAGE = 500
"""Characters of a message of the service that are passed on."""

MAX_RECORDED_BYTES = 8_000
"""Of a larger error object only code and message are recorded."""

LONGEST_RETRY_AFTER_S = 31 * 86_400.0
"""The longest wait that is known is one of 15 days (quota of the free tier)."""


# --- The service's own form ---


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether a reply says that it is JSON, with or without a charset."""
    return headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def own_error(reply: Reply) -> Error | None:
    """Return the error object of a reply in the service's own form; None for a reply in any other form."""
    if not is_json(reply.headers):
        return None
    try:
        error = from_json(reply.body, dict[str, Any]).get("error")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) and error["code"] else None


# --- Codes and messages ---


def message_of(error: Error) -> str:
    """Return an error's innermost message, cut to `MAX_MESSAGE`."""
    messages = [message for level in _levels(error) if isinstance(message := level.get("message"), str) and message]
    return shortened(messages[-1]) if messages else "the service gave no reason"


def shortened(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return a text of the service with at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _codes(error: Error) -> Iterator[str]:
    """Yield the codes of an error that are short and ASCII, from the innermost outwards."""
    for level in reversed(list(_levels(error))):
        code = level.get("code")
        if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", code):
            yield code


def _levels(error: Error) -> Iterator[Error]:
    level: Any = error
    for _ in range(MAX_INNER_ERRORS):
        if not isinstance(level, dict):
            return
        yield level
        level = level.get("innererror")


def for_record(error: Error) -> Error | None:
    """Return an error of the service as records keep it, bounded in depth and size; None for an empty one."""
    kept: Error = _bounded(error, depth=4)
    if len(msgspec.json.encode(kept)) > MAX_RECORDED_BYTES:
        kept = {"code": next(_codes(error), ""), "message": message_of(error)}
    return kept or None


def _bounded(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return shortened(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else "(a very large number)"
    if isinstance(value, dict) and depth:
        members = [(key, part) for key, part in value.items() if len(key) <= 100][:20]
        return {key: _bounded(part, depth - 1) for key, part in members}
    if isinstance(value, list) and depth:
        return [_bounded(part, depth - 1) for part in value[:10]]
    return "(left out)"


# --- What a reply means that is no success ---


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """How the errors of a service are understood: by `faults`, and told in the words of `problems`."""

    faults: Mapping[str, Fault]
    problems: ServiceProblems

    def fault_of(self, error: Error) -> Fault:
        """Return whose fault an error is: that of its innermost code that is known, else the service's."""
        return next((self.faults[code] for code in _codes(error) if code in self.faults), Fault.SERVICE)

    def code_of(self, error: Error) -> str:
        """Return an error's most telling code, which can be a blob's metadata; empty where it has none."""
        codes = list(_codes(error))
        return next((code for code in codes if code in self.faults), codes[0] if codes else "")

    def refused(self, status: int, error: Error) -> Problem:
        """Return why a request was refused for what is in it."""
        code = self.code_of(error)
        if self.fault_of(error) is Fault.DOCUMENT:
            kind = self.problems.refused_for_document
        else:
            kind = self.problems.refused_with_code if code else self.problems.refused
        return kind.problem(service=for_record(error), service_code=code, status=status, reason=message_of(error))

    def deferred(self, reply: Reply, error: Error, now: datetime) -> Deferred:
        """Return the wait that an error in the service's own form means, for a request that was not carried out."""
        wait_s, status = retry_after(reply.headers, now), reply.status
        if status == 429:
            return Deferred(DeferReason.THROTTLED, _told(self.problems.throttled, error), wait_s)
        # Recorded: the gateway answers 403 for the quota as for a firewall, but only the quota will be renewed.
        if status == 403 and (wait_s is not None or QUOTA_CODE in _codes(error)):
            return Deferred(DeferReason.QUOTA, _told(self.problems.quota_exhausted, error), wait_s)
        if 300 <= status < 500 and status not in (408, 409):
            return Deferred(DeferReason.MISCONFIGURED, self.misconfigured(status, error), wait_s)
        return Deferred(DeferReason.UNAVAILABLE, _told(self.problems.unavailable, error, status=status), wait_s)

    def misconfigured(self, status: int, error: Error) -> Problem:
        """Return the problem of a key, a role, a project or a deployment."""
        kinds = {401: self.problems.wrong_key, 403: self.problems.missing_role}
        return _told(kinds.get(status, self.problems.misconfigured), error, status=status)

    def no_job(self, reply: Reply, now: datetime) -> Unanswered:
        """Return what an accepting reply means that does not say where the job is."""
        return Unanswered(self.problems.no_operation_location.problem(status=reply.status), foreign_wait_s(reply, now))

    def unrecognized(self, reply: Reply, detail: str = "it has no error object of the service") -> Problem:
        """Return the problem of a reply that is not in the service's own form; `detail` says what is wrong with it."""
        content_type = re.sub(r"[^ -~]", "?", reply.headers.get("content-type", ""))[:80] or "no content type"
        if 300 <= reply.status < 400:
            detail = "it redirects to another address"
        return self.problems.unrecognized_reply.problem(status=reply.status, content_type=content_type, detail=detail)

    def says_nothing(self, reply: Reply, now: datetime, problem: Problem) -> Deferred:
        """Return what a reply to a GET means from which nothing is learned about the job."""
        return Deferred(DeferReason.UNAVAILABLE, problem, foreign_wait_s(reply, now))

    # --- When there is no reply ---

    def unreachable(self, error: Exception) -> Deferred:
        """Return what a request means that was surely not sent, because no connection came about."""
        return Deferred(DeferReason.UNAVAILABLE, self.problems.unreachable.problem(error=type(error).__name__))

    def no_answer(self, error: Exception) -> Problem:
        """Return the problem of a request that may have been sent, and got no reply that could be read to its end."""
        return self.problems.no_answer.problem(error=type(error).__name__)

    def too_large(self, limit: int) -> Problem:
        """Return the problem of a reply that was cut off because it is larger than any real one."""
        return self.problems.reply_too_large.problem(limit=limit)


LANGUAGE = ErrorCodes(FAULTS, problems.OF_LANGUAGE)


def _told(kind: ProblemKind, error: Error, **fields: object) -> Problem:
    return kind.problem(service=for_record(error), reason=message_of(error), **fields)


# --- Retry-After ---


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait a reply asks for, in seconds, at most `LONGEST_RETRY_AFTER_S`; None where it asks for none.

    Both forms of RFC 9110, section 10.2.3, are read.
    """
    value = headers.get("retry-after", "").strip()
    if len(value) > 64:
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return min(float(value), LONGEST_RETRY_AFTER_S)
    try:
        wait_s = (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, wait_s), LONGEST_RETRY_AFTER_S)


LONGEST_FOREIGN_WAIT_S = 120.0
"""Of a `Retry-After` in a reply that has not the service's own form, as a proxy's: it is no promise of the service, and
holds back no document for hours after whatever it was has passed."""


def foreign_wait_s(reply: Reply, now: datetime) -> float | None:
    """Return the wait that a reply in another form than the service's asks for, in seconds."""
    wait_s = retry_after(reply.headers, now)
    return None if wait_s is None else min(wait_s, LONGEST_FOREIGN_WAIT_S)
