"""Say what a labels file is worth: precision, recall and F1 per category on documents that were held out.

With k folds, each document is held out once: the model learns from the other folds and is asked about it. An entity
counts as found only with exactly the labelled place, length and category.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.language_service.labels import LabelledDocument, LabelsFile, ProjectKind
from local.language_service.projects import learn


@dataclass(slots=True)
class Scores:
    """Counts of one category: found and right, found but wrong, labelled but not found."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The part of what was found that is right; 0 if nothing was found."""
        return _ratio(self.right, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The part of what was labelled that was found; 0 if nothing was labelled."""
        return _ratio(self.right, self.right + self.missed)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _ratio(2 * self.right, 2 * self.right + self.wrong + self.missed)


@dataclass(slots=True)
class Evaluation:
    """Scores per category over all held-out documents."""

    folds: int
    documents: int
    categories: dict[str, Scores] = field(default_factory=dict)

    @property
    def overall(self) -> Scores:
        """The sum over all categories (micro average)."""
        total = Scores()
        for scores in self.categories.values():
            total.right += scores.right
            total.wrong += scores.wrong
            total.missed += scores.missed
        return total

    def table(self) -> str:
        """Write the scores as lines of text."""
        width = max(len(name) for name in [*self.categories, "All categories"])
        lines = [f"{'':{width}}  precision  recall      F1  labels"]
        for name, scores in [*self.categories.items(), ("All categories", self.overall)]:
            lines.append(
                f"{name:{width}}  {scores.precision:9.3f}  {scores.recall:6.3f}  {scores.f1:6.3f}  "
                f"{scores.right + scores.missed:6d}"
            )
        lines.append(f"{self.documents} documents, {self.folds} folds; each document was held out once.")
        return "\n".join(lines)


def cross_validate(labels: LabelsFile, folds: int) -> Evaluation:
    """Hold out each of ``folds`` parts of the documents in turn.

    Raises ``ValueError`` if there are fewer documents than folds, or fewer than two folds.
    """
    if not 2 <= folds <= len(labels.documents):
        raise ValueError(
            f"{folds} folds of {len(labels.documents)} documents cannot be held out in turn; "
            f"take 2 to {len(labels.documents)} folds."
        )
    evaluation = Evaluation(folds, len(labels.documents), {name: Scores() for name in sorted(labels.categories)})
    with tempfile.TemporaryDirectory() as folder:
        for fold in range(folds):
            kept = tuple(one for n, one in enumerate(labels.documents) if n % folds != fold)
            held_out = labels.documents[fold::folds]
            _score(replace(labels, documents=kept, problems=()), held_out, Path(folder), evaluation)
    return evaluation


def _score(labels: LabelsFile, held_out: Sequence[LabelledDocument], folder: Path, evaluation: Evaluation) -> None:
    project = learn(labels, folder)
    for document in held_out:
        if labels.kind is ProjectKind.ENTITIES:
            found = [(one.category, (one.offset, one.length)) for one in project.entities(document.text)]
            labelled = [(one.category, (one.offset, one.length)) for one in document.entities]
        else:
            found = [(category, (0, 0)) for category, _ in project.classes(document.text)]
            labelled = [(category, (0, 0)) for category in document.classes]
        compare(found, labelled, evaluation.categories)


def compare(
    found: Iterable[tuple[str, tuple[int, int]]],
    labelled: Iterable[tuple[str, tuple[int, int]]],
    scores: dict[str, Scores],
) -> None:
    """Add one document's findings (category and place) to the scores."""
    found_count, labelled_count = Counter(found), Counter(labelled)
    for (category, _), count in (found_count & labelled_count).items():
        scores[category].right += count
    for (category, _), count in (found_count - labelled_count).items():
        scores[category].wrong += count
    for (category, _), count in (labelled_count - found_count).items():
        scores[category].missed += count


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
