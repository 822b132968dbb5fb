"""Cut a text into the sequences that the entity model looks at: paragraphs, whole, however long they are.

A text is cut at blank lines and at very wide gaps, and nowhere else, so that a label is lost only if it goes on past
one of these (``model.train`` counts and names such labels). Sentences are told apart within a sequence: what a word's
neighbours are is looked up in its own sentence (``features``), while the order of tags is decided over all of it.

The cuts are local: whether there is one depends on the white space alone. What the model says about a character
depends on its sentence, on what is named within ``features.TERM_TOKENS`` behind it, and, more weakly with every word
between, on the rest of the paragraph. Farther away than ``REACH`` characters the influence has faded: whoever splits a
long document with that much overlap gets, entity for entity, what the whole document would have given.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

#: A run of as many letters (or digits) is no word: each of its characters becomes a token.
LONG_RUN = 24
#: White space of as many characters is a cut.
WIDE_GAP = 12
#: A run of capitalised words, numbers and signs on one line that is longer than this, in characters, is no text.
LONGEST_NAMES = 400
#: What is found at a place does not change with characters farther away than this.
REACH = 450

# Thai to Lao, Myanmar, Khmer, kana, Han: scripts written without spaces, where each character becomes a token.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# Combining marks of the scripts most likely to appear decomposed; a mark left out only becomes a token of its own.
_MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:[^\W\d_{_UNSPACED}][{_MARKS}]*)+|\d+|[^\w\s]|_|\w")
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\u0085\u2028\u2029]")

_CLOSING = frozenset("\"'”’»)]")
_SENTENCE_MARKS = frozenset(".!?…")
_FULL_WIDTH_MARKS = frozenset("。！？｡।")


class Token(NamedTuple):
    """A word, a number or a single other character; offsets are code points from the start of the text."""

    text: str
    start: int
    end: int
    #: White space before the token: "" (none), " " (on the same line), "\t" (a tab or a wide gap), "\n" (a line end),
    #: or "\n\n" where the text is cut.
    gap: str


def sequences(text: str) -> Iterator[list[Token]]:
    """Yield the token sequences of ``text`` in order; together they hold each of its tokens once."""
    pending: list[Token] = []
    for token in tokens(text):
        if pending and token.gap == "\n\n":
            yield from _without_long_runs(pending)
            pending = []
        pending.append(token)
    if pending:
        yield from _without_long_runs(pending)


def _without_long_runs(paragraph: list[Token]) -> Iterator[list[Token]]:
    """Let runs of names that are longer than any name fall apart into single tokens.

    Only texts made to be so have them. Nothing in such a run says where an entity ends, so what is found at one place
    would depend on everything before.
    """
    first = run = 0
    for place, token in enumerate([*paragraph, None]):
        is_one = token is not None and (token.text[0].isupper() or not token.text[0].isalpha())
        if is_one and token is not None and token.gap != "\n":
            continue
        if place > run and paragraph[place - 1].end - paragraph[run].start > LONGEST_NAMES:
            if run > first:
                yield paragraph[first:run]
            for one in paragraph[run:place]:
                yield [one]
            first = place
        run = place if is_one else place + 1
    if first < len(paragraph):
        yield paragraph[first:]


def sentences(sequence: list[Token]) -> Iterator[list[Token]]:
    """Yield the sentences of a sequence in order."""
    start = 0
    for place in range(1, len(sequence)):
        if ends_sentence(sequence, start, place):
            yield sequence[start:place]
            start = place
    if sequence:
        yield sequence[start:]


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of ``text``."""
    end = 0
    for match in _TOKEN.finditer(text):
        start, gap = match.start(), ""
        if start > end:
            gap = _gap(text[end:start])
        end = match.end()
        if end - start < LONG_RUN:
            yield Token(match.group(), start, end, gap)
        else:
            for i in range(start, end):
                yield Token(text[i], i, i + 1, gap)
                gap = ""


def _gap(space: str) -> str:
    if space == " ":
        return space
    if len(space) >= WIDE_GAP:
        return "\n\n"
    line_ends = len(_LINE_END.findall(space))
    if line_ends:
        return "\n" if line_ends == 1 else "\n\n"
    return "\t" if "\t" in space or len(space) >= 3 else " "


def ends_sentence(sequence: list[Token], start: int, place: int) -> bool:
    """Decide whether a sentence that began at the token ``start`` ends before the token ``place``.

    A full stop after a capitalised word (Inc., Dr., St.) is no sure end.
    """
    last, token = place - 1, sequence[place]
    mark = sequence[last].text
    if mark in _FULL_WIDTH_MARKS:
        return True
    if not token.gap or (mark not in _SENTENCE_MARKS and mark not in _CLOSING) or token.text[0].islower():
        return False
    if last > start and mark in _CLOSING:
        last -= 1
        mark = sequence[last].text
    if mark not in _SENTENCE_MARKS:
        return False
    if mark != ".":
        return True
    word = sequence[last - 1].text if last > start else ""
    if not word or word.isdecimal():
        return bool(word)
    return (len(word) > 2 and not word[0].isupper()) or word in _CLOSING or word == "%"
