"""The catalogue of what a user or an operator can be told: every problem of a document or a job, and every warning.

A kind of problem has a code, which is stable and for machines, a message, help, whose fault it is, and whether it may
pass by itself. Message and help are templates: `TIMED_OUT.problem(status="running", minutes=61.5, limit=60)` fills them
in. Where a problem is to be recognised, its kind is asked (`STEP_FAILED.matches(problem)`); no code is compared as text
outside this file.

The code itself is a template where it is that of the Language service or of the storage, which is passed on as it is:
`{service_code}`, `{storage_code}`. `language.error_codes.FAULTS` has the codes of the service that are known.

docs/problems.md is made from this file by `python -m docs.generate.problems` (a test compares).
"""

import re
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, NamedTuple

from .errors import Fault, Problem, Warning


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem; code, message and help are templates in the syntax of `str.format`."""

    code: str
    message: str
    help: str
    _: KW_ONLY
    fault: Fault
    is_transient: bool
    """Whether it may pass without anybody's doing."""
    is_variant: bool = False
    """Whether it is another wording of the kind before it that has the same code."""

    def problem(self, *, service: dict[str, Any] | None = None, **fields: object) -> Problem:
        """Return a problem of this kind; `fields` fill the templates, `service` is the service's own error object.

        Raises `KeyError` where a field of a template is missing.
        """
        return Problem(
            self.code.format(**fields), self.message.format(**fields), self.help.format(**fields), service, self.fault
        )

    def matches(self, problem: Problem | None) -> bool:
        """Whether a problem has the code of this kind; variants have it in common. False for None."""
        return problem is not None and problem.code == self.code

    def variant(self, **changes: Any) -> "ProblemKind":
        """Return a kind with the same code and other words, for another situation."""
        return replace(self, is_variant=True, **changes)


@dataclass(frozen=True, slots=True)
class WarningKind:
    """One kind of warning in a result; the message is a template, the help is for the documentation."""

    code: str
    message: str
    help: str
    is_for_review: bool = False
    """Whether it sets the result's `review`: a person should check how the document was read."""
    is_variant: bool = False
    """As in `ProblemKind`."""

    def warning(self, **fields: object) -> Warning:
        """Return a warning of this kind; `fields` fill the template. Raises `KeyError` where one is missing."""
        return Warning(self.code, self.message.format(**fields))

    def covers(self, warning: Warning) -> bool:
        """Whether a warning has the code of this kind."""
        return warning.code == self.code

    def variant(self, **changes: Any) -> "WarningKind":
        """Return a kind with the same code and other words, for another situation."""
        return replace(self, is_variant=True, **changes)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request to the page's API was not carried out; sent as `application/problem+json` (RFC 9457)."""

    code: str
    status: int
    title: str
    message: str
    help: str


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """One kind of refused request, with its HTTP status; message and help are templates, the title is none."""

    code: str
    status: int
    title: str
    message: str
    help: str

    def refusal(self, **fields: object) -> Refusal:
        """Return a refusal of this kind; `fields` fill the templates. Raises `KeyError` where one is missing."""
        return Refusal(self.code, self.status, self.title, self.message.format(**fields), self.help.format(**fields))


# --- The document can not be read ---

_SAVE_AS_UTF8 = "Save it as plain text in UTF-8 and drop it again."

EMPTY_DOCUMENT = ProblemKind(
    "EmptyDocument",
    "The document has 0 bytes.",
    "Drop it again once it has been written in full.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
TOO_LARGE = ProblemKind(
    "TooLarge",
    "The document has {size:,} bytes; the limit is {limit:,}.",
    "Split it before dropping it, or raise the setting MAX_DOCUMENT_BYTES.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
TOO_LARGE_UNPACKED = TOO_LARGE.variant(
    message="The document has {size:,} bytes as stored and more than {limit:,} unpacked; the limit is {limit:,}."
)
DAMAGED_CONTENT = ProblemKind(
    "DamagedContent",
    "The document is compressed ({compression}), but {damage}.",
    "It was cut off or damaged on its way here. Drop it again, whole, or without compression.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
NO_TEXT = ProblemKind(
    "NoText",
    "The document has {size:,} bytes but only white space in them.",
    "Nothing was sent to the service. Check that the right file was dropped.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
NOT_TEXT = ProblemKind(
    "NotText",
    "The document is {file_type}, not plain text.",
    f"Extract its text first. {_SAVE_AS_UTF8}",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
BINARY_DATA = NOT_TEXT.variant(
    message="The document is binary data: {controls:,} of its {size:,} bytes are control characters.",
    help=f"If it is text in UTF-16, save it with a byte-order mark. {_SAVE_AS_UTF8}",
)
INVALID_ENCODING = ProblemKind(
    "InvalidEncoding",
    "The document's byte-order mark says {encoding}, but the bytes at position {position:,} and many others are not "
    "{encoding}.",
    f"The file is damaged or its mark is wrong. {_SAVE_AS_UTF8}",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
UNKNOWN_ENCODING = ProblemKind(
    "UnknownEncoding",
    "The document's {size:,} bytes are not UTF-8, and no other encoding fits them.",
    _SAVE_AS_UTF8,
    fault=Fault.DOCUMENT,
    is_transient=False,
)
EBCDIC = UNKNOWN_ENCODING.variant(
    message="The document's {size:,} bytes look like EBCDIC, the encoding of mainframes, which is not read.",
    help=f"Let the transfer convert it to text. {_SAVE_AS_UTF8}",
)
DAMAGED_FILE = ProblemKind(
    "DamagedFile",
    "The file is damaged. {detail}",
    "Open it with the program that made it, save it anew and drop it again.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
PROTECTED_FILE = ProblemKind(
    "ProtectedFile",
    "The file is protected. {detail}",
    "Save a copy without password or encryption and drop that.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
NO_TEXT_IN_FILE = NO_TEXT.variant(
    message="The file has no text. {detail}",
    help="Nothing was sent to the service. A scan or a picture has to be turned into text first: the app does that "
    "where DOCUMENT_INTELLIGENCE_ENDPOINT is set (docs/ocr.md). Of a recording, drop what is said in it as text.",
)
NO_TEXT_READ = NO_TEXT.variant(
    message="The file has no text, and OCR has found none on its pages.",
    help="Check that the right file was dropped, the right way up, and sharp enough to be read.",
)
OLD_FORMAT = ProblemKind(
    "OldFormat",
    "The file has an old format that is not read. {detail}",
    "Save it in the program's present format (docx, xlsx, pptx) or as pdf, and drop that.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
UNKNOWN_FORMAT = NOT_TEXT.variant(
    message="The file has a format that is not read. {detail}",
    help="The formats that are read stand in docs/formats.md. Save it in one of them, or as plain text in UTF-8, and "
    "drop it again.",
)
EXTRACTION_LIMIT = ProblemKind(
    "ExtractionLimit",
    "The file can not be read within the limits. {detail}",
    "Split it, or save it in a simpler form. The limits stand in docs/formats.md; EXTRACT_SECONDS and "
    "EXTRACT_MEMORY_MB can be raised.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
FILE_TOO_LARGE = TOO_LARGE.variant(
    message="The file has {size:,} bytes; the limit for files that are not text is {limit:,}.",
    help="Split it before dropping it, or raise the setting MAX_FILE_BYTES.",
)
INVALID_LANGUAGE = ProblemKind(
    "InvalidLanguage",
    "The blob metadata field 'language' is {language!r}; expected is {expected}.",
    "Correct the field, or delete it so that the setting DOCUMENT_LANGUAGE holds. Either makes a new version.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
UNSAFE_NAME = ProblemKind(
    "UnsafeName",
    "The document's name {name!r} is empty or has a segment '.' or '..', by which a request leaves the container.",
    "Drop it under another name, and delete this one with a tool that sends names as they are.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)

# --- The service refuses a document, or the app ---

_CHECK_CONTENT = "The service can not process this document. Check its content, correct it and drop it again."

REFUSED = ProblemKind(
    "Refused",
    "The service refused the request (HTTP {status}): {reason}",
    "The code does not say that the document is to blame. It is tried again by itself; if no other document is "
    "refused, compare it with those that were accepted.",
    fault=Fault.SERVICE,
    is_transient=True,
)
REFUSED_WITH_CODE = replace(REFUSED, code="{service_code}")
REFUSED_FOR_DOCUMENT = replace(
    REFUSED_WITH_CODE,
    help="Correct the document, or its language if that is what the service refuses, and drop it again.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
REFUSED_AGAIN = replace(
    REFUSED_FOR_DOCUMENT,
    message="The service refused the document again, while it accepted others. The last time: {reason}",
    help=_CHECK_CONTENT,
)
DOCUMENT_REFUSED = ProblemKind(
    "{service_code}",
    "The service can not process the document: {reason}",
    "Correct the document and drop it again.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
UNSUPPORTED_LANGUAGE = replace(
    DOCUMENT_REFUSED,
    code="UnsupportedLanguageCode",
    help="Correct the language: the document's own in its metadata `language`, else the setting DOCUMENT_LANGUAGE.",
)
# The service does not say where the language came from; the caller knows, and then it is not the document's fault.
UNSUPPORTED_CONFIGURED_LANGUAGE = UNSUPPORTED_LANGUAGE.variant(
    message="The service does not know the language {language!r} of DOCUMENT_LANGUAGE: {reason}",
    help="Correct DOCUMENT_LANGUAGE. Documents wait, and go on by themselves with the new value.",
    fault=Fault.CONFIGURATION,
)
DOCUMENT_FAILED = ProblemKind(
    "{service_code}",
    "The service reported an error for the document: {reason}",
    "Nothing says that the document is to blame. It is submitted again by itself.",
    fault=Fault.SERVICE,
    is_transient=True,
)
FAILED_ALONE = ProblemKind(
    "{last_code}",
    "The document failed alone {times} times while other documents succeeded. The last time: {reason}",
    _CHECK_CONTENT,
    fault=Fault.DOCUMENT,
    is_transient=False,
)

_GOES_ON = "Documents wait and go on by themselves once that is corrected."

MISCONFIGURED = ProblemKind(
    "Misconfigured",
    "The service refuses the app (HTTP {status}): {reason}",
    "Probably LANGUAGE_PROJECT, LANGUAGE_DEPLOYMENT, LANGUAGE_ENDPOINT or LANGUAGE_API_VERSION is wrong, or the "
    "project or deployment of a rule. " + _GOES_ON,
    fault=Fault.CONFIGURATION,
    is_transient=False,
)
WRONG_KEY = MISCONFIGURED.variant(
    help="Probably LANGUAGE_KEY or LANGUAGE_ENDPOINT is wrong, or the app's identity has no role on the resource. "
    + _GOES_ON
)
MISSING_ROLE = MISCONFIGURED.variant(
    help="Probably the app's identity lacks a role such as Cognitive Services Language Reader, a firewall of the "
    "resource refuses the app, or the quota of the resource is used up. " + _GOES_ON
)
NO_TOKEN = MISCONFIGURED.variant(
    message="No Microsoft Entra ID token could be had for the Language service: {error}.",
    help="Give the app an identity with a role on the resource (locally: az login), or set LANGUAGE_KEY. " + _GOES_ON,
)
QUOTA_EXHAUSTED = ProblemKind(
    "QuotaExhausted",
    "The quota of the Language resource is used up (HTTP 403): {reason}",
    "Move the resource to a paid tier, or wait until the quota is renewed; documents wait meanwhile.",
    fault=Fault.CONFIGURATION,
    is_transient=True,
)

# --- The service, or the way to it ---

_TRIED_AGAIN = "It is tried again by itself."

THROTTLED = ProblemKind(
    "Throttled",
    "The service's rate limit is reached (HTTP 429): {reason}",
    "Nothing to do: the job waits. If it happens all the time, lower REQUESTS_PER_MINUTE.",
    fault=Fault.SERVICE,
    is_transient=True,
)
OVER_BUDGET = ProblemKind(
    "OverBudget",
    "The budget of {requests_per_minute} requests a minute is used up for the moment, or the service has asked for a "
    "pause.",
    "Nothing to do: the job waits. REQUESTS_PER_MINUTE may be raised if the resource allows more.",
    fault=Fault.CONFIGURATION,
    is_transient=True,
)
LEDGER_UNREACHABLE = ProblemKind(
    "LedgerUnreachable",
    "The ledger by which the app's instances share REQUESTS_PER_MINUTE, {blob} in the state container, can not be read "
    "or written. Each worker sends at most {requests_per_minute} requests a minute meanwhile, and none that the day's "
    "text records have to be counted for.",
    "Nothing to do if the storage is back soon. Otherwise check whether somebody holds a lease on the blob; if it is "
    "damaged, delete it.",
    fault=Fault.STORAGE,
    is_transient=True,
)
DAILY_RECORDS_USED = ProblemKind(
    "DailyRecordsUsed",
    "Too few of the {limit:,} text records are left that DAILY_TEXT_RECORDS allows for this day (UTC).",
    "Nothing to do: the job goes on from {until} on. To let it go on sooner, raise DAILY_TEXT_RECORDS; a document with "
    "more text records than a whole day allows is never submitted.",
    fault=Fault.CONFIGURATION,
    is_transient=True,
)
RECORDS_NOT_COUNTED = ProblemKind(
    "RecordsNotCounted",
    "The day's text records can not be counted: {blob} in the state container can not be read or written. With "
    "DAILY_TEXT_RECORDS nothing is submitted meanwhile.",
    "Nothing to do if the storage is back soon. Otherwise check whether somebody holds a lease on the blob; if it is "
    "damaged, delete it, and the day's count begins anew.",
    fault=Fault.STORAGE,
    is_transient=True,
)
MORE_THAN_A_DAY = ProblemKind(
    "MoreThanADay",
    "The job has {records:,} text records, more than DAILY_TEXT_RECORDS allows for a whole day ({limit:,}).",
    "Nothing to do: it is split.",
    fault=Fault.CONFIGURATION,
    is_transient=True,
)
UNAVAILABLE = ProblemKind(
    "Unavailable",
    "The service is not available (HTTP {status}): {reason}",
    "Nothing to do: the job waits. If it lasts, check the health of the Language resource.",
    fault=Fault.SERVICE,
    is_transient=True,
)
UNREACHABLE = ProblemKind(
    "Unreachable",
    "The service could not be reached: {error}.",
    "Nothing to do: the job waits. If it lasts, check LANGUAGE_ENDPOINT, name resolution and the firewall.",
    fault=Fault.SERVICE,
    is_transient=True,
)
NO_ANSWER = ProblemKind(
    "NoAnswer",
    "The service was asked, and no complete answer came: {error}.",
    f"{_TRIED_AGAIN} If it lasts, check LANGUAGE_ENDPOINT, the network and the health of the Language resource.",
    fault=Fault.SERVICE,
    is_transient=True,
)
UNRECOGNIZED_REPLY = ProblemKind(
    "UnrecognizedReply",
    "The reply (HTTP {status}, {content_type}) does not have the form of the Language service: {detail}.",
    "It often comes from a proxy, a firewall or a sign-in page between the app and the service. "
    f"{_TRIED_AGAIN} If it lasts, check LANGUAGE_ENDPOINT and the network.",
    fault=Fault.SERVICE,
    is_transient=True,
)
REPLY_TOO_LARGE = ProblemKind(
    "ReplyTooLarge",
    "The reply has more than {limit:,} bytes and was not read to its end.",
    f"{_TRIED_AGAIN} If it lasts, check whether a proxy stands between the app and the service.",
    fault=Fault.SERVICE,
    is_transient=True,
)
NO_OPERATION_LOCATION = ProblemKind(
    "NoOperationLocation",
    "The reply to a submission (HTTP {status}) does not say where to ask for the results.",
    "The job may have been accepted; it is submitted again by itself. Check whether a proxy removes or changes the "
    "operation-location header, or answers in the place of the service.",
    fault=Fault.SERVICE,
    is_transient=True,
)
UNREADABLE_ANSWER = ProblemKind(
    "UnreadableAnswer",
    "The service's answer for the document can not be read: {detail}.",
    "The document is not to blame. It is submitted again by itself.",
    fault=Fault.SERVICE,
    is_transient=True,
)
SERVICE_FAILING = ProblemKind(
    "ServiceFailing",
    "The Language service fails for other documents, too; this one waits until it has recovered.",
    "Nothing to do: a short control text is tried from time to time. If it lasts, check the Language resource.",
    fault=Fault.SERVICE,
    is_transient=True,
)
JOB_FAILED = ProblemKind(
    "JobFailed",
    "The service ended the job as {status!r}: {reason}",
    "It is submitted again by itself. See the service's own error below.",
    fault=Fault.SERVICE,
    is_transient=True,
)
TASK_FAILED = ProblemKind(
    "TaskFailed",
    "The service ended this task of the job as {status!r}, and others not: {reason}",
    "It alone is submitted again by itself; the results of the other tasks are kept.",
    fault=Fault.SERVICE,
    is_transient=True,
)
JOB_VANISHED = ProblemKind(
    "JobVanished",
    "The service no longer knows the job (HTTP {status}): {reason}",
    "Results are kept for 24 hours. The document is submitted again by itself.",
    fault=Fault.SERVICE,
    is_transient=True,
)
TIMED_OUT = ProblemKind(
    "TimedOut",
    "The service kept the job in status {status!r} for {minutes:.1f} minutes; the limit is {limit:g} "
    "(JOB_TIMEOUT_MINUTES).",
    "It was cancelled and submitted again each time. Check the health of the Language resource.",
    fault=Fault.SERVICE,
    is_transient=True,
)
NEVER_STARTED = ProblemKind(
    "NeverStarted",
    "The service kept the job in its queue for {hours:.1f} hours, until it expired.",
    "It is submitted again. Check the health of the Language resource.",
    fault=Fault.SERVICE,
    is_transient=True,
)
LEFT_OUT = ProblemKind(
    "LeftOut",
    "The service finished the job without a result for this document.",
    "It is submitted again. If it is reported, the service left it out each time: ask Azure support.",
    fault=Fault.SERVICE,
    is_transient=True,
)
AUTHORING_REFUSED = ProblemKind(
    "AuthoringRefused",
    "The Language service refused a command about models (HTTP {status}): {reason}",
    "Correct what it names, and give the command again.",
    fault=Fault.CONFIGURATION,
    is_transient=False,
)
CONTROL_LEFT_OUT = LEFT_OUT.variant(
    message="The service finished the control document without a result.",
    help="Check the health of the Language resource.",
)

# --- The storage ---

STORAGE_REFUSES = ProblemKind(
    "{storage_code}",
    "The storage does not give the document out: {storage_code}, since {since:%Y-%m-%d %H:%M} UTC.",
    "Correct the blob's access, encryption or tier. It is tried again every night, and needs no new version.",
    fault=Fault.STORAGE,
    is_transient=False,
)
STORAGE_SLOW = ProblemKind(
    "StorageSlow",
    "The storage was so slow that the reservation of the job was nearly over before its request could be sent.",
    "Nothing to do: it is tried again. If it lasts, check the storage account.",
    fault=Fault.STORAGE,
    is_transient=True,
)
NO_TIME_LEFT = ProblemKind(
    "NoTimeLeft",
    "No time was left for a submission; nothing was sent.",
    "Nothing to do: the job waits and goes on by itself. If it lasts, check whether the storage is slow.",
    fault=Fault.STORAGE,
    is_transient=True,
)
UNANSWERED = ProblemKind(
    "Unanswered",
    "The document was submitted, but no outcome of it could be saved: workers stopped, or the storage failed.",
    "Check the app and the storage account. The document is submitted again at night.",
    fault=Fault.STORAGE,
    is_transient=True,
)
STORAGE_FAILED = ProblemKind(
    "StorageFault",
    "A step of the job ended in an error: {error}.",
    "It is repeated. If it lasts, look for the action job_step_failed in the logs.",
    fault=Fault.STORAGE,
    is_transient=True,
)
CAUSE_NOT_KEPT = STORAGE_FAILED.variant(
    message="The steps of the job failed, and the cause could not be kept.",
    help="Look for the action job_step_failed in the logs.",
)

# --- The app itself: a newer version of it may work, so it counts like a fault of the service ---

STEP_FAILED = replace(STORAGE_FAILED, code="Fault", fault=Fault.SERVICE, is_transient=False)
CLIENT_FAILED = ProblemKind(
    "ClientFailed",
    "The app could not understand the Language service's answer: {error}.",
    "It is asked again later. If it lasts, look for the action client_failed in the logs.",
    fault=Fault.SERVICE,
    is_transient=True,
)
UNPROCESSABLE = ProblemKind(
    "Unprocessable",
    "The document could not be submitted after repeated attempts: {error}.",
    "It is tried again for some nights. If that does not help, look for the action document_unprocessable in the logs.",
    fault=Fault.SERVICE,
    is_transient=False,
)

# --- The situations that every service knows ---


class ServiceProblems(NamedTuple):
    """How a situation that every service knows is told for one of them."""

    misconfigured: ProblemKind
    wrong_key: ProblemKind
    missing_role: ProblemKind
    no_token: ProblemKind
    quota_exhausted: ProblemKind
    throttled: ProblemKind
    over_budget: ProblemKind
    unavailable: ProblemKind
    unreachable: ProblemKind
    no_answer: ProblemKind
    unrecognized_reply: ProblemKind
    reply_too_large: ProblemKind
    no_operation_location: ProblemKind
    client_failed: ProblemKind
    refused: ProblemKind
    refused_with_code: ProblemKind
    refused_for_document: ProblemKind


OF_LANGUAGE = ServiceProblems(
    misconfigured=MISCONFIGURED,
    wrong_key=WRONG_KEY,
    missing_role=MISSING_ROLE,
    no_token=NO_TOKEN,
    quota_exhausted=QUOTA_EXHAUSTED,
    throttled=THROTTLED,
    over_budget=OVER_BUDGET,
    unavailable=UNAVAILABLE,
    unreachable=UNREACHABLE,
    no_answer=NO_ANSWER,
    unrecognized_reply=UNRECOGNIZED_REPLY,
    reply_too_large=REPLY_TOO_LARGE,
    no_operation_location=NO_OPERATION_LOCATION,
    client_failed=CLIENT_FAILED,
    refused=REFUSED,
    refused_with_code=REFUSED_WITH_CODE,
    refused_for_document=REFUSED_FOR_DOCUMENT,
)

# --- Document Intelligence, which reads scans: the same situations, with its own settings and resource ---


def _of_reading(kind: ProblemKind) -> ProblemKind:
    """Return a kind in the words of Document Intelligence."""
    message, help = kind.message, kind.help
    for language, reading in (
        ("LANGUAGE_", "DOCUMENT_INTELLIGENCE_"),
        (" REQUESTS_PER_MINUTE", " DOCUMENT_INTELLIGENCE_REQUESTS_PER_MINUTE"),
        ("the Language service", "Document Intelligence"),
        ("Language resource", "Document Intelligence resource"),
        ("The service", "Document Intelligence"),
        ("the service", "Document Intelligence"),
        ("the job waits", "the document waits"),
        ("The job", "The reading"),
        ("the job", "the reading"),
    ):
        message, help = message.replace(language, reading), help.replace(language, reading)
    return replace(kind, message=message, help=help, is_variant="{" not in kind.code)


READING_MISCONFIGURED = MISCONFIGURED.variant(
    message="Document Intelligence refuses the app (HTTP {status}): {reason}",
    help="Probably DOCUMENT_INTELLIGENCE_ENDPOINT is wrong. " + _GOES_ON,
)
READING_WRONG_KEY = _of_reading(WRONG_KEY)
READING_MISSING_ROLE = READING_MISCONFIGURED.variant(
    help="Probably the app's identity lacks the role Cognitive Services User, a firewall of the resource refuses the "
    "app, or the quota of the resource is used up. " + _GOES_ON
)
READING_NO_TOKEN = _of_reading(NO_TOKEN)
READING_QUOTA_EXHAUSTED = _of_reading(QUOTA_EXHAUSTED)
READING_THROTTLED = _of_reading(THROTTLED)
READING_OVER_BUDGET = _of_reading(OVER_BUDGET)
READING_UNAVAILABLE = _of_reading(UNAVAILABLE)
READING_UNREACHABLE = _of_reading(UNREACHABLE)
READING_NO_ANSWER = _of_reading(NO_ANSWER)
READING_UNRECOGNIZED_REPLY = _of_reading(UNRECOGNIZED_REPLY)
READING_REPLY_TOO_LARGE = _of_reading(REPLY_TOO_LARGE)
READING_NO_OPERATION_LOCATION = _of_reading(NO_OPERATION_LOCATION)
READING_CLIENT_FAILED = _of_reading(CLIENT_FAILED)
READING_REFUSED = _of_reading(REFUSED)
READING_REFUSED_WITH_CODE = _of_reading(REFUSED_WITH_CODE)
READING_REFUSED_FOR_DOCUMENT = ProblemKind(
    "{service_code}",
    "Document Intelligence can not read the file: {reason}",
    "Check that it opens, has no password, and is within the limits of docs/ocr.md; the free tier takes 4 MB at most. "
    "Correct it and drop it again.",
    fault=Fault.DOCUMENT,
    is_transient=False,
)
READING_FAILED = _of_reading(JOB_FAILED)
READING_VANISHED = _of_reading(JOB_VANISHED)
READING_UNREADABLE_ANSWER = UNREADABLE_ANSWER.variant(
    message="The answer of Document Intelligence can not be read: {detail}.",
    help="The document is not to blame. It is read again by itself.",
)


RESOURCE_REMOVED = ProblemKind(
    "ResourceRemoved",
    "The Language resource that had the job is not among the settings any more.",
    "The documents are submitted to another one, which bills them again.",
    fault=Fault.CONFIGURATION,
    is_transient=True,
)
NO_RESOURCE = MISCONFIGURED.variant(
    message="None of the Language resources that may be asked is among the settings.",
    help="Add one of them to LANGUAGE_ENDPOINTS, or correct `resources` in the rules. " + _GOES_ON,
)
READING_TURNED_OFF = ProblemKind(
    "ReadingTurnedOff",
    "The pages of the file are pictures, and OCR was turned off before they were read.",
    "Set DOCUMENT_INTELLIGENCE_ENDPOINT again (docs/ocr.md), or turn the file into text, and drop it again.",
    fault=Fault.CONFIGURATION,
    is_transient=False,
)

OF_READING = ServiceProblems(
    misconfigured=READING_MISCONFIGURED,
    wrong_key=READING_WRONG_KEY,
    missing_role=READING_MISSING_ROLE,
    no_token=READING_NO_TOKEN,
    quota_exhausted=READING_QUOTA_EXHAUSTED,
    throttled=READING_THROTTLED,
    over_budget=READING_OVER_BUDGET,
    unavailable=READING_UNAVAILABLE,
    unreachable=READING_UNREACHABLE,
    no_answer=READING_NO_ANSWER,
    unrecognized_reply=READING_UNRECOGNIZED_REPLY,
    reply_too_large=READING_REPLY_TOO_LARGE,
    no_operation_location=READING_NO_OPERATION_LOCATION,
    client_failed=READING_CLIENT_FAILED,
    refused=READING_REFUSED,
    refused_with_code=READING_REFUSED_WITH_CODE,
    refused_for_document=READING_REFUSED_FOR_DOCUMENT,
)

# --- Warnings in a result ---

_NAME_ENCODING = "Save such documents in UTF-8, or store them with the right `charset` in their content type."
_NOTHING_TO_DO = "Nothing to do."

ENCODING_GUESSED = WarningKind(
    "EncodingGuessed",
    "The document is not UTF-8; it was read as {encoding}, which is a guess.",
    _NAME_ENCODING,
)
ENCODING_DOUBTFUL = WarningKind(
    "EncodingDoubtful",
    "The document is not UTF-8; it was read as {encoding}, but other encodings fit nearly as well: {others}. Check "
    "names and amounts with characters beyond ASCII.",
    _NAME_ENCODING,
    is_for_review=True,
)
UNMARKED_UTF16 = WarningKind(
    "UnmarkedUtf16",
    "The document has no byte-order mark; it was read as {encoding}, because its bytes are text in that order.",
    _NOTHING_TO_DO,
)
UNMARKED_UTF32 = replace(UNMARKED_UTF16, code="UnmarkedUtf32")
CHARACTERS_REPLACED = WarningKind(
    "CharactersReplaced",
    "The document is damaged: {count:,} of its characters could not be read as {encoding} and were replaced by U+FFFD. "
    "Their places, in characters from 0: {places}.",
    "Look at these places. If they matter, drop an undamaged copy.",
)
WRONG_CONTENT_ENCODING = WarningKind(
    "WrongContentEncoding",
    "The document was stored with Content-Encoding {declared!r}, but it is {found}, and was read so.",
    "Nothing to do for this document; correct what stores it.",
)
PAGES_WITHOUT_TEXT = WarningKind(
    "PagesWithoutText",
    "{file}Pages that are pictures without text were not read: {pages}.",
    "Read them by OCR (docs/ocr.md) and drop the file again, if they matter.",
)
PAGES_NOT_READ = PAGES_WITHOUT_TEXT.variant(
    message="Pages that are pictures could not be read by OCR: {pages}. {reason}",
    help="Correct what is said and drop the file again, if they matter.",
)
PAGES_LEFT_OUT = PAGES_NOT_READ.variant(
    message="Pages that are pictures were asked for and are missing from what OCR has read: {pages}.",
    help="The free tier of Document Intelligence reads the first two pages of a document only (docs/ocr.md).",
)
PAGES_DOUBTFUL = WarningKind(
    "PagesDoubtful",
    "Pages that OCR is not sure of (a mean confidence of its words below {limit}): {pages}.",
    "Check names and amounts on these pages against the scan.",
    is_for_review=True,
)
PAGES_DAMAGED = WarningKind(
    "PagesDamaged",
    "{file}Pages that are damaged were not read: {pages}.",
    "Save the file anew with the program that made it, and drop that.",
)
DYNAMIC_FORM = WarningKind(
    "DynamicForm",
    "The file is a form that only some programs show (XFA); what they show may be missing.",
    "Print the form to a pdf and drop that.",
)
CUT_OFF = WarningKind(
    "CutOff",
    "The file ends in the middle: it was cut off, and its end is missing.",
    "Drop it again, whole.",
)
PART_NOT_READ = WarningKind(
    "PartNotRead",
    "{part} was left out ({reason}). {detail}",
    "The other parts of the file were read. Drop the part by itself to see what can be done about it.",
)
READ_AS_PLAIN_TEXT = WarningKind(
    "ReadAsPlainText",
    "The file begins like {format}, but is not ({cause}); it was read as plain text.",
    "Nothing to do if it is meant to be plain text.",
)
MORE_WARNINGS = WarningKind(
    "MoreWarnings",
    "There are more than {limit} warnings about this file.",
    "Those before it are likely to be of the same kind.",
)
ENTITY_UNREADABLE = WarningKind(
    "EntityUnreadable",
    "{noun} {number} of {count} is left out: {part} can not be read.",
    "The others are complete. To ask the service again, drop the document again with any change.",
)
ENTITIES_UNREADABLE = ENTITY_UNREADABLE.variant(message="{count} more {noun} are left out for the same kind of reason.")
OFFSET_MISMATCH = WarningKind(
    "OffsetMismatch",
    "The entity of category {category!r} at offset {offset} ({unit}, length {length}) is not the text found there. It "
    "is given as the service sent it.",
    "Use the entity's text, not its place; its `utf16Offset` and `utf16Length` are null.",
)
OVERLAPS_REMOVED = WarningKind(
    "OverlapsRemoved",
    "{count} entities are left out because another one stands at the same characters (overlaps: {policy}).",
    "To get all of them, ask for `overlaps: keep` in the rule (docs/rules.md).",
)
REDACTION_INCOMPLETE = WarningKind(
    "RedactionIncomplete",
    "An entity of category {category!r} is nowhere in the text, so it may not be masked in the redacted text.",
    "Check the redacted text before it is passed on.",
    is_for_review=True,
)
RELATIONS_CUT = WarningKind(
    "RelationsCut",
    "The document took {count} requests; relations between entities of different requests are not found.",
    "Split the document at its own parts if such relations matter.",
)
SERVICE_WARNING = WarningKind(
    "ServiceWarning",
    "{reason}",
    "The service's own words: see its documentation.",
)

UNREADABLE_WARNING = SERVICE_WARNING.variant(
    message="The service gave a warning that can not be read.", help=_NOTHING_TO_DO
)

# --- A request to the page's API is refused (docs/page.md) ---

_SEE_API = "The description of the API is at /api/openapi.json."

INVALID_REQUEST = RefusalKind(
    "invalid_request", 400, "The request is not understood", "The request is not as described: {reason}.", _SEE_API
)
INVALID_CURSOR = RefusalKind(
    "invalid_cursor",
    400,
    "The place in the list is not known",
    "The cursor was not made by a list of this app, or was changed.",
    "Begin the list anew, without a cursor.",
)
INVALID_ADDRESS = RefusalKind(
    "invalid_address", 400, "The address is not understood", "The address has escapes that are not UTF-8.", _SEE_API
)
INVALID_NAME = RefusalKind(
    "name_unusable",
    422,
    "The name can not be used",
    "A document can not be called so: {reason}.",
    "Give the file another name and upload it again.",
)
SIGN_IN_NEEDED = RefusalKind(
    "sign_in_needed",
    401,
    "Nobody has signed in",
    "The request comes without the principal of somebody who has signed in.",
    "Sign in at /.auth/login/aad; a program sends a token of Microsoft Entra ID.",
)
FOREIGN_ORIGIN = RefusalKind(
    "foreign_origin",
    403,
    "The request comes from another site",
    "A browser sends it for a page of another site, or nothing says that it does not.",
    "Open the page of the app itself; a program sends a key or a token, and no Origin.",
)
UNKNOWN_ADDRESS = RefusalKind("unknown_address", 404, "There is nothing here", "The address is not known.", _SEE_API)
UNKNOWN_DOCUMENT = RefusalKind(
    "unknown_document",
    404,
    "There is no such document",
    "Neither the document nor a record of it is there.",
    "Check the id: the document's name in UTF-8, as base64url without padding.",
)
UNKNOWN_RESULT = RefusalKind(
    "unknown_result",
    404,
    "There is no such result",
    "The document has no result of this name now.",
    "The record of the document lists the results that it has.",
)
UNKNOWN_TEXT = RefusalKind(
    "unknown_text",
    404,
    "The text is not there",
    "The document has no result, or the version that its results count in is not there any more.",
    "Wait until the newest version has its results.",
)
NO_CORRECTIONS = RefusalKind(
    "no_corrections",
    404,
    "There are no corrections",
    "Nobody has decided anything about this version of the document.",
    "Send the first ones with If-None-Match: *.",
)
WRONG_METHOD = RefusalKind(
    "wrong_method", 405, "The method is not allowed", "The address does not take {method}.", _SEE_API
)
DOCUMENT_EXISTS = RefusalKind(
    "document_exists",
    409,
    "The document exists already",
    "A document of this name exists already.",
    "Send its ETag as 'replace' to replace this version, or use another name.",
)
DOCUMENT_REPLACED = RefusalKind(
    "document_replaced",
    409,
    "The document was replaced",
    "The corrections are of a version of the document, or of a text, that is not the newest.",
    "Read the document again; the corrections of the version before are kept apart.",
)
NOT_REPLAYABLE = RefusalKind(
    "not_replayable",
    409,
    "The document can not be replayed now",
    "It is in work, or is not there any more, or a rule leaves it out.",
    "Wait until it has ended.",
)
LENGTH_NEEDED = RefusalKind(
    "length_needed",
    411,
    "The length is missing",
    "The request has no Content-Length; what is sent in chunks does not arrive.",
    "Send the body whole, with its length.",
)
DOCUMENT_CHANGED = RefusalKind(
    "document_changed",
    412,
    "The document has changed",
    "The document is no longer at the version that was to be replaced.",
    "Look at its present version, and decide anew.",
)
CORRECTIONS_CHANGED = RefusalKind(
    "corrections_changed",
    412,
    "Somebody else has saved corrections",
    "The corrections are no longer as they were when they were read.",
    "Put yours together with the present ones, which come with this answer, and send them again.",
)
REQUEST_TOO_LARGE = RefusalKind(
    "request_too_large",
    413,
    "The request is too large",
    "The request has more than {limit:,} bytes.",
    "Documents go straight to the storage, never through the API.",
)
UPLOAD_TOO_LARGE = RefusalKind(
    "file_too_large",
    413,
    "The file is too large",
    "The file has {size:,} bytes; the limit is {limit:,}.",
    "Split it, or let the operator raise MAX_FILE_BYTES.",
)
WRONG_CONTENT_TYPE = RefusalKind(
    "wrong_content_type",
    415,
    "The content type is not taken",
    "The content type is not application/json.",
    "Send JSON, and say so in Content-Type.",
)
WRONG_HOST = RefusalKind(
    "wrong_host",
    421,
    "The request is for another host",
    "Without keys only requests to a loopback name are answered.",
    "Use http://localhost or http://127.0.0.1 with the port, or set WEB to key or entra.",
)
INVALID_CORRECTIONS = RefusalKind(
    "invalid_corrections",
    422,
    "The corrections do not fit the document",
    "The corrections do not fit the document: {reason}.",
    "Read the document and its results again, and send decisions about these.",
)
CONDITION_NEEDED = RefusalKind(
    "condition_needed",
    428,
    "The condition is missing",
    "Corrections are only written over those that were read.",
    "Send If-Match with the ETag that was read, or If-None-Match: * where there were none.",
)
NOT_LABELS = RefusalKind(
    "not_labels",
    422,
    "The labels can not be written in this format",
    "The labels can not be written as {format}: {reason}.",
    "Take another format, or correct the document.",
)
REQUEST_FAILED = RefusalKind(
    "request_failed",
    500,
    "The app failed",
    "The request has failed because of a fault of the app ({error}).",
    "Try again; if it lasts, look into the log.",
)
UPLOADS_IMPOSSIBLE = RefusalKind(
    "uploads_impossible",
    501,
    "Uploads are not possible",
    "The app reaches the storage with a shared access signature, with which it can not make others.",
    "Let the operator use an identity or a key in DocumentStorage, or drop documents another way.",
)
STORAGE_UNAVAILABLE = RefusalKind(
    "storage_unavailable",
    503,
    "The storage does not answer",
    "The storage does not answer as it should ({code}).",
    "Try again in a moment; if it lasts, check the app's roles and the health of the storage account.",
)
NEWER_RELEASE = RefusalKind(
    "newer_release",
    503,
    "A newer release has the document",
    "The record of the document was written by a newer release, which is being deployed.",
    "Try again in a minute.",
)

# --- The whole catalogue ---

PROBLEMS: tuple[ProblemKind, ...] = tuple(kind for kind in globals().values() if isinstance(kind, ProblemKind))
"""Every kind of problem, in the order of this file."""

WARNINGS: tuple[WarningKind, ...] = tuple(kind for kind in globals().values() if isinstance(kind, WarningKind))
"""Every kind of warning, in the order of this file."""

REFUSALS: tuple[RefusalKind, ...] = tuple(kind for kind in globals().values() if isinstance(kind, RefusalKind))
"""Every kind of refused request, in the order of this file."""


def title_of(code: str) -> str:
    """Return a code in words: `DamagedContent` as `Damaged content`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", code).split()
    return " ".join([*words[:1], *(word if word.isupper() else word.lower() for word in words[1:])])


_CODES_FOR_REVIEW = frozenset(kind.code for kind in WARNINGS if kind.is_for_review)


def needs_review(warning: Warning) -> bool:
    """Whether a person should check the result that has this warning."""
    return warning.code in _CODES_FOR_REVIEW
