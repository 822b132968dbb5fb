"""Microsoft's client for Python does the talking: ``azure-ai-documentintelligence`` over HTTP."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from azure.ai.documentintelligence import DocumentIntelligenceClient
from azure.ai.documentintelligence.models import AnalyzeDocumentRequest, AnalyzeResult
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

from local.document_intelligence.behaviour import Behaviour
from local.document_intelligence.documents import Page, pdf, picture
from local.document_intelligence.faults import FaultPlan
from local.document_intelligence.service import DocumentIntelligence
from local.stand_in.web import in_background

SCAN = pdf(["Dear Sir,\nthe loan é 😀\n\nYours", "", Page("Page three", is_printed=True)])

Serve = Callable[..., tuple[DocumentIntelligence, DocumentIntelligenceClient]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a stand-in; gives it and a client. Keywords are switches of its behaviour, or arguments of either."""
    with ExitStack() as stack:

        def start(
            *,
            key: str = "local",
            client: dict[str, Any] | None = None,
            service: dict[str, Any] | None = None,
            **switches: Any,
        ) -> tuple[DocumentIntelligence, DocumentIntelligenceClient]:
            behaviour = Behaviour(**{"job_seconds": (0.0, 0.0), **switches})
            started = DocumentIntelligence(behaviour=behaviour, **(service or {}))
            url = stack.enter_context(in_background(started))
            made = DocumentIntelligenceClient(url, AzureKeyCredential(key), **(client or {}))
            return started, stack.enter_context(made)

        yield start


def analyzed(client: DocumentIntelligenceClient, document: Any = SCAN, **options: Any) -> AnalyzeResult:
    return client.begin_analyze_document("prebuilt-read", document, **options).result()


def test_pdf_is_read(serve: Serve) -> None:
    _, client = serve()
    result = analyzed(client)
    assert (result.model_id, result.api_version, result.content_format) == ("prebuilt-read", "2024-11-30", "text")
    # Lines of a paragraph are joined by a space, paragraphs and pages by a line end; a blank page adds only its own.
    assert result.content == "Dear Sir, the loan é 😀\nYours\n\nPage three"
    assert [[line.content for line in page.lines or []] for page in result.pages] == [
        ["Dear Sir,", "the loan é 😀", "Yours"],
        [],
        ["Page three"],
    ]
    assert [(page.width, page.height, page.unit) for page in result.pages] == [(8.5, 11, "inch")] * 3
    assert [paragraph.content for paragraph in result.paragraphs or []] == [
        "Dear Sir, the loan é 😀",
        "Yours",
        "Page three",
    ]
    assert result.styles == []


@pytest.mark.parametrize("unit", ["textElements", "unicodeCodePoint", "utf16CodeUnit"])
def test_offsets_are_in_unit_asked_for(serve: Serve, unit: str) -> None:
    _, client = serve()
    result = analyzed(client, string_index_type=unit)
    assert result.string_index_type == unit
    size = 2 if unit == "utf16CodeUnit" else 4
    content = result.content.encode("utf-16-le" if size == 2 else "utf-32-le")
    for page in result.pages:
        for word in page.words or []:
            start = word.span.offset * size
            found = content[start : start + word.span.length * size]
            assert found.decode("utf-16-le" if size == 2 else "utf-32-le") == word.content
            assert 0.976 <= word.confidence <= 0.999


def test_picture_is_measured_in_pixels(serve: Serve) -> None:
    _, client = serve()
    (page,) = analyzed(client, picture("Total")).pages
    assert (page.unit, page.page_number, len(page.words or [])) == ("pixel", 1, 1)


def test_pages_are_chosen(serve: Serve) -> None:
    service, client = serve()
    assert [page.page_number for page in analyzed(client, pages="1,3").pages] == [1, 3]
    assert service.counters.pages == 2
    assert service.counters.ledger[0].pages == (1, 3)


def test_document_may_be_in_json(serve: Serve) -> None:
    _, client = serve()
    assert analyzed(client, AnalyzeDocumentRequest(bytes_source=picture("Total"))).content == "Total"
    assert analyzed(client, {"base64Source": base64.b64encode(picture("Total")).decode()}).content == "Total"


def test_operation_is_known_by_request_id(serve: Serve) -> None:
    service, client = serve()
    poller = client.begin_analyze_document("prebuilt-read", SCAN)
    poller.result()
    assert poller.details["operation_id"] == service.counters.ledger[0].job


def test_running_job_asks_for_second(serve: Serve) -> None:
    """Without that, the client would wait for 30 seconds."""
    service, client = serve(job_seconds=(0.3, 0.3))
    assert analyzed(client).pages
    assert service.counters.requests["status"] == 2


def test_deleted_result_is_gone(serve: Serve) -> None:
    service, client = serve()
    analyzed(client)
    job = service.counters.ledger[0].job
    client.delete_analyze_result("prebuilt-read", job)
    with pytest.raises(ResourceNotFoundError):
        client.delete_analyze_result("prebuilt-read", job)


def test_result_is_kept_for_day(serve: Serve) -> None:
    service, client = serve(job_seconds=(60.0, 60.0))
    token = client.begin_analyze_document("prebuilt-read", SCAN).continuation_token()
    service.clock_offset += timedelta(hours=24)
    with pytest.raises(HttpResponseError) as caught:
        client.begin_analyze_document("prebuilt-read", SCAN, continuation_token=token).result()
    assert caught.value.error is not None and caught.value.error.innererror["code"] == "OperationNotFound"


@pytest.mark.parametrize(
    ("document", "options", "code", "inner"),
    [
        (b"%PDF-1.7", {}, "InvalidRequest", "InvalidContent"),
        (picture("x", height=20_000), {}, "InvalidRequest", "InvalidContentDimensions"),
        (SCAN, {"pages": "0"}, "InvalidArgument", "InvalidParameter"),
        (SCAN, {"pages": "9"}, "InvalidArgument", "InvalidParameter"),
        (SCAN, {"locale": "!"}, "InvalidArgument", "InvalidParameter"),
        (SCAN, {"features": ["faces"]}, "InvalidArgument", "InvalidParameter"),
        (SCAN, {"string_index_type": "bytes"}, "InvalidArgument", "InvalidParameter"),
        ({"urlSource": "https://nowhere.invalid/x.pdf"}, {}, "InvalidRequest", "InvalidContent"),
        ({}, {}, "InvalidArgument", "InvalidContentSourceFormat"),
    ],
)
def test_bad_requests_are_refused(serve: Serve, document: Any, options: dict[str, Any], code: str, inner: str) -> None:
    service, client = serve()
    with pytest.raises(HttpResponseError) as caught:
        analyzed(client, document, **options)
    assert caught.value.status_code == 400
    assert caught.value.error is not None
    assert (caught.value.error.code, caught.value.error.innererror["code"]) == (code, inner)
    assert service.counters.jobs_accepted == 0


def test_recorded_texts_of_refusals(serve: Serve) -> None:
    _, client = serve()
    with pytest.raises(HttpResponseError) as caught:
        analyzed(client, b"%PDF-1.")
    assert caught.value.response is not None
    assert caught.value.response.headers["ms-azure-ai-errorcode"] == "InvalidRequest"
    assert caught.value.response.json()["error"]["innererror"]["message"] == (
        "The file is corrupted or format is unsupported. Refer to documentation for the list of supported formats."
    )
    with pytest.raises(HttpResponseError, match="The parameter faces is invalid: The feature is invalid or not supp"):
        analyzed(client, features=["faces"])
    with pytest.raises(HttpResponseError, match="The parameter Locale is invalid: The language code is invalid or no"):
        analyzed(client, locale="!")


def test_unknown_model_is_not_found(serve: Serve) -> None:
    _, client = serve()
    with pytest.raises(ResourceNotFoundError) as caught:
        client.begin_analyze_document("prebuilt-nothing", SCAN)
    assert caught.value.error is not None and caught.value.error.innererror["code"] == "ModelNotFound"


def test_unknown_version_is_unknown_path(serve: Serve) -> None:
    _, client = serve(client={"api_version": "2031-01-01"})
    with pytest.raises(ResourceNotFoundError, match="Resource not found"):
        analyzed(client)


def test_wrong_key_is_denied(serve: Serve) -> None:
    _, client = serve(key="other")
    with pytest.raises(ClientAuthenticationError, match="Access denied due to invalid subscription key"):
        analyzed(client)


def test_failed_job_is_error(serve: Serve) -> None:
    _, client = serve(service={"faults": FaultPlan(rates={"failed-content": 1.0})})
    with pytest.raises(HttpResponseError) as caught:
        analyzed(client)
    assert caught.value.status_code == 200
    assert caught.value.error is not None
    assert (caught.value.error.code, caught.value.error.details[0].code) == ("InvalidRequest", "InvalidContent")


def test_throttled_submission_is_sent_again(serve: Serve) -> None:
    service, client = serve(service={"faults": FaultPlan(retry_after_seconds=1)})
    service.faults.update({"script": [{"kind": "throttle-429"}]})
    assert analyzed(client).pages
    assert service.counters.responses["429"] == 1


def test_free_tier_reads_two_pages(serve: Serve) -> None:
    _, client = serve(free_tier=True)
    assert [page.page_number for page in analyzed(client).pages] == [1, 2]


def test_free_tier_allows_one_request_a_second(serve: Serve) -> None:
    service, client = serve(free_tier=True, client={"retry_total": 0})
    client.begin_analyze_document("prebuilt-read", SCAN)
    with pytest.raises(HttpResponseError) as caught:
        client.begin_analyze_document("prebuilt-read", SCAN)
    assert caught.value.status_code == 429
    assert service.counters.throttled == {"POST submit": 1}
