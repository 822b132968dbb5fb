"""Classification projects, and what ``--evaluate`` counts."""

from pathlib import Path

import pytest

from local.language_service.evaluate import Evaluation, Scores, compare, cross_validate
from local.language_service.labels import load_labels
from local.language_service.projects import LearntProject
from tests.local.language_service.material import NOTES


def test_single_label_gives_one_class(projects: list[LearntProject]) -> None:
    ((category, confidence),) = projects[1].classes("We repay the loan with interest each month.")
    assert category == "loan"
    assert 0.5 < confidence <= 1
    assert [projects[1].classes(texts[0])[0][0] for texts in NOTES.values()] == list(NOTES)


def test_multi_label_gives_several_classes(projects: list[LearntProject]) -> None:
    tags = projects[2]
    both = tags.classes(f"{NOTES['loan'][0]} {NOTES['garden'][0]}")
    assert {category for category, _ in both} == {"loan", "garden"}
    assert [confidence for _, confidence in both] == sorted((c for _, c in both), reverse=True)
    assert tags.classes("Zebra quokka.") == ()


def test_scores_are_precision_recall_and_f1() -> None:
    scores = Scores(right=6, wrong=2, missed=4)
    assert (scores.precision, scores.recall) == (0.75, 0.6)
    assert scores.f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    assert (Scores().precision, Scores().recall, Scores().f1) == (0, 0, 0)


def test_entity_counts_only_when_exact() -> None:
    """At the exact place and in the right category."""
    scores = {"A": Scores(), "B": Scores()}
    compare(
        [("A", (0, 4)), ("A", (9, 3)), ("B", (20, 1)), ("A", (30, 2))],
        [("A", (0, 4)), ("A", (9, 4)), ("A", (20, 1)), ("A", (30, 2))],
        scores,
    )
    assert scores == {"A": Scores(right=2, wrong=1, missed=2), "B": Scores(wrong=1)}
    assert Evaluation(2, 1, scores).overall == Scores(right=2, wrong=2, missed=2)


@pytest.mark.parametrize("project", ["loans", "notes"])
def test_cross_validation_covers_each_document_once(labels_files: dict[str, Path], project: str) -> None:
    path = labels_files[project]
    labels = load_labels(path, path.parent)
    evaluation = cross_validate(labels, 4)
    labelled = sum(len(one.entities) or len(one.classes) for one in labels.documents)
    assert evaluation.overall.right + evaluation.overall.missed == labelled
    assert set(evaluation.categories) == set(labels.categories)
    assert evaluation.overall.f1 > 0.6
    table = evaluation.table()
    assert table.splitlines()[-1] == f"{len(labels.documents)} documents, 4 folds; each document was held out once."
    assert f"{evaluation.overall.f1:.3f}" in table


def test_too_many_folds_are_refused(labels_files: dict[str, Path]) -> None:
    path = labels_files["notes"]
    with pytest.raises(ValueError, match="12 documents cannot be held out"):
        cross_validate(load_labels(path, path.parent), 13)


@pytest.mark.long
def test_samples_reach_f1_of_0_95() -> None:
    folder = Path(__file__).parents[3] / "samples"
    evaluation = cross_validate(load_labels(folder / "labels.json", folder / "labelled"), 5)
    assert evaluation.overall.f1 >= 0.95, evaluation.table()
