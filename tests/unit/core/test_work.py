import json
from typing import Any

import msgspec
import pytest

from functions.core.work import FIRST_RELEASE, WorkSpec, work_of
from functions.tasks.custom_entities import CustomEntityRecognition
from functions.tasks.kinds import KINDS
from functions.tasks.task import ModelFacts
from tests.support.material import PREVIEW, settings, work

SPEC = WorkSpec(
    api_version="2023-04-01",
    tasks=(CustomEntityRecognition(project="loans", deployment="production"),),
    language="en",
    string_index_type="UnicodeCodePoint",
)

OTHERS: list[dict[str, Any]] = [
    {"api_version": "2022-05-01"},
    {"tasks": (CustomEntityRecognition(project="loans", deployment="staging"),)},
    {"tasks": (CustomEntityRecognition(project="mail", deployment="production"),)},
    {"tasks": SPEC.tasks * 2},
    {"language": "de"},
    {"string_index_type": "Utf16CodeUnit"},
    {"resources": ("loans.cognitiveservices.azure.com",)},
    {"review_below": 0.6},
    {"overlaps": "longest"},
    *({"tasks": (KINDS[kind](),)} for kind in KINDS),
]


# --- What the settings say ---


def test_the_settings_make_one_task() -> None:
    assert work_of(settings()) == SPEC
    assert (SPEC.task_names, SPEC.resources) == (("entities",), ())


def test_each_setting_reaches_the_work() -> None:
    changed = work(
        LANGUAGE_API_VERSION="2022-05-01",
        LANGUAGE_PROJECT="mail",
        LANGUAGE_DEPLOYMENT="staging",
        DOCUMENT_LANGUAGE="de",
        STRING_INDEX_TYPE="Utf16CodeUnit",
    )
    assert changed == WorkSpec(
        api_version="2022-05-01",
        tasks=(CustomEntityRecognition(project="mail", deployment="staging"),),
        language="de",
        string_index_type="Utf16CodeUnit",
    )


def test_a_model_id_is_work_of_the_preview() -> None:
    spec = work(PREVIEW, LANGUAGE_MODEL_ID="m-1", LANGUAGE_PROJECT="", LANGUAGE_DEPLOYMENT="")
    (task,) = spec.tasks
    assert isinstance(task, CustomEntityRecognition)
    assert task.model_id == "m-1"
    assert task.facts(spec.api_version) == ModelFacts(
        api_version="v3.1-preview.ct.1", project=task.project, deployment=task.deployment, model_id="m-1"
    )


# --- Equal work shares requests ---


def test_equal_work_is_one_key() -> None:
    """However it came to be: batches are kept in a dictionary."""
    again = msgspec.json.decode(msgspec.json.encode(SPEC), type=WorkSpec)
    assert (again, hash(again)) == (SPEC, hash(SPEC))
    assert {SPEC: "open"}[again] == "open"


@pytest.mark.parametrize("changes", OTHERS, ids=lambda changes: next(iter(changes)))
def test_other_work_is_another_key(changes: dict[str, Any]) -> None:
    other = msgspec.structs.replace(SPEC, **changes)
    assert other != SPEC
    assert {SPEC: "open"}.get(other) is None


# --- In records ---


def test_stored_work_names_the_kind_of_its_tasks() -> None:
    assert json.loads(msgspec.json.encode(SPEC)) == {
        "apiVersion": "2023-04-01",
        "tasks": [{"kind": "CustomEntityRecognition", "project": "loans", "deployment": "production"}],
        "language": "en",
        "stringIndexType": "UnicodeCodePoint",
    }


@pytest.mark.parametrize("changes", [{}, *OTHERS], ids=lambda changes: next(iter(changes), "as it is"))
def test_stored_work_comes_back_equal(changes: dict[str, Any]) -> None:
    spec = msgspec.structs.replace(SPEC, **changes)
    assert msgspec.json.decode(msgspec.json.encode(spec), type=WorkSpec) == spec


def test_an_unknown_kind_is_refused() -> None:
    """A record of a newer version is not taken for work of this one."""
    stored = msgspec.json.encode(SPEC).replace(b"CustomEntityRecognition", b"NovelAnalysis")
    with pytest.raises(msgspec.ValidationError, match="NovelAnalysis"):
        msgspec.json.decode(stored, type=WorkSpec)


def test_first_release_work_stands_for_none() -> None:
    """No settings make it, so a record that has it did not say."""
    assert WorkSpec(api_version="", tasks=(), language="", string_index_type="") == FIRST_RELEASE
    assert msgspec.json.decode(msgspec.json.encode(FIRST_RELEASE), type=WorkSpec) == FIRST_RELEASE
