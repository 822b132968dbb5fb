"""What the stand-in does beyond what the official client sees: documents, faults, counters, admin path, process."""

import contextlib
import re
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

from local.document_intelligence.behaviour import Behaviour
from local.document_intelligence.documents import BadDimensions, Page, UnreadableDocument, pdf, picture, texts_of
from local.document_intelligence.faults import JOB_FAULTS, KINDS, FaultPlan
from local.document_intelligence.oddities import ODD_PAGES, ODD_RESULTS, apply, variant_of
from local.document_intelligence.service import DocumentIntelligence
from local.process import ROOT, LocalProcess
from local.stand_in.faults import REQUEST_FAULTS
from local.stand_in.in_process import InProcessAdapter, MovableClock

HERE = Path(__file__).parent
README = (ROOT / "local" / "document_intelligence" / "README.md").read_text("utf-8")
ENDPOINT = "https://scans.cognitiveservices.azure.com"
V4 = "2024-11-30"
MODEL = f"{ENDPOINT}/documentintelligence/documentModels/prebuilt-read"
HEADERS = {"Ocp-Apim-Subscription-Key": "local", "Content-Type": "application/octet-stream"}
SCAN = pdf(["Dear Sir", "Page two"])


class Caller:
    """Asks a service whose clock the test moves, as any client over HTTP would."""

    def __init__(self, **options: Any) -> None:
        self.clock = MovableClock()
        behaviour = options.pop("behaviour", Behaviour(job_seconds=(2.0, 2.0)))
        self.service = DocumentIntelligence(behaviour=behaviour, clock=self.clock, rate_rules=(), **options)
        self.session = requests.Session()
        self.session.headers.update(HEADERS)
        self.session.mount("https://", InProcessAdapter(self.service))

    def submit(self, document: bytes = SCAN, model: str = MODEL, version: str = V4) -> requests.Response:
        return self.session.post(f"{model}:analyze?api-version={version}", data=document)

    def finish(self, submitted: requests.Response) -> dict[str, Any]:
        self.clock.advance(2)
        state: dict[str, Any] = self.session.get(submitted.headers["operation-location"]).json()
        return state


# --- documents ---


@pytest.mark.parametrize("text", ["", "one line", "two\nlines", "\n\nMaría 😀 (a\\b)"])
def test_documents_say_their_texts(text: str) -> None:
    assert texts_of(picture(text)) == [text]
    assert texts_of(pdf([text, Page(text, is_printed=True), text])) == [text] * 3


def test_only_printed_pages_have_text_layer() -> None:
    assert b"Tj" not in pdf(["Dear Sir"])
    assert b"(Dear Sir) Tj" in pdf([Page("Dear Sir", is_printed=True)])
    assert b"Dear" not in pdf(["Dear Sir"])


def test_pdf_objects_are_where_table_says() -> None:
    file = pdf(["a", Page("b", is_printed=True)])
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF", file)[0])
    assert file[start:].startswith(b"xref\n0 10\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", file), 1):
        assert file[int(place) :].startswith(f"{number} 0 obj".encode())


def test_unmarked_documents_are_blank() -> None:
    other = b"%PDF-1.4\n1 0 obj << /Type /Pages >>\n2 0 obj << /Type /Page >>\n3 0 obj << /Type/Page >>\n%%EOF"
    assert texts_of(other) == ["", ""]
    assert texts_of(b"\xff\xd8\xff\xe0 jpeg") == [""]


@pytest.mark.parametrize(
    "document",
    [b"", b"text", b"%PDF-1.7", picture("x")[:-30], pdf([]), pdf(["x"]).replace(b"/Root", b"/Encrypt /Root")],
)
def test_damaged_documents_are_unreadable(document: bytes) -> None:
    with pytest.raises(UnreadableDocument):
        texts_of(document)


@pytest.mark.parametrize(("side", "is_good"), [(49, False), (50, True), (10_000, True), (10_001, False)])
def test_picture_sides_are_limited(side: int, is_good: bool) -> None:
    document = picture("x", width=side, height=50)
    if is_good:
        assert texts_of(document) == ["x"]
    else:
        with pytest.raises(BadDimensions):
            texts_of(document)


def test_table_gives_texts_of_other_documents() -> None:
    caller = Caller(texts={sha256(b"II*\x00 tiff").hexdigest(): ["one", "two"]})
    result = caller.finish(caller.submit(b"II*\x00 tiff"))["analyzeResult"]
    assert [page["lines"][0]["content"] for page in result["pages"]] == ["one", "two"]


# --- replies ---


def test_token_is_accepted() -> None:
    caller = Caller(tokens=["t0ken"])
    del caller.session.headers["Ocp-Apim-Subscription-Key"]
    assert caller.submit().status_code == 401
    caller.session.headers["Authorization"] = "Bearer t0ken"
    assert caller.submit().status_code == 202


def test_finished_job_looks_as_recorded() -> None:
    caller = Caller()
    state = caller.finish(caller.submit(picture("This is title")))
    assert list(state) == ["status", "createdDateTime", "lastUpdatedDateTime", "analyzeResult"]
    result = state["analyzeResult"]
    assert list(result) == [
        *("apiVersion", "modelId", "stringIndexType", "content", "pages", "paragraphs", "styles", "contentFormat")
    ]
    assert list(result["pages"][0]) == [*("pageNumber", "angle", "width", "height", "unit", "words", "lines", "spans")]
    assert list(result["pages"][0]["words"][0]) == ["content", "polygon", "confidence", "span"]
    assert list(result["pages"][0]["lines"][0]) == ["content", "polygon", "spans"]


def test_blank_page_looks_as_recorded() -> None:
    caller = Caller()
    result = caller.finish(caller.submit(picture("")))["analyzeResult"]
    assert (result["content"], result["styles"], "paragraphs" in result) == ("", [], False)
    (page,) = result["pages"]
    assert (page["words"], page["lines"], page["spans"]) == ([], [], [{"offset": 0, "length": 0}])


def test_version_3_lacks_what_came_later() -> None:
    caller = Caller()
    submitted = caller.submit(model=MODEL.replace("documentintelligence", "formrecognizer"), version="2023-07-31")
    location = submitted.headers["operation-location"]
    running = caller.session.get(location)
    assert (running.json()["status"], "Retry-After" in running.headers) == ("notStarted", False)
    assert "contentFormat" not in caller.finish(submitted)["analyzeResult"]
    assert caller.session.delete(location).status_code == 404
    assert caller.submit(version="2023-07-31").status_code == 404


def test_content_type_must_be_of_document() -> None:
    caller = Caller()
    caller.session.headers["Content-Type"] = "text/plain"
    assert caller.submit().status_code == 415


# --- faults ---


CARRIED_OUT = {
    *("cut-after", "truncated", "garbage", "latency", "drip", "html-200-after", "bad-redirect-after"),
    *("missing-location", "relative-location", "foreign-location", "bad-location"),
}


@pytest.mark.parametrize("fault", sorted(set(REQUEST_FAULTS) - {"json-404"}))
def test_faults_are_counted_and_billed_as_told(fault: str) -> None:
    caller = Caller(faults=FaultPlan(latency_seconds=(0, 0)))
    caller.service.faults.update({"script": [{"kind": fault, "method": "POST"}]})
    # What arrives may be no reply at all, or a redirect that `requests` takes apart although it does not follow it.
    with contextlib.suppress(requests.ConnectionError, ValueError):
        caller.session.post(f"{MODEL}:analyze?api-version={V4}", data=SCAN, allow_redirects=False)
    assert caller.service.counters.faults == {fault: 1}
    assert caller.service.counters.pages == (2 if fault in CARRIED_OUT else 0)


STATUSES: dict[str, str | None] = {
    "stuck": "running",
    "stuck-not-started": "notStarted",
    "long": "running",
    "failed": "failed",
    "failed-bare": "failed",
    "failed-content": "failed",
    "vanished": None,
    "canceled": "canceled",
    "skipped": "skipped",
    "unknown-status": "archived",
}


@pytest.mark.parametrize("fault", JOB_FAULTS)
def test_every_job_fault_has_its_status(fault: str) -> None:
    caller = Caller(faults=FaultPlan(rates={fault: 1.0}))
    submitted = caller.submit()
    state = [caller.finish(submitted) for _ in range(4)][-1]
    assert state.get("status") == STATUSES.get(fault, "succeeded")
    assert caller.service.counters.ledger[0].fate == fault


def test_long_job_succeeds_in_end() -> None:
    caller = Caller(faults=FaultPlan(rates={"long": 1.0}, long_seconds=100))
    submitted = caller.submit()
    caller.clock.advance(97.9)
    assert caller.finish(submitted)["status"] == "running"
    assert caller.finish(submitted)["status"] == "succeeded"


@pytest.mark.parametrize(("fault", "variants"), [("odd-page", ODD_PAGES), ("odd-result", ODD_RESULTS)])
def test_every_variant_can_be_drawn(fault: str, variants: dict[str, Any]) -> None:
    drawn = {variant_of(fault, number / 1000) for number in range(1000)}
    assert drawn == set(variants)
    page = {"pageNumber": 1, "lines": [], "words": []}
    for number in range(len(variants)):
        result = {"pages": [page]}
        assert apply(fault, (number + 0.5) / len(variants), result) != result


def test_seed_alone_decides_faults() -> None:
    def fates(seed: int) -> list[str]:
        caller = Caller(faults=FaultPlan(seed, KINDS.parse_rates(["failed=0.5"])))
        for number in range(20):
            caller.submit(picture(f"page {number}"))
        return [entry.fate for entry in caller.service.counters.ledger]

    assert fates(1) == fates(1) != fates(2)


# --- counters and admin path ---


def test_bill_counts_pages() -> None:
    caller = Caller(admin=True)
    caller.submit(pdf(["a", "", "c"]))
    caller.session.post(f"{MODEL}:analyze?api-version={V4}&pages=2", data=SCAN)
    caller.submit(b"damaged")
    counters = caller.session.get(f"{ENDPOINT}/admin/counters").json()
    assert (counters["jobsAccepted"], counters["pages"]) == (2, 4)
    assert counters["responses"] == {"202": 2, "400": 1}
    ledger = caller.session.get(f"{ENDPOINT}/admin/ledger?since=1").json()
    assert [(entry["pages"], entry["sha256"]) for entry in ledger] == [([2], sha256(SCAN).hexdigest())]


def test_admin_path_moves_clock_and_sets_faults() -> None:
    caller = Caller(admin=True)
    submitted = caller.submit()
    assert caller.session.put(f"{ENDPOINT}/admin/clock", json={"advanceSeconds": 86_400}).ok
    assert caller.session.get(submitted.headers["operation-location"]).status_code == 404
    plan = {"rates": {"failed": 1.0}, "longSeconds": 7}
    assert caller.session.put(f"{ENDPOINT}/admin/faults", json=plan).json()["longSeconds"] == 7
    assert caller.session.put(f"{ENDPOINT}/admin/faults", json={"rates": {"odd-entity": 1}}).status_code == 400
    assert caller.session.get(f"{ENDPOINT}/admin/entities").status_code == 404


def test_admin_path_is_off_by_default() -> None:
    assert Caller().session.get(f"{ENDPOINT}/admin/counters").status_code == 404


# --- process and README ---


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., LocalProcess]:
    def make(*options: str) -> LocalProcess:
        return LocalProcess(
            "Document Intelligence stand-in",
            [sys.executable, "-m", "local.document_intelligence", *options],
            log_file=tmp_path / "log",
            ready=[r"Document Intelligence stand-in ready on http://127\.0\.0\.1:(\d+)"],
        )

    return make


@pytest.mark.processes
def test_process_serves_until_stopped(process: Callable[..., LocalProcess], tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text(f'{{"{sha256(b"BM bitmap").hexdigest()}": ["from the table"]}}', "utf-8")
    started = process("--texts", str(texts), "--min-seconds", "0", "--max-seconds", "0", "--key", "mine")
    started.launch()
    try:
        (ready,) = started.wait_until_ready()
        session = requests.Session()
        session.trust_env = False
        session.headers.update({**HEADERS, "Ocp-Apim-Subscription-Key": "mine"})
        model = f"http://127.0.0.1:{ready[1]}/documentintelligence/documentModels/prebuilt-read"
        submitted = session.post(f"{model}:analyze?api-version={V4}", data=b"BM bitmap")
        state = session.get(submitted.headers["operation-location"]).json()
        assert state["analyzeResult"]["content"] == "from the table"
        session.close()
    finally:
        started.stop()


def test_readme_names_real_tests() -> None:
    named = re.findall(r"`(?:(test_\w+\.py)|…)::(test_\w+)`", README)
    assert len(named) > 15
    file = ""
    for module, test in named:
        file = module or file
        assert f"def {test}(" in (HERE / file).read_text("utf-8"), f"{file}::{test}"


def test_readme_lists_every_job_fault() -> None:
    section = README.partition("\n## Faults\n")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", section, re.MULTILINE)) == dict(JOB_FAULTS)
