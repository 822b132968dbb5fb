"""From values to requests, and from replies of any kind to outcomes."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from functions.core.outcomes import Accepted, Deferred, JobFailed, JobLost, Refused, StillRunning, Unanswered
from functions.errors import Fault, Problem
from functions.language.error_codes import MAX_RECORDED_BYTES, Reply
from functions.reading.pages import PagesRead
from functions.reading.read_api import pages_parameter, progress_outcome, result_id_of, submission_outcome, submit_path
from functions.text.read_pages import PageText
from tests.support.examples import examples
from tests.support.material import NOW

ENDPOINT = "https://scans.cognitiveservices.azure.com"
ID = "225e200c-baae-4a6c-a723-88bd665aba73"
JSON = {"Content-Type": "application/json; charset=utf-8"}

RECORDED = {
    "status": "succeeded",
    "createdDateTime": "2024-12-14T01:39:21Z",
    "lastUpdatedDateTime": "2024-12-14T01:39:23Z",
    "analyzeResult": {
        "apiVersion": "2024-11-30",
        "modelId": "prebuilt-read",
        "stringIndexType": "textElements",
        "content": "This is title\n1. Text",
        "pages": [
            {
                "pageNumber": 1,
                "angle": 0,
                "width": 8.5,
                "height": 11,
                "unit": "inch",
                "words": [
                    {
                        "content": "This",
                        "polygon": [0.98, 0.52, 1.28, 0.52, 1.27, 0.69, 0.98, 0.69],
                        "confidence": 0.992,
                        "span": {"offset": 0, "length": 4},
                    },
                    {"content": "is", "confidence": 1, "span": {"offset": 5, "length": 2}},
                ],
                "lines": [
                    {"content": "This is title", "spans": [{"offset": 0, "length": 13}]},
                    {"content": "1. Text", "spans": [{"offset": 14, "length": 7}]},
                ],
                "spans": [{"offset": 0, "length": 21}],
            }
        ],
        "styles": [],
        "contentFormat": "text",
    },
}
"""The form of a recorded result, shortened."""


def reply(status: int, body: Any, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, CaseInsensitiveDict(JSON if headers is None else headers), json.dumps(body).encode())


def result(*pages: dict[str, Any]) -> dict[str, Any]:
    return {"status": "succeeded", "analyzeResult": {"pages": list(pages)}}


# --- requests ---


@pytest.mark.parametrize(
    ("pages", "parameter"),
    [
        ([1], "1"),
        ([1, 2, 3], "1-3"),
        ([5, 1, 3, 2], "1-3,5"),
        ([2, 2, 4, 6, 7], "2,4,6-7"),
    ],
)
def test_pages_are_given_as_ranges(pages: list[int], parameter: str) -> None:
    assert pages_parameter(pages) == parameter


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=200))
def test_ranges_name_exactly_the_pages(pages: list[int]) -> None:
    named: list[int] = []
    for part in pages_parameter(pages).split(","):
        first, _, last = part.partition("-")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(set(pages))


def test_all_pages_need_no_parameter() -> None:
    path = "/documentintelligence/documentModels/prebuilt-read:analyze?api-version=2024-11-30"
    assert submit_path(None) == path
    assert submit_path([1, 2]) == f"{path}&pages=1-2"


# --- replies to a submission ---


@pytest.mark.parametrize(
    ("url", "result_id"),
    [
        (
            f"{ENDPOINT}/documentintelligence/documentModels/prebuilt-read/analyzeResults/{ID}?api-version=2024-11-30",
            ID,
        ),
        (f"/x/analyzeResults/{ID}/", ID),
        ("https://x/analyzeResults/../secrets", None),
        ("https://x/analyzeResults/", None),
        ("http://[::1/x", None),
        ("", None),
    ],
)
def test_id_is_all_that_is_taken_from_location(url: str, result_id: str | None) -> None:
    assert result_id_of(url) == result_id


def test_job_is_asked_for_at_own_endpoint() -> None:
    headers = {"Operation-Location": f"https://elsewhere.example.net/analyzeResults/{ID}"}
    own = f"{ENDPOINT}/documentintelligence/documentModels/prebuilt-read/analyzeResults/{ID}?api-version=2024-11-30"
    assert submission_outcome(ENDPOINT, reply(202, "", headers), NOW) == Accepted(own)


def test_recorded_refusal_names_inner_reason() -> None:
    inner = {"code": "InvalidContent", "message": "The file is corrupted or format is unsupported."}
    error = {"code": "InvalidRequest", "message": "Invalid request.", "innererror": inner}
    outcome = submission_outcome(ENDPOINT, reply(400, {"error": error}), NOW)
    assert isinstance(outcome, Refused)
    assert outcome.problem == Problem(
        "InvalidContent",
        "Document Intelligence can not read the file: The file is corrupted or format is unsupported.",
        outcome.problem.help,
        error,
        Fault.DOCUMENT,
    )


def test_unsupported_version_is_configuration() -> None:
    error = {"code": "InvalidRequest", "message": "x", "innererror": {"code": "NotSupportedApiVersion", "message": "y"}}
    outcome = submission_outcome(ENDPOINT, reply(400, {"error": error}), NOW)
    assert isinstance(outcome, Deferred) and outcome.problem.fault is Fault.CONFIGURATION


# --- replies to the question for a result ---


def test_recorded_result_is_read() -> None:
    page = PageText(1, "This is title\n1. Text", pytest.approx(0.996))
    assert progress_outcome(reply(200, RECORDED), NOW) == PagesRead((page,))


def test_pages_come_in_order_of_their_numbers() -> None:
    pages = [{"pageNumber": 3, "lines": [{"content": "c"}]}, {"pageNumber": 1}, {"pageNumber": 3, "lines": []}]
    assert progress_outcome(reply(200, result(*pages)), NOW) == PagesRead(
        (PageText(1, "", None), PageText(3, "c", None))
    )


def test_page_without_lines_has_its_words() -> None:
    words = [{"content": "a", "confidence": 0.5}, {"content": "b", "confidence": 7}, {"content": "c"}]
    assert progress_outcome(reply(200, result({"pageNumber": 1, "words": words})), NOW) == PagesRead(
        (PageText(1, "a b c", 0.5),)
    )


def test_unreadable_result_is_not_polled_again() -> None:
    body = json.dumps(RECORDED).replace('"This is title"', '"\\ud800"').encode()
    outcome = progress_outcome(Reply(200, CaseInsensitiveDict(JSON), body), NOW)
    assert isinstance(outcome, JobFailed) and outcome.problem.code == "UnreadableAnswer"


def test_cut_off_state_says_nothing() -> None:
    body = json.dumps(RECORDED).encode()[:-40]
    assert isinstance(progress_outcome(Reply(200, CaseInsensitiveDict(JSON), body), NOW), Deferred)


def test_unknown_path_is_configuration() -> None:
    """The gateway's 404 says nothing about a result: an address or a region is wrong."""
    outcome = progress_outcome(reply(404, {"error": {"code": "404", "message": "Resource not found"}}), NOW)
    assert isinstance(outcome, Deferred) and outcome.problem.fault is Fault.CONFIGURATION


# --- replies of any kind ---

NAMES = st.sampled_from(["status", "error", "code", "innererror", "message", "details", "analyzeResult", "pages"])
INNER_NAMES = st.sampled_from(["pageNumber", "lines", "words", "content", "confidence", "spans", "target"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | INNER_NAMES, inner, max_size=5),
    max_leaves=20,
)
WORDS = st.sampled_from(["succeeded", "failed", "running", "notStarted", "canceled", "skipped", "x" * 1_000, "\ud83d"])


def with_part(place: int, part: Any) -> dict[str, Any]:
    """Return the recorded result with one part of it replaced."""
    changed: Any = json.loads(json.dumps(RECORDED))
    page = changed["analyzeResult"]["pages"][0]
    holders = [
        (changed, "analyzeResult"),
        (changed["analyzeResult"], "pages"),
        (changed["analyzeResult"]["pages"], 0),
        *((page, name) for name in page),
        (page["lines"], 0),
        (page["words"], 0),
        (page["lines"][0], "content"),
        (page["words"][0], "confidence"),
    ]
    holder, key = holders[place % len(holders)]
    holder[key] = part
    return changed


BODIES = (
    st.binary(max_size=200)
    | ANY_JSON.map(lambda body: json.dumps(body).encode())
    | st.builds(lambda word, body: json.dumps({"status": word, "error": body}).encode(), WORDS, ANY_JSON)
    | st.builds(lambda place, part: json.dumps(with_part(place, part)).encode(), st.integers(0, 50), ANY_JSON)
    | st.integers(0, 900).map(lambda end: json.dumps(RECORDED).encode()[:end])
)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Retry-After", "operation-location", "Location"]),
    st.sampled_from(["application/json", "text/html", "9" * 50, "http://[::1/x", f"/analyzeResults/{ID}"])
    | st.text(st.characters(max_codepoint=255), max_size=60),
)
STATUSES = st.integers(100, 999) | st.sampled_from([200, 202, 302, 400, 401, 403, 404, 410, 413, 429, 500, 503])


@settings(max_examples=examples(500), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STATUSES, HEADERS, BODIES)
@example(200, {"Content-Type": "application/json"}, b"[" * 1_000_000)
@example(404, {"Content-Type": "application/json"}, b'{"code":"NotFound","message":"\\ud83d"}')
def test_any_reply_is_outcome(status: int, headers: dict[str, str], body: bytes) -> None:
    any_reply = Reply(status, CaseInsensitiveDict(headers), body)
    submission = submission_outcome(ENDPOINT, any_reply, NOW)
    assert isinstance(submission, Accepted | Refused | Deferred | Unanswered)
    progress = progress_outcome(any_reply, NOW)
    assert isinstance(progress, StillRunning | PagesRead | JobFailed | JobLost | Deferred)
    for outcome in (submission, progress):
        if isinstance(outcome, Refused | Deferred | Unanswered | JobFailed | JobLost):
            problem = outcome.problem
            assert problem.code.isascii() and 0 < len(problem.code) <= 64
            json.dumps([problem.message, problem.service], ensure_ascii=False).encode()
            assert len(problem.message) < 1_200
            assert len(json.dumps(problem.service)) <= 2 * MAX_RECORDED_BYTES
    if isinstance(progress, PagesRead):
        for page in progress.pages:
            page.text.encode()
            assert page.number >= 1
            assert page.confidence is None or 0 <= page.confidence <= 1
