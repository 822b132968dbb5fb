"""Corrections of what a weak model has found make a better one: as good as if people had labelled from nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from functions.labels.data_sets import TEST, TRAIN
from functions.labels.naming import training_name
from local.language_service import authoring_evaluation
from local.language_service.labels import LabelledDocument, read_labels
from local.language_service.projects import learn
from local.loop import FOLDS, Samples, divide, load_samples
from tests.support.corrections import correct
from tests.support.models import command, told, world_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def samples() -> Samples:
    return load_samples()


@pytest.fixture(scope="module")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def loop(samples: Samples, fold: int, model_cache: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return F1 on the test documents: before, after, and of a model learnt from the same labels directly."""
    division = divide(samples.names, fold)
    content = samples.labels({TRAIN: division.labelled, TEST: division.test})
    world = world_of(model_cache, content, samples.texts, learnt=division.labelled, dropped=division.unlabelled)
    for name in division.unlabelled:
        correct(world, f"in/{name}", samples.spans[name])
    assert command(world, "model", "train", "--label", "after", "--yes", "--json") == 0
    _, trained = told(capsys.readouterr().out)
    assert (trained["documents"], trained["tested"]) == (len(samples.names), len(division.test))
    # In the training container the documents have other names; the labels are the same, so the model is.
    everything = samples.labels({TRAIN: [*division.labelled, *division.unlabelled]})
    names = {name: training_name(f"in/{name}") for name in division.unlabelled}
    for document in everything["assets"]["documents"]:
        document["location"] = names.get(document["location"], document["location"])
    texts = samples.texts | {name: samples.texts[original] for original, name in names.items()}
    test = [one for one in read_labels(content, "test", texts.__getitem__).documents if one.location in division.test]
    few = samples.labels({TRAIN: division.labelled})
    return {
        "before": micro(few, texts, test, model_cache),
        "after": trained["micro"],
        "directly": micro(everything, texts, test, model_cache),
    }


def micro(content: Any, texts: Mapping[str, str], test: Sequence[LabelledDocument], model_cache: Path) -> float:
    """Return F1 on test documents of a model of all documents of a labels file."""
    learnt = learn(read_labels(content, "loans", texts.__getitem__), model_cache)
    summary, _ = authoring_evaluation.evaluate(learnt, test, {}, {})
    return round(float(summary["customEntityRecognitionEvaluation"]["microF1"]), 4)


def test_loop_is_worth_it(samples: Samples, model_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [loop(samples, fold, model_cache, capsys) for fold in range(FOLDS)]
    assert [one["after"] for one in found] == [one["directly"] for one in found]
    mean = {name: sum(one[name] for one in found) / FOLDS for name in found[0]}
    with capsys.disabled():
        print(f"F1, mean over {FOLDS} splits:", {name: round(value, 3) for name, value in mean.items()})
    assert mean["after"] >= mean["before"] + 0.03
