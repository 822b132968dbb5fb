"""Corrections of what a weak model has found make a better one: as good as if people had labelled from nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.labels.data_sets import TEST, TRAIN
from local.language_service import authoring_evaluation
from local.language_service.labels import read_labels
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
    everything = samples.labels({TRAIN: [*division.labelled, *division.unlabelled], TEST: division.test})
    return {
        "before": micro(samples, content, division.labelled, division.test, model_cache),
        "after": trained["micro"],
        "directly": micro(samples, everything, [*division.labelled, *division.unlabelled], division.test, model_cache),
    }


def micro(samples: Samples, content: Any, train: Any, test: Any, model_cache: Path) -> float:
    labels = read_labels(content, "loans", lambda name: samples.texts[name])
    by_name = {one.location: one for one in labels.documents}
    learnt = learn(
        replace(labels, documents=tuple(by_name[name] for name in train)),
        model_cache,
    )
    summary, _ = authoring_evaluation.evaluate(learnt, [by_name[name] for name in test], {}, {})
    return round(float(summary["customEntityRecognitionEvaluation"]["microF1"]), 4)


def test_loop_is_worth_it(samples: Samples, model_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [loop(samples, fold, model_cache, capsys) for fold in range(FOLDS)]
    for one in found:
        assert one["after"] == pytest.approx(one["directly"], abs=0.005)
    mean = {name: sum(one[name] for one in found) / FOLDS for name in found[0]}
    with capsys.disabled():
        print(found, mean)
    assert mean["after"] >= mean["before"] + 0.03
    assert mean["after"] == pytest.approx(mean["directly"], abs=0.002)
