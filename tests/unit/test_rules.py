"""Rules by folder: what a file means, and everything that is wrong with one, told at once."""

import json
import time
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.generate.schemas import FOLDER
from functions.core.work import work_of
from functions.rules import (
    MAX_BYTES,
    MAX_PROBLEMS,
    MAX_RULES,
    FormerlyIgnored,
    Rule,
    Rules,
    RulesError,
    RulesFile,
    ValidRules,
    parse_rules,
    succeed,
)
from functions.settings import Settings
from functions.tasks.classification import CustomMultiLabelClassification
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.tasks.kinds import KINDS
from functions.tasks.pii import PiiEntityRecognition, RedactionPolicy
from tests.support.material import NOW, PREVIEW, after, settings

SETTINGS = settings()
NEWEST = settings(LANGUAGE_API_VERSION="2025-11-01")
LOANS = {"kind": "CustomEntityRecognition", "project": "mortgages", "deployment": "staging"}
PII = {"kind": "PiiEntityRecognition"}


def file(*rules: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"rules": rules, **fields}).encode()


def parsed(*rules: dict[str, Any], under: Settings = SETTINGS) -> Rules:
    return Rules(parse_rules(file(*rules), under), under)


def problems(*rules: Any, under: Settings = SETTINGS) -> list[str]:
    with pytest.raises(RulesError) as caught:
        parse_rules(file(*rules), under)
    return list(caught.value.problems)


# --- What rules mean ---


def test_first_match_wins() -> None:
    rules = parsed({"match": "a/x/**", "language": "de"}, {"match": "a/**", "language": "fr"})
    assert [getattr(rules.work_for(name), "language", None) for name in ("a/x/1", "a/1", "b/1")] == ["de", "fr", "en"]


def test_unmatched_document_follows_settings() -> None:
    assert parsed({"match": "loans/**", "tasks": [PII]}).work_for("mail/a.txt") == work_of(SETTINGS)


def test_rule_says_everything() -> None:
    (endpoint,) = [one.name for one in SETTINGS.language_resources]
    rules = parsed(
        {
            "match": "loans/**",
            "tasks": [
                LOANS,
                PII | {"domain": "phi", "piiCategories": ["Person"]},
                {"kind": "CustomMultiLabelClassification", "project": "tags", "deployment": "d", "name": "tags"},
            ],
            "language": "auto",
            "reviewBelow": 0.6,
            "overlaps": "longest",
            "resources": [endpoint],
        }
    )
    assert rules.work_for("loans/a.txt") == msgspec.structs.replace(
        work_of(SETTINGS),
        tasks=(
            CustomEntityRecognition(project="mortgages", deployment="staging"),
            PiiEntityRecognition(domain="phi", pii_categories=("Person",)),
            CustomMultiLabelClassification(given_name="tags", project="tags", deployment="d"),
        ),
        language="auto",
        review_below=0.6,
        overlaps="longest",
        resources=(endpoint,),
    )


def test_rule_without_tasks_keeps_settings_model() -> None:
    work = parsed({"match": "**", "reviewBelow": 0.5}).work_for("a.txt")
    assert work is not None
    assert (work.tasks, work.review_below) == (work_of(SETTINGS).tasks, 0.5)


def test_entities_without_model_are_those_of_settings() -> None:
    work = parsed({"match": "**", "tasks": [PII, {"kind": "CustomEntityRecognition", "name": "own"}]}).work_for("a.txt")
    assert work is not None
    assert work.tasks[1] == CustomEntityRecognition(given_name="own", project="loans", deployment="production")


def test_setting_is_threshold_of_rules_without_one() -> None:
    under = settings(REVIEW_BELOW="0.7")
    rules = parsed({"match": "a/**", "reviewBelow": 0}, {"match": "b/**"}, under=under)
    found = [rules.work_for(name) for name in ("a/1", "b/1", "c/1")]
    assert [work.review_below for work in found if work] == [0, 0.7, 0.7]


def test_ignored_document_has_no_work() -> None:
    rules = parsed({"match": "archive/keep/**"}, {"match": "archive/**", "ignore": True})
    assert rules.work_for("archive/a.txt") is None
    assert rules.work_for("archive/keep/a.txt") == work_of(SETTINGS)


def test_no_rules_mean_settings() -> None:
    assert parsed().work_for("a.txt") == work_of(SETTINGS)


def test_newer_versions_know_more_parameters() -> None:
    policy = {"policyKind": "characterMask", "redactionCharacter": "#"}
    work = parsed({"match": "**", "tasks": [PII | {"redactionPolicy": policy}]}, under=NEWEST).work_for("a.txt")
    assert work is not None
    assert work.tasks == (
        PiiEntityRecognition(redaction_policy=RedactionPolicy(policy_kind="characterMask", redaction_character="#")),
    )


def test_editors_schema_reference_is_allowed() -> None:
    assert parse_rules(file({"match": "**"}, **{"$schema": "rules.schema.json"}), SETTINGS) == (Rule(match="**"),)


# --- What is wrong ---

WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "it can not be read: Object missing required field `match`."),
    ({"match": ""}, "its match has to have 1 to 1,024 characters."),
    ({"match": "**", "task": []}, "it has an unknown field 'task'."),
    ({"match": "**", "tasks": "pii"}, "its tasks are no list."),
    ({"match": "**", "ignore": "yes"}, "it can not be read: Expected `bool`, got `str` - at `$.ignore`."),
    ({"match": "**", "reviewBelow": 60}, "its reviewBelow has to be a number from 0 to 1."),
    ({"match": "**", "overlaps": "first"}, "its overlaps has to be one of keep, longest, best."),
    ({"match": "**", "language": "klingon"}, "its language is 'klingon'; expected is a code such as en"),
    ({"match": "**", "resources": ["other.example"]}, "its resource 'other.example' is none of the app's"),
    ({"match": "**", "tasks": [{"kind": "SentimentAnalysis"}]}, "task 1 has no kind that is known"),
    ({"match": "**", "tasks": [7]}, "task 1 has no kind that is known"),
    (
        {"match": "**", "tasks": [PII | {"categories": []}]},
        "task 1: PiiEntityRecognition has no parameter 'categories'.",
    ),
    ({"match": "**", "tasks": [PII | {"domain": 7}]}, "task 1 can not be read: Expected `str | null`, got `int`"),
    ({"match": "**", "tasks": [PII | {"domain": "all"}]}, "task 1: its domain has to be none or phi."),
    (
        {"match": "**", "tasks": [PII | {"excludePiiCategories": ["Person"]}]},
        "task 1: the API version 2023-04-01 does not know the parameter 'excludePiiCategories' of PiiEntity",
    ),
    (
        {"match": "**", "tasks": [{"kind": "EntityRecognition", "inclusionList": ["Person"]}]},
        "task 1: the API version 2023-04-01 does not know the parameter 'inclusionList' of EntityRecognition.",
    ),
    (
        {"match": "**", "tasks": [{"kind": "CustomSingleLabelClassification", "project": "p"}]},
        "task 1: it needs a project and a deployment.",
    ),
    ({"match": "**", "tasks": [LOANS | {"project": "a b"}]}, "task 1: its project is 'a b'; expected is 1 to 50"),
    ({"match": "**", "tasks": [LOANS | {"modelId": "m"}]}, "task 1: only the API version v3.1-preview.ct.1 knows"),
    ({"match": "**", "tasks": [PII | {"name": "A b"}]}, "task 1: its name has to be 1 to 40 small letters"),
    ({"match": "**", "tasks": [PII | {"name": "failed"}]}, "task 1: its name has to be 1 to 40 small letters"),
    ({"match": "**", "tasks": [PII, PII]}, "two of its tasks would write files that end with '.pii.json'"),
    ({"match": "**", "tasks": [PII | {"name": "x"}, LOANS | {"name": "x"}]}, "two of its tasks would write files"),
    ({"match": "**", "tasks": [PII | {"name": f"n{n}"} for n in range(11)]}, "it has 11 tasks; the limit is 10."),
]


@pytest.mark.parametrize(("rule", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_wrong_rule_is_told(rule: dict[str, Any], said: str) -> None:
    (problem,) = problems({"match": "first/**"}, rule)
    place = f"Rule 2 ({rule['match']!r}): " if "match" in rule else "Rule 2: "
    assert problem.startswith(place + said)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"policyKind": "blur"}, "the policyKind of its redactionPolicy has to be one of characterMask"),
        ({"policyKind": "characterMask", "redactionCharacter": "x"}, "the redactionCharacter of its redactionPolicy"),
        ({"policyKind": "noMask", "colour": 1}, "PiiEntityRecognition has no parameter 'redactionPolicy.colour'."),
    ],
)
def test_wrong_policy_is_told(policy: dict[str, Any], said: str) -> None:
    (problem,) = problems({"match": "**", "tasks": [PII | {"redactionPolicy": policy}]}, under=NEWEST)
    assert problem.startswith(f"Rule 1 ('**'): task 1: {said}")


def test_preview_knows_custom_models_only() -> None:
    preview = settings(PREVIEW)
    (problem,) = problems({"match": "**", "tasks": [PII]}, under=preview)
    assert "does not know PiiEntityRecognition" in problem
    classes = {"kind": "CustomSingleLabelClassification", "modelId": "m-1"}
    assert parse_rules(file({"match": "**", "tasks": [classes, LOANS]}), preview)


def test_versions_before_2022_07_know_no_auto() -> None:
    (problem,) = problems({"match": "**", "language": "auto"}, under=settings(LANGUAGE_API_VERSION="2022-05-01"))
    assert problem == "Rule 1 ('**'): the API version 2022-05-01 does not know the language 'auto'."


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is not JSON"),
        (b"{rules: []}", "The file is not JSON"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "The file is not JSON"),
        (b"\xff\xfe{\x00", "The file is not JSON"),
        (b"[" * 5_000, "The file is not JSON"),
        (b"[]", 'The file is no object with a list "rules".'),
        (b'{"rules": {}}', 'The file is no object with a list "rules".'),
        (b'{"rules": [], "rule": 1}', "The file has an unknown field 'rule'."),
        (b'{"rules": [7]}', "Rule 1: it is no object."),
        (b" " * (MAX_BYTES + 1), "The file has 4,194,305 bytes; the limit is 4,194,304."),
    ],
)
def test_wrong_file_is_told(data: bytes, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(data, SETTINGS)
    assert str(caught.value).startswith(said)


def test_all_problems_are_told_up_to_limit() -> None:
    found = problems(*({"match": "**", "overlaps": "x"} for _ in range(MAX_PROBLEMS + 5)))
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1] == "And 5 more."


def test_byte_order_mark_is_allowed() -> None:
    assert parse_rules(b"\xef\xbb\xbf" + file({"match": "**"}), SETTINGS) == (Rule(match="**"),)


def test_ten_thousand_rules_are_read() -> None:
    rules = parsed(*({"match": f"folder-{n}/**", "reviewBelow": n / MAX_RULES} for n in range(MAX_RULES)))
    work = rules.work_for("folder-9999/a.txt")
    assert work is not None
    assert work.review_below == 0.9999


def test_ten_thousand_patterns_cost_little() -> None:
    rules = parsed(*({"match": f"**/*a*{n}*.txt"} for n in range(MAX_RULES)))
    started = time.process_time()
    for number in range(20):
        rules.work_for(f"loans/{number}/a-letter-about-a-loan.txt")
    assert time.process_time() - started < 1


def test_more_rules_are_refused() -> None:
    with pytest.raises(RulesError, match="The file has 10,001 rules; the limit is 10,000"):
        parse_rules(file(*({"match": "a"} for _ in range(MAX_RULES + 1))), SETTINGS)


# --- What was ignored ---


def test_pattern_that_is_gone_is_remembered() -> None:
    ignoring = ValidRules(source_etag="1", rules=(Rule(match="archive/**", ignore=True),))
    later = succeed(ignoring, (), "2", NOW)
    assert later == ValidRules(
        source_etag="2", rules=(), formerly_ignored=(FormerlyIgnored(match="archive/**", until=NOW),)
    )
    (left_out,) = later.formerly_ignored
    assert left_out.holds_for("archive/a.txt", after(-1))
    assert not left_out.holds_for("archive/a.txt", after(1))
    assert not left_out.holds_for("loans/a.txt", after(-1))


def test_pattern_that_stays_is_not_remembered() -> None:
    ignoring = ValidRules(source_etag="1", rules=(Rule(match="archive/**", ignore=True),))
    assert succeed(ignoring, ignoring.rules, "2", NOW).formerly_ignored == ()


# --- The published schema ---


@pytest.mark.parametrize("rule", [{"match": "**", "tasks": [LOANS, PII]}, {"match": "a", "ignore": True}])
def test_schema_accepts_rules(rule: dict[str, Any]) -> None:
    schema = json.loads((FOLDER / "rules.schema.json").read_text("utf-8"))
    jsonschema.validate(json.loads(file(rule)), schema)


@pytest.mark.parametrize("rule", [{}, {"match": "**", "task": []}, {"match": "**", "tasks": [{"kind": "X"}]}])
def test_schema_refuses_wrong_rules(rule: dict[str, Any]) -> None:
    schema = json.loads((FOLDER / "rules.schema.json").read_text("utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(file(rule)), schema)


# --- Whatever somebody writes ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from([field.encode_name for field in msgspec.structs.fields(Rule)])
TASK_FIELDS = st.sampled_from(
    sorted({field.encode_name for kind in KINDS.values() for field in msgspec.structs.fields(kind)})
)
TASKS = st.dictionaries(TASK_FIELDS, JSON, max_size=3).flatmap(
    lambda fields: st.sampled_from([*KINDS, "X"]).map(lambda kind: fields | {"kind": kind})
)
ODD_RULES = st.dictionaries(FIELDS, JSON, max_size=4) | st.builds(
    lambda match, tasks, fields: {"match": match, "tasks": tasks} | fields,
    st.text(max_size=6) | JSON,
    st.lists(TASKS | JSON, max_size=3),
    st.dictionaries(FIELDS.filter(lambda name: name not in ("match", "tasks")), JSON, max_size=2),
)


def read_or_told(data: bytes, under: Settings = SETTINGS) -> tuple[Rule, ...] | None:
    """Return the rules in a file; None where at least one problem with it is told."""
    try:
        return parse_rules(data, under)
    except RulesError as error:
        if error.problems and all(error.problems):
            return None
        raise


@given(st.lists(ODD_RULES | JSON, max_size=3), st.sampled_from([SETTINGS, NEWEST, settings(PREVIEW)]))
def test_any_values_are_rules_or_problems(rules: list[Any], under: Settings) -> None:
    read = read_or_told(json.dumps({"rules": rules}).encode(), under)
    if read is None:
        return
    # What is valid can be kept, asked about any name, and sent.
    assert parse_rules(msgspec.json.encode(RulesFile(rules=read)), under) == read
    for name in ("a.txt", "/", "x" * 1024, "ä/\U0001f469/[*]?.txt"):
        work = Rules(read, under).work_for(name)
        assert work is None or all(task.as_task(work.string_index_type) for task in work.tasks)


@given(JSON)
def test_any_json_is_rules_or_problems(content: Any) -> None:
    assert read_or_told(json.dumps(content).encode()) is None or content["rules"] is not None


@given(st.binary(max_size=60))
def test_any_bytes_are_rules_or_problems(data: bytes) -> None:
    assert read_or_told(data) is None
