"""Microsoft's authoring client does the talking: ``azure-ai-textanalytics-authoring``, in an environment of its own.

``authoring_flows.py`` goes through all flows once and prints what its user sees; each test looks at one of them.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.file_lock import file_lock
from local.language_service.authoring_state import Authoring
from local.language_service.projects import LearntProject
from local.language_service.service import LanguageService
from local.language_service.training_containers import containers
from local.process import ROOT
from local.setup import parts, python_of
from local.stand_in.web import in_background
from tests.local.language_service.material import TickingClock

pytestmark = pytest.mark.processes

ENVIRONMENT = ".venv-authoring"


@pytest.fixture(scope="module")
def python() -> Path:
    """The environment that `python -m local.setup` makes; of several test runs at a time one makes it."""
    part = next(one for one in parts(ROOT) if one.folder.name == ENVIRONMENT)
    with file_lock(ROOT / ".cache" / "venv-authoring.lock", wait=True):
        part.ensure()
    return python_of(part.folder)


@pytest.fixture(scope="module", params=["2023-04-01", "2025-05-15-preview"])
def seen(
    request: pytest.FixtureRequest,
    python: Path,
    projects: list[LearntProject],
    labels_files: dict[str, Path],
    model_cache: Path,
) -> Iterator[dict[str, Any]]:
    folder = labels_files["loans"].parent

    def service(**options: Any) -> LanguageService:
        clock = TickingClock()
        folders = {name: path.parent for name, path in labels_files.items()} | {"letters": folder}
        authoring = Authoring(containers(folders, None), model_cache)
        for project, path in zip(projects, labels_files.values(), strict=True):
            authoring.add_learnt(project, json.loads(path.read_bytes()), None, clock())
        return LanguageService(projects, clock=clock, admin=True, authoring=authoring, **options)

    content = {name: json.loads(path.read_bytes()) for name, path in labels_files.items()}
    for name in ("notes", "tags"):
        content[name]["metadata"]["storageInputContainerName"] = name
        for document in content[name]["assets"]["documents"]:
            document["language"] = "en-us"
    manual = with_test_set(content["loans"])
    manual["metadata"]["storageInputContainerName"] = "letters"
    small = json.loads(json.dumps(manual))
    del small["assets"]["documents"][9:]
    with ExitStack() as stack:
        arguments = {
            "address": stack.enter_context(in_background(service(rate_rules=()))),
            "limited": stack.enter_context(in_background(service())),
            "version": request.param,
            "labels": manual,
            "small": small,
            "classes": {"single": content["notes"], "multi": content["tags"]},
        }
        yield run(python, arguments)


def with_test_set(content: dict[str, Any]) -> dict[str, Any]:
    """The labels with every fourth document in the test set."""
    for n, document in enumerate(content["assets"]["documents"]):
        document["dataset"] = "Test" if n % 4 == 3 else "Train"
        document["language"] = "en-us"
    return content


def run(python: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    script = Path(__file__).with_name("authoring_flows.py")
    done = subprocess.run(
        [python, script, json.dumps(arguments)], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_projects_are_created_listed_and_deleted(seen: dict[str, Any]) -> None:
    assert seen["projects"] == {
        "created": ["made", "CustomEntityRecognition", "en-us"],
        "again": 1,
        "listed": ["loans", "notes", "tags", "made"],
        "paged": ["loans", "notes", "tags", "made"],
        "shown": "Letters",
        "deleted": [404, "ProjectNotFound"],
        "bad name": [400, "InvalidArgument"],
    }


def test_export_gives_what_was_imported(seen: dict[str, Any]) -> None:
    assert seen["labels"] == {
        "same": True,
        "mixed languages": "InvalidArgument",
        "kinds": [400, "InvalidArgument"],
        "unit": [400, "InvalidArgument"],
    }


def test_training_makes_an_evaluated_model(seen: dict[str, Any]) -> None:
    training = seen["training"]
    assert training["states"][-1] == "running"
    assert training["conflicts"] == [409, "Conflict"]
    assert training["result"] == ["one", "2022-05-01", "succeeded"]
    assert training["model"] == ["one", True, True, "2027-10-27"]
    assert all(0.6 < value <= 1 for value in training["f1"])
    assert training["categories"] == ["Amount", "Borrower", "Date", "Lender"]
    assert set(training["rows"]) == {100.0}
    assert training["predicted"] > 0
    assert training["jobs"] == ["succeeded", "succeeded"]
    assert training["models"] == ["one", "split"]
    assert training["snapshot"]
    assert training["too small"] == "InvalidArgument"
    assert training["unknown"] == [404, "NotFound"]


def test_manual_split_tests_test_set_only(seen: dict[str, Any], labels_files: dict[str, Path]) -> None:
    documents = json.loads(labels_files["loans"].read_bytes())["assets"]["documents"]
    assert seen["training"]["tested"] == [one["location"] for one in documents[3::4]]


def test_classification_is_evaluated(seen: dict[str, Any]) -> None:
    common = ["classes", "macroF1", "macroPrecision", "macroRecall", "microF1", "microPrecision", "microRecall"]
    assert seen["classes"] == {"single": sorted([*common, "confusionMatrix"]), "multi": common}


def test_training_is_cancelled(seen: dict[str, Any]) -> None:
    cancelling = seen["cancelling"]
    assert cancelling["accepted"] in ("cancelling", "cancelled", "inprogress", "running")
    assert cancelling["states"] in (["cancelling", "cancelled"], ["cancelled"])
    assert cancelling["models"] == []
    assert cancelling["again"] == [400, "InvalidRequest"]


def test_deployments_are_swapped_and_deleted(seen: dict[str, Any]) -> None:
    assert seen["deploying"] == {
        "before": True,
        "after": True,
        "expires": "2027-10-27",
        "moved": "2026-10-27",
        "deployed model": [409, "Conflict"],
        "left": ["new"],
        "unknown model": [404, "NotFound"],
        "gone": [404, "NotFound"],
        "itself": [400, "InvalidArgument"],
    }


def test_limits_are_ten_posts_and_hundred_gets(seen: dict[str, Any]) -> None:
    assert seen["limits"] == {"posts": 10, "gets": 100, "key": 401}


def test_global_lists_are_given(seen: dict[str, Any]) -> None:
    found = seen["global_lists"]
    assert found["languages"] > 90
    assert found["version"] == ["2022-05-01", "2027-10-27"]
    assert found["served"] == ["production"]
