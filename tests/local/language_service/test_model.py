"""The entity model: what it learns, that it is local and deterministic, and that learning is done once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.language_service import projects as projects_module
from local.language_service.features import features
from local.language_service.labels import EntityLabel, LabelledDocument, LabelsFile, ProjectKind
from local.language_service.model import EntityModel
from local.language_service.projects import LearntProject, learn, learn_project
from local.language_service.segments import REACH, tokens
from local.process import ROOT
from tests.local.language_service.material import LETTERS, NEW_LETTER, marked


def long_text(copies: int = 1) -> str:
    letters = [marked(text)[0] for text in LETTERS.values()]
    return "".join(f"{letter} " if n % 3 else letter for n, letter in enumerate(letters * copies))


def test_model_finds_entities_in_new_text(loans: LearntProject) -> None:
    found = {(entity.category, entity.text) for entity in loans.entities(NEW_LETTER)}
    assert found == {
        ("Date", "4 April 2021"),
        ("Lender", "Kearney Bank"),
        ("Amount", "$2,500.00"),
        ("Borrower", "Grace Lee"),
    }


def test_entities_are_sorted_and_exact(loans: LearntProject) -> None:
    text = "😀 e\u0301t\r\n" + long_text()
    found = loans.entities(text)
    assert len(found) > 50
    assert all(text[one.offset : one.offset + one.length] == one.text for one in found)
    assert [one.offset for one in found] == sorted(one.offset for one in found)


def test_long_names_are_found_whole(loans: LearntProject) -> None:
    text = "The lender is Bank of Lynn & Co. The loan of $7,500.00 to Thomas O'Hara was signed on 17 June 2020."
    assert {"Thomas O'Hara", "$7,500.00", "17 June 2020"} <= {one.text for one in loans.entities(text)}
    assert any(one.text.startswith("Bank of Lynn & Co") for one in loans.entities(text))


def test_confidences_are_two_decimals(loans: LearntProject) -> None:
    scores = [one.confidence for one in loans.entities(long_text())]
    assert all(0 < score <= 1 and round(score, 2) == score for score in scores)
    assert len(set(scores)) > 1


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 6000), length=st.integers(1, 4000))
def test_slice_agrees_inside_its_edges(loans: LearntProject, start: int, length: int) -> None:
    text = long_text()
    start = min(start, len(text) - 1)
    end = min(start + length, len(text))
    first = start + REACH if start else 0
    last = end - REACH if end < len(text) else end
    of_slice = [one._replace(offset=one.offset + start) for one in loans.entities(text[start:end])]
    assert [one for one in of_slice if first <= one.offset < last] == [
        one for one in loans.entities(text) if first <= one.offset < last
    ]


def test_slice_of_endless_paragraph_agrees(loans: LearntProject) -> None:
    """Where no blank line ends the influence of what stands before."""
    text = " ".join(long_text(2).split())
    whole = loans.entities(text)
    assert len(whole) > 100
    for start in range(0, len(text) - 3000, 700):
        end = start + 3000
        of_slice = [one._replace(offset=one.offset + start) for one in loans.entities(text[start:end])]
        first, last = start + REACH if start else 0, end - REACH
        assert [one for one in of_slice if first <= one.offset < last] == [
            one for one in whole if first <= one.offset < last
        ]


def test_earlier_queries_change_no_answer(
    labels_files: dict[str, Path], model_cache: Path, loans: LearntProject
) -> None:
    path = labels_files["loans"]
    fresh = learn_project(path, path.parent, model_cache)
    assert fresh.entities(NEW_LETTER) == loans.entities(NEW_LETTER)
    assert fresh.entities(NEW_LETTER) == fresh.entities(NEW_LETTER)
    # The same letters, once cut out of a long word and once a word: remembered apart.
    word, cut_off = "Kearney", "Kearney" + "x" * 60
    assert fresh.entities(cut_off) == learn_project(path, path.parent, model_cache).entities(cut_off)
    assert fresh.entities(word) == learn_project(path, path.parent, model_cache).entities(word)


def test_query_cache_is_bounded(
    loans: LearntProject, labels_files: dict[str, Path], model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.language_service.model.MEMO_TEXTS", 3)
    monkeypatch.setattr("local.language_service.model.MEMO_SEQUENCES", 5)
    path = labels_files["loans"]
    project = learn_project(path, path.parent, model_cache)
    model = project._entities
    assert isinstance(model, EntityModel)
    for n in range(20):
        project.entities(f"Loan number {n}.\n\nOf Grace Lee.")
    assert len(model._texts) == 3
    assert len(model._sequences) == 5
    assert project.entities(NEW_LETTER) == loans.entities(NEW_LETTER)


def labels_with(*entities: EntityLabel, text: str) -> LabelsFile:
    return LabelsFile(ProjectKind.ENTITIES, "p", "en", ("A",), (LabelledDocument("a.txt", text, entities),))


def test_labels_that_change_are_reported(tmp_path: Path) -> None:
    """None is left out in silence: of five labels one is learnt as it is."""
    text = "Änna Bell 👩 s. And\n so on.\n\nShe left."
    labels = labels_with(
        EntityLabel("A", 1, 2),  # in a word
        EntityLabel("A", 3, 1),  # in the same word
        EntityLabel("A", 5, 4),  # Bell
        EntityLabel("A", 24, 8),  # on.\n\nShe
        text=text,
    )
    project = learn(labels, tmp_path)
    assert [str(one) for one in project.problems] == [
        "a.txt, offset 1: 'A' starts or ends inside a word; learnt as the whole word.",
        "a.txt, offset 3: 'A' stands in the same word as the label before it; left out.",
        "a.txt, offset 25: 'A' goes on past the end of a paragraph; left out.",
    ]


def test_labels_across_sentences_and_lines_are_learnt(tmp_path: Path) -> None:
    """In a paragraph of two thousand characters, too, where a long label ends where another one starts."""
    filler = "and so the money is paid back in parts as has been agreed between them; " * 14
    name, place = "Bell & Sons Ltd. Of Lynn", "1 Main Street\nSpringfield 62701"
    documents = []
    for n in range(12):
        text = f"Note {n}. {filler}It is owed by {name}, {place}. {filler}"
        start = text.index(name)
        spans = (EntityLabel("Name", start, len(name)), EntityLabel("Place", text.index(place), len(place)))
        documents.append(LabelledDocument(f"{n}.txt", text, spans))
    labels = LabelsFile(ProjectKind.ENTITIES, "p", "en", ("Name", "Place"), tuple(documents))
    project = learn(labels, tmp_path)
    assert project.problems == ()
    found = project.entities(documents[0].text.replace("Note 0", "Note 77"))
    assert [(one.category, one.text) for one in found] == [("Name", name), ("Place", place)]


def test_model_is_learnt_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = labels_with(EntityLabel("A", 0, 4), text="Anna pays.")
    assert not learn(labels, tmp_path).from_cache
    assert learn(labels, tmp_path).from_cache
    assert not learn(labels_with(EntityLabel("A", 0, 4), text="Anna paid."), tmp_path).from_cache
    assert not learn(labels_with(EntityLabel("A", 5, 4), text="Anna pays."), tmp_path).from_cache
    monkeypatch.setattr(projects_module, "_LEARNING_CODE", (projects_module,))
    assert not learn(labels, tmp_path).from_cache
    assert not list(tmp_path.glob("learning-*"))


def test_each_process_learns_same_model(labels_files: dict[str, Path], tmp_path: Path) -> None:
    """Though the order of sets differs from one to the next."""
    program = (
        "import sys; from pathlib import Path; from local.language_service.labels import load_labels; "
        "from local.language_service.model import train; labels = Path(sys.argv[1]); "
        "train(load_labels(labels, labels.parent).documents, Path(sys.argv[2]))"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", program, str(labels_files["loans"]), str(tmp_path / f"{seed}.crfsuite")]
        subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed})
    assert (tmp_path / "1.crfsuite").read_bytes() == (tmp_path / "2.crfsuite").read_bytes()


def test_only_models_of_japanese_know_scripts(tmp_path: Path) -> None:
    """One that has learnt a few words of it, if at all, would not know what to make of a long paragraph."""
    sentence = "山田カナは"
    filler = "and so on, " * 10
    for text, expected in ((sentence, True), (filler + sentence, False), (filler, False)):
        project = learn(labels_with(EntityLabel("A", 0, 2), text=text), tmp_path)
        assert isinstance(project._entities, EntityModel)
        assert project._entities._japanese is expected
    told, not_told = (features(list(tokens(sentence)), japanese=japanese) for japanese in (True, False))
    assert ["".join({"漢", "ァ", "ぁ"} & set(one)) for one in told] == ["漢", "漢", "ァ", "ァ", "ぁ"]
    assert all("a" in one for one in not_told)


def test_cached_model_reports_problems(tmp_path: Path) -> None:
    labels = labels_with(EntityLabel("A", 1, 3), EntityLabel("A", 5, 4), text="Anna pays.")
    first, second = learn(labels, tmp_path), learn(labels, tmp_path)
    assert second.from_cache
    assert first.problems == second.problems != ()


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_accepted(loans: LearntProject, text: str) -> None:
    text += "\0\ud83d"
    assert all(text[one.offset : one.offset + one.length] == one.text for one in loans.entities(text))
