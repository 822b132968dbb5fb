"""Each kind of task through the whole app, beside Microsoft's client asking the same service the same question."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest
from azure.ai.textanalytics import (
    AnalyzeHealthcareEntitiesAction,
    ExtractKeyPhrasesAction,
    MultiLabelClassifyAction,
    RecognizeCustomEntitiesAction,
    RecognizeEntitiesAction,
    RecognizePiiEntitiesAction,
    SingleLabelClassifyAction,
    TextAnalyticsClient,
)
from azure.core.credentials import AzureKeyCredential

from docs.generate.schemas import FOLDER
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from local.language_service.behaviour import Behaviour
from local.language_service.service import LanguageService
from local.stand_in.web import in_background
from tests.local.language_service.material import CHART, MESSAGE, TickingClock
from tests.support.scenarios import results_of
from tests.support.world import PROJECTS, World

TEXT = f"👩 {MESSAGE}\n{CHART}\nThe loan for the travel of Mary Miller is $900, a loan without interest.\n"


def entities_of(client: Any) -> list[dict[str, Any]]:
    return [
        {
            "text": one.text,
            "category": one.category,
            "subcategory": one.subcategory,
            "offset": one.offset,
            "length": one.length,
            "confidenceScore": one.confidence_score,
        }
        for one in client.entities
    ]


def our_entities(result: dict[str, Any]) -> list[dict[str, Any]]:
    fields = ("text", "category", "subcategory", "offset", "length", "confidenceScore")
    return [{field: one.get(field) for field in fields} for one in result["entities"]]


def classes_of(client: Any) -> list[dict[str, Any]]:
    return [{"category": one.category, "confidenceScore": one.confidence_score} for one in client.classifications]


def check_entities(world: World, result: dict[str, Any], client: Any) -> None:
    assert our_entities(result) == entities_of(client)
    assert result["entities"]


def check_classes(world: World, result: dict[str, Any], client: Any) -> None:
    assert result["classes"] == classes_of(client)
    assert result["classes"]


def check_pii(world: World, result: dict[str, Any], client: Any) -> None:
    check_entities(world, result, client)
    blob = world.output.read(result["redacted"]["blob"])
    assert blob.data.decode() == client.redacted_text
    assert blob.info.content_type == "text/plain; charset=utf-8"


def check_healthcare(world: World, result: dict[str, Any], client: Any) -> None:
    check_entities(world, result, client)
    for ours, theirs in zip(result["entities"], client.entities, strict=True):
        assert ours.get("name") == theirs.normalized_text
        assert [(one["dataSource"], one["id"]) for one in ours.get("links", [])] == [
            (one.name, one.entity_id) for one in theirs.data_sources or []
        ]
        stated = theirs.assertion
        fields = ("certainty", "conditionality", "association")
        assert [ours.get("assertion", {}).get(field) for field in fields] == [
            getattr(stated, field) if stated else None for field in fields
        ]
    assert [
        (one["relationType"], one["confidenceScore"], [(role["role"], role["entity"]) for role in one["entities"]])
        for one in result["relations"]
    ] == [
        (
            one.relation_type,
            one.confidence_score,
            [(role.name, client.entities.index(role.entity)) for role in one.roles],
        )
        for one in client.entity_relations
    ]
    assert result["relations"]


def check_phrases(world: World, result: dict[str, Any], client: Any) -> None:
    assert result["keyPhrases"] == client.key_phrases
    assert result["keyPhrases"]


@dataclass(frozen=True)
class Kind:
    """A kind of task: how a rule asks for it, how the client does, and how their answers are compared."""

    task: dict[str, Any]
    action: Any
    suffix: str
    check: Callable[[World, dict[str, Any], Any], None]


def of_project(kind: str, project: str) -> dict[str, Any]:
    return {"kind": kind, "project": project, "deployment": "production"}


KINDS = {
    "entities": Kind(
        of_project("CustomEntityRecognition", "loans"),
        RecognizeCustomEntitiesAction("loans", "production"),
        ".entities.json",
        check_entities,
    ),
    "class": Kind(
        of_project("CustomSingleLabelClassification", "notes"),
        SingleLabelClassifyAction("notes", "production"),
        ".classes.json",
        check_classes,
    ),
    "classes": Kind(
        of_project("CustomMultiLabelClassification", "tags") | {"name": "tags"},
        MultiLabelClassifyAction("tags", "production"),
        ".tags.classes.json",
        check_classes,
    ),
    "prebuilt entities": Kind(
        {"kind": "EntityRecognition"}, RecognizeEntitiesAction(), ".prebuilt-entities.json", check_entities
    ),
    "PII": Kind(
        {"kind": "PiiEntityRecognition", "domain": "phi", "piiCategories": ["Person", "Email", "Address"]},
        RecognizePiiEntitiesAction(domain_filter="phi", categories_filter=["Person", "Email", "Address"]),
        ".pii.json",
        check_pii,
    ),
    "healthcare": Kind({"kind": "Healthcare"}, AnalyzeHealthcareEntitiesAction(), ".healthcare.json", check_healthcare),
    "key phrases": Kind({"kind": "KeyPhraseExtraction"}, ExtractKeyPhrasesAction(), ".keyphrases.json", check_phrases),
}


@pytest.fixture(scope="module")
def client() -> Iterator[TextAnalyticsClient]:
    service = LanguageService(PROJECTS, key="local", behaviour=Behaviour(), clock=TickingClock())
    with in_background(service) as address, TextAnalyticsClient(address, AzureKeyCredential("local")) as connected:
        yield connected


def asked_by_client(client: TextAnalyticsClient, *kinds: Kind) -> list[Any]:
    (answers,) = client.begin_analyze_actions([TEXT], [one.action for one in kinds], polling_interval=0.01).result()
    return list(answers)


def is_valid(result: dict[str, Any], suffix: str) -> bool:
    name = f"{suffix.split('.')[-2]}.schema.json"
    jsonschema.validate(result, json.loads((FOLDER / name).read_text("utf-8")))
    return True


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_app_and_client_agree(world: World, client: TextAnalyticsClient, kind: Kind) -> None:
    world.write_rules({"match": "**", "tasks": [kind.task]})
    world.drop("a.txt", TEXT)
    world.run()
    (theirs,) = asked_by_client(client, kind)
    ours = world.result("a.txt", kind.suffix)
    assert ours is not None
    assert is_valid(ours, kind.suffix)
    kind.check(world, ours, theirs)
    world.check_quiet()


def test_all_kinds_share_one_job(world: World, client: TextAnalyticsClient) -> None:
    world.write_rules({"match": "**", "tasks": [one.task for one in KINDS.values()]})
    world.drop("a.txt", TEXT)
    world.run()
    for kind, theirs in zip(KINDS.values(), asked_by_client(client, *KINDS.values()), strict=True):
        ours = world.result("a.txt", kind.suffix)
        assert ours is not None
        kind.check(world, ours, theirs)
    assert results_of(world) == sorted([*(f"a.txt{one.suffix}" for one in KINDS.values()), "a.txt.redacted.txt"])
    assert [len(world.exchanges(method)) for method in ("POST", "GET")] == [1, 1]
    world.check_quiet()


def test_preview_classifies_too(client: TextAnalyticsClient) -> None:
    world = World(settings={"LANGUAGE_API_VERSION": "v3.1-preview.ct.1"})
    kinds = [KINDS["entities"], KINDS["class"], KINDS["classes"]]
    world.write_rules({"match": "**", "tasks": [one.task for one in kinds]})
    world.drop("a.txt", TEXT)
    world.run()
    for kind, theirs in zip(kinds, asked_by_client(client, *kinds), strict=True):
        ours = world.result("a.txt", kind.suffix)
        assert ours is not None
        kind.check(world, ours, theirs)


def test_detected_language_is_in_result(world: World) -> None:
    world.write_rules({"match": "**", "language": "auto", "tasks": [{"kind": "KeyPhraseExtraction"}]})
    world.drop("a.txt", "Der Vertrag ist mit der Bank und nicht mit dem Makler.")
    world.run()
    result = world.result("a.txt", ".keyphrases.json")
    assert result is not None
    assert (result["document"]["language"], result["detectedLanguage"]) == ("auto", "de")


def test_doubtful_results_are_marked(world: World) -> None:
    kinds = [KINDS["prebuilt entities"], KINDS["class"]]
    world.write_rules({"match": "**", "reviewBelow": 0.8, "tasks": [one.task for one in kinds]})
    world.drop("a.txt", "Grace borrows from Kearney Bank, a travel.")
    world.run()
    entities, classes = (world.result("a.txt", one.suffix) for one in kinds)
    assert entities is not None and classes is not None
    marked = [one["text"] for one in entities["entities"] if one.get("review")]
    assert marked == [one["text"] for one in entities["entities"] if one["confidenceScore"] < 0.8] != []
    assert [one["review"] for one in classes["classes"]] == [True]
    assert (entities["review"], classes["review"]) == (True, True)
    assert world.output.get_properties("a.txt.classes.json").metadata["review"] == "true"
    assert world.state.get_properties("documents/a.txt").metadata["review"] == "true"


def test_sure_results_are_not_marked(world: World) -> None:
    world.write_rules({"match": "**", "reviewBelow": 0.3, "tasks": [KINDS["entities"].task]})
    world.drop("a.txt", TEXT)
    world.run()
    result = world.entities("a.txt")
    assert result is not None
    assert not result["review"]
    assert "review" not in world.output.get_properties("a.txt.entities.json").metadata


# --- Documents of several requests ---


def long_text() -> str:
    clauses = (
        f"Clause {number}: Grace Miller pays $9{number} by grace.miller{number}@example.com for the loan. "
        f"She takes metformin {number} mg daily."
        for number in range(3_000)
    )
    return "\n".join(clauses)


@pytest.fixture(scope="module")
def long_world() -> World:
    """A document of several requests, for which every kind was asked."""
    world = World()
    world.write_rules({"match": "**", "tasks": [one.task for one in KINDS.values()]})
    world.drop("long.txt", long_text())
    world.run()
    return world


def long_result(world: World, suffix: str) -> dict[str, Any]:
    result = world.result("long.txt", suffix)
    assert result is not None, world.describe()
    # Thousands of parts are checked against the schema by the first ones: checking takes longer than finding them.
    beginning = {field: value[:50] if isinstance(value, list) else value for field, value in result.items()}
    assert is_valid(beginning, suffix)
    return result


def test_long_document_has_every_result(long_world: World) -> None:
    assert len(long_text()) > 2 * MAX_REQUEST_CHARACTERS
    assert results_of(long_world) == sorted(
        [*(f"long.txt{one.suffix}" for one in KINDS.values()), "long.txt.redacted.txt"]
    )
    long_world.check_quiet()


@pytest.mark.parametrize("suffix", [".entities.json", ".prebuilt-entities.json", ".pii.json", ".healthcare.json"])
def test_long_document_has_each_entity_once(long_world: World, suffix: str) -> None:
    text, result = long_text(), long_result(long_world, suffix)
    entities = result["entities"]
    assert all(text[one["offset"] : one["offset"] + one["length"]] == one["text"] for one in entities)
    assert len({(one["offset"], one["category"]) for one in entities}) == len(entities) > 3_000


def test_long_document_is_masked_throughout(long_world: World) -> None:
    result = long_result(long_world, ".pii.json")
    redacted = long_world.output.read("long.txt.redacted.txt").data.decode()
    assert len(redacted) == len(long_text())
    assert "Grace" not in redacted and "@example.com" not in redacted
    assert redacted.count("Clause") == 3_000
    assert len(result["entities"]) == 6_000


def test_classes_of_long_document_are_combined(long_world: World) -> None:
    single, multi = long_result(long_world, ".classes.json"), long_result(long_world, ".tags.classes.json")
    assert single["combined"] is multi["combined"] is True
    assert [one["category"] for one in single["classes"]] == ["loan"]
    assert single["classes"][0]["confidenceScore"] == pytest.approx(0.99, abs=0.01)


def test_relations_of_long_document_stay_within_chunks(long_world: World) -> None:
    result = long_result(long_world, ".healthcare.json")
    entities = result["entities"]
    assert [warning["code"] for warning in result["warnings"]] == ["RelationsCut"]
    dosages = [one for one in result["relations"] if one["relationType"] == "DosageOfMedication"]
    assert len(dosages) == 3_000
    for one in dosages:
        dosage, medication = (entities[role["entity"]] for role in one["entities"])
        assert (dosage["category"], medication["text"]) == ("Dosage", "metformin")
        assert 0 < dosage["offset"] - medication["offset"] < 20


def test_phrases_of_long_document_are_united(long_world: World) -> None:
    phrases = long_result(long_world, ".keyphrases.json")["keyPhrases"]
    assert len(phrases) == len(set(phrases))
