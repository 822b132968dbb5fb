"""Every kind of task: its parameters, its names, and what it makes of answers that are odd."""

import hashlib
from typing import Any

import msgspec
import pytest

from functions import problems
from functions.core.records import Chunk, JobFacts
from functions.errors import Problem, Warning
from functions.tasks.classification import (
    Class,
    ClassesChunk,
    ClassesResult,
    CustomMultiLabelClassification,
    CustomSingleLabelClassification,
    FoundClasses,
)
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.tasks.entities import FoundEntities, FoundEntity
from functions.tasks.healthcare import Healthcare, HealthcareResult
from functions.tasks.key_phrases import FoundPhrases, KeyPhraseExtraction, PhrasesChunk
from functions.tasks.kinds import KINDS, Task
from functions.tasks.pii import FoundPii, PiiEntityRecognition, PiiResult, RedactionPolicy
from functions.tasks.prebuilt_entities import EntityRecognition, OverlapPolicy, PrebuiltEntitiesResult
from functions.tasks.task import ChunkResult, Found, ModelFacts, ResultFile, nowhere
from functions.text.offsets import CODE_POINT
from tests.support.material import chunk, job_facts, result_facts

JOB = job_facts()
COMMON = Found(model_version="2023-09-01")


def parsed(task: Task, entry: dict[str, Any]) -> Any:
    return task.parse(entry, COMMON)


def located(task: Task, text: str, entry: dict[str, Any], part: Chunk | None = None, job: JobFacts = JOB) -> Any:
    found = parsed(task, entry)
    assert isinstance(found, Found), found
    whole = chunk(end=len(text), own_end=len(text))
    return task.locate(part or whole, text, found, CODE_POINT, job, nowhere)


def result_of(task: Task, *chunks: ChunkResult, text: str | None = None, **facts: Any) -> Any:
    first, *_ = task.outputs(result_facts(**facts), chunks, text)
    assert first.suffix == task.suffix
    assert isinstance(first.content, ResultFile)
    return first.content


def entity(text: str, offset: int, **fields: Any) -> dict[str, Any]:
    given = {"text": text, "category": "C", "offset": offset, "length": len(text), "confidenceScore": 0.9}
    return {**given, **fields}


# --- Parameters ---


@pytest.mark.parametrize("kind", KINDS)
def test_kind_is_its_own_tag(kind: str) -> None:
    task = KINDS[kind]()
    assert task.kind == kind
    assert task.as_task(CODE_POINT)["kind"] == kind
    assert msgspec.json.decode(msgspec.json.encode(task), type=Task) == task


def test_no_two_kinds_share_a_file_but_classifications() -> None:
    suffixes = [suffix for kind in KINDS.values() for suffix in kind.file_suffixes]
    assert sorted(suffixes) == sorted([*set(suffixes), ".classes.json"])


def test_given_name_is_in_names_and_files() -> None:
    task = PiiEntityRecognition(given_name="mail")
    assert (task.name, task.suffixes) == ("mail", (".mail.pii.json", ".mail.redacted.txt"))
    assert task.as_task(CODE_POINT)["taskName"] == "mail"


@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        (
            CustomEntityRecognition(project="p", deployment="d"),
            {"projectName": "p", "deploymentName": "d", "stringIndexType": CODE_POINT},
        ),
        (CustomSingleLabelClassification(project="p", deployment="d"), {"projectName": "p", "deploymentName": "d"}),
        (KeyPhraseExtraction(model_version="2022-10-01"), {"modelVersion": "2022-10-01"}),
        (Healthcare(), {"stringIndexType": CODE_POINT}),
        (
            EntityRecognition(inclusion_list=("Person",), overlap_policy=OverlapPolicy(policy_kind="matchLongest")),
            {
                "inclusionList": ["Person"],
                "overlapPolicy": {"policyKind": "matchLongest"},
                "stringIndexType": CODE_POINT,
            },
        ),
        (
            PiiEntityRecognition(domain="phi", pii_categories=("Person", "Email")),
            {"domain": "phi", "piiCategories": ["Person", "Email"], "stringIndexType": CODE_POINT},
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, msgspec.Struct) else "",
)
def test_parameters_are_spelt_as_in_api(task: Task, parameters: dict[str, Any]) -> None:
    assert task.as_task(CODE_POINT)["parameters"] == {**parameters, "loggingOptOut": True}


def test_preview_tasks_are_named_where_there_are_several() -> None:
    task = CustomMultiLabelClassification(project="p", deployment="d", given_name="tags")
    model = {"project-name": "p", "deployment-name": "d"}
    name, spelled = task.as_preview_task(CODE_POINT, is_named=True)
    assert (name, spelled) == ("customMultiClassificationTasks", {"taskName": "tags", "parameters": model})
    assert task.as_preview_task(CODE_POINT, is_named=False)[1] == {"parameters": model}


def test_results_name_what_was_asked() -> None:
    asked = PiiEntityRecognition(domain="phi").facts("2023-04-01")
    assert msgspec.to_builtins(asked) == {
        "apiVersion": "2023-04-01",
        "kind": "PiiEntityRecognition",
        "parameters": {"domain": "phi"},
    }
    answered = msgspec.structs.replace(asked, model_version="2023-09-01")
    assert answered.is_asked_like(asked)
    some = PiiEntityRecognition(pii_categories=("Person",)).facts("2023-04-01")
    assert msgspec.json.decode(msgspec.json.encode(some), type=ModelFacts).is_asked_like(some)
    assert not answered.is_asked_like(PiiEntityRecognition().facts("2023-04-01"))


# --- What can not be read ---


@pytest.mark.parametrize("task", [KINDS[kind]() for kind in KINDS], ids=list(KINDS))
@pytest.mark.parametrize("value", [None, "none", 7, {}], ids=str)
def test_entry_without_its_list_is_problem(task: Task, value: Any) -> None:
    entry = dict.fromkeys(("entities", "class", "keyPhrases"), value)
    problem = parsed(task, entry)
    assert isinstance(problem, Problem)
    assert problems.UNREADABLE_ANSWER.matches(problem)


@pytest.mark.parametrize("kind", ["EntityRecognition", "PiiEntityRecognition", "Healthcare"])
def test_unreadable_entity_alone_is_left_out(kind: str) -> None:
    listed = [entity("a", 0), {**entity("b", 1), "offset": "1"}, entity("c", 2)]
    found = parsed(KINDS[kind](), {"entities": listed, "redactedText": "***"})
    assert [one.text for one in found.entities] == ["a", "c"]
    assert [warning.message for warning in found.warnings] == [
        "Entity 2 of 3 is left out: its field 'offset' can not be read."
    ]


def test_unreadable_class_alone_is_left_out() -> None:
    listed = [{"category": "a", "confidenceScore": 0.9}, {"category": "b"}, 7]
    found = parsed(CustomMultiLabelClassification(), {"class": listed})
    assert [one.category for one in found.classes] == ["a"]
    assert [warning.message for warning in found.warnings] == [
        "Class 2 of 3 is left out: its field 'confidenceScore' can not be read.",
        "Class 3 of 3 is left out: it is no object and can not be read.",
    ]


def test_unreadable_phrases_are_counted() -> None:
    found = parsed(KeyPhraseExtraction(), {"keyPhrases": ["a", None, 7]})
    assert found == FoundPhrases(
        ("a",),
        warnings=(Warning("EntityUnreadable", "2 more key phrases are left out for the same kind of reason."),),
        model_version="2023-09-01",
    )


def test_missing_redacted_text_is_problem() -> None:
    assert isinstance(parsed(PiiEntityRecognition(), {"entities": []}), Problem)
    unmasked = PiiEntityRecognition(redaction_policy=RedactionPolicy(policy_kind="noMask"))
    assert parsed(unmasked, {"entities": [], "redactedText": "x"}) == FoundPii((), None, model_version="2023-09-01")


# --- Classes ---


@pytest.mark.parametrize(
    "entry",
    [
        {"class": [{"category": "loan", "confidenceScore": 0.8}]},
        {"classes": [{"category": "loan", "confidenceScore": 0.8}]},
        {"classifications": [{"category": "loan", "confidenceScore": 0.8}]},
        {"classification": {"category": "loan", "confidenceScore": 0.8}},
    ],
    ids=lambda entry: next(iter(entry)),
)
def test_classes_are_read_in_every_generation(entry: dict[str, Any]) -> None:
    assert parsed(CustomSingleLabelClassification(), entry) == FoundClasses(
        (Class(category="loan", confidence_score=0.8),), model_version="2023-09-01"
    )


def test_no_class_is_an_answer() -> None:
    assert parsed(CustomSingleLabelClassification(), {"classification": None}).classes == ()
    assert parsed(CustomMultiLabelClassification(), {"class": []}).classes == ()


def classes_chunk(index: int, characters: int, **classes: float) -> ClassesChunk:
    given = tuple(Class(category=name, confidence_score=score) for name, score in classes.items())
    return ClassesChunk(index=index, warnings=(), text_records=1, job=JOB, characters=characters, classes=given)


def test_chunks_count_by_their_length() -> None:
    chunks = classes_chunk(0, 300, loan=0.8), classes_chunk(1, 100, loan=0.4, travel=0.9)
    multi: ClassesResult = result_of(CustomMultiLabelClassification(), *chunks)
    assert [(one.category, one.confidence_score) for one in multi.classes] == [("loan", 0.7), ("travel", 0.225)]
    assert multi.combined is True
    single: ClassesResult = result_of(CustomSingleLabelClassification(), *chunks)
    assert [one.category for one in single.classes] == ["loan"]


def test_whole_documents_classes_stay_as_they_are() -> None:
    result: ClassesResult = result_of(CustomMultiLabelClassification(), classes_chunk(0, 9, b=0.7, a=0.9))
    assert [(one.category, one.confidence_score) for one in result.classes] == [("b", 0.7), ("a", 0.9)]
    assert result.combined is msgspec.UNSET


@pytest.mark.parametrize(("below", "marked"), [(None, []), (0.7, []), (0.71, ["b"]), (1.0, ["b", "a"])])
def test_review_threshold_is_exclusive(below: float | None, marked: list[str]) -> None:
    result: ClassesResult = result_of(
        CustomMultiLabelClassification(), classes_chunk(0, 9, b=0.7, a=0.9), review_below=below
    )
    assert [one.category for one in result.classes if one.review is True] == marked
    assert result.review is bool(marked)


# --- Overlaps ---

OVERLAPPING = {
    "entities": [
        entity("Kearney Bank", 0, category="Bank", confidenceScore=0.7),
        entity("Kearney", 0, category="Town", confidenceScore=0.9),
        entity("Bank of Lynn", 8, category="Other", confidenceScore=0.6),
        entity("zzz", 3, category="Misfit"),
    ]
}
TEXT = "Kearney Bank of Lynn"


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("keep", ["Town", "Bank", "Misfit", "Other"]),
        ("longest", ["Bank", "Misfit"]),
        ("best", ["Town", "Misfit", "Other"]),
    ],
)
def test_overlaps_follow_policy(policy: str, kept: list[str]) -> None:
    task = EntityRecognition()
    result: PrebuiltEntitiesResult = result_of(task, located(task, TEXT, OVERLAPPING), overlaps=policy)
    assert [one.category for one in result.entities] == kept
    removed = [warning.message for warning in result.warnings if warning.code == "OverlapsRemoved"]
    count = 4 - len(kept)
    assert removed == (
        [f"{count} entities are left out because another one stands at the same characters (overlaps: {policy})."]
        if count
        else []
    )


def test_types_and_tags_are_kept() -> None:
    task = EntityRecognition()
    listed = [entity("Kearney", 0, type="City", tags=[{"name": "Location", "confidenceScore": 0.9}])]
    result: PrebuiltEntitiesResult = result_of(task, located(task, TEXT, {"entities": listed}))
    assert result.entities[0].type == "City"
    assert [tag.name for tag in result.entities[0].tags] == ["Location"]


# --- Redaction ---


def pii_chunks(task: PiiEntityRecognition, text: str, *spans: tuple[int, int], cut: int) -> list[Any]:
    """Return two chunks of a text with the same entities, each in the chunk that owns its start."""
    listed = [entity(text[start:end], start, category="Person") for start, end in spans]
    parts = [
        chunk(index=0, count=2, end=len(text), own_end=cut),
        chunk(index=1, count=2, end=len(text), own_start=cut, own_end=len(text)),
    ]
    return [located(task, text, {"entities": listed, "redactedText": "not used"}, part) for part in parts]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, "Call ******** and ***."),
        (RedactionPolicy(policy_kind="characterMask", redaction_character="#"), "Call ######## and ###."),
        (RedactionPolicy(policy_kind="entityMask"), "Call [PERSON] and [PERSON]."),
    ],
    ids=["default", "character", "category"],
)
def test_long_text_is_masked_across_cuts(policy: RedactionPolicy | None, expected: str) -> None:
    text, task = "Call Jane Foe and Zoë.", PiiEntityRecognition(redaction_policy=policy)
    chunks = pii_chunks(task, text, (5, 13), (18, 21), cut=9)
    result, redacted = task.outputs(result_facts(), chunks, text)
    assert redacted.content == expected
    assert isinstance(result.content, PiiResult) and result.content.redacted
    assert result.content.redacted.sha256 == hashlib.sha256(expected.encode()).hexdigest()
    assert result.content.redacted.blob == "a.txt.redacted.txt"


def test_overlapping_entities_are_masked_whole() -> None:
    text, task = "Jane Foe Smith.", PiiEntityRecognition()
    chunks = pii_chunks(task, text, (0, 8), (5, 14), cut=10)
    assert task.outputs(result_facts(overlaps="longest"), chunks, text)[1].content == "**************."


def test_entity_at_wrong_place_is_masked_everywhere() -> None:
    text, task = "Jane, and Jane again, 👩 Zoë.", PiiEntityRecognition()
    entry = {"entities": [entity("Jane", 1), entity("Nobody", 2), entity("Zoë", 24)], "redactedText": ""}
    part = chunk(count=2, end=len(text), own_end=len(text))
    result, redacted = task.outputs(result_facts(), [located(task, text, entry, part)], text)
    assert redacted.content == "****, and **** again, 👩 ***."
    assert isinstance(result.content, PiiResult)
    assert result.content.warnings[-1].code == "RedactionIncomplete"
    assert result.content.review


def test_unmasked_result_has_no_text() -> None:
    task = PiiEntityRecognition(redaction_policy=RedactionPolicy(policy_kind="noMask"))
    assert not task.needs_text(5)
    (only,) = task.outputs(result_facts(), [located(task, "Jane", {"entities": [entity("Jane", 0)]})], None)
    assert isinstance(only.content, PiiResult)
    assert only.content.redacted is None


def test_whole_text_is_masked_by_service() -> None:
    task = PiiEntityRecognition()
    entry = {"entities": [entity("Jane", 0)], "redactedText": "the service's own"}
    _, redacted = task.outputs(result_facts(), [located(task, "Jane", entry)], None)
    assert (redacted.suffix, redacted.content) == (".redacted.txt", "the service's own")
    assert not task.needs_text(1)
    assert task.needs_text(2)


# --- Healthcare ---


def relation(*numbers: int) -> dict[str, Any]:
    roles = [{"ref": f"#/results/documents/0/entities/{number}", "role": f"r{number}"} for number in numbers]
    return {"relationType": "DosageOfMedication", "entities": roles, "confidenceScore": 0.9}


HEALTH = "5 mg aspirin and 7 mg insulin"
IN_HEALTH = [entity("aspirin", 5), entity("5 mg", 0), entity("insulin", 22), entity("7 mg", 17)]


def relations_of(result: HealthcareResult) -> list[list[str]]:
    return [[result.entities[role.entity].text for role in one.entities] for one in result.relations]


def test_relations_follow_sorted_entities() -> None:
    task = Healthcare()
    entry = {"entities": IN_HEALTH, "relations": [relation(1, 0), relation(3, 2)]}
    result: HealthcareResult = result_of(task, located(task, HEALTH, entry))
    assert [one.text for one in result.entities] == ["5 mg", "aspirin", "7 mg", "insulin"]
    assert relations_of(result) == [["5 mg", "aspirin"], ["7 mg", "insulin"]]
    assert result.warnings == ()


def test_relations_need_all_entities_in_one_chunk() -> None:
    task = Healthcare()
    entry = {"entities": IN_HEALTH, "relations": [relation(1, 0), relation(3, 2), relation(1, 2)]}
    parts = [
        chunk(index=0, count=2, end=len(HEALTH), own_end=16),
        chunk(index=1, count=2, end=len(HEALTH), own_start=16, own_end=len(HEALTH)),
    ]
    result: HealthcareResult = result_of(task, *(located(task, HEALTH, entry, part) for part in parts))
    assert relations_of(result) == [["5 mg", "aspirin"], ["7 mg", "insulin"]]
    assert [warning.code for warning in result.warnings] == ["RelationsCut"]


def test_relations_of_removed_entities_go() -> None:
    task = Healthcare()
    entry = {"entities": [*IN_HEALTH, entity("mg aspirin", 2)], "relations": [relation(1, 0), relation(3, 2)]}
    result: HealthcareResult = result_of(task, located(task, HEALTH, entry), overlaps="longest")
    assert relations_of(result) == [["7 mg", "insulin"]]


@pytest.mark.parametrize("ref", ["", "entities/0", "#/results/documents/0/entities/x"])
def test_unreadable_relation_is_left_out(ref: str) -> None:
    odd = {**relation(0), "entities": [{"ref": ref, "role": "r"}]}
    found = parsed(Healthcare(), {"entities": IN_HEALTH, "relations": [relation(1, 0), odd]})
    assert len(found.relations) == 1
    assert [warning.message for warning in found.warnings] == [
        "1 more relations are left out for the same kind of reason."
    ]


def test_relation_to_missing_entity_is_left_out() -> None:
    task = Healthcare()
    result: HealthcareResult = result_of(
        task, located(task, HEALTH, {"entities": IN_HEALTH, "relations": [relation(1, 9)]})
    )
    assert result.relations == ()


# --- What all kinds share ---


def phrases_chunk(index: int, characters: int, language: str | None, *phrases: str) -> PhrasesChunk:
    return PhrasesChunk(
        index=index,
        warnings=(),
        text_records=index + 1,
        job=JOB,
        characters=characters,
        detected_language=language,
        model_version="2023-09-01",
        phrases=phrases,
    )


def test_phrases_are_united_in_order() -> None:
    chunks = phrases_chunk(1, 5, "en", "b", "c"), phrases_chunk(0, 9, "de", "a", "b")
    result = result_of(KeyPhraseExtraction(), *chunks)
    assert result.key_phrases == ("a", "b", "c")
    assert (result.detected_language, result.text_records) == ("de", 3)
    assert result.model.model_version == "2023-09-01"
    assert result.jobs == (JOB,)


def test_kinds_are_not_mixed_up() -> None:
    found = FoundEntities((FoundEntity("a", "C", 0, 1, 0.9),))
    with pytest.raises(TypeError, match="FoundEntities is no FoundPhrases"):
        KeyPhraseExtraction().locate(chunk(), "a" * 20, found, CODE_POINT, JOB, nowhere)
