"""The date-versioned API: submission, polls, results and their spelling (docs/language-api.md 2 and 6)."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.language_service.projects import LearntProject
from local.stand_in.in_process import MovableClock
from local.stand_in.text_units import offsets_in
from tests.local.language_service.material import ENDPOINT, GA, NEW_LETTER, Caller, class_task, documents, entity_task

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
JOB_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TASK_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z")


def result_of(body: dict[str, Any], task: int = 0) -> Any:
    return body["tasks"]["items"][task]["results"]


def test_submission_reply_is_as_recorded(caller: Caller) -> None:
    reply = caller.submit(NEW_LETTER)
    assert (reply.status_code, reply.content) == (202, b"")
    location = urlsplit(reply.headers["operation-location"])
    assert f"{location.scheme}://{location.netloc}" == ENDPOINT
    prefix, _, job_id = location.path.rpartition("/")
    assert prefix == "/language/analyze-text/jobs"
    assert GUID.fullmatch(job_id)
    assert location.query == f"api-version={GA}"
    assert reply.headers["Content-Length"] == "0"
    assert GUID.fullmatch(reply.headers["apim-request-id"])
    assert reply.headers["Date"] == "Wed, 15 Jan 2025 12:00:00 GMT"
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert int(reply.headers["x-envoy-upstream-service-time"]) >= 0
    assert reply.headers["x-ms-region"]
    assert "Retry-After" not in reply.headers
    assert "Content-Type" not in reply.headers


def test_newer_versions_have_region_header(caller: Caller) -> None:
    assert "x-ms-region" not in caller.submit(NEW_LETTER, version="2022-05-01").headers
    assert "x-ms-region" in caller.submit(NEW_LETTER, version="2022-10-01-preview").headers


def test_finished_job_looks_as_recorded(caller: Caller, loans: LearntProject) -> None:
    body = caller.finished(caller.submit(NEW_LETTER, displayName="batch-7"))
    assert list(body) == [
        "jobId", "lastUpdatedDateTime", "createdDateTime", "expirationDateTime", "status", "errors", "displayName",
        "tasks",
    ]  # fmt: skip
    assert GUID.fullmatch(body["jobId"])
    assert body["createdDateTime"] == "2025-01-15T12:00:00Z"
    assert body["expirationDateTime"] == "2025-01-16T12:00:00Z"
    assert JOB_TIME.fullmatch(body["lastUpdatedDateTime"])
    assert (body["status"], body["errors"], body["displayName"]) == ("succeeded", [], "batch-7")
    tasks = body["tasks"]
    assert {key: tasks[key] for key in tasks if key != "items"} == {
        "completed": 1, "failed": 0, "inProgress": 0, "total": 1,
    }  # fmt: skip
    (item,) = tasks["items"]
    assert list(item) == ["kind", "taskName", "lastUpdateDateTime", "status", "results"]
    assert (item["kind"], item["taskName"], item["status"]) == ("CustomEntityRecognitionLROResults", "0", "succeeded")
    assert TASK_TIME.fullmatch(item["lastUpdateDateTime"])
    assert item["results"] == {
        "documents": [
            {
                "id": "0",
                "entities": [
                    {
                        "text": one.text,
                        "category": one.category,
                        "offset": one.offset,
                        "length": one.length,
                        "confidenceScore": one.confidence,
                    }
                    for one in loans.entities(NEW_LETTER)
                ],
                "warnings": [],
            }
        ],
        "errors": [],
        "projectName": "loans",
        "deploymentName": "production",
    }
    assert result_of(body)["documents"][0]["entities"]


def test_poll_headers_are_as_recorded(caller: Caller) -> None:
    submitted = caller.submit(NEW_LETTER)
    for seconds in (0, 10):
        reply = caller.follow(submitted, seconds=seconds)
        assert reply.status_code == 200
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
        assert "Retry-After" not in reply.headers


def test_unsent_names_are_left_out(caller: Caller) -> None:
    body = caller.finished(caller.submit(NEW_LETTER, tasks=[entity_task(name=None)]))
    assert "displayName" not in body
    assert "taskName" not in body["tasks"]["items"][0]


def test_statuses_come_in_recorded_order(make_caller: Callable[..., Caller], clock: MovableClock) -> None:
    caller = make_caller(job_seconds=(1.0, 9.0))
    submitted = caller.submit(NEW_LETTER, tasks=[entity_task("0"), class_task("CustomSingleLabelClassification", "1")])
    seen = []
    for _ in range(100):
        body = caller.follow(submitted, seconds=0.1).json()
        tasks = body["tasks"]
        seen.append((body["status"], tasks["completed"], tasks["inProgress"], tasks["total"], len(tasks["items"])))
    assert list(dict.fromkeys(seen)) == [
        ("notStarted", 0, 2, 2, 0),
        ("running", 0, 2, 2, 0),
        ("running", 1, 1, 2, 1),
        ("succeeded", 2, 0, 2, 2),
    ]


def test_job_takes_time_in_given_range(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(job_seconds=(2.0, 4.0))
    for n in range(5):
        submitted = caller.submit(f"Letter {n}. {NEW_LETTER}")
        assert caller.follow(submitted, seconds=1.99).json()["status"] != "succeeded"
        assert caller.follow(submitted, seconds=2.02).json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("version", "key"),
    [
        ("2022-05-01", "lastUpdatedDateTime"),
        ("2022-04-01-preview", "lastUpdateDateTime"),
        ("2022-10-01-preview", "lastUpdateDateTime"),
        ("2023-04-01", "lastUpdatedDateTime"),
        ("2024-11-01", "lastUpdatedDateTime"),
    ],
)
def test_last_change_follows_version_spelling(caller: Caller, version: str, key: str) -> None:
    body = caller.finished(caller.submit(NEW_LETTER, version=version))
    assert [name for name in body if name.startswith("lastUpdate")] == [key]


def test_unrecorded_spelling_is_switch(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(updated_key="lastUpdateDateTime")
    assert "lastUpdateDateTime" in caller.finished(caller.submit(NEW_LETTER, version="2023-04-01"))
    assert "lastUpdatedDateTime" in caller.finished(caller.submit(NEW_LETTER, version="2022-05-01"))


@pytest.mark.parametrize("unit", ["TextElements_v8", "UnicodeCodePoint", "Utf16CodeUnit", None])
def test_offsets_are_in_requested_unit(caller: Caller, loans: LearntProject, unit: str | None) -> None:
    text = "👩🏽‍👧 e\u0301t\u0301: " + NEW_LETTER
    (document,) = result_of(caller.finished(caller.submit(text, tasks=[entity_task(unit=unit)])))["documents"]
    to_unit = offsets_in(text, unit or "TextElements_v8")
    found = loans.entities(text)
    assert [(one["offset"], one["length"]) for one in document["entities"]] == [
        (to_unit(one.offset), to_unit(one.offset + one.length) - to_unit(one.offset)) for one in found
    ]
    shift = {"UnicodeCodePoint": 0, "Utf16CodeUnit": 3}.get(str(unit), -2)
    assert document["entities"][0]["offset"] == found[0].offset + shift


def test_entities_can_be_grouped_by_category(make_caller: Callable[..., Caller]) -> None:
    def order(caller: Caller) -> list[dict[str, Any]]:
        return result_of(caller.finished(caller.submit(NEW_LETTER)))["documents"][0]["entities"]  # type: ignore[no-any-return]

    by_offset, by_category = order(make_caller()), order(make_caller(entity_order="category"))
    assert by_offset == sorted(by_offset, key=lambda one: one["offset"])
    assert by_category == sorted(by_offset, key=lambda one: (one["category"], one["offset"]))
    assert by_category != by_offset


def test_statistics_come_on_request(caller: Caller) -> None:
    text = "x" * 2100 + " e\u0301"
    submitted = caller.submit(NEW_LETTER, text, "")
    plain = result_of(caller.finished(submitted))
    assert "statistics" not in plain
    assert "statistics" not in plain["documents"][0]
    for value in ("True", "true"):
        counted = result_of(caller.finished(submitted, f"&showStats={value}"))
        assert counted["statistics"] == {
            "documentsCount": 3,
            "validDocumentsCount": 2,
            "erroneousDocumentsCount": 1,
            "transactionsCount": 1 + 3,
        }
        assert [one["statistics"] for one in counted["documents"]] == [
            {"charactersCount": len(NEW_LETTER), "transactionsCount": 1},
            {"charactersCount": 2102, "transactionsCount": 3},
        ]


def test_classification_gives_class_arrays(caller: Caller) -> None:
    text = "We repay the loan with interest. Roses, apple trees and a hedge in the garden."
    single, multi = "CustomSingleLabelClassification", "CustomMultiLabelClassification"
    body = caller.finished(caller.submit(text, "Quokka.", tasks=[class_task(single, "s"), class_task(multi, "m")]))
    items = body["tasks"]["items"]
    assert [(one["kind"], one["taskName"]) for one in items] == [
        (f"{single}LROResults", "s"),
        (f"{multi}LROResults", "m"),
    ]
    assert items[0]["results"]["projectName"] == "notes"
    (of_one, of_other), (several, none) = (one["results"]["documents"] for one in items)
    assert len(of_one["class"]) == len(of_other["class"]) == 1
    assert {found["category"] for found in several["class"]} <= {"loan", "garden"}
    assert none["class"] == []
    assert set(of_one["class"][0]) == {"category", "confidenceScore"}


def test_documents_keep_request_order(caller: Caller) -> None:
    docs = [
        {"id": "z", "text": NEW_LETTER, "language": "en"},
        {"id": "empty", "text": ""},
        {"id": "a", "text": NEW_LETTER, "language": "pt-BR"},
        {"id": "odd", "text": NEW_LETTER, "language": "tlh"},
    ]
    results = result_of(caller.finished(caller.submit(docs=docs)))
    assert [one["id"] for one in results["documents"]] == ["z", "a"]
    empty, odd = results["errors"]
    assert empty == {
        "id": "empty",
        "error": {
            "code": "InvalidArgument",
            "message": "Invalid Document in request.",
            "innererror": {"code": "InvalidDocument", "message": "Document text is empty."},
        },
    }
    assert odd["id"] == "odd"
    assert (odd["error"]["code"], odd["error"]["message"]) == ("InvalidArgument", "Invalid Language Code.")
    assert odd["error"]["innererror"]["code"] == "UnsupportedLanguageCode"
    assert odd["error"]["innererror"]["message"].startswith("Invalid language code. Supported languages: ")


def test_partly_failed_documents_are_success(caller: Caller) -> None:
    body = caller.finished(caller.submit(NEW_LETTER, ""))
    assert (body["status"], body["errors"], body["tasks"]["failed"]) == ("succeeded", [], 0)


def test_language_and_blank_checks_are_switches(make_caller: Callable[..., Caller]) -> None:
    """Languages need not be checked, and blank texts need not be empty."""
    strict, lenient = make_caller(), make_caller(check_language=False, blank_is_empty=False)
    docs = [*documents(NEW_LETTER), {"id": "blank", "text": " \n"}, {"id": "odd", "text": "Hm.", "language": "tlh"}]
    assert [one["id"] for one in result_of(strict.finished(strict.submit(docs=docs)))["errors"]] == ["blank", "odd"]
    assert result_of(lenient.finished(lenient.submit(docs=docs)))["errors"] == []


def test_lone_surrogate_round_trips(caller: Caller) -> None:
    raw = (
        b'{"analysisInput":{"documents":[{"id":"1","text":"\\ud83d Amount: $12,000.00"}]},"tasks":[{"kind":'
        b'"CustomEntityRecognition","parameters":{"projectName":"loans","deploymentName":"d"}}]}'
    )
    reply = caller.post(f"/language/analyze-text/jobs?api-version={GA}", raw)
    (document,) = result_of(caller.finished(reply))["documents"]
    assert "$12,000.00" in [one["text"] for one in document["entities"]]


def test_job_is_kept_for_24_hours(caller: Caller) -> None:
    submitted = caller.submit(NEW_LETTER)
    assert caller.follow(submitted, seconds=24 * 3600 - 1).status_code == 200
    gone = caller.follow(submitted, seconds=1)
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "NotFound"
    # It is forgotten for good once somebody submits again.
    caller.submit(NEW_LETTER)
    assert len(caller.service._jobs) == 1


def test_each_poll_repeats_same_job(caller: Caller) -> None:
    submitted = caller.submit(NEW_LETTER)
    assert caller.finished(submitted) == caller.finished(submitted)


def test_task_times_have_six_digits() -> None:
    from local.language_service.jobs import Dialect
    from local.language_service.wire import task_time

    moments = ["2022-07-21T23:25:56.665944", "2022-07-21T23:25:56.500000", "2022-07-21T23:25:56"]
    assert [task_time(datetime.fromisoformat(one), Dialect.GA) for one in moments] == [
        "2022-07-21T23:25:56.665944Z", "2022-07-21T23:25:56.5Z", "2022-07-21T23:25:56Z",
    ]  # fmt: skip
    assert re.fullmatch(r".*:56\.665944\dZ", task_time(datetime.fromisoformat(moments[0]), Dialect.V32))


def test_prebuilt_results_name_model_version(caller: Caller) -> None:
    tasks = [
        {"kind": "KeyPhraseExtraction", "parameters": {}},
        {"kind": "EntityRecognition", "parameters": {"modelVersion": "2021-06-01"}},
    ]
    items = caller.finished(caller.submit("The interest rate.", tasks=tasks))["tasks"]["items"]
    assert [list(item["results"]) for item in items] == [["documents", "errors", "modelVersion"]] * 2
    assert [item["results"]["modelVersion"] for item in items] == ["2023-09-01", "2021-06-01"]


def test_language_is_detected_on_request(caller: Caller) -> None:
    docs = [
        {"id": "a", "text": "Der Hund ist mit der Katze im Haus.", "language": "auto"},
        {"id": "b", "text": "The dog.", "language": "en"},
    ]
    first, second = caller.finished(caller.submit(docs=docs))["tasks"]["items"][0]["results"]["documents"]
    assert first["detectedLanguage"] == {"name": "German", "iso6391Name": "de", "confidenceScore": 1.0}
    assert "detectedLanguage" not in second


def test_older_versions_know_no_auto(caller: Caller) -> None:
    docs = [{"id": "a", "text": "The dog.", "language": "auto"}]
    body = caller.finished(caller.submit(docs=docs, version="2022-05-01"))
    (error,) = body["tasks"]["items"][0]["results"]["errors"]
    assert error["error"]["innererror"]["code"] == "UnsupportedLanguageCode"
