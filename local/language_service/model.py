"""Find entities: a conditional random field over the sequences of a text, learnt from labelled documents."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import pycrfsuite

from local.language_service.features import features
from local.language_service.labels import EntityLabel, LabelledDocument, Problem
from local.language_service.segments import Token, sequences
from local.stand_in.text_units import UTF16_UNITS, offsets_in

#: How many texts' and sequences' answers are remembered; the least recently used are forgotten first.
MEMO_TEXTS = 4_000
MEMO_SEQUENCES = 100_000

#: Capitalised words that occur less often in the labelled documents are hidden once while the model learns.
RARE_BELOW = 8

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


def train(documents: Iterable[LabelledDocument], model_file: Path) -> tuple[Problem, ...]:
    """Learn from labelled documents and write the model to ``model_file``; give the labels that had to be left out."""
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params({"c1": 0.0, "c2": 0.1, "max_iterations": 60, "feature.possible_transitions": True})
    problems: list[Problem] = []
    tagged = [pair for document in documents for pair in _tagged(document, problems)]
    rare = _rare_words(sequence for sequence, _ in tagged)
    for sequence, tags in tagged:
        trainer.append(pycrfsuite.ItemSequence(features(sequence)), tags)
        if any(tag != _OUTSIDE for tag in tags):
            # Learnt a second time with its rare words hidden: names to be found are mostly names never seen.
            trainer.append(pycrfsuite.ItemSequence(features(sequence, rare)), tags)
    trainer.train(str(model_file))
    return tuple(problems)


def _rare_words(all_sequences: Iterable[Sequence[Token]]) -> frozenset[str]:
    counts = Counter(token.text for sequence in all_sequences for token in sequence)
    return frozenset(word for word, count in counts.items() if count < RARE_BELOW and word[0].isupper())


def _tagged(document: LabelledDocument, problems: list[Problem]) -> Iterable[tuple[list[Token], list[str]]]:
    """Yield each sequence with its tags (B- at an entity's start, I- inside, O outside).

    A label that starts or ends inside a word, or lies across a cut, cannot be learnt; it is added to ``problems``.
    """
    whole = list(sequences(document.text))
    starts = {token.start: n for n, sequence in enumerate(whole) for token in sequence}
    ends = {token.end: n for n, sequence in enumerate(whole) for token in sequence}
    to_utf16 = offsets_in(document.text, UTF16_UNITS)
    usable = []
    for label in document.entities:
        if label.offset not in starts or label.end not in ends:
            reason = "starts or ends inside a word"
        elif starts[label.offset] != ends[label.end]:
            reason = "goes on past the end of a sentence, a paragraph or a very long line"
        else:
            usable.append(label)
            continue
        problems.append(Problem(document.location, to_utf16(label.offset), f"'{label.category}' {reason}"))
    for sequence in whole:
        yield sequence, _tags(sequence, usable)


def _tags(sequence: Sequence[Token], labels: Sequence[EntityLabel]) -> list[str]:
    tags = []
    for token in sequence:
        label = next((one for one in labels if one.offset <= token.start < one.end), None)
        if label is None:
            tags.append(_OUTSIDE)
        else:
            tags.append(f"{'B' if token.start == label.offset else 'I'}-{label.category}")
    return tags


class EntityModel:
    """A learnt model; ``entities`` may be called from several threads."""

    def __init__(self, model_file: Path) -> None:
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(model_file))
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, tuple[Entity, ...]] = OrderedDict()
        self._sequences: OrderedDict[tuple[str, int, int], tuple[_Span, ...]] = OrderedDict()

    def entities(self, text: str) -> tuple[Entity, ...]:
        """Find the entities of ``text``, sorted by offset.

        What is found at a place depends on no character farther away than ``segments.REACH``.
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
        tags = self._tagger.tag(pycrfsuite.ItemSequence(features(sequence)))
        i = 0
        while i < len(tags):
            if tags[i] == _OUTSIDE:
                i += 1
                continue
            first, category = i, tags[i][2:]
            i += 1
            while i < len(tags) and tags[i] == f"I-{category}":
                i += 1
            # The whole is as sure as its least sure word.
            confidence = min(self._tagger.marginal(tags[j], j) for j in range(first, i))
            yield _Span(category, first, i, max(0.01, round(confidence, 2)))


def _remember(memo: OrderedDict[_K, _V], key: _K, value: _V, limit: int) -> None:
    memo[key] = value
    if len(memo) > limit:
        memo.popitem(last=False)
