"""Replies as recorded in the official SDKs' tests, or as documented where no recording is known."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from functions.errors import Fault, Problem
from functions.pipeline.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    FoundEntities,
    FoundEntity,
    JobFailed,
    JobLost,
    Refused,
    StillRunning,
    Unanswered,
)
from functions.services.language_errors import FAULTS, MAX_RECORDED_BYTES
from functions.services.language_wire import (
    cancel_path,
    is_foreign,
    job_id_of,
    join_pages,
    no_answer,
    operation_path,
    own_error,
    page_outcome,
    retry_after,
    submission_body,
    submission_outcome,
    submit_path,
    unreachable,
)
from tests.unit.material import ENDPOINT, NOW, PREVIEW, settings
from tests.unit.replies import (
    EMPTY_ERROR,
    GATEWAY_JSON,
    HTML,
    JOB,
    ct1_page,
    ct1_task,
    error_body,
    ga_item,
    ga_page,
    reply,
    wire_entity,
)

GA = settings()
CT1 = settings(PREVIEW)
CT1_MODEL = settings(PREVIEW, LANGUAGE_PROJECT="", LANGUAGE_DEPLOYMENT="", LANGUAGE_MODEL_ID="0a1b_Extraction_latest")

# --- requests ---


def test_a_date_version_is_asked_at_its_paths() -> None:
    assert submit_path(GA) == "/language/analyze-text/jobs?api-version=2023-04-01"
    assert operation_path(GA, JOB) == f"/language/analyze-text/jobs/{JOB}?api-version=2023-04-01"
    assert cancel_path(GA, JOB) == f"/language/analyze-text/jobs/{JOB}:cancel?api-version=2023-04-01"


def test_the_preview_is_asked_at_its_paths_and_can_not_cancel() -> None:
    assert submit_path(CT1) == "/text/analytics/v3.1-preview.ct.1/analyze"
    assert operation_path(CT1, JOB) == f"/text/analytics/v3.1-preview.ct.1/analyze/jobs/{JOB}"
    assert cancel_path(CT1, JOB) is None


def test_a_submission_to_a_date_version() -> None:
    body = submission_body(settings(STRING_INDEX_TYPE="Utf16CodeUnit", DOCUMENT_LANGUAGE="de"), "j1", ["Zoë 😀", "b"])
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
        (CT1, {"project-name": "loans", "deployment-name": "production"}),
        (CT1_MODEL, {"modelId": "0a1b_Extraction_latest"}),
    ],
)
def test_a_submission_to_the_preview(preview: Any, model: dict[str, str]) -> None:
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
def test_the_operation_is_asked_for_at_the_configured_endpoint_whatever_the_header_names(location: str) -> None:
    assert submission_outcome(GA, reply(202, operation_location=location), NOW) == Accepted(OWN_GA)


def test_the_previews_operation_has_its_own_path() -> None:
    """Job ids of 2020 were a GUID and a number of ticks."""
    assert submission_outcome(CT1, reply(202, Operation_Location=OWN_CT1), NOW) == Accepted(OWN_CT1)
    assert job_id_of(f"{OWN_CT1}_637500000000000000") == f"{JOB}_637500000000000000"


@pytest.mark.parametrize(
    "headers", [{}, {"operation_location": ""}, {"operation_location": ENDPOINT}, {"operation_location": "/jobs/"}]
)
def test_a_submission_without_a_usable_operation_comes_to_nothing(headers: dict[str, str]) -> None:
    outcome = submission_outcome(GA, reply(202, **headers), NOW)
    assert isinstance(outcome, ComeToNothing)
    assert (outcome.problem.code, outcome.hold) == ("NoOperationLocation", None)
    assert "operation-location" in outcome.problem.help


@pytest.mark.parametrize("job_id", ["a/../b", "a%2Fb", "a b", "a:cancel", ""])
def test_an_id_that_could_lead_elsewhere_is_no_id(job_id: str) -> None:
    found = job_id_of(f"{ENDPOINT}/language/analyze-text/jobs/{job_id}")
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
    ],
)
def test_a_foreign_address_is_known_by_scheme_and_host(url: str, foreign: bool) -> None:
    assert is_foreign(GA, url) is foreign


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
    ),
    "all empty": (
        400,
        error_body(*BAD_DOCUMENTS, "InvalidDocumentBatch", "Document text is empty."),
        "InvalidDocumentBatch",
    ),
    "duplicate ids": (
        400,
        error_body(
            *BAD_DOCUMENTS,
            "InvalidDocument",
            "Request contains duplicated Ids. Make sure each document has a unique Id.",
        ),
        "InvalidDocument",
    ),
    "duplicate ids, preview": (
        400,
        error_body("InvalidArgument", "Request contains duplicated Ids. Make sure each document has a unique Id."),
        "InvalidArgument",
    ),
    "unreadable body": (
        400,
        error_body("InvalidRequest", "Invalid Request.", "EmptyRequest", "Request body must be present."),
        "EmptyRequest",
    ),
    "too large": (400, error_body("InvalidRequest", "Request Payload sent is too large."), "InvalidRequest"),
    "too large, 413": (413, b"", "Refused"),
    "without a body": (400, b"", "Refused"),
    "a code that is none": (400, error_body("Ungültig\r\nX: y", "No."), "Refused"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_is_refused_for_what_is_in_it(case: str) -> None:
    status, body, code = REFUSED[case]
    outcome = submission_outcome(GA, reply(status, body), NOW)
    assert isinstance(outcome, Refused)
    assert outcome.problem.code == code
    assert f"HTTP {status}" in outcome.problem.message
    assert outcome.problem.service == (body["error"] if isinstance(body, dict) else None)


HELD = {
    "bad task parameter": (
        400,
        error_body("InvalidRequest", "Invalid parameter in request", "InvalidParameterValue", PARAMETER),
        {},
        DeferReason.MISCONFIGURED,
        None,
    ),
    "bad task parameter, v3.1-preview.5": (
        400,
        error_body("InvalidRequest", PARAMETER),
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
        error_body("InvalidRequest", "The project 'loans' was not found."),
        {},
        DeferReason.MISCONFIGURED,
        None,
    ),
    "unknown deployment, 400": (
        400,
        error_body("InvalidArgument", "Deployment name production does not exist in the project."),
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
    "firewall": (403, b"<html>", {}, DeferReason.MISCONFIGURED, None),
    "free quota used up": (403, error_body("403", QUOTA), {"retry_after": "1296000"}, DeferReason.QUOTA, 1_296_000.0),
    "free quota, no header": (403, error_body("403", QUOTA), {}, DeferReason.QUOTA, None),
    "rate limit": (429, error_body("429", RATE), {"retry_after": "2"}, DeferReason.THROTTLED, 2.0),
    "rate limit, no header": (429, error_body("429", RATE), {}, DeferReason.THROTTLED, None),
    "unknown path": (404, error_body("404", "Resource not found"), {}, DeferReason.MISCONFIGURED, None),
    "redirect": (302, b"", {"location": "https://evil.example"}, DeferReason.MISCONFIGURED, None),
    "request timeout": (408, b"", {}, DeferReason.UNAVAILABLE, None),
    "server fault": (500, error_body("InternalServerError", "free text"), {}, DeferReason.UNAVAILABLE, None),
    "bad gateway": (502, b"<html>", {}, DeferReason.UNAVAILABLE, None),
    "unavailable": (503, b"", {"retry_after": "30"}, DeferReason.UNAVAILABLE, 30.0),
    "gateway timeout": (504, b"\xff\xfe", {}, DeferReason.UNAVAILABLE, None),
}


@pytest.mark.parametrize("case", HELD)
def test_a_submission_that_has_to_wait(case: str) -> None:
    status, body, headers, reason, wait = HELD[case]
    outcome = submission_outcome(GA, reply(status, body, **headers), NOW)
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.retry_after_s) == (reason, wait)
    assert f"HTTP {status}" in outcome.problem.message
    assert outcome.problem.help
    assert outcome.problem.service == (body["error"] if isinstance(body, dict) else None)


@pytest.mark.parametrize("case", [case for case in HELD if HELD[case][0] not in (400, 404)])
def test_a_poll_that_has_to_wait_is_the_same(case: str) -> None:
    status, body, headers, reason, wait = HELD[case]
    page = page_outcome(reply(status, body, **headers), NOW)
    assert page.next_query is None
    assert isinstance(page.progress, Deferred)
    assert (page.progress.reason, page.progress.retry_after_s) == (reason, wait)


def test_the_message_says_what_somebody_has_to_mend() -> None:
    def advice(status: int) -> str:
        outcome = submission_outcome(GA, reply(status, error_body(str(status), "No.")), NOW)
        assert isinstance(outcome, Deferred) and outcome.problem.code == "Misconfigured"
        return outcome.problem.help

    assert "LANGUAGE_KEY or LANGUAGE_ENDPOINT" in advice(401)
    assert "Cognitive Services Language Reader" in advice(403)
    assert "LANGUAGE_PROJECT, LANGUAGE_DEPLOYMENT" in advice(404)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_job_that_the_service_does_not_know_any_more_comes_to_nothing(status: int) -> None:
    page = page_outcome(reply(status, error_body("NotFound", "Job not found.")), NOW)
    assert isinstance(page.progress, ComeToNothing)
    assert (page.progress.problem.code, page.progress.hold) == ("JobVanished", None)
    assert "24 hours" in page.progress.problem.help


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
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    headers = CaseInsensitiveDict({"Retry-After": value} if value is not None else {})
    assert retry_after(headers, NOW) == seconds


# --- a job's state, date versions (recorded 2022-07) ---


GATES = FoundEntities((FoundEntity("Bill Gates", "artist", 25, 10, 0.58),))
CREATED = datetime(2022, 7, 21, 23, 25, 55, tzinfo=UTC)


def progress(body: Any) -> Any:
    return page_outcome(reply(200, body), NOW).progress


def test_a_recorded_result_with_an_entity_and_an_empty_document() -> None:
    document = {"id": "0", "entities": [wire_entity()], "warnings": []}
    found = progress(ga_page(items=[ga_item([document], [{"id": "1", "error": EMPTY_ERROR}])]))
    assert isinstance(found, Finished)
    problem = found.pieces["1"]
    assert found == Finished(
        job_id=JOB,
        status="succeeded",
        pieces={"0": GATES, "1": problem},
        created=CREATED,
        completed=datetime(2022, 7, 21, 23, 25, 56, 665_944, tzinfo=UTC),
    )
    # The creation is cut down to whole seconds; half a second is what that adds on average.
    assert found.duration_s == pytest.approx(1.665944 - 0.5)
    assert not isinstance(problem, FoundEntities)
    assert problem.code == "InvalidDocument"
    assert problem.message == "The service could not read the document: Document text is empty."
    assert problem.service == EMPTY_ERROR


def test_an_unsupported_language_is_a_documents_own_problem() -> None:
    error = {
        "code": "InvalidArgument",
        "message": "Invalid Language Code.",
        "innererror": {"code": "UnsupportedLanguageCode", "message": "Invalid language code. Supported languages: en"},
    }
    problem = progress(ga_page(items=[ga_item([], [{"id": "0", "error": error}])])).pieces["0"]
    assert problem.code == "UnsupportedLanguageCode"
    assert "DOCUMENT_LANGUAGE" in problem.help


def test_entities_stay_in_the_services_order_with_their_subcategories_and_warnings() -> None:
    entities = [wire_entity("b", 9, subcategory="Sub"), wire_entity("a", 2, isNew=True)]
    warnings = [{"code": "LongWordsInDocument", "message": "A long word."}, "bare", {"code": "Only"}]
    document = {"id": "0", "entities": entities, "warnings": warnings, "statistics": {"charactersCount": 9}}
    assert progress(ga_page(items=[ga_item([document])])).pieces == {
        "0": FoundEntities(
            (FoundEntity("b", "artist", 9, 1, 0.58, "Sub"), FoundEntity("a", "artist", 2, 1, 0.58)),
            ("A long word.", "bare", "{'code': 'Only'}"),
        )
    }


@pytest.mark.parametrize("status", ["notStarted", "running", "cancelling", "Running", "inProgress"])
def test_a_job_that_is_not_done(status: str) -> None:
    assert progress(ga_page(status, tasks={"completed": 0, "inProgress": 1, "total": 1})) == StillRunning(status)


@pytest.mark.parametrize("status", ["paused", "awaitingReview", ""])
def test_a_status_that_nobody_documented_is_taken_for_running_and_marked(status: str) -> None:
    assert progress(ga_page(status)) == StillRunning(status, is_known=False)


@pytest.mark.parametrize(
    "status",
    ["succeeded", "completed", "partiallyCompleted", "partiallySucceeded", "cancelled", "canceled", "Succeeded"],
)
def test_a_job_that_is_done_gives_what_it_has(status: str) -> None:
    """A cancelled job keeps the results of what was finished before; pieces that it lacks are simply not there."""
    document = {"id": "0", "entities": [wire_entity()], "warnings": []}
    cancelled = ga_item([], status="cancelled", results={"documents": [], "errors": [], "modelVersion": "latest"})
    found = progress(ga_page(status, items=[ga_item([document]), cancelled]))
    assert (found.status, found.pieces) == (status, {"0": GATES})


def test_results_of_other_tasks_are_not_taken_for_ours() -> None:
    other = ga_item([{"id": "0", "entities": [wire_entity()]}], kind="EntityRecognitionLROResults")
    assert progress(ga_page(items=[other])).pieces == {}


@pytest.mark.parametrize("key", ["lastUpdatedDateTime", "lastUpdateDateTime"])
def test_either_spelling_of_the_last_change_is_read_where_no_task_has_one(key: str) -> None:
    body = ga_page(items=[ga_item([], lastUpdateDateTime=None)])
    del body["lastUpdatedDateTime"]
    body[key] = "2022-07-21T23:25:57Z"
    assert progress(body).completed == datetime(2022, 7, 21, 23, 25, 57, tzinfo=UTC)


@pytest.mark.parametrize("digits", range(8))
def test_timestamps_have_up_to_seven_fractional_digits(digits: int) -> None:
    fraction = "." + "7714953"[:digits] if digits else ""
    body = ga_page(items=[ga_item([], lastUpdateDateTime=f"2022-07-21T23:25:56{fraction}Z")])
    microseconds = int("771495"[:digits].ljust(6, "0")) if digits else 0
    assert progress(body).completed == datetime(2022, 7, 21, 23, 25, 56, microseconds, tzinfo=UTC)


@pytest.mark.parametrize("stamp", [None, "", "yesterday", "2022-02-31T00:00:00Z", 5, "2022-07-21 23:25:56"])
def test_a_timestamp_that_is_none_costs_no_result(stamp: Any) -> None:
    document = {"id": "0", "entities": [wire_entity()], "warnings": []}
    found = progress(ga_page(items=[ga_item([document], lastUpdateDateTime=stamp)], createdDateTime=stamp))
    assert (found.pieces, found.created, found.duration_s) == ({"0": GATES}, None, None)


def test_a_clock_that_runs_backwards_at_the_service_is_no_negative_duration() -> None:
    found = progress(ga_page(items=[ga_item([], lastUpdateDateTime="2022-07-21T23:25:50Z")]))
    assert found.duration_s == 0


# --- failed jobs ---


def test_a_failed_job_carries_the_services_reason() -> None:
    """Recorded: the item of a failed task has no results."""
    error = {"code": "InvalidRequest", "message": "It broke.", "target": "#/tasks/items/0"}
    failed = progress(ga_page("failed", items=[{"status": "failed", "kind": "x"}], errors=[error]))
    assert isinstance(failed, ComeToNothing)
    assert (failed.problem.code, failed.hold, failed.problem.service) == ("JobFailed", None, error)
    assert failed.problem.message == "The service ended the job as 'failed': It broke."


@pytest.mark.parametrize("errors", [[], None, ["nonsense"]])
@pytest.mark.parametrize("status", ["failed", "rejected"])
def test_a_job_that_failed_without_a_reason_comes_to_nothing_too(status: str, errors: Any) -> None:
    failed = progress(ga_page(status, errors=errors))
    assert isinstance(failed, ComeToNothing)
    assert "the service gave no reason" in failed.problem.message


@pytest.mark.parametrize(
    "error",
    [
        {"code": "ProjectNotFound", "message": "x"},
        {"code": "InvalidArgument", "message": "The deployment production does not exist."},
        {"code": "InvalidRequest", "message": PARAMETER, "target": "#/tasks/customEntityRecognitionTasks/0"},
        {"code": "InvalidRequest", "message": "x", "innererror": {"code": "ModelVersionIncorrect", "message": "y"}},
    ],
)
def test_a_job_that_failed_for_our_configuration_waits_for_somebody_to_mend_it(error: dict[str, Any]) -> None:
    failed = progress(ga_page("failed", errors=[error]))
    assert isinstance(failed, ComeToNothing)
    assert (failed.problem.code, failed.hold) == ("Misconfigured", DeferReason.MISCONFIGURED)


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
def test_the_previews_results_are_found_wherever_they_stand(tasks: dict[str, Any], status: str) -> None:
    assert progress(ct1_page(tasks, status)) == Finished(
        job_id=JOB,
        status=status,
        pieces={"0": GATES},
        created=datetime(2021, 10, 23, 0, 43, 56, tzinfo=UTC),
        completed=datetime(2021, 10, 23, 0, 43, 57, 771_495, tzinfo=UTC),
    )


def test_a_pending_preview_job_has_no_tasks_at_all() -> None:
    assert progress(ct1_page({"completed": 0, "inProgress": 1}, "running")) == StillRunning("running")
    assert progress(ct1_page({"total": 0}, "notStarted")) == StillRunning("notStarted")


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
    ],
)
def test_only_the_query_of_the_top_level_link_is_followed(fields: dict[str, Any], query: str | None) -> None:
    assert page_outcome(reply(200, ga_page(**fields)), NOW).next_query == query


def test_the_previews_inner_link_to_a_host_inside_the_service_is_not_followed() -> None:
    task = ct1_task("state", "succeeded")
    task["results"]["@nextLink"] = "http://svc--textanalyticsdispatcher.text-analytics.svc.cluster.local/x?$skip=20"
    page = page_outcome(reply(200, ct1_page({"customEntityRecognitionTasks": [task]})), NOW)
    assert page.next_query is None


def test_pages_are_joined_and_what_stands_twice_is_taken_once() -> None:
    one, two, other = GATES, FoundEntities(()), FoundEntities((), ("w",))
    first = Finished(JOB, "succeeded", {"0": one, "1": two}, CREATED, NOW)
    joined = join_pages(first, [Finished(JOB, "succeeded", {"1": other, "2": other}), Finished("x", "y", {"3": one})])
    assert joined == Finished(JOB, "succeeded", {"0": one, "1": two, "2": other, "3": one}, CREATED, NOW)


def test_a_document_that_stands_twice_on_one_page_is_taken_once() -> None:
    documents = [{"id": "0", "entities": [wire_entity()]}, {"id": "0", "entities": []}]
    assert progress(ga_page(items=[ga_item(documents, [{"id": "0", "error": EMPTY_ERROR}])])).pieces == {"0": GATES}


# --- nonsense ---


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
        b"{}",
        b'{"status": "succeeded", "tasks": "none"}',
        b'{"status": "succeeded", "tasks": {"items": [7]}}',
        b'{"status": "succeeded", "tasks": {"items": {"a": 1}}}',
        b'{"status": "failed", "errors": 7}',
        json.dumps(ga_page(items=[ga_item([{"entities": []}])])).encode(),
        json.dumps(ga_page(items=[ga_item([], [{"error": {}}])])).encode(),
        json.dumps(ga_page(items=[ga_item([{"id": "0", "entities": [{"text": "x"}]}])])).encode(),
        json.dumps(ga_page(items=[ga_item([{"id": "0", "entities": [wire_entity(offset="25")]}])])).encode(),
        json.dumps(ga_page(items=[ga_item([{"id": "0", "entities": "none"}])])).encode(),
        json.dumps(ga_page(items=[ga_item([{"id": "0"}])])).encode()[:-40],
    ],
)
def test_a_body_that_makes_no_sense_is_asked_for_again(body: bytes) -> None:
    page = page_outcome(reply(200, body), NOW)
    assert isinstance(page, Page) and isinstance(page.progress, Deferred)
    assert (page.progress.reason, page.progress.problem.code) == (DeferReason.UNAVAILABLE, "BadAnswer")
    assert f"{len(body):,} bytes" in page.progress.problem.message


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[]", b'{"error": "text"}', b'{"error": null}', b"{}"])
def test_an_error_reply_without_an_error_object_has_an_empty_one(body: bytes) -> None:
    assert error_of(reply(500, body)) == {}
    assert isinstance(submission_outcome(GA, reply(500, body), NOW), Deferred)


def test_an_unreachable_service_is_named_by_the_kind_of_error_only() -> None:
    hold = unreachable(ConnectionError("https://user:secret@host failed"))
    assert (hold.reason, hold.retry_after_s) == (DeferReason.UNAVAILABLE, None)
    assert hold.problem.message == "The service could not be reached: ConnectionError."
