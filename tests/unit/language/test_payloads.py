"""Replies as recorded in the official SDKs' tests, or as documented where no recording is known."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from functions.core.outcomes import (
    Accepted,
    Answer,
    Answers,
    DeferReason,
    Deferred,
    Finished,
    JobFailed,
    JobLost,
    Refused,
    StillRunning,
    Unanswered,
)
from functions.errors import Fault, Problem, Warning
from functions.language import payloads
from functions.language.connection import is_foreign
from functions.language.error_codes import FAULTS, LANGUAGE, MAX_RECORDED_BYTES, own_error, retry_after
from functions.language.payloads import (
    cancel_path,
    join_pages,
    operation_id_of,
    operation_path,
    submission_body,
    submission_outcome,
    submit_path,
)
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.tasks.entities import FoundEntities, FoundEntity
from functions.tasks.key_phrases import FoundPhrases, KeyPhraseExtraction
from tests.support.material import ENDPOINT, NOW, PREVIEW, work
from tests.support.replies import (
    EMPTY_ERROR,
    GATEWAY_JSON,
    HTML,
    JOB,
    ct1_page,
    ct1_task,
    error_body,
    ga_item,
    ga_page,
    of_one_task,
    page_outcome,
    reply,
    wire_entity,
)

GA = "2023-04-01"
CT1 = "v3.1-preview.ct.1"
CT1_DEPLOYMENT = work(PREVIEW)
CT1_MODEL = work(PREVIEW, LANGUAGE_PROJECT="", LANGUAGE_DEPLOYMENT="", LANGUAGE_MODEL_ID="0a1b_Extraction_latest")

# --- requests ---


def test_date_version_is_asked_at_its_paths() -> None:
    assert submit_path(GA) == "/language/analyze-text/jobs?api-version=2023-04-01"
    assert operation_path(GA, JOB) == f"/language/analyze-text/jobs/{JOB}?api-version=2023-04-01"
    assert cancel_path(GA, JOB) == f"/language/analyze-text/jobs/{JOB}:cancel?api-version=2023-04-01"


def test_preview_is_asked_at_its_paths() -> None:
    assert submit_path(CT1) == "/text/analytics/v3.1-preview.ct.1/analyze"
    assert operation_path(CT1, JOB) == f"/text/analytics/v3.1-preview.ct.1/analyze/jobs/{JOB}"
    assert cancel_path(CT1, JOB) is None


def test_submission_to_date_version() -> None:
    body = submission_body(work(STRING_INDEX_TYPE="Utf16CodeUnit", DOCUMENT_LANGUAGE="de"), "j1", ["Zoë 😀", "b"])
    assert json.loads(body) == {
        "displayName": "j1",
        "analysisInput": {
            "documents": [
                {"id": "0", "text": "Zoë 😀", "language": "de"},
                {"id": "1", "text": "b", "language": "de"},
            ]
        },
        "tasks": [
            {
                "kind": "CustomEntityRecognition",
                "taskName": "entities",
                "parameters": {
                    "projectName": "loans",
                    "deploymentName": "production",
                    "stringIndexType": "Utf16CodeUnit",
                    "loggingOptOut": True,
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("preview", "model"),
    [
        (CT1_DEPLOYMENT, {"project-name": "loans", "deployment-name": "production"}),
        (CT1_MODEL, {"modelId": "0a1b_Extraction_latest"}),
    ],
)
def test_submission_to_preview(preview: Any, model: dict[str, str]) -> None:
    assert json.loads(submission_body(preview, "j1", ["a"])) == {
        "displayName": "j1",
        "analysisInput": {"documents": [{"id": "0", "text": "a", "language": "en"}]},
        "tasks": {"customEntityRecognitionTasks": [{"parameters": {**model, "stringIndexType": "UnicodeCodePoint"}}]},
    }


# --- where the results will be ---

OWN_GA = f"{ENDPOINT}/language/analyze-text/jobs/{JOB}?api-version=2023-04-01"
OWN_CT1 = f"{ENDPOINT}/text/analytics/v3.1-preview.ct.1/analyze/jobs/{JOB}"


@pytest.mark.parametrize(
    "location",
    [
        OWN_GA,
        f"/language/analyze-text/jobs/{JOB}?api-version=2023-04-01",
        f"https://language.example.net/language/analyze-text/jobs/{JOB}?api-version=2022-05-01",
        f"http://evil.example/{JOB}/jobs/{JOB}/",
        f"//evil.example/jobs/{JOB}",
    ],
    ids=["own", "relative", "foreign", "foreign without tls", "without scheme"],
)
def test_operation_uses_configured_endpoint(location: str) -> None:
    assert submission_outcome(ENDPOINT, GA, reply(202, operation_location=location), NOW) == Accepted(OWN_GA)


def test_document_languages_override_setting() -> None:
    body = json.loads(submission_body(work(DOCUMENT_LANGUAGE="de"), "j1", ["a", "b"], [None, "fr"]))
    assert [document["language"] for document in body["analysisInput"]["documents"]] == ["de", "fr"]


def test_previews_operation_has_its_own_path() -> None:
    """Job ids of 2020 were a GUID and a number of ticks."""
    assert submission_outcome(ENDPOINT, CT1, reply(202, Operation_Location=OWN_CT1), NOW) == Accepted(OWN_CT1)
    assert operation_id_of(f"{OWN_CT1}_637500000000000000") == f"{JOB}_637500000000000000"


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        ENDPOINT,
        "/jobs/",
        "http://[::1/x",
        "https://[x]/jobs/1",
        f"/jobs/{'a' * 201}",
        "/jobs/..",
        "/jobs/a b",
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_unusable_location_leaves_acceptance_open(status: int, location: str | None) -> None:
    headers = {} if location is None else {"operation_location": location}
    outcome = submission_outcome(ENDPOINT, GA, reply(status, retry_after="7", **headers), NOW)
    assert isinstance(outcome, Unanswered)
    assert (outcome.problem.code, outcome.problem.fault) == ("NoOperationLocation", Fault.SERVICE)
    assert outcome.retry_after_s == 7
    assert "operation-location" in outcome.problem.help


@pytest.mark.parametrize("job_id", ["a/../b", "a%2Fb", "a b", "a:cancel", "", ".", "..", "-", "a" * 201])
def test_unsafe_id_is_refused(job_id: str) -> None:
    found = operation_id_of(f"{ENDPOINT}/language/analyze-text/jobs/{job_id}")
    assert found is None or "/" not in found


@pytest.mark.parametrize(
    ("url", "foreign"),
    [
        (OWN_GA, False),
        ("/language/analyze-text/jobs/x", False),
        ("https://language.example.net/jobs/x", True),
        (OWN_GA.replace("https", "http"), True),
        (OWN_GA.replace(".com", ".com.evil.example"), True),
        (OWN_GA.replace("https://", "https://key@"), True),
        ("http://[::1/x", True),
    ],
)
def test_foreign_address_is_recognised(url: str, foreign: bool) -> None:
    assert is_foreign(ENDPOINT, url) is foreign


# --- refusals of a submission: every row of docs/language-api.md 4 ---

QUOTA = (
    "Out of call volume quota for TextAnalytics F0 pricing tier. Please retry after 15 days. "
    "To increase your call volume switch to a paid tier."
)
RATE = (
    "Requests to the Submit analysis job Operation under Text Analytics API (v3.2-preview.2) have exceeded rate limit "
    "of your current TextAnalytics S pricing tier. Please retry after 2 seconds. Please contact Azure support service "
    "if you would like to further increase the default rate limit."
)
BAD_KEY = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
OTHER_KEY = (
    "The Submit analysis job Operation under Text Analytics API (v3.1) is not supported with the current subscription "
    "key and pricing tier OpenAI.S0."
)
BAD_DOCUMENTS = ("InvalidRequest", "Invalid Document in request.")
PARAMETER = "Job task parameter value 'bla' is not supported for model-version parameter."

REFUSED = {
    "26 documents": (
        400,
        error_body(
            *BAD_DOCUMENTS,
            "InvalidDocumentBatch",
            "Batch request contains too many records. Max 25 records are permitted.",
        ),
        "InvalidDocumentBatch",
        Fault.DOCUMENT,
    ),
    "all empty": (
        400,
        error_body(*BAD_DOCUMENTS, "InvalidDocumentBatch", "Document text is empty."),
        "InvalidDocumentBatch",
        Fault.DOCUMENT,
    ),
    "duplicate ids": (
        400,
        error_body(
            *BAD_DOCUMENTS,
            "InvalidDocument",
            "Request contains duplicated Ids. Make sure each document has a unique Id.",
        ),
        "InvalidDocument",
        Fault.DOCUMENT,
    ),
    "unsupported language": (
        400,
        error_body("InvalidArgument", "Invalid Language Code.", "UnsupportedLanguageCode", "Supported languages: …"),
        "UnsupportedLanguageCode",
        Fault.DOCUMENT,
    ),
    "duplicate ids, preview": (
        400,
        error_body("InvalidArgument", "Request contains duplicated Ids. Make sure each document has a unique Id."),
        "InvalidArgument",
        Fault.SERVICE,
    ),
    "unreadable body": (
        400,
        error_body("InvalidRequest", "Invalid Request.", "EmptyRequest", "Request body must be present."),
        "EmptyRequest",
        Fault.SERVICE,
    ),
    "too large": (400, error_body("InvalidRequest", "Request is too large."), "InvalidRequest", Fault.SERVICE),
    "too large, 413": (413, error_body("413", "Payload too large."), "413", Fault.SERVICE),
    "bad task parameter, v3.1-preview.5": (
        400,
        error_body("InvalidRequest", PARAMETER),
        "InvalidRequest",
        Fault.SERVICE,
    ),
    "words about a project": (
        400,
        error_body("InvalidRequest", "The project 'loans' was not found."),
        "InvalidRequest",
        Fault.SERVICE,
    ),
    "words about a document": (
        400,
        error_body("InvalidRequest", "x", "Unheard", "The document is invalid."),
        "Unheard",
        Fault.SERVICE,
    ),
    "an internal error inside": (
        400,
        error_body("InvalidDocument", "x", "InternalServerError", "y"),
        "InternalServerError",
        Fault.SERVICE,
    ),
    "an unknown code inside a known one": (
        400,
        error_body("InvalidDocument", "x", "Unheard", "y"),
        "InvalidDocument",
        Fault.DOCUMENT,
    ),
    "a code that is none": (400, error_body("Ungültig\r\nX: y", "No."), "Refused", Fault.SERVICE),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_names_fault_by_code(case: str) -> None:
    status, body, code, fault = REFUSED[case]
    outcome = submission_outcome(ENDPOINT, GA, reply(status, body), NOW)
    assert isinstance(outcome, Refused)
    assert (outcome.problem.code, outcome.problem.fault) == (code, fault)
    assert f"HTTP {status}" in outcome.problem.message
    assert outcome.problem.service == body["error"]
    assert ("Correct the document" in outcome.problem.help) is (fault is Fault.DOCUMENT)


DEFERRED = {
    "bad task parameter": (
        400,
        error_body("InvalidRequest", "Invalid parameter in request", "InvalidParameterValue", PARAMETER),
        {},
        DeferReason.MISCONFIGURED,
        None,
    ),
    "unknown project, 404": (
        404,
        error_body("NotFound", "x", "ProjectNotFound", "Unknown."),
        {},
        DeferReason.MISCONFIGURED,
        None,
    ),
    "unknown project, 400": (
        400,
        error_body("InvalidRequest", "x", "ProjectNotFound", "y"),
        {},
        DeferReason.MISCONFIGURED,
        None,
    ),
    "unknown deployment, 400": (
        400,
        error_body("NotFound", "The specified deployment cannot be found within the provided subscription."),
        {},
        DeferReason.MISCONFIGURED,
        None,
    ),
    "bad key": (401, error_body("401", BAD_KEY), {}, DeferReason.MISCONFIGURED, None),
    "key of another kind": (401, error_body("401", OTHER_KEY), {}, DeferReason.MISCONFIGURED, None),
    "token without role": (
        401,
        error_body("PermissionDenied", "The principal lacks the required data action."),
        {},
        DeferReason.MISCONFIGURED,
        None,
    ),
    "forbidden": (403, error_body("Forbidden", "Access denied."), {}, DeferReason.MISCONFIGURED, None),
    "firewall": (403, error_body("403", "Access denied due to rules."), {}, DeferReason.MISCONFIGURED, None),
    "quota by its code": (403, error_body("QuotaExceeded", "x"), {}, DeferReason.QUOTA, None),
    "free quota used up": (403, error_body("403", QUOTA), {"retry_after": "1296000"}, DeferReason.QUOTA, 1_296_000.0),
    "free quota, no header": (403, error_body("403", QUOTA), {}, DeferReason.MISCONFIGURED, None),
    "rate limit": (429, error_body("429", RATE), {"retry_after": "2"}, DeferReason.THROTTLED, 2.0),
    "rate limit, no header": (429, error_body("429", RATE), {}, DeferReason.THROTTLED, None),
    "unknown path": (404, error_body("404", "Resource not found"), {}, DeferReason.MISCONFIGURED, None),
    "redirect": (302, error_body("302", "x"), {"location": "/x"}, DeferReason.MISCONFIGURED, None),
    "request timeout": (408, error_body("408", "x"), {}, DeferReason.UNAVAILABLE, None),
    "conflict": (409, error_body("Conflict", "x"), {}, DeferReason.UNAVAILABLE, None),
    "server fault": (500, error_body("InternalServerError", "free text"), {}, DeferReason.UNAVAILABLE, None),
    "bad gateway": (502, error_body("502", "Bad Gateway"), {}, DeferReason.UNAVAILABLE, None),
    "unavailable": (503, error_body("503", "x"), {"retry_after": "30"}, DeferReason.UNAVAILABLE, 30.0),
    "gateway timeout": (504, error_body("504", "Gateway Timeout"), {}, DeferReason.UNAVAILABLE, None),
}


@pytest.mark.parametrize("case", DEFERRED)
def test_deferred_submission_outcome(case: str) -> None:
    status, body, headers, reason, wait = DEFERRED[case]
    outcome = submission_outcome(ENDPOINT, GA, reply(status, body, GATEWAY_JSON, **headers), NOW)
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.retry_after_s) == (reason, wait)
    assert f"HTTP {status}" in outcome.problem.message
    assert outcome.problem.help
    assert outcome.problem.service == body["error"]
    is_ours = reason in (DeferReason.MISCONFIGURED, DeferReason.QUOTA)
    assert outcome.problem.fault is (Fault.CONFIGURATION if is_ours else Fault.SERVICE)


@pytest.mark.parametrize("case", [case for case in DEFERRED if DEFERRED[case][0] not in (400, 404)])
def test_deferred_poll_outcome(case: str) -> None:
    status, body, headers, reason, wait = DEFERRED[case]
    page = page_outcome(reply(status, body, **headers), NOW)
    assert page.next_query is None
    assert isinstance(page.progress, Deferred)
    assert (page.progress.reason, page.progress.retry_after_s) == (reason, wait)


def test_message_names_setting() -> None:
    def advice(status: int) -> str:
        outcome = submission_outcome(ENDPOINT, GA, reply(status, error_body(str(status), "No.")), NOW)
        assert isinstance(outcome, Deferred) and outcome.problem.code == "Misconfigured"
        return outcome.problem.help

    assert "LANGUAGE_KEY or LANGUAGE_ENDPOINT" in advice(401)
    assert "Cognitive Services Language Reader" in advice(403)
    assert "LANGUAGE_PROJECT, LANGUAGE_DEPLOYMENT" in advice(404)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_own_404_of_poll_loses_job(status: int) -> None:
    page = page_outcome(reply(status, error_body("NotFound", "Job not found.")), NOW)
    assert isinstance(page.progress, JobLost)
    assert (page.progress.problem.code, page.progress.problem.fault) == ("JobVanished", Fault.SERVICE)
    assert "24 hours" in page.progress.problem.help


# --- Replies in another form than the service's own ---

FOREIGN_BODIES = {
    "a page": (b"<html>", HTML),
    "a page that claims to be JSON": (b"<html>", GATEWAY_JSON),
    "no body": (b"", None),
    "JSON by another name": (json.dumps(error_body("InvalidRequest", "x")).encode(), "text/json"),
    "JSON without a content type": (json.dumps(error_body("NotFound", "x")).encode(), None),
    "two content types": (json.dumps(error_body("NotFound", "x")).encode(), "application/json, text/html"),
    "no error object": (b'{"statusCode": 404, "message": "Resource not found"}', GATEWAY_JSON),
    "an error that is a text": (b'{"error": "invalid_token"}', GATEWAY_JSON),
    "an error without a code": (b'{"error": {"message": "x"}}', GATEWAY_JSON),
    "an error with a number for a code": (b'{"error": {"code": 404, "message": "x"}}', GATEWAY_JSON),
    "an error in a list": (b'[{"error": {"code": "404"}}]', GATEWAY_JSON),
    "broken JSON": (b'{"error": {"code": "404"', GATEWAY_JSON),
    "another encoding": ('{"error": {"code": "404"}}'.encode("utf-16"), "application/json; charset=utf-16"),
    "deep JSON": (b'{"error":{"code":"NotFound","innererror":' + b"[" * 90_000 + b"]" * 90_000 + b"}}", GATEWAY_JSON),
}
STATUSES = [300, 301, 302, 400, 401, 403, 404, 405, 407, 408, 410, 413, 429, 500, 502, 503, 504, 511, 999]


@pytest.mark.parametrize("status", [*STATUSES, 200, 202])
@pytest.mark.parametrize("body", FOREIGN_BODIES)
def test_foreign_post_reply_leaves_acceptance_open(status: int, body: str) -> None:
    content, kind = FOREIGN_BODIES[body]
    outcome = submission_outcome(ENDPOINT, GA, reply(status, content, kind, retry_after="30"), NOW)
    assert isinstance(outcome, Unanswered)
    assert outcome.retry_after_s == 30
    assert outcome.problem.fault is Fault.SERVICE
    assert f"HTTP {status}" in outcome.problem.message


@pytest.mark.parametrize("status", [*STATUSES, 200, 202])
@pytest.mark.parametrize("body", FOREIGN_BODIES)
def test_foreign_poll_reply_says_nothing(status: int, body: str) -> None:
    content, kind = FOREIGN_BODIES[body]
    page = page_outcome(reply(status, content, kind, retry_after="30"), NOW)
    assert page.next_query is None
    assert isinstance(page.progress, Deferred)
    assert (page.progress.reason, page.progress.retry_after_s) == (DeferReason.UNAVAILABLE, 30)
    assert (page.progress.problem.code, page.progress.problem.fault) == ("UnrecognizedReply", Fault.SERVICE)


def test_foreign_replies_blame_no_document() -> None:
    page = reply(403, b"<html>", 'text/html; charset="\xff\n"')
    outcomes = (submission_outcome(ENDPOINT, GA, page, NOW), page_outcome(page, NOW).progress)
    for outcome in outcomes:
        assert isinstance(outcome, Unanswered | Deferred)
        assert "ocument" not in outcome.problem.message + outcome.problem.help
        assert outcome.problem.message.isascii() and "\n" not in outcome.problem.message


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/json;odata=x"])
def test_json_is_known_by_its_content_type(kind: str) -> None:
    assert own_error(reply(500, error_body("InternalServerError", "x"), kind)) == {
        "code": "InternalServerError",
        "message": "x",
    }


@pytest.mark.parametrize("code", FAULTS)
def test_every_known_code_decides_alone(code: str) -> None:
    """The same whether it stands outside or inside, and whatever the words beside it say."""
    for body in (error_body(code, "the project is unknown"), error_body("InvalidRequest", "x", code, "bad document")):
        outcome = submission_outcome(ENDPOINT, GA, reply(400, body), NOW)
        problem = outcome.problem if isinstance(outcome, Refused | Deferred) else None
        assert problem is not None and problem.fault is FAULTS[code]
        assert isinstance(outcome, Deferred) is (FAULTS[code] is Fault.CONFIGURATION)


def test_recorded_errors_are_bounded() -> None:
    error: dict[str, Any] = {
        "code": "X",
        "message": "m" * 10_000,
        "big": 10**30,
        "details": [{"a": [[["deep"]]]}] * 1_000,
    }
    error["more"] = {str(number): "x" * 1_000 for number in range(1_000)}
    outcome = submission_outcome(ENDPOINT, GA, reply(400, {"error": error}), NOW)
    assert isinstance(outcome, Refused)
    assert len(json.dumps(outcome.problem.service)) <= MAX_RECORDED_BYTES
    assert outcome.problem.service is not None and outcome.problem.service["code"] == "X"
    assert len(outcome.problem.message) < 1_000


# --- Retry-After ---


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        (" 30 ", 30.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 09:59:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 +0200", 30.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("9" * 60, 31 * 86_400.0),
        ("9" * 400, None),
        ("Mon, 23 Nov 9999 10:00:30 GMT", 31 * 86_400.0),
        ("Mon, 23 Nov 99999999999999999999 10:00:30 GMT", None),
        ("Mon, 23 Nov 2026 10:00:30 +99999999999999", None),
        ("٣", None),
    ],
)
def test_both_retry_after_forms_are_read(value: str | None, seconds: float | None) -> None:
    headers = CaseInsensitiveDict({"Retry-After": value} if value is not None else {})
    assert retry_after(headers, NOW) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} [0-9]+ [0-9:]+ [A-Z+0-9-]+"))
def test_retry_after_never_raises(value: str) -> None:
    wait_s = retry_after({"retry-after": value}, NOW)
    assert wait_s is None or 0 <= wait_s <= 31 * 86_400


# --- a job's state, date versions (recorded 2022-07) ---


GATES = FoundEntities((FoundEntity("Bill Gates", "artist", 25, 10, 0.58),))
CREATED = datetime(2022, 7, 21, 23, 25, 55, tzinfo=UTC)


def of_entities(answer: Answer) -> Answers:
    """Return the answers of a job with one task."""
    return {"entities": answer}


def progress(body: Any) -> Any:
    """Return what a reply says of a job; of one that is done, the answers to its only task."""
    found = page_outcome(reply(200, body), NOW).progress
    return replace(found, chunks=of_one_task(found)) if isinstance(found, Finished) else found


def test_recorded_result_is_read() -> None:
    document = {"id": "0", "entities": [wire_entity()], "warnings": []}
    found = progress(ga_page(items=[ga_item([document], [{"id": "1", "error": EMPTY_ERROR}])]))
    assert isinstance(found, Finished)
    problem = found.chunks["1"]
    assert found == Finished(
        operation_id=JOB,
        status="succeeded",
        chunks={"0": GATES, "1": problem},
        created=CREATED,
        completed=datetime(2022, 7, 21, 23, 25, 56, 665_944, tzinfo=UTC),
    )
    # The creation is cut down to whole seconds; half a second is what that adds on average.
    assert found.duration_s == pytest.approx(1.665944 - 0.5)
    assert isinstance(problem, Problem)
    assert (problem.code, problem.fault) == ("InvalidDocument", Fault.DOCUMENT)
    assert problem.message == "The service can not process the document: Document text is empty."
    assert problem.service == EMPTY_ERROR


def test_unsupported_language_is_documents_problem() -> None:
    error = {
        "code": "InvalidArgument",
        "message": "Invalid Language Code.",
        "innererror": {"code": "UnsupportedLanguageCode", "message": "Invalid language code. Supported languages: en"},
    }
    problem = progress(ga_page(items=[ga_item([], [{"id": "0", "error": error}])])).chunks["0"]
    assert (problem.code, problem.fault) == ("UnsupportedLanguageCode", Fault.DOCUMENT)
    assert "DOCUMENT_LANGUAGE" in problem.help


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "InternalServerError", "message": "x"}, "InternalServerError"),
        ({"code": "InvalidArgument", "message": "x", "innererror": {"code": "ExtractionFailure"}}, "ExtractionFailure"),
        ({"code": "InvalidArgument", "message": "The document is invalid."}, "InvalidArgument"),
        ({"code": "Unheard"}, "Unheard"),
        ({"code": "NotFound", "message": "x"}, "NotFound"),
        ({"code": "InvalidArgument", "innererror": "a text"}, "InvalidArgument"),
        ({"code": ["a"], "message": "x"}, "UnreadableAnswer"),
        ({"code": 5}, "UnreadableAnswer"),
        ({}, "UnreadableAnswer"),
        ("a text", "UnreadableAnswer"),
        (None, "UnreadableAnswer"),
    ],
)
def test_other_document_errors_blame_service(error: Any, code: str) -> None:
    problem = progress(ga_page(items=[ga_item([], [{"id": "0", "error": error}])])).chunks["0"]
    assert (problem.code, problem.fault) == (code, Fault.SERVICE)
    assert "Correct the document" not in problem.help


def test_entities_keep_service_order() -> None:
    entities = [wire_entity("b", 9, subcategory="Sub"), wire_entity("a", 2, isNew=True)]
    warnings = [{"code": "LongWordsInDocument", "message": "A long word."}, "bare", {"code": "Only"}, 7]
    document = {"id": "0", "entities": entities, "warnings": warnings, "statistics": {"charactersCount": 9}}
    assert progress(ga_page(items=[ga_item([document])])).chunks == {
        "0": FoundEntities(
            (FoundEntity("b", "artist", 9, 1, 0.58, "Sub"), FoundEntity("a", "artist", 2, 1, 0.58)),
            warnings=tuple(
                Warning("ServiceWarning", said)
                for said in ("A long word.", "bare", "Only", "The service gave a warning that can not be read.")
            ),
        )
    }


EXPIRES = datetime(2022, 7, 22, 23, 25, 55, tzinfo=UTC)


@pytest.mark.parametrize("status", ["notStarted", "running", "cancelling", "Running", "inProgress", "NotStarted"])
def test_unfinished_job_is_running(status: str) -> None:
    has_started = status.lower() != "notstarted"
    found = progress(ga_page(status, tasks={"completed": 0, "inProgress": 1, "total": 1}))
    assert found == StillRunning(status, has_started=has_started, expires=EXPIRES)


@pytest.mark.parametrize("stamp", [None, "soon", 5, {"a": 1}])
def test_unreadable_expiry_is_none(stamp: Any) -> None:
    assert progress(ga_page("notStarted", expirationDateTime=stamp)) == StillRunning("notStarted", has_started=False)


@pytest.mark.parametrize("status", ["paused", "awaitingReview", ""])
def test_undocumented_status_means_running(status: str) -> None:
    """It is marked as undocumented."""
    assert progress(ga_page(status)) == StillRunning(status, is_known=False, expires=EXPIRES)


@pytest.mark.parametrize(
    "status",
    ["succeeded", "completed", "partiallyCompleted", "partiallySucceeded", "cancelled", "canceled", "Succeeded"],
)
def test_finished_job_gives_results(status: str) -> None:
    """A cancelled job keeps the results of what was finished before; chunks that it lacks are simply not there."""
    document = {"id": "0", "entities": [wire_entity()], "warnings": []}
    cancelled = ga_item([], status="cancelled", results={"documents": [], "errors": [], "modelVersion": "latest"})
    found = progress(ga_page(status, items=[ga_item([document]), cancelled]))
    assert (found.status, found.chunks) == (status, {"0": GATES})


def test_other_tasks_results_are_ignored() -> None:
    other = ga_item([{"id": "0", "entities": [wire_entity()]}], kind="EntityRecognitionLROResults")
    assert progress(ga_page(items=[other])).chunks == {}


@pytest.mark.parametrize("key", ["lastUpdatedDateTime", "lastUpdateDateTime"])
def test_both_last_change_spellings_are_read(key: str) -> None:
    body = ga_page(items=[ga_item([], lastUpdateDateTime=None)])
    del body["lastUpdatedDateTime"]
    body[key] = "2022-07-21T23:25:57Z"
    assert progress(body).completed == datetime(2022, 7, 21, 23, 25, 57, tzinfo=UTC)


@pytest.mark.parametrize("digits", range(8))
def test_seven_fractional_digits_are_read(digits: int) -> None:
    fraction = "." + "7714953"[:digits] if digits else ""
    body = ga_page(items=[ga_item([], lastUpdateDateTime=f"2022-07-21T23:25:56{fraction}Z")])
    microseconds = int("771495"[:digits].ljust(6, "0")) if digits else 0
    assert progress(body).completed == datetime(2022, 7, 21, 23, 25, 56, microseconds, tzinfo=UTC)


@pytest.mark.parametrize("stamp", [None, "", "yesterday", "2022-02-31T00:00:00Z", 5, "2022-07-21 23:25:56"])
def test_invalid_timestamp_costs_no_result(stamp: Any) -> None:
    document = {"id": "0", "entities": [wire_entity()], "warnings": []}
    found = progress(ga_page(items=[ga_item([document], lastUpdateDateTime=stamp)], createdDateTime=stamp))
    assert (found.chunks, found.created, found.duration_s) == ({"0": GATES}, None, None)


def test_duration_is_never_negative() -> None:
    found = progress(ga_page(items=[ga_item([], lastUpdateDateTime="2022-07-21T23:25:50Z")]))
    assert found.duration_s == 0


# --- failed jobs ---


def test_failed_job_has_reason() -> None:
    """Recorded: the item of a failed task has no results."""
    error = {"code": "InvalidRequest", "message": "It broke.", "target": "#/tasks/items/0"}
    failed = progress(ga_page("failed", items=[{"status": "failed", "kind": "x"}], errors=[error]))
    assert isinstance(failed, JobFailed)
    assert (failed.problem.code, failed.problem.fault) == ("JobFailed", Fault.SERVICE)
    assert failed.problem.service == error
    assert failed.problem.message == "The service ended the job as 'failed': It broke."


@pytest.mark.parametrize("errors", [[], None, ["nonsense"], 7, {"a": 1}, [{}], [None]])
@pytest.mark.parametrize("status", ["failed", "rejected"])
def test_job_may_fail_without_reason(status: str, errors: Any) -> None:
    failed = progress(ga_page(status, errors=errors))
    assert isinstance(failed, JobFailed) and failed.problem.fault is Fault.SERVICE
    assert "the service gave no reason" in failed.problem.message


@pytest.mark.parametrize(
    "error",
    [
        {"code": "ProjectNotFound", "message": "x"},
        {"code": "InvalidRequest", "message": "x", "innererror": {"code": "ModelVersionIncorrect", "message": "y"}},
        {"error": {"code": "InvalidRequest", "innererror": {"code": "InvalidParameterValue", "message": "y"}}},
    ],
)
@pytest.mark.parametrize("before", [[], [{"code": "InternalServerError", "message": "x"}], ["nonsense"]])
def test_job_may_fail_for_configuration(before: list[Any], error: dict[str, Any]) -> None:
    failed = progress(ga_page("failed", errors=[*before, error]))
    assert isinstance(failed, JobFailed)
    assert (failed.problem.code, failed.problem.fault) == ("Misconfigured", Fault.CONFIGURATION)


@pytest.mark.parametrize(
    "error",
    [
        {"code": "InvalidArgument", "message": "The deployment production does not exist."},
        # As recorded in v3.1-preview.4 for a bad task parameter.
        {"code": "InvalidRequest", "message": PARAMETER, "target": "#/tasks/customEntityRecognitionTasks/0"},
        {"code": "InvalidRequest", "message": "x", "innererror": {"code": "InvalidDocument", "message": "y"}},
    ],
)
def test_failed_job_accuses_no_document(error: dict[str, Any]) -> None:
    failed = progress(ga_page("failed", errors=[error]))
    assert isinstance(failed, JobFailed)
    assert (failed.problem.code, failed.problem.fault) == ("JobFailed", Fault.SERVICE)


# --- a job's state, preview: the three shapes it was seen in ---


@pytest.mark.parametrize(
    ("tasks", "status"),
    [
        ({"customEntityRecognitionTasks": [ct1_task("state", "succeeded")]}, "succeeded"),
        ({"tasks": {"customEntityRecognitionTasks": [ct1_task("status", "completed")]}}, "completed"),
        (
            {
                "details": {"name": "j1", "lastUpdateDateTime": "2021-10-23T00:43:57Z"},
                "customEntityRecognitionTasks": [ct1_task("state", "succeeded")],
            },
            "succeeded",
        ),
    ],
    ids=["recorded with its successor", "documents of 2021", "client of 2021"],
)
def test_preview_results_are_found(tasks: dict[str, Any], status: str) -> None:
    assert progress(ct1_page(tasks, status)) == Finished(
        operation_id=JOB,
        status=status,
        chunks={"0": GATES},
        created=datetime(2021, 10, 23, 0, 43, 56, tzinfo=UTC),
        completed=datetime(2021, 10, 23, 0, 43, 57, 771_495, tzinfo=UTC),
    )


def test_pending_preview_job_has_no_tasks() -> None:
    expires = datetime(2021, 10, 24, 0, 43, 56, tzinfo=UTC)
    assert progress(ct1_page({"completed": 0, "inProgress": 1}, "running")) == StillRunning("running", expires=expires)
    assert progress(ct1_page({"total": 0}, "notStarted")) == StillRunning(
        "notStarted", has_started=False, expires=expires
    )


# --- pages ---


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ({}, None),
        ({"nextLink": None}, None),
        (
            {"nextLink": f"{OWN_GA.split('?')[0]}?showStats=False&top=3&skip=20&api-version=2022-10-01-preview"},
            "showStats=False&top=3&skip=20&api-version=2022-10-01-preview",
        ),
        ({"@nextLink": f"{OWN_CT1}?$skip=20&$top=20"}, "$skip=20&$top=20"),
        ({"@nextLink": f"{OWN_CT1}?%24skip=20&%24top=20"}, "$skip=20&$top=20"),
        ({"nextLink": "/language/analyze-text/jobs/x?skip=20&empty="}, "skip=20&empty="),
        ({"nextLink": "https://evil.example/jobs/x?skip=20#fragment"}, "skip=20"),
        ({"nextLink": OWN_GA.split("?")[0]}, None),
        ({"nextLink": "http://[::1/x?skip=20"}, None),
        ({"nextLink": ["?skip=20"]}, None),
        ({"nextLink": "?skip=20&x=" + "y" * 2_000}, None),
    ],
)
def test_only_top_level_link_is_followed(fields: dict[str, Any], query: str | None) -> None:
    assert page_outcome(reply(200, ga_page(**fields)), NOW).next_query == query


def test_previews_inner_link_is_ignored() -> None:
    task = ct1_task("state", "succeeded")
    task["results"]["@nextLink"] = "http://svc--textanalyticsdispatcher.text-analytics.svc.cluster.local/x?$skip=20"
    page = page_outcome(reply(200, ct1_page({"customEntityRecognitionTasks": [task]})), NOW)
    assert page.next_query is None


def test_joined_pages_have_no_duplicates() -> None:
    one, two = of_entities(GATES), of_entities(FoundEntities(()))
    other = of_entities(FoundEntities((), warnings=(Warning("ServiceWarning", "w"),)))
    first = Finished(JOB, "succeeded", {"0": one, "1": two}, CREATED, NOW)
    joined = join_pages(first, [Finished(JOB, "succeeded", {"1": other, "2": other}), Finished("x", "y", {"3": one})])
    assert joined == Finished(JOB, "succeeded", {"0": one, "1": two, "2": other, "3": one}, CREATED, NOW)


def test_answer_given_twice_is_taken_once() -> None:
    documents = [{"id": "0", "entities": [wire_entity()]}] * 2
    assert progress(ga_page(items=[ga_item(documents, [{"id": "0", "error": EMPTY_ERROR}])])).chunks == {"0": GATES}


def test_conflicting_answers_are_none() -> None:
    """One of the two is another document's, and nobody can say which."""
    documents = [{"id": "0", "entities": [wire_entity()]}, {"id": "0", "entities": []}] * 2
    problem = progress(ga_page(items=[ga_item(documents)])).chunks["0"]
    assert (problem.code, problem.fault) == ("UnreadableAnswer", Fault.SERVICE)


# --- What can not be read ---


@pytest.mark.parametrize(
    "tasks",
    [None, "none", [], 7, {}, {"items": [7]}, {"items": {"a": 1}}, {"items": [{"kind": 7}]}, {"tasks": 7}],
)
def test_unreadable_tasks_leave_all_out(tasks: Any) -> None:
    found = progress(ga_page(tasks=tasks))
    assert isinstance(found, Finished)
    assert found.chunks == {}


@pytest.mark.parametrize(
    "results", [None, "none", [], {"documents": "none", "errors": 7}, {"documents": [7, None, []]}]
)
def test_unreadable_results_leave_all_out(results: Any) -> None:
    assert progress(ga_page(items=[ga_item([], results=results)])).chunks == {}


@pytest.mark.parametrize("chunk", [None, 0, 3, ["0"], {"0": 0}, "", True, 1.5, "x" * 65])
def test_entry_without_usable_id_is_ignored(chunk: Any) -> None:
    entry = {"id": chunk, "entities": [wire_entity("other", 0)], "error": EMPTY_ERROR}
    own = {"id": "0", "entities": [wire_entity()]}
    assert progress(ga_page(items=[ga_item([entry, own], [entry])])).chunks == {"0": GATES}


@pytest.mark.parametrize("entities", [None, "none", {}, 7])
def test_document_without_entities_is_unreadable(entities: Any) -> None:
    problem = progress(ga_page(items=[ga_item([{"id": "0", "entities": entities}])])).chunks["0"]
    assert (problem.code, problem.fault) == ("UnreadableAnswer", Fault.SERVICE)


BAD_ENTITIES = [
    ("text", None),
    ("text", 7),
    ("category", ["artist"]),
    ("offset", "25"),
    ("offset", 12.5),
    ("offset", True),
    ("offset", 2**60),
    ("length", None),
    ("length", -(2**60)),
    ("confidenceScore", "0.5"),
    ("confidenceScore", None),
    ("subcategory", {}),
]


@pytest.mark.parametrize(("field", "value"), BAD_ENTITIES)
def test_unreadable_field_drops_entity(field: str, value: Any) -> None:
    entities = [wire_entity(), wire_entity("secret", 3) | {field: value}]
    found = progress(ga_page(items=[ga_item([{"id": "0", "entities": entities}])])).chunks["0"]
    sentence = f"Entity 2 of 2 is left out: its field '{field}' can not be read."
    assert found == FoundEntities(GATES.entities, warnings=(Warning("EntityUnreadable", sentence),))


@pytest.mark.parametrize("field", ["text", "category", "offset", "length", "confidenceScore"])
def test_missing_field_drops_entity(field: str) -> None:
    entity = wire_entity("secret", 3)
    del entity[field]
    found = progress(ga_page(items=[ga_item([{"id": "0", "entities": [entity, wire_entity()]}])])).chunks["0"]
    assert found.entities == GATES.entities
    assert [warning.message for warning in found.warnings] == [
        f"Entity 1 of 2 is left out: its field '{field}' can not be read."
    ]


@pytest.mark.parametrize("entity", [None, 7, "text", [], [wire_entity()]])
def test_non_object_entity_is_dropped(entity: Any) -> None:
    found = progress(ga_page(items=[ga_item([{"id": "0", "entities": [wire_entity(), entity]}])])).chunks["0"]
    assert found.entities == GATES.entities
    assert len(found.warnings) == 1


@pytest.mark.parametrize(("asked", "obeyed"), [("30", 30), ("120", 120), ("121", 120), ("21600", 120)])
def test_a_proxy_holds_back_nothing_for_long(asked: str, obeyed: float) -> None:
    page = reply(503, HTML, "text/html", retry_after=asked)
    submission, progress = submission_outcome(ENDPOINT, GA, page, NOW), page_outcome(page, NOW).progress
    assert isinstance(submission, Unanswered) and submission.retry_after_s == obeyed
    assert isinstance(progress, Deferred) and progress.retry_after_s == obeyed


def test_many_unreadable_entities_are_counted() -> None:
    found = progress(ga_page(items=[ga_item([{"id": "0", "entities": [{}] * 1_000}])])).chunks["0"]
    assert len(found.warnings) == 101
    assert "900 more" in found.warnings[-1].message


# --- No state of a job ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"succeeded"',
        b'{"status": 7}',
        b'{"status": null}',
        b'{"status": NaN}',
        b'{"status": "\\ud800"}',
        b"{}",
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        json.dumps(ga_page(items=[ga_item([{"id": "0"}])])).encode()[:-40],
    ],
)
def test_body_without_status_says_nothing(body: bytes) -> None:
    page = page_outcome(reply(200, body), NOW)
    assert isinstance(page.progress, Deferred)
    assert (page.progress.reason, page.progress.problem.code) == (DeferReason.UNAVAILABLE, "UnrecognizedReply")


# --- No reply ---


def test_unreachable_service_names_error_type_only() -> None:
    error = ConnectionError("https://user:secret@host failed")
    deferred = LANGUAGE.unreachable(error)
    assert (deferred.reason, deferred.retry_after_s) == (DeferReason.UNAVAILABLE, None)
    assert deferred.problem.message == "The service could not be reached: ConnectionError."
    assert "secret" not in LANGUAGE.no_answer(error).message
    assert deferred.problem.fault is LANGUAGE.no_answer(error).fault is Fault.SERVICE


# --- Several tasks ---

TASKS = (
    CustomEntityRecognition(project="p", deployment="d"),
    CustomEntityRecognition(given_name="fees", project="fees", deployment="d"),
    KeyPhraseExtraction(),
)


def several(*items: dict[str, Any], **fields: Any) -> Finished:
    found = payloads.page_outcome(reply(200, ga_page(items=list(items), **fields)), NOW, TASKS).progress
    assert isinstance(found, Finished)
    return found


def phrases(*given: str, **fields: Any) -> dict[str, Any]:
    return ga_item(
        [{"id": "0", "keyPhrases": list(given)}], kind="KeyPhraseExtractionLROResults", taskName="x", **fields
    )


def named(name: str) -> dict[str, Any]:
    return ga_item([{"id": "0", "entities": [wire_entity()]}], taskName=name)


def test_several_tasks_share_submission() -> None:
    spec = msgspec.structs.replace(work(), tasks=TASKS)
    body = json.loads(submission_body(spec, "j", ["a"]))
    assert [(task["kind"], task["taskName"]) for task in body["tasks"]] == [
        ("CustomEntityRecognition", "entities"),
        ("CustomEntityRecognition", "fees"),
        ("KeyPhraseExtraction", "keyphrases"),
    ]


def test_results_of_one_kind_are_told_apart_by_name() -> None:
    found = several(named("fees"), phrases("a"))
    assert {name: type(one).__name__ for name, one in found.chunks["0"].items()} == {
        "fees": "FoundEntities",
        "keyphrases": "FoundPhrases",
    }


@pytest.mark.parametrize("item", [named("other"), ga_item([{"id": "0", "entities": []}], taskName=None)])
def test_result_that_could_be_of_two_tasks_is_ignored(item: dict[str, Any]) -> None:
    assert several(item).chunks == {}


def test_failed_task_keeps_its_own_error() -> None:
    failed = {**named("entities"), "status": "failed"}
    del failed["results"]
    errors = [{"code": "InternalServerError", "message": "It broke.", "target": "#/tasks/items/1"}]
    found = several(named("fees"), failed, phrases("a"), errors=errors)
    assert set(found.chunks["0"]) == {"fees", "keyphrases"}
    problem = found.failed_tasks["entities"]
    assert (problem.code, problem.fault) == ("TaskFailed", Fault.SERVICE)
    assert "It broke." in problem.message


def test_failed_task_can_be_configurations_fault() -> None:
    failed = {**named("entities"), "status": "failed"}
    del failed["results"]
    errors = [{"code": "ProjectNotFound", "message": "No such project.", "target": "#/tasks/items/0"}]
    problem = several(failed, errors=errors).failed_tasks["entities"]
    assert (problem.code, problem.fault) == ("Misconfigured", Fault.CONFIGURATION)


@pytest.mark.parametrize(
    ("detected", "language"),
    [({"name": "German", "iso6391Name": "de", "confidenceScore": 1.0}, "de"), ("de", "de"), (7, None), ({}, None)],
)
def test_detected_language_is_read_in_both_forms(detected: Any, language: str | None) -> None:
    item = ga_item([{"id": "0", "keyPhrases": [], "detectedLanguage": detected}], kind="KeyPhraseExtractionLROResults")
    answer = several(item).chunks["0"]["keyphrases"]
    assert isinstance(answer, FoundPhrases)
    assert answer.detected_language == language


def without_results(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "results"} | {"status": "failed"}


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reordered"])
def test_repeated_task_is_answered_once(order: int) -> None:
    """An item without results takes nothing from one that has some."""
    items = [phrases("a"), named("fees"), without_results(named("fees")), named("entities"), phrases("a")]
    found = several(*items[::order])
    assert set(found.chunks["0"]) == {"entities", "fees", "keyphrases"}
    assert found.chunks["0"]["keyphrases"] == FoundPhrases(("a",))


def test_task_answered_twice_differently_is_unreadable() -> None:
    answer = several(phrases("a"), phrases("b"), named("fees")).chunks["0"]
    assert isinstance(answer["keyphrases"], Problem)
    assert isinstance(answer["fees"], FoundEntities)


def test_answer_of_wrong_kind_is_missing() -> None:
    """Whatever it calls itself, nothing of it is read as another kind."""
    wrong = ga_item([{"id": "0", "keyPhrases": ["a"]}], kind="HealthcareLROResults", taskName="keyphrases")
    assert set(several(named("fees"), wrong).chunks["0"]) == {"fees"}
