"""Find entities: a conditional random field over the paragraphs of a text, learnt from labelled documents.

Three things let it learn from few documents. Every paragraph with a label is learnt more than once: as it is, with all
its rare words hidden, and with its entities exchanged for others of the same category from elsewhere in the labels and
a few rare words hidden: a name is not known by the sentence it stood in, nor a sentence by its name, nor either by any
one word.
"""

import random
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, TypeVar

import pycrfsuite

from local.language_service.features import features, script_of
from local.language_service.labels import EntityLabel, LabelledDocument, Problem
from local.language_service.segments import Token, sequences
from local.stand_in.text_units import UTF16_UNITS, offsets_in

#: How many texts' and sequences' answers are remembered; the least recently used are forgotten first.
MEMO_TEXTS = 4_000
MEMO_SEQUENCES = 100_000

#: Capitalised words that occur less often in the labelled documents are rare: hidden in some of what is learnt.
RARE_BELOW = 8
#: The chance of a rare word to be hidden in a copy with exchanged entities.
HIDDEN_IN_COPIES = 0.2

#: From this part of a model's words on that are hiragana, katakana or Han, it is told which of them a word is. A model
#: that has seen few of them would know nothing of a long Chinese paragraph, and could take all of it for one entity.
JAPANESE_FROM = 0.25

#: Paragraphs with labels are learnt with exchanged entities at most so many times, and until so many tokens are there:
#: few documents are repeated more often than many, so that learning takes about as long.
MAX_COPIES = 16
COPIED_TOKENS = 40_000

#: A model of n labels is as right as n / (n + this) of what it says of itself: measured on the samples, with 5 to 52
#: documents (tests/benchmarks/entity_model.py prints the table).
DOUBT_LABELS = 5

_OUTSIDE = "O"

_K = TypeVar("_K")
_V = TypeVar("_V")


class Entity(NamedTuple):
    """One entity found; offset and length count code points of the text."""

    category: str
    offset: int
    length: int
    confidence: float
    text: str


class _Span(NamedTuple):
    """An entity within a sequence: categories and confidence for the tokens from ``first`` to before ``end``."""

    category: str
    first: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A sequence with its tags: B- at an entity's start, I- inside, O outside."""

    sequence: list[Token]
    tags: list[str]

    @property
    def has_labels(self) -> bool:
        return any(tag != _OUTSIDE for tag in self.tags)


def train(documents: Iterable[LabelledDocument], model_file: Path) -> tuple[Problem, ...]:
    """Learn from labelled documents and write the model to ``model_file``.

    Gives a problem for each label that could not be learnt as it is: none is left out in silence.
    """
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params({"c1": 0.0, "c2": 0.1, "max_iterations": 60, "feature.possible_transitions": True})
    problems: list[Problem] = []
    tagged = [one for document in documents for one in _tagged(document, problems)]
    rare, japanese = _rare_words(tagged), _is_japanese(tagged)

    def learn(one: _Tagged, hidden: Collection[str] = ()) -> None:
        trainer.append(pycrfsuite.ItemSequence(features(one.sequence, hidden, japanese=japanese)), one.tags)

    for one in tagged:
        learn(one)
    labelled = [one for one in tagged if one.has_labels]
    # Names to be found are mostly names never seen.
    for one in labelled:
        learn(one, rare)
    draw = random.Random(1)
    for one in _with_exchanged_entities(labelled):
        learn(one, _some(rare.intersection(token.text for token in one.sequence), draw))
    trainer.train(str(model_file))
    count = sum(1 for one in labelled for _ in _entities_of(one.tags))
    _facts_file(model_file).write_text(f"{count} {int(japanese)}", encoding="ascii")
    return tuple(problems)


def _facts_file(model_file: Path) -> Path:
    """Name the file that says from how many labels a model was learnt, and whether it was told the scripts (1 or 0)."""
    return model_file.with_suffix(".labels")


def _rare_words(tagged: Iterable[_Tagged]) -> frozenset[str]:
    counts = Counter(token.text for one in tagged for token in one.sequence)
    return frozenset(word for word, count in counts.items() if count < RARE_BELOW and word[0].isupper())


def _is_japanese(tagged: Iterable[_Tagged]) -> bool:
    words = [bool(script_of(token.text)) for one in tagged for token in one.sequence]
    return sum(words) >= JAPANESE_FROM * max(len(words), 1)


def _some(words: Iterable[str], draw: random.Random) -> frozenset[str]:
    # In order, because that of a set changes from process to process.
    return frozenset(word for word in sorted(words) if draw.random() < HIDDEN_IN_COPIES)


def _with_exchanged_entities(labelled: Sequence[_Tagged]) -> Iterable[_Tagged]:
    """Yield copies of sequences in which each entity is another one of its category, drawn always the same way."""
    pool: dict[str, list[list[Token]]] = {}
    for one in labelled:
        for category, first, end in _entities_of(one.tags):
            pool.setdefault(category, []).append(one.sequence[first:end])
    draw = random.Random(0)
    left = COPIED_TOKENS
    for n, one in enumerate(cycle(labelled)):
        left -= len(one.sequence)
        if left < 0 or n >= MAX_COPIES * len(labelled):
            return
        sequence, tags, place = [], [], 0
        for category, first, end in _entities_of(one.tags):
            sequence += one.sequence[place:first]
            tags += one.tags[place:first]
            start, *rest = draw.choice(pool[category])
            sequence += [start._replace(gap=one.sequence[first].gap), *rest]
            tags += [f"B-{category}", *([f"I-{category}"] * len(rest))]
            place = end
        yield _Tagged(sequence + one.sequence[place:], tags + one.tags[place:])


def _entities_of(tags: Sequence[str]) -> Iterable[tuple[str, int, int]]:
    """Yield category, first token and the token behind the last of each entity."""
    place = 0
    while place < len(tags):
        first, category = place, tags[place][2:]
        place += 1
        if category:
            while place < len(tags) and tags[place] == f"I-{category}":
                place += 1
            yield category, first, place


def _tagged(document: LabelledDocument, problems: list[Problem]) -> Iterable[_Tagged]:
    """Yield each sequence with its tags.

    A label that starts or ends inside a word is learnt as the whole words; one that goes on past the end of a paragraph
    can not be learnt. Both are added to ``problems``.
    """
    to_utf16 = offsets_in(document.text, UTF16_UNITS)

    told: list[tuple[int, str, str]] = []

    def tell(label: EntityLabel, reason: str, done: str) -> None:
        told.append((to_utf16(label.offset), f"'{label.category}' {reason}", done))

    labels = list(document.entities)
    for sequence in sequences(document.text):
        start, end = sequence[0].start, sequence[-1].end
        here = [label for label in labels if label.offset < end]
        labels = labels[len(here) :]
        usable = []
        for label in here:
            if label.end > end or label.offset < start:
                tell(label, "goes on past the end of a paragraph", "left out")
            else:
                usable.append(label)
        tags, covered = _tags(sequence, usable)
        for label in usable:
            if label.offset not in covered:
                tell(label, "stands in the same word as the label before it", "left out")
            elif covered[label.offset] != (label.offset, label.end):
                tell(label, "starts or ends inside a word", "learnt as the whole word")
        yield _Tagged(sequence, tags)
    for label in labels:
        tell(label, "has no words", "left out")
    problems.extend(Problem(document.location, *one) for one in sorted(told))


def _tags(sequence: Sequence[Token], labels: Sequence[EntityLabel]) -> tuple[list[str], dict[int, tuple[int, int]]]:
    """Give the tags of a sequence, and by each label's offset where the words that stand for it start and end.

    Labels are sorted and do not overlap; a word belongs to the first label that has one of its characters.
    """
    tags = [_OUTSIDE] * len(sequence)
    covered: dict[int, tuple[int, int]] = {}
    waiting = list(reversed(labels))
    for n, token in enumerate(sequence):
        while waiting and waiting[-1].end <= token.start:
            waiting.pop()
        if waiting and waiting[-1].offset < token.end:
            label = waiting[-1]
            first, _ = covered.get(label.offset, (token.start, 0))
            tags[n] = f"{'I' if label.offset in covered else 'B'}-{label.category}"
            covered[label.offset] = (first, token.end)
    return tags, covered


class EntityModel:
    """A learnt model; ``entities`` may be called from several threads."""

    def __init__(self, model_file: Path) -> None:
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(model_file))
        count, japanese = map(int, _facts_file(model_file).read_text(encoding="ascii").split())
        self._japanese = bool(japanese)
        self._trust = count / (count + DOUBT_LABELS)
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, tuple[Entity, ...]] = OrderedDict()
        self._sequences: OrderedDict[tuple[str, int, int], tuple[_Span, ...]] = OrderedDict()

    def entities(self, text: str) -> tuple[Entity, ...]:
        """Find the entities of ``text``, sorted by offset.

        What is found at a place does not change with characters farther away than ``segments.REACH``.
        """
        with self._lock:
            known = self._texts.get(text)
            if known is not None:
                self._texts.move_to_end(text)
                return known
            found = tuple(entity for sequence in sequences(text) for entity in self._in_sequence(text, sequence))
            _remember(self._texts, text, found, MEMO_TEXTS)
            return found

    def _in_sequence(self, text: str, sequence: list[Token]) -> Iterable[Entity]:
        start, end = sequence[0].start, sequence[-1].end
        # Letters of one kind share most of their sentences. The same characters are the same tokens, unless a part of
        # a very long word was cut off into single characters: then the first token or their number differs.
        key = (text[start:end], len(sequence), sequence[0].end - start)
        spans = self._sequences.get(key)
        if spans is None:
            spans = tuple(self._spans(sequence))
            _remember(self._sequences, key, spans, MEMO_SEQUENCES)
        else:
            self._sequences.move_to_end(key)
        for category, first, after, confidence in spans:
            offset = sequence[first].start
            stop = sequence[after - 1].end
            yield Entity(category, offset, stop - offset, confidence, text[offset:stop])

    def _spans(self, sequence: list[Token]) -> Iterable[_Span]:
        tags = self._tagger.tag(pycrfsuite.ItemSequence(features(sequence, japanese=self._japanese)))
        for category, first, end in _entities_of(tags):
            # The whole is as sure as its least sure word.
            confidence = self._trust * min(self._tagger.marginal(tags[place], place) for place in range(first, end))
            yield _Span(category, first, end, max(0.01, round(confidence, 2)))


def _remember(memo: OrderedDict[_K, _V], key: _K, value: _V, limit: int) -> None:
    memo[key] = value
    if len(memo) > limit:
        memo.popitem(last=False)
