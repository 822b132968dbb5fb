"""Microsoft's client for JavaScript does the talking: ``@azure/ai-language-text`` on Node, over HTTP.

``client.mjs`` goes through all flows once and prints what its user sees; each test looks at one of them.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.language_service.behaviour import Behaviour
from local.language_service.faults import FaultPlan
from local.language_service.prebuilt import PrebuiltParameters, entities, healthcare, key_phrases
from local.language_service.projects import LearntProject
from local.language_service.service import LanguageService
from local.stand_in.web import in_background
from tests.local.language_service.material import CHART, MESSAGE, NEW_LETTER, TickingClock

pytestmark = pytest.mark.processes

#: The letter after two emoji (two UTF-16 units each) and a letter with a combining mark (no text element of its own).
PREFIXED = "👩🏽 e\u0301t. " + NEW_LETTER
TEXT = f"👩 {MESSAGE} {CHART}"
NOTES = ["We repay the loan with interest.", "Quokka."]
#: A service of its own for each injected fault.
FAULTS = ("quota-403", "throttle-429-bare", "error-500", "cut-before", "failed", "vanished")


@pytest.fixture(scope="module")
def seen(projects: list[LearntProject]) -> Iterator[dict[str, Any]]:
    def service(seconds: tuple[float, float] = (1.5, 3.0), fault: str | None = None) -> LanguageService:
        rates = {fault: 1.0} if fault else {}
        return LanguageService(
            projects,
            behaviour=Behaviour(job_seconds=seconds),
            faults=FaultPlan(rates=rates),
            clock=TickingClock(),
        )

    services = {"plain": service(), "slow": service((1e5, 1e5)), **{kind: service(fault=kind) for kind in FAULTS}}
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(in_background(one)) for name, one in services.items()}
        yield _run(
            {"addresses": addresses, "letter": NEW_LETTER, "prefixed": PREFIXED, "notes": NOTES, "message": TEXT}
        )


def _run(arguments: dict[str, Any]) -> dict[str, Any]:
    node = shutil.which("node")
    assert node, "Node.js is needed for this test; 'make setup' needs it, too."
    script = Path(__file__).with_name("client.mjs")
    # Node finds the client in node_modules of the folder above the script.
    done = subprocess.run(
        [node, str(script), json.dumps(arguments)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def results(flow: dict[str, Any], action: int = 0) -> Any:
    return flow["found"][action]["results"]


def test_custom_entities_are_recognized(seen: dict[str, Any], loans: LearntProject) -> None:
    (document,) = results(seen["utf16"])
    assert document["entities"] == [
        {
            "text": one.text,
            "category": one.category,
            "offset": one.offset + 2,
            "length": one.length,
            "confidenceScore": one.confidence,
        }
        for one in loans.entities(PREFIXED)
    ]
    assert document["entities"]


# For custom entities the client sends no unit of its own, so the service's default counts.
@pytest.mark.parametrize(("flow", "shift"), [("codePoints", 0), ("utf16", 2), ("entities", -1)])
def test_offsets_are_in_requested_unit(seen: dict[str, Any], loans: LearntProject, flow: str, shift: int) -> None:
    (document,) = results(seen[flow])
    assert [one["offset"] for one in document["entities"]] == [one.offset + shift for one in loans.entities(PREFIXED)]


def test_first_stable_version_answers_too(seen: dict[str, Any]) -> None:
    assert seen["version2022"]["state"]["status"] == "succeeded"
    assert results(seen["version2022"])[0]["entities"]


def test_poller_tells_about_job(seen: dict[str, Any]) -> None:
    state = seen["entities"]["state"]
    assert (state["status"], state["displayName"]) == ("succeeded", "batch-7")
    assert (state["actionSucceededCount"], state["actionFailedCount"]) == (1, 0)
    assert state["createdOn"] < state["modifiedOn"] < state["expiresOn"]


def test_several_actions_are_answered(seen: dict[str, Any]) -> None:
    found = seen["several"]["found"]
    assert [one["kind"] for one in found] == [
        "CustomEntityRecognition",
        "CustomSingleLabelClassification",
        "CustomMultiLabelClassification",
        "CustomEntityRecognition",
    ]
    assert [one["projectName"] for one in found] == ["loans", "notes", "tags", "loans"]
    assert results(seen["several"], 0) == results(seen["several"], 3)
    of_single, of_multi = results(seen["several"], 1), results(seen["several"], 2)
    assert of_single[1]["classifications"][0]["category"] == "loan"
    assert all(len(document["classifications"]) == 1 for document in of_single)
    assert of_multi[2]["classifications"] == []


def test_prebuilt_kinds_are_answered(seen: dict[str, Any]) -> None:
    assert [one["kind"] for one in seen["prebuilt"]["found"]] == [
        "EntityRecognition",
        "PiiEntityRecognition",
        "Healthcare",
        "KeyPhraseExtraction",
    ]
    (named,), (personal,), (health,), (phrases,) = (results(seen["prebuilt"], action) for action in range(4))
    assert [one["text"] for one in named["entities"]] == [one.text for one in entities(TEXT, PrebuiltParameters())]
    assert [one["text"] for one in personal["entities"]] == ["Jane Foster", "jane.foster@example.com"]
    assert personal["redactedText"].startswith("👩 Dr. *********** of Kearney Bank")
    found, relations = healthcare(TEXT)
    assert [one["text"] for one in health["entities"]] == [one.found.text for one in found]
    assert [[role["entity"]["text"] for role in one["roles"]] for one in health["entityRelations"]] == [
        [found[place].found.text for place, _ in one.roles] for one in relations
    ]
    assert phrases["keyPhrases"] == key_phrases(TEXT)


def test_statistics_are_shown(seen: dict[str, Any]) -> None:
    (action,) = seen["statistics"]["found"]
    assert action["statistics"]["transactionCount"] == 3
    assert [one["statistics"] for one in action["results"]] == [
        {"characterCount": len(NEW_LETTER), "transactionCount": 1},
        {"characterCount": 1500, "transactionCount": 2},
    ]


def test_documents_come_over_two_pages(seen: dict[str, Any]) -> None:
    first, second = seen["pages"]
    assert [[str(n) for n in range(20)]] == first
    assert [[str(n) for n in range(20, 25)]] == second


def test_document_error_keeps_its_place(seen: dict[str, Any]) -> None:
    good, empty, odd = results(seen["documentErrors"])
    assert "error" not in good
    assert (empty["id"], empty["error"]["code"], empty["error"]["message"]) == (
        "2",
        "InvalidDocument",
        "Document text is empty.",
    )
    assert odd["error"]["code"] == "UnsupportedLanguageCode"


def test_job_is_cancelled(seen: dict[str, Any]) -> None:
    assert seen["cancelled"]["status"] == "canceled"


def test_finished_job_cannot_be_cancelled(seen: dict[str, Any]) -> None:
    error = seen["cancelledTooLate"]
    assert error["status"] == 400
    assert "as its already completed." in error["message"]


@pytest.mark.parametrize(
    ("flow", "status", "code", "message"),
    [
        ("tooMany", 400, "InvalidDocumentBatch", "Max 25 records are permitted."),
        ("allEmpty", 400, "InvalidDocumentBatch", "Document text is empty."),
        ("duplicates", 400, "InvalidDocument", "duplicated Ids"),
        ("tooLarge", 400, "InvalidDocumentBatch", "too large"),
        ("badParameter", 400, "InvalidParameterValue", "Job task parameter value 'Bytes'"),
        ("wrongKey", 401, "401", "Access denied due to invalid subscription key"),
        ("unknownProject", 404, "ProjectNotFound", "The project other"),
        ("quota", 403, "403", "Out of call volume quota for TextAnalytics F0 pricing tier."),
        ("throttled", 429, "429", "have exceeded rate limit"),
        ("serverFault", 500, "InternalServerError", "An internal error has occurred."),
    ],
)
def test_error_of_service_is_rest_error(seen: dict[str, Any], flow: str, status: int, code: str, message: str) -> None:
    error = seen[flow]
    assert error["name"] == "RestError"
    assert (error["status"], error["code"]) == (status, code)
    assert message in error["message"]


def test_failed_job_is_error(seen: dict[str, Any]) -> None:
    assert seen["failed"] is not None
    assert "failed" in seen["failed"]["message"].lower()


def test_vanished_job_is_error(seen: dict[str, Any]) -> None:
    # Version 1.1.0 looks for a status in the error's body and stumbles over its own feet: that is what its user sees.
    assert seen["vanished"]["name"] == "TypeError"


def test_cut_connection_has_no_status(seen: dict[str, Any]) -> None:
    assert seen["cut"]["name"] == "RestError"
    assert "status" not in seen["cut"]
