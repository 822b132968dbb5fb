"""The client before the Document Intelligence stand-in: in this process with a clock that moves, and over HTTP."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from functions.core.outcomes import (
    Accepted,
    DeferReason,
    Deferred,
    JobFailed,
    JobLost,
    Refused,
    StillRunning,
    Unanswered,
)
from functions.core.records import MAX_READING_PAGES
from functions.errors import Fault
from functions.language.auth import KeyAuth, TokenAuth, auth_for
from functions.reading.pages import PagesRead
from functions.reading.read_client import ReadClient
from functions.text.read_pages import PageText
from local.document_intelligence.documents import Page, pdf, picture
from local.document_intelligence.faults import FaultPlan
from local.document_intelligence.oddities import ODD_PAGES, ODD_RESULTS
from local.stand_in.messages import StandIn
from tests.support.reading import ENDPOINT, JOB_S, ReadingStage

SCAN = pdf(["Dear Sir,\nthe loan of $12,000.00", "", Page("Yours\n\nMaría Núñez 😀", is_printed=True)])
TEXTS = {1: "Dear Sir,\nthe loan of $12,000.00", 2: "", 3: "Yours\nMaría Núñez 😀"}

Reach = Callable[[ReadingStage], ReadClient]


@pytest.fixture(params=["in process", "over http"])
def reach(request: pytest.FixtureRequest, over_http: Callable[[StandIn], str]) -> Iterator[Reach]:
    """Gives the client of a stage, through one of the two transports."""
    with ExitStack() as opened:

        def client_of(stage: ReadingStage) -> ReadClient:
            opened.callback(stage.session.close)
            if request.param == "in process":
                return stage.client
            return stage.client_at(over_http(stage.service))

        yield client_of


def accepted(client: ReadClient, document: bytes = SCAN, pages: list[int] | None = None) -> str:
    outcome = client.submit("job", document, pages)
    assert isinstance(outcome, Accepted), outcome
    return outcome.operation_url


def outcome_of(stage: ReadingStage, client: ReadClient, document: bytes = SCAN, pages: list[int] | None = None) -> Any:
    url = accepted(client, document, pages)
    stage.clock.advance(JOB_S)
    return client.progress(url)


def texts_of(read: Any) -> dict[int, str]:
    assert isinstance(read, PagesRead), read
    return {page.number: page.text for page in read.pages}


# --- the way that goes well ---


def test_pdf_is_read_page_by_page(reach: Reach) -> None:
    stage = ReadingStage()
    client = reach(stage)
    url = accepted(client)
    assert client.progress(url) == StillRunning("notStarted", has_started=False)
    stage.clock.advance(JOB_S / 2)
    assert client.progress(url) == StillRunning("running")
    stage.clock.advance(JOB_S / 2)
    assert texts_of(client.progress(url)) == TEXTS
    assert stage.requests == {"submit": 1, "status": 3}


def test_picture_is_one_page(reach: Reach) -> None:
    stage = ReadingStage()
    assert texts_of(outcome_of(stage, reach(stage), picture("Total: 5 €"))) == {1: "Total: 5 €"}


@pytest.mark.parametrize("pages", [[3], [1, 3], [2, 1]])
def test_asked_pages_alone_are_read_and_billed(reach: Reach, pages: list[int]) -> None:
    stage = ReadingStage()
    assert texts_of(outcome_of(stage, reach(stage), pages=pages)) == {number: TEXTS[number] for number in sorted(pages)}
    assert stage.service.counters.pages == len(pages)


def test_confidence_is_mean_of_words() -> None:
    stage = ReadingStage(word_confidence=(0.5, 0.5))
    read = outcome_of(stage, stage.client)
    assert [page.confidence for page in read.pages] == [pytest.approx(0.5), None, pytest.approx(0.5)]


def test_result_without_paragraphs_is_read() -> None:
    stage = ReadingStage(has_paragraphs=False)
    assert texts_of(outcome_of(stage, stage.client)) == TEXTS


def test_free_tier_leaves_pages_out() -> None:
    stage = ReadingStage(free_tier=True)
    assert set(texts_of(outcome_of(stage, stage.client))) == {1, 2}


@pytest.mark.long
def test_largest_job_fits_into_reply() -> None:
    """A dense page has 60 lines of 90 characters; a reply is cut off at 64 MB."""
    dense = "\n".join(
        ["the borrower owes the lender a sum of 12,000.00 dollars, payable on the 3rd of May 2021 or"] * 60
    )
    stage = ReadingStage()
    read = outcome_of(stage, stage.client, pdf([dense] * MAX_READING_PAGES))
    assert len(texts_of(read)) == MAX_READING_PAGES


# --- refusals ---


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"%PDF-1.7 cut off", "InvalidContent"),
        (b"plain text", "InvalidContent"),
        (b"", "InvalidContent"),
        (SCAN.replace(b"/Root", b"/Encrypt 9 0 R /Root"), "InvalidContent"),
        (picture("x", width=40), "InvalidContentDimensions"),
    ],
    ids=["damaged", "text", "empty", "protected", "small"],
)
def test_unreadable_file_is_documents_fault(reach: Reach, document: bytes, code: str) -> None:
    stage = ReadingStage()
    outcome = reach(stage).submit("job", document)
    assert isinstance(outcome, Refused)
    assert (outcome.problem.code, outcome.problem.fault) == (code, Fault.DOCUMENT)
    assert outcome.problem.message.startswith("Document Intelligence can not read the file: The ")
    assert stage.service.counters.pages == 0


def test_free_tier_refuses_large_file() -> None:
    stage = ReadingStage(free_tier=True)
    outcome = stage.client.submit("job", picture("x") + b" " * 5_000_000)
    assert isinstance(outcome, Refused)
    assert (outcome.problem.code, outcome.problem.fault) == ("InvalidContentLength", Fault.DOCUMENT)


def test_pages_that_do_not_exist_blame_no_document() -> None:
    outcome = ReadingStage().client.submit("job", SCAN, [7])
    assert isinstance(outcome, Refused)
    assert (outcome.problem.code, outcome.problem.fault) == ("InvalidParameter", Fault.SERVICE)


# --- faults of requests ---

DEFERRED_POSTS = {
    "error-500": (DeferReason.UNAVAILABLE, None),
    "error-502": (DeferReason.UNAVAILABLE, None),
    "error-503": (DeferReason.UNAVAILABLE, None),
    "error-504": (DeferReason.UNAVAILABLE, None),
    "throttle-429": (DeferReason.THROTTLED, 2.0),
    "throttle-429-bare": (DeferReason.THROTTLED, None),
    "quota-403": (DeferReason.QUOTA, 15 * 86_400.0),
    "wrong-key-401": (DeferReason.MISCONFIGURED, None),
    "missing-role-401": (DeferReason.MISCONFIGURED, None),
    "missing-role-403": (DeferReason.MISCONFIGURED, None),
    "huge-retry-after": (DeferReason.THROTTLED, None),
    "huge-retry-after-503": (DeferReason.UNAVAILABLE, None),
}
UNANSWERED_POSTS = {
    "cut-before": 0,
    "cut-after": 1,
    "latency": 1,
    "missing-location": 1,
    "bad-location": 1,
    "html-400": 0,
    "html-404": 0,
    "html-413": 0,
    "html-502": 0,
    "html-200": 0,
    "html-200-after": 1,
    "bad-redirect": 0,
    "bad-redirect-after": 1,
    "deep-json": 0,
}
SLOW = {"latency_seconds": (40.0, 40.0)}


@pytest.mark.parametrize("fault", DEFERRED_POSTS)
def test_refused_submission_is_deferred(reach: Reach, fault: str) -> None:
    stage = ReadingStage()
    client = reach(stage)
    stage.script(fault, method="POST")
    outcome = client.submit("job", SCAN)
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.retry_after_s) == DEFERRED_POSTS[fault]
    assert "LANGUAGE" not in outcome.problem.help
    assert stage.service.counters.jobs_accepted == 0


@pytest.mark.parametrize("fault", UNANSWERED_POSTS)
def test_foreign_reply_leaves_submission_open(fault: str) -> None:
    stage = ReadingStage(faults=FaultPlan(**SLOW))
    stage.script(fault, method="POST")
    outcome = stage.client.submit("job", SCAN)
    assert isinstance(outcome, Unanswered)
    assert stage.service.counters.jobs_accepted == UNANSWERED_POSTS[fault]


@pytest.mark.parametrize("fault", ["cut-before", "cut-after", "truncated", "html-200"])
def test_cut_connection_leaves_submission_open_over_http(fault: str, over_http: Callable[[StandIn], str]) -> None:
    stage = ReadingStage()
    stage.script(fault, method="POST")
    assert isinstance(stage.client_at(over_http(stage.service)).submit("job", SCAN), Unanswered)
    stage.session.close()


@pytest.mark.parametrize("fault", ["relative-location", "foreign-location", "drip"])
def test_odd_location_does_not_lose_job(fault: str) -> None:
    stage = ReadingStage(faults=FaultPlan(drip_seconds=1))
    stage.script(fault, method="POST")
    assert texts_of(outcome_of(stage, stage.client)) == TEXTS


def test_foreign_host_is_named_and_not_called(caplog: pytest.LogCaptureFixture) -> None:
    stage = ReadingStage()
    stage.script("foreign-location")
    with caplog.at_level(logging.WARNING):
        url = accepted(stage.client)
    assert url.startswith(f"{ENDPOINT}/documentintelligence/documentModels/prebuilt-read/analyzeResults/")
    assert [record.action for record in caplog.records] == ["foreign_operation_location"]  # type: ignore[attr-defined]


FAULTS_OF_POLLS = [*DEFERRED_POSTS, *(set(UNANSWERED_POSTS) - {"missing-location", "bad-location"})]


@pytest.mark.parametrize("fault", sorted([*FAULTS_OF_POLLS, "truncated", "garbage"]))
def test_failed_poll_loses_nothing(fault: str) -> None:
    stage = ReadingStage(faults=FaultPlan(**SLOW))
    url = accepted(stage.client)
    stage.clock.advance(JOB_S)
    stage.script(fault, method="GET")
    assert isinstance(stage.client.progress(url), Deferred)
    stage.clock.advance(60)
    assert texts_of(stage.client.progress(url)) == TEXTS


@pytest.mark.parametrize("form", ["wrapped", "flat"])
def test_unknown_result_is_lost(reach: Reach, form: str) -> None:
    stage = ReadingStage(unknown_result=form)
    client = reach(stage)
    url = accepted(client)
    stage.script("json-404")
    assert isinstance(client.progress(url), JobLost)
    stage.clock.advance(24 * 3600)
    lost = client.progress(url)
    assert isinstance(lost, JobLost)
    assert lost.problem.code == "JobVanished"


def test_unreachable_resource_is_deferred() -> None:
    stage = ReadingStage()
    client = stage.client_at("http://127.0.0.1:9")
    assert isinstance(client.submit("job", SCAN), Deferred)
    progress = client.progress(f"{ENDPOINT}/documentintelligence/documentModels/prebuilt-read/analyzeResults/1")
    assert isinstance(progress, Deferred)
    assert "DOCUMENT_INTELLIGENCE_ENDPOINT" in progress.problem.help


# --- faults of jobs ---


@pytest.mark.parametrize(
    ("fault", "code", "whose"),
    [
        ("failed", "JobFailed", Fault.SERVICE),
        ("failed-bare", "JobFailed", Fault.SERVICE),
        ("canceled", "JobFailed", Fault.SERVICE),
        ("skipped", "JobFailed", Fault.SERVICE),
        ("failed-content", "InvalidContent", Fault.DOCUMENT),
        ("no-result", "UnreadableAnswer", Fault.SERVICE),
    ],
)
def test_failed_reading_says_whose_fault(reach: Reach, fault: str, code: str, whose: Fault) -> None:
    stage = ReadingStage()
    stage.script(fault)
    outcome = outcome_of(stage, reach(stage))
    assert isinstance(outcome, JobFailed)
    assert (outcome.problem.code, outcome.problem.fault) == (code, whose)


def test_damage_found_late_is_documents_fault() -> None:
    stage = ReadingStage(bad_file="failed-job")
    outcome = outcome_of(stage, stage.client, b"%PDF-1.7 cut off")
    assert isinstance(outcome, JobFailed)
    assert (outcome.problem.code, outcome.problem.fault) == ("InvalidContent", Fault.DOCUMENT)
    assert outcome.problem.service is not None and outcome.problem.service["details"][0]["target"] == "1"


@pytest.mark.parametrize("fault", ["stuck", "stuck-not-started", "long", "unknown-status"])
def test_unfinished_reading_is_running(fault: str) -> None:
    stage = ReadingStage()
    stage.script(fault)
    outcome = outcome_of(stage, stage.client)
    assert isinstance(outcome, StillRunning)
    assert outcome.is_known == (fault != "unknown-status")
    assert outcome.has_started == (fault != "stuck-not-started")


@pytest.mark.parametrize(
    ("fault", "pages"),
    [
        ("missing-page", {number: TEXTS[number] for number in (1, 2)}),
        ("blank", dict.fromkeys(TEXTS, "")),
        ("other-units", TEXTS),
    ],
)
def test_odd_results_are_read(fault: str, pages: dict[int, str]) -> None:
    stage = ReadingStage()
    stage.script(fault)
    assert texts_of(outcome_of(stage, stage.client)) == pages


def test_low_confidence_is_passed_on() -> None:
    stage = ReadingStage()
    stage.script("low-confidence")
    assert outcome_of(stage, stage.client, pages=[1]).pages == (PageText(1, TEXTS[1], pytest.approx(0.2)),)


@pytest.mark.parametrize("fault", ["odd-page", "odd-result"])
def test_malformed_result_is_outcome(fault: str) -> None:
    """Each variant is drawn by some document; what can not be read is the service's fault, and never raised."""
    variants = ODD_PAGES if fault == "odd-page" else ODD_RESULTS
    stage = ReadingStage(faults=FaultPlan(rates={fault: 1.0}))
    kinds = set()
    for number in range(6 * len(variants)):
        outcome = outcome_of(stage, stage.client, picture(f"page {number}"))
        kinds.add(type(outcome))
        if isinstance(outcome, JobFailed):
            assert (outcome.problem.code, outcome.problem.fault) == ("UnreadableAnswer", Fault.SERVICE)
    assert kinds == ({PagesRead, JobFailed} if fault == "odd-page" else {JobFailed})


# --- budget, time, bytes ---


def test_budget_covers_submissions_and_polls() -> None:
    stage = ReadingStage(requests_per_minute=6)
    url = accepted(stage.client)
    for outcome in (stage.client.submit("job", SCAN), stage.client.progress(url)):
        assert isinstance(outcome, Deferred) and outcome.reason is DeferReason.BUDGET
        assert outcome.retry_after_s
    assert stage.requests == {"submit": 1}


def test_permit_is_taken_once() -> None:
    stage = ReadingStage(requests_per_minute=6)
    assert stage.client.take_permit() is None
    assert isinstance(stage.client.submit("job", SCAN, has_permit=True), Accepted)
    assert isinstance(stage.client.take_permit(), Deferred)


def test_throttled_request_pauses_all() -> None:
    stage = ReadingStage()
    stage.script("throttle-429")
    stage.client.submit("job", SCAN)
    outcome = stage.client.submit("job", SCAN)
    assert isinstance(outcome, Deferred) and outcome.reason is DeferReason.BUDGET
    stage.clock.advance(2)
    assert isinstance(stage.client.submit("job", SCAN), Accepted)


def test_no_time_left_sends_nothing() -> None:
    stage = ReadingStage()
    outcome = stage.client.submit("job", SCAN, deadline_s=0)
    assert isinstance(outcome, Deferred) and outcome.problem.code == "NoTimeLeft"
    assert stage.requests == {}


def test_dripping_reply_is_cut_off(over_http: Callable[[StandIn], str]) -> None:
    stage = ReadingStage(faults=FaultPlan(drip_seconds=60))
    client = stage.client_at(over_http(stage.service), longest_exchange_s=0.5)
    stage.script("drip", method="POST")
    assert isinstance(client.submit("job", SCAN), Unanswered)
    stage.session.close()


def test_huge_reply_is_cut_off() -> None:
    stage = ReadingStage()
    client = stage.client_at(ENDPOINT, max_reply_bytes=500)
    outcome = outcome_of(stage, client)
    assert isinstance(outcome, Deferred) and outcome.problem.code == "ReplyTooLarge"


# --- who the app is ---


def test_wrong_key_is_named() -> None:
    outcome = ReadingStage(auth=KeyAuth("other")).client.submit("job", SCAN)
    assert isinstance(outcome, Deferred) and outcome.reason is DeferReason.MISCONFIGURED
    assert "DOCUMENT_INTELLIGENCE_KEY" in outcome.problem.help


def test_identity_is_accepted() -> None:
    stage = ReadingStage(auth=TokenAuth(lambda: "t0ken"), service={"tokens": ["t0ken"]})
    assert texts_of(outcome_of(stage, stage.client)) == TEXTS


def test_missing_identity_is_named() -> None:
    def no_identity() -> str:
        raise ClientAuthenticationError("no identity")

    outcome = ReadingStage(auth=TokenAuth(no_identity)).client.submit("job", SCAN)
    assert isinstance(outcome, Deferred) and outcome.reason is DeferReason.MISCONFIGURED
    assert "DOCUMENT_INTELLIGENCE_KEY" in outcome.problem.help


def test_key_wins_over_identity() -> None:
    assert isinstance(auth_for(ENDPOINT, None, None), TokenAuth)
    assert isinstance(auth_for(ENDPOINT, "key", None), KeyAuth)  # type: ignore[arg-type]


# --- what nobody has foreseen ---


def test_unforeseen_error_is_outcome(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise KeyError("s3cret")

    client = ReadingStage(auth=TokenAuth(broken)).client
    outcome = client.submit("job", SCAN)
    assert isinstance(outcome, Unanswered) and outcome.problem.code == "ClientFailed"
    assert "s3cret" not in outcome.problem.message
    assert isinstance(client.progress(f"{ENDPOINT}/x"), Deferred)
    assert [record.action for record in caplog.records] == ["client_failed"] * 2  # type: ignore[attr-defined]


def test_no_pages_is_not_sent() -> None:
    stage = ReadingStage()
    assert isinstance(stage.client.submit("job", SCAN, []), Unanswered)
    assert stage.requests == {}
