"""The client before the Language stand-in: in this process with a clock that the tests move, and over HTTP."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from functions.core.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    Finished,
    JobFailed,
    JobLost,
    Refused,
    StillRunning,
    Submission,
    Unanswered,
)
from functions.core.time_limits import READ_TIMEOUT_S
from functions.errors import Fault, Problem
from functions.language.auth import KeyAuth, TokenAuth
from functions.language.client import MAX_PAGES, LanguageClient, default_session
from functions.tasks.entities import FoundEntities, FoundEntity
from functions.text.offsets import Ruler
from local.language_service.faults import FaultPlan
from local.stack import SAMPLES
from local.stand_in.messages import StandIn
from local.stand_in.web import in_background
from tests.support.language import ENDPOINT, JOB_S, KEY, Stage, WorkClient, auth_of, loans
from tests.support.replies import of_one_task

TEXT = "😀 " + (SAMPLES / "labelled" / "01-offer-wilkins.txt").read_text("utf-8")
CT1 = {"LANGUAGE_API_VERSION": "v3.1-preview.ct.1"}
CT1_MODEL = {**CT1, "LANGUAGE_PROJECT": "", "LANGUAGE_DEPLOYMENT": "", "LANGUAGE_MODEL_ID": "0a1b_Extraction_latest"}


@pytest.fixture(params=["in process", "over http"])
def reach(
    request: pytest.FixtureRequest, over_http: Callable[[StandIn], str]
) -> Iterator[Callable[[Stage], WorkClient]]:
    """Gives the client of a stage, through one of the two transports."""
    with ExitStack() as opened:

        def client_of(stage: Stage) -> WorkClient:
            opened.callback(stage.session.close)
            if request.param == "in process":
                return stage.client
            # Whatever proxy the environment names is not for this machine.
            stage.session.trust_env = False
            return stage.client_at(over_http(stage.service))

        yield client_of


def found_in(text: str, unit: str = "UnicodeCodePoint") -> FoundEntities:
    ruler = Ruler(text, unit)
    places = [
        (one, ruler.to_unit(one.offset), ruler.to_unit(one.offset + one.length)) for one in loans().entities(text)
    ]
    return FoundEntities(tuple(FoundEntity(one.text, one.category, a, b - a, one.confidence) for one, a, b in places))


def accepted(client: WorkClient, *texts: str) -> str:
    outcome = client.submit("name", texts or (TEXT,))
    assert isinstance(outcome, Accepted), outcome
    return outcome.operation_url


def finished(stage: Stage, client: WorkClient, *texts: str) -> Finished:
    url = accepted(client, *texts)
    stage.clock.advance(JOB_S)
    outcome = client.progress(url)
    assert isinstance(outcome, Finished), outcome
    return outcome


# --- the way that goes well ---


@pytest.mark.parametrize(
    ("environ", "behaviour"),
    [
        ({"LANGUAGE_API_VERSION": "2022-05-01"}, {}),
        ({"LANGUAGE_API_VERSION": "2023-04-01"}, {"entity_order": "category"}),
        ({"LANGUAGE_API_VERSION": "2024-11-01"}, {"updated_key": "lastUpdateDateTime"}),
        (CT1, {"preview_shape": "docs"}),
        (CT1, {"preview_shape": "client"}),
        (CT1_MODEL, {"preview_poll_status": 202}),
    ],
    ids=["2022-05-01", "2023-04-01", "2024-11-01", "ct.1 documents", "ct.1 client", "ct.1 model id"],
)
def test_every_generation_finishes_job(
    reach: Callable[[Stage], WorkClient], environ: dict[str, str], behaviour: dict[str, Any]
) -> None:
    stage = Stage(environ, **behaviour)
    client = reach(stage)
    url = accepted(client)
    first = client.progress(url)
    assert isinstance(first, StillRunning) and first.is_known and first.status.lower() in ("notstarted", "running")
    stage.clock.advance(JOB_S)
    done = client.progress(url)
    assert isinstance(done, Finished)
    (answer,) = of_one_task(done).values()
    assert isinstance(answer, FoundEntities)
    assert len(answer.entities) >= 4
    assert sorted(answer.entities, key=lambda one: one.offset) == list(found_in(TEXT).entities)
    assert done.operation_id and done.operation_id in url
    assert done.duration_s == pytest.approx(JOB_S, abs=1.01)
    assert stage.requests == {"submit": 1, "status": 2}


@pytest.mark.parametrize("unit", ["UnicodeCodePoint", "Utf16CodeUnit", "TextElements_v8"])
def test_offsets_are_in_requested_unit(unit: str) -> None:
    stage = Stage({"STRING_INDEX_TYPE": unit})
    assert of_one_task(finished(stage, stage.client)) == {"0": found_in(TEXT, unit)}


@pytest.mark.parametrize("environ", [{}, CT1], ids=["2023-04-01", "ct.1"])
@pytest.mark.parametrize(("most", "pages"), [(None, 1), (20, 2), (10, 3)])
def test_full_job_needs_few_pages(
    reach: Callable[[Stage], WorkClient], environ: dict[str, str], most: int | None, pages: int
) -> None:
    """A page with all 25 is asked for; a service that gives fewer is asked for the rest."""
    stage = Stage(environ, most_on_a_page=most)
    client = reach(stage)
    texts = [f"Loan {number}: $1,{number:03}.00 to Grace Lee." for number in range(25)]
    done = finished(stage, client, *texts)
    assert of_one_task(done) == {str(number): found_in(text) for number, text in enumerate(texts)}
    assert stage.requests["status"] == pages


def test_empty_document_has_own_error(reach: Callable[[Stage], WorkClient]) -> None:
    stage = Stage()
    chunks = of_one_task(finished(stage, reach(stage), TEXT, "", TEXT))
    assert (chunks["0"], chunks["2"]) == (found_in(TEXT), found_in(TEXT))
    assert isinstance(chunks["1"], Problem)
    assert chunks["1"].code == "InvalidDocument"


def test_document_errors_may_stand_on_every_page() -> None:
    stage = Stage(errors_page="every")
    chunks = of_one_task(finished(stage, stage.client, *[TEXT] * 24, ""))
    assert len(chunks) == 25
    assert isinstance(chunks["24"], Problem)


def test_one_session_serves_all_threads_of_worker(reach: Callable[[Stage], WorkClient]) -> None:
    stage = Stage()
    client = reach(stage)
    with ThreadPoolExecutor(8) as threads:
        urls = list(threads.map(lambda number: accepted(client, f"Loan {number}"), range(40)))
    assert len(set(urls)) == 40
    assert stage.requests == {"submit": 40}


# --- what the service does to a single request ---

REQUEST_FAULTS = {
    "error-500": DeferReason.UNAVAILABLE,
    "error-502": DeferReason.UNAVAILABLE,
    "error-503": DeferReason.UNAVAILABLE,
    "error-504": DeferReason.UNAVAILABLE,
    "throttle-429": DeferReason.THROTTLED,
    "throttle-429-bare": DeferReason.THROTTLED,
    "quota-403": DeferReason.QUOTA,
    "wrong-key-401": DeferReason.MISCONFIGURED,
    "other-key-401": DeferReason.MISCONFIGURED,
    "missing-role-401": DeferReason.MISCONFIGURED,
    "missing-role-403": DeferReason.MISCONFIGURED,
}
CUTS = ("cut-before", "cut-after")


@pytest.mark.parametrize("fault", [*REQUEST_FAULTS, "unknown-project"])
def test_refused_submission_is_deferred(fault: str, reach: Callable[[Stage], WorkClient]) -> None:
    stage = Stage()
    client = reach(stage)
    stage.script(fault)
    outcome = client.submit("name", [TEXT])
    assert isinstance(outcome, Deferred)
    assert outcome.reason is REQUEST_FAULTS.get(fault, DeferReason.MISCONFIGURED)
    assert sum(stage.requests.values()) == 1


@pytest.mark.parametrize("fault", [*CUTS, "truncated"])
def test_unanswered_submission_may_be_accepted(fault: str, reach: Callable[[Stage], WorkClient]) -> None:
    stage = Stage()
    client = reach(stage)
    stage.script(fault)
    outcome = client.submit("name", [TEXT])
    assert isinstance(outcome, Unanswered)
    assert (outcome.problem.code, outcome.problem.fault) == ("NoAnswer", Fault.SERVICE)
    assert sum(stage.requests.values()) == 1


@pytest.mark.parametrize("fault", [*REQUEST_FAULTS, *CUTS, "truncated", "garbage"])
def test_unanswered_poll_keeps_job(fault: str, reach: Callable[[Stage], WorkClient]) -> None:
    stage = Stage()
    client = reach(stage)
    url = accepted(client)
    stage.clock.advance(JOB_S)
    stage.script(fault)
    outcome = client.progress(url)
    assert isinstance(outcome, Deferred)
    assert outcome.reason is REQUEST_FAULTS.get(fault, DeferReason.UNAVAILABLE)
    stage.clock.advance(60)
    assert isinstance(client.progress(url), Finished)


@pytest.mark.parametrize("fault", ["truncated", "garbage", *CUTS, *REQUEST_FAULTS])
def test_half_result_is_no_result(fault: str) -> None:
    """The second of two pages fails: nothing is returned until both can be read."""
    stage = Stage(most_on_a_page=20)
    url = accepted(stage.client, *[TEXT] * 25)
    stage.clock.advance(JOB_S)
    stage.script(fault, method="GET", skip=1)
    assert isinstance(stage.client.progress(url), Deferred)
    stage.clock.advance(60)
    done = stage.client.progress(url)
    assert isinstance(done, Finished) and len(done.chunks) == 25


def test_late_reply_is_none() -> None:
    stage = Stage(faults=FaultPlan(latency_seconds=(READ_TIMEOUT_S + 1, READ_TIMEOUT_S + 1)))
    stage.script("latency")
    outcome = stage.client.submit("name", [TEXT])
    assert isinstance(outcome, Unanswered)
    assert outcome.problem.code == "NoAnswer"
    assert "ReadTimeout" in outcome.problem.message


def test_absent_service_is_unreachable() -> None:
    stage = Stage(session=default_session())
    stage.session.trust_env = False
    with in_background(stage.service) as url:
        gone = url
    outcome = stage.client_at(gone).submit("name", [TEXT])
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.problem.code) == (DeferReason.UNAVAILABLE, "Unreachable")
    assert "ConnectionRefusedError" in outcome.problem.message


def test_retry_after_is_passed_on() -> None:
    stage = Stage(faults=FaultPlan(retry_after_seconds=7))
    stage.script("throttle-429")
    throttled = stage.client.submit("name", [TEXT])
    stage.clock.advance(60)
    stage.script("quota-403")
    out_of_quota = stage.client.submit("name", [TEXT])
    assert isinstance(throttled, Deferred) and throttled.retry_after_s == 7
    assert isinstance(out_of_quota, Deferred) and out_of_quota.retry_after_s == 15 * 86_400


# --- what the service does to a job ---


@pytest.mark.parametrize(
    ("fate", "outcome"),
    [
        ("failed", JobFailed),
        ("failed-bare", JobFailed),
        ("failed-project", JobFailed),
        ("rejected", JobFailed),
        ("stuck", StillRunning),
        ("stuck-not-started", StillRunning),
        ("unknown-status", StillRunning),
        ("cancelled", Finished),
        ("partial", Finished),
        ("missing-documents", Finished),
        ("document-error", Finished),
        ("repeated-documents", Finished),
        ("misfit-offsets", Finished),
    ],
)
@pytest.mark.parametrize("environ", [{}, CT1], ids=["2023-04-01", "ct.1"])
def test_every_job_fate_has_outcome(fate: str, outcome: type, environ: dict[str, str]) -> None:
    stage = Stage(environ)
    stage.script(fate)
    url = accepted(stage.client, *[TEXT] * 25)
    stage.clock.advance(600)
    found = stage.client.progress(url)
    assert type(found) is outcome
    if isinstance(found, JobFailed):
        assert found.problem.fault is (Fault.CONFIGURATION if fate == "failed-project" else Fault.SERVICE)
    if isinstance(found, StillRunning):
        assert found.is_known is (fate != "unknown-status")
        assert found.has_started is (fate != "stuck-not-started")
        assert found.expires is not None
    if isinstance(found, Finished):
        assert set(found.chunks) <= {str(number) for number in range(25)}
        complete = {"repeated-documents": 25, "misfit-offsets": 25, "document-error": 25, "missing-documents": 24}
        assert len(found.chunks) == complete.get(fate, len(found.chunks))
        wrong = [answer for answer in of_one_task(found).values() if isinstance(answer, Problem)]
        assert len(wrong) == (1 if fate == "document-error" else 0)


@pytest.mark.parametrize("status", [404, 400])
def test_unknown_job_is_lost(status: int) -> None:
    stage = Stage(unknown_job_status=status)
    url = accepted(stage.client)
    stage.clock.advance(24 * 3600)
    outcome = stage.client.progress(url)
    assert isinstance(outcome, JobLost)
    assert outcome.problem.code == "JobVanished"


@pytest.mark.parametrize("unknown", ["404", "400"])
@pytest.mark.parametrize("environ", [{"LANGUAGE_PROJECT": "other"}, {**CT1, "LANGUAGE_PROJECT": "other"}])
def test_unknown_project_is_misconfiguration(unknown: str, environ: dict[str, str]) -> None:
    outcome = Stage(environ, unknown_project=unknown).client.submit("name", [TEXT])
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.problem.code) == (DeferReason.MISCONFIGURED, "Misconfigured")


def test_unknown_deployment_in_job_defers() -> None:
    stage = Stage({"LANGUAGE_DEPLOYMENT": "x"}, unknown_project="failed-task", deployments=frozenset({"production"}))
    url = accepted(stage.client)
    stage.clock.advance(JOB_S)
    outcome = stage.client.progress(url)
    assert isinstance(outcome, JobFailed) and outcome.problem.fault is Fault.CONFIGURATION


def test_bad_document_refuses_request() -> None:
    stage = Stage(faults=FaultPlan(refused_texts=("poison",)))
    outcome = stage.client.submit("name", [TEXT, "poison"])
    assert isinstance(outcome, Refused)
    assert (outcome.problem.code, outcome.problem.fault) == ("InvalidDocument", Fault.DOCUMENT)


@pytest.mark.parametrize("status", [400, 413])
def test_request_over_limit_is_refused(status: int) -> None:
    stage = Stage(oversize_status=status)
    for texts in (["x" * 125_001], ["x"] * 26, ["x" * 63_000] * 2):
        assert isinstance(stage.client.submit("name", texts), Refused), len(texts)


def test_unsupported_language_fails_each_document() -> None:
    stage = Stage()
    # The settings refuse such a code at start; the service may still not know one that they let pass.
    stage.settings = replace(stage.settings, document_language="tlh")
    problem = of_one_task(finished(stage, stage.client_at(ENDPOINT)))["0"]
    assert isinstance(problem, Problem)
    assert problem.code == "UnsupportedLanguageCode"


# --- where the key goes ---


@pytest.mark.parametrize("fault", ["foreign-location", "relative-location"])
def test_foreign_operation_is_polled_at_endpoint(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.script(fault)
    url = accepted(stage.client)
    assert url.startswith(f"{ENDPOINT}/language/analyze-text/jobs/")
    stage.clock.advance(JOB_S)
    assert isinstance(stage.client.progress(url), Finished)
    actions = [getattr(record, "action", "") for record in caplog.records if record.name.startswith("functions.")]
    assert actions == (["foreign_operation_location"] if fault == "foreign-location" else [])


def test_submission_without_location_may_be_accepted() -> None:
    stage = Stage()
    stage.script("missing-location")
    outcome = stage.client.submit("name", [TEXT])
    assert isinstance(outcome, Unanswered) and outcome.problem.code == "NoOperationLocation"


JSON = {"Content-Type": "application/json; charset=utf-8"}

Answer = Callable[[requests.PreparedRequest], tuple[int, dict[str, str], bytes]]
"""Makes status, headers and body of the reply to a request."""


class Scripted(HTTPAdapter):
    """Answers every request with what a function makes of it, and keeps the requests."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self.seen: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.seen.append(request)
        status, headers, body = self._answer(request)
        response = requests.Response()
        response.status_code, response._content = status, body
        response.headers.update(headers)
        response.request, response.url = request, str(request.url)
        return response


def stage_before(
    answer: Callable[[requests.PreparedRequest], tuple[int, dict[str, str], bytes]],
) -> tuple[Stage, Scripted]:
    session, adapter = default_session(), Scripted(answer)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return Stage(session=session), adapter


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    stage, adapter = stage_before(lambda _: (status, {"Location": "https://evil.example/jobs/x"}, b""))
    assert isinstance(stage.client.submit("name", [TEXT]), Unanswered)
    polled = stage.client.progress(f"{ENDPOINT}/jobs/x")
    assert isinstance(polled, Deferred) and polled.reason is DeferReason.UNAVAILABLE
    assert [str(request.url).startswith(ENDPOINT + "/") for request in adapter.seen] == [True, True]


def test_foreign_link_gives_only_query() -> None:
    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        more = b"" if "skip=20" in str(request.url) else b', "nextLink": "https://evil.example/x?skip=20"'
        return 200, JSON, b'{"status": "succeeded", "jobId": "x"' + more + b"}"

    stage, adapter = stage_before(answer)
    assert isinstance(stage.client.progress("https://evil.example/language/analyze-text/jobs/x?a=b"), Finished)
    assert [request.url for request in adapter.seen] == [
        f"{ENDPOINT}/language/analyze-text/jobs/x?api-version=2023-04-01&top=25",
        f"{ENDPOINT}/language/analyze-text/jobs/x?skip=20&api-version=2023-04-01",
    ]


def test_endless_links_are_bounded() -> None:
    count = iter(range(1_000))

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        return 200, JSON, f'{{"status": "succeeded", "jobId": "x", "nextLink": "/x?skip={next(count)}"}}'.encode()

    stage, adapter = stage_before(answer)
    assert isinstance(stage.client.progress(f"{ENDPOINT}/jobs/x"), Finished)
    assert len(adapter.seen) == MAX_PAGES + 1


def test_circular_link_is_followed_once() -> None:
    stage, adapter = stage_before(lambda _: (200, JSON, b'{"status": "succeeded", "nextLink": "/x?skip=20"}'))
    assert isinstance(stage.client.progress(f"{ENDPOINT}/jobs/x"), Finished)
    assert len(adapter.seen) == 2


def test_neither_key_nor_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stage = Stage()
    for fault in ("foreign-location", "wrong-key-401", "cut-after", "garbage", "throttle-429"):
        stage.script(fault, method="POST")
        stage.client.submit("name", ["Jennifer Wilkins"])
        stage.clock.advance(60)
    shown = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "Wilkins" not in shown
    assert f"'{KEY}'" not in shown


# --- What no test has foreseen ---


class Raising(HTTPAdapter):
    """Fails every request with an error of its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        raise self._error


def refused_connection() -> Exception:
    return requests.ConnectionError(MaxRetryError(HTTPConnectionPool("x"), "/", NewConnectionError(None, "refused")))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused_connection(), Deferred),
        (requests.ConnectTimeout("slow"), Deferred),
        (requests.ReadTimeout("slow"), Unanswered),
        (requests.ConnectionError("reset"), Unanswered),
        (requests.exceptions.SSLError("bad record"), Unanswered),
        (requests.exceptions.InvalidURL("a redirect"), Unanswered),
        (ValueError("Invalid IPv6 URL"), Unanswered),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), Unanswered),
        (RecursionError(), Unanswered),
        (ProtocolError("broken"), Unanswered),
        (OverflowError("date"), Unanswered),
        (MemoryError(), Unanswered),
    ],
    ids=repr,
)
def test_send_exception_is_outcome(error: Exception, expected: type[Submission]) -> None:
    stage = Stage()
    stage.session.mount("https://", Raising(error))
    assert type(stage.client.submit("name", [TEXT])) is expected
    polled = stage.client.progress(f"{ENDPOINT}/jobs/x")
    assert isinstance(polled, Deferred) and polled.reason is DeferReason.UNAVAILABLE
    stage.client.cancel(f"{ENDPOINT}/jobs/x")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (202, {"operation-location": "http://[::1/x"}, b""),
        (202, {"operation-location": "https://[x/language/analyze-text/jobs/1"}, b""),
        (302, {"Location": "http://[::1/x"}, b""),
        (429, {"Retry-After": "Mon, 23 Nov 99999999999999 10:00:30 GMT", **JSON}, b""),
        (400, JSON, b'{"error":' * 5_000 + b"1" + b"}" * 5_000),
    ],
    ids=["half a bracket", "no address", "malformed redirect", "retry after for ever", "deep error"],
)
def test_malformed_post_reply_may_be_acceptance(status: int, headers: dict[str, str], body: bytes) -> None:
    stage, _ = stage_before(lambda _: (status, headers, body))
    assert isinstance(stage.client.submit("name", [TEXT]), Unanswered)


@pytest.mark.parametrize("left_s", [0.0, -1.0])
def test_without_time_nothing_is_sent(left_s: float) -> None:
    stage = Stage()
    outcome = stage.client.submit("name", [TEXT], deadline_s=left_s)
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.problem.code) == (DeferReason.BUDGET, "NoTimeLeft")
    assert stage.requests == {}


def test_slow_token_sends_nothing() -> None:
    """Getting a token has time limits of its own; a request is not sent later for it."""
    stage = Stage()
    client = LanguageClient(ENDPOINT, stage.session, stage.auth, stage.budget, stage.clock, longest_exchange_s=1e-9)
    outcome = client.submit(stage.client.work, "name", [TEXT])
    assert isinstance(outcome, Deferred)
    assert stage.requests == {}


# --- who asks ---


def test_wrong_key_is_misconfiguration(reach: Callable[[Stage], WorkClient]) -> None:
    stage = Stage(auth=KeyAuth("wrong"))
    outcome = reach(stage).submit("name", [TEXT])
    assert isinstance(outcome, Deferred)
    assert outcome.reason is DeferReason.MISCONFIGURED
    assert "LANGUAGE_KEY" in outcome.problem.help


def test_each_request_asks_for_token() -> None:
    """So that a renewed one is used."""
    tokens = iter(["first", "second", "third"])
    stage = Stage(auth=TokenAuth(lambda: next(tokens)), service={"tokens": ["first", "second"]})
    url = accepted(stage.client)
    assert isinstance(stage.client.progress(url), StillRunning)
    outcome = stage.client.progress(url)
    assert isinstance(outcome, Deferred) and outcome.reason is DeferReason.MISCONFIGURED


@pytest.mark.parametrize("error", [ClientAuthenticationError("no identity"), ServiceRequestError("no way there")])
def test_missing_token_sends_nothing(error: Exception) -> None:
    def provider() -> str:
        raise error

    stage = Stage(auth=TokenAuth(provider))
    outcome = stage.client.submit("name", [TEXT])
    assert isinstance(outcome, Deferred)
    assert outcome.reason is DeferReason.MISCONFIGURED
    assert type(error).__name__ in outcome.problem.message
    assert "az login" in outcome.problem.help
    assert stage.requests == {}


def test_own_error_is_not_hidden() -> None:
    """It is not taken for one of the service."""

    def provider() -> str:
        raise ZeroDivisionError

    stage = Stage(auth=TokenAuth(provider))
    outcome = stage.client.submit("name", [TEXT])
    assert isinstance(outcome, Unanswered) and outcome.problem.code == "ClientFailed"
    polled = stage.client.progress(f"{ENDPOINT}/jobs/x")
    assert isinstance(polled, Deferred) and polled.problem.code == "ClientFailed"


def test_identity_is_used_without_key() -> None:
    """With a key, none is loaded."""
    assert isinstance(auth_of(Stage().settings), KeyAuth)
    assert isinstance(auth_of(Stage({"LANGUAGE_KEY": ""}).settings), TokenAuth)


# --- the budget ---


def test_over_budget_nothing_is_sent() -> None:
    stage = Stage(requests_per_minute=12)
    assert [type(stage.client.submit("name", [TEXT])) for _ in range(2)] == [Accepted, Accepted]
    over = stage.client.submit("name", [TEXT])
    assert isinstance(over, Deferred)
    assert (over.reason, over.retry_after_s) == (DeferReason.BUDGET, pytest.approx(5.0))
    assert stage.requests == {"submit": 2}
    stage.clock.advance(5)
    assert isinstance(stage.client.submit("name", [TEXT]), Accepted)


def test_polls_leave_reserve() -> None:
    stage = Stage(requests_per_minute=24)
    url = accepted(stage.client)
    polls = [type(stage.client.progress(url)) for _ in range(3)]
    assert polls == [StillRunning, StillRunning, Deferred]
    accepted(stage.client)


@pytest.mark.parametrize("fault", ["throttle-429", "throttle-429-bare"])
def test_throttled_request_pauses_worker(fault: str) -> None:
    stage = Stage()
    url = accepted(stage.client)
    stage.script(fault, method="GET")
    assert isinstance(stage.client.progress(url), Deferred)
    for outcome in (stage.client.submit("name", [TEXT]), stage.client.progress(url)):
        assert isinstance(outcome, Deferred) and outcome.reason is DeferReason.BUDGET
    assert stage.requests == {"submit": 1, "status": 1}
    stage.clock.advance(2)
    assert isinstance(stage.client.submit("name", [TEXT]), Accepted)


def test_pause_is_never_longer_than_minute() -> None:
    stage = Stage(faults=FaultPlan(retry_after_seconds=86_400))
    stage.script("throttle-429")
    stage.client.submit("name", [TEXT])
    stage.clock.advance(60)
    assert isinstance(stage.client.submit("name", [TEXT]), Accepted)


def test_rate_limit_is_kept_by_waiting() -> None:
    """The stand-in's own limit for the preview: the 101st request in a minute is refused, and asks for a wait."""
    stage = Stage(CT1, service={"rate_rules": (*_preview_rules(),)})
    outcomes = [stage.client.submit("name", [TEXT]) for _ in range(101)]
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 100 + [Deferred]
    throttled = outcomes[-1]
    assert isinstance(throttled, Deferred) and throttled.reason is DeferReason.THROTTLED
    assert throttled.retry_after_s is not None and 0 < throttled.retry_after_s <= 60


def _preview_rules() -> tuple[Any, ...]:
    from local.language_service.limits import RECORDED_RULES

    return RECORDED_RULES


# --- cancelling ---


def test_job_is_cancelled_where_possible(reach: Callable[[Stage], WorkClient]) -> None:
    stage = Stage(cancel_seconds=(0.5, 0.5))
    client = reach(stage)
    url = accepted(client)
    client.cancel(url)
    stage.clock.advance(1)
    outcome = client.progress(url)
    assert isinstance(outcome, Finished)
    assert (outcome.status, outcome.chunks) == ("cancelled", {})
    assert stage.requests == {"submit": 1, "cancel": 1, "status": 1}


def test_preview_is_not_asked_to_cancel() -> None:
    stage = Stage(CT1)
    stage.client.cancel(accepted(stage.client))
    assert stage.requests == {"submit": 1}


def test_failed_cancellation_is_harmless() -> None:
    stage = Stage()
    url = accepted(stage.client)
    stage.clock.advance(JOB_S)
    stage.client.cancel(url)
    stage.script("cut-before")
    stage.client.cancel(url)
    assert isinstance(stage.client.progress(url), Finished)
