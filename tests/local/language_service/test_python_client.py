"""Microsoft's client for Python does the talking: ``azure-ai-textanalytics`` over HTTP.

What is asserted is what a user of that client sees: results, pages, statistics, and errors as exceptions.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.ai.textanalytics import (
    AnalyzeActionsLROPoller,
    AnalyzeHealthcareEntitiesAction,
    ClassifyDocumentResult,
    DocumentError,
    ExtractKeyPhrasesAction,
    MultiLabelClassifyAction,
    RecognizeCustomEntitiesAction,
    RecognizeCustomEntitiesResult,
    RecognizeEntitiesAction,
    RecognizePiiEntitiesAction,
    SingleLabelClassifyAction,
    TextAnalyticsClient,
)
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from local.language_service.faults import FaultPlan
from local.language_service.limits import rules_for
from local.language_service.prebuilt import PrebuiltParameters, entities, healthcare, key_phrases, pii
from local.language_service.projects import LearntProject
from local.language_service.service import LanguageService
from tests.local.language_service.material import CHART, MESSAGE, NEW_LETTER

Serve = Callable[..., tuple[LanguageService, str]]
CUSTOM = {"project_name": "loans", "deployment_name": "production"}
AT_ONCE: dict[str, Any] = {"polling_interval": 0.01}


@pytest.fixture
def connect(serve: Serve) -> Iterator[Callable[..., TextAnalyticsClient]]:
    """Makes clients of new services; keywords as for ``serve``, ``client`` holds arguments of the client."""
    clients = []

    def make(*, client: dict[str, Any] | None = None, **options: Any) -> TextAnalyticsClient:
        _, address = serve(**options)
        arguments = {"credential": AzureKeyCredential("local"), "retry_total": 0, **(client or {})}
        clients.append(TextAnalyticsClient(address, **arguments))
        return clients[-1]

    yield make
    for one in clients:
        one.close()


@pytest.fixture
def client(connect: Callable[..., TextAnalyticsClient]) -> TextAnalyticsClient:
    return connect()


Connect = Callable[..., TextAnalyticsClient]


def suffering(connect: Connect, kind: str) -> TextAnalyticsClient:
    return connect(service={"faults": FaultPlan(rates={kind: 1.0})})


def recognize(client: TextAnalyticsClient, documents: list[Any], **options: Any) -> list[Any]:
    return list(client.begin_recognize_custom_entities(documents, **{**CUSTOM, **AT_ONCE, **options}).result())


@pytest.mark.parametrize("version", ["2022-05-01", "2023-04-01"])
def test_custom_entities_are_recognized(connect: Connect, loans: LearntProject, version: str) -> None:
    client = connect(client={"api_version": version})
    text = "👩 " + NEW_LETTER
    (result,) = recognize(client, [text])
    assert isinstance(result, RecognizeCustomEntitiesResult)
    assert [(one.category, one.offset, one.length, one.confidence_score, one.text) for one in result.entities] == list(
        loans.entities(text)
    )
    assert result.entities


def test_poller_tells_about_job(client: TextAnalyticsClient) -> None:
    poller = client.begin_recognize_custom_entities([NEW_LETTER], display_name="batch-7", **CUSTOM, **AT_ONCE)
    poller.result()
    assert isinstance(poller, AnalyzeActionsLROPoller)
    details = poller.details
    assert details["display_name"] == "batch-7"
    assert (details["expires_on"] - details["created_on"]).total_seconds() == 24 * 3600
    assert details["created_on"] < details["last_modified_on"] < details["expires_on"]
    assert (details["total_actions_count"], details["actions_succeeded_count"]) == (1, 1)
    assert (details["actions_failed_count"], details["actions_in_progress_count"]) == (0, 0)
    assert poller.status() == "succeeded"


def test_documents_come_over_two_pages(serve: Serve, connect: Connect) -> None:
    service, address = serve()
    documents = [{"id": f"doc-{n}", "text": f"{n}. {NEW_LETTER}"} for n in range(25)]
    with TextAnalyticsClient(address, AzureKeyCredential("local")) as client:
        pages = client.begin_recognize_custom_entities(documents, **CUSTOM, **AT_ONCE).result().by_page()
        found = [[result.id for result in page] for page in pages]
    assert [len(page) for page in found] == [20, 5]
    assert [one for page in found for one in page] == [document["id"] for document in documents]
    assert service.counters.documents_accepted == 25


def test_statistics_are_shown(client: TextAnalyticsClient) -> None:
    results = recognize(client, [NEW_LETTER, "x" * 1500], show_stats=True)
    assert [(one.statistics.character_count, one.statistics.transaction_count) for one in results] == [
        (len(NEW_LETTER), 1),
        (1500, 2),
    ]


def test_documents_get_one_class(client: TextAnalyticsClient) -> None:
    poller = client.begin_single_label_classify(
        ["We repay the loan with interest.", "A hedge, roses and apple trees in the garden."],
        project_name="notes",
        deployment_name="production",
        **AT_ONCE,
    )
    first, second = poller.result()
    assert isinstance(first, ClassifyDocumentResult)
    assert [one.category for one in first.classifications + second.classifications] == ["loan", "garden"]
    assert 0 < first.classifications[0].confidence_score <= 1


def test_documents_get_several_classes(client: TextAnalyticsClient) -> None:
    poller = client.begin_multi_label_classify(
        ["We repay the loan with interest. Roses and apple trees and a hedge in the garden.", "Quokka."],
        project_name="tags",
        deployment_name="production",
        **AT_ONCE,
    )
    several, none = poller.result()
    assert {one.category for one in several.classifications} <= {"loan", "garden"}
    assert several.classifications
    assert none.classifications == []


ALL_ACTIONS = [
    RecognizeCustomEntitiesAction("loans", "production"),
    SingleLabelClassifyAction("notes", "production"),
    MultiLabelClassifyAction("tags", "production"),
    RecognizeCustomEntitiesAction("loans", "production"),
]


def test_actions_are_matched_by_name(client: TextAnalyticsClient) -> None:
    poller = client.begin_analyze_actions(
        [{"id": "a", "text": NEW_LETTER}, {"id": "bad", "text": ""}], ALL_ACTIONS, **AT_ONCE
    )
    of_letter, of_bad = poller.result()
    assert [type(one) for one in of_letter] == [
        RecognizeCustomEntitiesResult,
        ClassifyDocumentResult,
        ClassifyDocumentResult,
        RecognizeCustomEntitiesResult,
    ]
    assert of_letter[0].entities == of_letter[3].entities
    assert all(isinstance(one, DocumentError) and one.id == "bad" for one in of_bad)
    assert len(of_bad) == 4
    assert poller.details["total_actions_count"] == 4


PREBUILT_ACTIONS = [
    RecognizeEntitiesAction(),
    RecognizePiiEntitiesAction(domain_filter="phi", categories_filter=["Person", "Email"]),
    AnalyzeHealthcareEntitiesAction(),
    ExtractKeyPhrasesAction(),
]


@pytest.mark.parametrize("version", ["2022-05-01", "2023-04-01"])
def test_prebuilt_kinds_are_answered(connect: Connect, version: str) -> None:
    client = connect(client={"api_version": version})
    text = f"👩 {MESSAGE}\n{CHART}"
    ((named, personal, health, phrases),) = client.begin_analyze_actions([text], PREBUILT_ACTIONS, **AT_ONCE).result()

    assert [(one.category, one.subcategory, one.offset, one.text) for one in named.entities] == [
        (one.category, one.subcategory, one.offset, one.text) for one in entities(text, PrebuiltParameters())
    ]
    only = PrebuiltParameters(domain="phi", included=frozenset({"Person", "Email"}))
    assert [(one.category, one.text) for one in personal.entities] == [
        (one.category, one.text) for one in pii(text, only)
    ]
    assert personal.redacted_text.startswith("👩 Dr. *********** of Kearney Bank")
    found, relations = healthcare(text)
    assert [(one.text, one.normalized_text) for one in health.entities] == [(one.found.text, one.name) for one in found]
    assert [(one.relation_type, *(role.entity.text for role in one.roles)) for one in health.entity_relations] == [
        (one.kind, *(found[place].found.text for place, _ in one.roles)) for one in relations
    ]
    negated = next(one for one in health.entities if one.text == "chest pain")
    assert negated.assertion.certainty == "negative"
    assert [source.entity_id for source in negated.data_sources] == ["C0008031"]
    assert phrases.key_phrases == key_phrases(text)


def test_bad_domain_is_refused(client: TextAnalyticsClient) -> None:
    with pytest.raises(HttpResponseError, match="Supported values: phi,none"):
        client.begin_analyze_actions([MESSAGE], [RecognizePiiEntitiesAction(domain_filter="all")], **AT_ONCE)


def test_empty_document_is_document_error(client: TextAnalyticsClient) -> None:
    good, empty, odd = recognize(
        client, [{"id": "1", "text": "x"}, {"id": "2", "text": ""}, {"id": "3", "text": "x", "language": "tlh"}]
    )
    assert not good.is_error
    assert (empty.is_error, empty.error.code, empty.error.message) == (
        True,
        "InvalidDocument",
        "Document text is empty.",
    )
    assert odd.error.code == "UnsupportedLanguageCode"


def test_cancelled_job_has_no_results(connect: Connect) -> None:
    client = connect(job_seconds=(1e5, 1e5))
    poller = client.begin_analyze_actions([NEW_LETTER], ALL_ACTIONS[:2], **AT_ONCE)
    poller.cancel()
    ((first, second),) = poller.result()
    assert poller.status() == "cancelled"
    for one in (first, second):
        assert one.error.message == "No result for document. Action returned status 'cancelled'."


def test_finished_job_cannot_be_cancelled(client: TextAnalyticsClient) -> None:
    poller = client.begin_recognize_custom_entities([NEW_LETTER], **CUSTOM, **AT_ONCE)
    poller.result()
    with pytest.raises(HttpResponseError) as caught:
        poller.cancel()
    assert caught.value.status_code == 400
    assert "Failed to cancel job with job id" in str(caught.value)


@pytest.mark.parametrize(
    ("documents", "options", "code", "message"),
    [
        (["x"] * 26, {}, "InvalidDocumentBatch", "Max 25 records are permitted."),
        ([""], {}, "InvalidDocumentBatch", "Document text is empty."),
        ([{"id": "1", "text": "a"}, {"id": "1", "text": "b"}], {}, "InvalidDocument", "duplicated Ids"),
        (["x" * 125_001], {}, "InvalidDocumentBatch", "too large"),
        (["x"], {"string_index_type": "Bytes"}, "InvalidParameterValue", "Job task parameter value 'Bytes'"),
    ],
)
def test_refused_request_has_inner_code(
    client: TextAnalyticsClient, documents: list[Any], options: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        recognize(client, documents, **options)
    error = caught.value
    assert (error.status_code, error.error.code) == (400, code)
    assert message in str(error)


def test_wrong_key_is_authentication_error(connect: Connect) -> None:
    client = connect(client={"credential": AzureKeyCredential("wrong")})
    with pytest.raises(ClientAuthenticationError, match="Access denied due to invalid subscription key"):
        recognize(client, ["x"])


def test_unknown_project_is_not_found(client: TextAnalyticsClient) -> None:
    with pytest.raises(ResourceNotFoundError, match="The project other"):
        recognize(client, ["x"], project_name="other")


def test_failed_task_is_document_error(connect: Connect) -> None:
    client = connect(unknown_project="failed-task")
    actions = [RecognizeCustomEntitiesAction("other", "production"), RecognizeCustomEntitiesAction("loans", "d")]
    ((failed, done),) = client.begin_analyze_actions([NEW_LETTER], actions, **AT_ONCE).result()
    assert (failed.is_error, failed.error.code) == (True, "ProjectNotFound")
    assert done.entities


def test_used_up_quota_is_http_error_at_once(connect: Connect) -> None:
    # With retries on: the client must not wait fifteen days.
    client = connect(service={"faults": FaultPlan(rates={"quota-403": 1.0})}, client={"retry_total": 3})
    with pytest.raises(HttpResponseError, match="Out of call volume quota for TextAnalytics F0") as caught:
        recognize(client, ["x"])
    assert caught.value.status_code == 403


@pytest.mark.parametrize("kind", ["throttle-429", "throttle-429-bare"])
def test_throttling_is_http_error(connect: Connect, kind: str) -> None:
    with pytest.raises(HttpResponseError, match="have exceeded rate limit") as caught:
        recognize(suffering(connect, kind), ["x"])
    assert caught.value.status_code == 429


def test_client_honours_retry_after(serve: Serve) -> None:
    service, address = serve(service={"rate_rules": rules_for(2)}, job_seconds=(0, 0))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        service.clock_offset += type(service.clock_offset)(seconds=seconds)

    with TextAnalyticsClient(address, AzureKeyCredential("local")) as client:
        client._client._client._pipeline._transport.sleep = sleep
        assert len(recognize(client, [NEW_LETTER])) == 1
        assert len(recognize(client, [NEW_LETTER])) == 1
    assert slept
    assert all(0 < seconds <= 60 for seconds in slept)
    assert service.counters.throttled.total() == len(slept)


@pytest.mark.parametrize(
    ("kind", "status"), [("error-500", 500), ("error-502", 502), ("error-503", 503), ("error-504", 504)]
)
def test_server_fault_is_http_error(connect: Connect, kind: str, status: int) -> None:
    with pytest.raises(HttpResponseError) as caught:
        recognize(suffering(connect, kind), ["x"])
    assert caught.value.status_code == status


def test_failed_job_raises_its_error(connect: Connect) -> None:
    with pytest.raises(HttpResponseError, match=r"\(InternalServerError\) An internal error"):
        recognize(suffering(connect, "failed"), ["x"])
    with pytest.raises(HttpResponseError, match="Operation returned an invalid status 'OK'"):
        recognize(suffering(connect, "failed-bare"), ["x"])


def test_failed_action_is_document_error(connect: Connect) -> None:
    client = suffering(connect, "partial")
    ((done, failed),) = client.begin_analyze_actions([NEW_LETTER], ALL_ACTIONS[:2], **AT_ONCE).result()
    assert done.entities
    assert failed.error.code == "InternalServerError"


def test_vanished_job_is_not_found(connect: Connect) -> None:
    client = suffering(connect, "vanished")
    with pytest.raises(HttpResponseError, match=r"\(NotFound\) Job with job id .* is not found") as caught:
        recognize(client, ["x"])
    assert caught.value.status_code == 404


@pytest.mark.parametrize("kind", ["cut-before", "cut-after"])
def test_cut_connection_is_connection_error(connect: Connect, kind: str) -> None:
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        recognize(suffering(connect, kind), ["x"])


def test_token_over_http_is_optional(serve: Serve) -> None:
    class Credential:
        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            assert scopes == ("https://cognitiveservices.azure.com/.default",)
            return AccessToken("t-1", 2**31)

    _, address = serve(service={"tokens": ["t-1"]})
    with TextAnalyticsClient(address, Credential()) as client:
        # Tokens are sent over https only, unless each request says that http is meant.
        assert len(recognize(client, [NEW_LETTER], enforce_https=False)) == 1
