"""Classify whole texts: a linear (maximum entropy) model over the words of a text, learnt from labelled documents.

A conditional random field over a sequence of one element is just that, so the same library serves.
"""

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt
from pathlib import Path

import pycrfsuite

from local.language_service.labels import LabelledDocument, ProjectKind

MEMO_TEXTS = 4_000
#: A class of a multi-label project is given to a text from this confidence on.
MULTI_LABEL_THRESHOLD = 0.5

_WORD = re.compile(r"[^\W\d_]{2,}")
_YES, _NO = "yes", "no"
_SINGLE_FILE = "classes.crfsuite"


def words(text: str) -> dict[str, float]:
    """Weigh the words and pairs of words of a text; the weights' squares add up to 1, so that length matters little."""
    found = [word.lower() for word in _WORD.findall(text)]
    counts = Counter(found)
    counts.update(f"{one} {two}" for one, two in pairwise(found))
    weights = {word: sqrt(count) for word, count in counts.items()}
    norm = sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    # The factor makes up for the small weights that regularisation would otherwise keep small.
    return {word: 4 * weight / norm for word, weight in weights.items()} | {"(bias)": 1.0}


def train(kind: ProjectKind, categories: Sequence[str], documents: Sequence[LabelledDocument], folder: Path) -> None:
    """Learn from labelled documents; writes one model for a single-label project, else one model per class."""
    folder.mkdir(parents=True, exist_ok=True)
    described = [(words(document.text), document.classes) for document in documents]
    if kind is ProjectKind.SINGLE_LABEL:
        labelled = [(features, classes[0]) for features, classes in described if classes]
        _train_one(labelled, folder / _SINGLE_FILE)
        return
    for n, category in enumerate(categories):
        labelled = [(features, _YES if category in classes else _NO) for features, classes in described]
        _train_one(labelled, folder / f"class-{n}.crfsuite")


def _train_one(labelled: Iterable[tuple[dict[str, float], str]], path: Path) -> None:
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params({"c1": 0.0, "c2": 0.05, "max_iterations": 100})
    for features, label in labelled:
        trainer.append(pycrfsuite.ItemSequence([features]), [label])
    trainer.train(str(path))


class ClassModel:
    """A learnt classifier; ``classes`` may be called from several threads."""

    def __init__(self, kind: ProjectKind, categories: Sequence[str], folder: Path) -> None:
        self._kind = kind
        self._categories = tuple(categories)
        self._lock = threading.Lock()
        self._memo: OrderedDict[str, tuple[tuple[str, float], ...]] = OrderedDict()
        if kind is ProjectKind.SINGLE_LABEL:
            self._taggers = [_opened(folder / _SINGLE_FILE)]
        else:
            self._taggers = [_opened(folder / f"class-{n}.crfsuite") for n in range(len(categories))]

    def classes(self, text: str) -> tuple[tuple[str, float], ...]:
        """Give a text's class (single label) or classes (multi label, maybe none), each with its confidence."""
        with self._lock:
            known = self._memo.get(text)
            if known is None:
                known = self._memo[text] = self._classified(text)
                if len(self._memo) > MEMO_TEXTS:
                    self._memo.popitem(last=False)
            return known

    def _classified(self, text: str) -> tuple[tuple[str, float], ...]:
        item = pycrfsuite.ItemSequence([words(text)])
        if self._kind is ProjectKind.SINGLE_LABEL:
            tagger = self._taggers[0]
            best = tagger.tag(item)[0]
            return ((best, round(tagger.marginal(best, 0), 2)),)
        scored = []
        for category, tagger in zip(self._categories, self._taggers, strict=True):
            tagger.set(item)
            confidence = tagger.marginal(_YES, 0) if _YES in tagger.labels() else 0.0
            if confidence >= MULTI_LABEL_THRESHOLD:
                scored.append((category, round(confidence, 2)))
        return tuple(sorted(scored, key=lambda pair: -pair[1]))


def _opened(path: Path) -> pycrfsuite.Tagger:
    tagger = pycrfsuite.Tagger()
    tagger.open(str(path))
    return tagger
